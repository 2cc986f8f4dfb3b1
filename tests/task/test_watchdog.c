/* The watchdog: who holds the loop up is reported while it does, and nobody else is. */
#include "ears.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

/* --- what is reported --- */

static int spin(void *arg)
{
    return spin_until(arg, 3);
}

static int await_spinner(void *arg)
{
    struct coil_task *task = coil_create_task(spin, arg);

    CHECK_OK(coil_task_set_name(task, "spinner"));
    return coil_await(task);
}

COIL_TEST(watchdog_reports_a_task_that_computes)
{
    struct ears ears = {.only = "spinner", .fn = (const void *)(uintptr_t)spin};

    CHECK_ERR(run_heard(&ears, await_spinner, &ears), 0);
    CHECK_INT(ears.reports, >=, 3);
    CHECK_INT(ears.ends, ==, 1);
    CHECK_INT(ears.last_number, ==, ears.reports + 1);
    CHECK_INT(ears.first_ns, >=, LIMIT);
    CHECK_INT(ears.last_ns, >=, 4 * LIMIT);
    CHECK_INT(ears.total_ns, >=, ears.last_ns);
    CHECK_STR(ears.name, "spinner");
    CHECK_INT(ears.id, ==, 2);
    CHECK_STR(ears.func, "await_spinner");
    CHECK_CONTAINS(ears.text, "coil: stall: task spinner (2) holds up the loop, for ");
    CHECK_CONTAINS(ears.text, "created at test_watchdog.c:");
    CHECK_CONTAINS(ears.text, " in await_spinner");
    if (can_see()) {
        CHECK(ears.saw_fn || ears.most_frames > 0);
        CHECK(!ears.was_in_syscall);
    }
}

static int block_in_sleep(void *arg)
{
    struct timespec ts = {.tv_nsec = test_is_torture() ? 200000000 : 400000000};
    struct timespec left = {.tv_nsec = 7};

    (void)arg;
    CHECK_INT(nanosleep(&ts, &left), ==, 0); /* no EINTR */
    CHECK_INT(left.tv_nsec, ==, 7);
    return 0;
}

COIL_TEST(watchdog_reports_a_call_that_is_not_restarted)
{
    struct ears ears = {.fn = (const void *)(uintptr_t)block_in_sleep};

    CHECK_ERR(run_heard(&ears, block_in_sleep, &ears), 0);
    CHECK_INT(ears.reports, >=, 1);
    CHECK_INT(ears.ends, ==, 1);
    CHECK_STR(ears.name, "main");
    CHECK_PTR(ears.func, ==, NULL);
    if (can_see()) {
        CHECK(ears.was_in_syscall);
        CHECK(ears.saw_fn);
        CHECK_CONTAINS(ears.text, ", in a system call");
        CHECK_CONTAINS(ears.text, "sleep");
    }
}

struct reader {
    struct ears *ears;
    int fds[2];
};

static void *write_when_told(void *arg)
{
    struct reader *reader = arg;

    spin_until(reader->ears, 2);
    CHECK_INT(write(reader->fds[1], "x", 1), ==, 1);
    return NULL;
}

static int block_in_read(void *arg)
{
    struct reader *reader = arg;
    char byte = 0;

    CHECK_INT(read(reader->fds[0], &byte, 1), ==, 1);
    CHECK_INT(byte, ==, 'x');
    return 0;
}

COIL_TEST(watchdog_reports_a_call_without_an_end)
{
    struct ears ears = {.fn = (const void *)(uintptr_t)block_in_read};
    struct reader reader = {.ears = &ears};
    pthread_t thread;

    CHECK_INT(pipe(reader.fds), ==, 0);
    CHECK_INT(pthread_create(&thread, NULL, write_when_told, &reader), ==, 0);
    CHECK_ERR(run_heard(&ears, block_in_read, &reader), 0);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    CHECK_INT(ears.reports, >=, 2);
    if (can_see()) {
        CHECK(ears.was_in_syscall);
        CHECK(ears.saw_fn);
    }
    close(reader.fds[0]);
    close(reader.fds[1]);
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *hold(void *arg)
{
    struct reader *reader = arg;

    pthread_mutex_lock(&held);
    CHECK_INT(write(reader->fds[1], "x", 1), ==, 1);
    spin_until(reader->ears, 1);
    pthread_mutex_unlock(&held);
    return NULL;
}

static int block_in_futex(void *arg)
{
    struct reader *reader = arg;
    char byte;

    CHECK_INT(read(reader->fds[0], &byte, 1), ==, 1);
    pthread_mutex_lock(&held);
    pthread_mutex_unlock(&held);
    return 0;
}

COIL_TEST(watchdog_reports_a_mutex)
{
    struct ears ears = {.fn = (const void *)(uintptr_t)block_in_futex};
    struct reader reader = {.ears = &ears};
    pthread_t thread;

    CHECK_INT(pipe(reader.fds), ==, 0);
    CHECK_INT(pthread_create(&thread, NULL, hold, &reader), ==, 0);
    CHECK_ERR(run_heard(&ears, block_in_futex, &reader), 0);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    CHECK_INT(ears.reports, >=, 1);
    CHECK(!can_see() || ears.saw_fn);
    close(reader.fds[0]);
    close(reader.fds[1]);
}

static void spin_in_callback(void *user)
{
    spin_until(user, 1);
}

static int call_soon(void *arg)
{
    struct coil_handle handle = {0};

    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, spin_in_callback, arg));
    return coil_sleep(COIL_MSEC);
}

