/* The console over real sockets: what it serves, what it says of tasks, and of a loop that is
 * stuck; its beginning and its end. */
#include "console_client.h"

#include "fault.h"

#include <sys/stat.h>
#include <sys/wait.h>

#define TOKEN "0123456789abcdef"

static void end(struct coil_task *task)
{
    coil_cancel(task);
    coil_await(task);
}

static struct coil_lock stove;

static int hold_lock(void *arg)
{
    CHECK_OK(coil_lock_acquire(&stove));
    coil_event_wait(arg);
    coil_lock_release(&stove);
    return 0;
}

static int take_lock(__attribute__((unused)) void *arg)
{
    int rc = coil_lock_acquire(&stove);

    if (rc == 0) {
        coil_lock_release(&stove);
    }
    return rc;
}

static int await_it(void *arg)
{
    return coil_await(arg);
}

static int cancelled_in_shield(void *arg)
{
    coil_shield {
        coil_event_wait(arg);
    }
    return 0;
}

/* --- what is read once --- */

static int print(void *arg)
{
    FILE *out = fopen("/dev/null", "w");

    yield_times(3);
    coil_print_tasks(out);
    fclose(out);
    coil_event_set(arg);
    return 0;
}

static int do_nothing(__attribute__((unused)) void *arg)
{
    usleep(50000);
    return 0;
}

static int stand_everywhere(__attribute__((unused)) void *arg)
{
    struct coil_event event = {0};
    struct coil_task *tasks[] = {start(NULL, hold_lock, &event), start(NULL, take_lock, NULL),
                                 start(NULL, await_it, start(NULL, task_forever, NULL)),
                                 start(NULL, cancelled_in_shield, &event),
                                 start(NULL, print, &event)};

    coil_to_thread(do_nothing, NULL);
    coil_cancel(tasks[2]);
    return coil_gather(tasks, 5, (int[5]){0});
}

/* The tables of symbols are read before the tests' processes are forked: it takes a while, and the
 * memory is kept. */
__attribute__((constructor)) static void read_symbols(void)
{
    coil_run(stand_everywhere, NULL);
    stove = (struct coil_lock){0}; /* it is another loop's now */
}

/* --- what it serves --- */

TASK_TEST(console_page)
{
    const char *body;

    CHECK_OK(start_console(NULL, none));
    body = get("/");
    CHECK_INT(status(), ==, 200);
    CHECK_CONTAINS(answer, "Content-Type: text/html; charset=utf-8\r\n");
    CHECK_CONTAINS(answer, "Cache-Control: no-store\r\n");
    CHECK_CONTAINS(answer, "Content-Security-Policy: default-src 'none'; script-src 'self'; ");
    CHECK_CONTAINS(answer, "X-Content-Type-Options: nosniff\r\n");
    CHECK_CONTAINS(answer, "Connection: close\r\n");
    CHECK(!strstr(answer, "Access-Control"));
    CHECK_CONTAINS(body, "<title>coil console</title>");
    CHECK_CONTAINS(get("/console.css"), "prefers-color-scheme: dark");
    CHECK_CONTAINS(answer, "Content-Type: text/css");
    CHECK_CONTAINS(get("/console.js"), "'use strict'");
    CHECK_CONTAINS(get("/page.js"), "'use strict'");
    CHECK_CONTAINS(get("/tasks.js"), "'use strict'");
    CHECK_CONTAINS(answer, "Content-Type: text/javascript");
    CHECK_OK(coil_console_stop());
    return 0;
}

