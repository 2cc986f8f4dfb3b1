/* json_value.c - one value of the text, as the table wants it. */
#include "http/json.h"

static const char *noun_of(const struct coil_json_field *field)
{
    switch (field->kind_) {
    case COIL_JSON_KIND_SIGNED:
    case COIL_JSON_KIND_UNSIGNED:
        return "an integer";
    case COIL_JSON_KIND_DOUBLE:
        return "a number";
    case COIL_JSON_KIND_BOOL:
        return "true or false";
    case COIL_JSON_KIND_OBJECT:
    case COIL_JSON_KIND_MAP:
        return "an object";
    default:
        return "a string";
    }
}

static bool wrong_type(struct coil__json_reader *reader, const char *noun)
{
    const char *at = reader->next;
    const char *what = coil__json_what(reader);

    return coil__json_skip(reader) &&
           coil__json_wrong(reader, at, COIL_JSON_WRONG_TYPE, "must be %s, not %s", noun, what);
}

/* --- strings --- */

static bool take_enum(struct coil__json_reader *reader, const struct coil_json_field *field,
                      const char *at, struct coil__slice text, void *to)
{
    for (size_t i = 0; i < field->name_count_; i++) {
        if (field->names_[i] && coil__slice_is(text, field->names_[i])) {
            coil__json_store(to, field->item_size_, i);
            return true;
        }
    }
    return coil__json_wrong(reader, at, COIL_JSON_NOT_IN_ENUM, "is none of the allowed values");
}

static bool take_time(struct coil__json_reader *reader, const struct coil_json_field *field,
                      const char *at, struct coil__slice text, void *to)
{
    int64_t ns;
    int rc = coil__json_to_time(text, &ns);

    if (rc == -ERANGE) {
        return coil__json_wrong(reader, at, COIL_JSON_OUT_OF_RANGE,
                                "must be a time of the years 1678 to 2261");
    }
    if (rc < 0) {
        return coil__json_wrong(reader, at, COIL_JSON_WRONG_FORMAT, "must be %s",
                                coil__json_format_noun(COIL_JSON_FORMAT_DATE_TIME));
    }
    memcpy(to, &ns, sizeof ns);
    return coil__json_check_time(reader, field, at, ns);
}

static bool take_string(struct coil__json_reader *reader, const struct coil_json_field *field,
                        const struct coil__json_string *string, void *to)
{
    struct coil__slice text = {string->start, string->size};
    const char *at = string->start - (string->start > reader->start); /* the quote of a text */

    if (field->kind_ == COIL_JSON_KIND_STRING || string->has_escapes) {
        text.start = coil__json_keep(reader, string, &text.size);
        if (!text.start) {
            return false;
        }
    }
    if (string->has_nul) {
        return coil__json_wrong(reader, at, COIL_JSON_WRONG_FORMAT, "must not contain U+0000");
    }
    if (field->kind_ == COIL_JSON_KIND_ENUM) {
        return take_enum(reader, field, at, text, to);
    }
    if (field->kind_ == COIL_JSON_KIND_TIME) {
        return take_time(reader, field, at, text, to);
    }
    memcpy(to, &text.start, sizeof text.start);
    return coil__json_check_string(reader, field, at, text, string->characters);
}

static bool read_string(struct coil__json_reader *reader, const struct coil_json_field *field,
                        void *to)
{
    struct coil__json_string string;

    if (reader->next >= reader->end || *reader->next != '"') {
        return wrong_type(reader, noun_of(field));
    }
    return coil__json_scan_string(reader, &string) && take_string(reader, field, &string, to);
}

/* --- numbers, booleans, raw values --- */

static bool begins_number(const struct coil__json_reader *reader)
{
    return reader->next < reader->end && (*reader->next == '-' || coil__is_digit(*reader->next));
}

static bool read_integer(struct coil__json_reader *reader, const struct coil_json_field *field,
                         void *to)
{
    const char *at = reader->next;
    struct coil__json_number number;
    uint64_t magnitude;
    bool is_whole;
    bool is_known;

    if (!begins_number(reader)) {
        return wrong_type(reader, noun_of(field));
    }
    if (!coil__json_scan_number(reader, &number)) {
        return false;
    }
    is_known = coil__json_to_integer(&number, &magnitude, &is_whole);
    if (!is_whole) {
        return coil__json_wrong(reader, at, COIL_JSON_WRONG_TYPE,
                                "must be an integer, not a fraction");
    }
    if (is_known && coil__json_integer_fits(field, number.is_negative, magnitude)) {
        coil__json_store(to, field->item_size_, number.is_negative ? -magnitude : magnitude);
        return true;
    }
    return coil__json_wrong_integer(reader, field, at, number.is_negative);
}

static bool read_double(struct coil__json_reader *reader, const struct coil_json_field *field,
                        void *to)
{
    const char *at = reader->next;
    struct coil__json_number number;
    double value;
    int rc;

    if (!begins_number(reader)) {
        return wrong_type(reader, noun_of(field));
    }
    if (!coil__json_scan_number(reader, &number)) {
        return false;
    }
    rc = coil__json_to_double(&number, &value);
    if (rc == -ERANGE) {
        return coil__json_wrong(reader, at, COIL_JSON_OUT_OF_RANGE, "is too large for a double");
    }
    if (rc < 0) {
        return coil__json_give_up(reader, rc);
    }
    memcpy(to, &value, sizeof value);
    return coil__json_check_double(reader, field, at, value);
}

