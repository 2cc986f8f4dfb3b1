/* Requests and their responses: what is sent, and what is made of what comes. */
#include "client_talk.h"

#include "fault.h"

/* --- what is sent --- */

#define CODINGS "Accept-Encoding: gzip, deflate, br, zstd\r\n"
#define AGENT "User-Agent: x\r\nAccept: */*\r\n" CODINGS

static const struct coil_http_field some_fields[] = {{"X-A", "1"}, {"Accept", "text/html"}};
static const struct coil_http_field own_host[] = {{"Host", "example.org"}, {"User-Agent", "me"}};
static const struct coil_http_field form[] = {{"a b", "1&2"}, {"c", "\303\244"}, {"d", NULL}};

static const struct {
    struct coil_http_request request; /* url: the path */
    const char *heard;                /* %: where the host stands */
} sent[] = {
    {{.url = ""}, "GET / HTTP/1.1\r\nHost: %\r\n" AGENT "\r\n"},
    {{.url = "/a/../b?c=d e#f"}, "GET /b?c=d%20e HTTP/1.1\r\nHost: %\r\n" AGENT "\r\n"},
    {{.url = "/\303\244"}, "GET /%C3%A4 HTTP/1.1\r\nHost: %\r\n" AGENT "\r\n"},
    {{.url = "/", .method = "DELETE"}, "DELETE / HTTP/1.1\r\nHost: %\r\n" AGENT "\r\n"},
    {{.url = "/", .method = "POST"},
     "POST / HTTP/1.1\r\nHost: %\r\n" AGENT "Content-Length: 0\r\n\r\n"},
    {{.url = "/", .fields = some_fields, .field_count = 2},
     "GET / HTTP/1.1\r\nHost: %\r\nUser-Agent: x\r\n" CODINGS
     "X-A: 1\r\nAccept: text/html\r\n\r\n"},
    {{.url = "/", .fields = own_host, .field_count = 2},
     "GET / HTTP/1.1\r\nAccept: */*\r\n" CODINGS "Host: example.org\r\nUser-Agent: me\r\n\r\n"},
    {{.url = "/", .user = "Aladdin", .password = "open sesame"},
     "GET / HTTP/1.1\r\nHost: %\r\n" AGENT
     "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"},
    {{.url = "/", .user = "a"},
     "GET / HTTP/1.1\r\nHost: %\r\n" AGENT "Authorization: Basic YTo=\r\n\r\n"},
    {{.url = "/", .bearer = "abc.d-e_f=="},
     "GET / HTTP/1.1\r\nHost: %\r\n" AGENT "Authorization: Bearer abc.d-e_f==\r\n\r\n"},
    {{.url = "/", .body = "hello", .body_size = 5, .type = "text/plain"},
     "POST / HTTP/1.1\r\nHost: %\r\n" AGENT
     "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"},
    {{.url = "/", .method = "PUT", .json = "{}"},
     "PUT / HTTP/1.1\r\nHost: %\r\n" AGENT
     "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"},
    {{.url = "/", .form = form, .form_count = 3},
     "POST / HTTP/1.1\r\nHost: %\r\n" AGENT "Content-Type: application/x-www-form-urlencoded\r\n"
     "Content-Length: 21\r\n\r\na+b=1%262&c=%C3%A4&d="},
};

/* The '%' that stands for the host, if it is followed by a CR. */
static void put_host(const char *text, char *buf, size_t size)
{
    const char *mark = strstr(text, "Host: %\r");

    if (mark) {
        snprintf(buf, size, "%.*sHost: 127.0.0.1:%u%s", (int)(mark - text), text, site.port,
                 mark + 7);
    } else {
        snprintf(buf, size, "%s", text);
    }
}

TASK_TEST(request_is_written)
{
    static const struct act acts[] = {{.say = OK_HEAD("0")}};
    struct coil_http_session_options options = {.user_agent = "x"};
    char expected[1024];

    OPEN_SITE(acts);
    site.again = true;
    open_session(&options);
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        struct coil_http_request request = sent[i].request;

        request.url = url_of(request.url);
        site.size = 0;
        CHECK_ERR(ask_with(request, ""), 200);
        put_host(sent[i].heard, expected, sizeof expected);
        CHECK_STR(site.heard, expected);
    }
    CHECK_INT(site.connections, ==, 1);
    close_all();
    return 0;
}

