/* coil/http_events.h - server-sent events: a response that goes on, and says something now and
 * then (HTML standard, section 9.2, text/event-stream).
 *
 *     static int watch(struct coil_http_exchange *exchange, void *user)
 *     {
 *         char text[32];
 *         ssize_t n;
 *         int rc = coil_http_sse_begin(exchange);
 *
 *         while (rc == 0 && (n = coil_channel_receive(...)) > 0) {
 *             rc = coil_http_sse_send(exchange, "price", text, NULL);
 *         }
 *         return rc;
 *     }
 *
 * In a browser: new EventSource("/watch").addEventListener("price", e => show(e.data)). It connects
 * anew by itself when the response ends, after the time of coil_http_sse_retry, and then says in
 * Last-Event-ID what it has seen last.
 *
 * A connection on which nothing is said for long is closed by what stands between, and a client
 * that has gone is noticed only by a write: so send a comment every 15 seconds or so.
 *
 * asyncio has no counterpart; FastAPI's EventSourceResponse (sse-starlette) and aiohttp-sse are the
 * neighbours. Library: coil-http.
 */
#ifndef COIL_HTTP_EVENTS_H
#define COIL_HTTP_EVENTS_H

#include <coil/base.h>

struct coil_http_exchange;

COIL_BEGIN_DECLS

/* Begins the response, and sends its head: 200, text/event-stream, "Cache-Control: no-store", and
 * "X-Accel-Buffering: no", so that nginx passes events on at once. coil_http_compress may be asked
 * for before. Fields: those of coil_http_add_field as well. 0, or the errors of coil_http_begin and
 * coil_http_flush. */
COIL_EXPORT COIL_SUSPENDS int coil_http_sse_begin(struct coil_http_exchange *exchange);

/* Sends one event. event: its type; NULL: "message". data: its text, UTF-8, in as many lines as you
 * like (they end by LF, CR or CR LF; the browser sees LF); NULL: none, and the browser then notes
 * the id and calls nobody. id: what Last-Event-ID says after it; "": nothing; NULL: as before. 0;
 * -EINVAL: NULL, a line's end in event or id, which could forge a field, or an event and id and
 * data that are all NULL; -COIL_EINVALIDSTATE: not begun; -ENOMEM; and the errors of
 * coil_http_write and coil_http_flush (-EPIPE, -ECONNRESET: the client has gone). Cancel: nothing
 * was sent, or nothing more can be. */
COIL_EXPORT COIL_SUSPENDS int coil_http_sse_send(struct coil_http_exchange *exchange,
                                                 const char *event, const char *data,
                                                 const char *id);

/* Tells the client how long to wait before it connects anew. time_ns: rounded up to milliseconds.
 * Errors as above; -EINVAL also below 0. */
COIL_EXPORT COIL_SUSPENDS int coil_http_sse_retry(struct coil_http_exchange *exchange,
                                                  int64_t time_ns);

/* Sends a comment, which no browser shows, to keep the connection alive. text: NULL: an empty one;
 * may have several lines. Errors as above. */
COIL_EXPORT COIL_SUSPENDS int coil_http_sse_comment(struct coil_http_exchange *exchange,
                                                    const char *text);

/* The id of the last event that the client has seen, if it comes again (Last-Event-ID); NULL: it
 * does not say. As it was sent: it may be anything. */
COIL_EXPORT const char *coil_http_sse_last_id(const struct coil_http_exchange *exchange);

COIL_END_DECLS

#endif
