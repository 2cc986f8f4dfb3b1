/* What a request holds, and what becomes of it when it ends: well, badly, cancelled, or alone. */
#include "app_talk.h"
#include "http_talk.h"

static char trail[256];

static void leave(void *arg)
{
    snprintf(trail + strlen(trail), 16, "-%s", (const char *)arg);
}

static void leave_slowly(void *arg)
{
    CHECK_OK(coil_sleep(COIL_MSEC)); /* though its task is cancelled */
    leave(arg);
}

static void *text(const char *string)
{
    return (void *)(uintptr_t)string;
}

static void leave_two(void *arg)
{
    leave(arg);
    CHECK_OK(coil_app_defer(arg, leave, text("late")));
}

/* --- resources --- */

static int acquire(struct coil_http_exchange *exchange, void *user, void **ret_value)
{
    CHECK(exchange != NULL);
    if (strcmp(user, "broken") == 0) {
        return -EBUSY;
    }
    snprintf(trail + strlen(trail), 16, "+%s", (const char *)user);
    *ret_value = user;
    return 0;
}

static void release(void *value, void *user)
{
    CHECK(value == user);
    leave(value);
}

static char pool_name[] = "pool";
static char user_name[] = "user";
static char broken_name[] = "broken";
static const struct coil_app_resource pool = {acquire, release, pool_name};
static const struct coil_app_resource broken = {acquire, release, broken_name};

/* One that needs another one. */
static int acquire_user(struct coil_http_exchange *exchange, void *user, void **ret_value)
{
    void *connection;

    CHECK_OK(coil_app_acquire(exchange, &pool, &connection));
    return acquire(exchange, user, ret_value);
}

static const struct coil_app_resource user = {acquire_user, release, user_name};

static int use_resources(struct coil_http_exchange *exchange, void *arg)
{
    void *value = NULL;
    void *again = NULL;
    char *memory = coil_app_alloc(exchange, 100);

    (void)arg;
    CHECK(memory != NULL);
    memset(memory, 'x', 100);
    CHECK_OK(coil_app_acquire(exchange, &user, &value));
    CHECK_STR(value, "user");
    CHECK_OK(coil_app_acquire(exchange, &user, &again));
    CHECK_OK(coil_app_acquire(exchange, &pool, &again));
    CHECK_STR(again, "pool");
    CHECK_ERR(coil_app_acquire(exchange, &broken, &again), -EBUSY);
    CHECK_ERR(coil_app_acquire(exchange, NULL, &again), -EINVAL);
    CHECK_ERR(coil_app_acquire(exchange, &user, NULL), -EINVAL);
    CHECK_ERR(coil_app_acquire(NULL, &user, &again), -EINVAL);
    CHECK_OK(coil_app_defer(exchange, leave, text("a")));
    CHECK_OK(coil_app_defer(exchange, leave, text("b")));
    CHECK_ERR(coil_app_defer(exchange, NULL, NULL), -EINVAL);
    CHECK_STR(coil_app_state(exchange), "state");
    return coil_app_reply_text(exchange, 200, "ok");
}

TASK_TEST(request_releases_backwards)
{
    static char state[] = "state";
    static const struct coil_app_route routes[] = {{"GET", "/", use_resources}, {NULL}};
    const struct coil_app_options options = {.state = state};

    open_app(&options);
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_GET("/", 200, "ok");
    CHECK_STR(trail, "+pool+user-b-a-user-pool");
    trail[0] = '\0';
    CHECK_GET("/", 200, "ok");
    CHECK_STR(trail, "+pool+user-b-a-user-pool");
    close_app();
    /* Outside of an app there is nothing to hold it: it is released at once. */
    trail[0] = '\0';
    CHECK_ERR(coil_app_defer(NULL, leave, text("now")), -EINVAL);
    CHECK_STR(trail, "-now");
    CHECK(coil_app_alloc(NULL, 1) == NULL);
    return 0;
}

static int defer_more(struct coil_http_exchange *exchange, void *arg)
{
    (void)arg;
    CHECK_OK(coil_app_defer(exchange, leave, text("first")));
    CHECK_OK(coil_app_defer(exchange, leave_two, exchange));
    return coil_app_reply_text(exchange, 200, "ok");
}

TASK_TEST(request_release_may_defer)
{
    static const struct coil_app_route routes[] = {{"GET", "/", defer_more}, {NULL}};

    open_app(NULL);
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_GET("/", 200, "ok");
    CHECK(strstr(trail, "-late-first") != NULL);
    close_app();
    return 0;
}

/* --- errors --- */

static int fail(struct coil_http_exchange *exchange, void *arg)
{
    CHECK_OK(coil_app_defer(exchange, leave, text("held")));
    return *(const int *)arg;
}

static int say_host(struct coil_http_exchange *exchange, void *arg)
{
    (void)arg;
    return coil_app_reply_text(exchange, 200, coil_http_host(exchange));
}

