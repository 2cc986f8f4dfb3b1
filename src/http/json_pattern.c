/* json_pattern.c - patterns, matched without being compiled beforehand.
 *
 * A pattern becomes Glushkov's automaton: each character or class of it is a position, and for each
 * position is known which ones may follow; a set of positions is some words of bits. Then the text
 * is gone over once, with the set of positions that the last character may have been. So no text
 * can make it slow, nothing recurses over the text, and there is nothing to be freed.
 *
 * libc's regexec is not asked: it needs a compiled pattern to be kept and freed by somebody, takes
 * what stack it likes (a task's has 64 KiB), depends on the locale, and has no \d. */
#include "http/json.h"

#include "base/text.h"

enum {
    MOST_POSITIONS = 128,
    WORDS = MOST_POSITIONS / 64,
    MOST_GROUPS = 16, /* in each other */
};

struct set {
    uint64_t bits[WORDS];
};

/* A part of the pattern. */
struct part {
    struct set first; /* positions at which it may begin */
    struct set last;
    bool is_nullable; /* it may be nothing at all */
};

struct matcher {
    const char *at; /* what is read next */
    const char *positions[MOST_POSITIONS];
    struct set follow[MOST_POSITIONS];
    unsigned count;
    unsigned groups;
    bool is_begin; /* '^' */
    bool is_end;   /* '$' */
    bool is_wrong;
};

static struct part read_choice(struct matcher *m);

static void unite(struct set *set, const struct set *other)
{
    for (unsigned i = 0; i < WORDS; i++) {
        set->bits[i] |= other->bits[i];
    }
}

static bool has_common(const struct set *a, const struct set *b)
{
    uint64_t common = 0;

    for (unsigned i = 0; i < WORDS; i++) {
        common |= a->bits[i] & b->bits[i];
    }
    return common != 0;
}

/* --- characters and classes --- */

/* The code point at `at`, and how many bytes it has there; '\' before a sign is not of it. */
static size_t plain_at(const char *at, uint32_t *ret_code)
{
    static const char letters[] = "nrtfv";
    static const char meanings[] = "\n\r\t\f\v";
    const char *letter;

    if (*at != '\\') {
        return *at ? coil__text_character(at, ret_code) : 0;
    }
    at++;
    letter = *at ? strchr(letters, *at) : NULL;
    if (letter) {
        *ret_code = (unsigned char)meanings[letter - letters];
        return 2;
    }
    *ret_code = (unsigned char)*at;
    return *at && !coil__is_letter(*at) && !coil__is_digit(*at) && (unsigned char)*at < 0x80 ? 2
                                                                                             : 0;
}

/* "\d" and its kin. */
static bool is_kind(const char *at)
{
    return at[0] == '\\' && at[1] && strchr("dwsDWS", at[1]);
}

/* ECMA-262: \d and \w are ASCII's; \s has the space characters of Unicode that have no width of
 * their own choosing here: ASCII's, U+00A0, U+2028, U+2029, U+FEFF. */
static bool is_of_kind(char kind, uint32_t code)
{
    char c = code < 0x80 ? (char)code : '\0';
    bool is_in;

    switch (coil__to_lower(kind)) {
    case 'd':
        is_in = coil__is_digit(c);
        break;
    case 'w':
        is_in = coil__is_digit(c) || coil__is_letter(c) || c == '_';
        break;
    default:
        is_in = c == ' ' || (c >= '\t' && c <= '\r') || code == 0xA0 || code == 0x2028 ||
                code == 0x2029 || code == 0xFEFF;
        break;
    }
    return is_in == (kind == coil__to_lower(kind));
}

/* Bytes of the class that begins at '['; 0: it is none. */
static size_t class_size(const char *start)
{
    const char *at = start + 1 + (start[1] == '^');
    const char *first = at;

    while (*at != ']' || at == first) {
        uint32_t low = 0;
        uint32_t high;
        size_t size = is_kind(at) ? 2 : plain_at(at, &low);

        if (size == 0 || *at == '[' || *at == ']') {
            return 0; /* "[[:alpha:]]" and "[]a]" are read differently by ECMA-262 and POSIX */
        }
        at += size;
        if (at[0] == '-' && at[1] != ']') {
            at++;
            size = is_kind(at - size - 1) || is_kind(at) ? 0 : plain_at(at, &high);
            if (size == 0 || high < low) {
                return 0;
            }
            at += size;
        }
    }
    return (size_t)(at - start) + 1;
}

