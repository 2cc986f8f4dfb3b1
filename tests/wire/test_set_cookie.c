/* test_set_cookie.c - Set-Cookie as clients read it (RFC 6265, section 5.2; 6265bis). */
#include "wire/cookie.h"

#include "harness.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static char buf[512];

static const char *part_of(struct coil__slice part)
{
    static char bufs[4][128];
    static unsigned next;
    char *text = bufs[next++ % 4];

    snprintf(text, sizeof *bufs, "%.*s", (int)part.size, part.start ? part.start : "");
    return part.start ? text : "-";
}

/* "name value domain path", then what else there is. */
static const char *parse(const char *field)
{
    static const char *const same_site[] = {"", " none", " lax", " strict"};
    struct coil__set_cookie cookie;
    int rc = coil__set_cookie_parse(coil__slice_of(field), &cookie);
    int length;

    if (rc < 0) {
        snprintf(buf, sizeof buf, "%d", -rc);
        return buf;
    }
    length = snprintf(buf, sizeof buf, "%s %s %s %s", part_of(cookie.name), part_of(cookie.value),
                      part_of(cookie.domain), part_of(cookie.path));
    if (cookie.has_expires) {
        length += snprintf(buf + length, sizeof buf - (size_t)length, " expires=%" PRId64,
                           cookie.expires);
    }
    if (cookie.has_max_age) {
        length +=
            snprintf(buf + length, sizeof buf - (size_t)length, " age=%" PRId64, cookie.max_age);
    }
    snprintf(buf + length, sizeof buf - (size_t)length, "%s%s%s", cookie.is_secure ? " secure" : "",
             cookie.is_http_only ? " http" : "", same_site[cookie.same_site]);
    return buf;
}

struct example {
    const char *field;
    const char *parts;
};

static void check_examples(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(parse(examples[i].field), examples[i].parts);
    }
}

COIL_TEST(set_cookie_parsed)
{
    static const struct example examples[] = {
        {"SID=31d4d96e407aad42", "SID 31d4d96e407aad42 - -"},
        {"SID=31d4; Path=/; Secure; HttpOnly", "SID 31d4 - / secure http"},
        {"lang=en-US; Path=/; Domain=example.com", "lang en-US example.com /"},
        {"lang=; Expires=Sun, 06 Nov 1994 08:49:37 GMT", "lang  - - expires=784111777"},
        {" a \t= b \t; secure ", "a b - - secure"},
        {"a=b=c;", "a b=c - -"},
        {"a=\"b;c\"", "a \"b - -"},
        {"a=\tb c,d\xc3\xa4", "a b c,d\xc3\xa4 - -"},
        {"=b", " b - -"}, /* 6265bis, section 5.6: without a name */
        {"b", " b - -"},
        {"a=", "a  - -"},
        {"a=b;;;Secure=no", "a b - - secure"},
        {"a=b; what; ever=x; HTTPONLY=", "a b - - http"},
        /* 5.2.3 */
        {"a=b; Domain=.example.com", "a b example.com -"},
        {"a=b; Domain=..example.com", "a b .example.com -"},
        {"a=b; Domain=", "a b - -"},
        {"a=b; Domain=x; Domain=Y", "a b Y -"},
        {"a=b; Domain=x; Domain", "a b - -"},
        /* 5.2.4 */
        {"a=b; Path=x", "a b - -"},
        {"a=b; Path=/x; Path=", "a b - -"},
        {"a=b; path=/x;PATH = /y ", "a b - /y"},
        /* 5.2.1 */
        {"a=b; Expires=nonsense", "a b - -"},
        {"a=b; Expires=06 Nov 1994 08:49:37; Expires=never", "a b - - expires=784111777"},
        /* 5.2.2 */
        {"a=b; Max-Age=60", "a b - - age=60"},
        {"a=b; Max-Age=0", "a b - - age=0"},
        {"a=b; Max-Age=-1", "a b - - age=0"},
        {"a=b; Max-Age=-99999999999999999999999", "a b - - age=0"},
        {"a=b; Max-Age=99999999999999999999999", "a b - - age=34560000"},
        {"a=b; Max-Age=+1", "a b - -"},
        {"a=b; Max-Age=1x; Max-Age=-; Max-Age=; Max-Age", "a b - -"},
        {"a=b; Max-Age=5; Max-Age=x", "a b - - age=5"},
        /* 6265bis, section 5.6.7 */
        {"a=b; SameSite=none; Secure", "a b - - secure none"},
        {"a=b; SameSite=LAX", "a b - - lax"},
        {"a=b; SameSite=Strict", "a b - - strict"},
        {"a=b; SameSite=Strict; SameSite=what", "a b - -"},
        {"a=b; SameSite", "a b - -"},
    };

    check_examples(examples, sizeof examples / sizeof *examples);
}