/* A test may choose the host; a request has one (RFC 9112, section 3.2). */
TASK_TEST(request_to_a_host)
{
    static const struct coil_app_route list[] = {{"GET", "/", say_host}, {0}};

    open_app(NULL);
    CHECK_OK(coil_app_add(app, list, NULL));
    CHECK_GET("/", 200, "test");
    CHECK_INT(ask_with("GET", "/", FIELDS({"host", "api.example:8080"}), NULL), ==, 200);
    CHECK_STR(answer.body, "api.example:8080");
    CHECK_INT(ask_with("GET", "/", FIELDS({"Host", "a"}, {"Host", "b"}), NULL), ==, 400);
    close_app();
    return 0;
}

/* What a handler has said of the response that it never sent is no part of another one. */
static int say_and_fail(struct coil_http_exchange *exchange, void *arg)
{
    (void)arg;
    CHECK_OK(coil_http_add_field(exchange, "Content-Encoding", "br"));
    CHECK_OK(coil_http_add_field(exchange, "Cache-Control", "max-age=600"));
    CHECK_OK(coil_http_add_field(exchange, "Server", "mine"));
    return -EIO;
}

TASK_TEST(request_failed_without_its_fields)
{
    static const struct coil_app_route list[] = {{"GET", "/", say_and_fail}, {0}};

    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_security_headers, NULL));
    CHECK_OK(coil_app_add(app, list, NULL));
    CHECK_INT(ask("GET", "/", NULL), ==, 500);
    CHECK_STR(field("Content-Encoding"), "");
    CHECK_STR(field("Cache-Control"), "");
    CHECK_STR(field("Server"), "coil");
    CHECK_STR(field("X-Frame-Options"), "DENY"); /* that of middleware stays */
    close_app();
    return 0;
}

static int eio = -EIO;
static int nothing = 0;
static const struct coil_app_route fail_routes[] = {{"GET", "/", fail}, {NULL}};

TASK_TEST(request_that_fails)
{
    static const char plain[] = "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\","
                                "\"status\":500}";
    const struct coil_app_options debug = {.debug = true};

    open_app(NULL);
    CHECK_OK(coil_app_add(app, fail_routes, &eio));
    CHECK_GET("/", 500, plain); /* nothing leaks out */
    CHECK_STR(trail, "-held");
    CHECK_INT(heard.count, ==, 1);
    CHECK_ERR(heard.error, -EIO);
    CHECK_STR(heard.task_name, "GET /");
    close_app();
    open_app(NULL);
    CHECK_OK(coil_app_add(app, fail_routes, &nothing)); /* it has answered nothing */
    CHECK_GET("/", 500, plain);
    CHECK_ERR(heard.error, -COIL_EINVALIDSTATE);
    close_app();
    open_app(&debug);
    CHECK_OK(coil_app_add(app, fail_routes, &eio));
    CHECK_INT(ask("GET", "/", NULL), ==, 500);
    CHECK_HAS(coil_strerror(-EIO));
    close_app();
    return 0;
}

static void on_error(struct coil_http_exchange *exchange, int error, void *arg)
{
    snprintf(trail, sizeof trail, "%s %s", (const char *)arg, coil_errname(error));
    if (strcmp(arg, "answers") == 0) {
        CHECK_OK(coil_app_problem(exchange, 502, "Odd", "It is <odd>."));
    }
}

TASK_TEST(request_error_hook)
{
    static char answers[] = "answers";
    static char looks[] = "looks";
    struct coil_app_options options = {.on_error = on_error, .error_user = answers};

    open_app(&options);
    CHECK_OK(coil_app_add(app, fail_routes, &eio));
    CHECK_GET("/", 502,
              "{\"type\":\"about:blank\",\"title\":\"Odd\",\"status\":502,"
              "\"detail\":\"It is \\u003codd\\u003e.\"}");
    CHECK_INT(heard.count, ==, 1);
    close_app();
    options.error_user = looks;
    open_app(&options);
    CHECK_OK(coil_app_add(app, fail_routes, &eio));
    CHECK_INT(ask("GET", "/", NULL), ==, 500);
    close_app();
    return 0;
}

/* --- replies --- */

