/* body1.c - a request's body in HTTP/1.1: read by the handler, or dropped behind it.
 *
 * A body of a known size goes straight from the stream to the reader, but for what came with the
 * head. One in chunks is received into `in`; a piece that was found there, and is larger than what
 * the reader has asked for, waits in the exchange (piece, piece_at).
 */
#include "http/http.h"

#include <coil/loop.h>

#include <errno.h>

/* --- errors --- */

static int fail(struct coil_http_exchange *exchange, int error, unsigned status)
{
    exchange->body_error = error;
    exchange->body_status = status;
    exchange->conn->is_last = true;
    exchange->conn->may_have_more = true;
    return error;
}

/* count: of a receive, not above 0. */
static int fail_to_receive(struct coil_http_exchange *exchange, int count)
{
    if (count == 0) {
        return fail(exchange, -COIL_EINCOMPLETE, 0);
    }
    if (coil__http_was_slow(count)) {
        fail(exchange, -ETIMEDOUT, 408);
        if (exchange->state == COIL__HTTP_UNANSWERED) {
            coil__http_answer(exchange, 408);
        }
        return -ETIMEDOUT;
    }
    if (count == exchange->error) {
        return fail(exchange, count, 0);
    }
    return count;
}

/* --- receiving --- */

/* The client may wait to be asked for the body (RFC 9110, section 10.1.1). One that has begun to
 * send it does not, and one that has its answer must not be asked. 0, or an error. */
static int ask(struct coil_http_exchange *exchange)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = sizeof text - 1};
    int rc = 0;

    bool may_ask = exchange->state == COIL__HTTP_UNANSWERED || exchange->state == COIL__HTTP_BEGUN;

    if (exchange->awaits_continue && may_ask) {
        rc = coil__http_send(exchange->conn, &iov, 1);
        exchange->awaits_continue = rc < 0;
    }
    return rc;
}

/* Until when to wait; and what has come of it. */
static int64_t begin_wait(const struct coil_http_exchange *exchange)
{
    int64_t timeout = exchange->service->settings.body_timeout_ns;

    return coil__http_after(coil__http_time_left(exchange->body_used_ns, timeout));
}

static void end_wait(struct coil_http_exchange *exchange, int64_t since, size_t bytes)
{
    coil__http_use_time(&exchange->body_used_ns, coil_now() - since, bytes,
                        exchange->service->settings.min_body_rate);
}

static ssize_t read_known(struct coil_http_exchange *exchange, void *buf, size_t size)
{
    struct coil__http_connection *conn = exchange->conn;
    size_t have = coil__http_size(&conn->in);
    ssize_t count;

    size = size < exchange->left ? size : (size_t)exchange->left;
    if (have > 0) {
        size = size < have ? size : have;
        memcpy(buf, conn->in.data + conn->in.start, size);
        coil__http_take(conn, size);
        count = (ssize_t)size;
    } else {
        int64_t since = coil_now();
        int rc = ask(exchange);

        if (rc < 0) {
            return rc;
        }
        count = coil__http_receive(conn, buf, size, begin_wait(exchange));
        end_wait(exchange, since, count > 0 ? (size_t)count : 0);
        if (count <= 0) {
            return fail_to_receive(exchange, (int)count);
        }
    }
    exchange->awaits_continue = false;
    exchange->left -= (uint64_t)count;
    exchange->is_read = exchange->left == 0;
    return count;
}

/* More into `in`, until a point in time, for what comes in chunks: 1, or an error. */
static int fill(struct coil_http_exchange *exchange, int64_t when)
{
    struct coil__http_connection *conn = exchange->conn;
    ssize_t count;
    int rc = ask(exchange);

    if (rc < 0) {
        return rc;
    }
    if (conn->was_full && conn->in.capacity < COIL__HTTP_LARGEST_ROOM) {
        rc = coil__http_reserve(&conn->in, conn->in.capacity + 1);
        if (rc < 0) {
            return rc;
        }
    }
    count = coil__http_fill(conn, when);
    if (count <= 0) {
        return fail_to_receive(exchange, (int)count);
    }
    exchange->awaits_continue = false;
    return 1;
}

