/* upgrade.c - switching protocols on a connection of HTTP/1.1 (RFC 9110, section 7.8), or on a
 * stream of HTTP/2 (RFC 8441).
 *
 * The stream stays the connection's, which closes or aborts it behind the handler, as ever. The
 * strings of the request stay in the connection's buffers, of which nothing else is kept.
 */
#include "http/upgrade.h"

#include "base/memory.h"
#include "http/http2.h"
#include "http/websocket.h"

#include <coil/task.h>

#include <errno.h>

bool coil__http_is_connect(struct coil_http_exchange *exchange)
{
    return !exchange->conn && coil__http2_stream_of(exchange)->is_connect;
}

bool coil__http_is_upgradable(const struct coil_http_exchange *exchange)
{
    return !exchange->is_old && exchange->body_size == 0;
}

void coil__http_carrier(struct coil_http_exchange *exchange,
                        struct coil__websocket_carrier *ret_carrier)
{
    if (exchange->conn) {
        *ret_carrier = (struct coil__websocket_carrier){.class_ = &coil__websocket_stream_class,
                                                        .stream = exchange->conn->stream};
    } else {
        *ret_carrier = (struct coil__websocket_carrier){.class_ = &coil__http2_tunnel_class,
                                                        .exchange = exchange};
    }
}

/* Bytes that a client has sent without waiting for the answer. */
static int move_rest(struct coil__http_connection *conn, struct coil_websocket *ws)
{
    size_t size = coil__http_size(&conn->in);

    if (size > 0) {
        if (coil__http_reserve(&ws->in, size) < 0) {
            return -ENOMEM;
        }
        coil__http_put(&ws->in, conn->in.data + conn->in.start, size);
    }
    return 0;
}

/* --- the request's strings, which stay --- */

/* Where the string ends, if it stands in the buffer, or `end`. */
static size_t end_of(const struct coil__http_buffer *in, const char *string, size_t end)
{
    uintptr_t at = (uintptr_t)string - (uintptr_t)in->data;

    if (!string || at >= in->capacity) {
        return end;
    }
    at += strlen(string) + 1;
    return at > end ? at : end;
}

static void move(const char **string, uintptr_t from, size_t size, const char *to)
{
    uintptr_t at = (uintptr_t)*string - from;

    if (*string && at < size) {
        *string = to + at;
    }
}

/* Gives back what the head has not needed of its buffer. */
static void shrink_head(struct coil__http_connection *conn)
{
    struct coil_http_exchange *exchange = &conn->exchange;
    const char **strings[] = {&exchange->method, &exchange->path, &exchange->query,
                              &exchange->host};
    uintptr_t from = (uintptr_t)conn->in.data;
    size_t end = 1;
    char *data;

    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        end = end_of(&conn->in, *strings[i], end);
    }
    for (size_t i = 0; i < exchange->field_count; i++) {
        end = end_of(&conn->in, exchange->memory->fields[i].name, end);
        end = end_of(&conn->in, exchange->memory->fields[i].value, end);
    }
    data = coil__realloc_array(conn->in.data, end, 1);
    if (!data) {
        return; /* it is as it was */
    }
    conn->in = (struct coil__http_buffer){.data = data, .capacity = end};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        move(strings[i], from, end, data);
    }
    for (size_t i = 0; i < exchange->field_count; i++) {
        move(&exchange->memory->fields[i].name, from, end, data);
        move(&exchange->memory->fields[i].value, from, end, data);
    }
}

/* --- switching --- */

/* The head; `lines` hold what is RFC 6455's. */
static int send_head(struct coil_http_exchange *exchange, const char *lines, size_t size)
{
    static const char status[] = "HTTP/1.1 101 Switching Protocols\r\n";
    const struct coil__http_service *service = exchange->service;
    const struct coil__http_buffer *extra = &exchange->memory->extra;
    struct coil__http_buffer head = {0};
    struct iovec iov;
    int rc;

    coil__http_refresh_date(exchange->service);
    rc = coil__http_reserve(&head, sizeof status + service->lines_size + extra->end + size + 2);
    if (rc < 0) {
        return rc;
    }
    coil__http_put(&head, status, sizeof status - 1);
    coil__http_put(&head, service->lines,
                   exchange->has_server ? service->date_size : service->lines_size);
    if (extra->end > 0) {
        coil__http_put(&head, extra->data, extra->end);
    }
    coil__http_put(&head, lines, size);
    coil__http_put(&head, "\r\n", 2);
    iov = (struct iovec){.iov_base = head.data, .iov_len = head.end};
    rc = coil__http_send(exchange->conn, &iov, 1);
    coil__http_buffer_free(&head);
    return rc;
}