static int reply_oddly(struct coil_http_exchange *exchange, void *arg)
{
    (void)arg;
    CHECK_ERR(coil_app_redirect(exchange, 200, "/a"), -EINVAL);
    CHECK_ERR(coil_app_redirect(exchange, 304, "/a"), -EINVAL);
    CHECK_ERR(coil_app_redirect(exchange, 302, "/a\r\nX: y"), -EINVAL);
    CHECK_ERR(coil_app_redirect(exchange, 302, NULL), -EINVAL);
    CHECK_ERR(coil_app_problem(exchange, 99, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_app_problem(NULL, 400, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_app_reply_text(exchange, 200, NULL), -EINVAL);
    CHECK_ERR(coil_app_reply_text(NULL, 200, "a"), -EINVAL);
    CHECK_OK(coil_app_redirect(exchange, 307, "/else?a=b"));
    CHECK_ERR(coil_app_problem(exchange, 400, NULL, NULL), -COIL_EINVALIDSTATE);
    return 0;
}

TASK_TEST(request_replies)
{
    static const struct coil_app_route routes[] = {{"GET", "/", reply_oddly}, {NULL}};

    open_app(NULL);
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_INT(ask("GET", "/", NULL), ==, 307);
    CHECK_STR(field("Location"), "/else?a=b");
    close_app();
    return 0;
}

/* --- ends from outside --- */

static int hang(struct coil_http_exchange *exchange, void *arg)
{
    (void)arg;
    CHECK_OK(coil_app_defer(exchange, leave_slowly, text("held")));
    return coil_sleep(COIL_NEVER);
}

static const struct coil_app_route hang_routes[] = {{"GET", "/", hang}, {NULL}};

static int call_it(void *arg)
{
    struct coil_app_response response = {0};
    int rc = coil_app_test(app, "GET", "/", NULL, &response);

    (void)arg;
    CHECK_INT(response.status, ==, 0); /* untouched */
    return rc;
}

TASK_TEST(request_is_cancelled)
{
    struct coil_task *task;

    open_app(NULL);
    CHECK_OK(coil_app_add(app, hang_routes, NULL));
    task = coil_create_task(call_it, NULL);
    yield_times(5);
    CHECK_OK(coil_cancel(task));
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_STR(trail, "-held");
    /* And before it has begun. */
    task = coil_create_task(call_it, NULL);
    CHECK_OK(coil_cancel(task));
    CHECK_ERR(coil_await(task), -ECANCELED);
    close_app();
    return 0;
}

static int read_all_of_it(struct coil_http_exchange *exchange, void *arg)
{
    const char *body;
    ssize_t size;

    (void)arg;
    CHECK_OK(coil_app_defer(exchange, leave, text("held")));
    size = coil_http_read_all(exchange, &body);
    return size < 0 ? (int)size : coil_app_reply_text(exchange, 200, body);
}

static const struct coil_app_route read_routes[] = {{"POST", "/", read_all_of_it}, {NULL}};

TASK_TEST(request_whose_client_vanishes)
{
    open_app(NULL);
    CHECK_OK(coil_app_add(app, read_routes, NULL));
    talk.user = app;
    open_talk(coil_app_handle);
    say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123");
    yield_times(5);
    coil_stream_write_eof(talk.client);
    hear_answer(ANSWER_ROOM - 1);
    CHECK_STR(trail, "-held");
    CHECK_INT(talk.heard.count, ==, 0); /* nobody's fault here */
    close_talk();
    close_app();
    return 0;
}

/* A limit holds for a body whose size is not known before, too. */
TASK_TEST(request_limit_of_chunks)
{
    static uint64_t max = 10;

    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_body_limit, &max));
    CHECK_OK(coil_app_add(app, read_routes, NULL));
    talk.user = app;
    open_talk(coil_app_handle);
    say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "a\r\n0123456789\r\n0\r\n\r\n"
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "6\r\n012345\r\n5\r\n6789a\r\n0\r\n\r\n");
    coil_stream_write_eof(talk.client);
    hear_answer(ANSWER_ROOM - 1);
    CHECK(strncmp(talk.answer, "HTTP/1.1 200 ", 13) == 0);
    CHECK(strstr(talk.answer, "HTTP/1.1 413 ") != NULL);
    CHECK(strstr(talk.answer, "application/problem+json") != NULL);
    CHECK_INT(talk.heard.count, ==, 0);
    close_talk();
    close_app();
    return 0;
}

/* --- the client for tests --- */

static int stream_much(struct coil_http_exchange *exchange, void *arg)
{
    static char piece[10000];
    const char *body;
    ssize_t size = coil_http_read_all(exchange, &body);

    (void)arg;
    CHECK(size >= 0);
    memset(piece, 'p', sizeof piece);
    CHECK_OK(coil_http_begin(exchange, 200, NULL, -1));
    for (int i = 0; i < 50; i++) {
        CHECK_INT(coil_http_write(exchange, piece, sizeof piece), ==, sizeof piece);
    }
    return 0;
}

TASK_TEST(request_of_much)
{
    static char body[400 * 1024];
    static const struct coil_app_route routes[] = {{"POST", "/", stream_much}, {NULL}};

    memset(body, 'b', sizeof body - 1);
    open_app(NULL);
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_INT(ask("POST", "/", body), ==, 200);
    CHECK_INT(answer.size, ==, 500000);
    CHECK_INT(strlen(answer.body), ==, 500000);
    CHECK_STR(field("Transfer-Encoding"), "chunked");
    CHECK_INT(ask_with("POST", "/", FIELDS({"Expect", "100-continue"}), "x"), ==, 200);
    close_app();
    return 0;
}
