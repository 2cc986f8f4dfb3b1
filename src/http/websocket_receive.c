/* websocket_receive.c - frames are taken apart, messages put together (RFC 6455, sections 5 and 6).
 *
 * A message of one frame that is not compressed, and has come as a whole, is lent where it lies.
 * All others are put together in `message`: what is left of a large frame is received straight into
 * that. Memory grows with what has come, not with what a header announces.
 */
#include "http/websocket.h"

#include <coil/loop.h>
#include <coil/task.h>

#include <errno.h>

enum { STEP = 64 * 1024 }; /* most that `message` gets at a time, unless it has as much already */

/* What the steps return besides errors. */
enum { GO_ON, IS_WHOLE, NEEDS_MORE };

/* NULL: nothing has come yet. */
static char *input_of(const struct coil_websocket *ws)
{
    return ws->in.data ? ws->in.data + ws->in.start : NULL;
}

static void take(struct coil_websocket *ws, size_t size)
{
    ws->in.start += size;
    if (ws->in.start == ws->in.end) {
        ws->in.start = 0;
        ws->in.end = 0;
    }
}

/* The peer has broken the rules, and is told (section 7.1.7). */
static int fail(struct coil_websocket *ws, unsigned code, int error)
{
    coil__websocket_send_close(ws, code, NULL);
    ws->error = error;
    if (!ws->is_over) {
        coil__websocket_finish(ws);
    }
    return error;
}

/* What was lent is taken back. */
static void take_back(struct coil_websocket *ws)
{
    if (ws->is_lent) {
        input_of(ws)[ws->lent] = ws->saved;
        take(ws, ws->lent);
        ws->is_lent = false;
    }
    if (ws->is_message_lent) {
        ws->message.start = 0;
        ws->message.end = 0;
        ws->is_message_lent = false;
    }
}

/* --- headers --- */

/* 0, or the code with which the connection ends. */
static unsigned check_control(const struct coil__websocket_header *frame)
{
    bool is_known = frame->opcode == COIL__WEBSOCKET_CLOSE ||
                    frame->opcode == COIL__WEBSOCKET_PING || frame->opcode == COIL__WEBSOCKET_PONG;

    return is_known && frame->reserved == 0 ? 0 : COIL__WEBSOCKET_PROTOCOL; /* section 5.2 */
}

static unsigned check_data(struct coil_websocket *ws, const struct coil__websocket_header *frame)
{
    bool is_first = frame->opcode != COIL__WEBSOCKET_CONTINUATION;
    bool is_deflated = frame->reserved == COIL__WEBSOCKET_RSV1 && ws->deflate.is_on && is_first;
    size_t have = coil__http_size(&ws->message);

    if (frame->opcode > COIL__WEBSOCKET_BINARY || is_first == ws->in_message || /* 5.2, 5.4 */
        (frame->reserved != 0 && !is_deflated)) { /* section 5.2; RFC 7692, section 6.1 */
        return COIL__WEBSOCKET_PROTOCOL;
    }
    if (frame->size > ws->settings.max_frame || frame->size > ws->settings.max_message ||
        (!is_first && !ws->is_deflated && frame->size > ws->settings.max_message - have)) {
        return COIL__WEBSOCKET_TOO_BIG;
    }
    ws->empty_fragments = is_first ? 0 : ws->empty_fragments;
    if (frame->size == 0 && !frame->is_final && ++ws->empty_fragments > COIL__WEBSOCKET_MAX_EMPTY) {
        return COIL__WEBSOCKET_POLICY;
    }
    if (is_first) {
        ws->in_message = true;
        ws->is_text = frame->opcode == COIL__WEBSOCKET_TEXT;
        ws->is_deflated = is_deflated;
        ws->utf8 = (struct coil__websocket_utf8){0};
    }
    return 0;
}

static int take_header(struct coil_websocket *ws)
{
    struct coil__websocket_header frame;
    int size = coil__websocket_read_header(input_of(ws), coil__http_size(&ws->in), &frame);
    unsigned code;

    if (size == 0) {
        return NEEDS_MORE;
    }
    if (size < 0) {
        return size == -ENOMEM ? size : fail(ws, COIL__WEBSOCKET_PROTOCOL, -COIL_EPROTOCOL);
    }
    if (frame.is_masked == ws->is_client) { /* section 5.1 */
        return fail(ws, COIL__WEBSOCKET_PROTOCOL, -COIL_EPROTOCOL);
    }
    code = frame.opcode >= COIL__WEBSOCKET_CLOSE ? check_control(&frame) : check_data(ws, &frame);
    if (code != 0) {
        return fail(ws, code, code == COIL__WEBSOCKET_TOO_BIG ? -COIL_ELIMIT : -COIL_EPROTOCOL);
    }
    take(ws, (size_t)size);
    ws->frame = frame;
    ws->frame_left = frame.size;
    ws->in_frame = true;
    return GO_ON;
}

