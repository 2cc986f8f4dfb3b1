/* coding_brotli.c - br (RFC 7932). */
#include "http/coding.h"

#include "base/list.h"
#include "base/memory.h"

#include <coil/error.h>

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <errno.h>
#include <setjmp.h>
#include <stddef.h>

enum {
    USUAL_LEVEL = 4,
    USUAL_BITS = 18, /* of the window: 256 KiB; what is sent piece by piece is seldom larger */
};

/* --- encoding --- */

/* As Debian builds it, the encoder ends the process when it gets no memory. So it never learns of
 * that: the allocator leaves it by a longjmp, to where it was called, and its state, which nobody
 * can use any more, is freed piece by piece. It holds nothing but memory of ours. */
struct encoder {
    BrotliEncoderState *state;
    struct coil__list memory; /* of struct piece */
    jmp_buf *way_out;         /* while the library runs; else NULL */
    bool is_broken;
};

struct piece {
    struct coil__list link;
    max_align_t data[];
};

static void *allocate_piece(void *opaque, size_t size)
{
    struct encoder *encoder = opaque;
    struct piece *piece = size < SIZE_MAX / 2 ? coil__malloc(sizeof *piece + size) : NULL;

    if (!piece) {
        if (encoder->way_out) {
            longjmp(*encoder->way_out, 1);
        }
        return NULL;
    }
    coil__list_push_tail(&encoder->memory, &piece->link);
    return piece->data;
}

static void free_piece(struct piece *piece)
{
    coil__list_remove(&piece->link);
    coil__free(piece);
}

static void release_piece(void *opaque, void *memory)
{
    (void)opaque;
    if (memory) {
        free_piece(COIL__CONTAINER(memory, struct piece, data));
    }
}

static void free_encoder(void *state)
{
    struct encoder *encoder = state;

    COIL__LIST_FOREACH_SAFE(&encoder->memory, link) {
        free_piece(COIL__CONTAINER(link, struct piece, link));
    }
    coil__free(encoder);
}

static void *make_encoder(int level, uint64_t size)
{
    struct encoder *encoder = coil__calloc(1, sizeof *encoder);
    unsigned bits = USUAL_BITS;

    if (!encoder) {
        return NULL;
    }
    coil__list_init(&encoder->memory);
    encoder->state = BrotliEncoderCreateInstance(allocate_piece, release_piece, encoder);
    if (!encoder->state) {
        free_encoder(encoder);
        return NULL;
    }
    while (size > 0 && bits > BROTLI_MIN_WINDOW_BITS && size <= (UINT64_C(1) << (bits - 1))) {
        bits--;
    }
    level = level == 0 ? USUAL_LEVEL : level < 1 ? 1 : level > 11 ? 11 : level;
    BrotliEncoderSetParameter(encoder->state, BROTLI_PARAM_QUALITY, (uint32_t)level);
    BrotliEncoderSetParameter(encoder->state, BROTLI_PARAM_LGWIN, bits);
    if (size > 0 && size < UINT32_MAX) {
        BrotliEncoderSetParameter(encoder->state, BROTLI_PARAM_SIZE_HINT, (uint32_t)size);
    }
    return encoder;
}

static bool compress(BrotliEncoderState *state, struct coil__coding_buffers *buffers,
                     BrotliEncoderOperation operation)
{
    const uint8_t *in = buffers->in;
    uint8_t *out = buffers->out;
    bool is_done = BrotliEncoderCompressStream(state, operation, &buffers->in_size, &in,
                                               &buffers->out_size, &out, NULL);

    buffers->in = in;
    buffers->out = out;
    return is_done;
}

static int encode(void *state, struct coil__coding_buffers *buffers, enum coil__coding_flush flush)
{
    static const BrotliEncoderOperation operations[] = {
        BROTLI_OPERATION_PROCESS, BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH};
    struct encoder *encoder = state;
    jmp_buf way_out;

    if (encoder->is_broken) {
        return -ENOMEM;
    }
    encoder->way_out = &way_out;
    encoder->is_broken =
        setjmp(way_out) != 0 || !compress(encoder->state, buffers, operations[flush]);
    encoder->way_out = NULL;
    if (encoder->is_broken) {
        return -ENOMEM; /* there is nothing else that it could be */
    }
    return buffers->in_size == 0 &&
           (flush == COIL__CODING_RUN || !BrotliEncoderHasMoreOutput(encoder->state)) &&
           (flush != COIL__CODING_END || BrotliEncoderIsFinished(encoder->state));
}

/* As its own, which speaks of one call for the whole, and some more for the low levels. */
static size_t bound(size_t size)
{
    return size + size / 1024 + 64;
}

/* --- decoding --- */

static void *allocate(void *opaque, size_t size)
{
    (void)opaque;
    return coil__malloc(size);
}

static void release(void *opaque, void *memory)
{
    (void)opaque;
    coil__free(memory);
}

static void *make_decoder(void)
{
    return BrotliDecoderCreateInstance(allocate, release, NULL);
}

static int decode(void *state, struct coil__coding_buffers *buffers)
{
    const uint8_t *in = buffers->in;
    uint8_t *out = buffers->out;
    BrotliDecoderResult rc = BrotliDecoderDecompressStream(state, &buffers->in_size, &in,
                                                           &buffers->out_size, &out, NULL);
    BrotliDecoderErrorCode error = BrotliDecoderGetErrorCode(state);

    buffers->in = in;
    buffers->out = out;
    if (rc == BROTLI_DECODER_RESULT_ERROR) {
        bool is_memory = error <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                         error >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;

        return is_memory ? -ENOMEM : -EBADMSG;
    }
    return rc == BROTLI_DECODER_RESULT_SUCCESS;
}

static void free_decoder(void *state)
{
    BrotliDecoderDestroyInstance(state);
}

const struct coil__coding_class coil__coding_brotli = {
    .name = "br",
    .make_encoder = make_encoder,
    .encode = encode,
    .free_encoder = free_encoder,
    .bound = bound,
    .make_decoder = make_decoder,
    .decode = decode,
    .free_decoder = free_decoder,
};
