/* sendfile.c - a part of a file to a descriptor or a stream.
 *
 * sendfile(2) may wait for the disk, so it is called in a thread, unless it is for a stream and all
 * of the next piece is known to be in memory; and only where it does not wait for a peer as well:
 * what does not fit ends that trip, and the task waits until there is room. Elsewhere (a blocking
 * socket, a simulated one, what the system's call refuses) the bytes are read into a buffer, and
 * count as sent when they are written, not when they are read.
 */
#include "base/memory.h"
#include "io/file.h"
#include "io/stream.h"

#include <coil/fd.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>

enum {
    HOT_PIECE = 16 * 1024,
    PIECE = 64 * 1024,
    PUSH_PIECE = 256 * 1024,
    CACHED_PIECE = 1024 * 1024,
};

/* What a trip says whose descriptor takes no more for now. (-EAGAIN: there was no thread.) And what
 * one says that was made in place: the next piece may have to be waited for. */
enum { NO_ROOM = 1, NOT_CACHED };

/* --- by the system's call --- */

struct push_job {
    struct coil__file_part *part;
    int out_fd;
    atomic_bool stop;
};

static int run_push(void *arg)
{
    struct push_job *job = arg;
    struct coil__file_part *part = job->part;

    while (part->left > 0) {
        size_t size = part->left < PUSH_PIECE ? part->left : PUSH_PIECE;
        int64_t offset = part->offset;
        ssize_t rc =
            job->stop ? -ECANCELED : coil__os_sendfile(job->out_fd, part->fd, &offset, size);

        if (rc <= 0) {
            return rc == -EAGAIN ? NO_ROOM : (int)rc;
        }
        coil__file_part_advance(part, rc);
    }
    return 0;
}

/* In place, with a turn for others behind each piece. */
static int push_cached(struct coil_task *self, struct push_job *job)
{
    struct coil__file_part *part = job->part;

    while (part->left > 0) {
        size_t size = part->left < CACHED_PIECE ? part->left : CACHED_PIECE;
        int64_t offset = part->offset;
        ssize_t rc;

        if (job->stop || self->cancel) {
            return -ECANCELED;
        }
        if (!coil__os_is_cached(part->fd, offset, size)) {
            return NOT_CACHED;
        }
        rc = coil__os_sendfile(job->out_fd, part->fd, &offset, size);
        if (rc <= 0) {
            return rc == -EAGAIN ? NO_ROOM : (int)rc;
        }
        coil__file_part_advance(part, rc);
        if ((size_t)rc == CACHED_PIECE && part->left > 0) {
            coil__reschedule(self);
        } else {
            coil__spend(self);
        }
    }
    return 0;
}

/* Sends what there is room for. 0: all, or the file is at its end; NO_ROOM; -EINVAL: perhaps the
 * other way can do it. place: shows meanwhile how to end it early. */
static int push(struct coil_task *self, struct coil__file_part *part, int out_fd,
                atomic_bool **place, bool is_socket)
{
    struct push_job job = {.part = part, .out_fd = out_fd};
    const char *what = is_socket ? "stream sendfile" : "sendfile";
    int rc;

    *place = &job.stop;
    rc = is_socket ? push_cached(self, &job) : NOT_CACHED;
    if (rc == NOT_CACHED) {
        rc = coil__thread_wait(self, run_push, &job, &job.stop, what);
    }
    *place = NULL;
    rc = rc == -ENOSYS || rc == -EOPNOTSUPP ? -EINVAL : rc;
    return (int)coil__cancel_reason(self, rc);
}

/* --- by reading and writing --- */

/* What is in memory is read in place, and so little of it that it is still in the processor's cache
 * when it is written: TLS goes through it twice. */
static ssize_t read_piece(struct coil_task *self, const struct coil__file_part *part, char *buf)
{
    struct coil_op op = {.kind_ = COIL__OP_READ,
                         .fd_ = part->fd,
                         .buf_ = buf,
                         .size_ = part->left < HOT_PIECE ? part->left : HOT_PIECE,
                         .offset_ = part->offset};
    ssize_t rc;

    if (self->cancel) {
        return coil__cancel_error(self);
    }
    rc = coil__os_read_cached(&op);
    if (rc != -EAGAIN) {
        coil__spend(self);
        return rc;
    }
    op.size_ = part->left < PIECE ? part->left : PIECE;
    return coil__file_transfer(self, &op, "sendfile");
}

