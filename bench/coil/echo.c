/* echo.c - the TCP echo server: a task per connection.
 *
 * Small messages are read into a buffer on the task's stack. A connection whose first message is
 * larger (seen by peeking, before anything is read) is served from the buffer that the loop lends,
 * which all connections share.
 */
#include "bench.h"

#include <stdio.h>
#include <sys/resource.h>

static int serve_large(struct coil_stream *stream)
{
    const char *data;
    ssize_t count;

    while ((count = coil_stream_peek(stream, 1, &data)) > 0) {
        if (coil_stream_write(stream, data, (size_t)count) < 0) {
            break;
        }
        coil_stream_consume(stream, (size_t)count);
    }
    return (int)count;
}

static int client(struct coil_stream *stream, void *user)
{
    char buf[1024];
    const char *data;
    ssize_t count = coil_stream_peek(stream, 1, &data);

    (void)user;
    if (count > (ssize_t)sizeof buf) {
        return serve_large(stream);
    }
    while ((count = coil_stream_read(stream, buf, sizeof buf)) > 0) {
        if (coil_stream_write(stream, buf, (size_t)count) < 0) {
            break;
        }
    }
    return (int)count;
}

int bench_echo(void *arg)
{
    struct coil_server_options options = {.backlog = 4096};
    struct rlimit limit;
    struct coil_server *server;
    int rc;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    rc = coil_start_server("127.0.0.1", (uint16_t) * (long *)arg, &options, client, NULL, &server);
    if (rc < 0) {
        return rc;
    }
    printf("ready\n");
    fflush(stdout);
    return coil_serve_forever(server);
}
