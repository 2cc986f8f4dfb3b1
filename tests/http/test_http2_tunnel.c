/* WebSockets over HTTP/2 (RFC 8441): what works as over HTTP/1.1, beside other requests. */
#include "tunnel_talk.h"

/* --- beginning --- */

/* Section 5: 200, and none of the fields that are HTTP/1.1's. */
TASK_TEST(http2_tunnel_text_comes_back)
{
    struct tunnel tunnel;

    open_peer(accept_socket, NULL, 0, false);
    open_tunnel(&tunnel, NULL);
    CHECK_STR(answer_of(tunnel.id)->fields, "");
    say_text(&tunnel, "hello");
    check_text(&tunnel, "hello");
    close_tunnel(&tunnel);
    close_peer();
    CHECK_INT(sockets.rc, ==, 0);
    CHECK_INT(sockets.code, ==, 1000);
    CHECK_INT(talk.rc, ==, 0);
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* Section 5.1: frames may come before the answer does. */
TASK_TEST(http2_tunnel_takes_early_frames)
{
    struct tunnel tunnel;

    open_peer(accept_socket, NULL, 0, false);
    begin_tunnel(&tunnel, NULL);
    say_text(&tunnel, "early");
    CHECK_STR(hear_status(&tunnel), "200");
    check_text(&tunnel, "early");
    close_tunnel(&tunnel);
    close_peer();
    return 0;
}

TASK_TEST(http2_tunnel_protocol)
{
    static const char *const protocols[] = {"chat.v2", "chat.v1", NULL};
    const char *const fields[] = {"sec-websocket-protocol", "other, chat.v1", NULL};
    struct tunnel tunnel;

    sockets.options.protocols = protocols;
    open_peer(accept_socket, NULL, 0, false);
    open_tunnel(&tunnel, fields);
    CHECK_STR(answer_of(tunnel.id)->fields, "sec-websocket-protocol: chat.v1\n");
    close_tunnel(&tunnel);
    close_peer();
    return 0;
}

/* RFC 7692, section 7.2.3.1: the example. */
TASK_TEST(http2_tunnel_compression)
{
    const char *const fields[] = {"sec-websocket-extensions", "permessage-deflate", NULL};
    struct tunnel tunnel;

    sockets.options.deflate_min = 1;
    open_peer(accept_socket, NULL, 0, false);
    open_tunnel(&tunnel, fields);
    CHECK(strstr(answer_of(tunnel.id)->fields, "sec-websocket-extensions: permessage-deflate"));
    say_message(&tunnel, 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    CHECK(hear_message(&tunnel));
    CHECK_INT(tunnel.first, ==, 0xc1);
    CHECK_MEM(tunnel.payload, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    close_tunnel(&tunnel);
    close_peer();
    return 0;
}

/* RFC 6455, section 10.2. */
TASK_TEST(http2_tunnel_refusals)
{
    const char *const strange[] = {"origin", "https://example.net", NULL};
    const char *const own[] = {"origin", "https://example.org", NULL};
    const char *const old[] = {"sec-websocket-version", "8", NULL};
    struct tunnel tunnel;
    struct answer *answer;

    open_peer(accept_socket, NULL, 0, false);
    begin_tunnel(&tunnel, strange);
    CHECK_STR(wait_answer(tunnel.id)->status, "403");
    free_tunnel(&tunnel);
    open_tunnel(&tunnel, own);
    close_tunnel(&tunnel);
    begin_tunnel(&tunnel, old); /* RFC 6455, section 4.4 */
    answer = wait_answer(tunnel.id);
    CHECK_STR(answer->status, "400");
    CHECK(strstr(answer->fields, "sec-websocket-version: 13\n"));
    free_tunnel(&tunnel);
    answer = get("/chat"); /* no CONNECT; and there is no Upgrade in HTTP/2 */
    CHECK_STR(answer->status, "400");
    CHECK(!strstr(answer->fields, "upgrade"));
    CHECK_STR(wait_answer(ask("POST", "/chat", NULL, NULL))->status, "405");
    close_peer();
    return 0;
}

/* --- messages --- */

TASK_TEST(http2_tunnel_messages_of_all_sizes)
{
    static const size_t sizes[] = {0, 1, 125, 126, 16000, 16383, 16384, 65535, 65536, 250000};
    char *data = test_made(calloc(1, FRAME_ROOM));
    struct tunnel tunnel;

    for (size_t i = 0; i < FRAME_ROOM; i++) {
        data[i] = (char)(i * 7 + i / 251);
    }
    open_peer(accept_socket, NULL, 0, false);
    open_tunnel(&tunnel, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        say_message(&tunnel, 0x82, data, sizes[i]);
        CHECK(hear_message(&tunnel));
        CHECK_INT(tunnel.first, ==, 0x82);
        CHECK_INT(tunnel.size, ==, sizes[i]);
        CHECK_MEM(tunnel.payload, data, sizes[i]);
    }
    close_tunnel(&tunnel);
    close_peer();
    free(data);
    return 0;
}

TASK_TEST(http2_tunnel_several_beside_requests)
{
    enum { TUNNELS = 8, ROUNDS = 4 };
    struct tunnel tunnels[TUNNELS];
    char text[32];

    open_peer(accept_socket, NULL, 0, false);
    for (int i = 0; i < TUNNELS; i++) {
        begin_tunnel(&tunnels[i], NULL);
    }
    for (int i = 0; i < TUNNELS; i++) {
        CHECK_STR(hear_status(&tunnels[i]), "200");
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < TUNNELS; i++) {
            snprintf(text, sizeof text, "%d of %d", i, round);
            say_text(&tunnels[i], text);
        }
        CHECK_STR(get("/other")->body, "GET /other ?- @example.org");
        for (int i = 0; i < TUNNELS; i++) {
            snprintf(text, sizeof text, "%d of %d", i, round);
            check_text(&tunnels[i], text);
        }
    }
    for (int i = 0; i < TUNNELS; i++) {
        close_tunnel(&tunnels[i]);
    }
    CHECK_INT(sockets.accepted, ==, TUNNELS);
    close_peer();
    return 0;
}

TASK_TEST(http2_tunnel_pings)
{
    bool has_ping = false, has_pong = false;
    struct tunnel tunnel;

    sockets.options.ping_interval_ns = 20 * COIL_MSEC;
    open_peer(accept_socket, NULL, 0, false);
    open_tunnel(&tunnel, NULL);
    say_message(&tunnel, 0x89, "abc", 3);
    while (!has_pong || !has_ping) { /* RFC 6455, section 5.5.2: silence */
        CHECK(hear_message(&tunnel));
        has_ping = has_ping || tunnel.first == 0x89;
        if (tunnel.first == 0x8a) {
            CHECK_MEM(tunnel.payload, "abc", 3);
            has_pong = true;
        }
    }
    say_message(&tunnel, 0x8a, NULL, 0);
    say_message(&tunnel, 0x88, "\x03\xe8", 2);
    while (hear_message(&tunnel)) {
    }
    check_end(&tunnel, true, NGHTTP2_NO_ERROR);
    free_tunnel(&tunnel);
    close_peer();
    return 0;
}

/* --- ends --- */

static int close_first(struct coil_websocket *ws)
{
    return coil_websocket_close(ws, 4000, "over");
}

static int return_first(struct coil_websocket *ws)
{
    (void)ws;
    return 0;
}

TASK_TEST(http2_tunnel_server_closes)
{
    struct tunnel tunnel;

    open_peer(accept_socket, NULL, 0, false);
    sockets.serve = close_first;
    open_tunnel(&tunnel, NULL);
    check_close(&tunnel, 4000);
    say_text(&tunnel, "this was on its way");
    say_message(&tunnel, 0x88, "\x0f\xa0", 2);
    check_end(&tunnel, true, NGHTTP2_NO_ERROR);
    CHECK_INT(sockets.rc, ==, 0);
    CHECK_INT(sockets.code, ==, 4000);
    free_tunnel(&tunnel);
    sockets.serve = return_first;
    open_tunnel(&tunnel, NULL);
    check_close(&tunnel, 1000);
    say_message(&tunnel, 0x88, "\x03\xe8", 2);
    check_end(&tunnel, true, NGHTTP2_NO_ERROR);
    free_tunnel(&tunnel);
    CHECK_STR(get("/other")->status, "200"); /* and the connection goes on */
    close_peer();
    return 0;
}

/* Peers that never end their side are not waited for for ever. */
TASK_TEST(http2_tunnel_end_has_a_deadline)
{
    struct tunnel tunnel;
    struct answer *answer;

    talk.options.write_timeout_ns = 20 * COIL_MSEC;
    open_peer(accept_socket, NULL, 0, false);
    open_tunnel(&tunnel, NULL);
    say_message(&tunnel, 0x88, "\x03\xe8", 2);
    check_close(&tunnel, 1000);
    answer = wait_answer(tunnel.id);
    CHECK(answer->is_ended);
    CHECK_INT(answer->error, ==, NGHTTP2_NO_ERROR);
    free_tunnel(&tunnel);
    close_peer();
    return 0;
}

/* One that never answers the close. */
TASK_TEST(http2_tunnel_close_has_a_deadline)
{
    struct tunnel tunnel;

    sockets.serve = close_first;
    sockets.options.close_timeout_ns = 20 * COIL_MSEC;
    open_peer(accept_socket, NULL, 0, false);
    open_tunnel(&tunnel, NULL);
    check_close(&tunnel, 4000);
    check_end(&tunnel, false, NGHTTP2_CANCEL);
    CHECK_INT(sockets.rc, ==, -ETIMEDOUT);
    CHECK_STR(get("/other")->status, "200");
    free_tunnel(&tunnel);
    close_peer();
    return 0;
}

/* --- servers that close --- */

static struct coil_http_server *server;

static void open_server(void)
{
    struct coil_stream *client = NULL;

    open_peer(accept_socket, NULL, 0, false); /* for its session; its pair is not used */
    coil_stream_write_eof(talk.client);
    close_talk();
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, accept_socket, NULL, &server));
    CHECK_OK(coil_open_connection("127.0.0.1", (uint16_t)coil_http_server_get_port(server), NULL,
                                  &client));
    talk.client = client;
}

