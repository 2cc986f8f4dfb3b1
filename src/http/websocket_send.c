/* websocket_send.c - frames go out.
 *
 * A frame that the stream has room for is handed over without a wait and without a timer. Whatever
 * may wait does so under the lock `sending`, so the frames of other tasks come before or behind it.
 * A client's frames are masked in a copy (RFC 6455, section 5.3); so is what is compressed.
 */
#include "http/websocket.h"

#include "base/memory.h"

#include <coil/loop.h>
#include <coil/task.h>

#include <errno.h>

enum {
    SMALL = 128,   /* a frame's bytes that are put together on the stack */
    COPIED = 4096, /* bytes of a payload up to which the stream copies it anyway */
};

struct outgoing {
    struct coil__websocket_header header;
    const void *data;
};

/* --- bytes --- */

static int fail(struct coil_websocket *ws, int error)
{
    coil__websocket_break(ws, error);
    return error;
}

static void advance(struct iovec *iov, int count, size_t size)
{
    for (int i = 0; i < count && size > 0; i++) {
        size_t part = size < iov[i].iov_len ? size : iov[i].iov_len;

        iov[i].iov_base = (char *)iov[i].iov_base + part;
        iov[i].iov_len -= part;
        size -= part;
    }
}

/* A wait that brings nothing forward in time is an error; one in which the peer has read is not.
 * done: of the frame, before. */
static int write_in_time(struct coil_websocket *ws, struct iovec *iov, int count, size_t done)
{
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        size += iov[i].iov_len;
    }
    while (size > 0) {
        struct coil_scope scope = {0};
        ssize_t sent;
        int cancel;

        coil_scope_open_timeout(&scope, ws->settings.write_timeout_ns);
        sent = ws->carrier.class_->writev(&ws->carrier, iov, count);
        coil_scope_close(&scope);
        if (ws->is_over) {
            return ws->error < 0 ? ws->error : -COIL_ECLOSED;
        }
        cancel = coil_check_cancel();
        if (sent > 0) {
            advance(iov, count, (size_t)sent);
            size -= (size_t)sent;
            done += (size_t)sent;
            if (cancel < 0 && size > 0) {
                return fail(ws, cancel);
            }
            continue;
        }
        if (done == 0 && (cancel < 0 || sent == -ENOMEM)) {
            return cancel < 0 ? cancel : (int)sent;
        }
        return fail(ws, cancel < 0 ? cancel : (int)sent);
    }
    return 0;
}

static int write_all(struct coil_websocket *ws, struct iovec *iov, int count)
{
    size_t done = 0;

    for (int i = 0; i < count && iov[i].iov_len <= COPIED; i++) {
        size_t size = iov[i].iov_len;
        ssize_t sent;

        if (size == 0) {
            continue;
        }
        sent = ws->carrier.class_->try_write(&ws->carrier, iov[i].iov_base, size);
        if (sent < 0 && sent != -EAGAIN && sent != -ENOMEM) {
            return fail(ws, (int)sent);
        }
        advance(iov, count, sent > 0 ? (size_t)sent : 0);
        done += sent > 0 ? (size_t)sent : 0;
        if (sent != (ssize_t)size) {
            break;
        }
    }
    return write_in_time(ws, iov, count, done);
}

/* --- frames --- */

/* A small frame in one piece; masked, if it is a client's. */
static int write_small(struct coil_websocket *ws, const struct outgoing *frame)
{
    uint8_t bytes[SMALL + COIL__WEBSOCKET_HEADER_ROOM];
    size_t size = (size_t)frame->header.size;
    int length = coil__websocket_write_header(&frame->header, bytes);
    struct iovec iov;

    if (length < 0) {
        return length;
    }
    if (frame->header.is_masked) {
        coil__websocket_mask(bytes + length, frame->data, size, frame->header.key, 0);
    } else if (size > 0) {
        memcpy(bytes + length, frame->data, size);
    }
    iov = (struct iovec){.iov_base = bytes, .iov_len = (size_t)length + size};
    return write_all(ws, &iov, 1);
}

