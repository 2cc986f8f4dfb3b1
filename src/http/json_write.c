/* json_write.c - a struct as text, by its table. */
#include "http/json.h"

static void put_object(struct coil__json_writer *writer, const struct coil_json_type *type,
                       const void *value);

static void fail(struct coil__json_writer *writer, int rc)
{
    writer->rc = writer->rc < 0 ? writer->rc : rc;
}

/* Raw text is looked at: one that is no JSON would change what stands around it. */
static void put_raw(struct coil__json_writer *writer, const struct coil_json_raw *raw)
{
    struct coil_json_parsed parsed = {0};
    struct coil__json_reader reader = {
        .start = raw->text,
        .next = raw->text,
        .end = raw->text + raw->size,
        .parsed = &parsed,
        .max_depth = COIL__JSON_MOST_DEPTH,
    };

    coil__json_blanks(&reader);
    if (coil__json_skip(&reader)) {
        coil__json_blanks(&reader);
        if (reader.next < reader.end) {
            reader.rc = -EBADMSG;
        }
    }
    coil_json_parsed_deinit(&parsed);
    if (reader.rc < 0) {
        fail(writer, reader.rc);
        return;
    }
    coil__json_put(writer, raw->text, raw->size);
}

static void put_enum(struct coil__json_writer *writer, const struct coil_json_field *field,
                     const void *from)
{
    uint64_t value = coil__json_load(from, field->item_size_, false);

    if (value >= field->name_count_ || !field->names_[value]) {
        fail(writer, -EINVAL);
        return;
    }
    coil__json_put_string(writer, field->names_[value], strlen(field->names_[value]));
}

static void put_time(struct coil__json_writer *writer, const void *from)
{
    char text[COIL__JSON_TIME_SIZE];
    size_t size = coil__json_time_text((int64_t)coil__json_load(from, sizeof(int64_t), true), text);

    coil__json_put_string(writer, text, size);
}

/* What a pointer to a string, an object or raw text points to; NULL: absent. Of what is no pointer,
 * where it stands. */
static const void *target_of(const struct coil_json_field *field, const void *from)
{
    const void *target = from;

    if (field->kind_ == COIL_JSON_KIND_STRING || field->is_pointer_ ||
        field->kind_ == COIL_JSON_KIND_RAW) {
        memcpy(&target, from, sizeof target); /* a raw value's text is its first member */
    }
    return target;
}

static void put_value(struct coil__json_writer *writer, const struct coil_json_field *field,
                      const void *from)
{
    const void *target = target_of(field, from);
    double number;

    if (!target) {
        fail(writer, -EINVAL); /* an item that is NULL */
        return;
    }
    switch (field->kind_) {
    case COIL_JSON_KIND_STRING:
        coil__json_put_string(writer, target, strlen(target));
        break;
    case COIL_JSON_KIND_SIGNED:
        coil__json_put_signed(writer, (int64_t)coil__json_load(from, field->item_size_, true));
        break;
    case COIL_JSON_KIND_UNSIGNED:
        coil__json_put_unsigned(writer, coil__json_load(from, field->item_size_, false));
        break;
    case COIL_JSON_KIND_DOUBLE:
        memcpy(&number, from, sizeof number);
        coil__json_put_double(writer, number);
        break;
    case COIL_JSON_KIND_BOOL:
        coil__json_put_text(writer, *(const bool *)from ? "true" : "false");
        break;
    case COIL_JSON_KIND_ENUM:
        put_enum(writer, field, from);
        break;
    case COIL_JSON_KIND_TIME:
        put_time(writer, from);
        break;
    case COIL_JSON_KIND_RAW:
        put_raw(writer, from);
        break;
    case COIL_JSON_KIND_OBJECT:
        put_object(writer, field->type_, target);
        break;
    default:
        fail(writer, -EINVAL);
        break;
    }
}

static void put_map(struct coil__json_writer *writer, const struct coil_json_member *members,
                    size_t count)
{
    bool is_first = true;

    coil__json_put(writer, "{", 1);
    for (size_t i = 0; i < count && writer->rc == 0; i++) {
        if (!members[i].name || !members[i].value.text) {
            fail(writer, -EINVAL);
            return;
        }
        coil__json_put_key(writer, members[i].name, &is_first);
        put_raw(writer, &members[i].value);
    }
    coil__json_put(writer, "}", 1);
}

