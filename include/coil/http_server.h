/* coil/http_server.h - an HTTP server (RFC 9110): HTTP/1.1 (RFC 9112) and HTTP/2 (RFC 9113), with
 * TLS or without, one call of the handler per request.
 *
 *     static int hello(struct coil_http_exchange *exchange, void *user)
 *     {
 *         return coil_http_reply(exchange, 200, "text/plain", "Hello, World!\n", 14);
 *     }
 *     ...
 *     rc = coil_http_serve("0.0.0.0", 8080, NULL, hello, NULL);   // until it is cancelled
 *
 * An exchange is a request and the response to it. It is given to the handler, belongs to the
 * server, and is over when the handler returns: all that it hands out (strings, bytes) is valid
 * until then. The handler may wait for whatever it likes, inside timeouts and groups of its own;
 * other connections go on. A cancel of its task (a server that closes) reaches it as any other.
 *
 * Each connection is a task, and calls the handler in it. On a connection of HTTP/2 each request is
 * a task of its own, and they run beside one another; a client that takes its request back cancels
 * that task. What a handler calls is the same. A connection is of HTTP/2 if TLS has agreed on that
 * (ALPN "h2"), or if the client begins with its preface, without TLS too. https:
 *
 *     struct coil_tls_context_options tls = {.is_server = true, .certificate_file = "cert.pem",
 *                                            .key_file = "key.pem", .alpn = COIL_HTTP_ALPN};
 *     coil_tls_context_new(&tls, &context);
 *     struct coil_http_server_options options = {.tls = context};
 *
 * What a peer does wrong is answered here and never reaches the handler: a head that is no HTTP,
 * too large or too slow gets its status (400, 408, 413, 414, 417, 431, 501, 505) and the
 * connection's end, or that of its stream. Requests that are pipelined are handled one after the
 * other; their responses go out together. Who resets streams all the time, or sends frames that say
 * nothing, gets ENHANCE_YOUR_CALM.
 *
 * asyncio has no counterpart; aiohttp.web and hypercorn are the neighbours. Library: coil-http.
 */
#ifndef COIL_HTTP_SERVER_H
#define COIL_HTTP_SERVER_H

#include <coil/base.h>
#include <coil/http_log.h>
#include <coil/http_metrics.h>
#include <coil/server.h>
#include <coil/stream.h>

struct coil_address;
struct coil_http_exchange;
struct coil_tls_context;

/* For coil_tls_context_options.alpn: what a server of this library speaks, best first. */
#define COIL_HTTP_ALPN ((const char *const[]){"h2", "http/1.1", NULL})

/* Answers one request. Returns >= 0, or a negative error: that is reported to the loop's error
 * handler (as for a coil_client_fn), answered with 500 if nothing was answered yet, and else the
 * connection is aborted, so that the client sees that the response is not whole. A handler that
 * returns >= 0 and has answered nothing: 500 too, and a report. What it has not read of the
 * request's body is read and dropped, up to a bound; above that the connection is closed behind the
 * response. */
typedef int (*coil_http_handler)(struct coil_http_exchange *exchange, void *user);

#define COIL_HTTP_ANY_RATE UINT32_MAX

