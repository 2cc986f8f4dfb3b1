/* url.c - see url.h. Cutting and checking; url_resolve.c puts together.
 *
 * A reference is cut at its delimiters (RFC 3986, appendix B), and each part is checked against the
 * characters that section 3 allows in it.
 */
#include "wire/url.h"

#include "wire/percent.h"

#include <coil/error.h>

#include <errno.h>

/* --- characters --- */

static bool is_next(const struct coil__slice *rest, char c)
{
    return rest->size > 0 && rest->start[0] == c;
}

static void skip(struct coil__slice *rest, size_t size)
{
    rest->start += size;
    rest->size -= size;
}

/* Takes a part up to the first of `ends`, or the end: of the characters of the set, "%XX", and
 * `more`, which the RFC does not allow. In one go, because each request has such parts. */
static int take_part(struct coil__slice *rest, enum coil__percent_set set, const char *more,
                     const char *ends, struct coil__slice *ret_part)
{
    const char *start = rest->start;
    size_t at = 0;

    while (at < rest->size) {
        char c = start[at];

        if (coil__percent_has(set, c)) {
            at++;
        } else if (c == '%') {
            if (coil__percent_byte((struct coil__slice){start + at, rest->size - at}) < 0) {
                return -COIL__EURL_PERCENT;
            }
            at += 3;
        } else if (c != '\0' && strchr(more, c)) {
            at++;
        } else if (c != '\0' && strchr(ends, c)) {
            break;
        } else {
            return -EBADMSG;
        }
    }
    *ret_part = (struct coil__slice){start, at};
    skip(rest, at);
    return 0;
}

/* What take_part says, with the name of the part. */
static int in_part(int rc, int error)
{
    return rc == -EBADMSG ? -error : rc;
}

/* The same, of a part that is known. */
static int check_part(struct coil__slice part, enum coil__percent_set set, const char *more,
                      int error)
{
    return in_part(take_part(&part, set, more, "", &(struct coil__slice){0}), error);
}

/* Section 3.1. */
static int check_scheme(struct coil__slice scheme)
{
    if (scheme.size == 0 || !coil__is_letter(scheme.start[0])) {
        return -COIL__EURL_SCHEME;
    }
    for (size_t i = 1; i < scheme.size; i++) {
        char c = scheme.start[i];

        if (!coil__is_letter(c) && !coil__is_digit(c) && c != '+' && c != '-' && c != '.') {
            return -COIL__EURL_SCHEME;
        }
    }
    return 0;
}

/* --- the authority (section 3.2) --- */

/* Four numbers up to 255, without leading zeros (section 3.2.2, IPv4address). */
static bool is_ipv4(struct coil__slice text)
{
    for (int i = 0; i < 4; i++) {
        struct coil__slice before = text;
        uint64_t number;

        if (coil__slice_take_number(&text, &number) < 0 || number > 255 ||
            (before.start[0] == '0' && before.size - text.size > 1)) {
            return false;
        }
        if (i < 3) {
            if (text.size == 0 || text.start[0] != '.') {
                return false;
            }
            text.start++;
            text.size--;
        }
    }
    return text.size == 0;
}

/* Takes 1 to 4 hexadecimal digits. */
static bool take_group(struct coil__slice *text)
{
    size_t size = 0;

    while (size < 4 && size < text->size && coil__hex_value(text->start[size]) >= 0) {
        size++;
    }
    text->start += size;
    text->size -= size;
    return size > 0;
}

/* Takes that many colons, if they stand there. */
static bool take_colons(struct coil__slice *text, size_t count)
{
    if (text->size < count || memcmp(text->start, "::", count) != 0) {
        return false;
    }
    text->start += count;
    text->size -= count;
    return true;
}

/* Groups of 16 bits and colons; the last two may be an IPv4 address; one "::" stands for one group
 * of zeros or more (section 3.2.2, IPv6address). */
static bool is_ipv6(struct coil__slice text)
{
    bool is_shortened = take_colons(&text, 2);
    int groups = 0;

    while (text.size > 0) {
        if (is_ipv4(text)) {
            groups += 2;
            break;
        }
        if (!take_group(&text)) {
            return false;
        }
        groups++;
        if (text.size > 0 && take_colons(&text, 2)) {
            if (is_shortened) {
                return false;
            }
            is_shortened = true;
        } else if (text.size > 0 && (!take_colons(&text, 1) || text.size == 0)) {
            return false;
        }
    }
    return is_shortened ? groups <= 7 : groups == 8;
}

static int parse_literal(struct coil__slice literal, struct coil__url *url)
{
    if (literal.size > 0 && memchr(literal.start, '%', literal.size)) {
        return -COIL__EURL_ZONE; /* RFC 6874: of no meaning to anybody but the sender */
    }
    if (!is_ipv6(literal)) {
        return -COIL__EURL_HOST; /* IPvFuture too: there is none to connect to */
    }
    url->host = literal;
    url->host_kind = COIL__HOST_IPV6;
    return 0;
}

