/* Several loops in as many threads: who runs what, and how they end together. */
#include "fault.h"
#include "in_task.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { COUNT = 4 };

static struct {
    atomic_uint begun;
    atomic_uint cancelled;
    atomic_uint numbers; /* a bit for each */
    pthread_t threads[COUNT];
    struct coil_loop *loops[COUNT];
    atomic_int rc; /* what worker 2 returns */
} seen;

static const struct coil_workers_options four = {.count = COUNT};

static void note_begin(unsigned number, void *arg)
{
    CHECK(number < COUNT && arg == &seen);
    seen.threads[number] = pthread_self();
    seen.loops[number] = coil_loop_current();
    atomic_fetch_or(&seen.numbers, 1U << number);
    atomic_fetch_add(&seen.begun, 1);
}

static int wait_until_all_have_begun(void)
{
    int rc = 0;

    while (rc == 0 && atomic_load(&seen.begun) < COUNT) {
        rc = coil_sleep(COIL_MSEC);
    }
    atomic_fetch_add(&seen.cancelled, rc == -ECANCELED);
    return rc;
}

static int sleep_until_cancelled(void)
{
    int rc = coil_sleep(COIL_NEVER);

    atomic_fetch_add(&seen.cancelled, rc == -ECANCELED);
    return rc;
}

/* --- what they run --- */

static int begin_and_return(unsigned number, void *arg)
{
    note_begin(number, arg);
    return wait_until_all_have_begun();
}

COIL_TEST(workers_run_at_once)
{
    CHECK_INT(coil_run_workers(&four, begin_and_return, &seen), ==, 0);
    CHECK_INT(atomic_load(&seen.numbers), ==, 15);
    CHECK(pthread_equal(seen.threads[0], pthread_self()));
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < i; j++) {
            CHECK(!pthread_equal(seen.threads[i], seen.threads[j]));
            CHECK(seen.loops[i] != seen.loops[j]);
        }
    }
}

static int count_only(unsigned number, void *arg)
{
    (void)number;
    atomic_fetch_add((atomic_uint *)arg, 1);
    return 7;
}

COIL_TEST(workers_one_for_each_processor)
{
    atomic_uint count = 0;
    int rc = coil_run_workers(NULL, count_only, &count);

    CHECK_INT(rc, ==, 0);
    CHECK_INT(atomic_load(&count), >=, 1);
}

COIL_TEST(workers_only_one)
{
    struct coil_workers_options options = {.count = 1};
    atomic_uint count = 0;

    CHECK_INT(coil_run_workers(&options, count_only, &count), ==, 0);
    CHECK_INT(atomic_load(&count), ==, 1);
}

/* --- how they end --- */

static int fail_in_one(unsigned number, void *arg)
{
    int rc;

    note_begin(number, arg);
    rc = wait_until_all_have_begun();
    return rc < 0 ? rc : number == 2 ? atomic_load(&seen.rc) : sleep_until_cancelled();
}

COIL_TEST(workers_end_by_an_error)
{
    atomic_store(&seen.rc, -EIO);
    CHECK_ERR(coil_run_workers(&four, fail_in_one, &seen), -EIO);
    CHECK_INT(atomic_load(&seen.cancelled), ==, COUNT - 1);
}

/* A cancel that did not come from here is an error like another one. */
COIL_TEST(workers_end_by_a_cancel_of_their_own)
{
    atomic_store(&seen.rc, -ECANCELED);
    CHECK_ERR(coil_run_workers(&four, fail_in_one, &seen), -ECANCELED);
    CHECK_INT(atomic_load(&seen.cancelled), ==, COUNT - 1);
}

static int signal_from_one(unsigned number, void *arg)
{
    int rc;

    note_begin(number, arg);
    rc = wait_until_all_have_begun();
    if (rc == 0 && number == 2) {
        /* Worker 0 may not have opened its watch yet. */
        struct sigaction action;

        do {
            coil_sleep(COIL_MSEC);
            sigaction(atomic_load(&seen.rc), NULL, &action);
        } while (action.sa_handler == SIG_DFL);
        kill(getpid(), atomic_load(&seen.rc));
    }
    return rc < 0 ? rc : sleep_until_cancelled();
}

static void check_signal(int signum)
{
    struct sigaction action;

    atomic_store(&seen.rc, signum);
    CHECK_INT(coil_run_workers(&four, signal_from_one, &seen), ==, signum);
    CHECK_INT(atomic_load(&seen.cancelled), ==, COUNT);
    CHECK_INT(sigaction(signum, NULL, &action), ==, 0);
    CHECK(action.sa_handler == SIG_DFL);
}

COIL_TEST(workers_end_by_sigterm)
{
    check_signal(SIGTERM);
}

COIL_TEST(workers_end_by_sigint)
{
    check_signal(SIGINT);
}