TASK_TEST(request_names_the_client)
{
    static const struct act acts[] = {{.say = OK_HEAD("0")}, {.say = OK_HEAD("0")}};
    struct coil_http_session_options options = {.user_agent = ""};

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask("/", ""), 200);
    CHECK_CONTAINS(site.heard, "User-Agent: coil/");
    coil_http_session_close(session);
    site.size = 0;
    open_session(&options);
    CHECK_ERR(ask("/", ""), 200);
    CHECK(!strstr(site.heard, "User-Agent"));
    close_all();
    return 0;
}

/* --- what is refused --- */

static const struct coil_http_field length[] = {{"content-length", "7"}};
static const struct coil_http_field coding[] = {{"Transfer-Encoding", "chunked"}};
static const struct coil_http_field proxy[] = {{"Proxy-Authorization", "Basic bWU6eW91"}};
static const struct coil_http_field split[] = {{"X", "a\r\nY: b"}};
static const struct coil_http_field bad_name[] = {{"X Y", "a"}};
static const struct coil_http_field no_value[] = {{"X", NULL}};

static const struct {
    struct coil_http_request request;
    int error;
    const char *text;
} refused[] = {
    {{.url = NULL}, -COIL_EURL, "there is no URL"},
    {{.url = ""}, -COIL_EURL, "scheme"},
    {{.url = "example.org"}, -COIL_EURL, "scheme"},
    {{.url = "ftp://example.org/"}, -COIL_EURL, "scheme"},
    {{.url = "ws://example.org/"}, -COIL_EURL, "scheme"},
    {{.url = "http://"}, -COIL_EURL, "host"},
    {{.url = "http://a:b@example.org/"}, -COIL_EURL, "user"},
    {{.url = "http://example.org:70000/"}, -COIL_EURL, "port"},
    {{.url = "http://a/%zz"}, -COIL_EURL, "%"},
    {{.url = "http://a/\r\nX: y"}, -COIL_EHOSTNAME, NULL}, /* is encoded */
    {{.url = "http://a/", .method = "GET /"}, -EINVAL, "method"},
    {{.url = "http://a/", .method = ""}, -EINVAL, "method"},
    {{.url = "http://a/", .method = "CONNECT"}, -EINVAL, "method"},
    {{.url = "http://a/", .user = "a:b"}, -EINVAL, "credentials"},
    {{.url = "http://a/", .user = "a\n"}, -EINVAL, "credentials"},
    {{.url = "http://a/", .bearer = "a b"}, -EINVAL, "credentials"},
    {{.url = "http://a/", .bearer = "a", .user = "b"}, -EINVAL, "credentials"},
    {{.url = "http://a/", .json = "{}", .body = "", .body_size = 0}, -EINVAL, "one body"},
    {{.url = "http://a/", .body_size = 3}, -EINVAL, "bytes"},
    {{.url = "http://a/", .file = "/nowhere/at/all"}, -ENOENT, "/nowhere/at/all: No such file"},
    {{.url = "http://a/", .file = "/"}, -EISDIR, "/: Is a directory"},
};

TASK_TEST(request_that_cannot_be_sent)
{
    open_session(NULL);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (refused[i].error == -COIL_EHOSTNAME) {
            continue; /* asks a resolver */
        }
        CHECK_ERR(ask_with(refused[i].request, NULL), refused[i].error);
        CHECK_CONTAINS(failure.text, refused[i].text);
    }
    coil_http_session_close(session);
    return 0;
}

