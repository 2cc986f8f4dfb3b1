/* Sources of events: what is asked for, how they end, and how they come back. */
#include "client_talk.h"

#include "fault.h"

#include <coil/http_event_source.h>

#include <limits.h>

#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
#define STREAM EVENTS "\r\n"
#define NO_CONTENT "HTTP/1.1 204 No\r\n\r\n"
#define QUICK .retry_ns = 100 * COIL_MSEC

static struct coil_http_event_source *source;

static int open_source(struct coil_http_event_source_options options)
{
    source = NULL;
    memset(&failure, 0, sizeof failure);
    options.ret_failure = &failure;
    return coil_http_event_source_open(session, url_of("/events"), &options, &source);
}

static void begin(const struct act *acts, size_t count,
                  struct coil_http_event_source_options options)
{
    open_site(acts, count);
    open_session(NULL);
    CHECK_OK(open_source(options));
}
#define BEGIN(acts, ...)                                                                           \
    begin((acts), sizeof(acts) / sizeof *(acts),                                                   \
          (struct coil_http_event_source_options){__VA_ARGS__})

static void finish(void)
{
    coil_http_event_source_close(source);
    source = NULL;
    close_all();
}

static void check_next(const char *type, const char *data, const char *id)
{
    struct coil_http_source_event event = {0};

    coil_timeout(PATIENCE) {
        CHECK_INT(coil_http_event_source_next(source, &event), ==, 1);
    }
    CHECK_STR(event.type, type);
    CHECK_STR(event.data, data);
    CHECK_INT(event.data_size, ==, strlen(data));
    CHECK_STR(event.id, id);
    CHECK_STR(coil_http_event_source_last_id(source), id);
}

/* It is over, and stays so. */
static void check_end(int error)
{
    struct coil_http_source_event event;

    for (int i = 0; i < 2; i++) {
        int rc = 1;

        coil_timeout(PATIENCE) {
            rc = coil_http_event_source_next(source, &event);
        }
        CHECK_ERR(rc, error);
        CHECK(error == 0 || coil_http_event_source_error_text(source)[0] != '\0');
    }
}

TASK_TEST(source_reads_events)
{
    static const struct act acts[] = {
        {.say =
             STREAM "data: a\n\n: nothing\nevent: x\nid: 7\ndata: b\r\ndata: c\r\n\r\ndata: lost",
         .close = true},
        {.say = NO_CONTENT}};

    BEGIN(acts, QUICK);
    check_next("message", "a", "");
    check_next("x", "b\nc", "7");
    check_end(0);
    CHECK_CONTAINS(site.heard, "GET /events HTTP/1.1\r\n");
    CHECK_CONTAINS(site.heard, "Accept: text/event-stream\r\n");
    CHECK_CONTAINS(site.heard, "Cache-Control: no-store\r\n");
    CHECK_CONTAINS(site.heard, "Last-Event-ID: 7\r\n");
    CHECK(strstr(strstr(site.heard, "Last-Event-ID") + 1, "Last-Event-ID") == NULL);
    finish();
    return 0;
}

