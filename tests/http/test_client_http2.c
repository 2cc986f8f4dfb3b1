/* The client over HTTP/2, with a server of this library: one connection, all that requests can do.
 */
#include "client_talk.h"

#include <coil/group.h>

static struct coil_http_server *server;
static char base[64];
static char large[300000];
static unsigned calls;
static unsigned cancelled;
static struct coil_event go_on;
static struct coil_event has_begun;

static int tell(struct coil_http_exchange *exchange)
{
    char text[512];
    int size = snprintf(
        text, sizeof text, "%s %s?%s @%s", coil_http_method(exchange), coil_http_path(exchange),
        coil_http_query(exchange) ? coil_http_query(exchange) : "-", coil_http_host(exchange));

    return coil_http_reply(exchange, 200, "text/plain", text, (size_t)size);
}

static int echo(struct coil_http_exchange *exchange)
{
    const char *body;
    ssize_t size = coil_http_read_all(exchange, &body);

    return size < 0 ? (int)size : coil_http_reply(exchange, 200, NULL, body, (size_t)size);
}

/* A body of a size that is not said. */
static int stream_large(struct coil_http_exchange *exchange)
{
    int rc = coil_http_begin(exchange, 200, "text/plain", -1);

    for (int i = 0; i < 10 && rc >= 0; i++) {
        rc = (int)coil_http_write(exchange, large, sizeof large);
    }
    return rc < 0 ? rc : 0;
}

static int hang(struct coil_http_exchange *exchange)
{
    int rc;

    coil_event_set(&has_begun);
    rc = coil_event_wait(&go_on);
    cancelled += rc < 0;
    return rc < 0 ? rc : tell(exchange);
}

static int serve(struct coil_http_exchange *exchange, void *user)
{
    const char *path = coil_http_path(exchange);

    (void)user;
    calls++;
    if (strcmp(path, "/echo") == 0) {
        return echo(exchange);
    } else if (strcmp(path, "/stream") == 0) {
        return stream_large(exchange);
    } else if (strcmp(path, "/large") == 0) {
        return coil_http_reply(exchange, 200, "text/plain", large, sizeof large);
    } else if (strcmp(path, "/hang") == 0) {
        return hang(exchange);
    } else if (strcmp(path, "/refuse") == 0) {
        return coil_http_reply(exchange, 403, "text/plain", "no", 2);
    } else if (strcmp(path, "/empty") == 0) {
        return coil_http_reply(exchange, 204, NULL, NULL, 0);
    } else if (strcmp(path, "/to") == 0) {
        coil_http_add_field(exchange, "Location", "/x?a");
        coil_http_add_field(exchange, "Set-Cookie", "id=7");
        return coil_http_reply(exchange, 307, NULL, NULL, 0);
    } else if (strcmp(path, "/cookie") == 0) {
        const char *cookie = coil_http_get_field(exchange, "Cookie");

        return coil_http_reply(exchange, 200, NULL, cookie, cookie ? strlen(cookie) : 0);
    }
    return tell(exchange);
}

static void ignore(const struct coil_report *report, void *user)
{
    (void)report;
    (void)user;
}

static void open_both_with(const struct coil_http_session_options *options, uint32_t max_streams)
{
    struct coil_http_server_options server_options = {.max_streams = max_streams};
    struct coil_http_session_options own =
        options ? *options : (struct coil_http_session_options){0};

    coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
    memset(large, 'l', sizeof large);
    calls = 0;
    cancelled = 0;
    go_on = (struct coil_event){0};
    has_begun = (struct coil_event){0};
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, &server_options, serve, NULL, &server));
    snprintf(base, sizeof base, "http://127.0.0.1:%d", coil_http_server_get_port(server));
    snprintf(site.url, sizeof site.url, "%s", base);
    own.prior_http2 = true;
    open_session(&own);
}

static void open_both(void)
{
    open_both_with(NULL, 0);
}

static void close_both(void)
{
    coil_http_session_close(session);
    session = NULL;
    CHECK_OK(coil_http_server_close(server, PATIENCE));
}

