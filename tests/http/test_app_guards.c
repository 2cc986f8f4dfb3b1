/* Who may come in: origins, credentials, rates. */
#include "app_talk.h"

#include <coil/server.h>

static const struct coil_app_route routes[] = {
    {"GET", "/a", tell_route}, {"PUT", "/a", tell_route}, {NULL}};

/* --- CORS (Fetch, section 3.2) --- */

#define ORIGIN "https://example.org"

static const char *const origins[] = {"https://other.example", ORIGIN, NULL};
static const char *const everybody[] = {"*", NULL};
static const char *const methods[] = {"GET", "PURGE", NULL};
static const char *const headers[] = {"X-A", "X-B", NULL};

static unsigned preflight(const char *origin, const char *method, const char *target)
{
    return ask_with("OPTIONS", target,
                    FIELDS({"Origin", origin}, {"Access-Control-Request-Method", method},
                           {"Access-Control-Request-Headers", "x-c, x-d"}),
                    NULL);
}

TASK_TEST(guards_cors_preflight)
{
    static struct coil_app_cors_options some = {.origins = origins, .with_credentials = true};
    static struct coil_app_cors_options exact = {
        .origins = everybody, .methods = methods, .headers = headers, .max_age_s = 60};

    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_cors, &some));
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_INT(preflight(ORIGIN, "PUT", "/a"), ==, 204);
    CHECK_STR(field("Access-Control-Allow-Origin"), ORIGIN);
    CHECK_STR(field("Access-Control-Allow-Credentials"), "true");
    CHECK_STR(field("Access-Control-Allow-Methods"), "GET, PUT");
    CHECK_STR(field("Access-Control-Allow-Headers"), "x-c, x-d");
    CHECK_STR(field("Access-Control-Max-Age"), "600");
    CHECK_STR(field("Vary"), "Origin");
    /* Whoever is not listed is told nothing. */
    CHECK_INT(preflight("https://evil.example", "PUT", "/a"), ==, 204);
    CHECK_STR(field("Access-Control-Allow-Origin"), "");
    CHECK_STR(field("Access-Control-Allow-Methods"), "");
    CHECK_INT(preflight("null", "PUT", "/a"), ==, 204);
    CHECK_STR(field("Access-Control-Allow-Origin"), "");
    CHECK_INT(preflight(ORIGIN ".evil.example", "PUT", "/a"), ==, 204);
    CHECK_STR(field("Access-Control-Allow-Origin"), "");
    CHECK_INT(preflight(ORIGIN, "PUT", "/nothing"), ==, 404);
    /* No preflight: what the route says. */
    CHECK_INT(ask("OPTIONS", "/a", NULL), ==, 204);
    CHECK_STR(field("Allow"), "GET, PUT, HEAD, OPTIONS");
    close_app();
    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_cors, &exact));
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_INT(preflight(ORIGIN, "PUT", "/a"), ==, 204);
    CHECK_STR(field("Access-Control-Allow-Origin"), "*");
    CHECK_STR(field("Access-Control-Allow-Credentials"), "");
    CHECK_STR(field("Access-Control-Allow-Methods"), "GET, PURGE");
    CHECK_STR(field("Access-Control-Allow-Headers"), "X-A, X-B");
    CHECK_STR(field("Access-Control-Max-Age"), "60");
    close_app();
    return 0;
}

/* Methods that stand behind the route's own OPTIONS are allowed too. */
TASK_TEST(guards_cors_preflight_of_options)
{
    static const struct coil_app_route own[] = {
        {"GET", "/b", tell_route}, {"OPTIONS", "/b", tell_route}, {"PUT", "/b", tell_route}, {0}};
    static struct coil_app_cors_options some = {.origins = origins};

    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_cors, &some));
    CHECK_OK(coil_app_add(app, own, NULL));
    CHECK_INT(preflight(ORIGIN, "PUT", "/b"), ==, 204);
    CHECK_STR(field("Access-Control-Allow-Methods"), "GET, OPTIONS, PUT");
    CHECK_INT(ask("OPTIONS", "/b", NULL), ==, 200);
    CHECK_INT(ask("POST", "/b", NULL), ==, 405);
    CHECK_STR(field("Allow"), "GET, OPTIONS, PUT, HEAD");
    close_app();
    return 0;
}

