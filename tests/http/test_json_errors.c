/* test_json_errors.c - what is wrong with a document: all of it, with its place and reason. */
#include "json_note.h"
#include "json_told.h"

#include "fault.h"

COIL_TEST(json_errors_all_at_once)
{
    struct note note;

    memset(&note, 0x5a, sizeof note);
    CHECK_TOLD(&note_type,
               "{\"stars\":6,\"done\":1,\"tags\":[\"a\",2,\"123456789\"],"
               "\"author\":{\"email\":\"x\",\"age\":-1,\"shoe\":1},\"editor\":{\"age\":1.5},"
               "\"state\":\"old\",\"weight\":1001,\"tiny\":128,\"byte\":-1,\"created\":\"now\","
               "\"readers\":[{},null],\"numbers\":[-3,2147483648],\"doubles\":[],\"unknown\":{},"
               "\"stars\":1}",
               &note,
               "stars:range done:type tags[1]:type tags[2]:length author.email:format "
               "author.age:range author.shoe:unknown_field editor.age:type editor.email:missing "
               "state:enum weight:range tiny:range byte:range created:format "
               "readers[0].email:missing readers[1]:type numbers[0]:range numbers[1]:range "
               "doubles:length unknown:unknown_field");
    CHECK(parsed.has_more_errors);
    CHECK_INT(coil_json_errors_status(&parsed), ==, 422);
    for (size_t i = 0; i < sizeof note; i++) {
        CHECK_INT(((unsigned char *)&note)[i], ==, 0x5a);
    }
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_errors_sentences)
{
    struct note note;

    CHECK_SAYS(&note_type, "{}", &note, "is required");
    CHECK_SAYS(&note_type, "{\"title\":null}", &note, "must be a string, not null");
    CHECK_SAYS(&note_type, "{\"title\":true}", &note, "must be a string, not a boolean");
    CHECK_SAYS(&note_type, "{\"title\":\"\"}", &note, "must have 1 to 20 characters");
    CHECK_SAYS(&note_type, "{\"title\":\"123456789012345678901\"}", &note,
               "must have 1 to 20 characters");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"stars\":\"5\"}", &note,
               "must be an integer, not a string");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"stars\":5.5}", &note,
               "must be an integer, not a fraction");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"stars\":-1}", &note, "must be from 0 to 5");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"done\":0}", &note,
               "must be true or false, not a number");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"tags\":{}}", &note,
               "must be an array, not an object");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"tags\":[1]}", &note,
               "must be a string, not a number");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"tags\":[[]]}", &note,
               "must be a string, not an array");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"tags\":[\"\",\"\",\"\",\"\"]}", &note,
               "must have at most 3 items");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"tags\":[\"123456789\"]}", &note,
               "must have at most 8 characters");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"doubles\":[]}", &note, "must have at least 1 item");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"author\":[]}", &note,
               "must be an object, not an array");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"state\":\"old\"}", &note,
               "is none of the allowed values");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"weight\":1000.5}", &note, "must be at most 1000");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"weight\":\"\"}", &note,
               "must be a number, not a string");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"tiny\":-129}", &note, "must be from -128 to 127");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"numbers\":[-3]}", &note, "must be at least -2");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"numbers\":[3000000000]}", &note,
               "must be from -2 to 2147483647");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"the code\":\"de-\"}", &note,
               "must match ^[a-z]{2}-\\d+$");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"created\":\"x\"}", &note,
               "must be a date and time, as 2024-02-29T12:30:00Z");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"created\":\"9999-01-01T00:00:00Z\"}", &note,
               "must be a time of the years 1678 to 2261");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"title\":\"y\"}", &note, "comes twice");
    CHECK_SAYS(&note_type, "{\"title\":\"x\",\"none\":\"y\"}", &note, "is not known");
    CHECK_SAYS(&note_type, "[]", &note, "must be an object, not an array");
    coil_json_parsed_deinit(&parsed);
}

