/* Signals, for tasks and callbacks: A13. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static const int usr1[] = {SIGUSR1};
static const int users[] = {SIGUSR1, SIGUSR2};

static bool is_default(int signum)
{
    struct sigaction action;

    CHECK_INT(sigaction(signum, NULL, &action), ==, 0);
    return action.sa_handler == SIG_DFL;
}

/* Only where it is caught: or else a fault has kept it from being so, and it would end the test. */
static void send_signal(int signum)
{
    if (is_default(signum)) {
        CHECK_MSG(false, "nobody has caught signal %d", signum);
    } else {
        raise(signum);
    }
}

struct waiter {
    struct coil_signal_watch *watch; /* NULL: waits for users by itself */
    int rc;
};

static int wait_for_one(void *arg)
{
    struct waiter *waiter = arg;

    waiter->rc = waiter->watch ? coil_signal_next(waiter->watch) : coil_signal_wait(users, 2);
    return 0;
}

/* --- tasks --- */

TASK_TEST(signal_wait_returns_the_number)
{
    struct waiter waiter = {.rc = 0};
    struct coil_task *task = coil_create_task(wait_for_one, &waiter);

    CHECK(is_default(SIGUSR2));
    yield_times(2);
    send_signal(SIGUSR2);
    CHECK_OK(coil_await(task));
    CHECK_INT(waiter.rc, ==, SIGUSR2);
    CHECK(is_default(SIGUSR1));
    CHECK(is_default(SIGUSR2));
    return 0;
}

TASK_TEST(signal_wait_is_woken_from_its_sleep_in_the_kernel)
{
    struct waiter waiter = {.rc = 0};
    struct coil_task *task = coil_create_task(wait_for_one, &waiter);
    char number[16];

    /* Another process sends it, when this one has long gone to sleep. */
    snprintf(number, sizeof number, "%d", (int)getpid());
    {
        const char *argv[] = {"sh", "-c", "sleep 0.02; kill -USR1 $0", number, NULL};

        yield_times(2);
        CHECK(!is_default(SIGUSR1));
        if (!test_has_noticed()) {
            CHECK_OK(coil_process_run(NULL, argv, NULL, 0, NULL, NULL));
        }
    }
    CHECK_OK(coil_await(task));
    CHECK_INT(waiter.rc, ==, SIGUSR1);
    return 0;
}

