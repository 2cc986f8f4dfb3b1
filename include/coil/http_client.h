/* coil/http_client.h - an HTTP client (RFC 9110): HTTP/1.1 (RFC 9112) and HTTP/2 (RFC 9113), with
 * sessions that keep connections.
 *
 *     rc = coil_http_session_new(NULL, &session);
 *     rc = coil_http_get(session, "https://example.org/", &response);
 *     if (rc == 0) {
 *         size = coil_http_response_read_all(response, &text);
 *         printf("%u, %zd bytes\n", coil_http_response_status(response), size);
 *         coil_http_response_close(response);
 *     }
 *     coil_http_session_close(session);
 *
 * A session has connections that are used again, one pool for each scheme, host, port and proxy;
 * cookies; and the rules of its requests. Any number of tasks may use one at once. Servers are
 * checked by TLS unless one asks for the contrary. A task that is cancelled, or whose deadline
 * passes, leaves nothing behind but a connection that is closed; of one of HTTP/2 only its stream
 * is, and the others go on.
 *
 * https speaks HTTP/2 where the server chooses that (ALPN "h2"). All requests of an origin share
 * such a connection then, as many at once as the server allows, at most 100; more open another one,
 * as far as the session's limits go, or wait. A task of the session's own reads it. Tasks that
 * begin together wait for the first one's connection, and share it. Nothing else changes: a body
 * that nobody reads is held up by its window of 512 KiB, and no other with it.
 *
 * A response is there when its head is: its body is read as it comes. It belongs to the task that
 * has asked for it, which closes it, and so gives the connection back. All that it hands out is
 * valid until then.
 *
 * What a server may do is bounded: heads, fields, 1xx responses, redirects, bodies that are read as
 * a whole, the time it takes; of HTTP/2 also frames that say nothing. What is left behind a
 * response that nobody has asked for closes the connection.
 *
 * Errors of timeouts are -ETIMEDOUT, as are deadlines of the caller's own (coil/scope.h); then
 * coil_check_cancel() tells them apart: it is 0 after the server was too slow, and the reason, as
 * every suspending call from there on, while the caller itself is cancelled or out of time.
 *
 * Errors: those of the connection (coil/stream.h, coil/net.h, coil/tls.h), of the protocol
 * (-COIL_EPROTOCOL, -COIL_EINCOMPLETE, -COIL_ELIMIT), and -COIL_EURL, -COIL_EREDIRECT,
 * -COIL_EPROXY; what happened in words is in struct coil_http_failure, or in
 * coil_http_response_error_text later on. A status is not an error: 404 is a response.
 *
 * aiohttp's counterparts: ClientSession, TCPConnector, ClientTimeout, ClientResponse, FormData,
 * CookieJar. Library: coil-http.
 */
#ifndef COIL_HTTP_CLIENT_H
#define COIL_HTTP_CLIENT_H

#include <coil/base.h>
#include <coil/http_server.h> /* struct coil_http_field */
#include <coil/tls.h>

struct coil_http_session;
struct coil_http_response;
struct coil_http_url; /* coil/http_url.h */

/* Tries again what may be tried again: requests with idempotent methods (RFC 9110, section 9.2.2)
 * whose body can be sent twice, when no connection can be made or it breaks before the response,
 * and after 429, 502, 503 and 504. All-zero: does not. A Retry-After of the server's counts; one
 * that is later than max_delay_ns ends the tries. */
struct coil_http_retry {
    unsigned attempts;    /* further ones, at most 100; 0: none */
    int64_t delay_ns;     /* before the first of them; doubles, a random half of it is left out; 0:
                             200 ms */
    int64_t max_delay_ns; /* 0: 30 s */
};

/* All-zero is the default of everything. Nothing is kept of what the pointers point to. Times:
 * COIL_NEVER for none. */
