/* Middleware: its order, groups and mounts, and what comes with the library but for CORS, auth and
 * rates. */
#include "app_talk.h"

#include <coil/http_compress.h>

static char trail[256];

static int mark(struct coil_http_exchange *exchange, struct coil_app_chain *next, void *user)
{
    int rc;

    snprintf(trail + strlen(trail), 32, "<%s", (const char *)user);
    rc = coil_app_next(exchange, next);
    CHECK_ERR(coil_app_next(exchange, next), -COIL_EINVALIDSTATE);
    snprintf(trail + strlen(trail), 32, "%s>", (const char *)user);
    return rc;
}

static int block(struct coil_http_exchange *exchange, struct coil_app_chain *next, void *user)
{
    (void)next;
    (void)user;
    CHECK_ERR(coil_app_next(exchange, NULL), -EINVAL);
    CHECK_ERR(coil_app_next(NULL, next), -EINVAL);
    return coil_app_problem(exchange, 403, NULL, "Not today.");
}

static void *text(const char *string)
{
    return (void *)(uintptr_t)string;
}

static const struct coil_app_route one[] = {{"GET", "/one", tell_route}, {NULL}};
static const struct coil_app_route two[] = {{"GET", "/two/{id:int}", tell_route}, {NULL}};

static void check_trail(const char *target, unsigned status, const char *expected)
{
    trail[0] = '\0';
    CHECK_INT(ask("GET", target, NULL), ==, status);
    CHECK_STR(trail, expected);
}

TASK_TEST(middleware_runs_by_groups)
{
    struct coil_app *api;
    struct coil_app *inner;
    struct coil_app *bare;

    open_app(NULL);
    CHECK_OK(coil_app_use(app, mark, text("a")));
    CHECK_OK(coil_app_use(app, mark, text("b")));
    CHECK_OK(coil_app_add(app, one, NULL));
    api = coil_app_group(app, "/api");
    CHECK(api != NULL);
    CHECK_OK(coil_app_use(api, mark, text("c")));
    CHECK_OK(coil_app_add(api, one, NULL));
    inner = coil_app_group(api, "/{name}/deep");
    CHECK(inner != NULL);
    CHECK_OK(coil_app_add(inner, two, NULL));
    CHECK_OK(coil_app_use(inner, mark, text("d"))); /* later than the routes: no matter */
    bare = coil_app_group(api, "");
    CHECK_OK(coil_app_use(bare, mark, text("e")));
    CHECK_OK(coil_app_add(bare, two, NULL));
    check_trail("/one", 200, "<a<bb>a>");
    check_trail("/api/one", 200, "<a<b<cc>b>a>");
    check_trail("/api/x/deep/two/5", 200, "<a<b<c<dd>c>b>a>");
    CHECK_STR(answer.body, "/api/{name}/deep/two/{id:int} id=5 name=x");
    check_trail("/api/two/5", 200, "<a<b<c<ee>c>b>a>");
    /* What leads nowhere is the deepest group's. */
    check_trail("/nothing", 404, "<a<bb>a>");
    check_trail("/api/nothing", 404, "<a<b<cc>b>a>");
    check_trail("/api/x/deep/nothing", 404, "<a<b<c<dd>c>b>a>");
    trail[0] = '\0';
    CHECK_INT(ask("POST", "/api/two/5", NULL), ==, 405);
    CHECK_STR(trail, "<a<b<c<ee>c>b>a>");
    close_app();
    return 0;
}

TASK_TEST(middleware_answers_itself)
{
    struct coil_app *group;

    open_app(NULL);
    group = coil_app_group(app, "/in");
    CHECK_OK(coil_app_use(group, mark, text("a")));
    CHECK_OK(coil_app_use(group, block, NULL));
    CHECK_OK(coil_app_use(group, mark, text("b")));
    CHECK_OK(coil_app_add(group, one, NULL));
    check_trail("/in/one", 403, "<aa>");
    CHECK_HAS("\"detail\":\"Not today.\"");
    close_app();
    return 0;
}

