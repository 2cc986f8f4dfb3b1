/* test_conditions.c - entity tags (RFC 9110, section 8.8.3) and conditional requests (13). */
#include "wire/conditions.h"

#include "harness.h"

#include <errno.h>
#include <stdio.h>

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"
#define DATE_SECONDS INT64_C(784111777)

static struct coil__etag tag(const char *text)
{
    struct coil__etag etag = {{0}, false};

    CHECK_INT(coil__etag_parse(coil__slice_of(text), &etag), ==, 0);
    return etag;
}

/* Section 8.8.3. */
COIL_TEST(etag_parsed)
{
    static const char *const bad[] = {
        "",         "xyzzy",     "\"",       "\"a",    "a\"",    "W/",          "W/xyzzy",
        "w/\"a\"",  "W\"a\"",    "W/ \"a\"", "\"a\" ", " \"a\"", "\"a b\"",     "\"a\"b\"",
        "\"a\tb\"", "\"a\x7f\"", "'a'",      "W/\"",   "*",      "\"a\",\"b\"",
    };
    struct coil__etag etag = tag("\"xyzzy\"");

    CHECK(coil__slice_is(etag.opaque, "xyzzy") && !etag.is_weak);
    etag = tag("W/\"xyzzy\"");
    CHECK(coil__slice_is(etag.opaque, "xyzzy") && etag.is_weak);
    etag = tag("\"\"");
    CHECK(etag.opaque.start && etag.opaque.size == 0);
    CHECK(coil__slice_is(tag("\"a\\,'\xc3\xa4\"").opaque, "a\\,'\xc3\xa4"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_MSG(coil__etag_parse(coil__slice_of(bad[i]), &etag) == -EBADMSG, "%s", bad[i]);
    }
}

COIL_TEST(etag_written)
{
    struct coil__etag etag = {coil__slice_of("a-1"), true};
    char buf[16];

    CHECK_INT(coil__etag_format(&etag, buf, sizeof buf), ==, 7);
    CHECK_STR(buf, "W/\"a-1\"");
    CHECK_INT(coil__etag_format(&etag, buf, 7), ==, -ENOSPC);
    etag.is_weak = false;
    CHECK_INT(coil__etag_format(&etag, buf, 6), ==, 5);
    CHECK_STR(buf, "\"a-1\"");
    etag.opaque = coil__slice_of("a\"b");
    CHECK_INT(coil__etag_format(&etag, buf, sizeof buf), ==, -EINVAL);
    etag.opaque = coil__slice_of("a\r\nb");
    CHECK_INT(coil__etag_format(&etag, buf, sizeof buf), ==, -EINVAL);
}

/* The table of section 8.8.3.2. */
COIL_TEST(etag_compared)
{
    static const struct {
        const char *a;
        const char *b;
        bool strong;
        bool weak;
    } cases[] = {
        {"W/\"1\"", "W/\"1\"", false, true}, {"W/\"1\"", "W/\"2\"", false, false},
        {"W/\"1\"", "\"1\"", false, true},   {"\"1\"", "\"1\"", true, true},
        {"\"1\"", "\"11\"", false, false},
    };
    struct coil__etag none = {{0}, false};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__etag a = tag(cases[i].a);
        struct coil__etag b = tag(cases[i].b);

        CHECK_INT(coil__etag_matches_strongly(&a, &b), ==, cases[i].strong);
        CHECK_INT(coil__etag_matches_weakly(&a, &b), ==, cases[i].weak);
        CHECK_INT(coil__etag_matches_strongly(&b, &a), ==, cases[i].strong);
        CHECK_INT(coil__etag_matches_weakly(&b, &a), ==, cases[i].weak);
        CHECK(!coil__etag_matches_weakly(&a, &none) && !coil__etag_matches_weakly(&none, &none));
    }
}

COIL_TEST(etag_lists)
{
    static const struct {
        const char *list;
        bool strong;
        bool weak;
    } cases[] = {
        {"\"a\"", true, true},
        {"W/\"a\"", false, true},
        {"\"x\", \"a\"", true, true},
        {"\"x\",W/\"a\" , \"y\"", false, true},
        {", ,\"a\",", true, true},
        {"\"x,\\\", \"a\"", true, true}, /* a backslash is nothing special */
        {"", false, false},
        {",", false, false},
        {"\"b\"", false, false},
        {"a", false, false},
        {"\"a\" \"b\"", false, false},
        {"\"a\", b", false, false},
        {"\"a\", \"b", false, false},
        {"\"a\"\"b\"", false, false},
        {"*, \"a\"", false, false},
    };
    struct coil__etag etag = tag("\"a\"");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__slice list = coil__slice_of(cases[i].list);

        CHECK_MSG(coil__etags_have(list, &etag, true) == cases[i].strong, "%s", cases[i].list);
        CHECK_MSG(coil__etags_have(list, &etag, false) == cases[i].weak, "%s", cases[i].list);
    }
}

