/* test_json_parse.c - what stands in a text, in the struct. RFC 8259. */
#include "json_note.h"
#include "json_told.h"

#include "fault.h"

#include <math.h>

struct small {
    char *text;
    int64_t whole;
    uint64_t natural;
    double real;
    struct coil_json_raw raw;
};

static const struct coil_json_field small_fields[] = {
    COIL_JSON_STRING(struct small, text), COIL_JSON_INT(struct small, whole),
    COIL_JSON_INT(struct small, natural), COIL_JSON_DOUBLE(struct small, real),
    COIL_JSON_RAW(struct small, raw),
};

static const struct coil_json_type small_type = COIL_JSON_TYPE("Small", struct small, small_fields);

COIL_TEST(json_parse_everything)
{
    static const char text[] =
        "{\"title\":\"A note\",\"stars\":5,\"done\":true,\"tags\":[\"a\",\"\",\"c\\n\"],"
        "\"author\":{\"email\":\"ann@example.com\",\"homepage\":\"http://x\",\"age\":41},"
        "\"editor\":{\"email\":\"bob@example.com\",\"homepage\":null},\"state\":\"gone\","
        "\"weight\":-2.5e-3,\"big\":18446744073709551615,\"tiny\":-128,\"byte\":255,"
        "\"created\":\"2024-02-29T12:30:00.25+01:00\",\"extra\": {\"a\" : [1, null]} ,"
        "\"labels\":{\"x\":1,\"y\":\"\\u00e4\"},"
        "\"readers\":[{\"email\":\"c@d.e\"},{\"email\":\"f@g.h\",\"age\":7}],"
        "\"numbers\":[1,-2,1e2],\"doubles\":[0.1,1e300],\"flags\":[true,false],"
        "\"states\":[\"draft\",\"published\"],\"times\":[\"1970-01-01T00:00:00Z\"],"
        "\"raws\":[null,\"x\"],\"the code\":\"de-42\",\"parent\":{\"title\":\"p\"}}";
    struct note note;

    CHECK_OK(parse_text(&note_type, text, &note));
    CHECK_STR(note.title, "A note");
    CHECK_INT(note.stars, ==, 5);
    CHECK(note.done);
    CHECK_INT(note.tag_count, ==, 3);
    CHECK_STR(note.tags[1], "");
    CHECK_STR(note.tags[2], "c\n");
    CHECK_STR(note.author.homepage, "http://x");
    CHECK_INT(note.author.age, ==, 41);
    CHECK_STR(note.editor->email, "bob@example.com");
    CHECK_PTR(note.editor->homepage, ==, NULL);
    CHECK_INT(note.state, ==, GONE_);
    CHECK(note.has_weight && note.weight == -2.5e-3);
    CHECK(note.big == UINT64_MAX);
    CHECK_INT(note.tiny, ==, -128);
    CHECK_INT(note.byte, ==, 255);
    CHECK_INT(note.created, ==, INT64_C(1709206200250000000));
    CHECK_STR(note.extra.text, "{\"a\" : [1, null]}");
    CHECK_INT(note.extra.size, ==, 17);
    CHECK_INT(note.label_count, ==, 2);
    CHECK_STR(note.labels[1].name, "y");
    CHECK_STR(note.labels[1].value.text, "\"\\u00e4\"");
    CHECK_INT(note.reader_count, ==, 2);
    CHECK_INT(note.readers[1].age, ==, 7);
    CHECK_INT(note.number_count, ==, 3);
    CHECK_INT(note.numbers[2], ==, 100);
    CHECK(note.double_count == 2 && note.doubles[0] == 0.1 && note.doubles[1] == 1e300);
    CHECK(note.flag_count == 2 && note.flags[0] && !note.flags[1]);
    CHECK(note.state_count == 2 && note.states[1] == PUBLISHED);
    CHECK(note.time_count == 1 && note.times[0] == 0);
    CHECK(note.raw_count == 2);
    CHECK_STR(note.raws[0].text, "null");
    CHECK_STR(note.code, "de-42");
    CHECK_STR(note.parent->title, "p");
    CHECK_INT(note.parent->stars, ==, 3);
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_parse_absent)
{
    struct note note;

    memset(&note, 0xff, sizeof note);
    CHECK_OK(parse_text(&note_type, " {\t\"title\"\r\n: \"x\"} ", &note));
    CHECK_INT(note.stars, ==, 3);
    CHECK(!note.done && !note.tags && note.tag_count == 0 && !note.editor && !note.parent);
    CHECK_STR(note.author.email, "a@b.c");
    CHECK_INT(note.state, ==, PUBLISHED);
    CHECK(!note.has_weight && note.weight == 0 && !note.extra.text && !note.code);
    CHECK_OK(parse_text(&note_type, "{\"title\":\"x\",\"weight\":null,\"editor\":null}", &note));
    CHECK(!note.has_weight && !note.editor);
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_parse_has_default)
{
    struct with {
        int number;
        bool has_number;
    } with;
    static const struct coil_json_field fields[] = {
        COIL_JSON_INT(struct with, number, COIL_JSON_HAS(struct with, has_number),
                      .default_value = "4"),
    };
    static const struct coil_json_type type = COIL_JSON_TYPE("With", struct with, fields);

    CHECK_OK(parse_text(&type, "{}", &with));
    CHECK(with.has_number && with.number == 4);
    coil_json_parsed_deinit(&parsed);
}

