/* test_json_table.c - tables: the types they lead to, and what is wrong with some. */
#include "json_note.h"
#include "json_told.h"

COIL_TEST(json_table_types)
{
    const struct coil_json_type *types[3] = {NULL};
    struct coil_json_type twin = note_type;
    size_t count = 0;

    CHECK_OK(coil_json_type_list(&note_type, types, 3, &count));
    CHECK_INT(count, ==, 2);
    CHECK(types[0] == &note_type && types[1] == &author_type);
    CHECK_OK(coil_json_type_list(&author_type, types, 3, &count));
    CHECK_INT(count, ==, 2);
    CHECK_ERR(coil_json_type_list(&twin, types, 3, &count), -EINVAL);
    count = 0;
    CHECK_ERR(coil_json_type_list(&note_type, types, 1, &count), -ENOSPC);
    CHECK_ERR(coil_json_type_list(NULL, types, 3, &count), -EINVAL);
    CHECK_ERR(coil_json_type_list(&note_type, NULL, 3, &count), -EINVAL);
    CHECK_ERR(coil_json_type_list(&note_type, types, 3, NULL), -EINVAL);
}

COIL_TEST(json_table_is_right)
{
    CHECK_OK(coil_json_type_check(&note_type, NULL));
    CHECK_ERR(coil_json_type_check(NULL, NULL), -EINVAL);
}

/* A copy of the table in which one field is another one. */
static void check_wrong(size_t index, struct coil_json_field changed)
{
    enum { FIELDS = sizeof note_fields / sizeof *note_fields };
    struct coil_json_field fields[FIELDS];
    struct coil_json_type type = COIL_JSON_TYPE("Note", struct note, fields);
    const char *name = NULL;

    memcpy(fields, note_fields, sizeof fields);
    /* That one would lead to the right table, which has the same name. */
    fields[FIELDS - 1].type_ = &type;
    CHECK_OK(coil_json_type_check(&type, &name));
    CHECK_PTR(name, ==, NULL);
    fields[index] = changed;
    CHECK_ERR(coil_json_type_check(&type, &name), -EINVAL);
    CHECK_STR(name, changed.name ? changed.name : changed.member_);
}

#define CHECK_WRONG(index, change)                                                                 \
    do {                                                                                           \
        struct coil_json_field field = note_fields[index];                                         \
        field.change;                                                                              \
        check_wrong(index, field);                                                                 \
    } while (0)

COIL_TEST(json_table_is_wrong)
{
    CHECK_WRONG(0, pattern = "a**");
    CHECK_WRONG(0, max_length = 0; field.min_length = 2; field.max_length = 1);
    CHECK_WRONG(0, format = (enum coil_json_format)99);
    CHECK_WRONG(3, min_items = 4);
    CHECK_WRONG(1, default_value = "6");
    CHECK_WRONG(1, default_value = "\"6\"");
    CHECK_WRONG(1, default_value = "5 5");
    CHECK_WRONG(1, default_value = "");
    CHECK_WRONG(6, default_value = "none");
    CHECK_WRONG(11, default_value = "now");
    CHECK_WRONG(4, default_value = "{}");
    CHECK_WRONG(21, default_value = "xx");
    CHECK_WRONG(6, name_count_ = 0);
    CHECK_WRONG(4, item_size_ = 1);
    CHECK_WRONG(1, offset_ = sizeof(struct note) - 7);
    CHECK_WRONG(1, item_size_ = 3);
    CHECK_WRONG(1, item_size_ = 16);
    CHECK_WRONG(1, name = "title");
    CHECK_WRONG(7, has_offset_ = sizeof(struct note) + 1);
}

/* Parsing sees what of a wrong table would hurt. */
COIL_TEST(json_table_wrong_in_use)
{
    struct note note;
    struct coil_json_field field = note_fields[4];
    struct coil_json_type type = {"T", &field, 1, sizeof(struct note), NULL, false, NULL};
    struct coil_json_buffer buffer = {0};

    memset(&note, 0, sizeof note);
    field.item_size_ = 1;
    CHECK_ERR(parse_text(&type, "{\"author\":{}}", &note), -EINVAL);
    field.type_ = NULL;
    CHECK_ERR(parse_text(&type, "{\"author\":{}}", &note), -EINVAL);
    CHECK_ERR(coil_json_write(&type, &note, &buffer), -EINVAL);
    field = note_fields[0];
    field.pattern = "(";
    CHECK_ERR(parse_text(&type, "{\"title\":\"x\"}", &note), -EINVAL);
    field = note_fields[1];
    field.default_value = "x";
    CHECK_ERR(parse_text(&type, "{}", &note), -EINVAL);
    field = note_fields[1];
    field.kind_ = (enum coil_json_kind)99;
    CHECK_ERR(parse_text(&type, "{\"stars\":1}", &note), -EINVAL);
    CHECK_ERR(coil_json_write(&type, &note, &buffer), -EINVAL);
    type.field_count = 257;
    CHECK_ERR(parse_text(&type, "{}", &note), -EINVAL);
    type.field_count = 1;
    type.fields = NULL;
    CHECK_ERR(parse_text(&type, "{}", &note), -EINVAL);
    coil_json_parsed_deinit(&parsed);
    coil_json_buffer_deinit(&buffer);
}

/* More fields than one word of bits has. */
COIL_TEST(json_table_many_fields)
{
    enum { MANY = 256 };
    static char names[MANY][16];
    static struct coil_json_field fields[MANY];
    static int64_t values[MANY];
    struct coil_json_type type = {"Many", fields, MANY, sizeof values, NULL, false, NULL};
    char text[8192] = "{";
    size_t length = 1;

    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "f%d", i);
        fields[i] = note_fields[8]; /* an integer */
        fields[i].name = names[i];
        fields[i].offset_ = (size_t)i * sizeof *values;
        fields[i].required = true;
    }
    for (int i = MANY - 1; i >= 0; i--) {
        length += (size_t)snprintf(text + length, sizeof text - length, "\"f%d\":%d%s", i, i,
                                   i > 0 ? "," : "}");
    }
    CHECK_OK(coil_json_type_check(&type, NULL));
    CHECK_OK(parse_text(&type, text, values));
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(values[i], ==, i);
    }
    text[length - 1] = ',';
    snprintf(text + length, sizeof text - length, "\"f200\":1}");
    CHECK_TOLD(&type, text, values, "f200:duplicate");
    coil_json_parsed_deinit(&parsed);
}
