/* http2_stream.c - streams: their structs, the tasks of their handlers, and what an exchange asks.
 *
 * A struct is given back when nghttp2 has closed the stream and its handler has ended, whichever
 * comes last. Structs, with their smaller buffers, are used again by the whole service; so a
 * request allocates nothing here.
 *
 * A stream that its client resets cancels the handler: nobody waits for what it does. The handler
 * of a WebSocket is not cancelled, but told by what it does next, as with HTTP/1.1: it has a
 * farewell to say to others.
 */
#include "http/http2.h"

#include "base/memory.h"

#include <coil/task.h>

#include <errno.h>

/* --- structs --- */

void coil__http2_stream_destroy(struct coil__http2_stream *stream)
{
    coil__http_buffer_free(&stream->head);
    coil__http_buffer_free(&stream->in);
    coil__http_buffer_free(&stream->out);
    coil__http_memory_free(&stream->memory);
    coil__free(stream);
}

/* Everything as new, but for the buffers. */
static void reset(struct coil__http2_stream *stream)
{
    *stream = (struct coil__http2_stream){
        .head = stream->head, .in = stream->in, .out = stream->out, .memory = stream->memory};
    coil__http_buffer_trim(&stream->head);
    coil__http_buffer_trim(&stream->in);
    coil__http_buffer_trim(&stream->out);
    coil__http_memory_trim(&stream->memory);
}

struct coil__http2_stream *coil__http2_stream_new(struct coil__http2_connection *h2, int32_t id)
{
    struct coil__http2_shared *shared = h2->shared;
    struct coil__http2_stream *stream;

    if (coil__list_is_empty(&shared->spare)) {
        stream = coil__calloc(1, sizeof *stream);
    } else {
        stream = COIL__CONTAINER(shared->spare.next, struct coil__http2_stream, link);
        coil__list_remove(&stream->link);
        shared->spare_count--;
    }
    if (!stream) {
        return NULL;
    }
    stream->h2 = h2;
    stream->id = id;
    stream->exchange = (struct coil_http_exchange){
        .protocol = &coil__http2_protocol,
        .service = h2->service,
        .memory = &stream->memory,
        .stream = h2->conn->stream,
        .method = "",
        .path = "",
        .keep_alive = true,
    };
    coil__list_push_tail(&h2->streams, &stream->link);
    h2->stream_count++;
    h2->open_count++;
    return stream;
}

void coil__http2_stream_free(struct coil__http2_stream *stream)
{
    struct coil__http2_connection *h2 = stream->h2;

    if (!stream->is_handled) { /* it has ended before anybody could answer it */
        coil__http_log(&stream->exchange);
        coil__http_count(&stream->exchange);
    }
    coil__list_remove(&stream->link);
    coil__list_remove(&stream->queued);
    h2->stream_count--;
    if (h2->shared->spare_count >= COIL__HTTP2_SPARE) {
        coil__http2_stream_destroy(stream);
        return;
    }
    reset(stream);
    coil__list_push_head(&h2->shared->spare, &stream->link);
    h2->shared->spare_count++;
}

/* --- ends --- */

/* What was received and not read no longer counts against the windows. */
static void give_back_window(struct coil__http2_stream *stream)
{
    size_t size = coil__http_size(&stream->in);

    if (size > 0 && stream->id > 0) {
        nghttp2_session_consume(stream->h2->session, stream->id, size);
    } else if (size > 0) {
        nghttp2_session_consume_connection(stream->h2->session, size);
    }
    coil__http_buffer_trim(&stream->in);
}

void coil__http2_reset(struct coil__http2_stream *stream, uint32_t error)
{
    if (stream->id == 0 || stream->is_ours) {
        return;
    }
    stream->is_ours = true;
    nghttp2_submit_rst_stream(stream->h2->session, NGHTTP2_FLAG_NONE, stream->id, error);
}

void coil__http2_end_request(struct coil__http2_stream *stream)
{
    bool is_over = stream->is_sent && !stream->is_ended;

    if (is_over && (!stream->is_tunnel || stream->h2->is_draining)) {
        coil__http2_reset(stream, NGHTTP2_NO_ERROR);
    }
}

