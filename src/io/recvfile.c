/* recvfile.c - what comes in on a stream, to a file.
 *
 * splice(2) takes the bytes from the socket into a pipe, and from there into the file, without a
 * copy in user space. The second half may wait for the disk, so both are made in a thread, as long
 * as the socket has something; then the task waits until it has more. What the stream had buffered
 * before goes first. Where splice cannot serve (a simulated socket, a file system that refuses, no
 * descriptors for the pipe), the bytes are received into a buffer and written from there.
 *
 * What was taken from the socket and does not get into the file, because the disk is full or a
 * cancel came, goes back into the stream, into the call's one buffer, which is there from the
 * start: so nothing is lost, and nothing is to be allocated when it is too late for that.
 */
#include "base/memory.h"
#include "io/file.h"
#include "io/stream.h"
#include "sys/process.h"

#include <errno.h>
#include <limits.h>

/* The pipe holds no more than one buffer does. */
enum { PIECE = 64 * 1024 };

/* What a trip says whose socket has nothing for now. (-EAGAIN: there was no thread.) */
enum { NOTHING = 1 };

/* Where the bytes go. */
struct sink {
    struct coil__file_part part;
    char *buf; /* PIECE bytes; NULL once the stream has it */
};

static int begin(struct sink *sink, int fd, int64_t *offset, size_t count)
{
    int64_t rc = coil__os_check_target(fd);

    rc = rc < 0 ? rc : coil__os_tell(fd); /* also with an offset: it must have positions */
    rc = rc < 0 ? rc : coil__file_part_begin(&sink->part, fd, offset, count);
    if (rc < 0) {
        return (int)rc;
    }
    sink->buf = coil__malloc(PIECE);
    return sink->buf ? 0 : -ENOMEM;
}

static ssize_t finish(struct sink *sink, ssize_t rc)
{
    coil__free(sink->buf);
    return coil__file_part_end(&sink->part, rc);
}

static size_t piece_of(const struct sink *sink)
{
    return sink->part.left < PIECE ? sink->part.left : PIECE;
}

/* --- by a buffer --- */

/* Writes bytes of the sink's buffer, all unless there is an error. Returns how many; *ret_rc: 0, or
 * what went wrong after them. */
static size_t write_piece(struct coil_task *self, struct sink *sink, size_t size, int *ret_rc)
{
    size_t done = 0;

    *ret_rc = 0;
    while (done < size && *ret_rc == 0) {
        struct coil_op op = {.kind_ = COIL__OP_WRITE,
                             .fd_ = sink->part.fd,
                             .buf_ = sink->buf + done,
                             .size_ = size - done,
                             .offset_ = sink->part.offset};
        ssize_t rc = self->cancel ? coil__cancel_error(self)
                                  : coil__file_transfer(self, &op, "stream recvfile");

        if (rc > 0) {
            done += (size_t)rc;
            coil__file_part_advance(&sink->part, rc);
        } else {
            *ret_rc = rc < 0 ? (int)rc : -EIO;
        }
    }
    return done;
}

/* What the stream has buffered already; it stays there until it is written. */
static int write_buffered(struct coil_task *self, struct sink *sink, struct coil_stream *stream)
{
    int rc = 0;

    while (sink->part.left > 0 && rc == 0) {
        size_t size = coil__stream_copy_buffered(stream, sink->buf, piece_of(sink));

        if (size == 0) {
            break;
        }
        coil__stream_take(stream, write_piece(self, sink, size, &rc));
    }
    return rc;
}

/* Bytes [done, size) of the buffer, and the buffer with them, become the stream's. */
static void give_back(struct sink *sink, struct coil_stream *stream, size_t done, size_t size)
{
    if (done < size) {
        coil__stream_give_back(stream, sink->buf, PIECE, done, size);
        sink->buf = NULL;
    }
}

static int copy(struct coil_task *self, struct sink *sink, struct coil_stream *stream)
{
    int rc = 0;

    while (sink->part.left > 0 && rc == 0) {
        ssize_t size = coil__stream_read_some(stream, self, sink->buf, piece_of(sink));

        if (size <= 0) {
            return (int)size;
        }
        give_back(sink, stream, write_piece(self, sink, (size_t)size, &rc), (size_t)size);
    }
    return rc;
}

/* --- by a pipe --- */

struct pull_job {
    struct sink *sink;
    int from;
    int pipe[2];
    size_t in_pipe;
    bool is_reading; /* it is the socket that the result is about */
    atomic_bool stop;
};

