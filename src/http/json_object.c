/* json_object.c - objects by their tables, arrays and maps.
 *
 * The names of a text mostly come in the order of the table, so each is looked for from the one
 * behind the last one. */
#include "http/json.h"

#include <stdlib.h>

enum { WORD = 64 };

/* --- objects --- */

/* The name and the colon that stand here. A name with escapes is kept. */
static bool read_name(struct coil__json_reader *reader, struct coil__slice *ret_name,
                      bool *ret_has_nul)
{
    struct coil__json_string name;

    if (!coil__json_scan_string(reader, &name)) {
        return false;
    }
    *ret_name = (struct coil__slice){name.start, name.size};
    *ret_has_nul = name.has_nul;
    if (name.has_escapes) {
        ret_name->start = coil__json_keep(reader, &name, &ret_name->size);
        if (!ret_name->start) {
            return false;
        }
    }
    coil__json_blanks(reader);
    if (!coil__json_take(reader, ':')) {
        return coil__json_stop(reader, COIL_JSON_SYNTAX,
                               reader->next < reader->end ? "a colon was expected"
                                                          : "the text ends too early");
    }
    coil__json_blanks(reader);
    return true;
}

/* The field of that name; field_count: there is none. */
static size_t find(const struct coil_json_type *type, struct coil__slice name, size_t first)
{
    for (size_t i = 0; i < type->field_count; i++) {
        size_t at = first + i < type->field_count ? first + i : first + i - type->field_count;
        const char *known = coil__json_name(&type->fields[at]);

        if (name.size > 0 && known[0] != name.start[0]) {
            continue; /* most of them, and a text may have many names */
        }
        if (strncmp(known, name.start, name.size) == 0 && known[name.size] == '\0') {
            return at;
        }
    }
    return type->field_count;
}

struct object {
    const struct coil_json_type *type;
    void *value;
    size_t next; /* the field that is expected now */
    uint64_t seen[COIL__JSON_MOST_FIELDS / WORD];
};

static bool read_field(struct coil__json_reader *reader, struct object *object)
{
    const struct coil_json_type *type = object->type;
    struct coil__json_place here = {reader->place, {0}, 0};
    const char *at = reader->next;
    bool has_nul;
    size_t found;
    bool is_good;

    if (!read_name(reader, &here.name, &has_nul)) {
        return false;
    }
    found = has_nul ? type->field_count : find(type, here.name, object->next);
    reader->place = &here;
    if (found == type->field_count) {
        is_good = (type->allow_unknown ||
                   coil__json_wrong(reader, at, COIL_JSON_UNKNOWN_FIELD, "is not known")) &&
                  coil__json_skip(reader);
    } else if (object->seen[found / WORD] >> found % WORD & 1) {
        is_good = coil__json_wrong(reader, at, COIL_JSON_DUPLICATE, "comes twice") &&
                  coil__json_skip(reader);
    } else {
        object->seen[found / WORD] |= UINT64_C(1) << found % WORD;
        object->next = found + 1;
        is_good = coil__json_read_member(reader, &type->fields[found], object->value);
    }
    reader->place = here.parent;
    return is_good;
}

/* What has not come. at: where the object begins. */
static bool read_absent(struct coil__json_reader *reader, const struct object *object,
                        const char *at)
{
    for (size_t i = 0; i < object->type->field_count; i++) {
        const struct coil_json_field *field = &object->type->fields[i];
        struct coil__json_place here = {reader->place, coil__slice_of(coil__json_name(field)), 0};
        bool is_good = true;

        if (object->seen[i / WORD] >> i % WORD & 1) {
            continue;
        }
        reader->place = &here;
        if (field->required) {
            is_good = coil__json_wrong(reader, at, COIL_JSON_MISSING, "is required");
        } else if (field->default_value) {
            is_good = coil__json_read_default(reader, field, object->value);
        }
        reader->place = here.parent;
        if (!is_good) {
            return false;
        }
    }
    return true;
}

bool coil__json_read_object(struct coil__json_reader *reader, const struct coil_json_type *type,
                            void *value)
{
    struct object object = {.type = type, .value = value};
    size_t errors = reader->parsed->error_count;
    const char *at = reader->next;
    const char *trouble;

    if (!coil__json_enter(reader)) {
        return false;
    }
    if (coil__json_take(reader, '}')) {
        reader->depth--;
    } else {
        do {
            if (!read_field(reader, &object)) {
                return false;
            }
        } while (coil__json_goes_on(reader, '}'));
    }
    if (reader->rc < 0 || !read_absent(reader, &object, at)) {
        return false;
    }
    if (!type->check || reader->parsed->error_count > errors || reader->parsed->has_more_errors) {
        return true;
    }
    trouble = type->check(value);
    return !trouble || coil__json_wrong(reader, at, COIL_JSON_NOT_VALID, "%s", trouble);
}

/* --- arrays --- */

