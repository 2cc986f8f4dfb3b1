/* Routes: what finds them, what they find in a path, what is refused, and what hostile paths do. */
#include "app_talk.h"

#include <inttypes.h>

#define UUID "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"

static const struct coil_app_route routes[] = {
    {"GET", "/", tell_route},
    {"GET", "/notes", tell_route},
    {"POST", "/notes", tell_route},
    {"GET", "/notes/new", tell_route},
    {"GET", "/notes/{id:int}", tell_route},
    {"DELETE", "/notes/{id:int}", tell_route},
    {"GET", "/notes/{uuid:uuid}", tell_route},
    {"PUT", "/notes/{name}", tell_route},
    {"GET", "/notes/{name:str}", tell_route},
    {"GET", "/notes/{id:int}/parts/{other}", tell_route},
    {"GET", "/notes/", tell_route},
    {"GET", "/files/{rest:path}", tell_route},
    {"GET", "/files/special", tell_route},
    {"GET", "/caf\xC3\xA9/a b", tell_route},
    {NULL},
};

static void open_routes(void)
{
    open_app(NULL);
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK(coil_app_error(app) == NULL);
}

TASK_TEST(app_finds_routes)
{
    open_routes();
    CHECK_GET("/", 200, "/");
    CHECK_GET("/?a=b", 200, "/");
    CHECK_GET("/notes", 200, "/notes");
    CHECK_GET("/notes/", 200, "/notes/");
    CHECK_GET("/notes/new", 200, "/notes/new");
    CHECK_GET("/notes/17", 200, "/notes/{id:int} id=17");
    CHECK_GET("/notes/-9223372036854775808", 200, "/notes/{id:int} id=-9223372036854775808");
    CHECK_GET("/notes/9223372036854775807", 200, "/notes/{id:int} id=9223372036854775807");
    CHECK_GET("/notes/" UUID, 200, "/notes/{uuid:uuid} uuid=" UUID);
    CHECK_GET("/notes/17/parts/x", 200, "/notes/{id:int}/parts/{other} id=17 other=x");
    CHECK_GET("/files/", 200, "/files/{rest:path} rest=");
    CHECK_GET("/files/a/b//c/", 200, "/files/{rest:path} rest=a/b//c/");
    CHECK_GET("/files/special", 200, "/files/special");
    CHECK_GET("/files/special/x", 200, "/files/{rest:path} rest=special/x");
    CHECK_INT(ask("POST", "/notes", NULL), ==, 200);
    CHECK_INT(ask("PUT", "/notes/17", NULL), ==, 200);
    CHECK_STR(answer.body, "/notes/{name} name=17");
    close_app();
    return 0;
}

/* What is no number of the kind is a name. */
TASK_TEST(app_kinds_are_exact)
{
    static const char *const names[] = {"9223372036854775808",
                                        "-9223372036854775809",
                                        "007",
                                        "-0",
                                        "+1",
                                        "1.0",
                                        "1e3",
                                        "-",
                                        "0x1",
                                        "f81d4fae",
                                        "f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
                                        "f81d4fae07dec-11d0-a765-00a0c91e6bf6",
                                        "News",
                                        "newer"};
    char target[128];
    char expected[128];

    open_routes();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(target, sizeof target, "/notes/%s", names[i]);
        snprintf(expected, sizeof expected, "/notes/{name:str} name=%s", names[i]);
        CHECK_GET(target, 200, expected);
    }
    close_app();
    return 0;
}

/* RFC 3986, section 2.4: decoded once. */
TASK_TEST(app_decodes_once)
{
    open_routes();
    CHECK_GET("/%6eotes/n%65w", 200, "/notes/new");
    CHECK_GET("/notes/%31%37", 200, "/notes/{id:int} id=17");
    CHECK_GET("/notes/a%20b%C3%A9", 200, "/notes/{name:str} name=a b\xC3\xA9");
    CHECK_GET("/notes/%2541", 200, "/notes/{name:str} name=%41");
    CHECK_GET("/notes/a+b", 200, "/notes/{name:str} name=a+b");
    CHECK_GET("/notes/%7Bname%7D", 200, "/notes/{name:str} name={name}");
    CHECK_GET("/caf%C3%A9/a%20b", 200, "/caf\xC3\xA9/a b");
    CHECK_GET("/files/%61/%62", 200, "/files/{rest:path} rest=a/b");
    close_app();
    return 0;
}

