/* client_http2_request.c - a request of HTTP/2, up to its response's head. Its own head is composed
 * as for HTTP/1.1 (client_write.c); here its lines become fields, and the Host :authority.
 *
 * A body is lent to the stream, from where it is taken as the server's windows allow. A server that
 * refuses before it has all of it says so in its response; then no more is sent (RFC 9113, section
 * 8.1).
 */
#include "http/client_http2.h"

#include "base/memory.h"

#include <errno.h>

#define CONTINUE_NS COIL_SEC /* how long a server may think about the body */

enum { PSEUDO = 4 }; /* :method, :scheme, :authority, :path */

/* --- the head --- */

static nghttp2_nv pseudo(const char *name, const char *value)
{
    return coil__http2_field(name, strlen(name), value, strlen(value));
}

/* Behind the pseudo-fields stand the lines. Takes the Host out of them (RFC 9113, section 8.3.1).
 * Returns the number of all. */
static size_t make_fields(struct coil__client_call *call, nghttp2_nv *fields)
{
    struct coil__http_buffer *out = &call->conn->out;
    size_t count = coil__http2_fields_of_lines(out->data, out->data + out->end, fields + PSEUDO);
    nghttp2_nv *to = fields + PSEUDO;

    fields[0] = pseudo(":method", call->method_name);
    fields[1] = pseudo(":scheme", call->place.is_https ? "https" : "http");
    fields[2] = pseudo(":path", call->place.parts.path.start);
    fields[3] = pseudo(":authority", "");
    for (size_t i = PSEUDO; i < count + PSEUDO; i++) {
        if (fields[i].namelen == 4 && memcmp(fields[i].name, "host", 4) == 0) {
            fields[3].value = fields[i].value;
            fields[3].valuelen = fields[i].valuelen;
        } else {
            *to++ = fields[i];
        }
    }
    return (size_t)(to - fields);
}

/* 0; -ENOMEM; -COIL_EINCOMPLETE: there are no numbers left for streams. */
static int submit(struct coil__client_call *call)
{
    struct coil__client_stream *stream = call->stream;
    nghttp2_data_provider provider = {.source.ptr = stream,
                                      .read_callback = coil__client_http2_read_data};
    size_t room = coil__http2_count_lines(&call->conn->out) + PSEUDO;
    nghttp2_nv *fields = coil__realloc_array(NULL, room, sizeof *fields);
    bool has_data = call->body.is_there && call->body.size != 0;
    int32_t id;

    if (!fields) {
        return coil__client_fail_plainly(&call->failure, -ENOMEM);
    }
    room = make_fields(call, fields);
    id = nghttp2_submit_request(stream->h2->session, NULL, fields, room,
                                has_data ? &provider : NULL, stream);
    coil__free(fields);
    if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE) {
        coil__client_http2_drain(stream->h2);
        stream->is_refused = true;
        return coil__client_fail(&call->failure, -COIL_EINCOMPLETE,
                                 "the connection has no more streams");
    }
    if (id < 0) {
        return coil__client_fail_plainly(&call->failure, -ENOMEM);
    }
    stream->id = id;
    coil__client_http2_pump_later(stream->h2);
    return 0;
}

/* --- waiting --- */

void coil__client_http2_doubt(struct coil__client_http2 *h2, int error, int64_t span_ns)
{
    if (coil__http_was_slow(error) && coil_now() - h2->heard_at >= span_ns) {
        coil__client_http2_drain(h2);
    }
}

static int fail_slowly(struct coil__client_call *call, int error, const char *what)
{
    coil__client_http2_doubt(call->stream->h2, error, call->read_timeout_ns);
    return coil__http_was_slow(error)
               ? coil__client_fail(&call->failure, error, "%s within %.3g s", what,
                                   (double)call->read_timeout_ns / (double)COIL_SEC)
               : coil__client_fail_plainly(&call->failure, error);
}

/* Why there is no going on before the final head; 0: there is. */
static int why_not(struct coil__client_call *call)
{
    const struct coil__client_stream *stream = call->stream;

    if (!stream->has_head && stream->failure.error < 0) {
        call->failure = stream->failure;
    }
    return stream->has_head ? 0 : stream->failure.error;
}

static int wait_for_head(struct coil__client_call *call)
{
    struct coil__client_stream *stream = call->stream;
    int64_t when = coil__http_after(call->read_timeout_ns);

    while (!stream->has_head) {
        int rc = why_not(call);

        if (rc < 0) {
            return rc;
        }
        rc = coil__client_stream_wait(stream, when);
        if (rc < 0 && !stream->has_head) {
            return fail_slowly(call, rc, "no response");
        }
    }
    return 0;
}

/* --- the body --- */

/* The server has answered so that nothing more need be sent. */
static bool is_refused(const struct coil__client_stream *stream)
{
    return stream->has_head && (stream->status >= 400 || stream->id == 0);
}

