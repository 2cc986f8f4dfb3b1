/* The documents: OpenAPI of the routes, and the page. */
#include "app_talk.h"

#include <jansson.h>

struct author {
    char *name;
};

struct note {
    char *title;
    struct author author;
};

static const struct coil_json_field author_fields[] = {
    COIL_JSON_STRING(struct author, name, .required = true)};
static const struct coil_json_type author_type =
    COIL_JSON_TYPE("Author", struct author, author_fields);
static const struct coil_json_field note_fields[] = {
    COIL_JSON_STRING(struct note, title, .required = true),
    COIL_JSON_OBJECT(struct note, author, author_type)};
static const struct coil_json_type note_type = COIL_JSON_TYPE("Note", struct note, note_fields);

static const char *const words[] = {"a", "b\"", NULL};
static const struct coil_app_param query[] = {
    {.name = "limit",
     .kind = COIL_APP_INT,
     .default_text = "20",
     .is_bounded = true,
     .min = 1,
     .max = INT64_MAX,
     .description = "How <many>"},
    {.name = "word", .is_required = true, .choices = words},
    {.name = "all", .kind = COIL_APP_BOOL, .default_text = "on"},
    {.name = "ids", .kind = COIL_APP_INT, .is_list = true, .is_bounded = true, .max = 9},
    {.name = NULL}};
static const struct coil_app_param form[] = {
    {.name = "x", .kind = COIL_APP_NUMBER, .is_required = true}, {.name = "y"}, {.name = NULL}};
static const struct coil_app_param upload[] = {
    {.name = "file", .kind = COIL_APP_FILE, .is_bounded = true, .max = 9, .is_required = true},
    {.name = NULL}};

static const struct coil_app_route routes[] = {
    {"GET", "/notes", tell_route, .summary = "All", .tag = "notes", .query = query,
     .response = &note_type, .response_is_array = true},
    {"POST", "/notes", tell_route, .body = &note_type, .status = 201, .is_deprecated = true},
    {"GET", "/notes/{id:int}/{uuid:uuid}/{rest:path}", tell_route, .description = "Much"},
    {"POST", "/form", tell_route, .form = form},
    {"POST", "/upload", tell_route, .form = upload},
    {"GET", "/hidden", tell_route, .is_hidden = true},
    {"PURGE", "/notes", tell_route},
    {"GET", "/same/{name}", tell_route, .summary = "first"},
    {"GET", "/same/{name:int}", tell_route, .summary = "second"},
    {"PUT", "/same/{name:int}", tell_route},
    {"GET", "/same-name", tell_route},
    {"GET", "/", tell_route, .operation = "showRoot"},
    {NULL}};

