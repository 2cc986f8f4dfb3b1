/* coil/http_log.h - the access log: a record of each response, and the lines that are usually made
 * of it.
 *
 *     static void log_one(const struct coil_http_record *record, void *user)
 *     {
 *         char line[COIL_HTTP_LOG_LINE];
 *         ssize_t size = coil_http_log_format(record, COIL_HTTP_LOG_COMBINED, line, sizeof line);
 *
 *         fwrite(line, 1, (size_t)size, user);
 *     }
 *     ...
 *     struct coil_http_server_options options = {.log = log_one, .log_user = stdout};
 *
 * asyncio has no counterpart; aiohttp's access log and uvicorn's are the neighbours. Library:
 * coil-http.
 */
#ifndef COIL_HTTP_LOG_H
#define COIL_HTTP_LOG_H

#include <coil/base.h>

#include <sys/types.h>

/* Room that is always enough for a line: long values are cut (COIL_HTTP_LOG_VALUE). */
enum { COIL_HTTP_LOG_LINE = 16384, COIL_HTTP_LOG_VALUE = 400 };

/* A response, or what became of it. Strings are valid during the call, hold whatever the client has
 * sent, and are NULL where there is nothing. */
struct coil_http_record {
    const char *peer;       /* its address, without the port; NULL: not known (a pair) */
    int64_t time_ns;        /* when the request's head was there, since 1970 */
    int64_t duration_ns;    /* from then until the handler and the response were done */
    const char *method;     /* NULL, as path: the head could not be read */
    const char *path;       /* as it was sent */
    const char *query;      /* what follows '?' */
    const char *version;    /* "HTTP/1.0", "HTTP/1.1" or "HTTP/2"; static storage */
    unsigned status;        /* 0: nothing was answered */
    uint64_t body_size;     /* bytes of the response's body that were sent, as they were coded */
    bool is_whole;          /* it was sent to its end; else the connection was broken off */
    const char *user_agent; /* fields of the request's */
    const char *referer;
    const char *request_id; /* X-Request-Id */
};

/* Called for each response, also for those to heads that are none or too slow, in the connection's
 * task or the request's; and with a status of 0 for a request of HTTP/2 that ends before it is
 * answered (it is malformed, one too many, or its client has reset it). It must not wait: what is
 * slow is to be handed on (to a coil_shared_queue, say, with a try_put, so that lines are dropped
 * when the disk is slow, and not clients). */
typedef void (*coil_http_log_fn)(const struct coil_http_record *record, void *user);

enum coil_http_log_format {
    COIL_HTTP_LOG_COMMON,   /* host - - [date] "request" status bytes */
    COIL_HTTP_LOG_COMBINED, /* the same, "referer" "user agent" */
    COIL_HTTP_LOG_JSON,     /* one object */
};

COIL_BEGIN_DECLS

/* Makes a line of a record, which ends with '\n'; a NUL is added. What a client has sent cannot end
 * a line or a string in it: such bytes, and all that are not ASCII, become \xHH (in JSON \u00HH, so
 * each byte is a character of Latin-1). Times are UTC. buf: size bytes. Returns the line's length;
 * -ENOSPC (COIL_HTTP_LOG_LINE is always enough), -EINVAL (NULL, no such format). Any thread. */
COIL_EXPORT ssize_t coil_http_log_format(const struct coil_http_record *record,
                                         enum coil_http_log_format format, char *buf, size_t size);

COIL_END_DECLS

#endif
