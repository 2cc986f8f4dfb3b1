/* WebSockets by a session of the client's: its proxy, TLS, cookies, limits and times. */
#include "../tls/certificates.h"
#include "client_talk.h"
#include "fault.h"

#include <coil/websocket.h>

enum { ROOM = 512 };

static char ws_url[128];
static char proxy_url[128];
static char agent[ROOM];
static char cookie[ROOM];
static char authorization[ROOM];
static char path[ROOM];
static unsigned refusal;                        /* 0: the WebSocket is accepted */
static const char *tunnel;                      /* what a proxy answers; NULL: it is none */
static bool hangs_up;                           /* the server breaks off with the first message */
static bool is_mute;                            /* it says nothing to the request */
static struct coil_tls_context *server_context; /* or NULL: no TLS */
static struct coil_tls_context *client_context;

/* --- the server, and a proxy that is the server, too --- */

static void note(char room[ROOM], const char *value)
{
    snprintf(room, ROOM, "%s", value ? value : "");
}

static int handle(struct coil_http_exchange *exchange, void *user)
{
    struct coil_websocket_message message;
    struct coil_websocket *ws;
    int rc;

    (void)user;
    note(agent, coil_http_get_field(exchange, "User-Agent"));
    note(cookie, coil_http_get_field(exchange, "Cookie"));
    note(authorization, coil_http_get_field(exchange, "Authorization"));
    note(path, coil_http_path(exchange));
    rc = coil_http_add_field(exchange, "Set-Cookie", "seen=yes; Path=/");
    if (rc < 0) {
        return rc;
    }
    if (!coil_http_get_field(exchange, "Upgrade")) {
        return coil_http_reply(exchange, 200, NULL, "hello", 5);
    }
    if (refusal != 0) {
        return coil_http_reply(exchange, refusal, NULL, NULL, 0);
    }
    rc = coil_websocket_accept(exchange, NULL, &ws);
    while (rc > 0 && (rc = coil_websocket_receive(ws, &message)) > 0 && !hangs_up) {
        coil_websocket_send(ws, &message);
    }
    return rc;
}

static int serve(struct coil_stream *stream, void *user)
{
    struct coil_stream *secure;

    (void)user;
    site.connections++;
    if (tunnel && hear_until(&site, stream, "\r\n\r\n") > 0) {
        coil_stream_write(stream, tunnel, strlen(tunnel));
    }
    if (is_mute || (tunnel && strncmp(tunnel, "HTTP/1.1 200", 12) != 0)) {
        return is_mute ? coil_sleep(COIL_NEVER) : 0;
    }
    if (!server_context) {
        coil_http_serve_stream(stream, NULL, handle, NULL);
        return 0;
    }
    if (coil_tls_start(stream, server_context, NULL, &secure) == 0) {
        coil_http_serve_stream(secure, NULL, handle, NULL);
        coil_stream_close(secure);
    }
    return 0;
}

static void open_server(void)
{
    open_site_with(&site, NULL, 0, serve, NULL);
    snprintf(ws_url, sizeof ws_url, "ws://127.0.0.1:%u/chat?room=1", site.port);
}

static void open_proxied(struct coil_tls_context *tls)
{
    open_server();
    tunnel = "HTTP/1.1 200 Connected\r\n\r\n";
    snprintf(proxy_url, sizeof proxy_url, "http://me:you@127.0.0.1:%u", site.port);
    open_session(&(struct coil_http_session_options){.proxy = proxy_url, .tls = tls});
}

static int connect_with(const char *url, struct coil_websocket_options options,
                        struct coil_websocket **ret_ws)
{
    memset(&failure, 0, sizeof failure);
    options.session = session;
    options.ret_failure = &failure;
    return coil_websocket_connect(url, &options, ret_ws);
}

static struct coil_websocket *open_websocket(void)
{
    struct coil_websocket *ws = NULL;

    CHECK_OK(connect_with(ws_url, (struct coil_websocket_options){0}, &ws));
    return ws;
}

