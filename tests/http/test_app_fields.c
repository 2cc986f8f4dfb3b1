/* Parameters that come in the head: headers and cookies, which kinds and errors they have. */
#include "app_talk.h"

#include <inttypes.h>

static const char *const channels[] = {"beta", "stable", NULL};
static const struct coil_app_param headers[] = {
    {.name = "X-Version",
     .kind = COIL_APP_INT,
     .default_text = "1",
     .is_bounded = true,
     .min = 1,
     .max = 3},
    {.name = "X-Token", .is_required = true, .is_bounded = true, .min = 2, .max = 8},
    {.name = "x-channel", .choices = channels, .description = "Which <one>"},
    {0}};
static const struct coil_app_param cookies[] = {
    {.name = "visits", .kind = COIL_APP_INT, .default_text = "0"},
    {.name = "theme", .choices = (const char *const[]){"dark", "light", NULL}},
    {.name = "quick", .kind = COIL_APP_BOOL},
    {0}};
static const struct coil_app_param query[] = {{.name = "limit", .kind = COIL_APP_INT}, {0}};
static const struct coil_app_param form[] = {{.name = "note", .is_required = true}, {0}};

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static char well[] = "well"; /* what the other handler says */

/* What the handler sees. */
static int show(struct coil_http_exchange *exchange, void *user)
{
    char text[512];
    int64_t version = -1;
    int64_t visits = -1;
    bool quick = false;
    int has_quick = coil_app_get_bool(exchange, "quick", &quick);

    (void)user;
    CHECK_INT(coil_app_get_int(exchange, "X-Version", &version), ==, 1);
    CHECK_INT(coil_app_get_int(exchange, "visits", &visits), ==, 1);
    CHECK_ERR(coil_app_get_int(exchange, "X-Token", &version), -EINVAL);
    CHECK_ERR(coil_app_get_int(exchange, "Host", &version), -EINVAL);
    snprintf(text, sizeof text, "%" PRId64 " %s %s | %" PRId64 " %s %d:%d", version,
             or_dash(coil_app_text(exchange, "X-Token")),
             or_dash(coil_app_text(exchange, "x-channel")), visits,
             or_dash(coil_app_text(exchange, "theme")), has_quick, quick);
    return coil_app_reply_text(exchange, 200, text);
}

static const struct coil_app_route routes[] = {
    COIL_APP_GET("/fields", show, .headers = headers, .cookies = cookies),
    COIL_APP_POST("/all/{id:int}", say_user, .query = query, .headers = headers, .cookies = cookies,
                  .form = form),
    {0},
};

static void open_routes(void)
{
    open_app(NULL);
    CHECK_OK(coil_app_add(app, routes, well));
}

static unsigned get(const struct coil_http_field *fields)
{
    return ask_with("GET", "/fields", fields, NULL);
}

TASK_TEST(app_fields_are_typed)
{
    open_routes();
    CHECK_INT(get(FIELDS({"X-Token", "abc"})), ==, 200);
    CHECK_STR(answer.body, "1 abc - | 0 - 0:0");
    /* Names of fields have no case (RFC 9110, section 5.1), those of cookies do. */
    CHECK_INT(
        get(FIELDS({"x-TOKEN", "\xC3\xA9t\xC3\xA9"}, {"X-VERSION", "3"}, {"X-Channel", "beta"},
                   {"cookie", "a=b; visits=7;theme=dark ; quick=on; Theme=x"})),
        ==, 200);
    CHECK_STR(answer.body, "3 \xC3\xA9t\xC3\xA9 beta | 7 dark 1:1");
    close_app();
    return 0;
}

/* Each with its place, its name and the reason. */
TASK_TEST(app_fields_that_are_wrong)
{
    open_routes();
    CHECK_INT(get(FIELDS({"X-Version", "4"}, {"X-Channel", "x"},
                         {"Cookie", "visits=many; theme=; quick=\"on\""})),
              ==, 422);
    CHECK_STR(field("Content-Type"), "application/problem+json");
    CHECK_HAS("[{\"in\":\"header\",\"field\":\"X-Version\",\"code\":\"range\","
              "\"message\":\"must be at most 3\"},"
              "{\"in\":\"header\",\"field\":\"x-channel\",\"code\":\"enum\","
              "\"message\":\"must be one of beta, stable\"},"
              "{\"in\":\"header\",\"field\":\"X-Token\",\"code\":\"missing\","
              "\"message\":\"must be given\"},"
              "{\"in\":\"cookie\",\"field\":\"visits\",\"code\":\"type\","
              "\"message\":\"must be an integer\"},"
              "{\"in\":\"cookie\",\"field\":\"theme\",\"code\":\"enum\","
              "\"message\":\"must be one of dark, light\"},"
              "{\"in\":\"cookie\",\"field\":\"quick\",\"code\":\"type\","
              "\"message\":\"must be true or false\"}]");
    CHECK_INT(get(FIELDS({"X-Token", "a"})), ==, 422);
    CHECK_HAS("must have at least 2 bytes");
    CHECK_INT(get(FIELDS({"X-Token", "ab\xFF"})), ==, 422);
    CHECK_HAS("\"field\":\"X-Token\",\"code\":\"type\",\"message\":\"must be text in UTF-8\"");
    CHECK_INT(get(FIELDS({"X-Token", ""})), ==, 422);
    CHECK_INT(heard.count, ==, 0);
    close_app();
    return 0;
}

