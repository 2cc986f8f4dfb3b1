/* WebSockets over HTTP/2 (RFC 8441) with peers that break the rules, stall or vanish: each costs
 * its own stream, and the connection goes on. */
#include "tunnel_talk.h"

#include "fault.h"

/* --- requests that are none --- */

static void check_refused(const char *name, const char *value, const char *status)
{
    const char *const fields[] = {name, value, NULL};
    struct tunnel tunnel;
    struct answer *answer;

    begin_tunnel(&tunnel, fields);
    answer = wait_answer(tunnel.id);
    CHECK_MSG(strcmp(answer->status, status) == 0, "%s: %s is answered by %s", name, value,
              answer->status);
    if (!status[0]) {
        CHECK_INT(answer->error, ==, NGHTTP2_PROTOCOL_ERROR);
    }
    free_tunnel(&tunnel);
}

/* RFC 9113, section 8.2.2: fields of a connection; RFC 9110, section 9.3.6: CONNECT has no content;
 * RFC 8441, section 4. */
TASK_TEST(http2_tunnel_fault_heads)
{
    open_peer(accept_socket, NULL, 0, false);
    check_refused("connection", "Upgrade", "");
    check_refused("upgrade", "websocket", "");
    check_refused("transfer-encoding", "chunked", "");
    check_refused("te", "gzip", "");
    check_refused("content-length", "5", "400");
    check_refused("content-length", "0", "400");
    check_refused(":protocol", "chat", "501");
    check_refused(":method", "GET", "");
    check_refused(":path", "chat", "");
    CHECK_STR(get("/other")->status, "200");
    close_peer();
    CHECK_INT(sockets.accepted, ==, 0);
    return 0;
}

/* A CONNECT of RFC 9110, to an authority, without :protocol; and one that ends at once. */
TASK_TEST(http2_tunnel_fault_other_connects)
{
    static const char connect[] = "\x02\7CONNECT\x41\x01"
                                  "a";
    static const char ended[] = "\x02\7CONNECT\x86\x04\5/chat\x41\x01"
                                "a\0\x09:protocol\x09websocket"
                                "\0\x15sec-websocket-version\x02"
                                "13";

    open_raw(accept_socket);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, connect, sizeof connect - 1);
    CHECK(hear_frame(NGHTTP2_HEADERS));
    CHECK(hear_frame(NGHTTP2_DATA));
    CHECK_MEM(talk.answer, "Not Implemented\n", talk.size);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3, ended,
              sizeof ended - 1);
    CHECK(hear_frame(NGHTTP2_HEADERS));
    CHECK(hear_frame(NGHTTP2_DATA));
    CHECK_MEM(talk.answer, "Bad Request\n", talk.size);
    coil_stream_write_eof(talk.client);
    close_talk();
    CHECK_INT(sockets.accepted, ==, 0);
    return 0;
}

static int refuse(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    return coil_http_reply(exchange, 403, NULL, NULL, 0);
}

/* What was sent before the answer is dropped, and its window is given back: else the connection's
 * would be used up. */
TASK_TEST(http2_tunnel_fault_frames_before_a_refusal)
{
    static char data[200 * 1024];
    struct tunnel tunnel;

    open_peer(refuse, NULL, 0, false);
    for (int i = 0; i < 10; i++) {
        begin_tunnel(&tunnel, NULL);
        say_message(&tunnel, 0x82, data, sizeof data);
        CHECK_STR(wait_answer(tunnel.id)->status, "403");
        free_tunnel(&tunnel);
    }
    close_peer();
    return 0;
}

static int say_ok(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    return coil_http_reply(exchange, 200, NULL, "x", 1);
}

/* 2xx means that the WebSocket is open (RFC 8441, section 5), so it is not said by mistake. */
TASK_TEST(http2_tunnel_fault_handler_knows_none)
{
    struct tunnel tunnel;

    open_peer(say_ok, NULL, 0, false);
    begin_tunnel(&tunnel, NULL);
    CHECK_STR(wait_answer(tunnel.id)->status, "501");
    free_tunnel(&tunnel);
    close_peer();
    return 0;
}

/* --- frames --- */

static void check_fault(const void *bytes, size_t size, unsigned code, int error)
{
    int ended = sockets.ended;
    struct tunnel tunnel;

    open_tunnel(&tunnel, NULL);
    say_tunnel(&tunnel, bytes, size);
    check_close(&tunnel, code);
    end_tunnel(&tunnel);
    check_end(&tunnel, true, NGHTTP2_NO_ERROR);
    await_ends(ended + 1);
    CHECK_ERR(sockets.rc, error);
    free_tunnel(&tunnel);
}