/* Sends a piece. 0, also when the server wants no more; or an error. */
static int send_piece(struct coil__client_call *call, const char *data, size_t size, bool is_last)
{
    struct coil__client_stream *stream = call->stream;
    int64_t when = coil__http_after(call->read_timeout_ns);
    int rc = 0;

    stream->lent = data;
    stream->lent_size = size;
    stream->is_whole = is_last;
    if (stream->is_deferred) {
        stream->is_deferred = false;
        nghttp2_session_resume_data(stream->h2->session, stream->id);
    }
    coil__client_http2_pump_later(stream->h2);
    while (stream->lent_size > 0 && !is_refused(stream)) {
        size_t left = stream->lent_size;

        rc = why_not(call);
        rc = rc < 0 ? rc : coil__client_stream_wait(stream, when);
        if (stream->lent_size < left) {
            when = coil__http_after(call->read_timeout_ns);
            rc = coil__http_was_slow(rc) ? 0 : rc;
        }
        if (rc < 0) {
            break;
        }
    }
    call->is_cut = stream->lent_size > 0;
    if (call->is_cut) {
        stream->is_whole = false;
    }
    stream->lent = NULL;
    stream->lent_size = 0;
    if (rc < 0 && stream->failure.error == 0) {
        return fail_slowly(call, rc, "the server has taken nothing");
    }
    return rc;
}

static int send_read(struct coil__client_call *call, char *room)
{
    struct coil__client_stream *stream = call->stream;
    int64_t left = call->body.size;
    ssize_t count = 1;
    int rc = 0;

    while (rc == 0 && count > 0 && left != 0) {
        if (is_refused(stream)) {
            call->is_cut = true;
            return 0;
        }
        rc = why_not(call);
        if (rc == 0) {
            count = coil__client_read_piece(call, room, left);
            rc = count < 0 ? (int)count : 0;
        }
        if (rc == 0 && stream->id > 0) {
            left -= left > 0 ? count : 0;
            rc = send_piece(call, room, (size_t)count, count == 0 || left == 0);
        }
    }
    return rc;
}

static int send_body(struct coil__client_call *call)
{
    const struct coil__client_body *body = &call->body;
    char *room;
    int rc;

    if (!body->reader) {
        return send_piece(call, body->data, (size_t)body->size, true);
    }
    room = coil__malloc(COIL__CLIENT_BODY_ROOM);
    rc = room ? send_read(call, room) : coil__client_fail_plainly(&call->failure, -ENOMEM);
    coil__free(room);
    return rc;
}

/* RFC 9110, section 10.1.1. 1: send it; 0: the response is there, and it need not be sent. */
static int wait_for_permission(struct coil__client_call *call)
{
    struct coil__client_stream *stream = call->stream;
    int64_t when = coil__http_after(CONTINUE_NS);

    while (!stream->is_continue && !stream->has_head) {
        int rc = why_not(call);

        rc = rc < 0 ? rc : coil__client_stream_wait(stream, when);
        if (coil__http_was_slow(rc)) {
            return 1;
        }
        if (rc < 0) {
            return coil__client_fail_plainly(&call->failure, rc);
        }
    }
    call->is_cut = stream->has_head;
    return !stream->has_head;
}

/* --- the response's head --- */

/* As one of HTTP/1.1, so that it goes the same way from here. */
static int make_head(struct coil__client_call *call)
{
    struct coil__client_stream *stream = call->stream;
    struct coil__http1_head *head = &call->heading.head;
    const struct coil__http_buffer *block = &stream->head;
    size_t count = 0;

    call->heading.own = coil__realloc_array(NULL, stream->field_count + 1, sizeof *head->fields);
    if (!call->heading.own) {
        return coil__client_fail_plainly(&call->failure, -ENOMEM);
    }
    *head = (struct coil__http1_head){.fields = call->heading.own,
                                      .status = stream->status,
                                      .framing = COIL__HTTP1_CHUNKED,
                                      .keep_alive = true};
    for (char *at = block->data; count < stream->field_count; count++) {
        struct coil__slice value = coil__slice_of(at + strlen(at) + 1);

        head->fields[count].name = coil__slice_of(at);
        head->fields[count].value = value;
        if (strcmp(at, "content-length") == 0) {
            struct coil__slice digits = value;

            head->framing = coil__slice_take_number(&digits, &head->content_length) == 0
                                ? COIL__HTTP1_LENGTH
                                : head->framing;
        }
        at += strlen(at) + value.size + 2;
    }
    head->field_count = count;
    if (call->method == COIL__HTTP1_HEAD || head->status == 204 || head->status == 304 ||
        (stream->is_ended && coil__http_size(&stream->in) == 0)) {
        head->framing = COIL__HTTP1_NO_BODY;
    }
    call->head = block->data ? block->data : "";
    call->head_size = (int)coil__http_size(block);
    call->heading.interim = stream->interim;
    return 0;
}

/* --- the whole --- */

static int send_all(struct coil__client_call *call)
{
    int rc = submit(call);

    if (rc < 0 || !call->body.is_there || call->body.size == 0) {
        return rc;
    }
    if (call->request->expect_continue) {
        rc = wait_for_permission(call);
        if (rc <= 0) {
            return rc;
        }
    }
    return send_body(call);
}

int coil__client_http2_converse(struct coil__client_call *call)
{
    struct coil__client_http2 *h2 = call->conn->http2;
    int rc;

    if (!h2->session || h2->error < 0 || h2->is_draining) {
        call->is_refused = true;
        return coil__client_fail(&call->failure, -COIL_EINCOMPLETE,
                                 "the server has closed the connection");
    }
    rc = coil__client_compose(call);
    if (rc < 0) {
        return rc;
    }
    call->stream = coil__client_stream_new(h2);
    if (!call->stream) {
        return coil__client_fail_plainly(&call->failure, -ENOMEM);
    }
    rc = send_all(call);
    rc = rc < 0 ? rc : wait_for_head(call);
    rc = rc < 0 ? rc : make_head(call);
    call->is_sent = call->stream->is_out;
    call->is_refused = call->stream->is_refused;
    call->heading.interim = call->stream->interim;
    return rc;
}