/* RFC 9110, section 5.3: several fields of one name are a list; nothing but text can be one. */
TASK_TEST(app_fields_that_come_twice)
{
    open_routes();
    CHECK_INT(get(FIELDS({"X-Token", "ab"}, {"Accept", "*/*"}, {"x-token", "cd"})), ==, 200);
    CHECK_STR(answer.body, "1 ab, cd - | 0 - 0:0");
    CHECK_INT(get(FIELDS({"X-Token", "ab"}, {"X-Token", ""}, {"X-Token", "cdef"})), ==, 422);
    CHECK_HAS("must have at most 8 bytes"); /* "ab, , cdef" */
    CHECK_INT(get(FIELDS({"X-Token", "ab"}, {"X-Version", "1"}, {"X-Version", "1"})), ==, 422);
    CHECK_HAS("\"in\":\"header\",\"field\":\"X-Version\",\"code\":\"duplicate\"");
    /* Of cookies the first one counts (RFC 6265, section 5.4), in several fields too. */
    CHECK_INT(get(FIELDS({"X-Token", "ab"}, {"Cookie", "visits=1; visits=x"},
                         {"Cookie", "visits=2; theme=dark"})),
              ==, 200);
    CHECK_STR(answer.body, "1 ab - | 1 dark 0:0");
    close_app();
    return 0;
}

TASK_TEST(app_fields_by_the_hundred)
{
    static char field_text[4000];

    open_routes();
    for (int i = 0; i < 256; i++) {
        strcat(field_text, "a=b; ");
    }
    CHECK_INT(get(FIELDS({"X-Token", "ab"}, {"Cookie", field_text})), ==, 200);
    strcat(field_text, "visits=1");
    CHECK_INT(get(FIELDS({"X-Token", "ab"}, {"Cookie", field_text})), ==, 400);
    CHECK_HAS("too many parameters");
    /* What has no name, or no '=', is none. */
    CHECK_INT(get(FIELDS({"X-Token", "ab"}, {"Cookie", ";;; =x; visits; visits=; ;"})), ==, 422);
    CHECK_HAS("\"field\":\"visits\",\"code\":\"type\"");
    close_app();
    return 0;
}

/* All places at once. */
TASK_TEST(app_fields_beside_other_parameters)
{
    open_routes();
    CHECK_INT(ask_with("POST", "/all/1?limit=x",
                       FIELDS({"Content-Type", "application/x-www-form-urlencoded"},
                              {"Cookie", "visits=x"}),
                       "more=1"),
              ==, 422);
    CHECK_HAS("[{\"in\":\"query\",\"field\":\"limit\"");
    CHECK_HAS(",{\"in\":\"header\",\"field\":\"X-Token\"");
    CHECK_HAS(",{\"in\":\"cookie\",\"field\":\"visits\"");
    CHECK_HAS(",{\"in\":\"form\",\"field\":\"note\"");
    CHECK_INT(
        ask_with("POST", "/all/1?limit=1",
                 FIELDS({"Content-Type", "application/x-www-form-urlencoded"}, {"X-Token", "ab"}),
                 "note=1"),
        ==, 200);
    close_app();
    return 0;
}

TASK_TEST(app_fields_in_the_documents)
{
    const char *document;

    open_routes();
    document = coil_app_openapi(app);
    CHECK(strstr(document, "{\"name\":\"X-Version\",\"in\":\"header\",\"schema\":{\"type\":"
                           "\"integer\",\"format\":\"int64\",\"minimum\":1,\"maximum\":3,"
                           "\"default\":1}}"));
    CHECK(strstr(document, "{\"name\":\"X-Token\",\"in\":\"header\",\"required\":true,"));
    CHECK(strstr(document, "{\"name\":\"x-channel\",\"in\":\"header\",\"description\":"));
    CHECK(strstr(document, "{\"name\":\"quick\",\"in\":\"cookie\",\"schema\":{\"type\":"
                           "\"boolean\"}}]"));
    close_app();
    return 0;
}

/* --- declarations --- */

static void check_refused(const struct coil_app_route *route, const char *sentence)
{
    const struct coil_app_route list[] = {*route, {0}};

    open_app(NULL);
    CHECK_ERR(coil_app_add(app, list, NULL), -EINVAL);
    CHECK_STR(coil_app_error(app), sentence);
    close_app();
}

TASK_TEST(app_fields_declared_wrongly)
{
    static const struct coil_app_param no_token[] = {{.name = "a b"}, {0}};
    static const struct coil_app_param file[] = {{.name = "f", .kind = COIL_APP_FILE}, {0}};
    static const struct coil_app_param cases[] = {{.name = "X-A"}, {.name = "x-a"}, {0}};
    static const struct coil_app_param one[] = {{.name = "id"}, {0}};

    check_refused(&(struct coil_app_route){"GET", "/x", show, .headers = no_token},
                  "\"/x\": parameter \"a b\" is of no kind that is");
    check_refused(&(struct coil_app_route){"GET", "/x", show, .cookies = no_token},
                  "\"/x\": parameter \"a b\" is of no kind that is");
    check_refused(&(struct coil_app_route){"GET", "/x", show, .headers = file},
                  "\"/x\": parameter \"f\" is of no kind that is");
    check_refused(&(struct coil_app_route){"GET", "/x", show, .headers = cases},
                  "GET \"/x\": two parameters \"x-a\"");
    check_refused(&(struct coil_app_route){"GET", "/x/{id}", show, .cookies = one},
                  "GET \"/x/{id}\": two parameters \"id\"");
    check_refused(&(struct coil_app_route){"GET", "/x", show, .headers = one, .cookies = one},
                  "GET \"/x\": two parameters \"id\"");
    open_app(NULL);
    CHECK_OK(coil_app_add(
        app, (const struct coil_app_route[]){{"GET", "/x", say_user, .cookies = cases}, {0}},
        NULL)); /* they are two cookies */
    close_app();
    return 0;
}
