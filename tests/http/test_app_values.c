/* Parameters of the query and fields of forms: kinds, bounds, defaults, all errors at once. */
#include "app_talk.h"

#include <inttypes.h>

static const char *const orders[] = {"title", "date", NULL};
static const struct coil_app_param params[] = {
    {.name = "limit",
     .kind = COIL_APP_INT,
     .default_text = "20",
     .is_bounded = true,
     .min = 1,
     .max = 100},
    {.name = "q", .is_required = true, .is_bounded = true, .min = 2, .max = 8},
    {.name = "order", .default_text = "date", .choices = orders},
    {.name = "price", .kind = COIL_APP_NUMBER, .is_bounded = true, .min = 0, .max = INT64_MAX},
    {.name = "all", .kind = COIL_APP_BOOL},
    {.name = NULL},
};

/* What the handler sees. */
static int show(struct coil_http_exchange *exchange, void *user)
{
    const char *q = coil_app_text(exchange, "q");
    const char *order = coil_app_text(exchange, "order");
    int64_t limit = -1;
    double price = -1;
    bool all = false;
    char text[256];
    int has_limit = coil_app_get_int(exchange, "limit", &limit);
    int has_price = coil_app_get_number(exchange, "price", &price);
    int has_all = coil_app_get_bool(exchange, "all", &all);

    (void)user;
    CHECK_ERR(coil_app_get_int(exchange, "q", &limit), -EINVAL);
    CHECK_ERR(coil_app_get_int(exchange, "nothing", &limit), -EINVAL);
    snprintf(text, sizeof text, "%d:%" PRId64 " %s %s %d:%g %d:%d", has_limit, limit, q, order,
             has_price, price, has_all, all);
    return coil_app_reply_text(exchange, 200, text);
}

static const struct coil_app_route routes[] = {
    {"GET", "/search", show, .query = params}, {"POST", "/form", show, .form = params}, {NULL}};

static void open_routes(void)
{
    open_app(NULL);
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK(coil_app_error(app) == NULL);
}

TASK_TEST(values_of_a_query)
{
    open_routes();
    CHECK_GET("/search?q=ab", 200, "1:20 ab date 0:-1 0:0");
    CHECK_GET("/search?q=a+b%C3%A9&limit=100&order=title&price=1.5e1&all=yes&more=1", 200,
              "1:100 a b\xC3\xA9 title 1:15 1:1");
    CHECK_GET("/search?%71=ab&all=off&price=0", 200, "1:20 ab date 1:0 1:0");
    CHECK_GET("/search?&&q=abcdefgh&", 200, "1:20 abcdefgh date 0:-1 0:0");
    close_app();
    return 0;
}

/* All of it at once, each with its name and the reason. */
TASK_TEST(values_that_are_wrong)
{
    open_routes();
    CHECK_GET("/search?limit=0&order=name&price=-1&all=maybe", 422,
              "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
              "\"detail\":\"What was sent is not what is wanted.\",\"errors\":["
              "{\"in\":\"query\",\"field\":\"limit\",\"code\":\"range\","
              "\"message\":\"must be at least 1\"},"
              "{\"in\":\"query\",\"field\":\"order\",\"code\":\"enum\","
              "\"message\":\"must be one of title, date\"},"
              "{\"in\":\"query\",\"field\":\"price\",\"code\":\"range\","
              "\"message\":\"must be at least 0\"},"
              "{\"in\":\"query\",\"field\":\"all\",\"code\":\"type\","
              "\"message\":\"must be true or false\"},"
              "{\"in\":\"query\",\"field\":\"q\",\"code\":\"missing\","
              "\"message\":\"must be given\"}]}");
    CHECK_STR(field("Content-Type"), "application/problem+json");
    CHECK_INT(ask("GET", "/search?q=a", NULL), ==, 422);
    CHECK_HAS("\"code\":\"length\",\"message\":\"must have at least 2 bytes\"");
    CHECK_INT(ask("GET", "/search?q=abcdefghi", NULL), ==, 422);
    CHECK_HAS("must have at most 8 bytes");
    CHECK_INT(ask("GET", "/search?q=ab&limit=101", NULL), ==, 422);
    CHECK_HAS("must be at most 100");
    CHECK_INT(ask("GET", "/search?q=ab&q=ab", NULL), ==, 422);
    CHECK_HAS("\"code\":\"duplicate\"");
    CHECK_INT(ask("GET", "/search", NULL), ==, 422);
    CHECK_INT(heard.count, ==, 0);
    close_app();
    return 0;
}

