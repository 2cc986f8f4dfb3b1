/* coding_zstd.c - zstd (RFC 8878). The library takes its memory from malloc by itself: its stable
 * interface has no way to bring one's own. */
#include "http/coding.h"

#include <coil/error.h>

#include <errno.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    USUAL_LEVEL = 3,
    USUAL_BITS = 18,   /* of the window: 256 KiB */
    MIN_BITS = 10,     /* ZSTD_WINDOWLOG_MIN */
    LARGEST_BITS = 23, /* that is decoded: 8 MiB (RFC 9659) */
};

static void *make_encoder(int level, uint64_t size)
{
    ZSTD_CCtx *state = ZSTD_createCCtx();
    int bits = USUAL_BITS;

    if (!state) {
        return NULL;
    }
    while (size > 0 && bits > MIN_BITS && size <= (UINT64_C(1) << (bits - 1))) {
        bits--;
    }
    level = level == 0 ? USUAL_LEVEL : level < 1 ? 1 : level > 19 ? 19 : level;
    ZSTD_CCtx_setParameter(state, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(state, ZSTD_c_windowLog, bits);
    return state;
}

static int encode(void *state, struct coil__coding_buffers *buffers, enum coil__coding_flush flush)
{
    static const ZSTD_EndDirective directives[] = {ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end};
    ZSTD_inBuffer in = {buffers->in, buffers->in_size, 0};
    ZSTD_outBuffer out = {buffers->out, buffers->out_size, 0};
    size_t left;

    do {
        left = ZSTD_compressStream2(state, &out, &in, directives[flush]);
    } while (!ZSTD_isError(left) && in.pos < in.size && out.pos < out.size);
    buffers->in = (const char *)buffers->in + in.pos;
    buffers->in_size -= in.pos;
    buffers->out = (char *)buffers->out + out.pos;
    buffers->out_size -= out.pos;
    if (ZSTD_isError(left)) {
        return -ENOMEM; /* the settings are right, and nothing else can fail */
    }
    return buffers->in_size == 0 && (flush == COIL__CODING_RUN || left == 0);
}

static void free_encoder(void *state)
{
    ZSTD_freeCCtx(state);
}

static size_t bound(size_t size)
{
    return size + size / 256 + 128;
}

static void *make_decoder(void)
{
    ZSTD_DCtx *state = ZSTD_createDCtx();

    if (state) {
        ZSTD_DCtx_setParameter(state, ZSTD_d_windowLogMax, LARGEST_BITS);
    }
    return state;
}

static int error_of(size_t result)
{
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return -ENOMEM;
    case ZSTD_error_frameParameter_windowTooLarge:
        return -COIL_ELIMIT;
    default:
        return -EBADMSG;
    }
}

static int decode(void *state, struct coil__coding_buffers *buffers)
{
    ZSTD_inBuffer in = {buffers->in, buffers->in_size, 0};
    ZSTD_outBuffer out = {buffers->out, buffers->out_size, 0};
    size_t left = ZSTD_decompressStream(state, &out, &in);

    buffers->in = (const char *)buffers->in + in.pos;
    buffers->in_size -= in.pos;
    buffers->out = (char *)buffers->out + out.pos;
    buffers->out_size -= out.pos;
    return ZSTD_isError(left) ? error_of(left) : left == 0;
}

static void free_decoder(void *state)
{
    ZSTD_freeDCtx(state);
}

const struct coil__coding_class coil__coding_zstd = {
    .name = "zstd",
    .make_encoder = make_encoder,
    .encode = encode,
    .free_encoder = free_encoder,
    .bound = bound,
    .make_decoder = make_decoder,
    .decode = decode,
    .free_decoder = free_decoder,
    .has_members = true, /* RFC 8878, section 3.1 */
};
