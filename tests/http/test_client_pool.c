/* Connections: used again, bounded, waited for, closed while nobody looks. */
#include "client_talk.h"

#include "fault.h"

#define HELLO OK_HEAD("5") "hello"

static const struct act hellos[] = {{.say = HELLO}};

static void open_hellos(const struct coil_http_session_options *options)
{
    OPEN_SITE(hellos);
    site.again = true;
    open_session(options);
}

/* --- used again --- */

TASK_TEST(connection_is_used_again)
{
    open_hellos(NULL);
    for (int i = 0; i < 5; i++) {
        CHECK_ERR(ask("/", "hello"), 200);
    }
    CHECK_INT(site.connections, ==, 1);
    CHECK_INT(usage().opened, ==, 1);
    CHECK_INT(usage().idle, ==, 1);
    coil_http_session_close_idle(session);
    CHECK_INT(usage().connections, ==, 0);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(usage().opened, ==, 2);
    close_all();
    return 0;
}

/* "localhost" and "127.0.0.1" are two origins, whatever they are to the resolver. */
TASK_TEST(connection_is_of_one_origin)
{
    struct site *other = calloc(1, sizeof *other);

    CHECK(other != NULL);
    open_hellos(NULL);
    open_site_with(other, hellos, 1, play_client, other);
    other->again = true;
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_ERR(ask_with((struct coil_http_request){.url = other->url}, "hello"), 200);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(site.connections, ==, 1);
    CHECK_INT(other->connections, ==, 1);
    CHECK_INT(usage().idle, ==, 2);
    close_all();
    coil_server_shutdown(other->server, 0);
    free(other);
    return 0;
}

TASK_TEST(connection_is_closed_with_a_body_that_is_not_read)
{
    static const struct act acts[] = {
        {.say = OK_HEAD("100") "begin"}, {.say = HELLO}, {.say = HELLO}};
    struct coil_http_request request = {0};
    struct coil_http_response *response;

    OPEN_SITE(acts);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    coil_http_response_close(response);
    CHECK_INT(usage().connections, ==, 0);
    /* One that is here already is passed over. */
    CHECK_OK(coil_http_session_request(session, &request, &response));
    coil_http_response_close(response);
    CHECK_INT(usage().idle, ==, 1);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(site.connections, ==, 2);
    close_all();
    return 0;
}

TASK_TEST(connection_with_a_rest_in_chunks)
{
    static const struct act acts[] = {
        {.say = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                "chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"},
        {.say = HELLO},
    };
    struct coil_http_request request = {0};
    struct coil_http_response *response;
    char c;

    OPEN_SITE(acts);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    CHECK_INT(coil_http_response_read(response, &c, 1), ==, 1);
    coil_http_response_close(response);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK(test_backend_is("sim") || site.connections == 1); /* which may cut it anywhere */
    close_all();
    return 0;
}

/* --- how long --- */

TASK_TEST(connection_is_closed_after_a_while)
{
    struct coil_http_session_options options = {.idle_timeout_ns = 20 * COIL_MSEC};

    open_hellos(&options);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(usage().idle, ==, 1);
    coil_timeout(PATIENCE) {
        coil_event_wait(&site.has_ended);
    }
    CHECK_INT(usage().connections, ==, 0);
    CHECK_ERR(ask("/", "hello"), 200);
    close_all();
    return 0;
}

/* --- closed by the server --- */

static void wait_for_end(void)
{
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_event_wait(&site.has_ended));
    }
    coil_sleep(20 * COIL_MSEC); /* until the news is here */
}

/* It is noticed before the request goes out, so that POST has no risk. */
TASK_TEST(connection_that_was_closed_is_not_used)
{
    static const struct act acts[] = {{.say = HELLO}, {.say = HELLO}};
    struct coil_http_request request = {.body = "x", .body_size = 1};

    open_site(acts, 1);
    open_session(NULL);
    CHECK_ERR(ask("/", "hello"), 200);
    wait_for_end();
    site.count = 2;
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, "hello"), 200);
    CHECK_INT(site.connections, ==, 2);
    close_all();
    return 0;
}

/* What comes on an idle connection is nobody's response (RFC 9112, section 11.2). */
TASK_TEST(connection_that_speaks_unasked_is_not_used)
{
    static const struct act acts[] = {{.say = OK_HEAD("2") "ok", .then = OK_HEAD("6") "poison"},
                                      {.say = HELLO}};
    struct coil_http_request request = {.body = "x", .body_size = 1};

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask("/", "ok"), 200);
    coil_event_set(&site.go_on);
    coil_sleep(20 * COIL_MSEC);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, "hello"), 200);
    CHECK_INT(site.connections, ==, 2);
    close_all();
    return 0;
}

