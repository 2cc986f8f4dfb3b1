/* url.h - URLs and references to them (RFC 3986), cut into their parts without copying, put
 * together again, resolved against a base; and the paths of requests as paths of files.
 *
 *     struct coil__url url;
 *     int rc = coil__url_parse(coil__slice_of("http://[::1]:8080/a?b"), 0, &url);
 *
 *     if (rc < 0) {
 *         report(coil__url_strerror(rc));
 *     }
 *
 * Nothing is decoded by parsing: the parts are slices of the text, each of the characters that the
 * RFC allows there. Everything takes time in proportion to the text, and needs no memory.
 *
 * Errors share the one channel (coil/error.h): those of enum coil__url_error lie beyond the public
 * ones and have sentences of their own.
 */
#ifndef COIL__WIRE_URL_H
#define COIL__WIRE_URL_H

#include "wire/slice.h"

#include <sys/types.h>

/* Used negated. */
enum coil__url_error {
    COIL__EURL_SCHEME = 8001, /* no letter, then letters, digits, "+-.", before the ':' */
    COIL__EURL_USERINFO,      /* a character that may not stand before the '@' */
    COIL__EURL_HOST,          /* a character that may not stand in a host; no IP address in [] */
    COIL__EURL_ZONE,          /* an IPv6 address with a zone ("%25eth0", RFC 6874) */
    COIL__EURL_PORT,          /* not a number, or more than 65535 */
    COIL__EURL_PATH,          /* a character that may not stand in a path, or no '/' before it */
    COIL__EURL_QUERY,         /* likewise, in a query */
    COIL__EURL_FRAGMENT,      /* likewise, in a fragment; or there is one where none may be */
    COIL__EURL_PERCENT,       /* a '%' without two hexadecimal digits */
    COIL__EURL_NOT_HTTP,      /* a scheme that is not http, https, ws or wss; or none */
    COIL__EURL_NO_HOST,       /* no host, where there must be one */
    COIL__EURL_CREDENTIALS,   /* a user name or password where none is allowed */
    COIL__EURL_NUL,           /* an encoded NUL in a path */
    COIL__EURL_UTF8,          /* a path that is no UTF-8 when it is decoded */
    COIL__EURL_SLASH,         /* an encoded slash in a path */
    COIL__EURL_BACKSLASH,     /* a backslash in a path */
    COIL__EURL_HIDDEN,        /* a part of a path that begins with a dot */
    COIL__EURL_OUTSIDE,       /* a path that leads out of the folder it is below */
    COIL__EURL_END_,
};

enum coil__host_kind {
    COIL__HOST_NONE,
    COIL__HOST_NAME, /* reg-name, as it stood there; may be empty */
    COIL__HOST_IPV4,
    COIL__HOST_IPV6, /* without its brackets */
};

/* A part that is absent has start == NULL; the path is always there, and may be empty. */
struct coil__url {
    struct coil__slice scheme;
    struct coil__slice userinfo;
    struct coil__slice host; /* absent: there is no authority */
    struct coil__slice path;
    struct coil__slice query;    /* without the '?' */
    struct coil__slice fragment; /* without the '#' */
    int port;                    /* -1: none was given, or an empty one */
    enum coil__host_kind host_kind;
};

enum coil__url_flags {
    /* Accepts what browsers send although the RFC wants it encoded (WHATWG URL, section 1.3): in a
     * path "[]^|", in a query and a fragment also "\`{}". */
    COIL__URL_BROWSER = 1,
};

/* Cuts a URI reference (RFC 3986, section 4.1): a URL, or one that is relative. flags: of enum
 * coil__url_flags. 0 or a -COIL__EURL_. IP literals of a future version are refused, as are zones.
 */
int coil__url_parse(struct coil__slice text, unsigned flags, struct coil__url *ret_url);

/* Cuts the target of a request, if it is a path with a query or without (RFC 9112, section 3.2.1,
 * origin-form): "//a/b" is a path here. 0 or a -COIL__EURL_. */
