/* json_table.c - tables themselves: whether one is right, and which ones it leads to. */
#include "http/json.h"

enum { MOST_TYPES = 256 };

/* --- which types there are --- */

/* 1: it was added; 0: it is there. */
static int add(const struct coil_json_type *type, const struct coil_json_type **types,
               size_t capacity, size_t *count)
{
    if (!coil__json_type_is_usable(type) || !type->name) {
        return -EINVAL;
    }
    for (size_t i = 0; i < *count; i++) {
        if (types[i] == type) {
            return 0;
        }
        if (strcmp(types[i]->name, type->name) == 0) {
            return -EINVAL;
        }
    }
    if (*count >= capacity) {
        return -ENOSPC;
    }
    types[(*count)++] = type;
    return 1;
}

/* The list is its own queue: each type in it is looked at once, for those that it names. */
int coil_json_type_list(const struct coil_json_type *type, const struct coil_json_type **types,
                        size_t capacity, size_t *count)
{
    size_t next;
    int rc;

    if (!types || !count) {
        return -EINVAL;
    }
    next = *count;
    rc = add(type, types, capacity, count);
    for (; rc >= 0 && next < *count; next++) {
        for (size_t i = 0; rc >= 0 && i < types[next]->field_count; i++) {
            const struct coil_json_field *field = &types[next]->fields[i];

            if (field->kind_ == COIL_JSON_KIND_OBJECT) {
                rc = add(field->type_, types, capacity, count);
            }
        }
    }
    return rc < 0 ? rc : 0;
}

/* --- whether a table is right --- */

static bool is_size_right(const struct coil_json_field *field, const struct coil_json_type *type)
{
    size_t size = field->is_array_ || field->is_pointer_ ? sizeof(void *) : field->item_size_;

    switch (field->kind_) {
    case COIL_JSON_KIND_SIGNED:
    case COIL_JSON_KIND_UNSIGNED:
        if (field->item_size_ > 8 || (field->item_size_ & (field->item_size_ - 1)) != 0) {
            return false;
        }
        break;
    case COIL_JSON_KIND_OBJECT:
        if (field->type_->size != field->item_size_) {
            return false;
        }
        break;
    default:
        break;
    }
    return field->item_size_ > 0 && field->offset_ <= type->size &&
           size <= type->size - field->offset_ && field->has_offset_ <= type->size;
}

static bool has_any_name(const struct coil_json_field *field)
{
    for (size_t i = 0; i < field->name_count_; i++) {
        if (field->names_[i]) {
            return true;
        }
    }
    return false;
}

static bool is_twin(const struct coil_json_type *type, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(coil__json_name(&type->fields[i]), coil__json_name(&type->fields[index])) == 0) {
            return true;
        }
    }
    return false;
}

/* Reads the default into a struct of the type, as a parse would. */
static int check_default(const struct coil_json_type *type, const struct coil_json_field *field)
{
    struct coil_json_parsed parsed = {0};
    struct coil__json_reader reader = {
        .start = "",
        .next = "",
        .end = "",
        .parsed = &parsed,
        .memory_left = SIZE_MAX / 2,
        .max_depth = COIL__JSON_MOST_DEPTH,
        .max_errors = 1,
    };
    void *value;

    reader.end = reader.next = reader.start;
    value = coil__json_allocate(&reader, type->size, _Alignof(max_align_t));
    if (value) {
        memset(value, 0, type->size);
        coil__json_read_default(&reader, field, value);
    }
    coil_json_parsed_deinit(&parsed);
    return reader.rc;
}

static int check_field(const struct coil_json_type *type, size_t index)
{
    const struct coil_json_field *field = &type->fields[index];

    if (!coil__json_name(field) || is_twin(type, index) || !is_size_right(field, type) ||
        (field->kind_ == COIL_JSON_KIND_ENUM && !has_any_name(field)) ||
        (field->max_length > 0 && field->max_length < field->min_length) ||
        (field->max_items > 0 && field->max_items < field->min_items) ||
        (field->format != COIL_JSON_FORMAT_NONE && !coil__json_format_name(field->format)) ||
        (field->pattern && coil__json_matches(field->pattern, (struct coil__slice){"", 0}) < 0)) {
        return -EINVAL;
    }
    return field->default_value ? check_default(type, field) : 0;
}

int coil_json_type_check(const struct coil_json_type *type, const char **ret_field)
{
    const struct coil_json_type *types[MOST_TYPES];
    size_t count = 0;
    int rc = coil_json_type_list(type, types, MOST_TYPES, &count);

    for (size_t i = 0; rc >= 0 && i < count; i++) {
        for (size_t k = 0; rc >= 0 && k < types[i]->field_count; k++) {
            rc = check_field(types[i], k);
            if (rc < 0 && ret_field) {
                *ret_field = coil__json_name(&types[i]->fields[k]);
            }
        }
    }
    return rc == -ENOSPC ? -EINVAL : rc < 0 ? rc : 0;
}
