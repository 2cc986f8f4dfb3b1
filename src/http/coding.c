/* coding.c - what all content codings have in common: names, states that are made when they are
 * needed, and the bound of what is decoded. */
#include "http/coding.h"

#include <coil/error.h>

#include <errno.h>

/* Identity is no class: it has no state. */
static const struct coil__coding_class *const classes[COIL__CODING_COUNT] = {
    [COIL__CODING_GZIP] = &coil__coding_gzip,
    [COIL__CODING_DEFLATE] = &coil__coding_deflate,
    [COIL__CODING_BROTLI] = &coil__coding_brotli,
    [COIL__CODING_ZSTD] = &coil__coding_zstd,
};

/* --- names --- */

int coil__coding_find(struct coil__slice name)
{
    if (name.size == 0 || coil__slice_is_like(name, "identity")) {
        return COIL__CODING_IDENTITY;
    }
    for (int i = COIL__CODING_GZIP; i < COIL__CODING_COUNT; i++) {
        if (coil__slice_is_like(name, classes[i]->name)) {
            return i;
        }
    }
    return coil__slice_is_like(name, "x-gzip") ? COIL__CODING_GZIP : -ENOENT;
}

static bool is_coding(enum coil__coding coding)
{
    return (unsigned)coding < COIL__CODING_COUNT;
}

const char *coil__coding_name(enum coil__coding coding)
{
    return is_coding(coding) && classes[coding] ? classes[coding]->name : "identity";
}

/* --- identity --- */

static void copy(struct coil__coding_buffers *buffers)
{
    size_t size = buffers->in_size < buffers->out_size ? buffers->in_size : buffers->out_size;

    if (size > 0) {
        memcpy(buffers->out, buffers->in, size);
        buffers->in = (const char *)buffers->in + size;
        buffers->in_size -= size;
        buffers->out = (char *)buffers->out + size;
        buffers->out_size -= size;
    }
}

/* --- encoding --- */

int coil__encoder_init(struct coil__encoder *encoder, enum coil__coding coding, int level,
                       uint64_t size)
{
    if (!is_coding(coding) || (classes[coding] && !classes[coding]->make_encoder)) {
        return -EINVAL;
    }
    *encoder = (struct coil__encoder){.coding_ = coding, .level_ = level, .size_ = size};
    return 0;
}

int coil__encoder_step(struct coil__encoder *encoder, struct coil__coding_buffers *buffers,
                       enum coil__coding_flush flush)
{
    const struct coil__coding_class *class = classes[encoder->coding_];
    int rc;

    if (encoder->is_ended_) {
        return buffers->in_size > 0 ? -EINVAL : 1;
    }
    if (!class) {
        copy(buffers);
        rc = buffers->in_size == 0;
    } else if (buffers->in_size == 0 && flush == COIL__CODING_RUN) {
        rc = 1;
    } else if (buffers->out_size == 0) {
        rc = 0;
    } else {
        if (!encoder->state_) {
            encoder->state_ = class->make_encoder(encoder->level_, encoder->size_);
        }
        rc = encoder->state_ ? class->encode(encoder->state_, buffers, flush) : -ENOMEM;
    }
    encoder->is_ended_ = rc == 1 && flush == COIL__CODING_END;
    return rc;
}

void coil__encoder_deinit(struct coil__encoder *encoder)
{
    if (encoder->state_) {
        classes[encoder->coding_]->free_encoder(encoder->state_);
    }
    *encoder = (struct coil__encoder){0};
}

size_t coil__encoder_bound(enum coil__coding coding, size_t size)
{
    return is_coding(coding) && classes[coding] && classes[coding]->bound
               ? classes[coding]->bound(size)
               : size;
}

/* --- decoding --- */

int coil__decoder_init(struct coil__decoder *decoder, enum coil__coding coding, uint64_t max_size)
{
    if (!is_coding(coding)) {
        return -EINVAL;
    }
    *decoder = (struct coil__decoder){.coding_ = coding, .left_ = max_size};
    return 0;
}

