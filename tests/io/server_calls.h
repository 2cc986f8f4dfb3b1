/* A server that echoes, and its clients, for the tests of servers. */
#ifndef COIL_TESTS_SERVER_CALLS_H
#define COIL_TESTS_SERVER_CALLS_H

#include "in_task.h"

/* --- client functions --- */

struct log {
    int started;
    int ended;
    int rc;
    int highest; /* clients at once */
};

static struct log seen;

static inline int echo(struct coil_stream *stream, void *user)
{
    char buf[256];
    ssize_t n;

    seen.started++;
    seen.highest =
        seen.started - seen.ended > seen.highest ? seen.started - seen.ended : seen.highest;
    while ((n = coil_stream_read(stream, buf, sizeof buf)) > 0) {
        n = coil_stream_write(stream, buf, (size_t)n);
        if (n < 0) {
            break;
        }
    }
    seen.ended++;
    seen.rc = (int)n;
    return user ? *(int *)user : (int)n;
}

/* --- helpers --- */

static inline struct coil_server *serve(const struct coil_server_options *options,
                                        coil_client_fn fn, void *user)
{
    struct coil_server *server = NULL;

    seen = (struct log){0};
    CHECK_OK(coil_start_server("127.0.0.1", 0, options, fn, user, &server));
    return server;
}

static inline struct coil_stream *join(const struct coil_server *server)
{
    struct coil_stream *stream = NULL;
    int port = coil_server_get_port(server);

    CHECK_OK(coil_open_connection("127.0.0.1", (uint16_t)port, NULL, &stream));
    return stream;
}

static inline void say(struct coil_stream *stream)
{
    char buf[8] = "";

    CHECK_INT(coil_stream_write(stream, "hello", 5), ==, 5);
    CHECK_INT(coil_stream_read_exactly(stream, buf, 5, NULL), ==, 5);
    CHECK_MEM(buf, "hello", 5);
}

static inline void wait_for_count(const struct coil_server *server, size_t count)
{
    for (int i = 0; i < 1000 && coil_server_client_count(server) != count; i++) {
        coil_sleep(COIL_MSEC);
    }
    CHECK_INT(coil_server_client_count(server), ==, (int64_t)count);
}

#endif