TASK_TEST(request_with_a_field_that_breaks_it)
{
    static const struct {
        const struct coil_http_field *field;
        const char *text;
    } fields[] = {{length, "own"},
                  {coding, "own"},
                  {proxy, "own"},
                  {split, "cannot be written"},
                  {bad_name, "cannot be written"},
                  {no_value, "without"}};
    static const struct coil_http_field hosts[] = {{"Host", "a"}, {"host", "b"}};
    static const struct act acts[] = {{.say = OK_HEAD("0")}};

    OPEN_SITE(acts);
    open_session(NULL);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct coil_http_request request = {
            .url = url_of("/"), .fields = fields[i].field, .field_count = 1};

        CHECK_ERR(ask_with(request, NULL), -EINVAL);
        CHECK_CONTAINS(failure.text, fields[i].text);
    }
    CHECK_ERR(
        ask_with((struct coil_http_request){.url = url_of("/"), .fields = hosts, .field_count = 2},
                 NULL),
        -EINVAL);
    CHECK_CONTAINS(failure.text, "two fields Host");
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    CHECK_STR(site.heard, "");
    return 0;
}

TASK_TEST(request_misuse)
{
    struct coil_http_response *response = NULL;
    struct coil_http_request request = {.url = "http://127.0.0.1/"};
    struct coil_http_session_options options = {.proxy = "socks5://a"};
    char buf[8];
    size_t count = 7;

    CHECK_ERR(coil_http_session_new(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_session_new(&options, &session), -EINVAL);
    options = (struct coil_http_session_options){.user_agent = "a\r\nb"};
    CHECK_ERR(coil_http_session_new(&options, &session), -EINVAL);
    CHECK_ERR(coil_http_session_request(NULL, &request, &response), -EINVAL);
    CHECK_ERR(coil_http_fetch(NULL, NULL, &response), -EINVAL);
    CHECK_ERR(coil_http_get(NULL, "http://127.0.0.1/", NULL), -EINVAL);
    CHECK_ERR(coil_http_session_get_usage(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_session_set_cookie(NULL, "http://a/", "a=b"), -EINVAL);
    CHECK_ERR(coil_http_session_get_cookies(NULL, "http://a/", buf, sizeof buf), -EINVAL);
    coil_http_session_clear_cookies(NULL);
    coil_http_session_close_idle(NULL);
    coil_http_session_close(NULL);
    coil_http_response_close(NULL);
    CHECK_INT(coil_http_response_status(NULL), ==, 0);
    CHECK_INT(coil_http_response_version(NULL), ==, 0);
    CHECK_INT(coil_http_response_redirects(NULL), ==, 0);
    CHECK_INT(coil_http_response_body_size(NULL), ==, 0);
    CHECK_STR(coil_http_response_reason(NULL), "");
    CHECK_STR(coil_http_response_url(NULL), "");
    CHECK_STR(coil_http_response_error_text(NULL), "");
    CHECK(!coil_http_response_get_field(NULL, "a"));
    CHECK(!coil_http_response_get_fields(NULL, &count));
    CHECK_INT(count, ==, 0);
    CHECK_ERR(coil_http_response_read(NULL, buf, 1), -EINVAL);
    CHECK_ERR(coil_http_response_read_all(NULL, NULL), -EINVAL);
    return 0;
}

/* --- what comes --- */

TASK_TEST(response_is_told)
{
    static const struct act acts[] = {
        {.say = "HTTP/1.1 404 Not There\r\nX-A: 1\r\nContent-Length: 3\r\nx-a:  2 \r\n\r\nabc"}};
    struct coil_http_request request = {0};
    struct coil_http_response *response;
    const struct coil_http_field *fields;
    const char *body;
    char buf[8];
    size_t count;

    OPEN_SITE(acts);
    open_session(NULL);
    request.url = url_of("/a#b");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    CHECK_INT(coil_http_response_status(response), ==, 404);
    CHECK_STR(coil_http_response_reason(response), "Not There");
    CHECK_INT(coil_http_response_version(response), ==, 11);
    CHECK_STR(coil_http_response_url(response), url_of("/a"));
    CHECK_INT(coil_http_response_redirects(response), ==, 0);
    CHECK_STR(coil_http_response_get_field(response, "X-a"), "1");
    CHECK(!coil_http_response_get_field(response, "X"));
    fields = coil_http_response_get_fields(response, &count);
    CHECK_INT(count, ==, 3);
    CHECK_STR(fields[2].name, "x-a");
    CHECK_STR(fields[2].value, "2");
    CHECK_INT(coil_http_response_body_size(response), ==, 3);
    CHECK_INT(coil_http_response_read(response, buf, 2), ==, 2);
    CHECK_ERR(coil_http_response_read(response, NULL, 1), -EINVAL);
    CHECK_INT(coil_http_response_read(response, buf, 0), ==, 0);
    CHECK_INT(coil_http_response_read_all(response, &body), ==, 1);
    CHECK_STR(body, "c");
    CHECK_INT(coil_http_response_read_all(response, &body), ==, 1);
    CHECK_INT(coil_http_response_read(response, buf, 2), ==, 0);
    CHECK_STR(coil_http_response_error_text(response), "");
    coil_http_response_close(response);
    CHECK_INT(usage().idle, ==, 1);
    close_all();
    return 0;
}

static const struct {
    const char *say;
    const char *body;
    bool close;
    bool keeps; /* the connection */
} bodies[] = {
    {OK_HEAD("0"), "", false, true},
    {OK_HEAD("5") "hello", "hello", false, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
     "abcde", false, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", "a", false,
     true},
    {"HTTP/1.1 204 No Content\r\n\r\n", "", false, true},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", false, true},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end", true, false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "a", false, false},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na", "a", false, false},
    {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK_HEAD("1") "a", "a", false, true},
    /* What stands behind the end was asked for by nobody (RFC 9112, section 11.2). */
    {OK_HEAD("1") "a" OK_HEAD("5") "wrong", "a", false, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nx", "a", false,
     false},
};

TASK_TEST(response_bodies)
{
    struct act act = {0};

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        act.say = bodies[i].say;
        act.close = bodies[i].close;
        open_site(&act, 1);
        open_session(NULL);
        CHECK_INT(ask("/", bodies[i].body), >=, 200);
        CHECK_INT(usage().connections, ==, bodies[i].keeps);
        CHECK_INT(usage().idle, ==, bodies[i].keeps);
        close_all();
    }
    return 0;
}

