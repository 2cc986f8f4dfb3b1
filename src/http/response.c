/* response.c - the head of a response, and responses that are sent as a whole. */
#include "http/http.h"

#include <coil/task.h>

#include <errno.h>
#include <limits.h>

/* Bytes of a head beside what varies: the status line, the framing, the end. */
enum { HEAD_BASE = 192 };

/* --- fields of the handler's --- */

static bool is_ours(struct coil__slice name)
{
    return coil__slice_is_like(name, "Content-Length") ||
           coil__slice_is_like(name, "Transfer-Encoding") ||
           coil__slice_is_like(name, "Connection") || coil__slice_is_like(name, "Date");
}

/* Writes a field line behind what is in the buffer. 0, -EINVAL, -ENOMEM. */
static int append_field(struct coil__http_buffer *buffer, const char *name, const char *value)
{
    struct coil__http1_writer writer;
    size_t size = strlen(name) + strlen(value) + 4;
    int64_t length;
    int rc = coil__http_reserve(buffer, size);

    if (rc < 0) {
        return rc;
    }
    coil__http1_writer_init(&writer, buffer->data + buffer->end, size);
    coil__http1_write_field(&writer, coil__slice_of(name), coil__slice_of(value));
    length = coil__http1_writer_end(&writer);
    if (length < 0) {
        return -EINVAL;
    }
    buffer->end += (size_t)length;
    return 0;
}

int coil_http_add_field(struct coil_http_exchange *exchange, const char *name, const char *value)
{
    int rc;

    if (!exchange || !name || !value || is_ours(coil__slice_of(name))) {
        return -EINVAL;
    }
    if (exchange->state != COIL__HTTP_UNANSWERED) {
        return -COIL_EINVALIDSTATE;
    }
    rc = append_field(&exchange->conn->extra, name, value);
    if (rc == 0 && coil__slice_is_like(coil__slice_of(name), "Server")) {
        exchange->has_server = true;
    }
    return rc;
}

bool coil_http_is_begun(const struct coil_http_exchange *exchange)
{
    return exchange && exchange->state != COIL__HTTP_UNANSWERED;
}

/* --- the head --- */

/* RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5. */
static bool has_no_body(unsigned status)
{
    return status == 204 || status == 205 || status == 304;
}

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

static void frame(struct coil_http_exchange *exchange, unsigned status, int64_t size)
{
    bool is_unknown = size < 0 && !has_no_body(status);

    exchange->has_body = !exchange->is_head && !has_no_body(status) && size != 0;
    exchange->is_chunked = is_unknown && !exchange->is_old;
    exchange->has_length = status == 205 || (size >= 0 && !has_no_body(status));
    exchange->is_empty = has_no_body(status);
    exchange->announced = size;
    exchange->written = 0;
}

static void put(struct coil__http_buffer *buffer, const char *data, size_t size)
{
    memcpy(buffer->data + buffer->end, data, size);
    buffer->end += size;
}

#define PUT(buffer, text) put((buffer), (text), sizeof(text) - 1)

static void put_number(struct coil__http_buffer *buffer, uint64_t number)
{
    char room[COIL__DIGITS];
    struct coil__slice digits = coil__slice_of_number(number, room);

    put(buffer, digits.start, digits.size);
}

static void put_status(struct coil__http_buffer *buffer, unsigned status)
{
    struct coil__http1_writer writer;

    coil__http1_writer_init(&writer, buffer->data + buffer->end, buffer->capacity - buffer->end);
    coil__http1_write_status(&writer, status, (struct coil__slice){0});
    buffer->end += writer.length;
}

int coil__http_compose(struct coil_http_exchange *exchange, unsigned status, const char *type,
                       int64_t size, struct coil__http_buffer *buffer)
{
    struct coil__http_service *service = exchange->conn->service;
    const struct coil__http_buffer *extra = &exchange->conn->extra;
    int rc;

    coil__http_refresh_date(service);
    buffer->end = 0;
    rc = coil__http_reserve(buffer, HEAD_BASE + service->lines_size + coil__http_size(extra) +
                                        (type ? strlen(type) : 0));
    if (rc < 0) {
        return rc;
    }
    put_status(buffer, status);
    put(buffer, service->lines, exchange->has_server ? service->date_size : service->lines_size);
    rc = type ? append_field(buffer, "Content-Type", type) : 0;
    if (rc < 0) {
        return rc;
    }
    if (extra->end > 0) {
        put(buffer, extra->data, extra->end);
    }
    frame(exchange, status, size);
    return 0;
}

/* RFC 9112, sections 6 and 9.6. */
void coil__http_complete(struct coil_http_exchange *exchange, struct coil__http_buffer *buffer)
{
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
}

/* --- whole responses --- */

int coil_http_reply(struct coil_http_exchange *exchange, unsigned status, const char *type,
                    const void *body, size_t size)
{
    struct coil__http_buffer *head;
    struct iovec iov[2];
    int rc;

    if (!exchange || status < 200 || status > 599 || (!body && size > 0) || size > SSIZE_MAX) {
        return -EINVAL;
    }
    if (exchange->state != COIL__HTTP_UNANSWERED) {
        return -COIL_EINVALIDSTATE;
    }
    head = &exchange->conn->pending;
    rc = coil__http_compose(exchange, status, type, (int64_t)size, head);
    if (rc < 0) {
        return rc;
    }
    coil__http_complete(exchange, head);
    iov[0] = (struct iovec){.iov_base = head->data, .iov_len = head->end};
    iov[1] = (struct iovec){.iov_base = (void *)(uintptr_t)body, .iov_len = size};
    rc = coil__http_send(exchange->conn, iov, exchange->has_body ? 2 : 1);
    if (rc == 0 || exchange->conn->is_broken) {
        exchange->state = COIL__HTTP_ANSWERED;
    }
    return rc;
}

int coil__http_answer(struct coil_http_exchange *exchange, unsigned status)
{
    char text[64];
    const char *reason = coil__http1_reason(status);
    size_t size = strlen(reason) < sizeof text ? strlen(reason) : sizeof text - 1;

    memcpy(text, reason, size);
    text[size++] = '\n';
    exchange->state = COIL__HTTP_UNANSWERED;
    exchange->has_server = false;
    exchange->conn->extra.end = 0;
    return coil_http_reply(exchange, status, "text/plain", text, size);
}
