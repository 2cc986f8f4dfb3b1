/* client_http2_stream.c - streams: their structs, how they end, and bodies that are read.
 *
 * A struct is given back when nghttp2 has closed the stream and nobody wants it any more, whichever
 * comes last. What nghttp2's callbacks find to be so is done behind them (reap). The window of a
 * stream opens as its body is read, so that a server cannot send more than that ahead.
 */
#include "http/client_http2.h"

#include "base/memory.h"

#include <errno.h>

/* --- structs --- */

struct coil__client_stream *coil__client_stream_new(struct coil__client_http2 *h2)
{
    struct coil__client_stream *stream = coil__calloc(1, sizeof *stream);

    if (stream) {
        stream->h2 = h2;
        coil__list_push_tail(&h2->streams, &stream->link);
    }
    return stream;
}

void coil__client_stream_free(struct coil__client_stream *stream)
{
    struct coil__client_connection *conn = stream->h2->conn;

    coil__list_remove(&stream->link);
    coil__http_buffer_free(&stream->head);
    coil__http_buffer_free(&stream->in);
    coil__free(stream);
    coil__client_http2_give_slot(conn);
}

void coil__client_stream_reap(struct coil__client_http2 *h2)
{
    while (!coil__list_is_empty(&h2->dead)) {
        coil__client_stream_free(COIL__CONTAINER(h2->dead.next, struct coil__client_stream, link));
    }
}

/* --- ends --- */

void coil__client_stream_fail(struct coil__client_stream *stream, int error, const char *text)
{
    if (!stream->is_ended && stream->failure.error == 0) {
        coil__client_fail(&stream->failure, error, "%s", text);
    }
    coil_event_set(&stream->changed);
}

/* What was read, or is not going to be, no longer counts against the windows. */
static void consume(struct coil__client_stream *stream, size_t size)
{
    nghttp2_session *session = stream->h2->session;

    if (session && size > 0 && stream->id > 0) {
        nghttp2_session_consume(session, stream->id, size);
    } else if (session && size > 0) {
        nghttp2_session_consume_connection(session, size);
    }
}

void coil__client_stream_leave(struct coil__client_stream *stream)
{
    struct coil__client_http2 *h2 = stream->h2;

    consume(stream, coil__http_size(&stream->in));
    coil__http_buffer_free(&stream->in);
    stream->lent = NULL;
    stream->lent_size = 0;
    stream->is_left = true;
    if (stream->id == 0) {
        coil__client_http2_pump_later(h2); /* windows may have opened */
        coil__client_stream_free(stream);
        return;
    }
    nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
    coil__client_http2_pump_later(h2);
}

int coil__client_stream_wait(struct coil__client_stream *stream, int64_t when)
{
    struct coil_scope scope = {0};
    int rc;

    coil_event_clear(&stream->changed);
    coil_scope_open_deadline(&scope, when);
    rc = coil_event_wait(&stream->changed);
    coil_scope_close(&scope);
    return rc;
}

/* --- calls and responses --- */

void coil__client_stream_give_up(struct coil__client_call *call)
{
    if (call->stream) {
        coil__client_stream_leave(call->stream);
    } else {
        coil__client_http2_give_slot(call->conn);
    }
    call->stream = NULL;
}

void coil__client_stream_hand_over(struct coil__client_call *call,
                                   struct coil_http_response *response)
{
    response->stream = call->stream;
    response->version = 20;
    call->stream = NULL;
    coil__http_buffer_free(&response->stream->head);
}

void coil__client_stream_end(struct coil__client_connection *conn,
                             struct coil_http_response *response)
{
    (void)conn;
    coil__client_stream_leave(response->stream);
    response->stream = NULL;
}

bool coil__client_stream_skip(struct coil_http_response *response)
{
    response->is_read = response->stream->is_ended;
    return response->is_read;
}

/* --- reading --- */

static ssize_t take(struct coil_http_response *response, void *buf, size_t size)
{
    struct coil__client_stream *stream = response->stream;
    struct coil__http_buffer *in = &stream->in;

    size = size < coil__http_size(in) ? size : coil__http_size(in);
    memcpy(buf, in->data + in->start, size);
    in->start += size;
    response->left -= response->left < size ? response->left : size;
    consume(stream, size);
    coil__client_http2_pump_later(stream->h2);
    if (coil__http_size(in) == 0) {
        in->start = 0;
        in->end = 0;
    }
    if (coil__http_size(in) == 0 && stream->is_ended) {
        coil__client_body_finish(response);
    }
    return (ssize_t)size;
}

ssize_t coil__client_stream_read(struct coil_http_response *response, void *buf, size_t size)
{
    struct coil__client_stream *stream = response->stream;
    int64_t when = coil__http_after(response->read_timeout_ns);

    when = when < response->deadline ? when : response->deadline;
    while (coil__http_size(&stream->in) == 0) {
        int rc;

        if (stream->is_ended) {
            coil__client_body_finish(response);
            return 0;
        }
        if (stream->failure.error < 0) {
            return coil__client_body_fail(response, stream->failure.error, stream->failure.text);
        }
        rc = coil__client_stream_wait(stream, when);
        if (rc < 0 && coil__http_size(&stream->in) == 0 && !stream->is_ended) {
            coil__client_http2_doubt(stream->h2, rc, response->read_timeout_ns);
            return coil__client_body_judge(response, rc);
        }
    }
    return take(response, buf, size);
}
