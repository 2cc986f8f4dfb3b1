/* Further tries: of what, how often, and when. */
#include "client_talk.h"

#define HELLO OK_HEAD("5") "hello"
#define BUSY "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
#define LATER(seconds)                                                                             \
    "HTTP/1.1 429 Slower\r\nRetry-After: " seconds "\r\nContent-Length: 0\r\n\r\n"

static struct coil_http_request trying(unsigned attempts)
{
    return (struct coil_http_request){.url = url_of("/"),
                                      .retry = {.attempts = attempts, .delay_ns = COIL_MSEC}};
}

TASK_TEST(try_is_off)
{
    static const struct act acts[] = {{.say = BUSY}, {.say = HELLO}};

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask("/", ""), 503);
    CHECK_INT(site.at, ==, 1);
    close_all();
    return 0;
}

TASK_TEST(try_until_it_is_well)
{
    static const struct act acts[] = {
        {.say = BUSY}, {.close = true}, {.reset = true}, {.say = BUSY}, {.say = HELLO}};

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask_with(trying(9), "hello"), 200);
    CHECK_INT(site.at, ==, 5);
    close_all();
    return 0;
}

TASK_TEST(try_has_a_bound)
{
    static const struct act acts[] = {{.say = BUSY}};
    struct coil_http_session_options options = {.retry = {.attempts = 2, .delay_ns = COIL_MSEC}};

    OPEN_SITE(acts);
    site.again = true;
    open_session(&options);
    CHECK_ERR(ask("/", ""), 503);
    CHECK_INT(site.at, ==, 3);
    CHECK_INT(usage().idle, ==, 1);
    close_all();
    return 0;
}

/* RFC 9110, section 9.2.2. */
TASK_TEST(try_of_what_may_be_repeated)
{
    static const struct act acts[] = {{.say = BUSY}};
    struct coil_http_request request;

    OPEN_SITE(acts);
    site.again = true;
    open_session(NULL);
    request = trying(1);
    request.method = "PUT";
    request.body = "x";
    request.body_size = 1;
    CHECK_ERR(ask_with(request, ""), 503);
    CHECK_INT(site.at, ==, 2);
    request.method = "POST";
    CHECK_ERR(ask_with(request, ""), 503);
    CHECK_INT(site.at, ==, 3);
    close_all();
    return 0;
}

TASK_TEST(try_of_other_statuses)
{
    static const char *const answers[] = {"404", "500", "501", "400"};

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        char text[80];
        struct act act = {.say = text};

        snprintf(text, sizeof text, "HTTP/1.1 %s x\r\nContent-Length: 0\r\n\r\n", answers[i]);
        open_site(&act, 1);
        site.again = true;
        open_session(NULL);
        CHECK_INT(ask_with(trying(3), ""), ==, (int)strtoul(answers[i], NULL, 10));
        CHECK_INT(site.at, ==, 1);
        close_all();
    }
    return 0;
}

/* RFC 9110, section 10.2.3. */
TASK_TEST(try_when_the_server_says)
{
    static const struct act acts[] = {{.say = LATER("1")}, {.say = HELLO}};
    int64_t begin = coil_now();

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask_with(trying(1), "hello"), 200);
    CHECK_INT(coil_now() - begin, >=, COIL_SEC);
    close_all();
    return 0;
}

TASK_TEST(try_not_when_that_is_too_late)
{
    static const char *const answers[] = {LATER("31"), LATER("99999999999999999999"),
                                          LATER("Fri, 31 Dec 9999 23:59:59 GMT")};

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct act act = {.say = answers[i]};

        open_site(&act, 1);
        site.again = true;
        open_session(NULL);
        CHECK_ERR(ask_with(trying(3), ""), 429);
        CHECK_INT(site.at, ==, 1);
        close_all();
    }
    return 0;
}

TASK_TEST(try_after_what_is_no_time)
{
    static const struct act acts[] = {
        {.say = LATER("soon")}, {.say = LATER("Sun, 06 Nov 1994 08:49:37 GMT")}, {.say = HELLO}};

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask_with(trying(3), "hello"), 200);
    close_all();
    return 0;
}

TASK_TEST(try_ends_with_the_time)
{
    static const struct act acts[] = {{.say = BUSY}};
    struct coil_http_request request;

    OPEN_SITE(acts);
    site.again = true;
    open_session(NULL);
    request = trying(100);
    request.retry.delay_ns = 10 * COIL_SEC;
    request.total_timeout_ns = COIL_SEC; /* a try after that would be none */
    CHECK_ERR(ask_with(request, ""), 503);
    CHECK_INT(site.at, ==, 1);
    request.total_timeout_ns = 0;
    coil_timeout(20 * COIL_MSEC) {
        CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    }
    close_all();
    return 0;
}

/* It comes to life between two tries. */
static int start_late(void *arg)
{
    uint16_t port = *(const uint16_t *)arg;

    coil_sleep(30 * COIL_MSEC);
    return coil_start_server("127.0.0.1", port, NULL, play_client, &site, &site.server);
}

TASK_TEST(try_to_connect)
{
    static const struct act acts[] = {{.say = HELLO}};
    struct coil_http_request request;
    struct coil_task *task;

    OPEN_SITE(acts);
    open_session(NULL);
    coil_server_shutdown(site.server, 0);
    request = trying(100);
    request.retry.max_delay_ns = 20 * COIL_MSEC;
    task = coil_create_task(start_late, &site.port);
    CHECK_ERR(ask_with(request, "hello"), 200);
    CHECK_OK(coil_await(task));
    close_all();
    return 0;
}
