/* In debug mode what is open when its loop ends is told, with the place where it was opened. What
 * is closed is not, and without debug mode nothing is. */
#include "reports.h"

#include <coil/file.h>
#include <coil/file_watch.h>
#include <coil/process.h>
#include <coil/signal.h>
#include <coil/watch.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

static struct {
    struct coil_handle handle;
    struct coil_op op;
    struct coil_watch watch;
    struct coil_signal_watch signals;
    struct coil_file_watch files;
    struct coil_stream *streams[2];
    struct coil_datagram *datagram;
    struct coil_server *server;
    struct coil_process *process;
    struct coil_future future;
    struct coil_dir dir;
    int fd;
    int pipe[2];
} o;

static void nothing(void *user)
{
    (void)user;
}

static void nothing_done(struct coil_op *op)
{
    (void)op;
}

static void nothing_seen(struct coil_watch *watch, int events)
{
    (void)watch;
    (void)events;
}

static int nobody(struct coil_stream *stream, void *user)
{
    (void)stream;
    (void)user;
    return 0;
}

#define NOINLINE __attribute__((noinline))

/* --- each kind --- */

static NOINLINE int open_callback(void)
{
    return seen(coil_call_later(coil_loop_current(), &o.handle, COIL_MINUTE, nothing, NULL));
}

static void close_callback(void)
{
    CHECK(coil_handle_cancel(&o.handle));
}

static NOINLINE int open_op(void)
{
    coil_op_poll(&o.op, o.pipe[0], POLLIN);
    return seen(coil_op_submit(coil_loop_current(), &o.op, nothing_done));
}

static void close_op(void)
{
    CHECK_OK(coil_op_cancel(&o.op));
    while (coil_op_is_pending(&o.op)) {
        coil_yield();
    }
}

static NOINLINE int open_watch(void)
{
    return seen(coil_watch_start(coil_loop_current(), &o.watch, o.pipe[0], POLLIN, nothing_seen));
}

static void close_watch(void)
{
    CHECK_OK(coil_watch_stop(&o.watch));
    while (coil_watch_is_started(&o.watch)) {
        coil_yield();
    }
}

static NOINLINE int open_signals(void)
{
    return seen(coil_signal_open(&o.signals, (const int[]){SIGUSR1}, 1));
}

static void close_signals(void)
{
    CHECK_OK(coil_signal_close(&o.signals));
}

static NOINLINE int open_files(void)
{
    return seen(coil_file_watch_open(&o.files));
}

static void close_files(void)
{
    CHECK_OK(coil_file_watch_close(&o.files));
}

static NOINLINE int open_file(void)
{
    o.fd = coil_open("/proc/self/exe", O_RDONLY, 0);
    return o.fd;
}

static void close_file(void)
{
    CHECK_OK(coil_close(o.fd));
    o.fd = 0;
}

static NOINLINE int open_directory(void)
{
    return seen(coil_dir_open(&o.dir, "/"));
}

static void close_directory(void)
{
    CHECK_OK(coil_dir_close(&o.dir));
}

static NOINLINE int open_stream(void)
{
    int rc = coil_stream_pair(NULL, o.streams);

    if (rc == 0) {
        coil_stream_abort(o.streams[1]);
    }
    return rc;
}

static void close_stream(void)
{
    CHECK_OK(coil_stream_close(o.streams[0]));
}

static NOINLINE int open_datagram(void)
{
    struct coil_address address;

    CHECK_OK(coil_address_from_ip("127.0.0.1", 0, &address));
    return seen(coil_datagram_open(&address, NULL, NULL, &o.datagram));
}

static void close_datagram(void)
{
    coil_datagram_close(o.datagram);
}

static NOINLINE int open_server(void)
{
    return seen(coil_start_server("127.0.0.1", 0, NULL, nobody, NULL, &o.server));
}

static void close_server(void)
{
    CHECK_OK(coil_server_close(o.server));
}

static NOINLINE int open_process(void)
{
    return seen(coil_process_spawn(NULL, (const char *const[]){"sleep", "60", NULL}, &o.process));
}

