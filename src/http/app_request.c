/* app_request.c - a request's way through an app, and what it holds until it is over. */
#include "http/app.h"

#include "base/memory.h"

#include <coil/task.h>

#include <errno.h>

/* --- what it holds --- */

struct coil__app_request *coil__app_of(const struct coil_http_exchange *exchange)
{
    return exchange ? exchange->app : NULL;
}

void *coil_app_state(const struct coil_http_exchange *exchange)
{
    const struct coil__app_request *request = coil__app_of(exchange);

    return request ? request->app->state : NULL;
}

const char *coil_app_route_path(const struct coil_http_exchange *exchange)
{
    const struct coil__app_request *request = coil__app_of(exchange);

    return request && request->endpoint ? request->endpoint->path : NULL;
}

static struct coil__app_release *make_release(struct coil_http_exchange *exchange, size_t size)
{
    struct coil__app_request *request = coil__app_of(exchange);
    struct coil__app_release *release = NULL;

    if (request && size <= SIZE_MAX - sizeof *release) {
        release = coil__malloc(sizeof *release + size);
    }
    if (release) {
        *release = (struct coil__app_release){.next = request->releases};
        request->releases = release;
    }
    return release;
}

void *coil_app_alloc(struct coil_http_exchange *exchange, size_t size)
{
    struct coil__app_release *release = make_release(exchange, size);

    return release ? release->memory : NULL;
}

int coil_app_defer(struct coil_http_exchange *exchange, coil_app_release_fn fn, void *arg)
{
    struct coil__app_release *release = fn ? make_release(exchange, 0) : NULL;

    if (!release) {
        if (fn) {
            coil_shield {
                fn(arg);
            }
        }
        return fn && coil__app_of(exchange) ? -ENOMEM : -EINVAL;
    }
    release->fn = fn;
    release->arg = arg;
    return 0;
}

int coil_app_acquire(struct coil_http_exchange *exchange, const struct coil_app_resource *resource,
                     void **ret_value)
{
    struct coil__app_request *request = coil__app_of(exchange);
    struct coil__app_release *release;
    void *value = NULL;
    int rc;

    if (!request || !resource || !resource->acquire || !ret_value) {
        return -EINVAL;
    }
    for (release = request->releases; release; release = release->next) {
        if (release->resource == resource) {
            *ret_value = release->arg;
            return 0;
        }
    }
    rc = resource->acquire(exchange, resource->user, &value);
    if (rc < 0) {
        return rc;
    }
    /* What `acquire` has acquired itself stands below in the list, and goes later. */
    release = make_release(exchange, 0);
    if (!release) {
        if (resource->release) {
            coil_shield {
                resource->release(value, resource->user);
            }
        }
        return -ENOMEM;
    }
    release->resource = resource;
    release->arg = value;
    *ret_value = value;
    return 0;
}

static void release_one(const struct coil__app_release *release)
{
    const struct coil_app_resource *resource = release->resource;

    if (release->fn) {
        release->fn(release->arg);
    } else if (resource && resource->release) {
        resource->release(release->arg, resource->user);
    }
}

void coil__app_release_all(struct coil__app_request *request)
{
    if (!request->releases) {
        return;
    }
    coil_shield {
        while (request->releases) {
            struct coil__app_release *release = request->releases;

            release_one(release);
            /* It may have deferred something more: that is done first, which is what it expects. */
            if (request->releases == release) {
                request->releases = release->next;
                coil__free(release);
            } else {
                release->fn = NULL;
                release->resource = NULL;
            }
        }
    }
}

/* --- the end of the chain --- */

/* "GET, HEAD, POST": with what is answered by itself (RFC 9110, section 10.2.1). */
static int say_allowed(struct coil__app_request *request)
{
    struct coil__app_text text = {0};
    bool has_get = false;
    bool has_head = false;
    bool has_options = false;
    int rc;

    for (size_t i = 0; i < request->allowed_count; i++) {
        const char *method = request->allowed[i];

        coil__app_text_add(&text, method);
        coil__app_text_add(&text, ", ");
        has_get = has_get || strcmp(method, "GET") == 0;
        has_head = has_head || strcmp(method, "HEAD") == 0;
        has_options = has_options || strcmp(method, "OPTIONS") == 0;
    }
    coil__app_text_add(&text, has_get && !has_head ? "HEAD, " : "");
    coil__app_text_add(&text, has_options ? "" : "OPTIONS, ");
    if (text.has_failed) {
        rc = -ENOMEM;
    } else {
        text.data[text.size - 2] = '\0';
        rc = coil_http_add_field(request->exchange, "Allow", text.data);
    }
    coil__app_text_deinit(&text);
    return rc;
}

static int refuse(struct coil__app_request *request)
{
    struct coil_http_exchange *exchange = request->exchange;
    int rc = request->status == 405 || request->status == 200 ? say_allowed(request) : 0;

    if (rc < 0) {
        return rc;
    }
    switch (request->status) {
    case 200:
        return coil_http_reply(exchange, 204, NULL, NULL, 0);
    case 400:
        return coil_app_problem(exchange, 400, NULL, "The path cannot be read.");
    case 405:
        return coil_app_problem(exchange, 405, NULL, "There is no such method at this path.");
    case 500:
        return -ENOMEM;
    default:
        return coil_app_problem(exchange, 404, NULL, "There is nothing at this path.");
    }
}

