/* test_url.c - URLs and queries for users (coil/http_url.h). What the wire layer makes of texts has
 * tests of its own (tests/wire/test_url.c). */
#include "fault.h"
#include "harness.h"

#include <coil/error.h>
#include <coil/http_url.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct coil_http_url *parsed(const char *text)
{
    struct coil_http_url *url = NULL;

    CHECK_ERR(coil_http_url_parse(text, &url), 0);
    return url;
}

COIL_TEST(url_parts)
{
    struct coil_http_url *url = parsed("HTTP://Example.ORG:8080/a/b%20c?q=1&r=%2F#Top");

    CHECK_STR(url->text, "HTTP://Example.ORG:8080/a/b%20c?q=1&r=%2F#Top");
    CHECK_STR(url->scheme, "http");
    CHECK_STR(url->host, "example.org");
    CHECK_STR(url->origin, "http://example.org:8080");
    CHECK_STR(url->target, "/a/b%20c?q=1&r=%2F");
    CHECK_STR(url->path, "/a/b%20c");
    CHECK_STR(url->query, "q=1&r=%2F");
    CHECK_STR(url->fragment, "Top");
    CHECK_INT(url->port, ==, 8080);
    coil_http_url_free(url);
    coil_http_url_free(NULL);
}

COIL_TEST(url_parts_that_are_absent)
{
    static const struct {
        const char *text;
        const char *origin;
        const char *target;
        const char *query;
        const char *fragment;
        int port;
    } cases[] = {
        {"http://a", "http://a", "/", NULL, NULL, 80},
        {"https://a/", "https://a", "/", NULL, NULL, 443},
        {"http://a:80/", "http://a", "/", NULL, NULL, 80},
        {"http://a:443/", "http://a:443", "/", NULL, NULL, 443},
        {"http://a:/", "http://a", "/", NULL, NULL, 80},
        {"http://a?", "http://a", "/?", "", NULL, 80},
        {"http://a#", "http://a", "/", NULL, "", 80},
        {"http://a?b#c", "http://a", "/?b", "b", "c", 80},
        {"ws://a:443/b", "ws://a:443", "/b", NULL, NULL, 443},
        {"wss://a/b", "wss://a", "/b", NULL, NULL, 443},
        {"http://127.0.0.1:8000/", "http://127.0.0.1:8000", "/", NULL, NULL, 8000},
        {"http://[::1]:8000/", "http://[::1]:8000", "/", NULL, NULL, 8000},
        {"http://[2001:DB8::1]/", "http://[2001:db8::1]", "/", NULL, NULL, 80},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil_http_url *url = parsed(cases[i].text);

        CHECK_STR(url->text, cases[i].text);
        CHECK_STR(url->origin, cases[i].origin);
        CHECK_STR(url->target, cases[i].target);
        CHECK((url->query == NULL) == (cases[i].query == NULL));
        CHECK((url->fragment == NULL) == (cases[i].fragment == NULL));
        CHECK(!url->query || strcmp(url->query, cases[i].query) == 0);
        CHECK(!url->fragment || strcmp(url->fragment, cases[i].fragment) == 0);
        CHECK_INT(url->port, ==, cases[i].port);
        coil_http_url_free(url);
    }
}

