/* connection.c - the life of a connection: wait for a request, call the handler, see that it is
 * answered, drop what nobody has read, and begin anew.
 *
 * It ends when the client wants that, or the server does, or when nobody can tell any more where
 * the next request begins. A response must not be lost then: a socket that is closed while bytes
 * come in that nobody reads is reset, and what the client has not read of the response is thrown
 * away there. So we say that we are done, and read what still comes for a while (RFC 9112,
 * section 9.6).
 */
#include "http/http2.h"

#include <coil/loop.h>
#include <coil/task.h>
#include <coil/tls.h>

#include <errno.h>

enum { LINGER_S = 2, LINGER_SIZE = 1024 };

/* 1: another request may follow; 0: the connection ends; or an error. */
static int serve_one(struct coil__http_connection *conn)
{
    struct coil_http_exchange *exchange = &conn->exchange;
    int rc = coil__http_read_head(conn);

    if (rc <= 0) {
        return rc;
    }
    if (rc == COIL__HTTP_IS_HTTP2) {
        return coil__http2_serve(conn);
    }
    if (rc > 1) {
        conn->is_last = true;
        conn->may_have_more = true;
        rc = coil__http_answer(exchange, (unsigned)rc);
        coil__http_log(exchange);
        coil__http_count(exchange);
        return rc;
    }
    conn->requests++;
    coil__http_handle(exchange);
    rc = coil_check_cancel();
    if (rc < 0 || exchange->is_broken) {
        return rc < 0 ? rc : exchange->error < 0 ? exchange->error : -ECONNABORTED;
    }
    conn->is_last = conn->is_last || exchange->state == COIL__HTTP_UNANSWERED;
    if (!coil__http_drop_body(exchange)) {
        conn->is_last = true;
        conn->may_have_more = true;
    }
    if (conn->is_last) {
        conn->may_have_more =
            conn->may_have_more || exchange->keep_alive || coil__http_size(&conn->in) > 0;
    }
    return !conn->is_last;
}

/* --- the end --- */

/* 0, or the reason of a cancel. */
static int linger(struct coil__http_connection *conn)
{
    struct coil_scope scope = {0};
    char buf[LINGER_SIZE];
    int rc;

    coil_scope_open_timeout(&scope, conn->service->settings.write_timeout_ns);
    rc = coil_stream_write_eof(conn->stream);
    if (rc == -EOPNOTSUPP) {
        rc = coil_stream_flush(conn->stream);
    }
    coil_scope_close(&scope);
    if (rc == 0) {
        coil_scope_open_timeout(&scope, LINGER_S * COIL_SEC);
        while (coil_stream_read(conn->stream, buf, sizeof buf) > 0) {
        }
        coil_scope_close(&scope);
    }
    return coil_check_cancel();
}

/* RFC 9113, section 3.2. */
static bool has_agreed_on_http2(struct coil_stream *stream)
{
    struct coil_tls_info info;

    return coil_tls_is_tls(stream) && coil_tls_get_info(stream, &info) == 0 &&
           strcmp(info.alpn, "h2") == 0;
}

int coil__http_serve(struct coil__http_service *service, struct coil_stream *stream)
{
    struct coil__http_connection conn = {
        .service = service, .stream = stream, .task = coil_current_task()};
    struct coil_http_metrics *metrics = service->settings.metrics;
    int rc = 1;

    coil__list_push_tail(&service->connections, &conn.link);
    if (metrics) {
        metrics->connections++;
        metrics->connections_alive++;
    }
    if (has_agreed_on_http2(stream)) {
        rc = coil__http2_serve(&conn);
    }
    while (rc > 0) {
        rc = serve_one(&conn);
    }
    if (rc == 0 && conn.may_have_more) {
        rc = linger(&conn);
    }
    coil__list_remove(&conn.link);
    if (metrics) {
        metrics->connections_alive--;
    }
    coil__http_buffer_free(&conn.in);
    coil__http_buffer_free(&conn.head);
    coil__http_memory_free(&conn.memory);
    return rc;
}
