/* sim_stream.c - bytes, ends and resets between two connected simulated sockets.
 *
 * The bytes of a direction stand in the receiver's buffer from the moment they are sent, bounded
 * by the smaller of the sender's SO_SNDBUF and the receiver's SO_RCVBUF. Memory for it grows as
 * it is needed and stays until the socket is closed.
 *
 * What ends a connection follows Linux:
 *   - AF_INET: an END (FIN) ends the bytes; sending on is still possible, also after the peer has
 *     closed, but then answered by a reset: the next send says -EPIPE. A reset is told once, as
 *     -ECONNRESET; after it receive gives 0 and send -EPIPE. What had arrived before the reset
 *     can still be received. Closing with unread bytes sends a reset instead of an END.
 *   - AF_UNIX: as above, except that the sender knows at once that the peer is gone: -EPIPE.
 *
 * Invariants: `peer` is mutual or NULL on both sides; in.arrived <= in.count; in.count - in.arrived
 * is the sum of the DATA packets under way.
 */
#include "base/memory.h"
#include "sys/sim.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { FIRST_CAPACITY = 4096 };

int coil__sim_take_error(struct coil__sim_socket *socket)
{
    int error = socket->error;

    socket->error = 0;
    return -error;
}

/* Makes room for `size` more bytes behind the ones that are there. */
static int reserve(struct coil__sim_buffer *buffer, size_t size)
{
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    char *data;

    if (buffer->head > 0 && buffer->head + buffer->count + size > buffer->capacity) {
        memmove(buffer->data, buffer->data + buffer->head, buffer->count);
        buffer->head = 0;
    }
    if (buffer->head + buffer->count + size <= buffer->capacity) {
        return 0;
    }
    while (capacity < buffer->count + size) {
        capacity *= 2;
    }
    data = coil__realloc_array(buffer->data, capacity, 1);
    if (!data) {
        return -ENOMEM;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

static size_t total_of(const struct iovec *iov, size_t count)
{
    size_t total = 0;

    for (size_t i = 0; i < count; i++) {
        total += iov[i].iov_len < SSIZE_MAX - total ? iov[i].iov_len : SSIZE_MAX - total;
    }
    return total;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many of `size` bytes are moved. */
static size_t draw_part(struct coil__sim *sim, size_t size)
{
    if (size > 1 &&
        coil__sim_happens(sim, sim->faults.short_transfers, &sim->counts.short_transfers)) {
        return 1 + (size_t)coil__sim_random_below(&sim->chance, size - 1);
    }
    return size;
}

static void append(struct coil__sim_buffer *buffer, const struct iovec *iov, size_t size)
{
    char *to = buffer->data + buffer->head + buffer->count;

    buffer->count += size;
    for (; size > 0; iov++) {
        size_t part = smaller(iov->iov_len, size);

        if (part > 0) {
            memcpy(to, iov->iov_base, part);
        }
        to += part;
        size -= part;
    }
}

static void copy_out(const struct coil__sim_buffer *buffer, const struct iovec *iov, size_t size)
{
    const char *from = buffer->data + buffer->head;

    for (; size > 0; iov++) {
        size_t part = smaller(iov->iov_len, size);

        if (part > 0) {
            memcpy(iov->iov_base, from, part);
        }
        from += part;
        size -= part;
    }
}

static void consume(struct coil__sim_buffer *buffer, size_t size)
{
    buffer->count -= size;
    buffer->arrived -= size;
    buffer->head = buffer->count > 0 ? buffer->head + size : 0;
}

/* Room for bytes to the peer. */
static size_t room_of(const struct coil__sim_socket *socket, size_t *ret_limit)
{
    size_t limit = smaller(socket->send_limit, socket->peer->receive_limit);
    size_t count = socket->peer->in.count;

    *ret_limit = limit;
    return count < limit ? limit - count : 0;
}

/* The connection breaks at both ends, as when the network or the peer's machine failed. */
static ssize_t break_connection(struct coil__sim *sim, struct coil__sim_socket *socket)
{
    struct coil__sim_socket *peer = socket->peer;

    coil__sim_packets_drop(sim, socket);
    socket->in.head = 0;
    socket->in.count = 0;
    socket->in.arrived = 0;
    socket->peer = NULL;
    socket->state = COIL__SIM_RESET;
    if (peer) {
        peer->peer = NULL;
        coil__sim_packet_send(sim, peer, COIL__SIM_RST, 0, 1);
    }
    coil__sim_touch(sim, socket);
    return -ECONNRESET;
}

/* 0 when there is a connection that can be sent on. */
static int check_send(struct coil__sim_socket *socket, int flags)
{
    bool is_unix = socket->domain == AF_UNIX;

    if (flags & MSG_OOB) {
        return -EOPNOTSUPP;
    }
    if (socket->state == COIL__SIM_CONNECTING) {
        return -EAGAIN;
    }
    if (is_unix && socket->state != COIL__SIM_CONNECTED && socket->state != COIL__SIM_RESET) {
        return -ENOTCONN;
    }
    if (socket->error && !is_unix) {
        return coil__sim_take_error(socket);
    }
    return socket->state == COIL__SIM_CONNECTED && !socket->is_shut ? 0 : -EPIPE;
}

static ssize_t send_to_peer(struct coil__sim *sim, struct coil__sim_socket *socket,
                            const struct iovec *iov, size_t total)
{
    struct coil__sim_socket *peer = socket->peer;
    size_t limit;
    size_t room = room_of(socket, &limit);
    size_t size;
    int rc;

    if (room == 0) {
        return -EAGAIN;
    }
    size = draw_part(sim, smaller(total, room));
    rc = reserve(&peer->in, size);
    if (rc < 0) {
        return rc;
    }
    append(&peer->in, iov, size);
    rc = coil__sim_packet_send(sim, peer, COIL__SIM_DATA, size, 1);
    if (rc < 0) {
        peer->in.count -= size;
        return rc;
    }
    return (ssize_t)size;
}

ssize_t coil__sim_send(struct coil__sim *sim, struct coil__sim_socket *socket,
                       const struct iovec *iov, size_t count, int flags)
{
    size_t total = total_of(iov, count);
    int rc = check_send(socket, flags);

    if (rc < 0) {
        return rc;
    }
    if (total == 0) {
        return 0;
    }
    if (coil__sim_happens(sim, sim->faults.resets, &sim->counts.resets)) {
        return break_connection(sim, socket);
    }
    if (socket->peer) {
        return send_to_peer(sim, socket, iov, total);
    }
    /* Nobody is there any more: the bytes are lost, and a reset comes back. */
    total = smaller(total, socket->send_limit);
    coil__sim_packet_send(sim, socket, COIL__SIM_RST, 0, 2);
    return (ssize_t)total;
}

/* What receive says when no byte has arrived. */
static ssize_t receive_nothing(struct coil__sim_socket *socket)
{
    if (socket->in.count > 0) {
        return -EAGAIN; /* bytes are under way: an end that is here already comes after them */
    }
    if (socket->has_end) {
        return 0;
    }
    if (socket->error) {
        return coil__sim_take_error(socket);
    }
    return socket->state == COIL__SIM_RESET ? 0 : -EAGAIN;
}

/* 0 when there is a connection that can be received from. */
static int check_recv(struct coil__sim_socket *socket, int flags)
{
    if (flags & MSG_ERRQUEUE || socket->state == COIL__SIM_CONNECTING) {
        return -EAGAIN;
    }
    if (socket->state == COIL__SIM_CONNECTED || socket->state == COIL__SIM_RESET) {
        return flags & MSG_OOB ? -EINVAL : 0;
    }
    if (socket->error) {
        return coil__sim_take_error(socket);
    }
    return socket->domain == AF_UNIX ? -EINVAL : -ENOTCONN;
}

ssize_t coil__sim_recv(struct coil__sim *sim, struct coil__sim_socket *socket,
                       const struct iovec *iov, size_t count, int flags)
{
    size_t total = total_of(iov, count);
    size_t size;
    int rc = check_recv(socket, flags);

    if (rc < 0) {
        return rc;
    }
    if (total == 0) {
        return 0;
    }
    if (socket->in.arrived == 0) {
        return receive_nothing(socket);
    }
    if (socket->state == COIL__SIM_CONNECTED &&
        coil__sim_happens(sim, sim->faults.resets, &sim->counts.resets)) {
        return break_connection(sim, socket);
    }
    size = draw_part(sim, smaller(total, socket->in.arrived));
    if (!(flags & MSG_TRUNC)) { /* on TCP that flag throws the bytes away */
        copy_out(&socket->in, iov, size);
    }
    if (!(flags & MSG_PEEK)) {
        consume(&socket->in, size);
        if (socket->peer) {
            coil__sim_touch(sim, socket->peer);
        }
    }
    return (ssize_t)size;
}

static int connected_events(const struct coil__sim_socket *socket)
{
    bool is_reset = socket->state == COIL__SIM_RESET;
    bool no_more_in = is_reset || (socket->has_end && socket->in.count == socket->in.arrived);
    bool no_more_out = is_reset || socket->is_shut;
    int events = socket->error ? POLLERR : 0;
    size_t limit;

    if (socket->in.arrived > 0 || no_more_in) {
        events |= POLLIN | POLLRDNORM;
    }
    if (no_more_in) {
        events |= POLLRDHUP;
    }
    if (no_more_in && no_more_out) {
        events |= POLLHUP;
    }
    /* As in Linux, a buffer counts as writable again when a third of it is free. */
    if (no_more_out || !socket->peer || room_of(socket, &limit) * 3 >= limit) {
        events |= POLLOUT | POLLWRNORM;
    }
    return events;
}

int coil__sim_events(const struct coil__sim_socket *socket)
{
    int events;

    switch (socket->state) {
    case COIL__SIM_CONNECTING:
        return 0;
    case COIL__SIM_LISTENING:
        return coil__list_is_empty(&socket->backlog) ? 0 : POLLIN | POLLRDNORM;
    case COIL__SIM_UNCONNECTED:
        events = POLLOUT | POLLWRNORM | POLLHUP;
        return socket->error ? events | POLLERR | POLLIN | POLLRDNORM | POLLRDHUP : events;
    default:
        return connected_events(socket);
    }
}

static void shut_writing(struct coil__sim *sim, struct coil__sim_socket *socket)
{
    if (!socket->is_shut) {
        socket->is_shut = true;
        if (socket->peer) {
            coil__sim_packet_send(sim, socket->peer, COIL__SIM_END, 0, 1);
        }
    }
}

static void shut_reading(struct coil__sim *sim, struct coil__sim_socket *socket)
{
    socket->has_end = true;
    if (socket->domain == AF_UNIX && socket->peer) {
        socket->peer->is_shut = true;
        coil__sim_touch(sim, socket->peer);
    }
}

int coil__sim_shutdown(struct coil__sim *sim, struct coil__sim_socket *socket, int how)
{
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
        return -EINVAL;
    }
    if (socket->state == COIL__SIM_LISTENING) {
        if (how != SHUT_WR) {
            coil__sim_unlisten(sim, socket);
        }
    } else if (socket->state != COIL__SIM_CONNECTED) {
        return -ENOTCONN;
    } else {
        if (how != SHUT_RD) {
            shut_writing(sim, socket);
        }
        if (how != SHUT_WR) {
            shut_reading(sim, socket);
        }
    }
    coil__sim_touch(sim, socket);
    return 0;
}

void coil__sim_disconnect(struct coil__sim *sim, struct coil__sim_socket *socket)
{
    struct coil__sim_socket *peer = socket->peer;
    bool loses_bytes = socket->in.count > 0;

    if (!peer) {
        return;
    }
    socket->peer = NULL;
    peer->peer = NULL;
    if (loses_bytes || (socket->resets_on_close && socket->domain != AF_UNIX)) {
        coil__sim_packet_send(sim, peer, COIL__SIM_RST, 0, 1);
        return;
    }
    if (socket->domain == AF_UNIX) {
        peer->is_shut = true;
    }
    if (!socket->is_shut || socket->domain == AF_UNIX) {
        coil__sim_packet_send(sim, peer, COIL__SIM_END, 0, 1);
    }
    coil__sim_touch(sim, peer);
}