struct coil_http_session_options {
    size_t max_connections;          /* open ones in all; 0: 100 */
    size_t max_connections_per_host; /* scheme, host, port and proxy; 0: as many */
    int64_t idle_timeout_ns;         /* how long one is kept that nobody uses; 0: 15 s */
    int64_t total_timeout_ns;        /* from the call to the end of the body, also while it waits
                                        for a connection of a full pool; 0: 5 min */
    int64_t connect_timeout_ns; /* look-up, connect, proxy and TLS, once there may be one; 0: 30
                                        s */
    int64_t read_timeout_ns;    /* each wait for the server, to read or to write; 0: 60 s */
    size_t max_head;            /* bytes of a response's head; 0: 32 KiB */
    unsigned max_fields;        /* in a head; 0: 100 */
    uint64_t max_body;          /* bytes that read_all takes; 0: 16 MiB */
    unsigned max_redirects;     /* followed; 0: 10 */
    bool no_redirects;          /* 3xx are responses like others */
    bool allow_downgrade;       /* a redirect may lead from https to http */
    bool no_decoding;           /* bodies stay as they are sent; else gzip, deflate, br and
                                        zstd are asked for and decoded, but for requests with
                                        Accept-Encoding or Range among their fields */
    struct coil_http_retry retry;
    struct coil_tls_context *tls; /* a client's, is held; NULL: one with all defaults */
    const char *proxy;            /* "http://host:3128", "http://user:password@host"; NULL: none */
    const char *no_proxy;         /* who is asked directly: "localhost, .example.org, 10.0.0.1:80":
                                     a name with those below it, an address, with a port or not;
                                     "*": all */
    bool use_environment;   /* where proxy is NULL: http_proxy, https_proxy and no_proxy, also in
                                     capitals, but for HTTP_PROXY, which a CGI's client could set */
    const char *user_agent; /* NULL: "coil/" and the version; "": no such field */
    bool no_cookies;        /* none are kept, none are sent */
    size_t max_cookies;     /* 0: 3000; the oldest go first, as of 50 for one domain */
    bool no_http2;          /* https offers http/1.1 alone. A context of the caller's that has its
                               own `alpn` offers that instead */
    bool prior_http2;       /* http, without a proxy, is HTTP/2 from the first byte on (RFC 9113,
                               section 3.3): the server is known to speak it */
};

/* A part of multipart/form-data (RFC 7578). */
struct coil_http_part {
    const char *name;
    const char *filename; /* NULL: it is no file */
    const char *type;     /* NULL: none for a field, by the name for a file */
    const void *data;
    size_t size;
    const char *path; /* a file that is read as it is sent; NULL: data. Its name counts as filename
                         unless there is one */
};

/* Gives the next part of a body that is sent: at least one byte, at most size. 0: it is over. May
 * suspend. A negative error ends the request, and is what that returns. */
typedef ssize_t (*coil_http_body_reader)(void *user, void *buf, size_t size);

/* Goes back to the body's beginning: 0, or a negative error: it cannot. */
typedef int (*coil_http_body_rewinder)(void *user);

/* What has failed. text: a sentence without a full stop, cut to fit; "" when nothing has. */
struct coil_http_failure {
    int error; /* negative, or 0 */
    char text[400];
};

/* All-zero but for the url is a GET. What the pointers point to is needed until the call returns;
 * redirects and tries send a body again. At most one body. */
struct coil_http_request {
    const char *method;                   /* a token; NULL: GET, or POST where there is a body */
    const char *url;                      /* http or https, absolute; a fragment is not sent */
    const struct coil_http_field *fields; /* further ones. -EINVAL: those that frame the message
                                             (Content-Length, Transfer-Encoding, Connection...),
                                             and a proxy's, whose credentials stand in its URL */
    size_t field_count;
    const char *user; /* basic auth (RFC 7617); with password, NULL: "" */
    const char *password;
    const char *bearer; /* a token (RFC 6750) */

    const char *type; /* of the body; NULL: the usual one of those below, or none */
    const void *body; /* body_size bytes */
    size_t body_size;
    const char *json;                   /* text: application/json */
    const struct coil_http_field *form; /* application/x-www-form-urlencoded */
    size_t form_count;
    const struct coil_http_part *parts; /* multipart/form-data */
    size_t part_count;
    const char *file; /* its path; the type by its name */
    coil_http_body_reader reader;
    coil_http_body_rewinder rewinder; /* NULL: it can be read only once: no redirect that keeps the
                                         method, no further try */
    void *reader_user;
    int64_t reader_size;  /* bytes, all of which must come; 0: not known (chunked) */
    bool expect_continue; /* asks before it sends the body (RFC 9110, section 10.1.1); a server that
                             does not say anything gets it after a second */