/* WHATWG URL, section 4.4: what is dropped, and what is encoded. */
COIL_TEST(url_as_people_write_it)
{
    static const struct {
        const char *text;
        const char *clean;
    } cases[] = {
        {"  http://a/b \n", "http://a/b"},
        {"ht\ntp://a\t/b", "http://a/b"},
        {"http://a/b c", "http://a/b%20c"},
        {"http://a/\xc3\xa4?\xe4", "http://a/%C3%A4?%E4"},
        {"http://a/\"<>`\\", "http://a/%22%3C%3E%60%5C"},
        {"http://a/100%", "http://a/100%25"},
        {"http://a/%zz%4", "http://a/%25zz%254"},
        {"http://a/%41", "http://a/%41"},
        {"http://a/[x]", "http://a/[x]"},
        {"http://a/#b#c", "http://a/#b%23c"},
        {"http://a/\x01\x7f-", "http://a/%01%7F-"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil_http_url *url = parsed(cases[i].text);

        CHECK_STR(url->text, cases[i].clean);
        coil_http_url_free(url);
    }
}

COIL_TEST(url_refused)
{
    static const char *const bad[] = {
        "",
        "/a",
        "a/b",
        "//a/b",
        "http:",
        "http:a",
        "http://",
        "http:///a",
        "http://:80/",
        "http://a b/",
        "http://a_\xc3\xa4/",
        "http://a:0/", /* RFC 9110, section 4.2.1 gives ports to connect to */
        "http://a:65536/",
        "http://a:b/",
        "http://user@a/", /* section 4.2.4 */
        "http://user:password@a/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://127.1/",
        "http://0x7f000001/",
        "1http://a/",
        "://a",
    };
    static const char *const others[] = {
        "mailto:a@example.org",
        "javascript:void(0)",
        "JavaScript:a[\"%\"]",
        "data:,%zz",
        "tel:+1-2",
        "ftp://a/b",
        "file:///etc/passwd",
        "about:blank",
        " irc://a ",
        "httpx://a",
    };
    struct coil_http_url *url = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(coil_http_url_parse(bad[i], &url), -COIL_EURL);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CHECK_ERR(coil_http_url_parse(others[i], &url), -EPROTONOSUPPORT);
    }
    CHECK_ERR(coil_http_url_parse(NULL, &url), -EINVAL);
    CHECK_ERR(coil_http_url_parse("http://a", NULL), -EINVAL);
    CHECK(!url);
}

/* RFC 3986, section 5.4, and what links of pages look like. */
COIL_TEST(url_resolve)
{
    static const struct {
        const char *reference;
        const char *text;
    } cases[] = {
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"//G:81/x", "http://G:81/x"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {"", "http://a/b/c/d;p?q"},
        {"  ", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../../../g", "http://a/g"},
        {"https://x/y", "https://x/y"},
        {"g h", "http://a/b/c/g%20h"},
        {"\n g\n", "http://a/b/c/g"},
        {"50%", "http://a/b/c/50%25"},
    };
    struct coil_http_url *base = parsed("http://a/b/c/d;p?q#f");
    struct coil_http_url *url = NULL;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_ERR(coil_http_url_resolve(base, cases[i].reference, &url), 0);
        CHECK_STR(url->text, cases[i].text);
        coil_http_url_free(url);
    }
    url = NULL;
    CHECK_ERR(coil_http_url_resolve(base, "mailto:a@b", &url), -EPROTONOSUPPORT);
    CHECK_ERR(coil_http_url_resolve(base, "//u@b/", &url), -COIL_EURL);
    CHECK_ERR(coil_http_url_resolve(base, "//", &url), -COIL_EURL);
    CHECK_ERR(coil_http_url_resolve(base, "http:g", &url), -COIL_EURL); /* section 5.2.2, strict */
    CHECK_ERR(coil_http_url_resolve(NULL, "g", &url), -EINVAL);
    CHECK_ERR(coil_http_url_resolve(base, NULL, &url), -EINVAL);
    CHECK_ERR(coil_http_url_resolve(base, "g", NULL), -EINVAL);
    CHECK(!url);
    coil_http_url_free(base);
}

