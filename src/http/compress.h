/* compress.h - what the response's calls ask of a compression, if the exchange has one. */
#ifndef COIL__HTTP_COMPRESS_H
#define COIL__HTTP_COMPRESS_H

#include "http/coding.h"
#include "http/http.h"

#include <coil/http_compress.h>

struct coil__http_compression {
    struct coil_http_compress_options options;
    bool is_on; /* the body that is being sent is coded */
    int error;  /* of a piece: what was coded is lost, and nothing can follow it */
    struct coil__encoder encoder;
    struct coil__http_buffer coded; /* what has come out, and was not sent */
};

/* For a whole response: puts the coded body and its size in the place of the given ones, if that is
 * shorter. 0: the response is to be sent now; 1: it was sent, piece by piece; or an error. */
int coil__http_compress_reply(struct coil_http_exchange *exchange, unsigned status,
                              const char *type, const void **body, size_t *size);

/* Decides about a body that is written piece by piece, and adds what the head says of it. True: it
 * will be coded, so its size is not known. */
bool coil__http_compress_begin(struct coil_http_exchange *exchange, unsigned status,
                               const char *type, int64_t size);

static inline bool coil__http_is_compressed(const struct coil_http_exchange *exchange)
{
    return exchange->compression && exchange->compression->is_on;
}

/* As the protocol's send, of bytes that are not coded yet. 0, or an error: after one the exchange
 * is broken, if it has begun to be sent. */
int coil__http_compress_send(struct coil_http_exchange *exchange, const void *body, size_t size,
                             enum coil__coding_flush flush);

/* The exchange is over, or its answer is another one now. */
void coil__http_compress_end(struct coil_http_exchange *exchange);

#endif
