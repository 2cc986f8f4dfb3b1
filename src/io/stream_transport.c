/* stream_transport.c - a stream over a transport: what stands in for the socket's system calls.
 *
 * Nothing is queued here, the transport does that; what is received ahead stands in `in` as
 * with sockets. The transport is called by one task at a time in each direction: the reader is
 * alone anyway, who writes has the turn, and of those who wait for the queue to sink one is
 * inside (`is_draining`) while the others wait for it in `drainers`, to look again then.
 *
 * Once the stream is shut (`is_closing`) nothing of the transport is called but free, when the
 * last one has left.
 */
#include "io/stream.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

static const struct coil_transport_class *class_of(const struct coil_stream *stream)
{
    return stream->transport->class_;
}

/* Why a wait was in vain: cancelled, or closed by somebody else. */
static int end_error(struct coil_task *self)
{
    return self->cancel ? coil__cancel_error(self) : -COIL_ECLOSED;
}

/* --- reading --- */

ssize_t coil__transport_attempt(struct coil_stream *stream, void *buf, size_t size)
{
    return stream->is_closing ? -COIL_ECLOSED
                              : class_of(stream)->receive(stream->transport, buf, size);
}

int coil__transport_wait_readable(struct coil_stream *stream, struct coil_task *self)
{
    int rc;

    if (stream->is_closing || self->cancel) {
        return end_error(self);
    }
    rc = class_of(stream)->wait_readable(stream->transport);
    if (rc == 0) {
        coil__spend(self); /* it may have had no reason to suspend */
    }
    if (stream->is_closing) {
        return end_error(self);
    }
    return rc < 0 && self->cancel ? coil__cancel_error(self) : rc;
}

ssize_t coil__transport_receive(struct coil_stream *stream, struct coil_task *self, void *buf,
                                size_t size)
{
    for (;;) {
        ssize_t count = coil__transport_attempt(stream, buf, size);
        int rc;

        if (count != -EAGAIN) {
            coil__stream_note(stream, count, size);
            coil__spend(self);
            return count;
        }
        rc = coil__transport_wait_readable(stream, self);
        if (rc < 0) {
            return rc;
        }
    }
}

/* --- waiting for the queue --- */

/* Fails the stream for good, unless the error is of passing nature. */
static void keep_error(struct coil_stream *stream, int error)
{
    if (error != -ENOMEM && !stream->is_closing) {
        coil__stream_fail(stream, error);
    }
}

/* Lets those look again who have waited for the transport to be free. */
static void leave_transport(struct coil_stream *stream)
{
    stream->is_draining = false;
    coil__stream_wake_writers(stream);
}

/* Drains, or waits for another task that does. 0: look again. */
static int drain(struct coil_stream *stream, struct coil_task *self, size_t threshold)
{
    int rc;

    if (self->cancel) {
        return coil__cancel_error(self);
    }
    if (stream->is_draining) {
        return coil__stream_wait_in(&stream->drainers, self, threshold, "stream drain");
    }
    stream->is_draining = true;
    rc = class_of(stream)->drain(stream->transport, threshold);
    if (rc == 0) {
        coil__spend(self);
    } else if (self->cancel) {
        rc = coil__cancel_error(self);
    } else {
        keep_error(stream, rc);
    }
    leave_transport(stream);
    return stream->is_closing ? end_error(self) : rc;
}

int coil__transport_wait_queued(struct coil_stream *stream, struct coil_task *self,
                                size_t threshold)
{
    int rc = coil__stream_state_error(stream);

    while (rc == 0 && coil__stream_queued(stream) > threshold) {
        rc = drain(stream, self, threshold);
        rc = rc < 0 ? rc : coil__stream_state_error(stream);
    }
    return rc;
}

/* --- writing --- */

ssize_t coil__transport_try_write(struct coil_stream *stream, const void *data, size_t size)
{
    ssize_t count = class_of(stream)->send(stream->transport, data, size);

    if (count < 0 && count != -EAGAIN) {
        keep_error(stream, (int)count);
    }
    return count;
}

/* What there is room for below the mark; -EAGAIN: there is none. */
static ssize_t send_some(struct coil_stream *stream, const char *data, size_t size)
{
    size_t queued = coil__stream_queued(stream);
    size_t room = queued < stream->high_water ? stream->high_water - queued : 0;

    return room > 0 ? coil__transport_try_write(stream, data, size < room ? size : room) : -EAGAIN;
}

static int wait_for_room(struct coil_stream *stream, struct coil_task *self)
{
    size_t queued = coil__stream_queued(stream);
    size_t less = queued > 0 ? queued - 1 : 0;

    return drain(stream, self, less < stream->low_water ? less : stream->low_water);
}

/* Lent data does not outlive a wait: a copy of the rest does. */
static int outlive_wait(const struct coil_stream *stream, const char **data, size_t size,
                        char **ret_copy)
{
    if (!coil__stream_is_in_hot(stream, *data)) {
        return 0;
    }
    *ret_copy = coil__malloc(size);
    if (!*ret_copy) {
        return -ENOMEM;
    }
    *data = memcpy(*ret_copy, *data, size);
    return 0;
}

