/* Metrics of a server: what is counted, and the text of it. */
#include "fault.h"
#include "http_talk.h"

#include <coil/http_metrics.h>

static struct coil_http_metrics metrics;

/* Of the first request: how many were under way while it ran. */
static uint64_t seen_alive;

static int answer(struct coil_http_exchange *exchange, void *user)
{
    const char *path = coil_http_path(exchange);

    (void)user;
    seen_alive = metrics.requests_alive;
    if (strcmp(path, "/metrics") == 0) {
        return coil_http_metrics_reply(exchange, &metrics);
    }
    if (strcmp(path, "/fail") == 0) {
        return -EIO;
    }
    if (strcmp(path, "/short") == 0) {
        CHECK_OK(coil_http_begin(exchange, 200, NULL, 10));
        return (int)coil_http_write(exchange, "abc", 3);
    }
    CHECK_OK(coil_sleep(3 * COIL_MSEC));
    return coil_http_reply(exchange, 404, NULL, "12345", 5);
}

static void ask(const char *request)
{
    talk.options.metrics = &metrics;
    open_talk(answer);
    CHECK_INT(metrics.connections_alive, ==, 0);
    say(request);
    coil_stream_write_eof(talk.client);
    hear_answer(ANSWER_ROOM - 1);
    close_talk();
    CHECK_INT(metrics.connections_alive, ==, 0);
    CHECK_INT(metrics.requests_alive, ==, 0);
}

TASK_TEST(metrics_of_a_server)
{
    ask("GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /a HTTP/1.1\r\nHost: a\r\n\r\n"
        "BREW /a HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_INT(seen_alive, ==, 1);
    CHECK_INT(metrics.connections, ==, 1);
    CHECK_INT(metrics.responses[COIL_HTTP_METRICS_GET][4], ==, 1);
    CHECK_INT(metrics.responses[COIL_HTTP_METRICS_HEAD][4], ==, 1);
    CHECK_INT(metrics.responses[COIL_HTTP_METRICS_OTHER][4], ==, 1);
    CHECK_INT(metrics.body_bytes, ==, 10);
    CHECK_INT(metrics.duration.count, ==, 3);
    CHECK_INT(metrics.duration.sum_ns, >=, 9 * COIL_MSEC);
    CHECK_INT(coil_histogram_quantile(&metrics.duration, 0), >=, 3 * COIL_MSEC);
    ask("GET /fail HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_INT(metrics.responses[COIL_HTTP_METRICS_GET][5], ==, 1);
    CHECK_INT(metrics.broken, ==, 0);
    ask("GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_INT(metrics.responses[COIL_HTTP_METRICS_GET][2], ==, 1);
    CHECK_INT(metrics.broken, ==, 1);
    /* A head that is none has no time. */
    ask("nonsense\r\n\r\n");
    CHECK_INT(metrics.responses[COIL_HTTP_METRICS_OTHER][4], ==, 2);
    CHECK_INT(metrics.duration.count, ==, 5);
    CHECK_INT(metrics.connections, ==, 4);
    return 0;
}

TASK_TEST(metrics_as_text)
{
    static char text[COIL_HTTP_METRICS_TEXT];
    struct coil_http_metrics known = {.connections = 7, .connections_alive = 2, .body_bytes = 99};
    ssize_t size;

    known.responses[COIL_HTTP_METRICS_POST][2] = 3;
    known.responses[COIL_HTTP_METRICS_OTHER][0] = 1;
    known.duration.count = 3;
    known.duration.sum_ns = 2 * COIL_SEC + 5;
    known.duration.buckets[0] = 1;
    known.duration.buckets[2] = 1;
    known.duration.buckets[COIL_HISTOGRAM_BUCKETS - 1] = 1;
    size = coil_http_metrics_format(&known, text, sizeof text);
    CHECK_INT(size, ==, (int64_t)strlen(text));
    CHECK(strstr(text,
                 "# TYPE coil_http_connections_total counter\ncoil_http_connections_total 7\n"));
    CHECK(strstr(text, "\ncoil_http_connections 2\n"));
    CHECK(strstr(text, "\ncoil_http_responses_total{method=\"POST\",status=\"2xx\"} 3\n"));
    CHECK(strstr(text, "\ncoil_http_responses_total{method=\"other\",status=\"none\"} 1\n"));
    CHECK(strstr(text, "\ncoil_http_body_bytes_total 99\n"));
    CHECK(strstr(text, "_bucket{le=\"0.000001\"} 1\n"));
    CHECK(strstr(text, "_bucket{le=\"0.000004\"} 2\n"));
    CHECK(strstr(text, "_bucket{le=\"16.777216\"} 2\n"));
    CHECK(strstr(text, "_bucket{le=\"+Inf\"} 3\n"));
    CHECK(strstr(text, "_sum 2.000000005\n"));
    CHECK(strstr(text, "_count 3\n"));
    CHECK_INT(coil_http_metrics_format(&known, text, (size_t)size + 1), ==, (int64_t)size);
    CHECK_ERR((int)coil_http_metrics_format(&known, text, (size_t)size), -ENOSPC);
    CHECK_ERR((int)coil_http_metrics_format(&known, text, 0), -ENOSPC);
    CHECK_ERR((int)coil_http_metrics_format(NULL, text, sizeof text), -EINVAL);
    CHECK_ERR((int)coil_http_metrics_format(&known, NULL, 0), -EINVAL);
    memset(&known, 0xff, sizeof known);
    known.duration.sum_ns = INT64_MAX;
    CHECK_INT(coil_http_metrics_format(&known, text, sizeof text), >, 0);
    return 0;
}

TASK_TEST(metrics_in_a_reply)
{
    ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(strstr(talk.answer, "\r\nContent-Type: " COIL_PROMETHEUS_CONTENT_TYPE "\r\n"));
    CHECK(strstr(talk.answer, "\ncoil_http_requests 1\n"));
    CHECK_ERR(coil_http_metrics_reply(NULL, &metrics), -EINVAL);
    return 0;
}

static int answer_without_memory(struct coil_http_exchange *exchange, void *user)
{
    int rc;

    (void)user;
    CHECK_ERR(coil_http_metrics_reply(exchange, NULL), -EINVAL);
    fault_alloc_at(1);
    rc = coil_http_metrics_reply(exchange, &metrics);
    fault_off();
    CHECK_ERR(rc, -ENOMEM);
    return rc;
}

TASK_TEST(metrics_without_memory)
{
    check_answer(answer_without_memory, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                 "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\n"
                 "Content-Length: 22\r\n\r\nInternal Server Error\n");
    return 0;
}
