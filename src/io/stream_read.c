/* stream_read.c - the reading half of a stream.
 *
 * `in` holds what was received and not yet read. It is empty most of the time: read receives
 * straight into the caller's memory. Calls that must look before they take (peek, read_until,
 * read_line) receive into the loop's hot buffer; only when another stream needs that buffer are
 * unread bytes moved to one of the stream's own, which is freed again when it is empty.
 *
 * No buffer of the stream's is lent to the kernel while the task waits: it waits for readiness,
 * then receives.
 */
#include "io/stream.h"

#include "base/memory.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { FIRST_CAPACITY = 4096 };

static size_t buffered(const struct coil_stream *stream)
{
    return stream->in.end - stream->in.start;
}

void coil__stream_drop_input(struct coil_stream *stream)
{
    if (stream->in.is_hot) {
        stream->io->hot_user = NULL;
    } else {
        coil__free(stream->in.data);
    }
    stream->in = (struct coil__inbuf){0};
}

bool coil__stream_is_in_hot(const struct coil_stream *stream, const void *data)
{
    uintptr_t hot = (uintptr_t)stream->io->hot;

    return hot && (uintptr_t)data - hot < COIL__HOT_SIZE;
}

void coil__stream_take(struct coil_stream *stream, size_t size)
{
    stream->in.start += size;
    if (size > 0 && buffered(stream) == 0) {
        coil__stream_drop_input(stream);
    }
}

/* Moves the unread bytes into a buffer of the stream's own with room for `capacity`. */
static int move_out(struct coil_stream *stream, size_t capacity)
{
    struct coil__inbuf in = {.end = buffered(stream), .capacity = capacity};

    in.data = coil__malloc(capacity);
    if (!in.data) {
        return -ENOMEM;
    }
    memcpy(in.data, stream->in.data + stream->in.start, in.end);
    coil__stream_drop_input(stream);
    stream->in = in;
    return 0;
}

/* Another stream needs the hot buffer. One that merely waits for bytes gets none of its own. */
static int evict(struct coil_stream *stream)
{
    size_t size = buffered(stream);

    if (size == 0) {
        coil__stream_drop_input(stream);
        return 0;
    }
    return move_out(stream, size < FIRST_CAPACITY ? FIRST_CAPACITY : size);
}

/* Makes the hot buffer this stream's, which has nothing buffered. */
static int take_hot(struct coil_stream *stream)
{
    struct coil__io *io = stream->io;

    if (!io->hot) {
        io->hot = coil__malloc(COIL__HOT_SIZE);
        if (!io->hot) {
            return -ENOMEM;
        }
    }
    if (io->hot_user) {
        int rc = evict(io->hot_user);

        if (rc < 0) {
            return rc;
        }
    }
    io->hot_user = stream;
    stream->in = (struct coil__inbuf){.data = io->hot, .capacity = COIL__HOT_SIZE, .is_hot = true};
    return 0;
}

/* Room behind the buffered bytes: 0, -ENOMEM, or -COIL_ELIMIT when the limit is reached. */
static int make_room(struct coil_stream *stream)
{
    struct coil__inbuf *in = &stream->in;
    size_t size = buffered(stream);

    if (size == 0) {
        coil__stream_drop_input(stream);
        return take_hot(stream);
    }
    if (in->end < in->capacity) {
        return 0;
    }
    if (in->start > 0) {
        memmove(in->data, in->data + in->start, size);
        in->start = 0;
        in->end = size;
        return 0;
    }
    return size >= stream->limit ? -COIL_ELIMIT : move_out(stream, in->capacity * 2);
}

static ssize_t attempt(struct coil_stream *stream, void *buf, size_t size)
{
    struct coil__backend *backend = stream->loop->backend;
    struct coil_op op = {.kind_ = COIL__OP_RECV, .fd_ = stream->fd, .buf_ = buf, .size_ = size};

    if (COIL__UNLIKELY(stream->transport)) {
        return coil__transport_attempt(stream, buf, size);
    }
    return backend->net->attempt(backend, &op);
}

/* Receives straight into the caller's memory. */
static ssize_t receive(struct coil_stream *stream, struct coil_task *self, void *buf, size_t size)
{
    struct coil_op op = {.kind_ = COIL__OP_RECV,
                         .fd_ = stream->fd,
                         .buf_ = buf,
                         .size_ = size,
                         .flags_ = COIL__EXPECT_WAIT};
    ssize_t count;

    if (COIL__UNLIKELY(stream->transport)) {
        return coil__transport_receive(stream, self, buf, size);
    }
    count = stream->is_drained ? -EAGAIN : attempt(stream, buf, size);
    if (count != -EAGAIN) {
        coil__stream_note(stream, count, size);
        coil__spend(self);
        return count;
    }
    count = coil__stream_op_wait(stream, self, &op, &stream->read_op, "stream read");
    return op.result == -ECANCELED ? count : coil__stream_note(stream, count, size);
}