TASK_TEST(console_says_how_long_an_answer_is)
{
    static const char head[] = "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const char *field;
    const char *body;
    size_t size;

    CHECK_OK(start_console(NULL, none));
    body = get("/");
    size = strlen(body);
    field = strstr(answer, "Content-Length: ");
    CHECK_PTR(field, !=, NULL);
    CHECK_INT(strtol(field + 16, NULL, 10), ==, size);
    CHECK_OK(test_done(send_bytes(head, sizeof head - 1, false)));
    CHECK_INT(status(), ==, 200);
    field = strstr(answer, "Content-Length: ");
    CHECK_PTR(field, !=, NULL);
    CHECK_INT(strtol(field + 16, NULL, 10), ==, size);
    CHECK_STR(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    CHECK_OK(coil_console_stop());
    return 0;
}

TASK_TEST(console_turns_away)
{
    static const struct {
        int status;
        const char *request;
    } cases[] = {
        {404, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"},
        {404, "GET /console.js/ HTTP/1.1\r\nHost: localhost\r\n\r\n"},
        {404, "GET /../console.js HTTP/1.1\r\nHost: localhost\r\n\r\n"},
        {405, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
        {405, "DELETE / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"},
        {413, "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"},
        {400, "hello\r\n\r\n"},
        {400, "\x16\x03\x01\x02\r\n\r\n"},
        {505, "GET / HTTP/3.0\r\nHost: localhost\r\n\r\n"},
        {403, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"},
        {403, "GET /state.json HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n"},
        {403, "GET / HTTP/1.1\r\n\r\n"},
    };

    CHECK_OK(start_console("localhost:0", none));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        answer[0] = '\0';
        test_done(send_bytes(cases[i].request, strlen(cases[i].request), false));
        CHECK_MSG(status() == cases[i].status, "%d and not %d: %s", status(), cases[i].status,
                  cases[i].request);
    }
    CHECK_OK(coil_console_stop());
    return 0;
}

TASK_TEST(console_bounds_a_request)
{
    static char bytes[20000];

    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes, "GET /", 5);
    CHECK_OK(start_console(NULL, none));
    CHECK_OK(test_done(send_bytes(bytes, sizeof bytes, false)));
    CHECK_INT(status(), ==, 431);
    CHECK_INT(send_bytes("GET / HT", 8, true), ==, 0);
    CHECK_INT(send_bytes("", 0, true), ==, 0);
    get("/");
    CHECK_INT(status(), ==, 200);
    CHECK_OK(coil_console_stop());
    return 0;
}

/* Who says nothing is let go, and keeps its place no longer than that. */
TASK_TEST(console_bounds_time_and_clients)
{
    struct coil_console_options options = {.max_clients = 2, .request_timeout_ns = 300 * COIL_MSEC};
    int64_t began_at;
    int silent[3];

    CHECK_OK(start_console(NULL, options));
    for (int i = 0; i < 3; i++) {
        silent[i] = connect_tcp(console_port());
        CHECK_INT(silent[i], >=, 0);
    }
    began_at = test_now_ns();
    get("/");
    CHECK_INT(status(), ==, 200);
    CHECK_INT(test_now_ns() - began_at, <, 10 * COIL_SEC);
    for (int i = 0; i < 3; i++) {
        char byte;

        CHECK_INT(recv(silent[i], &byte, 1, 0), <=, 0);
        close(silent[i]);
    }
    CHECK_OK(coil_console_stop());
    return 0;
}

/* --- tokens --- */

TASK_TEST(console_token)
{
    struct coil_console_options options = {.token = TOKEN};
    char cookie[200];

    CHECK_OK(start_console("0.0.0.0:0", options));
    get("/");
    CHECK_INT(status(), ==, 401);
    CHECK_CONTAINS(answer, "WWW-Authenticate: Bearer\r\n");
    get("/state.json");
    CHECK_INT(status(), ==, 401);
    get_with("/", "Authorization: Bearer 0123456789abcdeF\r\n", false);
    CHECK_INT(status(), ==, 401);
    get_with("/", "Authorization: Bearer " TOKEN "\r\n", false);
    CHECK_INT(status(), ==, 200);
    CHECK_CONTAINS(get("/state.json?token=" TOKEN), "\"tasks\":{");
    get("/?token=" TOKEN);
    CHECK_INT(status(), ==, 303);
    CHECK_CONTAINS(answer, "Location: /\r\n");
    snprintf(cookie, sizeof cookie, "coil_console_%u=" TOKEN, console_port());
    CHECK_CONTAINS(answer, cookie);
    CHECK_CONTAINS(answer, "; HttpOnly; SameSite=Lax\r\n");
    snprintf(cookie, sizeof cookie, "Cookie: coil_console_%u=" TOKEN "\r\n", console_port());
    get_with("/", cookie, false);
    CHECK_INT(status(), ==, 200);
    CHECK_OK(coil_console_stop());
    return 0;
}

/* On an address of this machine both are asked for. */
TASK_TEST(console_token_and_host)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer " TOKEN "\r\n\r\n";
    struct coil_console_options options = {.token = TOKEN};

    CHECK_OK(start_console("127.0.0.1:0", options));
    CHECK_OK(test_done(send_bytes(request, sizeof request - 1, false)));
    CHECK_INT(status(), ==, 403);
    CHECK_OK(coil_console_stop());
    return 0;
}

/* --- what it says --- */

TASK_TEST(console_tells_of_tasks)
{
    struct coil_event event = {0};
    struct coil_task *soup = start("soup", hold_lock, &event);
    struct coil_task *fish = start("fish", take_lock, NULL);
    struct coil_task *cook = start("cook", await_it, fish);
    struct coil_task *clock = coil_create_task(task_forever, NULL);
    const char *state;

    yield_times(3);
    CHECK_OK(start_console(NULL, none));
    state = get("/state.json");
    CHECK_INT(status(), ==, 200);
    CHECK_CONTAINS(answer, "Content-Type: application/json\r\n");
    CHECK_CONTAINS(state, "\"program\":\"test_debug_console\"");
    CHECK_INT(number_of(state, "pid"), ==, getpid());
    CHECK_INT(number_of(state, "silent_ns"), ==, 0);
    CHECK_INT(number_of(state, "serial"), ==, 1);
    CHECK_CONTAINS(state, "\"tasks\":{\"count\":5,");
    CHECK_CONTAINS(state,
                   "{\"id\":1,\"name\":\"main\",\"state\":\"waiting\",\"wait\":\"to_thread\"");
    CHECK_CONTAINS(state, "{\"id\":2,\"name\":\"soup\",\"state\":\"waiting\",\"wait\":\"event\"");
    CHECK_CONTAINS(
        state, "{\"id\":3,\"name\":\"fish\",\"state\":\"waiting\",\"wait\":\"lock\",\"holder\":2");
    CHECK_CONTAINS(state, "\"awaits\":[3]");
    CHECK_CONTAINS(state, "\"site\":\"body_of_console_tells_of_tasks, test_console.c:");
    CHECK_CONTAINS(state, "\"cycle\":[]");
    CHECK_CONTAINS(state, "\"stacks\":[[");
    CHECK_OK(coil_console_stop());
    coil_event_set(&event);
    coil_await(cook);
    coil_await(soup);
    end(clock);
    return 0;
}

TASK_TEST(console_names_are_text)
{
    struct coil_task *evil = start("</script><script>alert(1)//", task_forever, NULL);
    struct coil_task *broken = start("\xff\"\\\n\x01", task_forever, NULL);
    const char *state;

    CHECK_OK(start_console(NULL, none));
    state = get("/state.json");
    CHECK(!strchr(state, '<') && !strchr(state, '>'));
    CHECK_CONTAINS(state, "\"name\":\"\\u003c/script\\u003e\\u003cscript\\u003ealert(1)//\"");
    CHECK_CONTAINS(state, "\"name\":\"\\ufffd\\u0022\\u005c\\u000a\\u0001\"");
    CHECK_OK(coil_console_stop());
    end(evil);
    end(broken);
    return 0;
}

TASK_TEST(console_tells_of_cancels_and_cycles)
{
    struct coil_event event = {0};
    struct coil_task *task = start("guarded", cancelled_in_shield, &event);
    const char *state;

    yield_times(2);
    coil_cancel_because(task, "for \"fun\"");
    CHECK_OK(start_console(NULL, none));
    state = get("/state.json");
    CHECK_CONTAINS(state, "\"cancel\":{\"error\":\"-ECANCELED\",\"shielded\":true,"
                          "\"reason\":\"for \\u0022fun\\u0022\",\"site\":\"body_of_console_tells_");
    CHECK_OK(coil_console_stop());
    coil_event_set(&event);
    coil_await(task);
    return 0;
}

/* More tasks than are sent: the oldest are, and it is said how many there are. */
TASK_TEST(console_bounds_tasks)
{
    enum { COUNT = 10500 };
    struct coil_console_options options = {.patience_ns = 15 * COIL_SEC,
                                           .request_timeout_ns = COIL_MINUTE};
    static struct coil_task *tasks[COUNT];
    const char *state;
    int shown = 0;

    if (test_has_valgrind() || test_has_tsan() || test_is_emulated() || test_is_torture()) {
        test_skip("too many tasks for here");
    }
    for (int i = 0; i < COUNT; i++) {
        tasks[i] = coil_create_task(task_forever, NULL);
    }
    CHECK_OK(coil_yield());
    CHECK_OK(start_console(NULL, options));
    state = get("/state.json");
    CHECK_CONTAINS(state, "\"tasks\":{\"count\":10501,");
    for (const char *at = state; (at = strstr(at, "{\"id\":")); at++) {
        shown++;
    }
    CHECK_INT(shown, ==, 10000);
    CHECK_CONTAINS(state, "\"name\":\"task-10000\"");
    CHECK(!strstr(state, "\"name\":\"task-10001\""));
    CHECK_OK(coil_console_stop());
    for (int i = 0; i < COUNT; i++) {
        coil_cancel(tasks[i]);
        coil_detach(tasks[i]);
    }
    return 0;
}

/* --- a loop that does not answer --- */

TASK_TEST(console_of_a_loop_that_is_stuck)
{
    struct coil_console_options options = {.patience_ns = 20 * COIL_MSEC};
    const char *state;
    int64_t silent;

    if (test_is_torture()) {
        test_skip("the loop is stuck until the console has answered");
    }
    CHECK_OK(start_console(NULL, options));
    state = get_with("/state.json", "", true);
    CHECK_INT(status(), ==, 200);
    CHECK_INT(number_of(state, "silent_ns"), >=, 20 * COIL_MSEC);
    CHECK_INT(number_of(state, "serial"), ==, 0);
    CHECK_CONTAINS(state, "\"tasks\":null}");
    be_stuck(20 * COIL_MSEC);
    state = get_with("/state.json", "", true);
    silent = number_of(state, "silent_ns");
    CHECK_INT(silent, >=, 40 * COIL_MSEC);
    do { /* on a busy machine an answer may be late once more */
        state = get("/state.json");
    } while (number_of(state, "silent_ns") != 0);
    CHECK_CONTAINS(state, "\"tasks\":{\"count\":1,");
    CHECK_OK(coil_console_stop());
    return 0;
}

/* What was seen before is still shown; and not sent again to who has it. */
TASK_TEST(console_shows_what_was_seen_before)
{
    struct coil_console_options options = {.patience_ns = 20 * COIL_MSEC};
    char target[64];
    const char *state;
    long long serial;

    CHECK_OK(start_console(NULL, options));
    serial = number_of(get("/state.json"), "serial");
    CHECK_INT(serial, >, 0);
    do { /* what is fresh is not asked for again */
        state = get_with("/state.json?seen=0", "", true);
    } while (number_of(state, "silent_ns") == 0);
    CHECK_INT(number_of(state, "serial"), ==, serial);
    CHECK_INT(number_of(state, "age_ns"), >=, 20 * COIL_MSEC);
    CHECK_CONTAINS(state, "\"tasks\":{\"count\":1,");
    snprintf(target, sizeof target, "/state.json?seen=%lld", serial);
    CHECK_CONTAINS(get_with(target, "", true), "\"tasks\":null}");
    CHECK_OK(coil_console_stop());
    return 0;
}

static int ask_for_state(void *arg)
{
    const uint16_t *port = arg;
    static const char request[] = "GET /state.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct exchange exchange = {.port = *port, .request = request, .size = sizeof request - 1};

    talk(&exchange);
    return 0;
}

static int ask_in_thread(void *arg)
{
    return coil_to_thread(ask_for_state, arg);
}

/* The question is on its way when the console ends, and finds nobody. */
TASK_TEST(console_stop_while_it_asks)
{
    uint16_t port;
    struct coil_task *task;

    CHECK_OK(start_console(NULL, none));
    port = console_port();
    task = coil_create_task(ask_in_thread, &port);
    CHECK_OK(coil_yield());
    be_stuck(60 * COIL_MSEC);
    CHECK_OK(coil_console_stop());
    CHECK_OK(coil_await(task));
    return 0;
}

static int end_while_it_asks(__attribute__((unused)) void *arg)
{
    static uint16_t port;

    CHECK_OK(start_console(NULL, none));
    port = console_port();
    coil_detach(coil_create_task(ask_in_thread, &port));
    CHECK_OK(coil_yield());
    be_stuck(60 * COIL_MSEC);
    return 0;
}

COIL_TEST(console_ends_with_its_loop)
{
    CHECK_ERR(coil_run(end_while_it_asks, NULL), 0);
}

/* --- where it listens --- */

TASK_TEST(console_url)
{
    char url[COIL_CONSOLE_URL];
    char expected[COIL_CONSOLE_URL];
    char small[8] = "x";

    CHECK_ERR(coil_console_get_url(url, sizeof url), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_console_get_url(NULL, 5), -EINVAL);
    CHECK_OK(start_console(NULL, none));
    snprintf(expected, sizeof expected, "http://127.0.0.1:%u/", console_port());
    CHECK_INT(coil_console_get_url(url, sizeof url), ==, strlen(expected));
    CHECK_STR(url, expected);
    CHECK_ERR(coil_console_get_url(small, sizeof small), -ENOSPC);
    CHECK_STR(small, "x");
    CHECK_OK(coil_console_stop());
    return 0;
}

TASK_TEST(console_on_ipv6)
{
    char url[COIL_CONSOLE_URL];
    int rc = start_console("[::1]:0", none);

    if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT) {
        test_skip("there is no IPv6 here");
    }
    CHECK_OK(rc);
    CHECK_OK(coil_console_get_url(url, sizeof url));
    CHECK_MEM(url, "http://[::1]:", 13);
    CHECK_OK(coil_console_stop());
    return 0;
}

