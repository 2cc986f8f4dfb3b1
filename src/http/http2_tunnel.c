/* http2_tunnel.c - a stream of HTTP/2 as what a WebSocket stands on (RFC 8441): DATA frames are its
 * bytes, END_STREAM is the end of a direction, RST_STREAM with CANCEL what breaking off is in TCP
 * (section 5).
 *
 * What has come waits in the stream's `in`, which the windows bound; they open as the WebSocket
 * reads. What goes out is copied, up to COIL__HTTP2_WRITE_ROOM, or lent while its writer waits.
 * Nothing here touches the rest of the connection: one stream that does not move holds up none.
 *
 * After the closing handshake our END_STREAM has gone out, and the client's is awaited without a
 * task: reset_stalled (http2_connection.c) gives up on it.
 */
#include "http/http2.h"
#include "http/websocket.h"

#include <errno.h>

static struct coil__http2_stream *stream_of(const struct coil__websocket_carrier *carrier)
{
    return coil__http2_stream_of(carrier->exchange);
}

/* --- reading --- */

/* 0; or why nothing more will come. */
static int check_input(const struct coil__http2_stream *stream)
{
    if (stream->exchange.body_error < 0 || stream->h2->error < 0) {
        return -ECONNRESET; /* -ENOMEM of what was not taken: bytes are missing */
    }
    return stream->id == 0 && !stream->is_ended ? -ECONNRESET : 0;
}

static ssize_t try_read(struct coil__websocket_carrier *carrier, void *buf, size_t size)
{
    struct coil__http2_stream *stream = stream_of(carrier);
    int rc = check_input(stream);

    if (coil__http_size(&stream->in) > 0) {
        return (ssize_t)coil__http2_take_input(stream, buf, size);
    }
    if (rc < 0) {
        return rc;
    }
    return stream->is_ended || stream->h2->has_ended ? 0 : -EAGAIN;
}

static ssize_t read_some(struct coil__websocket_carrier *carrier, void *buf, size_t size)
{
    struct coil__http2_stream *stream = stream_of(carrier);

    for (;;) {
        ssize_t count = try_read(carrier, buf, size);
        int rc;

        if (count != -EAGAIN) {
            return count;
        }
        coil__http_buffer_trim(&stream->in); /* idle ones hold little */
        if (coil__http_size(&stream->out) == 0) {
            coil__http_buffer_trim(&stream->out);
        }
        coil_event_clear(&stream->readable);
        rc = coil_event_wait(&stream->readable);
        if (rc < 0) {
            return rc;
        }
    }
}

/* --- writing --- */

/* 0; or why nothing can be sent any more. */
static int check_output(const struct coil__http2_stream *stream)
{
    bool is_over = stream->id == 0 || stream->is_ours || stream->h2->error < 0;

    return is_over || stream->h2->has_ended ? -ECONNRESET : 0;
}

/* Waits until something was sent. */
static int wait_for_room(struct coil__http2_stream *stream)
{
    int rc;

    coil_event_clear(&stream->writable);
    rc = coil_event_wait(&stream->writable);
    return rc < 0 ? rc : check_output(stream);
}

static ssize_t try_write(struct coil__websocket_carrier *carrier, const void *buf, size_t size)
{
    struct coil__http2_stream *stream = stream_of(carrier);
    size_t have = coil__http_size(&stream->out);
    int rc = stream->is_whole ? -EPIPE : check_output(stream);

    if (rc < 0) {
        return rc;
    }
    if (stream->lent_size > 0 || have >= COIL__HTTP2_WRITE_ROOM) {
        return -EAGAIN;
    }
    size = size < COIL__HTTP2_WRITE_ROOM - have ? size : COIL__HTTP2_WRITE_ROOM - have;
    if (coil__http_reserve(&stream->out, size) < 0) {
        return -ENOMEM;
    }
    coil__http_put(&stream->out, buf, size);
    coil__http2_resume(stream);
    return (ssize_t)size;
}

