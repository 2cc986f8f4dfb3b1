/* json_schema.c - a table as a JSON Schema (2020-12, as OpenAPI 3.1 takes it). */
#include "http/json.h"

#include <stdio.h>

/* An object of the schema that is being written. */
struct object {
    struct coil__json_writer *writer;
    bool is_first;
};

static void open_object(struct object *object)
{
    object->is_first = true;
    coil__json_put(object->writer, "{", 1);
}

static void close_object(struct object *object)
{
    coil__json_put(object->writer, "}", 1);
}

static void put_key(struct object *object, const char *key)
{
    coil__json_put_key(object->writer, key, &object->is_first);
}

static void put_string(struct object *object, const char *key, const char *value)
{
    if (value) {
        put_key(object, key);
        coil__json_put_string(object->writer, value, strlen(value));
    }
}

static void put_size(struct object *object, const char *key, size_t size)
{
    if (size > 0) {
        put_key(object, key);
        coil__json_put_unsigned(object->writer, size);
    }
}

/* "string", or ["string","null"]. */
static void put_type(struct object *object, const char *name, bool is_nullable)
{
    put_key(object, "type");
    coil__json_put(object->writer, "[", is_nullable);
    coil__json_put_string(object->writer, name, strlen(name));
    coil__json_put(object->writer, ",\"null\"]", is_nullable ? 8 : 0);
}

/* --- kinds --- */

static void put_string_kind(struct object *object, const struct coil_json_field *field)
{
    put_size(object, "minLength", field->min_length);
    put_size(object, "maxLength", field->max_length);
    put_string(object, "pattern", field->pattern);
    put_string(object, "format", coil__json_format_name(field->format));
}

static void put_integer_kind(struct object *object, const struct coil_json_field *field)
{
    bool is_signed = field->kind_ == COIL_JSON_KIND_SIGNED;
    char format[16];

    snprintf(format, sizeof format, "%sint%u", is_signed ? "" : "u",
             (unsigned)field->item_size_ * 8 % 100);
    put_string(object, "format", format);
    if (field->has_min || !is_signed) {
        put_key(object, "minimum");
        coil__json_put_signed(object->writer,
                              is_signed || (field->has_min && field->min > 0) ? field->min : 0);
    }
    if (field->has_max) {
        put_key(object, "maximum");
        coil__json_put_signed(object->writer, field->max);
    }
}

static void put_double_kind(struct object *object, const struct coil_json_field *field)
{
    put_string(object, "format", "double");
    if (field->has_min) {
        put_key(object, "minimum");
        coil__json_put_double(object->writer, field->min_double);
    }
    if (field->has_max) {
        put_key(object, "maximum");
        coil__json_put_double(object->writer, field->max_double);
    }
}

static void put_enum_kind(struct object *object, const struct coil_json_field *field,
                          bool is_nullable)
{
    bool is_first = true;

    put_key(object, "enum");
    coil__json_put(object->writer, "[", 1);
    for (size_t i = 0; i < field->name_count_; i++) {
        if (field->names_[i]) {
            coil__json_put(object->writer, ",", !is_first);
            coil__json_put_string(object->writer, field->names_[i], strlen(field->names_[i]));
            is_first = false;
        }
    }
    coil__json_put_text(object->writer, is_nullable ? ",null]" : "]");
}

static void put_reference(struct object *object, const struct coil_json_type *type,
                          bool is_nullable)
{
    if (!type || !type->name) {
        object->writer->rc = object->writer->rc < 0 ? object->writer->rc : -EINVAL;
        return;
    }
    if (is_nullable) {
        put_key(object, "anyOf");
        coil__json_put_text(object->writer, "[{\"$ref\":\"#/components/schemas/");
        coil__json_put_text(object->writer, type->name);
        coil__json_put_text(object->writer, "\"},{\"type\":\"null\"}]");
        return;
    }
    put_key(object, "$ref");
    coil__json_put_text(object->writer, "\"#/components/schemas/");
    coil__json_put_text(object->writer, type->name);
    coil__json_put(object->writer, "\"", 1);
}

