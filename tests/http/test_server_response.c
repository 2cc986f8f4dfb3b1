/* Responses: whole and in pieces, to old clients and to HEAD, wrong ones, and failing handlers. */
#include "http_talk.h"

#include <ctype.h>
#include <time.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_OLD "GET / HTTP/1.0\r\n\r\n"
#define HEAD "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define FAILED                                                                                     \
    "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n\r\n" \
    "Internal Server Error\n"

/* --- the head --- */

static int reply_with_fields(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK(!coil_http_is_begun(exchange));
    CHECK_OK(coil_http_add_field(exchange, "X-A", "b"));
    CHECK_OK(coil_http_add_field(exchange, "X-Empty", ""));
    CHECK_OK(coil_http_add_field(exchange, "Set-Cookie", "a=b; Path=/"));
    CHECK_OK(coil_http_add_field(exchange, "Set-Cookie", "c=d"));
    /* RFC 9110, section 5.5: what would break the head. */
    CHECK_ERR(coil_http_add_field(exchange, "X-B", "a\r\nX: y"), -EINVAL);
    CHECK_ERR(coil_http_add_field(exchange, "X-B", "a\nb"), -EINVAL);
    CHECK_ERR(coil_http_add_field(exchange, "X B", "a"), -EINVAL);
    CHECK_ERR(coil_http_add_field(exchange, "", "a"), -EINVAL);
    CHECK_ERR(coil_http_add_field(exchange, "X:", "a"), -EINVAL);
    CHECK_ERR(coil_http_add_field(exchange, NULL, "a"), -EINVAL);
    CHECK_ERR(coil_http_add_field(exchange, "X", NULL), -EINVAL);
    /* What the server says itself. */
    CHECK_ERR(coil_http_add_field(exchange, "content-length", "1"), -EINVAL);
    CHECK_ERR(coil_http_add_field(exchange, "Transfer-Encoding", "chunked"), -EINVAL);
    CHECK_ERR(coil_http_add_field(exchange, "CONNECTION", "close"), -EINVAL);
    CHECK_ERR(coil_http_add_field(exchange, "Date", "now"), -EINVAL);
    CHECK_ERR(coil_http_reply(exchange, 199, NULL, NULL, 0), -EINVAL);
    CHECK_ERR(coil_http_reply(exchange, 600, NULL, NULL, 0), -EINVAL);
    CHECK_ERR(coil_http_reply(exchange, 200, "a\r\nb", NULL, 0), -EINVAL);
    CHECK_ERR(coil_http_reply(exchange, 200, NULL, NULL, 1), -EINVAL);
    CHECK_ERR(coil_http_begin(exchange, 200, NULL, -2), -EINVAL);
    CHECK_ERR(coil_http_begin(exchange, 200, "a\n", 1), -EINVAL);
    CHECK_ERR(coil_http_flush(exchange), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_write(exchange, "a", 1), -COIL_EINVALIDSTATE);
    CHECK_OK(coil_http_reply(exchange, 299, "text/x", "hi", 2));
    CHECK(coil_http_is_begun(exchange));
    CHECK_ERR(coil_http_add_field(exchange, "X-B", "a"), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_reply(exchange, 200, NULL, NULL, 0), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_begin(exchange, 200, NULL, 0), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_write(exchange, "a", 1), -COIL_EINVALIDSTATE);
    return 0;
}

TASK_TEST(response_head)
{
    const char *one = "HTTP/1.1 299 \r\nContent-Type: text/x\r\nX-A: b\r\nX-Empty: \r\n"
                      "Set-Cookie: a=b; Path=/\r\nSet-Cookie: c=d\r\nContent-Length: 2\r\n\r\nhi";
    char both[512];

    snprintf(both, sizeof both, "%s%s", one, one); /* nothing is left for the next one */
    check_answer(reply_with_fields, GET GET, both);
    return 0;
}

