/* An app under test, and the shortest ways to ask it something and to look at the answer. */
#ifndef COIL_TESTS_HTTP_APP_TALK_H
#define COIL_TESTS_HTTP_APP_TALK_H

#include "in_task.h"

#include <coil/app.h>

#include <stdio.h>
#include <string.h>

static struct coil_app *app;
static struct coil_app_response answer;
static struct heard heard;

/* options: may be NULL. */
static inline void open_app(const struct coil_app_options *options)
{
    memset(&heard, 0, sizeof heard);
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_OK(coil_app_new(options, &app));
}

static inline void close_app(void)
{
    coil_app_response_deinit(&answer);
    coil_app_free(app);
    app = NULL;
}

/* Asks, and keeps the answer until the next time. Returns its status. */
static inline unsigned ask(const char *method, const char *target, const char *body)
{
    int rc = 0;

    coil_app_response_deinit(&answer);
    coil_timeout(2 * PATIENCE) {
        rc = coil_app_test(app, method, target, body, &answer);
    }
    CHECK_ERR(rc, 0);
    return answer.status;
}

/* The same with fields: up to one without a name. */
__attribute__((unused)) static inline unsigned ask_with(const char *method, const char *target,
                                                        const struct coil_http_field *fields,
                                                        const char *body)
{
    struct coil_app_request request = {.method = method,
                                       .target = target,
                                       .fields = fields,
                                       .body = body,
                                       .size = body ? strlen(body) : 0};
    int rc = 0;

    while (fields && fields[request.field_count].name) {
        request.field_count++;
    }
    coil_app_response_deinit(&answer);
    coil_timeout(2 * PATIENCE) {
        rc = coil_app_call(app, &request, &answer);
    }
    CHECK_ERR(rc, 0);
    return answer.status;
}

#define FIELDS(...) ((const struct coil_http_field[]){__VA_ARGS__, {NULL, NULL}})

static inline const char *field(const char *name)
{
    const char *value = coil_app_response_field(&answer, name);

    return value ? value : "";
}

/* Asks by GET, and compares status and body. */
#define CHECK_GET(target, expected_status, expected_body)                                          \
    do {                                                                                           \
        CHECK_INT(ask("GET", (target), NULL), ==, (expected_status));                              \
        CHECK_STR(answer.body, (expected_body));                                                   \
    } while (0)

/* The body has that text in it. */
#define CHECK_HAS(text)                                                                            \
    CHECK_MSG(strstr(answer.body, (text)) != NULL, "no %s in %s", (text), answer.body)

/* A handler that answers with its user, a string. */
__attribute__((unused)) static int say_user(struct coil_http_exchange *exchange, void *user)
{
    return coil_app_reply_text(exchange, 200, user);
}

/* The route's path, and what its parameters are. */
__attribute__((unused)) static int tell_route(struct coil_http_exchange *exchange, void *user)
{
    static const char *const names[] = {"id", "name", "other", "rest", "uuid"};
    char text[1024];
    int size = snprintf(text, sizeof text, "%s", coil_app_route_path(exchange));

    (void)user;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = coil_app_text(exchange, names[i]);

        if (value) {
            size +=
                snprintf(text + size, sizeof text - (size_t)size, " %s=%.200s", names[i], value);
        }
    }
    return coil_app_reply_text(exchange, 200, text);
}

#endif