/* What a value must be, or an item of an array. */
static void put_kind(struct object *object, const struct coil_json_field *field, bool is_nullable)
{
    switch (field->kind_) {
    case COIL_JSON_KIND_STRING:
        put_type(object, "string", is_nullable);
        put_string_kind(object, field);
        break;
    case COIL_JSON_KIND_SIGNED:
    case COIL_JSON_KIND_UNSIGNED:
        put_type(object, "integer", is_nullable);
        put_integer_kind(object, field);
        break;
    case COIL_JSON_KIND_DOUBLE:
        put_type(object, "number", is_nullable);
        put_double_kind(object, field);
        break;
    case COIL_JSON_KIND_BOOL:
        put_type(object, "boolean", is_nullable);
        break;
    case COIL_JSON_KIND_ENUM:
        put_type(object, "string", is_nullable);
        put_enum_kind(object, field, is_nullable);
        break;
    case COIL_JSON_KIND_TIME:
        put_type(object, "string", is_nullable);
        put_string(object, "format", coil__json_format_name(COIL_JSON_FORMAT_DATE_TIME));
        break;
    case COIL_JSON_KIND_OBJECT:
        put_reference(object, field->type_, is_nullable);
        break;
    case COIL_JSON_KIND_MAP:
        put_type(object, "object", is_nullable);
        put_size(object, "minProperties", field->min_items);
        put_size(object, "maxProperties", field->max_items);
        break;
    default:
        break; /* raw: anything */
    }
}

/* --- fields and types --- */

static void put_default(struct object *object, const struct coil_json_field *field)
{
    bool is_text = field->kind_ == COIL_JSON_KIND_STRING || field->kind_ == COIL_JSON_KIND_ENUM ||
                   field->kind_ == COIL_JSON_KIND_TIME;

    if (!field->default_value) {
        return;
    }
    if (is_text && !field->is_array_) {
        put_string(object, "default", field->default_value);
        return;
    }
    put_key(object, "default");
    coil__json_put_text(object->writer, field->default_value);
}

static void put_field(struct coil__json_writer *writer, const struct coil_json_field *field)
{
    struct object object = {.writer = writer};
    struct object items = {.writer = writer};

    open_object(&object);
    if (field->is_array_ && field->kind_ != COIL_JSON_KIND_MAP) {
        put_type(&object, "array", field->nullable);
        put_key(&object, "items");
        open_object(&items);
        put_kind(&items, field, false);
        close_object(&items);
        put_size(&object, "minItems", field->min_items);
        put_size(&object, "maxItems", field->max_items);
    } else {
        put_kind(&object, field, field->nullable);
    }
    put_string(&object, "description", field->description);
    put_default(&object, field);
    close_object(&object);
}

static void put_required(struct object *object, const struct coil_json_type *type)
{
    bool is_first = true;

    for (size_t i = 0; i < type->field_count; i++) {
        const char *name = coil__json_name(&type->fields[i]);

        if (type->fields[i].required) {
            if (is_first) {
                put_key(object, "required");
            }
            coil__json_put(object->writer, is_first ? "[" : ",", 1);
            coil__json_put_string(object->writer, name, strlen(name));
            is_first = false;
        }
    }
    coil__json_put(object->writer, "]", !is_first);
}

int coil_json_schema_write(const struct coil_json_type *type, struct coil_json_buffer *buffer)
{
    struct coil__json_writer writer = {.buffer = buffer};
    struct object object = {.writer = &writer};
    struct object properties = {.writer = &writer};
    size_t before;

    if (!buffer || !coil__json_type_is_usable(type)) {
        return -EINVAL;
    }
    before = buffer->size;
    open_object(&object);
    put_string(&object, "title", type->name);
    put_string(&object, "description", type->description);
    put_type(&object, "object", false);
    put_key(&object, "properties");
    open_object(&properties);
    for (size_t i = 0; i < type->field_count; i++) {
        put_key(&properties, coil__json_name(&type->fields[i]));
        put_field(&writer, &type->fields[i]);
    }
    close_object(&properties);
    put_required(&object, type);
    if (!type->allow_unknown) {
        put_key(&object, "additionalProperties");
        coil__json_put_text(&writer, "false");
    }
    close_object(&object);
    return coil__json_put_end(&writer, before);
}
