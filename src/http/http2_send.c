/* http2_send.c - what goes out: nghttp2 is asked for frames until it has none or enough, and the
 * stream gets them in one piece. What it has no room for is kept in `rest`, and nothing more is
 * asked for until a task has sent that: so a client that does not read costs one such piece.
 *
 * Bodies are copied once, from the handler's memory or the stream's `out` behind the frame's head.
 */
#include "http/http2.h"

#include <coil/task.h>

#include <errno.h>

/* --- bodies --- */

ssize_t coil__http2_read_data(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
                              uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct coil__http2_stream *stream = source->ptr;
    size_t have = coil__http_size(&stream->out) + stream->lent_size;

    (void)session;
    (void)id;
    (void)buf;
    (void)user;
    if (have == 0 && !stream->is_whole) {
        stream->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (have <= size && stream->is_whole) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)(have < size ? have : size);
}

/* Moves bytes of the stream's, from what was copied first. */
static void move_data(struct coil__http2_stream *stream, struct coil__http_buffer *into,
                      size_t size)
{
    struct coil__http_buffer *out = &stream->out;
    size_t step = coil__http_size(out) < size ? coil__http_size(out) : size;
    size_t moved = size;

    if (step > 0) {
        coil__http_put(into, out->data + out->start, step);
        out->start += step;
    }
    if (out->start == out->end) {
        out->start = 0;
        out->end = 0;
    }
    size -= step;
    if (size > 0) {
        coil__http_put(into, stream->lent, size);
        stream->lent += size;
        stream->lent_size -= size;
    }
    stream->moved += moved;
    if (stream->lent_size == 0) {
        coil_event_set(&stream->writable);
    }
}

int coil__http2_put_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *framehd,
                         size_t length, nghttp2_data_source *source, void *user)
{
    enum { FRAME_HEAD = 9 }; /* RFC 9113, section 4.1 */
    struct coil__http2_connection *h2 = user;

    (void)session;
    (void)frame; /* it is not padded */
    if (coil__http_reserve(h2->into, FRAME_HEAD + length) < 0) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    coil__http_put(h2->into, framehd, FRAME_HEAD);
    move_data(source->ptr, h2->into, length);
    return 0;
}

/* --- frames --- */

/* Asks nghttp2 for what it has. 0, or an error. */
static int gather(struct coil__http2_connection *h2, struct coil__http_buffer *into)
{
    int rc = 0;

    h2->into = into;
    while (rc == 0 && coil__http_size(into) < COIL__HTTP2_OUTPUT) {
        const uint8_t *data;
        ssize_t size = nghttp2_session_mem_send(h2->session, &data);

        if (size == 0) {
            break;
        }
        rc = size < 0 || coil__http_reserve(into, (size_t)size) < 0 ? -ENOMEM : 0;
        if (rc == 0) {
            coil__http_put(into, data, (size_t)size);
        }
    }
    h2->into = NULL;
    return rc;
}

/* --- waiting for room --- */

/* 0; or an error: the stream's, a cancel's, or -ETIMEDOUT when nothing at all went out in time. */
static int send_all(struct coil__http2_connection *h2, struct coil__http_buffer *rest)
{
    const struct coil__http_settings *settings = &h2->service->settings;

    while (coil__http_size(rest) > 0) {
        struct coil_scope scope = {0};
        int64_t since = coil_now();
        ssize_t sent;
        int rc;

        coil_scope_open_timeout(&scope,
                                coil__http_time_left(h2->used_ns, settings->write_timeout_ns));
        sent = coil_stream_write(h2->conn->stream, rest->data + rest->start, coil__http_size(rest));
        coil_scope_close(&scope);
        coil__http_use_time(&h2->used_ns, coil_now() - since, sent > 0 ? (uint64_t)sent : 0,
                            settings->min_write_rate);
        rc = coil_check_cancel();
        if (sent <= 0 || rc < 0) {
            return rc < 0 ? rc : sent < 0 ? (int)sent : -ETIMEDOUT;
        }
        rest->start += (size_t)sent;
    }
    rest->start = 0;
    rest->end = 0;
    return 0;
}

static int send_rest(void *arg)
{
    struct coil__http2_connection *h2 = arg;
    int rc = 0;

    while (rc == 0 && h2->error == 0 && coil__http_size(&h2->rest) > 0) {
        rc = send_all(h2, &h2->rest);
        rc = rc < 0 ? rc : gather(h2, &h2->rest);
    }
    coil__http_buffer_free(&h2->rest);
    h2->is_sending = false;
    h2->sender = NULL;
    if (rc < 0) {
        coil__http2_fail(h2, rc);
    }
    coil_event_set(&h2->sent);
    coil__http2_nudge(h2); /* it may have been the last that was waited for */
    return 0;
}

/* Keeps what the stream did not take, and lets a task wait for room. */
static int send_later(struct coil__http2_connection *h2, size_t taken)
{
    struct coil__http_buffer *output = &h2->shared->output;
    struct coil_task *task = coil_create_task(send_rest, h2);

    if (!task) {
        return -ENOMEM;
    }
    h2->rest = *output;
    h2->rest.start += taken;
    *output = (struct coil__http_buffer){0};
    h2->is_sending = true;
    h2->used_ns = 0; /* the client has read all that was before */
    h2->sender = task;
    coil_event_clear(&h2->sent);
    return coil_group_adopt(&h2->group, task);
}

/* --- the pump --- */

/* 1: there may be more; 0: all is sent, or waits; or an error. */
static int pump_once(struct coil__http2_connection *h2)
{
    struct coil__http_buffer *output = &h2->shared->output;
    int rc = gather(h2, output);
    size_t size = coil__http_size(output);
    ssize_t sent;

    if (rc < 0 || size == 0) {
        return rc;
    }
    sent = coil_stream_try_write(h2->conn->stream, output->data, size);
    if (sent == (ssize_t)size) {
        output->end = 0;
        return size >= COIL__HTTP2_OUTPUT;
    }
    if (sent < 0 && sent != -EAGAIN) {
        return (int)sent;
    }
    return send_later(h2, sent > 0 ? (size_t)sent : 0);
}

void coil__http2_pump(struct coil__http2_connection *h2)
{
    int rc = 1;

    coil_handle_cancel(&h2->later);
    while (rc > 0 && h2->error == 0 && !h2->is_sending) {
        rc = pump_once(h2);
    }
    h2->shared->output.start = 0;
    h2->shared->output.end = 0;
    if (rc < 0) {
        coil__http2_fail(h2, rc);
    }
}

static void pump(void *user)
{
    coil__http2_pump(user);
}

void coil__http2_pump_later(struct coil__http2_connection *h2)
{
    if (!h2->is_receiving && !h2->is_sending && h2->error == 0 &&
        !coil_handle_is_pending(&h2->later)) {
        coil_call_soon(coil_loop_current(), &h2->later, pump, h2);
    }
}
