/* Parameters that may be given several times: in a query, and in a form of either encoding. */
#include "app_talk.h"

#define TYPE "multipart/form-data; boundary=XX"
#define PART(disposition, data)                                                                    \
    "--XX\r\nContent-Disposition: form-data; " disposition "\r\n\r\n" data "\r\n"
#define END "--XX--\r\n"

static const struct coil_app_param params[] = {
    {.name = "tag", .is_list = true, .is_bounded = true, .min = 1, .max = 8},
    {.name = "id", .kind = COIL_APP_INT, .is_list = true, .is_required = true},
    {.name = "on", .kind = COIL_APP_BOOL, .is_list = true},
    {.name = "x", .kind = COIL_APP_NUMBER, .is_list = true},
    {.name = "one"},
    {.name = NULL}};
static const struct coil_app_param files[] = {
    {.name = "file", .kind = COIL_APP_FILE, .is_list = true, .is_required = true},
    {.name = "tag", .is_list = true},
    {.name = NULL}};

/* What the list holds, in brackets. */
static void add_list(struct coil_http_exchange *exchange, const char *name, char *text)
{
    const struct coil_app_value *values;
    size_t count;

    CHECK_OK(coil_app_get_list(exchange, name, &values, &count));
    text += strlen(text);
    text += sprintf(text, "[");
    for (size_t i = 0; i < count; i++) {
        text +=
            sprintf(text, "%s%s %d %g%s%s", i > 0 ? "," : "", values[i].text,
                    (int)values[i].integer, values[i].number, values[i].file.filename ? " " : "",
                    values[i].file.filename ? values[i].file.filename : "");
        CHECK(!values[i].file.filename || values[i].file.data == values[i].text);
    }
    sprintf(text, "]");
}

static int show(struct coil_http_exchange *exchange, void *user)
{
    const struct coil_app_value *values;
    const char *one;
    char text[4096] = "";
    size_t count;
    int64_t id;

    (void)user;
    add_list(exchange, "tag", text);
    add_list(exchange, "id", text);
    add_list(exchange, "on", text);
    add_list(exchange, "x", text);
    CHECK_ERR(coil_app_get_int(exchange, "id", &id), -EINVAL); /* which one? */
    CHECK_ERR(coil_app_get_text(exchange, "tag", &one), -EINVAL);
    CHECK_ERR(coil_app_get_list(exchange, "one", &values, &count), -EINVAL);
    CHECK_ERR(coil_app_get_list(exchange, "none", &values, &count), -EINVAL);
    CHECK_ERR(coil_app_get_list(exchange, "tag", NULL, &count), -EINVAL);
    CHECK_ERR(coil_app_get_list(exchange, "tag", &values, NULL), -EINVAL);
    CHECK_ERR(coil_app_get_list(NULL, "tag", &values, &count), -EINVAL);
    return coil_app_reply_text(exchange, 200, text);
}

static int show_files(struct coil_http_exchange *exchange, void *user)
{
    char text[4096] = "";

    (void)user;
    add_list(exchange, "file", text);
    add_list(exchange, "tag", text);
    return coil_app_reply_text(exchange, 200, text);
}

static const struct coil_app_route routes[] = {COIL_APP_GET("/search", show, .query = params),
                                               COIL_APP_POST("/form", show, .form = params),
                                               COIL_APP_POST("/files", show_files, .form = files),
                                               {NULL}};

static void open_routes(void)
{
    open_app(NULL);
    CHECK_OK(coil_app_add(app, routes, NULL));
}

TASK_TEST(lists_of_a_query)
{
    open_routes();
    CHECK_GET("/search?id=7", 200, "[][7 7 0][][]");
    CHECK_INT(ask("GET", "/search?tag=a&id=1&tag=b%20c&on=yes&id=-2&tag=&tag=d", NULL), ==, 422);
    CHECK_HAS("{\"in\":\"query\",\"field\":\"tag[2]\",\"code\":\"length\"");
    CHECK_GET("/search?tag=a&id=1&tag=b%20c&on=yes&id=-2&tag=d&x=1.5&on=0&tag=e&tag=f", 200,
              "[a 0 0,b c 0 0,d 0 0,e 0 0,f 0 0][1 1 0,-2 -2 0][yes 1 0,0 0 0][1.5 0 1.5]");
    close_app();
    return 0;
}

