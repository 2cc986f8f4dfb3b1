/* websocket_deflate.h - permessage-deflate (RFC 7692) by zlib.
 *
 * States of zlib's are made when a message needs one. They are kept only where the context is taken
 * over from message to message.
 */
#ifndef COIL__HTTP_WEBSOCKET_DEFLATE_H
#define COIL__HTTP_WEBSOCKET_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct coil__http_buffer;
struct z_stream_s;

/* What was agreed on, as it concerns us. All-zero: no compression. */
struct coil__websocket_deflate {
    struct z_stream_s *out; /* or NULL */
    struct z_stream_s *in;  /* or NULL */
    uint8_t out_bits;       /* of the window we compress with; below 9, which zlib has not: never */
    uint8_t in_bits;        /* of the peer's */
    bool is_on;
    bool keeps_out; /* the context of what we compress */
    bool keeps_in;
};

/* Compresses a message behind what is in the buffer (section 7.2.1). Suspends now and then in a
 * long one. 0; -ENOMEM; or the reason of a cancel. Failed, it begins without a context again, which
 * the peer does not mind. */
int coil__websocket_compress(struct coil__websocket_deflate *deflate, const void *data, size_t size,
                             struct coil__http_buffer *to);

/* Inflates a piece of a message behind what is in the buffer (section 7.2.2). limit: most bytes in
 * the buffer. 0; -EBADMSG: no such data; -COIL_ELIMIT; -ENOMEM, after which nothing can be inflated
 * any more. */
int coil__websocket_inflate(struct coil__websocket_deflate *deflate, const void *data, size_t size,
                            size_t limit, struct coil__http_buffer *to);

/* The same for the end of a message. */
int coil__websocket_inflate_end(struct coil__websocket_deflate *deflate, size_t limit,
                                struct coil__http_buffer *to);

void coil__websocket_deflate_free(struct coil__websocket_deflate *deflate);

#endif
