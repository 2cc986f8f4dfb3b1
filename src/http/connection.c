/* connection.c - the life of a connection: wait for a request, call the handler, see that it is
 * answered, drop what nobody has read, and begin anew.
 *
 * It ends when the client wants that, or the server does, or when nobody can tell any more where
 * the next request begins. A response must not be lost then: a socket that is closed while bytes
 * come in that nobody reads is reset, and what the client has not read of the response is thrown
 * away there. So we say that we are done, and read what still comes for a while (RFC 9112,
 * section 9.6).
 */
#include "http/http.h"

#include "base/memory.h"

#include <coil/loop.h>
#include <coil/task.h>

#include <errno.h>
#include <stdio.h>

enum { LINGER_S = 2, LINGER_SIZE = 1024 };

/* --- the handler's errors --- */

/* What a peer has brought about is nobody's fault here. */
static bool is_worth_a_report(const struct coil_http_exchange *exchange, int rc)
{
    return rc < 0 && rc != -ECANCELED && rc != -ECONNRESET && rc != -EPIPE &&
           rc != exchange->body_error && rc != exchange->conn->error;
}

static int return_error(void *arg)
{
    return *(const int *)arg;
}

/* By a task that ends with the error, and that nobody awaits: such errors go to the loop's error
 * handler. Its name is what was asked for. */
static void report(const struct coil_http_exchange *exchange, int rc)
{
    char name[32];
    struct coil_task *task;
    struct coil_task_options options = {
        .name = name, .copy_size = sizeof rc, .eager = true, .site = COIL_HERE};

    snprintf(name, sizeof name, "%s %s", exchange->method, exchange->path);
    task = coil_task_create(&options, return_error, &rc);
    if (task) {
        coil_detach(task);
    }
}

/* --- an exchange --- */

/* Answers for a handler that has failed, or sees that the client notices. */
static void make_up(struct coil_http_exchange *exchange, int rc)
{
    struct coil__http_connection *conn = exchange->conn;
    unsigned status = rc == exchange->body_error ? exchange->body_status : 500;

    if (is_worth_a_report(exchange, rc)) {
        report(exchange, rc);
    }
    if (exchange->state == COIL__HTTP_UNANSWERED || exchange->state == COIL__HTTP_BEGUN) {
        if (status > 0 && !conn->is_broken) {
            coil__http_answer(exchange, status);
        }
        return;
    }
    if (exchange->state == COIL__HTTP_STARTED &&
        (exchange->announced < 0 || exchange->written < (uint64_t)exchange->announced)) {
        conn->is_broken = true;
    }
}

static void handle(struct coil_http_exchange *exchange)
{
    struct coil__http_connection *conn = exchange->conn;
    int rc = conn->service->handler(exchange, conn->service->user);

    if (rc >= 0 && exchange->state == COIL__HTTP_UNANSWERED && !conn->is_broken) {
        rc = -COIL_EINVALIDSTATE; /* it has answered nothing */
    }
    if (rc < 0) {
        make_up(exchange, rc);
    }
    if (!conn->is_broken) {
        rc = coil__http_finish(exchange);
        if (rc == -COIL_EINCOMPLETE) {
            report(exchange, rc);
        }
    }
}

/* 1: another request may follow; 0: the connection ends; or an error. */
static int serve_one(struct coil__http_connection *conn)
{
    struct coil_http_exchange *exchange = &conn->exchange;
    int rc = coil__http_read_head(conn);

    if (rc <= 0) {
        return rc;
    }
    if (rc > 1) {
        conn->is_last = true;
        conn->may_have_more = true;
        return coil__http_answer(exchange, (unsigned)rc);
    }
    conn->requests++;
    handle(exchange);
    rc = coil_check_cancel();
    if (rc < 0 || conn->is_broken) {
        return rc < 0 ? rc : conn->error < 0 ? conn->error : -ECONNABORTED;
    }
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

int coil__http_serve(struct coil__http_service *service, struct coil_stream *stream)
{
    struct coil__http_connection conn = {
        .service = service, .stream = stream, .task = coil_current_task()};
    int rc = 1;

    coil__list_push_tail(&service->connections, &conn.link);
    while (rc > 0) {
        rc = serve_one(&conn);
    }
    if (rc == 0 && conn.may_have_more) {
        rc = linger(&conn);
    }
    coil__list_remove(&conn.link);
    coil__http_buffer_free(&conn.in);
    coil__http_buffer_free(&conn.head);
    coil__http_buffer_free(&conn.extra);
    coil__http_buffer_free(&conn.pending);
    coil__http_buffer_free(&conn.content);
    coil__free(conn.fields);
    return rc;
}
