/* coil/http_url.h - URLs of HTTP and WebSocket (RFC 3986; WHATWG URL, where browsers are kinder):
 * taken apart, resolved, compared; percent-encoding; queries and forms.
 *
 *     struct coil_http_url *page, *link;
 *
 *     rc = coil_http_url_parse("http://example.org:8080/a/b?q=1", &page);
 *     rc = coil_http_url_resolve(page, "../c#top", &link);     // an href of that page
 *     printf("%s: %s of %s\n", link->text, link->target, link->origin);
 *     coil_http_url_free(link);
 *
 * A URL is one piece of memory with copies of its parts, and does not change. Nothing here needs a
 * loop, and everything may be called in any thread.
 *
 * Texts may be as people type them and pages hold them: blanks and control characters around them
 * are dropped, as are tabs and line ends within, and what may not stand in a URL (a blank, letters
 * beyond ASCII, quotes, a '%' without two digits) is percent-encoded. Host names are ASCII: those
 * with other letters must be given in their ASCII form ("xn--..."). A user or a password in a URL
 * is refused (RFC 9110, section 4.2.4).
 *
 * Python's counterparts: urllib.parse (urlsplit, urljoin, quote, urlencode, parse_qsl), yarl.URL.
 * Library: coil-http.
 */
#ifndef COIL_HTTP_URL_H
#define COIL_HTTP_URL_H

#include <coil/base.h>

/* All strings are valid as long as the URL, and never NULL but for query and fragment. */
struct coil_http_url {
    const char *text;     /* all of it, ready to be sent or shown */
    const char *scheme;   /* "http", "https", "ws" or "wss": lower case, whatever text has */
    const char *host;     /* lower case; an IPv6 address without its brackets */
    const char *origin;   /* "http://example.org:8080": scheme, host, and the port if it is another
                             than the scheme's: equal for all that one server answers */
    const char *target;   /* path and query, as a request sends them: "/" at least */
    const char *path;     /* "/" at least; not decoded, as all that follows */
    const char *query;    /* without the '?'; NULL: there is none */
    const char *fragment; /* without the '#'; NULL: there is none */
    uint16_t port;        /* the scheme's, where none was given */
};

/* The part of a URL that a text is encoded for: it says which characters stay as they are. */
enum coil_http_url_part {
    COIL_HTTP_URL_ANY,     /* letters, digits, "-._~": right everywhere (encodeURIComponent) */
    COIL_HTTP_URL_SEGMENT, /* between two '/' of a path */
    COIL_HTTP_URL_PATH,    /* the same, with the '/' */
    COIL_HTTP_URL_QUERY,   /* a name or a value in a query, blanks as "%20" */
    COIL_HTTP_URL_FORM,    /* the same, blanks as '+': what browsers and forms send */
};

/* A name and its value. Those that were parsed have a NUL behind them that does not count, and may
 * have others within; the value is "" where there was no '='. */
struct coil_http_url_pair {
    const char *name;
    const char *value;
    size_t name_size; /* of those that were parsed; else not looked at */
    size_t value_size;
};

/* The pairs of a query or a form, decoded, in their order. */
struct coil_http_url_query {
    size_t count;
    struct coil_http_url_pair *pairs; /* owned */
};

COIL_BEGIN_DECLS

/* --- URLs --- */

/* Takes an absolute URL apart. ret_url: owned by the caller, who frees it. 0; -EPROTONOSUPPORT: it
 * has another scheme ("mailto:", "javascript:", "ftp:"); -COIL_EURL: it is no URL, is relative, has
 * no host, a bad one, or one with a user; -EINVAL (NULL); -ENOMEM. */
COIL_EXPORT int coil_http_url_parse(const char *text, struct coil_http_url **ret_url);

/* Resolves a reference, as it stands in a link or in Location, against the URL of the document that
 * holds it (RFC 3986, section 5.2). reference: absolute or relative; "" is the base itself without
 * its fragment. Returns and errors as coil_http_url_parse. */
COIL_EXPORT int coil_http_url_resolve(const struct coil_http_url *base, const char *reference,
                                      struct coil_http_url **ret_url);

/* Makes URLs of the same page look the same (section 6.2.2 and 6.2.3): case of scheme, host and
 * percent-encoding, what need not be encoded, the scheme's port, dot segments, the empty path; and
 * drops the fragment, which is no matter of the server's. Then two are equal if their texts are. 0,
 * -EINVAL (NULL), -ENOMEM. */
COIL_EXPORT int coil_http_url_normalize(const struct coil_http_url *url,
                                        struct coil_http_url **ret_url);

/* True if scheme, host and port are the same. False for NULL. */
COIL_EXPORT bool coil_http_url_is_same_origin(const struct coil_http_url *a,
                                              const struct coil_http_url *b);

/* NULL: does nothing. */
COIL_EXPORT void coil_http_url_free(struct coil_http_url *url);

/* --- percent-encoding (section 2.1) --- */

/* Encodes size bytes of text for a part of a URL. buf: buf_size bytes, a NUL is added (3 * size + 1
 * are always enough); apart from the text. Returns the length without the NUL; -ENOSPC, -EINVAL
 * (NULL, an unknown part). */
COIL_EXPORT ssize_t coil_http_url_encode(enum coil_http_url_part part, const char *text,
                                         size_t size, char *buf, size_t buf_size);

/* The way back: each "%XX", once; in COIL_HTTP_URL_FORM also '+', and there a '%' without two
 * digits is just that. buf: as above (size + 1 are always enough); may be the text's own memory.
 * What comes out is any bytes, NUL and '/' among them. The length; -COIL_EURL: a '%' without two
 * hexadecimal digits; -ENOSPC, -EINVAL. */
COIL_EXPORT ssize_t coil_http_url_decode(enum coil_http_url_part part, const char *text,
                                         size_t size, char *buf, size_t buf_size);

/* --- queries and forms (application/x-www-form-urlencoded; WHATWG URL, section 5) --- */

/* Writes "name=value&name=value", encoded, without a '?'. pairs: count of them, their strings end
 * at the NUL; a value that is NULL is "". buf: buf_size bytes, a NUL is added. The length; -ENOSPC;
 * -EINVAL (NULL, also as a name). */
COIL_EXPORT ssize_t coil_http_url_query_build(const struct coil_http_url_pair *pairs, size_t count,
                                              char *buf, size_t buf_size);

/* Reads the query of a URL, or the body of a form. text: size bytes, with or without a NUL behind;
 * NULL, with size 0: no pairs. Empty pairs ("a=1&&b=2") do not count; nothing is malformed. max:
 * how many there may be, so that it is not left to the peer. ret_query: filled in; owned by the
 * caller, who deinits it. 0; -COIL_ELIMIT: there are more; -EINVAL, -ENOMEM. */
COIL_EXPORT int coil_http_url_query_parse(const char *text, size_t size, size_t max,
                                          struct coil_http_url_query *ret_query);

/* The value of the first pair of that name; NULL: there is none. */
COIL_EXPORT const char *coil_http_url_query_get(const struct coil_http_url_query *query,
                                                const char *name);

/* Frees the pairs. Of an all-zero one, twice, or of NULL: does nothing. */
COIL_EXPORT void coil_http_url_query_deinit(struct coil_http_url_query *query);

COIL_END_DECLS

#endif
