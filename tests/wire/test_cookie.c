/* test_cookie.c - cookies as a server reads and writes them, and which of them a client sends
 * (RFC 6265). */
#include "wire/cookie.h"

#include "harness.h"

#include <coil/error.h>

#include <errno.h>
#include <stdio.h>

static char buf[256];

static const char *cookies_of(const char *field)
{
    struct coil__cookies cookies;
    struct coil__slice name;
    struct coil__slice value;
    size_t length = 0;

    buf[0] = '\0';
    coil__cookies_init(&cookies, coil__slice_of(field), 10);
    while (coil__cookies_next(&cookies, &name, &value) > 0) {
        length += (size_t)snprintf(buf + length, sizeof buf - length, "[%.*s=%.*s]", (int)name.size,
                                   name.start, (int)value.size, value.start);
    }
    CHECK_INT(coil__cookies_next(&cookies, &name, &value), ==, 0);
    return buf;
}

/* Section 4.2.1, and what comes all the same. */
COIL_TEST(cookies_read)
{
    CHECK_STR(cookies_of(NULL), "");
    CHECK_STR(cookies_of(""), "");
    CHECK_STR(cookies_of("SID=31d4d96e407aad42; lang=en-US"), "[SID=31d4d96e407aad42][lang=en-US]");
    CHECK_STR(cookies_of("a=b;c=d;"), "[a=b][c=d]");
    CHECK_STR(cookies_of(" a = b ;\tc=\t"), "[a=b][c=]");
    CHECK_STR(cookies_of("a=b=c"), "[a=b=c]");
    CHECK_STR(cookies_of("a=\"b\""), "[a=\"b\"]");
    CHECK_STR(cookies_of("a=\"b;c\""), "[a=\"b]"); /* quotes keep nothing together */
    CHECK_STR(cookies_of("a; =b; ;;c=d"), "[c=d]");
    CHECK_STR(cookies_of("a=1; a=2"), "[a=1][a=2]");
    CHECK_STR(cookies_of("a=%3B, b=c"), "[a=%3B, b=c]");
}

COIL_TEST(cookies_bounds)
{
    struct coil__cookies cookies;
    struct coil__slice name;
    struct coil__slice value;

    coil__cookies_init(&cookies, coil__slice_of("a=1;x;b=2;c=3"), 2);
    CHECK_INT(coil__cookies_next(&cookies, &name, &value), ==, 1);
    CHECK_INT(coil__cookies_next(&cookies, &name, &value), ==, 1);
    CHECK_INT(coil__cookies_next(&cookies, &name, &value), ==, -COIL_ELIMIT);
    CHECK_INT(coil__cookies_next(&cookies, &name, &value), ==, 0);
    CHECK(coil__slice_is(value, "2"));
}

COIL_TEST(cookies_find)
{
    struct coil__slice field = coil__slice_of("aa=1; a=2; a=3; A=4");
    struct coil__slice value = {0};

    CHECK_INT(coil__cookies_find(field, coil__slice_of("a"), 9, &value), ==, 1);
    CHECK(coil__slice_is(value, "2"));
    CHECK_INT(coil__cookies_find(field, coil__slice_of("A"), 9, &value), ==, 1);
    CHECK(coil__slice_is(value, "4"));
    CHECK_INT(coil__cookies_find(field, coil__slice_of("b"), 9, &value), ==, 0);
    CHECK_INT(coil__cookies_find(field, coil__slice_of("A"), 3, &value), ==, -COIL_ELIMIT);
}

/* --- Set-Cookie --- */

static struct coil__set_cookie cookie_of(const char *name, const char *value)
{
    return (struct coil__set_cookie){.name = coil__slice_of(name), .value = coil__slice_of(value)};
}

static ssize_t format(const struct coil__set_cookie *cookie)
{
    ssize_t length = coil__set_cookie_format(cookie, buf, sizeof buf);

    CHECK(length < 0 || strlen(buf) == (size_t)length);
    return length;
}

COIL_TEST(set_cookie_written)
{
    struct coil__set_cookie cookie = cookie_of("SID", "31d4");
    ssize_t length;

    CHECK_OK(format(&cookie));
    CHECK_STR(buf, "SID=31d4");
    cookie.expires = 1623233894;
    cookie.has_expires = true;
    cookie.max_age = 60;
    cookie.has_max_age = true;
    cookie.domain = coil__slice_of("example.com");
    cookie.path = coil__slice_of("/a b");
    cookie.is_secure = true;
    cookie.is_http_only = true;
    cookie.same_site = COIL__SAME_SITE_LAX;
    length = format(&cookie);
    CHECK_OK(length);
    CHECK_STR(buf, "SID=31d4; Expires=Wed, 09 Jun 2021 10:18:14 GMT; Max-Age=60; "
                   "Domain=example.com; Path=/a b; Secure; HttpOnly; SameSite=Lax");
    for (size_t size = 0; size <= (size_t)length; size++) {
        CHECK_INT(coil__set_cookie_format(&cookie, buf, size), ==, -ENOSPC);
    }
    cookie = cookie_of("a", "");
    cookie.has_max_age = true;
    cookie.max_age = -1;
    cookie.same_site = COIL__SAME_SITE_STRICT;
    CHECK_OK(format(&cookie));
    CHECK_STR(buf, "a=; Max-Age=0; SameSite=Strict");
    cookie = cookie_of("__Host-a", "\"b\"");
    cookie.is_secure = true;
    cookie.path = coil__slice_of("/");
    cookie.same_site = COIL__SAME_SITE_NONE;
    CHECK_OK(format(&cookie));
    CHECK_STR(buf, "__Host-a=\"b\"; Path=/; Secure; SameSite=None");
}