static bool is_in_class(const char *at, uint32_t code)
{
    bool is_inverse = at[1] == '^';
    bool is_in = false;

    for (at += 1 + is_inverse; *at != ']' && !is_in;) {
        uint32_t low = 0;
        uint32_t high;

        if (is_kind(at)) {
            is_in = is_of_kind(at[1], code);
            at += 2;
            continue;
        }
        at += plain_at(at, &low);
        high = low;
        if (at[0] == '-' && at[1] != ']') {
            at += 1 + plain_at(at + 1, &high);
        }
        is_in = code >= low && code <= high;
    }
    return is_in != is_inverse;
}

static bool is_at(const char *position, uint32_t code)
{
    uint32_t plain = 0;

    if (*position == '.') {
        return code != '\n' && code != '\r' && code != 0x2028 && code != 0x2029;
    }
    if (*position == '[') {
        return is_in_class(position, code);
    }
    if (is_kind(position)) {
        return is_of_kind(position[1], code);
    }
    return plain_at(position, &plain) > 0 && plain == code;
}

/* --- reading the pattern --- */

static struct part fail(struct matcher *m)
{
    m->is_wrong = true;
    return (struct part){.is_nullable = true};
}

static struct part read_position(struct matcher *m)
{
    struct part part = {.is_nullable = false};
    uint32_t code;
    size_t size;

    if (*m->at == '[') {
        size = class_size(m->at);
    } else {
        size = is_kind(m->at) ? 2 : plain_at(m->at, &code);
    }
    if (size == 0 || strchr("*+?{}]^$", *m->at) || m->count == MOST_POSITIONS) {
        return fail(m);
    }
    part.first.bits[m->count / 64] |= UINT64_C(1) << m->count % 64;
    part.last = part.first;
    m->positions[m->count] = m->at;
    m->follow[m->count] = (struct set){0};
    m->count++;
    m->at += size;
    return part;
}

/* Every end of `part` may be followed by `first`. */
static void link_to(struct matcher *m, const struct part *part, const struct set *first)
{
    for (unsigned i = 0; i < m->count; i++) {
        if (part->last.bits[i / 64] >> i % 64 & 1) {
            unite(&m->follow[i], first);
        }
    }
}

static void append(struct matcher *m, struct part *part, const struct part *next)
{
    link_to(m, part, &next->first);
    if (part->is_nullable) {
        unite(&part->first, &next->first);
    }
    if (next->is_nullable) {
        unite(&part->last, &next->last);
    } else {
        part->last = next->last;
    }
    part->is_nullable = part->is_nullable && next->is_nullable;
}

/* One thing without what may follow it to repeat it. */
static struct part read_one(struct matcher *m)
{
    struct part part;

    if (*m->at != '(') {
        return read_position(m);
    }
    m->at += m->at[1] == '?' && m->at[2] == ':' ? 3 : 1;
    if (++m->groups > MOST_GROUPS) {
        return fail(m);
    }
    part = read_choice(m);
    m->groups--;
    if (*m->at != ')') {
        return fail(m);
    }
    m->at++;
    return part;
}

static unsigned read_count(struct matcher *m)
{
    unsigned count = 0;

    if (!coil__is_digit(*m->at)) {
        m->is_wrong = true;
    }
    while (coil__is_digit(*m->at)) {
        count = count > MOST_POSITIONS ? count : count * 10 + (unsigned)(*m->at - '0');
        m->at++;
    }
    return count;
}

/* How often. most 0: without end. */
static void read_repeats(struct matcher *m, unsigned *least, unsigned *most)
{
    char sign = *m->at;

    *least = sign == '+' ? 1 : 0;
    *most = sign == '?' ? 1 : 0;
    m->at++;
    if (sign != '{') {
        return;
    }
    *least = read_count(m);
    *most = *least;
    if (*m->at == ',') {
        m->at++;
        *most = *m->at == '}' ? 0 : read_count(m);
        m->is_wrong = m->is_wrong || (m->at[-1] != ',' && *most < *least);
    }
    /* None at all (which would look like no end here), and what needs too many positions. */
    m->is_wrong = m->is_wrong || *m->at != '}' || (m->at[-1] != ',' && *most == 0) ||
                  *least > MOST_POSITIONS || *most > MOST_POSITIONS;
    m->at += *m->at == '}';
}