TASK_TEST(app_refuses_deceiving_paths)
{
    static const char *const targets[] = {
        "/files/../x",       "/files/a/..",   "/files/./x",
        "/files/%2e%2e/x",   "/files/.%2E",   "/files/%2e",
        "/notes/a%00b",      "/notes/%00",    "/files/a%2Fb",
        "/files/..%2f..%2f", "/notes/%c0%af", "/notes/%e0%80%af",
        "/notes/%ed%a0%80",  "/notes/%ff",    "/files/%C0%AE%C0%AE/etc",
    };

    open_routes();
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        CHECK_INT(ask("GET", targets[i], NULL), ==, 400);
        CHECK_STR(field("Content-Type"), "application/problem+json");
    }
    CHECK_GET("/files/...", 200, "/files/{rest:path} rest=...");
    CHECK_GET("/files/..a", 200, "/files/{rest:path} rest=..a");
    close_app();
    return 0;
}

TASK_TEST(app_says_404_and_405)
{
    open_routes();
    CHECK_GET("/nothing", 404,
              "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
              "\"detail\":\"There is nothing at this path.\"}");
    CHECK_INT(ask("GET", "/notes/17/parts/", NULL), ==, 404);
    CHECK_INT(ask("GET", "/notes/17/parts", NULL), ==, 404);
    CHECK_INT(ask("GET", "/files", NULL), ==, 404);
    CHECK_INT(ask("GET", "//", NULL), ==, 404);
    CHECK_INT(ask("GET", "/notes//", NULL), ==, 404);
    CHECK_STR(field("Allow"), "");
    /* RFC 9110, section 15.5.6. */
    CHECK_INT(ask("PUT", "/notes", NULL), ==, 405);
    CHECK_STR(field("Allow"), "GET, POST, HEAD, OPTIONS");
    CHECK_INT(ask("PATCH", "/notes/17", NULL), ==, 405);
    CHECK_STR(field("Allow"), "GET, DELETE, PUT, HEAD, OPTIONS");
    CHECK_INT(ask("get", "/notes", NULL), ==, 405);
    CHECK_INT(ask("DELETE", "/files/a/b", NULL), ==, 405);
    CHECK_STR(field("Allow"), "GET, HEAD, OPTIONS");
    close_app();
    return 0;
}

TASK_TEST(app_answers_head_and_options)
{
    static const struct coil_app_route own[] = {{"HEAD", "/own", say_user},
                                                {"OPTIONS", "/own", say_user},
                                                {"GET", "/own", tell_route},
                                                {NULL}};

    open_routes();
    CHECK_OK(coil_app_add(app, own, (void *)(uintptr_t) "mine"));
    CHECK_INT(ask("HEAD", "/notes/17", NULL), ==, 200);
    CHECK_STR(field("Content-Length"), "21");
    CHECK_INT(answer.size, ==, 0);
    CHECK_INT(ask("HEAD", "/own", NULL), ==, 200);
    CHECK_STR(field("Content-Length"), "4");
    CHECK_INT(ask("OPTIONS", "/notes/17", NULL), ==, 204);
    CHECK_STR(field("Allow"), "GET, DELETE, PUT, HEAD, OPTIONS");
    CHECK_INT(ask("OPTIONS", "/own", NULL), ==, 200);
    CHECK_STR(answer.body, "mine");
    CHECK_INT(ask("OPTIONS", "*", NULL), ==, 204);
    CHECK_STR(field("Allow"), "OPTIONS");
    CHECK_INT(ask("OPTIONS", "/nothing", NULL), ==, 404);
    CHECK_INT(ask("HEAD", "/nothing", NULL), ==, 404);
    CHECK_INT(answer.size, ==, 0);
    close_app();
    return 0;
}

TASK_TEST(app_routes_in_short)
{
    static const struct coil_app_route list[] = {
        COIL_APP_GET("/x", say_user),
        COIL_APP_POST("/x", say_user, .summary = "a", .status = 201),
        COIL_APP_PUT("/x", say_user, .is_hidden = true),
        COIL_APP_PATCH("/x", say_user),
        COIL_APP_DELETE("/x", say_user),
        {NULL},
    };

    open_app(NULL);
    CHECK_OK(coil_app_add(app, list, (void *)(uintptr_t) "x"));
    CHECK_INT(ask("DELETE", "/x", NULL), ==, 200);
    CHECK_INT(ask("OPTIONS", "/x", NULL), ==, 204);
    CHECK_STR(field("Allow"), "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS");
    close_app();
    return 0;
}

