/* test_http_date.c - dates (RFC 9110, section 5.6.7), compared with libc's calendar. */
#include "wire/http_date.h"

#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define NOW INT64_C(1790000000) /* in 2026 */

static int64_t parse(const char *text)
{
    int64_t seconds = INT64_MIN;
    int rc = coil__http_date_parse(coil__slice_of(text), NOW, &seconds);

    CHECK((rc == 0 && seconds != INT64_MIN) || (rc == -EBADMSG && seconds == INT64_MIN));
    return rc < 0 ? rc : seconds;
}

COIL_TEST(date_of_the_three_kinds)
{
    CHECK_INT(parse("Sun, 06 Nov 1994 08:49:37 GMT"), ==, 784111777);
    CHECK_INT(parse("Sunday, 06-Nov-94 08:49:37 GMT"), ==, 784111777);
    CHECK_INT(parse("Sun Nov  6 08:49:37 1994"), ==, 784111777);
    CHECK_INT(parse("Wed Nov 16 08:49:37 1994"), ==, 784111777 + 10 * 86400);
    CHECK_INT(parse("Thu, 01 Jan 1970 00:00:00 GMT"), ==, 0);
    CHECK_INT(parse("Thu, 31 Dec 1998 23:59:60 GMT"), ==, 915148800);
    CHECK_INT(parse("Tue, 29 Feb 2000 00:00:00 GMT"), ==, 951782400);
    CHECK_INT(parse("Sat, 01 Jan 0000 00:00:00 GMT"), ==, COIL__HTTP_DATE_MIN);
    CHECK_INT(parse("Fri, 31 Dec 9999 23:59:59 GMT"), ==, COIL__HTTP_DATE_MAX);
    CHECK_INT(parse("Mon, 06 Nov 1994 08:49:37 GMT"), ==, 784111777); /* the wrong day */
    CHECK_INT(parse("Wednesday, 06-Nov-94 08:49:37 GMT"), ==, 784111777);
}

COIL_TEST(date_that_is_none)
{
    static const char *const cases[] = {
        "",
        "0",
        "Sun",
        "Sun,",
        "sun, 06 Nov 1994 08:49:37 GMT", /* case-sensitive */
        "Sun, 06 NOV 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 23:60:00 GMT",
        "Sun, 06 Nov 1994 23:59:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 1900 00:00:00 GMT",
        "Sun, 29 Feb 2026 00:00:00 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xxx 1994 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov +994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sunda, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 06 08:49:37 1994 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov   6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_MSG(parse(cases[i]) == -EBADMSG, "%s", cases[i]);
    }
    CHECK_INT(coil__http_date_parse((struct coil__slice){"Sun, 06 Nov 1994 08:49:37 GMT", 28}, NOW,
                                    &(int64_t){0}),
              ==, -EBADMSG);
}

/* More than 50 years ahead is the past. */
COIL_TEST(date_with_two_digits)
{
    static const struct {
        int now; /* the year */
        const char *digits;
        int year;
    } cases[] = {
        {2026, "26", 2026}, {2026, "00", 2000}, {2026, "76", 2076}, {2026, "77", 1977},
        {2026, "99", 1999}, {1994, "44", 2044}, {1994, "45", 1945}, {1994, "06", 2006},
        {2075, "25", 2125}, {2075, "26", 2026}, {1970, "70", 1970}, {9999, "40", 9940},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__calendar now = {.year = cases[i].now, .month = 6, .day = 1};
        struct coil__calendar expected = {.year = cases[i].year, .month = 11, .day = 6};
        int64_t seconds;
        int64_t expected_seconds;
        int64_t now_seconds;
        char text[64];
        int rc;

        CHECK_OK(coil__calendar_to_seconds(&now, &now_seconds));
        snprintf(text, sizeof text, "Sunday, 06-Nov-%s 00:00:00 GMT", cases[i].digits);
        rc = coil__http_date_parse(coil__slice_of(text), now_seconds, &seconds);
        if (cases[i].now == 9999) {
            CHECK(rc == 0 || rc == -EBADMSG); /* the year 10040 has no date */
            continue;
        }
        CHECK_INT(rc, ==, 0);
        CHECK_OK(coil__calendar_to_seconds(&expected, &expected_seconds));
        CHECK_INT(seconds, ==, expected_seconds);
    }
    CHECK_INT(coil__http_date_parse(coil__slice_of("Sunday, 06-Nov-94 08:49:37 GMT"), INT64_MIN,
                                    &(int64_t){0}),
              ==, 0);
    CHECK_INT(coil__http_date_parse(coil__slice_of("Sunday, 06-Nov-94 08:49:37 GMT"), INT64_MAX,
                                    &(int64_t){0}),
              ==, 0);
}

/* Over all that has a date, in steps that meet every day of the week, month and leap year. */
COIL_TEST(date_as_libc_has_it)
{
    int64_t step = INT64_C(86400) * 13 + 12345;

    step *= test_has_valgrind() ? 100 : 1;
    for (int64_t at = COIL__HTTP_DATE_MIN; at <= COIL__HTTP_DATE_MAX; at += step) {
        char text[COIL__HTTP_DATE_SIZE];
        char expected[64];
        struct tm tm;
        time_t time = (time_t)at;

        CHECK(gmtime_r(&time, &tm) != NULL);
        strftime(expected, sizeof expected, "%a, %d %b year %H:%M:%S GMT", &tm);
        snprintf(text, sizeof text, "%04u", (unsigned)(tm.tm_year + 1900) % 10000);
        memcpy(expected + 12, text, 4);
        coil__http_date_format(at, text);
        CHECK_STR(text, expected);
        CHECK_INT(parse(text), ==, at);
    }
}

COIL_TEST(date_beyond_the_bounds)
{
    char text[COIL__HTTP_DATE_SIZE];

    coil__http_date_format(INT64_MIN, text);
    CHECK_STR(text, "Sat, 01 Jan 0000 00:00:00 GMT");
    coil__http_date_format(INT64_MAX, text);
    CHECK_STR(text, "Fri, 31 Dec 9999 23:59:59 GMT");
    coil__http_date_format(-1, text);
    CHECK_STR(text, "Wed, 31 Dec 1969 23:59:59 GMT");
    CHECK_INT(coil__month_of(coil__slice_of("dEC")), ==, 12);
    CHECK_INT(coil__month_of(coil__slice_of("Decem")), ==, 0);
}
