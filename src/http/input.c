/* input.c - receiving: what is there is taken without a timer; one is armed only around a wait. */
#include "http/http.h"

#include <coil/loop.h>
#include <coil/task.h>

#include <errno.h>

int64_t coil__http_after(int64_t span_ns)
{
    int64_t now = span_ns == COIL_NEVER ? 0 : coil_now();

    return span_ns > COIL_NEVER - now ? COIL_NEVER : now + span_ns;
}

bool coil__http_was_slow(int error)
{
    return error == -ETIMEDOUT && coil_check_cancel() == 0;
}

/* Waits, and receives. */
static ssize_t receive_later(struct coil__http_connection *conn, void *buf, size_t size,
                             int64_t when)
{
    struct coil_scope scope = {0};
    ssize_t count;

    if (conn->is_idle && conn->service->is_closing) { /* since it was asked when */
        when = 0;
    }
    coil_scope_open_deadline(&scope, when); /* if there is no memory for it, the read fails */
    conn->wait = &scope;
    conn->greed = 0;
    count = coil_stream_read(conn->stream, buf, size);
    conn->wait = NULL;
    coil_scope_close(&scope);
    return count;
}

ssize_t coil__http_receive(struct coil__http_connection *conn, void *buf, size_t size, int64_t when)
{
    ssize_t count = -EAGAIN;

    if (++conn->greed > COIL__HTTP_GREED) {
        int rc = coil_yield();

        conn->greed = 0;
        if (rc < 0) {
            return rc;
        }
    }
    count = coil_stream_try_read(conn->stream, buf, size);
    if (count == -EAGAIN) {
        count = receive_later(conn, buf, size, when);
    }
    if (count < 0 && count != -ENOMEM && count != -ETIMEDOUT && count != -ECANCELED) {
        conn->exchange.error = (int)count;
    }
    return count;
}

ssize_t coil__http_fill(struct coil__http_connection *conn, int64_t when)
{
    struct coil__http_buffer *in = &conn->in;
    ssize_t count;

    if (in->capacity == in->end) {
        int rc = coil__http_reserve(in, in->capacity > 0 ? 1 : COIL__HTTP_FIRST_ROOM);

        if (rc < 0) {
            return rc;
        }
    }
    count = coil__http_receive(conn, in->data + in->end, in->capacity - in->end, when);
    in->end += count > 0 ? (size_t)count : 0;
    conn->was_full = in->end == in->capacity;
    return count;
}

void coil__http_take(struct coil__http_connection *conn, size_t size)
{
    struct coil__http_buffer *in = &conn->in;

    in->start += size;
    if (in->start == in->end) {
        in->start = 0;
        in->end = 0;
    }
}
