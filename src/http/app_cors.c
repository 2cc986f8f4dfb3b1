/* app_cors.c - cross-origin requests (Fetch, section 3.2).
 *
 * Nothing is kept from anybody here: a browser asks whether a script of another origin may send
 * something (the preflight) and read what came back, and these are the answers. An origin that is
 * not listed gets none.
 */
#include "http/app.h"

#include <errno.h>

static bool has(const char *const *list, const char *text)
{
    while (list && *list && strcmp(*list, text) != 0) {
        list++;
    }
    return list && *list;
}

/* Adds a field whose value is that list, if there is one. */
static int add_list(struct coil_http_exchange *exchange, const char *name, const char *const *list,
                    size_t count)
{
    struct coil__app_text text = {0};
    int rc = 0;

    for (size_t i = 0; i < count; i++) {
        coil__app_text_add(&text, i > 0 ? ", " : "");
        coil__app_text_add(&text, list[i]);
    }
    if (text.has_failed) {
        rc = -ENOMEM;
    } else if (text.size > 0) {
        rc = coil_http_add_field(exchange, name, text.data);
    }
    coil__app_text_deinit(&text);
    return rc;
}

static size_t count_of(const char *const *list)
{
    size_t count = 0;

    while (list && list[count]) {
        count++;
    }
    return count;
}

/* --- the fields of any response --- */

/* True: the origin may see it. */
static bool is_allowed(const struct coil_app_cors_options *options, const char *origin)
{
    return origin && (has(options->origins, "*") || has(options->origins, origin));
}

static int add_common(struct coil_http_exchange *exchange,
                      const struct coil_app_cors_options *options, const char *origin)
{
    bool is_for_all = has(options->origins, "*");
    int rc = 0;

    if (!is_for_all) { /* caches must not give one origin's response to another */
        rc = coil_http_add_field(exchange, "Vary", "Origin");
    }
    if (rc < 0 || !is_allowed(options, origin)) {
        return rc;
    }
    rc = coil_http_add_field(exchange, "Access-Control-Allow-Origin", is_for_all ? "*" : origin);
    if (rc == 0 && options->with_credentials) {
        rc = coil_http_add_field(exchange, "Access-Control-Allow-Credentials", "true");
    }
    return rc;
}

/* --- preflights --- */

/* The methods: those listed, those of the route, or the one that was asked for. */
static int add_methods(struct coil_http_exchange *exchange,
                       const struct coil_app_cors_options *options, const char *asked)
{
    const struct coil__app_request *request = coil__app_of(exchange);
    const char *name = "Access-Control-Allow-Methods";

    if (options->methods) {
        return add_list(exchange, name, options->methods, count_of(options->methods));
    }
    if (request && request->allowed_count > 0) {
        return add_list(exchange, name, request->allowed, request->allowed_count);
    }
    return coil__slice_is_token(coil__slice_of(asked)) ? coil_http_add_field(exchange, name, asked)
                                                       : 0;
}

static int add_headers(struct coil_http_exchange *exchange,
                       const struct coil_app_cors_options *options)
{
    const char *asked = coil_http_get_field(exchange, "Access-Control-Request-Headers");
    const char *name = "Access-Control-Allow-Headers";

    if (options->headers) {
        return add_list(exchange, name, options->headers, count_of(options->headers));
    }
    return asked ? coil_http_add_field(exchange, name, asked) : 0;
}

static int add_max_age(struct coil_http_exchange *exchange, int64_t max_age_s)
{
    struct coil__app_text text = {0};
    int rc;

    coil__app_text_number(&text, max_age_s == 0 ? 600 : max_age_s < 0 ? 0 : max_age_s);
    rc = text.has_failed ? -ENOMEM
                         : coil_http_add_field(exchange, "Access-Control-Max-Age", text.data);
    coil__app_text_deinit(&text);
    return rc;
}

static int answer_preflight(struct coil_http_exchange *exchange,
                            const struct coil_app_cors_options *options, const char *origin,
                            const char *asked)
{
    int rc = coil_http_add_field(exchange, "Vary",
                                 "Access-Control-Request-Method, Access-Control-Request-Headers");

    if (rc == 0 && is_allowed(options, origin)) {
        rc = add_methods(exchange, options, asked);
        rc = rc < 0 ? rc : add_headers(exchange, options);
        rc = rc < 0 ? rc : add_max_age(exchange, options->max_age_s);
    }
    return rc < 0 ? rc : coil_http_reply(exchange, 204, NULL, NULL, 0);
}

int coil_app_cors(struct coil_http_exchange *exchange, struct coil_app_chain *next, void *user)
{
    const struct coil_app_cors_options *options = user;
    const struct coil__app_request *request = coil__app_of(exchange);
    const char *origin = coil_http_get_field(exchange, "Origin");
    const char *asked = coil_http_get_field(exchange, "Access-Control-Request-Method");
    bool is_preflight = origin && asked && strcmp(coil_http_method(exchange), "OPTIONS") == 0;
    int rc;

    if (!request || !next || !options ||
        (options->with_credentials && has(options->origins, "*"))) {
        return -EINVAL;
    }
    rc = add_common(exchange, options, origin);
    if (rc == 0 && is_preflight && request->status != 404 && request->status != 400) {
        return answer_preflight(exchange, options, origin, asked);
    }
    if (rc == 0 && is_allowed(options, origin)) {
        rc = add_list(exchange, "Access-Control-Expose-Headers", options->exposed,
                      count_of(options->exposed));
    }
    return rc < 0 ? rc : coil_app_next(exchange, next);
}