static void close_process(void)
{
    CHECK(coil_process_close(o.process) >= COIL_PROCESS_KILLED);
}

static NOINLINE int open_error(void)
{
    o.future = (struct coil_future){0};
    return seen(coil_future_set(&o.future, -EIO));
}

static void close_error(void)
{
    CHECK_ERR(coil_future_result(&o.future), -EIO);
}

struct kind {
    const char *sentence;
    const char *func;
    int (*open)(void);
    void (*close)(void);
    bool is_real; /* not to be had on the simulated backend */
    int error;
};

static const struct kind kinds[] = {
    {"a callback is still to be called", "open_callback", open_callback, close_callback, false, 0},
    {"an operation is still submitted", "open_op", open_op, close_op, true, 0},
    {"a descriptor is still watched", "open_watch", open_watch, close_watch, true, 0},
    {"signals are still watched", "open_signals", open_signals, close_signals, false, 0},
    {"files are still watched", "open_files", open_files, close_files, false, 0},
    {"a file is still open", "open_file", open_file, close_file, false, 0},
    {"a directory is still open", "open_directory", open_directory, close_directory, false, 0},
    {"a stream is still open", "open_stream", open_stream, close_stream, false, 0},
    {"a datagram endpoint is still open", "open_datagram", open_datagram, close_datagram, true, 0},
    {"a server is still open", "open_server", open_server, close_server, false, 0},
    {"a child process is still open", "open_process", open_process, close_process, false, 0},
    {"error of a future that nobody has read", "open_error", open_error, close_error, false, -EIO},
};

enum { KINDS = sizeof kinds / sizeof *kinds };

static NOINLINE int open_it(void *arg)
{
    const struct kind *kind = arg;

    return seen((int)test_done(kind->open()));
}

static int open_and_leave(void *arg)
{
    CHECK_OK(open_it(arg));
    return 0;
}

static int open_and_close(void *arg)
{
    const struct kind *kind = arg;

    CHECK_OK(open_it(arg));
    kind->close();
    return 0;
}

static void clean_up(void)
{
    coil_file_watch_close(&o.files);
    coil_dir_close(&o.dir);
    if (o.fd > 0) {
        close(o.fd);
    }
    memset(&o, 0, sizeof o);
}

static void each_kind(void (*fn)(const struct kind *kind))
{
    for (int i = 0; i < KINDS; i++) {
        if (kinds[i].is_real && test_backend_is("sim")) {
            continue;
        }
        CHECK(pipe(o.pipe) == 0);
        fn(&kinds[i]);
        close(o.pipe[0]);
        close(o.pipe[1]);
        clean_up();
    }
}

static void check_told(const struct kind *kind)
{
    run_in_debug_mode(open_and_leave, (void *)(uintptr_t)kind);
    CHECK_INT(reports.count, ==, 1);
    check_report(0, kind->sentence, kind->func);
    CHECK_ERR(reports.list[0].error, kind->error);
    CHECK_CONTAINS(reports.list[0].message, "\n  in task main");
    if (has_lines()) {
        CHECK_CONTAINS(reports.list[0].message, "\n  called by open_it, test_left_open.c:");
        CHECK_CONTAINS(reports.list[0].file, "test_left_open.c");
    }
}

COIL_TEST_LIMIT(left_open_is_told_with_its_place, 60)
{
    each_kind(check_told);
}

static void check_silent(const struct kind *kind)
{
    run_in_debug_mode(open_and_close, (void *)(uintptr_t)kind);
    CHECK_INT(reports.count, ==, 0);
}

COIL_TEST_LIMIT(left_open_says_nothing_of_what_is_closed, 60)
{
    each_kind(check_silent);
}

static void check_off(const struct kind *kind)
{
    run_with_debug(false, open_and_leave, (void *)(uintptr_t)kind);
    CHECK_INT(reports.count, ==, 0);
}

COIL_TEST_LIMIT(left_open_says_nothing_without_debug_mode, 60)
{
    each_kind(check_off);
}

/* --- many, and in what order --- */

static struct coil_handle many[11];