/* The server takes the request, and closes: a GET goes out again, a POST does not. */
TASK_TEST(request_on_a_stale_connection)
{
    static const struct act acts[] = {
        {.say = HELLO}, {.close = true}, {.say = HELLO}, {.reset = true}, {.say = HELLO}};
    struct coil_http_request request = {.body = "x", .body_size = 1};
    int rc;

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask("/1", "hello"), 200);
    CHECK_ERR(ask("/2", "hello"), 200);
    CHECK_INT(site.connections, ==, 2);
    request.url = url_of("/3");
    rc = ask_with(request, NULL);
    CHECK(rc == -ECONNRESET || rc == -EPIPE || rc == -COIL_EINCOMPLETE);
    CHECK_INT(site.at, ==, 4);
    CHECK_ERR(ask("/4", "hello"), 200);
    close_all();
    return 0;
}

/* Once, and not for ever. A new connection that breaks is an error at once. */
TASK_TEST(request_on_connections_that_break)
{
    static const struct act acts[] = {
        {.say = HELLO}, {.close = true}, {.close = true}, {.close = true}, {.say = HELLO}};

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_ERR(ask("/", NULL), -COIL_EINCOMPLETE);
    CHECK_CONTAINS(failure.text, "without a response");
    CHECK_ERR(ask("/", NULL), -COIL_EINCOMPLETE);
    CHECK_INT(site.at, ==, 4);
    CHECK_ERR(ask("/", "hello"), 200);
    close_all();
    return 0;
}

/* --- limits --- */

static int asker(void *arg)
{
    const char *path = arg;

    return ask_with((struct coil_http_request){.url = url_of(path)}, "hello");
}

/* Waits until so many wait. */
static void wait_for_waiters(size_t count)
{
    for (int i = 0; i < 10000 && usage().waiters < count; i++) {
        coil_yield();
    }
    CHECK_INT(usage().waiters, ==, count);
}

static void check_limit(const struct coil_http_session_options *options)
{
    static const struct act acts[] = {{.say = HELLO, .wait = true}};
    static const char *const paths[] = {"/0", "/1", "/2", "/3", "/4"};
    struct coil_task *tasks[5];

    OPEN_SITE(acts);
    site.again = true;
    open_session(options);
    for (size_t i = 0; i < 5; i++) {
        tasks[i] = coil_create_task(asker, (void *)(uintptr_t)paths[i]);
        wait_for_waiters(i < 2 ? 0 : i - 1);
    }
    coil_event_set(&site.go_on);
    for (size_t i = 0; i < 5; i++) {
        coil_timeout(PATIENCE) {
            CHECK_ERR(coil_await(tasks[i]), 200);
        }
    }
    CHECK_INT(site.connections, ==, 2);
    CHECK(order_is_free() || strstr(site.heard, "/2 ") < strstr(site.heard, "/4 "));
    close_all();
}

TASK_TEST(limit_in_all)
{
    check_limit(&(struct coil_http_session_options){.max_connections = 2});
    return 0;
}

TASK_TEST(limit_per_host)
{
    check_limit(&(struct coil_http_session_options){.max_connections_per_host = 2});
    return 0;
}

/* A connection that nobody uses gives way to one that is needed elsewhere. */
TASK_TEST(limit_closes_what_is_idle)
{
    struct coil_http_session_options options = {.max_connections = 1};
    struct site *other = calloc(1, sizeof *other);

    CHECK(other != NULL);
    open_hellos(&options);
    open_site_with(other, hellos, 1, play_client, other);
    other->again = true;
    for (int i = 0; i < 2; i++) {
        CHECK_ERR(ask("/", "hello"), 200);
        CHECK_ERR(ask_with((struct coil_http_request){.url = other->url}, "hello"), 200);
        CHECK_INT(usage().connections, ==, 1);
    }
    CHECK_INT(site.connections, ==, 2);
    close_all();
    coil_server_shutdown(other->server, 0);
    free(other);
    return 0;
}