void coil__http2_stream_closed(struct coil__http2_stream *stream, uint32_t error)
{
    struct coil__http2_connection *h2 = stream->h2;

    stream->id = 0;
    h2->open_count--;
    h2->unsent_count -= stream->is_handled;
    if (h2->open_count == 0) {
        h2->idle_at = coil_now();
        coil__http2_nudge(h2);
    }
    if (!stream->task) {
        give_back_window(stream);
        coil__http2_stream_free(stream);
        return;
    }
    coil_event_set(&stream->readable);
    coil_event_set(&stream->writable);
    if (error != NGHTTP2_NO_ERROR && !stream->is_ours && !stream->is_tunnel) {
        coil_cancel_because(stream->task, "the client has reset the stream");
    }
}

/* The handler has ended; or there is none. */
static void end_handler(struct coil__http2_stream *stream)
{
    struct coil__http2_connection *h2 = stream->h2;
    const struct coil_http_exchange *exchange = &stream->exchange;

    stream->task = NULL;
    stream->is_handled = true;
    give_back_window(stream);
    if (stream->id == 0) {
        coil__http2_stream_free(stream);
        return;
    }
    h2->unsent_count++;
    stream->watched_at = coil_now();
    stream->moved = 0;
    if (exchange->state != COIL__HTTP_ANSWERED || exchange->is_broken) {
        coil__http2_reset(stream, stream->is_tunnel ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR);
    } else {
        coil__http2_end_request(stream);
    }
    if (!h2->is_receiving) {
        coil__http2_nudge(h2); /* from now on it watches whether the rest is sent */
    }
    coil__http2_pump_later(h2);
}

/* --- the handler --- */

static int run_handler(void *arg)
{
    struct coil__http2_stream *stream = arg;

    stream->task = coil_current_task();
    coil__http_handle(&stream->exchange);
    end_handler(stream);
    return 0;
}

/* The task begins at once: a handler that waits for nothing has answered when this returns. */
void coil__http2_stream_start(struct coil__http2_stream *stream)
{
    struct coil__http2_connection *h2 = stream->h2;
    struct coil_task_options options = {
        .stack_size = h2->service->settings.stack_size, .eager = true, .site = COIL_HERE};
    struct coil_task *task = NULL;

    coil__list_remove(&stream->queued);
    if (stream->refusal == 0) {
        task = coil_task_create(&options, run_handler, stream);
        if (task) {
            coil_group_adopt(&h2->group, task);
            return;
        }
        stream->refusal = 503;
    }
    coil__http_answer(&stream->exchange, stream->refusal);
    coil__http_log(&stream->exchange);
    coil__http_count(&stream->exchange);
    end_handler(stream);
}

/* --- reading --- */

static int fail(struct coil_http_exchange *exchange, int error, unsigned status)
{
    exchange->body_error = error;
    exchange->body_status = status;
    return error;
}

int coil__http2_take_data(struct coil__http2_stream *stream, const void *data, size_t size)
{
    struct coil_http_exchange *exchange = &stream->exchange;

    if (exchange->body_error < 0) {
        return exchange->body_error;
    }
    stream->received += size;
    coil_event_set(&stream->readable);
    if (stream->received > exchange->service->settings.max_body && !stream->is_connect) {
        return fail(exchange, -COIL_ELIMIT, 413);
    }
    if (coil__http_reserve(&stream->in, size) < 0) {
        return fail(exchange, -ENOMEM, 503);
    }
    coil__http_put(&stream->in, data, size);
    exchange->piece = coil__http_size(&stream->in);
    return 0;
}

/* Waits for an event of the stream, within a time. 0, -ETIMEDOUT, or a cancel. */
static int wait_for(struct coil_event *event, int64_t timeout_ns)
{
    struct coil_scope scope = {0};
    int rc;

    coil_event_clear(event);
    coil_scope_open_timeout(&scope, timeout_ns);
    rc = coil_event_wait(event);
    coil_scope_close(&scope);
    return rc;
}

