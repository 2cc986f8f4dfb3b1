/* test_json_format.c - formats of strings, and times. */
#include "http/json.h"

#include "harness.h"

#include <stdio.h>

static bool has(const char *text, enum coil_json_format format)
{
    return coil__json_has_format(coil__slice_of(text), format);
}

/* RFC 5321, section 4.1.2: Mailbox, without quoted strings and address literals. */
COIL_TEST(json_format_email)
{
    static const char *const good[] = {
        "a@b",
        "ann@example.com",
        "ann.smith+tag@mail.example.co.uk",
        "!#$%&'*+-/=?^_`{|}~@x-y.z",
        "1234567890123456789012345678901234567890123456789012345678901234@x",
    };
    static const char *const bad[] = {
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a@b@c",
        ".a@b",
        "a.@b",
        "a..b@c",
        "a b@c",
        "a@b..c",
        "a@.b",
        "a@b.",
        "a@-b",
        "a@b-",
        "a@b_c",
        "a@b c",
        "\xc3\xa4@b",
        "a@\xc3\xa4",
        "a\n@b",
        "12345678901234567890123456789012345678901234567890123456789012345@x",
        "a@1234567890123456789012345678901234567890123456789012345678901234",
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_MSG(has(good[i], COIL_JSON_FORMAT_EMAIL), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_MSG(!has(bad[i], COIL_JSON_FORMAT_EMAIL), "%s", bad[i]);
    }
}

/* RFC 3986, section 3. */
COIL_TEST(json_format_uri)
{
    static const char *const good[] = {
        "http://example.com/a?b=c#d", "mailto:a@b", "urn:isbn:1", "x+y-z.1:%41", "http://[::1]/",
    };
    static const char *const bad[] = {
        "",     "http",  "http:", ":a",         "1http:a", "/a/b", "http://a b",
        "a:%4", "a:%4g", "a:<",   "a:\xc3\xa4", "a:\"",    "a:{}", "a:\n",
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_MSG(has(good[i], COIL_JSON_FORMAT_URI), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_MSG(!has(bad[i], COIL_JSON_FORMAT_URI), "%s", bad[i]);
    }
}

COIL_TEST(json_format_uuid)
{
    CHECK(has("123e4567-e89b-12d3-a456-426614174000", COIL_JSON_FORMAT_UUID));
    CHECK(has("123E4567-E89B-12D3-A456-426614174000", COIL_JSON_FORMAT_UUID));
    CHECK(!has("", COIL_JSON_FORMAT_UUID));
    CHECK(!has("123e4567-e89b-12d3-a456-42661417400", COIL_JSON_FORMAT_UUID));
    CHECK(!has("123e4567-e89b-12d3-a456-4266141740000", COIL_JSON_FORMAT_UUID));
    CHECK(!has("123e4567-e89b-12d3-a456-42661417400g", COIL_JSON_FORMAT_UUID));
    CHECK(!has("123e4567e-89b-12d3-a456-426614174000", COIL_JSON_FORMAT_UUID));
}

COIL_TEST(json_format_none)
{
    CHECK(has("anything", COIL_JSON_FORMAT_NONE));
    CHECK_PTR(coil__json_format_name(COIL_JSON_FORMAT_NONE), ==, NULL);
    CHECK_PTR(coil__json_format_name((enum coil_json_format)99), ==, NULL);
}

static int64_t ns_of(const char *text)
{
    int64_t ns = -1;
    int rc = coil__json_to_time(coil__slice_of(text), &ns);

    return rc < 0 ? rc : ns;
}

/* RFC 3339, section 5.6 to 5.8. */
COIL_TEST(json_format_times)
{
    static const struct {
        const char *text;
        int64_t ns;
        const char *written; /* NULL: as it is */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0, NULL},
        {"1970-01-01t00:00:00z", 0, "1970-01-01T00:00:00Z"},
        {"1970-01-01T00:00:00.000000001Z", 1, NULL},
        {"1970-01-01T00:00:00.5Z", 500000000, NULL},
        {"1970-01-01T00:00:00.1234567899Z", 123456789, "1970-01-01T00:00:00.123456789Z"},
        {"1969-12-31T23:59:59.75Z", -250000000, NULL},
        {"1985-04-12T23:20:50.52Z", INT64_C(482196050520000000), NULL},
        {"1996-12-19T16:39:57-08:00", INT64_C(851042397000000000), "1996-12-20T00:39:57Z"},
        {"1990-12-31T23:59:60Z", INT64_C(662688000000000000), "1991-01-01T00:00:00Z"},
        {"1990-12-31T15:59:60-08:00", INT64_C(662688000000000000), "1991-01-01T00:00:00Z"},
        {"2262-04-11T23:47:16.854775807Z", INT64_MAX, NULL},
        {"1677-09-21T00:12:43.145224192Z", INT64_MIN, NULL},
        {"1677-09-21T00:12:44Z", INT64_C(-9223372036) * COIL_SEC, NULL},
        {"2024-02-29T12:00:00-00:00", INT64_C(1709208000000000000), "2024-02-29T12:00:00Z"},
    };
    char text[COIL__JSON_TIME_SIZE];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ns = 7;

        CHECK_OK(coil__json_to_time(coil__slice_of(cases[i].text), &ns));
        CHECK_INT(ns, ==, cases[i].ns);
        CHECK_INT(coil__json_time_text(cases[i].ns, text), ==, strlen(text));
        CHECK_STR(text, cases[i].written ? cases[i].written : cases[i].text);
        CHECK(has(cases[i].text, COIL_JSON_FORMAT_DATE_TIME));
    }
    CHECK_ERR(ns_of("1677-09-21T00:12:43.145224191Z"), -ERANGE);
    CHECK_ERR(ns_of("2262-04-11T23:47:16.854775808Z"), -ERANGE);
    CHECK_ERR(ns_of("9999-12-31T23:59:59Z"), -ERANGE);
    CHECK_ERR(ns_of("0000-01-01T00:00:00Z"), -ERANGE);
    CHECK(has("9999-12-31T23:59:59Z", COIL_JSON_FORMAT_DATE_TIME));
}

COIL_TEST(json_format_bad_times)
{
    static const char *const bad[] = {
        "",
        "2024-02-29",
        "2024-02-29T12:00:00",
        "2024-02-29 12:00:00Z",
        "2023-02-29T12:00:00Z",
        "2024-13-01T12:00:00Z",
        "2024-00-01T12:00:00Z",
        "2024-02-30T12:00:00Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T12:60:00Z",
        "2024-02-29T12:00:60Z",
        "2024-02-29T23:59:61Z",
        "2024-02-29T12:00:00.Z",
        "2024-02-29T12:00:00,5Z",
        "2024-02-29T12:00:00+24:00",
        "2024-02-29T12:00:00+01:60",
        "2024-02-29T12:00:00+0100",
        "2024-02-29T12:00:00ZZ",
        "24-02-29T12:00:00Z",
        "+024-02-29T12:00:00Z",
        "2024-2-29T12:00:00Z",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_MSG(ns_of(bad[i]) == -EBADMSG, "%s", bad[i]);
        CHECK(!has(bad[i], COIL_JSON_FORMAT_DATE_TIME));
    }
    CHECK(has("2024-02-29", COIL_JSON_FORMAT_DATE));
    CHECK(!has("2023-02-29", COIL_JSON_FORMAT_DATE));
    CHECK(!has("2024-02-29T", COIL_JSON_FORMAT_DATE));
    CHECK(!has("2024-2-29", COIL_JSON_FORMAT_DATE));
    CHECK(!has("2024/02/29", COIL_JSON_FORMAT_DATE));
}
