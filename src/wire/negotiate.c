/* negotiate.c - see negotiate.h. An offer is worth what the most specific element that matches it
 * says; elements that say nothing to it are worth nothing. */
#include "wire/negotiate.h"

#include <errno.h>

/* An element: "value;name=parameter;q=0.5". What follows the q says nothing (it was accept-ext). */
struct element {
    struct coil__slice value;
    struct coil__slice parameters; /* between the value and the q; absent: none */
    int quality;                   /* 0 to 1000 */
};

/* How specific the match is, from 1; 0: none. */
typedef int (*match_fn)(const struct element *element, struct coil__slice offer);

static void split_parameter(struct coil__slice text, struct coil__slice *ret_name,
                            struct coil__slice *ret_value)
{
    const char *equals = text.size > 0 ? memchr(text.start, '=', text.size) : NULL;
    const char *end = text.start + text.size;

    *ret_name = equals ? coil__slice_between(text.start, equals) : text;
    *ret_value = equals ? coil__slice_between(equals + 1, end) : (struct coil__slice){0};
}

/* False: malformed. */
static bool parse_element(struct coil__slice text, struct element *element)
{
    struct coil__slice rest = text;
    struct coil__slice part;

    *element = (struct element){.quality = 1000};
    if (!coil__slice_take_part(&rest, ';', &element->value)) {
        return false;
    }
    element->parameters = rest;
    while (coil__slice_take_part(&rest, ';', &part)) {
        struct coil__slice name;
        struct coil__slice value;

        split_parameter(part, &name, &value);
        if (coil__slice_is_like(name, "q")) {
            element->parameters.size = (size_t)(part.start - element->parameters.start);
            element->quality = coil__slice_quality(value);
            break;
        }
    }
    return element->value.size > 0 && element->quality >= 0;
}

/* What an offer is worth to the peer; -1: no element is about it. */
static int quality_of(struct coil__slice field, struct coil__slice offer, match_fn match)
{
    struct coil__slice text;
    int specific = 0;
    int quality = -1;

    while (coil__slice_take_element(&field, &text)) {
        struct element element;
        int how = parse_element(text, &element) ? match(&element, offer) : 0;

        if (how > specific || (how > 0 && how == specific && element.quality > quality)) {
            specific = how;
            quality = element.quality;
        }
    }
    return quality;
}

static bool is_empty(struct coil__slice field)
{
    struct coil__slice text;

    return !coil__slice_take_element(&field, &text);
}

static int best_of(struct coil__slice field, const char *const *offers, size_t count,
                   match_fn match)
{
    int best = -ENOENT;
    int best_quality = 0;

    if (is_empty(field)) {
        return count > 0 ? 0 : -ENOENT;
    }
    for (size_t i = 0; i < count; i++) {
        int quality = quality_of(field, coil__slice_of(offers[i]), match);

        if (quality > best_quality) {
            best = (int)i;
            best_quality = quality;
        }
    }
    return best;
}

/* --- media types --- */

static struct coil__slice unquoted(struct coil__slice value)
{
    if (value.size >= 2 && value.start[0] == '"' && value.start[value.size - 1] == '"') {
        return (struct coil__slice){value.start + 1, value.size - 2};
    }
    return value;
}

static bool has_parameter(struct coil__slice parameters, struct coil__slice name,
                          struct coil__slice value)
{
    struct coil__slice part;

    while (coil__slice_take_part(&parameters, ';', &part)) {
        struct coil__slice other_name;
        struct coil__slice other_value;

        split_parameter(part, &other_name, &other_value);
        if (coil__slice_is_similar(name, other_name) &&
            coil__slice_is_similar(unquoted(value), unquoted(other_value))) {
            return true;
        }
    }
    return false;
}

/* The number of parameters of the range, which all must be the offer's; -1: they are not. */
static int count_parameters(struct coil__slice range, struct coil__slice offer)
{
    struct coil__slice part;
    int count = 0;

    while (coil__slice_take_part(&range, ';', &part)) {
        struct coil__slice name;
        struct coil__slice value;

        if (part.size == 0) {
            continue;
        }
        split_parameter(part, &name, &value);
        if (!has_parameter(offer, name, value)) {
            return -1;
        }
        count++;
    }
    return count;
}

static int match_media(const struct element *element, struct coil__slice offer)
{
    struct coil__slice rest = offer;
    struct coil__slice type;
    const char *slash = memchr(element->value.start, '/', element->value.size);
    size_t before = slash ? (size_t)(slash - element->value.start) + 1 : 0;
    int count;

    if (!coil__slice_take_part(&rest, ';', &type)) {
        return 0;
    }
    count = count_parameters(element->parameters, rest);
    if (count < 0) {
        return 0;
    }
    if (coil__slice_is_similar(element->value, type)) {
        return 3 + count;
    }
    if (coil__slice_is(element->value, "*/*")) {
        return 1;
    }
    if (before > 1 && element->value.size == before + 1 && slash[1] == '*' && type.size > before &&
        coil__slice_is_similar((struct coil__slice){type.start, before},
                               (struct coil__slice){element->value.start, before})) {
        return 2;
    }
    return 0;
}

int coil__accept_media(struct coil__slice field, const char *const *offers, size_t count)
{
    return best_of(field, offers, count, match_media);
}

/* --- codings --- */

static int match_coding(const struct element *element, struct coil__slice offer)
{
    struct coil__slice value = element->value;

    if (value.size > 2 &&
        (coil__slice_is_like(value, "x-gzip") || coil__slice_is_like(value, "x-compress"))) {
        value = (struct coil__slice){value.start + 2, value.size - 2}; /* section 8.4.1 */
    }
    if (coil__slice_is_similar(value, offer)) {
        return 2;
    }
    return coil__slice_is(value, "*") ? 1 : 0;
}

int coil__accept_encoding(struct coil__slice field, const char *const *offers, size_t count)
{
    int best = -ENOENT;
    int best_quality = -1;

    for (size_t i = 0; i < count; i++) {
        struct coil__slice offer = coil__slice_of(offers[i]);
        bool is_identity = coil__slice_is_like(offer, "identity");
        int quality = quality_of(field, offer, match_coding);

        if (quality == 0 || (quality < 0 && !is_identity)) {
            continue;
        }
        quality = quality < 0 ? 0 : quality; /* less than anything that was asked for */
        if (quality > best_quality) {
            best = (int)i;
            best_quality = quality;
        }
    }
    return best;
}

/* --- languages --- */

/* `tag` begins with all the subtags of `start`. */
static bool has_subtags(struct coil__slice tag, struct coil__slice start)
{
    return tag.size >= start.size && (tag.size == start.size || tag.start[start.size] == '-') &&
           coil__slice_is_similar((struct coil__slice){tag.start, start.size}, start);
}

static int match_language(const struct element *element, struct coil__slice offer)
{
    size_t size = element->value.size < 1000 ? element->value.size : 1000;

    if (has_subtags(offer, element->value)) {
        return 3000 + (int)size; /* the longer the range, the more specific */
    }
    if (element->quality > 0 && has_subtags(element->value, offer)) {
        return 3000 - (int)size; /* the nearer, the better */
    }
    return coil__slice_is(element->value, "*") ? 1 : 0;
}

int coil__accept_language(struct coil__slice field, const char *const *offers, size_t count)
{
    return best_of(field, offers, count, match_language);
}