static int reply_as_another(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_add_field(exchange, "server", "mine"));
    return coil_http_reply(exchange, 200, NULL, NULL, 0);
}

TASK_TEST(response_names_its_server)
{
    talk.options.server_name = "test/1";
    check_answer(NULL, GET,
                 "HTTP/1.1 200 OK\r\nServer: test/1\r\nContent-Length: 11\r\n\r\n"
                 "GET / ?- @a");
    check_answer(reply_as_another, GET GET,
                 "HTTP/1.1 200 OK\r\nserver: mine\r\nContent-Length: 0\r\n\r\n"
                 "HTTP/1.1 200 OK\r\nserver: mine\r\nContent-Length: 0\r\n\r\n");
    return 0;
}

/* RFC 9110, section 5.6.7. */
TASK_TEST(response_has_the_date)
{
    struct tm tm = {.tm_year = 0};
    const char *date;
    time_t then;

    open_talk(NULL);
    say(GET);
    CHECK_OK(coil_stream_write_eof(talk.client));
    hear_answer(ANSWER_ROOM - 1);
    date = strstr(talk.answer, "\r\nDate: ");
    CHECK(date != NULL);
    date = date ? strptime(date + 8, "%a, %d %b %Y %H:%M:%S GMT\r\n", &tm) : NULL;
    CHECK(date != NULL);
    then = timegm(&tm);
    CHECK_INT(then, <=, time(NULL));
    CHECK_INT(then, >=, time(NULL) - 60);
    close_talk();
    return 0;
}

/* --- without a body --- */

static int reply_status(struct coil_http_exchange *exchange, void *user)
{
    return coil_http_reply(exchange, *(const unsigned *)user, NULL, "body", 4);
}

static int stream_status(struct coil_http_exchange *exchange, void *user)
{
    CHECK_OK(coil_http_begin(exchange, *(const unsigned *)user, NULL, -1));
    return 0;
}

/* It need not look at the status before it writes. */
static int write_status(struct coil_http_exchange *exchange, void *user)
{
    CHECK_OK(coil_http_begin(exchange, *(const unsigned *)user, NULL, 4));
    CHECK_INT(coil_http_write(exchange, "body", 4), ==, 4);
    return 0;
}

TASK_TEST(response_without_a_body)
{
    static const struct {
        unsigned status;
        const char *answer;
    } rows[] = {
        {204, "HTTP/1.1 204 No Content\r\n\r\n"},
        {205, "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"},
        {304, "HTTP/1.1 304 Not Modified\r\n\r\n"},
    };
    unsigned status;

    talk.user = &status;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        status = rows[i].status;
        check_answer(reply_status, GET, rows[i].answer);
        check_answer(stream_status, GET, rows[i].answer);
        check_answer(reply_status, HEAD, rows[i].answer);
    }
    status = 304;
    check_answer(write_status, GET GET,
                 "HTTP/1.1 304 Not Modified\r\n\r\n"
                 "HTTP/1.1 304 Not Modified\r\n\r\n");
    status = 200;
    check_answer(reply_status, HEAD GET, OK("4") OK("4") "body");
    return 0;
}

/* --- in pieces --- */

static int write_pieces(struct coil_http_exchange *exchange, void *user)
{
    int64_t size = *(const int64_t *)user;

    CHECK_OK(coil_http_begin(exchange, 200, NULL, size));
    CHECK(coil_http_is_begun(exchange));
    CHECK_ERR(coil_http_add_field(exchange, "X", "y"), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_reply(exchange, 200, NULL, NULL, 0), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_begin(exchange, 200, NULL, 1), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_write(exchange, NULL, 1), -EINVAL);
    CHECK_INT(coil_http_write(exchange, "", 0), ==, 0);
    CHECK_INT(coil_http_write(exchange, "hello, ", 7), ==, 7);
    CHECK_OK(coil_http_flush(exchange));
    CHECK_INT(coil_http_write(exchange, "world", 5), ==, 5);
    if (size >= 0) {
        CHECK_ERR(coil_http_write(exchange, "!", 1), -COIL_EINVALIDSTATE);
        CHECK_INT(coil_http_write(exchange, "", 0), ==, 0);
    }
    return 0;
}