COIL_TEST(set_cookie_ignored)
{
    static const struct example examples[] = {
        {"", "8108"}, /* COIL__ECOOKIE_EMPTY */
        {NULL, "8108"},
        {"=", "8108"},
        {" = ; Secure", "8108"},
        {"; a=b", "8108"},
        {"a=b\r\nc", "8107"}, /* COIL__ECOOKIE_CONTROL */
        {"a=b; Path=/\x01", "8107"},
        {"a=\x7f", "8107"},
    };
    static char large[5000];
    struct coil__set_cookie cookie;

    CHECK_INT(COIL__ECOOKIE_EMPTY, ==, 8108);
    check_examples(examples, sizeof examples / sizeof *examples);
    CHECK_INT(coil__set_cookie_parse((struct coil__slice){"a=\0", 3}, &cookie), ==,
              -COIL__ECOOKIE_CONTROL);
    memset(large, 'x', sizeof large);
    large[1] = '=';
    CHECK_INT(coil__set_cookie_parse((struct coil__slice){large, 4097}, &cookie), ==, 0);
    CHECK_INT(coil__set_cookie_parse((struct coil__slice){large, 4098}, &cookie), ==,
              -COIL__ECOOKIE_SIZE);
    /* an attribute that is too long is as good as absent */
    memcpy(large, "a=b;path=/", 10);
    CHECK_INT(coil__set_cookie_parse((struct coil__slice){large, 9 + 1024}, &cookie), ==, 0);
    CHECK_INT(cookie.path.size, ==, 1024);
    CHECK_INT(coil__set_cookie_parse((struct coil__slice){large, 9 + 1025}, &cookie), ==, 0);
    CHECK_PTR(cookie.path.start, ==, NULL);
}

COIL_TEST(set_cookie_that_may_be_stored)
{
    static const struct {
        const char *field;
        const char *host;
        bool is_secure;
        int error;
    } cases[] = {
        {"a=b", "h", false, 0},
        {"a=b; Domain=example.com", "www.example.com", false, 0},
        {"a=b; Domain=www.example.com", "example.com", false, COIL__ECOOKIE_DOMAIN},
        {"a=b; Domain=evil.com", "example.com", false, COIL__ECOOKIE_DOMAIN},
        {"a=b; Domain=0.0.1", "127.0.0.1", false, COIL__ECOOKIE_DOMAIN},
        {"a=b; Secure", "h", false, COIL__ECOOKIE_SECURE},
        {"a=b; Secure", "h", true, 0},
        {"a=b; SameSite=None", "h", true, COIL__ECOOKIE_SECURE},
        {"__Secure-a=b", "h", true, COIL__ECOOKIE_SECURE},
        {"__Secure-a=b; Secure", "h", true, 0},
        {"__Host-a=b; Secure", "h", true, COIL__ECOOKIE_HOST},
        {"__Host-a=b; Secure; Path=/", "h", true, 0},
        {"__Host-a=b; Secure; Path=/; Domain=h", "h", true, COIL__ECOOKIE_HOST},
        {"=__Host-a=b; Path=/", "h", true, COIL__ECOOKIE_NAME},
        {"__secure-a", "h", true, COIL__ECOOKIE_NAME},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__set_cookie cookie;
        int rc;

        CHECK_INT(coil__set_cookie_parse(coil__slice_of(cases[i].field), &cookie), ==, 0);
        rc = coil__set_cookie_check(&cookie, coil__slice_of(cases[i].host), cases[i].is_secure);
        CHECK_MSG(rc == -cases[i].error, "%s: %s", cases[i].field, coil__cookie_strerror(rc));
    }
}

