/* stream_write.c - the writing half of a stream.
 *
 * Bytes to be sent stand in a chain of chunks. A stream with something new to send stands in
 * loop->outgoing, and is sent from just before the kernel is asked: all that one iteration writes
 * becomes one system call. What the socket does not take at once is left to `send_op`. A large
 * write to an empty queue is sent straight from the caller's memory.
 *
 * Turns: a write that has to wait holds the turn until all its bytes are accepted; others wait
 * in order, so the bytes of one write stay together.
 */
#include "io/stream.h"

#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { DIRECT_SIZE = 4096, MAX_IOV = 8 };

struct chunk_class {
    size_t size;       /* of the allocation */
    unsigned max_idle; /* how many are kept at hand */
};

static const struct chunk_class classes[] = {
    [COIL__CHUNK_SMALL] = {.size = 512, .max_idle = 512},
    [COIL__CHUNK_LARGE] = {.size = 16 * 1024, .max_idle = 16},
};

static void mark_dirty(struct coil_stream *stream);

/* --- chunks --- */

static struct coil__chunk *new_chunk(struct coil__io *io, size_t size)
{
    int class = size <= classes[COIL__CHUNK_SMALL].size - sizeof(struct coil__chunk)
                    ? COIL__CHUNK_SMALL
                    : COIL__CHUNK_LARGE;
    struct coil__chunk *chunk = io->chunks[class];

    if (chunk) {
        io->chunks[class] = chunk->next;
        io->chunk_count[class]--;
    } else {
        chunk = coil__malloc(classes[class].size);
    }
    if (chunk) {
        chunk->next = NULL;
        chunk->start = 0;
        chunk->end = 0;
        chunk->capacity = (uint32_t)(classes[class].size - sizeof *chunk);
        chunk->class = (uint32_t) class;
    }
    return chunk;
}

static void free_chunk(struct coil__io *io, struct coil__chunk *chunk)
{
    uint32_t class = chunk->class;

    if (io->chunk_count[class] >= classes[class].max_idle) {
        coil__free(chunk);
        return;
    }
    chunk->next = io->chunks[class];
    io->chunks[class] = chunk;
    io->chunk_count[class]++;
}

static void drop_first(struct coil_stream *stream)
{
    struct coil__chunk *chunk = stream->first;

    stream->first = chunk->next;
    if (!stream->first) {
        stream->last = NULL;
    }
    free_chunk(stream->io, chunk);
}

/* Queues as much as there is memory for; returns the count. */
static size_t enqueue(struct coil_stream *stream, const char *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        struct coil__chunk *chunk = stream->last;
        size_t count;

        if (!chunk || chunk->end == chunk->capacity) {
            /* A second chunk is a sign of more to come. */
            chunk = new_chunk(stream->io, chunk ? SIZE_MAX : size - done);
            if (!chunk) {
                break;
            }
            if (stream->last) {
                stream->last->next = chunk;
            } else {
                stream->first = chunk;
            }
            stream->last = chunk;
        }
        count = chunk->capacity - chunk->end;
        count = count < size - done ? count : size - done;
        memcpy(chunk->data + chunk->end, data + done, count);
        chunk->end += (uint32_t)count;
        done += count;
    }
    stream->queued += done;
    return done;
}

static void dequeue(struct coil_stream *stream, size_t size)
{
    stream->queued -= size;
    while (size > 0) {
        struct coil__chunk *chunk = stream->first;
        size_t count = chunk->end - chunk->start;

        if (count > size) {
            chunk->start += (uint32_t)size;
            return;
        }
        size -= count;
        drop_first(stream);
    }
}

void coil__stream_drop_output(struct coil_stream *stream)
{
    while (stream->first) {
        drop_first(stream);
    }
    stream->queued = 0;
}

/* --- sending --- */

/* The peer must not wait for the rest: it gets the end of the stream instead. Reading goes on. */
void coil__stream_fail(struct coil_stream *stream, int error)
{
    struct coil__backend *backend = stream->loop->backend;

    stream->write_error = error;
    coil__stream_drop_output(stream);
    coil__stream_wake_writers(stream);
    if (!stream->is_shut_down) {
        stream->is_shut_down = true;
        if (!stream->transport) {
            backend->net->shutdown(backend, stream->fd, SHUT_WR);
        }
    }
}

