/* coding_zlib.c - gzip (RFC 1952) and deflate (RFC 1951, in the frame of RFC 1950 or without). */
#include "http/coding.h"

#include "base/memory.h"

#include <coil/error.h>

#include <errno.h>
#include <limits.h>
#include <zlib.h>

enum {
    USUAL_LEVEL = 5,
    GZIP_FRAME = 16, /* added to the window's bits, as zlib has it */
    MAX_BITS = 15,
    MIN_BITS = 9,
    USUAL_MEMORY = 8,
};

struct inflater {
    z_stream stream;
    bool is_deflate; /* and its frame is not known before the first byte */
    bool has_begun;
    bool is_ended; /* another member begins anew */
};

static void *allocate(void *opaque, unsigned count, unsigned size)
{
    (void)opaque;
    return coil__calloc(count, size);
}

static void release(void *opaque, void *memory)
{
    (void)opaque;
    coil__free(memory);
}

/* zlib counts in unsigned. */
static unsigned clip(size_t size)
{
    return size < UINT_MAX ? (unsigned)size : UINT_MAX;
}

static void lend(z_stream *stream, const struct coil__coding_buffers *buffers)
{
    stream->next_in = (unsigned char *)(uintptr_t)buffers->in;
    stream->avail_in = clip(buffers->in_size);
    stream->next_out = buffers->out;
    stream->avail_out = clip(buffers->out_size);
}

static void take_back(const z_stream *stream, struct coil__coding_buffers *buffers)
{
    size_t taken = (size_t)(stream->next_in - (const unsigned char *)buffers->in);
    size_t made = (size_t)(stream->next_out - (unsigned char *)buffers->out);

    buffers->in = stream->next_in;
    buffers->in_size -= taken;
    buffers->out = stream->next_out;
    buffers->out_size -= made;
}

/* --- gzip, made --- */

/* A small body needs neither a large window nor large tables, which are cleared each time. */
static void *make_encoder(int level, uint64_t size)
{
    z_stream *stream = coil__calloc(1, sizeof *stream);
    int bits = MAX_BITS;
    int memory = USUAL_MEMORY;

    if (!stream) {
        return NULL;
    }
    while (size > 0 && bits > MIN_BITS && size <= (UINT64_C(1) << (bits - 1))) {
        bits--;
        memory = memory > 4 ? memory - 1 : memory;
    }
    stream->zalloc = allocate;
    stream->zfree = release;
    level = level == 0 ? USUAL_LEVEL : level < 1 ? 1 : level > 9 ? 9 : level;
    if (deflateInit2(stream, level, Z_DEFLATED, bits + GZIP_FRAME, memory, Z_DEFAULT_STRATEGY)) {
        coil__free(stream);
        return NULL;
    }
    return stream;
}

static int encode(void *state, struct coil__coding_buffers *buffers, enum coil__coding_flush flush)
{
    static const int kinds[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
    z_stream *stream = state;
    int rc;

    do {
        bool is_all = buffers->in_size <= UINT_MAX;

        lend(stream, buffers);
        rc = deflate(stream, is_all ? kinds[flush] : Z_NO_FLUSH);
        take_back(stream, buffers);
    } while (rc == Z_OK && buffers->in_size > 0 && buffers->out_size > 0);
    if (flush == COIL__CODING_END) {
        return rc == Z_STREAM_END;
    }
    /* Room that is left means that nothing was held back (zlib.h, Z_SYNC_FLUSH). */
    return buffers->in_size == 0 && (flush == COIL__CODING_RUN || buffers->out_size > 0);
}

static void free_encoder(void *state)
{
    deflateEnd(state);
    coil__free(state);
}

/* deflateBound's for settings that are not known, and the frame. */
static size_t bound(size_t size)
{
    return size + size / 8 + size / 64 + 64;
}

/* --- both, read --- */

static void *make_inflater(bool is_deflate)
{
    struct inflater *inflater = coil__calloc(1, sizeof *inflater);

    if (!inflater) {
        return NULL;
    }
    inflater->is_deflate = is_deflate;
    inflater->stream.zalloc = allocate;
    inflater->stream.zfree = release;
    if (inflateInit2(&inflater->stream, MAX_BITS + (is_deflate ? 0 : GZIP_FRAME)) != Z_OK) {
        coil__free(inflater);
        return NULL;
    }
    return inflater;
}

static void *make_gzip_decoder(void)
{
    return make_inflater(false);
}

static void *make_deflate_decoder(void)
{
    return make_inflater(true);
}

/* Some servers leave the zlib frame away, which RFC 9110, section 8.4.1.2, knows of. With it, the
 * first byte has method 8 and a window of up to 32 KiB; without, that would be a stored block whose
 * padding is not zero, which nobody makes. */
static bool has_frame(unsigned char first)
{
    return (first & 0x0f) == 8 && (first >> 4) <= 7;
}

static int begin(struct inflater *inflater, const struct coil__coding_buffers *buffers)
{
    int rc = Z_OK;

    if (inflater->is_deflate && !inflater->has_begun &&
        !has_frame(*(const unsigned char *)buffers->in)) {
        rc = inflateReset2(&inflater->stream, -MAX_BITS);
    } else if (inflater->is_ended) {
        rc = inflateReset(&inflater->stream);
    }
    inflater->has_begun = true;
    inflater->is_ended = false;
    return rc == Z_OK ? 0 : -ENOMEM;
}

static int decode(void *state, struct coil__coding_buffers *buffers)
{
    struct inflater *inflater = state;
    int rc;

    if (!inflater->has_begun || inflater->is_ended) {
        rc = buffers->in_size > 0 ? begin(inflater, buffers) : 0;
        if (rc < 0 || !inflater->has_begun) {
            return rc;
        }
    }
    lend(&inflater->stream, buffers);
    rc = inflate(&inflater->stream, Z_NO_FLUSH);
    take_back(&inflater->stream, buffers);
    inflater->is_ended = rc == Z_STREAM_END;
    if (rc == Z_STREAM_END) {
        return 1;
    }
    return rc == Z_OK || rc == Z_BUF_ERROR ? 0 : rc == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static void free_decoder(void *state)
{
    struct inflater *inflater = state;

    inflateEnd(&inflater->stream);
    coil__free(inflater);
}

const struct coil__coding_class coil__coding_gzip = {
    .name = "gzip",
    .make_encoder = make_encoder,
    .encode = encode,
    .free_encoder = free_encoder,
    .bound = bound,
    .make_decoder = make_gzip_decoder,
    .decode = decode,
    .free_decoder = free_decoder,
    .has_members = true, /* RFC 1952, section 2.2 */
};

const struct coil__coding_class coil__coding_deflate = {
    .name = "deflate",
    .make_decoder = make_deflate_decoder,
    .decode = decode,
    .free_decoder = free_decoder,
};
