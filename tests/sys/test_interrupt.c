/* SIGINT's handler: what it refers to may go away once it was taken back. */
#include "harness.h"

#include "sys/interrupt.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

static atomic_bool is_in_handler;
static atomic_bool may_leave;
static atomic_bool has_left;

/* In the handler, which stays in here for a while. */
static void wake_slowly(struct coil__backend *backend)
{
    (void)backend;
    atomic_store(&is_in_handler, true);
    while (!atomic_load(&may_leave)) {
        sched_yield();
    }
    usleep(20000);
    atomic_store(&has_left, true);
}

static const struct coil__backend_class slow_class = {.wake = wake_slowly};

static void *interrupt_itself(void *arg)
{
    pthread_kill(pthread_self(), SIGINT);
    return arg;
}

COIL_TEST(interrupt_release_waits_for_the_handler)
{
    struct coil__backend backend = {.class = &slow_class};
    atomic_bool flag = false;
    pthread_t thread;

    CHECK(coil__interrupt_catch(&flag, &backend));
    CHECK(!coil__interrupt_catch(&flag, &backend)); /* one at a time */
    CHECK_INT(pthread_create(&thread, NULL, interrupt_itself, NULL), ==, 0);
    while (!atomic_load(&is_in_handler)) {
        sched_yield();
    }
    CHECK(atomic_load(&flag));
    atomic_store(&may_leave, true);
    coil__interrupt_release();
    CHECK(atomic_load(&has_left));
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    CHECK(coil__interrupt_catch(&flag, &backend)); /* and again */
    coil__interrupt_release();
}

COIL_TEST(interrupt_that_is_not_the_default_is_left_alone)
{
    struct coil__backend backend = {.class = &slow_class};
    atomic_bool flag = false;

    signal(SIGINT, SIG_IGN);
    CHECK(!coil__interrupt_catch(&flag, &backend));
    raise(SIGINT);
    CHECK(!atomic_load(&flag));
}
