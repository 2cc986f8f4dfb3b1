/* websocket_close.c - the closing handshake (RFC 6455, section 7).
 *
 * Each side sends a close frame; then the server ends the connection, and the client waits for that
 * (section 7.1.1), so that the TIME_WAIT is the server's. Whoever receives, a task of the program's
 * or the one that closes, sees the peer's close, answers it and does the rest.
 */
#include "http/websocket.h"

#include "base/memory.h"

#include <coil/loop.h>
#include <coil/task.h>

#include <errno.h>

enum { LINGER_S = 2, LINGER_SIZE = 512, CODE_SIZE = 2 };

bool coil__websocket_is_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static bool is_text(const char *data, size_t size)
{
    struct coil__websocket_utf8 utf8 = {0};

    return coil__websocket_utf8_add(&utf8, data, size) && coil__websocket_utf8_is_whole(&utf8);
}

/* Section 5.5.1. A reason for which there is no memory is left out. */
static int note(struct coil_websocket *ws, const char *data, size_t size)
{
    unsigned code = COIL__WEBSOCKET_NO_CODE;

    if (size == 1) {
        return -COIL_EPROTOCOL;
    }
    if (size >= CODE_SIZE) {
        code = (unsigned)(uint8_t)data[0] << 8 | (uint8_t)data[1];
        if (!coil__websocket_is_code(code) || !is_text(data + CODE_SIZE, size - CODE_SIZE)) {
            return -COIL_EPROTOCOL;
        }
    }
    if (size > CODE_SIZE) {
        ws->reason = coil__calloc(1, size - CODE_SIZE + 1);
        if (ws->reason) {
            memcpy(ws->reason, data + CODE_SIZE, size - CODE_SIZE);
        }
    }
    ws->close_code = (uint16_t)code;
    ws->is_close_received = true;
    return 0;
}

int coil__websocket_take_close(struct coil_websocket *ws, const char *data, size_t size)
{
    int rc = note(ws, data, size);

    if (rc < 0) {
        return rc;
    }
    coil__websocket_send_close(ws, size >= CODE_SIZE ? ws->close_code : 0, NULL);
    if (!ws->is_over) {
        coil__websocket_finish(ws);
    }
    return 0;
}

/* Sends what is waiting and our end; waits for the peer's, if it is to come first or may not have
 * read our close: what it sends meanwhile would reset the connection, and that with it. */
static void end_connection(struct coil_websocket *ws)
{
    struct coil__websocket_carrier *carrier = &ws->carrier;
    bool is_server = !ws->is_client && ws->error == 0;
    struct coil_scope scope = {0};
    char buf[LINGER_SIZE];
    int rc = 0;

    coil_scope_open_timeout(&scope, ws->settings.write_timeout_ns);
    rc = ws->is_client && ws->error == 0 ? 0 : carrier->class_->write_eof(carrier);
    coil_scope_close(&scope);
    if (rc == 0 && !is_server) {
        int64_t span = ws->settings.close_timeout_ns;

        coil_scope_open_timeout(&scope, span < LINGER_S * COIL_SEC ? span : LINGER_S * COIL_SEC);
        while (carrier->class_->read(carrier, buf, sizeof buf) > 0) {
        }
        coil_scope_close(&scope);
    }
}

void coil__websocket_finish(struct coil_websocket *ws)
{
    int error = ws->error;

    ws->is_over = true; /* nothing is sent or received from now on */
    if (!ws->is_close_received) {
        ws->close_code = COIL__WEBSOCKET_ABNORMAL;
    }
    end_connection(ws);
    ws->error = error;
    if (coil_check_cancel() == 0) {
        struct coil_scope scope = {0};

        coil_scope_open_timeout(&scope, ws->settings.close_timeout_ns);
        ws->carrier.class_->close(&ws->carrier);
        coil_scope_close(&scope);
    }
    coil_event_set(&ws->over);
}

/* --- closing --- */

/* Waits for the peer's close. */
static void await_close(struct coil_websocket *ws)
{
    struct coil_websocket_message dropped;

    if (ws->is_receiving) {
        coil_event_wait(&ws->over); /* who receives minds the time */
        return;
    }
    ws->is_receiving = true;
    while (!ws->is_over && coil__websocket_next(ws, &dropped) > 0) {
    }
    ws->is_receiving = false;
}

int coil_websocket_close(struct coil_websocket *ws, unsigned code, const char *reason)
{
    size_t size = reason ? strlen(reason) : 0;
    int rc;

    if (!ws || (code != 0 && !coil__websocket_is_code(code)) || (code == 0 && size > 0) ||
        size > COIL__WEBSOCKET_MAX_CONTROL - CODE_SIZE || !is_text(reason, size)) {
        return -EINVAL;
    }
    if (!coil_current_task()) {
        return -COIL_ENOTASK;
    }
    if (ws->is_over) {
        return ws->error;
    }
    rc = coil__websocket_send_close(ws, code, reason);
    if (rc == 0 || rc == -COIL_ECLOSED) {
        if (ws->wait) {
            coil_scope_cancel(ws->wait); /* who receives shall know of the deadline */
        }
        await_close(ws);
        rc = coil_check_cancel();
    }
    if (!ws->is_over) {
        coil__websocket_break(ws, rc < 0 && coil_check_cancel() == 0 ? rc : -COIL_ECLOSED);
    }
    if (!ws->is_receiving) {
        ws->carrier.class_->abort(&ws->carrier);
    }
    return rc < 0 ? rc : ws->error;
}
