/* app_get.c - what a handler asks of the parameters, by name: those of the path, which lie where
 * they were matched, and those of the route's tables, which were read before. */
#include "http/app.h"

#include <errno.h>

/* A parameter that was found. */
struct found {
    enum coil_app_kind kind;
    struct coil_app_value value;
};

/* NULL: no table of the route has it. ret_place: of its value. */
static const struct coil_app_param *find_param(const struct coil__app_endpoint *endpoint,
                                               const char *name, size_t *ret_place)
{
    for (size_t i = 0; i < COIL__APP_PLACES; i++) {
        const struct coil__app_list *list = &endpoint->lists[i];

        for (size_t j = 0; j < list->count; j++) {
            if (strcmp(list->params[j].name, name) == 0) {
                *ret_place = list->first + j;
                return &list->params[j];
            }
        }
    }
    return NULL;
}

static void find_in_path(const struct coil__app_request *request, const struct coil__app_name *name,
                         struct found *found)
{
    /* An empty rest of a path has its segment too. */
    const struct coil__app_segment *segment = &request->segments[name->place];

    found->kind = COIL_APP_TEXT;
    found->value.text = segment->text;
    if (name->kind == COIL__APP_INT) {
        found->kind = COIL_APP_INT;
        coil__app_parse_int(segment->text, segment->size, &found->value.integer);
    }
}

/* 1, 0, -EINVAL. */
static int find(const struct coil_http_exchange *exchange, const char *name, const void *ret,
                struct found *found)
{
    const struct coil__app_request *request = coil__app_of(exchange);
    const struct coil__app_endpoint *endpoint = request ? request->endpoint : NULL;
    const struct coil_app_param *param;
    size_t place = 0;

    if (!endpoint || !name || !ret) {
        return -EINVAL;
    }
    for (size_t i = 0; i < endpoint->name_count; i++) {
        if (strcmp(endpoint->names[i].text, name) == 0) {
            find_in_path(request, &endpoint->names[i], found);
            return 1;
        }
    }
    param = find_param(endpoint, name, &place);
    if (!param || param->is_list || !request->values) {
        return -EINVAL;
    }
    found->kind = param->kind;
    found->value = request->values[place].one;
    return found->value.text != NULL;
}

int coil_app_get_int(const struct coil_http_exchange *exchange, const char *name,
                     int64_t *ret_value)
{
    struct found found;
    int rc = find(exchange, name, ret_value, &found);

    if (rc >= 0 && found.kind != COIL_APP_INT) {
        return -EINVAL;
    }
    if (rc == 1) {
        *ret_value = found.value.integer;
    }
    return rc;
}

int coil_app_get_number(const struct coil_http_exchange *exchange, const char *name,
                        double *ret_value)
{
    struct found found;
    int rc = find(exchange, name, ret_value, &found);

    if (rc >= 0 && found.kind != COIL_APP_NUMBER) {
        return -EINVAL;
    }
    if (rc == 1) {
        *ret_value = found.value.number;
    }
    return rc;
}

int coil_app_get_bool(const struct coil_http_exchange *exchange, const char *name, bool *ret_value)
{
    struct found found;
    int rc = find(exchange, name, ret_value, &found);

    if (rc >= 0 && found.kind != COIL_APP_BOOL) {
        return -EINVAL;
    }
    if (rc == 1) {
        *ret_value = found.value.integer != 0;
    }
    return rc;
}

int coil_app_get_text(const struct coil_http_exchange *exchange, const char *name,
                      const char **ret_value)
{
    struct found found;
    int rc = find(exchange, name, ret_value, &found);

    if (rc >= 0 && found.kind == COIL_APP_FILE) {
        return -EINVAL;
    }
    if (rc == 1) {
        *ret_value = found.value.text;
    }
    return rc;
}

int coil_app_get_file(const struct coil_http_exchange *exchange, const char *name,
                      struct coil_app_file *ret_file)
{
    struct found found;
    int rc = find(exchange, name, ret_file, &found);

    if (rc >= 0 && found.kind != COIL_APP_FILE) {
        return -EINVAL;
    }
    if (rc == 1) {
        *ret_file = found.value.file;
    }
    return rc;
}

int coil_app_get_list(const struct coil_http_exchange *exchange, const char *name,
                      const struct coil_app_value **ret_values, size_t *ret_count)
{
    const struct coil__app_request *request = coil__app_of(exchange);
    const struct coil__app_endpoint *endpoint = request ? request->endpoint : NULL;
    const struct coil_app_param *param = NULL;
    size_t place = 0;

    if (endpoint && name && ret_values && ret_count) {
        param = find_param(endpoint, name, &place);
    }
    if (!param || !param->is_list || !request->values) {
        return -EINVAL;
    }
    *ret_values = request->values[place].list;
    *ret_count = request->values[place].count;
    return 0;
}

const char *coil_app_text(const struct coil_http_exchange *exchange, const char *name)
{
    const char *text = NULL;

    return coil_app_get_text(exchange, name, &text) == 1 ? text : NULL;
}