/* --- payloads --- */

static void unmask(const struct coil_websocket *ws, char *data, size_t size)
{
    if (ws->frame.is_masked) {
        coil__websocket_mask(data, data, size, ws->frame.key, ws->frame.size - ws->frame_left);
    }
}

static int take_control(struct coil_websocket *ws)
{
    size_t size = (size_t)ws->frame.size;
    char data[COIL__WEBSOCKET_MAX_CONTROL];
    int rc = 0;

    if (coil__http_size(&ws->in) < size) {
        return NEEDS_MORE;
    }
    if (size > 0) {
        memcpy(data, input_of(ws), size);
    }
    unmask(ws, data, size);
    if (ws->frame.opcode == COIL__WEBSOCKET_PING) { /* section 5.5.3 */
        rc = coil__websocket_send_control(ws, COIL__WEBSOCKET_PONG, data, size);
        if (rc < 0 && rc != -COIL_ECLOSED) {
            return rc; /* and it is still there */
        }
    }
    take(ws, size);
    ws->in_frame = false;
    if (ws->frame.opcode == COIL__WEBSOCKET_CLOSE &&
        coil__websocket_take_close(ws, data, size) < 0) {
        return fail(ws, COIL__WEBSOCKET_PROTOCOL, -COIL_EPROTOCOL);
    }
    return GO_ON;
}

/* A NUL is put over what follows, and the byte is kept. */
static int lend_input(struct coil_websocket *ws, struct coil_websocket_message *ret_message)
{
    size_t size = (size_t)ws->frame_left;
    char *data;

    if (ws->in.start + size == ws->in.capacity) {
        int rc = coil__http_reserve(&ws->in, 1);

        if (rc < 0) {
            return rc;
        }
    }
    data = input_of(ws);
    unmask(ws, data, size);
    if (ws->is_text && (!coil__websocket_utf8_add(&ws->utf8, data, size) ||
                        !coil__websocket_utf8_is_whole(&ws->utf8))) {
        return fail(ws, COIL__WEBSOCKET_DATA, -COIL_EPROTOCOL);
    }
    ws->saved = data[size];
    data[size] = '\0';
    ws->lent = size;
    ws->is_lent = true;
    ws->in_frame = false;
    ws->in_message = false;
    *ret_message = (struct coil_websocket_message){data, size, ws->is_text};
    return IS_WHOLE;
}

/* The message so far, from `from` on, must be text if it says so. */
static int check_text(struct coil_websocket *ws, size_t from)
{
    const struct coil__http_buffer *message = &ws->message;

    if (ws->is_text && message->end > from &&
        !coil__websocket_utf8_add(&ws->utf8, message->data + from, message->end - from)) {
        return fail(ws, COIL__WEBSOCKET_DATA, -COIL_EPROTOCOL);
    }
    return GO_ON;
}

/* What came out from `from` on is looked at even so: that the text was broken before it grew too
 * large must not depend on the pieces in which it came. */
static int fail_to_inflate(struct coil_websocket *ws, size_t from, int error)
{
    int rc = GO_ON;

    if (error == -ENOMEM) { /* zlib cannot go on after that */
        return fail(ws, COIL__WEBSOCKET_INTERNAL, -ENOMEM);
    }
    if (error == -COIL_ELIMIT) {
        ws->message.end = ws->message.start + ws->settings.max_message;
        rc = check_text(ws, from);
    }
    if (rc < 0) {
        return rc;
    }
    return error == -COIL_ELIMIT ? fail(ws, COIL__WEBSOCKET_TOO_BIG, error)
                                 : fail(ws, COIL__WEBSOCKET_DATA, -COIL_EPROTOCOL);
}

/* Some bytes that stand in `in` go to the message. */
static int move_piece(struct coil_websocket *ws, size_t size)
{
    struct coil__http_buffer *message = &ws->message;
    size_t from = message->end;
    int rc;

    if (ws->is_deflated) {
        unmask(ws, input_of(ws), size);
        rc = coil__websocket_inflate(&ws->deflate, input_of(ws), size, ws->settings.max_message,
                                     message);
        if (rc < 0) {
            return fail_to_inflate(ws, from, rc);
        }
    } else {
        size_t room = ws->frame_left < STEP ? (size_t)ws->frame_left : STEP;

        rc = coil__http_reserve(message, (room > size ? room : size) + 1);
        if (rc < 0) {
            return rc;
        }
        memcpy(message->data + from, input_of(ws), size);
        unmask(ws, message->data + from, size);
        message->end += size;
    }
    take(ws, size);
    ws->frame_left -= size;
    return check_text(ws, from);
}

