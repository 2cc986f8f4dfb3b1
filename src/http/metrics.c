/* metrics.c - counting what a server does, and the text that Prometheus reads. */
#include "http/http.h"

#include "base/memory.h"

#include <coil/http_metrics.h>
#include <coil/loop.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const methods[COIL_HTTP_METRICS_METHODS] = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"};

/* --- counting --- */

static enum coil_http_metrics_method method_of(const char *name)
{
    int method = COIL_HTTP_METRICS_GET;

    while (method < COIL_HTTP_METRICS_OTHER && strcmp(methods[method], name) != 0) {
        method++;
    }
    return (enum coil_http_metrics_method)method;
}

static void add_time(struct coil_histogram *histogram, int64_t time_ns)
{
    size_t bucket = 0;

    while (time_ns > coil_histogram_bound(bucket)) {
        bucket++;
    }
    histogram->buckets[bucket]++;
    histogram->count++;
    histogram->sum_ns += time_ns;
}

void coil__http_count(const struct coil_http_exchange *exchange)
{
    struct coil_http_metrics *metrics = exchange->service->settings.metrics;
    unsigned class = exchange->status / 100 <= 5 ? exchange->status / 100 : 5;

    if (metrics) {
        metrics->responses[method_of(exchange->method)][class]++;
        metrics->broken += exchange->state != COIL__HTTP_ANSWERED || exchange->is_broken;
        metrics->body_bytes += exchange->sent;
        if (exchange->began_at > 0) {
            metrics->requests_alive--;
            add_time(&metrics->duration, coil_now() - exchange->began_at);
        }
    }
}

/* --- text --- */

struct text {
    char *buf;
    size_t size;
    size_t length; /* may be more than fits */
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    size_t at = text->length < text->size ? text->length : text->size;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(text->buf + at, text->size - at, format, arguments);
    va_end(arguments);
    text->length += length > 0 ? (size_t)length : 0;
}

static void put_one(struct text *text, const char *name, const char *type, const char *help,
                    uint64_t value)
{
    put(text, "# HELP coil_http_%s %s\n# TYPE coil_http_%s %s\ncoil_http_%s %" PRIu64 "\n", name,
        help, name, type, name, value);
}

static void put_responses(struct text *text, const struct coil_http_metrics *metrics)
{
    static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

    put(text, "# HELP coil_http_responses_total Responses, by method and class of status.\n"
              "# TYPE coil_http_responses_total counter\n");
    for (int method = 0; method < COIL_HTTP_METRICS_METHODS; method++) {
        for (int class = 0; class < 6; class ++) {
            uint64_t count = metrics->responses[method][class];

            if (count > 0) {
                put(text, "coil_http_responses_total{method=\"%s\",status=\"%s\"} %" PRIu64 "\n",
                    methods[method], classes[class], count);
            }
        }
    }
}

/* Bounds in seconds, each with all that are below it. */
static void put_durations(struct text *text, const struct coil_histogram *histogram)
{
    uint64_t below = 0;

    put(text, "# HELP coil_http_duration_seconds From a request's head to its response's end.\n"
              "# TYPE coil_http_duration_seconds histogram\n");
    for (size_t i = 0; i + 1 < COIL_HISTOGRAM_BUCKETS; i++) {
        int64_t bound = coil_histogram_bound(i);

        below += histogram->buckets[i];
        put(text,
            "coil_http_duration_seconds_bucket{le=\"%" PRId64 ".%06" PRId64 "\"} %" PRIu64 "\n",
            bound / COIL_SEC, bound % COIL_SEC / COIL_USEC, below);
    }
    put(text, "coil_http_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", histogram->count);
    put(text, "coil_http_duration_seconds_sum %" PRId64 ".%09" PRId64 "\n",
        histogram->sum_ns / COIL_SEC, histogram->sum_ns % COIL_SEC);
    put(text, "coil_http_duration_seconds_count %" PRIu64 "\n", histogram->count);
}

ssize_t coil_http_metrics_format(const struct coil_http_metrics *metrics, char *buf, size_t size)
{
    struct text text = {.buf = buf, .size = size};

    if (!metrics || !buf) {
        return -EINVAL;
    }
    put_one(&text, "connections_total", "counter", "Connections.", metrics->connections);
    put_one(&text, "connections", "gauge", "Connections now.", metrics->connections_alive);
    put_one(&text, "requests", "gauge", "Requests whose handlers run now.",
            metrics->requests_alive);
    put_responses(&text, metrics);
    put_one(&text, "broken_total", "counter", "Responses that are not whole.", metrics->broken);
    put_one(&text, "body_bytes_total", "counter", "Bytes of responses' bodies.",
            metrics->body_bytes);
    put_durations(&text, &metrics->duration);
    return text.length < size ? (ssize_t)text.length : -ENOSPC;
}

int coil_http_metrics_reply(struct coil_http_exchange *exchange,
                            const struct coil_http_metrics *metrics)
{
    char *text;
    ssize_t size;
    int rc;

    if (!exchange || !metrics) {
        return -EINVAL;
    }
    text = coil__malloc(COIL_HTTP_METRICS_TEXT);
    if (!text) {
        return -ENOMEM;
    }
    size = coil_http_metrics_format(metrics, text, COIL_HTTP_METRICS_TEXT);
    rc = size < 0
             ? (int)size
             : coil_http_reply(exchange, 200, COIL_PROMETHEUS_CONTENT_TYPE, text, (size_t)size);
    coil__free(text);
    return rc;
}