/* All-zero is the default of everything. Times: COIL_NEVER for none. */
struct coil_http_server_options {
    struct coil_server_options server; /* how connections are accepted */
    size_t max_head;                   /* bytes of a request's head; 0: 32 KiB; 431 */
    unsigned max_fields;               /* in a head; 0: 100 */
    uint64_t max_body;                 /* bytes of a request's body; 0: 1 MiB; else 413 */
    int64_t head_timeout_ns;  /* from a request's first byte to its head's end; 0: 10 s; 408 */
    int64_t idle_timeout_ns;  /* without a request on an open connection; 0: 75 s */
    int64_t body_timeout_ns;  /* each wait for more of a body; 0: 30 s; 408 */
    int64_t write_timeout_ns; /* each wait for room to write; 0: 30 s */
    /* Bytes a second below which a client uses these two times up, however often it moves one: what
     * it is waited for is taken from the time, what it sends (or reads) gives it back, up to the
     * whole of it. Time that a handler takes does not count, nor does a WebSocket's. Kestrel:
     * MinRequestBodyDataRate, MinResponseDataRate. */
    uint32_t min_body_rate;  /* 0: 240; COIL_HTTP_ANY_RATE: none */
    uint32_t min_write_rate; /* the same for responses */
    uint64_t max_requests;   /* on one connection; 0: no limit */
    uint32_t max_streams;    /* requests at once on a connection of HTTP/2; 0: 100 */
    bool refuse_connect;     /* HTTP/2: clients are not told that WebSockets may begin here (RFC
                                 8441), and open a connection of HTTP/1.1 for them */
    struct coil_tls_context *tls; /* of a server, borrowed as long as it runs: then it speaks https;
                                     NULL: http. COIL_HTTP_ALPN among its options: HTTP/2 too */
    const char *server_name;      /* of the Server field; NULL: "coil"; "": no such field */
    coil_http_log_fn log;         /* told of each response (coil/http_log.h); NULL: nobody */
    void *log_user;
    struct coil_http_metrics *metrics; /* counted in (coil/http_metrics.h); NULL: not */
};

/* A field of a head. name: as it was sent. */
struct coil_http_field {
    const char *name;
    const char *value;
};

COIL_BEGIN_DECLS

/* --- serving --- */

/* Listens, and serves until the calling task is cancelled; then it closes gracefully, for as long
 * as a second at most. host, port: as for coil_start_server. handler, user: as above. options: may
 * be NULL. Returns the error of the cancel, or why it could not listen. */
COIL_EXPORT COIL_SUSPENDS int coil_http_serve(const char *host, uint16_t port,
                                              const struct coil_http_server_options *options,
                                              coil_http_handler handler, void *user);

struct coil_http_server;

/* Listens, and serves in tasks of its own. ret_server: the caller's, who closes it. Errors as
 * coil_start_server. */
COIL_EXPORT COIL_SUSPENDS int coil_http_server_start(const char *host, uint16_t port,
                                                     const struct coil_http_server_options *options,
                                                     coil_http_handler handler, void *user,
                                                     struct coil_http_server **ret_server);

/* The port it listens on; errors as coil_server_get_port. */
COIL_EXPORT int coil_http_server_get_port(const struct coil_http_server *server);

/* Stops accepting, closes connections that are idle, lets requests under way finish (their
 * responses say "Connection: close"), and aborts what is left after grace_ns. Frees the server. 0,
 * or -ETIMEDOUT if something had to be aborted. Cancel: aborts all at once. NULL: does nothing.
 * Nothing is done either with -EDEADLK (in one of its handlers), -COIL_ECLOSED (another task closes
 * it) and -COIL_ENOTASK. */
COIL_EXPORT COIL_SUSPENDS int coil_http_server_close(struct coil_http_server *server,
                                                     int64_t grace_ns);

/* Serves one connection that is there already: a TLS stream (HTTP/2, if that was agreed on), a unix
 * socket, or one end of coil_stream_pair in a test. Returns when it has ended: 0; the error of the
 * stream; -ECONNABORTED: a response is not whole, so the stream is better aborted than closed; or
 * the reason of a cancel. stream: stays the caller's, who closes it. options: may be NULL; `tls`
 * and `server`, but for its stack_size, are not looked at. */
COIL_EXPORT COIL_SUSPENDS int coil_http_serve_stream(struct coil_stream *stream,
                                                     const struct coil_http_server_options *options,
                                                     coil_http_handler handler, void *user);

/* --- the request --- */

/* "GET"; never NULL. */
COIL_EXPORT const char *coil_http_method(const struct coil_http_exchange *exchange);

/* The target's path as it was sent, percent-encoded, without the query: "/a%20b"; "*" for OPTIONS
 * of the whole server. Begins with '/' otherwise. */
COIL_EXPORT const char *coil_http_path(const struct coil_http_exchange *exchange);

/* What follows '?' in the target, as it was sent; NULL: there is no '?'. */
COIL_EXPORT const char *coil_http_query(const struct coil_http_exchange *exchange);

/* The host that is meant, with its port if one was named (Host, or :authority); NULL in HTTP/1.0
 * without one. */
COIL_EXPORT const char *coil_http_host(const struct coil_http_exchange *exchange);

