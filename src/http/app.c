/* app.c - apps and groups: what they own, and what goes wrong when they are put together.
 *
 * All of an app is made before it serves, and freed at once. A registration that fails leaves the
 * app as it was, keeps its sentence, and keeps the app from serving: nobody has to look at what
 * each of them returns.
 */
#include "http/app.h"

#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int coil__app_fail(struct coil_app *app, int error, const char *format, ...)
{
    struct coil_app *root = app->root;
    va_list args;

    if (root->error == 0) {
        root->error = error;
        va_start(args, format);
        vsnprintf(root->error_text, sizeof root->error_text, format, args);
        va_end(args);
    }
    return error;
}

char *coil__app_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = coil__malloc(size);

    if (copy) {
        memcpy(copy, text, size);
    }
    return copy;
}

const char *coil_app_error(const struct coil_app *app)
{
    return app && app->root->error < 0 ? app->root->error_text : NULL;
}

/* --- an app --- */

static bool is_path(const char *path)
{
    return *path == '\0' || (*path == '/' && !strpbrk(path, "{}"));
}

static int take_options(struct coil_app *app, const struct coil_app_options *options)
{
    const char *openapi = options->openapi_path ? options->openapi_path : "/openapi.json";
    const char *docs = options->docs_path ? options->docs_path : "/docs";

    if (!is_path(openapi) || !is_path(docs)) {
        return -EINVAL;
    }
    app->title = coil__app_copy(options->title ? options->title : "API");
    app->version = coil__app_copy(options->version ? options->version : "0.1.0");
    app->description = coil__app_copy(options->description ? options->description : "");
    app->openapi_path = coil__app_copy(openapi);
    app->docs_path = coil__app_copy(*openapi ? docs : "");
    app->prefix = coil__app_copy("");
    if (!app->title || !app->version || !app->description || !app->openapi_path ||
        !app->docs_path || !app->prefix) {
        return -ENOMEM;
    }
    app->debug = options->debug;
    app->state = options->state;
    app->on_error = options->on_error;
    app->error_user = options->error_user;
    return coil__app_add_documents(app);
}

int coil_app_new(const struct coil_app_options *options, struct coil_app **ret_app)
{
    static const struct coil_app_options none;
    struct coil_app *app;
    int rc;

    if (!ret_app) {
        return -EINVAL;
    }
    app = coil__calloc(1, sizeof *app);
    if (!app) {
        return -ENOMEM;
    }
    app->root = app;
    app->line[0] = app;
    rc = take_options(app, options ? options : &none);
    if (rc < 0) {
        coil_app_free(app);
        return rc;
    }
    *ret_app = app;
    return 0;
}

static void free_group(struct coil_app *group)
{
    coil__free(group->prefix);
    coil__free(group->uses);
    coil__free(group);
}

void coil_app_free(struct coil_app *app)
{
    if (!app || app != app->root) {
        return;
    }
    coil__app_tree_deinit(&app->tree);
    while (app->endpoints) {
        struct coil__app_endpoint *endpoint = app->endpoints;

        app->endpoints = endpoint->next;
        coil__app_endpoint_free(endpoint);
    }
    while (app->groups) {
        struct coil_app *group = app->groups;

        app->groups = group->next_group;
        free_group(group);
    }
    coil__free(app->title);
    coil__free(app->version);
    coil__free(app->description);
    coil__free(app->openapi_path);
    coil__free(app->docs_path);
    coil__free(app->types);
    coil__app_text_deinit(&app->openapi);
    free_group(app);
}

/* --- groups --- */

/* Both of them in a row. */
static char *join(const char *a, const char *b)
{
    size_t a_size = strlen(a);
    size_t b_size = strlen(b) + 1;
    char *joined = coil__malloc(a_size + b_size);

    if (joined) {
        memcpy(joined, a, a_size);
        memcpy(joined + a_size, b, b_size);
    }
    return joined;
}

/* The paths below the prefix are the group's, even if they lead nowhere. */
static int claim_prefix(struct coil_app *group)
{
    struct coil__app_pattern pattern;
    struct coil__app_node *node;
    int rc = coil__app_parse_pattern(group, group->prefix, true, &pattern);

    if (rc < 0 || pattern.count == 0) {
        return rc;
    }
    node = coil__app_grow(&group->root->tree, &pattern);
    if (!node) {
        return coil__app_fail(group, -ENOMEM, "group \"%s\": no memory", group->prefix);
    }
    if (!node->group) {
        node->group = group;
    }
    return 0;
}

struct coil_app *coil_app_group(struct coil_app *app, const char *prefix)
{
    struct coil_app *group;

    if (!app || !prefix) {
        return NULL;
    }
    if (app->depth == COIL__APP_DEPTH) {
        coil__app_fail(app, -COIL_ELIMIT, "group \"%s\": more than %d groups in each other", prefix,
                       COIL__APP_DEPTH);
        return NULL;
    }
    group = coil__calloc(1, sizeof *group);
    if (!group || !(group->prefix = join(app->prefix, prefix))) {
        coil__app_fail(app, -ENOMEM, "group \"%s\": no memory", prefix);
        coil__free(group);
        return NULL;
    }
    group->root = app->root;
    group->depth = app->depth + 1;
    memcpy(group->line, app->line, sizeof app->line);
    group->line[group->depth] = group;
    /* Before it is known whether all is well: a node may point to it. */
    group->next_group = app->root->groups;
    app->root->groups = group;
    return claim_prefix(group) < 0 ? NULL : group;
}

int coil_app_use(struct coil_app *app, coil_app_middleware fn, void *user)
{
    struct coil__app_use *uses;

    if (!app || !fn) {
        return app ? coil__app_fail(app, -EINVAL, "middleware: no function") : -EINVAL;
    }
    uses = coil__realloc_array(app->uses, app->use_count + 1, sizeof *uses);
    if (!uses) {
        return coil__app_fail(app, -ENOMEM, "middleware: no memory");
    }
    uses[app->use_count++] = (struct coil__app_use){.fn = fn, .user = user};
    app->uses = uses;
    coil__app_text_deinit(&app->root->openapi);
    return 0;
}

/* --- routes --- */

int coil_app_add(struct coil_app *app, const struct coil_app_route *routes, void *user)
{
    int rc = 0;

    if (!app || !routes) {
        return app ? coil__app_fail(app, -EINVAL, "routes: none") : -EINVAL;
    }
    coil__app_text_deinit(&app->root->openapi);
    for (; rc == 0 && routes->method; routes++) {
        rc = coil__app_add_route(app, routes, user);
    }
    return rc;
}

int coil_app_mount(struct coil_app *app, const char *prefix, coil_http_handler handler, void *user)
{
    struct coil_app_route route = {.path = prefix, .handler = handler, .is_hidden = true};

    if (!app || !prefix) {
        return app ? coil__app_fail(app, -EINVAL, "mount: no prefix") : -EINVAL;
    }
    return coil__app_add_route(app, &route, user);
}

int coil_app_serve(struct coil_app *app, const char *host, uint16_t port,
                   const struct coil_http_server_options *options)
{
    if (!app) {
        return -EINVAL;
    }
    return app->root->error < 0 ? app->root->error
                                : coil_http_serve(host, port, options, coil_app_handle, app);
}
