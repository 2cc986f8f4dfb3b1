/* app_openapi.c - the routes as a document: OpenAPI 3.1, with JSON Schema for what they take and
 * give. Made when it is first asked for, and kept until something is added.
 */
#include "http/app.h"

#include <errno.h>

/* --- schemas --- */

static void write_bounds(struct coil__app_text *text, const struct coil_app_param *param)
{
    bool is_text = param->kind == COIL_APP_TEXT;

    if (!param->is_bounded || param->kind == COIL_APP_BOOL || param->kind == COIL_APP_FILE) {
        return;
    }
    if (param->min != INT64_MIN) {
        coil__app_text_key(text, is_text ? "minLength" : "minimum");
        coil__app_text_number(text, param->min);
    }
    if (param->max != INT64_MAX) {
        coil__app_text_key(text, is_text ? "maxLength" : "maximum");
        coil__app_text_number(text, param->max);
    }
}

/* As the kind has it: a number without quotes. */
static void write_value(struct coil__app_text *text, const struct coil_app_param *param,
                        const char *value)
{
    if (param->kind == COIL_APP_TEXT) {
        coil__app_text_string(text, value);
    } else if (param->kind == COIL_APP_BOOL) {
        /* The words that mean yes: true, 1, on, yes. */
        bool is_true = strcmp(value, "true") == 0 || strcmp(value, "1") == 0 ||
                       strcmp(value, "on") == 0 || strcmp(value, "yes") == 0;

        coil__app_text_add(text, is_true ? "true" : "false");
    } else {
        coil__app_text_add(text, value);
    }
}

static void write_param_schema(struct coil__app_text *text, const struct coil_app_param *param)
{
    static const char *const types[] = {"string", "integer", "number", "boolean", "string"};
    const char *const *choice = param->choices;

    coil__app_text_add(text, param->is_list ? "{\"type\":\"array\",\"items\":{" : "{");
    coil__app_text_member(text, "type", types[param->kind]);
    if (param->kind == COIL_APP_INT) {
        coil__app_text_member(text, "format", "int64");
    } else if (param->kind == COIL_APP_FILE) {
        coil__app_text_member(text, "contentMediaType", "application/octet-stream");
    }
    write_bounds(text, param);
    if (choice && *choice) {
        coil__app_text_key(text, "enum");
        coil__app_text_add(text, "[");
        for (; *choice; choice++) {
            coil__app_text_next(text);
            write_value(text, param, *choice);
        }
        coil__app_text_add(text, "]");
    }
    if (param->default_text) {
        coil__app_text_key(text, "default");
        write_value(text, param, param->default_text);
    }
    coil__app_text_add(text, param->is_list ? "}}" : "}");
}

/* --- parameters --- */

static void write_path_param(struct coil__app_text *text, const struct coil__app_name *name)
{
    coil__app_text_next(text);
    coil__app_text_add(text, "{");
    coil__app_text_member(text, "name", name->text);
    coil__app_text_add(text, ",\"in\":\"path\",\"required\":true,\"schema\":");
    coil__app_text_add(text,
                       name->kind == COIL__APP_INT ? "{\"type\":\"integer\",\"format\":\"int64\"}}"
                       : name->kind == COIL__APP_UUID ? "{\"type\":\"string\",\"format\":\"uuid\"}}"
                                                      : "{\"type\":\"string\"}}");
}

static void write_param(struct coil__app_text *text, const char *where,
                        const struct coil_app_param *param)
{
    coil__app_text_next(text);
    coil__app_text_add(text, "{");
    coil__app_text_member(text, "name", param->name);
    coil__app_text_member(text, "in", where);
    coil__app_text_member(text, "description", param->description);
    if (param->is_required && !param->default_text) {
        coil__app_text_add(text, ",\"required\":true");
    }
    coil__app_text_add(text, ",\"schema\":");
    write_param_schema(text, param);
    coil__app_text_add(text, "}");
}

