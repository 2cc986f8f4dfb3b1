/* test_url.c - URLs cut into parts (RFC 3986), targets of requests, hosts, percent-encoding. */
#include "wire/percent.h"
#include "wire/url.h"

#include "harness.h"

#include <coil/error.h>

#include <errno.h>
#include <stdio.h>

static const char *part_of(struct coil__slice part)
{
    static char bufs[8][128];
    static unsigned next;
    char *buf = bufs[next++ % 8];

    snprintf(buf, sizeof *bufs, "%.*s", (int)part.size, part.start ? part.start : "");
    return part.start ? buf : "-";
}

/* "scheme userinfo host port path query fragment", "-" for what is absent. */
static const char *parts_of(const struct coil__url *url)
{
    static char buf[512];

    snprintf(buf, sizeof buf, "%s %s %s %d %s %s %s", part_of(url->scheme), part_of(url->userinfo),
             part_of(url->host), url->port, part_of(url->path), part_of(url->query),
             part_of(url->fragment));
    return buf;
}

struct good {
    const char *text;
    const char *parts;
};

static void check_good(const struct good *cases, size_t count, unsigned flags)
{
    for (size_t i = 0; i < count; i++) {
        struct coil__url url;
        int rc = coil__url_parse(coil__slice_of(cases[i].text), flags, &url);

        CHECK_MSG(rc == 0, "%s: %s", cases[i].text, coil__url_strerror(rc));
        CHECK_STR(parts_of(&url), cases[i].parts);
    }
}

COIL_TEST(url_parts)
{
    static const struct good cases[] = {
        /* RFC 3986, section 1.1.2 */
        {"ftp://ftp.is.co.za/rfc/rfc1808.txt", "ftp - ftp.is.co.za -1 /rfc/rfc1808.txt - -"},
        {"http://www.ietf.org/rfc/rfc2396.txt", "http - www.ietf.org -1 /rfc/rfc2396.txt - -"},
        {"ldap://[2001:db8::7]/c=GB?objectClass?one",
         "ldap - 2001:db8::7 -1 /c=GB objectClass?one -"},
        {"mailto:John.Doe@example.com", "mailto - - -1 John.Doe@example.com - -"},
        {"news:comp.infosystems.www.servers.unix",
         "news - - -1 comp.infosystems.www.servers.unix - -"},
        {"tel:+1-816-555-1212", "tel - - -1 +1-816-555-1212 - -"},
        {"telnet://192.0.2.16:80/", "telnet - 192.0.2.16 80 / - -"},
        {"urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
         "urn - - -1 oasis:names:specification:docbook:dtd:xml:4.1.2 - -"},
        /* section 3 */
        {"foo://example.com:8042/over/there?name=ferret#nose",
         "foo - example.com 8042 /over/there name=ferret nose"},
        {"", "- - - -1  - -"},
        {"?", "- - - -1   -"},
        {"#", "- - - -1  - "},
        {"a/b:c", "- - - -1 a/b:c - -"},
        {"./a:b", "- - - -1 ./a:b - -"},
        {"//h", "- - h -1  - -"},
        {"///p", "- -  -1 /p - -"},
        {"http:", "http - - -1  - -"},
        {"h+t-t.p2://x", "h+t-t.p2 - x -1  - -"},
        {"http://u:p:q@h:1", "http u:p:q h 1  - -"},
        {"http://@h", "http  h -1  - -"},
        {"http://u%40:@h", "http u%40: h -1  - -"},
        {"http://h:/", "http - h -1 / - -"},
        {"http://h:00080/", "http - h 80 / - -"},
        {"http://h:65535", "http - h 65535  - -"},
        {"http://h:0", "http - h 0  - -"},
        {"http://h?q/?:@#f/?:@", "http - h -1  q/?:@ f/?:@"},
        {"http://a%20b!$&'()*+,;=/", "http - a%20b!$&'()*+,;= -1 / - -"},
        {"/a;b=c,d@e:f!$&'()*+=~", "- - - -1 /a;b=c,d@e:f!$&'()*+=~ - -"},
        {"/%e2%82%ac%00", "- - - -1 /%e2%82%ac%00 - -"},
    };

    check_good(cases, sizeof cases / sizeof *cases, 0);
}

COIL_TEST(url_that_browsers_send)
{
    static const struct good cases[] = {
        {"/a[1]^|?b[]=\\`{}|^", "- - - -1 /a[1]^| b[]=\\`{}|^ -"},
        {"#[]^|\\`{}", "- - - -1  - []^|\\`{}"},
    };

    check_good(cases, sizeof cases / sizeof *cases, COIL__URL_BROWSER);
}