/* The end of the stream, once all that was written before it is sent. */
static void send_eof(struct coil_stream *stream)
{
    struct coil__backend *backend = stream->loop->backend;
    int rc;

    if (stream->is_shut_down || stream->write_error < 0 || stream->queued > 0 ||
        stream->is_writing) {
        return;
    }
    if (COIL__UNLIKELY(stream->transport)) {
        coil__transport_send_eof(stream);
        return;
    }
    stream->is_shut_down = true;
    rc = backend->net->shutdown(backend, stream->fd, SHUT_WR);
    if (rc < 0) {
        coil__stream_fail(stream, rc == -ENOTCONN ? -EPIPE : rc); /* the peer is gone */
    }
}

/* After the queue has become shorter, or has failed. */
static void after_progress(struct coil_stream *stream)
{
    if (stream->has_eof_queued) {
        send_eof(stream);
    }
    if (!coil__list_is_empty(&stream->drainers)) {
        coil__stream_wake_writers(stream);
    }
    coil__stream_sent(stream); /* the stream may be gone now */
}

/* Describes the queue to send_op. One chunk, the usual case, needs no vector. */
static void prepare_send(struct coil_stream *stream)
{
    struct coil_op *op = &stream->send_op;
    struct coil__chunk *chunk = stream->first;
    size_t count = 0;

    *op = (struct coil_op){.fd_ = stream->fd};
    if (!chunk->next) {
        op->kind_ = COIL__OP_SEND;
        op->buf_ = chunk->data + chunk->start;
        op->size_ = chunk->end - chunk->start;
        return;
    }
    for (; chunk && count < MAX_IOV; chunk = chunk->next) {
        stream->iov[count++] = (struct iovec){.iov_base = chunk->data + chunk->start,
                                              .iov_len = chunk->end - chunk->start};
    }
    stream->msg = (struct msghdr){.msg_iov = stream->iov, .msg_iovlen = count};
    op->kind_ = COIL__OP_SENDMSG;
    op->buf_ = &stream->msg;
    op->size_ = 1;
}

static void on_sent(struct coil_op *op)
{
    struct coil_stream *stream = COIL__CONTAINER(op, struct coil_stream, send_op);
    ssize_t count = op->result;

    stream->is_sending = false;
    if (count >= 0) {
        dequeue(stream, (size_t)count);
    } else if (!stream->is_closing) {
        coil__stream_fail(stream, (int)count);
    }
    if (stream->queued > 0 && !stream->is_closing) {
        mark_dirty(stream);
    }
    after_progress(stream);
    coil__stream_leave(stream);
}

/* Hands the queue to the backend, to be sent as soon as the socket takes it. */
static void send_later(struct coil_stream *stream)
{
    int rc;

    stream->is_sending = true;
    stream->users++;
    rc = coil__op_start(stream->loop, &stream->send_op, on_sent);
    if (rc != 0) {
        stream->send_op.result = rc < 0 ? rc : stream->send_op.result;
        on_sent(&stream->send_op);
    }
}

static void flush(struct coil__outgoing *outgoing)
{
    struct coil_stream *stream = COIL__CONTAINER(outgoing, struct coil_stream, flusher);
    struct coil__backend *backend = stream->loop->backend;
    ssize_t count;

    if (stream->is_sending || stream->queued == 0) {
        return;
    }
    prepare_send(stream);
    count =
        backend->class->batches_calls ? -EAGAIN : backend->net->attempt(backend, &stream->send_op);
    if (count == -EAGAIN) {
        send_later(stream);
        return;
    }
    if (count < 0) {
        coil__stream_fail(stream, (int)count);
    } else {
        dequeue(stream, (size_t)count);
        if (stream->queued > 0) {
            prepare_send(stream);
            send_later(stream);
        }
    }
    after_progress(stream);
}

