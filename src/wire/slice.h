/* slice.h - bytes that stand in somebody else's memory, and the few questions that all of the layer
 * asks about them: classes of ASCII characters, comparison, lists. Nothing here ends at a NUL.
 *
 * A slice with start == NULL is absent; one with start != NULL and size == 0 is there and empty.
 * It is valid as long as the memory it points into.
 */
#ifndef COIL__WIRE_SLICE_H
#define COIL__WIRE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct coil__slice {
    const char *start;
    size_t size;
};

/* All of a string, without its NUL. NULL: an absent slice. */
static inline struct coil__slice coil__slice_of(const char *string)
{
    return (struct coil__slice){string, string ? strlen(string) : 0};
}

/* From `start` up to, and without, `end`. */
static inline struct coil__slice coil__slice_between(const char *start, const char *end)
{
    return (struct coil__slice){start, (size_t)(end - start)};
}

static inline bool coil__slice_is_equal(struct coil__slice a, struct coil__slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.start, b.start, a.size) == 0);
}

static inline bool coil__slice_is(struct coil__slice slice, const char *string)
{
    return coil__slice_is_equal(slice, coil__slice_of(string));
}

/* The same, where upper and lower case of ASCII letters do not matter. No locale. */
bool coil__slice_is_similar(struct coil__slice a, struct coil__slice b);
bool coil__slice_is_like(struct coil__slice slice, const char *string);

/* Without the blanks and tabs around it (RFC 9110, section 5.6.3, OWS). */
struct coil__slice coil__slice_trim(struct coil__slice slice);

/* The string at a slice that lay at `from` and lies at `to` now. Its NUL goes over what stands
 * behind the slice. */
static inline char *coil__slice_moved_string(struct coil__slice slice, const char *from, char *to)
{
    char *string = to + (slice.start - from);

    string[slice.size] = '\0';
    return string;
}

enum { COIL__DIGITS = 20 }; /* of the largest number */

/* The number in decimal digits, at the end of `room`. */
static inline struct coil__slice coil__slice_of_number(uint64_t number, char room[COIL__DIGITS])
{
    size_t at = COIL__DIGITS;

    do {
        room[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return (struct coil__slice){room + at, COIL__DIGITS - at};
}

/* --- characters --- */

static inline bool coil__is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool coil__is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline char coil__to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* RFC 5234, appendix B.1: CTL. */
static inline bool coil__is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

/* 0 to 15; -1: no hexadecimal digit. */
static inline int coil__hex_value(char c)
{
    if (coil__is_digit(c)) {
        return c - '0';
    }
    c = coil__to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 9562, section 4: hexadecimal digits in groups of 8, 4, 4, 4 and 12. */
bool coil__slice_is_uuid(struct coil__slice slice);

/* RFC 9110, section 5.6.2: tchar. */
extern const bool coil__token_characters[256];

static inline bool coil__is_token_character(char c)
{
    return coil__token_characters[(unsigned char)c];
}
/* One such character at least, and no other. */
bool coil__slice_is_token(struct coil__slice slice);

/* --- what is put together of slices --- */

/* Takes digits, one at least, from the beginning of `*rest`. 0; -EBADMSG: no digit stands there;
 * -ERANGE: the number does not fit; on failure `*rest` is as it was. */
int coil__slice_take_number(struct coil__slice *rest, uint64_t *ret_number);

/* Takes the next element of a comma-separated list, trimmed; empty ones are skipped (RFC 9110,
 * section 5.6.1). A comma in a quoted-string does not separate. False: there is none left. */
bool coil__slice_take_element(struct coil__slice *rest, struct coil__slice *ret_element);

/* Takes what stands before the next `separator` that is in no quoted-string, trimmed, and the
 * separator. False: `*rest` is absent or used up (an empty slice is one empty part). */
bool coil__slice_take_part(struct coil__slice *rest, char separator, struct coil__slice *ret_part);

/* Takes a quality, as it stands behind "q=" (RFC 9110, section 12.4.2): 0 to 1000, or -EBADMSG. */
int coil__slice_quality(struct coil__slice slice);

#endif