/* By the transport's own way to wait. */
static ssize_t write_waiting(struct coil_stream *stream, struct coil_task *self, const char *data,
                             size_t size)
{
    ssize_t count = class_of(stream)->write(stream->transport, data, size);

    if (count < 0 && self->cancel) {
        return coil__cancel_error(self);
    }
    if (count < 0) {
        keep_error(stream, (int)count);
    }
    return count;
}

/* A step of a write: the count, or 0 after having waited for room. */
static ssize_t write_some(struct coil_stream *stream, struct coil_task *self, const char **data,
                          size_t size, char **ret_copy)
{
    bool waits = class_of(stream)->write;
    ssize_t rc = waits ? -EAGAIN : send_some(stream, *data, size);

    if (rc == -EAGAIN) {
        rc = outlive_wait(stream, data, size, ret_copy);
        if (rc == 0) {
            rc = waits ? write_waiting(stream, self, *data, size) : wait_for_room(stream, self);
        }
    }
    return rc;
}

ssize_t coil__transport_write_all(struct coil_stream *stream, struct coil_task *self,
                                  const char *data, size_t size)
{
    size_t left = size;
    char *copy = NULL;
    ssize_t rc = 0;

    while (left > 0) {
        rc = coil__stream_state_error(stream);
        if (rc == 0 && self->cancel) {
            rc = coil__cancel_error(self);
        }
        rc = rc < 0 ? rc : write_some(stream, self, &data, left, &copy);
        if (rc < 0) {
            break;
        }
        data += rc;
        left -= (size_t)rc;
    }
    coil__free(copy);
    return left < size ? (ssize_t)(size - left) : rc;
}

/* --- the end --- */

void coil__transport_send_eof(struct coil_stream *stream)
{
    int rc;

    stream->is_shut_down = true;
    if (stream->is_closing) {
        return;
    }
    rc = class_of(stream)->write_eof(stream->transport);
    if (rc < 0) {
        coil__stream_fail(stream, rc);
    }
}

/* Another task closes the stream as well: its close is the one that counts. */
static void wait_for_other_close(struct coil_stream *stream, struct coil_task *self)
{
    int rc = 0;

    while (rc == 0 && self && !self->cancel && stream->is_draining && !stream->is_closing) {
        rc = coil__stream_wait_in(&stream->drainers, self, 0, "stream close");
    }
}

/* Waits until everything is handed over, and nobody is in drain if the transport has a close. */
static int settle(struct coil_stream *stream, struct coil_task *self)
{
    int rc;

    do {
        rc = coil__transport_wait_queued(stream, self, 0);
        if (rc < 0 || !stream->is_draining || !class_of(stream)->close) {
            break;
        }
        rc = coil__stream_wait_in(&stream->drainers, self, 0, "stream close");
    } while (rc == 0);
    return rc < 0 ? rc : self->cancel ? coil__cancel_error(self) : 0;
}

static int drain_rest(struct coil_stream *stream, struct coil_task *self)
{
    int rc = 0;

    while (rc == 0 && !stream->is_closing && coil__stream_queued(stream) > 0) {
        rc = drain(stream, self, 0);
    }
    return rc < 0 ? rc : stream->is_closing ? end_error(self) : 0;
}

/* All was handed over. Where nothing can be waited for, the end is at least accepted. */
static int end_in_order(struct coil_stream *stream, struct coil_task *self)
{
    const struct coil_transport_class *class = class_of(stream);
    bool has_ended = stream->is_shut_down;
    int rc = 0;

    coil__stream_fail(stream, -COIL_ECLOSED); /* whoever is about to write gives up */
    if (class->write_eof && !has_ended) {
        rc = class->write_eof(stream->transport);
    }
    if (rc == 0 && (class->close || coil__stream_queued(stream) > 0)) {
        rc = !self ? -COIL_ENOTASK : drain_rest(stream, self);
        rc = rc == 0 && self->cancel ? coil__cancel_error(self) : rc;
    }
    if (rc == 0 && class->close) {
        stream->is_draining = true;
        rc = class->close(stream->transport);
        leave_transport(stream);
        rc = rc < 0 && self->cancel ? coil__cancel_error(self) : rc;
    }
    return rc;
}

int coil__transport_close(struct coil_stream *stream, struct coil_task *self)
{
    bool can_wait = self && !self->cancel;
    int rc = stream->write_error;

    if (rc < 0) {
        if (rc == -COIL_ECLOSED) {
            wait_for_other_close(stream, self);
        }
        return rc;
    }
    stream->has_eof_queued = true; /* no more writes */
    if (can_wait) {
        rc = settle(stream, self);
    } else if (coil__stream_queued(stream) > 0) {
        rc = self ? coil__cancel_error(self) : -COIL_ENOTASK;
    }
    return rc < 0 ? rc : end_in_order(stream, self);
}