static int write_large(struct coil_websocket *ws, const struct outgoing *frame)
{
    uint8_t header[COIL__WEBSOCKET_HEADER_ROOM];
    size_t size = (size_t)frame->header.size;
    int length = coil__websocket_write_header(&frame->header, header);
    struct iovec iov[2] = {
        {.iov_base = header, .iov_len = length > 0 ? (size_t)length : 0},
        {.iov_base = (void *)(uintptr_t)frame->data, .iov_len = size},
    };
    char *copy = NULL;
    int rc = length < 0 ? length : 0;

    if (rc == 0 && frame->header.is_masked) {
        copy = coil__malloc(size);
        if (!copy) {
            return -ENOMEM;
        }
        coil__websocket_mask(copy, frame->data, size, frame->header.key, 0);
        iov[1].iov_base = copy;
    }
    rc = rc < 0 ? rc : size > COPIED ? write_in_time(ws, iov, 2, 0) : write_all(ws, iov, 2);
    coil__free(copy);
    return rc;
}

static int write_frame(struct coil_websocket *ws, struct outgoing *frame)
{
    if (ws->is_client) {
        int rc = coil__websocket_randomize(frame->header.key, sizeof frame->header.key);

        if (rc < 0) {
            return rc;
        }
        frame->header.is_masked = true;
    }
    frame->header.is_final = true;
    return frame->header.size <= SMALL ? write_small(ws, frame) : write_large(ws, frame);
}

/* --- the lock --- */

/* 0, or why nothing can be sent any more. */
static int check_open(const struct coil_websocket *ws)
{
    if (ws->is_over) {
        return ws->error < 0 && ws->error != -ECANCELED ? ws->error : -COIL_ECLOSED;
    }
    return ws->is_close_sent ? -COIL_ECLOSED : 0;
}

static int acquire(struct coil_websocket *ws)
{
    int rc = coil_check_cancel();

    rc = rc < 0 ? rc : check_open(ws);
    if (rc == 0 && coil_lock_try_acquire(&ws->sending) < 0) {
        rc = coil_lock_acquire(&ws->sending);
        if (rc == 0) {
            rc = check_open(ws);
            if (rc < 0) {
                coil_lock_release(&ws->sending);
            }
        }
    }
    return rc;
}

static void release(struct coil_websocket *ws)
{
    coil_lock_release(&ws->sending);
    if (ws->is_going_away && !ws->is_close_sent) {
        coil__websocket_try_close(ws, COIL__WEBSOCKET_GOING_AWAY);
    }
}

/* --- control frames --- */

int coil__websocket_send_control(struct coil_websocket *ws, unsigned opcode, const void *data,
                                 size_t size)
{
    struct outgoing frame = {.header = {.opcode = (uint8_t)opcode, .size = size}, .data = data};
    int rc = acquire(ws);

    if (rc == 0) {
        rc = write_frame(ws, &frame);
        release(ws);
    }
    return rc;
}

static void note_close(struct coil_websocket *ws)
{
    int64_t now = coil_now();
    int64_t span = ws->settings.close_timeout_ns;

    ws->is_close_sent = true;
    ws->close_by = span > COIL_NEVER - now ? COIL_NEVER : now + span;
}

/* RFC 6455, section 5.5.1. The size. */
static size_t make_close(uint8_t room[COIL__WEBSOCKET_MAX_CONTROL], unsigned code,
                         const char *reason)
{
    size_t size = reason ? strlen(reason) : 0;

    if (code == 0) {
        return 0;
    }
    room[0] = (uint8_t)(code >> 8);
    room[1] = (uint8_t)code;
    if (size > 0) {
        memcpy(room + 2, reason, size);
    }
    return 2 + size;
}

