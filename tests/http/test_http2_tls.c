/* Servers that speak https, and HTTP/2 where that was agreed on (RFC 9113, section 3.2); looked at
 * with curl, nghttp and h2load where they are there. */
#include "../tls/certificates.h"
#include "tunnel_talk.h"

#include <unistd.h>

static struct cast cast;
static struct coil_tls_context *context; /* the server's */
static struct coil_http_server *server;
static uint16_t port;

static char large[200000];

static int serve(struct coil_http_exchange *exchange, void *user)
{
    if (strcmp(coil_http_path(exchange), "/chat") == 0) {
        return accept_socket(exchange, user);
    }
    if (strcmp(coil_http_path(exchange), "/large") == 0) {
        return coil_http_reply(exchange, 200, "text/plain", large, sizeof large);
    }
    return strcmp(coil_http_method(exchange), "POST") == 0 ? echo(exchange, user)
                                                           : tell(exchange, user);
}

static void open_server(bool has_tls)
{
    struct coil_tls_context_options tls = {.is_server = true, .alpn = COIL_HTTP_ALPN};

    memset(&talk.heard, 0, sizeof talk.heard);
    memset(large, 'l', sizeof large);
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &talk.heard));
    make_cast(&cast);
    tls.certificate = cast.server.certificate_pem;
    tls.key = cast.server.key_pem;
    CHECK_OK(coil_tls_context_new(&tls, &context));
    talk.options.server_name = "";
    talk.options.tls = has_tls ? context : NULL;
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, &talk.options, serve, NULL, &server));
    port = (uint16_t)coil_http_server_get_port(server);
}

static void close_server(void)
{
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    coil_tls_context_free(context);
    free_cast(&cast);
    CHECK_MSG(talk.heard.count == 0, "reported: %s (%s)", talk.heard.message,
              coil_errname(talk.heard.error));
}

static struct coil_stream *dial(const char *const *alpn)
{
    struct coil_tls_context_options options = {.ca = cast.authority.certificate_pem, .alpn = alpn};
    struct coil_tls_context *client = NULL;
    struct coil_stream *stream = NULL;

    CHECK_OK(coil_tls_context_new(&options, &client));
    CHECK_OK(coil_tls_connect("127.0.0.1", port, client, NULL, &stream));
    coil_tls_context_free(client);
    return stream;
}

TASK_TEST(https_with_http2)
{
    static const char *const alpn[] = {"h2", NULL};
    struct upload upload = {.data = large, .size = sizeof large};
    int32_t id;

    open_peer(NULL, NULL, 0, false); /* its pair is not used */
    coil_stream_write_eof(talk.client);
    close_talk();
    open_server(true);
    talk.client = dial(alpn);
    CHECK_STR(get("/x")->body, "GET /x ?- @example.org");
    id = ask("GET", "/large", NULL, NULL);
    CHECK_INT(wait_answer(ask("POST", "/", NULL, &upload))->size, ==, sizeof large);
    CHECK_INT(wait_answer(id)->size, ==, sizeof large);
    coil_stream_close(talk.client);
    nghttp2_session_del(peer.session);
    for (size_t i = 0; i < peer.count; i++) {
        free(peer.answers[i].body);
    }
    close_server();
    return 0;
}

/* RFC 8441: a WebSocket beside a request, on a connection of TLS. */
TASK_TEST(https_with_http2_and_a_websocket)
{
    static const char *const alpn[] = {"h2", NULL};
    const char *const fields[] = {":scheme", "https", "origin", "https://example.org", NULL};
    struct tunnel tunnel;

    open_peer(NULL, NULL, 0, false); /* its pair is not used */
    coil_stream_write_eof(talk.client);
    close_talk();
    open_server(true);
    talk.client = dial(alpn);
    open_tunnel(&tunnel, fields);
    say_text(&tunnel, "hello");
    check_text(&tunnel, "hello");
    say_message(&tunnel, 0x82, large, sizeof large);
    CHECK_STR(get("/x")->body, "GET /x ?- @example.org");
    CHECK(hear_message(&tunnel));
    CHECK_INT(tunnel.size, ==, sizeof large);
    close_tunnel(&tunnel);
    coil_stream_close(talk.client);
    nghttp2_session_del(peer.session);
    for (size_t i = 0; i < peer.count; i++) {
        free(peer.answers[i].body);
    }
    close_server();
    return 0;
}

/* RFC 7301: no agreement, or one on HTTP/1.1. */
TASK_TEST(https_with_http1)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    const char *const *each[] = {NULL, alpn};

    open_server(true);
    for (int i = 0; i < 2; i++) {
        talk.client = dial(each[i]);
        talk.size = 0;
        say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        hear_answer(ANSWER_ROOM - 1);
        drop_dates();
        CHECK_STR(talk.answer, OK_CLOSE("11") "GET / ?- @a");
        CHECK_OK(coil_stream_close(talk.client));
    }
    close_server();
    return 0;
}

