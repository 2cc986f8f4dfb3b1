/* http2_receive.c - nghttp2's callbacks: what comes in, and what becomes of streams.
 *
 * What a peer can repeat without end is counted: streams that it lets us begin for nothing (rapid
 * reset, CVE-2023-44487), frames that say nothing (CVE-2019-9518, CVE-2019-9515) or only want to be
 * answered (CVE-2019-9512), and windows that grow though nothing is sent (CVE-2019-9511). Above the
 * bound the connection ends with ENHANCE_YOUR_CALM (RFC 9113, section 10.5). nghttp2 itself bounds
 * CONTINUATION frames in a row, and answers to PING and SETTINGS that the peer does not read.
 */
#include "http/http2.h"

#include <errno.h>

enum {
    RESET_BURST = 200,
    RESET_RATE = 50, /* a second */
    NOTHING_BURST = 500,
    NOTHING_RATE = 100,
    PING_BURST = 2000, /* some clients measure with them */
    PING_RATE = 500,
    UPDATES = 5000, /* of windows, beyond those that what we have sent is reason for: */
    UPDATES_OF_FRAME = 10,
    BYTES_OF_UPDATE = 256,
};

static void calm_down(struct coil__http2_connection *h2)
{
    h2->is_draining = true;
    nghttp2_session_terminate_session2(h2->session,
                                       nghttp2_session_get_last_proc_stream_id(h2->session),
                                       NGHTTP2_ENHANCE_YOUR_CALM);
}

static void count_nothing(struct coil__http2_connection *h2)
{
    if (!coil__http2_budget_take(&h2->nothings, NOTHING_BURST, NOTHING_RATE)) {
        calm_down(h2);
    }
}

/* A frame that is no part of a request. */
static void count_control(struct coil__http2_connection *h2, uint8_t type)
{
    switch (type) {
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PRIORITY:
        count_nothing(h2);
        break;
    case NGHTTP2_PING:
        if (!coil__http2_budget_take(&h2->pings, PING_BURST, PING_RATE)) {
            calm_down(h2);
        }
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (++h2->updates > UPDATES) {
            calm_down(h2);
        }
        break;
    default:
        break;
    }
}

static struct coil__http2_stream *find(const struct coil__http2_connection *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2->session, id);
}

/* --- heads --- */

/* A stream that never was one, because there are too many. */
static void tell_of_refused(struct coil__http2_connection *h2)
{
    struct coil_http_exchange exchange = {
        .protocol = &coil__http2_protocol,
        .service = h2->service,
        .stream = h2->conn->stream,
        .method = "",
        .path = "",
    };

    coil__http_log(&exchange);
    coil__http_count(&exchange);
}

/* nghttp2 refuses those above the limit that it has told of (RFC 9113, section 5.1.2). */
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *user)
{
    (void)session;
    if (frame->hd.type == NGHTTP2_HEADERS && error == NGHTTP2_ERR_REFUSED_STREAM) {
        tell_of_refused(user);
    }
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct coil__http2_connection *h2 = user;
    struct coil__http2_stream *stream;
    int32_t id = frame->hd.stream_id;

    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    if (h2->stream_count >= 2 * (size_t)h2->service->settings.max_streams) {
        tell_of_refused(h2);
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    }
    stream = coil__http2_stream_new(h2, id);
    if (!stream) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    nghttp2_session_set_stream_user_data(session, id, stream);
    return 0;
}

/* Trailers are looked at by nghttp2, and by nobody else. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user)
{
    struct coil__http2_stream *stream = find(user, frame->hd.stream_id);

    (void)session;
    (void)flags;
    if (!stream || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    return coil__http2_add_field(stream, name, name_size, value, value_size) < 0
               ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
               : 0;
}

/* RFC 9113, section 8.1.1: a malformed request may be answered with 400. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_size, const uint8_t *value,
                             size_t value_size, uint8_t flags, void *user)
{
    struct coil__http2_stream *stream = find(user, frame->hd.stream_id);

    (void)session;
    (void)name;
    (void)name_size;
    (void)value;
    (void)value_size;
    (void)flags;
    if (stream && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        stream->refusal = 400;
        return 0;
    }
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* --- bodies --- */

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    struct coil__http2_stream *stream = find(user, id);

    (void)flags;
    if (!stream || stream->is_handled || coil__http2_take_data(stream, data, size) < 0) {
        nghttp2_session_consume(session, id, size); /* nobody will read it */
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct coil__http2_connection *h2 = user;
    struct coil__http2_stream *stream;
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    (void)session;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        count_control(h2, frame->hd.type);
        return 0;
    }
    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length == 0 && !is_end) {
        count_nothing(h2);
    }
    stream = find(h2, frame->hd.stream_id);
    if (!stream) {
        return 0;
    }
    if (is_end) {
        stream->is_ended = true;
        coil_event_set(&stream->readable);
    }
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        coil__http2_make_exchange(stream);
        coil__list_push_tail(&h2->begun, &stream->queued);
    }
    return 0;
}

/* --- ends --- */

/* A request whose body nobody will read, and that is answered, is over (RFC 9113, section 8.1). */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct coil__http2_connection *h2 = user;
    struct coil__http2_stream *stream;
    size_t reason;

    (void)session;
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    reason = UPDATES_OF_FRAME + frame->hd.length / BYTES_OF_UPDATE;
    h2->updates -= h2->updates < reason ? h2->updates : (unsigned)reason;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        return 0;
    }
    stream = find(h2, frame->hd.stream_id);
    if (stream) {
        stream->is_sent = true;
        if (stream->is_handled) {
            coil__http2_end_request(stream);
        }
    }
    return 0;
}

static int on_closed(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct coil__http2_connection *h2 = user;
    struct coil__http2_stream *stream = find(h2, id);

    (void)session;
    if (error == NGHTTP2_NO_ERROR && stream && !stream->is_sent) {
        error = NGHTTP2_CANCEL; /* that is what it means before the response's end */
    }
    if (error != NGHTTP2_NO_ERROR && !(stream && stream->is_ours) &&
        !coil__http2_budget_take(&h2->resets, RESET_BURST, RESET_RATE)) {
        calm_down(h2);
    }
    if (stream) {
        coil__http2_stream_closed(stream, error);
    }
    return 0;
}

void coil__http2_set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, coil__http2_put_data);
}
