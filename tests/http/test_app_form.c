/* Forms that are multipart/form-data: fields, files, what is wrong with them. */
#include "app_talk.h"
#include "fault.h"

#define TYPE "multipart/form-data; boundary=XX"
#define PART(disposition, data)                                                                    \
    "--XX\r\nContent-Disposition: form-data; " disposition "\r\n\r\n" data "\r\n"
#define END "--XX--\r\n"
#define PNG                                                                                        \
    "--XX\r\nContent-Disposition: form-data; name=photo; filename=\"/tmp/a.png\"\r\n"              \
    "Content-Type: image/png\r\n\r\n\r\n--X\r\n"

static const struct coil_app_param params[] = {
    {.name = "title", .is_required = true, .is_bounded = true, .min = 1, .max = 8},
    {.name = "count", .kind = COIL_APP_INT, .default_text = "3"},
    {.name = "photo", .kind = COIL_APP_FILE, .is_bounded = true, .max = 20},
    {.name = NULL}};

static int show(struct coil_http_exchange *exchange, void *user)
{
    struct coil_app_file file = {"-", "-", "-", 1};
    const char *title = coil_app_text(exchange, "title");
    int64_t count = -1;
    char text[256];
    int rc = coil_app_get_file(exchange, "photo", &file);

    (void)user;
    CHECK_ERR(coil_app_get_file(exchange, "title", &file), -EINVAL);
    CHECK_ERR(coil_app_get_file(exchange, "nothing", &file), -EINVAL);
    CHECK_ERR(coil_app_get_file(exchange, "photo", NULL), -EINVAL);
    CHECK(coil_app_text(exchange, "photo") == NULL);
    CHECK_ERR(coil_app_get_int(exchange, "photo", &count), -EINVAL);
    CHECK_INT(coil_app_get_int(exchange, "count", &count), ==, 1);
    CHECK_INT(file.data[file.size], ==, '\0');
    snprintf(text, sizeof text, "%s %d %d %s|%s|%s|%zu", title, (int)count, rc, file.filename,
             file.type, file.data, file.size);
    return coil_app_reply_text(exchange, 200, text);
}

static const struct coil_app_route routes[] = {{"POST", "/form", show, .form = params}, {NULL}};

static unsigned post(const char *type, const char *body)
{
    return ask_with("POST", "/form", FIELDS({"Content-Type", type}), body);
}

static void open_routes(void)
{
    open_app(NULL);
    CHECK_OK(coil_app_add(app, routes, NULL));
}

TASK_TEST(form_of_parts)
{
    open_routes();
    CHECK_INT(post(TYPE, PART("name=\"title\"", "a\xC3\xA9") END), ==, 200);
    CHECK_STR(answer.body, "a\xC3\xA9 3 0 -|-|-|1");
    CHECK_INT(
        post(TYPE, PART("name=other", "x") PNG PART("name=count", "7") PART("name=title", "b") END),
        ==, 200);
    CHECK_STR(answer.body, "b 7 1 a.png|image/png|\r\n--X|5");
    /* No type is text/plain (RFC 7578, section 4.4). */
    CHECK_INT(post(TYPE, PART("name=photo;filename=\"..\"", "x") PART("name=title", "b") END), ==,
              200);
    CHECK_STR(answer.body, "b 3 1 |text/plain|x|1");
    /* A browser has no file to send, twice. */
    CHECK_INT(post(TYPE, PART("name=photo;filename=\"\"", "") PART("name=photo;filename=\"\"", "")
                             PART("name=title", "b") END),
              ==, 200);
    CHECK_STR(answer.body, "b 3 0 -|-|-|1");
    /* The other encoding is as good, as long as there is no file in it. */
    CHECK_INT(post("application/x-www-form-urlencoded", "title=c"), ==, 200);
    CHECK_STR(answer.body, "c 3 0 -|-|-|1");
    CHECK_INT(heard.count, ==, 0);
    close_app();
    return 0;
}

