/* echo.c - the TCP echo server: a task per connection, streams with lent buffers.
 *
 * Each connection borrows what has arrived (peek), writes it back and gives it up (consume): the
 * bytes are received into one hot buffer and sent from there.
 */
#include "bench.h"

#include "bench.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

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

static int client(void *arg)
{
    struct coil_stream *stream = arg;

    if (getenv("ECHO_COPY")) {
        serve_copying(stream);
    } else {
        serve_lending(stream);
    }
    coil_stream_close(stream);
    return 0;
}

int bench_echo(void *arg)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)*(long *)arg),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0) {
        perror("bind");
        return -1;
    }
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct coil_stream *stream;
        int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK);

        if (conn < 0) {
            coil_poll(fd, 1);
            continue;
        }
        setsockopt(conn, IPPROTO_TCP, 1, &one, sizeof one);
        if (coil_stream_open(conn, NULL, &stream) == 0) {
            coil_detach(coil_create_task(client, stream));
        }
    }
}