/* RFC 3986, section 6.2.2 and 6.2.3. */
COIL_TEST(url_normalize)
{
    static const struct {
        const char *text;
        const char *normal;
    } cases[] = {
        {"http://a", "http://a/"},
        {"HTTP://A:80/#x", "http://a/"},
        {"https://a:443/b", "https://a/b"},
        {"http://a:443/b", "http://a:443/b"},
        {"http://a/%7eb/%2f%c3", "http://a/~b/%2F%C3"},
        {"http://a/b/./c/../d", "http://a/b/d"},
        {"http://a/../..", "http://a/"},
        {"http://a/?", "http://a/?"},
        {"http://a/?b=%41#", "http://a/?b=A"},
        {"http://[::1]:80", "http://[::1]/"},
    };
    struct coil_http_url *normal = NULL;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil_http_url *url = parsed(cases[i].text);

        CHECK_ERR(coil_http_url_normalize(url, &normal), 0);
        CHECK_STR(normal->text, cases[i].normal);
        CHECK(!normal->fragment);
        CHECK(coil_http_url_is_same_origin(url, normal));
        coil_http_url_free(url);
        /* Normal is normal. */
        CHECK_ERR(coil_http_url_normalize(normal, &url), 0);
        CHECK_STR(url->text, normal->text);
        coil_http_url_free(url);
        coil_http_url_free(normal);
    }
    normal = NULL;
    CHECK_ERR(coil_http_url_normalize(NULL, &normal), -EINVAL);
    CHECK(!normal);
}

/* RFC 9110, section 4.3.1. */
COIL_TEST(url_same_origin)
{
    static const struct {
        const char *a;
        const char *b;
        bool is_same;
    } cases[] = {
        {"http://a/b", "HTTP://A:80/c?d", true},  {"http://a/", "https://a/", false},
        {"http://a/", "http://a:81/", false},     {"http://a/", "http://b/", false},
        {"http://a:443", "https://a:443", false}, {"http://[::1]/", "http://[::1]:80/", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil_http_url *a = parsed(cases[i].a);
        struct coil_http_url *b = parsed(cases[i].b);

        CHECK(coil_http_url_is_same_origin(a, b) == cases[i].is_same);
        CHECK(!coil_http_url_is_same_origin(a, NULL));
        CHECK(!coil_http_url_is_same_origin(NULL, b));
        coil_http_url_free(a);
        coil_http_url_free(b);
    }
}

/* Of any length, and every byte. */
COIL_TEST(url_long_and_strange)
{
    enum { SIZE = 200000 };
    char *text = malloc(SIZE + 1);
    struct coil_http_url *url;
    struct coil_http_url *normal;

    memset(text, '"', SIZE); /* three bytes of each */
    memcpy(text, "http://a/", 9);
    text[SIZE] = '\0';
    url = parsed(text);
    CHECK_INT(strlen(url->text), ==, 9 + 3 * (SIZE - 9));
    CHECK_ERR(coil_http_url_normalize(url, &normal), 0);
    CHECK_STR(normal->text, url->text);
    coil_http_url_free(normal);
    coil_http_url_free(url);
    for (int c = 1; c < 256; c++) {
        struct coil_http_url *made = NULL;

        snprintf(text, SIZE, "http://a/b%cc?d%ce#f%cg", c, c, c);
        url = parsed(text); /* wherever it may be encoded, it is */
        CHECK_ERR(coil_http_url_normalize(url, &normal), 0);
        CHECK_ERR(coil_http_url_resolve(url, text + 8, &made), 0);
        coil_http_url_free(made);
        coil_http_url_free(normal);
        coil_http_url_free(url);
        snprintf(text, SIZE, "%c", c);
        if (coil_http_url_parse(text, &made) == 0) {
            coil_http_url_free(made);
        }
    }
    free(text);
}

COIL_TEST(url_encode_and_decode)
{
    static const struct {
        enum coil_http_url_part part;
        const char *text;
        const char *encoded;
    } cases[] = {
        {COIL_HTTP_URL_ANY, "a b/c?d&e=f+g~", "a%20b%2Fc%3Fd%26e%3Df%2Bg~"},
        {COIL_HTTP_URL_SEGMENT, "a b/c;d=e?", "a%20b%2Fc;d=e%3F"},
        {COIL_HTTP_URL_PATH, "/a b/c#", "/a%20b/c%23"},
        {COIL_HTTP_URL_QUERY, "a b&c=d+e/?", "a%20b%26c%3Dd%2Be/?"},
        {COIL_HTTP_URL_FORM, "a b&c~*", "a+b%26c%7E*"},
        {COIL_HTTP_URL_ANY, "\xc3\xa4%", "%C3%A4%25"},
        {COIL_HTTP_URL_ANY, "", ""},
    };
    char buf[64];
    char back[64];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = strlen(cases[i].text);
        ssize_t length = coil_http_url_encode(cases[i].part, cases[i].text, size, buf, sizeof buf);

        CHECK_STR(buf, cases[i].encoded);
        CHECK_INT(length, ==, strlen(buf));
        CHECK_INT(coil_http_url_encode(cases[i].part, cases[i].text, size, back, (size_t)length),
                  ==, -ENOSPC);
        CHECK_INT(coil_http_url_decode(cases[i].part, buf, (size_t)length, buf, sizeof buf), ==,
                  size); /* in place */
        CHECK_STR(buf, cases[i].text);
    }
    CHECK_INT(coil_http_url_decode(COIL_HTTP_URL_ANY, "a%00b", 5, buf, sizeof buf), ==, 3);
    CHECK_MEM(buf, "a\0b", 4);
    CHECK_INT(coil_http_url_decode(COIL_HTTP_URL_ANY, "a+b", 3, buf, sizeof buf), ==, 3);
    CHECK_STR(buf, "a+b");
    CHECK_INT(coil_http_url_decode(COIL_HTTP_URL_ANY, "a%4", 3, buf, sizeof buf), ==, -COIL_EURL);
    CHECK_INT(coil_http_url_decode(COIL_HTTP_URL_FORM, "a%4", 3, buf, sizeof buf), ==, 3);
    CHECK_INT(coil_http_url_decode(COIL_HTTP_URL_ANY, "abc", 3, buf, 3), ==, -ENOSPC);
}

