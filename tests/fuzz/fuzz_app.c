/* Requests of an app: whatever a client sends is answered, never with 500; what a handler gets is
 * within what its route declares; and a path without anything encoded finds the route that a plain
 * comparison finds. */
#include "fuzz.h"

#include <coil/app.h>

enum { MOST = 1024 };

static const char *const uuid_digits = "0123456789abcdefABCDEF";

/* --- the reference --- */

static bool is_whole_number(const char *text, size_t size)
{
    size_t at = size > 0 && text[0] == '-';
    char copy[32];
    char *end;
    long long value;

    if (size == at || size > 20 || (text[at] == '0' && (size > 1))) {
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (strspn(copy + at, "0123456789") != size - at) {
        return false;
    }
    errno = 0;
    value = strtoll(copy, &end, 10);
    return errno == 0 && (value != 0 || size == 1);
}

static bool is_uuid(const char *text, size_t size)
{
    for (size_t i = 0; i < size && size == 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash ? text[i] != '-' : !strchr(uuid_digits, text[i])) {
            return false;
        }
    }
    return size == 36;
}

static bool fits(const char *pattern, size_t pattern_size, const char *text, size_t size)
{
    if (pattern[0] != '{') {
        return pattern_size == size && memcmp(pattern, text, size) == 0;
    }
    if (memmem(pattern, pattern_size, ":int", 4)) {
        return is_whole_number(text, size);
    }
    return memmem(pattern, pattern_size, ":uuid", 5) ? is_uuid(text, size) : size > 0;
}

/* Both begin with a slash. */
static bool matches(const char *pattern, const char *path)
{
    while (*pattern && *path) {
        const char *pattern_end = strchrnul(pattern + 1, '/');
        const char *end = strchrnul(path + 1, '/');

        if (strstr(pattern, "{rest:path}") == pattern + 1) {
            return true;
        }
        if (!fits(pattern + 1, (size_t)(pattern_end - pattern - 1), path + 1,
                  (size_t)(end - path - 1))) {
            return false;
        }
        pattern = pattern_end;
        path = end;
    }
    return !*pattern && !*path;
}

static bool has_dots(const char *path)
{
    for (; *path; path = strchrnul(path + 1, '/')) {
        size_t size = strcspn(path + 1, "/");

        if (size > 0 && size <= 2 && path[1] == '.' && path[size] == '.') {
            return true;
        }
    }
    return false;
}

/* --- the app --- */

static const char *const orders[] = {"up", "down", NULL};
/* The same in each place: what a handler gets keeps these bounds. */
#define PARAMS                                                                                     \
    {.name = "n",                                                                                  \
     .kind = COIL_APP_INT,                                                                         \
     .default_text = "3",                                                                          \
     .is_bounded = true,                                                                           \
     .min = -2,                                                                                    \
     .max = 9},                                                                                    \
        {.name = "q", .is_required = true, .is_bounded = true, .min = 1, .max = 8},                \
    {                                                                                              \
        .name = "o", .choices = orders                                                             \
    }
static const struct coil_app_param params[] = {
    PARAMS, {.name = "x", .kind = COIL_APP_NUMBER}, {.name = "b", .kind = COIL_APP_BOOL}, {0}};
static const struct coil_app_param fields[] = {PARAMS, {0}};
static const struct coil_app_param form[] = {
    PARAMS, {.name = "f", .kind = COIL_APP_FILE, .is_bounded = true, .max = 30}, {0}};

