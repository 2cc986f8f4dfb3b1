/* cookie.c - see cookie.h. What a server reads and writes, and the matching of clients;
 * set_cookie.c reads what servers write. */
#include "wire/cookie.h"

#include "wire/http_date.h"
#include "wire/out.h"

#include <coil/error.h>

/* --- Cookie --- */

void coil__cookies_init(struct coil__cookies *cookies, struct coil__slice field, size_t max)
{
    *cookies = (struct coil__cookies){.rest = field, .left = max};
}

int coil__cookies_next(struct coil__cookies *cookies, struct coil__slice *ret_name,
                       struct coil__slice *ret_value)
{
    struct coil__slice *rest = &cookies->rest;

    while (rest->size > 0) {
        const char *end = rest->start + rest->size;
        const char *semicolon = memchr(rest->start, ';', rest->size);
        struct coil__slice pair = coil__slice_between(rest->start, semicolon ? semicolon : end);
        const char *equals = pair.size > 0 ? memchr(pair.start, '=', pair.size) : NULL;
        struct coil__slice name = {0};

        *rest = semicolon ? coil__slice_between(semicolon + 1, end) : (struct coil__slice){0};
        if (equals) {
            name = coil__slice_trim(coil__slice_between(pair.start, equals));
        }
        if (name.size == 0) {
            continue;
        }
        if (cookies->left == 0) {
            *rest = (struct coil__slice){0};
            return -COIL_ELIMIT;
        }
        cookies->left--;
        *ret_name = name;
        *ret_value = coil__slice_trim(coil__slice_between(equals + 1, pair.start + pair.size));
        return 1;
    }
    return 0;
}

int coil__cookies_find(struct coil__slice field, struct coil__slice name, size_t max,
                       struct coil__slice *ret_value)
{
    struct coil__cookies cookies;
    struct coil__slice other;
    struct coil__slice value;
    int rc;

    coil__cookies_init(&cookies, field, max);
    while ((rc = coil__cookies_next(&cookies, &other, &value)) > 0) {
        if (coil__slice_is_equal(other, name)) {
            *ret_value = value;
            return 1;
        }
    }
    return rc;
}

/* --- Set-Cookie, written --- */