TASK_TEST(http2_one_request)
{
    struct coil_http_response *response;
    const char *body;
    char expected[128];

    open_both();
    CHECK_OK(coil_http_get(session, url_of("/x?q"), &response));
    snprintf(expected, sizeof expected, "GET /x?q @%s", base + 7);
    CHECK_INT(coil_http_response_read_all(response, &body), ==, (int64_t)strlen(expected));
    CHECK_STR(body, expected);
    CHECK_INT(coil_http_response_version(response), ==, 20);
    CHECK_INT(coil_http_response_status(response), ==, 200);
    CHECK_STR(coil_http_response_reason(response), "");
    CHECK_STR(coil_http_response_get_field(response, "Content-Type"), "text/plain");
    CHECK_INT(coil_http_response_body_size(response), ==, (int64_t)strlen(expected));
    coil_http_response_close(response);
    CHECK_INT(usage().connections, ==, 1);
    CHECK_INT(usage().idle, ==, 1);
    for (int i = 0; i < 20; i++) {
        CHECK_ERR(ask("/empty", ""), 204);
    }
    CHECK_INT(usage().opened, ==, 1);
    close_both();
    return 0;
}

TASK_TEST(http2_methods_and_bodies)
{
    struct coil_http_request request = {.method = "HEAD", .url = NULL};

    open_both();
    request.url = url_of("/large");
    CHECK_ERR(ask_with(request, ""), 200);
    request = (struct coil_http_request){.url = url_of("/echo"), .json = "{}"};
    CHECK_ERR(ask_with(request, "{}"), 200);
    request = (struct coil_http_request){.url = url_of("/echo"), .body = large, .body_size = 100};
    CHECK_ERR(ask_with(request, NULL), 200);
    CHECK_ERR(ask("/large", NULL), 200);
    CHECK_ERR(ask("/stream", NULL), 200);
    CHECK_INT(usage().opened, ==, 1);
    close_both();
    return 0;
}

/* --- uploads --- */

struct giver {
    size_t left;
    size_t step;
    int error;
};

static ssize_t give(void *user, void *buf, size_t size)
{
    struct giver *giver = user;
    size_t step = giver->step < giver->left ? giver->step : giver->left;

    if (step == 0) {
        return giver->error;
    }
    step = step < size ? step : size;
    memset(buf, 'g', step);
    giver->left -= step;
    return (ssize_t)step;
}

TASK_TEST(http2_uploads)
{
    static const struct coil_http_part parts[] = {{.name = "a", .data = "one", .size = 3}};
    struct giver giver = {.left = 500000, .step = 70000};
    struct coil_http_request request = {.reader = give, .reader_user = &giver};
    struct coil_http_response *response;

    open_both();
    request.url = url_of("/echo");
    CHECK_OK(coil_http_fetch(session, &request, &response));
    CHECK_INT(coil_http_response_read_all(response, NULL), ==, 500000);
    coil_http_response_close(response);
    giver = (struct giver){.left = 1000, .step = 7};
    request.reader_size = 1000;
    CHECK_OK(coil_http_fetch(session, &request, &response));
    CHECK_INT(coil_http_response_read_all(response, NULL), ==, 1000);
    coil_http_response_close(response);
    request = (struct coil_http_request){.url = url_of("/echo"), .parts = parts, .part_count = 1};
    CHECK_OK(coil_http_fetch(session, &request, &response));
    CHECK_INT(coil_http_response_read_all(response, NULL), >, 3);
    coil_http_response_close(response);
    request = (struct coil_http_request){
        .url = url_of("/echo"), .body = large, .body_size = 100000, .expect_continue = true};
    CHECK_OK(coil_http_fetch(session, &request, &response));
    CHECK_INT(coil_http_response_read_all(response, NULL), ==, 100000);
    coil_http_response_close(response);
    CHECK_INT(usage().opened, ==, 1);
    close_both();
    return 0;
}

/* A reader that fails ends its stream, and no more. */
TASK_TEST(http2_uploads_that_fail)
{
    struct giver giver = {.left = 50000, .step = 7000, .error = -EDOM};
    struct coil_http_request request = {.reader = give, .reader_user = &giver};

    open_both();
    request.url = url_of("/echo");
    CHECK_ERR(ask_with(request, NULL), -EDOM);
    giver = (struct giver){.left = 10, .step = 10};
    request.reader_size = 11;
    CHECK_ERR(ask_with(request, NULL), -EINVAL);
    CHECK_ERR(ask("/x", NULL), 200);
    CHECK_INT(usage().opened, ==, 1);
    close_both();
    return 0;
}