/* The other handler sees what follows the prefix. */
static int call_mounted(struct coil__app_request *request)
{
    struct coil_http_exchange *exchange = request->exchange;
    const struct coil__app_endpoint *endpoint = request->endpoint;
    const char *path = exchange->path;
    int rc;

    if (endpoint->depth < request->segment_count) {
        request->below = request->segments[endpoint->depth].raw;
        exchange->path = path + request->below;
    } else {
        request->below = strlen(path);
        exchange->path = "/";
    }
    rc = endpoint->route.handler(exchange, endpoint->user);
    exchange->path = path;
    return rc;
}

static int call_handler(struct coil__app_request *request)
{
    const struct coil__app_endpoint *endpoint = request->endpoint;
    int rc;

    if (!endpoint) {
        return refuse(request);
    }
    if (!endpoint->route.method) {
        return call_mounted(request);
    }
    rc = coil__app_read_values(request);
    return rc == 1 ? endpoint->route.handler(request->exchange, endpoint->user) : rc;
}

/* What was said of a response that is not sent is no part of the one that tells of the error: it
 * might be said to be compressed, or worth keeping. */
static int end_chain(struct coil__app_request *request)
{
    struct coil_http_exchange *exchange = request->exchange;
    size_t fields = exchange->memory->extra.end;
    bool has_server = exchange->has_server;
    int rc = call_handler(request);

    if (rc < 0 && !coil_http_is_begun(exchange)) {
        exchange->memory->extra.end = fields;
        exchange->has_server = has_server;
    }
    return rc;
}

/* --- the chain --- */

/* A place in it. On the stack of whoever calls the middleware. */
struct coil_app_chain {
    struct coil__app_request *request;
    size_t level; /* of the groups around the route */
    size_t index; /* of the group's middleware */
    bool is_used;
};

static int run(struct coil__app_request *request, size_t level, size_t index)
{
    const struct coil_app *group = request->group;

    for (; level <= group->depth; level++, index = 0) {
        const struct coil_app *around = group->line[level];

        if (index < around->use_count) {
            const struct coil__app_use *use = &around->uses[index];
            struct coil_app_chain next = {request, level, index + 1, false};

            return use->fn(request->exchange, &next, use->user);
        }
    }
    return end_chain(request);
}

int coil_app_next(struct coil_http_exchange *exchange, struct coil_app_chain *next)
{
    if (!exchange || !next) {
        return -EINVAL;
    }
    if (next->is_used) {
        return -COIL_EINVALIDSTATE;
    }
    next->is_used = true;
    return run(next->request, next->level, next->index);
}

/* --- errors --- */

static int answer_error(struct coil__app_request *request, int error)
{
    struct coil_http_exchange *exchange = request->exchange;
    const struct coil_app *app = request->app;

    if (error == exchange->body_error && exchange->body_status > 0) {
        return coil_app_problem(exchange, exchange->body_status, NULL, NULL);
    }
    if (app->on_error) {
        app->on_error(exchange, error, app->error_user);
    }
    return coil_http_is_begun(exchange)
               ? 0
               : coil_app_problem(exchange, 500, NULL, app->debug ? coil_strerror(error) : NULL);
}

/* A handler's return becomes that of a coil_http_handler, which reports the error. */
static int settle(struct coil__app_request *request, int rc)
{
    struct coil_http_exchange *exchange = request->exchange;

    if (rc >= 0 && !coil_http_is_begun(exchange)) {
        rc = -COIL_EINVALIDSTATE;
    }
    if (rc < 0 && !coil_http_is_begun(exchange) && !exchange->is_broken && rc != exchange->error &&
        coil_check_cancel() == 0) {
        answer_error(request, rc);
    }
    return rc;
}

int coil_app_handle(struct coil_http_exchange *exchange, void *user)
{
    struct coil_app *app = user;
    struct coil__app_request request;
    int rc;

    if (!exchange || !app) {
        return -EINVAL;
    }
    app = app->root;
    /* All but the large arrays. */
    memset(&request, 0, offsetof(struct coil__app_request, allowed));
    request.allowed_count = 0;
    request.exchange = exchange;
    request.app = app;
    request.group = app;
    request.max_body = UINT64_MAX;
    request.outer = exchange->app;
    request.path = exchange->path;
    if (request.outer) {
        request.id = request.outer->id;
        request.path = request.outer->path;
        request.mounted = request.outer->mounted + request.outer->below;
    }
    exchange->app = &request;
    if (app->error < 0) {
        rc = app->error;
    } else {
        coil__app_match(&request);
        rc = run(&request, 0, 0);
    }
    rc = settle(&request, rc);
    coil__app_release_all(&request);
    exchange->app = request.outer;
    return rc;
}
