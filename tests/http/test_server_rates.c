/* Clients that are slow without ever being silent: min_body_rate and min_write_rate. What takes
 * minutes is tested in simulated time only. */
#include "http_talk.h"

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

static char pieces[100000];
static char much[400000];
static int read_rc, write_rc;

static void need_sim(void)
{
    if (!test_backend_is("sim")) {
        test_skip("it takes minutes of real time");
    }
}

static int read_body(struct coil_http_exchange *exchange, void *user)
{
    const char *body;

    (void)user;
    read_rc = (int)coil_http_read_all(exchange, &body);
    return read_rc < 0 ? read_rc : coil_http_reply(exchange, 200, NULL, "x", 1);
}

/* Sends `size` bytes every `pause`, up to `count` times, until there is an answer. The time. */
static int64_t drip(const char *head, const char *piece, size_t size, int64_t pause, int count)
{
    int64_t start = coil_now();
    char c;

    open_talk(read_body);
    say(head);
    for (int i = 0; i < count; i++) {
        CHECK_OK(coil_sleep(pause));
        if (coil_stream_try_read(talk.client, &c, 1) != -EAGAIN ||
            coil_stream_write(talk.client, piece, size) < 0) {
            break;
        }
    }
    start = coil_now() - start;
    coil_stream_abort(talk.client);
    talk.client = NULL;
    close_talk();
    return start;
}

/* A byte before each deadline used to be enough. */
TASK_TEST(rate_of_a_body_that_drips)
{
    int64_t span;

    need_sim();
    span = drip(HEAD, "x", 1, 10 * COIL_SEC, 1000);
    CHECK_ERR(read_rc, -ETIMEDOUT);
    CHECK_INT(span, >=, 30 * COIL_SEC);
    CHECK_INT(span, <, COIL_MINUTE);
    span = drip(CHUNKED, "1\r\nx\r\n", 6, 10 * COIL_SEC, 1000);
    CHECK_ERR(read_rc, -ETIMEDOUT);
    CHECK_INT(span, <, COIL_MINUTE);
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

TASK_TEST(rate_of_a_body_that_is_just_fast_enough)
{
    int64_t span;

    need_sim();
    span = drip(HEAD, pieces, 2500, 10 * COIL_SEC, 40); /* 250 a second */
    CHECK_INT(read_rc, ==, 100000);
    CHECK_INT(span, >=, 400 * COIL_SEC);
    span = drip(HEAD, pieces, 2000, 10 * COIL_SEC, 50); /* 200 */
    CHECK_ERR(read_rc, -ETIMEDOUT);
    CHECK_INT(span, >=, 100 * COIL_SEC);
    CHECK_INT(span, <, 300 * COIL_SEC);
    return 0;
}

/* What was fast once excuses no more than one timeout later. */
TASK_TEST(rate_of_a_body_that_becomes_slow)
{
    int64_t start;

    need_sim();
    start = coil_now();
    open_talk(read_body);
    say(HEAD);
    say_bytes(pieces, 90000);
    hear_answer(ANSWER_ROOM - 1);
    CHECK(strstr(talk.answer, "HTTP/1.1 408 "));
    CHECK_ERR(read_rc, -ETIMEDOUT);
    CHECK_INT(coil_now() - start, >=, 30 * COIL_SEC);
    CHECK_INT(coil_now() - start, <, 31 * COIL_SEC);
    coil_stream_abort(talk.client);
    talk.client = NULL;
    close_talk();
    return 0;
}

TASK_TEST(rate_of_any_kind)
{
    need_sim();
    talk.options.min_body_rate = COIL_HTTP_ANY_RATE;
    CHECK_INT(drip(HEAD, "x", 1, 10 * COIL_SEC, 100), >=, 1000 * COIL_SEC);
    talk.options.min_body_rate = 0;
    talk.options.body_timeout_ns = COIL_NEVER;
    CHECK_INT(drip(HEAD, "x", 1, 10 * COIL_SEC, 100), >=, 1000 * COIL_SEC);
    return 0;
}

/* In real time as well, with a time that is short. */
TASK_TEST(rate_of_a_body_in_short)
{
    int64_t span;

    talk.options.body_timeout_ns = 200 * COIL_MSEC;
    talk.options.min_body_rate = 1000;
    span = drip(HEAD, "x", 1, 10 * COIL_MSEC, 10000);
    CHECK_ERR(read_rc, -ETIMEDOUT);
    CHECK_INT(span, >=, 200 * COIL_MSEC);
    CHECK_INT(span, <, 50 * COIL_SEC);
    return 0;
}

static int read_and_think(struct coil_http_exchange *exchange, void *user)
{
    char c;
    int count = 0;

    (void)user;
    while ((read_rc = (int)coil_http_read(exchange, &c, 1)) > 0) {
        CHECK_OK(coil_sleep(5 * COIL_SEC));
        count++;
    }
    CHECK_OK(read_rc);
    CHECK_INT(count, ==, 20);
    return coil_http_reply(exchange, 200, NULL, "x", 1);
}

/* The handler's own time is not the client's. */
TASK_TEST(rate_is_not_of_the_handler)
{
    need_sim();
    open_talk(read_and_think);
    say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        CHECK_OK(coil_sleep(5 * COIL_SEC));
        say("x");
    }
    coil_stream_write_eof(talk.client);
    hear_answer(ANSWER_ROOM - 1);
    CHECK(strstr(talk.answer, "HTTP/1.1 200 "));
    close_talk();
    return 0;
}

