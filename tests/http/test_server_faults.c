/* Cancels at every call that waits, clients that vanish, and runs without memory or with failing
 * system calls. */
#include "fault.h"
#include "http_talk.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define STREAM "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define EXPECT "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"

/* --- cancels --- */

static char large[30000];
static int call_rc;
static int next_rc;

static int stop_reading(struct coil_http_exchange *exchange, void *user)
{
    char buf[8];

    (void)user;
    call_rc = (int)coil_http_read(exchange, buf, sizeof buf);
    next_rc = (int)coil_http_read(exchange, buf, sizeof buf);
    return call_rc;
}

static int stop_reading_all(struct coil_http_exchange *exchange, void *user)
{
    const char *body = "untouched";

    (void)user;
    call_rc = (int)coil_http_read_all(exchange, &body);
    next_rc = (int)coil_http_read_all(exchange, &body);
    CHECK_STR(body, "untouched");
    return call_rc;
}

static int stop_replying(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    call_rc = coil_http_reply(exchange, 200, NULL, large, sizeof large);
    next_rc = coil_http_reply(exchange, 200, NULL, NULL, 0);
    next_rc = next_rc == -COIL_EINVALIDSTATE ? call_rc : next_rc;
    return call_rc;
}

static int stop_writing(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, sizeof large));
    call_rc = (int)coil_http_write(exchange, large, sizeof large);
    next_rc = (int)coil_http_write(exchange, large, 1);
    return call_rc;
}

/* Before the call: it does nothing. */
static int stop_before(struct coil_http_exchange *exchange, void *user)
{
    const char *body;
    char c;

    (void)user;
    coil_cancel(coil_current_task());
    CHECK_ERR((int)coil_http_read(exchange, &c, 1), -ECANCELED);
    CHECK_ERR((int)coil_http_read_all(exchange, &body), -ECANCELED);
    CHECK_ERR(coil_http_reply(exchange, 200, NULL, "x", 1), -ECANCELED);
    CHECK(!coil_http_is_begun(exchange));
    CHECK_OK(coil_http_begin(exchange, 200, NULL, 1));
    CHECK_ERR((int)coil_http_write(exchange, "x", 1), -ECANCELED);
    CHECK_ERR(coil_http_flush(exchange), -ECANCELED);
    CHECK_INT(coil_uncancel(coil_current_task()), ==, 0);
    CHECK_INT(coil_http_read_all(exchange, &body), ==, 3);
    CHECK_INT(coil_http_write(exchange, body, 1), ==, 1);
    CHECK_OK(coil_http_flush(exchange));
    call_rc = next_rc = -ECANCELED;
    return 0;
}

TASK_TEST(cancel_before_a_call)
{
    check_answer(stop_before, POST "abc", OK("1") "a");
    return 0;
}

static void check_cancel(coil_http_handler handler, const char *request)
{
    for (int steps = 1; steps < 4; steps++) {
        call_rc = next_rc = 1;
        open_talk(handler);
        say(request);
        yield_times(2 * steps);
        coil_cancel(talk.task);
        CHECK_OK(coil_await(talk.task));
        CHECK_ERR(talk.rc, -ECANCELED);
        if (handler) {
            CHECK_ERR(call_rc, -ECANCELED);
            CHECK_ERR(next_rc, -ECANCELED);
        }
        CHECK_INT(talk.heard.count, ==, 0);
        hear_answer(ANSWER_ROOM - 1); /* what was accepted is not much */
        CHECK_INT(talk.size, <, sizeof large);
        coil_stream_close(talk.client);
    }
}

TASK_TEST(cancel_while_it_waits)
{
    if (order_is_free()) {
        test_skip("who runs first is drawn");
    }
    talk.stream_options.high_water = 1000;
    check_cancel(NULL, "");
    check_cancel(NULL, "GET / HT");
    check_cancel(stop_reading, POST);
    check_cancel(stop_reading_all, POST "a");
    check_cancel(stop_replying, GET);
    check_cancel(stop_writing, GET);
    check_cancel(NULL, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
    check_cancel(NULL, "nonsense\r\n\r\n"); /* it lingers */
    return 0;
}

/* What was there before the cancel is had. */
static int read_then_cancel(struct coil_http_exchange *exchange, void *user)
{
    char buf[8];

    (void)user;
    CHECK_INT(coil_http_read(exchange, buf, sizeof buf), ==, 3);
    coil_cancel(coil_current_task());
    return coil_http_reply(exchange, 200, NULL, NULL, 0);
}

TASK_TEST(cancel_after_a_call)
{
    open_talk(read_then_cancel);
    say(POST "abc");
    CHECK_OK(coil_await(talk.task));
    CHECK_ERR(talk.rc, -ECANCELED);
    hear_answer(ANSWER_ROOM - 1);
    CHECK_STR(talk.answer, "");
    coil_stream_close(talk.client);
    return 0;
}

/* --- clients that vanish --- */

static const char *const beginnings[] = {
    "",
    "GET",
    "GET / HTTP/1.1\r\nHost: a\r\n",
    POST,
    POST "a",
    POST "abc",
    GET,
    GET "G",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
    "x\r\n\r\n",
};

static int reply_large(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    coil_yield();
    return coil_http_reply(exchange, 200, NULL, large, sizeof large);
}

static int echo_or_large(struct coil_http_exchange *exchange, void *user)
{
    return coil_http_body_size(exchange) != 0 ? echo(exchange, user) : reply_large(exchange, user);
}

TASK_TEST(client_vanishes)
{
    talk.stream_options.high_water = 1000;
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        for (int steps = 0; steps < 6; steps++) {
            open_talk(echo_or_large);
            say(beginnings[i]);
            yield_times(steps);
            coil_stream_abort(talk.client);
            CHECK_OK(coil_await(talk.task));
            CHECK(talk.rc == 0 || talk.rc == -ECONNRESET || talk.rc == -EPIPE);
            CHECK_INT(talk.heard.count, ==, 0);
        }
    }
    return 0;
}

