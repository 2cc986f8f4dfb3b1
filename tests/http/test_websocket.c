/* WebSockets of the library's at both ends: messages, and the tasks that send and receive them. */
#include "fault.h"
#include "websocket_talk.h"

static void check_message(struct coil_websocket *ws, const char *text)
{
    struct coil_websocket_message message = {0};

    coil_timeout(2 * PATIENCE) {
        CHECK_INT(coil_websocket_receive(ws, &message), ==, 1);
    }
    CHECK(message.is_text);
    CHECK_INT(message.size, ==, strlen(text));
    CHECK_STR(message.data, text);
}

TASK_TEST(websocket_text_comes_back)
{
    open_talk(NULL);
    CHECK(coil_websocket_is_open(talk.ws));
    CHECK_OK(coil_websocket_send_text(talk.ws, "hello", 5));
    check_message(talk.ws, "hello");
    CHECK_OK(coil_websocket_send_text(talk.ws, "", 0));
    check_message(talk.ws, "");
    CHECK_OK(coil_websocket_send_text(talk.ws, "gr\xc3\xbc\xc3\x9f", 6));
    check_message(talk.ws, "gr\xc3\xbc\xc3\x9f");
    CHECK_OK(coil_websocket_close(talk.ws, 1000, "done"));
    CHECK(!coil_websocket_is_open(talk.ws));
    CHECK_INT(coil_websocket_get_close_code(talk.ws), ==, 1000);
    CHECK_OK(coil_websocket_close(talk.ws, 1000, NULL));
    CHECK_ERR(coil_websocket_send_text(talk.ws, "x", 1), -COIL_ECLOSED);
    coil_websocket_free(talk.ws);
    end_server();
    CHECK_INT(talk.rc, ==, 0);
    CHECK_INT(talk.end, ==, 0);
    CHECK_INT(talk.code, ==, 1000);
    CHECK_STR(talk.reason, "done");
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* Of each size around which something is done otherwise, compressed and not. */
static void check_sizes(const struct coil_websocket_options *options)
{
    static const size_t sizes[] = {0,    1,    124,   125,   126,   127,    128,    129,  240,
                                   250,  256,  257,   300,   1000,  4080,   4095,   4096, 4097,
                                   5000, 8192, 65535, 65536, 65537, 200000, 1048576};
    unsigned char *data = malloc(1048576);

    CHECK(data);
    for (size_t i = 0; i < 1048576; i++) {
        data[i] = (unsigned char)(i * 2654435761U >> 13 & (i & 4096 ? 255 : 3));
    }
    open_talk(options);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct coil_websocket_message message = {0};

        CHECK_OK(coil_websocket_send_binary(talk.ws, data, sizes[i]));
        CHECK_INT(coil_websocket_receive(talk.ws, &message), ==, 1);
        CHECK(!message.is_text);
        CHECK_INT(message.size, ==, sizes[i]);
        CHECK(memcmp(message.data, data, sizes[i]) == 0);
        CHECK_INT(message.data[message.size], ==, 0);
    }
    close_talk();
    CHECK_INT(talk.end, ==, 0);
    free(data);
}

TASK_TEST(websocket_messages_of_all_sizes)
{
    check_sizes(&(struct coil_websocket_options){.no_deflate = true});
    return 0;
}

TASK_TEST(websocket_compressed_messages_of_all_sizes)
{
    check_sizes(NULL);
    CHECK_INT(talk.end, ==, 0);
    talk.options.context_takeover = true;
    check_sizes(NULL);
    check_sizes(&(struct coil_websocket_options){.context_takeover = true, .deflate_min = 1});
    return 0;
}