TASK_TEST(source_sends_what_it_was_given)
{
    static const struct coil_http_field fields[] = {{"X-One", "1"}, {"X-Two", "2"}};
    static const struct coil_http_field bad[] = {{"accept", "1"}};
    static const struct act acts[] = {{.say = STREAM "id\ndata: a\n\n", .close = true},
                                      {.say = NO_CONTENT}};

    BEGIN(acts, .fields = fields, .field_count = 2, .bearer = "token", .last_id = "41", QUICK);
    check_next("message", "a", "");
    check_end(0);
    CHECK_CONTAINS(site.heard, "Last-Event-ID: 41\r\n");
    CHECK(strstr(strstr(site.heard, "Last-Event-ID") + 1, "Last-Event-ID") == NULL);
    CHECK_CONTAINS(strstr(site.heard, "\r\n\r\n"), "X-Two: 2\r\n");
    CHECK_CONTAINS(strstr(site.heard, "\r\n\r\n"), "Authorization: Bearer token\r\n");
    coil_http_event_source_close(source);
    CHECK_ERR(open_source((struct coil_http_event_source_options){.fields = bad, .field_count = 1}),
              -EINVAL);
    CHECK_ERR(open_source((struct coil_http_event_source_options){.field_count = 1}), -EINVAL);
    CHECK_ERR(open_source((struct coil_http_event_source_options){.last_id = "a\nb"}), -EINVAL);
    CHECK_ERR(open_source((struct coil_http_event_source_options){.retry_ns = -1}), -EINVAL);
    CHECK_ERR(coil_http_event_source_open(NULL, "x", NULL, &source), -EINVAL);
    CHECK_ERR(coil_http_event_source_open(session, NULL, NULL, &source), -EINVAL);
    CHECK_ERR(coil_http_event_source_open(session, site.url, NULL, NULL), -EINVAL);
    CHECK(source == NULL);
    finish();
    return 0;
}

/* HTML standard, section 9.2.3. */
TASK_TEST(source_refuses_other_answers)
{
    static const char *const answers[] = {
        OK_HEAD("0"),
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream-more-and-more-of-it\r\n\r\n",
        "HTTP/1.1 404 No\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 No\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 206 x\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct act acts[] = {
            {.say = answers[i]}, {.say = STREAM "data: a\n\n", .close = true}, {.say = answers[i]}};

        open_site(acts, 1);
        open_session(NULL);
        CHECK_ERR(open_source((struct coil_http_event_source_options){0}), -COIL_EPROTOCOL);
        CHECK_INT(failure.error, ==, -COIL_EPROTOCOL);
        CHECK(source == NULL);
        finish();
        if (i == 4) { /* passes */
            continue;
        }
        begin(acts + 1, 2, (struct coil_http_event_source_options){QUICK});
        check_next("message", "a", "");
        check_end(-COIL_EPROTOCOL);
        finish();
    }
    return 0;
}

TASK_TEST(source_of_204_is_over)
{
    static const struct act acts[] = {{.say = NO_CONTENT}};

    BEGIN(acts, .max_line = 0);
    check_end(0);
    CHECK_INT(site.at, ==, 1);
    finish();
    return 0;
}

/* --- coming back --- */

TASK_TEST(source_waits_as_the_server_says)
{
    static const struct act acts[] = {
        {.say = STREAM "retry: 300\ndata: a\n\n", .close = true},
        {.say = "HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"},
        {.say = STREAM "retry: 99999999999\ndata: b\n\n", .close = true},
        {.say = NO_CONTENT}};
    int64_t began;

    if (test_is_torture() && !test_backend_is("sim")) {
        test_skip("it takes seconds of real time, again and again");
    }
    BEGIN(acts, .max_retry_ns = 2 * COIL_SEC);
    check_next("message", "a", "");
    began = coil_now();
    check_next("message", "b", "");
    CHECK_INT(coil_now() - began, >=, 300 * COIL_MSEC + COIL_SEC);
    began = coil_now();
    check_end(0);
    CHECK_INT(coil_now() - began, >=, 2 * COIL_SEC);
    CHECK_INT(coil_now() - began, <, 60 * COIL_SEC);
    finish();
    return 0;
}

TASK_TEST(source_gives_up)
{
    static const struct act acts[] = {{.say = STREAM "data: a\n\n", .close = true},
                                      {.say = STREAM, .close = true},
                                      {.reset = true, .say = ""},
                                      {.say = STREAM, .close = true},
                                      {.say = STREAM "data: b\n\n", .close = true}};

    BEGIN(acts, .max_attempts = 2, .max_retry_ns = 120 * COIL_MSEC, QUICK);
    check_next("message", "a", "");
    check_end(-COIL_EINCOMPLETE);
    CHECK_INT(site.at, >=, 3);
    finish();
    BEGIN(acts, .max_attempts = UINT_MAX, .max_retry_ns = 120 * COIL_MSEC, QUICK);
    check_next("message", "a", "");
    check_next("message", "b", "");
    finish();
    return 0;
}