int coil__websocket_send_close(struct coil_websocket *ws, unsigned code, const char *reason)
{
    uint8_t data[COIL__WEBSOCKET_MAX_CONTROL];
    struct outgoing frame = {.header.opcode = COIL__WEBSOCKET_CLOSE, .data = data};
    int rc = acquire(ws);

    if (rc < 0) {
        return rc;
    }
    frame.header.size = make_close(data, code, reason);
    rc = write_frame(ws, &frame);
    if (rc == 0) {
        note_close(ws);
    }
    release(ws);
    return rc;
}

void coil__websocket_try_close(struct coil_websocket *ws, unsigned code)
{
    uint8_t bytes[4] = {0x80 | COIL__WEBSOCKET_CLOSE, 2, (uint8_t)(code >> 8), (uint8_t)code};
    ssize_t sent;

    if (check_open(ws) < 0 || coil_lock_is_locked(&ws->sending)) {
        return;
    }
    sent = ws->carrier.class_->try_write(&ws->carrier, bytes, sizeof bytes);
    note_close(ws);
    if (sent != sizeof bytes) {
        coil__websocket_break(ws, sent < 0 && sent != -EAGAIN ? (int)sent : -ETIMEDOUT);
    }
}

int coil_websocket_ping(struct coil_websocket *ws, const void *data, size_t size)
{
    if (!ws || (!data && size > 0) || size > COIL__WEBSOCKET_MAX_CONTROL) {
        return -EINVAL;
    }
    return coil__websocket_send_control(ws, COIL__WEBSOCKET_PING, data, size);
}

/* --- messages --- */

static int write_message(struct coil_websocket *ws, struct outgoing *frame)
{
    struct coil__websocket_deflate *deflate = &ws->deflate;
    size_t size = (size_t)frame->header.size;
    struct coil__http_buffer packed = {0};
    int rc;

    /* zlib has no window of 256 bytes, which a peer may ask for. */
    if (!deflate->is_on || deflate->out_bits < 9 || size < ws->settings.deflate_min) {
        return write_frame(ws, frame);
    }
    rc = coil__websocket_compress(deflate, frame->data, size, &packed);
    rc = rc < 0 ? rc : ws->is_over ? check_open(ws) : 0;
    if (rc == 0) {
        frame->header.reserved = COIL__WEBSOCKET_RSV1;
        frame->header.size = coil__http_size(&packed);
        frame->data = packed.data;
        rc = write_frame(ws, frame);
    }
    coil__http_buffer_free(&packed);
    return rc;
}

static int send_message(struct coil_websocket *ws, unsigned opcode, const void *data, size_t size)
{
    struct outgoing frame = {.header = {.opcode = (uint8_t)opcode, .size = size}, .data = data};
    int rc = acquire(ws);

    if (rc == 0) {
        rc = write_message(ws, &frame);
        release(ws);
    }
    return rc;
}

static bool is_text(const char *data, size_t size)
{
    struct coil__websocket_utf8 utf8 = {0};

    return coil__websocket_utf8_add(&utf8, data, size) && coil__websocket_utf8_is_whole(&utf8);
}

int coil_websocket_send_text(struct coil_websocket *ws, const char *data, size_t size)
{
    if (!ws || (!data && size > 0)) {
        return -EINVAL;
    }
    return is_text(data, size) ? send_message(ws, COIL__WEBSOCKET_TEXT, data, size) : -EILSEQ;
}

int coil_websocket_send_binary(struct coil_websocket *ws, const void *data, size_t size)
{
    if (!ws || (!data && size > 0)) {
        return -EINVAL;
    }
    return send_message(ws, COIL__WEBSOCKET_BINARY, data, size);
}

int coil_websocket_send(struct coil_websocket *ws, const struct coil_websocket_message *message)
{
    if (!message) {
        return -EINVAL;
    }
    return message->is_text ? coil_websocket_send_text(ws, message->data, message->size)
                            : coil_websocket_send_binary(ws, message->data, message->size);
}