/* Characters are code points, not bytes. */
COIL_TEST(json_errors_length_in_characters)
{
    struct note note;

    CHECK_OK(parse_text(&note_type,
                        "{\"title\":\"x\",\"tags\":[\"\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e"
                        "\\ud834\\udd1e1234\"]}",
                        &note));
    CHECK_TOLD(&note_type, "{\"title\":\"x\",\"tags\":[\"\\ud834\\udd1e12345678\"]}", &note,
               "tags[0]:length");
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_errors_places)
{
    struct note note;

    CHECK_ERR(parse_text(&note_type, "{\n  \"title\": 1,\n\n \"stars\": 9\n}", &note), -EBADMSG);
    CHECK_INT(parsed.error_count, ==, 2);
    CHECK_INT(parsed.errors[0].line, ==, 2);
    CHECK_INT(parsed.errors[0].column, ==, 12);
    CHECK_INT(parsed.errors[0].offset, ==, 13);
    CHECK_INT(parsed.errors[1].line, ==, 4);
    CHECK_INT(parsed.errors[1].column, ==, 11);
    /* What is missing is told at the object that has not got it, which lies before. */
    CHECK_ERR(parse_text(&note_type, "\n{\n\"stars\":9}", &note), -EBADMSG);
    CHECK_STR(told(), "stars:range title:missing");
    CHECK_INT(parsed.errors[1].line, ==, 2);
    CHECK_INT(parsed.errors[1].column, ==, 1);
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_errors_long_names)
{
    static const char name[] = "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4";
    struct coil_json_buffer buffer = {0};
    struct note note;
    char text[1000];

    snprintf(text, sizeof text, "{\"title\":\"x\",\"a%s%s%s%s%s%s\":1}", name, name, name, name,
             name, name);
    CHECK_ERR(parse_text(&note_type, text, &note), -EBADMSG);
    CHECK_INT(strlen(parsed.errors[0].field), ==, 63); /* between two characters */
    CHECK_OK(coil_json_errors_write(&parsed, &buffer));
    /* A path that is too long loses its beginning. */
    snprintf(text, sizeof text,
             "{\"parent\":{\"parent\":{\"parent\":{\"parent\":{\"parent\":{\"parent\":{"
             "\"%060d\":0}}}}}}}",
             0);
    CHECK_ERR(parse_text(&note_type, text, &note), -EBADMSG);
    CHECK_CONTAINS(parsed.errors[0].field, "parent.parent.parent.parent.parent.parent.0000");
    coil_json_buffer_deinit(&buffer);
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_errors_bound)
{
    struct coil_json_options options = {.max_errors = 2};
    struct note note;

    CHECK_ERR(parse_bytes(&note_type, "{\"a\":1,\"b\":1,\"c\":1,\"d\":1}", 25, &options, &note),
              -EBADMSG);
    CHECK_STR(told(), "a:unknown_field b:unknown_field");
    CHECK(parsed.has_more_errors);
    /* A text that is no JSON: nothing else is told. */
    CHECK_ERR(parse_bytes(&note_type, "{\"a\":1,\"b\":1,\"c\":1,\"d\":1", 24, &options, &note),
              -EBADMSG);
    CHECK_STR(told(), ":syntax");
    CHECK(!parsed.has_more_errors);
    coil_json_parsed_deinit(&parsed);
}

static const char *document(void)
{
    static char text[2000];
    struct coil_json_buffer buffer = {0};

    CHECK_OK(coil_json_errors_write(&parsed, &buffer));
    snprintf(text, sizeof text, "%.*s", (int)buffer.size, buffer.data);
    coil_json_buffer_deinit(&buffer);
    return text;
}

