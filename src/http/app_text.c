/* app_text.c - see app_text.h. */
#include "http/app_text.h"

#include "base/memory.h"
#include "base/text.h"
#include "wire/slice.h"

enum { FIRST_ROOM = 256 };

void coil__app_text_bytes(struct coil__app_text *text, const char *bytes, size_t size)
{
    if (text->has_failed) {
        return;
    }
    if (size >= text->capacity - text->size) {
        size_t capacity = text->capacity > 0 ? text->capacity * 2 : FIRST_ROOM;
        char *data;

        capacity = capacity > text->size + size ? capacity : text->size + size + 1;
        data = coil__realloc_array(text->data, capacity, 1);
        if (!data) {
            text->has_failed = true;
            return;
        }
        text->data = data;
        text->capacity = capacity;
    }
    memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = '\0';
}

void coil__app_text_add(struct coil__app_text *text, const char *string)
{
    coil__app_text_bytes(text, string, strlen(string));
}

void coil__app_text_number(struct coil__app_text *text, int64_t number)
{
    char room[COIL__DIGITS];
    uint64_t size = number < 0 ? (uint64_t) - (number + 1) + 1 : (uint64_t)number;
    struct coil__slice digits = coil__slice_of_number(size, room);

    if (number < 0) {
        coil__app_text_add(text, "-");
    }
    coil__app_text_bytes(text, digits.start, digits.size);
}

static void add_escaped(struct coil__app_text *text, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    coil__app_text_bytes(text, escape, sizeof escape);
}

static bool is_plain(char c)
{
    return !coil__is_control(c) && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

void coil__app_text_string(struct coil__app_text *text, const char *string)
{
    uint32_t code;

    coil__app_text_add(text, "\"");
    while (*string) {
        size_t size = coil__text_character(string, &code);

        if (size == 0) {
            coil__app_text_add(text, "\xEF\xBF\xBD");
            size = 1;
        } else if (size == 1 && !is_plain(*string)) {
            add_escaped(text, (unsigned char)*string);
        } else {
            coil__app_text_bytes(text, string, size);
        }
        string += size;
    }
    coil__app_text_add(text, "\"");
}

void coil__app_text_next(struct coil__app_text *text)
{
    char last = text->size > 0 ? text->data[text->size - 1] : '{';

    if (last != '{' && last != '[' && last != ':') {
        coil__app_text_add(text, ",");
    }
}

void coil__app_text_key(struct coil__app_text *text, const char *key)
{
    coil__app_text_next(text);
    coil__app_text_string(text, key);
    coil__app_text_add(text, ":");
}

void coil__app_text_member(struct coil__app_text *text, const char *key, const char *string)
{
    if (string) {
        coil__app_text_key(text, key);
        coil__app_text_string(text, string);
    }
}

void coil__app_text_deinit(struct coil__app_text *text)
{
    coil__free(text->data);
    *text = (struct coil__app_text){0};
}