/* RFC 8259, section 7. */
COIL_TEST(json_parse_strings)
{
    static const struct {
        const char *text;
        const char *meaning;
    } cases[] = {
        {"", ""},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e4\\u20ac", "A\xc3\xa4\xe2\x82\xac"},
        {"\\uD834\\uDD1E", "\xf0\x9d\x84\x9e"},
        {"\\ud83d\\uDE00!", "\xf0\x9f\x98\x80!"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e", "\xc3\xa4\xe2\x82\xac\xf0\x9d\x84\x9e"},
        {"\x7f", "\x7f"},
        {"\\uffff", "\xef\xbf\xbf"},
    };
    struct small small;
    char text[100];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "{\"text\":\"%s\"}", cases[i].text);
        CHECK_OK(parse_text(&small_type, text, &small));
        CHECK_STR(small.text, cases[i].meaning);
    }
    CHECK_OK(parse_text(&small_type, "{\"te\\u0078t\":\"x\"}", &small));
    CHECK_STR(small.text, "x");
    CHECK_TOLD(&small_type, "{\"text\":\"a\\u0000b\"}", &small, "text:format");
    CHECK_TOLD(&small_type, "{\"text\\u0000\":\"a\"}", &small, "text:unknown_field");
    CHECK_TOLD(&small_type, "{\"\":\"a\"}", &small, ":unknown_field");
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_parse_integers)
{
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"1.0", 1},
        {"12.50e1", 125},
        {"1e3", 1000},
        {"1E+2", 100},
        {"500e-2", 5},
        {"0e99999999999999999999", 0},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9223372036854775.807e3", INT64_MAX},
        {"2.000000000000000000000000000000", 2},
    };
    struct small small;
    char text[100];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "{\"whole\":%s}", cases[i].text);
        CHECK_OK(parse_text(&small_type, text, &small));
        CHECK_INT(small.whole, ==, cases[i].value);
    }
    CHECK_TOLD(&small_type, "{\"whole\":9223372036854775808}", &small, "whole:range");
    CHECK_TOLD(&small_type, "{\"whole\":-9223372036854775809}", &small, "whole:range");
    CHECK_TOLD(&small_type, "{\"whole\":1e19}", &small, "whole:range");
    CHECK_TOLD(&small_type, "{\"whole\":99999999999999999999999}", &small, "whole:range");
    CHECK_TOLD(&small_type, "{\"whole\":1e99999999999999999999}", &small, "whole:range");
    CHECK_TOLD(&small_type, "{\"whole\":1.5}", &small, "whole:type");
    CHECK_TOLD(&small_type, "{\"whole\":1.0000000000000000000000001}", &small, "whole:type");
    CHECK_TOLD(&small_type, "{\"whole\":1e-1}", &small, "whole:type");
    CHECK_TOLD(&small_type, "{\"whole\":1e-99999999999999999999}", &small, "whole:type");
    CHECK_OK(parse_text(&small_type, "{\"natural\":18446744073709551615}", &small));
    CHECK(small.natural == UINT64_MAX);
    CHECK_TOLD(&small_type, "{\"natural\":18446744073709551616}", &small, "natural:range");
    CHECK_SAYS(&small_type, "{\"natural\":-1}", &small, "must be from 0 to 18446744073709551615");
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_parse_doubles)
{
    static const char *const cases[] = {
        "0",
        "-0.0",
        "0.1",
        "1e22",
        "1e23",
        "123456789012345678901234567890",
        "9007199254740993",
        "1.7976931348623157e308",
        "5e-324",
        "2.2250738585072011e-308",
        "1e-400",
        "3.141592653589793238462643383279502884197169399375105820974944592307816406286",
        "0.000000000000000000000000000000000000000000000000000000000000000000000000012345",
    };
    struct small small;
    char text[200];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double expected = strtod(cases[i], NULL);

        snprintf(text, sizeof text, "{\"real\":%s}", cases[i]);
        CHECK_OK(parse_text(&small_type, text, &small));
        CHECK_MEM(&small.real, &expected, sizeof expected);
    }
    CHECK_TOLD(&small_type, "{\"real\":1e309}", &small, "real:range");
    CHECK_TOLD(&small_type, "{\"real\":-1e999999999999}", &small, "real:range");
    coil_json_parsed_deinit(&parsed);
}

