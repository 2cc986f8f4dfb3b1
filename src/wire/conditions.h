/* conditions.h - entity tags (RFC 9110, section 8.8.3), and requests that are made on condition
 * (section 13): one function says what to answer.
 *
 * Values of fields are slices without blanks around them, absent where the field is. One that came
 * in several lines is joined with ", " first (section 5.3).
 */
#ifndef COIL__WIRE_CONDITIONS_H
#define COIL__WIRE_CONDITIONS_H

#include "wire/ranges.h"

struct coil__etag {
    struct coil__slice opaque; /* what stands between the quotes; absent: there is no tag */
    bool is_weak;
};

/* Reads one tag: "\"xyzzy\"" or "W/\"xyzzy\"". 0 or -EBADMSG. */
int coil__etag_parse(struct coil__slice text, struct coil__etag *ret_etag);

/* Writes it, and a NUL. The length; -EINVAL: a character that it may not have; -ENOSPC. */
ssize_t coil__etag_format(const struct coil__etag *etag, char *buf, size_t buf_size);

/* Section 8.8.3.2: neither is weak and they are the same; they are the same. Absent ones never
 * match. */
bool coil__etag_matches_strongly(const struct coil__etag *a, const struct coil__etag *b);
bool coil__etag_matches_weakly(const struct coil__etag *a, const struct coil__etag *b);

/* Whether a list of tags has one that matches; "*" is not looked at here. False for a list that is
 * malformed in any place. */
bool coil__etags_have(struct coil__slice list, const struct coil__etag *etag, bool is_strong);

/* The fields of a request that matter. */
struct coil__conditions {
    struct coil__slice if_match;
    struct coil__slice if_none_match;
    struct coil__slice if_modified_since;
    struct coil__slice if_unmodified_since;
    struct coil__slice if_range;
    struct coil__slice range;
};

/* What the server has. */
struct coil__representation {
    bool exists;            /* there is a current representation: what "*" asks for */
    struct coil__etag etag; /* absent: it has none */
    bool has_modified;
    int64_t modified; /* seconds since 1970 (http_date.h); valid if has_modified */
    int64_t now;      /* likewise: Date of the answer */
    uint64_t length;  /* in bytes, for ranges */
};

/* What is done with it. */
enum coil__condition_method {
    COIL__CONDITION_GET,
    COIL__CONDITION_HEAD,  /* as GET, without ranges */
    COIL__CONDITION_OTHER, /* it changes something: a condition that fails is 412 */
};

/* Evaluates the conditions in the order of section 13.2.2. Call it when the answer without them
 * would be 2xx (section 13.2.1). ret_ranges: room for max ranges (see ranges.h; max 0: ranges are
 * not supported), written for 206; ret_count: how many. The status:
 *   200   go on as if there were no conditions
 *   206   send ret_ranges
 *   304   not modified
 *   412   a precondition has failed
 *   416   no range is within the length
 * A date that cannot be read is as good as none; a list of tags that cannot be read has no match
 * (so If-Match fails, and If-None-Match holds). If-Range with a date holds only if it is that of
 * the representation, which must be more than a second old (section 8.8.2.2). -EINVAL: max. */
int coil__conditions_evaluate(const struct coil__conditions *conditions,
                              enum coil__condition_method method,
                              const struct coil__representation *representation,
                              struct coil__range *ret_ranges, size_t max, size_t *ret_count);

#endif
