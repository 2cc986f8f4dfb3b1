/* Server-sent events: what they look like, that they come at once, and what cannot be forged. */
#include "fault.h"
#include "http_talk.h"

#include <coil/http_events.h>

#define GET "GET / HTTP/1.0\r\n\r\n"
#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"            \
    "X-Accel-Buffering: no\r\nConnection: close\r\n\r\n"

/* --- what an event looks like --- */

static int send_all_kinds(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_sse_begin(exchange));
    CHECK_OK(coil_http_sse_send(exchange, NULL, "hello", NULL));
    CHECK_OK(coil_http_sse_send(exchange, "price", "1\n2\r\n3\r\r4\n", "7"));
    CHECK_OK(coil_http_sse_send(exchange, NULL, " led by a blank", ""));
    CHECK_OK(coil_http_sse_send(exchange, "empty", "", NULL));
    CHECK_OK(coil_http_sse_send(exchange, NULL, NULL, "9"));
    CHECK_OK(coil_http_sse_retry(exchange, 2 * COIL_SEC));
    CHECK_OK(coil_http_sse_retry(exchange, 1));
    CHECK_OK(coil_http_sse_retry(exchange, 0));
    CHECK_OK(coil_http_sse_comment(exchange, NULL));
    CHECK_OK(coil_http_sse_comment(exchange, "a\ndata: b"));
    return 0;
}

TASK_TEST(events_of_all_kinds)
{
    check_answer(send_all_kinds, GET,
                 HEAD "data: hello\n\n"
                      "event: price\nid: 7\ndata: 1\ndata: 2\ndata: 3\ndata: \ndata: 4\ndata: \n\n"
                      "id: \ndata:  led by a blank\n\n"
                      "event: empty\ndata: \n\n"
                      "id: 9\n\n"
                      "retry: 2000\n\n"
                      "retry: 1\n\n"
                      "retry: 0\n\n"
                      ": \n\n"
                      ": a\n: data: b\n\n");
    return 0;
}

static int send_forged(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_ERR(coil_http_sse_send(exchange, NULL, "early", NULL), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_sse_comment(exchange, NULL), -COIL_EINVALIDSTATE);
    CHECK_OK(coil_http_sse_begin(exchange));
    CHECK_ERR(coil_http_sse_begin(exchange), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_sse_send(exchange, "a\ndata: b", "c", NULL), -EINVAL);
    CHECK_ERR(coil_http_sse_send(exchange, "a\rdata: b", "c", NULL), -EINVAL);
    CHECK_ERR(coil_http_sse_send(exchange, NULL, "c", "1\n\ndata: b"), -EINVAL);
    CHECK_ERR(coil_http_sse_send(exchange, NULL, "c", "1\r"), -EINVAL);
    CHECK_ERR(coil_http_sse_send(exchange, NULL, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_sse_send(NULL, NULL, "c", NULL), -EINVAL);
    CHECK_ERR(coil_http_sse_retry(exchange, -1), -EINVAL);
    CHECK_ERR(coil_http_sse_retry(NULL, 1), -EINVAL);
    CHECK_ERR(coil_http_sse_comment(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_sse_begin(NULL), -EINVAL);
    return 0;
}

TASK_TEST(events_that_are_forged)
{
    check_answer(send_forged, GET, HEAD);
    return 0;
}

static int tell_last_id(struct coil_http_exchange *exchange, void *user)
{
    const char *id = coil_http_sse_last_id(exchange);

    (void)user;
    id = id ? id : "none";
    return coil_http_reply(exchange, 200, NULL, id, strlen(id));
}

TASK_TEST(events_that_were_seen)
{
    CHECK(!coil_http_sse_last_id(NULL));
    check_answer(tell_last_id, "GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 4 2\r\n\r\n",
                 OK("3") "4 2");
    check_answer(tell_last_id, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK("4") "none");
    return 0;
}

/* --- when they come --- */

struct pace {
    struct coil_event go;
    int64_t rounds;
    int rc;
};

static int send_when_told(struct coil_http_exchange *exchange, void *user)
{
    struct pace *pace = user;

    pace->rc = coil_http_sse_begin(exchange);
    while (pace->rc == 0) {
        pace->rc = coil_event_wait(&pace->go);
        coil_event_clear(&pace->go);
        pace->rc = pace->rc < 0 ? pace->rc : coil_http_sse_send(exchange, NULL, "x", NULL);
        pace->rounds++;
    }
    return pace->rc;
}

/* Each is there before the next one is made. */
TASK_TEST(events_come_at_once)
{
    struct pace pace = {0};
    size_t size = strlen(HEAD);

    open_talk(send_when_told);
    talk.user = &pace;
    say(GET);
    for (int i = 0; i < 5; i++) {
        hear_answer(size + 37 + (size_t)i * 9);
        CHECK_INT(talk.size, ==, (int64_t)size + 37 + i * 9);
        coil_event_set(&pace.go);
    }
    hear_answer(size + 37 + 45);
    coil_cancel(talk.task);
    coil_await(talk.task);
    CHECK_ERR(pace.rc, -ECANCELED);
    CHECK_INT(talk.heard.count, ==, 0);
    coil_stream_close(talk.client);
    return 0;
}

/* A client that has gone is noticed by what is sent to it, and nobody is told of it. */
TASK_TEST(events_to_a_client_that_has_gone)
{
    struct pace pace = {0};

    open_talk(send_when_told);
    talk.user = &pace;
    say(GET);
    hear_answer(strlen(HEAD) + 37);
    coil_stream_abort(talk.client);
    talk.client = NULL;
    coil_timeout(PATIENCE) {
        while (pace.rc == 0 && coil_yield() == 0) {
            coil_event_set(&pace.go);
        }
    }
    CHECK(pace.rc == -EPIPE || pace.rc == -ECONNRESET);
    close_talk();
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* --- memory --- */

static int send_without_memory(struct coil_http_exchange *exchange, void *user)
{
    int rc;

    (void)user;
    CHECK_OK(coil_http_sse_begin(exchange));
    fault_alloc_at(1);
    rc = coil_http_sse_send(exchange, "a", "b", "c");
    fault_off();
    CHECK_ERR(rc, -ENOMEM);
    return coil_http_sse_send(exchange, "a", "b", "c");
}

/* Nothing of it was sent, and the next one is whole. */
TASK_TEST(events_without_memory)
{
    check_answer(send_without_memory, GET, HEAD "event: a\nid: c\ndata: b\n\n");
    return 0;
}
