/* test_json_write.c - a struct as text; and that text as a struct. */
#include "json_note.h"
#include "json_told.h"

#include "fault.h"

#include <locale.h>
#include <math.h>

static const char *text_of(const struct coil_json_type *type, const void *value)
{
    static char text[8192];
    struct coil_json_buffer buffer = {0};

    CHECK_OK(coil_json_write(type, value, &buffer));
    CHECK_INT(buffer.size, <, sizeof text);
    memcpy(text, buffer.data, buffer.size);
    text[buffer.size] = '\0';
    coil_json_buffer_deinit(&buffer);
    return text;
}

COIL_TEST(json_write_everything)
{
    const char *tags[] = {"a", "b\"\\\n\x01\x7f"};
    struct coil_json_member labels[] = {{"x", {"[1, 2]", 6}}, {"y", {"null", 4}}};
    struct author readers[] = {{.email = "c@d", .age = 1}, {.email = "e@f", .homepage = "x:y"}};
    struct note parent = {.title = "p", .author.email = "q"};
    struct note note = {
        .title = "T\xc3\xa4",
        .stars = INT64_MIN,
        .done = true,
        .tags = tags,
        .tag_count = 2,
        .author = {"a@b", NULL, -1},
        .editor = &readers[1],
        .state = GONE_,
        .weight = 0.1,
        .has_weight = true,
        .big = UINT64_MAX,
        .tiny = -128,
        .byte = 255,
        .created = 1,
        .extra = {"{}", 2},
        .labels = labels,
        .label_count = 2,
        .readers = readers,
        .reader_count = 1,
        .numbers = (int[]){-1, 2},
        .number_count = 2,
        .doubles = (double[]){1e300, -0.0},
        .double_count = 2,
        .flags = (bool[]){false, true},
        .flag_count = 2,
        .states = (enum state[]){PUBLISHED},
        .state_count = 1,
        .times = (int64_t[]){0},
        .time_count = 1,
        .raws = (struct coil_json_raw[]){{"1", 1}},
        .raw_count = 1,
        .code = "c",
        .parent = &parent,
    };

    CHECK_STR(text_of(&note_type, &note),
              "{\"title\":\"T\xc3\xa4\",\"stars\":-9223372036854775808,\"done\":true,"
              "\"tags\":[\"a\",\"b\\\"\\\\\\n\\u0001\x7f\"],"
              "\"author\":{\"email\":\"a@b\",\"homepage\":null,\"age\":-1},"
              "\"editor\":{\"email\":\"e@f\",\"homepage\":\"x:y\",\"age\":0},\"state\":\"gone\","
              "\"weight\":0.1,\"big\":18446744073709551615,\"tiny\":-128,\"byte\":255,"
              "\"created\":\"1970-01-01T00:00:00.000000001Z\",\"extra\":{},"
              "\"labels\":{\"x\":[1, 2],\"y\":null},"
              "\"readers\":[{\"email\":\"c@d\",\"homepage\":null,\"age\":1}],\"numbers\":[-1,2],"
              "\"doubles\":[1e+300,-0.0],\"flags\":[false,true],\"states\":[\"published\"],"
              "\"times\":[\"1970-01-01T00:00:00Z\"],\"raws\":[1],\"the code\":\"c\",\"parent\":{"
              "\"title\":\"p\",\"stars\":0,\"done\":false,\"tags\":[],"
              "\"author\":{\"email\":\"q\",\"homepage\":null,\"age\":0},\"editor\":null,"
              "\"state\":\"draft\",\"weight\":null,\"big\":0,\"tiny\":0,\"byte\":0,"
              "\"created\":\"1970-01-01T00:00:00Z\",\"labels\":{},\"readers\":[],\"numbers\":[],"
              "\"flags\":[],\"states\":[],\"times\":[],\"raws\":[]}}");
}

struct numbers {
    double real;
    double *reals;
    size_t count;
};

static const struct coil_json_field number_fields[] = {
    COIL_JSON_DOUBLE(struct numbers, real),
    COIL_JSON_ARRAY_OF_DOUBLES(struct numbers, reals, count, .nullable = true),
};

static const struct coil_json_type numbers_type =
    COIL_JSON_TYPE("Numbers", struct numbers, number_fields);