static void check_syntax(const char *text, size_t size, const char *message, size_t offset)
{
    struct small small;

    CHECK_ERR(parse_bytes(&small_type, text, size, NULL, &small), -EBADMSG);
    CHECK_STR(told(), ":syntax");
    CHECK_STR(parsed.errors[0].message, message);
    CHECK_INT(parsed.errors[0].offset, ==, offset);
    CHECK_INT(coil_json_errors_status(&parsed), ==, 400);
}

COIL_TEST(json_parse_syntax)
{
    static const struct {
        const char *text;
        const char *message;
        size_t offset;
    } cases[] = {
        {"", "the text ends too early", 0},
        {" ", "the text ends too early", 1},
        {"{", "the text ends too early", 1},
        {"{\"text\"", "the text ends too early", 7},
        {"{\"text\":", "the text ends too early", 8},
        {"{\"text\":\"", "the text ends too early", 9},
        {"{\"text\":\"x\"", "the text ends too early", 11},
        {"{\"text\":\"x\"]", "a comma or '}' was expected", 11},
        {"{\"raw\":[1}", "a comma or ']' was expected", 9},
        {"{\"text\":\"x\",}", "a string was expected", 12},
        {"{\"raw\":[1,]}", "a value was expected", 10},
        {"{\"raw\":[,1]}", "a value was expected", 8},
        {"{\"raw\":{\"a\":1,}}", "a string was expected", 14},
        {"{\"raw\":{\"a\" 1}}", "a colon was expected", 12},
        {"{\"raw\":{1:1}}", "a string was expected", 8},
        {"{text:\"x\"}", "a string was expected", 1},
        {"{'text':1}", "a string was expected", 1},
        {"{\"text\" \"x\"}", "a colon was expected", 8},
        {"{\"text\":\"x\"} {", "something follows the value", 13},
        {"{\"raw\":01}", "a zero before a number", 8},
        {"{\"raw\":-}", "a digit was expected", 8},
        {"{\"raw\":+1}", "a value was expected", 7},
        {"{\"raw\":.5}", "a value was expected", 7},
        {"{\"raw\":1.}", "a digit was expected", 9},
        {"{\"raw\":1e}", "a digit was expected", 9},
        {"{\"raw\":1e+}", "a digit was expected", 10},
        {"{\"raw\":NaN}", "a value was expected", 7},
        {"{\"raw\":Infinity}", "a value was expected", 7},
        {"{\"raw\":truE}", "a value was expected", 7},
        {"{\"raw\":nul", "a value was expected", 7},
        {"{\"raw\":0x1}", "a comma or '}' was expected", 8},
        {"{\"raw\":/**/1}", "a value was expected", 7},
        {"\xef\xbb\xbf{}", "a value was expected", 0}, /* section 8.1: no byte order mark */
        {"{\"text\":\"\n\"}", "a control character in a string", 9},
        {"{\"text\":\"\\x\"}", "no such escape", 9},
        {"{\"text\":\"\\u12g4\"}", "no such escape", 9},
        {"{\"text\":\"\\u12", "no such escape", 9},
        {"{\"text\":\"\\ud800\"}", "no such escape", 9},
        {"{\"text\":\"\\udc00\\ud800\"}", "no such escape", 9},
        {"{\"text\":\"\\ud800\\u0041\"}", "no such escape", 9},
        {"{\"text\":\"\xff\"}", "bytes that are no UTF-8", 9},
        {"{\"text\":\"\xc0\xaf\"}", "bytes that are no UTF-8", 9},
        {"{\"text\":\"\xed\xa0\x80\"}", "bytes that are no UTF-8", 9},
        {"{\"text\":\"\xf4\x90\x80\x80\"}", "bytes that are no UTF-8", 9},
        {"{\"text\":\"\xe2\x82", "bytes that are no UTF-8", 9},
        {"{\"text\":\"x\",\"whole\":\"y\"", "the text ends too early", 23},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_syntax(cases[i].text, strlen(cases[i].text), cases[i].message, cases[i].offset);
    }
    check_syntax("{}\0", 3, "something follows the value", 2);
    check_syntax("{\"text\":\"a\0b\"}", 14, "a control character in a string", 10);
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_parse_depth)
{
    struct coil_json_options options = {.max_depth = 4};
    char text[600] = "{\"raw\":";
    struct small small;
    struct note note;

    CHECK_ERR(parse_bytes(&small_type, "{\"raw\":[[[]]]}", 14, &options, &small), 0);
    CHECK_ERR(parse_bytes(&small_type, "{\"raw\":[[{\"\":{}}]]}", 19, &options, &small), -EBADMSG);
    CHECK_STR(told(), ":depth");
    CHECK_INT(coil_json_errors_status(&parsed), ==, 400);
    CHECK_ERR(parse_bytes(&small_type, "{\"x\":[[[[", 9, &options, &small), -EBADMSG);
    CHECK_STR(told(), ":depth");
    options.max_depth = 129;
    CHECK_ERR(parse_bytes(&small_type, "{}", 2, &options, &small), -EINVAL);
    options.max_depth = 128;
    memset(text + 7, '[', 127);
    memset(text + 134, ']', 127);
    text[261] = '}';
    CHECK_ERR(parse_bytes(&small_type, text, 262, &options, &small), 0);
    text[134] = '[';
    CHECK_ERR(parse_bytes(&small_type, text, 262, &options, &small), -EBADMSG);
    /* A type that points to itself. */
    options.max_depth = 2;
    CHECK_ERR(parse_bytes(&note_type, "{\"title\":\"1\",\"parent\":{\"title\":\"2\"}}", 36,
                          &options, &note),
              0);
    CHECK_ERR(parse_bytes(&note_type, "{\"parent\":{\"parent\":{", 21, &options, &note), -EBADMSG);
    CHECK_STR(told(), ":depth");
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_parse_bounds)
{
    struct coil_json_options options = {.max_size = 20};
    struct note note;
    char *text = malloc(60000);
    size_t length;

    CHECK(text != NULL);
    CHECK_ERR(parse_bytes(&note_type, "{\"title\":\"12345678\"}", 20, &options, &note), 0);
    CHECK_ERR(parse_bytes(&note_type, "{\"title\":\"12345678\"} ", 21, &options, &note), -EBADMSG);
    CHECK_STR(told(), ":size");
    CHECK_STR(parsed.errors[0].message, "has more than 20 bytes");
    CHECK_INT(coil_json_errors_status(&parsed), ==, 413);
    /* Small values of which large structs are made. */
    length = (size_t)snprintf(text, 60000, "{\"title\":\"x\",\"readers\":[{}");
    for (int i = 0; i < 10000; i++) {
        memcpy(text + length, ",{}", 4);
        length += 3;
    }
    options = (struct coil_json_options){.max_memory = 100000};
    CHECK_ERR(parse_bytes(&note_type, text, length, &options, &note), -EBADMSG);
    CHECK_STR(told(), ":size");
    CHECK_INT(test_live_bytes(), <, 300000);
    coil_json_parsed_deinit(&parsed);
    free(text);
}