COIL_TEST(url_encode_misuse)
{
    char buf[8];

    CHECK_INT(coil_http_url_encode(COIL_HTTP_URL_ANY, NULL, 0, buf, 8), ==, -EINVAL);
    CHECK_INT(coil_http_url_encode(COIL_HTTP_URL_ANY, "", 0, NULL, 8), ==, -EINVAL);
    CHECK_INT(coil_http_url_encode((enum coil_http_url_part)17, "", 0, buf, 8), ==, -EINVAL);
    CHECK_INT(coil_http_url_decode(COIL_HTTP_URL_ANY, NULL, 0, buf, 8), ==, -EINVAL);
    CHECK_INT(coil_http_url_decode(COIL_HTTP_URL_ANY, "", 0, NULL, 8), ==, -EINVAL);
    CHECK_INT(coil_http_url_decode((enum coil_http_url_part)17, "", 0, buf, 8), ==, -EINVAL);
}

COIL_TEST(url_query_build)
{
    static const struct coil_http_url_pair pairs[] = {
        {.name = "a b", .value = "1&2"}, {.name = "c", .value = NULL}, {.name = "", .value = "="}};
    static const struct coil_http_url_pair nameless = {.value = "x"};
    char buf[64];

    CHECK_INT(coil_http_url_query_build(pairs, 3, buf, sizeof buf), ==, 17);
    CHECK_STR(buf, "a+b=1%262&c=&=%3D");
    CHECK_INT(coil_http_url_query_build(pairs, 3, buf, 17), ==, -ENOSPC);
    CHECK_INT(coil_http_url_query_build(NULL, 0, buf, sizeof buf), ==, 0);
    CHECK_STR(buf, "");
    CHECK_INT(coil_http_url_query_build(NULL, 1, buf, sizeof buf), ==, -EINVAL);
    CHECK_INT(coil_http_url_query_build(pairs, 1, NULL, 0), ==, -EINVAL);
    CHECK_INT(coil_http_url_query_build(&nameless, 1, buf, sizeof buf), ==, -EINVAL);
}

