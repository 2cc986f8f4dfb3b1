/* Clients of HTTP/2 that are slow without ever being silent: min_body_rate and min_write_rate, of a
 * stream's windows and of its body. All of it in simulated time. */
#include "tunnel_talk.h"

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

/* RFC 9110, section 15.5.9. */
TASK_TEST(http2_rate_of_a_body)
{
    static const char post[] = "\x83\x86\x84\x41\x01"
                               "a";
    int64_t start;
    int count = 0;

    need_sim();
    start = coil_now();
    open_raw(read_body);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, post, sizeof post - 1);
    while (read_rc == 0 && count++ < 100) {
        say_frame(NGHTTP2_DATA, 0, 1, "x", 1);
        CHECK_OK(coil_sleep(10 * COIL_SEC));
    }
    CHECK_ERR(read_rc, -ETIMEDOUT);
    CHECK_INT(coil_now() - start, >=, 30 * COIL_SEC);
    CHECK_INT(coil_now() - start, <, COIL_MINUTE);
    CHECK(hear_frame(NGHTTP2_DATA));
    CHECK_MEM(talk.answer, "Request Timeout\n", talk.size);
    coil_stream_write_eof(talk.client);
    close_talk();
    return 0;
}

static char much[100000];

static int reply_much(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    write_rc = coil_http_reply(exchange, 200, NULL, much, sizeof much);
    return write_rc;
}

/* Behind a handler that has ended. */
static int reply_some(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    write_rc = coil_http_reply(exchange, 200, NULL, much, 10000);
    return write_rc;
}

/* The client opens the window by `size` every second. The time until the stream is over. */
static int64_t sip(coil_http_handler handler, int size)
{
    const nghttp2_settings_entry none = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    int64_t start = coil_now();
    int32_t id;

    open_peer(handler, &none, 1, true);
    nghttp2_submit_window_update(peer.session, 0, 0, 1000000);
    id = ask("GET", "/", NULL, NULL);
    peer_send();
    for (int i = 0; i < 2000 && !answer_of(id)->is_closed; i++) {
        char buf[4096];
        ssize_t n;

        CHECK_OK(coil_sleep(COIL_SEC));
        while ((n = coil_stream_try_read(talk.client, buf, sizeof buf)) > 0) {
            CHECK_INT(nghttp2_session_mem_recv(peer.session, (uint8_t *)buf, (size_t)n), ==, n);
        }
        if (!answer_of(id)->is_closed) {
            nghttp2_submit_window_update(peer.session, 0, id, size);
        }
        peer_send();
    }
    CHECK(answer_of(id)->is_closed);
    start = coil_now() - start;
    return start;
}

TASK_TEST(http2_rate_of_a_response)
{
    need_sim();
    CHECK_INT(sip(reply_much, 500), >=, 150 * COIL_SEC);
    CHECK_INT(write_rc, ==, 0);
    CHECK_INT(answer_of(1)->size, ==, sizeof much);
    close_peer();
    CHECK_INT(sip(reply_much, 10), <, 2 * COIL_MINUTE);
    CHECK_ERR(write_rc, -ETIMEDOUT);
    CHECK_INT(answer_of(1)->error, !=, NGHTTP2_NO_ERROR);
    close_peer();
    talk.options.min_write_rate = COIL_HTTP_ANY_RATE;
    CHECK_INT(sip(reply_much, 100), >=, 900 * COIL_SEC);
    CHECK_INT(write_rc, ==, 0);
    close_peer();
    return 0;
}

TASK_TEST(http2_rate_behind_the_handler)
{
    need_sim();
    CHECK_INT(sip(reply_some, 300), >=, 30 * COIL_SEC);
    CHECK_INT(answer_of(1)->size, ==, 10000);
    close_peer();
    CHECK_INT(sip(reply_some, 10), <, 3 * COIL_MINUTE);
    CHECK_INT(answer_of(1)->error, ==, NGHTTP2_CANCEL);
    CHECK_INT(write_rc, ==, 0);
    close_peer();
    return 0;
}

/* WebSockets may be silent as long as they answer pings. */
TASK_TEST(http2_rate_is_not_of_websockets)
{
    struct tunnel tunnel;

    need_sim();
    sockets.options.ping_interval_ns = COIL_NEVER;
    open_peer(accept_socket, NULL, 0, false);
    open_tunnel(&tunnel, NULL);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(coil_sleep(COIL_MINUTE));
        say_text(&tunnel, "x");
        check_text(&tunnel, "x");
    }
    close_tunnel(&tunnel);
    close_peer();
    return 0;
}