/* A segment in the path that leads nowhere does not hide one that does. */
TASK_TEST(app_looks_further)
{
    static const struct coil_app_route more[] = {
        {"GET", "/a/b/c", tell_route},        {"GET", "/a/{name}/d", tell_route},
        {"POST", "/a/b/{other}", tell_route}, {"GET", "/{rest:path}", tell_route},
        {"GET", "/{id:int}/x", tell_route},   {NULL}};

    open_app(NULL);
    CHECK_OK(coil_app_add(app, more, NULL));
    CHECK_GET("/a/b/c", 200, "/a/b/c");
    CHECK_GET("/a/b/d", 200, "/a/{name}/d name=b");
    CHECK_GET("/a/b/e", 200, "/{rest:path} rest=a/b/e");
    CHECK_INT(ask("POST", "/a/b/c", NULL), ==, 200);
    CHECK_STR(answer.body, "/a/b/{other} other=c");
    CHECK_GET("/7/x", 200, "/{id:int}/x id=7");
    CHECK_GET("/7/y", 200, "/{rest:path} rest=7/y");
    CHECK_GET("/", 200, "/{rest:path} rest=");
    close_app();
    return 0;
}

/* --- what is refused --- */

static int fails(const char *method, const char *path, const char *sentence)
{
    const struct coil_app_route list[] = {{method, path, tell_route}, {NULL}};
    int rc;

    open_app(NULL);
    rc = coil_app_add(app, list, NULL);
    CHECK(rc < 0);
    CHECK_STR(coil_app_error(app), sentence);
    /* It does not serve, not even in part. */
    CHECK_INT(ask("GET", "/docs", NULL), ==, 500);
    CHECK_ERR(heard.error, rc);
    CHECK_ERR(coil_app_serve(app, "127.0.0.1", 0, NULL), rc);
    close_app();
    return rc;
}

TASK_TEST(app_refuses_patterns)
{
    const char *parameter = "\"/{}\": a parameter's name is made of letters, digits and '_'";

    CHECK_ERR(fails("GET", "notes", "\"notes\": it needs a '/'"), -EINVAL);
    CHECK_ERR(fails("GET", "", "\"\": it needs a '/'"), -EINVAL);
    CHECK_ERR(fails("GET", "//a", "\"//a\": two slashes in a row"), -EINVAL);
    CHECK_ERR(fails("GET", "/{}", parameter), -EINVAL);
    CHECK_ERR(
        fails("GET", "/{1a}", "\"/{1a}\": a parameter's name is made of letters, digits and '_'"),
        -EINVAL);
    CHECK_ERR(fails("GET", "/{id:itn}", "\"/{id:itn}\": a parameter is int, uuid, str or path"),
              -EINVAL);
    CHECK_ERR(fails("GET", "/a{id}", "\"/a{id}\": a parameter is a whole segment: \"/{name}\""),
              -EINVAL);
    CHECK_ERR(fails("GET", "/{id", "\"/{id\": a parameter is a whole segment: \"/{name}\""),
              -EINVAL);
    CHECK_ERR(fails("GET", "/{a:path}/b",
                    "\"/{a:path}/b\": {name:path} takes all that follows, so it stands at the end"),
              -EINVAL);
    CHECK_ERR(fails("GET", "/{a}/{a:int}", "\"/{a}/{a:int}\": two parameters of one name"),
              -EINVAL);
    CHECK_ERR(fails("GET", "/a/../b", "\"/a/../b\": no client asks for \".\" or \"..\""), -EINVAL);
    CHECK_ERR(fails("GET", "/a%20b",
                    "\"/a%20b\": a character that no path has (a pattern is not percent-encoded)"),
              -EINVAL);
    CHECK_ERR(fails("GET", "/a?b",
                    "\"/a?b\": a character that no path has (a pattern is not percent-encoded)"),
              -EINVAL);
    CHECK_ERR(fails("GE T", "/a", "\"/a\": no method is called \"GE T\""), -EINVAL);
    CHECK_ERR(fails("", "/a", "\"/a\": no method is called \"\""), -EINVAL);
    CHECK_ERR(fails("GET", NULL, "GET: a route without a path"), -EINVAL);
    CHECK_ERR(fails("GET", "/docs", "GET \"/docs\": \"/docs\" is there already"), -EEXIST);
    return 0;
}

