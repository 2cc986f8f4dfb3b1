/* test_testing_hang.c - tests that do not end, each in its own way, and how they are ended. */
#include "network_talk.h"

#include <pthread.h>
#include <unistd.h>

/* Quick about it: nothing comes from outside. */
static const struct coil_test_options hasty = {.patience_ns = 1 * COIL_MSEC, .max_rounds = 10000};

static int run_hasty(void *arg)
{
    int (*fn)(void *arg) = *(int (**)(void *))arg;

    unsetenv("COIL_SEED");
    CHECK_ERR(coil_test_run(&hasty, fn, NULL), -COIL_EHANG);
    return 0;
}

/* The test hangs, and this is said of it. */
static void check_told(int (*fn)(void *arg), struct test_child *ret_child)
{
    test_run_child(run_hasty, &fn, ret_child);
    CHECK_STR(ret_child->exit_code == 0 ? "" : ret_child->output, "");
}

static int wait_for_each_other(__attribute__((unused)) void *arg)
{
    struct coil_event never = {0};

    for (int i = 0; i < 10; i++) {
        coil_detach(coil_create_task(task_forever, NULL));
    }
    CHECK_OK(coil_sleep(1500 * COIL_MSEC));
    return coil_event_wait(&never);
}

COIL_TEST(hang_where_all_wait)
{
    struct test_child child;

    check_told(wait_for_each_other, &child);
    CHECK_CONTAINS(child.output, "coil: test hangs: after 1.500000 s of virtual time all wait for "
                                 "what cannot come any more\n");
    CHECK_CONTAINS(child.output, "coil:     task main, waiting: event\n");
    CHECK_CONTAINS(child.output, ", waiting: sleep, created at ");
    CHECK_CONTAINS(child.output, " in wait_for_each_other\n");
    CHECK_CONTAINS(child.output, "coil:     and 3 more\n");
}

static int beat_for_ever(__attribute__((unused)) void *arg)
{
    while (coil_sleep(COIL_MINUTE) == 0) {
        continue;
    }
    return 0;
}

COIL_TEST(hang_that_takes_too_long)
{
    struct test_child child;

    check_told(beat_for_ever, &child);
    CHECK_CONTAINS(child.output,
                   "coil: test hangs: it has not ended in 86400.000000 s of virtual time\n");
    CHECK_CONTAINS(child.output, "coil:     task main, ");
}

static int spin(__attribute__((unused)) void *arg)
{
    CHECK_OK(coil_sleep(2 * COIL_SEC));
    while (coil_yield() == 0) {
        continue;
    }
    return 0;
}

COIL_TEST(hang_that_never_waits)
{
    struct test_child child;

    check_told(spin, &child);
    CHECK_CONTAINS(child.output, "coil: test hangs: 10000 rounds without a wait after 2.000000 s "
                                 "of virtual time\n");
}

static int wait_for_a_peer(__attribute__((unused)) void *arg)
{
    struct coil_address peer;
    int fd = -1;
    int rc = coil_listen("127.0.0.1", 4000, NULL, &fd, 1);

    if (rc < 0) {
        return rc;
    }
    rc = coil_accept(fd, &peer);
    coil_close(fd);
    return rc;
}

COIL_TEST(hang_of_a_network)
{
    struct test_child child;

    check_told(wait_for_a_peer, &child);
    CHECK_CONTAINS(child.output, "coil: test hangs: after 0.000000 s of virtual time all wait for "
                                 "what cannot come any more\n");
    CHECK_CONTAINS(child.output, "coil:     task main, waiting: accept\n");
}

static int shielded_for_ever(__attribute__((unused)) void *arg)
{
    coil_shield {
        coil_sleep(COIL_NEVER);
    }
    return 0;
}

static int deaf_spin(__attribute__((unused)) void *arg)
{
    while (coil_now() > 0) {
        coil_yield();
    }
    return 0;
}

/* What cannot even be cancelled is left where it is. */
COIL_TEST(hang_that_cannot_be_cancelled)
{
    static int (*const tests[])(void *arg) = {shielded_for_ever, deaf_spin};
    struct test_child child;

    for (int i = 0; i < 2; i++) {
        check_told(tests[i], &child);
        CHECK_CONTAINS(child.output, "coil: test hangs: ");
        CHECK_CONTAINS(child.output,
                       "coil: test hangs even when it is cancelled: its tasks are left behind\n");
    }
}