/* RFC 9113, section 8.1: a response that comes early ends the sending. */
TASK_TEST(http2_upload_that_is_refused)
{
    struct giver giver = {.left = 1 << 30, .step = 32768};
    struct coil_http_request request = {.reader = give, .reader_user = &giver};

    open_both();
    request.url = url_of("/refuse");
    CHECK_ERR(ask_with(request, "no"), 403);
    CHECK_INT(giver.left, >, 1 << 29);
    CHECK_ERR(ask("/x", NULL), 200);
    CHECK_INT(usage().opened, ==, 1);
    close_both();
    return 0;
}

/* --- above the layer --- */

TASK_TEST(http2_redirect_and_cookie)
{
    char expected[128];

    open_both();
    snprintf(expected, sizeof expected, "GET /x?a @%s", base + 7);
    CHECK_ERR(ask("/to", expected), 200);
    CHECK_ERR(ask("/cookie", "id=7"), 200);
    CHECK_INT(usage().opened, ==, 1);
    close_both();
    return 0;
}

/* --- many at once --- */

static int ask_one(void *arg)
{
    struct coil_http_response *response;
    int rc = coil_http_get(session, url_of(arg), &response);

    if (rc == 0) {
        CHECK_INT(coil_http_response_status(response), ==, 200);
        coil_http_response_close(response);
    }
    return rc;
}

static void ask_many(const char *path, int count)
{
    struct coil_group group = {0};

    CHECK_OK(coil_group_open(&group));
    for (int i = 0; i < count; i++) {
        CHECK_OK(coil_group_spawn(&group, ask_one, (void *)(uintptr_t)path));
    }
    CHECK_OK(coil_group_close(&group));
}

/* All share the connection that the first of them dials. */
TASK_TEST(http2_many_share_one)
{
    open_both();
    ask_many("/x", 80);
    CHECK_INT(calls, ==, 80);
    CHECK_INT(usage().opened, ==, 1);
    ask_many("/large", 60);
    CHECK_INT(usage().opened, ==, 1);
    CHECK_INT(usage().idle, ==, 1);
    close_both();
    return 0;
}

/* Above the server's limit, others wait, or open another one (RFC 9113, section 5.1.2). */
TASK_TEST(http2_more_than_the_server_allows)
{
    struct coil_http_session_options options = {.max_connections_per_host = 1};

    open_both_with(&options, 3);
    CHECK_ERR(ask("/x", NULL), 200);
    ask_many("/x", 20);
    CHECK_INT(usage().opened, ==, 1);
    CHECK_INT(usage().waiters, ==, 0);
    close_both();
    options.max_connections_per_host = 4;
    open_both_with(&options, 3);
    CHECK_ERR(ask("/x", NULL), 200);
    ask_many("/large", 20);
    CHECK_INT(usage().opened, >, 1);
    CHECK_INT(usage().opened, <=, 4);
    close_both();
    return 0;
}

/* --- bodies that are not read --- */

/* A window keeps it, and no other response with it. */
TASK_TEST(http2_unread_body_holds_up_nobody)
{
    struct coil_http_response *responses[8];
    struct coil_http_request request = {.url = NULL};
    char buf[100];

    open_both();
    request.url = url_of("/stream");
    for (int i = 0; i < 8; i++) {
        CHECK_OK(coil_http_session_request(session, &request, &responses[i]));
        CHECK_INT(coil_http_response_read(responses[i], buf, sizeof buf), ==, sizeof buf);
    }
    CHECK_ERR(ask("/large", NULL), 200);
    CHECK_ERR(ask("/stream", NULL), 200);
    for (int i = 0; i < 8; i++) {
        coil_http_response_close(responses[i]);
    }
    CHECK_ERR(ask("/x", NULL), 200);
    CHECK_INT(usage().opened, ==, 1);
    close_both();
    return 0;
}