static void write_params(struct coil__app_text *text, const struct coil__app_endpoint *endpoint)
{
    if (endpoint->name_count + endpoint->value_count == endpoint->lists[COIL__APP_FORM].count) {
        return;
    }
    coil__app_text_key(text, "parameters");
    coil__app_text_add(text, "[");
    for (size_t i = 0; i < endpoint->name_count; i++) {
        write_path_param(text, &endpoint->names[i]);
    }
    for (size_t i = 0; i < COIL__APP_FORM; i++) {
        for (size_t j = 0; j < endpoint->lists[i].count; j++) {
            write_param(text, coil__app_place_names[i], &endpoint->lists[i].params[j]);
        }
    }
    coil__app_text_add(text, "]");
}

/* {"schema":...} */
static void write_form_schema(struct coil__app_text *text,
                              const struct coil__app_endpoint *endpoint)
{
    const struct coil__app_list *form = &endpoint->lists[COIL__APP_FORM];
    bool has_required = false;

    coil__app_text_add(text, "{\"schema\":{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < form->count; i++) {
        coil__app_text_key(text, form->params[i].name);
        write_param_schema(text, &form->params[i]);
    }
    coil__app_text_add(text, "}");
    for (size_t i = 0; i < form->count; i++) {
        const struct coil_app_param *param = &form->params[i];

        if (param->is_required && !param->default_text) {
            coil__app_text_add(text, has_required ? "," : ",\"required\":[");
            coil__app_text_string(text, param->name);
            has_required = true;
        }
    }
    coil__app_text_add(text, has_required ? "]}}" : "}}");
}

/* A file comes in the second encoding alone. */
static void write_form(struct coil__app_text *text, const struct coil__app_endpoint *endpoint)
{
    const struct coil__app_list *form = &endpoint->lists[COIL__APP_FORM];
    bool has_file = false;

    for (size_t i = 0; i < form->count; i++) {
        has_file = has_file || form->params[i].kind == COIL_APP_FILE;
    }
    coil__app_text_key(text, "requestBody");
    coil__app_text_add(text, "{\"required\":true,\"content\":{");
    if (!has_file) {
        coil__app_text_key(text, "application/x-www-form-urlencoded");
        write_form_schema(text, endpoint);
    }
    coil__app_text_key(text, "multipart/form-data");
    write_form_schema(text, endpoint);
    coil__app_text_add(text, "}}");
}

/* "schema": of a body or a response. */
static void write_type(struct coil__app_text *text, const struct coil_json_type *type,
                       bool is_array)
{
    coil__app_text_key(text, "schema");
    coil__app_text_add(text, is_array ? "{\"type\":\"array\",\"items\":" : "");
    coil__app_text_add(text, "{\"$ref\":\"#/components/schemas/");
    coil__app_text_add(text, type->name);
    coil__app_text_add(text, is_array ? "\"}}" : "\"}");
}

static void write_body(struct coil__app_text *text, const struct coil_app_route *route)
{
    coil__app_text_key(text, "requestBody");
    coil__app_text_add(text, "{\"required\":true,\"content\":{\"application/json\":{");
    write_type(text, route->body, route->body_is_array);
    coil__app_text_add(text, "}}}");
}

/* --- operations --- */

static bool has_middleware(const struct coil__app_endpoint *endpoint, coil_app_middleware fn)
{
    const struct coil_app *group = endpoint->group;

    for (size_t i = 0; i <= group->depth; i++) {
        for (size_t j = 0; j < group->line[i]->use_count; j++) {
            if (group->line[i]->uses[j].fn == fn) {
                return true;
            }
        }
    }
    return false;
}

static void write_problem(struct coil__app_text *text, unsigned status)
{
    char key[4] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                   (char)('0' + status % 10), '\0'};

    coil__app_text_key(text, key);
    coil__app_text_add(text, "{");
    coil__app_text_member(text, "description", coil__http1_reason(status));
    coil__app_text_add(text, ",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
                             "\"#/components/schemas/Problem\"}}}}");
}

