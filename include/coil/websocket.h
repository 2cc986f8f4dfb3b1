/* coil/websocket.h - WebSocket (RFC 6455), server and client, with compression (RFC 7692).
 *
 *     static int echo(struct coil_http_exchange *exchange, void *user)
 *     {
 *         struct coil_websocket *ws;
 *         struct coil_websocket_message message;
 *         int rc = coil_websocket_accept(exchange, NULL, &ws);
 *
 *         if (rc <= 0) {
 *             return rc;                        // 0: it was no such request, and is answered
 *         }
 *         while ((rc = coil_websocket_receive(ws, &message)) > 0) {
 *             coil_websocket_send(ws, &message);
 *         }
 *         return rc;                            // the server closes it
 *     }
 *
 * and a client:
 *
 *     rc = coil_websocket_connect("ws://localhost:8080/", NULL, &ws);
 *     coil_websocket_send_text(ws, "hello", 5);
 *     coil_websocket_receive(ws, &message);
 *     coil_websocket_close(ws, 1000, NULL);
 *     coil_websocket_free(ws);
 *
 * A session of the HTTP client's (coil/http_client.h) lends a client its proxy, TLS, cookies and
 * limits:
 *
 *     struct coil_websocket_options options = {.session = session};
 *     rc = coil_websocket_connect("wss://example.org/", &options, &ws);
 *
 * Messages are whole: their fragments are put together, text is UTF-8 in both directions. One task
 * receives (another one gets -COIL_ECONCURRENT); any number of tasks may send, and each message
 * stays whole. Who receives also answers pings, notices the peer's close and sends pings to a peer
 * that is silent: so some task should always be in receive.
 *
 * What a peer does wrong ends the connection with the close code that RFC 6455, section 7.4.1 has
 * for it: 1002 for what is no such frame, 1007 for text that is no UTF-8 and bad compression, 1008
 * for a flood of empty fragments, 1009 for what is too large. No memory is held for more than
 * max_message, compressed or not; an idle connection holds no buffers to speak of.
 *
 * Over HTTP/2 a WebSocket is a stream beside others on one connection (RFC 8441). The handler is
 * the same, and sees a GET; servers offer that by themselves.
 *
 * A WebSocket that was accepted belongs to the server: when the handler returns it is closed, with
 * 1000, or with 1011 after an error, and then it is gone. One that was connected is the caller's,
 * who frees it. asyncio has no counterpart; websockets, aiohttp's WebSocketResponse and FastAPI's
 * WebSocket are the neighbours. Library: coil-http.
 */
#ifndef COIL_WEBSOCKET_H
#define COIL_WEBSOCKET_H

#include <coil/base.h>
#include <coil/http_server.h>
#include <coil/stream.h>
#include <coil/tls.h>

struct coil_websocket;
struct coil_http_session; /* coil/http_client.h */
struct coil_http_failure;

/* A message. What receive has lent is valid until the next receive on that WebSocket. */
struct coil_websocket_message {
    const char *data; /* of a received one: a NUL follows, which does not count */
    size_t size;
    bool is_text; /* UTF-8; else bytes */
};

/* All-zero is the default of everything; nothing is kept of what the pointers point to. Times:
 * COIL_NEVER for none. */
