/* app_match.c - from a path to a route.
 *
 * The path is cut at its slashes and decoded, once, into memory of the request's: each segment
 * becomes a string. What could be meant to deceive whoever uses such a string as a name is refused
 * here, for all routes: a NUL, an encoded slash, "." and "..", and what is no UTF-8, so overlong
 * forms too.
 *
 * Then the tree is searched, depth first, and at each node in the order in which kinds of segments
 * are tried. A node belongs to one depth, so it is looked at once at most: whatever the path, the
 * search is over after as many steps as there are nodes. A route that fits but has another method
 * is noted, and the search goes on.
 */
#include "http/app.h"

#include "base/text.h"
#include "wire/percent.h"

#include <errno.h>

/* --- cutting --- */

static bool is_dots(const char *text, size_t size)
{
    return size > 0 && size <= 2 && text[0] == '.' && text[size - 1] == '.';
}

/* One segment to `to`, with a NUL. Its size, or -EBADMSG. */
static ssize_t decode(const char *from, size_t size, char *to)
{
    ssize_t length = (ssize_t)size;

    if (!memchr(from, '%', size)) {
        memcpy(to, from, size);
        to[size] = '\0';
    } else {
        length = coil__percent_decode((struct coil__slice){from, size}, to, size + 1);
        if (length < 0 || memchr(to, '\0', (size_t)length) || memchr(to, '/', (size_t)length) ||
            !coil__text_is_utf8(to)) {
            return -EBADMSG;
        }
    }
    return is_dots(to, (size_t)length) ? -EBADMSG : length;
}

/* 0, or a status. */
static unsigned cut_path(struct coil__app_request *request)
{
    const char *path = coil_http_path(request->exchange);
    size_t size = strlen(path);
    const char *at = path;
    char *to = request->room;

    if (size + 1 > sizeof request->room) {
        to = coil_app_alloc(request->exchange, size + 1);
        if (!to) {
            return 500;
        }
    }
    while (*at == '/') {
        const char *end = strchrnul(at + 1, '/');
        ssize_t length = decode(at + 1, (size_t)(end - at - 1), to);

        if (length < 0) {
            return 400;
        }
        if (request->segment_count == COIL__APP_SEGMENTS) {
            return 404;
        }
        request->segments[request->segment_count++] = (struct coil__app_segment){
            .text = to, .size = (uint32_t)length, .raw = (uint32_t)(at - path)};
        to += length + 1;
        at = end;
    }
    return 0;
}

/* --- kinds of segments --- */

bool coil__app_parse_int(const char *text, size_t size, int64_t *ret_value)
{
    bool is_negative = size > 0 && *text == '-';
    struct coil__slice rest = {text + is_negative, size - is_negative};
    bool has_zero = rest.size > 0 && *rest.start == '0' && (rest.size > 1 || is_negative);
    uint64_t number;

    if (has_zero || coil__slice_take_number(&rest, &number) < 0 || rest.size > 0 ||
        number > (uint64_t)INT64_MAX + is_negative) {
        return false;
    }
    *ret_value = is_negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

/* RFC 9562, section 4. */
static bool fits(enum coil__app_segment_kind kind, const struct coil__app_segment *segment)
{
    int64_t number;

    switch (kind) {
    case COIL__APP_INT:
        return coil__app_parse_int(segment->text, segment->size, &number);
    case COIL__APP_UUID:
        return coil__slice_is_uuid((struct coil__slice){segment->text, segment->size});
    default:
        return segment->size > 0;
    }
}

/* --- searching --- */

struct search {
    struct coil__app_request *request;
    struct coil__app_endpoint *mount; /* the deepest */
};

static void allow(struct coil__app_request *request, const char *method)
{
    for (size_t i = 0; i < request->allowed_count; i++) {
        if (strcmp(request->allowed[i], method) == 0) {
            return;
        }
    }
    if (request->allowed_count < COIL__APP_SEGMENTS) {
        request->allowed[request->allowed_count++] = method;
    }
}

/* The path ends at the node. GET is good for HEAD, if there is no route for that. */
static bool take(struct coil__app_request *request, const struct coil__app_node *node)
{
    const char *method = request->exchange->method;
    struct coil__app_endpoint *fallback = NULL;
    bool is_head = strcmp(method, "HEAD") == 0;
    bool is_options = strcmp(method, "OPTIONS") == 0;

    for (struct coil__app_endpoint *at = node->endpoints; at; at = at->beside) {
        if (strcmp(at->route.method, method) == 0) {
            request->endpoint = at;
            if (!is_options) { /* which may be a preflight, and then wants to know of all */
                return true;
            }
            fallback = at;
        }
        if (is_head && strcmp(at->route.method, "GET") == 0) {
            fallback = at;
        }
        allow(request, at->route.method);
        request->group = request->allowed_count == 1 ? at->group : request->group;
    }
    request->endpoint = fallback;
    return fallback != NULL;
}

static void note(struct search *search, const struct coil__app_node *node)
{
    struct coil__app_request *request = search->request;

    if (node->group && node->group->depth > request->group->depth && request->allowed_count == 0) {
        request->group = node->group;
    }
    if (node->mount && (!search->mount || node->mount->depth >= search->mount->depth)) {
        search->mount = node->mount;
    }
}

/* As deep as the tree is: COIL__APP_SEGMENTS. */
static bool find(struct search *search, const struct coil__app_node *node, size_t at)
{
    struct coil__app_request *request = search->request;
    const struct coil__app_segment *segment = &request->segments[at];
    const struct coil__app_node *child;

    note(search, node);
    if (at == request->segment_count) {
        return take(request, node);
    }
    child = coil__app_find_literal(node, segment->text, segment->size);
    if (child && find(search, child, at + 1)) {
        return true;
    }
    for (int kind = COIL__APP_INT; kind <= COIL__APP_ANY; kind++) {
        child = node->others[kind];
        if (child && fits((enum coil__app_segment_kind)kind, segment) &&
            find(search, child, at + 1)) {
            return true;
        }
    }
    child = node->others[COIL__APP_REST];
    return child && take(request, child);
}

/* --- what was found --- */

/* {rest:path}: the strings become one again. */
static void join_rest(struct coil__app_request *request)
{
    const struct coil__app_endpoint *endpoint = request->endpoint;
    size_t first = endpoint->depth > 0 ? endpoint->depth - 1 : 0;
    struct coil__app_segment *segment = &request->segments[first];

    if (endpoint->name_count == 0 ||
        endpoint->names[endpoint->name_count - 1].kind != COIL__APP_REST) {
        return;
    }
    for (size_t i = first + 1; i < request->segment_count; i++) {
        request->segments[i].text[-1] = '/';
        segment->size += 1 + request->segments[i].size;
    }
}

void coil__app_match(struct coil__app_request *request)
{
    struct search search = {.request = request};
    const char *method = request->exchange->method;

    request->status = cut_path(request);
    if (request->status > 0) {
        return;
    }
    if (request->segment_count > 0 && find(&search, &request->app->tree, 0)) {
        request->group = request->endpoint->group;
        join_rest(request);
    } else if (search.mount && request->allowed_count == 0) {
        request->endpoint = search.mount;
        request->group = search.mount->group;
    } else if (strcmp(method, "OPTIONS") == 0 &&
               (request->segment_count == 0 || request->allowed_count > 0)) {
        request->status = 200;
    } else {
        request->status = request->allowed_count > 0 ? 405 : 404;
    }
}