/* Section 3.2.3; empty is as good as absent. */
static int parse_port(struct coil__slice text, struct coil__url *url)
{
    uint64_t number;

    if (text.size == 0) {
        return 0;
    }
    if (coil__slice_take_number(&text, &number) < 0 || text.size > 0 || number > 65535) {
        return -COIL__EURL_PORT;
    }
    url->port = (int)number;
    return 0;
}

static int parse_host_and_port(struct coil__slice text, struct coil__url *url)
{
    const char *end = text.start + text.size;
    const char *host_end;

    if (text.size > 0 && text.start[0] == '[') {
        int rc;

        host_end = memchr(text.start, ']', text.size);
        if (!host_end) {
            return -COIL__EURL_HOST;
        }
        rc = parse_literal(coil__slice_between(text.start + 1, host_end), url);
        if (rc < 0) {
            return rc;
        }
        host_end++;
        if (host_end < end && *host_end != ':') {
            return -COIL__EURL_HOST;
        }
    } else {
        int rc;

        host_end = text.size > 0 ? memchr(text.start, ':', text.size) : NULL;
        host_end = host_end ? host_end : end;
        url->host = coil__slice_between(text.start, host_end);
        url->host_kind = is_ipv4(url->host) ? COIL__HOST_IPV4 : COIL__HOST_NAME;
        rc = check_part(url->host, COIL__PERCENT_USERINFO, "", COIL__EURL_HOST);
        if (rc < 0) {
            return rc;
        }
    }
    return host_end < end ? parse_port(coil__slice_between(host_end + 1, end), url) : 0;
}

static int parse_authority(struct coil__slice text, struct coil__url *url)
{
    const char *at = text.size > 0 ? memchr(text.start, '@', text.size) : NULL;
    int rc;

    if (at) {
        const char *end = text.start + text.size;

        url->userinfo = coil__slice_between(text.start, at);
        rc = check_part(url->userinfo, COIL__PERCENT_USERINFO, ":", COIL__EURL_USERINFO);
        if (rc < 0) {
            return rc;
        }
        text = coil__slice_between(at + 1, end);
    }
    return parse_host_and_port(text, url);
}

/* --- the whole --- */

/* Takes what stands before the first of `delimiters`, or all. */
static struct coil__slice take_until(struct coil__slice *rest, const char *delimiters)
{
    struct coil__slice taken = *rest;
    size_t size = 0;

    while (size < rest->size &&
           (rest->start[size] == '\0' || !strchr(delimiters, rest->start[size]))) {
        size++;
    }
    taken.size = size;
    rest->start += size;
    rest->size -= size;
    return taken;
}

/* Path, query and fragment. */
static int parse_tail(struct coil__slice rest, unsigned flags, struct coil__url *url)
{
    bool is_browsers = (flags & COIL__URL_BROWSER) != 0;
    const char *more = is_browsers ? "[]^|\\`{}" : "";
    int rc = take_part(&rest, COIL__PERCENT_PATH, is_browsers ? "[]^|" : "", "?#", &url->path);

    rc = in_part(rc, COIL__EURL_PATH);
    if (rc == 0 && is_next(&rest, '?')) {
        skip(&rest, 1);
        rc = take_part(&rest, COIL__PERCENT_QUERY, more, "#", &url->query);
        rc = in_part(rc, COIL__EURL_QUERY);
    }
    if (rc == 0 && is_next(&rest, '#')) {
        skip(&rest, 1);
        rc = take_part(&rest, COIL__PERCENT_QUERY, more, "", &url->fragment);
        rc = in_part(rc, COIL__EURL_FRAGMENT);
    }
    return rc;
}

int coil__url_parse(struct coil__slice text, unsigned flags, struct coil__url *ret_url)
{
    struct coil__url url = {.port = -1};
    struct coil__slice rest = {text.start ? text.start : "", text.size};
    struct coil__slice first = take_until(&rest, ":/?#");
    int rc = 0;

    if (is_next(&rest, ':')) { /* a relative path has no colon in its first part (section 4.2) */
        url.scheme = first;
        rc = check_scheme(first);
        skip(&rest, 1);
    } else {
        rest = (struct coil__slice){first.start, first.size + rest.size};
    }
    if (rc == 0 && rest.size >= 2 && rest.start[0] == '/' && rest.start[1] == '/') {
        skip(&rest, 2);
        rc = parse_authority(take_until(&rest, "/?#"), &url);
    }
    rc = rc < 0 ? rc : parse_tail(rest, flags, &url);
    if (rc == 0) {
        *ret_url = url;
    }
    return rc;
}