/* --- the order of section 13.2.2 --- */

enum { G = COIL__CONDITION_GET, H = COIL__CONDITION_HEAD, O = COIL__CONDITION_OTHER };

struct example {
    int status;
    int method;
    const char *if_match;
    const char *if_none_match;
    const char *if_modified_since;
    const char *if_unmodified_since;
    const char *if_range;
    const char *range;
};

static void check_examples(const struct example *examples, size_t count,
                           const struct coil__representation *what)
{
    for (size_t i = 0; i < count; i++) {
        const struct example *e = &examples[i];
        struct coil__conditions conditions = {
            coil__slice_of(e->if_match),          coil__slice_of(e->if_none_match),
            coil__slice_of(e->if_modified_since), coil__slice_of(e->if_unmodified_since),
            coil__slice_of(e->if_range),          coil__slice_of(e->range)};
        struct coil__range ranges[4] = {{77, 77}};
        size_t ranges_count = 77;
        int status = coil__conditions_evaluate(&conditions, (enum coil__condition_method)e->method,
                                               what, ranges, 4, &ranges_count);

        CHECK_MSG(status == e->status, "example %zu: %d, not %d", i, status, e->status);
        CHECK((status == 206) == (ranges_count != 77));
        CHECK((status == 206) == (ranges[0].first != 77));
    }
}

static struct coil__representation page(void)
{
    return (struct coil__representation){.exists = true,
                                         .etag = tag("\"a\""),
                                         .has_modified = true,
                                         .modified = DATE_SECONDS,
                                         .now = DATE_SECONDS + 1000,
                                         .length = 100};
}

COIL_TEST(conditions_of_something)
{
    static const struct example examples[] = {
        {200, G, NULL, NULL, NULL, NULL, NULL, NULL},
        /* 13.1.1: If-Match, strong */
        {200, G, "\"a\"", NULL, NULL, NULL, NULL, NULL},
        {200, O, "\"x\", \"a\"", NULL, NULL, NULL, NULL, NULL},
        {200, O, "*", NULL, NULL, NULL, NULL, NULL},
        {412, O, "\"b\"", NULL, NULL, NULL, NULL, NULL},
        {412, O, "W/\"a\"", NULL, NULL, NULL, NULL, NULL},
        {412, G, "nonsense", NULL, NULL, NULL, NULL, NULL},
        {412, G, "", NULL, NULL, NULL, NULL, NULL},
        /* 13.1.4: If-Unmodified-Since, without If-Match */
        {200, O, NULL, NULL, NULL, DATE, NULL, NULL},
        {200, O, NULL, NULL, NULL, AFTER, NULL, NULL},
        {412, O, NULL, NULL, NULL, BEFORE, NULL, NULL},
        {412, G, NULL, NULL, NULL, BEFORE, NULL, NULL},
        {200, O, NULL, NULL, NULL, "nonsense", NULL, NULL},
        {200, O, "\"a\"", NULL, NULL, BEFORE, NULL, NULL},
        /* 13.1.2: If-None-Match, weak */
        {304, G, NULL, "\"a\"", NULL, NULL, NULL, NULL},
        {304, H, NULL, "W/\"a\"", NULL, NULL, NULL, NULL},
        {304, G, NULL, "*", NULL, NULL, NULL, NULL},
        {412, O, NULL, "*", NULL, NULL, NULL, NULL},
        {412, O, NULL, "\"a\"", NULL, NULL, NULL, NULL},
        {200, G, NULL, "\"b\"", NULL, NULL, NULL, NULL},
        {200, O, NULL, "\"b\"", NULL, NULL, NULL, NULL},
        {200, G, NULL, "nonsense", NULL, NULL, NULL, NULL},
        {412, G, "\"b\"", "\"a\"", NULL, NULL, NULL, NULL},
        {304, G, "\"a\"", "\"a\"", NULL, NULL, NULL, NULL},
        /* 13.1.3: If-Modified-Since, without If-None-Match, when reading */
        {304, G, NULL, NULL, DATE, NULL, NULL, NULL},
        {304, H, NULL, NULL, AFTER, NULL, NULL, NULL},
        {304, G, NULL, NULL, "Sunday, 06-Nov-94 08:49:37 GMT", NULL, NULL, NULL},
        {200, G, NULL, NULL, BEFORE, NULL, NULL, NULL},
        {200, O, NULL, NULL, DATE, NULL, NULL, NULL},
        {200, G, NULL, NULL, "nonsense", NULL, NULL, NULL},
        {200, G, NULL, "\"b\"", DATE, NULL, NULL, NULL},
        {304, G, NULL, "\"a\"", BEFORE, NULL, NULL, NULL},
    };
    struct coil__representation what = page();

    check_examples(examples, sizeof examples / sizeof *examples, &what);
}