/* The socket holds a packet back that is not full (MSG_MORE), as the rest comes at once. */
void coil__stream_send_ahead(struct coil_stream *stream)
{
    struct coil__backend *backend = stream->loop->backend;
    ssize_t count;

    if (stream->is_sending || stream->queued == 0) {
        return;
    }
    prepare_send(stream);
    stream->send_op.flags_ = MSG_MORE;
    count = backend->net->attempt(backend, &stream->send_op);
    if (count == -EAGAIN) {
        return;
    }
    if (count < 0) {
        coil__stream_fail(stream, (int)count);
    } else {
        dequeue(stream, (size_t)count);
    }
    after_progress(stream);
}

static void mark_dirty(struct coil_stream *stream)
{
    if (!stream->is_sending && !coil__list_is_linked(&stream->flusher.link)) {
        coil__loop_push_outgoing(stream->loop, &stream->flusher);
    }
}

void coil__stream_init_output(struct coil_stream *stream)
{
    stream->flusher.run = flush;
    coil__list_init(&stream->turns);
    coil__list_init(&stream->drainers);
}

/* --- waiting --- */

static void interrupt_wait(struct coil_task *task, struct coil__wait *wait)
{
    struct coil__stream_wait *w = COIL__CONTAINER(wait, struct coil__stream_wait, wait);

    coil__list_remove(&w->link);
    coil__task_wake(task);
}

static void wake(struct coil__stream_wait *w)
{
    coil__list_remove(&w->link);
    w->is_done = true;
    coil__task_wake(w->self);
}

void coil__stream_wake_writers(struct coil_stream *stream)
{
    bool is_over = stream->write_error < 0 || stream->is_closing;

    COIL__LIST_FOREACH_SAFE(&stream->drainers, link) {
        struct coil__stream_wait *w = COIL__CONTAINER(link, struct coil__stream_wait, link);

        if (is_over || stream->queued <= w->threshold) {
            wake(w);
        }
    }
    if (is_over) {
        COIL__LIST_FOREACH_SAFE(&stream->turns, link) {
            wake(COIL__CONTAINER(link, struct coil__stream_wait, link));
        }
    }
}

int coil__stream_wait_in(struct coil__list *list, struct coil_task *self, size_t threshold,
                         const char *what)
{
    struct coil__stream_wait w = {
        .wait = {.interrupt = interrupt_wait, .what = what}, .self = self, .threshold = threshold};

    coil__list_push_tail(list, &w.link);
    coil__suspend(self, &w.wait);
    return w.is_done ? 0 : coil__cancel_error(self);
}

int coil__stream_state_error(const struct coil_stream *stream)
{
    return stream->is_closing ? -COIL_ECLOSED : stream->write_error;
}

int coil__stream_writable(const struct coil_stream *stream)
{
    return stream->has_eof_queued ? -COIL_ECLOSED : coil__stream_state_error(stream);
}

int coil__stream_wait_queued(struct coil_stream *stream, struct coil_task *self, size_t threshold)
{
    int rc = coil__stream_state_error(stream);

    if (COIL__UNLIKELY(stream->transport)) {
        return coil__transport_wait_queued(stream, self, threshold);
    }
    while (rc == 0 && stream->queued > threshold) {
        /* A cancel that came while the task was being woken would interrupt nothing any more. */
        rc = self->cancel
                 ? coil__cancel_error(self)
                 : coil__stream_wait_in(&stream->drainers, self, threshold, "stream drain");
        rc = rc < 0 ? rc : coil__stream_state_error(stream);
    }
    return rc;
}

int coil__stream_take_turn(struct coil_stream *stream, struct coil_task *self)
{
    int rc = 0;

    if (stream->is_writing) {
        rc = coil__stream_wait_in(&stream->turns, self, 0, "stream write");
        rc = rc < 0 ? rc : coil__stream_state_error(stream);
    }
    if (rc == 0) {
        stream->is_writing = true;
    }
    return rc;
}

/* Hands the turn to the next one; it stays taken meanwhile, so nobody barges in. */
void coil__stream_give_turn(struct coil_stream *stream)
{
    if (coil__list_is_empty(&stream->turns)) {
        stream->is_writing = false;
        if (COIL__UNLIKELY(stream->has_eof_queued)) {
            send_eof(stream);
        }
    } else {
        wake(COIL__CONTAINER(stream->turns.next, struct coil__stream_wait, link));
    }
}

