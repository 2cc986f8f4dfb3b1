/* A transport over a stream, for tests: it passes on a few bytes at a time, says "not now" as often
 * as it is told to, fails where it is told to, and counts who called. */
#ifndef COIL_TESTS_SLOW_H
#define COIL_TESTS_SLOW_H

#include "write_side.h"

#include <coil/transport.h>

/* What a test looks at; outlives the transport. */
struct slow_log {
    int closes;
    int aborts;
    int frees;
    int readers;  /* in wait_readable now */
    int drainers; /* in drain now */
};

struct slow {
    struct coil_transport transport;
    struct coil_stream *lower; /* NULL once closed */
    struct slow_log *log;
    size_t piece;       /* bytes per call */
    unsigned reluctant; /* every so many calls it says -EAGAIN for no reason; 0: never */
    unsigned calls;
    bool has_eof; /* accepted, to be sent by drain */
    int receive_error;
    int send_error;
    int drain_error;
    int close_error;
};

static inline struct slow *slow_of(const struct coil_transport *transport)
{
    return (struct slow *)(uintptr_t)transport;
}

static inline bool slow_is_reluctant(struct slow *slow)
{
    return slow->reluctant > 0 && ++slow->calls % slow->reluctant == 0;
}

static ssize_t slow_receive(struct coil_transport *transport, void *buf, size_t size)
{
    struct slow *slow = slow_of(transport);

    CHECK_INT(slow->log->aborts, ==, 0);
    CHECK_INT(size, >, 0);
    if (slow->receive_error || slow_is_reluctant(slow)) {
        return slow->receive_error ? slow->receive_error : -EAGAIN;
    }
    return coil_stream_try_read(slow->lower, buf, size < slow->piece ? size : slow->piece);
}

static int slow_wait_readable(struct coil_transport *transport)
{
    struct slow *slow = slow_of(transport);
    const char *data;
    ssize_t rc;

    CHECK_INT(++slow->log->readers, ==, 1);
    rc = coil_stream_peek(slow->lower, 1, &data);
    slow->log->readers--;
    return rc < 0 ? (int)rc : 0;
}

static ssize_t slow_send(struct coil_transport *transport, const void *buf, size_t size)
{
    struct slow *slow = slow_of(transport);

    CHECK_INT(slow->log->aborts, ==, 0);
    CHECK_INT(size, >, 0);
    CHECK(!slow->has_eof);
    if (slow->send_error || slow_is_reluctant(slow)) {
        return slow->send_error ? slow->send_error : -EAGAIN;
    }
    return coil_stream_try_write(slow->lower, buf, size < slow->piece ? size : slow->piece);
}

static size_t slow_get_size(const struct coil_transport *transport)
{
    const struct slow *slow = slow_of(transport);

    return coil_stream_get_write_buffer_size(slow->lower) + slow->has_eof;
}

static int slow_drain(struct coil_transport *transport, size_t threshold)
{
    struct slow *slow = slow_of(transport);
    int rc;

    (void)threshold;
    CHECK_INT(++slow->log->drainers, ==, 1);
    rc = slow->drain_error ? slow->drain_error : coil_stream_flush(slow->lower);
    if (rc == 0 && slow->has_eof) {
        rc = coil_stream_write_eof(slow->lower);
        slow->has_eof = rc < 0;
    }
    slow->log->drainers--;
    return rc;
}

static int slow_write_eof(struct coil_transport *transport)
{
    struct slow *slow = slow_of(transport);

    CHECK(!slow->has_eof);
    slow->has_eof = true;
    return 0;
}

static int slow_close(struct coil_transport *transport)
{
    struct slow *slow = slow_of(transport);
    int rc;

    CHECK_INT(slow->log->aborts, ==, 0);
    CHECK_INT(++slow->log->closes, ==, 1);
    CHECK_INT(slow->log->drainers, ==, 0);
    rc = coil_yield();
    return slow->close_error ? slow->close_error : rc;
}

static void slow_abort(struct coil_transport *transport)
{
    struct slow *slow = slow_of(transport);

    CHECK_INT(++slow->log->aborts, ==, 1);
    coil_stream_abort(slow->lower);
}

static void slow_free(struct coil_transport *transport)
{
    struct slow *slow = slow_of(transport);

    CHECK_INT(++slow->log->frees, ==, 1);
    CHECK_INT(slow->log->readers + slow->log->drainers, ==, 0);
    free(slow);
}

static struct coil_stream *slow_get_lower(const struct coil_transport *transport)
{
    return slow_of(transport)->lower;
}

static const struct coil_transport_class slow_class = {
    .name = "slow",
    .receive = slow_receive,
    .wait_readable = slow_wait_readable,
    .send = slow_send,
    .drain = slow_drain,
    .write_eof = slow_write_eof,
    .abort = slow_abort,
    .free = slow_free,
    .get_write_buffer_size = slow_get_size,
    .get_lower = slow_get_lower,
};

/* The same with an orderly end, and without an end of its own for one direction. */
static const struct coil_transport_class closing_class = {
    .name = "closing",
    .receive = slow_receive,
    .wait_readable = slow_wait_readable,
    .send = slow_send,
    .drain = slow_drain,
    .close = slow_close,
    .abort = slow_abort,
    .free = slow_free,
    .get_write_buffer_size = slow_get_size,
};

static inline struct slow *slow_new(const struct coil_transport_class *class,
                                    struct coil_stream *lower, struct slow_log *log)
{
    struct slow *slow = test_made(calloc(1, sizeof *slow));

    *log = (struct slow_log){0};
    *slow = (struct slow){
        .transport.class_ = class, .lower = lower, .log = log, .piece = 1000, .reluctant = 3};
    return slow;
}

/* A stream over such a transport, and the stream at the far end of the wire. */
static inline struct slow *open_slow(const struct coil_transport_class *class,
                                     const struct coil_stream_options *options,
                                     struct slow_log *log, struct coil_stream *ret_streams[2])
{
    struct coil_stream *s[2];
    struct slow *slow;

    open_all(NULL, s);
    slow = slow_new(class, s[0], log);
    ret_streams[0] = NULL;
    ret_streams[1] = s[1];
    CHECK_OK(coil_stream_open_transport(&slow->transport, options, &ret_streams[0]));
    return slow;
}

#endif
