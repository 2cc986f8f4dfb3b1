/* response_body.c - responses whose body is written piece by piece.
 *
 * The head waits in `pending` for the first piece, with which it is sent. What was announced is
 * kept: more is refused, less breaks the connection, so that the client does not take a part for
 * the whole (RFC 9112, section 8).
 */
#include "http/http.h"

#include <coil/task.h>

#include <errno.h>
#include <limits.h>

int coil_http_begin(struct coil_http_exchange *exchange, unsigned status, const char *type,
                    int64_t size)
{
    int rc;

    if (!exchange || status < 200 || status > 599 || size < -1) {
        return -EINVAL;
    }
    if (exchange->state != COIL__HTTP_UNANSWERED) {
        return -COIL_EINVALIDSTATE;
    }
    rc = coil__http_compose(exchange, status, type, size, &exchange->conn->pending);
    if (rc == 0) {
        exchange->is_complete = false;
        exchange->state = COIL__HTTP_BEGUN;
    }
    return rc;
}

static bool is_open(const struct coil_http_exchange *exchange)
{
    return exchange->state == COIL__HTTP_BEGUN || exchange->state == COIL__HTTP_STARTED;
}

static bool is_whole(const struct coil_http_exchange *exchange)
{
    return exchange->announced >= 0 && exchange->written == (uint64_t)exchange->announced;
}

/* The head first, if it is still here. */
static int send_with_head(struct coil_http_exchange *exchange, struct iovec *iov, int count)
{
    struct coil__http_connection *conn = exchange->conn;
    struct iovec all[4];
    int rc;

    if (exchange->state == COIL__HTTP_BEGUN && !exchange->is_complete) {
        coil__http_complete(exchange, &conn->pending);
        exchange->is_complete = true;
    }
    all[0] = (struct iovec){.iov_base = conn->pending.data, .iov_len = conn->pending.end};
    if (count > 0) {
        memcpy(all + 1, iov, (size_t)count * sizeof *iov);
    }
    rc = exchange->state == COIL__HTTP_BEGUN ? coil__http_send(conn, all, count + 1)
                                             : coil__http_send(conn, all + 1, count);
    if (rc == 0) {
        exchange->state = COIL__HTTP_STARTED;
    }
    return rc;
}

/* RFC 9112, section 7.1. */
static int send_chunk(struct coil_http_exchange *exchange, const void *buf, size_t size)
{
    char line[COIL__HTTP1_CHUNK_ROOM];
    struct coil__http1_writer writer;
    struct iovec iov[3];

    coil__http1_writer_init(&writer, line, sizeof line);
    coil__http1_write_chunk(&writer, size);
    iov[0] = (struct iovec){.iov_base = line, .iov_len = writer.length};
    iov[1] = (struct iovec){.iov_base = (void *)(uintptr_t)buf, .iov_len = size};
    iov[2] = (struct iovec){.iov_base = (void *)(uintptr_t) "\r\n", .iov_len = 2};
    return send_with_head(exchange, iov, 3);
}

ssize_t coil_http_write(struct coil_http_exchange *exchange, const void *buf, size_t size)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = size};
    int rc = !exchange || (!buf && size > 0) || size > SSIZE_MAX ? -EINVAL : coil_check_cancel();

    if (rc < 0) {
        return rc;
    }
    if (!is_open(exchange) || (is_whole(exchange) && size > 0 && exchange->announced > 0)) {
        return -COIL_EINVALIDSTATE;
    }
    if (exchange->announced >= 0 && size > (uint64_t)exchange->announced - exchange->written) {
        return -EINVAL;
    }
    if (exchange->conn->is_broken) {
        return exchange->conn->error < 0 ? exchange->conn->error : -EPIPE;
    }
    if (size > 0 && exchange->has_body) {
        rc = exchange->is_chunked ? send_chunk(exchange, buf, size)
                                  : send_with_head(exchange, &iov, 1);
    }
    if (rc < 0) {
        return rc;
    }
    exchange->written += size;
    return (ssize_t)size;
}

int coil_http_flush(struct coil_http_exchange *exchange)
{
    struct coil__http_connection *conn;
    struct coil_scope scope = {0};
    int rc = !exchange ? -EINVAL : coil_check_cancel();

    if (rc < 0) {
        return rc;
    }
    conn = exchange->conn;
    if (exchange->state == COIL__HTTP_UNANSWERED) {
        return -COIL_EINVALIDSTATE;
    }
    if (exchange->state == COIL__HTTP_BEGUN) {
        rc = send_with_head(exchange, NULL, 0);
        if (rc < 0) {
            return rc;
        }
    }
    coil_scope_open_timeout(&scope, conn->service->settings.write_timeout_ns);
    rc = coil_stream_flush(conn->stream);
    coil_scope_close(&scope);
    if (rc < 0 && rc != -ENOMEM && coil_check_cancel() == 0) {
        conn->is_broken = true;
        conn->error = rc;
    }
    return rc;
}

int coil__http_finish(struct coil_http_exchange *exchange)
{
    struct coil__http_connection *conn = exchange->conn;
    struct iovec end = {.iov_base = (void *)(uintptr_t) "0\r\n\r\n", .iov_len = 5};
    int rc = 0;

    if (!is_open(exchange)) { /* answered; or nobody is there to be answered */
        conn->is_last = conn->is_last || exchange->state == COIL__HTTP_UNANSWERED;
        return 0;
    }
    if (exchange->has_body && exchange->announced >= 0 && !is_whole(exchange)) {
        conn->is_broken = true;
        return -COIL_EINCOMPLETE;
    }
    if (exchange->has_body && exchange->is_chunked) {
        rc = send_with_head(exchange, &end, 1);
    } else if (exchange->state == COIL__HTTP_BEGUN) {
        rc = send_with_head(exchange, NULL, 0);
    }
    exchange->state = COIL__HTTP_ANSWERED;
    conn->is_broken = conn->is_broken || rc < 0;
    return rc;
}