static int close_server(void *arg)
{
    return coil_http_server_close(server, *(const int64_t *)arg);
}

static int sleep_on(struct coil_websocket *ws)
{
    (void)ws;
    return coil_sleep(COIL_NEVER);
}

/* RFC 9113, section 6.8, and 1001 of RFC 6455, section 7.4.1. */
TASK_TEST(http2_tunnel_server_goes_away)
{
    int64_t grace = PATIENCE;
    struct tunnel tunnel;
    struct coil_task *task;

    open_server();
    open_tunnel(&tunnel, NULL);
    task = coil_create_task(close_server, &grace);
    check_close(&tunnel, 1001);
    CHECK(peer.has_goaway);
    CHECK_INT(sockets.ended, ==, 0);
    say_message(&tunnel, 0x88, "\x03\xe9", 2);
    check_end(&tunnel, true, NGHTTP2_NO_ERROR);
    CHECK_INT(coil_await(task), ==, 0);
    CHECK_INT(sockets.rc, ==, 0);
    free_tunnel(&tunnel);
    coil_stream_close(talk.client);
    nghttp2_session_del(peer.session);
    free(answer_of(tunnel.id)->body);
    return 0;
}

/* The same when the WebSocket is over, but for the client's END_STREAM. */
TASK_TEST(http2_tunnel_server_does_not_wait_for_the_end)
{
    int64_t grace = PATIENCE;
    struct tunnel tunnel;
    struct coil_task *task;

    open_server();
    open_tunnel(&tunnel, NULL);
    say_message(&tunnel, 0x88, "\x03\xe8", 2);
    check_close(&tunnel, 1000);
    CHECK(!await_bytes(&tunnel, 1));
    task = coil_create_task(close_server, &grace);
    wait_answer(tunnel.id);
    CHECK_INT(answer_of(tunnel.id)->error, ==, NGHTTP2_NO_ERROR);
    CHECK_INT(coil_await(task), ==, 0);
    free_tunnel(&tunnel);
    coil_stream_close(talk.client);
    nghttp2_session_del(peer.session);
    free(answer_of(tunnel.id)->body);
    return 0;
}

/* The grace is over before the handler is. */
TASK_TEST(http2_tunnel_server_goes_away_at_once)
{
    int64_t grace = 20 * COIL_MSEC;
    struct tunnel tunnel;
    struct coil_task *task;

    sockets.serve = sleep_on;
    open_server();
    open_tunnel(&tunnel, NULL);
    task = coil_create_task(close_server, &grace);
    check_close(&tunnel, 1001);
    CHECK_ERR(coil_await(task), -ETIMEDOUT);
    CHECK_INT(sockets.rc, ==, -ECANCELED);
    free_tunnel(&tunnel);
    coil_stream_abort(talk.client);
    nghttp2_session_del(peer.session);
    free(answer_of(tunnel.id)->body);
    return 0;
}
