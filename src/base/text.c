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

const char *coil__text_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}