TASK_TEST(source_of_a_server_that_goes)
{
    static const struct act acts[] = {{.say = STREAM "data: a\n\n"}};

    BEGIN(acts, .max_attempts = 1, .max_retry_ns = 120 * COIL_MSEC, QUICK);
    check_next("message", "a", "");
    coil_server_cancel_clients(site.server);
    coil_server_shutdown(site.server, 0);
    check_end(-ECONNREFUSED);
    finish();
    return 0;
}

TASK_TEST(source_of_a_silent_server)
{
    static const struct act acts[] = {{.say = STREAM "data: a\n\n", .then = "x"},
                                      {.say = STREAM "data: b\n\n", .close = true}};

    BEGIN(acts, .read_timeout_ns = 30 * COIL_MSEC, QUICK);
    check_next("message", "a", "");
    check_next("message", "b", "");
    finish();
    return 0;
}

TASK_TEST(source_of_a_closed_session)
{
    static const struct act acts[] = {{.say = STREAM "data: a\n\n", .close = true}};

    BEGIN(acts, QUICK);
    coil_http_session_close(session);
    session = NULL;
    check_next("message", "a", "");
    check_end(-COIL_ECLOSED);
    finish();
    return 0;
}

/* --- bounds --- */

TASK_TEST(source_has_bounds)
{
    static const struct act line[] = {{.say = STREAM "data: a\n\ndata: 1234567890\n\n"}};
    static const struct act event[] = {
        {.say = STREAM "data: a\n\ndata: 1\ndata: 2\ndata: 3\ndata: 4\n\n"}};

    BEGIN(line, .max_line = 10);
    check_next("message", "a", "");
    check_end(-COIL_ELIMIT);
    CHECK_INT(usage().connections, ==, 0);
    finish();
    BEGIN(event, .max_event = 6);
    check_next("message", "a", "");
    check_end(-COIL_ELIMIT);
    finish();
    return 0;
}

TASK_TEST(source_of_broken_chunks)
{
    static const struct act acts[] = {
        {.say = EVENTS "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\nx\r\n"}};

    BEGIN(acts, QUICK);
    check_next("message", "a", "");
    check_end(-COIL_EPROTOCOL);
    finish();
    return 0;
}

/* An id may be anything; what cannot be sent is not (RFC 9110, section 5.5). */
TASK_TEST(source_of_an_id_that_is_no_field)
{
    static const struct act acts[] = {{.say = STREAM "id: a\001b\ndata: a\n\n", .close = true},
                                      {.say = STREAM "id:  c\ndata: b\n\n", .close = true},
                                      {.say = NO_CONTENT}};

    BEGIN(acts, QUICK);
    check_next("message", "a", "a\001b");
    check_next("message", "b", " c");
    check_end(0);
    CHECK(strstr(site.heard, "Last-Event-ID") == NULL);
    finish();
    return 0;
}

/* --- cancels --- */

static int next_event(void *arg)
{
    return coil_http_event_source_next(source, arg);
}

TASK_TEST(source_after_a_cancel)
{
    static const struct act acts[] = {
        {.say = STREAM "id: 1\nda", .then = "ta: a\n\n", .close = true},
        {.say = STREAM "data: b\n\n", .close = true}};
    struct coil_http_source_event event;
    struct coil_task *task;

    BEGIN(acts, .retry_ns = 2 * COIL_SEC);
    coil_timeout(10 * COIL_MSEC) {
        CHECK_ERR(coil_http_event_source_next(source, &event), -ETIMEDOUT);
    }
    task = coil_create_task(next_event, &event);
    yield_times(2);
    CHECK_ERR(coil_http_event_source_next(source, &event), -COIL_ECONCURRENT);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    coil_event_set(&site.go_on);
    check_next("message", "a", "1");
    for (int i = 0; i < 2; i++) { /* also while it waits */
        coil_timeout(10 * COIL_MSEC) {
            CHECK_ERR(coil_http_event_source_next(source, &event), -ETIMEDOUT);
        }
    }
    check_next("message", "b", "1");
    CHECK_ERR(coil_http_event_source_next(NULL, &event), -EINVAL);
    CHECK_ERR(coil_http_event_source_next(source, NULL), -EINVAL);
    finish();
    return 0;
}

