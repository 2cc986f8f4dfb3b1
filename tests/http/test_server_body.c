/* Bodies of requests: read whole or in parts, asked for, refused, left alone. */
#include "http_talk.h"

#define POST(fields, body) "POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n" body
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define EXPECT "Expect: 100-continue\r\n"

/* --- read as a whole --- */

static const struct {
    const char *request;
    const char *answer;
} whole[] = {
    {POST("Content-Length: 5\r\n", "hello"), OK("5") "hello"},
    {POST("Content-Length: 0\r\n", ""), OK("0")},
    {POST("", ""), OK("0")},
    {POST(CHUNKED, "5\r\nhello\r\n0\r\n\r\n"), OK("5") "hello"},
    {POST(CHUNKED, "1;x=y\r\nh\r\n004\r\nello\r\n0\r\nX: trailer\r\n\r\n"), OK("5") "hello"},
    {POST(CHUNKED, "0\r\n\r\n"), OK("0")},
    /* The next request begins just behind it. */
    {POST("Content-Length: 2\r\n", "ab") POST(CHUNKED, "1\r\nc\r\n0\r\n\r\n")
         POST("Content-Length: 1\r\n", "d"),
     OK("2") "ab" OK("1") "c" OK("1") "d"},
    /* Who has sent it already need not be asked (RFC 9110, section 10.1.1). HTTP/1.0 is not. */
    {"POST / HTTP/1.0\r\nContent-Length: 2\r\n" EXPECT "\r\nab", OK_CLOSE("2") "ab"},
    {POST(CHUNKED, "x\r\n"), REFUSED("400", "Bad Request", "12")},
    {POST(CHUNKED, "1\r\nabc\r\n0\r\n\r\n"), REFUSED("400", "Bad Request", "12")},
    {POST(CHUNKED, "ffffffffff\r\nabc"), REFUSED("413", "Content Too Large", "18")},
    /* It ends too early: there is nobody to be answered. */
    {POST("Content-Length: 5\r\n", "hell"), ""},
    {POST(CHUNKED, "5\r\nhell"), ""},
};

TASK_TEST(body_as_a_whole)
{
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        check_answer(echo, whole[i].request, whole[i].answer);
        CHECK_ERR(talk.rc, 0);
        CHECK_INT(talk.heard.count, ==, 0);
    }
    return 0;
}

/* --- in parts --- */

static char part_log[4096];

/* Reads `*user` bytes at a time, and notes what it got. */
static int read_parts(struct coil_http_exchange *exchange, void *user)
{
    size_t step = *(const size_t *)user;
    char buf[64];
    ssize_t n;

    part_log[0] = '\0';
    snprintf(part_log, sizeof part_log, "%d:", (int)coil_http_body_size(exchange));
    while ((n = coil_http_read(exchange, buf, step)) > 0) {
        size_t size = strlen(part_log);

        CHECK_INT(n, <=, step);
        snprintf(part_log + size, sizeof part_log - size, "%.*s", (int)n, buf);
    }
    CHECK_INT(coil_http_read(exchange, buf, 1), ==, n);
    return n < 0 ? (int)n : coil_http_reply(exchange, 200, NULL, NULL, 0);
}

TASK_TEST(body_in_parts)
{
    size_t steps[] = {1, 2, 7, 64};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        talk.user = &steps[i];
        check_answer(read_parts, POST("Content-Length: 10\r\n", "0123456789"), OK("0"));
        CHECK_STR(part_log, "10:0123456789");
        check_answer(read_parts, POST(CHUNKED, "3\r\n012\r\n6\r\n345678\r\n1\r\n9\r\n0\r\n\r\n"),
                     OK("0"));
        CHECK_STR(part_log, "-1:0123456789");
        check_answer(read_parts, POST("", ""), OK("0"));
        CHECK_STR(part_log, "0:");
    }
    return 0;
}

static int read_oddly(struct coil_http_exchange *exchange, void *user)
{
    const char *body = NULL;
    char c;

    (void)user;
    CHECK_ERR(coil_http_read(exchange, NULL, 1), -EINVAL);
    CHECK_ERR(coil_http_read(exchange, NULL, 0), 0);
    CHECK_ERR(coil_http_read_all(exchange, NULL), -EINVAL);
    CHECK_INT(coil_http_read(exchange, &c, 1), ==, 1);
    CHECK_INT(coil_http_read_all(exchange, &body), ==, 3);
    CHECK_STR(body, "bcd");
    CHECK_INT(coil_http_read_all(exchange, &body), ==, 0);
    CHECK_STR(body, "");
    CHECK_INT(coil_http_read(exchange, &c, 1), ==, 0);
    return coil_http_reply(exchange, 200, NULL, NULL, 0);
}