TASK_TEST(app_refuses_conflicts)
{
    static const struct coil_app_route twice[] = {{"GET", "/a/{id:int}", tell_route},
                                                  {"GET", "/a/{name}", tell_route},
                                                  {"GET", "/a/{other:int}", tell_route},
                                                  {"GET", "/never", tell_route},
                                                  {NULL}};
    static const struct coil_app_route none[] = {{"GET", "/b", NULL}, {NULL}};
    static const struct coil_app_route named[] = {
        {"GET", "/a", tell_route}, {"GET", "/b", tell_route, .operation = "get_a"}, {NULL}};

    open_app(NULL);
    CHECK_ERR(coil_app_add(app, named, NULL), -EEXIST);
    CHECK_STR(coil_app_error(app), "GET \"/b\": an operation \"get_a\" is there");
    close_app();
    open_app(NULL);
    CHECK_ERR(coil_app_add(app, twice, NULL), -EEXIST);
    CHECK_STR(coil_app_error(app), "GET \"/a/{other:int}\": \"/a/{id:int}\" is there already");
    CHECK_ERR(coil_app_add(app, none, NULL), -EINVAL); /* the first one counts */
    CHECK_STR(coil_app_error(app), "GET \"/a/{other:int}\": \"/a/{id:int}\" is there already");
    close_app();
    open_app(NULL);
    CHECK_ERR(coil_app_add(app, none, NULL), -EINVAL);
    CHECK_STR(coil_app_error(app), "GET \"/b\": no handler");
    close_app();
    return 0;
}

TASK_TEST(app_refuses_too_much)
{
    struct coil_app_route list[] = {{"GET", NULL, tell_route}, {NULL}};
    char path[512] = "";

    for (int i = 0; i < 32; i++) {
        strcat(path, "/a");
    }
    list[0].path = path;
    open_app(NULL);
    CHECK_OK(coil_app_add(app, list, NULL));
    CHECK_GET(path, 200, path);
    strcat(path, "/a");
    CHECK_INT(ask("GET", path, NULL), ==, 404);
    CHECK_ERR(coil_app_add(app, list, NULL), -COIL_ELIMIT);
    CHECK(strstr(coil_app_error(app), "more than 32 segments") != NULL);
    close_app();
    path[0] = '\0';
    for (int i = 0; i < 17; i++) {
        snprintf(path + strlen(path), 16, "/{a%d}", i);
    }
    open_app(NULL);
    CHECK_ERR(coil_app_add(app, list, NULL), -COIL_ELIMIT);
    CHECK(strstr(coil_app_error(app), "more than 16 parameters") != NULL);
    close_app();
    return 0;
}

