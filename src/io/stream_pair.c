/* stream_pair.c - two streams that are connected in memory: a transport at each end.
 *
 * What one end sends stands in the other one's `in` until it is read; the buffer grows to the
 * mark of its sender, and is freed when it is empty. The ends are let go one by one: an end that is
 * aborted takes leave of its peer, which then knows the rest by itself (`has_ended`,
 * `read_error`, `write_error`).
 */
#include "io/stream.h"

#include "base/memory.h"
#include "sync/waitlist.h"

#include <errno.h>
#include <string.h>

enum { FIRST_CAPACITY = 4096, DEFAULT_BOUND = 64 * 1024 };

struct end {
    struct coil_transport transport;
    struct end *peer; /* NULL once either is aborted */
    char *data;       /* sent by the peer and not yet read: count bytes from start on; or NULL */
    size_t start;
    size_t count;
    size_t capacity;
    size_t bound;      /* of count: the peer's high-water mark */
    bool has_ended;    /* the peer sends no more */
    bool has_sent_end; /* we do not */
    int read_error;    /* once there is nothing more to read */
    int write_error;
    struct coil__list reader; /* waits until something comes; one at most */
    struct coil__list writer; /* waits until there is room in the peer's data again */
};

static struct end *end_of(const struct coil_transport *transport)
{
    return COIL__CONTAINER((struct coil_transport *)(uintptr_t)transport, struct end, transport);
}

/* --- waiting --- */

static void wake(struct coil__list *list)
{
    coil__waitlist_wake_first(list, 0);
}

static int wait_at(struct coil__list *list, const char *what)
{
    struct coil_task *self = coil__thread.task;

    return self->cancel ? coil__cancel_error(self) : coil__waitlist_wait(self, list, what);
}

/* --- the bytes --- */

/* Makes room behind the bytes: for `size` more of them if there is memory, but at least for one. */
static int make_room(struct end *end, size_t size)
{
    size_t wanted = end->count + size;
    size_t capacity = end->capacity * 2;
    char *data;

    if (end->start + wanted <= end->capacity) {
        return 0;
    }
    if (wanted <= end->capacity) {
        memmove(end->data, end->data + end->start, end->count);
        end->start = 0;
        return 0;
    }
    capacity = capacity > FIRST_CAPACITY ? capacity : FIRST_CAPACITY;
    capacity = capacity > wanted ? capacity : wanted;
    data = coil__malloc(capacity);
    if (!data) {
        return -ENOMEM;
    }
    if (end->count > 0) {
        memcpy(data, end->data + end->start, end->count);
    }
    coil__free(end->data);
    end->data = data;
    end->capacity = capacity;
    end->start = 0;
    return 0;
}

static void drop_data(struct end *end)
{
    coil__free(end->data);
    end->data = NULL;
    end->start = end->count = end->capacity = 0;
}

/* --- the transport --- */

static ssize_t pair_receive(struct coil_transport *transport, void *buf, size_t size)
{
    struct end *end = end_of(transport);

    if (end->count == 0) {
        return end->read_error ? end->read_error : end->has_ended ? 0 : -EAGAIN;
    }
    size = size < end->count ? size : end->count;
    memcpy(buf, end->data + end->start, size);
    end->start += size;
    end->count -= size;
    if (end->count == 0) {
        drop_data(end);
    }
    if (end->peer && end->count <= end->bound / 2) {
        wake(&end->peer->writer);
    }
    return (ssize_t)size;
}

static int pair_wait_readable(struct coil_transport *transport)
{
    struct end *end = end_of(transport);

    return end->count > 0 || end->has_ended || end->read_error ? 0
                                                               : wait_at(&end->reader, "pair read");
}

static ssize_t pair_send(struct coil_transport *transport, const void *buf, size_t size)
{
    struct end *end = end_of(transport);
    struct end *to = end->peer;
    size_t room;
    int rc;

    if (!to) {
        return end->write_error;
    }
    room = to->bound > to->count ? to->bound - to->count : 0;
    if (room == 0) {
        return -EAGAIN;
    }
    size = size < room ? size : room;
    rc = make_room(to, size);
    if (rc < 0) {
        return rc;
    }
    memcpy(to->data + to->start + to->count, buf, size);
    to->count += size;
    wake(&to->reader);
    return (ssize_t)size;
}

/* Nothing waits to be handed over: what was accepted is there. */
static size_t pair_get_size(const struct coil_transport *transport)
{
    (void)transport;
    return 0;
}

static int pair_drain(struct coil_transport *transport, size_t threshold)
{
    struct end *end = end_of(transport);

    (void)threshold;
    return !end->peer || end->peer->count < end->peer->bound ? 0
                                                             : wait_at(&end->writer, "pair write");
}

static int pair_write_eof(struct coil_transport *transport)
{
    struct end *end = end_of(transport);

    end->has_sent_end = true;
    if (end->peer) {
        end->peer->has_ended = true;
        wake(&end->peer->reader);
    }
    return 0;
}

static void pair_abort(struct coil_transport *transport)
{
    struct end *end = end_of(transport);
    struct end *peer = end->peer;

    if (peer) {
        peer->write_error = end->has_sent_end ? -EPIPE : -ECONNRESET;
        peer->read_error = end->has_sent_end ? 0 : -ECONNRESET;
        peer->peer = NULL;
        end->peer = NULL;
        wake(&peer->reader);
        wake(&peer->writer);
    }
    wake(&end->reader);
    wake(&end->writer);
}

static void pair_free(struct coil_transport *transport)
{
    struct end *end = end_of(transport);

    coil__free(end->data);
    coil__free(end);
}

static const struct coil_transport_class pair_class = {
    .name = "pair",
    .receive = pair_receive,
    .wait_readable = pair_wait_readable,
    .send = pair_send,
    .drain = pair_drain,
    .write_eof = pair_write_eof,
    .abort = pair_abort,
    .free = pair_free,
    .get_write_buffer_size = pair_get_size,
};

static int make_ends(size_t bound, struct end *ret_ends[2])
{
    for (int i = 0; i < 2; i++) {
        ret_ends[i] = coil__calloc(1, sizeof *ret_ends[i]);
    }
    if (!ret_ends[0] || !ret_ends[1]) {
        coil__free(ret_ends[0]);
        coil__free(ret_ends[1]);
        return -ENOMEM;
    }
    for (int i = 0; i < 2; i++) {
        *ret_ends[i] =
            (struct end){.transport.class_ = &pair_class, .peer = ret_ends[1 - i], .bound = bound};
    }
    return 0;
}

int coil_stream_pair(const struct coil_stream_options *options, struct coil_stream *ret_streams[2])
{
    size_t bound = options && options->high_water ? options->high_water : DEFAULT_BOUND;
    struct coil_stream *first = NULL;
    struct end *ends[2];
    int rc = ret_streams ? make_ends(bound, ends) : -EINVAL;

    if (rc < 0) {
        return rc;
    }
    rc = coil_stream_open_transport(&ends[0]->transport, options, &first);
    if (rc < 0) {
        pair_free(&ends[1]->transport);
        return rc;
    }
    rc = coil_stream_open_transport(&ends[1]->transport, options, &ret_streams[1]);
    if (rc < 0) {
        coil_stream_abort(first);
        return rc;
    }
    ret_streams[0] = first;
    return 0;
}
