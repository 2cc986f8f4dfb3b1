/* What the tests of a stream's writing half share: calls in tasks of their own, a reader that
 * checks what comes, and a peer that does not read. */
#ifndef COIL_TESTS_WRITE_SIDE_H
#define COIL_TESTS_WRITE_SIDE_H

#include "pair.h"

enum { BIG = 1000000, HOT = 64 * 1024 };

static char big[BIG] __attribute__((unused)); /* byte_at(0..) */

/* --- a writer, and a reader, in tasks of their own --- */

enum how { WRITE, DRAIN, FLUSH, WRITE_EOF, CLOSE };

struct job {
    struct coil_stream *stream;
    enum how how;
    const char *data;
    size_t size;
    ssize_t rc;
};

static inline ssize_t call(struct job *job)
{
    switch (job->how) {
    case WRITE:
        return coil_stream_write(job->stream, job->data, job->size);
    case DRAIN:
        return coil_stream_drain(job->stream);
    case FLUSH:
        return coil_stream_flush(job->stream);
    case WRITE_EOF:
        return coil_stream_write_eof(job->stream);
    default:
        return coil_stream_close(job->stream);
    }
}

static inline int run_job(void *arg)
{
    struct job *job = arg;

    job->rc = call(job);
    return 0;
}

static inline struct coil_task *start(struct job *job, struct coil_stream *stream, enum how how)
{
    *job = (struct job){.stream = stream, .how = how, .data = big, .size = BIG};
    return coil_create_task(run_job, job);
}

struct sink {
    struct coil_stream *stream;
    size_t count; /* bytes that came, in order */
    int rc;
};

static inline int run_sink(void *arg)
{
    struct sink *sink = arg;
    int rc = -ETIMEDOUT;

    coil_timeout(PATIENCE) {
        rc = read_rest(sink->stream, &sink->count);
    }
    sink->rc = (int)test_done(rc);
    return 0;
}

/* Everything that is written from here on is thrown away by the peer. */
static inline struct coil_task *start_sink(struct sink *sink, struct coil_stream *stream)
{
    *sink = (struct sink){.stream = stream};
    return coil_create_task(run_sink, sink);
}

/* Fills the connection, and the stream's queue up to its mark. Returns the bytes written. */
static inline size_t choke(struct coil_stream *stream)
{
    size_t total = 0;
    ssize_t rc = 0;

    /* The socket may take some more meanwhile: a delayed acknowledgement comes after 40 ms. */
    for (int tries = 0; tries < 2 && total + 1000 <= BIG; tries++) {
        coil_timeout(test_is_torture() ? 5 * COIL_MSEC : 30 * COIL_MSEC) {
            rc = coil_stream_write(stream, big + total, 1000);
        }
        if (rc > 0) {
            total += (size_t)rc;
            tries = -1;
        }
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    return total;
}

static inline void open_all(const struct coil_stream_options *options, struct coil_stream *s[2])
{
    fill_bytes(big, BIG);
    open_chokable(options, s);
}

#endif