/* Over sockets, with a server that lives on. */
TASK_TEST(clients_vanish_and_the_server_goes_on)
{
    struct coil_http_server *server = NULL;
    struct coil_stream *stream = NULL;
    uint16_t port;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &talk.heard));
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, echo_or_large, NULL, &server));
    port = (uint16_t)coil_http_server_get_port(server);
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        for (int is_hard = 0; is_hard < 2; is_hard++) {
            CHECK_OK(coil_open_connection("127.0.0.1", port, NULL, &stream));
            coil_stream_write(stream, beginnings[i], strlen(beginnings[i]));
            coil_stream_flush(stream);
            yield_times(3);
            if (is_hard) {
                coil_stream_abort(stream);
            } else {
                coil_stream_close(stream);
            }
        }
    }
    CHECK_OK(coil_open_connection("127.0.0.1", port, NULL, &talk.client));
    say("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nok");
    talk.size = 0;
    hear_answer(ANSWER_ROOM - 1);
    CHECK_STR(talk.answer + talk.size - 2, "ok");
    CHECK_OK(coil_stream_close(talk.client));
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* --- hostile bytes, in pieces of all sizes --- */

TASK_TEST(hostile_bytes)
{
    static const char alphabet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n:,\x01\xff\t 5";
    uint32_t random = 12345;

    for (int round = 0; round < (test_is_torture() ? 3 : 400); round++) {
        char bytes[200];
        size_t size = 0;

        open_talk(echo);
        if (round % 2) {
            say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        }
        for (int piece = 0; piece < 4; piece++) {
            for (size = 0; size < sizeof bytes; size++) {
                random = random * 1664525 + 1013904223;
                bytes[size] = alphabet[(random >> 16) % (sizeof alphabet - 1)];
            }
            if (coil_stream_write(talk.client, bytes, (random >> 10) % sizeof bytes) < 0) {
                break;
            }
            coil_yield();
        }
        CHECK_OK(coil_stream_write_eof(talk.client));
        hear_answer(ANSWER_ROOM - 1);
        CHECK(talk.size == 0 || memcmp(talk.answer, "HTTP/1.1 ", 9) == 0);
        close_talk();
        CHECK_INT(talk.heard.count, ==, 0);
    }
    return 0;
}

/* --- faults --- */

static int answer_somehow(struct coil_http_exchange *exchange, void *user)
{
    const char *body = NULL;
    ssize_t size = coil_http_read_all(exchange, &body);

    (void)user;
    coil_http_add_field(exchange, "X-A", "b");
    if (strcmp(coil_http_path(exchange), "/stream") != 0) {
        return size < 0 ? (int)size : coil_http_reply(exchange, 200, "a/b", body, (size_t)size);
    }
    coil_http_begin(exchange, 200, NULL, -1);
    coil_http_write(exchange, "piece", 5);
    coil_http_flush(exchange);
    return size < 0 ? (int)size : (int)coil_http_write(exchange, large, 5000);
}

static int whole_story(void *arg)
{
    static const char *const requests[] = {
        "GET / HT",
        "TP/1.1\r\nHost: a\r\n\r\n",
        POST,
        "abc",
        STREAM "3\r\nabc\r\n0\r\n\r\n",
        EXPECT,
        "a",
        "nonsense\r\n\r\n",
    };
    struct coil_http_server *server = NULL;
    struct coil_stream *stream = NULL;
    char buf[1024];
    int port;

    (void)arg;
    coil_loop_set_error_handler(coil_loop_current(), hear, &talk.heard);
    coil_http_server_start("127.0.0.1", 0, NULL, answer_somehow, NULL, &server);
    port = server ? coil_http_server_get_port(server) : -1;
    coil_timeout(COIL_SEC) {
        if (port > 0 && coil_open_connection("127.0.0.1", (uint16_t)port, NULL, &stream) == 0) {
            for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
                coil_stream_write(stream, requests[i], strlen(requests[i]));
                coil_yield();
                coil_yield();
            }
            coil_stream_write_eof(stream);
            while (coil_stream_read(stream, buf, sizeof buf) > 0) {
            }
            coil_stream_close(stream);
        }
    }
    coil_http_server_close(server, 50 * COIL_MSEC);
    return 0;
}

static void run_story(void *arg)
{
    coil_run(whole_story, arg);
}

COIL_TEST_LIMIT(all_under_faults, 300)
{
    torture(run_story, NULL);
}
