/* http1_internal.h - what the files of the HTTP/1.1 parser share: classes of characters, and the
 * way to the end of a stretch of them, 16 bytes at a time. */
#ifndef COIL__WIRE_HTTP1_INTERNAL_H
#define COIL__WIRE_HTTP1_INTERNAL_H

#include "base/check.h"
#include "wire/http1.h"

/* --- classes --- */

enum {
    COIL__HTTP1_TCHAR = 1,    /* of a token (RFC 9110, section 5.6.2) */
    COIL__HTTP1_TEXT = 2,     /* of a value: blank, tab, VCHAR, obs-text (section 5.5) */
    COIL__HTTP1_URI = 4,      /* of a target: VCHAR without '#' */
    COIL__HTTP1_REGNAME = 8,  /* of a host's name, but for '%' (RFC 3986, section 3.2.2) */
    COIL__HTTP1_ADDRESS = 16, /* of an address in brackets */
    COIL__HTTP1_SCHEME = 32,  /* RFC 3986, section 3.1 */
    COIL__HTTP1_RARE = 64,    /* of a value, but not visible ASCII or a blank */
};

extern const uint8_t coil__http1_classes[256];

static inline bool coil__http1_is_in(char c, unsigned classes)
{
    return (coil__http1_classes[(unsigned char)c] & classes) != 0;
}

