/* url_query.c - parts of URLs encoded and decoded, queries and forms as pairs: see coil/http_url.h.
 * The pairs that were parsed and their strings are one allocation.
 */
#include "base/memory.h"
#include "wire/percent.h"
#include "wire/query.h"

#include <coil/error.h>
#include <coil/http_url.h>

ssize_t coil_http_url_encode(enum coil_http_url_part part, const char *text, size_t size, char *buf,
                             size_t buf_size)
{
    static const enum coil__percent_set sets[] = {
        [COIL_HTTP_URL_ANY] = COIL__PERCENT_UNRESERVED,
        [COIL_HTTP_URL_SEGMENT] = COIL__PERCENT_SEGMENT,
        [COIL_HTTP_URL_PATH] = COIL__PERCENT_PATH,
        [COIL_HTTP_URL_QUERY] = COIL__PERCENT_QUERY_COMPONENT,
    };
    struct coil__slice slice = {text, size};

    if (!text || !buf) {
        return -EINVAL;
    }
    if (part == COIL_HTTP_URL_FORM) {
        return coil__form_encode(slice, buf, buf_size);
    }
    if ((size_t)part >= sizeof sets / sizeof *sets) {
        return -EINVAL;
    }
    return coil__percent_encode(slice, sets[part], buf, buf_size);
}

ssize_t coil_http_url_decode(enum coil_http_url_part part, const char *text, size_t size, char *buf,
                             size_t buf_size)
{
    struct coil__slice slice = {text, size};
    ssize_t length;

    if (!text || !buf || (unsigned)part > COIL_HTTP_URL_FORM) {
        return -EINVAL;
    }
    if (part == COIL_HTTP_URL_FORM) {
        return coil__form_decode(slice, buf, buf_size);
    }
    length = coil__percent_decode(slice, buf, buf_size);
    return length == -EBADMSG ? -COIL_EURL : length;
}

ssize_t coil_http_url_query_build(const struct coil_http_url_pair *pairs, size_t count, char *buf,
                                  size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};

    if ((!pairs && count > 0) || !buf) {
        return -EINVAL;
    }
    for (size_t i = 0; i < count; i++) {
        if (!pairs[i].name) {
            return -EINVAL;
        }
        coil__query_add(&out, coil__slice_of(pairs[i].name),
                        coil__slice_of(pairs[i].value ? pairs[i].value : ""));
    }
    return coil__out_end(&out);
}

/* How many pairs there are: 0 or more, -COIL_ELIMIT. */
static ssize_t count_pairs(struct coil__slice text, size_t max)
{
    struct coil__query query;
    struct coil__pair pair;
    ssize_t count = 0;
    int rc;

    coil__query_init(&query, text, max);
    while ((rc = coil__query_next(&query, &pair)) > 0) {
        count++;
    }
    return rc < 0 ? rc : count;
}

/* Decodes a text behind what was written, with a NUL. There is room for it. */
static const char *decode(struct coil__out *out, struct coil__slice text, size_t *ret_size)
{
    char *start = out->start + out->length;
    ssize_t size = coil__form_decode(text, start, out->size - out->length);

    *ret_size = size < 0 ? 0 : (size_t)size;
    out->length += *ret_size + 1;
    return start;
}

int coil_http_url_query_parse(const char *text, size_t size, size_t max,
                              struct coil_http_url_query *ret_query)
{
    struct coil__slice slice = {text ? text : "", size};
    struct coil__query query;
    struct coil__pair pair;
    struct coil__out out = {0};
    struct coil_http_url_pair *pairs;
    size_t done = 0;
    ssize_t count;

    if (!ret_query || (!text && size > 0)) {
        return -EINVAL;
    }
    count = count_pairs(slice, max);
    if (count < 0) {
        return (int)count;
    }
    out.size = size + 2 * (size_t)count + 1; /* two NULs each */
    pairs = coil__malloc((size_t)count * sizeof *pairs + out.size);
    if (!pairs) {
        return -ENOMEM;
    }
    out.start = (char *)(pairs + count);
    coil__query_init(&query, slice, max);
    while (coil__query_next(&query, &pair) > 0) {
        struct coil_http_url_pair *made = &pairs[done++];

        made->name = decode(&out, pair.name, &made->name_size);
        made->value = decode(&out, pair.value, &made->value_size);
    }
    *ret_query = (struct coil_http_url_query){.count = done, .pairs = pairs};
    return 0;
}

const char *coil_http_url_query_get(const struct coil_http_url_query *query, const char *name)
{
    struct coil__slice wanted = coil__slice_of(name);

    for (size_t i = 0; query && name && i < query->count; i++) {
        const struct coil_http_url_pair *pair = &query->pairs[i];

        if (coil__slice_is_equal((struct coil__slice){pair->name, pair->name_size}, wanted)) {
            return pair->value;
        }
    }
    return NULL;
}

void coil_http_url_query_deinit(struct coil_http_url_query *query)
{
    if (query) {
        coil__free(query->pairs);
        *query = (struct coil_http_url_query){0};
    }
}
