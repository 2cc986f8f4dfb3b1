/* coding.h - content codings (RFC 9110, section 8.4.1): gzip and deflate by zlib, br by brotli,
 * zstd by libzstd, piece by piece in both directions.
 *
 *     struct coil__decoder decoder = {0};
 *     struct coil__coding_buffers buffers;
 *
 *     rc = coil__decoder_init(&decoder, COIL__CODING_GZIP, 1024 * 1024);
 *     buffers = (struct coil__coding_buffers){in, in_size, out, sizeof out};
 *     do {                                      // once for each piece that has come
 *         buffers.out = out;
 *         buffers.out_size = sizeof out;
 *         rc = coil__decoder_step(&decoder, &buffers);
 *         use(out, sizeof out - buffers.out_size);
 *     } while (rc == 0 && buffers.out_size == 0);
 *     ...
 *     rc = coil__decoder_finish(&decoder);      // behind the last one: was that the end?
 *     coil__decoder_deinit(&decoder);
 *
 * A step takes from `in` and puts into `out`, and moves both. It never waits, and makes no more
 * than there is room for. The library's state, some hundred KiB to 2 MiB, is made by the first step
 * that has something to do, and lives until deinit.
 *
 * A decoder is safe with hostile input: what comes out in all is bounded by its caller (a bomb ends
 * with -COIL_ELIMIT), and so is the memory, because windows above 8 MiB are refused for zstd (RFC
 * 9659), and above 16 MiB do not exist in br (RFC 7932).
 */
#ifndef COIL__HTTP_CODING_H
#define COIL__HTTP_CODING_H

#include "wire/slice.h"

enum coil__coding {
    COIL__CODING_IDENTITY, /* none: bytes are copied */
    COIL__CODING_GZIP,
    COIL__CODING_DEFLATE, /* only decoded; the zlib format, or without its frame, as some send it */
    COIL__CODING_BROTLI,
    COIL__CODING_ZSTD,
    COIL__CODING_COUNT,
};

/* What has not been taken of the input, and what room there is for the output. */
struct coil__coding_buffers {
    const void *in;
    size_t in_size;
    void *out;
    size_t out_size;
};

enum coil__coding_flush {
    COIL__CODING_RUN,   /* output comes when it suits the coding */
    COIL__CODING_FLUSH, /* all that was put in can be decoded from what has come out */
    COIL__CODING_END,   /* and nothing follows */
};

/* All private; all-zero is a valid dead state. */
struct coil__encoder {
    enum coil__coding coding_;
    int level_;
    uint64_t size_; /* of the whole input; 0: not known */
    void *state_;   /* the library's; NULL: not made yet */
    bool is_ended_;
};

struct coil__decoder {
    enum coil__coding coding_;
    uint64_t left_; /* that may still come out */
    void *state_;
    bool has_begun_; /* something was put in */
    bool is_ended_;  /* it can end here: behind a whole member, frame or stream */
    int error_;      /* of a step before; nothing more is decoded */
};

/* The coding of a name, in any case of letters ("x-gzip" too, RFC 9110, section 8.4.1.3); "" and
 * "identity" are none. -ENOENT: not known. */
int coil__coding_find(struct coil__slice name);

/* Its name in a field; static storage. */
const char *coil__coding_name(enum coil__coding coding);

/* level: how hard it tries, as that library counts (gzip 1 to 9, br 1 to 6, zstd 1 to 19; what is
 * beyond is taken for these); 0: what suits responses that are compressed while they are sent.
 * size: of all that will be put in, so that small things get small tables; 0: not known. Allocates
 * nothing. 0; -EINVAL: that coding is not encoded. Undone by deinit. */
int coil__encoder_init(struct coil__encoder *encoder, enum coil__coding coding, int level,
                       uint64_t size);

/* 1: all input was taken, and with FLUSH and END all output given out; 0: there was not room
 * enough, call again with the same flush. -ENOMEM: nothing can be encoded any more; -EINVAL: input
 * behind the end. */
int coil__encoder_step(struct coil__encoder *encoder, struct coil__coding_buffers *buffers,
                       enum coil__coding_flush flush);
void coil__encoder_deinit(struct coil__encoder *encoder);

/* The most that comes out when `size` bytes are put in and ended, without flushes in between. */
size_t coil__encoder_bound(enum coil__coding coding, size_t size);

/* max_size: bytes that may come out in all. Allocates nothing. 0; -EINVAL: no such coding. Undone
 * by deinit. */
int coil__decoder_init(struct coil__decoder *decoder, enum coil__coding coding, uint64_t max_size);

/* 1: the coded content is over; more input is allowed only where another member or frame may follow
 * (gzip, zstd), and else is refused; 0: it goes on: all input was taken, or all room is used (or
 * both: call again before there is more input, for something may still come out). -EBADMSG: that is
 * not this coding, or bytes follow its end; -COIL_ELIMIT: more than max_size would come out, or a
 * window is too large; -ENOMEM. An error stays: what came out before it may be used. */
int coil__decoder_step(struct coil__decoder *decoder, struct coil__coding_buffers *buffers);

/* Whether it may end here: 0; -COIL_EINCOMPLETE: in the middle; or the error of a step. No input at
 * all is an end: what is empty was not coded (responses to HEAD, 304). */
int coil__decoder_finish(const struct coil__decoder *decoder);
void coil__decoder_deinit(struct coil__decoder *decoder);

/* --- the libraries behind it: coding_zlib.c, coding_brotli.c, coding_zstd.c --- */

/* Both kinds of step are only called with room for output. `make` returns NULL without memory. */
struct coil__coding_class {
    const char *name;
    void *(*make_encoder)(int level, uint64_t size); /* NULL: it is only decoded */
    int (*encode)(void *state, struct coil__coding_buffers *buffers, enum coil__coding_flush flush);
    void (*free_encoder)(void *state);
    size_t (*bound)(size_t size);
    void *(*make_decoder)(void);
    /* 1: a member, frame or stream ends here; 0; -EBADMSG; -COIL_ELIMIT; -ENOMEM. */
    int (*decode)(void *state, struct coil__coding_buffers *buffers);
    void (*free_decoder)(void *state);
    bool has_members; /* another one may follow the first */
};

extern const struct coil__coding_class coil__coding_gzip;
extern const struct coil__coding_class coil__coding_deflate;
extern const struct coil__coding_class coil__coding_brotli;
extern const struct coil__coding_class coil__coding_zstd;

#endif
