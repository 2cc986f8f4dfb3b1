/* negotiate.h - what of several things the peer likes best: Accept, Accept-Encoding and
 * Accept-Language (RFC 9110, section 12.5).
 *
 *     static const char *const offers[] = {"application/json", "text/html"};
 *     int best = coil__accept_media(field, offers, 2);
 *
 * field: the field's value, several lines joined with ", "; absent if there is none. Elements that
 * are malformed are passed over. offers: count strings, in the order of the server's own liking,
 * which decides among those that the peer likes equally well. All take time in proportion to the
 * field times count, and return an index, or -ENOENT: the peer accepts none of them. */
#ifndef COIL__WIRE_NEGOTIATE_H
#define COIL__WIRE_NEGOTIATE_H

#include "wire/slice.h"

/* Media types ("text/html", "text/html;charset=utf-8"). For each offer the most specific range that
 * matches it counts (section 12.5.1). A field that is absent or empty: the first. -ENOENT is for a
 * 406, or for the first one all the same. */
int coil__accept_media(struct coil__slice field, const char *const *offers, size_t count);

/* Content codings; "identity" is none. A coding must be listed, or covered by '*'; identity is
 * accepted, as the last choice, unless it is refused (section 12.5.3). An absent or empty field:
 * identity alone. */
int coil__accept_encoding(struct coil__slice field, const char *const *offers, size_t count);

/* Language tags ("de-AT"). A range matches tags that it is the beginning of (RFC 4647, section
 * 3.3.1); a tag that is the beginning of the range also does, as the last choice (section 3.4), so
 * that "de-AT" finds "de". A field that is absent or empty: the first. -ENOENT is mostly answered
 * with the first (section 12.5.4). */
int coil__accept_language(struct coil__slice field, const char *const *offers, size_t count);

#endif