/* Shortest, and the same when they are read. */
COIL_TEST(json_write_doubles)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0.0"},
        {1, "1"},
        {-42, "-42"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {999999999999999, "999999999999999"},
        {1e15, "1e+15"},
        {1e22, "1e+22"},
        {5e-324, "5e-324"},
        {1.5e-310, "1.5e-310"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {123456.789, "123456.789"},
    };
    struct numbers numbers = {0};
    struct numbers again;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[100];

        numbers.real = cases[i].value;
        snprintf(expected, sizeof expected, "{\"real\":%s,\"reals\":null}", cases[i].text);
        CHECK_STR(text_of(&numbers_type, &numbers), expected);
        CHECK_OK(parse_text(&numbers_type, expected, &again));
        CHECK_MEM(&again.real, &numbers.real, sizeof again.real);
    }
    coil_json_parsed_deinit(&parsed);
}

/* A locale with another decimal point changes nothing. */
COIL_TEST(json_write_in_a_locale)
{
    struct numbers numbers = {.real = 0.5};

    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "de_DE")) {
        test_skip("there is no German locale");
    }
    CHECK_STR(text_of(&numbers_type, &numbers), "{\"real\":0.5,\"reals\":null}");
    CHECK_OK(parse_text(&numbers_type, "{\"real\":0.1e-30}", &numbers));
    CHECK(numbers.real == 0.1e-30);
    coil_json_parsed_deinit(&parsed);
}

static void check_refused(const struct note *note, int error)
{
    struct coil_json_buffer buffer = {0};

    CHECK_OK(coil_json_add(&buffer, "before", 6));
    CHECK_ERR(coil_json_write(&note_type, note, &buffer), error);
    CHECK_INT(buffer.size, ==, 6);
    CHECK_MEM(buffer.data, "before", 6);
    coil_json_buffer_deinit(&buffer);
}

COIL_TEST(json_write_refuses)
{
    const struct note good = {.title = "x", .author.email = "a"};
    struct note note = good;
    struct coil_json_raw raws[] = {{"1 2", 3}, {"[", 1}, {"", 0}, {"{\"a\":\"\xff\"}", 9}};
    struct coil_json_member member = {NULL, {"1", 1}};

    note.title = NULL;
    check_refused(&note, -EINVAL);
    note.title = "\xff";
    check_refused(&note, -EILSEQ);
    note.title = "ab\xe2\x82";
    check_refused(&note, -EILSEQ);
    note = good;
    note.has_weight = true;
    note.weight = (double)NAN;
    check_refused(&note, -EDOM);
    note.weight = -(double)INFINITY;
    check_refused(&note, -EDOM);
    note = good;
    note.state = (enum state)2;
    check_refused(&note, -EINVAL);
    note.state = (enum state)4;
    check_refused(&note, -EINVAL);
    note.state = (enum state) - 1;
    check_refused(&note, -EINVAL);
    for (size_t i = 0; i < sizeof raws / sizeof *raws; i++) {
        note = good;
        note.extra = raws[i];
        check_refused(&note, -EBADMSG);
    }
    note = good;
    note.tag_count = 1;
    check_refused(&note, -EINVAL);
    note.tags = (const char *[]){NULL};
    check_refused(&note, -EINVAL);
    note = good;
    note.labels = &member;
    note.label_count = 1;
    check_refused(&note, -EINVAL);
    member = (struct coil_json_member){"a", {NULL, 0}};
    check_refused(&note, -EINVAL);
    note = good;
    note.parent = &note;
    check_refused(&note, -COIL_ELIMIT);
}

