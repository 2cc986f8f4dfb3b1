/* coil/http_metrics.h - numbers about a server, for graphs and alarms.
 *
 *     struct coil_http_server_options options = {.metrics = &metrics};   // counts there
 *     ...
 *     if (strcmp(coil_http_path(exchange), "/metrics") == 0) {
 *         return coil_http_metrics_reply(exchange, &metrics);            // for Prometheus
 *     }
 *
 * Several servers of one loop may count in one struct. Those of other loops need their own: the
 * loop's thread counts without a lock. For the loop's own numbers see coil/metrics.h.
 *
 * asyncio has no counterpart; starlette's prometheus middlewares are the neighbours. Library:
 * coil-http.
 */
#ifndef COIL_HTTP_METRICS_H
#define COIL_HTTP_METRICS_H

#include <coil/base.h>
#include <coil/metrics.h>

#include <sys/types.h>

struct coil_http_exchange;

enum coil_http_metrics_method {
    COIL_HTTP_METRICS_GET,
    COIL_HTTP_METRICS_HEAD,
    COIL_HTTP_METRICS_POST,
    COIL_HTTP_METRICS_PUT,
    COIL_HTTP_METRICS_PATCH,
    COIL_HTTP_METRICS_DELETE,
    COIL_HTTP_METRICS_OPTIONS,
    COIL_HTTP_METRICS_OTHER, /* also what had no head that could be read */
    COIL_HTTP_METRICS_METHODS,
};

/* Embedded by its user; all-zero is the beginning. Must stay while a server counts in it. "total":
 * since then; "now": at this moment. */
struct coil_http_metrics {
    uint64_t connections;       /* total */
    uint64_t connections_alive; /* now */
    uint64_t requests_alive;    /* now: their handlers run */
    /* total, by the status's first digit; [0]: nothing was answered. */
    uint64_t responses[COIL_HTTP_METRICS_METHODS][6];
    uint64_t broken;                /* total: of those, that are not whole */
    uint64_t body_bytes;            /* total: of responses, as they were coded */
    struct coil_histogram duration; /* of handlers with their responses */
};

/* Room that is always enough for coil_http_metrics_format. */
enum { COIL_HTTP_METRICS_TEXT = 16 * 1024 };

COIL_BEGIN_DECLS

/* Writes metrics in Prometheus' text format (COIL_PROMETHEUS_CONTENT_TYPE). buf: size bytes; a NUL
 * is added. Returns the length; -ENOSPC, -EINVAL (NULL). Any thread, of a copy. */
COIL_EXPORT ssize_t coil_http_metrics_format(const struct coil_http_metrics *metrics, char *buf,
                                             size_t size);

/* Answers with them. As coil_http_reply, and -ENOMEM. */
COIL_EXPORT COIL_SUSPENDS int coil_http_metrics_reply(struct coil_http_exchange *exchange,
                                                      const struct coil_http_metrics *metrics);

COIL_END_DECLS

#endif
