/* cookie.h - cookies: what a server reads and writes, and what a client reads and stores (RFC 6265,
 * with what draft-ietf-httpbis-rfc6265bis-15 has changed: SameSite, the prefixes of names, bounds).
 * Times are seconds since 1970, as in http_date.h. */
#ifndef COIL__WIRE_COOKIE_H
#define COIL__WIRE_COOKIE_H

#include "wire/slice.h"

#include <sys/types.h>

/* --- a server reads Cookie --- */

struct coil__cookies {
    struct coil__slice rest;
    size_t left; /* cookies that may still come */
};

/* Begins to go through a Cookie field. max: how many cookies there may be. */
void coil__cookies_init(struct coil__cookies *cookies, struct coil__slice field, size_t max);

/* The next cookie, as it stands there: a value keeps its quotes and is not decoded. What has no
 * name is passed over. 1; 0: that was all; -COIL_ELIMIT: there are more than `max`. */
int coil__cookies_next(struct coil__cookies *cookies, struct coil__slice *ret_name,
                       struct coil__slice *ret_value);

/* The first cookie with the name, in just this spelling: clients put the one with the longest path
 * first (RFC 6265, section 5.4). 1, 0 or -COIL_ELIMIT. */
int coil__cookies_find(struct coil__slice field, struct coil__slice name, size_t max,
                       struct coil__slice *ret_value);

/* --- Set-Cookie --- */

enum coil__same_site {
    COIL__SAME_SITE_DEFAULT, /* not given, or not known */
    COIL__SAME_SITE_NONE,
    COIL__SAME_SITE_LAX,
    COIL__SAME_SITE_STRICT,
};

/* All-zero but for a name: a cookie of the session. */
struct coil__set_cookie {
    struct coil__slice name;
    struct coil__slice value;
    struct coil__slice domain; /* absent: this host alone; without a dot before it */
    struct coil__slice path;   /* absent: that of the request, up to its last '/' */
    int64_t expires;           /* valid if has_expires */
    int64_t max_age;           /* in seconds, valid if has_max_age, and then stronger */
    bool has_expires;
    bool has_max_age;
    bool is_secure;
    bool is_http_only;
    enum coil__same_site same_site;
};

/* Used negated, see url.h. */
enum coil__cookie_error {
    COIL__ECOOKIE_NAME = 8101, /* not a token */
    COIL__ECOOKIE_VALUE,       /* a character that it may not have: encode it first */
    COIL__ECOOKIE_DOMAIN,      /* not a name; or (client) the host does not belong to it */
    COIL__ECOOKIE_PATH,        /* does not begin with '/', or has a ';' or a control character */
    COIL__ECOOKIE_SECURE,      /* SameSite=None or a __Secure- name, and not secure */
    COIL__ECOOKIE_HOST,        /* a __Host- name with a domain, without path "/" or not secure */
    COIL__ECOOKIE_CONTROL,     /* a control character in the field */
    COIL__ECOOKIE_EMPTY,       /* neither a name nor a value */
    COIL__ECOOKIE_SIZE,        /* name and value are more than 4096 bytes */
    COIL__ECOOKIE_END_,
};

/* Writes the value of a Set-Cookie field, strictly by RFC 6265, section 4.1. An empty value and
 * has_max_age with 0 remove a cookie. buf: buf_size bytes, a NUL is added. The length, -ENOSPC, or
 * a -COIL__ECOOKIE_. */
ssize_t coil__set_cookie_format(const struct coil__set_cookie *cookie, char *buf, size_t buf_size);

/* Reads the value of a Set-Cookie field as clients do (RFC 6265, section 5.2; 6265bis, 5.6):
 * attributes that are not known, malformed or longer than 1024 bytes are as good as absent, the
 * last one of a kind counts, the name may be empty. 0 or a -COIL__ECOOKIE_: the cookie is to be
 * ignored. */
int coil__set_cookie_parse(struct coil__slice field, struct coil__set_cookie *ret_cookie);

/* Whether a client may store a cookie that came from `host` (6265bis, section 5.7): the domain must
 * be the host's or one above it, secure cookies come by a secure connection, the prefixes of names
 * keep their word. It does not know which domains belong to everybody (publicsuffix.org). 0 or a
 * -COIL__ECOOKIE_. */
int coil__set_cookie_check(const struct coil__set_cookie *cookie, struct coil__slice host,
                           bool is_secure);

/* When the cookie ends, if it came now; INT64_MAX: with the session. At most 400 days from now
 * (6265bis, section 5.5); INT64_MIN: at once. */
int64_t coil__set_cookie_end(const struct coil__set_cookie *cookie, int64_t now);

/* Reads the date of Expires (RFC 6265, section 5.1.1), which is written in many ways. 0 or
 * -EBADMSG. */
int coil__cookie_date_parse(struct coil__slice text, int64_t *ret_seconds);

/* --- a client sends Cookie --- */

/* The host is the domain, or below it and no IP address (section 5.1.3). */
bool coil__cookie_domain_matches(struct coil__slice host, struct coil__slice domain);

/* The path of the request is the cookie's, or below it (section 5.1.4). */
bool coil__cookie_path_matches(struct coil__slice request_path, struct coil__slice cookie_path);

/* The path of a cookie that has none (section 5.1.4): a part of the request's, or "/". */
struct coil__slice coil__cookie_default_path(struct coil__slice request_path);

/* A sentence for a -COIL__ECOOKIE_, without a full stop; for others coil_strerror's. Never NULL. */
const char *coil__cookie_strerror(int error);

#endif
