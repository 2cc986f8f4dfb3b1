/* url.c - URLs for users: see coil/http_url.h. What a URL is and means is wire/url.h's matter; here
 * texts of people and pages are made ready for it, and parts become strings.
 *
 * A struct coil_http_url and all of its strings are one allocation.
 */
#include "base/memory.h"
#include "wire/out.h"
#include "wire/percent.h"
#include "wire/url.h"

#include <coil/error.h>
#include <coil/http_url.h>

/* --- texts as people type them and pages hold them --- */

/* A blank or a control character, which may stand around a URL (WHATWG URL, section 4.4). */
static bool is_around(char c)
{
    return c == ' ' || coil__is_control(c);
}

static void put_clean(struct coil__out *out, struct coil__slice rest)
{
    bool has_fragment = false;

    for (; rest.size > 0; rest.start++, rest.size--) {
        char c = rest.start[0];
        bool is_plain =
            c == '%' ? coil__percent_byte(rest) >= 0 : coil__percent_has(COIL__PERCENT_URL, c);

        if (c == '\t' || c == '\r' || c == '\n') {
            continue; /* lines of a page are broken within URLs too */
        }
        if (is_plain && !(c == '#' && has_fragment)) {
            coil__out_byte(out, c);
        } else {
            coil__out_percent(out, c);
        }
        has_fragment |= c == '#';
    }
}

/* The text with nothing in it that may not stand in a URL. ret_text: the caller's. 0, -ENOMEM. */
static int clean(const char *text, struct coil__slice *ret_text)
{
    struct coil__slice rest = coil__slice_of(text);
    struct coil__out out = {0};
    ssize_t size;

    while (rest.size > 0 && is_around(rest.start[0])) {
        rest.start++;
        rest.size--;
    }
    while (rest.size > 0 && is_around(rest.start[rest.size - 1])) {
        rest.size--;
    }
    out.size = 3 * rest.size + 1;
    out.start = coil__malloc(out.size);
    if (!out.start) {
        return -ENOMEM;
    }
    put_clean(&out, rest);
    size = coil__out_end(&out);
    *ret_text = (struct coil__slice){out.start, (size_t)size};
    return 0;
}

/* Whether it begins with a scheme that is none of ours: what follows may look as it likes. */
static bool has_other_scheme(struct coil__slice text)
{
    static const char *const ours[] = {"http", "https", "ws", "wss"};
    struct coil__slice scheme = {text.start, 0};

    if (text.size == 0 || !coil__is_letter(text.start[0])) {
        return false;
    }
    while (scheme.size < text.size && text.start[scheme.size] != ':') {
        char c = text.start[scheme.size++];

        if (!coil__is_letter(c) && !coil__is_digit(c) && c != '+' && c != '-' && c != '.') {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (coil__slice_is_like(scheme, ours[i])) {
            return false;
        }
    }
    return scheme.size < text.size;
}

/* The text of clean, cut. 0, -EPROTONOSUPPORT, -COIL_EURL. */
static int cut(struct coil__slice text, struct coil__url *ret_url)
{
    if (has_other_scheme(text)) {
        return -EPROTONOSUPPORT;
    }
    return coil__url_parse(text, COIL__URL_BROWSER, ret_url) < 0 ? -COIL_EURL : 0;
}

/* --- strings --- */

static void put_lower(struct coil__out *out, struct coil__slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        coil__out_byte(out, coil__to_lower(text.start[i]));
    }
}

/* Ends the string that began at `start`. */
static const char *end_string(struct coil__out *out, size_t start)
{
    coil__out_byte(out, '\0');
    return out->start + start;
}

static const char *put_string(struct coil__out *out, struct coil__slice text)
{
    size_t start = out->length;

    coil__out_slice(out, text);
    return text.start ? end_string(out, start) : NULL;
}

static const char *put_lower_string(struct coil__out *out, struct coil__slice text)
{
    size_t start = out->length;

    put_lower(out, text);
    return end_string(out, start);
}

/* RFC 6454, section 6.2. */
static const char *put_origin(struct coil__out *out, const struct coil__url *url)
{
    size_t start = out->length;
    struct coil__url portless = *url;
    bool has_brackets = url->host_kind == COIL__HOST_IPV6;

    put_lower(out, url->scheme);
    coil__out_string(out, has_brackets ? "://[" : "://");
    put_lower(out, url->host);
    coil__out_string(out, has_brackets ? "]" : "");
    portless.port = -1;
    if (coil__url_port(url) != coil__url_port(&portless)) {
        coil__out_byte(out, ':');
        coil__out_number(out, (uint64_t)coil__url_port(url));
    }
    return end_string(out, start);
}

