/* client_meaning.c - what fields of a response mean: where it leads, what its body is, when to come
 * back. */
#include "http/client.h"

#include "sys/clock.h"
#include "wire/http_date.h"
#include "wire/media_type.h"

#include <coil/http_url.h>

#include <errno.h>

int coil_http_response_resolve(const struct coil_http_response *response, const char *reference,
                               struct coil_http_url **ret_url)
{
    struct coil_http_url *base = NULL;
    int rc;

    if (!response || !reference || !ret_url) {
        return -EINVAL;
    }
    rc = coil_http_url_parse(response->place.url, &base);
    if (rc == 0) {
        rc = coil_http_url_resolve(base, reference, ret_url);
        coil_http_url_free(base);
    }
    return rc;
}

/* RFC 9110, section 10.2.3: seconds, or a date. */
int64_t coil_http_response_retry_after(const struct coil_http_response *response)
{
    const char *field = coil_http_response_get_field(response, "Retry-After");
    struct coil__slice text = coil__slice_of(field);
    int64_t now = coil__clock_wall() / COIL_SEC;
    uint64_t seconds = 0;
    int64_t when;
    int rc;

    if (text.size == 0) {
        return -1;
    }
    rc = coil__slice_take_number(&text, &seconds);
    if (rc == -ERANGE) {
        return COIL_NEVER;
    }
    if (rc == 0 && text.size == 0) {
        return seconds > INT32_MAX ? COIL_NEVER : (int64_t)seconds * COIL_SEC;
    }
    if (coil__http_date_parse(coil__slice_of(field), now, &when) < 0) {
        return -1;
    }
    return when <= now ? 0 : when - now > INT32_MAX ? COIL_NEVER : (when - now) * COIL_SEC;
}

/* --- Content-Type (RFC 9110, section 8.3) --- */

/* False: it is not there, or cannot be read. */
static bool find_type(const struct coil_http_response *response, struct coil__valued *ret_type)
{
    const char *field = coil_http_response_get_field(response, "Content-Type");

    return field && coil__media_type_parse(coil__slice_of(field), ret_type) == 0;
}

static void make_small(char *text)
{
    for (; *text != '\0'; text++) {
        *text = coil__to_lower(*text);
    }
}

ssize_t coil_http_response_media_type(const struct coil_http_response *response, char *buf,
                                      size_t size)
{
    struct coil__valued type = {0};

    if (!response || !buf || size == 0) {
        return -EINVAL;
    }
    if (find_type(response, &type) && type.value.size >= size) {
        return -ENOSPC;
    }
    memcpy(buf, type.value.start ? type.value.start : "", type.value.size);
    buf[type.value.size] = '\0';
    make_small(buf);
    return (ssize_t)type.value.size;
}

ssize_t coil_http_response_charset(const struct coil_http_response *response, char *buf,
                                   size_t size)
{
    struct coil__valued type;
    struct coil__slice value = {0};
    ssize_t count = 0;

    if (!response || !buf || size == 0) {
        return -EINVAL;
    }
    if (find_type(response, &type) &&
        coil__parameter_find(type.parameters, "charset", &value) == 1) {
        count = coil__parameter_unquote(value, buf, size);
        if (count < 0) {
            return count;
        }
    }
    buf[count] = '\0';
    make_small(buf);
    return count;
}