/* From the pipe to the file, all of it. */
static int empty_pipe(struct pull_job *job)
{
    while (job->in_pipe > 0) {
        ssize_t rc = coil__os_splice_out(job->pipe[0], job->sink->part.fd, job->sink->part.offset,
                                         job->in_pipe);

        if (rc <= 0) {
            return rc < 0 ? (int)rc : -EIO;
        }
        job->in_pipe -= (size_t)rc;
        coil__file_part_advance(&job->sink->part, rc);
    }
    return 0;
}

/* 0: all of it is there, or (is_reading) the stream is at its end; NOTHING. */
static int run_pull(void *arg)
{
    struct pull_job *job = arg;
    int rc = 0;

    while (rc == 0 && job->sink->part.left > 0) {
        ssize_t count = job->stop
                            ? -ECANCELED
                            : coil__os_splice_in(job->from, job->pipe[1], piece_of(job->sink));

        if (count == -EAGAIN) {
            return NOTHING;
        }
        if (count <= 0) {
            job->is_reading = true;
            return (int)count;
        }
        job->in_pipe = (size_t)count;
        rc = empty_pipe(job);
    }
    return rc;
}

static int pull_in_thread(struct coil_task *self, struct pull_job *job, struct coil_stream *stream)
{
    int rc;

    job->is_reading = false;
    stream->pull_stop = &job->stop;
    rc = coil__thread_wait(self, run_pull, job, &job->stop, "stream recvfile");
    stream->pull_stop = NULL;
    if (rc == -ECANCELED) {
        return self->cancel ? coil__cancel_error(self) : -COIL_ECLOSED;
    }
    if (job->is_reading && rc != -EINVAL) {
        return coil__stream_note(stream, rc, 0);
    }
    return rc;
}

/* What a failed write to the file has left in the pipe is written from the buffer, if it was but
 * the splice that the file refused, and else goes back. */
static int rescue(struct coil_task *self, struct pull_job *job, struct coil_stream *stream, int rc)
{
    struct sink *sink = job->sink;
    size_t size = 0;
    size_t done = 0;
    int write_rc = 0;

    while (size < job->in_pipe) {
        struct coil_op op = {.kind_ = COIL__OP_READ,
                             .fd_ = job->pipe[0],
                             .buf_ = sink->buf + size,
                             .size_ = job->in_pipe - size,
                             .offset_ = -1};
        ssize_t count = coil__os_call(&op); /* they are there: it does not wait */

        if (count <= 0) {
            stream->read_error = -EIO; /* some are lost: the stream is of no use any more */
            break;
        }
        size += (size_t)count;
    }
    if (rc == -EINVAL) {
        done = write_piece(self, sink, size, &write_rc);
    }
    give_back(sink, stream, done, size);
    return write_rc < 0 ? write_rc : rc;
}

/* -EINVAL: it must be done by a buffer. */
static int pull(struct coil_task *self, struct sink *sink, struct coil_stream *stream)
{
    struct pull_job job = {.sink = sink, .from = stream->fd};
    int rc = coil__process_pipe(job.pipe);

    if (rc < 0) {
        return -EINVAL;
    }
    do {
        rc = coil__stream_wait_readable(stream, self);
        rc = rc < 0 ? rc : pull_in_thread(self, &job, stream);
    } while (rc == NOTHING);
    if (job.in_pipe > 0) {
        rc = rescue(self, &job, stream, rc);
    }
    coil__os_close(job.pipe[0]);
    coil__os_close(job.pipe[1]);
    return rc;
}

/* --- the call --- */

static int receive(struct coil_task *self, struct sink *sink, struct coil_stream *stream)
{
    int rc = write_buffered(self, sink, stream);

    if (rc < 0 || sink->part.left == 0) {
        return rc;
    }
    if (stream->is_at_eof || stream->read_error < 0) {
        return stream->read_error;
    }
    rc = stream->loop->backend->is_simulated || stream->transport ? -EINVAL
                                                                  : pull(self, sink, stream);
    return rc == -EINVAL && sink->buf ? copy(self, sink, stream) : rc;
}

ssize_t coil_stream_recvfile(struct coil_stream *handle, int out_fd, int64_t *offset, size_t count)
{
    struct coil_stream *stream;
    struct coil_task *self;
    struct sink sink;
    ssize_t rc = coil__stream_begin_read(handle, &stream, &self);

    if (rc < 0) {
        return rc;
    }
    rc = begin(&sink, out_fd, offset, count);
    if (rc == 0) {
        rc = finish(&sink, receive(self, &sink, stream));
        coil__spend(self);
    }
    return coil__stream_end_read(stream, rc);
}