TASK_TEST(body_read_by_different_calls)
{
    check_answer(read_oddly, POST("Content-Length: 4\r\n", "abcd"), OK("0"));
    check_answer(read_oddly, POST(CHUNKED, "4\r\nabcd\r\n0\r\n\r\n"), OK("0"));
    return 0;
}

/* The head stays where it is while the body goes through the same memory. */
static int read_much(struct coil_http_exchange *exchange, void *user)
{
    const char *body = NULL;
    ssize_t size = coil_http_read_all(exchange, &body);

    (void)user;
    CHECK_STR(coil_http_path(exchange), "/much");
    CHECK_STR(coil_http_get_field(exchange, "host"), "a");
    for (ssize_t i = 0; i < size; i++) {
        CHECK_INT(body[i], ==, 'a' + i % 26);
    }
    return size < 0 ? (int)size : coil_http_reply(exchange, 200, NULL, body, (size_t)size);
}

static int say_much(void *arg)
{
    size_t size = *(const size_t *)arg;
    char piece[2600];

    for (size_t i = 0; i < sizeof piece; i++) {
        piece[i] = (char)('a' + i % 26);
    }
    for (size_t done = 0; done < size; done += sizeof piece) {
        char line[16];

        snprintf(line, sizeof line, "%zx\r\n", sizeof piece);
        say(line);
        say_bytes(piece, sizeof piece);
        say("\r\n");
    }
    say("0\r\n\r\n");
    return 0;
}

TASK_TEST(body_is_large)
{
    size_t size = 2600 * 70;
    struct coil_task *task;

    open_talk(read_much);
    say("POST /much HTTP/1.1\r\nHost: a\r\n" CHUNKED "\r\n");
    task = coil_create_task(say_much, &size);
    hear_answer(size + strlen(OK("182000")));
    CHECK_OK(coil_await(task));
    CHECK_OK(coil_stream_write_eof(talk.client));
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_INT(talk.size, ==, size + strlen(OK("182000")));
    CHECK_INT(talk.answer[talk.size - 1], ==, 'z');
    close_talk();
    return 0;
}

/* --- bounds --- */

static int read_within_bounds(struct coil_http_exchange *exchange, void *user)
{
    const char *body;
    int rc = (int)coil_http_read_all(exchange, &body);
    char c;

    *(int *)user = rc;
    CHECK_ERR((int)coil_http_read(exchange, &c, 1), rc);
    return coil_http_reply(exchange, 200, NULL, "mine", 4);
}

