/* json_errors.c - what is wrong with a text: the list, and the document for the peer. */
#include "http/json.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    MOST_MESSAGE = 160,
    MOST_PATH = 256,
    MOST_NAME = 64, /* of a name in a path: it may be the peer's */
    FIRST_ERRORS = 4,
};

/* --- noting them --- */

/* The size of a text that was cut off: between characters. */
static size_t whole_size(const char *text, size_t size)
{
    while (size > 0 && (text[size] & 0xC0) == 0x80) {
        size--;
    }
    return size;
}

/* Counts lines up to `at`, from where that was done last. */
static void locate(struct coil__json_reader *reader, const char *at, struct coil_json_error *error)
{
    if (!reader->counted || at < reader->counted) {
        reader->counted = reader->start;
        reader->line_start = reader->start;
        reader->line = 1;
    }
    while (reader->counted < at) {
        const char *found = memchr(reader->counted, '\n', (size_t)(at - reader->counted));

        reader->counted = found ? found + 1 : at;
        if (found) {
            reader->line++;
            reader->line_start = found + 1;
        }
    }
    error->offset = (size_t)(at - reader->start);
    error->line = reader->line;
    error->column = (size_t)(at - reader->line_start) + 1;
}

/* Puts the name of a place before what stands at *at. False: there is no room. */
static bool prepend(char *buf, size_t *at, const struct coil__json_place *place)
{
    char piece[MOST_NAME + 8];
    size_t size = place->name.size;

    if (!place->name.start) {
        size = (size_t)snprintf(piece, sizeof piece, "[%zu]", place->index);
    } else {
        if (size > MOST_NAME) {
            size = whole_size(place->name.start, MOST_NAME);
        }
        memcpy(piece + 1, place->name.start, size);
        piece[0] = '.';
        size += 1;
    }
    if (size > *at) {
        return false;
    }
    *at -= size;
    memcpy(buf + *at, piece, size);
    return true;
}

static const char *path_of(struct coil__json_reader *reader)
{
    char buf[MOST_PATH];
    size_t at = sizeof buf;
    char *text;

    for (const struct coil__json_place *place = reader->place; place; place = place->parent) {
        if (!prepend(buf, &at, place)) {
            break; /* the inner end of the path is what helps most */
        }
    }
    at += at < sizeof buf && buf[at] == '.';
    text = coil__json_allocate_freely(reader, sizeof buf - at + 1, 1);
    if (text) {
        memcpy(text, buf + at, sizeof buf - at);
        text[sizeof buf - at] = '\0';
    }
    return text;
}

/* Room for another one; NULL: there is no memory. Lists grow by doubling, in the same memory. */
static struct coil_json_error *add(struct coil__json_reader *reader)
{
    struct coil_json_parsed *parsed = reader->parsed;
    size_t count = parsed->error_count;
    struct coil_json_error *grown;

    if (count == 0 || (count >= FIRST_ERRORS && (count & (count - 1)) == 0)) {
        size_t room = count == 0 ? FIRST_ERRORS : 2 * count;

        grown = coil__json_allocate_freely(reader, room * sizeof *grown, _Alignof(max_align_t));
        if (!grown) {
            return NULL;
        }
        if (count > 0) {
            memcpy(grown, parsed->errors, count * sizeof *grown);
        }
        parsed->errors = grown;
    }
    return &parsed->errors[count];
}

bool coil__json_wrong(struct coil__json_reader *reader, const char *at, enum coil_json_code code,
                      const char *format, ...)
{
    struct coil_json_error *error;
    char message[MOST_MESSAGE + 1]; /* one more, to see where the last character ends */
    va_list args;
    size_t size;
    char *copy;

    if (reader->parsed->error_count >= reader->max_errors) {
        reader->parsed->has_more_errors = true;
        return true;
    }
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    size = strlen(message);
    if (size == MOST_MESSAGE) { /* it may be cut off */
        size = whole_size(message, MOST_MESSAGE - 1);
        message[size] = '\0';
    }
    size++;
    error = add(reader);
    copy = error ? coil__json_allocate_freely(reader, size, 1) : NULL;
    if (!copy || !(error->field = path_of(reader))) {
        return false;
    }
    memcpy(copy, message, size);
    error->code = code;
    error->message = copy;
    locate(reader, at, error);
    reader->parsed->error_count++;
    return true;
}

bool coil__json_stop(struct coil__json_reader *reader, enum coil_json_code code,
                     const char *message)
{
    if (reader->rc < 0) {
        return false;
    }
    reader->parsed->error_count = 0;
    reader->parsed->has_more_errors = false;
    reader->place = NULL;
    if (coil__json_wrong(reader, reader->next, code, "%s", message)) {
        coil__json_give_up(reader, -EBADMSG);
    }
    return false;
}

