/* The API layer where memory fails: each call, one after the other, and nothing leaks. */
#include "app_talk.h"
#include "fault.h"

struct note {
    char *title;
};

static const struct coil_json_field note_fields[] = {
    COIL_JSON_STRING(struct note, title, .required = true)};
static const struct coil_json_type note_type = COIL_JSON_TYPE("Note", struct note, note_fields);

static const struct coil_app_param query[] = {{.name = "a", .kind = COIL_APP_INT}, {.name = NULL}};
static const struct coil_app_param headers[] = {{.name = "X-List"}, {0}};
static const struct coil_app_param cookies[] = {{.name = "c", .kind = COIL_APP_INT}, {0}};

static int released;

static void count_release(void *arg)
{
    (void)arg;
    released++;
}

static int acquire(struct coil_http_exchange *exchange, void *user, void **ret_value)
{
    (void)exchange;
    (void)user;
    *ret_value = &released;
    released--;
    return 0;
}

static void release(void *value, void *user)
{
    (void)user;
    count_release(value);
}

static const struct coil_app_resource resource = {acquire, release, NULL};

static int work(struct coil_http_exchange *exchange, void *user)
{
    const struct note *note = coil_app_body(exchange);
    void *value;
    int rc;

    (void)user;
    released--;
    rc = coil_app_defer(exchange, count_release, NULL);
    rc = rc < 0 ? rc : coil_app_acquire(exchange, &resource, &value);
    if (rc < 0) {
        return rc;
    }
    return coil_app_reply_json(exchange, 200, &note_type, note);
}

static const struct coil_app_route routes[] = {
    COIL_APP_POST("/notes/{id:int}", work, .query = query, .headers = headers, .cookies = cookies,
                  .body = &note_type),
    {0}};

static int call(struct coil_app *made, const char *target, struct coil_app_response *response)
{
    static const struct coil_http_field fields[] = {
        {"Content-Type", "application/json"}, {"X-List", "a"}, {"X-List", "b"}, {"Cookie", "c=1"}};
    const struct coil_app_request request = {.method = "POST",
                                             .target = target,
                                             .fields = fields,
                                             .field_count = 4,
                                             .body = "{\"title\":\"a\"}",
                                             .size = 13};

    return coil_app_call(made, &request, response);
}

/* Everything from the making of the app to its end. What fails is told by whoever failed. */
static int go(void *arg)
{
    static const char *const everybody[] = {"*", NULL};
    static const struct coil_app_cors_options cors = {.origins = everybody};
    static int64_t limit = COIL_MINUTE;
    struct coil_app_rate *rate = NULL;
    struct coil_app_response response = {0};
    struct coil_app *made = NULL;
    int rc = coil_app_new(NULL, &made);

    (void)arg;
    rc = rc < 0 ? rc : coil_app_rate_new(NULL, &rate);
    rc = rc < 0 ? rc : coil_app_use(made, coil_app_request_id, NULL);
    rc = rc < 0 ? rc : coil_app_use(made, coil_app_cors, (void *)(uintptr_t)&cors);
    rc = rc < 0 ? rc : coil_app_use(made, coil_app_rate_limit, rate);
    rc = rc < 0 ? rc : coil_app_use(made, coil_app_timeout, &limit);
    if (rc == 0) {
        struct coil_app *group = coil_app_group(made, "/api");

        rc = group ? coil_app_add(group, routes, NULL) : -ENOMEM;
    }
    rc = rc < 0 || coil_app_openapi(made) ? rc : -ENOMEM;
    released = 0;
    if (rc == 0) {
        rc = call(made, "/api/notes/7?a=1", &response);
        CHECK_INT(released, ==, 0);
        coil_app_response_deinit(&response);
    }
    if (rc == 0) {
        rc = call(made, "/api/notes/7?a=x", &response);
        coil_app_response_deinit(&response);
    }
    coil_app_free(made);
    coil_app_rate_free(rate);
    return rc;
}

static void run(void *arg)
{
    coil_run(go, arg);
}

COIL_TEST(app_tortured)
{
    torture(run, NULL);
}

/* Registration: -ENOMEM, and the sentence. */
TASK_TEST(app_without_memory)
{
    for (uint64_t n = 1; n < 1000; n++) {
        struct coil_app *made = NULL;
        int rc;

        fault_alloc_at(n);
        rc = coil_app_new(NULL, &made);
        rc = rc < 0 ? rc : coil_app_add(made, routes, NULL);
        if (!fault_was_injected()) {
            fault_off();
            CHECK_OK(rc);
            coil_app_free(made);
            return 0;
        }
        fault_off();
        CHECK_ERR(rc, -ENOMEM);
        CHECK(!made || strstr(coil_app_error(made), "memory") != NULL);
        coil_app_free(made);
    }
    CHECK(false);
    return 0;
}
