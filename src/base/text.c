/* text.c - see text.h. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void coil__text_add(struct coil__text *text, const char *format, ...)
{
    size_t left = text->size - text->length;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text->start + text->length, left, format, args);
    va_end(args);
    if (length > 0 && left > 0) {
        text->length += (size_t)length < left ? (size_t)length : left - 1;
    }
}

void coil__text_put(struct coil__text *text, const char *string)
{
    while (*string && text->length + 1 < text->size) {
        text->start[text->length++] = *string++;
    }
    if (text->length < text->size) {
        text->start[text->length] = '\0';
    }
}

void coil__text_put_number(struct coil__text *text, uint64_t number, unsigned base)
{
    char digits[65];
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    coil__text_put(text, digits + at);
}

size_t coil__text_character(const char *string, uint32_t *ret_code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000}; /* of each size */
    const unsigned char *c = (const unsigned char *)string;
    size_t size = c[0] < 0x80 ? 1 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
    uint32_t code = size == 1 ? c[0] : c[0] & (0x7FU >> size);

    if (c[0] >= 0xF8 || (c[0] >= 0x80 && c[0] < 0xC0)) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((c[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (c[i] & 0x3F);
    }
    if (code < smallest[size] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        return 0; /* another size would have done; or no character has the number */
    }
    *ret_code = code;
    return size;
}

bool coil__text_is_utf8(const char *string)
{
    uint32_t code;

    while (*string) {
        size_t size = (unsigned char)*string < 0x80 ? 1 : coil__text_character(string, &code);

        if (size == 0) {
            return false;
        }
        string += size;
    }
    return true;
}

const char *coil__text_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}