TASK_TEST(middleware_groups_that_cannot_be)
{
    const char *const prefixes[] = {"api", "/", "/api/", "/a//b", "/{x:path}", "/a{b}"};
    struct coil_app *group;

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        open_app(NULL);
        CHECK(coil_app_group(app, prefixes[i]) == NULL);
        CHECK(coil_app_error(app) != NULL);
        close_app();
    }
    open_app(NULL);
    CHECK(coil_app_group(app, NULL) == NULL);
    group = app;
    for (int i = 0; i < 16; i++) {
        group = coil_app_group(group, "/a");
        CHECK(group != NULL);
    }
    CHECK_OK(coil_app_add(group, one, NULL));
    CHECK_INT(ask("GET", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/one", NULL), ==, 200);
    coil_app_free(group); /* which is not its own */
    CHECK(coil_app_group(group, "/a") == NULL);
    CHECK_STR(coil_app_error(app), "group \"/a\": more than 16 groups in each other");
    close_app();
    open_app(NULL);
    CHECK_ERR(coil_app_use(app, NULL, NULL), -EINVAL);
    CHECK_STR(coil_app_error(app), "middleware: no function");
    close_app();
    return 0;
}

/* --- mounts --- */

static int tell_path(struct coil_http_exchange *exchange, void *user)
{
    char line[300];

    (void)user;
    snprintf(line, sizeof line, "%s %.250s", coil_http_method(exchange), coil_http_path(exchange));
    return coil_app_reply_text(exchange, 200, line);
}

TASK_TEST(middleware_mounts_handlers)
{
    open_app(NULL);
    CHECK_OK(coil_app_add(app, one, NULL));
    CHECK_OK(coil_app_mount(app, "/files", tell_path, NULL));
    CHECK_OK(coil_app_mount(app, "/files/deep/", tell_path, NULL));
    CHECK_GET("/files", 200, "GET /");
    CHECK_GET("/files/", 200, "GET /");
    CHECK_GET("/files/a%20b/c", 200, "GET /a%20b/c");
    CHECK_GET("/%66iles/x", 200, "GET /x");
    CHECK_GET("/files/deep/x", 200, "GET /x");
    CHECK_GET("/filesx", 404, answer.body);
    CHECK_INT(ask("PROPFIND", "/files/x", NULL), ==, 200);
    CHECK_STR(answer.body, "PROPFIND /x");
    CHECK_INT(ask("GET", "/files/../one", NULL), ==, 400);
    CHECK_ERR(coil_app_mount(app, "/files", tell_path, NULL), -EEXIST);
    close_app();
    open_app(NULL);
    CHECK_OK(coil_app_add(app, one, NULL));
    CHECK_OK(coil_app_mount(app, "/", tell_path, NULL));
    CHECK_GET("/one", 200, "/one");
    CHECK_GET("/", 200, "GET /");
    CHECK_GET("/else/where", 200, "GET /else/where");
    CHECK_ERR(coil_app_mount(app, NULL, tell_path, NULL), -EINVAL);
    close_app();
    return 0;
}

TASK_TEST(middleware_mounts_apps)
{
    struct coil_app_options options = {.state = trail};
    struct coil_app *other;

    CHECK_OK(coil_app_new(&options, &other));
    CHECK_OK(coil_app_use(other, mark, text("o")));
    CHECK_OK(coil_app_add(other, two, NULL));
    open_app(NULL);
    CHECK_OK(coil_app_use(app, mark, text("a")));
    CHECK_OK(coil_app_use(app, coil_app_request_id, NULL));
    CHECK_OK(coil_app_mount(app, "/v2", coil_app_handle, other));
    check_trail("/v2/two/8", 200, "<a<oo>a>");
    CHECK_STR(answer.body, "/two/{id:int} id=8");
    check_trail("/v2/nothing", 404, "<a<oo>a>");
    check_trail("/v2/docs", 200, "<a<oo>a>");
    check_trail("/nothing", 404, "<aa>");
    close_app();
    coil_app_free(other);
    return 0;
}

/* --- ids --- */

static int tell_id(struct coil_http_exchange *exchange, void *user)
{
    const char *id = coil_app_get_request_id(exchange);

    (void)user;
    return coil_app_reply_text(exchange, 200, id ? id : "none");
}

TASK_TEST(middleware_request_id)
{
    static const struct coil_app_route list[] = {{"GET", "/", tell_id}, {NULL}};
    char first[64];

    open_app(NULL);
    CHECK_OK(coil_app_add(app, list, NULL));
    CHECK_GET("/", 200, "none");
    CHECK_OK(coil_app_use(app, coil_app_request_id, NULL));
    CHECK_INT(ask("GET", "/", NULL), ==, 200);
    CHECK_INT(strlen(answer.body), ==, 32);
    CHECK_STR(field("X-Request-Id"), answer.body);
    snprintf(first, sizeof first, "%s", answer.body);
    CHECK_INT(ask("GET", "/", NULL), ==, 200);
    CHECK(strcmp(first, answer.body) != 0);
    CHECK_INT(ask_with("GET", "/", FIELDS({"X-Request-Id", "abc-1.2_~:/+="}), NULL), ==, 200);
    CHECK_STR(answer.body, "abc-1.2_~:/+=");
    CHECK_INT(ask_with("GET", "/", FIELDS({"X-Request-Id", "a b"}), NULL), ==, 200);
    CHECK_INT(strlen(answer.body), ==, 32);
    CHECK_INT(ask_with("GET", "/none", FIELDS({"X-Request-Id", ""}), NULL), ==, 404);
    CHECK_INT(strlen(field("X-Request-Id")), ==, 32);
    CHECK(coil_app_get_request_id(NULL) == NULL);
    close_app();
    return 0;
}

/* --- deadlines --- */

static int sleep_long(struct coil_http_exchange *exchange, void *user)
{
    const int64_t *span_ns = user;
    int rc = coil_sleep(*span_ns);

    return rc < 0 ? rc : coil_app_reply_text(exchange, 200, "slept");
}

static int begin_and_sleep(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, -1));
    CHECK_INT(coil_http_write(exchange, "a", 1), ==, 1);
    return coil_sleep(COIL_NEVER);
}

