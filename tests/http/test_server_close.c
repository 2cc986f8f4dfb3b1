/* Servers over sockets: they listen, serve, and are closed with and without grace. */
#include "fault.h"
#include "http_talk.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static struct coil_http_server *server;
static struct coil_event go_on;
static int entered;

static int wait_and_reply(struct coil_http_exchange *exchange, void *user)
{
    int rc;

    (void)user;
    entered++;
    rc = coil_event_wait(&go_on);
    return rc < 0 ? rc : coil_http_reply(exchange, 200, NULL, "done", 4);
}

static void start(coil_http_handler handler)
{
    memset(&talk.heard, 0, sizeof talk.heard);
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &talk.heard));
    talk.options.server_name = "";
    entered = 0;
    go_on = (struct coil_event){.is_set_ = false};
    server = NULL;
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, &talk.options, handler, NULL, &server));
}

static struct coil_stream *dial(void)
{
    struct coil_stream *stream = NULL;
    int port = coil_http_server_get_port(server);

    CHECK_INT(port, >, 0);
    CHECK_OK(coil_open_connection("127.0.0.1", (uint16_t)port, NULL, &stream));
    return stream;
}

static void send_all(struct coil_stream *stream, const char *text)
{
    CHECK_INT(coil_stream_write(stream, text, strlen(text)), ==, (int64_t)strlen(text));
    CHECK_OK(coil_stream_flush(stream));
}

/* What comes until the end, in talk.answer; or until `size` bytes have come. */
static void receive(struct coil_stream *stream, size_t size)
{
    talk.client = stream;
    talk.size = 0;
    hear_answer(size);
    drop_dates();
}

static void wait_entered(int count)
{
    coil_timeout(PATIENCE) {
        while (entered < count && coil_sleep(COIL_MSEC) == 0) {
        }
    }
    CHECK_INT(entered, ==, count);
}

