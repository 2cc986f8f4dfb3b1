/* coil/http_compress.h - responses that are compressed while they are sent: zstd, br or gzip, as
 * the client likes (RFC 9110, sections 8.4 and 12.5.3).
 *
 *     static int report(struct coil_http_exchange *exchange, void *user)
 *     {
 *         coil_http_compress(exchange, NULL);
 *         return coil_http_reply(exchange, 200, "application/json", text, size);
 *     }
 *
 * It is a wish, which is granted where it is worth it and allowed: the client accepts one of these
 * codings, the type is text or made of text, the body is not tiny, and nobody has coded it already.
 * A handler asks before it answers, one around it (a middleware) before it calls the handler; the
 * answer's calls stay the same.
 *
 * A secret that stands in one body with text that a stranger has chosen should not be compressed
 * over TLS: its size tells of both (the BREACH attack).
 *
 * asyncio has no counterpart; starlette's GZipMiddleware and aiohttp's enable_compression are the
 * neighbours. Library: coil-http.
 */
#ifndef COIL_HTTP_COMPRESS_H
#define COIL_HTTP_COMPRESS_H

#include <coil/base.h>

struct coil_http_exchange;

/* All-zero is the default of everything. Levels: as the coding's library counts; 0: one that suits
 * work on the fly; below 0: that coding is not offered. */
struct coil_http_compress_options {
    size_t min_size;  /* bytes; smaller bodies of a known size are sent as they are; 0: 1000 */
    int zstd_level;   /* 1 to 19 */
    int brotli_level; /* 1 to 6 */
    int gzip_level;   /* 1 to 9 */
    bool any_type;    /* not only what is text or made of text */
};

COIL_BEGIN_DECLS

/* Asks that the response be compressed. options: may be NULL; copied. Where it is done:
 *   - the head gets Content-Encoding, a strong ETag becomes a weak one (RFC 9110, section 8.8.1);
 *   - a coil_http_reply of up to 1 MiB is compressed at once and sent with its new length, if that
 *     is shorter; all else is sent in chunks. This is work of the loop's thread: a MiB takes some
 *     10 ms, in steps of 64 KiB between which others run;
 *   - what was written is held back as it suits the coding; coil_http_flush sends it, so that
 *     events stay live. A write or a flush that fails half-way (a cancel, a deadline) breaks the
 *     response: it cannot be gone on with.
 * Where it could have been done, for this client or another one, the head says "Vary:
 * Accept-Encoding" (section 12.5.5). It is not done for statuses without a body, 206 and others
 * with a Content-Range, a Content-Encoding of the handler's, and "Cache-Control: no-transform".
 *
 * A second call takes the place of the first. 0, -EINVAL (NULL), -COIL_EINVALIDSTATE (the head is
 * out already), -ENOMEM (it will be sent as it is). */
COIL_EXPORT int coil_http_compress(struct coil_http_exchange *exchange,
                                   const struct coil_http_compress_options *options);

COIL_END_DECLS

#endif