COIL_TEST(conditions_with_ranges)
{
    static const struct example examples[] = {
        /* 14.2: after the preconditions, of GET alone */
        {206, G, NULL, NULL, NULL, NULL, NULL, "bytes=0-9"},
        {416, G, NULL, NULL, NULL, NULL, NULL, "bytes=100-"},
        {200, G, NULL, NULL, NULL, NULL, NULL, "nonsense"},
        {200, H, NULL, NULL, NULL, NULL, NULL, "bytes=0-9"},
        {200, H, NULL, NULL, NULL, NULL, NULL, "bytes=100-"},
        {200, O, NULL, NULL, NULL, NULL, NULL, "bytes=0-9"},
        {304, G, NULL, "\"a\"", NULL, NULL, NULL, "bytes=0-9"},
        {412, G, "\"b\"", NULL, NULL, NULL, NULL, "bytes=100-"},
        {206, G, "\"a\"", "\"b\"", NULL, NULL, "\"a\"", "bytes=0-9"},
        /* 13.1.5: If-Range, strong */
        {206, G, NULL, NULL, NULL, NULL, "\"a\"", "bytes=0-9"},
        {416, G, NULL, NULL, NULL, NULL, "\"a\"", "bytes=100-"},
        {200, G, NULL, NULL, NULL, NULL, "\"b\"", "bytes=0-9"},
        {200, G, NULL, NULL, NULL, NULL, "\"b\"", "bytes=100-"},
        {200, G, NULL, NULL, NULL, NULL, "W/\"a\"", "bytes=0-9"},
        {200, G, NULL, NULL, NULL, NULL, "*", "bytes=0-9"},
        {200, G, NULL, NULL, NULL, NULL, "\"a\", \"b\"", "bytes=0-9"},
        {206, G, NULL, NULL, NULL, NULL, DATE, "bytes=0-9"},
        {200, G, NULL, NULL, NULL, NULL, AFTER, "bytes=0-9"},
        {200, G, NULL, NULL, NULL, NULL, BEFORE, "bytes=0-9"},
        {200, G, NULL, NULL, NULL, NULL, "", "bytes=0-9"},
        {200, G, NULL, NULL, NULL, NULL, "\"a\"", NULL},
    };
    struct coil__representation what = page();
    static const struct example weak = {200, G, NULL, NULL, NULL, NULL, DATE, "bytes=0-9"};

    check_examples(examples, sizeof examples / sizeof *examples, &what);
    what.now = what.modified; /* 8.8.2.2: it may change again within that second */
    check_examples(&weak, 1, &what);
}

COIL_TEST(conditions_of_nothing)
{
    static const struct example examples[] = {
        {412, O, "*", NULL, NULL, NULL, NULL, NULL},
        {412, O, "\"a\"", NULL, NULL, NULL, NULL, NULL},
        {200, O, NULL, "*", NULL, NULL, NULL, NULL}, /* create it if it is not there */
        {200, O, NULL, "\"a\"", NULL, NULL, NULL, NULL},
        {200, G, NULL, NULL, NULL, NULL, NULL, "bytes=0-9"},
    };
    static const struct example bare[] = {
        {200, G, "*", NULL, NULL, NULL, NULL, NULL},
        {412, G, "\"a\"", NULL, NULL, NULL, NULL, NULL},
        {304, G, NULL, "*", NULL, NULL, NULL, NULL},
        {200, G, NULL, "\"a\"", NULL, NULL, NULL, NULL},
        {200, G, NULL, NULL, AFTER, NULL, NULL, NULL},
        {200, G, NULL, NULL, NULL, BEFORE, NULL, NULL},
        {200, G, NULL, NULL, NULL, NULL, DATE, "bytes=0-9"},
        {206, G, NULL, NULL, NULL, NULL, NULL, "bytes=0-9"},
    };
    struct coil__representation what = {.length = 100};

    check_examples(examples, sizeof examples / sizeof *examples, &what);
    what.exists = true; /* without a tag and a date */
    check_examples(bare, sizeof bare / sizeof *bare, &what);
}

COIL_TEST(conditions_without_ranges)
{
    struct coil__conditions conditions = {.range = coil__slice_of("bytes=0-9")};
    struct coil__representation what = page();

    CHECK_INT(coil__conditions_evaluate(&conditions, COIL__CONDITION_GET, &what, NULL, 0, NULL), ==,
              200);
    CHECK_INT(coil__conditions_evaluate(&conditions, COIL__CONDITION_GET, &what, NULL,
                                        COIL__RANGES_MAX + 1, NULL),
              ==, -EINVAL);
}
