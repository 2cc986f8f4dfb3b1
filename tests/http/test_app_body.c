/* Bodies of JSON: what a handler gets, what a client is told, and what is sent back. */
#include "app_talk.h"

struct note {
    char *title;
    int64_t stars;
};

static const struct coil_json_field note_fields[] = {
    COIL_JSON_STRING(struct note, title, .required = true, .max_length = 10),
    COIL_JSON_INT(struct note, stars, COIL_JSON_RANGE(0, 5), .default_value = "3"),
};
static const struct coil_json_type note_type = COIL_JSON_TYPE("Note", struct note, note_fields);

static int echo_note(struct coil_http_exchange *exchange, void *user)
{
    const struct note *note = coil_app_body(exchange);
    void *none;
    size_t count;

    (void)user;
    CHECK(note != NULL);
    CHECK_ERR(coil_app_body_array(exchange, &none, &count), -EINVAL);
    return coil_app_reply_json(exchange, 201, &note_type, note);
}

static int echo_notes(struct coil_http_exchange *exchange, void *user)
{
    struct note *notes = NULL;
    size_t count = 77;

    (void)user;
    CHECK(coil_app_body(exchange) == NULL);
    CHECK_OK(coil_app_body_array(exchange, &notes, &count));
    CHECK_ERR(coil_app_body_array(exchange, NULL, &count), -EINVAL);
    return coil_app_reply_json_array(exchange, 200, &note_type, notes, count);
}

static int have_no_body(struct coil_http_exchange *exchange, void *user)
{
    struct note wrong = {.title = (char *)(uintptr_t) "\xff"};

    (void)user;
    CHECK(coil_app_body(exchange) == NULL);
    /* Nothing is answered by what cannot be written. */
    CHECK_ERR(coil_app_reply_json(exchange, 200, &note_type, &wrong), -EILSEQ);
    CHECK_ERR(coil_app_reply_json(NULL, 200, &note_type, &wrong), -EINVAL);
    CHECK_ERR(coil_app_reply_json_array(NULL, 200, &note_type, &wrong, 1), -EINVAL);
    CHECK(!coil_http_is_begun(exchange));
    return coil_app_reply_text(exchange, 200, "none");
}

static const struct coil_app_param limit[] = {{.name = "limit", .kind = COIL_APP_INT}, {0}};
static const struct coil_app_route routes[] = {
    {"POST", "/notes", echo_note, .body = &note_type, .response = &note_type, .status = 201},
    {"PUT", "/notes", echo_notes, .body = &note_type, .body_is_array = true, .max_body = 100},
    {"GET", "/notes", have_no_body},
    {"POST", "/both", echo_note, .body = &note_type, .query = limit},
    {NULL},
};

static void open_routes(void)
{
    open_app(NULL);
    CHECK_OK(coil_app_add(app, routes, NULL));
}

TASK_TEST(body_becomes_a_struct)
{
    open_routes();
    CHECK_INT(ask("POST", "/notes", "{\"title\":\"a\\u00e9\"}"), ==, 201);
    CHECK_STR(answer.body, "{\"title\":\"a\xC3\xA9\",\"stars\":3}");
    CHECK_STR(field("Content-Type"), "application/json");
    CHECK_INT(ask("PUT", "/notes", "[{\"title\":\"a\",\"stars\":1},{\"title\":\"b\"}]"), ==, 200);
    CHECK_STR(answer.body, "[{\"title\":\"a\",\"stars\":1},{\"title\":\"b\",\"stars\":3}]");
    CHECK_INT(ask("PUT", "/notes", "[]"), ==, 200);
    CHECK_STR(answer.body, "[]");
    CHECK_GET("/notes", 200, "none");
    close_app();
    return 0;
}

TASK_TEST(body_that_is_wrong)
{
    open_routes();
    CHECK_INT(ask("POST", "/notes", "{\"stars\":9,\"more\":1}"), ==, 422);
    CHECK_STR(field("Content-Type"), "application/problem+json");
    CHECK_HAS("\"field\":\"stars\"");
    CHECK_HAS("\"field\":\"title\"");
    CHECK_HAS("\"code\":\"unknown_field\"");
    CHECK_INT(ask("POST", "/notes", "{\"title\":"), ==, 400);
    CHECK_HAS("\"code\":\"syntax\"");
    CHECK_INT(ask("POST", "/notes", NULL), ==, 400);
    CHECK_INT(ask("POST", "/notes", "[]"), ==, 422);
    close_app();
    return 0;
}