static int tell(struct coil_http_exchange *exchange, void *user)
{
    const char *name = coil_app_text(exchange, "name");
    int64_t id;

    (void)user;
    FUZZ_CHECK(!name || (*name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..")));
    if (strstr(coil_app_route_path(exchange), "{id")) {
        FUZZ_CHECK(coil_app_get_int(exchange, "id", &id) == 1);
    }
    return coil_app_reply_text(exchange, 200, coil_app_route_path(exchange));
}

static int check_values(struct coil_http_exchange *exchange, void *user)
{
    struct coil_app_file file;
    const char *q;
    const char *o;
    int64_t n;

    FUZZ_CHECK(coil_app_get_int(exchange, "n", &n) == 1 && n >= -2 && n <= 9);
    FUZZ_CHECK(coil_app_get_text(exchange, "q", &q) == 1 && strlen(q) >= 1 && strlen(q) <= 8);
    FUZZ_CHECK(coil_app_get_text(exchange, "o", &o) == 0 || strcmp(o, "up") == 0 ||
               strcmp(o, "down") == 0);
    if (coil_app_get_file(exchange, "f", &file) == 1) {
        FUZZ_CHECK(file.size <= 30 && file.data[file.size] == '\0');
        FUZZ_CHECK(!strpbrk(file.filename, "/\\\r\n") && *file.type);
    }
    return tell(exchange, user);
}

/* In the order in which they are tried. */
static const struct coil_app_route routes[] = {{"GET", "/a", tell},
                                               {"GET", "/a/", tell},
                                               {"GET", "/f/{rest:path}", tell},
                                               {"GET", "/q", check_values, .query = params},
                                               {"POST", "/form", check_values, .form = form},
                                               {"PUT", "/head", check_values, .headers = fields},
                                               {"PUT", "/cookies", check_values, .cookies = fields},
                                               {"GET", "/{id:int}", tell},
                                               {"GET", "/{id:int}/a", tell},
                                               {"GET", "/{name}", tell},
                                               {"GET", "/{name}/{u:uuid}", tell},
                                               {"GET", "/", tell},
                                               {NULL}};

/* --- a request --- */

static void check_route(const struct coil_app_request *request,
                        const struct coil_app_response *response)
{
    static const char plain[] =
        "/-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t slashes = 0;

    if (request->method || request->target[strspn(request->target, plain)] != '\0') {
        return;
    }
    for (const char *at = request->target; *at; at++) {
        slashes += *at == '/';
    }
    if (has_dots(request->target) || slashes > 32) {
        FUZZ_CHECK(response->status == 400 || slashes > 32);
        return;
    }
    for (size_t i = 0; routes[i].method; i++) {
        if (strcmp(routes[i].method, "GET") == 0 && matches(routes[i].path, request->target)) {
            FUZZ_CHECK(routes[i].query ? response->status == 422
                                       : response->status == 200 &&
                                             strcmp(response->body, routes[i].path) == 0);
            return;
        }
    }
    FUZZ_CHECK(response->status == 404);
}

static int ask(void *arg)
{
    static const char *const types[] = {"application/x-www-form-urlencoded",
                                        "multipart/form-data; boundary=X", "multipart/form-data",
                                        "text/plain"};
    static const unsigned usual[] = {200, 400, 404, 405, 413, 414, 415, 422, 431};
    struct fuzz_input *in = arg;
    unsigned kind = take_below(in, 8);
    char text[MOST];
    struct coil_http_field type[] = {{"Content-Type", types[kind % 4]}};
    struct coil_http_field cookies[] = {{"Cookie", text}};
    struct coil_http_field heads[] = {{"Q", text}, {"N", text}, {"O", text}, {"q", text}};
    struct coil_app_options options = {.openapi_path = ""};
    struct coil_app_response response = {0};
    char target[MOST] = "/";
    struct coil_app_request request = {.target = target};
    struct coil_app *app;
    size_t i = 0;
    int rc;

    FUZZ_CHECK(coil_app_new(&options, &app) == 0 && coil_app_add(app, routes, NULL) == 0);
    if (kind < 4) {
        request.method = "POST";
        request.target = "/form";
        request.fields = type;
        request.field_count = 1;
        request.body = in->data;
        request.size = in->size;
    } else if (kind == 6) {
        take_text(in, text, sizeof text);
        request = (struct coil_app_request){
            .method = "PUT", .target = "/cookies", .fields = cookies, .field_count = 1};
    } else if (kind == 7) {
        request = (struct coil_app_request){.method = "PUT", .target = "/head", .fields = heads};
        request.field_count = take_below(in, 5);
        take_text(in, text, sizeof text);
    } else {
        take_text(in, target + 1, sizeof target - 1);
    }
    rc = coil_app_call(app, &request, &response);
    FUZZ_CHECK(rc == 0 || rc == -EINVAL); /* what is no target cannot be sent */
    if (rc == 0) {
        while (i < sizeof usual / sizeof *usual && usual[i] != response.status) {
            i++;
        }
        FUZZ_CHECK(i < sizeof usual / sizeof *usual);
        check_route(&request, &response);
    }
    coil_app_response_deinit(&response);
    coil_app_free(app);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size < MOST ? size : MOST};

    run_simulated(ask, &in);
    return 0;
}