static int leave_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 11; i++) {
        CHECK_OK(coil_call_later(coil_loop_current(), &many[i], COIL_MINUTE, nothing, NULL));
    }
    CHECK_OK(coil_signal_open(&o.signals, (const int[]){SIGUSR1}, 1));
    return 0;
}

COIL_TEST(left_open_many_are_counted)
{
    run_in_debug_mode(leave_many, NULL);
    CHECK_INT(reports.count, ==, 10);
    check_report(7, "a callback is still to be called", "leave_many");
    check_report(8, "signals are still watched", "leave_many");
    check_report(9, "and 3 more callbacks", NULL);
}

enum { CROWD = 1000 };

static struct coil_handle crowd[CROWD];

static int come_and_go(void *arg)
{
    (void)arg;
    for (int i = 0; i < CROWD; i++) {
        CHECK_OK(coil_call_later(coil_loop_current(), &crowd[i], COIL_MINUTE, nothing, NULL));
    }
    for (int i = 0; i < CROWD; i++) {
        CHECK(coil_handle_cancel(&crowd[i]) || test_is_torture());
    }
    return 0;
}

COIL_TEST(left_open_forgets_a_thousand_that_are_closed)
{
    run_in_debug_mode(come_and_go, NULL);
    CHECK_INT(reports.count, ==, 0);
}

static void cancel_the_rest(const struct coil_report *report, void *user)
{
    keep_report(report, user);
    for (int i = 0; i < 11; i++) {
        coil_handle_cancel(&many[i]);
    }
}

static int leave_to_a_handler(void *arg)
{
    leave_many(arg);
    return coil_loop_set_error_handler(coil_loop_current(), cancel_the_rest, NULL);
}

COIL_TEST(left_open_handler_may_close)
{
    run_in_debug_mode(leave_to_a_handler, NULL);
    CHECK_INT(reports.count, ==, 10);
}

/* --- without tasks --- */

static NOINLINE void call_in_a_minute(void *user)
{
    CHECK_OK(coil_call_later(user, &o.handle, COIL_MINUTE, nothing, NULL));
}

COIL_TEST(left_open_by_a_callback)
{
    struct coil_loop_options options = {.debug = true};
    struct coil_handle first = {0};
    struct coil_loop *loop = NULL;

    if (!test_made(coil_loop_new(&options, &loop) == 0 ? loop : NULL)) {
        return;
    }
    CHECK_OK(coil_loop_set_error_handler(loop, keep_report, NULL));
    CHECK_OK(coil_call_soon(loop, &first, call_in_a_minute, loop));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_OK(coil_loop_free(loop));
    CHECK_INT(reports.count, ==, 1);
    check_report(0, "a callback is still to be called", "call_in_a_minute");
    CHECK(!strstr(reports.list[0].message, "in task"));
    CHECK(!strstr(reports.list[0].message, "called by coil_"));
}

/* --- how deep --- */

static NOINLINE int deep(int depth)
{
    return seen(depth > 0 ? deep(depth - 1) : open_callback());
}

static int go_deep(void *arg)
{
    (void)arg;
    deep(20);
    return 0;
}

COIL_TEST(left_open_has_ten_calls)
{
    int lines = 0;

    run_in_debug_mode(go_deep, NULL);
    CHECK_INT(reports.count, ==, 1);
    for (const char *at = reports.list[0].message; (at = strstr(at, "\n  called by deep")); at++) {
        lines++;
    }
    CHECK_INT(lines, ==, has_lines() ? 10 : lines);
}

/* --- errors of clients --- */

static int fail_at_once(struct coil_stream *stream, void *user)
{
    (void)stream;
    (void)user;
    return -ERANGE;
}

static NOINLINE int start_failing_server(void)
{
    return seen(coil_start_server("127.0.0.1", 0, NULL, fail_at_once, NULL, &o.server));
}

