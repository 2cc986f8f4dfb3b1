/* websocket.c - the life of a WebSocket, and the carrier that is a stream. */
#include "http/websocket.h"

#include "base/memory.h"

#include <coil/loop.h>
#include <coil/task.h>

#include <errno.h>
#include <limits.h>

/* --- a stream as carrier --- */

static ssize_t try_read(struct coil__websocket_carrier *carrier, void *buf, size_t size)
{
    return coil_stream_try_read(carrier->stream, buf, size);
}

static ssize_t read_some(struct coil__websocket_carrier *carrier, void *buf, size_t size)
{
    return coil_stream_read(carrier->stream, buf, size);
}

static ssize_t try_write(struct coil__websocket_carrier *carrier, const void *buf, size_t size)
{
    return coil_stream_try_write(carrier->stream, buf, size);
}

static ssize_t write_pieces(struct coil__websocket_carrier *carrier, const struct iovec *iov,
                            int count)
{
    return coil_stream_writev(carrier->stream, iov, count);
}

static int write_eof(struct coil__websocket_carrier *carrier)
{
    int rc = coil_stream_write_eof(carrier->stream);

    return rc == -EOPNOTSUPP ? coil_stream_flush(carrier->stream) : rc;
}

static void close_stream(struct coil__websocket_carrier *carrier)
{
    if (carrier->is_owned && carrier->stream) {
        struct coil_stream *stream = carrier->stream;

        carrier->stream = NULL;
        coil_stream_close(stream);
    }
}

static void abort_stream(struct coil__websocket_carrier *carrier)
{
    if (carrier->is_owned && carrier->stream) {
        coil_stream_abort(carrier->stream);
        carrier->stream = NULL;
    }
}

const struct coil__websocket_carrier_class coil__websocket_stream_class = {
    .try_read = try_read,
    .read = read_some,
    .try_write = try_write,
    .writev = write_pieces,
    .write_eof = write_eof,
    .close = close_stream,
    .abort = abort_stream,
};

/* --- beginning and end --- */

static int64_t time_of(int64_t given, int64_t usual)
{
    return given == 0 ? usual : given;
}

bool coil__websocket_are_valid(const struct coil_websocket_options *options)
{
    return options->ping_interval_ns >= 0 && options->ping_timeout_ns >= 0 &&
           options->write_timeout_ns >= 0 && options->close_timeout_ns >= 0 &&
           options->handshake_timeout_ns >= 0 && (options->fields || options->field_count == 0);
}

struct coil_websocket *coil__websocket_new(const struct coil__websocket_carrier *carrier,
                                           const struct coil_websocket_options *options,
                                           bool is_client)
{
    enum { USUAL = 1024 * 1024, MOST = SSIZE_MAX / 4 };
    struct coil_websocket *ws = coil__calloc(1, sizeof *ws);
    size_t max_message = options->max_message > 0 ? options->max_message : USUAL;

    if (!ws) {
        return NULL;
    }
    ws->carrier = *carrier;
    ws->is_client = is_client;
    ws->heard = coil_now();
    ws->settings = (struct coil__websocket_settings){
        .max_message = max_message < (size_t)MOST ? max_message : (size_t)MOST,
        .max_frame = options->max_frame > 0 ? options->max_frame : UINT64_MAX,
        .ping_interval_ns = time_of(options->ping_interval_ns, 30 * COIL_SEC),
        .ping_timeout_ns = time_of(options->ping_timeout_ns, 30 * COIL_SEC),
        .write_timeout_ns = time_of(options->write_timeout_ns, 30 * COIL_SEC),
        .close_timeout_ns = time_of(options->close_timeout_ns, 5 * COIL_SEC),
        .deflate_min = options->deflate_min > 0 ? options->deflate_min : 256,
    };
    return ws;
}

void coil__websocket_free(struct coil_websocket *ws)
{
    if (!ws) {
        return;
    }
    ws->carrier.class_->abort(&ws->carrier);
    coil__websocket_deflate_free(&ws->deflate);
    coil__http_buffer_free(&ws->in);
    coil__http_buffer_free(&ws->message);
    coil__free(ws->protocol);
    coil__free(ws->reason);
    coil__free(ws);
}

void coil_websocket_free(struct coil_websocket *ws)
{
    if (ws && ws->is_client) {
        coil__websocket_free(ws);
    }
}

/* Whoever waits for bytes looks again. */
static void wake_receiver(struct coil_websocket *ws)
{
    if (ws->wait) {
        coil_scope_cancel(ws->wait);
    }
}

void coil__websocket_break(struct coil_websocket *ws, int error)
{
    if (ws->is_over) {
        return;
    }
    ws->is_over = true;
    ws->error = error;
    ws->close_code = ws->is_close_received ? ws->close_code : COIL__WEBSOCKET_ABNORMAL;
    wake_receiver(ws);
    coil_event_set(&ws->over);
    if (!ws->is_receiving) { /* else by who receives, behind the read */
        ws->carrier.class_->abort(&ws->carrier);
    }
}

/* --- the server's hand --- */

void coil__websocket_go_away(struct coil_websocket *ws)
{
    if (ws->is_over || ws->is_close_sent) {
        return;
    }
    ws->is_going_away = true;
    coil__websocket_try_close(ws, COIL__WEBSOCKET_GOING_AWAY);
    wake_receiver(ws);
}

int coil__websocket_end(struct coil_websocket *ws, int rc)
{
    bool is_ours = rc < 0 && rc != ws->error && rc != -COIL_ECLOSED && rc != -ECANCELED;
    int cancel = coil_check_cancel();

    if (!ws->is_over && cancel < 0) {
        coil__websocket_try_close(ws, COIL__WEBSOCKET_GOING_AWAY);
        coil__websocket_break(ws, cancel);
    }
    coil_websocket_close(ws, is_ours ? COIL__WEBSOCKET_INTERNAL : COIL__WEBSOCKET_NORMAL, NULL);
    return is_ours ? rc : 0;
}

/* --- questions --- */

bool coil_websocket_is_open(const struct coil_websocket *ws)
{
    return ws && !ws->is_over && !ws->is_close_sent && !ws->is_close_received;
}

unsigned coil_websocket_get_close_code(const struct coil_websocket *ws)
{
    return ws ? ws->close_code : 0;
}

const char *coil_websocket_get_close_reason(const struct coil_websocket *ws)
{
    return ws && ws->reason ? ws->reason : "";
}

const char *coil_websocket_get_protocol(const struct coil_websocket *ws)
{
    return ws && ws->protocol ? ws->protocol : "";
}

bool coil_websocket_is_compressed(const struct coil_websocket *ws)
{
    return ws && ws->deflate.is_on;
}
