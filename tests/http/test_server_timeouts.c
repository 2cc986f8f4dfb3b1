/* Clients that are slow: before, in and after a request, and in reading. */
#include "http_talk.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define TOO_SLOW REFUSED("408", "Request Timeout", "16")

#define SHORT (20 * COIL_MSEC)

/* All of them, and long enough for what must not run out. */
static void set_timeouts(int64_t *which, int64_t span)
{
    talk.options.head_timeout_ns = COIL_MINUTE;
    talk.options.idle_timeout_ns = COIL_MINUTE;
    talk.options.body_timeout_ns = COIL_MINUTE;
    talk.options.write_timeout_ns = COIL_MINUTE;
    *which = span;
}

static void check_slow(coil_http_handler handler, const char *request, const char *answer)
{
    open_talk(handler);
    say(request);
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, answer);
    CHECK_OK(coil_stream_write_eof(talk.client));
    close_talk();
    CHECK_ERR(talk.rc, 0);
    CHECK_INT(talk.heard.count, ==, 0);
}

TASK_TEST(timeout_of_an_idle_connection)
{
    set_timeouts(&talk.options.idle_timeout_ns, SHORT);
    check_slow(NULL, "", "");
    check_slow(NULL, "\r\n", "");
    check_slow(NULL, GET, OK("11") "GET / ?- @a");
    return 0;
}

TASK_TEST(timeout_of_a_head)
{
    set_timeouts(&talk.options.head_timeout_ns, SHORT);
    check_slow(NULL, "G", TOO_SLOW);
    check_slow(NULL, "GET / HTTP/1.1\r\nHost: a\r\n", TOO_SLOW);
    check_slow(NULL, GET "GET / HT", OK("11") "GET / ?- @a" TOO_SLOW);
    return 0;
}

/* However it drips. */
TASK_TEST(timeout_of_a_head_that_drips)
{
    int64_t start = coil_now();
    bool is_over = false;

    set_timeouts(&talk.options.head_timeout_ns, 5 * SHORT);
    open_talk(NULL);
    say("GET / HTTP/1.1\r\nHost: a\r\n");
    while (!is_over && coil_now() < start + COIL_MINUTE) {
        coil_sleep(COIL_MSEC);
        is_over = coil_stream_write(talk.client, "X: y\r\n", 6) < 0 ||
                  coil_stream_try_read(talk.client, talk.answer, 1) == 1;
    }
    CHECK_INT(coil_now() - start, >=, 5 * SHORT);
    CHECK_INT(coil_now() - start, <, COIL_MINUTE);
    coil_stream_abort(talk.client);
    talk.client = NULL;
    close_talk();
    return 0;
}

TASK_TEST(timeout_of_a_body)
{
    set_timeouts(&talk.options.body_timeout_ns, SHORT);
    check_slow(echo, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", TOO_SLOW);
    check_slow(echo, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na",
               TOO_SLOW);
    check_slow(echo,
               "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
               "HTTP/1.1 100 Continue\r\n\r\n" TOO_SLOW);
    /* Nobody has read it; it is waited for, but not longer than that. */
    check_slow(NULL, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
               OK("12") "POST / ?- @a");
    return 0;
}

static int read_and_go_on(struct coil_http_exchange *exchange, void *user)
{
    const char *body;
    char c;

    (void)user;
    CHECK_ERR((int)coil_http_read_all(exchange, &body), -ETIMEDOUT);
    CHECK_ERR((int)coil_http_read(exchange, &c, 1), -ETIMEDOUT);
    CHECK(coil_http_is_begun(exchange));
    CHECK_ERR(coil_http_reply(exchange, 200, NULL, NULL, 0), -COIL_EINVALIDSTATE);
    return 0;
}

TASK_TEST(timeout_of_a_body_is_answered)
{
    set_timeouts(&talk.options.body_timeout_ns, SHORT);
    check_slow(read_and_go_on, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
               TOO_SLOW);
    return 0;
}

static int begin_and_read(struct coil_http_exchange *exchange, void *user)
{
    char c;

    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, 2));
    CHECK_INT(coil_http_write(exchange, "ok", 2), ==, 2);
    return (int)coil_http_read(exchange, &c, 1);
}

/* Then there is nothing to be said about it any more. */
TASK_TEST(timeout_of_a_body_behind_the_response)
{
    set_timeouts(&talk.options.body_timeout_ns, SHORT);
    check_slow(begin_and_read, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
               OK("2") "ok");
    return 0;
}

/* A deadline of the handler's own is its own affair: it may go on reading. */
static int read_impatiently(struct coil_http_exchange *exchange, void *user)
{
    const char *body = NULL;

    coil_timeout(SHORT) {
        CHECK_ERR((int)coil_http_read_all(exchange, &body), -ETIMEDOUT);
        CHECK(!coil_http_is_begun(exchange));
    }
    coil_event_set(user);
    CHECK_INT(coil_http_read_all(exchange, &body), ==, 3);
    return coil_http_reply(exchange, 200, NULL, body, 3);
}

