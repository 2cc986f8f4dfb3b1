/* coil/http_event_source.h - a client of server-sent events (HTML standard, section 9.2,
 * text/event-stream; the server's side is coil/http_events.h).
 *
 *     struct coil_http_event_source *source;
 *     struct coil_http_source_event event;
 *
 *     rc = coil_http_event_source_open(session, "https://example.org/prices", NULL, &source);
 *     if (rc == 0) {
 *         while ((rc = coil_http_event_source_next(source, &event)) > 0) {
 *             printf("%s: %s\n", event.type, event.data);
 *         }
 *         coil_http_event_source_close(source);
 *     }
 *
 * A source connects anew by itself when its connection breaks or its response ends, and says in
 * Last-Event-ID what it has seen last, so that the server can go on from there. It waits before
 * that for as long as the server has asked for (or 3 s), each time without success twice as long,
 * and gives up after some. A server ends it for good by 204.
 *
 * The answer to a request of another kind, as a POST that is answered in events, is read by
 * coil_http_event_source_attach. It is not asked for anew.
 *
 * Browsers' counterpart: EventSource; Python's: httpx-sse, aiohttp-sse-client. Library: coil-http.
 */
#ifndef COIL_HTTP_EVENT_SOURCE_H
#define COIL_HTTP_EVENT_SOURCE_H

#include <coil/base.h>
#include <coil/http_client.h>

struct coil_http_event_source;

/* An event. What next has lent is valid until the next call on that source. Bytes are as the server
 * has sent them: they should be UTF-8. */
struct coil_http_source_event {
    const char *type; /* "message" where the server says none */
    const char *data; /* its lines, with an LF between them; a NUL follows, which does not count */
    size_t data_size;
    const char *id; /* of this event or the last one before it that had any; "": none */
};

/* All-zero is the default of everything; nothing is kept of what the pointers point to. */
struct coil_http_event_source_options {
    const struct coil_http_field *fields; /* further ones of the request. -EINVAL: Accept,
                                             Cache-Control, Last-Event-ID, which are set here */
    size_t field_count;
    const char *user; /* as in struct coil_http_request */
    const char *password;
    const char *bearer;
    const char *last_id;     /* what was seen before, by another source; NULL: nothing */
    int64_t retry_ns;        /* before it connects anew, unless the server says another time; at
                                 least 100 ms, as is the server's; 0: 3 s */
    int64_t max_retry_ns;    /* no wait is longer, whatever the server says; 0: 5 min */
    unsigned max_attempts;   /* in a row, that bring nothing at all, after which the source gives
                                 up; 0: 10; UINT_MAX: never */
    int64_t read_timeout_ns; /* silence, comments too, after which the connection counts as broken;
                                 0: the session's; COIL_NEVER: none */
    size_t max_line;         /* bytes; 0: 64 KiB */
    size_t max_event;        /* bytes of an event's data; 0: 1 MiB */
    struct coil_http_failure *ret_failure; /* filled in when open or attach fails; NULL: not
                                              wanted */
};

COIL_BEGIN_DECLS

/* Connects, and returns when the head of the response is there. Redirects are followed. url: as in
 * struct coil_http_request. options: may be NULL. ret_source: the caller's, who closes it; it may
 * outlive the session's close, but then does not connect anew. 0, also after 204: next says then
 * that it is over. Errors: -COIL_EPROTOCOL (another status than 200, or another type than
 * text/event-stream), -EINVAL, -ENOMEM, those of coil_http_session_request. Nothing is tried again
 * here. Cancel: nothing is left behind. EventSource: new EventSource(url). */
COIL_EXPORT COIL_SUSPENDS int coil_http_event_source_open(
    struct coil_http_session *session, const char *url,
    const struct coil_http_event_source_options *options,
    struct coil_http_event_source **ret_source);

/* Reads events from the body of a response, of which nothing was read yet. response: the source's
 * from now on, also on failure (it is closed then). options: of these only max_line, max_event and
 * ret_failure count; times are the request's (its total_timeout_ns among them). 0; -COIL_EPROTOCOL
 * (its status is not 2xx, or it is of another type), -EINVAL (NULL), -ENOMEM. */
COIL_EXPORT int coil_http_event_source_attach(struct coil_http_response *response,
                                              const struct coil_http_event_source_options *options,
                                              struct coil_http_event_source **ret_source);

/* Waits for the next event, and connects anew for it if need be, also after 429, 502, 503 and 504
 * (the standard has the source end there; but such answers pass). ret_event: lent until the next
 * call. 1; 0: the server has ended it by 204, or what was attached has ended in order.
 * Errors, after which it always says so: what kept the last of max_attempts from it
 * (-ECONNREFUSED, -COIL_EINCOMPLETE...), -COIL_EPROTOCOL (another status or type, or a body that
 * breaks the rules of HTTP), -COIL_ELIMIT (a line or event that is too large), -COIL_ECLOSED (the
 * session), those of coil_http_session_request that would be the same the next time. Those that
 * leave it as it is: -ENOMEM, -EINVAL, -COIL_ECONCURRENT (another task is in next). Cancel:
 * nothing is lost, and the next call goes on, also with a wait. An event that is cut off by the end
 * of a connection is none. EventSource: onmessage. */
COIL_EXPORT COIL_SUSPENDS int coil_http_event_source_next(struct coil_http_event_source *source,
                                                          struct coil_http_source_event *ret_event);

/* What Last-Event-ID would say now: the id of the last event that was handed out, or of one without
 * data behind it; "": none. Valid until the next call of next. */
COIL_EXPORT const char *coil_http_event_source_last_id(const struct coil_http_event_source *source);

/* The last error that ended it or one of its connections, in words; "": none. */
COIL_EXPORT const char *coil_http_event_source_error_text(
    const struct coil_http_event_source *source);

/* Closes the connection, and frees it. Nobody may be in next. Does not suspend. NULL: does
 * nothing. EventSource: close. */
COIL_EXPORT void coil_http_event_source_close(struct coil_http_event_source *source);

COIL_END_DECLS

#endif
