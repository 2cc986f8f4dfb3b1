/* test_url_resolve.c - references resolved against a base (RFC 3986, section 5), URLs put together
 * and made alike (section 6.2). */
#include "wire/url.h"

#include "harness.h"

#include <errno.h>
#include <stdio.h>

static char buf[256];

static void parse(const char *text, struct coil__url *ret_url)
{
    int rc = coil__url_parse(coil__slice_of(text), 0, ret_url);

    CHECK_MSG(rc == 0, "%s: %s", text, coil__url_strerror(rc));
}

/* The parts that are returned must be those of the text that is written. */
static void check_parts(const struct coil__url *parts, ssize_t length)
{
    struct coil__url url;

    CHECK_MSG(length >= 0, "%zd", length);
    CHECK_INT(strlen(buf), ==, length);
    parse(buf, &url);
    CHECK(coil__slice_is_equal(url.scheme, parts->scheme));
    CHECK(coil__slice_is_equal(url.userinfo, parts->userinfo));
    CHECK(coil__slice_is_equal(url.host, parts->host));
    CHECK(coil__slice_is_equal(url.path, parts->path));
    CHECK(coil__slice_is_equal(url.query, parts->query));
    CHECK(coil__slice_is_equal(url.fragment, parts->fragment));
    CHECK(!url.host.start == !parts->host.start && !url.query.start == !parts->query.start &&
          !url.userinfo.start == !parts->userinfo.start);
    CHECK_INT(url.port, ==, parts->port);
    CHECK_INT(url.host_kind, ==, parts->host_kind);
}

static const char *resolve(const char *base_text, const char *text)
{
    struct coil__url base;
    struct coil__url reference;
    struct coil__url url;
    size_t enough = strlen(base_text) + strlen(text) + 4;
    ssize_t length;

    parse(base_text, &base);
    parse(text, &reference);
    memset(buf, '#', sizeof buf);
    length = coil__url_resolve(&base, &reference, buf, enough, &url);
    check_parts(&url, length);
    CHECK_INT(buf[enough], ==, '#');
    return buf;
}

struct example {
    const char *reference;
    const char *target;
};

static void check_examples(const char *base, const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_STR(resolve(base, examples[i].reference), examples[i].target);
    }
}

COIL_TEST(resolve_normal_examples)
{
    static const struct example examples[] = {
        /* RFC 3986, section 5.4.1 */
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {"g?y#s", "http://a/b/c/g?y#s"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y#s"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
    };

    check_examples("http://a/b/c/d;p?q", examples, sizeof examples / sizeof *examples);
}

COIL_TEST(resolve_abnormal_examples)
{
    static const struct example examples[] = {
        /* RFC 3986, section 5.4.2 */
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/./x", "http://a/b/c/g#s/./x"},
        {"g#s/../x", "http://a/b/c/g#s/../x"},
        {"http:g", "http:g"}, /* strict */
    };

    check_examples("http://a/b/c/d;p?q", examples, sizeof examples / sizeof *examples);
}

COIL_TEST(resolve_other)
{
    CHECK_STR(resolve("http://u:p@[::1]:8080", "g"), "http://u:p@[::1]:8080/g");
    CHECK_STR(resolve("http://a", ""), "http://a");
    CHECK_STR(resolve("http://a?q", "#f"), "http://a?q#f");
    CHECK_STR(resolve("http://a/b/../c?q", ""), "http://a/b/../c?q");
    CHECK_STR(resolve("http://a/b?q", "?"), "http://a/b?");
    CHECK_STR(resolve("http://a/b", "//u@c:1/../d"), "http://u@c:1/d");
    CHECK_STR(resolve("http://a/b", "https://c/./d/../e"), "https://c/e");
    CHECK_STR(resolve("http://a/b//c/d", "../e"), "http://a/b//e");
    CHECK_STR(resolve("http://a/b", ".//c"), "http://a//c");
    CHECK_STR(resolve("mailto:a", "b"), "mailto:b");
    CHECK_STR(resolve("x:a/b", "../../c"), "x:/c");
    /* no authority out of a path */
    CHECK_STR(resolve("x:/a", "..//b"), "x:/.//b");
    CHECK_STR(resolve("x:/a/b", "/.//b"), "x:/.//b");
    CHECK_STR(resolve("x:a", "./..//b"), "x:/b");
}

COIL_TEST(resolve_failures)
{
    struct coil__url base;
    struct coil__url reference;
    struct coil__url url = {.port = 77};

    parse("//h/a", &base);
    parse("b", &reference);
    CHECK_INT(coil__url_resolve(&base, &reference, buf, sizeof buf, &url), ==, -EINVAL);
    CHECK_INT(coil__url_normalize(&base, buf, sizeof buf, &url), ==, -EINVAL);
    parse("http://u@h:80/a?q", &base);
    parse("..//b?r#s", &reference);
    for (size_t size = 0; size < strlen("http://u@h:80//b?r#s") + 1; size++) {
        CHECK_INT(coil__url_resolve(&base, &reference, buf, size, &url), ==, -ENOSPC);
    }
    CHECK_INT(url.port, ==, 77);
}

/* RFC 3986, section 5.2.4. */
COIL_TEST(dots_removed)
{
    static const struct example examples[] = {
        {"/a/b/c/./../../g", "/a/g"},
        {"mid/content=5/../6", "mid/6"},
        {"", ""},
        {"/", "/"},
        {".", ""},
        {"..", ""},
        {"./", ""},
        {"../../a", "a"},
        {".././..", ""},
        {"/.", "/"},
        {"/..", "/"},
        {"/../..", "/"},
        {"/a/..", "/"},
        {"a/..", "/"},
        {"a/../b", "/b"},
        {"/a//..", "/a/"},
        {"/a//../..", "/"},
        {"//", "//"},
        {"//..", "/"},
        {"/...", "/..."},
        {"/..a/.b./", "/..a/.b./"},
        {"/a/%2e%2e/b", "/a/%2e%2e/b"},
    };

    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        size_t size = strlen(examples[i].reference);

        memcpy(buf, examples[i].reference, size);
        size = coil__url_remove_dots(buf, size);
        buf[size] = '\0';
        CHECK_STR(buf, examples[i].target);
    }
}