/* The client's address: that of the connection's other end, so a proxy's where there is one; all
 * requests of a connection of HTTP/2 have the same. 0; -ENOTCONN (the client has vanished: ask
 * early), -ENOTSOCK (a pair), -EINVAL. As coil_stream_get_peer. aiohttp: request.remote. */
COIL_EXPORT int coil_http_get_peer(const struct coil_http_exchange *exchange,
                                   struct coil_address *ret_address);

/* The value of the first field of that name, whatever its case; NULL: there is none. */
COIL_EXPORT const char *coil_http_get_field(const struct coil_http_exchange *exchange,
                                            const char *name);

/* All fields in the order in which they came. ret_count: how many. HTTP/2: their names are in lower
 * case, several cookie fields are one, and a host is among them. */
COIL_EXPORT const struct coil_http_field *coil_http_get_fields(
    const struct coil_http_exchange *exchange, size_t *ret_count);

/* The body's size in bytes, when the head says it; 0: there is no body; -1: not known before its
 * end (chunked). */
COIL_EXPORT int64_t coil_http_body_size(const struct coil_http_exchange *exchange);

/* Reads a part of the body, at least one byte, at most size. 0: the body is over. The first read
 * asks a client for it that waits to be asked (100-continue). Errors: -COIL_ELIMIT (more than
 * max_body; answer 413), -ETIMEDOUT (408 is answered, if nothing was), -COIL_EPROTOCOL (no such
 * framing), -COIL_EINCOMPLETE (the client has gone), -ECONNRESET... After an error of the framing
 * or the connection, nothing more can be read. Cancel: nothing was read. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_http_read(struct coil_http_exchange *exchange, void *buf,
                                                 size_t size);

/* Reads all that is left of the body into memory of the exchange's. ret_body: ends with a NUL that
 * does not count. Returns the size. Errors as above, -ENOMEM. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_http_read_all(struct coil_http_exchange *exchange,
                                                     const char **ret_body);

/* --- the response --- */

/* Adds a field to the response's head. name, value: copied. -EINVAL: one of them would break the
 * head (RFC 9110, section 5.5), or the field is the server's own (Content-Length,
 * Transfer-Encoding, Connection, Date); -COIL_EINVALIDSTATE: the head is out already; -ENOMEM. */
COIL_EXPORT int coil_http_add_field(struct coil_http_exchange *exchange, const char *name,
                                    const char *value);

/* Answers with a whole response. status: 200 to 599. type: the Content-Type; NULL: none. body:
 * size bytes, needed until it returns; not sent for HEAD, and for 204 and 304, which have none.
 * Returns 0; -COIL_EINVALIDSTATE: answered already; -EINVAL; the errors of a write (-EPIPE,
 * -ECONNRESET), -ETIMEDOUT. */
COIL_EXPORT COIL_SUSPENDS int coil_http_reply(struct coil_http_exchange *exchange, unsigned status,
                                              const char *type, const void *body, size_t size);

/* Begins a response whose body is written piece by piece. size: of the body in bytes, all of which
 * must be written then; -1: not known (chunked; to HTTP/1.0 the connection's end ends it). Nothing
 * is sent before the first write. Errors as reply. */
COIL_EXPORT int coil_http_begin(struct coil_http_exchange *exchange, unsigned status,
                                const char *type, int64_t size);

/* Writes a piece of the body; waits while the client does not read (above the stream's high-water
 * mark). Returns size, or an error: -EINVAL (more than was announced), -COIL_EINVALIDSTATE (not
 * begun, or whole), and as reply. The handler's return ends the body; one that is shorter than
 * announced aborts the connection, or the stream of HTTP/2. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_http_write(struct coil_http_exchange *exchange,
                                                  const void *buf, size_t size);

/* Sends at once what was written, instead of at the end of the iteration: for events that somebody
 * waits for. 0, or an error as reply. */
COIL_EXPORT COIL_SUSPENDS int coil_http_flush(struct coil_http_exchange *exchange);

/* True when the response has begun: the head can no longer be changed. */
COIL_EXPORT bool coil_http_is_begun(const struct coil_http_exchange *exchange);

COIL_END_DECLS

#endif
