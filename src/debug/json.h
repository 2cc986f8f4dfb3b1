/* json.h - JSON that is written piece by piece into memory that grows. */
#ifndef COIL__DEBUG_JSON_H
#define COIL__DEBUG_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All-zero is empty. */
struct coil__json {
    char *text; /* NULL while nothing was written; no '\0' at its end */
    size_t length;
    size_t size;
    bool has_failed; /* there was no memory: all that follows is dropped */
};

/* Adds text as it is. */
void coil__json_add(struct coil__json *json, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void coil__json_append(struct coil__json *json, const char *bytes, size_t size);

/* Adds a string with its quotes, or null for NULL. Any bytes: what is no UTF-8 becomes U+FFFD; '<',
 * '>' and '&' are escaped too, so that the text is harmless where somebody takes it for HTML. */
void coil__json_string(struct coil__json *json, const char *text);

/* Adds `"key":` and what follows it; a comma first, unless an object or array has just begun. */
void coil__json_key(struct coil__json *json, const char *key);
void coil__json_number(struct coil__json *json, const char *key, int64_t value);
void coil__json_text(struct coil__json *json, const char *key, const char *value);
void coil__json_bool(struct coil__json *json, const char *key, bool value);
/* A comma, unless an object or array has just begun. */
void coil__json_next(struct coil__json *json);

/* Frees the memory; empty again. */
void coil__json_deinit(struct coil__json *json);

#endif