/* Decodes some of it into no more room than there is bound left. At the bound there is still a byte
 * of room: if that is used, the bound is passed. */
static int decode_some(struct coil__decoder *decoder, struct coil__coding_buffers *buffers)
{
    const struct coil__coding_class *class = classes[decoder->coding_];
    size_t room = buffers->out_size < decoder->left_ ? buffers->out_size : (size_t)decoder->left_;
    struct coil__coding_buffers part = *buffers;
    size_t made;
    char spare;
    int rc;

    part.out = room > 0 ? buffers->out : &spare;
    part.out_size = room > 0 ? room : 1;
    rc = class->decode(decoder->state_, &part);
    made = (room > 0 ? room : 1) - part.out_size;
    buffers->in = part.in;
    buffers->in_size = part.in_size;
    if (room == 0) {
        return made > 0 ? -COIL_ELIMIT : rc;
    }
    buffers->out = part.out;
    buffers->out_size -= made;
    decoder->left_ -= made;
    return rc;
}

static int decode(struct coil__decoder *decoder, struct coil__coding_buffers *buffers)
{
    const struct coil__coding_class *class = classes[decoder->coding_];
    int rc = 0;

    if (!decoder->state_) {
        decoder->state_ = class->make_decoder();
        if (!decoder->state_) {
            return -ENOMEM;
        }
    }
    while (rc >= 0 && buffers->out_size > 0) {
        size_t in_size = buffers->in_size;
        size_t out_size = buffers->out_size;

        if (decoder->is_ended_ && in_size > 0 && !class->has_members) {
            return -EBADMSG;
        }
        if (decoder->is_ended_ && in_size == 0) {
            return 1;
        }
        rc = decode_some(decoder, buffers);
        decoder->is_ended_ = rc == 1;
        if (rc == 0 && buffers->in_size == in_size && buffers->out_size == out_size) {
            break; /* it needs more */
        }
    }
    return rc < 0 ? rc : decoder->is_ended_ && buffers->in_size == 0;
}

static int decode_identity(struct coil__decoder *decoder, struct coil__coding_buffers *buffers)
{
    struct coil__coding_buffers part = *buffers;

    if (buffers->in_size > decoder->left_ && buffers->out_size > decoder->left_) {
        part.out_size = (size_t)decoder->left_;
    }
    copy(&part);
    decoder->left_ -= buffers->in_size - part.in_size;
    buffers->out_size -= buffers->in_size - part.in_size;
    buffers->in = part.in;
    buffers->in_size = part.in_size;
    buffers->out = part.out;
    return buffers->in_size > 0 && decoder->left_ == 0 ? -COIL_ELIMIT : 0;
}

int coil__decoder_step(struct coil__decoder *decoder, struct coil__coding_buffers *buffers)
{
    if (decoder->error_ < 0) {
        return decoder->error_;
    }
    decoder->has_begun_ = decoder->has_begun_ || buffers->in_size > 0;
    if (!decoder->has_begun_) {
        return 0;
    }
    decoder->error_ = 0;
    if (classes[decoder->coding_]) {
        int rc = decode(decoder, buffers);

        decoder->error_ = rc < 0 ? rc : 0;
        return rc;
    }
    decoder->error_ = decode_identity(decoder, buffers);
    return decoder->error_;
}

int coil__decoder_finish(const struct coil__decoder *decoder)
{
    if (decoder->error_ < 0 || !decoder->has_begun_ || !classes[decoder->coding_]) {
        return decoder->error_;
    }
    return decoder->is_ended_ ? 0 : -COIL_EINCOMPLETE;
}

void coil__decoder_deinit(struct coil__decoder *decoder)
{
    if (decoder->state_) {
        classes[decoder->coding_]->free_decoder(decoder->state_);
    }
    *decoder = (struct coil__decoder){0};
}