/* RFC 9457. */
COIL_TEST(json_errors_document)
{
    struct coil_json_options options = {.max_size = 1, .max_errors = 1};
    struct coil_json_buffer buffer = {0};
    struct note note;

    CHECK_ERR(parse_text(&note_type, "{\"stars\":9}", &note), -EBADMSG);
    CHECK_STR(document(),
              "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
              "\"detail\":\"The document has 2 errors.\",\"errors\":["
              "{\"field\":\"stars\",\"code\":\"range\",\"message\":\"must be from 0 to 5\"},"
              "{\"field\":\"title\",\"code\":\"missing\",\"message\":\"is required\"}]}");
    CHECK_ERR(parse_text(&note_type, "{\n\"stars\":", &note), -EBADMSG);
    CHECK_STR(document(), "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                          "\"detail\":\"The document cannot be read: the text ends too early.\","
                          "\"errors\":[{\"field\":\"\",\"code\":\"syntax\",\"message\":"
                          "\"the text ends too early\",\"line\":2,\"column\":9,\"offset\":10}]}");
    CHECK_ERR(parse_bytes(&note_type, "{}", 2, &options, &note), -EBADMSG);
    CHECK_CONTAINS(document(), "\"title\":\"Content Too Large\",\"status\":413,");
    options.max_size = 0;
    CHECK_ERR(parse_bytes(&note_type, "{\"a\\\"\":1}", 9, &options, &note), -EBADMSG);
    CHECK_CONTAINS(document(), "\"The document has more than 1 error.\"");
    CHECK_CONTAINS(document(), "{\"field\":\"a\\\"\",");
    CHECK_OK(parse_text(&note_type, "{\"title\":\"x\"}", &note));
    CHECK_INT(coil_json_errors_status(&parsed), ==, 200);
    CHECK_INT(coil_json_errors_status(NULL), ==, 200);
    CHECK_ERR(coil_json_errors_write(&parsed, &buffer), -EINVAL);
    CHECK_ERR(coil_json_errors_write(NULL, &buffer), -EINVAL);
    CHECK_ERR(coil_json_errors_write(&parsed, NULL), -EINVAL);
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_errors_document_without_memory)
{
    struct coil_json_buffer buffer = {0};
    struct note note;

    CHECK_ERR(parse_text(&note_type, "{}", &note), -EBADMSG);
    fault_alloc_at(1);
    CHECK_ERR(coil_json_errors_write(&parsed, &buffer), -ENOMEM);
    fault_off();
    CHECK_INT(buffer.size, ==, 0);
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_errors_code_names)
{
    CHECK_STR(coil_json_code_name(COIL_JSON_MISSING), "missing");
    CHECK_STR(coil_json_code_name(COIL_JSON_NOT_VALID), "invalid");
    CHECK_STR(coil_json_code_name(COIL_JSON_TOO_LARGE), "size");
    CHECK_STR(coil_json_code_name((enum coil_json_code)0), "");
    CHECK_STR(coil_json_code_name((enum coil_json_code)99), "");
    CHECK_STR(coil_json_code_name((enum coil_json_code) - 1), "");
}

#define EUROS                                                                                      \
    "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82" \
    "\xAC"
#define LONG EUROS EUROS EUROS EUROS EUROS EUROS EUROS EUROS

struct word {
    char *text;
};

/* A message that is too long ends between two characters: the document is UTF-8 (RFC 8259,
 * section 8.1). */
COIL_TEST(json_errors_of_long_patterns)
{
    static const char *const patterns[] = {"^" LONG, "^a" LONG, "^aa" LONG};
    struct coil_json_buffer buffer = {0};
    struct word word;

    for (size_t i = 0; i < 3; i++) {
        const struct coil_json_field fields[] = {
            COIL_JSON_STRING(struct word, text, .pattern = patterns[i])};
        const struct coil_json_type type = COIL_JSON_TYPE("Word", struct word, fields);

        CHECK_TOLD(&type, "{\"text\":\"x\"}", &word, "text:pattern");
        CHECK(strlen(parsed.errors[0].message) > 100);
        CHECK_OK(coil_json_errors_write(&parsed, &buffer));
    }
    coil_json_buffer_deinit(&buffer);
    coil_json_parsed_deinit(&parsed);
}

struct span {
    int first;
    int last;
};

static const char *check_span(const void *value)
{
    const struct span *span = value;

    return span->first <= span->last ? NULL : "first must not be greater than last";
}

COIL_TEST(json_errors_check)
{
    static const struct coil_json_field fields[] = {
        COIL_JSON_INT(struct span, first, .required = true),
        COIL_JSON_INT(struct span, last, .required = true),
    };
    static const struct coil_json_type type =
        COIL_JSON_TYPE("Span", struct span, fields, .check = check_span, .allow_unknown = true);
    struct span span;

    CHECK_OK(parse_text(&type, "{\"first\":1,\"last\":2,\"more\":[{}],\"more\":3}", &span));
    CHECK_TOLD(&type, "{\"first\":1,\"last\":0}", &span, ":invalid");
    CHECK_STR(parsed.errors[0].message, "first must not be greater than last");
    CHECK_TOLD(&type, "{\"first\":1}", &span, "last:missing"); /* and it was not called */
    coil_json_parsed_deinit(&parsed);
}