TASK_TEST(response_to_head)
{
    static const struct act acts[] = {{.say = OK_HEAD("1000")}, {.say = OK_HEAD("1") "a"}};
    struct coil_http_request request = {.method = "HEAD"};

    OPEN_SITE(acts);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, ""), 200);
    CHECK_ERR(ask("/", "a"), 200);
    CHECK_INT(site.connections, ==, 1);
    close_all();
    return 0;
}

/* Byte by byte. */
static int dribble(struct coil_stream *stream, void *user)
{
    const char *text = user;

    hear_until(&site, stream, "\r\n\r\n");
    for (; *text != '\0'; text++) {
        coil_stream_write(stream, text, 1);
        coil_stream_flush(stream);
        coil_yield();
    }
    return 0;
}

TASK_TEST(response_in_single_bytes)
{
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char text[256];

        snprintf(text, sizeof text, "%s", bodies[i].say);
        open_site_with(&site, NULL, 0, dribble, text);
        open_session(NULL);
        CHECK_INT(ask("/", bodies[i].body), >=, 200);
        close_all();
    }
    return 0;
}

/* --- by one call, with a session of its own --- */

TASK_TEST(get_in_one_call)
{
    static const struct act acts[] = {{.say = OK_HEAD("5") "hello"}};
    struct coil_http_response *response;
    const char *body;

    OPEN_SITE(acts);
    CHECK_OK(coil_http_get(NULL, url_of("/"), &response));
    CHECK_INT(coil_http_response_read_all(response, &body), ==, 5);
    CHECK_STR(body, "hello");
    coil_http_response_close(response);
    CHECK_ERR(coil_http_get(NULL, "nonsense", &response), -COIL_EURL);
    close_all();
    return 0;
}

TASK_TEST(fetch_is_bounded)
{
    static const struct act acts[] = {
        {.say = OK_HEAD("5") "hello"},
        {.say = OK_HEAD("5") "hello"},
        {.say = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
        {.say = "HTTP/1.1 200 OK\r\n\r\nhello", .close = true},
    };
    struct coil_http_session_options options = {.max_body = 4};

    OPEN_SITE(acts);
    open_session(&options);
    CHECK_ERR(ask_with((struct coil_http_request){.url = url_of("/"), .max_body = 5}, "hello"),
              200);
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(ask("/", NULL), -COIL_ELIMIT);
        CHECK_CONTAINS(failure.text, "larger than the 4 bytes");
    }
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}