COIL_TEST(url_hosts)
{
    static const struct {
        const char *host;
        enum coil__host_kind kind; /* COIL__HOST_NONE: refused */
    } cases[] = {
        {"", COIL__HOST_NAME},
        {"example.com.", COIL__HOST_NAME},
        {"0.0.0.0", COIL__HOST_IPV4},
        {"255.255.255.255", COIL__HOST_IPV4},
        {"256.1.1.1", COIL__HOST_NAME},
        {"01.1.1.1", COIL__HOST_NAME},
        {"1.1.1", COIL__HOST_NAME},
        {"1.1.1.1.1", COIL__HOST_NAME},
        {"1.1.1.1.", COIL__HOST_NAME},
        {"[::]", COIL__HOST_IPV6},
        {"[::1]", COIL__HOST_IPV6},
        {"[1::]", COIL__HOST_IPV6},
        {"[1:2:3:4:5:6:7:8]", COIL__HOST_IPV6},
        {"[1:2:3:4:5:6:7::]", COIL__HOST_IPV6},
        {"[::2:3:4:5:6:7:8]", COIL__HOST_IPV6},
        {"[1:2:3:4:5:6:1.2.3.4]", COIL__HOST_IPV6},
        {"[::ffff:1.2.3.4]", COIL__HOST_IPV6},
        {"[ABCD::ef01]", COIL__HOST_IPV6},
        {"[]", COIL__HOST_NONE},
        {"[:]", COIL__HOST_NONE},
        {"[:::]", COIL__HOST_NONE},
        {"[:1]", COIL__HOST_NONE},
        {"[1:]", COIL__HOST_NONE},
        {"[1::2::3]", COIL__HOST_NONE},
        {"[1:2:3:4:5:6:7]", COIL__HOST_NONE},
        {"[1:2:3:4:5:6:7:8:9]", COIL__HOST_NONE},
        {"[1:2:3:4:5:6:7:8::]", COIL__HOST_NONE},
        {"[::1:2:3:4:5:6:7:8]", COIL__HOST_NONE},
        {"[1:2:3:4:5:6:7:1.2.3.4]", COIL__HOST_NONE},
        {"[12345::]", COIL__HOST_NONE},
        {"[g::]", COIL__HOST_NONE},
        {"[::1.2.3]", COIL__HOST_NONE},
        {"[::1.2.3.4:5]", COIL__HOST_NONE},
        {"[1.2.3.4]", COIL__HOST_NONE},
        {"[v1.x]", COIL__HOST_NONE},
        {"[::1", COIL__HOST_NONE},
        {"[::1]x", COIL__HOST_NONE},
        {"x[::1]", COIL__HOST_NONE},
        {"::1", COIL__HOST_NONE},
        {"a b", COIL__HOST_NONE},
        {"a\\b", COIL__HOST_NONE},
        {"a%zz", COIL__HOST_NONE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__url url = {0};
        char text[64];
        int rc;

        snprintf(text, sizeof text, "http://%s/", cases[i].host);
        rc = coil__url_parse(coil__slice_of(text), 0, &url);
        CHECK_MSG((rc == 0) == (cases[i].kind != COIL__HOST_NONE), "%s: %d", text, rc);
        CHECK_MSG(url.host_kind == cases[i].kind, "%s: kind %d", text, (int)url.host_kind);
    }
}

COIL_TEST(url_that_is_refused)
{
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {":a", COIL__EURL_SCHEME}, /* section 4.2: a relative path's first part has no colon */
        {"1a:b", COIL__EURL_SCHEME},
        {"a_b:c", COIL__EURL_SCHEME}, /* section 3.1 */
        {" http://h", COIL__EURL_SCHEME},
        {"h\xc3\xa4://h", COIL__EURL_SCHEME},
        {"http://a b@h", COIL__EURL_USERINFO}, /* section 3.2.1 */
        {"http://[@h", COIL__EURL_USERINFO},
        {"http://a%4@h", COIL__EURL_PERCENT},
        {"http://a@b@h", COIL__EURL_HOST}, /* section 3.2.2 */
        {"http://h\xc3\xa4/", COIL__EURL_HOST},
        {"http://h<>/", COIL__EURL_HOST},
        {"http://h\n/", COIL__EURL_HOST},
        {"http://[fe80::1%25eth0]/", COIL__EURL_ZONE},
        {"http://[fe80::1%eth0]/", COIL__EURL_ZONE},
        {"http://h:x", COIL__EURL_PORT}, /* section 3.2.3 */
        {"http://h:-1", COIL__EURL_PORT},
        {"http://h:80:80", COIL__EURL_PORT},
        {"http://h:65536", COIL__EURL_PORT},
        {"http://h:18446744073709551696", COIL__EURL_PORT},
        {"http://[::1]:x", COIL__EURL_PORT},
        {"/a b", COIL__EURL_PATH}, /* section 3.3 */
        {"/a\"", COIL__EURL_PATH},
        {"/a\x7f", COIL__EURL_PATH},
        {"/a\r\nb", COIL__EURL_PATH},
        {"/\xff", COIL__EURL_PATH},
        {"/a[1]", COIL__EURL_PATH},
        {"/a\\b", COIL__EURL_PATH},
        {"/%", COIL__EURL_PERCENT}, /* section 2.1 */
        {"/%a", COIL__EURL_PERCENT},
        {"/%ag", COIL__EURL_PERCENT},
        {"/%%41", COIL__EURL_PERCENT},
        {"/?a b", COIL__EURL_QUERY}, /* section 3.4 */
        {"/?a[]", COIL__EURL_QUERY},
        {"/?%", COIL__EURL_PERCENT},
        {"/#a#b", COIL__EURL_FRAGMENT}, /* section 3.5 */
        {"/#<", COIL__EURL_FRAGMENT},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__url url = {.port = 77};
        int rc = coil__url_parse(coil__slice_of(cases[i].text), 0, &url);

        CHECK_MSG(rc == -cases[i].error, "%s: %d, %s", cases[i].text, rc, coil__url_strerror(rc));
        CHECK_INT(url.port, ==, 77);
    }
    CHECK_INT(coil__url_parse((struct coil__slice){"/a\0b", 4}, COIL__URL_BROWSER,
                              &(struct coil__url){0}),
              ==, -COIL__EURL_PATH);
}