COIL_TEST(url_query_parse)
{
    static const char text[] = "a=1&&b+c=%26%3d&a=2&bare&n%00m=x%00y&=v&p=%&";
    struct coil_http_url_query query = {0};

    CHECK_ERR(coil_http_url_query_parse(text, strlen(text), 7, &query), 0);
    CHECK_INT(query.count, ==, 7);
    CHECK_STR(query.pairs[0].name, "a");
    CHECK_STR(query.pairs[0].value, "1");
    CHECK_STR(query.pairs[1].name, "b c");
    CHECK_STR(query.pairs[1].value, "&=");
    CHECK_STR(query.pairs[2].value, "2");
    CHECK_STR(query.pairs[3].name, "bare");
    CHECK_STR(query.pairs[3].value, "");
    CHECK_INT(query.pairs[4].name_size, ==, 3);
    CHECK_MEM(query.pairs[4].name, "n\0m", 4);
    CHECK_MEM(query.pairs[4].value, "x\0y", 4);
    CHECK_STR(query.pairs[6].value, "%");
    CHECK_STR(coil_http_url_query_get(&query, "a"), "1");
    CHECK_STR(coil_http_url_query_get(&query, ""), "v");
    CHECK(!coil_http_url_query_get(&query, "n")); /* its name goes on behind the NUL */
    CHECK(!coil_http_url_query_get(&query, NULL));
    CHECK(!coil_http_url_query_get(NULL, "a"));
    coil_http_url_query_deinit(&query);
    coil_http_url_query_deinit(&query);
    coil_http_url_query_deinit(NULL);

    CHECK_ERR(coil_http_url_query_parse(NULL, 0, 0, &query), 0);
    CHECK_INT(query.count, ==, 0);
    coil_http_url_query_deinit(&query);
    CHECK_ERR(coil_http_url_query_parse(text, strlen(text), 6, &query), -COIL_ELIMIT);
    CHECK_ERR(coil_http_url_query_parse(NULL, 1, 6, &query), -EINVAL);
    CHECK_ERR(coil_http_url_query_parse(text, 1, 6, NULL), -EINVAL);
    CHECK(!query.pairs);
}

/* Each allocation fails once: -ENOMEM, nothing is kept and nothing written. */
COIL_TEST(url_no_memory)
{
    struct coil_http_url *base = parsed("http://a/b");
    struct coil_http_url_query query = {0};
    struct coil_http_url *url = NULL;

    for (unsigned n = 1; n <= 2; n++) {
        fault_alloc_at(n);
        CHECK_ERR(coil_http_url_parse("http://a", &url), -ENOMEM);
        fault_alloc_at(n);
        CHECK_ERR(coil_http_url_normalize(base, &url), -ENOMEM);
    }
    for (unsigned n = 1; n <= 3; n++) {
        fault_alloc_at(n);
        CHECK_ERR(coil_http_url_resolve(base, "c", &url), -ENOMEM);
    }
    fault_alloc_at(1);
    CHECK_ERR(coil_http_url_query_parse("a=b", 3, 1, &query), -ENOMEM);
    fault_off();
    CHECK(!url && !query.pairs);
    coil_http_url_free(base);
}

static void *in_thread(void *arg)
{
    const struct coil_http_url *base = arg;
    struct coil_http_url *url;

    for (int i = 0; i < 1000; i++) {
        CHECK_ERR(coil_http_url_resolve(base, "../x y", &url), 0);
        CHECK_STR(url->text, "http://a/x%20y");
        coil_http_url_free(url);
    }
    return NULL;
}

COIL_TEST(url_any_thread)
{
    struct coil_http_url *base = parsed("http://a/b/c");
    pthread_t threads[2];

    for (int i = 0; i < 2; i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, in_thread, base), ==, 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    coil_http_url_free(base);
}
