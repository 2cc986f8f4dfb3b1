/* websocket_utf8.h - whether a text that comes in pieces is UTF-8 (RFC 3629). */
#ifndef COIL__HTTP_WEBSOCKET_UTF8_H
#define COIL__HTTP_WEBSOCKET_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All-zero: at the beginning of a text. */
struct coil__websocket_utf8 {
    uint8_t left; /* bytes of a character that are still to come */
    uint8_t low;  /* left > 0: the next one is not below this */
    uint8_t high; /* nor above this */
};

/* The next piece; it may end within a character. False: it is none, whatever follows. */
bool coil__websocket_utf8_add(struct coil__websocket_utf8 *utf8, const void *data, size_t size);

/* Whether the text may end here. */
static inline bool coil__websocket_utf8_is_whole(const struct coil__websocket_utf8 *utf8)
{
    return utf8->left == 0;
}

#endif