TASK_TEST(http2_tunnel_fault_frames)
{
    open_peer(accept_socket, NULL, 0, false);
    sockets.options.max_message = 1000;
    check_fault("\x81\1a", 3, 1002, -COIL_EPROTOCOL); /* not masked: RFC 6455, section 5.1 */
    check_fault("\xf1\x80\0\0\0\0", 6, 1002, -COIL_EPROTOCOL);     /* reserved bits: 5.2 */
    check_fault("\x81\x81\0\0\0\0\xff", 7, 1007, -COIL_EPROTOCOL); /* no UTF-8: 8.1 */
    check_fault("\x82\xfe\x10\0\0\0\0\0", 8, 1009, -COIL_ELIMIT);
    CHECK_STR(get("/other")->status, "200");
    close_peer();
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* --- peers that vanish --- */

/* The handler can still wait: it has others to tell. */
static int echo_and_sleep(struct coil_websocket *ws)
{
    int rc = echo_messages(ws);

    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK(!coil_websocket_is_open(ws));
    CHECK_ERR(coil_websocket_send_text(ws, "x", 1), rc < 0 ? rc : -COIL_ECLOSED);
    return rc;
}

/* RFC 8441, section 5: as a connection that is reset. */
TASK_TEST(http2_tunnel_fault_reset)
{
    struct tunnel tunnels[2];

    open_peer(accept_socket, NULL, 0, false);
    sockets.serve = echo_and_sleep;
    open_tunnel(&tunnels[0], NULL);
    open_tunnel(&tunnels[1], NULL);
    say_tunnel(&tunnels[0], "\x81\x85\0\0", 4); /* in the middle of a head */
    nghttp2_submit_rst_stream(peer.session, 0, tunnels[0].id, NGHTTP2_CANCEL);
    say_text(&tunnels[1], "still here");
    check_text(&tunnels[1], "still here");
    await_ends(1);
    CHECK_ERR(sockets.rc, -ECONNRESET);
    CHECK_INT(sockets.code, ==, 1006);
    close_tunnel(&tunnels[1]);
    free_tunnel(&tunnels[0]);
    close_peer();
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* The stream ends without a close. */
TASK_TEST(http2_tunnel_fault_end)
{
    struct tunnel tunnel;

    open_peer(accept_socket, NULL, 0, false);
    sockets.serve = echo_and_sleep;
    open_tunnel(&tunnel, NULL);
    end_tunnel(&tunnel);
    check_end(&tunnel, false, NGHTTP2_CANCEL);
    CHECK_STR(get("/other")->status, "200");
    await_ends(1);
    CHECK_ERR(sockets.rc, -COIL_EINCOMPLETE);
    CHECK_INT(sockets.code, ==, 1006);
    free_tunnel(&tunnel);
    close_peer();
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* The connection does: in order, and not. */
TASK_TEST(http2_tunnel_fault_connection_ends)
{
    struct tunnel tunnel;

    sockets.serve = echo_and_sleep;
    open_peer(accept_socket, NULL, 0, false);
    open_tunnel(&tunnel, NULL);
    close_peer();
    CHECK_ERR(sockets.rc, -COIL_EINCOMPLETE);
    free_tunnel(&tunnel);
    open_peer(accept_socket, NULL, 0, false);
    open_tunnel(&tunnel, NULL);
    coil_stream_abort(talk.client);
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_await(talk.task));
    }
    CHECK_ERR(sockets.rc, -ECONNRESET);
    CHECK_INT(sockets.ended, ==, 2);
    nghttp2_session_del(peer.session);
    free_tunnel(&tunnel);
    return 0;
}

static int send_much(struct coil_websocket *ws)
{
    static char data[200 * 1024];

    return coil_websocket_send_binary(ws, data, sizeof data);
}

/* Nor does a sender wait for one that has gone. */
TASK_TEST(http2_tunnel_fault_reset_of_a_sender)
{
    const nghttp2_settings_entry none = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    struct tunnel tunnel;

    sockets.serve = send_much;
    open_peer(accept_socket, &none, 1, false);
    open_tunnel(&tunnel, NULL);
    nghttp2_submit_rst_stream(peer.session, 0, tunnel.id, NGHTTP2_CANCEL);
    peer_send();
    await_ends(1);
    CHECK_ERR(sockets.rc, -ECONNRESET);
    free_tunnel(&tunnel);
    close_peer();
    return 0;
}

/* --- windows --- */

/* RFC 9113, section 10.5: a window that is never opened. */
TASK_TEST(http2_tunnel_fault_no_window)
{
    const nghttp2_settings_entry none = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    struct tunnel tunnel;

    sockets.options.write_timeout_ns = 20 * COIL_MSEC;
    sockets.serve = send_much;
    open_peer(accept_socket, &none, 1, false);
    open_tunnel(&tunnel, NULL);
    CHECK_INT(wait_answer(tunnel.id)->error, ==, NGHTTP2_CANCEL);
    CHECK_ERR(sockets.rc, -ETIMEDOUT);
    CHECK_STR(wait_answer(ask("HEAD", "/other", NULL, NULL))->status, "200");
    free_tunnel(&tunnel);
    close_peer();
    return 0;
}

/* The same for the close frame itself, behind a handler that has ended. */
static int send_little(struct coil_websocket *ws)
{
    return coil_websocket_send_text(ws, "hello", 5);
}

TASK_TEST(http2_tunnel_fault_no_window_for_the_close)
{
    const nghttp2_settings_entry none = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0};
    struct tunnel tunnel;

    sockets.options.close_timeout_ns = 20 * COIL_MSEC;
    sockets.serve = send_little;
    open_peer(accept_socket, &none, 1, false);
    open_tunnel(&tunnel, NULL);
    CHECK_INT(wait_answer(tunnel.id)->error, ==, NGHTTP2_CANCEL);
    free_tunnel(&tunnel);
    close_peer();
    return 0;
}