struct coil_websocket_options {
    size_t max_message; /* bytes of a received message, after inflation; 0: 1 MiB; else 1009 */
    size_t max_frame;   /* bytes of a received frame; 0: no bound of its own; else 1009 */
    int64_t ping_interval_ns;     /* silence after which the peer is pinged; 0: 30 s */
    int64_t ping_timeout_ns;      /* and after which, once more, it counts as gone; 0: 30 s */
    int64_t write_timeout_ns;     /* each wait for room to write; 0: 30 s */
    int64_t close_timeout_ns;     /* for the peer's part of the closing handshake; 0: 5 s */
    const char *const *protocols; /* subprotocols, best first, then NULL; NULL: none */
    bool no_deflate;              /* compression is neither offered nor accepted */
    bool context_takeover; /* messages are compressed with regard to those before: smaller, but each
                              direction holds some 50 to 300 KiB all the time */
    size_t deflate_min;    /* bytes of a message, below which it is not compressed; 0: 256 */
    /* Servers. Pages of which origins may connect (RFC 6455, section 10.2): "https://example.org",
     * ..., then NULL; "*": any. NULL: those of the host that was asked. Programs, which send no
     * Origin, always may. */
    const char *const *origins;
    /* Clients. */
    const struct coil_http_field *fields; /* more fields for the request */
    size_t field_count;
    int64_t handshake_timeout_ns; /* 0: 10 s */
    struct coil_tls_context *tls; /* for wss; NULL: one that checks by the system's authorities is
                                     made for each connection. With a session it is NULL */
    unsigned *ret_status;         /* of the server's answer; NULL: not wanted */
    /* By which connect makes the connection; NULL: by itself. See there. aiohttp:
     * session.ws_connect. */
    struct coil_http_session *session;
    const char *user; /* basic auth (RFC 7617); with password, NULL: "" */
    const char *password;
    const char *bearer;                    /* a token (RFC 6750); not both */
    struct coil_http_failure *ret_failure; /* why there is no connection, by a session that has
                                              failed to make one; NULL: not wanted */
};

COIL_BEGIN_DECLS

/* --- beginning --- */

/* Makes a WebSocket of a request (RFC 6455, section 4.2; HTTP/2: RFC 8441), in its handler.
 * options: may be NULL. Fields that were added to the exchange go along. ret_ws: valid until the
 * handler returns. 1: it is open; 0: the request was none, or none that is allowed, and has been
 * answered (400, 403, 405, 426), so that the handler has but to return. Errors:
 * -COIL_EINVALIDSTATE (answered already), -EINVAL, -ENOMEM, and those of a write. Cancel: as for
 * coil_http_reply. */
COIL_EXPORT COIL_SUSPENDS int coil_websocket_accept(struct coil_http_exchange *exchange,
                                                    const struct coil_websocket_options *options,
                                                    struct coil_websocket **ret_ws);

/* Connects to "ws://host:port/path?query" or "wss://...". options: may be NULL. ret_ws: the
 * caller's, who closes and frees it. Errors: -EINVAL (no such URL), those of coil_open_connection
 * and coil_tls_connect, and as below. Cancel: nothing is left behind. websockets: connect.
 *
 * With a session, the connection is one of that session's, always a new one: by its proxy, through
 * a tunnel (CONNECT) for ws, too; by its TLS, which offers no HTTP/2; with its User-Agent and its
 * cookies, to which those of the answer are added, whatever its status; by its connect_timeout_ns,
 * after a wait for one of its max_connections and of those per host. total_timeout_ns is over all
 * of this. The WebSocket counts as a connection until it is closed or broken, and is not ended by
 * coil_http_session_close: what the session has lent it lives as long. Redirects are not followed.
 * Errors also -COIL_EPROXY, -COIL_ECLOSED (the session is closed), -COIL_EURL (longer than a
 * request may have it). aiohttp: session.ws_connect. */
COIL_EXPORT COIL_SUSPENDS int coil_websocket_connect(const char *url,
                                                     const struct coil_websocket_options *options,
                                                     struct coil_websocket **ret_ws);

/* The same on a stream that is connected already: the opening handshake (RFC 6455, section 4.1).
 * stream: the WebSocket's from now on, also on failure (it is aborted then). host: for the Host
 * field, with the port if it is not the usual one. path: with the query; NULL: "/". Errors:
 * -ECONNREFUSED (the server answers with another status, see ret_status), -COIL_EPROTOCOL (that is
 * no such handshake), -COIL_EINCOMPLETE (it has gone), -ETIMEDOUT, -EINVAL, -ENOMEM. */
COIL_EXPORT COIL_SUSPENDS int coil_websocket_connect_stream(
    struct coil_stream *stream, const char *host, const char *path,
    const struct coil_websocket_options *options, struct coil_websocket **ret_ws);

/* --- messages --- */

