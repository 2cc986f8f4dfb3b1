/* text.h - text that is put together piece by piece in a buffer, and cut where that ends. */
#ifndef COIL__BASE_TEXT_H
#define COIL__BASE_TEXT_H

#include <stddef.h>

/* start and size: given by the user; a NUL follows what was written. */
struct coil__text {
    char *start;
    size_t size;
    size_t length; /* what was written, without the NUL */
};

void coil__text_add(struct coil__text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The last part of a path: points into it. */
const char *coil__text_base_name(const char *path);

#endif