static void write_responses(struct coil__app_text *text, const struct coil__app_endpoint *endpoint)
{
    const struct coil_app_route *route = &endpoint->route;
    unsigned status = route->status >= 200 && route->status <= 599 ? route->status : 200;
    bool has_body = route->body || endpoint->lists[COIL__APP_FORM].count > 0;

    coil__app_text_key(text, "responses");
    coil__app_text_add(text, "{");
    coil__app_text_add(text, "\"");
    coil__app_text_number(text, status);
    coil__app_text_add(text, "\":{");
    coil__app_text_member(text, "description", coil__http1_reason(status));
    if (route->response) {
        coil__app_text_add(text, ",\"content\":{\"application/json\":{");
        write_type(text, route->response, route->response_is_array);
        coil__app_text_add(text, "}}");
    }
    coil__app_text_add(text, "}");
    if (has_body) {
        write_problem(text, 400);
    }
    if (has_middleware(endpoint, coil_app_bearer_auth) ||
        has_middleware(endpoint, coil_app_basic_auth)) {
        write_problem(text, 401);
        write_problem(text, 403);
    }
    if (endpoint->name_count > 0) {
        write_problem(text, 404);
    }
    if (has_body) {
        write_problem(text, 413);
        write_problem(text, 415);
    }
    if (endpoint->value_count > 0 || has_body) {
        write_problem(text, 422);
    }
    if (has_middleware(endpoint, coil_app_rate_limit)) {
        write_problem(text, 429);
    }
    coil__app_text_add(text, "}");
}

static void write_security(struct coil__app_text *text, const struct coil__app_endpoint *endpoint)
{
    bool has_bearer = has_middleware(endpoint, coil_app_bearer_auth);
    bool has_basic = has_middleware(endpoint, coil_app_basic_auth);

    if (has_bearer || has_basic) {
        coil__app_text_key(text, "security");
        coil__app_text_add(text, "[{");
        coil__app_text_add(text, has_bearer ? "\"bearer\":[]" : "");
        coil__app_text_add(text, has_bearer && has_basic ? "," : "");
        coil__app_text_add(text, has_basic ? "\"basic\":[]" : "");
        coil__app_text_add(text, "}]");
    }
}

/* The names in the document are in small letters. */
static void write_method(struct coil__app_text *text, const char *method)
{
    char lower[16];
    size_t size = strlen(method) < sizeof lower ? strlen(method) : sizeof lower - 1;

    for (size_t i = 0; i < size; i++) {
        lower[i] = coil__to_lower(method[i]);
    }
    lower[size] = '\0';
    coil__app_text_key(text, lower);
}

static void write_operation(struct coil__app_text *text, const struct coil__app_endpoint *endpoint)
{
    const struct coil_app_route *route = &endpoint->route;

    write_method(text, route->method);
    coil__app_text_add(text, "{");
    coil__app_text_member(text, "operationId", endpoint->operation);
    coil__app_text_member(text, "summary", route->summary);
    coil__app_text_member(text, "description", route->description);
    if (route->tag) {
        coil__app_text_key(text, "tags");
        coil__app_text_add(text, "[");
        coil__app_text_string(text, route->tag);
        coil__app_text_add(text, "]");
    }
    if (route->is_deprecated) {
        coil__app_text_key(text, "deprecated");
        coil__app_text_add(text, "true");
    }
    write_params(text, endpoint);
    if (endpoint->lists[COIL__APP_FORM].count > 0) {
        write_form(text, endpoint);
    } else if (route->body) {
        write_body(text, route);
    }
    write_responses(text, endpoint);
    write_security(text, endpoint);
    coil__app_text_add(text, "}");
}

/* --- paths --- */

static bool is_shown(const struct coil__app_endpoint *endpoint)
{
    static const char *const methods[] = {"GET",     "PUT",  "POST",  "DELETE",
                                          "OPTIONS", "HEAD", "PATCH", "TRACE"};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (endpoint->route.method && strcmp(endpoint->route.method, methods[i]) == 0) {
            return !endpoint->route.is_hidden;
        }
    }
    return false;
}

/* Whether the document has something of that path before the endpoint; with its method, if that is
 * asked for. ("/{a:int}" and "/{a}" look the same in the document.) */