/* One answer tells of all places, and names them. */
TASK_TEST(body_and_query_that_are_wrong)
{
    open_routes();
    CHECK_INT(ask("POST", "/both?limit=x", "{\"title\":1}"), ==, 422);
    CHECK_HAS("\"errors\":[{\"in\":\"query\",\"field\":\"limit\",\"code\":\"type\","
              "\"message\":\"must be an integer\"},"
              "{\"in\":\"body\",\"field\":\"title\",\"code\":\"type\","
              "\"message\":\"must be a string, not a number\"}]}");
    CHECK_INT(ask("POST", "/both?limit=x", "{\"title\":\"a\"}"), ==, 422);
    CHECK(strstr(answer.body, "\"in\":\"body\"") == NULL);
    CHECK_INT(ask("POST", "/both?limit=x", "{"), ==, 400);
    CHECK_INT(ask_with("POST", "/both?limit=x", NULL, "{}"), ==, 415);
    CHECK_INT(ask("POST", "/both?limit=1", "{\"title\":\"a\"}"), ==, 201);
    close_app();
    return 0;
}

/* RFC 9110, section 15.5.16; RFC 6839, section 3.1. */
TASK_TEST(body_of_another_type)
{
    const char *body = "{\"title\":\"a\"}";

    open_routes();
    CHECK_INT(ask_with("POST", "/notes", NULL, body), ==, 415);
    CHECK_STR(field("Accept"), "application/json");
    CHECK_INT(ask_with("POST", "/notes", FIELDS({"Content-Type", "text/json"}), body), ==, 415);
    CHECK_INT(ask_with("POST", "/notes", FIELDS({"Content-Type", "json"}), body), ==, 415);
    CHECK_INT(ask_with("POST", "/notes",
                       FIELDS({"Content-Type", "application/JSON; charset=utf-8"}), body),
              ==, 201);
    CHECK_INT(
        ask_with("POST", "/notes", FIELDS({"Content-Type", "application/merge-patch+json"}), body),
        ==, 201);
    close_app();
    return 0;
}

TASK_TEST(body_that_is_too_large)
{
    static char large[1100 * 1024];
    char body[128];

    open_routes();
    snprintf(body, sizeof body, "[%99s", "]");
    CHECK_INT(ask("PUT", "/notes", body), ==, 200);
    snprintf(body, sizeof body, "[%100s", "]");
    CHECK_INT(ask("PUT", "/notes", body), ==, 413);
    CHECK_STR(field("Content-Type"), "application/problem+json");
    memset(large, ' ', sizeof large - 1);
    CHECK_INT(ask("POST", "/notes", large), ==, 413); /* the server's bound */
    close_app();
    return 0;
}

TASK_TEST(body_declared_wrongly)
{
    static const struct coil_json_field bad_fields[] = {
        COIL_JSON_STRING(struct note, title, .pattern = "(")};
    static const struct coil_json_type bad = COIL_JSON_TYPE("Bad", struct note, bad_fields);
    static const struct coil_json_type twin = COIL_JSON_TYPE("Note", struct note, bad_fields);
    static const struct coil_json_type taken = COIL_JSON_TYPE("Problem", struct note, note_fields);
    static const struct coil_app_param param[] = {{.name = "a"}, {.name = NULL}};
    const struct coil_app_route lists[][2] = {
        {{"POST", "/x", echo_note, .body = &bad}, {NULL}},
        {{"POST", "/x", echo_note, .response = &twin}, {NULL}},
        {{"POST", "/x", echo_note, .body = &taken}, {NULL}},
        {{"POST", "/x", echo_note, .body = &note_type, .form = param}, {NULL}},
    };

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        open_routes();
        CHECK_ERR(coil_app_add(app, lists[i], NULL), -EINVAL);
        close_app();
    }
    CHECK(coil_app_body(NULL) == NULL);
    CHECK_ERR(coil_app_body_array(NULL, NULL, NULL), -EINVAL);
    return 0;
}