static void check_echo(struct coil_websocket *ws)
{
    struct coil_websocket_message message = {0};

    CHECK_OK(coil_websocket_send_text(ws, "hello", 5));
    coil_timeout(2 * PATIENCE) {
        CHECK_INT(coil_websocket_receive(ws, &message), ==, 1);
        CHECK_STR(message.data, "hello");
    }
}

static void close_websocket(struct coil_websocket *ws)
{
    CHECK_OK(coil_websocket_close(ws, 1000, NULL));
    coil_websocket_free(ws);
}

/* --- what goes along --- */

TASK_TEST(websocket_session_lends_what_it_has)
{
    struct coil_http_session_options options = {.user_agent = "tester/1"};
    struct coil_websocket *ws = NULL;
    char cookies[64];

    open_server();
    open_session(&options);
    CHECK_OK(coil_http_session_set_cookie(session, site.url, "id=7; Path=/"));
    CHECK_OK(coil_http_session_set_cookie(session, site.url, "other=8; Path=/elsewhere"));
    CHECK_OK(connect_with(ws_url, (struct coil_websocket_options){.user = "me", .password = "you"},
                          &ws));
    CHECK_STR(agent, "tester/1");
    CHECK_STR(cookie, "id=7");
    CHECK_STR(authorization, "Basic bWU6eW91");
    CHECK_STR(path, "/chat");
    check_echo(ws);
    CHECK_INT(usage().connections, ==, 1);
    CHECK_INT(usage().idle, ==, 0);
    CHECK_INT(coil_http_session_get_cookies(session, site.url, cookies, sizeof cookies), >, 0);
    CHECK_STR(cookies, "id=7; seen=yes");
    close_websocket(ws);
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

TASK_TEST(websocket_session_without_cookies_and_agent)
{
    struct coil_http_session_options options = {.user_agent = "", .no_cookies = true};
    struct coil_http_field fields[] = {{"cookie", "mine=1"}, {"authorization", "Mine 2"}};
    struct coil_websocket *ws = NULL;

    open_server();
    open_session(&options);
    CHECK_OK(coil_http_session_set_cookie(session, site.url, "id=7; Path=/"));
    CHECK_OK(connect_with(ws_url, (struct coil_websocket_options){.bearer = "abc"}, &ws));
    CHECK_STR(agent, "");
    CHECK_STR(cookie, "");
    CHECK_STR(authorization, "Bearer abc");
    CHECK_INT(usage().cookies, ==, 1);
    close_websocket(ws);
    coil_http_session_close(session);
    /* The caller's own fields count. */
    open_session(NULL);
    CHECK_OK(coil_http_session_set_cookie(session, site.url, "id=7; Path=/"));
    CHECK_OK(connect_with(
        ws_url,
        (struct coil_websocket_options){.fields = fields, .field_count = 2, .bearer = "abc"}, &ws));
    CHECK_STR(cookie, "mine=1");
    CHECK_STR(authorization, "Mine 2");
    close_websocket(ws);
    close_all();
    return 0;
}

/* Credentials need no session. */
TASK_TEST(websocket_credentials_alone)
{
    struct coil_websocket_options options = {.bearer = "abc"};
    struct coil_websocket *ws = NULL;

    open_server();
    CHECK_OK(coil_websocket_connect(ws_url, &options, &ws));
    CHECK_STR(authorization, "Bearer abc");
    close_websocket(ws);
    options.user = "both";
    CHECK_ERR(coil_websocket_connect(ws_url, &options, &ws), -EINVAL);
    close_all();
    return 0;
}

TASK_TEST(websocket_session_is_refused)
{
    struct coil_websocket *ws = NULL;
    unsigned status = 0;

    open_server();
    open_session(NULL);
    refusal = 401;
    CHECK_ERR(connect_with(ws_url, (struct coil_websocket_options){.ret_status = &status}, &ws),
              -ECONNREFUSED);
    CHECK_INT(status, ==, 401);
    CHECK_INT(failure.error, ==, -ECONNREFUSED);
    CHECK_INT(usage().cookies, ==, 1);
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

TASK_TEST(websocket_session_misuse)
{
    struct coil_websocket *ws = NULL;
    struct coil_websocket_options options = {0};
    struct coil_tls_context *context = NULL;
    char long_url[20000];

    open_server();
    open_session(NULL);
    CHECK_OK(coil_tls_context_new(NULL, &context));
    options.tls = context;
    CHECK_ERR(connect_with(ws_url, options, &ws), -EINVAL);
    CHECK_ERR(connect_with("http://a/", (struct coil_websocket_options){0}, &ws), -EINVAL);
    CHECK_ERR(connect_with("ws://a/#b", (struct coil_websocket_options){0}, &ws), -EINVAL);
    CHECK_ERR(connect_with(NULL, (struct coil_websocket_options){0}, &ws), -EINVAL);
    CHECK_ERR(connect_with(ws_url, (struct coil_websocket_options){.bearer = "a b"}, &ws), -EINVAL);
    CHECK_ERR(connect_with(ws_url, (struct coil_websocket_options){.user = "a:b"}, &ws), -EINVAL);
    memset(long_url, 'x', sizeof long_url - 1);
    memcpy(long_url, "ws://a/", 7);
    long_url[sizeof long_url - 1] = '\0';
    CHECK_ERR(connect_with(long_url, (struct coil_websocket_options){0}, &ws), -COIL_EURL);
    CHECK_INT(usage().connections, ==, 0);
    CHECK(!ws);
    coil_tls_context_free(context);
    close_all();
    return 0;
}

/* --- proxies --- */

/* RFC 6455, section 4.1, item 3: a tunnel, also without TLS. */
TASK_TEST(websocket_session_through_a_proxy)
{
    struct coil_websocket *ws = NULL;

    open_proxied(NULL);
    CHECK_OK(connect_with("ws://example.org/x", (struct coil_websocket_options){0}, &ws));
    CHECK_CONTAINS(site.heard, "CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\n");
    CHECK_CONTAINS(site.heard, "Proxy-Authorization: Basic bWU6eW91\r\n");
    CHECK_STR(path, "/x");
    check_echo(ws);
    CHECK_INT(usage().connections, ==, 1);
    close_websocket(ws);
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

TASK_TEST(websocket_session_through_a_proxy_that_refuses)
{
    struct coil_websocket *ws = NULL;

    open_proxied(NULL);
    tunnel = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    CHECK_ERR(connect_with("ws://example.org/", (struct coil_websocket_options){0}, &ws),
              -COIL_EPROXY);
    CHECK_CONTAINS(failure.text, "403 Forbidden");
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

/* A tunnel, then TLS, by the session's context. */
TASK_TEST(websocket_session_wss_through_a_proxy)
{
    static struct cast cast;
    struct coil_tls_context_options server = {.is_server = true};
    struct coil_tls_context_options client = {0};
    struct coil_websocket *ws = NULL;

    make_cast(&cast);
    server.certificate = cast.server.certificate_pem;
    server.key = cast.server.key_pem;
    client.ca = cast.authority.certificate_pem;
    CHECK_OK(coil_tls_context_new(&server, &server_context));
    CHECK_OK(coil_tls_context_new(&client, &client_context));
    open_proxied(client_context);
    CHECK_OK(connect_with("wss://localhost:8443/x", (struct coil_websocket_options){0}, &ws));
    CHECK_CONTAINS(site.heard, "CONNECT localhost:8443 HTTP/1.1\r\n");
    check_echo(ws);
    close_websocket(ws);
    CHECK_INT(usage().connections, ==, 0);
    coil_http_session_close(session);
    /* The system's authorities do not know this one. */
    open_session(&(struct coil_http_session_options){.proxy = proxy_url});
    CHECK_ERR(connect_with("wss://localhost:8443/x", (struct coil_websocket_options){0}, &ws),
              -COIL_ETLSUNTRUSTED);
    CHECK(failure.text[0] != '\0');
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    coil_tls_context_free(server_context);
    coil_tls_context_free(client_context);
    free_cast(&cast);
    return 0;
}

/* The server would speak HTTP/2: what is asked of it shares such a connection, and a WebSocket of
 * the same session has one of its own, of HTTP/1.1. */
TASK_TEST(websocket_session_beside_http2)
{
    static struct cast cast;
    struct coil_tls_context_options server = {.is_server = true, .alpn = COIL_HTTP_ALPN};
    struct coil_tls_context_options client = {0};
    struct coil_http_response *response = NULL;
    struct coil_websocket *ws = NULL;

    make_cast(&cast);
    server.certificate = cast.server.certificate_pem;
    server.key = cast.server.key_pem;
    client.ca = cast.authority.certificate_pem;
    CHECK_OK(coil_tls_context_new(&server, &server_context));
    CHECK_OK(coil_tls_context_new(&client, &client_context));
    open_proxied(client_context);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(coil_http_get(session, "https://localhost:8443/", &response));
        CHECK_INT(coil_http_response_version(response), ==, 20);
        coil_http_response_close(response);
        CHECK_INT(usage().connections, ==, 1 + i);
        if (i == 0) {
            CHECK_OK(
                connect_with("wss://localhost:8443/x", (struct coil_websocket_options){0}, &ws));
        }
        CHECK_INT(usage().connections, ==, 2);
        check_echo(ws);
    }
    CHECK_INT(site.connections, ==, 2);
    close_websocket(ws);
    CHECK_INT(usage().connections, ==, 1);
    close_all();
    coil_tls_context_free(server_context);
    coil_tls_context_free(client_context);
    free_cast(&cast);
    return 0;
}

/* --- limits --- */

static int get_one(void *arg)
{
    *(bool *)arg = ask("/", "hello") == 200;
    return 0;
}

TASK_TEST(websocket_session_counts_until_it_is_closed)
{
    struct coil_http_session_options options = {.max_connections_per_host = 1};
    struct coil_websocket *ws;
    struct coil_task *task;
    bool is_done = false;

    open_server();
    open_session(&options);
    ws = open_websocket();
    task = coil_create_task(get_one, &is_done);
    while (usage().waiters == 0) {
        coil_yield();
    }
    CHECK(!is_done);
    check_echo(ws);
    close_websocket(ws);
    CHECK_OK(coil_await(task));
    CHECK(is_done);
    /* The idle connection gives way. */
    CHECK_INT(usage().idle, ==, 1);
    ws = open_websocket();
    CHECK_INT(usage().idle, ==, 0);
    CHECK_INT(usage().connections, ==, 1);
    close_websocket(ws);
    close_all();
    return 0;
}

TASK_TEST(websocket_session_that_is_broken_counts_no_more)
{
    struct coil_websocket_message message;
    struct coil_websocket *ws;

    open_server();
    open_session(NULL);
    hangs_up = true;
    ws = open_websocket();
    CHECK_OK(coil_websocket_send_text(ws, "x", 1));
    CHECK_INT(coil_websocket_receive(ws, &message), <=, 0);
    CHECK(!coil_websocket_is_open(ws));
    CHECK_INT(usage().connections, ==, 0);
    coil_websocket_free(ws);
    ws = open_websocket(); /* and one that is freed while it is open */
    CHECK_INT(usage().connections, ==, 1);
    coil_websocket_free(ws);
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

/* --- the session's end --- */

static int wait_for_one(void *arg)
{
    struct coil_websocket *ws = NULL;
    struct coil_websocket_options options = {.session = session};

    *(int *)arg = coil_websocket_connect(ws_url, &options, &ws);
    coil_websocket_free(ws);
    return 0;
}

TASK_TEST(websocket_session_that_is_closed)
{
    struct coil_http_session_options options = {.max_connections = 1};
    struct coil_websocket *ws;
    struct coil_websocket *other = NULL;
    struct coil_task *task;
    int rc = 0;

    open_server();
    open_session(&options);
    ws = open_websocket();
    coil_http_session_close_idle(session);
    task = coil_create_task(wait_for_one, &rc);
    while (usage().waiters == 0) {
        coil_yield();
    }
    CHECK_ERR(connect_with("ws://", (struct coil_websocket_options){0}, &other), -EINVAL);
    coil_http_session_close(session);
    CHECK_ERR(connect_with(ws_url, (struct coil_websocket_options){0}, &other), -COIL_ECLOSED);
    CHECK_OK(coil_await(task));
    CHECK_ERR(rc, -COIL_ECLOSED);
    check_echo(ws); /* goes on */
    close_websocket(ws);
    session = NULL;
    close_all();
    return 0;
}

/* --- times and cancels --- */

TASK_TEST(websocket_session_has_its_times)
{
    struct coil_http_session_options options = {.max_connections = 1,
                                                .connect_timeout_ns = 20 * COIL_MSEC,
                                                .total_timeout_ns = 50 * COIL_MSEC};
    struct coil_websocket_options quick = {.handshake_timeout_ns = 20 * COIL_MSEC};
    struct coil_websocket *other = NULL;
    struct coil_websocket *ws;

    if (test_is_torture()) {
        return 0;
    }
    open_server();
    options.connect_timeout_ns = COIL_MINUTE;
    options.total_timeout_ns = 300 * COIL_MSEC;
    open_session(&options);
    ws = open_websocket();
    CHECK_ERR(connect_with(ws_url, (struct coil_websocket_options){0}, &other), -ETIMEDOUT);
    CHECK_INT(usage().connections, ==, 1);
    coil_websocket_free(ws);
    is_mute = true;
    CHECK_ERR(connect_with(ws_url, quick, &other), -ETIMEDOUT);
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    /* A proxy that is silent. */
    open_server();
    is_mute = true;
    snprintf(proxy_url, sizeof proxy_url, "http://127.0.0.1:%u", site.port);
    open_session(&(struct coil_http_session_options){.proxy = proxy_url,
                                                     .connect_timeout_ns = 20 * COIL_MSEC});
    CHECK_ERR(connect_with("ws://example.org/", (struct coil_websocket_options){0}, &other),
              -ETIMEDOUT);
    CHECK_CONTAINS(failure.text, "no connection to example.org within 0.02 s");
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

/* Wherever it is: nothing is left. */
TASK_TEST(websocket_session_is_cancelled)
{
    struct heard heard = {0};
    int rc = -ECANCELED;
    int count = 0;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    for (int steps = 0; steps < 60 && rc != 0; steps++) {
        struct coil_task *task;

        open_server();
        is_mute = steps == 59;
        open_session(NULL);
        rc = 1;
        task = coil_create_task(wait_for_one, &rc);
        yield_times(steps);
        coil_cancel(task);
        coil_await(task);
        CHECK(rc == -ECANCELED || rc >= 0); /* 1: it had not begun */
        CHECK_INT(usage().connections, ==, 0);
        CHECK_INT(usage().waiters, ==, 0);
        close_all();
        count += rc == -ECANCELED;
    }
    CHECK_INT(count, >, 0);
    return 0;
}

/* --- without memory --- */

static int use_all(void *arg)
{
    struct coil_websocket_options options = {.user = "a"};
    struct coil_websocket *ws = NULL;

    (void)arg;
    memset(&site, 0, sizeof site);
    if (coil_start_server("127.0.0.1", 0, NULL, serve, NULL, &site.server) < 0) {
        return 0;
    }
    tunnel = "HTTP/1.1 200 OK\r\n\r\n";
    snprintf(proxy_url, sizeof proxy_url, "127.0.0.1:%d", coil_server_get_port(site.server));
    if (coil_http_session_new(&(struct coil_http_session_options){.proxy = proxy_url}, &session) ==
        0) {
        coil_http_session_set_cookie(session, "http://example.org/", "a=b");
        options.session = session;
        coil_timeout(2 * COIL_SEC) {
            if (coil_websocket_connect("ws://example.org/", &options, &ws) == 0) {
                coil_websocket_send_text(ws, "hello", 5);
                coil_websocket_close(ws, 1000, NULL);
                coil_websocket_free(ws);
            }
        }
        coil_http_session_close(session);
    }
    coil_server_cancel_clients(site.server);
    coil_timeout(2 * COIL_SEC) {
        coil_server_shutdown(site.server, 0);
    }
    return 0;
}

static void ignore(const struct coil_report *report, void *user)
{
    (void)report;
    (void)user;
}

static int use_quietly(void *arg)
{
    coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
    return use_all(arg);
}

static void run_all(void *arg)
{
    coil_run(use_quietly, arg);
}

COIL_TEST(websocket_session_survives_faults)
{
    torture(run_all, NULL);
}