/* What was agreed on is HTTP/2, and not what comes. */
TASK_TEST(https_with_the_wrong_version)
{
    static const char *const alpn[] = {"h2", NULL};

    open_server(true);
    talk.client = dial(alpn);
    say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    while (hear_frame(NGHTTP2_SETTINGS)) {
    }
    coil_stream_abort(talk.client);
    close_server();
    return 0;
}

TASK_TEST(https_handshakes_that_fail)
{
    char byte;

    talk.options.head_timeout_ns = 50 * COIL_MSEC;
    open_server(true);
    CHECK_OK(coil_open_connection("127.0.0.1", port, NULL, &talk.client));
    CHECK_INT(coil_stream_read(talk.client, &byte, 1), <=, 1); /* too slow; an alert perhaps */
    coil_stream_close(talk.client);
    CHECK_OK(coil_open_connection("127.0.0.1", port, NULL, &talk.client));
    say("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); /* no TLS */
    coil_timeout(PATIENCE) {
        while (coil_stream_read(talk.client, &byte, 1) > 0) {
        }
    }
    coil_stream_close(talk.client);
    close_server();
    return 0;
}

/* --- clients of others --- */

/* Runs a command, "PORT" in which is the port, and looks for a text in what it says. */
static void check_command(const char *const *argv, const char *wanted)
{
    const char *args[16] = {NULL};
    static char urls[16][64];
    struct coil_process_output out = {0};
    int rc;

    for (int i = 0; argv[i]; i++) {
        const char *mark = strstr(argv[i], "PORT");

        args[i] = argv[i];
        if (mark) {
            snprintf(urls[i], sizeof urls[i], "%.*s%u%s", (int)(mark - argv[i]), argv[i], port,
                     mark + 4);
            args[i] = urls[i];
        }
    }
    rc = coil_process_run(NULL, args, NULL, 0, &out, NULL);
    CHECK_MSG(rc == 0 && out.data && strstr(out.data, wanted), "%s: %d: %s", argv[0], rc,
              out.data ? out.data : "nothing");
    coil_process_output_deinit(&out);
}

static bool is_there(const char *program)
{
    return !test_backend_is("sim") && access(program, X_OK) == 0;
}

TASK_TEST(http2_with_curl)
{
    static const char *const plain[] = {"/usr/bin/curl",
                                        "-s",
                                        "-m",
                                        "20",
                                        "--http2-prior-knowledge",
                                        "-w",
                                        "v%{http_version}",
                                        "http://127.0.0.1:PORT/a?b",
                                        NULL};
    static const char *const post[] = {
        "/usr/bin/curl",          "-s", "-m", "20", "--http2-prior-knowledge", "-d", "some=data",
        "http://127.0.0.1:PORT/", NULL};
    static const char *const secure[] = {"/usr/bin/curl",
                                         "-sk",
                                         "-m",
                                         "20",
                                         "--http2",
                                         "-w",
                                         "v%{http_version}",
                                         "https://127.0.0.1:PORT/a?b",
                                         NULL};
    static const char *const old[] = {"/usr/bin/curl",
                                      "-sk",
                                      "-m",
                                      "20",
                                      "--http1.1",
                                      "-w",
                                      "v%{http_version}",
                                      "https://127.0.0.1:PORT/a?b",
                                      NULL};

    if (!is_there("/usr/bin/curl")) {
        test_skip("no curl, or no network for it");
    }
    open_server(false);
    check_command(plain, "v2");
    check_command(post, "some=data");
    close_server();
    open_server(true);
    check_command(secure, "v2");
    check_command(old, "v1.1");
    close_server();
    return 0;
}

TASK_TEST(http2_with_h2load)
{
    static const char *const plain[] = {
        "/usr/bin/h2load", "-n", "2000", "-c", "10", "-m", "16", "http://127.0.0.1:PORT/", NULL};
    static const char *const secure[] = {
        "/usr/bin/h2load", "-n", "500", "-c", "5", "-m", "4", "https://127.0.0.1:PORT/large", NULL};

    if (!is_there("/usr/bin/h2load")) {
        test_skip("no h2load (Debian: nghttp2-client), or no network for it");
    }
    if (test_is_torture()) {
        test_skip("h2load waits for ever where a request was not answered");
    }
    open_server(false);
    check_command(plain, "2000 succeeded, 0 failed");
    close_server();
    open_server(true);
    check_command(secure, "500 succeeded, 0 failed");
    close_server();
    return 0;
}

TASK_TEST(http2_with_nghttp)
{
    static const char *const some[] = {"/usr/bin/nghttp", "-nv", "http://127.0.0.1:PORT/large",
                                       NULL};

    if (!is_there("/usr/bin/nghttp")) {
        test_skip("no nghttp (Debian: nghttp2-client), or no network for it");
    }
    open_server(false);
    check_command(some, ":status: 200");
    close_server();
    return 0;
}