/* A cancel of one that waits takes nothing from the others. */
TASK_TEST(limit_and_cancels)
{
    static const struct act acts[] = {{.say = HELLO, .wait = true}};
    struct coil_http_session_options options = {.max_connections = 1};
    struct coil_task *tasks[4];

    OPEN_SITE(acts);
    site.again = true;
    open_session(&options);
    for (size_t i = 0; i < 4; i++) {
        tasks[i] = coil_create_task(asker, (void *)(uintptr_t) "/");
        wait_for_waiters(i);
    }
    coil_cancel(tasks[1]);
    CHECK_ERR(coil_await(tasks[1]), -ECANCELED);
    CHECK_INT(usage().waiters, ==, 2);
    coil_cancel(tasks[0]); /* and one that has the connection: it is closed */
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    coil_event_set(&site.go_on);
    CHECK_ERR(coil_await(tasks[2]), 200);
    CHECK_ERR(coil_await(tasks[3]), 200);
    CHECK_INT(usage().connections, ==, 1);
    close_all();
    return 0;
}

/* Granted and cancelled in the same moment: the next one gets it. */
TASK_TEST(limit_granted_and_cancelled)
{
    struct coil_http_session_options options = {.max_connections = 1};
    struct coil_http_request request = {0};
    struct coil_http_response *response;
    struct coil_task *tasks[2];

    open_hellos(&options);
    request.url = url_of("/");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    tasks[0] = coil_create_task(asker, (void *)(uintptr_t) "/");
    wait_for_waiters(1);
    tasks[1] = coil_create_task(asker, (void *)(uintptr_t) "/");
    wait_for_waiters(2);
    coil_http_response_close(response);
    coil_cancel(tasks[0]);
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK_ERR(coil_await(tasks[1]), 200);
    CHECK_INT(usage().waiters, ==, 0);
    CHECK_INT(usage().connections, ==, 1);
    close_all();
    return 0;
}

/* --- the session's end --- */

TASK_TEST(session_closed_while_others_wait)
{
    static const struct act acts[] = {{.say = HELLO}, {.say = HELLO}};
    struct coil_http_session_options options = {.max_connections = 1};
    struct coil_http_request request = {0};
    struct coil_http_response *response;
    struct coil_task *task;
    const char *body;

    OPEN_SITE(acts);
    open_session(&options);
    request.url = url_of("/");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    task = coil_create_task(asker, (void *)(uintptr_t) "/");
    wait_for_waiters(1);
    coil_http_session_close(session);
    CHECK_ERR(coil_await(task), -COIL_ECLOSED);
    /* What is open stays so. */
    CHECK_INT(coil_http_response_read_all(response, &body), ==, 5);
    CHECK_STR(body, "hello");
    coil_http_response_close(response);
    session = NULL;
    close_all();
    return 0;
}

/* --- cancels and deadlines --- */

TASK_TEST(request_cancelled_before)
{
    struct coil_http_response *response = NULL;

    open_hellos(NULL);
    coil_timeout(0) {
        coil_sleep(COIL_NEVER);
        CHECK_ERR(coil_http_get(session, url_of("/"), &response), -ETIMEDOUT);
    }
    CHECK(!response);
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

TASK_TEST(read_cancelled_and_gone_on_with)
{
    static const struct act acts[] = {{.say = OK_HEAD("5") "he", .then = "llo"}};
    struct coil_http_request request = {0};
    struct coil_http_response *response;
    const char *body;

    OPEN_SITE(acts);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    coil_timeout(10 * COIL_MSEC) {
        CHECK_ERR(coil_http_response_read_all(response, &body), -ETIMEDOUT);
    }
    CHECK_STR(coil_http_response_error_text(response), "");
    coil_event_set(&site.go_on);
    CHECK_INT(coil_http_response_read_all(response, &body), ==, 5);
    CHECK_STR(body, "hello");
    coil_http_response_close(response);
    CHECK_INT(usage().idle, ==, 1);
    close_all();
    return 0;
}

/* What one request costs on a connection that is there. */
TASK_TEST(request_costs_two_system_calls)
{
    uint64_t sends;
    uint64_t receives;

    if (!test_backend_is("epoll")) {
        test_skip("counts the calls of epoll");
    }
    open_hellos(NULL);
    CHECK_ERR(ask("/", "hello"), 200);
    sends = fault_calls("send") + fault_calls("sendmsg") + fault_calls("writev");
    receives = fault_calls("recv");
    for (int i = 0; i < 100; i++) {
        CHECK_ERR(ask("/", "hello"), 200);
    }
    sends = fault_calls("send") + fault_calls("sendmsg") + fault_calls("writev") - sends;
    receives = fault_calls("recv") - receives;
    CHECK_INT(sends, <=, 200); /* the server's are among them */
    CHECK_INT(receives, <=, 260);
    close_all();
    return 0;
}
