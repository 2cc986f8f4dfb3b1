/* json.c - see json.h. Whether a comma is due is seen from the last character. */
#include "debug/json.h"

#include "base/memory.h"

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

/* Bytes of the well-formed character that begins here (RFC 3629), or 0. */
static size_t character_size(const unsigned char *text)
{
    static const struct {
        unsigned char first, last; /* of the first byte */
        unsigned char second_first, second_last;
        size_t size;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t size = forms[i].size;
        size_t good = 1;

        if (text[0] < forms[i].first || text[0] > forms[i].last) {
            continue;
        }
        if (size > 1 && text[1] >= forms[i].second_first && text[1] <= forms[i].second_last) {
            good++;
        }
        while (good > 1 && good < size && (text[good] & 0xc0) == 0x80) {
            good++;
        }
        return good == size ? size : 0;
    }
    return 0;
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
        size_t size = character_size((const unsigned char *)text);

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
