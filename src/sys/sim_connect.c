/* sim_connect.c - listen, connect and accept between simulated sockets.
 *
 * A connect knocks: after one latency it looks for a listener. With room in the backlog the
 * server's end of the connection is made there and then (it has no descriptor until accept), and
 * the answer reaches the client one latency later. With the backlog full the client stands in
 * the listener's `knocking` list, in order, until an accept makes room. Closing the listener
 * refuses those, and resets the ones in the backlog, as Linux does.
 */
#include "sys/sim.h"

#include <errno.h>

enum { BACKLOG_MAX = 4096 };

static struct coil__sim_socket *queued(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct coil__sim_socket, queue_link);
}

static void refuse(struct coil__sim *sim, struct coil__sim_socket *client, int error)
{
    coil__sim_packet_send(sim, client, COIL__SIM_REFUSED, (size_t)error, 1);
}

/* Makes the server's end of a connection and puts it into the backlog. */
static void admit(struct coil__sim *sim, struct coil__sim_socket *listener,
                  struct coil__sim_socket *client)
{
    struct coil__sim_socket *end = coil__sim_socket_new(listener->domain);

    if (!end) {
        refuse(sim, client, ENOMEM);
        return;
    }
    end->state = COIL__SIM_CONNECTED;
    end->name = listener->domain == AF_UNIX ? listener->name : client->peer_name;
    end->peer_name = client->name;
    end->send_limit = listener->send_limit;
    end->receive_limit = listener->receive_limit;
    end->peer = client;
    client->peer = end;
    coil__list_push_tail(&listener->backlog, &end->queue_link);
    listener->backlog_count++;
    coil__sim_touch(sim, listener);
    coil__sim_packet_send(sim, client, COIL__SIM_ESTABLISHED, 0, 1);
}

static void admit_knocking(struct coil__sim *sim, struct coil__sim_socket *listener)
{
    struct coil__list *link;

    while (listener->backlog_count < listener->backlog_limit &&
           (link = coil__list_pop_head(&listener->knocking))) {
        admit(sim, listener, queued(link));
    }
}

void coil__sim_knock(struct coil__sim *sim, struct coil__sim_socket *socket)
{
    int error;
    struct coil__sim_socket *listener =
        coil__sim_name_find_listener(sim, &socket->peer_name, &error);

    if (!listener) {
        refuse(sim, socket, error);
    } else if (listener->backlog_count < listener->backlog_limit) {
        admit(sim, listener, socket);
    } else {
        coil__list_push_tail(&listener->knocking, &socket->queue_link);
    }
}

static int begin_connect(struct coil__sim *sim, struct coil__sim_socket *socket,
                         const struct sockaddr *addr, socklen_t size)
{
    struct coil__sim_name target;
    struct coil__sim_name own;
    int rc = coil__sim_name_parse(&target, socket->domain, addr, size);

    if (rc < 0) {
        return rc;
    }
    if (target.domain == AF_INET6 && target.port == 0) {
        return -ECONNREFUSED;
    }
    coil__sim_name_resolve_any(&target);
    if (socket->domain != AF_UNIX && !coil__list_is_linked(&socket->bound_link)) {
        coil__sim_name_for_target(&own, &target);
        rc = coil__sim_name_bind(sim, socket, &own);
        if (rc < 0) {
            return rc == -EADDRINUSE ? -EADDRNOTAVAIL : rc;
        }
    }
    socket->peer_name = target;
    socket->state = COIL__SIM_CONNECTING;
    coil__sim_packet_send(sim, socket, COIL__SIM_KNOCK, 0, 1);
    return 0;
}

ssize_t coil__sim_connect(struct coil__sim *sim, struct coil__sim_socket *socket,
                          const struct sockaddr *addr, socklen_t size)
{
    int rc;

    if (socket->state == COIL__SIM_UNCONNECTED && socket->error == 0) {
        rc = begin_connect(sim, socket, addr, size);
        if (rc < 0) {
            return rc;
        }
    }
    switch (socket->state) {
    case COIL__SIM_CONNECTING:
        return -EAGAIN;
    case COIL__SIM_CONNECTED:
        return 0;
    case COIL__SIM_LISTENING:
        return -EISCONN;
    default: /* refused or reset: the error is told, and then a new attempt may be made */
        rc = coil__sim_take_error(socket);
        return rc < 0 ? rc : -EISCONN;
    }
}

int coil__sim_listen(struct coil__sim *sim, struct coil__sim_socket *socket, int backlog)
{
    struct coil__sim_name any = {.domain = AF_INET6};
    int rc;

    if (socket->state != COIL__SIM_LISTENING && socket->state != COIL__SIM_UNCONNECTED) {
        return -EINVAL;
    }
    if (!coil__list_is_linked(&socket->bound_link)) {
        if (socket->domain == AF_UNIX) {
            return -EINVAL;
        }
        if (socket->domain == AF_INET) {
            any.bytes[10] = any.bytes[11] = 0xff;
        }
        rc = coil__sim_name_bind(sim, socket, &any);
        if (rc < 0) {
            return rc;
        }
    }
    if (coil__sim_name_has_listener(sim, socket)) {
        return -EADDRINUSE;
    }
    /* A negative backlog is a very large one for Linux, which counts it unsigned. */
    socket->backlog_limit = (unsigned)backlog > BACKLOG_MAX ? BACKLOG_MAX : (unsigned)backlog;
    socket->backlog_limit += socket->backlog_limit == 0;
    socket->state = COIL__SIM_LISTENING;
    admit_knocking(sim, socket);
    return 0;
}

ssize_t coil__sim_accept(struct coil__sim *sim, struct coil__sim_socket *listener,
                         struct sockaddr *addr, socklen_t *addr_size, int flags)
{
    struct coil__sim_socket *end;
    int fd;

    if (listener->state != COIL__SIM_LISTENING || flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) {
        return -EINVAL;
    }
    if (coil__list_is_empty(&listener->backlog)) {
        return -EAGAIN;
    }
    end = queued(listener->backlog.next);
    fd = coil__sim_socket_place(sim, end);
    if (fd < 0) {
        return fd;
    }
    coil__list_remove(&end->queue_link);
    listener->backlog_count--;
    if (addr && addr_size) {
        coil__sim_name_store(&end->peer_name, end->domain, addr, addr_size);
    }
    admit_knocking(sim, listener);
    return fd;
}

void coil__sim_unlisten(struct coil__sim *sim, struct coil__sim_socket *listener)
{
    struct coil__list *link;

    listener->state = COIL__SIM_UNCONNECTED;
    while ((link = coil__list_pop_head(&listener->knocking))) {
        refuse(sim, queued(link), ECONNREFUSED);
    }
    while ((link = coil__list_pop_head(&listener->backlog))) {
        struct coil__sim_socket *end = queued(link);

        end->resets_on_close = true;
        coil__sim_disconnect(sim, end);
        coil__sim_socket_free(sim, end);
    }
    listener->backlog_count = 0;
}