/* Section 4.1.1: cookie-octet. */
static bool is_cookie_octet(char c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

static bool is_value(struct coil__slice value)
{
    if (value.size >= 2 && value.start[0] == '"' && value.start[value.size - 1] == '"') {
        value = (struct coil__slice){value.start + 1, value.size - 2};
    }
    for (size_t i = 0; i < value.size; i++) {
        if (!is_cookie_octet(value.start[i])) {
            return false;
        }
    }
    return true;
}

static bool is_domain(struct coil__slice domain)
{
    for (size_t i = 0; i < domain.size; i++) {
        char c = domain.start[i];

        if (!coil__is_letter(c) && !coil__is_digit(c) && c != '-' && c != '.' && c != '_') {
            return false;
        }
    }
    return domain.size > 0 && domain.start[0] != '.';
}

static bool is_path(struct coil__slice path)
{
    for (size_t i = 0; i < path.size; i++) {
        char c = path.start[i];

        if (coil__is_control(c) || (unsigned char)c >= 0x80 || c == ';') {
            return false;
        }
    }
    return path.size > 0 && path.start[0] == '/';
}

static bool has_prefix(struct coil__slice name, const char *prefix)
{
    size_t size = strlen(prefix);

    return name.size >= size && coil__slice_is_like((struct coil__slice){name.start, size}, prefix);
}

/* 6265bis, section 4.1.3: what a name may promise. */
static int check_promises(const struct coil__set_cookie *cookie)
{
    if (has_prefix(cookie->name, "__Host-") &&
        (!cookie->is_secure || cookie->domain.size > 0 || !coil__slice_is(cookie->path, "/"))) {
        return -COIL__ECOOKIE_HOST;
    }
    if (!cookie->is_secure &&
        (has_prefix(cookie->name, "__Secure-") || cookie->same_site == COIL__SAME_SITE_NONE)) {
        return -COIL__ECOOKIE_SECURE;
    }
    return 0;
}

static int check(const struct coil__set_cookie *cookie)
{
    if (!coil__slice_is_token(cookie->name)) {
        return -COIL__ECOOKIE_NAME;
    }
    if (!is_value(cookie->value)) {
        return -COIL__ECOOKIE_VALUE;
    }
    if (cookie->name.size + cookie->value.size > 4096) {
        return -COIL__ECOOKIE_SIZE;
    }
    if (cookie->domain.start && !is_domain(cookie->domain)) {
        return -COIL__ECOOKIE_DOMAIN;
    }
    if (cookie->path.start && !is_path(cookie->path)) {
        return -COIL__ECOOKIE_PATH;
    }
    return check_promises(cookie);
}

static void put_attribute(struct coil__out *out, const char *name, struct coil__slice value)
{
    coil__out_string(out, "; ");
    coil__out_string(out, name);
    if (value.start) {
        coil__out_byte(out, '=');
        coil__out_slice(out, value);
    }
}

ssize_t coil__set_cookie_format(const struct coil__set_cookie *cookie, char *buf, size_t buf_size)
{
    static const char *const same_site[] = {NULL, "None", "Lax", "Strict"};
    struct coil__out out = {.start = buf, .size = buf_size};
    int rc = check(cookie);

    if (rc < 0) {
        return rc;
    }
    coil__out_slice(&out, cookie->name);
    coil__out_byte(&out, '=');
    coil__out_slice(&out, cookie->value);
    if (cookie->has_expires) {
        char date[COIL__HTTP_DATE_SIZE];

        coil__http_date_format(cookie->expires, date);
        put_attribute(&out, "Expires", coil__slice_of(date));
    }
    if (cookie->has_max_age) {
        put_attribute(&out, "Max-Age=", coil__slice_of(NULL));
        coil__out_number(&out, cookie->max_age > 0 ? (uint64_t)cookie->max_age : 0);
    }
    if (cookie->domain.start) {
        put_attribute(&out, "Domain", cookie->domain);
    }
    if (cookie->path.start) {
        put_attribute(&out, "Path", cookie->path);
    }
    if (cookie->is_secure) {
        put_attribute(&out, "Secure", coil__slice_of(NULL));
    }
    if (cookie->is_http_only) {
        put_attribute(&out, "HttpOnly", coil__slice_of(NULL));
    }
    if (cookie->same_site != COIL__SAME_SITE_DEFAULT) {
        put_attribute(&out, "SameSite", coil__slice_of(same_site[cookie->same_site]));
    }
    return coil__out_end(&out);
}

/* --- matching (section 5.1) --- */

/* An IPv6 address has a colon; an IPv4 address ends in a number, as no name does. */
static bool is_ip_address(struct coil__slice host)
{
    size_t digits = 0;

    for (size_t i = 0; i < host.size; i++) {
        if (host.start[i] == ':') {
            return true;
        }
    }
    while (digits < host.size && coil__is_digit(host.start[host.size - digits - 1])) {
        digits++;
    }
    return digits > 0 && (digits == host.size || host.start[host.size - digits - 1] == '.');
}

bool coil__cookie_domain_matches(struct coil__slice host, struct coil__slice domain)
{
    struct coil__slice end = {NULL, domain.size};

    if (domain.size == 0 || host.size < domain.size) {
        return false;
    }
    end.start = host.start + (host.size - domain.size);
    return coil__slice_is_similar(end, domain) &&
           (host.size == domain.size || (end.start[-1] == '.' && !is_ip_address(host)));
}

bool coil__cookie_path_matches(struct coil__slice request_path, struct coil__slice cookie_path)
{
    struct coil__slice start = {request_path.start, cookie_path.size};

    if (cookie_path.size == 0 || request_path.size < cookie_path.size ||
        !coil__slice_is_equal(start, cookie_path)) {
        return false;
    }
    return request_path.size == cookie_path.size ||
           cookie_path.start[cookie_path.size - 1] == '/' ||
           request_path.start[cookie_path.size] == '/';
}

struct coil__slice coil__cookie_default_path(struct coil__slice request_path)
{
    size_t size = request_path.size;

    if (size == 0 || request_path.start[0] != '/') {
        return coil__slice_of("/");
    }
    while (size > 1 && request_path.start[size - 1] != '/') {
        size--;
    }
    return (struct coil__slice){request_path.start, size > 1 ? size - 1 : 1};
}

int coil__set_cookie_check(const struct coil__set_cookie *cookie, struct coil__slice host,
                           bool is_secure)
{
    if (cookie->domain.size > 0 && !coil__cookie_domain_matches(host, cookie->domain)) {
        return -COIL__ECOOKIE_DOMAIN;
    }
    if (cookie->is_secure && !is_secure) {
        return -COIL__ECOOKIE_SECURE;
    }
    if (cookie->name.size == 0 &&
        (has_prefix(cookie->value, "__Secure-") || has_prefix(cookie->value, "__Host-"))) {
        return -COIL__ECOOKIE_NAME; /* it would be sent as if that were its name */
    }
    return check_promises(cookie);
}

const char *coil__cookie_strerror(int error)
{
    static const char *const sentences[] = {
        "the cookie's name is not made of letters, digits and !#$%&'*+-.^_`|~",
        "the cookie's value has a character that must be encoded",
        "the cookie's domain is not a name, or the host does not belong to it",
        "the cookie's path does not begin with '/', or has a character that it may not have",
        "the cookie must be secure, and come by a secure connection",
        "a __Host- cookie must be secure and have the path \"/\" and no domain",
        "the cookie has a control character",
        "the cookie has neither a name nor a value",
        "the cookie's name and value are longer than 4096 bytes",
    };
    int64_t number = error < 0 ? -(int64_t)error : error;

    _Static_assert(sizeof sentences / sizeof *sentences == COIL__ECOOKIE_END_ - COIL__ECOOKIE_NAME,
                   "one for each");
    if (number < COIL__ECOOKIE_NAME || number >= COIL__ECOOKIE_END_) {
        return coil_strerror(error);
    }
    return sentences[number - COIL__ECOOKIE_NAME];
}
