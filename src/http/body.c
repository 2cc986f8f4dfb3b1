/* body.c - a request's body, as handlers read it. */
#include "http/http.h"

#include <coil/task.h>

#include <errno.h>

enum { CONTENT_STEP = 64 * 1024 };

/* What came is too much by a limit that was set later than the server's. */
static ssize_t count_out(struct coil_http_exchange *exchange, ssize_t count)
{
    exchange->handed_out += count > 0 ? (uint64_t)count : 0;
    if (exchange->handed_out > exchange->body_limit) {
        exchange->body_error = -COIL_ELIMIT;
        exchange->body_status = 413;
        return -COIL_ELIMIT;
    }
    return count;
}

ssize_t coil_http_read(struct coil_http_exchange *exchange, void *buf, size_t size)
{
    ssize_t count;
    int rc = !exchange || (!buf && size > 0) ? -EINVAL : coil_check_cancel();

    if (rc < 0) {
        return rc;
    }
    if (exchange->body_error < 0 || exchange->is_read || size == 0) {
        return exchange->body_error;
    }
    count = exchange->protocol->read(exchange, buf, size);
    return exchange->body_limit > 0 ? count_out(exchange, count) : count;
}

/* Room for what comes next: no more than was announced, and not all of that at once, for who
 * announces much may send little. */
static int make_room(const struct coil_http_exchange *exchange)
{
    uint64_t next = CONTENT_STEP;

    if (exchange->is_read) {
        next = 0;
    } else if (exchange->framing == COIL__HTTP1_LENGTH && exchange->left < next) {
        next = exchange->left;
    } else if (exchange->framing == COIL__HTTP1_CHUNKED) {
        next = exchange->piece > 0 ? exchange->piece : COIL__HTTP_FIRST_ROOM;
    }
    return coil__http_reserve(&exchange->memory->content, (size_t)next + 1);
}

ssize_t coil_http_read_all(struct coil_http_exchange *exchange, const char **ret_body)
{
    struct coil__http_buffer *content;
    int rc = !exchange || !ret_body ? -EINVAL : coil_check_cancel();

    if (rc < 0) {
        return rc;
    }
    content = &exchange->memory->content;
    while (!exchange->is_read) {
        ssize_t count;

        rc = make_room(exchange);
        if (rc < 0) {
            return rc;
        }
        count = coil_http_read(exchange, content->data + content->end,
                               content->capacity - content->end - 1);
        if (count < 0) {
            return count;
        }
        content->end += (size_t)count;
    }
    if (content->end == 0 || exchange->is_read_all) {
        *ret_body = "";
        return 0;
    }
    content->data[content->end] = '\0';
    exchange->is_read_all = true;
    *ret_body = content->data;
    return (ssize_t)content->end;
}
