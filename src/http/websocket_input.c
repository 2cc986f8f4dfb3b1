/* websocket_input.c - receiving bytes, and what is done while none come: pings.
 *
 * What is there is taken without a timer. While nothing happens, `in` has its first size again, and
 * that is all that an idle connection holds.
 */
#include "http/websocket.h"

#include "base/memory.h"

#include <coil/loop.h>
#include <coil/task.h>

#include <errno.h>

static int64_t later(int64_t when, int64_t span_ns)
{
    return span_ns > COIL_NEVER - when ? COIL_NEVER : when + span_ns;
}

int coil__websocket_be_modest(struct coil_websocket *ws)
{
    if (++ws->greed <= COIL__WEBSOCKET_GREED) {
        return 0;
    }
    ws->greed = 0;
    return coil_yield();
}

/* Until when nothing may come. */
static int64_t deadline_of(const struct coil_websocket *ws)
{
    const struct coil__websocket_settings *settings = &ws->settings;
    int64_t when = ws->awaits_pong ? later(ws->pinged, settings->ping_timeout_ns)
                                   : later(ws->heard, settings->ping_interval_ns);

    if (ws->is_close_sent) {
        return ws->close_by;
    }
    return when;
}

/* The time is over: 0, if that is no reason to give up. */
static int on_silence(struct coil_websocket *ws)
{
    int rc = 0;

    if (ws->is_close_sent || ws->awaits_pong) {
        coil__websocket_break(ws, -ETIMEDOUT);
        return -ETIMEDOUT;
    }
    rc = coil__websocket_send_control(ws, COIL__WEBSOCKET_PING, NULL, 0);
    ws->is_quiet = true;
    if (rc == 0) {
        ws->awaits_pong = true;
        ws->pinged = coil_now();
    }
    return rc == -COIL_ECLOSED ? 0 : rc;
}

/* Those who were talking a moment ago keep some room, so that what they say next comes in one
 * receive. */
static void shrink(struct coil_websocket *ws)
{
    bool is_quiet = ws->is_quiet || ws->settings.ping_interval_ns == COIL_NEVER;
    size_t most = is_quiet ? COIL__WEBSOCKET_FIRST_ROOM : COIL__HTTP_KEPT_ROOM;

    if (ws->in.capacity > most && coil__http_size(&ws->in) == 0) {
        coil__http_buffer_free(&ws->in);
    }
    if (ws->message.capacity > most && !ws->in_message) {
        coil__http_buffer_free(&ws->message);
    }
}

/* Room to receive into `in`; much more when the last receive has filled it. */
static int make_room(struct coil_websocket *ws)
{
    struct coil__http_buffer *in = &ws->in;
    size_t room = in->capacity - in->end;

    if (in->capacity == 0) {
        return coil__http_reserve(in, COIL__WEBSOCKET_FIRST_ROOM);
    }
    if (ws->was_full && in->capacity < COIL__WEBSOCKET_LARGEST_ROOM) {
        bool is_small = in->capacity < COIL__HTTP_KEPT_ROOM;

        return coil__http_reserve(in,
                                  (is_small ? COIL__HTTP_KEPT_ROOM : COIL__WEBSOCKET_LARGEST_ROOM) -
                                      coil__http_size(in));
    }
    return room > 0 ? 0 : coil__http_reserve(in, 1);
}

static ssize_t wait_and_read(struct coil_websocket *ws, void *buf, size_t size)
{
    struct coil_scope scope = {0};
    ssize_t count;

    coil_scope_open_deadline(&scope, deadline_of(ws)); /* without memory for it the read fails */
    ws->wait = &scope;
    ws->greed = 0;
    count = ws->carrier.class_->read(&ws->carrier, buf, size);
    ws->wait = NULL;
    coil_scope_close(&scope);
    if ((count == -ETIMEDOUT || count == -ECANCELED) && coil_check_cancel() == 0 && !ws->is_over) {
        return deadline_of(ws) <= coil_now() ? on_silence(ws) : 0;
    }
    return count == 0 ? -COIL_EINCOMPLETE : count;
}

ssize_t coil__websocket_read(struct coil_websocket *ws, void *buf, size_t size)
{
    ssize_t count = coil__websocket_be_modest(ws);

    if (count < 0) {
        return count;
    }
    count = ws->carrier.class_->try_read(&ws->carrier, buf, size);
    if (count == -EAGAIN) {
        count = wait_and_read(ws, buf, size);
    } else if (count == 0) {
        count = -COIL_EINCOMPLETE;
    }
    if (count > 0) {
        ws->heard = coil_now();
        ws->awaits_pong = false;
        ws->is_quiet = false;
    }
    if (ws->is_over) {
        return 0;
    }
    if (count < 0 && count != -ENOMEM && coil_check_cancel() == 0) {
        coil__websocket_break(ws, (int)count);
    }
    return count;
}

ssize_t coil__websocket_fill(struct coil_websocket *ws)
{
    struct coil__http_buffer *in = &ws->in;
    ssize_t count;
    int rc;

    if (!ws->was_full) {
        shrink(ws);
    }
    rc = make_room(ws);
    if (rc < 0) {
        return rc;
    }
    count = coil__websocket_read(ws, in->data + in->end, in->capacity - in->end);
    in->end += count > 0 ? (size_t)count : 0;
    ws->was_full = in->end == in->capacity;
    return count;
}