static int wait_readable(struct coil_stream *stream, struct coil_task *self)
{
    struct coil_op op = {.kind_ = COIL__OP_POLL,
                         .fd_ = stream->fd,
                         .flags_ = POLLIN | POLLRDHUP | COIL__EXPECT_WAIT};
    ssize_t rc;

    if (COIL__UNLIKELY(stream->transport)) {
        return coil__transport_wait_readable(stream, self);
    }
    rc = coil__stream_op_wait(stream, self, &op, &stream->read_op, "stream read");
    if (rc < 0 && op.result != -ECANCELED) {
        coil__stream_note(stream, rc, 0);
    }
    return rc < 0 ? (int)rc : 0;
}

/* Adds to what is buffered: the count, 0 at the end, or an error. */
static ssize_t fill(struct coil_stream *stream, struct coil_task *self)
{
    ssize_t count = stream->is_drained ? -EAGAIN : 0;

    if (stream->is_at_eof || stream->read_error < 0) {
        return stream->read_error;
    }
    for (;;) {
        size_t room;
        int rc;

        if (count == -EAGAIN) {
            rc = wait_readable(stream, self);
            if (rc < 0) {
                return rc;
            }
        }
        rc = make_room(stream);
        if (rc < 0) {
            return rc;
        }
        room = stream->in.capacity - stream->in.end;
        count = attempt(stream, stream->in.data + stream->in.end, room);
        if (count != -EAGAIN) {
            stream->in.end += count > 0 ? (size_t)count : 0;
            coil__stream_note(stream, count, room);
            coil__spend(self);
            return count;
        }
    }
}

/* Brackets of a reading call. */
int coil__stream_begin_read(struct coil_stream *handle, struct coil_stream **ret_stream,
                            struct coil_task **ret_self)
{
    int rc = coil__stream_enter(handle, ret_stream, ret_self);

    if (rc == 0 && (*ret_stream)->reader) {
        coil__stream_leave(*ret_stream);
        return -COIL_ECONCURRENT;
    }
    if (rc == 0) {
        (*ret_stream)->reader = *ret_self;
    }
    return rc;
}

ssize_t coil__stream_end_read(struct coil_stream *stream, ssize_t rc)
{
    stream->reader = NULL;
    coil__stream_leave(stream);
    return rc;
}

size_t coil__stream_copy_buffered(const struct coil_stream *stream, void *buf, size_t size)
{
    size_t count = buffered(stream) < size ? buffered(stream) : size;

    if (count > 0) {
        memcpy(buf, stream->in.data + stream->in.start, count);
    }
    return count;
}

/* The same, and they are gone. */
static size_t take_buffered(struct coil_stream *stream, void *buf, size_t size)
{
    size_t count = coil__stream_copy_buffered(stream, buf, size);

    coil__stream_take(stream, count);
    return count;
}

/* What is buffered, or else what a receive brings; 0 at the end. */
ssize_t coil__stream_read_some(struct coil_stream *stream, struct coil_task *self, void *buf,
                               size_t size)
{
    size_t count = take_buffered(stream, buf, size);

    if (count > 0) {
        coil__spend(self);
        return (ssize_t)count;
    }
    if (stream->is_at_eof || stream->read_error < 0) {
        return stream->read_error;
    }
    return receive(stream, self, buf, size);
}

ssize_t coil_stream_read(struct coil_stream *handle, void *buf, size_t size)
{
    struct coil_stream *stream;
    struct coil_task *self;
    int rc = !buf && size > 0 ? -EINVAL : coil__stream_begin_read(handle, &stream, &self);

    if (rc < 0) {
        return rc;
    }
    return coil__stream_end_read(stream,
                                 size > 0 ? coil__stream_read_some(stream, self, buf, size) : 0);
}

int coil__stream_take_rest(struct coil_stream *stream, void *buf, size_t size, size_t *ret_size)
{
    if (buffered(stream) > size) {
        return -COIL_ELIMIT;
    }
    *ret_size = take_buffered(stream, buf, size);
    return 0;
}