/* From the caller's memory. What was taken of it; or an error. */
static ssize_t lend(struct coil__http2_stream *stream, const void *buf, size_t size)
{
    int rc = stream->is_whole ? -EPIPE : check_output(stream);
    size_t left;

    if (rc < 0) {
        return rc;
    }
    stream->lent = buf;
    stream->lent_size = size;
    coil__http2_resume(stream);
    while (rc == 0 && stream->lent_size > 0) {
        rc = wait_for_room(stream);
    }
    left = stream->lent_size;
    stream->lent_size = 0;
    return left < size ? (ssize_t)(size - left) : rc;
}

/* What was taken of it; or an error. */
static ssize_t write_piece(struct coil__websocket_carrier *carrier, const void *buf, size_t size)
{
    struct coil__http2_stream *stream = stream_of(carrier);
    ssize_t count;
    int rc = 0;

    if (size > COIL__HTTP2_WRITE_ROOM) {
        return lend(stream, buf, size);
    }
    while ((count = try_write(carrier, buf, size)) == -EAGAIN && rc == 0) {
        rc = wait_for_room(stream);
    }
    return rc < 0 && count < 0 ? rc : count;
}

static ssize_t write_pieces(struct coil__websocket_carrier *carrier, const struct iovec *iov,
                            int count)
{
    ssize_t done = 0;

    for (int i = 0; i < count; i++) {
        const char *at = iov[i].iov_base;
        size_t left = iov[i].iov_len;

        while (left > 0) {
            ssize_t sent = write_piece(carrier, at, left);

            if (sent < 0) {
                return done > 0 ? done : sent;
            }
            at += sent;
            left -= (size_t)sent;
            done += sent;
        }
    }
    return done;
}

/* --- the end --- */

static void break_off(struct coil__http2_stream *stream)
{
    coil__http2_reset(stream, NGHTTP2_CANCEL);
    coil__http2_pump_later(stream->h2);
}

static int write_eof(struct coil__websocket_carrier *carrier)
{
    struct coil__http2_stream *stream = stream_of(carrier);
    int rc = check_output(stream);

    if (rc < 0) {
        return rc;
    }
    stream->is_whole = true;
    coil__http2_resume(stream);
    while (rc == 0 && stream->lent_size + coil__http_size(&stream->out) > 0) {
        rc = wait_for_room(stream);
    }
    if (rc < 0) {
        break_off(stream);
    }
    return rc;
}

static void close_stream(struct coil__websocket_carrier *carrier)
{
    (void)carrier; /* END_STREAM was all */
}

/* A close frame that waits here goes first, if the client lets it: RST_STREAM would take it along.
 */
static void abort_stream(struct coil__websocket_carrier *carrier)
{
    struct coil__http2_stream *stream = stream_of(carrier);

    if (!stream->is_tunnel || stream->is_whole || stream->id == 0) {
        return;
    }
    if (!stream->h2->is_receiving && stream->h2->error == 0) {
        coil__http2_pump(stream->h2);
    }
    break_off(stream);
}

const struct coil__websocket_carrier_class coil__http2_tunnel_class = {
    .try_read = try_read,
    .read = read_some,
    .try_write = try_write,
    .writev = write_pieces,
    .write_eof = write_eof,
    .close = close_stream,
    .abort = abort_stream,
};

/* --- the server's hand --- */

int coil__http2_open_tunnel(struct coil__http2_stream *stream)
{
    struct coil_http_exchange *exchange = &stream->exchange;
    int rc = coil__http_compose(exchange, 200, NULL, -1);

    if (rc < 0) {
        return rc;
    }
    stream->is_tunnel = true;
    rc = exchange->protocol->send(exchange, NULL, 0, false);
    if (rc < 0) {
        stream->is_tunnel = false;
    }
    if (rc == 0 || exchange->is_broken) {
        exchange->state = COIL__HTTP_ANSWERED;
    }
    return rc;
}

/* Nothing is pumped meanwhile, so no stream leaves the list. */
void coil__http2_go_away(struct coil__http2_connection *h2)
{
    bool was_receiving = h2->is_receiving;

    h2->is_receiving = true;
    COIL__LIST_FOREACH(&h2->streams, link) {
        struct coil__http2_stream *stream = COIL__CONTAINER(link, struct coil__http2_stream, link);

        if (stream->exchange.websocket) {
            coil__websocket_go_away(stream->exchange.websocket);
        }
    }
    h2->is_receiving = was_receiving;
    coil__http2_pump_later(h2);
}