/* Repetitions are written out: the part is read again for each. */
static struct part read_piece(struct matcher *m)
{
    const char *start = m->at;
    struct part whole = read_one(m);
    struct part part = whole;
    const char *behind;
    unsigned least;
    unsigned most;

    if (m->is_wrong || *m->at == '\0' || !strchr("*+?{", *m->at)) {
        return whole;
    }
    read_repeats(m, &least, &most);
    behind = m->at;
    whole.is_nullable = whole.is_nullable || least == 0;
    for (unsigned i = 1; i < (most > 0 ? most : least) && !m->is_wrong; i++) {
        m->at = start;
        part = read_one(m);
        part.is_nullable = part.is_nullable || i >= least;
        append(m, &whole, &part);
    }
    if (most == 0) {
        link_to(m, &part, &part.first); /* the last one goes on and on */
    }
    m->at = behind;
    return whole;
}

static struct part read_sequence(struct matcher *m)
{
    struct part whole = {.is_nullable = true};
    const char *start = m->at;

    while (!m->is_wrong && *m->at && *m->at != '|' && *m->at != ')') {
        struct part next;

        if (m->at[0] == '$' && m->at[1] == '\0') {
            m->at++;
            m->is_end = true;
            break;
        }
        next = read_piece(m);
        append(m, &whole, &next);
    }
    if (m->groups > 0 && m->at == start) {
        return fail(m); /* so that whatever is repeated takes a position */
    }
    return whole;
}

static struct part read_choice(struct matcher *m)
{
    struct part whole = read_sequence(m);

    while (*m->at == '|' && !m->is_wrong) {
        struct part next;

        m->at++;
        next = read_sequence(m);
        unite(&whole.first, &next.first);
        unite(&whole.last, &next.last);
        whole.is_nullable = whole.is_nullable || next.is_nullable;
        /* What do the ends belong to: the whole, or the choice beside them? Nobody has to know. */
        m->is_wrong = m->is_wrong || (m->groups == 0 && (m->is_begin || m->is_end));
    }
    return whole;
}

/* --- matching --- */

/* The positions among `candidates` that the character may be. */
static struct set step(const struct matcher *m, const struct set *candidates, uint32_t code)
{
    struct set now = {0};

    for (unsigned word = 0; word < WORDS; word++) {
        for (uint64_t left = candidates->bits[word]; left != 0; left &= left - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(left);

            if (is_at(m->positions[word * 64 + bit], code)) {
                now.bits[word] |= UINT64_C(1) << bit;
            }
        }
    }
    return now;
}

static struct set following(const struct matcher *m, const struct set *now)
{
    struct set next = {0};

    for (unsigned word = 0; word < WORDS; word++) {
        for (uint64_t left = now->bits[word]; left != 0; left &= left - 1) {
            unite(&next, &m->follow[word * 64 + (unsigned)__builtin_ctzll(left)]);
        }
    }
    return next;
}

static bool matches(const struct matcher *m, const struct part *whole, struct coil__slice text)
{
    struct set candidates = whole->first;
    bool is_match = whole->is_nullable;

    for (size_t i = 0; i < text.size && (m->is_end || !is_match);) {
        uint32_t code = 0;
        size_t size = coil__text_character(text.start + i, &code);
        struct set now = step(m, &candidates, code);

        is_match = has_common(&now, &whole->last) || (whole->is_nullable && !m->is_begin);
        candidates = following(m, &now);
        if (!m->is_begin) {
            unite(&candidates, &whole->first);
        }
        i += size > 0 ? size : 1;
    }
    return is_match;
}

int coil__json_matches(const char *pattern, struct coil__slice text)
{
    struct matcher m;
    struct part whole;

    m.is_begin = *pattern == '^';
    m.at = pattern + m.is_begin;
    m.count = 0;
    m.groups = 0;
    m.is_end = false;
    m.is_wrong = false;
    whole = read_choice(&m);
    if (m.is_wrong || *m.at != '\0') {
        return -EINVAL;
    }
    return matches(&m, &whole, text);
}