static int switch_connection(struct coil_http_exchange *exchange, const char *lines, size_t size,
                             struct coil_websocket *ws)
{
    struct coil__http_connection *conn = exchange->conn;
    int rc = move_rest(conn, ws);

    rc = rc < 0 ? rc : send_head(exchange, lines, size);
    if (rc < 0) {
        if (exchange->is_broken) {
            exchange->state = COIL__HTTP_ANSWERED;
        }
        return rc;
    }
    exchange->state = COIL__HTTP_ANSWERED;
    exchange->status = 101;
    exchange->keep_alive = false;
    conn->is_last = true;
    shrink_head(conn);
    coil__http_buffer_free(&conn->memory.extra);
    coil__http_buffer_free(&conn->memory.pending);
    coil__http_buffer_free(&conn->memory.content);
    return 0;
}

static int switch_stream(struct coil_http_exchange *exchange, const char *lines, size_t size)
{
    struct coil__http_buffer *extra = &exchange->memory->extra;
    size_t before = extra->end;
    int rc = coil__http_reserve(extra, size);

    if (rc < 0) {
        return rc;
    }
    if (size > 0) {
        coil__http_put(extra, lines, size);
    }
    rc = coil__http2_open_tunnel(coil__http2_stream_of(exchange));
    if (rc < 0) {
        extra->end = before;
        return rc;
    }
    coil__http_buffer_free(extra);
    coil__http_buffer_free(&exchange->memory->pending);
    coil__http_buffer_free(&exchange->memory->content);
    return 0;
}

int coil__http_upgrade(struct coil_http_exchange *exchange, const char *lines, size_t size,
                       struct coil_websocket *ws)
{
    int rc = exchange->conn ? switch_connection(exchange, lines, size, ws)
                            : switch_stream(exchange, lines, size);

    if (rc < 0) {
        return rc;
    }
    exchange->websocket = ws;
    if (exchange->service->is_closing) {
        coil__websocket_go_away(ws);
    }
    return 0;
}

int coil__http_ask_for_upgrade(struct coil_http_exchange *exchange, const char *text)
{
    static const char line[] = "Connection: Upgrade\r\n";
    struct coil__http_buffer *extra = &exchange->memory->extra;
    int rc = coil_http_add_field(exchange, "Sec-WebSocket-Version", "13");

    if (!exchange->conn) {
        return rc < 0 ? rc : coil_http_reply(exchange, 400, "text/plain", text, strlen(text));
    }
    rc = rc < 0 ? rc : coil_http_add_field(exchange, "Upgrade", "websocket");
    rc = rc < 0 ? rc : coil__http_reserve(extra, sizeof line);
    if (rc == 0) {
        coil__http_put(extra, line, sizeof line - 1);
        rc = coil_http_reply(exchange, 426, "text/plain", text, strlen(text));
    }
    return rc;
}

int coil__http_end_upgrade(struct coil_http_exchange *exchange, int rc)
{
    struct coil_websocket *ws = exchange->websocket;

    if (ws) {
        rc = coil__websocket_end(ws, rc);
        if (ws->error < 0) {
            exchange->is_broken = true;
            exchange->error = ws->error == -ENOMEM || ws->error == -ECANCELED ? 0 : -ECONNABORTED;
        }
        exchange->websocket = NULL;
        coil__websocket_free(ws);
    }
    return rc;
}

void coil__http_upgrade_go_away(struct coil__http_connection *conn)
{
    if (conn->http2) {
        coil__http2_go_away(conn->http2);
    } else if (conn->exchange.websocket) {
        coil__websocket_go_away(conn->exchange.websocket);
    }
}
