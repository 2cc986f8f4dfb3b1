/* app_fields.c - parameters that come in the head: headers, and cookies.
 *
 * The fields of a request are strings that live as long as it, so a header's value is taken where
 * it stands. Cookies stand in a row, and a copy of that is cut into strings.
 */
#include "http/app.h"

#include "wire/cookie.h"

#include <errno.h>

/* --- headers --- */

/* The fields with that name as one, from the first one on (RFC 9110, section 5.3). NULL: no memory.
 */
static const char *join(struct coil_http_exchange *exchange, const char *name, size_t first)
{
    const struct coil_http_field *fields;
    size_t size = 1;
    size_t count;
    char *joined;
    char *to;

    fields = coil_http_get_fields(exchange, &count);
    for (size_t i = first; i < count; i++) {
        if (coil__slice_is_like(coil__slice_of(fields[i].name), name)) {
            size += strlen(fields[i].value) + 2;
        }
    }
    to = joined = coil_app_alloc(exchange, size);
    for (size_t i = first; joined && i < count; i++) {
        if (coil__slice_is_like(coil__slice_of(fields[i].name), name)) {
            to = stpcpy(i > first ? stpcpy(to, ", ") : to, fields[i].value);
        }
    }
    return joined;
}

static int read_header(struct coil__app_reading *reading, size_t index)
{
    struct coil_http_exchange *exchange = reading->request->exchange;
    const struct coil_app_param *param = &reading->params[index];
    const struct coil_http_field *fields;
    const char *text = NULL;
    size_t found = 0;
    size_t first = 0;
    size_t count;

    fields = coil_http_get_fields(exchange, &count);
    for (size_t i = 0; i < count; i++) {
        if (coil__slice_is_like(coil__slice_of(fields[i].name), param->name)) {
            first = found == 0 ? i : first;
            found++;
        }
    }
    if (found == 0) {
        return 0;
    }
    text = fields[first].value;
    if (found > 1 && param->kind == COIL_APP_TEXT) {
        text = join(exchange, param->name, first);
    }
    if (!text) {
        return -ENOMEM;
    }
    coil__app_take_value(reading, index, text, strlen(text), NULL);
    if (found > 1 && param->kind != COIL_APP_TEXT) {
        coil__app_take_twin(reading, index);
    }
    return 0;
}

int coil__app_read_headers(struct coil__app_reading *reading)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < reading->count; i++) {
        rc = read_header(reading, i);
    }
    if (rc == 0) {
        coil__app_fill_in(reading);
    }
    return rc;
}

/* --- cookies --- */

/* Of two with one name the first one counts: see struct coil_app_route. */
static void take_cookie(struct coil__app_reading *reading, struct coil__slice name,
                        struct coil__slice value)
{
    for (size_t i = 0; i < reading->count; i++) {
        if (coil__slice_is(name, reading->params[i].name) && !(reading->given >> i & 1)) {
            coil__app_take_value(reading, i, value.start, value.size, NULL);
        }
    }
}

/* A copy of the field in which each value ends with a NUL: what stands behind it, a blank, a
 * semicolon or the end, is not needed any more. */
static int read_cookie_field(struct coil__app_reading *reading, const char *field)
{
    size_t size = strlen(field);
    char *copy = coil_app_alloc(reading->request->exchange, size + 1);
    struct coil__cookies cookies;
    struct coil__slice name;
    struct coil__slice value;
    int rc;

    if (!copy) {
        return -ENOMEM;
    }
    memcpy(copy, field, size + 1);
    coil__cookies_init(&cookies, (struct coil__slice){copy, size}, COIL__APP_PAIRS);
    while ((rc = coil__cookies_next(&cookies, &name, &value)) > 0) {
        copy[(size_t)(value.start - copy) + value.size] = '\0';
        take_cookie(reading, name, value);
    }
    return rc;
}

int coil__app_read_cookies(struct coil__app_reading *reading)
{
    const struct coil_http_field *fields;
    size_t count;
    int rc = 0;

    fields = coil_http_get_fields(reading->request->exchange, &count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (coil__slice_is_like(coil__slice_of(fields[i].name), "Cookie")) {
            rc = read_cookie_field(reading, fields[i].value);
        }
    }
    if (rc == 0) {
        coil__app_fill_in(reading);
    }
    return rc;
}