TASK_TEST(http2_body_cut)
{
    struct coil_http_request request = {.url = NULL};
    struct coil_http_response *response;
    const char *body;
    bool is_cut = false;

    open_both();
    request.url = url_of("/stream");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    CHECK_INT(coil_http_response_read_up_to(response, 1000, &body, &is_cut), ==, 1000);
    CHECK(is_cut);
    coil_http_response_close(response);
    request.max_body = 1000;
    CHECK_OK(coil_http_session_request(session, &request, &response));
    CHECK_ERR(coil_http_response_read_all(response, &body), -COIL_ELIMIT);
    coil_http_response_close(response);
    CHECK_ERR(ask("/x", NULL), 200);
    CHECK_INT(usage().opened, ==, 1);
    close_both();
    return 0;
}

/* --- cancels and deadlines --- */

/* They end their stream; the handler hears of it, and the others go on. */
TASK_TEST(http2_cancel_ends_one_stream)
{
    struct coil_http_request request = {.read_timeout_ns = 20 * COIL_MSEC};
    struct coil_task *other, *task;

    open_both();
    other = coil_create_task(ask_one, (void *)(uintptr_t) "/hang");
    CHECK_OK(coil_event_wait(&has_begun));
    task = coil_create_task(ask_one, (void *)(uintptr_t) "/hang");
    coil_event_clear(&has_begun);
    CHECK_OK(coil_event_wait(&has_begun));
    coil_cancel(task);
    coil_await(task);
    coil_timeout(10 * COIL_MSEC) {
        CHECK_ERR(ask("/hang", NULL), -ETIMEDOUT);
    }
    request.url = url_of("/hang");
    CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    CHECK_CONTAINS(failure.text, "no response within 0.02 s");
    while (cancelled < 3) { /* the server hears of the last one soon */
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    coil_event_set(&go_on);
    CHECK_OK(coil_await(other));
    CHECK_INT(cancelled, ==, 3);
    CHECK_INT(usage().opened, ==, 1);
    close_both();
    return 0;
}

TASK_TEST(http2_cancelled_while_waiting)
{
    struct coil_http_session_options options = {.max_connections_per_host = 1};
    struct coil_task *other;

    open_both_with(&options, 1);
    CHECK_ERR(ask("/x", NULL), 200);
    other = coil_create_task(ask_one, (void *)(uintptr_t) "/hang");
    CHECK_OK(coil_event_wait(&has_begun));
    coil_timeout(5 * COIL_MSEC) {
        CHECK_ERR(ask("/x", NULL), -ETIMEDOUT);
    }
    coil_event_set(&go_on);
    CHECK_OK(coil_await(other));
    CHECK_ERR(ask("/x", NULL), 200);
    CHECK_INT(usage().opened, ==, 1);
    close_both();
    return 0;
}

/* --- how connections end --- */

TASK_TEST(http2_idle_connections_close)
{
    struct coil_http_session_options options = {.idle_timeout_ns = 10 * COIL_MSEC};

    open_both_with(&options, 0);
    CHECK_ERR(ask("/x", NULL), 200);
    CHECK_INT(usage().idle, ==, 1);
    while (usage().connections > 0) {
        CHECK_OK(coil_sleep(5 * COIL_MSEC));
    }
    CHECK_ERR(ask("/x", NULL), 200);
    CHECK_INT(usage().opened, ==, 2);
    coil_http_session_close_idle(session);
    CHECK_INT(usage().connections, ==, 0);
    CHECK_ERR(ask("/x", NULL), 200);
    CHECK_INT(usage().opened, ==, 3);
    close_both();
    return 0;
}

/* A session that is closed lets a response be read to its end. */
TASK_TEST(http2_session_closed_before_its_response)
{
    struct coil_http_request request = {.url = NULL};
    struct coil_http_response *response;

    open_both();
    request.url = url_of("/stream");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    coil_http_session_close(session);
    CHECK_INT(coil_http_response_read_all(response, NULL), ==, 10 * (int64_t)sizeof large);
    coil_http_response_close(response);
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    return 0;
}

/* The server closes: GOAWAY, and a new one is opened when there is a server again. */
TASK_TEST(http2_server_that_closes)
{
    struct coil_http_server_options options = {0};
    uint16_t port;

    open_both();
    CHECK_ERR(ask("/x", NULL), 200);
    port = (uint16_t)coil_http_server_get_port(server);
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    CHECK_OK(coil_http_server_start("127.0.0.1", port, &options, serve, NULL, &server));
    CHECK_ERR(ask("/x", NULL), 200);
    CHECK_INT(usage().opened, ==, 2);
    close_both();
    return 0;
}
