/* websocket_peer.c - what test_websocket.py talks to.
 *
 *     websocket_peer echo                    an echo server on a port of its own
 *     websocket_peer context                 the same, which keeps the context of compression
 *     websocket_peer client URL [context|plain]
 *                                            sends messages of many sizes, and wants them back
 */
#include <coil.h>
#include <coil/websocket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 700000 };

static struct coil_websocket_options options;
static const char *url;

static int echo(struct coil_http_exchange *exchange, void *user)
{
    static const char *const protocols[] = {"echo.v2", "echo.v1", NULL};
    struct coil_websocket_options mine = options;
    struct coil_websocket *ws;
    struct coil_websocket_message message;
    int rc;

    (void)user;
    mine.protocols = protocols;
    rc = coil_websocket_accept(exchange, &mine, &ws);
    if (rc <= 0) {
        return rc;
    }
    while ((rc = coil_websocket_receive(ws, &message)) > 0) {
        if (message.is_text && strcmp(message.data, "close") == 0) {
            return coil_websocket_close(ws, 4321, "as you wish");
        }
        if (message.is_text && strcmp(message.data, "ping") == 0) {
            coil_websocket_ping(ws, "are you there", 13);
        }
        rc = coil_websocket_send(ws, &message);
        if (rc < 0) {
            break;
        }
    }
    return rc;
}

static int serve(void *arg)
{
    struct coil_http_server *server;
    int rc = coil_http_server_start("127.0.0.1", 0, NULL, echo, NULL, &server);

    (void)arg;
    if (rc < 0) {
        return rc;
    }
    printf("listening on port %d\n", coil_http_server_get_port(server));
    fflush(stdout);
    coil_sleep(COIL_NEVER);
    coil_shield {
        rc = coil_http_server_close(server, 5 * COIL_SEC);
    }
    return rc;
}

static int talk(struct coil_websocket *ws, char *data)
{
    struct coil_websocket_message message;
    size_t size = 0;
    int rc = 0;

    while (rc >= 0 && size < LARGEST) {
        bool is_text = size % 2 == 0;

        for (size_t i = 0; i < size; i++) {
            data[i] = (char)('a' + (i * 2654435761U >> 20) % 9);
        }
        rc = is_text ? coil_websocket_send_text(ws, data, size)
                     : coil_websocket_send_binary(ws, data, size);
        rc = rc < 0 ? rc : coil_websocket_receive(ws, &message);
        if (rc == 1 && (message.size != size || message.is_text != is_text ||
                        memcmp(message.data, data, size) != 0)) {
            return -EBADMSG;
        }
        rc = rc == 0 ? -COIL_EINCOMPLETE : rc;
        size = size * 2 + 1 + size / 3;
    }
    return rc;
}

static int run_client(void *arg)
{
    struct coil_websocket *ws;
    char *data = malloc(LARGEST);
    int rc = data ? coil_websocket_connect(url, &options, &ws) : -ENOMEM;

    (void)arg;
    if (rc == 0) {
        rc = talk(ws, data);
        rc = rc < 0 ? rc : coil_websocket_close(ws, 1000, "done");
        printf("%s, %s, closed with %u\n", coil_errname(rc),
               coil_websocket_is_compressed(ws) ? "compressed" : "plain",
               coil_websocket_get_close_code(ws));
        coil_websocket_free(ws);
    } else {
        printf("%s\n", coil_errname(rc));
    }
    free(data);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return 2;
    }
    if (strcmp(argv[1], "client") == 0 && argc > 2) {
        url = argv[2];
        options.context_takeover = argc > 3;
        options.no_deflate = argc > 3 && strcmp(argv[3], "plain") == 0;
        return coil_run(run_client, NULL) < 0;
    }
    options.context_takeover = strcmp(argv[1], "context") == 0;
    return coil_run(serve, NULL) < 0;
}