static ssize_t try_some(struct coil_stream *stream, void *buf, size_t size)
{
    size_t taken = take_buffered(stream, buf, size);
    ssize_t count;

    if (taken > 0 || size == 0) {
        return (ssize_t)taken;
    }
    if (stream->is_at_eof || stream->read_error < 0) {
        return stream->read_error;
    }
    if (stream->is_drained && !stream->has_told_drained) { /* a system call that would fail */
        stream->has_told_drained = true;
        return -EAGAIN;
    }
    count = attempt(stream, buf, size);
    return count == -EAGAIN ? count : coil__stream_note(stream, count, size);
}

ssize_t coil_stream_try_read(struct coil_stream *handle, void *buf, size_t size)
{
    struct coil_stream *stream;
    int rc = !buf && size > 0 ? -EINVAL : coil__stream_find(handle, &stream);

    if (rc == 0 && stream->reader) {
        rc = -COIL_ECONCURRENT;
    }
    return rc < 0 ? rc : try_some(stream, buf, size);
}

ssize_t coil_stream_read_exactly(struct coil_stream *handle, void *buf, size_t size,
                                 size_t *ret_read)
{
    struct coil_stream *stream;
    struct coil_task *self;
    size_t done = 0;
    ssize_t rc = !buf && size > 0 ? -EINVAL : coil__stream_begin_read(handle, &stream, &self);

    if (rc == 0) {
        while (done < size) {
            rc = coil__stream_read_some(stream, self, (char *)buf + done, size - done);
            if (rc <= 0) {
                break;
            }
            done += (size_t)rc;
        }
        rc = coil__stream_end_read(stream, done == size ? (ssize_t)size
                                           : rc < 0     ? rc
                                                        : -COIL_EINCOMPLETE);
    }
    if (ret_read) {
        *ret_read = done;
    }
    return rc;
}

/* What is looked for. */
struct needles {
    const struct coil_separator *seps;
    size_t count; /* at least 1 */
    size_t which; /* the one that was found */
};

/* The length up to and including the first place where a separator ends; 0: there is none. None
 * ends in the first `scanned` bytes. */
static size_t search(struct needles *needles, const char *start, size_t size, size_t scanned)
{
    size_t length = 0;

    for (size_t i = 0; i < needles->count; i++) {
        const struct coil_separator *sep = &needles->seps[i];
        size_t from = scanned >= sep->size ? scanned - sep->size + 1 : 0;
        size_t end = length > 0 ? length : size;
        const char *hit =
            end >= from + sep->size ? memmem(start + from, end - from, sep->data, sep->size) : NULL;
        size_t hit_end = hit ? (size_t)(hit - start) + sep->size : 0;

        if (hit &&
            (length == 0 || hit_end < length || sep->size > needles->seps[needles->which].size)) {
            length = hit_end;
            needles->which = i;
        }
    }
    return length;
}

/* The length up to and including a separator, once it is buffered; see read_until for errors. */
static ssize_t find(struct coil_stream *stream, struct coil_task *self, struct needles *needles,
                    size_t max)
{
    size_t scanned = 0;
    size_t limit = max < stream->limit ? max : stream->limit;

    for (;;) {
        size_t size = buffered(stream);
        const char *start = size > 0 ? stream->in.data + stream->in.start : "";
        size_t length = search(needles, start, size, scanned);
        ssize_t rc;

        if (length > 0) {
            return length <= limit ? (ssize_t)length : -COIL_ELIMIT;
        }
        if (size >= limit) {
            return -COIL_ELIMIT;
        }
        scanned = size;
        rc = fill(stream, self);
        if (rc <= 0) {
            return rc < 0 ? rc : -COIL_EINCOMPLETE;
        }
    }
}

static int check_separators(const struct coil_separator *seps, size_t count)
{
    bool is_good = seps && count > 0;

    for (size_t i = 0; is_good && i < count; i++) {
        is_good = seps[i].data && seps[i].size > 0;
    }
    return is_good ? 0 : -EINVAL;
}

ssize_t coil_stream_read_until_any(struct coil_stream *handle, const struct coil_separator *seps,
                                   size_t count, void *buf, size_t size, size_t *ret_which)
{
    struct needles needles = {.seps = seps, .count = count};
    struct coil_stream *stream;
    struct coil_task *self;
    ssize_t rc = !buf ? -EINVAL : check_separators(seps, count);

    rc = rc < 0 ? rc : coil__stream_begin_read(handle, &stream, &self);
    if (rc < 0) {
        return rc;
    }
    rc = find(stream, self, &needles, size);
    if (rc > 0) {
        memcpy(buf, stream->in.data + stream->in.start, (size_t)rc);
        coil__stream_take(stream, (size_t)rc);
        if (ret_which) {
            *ret_which = needles.which;
        }
        coil__spend(self);
    }
    return coil__stream_end_read(stream, rc);
}