static int be_a_client(void *arg)
{
    struct coil_stream *stream = NULL;
    char byte;

    (void)arg;
    CHECK_OK(start_failing_server());
    CHECK_OK(
        coil_open_connection("127.0.0.1", (uint16_t)coil_server_get_port(o.server), NULL, &stream));
    CHECK_INT(coil_stream_read(stream, &byte, 1), ==, 0);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(o.server));
    return 0;
}

/* The library has created the task: what can be told is who has started the server. */
COIL_TEST(left_open_error_of_a_client_names_its_server)
{
    run_in_debug_mode(be_a_client, NULL);
    CHECK_INT(reports.count, ==, 1);
    CHECK_ERR(reports.list[0].error, -ERANGE);
    check_report(0, "error of a server's client task", "start_failing_server");
    memset(&o, 0, sizeof o);
}

/* --- files --- */

/* Closed by others: nothing is told, also if the number is used again. */
static int close_by_hand(void *arg)
{
    (void)arg;
    CHECK_OK(open_file());
    CHECK(close(o.fd) == 0);
    o.fd = 0;
    return 0;
}

static int use_number_again(void *arg)
{
    (void)arg;
    CHECK_OK(open_file());
    CHECK(dup2(o.pipe[0], o.fd) == o.fd);
    return 0;
}

COIL_TEST(left_open_file_that_others_close)
{
    CHECK(pipe(o.pipe) == 0);
    run_in_debug_mode(close_by_hand, NULL);
    CHECK_INT(reports.count, ==, 0);
    run_in_debug_mode(use_number_again, NULL);
    CHECK_INT(reports.count, ==, 0);
    close(o.fd);
    close(o.pipe[0]);
    close(o.pipe[1]);
}

/* --- futures --- */

static int read_futures(void *arg)
{
    struct coil_future by_wait = {0};
    struct coil_future cancelled = {0};
    struct coil_future good = {0};

    (void)arg;
    CHECK_OK(coil_future_set(&by_wait, -EIO));
    CHECK_ERR(coil_future_wait(&by_wait), -EIO);
    CHECK_OK(coil_future_cancel(&cancelled));
    CHECK_OK(coil_future_set(&good, 7));
    return 0;
}

COIL_TEST(left_open_futures_that_are_read_or_have_no_error)
{
    run_in_debug_mode(read_futures, NULL);
    CHECK_INT(reports.count, ==, 0);
}

static int wait_for_future(void *arg)
{
    CHECK_ERR(coil_future_wait(arg), -EIO);
    return 0;
}

static int set_what_is_awaited(void *arg)
{
    struct coil_future future = {0};
    struct coil_task *task = coil_create_task(wait_for_future, &future);

    (void)arg;
    yield_times(2);
    CHECK_OK(coil_future_set(&future, -EIO));
    return coil_await(task);
}

COIL_TEST(left_open_future_that_was_awaited)
{
    run_in_debug_mode(set_what_is_awaited, NULL);
    CHECK_INT(reports.count, ==, 0);
}

/* --- closed while the loop does not run --- */

struct outliving {
    struct coil_dir dir;
    struct coil_future future;
};

static int open_what_outlives(void *arg)
{
    struct outliving *outliving = arg;

    CHECK_OK(coil_future_set(&outliving->future, -EIO));
    return coil_dir_open(&outliving->dir, "/");
}

COIL_TEST(left_open_between_run_and_free_is_closed)
{
    struct coil_loop_options options = {.debug = true};
    struct outliving outliving;
    struct coil_loop *loop = NULL;
    int rc;

    memset(&outliving, 0, sizeof outliving);
    if (!test_made(coil_loop_new(&options, &loop) == 0 ? loop : NULL)) {
        return;
    }
    reports.count = 0;
    CHECK_OK(coil_loop_set_error_handler(loop, keep_report, NULL));
    rc = coil_run_in(loop, NULL, open_what_outlives, &outliving);
    CHECK(rc == 0 || test_is_torture());
    CHECK_OK(rc == 0 ? coil_dir_close(&outliving.dir) : 0);
    CHECK_INT(coil_future_result(&outliving.future), ==, -EIO);
    CHECK_OK(coil_loop_free(loop));
    CHECK_INT(reports.count, ==, 0);
}
