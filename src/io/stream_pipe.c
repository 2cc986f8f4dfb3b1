/* stream_pipe.c - streams over pipes, terminals, devices and files: a transport over one
 * descriptor to read from and one to write to, which may be the same, or missing.
 *
 * Nothing is queued. Reading and writing are tried (sys/pipe.h), and waited for by a poll; a
 * file is read ahead by whoever waits for it, because a file cannot be polled.
 *
 * A descriptor is closed only when no poll of ours is under way on it: with the transport, or, for
 * the end of what is written, by whoever is last in such a poll.
 */
#include "base/memory.h"
#include "io/file.h"
#include "io/stream.h"
#include "sys/pipe.h"
#include "sys/process.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { AHEAD = 64 * 1024 };

struct pipes {
    struct coil_transport transport;
    struct coil_loop *loop;
    struct coil__pipe in;
    struct coil__pipe out;
    bool in_is_adopted; /* by the backend; is out's where both are the same */
    bool out_is_adopted;
    bool closes_out;        /* once nobody polls it any more */
    bool has_file_end;      /* the file that is read was at its end */
    int file_error;         /* or reading it ahead has failed: told by the next receive */
    struct coil_op *reader; /* polls: `in`, or `out` for being broken */
    struct coil_op *writer; /* polls `out` */
    char *ahead;            /* of a file; AHEAD bytes or NULL */
    size_t ahead_start;
    size_t ahead_end;
};

static struct pipes *pipes_of(const struct coil_transport *transport)
{
    return COIL__CONTAINER((struct coil_transport *)(uintptr_t)transport, struct pipes, transport);
}

static bool is_one(const struct pipes *pipes)
{
    return pipes->in.way != COIL__PIPE_NONE && pipes->in.fd == pipes->out.fd;
}

/* --- descriptors --- */

static void close_fd(struct pipes *pipes, struct coil__pipe *pipe, bool is_adopted)
{
    struct coil__backend *backend = pipes->loop->backend;

    if (pipe->way == COIL__PIPE_NONE) {
        return;
    }
    if (is_adopted && !pipes->loop->is_forked) {
        backend->class->release(backend, pipe->fd);
    }
    coil__net_os.close(backend, pipe->fd);
    pipe->way = COIL__PIPE_NONE;
}

/* What cannot be watched (a file, a device) need not be: it never has to be waited for. */
static int adopt(struct coil_loop *loop, const struct coil__pipe *pipe, bool *ret_is_adopted)
{
    struct coil__backend *backend = loop->backend;
    int rc = pipe->way == COIL__PIPE_NONE || pipe->way == COIL__PIPE_FILE
                 ? -EPERM
                 : backend->class->adopt(backend, pipe->fd);

    *ret_is_adopted = rc == 0;
    return rc == -EPERM ? 0 : rc;
}

/* Closes the writing end, now or when nobody polls it any more. */
static void close_out(struct pipes *pipes)
{
    bool is_polled_for_break = pipes->in.way == COIL__PIPE_NONE && pipes->reader;

    if (!pipes->writer && !is_polled_for_break) {
        close_fd(pipes, &pipes->out, pipes->out_is_adopted);
        return;
    }
    pipes->closes_out = true;
    if (is_polled_for_break) {
        coil__op_interrupt(pipes->reader);
    }
}

/* --- waiting --- */

/* Waits for events on fd; *place shows the operation meanwhile. 0, or a cancel's reason. */
static int wait_for(struct pipes *pipes, int fd, short events, struct coil_op **place,
                    const char *what)
{
    struct coil_op op = {.kind_ = COIL__OP_POLL, .fd_ = fd, .flags_ = events};
    struct coil_task *self = coil__thread.task;
    ssize_t rc;

    *place = &op;
    rc = coil__op_wait(self, &op, what);
    *place = NULL;
    if (pipes->closes_out) {
        close_out(pipes);
    }
    return rc == -ECANCELED && !self->cancel ? 0 : rc < 0 ? (int)rc : 0;
}

/* --- reading --- */

static ssize_t receive_file(struct pipes *pipes, void *buf, size_t size)
{
    struct coil_op op = {
        .kind_ = COIL__OP_READ, .fd_ = pipes->in.fd, .buf_ = buf, .size_ = size, .offset_ = -1};
    size_t count = pipes->ahead_end - pipes->ahead_start;

    if (count > 0) {
        count = count < size ? count : size;
        memcpy(buf, pipes->ahead + pipes->ahead_start, count);
        pipes->ahead_start += count;
        return (ssize_t)count;
    }
    if (pipes->file_error || pipes->has_file_end) {
        return pipes->file_error;
    }
    return coil__os_read_cached(&op);
}