TASK_TEST(websocket_says_what_was_agreed_on)
{
    static const char *const ours[] = {"v2", "v1", NULL};
    static const char *const theirs[] = {"v1", "v0", NULL};

    talk.options.protocols = ours;
    open_talk(&(struct coil_websocket_options){.protocols = theirs});
    CHECK_STR(coil_websocket_get_protocol(talk.ws), "v1");
    CHECK_STR(coil_websocket_get_protocol(talk.accepted), "v1");
    CHECK(coil_websocket_is_compressed(talk.ws));
    CHECK(coil_websocket_is_compressed(talk.accepted));
    close_talk();
    talk.options.protocols = NULL;
    talk.options.no_deflate = true;
    open_talk(&(struct coil_websocket_options){.protocols = theirs});
    CHECK_STR(coil_websocket_get_protocol(talk.ws), "");
    CHECK(!coil_websocket_is_compressed(talk.ws));
    close_talk();
    return 0;
}

TASK_TEST(websocket_misuse_is_refused)
{
    struct coil_websocket_message message;
    struct coil_websocket *ws = NULL;
    struct coil_websocket_options bad = {.ping_interval_ns = -1};
    char long_reason[125];

    memset(long_reason, 'x', 124);
    long_reason[124] = '\0';
    CHECK_ERR(coil_websocket_accept(NULL, NULL, &ws), -EINVAL);
    CHECK_ERR(coil_websocket_connect(NULL, NULL, &ws), -EINVAL);
    CHECK_ERR(coil_websocket_connect("http://localhost/", NULL, &ws), -EINVAL);
    CHECK_ERR(coil_websocket_connect("ws://localhost/#x", NULL, &ws), -EINVAL);
    CHECK_ERR(coil_websocket_connect("ws://localhost/", &bad, &ws), -EINVAL);
    CHECK_ERR(coil_websocket_connect_stream(NULL, "x", NULL, NULL, &ws), -EINVAL);
    CHECK_ERR(coil_websocket_receive(NULL, &message), -EINVAL);
    CHECK_ERR(coil_websocket_send(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_websocket_send_text(NULL, "", 0), -EINVAL);
    CHECK_ERR(coil_websocket_send_binary(NULL, "", 0), -EINVAL);
    CHECK_ERR(coil_websocket_ping(NULL, NULL, 0), -EINVAL);
    CHECK_ERR(coil_websocket_close(NULL, 1000, NULL), -EINVAL);
    coil_websocket_free(NULL);
    CHECK(!coil_websocket_is_open(NULL) && !coil_websocket_is_compressed(NULL));
    CHECK_INT(coil_websocket_get_close_code(NULL), ==, 0);
    CHECK_STR(coil_websocket_get_close_reason(NULL), "");
    CHECK_STR(coil_websocket_get_protocol(NULL), "");

    open_talk(NULL);
    CHECK_ERR(coil_websocket_receive(talk.ws, NULL), -EINVAL);
    CHECK_ERR(coil_websocket_send_text(talk.ws, NULL, 1), -EINVAL);
    CHECK_ERR(coil_websocket_send_text(talk.ws, "\xff", 1), -EILSEQ);
    CHECK_ERR(coil_websocket_send_text(talk.ws, "\xc3", 1), -EILSEQ);
    CHECK_ERR(coil_websocket_ping(talk.ws, long_reason, 126), -EINVAL);
    CHECK_ERR(coil_websocket_close(talk.ws, 1005, NULL), -EINVAL);
    CHECK_ERR(coil_websocket_close(talk.ws, 999, NULL), -EINVAL);
    CHECK_ERR(coil_websocket_close(talk.ws, 5000, NULL), -EINVAL);
    CHECK_ERR(coil_websocket_close(talk.ws, 0, "why"), -EINVAL);
    CHECK_ERR(coil_websocket_close(talk.ws, 1000, long_reason), -EINVAL);
    CHECK_ERR(coil_websocket_close(talk.ws, 1000, "\xff"), -EINVAL);
    coil_websocket_free(talk.accepted); /* does nothing */
    CHECK_OK(coil_websocket_send_text(talk.ws, "still here", 10));
    check_message(talk.ws, "still here");
    close_talk();
    return 0;
}

/* --- several tasks --- */

enum { SENDERS = 8, EACH = 20, MOST = 20000 };

static int send_many(void *arg)
{
    int number = *(const int *)arg;
    char *text = malloc(MOST);

    CHECK(text);
    for (int i = 0; i < EACH; i++) {
        size_t size = 1 + (size_t)(number * 7919 + i * 104729) % (MOST - 1);

        memset(text, 'a' + number, size);
        CHECK_OK(coil_websocket_send_text(talk.ws, text, size));
    }
    free(text);
    return 0;
}

static int count_whole(struct coil_websocket *ws)
{
    int counts[SENDERS] = {0};

    for (int i = 0; i < SENDERS * EACH; i++) {
        struct coil_websocket_message message;
        size_t expected;
        int number;

        CHECK_INT(coil_websocket_receive(ws, &message), ==, 1);
        number = message.data[0] - 'a';
        CHECK(number >= 0 && number < SENDERS);
        expected = 1 + (size_t)(number * 7919 + counts[number]++ * 104729) % (MOST - 1);
        CHECK_INT(message.size, ==, expected);
        for (size_t at = 0; at < message.size; at++) {
            CHECK_INT(message.data[at], ==, 'a' + number);
        }
    }
    return 0;
}

static void check_senders(const struct coil_websocket_options *options)
{
    struct coil_task *tasks[SENDERS];
    int numbers[SENDERS];

    talk.serve = count_whole;
    talk.stream_options = (struct coil_stream_options){.high_water = 4096};
    open_talk(options);
    for (int i = 0; i < SENDERS; i++) {
        numbers[i] = i;
        tasks[i] = coil_create_task(send_many, &numbers[i]);
    }
    for (int i = 0; i < SENDERS; i++) {
        CHECK_OK(coil_await(tasks[i]));
    }
    close_talk();
    CHECK_INT(talk.end, ==, 0);
}

TASK_TEST(websocket_messages_of_many_senders_stay_whole)
{
    check_senders(&(struct coil_websocket_options){.no_deflate = true});
    check_senders(&(struct coil_websocket_options){.context_takeover = true});
    return 0;
}

static int receive_once(void *arg)
{
    struct coil_websocket_message message;

    return coil_websocket_receive(arg, &message);
}

TASK_TEST(websocket_one_task_receives)
{
    struct coil_task *task;

    open_talk(NULL);
    task = coil_create_task(receive_once, talk.ws);
    yield_times(3);
    CHECK_ERR(receive_once(talk.ws), -COIL_ECONCURRENT);
    CHECK_OK(coil_websocket_send_text(talk.ws, "x", 1));
    CHECK_INT(coil_await(task), ==, 1);
    close_talk();
    return 0;
}

/* A close while another task receives: that one sees the end. */
TASK_TEST(websocket_close_beside_a_receiver)
{
    struct coil_task *task;

    open_talk(NULL);
    task = coil_create_task(receive_once, talk.ws);
    yield_times(3);
    CHECK_OK(coil_websocket_close(talk.ws, 1000, NULL));
    CHECK_INT(coil_await(task), ==, 0);
    close_talk();
    return 0;
}

/* --- cancels --- */

TASK_TEST(websocket_cancelled_receive_loses_nothing)
{
    struct coil_task *task;
    struct coil_websocket_message message = {0};

    open_talk(NULL);
    task = coil_create_task(receive_once, talk.ws);
    yield_times(3);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK(coil_websocket_is_open(talk.ws));
    coil_timeout(0) {
        CHECK_ERR(coil_websocket_receive(talk.ws, &message), -ETIMEDOUT);
    }
    CHECK(coil_websocket_is_open(talk.ws));
    CHECK_OK(coil_websocket_send_text(talk.ws, "x", 1));
    check_message(talk.ws, "x");
    close_talk();
    return 0;
}

static int never_receive(struct coil_websocket *ws)
{
    (void)ws;
    return coil_sleep(COIL_NEVER);
}

static int send_much(void *arg)
{
    char *data = calloc(1, 100000);
    int rc = coil_websocket_send_binary(talk.ws, data, 100000);

    (void)arg;
    free(data);
    return rc;
}

/* The stream holds 4 KiB: the rest of the message waits, and another one behind it. */
TASK_TEST(websocket_cancelled_send_breaks_or_sends_nothing)
{
    struct coil_task *tasks[2];

    talk.serve = never_receive;
    talk.stream_options = (struct coil_stream_options){.high_water = 4096};
    open_talk(&(struct coil_websocket_options){.no_deflate = true});
    tasks[0] = coil_create_task(send_much, NULL);
    tasks[1] = coil_create_task(send_much, NULL);
    yield_times(5);
    coil_cancel(tasks[1]);
    CHECK_ERR(coil_await(tasks[1]), -ECANCELED);
    CHECK(coil_websocket_is_open(talk.ws));
    coil_cancel(tasks[0]);
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK(!coil_websocket_is_open(talk.ws));
    CHECK_ERR(coil_websocket_send_text(talk.ws, "x", 1), -COIL_ECLOSED);
    CHECK_INT(coil_websocket_get_close_code(talk.ws), ==, 1006);
    coil_websocket_free(talk.ws);
    coil_cancel(talk.task);
    end_server();
    return 0;
}

TASK_TEST(websocket_send_to_one_who_does_not_read_times_out)
{
    if (!test_backend_is("sim")) {
        test_skip("waits for half a minute");
    }
    talk.serve = never_receive;
    talk.stream_options = (struct coil_stream_options){.high_water = 4096};
    open_talk(&(struct coil_websocket_options){.no_deflate = true});
    CHECK_ERR(send_much(NULL), -ETIMEDOUT);
    CHECK(!coil_websocket_is_open(talk.ws));
    coil_websocket_free(talk.ws);
    coil_cancel(talk.task);
    end_server();
    return 0;
}

/* --- over a socket --- */

static int handle_any(struct coil_http_exchange *exchange, void *user)
{
    struct coil_websocket *ws;
    int rc = coil_websocket_accept(exchange, user, &ws);

    return rc <= 0 ? rc : echo_messages(ws);
}

TASK_TEST(websocket_by_url)
{
    struct coil_http_server *server;
    struct coil_websocket *ws;
    char url[64];

    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, handle_any, NULL, &server));
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/chat?x", coil_http_server_get_port(server));
    CHECK_OK(coil_websocket_connect(url, NULL, &ws));
    CHECK_OK(coil_websocket_send_text(ws, "hello", 5));
    check_message(ws, "hello");
    CHECK_OK(coil_websocket_close(ws, 1000, NULL));
    coil_websocket_free(ws);
    CHECK_OK(coil_http_server_close(server, COIL_SEC));
    return 0;
}

