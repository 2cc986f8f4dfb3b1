/* client_http2_receive.c - nghttp2's callbacks: what a server sends, noted in the streams.
 *
 * nghttp2 has looked at the fields of a head (RFC 9113, sections 8.2 and 8.3): names are lower
 * case, nothing of HTTP/1.1's connections is among them, :status is there and comes first, a length
 * is a number and fits the body. The rest is looked at here.
 *
 * Frames that say nothing are counted (CVE-2019-9512, CVE-2019-9515, CVE-2019-9518): above the
 * bound the connection ends with ENHANCE_YOUR_CALM (RFC 9113, section 10.5). nghttp2 itself bounds
 * CONTINUATION frames in a row.
 */
#include "http/client_http2.h"

#include <errno.h>
#include <stdio.h>

enum {
    NOTHING_BURST = 1000,
    NOTHING_RATE = 200, /* a second */
    FIELD_COST = 32,    /* beside its bytes (RFC 9113, section 6.5.2) */
};

static struct coil__client_stream *find(const struct coil__client_http2 *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2->session, id);
}

static void count_nothing(struct coil__client_http2 *h2)
{
    if (!coil__http2_budget_take(&h2->nothings, NOTHING_BURST, NOTHING_RATE)) {
        snprintf(h2->said, sizeof h2->said, "too many frames that say nothing");
        nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

static void refuse(struct coil__client_stream *stream, int error, uint32_t code, const char *text)
{
    coil__client_stream_fail(stream, error, text);
    if (stream->id > 0) {
        nghttp2_submit_rst_stream(stream->h2->session, NGHTTP2_FLAG_NONE, stream->id, code);
    }
}

/* --- heads --- */

static bool awaits_head(const struct coil__client_stream *stream)
{
    return stream && !stream->is_left && !stream->has_head && stream->failure.error == 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct coil__client_stream *stream = find(user, frame->hd.stream_id);

    (void)session;
    if (awaits_head(stream)) {
        stream->head.start = 0;
        stream->head.end = 0;
        stream->field_count = 0;
        stream->head_size = 0;
        stream->status = 0;
    }
    return 0;
}

static int add_field(struct coil__client_stream *stream, const uint8_t *name, size_t name_size,
                     const uint8_t *value, size_t value_size)
{
    const struct coil_http_session *session = stream->h2->conn->session;
    struct coil__http_buffer *head = &stream->head;

    stream->head_size += name_size + value_size + FIELD_COST;
    if (stream->head_size > session->limits.head ||
        stream->field_count >= session->options.max_fields) {
        refuse(stream, -COIL_ELIMIT, NGHTTP2_CANCEL, "the head of the response is too large");
        return 0;
    }
    if (coil__http_reserve(head, name_size + value_size + 2) < 0) {
        refuse(stream, -ENOMEM, NGHTTP2_CANCEL, coil_strerror(-ENOMEM));
        return 0;
    }
    coil__http_put(head, name, name_size);
    coil__http_put(head, "", 1);
    coil__http_put(head, value, value_size);
    coil__http_put(head, "", 1);
    stream->field_count++;
    return 0;
}

/* Trailers are looked at by nghttp2, and by nobody else. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user)
{
    struct coil__client_stream *stream = find(user, frame->hd.stream_id);
    struct coil__slice digits = {(const char *)value, value_size};
    uint64_t status = 0;

    (void)session;
    (void)flags;
    if (!awaits_head(stream)) {
        return 0;
    }
    if (name[0] != ':') {
        return add_field(stream, name, name_size, value, value_size);
    }
    coil__slice_take_number(&digits, &status); /* nghttp2 has seen three of them */
    stream->status = (unsigned)status;
    return 0;
}

/* RFC 9113, section 8.1.1: malformed, as a whole. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_size, const uint8_t *value,
                             size_t value_size, uint8_t flags, void *user)
{
    struct coil__client_stream *stream = find(user, frame->hd.stream_id);

    (void)session;
    (void)name;
    (void)name_size;
    (void)value;
    (void)value_size;
    (void)flags;
    if (stream) {
        refuse(stream, -COIL_EPROTOCOL, NGHTTP2_PROTOCOL_ERROR,
               "the response has a field that is none");
    }
    return 0;
}

static void end_interim(struct coil__client_stream *stream)
{
    stream->is_continue = stream->is_continue || stream->status == 100;
    if (++stream->interim > COIL__CLIENT_MAX_INTERIM) {
        refuse(stream, -COIL_EPROTOCOL, NGHTTP2_ENHANCE_YOUR_CALM,
               "too many interim responses (1xx) before a final one");
    } else if (stream->status == 101) { /* RFC 9113, section 8.6 */
        refuse(stream, -COIL_EPROTOCOL, NGHTTP2_PROTOCOL_ERROR,
               "the server speaks another protocol, unasked");
    }
    coil_event_set(&stream->changed);
}

static void end_head(struct coil__client_stream *stream)
{
    if (stream->status < 200) {
        end_interim(stream);
        return;
    }
    stream->has_head = true;
    coil_event_set(&stream->changed);
}

