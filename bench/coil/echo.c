/* echo.c - the TCP echo server: a task per connection, streams with lent buffers.
 *
 * Each connection borrows what has arrived (peek), writes it back and gives it up (consume): the
 * bytes are received into one hot buffer and sent from there. With ECHO_COPY set it reads into a
 * buffer on its stack instead.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

static int serve_copying(struct coil_stream *stream)
{
    char buf[4096];
    ssize_t count;

    while ((count = coil_stream_read(stream, buf, sizeof buf)) > 0) {
        if (coil_stream_write(stream, buf, (size_t)count) < 0) {
            break;
        }
    }
    return (int)count;
}

static int serve_lending(struct coil_stream *stream)
{
    const char *data;
    ssize_t count;

    while ((count = coil_stream_peek(stream, 1, &data)) > 0) {
        if (coil_stream_write(stream, data, (size_t)count) < 0 ||
            coil_stream_consume(stream, (size_t)count) < 0) {
            break;
        }
    }
    return (int)count;
}

static int client(struct coil_stream *stream, void *user)
{
    const bool *is_copying = user;

    return *is_copying ? serve_copying(stream) : serve_lending(stream);
}

int bench_echo(void *arg)
{
    bool is_copying = getenv("ECHO_COPY") != NULL;
    struct coil_server_options options = {.backlog = 4096};
    struct coil_server *server;
    int rc = coil_start_server("127.0.0.1", (uint16_t)*(long *)arg, &options, client, &is_copying,
                               &server);

    if (rc < 0) {
        return rc;
    }
    printf("ready\n");
    fflush(stdout);
    return coil_serve_forever(server);
}
