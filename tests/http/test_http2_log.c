/* What a server knows and tells of the requests of HTTP/2: their client, the log, the metrics. */
#include "http2_talk.h"

#include <coil/address.h>
#include <coil/app.h>
#include <coil/http_log.h>
#include <coil/http_metrics.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static char logged[8192];
static struct coil_http_metrics metrics;

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void note(const struct coil_http_record *record, void *user)
{
    size_t length = strlen(logged);

    (void)user;
    snprintf(logged + length, sizeof logged - length, "%s %s %s %s %u %s\n", or_dash(record->peer),
             or_dash(record->method), or_dash(record->path), record->version, record->status,
             record->is_whole ? "whole" : "broken");
}

static void watch(struct coil_http_server_options *options)
{
    logged[0] = '\0';
    memset(&metrics, 0, sizeof metrics);
    options->log = note;
    options->metrics = &metrics;
}

static void end_raw(void)
{
    coil_stream_write_eof(talk.client);
    while (hear_frame(NGHTTP2_PING)) {
    }
    close_talk();
    CHECK_INT(metrics.connections_alive, ==, 0);
    CHECK_INT(metrics.requests_alive, ==, 0);
}

static void say_get(uint32_t id)
{
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id, RAW_GET,
              sizeof RAW_GET - 1);
}

/* --- requests that are answered without a handler --- */

TASK_TEST(http2_log_of_responses)
{
    watch(&talk.options);
    open_peer(NULL, NULL, 0, false);
    CHECK_STR(get("/a")->status, "200");
    close_peer();
    CHECK_STR(logged, "- GET /a HTTP/2 200 whole\n");
    CHECK_INT(metrics.responses[COIL_HTTP_METRICS_GET][2], ==, 1);
    CHECK_INT(metrics.connections, ==, 1);
    CHECK_INT(metrics.connections_alive, ==, 0);
    CHECK_INT(metrics.duration.count, ==, 1);
    return 0;
}

/* RFC 9110, sections 15.5.14, 15.5.18 and 15.6.2; RFC 8441, section 4. */
TASK_TEST(http2_log_of_refused_heads)
{
    const char *const large[] = {"content-length", "2000000", NULL};
    const char *const expecting[] = {"expect", "wonders", NULL};
    const char *const strange[] = {":protocol", "chat", NULL};
    struct upload upload = {.data = "abc", .size = 3};
    struct upload held = {.is_held = true};

    watch(&talk.options);
    open_peer(NULL, NULL, 0, false);
    CHECK_STR(wait_answer(ask("POST", "/a", large, &held))->status, "413");
    CHECK_STR(wait_answer(ask("POST", "/b", expecting, &upload))->status, "417");
    CHECK_STR(wait_answer(ask("CONNECT", "/c", strange, NULL))->status, "501");
    close_peer();
    CHECK_STR(logged, "- POST /a HTTP/2 413 whole\n"
                      "- POST /b HTTP/2 417 whole\n"
                      "- - - HTTP/2 501 whole\n");
    CHECK_INT(metrics.responses[COIL_HTTP_METRICS_POST][4], ==, 2);
    CHECK_INT(metrics.responses[COIL_HTTP_METRICS_OTHER][5], ==, 1);
    CHECK_INT(metrics.broken, ==, 0);
    CHECK_INT(metrics.requests_alive, ==, 0);
    return 0;
}

/* --- requests that are not answered --- */

/* RFC 9113, section 8.3.1: a path is needed. */
TASK_TEST(http2_log_of_a_malformed_head)
{
    watch(&talk.options);
    open_raw(NULL);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, "\x82\x86",
              2);
    CHECK(hear_frame(NGHTTP2_RST_STREAM));
    end_raw();
    CHECK_STR(logged, "- - - HTTP/2 0 broken\n");
    CHECK_INT(metrics.responses[COIL_HTTP_METRICS_OTHER][0], ==, 1);
    CHECK_INT(metrics.broken, ==, 1);
    return 0;
}

/* RFC 9113, section 6.10: the rest of the head never comes. */
TASK_TEST(http2_log_of_a_head_without_an_end)
{
    watch(&talk.options);
    open_raw(NULL);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, RAW_GET, sizeof RAW_GET - 1);
    end_raw();
    CHECK_STR(logged, "- - - HTTP/2 0 broken\n");
    return 0;
}

static int wait_forever(struct coil_http_exchange *exchange, void *user)
{
    (void)exchange;
    (void)user;
    return coil_sleep(COIL_NEVER);
}

/* RFC 9113, section 5.1.2: the third is one too many. */
TASK_TEST(http2_log_of_one_too_many)
{
    watch(&talk.options);
    talk.options.max_streams = 2;
    open_raw(wait_forever);
    for (uint32_t id = 1; id < 6; id += 2) {
        say_get(id);
    }
    CHECK(hear_frame(NGHTTP2_RST_STREAM));
    CHECK_STR(logged, "- - - HTTP/2 0 broken\n");
    CHECK_INT(metrics.requests_alive, ==, 2);
    end_raw();
    CHECK_STR(logged, "- - - HTTP/2 0 broken\n"
                      "- GET / HTTP/2 500 broken\n"
                      "- GET / HTTP/2 500 broken\n");
    CHECK_INT(metrics.broken, ==, 3);
    return 0;
}