    int64_t total_timeout_ns; /* these: 0: the session's */
    int64_t connect_timeout_ns;
    int64_t read_timeout_ns;
    uint64_t max_body;
    unsigned max_redirects;
    bool no_redirects;
    bool no_decoding;
    struct coil_http_retry retry;          /* attempts 0: the session's */
    struct coil_http_failure *ret_failure; /* filled in on failure; NULL: not wanted */
};

/* What a session has now. */
struct coil_http_session_usage {
    size_t connections; /* open ones, also those being opened; one of HTTP/2 counts once */
    size_t idle;        /* of these: without a request */
    size_t waiters;     /* requests that wait for one */
    uint64_t opened;    /* so far */
    size_t cookies;
};

COIL_BEGIN_DECLS

/* --- sessions --- */

/* Makes a session, in a running loop, to which it belongs. options: may be NULL. ret_session:
 * owned by the caller, who closes it. 0; -EINVAL (a proxy that is none); -ENOMEM, -COIL_ENOLOOP. */
COIL_EXPORT int coil_http_session_new(const struct coil_http_session_options *options,
                                      struct coil_http_session **ret_session);

/* Closes connections that nobody uses; requests that wait for one fail with -COIL_ECLOSED, as do
 * new ones. Responses that are open are read and closed as before, and WebSockets that the session
 * has connected go on. Does not suspend. NULL: does nothing. */
COIL_EXPORT void coil_http_session_close(struct coil_http_session *session);

/* Closes connections that nobody uses. */
COIL_EXPORT void coil_http_session_close_idle(struct coil_http_session *session);

/* For tests and metrics. 0, -EINVAL. */
COIL_EXPORT int coil_http_session_get_usage(const struct coil_http_session *session,
                                            struct coil_http_session_usage *ret_usage);

/* Takes a cookie as if the server at url had sent it. text: as in Set-Cookie: "id=7; Path=/". 0;
 * -COIL_EURL; -EINVAL: it is refused (RFC 6265, section 5.3: another domain, a domain of one label
 * or of an address, a bad prefix); -ENOMEM. */
COIL_EXPORT int coil_http_session_set_cookie(struct coil_http_session *session, const char *url,
                                             const char *text);

/* What a request for url would send as Cookie: "a=1; b=2". buf: size bytes, a NUL is added. The
 * length, 0: none; -COIL_EURL, -ENOSPC. */
COIL_EXPORT ssize_t coil_http_session_get_cookies(const struct coil_http_session *session,
                                                  const char *url, char *buf, size_t size);
COIL_EXPORT void coil_http_session_clear_cookies(struct coil_http_session *session);

/* --- requests --- */

/* Sends a request, follows redirects, and returns when the head of the response is there. request:
 * not kept. ret_response: owned by the caller, who closes it.
 * A connection that turns out to be closed is replaced by a new one, once, where that cannot do
 * harm: an idempotent method, or nothing was sent, or the server of HTTP/2 says that it has not
 * looked at the request (GOAWAY, REFUSED_STREAM; RFC 9113, section 8.7). A response that comes
 * before the body is sent ends the sending if its status is 400 or more (RFC 9112, section 9.5);
 * else the rest is sent before the response is returned.
 * Errors: -ETIMEDOUT (one of the timeouts), -COIL_EURL, -COIL_EREDIRECT (too many, to another
 * scheme, or the body cannot be sent again), -COIL_EPROXY (it refuses), -COIL_EPROTOCOL,
 * -COIL_EINCOMPLETE (the server has gone before the head's end), -COIL_ELIMIT (a head that is too
 * large), -COIL_ECLOSED, -EINVAL, -ENOMEM; those of coil_open_connection, coil_tls_start and files.
 * -ECONNRESET is also a stream that the server has reset.
 * Cancel: nothing is left behind; the connection is closed, or of HTTP/2 the stream reset.
 * aiohttp: session.request. */
COIL_EXPORT COIL_SUSPENDS int coil_http_session_request(struct coil_http_session *session,
                                                        const struct coil_http_request *request,
                                                        struct coil_http_response **ret_response);

/* The same, and reads all of the body: then the connection is given back already. session: NULL for
 * one of its own. Errors also as coil_http_response_read_all. */
COIL_EXPORT COIL_SUSPENDS int coil_http_fetch(struct coil_http_session *session,
                                              const struct coil_http_request *request,
                                              struct coil_http_response **ret_response);

/* coil_http_fetch of a GET. */
COIL_EXPORT COIL_SUSPENDS int coil_http_get(struct coil_http_session *session, const char *url,
                                            struct coil_http_response **ret_response);

