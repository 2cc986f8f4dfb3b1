/* Cookies: which are kept, and where they go (RFC 6265, sections 5.3 and 5.4). */
#include "client_talk.h"

static char kept[8192];

/* What goes to url. */
static const char *cookies_of(const char *url)
{
    CHECK_INT(coil_http_session_get_cookies(session, url, kept, sizeof kept), >=, 0);
    return kept;
}

static const struct {
    const char *from;
    const char *text;
    int rc;
    const char *to;
    const char *sent;
} rules[] = {
    {"http://a.example.org/", "a=1", 0, "http://a.example.org/", "a=1"},
    {"http://a.example.org/", "a=1", 0, "http://example.org/", ""},
    {"http://a.example.org/", "a=1", 0, "http://b.a.example.org/", ""}, /* host only */
    {"http://a.example.org/", "a=1; Domain=example.org", 0, "http://b.example.org/", "a=1"},
    {"http://a.example.org/", "a=1; Domain=.Example.ORG", 0, "http://example.org/x", "a=1"},
    {"http://a.example.org/", "a=1; Domain=example.org", 0, "http://xexample.org/", ""},
    {"http://a.example.org/", "a=1; Domain=b.example.org", -EINVAL, "http://b.example.org/", ""},
    {"http://a.example.org/", "a=1; Domain=b.a.example.org", -EINVAL, "http://a.example.org/", ""},
    {"http://a.example.org/", "a=1; Domain=org", -EINVAL, "http://example.org/", ""},
    {"http://localhost/", "a=1; Domain=localhost", 0, "http://localhost/", "a=1"},
    {"http://localhost/", "a=1; Domain=localhost", 0, "http://x.localhost/", ""},
    {"http://127.0.0.1/", "a=1; Domain=127.0.0.1", 0, "http://127.0.0.1/", "a=1"},
    {"http://127.0.0.1/", "a=1; Domain=0.0.1", -EINVAL, "http://127.0.0.1/", ""},
    {"http://[::1]/", "a=1", 0, "http://[::1]:8080/", "a=1"}, /* ports do not count: section 8.5 */
    {"http://e.org/x/y", "a=1", 0, "http://e.org/x/z", "a=1"},
    {"http://e.org/x/y", "a=1", 0, "http://e.org/xy", ""},
    {"http://e.org/x/y", "a=1; Path=/", 0, "http://e.org/", "a=1"},
    {"http://e.org/", "a=1; Path=/x", 0, "http://e.org/x/y", "a=1"},
    {"http://e.org/", "a=1; Path=/x", 0, "http://e.org/xy", ""},
    {"https://e.org/", "a=1; Secure", 0, "https://e.org/", "a=1"},
    {"https://e.org/", "a=1; Secure", 0, "http://e.org/", ""},
    {"http://e.org/", "a=1; Secure", -EINVAL, "https://e.org/", ""},
    {"http://e.org/", "a=1; HttpOnly; SameSite=Strict", 0, "http://e.org/", "a=1"},
    {"http://e.org/", "a=1; Max-Age=0", 0, "http://e.org/", ""},
    {"http://e.org/", "a=1; Max-Age=100", 0, "http://e.org/", "a=1"},
    {"http://e.org/", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0, "http://e.org/", ""},
    {"https://e.org/", "__Host-a=1; Secure; Path=/", 0, "https://e.org/", "__Host-a=1"},
    {"https://e.org/", "__Host-a=1; Secure; Path=/; Domain=e.org", -EINVAL, "https://e.org/", ""},
    {"http://e.org/", "=b", 0, "http://e.org/", "b"},
    {"http://e.org/", "", -EINVAL, "http://e.org/", ""},
    {"nonsense", "a=1", -COIL_EURL, "http://e.org/", ""},
};

TASK_TEST(cookies_by_the_rules)
{
    open_session(NULL);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        CHECK_ERR(coil_http_session_set_cookie(session, rules[i].from, rules[i].text), rules[i].rc);
        CHECK_STR(cookies_of(rules[i].to), rules[i].sent);
        coil_http_session_clear_cookies(session);
        CHECK_INT(usage().cookies, ==, 0);
    }
    coil_http_session_close(session);
    return 0;
}

