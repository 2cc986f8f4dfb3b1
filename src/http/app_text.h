/* app_text.h - JSON that is written piece by piece into memory that grows. */
#ifndef COIL__HTTP_APP_TEXT_H
#define COIL__HTTP_APP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All-zero is empty. */
struct coil__app_text {
    char *data; /* NULL while nothing was written; a NUL follows */
    size_t size;
    size_t capacity;
    bool has_failed; /* there was no memory: all that follows is dropped */
};

/* Adds bytes, or a string, as they are. */
void coil__app_text_bytes(struct coil__app_text *text, const char *bytes, size_t size);
void coil__app_text_add(struct coil__app_text *text, const char *string);
void coil__app_text_number(struct coil__app_text *text, int64_t number);

/* Adds a string with its quotes. What is no UTF-8 becomes U+FFFD; '<', '>' and '&' are escaped
 * too, so that it is harmless where somebody takes it for HTML. */
void coil__app_text_string(struct coil__app_text *text, const char *string);

/* Adds `"key":`, a comma before it unless an object or array has just begun; and a value. A string
 * that is NULL: adds nothing. */
void coil__app_text_key(struct coil__app_text *text, const char *key);
void coil__app_text_member(struct coil__app_text *text, const char *key, const char *string);
/* A comma, unless an object or array has just begun. */
void coil__app_text_next(struct coil__app_text *text);

/* Frees the memory; empty again. */
void coil__app_text_deinit(struct coil__app_text *text);

#endif
