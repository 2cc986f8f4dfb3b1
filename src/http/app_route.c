/* app_route.c - a route is added: checked, and hung into the tree. */
#include "http/app.h"

#include "base/memory.h"

#include <errno.h>

/* --- what it is made of --- */

static const char *label_of(const struct coil_app_route *route)
{
    return route->method ? route->method : "mount";
}

/* Whole path: the prefixes, and the route's own. A mount at "/" is one of everything. */
static char *whole_path(const struct coil_app *group, const char *path)
{
    size_t prefix = strlen(group->prefix);
    size_t size = strlen(path) + 1;
    char *whole = coil__malloc(prefix + size);

    if (whole) {
        memcpy(whole, group->prefix, prefix);
        memcpy(whole + prefix, path, size);
    }
    return whole;
}

/* Takes the kinds out: "{id:int}" becomes "{id}". */
static char *make_label(const char *path)
{
    char *label = coil__app_copy(path);
    char *to = label;
    bool is_inside = false;
    bool is_kind = false;

    for (const char *at = path; label && *at; at++) {
        is_inside = *at == '{' || (is_inside && *at != '}');
        is_kind = is_inside && (is_kind || *at == ':');
        if (!is_kind) {
            *to++ = *at;
        }
    }
    if (label) {
        *to = '\0';
    }
    return label;
}

/* The parameters' names, and where they stand. 0, -ENOMEM. */
static int take_names(struct coil__app_endpoint *endpoint, const struct coil__app_pattern *pattern)
{
    char *at = coil__malloc(strlen(endpoint->path) + COIL__APP_NAMES + 1);

    endpoint->name_text = at;
    endpoint->names = coil__realloc_array(NULL, COIL__APP_NAMES, sizeof *endpoint->names);
    if (!at || !endpoint->names) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < pattern->count; i++) {
        const struct coil__app_piece *piece = &pattern->pieces[i];

        if (piece->kind != COIL__APP_LITERAL) {
            endpoint->names[endpoint->name_count++] = (struct coil__app_name){
                .text = at, .place = (uint8_t)i, .kind = (uint8_t)piece->kind};
            memcpy(at, piece->text, piece->size);
            at[piece->size] = '\0';
            at += piece->size + 1;
        }
    }
    return 0;
}

/* --- what may be wrong --- */

/* A header has its name in any case. */
static bool is_named(const char *name, const char *other, bool is_header)
{
    return is_header ? coil__slice_is_like(coil__slice_of(name), other) : strcmp(name, other) == 0;
}

static bool has_name(const struct coil__app_endpoint *endpoint, const struct coil__app_list *list,
                     size_t count, const char *name)
{
    bool is_header = list == &endpoint->lists[COIL__APP_HEADER];

    for (size_t i = 0; i < count; i++) {
        if (is_named(list->params[i].name, name, is_header)) {
            return true;
        }
    }
    return false;
}

/* Whether the path or a table before has the name; or the table itself, before that place. */
static bool is_taken(const struct coil__app_endpoint *endpoint, const struct coil__app_list *list,
                     size_t place)
{
    const char *name = list->params[place].name;

    for (size_t i = 0; i < endpoint->name_count; i++) {
        if (strcmp(endpoint->names[i].text, name) == 0) {
            return true;
        }
    }
    for (const struct coil__app_list *other = endpoint->lists; other < list; other++) {
        if (has_name(endpoint, other, other->count, name)) {
            return true;
        }
    }
    return has_name(endpoint, list, place, name);
}

/* A handler asks for them by name, wherever they come from. NULL, or the name that is there twice.
 */
static const char *find_twin(const struct coil__app_endpoint *endpoint)
{
    for (size_t i = 0; i < COIL__APP_PLACES; i++) {
        const struct coil__app_list *list = &endpoint->lists[i];

        for (size_t j = 0; j < list->count; j++) {
            if (is_taken(endpoint, list, j)) {
                return list->params[j].name;
            }
        }
    }
    return NULL;
}

static int check_lists(struct coil__app_endpoint *endpoint)
{
    const struct coil_app_route *route = &endpoint->route;
    const struct coil_app_param *const tables[COIL__APP_PLACES] = {route->query, route->headers,
                                                                   route->cookies, route->form};
    const char *twin;

    for (int i = 0; i < COIL__APP_PLACES; i++) {
        struct coil__app_list *list = &endpoint->lists[i];
        int rc = coil__app_check_params(endpoint->group, endpoint->path, (enum coil__app_place)i,
                                        tables[i], &list->count);

        if (rc < 0) {
            return rc;
        }
        list->params = tables[i];
        list->first = endpoint->value_count;
        endpoint->value_count += list->count;
    }
    twin = find_twin(endpoint);
    return twin ? coil__app_fail(endpoint->group, -EINVAL, "%s \"%s\": two parameters \"%s\"",
                                 label_of(route), endpoint->path, twin)
                : 0;
}