COIL_TEST(set_cookie_not_written)
{
    static const char *const names[] = {"", "a b", "a=b", "a;b", "a\"", "\xc3\xa4", "a\n", "(a)"};
    static const char *const values[] = {"a b",  "a;b",  "a,b",      "a\"b", "\"",
                                         "a\\b", "a\nb", "\xc3\xa4", "\x7f", "\"a\"b\""};
    static const char *const domains[] = {"", ".a", "a b", "a;b", "a:80", "a/b"};
    static const char *const paths[] = {"", "a", "/a;b", "/a\nb", "/\xc3\xa4"};
    struct coil__set_cookie cookie;
    char large[4097];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cookie = cookie_of(names[i], "b");
        CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_NAME);
    }
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        cookie = cookie_of("a", values[i]);
        CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_VALUE);
    }
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        cookie = cookie_of("a", "b");
        cookie.domain = coil__slice_of(domains[i]);
        CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_DOMAIN);
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        cookie = cookie_of("a", "b");
        cookie.path = coil__slice_of(paths[i]);
        CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_PATH);
    }
    memset(large, 'x', sizeof large);
    cookie = cookie_of("a", "b");
    cookie.value = (struct coil__slice){large, 4096};
    CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_SIZE);
    cookie.value.size = 4095;
    CHECK_INT(format(&cookie), ==, -ENOSPC);
}

/* 6265bis, sections 4.1.2.7 and 4.1.3. */
COIL_TEST(set_cookie_promises)
{
    struct coil__set_cookie cookie = cookie_of("a", "b");

    cookie.same_site = COIL__SAME_SITE_NONE;
    CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_SECURE);
    cookie.is_secure = true;
    CHECK_OK(format(&cookie));
    cookie = cookie_of("__secure-a", "b");
    CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_SECURE);
    cookie.is_secure = true;
    CHECK_OK(format(&cookie));
    cookie = cookie_of("__HOST-a", "b");
    cookie.path = coil__slice_of("/");
    CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_HOST);
    cookie.is_secure = true;
    CHECK_OK(format(&cookie));
    cookie.domain = coil__slice_of("h");
    CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_HOST);
    cookie.domain = coil__slice_of(NULL);
    cookie.path = coil__slice_of("/a");
    CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_HOST);
    cookie.path = coil__slice_of(NULL);
    CHECK_INT(format(&cookie), ==, -COIL__ECOOKIE_HOST);
}

/* --- matching --- */

COIL_TEST(cookie_domains)
{
    static const struct {
        const char *host;
        const char *domain;
        bool matches;
    } cases[] = {
        /* section 5.1.3 */
        {"example.com", "example.com", true},
        {"Example.COM", "eXample.com", true},
        {"www.example.com", "example.com", true},
        {"a.b.example.com", "example.com", true},
        {"badexample.com", "example.com", false},
        {"example.com", "www.example.com", false},
        {"example.com.", "example.com", false},
        {"example.com", "", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "0.0.1", false},
        {"1.2.3.4", "4", false},
        {"::1", "::1", true},
        {"fe80::1.2", "2", false},
        {"a1", "1", false},
        {"h.a1", "a1", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_MSG(coil__cookie_domain_matches(coil__slice_of(cases[i].host),
                                              coil__slice_of(cases[i].domain)) == cases[i].matches,
                  "%s, %s", cases[i].host, cases[i].domain);
    }
}

COIL_TEST(cookie_paths)
{
    static const struct {
        const char *request;
        const char *cookie;
        bool matches;
    } cases[] = {
        /* section 5.1.4 */
        {"/", "/", true},      {"/a", "/", true},    {"/a", "/a", true},   {"/a/b", "/a", true},
        {"/a/b", "/a/", true}, {"/a", "/a/", false}, {"/ab", "/a", false}, {"/", "/a", false},
        {"/A", "/a", false},   {"/a", "", false},    {"", "/", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_MSG(coil__cookie_path_matches(coil__slice_of(cases[i].request),
                                            coil__slice_of(cases[i].cookie)) == cases[i].matches,
                  "%s, %s", cases[i].request, cases[i].cookie);
    }
}

COIL_TEST(cookie_default_path)
{
    static const char *const cases[][2] = {
        {"", "/"},     {"a", "/"},     {"/", "/"},        {"/a", "/"},
        {"/a/", "/a"}, {"/a/b", "/a"}, {"/a/b/", "/a/b"}, {"//", "/"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_MSG(
            coil__slice_is(coil__cookie_default_path(coil__slice_of(cases[i][0])), cases[i][1]),
            "%s", cases[i][0]);
    }
}

COIL_TEST(cookie_sentences)
{
    for (int error = COIL__ECOOKIE_NAME; error < COIL__ECOOKIE_END_; error++) {
        CHECK_CONTAINS(coil__cookie_strerror(-error), "ookie");
    }
    CHECK_STR(coil__cookie_strerror(-ENOSPC), coil_strerror(-ENOSPC));
    CHECK_STR(coil__cookie_strerror(-COIL__ECOOKIE_END_), coil_strerror(-COIL__ECOOKIE_END_));
}