/* --- writing --- */

/* Sends from the caller's memory what the socket takes now. Where calls are cheaper in a batch it
 * goes with all others of this iteration, unless the memory is lent and may not wait for them. */
static ssize_t send_now(struct coil_stream *stream, struct coil_task *self, struct coil_op *op,
                        bool is_lent)
{
    struct coil__backend *backend = stream->loop->backend;

    if (is_lent || !backend->class->batches_calls) {
        return backend->net->attempt(backend, op);
    }
    op->flags_ = MSG_DONTWAIT | COIL__ONE_TRY;
    return coil__stream_op_wait(stream, self, op, &stream->write_op, "stream write");
}

/* Sends from the caller's memory; waits for the socket to take it only with `may_wait`. Returns 0
 * when it takes nothing. */
static ssize_t send_direct(struct coil_stream *stream, struct coil_task *self, const char *data,
                           size_t size, bool is_lent, bool may_wait)
{
    struct coil_op op = {
        .kind_ = COIL__OP_SEND, .fd_ = stream->fd, .buf_ = (void *)(uintptr_t)data, .size_ = size};
    ssize_t count = send_now(stream, self, &op, is_lent);

    if (op.result == -ECANCELED) {
        return count;
    }
    if (count == -EAGAIN && may_wait) {
        op.flags_ = 0;
        count = coil__stream_op_wait(stream, self, &op, &stream->write_op, "stream write");
        if (op.result == -ECANCELED) {
            return count;
        }
    }
    if (count < 0 && count != -EAGAIN) {
        coil__stream_fail(stream, (int)count);
    }
    return count == -EAGAIN ? 0 : count;
}

/* One step of a write: the count of bytes accepted, 0 after having waited for room, or an error. */
static ssize_t write_some(struct coil_stream *stream, struct coil_task *self, const char *data,
                          size_t size)
{
    bool is_lent = coil__stream_is_in_hot(stream, data);
    size_t room = stream->queued < stream->high_water ? stream->high_water - stream->queued : 0;
    size_t count;

    if (stream->queued == 0 && !stream->is_sending && size >= DIRECT_SIZE) {
        ssize_t sent = send_direct(stream, self, data, size, is_lent, size > room && !is_lent);

        if (sent != 0) {
            return sent;
        }
    }
    /* Lent memory is only good until the task suspends: all of it is taken at once. */
    count = enqueue(stream, data, is_lent || size < room ? size : room);
    if (count > 0) {
        mark_dirty(stream);
        return (ssize_t)count;
    }
    if (room > 0 || is_lent) {
        return -ENOMEM;
    }
    return coil__stream_wait_queued(stream, self, stream->low_water);
}

ssize_t coil__stream_write_all(struct coil_stream *stream, struct coil_task *self, const char *data,
                               size_t size)
{
    size_t done = 0;
    ssize_t rc = 0;

    if (COIL__UNLIKELY(stream->transport)) {
        return coil__transport_write_all(stream, self, data, size);
    }
    while (done < size) {
        rc = coil__stream_state_error(stream);
        if (rc == 0 && self->cancel) {
            rc = coil__cancel_error(self);
        }
        rc = rc < 0 ? rc : write_some(stream, self, data + done, size - done);
        if (rc < 0) {
            break;
        }
        done += (size_t)rc;
    }
    if (COIL__UNLIKELY(stream->queued > stream->high_water)) { /* lent data was taken in full */
        coil__stream_wait_queued(stream, self, stream->low_water);
    }
    return done > 0 ? (ssize_t)done : rc;
}

static ssize_t write_in_turn(struct coil_stream *stream, struct coil_task *self, const char *data,
                             size_t size)
{
    ssize_t rc = coil__stream_take_turn(stream, self);

    if (rc == 0) {
        rc = coil__stream_write_all(stream, self, data, size);
        coil__stream_give_turn(stream);
        coil__spend(self);
    }
    return rc;
}

