/* How WebSockets end: the closing handshake (RFC 6455, section 7), silence, servers that close. */
#include "websocket_talk.h"

static int close_at_once(struct coil_websocket *ws)
{
    return coil_websocket_close(ws, 1000, "over");
}

static int return_at_once(struct coil_websocket *ws)
{
    (void)ws;
    return 0;
}

static int fail_at_once(struct coil_websocket *ws)
{
    (void)ws;
    return -EDOM;
}

/* Section 7.1.2: the server begins; what still comes is dropped. */
TASK_TEST(websocket_server_closes)
{
    talk.serve = close_at_once;
    open_raw("");
    check_close(1000);
    CHECK_STR((char *)talk.frame + 2, "over");
    say_text(0x81, "this was on its way");
    say_frame(0x88, "\x03\xe8", 2);
    check_end();
    close_raw();
    CHECK_INT(talk.end, ==, 0);
    CHECK_INT(talk.rc, ==, 0);
    CHECK_INT(talk.code, ==, 1000);
    return 0;
}

TASK_TEST(websocket_is_closed_behind_the_handler)
{
    talk.serve = return_at_once;
    open_raw("");
    check_close(1000);
    say_frame(0x88, "\x03\xe8", 2);
    check_end();
    close_raw();
    CHECK_INT(talk.heard.count, ==, 0);
    talk.serve = fail_at_once;
    open_raw("");
    check_close(1011);
    say_frame(0x88, "\x03\xf3", 2);
    check_end();
    close_raw();
    CHECK_INT(talk.heard.count, ==, 1);
    CHECK_INT(talk.heard.error, ==, -EDOM);
    return 0;
}

/* A peer that never answers the close. */
TASK_TEST(websocket_close_has_a_deadline)
{
    talk.serve = close_at_once;
    talk.options.close_timeout_ns = 20 * COIL_MSEC;
    open_raw("");
    check_close(1000);
    check_end();
    CHECK_ERR(talk.end, -ETIMEDOUT);
    CHECK_INT(talk.code, ==, 1006);
    close_raw();
    /* One that goes on sending is not better. */
    open_raw("");
    check_close(1000);
    while (coil_stream_write(talk.client, "\x81\x80xxxx", 6) == 6) {
        coil_sleep(COIL_MSEC);
    }
    close_raw();
    CHECK_ERR(talk.end, -ETIMEDOUT);
    return 0;
}

static int close_client(__attribute__((unused)) void *arg)
{
    return coil_websocket_close(talk.ws, 1000, NULL);
}

static int sleep_long(struct coil_websocket *ws)
{
    (void)ws;
    return coil_sleep(COIL_NEVER);
}

TASK_TEST(websocket_cancelled_close_breaks_off)
{
    struct coil_task *task;

    talk.serve = sleep_long;
    open_talk(NULL);
    task = coil_create_task(close_client, NULL);
    yield_times(3);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK(!coil_websocket_is_open(talk.ws));
    CHECK_INT(coil_websocket_get_close_code(talk.ws), ==, 1006);
    coil_websocket_free(talk.ws);
    coil_cancel(talk.task);
    end_server();
    return 0;
}

/* --- silence (section 5.5.2) --- */

TASK_TEST(websocket_silent_peer_is_pinged_and_given_up)
{
    talk.options.ping_interval_ns = 20 * COIL_MSEC;
    talk.options.ping_timeout_ns = 20 * COIL_MSEC;
    open_raw("");
    CHECK_INT(hear_frame(), ==, 0x89);
    say_frame(0x8A, "", 0);
    CHECK_INT(hear_frame(), ==, 0x89);
    check_end();
    CHECK_ERR(talk.end, -ETIMEDOUT);
    CHECK_INT(talk.code, ==, 1006);
    close_raw();
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

static int ping_and_echo(struct coil_websocket *ws)
{
    CHECK_OK(coil_websocket_ping(ws, "are you there", 13));
    CHECK_OK(coil_websocket_ping(ws, NULL, 0));
    return echo_messages(ws);
}

TASK_TEST(websocket_pings)
{
    talk.serve = ping_and_echo;
    open_raw("");
    check_frame(0x89, "are you there");
    check_frame(0x89, "");
    say_text(0x8A, "are you there");
    say_text(0x89, "and you?");
    check_frame(0x8A, "and you?");
    say_text(0x81, "yes");
    check_frame(0x81, "yes");
    close_raw();
    return 0;
}

/* --- servers that close --- */

static int handle_echo(struct coil_http_exchange *exchange, void *user)
{
    struct coil_websocket *ws;
    int rc = coil_websocket_accept(exchange, NULL, &ws);

    if (rc <= 0) {
        return rc;
    }
    ++*(int *)user;
    rc = echo_messages(ws);
    CHECK_INT(rc, ==, 0);
    CHECK_INT(coil_websocket_get_close_code(ws), ==, 1001);
    return rc;
}

static int handle_sleep(struct coil_http_exchange *exchange, void *user)
{
    struct coil_websocket *ws;
    int rc = coil_websocket_accept(exchange, NULL, &ws);

    if (rc <= 0) {
        return rc;
    }
    ++*(int *)user;
    while ((rc = coil_websocket_send_text(ws, "tick", 4)) == 0 && coil_sleep(COIL_MSEC) == 0) {
    }
    CHECK(rc == -COIL_ECLOSED || rc == 0);
    return rc;
}

enum { CLIENTS = 5 };

static int receive_all(void *arg)
{
    struct coil_websocket_message message;
    int rc;

    while ((rc = coil_websocket_receive(arg, &message)) > 0) {
    }
    return rc;
}

/* They get 1001 within the grace (section 7.4.1), whatever their handlers do. */
static void check_going_away(coil_http_handler handler)
{
    struct coil_http_server *server;
    struct coil_websocket *ws[CLIENTS];
    struct coil_task *tasks[CLIENTS];
    char url[64];
    int count = 0;

    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, handler, &count, &server));
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", coil_http_server_get_port(server));
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_OK(coil_websocket_connect(url, NULL, &ws[i]));
        tasks[i] = coil_create_task(receive_all, ws[i]);
    }
    while (count < CLIENTS && !test_has_noticed()) {
        coil_yield();
    }
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_INT(coil_await(tasks[i]), ==, 0);
        CHECK_INT(coil_websocket_get_close_code(ws[i]), ==, 1001);
        coil_websocket_free(ws[i]);
    }
}