/* 6265bis, section 5.5. */
COIL_TEST(set_cookie_ends)
{
    static const struct {
        const char *field;
        int64_t end;
    } cases[] = {
        {"a=b", INT64_MAX},
        {"a=b; Max-Age=60", 1000060},
        {"a=b; Max-Age=0", INT64_MIN},
        {"a=b; Max-Age=999999999999", 1000000 + 34560000},
        {"a=b; Expires=1 Jan 1970 00:00:05", 5},
        {"a=b; Expires=1 Jan 2037 00:00:05", 1000000 + 34560000},
        {"a=b; Expires=1 Jan 1970 00:00:05; Max-Age=60", 1000060},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__set_cookie cookie;

        CHECK_INT(coil__set_cookie_parse(coil__slice_of(cases[i].field), &cookie), ==, 0);
        CHECK_INT(coil__set_cookie_end(&cookie, 1000000), ==, cases[i].end);
    }
}

/* Section 5.1.1. */
COIL_TEST(cookie_dates)
{
    static const char *const good[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "6 nov 94 8:49:37",
        "8:49:37 6 1994 NOVEMBER",
        "1994-6-novx-8:49:37", /* the year is no day: it has four digits */
        "06Nov 1994x 08:49:37.5 PST november 1999 7 9:9:9",
        "(((06)))Nov;1994@08:49:37+0100",
        "Sun, 06 Nov 1994 08:49:37 2007",
        "\xff 06 Nov 1994 08:49:37",
    };
    static const char *const bad[] = {
        "",
        "06 Nov 1994",
        "Nov 1994 08:49:37",
        "06 1994 08:49:37",
        "06 Nov 08:49:37",
        "06 Nov 1994 08:49",
        "06 Nov 1994 008:49:37",
        "06 Nov 1994 08:490:37",
        "06 Nov 1994 24:00:00",
        "06 Nov 1994 00:60:00",
        "06 Nov 1994 00:00:60",
        "00 Nov 1994 08:49:37",
        "31 Nov 1994 08:49:37",
        "32 Nov 1994 08:49:37",
        "29 Feb 1995 08:49:37",
        "06 Nov 1600 08:49:37",
        "06 Nov 19941 08:49:37",
        "006 Nov 1994x 08:49:37",
    };
    int64_t seconds;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        seconds = 0;
        CHECK_MSG(coil__cookie_date_parse(coil__slice_of(good[i]), &seconds) == 0, "%s", good[i]);
        CHECK_MSG(seconds == 784111777, "%s: %" PRId64, good[i], seconds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        seconds = 5;
        CHECK_MSG(coil__cookie_date_parse(coil__slice_of(bad[i]), &seconds) == -EBADMSG, "%s",
                  bad[i]);
        CHECK_INT(seconds, ==, 5);
    }
    CHECK_INT(coil__cookie_date_parse(coil__slice_of("1 Jan 69 0:0:0"), &seconds), ==, 0);
    CHECK_INT(seconds, ==, 3124224000);
    CHECK_INT(coil__cookie_date_parse(coil__slice_of("1 Jan 70 0:0:0"), &seconds), ==, 0);
    CHECK_INT(seconds, ==, 0);
}
