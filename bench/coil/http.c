/* http.c - "Hello, World!" over HTTP; linked with libcoil-http.
 *
 *     coil_bench_http hello PORT     serves on 127.0.0.1, prints "ready"
 *
 * Written as a user would: public headers only, the default options.
 */
#include <coil.h>
#include <coil/http_server.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hello(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    return coil_http_reply(exchange, 200, "text/plain", "Hello, World!", 13);
}

static int serve(void *arg)
{
    struct coil_http_server_options options = {.server.backlog = 4096};
    struct coil_http_server *server;
    int rc =
        coil_http_server_start("127.0.0.1", *(const uint16_t *)arg, &options, hello, NULL, &server);

    if (rc < 0) {
        return rc;
    }
    printf("ready\n");
    fflush(stdout);
    coil_sleep(COIL_NEVER);
    coil_shield {
        rc = coil_http_server_close(server, 0);
    }
    return rc;
}

int main(int argc, char **argv)
{
    uint16_t port;

    if (argc != 3 || strcmp(argv[1], "hello") != 0) {
        fprintf(stderr, "usage: coil_bench_http hello PORT\n");
        return 2;
    }
    port = (uint16_t)strtoul(argv[2], NULL, 10);
    return coil_run(serve, &port) < 0;
}
