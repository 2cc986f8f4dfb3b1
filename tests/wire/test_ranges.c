/* test_ranges.c - Range and Content-Range (RFC 9110, section 14). */
#include "wire/ranges.h"

#include "harness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { MAX = 4 };

/* "416", "200", or the ranges. */
static const char *ranges_of(const char *field, uint64_t length)
{
    static char buf[256];
    struct coil__range ranges[MAX] = {{77, 77}};
    int count = coil__ranges_parse(coil__slice_of(field), length, ranges, MAX);
    size_t at = 0;

    if (count <= 0) {
        CHECK_INT(ranges[0].first, ==, 77);
        CHECK(count == 0 || count == -ERANGE);
        return count == 0 ? "200" : "416";
    }
    for (int i = 0; i < count; i++) {
        at += (size_t)snprintf(buf + at, sizeof buf - at, "%s%" PRIu64 "-%" PRIu64,
                               i > 0 ? "," : "", ranges[i].first, ranges[i].last);
    }
    return buf;
}

struct example {
    const char *field;
    const char *ranges;
};

static void check_examples(const struct example *examples, size_t count, uint64_t length)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_MSG(strcmp(ranges_of(examples[i].field, length), examples[i].ranges) == 0, "%s: %s",
                  examples[i].field, ranges_of(examples[i].field, length));
    }
}

COIL_TEST(ranges_of_bytes)
{
    static const struct example examples[] = {
        /* section 14.1.2: a representation of 10000 bytes */
        {"bytes=0-499", "0-499"},
        {"bytes=500-999", "500-999"},
        {"bytes=-500", "9500-9999"},
        {"bytes=9500-", "9500-9999"},
        {"bytes=0-0,-1", "0-0,9999-9999"},
        {"bytes= 0-999, 4500-5499, -1000", "0-999,4500-5499,9000-9999"},
        {"BYTES=0-0", "0-0"}, /* section 14.1: the unit's case does not matter */
        {" bytes=0-0 ", "0-0"},
        {"bytes=,0-0 ,, 5000-5000,", "0-0,5000-5000"}, /* section 5.6.1 */
        {"bytes=0-99999", "0-9999"},
        {"bytes=-99999", "0-9999"},
        {"bytes=0-99999999999999999999999999", "0-9999"},
        {"bytes=-99999999999999999999999999", "0-9999"},
        {"bytes=10000-", "416"},
        {"bytes=10000-20000", "416"},
        {"bytes=99999999999999999999999999-", "416"},
        {"bytes=-0", "416"},
        {"bytes=-0,10000-", "416"},
        {"bytes=10000-,5-6", "5-6"},
        /* joined (section 15.3.7.2) */
        {"bytes=500-700,601-999", "500-999"},
        {"bytes=500-600,601-999", "500-999"},
        {"bytes=500-600,680-999", "500-999"},
        {"bytes=500-600,681-999", "500-600,681-999"},
        {"bytes=500-600,0-100", "500-600,0-100"}, /* in the order of the field */
        {"bytes=500-600,0-500", "0-600"},
        {"bytes=0-100,300-400,101-220", "0-400"},
    };

    check_examples(examples, sizeof examples / sizeof *examples, 10000);
}

COIL_TEST(ranges_ignored)
{
    static const struct example examples[] = {
        {"", "200"},
        {"bytes", "200"},
        {"bytes=", "200"},
        {"bytes=,", "200"},
        {"bytes 0-1", "200"},
        {"bytes =0-1", "200"},
        {"items=0-1", "200"}, /* section 14.2: another unit */
        {"bytes=-", "200"},
        {"bytes=1", "200"},
        {"bytes=a-b", "200"},
        {"bytes=1-b", "200"},
        {"bytes=1 -2", "200"},
        {"bytes=1- 2", "200"},
        {"bytes=--1", "200"},
        {"bytes=1--2", "200"},
        {"bytes=+1-2", "200"},
        {"bytes=0x1-2", "200"},
        {"bytes=2-1", "200"}, /* section 14.1.1: invalid */
        {"bytes=0-1,2-1", "200"},
        {"bytes=0-1;2-3", "200"},
        /* section 14.2: more than two overlap, or too many */
        {"bytes=0-,0-,0-", "200"},
        {"bytes=0-10,5-20,8-30", "200"},
        {"bytes=0-,1-1,2-2", "200"},
        {"bytes=0-0,200-200,400-400,600-600,800-800", "200"},
        {"bytes=10000-,10000-,10000-,10000-,10000-", "200"},
    };

    check_examples(examples, sizeof examples / sizeof *examples, 10000);
    CHECK_STR(ranges_of("bytes=0-", 0), "200");
    CHECK_STR(ranges_of("bytes=-1", 0), "200");
    CHECK_STR(ranges_of(NULL, 10), "200");
}