static int ask_unix(const char *path, const char *request)
{
    struct exchange exchange = {.path = path, .request = request, .size = strlen(request)};

    return coil_to_thread(talk, &exchange);
}

TASK_TEST(console_on_a_unix_socket)
{
    char address[200] = "unix:";
    char url[COIL_CONSOLE_URL];
    struct stat st;

    test_temp_path(address + 5, sizeof address - 5, "console");
    CHECK_OK(start_console(address, none));
    CHECK_OK(coil_console_get_url(url, sizeof url));
    CHECK_STR(url, address);
    CHECK_INT(stat(address + 5, &st), ==, 0);
    CHECK_INT(st.st_mode & 0777, ==, 0600);
    CHECK_OK(test_done(ask_unix(address + 5, "GET / HTTP/1.1\r\nHost: anything\r\n\r\n")));
    CHECK_INT(status(), ==, 200);
    CHECK_OK(coil_console_stop());
    CHECK_INT(stat(address + 5, &st), ==, -1);
    return 0;
}

TASK_TEST(console_on_an_abstract_socket)
{
    char address[100];

    snprintf(address, sizeof address, "unix:@coil-console-%d", (int)getpid());
    CHECK_ERR(start_console(address, none), -EACCES); /* it has no permissions */
    CHECK_OK(start_console(address, (struct coil_console_options){.token = TOKEN}));
    CHECK_OK(test_done(ask_unix(address + 5, "GET / HTTP/1.1\r\n\r\n")));
    CHECK_INT(status(), ==, 401);
    CHECK_OK(test_done(
        ask_unix(address + 5, "GET / HTTP/1.1\r\nAuthorization: Bearer " TOKEN "\r\n\r\n")));
    CHECK_INT(status(), ==, 200);
    CHECK_OK(coil_console_stop());
    return 0;
}