TASK_TEST(guards_cors_responses)
{
    static struct coil_app_cors_options options = {.origins = origins, .exposed = headers};
    static struct coil_app_cors_options wrong = {.origins = everybody, .with_credentials = true};

    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_cors, &options));
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_INT(ask_with("GET", "/a", FIELDS({"Origin", ORIGIN}), NULL), ==, 200);
    CHECK_STR(field("Access-Control-Allow-Origin"), ORIGIN);
    CHECK_STR(field("Access-Control-Expose-Headers"), "X-A, X-B");
    CHECK_STR(field("Vary"), "Origin");
    /* A script may read what went wrong, too. */
    CHECK_INT(ask_with("GET", "/nothing", FIELDS({"Origin", ORIGIN}), NULL), ==, 404);
    CHECK_STR(field("Access-Control-Allow-Origin"), ORIGIN);
    CHECK_INT(ask_with("GET", "/a", FIELDS({"Origin", "https://evil.example"}), NULL), ==, 200);
    CHECK_STR(field("Access-Control-Allow-Origin"), "");
    CHECK_STR(field("Access-Control-Expose-Headers"), "");
    CHECK_STR(field("Vary"), "Origin");
    CHECK_INT(ask("GET", "/a", NULL), ==, 200);
    CHECK_STR(field("Access-Control-Allow-Origin"), "");
    close_app();
    /* Fetch, section 3.2.5: credentials of everybody's would be a hole. */
    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_cors, &wrong));
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_INT(ask("GET", "/a", NULL), ==, 500);
    close_app();
    return 0;
}

/* --- credentials --- */

static int check_name(struct coil_http_exchange *exchange, const char *name, const char *secret,
                      void *user)
{
    CHECK(exchange != NULL);
    CHECK_STR(user, "auth");
    if (strcmp(secret, "broken") == 0) {
        return -EIO;
    }
    if (strcmp(secret, "known") == 0) {
        return -EACCES;
    }
    return (!name || strcmp(name, "Aladdin") == 0) && coil_app_secret_is("open sesame", secret);
}

static int check_token(struct coil_http_exchange *exchange, const char *name, const char *secret,
                       void *user)
{
    CHECK(name == NULL);
    return coil_app_secret_is("a.token_of-letters~+/==", secret)
               ? 1
               : check_name(exchange, name, secret, user);
}

static char auth_user[] = "auth";

static unsigned with(const char *credentials)
{
    return ask_with("GET", "/a", FIELDS({"Authorization", credentials}), NULL);
}

/* RFC 6750, sections 2.1 and 3. */
TASK_TEST(guards_bearer)
{
    static const struct coil_app_auth auth = {.check = check_token, .user = auth_user};

    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_bearer_auth, (void *)(uintptr_t)&auth));
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_INT(with("Bearer a.token_of-letters~+/=="), ==, 200);
    CHECK_INT(with("bearer   a.token_of-letters~+/=="), ==, 200);
    CHECK_INT(ask("GET", "/a", NULL), ==, 401);
    CHECK_STR(field("WWW-Authenticate"), "Bearer realm=\"api\"");
    CHECK_STR(field("Content-Type"), "application/problem+json");
    CHECK_INT(with("Bearer nonsense"), ==, 401);
    CHECK_STR(field("WWW-Authenticate"), "Bearer realm=\"api\", error=\"invalid_token\"");
    CHECK_INT(with("Bearer a b"), ==, 401);
    CHECK_INT(with("Bearer ="), ==, 401);
    CHECK_INT(with("Bearer"), ==, 401);
    CHECK_INT(with("Bearera.token_of-letters~+/=="), ==, 401);
    CHECK_INT(with("Basic a.token_of-letters~+/=="), ==, 401);
    CHECK_INT(with("Bearer known"), ==, 403);
    CHECK_INT(heard.count, ==, 0);
    CHECK_INT(with("Bearer broken"), ==, 500);
    CHECK_ERR(heard.error, -EIO);
    /* Two fields: nobody knows which one counts (RFC 9110, section 5.3). */
    CHECK_INT(ask_with("GET", "/a",
                       FIELDS({"Authorization", "Bearer a.token_of-letters~+/=="},
                              {"Authorization", "Bearer a.token_of-letters~+/=="}),
                       NULL),
              ==, 401);
    close_app();
    return 0;
}