static void put_items(struct coil__json_writer *writer, const struct coil_json_field *field,
                      const char *items, size_t count)
{
    coil__json_put(writer, "[", 1);
    for (size_t i = 0; i < count && writer->rc == 0; i++) {
        coil__json_put(writer, ",", i > 0);
        put_value(writer, field, items + i * field->item_size_);
    }
    coil__json_put(writer, "]", 1);
}

static void put_list(struct coil__json_writer *writer, const struct coil_json_field *field,
                     const void *value)
{
    size_t count = *coil__json_count(field, value);
    const void *items;

    memcpy(&items, (const char *)value + field->offset_, sizeof items);
    if (count > 0 && !items) {
        fail(writer, -EINVAL);
    } else if (field->kind_ == COIL_JSON_KIND_MAP) {
        put_map(writer, items, count);
    } else {
        put_items(writer, field, items, count);
    }
}

static bool is_absent(const struct coil_json_field *field, const void *value)
{
    const char *member = (const char *)value + field->offset_;
    const void *items;

    if (field->has_offset_ > 0) {
        return !((const bool *)value)[field->has_offset_ - 1];
    }
    if (!field->is_array_) {
        return !target_of(field, member);
    }
    memcpy(&items, member, sizeof items);
    return !items && *coil__json_count(field, value) == 0 &&
           (field->nullable || (field->min_items > 0 && !field->required));
}

static void put_field(struct coil__json_writer *writer, const struct coil_json_field *field,
                      const void *value, bool *is_first)
{
    bool is_null = is_absent(field, value);

    if (is_null && !field->nullable) {
        if (field->required) {
            fail(writer, -EINVAL);
        }
        return;
    }
    coil__json_put_key(writer, coil__json_name(field), is_first);
    if (is_null) {
        coil__json_put_text(writer, "null");
    } else if (field->is_array_) {
        put_list(writer, field, value);
    } else {
        put_value(writer, field, (const char *)value + field->offset_);
    }
}

static void put_object(struct coil__json_writer *writer, const struct coil_json_type *type,
                       const void *value)
{
    bool is_first = true;

    if (!coil__json_type_is_usable(type)) {
        fail(writer, -EINVAL);
        return;
    }
    if (writer->depth == COIL__JSON_MOST_DEPTH) {
        fail(writer, -COIL_ELIMIT);
        return;
    }
    writer->depth++;
    coil__json_put(writer, "{", 1);
    for (size_t i = 0; i < type->field_count && writer->rc == 0; i++) {
        put_field(writer, &type->fields[i], value, &is_first);
    }
    coil__json_put(writer, "}", 1);
    writer->depth--;
}

int coil_json_write(const struct coil_json_type *type, const void *value,
                    struct coil_json_buffer *buffer)
{
    struct coil__json_writer writer = {.buffer = buffer};
    size_t before;

    if (!value || !buffer) {
        return -EINVAL;
    }
    before = buffer->size;
    put_object(&writer, type, value);
    return coil__json_put_end(&writer, before);
}

int coil_json_write_array(const struct coil_json_type *type, const void *values, size_t count,
                          struct coil_json_buffer *buffer)
{
    struct coil_json_field field = {.kind_ = COIL_JSON_KIND_OBJECT, .type_ = type};
    struct coil__json_writer writer = {.buffer = buffer};
    size_t before;

    if ((!values && count > 0) || !buffer || !coil__json_type_is_usable(type)) {
        return -EINVAL;
    }
    before = buffer->size;
    field.item_size_ = type->size;
    put_items(&writer, &field, values, count);
    return coil__json_put_end(&writer, before);
}

int coil_json_write_to(const struct coil_json_type *type, const void *value, coil_json_sink sink,
                       void *user)
{
    struct coil_json_buffer buffer = {0};
    struct coil__json_writer writer = {.buffer = &buffer, .sink = sink, .user = user};

    if (!value || !sink) {
        return -EINVAL;
    }
    put_object(&writer, type, value);
    if (writer.rc == 0) {
        int rc = sink(buffer.data, buffer.size, user);

        writer.rc = rc < 0 ? rc : 0;
    }
    coil_json_buffer_deinit(&buffer);
    return writer.rc;
}