static const struct {
    const char *body;
    const char *error;
} wrong[] = {
    {END, "\"field\":\"title\",\"code\":\"missing\""},
    {PART("name=title", "") END, "\"field\":\"title\",\"code\":\"length\""},
    {PART("name=title", "\xFF") END, "\"field\":\"title\",\"code\":\"type\""},
    {PART("name=title;filename=a", "a") END, "\"field\":\"title\",\"code\":\"type\""},
    {PART("name=title", "a") PART("name=title", "b") END, "\"code\":\"duplicate\""},
    {PART("name=title", "a") PART("name=photo", "b") END, "must be a file"},
    {PART("name=title", "a") PNG PNG END, "\"field\":\"photo\",\"code\":\"duplicate\""},
    {PART("name=title", "a") PART("name=photo;filename=a", "123456789012345678901") END,
     "must have at most 20 bytes"},
    {PART("name=title", "a") PART("name=count", "x") END, "must be an integer"},
};

TASK_TEST(form_of_parts_that_are_wrong)
{
    open_routes();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_INT(post(TYPE, wrong[i].body), ==, 422);
        CHECK_HAS("{\"in\":\"form\",");
        CHECK_HAS(wrong[i].error);
    }
    CHECK_INT(post("application/x-www-form-urlencoded", "title=c&photo=x"), ==, 422);
    CHECK_HAS("must be a file");
    close_app();
    return 0;
}

/* RFC 2046, section 5.1.1; RFC 7578, sections 4.1 and 4.2. */
TASK_TEST(form_of_parts_that_is_malformed)
{
    static char many[20000];
    size_t size = 0;

    open_routes();
    CHECK_INT(post(TYPE, PART("name=title", "a")), ==, 400);
    CHECK_INT(post(TYPE, "x"), ==, 400);
    CHECK_INT(post(TYPE, PART("filename=title", "a") END), ==, 400);
    CHECK_INT(post("multipart/form-data", END), ==, 400);
    CHECK_STR(field("Content-Type"), "application/problem+json");
    CHECK_INT(post("multipart/mixed; boundary=XX", END), ==, 415);
    for (int i = 0; i < 257; i++) {
        size += (size_t)snprintf(many + size, sizeof many - size, "%s", PART("name=a", ""));
    }
    snprintf(many + size, sizeof many - size, "%s", END);
    CHECK_INT(post(TYPE, many), ==, 400);
    CHECK_HAS("too many");
    CHECK_INT(heard.count, ==, 0);
    close_app();
    return 0;
}

TASK_TEST(form_files_have_their_place)
{
    static const struct coil_app_param file[] = {{.name = "a", .kind = COIL_APP_FILE},
                                                 {.name = NULL}};
    static const char *const choices[] = {"x", NULL};
    static const struct coil_app_param chosen[] = {
        {.name = "a", .kind = COIL_APP_FILE, .choices = choices}, {.name = NULL}};
    static const struct coil_app_param usual[] = {
        {.name = "a", .kind = COIL_APP_FILE, .default_text = "x"}, {.name = NULL}};
    const struct coil_app_route bad[][2] = {{{"POST", "/x", show, .query = file}, {NULL}},
                                            {{"POST", "/x", show, .form = chosen}, {NULL}},
                                            {{"POST", "/x", show, .form = usual}, {NULL}}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        open_app(NULL);
        CHECK_ERR(coil_app_add(app, bad[i], NULL), -EINVAL);
        close_app();
    }
    CHECK_ERR(coil_app_get_file(NULL, "a", NULL), -EINVAL);
    return 0;
}

TASK_TEST(form_of_parts_without_memory)
{
    struct coil_http_field fields[] = {{"Content-Type", TYPE}};
    const char *body = PNG PART("name=title", "b") END;
    struct coil_app_request request = {.method = "POST",
                                       .target = "/form",
                                       .fields = fields,
                                       .field_count = 1,
                                       .body = body,
                                       .size = strlen(body)};

    open_routes();
    for (unsigned n = 1; n < 200; n++) {
        bool was_injected;
        int rc;

        coil_app_response_deinit(&answer);
        fault_alloc_at(n);
        rc = coil_app_call(app, &request, &answer);
        was_injected = fault_was_injected();
        fault_off();
        if (!was_injected) {
            CHECK_OK(rc);
            CHECK_INT(answer.status, ==, 200);
            close_app();
            return 0;
        }
    }
    CHECK(false);
    return 0;
}