static int signal_behind_worker_0(unsigned number, void *arg)
{
    int rc;

    note_begin(number, arg);
    rc = wait_until_all_have_begun();
    if (rc < 0 || number == 0) {
        return rc;
    }
    if (number == 1) {
        coil_sleep(20 * COIL_MSEC);
        kill(getpid(), SIGTERM);
    }
    return sleep_until_cancelled();
}

/* Worker 0 hears of signals for all, also when it has nothing to do any more. */
COIL_TEST(workers_end_by_a_signal_when_the_first_has_ended)
{
    CHECK_INT(coil_run_workers(&four, signal_behind_worker_0, &seen), ==, SIGTERM);
    CHECK_INT(atomic_load(&seen.cancelled), ==, COUNT - 1);
}

static int look_at_signals(unsigned number, void *arg)
{
    struct sigaction action;

    (void)number;
    (void)arg;
    coil_sleep(5 * COIL_MSEC);
    CHECK_INT(sigaction(SIGTERM, NULL, &action), ==, 0);
    CHECK(action.sa_handler == SIG_DFL);
    CHECK_INT(sigaction(SIGINT, NULL, &action), ==, 0);
    CHECK(action.sa_handler == SIG_DFL);
    return 0;
}

COIL_TEST(workers_leave_signals_alone)
{
    struct coil_workers_options options = {.count = 2, .ignore_signals = true};

    CHECK_INT(coil_run_workers(&options, look_at_signals, NULL), ==, 0);
}

/* Tasks of a worker do not outlive its function. */
static int leave_a_task(unsigned number, void *arg)
{
    (void)number;
    (void)arg;
    coil_detach(coil_create_task(task_forever, NULL));
    return 0;
}

COIL_TEST(workers_end_what_is_left)
{
    CHECK_INT(coil_run_workers(&four, leave_a_task, NULL), ==, 0);
}

/* --- misuse, failure --- */

static int run_nested(void *arg)
{
    CHECK_ERR(coil_run_workers(NULL, count_only, arg), -COIL_ENESTED);
    return 0;
}

COIL_TEST(workers_misused)
{
    struct coil_workers_options options = {.count = COIL_WORKERS_MAX + 1};

    CHECK_ERR(coil_run_workers(NULL, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_run_workers(&options, count_only, NULL), -EINVAL);
    CHECK_OK(coil_run(run_nested, NULL));
}

/* Whichever worker it hits: all end, with that error or none. */
COIL_TEST(workers_without_memory)
{
    bool was_reached = true;

    for (uint64_t n = 1; was_reached; n++) {
        int rc;

        memset(&seen, 0, sizeof seen);
        fault_alloc_at(n);
        rc = coil_run_workers(&four, begin_and_return, &seen);
        was_reached = fault_was_injected();
        fault_off();
        CHECK_MSG(rc == 0 || (was_reached && rc == -ENOMEM), "%s", coil_errname(rc));
    }
}

/* --- what they are for --- */

static int say_hello(struct coil_stream *stream, void *user)
{
    (void)user;
    coil_stream_write(stream, "hello", 5);
    return 0;
}

static int pick_port(void *arg)
{
    struct coil_server *server;
    int rc = coil_start_server("127.0.0.1", 0, NULL, say_hello, NULL, &server);

    if (rc == 0) {
        *(int *)arg = coil_server_get_port(server);
        rc = coil_server_close(server);
    }
    return rc;
}

static int serve_or_connect(unsigned number, void *arg)
{
    struct coil_server_options options = {.reuse_port = true};
    uint16_t port = (uint16_t) * (const int *)arg;
    struct coil_server *server = NULL;
    int rc = coil_start_server("127.0.0.1", port, &options, say_hello, NULL, &server);

    if (rc < 0) {
        return rc;
    }
    note_begin(number, &seen);
    rc = wait_until_all_have_begun();
    for (int i = 0; rc == 0 && number == 1 && i < 50; i++) {
        struct coil_stream *stream = NULL;
        char text[6] = "";

        CHECK_OK(coil_stream_open(coil_dial("127.0.0.1", port, NULL), NULL, &stream));
        CHECK_INT(coil_stream_read_exactly(stream, text, 5, NULL), >=, 0);
        CHECK_STR(text, "hello");
        coil_stream_close(stream);
    }
    if (rc == 0 && number == 1) {
        kill(getpid(), SIGTERM);
    }
    rc = coil_serve_forever(server);
    coil_shield {
        coil_server_shutdown(server, COIL_SEC);
    }
    return rc;
}

COIL_TEST(workers_serve_one_port)
{
    int port = 0;

    if (test_backend_is("sim")) {
        test_skip("a simulated network is one loop's own");
    }
    CHECK_OK(coil_run(pick_port, &port));
    CHECK_INT(coil_run_workers(&four, serve_or_connect, &port), ==, SIGTERM);
}
