/* json.c - see json.h. Whether a comma is due is seen from the last character. */
#include "debug/json.h"

#include "base/memory.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_SIZE = 1024 };

/* Room for `more` bytes and a '\0', which vsnprintf writes. */
static bool reserve(struct coil__json *json, size_t more)
{
    size_t size = json->size ? json->size : FIRST_SIZE;
    char *grown;

    if (json->has_failed) {
        return false;
    }
    if (json->length + more < json->size) {
        return true;
    }
    while (size <= json->length + more) {
        size *= 2;
    }
    grown = coil__realloc_array(json->text, size, 1);
    if (!grown) {
        json->has_failed = true;
        return false;
    }
    json->text = grown;
    json->size = size;
    return true;
}

void coil__json_add(struct coil__json *json, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length <= 0 || !reserve(json, (size_t)length)) {
        return;
    }
    va_start(args, format);
    vsnprintf(json->text + json->length, (size_t)length + 1, format, args);
    va_end(args);
    json->length += (size_t)length;
}

void coil__json_append(struct coil__json *json, const char *bytes, size_t size)
{
    if (size > 0 && reserve(json, size)) {
        memcpy(json->text + json->length, bytes, size);
        json->length += size;
    }
}

static bool needs_escape(unsigned char byte)
{
    return byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\' || byte == '<' ||
           byte == '>' || byte == '&';
}

void coil__json_string(struct coil__json *json, const char *text)
{
    if (!text) {
        coil__json_append(json, "null", 4);
        return;
    }
    coil__json_append(json, "\"", 1);
    while (*text) {
        uint32_t code;
        size_t size = coil__text_character(text, &code);

        if (size == 0) {
            coil__json_append(json, "\\ufffd", 6);
        } else if (needs_escape((unsigned char)*text)) {
            coil__json_add(json, "\\u%04x", (unsigned char)*text);
        } else {
            coil__json_append(json, text, size);
        }
        text += size ? size : 1;
    }
    coil__json_append(json, "\"", 1);
}

void coil__json_next(struct coil__json *json)
{
    if (json->length > 0 && !strchr("{[:", json->text[json->length - 1])) {
        coil__json_append(json, ",", 1);
    }
}

void coil__json_key(struct coil__json *json, const char *key)
{
    coil__json_next(json);
    coil__json_string(json, key);
    coil__json_append(json, ":", 1);
}

void coil__json_number(struct coil__json *json, const char *key, int64_t value)
{
    coil__json_key(json, key);
    coil__json_add(json, "%" PRId64, value);
}

void coil__json_text(struct coil__json *json, const char *key, const char *value)
{
    coil__json_key(json, key);
    coil__json_string(json, value);
}

void coil__json_bool(struct coil__json *json, const char *key, bool value)
{
    coil__json_key(json, key);
    coil__json_add(json, "%s", value ? "true" : "false");
}

void coil__json_deinit(struct coil__json *json)
{
    coil__free(json->text);
    *json = (struct coil__json){0};
}