/* What even browsers encode stays refused. */
COIL_TEST(url_that_browsers_do_not_send)
{
    static const char *const cases[] = {"/a b",       "/\"",   "/<",    "/`",    "/{",
                                        "/\\",        "/?<",   "/?\"",  "/?a b", "/\xc3\xa4",
                                        "/?\xc3\xa4", "//h[/", "//u^@h"};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__url url;

        CHECK_MSG(coil__url_parse(coil__slice_of(cases[i]), COIL__URL_BROWSER, &url) < 0, "%s",
                  cases[i]);
    }
}

/* RFC 9112, section 3.2.1. */
COIL_TEST(url_target)
{
    struct coil__url url = {.port = 77};

    CHECK_INT(coil__url_parse_target(coil__slice_of("//a:b/c?d"), 0, &url), ==, 0);
    CHECK_STR(parts_of(&url), "- - - -1 //a:b/c d -");
    url.port = 77;
    CHECK_INT(coil__url_parse_target(coil__slice_of("/a#b"), 0, &url), ==, -COIL__EURL_FRAGMENT);
    CHECK_INT(coil__url_parse_target(coil__slice_of("a"), 0, &url), ==, -COIL__EURL_PATH);
    CHECK_INT(coil__url_parse_target(coil__slice_of("*"), 0, &url), ==, -COIL__EURL_PATH);
    CHECK_INT(coil__url_parse_target(coil__slice_of(NULL), 0, &url), ==, -COIL__EURL_PATH);
    CHECK_INT(coil__url_parse_target(coil__slice_of("http://h/"), 0, &url), ==, -COIL__EURL_PATH);
    CHECK_INT(url.port, ==, 77);
}

/* RFC 9110, section 7.2. */
COIL_TEST(url_host_field)
{
    struct coil__url url;

    CHECK_INT(coil__url_parse_host(coil__slice_of("example.com:8080"), &url), ==, 0);
    CHECK_STR(parts_of(&url), "- - example.com 8080  - -");
    CHECK_INT(coil__url_parse_host(coil__slice_of("[::1]"), &url), ==, 0);
    CHECK_STR(parts_of(&url), "- - ::1 -1  - -");
    CHECK_INT(coil__url_parse_host(coil__slice_of(""), &url), ==, 0);
    CHECK_INT(url.host.size, ==, 0);
    CHECK_INT(coil__url_parse_host(coil__slice_of("u@h"), &url), ==, -COIL__EURL_HOST);
    CHECK_INT(coil__url_parse_host(coil__slice_of("h/a"), &url), ==, -COIL__EURL_HOST);
    CHECK_INT(coil__url_parse_host(coil__slice_of("h:80/a"), &url), ==, -COIL__EURL_PORT);
    CHECK_INT(coil__url_parse_host(coil__slice_of("h, i"), &url), ==, -COIL__EURL_HOST);
}