TASK_TEST(websocket_server_goes_away)
{
    check_going_away(handle_echo);
    check_going_away(handle_sleep);
    return 0;
}

static int handle_never(struct coil_http_exchange *exchange, void *user)
{
    struct coil_websocket *ws;
    int rc = coil_websocket_accept(exchange, NULL, &ws);

    ++*(int *)user;
    return rc <= 0 ? rc : coil_sleep(COIL_NEVER);
}

/* The grace is over before the handler is. */
TASK_TEST(websocket_server_goes_away_at_once)
{
    struct coil_http_server *server;
    struct coil_websocket *ws;
    char url[64];
    int count = 0;

    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, handle_never, &count, &server));
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", coil_http_server_get_port(server));
    CHECK_OK(coil_websocket_connect(url, NULL, &ws));
    while (count < 1 && !test_has_noticed()) {
        coil_yield();
    }
    CHECK_ERR(coil_http_server_close(server, 0), -ETIMEDOUT);
    CHECK_INT(receive_all(ws), <=, 0);
    CHECK(!coil_websocket_is_open(ws));
    coil_websocket_free(ws);
    return 0;
}

/* --- what a client hears --- */

static void speak(struct coil_stream *stream, const char *frames, size_t size)
{
    coil_stream_write(stream, frames, size);
}

struct raw_server {
    struct coil_stream *stream;
    const char *frames;
    size_t size;
};

/* The right answer to any request needs the right key: so a server of the library's shakes hands,
 * and is left alone then. */
static int leak_frames(struct coil_http_exchange *exchange, void *user)
{
    struct raw_server *server = user;
    struct coil_websocket *ws;
    int rc = coil_websocket_accept(exchange, NULL, &ws);

    if (rc == 1) {
        speak(server->stream, server->frames, server->size);
        rc = receive_all(ws);
        talk.code = coil_websocket_get_close_code(ws);
    }
    return rc;
}

static int serve_raw(void *arg)
{
    struct raw_server *server = arg;

    coil_http_serve_stream(server->stream, NULL, leak_frames, server);
    coil_stream_close(server->stream);
    return 0;
}

static void check_client_hears(const char *frames, size_t size, int error, unsigned code)
{
    struct coil_stream *streams[2];
    struct raw_server server;
    struct coil_websocket *ws;
    struct coil_task *task;

    CHECK_OK(coil_stream_pair(NULL, streams));
    server = (struct raw_server){streams[1], frames, size};
    task = coil_create_task(serve_raw, &server);
    CHECK_OK(coil_websocket_connect_stream(streams[0], "x", NULL, NULL, &ws));
    CHECK_ERR(receive_all(ws), error);
    coil_websocket_free(ws);
    CHECK_OK(coil_await(task));
    CHECK_INT(talk.code, ==, code);
}

/* Section 5.1: a server's frames are not masked. */
TASK_TEST(websocket_fault_masked_frame_of_a_server)
{
    check_client_hears("\x81\x82"
                       "abcdhi",
                       8, -COIL_EPROTOCOL, 1002);
    check_client_hears("\xc9\x00", 2, -COIL_EPROTOCOL, 1002);
    check_client_hears("\x81\x01\xff", 3, -COIL_EPROTOCOL, 1007);
    check_client_hears("\x82\x7f\0\0\0\1\0\0\0\0", 10, -COIL_ELIMIT, 1009);
    return 0;
}