static int refuse(struct coil_http_exchange *exchange, int error)
{
    return fail(exchange, error == -COIL__HTTP1_EBODY ? -COIL_ELIMIT : -COIL_EPROTOCOL,
                coil__http1_error_status(error));
}

/* Finds a piece of a body in chunks: 1; 0: it is over; or an error. */
static int find_piece(struct coil_http_exchange *exchange, int64_t when)
{
    struct coil__http_connection *conn = exchange->conn;
    struct coil__http1_piece piece;
    int rc = 1;

    while (rc > 0) {
        size_t have = coil__http_size(&conn->in);
        const char *data = have > 0 ? conn->in.data + conn->in.start : "";
        int event = coil__http1_body_next(&exchange->body, data, have, &piece);

        if (event < 0) {
            return refuse(exchange, event);
        }
        if (event == COIL__HTTP1_DATA) {
            exchange->piece = piece.data.size;
            exchange->piece_at = (size_t)(piece.data.start - data);
            exchange->piece_consumed = piece.consumed;
            return 1;
        }
        coil__http_take(conn, piece.consumed);
        if (event == COIL__HTTP1_END) {
            exchange->is_read = true;
            return 0;
        }
        rc = event == COIL__HTTP1_MORE ? fill(exchange, when) : 1;
    }
    return rc;
}

/* Takes bytes of the piece that was found. buf: NULL to drop them. */
static size_t take_piece(struct coil_http_exchange *exchange, void *buf, size_t size)
{
    struct coil__http_connection *conn = exchange->conn;

    size = size < exchange->piece ? size : exchange->piece;
    if (buf) {
        memcpy(buf, conn->in.data + conn->in.start + exchange->piece_at, size);
    }
    exchange->piece -= size;
    exchange->piece_at += size;
    if (exchange->piece == 0) {
        coil__http_take(conn, exchange->piece_consumed);
    }
    return size;
}

static ssize_t read_chunked(struct coil_http_exchange *exchange, void *buf, size_t size)
{
    int rc = 1;

    if (exchange->piece == 0) {
        int64_t since = coil_now();

        rc = find_piece(exchange, begin_wait(exchange));
        end_wait(exchange, since, exchange->piece);
    }
    return rc <= 0 ? rc : (ssize_t)take_piece(exchange, buf, size);
}

ssize_t coil__http1_read(struct coil_http_exchange *exchange, void *buf, size_t size)
{
    return exchange->framing == COIL__HTTP1_LENGTH ? read_known(exchange, buf, size)
                                                   : read_chunked(exchange, buf, size);
}

/* --- the rest --- */

/* Drops some of it: the count; 0: it is over; or an error. */
static ssize_t drop_some(struct coil_http_exchange *exchange, int64_t when)
{
    struct coil__http_connection *conn = exchange->conn;
    size_t have = coil__http_size(&conn->in);

    if (exchange->framing == COIL__HTTP1_LENGTH) {
        if (have == 0) {
            int rc = fill(exchange, when);

            if (rc < 0) {
                return rc;
            }
            have = coil__http_size(&conn->in);
        }
        have = have < exchange->left ? have : (size_t)exchange->left;
        coil__http_take(conn, have);
        exchange->left -= have;
        exchange->is_read = exchange->left == 0;
        return (ssize_t)have;
    }
    if (exchange->piece == 0) {
        int rc = find_piece(exchange, when);

        if (rc <= 0) {
            return rc;
        }
    }
    return (ssize_t)take_piece(exchange, NULL, exchange->piece);
}

bool coil__http_drop_body(struct coil_http_exchange *exchange)
{
    int64_t when;
    size_t dropped = 0;

    if (exchange->is_read) {
        return true;
    }
    if (exchange->awaits_continue || exchange->body_error < 0 ||
        exchange->left > COIL__HTTP_DROP_BOUND) {
        return false;
    }
    when = coil__http_after(exchange->conn->service->settings.body_timeout_ns);
    while (!exchange->is_read && dropped <= COIL__HTTP_DROP_BOUND) {
        ssize_t count = drop_some(exchange, when);

        if (count < 0) {
            return false;
        }
        dropped += (size_t)count;
    }
    return exchange->is_read;
}