COIL_TEST(url_for_http)
{
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {"http://h", 0},
        {"HTTPS://a_b.example.:8443/x", 0},
        {"ws://1.2.3.4", 0},
        {"wss://[::1]:1", 0},
        {"http://1.2.3.4.example", 0},
        {"http://0xg", 0},
        {"ftp://h", COIL__EURL_NOT_HTTP},
        {"//h", COIL__EURL_NOT_HTTP},
        {"file:///etc/passwd", COIL__EURL_NOT_HTTP},
        {"http:///x", COIL__EURL_NO_HOST}, /* RFC 9110, section 4.2.1 */
        {"http:x", COIL__EURL_NO_HOST},
        {"http://u@h", COIL__EURL_CREDENTIALS}, /* RFC 9110, section 4.2.4 */
        {"http://@h", COIL__EURL_CREDENTIALS},
        {"http://h:0", COIL__EURL_PORT},
        {"http://a%41", COIL__EURL_HOST},
        {"http://a;b", COIL__EURL_HOST},
        {"http://127.1", COIL__EURL_HOST}, /* WHATWG URL, section 3.5 */
        {"http://2130706433", COIL__EURL_HOST},
        {"http://0x7f000001", COIL__EURL_HOST},
        {"http://0x7F.1", COIL__EURL_HOST},
        {"http://0177.0.0.1", COIL__EURL_HOST},
        {"http://127.0.0.1.", COIL__EURL_HOST},
        {"http://a.0x", COIL__EURL_HOST},
        {"http://1.2.3.256", COIL__EURL_HOST},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__url url;
        int rc;

        CHECK_INT(coil__url_parse(coil__slice_of(cases[i].text), 0, &url), ==, 0);
        rc = coil__url_check_http(&url);
        CHECK_MSG(rc == -cases[i].error, "%s: %s", cases[i].text, coil__url_strerror(rc));
    }
}

COIL_TEST(url_for_http_with_a_long_name)
{
    char text[7 + 256] = "http://";
    struct coil__url url;

    memset(text + 7, 'a', 256);
    CHECK_INT(coil__url_parse((struct coil__slice){text, 7 + 255}, 0, &url), ==, 0);
    CHECK_INT(coil__url_check_http(&url), ==, 0);
    CHECK_INT(coil__url_parse((struct coil__slice){text, 7 + 256}, 0, &url), ==, 0);
    CHECK_INT(coil__url_check_http(&url), ==, -COIL__EURL_HOST);
}

/* What somebody has typed becomes a URL: encoded what cannot stand in one, and that alone. */
COIL_TEST(url_that_was_typed)
{
    struct coil__url url;
    char buf[128];

    CHECK_OK(coil__percent_encode(coil__slice_of("http://h:1/a b\xc3\xa4%20?q=\"<>\"#\\f"),
                                  COIL__PERCENT_URL, buf, sizeof buf));
    CHECK_STR(buf, "http://h:1/a%20b%C3%A4%20?q=%22%3C%3E%22#%5Cf");
    CHECK_INT(coil__url_parse(coil__slice_of(buf), 0, &url), ==, 0);
    CHECK_STR(parts_of(&url), "http - h 1 /a%20b%C3%A4%20 q=%22%3C%3E%22 %5Cf");
}

static bool is_same_origin(const char *a, const char *b)
{
    struct coil__url first;
    struct coil__url second;

    CHECK_INT(coil__url_parse(coil__slice_of(a), 0, &first), ==, 0);
    CHECK_INT(coil__url_parse(coil__slice_of(b), 0, &second), ==, 0);
    return coil__url_is_same_origin(&first, &second);
}

/* RFC 9110, section 4.3.1. */
COIL_TEST(url_origin)
{
    CHECK(is_same_origin("http://h/a", "HTTP://H:80/b?c"));
    CHECK(is_same_origin("https://h:443", "https://h"));
    CHECK(is_same_origin("http://[::1]", "http://[::1]:80"));
    CHECK(!is_same_origin("http://h", "https://h"));
    CHECK(!is_same_origin("http://h", "http://h:81"));
    CHECK(!is_same_origin("http://h", "http://h."));
    CHECK(!is_same_origin("http://h", "http://h.i"));
    CHECK(!is_same_origin("http://h", "//h"));
    CHECK(!is_same_origin("x:a", "x:a"));
}