/* RFC 7617, section 2. */
TASK_TEST(guards_basic)
{
    static const struct coil_app_auth auth = {
        .check = check_name, .user = auth_user, .realm = "cave"};
    static const struct coil_app_auth wrong = {.check = check_name, .realm = "a\"b"};

    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_basic_auth, (void *)(uintptr_t)&auth));
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_INT(with("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), ==, 200);
    CHECK_INT(with("BASIC QWxhZGRpbjpvcGVuIHNlc2FtZQ"), ==, 200);
    CHECK_INT(ask("GET", "/a", NULL), ==, 401);
    CHECK_STR(field("WWW-Authenticate"), "Basic realm=\"cave\", charset=\"UTF-8\"");
    CHECK_INT(with("Basic QWxhZGRpbjpvcGVuIHNlc2FtZA=="), ==, 401);
    CHECK_INT(with("Basic QWxhZGRpbg=="), ==, 401); /* no colon */
    CHECK_INT(with("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ="), ==, 401);
    CHECK_INT(with("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==="), ==, 401);
    CHECK_INT(with("Basic QWxhZGRpbjp!"), ==, 401);
    CHECK_INT(with("Basic Q"), ==, 401);
    CHECK_INT(with("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQA="), ==, 401); /* a NUL behind it */
    CHECK_INT(with("Basic QTprbm93bg=="), ==, 403);
    close_app();
    open_app(NULL);
    CHECK_OK(coil_app_use(app, coil_app_basic_auth, (void *)(uintptr_t)&wrong));
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_INT(ask("GET", "/a", NULL), ==, 500);
    close_app();
    return 0;
}

COIL_TEST(guards_secrets)
{
    CHECK(coil_app_secret_is("", ""));
    CHECK(coil_app_secret_is("abc", "abc"));
    CHECK(!coil_app_secret_is("abc", "abd"));
    CHECK(!coil_app_secret_is("abc", "ab"));
    CHECK(!coil_app_secret_is("abc", "abcd"));
    CHECK(!coil_app_secret_is("abc", ""));
    CHECK(!coil_app_secret_is("", "a"));
    CHECK(!coil_app_secret_is(NULL, "a"));
    CHECK(!coil_app_secret_is("a", NULL));
    CHECK(!coil_app_secret_is(NULL, NULL));
}

/* --- rates --- */

static int key_of_field(struct coil_http_exchange *exchange, char *buf, size_t size, void *user)
{
    const char *key = coil_http_get_field(exchange, "X-Key");

    (void)user;
    if (!key) {
        return -ENOENT;
    }
    snprintf(buf, size, "%s", key);
    return 0;
}

static unsigned as(const char *key)
{
    return ask_with("GET", "/a", FIELDS({"X-Key", key}), NULL);
}

static struct coil_app_rate *open_rate(const struct coil_app_rate_options *options)
{
    struct coil_app_rate *rate = NULL;

    open_app(NULL);
    CHECK_OK(coil_app_rate_new(options, &rate));
    CHECK_OK(coil_app_use(app, coil_app_rate_limit, rate));
    CHECK_OK(coil_app_add(app, routes, NULL));
    return rate;
}

TASK_TEST(guards_rate)
{
    struct coil_app_rate_options options = {.per_second = 0.01, .burst = 3, .key = key_of_field};
    struct coil_app_rate *rate = open_rate(&options);

    for (int i = 0; i < 3; i++) {
        CHECK_INT(as("ann"), ==, 200);
    }
    CHECK_INT(as("ann"), ==, 429); /* RFC 6585, section 4 */
    CHECK(strcmp(field("Retry-After"), "100") == 0 || strcmp(field("Retry-After"), "99") == 0 ||
          test_is_torture());
    CHECK_INT(as("bob"), ==, 200);
    CHECK_INT(as("ann"), ==, 429);
    CHECK_INT(ask("GET", "/a", NULL), ==, 200); /* who has no key is not counted */
    close_app();
    coil_app_rate_free(rate);
    return 0;
}

TASK_TEST(guards_rate_fills_up)
{
    struct coil_app_rate_options options = {.per_second = 100, .burst = 1, .key = key_of_field};
    struct coil_app_rate *rate;

    if (!test_backend_is("sim")) {
        test_skip("needs simulated time");
    }
    rate = open_rate(&options);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(as("ann"), ==, 200);
        CHECK_INT(as("ann"), ==, 429);
        CHECK_STR(field("Retry-After"), "1");
        CHECK_OK(coil_sleep(10 * COIL_MSEC));
    }
    close_app();
    coil_app_rate_free(rate);
    return 0;
}

