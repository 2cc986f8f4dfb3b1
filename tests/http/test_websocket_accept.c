/* The opening handshake (RFC 6455, section 4): requests that a server refuses, answers that a
 * client does. */
#include "websocket_talk.h"

#define LINES                                                                                      \
    "Host: example.org\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"               \
    "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"
#define GET "GET /chat HTTP/1.1\r\n"

/* expected: what the answer begins with. more: what stands in it too; or NULL. */
static void check_answer(const char *request, const char *expected, const char *more)
{
    open_pair();
    say(request, strlen(request));
    hear_head();
    CHECK_MSG(strncmp((char *)talk.frame, expected, strlen(expected)) == 0, "%s\n%s", request,
              (char *)talk.frame);
    CHECK_MSG(!more || strstr((char *)talk.frame, more), "%s\n%s", request, (char *)talk.frame);
    close_raw();
    CHECK_INT(talk.heard.count, ==, 0);
}

/* The example of section 1.3. */
TASK_TEST(websocket_accept_answers)
{
    check_answer(GET LINES "\r\n", "HTTP/1.1 101 Switching Protocols\r\n",
                 "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    return 0;
}

static int add_and_accept(struct coil_http_exchange *exchange, void *user)
{
    struct coil_websocket *ws;
    int rc = coil_http_add_field(exchange, "Set-Cookie", "a=b");

    (void)user;
    rc = rc < 0 ? rc : coil_websocket_accept(exchange, NULL, &ws);
    CHECK_INT(rc, ==, 1);
    CHECK_ERR(coil_websocket_accept(exchange, NULL, &ws), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_reply(exchange, 200, NULL, NULL, 0), -COIL_EINVALIDSTATE);
    CHECK_STR(coil_http_path(exchange), "/chat"); /* still there */
    CHECK_STR(coil_http_method(exchange), "GET");
    CHECK_STR(coil_http_host(exchange), "example.org");
    CHECK_STR(coil_http_get_field(exchange, "Upgrade"), "websocket");
    CHECK_STR(coil_http_get_field(exchange, "Sec-WebSocket-Version"), "13");
    return coil_websocket_close(ws, 4000, "bye");
}

static int serve_adding(__attribute__((unused)) void *arg)
{
    talk.rc = coil_http_serve_stream(talk.server, NULL, add_and_accept, NULL);
    coil_stream_close(talk.server);
    return 0;
}

/* A frame that was sent along with the request is not lost. */
TASK_TEST(websocket_accept_takes_fields_and_early_frames)
{
    struct coil_stream *streams[2];

    CHECK_OK(coil_stream_pair(NULL, streams));
    talk.client = streams[0];
    talk.server = streams[1];
    talk.task = coil_create_task(serve_adding, NULL);
    say(GET LINES "\r\n", strlen(GET LINES "\r\n"));
    hear_head();
    CHECK(strstr((char *)talk.frame, "\r\nSet-Cookie: a=b\r\n"));
    check_close(4000);
    CHECK_STR((char *)talk.frame + 2, "bye");
    say_frame(0x88, "\x0f\xa0", 2);
    check_end();
    close_raw();
    CHECK_INT(talk.rc, ==, 0);

    open_pair();
    say(GET LINES "\r\n\x81\x82\0\0\0\0hi", strlen(GET LINES "\r\n") + 8);
    hear_head();
    check_frame(0x81, "hi");
    close_raw();
    return 0;
}

TASK_TEST(websocket_accept_refuses)
{
    /* Section 4.2.1: no upgrade, another one; RFC 9110, section 15.5.22. */
    check_answer(GET "Host: x\r\n\r\n", "HTTP/1.1 426 ", "Upgrade: websocket\r\n");
    check_answer(GET "Host: x\r\n\r\n", "HTTP/1.1 426 ", "Connection: Upgrade\r\n");
    check_answer(GET "Host: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "HTTP/1.1 426 ",
                 NULL);
    check_answer(GET "Host: x\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 426 ", NULL);
    /* Section 4.4: versions. */
    check_answer(GET "Host: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                     "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 8\r\n\r\n",
                 "HTTP/1.1 426 ", "Sec-WebSocket-Version: 13\r\n");
    check_answer(GET LINES "Sec-WebSocket-Version: 13\r\n\r\n", "HTTP/1.1 426 ", NULL);
    /* Section 4.1, item 7: the key. */
    check_answer(GET "Host: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\n\r\n",
                 "HTTP/1.1 400 ", NULL);
    check_answer(GET "Host: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==\r\n"
                     "Sec-WebSocket-Version: 13\r\n\r\n",
                 "HTTP/1.1 400 ", NULL);
    check_answer(GET LINES "Sec-WebSocket-Key: " KEY "\r\n\r\n", "HTTP/1.1 400 ", NULL);
    /* Section 4.1, item 2: the method; a body is none of a GET's that switches. */
    check_answer("POST /chat HTTP/1.1\r\nContent-Length: 0\r\n" LINES "\r\n", "HTTP/1.1 405 ",
                 "Allow: GET\r\n");
    check_answer(GET LINES "Content-Length: 2\r\n\r\nhi", "HTTP/1.1 400 ", NULL);
    check_answer("GET /chat HTTP/1.0\r\n" LINES "\r\n", "HTTP/1.1 400 ", NULL);
    /* Section 4.2.1, item 1: Host is missing. */
    check_answer(GET "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: " KEY
                     "\r\nSec-WebSocket-Version: 13\r\n\r\n",
                 "HTTP/1.1 400 ", NULL);
    return 0;
}

/* Section 10.2. */
TASK_TEST(websocket_accept_looks_at_the_origin)
{
    static const char *const any[] = {"*", NULL};
    static const char *const one[] = {"https://a.example", NULL};
    static const char ok[] = "HTTP/1.1 101 ";
    static const char no[] = "HTTP/1.1 403 ";

    check_answer(GET LINES "Origin: https://example.org\r\n\r\n", ok, NULL);
    check_answer(GET LINES "Origin: http://EXAMPLE.org:80\r\n\r\n", ok, NULL);
    check_answer(GET LINES "Origin: http://example.org:8080\r\n\r\n", no, NULL);
    check_answer(GET LINES "Origin: https://evil.example\r\n\r\n", no, NULL);
    check_answer(GET LINES "Origin: https://example.org.evil.example\r\n\r\n", no, NULL);
    check_answer(GET LINES "Origin: null\r\n\r\n", no, NULL);
    talk.options.origins = any;
    check_answer(GET LINES "Origin: null\r\n\r\n", ok, NULL);
    talk.options.origins = one;
    check_answer(GET LINES "Origin: https://a.example\r\n\r\n", ok, NULL);
    check_answer(GET LINES "Origin: https://example.org\r\n\r\n", no, NULL);
    check_answer(GET LINES "\r\n", ok, NULL);
    return 0;
}

static void check_extensions(const char *offer, const char *answer)
{
    char request[512];

    snprintf(request, sizeof request, GET LINES "Sec-WebSocket-Extensions: %s\r\n\r\n", offer);
    check_answer(request, "HTTP/1.1 101 ", answer);
    CHECK_MSG(answer || !strstr((char *)talk.frame, "Extensions"), "%s", (char *)talk.frame);
}

/* RFC 7692, sections 5.1 and 7.1. */
TASK_TEST(websocket_accept_compression)
{
    static const char plain[] = "Extensions: permessage-deflate; server_no_context_takeover; "
                                "client_no_context_takeover\r\n";

    check_extensions("permessage-deflate; client_max_window_bits", plain);
    check_extensions("permessage-deflate; client_max_window_bits=10", plain);
    check_extensions("foo, permessage-deflate; bar, permessage-deflate", plain);
    check_extensions("permessage-deflate; server_max_window_bits=10",
                     "client_no_context_takeover; server_max_window_bits=10\r\n");
    check_extensions("permessage-deflate; server_max_window_bits=\"10\"",
                     "server_max_window_bits=10\r\n");
    check_extensions("permessage-deflate; server_max_window_bits=8",
                     "server_max_window_bits=8\r\n");
    check_extensions("permessage-deflate; server_max_window_bits", NULL);
    check_extensions("permessage-deflate; server_max_window_bits=7", NULL);
    check_extensions("permessage-deflate; server_max_window_bits=16", NULL);
    check_extensions("permessage-deflate; server_max_window_bits=010", NULL);
    check_extensions("permessage-deflate; client_max_window_bits=x", NULL);
    check_extensions("permessage-deflate; client_no_context_takeover=1", NULL);
    check_extensions("permessage-deflate; client_no_context_takeover; client_no_context_takeover",
                     NULL);
    check_extensions("x-webkit-deflate-frame", NULL);
    talk.options.context_takeover = true;
    check_extensions("permessage-deflate", "Extensions: permessage-deflate\r\n");
    check_extensions("permessage-deflate; server_no_context_takeover",
                     "Extensions: permessage-deflate; server_no_context_takeover\r\n");
    talk.options.no_deflate = true;
    check_extensions("permessage-deflate", NULL);
    return 0;
}

TASK_TEST(websocket_accept_protocol)
{
    static const char *const protocols[] = {"chat.v2", "chat.v1", NULL};

    talk.options.protocols = protocols;
    check_answer(GET LINES "Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n\r\n", "HTTP/1.1 101 ",
                 "Sec-WebSocket-Protocol: chat.v2\r\n");
    check_answer(GET LINES
                 "Sec-WebSocket-Protocol: soap\r\nSec-WebSocket-Protocol: chat.v1\r\n\r\n",
                 "HTTP/1.1 101 ", "Sec-WebSocket-Protocol: chat.v1\r\n");
    check_answer(GET LINES "Sec-WebSocket-Protocol: CHAT.V1\r\n\r\n", "HTTP/1.1 101 ", NULL);
    CHECK(!strstr((char *)talk.frame, "Sec-WebSocket-Protocol"));
    return 0;
}

/* --- clients --- */

/* A server that answers with that, where "%s" stands for the right key. */
struct answerer {
    struct coil_stream *stream;
    const char *answer;
    char request[2048];
};

static int answer_request(void *arg)
{
    struct answerer *a = arg;
    ssize_t n = coil_stream_read_until(a->stream, "\r\n\r\n", 4, a->request, sizeof a->request - 1);

    if (n > 0) {
        a->request[n] = '\0';
        coil_stream_write(a->stream, a->answer, strlen(a->answer));
    }
    coil_stream_write_eof(a->stream);
    return 0;
}

static int connect_to(const char *answer, const struct coil_websocket_options *options,
                      struct answerer *a)
{
    struct coil_stream *streams[2];
    struct coil_websocket *ws = NULL;
    struct coil_task *task;
    int rc;

    CHECK_OK(coil_stream_pair(NULL, streams));
    *a = (struct answerer){.stream = streams[1], .answer = answer};
    task = coil_create_task(answer_request, a);
    rc = coil_websocket_connect_stream(streams[0], "example.org", "/x?y", options, &ws);
    CHECK((rc == 0) == (ws != NULL));
    coil_websocket_free(ws);
    coil_cancel(task);
    coil_await(task);
    coil_stream_abort(streams[1]);
    return rc;
}

#define SWITCH "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

TASK_TEST(websocket_connect_refuses_answers)
{
    unsigned status = 0;
    struct coil_websocket_options options = {.ret_status = &status};
    struct answerer a;

    CHECK_ERR(connect_to("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", &options, &a),
              -ECONNREFUSED);
    CHECK_INT(status, ==, 403);
    CHECK(strstr(a.request, "GET /x?y HTTP/1.1\r\nHost: example.org\r\n"));
    /* Section 4.1: no Accept, the wrong one; no HTTP; nothing. */
    CHECK_ERR(connect_to(SWITCH "\r\n", NULL, &a), -COIL_EPROTOCOL);
    CHECK_ERR(
        connect_to(SWITCH "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", NULL, &a),
        -COIL_EPROTOCOL);
    CHECK_ERR(connect_to("hello\r\n\r\n", NULL, &a), -COIL_EPROTOCOL);
    CHECK_ERR(connect_to("HTTP/1.1 101 S", NULL, &a), -COIL_EINCOMPLETE);
    CHECK_ERR(connect_to("", NULL, &a), -COIL_EINCOMPLETE);
    return 0;
}

TASK_TEST(websocket_connect_sends_fields)
{
    static const char *const protocols[] = {"v1", "v2", NULL};
    static const struct coil_http_field fields[] = {{"Authorization", "Bearer x"},
                                                    {"Origin", "https://example.org"}};
    static const struct coil_http_field bad[] = {{"A", "b\r\nC: d"}};
    struct coil_websocket_options options = {
        .protocols = protocols, .fields = fields, .field_count = 2};
    struct answerer a;

    connect_to("", &options, &a);
    CHECK(strstr(a.request, "\r\nAuthorization: Bearer x\r\nOrigin: https://example.org\r\n"));
    CHECK(strstr(a.request, "\r\nSec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v2\r\n"));
    CHECK(strstr(a.request, "permessage-deflate; server_no_context_takeover; "));
    options = (struct coil_websocket_options){.fields = bad, .field_count = 1};
    CHECK_ERR(connect_to("", &options, &a), -EINVAL);
    return 0;
}

TASK_TEST(websocket_connect_waits_no_longer_than_it_may)
{
    struct coil_stream *streams[2];
    struct coil_websocket_options options = {.handshake_timeout_ns = 20 * COIL_MSEC};
    struct coil_websocket *ws = NULL;

    CHECK_OK(coil_stream_pair(NULL, streams));
    CHECK_ERR(coil_websocket_connect_stream(streams[0], "x", NULL, &options, &ws), -ETIMEDOUT);
    CHECK(!ws);
    coil_stream_close(streams[1]);
    CHECK_OK(coil_stream_pair(NULL, streams));
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_websocket_connect_stream(streams[0], "x", NULL, NULL, &ws), -ETIMEDOUT);
    }
    coil_stream_close(streams[1]);
    return 0;
}