COIL_TEST(watchdog_reports_a_callback)
{
    struct ears ears = {.only = "", .fn = (const void *)(uintptr_t)spin_in_callback};

    CHECK_ERR(run_limited(LIMIT, &ears, call_soon, &ears), 0);
    CHECK_INT(ears.reports, >=, 1);
    CHECK_STR(ears.name, "");
    CHECK_INT(ears.id, ==, 0);
    CHECK_CONTAINS(ears.text, "coil: stall: a callback holds up the loop");
    CHECK(!can_see() || ears.most_frames > 0);
}

/* A callback of a completion runs inside of the wait, while the loop seems to sleep. */
struct completion {
    struct coil_op op; /* first */
    struct ears *ears;
};

static void spin_on_completion(struct coil_op *op)
{
    spin_until(((struct completion *)(void *)op)->ears, 1);
}

static int complete(void *arg)
{
    struct completion completion = {.ears = arg};
    int fds[2];

    test_socket_pair(fds);
    coil_op_poll(&completion.op, fds[0], POLLIN);
    CHECK_OK(coil_op_submit(coil_loop_current(), &completion.op, spin_on_completion));
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    CHECK_INT(write(fds[1], "x", 1), ==, 1);
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    close(fds[0]);
    close(fds[1]);
    return 0;
}

COIL_TEST(watchdog_reports_a_completion)
{
    struct ears ears = {.only = ""};

    CHECK_ERR(run_limited(LIMIT, &ears, complete, &ears), 0);
    CHECK_INT(ears.reports, >=, 1);
    CHECK_STR(ears.name, "");
}

/* --- what is not --- */

/* The loop sleeps in the kernel for longer than the limit, and is woken there. */
static int wait_for_long(void *arg)
{
    int fds[2];

    (void)arg;
    test_socket_pair(fds);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(coil_sleep(2 * LARGE_LIMIT));
    }
    coil_timeout(2 * LARGE_LIMIT) {
        char byte;

        coil_read(fds[0], &byte, 1);
    }
    close(fds[0]);
    close(fds[1]);
    return 0;
}

COIL_TEST(watchdog_leaves_a_loop_that_waits_alone)
{
    struct ears ears = {0};

    if (test_is_emulated() || test_is_torture()) {
        test_skip("the emulator's system calls are others; or there is no time for it");
    }
    CHECK_ERR(run_limited(LARGE_LIMIT, &ears, wait_for_long, NULL), 0);
    CHECK_INT(ears.reports, ==, 0);
    CHECK_INT(ears.ends, ==, 0);
}

/* Each step is short: they are not one, whoever makes them. */
static int yield_for_long(void *arg)
{
    int64_t end = test_now_ns() + 2 * LARGE_LIMIT;

    (void)arg;
    while (test_now_ns() < end) {
        CHECK_OK(coil_yield());
    }
    return 0;
}

static int yield_together(void *arg)
{
    struct coil_task *tasks[3];

    CHECK_OK(yield_for_long(NULL)); /* alone: a task that is followed by itself */
    for (int i = 0; i < 3; i++) {
        tasks[i] = coil_create_task(yield_for_long, arg);
    }
    return coil_gather(tasks, 3, NULL);
}

COIL_TEST(watchdog_leaves_many_short_steps_alone)
{
    struct ears ears = {0};

    if (test_has_valgrind() || test_is_emulated() || test_is_torture()) {
        test_skip("steps are not short here, or there is no time for many");
    }
    CHECK_ERR(run_limited(LARGE_LIMIT, &ears, yield_together, NULL), 0);
    CHECK_INT(ears.reports, ==, 0);
}

static void call_again(void *user)
{
    struct coil_handle *handle = user;

    coil_call_soon(coil_loop_current(), handle, call_again, handle);
}

static int call_for_long(void *arg)
{
    struct coil_handle handle = {0};
    int64_t end = test_now_ns() + 2 * LARGE_LIMIT;

    (void)arg;
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, call_again, &handle));
    while (test_now_ns() < end) {
        CHECK_OK(coil_yield());
    }
    CHECK(coil_handle_cancel(&handle));
    return 0;
}

COIL_TEST(watchdog_leaves_many_callbacks_alone)
{
    struct ears ears = {0};

    if (test_has_valgrind() || test_is_emulated() || test_is_torture()) {
        test_skip("steps are not short here, or there is no time for many");
    }
    CHECK_ERR(run_limited(LARGE_LIMIT, &ears, call_for_long, NULL), 0);
    CHECK_INT(ears.reports, ==, 0);
}

/* A thread of the program's that is busy is not the loop's. */
static void *compute_in_thread(void *arg)
{
    int64_t end = test_now_ns() + 2 * LARGE_LIMIT;

    (void)arg;
    while (test_now_ns() < end) {
    }
    return NULL;
}

static int thread_body(void *arg)
{
    return compute_in_thread(arg) ? -1 : 0;
}

static int await_thread(void *arg)
{
    return coil_to_thread(thread_body, arg);
}

COIL_TEST(watchdog_leaves_work_in_threads_alone)
{
    struct ears ears = {0};

    if (test_has_valgrind() || test_is_emulated() || test_is_torture()) {
        test_skip("threads hold each other up here, or there is no time for it");
    }
    CHECK_ERR(run_limited(LARGE_LIMIT, &ears, await_thread, NULL), 0);
    CHECK_INT(ears.reports, ==, 0);
}
