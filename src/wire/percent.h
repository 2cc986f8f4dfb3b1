/* percent.h - percent-encoding (RFC 3986, section 2.1), with the sets of characters that stay as
 * they are in each part of a URL. */
#ifndef COIL__WIRE_PERCENT_H
#define COIL__WIRE_PERCENT_H

#include "wire/slice.h"

#include <sys/types.h>

/* What may stand unencoded. */
enum coil__percent_set {
    /* Letters, digits, "-._~": safe everywhere (section 2.3). What encodeURIComponent is for. */
    COIL__PERCENT_UNRESERVED,
    /* One segment of a path: pchar (section 3.3), no '/'. */
    COIL__PERCENT_SEGMENT,
    /* A whole path: the same, and '/'. */
    COIL__PERCENT_PATH,
    /* A whole query or fragment (section 3.4): pchar, '/' and '?'. */
    COIL__PERCENT_QUERY,
    /* A name or a value within a query: the same without '&', '=', '+' and ';'. */
    COIL__PERCENT_QUERY_COMPONENT,
    /* A user or a password: unreserved and sub-delims (section 3.2.1), no ':'. */
    COIL__PERCENT_USERINFO,
    /* A form (WHATWG URL, section 1.3): letters, digits, "*-._". See query.h. */
    COIL__PERCENT_FORM,
    /* A parameter's extended value (RFC 8187, section 3.2.1): attr-char. See media_type.h. */
    COIL__PERCENT_ATTRIBUTE,
    /* A URL that somebody has typed: all that a URL is made of stays, '%' too. What comes out
     * still has to be parsed. */
    COIL__PERCENT_URL,
};

/* A bit of each set that has the character. */
extern const uint16_t coil__percent_sets[256];

/* True if the character stays as it is. */
static inline bool coil__percent_has(enum coil__percent_set set, char c)
{
    return (coil__percent_sets[(unsigned char)c] >> set & 1) != 0;
}

/* Encodes every byte that is not in the set, as '%' and two capital digits. buf: buf_size bytes, a
 * NUL is added (3 * text.size + 1 are always enough); may not overlap the text. The length without
 * the NUL; -ENOSPC: buf is too small, and holds nothing of use. */
ssize_t coil__percent_encode(struct coil__slice text, enum coil__percent_set set, char *buf,
                             size_t buf_size);

/* Decodes each "%XX", once; all other bytes stay as they are. buf: as above (text.size + 1 are
 * always enough); it may be the text's own memory. The result is any bytes, NUL among them. The
 * length; -EBADMSG: a '%' without two hexadecimal digits; -ENOSPC. */
ssize_t coil__percent_decode(struct coil__slice text, char *buf, size_t buf_size);

/* The byte that "%XX" at the beginning of the text stands for; -1: no such thing stands there. */
int coil__percent_byte(struct coil__slice text);

#endif
