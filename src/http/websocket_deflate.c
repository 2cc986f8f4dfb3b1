/* websocket_deflate.c - permessage-deflate by zlib.
 *
 * What is compressed without a context gets a window and tables no larger than it needs, so that a
 * short message does not pay for clearing a quarter of a megabyte.
 */
#include "http/websocket_deflate.h"

#include "base/memory.h"
#include "http/http.h"

#include <coil/task.h>

#include <errno.h>
#include <zlib.h>

enum {
    STEP = 64 * 1024, /* bytes that are compressed at a time */
    ROOM = 1024,      /* at least, for what comes out */
    MIN_BITS = 9,
    MAX_LEVEL = 8, /* zlib's default of memLevel */
    LEVEL = 6,
};

/* RFC 7692, section 7.2.1: what every message would end with. */
static const unsigned char tail[4] = {0x00, 0x00, 0xFF, 0xFF};

static void *allocate(void *user, unsigned count, unsigned size)
{
    (void)user;
    return coil__calloc(count, size);
}

static void release(void *user, void *ptr)
{
    (void)user;
    coil__free(ptr);
}

static z_stream *new_state(void)
{
    z_stream *state = coil__calloc(1, sizeof *state);

    if (state) {
        state->zalloc = allocate;
        state->zfree = release;
    }
    return state;
}

/* --- compressing --- */

static void free_out(struct coil__websocket_deflate *deflate)
{
    if (deflate->out) {
        deflateEnd(deflate->out);
        coil__free(deflate->out);
        deflate->out = NULL;
    }
}

static int make_out(struct coil__websocket_deflate *deflate, size_t size)
{
    int bits = deflate->out_bits;
    int level = MAX_LEVEL;

    if (deflate->out) {
        return 0;
    }
    while (!deflate->keeps_out && bits > MIN_BITS && size <= (size_t)1 << (bits - 1)) {
        bits--;
    }
    while (level > 1 && level > bits - 7) { /* as 15 has 8 */
        level--;
    }
    deflate->out = new_state();
    if (!deflate->out) {
        return -ENOMEM;
    }
    if (deflateInit2(deflate->out, LEVEL, Z_DEFLATED, -bits, level, Z_DEFAULT_STRATEGY) != Z_OK) {
        coil__free(deflate->out);
        deflate->out = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* A piece, all of which comes out, with the last one. */
static int compress_piece(z_stream *out, const unsigned char *data, size_t size, bool is_last,
                          struct coil__http_buffer *to)
{
    out->next_in = (unsigned char *)(uintptr_t)data;
    out->avail_in = (unsigned)size;
    do {
        size_t room;

        if (coil__http_reserve(to, ROOM) < 0) {
            return -ENOMEM;
        }
        room = to->capacity - to->end;
        room = room < STEP ? room : STEP;
        out->next_out = (unsigned char *)to->data + to->end;
        out->avail_out = (unsigned)room;
        if (deflate(out, is_last ? Z_SYNC_FLUSH : Z_NO_FLUSH) == Z_STREAM_ERROR) {
            return -ENOMEM;
        }
        to->end += room - out->avail_out;
    } while (out->avail_out == 0);
    return 0;
}

int coil__websocket_compress(struct coil__websocket_deflate *deflate, const void *data, size_t size,
                             struct coil__http_buffer *to)
{
    const unsigned char *bytes = data;
    size_t done = 0;
    int rc = make_out(deflate, size);

    while (rc == 0 && done < size) {
        size_t step = size - done < STEP ? size - done : STEP;

        rc = compress_piece(deflate->out, bytes + done, step, done + step == size, to);
        done += step;
        if (rc == 0 && done < size) {
            rc = coil_yield();
        }
    }
    if (rc < 0 || !deflate->keeps_out) {
        free_out(deflate);
    }
    if (rc == 0 && coil__http_size(to) >= sizeof tail) {
        to->end -= sizeof tail;
    }
    return rc;
}

/* --- inflating --- */

static void free_in(struct coil__websocket_deflate *deflate)
{
    if (deflate->in) {
        inflateEnd(deflate->in);
        coil__free(deflate->in);
        deflate->in = NULL;
    }
}

static int make_in(struct coil__websocket_deflate *deflate)
{
    if (deflate->in) {
        return 0;
    }
    deflate->in = new_state();
    if (!deflate->in) {
        return -ENOMEM;
    }
    if (inflateInit2(deflate->in, -(int)deflate->in_bits) != Z_OK) {
        coil__free(deflate->in);
        deflate->in = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* Room for what comes out: up to the limit, and one byte by which more than that is noticed. */
static int make_room(struct coil__http_buffer *to, size_t limit, size_t *ret_room)
{
    size_t most = limit - coil__http_size(to) + 1;
    size_t room = most < ROOM ? most : ROOM;
    int rc = coil__http_reserve(to, room);

    if (rc == 0) {
        room = to->capacity - to->end;
        room = room < most ? room : most;
        *ret_room = room < STEP ? room : STEP;
    }
    return rc;
}

/* 1: there may be more to come out; 0: all went in; or an error. */
static int inflate_some(z_stream *in, size_t limit, struct coil__http_buffer *to)
{
    size_t room = 0;
    int rc = make_room(to, limit, &room);

    if (rc < 0) {
        return rc;
    }
    in->next_out = (unsigned char *)to->data + to->end;
    in->avail_out = (unsigned)room;
    rc = inflate(in, Z_SYNC_FLUSH);
    to->end += room - in->avail_out;
    if (coil__http_size(to) > limit) {
        return -COIL_ELIMIT;
    }
    if (rc ==
        Z_STREAM_END) { /* section 7.2.3.4: a block that says it is the last; go on behind it */
        return inflateReset(in) == Z_OK ? in->avail_in > 0 : -EBADMSG;
    }
    if (rc == Z_MEM_ERROR) {
        return -ENOMEM;
    }
    if (rc != Z_OK && rc != Z_BUF_ERROR) {
        return -EBADMSG;
    }
    return in->avail_in > 0 || in->avail_out == 0;
}

int coil__websocket_inflate(struct coil__websocket_deflate *deflate, const void *data, size_t size,
                            size_t limit, struct coil__http_buffer *to)
{
    int rc = make_in(deflate);

    if (rc < 0) {
        return rc;
    }
    deflate->in->next_in = (unsigned char *)(uintptr_t)data;
    deflate->in->avail_in = (unsigned)size;
    do {
        rc = inflate_some(deflate->in, limit, to);
    } while (rc > 0);
    return rc;
}

int coil__websocket_inflate_end(struct coil__websocket_deflate *deflate, size_t limit,
                                struct coil__http_buffer *to)
{
    int rc = coil__websocket_inflate(deflate, tail, sizeof tail, limit, to);

    /* zlib.h: 128 at the end of a block, and the number of bits that are left over. */
    if (rc == 0 && (deflate->in->data_type & 0xBF) != 128) {
        rc = -EBADMSG;
    }
    if (rc < 0 || !deflate->keeps_in) {
        free_in(deflate);
    }
    return rc;
}

void coil__websocket_deflate_free(struct coil__websocket_deflate *deflate)
{
    free_in(deflate);
    free_out(deflate);
}