ssize_t coil_stream_read_until(struct coil_stream *handle, const void *sep, size_t sep_size,
                               void *buf, size_t size)
{
    struct coil_separator one = {.data = sep, .size = sep_size};

    return coil_stream_read_until_any(handle, &one, 1, buf, size, NULL);
}

ssize_t coil_stream_read_line(struct coil_stream *handle, char *buf, size_t size)
{
    static const struct coil_separator newline = {.data = "\n", .size = 1};
    struct needles needles = {.seps = &newline, .count = 1};
    struct coil_stream *stream;
    struct coil_task *self;
    ssize_t rc = !buf || size < 2 ? -EINVAL : coil__stream_begin_read(handle, &stream, &self);

    if (rc < 0) {
        return rc;
    }
    rc = find(stream, self, &needles, size - 1);
    if (rc == -COIL_EINCOMPLETE) {
        rc = (ssize_t)buffered(stream); /* the last line needs no '\n' */
    }
    if (rc >= 0) {
        if (rc > 0) {
            memcpy(buf, stream->in.data + stream->in.start, (size_t)rc);
            coil__stream_take(stream, (size_t)rc);
            coil__spend(self);
        }
        buf[rc] = '\0';
    }
    return coil__stream_end_read(stream, rc);
}

/* Has at least `min` bytes buffered, unless the end or an error comes first. */
static ssize_t fill_up(struct coil_stream *stream, struct coil_task *self, size_t min)
{
    ssize_t rc = 1;

    if (buffered(stream) >= min) {
        coil__spend(self); /* before anything is lent: it may suspend */
    }
    while (rc > 0 && buffered(stream) < min) {
        rc = fill(stream, self);
    }
    return rc >= 0 && stream->is_closing ? -COIL_ECLOSED : rc;
}

ssize_t coil_stream_peek(struct coil_stream *handle, size_t min, const char **ret_data)
{
    struct coil_stream *stream;
    struct coil_task *self;
    ssize_t rc = !ret_data ? -EINVAL : coil__stream_begin_read(handle, &stream, &self);

    if (rc < 0) {
        return rc;
    }
    if (min > stream->limit) {
        return coil__stream_end_read(stream, -COIL_ELIMIT);
    }
    rc = fill_up(stream, self, min > 0 ? min : 1);
    if (rc >= 0) {
        rc = (ssize_t)buffered(stream);
        *ret_data = rc > 0 ? stream->in.data + stream->in.start : "";
    }
    return coil__stream_end_read(stream, rc);
}

int coil_stream_wait_readable(struct coil_stream *handle)
{
    struct coil_stream *stream;
    struct coil_task *self;
    ssize_t rc = coil__stream_begin_read(handle, &stream, &self);

    if (rc < 0) {
        return (int)rc;
    }
    if (stream->transport) {
        rc = fill_up(stream, self, 1); /* it may have something that nothing would tell of again */
    } else if (buffered(stream) > 0 || stream->is_at_eof || stream->read_error < 0) {
        coil__spend(self);
    } else {
        rc = coil__stream_wait_readable(stream, self);
    }
    if (rc < 0 && rc == stream->read_error) {
        rc = 0; /* which the next read says */
    }
    return (int)coil__stream_end_read(stream, rc < 0 ? rc : 0);
}

int coil_stream_consume(struct coil_stream *handle, size_t size)
{
    struct coil_stream *stream;
    int rc = coil__stream_find(handle, &stream);

    if (rc == 0 && stream->reader) {
        rc = -COIL_ECONCURRENT;
    }
    if (rc < 0 || size > buffered(stream)) {
        return rc < 0 ? rc : -EINVAL;
    }
    coil__stream_take(stream, size);
    return 0;
}

/* --- for those who receive by other means --- */

int coil__stream_wait_readable(struct coil_stream *stream, struct coil_task *self)
{
    struct coil__backend *backend = stream->loop->backend;
    struct coil_op op = {.kind_ = COIL__OP_POLL, .fd_ = stream->fd, .flags_ = POLLIN | POLLRDHUP};
    ssize_t rc = stream->is_drained ? -EAGAIN : backend->net->attempt(backend, &op);

    rc = rc == -EAGAIN ? wait_readable(stream, self) : rc;
    stream->is_drained = false; /* who receives by other means does not say */
    return rc < 0 ? (int)rc : 0;
}

void coil__stream_give_back(struct coil_stream *stream, char *data, size_t capacity, size_t start,
                            size_t end)
{
    coil__stream_drop_input(stream);
    stream->in =
        (struct coil__inbuf){.data = data, .start = start, .end = end, .capacity = capacity};
}
