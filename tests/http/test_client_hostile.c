/* Servers that break the rules: each is bounded, and named. */
#include "client_talk.h"

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* The head is refused, and the connection closed. */
static const struct {
    const char *say;
    int error;
    const char *text;
} heads[] = {
    {"nonsense\r\n\r\n", -COIL_EPROTOCOL, "no good HTTP"},
    {"HTTP/2.0 200 OK\r\n\r\n", -COIL_EPROTOCOL, "no good HTTP"},   /* RFC 9112, section 2.3 */
    {"HTTP/1.1 20 OK\r\n\r\n", -COIL_EPROTOCOL, "no good HTTP"},    /* section 4 */
    {"HTTP/1.1 200 OK\nA: b\n\n", -COIL_EPROTOCOL, "no good HTTP"}, /* section 2.2 */
    {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", -COIL_EPROTOCOL, "no good HTTP"},      /* section 5.1 */
    {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", -COIL_EPROTOCOL, "no good HTTP"}, /* section 5.2 */
    /* Lying and double lengths: section 6.3. */
    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", -COIL_EPROTOCOL, "no good HTTP"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", -COIL_EPROTOCOL,
     "no good HTTP"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", -COIL_EPROTOCOL,
     "no good HTTP"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", -COIL_EPROTOCOL,
     "no good HTTP"},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
     -COIL_EPROTOCOL, "another protocol"}, /* RFC 9110, section 15.2.2 */
    /* It ends too early: section 8. */
    {"HTTP/1.1 200 OK\r\nContent-Le", -COIL_EINCOMPLETE, "in the middle of a head"},
    {"", -COIL_EINCOMPLETE, "without a response"},
};

TASK_TEST(hostile_heads)
{
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct act act = {.say = heads[i].say, .close = true};

        open_site(&act, 1);
        open_session(NULL);
        CHECK_ERR(ask("/", NULL), heads[i].error);
        CHECK_CONTAINS(failure.text, heads[i].text);
        CHECK_INT(usage().connections, ==, 0);
        close_all();
    }
    return 0;
}

static const struct {
    const char *say;
    int error;
} broken_bodies[] = {
    {OK_HEAD("10") "hello", -COIL_EINCOMPLETE}, /* RFC 9112, section 8 */
    {CHUNKED "5\r\nhel", -COIL_EINCOMPLETE},
    {CHUNKED "5\r\nhello\r\n", -COIL_EINCOMPLETE},
    {CHUNKED "5\r\nhello\r\n0\r\n", -COIL_EINCOMPLETE},
    {CHUNKED "x\r\nhello\r\n", -COIL_EPROTOCOL}, /* section 7.1 */
    {CHUNKED "-5\r\nhello\r\n", -COIL_EPROTOCOL},
    {CHUNKED "ffffffffffffffffffff\r\nhello\r\n", -COIL_EPROTOCOL},
    {CHUNKED "5\r\nhelloworld\r\n0\r\n\r\n", -COIL_EPROTOCOL},
    {CHUNKED "5\nhello\n0\n\n", -COIL_EPROTOCOL},
    {CHUNKED "0\r\nbad trailer\r\n\r\n", -COIL_EPROTOCOL}, /* section 7.1.2 */
};

TASK_TEST(hostile_bodies)
{
    for (size_t i = 0; i < sizeof broken_bodies / sizeof *broken_bodies; i++) {
        struct act act = {.say = broken_bodies[i].say, .close = true};
        struct coil_http_request request = {0};
        struct coil_http_response *response;
        char buf[64];
        ssize_t n = 1;

        open_site(&act, 1);
        open_session(NULL);
        CHECK_ERR(ask("/", NULL), broken_bodies[i].error);
        CHECK_INT(usage().connections, ==, 0);
        /* In parts it is the same, and stays so. */
        site.at = 0;
        request.url = url_of("/");
        CHECK_OK(coil_http_session_request(session, &request, &response));
        while (n > 0) {
            n = coil_http_response_read(response, buf, sizeof buf);
        }
        CHECK_ERR(n, broken_bodies[i].error);
        CHECK(coil_http_response_error_text(response)[0] != '\0');
        CHECK_ERR(coil_http_response_read(response, buf, 1), broken_bodies[i].error);
        CHECK_ERR(coil_http_response_read_all(response, NULL), broken_bodies[i].error);
        coil_http_response_close(response);
        CHECK_INT(usage().connections, ==, 0);
        close_all();
    }
    return 0;
}

/* --- floods --- */

/* Says the same for as long as somebody listens. */
static int flood(struct coil_stream *stream, void *user)
{
    const char *text = user;
    const char *first = "HTTP/1.1 ";
    ssize_t n;

    hear_until(&site, stream, "\r\n\r\n");
    n = strncmp(text, first, strlen(first)) == 0
            ? 1
            : coil_stream_write(stream, "HTTP/1.1 200 OK\r\n", 17);
    while (n > 0) {
        n = coil_stream_write(stream, text, strlen(text));
    }
    coil_event_set(&site.has_ended);
    return 0;
}

static void check_flood(const char *text, int error, const char *sentence)
{
    open_site_with(&site, NULL, 0, flood, (void *)(uintptr_t)text);
    open_session(NULL);
    CHECK_ERR(ask("/", NULL), error);
    CHECK_CONTAINS(failure.text, sentence);
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_event_wait(&site.has_ended));
    }
    close_all();
}