TASK_TEST(console_misuse)
{
    static const char *const bad[] = {
        "",          "8080",  "localhost",    "localhost:", "localhost:123456", "example.org:80",
        "127.0.0.1", "unix:", "127.0.0.1:80x"};
    struct coil_console_options short_token = {.token = "short"};
    struct coil_console_options late = {.request_timeout_ns = -1};
    struct coil_console_options hasty = {.patience_ns = -1};

    CHECK_ERR(coil_console_stop(), -COIL_EINVALIDSTATE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_MSG(start_console(bad[i], none) == -COIL_EADDRESS, "%s", bad[i]);
    }
    CHECK_ERR(start_console("0.0.0.0:0", none), -EACCES);
    CHECK_ERR(start_console("[::]:0", none), -EACCES);
    CHECK_ERR(start_console(NULL, short_token), -EINVAL);
    CHECK_ERR(start_console(NULL, late), -EINVAL);
    CHECK_ERR(start_console(NULL, hasty), -EINVAL);
    CHECK_ERR(start_console("192.0.2.1:0", none), -EACCES);
    CHECK_ERR(start_console("unix:/nowhere/at/all", none), -ENOENT);
    CHECK_OK(start_console(NULL, none));
    CHECK_ERR(start_console(NULL, none), -COIL_EINVALIDSTATE);
    CHECK_OK(coil_console_stop());
    CHECK_ERR(coil_console_stop(), -COIL_EINVALIDSTATE);
    return 0;
}

