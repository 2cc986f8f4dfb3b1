/* Without memory, and with system calls that fail: nothing is left behind. */
#include "client_talk.h"

#include "fault.h"

#define HELLO OK_HEAD("5") "hello"

static ssize_t give(void *user, void *buf, size_t size)
{
    int *left = user;

    (void)size;
    if (*left == 0) {
        return 0;
    }
    (*left)--;
    memcpy(buf, "abc", 3);
    return 3;
}

static int give_again(void *user)
{
    *(int *)user = 2;
    return 0;
}

static const struct coil_http_part parts[] = {{.name = "a", .data = "1", .size = 1}};
static const struct coil_http_field form[] = {{"a", "b"}};

/* A bit of everything. */
static void use_session(void)
{
    static const char *const paths[] = {"/1", "/2", "/3"};
    struct coil_http_session_options options = {.max_connections = 2};
    int left = 2;
    struct coil_http_request requests[] = {
        {.user = "a", .password = "b"},
        {.form = form, .form_count = 1},
        {.parts = parts, .part_count = 1},
        {.reader = give, .rewinder = give_again, .reader_user = &left},
    };

    if (coil_http_session_new(&options, &session) < 0) {
        return;
    }
    coil_http_session_set_cookie(session, site.url, "a=b");
    for (size_t i = 0; i < 4; i++) {
        struct coil_http_response *response;

        requests[i].url = url_of(paths[i % 3]);
        if (coil_http_fetch(session, &requests[i], &response) == 0) {
            coil_http_response_close(response);
        }
    }
    coil_http_session_close(session);
    session = NULL;
}

static int use_all(void *arg)
{
    static const struct act acts[] = {
        {.say = "HTTP/1.1 302 x\r\nLocation: /in\r\nSet-Cookie: c=d\r\nContent-Length: 0\r\n\r\n"},
        {.say = HELLO},
        {.say = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
        {.say = HELLO, .close = true},
        {.say = HELLO},
    };

    (void)arg;
    memset(&site, 0, sizeof site);
    site.acts = acts;
    site.count = 5;
    site.again = true;
    if (coil_start_server("127.0.0.1", 0, NULL, play_client, &site, &site.server) < 0) {
        return 0;
    }
    snprintf(site.url, sizeof site.url, "http://127.0.0.1:%d", coil_server_get_port(site.server));
    coil_timeout(2 * COIL_SEC) {
        use_session();
    }
    coil_server_shutdown(site.server, 0);
    return 0;
}

static void run_all(void *arg)
{
    coil_run(use_all, arg);
}

COIL_TEST(faults_anywhere)
{
    torture(run_all, NULL);
}

/* One by one, inside one loop. */
TASK_TEST(faults_of_memory)
{
    static const struct act acts[] = {{.say = HELLO}};
    uint64_t n = 0;
    int rc;

    OPEN_SITE(acts);
    site.again = true;
    open_session(NULL);
    do {
        struct coil_http_request request = {.url = url_of("/"), .ret_failure = &failure};
        struct coil_http_response *response = NULL;

        coil_http_session_close_idle(session);
        fault_alloc_at(++n);
        rc = coil_http_fetch(session, &request, &response);
        rc = fault_was_injected() ? (rc < 0 ? rc : 1) : 0;
        fault_off();
        CHECK(rc == -ENOMEM || rc >= 0 || rc == -COIL_EINCOMPLETE || rc == -ECONNRESET);
        coil_http_response_close(response);
    } while (rc != 0 && n < 1000);
    CHECK_INT(n, >, 5);
    CHECK_ERR(ask("/", "hello"), 200);
    close_all();
    return 0;
}