int coil__url_parse_target(struct coil__slice text, unsigned flags, struct coil__url *ret_url);

/* Cuts "host" or "host:port", as in Host (RFC 9110, section 7.2) and in the target of CONNECT
 * (RFC 9112, section 3.2.3). The host may be empty, there may be no userinfo. 0 or a -COIL__EURL_.
 */
int coil__url_parse_host(struct coil__slice text, struct coil__url *ret_url);

/* Looks whether a URL can be fetched by HTTP or WebSocket: the scheme, a host that is not empty, no
 * userinfo (RFC 9110, section 4.2.4), no port 0. Names are narrower than the RFC's: at most 255
 * letters, digits, "-._~"; and a name whose last part is a number, which libc would take for an
 * IPv4 address of a kind ("127.1", "0x7f000001"), is none (WHATWG URL, section 3.5). 0 or a
 * -COIL__EURL_. */
int coil__url_check_http(const struct coil__url *url);

/* The port, or else the one that the scheme stands for: http and ws 80, https and wss 443; -1. */
int coil__url_port(const struct coil__url *url);

/* Scheme, host and port are the same (RFC 9110, section 4.3.1): credentials may go along. Both must
 * have a scheme and a host. */
bool coil__url_is_same_origin(const struct coil__url *a, const struct coil__url *b);

/* Puts a URL together (RFC 3986, section 5.3). Where a path would be taken for an authority, "/."
 * is put before it. buf: buf_size bytes, a NUL is added. The length, or -ENOSPC. */
ssize_t coil__url_format(const struct coil__url *url, char *buf, size_t buf_size);

/* Resolves a reference against a base (section 5.2.2, strict). base: with a scheme, else -EINVAL.
 * buf: gets the URL and a NUL (base and reference together and 4 more are always enough); may
 * overlap neither of them. ret_url: points into buf. The length, -EINVAL, -ENOSPC. */
ssize_t coil__url_resolve(const struct coil__url *base, const struct coil__url *reference,
                          char *buf, size_t buf_size, struct coil__url *ret_url);

/* Makes URLs that mean the same look the same (section 6.2.2 and 6.2.3): case of scheme, host and
 * percent-encoding, what need not be encoded, dot segments; of http, https, ws and wss also the
 * default port and the empty path. url: with a scheme, else -EINVAL. buf, ret_url, results: as
 * above. */
ssize_t coil__url_normalize(const struct coil__url *url, char *buf, size_t buf_size,
                            struct coil__url *ret_url);

/* Takes "." and ".." out of a path (section 5.2.4), in place. The new size. */
size_t coil__url_remove_dots(char *path, size_t size);

enum coil__file_path_flags {
    COIL__FILE_PATH_NO_SLASH = 1,     /* refuse "%2F"; else it separates like any other */
    COIL__FILE_PATH_NO_BACKSLASH = 2, /* refuse "%5C" and '\': other systems take it for '/' */
    COIL__FILE_PATH_NO_HIDDEN = 4,    /* refuse parts that begin with a dot ("/.git/config") */
};

/* Makes of a request's path a file's path below some folder. Decodes once; refuses a NUL and what
 * is no UTF-8 (overlong forms too); drops empty and "." parts; ".." takes one part away, and is
 * refused where there is none. So what comes out never begins with '/', has no ".." and stays below
 * the folder (links apart: open it with RESOLVE_BENEATH).
 * path: begins with '/'. flags: of enum coil__file_path_flags. buf: buf_size bytes, a NUL is added
 * (path.size is always enough). The length: 0 for the folder itself; a folder's path ends in '/' as
 * it did in the request. -COIL__EURL_ (PATH, PERCENT, NUL, UTF8, SLASH, BACKSLASH, HIDDEN,
 * OUTSIDE), -ENOSPC. */
ssize_t coil__url_file_path(struct coil__slice path, unsigned flags, char *buf, size_t buf_size);

/* A sentence for a -COIL__EURL_, without a full stop; for others coil_strerror's. Never NULL. */
const char *coil__url_strerror(int error);

#endif