COIL_TEST(format_is_what_was_parsed)
{
    static const char *const cases[] = {
        "http://u:p@h:1/p?q#f", "//h", "",    "?",  "#",    "?#",
        "http://[::1]:1",       "a/b", "x:y", "x:", "///p", "http://@h",
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__url url;
        size_t size = strlen(cases[i]) + 1;

        parse(cases[i], &url);
        CHECK_INT(coil__url_format(&url, buf, size), ==, size - 1);
        CHECK_STR(buf, cases[i]);
        CHECK_INT(coil__url_format(&url, buf, size - 1), ==, -ENOSPC);
    }
}

COIL_TEST(format_path_that_looks_like_an_authority)
{
    struct coil__url url;

    CHECK_INT(coil__url_parse_target(coil__slice_of("//a/b"), 0, &url), ==, 0);
    CHECK_INT(coil__url_format(&url, buf, sizeof buf), ==, 7);
    CHECK_STR(buf, "/.//a/b");
    for (size_t size = 0; size < 8; size++) {
        CHECK_INT(coil__url_format(&url, buf, size), ==, -ENOSPC);
    }
}

COIL_TEST(normalized)
{
    static const struct example examples[] = {
        /* RFC 3986, section 6.2.2 */
        {"eXAMPLE://a/./b/../b/%63/%7bfoo%7d", "example://a/b/c/%7Bfoo%7D"},
        {"HTTP://www.EXAMPLE.com/", "http://www.example.com/"},
        {"http://a%4F%c3%a4.x", "http://ao%C3%A4.x/"},
        /* section 6.2.3 */
        {"http://example.com", "http://example.com/"},
        {"http://example.com:", "http://example.com/"},
        {"http://example.com:80?q", "http://example.com/?q"},
        {"https://[ABCD::]:443/a", "https://[abcd::]/a"},
        {"wss://h:80", "wss://h:80/"},
        {"ftp://h:21", "ftp://h:21"},
        {"http:..", "http:"}, /* no authority, no root */
        {"http://h/%2e%2E/a/%2f%3F#%7E", "http://h/a/%2F%3F#~"},
        {"http://h/?%41=%26", "http://h/?A=%26"},
        {"x:A%2f", "x:A%2F"},
        {"x:/%2e//a", "x:/.//a"},
        {"x:/.//a", "x:/.//a"},
    };

    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct coil__url url;
        struct coil__url normal;

        parse(examples[i].reference, &url);
        check_parts(&normal, coil__url_normalize(&url, buf, sizeof buf, &normal));
        CHECK_STR(buf, examples[i].target);
    }
}