TASK_TEST(body_is_too_large)
{
    int rc = 0;

    talk.user = &rc;
    talk.options.max_body = 4;
    check_answer(echo, POST("Content-Length: 4\r\n", "abcd"), OK("4") "abcd");
    check_answer(echo, POST("Content-Length: 5\r\n", "abcde"),
                 REFUSED("413", "Content Too Large", "18"));
    check_answer(echo, POST(CHUNKED, "4\r\nabcd\r\n0\r\n\r\n"), OK("4") "abcd");
    check_answer(echo, POST(CHUNKED, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
                 REFUSED("413", "Content Too Large", "18"));
    /* The handler may answer it itself; nothing follows on the connection. */
    check_answer(read_within_bounds, POST(CHUNKED, "5\r\nabcde\r\n0\r\n\r\n"),
                 OK_CLOSE("4") "mine");
    CHECK_ERR(rc, -COIL_ELIMIT);
    check_answer(read_within_bounds, POST(CHUNKED, "g\r\n"), OK_CLOSE("4") "mine");
    CHECK_ERR(rc, -COIL_EPROTOCOL);
    check_answer(read_within_bounds, POST("Content-Length: 3\r\n", "ab"), OK_CLOSE("4") "mine");
    CHECK_ERR(rc, -COIL_EINCOMPLETE);
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* --- 100-continue --- */

TASK_TEST(body_is_asked_for)
{
    open_talk(echo);
    say(POST("Content-Length: 5\r\n" EXPECT, ""));
    hear_answer(strlen(CONTINUE));
    CHECK_STR(talk.answer, CONTINUE);
    say("hello" POST(CHUNKED EXPECT, ""));
    hear_answer(2 * strlen(CONTINUE) + strlen(OK("5") "hello\r\nDate: ") + 29);
    say("1\r\nx\r\n0\r\n\r\n");
    CHECK_OK(coil_stream_write_eof(talk.client));
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, CONTINUE OK("5") "hello" CONTINUE OK("1") "x");
    close_talk();
    return 0;
}

/* Nobody wants it: it is not asked for, and the connection ends, as it may come or not. */
TASK_TEST(body_is_not_asked_for)
{
    check_answer(NULL, POST("Content-Length: 5\r\n" EXPECT, ""), OK_CLOSE("12") "POST / ?- @a");
    check_exact(NULL, POST("Content-Length: 5\r\n" EXPECT, "hello"), 0,
                OK_CLOSE("12") "POST / ?- @a");
    check_exact(echo, POST("Content-Length: 5\r\n" EXPECT, "hello"), 0, OK("5") "hello");
    return 0;
}

static int begin_then_read(struct coil_http_exchange *exchange, void *user)
{
    char buf[8];
    ssize_t n;
    int rc = coil_http_begin(exchange, 200, NULL, 5);

    (void)user;
    while (rc >= 0 && (n = coil_http_read(exchange, buf, sizeof buf)) != 0) {
        rc = n < 0 ? (int)n : (int)coil_http_write(exchange, buf, (size_t)n);
    }
    return rc;
}

static int stream_back(struct coil_http_exchange *exchange, void *user)
{
    char buf[1000];
    ssize_t n;
    int rc = coil_http_begin(exchange, 200, NULL, coil_http_body_size(exchange));

    (void)user;
    while (rc >= 0 && (n = coil_http_read(exchange, buf, sizeof buf)) != 0) {
        rc = n < 0 ? (int)n : (int)coil_http_write(exchange, buf, (size_t)n);
    }
    return rc;
}

/* As long as the response has only been begun, and nothing of it is sent, one can still ask. */
TASK_TEST(body_is_asked_for_by_who_streams)
{
    open_talk(begin_then_read);
    say(POST("Content-Length: 5\r\n" EXPECT, ""));
    hear_answer(strlen(CONTINUE));
    say("hello");
    CHECK_OK(coil_stream_write_eof(talk.client));
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, CONTINUE OK("5") "hello");
    close_talk();
    return 0;
}

/* What comes and what goes is large, and the connection goes on. */
TASK_TEST(body_is_large_and_streamed)
{
    enum { SIZE = 150000 };
    static char request[SIZE + 200];
    int at = snprintf(request, sizeof request,
                      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", SIZE);

    for (int i = 0; i < SIZE; i++) {
        request[at + i] = (char)('a' + i % 26);
    }
    memcpy(request + at + SIZE, POST("", ""), sizeof POST("", ""));
    talk.stream_options.high_water = 2 * sizeof request;
    open_talk(stream_back);
    say(request);
    CHECK_OK(coil_stream_write_eof(talk.client));
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_INT(talk.size, ==, strlen(OK("150000") OK("0")) + SIZE);
    CHECK_MEM(talk.answer, OK("150000"), strlen(OK("150000")));
    CHECK_MEM(talk.answer + strlen(OK("150000")), request + at, SIZE);
    CHECK_STR(talk.answer + strlen(OK("150000")) + SIZE, OK("0"));
    close_talk();
    return 0;
}

/* --- left alone --- */

static void check_dropped(const char *fields, const char *begin, size_t size, const char *end,
                          const char *answer)
{
    static char request[200 * 1024];
    int at =
        snprintf(request, sizeof request, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n%s", fields, begin);

    memset(request + at, 'x', size);
    snprintf(request + at + size, sizeof request - (size_t)at - size,
             "%sGET /2 HTTP/1.1\r\n"
             "Host: a\r\n\r\n",
             end);
    talk.stream_options.high_water = sizeof request;
    check_exact(NULL, request, 0, answer);
    check_exact(NULL, request, 4096, answer);
}

TASK_TEST(body_is_dropped)
{
    const char *both = OK("12") "POST / ?- @a" OK("12") "GET /2 ?- @a";

    check_dropped("Content-Length: 1\r\n", "", 1, "", both);
    check_dropped("Content-Length: 65536\r\n", "", 65536, "", both);
    check_dropped("Content-Length: 65537\r\n", "", 65537, "", OK_CLOSE("12") "POST / ?- @a");
    check_dropped(CHUNKED, "fff0\r\n", 0xfff0, "\r\n0\r\n\r\n", both);
    /* That it is too much shows too late for the response to say so. */
    check_dropped(CHUNKED, "1ffff\r\n", 0x1ffff, "\r\n0\r\n\r\n", OK("12") "POST / ?- @a");
    check_dropped(CHUNKED, "junk\r\n", 1, "\r\n0\r\n\r\n", OK("12") "POST / ?- @a");
    return 0;
}