static ssize_t pipes_receive(struct coil_transport *transport, void *buf, size_t size)
{
    struct pipes *pipes = pipes_of(transport);

    switch (pipes->in.way) {
    case COIL__PIPE_FILE:
        return receive_file(pipes, buf, size);
    case COIL__PIPE_NONE:
        if (pipes->out.way == COIL__PIPE_FILE) {
            return -EBADF;
        }
        return pipes->out.way == COIL__PIPE_NONE || coil__pipe_is_broken(&pipes->out) ? 0 : -EAGAIN;
    default:
        return coil__pipe_read(&pipes->in, buf, size);
    }
}

static int read_ahead(struct pipes *pipes)
{
    struct coil_task *self = coil__thread.task;
    struct coil_op op = {
        .kind_ = COIL__OP_READ, .fd_ = pipes->in.fd, .size_ = AHEAD, .offset_ = -1};
    ssize_t count;

    if (!pipes->ahead) {
        pipes->ahead = coil__malloc(AHEAD);
        if (!pipes->ahead) {
            return -ENOMEM;
        }
    }
    op.buf_ = pipes->ahead;
    count = coil__file_transfer(self, &op, "stream read");
    if (count >= 0) {
        pipes->ahead_start = 0;
        pipes->ahead_end = (size_t)count;
        pipes->has_file_end = count == 0;
    } else if (!self->cancel && count != -ENOMEM) {
        pipes->file_error = (int)count;
        count = 0;
    }
    return count < 0 ? (int)count : 0;
}

static int pipes_wait_readable(struct coil_transport *transport)
{
    struct pipes *pipes = pipes_of(transport);

    switch (pipes->in.way) {
    case COIL__PIPE_FILE:
        return read_ahead(pipes);
    case COIL__PIPE_NONE:
        return wait_for(pipes, pipes->out.fd, 0, &pipes->reader, "pipe reader's end");
    default:
        return wait_for(pipes, pipes->in.fd, POLLIN, &pipes->reader, "pipe read");
    }
}

/* --- writing --- */

static ssize_t pipes_send(struct coil_transport *transport, const void *buf, size_t size)
{
    return coil__pipe_write(&pipes_of(transport)->out, buf, size);
}

static ssize_t write_file(struct coil_transport *transport, const void *buf, size_t size)
{
    struct coil_op op = {.kind_ = COIL__OP_WRITE,
                         .fd_ = pipes_of(transport)->out.fd,
                         .buf_ = (void *)(uintptr_t)buf,
                         .size_ = size,
                         .offset_ = -1};

    return coil__file_transfer(coil__thread.task, &op, "stream write");
}

/* What the system has not taken is not accepted. */
static size_t pipes_get_size(const struct coil_transport *transport)
{
    (void)transport;
    return 0;
}

static int pipes_drain(struct coil_transport *transport, size_t threshold)
{
    struct pipes *pipes = pipes_of(transport);

    (void)threshold;
    if (pipes->out.way == COIL__PIPE_NONE || pipes->out.way == COIL__PIPE_FILE) {
        return 0;
    }
    return wait_for(pipes, pipes->out.fd, POLLOUT, &pipes->writer, "pipe write");
}

static int pipes_write_eof(struct coil_transport *transport)
{
    struct pipes *pipes = pipes_of(transport);
    int rc = pipes->out.way == COIL__PIPE_SOCKET ? coil__pipe_shut(&pipes->out) : 0;

    if (!is_one(pipes)) {
        close_out(pipes);
    }
    return rc == -ENOTCONN ? -EPIPE : rc; /* the peer is gone */
}

/* --- the end --- */

static void pipes_abort(struct coil_transport *transport)
{
    struct pipes *pipes = pipes_of(transport);

    coil__op_interrupt(pipes->reader);
    coil__op_interrupt(pipes->writer);
}

static void pipes_free(struct coil_transport *transport)
{
    struct pipes *pipes = pipes_of(transport);

    if (is_one(pipes)) {
        pipes->out.way = COIL__PIPE_NONE;
    }
    close_fd(pipes, &pipes->in, pipes->in_is_adopted);
    close_fd(pipes, &pipes->out, pipes->out_is_adopted);
    coil__free(pipes->ahead);
    coil__free(pipes);
}