static inline bool coil__http1_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline uint64_t coil__http1_load64(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint32_t coil__http1_load32(const char *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* Whether it is the word, in whatever case. The word: four small letters, digits or '-' at least.
 * What is compared has no control characters, so the bit that makes letters small misleads nobody.
 * Eight bytes at once, the last ones maybe twice: a few instructions, as the word is constant. */
static inline __attribute__((always_inline)) bool coil__http1_is_word(struct coil__slice slice,
                                                                      const char *word,
                                                                      size_t word_size)
{
    const uint64_t small = 0x2020202020202020;
    const char *at = slice.start;
    uint64_t difference = 0;

    if (slice.size != word_size) {
        return false;
    }
    if (word_size < 8) {
        difference = (coil__http1_load32(at) | (uint32_t)small) ^ coil__http1_load32(word);
        difference |= (coil__http1_load32(at + word_size - 4) | (uint32_t)small) ^
                      coil__http1_load32(word + word_size - 4);
        return difference == 0;
    }
    for (size_t i = 0; i + 8 < word_size; i += 8) {
        difference |= (coil__http1_load64(at + i) | small) ^ coil__http1_load64(word + i);
    }
    difference |=
        (coil__http1_load64(at + word_size - 8) | small) ^ coil__http1_load64(word + word_size - 8);
    return difference == 0;
}

/* --- stretches --- */

/* 16 bytes that are compared at once: the compiler makes of it what the processor has. */
typedef uint8_t coil__http1_bytes __attribute__((vector_size(16)));
typedef int8_t coil__http1_marks __attribute__((vector_size(16))); /* -1: yes, 0: no */

static inline coil__http1_bytes coil__http1_load(const char *at)
{
    coil__http1_bytes bytes;

    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

/* The number of the first byte of eight that is not zero; there is one. */
static inline unsigned coil__http1_first(uint64_t marks)
{
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
        return (unsigned)__builtin_ctzll(marks) / 8;
    }
    return (unsigned)__builtin_clzll(marks) / 8;
}

/* The number of the first mark that is set; 16: none is. */
static inline unsigned coil__http1_first_mark(coil__http1_marks marks)
{
    uint64_t halves[2];

    memcpy(halves, &marks, sizeof halves);
    if (halves[0]) {
        return coil__http1_first(halves[0]);
    }
    return halves[1] ? 8 + coil__http1_first(halves[1]) : 16;
}

static inline const char *coil__http1_skip(const char *at, const char *end, unsigned classes)
{
    while (at < end && coil__http1_is_in(*at, classes)) {
        at++;
    }
    return at;
}

/* From `at` up to here, 16 bytes can be loaded at each place. */
static inline const char *coil__http1_loads_end(const char *at, const char *end)
{
    return end - at >= 16 ? end - 15 : at;
}

/* Behind letters and '-', which most names consist of; or less far, near the end of the bytes.
 * loads_end: see coil__http1_loads_end. */
static inline const char *coil__http1_skip_letters(const char *at, const char *loads_end)
{
    while (at < loads_end) {
        coil__http1_bytes bytes = coil__http1_load(at);
        unsigned count =
            coil__http1_first_mark(((bytes | 0x20) - 'a' > 'z' - 'a') & (bytes != '-'));

        at += count;
        if (count < 16) {
            break;
        }
    }
    return at;
}

/* Behind a token. */
static inline const char *coil__http1_skip_name(const char *at, const char *end)
{
    at = coil__http1_skip_letters(at, coil__http1_loads_end(at, end));
    return coil__http1_skip(at, end, COIL__HTTP1_TCHAR);
}

/* The first byte that is not a blank or a visible character of ASCII. (As a signed number, one more
 * than it is more than a blank is: 0x7f becomes negative, like all beyond.) */
static inline const char *coil__http1_skip_visible(const char *at, const char *loads_end,
                                                   const char *end)
{
    while (at < loads_end) {
        coil__http1_marks next = (coil__http1_marks)(coil__http1_load(at) + 1);
        unsigned count = coil__http1_first_mark(next <= ' ');

        at += count;
        if (count < 16) {
            return at;
        }
    }
    while (at < end && (unsigned char)(*at - ' ') < 0x7f - ' ') {
        at++;
    }
    return at;
}

/* Behind what a value may have in it: the first control character but a tab, or the end. */
static inline const char *coil__http1_skip_text(const char *at, const char *end)
{
    const char *loads_end = coil__http1_loads_end(at, end);

    at = coil__http1_skip_visible(at, loads_end, end);
    while (at < end && coil__http1_is_in(*at, COIL__HTTP1_TEXT)) {
        at = coil__http1_skip(at, end, COIL__HTTP1_RARE);
        at = coil__http1_skip_visible(at, loads_end, end);
    }
    return at;
}

/* Behind a target. */
static inline const char *coil__http1_skip_target(const char *at, const char *end)
{
    const char *loads_end = coil__http1_loads_end(at, end);

    while (at < loads_end) {
        coil__http1_bytes bytes = coil__http1_load(at);
        coil__http1_marks next = (coil__http1_marks)(bytes + 1);
        unsigned count = coil__http1_first_mark((next <= '!') | (bytes == '#'));

        at += count;
        if (count < 16) {
            return at;
        }
    }
    return coil__http1_skip(at, end, COIL__HTTP1_URI);
}

/* --- lines --- */

/* Whether a line that goes on up to `stop` (by skip_text) may still become a whole one. */
static inline bool coil__http1_is_open(const char *stop, const char *end)
{
    return stop == end || (*stop == '\r' && stop + 1 == end);
}

static inline bool coil__http1_is_line_end(const char *at, const char *end)
{
    return end - at >= 2 && memcmp(at, "\r\n", 2) == 0;
}

/* Reads a field line. Where the next one begins, or NULL: it is not whole, or not good.
 *
 * Both the line's end and the colon are looked for from its beginning on: so neither has to wait
 * for the other, and what a line takes is the way from one line's end to the next. loads_end: of
 * coil__http1_loads_end, for any place in the bytes. */
static inline const char *coil__http1_read_field(const char *line, const char *loads_end,
                                                 const char *end,
                                                 struct coil__http1_field *ret_field)
{
    const char *stop = coil__http1_skip_visible(line, loads_end, end);
    const char *colon = coil__http1_skip_letters(line, loads_end);
    const char *value;
    const char *value_end;

    if (COIL__UNLIKELY(!coil__http1_is_line_end(stop, end))) {
        stop = coil__http1_skip_text(stop, end);
        if (!coil__http1_is_line_end(stop, end)) {
            return NULL;
        }
    }
    if (COIL__UNLIKELY(*colon != ':')) {
        colon = coil__http1_skip(colon, stop, COIL__HTTP1_TCHAR);
        if (*colon != ':') {
            return NULL;
        }
    }
    if (COIL__UNLIKELY(colon == line)) {
        return NULL;
    }
    value = colon + 1;
    while (coil__http1_is_blank(*value)) {
        value++;
    }
    value_end = stop;
    while (COIL__UNLIKELY(coil__http1_is_blank(value_end[-1])) && value_end > value) {
        value_end--;
    }
    ret_field->name = coil__slice_between(line, colon);
    ret_field->value = coil__slice_between(value, value_end);
    return stop + 2;
}

/* Why a field line was not read; negative. Its end, or what stands in the place of one, is there:
 * the bytes up to that decide. */
int coil__http1_field_trouble(const char *line, const char *end);

/* A line's end that is none: -EBARELF or -EBARECR; else `otherwise`. */
int coil__http1_end_trouble(const char *stop, const char *end, int otherwise);

/* --- steps of a head; 0 or negative, unless said otherwise --- */

enum coil__http1_phase { COIL__HTTP1_START_LINE, COIL__HTTP1_FIELDS, COIL__HTTP1_OVER };

/* Bits of seen_. */
enum {
    COIL__HTTP1_SEEN_HOST = 1,
    COIL__HTTP1_SEEN_LENGTH = 2,
    COIL__HTTP1_SEEN_CHUNKED = 4,
    COIL__HTTP1_SEEN_CLOSE = 8,
    COIL__HTTP1_SEEN_KEEP_ALIVE = 16,
    COIL__HTTP1_SEEN_UPGRADE_OPTION = 32,
    COIL__HTTP1_SEEN_UPGRADE = 64,
    COIL__HTTP1_SEEN_CONTINUE = 128,
    COIL__HTTP1_IS_REQUEST = 256,
};

/* What to say of the line at at_ that could not be read: 0 if its end is not there yet, an error
 * about its length, or the one that is given. */
int coil__http1_settle(struct coil__http1_head *head, const char *data, size_t size, int error);

/* Reads field lines up to the empty one: the head's size, 0, or negative. */
int coil__http1_parse_fields(struct coil__http1_head *head, const char *data, size_t size);

/* Notes a field that says something about framing or connection. Others are let pass. */
int coil__http1_note_field(struct coil__http1_head *head, const struct coil__http1_field *field);

/* Decides what the fields say together. */
int coil__http1_frame_request(struct coil__http1_head *head);
int coil__http1_frame_response(struct coil__http1_head *head, enum coil__http1_method request);

/* The target's form, and the host in it. */
int coil__http1_check_target(struct coil__http1_head *head);

/* "host", "host:port", "[address]:port" (RFC 3986, section 3.2.2 and 3.2.3). */
bool coil__http1_is_host(struct coil__slice host, bool needs_port);

#endif