/* RFC 9110, section 10.1.1. */
static void ask(struct coil__http2_stream *stream)
{
    const nghttp2_nv status = {.name = (uint8_t *)(uintptr_t) ":status",
                               .value = (uint8_t *)(uintptr_t) "100",
                               .namelen = 7,
                               .valuelen = 3};

    if (stream->exchange.awaits_continue && stream->exchange.state == COIL__HTTP_UNANSWERED) {
        nghttp2_submit_headers(stream->h2->session, NGHTTP2_FLAG_NONE, stream->id, NULL, &status, 1,
                               NULL);
        coil__http2_pump_later(stream->h2);
    }
    stream->exchange.awaits_continue = false;
}

/* Within what is left of the time. */
static int wait_for_more(struct coil__http2_stream *stream)
{
    const struct coil__http_settings *settings = &stream->exchange.service->settings;
    int64_t *used = &stream->exchange.body_used_ns;
    int64_t since = coil_now();
    int rc = wait_for(&stream->readable, coil__http_time_left(*used, settings->body_timeout_ns));

    coil__http_use_time(used, coil_now() - since, stream->received - stream->rated,
                        settings->min_body_rate);
    stream->rated = stream->received;
    return rc;
}

/* 1: something is there to be read; 0: the end; or an error. */
static int wait_for_body(struct coil__http2_stream *stream)
{
    struct coil_http_exchange *exchange = &stream->exchange;
    int rc;

    while (coil__http_size(&stream->in) == 0) {
        if (exchange->body_error < 0) {
            return exchange->body_error;
        }
        if (stream->is_ended) {
            return 0;
        }
        if (stream->id == 0 || stream->h2->error < 0) {
            return fail(exchange, -COIL_EINCOMPLETE, 0);
        }
        ask(stream);
        rc = wait_for_more(stream);
        if (coil__http_was_slow(rc)) {
            fail(exchange, -ETIMEDOUT, 408);
            if (exchange->state == COIL__HTTP_UNANSWERED) {
                coil__http_answer(exchange, 408);
            }
            return -ETIMEDOUT;
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 1;
}

size_t coil__http2_take_input(struct coil__http2_stream *stream, void *buf, size_t size)
{
    struct coil__http_buffer *in = &stream->in;

    size = size < coil__http_size(in) ? size : coil__http_size(in);
    memcpy(buf, in->data + in->start, size);
    in->start += size;
    if (stream->id > 0) {
        nghttp2_session_consume(stream->h2->session, stream->id, size);
    } else {
        nghttp2_session_consume_connection(stream->h2->session, size);
    }
    coil__http2_pump_later(stream->h2);
    if (coil__http_size(in) == 0) {
        in->start = 0;
        in->end = 0;
    }
    return size;
}

static ssize_t read_body(struct coil_http_exchange *exchange, void *buf, size_t size)
{
    struct coil__http2_stream *stream = coil__http2_stream_of(exchange);
    int rc = wait_for_body(stream);

    if (rc <= 0) {
        exchange->is_read = exchange->is_read || rc == 0;
        return rc;
    }
    exchange->awaits_continue = false;
    size = coil__http2_take_input(stream, buf, size);
    exchange->piece = coil__http_size(&stream->in);
    exchange->left -= exchange->framing == COIL__HTTP1_LENGTH ? size : 0;
    exchange->is_read = exchange->piece == 0 && stream->is_ended;
    return (ssize_t)size;
}

/* --- writing --- */

/* 0; or why nothing can be sent any more. */
static int check(struct coil__http2_stream *stream)
{
    struct coil_http_exchange *exchange = &stream->exchange;

    if (stream->id > 0 && stream->h2->error == 0 && !stream->h2->has_ended) {
        return 0;
    }
    exchange->is_broken = true;
    exchange->error = stream->h2->error < 0 ? stream->h2->error : -ECONNRESET;
    return exchange->error;
}

void coil__http2_resume(struct coil__http2_stream *stream)
{
    if (stream->is_deferred) {
        stream->is_deferred = false;
        nghttp2_session_resume_data(stream->h2->session, stream->id);
    }
    coil__http2_pump_later(stream->h2);
}

static size_t left(const struct coil__http2_stream *stream, bool all)
{
    return stream->lent_size + (all ? coil__http_size(&stream->out) : 0);
}

/* Waits until nghttp2 has taken what was lent; with `all`, also what was copied. A client that goes
 * on reading gets more time by that. */
static int wait_until_taken(struct coil__http2_stream *stream, bool all)
{
    const struct coil__http_settings *settings = &stream->exchange.service->settings;
    int64_t *used = &stream->exchange.used_ns;
    int rc = left(stream, all) > 0 ? check(stream) : 0;

    while (rc == 0 && left(stream, all) > 0) {
        size_t before = left(stream, true);
        int64_t since = coil_now();

        rc = wait_for(&stream->writable, coil__http_time_left(*used, settings->write_timeout_ns));
        coil__http_use_time(used, coil_now() - since, stream->moved, settings->min_write_rate);
        stream->moved = 0;
        if (left(stream, all) == 0) {
            return 0;
        }
        if (coil__http_was_slow(rc) && left(stream, true) < before) {
            rc = 0;
        }
        if (coil_check_cancel() == 0 && check(stream) < 0) {
            rc = stream->exchange.error;
        }
    }
    return rc;
}

/* From the caller's memory: it waits until all is taken. What goes wrong after the first byte
 * breaks the response. */
static int lend(struct coil__http2_stream *stream, const void *body, size_t size)
{
    int rc;

    if (stream->lent_size > 0) {
        return -COIL_ECONCURRENT;
    }
    stream->lent = body;
    stream->lent_size = size;
    coil__http2_resume(stream);
    rc = wait_until_taken(stream, false);
    if (rc < 0) {
        stream->is_whole = false;
        stream->exchange.is_broken =
            stream->exchange.is_broken || stream->lent_size < size || coil_check_cancel() == 0;
    }
    stream->lent_size = 0;
    return rc;
}

static int send_parts(struct coil_http_exchange *exchange, const void *body, size_t size,
                      bool is_end)
{
    struct coil__http2_stream *stream = coil__http2_stream_of(exchange);
    int rc = stream->is_sent ? 0 : check(stream);
    bool is_copied;

    if (rc < 0 || stream->is_sent) { /* there is no body */
        return rc;
    }
    size = exchange->has_body ? size : 0;
    is_copied = size + coil__http_size(&stream->out) <= COIL__HTTP2_WRITE_ROOM;
    if (is_copied && size > 0) {
        rc = coil__http_reserve(&stream->out, size);
    }
    if (rc == 0 && !exchange->is_complete) {
        rc = coil__http2_submit_head(stream, exchange->has_body);
        exchange->is_complete = rc == 0;
    }
    if (rc < 0) {
        return rc;
    }
    if (is_copied && size > 0) {
        coil__http_put(&stream->out, body, size);
        stream->is_whole = is_end;
    } else if (size > 0) {
        exchange->state = COIL__HTTP_STARTED;
        stream->is_whole = is_end;
        return lend(stream, body, size);
    }
    stream->is_whole = is_end;
    coil__http2_resume(stream);
    return 0;
}

static int flush(struct coil_http_exchange *exchange)
{
    struct coil__http2_stream *stream = coil__http2_stream_of(exchange);
    struct coil__http2_connection *h2 = stream->h2;
    struct coil_scope scope = {0};
    int rc;

    coil__http2_pump(h2);
    rc = wait_until_taken(stream, true);
    if (rc < 0) {
        exchange->is_broken = exchange->is_broken || coil_check_cancel() == 0;
        return rc;
    }
    coil_scope_open_timeout(&scope, exchange->service->settings.write_timeout_ns);
    while (rc == 0 && h2->is_sending) {
        rc = coil_event_wait(&h2->sent);
    }
    rc = rc < 0 ? rc : coil_stream_flush(h2->conn->stream);
    coil_scope_close(&scope);
    return rc;
}

const struct coil__http_protocol coil__http2_protocol = {
    .read = read_body,
    .send = send_parts,
    .flush = flush,
    .version = "HTTP/2",
};