static int pipes_get_fd(const struct coil_transport *transport)
{
    const struct pipes *pipes = pipes_of(transport);

    if (pipes->in.way != COIL__PIPE_NONE) {
        return pipes->in.fd;
    }
    return pipes->out.way != COIL__PIPE_NONE ? pipes->out.fd : -EBADF;
}

#define CALLS                                                                                      \
    .receive = pipes_receive, .wait_readable = pipes_wait_readable, .send = pipes_send,            \
    .drain = pipes_drain, .write_eof = pipes_write_eof, .abort = pipes_abort, .free = pipes_free,  \
    .get_write_buffer_size = pipes_get_size, .get_fd = pipes_get_fd

static const struct coil_transport_class pipes_class = {.name = "pipe", CALLS};
static const struct coil_transport_class to_file_class = {
    .name = "file", CALLS, .write = write_file};

/* --- opening --- */

static void close_given(int read_fd, int write_fd)
{
    coil__pipe_close(read_fd);
    if (write_fd != read_fd) {
        coil__pipe_close(write_fd);
    }
}

/* Consumes the descriptors. Either pipe may be NONE. */
static int open_stream(const struct coil__pipe *in, const struct coil__pipe *out,
                       const struct coil_stream_options *options, struct coil_stream **ret_stream)
{
    struct coil_loop *loop = coil__thread.loop;
    struct pipes *pipes = coil__calloc(1, sizeof *pipes);
    int rc;

    if (!pipes) {
        close_given(in->way ? in->fd : -1, out->way ? out->fd : -1);
        return -ENOMEM;
    }
    *pipes = (struct pipes){.loop = loop, .in = *in, .out = *out};
    pipes->transport.class_ = out->way == COIL__PIPE_FILE ? &to_file_class : &pipes_class;
    rc = adopt(loop, in, &pipes->in_is_adopted);
    if (rc == 0 && !is_one(pipes)) {
        rc = adopt(loop, out, &pipes->out_is_adopted);
    }
    if (rc < 0) {
        pipes_free(&pipes->transport);
        return rc;
    }
    return coil_stream_open_transport(&pipes->transport, options, ret_stream);
}

static int look(int read_fd, int write_fd, struct coil__pipe *ret_in, struct coil__pipe *ret_out)
{
    int rc = 0;

    if (read_fd < 0 && write_fd < 0) {
        return -EINVAL;
    }
    if (read_fd >= 0) {
        rc = coil__pipe_open(read_fd, false, ret_in);
    }
    if (rc == 0 && write_fd >= 0) {
        rc = coil__pipe_open(write_fd, true, ret_out);
    }
    return rc;
}

int coil_stream_open_pipes(int read_fd, int write_fd, const struct coil_stream_options *options,
                           struct coil_stream **ret_stream)
{
    struct coil__pipe in = {0};
    struct coil__pipe out = {0};
    int rc = !coil__thread.loop ? coil__no_task()
             : ret_stream       ? look(read_fd, write_fd, &in, &out)
                                : -EINVAL;

    if (rc < 0) {
        close_given(read_fd, write_fd);
        return rc;
    }
    return open_stream(&in, &out, options, ret_stream);
}

int coil__stream_open_descriptor(int fd, const struct coil_stream_options *options,
                                 struct coil_stream **ret_stream)
{
    struct coil__pipe in = {0};
    struct coil__pipe out = {0};
    int rc = ret_stream ? coil__pipe_open_both(fd, &in, &out) : -EINVAL;

    if (rc < 0) {
        close_given(fd, -1);
        return rc;
    }
    return open_stream(&in, &out, options, ret_stream);
}

int coil_stream_open_stdio(const struct coil_stream_options *options,
                           struct coil_stream **ret_stream)
{
    int fds[2];

    if (!coil__thread.loop) {
        return coil__no_task();
    }
    fds[0] = coil__process_lift(0);
    if (fds[0] < 0) {
        return fds[0];
    }
    fds[1] = coil__process_lift(1);
    if (fds[1] < 0) {
        close_given(fds[0], -1);
        return fds[1];
    }
    return coil_stream_open_pipes(fds[0], fds[1], options, ret_stream);
}
