/* ranges.h - parts of a representation: Range and Content-Range (RFC 9110, section 14). */
#ifndef COIL__WIRE_RANGES_H
#define COIL__WIRE_RANGES_H

#include "wire/slice.h"

#include <sys/types.h>

/* Bytes from first to last, both included; first <= last. */
struct coil__range {
    uint64_t first;
    uint64_t last;
};

/* Most ranges that a caller may have room for: each is compared with each. */
enum { COIL__RANGES_MAX = 64 };

/* Ranges with less than this between them are sent as one: a part of a multipart/byteranges costs
 * about as much (section 15.3.7.2). */
enum { COIL__RANGES_GAP = 80 };

/* Reads Range for a representation of `length` bytes. ret_ranges: room for max (1 to
 * COIL__RANGES_MAX) of them.
 * A positive number: so many ranges, each within the length, in the order of the field but joined
 * where they overlap or nearly touch; the answer is 206. 0: as if the field were not there (answer
 * 200): another unit than bytes, malformed, the representation is empty, more than `max` ranges, or
 * more than two that overlap (section 14.2 allows that, and 17.15 says why). -ERANGE: none of them
 * is within the length; the answer is 416. -EINVAL: max. */
int coil__ranges_parse(struct coil__slice field, uint64_t length, struct coil__range *ret_ranges,
                       size_t max);

/* Enough for any Content-Range, with its NUL. */
enum { COIL__CONTENT_RANGE_SIZE = 70 };

/* Writes Content-Range: of a part ("bytes 0-9/100"), or, for range == NULL, that of a 416, with an
 * asterisk in place of the bytes. The length without the NUL, or -ENOSPC. */
ssize_t coil__content_range_format(const struct coil__range *range, uint64_t length, char *buf,
                                   size_t buf_size);

struct coil__content_range {
    struct coil__range range; /* valid if is_satisfied */
    uint64_t length;          /* of the whole; valid if has_length */
    bool is_satisfied;        /* false: of a 416 */
    bool has_length;
};

/* Reads Content-Range (section 14.4). 0; -EBADMSG: another unit, malformed, or invalid (last before
 * first, or beyond the length). */
int coil__content_range_parse(struct coil__slice field, struct coil__content_range *ret_range);

#endif