TASK_TEST(response_in_pieces)
{
    int64_t size = 12;

    talk.user = &size;
    check_answer(write_pieces, GET GET, OK("12") "hello, world" OK("12") "hello, world");
    check_answer(write_pieces, GET_OLD, OK_CLOSE("12") "hello, world");
    check_answer(write_pieces, HEAD, OK("12"));
    size = -1;
    check_answer(write_pieces, GET GET,
                 CHUNKED "7\r\nhello, \r\n5\r\nworld\r\n0\r\n\r\n" CHUNKED
                         "7\r\nhello, \r\n5\r\nworld\r\n0\r\n\r\n");
    check_answer(write_pieces, HEAD, CHUNKED);
    /* The end of the connection is that of the body (RFC 9112, section 6.3). */
    check_answer(write_pieces, GET_OLD "GET / HTTP/1.0\r\n\r\n",
                 "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello, world");
    check_answer(write_pieces, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                 "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello, world");
    return 0;
}

static int begin_only(struct coil_http_exchange *exchange, void *user)
{
    return coil_http_begin(exchange, 200, NULL, *(const int64_t *)user);
}

static int begin_and_flush(struct coil_http_exchange *exchange, void *user)
{
    int rc = coil_http_begin(exchange, 200, NULL, *(const int64_t *)user);

    return rc < 0 ? rc : coil_http_flush(exchange);
}

TASK_TEST(response_of_no_pieces)
{
    coil_http_handler handlers[] = {begin_only, begin_and_flush};
    int64_t size;

    talk.user = &size;
    for (int i = 0; i < 2; i++) {
        size = 0;
        check_answer(handlers[i], GET GET, OK("0") OK("0"));
        size = -1;
        check_answer(handlers[i], GET GET, CHUNKED "0\r\n\r\n" CHUNKED "0\r\n\r\n");
        size = 10;
        check_answer(handlers[i], HEAD GET_OLD, i == 0 ? OK("10") : OK("10") OK_CLOSE("10"));
        CHECK_INT(talk.heard.count, ==, 1);
        CHECK_ERR(talk.heard.error, -COIL_EINCOMPLETE);
    }
    return 0;
}

/* What was written is with the client after a flush, though the handler goes on. */
static int flush_and_wait(struct coil_http_exchange *exchange, void *user)
{
    CHECK_OK(coil_http_begin(exchange, 200, NULL, -1));
    CHECK_INT(coil_http_write(exchange, "now", 3), ==, 3);
    CHECK_OK(coil_http_flush(exchange));
    CHECK_OK(coil_event_wait(user));
    return (int)coil_http_write(exchange, "then", 4);
}

TASK_TEST(response_is_flushed)
{
    struct coil_event event = {.is_set_ = false};

    talk.user = &event;
    open_talk(flush_and_wait);
    say(GET);
    hear_answer(strlen(CHUNKED "\r\nDate: 3\r\nnow\r\n") + 29);
    coil_event_set(&event);
    CHECK_OK(coil_stream_write_eof(talk.client));
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, CHUNKED "3\r\nnow\r\n4\r\nthen\r\n0\r\n\r\n");
    close_talk();
    return 0;
}

/* --- large --- */

static char large[200 * 1000];

static int reply_large(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    return coil_http_reply(exchange, 200, NULL, large, sizeof large);
}

static int write_large(struct coil_http_exchange *exchange, void *user)
{
    CHECK_OK(coil_http_begin(exchange, 200, NULL, *(const int64_t *)user));
    for (size_t at = 0; at < sizeof large; at += 50000) {
        CHECK_INT(coil_http_write(exchange, large + at, 50000), ==, 50000);
    }
    return 0;
}

