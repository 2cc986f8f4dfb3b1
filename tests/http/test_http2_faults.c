/* HTTP/2 where things fail: cancels, clients that vanish, servers that close, no memory. */
#include "fault.h"
#include "http2_talk.h"

/* --- clients that vanish --- */

static int entered, left;
static int call_rc;

static int stay(struct coil_http_exchange *exchange, void *user)
{
    static char much[300000];
    const char *path = coil_http_path(exchange);
    char buf[16];

    (void)user;
    entered++;
    if (strcmp(path, "/read") == 0) {
        call_rc = (int)coil_http_read(exchange, buf, sizeof buf);
    } else if (strcmp(path, "/write") == 0) {
        call_rc = coil_http_reply(exchange, 200, NULL, much, sizeof much);
    } else {
        call_rc = coil_sleep(COIL_NEVER);
    }
    left++;
    return call_rc;
}

static void start_each(void)
{
    struct upload upload = {.data = "", .is_held = true};

    open_peer(stay, NULL, 0, true);
    ask("GET", "/sleep", NULL, NULL);
    ask("POST", "/read", NULL, &upload);
    ask("GET", "/write", NULL, NULL);
    peer_send();
    while (entered < 3 && !peer.is_over) {
        peer_receive();
        peer_send();
    }
}

TASK_TEST(http2_client_that_ends)
{
    start_each();
    close_peer();
    CHECK_INT(left, ==, 3);
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

TASK_TEST(http2_client_that_vanishes)
{
    start_each();
    coil_stream_abort(talk.client);
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_await(talk.task));
    }
    CHECK_INT(left, ==, 3);
    CHECK_INT(talk.heard.count, ==, 0);
    nghttp2_session_del(peer.session);
    for (size_t i = 0; i < peer.count; i++) {
        free(peer.answers[i].body);
    }
    return 0;
}

/* The connection's task is cancelled: so are its handlers, and all is awaited. */
TASK_TEST(http2_connection_is_cancelled)
{
    start_each();
    CHECK_INT(coil_cancel(talk.task), ==, 1);
    coil_timeout(PATIENCE) {
        coil_await(talk.task);
    }
    CHECK_INT(talk.rc, ==, -ECANCELED);
    CHECK_INT(left, ==, 3);
    coil_stream_abort(talk.client);
    nghttp2_session_del(peer.session);
    for (size_t i = 0; i < peer.count; i++) {
        free(peer.answers[i].body);
    }
    return 0;
}

/* --- cancels inside of calls --- */

static int stop_reading(struct coil_http_exchange *exchange, void *user)
{
    const char *body = "untouched";

    (void)user;
    coil_timeout(10 * COIL_MSEC) {
        CHECK_ERR((int)coil_http_read_all(exchange, &body), -ETIMEDOUT);
        CHECK_ERR((int)coil_http_read_all(exchange, &body), -ETIMEDOUT);
    }
    CHECK_STR(body, "untouched");
    return echo(exchange, NULL); /* and it goes on */
}

TASK_TEST(http2_read_is_cancelled)
{
    struct upload upload = {.data = "later", .size = 5, .is_held = true};
    int32_t id;

    open_peer(stop_reading, NULL, 0, false);
    id = ask("POST", "/", NULL, &upload);
    peer_send();
    CHECK_OK(coil_sleep(50 * COIL_MSEC));
    upload.is_held = false;
    CHECK_INT(nghttp2_session_resume_data(peer.session, id), ==, 0);
    CHECK_STR(wait_answer(id)->body, "later");
    close_peer();
    return 0;
}

static int stop_writing(struct coil_http_exchange *exchange, void *user)
{
    static char much[100000];

    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, -1));
    coil_timeout(10 * COIL_MSEC) {
        CHECK_ERR((int)coil_http_write(exchange, much, sizeof much), -ETIMEDOUT);
        CHECK_ERR((int)coil_http_write(exchange, much, 1), -ETIMEDOUT);
        CHECK_ERR(coil_http_flush(exchange), -ETIMEDOUT);
    }
    CHECK_ERR((int)coil_http_write(exchange, much, 1), -EPIPE);
    return 0;
}

/* A part is out: the response cannot become whole. */
TASK_TEST(http2_write_is_cancelled)
{
    open_peer(stop_writing, NULL, 0, true);
    CHECK_INT(get("/")->error, ==, NGHTTP2_INTERNAL_ERROR);
    CHECK_INT(answer_of(1)->size, ==, 65535);
    close_peer();
    return 0;
}

/* --- servers that close --- */

static struct coil_http_server *server;
static struct coil_event go_on;
static int close_rc;

static int wait_and_reply(struct coil_http_exchange *exchange, void *user)
{
    int rc;

    (void)user;
    entered++;
    CHECK_ERR(coil_http_server_close(server, 0), -EDEADLK);
    rc = coil_event_wait(&go_on);
    left++;
    return rc < 0 ? rc : coil_http_reply(exchange, 200, NULL, "done", 4);
}

static int close_server(void *arg)
{
    close_rc = coil_http_server_close(server, *(const int64_t *)arg);
    return 0;
}

/* Over loopback; open_peer's own pair is not used. */
static void open_server(void)
{
    struct coil_http_server_options options = {.server_name = ""};

    open_peer(NULL, NULL, 0, false);
    coil_stream_write_eof(talk.client);
    close_talk();
    close_rc = 1;
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, &options, wait_and_reply, NULL, &server));
    CHECK_OK(coil_open_connection("127.0.0.1", (uint16_t)coil_http_server_get_port(server), NULL,
                                  &talk.client));
}