static struct coil_event may_read;

static int read_late(struct coil_websocket *ws)
{
    coil_event_wait(&may_read);
    return echo_messages(ws);
}

/* Whoever does not read holds no more than a window, and nobody else up. */
TASK_TEST(http2_tunnel_bounds_what_is_not_read)
{
    static char data[250 * 1024];
    struct tunnel tunnels[2];
    size_t sent;

    open_peer(accept_socket, NULL, 0, false);
    sockets.serve = read_late;
    open_tunnel(&tunnels[0], NULL);
    sockets.serve = NULL;
    open_tunnel(&tunnels[1], NULL);
    for (int i = 0; i < 3; i++) {
        say_message(&tunnels[0], 0x82, data, sizeof data);
    }
    for (int i = 0; i < 3; i++) {
        say_text(&tunnels[1], "hello");
        check_text(&tunnels[1], "hello");
    }
    sent = tunnels[0].out_start;
    CHECK_INT(sent, <=, 256 * 1024);
    CHECK_INT(sent, >, 0);
    coil_event_set(&may_read);
    for (int i = 0; i < 3; i++) {
        CHECK(hear_message(&tunnels[0]));
        CHECK_INT(tunnels[0].size, ==, sizeof data);
    }
    close_tunnel(&tunnels[0]);
    close_tunnel(&tunnels[1]);
    close_peer();
    return 0;
}

/* --- no memory --- */

static const char connect_head[] = "\x02\7CONNECT\x86\x04\5/chat\x41\x01"
                                   "a\0\x09:protocol\x09websocket"
                                   "\0\x15sec-websocket-version\x02"
                                   "13\0\x18sec-websocket-extensions\x12permessage-deflate";

/* A client that has said all it has to say. */
static void say_all(void)
{
    say(PREFACE);
    say_frame(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    for (uint32_t id = 1; id < 6; id += 2) {
        say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, connect_head,
                  sizeof connect_head - 1);
        say_frame(NGHTTP2_DATA, 0, id, "\x82\x85\0\0\0\0hello", 11);
        say_frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, "\x88\x82\0\0\0\0\x03\xe8", 8);
    }
    coil_stream_write_eof(talk.client);
}

static void ignore(const struct coil_report *report, void *user)
{
    (void)report;
    (void)user;
}

/* One allocation fails, each in its turn: the WebSocket is refused, or ends, or works; and nobody
 * is left behind. */
TASK_TEST(http2_tunnel_fault_no_memory)
{
    bool was_injected;
    uint64_t n = 0;

    sockets.options.deflate_min = 1;
    do {
        struct coil_stream *streams[2] = {NULL, NULL};

        CHECK_OK(coil_stream_pair(NULL, streams));
        talk.client = streams[0];
        say_all();
        coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
        fault_alloc_at(++n);
        coil_timeout(PATIENCE) {
            talk.rc = coil_http_serve_stream(streams[1], &talk.options, accept_socket, NULL);
        }
        was_injected = fault_was_injected();
        fault_off();
        CHECK_INT(talk.rc, !=, -ETIMEDOUT);
        CHECK_INT(sockets.ended, ==, sockets.accepted);
        coil_stream_abort(streams[0]);
        coil_stream_abort(streams[1]);
    } while (was_injected && n < 1000);
    CHECK_INT(n, >, 10);
    CHECK_INT(n, <, 1000);
    CHECK_INT(sockets.rc, ==, 0);
    return 0;
}