TASK_TEST(lists_that_are_wrong)
{
    open_routes();
    CHECK_INT(ask("GET", "/search?id=1&id=x&x=1&x=y&id=", NULL), ==, 422);
    CHECK_HAS("\"field\":\"id[1]\",\"code\":\"type\",\"message\":\"must be an integer\"");
    CHECK_HAS("\"field\":\"x[1]\",\"code\":\"type\"");
    CHECK_HAS("\"field\":\"id[2]\",\"code\":\"type\"");
    CHECK_INT(ask("GET", "/search?tag=a", NULL), ==, 422);
    CHECK_HAS("\"field\":\"id\",\"code\":\"missing\"");
    CHECK_INT(ask("GET", "/search?id=1&one=a&one=b", NULL), ==, 422);
    CHECK_HAS("\"field\":\"one\",\"code\":\"duplicate\"");
    close_app();
    return 0;
}

TASK_TEST(lists_of_hundreds)
{
    static char target[8000] = "/search?id=0";
    size_t commas = 0;

    open_routes();
    for (int i = 1; i < 200; i++) {
        sprintf(target + strlen(target), "&id=%d", i);
    }
    CHECK_INT(ask("GET", target, NULL), ==, 200);
    for (const char *at = answer.body; *at; at++) {
        commas += *at == ',';
    }
    CHECK_INT(commas, ==, 199);
    CHECK_HAS(",199 199 0]");
    for (int i = 0; i < 200; i++) {
        strcat(target, "&id=1");
    }
    CHECK_INT(ask("GET", target, NULL), ==, 400); /* more than anybody may send */
    close_app();
    return 0;
}

static unsigned post(const char *path, const char *type, const char *body)
{
    return ask_with("POST", path, FIELDS({"Content-Type", type}), body);
}

TASK_TEST(lists_of_a_form)
{
    open_routes();
    CHECK_INT(post("/form", "application/x-www-form-urlencoded", "id=1&tag=a+b&id=2&tag=c"), ==,
              200);
    CHECK_STR(answer.body, "[a b 0 0,c 0 0][1 1 0,2 2 0][][]");
    CHECK_INT(post("/form", TYPE,
                   PART("name=id", "1") PART("name=tag", "a") PART("name=id", "2")
                       PART("name=tag", "b") END),
              ==, 200);
    CHECK_STR(answer.body, "[a 0 0,b 0 0][1 1 0,2 2 0][][]");
    close_app();
    return 0;
}

/* As a browser sends what was chosen in one <input type=file multiple>. */
TASK_TEST(lists_of_files)
{
    open_routes();
    CHECK_INT(post("/files", TYPE,
                   PART("name=file;filename=a.txt", "one") PART("name=tag", "t") PART(
                       "name=file;filename=b.txt", "") PART("name=file;filename=c", "three") END),
              ==, 200);
    CHECK_STR(answer.body, "[one 0 0 a.txt, 0 0 b.txt,three 0 0 c][t 0 0]");
    CHECK_INT(post("/files", TYPE, PART("name=file;filename=\"\"", "") END), ==, 422);
    CHECK_HAS("\"field\":\"file\",\"code\":\"missing\"");
    CHECK_INT(
        post("/files", TYPE, PART("name=file;filename=a.txt", "one") PART("name=file", "text") END),
        ==, 422);
    CHECK_HAS("\"field\":\"file[1]\",\"code\":\"type\",\"message\":\"must be a file\"");
    close_app();
    return 0;
}

static void check_refused(const struct coil_app_route *route)
{
    const struct coil_app_route list[] = {*route, {NULL}};

    open_app(NULL);
    CHECK_ERR(coil_app_add(app, list, NULL), -EINVAL);
    CHECK_STR(coil_app_error(app), "\"/x\": parameter \"a\" is of no kind that is");
    close_app();
}

TASK_TEST(lists_declared_wrongly)
{
    static const struct coil_app_param given[] = {
        {.name = "a", .is_list = true, .default_text = "x"}, {.name = NULL}};
    static const struct coil_app_param list[] = {{.name = "a", .is_list = true}, {.name = NULL}};

    check_refused(&(struct coil_app_route){"GET", "/x", show, .query = given});
    check_refused(&(struct coil_app_route){"GET", "/x", show, .headers = list});
    check_refused(&(struct coil_app_route){"GET", "/x", show, .cookies = list});
    return 0;
}