static bool read_bool(struct coil__json_reader *reader, const struct coil_json_field *field,
                      void *to)
{
    char byte = reader->next < reader->end ? *reader->next : '\0';
    bool value = byte == 't';

    if (byte != 't' && byte != 'f') {
        return wrong_type(reader, noun_of(field));
    }
    memcpy(to, &value, sizeof value);
    return coil__json_scan_word(reader, value ? "true" : "false");
}

static bool read_raw(struct coil__json_reader *reader, struct coil_json_raw *to)
{
    struct coil__json_string text = {.start = reader->next};

    if (!coil__json_skip(reader)) {
        return false;
    }
    text.size = (size_t)(reader->next - text.start);
    to->text = coil__json_keep(reader, &text, &to->size);
    return to->text != NULL;
}

static bool read_nested(struct coil__json_reader *reader, const struct coil_json_field *field,
                        void *to)
{
    const struct coil_json_type *type = field->type_;
    void *value = to;

    if (!coil__json_type_is_usable(type) || type->size != field->item_size_) {
        return coil__json_give_up(reader, -EINVAL);
    }
    if (reader->next >= reader->end || *reader->next != '{') {
        return wrong_type(reader, noun_of(field));
    }
    if (field->is_pointer_) {
        value = coil__json_allocate(reader, type->size, _Alignof(max_align_t));
        if (!value) {
            return false;
        }
        memset(value, 0, type->size);
        memcpy(to, &value, sizeof value);
    }
    return coil__json_read_object(reader, type, value);
}

bool coil__json_read_value(struct coil__json_reader *reader, const struct coil_json_field *field,
                           void *to)
{
    switch (field->kind_) {
    case COIL_JSON_KIND_STRING:
    case COIL_JSON_KIND_ENUM:
    case COIL_JSON_KIND_TIME:
        return read_string(reader, field, to);
    case COIL_JSON_KIND_SIGNED:
    case COIL_JSON_KIND_UNSIGNED:
        return read_integer(reader, field, to);
    case COIL_JSON_KIND_DOUBLE:
        return read_double(reader, field, to);
    case COIL_JSON_KIND_BOOL:
        return read_bool(reader, field, to);
    case COIL_JSON_KIND_RAW:
        return read_raw(reader, to);
    case COIL_JSON_KIND_OBJECT:
        return read_nested(reader, field, to);
    default:
        return coil__json_give_up(reader, -EINVAL);
    }
}

/* An array or a map, which have a count beside them. */
static bool read_list(struct coil__json_reader *reader, const struct coil_json_field *field,
                      void *value)
{
    void *member = (char *)value + field->offset_;
    bool is_map = field->kind_ == COIL_JSON_KIND_MAP;

    if (reader->next >= reader->end || *reader->next != (is_map ? '{' : '[')) {
        return wrong_type(reader, is_map ? "an object" : "an array");
    }
    return is_map ? coil__json_read_map(reader, field, member, coil__json_count(field, value))
                  : coil__json_read_items(reader, field, member, coil__json_count(field, value));
}

bool coil__json_read_member(struct coil__json_reader *reader, const struct coil_json_field *field,
                            void *value)
{
    bool is_raw = field->kind_ == COIL_JSON_KIND_RAW && !field->is_array_;

    if (!is_raw && reader->next < reader->end && *reader->next == 'n') {
        if (!field->nullable) {
            return wrong_type(reader, field->is_array_ && field->kind_ != COIL_JSON_KIND_MAP
                                          ? "an array"
                                          : noun_of(field));
        }
        return coil__json_scan_word(reader, "null");
    }
    if (field->has_offset_ > 0) {
        ((bool *)value)[field->has_offset_ - 1] = true;
    }
    return field->is_array_ ? read_list(reader, field, value)
                            : coil__json_read_value(reader, field, (char *)value + field->offset_);
}

/* --- defaults --- */

static bool take_default(struct coil__json_reader *reader, const struct coil_json_field *field,
                         void *value)
{
    struct coil__json_string string = {.start = reader->start,
                                       .size = (size_t)(reader->end - reader->start)};
    bool is_text = !field->is_array_ &&
                   (field->kind_ == COIL_JSON_KIND_STRING || field->kind_ == COIL_JSON_KIND_ENUM ||
                    field->kind_ == COIL_JSON_KIND_TIME);

    if (!is_text) {
        coil__json_blanks(reader);
        if (!coil__json_read_member(reader, field, value)) {
            return false;
        }
        coil__json_blanks(reader);
        return reader->next == reader->end || coil__json_give_up(reader, -EINVAL);
    }
    for (size_t i = 0; i < string.size; i++) {
        string.characters += (string.start[i] & 0xC0) != 0x80;
    }
    if (field->has_offset_ > 0) {
        ((bool *)value)[field->has_offset_ - 1] = true;
    }
    return take_string(reader, field, &string, (char *)value + field->offset_);
}

bool coil__json_read_default(struct coil__json_reader *reader, const struct coil_json_field *field,
                             void *value)
{
    struct coil__json_reader inner = *reader;
    size_t errors = reader->parsed->error_count;

    inner.start = field->default_value;
    inner.next = inner.start;
    inner.end = inner.start + strlen(inner.start);
    inner.counted = NULL;
    take_default(&inner, field, value);
    reader->memory_left = inner.memory_left;
    if (inner.rc == -EBADMSG || (inner.rc == 0 && reader->parsed->error_count != errors)) {
        inner.rc = -EINVAL; /* the table is wrong, not the text */
    }
    reader->rc = inner.rc;
    return inner.rc == 0;
}
