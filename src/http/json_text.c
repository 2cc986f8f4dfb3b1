/* json_text.c - the writer, and the text that grows.
 *
 * A writer that has a sink keeps its buffer below PIECE bytes and some: it is emptied when it has
 * come that far, so that the largest single value is what it holds more. */
#include "http/json.h"

#include "base/memory.h"
#include "base/text.h"

#include <math.h>

enum { FIRST_SIZE = 256, PIECE = 4096 };

static bool grow(struct coil_json_buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity_ ? buffer->capacity_ : FIRST_SIZE;
    char *data;

    if (more > SIZE_MAX / 4 - buffer->size) {
        return false;
    }
    while (capacity - buffer->size < more) {
        capacity *= 2;
    }
    data = coil__realloc_array(buffer->data, capacity, 1);
    if (!data) {
        return false;
    }
    buffer->data = data;
    buffer->capacity_ = capacity;
    return true;
}

static bool reserve(struct coil__json_writer *writer, size_t more)
{
    struct coil_json_buffer *buffer = writer->buffer;

    if (writer->rc < 0) {
        return false;
    }
    if (writer->sink && buffer->size >= PIECE) {
        int rc = writer->sink(buffer->data, buffer->size, writer->user);

        buffer->size = 0;
        if (rc < 0) {
            writer->rc = rc;
            return false;
        }
    }
    if (more > buffer->capacity_ - buffer->size && !grow(buffer, more)) {
        writer->rc = -ENOMEM;
        return false;
    }
    return true;
}

void coil__json_put(struct coil__json_writer *writer, const char *bytes, size_t size)
{
    if (size > 0 && reserve(writer, size)) {
        memcpy(writer->buffer->data + writer->buffer->size, bytes, size);
        writer->buffer->size += size;
    }
}

void coil__json_put_text(struct coil__json_writer *writer, const char *text)
{
    coil__json_put(writer, text, strlen(text));
}

/* One that must not stand in a string as it is (RFC 8259, section 7). */
static void put_escape(struct coil__json_writer *writer, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[] = "btn\0fr"; /* from 8 on */
    char text[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};

    if (byte == '"' || byte == '\\') {
        text[1] = (char)byte;
    } else if (byte >= 8 && byte <= 13 && letters[byte - 8]) {
        text[1] = letters[byte - 8];
    } else {
        coil__json_put(writer, text, 6);
        return;
    }
    coil__json_put(writer, text, 2);
}

/* Behind what can be written as it stands. */
static const char *skip_plain(const char *at, const char *end)
{
    uint32_t code;
    size_t size;

    do {
        while (at < end && coil__json_is_plain(*at)) {
            at++;
        }
        size = at < end && (unsigned char)*at >= 0x80 ? coil__text_character(at, &code) : 0;
        at += size;
    } while (size > 0);
    return at;
}

void coil__json_put_string(struct coil__json_writer *writer, const char *text, size_t size)
{
    const char *end = text + size;

    coil__json_put(writer, "\"", 1);
    while (text < end && writer->rc == 0) {
        const char *at = skip_plain(text, end);

        coil__json_put(writer, text, (size_t)(at - text));
        if (at < end && (unsigned char)*at >= 0x80) {
            writer->rc = writer->rc < 0 ? writer->rc : -EILSEQ;
        } else if (at < end) {
            put_escape(writer, (unsigned char)*at++);
        }
        text = at;
    }
    coil__json_put(writer, "\"", 1);
}

void coil__json_put_unsigned(struct coil__json_writer *writer, uint64_t number)
{
    char room[COIL__DIGITS];
    struct coil__slice digits = coil__slice_of_number(number, room);

    coil__json_put(writer, digits.start, digits.size);
}

void coil__json_put_signed(struct coil__json_writer *writer, int64_t number)
{
    coil__json_put(writer, "-", number < 0);
    coil__json_put_unsigned(writer, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

void coil__json_put_double(struct coil__json_writer *writer, double number)
{
    char text[COIL__JSON_DOUBLE_SIZE];
    int size = isfinite(number) ? coil__json_double_text(number, text) : -EDOM;

    if (size < 0) {
        writer->rc = writer->rc < 0 ? writer->rc : size;
        return;
    }
    coil__json_put(writer, text, (size_t)size);
}

void coil__json_put_key(struct coil__json_writer *writer, const char *name, bool *is_first)
{
    coil__json_put(writer, ",", !*is_first);
    *is_first = false;
    coil__json_put_string(writer, name, strlen(name));
    coil__json_put(writer, ":", 1);
}

int coil__json_put_end(struct coil__json_writer *writer, size_t size_before)
{
    if (writer->rc < 0) {
        writer->buffer->size = size_before;
    }
    return writer->rc;
}

int coil_json_add(struct coil_json_buffer *buffer, const char *bytes, size_t size)
{
    struct coil__json_writer writer = {.buffer = buffer};

    if (!buffer || (!bytes && size > 0)) {
        return -EINVAL;
    }
    coil__json_put(&writer, bytes, size);
    return writer.rc;
}

int coil_json_add_string(struct coil_json_buffer *buffer, const char *string)
{
    struct coil__json_writer writer = {.buffer = buffer};
    size_t before = buffer ? buffer->size : 0;

    if (!buffer) {
        return -EINVAL;
    }
    if (string) {
        coil__json_put_string(&writer, string, strlen(string));
    } else {
        coil__json_put_text(&writer, "null");
    }
    return coil__json_put_end(&writer, before);
}

void coil_json_buffer_deinit(struct coil_json_buffer *buffer)
{
    if (buffer) {
        coil__free(buffer->data);
        *buffer = (struct coil_json_buffer){0};
    }
}