/* --- responses --- */

static int reply_large(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    write_rc = coil_http_reply(exchange, 200, NULL, much, sizeof much);
    return write_rc;
}

/* Reads `size` bytes every `pause`, until no more come. The time. */
static int64_t sip(size_t size, int64_t pause)
{
    int64_t start = coil_now();
    char buf[4096];
    ssize_t n;

    talk.stream_options.high_water = 1000;
    open_talk(reply_large);
    say("GET / HTTP/1.0\r\n\r\n");
    do {
        CHECK_OK(coil_sleep(pause));
        n = coil_stream_read(talk.client, buf, size);
    } while (n > 0);
    start = coil_now() - start;
    coil_stream_abort(talk.client);
    talk.client = NULL;
    close_talk();
    return start;
}

TASK_TEST(rate_of_a_response)
{
    need_sim();
    CHECK_INT(sip(4096, 4 * COIL_SEC), >=, 300 * COIL_SEC);
    CHECK_INT(write_rc, ==, 0);
    sip(100, COIL_SEC);
    CHECK_ERR(write_rc, -ETIMEDOUT);
    CHECK_INT(talk.heard.count, ==, 0);
    talk.options.min_write_rate = COIL_HTTP_ANY_RATE;
    CHECK_INT(sip(100, COIL_SEC), >=, 3000 * COIL_SEC);
    CHECK_INT(write_rc, ==, 0);
    return 0;
}

/* Events that are rare do not use up anybody's time. */
static int write_rarely(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, -1));
    for (int i = 0; i < 20; i++) {
        CHECK_INT(coil_http_write(exchange, "x", 1), ==, 1);
        CHECK_OK(coil_http_flush(exchange));
        CHECK_OK(coil_sleep(COIL_MINUTE));
    }
    return 0;
}

TASK_TEST(rate_is_not_of_rare_events)
{
    need_sim();
    open_talk(write_rarely);
    say("GET / HTTP/1.0\r\n\r\n");
    coil_timeout(COIL_NEVER) {
        while (coil_stream_read(talk.client, talk.answer, sizeof talk.answer) > 0) {
        }
    }
    coil_stream_close(talk.client);
    talk.client = NULL;
    close_talk();
    CHECK_INT(talk.rc, ==, 0);
    return 0;
}
