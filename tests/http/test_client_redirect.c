/* Redirects: what goes along, what does not, and where they end (RFC 9110, section 15.4). */
#include "client_talk.h"

#define TO(status, location)                                                                       \
    "HTTP/1.1 " status " x\r\nLocation: " location "\r\nContent-Length: 0\r\n\r\n"
#define HELLO OK_HEAD("5") "hello"

static const struct coil_http_field secrets[] = {
    {"Authorization", "s3cret"}, {"Cookie", "s3cret=1"}, {"Content-Language", "en"}, {"X", "y"}};

/* --- methods and bodies --- */

static const struct {
    const char *method;
    const char *answer;
    const char *then; /* the second request's line */
    bool has_body;
} methods[] = {
    {"GET", TO("301", "/b"), "GET /b ", false},   {"POST", TO("301", "/b"), "GET /b ", false},
    {"POST", TO("302", "/b"), "GET /b ", false},  {"PUT", TO("302", "/b"), "PUT /b ", true},
    {"POST", TO("303", "/b"), "GET /b ", false},  {"PUT", TO("303", "/b"), "GET /b ", false},
    {"HEAD", TO("303", "/b"), "HEAD /b ", false}, {"POST", TO("307", "/b"), "POST /b ", true},
    {"POST", TO("308", "/b"), "POST /b ", true},
};

TASK_TEST(redirect_and_the_method)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct act acts[] = {{.say = methods[i].answer}, {.say = OK_HEAD("0")}};
        bool has_body = methods[i].method[0] == 'P';
        struct coil_http_request request = {.method = methods[i].method,
                                            .body = has_body ? "body" : NULL,
                                            .body_size = has_body ? 4 : 0,
                                            .type = has_body ? "text/plain" : NULL,
                                            .fields = secrets,
                                            .field_count = 4};
        const char *second;

        OPEN_SITE(acts);
        open_session(NULL);
        request.url = url_of("/a");
        CHECK_ERR(ask_with(request, ""), 200);
        CHECK_INT(site.at, ==, 2);
        CHECK_INT(site.connections, ==, 1);
        second = strstr(site.heard, methods[i].then);
        CHECK(second != NULL);
        CHECK_INT(strstr(second, "\r\n\r\nbody") != NULL, ==, methods[i].has_body);
        CHECK_INT(strstr(second, "text/plain") != NULL, ==, methods[i].has_body);
        /* It is the same origin. */
        CHECK(strstr(second, "Authorization: s3cret") && strstr(second, "Cookie: s3cret=1"));
        CHECK_INT(strstr(second, "Content-Language") != NULL, ==,
                  methods[i].has_body || methods[i].then[0] == methods[i].method[0]);
        close_all();
    }
    return 0;
}

/* --- where to --- */

static const struct {
    const char *location;
    const char *line;
} places[] = {
    {"c", "GET /a/c HTTP"},
    {"../c?d", "GET /c?d HTTP"},
    {"?e", "GET /a/b?e HTTP"},
    {"/f#g", "GET /f HTTP"},
    {"//127.0.0.1:%u/h", "GET /h HTTP"},
    {"http://127.0.0.1:%u", "GET / HTTP"},
    {"/\303\244 b", "GET /%C3%A4%20b HTTP"},
};

TASK_TEST(redirect_and_the_place)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char location[64];
        char answer[256];
        struct act acts[] = {{.say = answer}, {.say = HELLO}};

        OPEN_SITE(acts);
        if (strstr(places[i].location, "%u")) {
            size_t size = strstr(places[i].location, "%u") - places[i].location;

            snprintf(location, sizeof location, "%.*s%u%s", (int)size, places[i].location,
                     site.port, places[i].location + size + 2);
        } else {
            snprintf(location, sizeof location, "%s", places[i].location);
        }
        snprintf(answer, sizeof answer, TO("302", "%s"), location);
        open_session(NULL);
        CHECK_ERR(ask("/a/b", "hello"), 200);
        CHECK_CONTAINS(site.heard, places[i].line);
        close_all();
    }
    return 0;
}

TASK_TEST(redirect_is_told)
{
    static const struct act acts[] = {
        {.say = TO("302", "/b")}, {.say = TO("302", "/c#x")}, {.say = HELLO}};
    struct coil_http_response *response;

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_OK(coil_http_get(session, url_of("/a"), &response));
    CHECK_INT(coil_http_response_redirects(response), ==, 2);
    CHECK_STR(coil_http_response_url(response), url_of("/c"));
    coil_http_response_close(response);
    close_all();
    return 0;
}

/* --- those that are not followed --- */

