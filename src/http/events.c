/* events.c - server-sent events (HTML standard, section 9.2). Each is put together in memory, and
 * written and flushed in one go, so that none is cut in two by another one's line. */
#include "http/http.h"

#include <coil/http_events.h>

#include <errno.h>

int coil_http_sse_begin(struct coil_http_exchange *exchange)
{
    int rc = coil_http_add_field(exchange, "Cache-Control", "no-store");

    rc = rc < 0 ? rc : coil_http_add_field(exchange, "X-Accel-Buffering", "no");
    rc = rc < 0 ? rc : coil_http_begin(exchange, 200, "text/event-stream", -1);
    return rc < 0 ? rc : coil_http_flush(exchange);
}

/* --- putting it together --- */

static bool is_one_line(const char *text)
{
    return !text || !text[strcspn(text, "\r\n")];
}

/* What stands before each line of it. */
struct line_kind {
    const char *name;
    size_t size;
};

static const struct line_kind event_line = {"event: ", 7};
static const struct line_kind id_line = {"id: ", 4};
static const struct line_kind data_line = {"data: ", 6};
static const struct line_kind retry_line = {"retry: ", 7};
static const struct line_kind comment_line = {": ", 2};

/* A field for each line of a text; NULL: none. 0, -ENOMEM. */
static int add_lines(struct coil__http_buffer *buffer, const struct line_kind *kind,
                     const char *text)
{
    while (text) {
        size_t size = strcspn(text, "\r\n");
        const char *end = text + size;

        if (coil__http_reserve(buffer, kind->size + size + 1) < 0) {
            return -ENOMEM;
        }
        coil__http_put(buffer, kind->name, kind->size);
        coil__http_put(buffer, text, size);
        coil__http_put(buffer, "\n", 1);
        text = *end ? end + 1 + (end[0] == '\r' && end[1] == '\n') : NULL;
    }
    return 0;
}

/* Behind the last line: sends all, and frees the memory. rc: of the lines. */
static int send_lines(struct coil_http_exchange *exchange, struct coil__http_buffer *buffer, int rc)
{
    rc = rc < 0 ? rc : coil__http_reserve(buffer, 1);
    if (rc == 0) {
        ssize_t size;

        coil__http_put(buffer, "\n", 1);
        size = coil_http_write(exchange, buffer->data, buffer->end);
        rc = size < 0 ? (int)size : coil_http_flush(exchange);
    }
    coil__http_buffer_free(buffer);
    return rc;
}

int coil_http_sse_send(struct coil_http_exchange *exchange, const char *event, const char *data,
                       const char *id)
{
    struct coil__http_buffer buffer = {0};
    int rc;

    if (!exchange || (!event && !data && !id) || !is_one_line(event) || !is_one_line(id)) {
        return -EINVAL;
    }
    rc = add_lines(&buffer, &event_line, event);
    rc = rc < 0 ? rc : add_lines(&buffer, &id_line, id);
    rc = rc < 0 ? rc : add_lines(&buffer, &data_line, data);
    return send_lines(exchange, &buffer, rc);
}

int coil_http_sse_retry(struct coil_http_exchange *exchange, int64_t time_ns)
{
    struct coil__http_buffer buffer = {0};
    char room[COIL__DIGITS];
    char digits[COIL__DIGITS + 1] = "";
    struct coil__slice number;

    if (!exchange || time_ns < 0) {
        return -EINVAL;
    }
    number = coil__slice_of_number(
        (uint64_t)(time_ns / COIL_MSEC + (time_ns % COIL_MSEC > 0 ? 1 : 0)), room);
    memcpy(digits, number.start, number.size);
    return send_lines(exchange, &buffer, add_lines(&buffer, &retry_line, digits));
}

int coil_http_sse_comment(struct coil_http_exchange *exchange, const char *text)
{
    struct coil__http_buffer buffer = {0};

    if (!exchange) {
        return -EINVAL;
    }
    return send_lines(exchange, &buffer, add_lines(&buffer, &comment_line, text ? text : ""));
}

const char *coil_http_sse_last_id(const struct coil_http_exchange *exchange)
{
    return coil_http_get_field(exchange, "Last-Event-ID");
}