TASK_TEST(signal_watch_counts_what_nobody_waits_for)
{
    struct coil_signal_watch watch = {.loop_ = NULL};
    int rc;

    CHECK_OK(coil_signal_open(&watch, users, 2));
    CHECK_ERR(coil_signal_open(&watch, users, 2), -EINVAL);
    send_signal(SIGUSR2);
    send_signal(SIGUSR1);
    yield_times(3);
    send_signal(SIGUSR1);
    CHECK_INT(coil_signal_next(&watch), ==, SIGUSR1);
    CHECK_INT(coil_signal_next(&watch), ==, SIGUSR1);
    CHECK_INT(coil_signal_next(&watch), ==, SIGUSR2);
    rc = 0;
    coil_timeout(COIL_MSEC) {
        rc = coil_signal_next(&watch);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    send_signal(SIGUSR1); /* after a deadline, the watch is as good as new */
    CHECK_INT(coil_signal_next(&watch), ==, SIGUSR1);
    CHECK_OK(coil_signal_close(&watch));
    CHECK_OK(coil_signal_close(&watch));
    CHECK_ERR(coil_signal_next(&watch), -EINVAL);
    return 0;
}

TASK_TEST(signal_each_delivery_goes_to_one_waiter_in_order)
{
    struct coil_signal_watch watch = {.loop_ = NULL};
    struct waiter waiters[3] = {{&watch, 0}, {&watch, 0}, {&watch, 0}};
    struct coil_task *tasks[3];

    if (order_is_free()) {
        test_skip("the tasks begin in an order of the seed's");
    }
    CHECK_OK(coil_signal_open(&watch, users, 2));
    for (int i = 0; i < 3; i++) {
        tasks[i] = coil_create_task(wait_for_one, &waiters[i]);
    }
    yield_times(2);
    send_signal(SIGUSR2);
    yield_times(3);
    send_signal(SIGUSR1);
    CHECK_OK(coil_await(tasks[0]));
    CHECK_OK(coil_await(tasks[1]));
    CHECK_INT(waiters[0].rc, ==, SIGUSR2);
    CHECK_INT(waiters[1].rc, ==, SIGUSR1);
    CHECK(!coil_task_is_done(tasks[2]));
    CHECK_OK(coil_signal_close(&watch));
    CHECK_OK(coil_await(tasks[2]));
    CHECK_ERR(waiters[2].rc, -COIL_ECLOSED);
    return 0;
}

TASK_TEST(signal_every_watch_gets_every_delivery)
{
    struct coil_signal_watch one = {.loop_ = NULL};
    struct coil_signal_watch two = {.loop_ = NULL};
    struct coil_signal_watch late = {.loop_ = NULL};
    int rc = 0;

    CHECK_OK(coil_signal_open(&one, usr1, 1));
    CHECK_OK(coil_signal_open(&two, users, 2));
    send_signal(SIGUSR1);
    CHECK_OK(coil_signal_open(&late, usr1, 1)); /* it has seen nothing */
    CHECK_INT(coil_signal_next(&one), ==, SIGUSR1);
    CHECK_INT(coil_signal_next(&two), ==, SIGUSR1);
    coil_timeout(COIL_MSEC) {
        rc = coil_signal_next(&late);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_OK(coil_signal_close(&two));
    CHECK(is_default(SIGUSR2));
    CHECK(!is_default(SIGUSR1));
    CHECK_OK(coil_signal_close(&one));
    CHECK_OK(coil_signal_close(&late));
    CHECK(is_default(SIGUSR1));
    return 0;
}

TASK_TEST(signal_what_is_pending_is_one_delivery)
{
    struct coil_signal_watch watch = {.loop_ = NULL};
    sigset_t set;
    int rc = 0;

    CHECK_OK(coil_signal_open(&watch, usr1, 1));
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    send_signal(SIGUSR1);
    send_signal(SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    CHECK_INT(coil_signal_next(&watch), ==, SIGUSR1);
    coil_timeout(COIL_MSEC) {
        rc = coil_signal_next(&watch);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_OK(coil_signal_close(&watch));
    return 0;
}

/* --- cancel --- */

TASK_TEST(signal_cancel_before_during_and_after)
{
    struct coil_signal_watch watch = {.loop_ = NULL};
    struct waiter waiter = {&watch, 1};
    struct coil_task *task;

    CHECK_OK(coil_signal_open(&watch, usr1, 1));
    task = coil_create_task(wait_for_one, &waiter); /* during */
    yield_times(2);
    CHECK_OK(coil_cancel(task));
    coil_await(task);
    CHECK_ERR(waiter.rc, -ECANCELED);
    task = coil_create_task(wait_for_one, &waiter); /* after: it was given to the task */
    yield_times(2);
    send_signal(SIGUSR1);
    while (watch.waiters_.next != &watch.waiters_ && !test_has_noticed()) {
        coil_yield();
    }
    coil_cancel(task);
    coil_await(task);
    CHECK_INT(waiter.rc, ==, SIGUSR1);
    send_signal(SIGUSR1);
    coil_cancel(coil_current_task()); /* before */
    CHECK_ERR(coil_signal_next(&watch), -ECANCELED);
    CHECK_ERR(coil_signal_wait(users, 2), -ECANCELED);
    coil_uncancel(coil_current_task());
    CHECK_INT(coil_signal_next(&watch), ==, SIGUSR1); /* not lost */
    CHECK_OK(coil_signal_close(&watch));
    return 0;
}

/* --- callbacks --- */

struct heard_signals {
    struct coil_signal_watch watch;
    int count;
    int last;
    int stop_at;
};

static void note_signal(int signum, void *user)
{
    struct heard_signals *heard = user;

    heard->last = signum;
    if (++heard->count == heard->stop_at) {
        CHECK_OK(coil_signal_stop(&heard->watch));
    }
}

TASK_TEST(signal_callback_comes_once_for_each_delivery)
{
    struct heard_signals heard = {.count = 0};

    CHECK_OK(coil_signal_start(coil_loop_current(), &heard.watch, SIGUSR1, note_signal, &heard));
    CHECK_ERR(coil_signal_next(&heard.watch), -EINVAL);
    send_signal(SIGUSR1);
    send_signal(SIGUSR1);
    send_signal(SIGUSR1);
    CHECK_INT(heard.count, ==, 0); /* never inside of the handler */
    CHECK_OK(coil_sleep(COIL_MSEC));
    yield_times(4);
    CHECK_INT(heard.count, ==, 3);
    CHECK_INT(heard.last, ==, SIGUSR1);
    send_signal(SIGUSR1);
    CHECK_OK(coil_signal_stop(&heard.watch)); /* what was delivered is dropped */
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_INT(heard.count, ==, 3);
    CHECK(is_default(SIGUSR1));
    return 0;
}

TASK_TEST(signal_callback_may_stop_its_watch)
{
    struct heard_signals heard = {.stop_at = 2};

    CHECK_OK(coil_signal_start(coil_loop_current(), &heard.watch, SIGUSR1, note_signal, &heard));
    for (int i = 0; i < 5; i++) {
        send_signal(SIGUSR1);
    }
    CHECK_OK(coil_sleep(COIL_MSEC));
    yield_times(6);
    CHECK_INT(heard.count, ==, 2);
    CHECK(is_default(SIGUSR1));
    return 0;
}

/* --- the process's disposition --- */

static volatile sig_atomic_t own_count;

static void own_handler(int signum)
{
    (void)signum;
    own_count++;
}

TASK_TEST(signal_last_close_puts_back_what_was_there)
{
    struct coil_signal_watch watch = {.loop_ = NULL};
    struct sigaction action = {.sa_handler = own_handler};

    CHECK_INT(sigaction(SIGUSR1, &action, NULL), ==, 0);
    CHECK_OK(coil_signal_open(&watch, usr1, 1));
    send_signal(SIGUSR1);
    CHECK_INT(own_count, ==, 0);
    CHECK_OK(coil_signal_close(&watch));
    send_signal(SIGUSR1);
    CHECK_INT(own_count, ==, 1);
    /* A handler that came after the watch stays. */
    action.sa_handler = SIG_IGN;
    CHECK_OK(coil_signal_open(&watch, usr1, 1));
    CHECK_INT(sigaction(SIGUSR1, &action, NULL), ==, 0);
    CHECK_OK(coil_signal_close(&watch));
    CHECK_INT(sigaction(SIGUSR1, NULL, &action), ==, 0);
    CHECK(action.sa_handler == SIG_IGN);
    return 0;
}

static int then_interrupts;

static int watch_sigint(void *arg)
{
    struct coil_signal_watch watch = {.loop_ = NULL};
    const int sigint[] = {SIGINT};

    CHECK_OK(coil_signal_open(&watch, sigint, 1));
    send_signal(SIGINT);
    send_signal(SIGINT);
    CHECK_INT(coil_signal_next(&watch), ==, SIGINT);
    CHECK_INT(coil_signal_next(&watch), ==, SIGINT);
    CHECK_OK(coil_check_cancel());
    CHECK_OK(coil_signal_close(&watch));
    if (arg) {
        test_raise_sigint(); /* it is coil_run's again */
        return coil_sleep(5 * COIL_SEC);
    }
    return 0;
}

COIL_TEST(signal_watch_takes_sigint_from_run_and_gives_it_back)
{
    CHECK_ERR(coil_run(watch_sigint, NULL), 0);
    CHECK(is_default(SIGINT));
    CHECK_ERR(coil_run(watch_sigint, &then_interrupts), -EINTR);
    CHECK(is_default(SIGINT));
}

static struct heard_signals outliving;

static int start_outliving(void *arg)
{
    (void)arg;
    return coil_signal_start(coil_loop_current(), &outliving.watch, SIGINT, note_signal,
                             &outliving);
}

/* The watch began in a run and outlives it; what it puts back is not the handler of that run. */
COIL_TEST(signal_watch_of_sigint_outlives_its_run)
{
    struct coil_loop *loop = NULL;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_OK(coil_run_in(loop, NULL, start_outliving, NULL));
    if (!test_has_noticed()) {
        send_signal(SIGINT);
        CHECK_OK(coil_loop_run_once(loop, 0));
        CHECK_OK(coil_loop_run_once(loop, 0));
        CHECK_INT(outliving.count, ==, 1);
    }
    CHECK_OK(coil_signal_stop(&outliving.watch));
    CHECK(is_default(SIGINT));
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(signal_end_of_the_loop_closes_what_was_left_open)
{
    struct coil_loop *loop = NULL;
    struct heard_signals heard = {.count = 0};

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_OK(coil_signal_start(loop, &heard.watch, SIGUSR1, note_signal, &heard));
    if (!test_has_noticed()) {
        send_signal(SIGUSR1);
    }
    CHECK_OK(coil_loop_free(loop));
    CHECK(is_default(SIGUSR1));
    CHECK_INT(heard.count, ==, 0);
    CHECK_OK(coil_signal_stop(&heard.watch));
}

/* --- threads and forks --- */

struct other {
    pthread_barrier_t barrier;
    int rc;
};

static int wait_in_other_loop(void *arg)
{
    struct coil_signal_watch watch = {.loop_ = NULL};
    struct other *other = arg;

    CHECK_OK(coil_signal_open(&watch, usr1, 1));
    pthread_barrier_wait(&other->barrier);
    other->rc = coil_signal_next(&watch);
    return coil_signal_close(&watch);
}

static void *run_other(void *arg)
{
    CHECK_OK(coil_run(wait_in_other_loop, arg));
    return NULL;
}

static int share_with_other_loop(void *arg)
{
    struct coil_signal_watch watch = {.loop_ = NULL};
    struct other *other = arg;
    pthread_t thread;

    CHECK_OK(coil_signal_open(&watch, usr1, 1));
    CHECK_INT(pthread_create(&thread, NULL, run_other, other), ==, 0);
    pthread_barrier_wait(&other->barrier);
    kill(getpid(), SIGUSR1);
    CHECK_INT(coil_signal_next(&watch), ==, SIGUSR1);
    pthread_join(thread, NULL);
    CHECK_INT(other->rc, ==, SIGUSR1);
    CHECK(!is_default(SIGUSR1));
    CHECK_OK(coil_signal_close(&watch));
    return 0;
}

COIL_TEST(signal_loops_of_several_threads_all_hear_it)
{
    struct other other = {.rc = 0};

    if (test_is_torture()) {
        test_skip("a thread that a fault keeps from coming is waited for");
    }
    CHECK_INT(pthread_barrier_init(&other.barrier, NULL, 2), ==, 0);
    CHECK_ERR(coil_run(share_with_other_loop, &other), 0);
    pthread_barrier_destroy(&other.barrier);
    CHECK(is_default(SIGUSR1));
}

/* Many signals to many threads while watches come and go: none crashes, none hangs. */
static atomic_bool storm_is_over;

static void *storm(void *arg)
{
    (void)arg;
    while (!storm_is_over) {
        kill(getpid(), SIGUSR2);
        usleep(50);
    }
    return NULL;
}

TASK_TEST(signal_watches_come_and_go_in_a_storm)
{
    struct coil_signal_watch base = {.loop_ = NULL};
    pthread_t thread;

    if (test_is_torture()) {
        test_skip("it takes long");
    }
    CHECK_OK(coil_signal_open(&base, users, 2)); /* or else the first one ends the process */
    CHECK_INT(pthread_create(&thread, NULL, storm, NULL), ==, 0);
    for (int i = 0; i < 200; i++) {
        struct coil_signal_watch watch = {.loop_ = NULL};

        CHECK_OK(coil_signal_open(&watch, users, 2));
        CHECK_INT(coil_signal_next(&watch), ==, SIGUSR2);
        CHECK_OK(coil_signal_close(&watch));
    }
    storm_is_over = true;
    pthread_join(thread, NULL);
    CHECK_OK(coil_signal_close(&base));
    return 0;
}

static int raise_in_child(void *arg)
{
    CHECK(is_default(SIGUSR1));
    CHECK(is_default(SIGINT));
    CHECK_ERR(coil_signal_close(arg), -COIL_EFORKED);
    raise(SIGUSR1);
    return 0;
}

TASK_TEST(signal_forked_child_watches_nothing)
{
    static const int both[] = {SIGUSR1, SIGINT};
    struct coil_signal_watch watch = {.loop_ = NULL};
    struct test_child child;
    int rc = 0;

    CHECK_OK(coil_signal_open(&watch, both, 2));
    test_run_child(raise_in_child, &watch, &child);
    CHECK_INT(child.signal, ==, SIGUSR1);
    coil_timeout(COIL_MSEC) {
        rc = coil_signal_next(&watch);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_OK(coil_signal_close(&watch));
    return 0;
}

/* --- misuse and failures --- */

TASK_TEST(signal_misuse_is_an_error)
{
    static const int bad[] = {0, -1, 65, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, 32};
    struct coil_loop *loop = coil_loop_current();
    struct coil_signal_watch watch = {.loop_ = NULL};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const int two[] = {SIGUSR1, bad[i]};

        CHECK_ERR(coil_signal_open(&watch, two, 2), -EINVAL);
        CHECK_ERR(coil_signal_wait(two, 2), -EINVAL);
        CHECK_ERR(coil_signal_start(loop, &watch, bad[i], note_signal, NULL), -EINVAL);
        CHECK(is_default(SIGUSR1));
    }
    CHECK_ERR(coil_signal_open(NULL, users, 2), -EINVAL);
    CHECK_ERR(coil_signal_open(&watch, NULL, 2), -EINVAL);
    CHECK_ERR(coil_signal_open(&watch, users, 0), -EINVAL);
    CHECK_ERR(coil_signal_next(NULL), -EINVAL);
    CHECK_ERR(coil_signal_next(&watch), -EINVAL);
    CHECK_ERR(coil_signal_close(NULL), -EINVAL);
    CHECK_ERR(coil_signal_stop(NULL), -EINVAL);
    CHECK_OK(coil_signal_stop(&watch));
    CHECK_ERR(coil_signal_start(NULL, &watch, SIGUSR1, note_signal, NULL), -EINVAL);
    CHECK_ERR(coil_signal_start(loop, NULL, SIGUSR1, note_signal, NULL), -EINVAL);
    CHECK_ERR(coil_signal_start(loop, &watch, SIGUSR1, NULL, NULL), -EINVAL);
    return 0;
}

static int close_elsewhere(void *watch)
{
    CHECK_ERR(coil_signal_close(watch), -COIL_EWRONGTHREAD);
    return 0;
}

TASK_TEST(signal_watch_belongs_to_its_thread)
{
    struct coil_signal_watch watch = {.loop_ = NULL};

    CHECK_OK(coil_signal_open(&watch, users, 2));
    CHECK_OK(coil_to_thread(close_elsewhere, &watch));
    CHECK_OK(coil_signal_close(&watch));
    return 0;
}

COIL_TEST(signal_outside_of_a_loop)
{
    struct coil_signal_watch watch = {.loop_ = NULL};

    CHECK_ERR(coil_signal_open(&watch, users, 2), -COIL_ENOLOOP);
    CHECK_ERR(coil_signal_next(&watch), -COIL_ENOLOOP);
    CHECK_ERR(coil_signal_wait(users, 2), -COIL_ENOLOOP);
}

TASK_TEST(signal_failures_leave_everything_as_it_was)
{
    struct coil_signal_watch watch = {.loop_ = NULL};

    fault_alloc_at(1);
    CHECK_ERR(coil_signal_open(&watch, users, 2), -ENOMEM);
    fault_off();
    fault_syscall_named("sigaction", 2, EINVAL);
    CHECK_ERR(coil_signal_open(&watch, users, 2), -EINVAL);
    fault_off();
    CHECK(is_default(SIGUSR1));
    CHECK(is_default(SIGUSR2));
    CHECK_OK(coil_signal_open(&watch, users, 2));
    CHECK_OK(coil_signal_close(&watch));
    return 0;
}