/* The table is bounded: of many clients some are forgotten, and nobody is refused by that. */
TASK_TEST(guards_rate_is_bounded)
{
    struct coil_app_rate_options options = {
        .per_second = 0.001, .burst = 2, .max_clients = 16, .key = key_of_field};
    struct coil_app_rate *rate = open_rate(&options);
    char key[32];

    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "client%d", i);
        CHECK_INT(as(key), ==, 200);
    }
    CHECK_INT(as(key), ==, 200);
    CHECK_INT(as(key), ==, 429);
    close_app();
    coil_app_rate_free(rate);
    return 0;
}

/* Without a socket all are one client. */
TASK_TEST(guards_rate_by_default)
{
    struct coil_app_rate *rate = open_rate(NULL);
    int good = 0;

    for (int i = 0; i < 20; i++) {
        good += ask("GET", "/a", NULL) == 200;
    }
    CHECK_INT(good, ==, 20);
    close_app();
    coil_app_rate_free(rate);
    return 0;
}

TASK_TEST(guards_rate_refuses)
{
    struct coil_app_rate *rate = NULL;
    struct coil_app_rate_options options = {.per_second = -1};

    CHECK_ERR(coil_app_rate_new(&options, &rate), -EINVAL);
    options = (struct coil_app_rate_options){.per_second = 0.0 / 1e-300 * 1e300};
    options.max_clients = 20 * 1000 * 1000;
    CHECK_ERR(coil_app_rate_new(&options, &rate), -EINVAL);
    CHECK_ERR(coil_app_rate_new(NULL, NULL), -EINVAL);
    CHECK(rate == NULL);
    options = (struct coil_app_rate_options){.per_second = 1e-6, .burst = 4000000000U};
    CHECK_OK(coil_app_rate_new(&options, &rate));
    coil_app_rate_free(rate);
    coil_app_rate_free(NULL);
    return 0;
}

/* --- over a socket --- */

static int ask_by_socket(uint16_t port, char *buf, size_t size)
{
    static const char request[] = "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct coil_stream *stream = NULL;
    size_t length = 0;
    ssize_t n = 1;

    CHECK_OK(coil_open_connection("127.0.0.1", port, NULL, &stream));
    CHECK_INT(coil_stream_write(stream, request, strlen(request)), ==, (int64_t)strlen(request));
    while (n > 0 && length < size - 1) {
        n = coil_stream_read(stream, buf + length, size - 1 - length);
        length += n > 0 ? (size_t)n : 0;
    }
    buf[length] = '\0';
    coil_stream_close(stream);
    return 0;
}

/* The peer's address is the key, whatever its port. */
TASK_TEST(guards_rate_by_address)
{
    struct coil_app_rate_options options = {.per_second = 0.001, .burst = 2};
    struct coil_app_rate *rate = open_rate(&options);
    struct coil_http_server *server = NULL;
    char buf[1024];
    int port;

    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, coil_app_handle, app, &server));
    port = coil_http_server_get_port(server);
    for (int i = 0; i < 3; i++) {
        ask_by_socket((uint16_t)port, buf, sizeof buf);
        CHECK_MSG(strncmp(buf, i < 2 ? "HTTP/1.1 200" : "HTTP/1.1 429", 12) == 0, "%s", buf);
    }
    CHECK_OK(coil_http_server_close(server, COIL_SEC));
    close_app();
    coil_app_rate_free(rate);
    return 0;
}

static int run_serve(void *arg)
{
    return coil_app_serve(app, "127.0.0.1", *(const uint16_t *)arg, NULL);
}

TASK_TEST(guards_serve_until_cancelled)
{
    static uint16_t any_port = 0;
    struct coil_task *task;

    open_app(NULL);
    CHECK_OK(coil_app_add(app, routes, NULL));
    task = coil_create_task(run_serve, &any_port);
    yield_times(3);
    CHECK_OK(coil_cancel(task));
    CHECK_ERR(coil_await(task), -ECANCELED);
    close_app();
    return 0;
}