TASK_TEST(flood_of_fields)
{
    check_flood("A: b\r\n", -COIL_ELIMIT, "no good HTTP"); /* too many */
    check_flood("A", -COIL_ELIMIT, "no good HTTP");        /* one without an end */
    return 0;
}

TASK_TEST(flood_of_large_fields)
{
    static char field[8000];

    memset(field, 'a', sizeof field - 1);
    memcpy(field, "A: ", 3);
    memcpy(field + sizeof field - 3, "\r\n", 2);
    check_flood(field, -COIL_ELIMIT, "no good HTTP");
    return 0;
}

TASK_TEST(flood_of_interim_responses)
{
    check_flood("HTTP/1.1 100 Continue\r\n\r\n", -COIL_EPROTOCOL, "more than 16 interim");
    check_flood("HTTP/1.1 103 Early Hints\r\n\r\n", -COIL_EPROTOCOL, "more than 16 interim");
    return 0;
}

TASK_TEST(flood_of_a_body)
{
    struct coil_http_session_options options = {.max_body = 100 * 1000};

    open_site_with(&site, NULL, 0, flood,
                   (void *)(uintptr_t) "Connection: close\r\n\r\nand so on, and so on");
    open_session(&options);
    CHECK_ERR(ask("/", NULL), -COIL_ELIMIT);
    close_all();
    return 0;
}

/* A head as large as it may be, and one byte more. */
TASK_TEST(head_at_its_limit)
{
    static const struct act acts[] = {{.say = OK_HEAD("1") "a"}, {.say = OK_HEAD("1") "a"}};
    size_t size = strlen(OK_HEAD("1"));
    struct coil_http_session_options options = {.max_head = size};

    OPEN_SITE(acts);
    open_session(&options);
    CHECK_ERR(ask("/", "a"), 200);
    coil_http_session_close(session);
    options.max_head = size - 1;
    open_session(&options);
    CHECK_ERR(ask("/", NULL), -COIL_ELIMIT);
    close_all();
    return 0;
}

/* --- slow ones --- */

TASK_TEST(server_that_says_nothing)
{
    static const struct act acts[] = {{0}, {0}, {.say = OK_HEAD("9") "he", .then = "x"}};
    struct coil_http_request request = {.read_timeout_ns = 20 * COIL_MSEC};

    OPEN_SITE(acts);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    CHECK_CONTAINS(failure.text, "no response within 0.02 s");
    request.total_timeout_ns = 10 * COIL_MSEC;
    CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    CHECK_CONTAINS(failure.text, "whole time");
    request.total_timeout_ns = 0;
    CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    CHECK_CONTAINS(failure.text, "nothing for too long");
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

/* Bytes of a head that never ends do not make more time. */
static int drip(struct coil_stream *stream, void *user)
{
    (void)user;
    hear_until(&site, stream, "\r\n\r\n");
    coil_stream_write(stream, "HTTP/1.1 200 OK\r\nA: ", 20);
    while (coil_stream_write(stream, "a", 1) > 0 && coil_sleep(5 * COIL_MSEC) == 0) {
    }
    return 0;
}

TASK_TEST(server_that_drips)
{
    struct coil_http_request request = {.read_timeout_ns = 50 * COIL_MSEC};

    open_site_with(&site, NULL, 0, drip, NULL);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    close_all();
    return 0;
}

/* A body that comes in time piece by piece, and never ends. */
static int drip_body(struct coil_stream *stream, void *user)
{
    (void)user;
    hear_until(&site, stream, "\r\n\r\n");
    coil_stream_write(stream, "HTTP/1.1 200 OK\r\n\r\n", 19);
    while (coil_stream_write(stream, "a", 1) > 0 && coil_sleep(5 * COIL_MSEC) == 0) {
    }
    return 0;
}

TASK_TEST(body_that_drips)
{
    struct coil_http_request request = {.total_timeout_ns = 100 * COIL_MSEC};

    open_site_with(&site, NULL, 0, drip_body, NULL);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    CHECK_CONTAINS(failure.text, "within its time");
    close_all();
    return 0;
}

TASK_TEST(nobody_listens)
{
    static const struct act acts[] = {{0}};
    char text[64];

    OPEN_SITE(acts);
    snprintf(text, sizeof text, "cannot connect to 127.0.0.1:%u", site.port);
    open_session(NULL);
    coil_server_shutdown(site.server, 0);
    site.server = NULL;
    CHECK_ERR(ask("/", NULL), -ECONNREFUSED);
    CHECK_CONTAINS(failure.text, text);
    CHECK_INT(usage().connections, ==, 0);
    coil_http_session_close(session);
    return 0;
}

TASK_TEST(server_vanishes_in_the_middle)
{
    static const struct act acts[] = {{.say = OK_HEAD("9") "he", .reset = true},
                                      {.say = "HTTP/1.1 200 OK\r\nA", .reset = true}};
    int rc;

    OPEN_SITE(acts);
    open_session(NULL);
    rc = ask("/", NULL);
    CHECK(rc == -ECONNRESET || rc == -COIL_EINCOMPLETE);
    rc = ask("/", NULL);
    CHECK(rc == -ECONNRESET || rc == -COIL_EINCOMPLETE);
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}