/* Lent data does not outlive the wait for the turn: a copy does. */
static ssize_t write_lent_later(struct coil_stream *stream, struct coil_task *self,
                                const char *data, size_t size)
{
    char *copy = coil__malloc(size);
    ssize_t rc;

    if (!copy) {
        return -ENOMEM;
    }
    memcpy(copy, data, size);
    rc = write_in_turn(stream, self, copy, size);
    coil__free(copy);
    return rc;
}

ssize_t coil_stream_write(struct coil_stream *handle, const void *buf, size_t size)
{
    struct coil_stream *stream;
    struct coil_task *self;
    ssize_t rc = (!buf && size > 0) || size > SSIZE_MAX
                     ? -EINVAL
                     : coil__stream_enter(handle, &stream, &self);

    if (rc < 0) {
        return rc;
    }
    rc = coil__stream_writable(stream);
    if (rc == 0) {
        rc = COIL__UNLIKELY(stream->is_writing && size > 0 && coil__stream_is_in_hot(stream, buf))
                 ? write_lent_later(stream, self, buf, size)
                 : write_in_turn(stream, self, buf, size);
    }
    coil__stream_leave(stream);
    return rc;
}

/* --- several pieces --- */

/* All of them at once, where that is worth a call: the count; 0: it must be done otherwise. */
static ssize_t send_vector(struct coil_stream *stream, struct coil_task *self,
                           const struct iovec *iov, int count)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
    struct coil_op op = {.kind_ = COIL__OP_SENDMSG, .fd_ = stream->fd, .buf_ = &msg, .size_ = 1};
    ssize_t sent = send_now(stream, self, &op, false);

    if (sent < 0 && sent != -EAGAIN && op.result != -ECANCELED) {
        coil__stream_fail(stream, (int)sent);
    }
    return sent == -EAGAIN ? 0 : sent;
}

/* What is left of the pieces after the first `done` bytes, one by one. */
static ssize_t write_pieces(struct coil_stream *stream, struct coil_task *self,
                            const struct iovec *iov, int count, size_t done)
{
    size_t skip = done;

    for (int i = 0; i < count; i++) {
        size_t first = skip < iov[i].iov_len ? skip : iov[i].iov_len;
        size_t size = iov[i].iov_len - first;
        ssize_t rc;

        skip -= first;
        rc = coil__stream_write_all(stream, self, (const char *)iov[i].iov_base + first, size);
        if (rc < 0) {
            return done > 0 ? (ssize_t)done : rc;
        }
        done += (size_t)rc;
        if ((size_t)rc < size) {
            break;
        }
    }
    return (ssize_t)done;
}

static ssize_t write_vector(struct coil_stream *stream, struct coil_task *self,
                            const struct iovec *iov, int count, size_t size)
{
    ssize_t rc = coil__stream_take_turn(stream, self);

    if (rc < 0) {
        return rc;
    }
    if (size >= DIRECT_SIZE && !stream->transport && stream->queued == 0 && !stream->is_sending) {
        rc = send_vector(stream, self, iov, count);
    }
    rc = rc < 0 ? rc : write_pieces(stream, self, iov, count, (size_t)rc);
    coil__stream_give_turn(stream);
    coil__spend(self);
    return rc;
}

/* Lent pieces do not outlive a wait: a copy of all does. */
static ssize_t write_vector_copy(struct coil_stream *stream, struct coil_task *self,
                                 const struct iovec *iov, int count, size_t size)
{
    struct iovec whole = {.iov_base = coil__malloc(size), .iov_len = 0};
    char *copy = whole.iov_base;
    ssize_t rc;

    if (!copy) {
        return -ENOMEM;
    }
    for (int i = 0; i < count; i++) {
        if (iov[i].iov_len > 0) {
            memcpy(copy + whole.iov_len, iov[i].iov_base, iov[i].iov_len);
            whole.iov_len += iov[i].iov_len;
        }
    }
    rc = write_vector(stream, self, &whole, 1, size);
    coil__free(copy);
    return rc;
}

/* The sum of the sizes; -EINVAL. */
static ssize_t sum_of(const struct iovec *iov, int count)
{
    size_t size = 0;

    if (!iov || count < 1 || count > IOV_MAX) {
        return -EINVAL;
    }
    for (int i = 0; i < count; i++) {
        if ((!iov[i].iov_base && iov[i].iov_len > 0) || iov[i].iov_len > SSIZE_MAX - size) {
            return -EINVAL;
        }
        size += iov[i].iov_len;
    }
    return (ssize_t)size;
}

