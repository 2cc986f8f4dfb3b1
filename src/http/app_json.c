/* app_json.c - bodies and responses of JSON, by the tables of coil/json.h. */
#include "http/app.h"

#include "base/memory.h"

#include <coil/json.h>

#include <errno.h>

/* --- tables --- */

static int has_name(const struct coil_app *root, const char *name)
{
    for (size_t i = 0; i < root->type_count; i++) {
        if (strcmp(root->types[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* All that the type refers to goes into the documents. 0, or an error. */
static int list_types(struct coil_app *root, const struct coil_json_type *type)
{
    int rc = root->type_room == 0
                 ? -ENOSPC
                 : coil_json_type_list(type, root->types, root->type_room, &root->type_count);

    while (rc == -ENOSPC) {
        size_t room = root->type_room > 0 ? root->type_room * 2 : 16;
        const struct coil_json_type **types = coil__realloc_array(root->types, room, sizeof *types);

        if (!types) {
            return -ENOMEM;
        }
        root->types = types;
        root->type_room = room;
        rc = coil_json_type_list(type, types, room, &root->type_count);
    }
    return rc;
}

int coil__app_check_type(struct coil_app *app, const char *where, const struct coil_json_type *type)
{
    const char *field = NULL;
    int rc = type ? coil_json_type_check(type, &field) : 0;

    if (!type) {
        return 0;
    }
    if (rc == -EINVAL) {
        return coil__app_fail(app, rc, "\"%s\": the table \"%s\" is wrong, at \"%s\"", where,
                              type->name ? type->name : "", field ? field : "");
    }
    rc = rc < 0 ? rc : list_types(app->root, type);
    if (rc < 0) {
        return coil__app_fail(app, rc, "\"%s\": %s", where,
                              rc == -EINVAL ? "two types have one name" : "no memory");
    }
    if (has_name(app->root, "Problem")) {
        return coil__app_fail(app, -EINVAL, "\"%s\": the name \"Problem\" is taken", where);
    }
    return 0;
}

/* --- bodies --- */

static void release_parsed(void *arg)
{
    coil_json_parsed_deinit(arg);
}

/* What is wrong, to the client. Fields are told of with those of the query and so on; of what is no
 * JSON nothing else is said. 1; 0: it is answered; or an error. */
static int complain(struct coil_http_exchange *exchange, const struct coil_json_parsed *parsed,
                    struct coil__app_text *text)
{
    struct coil_json_buffer buffer = {0};
    int rc;

    if (coil_json_errors_status(parsed) == 422) {
        for (size_t i = 0; i < parsed->error_count; i++) {
            const struct coil_json_error *error = &parsed->errors[i];

            coil__app_complain(text, "body", error->field, coil_json_code_name(error->code),
                               error->message);
        }
        return 1;
    }
    rc = coil_json_errors_write(parsed, &buffer);
    if (rc >= 0) {
        rc = coil_http_reply(exchange, (unsigned)coil_json_errors_status(parsed),
                             "application/problem+json", buffer.data, buffer.size);
    }
    coil_json_buffer_deinit(&buffer);
    return rc;
}

static int parse(struct coil__app_request *request, const char *text, size_t size,
                 struct coil_json_parsed *parsed)
{
    const struct coil_app_route *route = &request->endpoint->route;
    struct coil_json_options options = {.max_size = size + 1};

    if (route->body_is_array) {
        return coil_json_parse_array(route->body, text, size, &options, &request->body,
                                     &request->body_count, parsed);
    }
    request->body = coil_app_alloc(request->exchange, route->body->size);
    if (!request->body) {
        return -ENOMEM;
    }
    request->body_count = 1;
    return coil_json_parse(route->body, text, size, &options, request->body, parsed);
}

int coil__app_read_json(struct coil__app_request *request, struct coil__app_text *told)
{
    static const char *const types[] = {"application/json", NULL};
    struct coil_http_exchange *exchange = request->exchange;
    struct coil_json_parsed *parsed;
    const char *text;
    size_t size;
    int rc;

    if (!request->endpoint->route.body) {
        return 1;
    }
    rc = coil__app_read_body(request, types, &text, &size);
    if (rc != 1) {
        return rc;
    }
    parsed = coil_app_alloc(exchange, sizeof *parsed);
    if (!parsed) {
        return -ENOMEM;
    }
    *parsed = (struct coil_json_parsed){0};
    rc = coil_app_defer(exchange, release_parsed, parsed);
    rc = rc < 0 ? rc : parse(request, text, size, parsed);
    if (rc == -EBADMSG) {
        return complain(exchange, parsed, told);
    }
    request->is_parsed = rc >= 0;
    return rc < 0 ? rc : 1;
}

void *coil_app_body(const struct coil_http_exchange *exchange)
{
    const struct coil__app_request *request = coil__app_of(exchange);

    return request && request->is_parsed && !request->endpoint->route.body_is_array ? request->body
                                                                                    : NULL;
}

int coil_app_body_array(const struct coil_http_exchange *exchange, void *ret_values,
                        size_t *ret_count)
{
    const struct coil__app_request *request = coil__app_of(exchange);

    if (!request || !request->is_parsed || !request->endpoint->route.body_is_array || !ret_values ||
        !ret_count) {
        return -EINVAL;
    }
    memcpy(ret_values, &request->body, sizeof request->body);
    *ret_count = request->body_count;
    return 0;
}

/* --- responses --- */

/* rc: of the writing. */
static int reply(struct coil_http_exchange *exchange, unsigned status, int rc,
                 struct coil_json_buffer *buffer)
{
    if (rc >= 0) {
        rc = coil_http_reply(exchange, status, "application/json", buffer->data, buffer->size);
    }
    coil_json_buffer_deinit(buffer);
    return rc;
}

int coil_app_reply_json(struct coil_http_exchange *exchange, unsigned status,
                        const struct coil_json_type *type, const void *value)
{
    struct coil_json_buffer buffer = {0};

    return exchange ? reply(exchange, status, coil_json_write(type, value, &buffer), &buffer)
                    : -EINVAL;
}

int coil_app_reply_json_array(struct coil_http_exchange *exchange, unsigned status,
                              const struct coil_json_type *type, const void *values, size_t count)
{
    struct coil_json_buffer buffer = {0};

    return exchange ? reply(exchange, status, coil_json_write_array(type, values, count, &buffer),
                            &buffer)
                    : -EINVAL;
}
