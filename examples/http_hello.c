/* http_hello.c - an HTTP server that greets, echoes and counts.
 *
 *     http_hello [PORT]          8080; 0 picks one
 *
 *     GET  /            "Hello, World!"
 *     GET  /hello?NAME  a greeting
 *     POST /echo        the body, as it comes in
 *     GET  /count       a line each tenth of a second, five times
 *
 * SIGINT closes it: requests under way are finished first.
 */
#include <coil.h>
#include <coil/http_server.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hello(struct coil_http_exchange *exchange)
{
    const char *name = coil_http_query(exchange);
    char text[128];

    snprintf(text, sizeof text, "Hello, %.99s!\n", name && *name ? name : "World");
    return coil_http_reply(exchange, 200, "text/plain", text, strlen(text));
}

static int echo(struct coil_http_exchange *exchange)
{
    char buf[16 * 1024];
    ssize_t n;
    int rc = coil_http_begin(exchange, 200, coil_http_get_field(exchange, "Content-Type"),
                             coil_http_body_size(exchange));

    if (rc < 0) {
        return rc;
    }
    while ((n = coil_http_read(exchange, buf, sizeof buf)) > 0) {
        n = coil_http_write(exchange, buf, (size_t)n);
        if (n < 0) {
            break;
        }
    }
    return (int)n;
}

static int count(struct coil_http_exchange *exchange)
{
    int rc = coil_http_begin(exchange, 200, "text/plain", -1);

    for (int i = 1; rc >= 0 && i <= 5; i++) {
        char line[16];

        snprintf(line, sizeof line, "%d\n", i);
        rc = (int)coil_http_write(exchange, line, strlen(line));
        rc = rc < 0 ? rc : coil_http_flush(exchange);
        rc = rc < 0 ? rc : coil_sleep(100 * COIL_MSEC);
    }
    return rc;
}

static int handle(struct coil_http_exchange *exchange, void *user)
{
    const char *path = coil_http_path(exchange);

    (void)user;
    if (strcmp(path, "/") == 0 || strcmp(path, "/hello") == 0) {
        return hello(exchange);
    }
    if (strcmp(path, "/echo") == 0) {
        return echo(exchange);
    }
    if (strcmp(path, "/count") == 0) {
        return count(exchange);
    }
    return coil_http_reply(exchange, 404, "text/plain", "There is nothing here.\n", 23);
}

static int serve(void *arg)
{
    struct coil_http_server *server;
    int rc = coil_http_server_start(NULL, *(const uint16_t *)arg, NULL, handle, NULL, &server);

    if (rc < 0) {
        fprintf(stderr, "http_hello: %s\n", coil_strerror(rc));
        return rc;
    }
    printf("listening on port %d\n", coil_http_server_get_port(server));
    fflush(stdout);
    coil_sleep(COIL_NEVER); /* until SIGINT cancels it */
    coil_shield {
        rc = coil_http_server_close(server, 5 * COIL_SEC);
    }
    return rc;
}

int main(int argc, char **argv)
{
    uint16_t port = argc > 1 ? (uint16_t)strtoul(argv[1], NULL, 10) : 8080;

    return coil_run(serve, &port) < 0;
}
