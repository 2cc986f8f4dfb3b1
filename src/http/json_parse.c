/* json_parse.c - parsing from the outside: arguments and bounds, the document's two ends. */
#include "http/json.h"

#include <stdio.h>

enum {
    DEFAULT_SIZE = 1024 * 1024,
    DEFAULT_MEMORY = 8 * 1024 * 1024,
    DEFAULT_DEPTH = 32,
    DEFAULT_ERRORS = 20,
};

/* A reader at the first value of the text. Leaves `rc` negative if there is nothing to be read. */
static struct coil__json_reader begin(const char *text, size_t size,
                                      const struct coil_json_options *options,
                                      struct coil_json_parsed *parsed)
{
    static const struct coil_json_options defaults;
    const struct coil_json_options *o = options ? options : &defaults;
    size_t max_size = o->max_size ? o->max_size : DEFAULT_SIZE;
    struct coil__json_reader reader = {
        .start = text ? text : "",
        .parsed = parsed,
        .memory_left = o->max_memory ? o->max_memory : DEFAULT_MEMORY,
        .max_depth = o->max_depth ? o->max_depth : DEFAULT_DEPTH,
        .max_errors = o->max_errors ? o->max_errors : DEFAULT_ERRORS,
    };

    reader.next = reader.start;
    reader.end = reader.start + size;
    if (size > max_size) {
        char message[64];

        snprintf(message, sizeof message, "has more than %zu bytes", max_size);
        reader.end = reader.start;
        coil__json_stop(&reader, COIL_JSON_TOO_LARGE, message);
        return reader;
    }
    coil__json_blanks(&reader);
    return reader;
}

/* Looks behind the last value. Returns the result of the parse; keeps memory if it has a use. */
static int end(struct coil__json_reader *reader)
{
    if (reader->rc == 0) {
        coil__json_blanks(reader);
        if (reader->next < reader->end) {
            coil__json_stop(reader, COIL_JSON_SYNTAX, "something follows the value");
        }
    }
    if (reader->rc == 0 && reader->parsed->error_count > 0) {
        reader->rc = -EBADMSG;
    }
    if (reader->rc < 0 && reader->rc != -EBADMSG) {
        coil_json_parsed_deinit(reader->parsed);
    }
    return reader->rc;
}

static bool is_possible(const struct coil_json_type *type, const char *text, size_t size,
                        const struct coil_json_options *options)
{
    return coil__json_type_is_usable(type) && (text || size == 0) &&
           (!options || options->max_depth <= COIL__JSON_MOST_DEPTH);
}

int coil_json_parse(const struct coil_json_type *type, const char *text, size_t size,
                    const struct coil_json_options *options, void *ret_value,
                    struct coil_json_parsed *parsed)
{
    struct coil_json_field field = {.kind_ = COIL_JSON_KIND_OBJECT, .type_ = type};
    struct coil__json_reader reader;
    void *value;
    int rc;

    if (!parsed) {
        return -EINVAL;
    }
    coil_json_parsed_deinit(parsed);
    if (!is_possible(type, text, size, options) || !ret_value) {
        return -EINVAL;
    }
    field.item_size_ = type->size;
    reader = begin(text, size, options, parsed);
    value = reader.rc == 0 ? coil__json_allocate(&reader, type->size, _Alignof(max_align_t)) : NULL;
    if (value) {
        memset(value, 0, type->size);
        coil__json_read_value(&reader, &field, value);
    }
    rc = end(&reader);
    if (rc == 0) {
        memcpy(ret_value, value, type->size);
    }
    return rc;
}

int coil_json_parse_array(const struct coil_json_type *type, const char *text, size_t size,
                          const struct coil_json_options *options, void *ret_values,
                          size_t *ret_count, struct coil_json_parsed *parsed)
{
    struct list {
        void *items;
        size_t count;
    } list = {0};
    struct coil_json_field field = {
        .kind_ = COIL_JSON_KIND_OBJECT,
        .is_array_ = true,
        .offset_ = offsetof(struct list, items),
        .count_offset_ = offsetof(struct list, count),
        .type_ = type,
    };
    struct coil__json_reader reader;
    int rc;

    if (!parsed) {
        return -EINVAL;
    }
    coil_json_parsed_deinit(parsed);
    if (!is_possible(type, text, size, options) || !ret_values || !ret_count) {
        return -EINVAL;
    }
    field.item_size_ = type->size;
    reader = begin(text, size, options, parsed);
    if (reader.rc == 0) {
        coil__json_read_member(&reader, &field, &list);
    }
    rc = end(&reader);
    if (rc == 0) {
        memcpy(ret_values, &list.items, sizeof list.items);
        *ret_count = list.count;
    }
    return rc;
}
