/* response1.c - responses in HTTP/1.1: how a body ends, and whether the connection does.
 *
 * The head goes out with the first piece of the body, in one call of the stream's.
 */
#include "http/http.h"

#include <errno.h>

/* --- the head --- */

/* Whether another request can follow. A client that was not asked for its body may send it or not;
 * one that has a large one to send is not to send it for nothing, unless a handler that has begun
 * its response may still read it. */
static bool is_last(const struct coil_http_exchange *exchange)
{
    const struct coil__http_connection *conn = exchange->conn;
    uint64_t max = conn->service->settings.max_requests;

    return conn->is_last || !exchange->keep_alive || conn->service->is_closing ||
           (max > 0 && conn->requests >= max) || exchange->awaits_continue ||
           exchange->body_error < 0 ||
           (exchange->state == COIL__HTTP_UNANSWERED && exchange->left > COIL__HTTP_DROP_BOUND);
}

#define PUT(buffer, text) coil__http_put((buffer), (text), sizeof(text) - 1)

static void put_number(struct coil__http_buffer *buffer, uint64_t number)
{
    char room[COIL__DIGITS];
    struct coil__slice digits = coil__slice_of_number(number, room);

    coil__http_put(buffer, digits.start, digits.size);
}

/* RFC 9112, sections 6 and 9.6. */
static void complete(struct coil_http_exchange *exchange)
{
    struct coil__http_buffer *buffer = &exchange->memory->pending;
    struct coil__http_connection *conn = exchange->conn;
    bool is_until_close = exchange->has_body && !exchange->has_length && !exchange->is_chunked;

    conn->is_last = is_last(exchange) || is_until_close;
    if (exchange->is_chunked) {
        PUT(buffer, "Transfer-Encoding: chunked\r\n");
    } else if (exchange->has_length) {
        PUT(buffer, "Content-Length: ");
        put_number(buffer, exchange->is_empty ? 0 : (uint64_t)exchange->announced);
        PUT(buffer, "\r\n");
    }
    if (conn->is_last) {
        PUT(buffer, "Connection: close\r\n");
    } else if (exchange->is_old) {
        PUT(buffer, "Connection: keep-alive\r\n");
    }
    PUT(buffer, "\r\n");
    exchange->is_complete = true;
}

/* --- sending --- */

/* A head, and a chunk with its line, its end, and the end of all. */
struct parts {
    struct iovec iov[5];
    int count;
};

static void add_part(struct parts *parts, const void *data, size_t size)
{
    parts->iov[parts->count++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = size};
}

/* RFC 9112, section 7.1. line: room for the chunk's. */
static void add_chunk(struct parts *parts, char line[COIL__HTTP1_CHUNK_ROOM], const void *body,
                      size_t size)
{
    struct coil__http1_writer writer;

    coil__http1_writer_init(&writer, line, COIL__HTTP1_CHUNK_ROOM);
    coil__http1_write_chunk(&writer, size);
    add_part(parts, line, writer.length);
    add_part(parts, body, size);
    add_part(parts, "\r\n", 2);
}

static int send_parts(struct coil_http_exchange *exchange, const void *body, size_t size,
                      bool is_end)
{
    const struct coil__http_buffer *head = &exchange->memory->pending;
    char line[COIL__HTTP1_CHUNK_ROOM];
    struct parts parts;

    parts.count = 0;
    if (exchange->state != COIL__HTTP_STARTED) {
        if (!exchange->is_complete) {
            complete(exchange);
        }
        add_part(&parts, head->data, head->end);
    }
    if (exchange->has_body && size > 0 && exchange->is_chunked) {
        add_chunk(&parts, line, body, size);
    } else if (exchange->has_body && size > 0) {
        add_part(&parts, body, size);
    }
    if (exchange->has_body && is_end && exchange->is_chunked) {
        add_part(&parts, "0\r\n\r\n", 5);
    }
    return parts.count > 0 ? coil__http_send(exchange->conn, parts.iov, parts.count) : 0;
}

static int flush(struct coil_http_exchange *exchange)
{
    struct coil_scope scope = {0};
    int rc;

    coil_scope_open_timeout(&scope, exchange->service->settings.write_timeout_ns);
    rc = coil_stream_flush(exchange->conn->stream);
    coil_scope_close(&scope);
    if (rc < 0 && rc != -ENOMEM && coil_check_cancel() == 0) {
        exchange->is_broken = true;
        exchange->error = rc;
    }
    return rc;
}

const struct coil__http_protocol coil__http1_protocol = {
    .read = coil__http1_read,
    .send = send_parts,
    .flush = flush,
    .version = "HTTP/1.1",
};