/* --- bodies --- */

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    struct coil__client_stream *stream = find(user, id);
    bool is_wanted = stream && !stream->is_left && stream->failure.error == 0;

    (void)flags;
    if (is_wanted && coil__http_reserve(&stream->in, size) < 0) {
        refuse(stream, -ENOMEM, NGHTTP2_CANCEL, coil_strerror(-ENOMEM));
        is_wanted = false;
    }
    if (!is_wanted) {
        nghttp2_session_consume(session, id, size); /* nobody will read it */
        return 0;
    }
    coil__http_put(&stream->in, data, size);
    coil_event_set(&stream->changed);
    return 0;
}

static void on_goaway(struct coil__client_http2 *h2, const nghttp2_goaway *goaway)
{
    h2->goaway = goaway->error_code;
    coil__client_http2_drain(h2);
}

static void on_message(struct coil__client_http2 *h2, const nghttp2_frame *frame)
{
    struct coil__client_stream *stream = find(h2, frame->hd.stream_id);
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length == 0 && !is_end) {
        count_nothing(h2);
    }
    if (frame->hd.type == NGHTTP2_HEADERS && awaits_head(stream)) {
        end_head(stream);
    }
    if (stream && is_end) {
        stream->is_ended = stream->has_head;
        coil_event_set(&stream->changed);
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct coil__client_http2 *h2 = user;
    struct coil__client_stream *stream;

    (void)session;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        on_message(h2, frame);
        break;
    case NGHTTP2_SETTINGS:
        h2->has_news = true;
        count_nothing(h2);
        break;
    case NGHTTP2_PING:
    case NGHTTP2_PRIORITY:
        count_nothing(h2);
        break;
    case NGHTTP2_GOAWAY:
        on_goaway(h2, &frame->goaway);
        break;
    case NGHTTP2_RST_STREAM:
        stream = find(h2, frame->hd.stream_id);
        if (stream) {
            stream->was_reset = true;
        }
        break;
    default:
        break;
    }
    return 0;
}

/* --- ends --- */

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct coil__client_http2 *h2 = user;
    struct coil__client_stream *stream =
        frame->hd.type == NGHTTP2_HEADERS ? find(h2, frame->hd.stream_id) : NULL;

    (void)session;
    if (stream) {
        stream->is_out = true;
    }
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
        h2->is_blamed = true;
        coil__client_http2_nudge(h2);
    }
    return 0;
}

/* What is not sent any more, because the server has said GOAWAY or the stream was left, has no
 * stream of nghttp2's. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    struct coil__client_http2 *h2 = user;

    (void)session;
    (void)error;
    if (frame->hd.type != NGHTTP2_HEADERS) {
        return 0;
    }
    COIL__LIST_FOREACH_SAFE(&h2->streams, link) {
        struct coil__client_stream *stream =
            COIL__CONTAINER(link, struct coil__client_stream, link);

        if (stream->id == frame->hd.stream_id) {
            stream->id = 0;
            stream->is_refused = true;
            coil__client_stream_fail(stream, -COIL_EINCOMPLETE,
                                     "the server takes no more requests");
            if (stream->is_left) {
                coil__list_remove(link);
                coil__list_push_tail(&h2->dead, link);
            }
            break;
        }
    }
    return 0;
}

/* How a stream has ended that has not come to its end. */
static void judge(struct coil__client_stream *stream, uint32_t code)
{
    char text[160];
    int error = -COIL_EPROTOCOL;

    stream->is_refused = code == NGHTTP2_REFUSED_STREAM;
    if (stream->was_reset && code == NGHTTP2_HTTP_1_1_REQUIRED) { /* RFC 9113, section 7 */
        stream->is_refused = true;
        coil__client_avoid_http2(stream->h2->conn);
    }
    if (stream->was_reset) {
        error = -ECONNRESET;
        snprintf(text, sizeof text, "the server has reset the stream: %s",
                 nghttp2_http2_strerror(code));
    } else if (stream->is_refused) {
        error = -COIL_EINCOMPLETE;
        snprintf(text, sizeof text, "the server takes no more requests");
    } else {
        snprintf(text, sizeof text, "the response is no good HTTP/2%s%s",
                 stream->h2->said[0] ? ": " : "", stream->h2->said);
    }
    coil__client_stream_fail(stream, error, text);
}

static int on_closed(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct coil__client_stream *stream = find(user, id);

    (void)session;
    if (!stream) {
        return 0;
    }
    stream->id = 0;
    if (!stream->is_ended) {
        judge(stream, code);
    }
    coil_event_set(&stream->changed);
    if (stream->is_left) {
        coil__list_remove(&stream->link);
        coil__list_push_tail(&stream->h2->dead, &stream->link);
    }
    return 0;
}

static int on_error(nghttp2_session *session, int error, const char *text, size_t size, void *user)
{
    struct coil__client_http2 *h2 = user;

    (void)session;
    (void)error;
    snprintf(h2->said, sizeof h2->said, "%.*s", (int)size, text);
    for (char *c = h2->said; *c != '\0'; c++) {
        *c = coil__is_control(*c) ? ' ' : *c;
    }
    return 0;
}

void coil__client_http2_set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, coil__client_http2_put_data);
    nghttp2_session_callbacks_set_error_callback2(callbacks, on_error);
}