/* What stands at a path like "paths|/notes|get|summary"; "": nothing does. A number in an array. */
static const char *at(const json_t *root, const char *path)
{
    static char text[2][512];
    static int which;
    char part[64];
    char *dump;

    while (*path && root) {
        size_t size = strcspn(path, "|");

        snprintf(part, sizeof part, "%.*s", (int)size, path);
        root = json_is_array(root) ? json_array_get(root, (size_t)(part[0] - '0'))
                                   : json_object_get(root, part);
        path += size + (path[size] == '|');
    }
    which = !which;
    dump = root ? json_dumps(root, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    snprintf(text[which], sizeof text[0], "%s", dump ? dump : "");
    free(dump);
    return text[which];
}

static json_t *load(void)
{
    json_t *root = json_loads(answer.body, JSON_REJECT_DUPLICATES, NULL);

    CHECK_MSG(root != NULL, "no JSON: %s", answer.body);
    return root;
}

static void check_paths(const json_t *root)
{
    CHECK_STR(at(root, "paths|/notes|get|summary"), "\"All\"");
    CHECK_STR(at(root, "paths|/notes|get|tags"), "[\"notes\"]");
    CHECK_STR(at(root, "paths|/notes|get|parameters|0"),
              "{\"name\":\"limit\",\"in\":\"query\",\"description\":\"How <many>\",\"schema\":"
              "{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1,\"default\":20}}");
    CHECK_STR(at(root, "paths|/notes|get|parameters|1"),
              "{\"name\":\"word\",\"in\":\"query\",\"required\":true,\"schema\":"
              "{\"type\":\"string\",\"enum\":[\"a\",\"b\\\"\"]}}");
    CHECK_STR(at(root, "paths|/notes|get|parameters|2|schema|default"), "true");
    CHECK_STR(
        at(root, "paths|/notes|get|parameters|3|schema"),
        "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":0,"
        "\"maximum\":9}}");
    CHECK_STR(at(root, "paths|/notes|get|responses|200|content|application/json|schema"),
              "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Note\"}}");
    CHECK_STR(at(root, "paths|/notes|post|deprecated"), "true");
    CHECK_STR(at(root, "paths|/notes|post|requestBody|content|application/json|schema"),
              "{\"$ref\":\"#/components/schemas/Note\"}");
    CHECK_STR(at(root, "paths|/notes|post|responses|201|description"), "\"Created\"");
    CHECK_STR(at(root, "paths|/notes|purge"), "");
    CHECK_STR(at(root, "paths|/hidden"), "");
    CHECK_STR(at(root, "paths|/docs"), "");
    CHECK_STR(at(root, "paths|/notes/{id}/{uuid}/{rest}|get|parameters|1"),
              "{\"name\":\"uuid\",\"in\":\"path\",\"required\":true,\"schema\":"
              "{\"type\":\"string\",\"format\":\"uuid\"}}");
    CHECK_STR(at(root, "paths|/same/{name}|get|summary"), "\"first\"");
    CHECK(*at(root, "paths|/same/{name}|put"));
    CHECK_STR(at(root, "paths|/form|post|requestBody|content|application/x-www-form-urlencoded"),
              "{\"schema\":{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\"},"
              "\"y\":{\"type\":\"string\"}},\"required\":[\"x\"]}}");
    CHECK_STR(at(root, "paths|/form|post|requestBody|content|multipart/form-data"),
              at(root, "paths|/form|post|requestBody|content|application/x-www-form-urlencoded"));
    CHECK_STR(at(root, "paths|/upload|post|requestBody"),
              "{\"required\":true,\"content\":{\"multipart/form-data\":{\"schema\":{"
              "\"type\":\"object\",\"properties\":{\"file\":{\"type\":\"string\","
              "\"contentMediaType\":\"application/octet-stream\"}},\"required\":[\"file\"]}}}}");
}

/* What clients that are made from the document are called by, and what they must expect. */
static void check_operations(const json_t *root)
{
    CHECK_STR(at(root, "paths|/notes|get|operationId"), "\"get_notes\"");
    CHECK_STR(at(root, "paths|/notes/{id}/{uuid}/{rest}|get|operationId"),
              "\"get_notes_id_uuid_rest\"");
    CHECK_STR(at(root, "paths|/same/{name}|get|operationId"), "\"get_same_name\"");
    CHECK_STR(at(root, "paths|/same/{name}|put|operationId"), "\"put_same_name\"");
    CHECK_STR(at(root, "paths|/same-name|get|operationId"), "\"get_same_name_3\"");
    CHECK_STR(at(root, "paths|/|get|operationId"), "\"showRoot\"");
    CHECK_STR(at(root, "paths|/notes|get|responses|415"), "");
    CHECK(*at(root, "paths|/notes|get|responses|422"));
    CHECK(*at(root, "paths|/notes|post|responses|400"));
    CHECK(*at(root, "paths|/notes|post|responses|413"));
    CHECK(*at(root, "paths|/upload|post|responses|415"));
    CHECK_STR(at(root, "paths|/same/{name}|get|responses|422"), "");
}

TASK_TEST(openapi_describes_routes)
{
    const struct coil_app_options options = {
        .title = "A \"title\"", .version = "2", .description = "</script>"};
    json_t *root;

    open_app(&options);
    CHECK_OK(coil_app_add(app, routes, NULL));
    CHECK_INT(ask("GET", "/openapi.json", NULL), ==, 200);
    CHECK_STR(field("Content-Type"), "application/json");
    CHECK(strstr(answer.body, "</") == NULL);
    root = load();
    CHECK_STR(at(root, "openapi"), "\"3.1.0\"");
    CHECK_STR(at(root, "info"),
              "{\"title\":\"A \\\"title\\\"\",\"version\":\"2\",\"description\":\"</script>\"}");
    check_paths(root);
    check_operations(root);
    CHECK(*at(root, "components|schemas|Author"));
    CHECK(*at(root, "components|schemas|Note|properties|author"));
    CHECK_STR(at(root, "components|securitySchemes"), "");
    json_decref(root);
    CHECK_STR(coil_app_openapi(app), answer.body);
    close_app();
    return 0;
}

/* What guards a group is told of its routes. */
TASK_TEST(openapi_knows_guards)
{
    static const struct coil_app_auth auth = {.check = NULL};
    static const struct coil_app_route one[] = {{"GET", "/one", tell_route}, {NULL}};
    struct coil_app *group;
    json_t *root;

    open_app(NULL);
    CHECK_OK(coil_app_add(app, one, NULL));
    CHECK(strstr(coil_app_openapi(app), "bearer") == NULL);
    group = coil_app_group(app, "/in");
    CHECK_OK(coil_app_add(group, one, NULL));
    CHECK(strstr(coil_app_openapi(app), "/in/one") != NULL);
    CHECK_OK(coil_app_use(group, coil_app_bearer_auth, (void *)(uintptr_t)&auth));
    CHECK_OK(coil_app_use(group, coil_app_basic_auth, (void *)(uintptr_t)&auth));
    CHECK_OK(coil_app_use(group, coil_app_rate_limit, NULL));
    CHECK_INT(ask("GET", "/docs?openapi", NULL), ==, 200);
    root = load();
    CHECK_STR(at(root, "paths|/one|get|security"), "");
    CHECK_STR(at(root, "paths|/in/one|get|security"), "[{\"bearer\":[],\"basic\":[]}]");
    CHECK(*at(root, "paths|/in/one|get|responses|401"));
    CHECK(*at(root, "paths|/in/one|get|responses|429"));
    CHECK_STR(at(root, "components|securitySchemes|basic"),
              "{\"type\":\"http\",\"scheme\":\"basic\"}");
    json_decref(root);
    close_app();
    return 0;
}

/* OpenAPI 3.1, section 4.8.5: the paths of the document are behind a server's URL. FastAPI has an
 * app that is mounted say its root_path. */
TASK_TEST(openapi_of_a_mounted_app)
{
    static const struct coil_app_route one[] = {{"GET", "/one", tell_route}, {0}};
    struct coil_app *middle;
    struct coil_app *inner;
    json_t *root;

    open_app(NULL);
    CHECK_OK(coil_app_new(NULL, &middle));
    CHECK_OK(coil_app_new(&(struct coil_app_options){.openapi_path = "/"}, &inner));
    CHECK_OK(coil_app_add(inner, one, NULL));
    CHECK_OK(coil_app_mount(app, "/v1/{name}", coil_app_handle, middle));
    CHECK_OK(coil_app_mount(middle, "/in", coil_app_handle, inner));
    CHECK_OK(coil_app_mount(middle, "/", coil_app_handle, inner));
    CHECK_INT(ask("GET", "/v1/a%20%22b/in/", NULL), ==, 200);
    root = load();
    CHECK_STR(at(root, "servers"), "[{\"url\":\"/v1/a%20%22b/in\"}]");
    CHECK_STR(at(root, "openapi"), "\"3.1.0\"");
    CHECK(*at(root, "paths|/one|get"));
    json_decref(root);
    CHECK_INT(ask("GET", "/v1/a/in", NULL), ==, 200);
    CHECK_HAS("{\"servers\":[{\"url\":\"/v1/a/in\"}],\"openapi\":");
    CHECK_INT(ask("GET", "/v1/a", NULL), ==, 200);
    CHECK_HAS("{\"servers\":[{\"url\":\"/v1/a\"}],\"openapi\":");
    CHECK_INT(ask("GET", "/v1/a/docs?openapi", NULL), ==, 200);
    CHECK_HAS("{\"servers\":[{\"url\":\"/v1/a\"}],\"openapi\":");
    CHECK_INT(ask("GET", "/docs?openapi", NULL), ==, 200);
    CHECK(strstr(answer.body, "servers") == NULL);
    coil_app_free(inner);
    coil_app_free(middle);
    close_app();
    return 0;
}

TASK_TEST(openapi_page)
{
    const struct coil_app_options none = {.docs_path = "", .openapi_path = "/a/b.json"};
    const struct coil_app_options nothing = {.openapi_path = ""};

    open_app(NULL);
    CHECK_INT(ask("GET", "/docs", NULL), ==, 200);
    CHECK_STR(field("Content-Type"), "text/html; charset=utf-8");
    CHECK(strstr(field("Content-Security-Policy"), "default-src 'none'") != NULL);
    CHECK_HAS("<!doctype html>");
    CHECK(strstr(answer.body, "http") == NULL); /* nothing from elsewhere */
    CHECK_INT(ask("GET", "/docs?css", NULL), ==, 200);
    CHECK_STR(field("Content-Type"), "text/css; charset=utf-8");
    CHECK_INT(ask("GET", "/docs?js", NULL), ==, 200);
    CHECK_STR(field("Content-Type"), "text/javascript; charset=utf-8");
    close_app();
    open_app(&none);
    CHECK_INT(ask("GET", "/docs", NULL), ==, 404);
    CHECK_INT(ask("GET", "/a/b.json", NULL), ==, 200);
    close_app();
    open_app(&nothing);
    CHECK_INT(ask("GET", "/docs", NULL), ==, 404);
    CHECK_INT(ask("GET", "/openapi.json", NULL), ==, 404);
    close_app();
    return 0;
}