static bool is_told(const struct coil__app_endpoint *first,
                    const struct coil__app_endpoint *endpoint, bool with_method)
{
    for (; first != endpoint; first = first->next) {
        if (is_shown(first) && strcmp(first->label, endpoint->label) == 0 &&
            (!with_method || strcmp(first->route.method, endpoint->route.method) == 0)) {
            return true;
        }
    }
    return false;
}

static void write_paths(struct coil__app_text *text, const struct coil_app *app)
{
    coil__app_text_key(text, "paths");
    coil__app_text_add(text, "{");
    for (const struct coil__app_endpoint *at = app->endpoints; at; at = at->next) {
        if (!is_shown(at) || is_told(app->endpoints, at, false)) {
            continue;
        }
        coil__app_text_key(text, at->label);
        coil__app_text_add(text, "{");
        for (const struct coil__app_endpoint *same = at; same; same = same->next) {
            if (is_shown(same) && strcmp(same->label, at->label) == 0 &&
                !is_told(app->endpoints, same, true)) {
                write_operation(text, same);
            }
        }
        coil__app_text_add(text, "}");
    }
    coil__app_text_add(text, "}");
}

/* --- the document --- */

static bool uses_anywhere(const struct coil_app *app, coil_app_middleware fn)
{
    for (const struct coil__app_endpoint *at = app->endpoints; at; at = at->next) {
        if (is_shown(at) && has_middleware(at, fn)) {
            return true;
        }
    }
    return false;
}

/* RFC 9457, section 3; `errors` is an extension of ours. */
static void write_schemas(struct coil__app_text *text, const struct coil_app *app)
{
    coil__app_text_add(
        text, "{\"Problem\":{\"type\":\"object\",\"properties\":{"
              "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
              "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
              "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
              "\"in\":{\"type\":\"string\"},\"field\":{\"type\":\"string\"},"
              "\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}}}}}");
    for (size_t i = 0; i < app->type_count; i++) {
        struct coil_json_buffer buffer = {0};

        coil__app_text_key(text, app->types[i]->name);
        if (coil_json_schema_write(app->types[i], &buffer) < 0) {
            text->has_failed = true;
        } else {
            coil__app_text_bytes(text, buffer.data, buffer.size);
        }
        coil_json_buffer_deinit(&buffer);
    }
    coil__app_text_add(text, "}");
}

static void write_components(struct coil__app_text *text, const struct coil_app *app)
{
    bool has_bearer = uses_anywhere(app, coil_app_bearer_auth);
    bool has_basic = uses_anywhere(app, coil_app_basic_auth);

    coil__app_text_key(text, "components");
    coil__app_text_add(text, "{\"schemas\":");
    write_schemas(text, app);
    if (has_bearer || has_basic) {
        coil__app_text_add(text, ",\"securitySchemes\":{");
        coil__app_text_add(text, has_bearer ? "\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}"
                                            : "");
        coil__app_text_add(text, has_bearer && has_basic ? "," : "");
        coil__app_text_add(text,
                           has_basic ? "\"basic\":{\"type\":\"http\",\"scheme\":\"basic\"}" : "");
        coil__app_text_add(text, "}");
    }
    coil__app_text_add(text, "}");
}

static void write_info(struct coil__app_text *text, const struct coil_app *app)
{
    coil__app_text_key(text, "info");
    coil__app_text_add(text, "{");
    coil__app_text_member(text, "title", app->title);
    coil__app_text_member(text, "version", app->version);
    coil__app_text_member(text, "description", *app->description ? app->description : NULL);
    coil__app_text_add(text, "}");
}

const char *coil_app_openapi(struct coil_app *app)
{
    struct coil__app_text *text;

    if (!app) {
        return NULL;
    }
    text = &app->root->openapi;
    if (text->size == 0) {
        coil__app_text_add(text, "{");
        coil__app_text_member(text, "openapi", "3.1.0");
        write_info(text, app->root);
        coil__app_text_member(text, "x-docs-path", app->root->docs_path);
        write_paths(text, app->root);
        write_components(text, app->root);
        coil__app_text_add(text, "}\n");
        if (text->has_failed) {
            coil__app_text_deinit(text);
            return NULL;
        }
    }
    return text->data;
}