TASK_TEST(cookies_in_their_order)
{
    char small[4];

    open_session(NULL);
    CHECK_OK(coil_http_session_set_cookie(session, "http://e.org/", "a=1"));
    CHECK_OK(coil_http_session_set_cookie(session, "http://e.org/", "b=2; Path=/x"));
    CHECK_OK(coil_http_session_set_cookie(session, "http://e.org/", "c=3"));
    CHECK_STR(cookies_of("http://e.org/x"), "b=2; a=1; c=3");
    CHECK_OK(coil_http_session_set_cookie(session, "http://e.org/", "a=4"));
    CHECK_STR(cookies_of("http://e.org/x"), "b=2; a=4; c=3");
    CHECK_OK(coil_http_session_set_cookie(session, "http://e.org/", "a=; Max-Age=0"));
    CHECK_STR(cookies_of("http://e.org/x"), "b=2; c=3");
    CHECK_ERR(coil_http_session_get_cookies(session, "http://e.org/", small, 3), -ENOSPC);
    CHECK_INT(coil_http_session_get_cookies(session, "http://e.org/", small, 4), ==, 3);
    CHECK_ERR(coil_http_session_get_cookies(session, "x", small, 4), -COIL_EURL);
    coil_http_session_close(session);
    return 0;
}

/* A cookie of https cannot be replaced over http (6265bis, section 5.7, step 16). */
TASK_TEST(cookies_that_are_secure)
{
    open_session(NULL);
    CHECK_OK(coil_http_session_set_cookie(session, "https://e.org/", "a=1; Secure"));
    CHECK_ERR(coil_http_session_set_cookie(session, "http://e.org/", "a=2"), -EINVAL);
    CHECK_STR(cookies_of("https://e.org/"), "a=1");
    coil_http_session_close(session);
    return 0;
}

TASK_TEST(cookies_are_bounded)
{
    struct coil_http_session_options options = {.max_cookies = 60};
    char text[32];

    open_session(&options);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "c%d=x", i);
        CHECK_OK(coil_http_session_set_cookie(session, "http://e.org/", text));
    }
    CHECK_INT(usage().cookies, ==, 50);
    CHECK_CONTAINS(cookies_of("http://e.org/"), "c50=x; ");
    CHECK(!strstr(kept, "c49=x"));
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "http://%c.org/", 'a' + i);
        CHECK_OK(coil_http_session_set_cookie(session, text, "d=x"));
    }
    CHECK_INT(usage().cookies, ==, 60);
    coil_http_session_close(session);
    return 0;
}

/* Set by a redirect, sent to where it leads. */
TASK_TEST(cookies_of_responses)
{
    static const struct act acts[] = {
        {.say = "HTTP/1.1 302 x\r\nLocation: /in\r\nSet-Cookie: id=7; HttpOnly\r\n"
                "Set-Cookie: bad; Domain=example.org\r\nContent-Length: 0\r\n\r\n"},
        {.say = OK_HEAD("0")},
        {.say = OK_HEAD("0")},
    };
    static const struct coil_http_field own[] = {{"Cookie", "mine=1"}};
    struct coil_http_request request = {.fields = own, .field_count = 1};

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask("/", ""), 200);
    CHECK_CONTAINS(site.heard, "Cookie: id=7\r\n");
    CHECK_INT(usage().cookies, ==, 1);
    site.size = 0;
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, ""), 200);
    CHECK_CONTAINS(site.heard, "Cookie: mine=1\r\n");
    CHECK(!strstr(site.heard, "id=7"));
    close_all();
    return 0;
}

TASK_TEST(cookies_are_off)
{
    static const struct act acts[] = {
        {.say = "HTTP/1.1 200 x\r\nSet-Cookie: id=7\r\nContent-Length: 0\r\n\r\n"},
        {.say = OK_HEAD("0")}};
    struct coil_http_session_options options = {.no_cookies = true};

    OPEN_SITE(acts);
    open_session(&options);
    CHECK_ERR(ask("/", ""), 200);
    CHECK_ERR(ask("/", ""), 200);
    CHECK(!strstr(site.heard, "Cookie"));
    close_all();
    return 0;
}