COIL_TEST(json_write_misuse)
{
    struct coil_json_buffer buffer = {0};
    struct note note = {.title = "x"};

    CHECK_ERR(coil_json_write(NULL, &note, &buffer), -EINVAL);
    CHECK_ERR(coil_json_write(&note_type, NULL, &buffer), -EINVAL);
    CHECK_ERR(coil_json_write(&note_type, &note, NULL), -EINVAL);
    CHECK_ERR(coil_json_write_array(&note_type, NULL, 1, &buffer), -EINVAL);
    CHECK_ERR(coil_json_write_array(NULL, &note, 1, &buffer), -EINVAL);
    CHECK_ERR(coil_json_write_array(&note_type, &note, 1, NULL), -EINVAL);
    CHECK_ERR(coil_json_write_to(&note_type, &note, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_json_add(NULL, "", 0), -EINVAL);
    CHECK_ERR(coil_json_add(&buffer, NULL, 1), -EINVAL);
    CHECK_ERR(coil_json_add_string(NULL, ""), -EINVAL);
    CHECK_INT(buffer.size, ==, 0);
    coil_json_buffer_deinit(&buffer);
    coil_json_buffer_deinit(NULL);
}

COIL_TEST(json_write_array_and_pieces)
{
    struct author authors[] = {{.email = "a"}, {.email = "b", .homepage = "\x1f"}};
    struct coil_json_buffer buffer = {0};

    CHECK_OK(coil_json_add(&buffer, "{\"authors\":", 11));
    CHECK_OK(coil_json_write_array(&author_type, authors, 2, &buffer));
    CHECK_OK(coil_json_add(&buffer, ",\"none\":", 8));
    CHECK_OK(coil_json_write_array(&author_type, NULL, 0, &buffer));
    CHECK_OK(coil_json_add(&buffer, ",", 1));
    CHECK_OK(coil_json_add_string(&buffer, "a\"\t\b\f\r\x0b"));
    CHECK_OK(coil_json_add(&buffer, ":", 1));
    CHECK_OK(coil_json_add_string(&buffer, NULL));
    CHECK_ERR(coil_json_add_string(&buffer, "ab\xc0"), -EILSEQ);
    CHECK_OK(coil_json_add(&buffer, "}", 2));
    CHECK_STR(buffer.data, "{\"authors\":[{\"email\":\"a\",\"homepage\":null,\"age\":0},"
                           "{\"email\":\"b\",\"homepage\":\"\\u001f\",\"age\":0}],\"none\":[],"
                           "\"a\\\"\\t\\b\\f\\r\\u000b\":null}");
    coil_json_buffer_deinit(&buffer);
}

struct taken {
    struct coil_json_buffer all;
    size_t largest;
    int calls;
    int fails_at;
};

static int take(const char *bytes, size_t size, void *user)
{
    struct taken *taken = user;

    if (++taken->calls == taken->fails_at) {
        return -EPIPE;
    }
    taken->largest = size > taken->largest ? size : taken->largest;
    CHECK_OK(coil_json_add(&taken->all, bytes, size));
    return (int)size;
}

COIL_TEST(json_write_to_a_sink)
{
    enum { TAGS = 2000 };
    struct taken taken = {0};
    const char *tags[TAGS];
    struct note note = {.title = "x", .author.email = "a", .tags = tags, .tag_count = TAGS};
    struct coil_json_buffer whole = {0};

    for (int i = 0; i < TAGS; i++) {
        tags[i] = "0123456789";
    }
    CHECK_OK(coil_json_write(&note_type, &note, &whole));
    CHECK_ERR(coil_json_write_to(&note_type, &note, take, &taken), 0);
    CHECK_INT(taken.all.size, ==, whole.size);
    CHECK_MEM(taken.all.data, whole.data, whole.size);
    CHECK_INT(taken.calls, >, 5);
    CHECK_INT(taken.largest, <, 4200);
    for (int at = 1; at <= taken.calls; at++) {
        struct taken failing = {.fails_at = at};

        CHECK_ERR(coil_json_write_to(&note_type, &note, take, &failing), -EPIPE);
        CHECK_INT(failing.calls, ==, at);
        coil_json_buffer_deinit(&failing.all);
    }
    coil_json_buffer_deinit(&taken.all);
    coil_json_buffer_deinit(&whole);
}

static void write_all(void *arg)
{
    struct note note = {.title = "x", .author.email = "a", .extra = {"[1,2]", 5}};
    struct coil_json_buffer buffer = {0};
    struct taken taken = {0};
    char long_title[600] = "";
    int rc;

    (void)arg;
    memset(long_title, 'x', sizeof long_title - 1);
    note.title = long_title;
    rc = coil_json_write(&note_type, &note, &buffer);
    CHECK(rc == 0 || (rc == -ENOMEM && buffer.size == 0));
    coil_json_buffer_deinit(&buffer);
    rc = coil_json_schema_write(&note_type, &buffer);
    CHECK(rc == 0 || (rc == -ENOMEM && buffer.size == 0));
    coil_json_buffer_deinit(&buffer);
    rc = coil_json_write_to(&note_type, &note, take, &taken);
    coil_json_buffer_deinit(&taken.all);
    CHECK(rc == 0 || rc == -ENOMEM);
    rc = coil_json_type_check(&note_type, NULL);
    CHECK(rc == 0 || rc == -ENOMEM);
}

COIL_TEST(json_write_without_memory)
{
    torture(write_all, NULL);
}