TASK_TEST(timeout_of_the_handler_is_not_ours)
{
    struct coil_event has_given_up = {.is_set_ = false};

    talk.user = &has_given_up;
    set_timeouts(&talk.options.body_timeout_ns, COIL_MINUTE);
    open_talk(read_impatiently);
    say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_event_wait(&has_given_up));
    }
    say("c");
    CHECK_OK(coil_stream_write_eof(talk.client));
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, OK("3") "abc");
    close_talk();
    return 0;
}

/* --- clients that do not read --- */

static char large[50000];
static int write_rc;

static int reply_large(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    memset(large, 'x', sizeof large);
    write_rc = coil_http_reply(exchange, 200, NULL, large, sizeof large);
    return write_rc;
}

static int write_large(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, -1));
    do {
        write_rc = (int)coil_http_write(exchange, large, sizeof large);
    } while (write_rc > 0);
    CHECK_ERR((int)coil_http_write(exchange, large, 1), write_rc);
    return write_rc;
}

TASK_TEST(timeout_of_a_write)
{
    coil_http_handler handlers[] = {reply_large, write_large};

    talk.stream_options.high_water = 1000;
    set_timeouts(&talk.options.write_timeout_ns, SHORT);
    for (int i = 0; i < 2; i++) {
        open_talk(handlers[i]);
        say(GET);
        coil_timeout(PATIENCE) {
            CHECK_OK(coil_await(talk.task));
        }
        CHECK_ERR(write_rc, -ETIMEDOUT);
        CHECK_INT(talk.heard.count, ==, 0);
        hear_answer(ANSWER_ROOM - 1);
        CHECK_INT(talk.size, <, sizeof large);
        coil_stream_close(talk.client);
    }
    return 0;
}

/* A slow client that reads is served. */
TASK_TEST(timeout_is_not_of_a_write_in_all)
{
    int64_t start;

    talk.stream_options.high_water = 1000;
    set_timeouts(&talk.options.write_timeout_ns, 2 * SHORT);
    if (!test_backend_is("sim")) {
        talk.options.write_timeout_ns = 2 * COIL_SEC; /* what others do to the machine is real */
    }
    open_talk(reply_large);
    say("GET / HTTP/1.0\r\n\r\n");
    start = coil_now();
    for (int i = 0; i < 40; i++) {
        hear_answer(talk.size + 500);
        CHECK_OK(coil_sleep(SHORT / 4));
    }
    CHECK_INT(coil_now() - start, >, 5 * SHORT);
    hear_answer(ANSWER_ROOM - 1);
    CHECK_INT(talk.size, >, sizeof large);
    CHECK_INT(talk.answer[talk.size - 1], ==, 'x');
    close_talk();
    CHECK_ERR(write_rc, 0);
    return 0;
}

/* --- the defaults --- */

static void check_default(const char *request, int64_t span)
{
    int64_t start = coil_now();

    memset(&talk.options, 0, sizeof talk.options);
    open_talk(echo);
    say(request);
    hear_answer(ANSWER_ROOM - 1);
    CHECK_INT(coil_now() - start, >=, span);
    CHECK_INT(coil_now() - start, <, span + COIL_SEC);
    coil_stream_abort(talk.client);
    talk.client = NULL;
    close_talk();
}

TASK_TEST(timeouts_by_default)
{
    if (!test_backend_is("sim")) {
        test_skip("it takes minutes of real time");
    }
    if (test_is_torture()) {
        test_skip("it takes longer than a torture waits for anything");
    }
    check_default("", 75 * COIL_SEC);
    check_default("GET / HT", 10 * COIL_SEC);
    check_default("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 30 * COIL_SEC);
    return 0;
}

TASK_TEST(timeouts_that_never_come)
{
    if (!test_backend_is("sim")) {
        test_skip("it takes an hour of real time");
    }
    talk.options.head_timeout_ns = COIL_NEVER;
    talk.options.idle_timeout_ns = COIL_NEVER;
    talk.options.body_timeout_ns = COIL_NEVER;
    talk.options.write_timeout_ns = COIL_NEVER;
    open_talk(echo);
    CHECK_OK(coil_sleep(60 * COIL_MINUTE));
    say("POST / HTTP/1.1\r\nHost: a\r\n");
    CHECK_OK(coil_sleep(60 * COIL_MINUTE));
    say("Content-Length: 2\r\n\r\n");
    CHECK_OK(coil_sleep(60 * COIL_MINUTE));
    say("ab");
    CHECK_OK(coil_stream_write_eof(talk.client));
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, OK("2") "ab");
    close_talk();
    return 0;
}

/* RFC 9112, section 9.6: the response is not lost, but nobody is waited for for ever. */
TASK_TEST(timeout_of_a_client_that_never_ends)
{
    int64_t start = coil_now();

    set_timeouts(&talk.options.head_timeout_ns, COIL_MINUTE);
    open_talk(NULL);
    say("GET\r\n\r\n");
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, REFUSED("400", "Bad Request", "12"));
    CHECK_INT(coil_now() - start, <, COIL_SEC);
    CHECK_OK(coil_await(talk.task));
    CHECK_INT(coil_now() - start, >=, COIL_SEC);
    CHECK_INT(coil_now() - start, <, 10 * COIL_SEC);
    coil_stream_close(talk.client);
    return 0;
}