TASK_TEST(values_that_are_none)
{
    static const char *const bad[] = {
        "limit=",    "limit=1.0", "limit=%31x", "limit=+1",   "limit=99999999999999999999",
        "price=",    "price=1,5", "price=.5",   "price=0x10", "price=1e999",
        "price=nan", "price=1}",  "price=--1",  "all=",       "all=TRUE",
        "order=",    "q=%00ab",   "q=ab%ff",    "q=%c0%afab", "q=%ed%a0%80",
    };
    char target[128];

    open_routes();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(target, sizeof target, "/search?%s%s", *bad[i] == 'q' ? "" : "q=ab&", bad[i]);
        CHECK_INT(ask("GET", target, NULL), ==, 422);
    }
    close_app();
    return 0;
}

TASK_TEST(values_by_the_thousand)
{
    static char target[8000] = "/search?q=ab";

    open_routes();
    for (int i = 0; i < 255; i++) {
        strcat(target, "&x=1");
    }
    CHECK_INT(ask("GET", target, NULL), ==, 200);
    for (int i = 0; i < 1500; i++) {
        strcat(target, "&x=1");
    }
    CHECK_INT(ask("GET", target, NULL), ==, 400);
    CHECK_HAS("too many parameters");
    /* Many errors of one parameter: the list is bounded. */
    strcpy(target, "/search?q=ab");
    for (int i = 0; i < 200; i++) {
        strcat(target, "&q=1");
    }
    CHECK_INT(ask("GET", target, NULL), ==, 422);
    CHECK_INT(answer.size, <, 4000);
    close_app();
    return 0;
}

static unsigned post_form(const char *type, const char *body)
{
    return ask_with("POST", "/form", FIELDS({"Content-Type", type}), body);
}

TASK_TEST(values_of_a_form)
{
    const char *form = "application/x-www-form-urlencoded";

    open_routes();
    CHECK_INT(post_form(form, "q=a+b&limit=7"), ==, 200);
    CHECK_STR(answer.body, "1:7 a b date 0:-1 0:0");
    CHECK_INT(post_form("Application/X-WWW-Form-Urlencoded; charset=utf-8", "q=ab"), ==, 200);
    CHECK_INT(post_form(form, "limit=x"), ==, 422);
    CHECK_HAS("{\"in\":\"form\",\"field\":\"limit\",\"code\":\"type\"");
    CHECK_HAS("{\"in\":\"form\",\"field\":\"q\",\"code\":\"missing\"");
    /* RFC 9110, section 15.5.16. */
    CHECK_INT(post_form("text/plain", "q=ab"), ==, 415);
    CHECK_STR(field("Accept"), "application/x-www-form-urlencoded");
    CHECK_INT(ask_with("POST", "/form", NULL, "q=ab"), ==, 415);
    CHECK_INT(ask("POST", "/form", NULL), ==, 422);
    close_app();
    return 0;
}

/* --- declarations --- */

static void check_refused(const struct coil_app_route *route, const char *sentence)
{
    const struct coil_app_route list[] = {*route, {NULL}};

    open_app(NULL);
    CHECK_ERR(coil_app_add(app, list, NULL), -EINVAL);
    CHECK_STR(coil_app_error(app), sentence);
    close_app();
}

TASK_TEST(values_declared_wrongly)
{
    static const struct coil_app_param bounds[] = {{.name = "a",
                                                    .kind = COIL_APP_INT,
                                                    .default_text = "0",
                                                    .is_bounded = true,
                                                    .min = 1,
                                                    .max = 2},
                                                   {.name = NULL}};
    static const struct coil_app_param crossed[] = {
        {.name = "a", .is_bounded = true, .min = 2, .max = 1}, {.name = NULL}};
    static const struct coil_app_param choice[] = {
        {.name = "a", .default_text = "x", .choices = orders}, {.name = NULL}};
    static const struct coil_app_param twice[] = {{.name = "a"}, {.name = "a"}, {.name = NULL}};
    static const struct coil_app_param one[] = {{.name = "a"}, {.name = NULL}};

    check_refused(&(struct coil_app_route){"GET", "/x", show, .query = bounds},
                  "\"/x\": the default of \"a\" must be at least 1");
    check_refused(&(struct coil_app_route){"GET", "/x", show, .form = choice},
                  "\"/x\": the default of \"a\" must be one of title, date");
    check_refused(&(struct coil_app_route){"GET", "/x", show, .query = crossed},
                  "\"/x\": parameter \"a\" is of no kind that is");
    check_refused(&(struct coil_app_route){"GET", "/x", show, .query = twice},
                  "GET \"/x\": two parameters \"a\"");
    check_refused(&(struct coil_app_route){"GET", "/x/{a}", show, .query = one},
                  "GET \"/x/{a}\": two parameters \"a\"");
    check_refused(&(struct coil_app_route){"POST", "/x", show, .query = one, .form = one},
                  "POST \"/x\": two parameters \"a\"");
    return 0;
}