/* --- responses --- */

/* 200 to 999; 0 for NULL. */
COIL_EXPORT unsigned coil_http_response_status(const struct coil_http_response *response);

/* The words behind the status, "" where there are none, as in HTTP/2. */
COIL_EXPORT const char *coil_http_response_reason(const struct coil_http_response *response);

/* 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2; 0 for NULL. */
COIL_EXPORT int coil_http_response_version(const struct coil_http_response *response);

/* The URL that was asked last, without a fragment, and how many redirects led there. */
COIL_EXPORT const char *coil_http_response_url(const struct coil_http_response *response);
COIL_EXPORT unsigned coil_http_response_redirects(const struct coil_http_response *response);

/* The value of the first field of that name, whatever its case (HTTP/2: sent in lower case); NULL:
 * there is none. */
COIL_EXPORT const char *coil_http_response_get_field(const struct coil_http_response *response,
                                                     const char *name);

/* All fields in the order in which they came. ret_count: how many. */
COIL_EXPORT const struct coil_http_field *coil_http_response_get_fields(
    const struct coil_http_response *response, size_t *ret_count);

/* Resolves a reference of the response's, as Location or a link of its page, against the URL that
 * was asked last. ret_url: owned by the caller (coil_http_url_free). Errors: as
 * coil_http_url_resolve; -EINVAL (NULL). */
COIL_EXPORT int coil_http_response_resolve(const struct coil_http_response *response,
                                           const char *reference, struct coil_http_url **ret_url);

/* The time from now on after which the server wants to be asked again (Retry-After, RFC 9110,
 * section 10.2.3), seconds or a date that is made a span: 0 for a past one, COIL_NEVER for one of
 * more than 68 years. -1: it says nothing that could be understood. */
COIL_EXPORT int64_t coil_http_response_retry_after(const struct coil_http_response *response);

/* The media type of the body, in lower case and without parameters, "text/html"; and its charset,
 * "utf-8" (RFC 9110, section 8.3). buf: size bytes, a NUL is added. The length; 0: it is not said,
 * or cannot be read; -ENOSPC; -EINVAL (NULL, no room at all). aiohttp: content_type, charset. */
COIL_EXPORT ssize_t coil_http_response_media_type(const struct coil_http_response *response,
                                                  char *buf, size_t size);
COIL_EXPORT ssize_t coil_http_response_charset(const struct coil_http_response *response, char *buf,
                                               size_t size);

/* The body's size in bytes, when the head says it; 0: there is none; -1: not known before its end
 * (also of one that is decoded). */
COIL_EXPORT int64_t coil_http_response_body_size(const struct coil_http_response *response);

/* Reads a part of the body, at least one byte, at most size. 0: it is over. Errors:
 * -COIL_EINCOMPLETE (the connection ended before the body), -COIL_EPROTOCOL (chunks that are none,
 * or content that cannot be decoded),
 * -ETIMEDOUT, -ECONNRESET, -COIL_ETLSTRUNCATED...: from then on it always says so. Cancel: nothing
 * was read, and one may go on. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_http_response_read(struct coil_http_response *response,
                                                          void *buf, size_t size);

/* Reads all that is left of the body into memory of the response's. ret_body: ends with a NUL that
 * does not count. Returns the size; again the same when it is called again. -COIL_ELIMIT: it is
 * more than max_body; -ENOMEM; errors as above. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_http_response_read_all(struct coil_http_response *response,
                                                              const char **ret_body);

/* The same, but of a body that is longer only the first max bytes are read, whatever max_body is:
 * there it ends then, also for later calls, and the connection is closed. ret_is_cut: whether that
 * was so; NULL: not wanted. Errors and cancel as above; -EINVAL. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_http_response_read_up_to(struct coil_http_response *response,
                                                                size_t max, const char **ret_body,
                                                                bool *ret_is_cut);

/* What the last error of a read was, in words; "" if there was none. */
COIL_EXPORT const char *coil_http_response_error_text(const struct coil_http_response *response);

/* Frees it. The connection is kept if the body was read, or its rest is here already; else it is
 * closed. One of HTTP/2 is kept in any case; the server is told to send no more (CANCEL). Does not
 * suspend. NULL: does nothing. */
COIL_EXPORT void coil_http_response_close(struct coil_http_response *response);

COIL_END_DECLS

#endif