TASK_TEST(middleware_timeout)
{
    static const struct coil_app_route slow[] = {{"GET", "/slow", sleep_long}, {NULL}};
    static const struct coil_app_route quick[] = {{"GET", "/quick", sleep_long}, {NULL}};
    static const struct coil_app_route begun[] = {{"GET", "/begun", begin_and_sleep}, {NULL}};
    static int64_t limit = 20 * COIL_MSEC;
    static int64_t forever = COIL_NEVER;
    static int64_t none = 0;

    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_timeout, &limit));
    CHECK_OK(coil_app_add(app, slow, &forever));
    CHECK_OK(coil_app_add(app, quick, &none));
    CHECK_OK(coil_app_add(app, begun, NULL));
    CHECK_INT(ask("GET", "/slow", NULL), ==, 503);
    CHECK_HAS("This took too long.");
    CHECK_GET("/quick", 200, "slept");
    /* What has begun cannot be taken back: it is cut off. */
    CHECK_ERR(coil_app_test(app, "GET", "/begun", NULL, &answer), -COIL_EINCOMPLETE);
    close_app();
    return 0;
}

/* --- fields, bounds --- */

static int read_body(struct coil_http_exchange *exchange, void *user)
{
    const char *body;
    ssize_t size = coil_http_read_all(exchange, &body);

    (void)user;
    return size < 0 ? (int)size : coil_app_reply_text(exchange, 200, body);
}

TASK_TEST(middleware_security_headers)
{
    static char none[] = "";
    struct coil_app *group;

    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_security_headers, NULL));
    CHECK_OK(coil_app_add(app, one, NULL));
    CHECK_INT(ask("GET", "/one", NULL), ==, 200);
    CHECK_STR(field("X-Content-Type-Options"), "nosniff");
    CHECK_STR(field("X-Frame-Options"), "DENY");
    CHECK_STR(field("Referrer-Policy"), "no-referrer");
    CHECK_STR(field("Cross-Origin-Opener-Policy"), "same-origin");
    CHECK_STR(field("Content-Security-Policy"), "frame-ancestors 'none'");
    CHECK_INT(ask("GET", "/nothing", NULL), ==, 404);
    CHECK_STR(field("X-Frame-Options"), "DENY");
    close_app();
    open_app(NULL);
    group = coil_app_group(app, "/a");
    CHECK_OK(coil_app_use(group, coil_app_security_headers, none));
    CHECK_OK(coil_app_add(group, one, NULL));
    CHECK_INT(ask("GET", "/a/one", NULL), ==, 200);
    CHECK_STR(field("Content-Security-Policy"), "");
    close_app();
    return 0;
}

