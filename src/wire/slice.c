/* slice.c - see slice.h. */
#include "wire/slice.h"

#include <errno.h>

bool coil__slice_is_similar(struct coil__slice a, struct coil__slice b)
{
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (coil__to_lower(a.start[i]) != coil__to_lower(b.start[i])) {
            return false;
        }
    }
    return true;
}

bool coil__slice_is_like(struct coil__slice slice, const char *string)
{
    return coil__slice_is_similar(slice, coil__slice_of(string));
}

bool coil__slice_is_uuid(struct coil__slice slice)
{
    if (slice.size != 36) {
        return false;
    }
    for (size_t i = 0; i < slice.size; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash ? slice.start[i] != '-' : coil__hex_value(slice.start[i]) < 0) {
            return false;
        }
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct coil__slice coil__slice_trim(struct coil__slice slice)
{
    while (slice.size > 0 && is_blank(slice.start[0])) {
        slice.start++;
        slice.size--;
    }
    while (slice.size > 0 && is_blank(slice.start[slice.size - 1])) {
        slice.size--;
    }
    return slice;
}

const bool coil__token_characters[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

bool coil__slice_is_token(struct coil__slice slice)
{
    for (size_t i = 0; i < slice.size; i++) {
        if (!coil__is_token_character(slice.start[i])) {
            return false;
        }
    }
    return slice.size > 0;
}

int coil__slice_take_number(struct coil__slice *rest, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;

    for (; i < rest->size && coil__is_digit(rest->start[i]); i++) {
        if (__builtin_mul_overflow(number, 10U, &number) ||
            __builtin_add_overflow(number, (unsigned)(rest->start[i] - '0'), &number)) {
            return -ERANGE;
        }
    }
    if (i == 0) {
        return -EBADMSG;
    }
    rest->start += i;
    rest->size -= i;
    *ret_number = number;
    return 0;
}

bool coil__slice_take_part(struct coil__slice *rest, char separator, struct coil__slice *ret_part)
{
    bool is_quoted = false;
    size_t i = 0;

    if (!rest->start) {
        return false;
    }
    for (; i < rest->size && (is_quoted || rest->start[i] != separator); i++) {
        if (rest->start[i] == '"') {
            is_quoted = !is_quoted;
        } else if (is_quoted && rest->start[i] == '\\' && i + 1 < rest->size) {
            i++;
        }
    }
    *ret_part = coil__slice_trim((struct coil__slice){rest->start, i});
    if (i < rest->size) {
        rest->start += i + 1;
        rest->size -= i + 1;
    } else {
        *rest = (struct coil__slice){0};
    }
    return true;
}

bool coil__slice_take_element(struct coil__slice *rest, struct coil__slice *ret_element)
{
    struct coil__slice element;

    while (coil__slice_take_part(rest, ',', &element)) {
        if (element.size > 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}

int coil__slice_quality(struct coil__slice slice)
{
    int quality;

    if (slice.size == 0 || slice.size > 5 || (slice.start[0] != '0' && slice.start[0] != '1') ||
        (slice.size > 1 && slice.start[1] != '.')) {
        return -EBADMSG;
    }
    quality = (slice.start[0] - '0') * 1000;
    for (size_t i = 2, worth = 100; i < slice.size; i++, worth /= 10) {
        if (!coil__is_digit(slice.start[i])) {
            return -EBADMSG;
        }
        quality += (slice.start[i] - '0') * (int)worth;
    }
    return quality <= 1000 ? quality : -EBADMSG;
}
