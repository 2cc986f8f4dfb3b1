/* query.c - see query.h. */
#include "wire/query.h"

#include "wire/percent.h"

#include <coil/error.h>

void coil__query_init(struct coil__query *query, struct coil__slice text, size_t max)
{
    *query = (struct coil__query){.rest = text, .left = max};
}

/* What stands before the separator; `*rest` is moved behind it. */
static struct coil__slice cut(struct coil__slice *rest, char separator, bool *ret_is_found)
{
    const char *end = rest->size > 0 ? memchr(rest->start, separator, rest->size) : NULL;
    struct coil__slice taken = *rest;

    *ret_is_found = end != NULL;
    taken.size = end ? (size_t)(end - rest->start) : rest->size;
    rest->start += taken.size + (end != NULL);
    rest->size -= taken.size + (end != NULL);
    return taken;
}

int coil__query_next(struct coil__query *query, struct coil__pair *ret_pair)
{
    bool is_found;

    while (query->rest.size > 0) {
        struct coil__slice text = cut(&query->rest, '&', &is_found);

        if (text.size == 0) {
            continue;
        }
        if (query->left == 0) {
            query->rest.size = 0;
            return -COIL_ELIMIT;
        }
        query->left--;
        ret_pair->name = cut(&text, '=', &is_found);
        ret_pair->value = text;
        ret_pair->is_bare = !is_found;
        return 1;
    }
    return 0;
}

int coil__query_find(struct coil__slice text, struct coil__slice name, size_t max,
                     struct coil__pair *ret_pair)
{
    struct coil__query query;
    struct coil__pair pair;
    int rc;

    coil__query_init(&query, text, max);
    while ((rc = coil__query_next(&query, &pair)) > 0) {
        if (coil__form_is(pair.name, name)) {
            *ret_pair = pair;
            return 1;
        }
    }
    return rc;
}

/* The byte at the beginning of `*rest`, which is moved behind it. */
static char take_byte(struct coil__slice *rest)
{
    char c = rest->start[0];
    int byte = coil__percent_byte(*rest);
    size_t size = byte < 0 ? 1 : 3;

    rest->start += size;
    rest->size -= size;
    return byte >= 0 ? (char)byte : c == '+' ? ' ' : c;
}

ssize_t coil__form_decode(struct coil__slice text, char *buf, size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};

    while (text.size > 0) {
        coil__out_byte(&out, take_byte(&text));
    }
    return coil__out_end(&out);
}

bool coil__form_is(struct coil__slice text, struct coil__slice plain)
{
    size_t i = 0;

    for (; i < plain.size && text.size > 0; i++) {
        if (take_byte(&text) != plain.start[i]) {
            return false;
        }
    }
    return i == plain.size && text.size == 0;
}

static void put_encoded(struct coil__out *out, struct coil__slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.start[i];

        if (c == ' ') {
            coil__out_byte(out, '+');
        } else if (coil__percent_has(COIL__PERCENT_FORM, c)) {
            coil__out_byte(out, c);
        } else {
            coil__out_percent(out, c);
        }
    }
}

ssize_t coil__form_encode(struct coil__slice text, char *buf, size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};

    put_encoded(&out, text);
    return coil__out_end(&out);
}

void coil__query_add(struct coil__out *out, struct coil__slice name, struct coil__slice value)
{
    if (out->length > 0) {
        coil__out_byte(out, '&');
    }
    put_encoded(out, name);
    coil__out_byte(out, '=');
    put_encoded(out, value);
}