/* --- memory --- */

static int talk_shortly(__attribute__((unused)) void *arg)
{
    char text[600];
    struct coil_stream *streams[2];
    int rc = coil_stream_pair(NULL, streams);

    if (rc < 0) {
        return rc;
    }
    memset(text, 'x', sizeof text);
    talk.server = streams[1];
    talk.ws = NULL;
    talk.task = coil_task_create(NULL, serve_pair, NULL);
    if (!talk.task) {
        coil_stream_abort(streams[1]);
    }
    rc = coil_websocket_connect_stream(streams[0], "example.org", NULL, NULL, &talk.ws);
    if (rc == 0) {
        rc = coil_websocket_send_text(talk.ws, text, sizeof text);
        if (rc == 0) {
            receive_once(talk.ws);
        }
        coil_websocket_close(talk.ws, 1000, NULL);
        coil_websocket_free(talk.ws);
    }
    if (talk.task) {
        coil_await(talk.task);
    }
    return rc;
}

static void run_shortly(__attribute__((unused)) void *arg)
{
    coil_run(talk_shortly, NULL);
}

COIL_TEST(websocket_survives_every_fault)
{
    if (test_has_asan()) {
        test_skip("the sanitizer's own calls of sigaltstack would fail");
    }
    torture(run_shortly, NULL);
}
