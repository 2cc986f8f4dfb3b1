/* coding_brotli.c - br (RFC 7932). */
#include "http/coding.h"

#include "base/memory.h"

#include <coil/error.h>

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <errno.h>

/* --- encoding --- */

/* As Debian builds it, the encoder ends the process when it gets no memory. So it is never refused
 * any: when the heap has none, it is served from a reserve, which costs address space only as long
 * as nobody touches it, and the step then ends with -ENOMEM. For that, what one step takes has a
 * bound: a slice of the input, levels and windows of which the largest took 3.7 MiB in all. */
struct encoder {
    BrotliEncoderState *state;
    char *reserve;
    size_t used; /* of the reserve; > 0: it is broken */
};

enum {
    USUAL_LEVEL = 4,
    MAX_LEVEL = 6,
    MAX_BITS = 18, /* of the window: 256 KiB */
    MAX_HINT = 512 * 1024,
    SLICE = 64 * 1024,
    RESERVE = 8 * 1024 * 1024,
    ALIGNMENT = 16,
};

static void *allocate_always(void *opaque, size_t size)
{
    struct encoder *encoder = opaque;
    void *memory = coil__malloc(size);

    if (!memory) {
        size_t at = encoder->used;

        if (size > RESERVE - ALIGNMENT - at) {
            return NULL; /* the bound would be wrong */
        }
        encoder->used += (size + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
        memory = encoder->reserve + at;
    }
    return memory;
}

static void release_always(void *opaque, void *memory)
{
    const struct encoder *encoder = opaque;
    uintptr_t from_reserve = (uintptr_t)memory - (uintptr_t)encoder->reserve;

    if (from_reserve >= RESERVE) {
        coil__free(memory);
    }
}

static void free_encoder(void *state)
{
    struct encoder *encoder = state;

    BrotliEncoderDestroyInstance(encoder->state);
    coil__free(encoder->reserve);
    coil__free(encoder);
}

static void *make_encoder(int level, uint64_t size)
{
    struct encoder *encoder = coil__calloc(1, sizeof *encoder);
    unsigned bits = MAX_BITS;

    if (!encoder) {
        return NULL;
    }
    encoder->reserve = coil__malloc(RESERVE);
    if (!encoder->reserve) {
        coil__free(encoder);
        return NULL;
    }
    encoder->state = BrotliEncoderCreateInstance(allocate_always, release_always, encoder);
    while (size > 0 && bits > BROTLI_MIN_WINDOW_BITS && size <= (UINT64_C(1) << (bits - 1))) {
        bits--;
    }
    level = level == 0 ? USUAL_LEVEL : level < 1 ? 1 : level > MAX_LEVEL ? MAX_LEVEL : level;
    BrotliEncoderSetParameter(encoder->state, BROTLI_PARAM_QUALITY, (uint32_t)level);
    BrotliEncoderSetParameter(encoder->state, BROTLI_PARAM_LGWIN, bits);
    if (size > 0) {
        BrotliEncoderSetParameter(encoder->state, BROTLI_PARAM_SIZE_HINT,
                                  size < MAX_HINT ? (uint32_t)size : MAX_HINT);
    }
    return encoder;
}

/* A slice of the input at most, with the flush behind the last one. */
static int encode_slice(struct encoder *encoder, struct coil__coding_buffers *buffers,
                        BrotliEncoderOperation operation)
{
    bool is_last = buffers->in_size <= SLICE;
    size_t size = is_last ? buffers->in_size : SLICE;
    size_t left = size;
    const uint8_t *in = buffers->in;
    uint8_t *out = buffers->out;
    bool is_done =
        BrotliEncoderCompressStream(encoder->state, is_last ? operation : BROTLI_OPERATION_PROCESS,
                                    &left, &in, &buffers->out_size, &out, NULL);

    buffers->in = in;
    buffers->in_size -= size - left;
    buffers->out = out;
    return is_done && encoder->used == 0 ? 0 : -ENOMEM;
}

static int encode(void *state, struct coil__coding_buffers *buffers, enum coil__coding_flush flush)
{
    static const BrotliEncoderOperation operations[] = {
        BROTLI_OPERATION_PROCESS, BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH};
    struct encoder *encoder = state;
    int rc = encoder->used > 0 ? -ENOMEM : 0;

    while (rc == 0) {
        rc = encode_slice(encoder, buffers, operations[flush]);
        if (buffers->in_size == 0 || buffers->out_size == 0) {
            break;
        }
    }
    if (rc < 0) {
        return rc;
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