/* Receives a message. ret_message: lent until the next receive. 1; 0: the connection was closed in
 * order, by either side (see get_close_code). Errors, after which it is over:
 * -COIL_EPROTOCOL (the peer breaks the rules: 1002, 1007, 1008), -COIL_ELIMIT (max_message or
 * max_frame: 1009), -COIL_EINCOMPLETE and -ECONNRESET (the peer has gone without a close),
 * -ETIMEDOUT (it does not answer pings, or not the close; or a deadline of the caller's, see
 * is_open). Those that leave it as it is: -COIL_ECONCURRENT, -ENOMEM, -EINVAL. Cancel: nothing is
 * lost; the next receive goes on. */
COIL_EXPORT COIL_SUSPENDS int coil_websocket_receive(struct coil_websocket *ws,
                                                     struct coil_websocket_message *ret_message);

/* Sends a message; waits while the peer does not read (above the stream's high-water mark). What an
 * iteration sends goes out together. data: size bytes, needed until it returns. 0. Errors:
 * -COIL_ECLOSED (one side has closed it), -EILSEQ (the text is no UTF-8), -ETIMEDOUT
 * (write_timeout_ns), -EPIPE, -ECONNRESET, -ENOMEM, -EINVAL. Cancel: the message was not sent; or a
 * part of it was, and then the connection is broken (is_open says so). A message that was sent
 * returns 0, cancelled or not. */
COIL_EXPORT COIL_SUSPENDS int coil_websocket_send_text(struct coil_websocket *ws, const char *data,
                                                       size_t size);
COIL_EXPORT COIL_SUSPENDS int coil_websocket_send_binary(struct coil_websocket *ws,
                                                         const void *data, size_t size);
COIL_EXPORT COIL_SUSPENDS int coil_websocket_send(struct coil_websocket *ws,
                                                  const struct coil_websocket_message *message);

/* Sends a ping (RFC 6455, section 5.5.2); the pong is taken by who receives. data: size bytes, at
 * most 125. Errors and cancel as send. */
COIL_EXPORT COIL_SUSPENDS int coil_websocket_ping(struct coil_websocket *ws, const void *data,
                                                  size_t size);

/* --- the end --- */

/* Closes: sends what is waiting and a close frame, waits for the peer's (messages that still come
 * are dropped, unless another task receives them), and ends the connection. code: 1000 is the usual
 * one (RFC 6455, section 7.4; 3000 to 4999 are free for programs); 0: none is said. reason: UTF-8
 * of 123 bytes at most, for people who debug; NULL: none. 0, also if it is closed already;
 * -ETIMEDOUT: the peer has not answered in close_timeout_ns; the error by which it has ended;
 * -EINVAL (no such code or reason), -COIL_ENOTASK. Cancel: the connection is broken off. */
COIL_EXPORT COIL_SUSPENDS int coil_websocket_close(struct coil_websocket *ws, unsigned code,
                                                   const char *reason);

/* Frees it; what is open still is broken off. Nobody may be in a call on it. NULL: does nothing;
 * nor does it for one that was accepted, which the server frees. */
COIL_EXPORT void coil_websocket_free(struct coil_websocket *ws);

/* True while messages can be sent: nobody has closed it, and no error has ended it. */
COIL_EXPORT bool coil_websocket_is_open(const struct coil_websocket *ws);

/* The code with which the peer has closed; 1005: it has said none; 1006: it has gone without a
 * close; 0: it has not ended yet. */
COIL_EXPORT unsigned coil_websocket_get_close_code(const struct coil_websocket *ws);

/* The reason beside it; "": none. Lives as long as ws. */
COIL_EXPORT const char *coil_websocket_get_close_reason(const struct coil_websocket *ws);

/* --- what was agreed on --- */

/* The subprotocol; "": none. Lives as long as ws. */
COIL_EXPORT const char *coil_websocket_get_protocol(const struct coil_websocket *ws);

/* True when messages may be compressed. */
COIL_EXPORT bool coil_websocket_is_compressed(const struct coil_websocket *ws);

COIL_END_DECLS

#endif