static int tidy_up_slowly(void *arg)
{
    coil_sleep(COIL_NEVER);
    coil_shield {
        CHECK_OK(coil_sleep(5 * COIL_MINUTE));
    }
    *(bool *)arg = true;
    return -EIO;
}

COIL_TEST(hang_lets_tasks_tidy_up)
{
    struct coil_test_options options = hasty;
    bool is_tidy = false;

    options.is_quiet = true;
    CHECK_ERR(coil_test_run(&options, tidy_up_slowly, &is_tidy), -COIL_EHANG);
    CHECK(is_tidy);
    CHECK_ERR(coil_test_run(&options, tidy_up_slowly, &is_tidy), -COIL_EHANG);
}

static int sleep_for(void *arg)
{
    return coil_sleep(*(const int64_t *)arg);
}

COIL_TEST(hang_is_a_matter_of_the_limit)
{
    struct coil_test_options options = hasty;
    int64_t span = COIL_MINUTE;

    options.is_quiet = true;
    options.max_time_ns = COIL_MINUTE + 1;
    CHECK_OK(coil_test_run(&options, sleep_for, &span));
    options.max_time_ns = COIL_MINUTE - 1;
    CHECK_ERR(coil_test_run(&options, sleep_for, &span), -COIL_EHANG);
    span = 100 * 24 * 60 * COIL_MINUTE;
    options.max_time_ns = COIL_NEVER;
    CHECK_OK(coil_test_run(&options, sleep_for, &span));
}

/* ---- what comes from outside ---- */

static int outside_pipe[2];

static void *write_later(__attribute__((unused)) void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    CHECK_INT(write(outside_pipe[1], "x", 1), ==, 1);
    return NULL;
}

static int read_from_outside(__attribute__((unused)) void *arg)
{
    char byte;

    return (int)coil_read(outside_pipe[0], &byte, 1);
}

COIL_TEST(hang_is_not_what_comes_from_outside)
{
    struct coil_test_options options = {.patience_ns = COIL_MINUTE};
    pthread_t thread;

    CHECK_OK(pipe(outside_pipe));
    CHECK_INT(pthread_create(&thread, NULL, write_later, NULL), ==, 0);
    CHECK_INT(coil_test_run(&options, read_from_outside, NULL), ==, 1);
    pthread_join(thread, NULL);
    close(outside_pipe[0]);
    close(outside_pipe[1]);
}

static struct coil_handle outside_handle;

static void set_event(void *user)
{
    coil_event_set(user);
}

static void *call_later(void *loop)
{
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    coil_call_soon_threadsafe(loop, &outside_handle, set_event, outside_handle.user_);
    return NULL;
}

static int wait_for_thread(__attribute__((unused)) void *arg)
{
    struct coil_event event = {0};
    pthread_t thread;
    int rc;

    outside_handle = (struct coil_handle){.user_ = &event};
    CHECK_INT(pthread_create(&thread, NULL, call_later, coil_loop_current()), ==, 0);
    rc = coil_event_wait(&event);
    pthread_join(thread, NULL);
    return rc;
}

COIL_TEST(hang_is_not_what_a_thread_calls)
{
    struct coil_test_options options = {.patience_ns = COIL_MINUTE};

    CHECK_OK(coil_test_run(&options, wait_for_thread, NULL));
}

/* ---- among seeds ---- */

static int hang_now_and_then(__attribute__((unused)) void *arg)
{
    return coil_test_random(20) == 0 ? coil_sleep(COIL_NEVER) : 0;
}

COIL_TEST(hang_is_a_seed_that_fails)
{
    struct coil_test_options options = hasty;
    struct coil_test_result result = {0};

    unsetenv("COIL_SEED");
    options.is_quiet = true;
    CHECK_INT(coil_test_seeds(&options, hang_now_and_then, NULL, &result), ==, 1);
    CHECK_ERR(result.first_error, -COIL_EHANG);
    CHECK_INT(result.first_time_ns, ==, 0);
    options.seed = result.first_seed;
    CHECK_ERR(coil_test_run(&options, hang_now_and_then, NULL), -COIL_EHANG);
}