static int check(struct coil__app_endpoint *endpoint)
{
    const struct coil_app_route *route = &endpoint->route;
    struct coil_app *app = endpoint->group;
    int rc;

    if (!route->handler) {
        return coil__app_fail(app, -EINVAL, "%s \"%s\": no handler", label_of(route),
                              endpoint->path);
    }
    if (route->method && !coil__slice_is_token(coil__slice_of(route->method))) {
        return coil__app_fail(app, -EINVAL, "\"%s\": no method is called \"%s\"", endpoint->path,
                              route->method);
    }
    if (route->body && route->form) {
        return coil__app_fail(app, -EINVAL, "%s \"%s\": a form and JSON at once", label_of(route),
                              endpoint->path);
    }
    rc = check_lists(endpoint);
    rc = rc < 0 ? rc : coil__app_check_type(app, endpoint->path, route->body);
    return rc < 0 ? rc : coil__app_check_type(app, endpoint->path, route->response);
}

/* --- adding --- */

static int hang_up(struct coil__app_endpoint *endpoint, const struct coil__app_pattern *pattern)
{
    struct coil_app *root = endpoint->group->root;
    struct coil__app_node *node = coil__app_grow(&root->tree, pattern);
    struct coil__app_endpoint **at;

    if (!node) {
        return coil__app_fail(root, -ENOMEM, "\"%s\": no memory", endpoint->path);
    }
    at = endpoint->route.method ? &node->endpoints : &node->mount;
    while (*at) {
        if (!endpoint->route.method || strcmp((*at)->route.method, endpoint->route.method) == 0) {
            return coil__app_fail(root, -EEXIST, "%s \"%s\": \"%s\" is there already",
                                  label_of(&endpoint->route), endpoint->path, (*at)->path);
        }
        at = &(*at)->beside;
    }
    *at = endpoint;
    if (root->last_endpoint) {
        root->last_endpoint->next = endpoint;
    } else {
        root->endpoints = endpoint;
    }
    root->last_endpoint = endpoint;
    return 0;
}

/* A mount's prefix may end in a slash, or be nothing else. */
static int parse(struct coil__app_endpoint *endpoint, struct coil__app_pattern *ret_pattern)
{
    bool is_mount = !endpoint->route.method;
    size_t size = strlen(endpoint->path);

    if (is_mount && size > 0 && endpoint->path[size - 1] == '/') {
        endpoint->path[size - 1] = '\0';
    }
    return coil__app_parse_pattern(endpoint->group, endpoint->path, is_mount, ret_pattern);
}

int coil__app_add_route(struct coil_app *group, const struct coil_app_route *route, void *user)
{
    struct coil__app_endpoint *endpoint = coil__calloc(1, sizeof *endpoint);
    struct coil__app_pattern pattern;
    int rc;

    if (!route->path) {
        coil__free(endpoint);
        return coil__app_fail(group, -EINVAL, "%s: a route without a path", label_of(route));
    }
    if (!endpoint || !(endpoint->path = whole_path(group, route->path))) {
        coil__free(endpoint);
        return coil__app_fail(group, -ENOMEM, "\"%s\": no memory", route->path);
    }
    endpoint->group = group;
    endpoint->user = user;
    endpoint->route = *route;
    rc = parse(endpoint, &pattern);
    endpoint->depth = pattern.count;
    endpoint->label = make_label(endpoint->path);
    if (rc == 0 && (!endpoint->label || take_names(endpoint, &pattern) < 0)) {
        rc = coil__app_fail(group, -ENOMEM, "\"%s\": no memory", route->path);
    }
    rc = rc < 0 ? rc : check(endpoint);
    rc = rc < 0 ? rc : coil__app_name_operation(endpoint);
    rc = rc < 0 ? rc : hang_up(endpoint, &pattern);
    if (rc < 0) {
        coil__app_endpoint_free(endpoint);
    }
    return rc;
}

void coil__app_endpoint_free(struct coil__app_endpoint *endpoint)
{
    coil__free(endpoint->path);
    coil__free(endpoint->label);
    coil__free(endpoint->operation);
    coil__free(endpoint->names);
    coil__free(endpoint->name_text);
    coil__free(endpoint);
}