/* --- over sockets --- */

static struct coil_http_server *server;

static bool open_server(const char *host, coil_http_handler handler, void *user)
{
    struct coil_http_server_options options = {.server_name = ""};
    int rc;

    watch(&options);
    rc = coil_http_server_start(host, 0, &options, handler, user, &server);
    if (rc < 0 && strchr(host, ':')) {
        return false; /* no IPv6 here */
    }
    CHECK_OK(rc);
    CHECK_OK(coil_open_connection(host, (uint16_t)coil_http_server_get_port(server), NULL,
                                  &talk.client));
    return true;
}

static void close_server(void)
{
    coil_stream_close(talk.client);
    talk.client = NULL;
    CHECK_OK(coil_http_server_close(server, COIL_SEC));
}

static int tell_peer(struct coil_http_exchange *exchange, void *user)
{
    struct coil_address address;
    char text[128];

    (void)user;
    CHECK_OK(coil_http_get_peer(exchange, &address));
    CHECK_ERR(coil_http_get_peer(exchange, NULL), -EINVAL);
    CHECK_OK(coil_address_format(&address, text, sizeof text));
    return coil_http_reply(exchange, 200, NULL, text, strlen(text));
}

static void check_peer(const char *host, const char *expected, const char *line)
{
    struct coil_address address;

    if (!open_server(host, tell_peer, NULL)) {
        return;
    }
    CHECK_OK(coil_stream_get_address(talk.client, &address));
    say(PREFACE);
    say_frame(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    say_get(1);
    CHECK(hear_frame(NGHTTP2_DATA));
    talk.answer[talk.size] = '\0';
    CHECK_INT(strncmp(talk.answer, expected, strlen(expected)), ==, 0);
    CHECK_INT(strtol(strrchr(talk.answer, ':') + 1, NULL, 10), ==, coil_address_get_port(&address));
    close_server();
    CHECK_STR(logged, line);
}

TASK_TEST(http2_peer)
{
    check_peer("127.0.0.1", "127.0.0.1:", "127.0.0.1 GET / HTTP/2 200 whole\n");
    check_peer("::1", "[::1]:", "::1 GET / HTTP/2 200 whole\n");
    return 0;
}

TASK_TEST(http1_peer)
{
    CHECK(open_server("127.0.0.1", tell_peer, NULL));
    say("GET / HTTP/1.0\r\n\r\n");
    talk.size = 0;
    hear_answer(ANSWER_ROOM - 1);
    CHECK(strstr(talk.answer, "\r\n\r\n127.0.0.1:"));
    close_server();
    CHECK_STR(logged, "127.0.0.1 GET / HTTP/1.0 200 whole\n");
    return 0;
}

static int have_no_peer(struct coil_http_exchange *exchange, void *user)
{
    struct coil_address address;

    (void)user;
    CHECK_ERR(coil_http_get_peer(exchange, &address), -ENOTSOCK);
    return coil_http_reply(exchange, 200, NULL, NULL, 0);
}

TASK_TEST(http2_peer_of_a_pair)
{
    struct coil_address address;

    open_peer(have_no_peer, NULL, 0, false);
    CHECK_STR(get("/")->status, "200");
    close_peer();
    CHECK_ERR(coil_http_get_peer(NULL, &address), -EINVAL);
    return 0;
}

/* --- rates --- */

static int say_yes(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    return coil_http_reply(exchange, 200, NULL, NULL, 0);
}

/* The first byte of a head is its :status; 200 stands in HPACK's table (RFC 7541, appendix A). */
static bool is_allowed(const char *from)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (talk.client) {
        coil_stream_close(talk.client);
    }
    CHECK_INT(inet_pton(AF_INET, from, &address.sin_addr), ==, 1);
    CHECK_INT(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    address.sin_port = htons((uint16_t)coil_http_server_get_port(server));
    CHECK_INT(inet_pton(AF_INET, "127.0.0.1", &address.sin_addr), ==, 1);
    CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    CHECK_OK(coil_stream_open(fd, NULL, &talk.client));
    say(PREFACE);
    say_frame(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    say_get(1);
    CHECK(hear_frame(NGHTTP2_HEADERS));
    return (unsigned char)talk.answer[0] == 0x88;
}

/* Each client has a bucket of its own. */
TASK_TEST(http2_rate_is_of_each_client)
{
    const struct coil_app_route routes[] = {{"GET", "/", say_yes, .summary = NULL},
                                            {.method = NULL}};
    struct coil_app_rate_options options = {.per_second = 0.01, .burst = 1};
    struct coil_app_rate *rate = NULL;
    struct coil_app *app = NULL;

    if (test_backend_is("sim")) {
        test_skip("its clients have one address");
    }
    CHECK_OK(coil_app_new(NULL, &app));
    CHECK_OK(coil_app_rate_new(&options, &rate));
    CHECK_OK(coil_app_use(app, coil_app_rate_limit, rate));
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK(open_server("127.0.0.1", coil_app_handle, app));
    CHECK(is_allowed("127.0.0.1"));
    CHECK(!is_allowed("127.0.0.1"));
    CHECK(is_allowed("127.0.0.2"));
    CHECK(!is_allowed("127.0.0.2"));
    close_server();
    coil_app_rate_free(rate);
    coil_app_free(app);
    return 0;
}