COIL_TEST(console_without_a_loop)
{
    char url[COIL_CONSOLE_URL];

    CHECK_ERR(start_console(NULL, none), -COIL_ENOLOOP);
    CHECK_ERR(coil_console_stop(), -COIL_ENOLOOP);
    CHECK_ERR(coil_console_get_url(url, sizeof url), -COIL_ENOLOOP);
}

TASK_TEST(console_port_that_is_taken)
{
    uint16_t port;
    char address[64];
    int fd = test_listen_tcp(&port);

    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    CHECK_ERR(start_console(address, none), -EADDRINUSE);
    close(fd);
    CHECK_OK(start_console(address, none));
    CHECK_INT(console_port(), ==, port);
    CHECK_OK(coil_console_stop());
    return 0;
}

/* --- more than one --- */

static int with_console(void *arg)
{
    const char *state;

    coil_task_set_name(coil_current_task(), arg);
    CHECK_OK(start_console(NULL, none));
    state = get("/state.json");
    CHECK_CONTAINS(state, arg);
    CHECK_CONTAINS(state, "\"tasks\":{\"count\":1,");
    return 0;
}

static int run_other(void *arg)
{
    return coil_run(with_console, arg);
}

TASK_TEST(console_of_each_of_two_loops)
{
    static char other[] = "other";
    static char own[] = "own";

    CHECK_OK(start_console(NULL, none));
    CHECK_OK(coil_to_thread(run_other, other));
    CHECK_OK(coil_console_stop());
    return with_console(own);
}