COIL_TEST(url_sentences)
{
    CHECK_CONTAINS(coil__url_strerror(-COIL__EURL_SCHEME), "scheme");
    CHECK_CONTAINS(coil__url_strerror(COIL__EURL_OUTSIDE), "folder");
    for (int error = COIL__EURL_SCHEME; error < COIL__EURL_END_; error++) {
        CHECK(strlen(coil__url_strerror(-error)) > 10);
    }
    CHECK_STR(coil__url_strerror(-ENOSPC), coil_strerror(-ENOSPC));
    CHECK_STR(coil__url_strerror(-COIL__EURL_END_), coil_strerror(-COIL__EURL_END_));
    CHECK(coil__url_strerror(INT32_MIN) != NULL);
}

/* --- percent-encoding --- */

COIL_TEST(percent_sets)
{
    static const struct {
        enum coil__percent_set set;
        const char *kept; /* of visible characters that are neither letters nor digits */
    } cases[] = {
        {COIL__PERCENT_UNRESERVED, "-._~"},
        {COIL__PERCENT_SEGMENT, "!$&'()*+,-.:;=@_~"},
        {COIL__PERCENT_PATH, "!$&'()*+,-./:;=@_~"},
        {COIL__PERCENT_QUERY, "!$&'()*+,-./:;=?@_~"},
        {COIL__PERCENT_QUERY_COMPONENT, "!$'()*,-./:?@_~"},
        {COIL__PERCENT_USERINFO, "!$&'()*+,-.;=_~"},
        {COIL__PERCENT_FORM, "*-._"},
        {COIL__PERCENT_ATTRIBUTE, "!#$&+-.^_`|~"},
        {COIL__PERCENT_URL, "!#$%&'()*+,-./:;=?@[]_~"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char kept[128];
        size_t length = 0;

        for (int c = 0; c < 256; c++) {
            if (coil__percent_has(cases[i].set, (char)c) && !coil__is_letter((char)c) &&
                !coil__is_digit((char)c)) {
                kept[length++] = (char)c;
            }
        }
        kept[length] = '\0';
        CHECK_STR(kept, cases[i].kept);
        CHECK(coil__percent_has(cases[i].set, 'A') && coil__percent_has(cases[i].set, '0'));
    }
}

COIL_TEST(percent_encode)
{
    char buf[16];

    CHECK_INT(coil__percent_encode(coil__slice_of("a/\xc3\xa4 z"), COIL__PERCENT_SEGMENT, buf,
                                   sizeof buf),
              ==, 14);
    CHECK_STR(buf, "a%2F%C3%A4%20z");
    CHECK_INT(coil__percent_encode((struct coil__slice){"\0", 1}, COIL__PERCENT_URL, buf, 4), ==,
              3);
    CHECK_STR(buf, "%00");
    CHECK_INT(coil__percent_encode((struct coil__slice){"\0", 1}, COIL__PERCENT_URL, buf, 3), ==,
              -ENOSPC);
    CHECK_INT(coil__percent_encode(coil__slice_of(""), COIL__PERCENT_URL, buf, 1), ==, 0);
    CHECK_INT(coil__percent_encode(coil__slice_of(""), COIL__PERCENT_URL, buf, 0), ==, -ENOSPC);
}

COIL_TEST(percent_decode)
{
    char buf[16] = "%41%2f%2F%00b%25";

    CHECK_INT(coil__percent_decode(coil__slice_of("a%25%34%31+"), buf, sizeof buf), ==, 5);
    CHECK_STR(buf, "a%41+"); /* once */
    memcpy(buf, "%41%2f%2F%00b%25", 16);
    CHECK_INT(coil__percent_decode((struct coil__slice){buf, 16}, buf, sizeof buf), ==, 6);
    CHECK_MEM(buf, "A//\0b%", 7);
    CHECK_INT(coil__percent_decode(coil__slice_of("%"), buf, sizeof buf), ==, -EBADMSG);
    CHECK_INT(coil__percent_decode(coil__slice_of("a%4"), buf, sizeof buf), ==, -EBADMSG);
    CHECK_INT(coil__percent_decode(coil__slice_of("%g0"), buf, sizeof buf), ==, -EBADMSG);
    CHECK_INT(coil__percent_decode(coil__slice_of("%0g"), buf, sizeof buf), ==, -EBADMSG);
    CHECK_INT(coil__percent_decode((struct coil__slice){"%41", 2}, buf, sizeof buf), ==, -EBADMSG);
    CHECK_INT(coil__percent_decode(coil__slice_of("abc"), buf, 3), ==, -ENOSPC);
}
