/* test_json_schema.c - a table as JSON Schema 2020-12. That a validator takes it and agrees is
 * looked at in tests/examples/test_json.py. */
#include "json_note.h"
#include "json_told.h"

static const char *schema_of(const struct coil_json_type *type)
{
    static char text[8192];
    struct coil_json_buffer buffer = {0};

    CHECK_OK(coil_json_schema_write(type, &buffer));
    CHECK_INT(buffer.size, <, sizeof text);
    memcpy(text, buffer.data, buffer.size);
    text[buffer.size] = '\0';
    coil_json_buffer_deinit(&buffer);
    return text;
}

COIL_TEST(json_schema_author)
{
    CHECK_STR(schema_of(&author_type),
              "{\"title\":\"Author\",\"description\":\"Who wrote it\",\"type\":\"object\","
              "\"properties\":{\"email\":{\"type\":\"string\",\"format\":\"email\"},"
              "\"homepage\":{\"type\":[\"string\",\"null\"],\"format\":\"uri\"},"
              "\"age\":{\"type\":\"integer\",\"format\":\"int32\",\"minimum\":0}},"
              "\"required\":[\"email\"],\"additionalProperties\":false}");
}

COIL_TEST(json_schema_fields)
{
    const char *text = schema_of(&note_type);

    CHECK_CONTAINS(text, "\"title\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":20}");
    CHECK_CONTAINS(text, "\"stars\":{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":0,"
                         "\"maximum\":5,\"default\":3}");
    CHECK_CONTAINS(text, "\"done\":{\"type\":\"boolean\"}");
    CHECK_CONTAINS(text, "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\","
                         "\"maxLength\":8},\"maxItems\":3}");
    CHECK_CONTAINS(text, "\"author\":{\"$ref\":\"#/components/schemas/Author\","
                         "\"default\":{\"email\":\"a@b.c\"}}");
    CHECK_CONTAINS(text, "\"editor\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/Author\"},"
                         "{\"type\":\"null\"}]}");
    CHECK_CONTAINS(text, "\"state\":{\"type\":\"string\",\"enum\":[\"draft\",\"published\","
                         "\"gone\"],\"default\":\"published\"}");
    CHECK_CONTAINS(text, "\"weight\":{\"type\":[\"number\",\"null\"],\"format\":\"double\","
                         "\"maximum\":1000}");
    CHECK_CONTAINS(text, "\"big\":{\"type\":\"integer\",\"format\":\"uint64\",\"minimum\":0}");
    CHECK_CONTAINS(text, "\"tiny\":{\"type\":\"integer\",\"format\":\"int8\"}");
    CHECK_CONTAINS(text, "\"created\":{\"type\":\"string\",\"format\":\"date-time\","
                         "\"description\":\"When\"}");
    CHECK_CONTAINS(text, "\"extra\":{}");
    CHECK_CONTAINS(text, "\"labels\":{\"type\":\"object\",\"maxProperties\":4}");
    CHECK_CONTAINS(text, "\"readers\":{\"type\":\"array\",\"items\":{\"$ref\":");
    CHECK_CONTAINS(text, "\"doubles\":{\"type\":\"array\",\"items\":{\"type\":\"number\","
                         "\"format\":\"double\"},\"minItems\":1}");
    CHECK_CONTAINS(text, "\"the code\":{\"type\":\"string\",\"pattern\":\"^[a-z]{2}-\\\\d+$\"}");
    CHECK_CONTAINS(text, "\"required\":[\"title\"],\"additionalProperties\":false}");
}

COIL_TEST(json_schema_options)
{
    struct odd {
        enum state state;
        double real;
        uint16_t count;
        int *list;
        size_t list_count;
    };
    static const struct coil_json_field fields[] = {
        COIL_JSON_ENUM(struct odd, state, state_names, .nullable = true),
        COIL_JSON_DOUBLE(struct odd, real, COIL_JSON_RANGE(-0.5, 2)),
        COIL_JSON_INT(struct odd, count, COIL_JSON_MIN(-7)),
        COIL_JSON_ARRAY_OF_INTS(struct odd, list, list_count, .nullable = true,
                                .default_value = "[1]"),
    };
    static const struct coil_json_type type =
        COIL_JSON_TYPE("Odd", struct odd, fields, .allow_unknown = true);
    struct odd odd;

    CHECK_OK(coil_json_type_check(&type, NULL));
    CHECK_STR(
        schema_of(&type),
        "{\"title\":\"Odd\",\"type\":\"object\",\"properties\":{"
        "\"state\":{\"type\":[\"string\",\"null\"],\"enum\":[\"draft\",\"published\",\"gone\","
        "null]},\"real\":{\"type\":\"number\",\"format\":\"double\",\"minimum\":-0.5,"
        "\"maximum\":2},\"count\":{\"type\":\"integer\",\"format\":\"uint16\",\"minimum\":0},"
        "\"list\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"integer\","
        "\"format\":\"int32\"},\"default\":[1]}}}");
    CHECK_SAYS(&type, "{\"real\":-1}", &odd, "must be from -0.5 to 2");
    CHECK_SAYS(&type, "{\"count\":-1}", &odd, "must be at least 0");
    CHECK_SAYS(&type, "{\"count\":65536}", &odd, "must be from 0 to 65535");
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_schema_misuse)
{
    struct coil_json_buffer buffer = {0};
    struct coil_json_type nameless = author_type;
    struct coil_json_field field = note_fields[4];
    struct coil_json_type type = {"T", &field, 1, sizeof(struct note), NULL, false, NULL};

    CHECK_ERR(coil_json_schema_write(NULL, &buffer), -EINVAL);
    CHECK_ERR(coil_json_schema_write(&note_type, NULL), -EINVAL);
    nameless.name = NULL;
    field.type_ = &nameless;
    CHECK_ERR(coil_json_schema_write(&type, &buffer), -EINVAL);
    field.type_ = NULL;
    CHECK_ERR(coil_json_schema_write(&type, &buffer), -EINVAL);
    CHECK_INT(buffer.size, ==, 0);
    coil_json_buffer_deinit(&buffer);
}