COIL_TEST(json_parse_maps)
{
    struct note note;

    CHECK_OK(parse_text(&note_type, "{\"title\":\"x\",\"labels\":{}}", &note));
    CHECK(note.label_count == 0);
    CHECK_TOLD(&note_type, "{\"title\":\"x\",\"labels\":{\"b\":1,\"a\":2,\"\\u0062\":3}}", &note,
               "labels.b:duplicate");
    CHECK_TOLD(&note_type, "{\"title\":\"x\",\"labels\":{\"a\\u0000\":1}}", &note, "labels:format");
    CHECK_TOLD(&note_type, "{\"title\":\"x\",\"labels\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1}}",
               &note, "labels:length");
    CHECK_TOLD(&note_type, "{\"title\":\"x\",\"labels\":[]}", &note, "labels:type");
    CHECK_TOLD(&note_type, "{\"title\":\"x\",\"labels\":{\"a\" 1}}", &note, ":syntax");
    CHECK_TOLD(&note_type, "{\"title\":\"x\",\"labels\":{\"a\":}}", &note, ":syntax");
    CHECK_TOLD(&note_type, "{\"title\":\"x\",\"labels\":{a:1}}", &note, ":syntax");
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_parse_array)
{
    struct author *authors = NULL;
    size_t count = 7;

    CHECK_OK(coil_json_parse_array(&author_type, "[{\"email\":\"a@b\"},{\"email\":\"c@d\"}]", 33,
                                   NULL, &authors, &count, &parsed));
    CHECK_INT(count, ==, 2);
    CHECK_STR(authors[1].email, "c@d");
    CHECK_ERR(coil_json_parse_array(&author_type, "[{\"email\":\"a@b\"},{}]", 20, NULL, &authors,
                                    &count, &parsed),
              -EBADMSG);
    CHECK_STR(told(), "[1].email:missing");
    CHECK_ERR(coil_json_parse_array(&author_type, "{}", 2, NULL, &authors, &count, &parsed),
              -EBADMSG);
    CHECK_STR(told(), ":type");
    CHECK_ERR(coil_json_parse_array(&author_type, "null", 4, NULL, &authors, &count, &parsed),
              -EBADMSG);
    CHECK_INT(count, ==, 2);
    CHECK_OK(coil_json_parse_array(&author_type, "[]", 2, NULL, &authors, &count, &parsed));
    CHECK(count == 0 && !authors);
    CHECK_ERR(coil_json_parse_array(&author_type, "[]", 2, NULL, NULL, &count, &parsed), -EINVAL);
    CHECK_ERR(coil_json_parse_array(&author_type, "[]", 2, NULL, &authors, NULL, &parsed), -EINVAL);
    CHECK_ERR(coil_json_parse_array(NULL, "[]", 2, NULL, &authors, &count, &parsed), -EINVAL);
    CHECK_ERR(coil_json_parse_array(&author_type, "[]", 2, NULL, &authors, &count, NULL), -EINVAL);
    coil_json_parsed_deinit(&parsed);
}