COIL_TEST(ranges_of_the_largest)
{
    CHECK_STR(ranges_of("bytes=0-", UINT64_MAX), "0-18446744073709551614");
    CHECK_STR(ranges_of("bytes=18446744073709551614-", UINT64_MAX),
              "18446744073709551614-18446744073709551614");
    CHECK_STR(ranges_of("bytes=18446744073709551615-", UINT64_MAX), "416");
    CHECK_STR(ranges_of("bytes=0-18446744073709551615", 1), "0-0");
}

COIL_TEST(ranges_bounds_of_the_caller)
{
    struct coil__range ranges[COIL__RANGES_MAX];
    struct coil__slice field = coil__slice_of("bytes=0-1");
    char many[64 * 16] = "bytes=";
    size_t at = 6;

    CHECK_INT(coil__ranges_parse(field, 9, ranges, 0), ==, -EINVAL);
    CHECK_INT(coil__ranges_parse(field, 9, ranges, COIL__RANGES_MAX + 1), ==, -EINVAL);
    CHECK_INT(coil__ranges_parse(field, 9, ranges, 1), ==, 1);
    for (int i = 0; i < COIL__RANGES_MAX; i++) {
        at += (size_t)snprintf(many + at, sizeof many - at, "%d-%d,", i * 1000, i * 1000);
    }
    CHECK_INT(coil__ranges_parse(coil__slice_of(many), 1000000, ranges, COIL__RANGES_MAX), ==,
              COIL__RANGES_MAX);
    CHECK_INT(ranges[63].first, ==, 63000);
}

COIL_TEST(content_range_written)
{
    char buf[COIL__CONTENT_RANGE_SIZE];

    CHECK_INT(coil__content_range_format(&(struct coil__range){0, 9}, 100, buf, sizeof buf), ==,
              13);
    CHECK_STR(buf, "bytes 0-9/100");
    CHECK_INT(coil__content_range_format(NULL, 100, buf, sizeof buf), ==, 11);
    CHECK_STR(buf, "bytes */100");
    CHECK_INT(coil__content_range_format(&(struct coil__range){UINT64_MAX - 2, UINT64_MAX - 1},
                                         UINT64_MAX, buf, sizeof buf),
              ==, COIL__CONTENT_RANGE_SIZE - 2);
    CHECK_INT(coil__content_range_format(NULL, 100, buf, 11), ==, -ENOSPC);
}

/* Section 14.4. */
COIL_TEST(content_range_read)
{
    static const struct {
        const char *field;
        int rc;
        struct coil__content_range range;
    } cases[] = {
        {"bytes 42-1233/1234", 0, {{42, 1233}, 1234, true, true}},
        {"bytes 42-1233/*", 0, {{42, 1233}, 0, true, false}},
        {"bytes */1234", 0, {{0, 0}, 1234, false, true}},
        {"BYTES 0-0/1", 0, {{0, 0}, 1, true, true}},
        {"bytes 0-1/1", -EBADMSG, {{0}}},
        {"bytes 2-1/9", -EBADMSG, {{0}}},
        {"bytes */*", -EBADMSG, {{0}}},
        {"bytes 0-1", -EBADMSG, {{0}}},
        {"bytes 0-1/", -EBADMSG, {{0}}},
        {"bytes 0-/9", -EBADMSG, {{0}}},
        {"bytes -1/9", -EBADMSG, {{0}}},
        {"bytes=0-1/9", -EBADMSG, {{0}}},
        {"bytes  0-1/9", -EBADMSG, {{0}}},
        {"bytes 0-1/9x", -EBADMSG, {{0}}},
        {"bytes 0-1/18446744073709551616", -EBADMSG, {{0}}},
        {"items 0-1/9", -EBADMSG, {{0}}},
        {"", -EBADMSG, {{0}}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct coil__content_range *expected = &cases[i].range;
        struct coil__content_range range = {0};
        int rc = coil__content_range_parse(coil__slice_of(cases[i].field), &range);

        CHECK_MSG(rc == cases[i].rc, "%s: %d", cases[i].field, rc);
        CHECK_INT(range.range.first, ==, expected->range.first);
        CHECK_INT(range.range.last, ==, expected->range.last);
        CHECK_INT(range.length, ==, expected->length);
        CHECK_INT(range.is_satisfied, ==, expected->is_satisfied);
        CHECK_INT(range.has_length, ==, expected->has_length);
    }
}
