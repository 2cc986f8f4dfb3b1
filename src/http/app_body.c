/* app_body.c - a request's body as a whole: is it what the route takes, and not too much? */
#include "http/app.h"

#include "wire/media_type.h"

#include <errno.h>

/* Whether the body is of the media type (RFC 9110, section 8.3). For JSON, types made of it too
 * (RFC 6839, section 3.1). */
static bool is_of_type(const struct coil_http_exchange *exchange, const char *media_type)
{
    const char *field = coil_http_get_field(exchange, "Content-Type");
    struct coil__valued type;

    if (!field || coil__media_type_parse(coil__slice_of(field), &type) < 0) {
        return false;
    }
    if (coil__slice_is_like(type.value, media_type)) {
        return true;
    }
    if (strcmp(media_type, "application/json") == 0 && type.value.size > 5) {
        struct coil__slice end = {type.value.start + type.value.size - 5, 5};

        return coil__slice_is_like(end, "+json");
    }
    return false;
}

static bool is_of_a_type(const struct coil_http_exchange *exchange, const char *const *media_types)
{
    while (*media_types && !is_of_type(exchange, *media_types)) {
        media_types++;
    }
    return *media_types != NULL;
}

/* 1; 0: answered; or an error. */
static int check_size(const struct coil__app_request *request, int64_t size)
{
    uint64_t max = request->endpoint->route.max_body;

    max = max == 0 || max > request->max_body ? request->max_body : max;
    if (size < 0 || (uint64_t)size <= max) {
        return 1;
    }
    return coil_app_problem(request->exchange, 413, NULL, "The body is too large.");
}

/* Each of them is said, so that the client knows what to send. */
static int refuse_type(struct coil_http_exchange *exchange, const char *const *media_types)
{
    int rc = 0;

    for (; rc == 0 && *media_types; media_types++) {
        rc = coil_http_add_field(exchange, "Accept", *media_types);
    }
    return rc < 0 ? rc : coil_app_problem(exchange, 415, NULL, "The body is of another type.");
}

int coil__app_read_body(struct coil__app_request *request, const char *const *media_types,
                        const char **ret_body, size_t *ret_size)
{
    struct coil_http_exchange *exchange = request->exchange;
    ssize_t size;
    int rc = check_size(request, coil_http_body_size(exchange));

    if (rc != 1) {
        return rc;
    }
    /* Of no body nobody has to say what it is. */
    if (coil_http_body_size(exchange) != 0 && !is_of_a_type(exchange, media_types)) {
        return refuse_type(exchange, media_types);
    }
    size = coil_http_read_all(exchange, ret_body);
    if (size < 0) {
        return (int)size;
    }
    *ret_size = (size_t)size;
    return check_size(request, size);
}