COIL_TEST(json_parse_misuse)
{
    struct small small;

    CHECK_ERR(coil_json_parse(NULL, "{}", 2, NULL, &small, &parsed), -EINVAL);
    CHECK_ERR(coil_json_parse(&small_type, NULL, 2, NULL, &small, &parsed), -EINVAL);
    CHECK_ERR(coil_json_parse(&small_type, "{}", 2, NULL, NULL, &parsed), -EINVAL);
    CHECK_ERR(coil_json_parse(&small_type, "{}", 2, NULL, &small, NULL), -EINVAL);
    CHECK_ERR(coil_json_parse(&small_type, NULL, 0, NULL, &small, &parsed), -EBADMSG);
    CHECK_STR(told(), ":syntax");
    coil_json_parsed_deinit(&parsed);
    coil_json_parsed_deinit(&parsed);
    coil_json_parsed_deinit(NULL);
    CHECK_INT(parsed.error_count, ==, 0);
}

static void parse_all(void *arg)
{
    static const char text[] =
        "{\"title\":\"a\\u00e4\",\"tags\":[\"1\",\"2\",\"3\"],\"editor\":{\"email\":\"a@b\"},"
        "\"labels\":{\"x\":[1,2],\"y\":0.1234567890123456789012345678901234567890123456789012345678"
        "901234567890},\"doubles\":[0.1234567890123456789012345678901234567890123456789012345678"
        "901234567890],\"numbers\":[1,2,3,4,5,6,7,8,9]}";
    struct coil_json_parsed mine = {0};
    struct note note;
    int rc = coil_json_parse(&note_type, text, sizeof text - 1, NULL, &note, &mine);

    (void)arg;
    CHECK(rc == 0 || rc == -ENOMEM);
    CHECK(rc == 0 || !mine.blocks_);
    coil_json_parsed_deinit(&mine);
    rc = coil_json_parse(&note_type, "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6}", 37, NULL,
                         &note, &mine);
    CHECK(rc == -EBADMSG || rc == -ENOMEM);
    CHECK(rc != -EBADMSG || mine.error_count == 7);
    coil_json_parsed_deinit(&mine);
}

COIL_TEST(json_parse_without_memory)
{
    torture(parse_all, NULL);
}

/* Small documents take one piece of memory. */
COIL_TEST(json_parse_one_allocation)
{
    uint64_t before;
    struct note note;

    before = test_alloc_count();
    CHECK_OK(coil_json_parse(&note_type, "{\"title\":\"x\",\"tags\":[\"a\",\"b\"]}", 30, NULL,
                             &note, &parsed));
    CHECK_INT(test_alloc_count() - before, ==, 1);
    coil_json_parsed_deinit(&parsed);
}