/* The stream's bytes go to the message. */
static int read_piece(struct coil_websocket *ws)
{
    struct coil__http_buffer *message = &ws->message;
    size_t room = ws->frame_left < STEP ? (size_t)ws->frame_left : STEP;
    int rc = coil__http_reserve(message, room + 1);
    size_t from = message->end;
    ssize_t count;

    if (rc < 0) {
        return rc;
    }
    room = message->capacity - message->end - 1;
    room = ws->frame_left < room ? (size_t)ws->frame_left : room;
    count = coil__websocket_read(ws, message->data + from, room);
    if (count <= 0) {
        return (int)count;
    }
    unmask(ws, message->data + from, (size_t)count);
    message->end += (size_t)count;
    ws->frame_left -= (uint64_t)count;
    return check_text(ws, from);
}

/* The last frame is here. */
static int end_message(struct coil_websocket *ws, struct coil_websocket_message *ret_message)
{
    struct coil__http_buffer *message = &ws->message;
    size_t from = message->end;
    int rc;

    if (ws->is_deflated) {
        rc = coil__websocket_inflate_end(&ws->deflate, ws->settings.max_message, message);
        if (rc < 0) {
            return fail_to_inflate(ws, from, rc);
        }
        ws->is_deflated = false; /* so it is done once */
        rc = check_text(ws, from);
        if (rc < 0) {
            return rc;
        }
    }
    rc = coil__http_reserve(message, 1);
    if (rc < 0) {
        return rc;
    }
    if (ws->is_text && !coil__websocket_utf8_is_whole(&ws->utf8)) {
        return fail(ws, COIL__WEBSOCKET_DATA, -COIL_EPROTOCOL);
    }
    message->data[message->end] = '\0';
    ws->is_message_lent = true;
    ws->in_frame = false;
    ws->in_message = false;
    *ret_message =
        (struct coil_websocket_message){message->data, coil__http_size(message), ws->is_text};
    return IS_WHOLE;
}

static int take_data(struct coil_websocket *ws, struct coil_websocket_message *ret_message)
{
    size_t have = coil__http_size(&ws->in);
    bool is_alone = ws->frame.is_final && ws->frame.opcode != COIL__WEBSOCKET_CONTINUATION &&
                    !ws->is_deflated && ws->frame_left == ws->frame.size;

    if (is_alone && have >= ws->frame_left) {
        return lend_input(ws, ret_message);
    }
    if (is_alone && ws->frame.size < COIL__WEBSOCKET_FIRST_ROOM) {
        return NEEDS_MORE;
    }
    if (ws->frame_left > 0 && have > 0) {
        return move_piece(ws, have < ws->frame_left ? have : (size_t)ws->frame_left);
    }
    if (ws->frame_left > 0) {
        return ws->is_deflated ? NEEDS_MORE : read_piece(ws);
    }
    if (ws->frame.is_final) {
        return end_message(ws, ret_message);
    }
    ws->in_frame = false;
    return GO_ON;
}

/* --- receiving --- */

static int step(struct coil_websocket *ws, struct coil_websocket_message *ret_message)
{
    if (!ws->in_frame) {
        return take_header(ws);
    }
    return ws->frame.opcode >= COIL__WEBSOCKET_CLOSE ? take_control(ws)
                                                     : take_data(ws, ret_message);
}

int coil__websocket_next(struct coil_websocket *ws, struct coil_websocket_message *ret_message)
{
    int rc = coil__websocket_be_modest(ws);

    take_back(ws);
    while (rc >= 0 && rc != IS_WHOLE) {
        if (ws->is_over) {
            return ws->error;
        }
        rc = step(ws, ret_message);
        if (rc == NEEDS_MORE) {
            rc = (int)coil__websocket_fill(ws);
            rc = rc < 0 ? rc : GO_ON;
        }
    }
    return rc;
}

int coil_websocket_receive(struct coil_websocket *ws, struct coil_websocket_message *ret_message)
{
    int rc = !ws || !ret_message ? -EINVAL : coil_check_cancel();

    if (rc < 0) {
        return rc;
    }
    if (!coil_current_task()) {
        return -COIL_ENOTASK;
    }
    if (ws->is_receiving) {
        return -COIL_ECONCURRENT;
    }
    if (ws->is_over) {
        return ws->error;
    }
    ws->is_receiving = true;
    rc = coil__websocket_next(ws, ret_message);
    ws->is_receiving = false;
    if (ws->is_over) {
        ws->carrier.class_->abort(&ws->carrier);
    }
    return rc;
}
