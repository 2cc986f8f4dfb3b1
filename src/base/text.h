/* text.h - text that is put together piece by piece in a buffer, and cut where that ends. */
#ifndef COIL__BASE_TEXT_H
#define COIL__BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* start and size: given by the user; a NUL follows what was written. */
struct coil__text {
    char *start;
    size_t size;
    size_t length; /* what was written, without the NUL */
};

void coil__text_add(struct coil__text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same two without a format, for signal handlers: they call nothing. */
void coil__text_put(struct coil__text *text, const char *string);
void coil__text_put_number(struct coil__text *text, uint64_t number, unsigned base);

/* Bytes of the character that begins here; 0: it is not well-formed UTF-8 (RFC 3629), nor is a
 * string's end a part of one. */
size_t coil__text_character(const char *string, uint32_t *ret_code);

/* All of a string is such characters. */
bool coil__text_is_utf8(const char *string);

/* The last part of a path: points into it. */
const char *coil__text_base_name(const char *path);

#endif
