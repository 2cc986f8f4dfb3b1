/* test_slice.c - slices: comparison, numbers, and the lists that header fields are made of. */
#include "wire/slice.h"

#include "harness.h"

#include <errno.h>
#include <stdio.h>

COIL_TEST(slice_absent_and_empty)
{
    CHECK_PTR(coil__slice_of(NULL).start, ==, NULL);
    CHECK(coil__slice_of("").start != NULL);
    CHECK(coil__slice_is(coil__slice_of(NULL), ""));
    CHECK(coil__slice_is_like(coil__slice_of("GZip"), "gzIP"));
    CHECK(!coil__slice_is_like(coil__slice_of("gzip"), "gzi"));
    CHECK(!coil__slice_is_like(coil__slice_of("[a"), "{a"));
    CHECK(!coil__slice_is(coil__slice_of("A"), "a"));
    CHECK(coil__slice_is(coil__slice_trim(coil__slice_of(" \t a b\t ")), "a b"));
    CHECK_INT(coil__slice_trim(coil__slice_of(" \t")).size, ==, 0);
}

/* RFC 9110, section 5.6.2. */
COIL_TEST(slice_token)
{
    int count = 0;

    for (int c = 0; c < 256; c++) {
        count += coil__is_token_character((char)c);
    }
    CHECK_INT(count, ==, 26 + 26 + 10 + 15);
    CHECK(coil__slice_is_token(coil__slice_of("a!#$%&'*+-.^_`|~9")));
    CHECK(!coil__slice_is_token(coil__slice_of("")));
    CHECK(!coil__slice_is_token(coil__slice_of("a b")));
    CHECK(!coil__slice_is_token(coil__slice_of("a\"")));
    CHECK(!coil__slice_is_token((struct coil__slice){"a\0", 2}));
    CHECK(!coil__slice_is_token(coil__slice_of("\xc3\xa4")));
}

COIL_TEST(slice_number)
{
    static const struct {
        const char *text;
        int rc;
        uint64_t number;
        const char *rest;
    } cases[] = {
        {"0", 0, 0, ""},
        {"007x", 0, 7, "x"},
        {"18446744073709551615-", 0, UINT64_MAX, "-"},
        {"18446744073709551616", -ERANGE, 5, "18446744073709551616"},
        {"99999999999999999999999", -ERANGE, 5, "99999999999999999999999"},
        {"", -EBADMSG, 5, ""},
        {"-1", -EBADMSG, 5, "-1"},
        {" 1", -EBADMSG, 5, " 1"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__slice rest = coil__slice_of(cases[i].text);
        uint64_t number = 5;

        CHECK_INT(coil__slice_take_number(&rest, &number), ==, cases[i].rc);
        CHECK_INT(number, ==, cases[i].number);
        CHECK(coil__slice_is(rest, cases[i].rest));
    }
}

/* The elements, each in <>. */
static const char *elements_of(const char *text, char separator)
{
    static char buf[256];
    struct coil__slice rest = coil__slice_of(text);
    struct coil__slice element;
    size_t length = 0;

    buf[0] = '\0';
    while (separator == ',' ? coil__slice_take_element(&rest, &element)
                            : coil__slice_take_part(&rest, separator, &element)) {
        length += (size_t)snprintf(buf + length, sizeof buf - length, "<%.*s>", (int)element.size,
                                   element.start);
    }
    return buf;
}

/* RFC 9110, section 5.6.1. */
COIL_TEST(slice_list)
{
    CHECK_STR(elements_of("a, b ,c", ','), "<a><b><c>");
    CHECK_STR(elements_of(", ,a,,\t,b, ", ','), "<a><b>");
    CHECK_STR(elements_of("", ','), "");
    CHECK_STR(elements_of(NULL, ','), "");
    CHECK_STR(elements_of("\"a,b\", c", ','), "<\"a,b\"><c>");
    CHECK_STR(elements_of("\"a\\\",b\", c", ','), "<\"a\\\",b\"><c>");
    CHECK_STR(elements_of("\"a,b", ','), "<\"a,b>");
    CHECK_STR(elements_of("\"a\\", ','), "<\"a\\>");
    CHECK_STR(elements_of("a;b=\"x;y\" ; c", ';'), "<a><b=\"x;y\"><c>");
    CHECK_STR(elements_of("a;;b;", ';'), "<a><><b><>");
    CHECK_STR(elements_of("", ';'), "<>");
}

/* RFC 9110, section 12.4.2. */
COIL_TEST(slice_quality)
{
    static const struct {
        const char *text;
        int quality;
    } cases[] = {
        {"1", 1000},        {"0", 0},
        {"1.", 1000},       {"0.", 0},
        {"0.5", 500},       {"0.05", 50},
        {"0.001", 1},       {"1.000", 1000},
        {"0.999", 999},     {"", -EBADMSG},
        {"2", -EBADMSG},    {"1.001", -EBADMSG},
        {".5", -EBADMSG},   {"0.1234", -EBADMSG},
        {"0,5", -EBADMSG},  {"-1", -EBADMSG},
        {"0.5 ", -EBADMSG}, {"00.5", -EBADMSG},
        {"0.x", -EBADMSG},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_INT(coil__slice_quality(coil__slice_of(cases[i].text)), ==, cases[i].quality);
    }
}
