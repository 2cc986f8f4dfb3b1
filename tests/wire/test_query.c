/* test_query.c - forms and queries (WHATWG URL, section 5). */
#include "wire/query.h"

#include "harness.h"

#include <coil/error.h>

#include <stdio.h>

/* The pairs, decoded: "[name=value]", "[name]" without a '='. */
static const char *pairs_of(const char *text)
{
    static char buf[512];
    struct coil__query query;
    struct coil__pair pair;
    size_t length = 0;

    buf[0] = '\0';
    coil__query_init(&query, coil__slice_of(text), 100);
    while (coil__query_next(&query, &pair) > 0) {
        char name[64];
        char value[64];

        CHECK_OK(coil__form_decode(pair.name, name, sizeof name));
        CHECK_OK(coil__form_decode(pair.value, value, sizeof value));
        length += (size_t)snprintf(buf + length, sizeof buf - length, "[%s%s%s]", name,
                                   pair.is_bare ? "" : "=", value);
    }
    CHECK_INT(coil__query_next(&query, &pair), ==, 0);
    return buf;
}

COIL_TEST(query_pairs)
{
    static const struct {
        const char *text;
        const char *pairs;
    } cases[] = {
        {"", ""},
        {NULL, ""},
        {"a=b", "[a=b]"},
        {"a=b&c=d", "[a=b][c=d]"},
        {"&&a=b&&&c&", "[a=b][c]"},
        {"a", "[a]"},
        {"a=", "[a=]"},
        {"=", "[=]"},
        {"=b", "[=b]"},
        {"a=b=c", "[a=b=c]"},
        {"a;b=c", "[a;b=c]"}, /* section 5.1: '&' alone separates */
        {"a+b=c+d%2B", "[a b=c d+]"},
        {"%61%3D=%26", "[a==&]"},
        {"a=%", "[a=%]"}, /* section 1.3: percent-decoding leaves these */
        {"a=%4", "[a=%4]"},
        {"a=%4g%%41", "[a=%4g%A]"},
        {"a=%4&1", "[a=%4][1]"},
        {"n=\xc3\xa4%c3%a4", "[n=\xc3\xa4\xc3\xa4]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_STR(pairs_of(cases[i].text), cases[i].pairs);
    }
}

COIL_TEST(query_bounds)
{
    struct coil__query query;
    struct coil__pair pair = {.is_bare = true};

    coil__query_init(&query, coil__slice_of("&a=1&&b=2&"), 2);
    CHECK_INT(coil__query_next(&query, &pair), ==, 1);
    CHECK_INT(coil__query_next(&query, &pair), ==, 1);
    CHECK_INT(coil__query_next(&query, &pair), ==, 0);
    coil__query_init(&query, coil__slice_of("a=1&b=2&c"), 2);
    CHECK_INT(coil__query_next(&query, &pair), ==, 1);
    CHECK_INT(coil__query_next(&query, &pair), ==, 1);
    CHECK_INT(coil__query_next(&query, &pair), ==, -COIL_ELIMIT);
    CHECK(coil__slice_is(pair.name, "b"));
    coil__query_init(&query, coil__slice_of("a"), 0);
    CHECK_INT(coil__query_next(&query, &pair), ==, -COIL_ELIMIT);
}

static int find(const char *text, const char *name)
{
    struct coil__pair pair = {.value = coil__slice_of("none")};
    int rc = coil__query_find(coil__slice_of(text), coil__slice_of(name), 3, &pair);

    CHECK((rc == 1) == !coil__slice_is(pair.value, "none"));
    return rc;
}

COIL_TEST(query_find)
{
    struct coil__pair pair;

    CHECK_INT(coil__query_find(coil__slice_of("b=1&%61=2&a=3"), coil__slice_of("a"), 9, &pair), ==,
              1);
    CHECK(coil__slice_is(pair.value, "2"));
    CHECK_INT(find("a=1", "b"), ==, 0);
    CHECK_INT(find("a=1", "aa"), ==, 0);
    CHECK_INT(find("aa=1", "a"), ==, 0);
    CHECK_INT(find("=1", ""), ==, 1);
    CHECK_INT(find("a+b", "a b"), ==, 1);
    CHECK_INT(find("a&b&c&d", "d"), ==, -COIL_ELIMIT);
    CHECK_INT(find("a&b&c", "c"), ==, 1);
}

COIL_TEST(form_decode)
{
    char buf[8] = "a%20b+c";

    CHECK_INT(coil__form_decode((struct coil__slice){buf, 7}, buf, sizeof buf), ==, 5);
    CHECK_STR(buf, "a b c"); /* in place */
    CHECK_INT(coil__form_decode(coil__slice_of("%00"), buf, 2), ==, 1);
    CHECK_MEM(buf, "\0", 2);
    CHECK_INT(coil__form_decode(coil__slice_of("abc"), buf, 3), ==, -ENOSPC);
    CHECK_INT(coil__form_decode(coil__slice_of("abc"), buf, 4), ==, 3);
    CHECK_INT(coil__form_decode(coil__slice_of(NULL), buf, 1), ==, 0);
    CHECK_INT(coil__form_decode(coil__slice_of(""), buf, 0), ==, -ENOSPC);
}

COIL_TEST(form_encode)
{
    char buf[32];

    CHECK_INT(coil__form_encode(coil__slice_of("a b+\xc3\xa4*-._~"), buf, sizeof buf), ==, 19);
    CHECK_STR(buf, "a+b%2B%C3%A4*-._%7E");
    CHECK_INT(coil__form_encode(coil__slice_of("&"), buf, 3), ==, -ENOSPC);
    CHECK_INT(coil__form_encode(coil__slice_of("&"), buf, 4), ==, 3);
}

COIL_TEST(query_write)
{
    char buf[24];
    struct coil__out out = {.start = buf, .size = sizeof buf};

    coil__query_add(&out, coil__slice_of("a b"), coil__slice_of("c&d"));
    coil__query_add(&out, coil__slice_of(""), coil__slice_of(""));
    coil__query_add(&out, coil__slice_of("n"), coil__slice_of("=1"));
    CHECK_INT(coil__out_end(&out), ==, 18);
    CHECK_STR(buf, "a+b=c%26d&=&n=%3D1");
    coil__query_add(&out, coil__slice_of("much"), coil__slice_of("more"));
    CHECK_INT(coil__out_end(&out), ==, -ENOSPC);
    coil__query_add(&out, coil__slice_of(""), coil__slice_of(""));
    CHECK_INT(coil__out_end(&out), ==, -ENOSPC);
}

/* Every byte survives. */
COIL_TEST(form_there_and_back)
{
    char plain[256];
    char encoded[3 * sizeof plain + 1];
    ssize_t length;

    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (char)i;
    }
    length = coil__form_encode((struct coil__slice){plain, sizeof plain}, encoded, sizeof encoded);
    CHECK(length > 0);
    CHECK(coil__form_is((struct coil__slice){encoded, (size_t)length},
                        (struct coil__slice){plain, sizeof plain}));
    CHECK_INT(
        coil__form_decode((struct coil__slice){encoded, (size_t)length}, encoded, sizeof encoded),
        ==, sizeof plain);
    CHECK_MEM(encoded, plain, sizeof plain);
}