/* RFC 9112, section 3.2.1. */
static const char *put_target(struct coil__out *out, struct coil__slice path,
                              struct coil__slice query)
{
    size_t start = out->length;

    coil__out_slice(out, path);
    if (query.start) {
        coil__out_byte(out, '?');
        coil__out_slice(out, query);
    }
    return end_string(out, start);
}

/* Makes the strings of a URL that was cut. 0, -COIL_EURL, -ENOMEM. */
static int make(struct coil__slice text, const struct coil__url *url,
                struct coil_http_url **ret_url)
{
    enum { MORE = 64 }; /* NULs, delimiters, a port */
    struct coil__slice path = url->path.size > 0 ? url->path : coil__slice_of("/");
    struct coil_http_url *made;
    struct coil__out out = {0};

    if (coil__url_check_http(url) < 0) {
        return -COIL_EURL;
    }
    out.size = 3 * text.size + MORE; /* the whole, and each part at most twice */
    made = coil__malloc(sizeof *made + out.size);
    if (!made) {
        return -ENOMEM;
    }
    out.start = (char *)(made + 1);
    made->text = put_string(&out, text);
    made->scheme = put_lower_string(&out, url->scheme);
    made->host = put_lower_string(&out, url->host);
    made->origin = put_origin(&out, url);
    made->target = put_target(&out, path, url->query);
    made->path = put_string(&out, path);
    made->query = put_string(&out, url->query);
    made->fragment = put_string(&out, url->fragment);
    made->port = (uint16_t)coil__url_port(url);
    *ret_url = made;
    return 0;
}

/* --- the calls --- */

int coil_http_url_parse(const char *text, struct coil_http_url **ret_url)
{
    struct coil__slice clean_text;
    struct coil__url url;
    int rc;

    if (!text || !ret_url) {
        return -EINVAL;
    }
    rc = clean(text, &clean_text);
    if (rc < 0) {
        return rc;
    }
    rc = cut(clean_text, &url);
    if (rc == 0) {
        rc = make(clean_text, &url, ret_url);
    }
    coil__free((char *)clean_text.start);
    return rc;
}

/* The reference is cut already. */
static int resolve(const struct coil_http_url *base, struct coil__slice text,
                   const struct coil__url *reference, struct coil_http_url **ret_url)
{
    struct coil__slice base_text = coil__slice_of(base->text);
    size_t size = base_text.size + text.size + 8;
    struct coil__url base_url;
    struct coil__url url;
    ssize_t length;
    char *buf;
    int rc = coil__url_parse(base_text, COIL__URL_BROWSER, &base_url);

    if (rc < 0) {
        return -COIL_EURL; /* only if somebody has changed it */
    }
    buf = coil__malloc(size);
    if (!buf) {
        return -ENOMEM;
    }
    length = coil__url_resolve(&base_url, reference, buf, size, &url);
    rc = length < 0 ? -COIL_EURL : make((struct coil__slice){buf, (size_t)length}, &url, ret_url);
    coil__free(buf);
    return rc;
}

int coil_http_url_resolve(const struct coil_http_url *base, const char *reference,
                          struct coil_http_url **ret_url)
{
    struct coil__slice text;
    struct coil__url url;
    int rc;

    if (!base || !reference || !ret_url) {
        return -EINVAL;
    }
    rc = clean(reference, &text);
    if (rc < 0) {
        return rc;
    }
    rc = cut(text, &url);
    if (rc == 0) {
        rc = resolve(base, text, &url, ret_url);
    }
    coil__free((char *)text.start);
    return rc;
}

int coil_http_url_normalize(const struct coil_http_url *url, struct coil_http_url **ret_url)
{
    struct coil__slice text;
    struct coil__url cut_url;
    struct coil__url normal;
    ssize_t length;
    size_t size;
    char *buf;
    int rc;

    if (!url || !ret_url) {
        return -EINVAL;
    }
    text = coil__slice_of(url->text);
    size = 3 * text.size + 8; /* what browsers leave as it is may be encoded */
    if (coil__url_parse(text, COIL__URL_BROWSER, &cut_url) < 0) {
        return -EINVAL;
    }
    cut_url.fragment = (struct coil__slice){0};
    buf = coil__malloc(size);
    if (!buf) {
        return -ENOMEM;
    }
    length = coil__url_normalize(&cut_url, buf, size, &normal);
    rc = length < 0 ? -EINVAL : make((struct coil__slice){buf, (size_t)length}, &normal, ret_url);
    coil__free(buf);
    return rc;
}

bool coil_http_url_is_same_origin(const struct coil_http_url *a, const struct coil_http_url *b)
{
    return a && b && strcmp(a->origin, b->origin) == 0;
}

void coil_http_url_free(struct coil_http_url *url)
{
    coil__free(url);
}