/* Grows by doubling, within the memory of the result. */
struct list {
    char *items;
    size_t count;
    size_t room;
    size_t item_size;
};

/* An all-zero item behind the last one; NULL: the reader has stopped. */
static void *add_item(struct coil__json_reader *reader, struct list *list)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 4;
        size_t size;
        char *items;

        if (__builtin_mul_overflow(room, list->item_size, &size)) {
            size = SIZE_MAX;
        }
        items = coil__json_allocate(reader, size, _Alignof(max_align_t));
        if (!items) {
            return NULL;
        }
        if (list->count > 0) {
            memcpy(items, list->items, list->count * list->item_size);
        }
        list->items = items;
        list->room = room;
    }
    return memset(list->items + list->count++ * list->item_size, 0, list->item_size);
}

static bool is_full(const struct coil_json_field *field, size_t count)
{
    return field->max_items > 0 && count >= field->max_items;
}

bool coil__json_read_items(struct coil__json_reader *reader, const struct coil_json_field *field,
                           void *ret_items, size_t *ret_count)
{
    struct coil__json_place here = {reader->place, {0}, 0};
    struct list list = {.item_size = field->item_size_};
    const char *at = reader->next;
    void *item;

    if (!coil__json_enter(reader)) {
        return false;
    }
    reader->place = &here;
    if (coil__json_take(reader, ']')) {
        reader->depth--;
    } else {
        do {
            if (is_full(field, list.count)) {
                if (!coil__json_skip(reader)) {
                    return false;
                }
            } else if (!(item = add_item(reader, &list)) ||
                       !coil__json_read_value(reader, field, item)) {
                return false;
            }
            here.index++;
        } while (coil__json_goes_on(reader, ']'));
    }
    reader->place = here.parent;
    if (reader->rc < 0) {
        return false;
    }
    memcpy(ret_items, &list.items, sizeof list.items);
    *ret_count = list.count;
    return coil__json_check_count(reader, field, at, here.index);
}

/* --- maps --- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names that come twice. Sorted apart: the map keeps the order of the text. */
static bool find_twins(struct coil__json_reader *reader, const char *at, const struct list *list)
{
    const struct coil_json_member *members = (const struct coil_json_member *)list->items;
    const char **names;

    if (list->count < 2) {
        return true;
    }
    names = coil__json_allocate(reader, list->count * sizeof *names, _Alignof(max_align_t));
    if (!names) {
        return false;
    }
    for (size_t i = 0; i < list->count; i++) {
        names[i] = members[i].name;
    }
    qsort(names, list->count, sizeof *names, by_name);
    for (size_t i = 1; i < list->count; i++) {
        struct coil__json_place here = {reader->place, coil__slice_of(names[i]), 0};
        bool is_good = true;

        if (strcmp(names[i - 1], names[i]) == 0) {
            reader->place = &here;
            is_good = coil__json_wrong(reader, at, COIL_JSON_DUPLICATE, "comes twice");
            reader->place = here.parent;
        }
        if (!is_good) {
            return false;
        }
    }
    return true;
}

static bool read_entry(struct coil__json_reader *reader, struct list *list)
{
    struct coil_json_member *member = add_item(reader, list);
    const char *at = reader->next;
    struct coil__json_string name;
    struct coil__json_string text = {0};

    if (!member || !coil__json_scan_string(reader, &name)) {
        return false;
    }
    member->name = coil__json_keep(reader, &name, NULL);
    if (!member->name) {
        return false;
    }
    if (name.has_nul &&
        !coil__json_wrong(reader, at, COIL_JSON_WRONG_FORMAT, "must not have a name with U+0000")) {
        return false;
    }
    coil__json_blanks(reader);
    if (!coil__json_take(reader, ':')) {
        return coil__json_stop(reader, COIL_JSON_SYNTAX, "a colon was expected");
    }
    coil__json_blanks(reader);
    text.start = reader->next;
    if (!coil__json_skip(reader)) {
        return false;
    }
    text.size = (size_t)(reader->next - text.start);
    member->value.text = coil__json_keep(reader, &text, &member->value.size);
    return member->value.text != NULL;
}

bool coil__json_read_map(struct coil__json_reader *reader, const struct coil_json_field *field,
                         struct coil_json_member **ret_members, size_t *ret_count)
{
    struct list list = {.item_size = sizeof **ret_members};
    const char *at = reader->next;

    if (!coil__json_enter(reader)) {
        return false;
    }
    if (coil__json_take(reader, '}')) {
        reader->depth--;
    } else {
        do {
            if (!read_entry(reader, &list)) {
                return false;
            }
        } while (coil__json_goes_on(reader, '}'));
    }
    if (reader->rc < 0 || !find_twins(reader, at, &list)) {
        return false;
    }
    *ret_members = (struct coil_json_member *)list.items;
    *ret_count = list.count;
    return coil__json_check_count(reader, field, at, list.count);
}