bool coil__json_give_up(struct coil__json_reader *reader, int rc)
{
    reader->rc = reader->rc < 0 ? reader->rc : rc;
    return false;
}

/* --- telling them --- */

const char *coil_json_code_name(enum coil_json_code code)
{
    static const char *const names[] = {
        [COIL_JSON_MISSING] = "missing",     [COIL_JSON_WRONG_TYPE] = "type",
        [COIL_JSON_OUT_OF_RANGE] = "range",  [COIL_JSON_WRONG_LENGTH] = "length",
        [COIL_JSON_NO_MATCH] = "pattern",    [COIL_JSON_WRONG_FORMAT] = "format",
        [COIL_JSON_NOT_IN_ENUM] = "enum",    [COIL_JSON_UNKNOWN_FIELD] = "unknown_field",
        [COIL_JSON_DUPLICATE] = "duplicate", [COIL_JSON_NOT_VALID] = "invalid",
        [COIL_JSON_SYNTAX] = "syntax",       [COIL_JSON_TOO_DEEP] = "depth",
        [COIL_JSON_TOO_LARGE] = "size",
    };

    return (unsigned)code < sizeof names / sizeof *names && names[code] ? names[code] : "";
}

int coil_json_errors_status(const struct coil_json_parsed *parsed)
{
    if (!parsed || parsed->error_count == 0) {
        return 200;
    }
    switch (parsed->errors[0].code) {
    case COIL_JSON_SYNTAX:
    case COIL_JSON_TOO_DEEP:
        return 400;
    case COIL_JSON_TOO_LARGE:
        return 413;
    default:
        return 422;
    }
}

static void put_number(struct coil__json_writer *writer, const char *name, size_t number)
{
    bool is_first = false;

    coil__json_put_key(writer, name, &is_first);
    coil__json_put_unsigned(writer, number);
}

static void put_error(struct coil__json_writer *writer, const struct coil_json_error *error)
{
    bool is_first = true;

    coil__json_put_text(writer, "{");
    coil__json_put_key(writer, "field", &is_first);
    coil__json_put_string(writer, error->field, strlen(error->field));
    coil__json_put_key(writer, "code", &is_first);
    coil__json_put_string(writer, coil_json_code_name(error->code),
                          strlen(coil_json_code_name(error->code)));
    coil__json_put_key(writer, "message", &is_first);
    coil__json_put_string(writer, error->message, strlen(error->message));
    if (error->code == COIL_JSON_SYNTAX || error->code == COIL_JSON_TOO_DEEP) {
        put_number(writer, "line", error->line);
        put_number(writer, "column", error->column);
        put_number(writer, "offset", error->offset);
    }
    coil__json_put_text(writer, "}");
}

static const char *title_of(int status)
{
    return status == 400   ? "Bad Request"
           : status == 413 ? "Content Too Large"
                           : "Unprocessable Content";
}

int coil_json_errors_write(const struct coil_json_parsed *parsed, struct coil_json_buffer *buffer)
{
    struct coil__json_writer writer = {.buffer = buffer};
    int status = coil_json_errors_status(parsed);
    char detail[MOST_MESSAGE];
    size_t before;

    if (!buffer || status == 200) {
        return -EINVAL;
    }
    before = buffer->size;
    if (status == 422) {
        snprintf(detail, sizeof detail, "The document has %s%zu error%s.",
                 parsed->has_more_errors ? "more than " : "", parsed->error_count,
                 parsed->error_count == 1 ? "" : "s");
    } else {
        snprintf(detail, sizeof detail, "The document cannot be read: %s.",
                 parsed->errors[0].message);
    }
    coil__json_put_text(&writer, "{\"type\":\"about:blank\",\"title\":\"");
    coil__json_put_text(&writer, title_of(status));
    coil__json_put_text(&writer, "\",\"status\":");
    coil__json_put_unsigned(&writer, (uint64_t)status);
    coil__json_put_text(&writer, ",\"detail\":");
    coil__json_put_string(&writer, detail, strlen(detail));
    coil__json_put_text(&writer, ",\"errors\":[");
    for (size_t i = 0; i < parsed->error_count; i++) {
        coil__json_put(&writer, ",", i > 0);
        put_error(&writer, &parsed->errors[i]);
    }
    coil__json_put_text(&writer, "]}");
    return coil__json_put_end(&writer, before);
}