TASK_TEST(app_survives_misuse)
{
    struct coil_app_options wrong = {.openapi_path = "docs"};
    struct coil_app *none = NULL;

    CHECK_ERR(coil_app_new(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_app_new(&wrong, &none), -EINVAL);
    wrong.openapi_path = "/{a}";
    CHECK_ERR(coil_app_new(&wrong, &none), -EINVAL);
    CHECK(none == NULL);
    CHECK_ERR(coil_app_add(NULL, routes, NULL), -EINVAL);
    CHECK_ERR(coil_app_use(NULL, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_app_mount(NULL, "/", tell_route, NULL), -EINVAL);
    CHECK_ERR(coil_app_handle(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_app_serve(NULL, NULL, 0, NULL), -EINVAL);
    CHECK_ERR(coil_app_test(NULL, "GET", "/", NULL, &answer), -EINVAL);
    CHECK(coil_app_group(NULL, "/a") == NULL);
    CHECK(coil_app_error(NULL) == NULL);
    CHECK(coil_app_openapi(NULL) == NULL);
    CHECK(coil_app_state(NULL) == NULL);
    CHECK(coil_app_route_path(NULL) == NULL);
    CHECK(coil_app_text(NULL, "a") == NULL);
    CHECK(coil_app_response_field(NULL, "a") == NULL);
    coil_app_response_deinit(NULL);
    coil_app_free(NULL);
    open_app(NULL);
    CHECK_ERR(coil_app_add(app, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_app_test(app, "GET", "/", NULL, NULL), -EINVAL);
    CHECK_ERR(coil_app_test(app, "G T", "/", NULL, &answer), -EINVAL);
    CHECK_ERR(coil_app_test(app, "GET", NULL, NULL, &answer), -EINVAL);
    close_app();
    return 0;
}

/* --- many, long, deep --- */

enum { MANY = 2000 };

TASK_TEST(app_with_many_routes)
{
    static char paths[MANY][32];
    static struct coil_app_route list[MANY + 1];
    char target[32];
    char expected[64];

    for (int i = 0; i < MANY; i++) {
        snprintf(paths[i], sizeof paths[i], "/r%d/{id:int}", i * 7 % MANY);
        list[i] = (struct coil_app_route){"GET", paths[i], tell_route};
    }
    open_app(NULL);
    CHECK_OK(coil_app_add(app, list, NULL));
    for (int i = 0; i < MANY; i += 37) {
        snprintf(target, sizeof target, "/r%d/%d", i, i);
        snprintf(expected, sizeof expected, "/r%d/{id:int} id=%d", i, i);
        CHECK_GET(target, 200, expected);
    }
    CHECK_INT(ask("GET", "/r2000/1", NULL), ==, 404);
    close_app();
    return 0;
}

TASK_TEST(app_bounds_long_paths)
{
    static char target[8000];

    open_routes();
    memset(target, 'a', sizeof target - 1000);
    memcpy(target, "/notes/", 7);
    CHECK_INT(ask("GET", target, NULL), ==, 200);
    CHECK_INT(answer.size, >, 200);
    for (size_t i = 0; i + 3 < sizeof target - 1000; i += 3) {
        memcpy(target + i, "%41", 3);
    }
    memcpy(target, "/notes/xx", 9);
    CHECK_INT(ask("GET", target, NULL), ==, 200);
    for (size_t i = 0; i < 4000; i++) {
        memcpy(target + 2 * i, "/a", 2);
    }
    target[7000] = '\0';
    CHECK_INT(ask("GET", target, NULL), ==, 404);
    memcpy(target, "/files", 6);
    CHECK_INT(ask("GET", target, NULL), ==, 404);
    memset(target, '/', 7000);
    CHECK_INT(ask("GET", target, NULL), ==, 404);
    close_app();
    return 0;
}

static int add_numbers(struct coil_http_exchange *exchange, void *user)
{
    char text[64];
    int64_t a = 0;
    int64_t b = 0;
    const char *word = NULL;
    double number;
    bool flag;

    (void)user;
    CHECK_ERR(coil_app_get_int(exchange, "a", &a), 1);
    CHECK_ERR(coil_app_get_int(exchange, "b", &b), 1);
    CHECK_ERR(coil_app_get_text(exchange, "a", &word), 1);
    CHECK_STR(word, "40");
    CHECK_ERR(coil_app_get_int(exchange, "c", &a), -EINVAL);
    CHECK_ERR(coil_app_get_int(exchange, "a", NULL), -EINVAL);
    CHECK_ERR(coil_app_get_int(exchange, NULL, &a), -EINVAL);
    CHECK_ERR(coil_app_get_bool(exchange, "a", &flag), -EINVAL);
    CHECK_ERR(coil_app_get_number(exchange, "a", &number), -EINVAL);
    CHECK_ERR(coil_app_get_text(exchange, "c", &word), -EINVAL);
    snprintf(text, sizeof text, "%" PRId64, a + b);
    return coil_app_reply_text(exchange, 200, text);
}

TASK_TEST(app_gives_parameters)
{
    static const struct coil_app_route list[] = {{"GET", "/{a:int}/plus/{b:int}", add_numbers},
                                                 {NULL}};

    open_app(NULL);
    CHECK_OK(coil_app_add(app, list, NULL));
    CHECK_GET("/40/plus/2", 200, "42");
    close_app();
    return 0;
}

/* A path is what it is: no slash is added, taken away, or redirected to. */
TASK_TEST(routes_with_a_slash_at_the_end)
{
    static const struct coil_app_route list[] = {{"GET", "/a", tell_route},
                                                 {"GET", "/b/", tell_route},
                                                 {"GET", "/both", tell_route},
                                                 {"GET", "/both/", tell_route},
                                                 {"GET", "/{id:int}", tell_route},
                                                 {"GET", "/c/{name}", tell_route},
                                                 {NULL}};

    open_app(NULL);
    CHECK_OK(coil_app_add(app, list, NULL));
    CHECK_GET("/a", 200, "/a");
    CHECK_GET("/b/", 200, "/b/");
    CHECK_GET("/both", 200, "/both");
    CHECK_GET("/both/", 200, "/both/");
    CHECK_INT(ask("GET", "/a/", NULL), ==, 404);
    CHECK_INT(ask("GET", "/b", NULL), ==, 404);
    CHECK_INT(ask("GET", "/both//", NULL), ==, 404);
    CHECK_INT(ask("GET", "/7/", NULL), ==, 404);
    CHECK_INT(ask("GET", "/c/", NULL), ==, 404);
    CHECK_INT(ask("GET", "/c/x/", NULL), ==, 404);
    CHECK_STR(field("Location"), "");
    close_app();
    return 0;
}