TASK_TEST(server_serves_many)
{
    struct coil_stream *streams[20];

    start(tell);
    for (int i = 0; i < 20; i++) {
        streams[i] = dial();
        send_all(streams[i], GET);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++) {
            receive(streams[i], 1);
            CHECK_STR(talk.answer, OK("11") "GET / ?- @a");
            send_all(streams[i], round < 2 ? GET : "GET / HTTP/1.0\r\n\r\n");
        }
    }
    for (int i = 0; i < 20; i++) {
        receive(streams[i], ANSWER_ROOM - 1);
        CHECK_STR(talk.answer, OK_CLOSE("11") "GET / ?- @-");
        CHECK_OK(coil_stream_close(streams[i]));
    }
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* Requests that come together are answered together. */
TASK_TEST(server_answers_a_pipeline_at_once)
{
    char requests[16 * sizeof GET] = "";
    struct coil_stream *stream;
    size_t size = 16 * (strlen(OK("11") "GET / ?- @a\r\nDate: ") + 29);
    uint64_t before;

    start(tell);
    stream = dial();
    send_all(stream, GET); /* the connection is there, and its buffers are */
    receive(stream, 1);
    for (int i = 0; i < 16; i++) {
        memcpy(requests + i * strlen(GET), GET, sizeof GET);
    }
    send_all(stream, requests);
    before = fault_calls("send") + fault_calls("sendmsg");
    receive(stream, size);
    if (test_backend_is("epoll")) {
        CHECK_INT(fault_calls("send") + fault_calls("sendmsg") - before, ==, 1);
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    return 0;
}

TASK_TEST(server_closes_idle_connections)
{
    struct coil_stream *streams[3];
    int64_t begin;

    start(tell);
    for (int i = 0; i < 3; i++) {
        streams[i] = dial();
        if (i > 0) {
            send_all(streams[i], GET);
            receive(streams[i], 1);
        }
    }
    begin = coil_now();
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    CHECK_INT(coil_now() - begin, <, PATIENCE);
    for (int i = 0; i < 3; i++) {
        receive(streams[i], ANSWER_ROOM - 1);
        CHECK_STR(talk.answer, "");
        CHECK_OK(coil_stream_close(streams[i]));
    }
    return 0;
}

static int close_it(void *arg)
{
    return coil_http_server_close(server, *(const int64_t *)arg);
}

TASK_TEST(server_lets_requests_finish)
{
    int64_t grace = PATIENCE;
    struct coil_stream *stream;
    struct coil_task *task;

    start(wait_and_reply);
    stream = dial();
    send_all(stream, GET GET);
    wait_entered(1);
    task = coil_create_task(close_it, &grace);
    yield_times(3);
    CHECK_ERR(coil_http_server_close(server, 0), -COIL_ECLOSED);
    coil_event_set(&go_on);
    receive(stream, ANSWER_ROOM - 1);
    CHECK_STR(talk.answer, OK_CLOSE("4") "done");
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_await(task));
    CHECK_INT(entered, ==, 1);
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

TASK_TEST(server_aborts_after_its_grace)
{
    int64_t spans[] = {0, 20 * COIL_MSEC};

    for (int i = 0; i < 2; i++) {
        struct coil_stream *stream;

        start(wait_and_reply);
        stream = dial();
        send_all(stream, GET);
        wait_entered(1);
        CHECK_ERR(coil_http_server_close(server, spans[i]), -ETIMEDOUT);
        receive(stream, ANSWER_ROOM - 1);
        CHECK_STR(talk.answer, "");
        coil_stream_close(stream);
        CHECK_STR(talk.heard.message, "");
        CHECK_INT(talk.heard.count, ==, 0);
    }
    return 0;
}

TASK_TEST(server_close_is_cancelled)
{
    int64_t grace = COIL_NEVER;
    struct coil_stream *stream;
    struct coil_task *task;

    start(wait_and_reply);
    stream = dial();
    send_all(stream, GET);
    wait_entered(1);
    task = coil_create_task(close_it, &grace);
    if (!task) { /* a fault: nobody but us closes it */
        coil_stream_close(stream);
        coil_http_server_close(server, 0);
        return 0;
    }
    yield_times(3);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    receive(stream, ANSWER_ROOM - 1);
    CHECK_STR(talk.answer, "");
    coil_stream_close(stream);
    return 0;
}

static int close_own(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_ERR(coil_http_server_close(server, 0), -EDEADLK);
    return coil_http_reply(exchange, 200, NULL, "here", 4);
}

TASK_TEST(server_cannot_be_closed_by_its_handler)
{
    struct coil_stream *stream;

    start(close_own);
    stream = dial();
    send_all(stream, "GET / HTTP/1.0\r\n\r\n");
    receive(stream, ANSWER_ROOM - 1);
    CHECK_STR(talk.answer, OK_CLOSE("4") "here");
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    return 0;
}

/* --- the call that serves for ever --- */

static int serve_for_ever(void *arg)
{
    talk.options.server_name = "";
    return coil_http_serve("127.0.0.1", *(const uint16_t *)arg, &talk.options, wait_and_reply,
                           NULL);
}

TASK_TEST(serve_until_it_is_cancelled)
{
    uint16_t port = test_backend_is("sim") ? 8080 : test_free_port();
    struct coil_stream *streams[2] = {NULL, NULL};
    struct coil_task *task;

    entered = 0;
    go_on = (struct coil_event){.is_set_ = false};
    task = coil_create_task(serve_for_ever, &port);
    coil_timeout(PATIENCE) {
        while (coil_open_connection("127.0.0.1", port, NULL, &streams[0]) == -ECONNREFUSED) {
            coil_sleep(COIL_MSEC); /* it does not listen yet */
        }
    }
    CHECK_OK(coil_open_connection("127.0.0.1", port, NULL, &streams[1]));
    send_all(streams[0], GET);
    wait_entered(1);
    coil_cancel(task);
    yield_times(3);
    coil_event_set(&go_on);
    receive(streams[0], ANSWER_ROOM - 1);
    CHECK_STR(talk.answer, OK_CLOSE("4") "done");
    CHECK_OK(coil_stream_close(streams[0]));
    CHECK_ERR(coil_await(task), -ECANCELED);
    receive(streams[1], ANSWER_ROOM - 1);
    CHECK_STR(talk.answer, "");
    CHECK_OK(coil_stream_close(streams[1]));
    return 0;
}

TASK_TEST(server_cannot_start)
{
    struct coil_http_server_options options = {.server_name = "a\r\nb"};
    struct coil_http_server *other = NULL;

    start(tell);
    CHECK_ERR(coil_http_server_start("127.0.0.1", (uint16_t)coil_http_server_get_port(server), NULL,
                                     tell, NULL, &other),
              -EADDRINUSE);
    CHECK_ERR(
        coil_http_serve("127.0.0.1", (uint16_t)coil_http_server_get_port(server), NULL, tell, NULL),
        -EADDRINUSE);
    CHECK_ERR(coil_http_server_start("127.0.0.1", 0, NULL, NULL, NULL, &other), -EINVAL);
    CHECK_ERR(coil_http_server_start("127.0.0.1", 0, NULL, tell, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_server_start("127.0.0.1", 0, &options, tell, NULL, &other), -EINVAL);
    options = (struct coil_http_server_options){.idle_timeout_ns = -1};
    CHECK_ERR(coil_http_server_start("127.0.0.1", 0, &options, tell, NULL, &other), -EINVAL);
    CHECK_ERR(coil_http_serve_stream(NULL, NULL, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_serve_stream(NULL, NULL, tell, NULL), -EINVAL);
    CHECK_PTR(other, ==, NULL);
    coil_http_server_close(other, 0);
    CHECK_OK(coil_http_server_close(NULL, 0));
    CHECK_ERR(coil_http_server_get_port(NULL), -EINVAL);
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    return 0;
}