TASK_TEST(source_open_is_cancelled)
{
    static const struct act acts[] = {{0}};

    OPEN_SITE(acts);
    open_session(NULL);
    coil_timeout(10 * COIL_MSEC) {
        CHECK_ERR(open_source((struct coil_http_event_source_options){0}), -ETIMEDOUT);
    }
    CHECK(source == NULL);
    CHECK_INT(usage().connections, ==, 0);
    finish();
    return 0;
}

/* --- attached --- */

static int attach(const char *method)
{
    struct coil_http_request request = {.url = url_of("/"), .method = method, .json = "{}"};
    struct coil_http_event_source_options options = {.ret_failure = &failure};
    struct coil_http_response *response = NULL;

    source = NULL;
    CHECK_OK(coil_http_session_request(session, &request, &response));
    return coil_http_event_source_attach(response, &options, &source);
}

/* It is refused; whatever came of it else is not left behind. */
static void check_no_source(int error, const char *text)
{
    CHECK_ERR(attach("POST"), error);
    CHECK_CONTAINS(failure.text, text);
    coil_http_event_source_close(source);
}

TASK_TEST(source_of_a_post)
{
    static const struct act acts[] = {
        {.say = EVENTS "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n0\r\n\r\n"},
        {.say = EVENTS "Content-Length: 20\r\n\r\ndata: a\n\n", .close = true},
        {.say = OK_HEAD("0")},
        {.say = "HTTP/1.1 400 x\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n"}};

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_OK(attach("POST"));
    check_next("message", "a", "");
    check_end(0);
    CHECK_INT(usage().idle, ==, 1);
    coil_http_event_source_close(source);
    CHECK_OK(attach("POST"));
    check_next("message", "a", "");
    check_end(-COIL_EINCOMPLETE);
    coil_http_event_source_close(source);
    check_no_source(-COIL_EPROTOCOL, "of type");
    check_no_source(-COIL_EPROTOCOL, "400");
    source = NULL;
    CHECK_ERR(coil_http_event_source_attach(NULL, NULL, &source), -EINVAL);
    CHECK(source == NULL);
    CHECK_STR(coil_http_event_source_last_id(NULL), "");
    CHECK_STR(coil_http_event_source_error_text(NULL), "");
    finish();
    return 0;
}

/* --- no memory --- */

TASK_TEST(source_without_memory)
{
    static const struct act acts[] = {
        {.say = STREAM "event: x\nid: 1\ndata: a\n\n", .close = true}};
    uint64_t n = 0;
    bool was_injected = true;

    OPEN_SITE(acts);
    site.again = true;
    open_session(NULL);
    while (was_injected && n < 1000) {
        struct coil_http_source_event event;
        int rc;

        coil_http_session_close_idle(session);
        fault_alloc_at(++n);
        rc = open_source((struct coil_http_event_source_options){QUICK});
        rc = rc == 0 ? coil_http_event_source_next(source, &event) : rc;
        was_injected = fault_was_injected();
        fault_off();
        CHECK(rc == 1 || was_injected);
        if (source && rc == -ENOMEM) { /* nothing is lost */
            check_next("x", "a", "1");
        }
        coil_http_event_source_close(source);
        source = NULL;
    }
    CHECK_INT(n, >, 10);
    finish();
    return 0;
}
