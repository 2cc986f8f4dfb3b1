/* percent.c - see percent.h. */
#include "wire/percent.h"

#include "wire/out.h"

/* The sets as bits, and what several have in common. */
enum {
    U = 1 << COIL__PERCENT_UNRESERVED,
    S = 1 << COIL__PERCENT_SEGMENT,
    P = 1 << COIL__PERCENT_PATH,
    Q = 1 << COIL__PERCENT_QUERY,
    C = 1 << COIL__PERCENT_QUERY_COMPONENT,
    I = 1 << COIL__PERCENT_USERINFO,
    F = 1 << COIL__PERCENT_FORM,
    A = 1 << COIL__PERCENT_ATTRIBUTE,
    L = 1 << COIL__PERCENT_URL,
    SUB_DELIM = S | P | Q | I | L,
    UNRESERVED = SUB_DELIM | U | C | A,
};

/* What has no line is in none of them. */
const uint16_t coil__percent_sets[256] = {
    ['a' ... 'z'] = UNRESERVED | F,
    ['A' ... 'Z'] = UNRESERVED | F,
    ['0' ... '9'] = UNRESERVED | F,
    ['-'] = UNRESERVED | F,
    ['.'] = UNRESERVED | F,
    ['_'] = UNRESERVED | F,
    ['~'] = UNRESERVED,
    ['!'] = SUB_DELIM | C | A,
    ['$'] = SUB_DELIM | C | A,
    ['&'] = SUB_DELIM | A,
    ['\''] = SUB_DELIM | C,
    ['('] = SUB_DELIM | C,
    [')'] = SUB_DELIM | C,
    ['*'] = SUB_DELIM | C | F,
    ['+'] = SUB_DELIM | A,
    [','] = SUB_DELIM | C,
    [';'] = SUB_DELIM,
    ['='] = SUB_DELIM,
    [':'] = S | P | Q | C | L,
    ['@'] = S | P | Q | C | L,
    ['/'] = P | Q | C | L,
    ['?'] = Q | C | L,
    ['#'] = A | L,
    ['['] = L,
    [']'] = L,
    ['%'] = L,
    ['^'] = A,
    ['`'] = A,
    ['|'] = A,
};

ssize_t coil__percent_encode(struct coil__slice text, enum coil__percent_set set, char *buf,
                             size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};

    for (size_t i = 0; i < text.size; i++) {
        if (coil__percent_has(set, text.start[i])) {
            coil__out_byte(&out, text.start[i]);
        } else {
            coil__out_percent(&out, text.start[i]);
        }
    }
    return coil__out_end(&out);
}

int coil__percent_byte(struct coil__slice text)
{
    int high;
    int low;

    if (text.size < 3 || text.start[0] != '%') {
        return -1;
    }
    high = coil__hex_value(text.start[1]);
    low = coil__hex_value(text.start[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

ssize_t coil__percent_decode(struct coil__slice text, char *buf, size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};

    for (size_t i = 0; i < text.size; i++) {
        int byte = (unsigned char)text.start[i];

        if (byte == '%') {
            byte = coil__percent_byte((struct coil__slice){text.start + i, text.size - i});
            if (byte < 0) {
                return -EBADMSG;
            }
            i += 2;
        }
        coil__out_byte(&out, (char)byte);
    }
    return coil__out_end(&out);
}
