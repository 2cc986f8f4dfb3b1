/* response.c - the head of a response, and responses that are sent as a whole. */
#include "http/compress.h"

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
    rc = append_field(&exchange->memory->extra, name, value);
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

static void frame(struct coil_http_exchange *exchange, unsigned status, int64_t size)
{
    bool is_unknown = size < 0 && !has_no_body(status);

    exchange->has_body = !exchange->is_head && !has_no_body(status) && size != 0;
    exchange->is_chunked = is_unknown && !exchange->is_old;
    exchange->has_length = status == 205 || (size >= 0 && !has_no_body(status));
    exchange->is_empty = has_no_body(status);
    exchange->announced = size;
    exchange->written = 0;
    exchange->status = status;
    exchange->is_complete = false;
}

static void put_status(struct coil__http_buffer *buffer, unsigned status)
{
    struct coil__http1_writer writer;

    coil__http1_writer_init(&writer, buffer->data + buffer->end, buffer->capacity - buffer->end);
    coil__http1_write_status(&writer, status, (struct coil__slice){0});
    buffer->end += writer.length;
}

int coil__http_compose(struct coil_http_exchange *exchange, unsigned status, const char *type,
                       int64_t size)
{
    struct coil__http_service *service = exchange->service;
    struct coil__http_buffer *buffer = &exchange->memory->pending;
    const struct coil__http_buffer *extra = &exchange->memory->extra;
    int rc;

    coil__http_refresh_date(service);
    buffer->end = 0;
    rc = coil__http_reserve(buffer, HEAD_BASE + service->lines_size + coil__http_size(extra) +
                                        (type ? strlen(type) : 0));
    if (rc < 0) {
        return rc;
    }
    put_status(buffer, status);
    coil__http_put(buffer, service->lines,
                   exchange->has_server ? service->date_size : service->lines_size);
    rc = type ? append_field(buffer, "Content-Type", type) : 0;
    if (rc < 0) {
        return rc;
    }
    if (extra->end > 0) {
        coil__http_put(buffer, extra->data, extra->end);
    }
    frame(exchange, status, size);
    return 0;
}

/* --- whole responses --- */

int coil_http_reply(struct coil_http_exchange *exchange, unsigned status, const char *type,
                    const void *body, size_t size)
{
    int rc;

    if (!exchange || status < 200 || status > 599 || (!body && size > 0) || size > SSIZE_MAX) {
        return -EINVAL;
    }
    if (exchange->state != COIL__HTTP_UNANSWERED) {
        return -COIL_EINVALIDSTATE;
    }
    rc =
        exchange->compression ? coil__http_compress_reply(exchange, status, type, &body, &size) : 0;
    if (rc != 0) {
        return rc < 0 ? rc : 0;
    }
    rc = coil__http_compose(exchange, status, type, (int64_t)size);
    if (rc < 0) {
        return rc;
    }
    rc = exchange->protocol->send(exchange, body, size, true);
    if (rc == 0 || exchange->is_broken) {
        exchange->state = COIL__HTTP_ANSWERED;
        exchange->sent = exchange->has_body && rc == 0 ? size : 0;
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
    coil__http_compress_end(exchange);
    exchange->memory->extra.end = 0;
    return coil_http_reply(exchange, status, "text/plain", text, size);
}