static void close_client(void)
{
    coil_stream_close(talk.client);
    nghttp2_session_del(peer.session);
    for (size_t i = 0; i < peer.count; i++) {
        free(peer.answers[i].body);
    }
    memset(&peer, 0, sizeof peer);
}

static void wait_entered(int count)
{
    peer_send();
    coil_timeout(PATIENCE) {
        while (entered < count && coil_sleep(COIL_MSEC) == 0) {
        }
    }
    CHECK_INT(entered, ==, count);
}

/* A fault has kept the task that closes from being made: it is done here. */
static int without_closer(void)
{
    int64_t grace = 0;

    coil_event_set(&go_on);
    close_server(&grace);
    close_client();
    return 0;
}

/* One that was cancelled before it began has closed nothing. */
static void await_closer(struct coil_task *closer)
{
    coil_shield {
        CHECK_OK(coil_await(closer));
        if (close_rc > 0) {
            coil_http_server_close(server, 0);
        }
    }
}

/* RFC 9113, section 6.8: GOAWAY; streams that are there finish. */
TASK_TEST(http2_server_closes_gracefully)
{
    int64_t grace = COIL_MINUTE;
    struct coil_task *closer;
    int32_t id;

    open_server();
    id = ask("GET", "/", NULL, NULL);
    wait_entered(1);
    closer = coil_create_task(close_server, &grace);
    if (!closer) {
        return without_closer();
    }
    while (!peer.has_goaway && !peer.is_over) {
        peer_receive();
    }
    CHECK_INT(peer.goaway, ==, NGHTTP2_NO_ERROR);
    coil_event_set(&go_on);
    CHECK_STR(wait_answer(id)->body, "done");
    wait_over();
    close_client();
    await_closer(closer);
    CHECK_INT(close_rc, ==, 0);
    return 0;
}

TASK_TEST(http2_server_closes_without_grace)
{
    int64_t grace = 20 * COIL_MSEC;

    open_server();
    ask("GET", "/", NULL, NULL);
    ask("GET", "/", NULL, NULL);
    wait_entered(2);
    close_server(&grace);
    CHECK_INT(close_rc, ==, -ETIMEDOUT);
    CHECK_INT(left, ==, 2);
    close_client();
    return 0;
}

TASK_TEST(http2_server_closes_idle_connections)
{
    int64_t grace = COIL_MINUTE;
    struct coil_task *closer;

    open_server();
    coil_event_set(&go_on);
    CHECK_STR(get("/")->body, "done");
    closer = coil_create_task(close_server, &grace);
    if (!closer) {
        return without_closer();
    }
    wait_over();
    CHECK(peer.has_goaway);
    close_client();
    await_closer(closer);
    CHECK_INT(close_rc, ==, 0);
    return 0;
}

/* --- without memory --- */

static int answer_all(struct coil_http_exchange *exchange, void *user)
{
    const char *body;
    ssize_t size = coil_http_read_all(exchange, &body);

    (void)user;
    if (size < 0) {
        return (int)size;
    }
    if (coil_http_begin(exchange, 200, "text/plain", -1) < 0) {
        return -ENOMEM;
    }
    for (int i = 0; i < 3; i++) {
        ssize_t n = coil_http_write(exchange, body, (size_t)size);

        if (n < 0 || coil_http_flush(exchange) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* Everything is written ahead: the server's side alone sees the fault, or notices the end. */
static int talk_under_faults(void *arg)
{
    struct coil_http_server_options options = {.max_streams = 10};
    struct coil_stream *streams[2] = {NULL, NULL};
    static char body[2000];
    int rc = coil_stream_pair(NULL, streams);

    (void)arg;
    if (rc < 0) {
        return rc;
    }
    talk.client = streams[0];
    rc = (int)coil_stream_write(talk.client, PREFACE, sizeof PREFACE - 1);
    say_frame(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    for (uint32_t id = 1; id < 8; id += 2) {
        say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id,
                  "\x83\x86\x84\x41\x01"
                  "a",
                  6);
        say_frame(NGHTTP2_DATA, 0, id, body, sizeof body);
        say_frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, body, sizeof body);
    }
    coil_timeout(5 * COIL_SEC) {
        if (rc > 0 && coil_stream_write_eof(talk.client) == 0) {
            coil_http_serve_stream(streams[1], &options, answer_all, NULL);
        }
    }
    coil_stream_abort(streams[0]);
    coil_stream_abort(streams[1]);
    return 0;
}

static void ignore(const struct coil_report *report, void *user)
{
    (void)report;
    (void)user;
}

static int under_faults(void *arg)
{
    coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
    return talk_under_faults(arg);
}

static void run_under_faults(void *arg)
{
    coil_run(under_faults, arg);
}

COIL_TEST(http2_under_faults)
{
    torture(run_under_faults, NULL);
}

/* Structs of streams and their buffers are used again; nghttp2's memory is its own. What is left is
 * a chunk in the pair of streams for each way, and the answer here. */
TASK_TEST(http2_requests_need_no_memory_of_ours)
{
    open_peer(NULL, NULL, 0, false);
    for (int i = 0; i < 20; i++) {
        get("/");
    }
    fault_alloc_at(UINT64_MAX);
    for (int i = 0; i < 20; i++) {
        get("/");
    }
    CHECK_INT(fault_count(), <=, 20 * 3);
    fault_off();
    close_peer();
    return 0;
}