static bool is_any_lent(const struct coil_stream *stream, const struct iovec *iov, int count)
{
    bool is_lent = false;

    for (int i = 0; i < count; i++) {
        is_lent |= iov[i].iov_len > 0 && coil__stream_is_in_hot(stream, iov[i].iov_base);
    }
    return is_lent;
}

ssize_t coil_stream_writev(struct coil_stream *handle, const struct iovec *iov, int count)
{
    ssize_t size = sum_of(iov, count);
    struct coil_stream *stream;
    struct coil_task *self;
    ssize_t rc = size < 0 ? size : coil__stream_enter(handle, &stream, &self);

    if (rc < 0) {
        return rc;
    }
    rc = coil__stream_writable(stream);
    if (rc == 0 && size > 0) {
        rc = is_any_lent(stream, iov, count)
                 ? write_vector_copy(stream, self, iov, count, (size_t)size)
                 : write_vector(stream, self, iov, count, (size_t)size);
    }
    coil__stream_leave(stream);
    return rc;
}

/* --- without waiting --- */

static ssize_t try_write(struct coil_stream *stream, const void *data, size_t size)
{
    size_t queued = coil__stream_queued(stream);
    size_t room = queued < stream->high_water ? stream->high_water - queued : 0;
    size_t count;

    if (stream->is_writing || room == 0) {
        return -EAGAIN;
    }
    size = size < room ? size : room;
    if (COIL__UNLIKELY(stream->transport)) {
        return coil__transport_try_write(stream, data, size);
    }
    if (size >= DIRECT_SIZE && queued == 0 && !stream->is_sending) {
        ssize_t sent = send_direct(stream, NULL, data, size, true, false);

        if (sent != 0) {
            return sent;
        }
    }
    count = enqueue(stream, data, size);
    if (count == 0) {
        return -ENOMEM;
    }
    mark_dirty(stream);
    return (ssize_t)count;
}

ssize_t coil_stream_try_write(struct coil_stream *handle, const void *buf, size_t size)
{
    struct coil_stream *stream;
    int rc = (!buf && size > 0) || size > SSIZE_MAX ? -EINVAL : coil__stream_find(handle, &stream);

    if (rc < 0) {
        return rc;
    }
    rc = coil__stream_writable(stream);
    return rc < 0 || size == 0 ? rc : try_write(stream, buf, size);
}

/* --- draining, and the end --- */

static int wait_queued(struct coil_stream *handle, bool to_the_end)
{
    struct coil_stream *stream;
    struct coil_task *self;
    int rc = coil__stream_enter(handle, &stream, &self);

    if (rc < 0) {
        return rc;
    }
    rc = coil__stream_state_error(stream);
    if (rc == 0 && (to_the_end || coil__stream_queued(stream) > stream->high_water)) {
        rc = coil__stream_wait_queued(stream, self, to_the_end ? 0 : stream->low_water);
    }
    coil__stream_leave(stream);
    return rc;
}

int coil_stream_drain(struct coil_stream *handle)
{
    return wait_queued(handle, false);
}

int coil_stream_flush(struct coil_stream *handle)
{
    return wait_queued(handle, true);
}

int coil_stream_write_eof(struct coil_stream *handle)
{
    struct coil_stream *stream;
    struct coil_task *self;
    int rc = coil__stream_enter(handle, &stream, &self);

    if (rc < 0) {
        return rc;
    }
    rc = coil__stream_state_error(stream);
    if (rc == 0 && stream->transport && !stream->transport->class_->write_eof) {
        rc = -EOPNOTSUPP;
    } else if (rc == 0 && !stream->has_eof_queued) {
        stream->has_eof_queued = true;
        rc = coil__stream_take_turn(stream, self); /* writes that have begun go first */
        if (rc == 0) {
            coil__stream_give_turn(stream);
            rc = coil__stream_wait_queued(stream, self, 0);
        }
    }
    coil__stream_leave(stream);
    return rc;
}
