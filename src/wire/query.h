/* query.h - application/x-www-form-urlencoded (WHATWG URL, section 5): the query of a URL, or the
 * body of a form.
 *
 *     struct coil__query query;
 *     struct coil__pair pair;
 *
 *     coil__query_init(&query, url.query, 1000);
 *     while ((rc = coil__query_next(&query, &pair)) > 0) {
 *         if (coil__form_is(pair.name, coil__slice_of("page"))) {
 *             length = coil__form_decode(pair.value, buf, sizeof buf);
 *         }
 *     }
 *
 * No text is malformed, by that standard: a "%" without two hexadecimal digits is just that. So
 * the only failures are bounds. What comes out of decoding is any bytes: whoever wants UTF-8 looks.
 */
#ifndef COIL__WIRE_QUERY_H
#define COIL__WIRE_QUERY_H

#include "wire/out.h"

/* A name and its value, not decoded. The value is empty without a '=', and is_bare says so. */
struct coil__pair {
    struct coil__slice name;
    struct coil__slice value;
    bool is_bare;
};

struct coil__query {
    struct coil__slice rest;
    size_t left; /* pairs that may still come */
};

/* Begins to go through a text. max: how many pairs there may be; names are looked up one by one by
 * whoever has a list of them, so do not leave it to the peer. */
void coil__query_init(struct coil__query *query, struct coil__slice text, size_t max);

/* The next pair; empty ones ("a&&b") are skipped and do not count. 1; 0: that was all;
 * -COIL_ELIMIT: there are more than `max`. */
int coil__query_next(struct coil__query *query, struct coil__pair *ret_pair);

/* The first pair with the name. Looks at no more than `max` pairs. 1, 0 or -COIL_ELIMIT. */
int coil__query_find(struct coil__slice text, struct coil__slice name, size_t max,
                     struct coil__pair *ret_pair);

/* Decodes a name or a value: '+' is a blank, "%XX" a byte. buf: buf_size bytes, a NUL is added
 * (text.size + 1 are always enough); it may be the text's own memory. The length without the NUL,
 * or -ENOSPC. */
ssize_t coil__form_decode(struct coil__slice text, char *buf, size_t buf_size);

/* True if it is `plain`, when it is decoded. */
bool coil__form_is(struct coil__slice text, struct coil__slice plain);

/* Encodes a name or a value: a blank becomes '+'. buf: as above, 3 * text.size + 1 are always
 * enough; may not overlap the text. The length, or -ENOSPC. */
ssize_t coil__form_encode(struct coil__slice text, char *buf, size_t buf_size);

/* Adds a pair to what was written: "&name=value", the first one without the '&'. Finish with
 * coil__out_end, which says whether all fitted. */
void coil__query_add(struct coil__out *out, struct coil__slice name, struct coil__slice value);

#endif