TASK_TEST(redirect_is_a_response)
{
    static const char *const answers[] = {
        "HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n", /* it does not say where to */
        "HTTP/1.1 300 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 304 x\r\nLocation: /b\r\n\r\n",
        "HTTP/1.1 201 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
    };
    static const struct act away[] = {{.say = TO("302", "/b")}};
    struct coil_http_session_options options = {.no_redirects = true};

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct act act = {.say = answers[i]};

        open_site(&act, 1);
        open_session(NULL);
        CHECK_INT(ask("/a", ""), ==, (int)strtoul(answers[i] + 9, NULL, 10));
        close_all();
    }
    OPEN_SITE(away);
    open_session(&options);
    CHECK_ERR(ask("/a", ""), 302);
    close_all();
    return 0;
}

static const struct {
    const char *location;
    const char *text;
} refused[] = {
    {"ftp://127.0.0.1/", "cannot be asked for"},
    {"file:///etc/passwd", "cannot be asked for"},
    {"http://user:pass@127.0.0.1/", "cannot be asked for"},
    {"http://", "cannot be asked for"},
    {"/%zz", "cannot be asked for"},
};

TASK_TEST(redirect_is_refused)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char answer[256];
        struct act act = {.say = answer};

        snprintf(answer, sizeof answer, TO("302", "%s"), refused[i].location);
        open_site(&act, 1);
        open_session(NULL);
        CHECK_ERR(ask("/a", NULL), -COIL_EREDIRECT);
        CHECK_CONTAINS(failure.text, refused[i].text);
        close_all();
    }
    return 0;
}

TASK_TEST(redirect_without_an_end)
{
    static const struct act acts[] = {{.say = TO("302", "/a")}};

    OPEN_SITE(acts);
    site.again = true;
    open_session(NULL);
    CHECK_ERR(ask("/a", NULL), -COIL_EREDIRECT);
    CHECK_CONTAINS(failure.text, "more than 10 redirects");
    CHECK_INT(site.at, ==, 11);
    CHECK_ERR(ask_with((struct coil_http_request){.url = url_of("/"), .max_redirects = 2}, NULL),
              -COIL_EREDIRECT);
    CHECK_INT(site.at, ==, 14);
    close_all();
    return 0;
}

/* --- to somebody else --- */

TASK_TEST(redirect_to_another_origin)
{
    struct site *other = calloc(1, sizeof *other);
    char answer[256];
    char back[256];
    struct act acts[] = {{.say = answer}, {.say = HELLO}};
    struct act others[] = {{.say = back}};
    struct coil_http_request request = {
        .fields = secrets, .field_count = 4, .user = "me", .password = "s3cret"};

    CHECK(other != NULL);
    OPEN_SITE(acts);
    open_site_with(other, others, 1, play_client, other);
    snprintf(answer, sizeof answer, TO("307", "%s/x"), other->url);
    snprintf(back, sizeof back, TO("307", "%s/y"), site.url);
    open_session(NULL);
    request.url = url_of("/a");
    CHECK_ERR(ask_with(request, "hello"), 200);
    CHECK_CONTAINS(site.heard, "Authorization: s3cret");
    CHECK_CONTAINS(other->heard, "GET /x HTTP");
    CHECK_CONTAINS(other->heard, "X: y");
    CHECK(!strstr(other->heard, "s3cret") && !strstr(other->heard, "Authorization"));
    /* Nor does the way back have them: it was not the caller's. */
    CHECK(!strstr(strstr(site.heard, "GET /y"), "Authorization"));
    close_all();
    coil_server_shutdown(other->server, 0);
    free(other);
    return 0;
}

/* --- a body that cannot be read twice --- */

static ssize_t give_once(void *user, void *buf, size_t size)
{
    int *left = user;

    (void)size;
    if (*left == 0) {
        return 0;
    }
    (*left)--;
    memcpy(buf, "abc", 3);
    return 3;
}

static int give_again(void *user)
{
    *(int *)user = 2;
    return 0;
}

TASK_TEST(redirect_and_a_reader)
{
    static const struct act acts[] = {
        {.say = TO("307", "/b")}, {.say = TO("307", "/b")}, {.say = HELLO}};
    int left = 2;
    struct coil_http_request request = {.reader = give_once, .reader_user = &left};

    OPEN_SITE(acts);
    open_session(NULL);
    request.url = url_of("/a");
    CHECK_ERR(ask_with(request, NULL), -COIL_EREDIRECT);
    CHECK_CONTAINS(failure.text, "read twice");
    left = 2;
    request.rewinder = give_again;
    CHECK_ERR(ask_with(request, "hello"), 200);
    CHECK_INT(site.at, ==, 3);
    close_all();
    return 0;
}