int coil__url_parse_target(struct coil__slice text, unsigned flags, struct coil__url *ret_url)
{
    struct coil__url url = {.port = -1};
    int rc;

    if (!is_next(&text, '/')) {
        return -COIL__EURL_PATH;
    }
    rc = parse_tail(text, flags, &url);
    if (rc == 0 && url.fragment.start) {
        return -COIL__EURL_FRAGMENT; /* it is never sent (RFC 9110, section 4.1) */
    }
    if (rc == 0) {
        *ret_url = url;
    }
    return rc;
}

int coil__url_parse_host(struct coil__slice text, struct coil__url *ret_url)
{
    struct coil__url url = {.port = -1, .path = {"", 0}};
    struct coil__slice rest = {text.start ? text.start : "", text.size};
    int rc = parse_host_and_port(rest, &url);

    if (rc == 0) {
        *ret_url = url;
    }
    return rc;
}

/* --- checks --- */

enum { MAX_NAME = 255 }; /* section 3.2.2: what DNS has room for */

static bool is_secure(struct coil__slice scheme)
{
    return coil__slice_is_like(scheme, "https") || coil__slice_is_like(scheme, "wss");
}

static bool is_http(struct coil__slice scheme)
{
    return is_secure(scheme) || coil__slice_is_like(scheme, "http") ||
           coil__slice_is_like(scheme, "ws");
}

/* The last part, a dot at the end apart, is what inet_aton() takes for a number. */
static bool ends_in_number(struct coil__slice name)
{
    struct coil__slice last = name;
    bool is_hexadecimal;

    if (name.size > 0 && name.start[name.size - 1] == '.') {
        name.size--;
    }
    last.size = 0;
    while (last.size < name.size && name.start[name.size - last.size - 1] != '.') {
        last.size++;
    }
    last.start = name.start + (name.size - last.size);
    is_hexadecimal = last.size >= 2 && last.start[0] == '0' && coil__to_lower(last.start[1]) == 'x';
    for (size_t i = is_hexadecimal ? 2 : 0; i < last.size; i++) {
        if (is_hexadecimal ? coil__hex_value(last.start[i]) < 0 : !coil__is_digit(last.start[i])) {
            return false;
        }
    }
    return last.size > 0;
}

int coil__url_check_http(const struct coil__url *url)
{
    if (!is_http(url->scheme)) {
        return -COIL__EURL_NOT_HTTP;
    }
    if (url->host.size == 0) {
        return -COIL__EURL_NO_HOST;
    }
    if (url->userinfo.start) {
        return -COIL__EURL_CREDENTIALS;
    }
    if (url->port == 0) {
        return -COIL__EURL_PORT;
    }
    if (url->host.size > MAX_NAME) {
        return -COIL__EURL_HOST;
    }
    if (url->host_kind == COIL__HOST_NAME) {
        for (size_t i = 0; i < url->host.size; i++) {
            if (!coil__percent_has(COIL__PERCENT_UNRESERVED, url->host.start[i])) {
                return -COIL__EURL_HOST;
            }
        }
        if (ends_in_number(url->host)) {
            return -COIL__EURL_HOST;
        }
    }
    return 0;
}

int coil__url_port(const struct coil__url *url)
{
    if (url->port >= 0) {
        return url->port;
    }
    return is_secure(url->scheme) ? 443 : is_http(url->scheme) ? 80 : -1;
}

bool coil__url_is_same_origin(const struct coil__url *a, const struct coil__url *b)
{
    return a->scheme.start && b->scheme.start && a->host.start && b->host.start &&
           coil__slice_is_similar(a->scheme, b->scheme) &&
           coil__slice_is_similar(a->host, b->host) && a->host_kind == b->host_kind &&
           coil__url_port(a) == coil__url_port(b);
}

const char *coil__url_strerror(int error)
{
    static const char *const sentences[] = {
        "the URL's scheme is not a letter followed by letters, digits, '+', '-' and '.'",
        "the URL's user name or password has a character that must be percent-encoded",
        "the URL's host is neither a name nor an IP address",
        "an IPv6 address in a URL cannot have a zone",
        "the URL's port is not a number from 0 to 65535",
        "the URL's path has a character that must be percent-encoded, or does not begin with '/'",
        "the URL's query has a character that must be percent-encoded",
        "the URL's fragment has a character that must be percent-encoded, or may not be there",
        "a '%' in the URL is not followed by two hexadecimal digits",
        "the URL's scheme is none of http, https, ws and wss",
        "the URL has no host",
        "the URL has a user name or password, which is not allowed here",
        "the path has an encoded NUL",
        "the path is not UTF-8",
        "the path has an encoded slash",
        "the path has a backslash",
        "a part of the path begins with a dot",
        "the path leads out of its folder",
    };
    int64_t number = error < 0 ? -(int64_t)error : error;

    _Static_assert(sizeof sentences / sizeof *sentences == COIL__EURL_END_ - COIL__EURL_SCHEME,
                   "one for each");
    if (number < COIL__EURL_SCHEME || number >= COIL__EURL_END_) {
        return coil_strerror(error);
    }
    return sentences[number - COIL__EURL_SCHEME];
}