static void check_large(coil_http_handler handler)
{
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (char)('a' + i % 26 + i / 50000);
    }
    open_talk(handler);
    say("GET / HTTP/1.0\r\n\r\n");
    hear_answer(ANSWER_ROOM - 1);
    CHECK_INT(talk.size, >, sizeof large);
    CHECK_MEM(talk.answer + talk.size - sizeof large, large, sizeof large);
    close_talk();
    CHECK_ERR(talk.rc, 0);
}

TASK_TEST(response_is_large)
{
    int64_t size = sizeof large;

    talk.user = &size;
    check_large(reply_large);
    check_large(write_large);
    size = -1;
    check_large(write_large);
    talk.stream_options.high_water = 100;
    check_large(reply_large);
    check_large(write_large);
    return 0;
}

/* --- handlers that fail --- */

struct failure {
    int after; /* 0: before its response, 1: with its head begun, 2: in the middle, 3: behind it */
    int rc;
};

static int fail_somewhere(struct coil_http_exchange *exchange, void *user)
{
    const struct failure *failure = user;

    if (failure->after == 0) {
        CHECK_OK(coil_http_add_field(exchange, "X-Lost", "with the rest"));
    }
    if (failure->after == 1 || failure->after == 2) {
        CHECK_OK(coil_http_begin(exchange, 200, NULL, 10));
    }
    if (failure->after == 2) {
        CHECK_INT(coil_http_write(exchange, "part", 4), ==, 4);
    }
    if (failure->after == 3) {
        CHECK_OK(coil_http_reply(exchange, 200, NULL, "all", 3));
    }
    return failure->rc;
}

TASK_TEST(response_of_a_handler_that_fails)
{
    struct failure failure = {.rc = -ENOENT};
    const char *answers[] = {FAILED FAILED, FAILED FAILED, OK("10") "part",
                             OK("3") "all" OK("3") "all"};

    talk.user = &failure;
    for (failure.after = 0; failure.after < 4; failure.after++) {
        check_answer(fail_somewhere, GET GET, answers[failure.after]);
        CHECK_INT(talk.heard.count, ==, failure.after == 2 ? 1 : 2);
        CHECK_ERR(talk.heard.error, -ENOENT);
        CHECK_STR(talk.heard.task_name, "GET /");
        CHECK_ERR(talk.rc, failure.after == 2 ? -ECONNABORTED : 0);
    }
    /* A peer that is gone is no news. */
    failure = (struct failure){.after = 0, .rc = -ECONNRESET};
    check_answer(fail_somewhere, GET, FAILED);
    CHECK_INT(talk.heard.count, ==, 0);
    /* It forgets to answer, or to answer all. */
    failure = (struct failure){.after = 0, .rc = 0};
    check_answer(fail_somewhere, GET, FAILED);
    CHECK_INT(talk.heard.count, ==, 1);
    CHECK_ERR(talk.heard.error, -COIL_EINVALIDSTATE);
    failure = (struct failure){.after = 2, .rc = 0};
    check_answer(fail_somewhere, GET GET, OK("10") "part");
    CHECK_INT(talk.heard.count, ==, 1);
    CHECK_ERR(talk.heard.error, -COIL_EINCOMPLETE);
    return 0;
}

static int write_too_much(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, 4));
    CHECK_ERR(coil_http_write(exchange, "12345", 5), -EINVAL);
    CHECK_INT(coil_http_write(exchange, "123", 3), ==, 3);
    CHECK_ERR(coil_http_write(exchange, "45", 2), -EINVAL);
    CHECK_INT(coil_http_write(exchange, "4", 1), ==, 1);
    CHECK_ERR(coil_http_write(exchange, "5", 1), -COIL_EINVALIDSTATE);
    return 0;
}

TASK_TEST(response_is_no_longer_than_announced)
{
    check_answer(write_too_much, GET GET, OK("4") "1234" OK("4") "1234");
    return 0;
}