/* Writes all of it, or less when an error comes after a part. */
static ssize_t write_piece(int fd, const char *buf, size_t size)
{
    ssize_t rc = coil_send_all(fd, buf, size);
    size_t done = 0;

    if (rc != -ENOTSOCK) {
        return rc;
    }
    while (done < size) {
        rc = coil_write(fd, buf + done, size - done);
        if (rc <= 0) {
            break;
        }
        done += (size_t)rc;
    }
    return done > 0 ? (ssize_t)done : rc;
}

/* To the stream, whose turn to write this task has, or with NULL to out_fd. */
static ssize_t copy(struct coil_task *self, struct coil__file_part *part,
                    struct coil_stream *stream, int out_fd)
{
    char *buf = coil__malloc(PIECE);
    ssize_t rc = 1;

    if (!buf) {
        return -ENOMEM;
    }
    while (part->left > 0 && rc > 0) {
        rc = read_piece(self, part, buf);
        if (rc > 0) {
            rc = stream ? coil__stream_write_all(stream, self, buf, (size_t)rc)
                        : write_piece(out_fd, buf, (size_t)rc);
        }
        if (rc > 0) {
            coil__file_part_advance(part, rc);
        }
    }
    coil__free(buf);
    return rc;
}

/* --- to a descriptor --- */

static ssize_t send_to_fd(struct coil_task *self, struct coil__file_part *part, int out_fd)
{
    atomic_bool *stop;
    ssize_t rc = -EINVAL;

    if (coil__os_takes_sendfile(out_fd)) {
        while ((rc = push(self, part, out_fd, &stop, false)) == NO_ROOM) {
            rc = coil_poll(out_fd, POLLOUT);
            if (rc < 0) {
                return rc;
            }
        }
    }
    return rc == -EINVAL ? copy(self, part, NULL, out_fd) : rc;
}

ssize_t coil_sendfile(int out_fd, int in_fd, int64_t *offset, size_t count)
{
    struct coil_task *self;
    struct coil__file_part part;
    int rc = coil__begin(&self);

    rc = rc < 0 ? rc : coil__file_part_begin(&part, in_fd, offset, count);
    return rc < 0 ? rc : coil__file_part_end(&part, send_to_fd(self, &part, out_fd));
}

/* --- to a stream --- */

static ssize_t push_to_stream(struct coil_task *self, struct coil__file_part *part,
                              struct coil_stream *stream)
{
    struct coil_op op;
    ssize_t rc;

    coil__stream_send_ahead(stream);
    rc = coil__stream_wait_queued(stream, self, 0);
    while (rc >= 0) {
        int pushed = push(self, part, stream->fd, &stream->push_stop, true);

        rc = coil__stream_state_error(stream); /* closed meanwhile? */
        if (rc < 0 || pushed != NO_ROOM) {
            return rc < 0 ? rc : pushed;
        }
        op = (struct coil_op){.kind_ = COIL__OP_POLL, .fd_ = stream->fd, .flags_ = POLLOUT};
        rc = coil__stream_op_wait(stream, self, &op, &stream->write_op, "stream sendfile");
    }
    return rc;
}

static ssize_t send_to_stream(struct coil_task *self, struct coil__file_part *part,
                              struct coil_stream *stream)
{
    ssize_t rc = -EINVAL;

    if (!stream->loop->backend->is_simulated && !stream->transport) {
        rc = push_to_stream(self, part, stream);
    }
    if (rc == -EINVAL) {
        return copy(self, part, stream, -1);
    }
    if (rc == -EPIPE || rc == -ECONNRESET) {
        coil__stream_fail(stream, (int)rc);
    }
    return rc;
}

ssize_t coil_stream_sendfile(struct coil_stream *handle, int in_fd, int64_t *offset, size_t count)
{
    struct coil_stream *stream;
    struct coil_task *self;
    struct coil__file_part part;
    ssize_t rc = coil__stream_enter(handle, &stream, &self);

    if (rc < 0) {
        return rc;
    }
    rc = coil__file_part_begin(&part, in_fd, offset, count);
    if (rc == 0) {
        rc = coil__stream_writable(stream);
    }
    rc = rc < 0 ? rc : coil__stream_take_turn(stream, self);
    if (rc == 0) {
        rc = coil__file_part_end(&part, send_to_stream(self, &part, stream));
        coil__stream_give_turn(stream);
    }
    coil__stream_leave(stream);
    return rc;
}