TASK_TEST(middleware_body_limit)
{
    static const struct coil_app_route list[] = {{"POST", "/", read_body}, {NULL}};
    static uint64_t max = 10;
    /* The same in chunks: its length is known too late. */
    const struct coil_http_field chunked[] = {{"Transfer-Encoding", "chunked"}};
    struct coil_app_request request = {
        .method = "POST", .target = "/", .fields = chunked, .field_count = 1};

    (void)request;
    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_body_limit, &max));
    CHECK_OK(coil_app_add(app, list, NULL));
    CHECK_INT(ask("POST", "/", "0123456789"), ==, 200);
    CHECK_STR(answer.body, "0123456789");
    CHECK_INT(ask("POST", "/", "0123456789a"), ==, 413);
    CHECK_STR(field("Content-Type"), "application/problem+json");
    CHECK_INT(ask("POST", "/", NULL), ==, 200);
    close_app();
    return 0;
}

/* A long text that says what was asked of it. */
static int say_much(struct coil_http_exchange *exchange, void *user)
{
    char body[2001];

    (void)user;
    memset(body, 'a', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    return coil_app_reply_text(exchange, 200, body);
}

/* RFC 9110, sections 8.4 and 12.5.3. */
TASK_TEST(middleware_compress)
{
    static const struct coil_app_route list[] = {
        {"GET", "/", say_much}, {"GET", "/short", tell_route}, {NULL}};
    static struct coil_http_compress_options no_gzip = {.gzip_level = -1};
    const struct coil_http_field *gzip = FIELDS({"Accept-Encoding", "gzip"});

    for (int i = 0; i < 2; i++) {
        open_app(NULL);
        CHECK_OK(coil_app_use(app, coil_app_compress, i ? &no_gzip : NULL));
        CHECK_OK(coil_app_add(app, list, NULL));
        CHECK_INT(ask_with("GET", "/", gzip, NULL), ==, 200);
        CHECK_STR(field("Content-Encoding"), i ? "" : "gzip");
        CHECK_STR(field("Vary"), "Accept-Encoding");
        CHECK(i ? answer.size == 2000 : answer.size < 100);
        CHECK_INT(ask("GET", "/", NULL), ==, 200);
        CHECK_STR(field("Content-Encoding"), "");
        CHECK_INT(answer.size, ==, 2000);
        CHECK_GET("/short", 200, "/short");
        CHECK_STR(field("Vary"), "");
        CHECK_INT(ask_with("GET", "/nothing", gzip, NULL), ==, 404);
        CHECK_STR(field("Content-Type"), "application/problem+json");
        CHECK_INT(heard.count, ==, 0);
        close_app();
    }
    CHECK_ERR(coil_app_compress(NULL, NULL, NULL), -EINVAL);
    return 0;
}

/* A middleware without what it needs is the programmer's error: 500, and a report. */
TASK_TEST(middleware_misused)
{
    static const coil_app_middleware all[] = {coil_app_cors,       coil_app_bearer_auth,
                                              coil_app_basic_auth, coil_app_rate_limit,
                                              coil_app_timeout,    coil_app_body_limit};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        open_app(NULL);
        CHECK_OK(coil_app_use(app, all[i], NULL));
        CHECK_OK(coil_app_add(app, one, NULL));
        CHECK_INT(ask("GET", "/one", NULL), ==, 500);
        CHECK_INT(heard.count, ==, 1);
        CHECK_ERR(heard.error, -EINVAL);
        CHECK_ERR(all[i](NULL, NULL, NULL), -EINVAL);
        close_app();
    }
    CHECK_ERR(coil_app_request_id(NULL, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_app_security_headers(NULL, NULL, NULL), -EINVAL);
    return 0;
}
