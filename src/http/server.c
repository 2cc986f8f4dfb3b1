/* server.c - servers: a coil_server whose clients are connections of one service. */
#include "http/http2.h"
#include "http/upgrade.h"

#include "base/memory.h"

#include <coil/task.h>
#include <coil/tls.h>

#include <errno.h>

enum { HIGH_WATER = 64 * 1024 }; /* of a stream, unless its options say otherwise */

struct coil_http_server {
    struct coil__http_service service;
    struct coil_server *sockets;
    bool is_closing;
};

/* A client that is too slow, or speaks no TLS, or has no protocol in common, is no news. */
static int start_tls(struct coil__http_service *service, struct coil_stream **stream)
{
    struct coil_tls_options options = {.handshake_timeout_ns = service->settings.head_timeout_ns};
    int rc = coil_tls_start(*stream, service->tls, &options, stream);

    return rc == -ENOMEM || rc == -EINVAL || coil_check_cancel() < 0 ? rc : rc < 0 ? 1 : 0;
}

/* Errors that a client has brought about stop here. What was written is sent before the stream is
 * closed, but not for as long as a client pleases that does not read. */
static int serve_client(struct coil_stream *stream, void *user)
{
    struct coil__http_service *service = user;
    int rc = service->tls ? start_tls(service, &stream) : 0;

    if (rc != 0) {
        return rc < 0 ? rc : 0;
    }
    rc = coil__http_serve(service, stream);
    if (rc < 0) {
        coil_stream_abort(stream);
        return rc == -ETIMEDOUT || rc == -ECONNABORTED || rc == -COIL_ECLOSED ||
                       rc == -COIL_ETLSTRUNCATED
                   ? 0
                   : rc;
    }
    coil_timeout(service->settings.write_timeout_ns) {
        coil_stream_close(stream);
    }
    return 0;
}

int coil_http_server_start(const char *host, uint16_t port,
                           const struct coil_http_server_options *options,
                           coil_http_handler handler, void *user,
                           struct coil_http_server **ret_server)
{
    struct coil_http_server *server;
    int rc;

    if (!handler || !ret_server) {
        return -EINVAL;
    }
    server = coil__calloc(1, sizeof *server);
    if (!server) {
        return -ENOMEM;
    }
    rc = coil__http_service_init(&server->service, options, handler, user);
    if (rc == 0) {
        size_t high_water = options ? options->server.stream.high_water : 0;

        server->service.room = high_water > 0 ? high_water : HIGH_WATER;
        rc = coil_start_server(host, port, options ? &options->server : NULL, serve_client,
                               &server->service, &server->sockets);
    }
    if (rc < 0) {
        coil__http_service_deinit(&server->service);
        coil__free(server);
        return rc;
    }
    *ret_server = server;
    return 0;
}

int coil_http_server_get_port(const struct coil_http_server *server)
{
    return coil_server_get_port(server ? server->sockets : NULL);
}

static bool is_client(const struct coil_http_server *server, const struct coil_task *task)
{
    COIL__LIST_FOREACH(&server->service.connections, link) {
        const struct coil__http_connection *conn =
            COIL__CONTAINER(link, struct coil__http_connection, link);

        if (conn->task == task || (conn->http2 && coil__http2_has_task(conn->http2, task))) {
            return true;
        }
    }
    return false;
}

/* The ends of connections that wait for a request, which then are as if it had not come in time;
 * and WebSockets are told. */
static void close_idle(struct coil_http_server *server)
{
    COIL__LIST_FOREACH(&server->service.connections, link) {
        struct coil__http_connection *conn =
            COIL__CONTAINER(link, struct coil__http_connection, link);

        if (conn->is_idle && conn->wait) {
            coil_scope_cancel(conn->wait);
        }
        coil__http_upgrade_go_away(conn);
    }
}

int coil_http_server_close(struct coil_http_server *server, int64_t grace_ns)
{
    int rc;

    if (!server) {
        return 0;
    }
    rc = coil_server_get_port(server->sockets);
    if (rc == -COIL_ECLOSED || rc == -COIL_ENOLOOP || server->is_closing) {
        return rc < 0 ? rc : -COIL_ECLOSED;
    }
    if (!coil_current_task() || is_client(server, coil_current_task())) {
        return coil_current_task() ? -EDEADLK : -COIL_ENOTASK;
    }
    server->is_closing = true;
    server->service.is_closing = true;
    close_idle(server);
    rc = coil_server_shutdown(server->sockets, grace_ns);
    coil__http_service_deinit(&server->service);
    coil__free(server);
    return rc;
}

int coil_http_serve(const char *host, uint16_t port, const struct coil_http_server_options *options,
                    coil_http_handler handler, void *user)
{
    struct coil_http_server *server;
    int rc = coil_http_server_start(host, port, options, handler, user, &server);

    if (rc < 0) {
        return rc;
    }
    rc = coil_serve_forever(server->sockets);
    coil_shield {
        coil_http_server_close(server, COIL_SEC);
    }
    return rc;
}

int coil_http_serve_stream(struct coil_stream *stream,
                           const struct coil_http_server_options *options,
                           coil_http_handler handler, void *user)
{
    struct coil__http_service service;
    int rc = coil_current_task() ? 0 : -COIL_ENOTASK;

    rc = rc < 0 ? rc : coil__http_service_init(&service, options, handler, user);
    if (rc == 0) {
        rc = coil__http_serve(&service, stream);
        coil__http_service_deinit(&service);
    }
    return rc;
}