/* --- fork --- */

static int in_forked_child(void)
{
    char url[COIL_CONSOLE_URL];

    fault_off();
    CHECK_ERR(coil_console_stop(), -COIL_EFORKED);
    CHECK_ERR(start_console(NULL, none), -COIL_EFORKED);
    CHECK_ERR(coil_console_get_url(url, sizeof url), -COIL_EFORKED);
    return 0;
}

static int fork_with_console(void *arg)
{
    pid_t *ret_pid = arg;
    int status;

    CHECK_OK(start_console(NULL, none));
    fflush(NULL);
    *ret_pid = fork();
    CHECK_INT(*ret_pid, >=, 0);
    if (*ret_pid == 0) {
        return in_forked_child();
    }
    CHECK_INT(waitpid(*ret_pid, &status, 0), ==, *ret_pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    get("/");
    CHECK_OK(coil_console_stop());
    return 0;
}

/* The child has no console, gives up its copy of the socket, and the parent's goes on. */
COIL_TEST(console_fork)
{
    pid_t pid = -1;
    int rc = coil_run(fork_with_console, &pid);

    if (pid == 0) {
        _exit(rc == -COIL_EFORKED ? 7 : 8);
    }
    CHECK_ERR(rc, 0);
}

/* --- faults --- */

static int use_once(__attribute__((unused)) void *arg)
{
    static const char request[] = "GET /state.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct coil_console_options options = {.request_timeout_ns = 500 * COIL_MSEC};
    char url[COIL_CONSOLE_URL];
    int rc = start_console(NULL, options);

    if (rc == 0 && coil_console_get_url(url, sizeof url) > 0) {
        struct exchange exchange = {.request = request, .size = sizeof request - 1};

        exchange.port = (uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10);
        coil_to_thread(talk, &exchange);
        coil_console_stop();
    }
    return rc;
}

static void run_once(__attribute__((unused)) void *arg)
{
    coil_run(use_once, NULL);
}

COIL_TEST_LIMIT(console_survives_any_fault, 120)
{
    torture(run_once, NULL);
}
