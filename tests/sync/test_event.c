/* The event: a sticky flag that wakes all (D2). */
#include "in_task.h"

#include <coil/event.h>

#include <pthread.h>

struct waiter {
    struct coil_event *event;
    int *order;
    int *count;
    int number;
    int rc;
};

static int wait_and_note(void *arg)
{
    struct waiter *waiter = arg;

    waiter->rc = coil_event_wait(waiter->event);
    if (waiter->rc == 0) {
        waiter->order[(*waiter->count)++] = waiter->number;
    }
    return waiter->rc;
}

static void start(struct waiter *waiters, struct coil_task **tasks, int count,
                  struct coil_event *event, int *order, int *woken)
{
    *woken = 0;
    for (int i = 0; i < count; i++) {
        waiters[i] = (struct waiter){event, order, woken, i, -1};
        tasks[i] = coil_create_task(wait_and_note, &waiters[i]);
        yield_times(1);
    }
}

TASK_TEST(event_wakes_all_in_order)
{
    struct coil_event event = {0};
    struct waiter waiters[5];
    struct coil_task *tasks[5];
    int order[5];
    int count;

    start(waiters, tasks, 5, &event, order, &count);
    CHECK(!coil_event_is_set(&event));
    CHECK_OK(coil_event_set(&event));
    CHECK_OK(coil_event_set(&event));
    CHECK_INT(count, ==, 0);
    yield_times(1);
    CHECK_INT(count, ==, 5);
    for (int i = 0; i < 5 && !order_is_free(); i++) {
        CHECK_INT(order[i], ==, i);
    }
    return coil_gather(tasks, 5, NULL);
}

TASK_TEST(event_sticks)
{
    struct coil_event event = {0};

    CHECK_OK(coil_event_set(&event));
    CHECK(coil_event_is_set(&event));
    CHECK_OK(coil_event_wait(&event));
    CHECK_OK(coil_event_wait(&event));
    CHECK_OK(coil_event_clear(&event));
    CHECK(!coil_event_is_set(&event));
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_event_wait(&event), -ETIMEDOUT);
    }
    return 0;
}

/* Who was woken has had the event, whatever became of the flag and of the struct meanwhile. */
TASK_TEST(event_cleared_before_the_waiters_run)
{
    struct waiter waiters[3];
    struct coil_task *tasks[3];
    int order[3];
    int count;
    struct coil_event event = {0};

    start(waiters, tasks, 3, &event, order, &count);
    CHECK_OK(coil_event_set(&event));
    CHECK_OK(coil_event_clear(&event));
    memset(&event, 0xff, sizeof event);
    yield_times(1);
    CHECK_INT(count, ==, 3);
    return coil_gather(tasks, 3, NULL);
}

/* Completed wins: set first, cancelled in the same iteration. And the other way round. */
TASK_TEST(event_set_and_cancel_race)
{
    struct coil_event event = {0};
    struct waiter waiters[3];
    struct coil_task *tasks[3];
    int order[3];
    int count;

    start(waiters, tasks, 3, &event, order, &count);
    CHECK_INT(coil_cancel(tasks[1]), ==, 1);
    CHECK_OK(coil_event_set(&event));
    CHECK_INT(coil_cancel(tasks[2]), ==, 1);
    CHECK_OK(coil_await(tasks[0]));
    CHECK_ERR(coil_await(tasks[1]), -ECANCELED);
    CHECK_OK(coil_await(tasks[2]));
    CHECK_INT(count, ==, 2);
    CHECK(coil_event_is_set(&event));
    return 0;
}

/* A waiter that is cancelled leaves the others waiting. */
TASK_TEST(event_waiter_cancelled)
{
    struct coil_event event = {0};
    struct waiter waiters[3];
    struct coil_task *tasks[3];
    struct coil_task *self = coil_current_task();
    int order[3];
    int count;

    start(waiters, tasks, 3, &event, order, &count);
    coil_cancel(tasks[0]);
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK_INT(count, ==, 0);
    coil_cancel(self);
    CHECK_ERR(coil_event_wait(&event), -ECANCELED); /* before */
    CHECK_OK(coil_uncancel(self));
    CHECK_OK(coil_event_set(&event));
    CHECK_OK(coil_gather(tasks + 1, 2, NULL));
    CHECK_INT(count, ==, 2);
    return 0;
}

static void set_it(void *user)
{
    CHECK_OK(coil_event_set(user));
}

TASK_TEST(event_set_from_a_callback)
{
    struct coil_event event = {0};
    struct coil_handle handle = {0};

    CHECK_OK(coil_call_later(coil_loop_current(), &handle, COIL_MSEC, set_it, &event));
    CHECK_OK(coil_event_wait(&event));
    return 0;
}

static void *use_elsewhere(void *arg)
{
    struct coil_event *event = arg;

    CHECK_ERR(coil_event_set(event), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_event_clear(event), -COIL_EWRONGTHREAD);
    return NULL;
}

/* A6 */
TASK_TEST(event_of_another_thread_is_named)
{
    struct coil_event event = {0};
    pthread_t thread;

    coil_timeout(COIL_USEC) {
        CHECK_ERR(coil_event_wait(&event), -ETIMEDOUT);
    }
    CHECK_INT(pthread_create(&thread, NULL, use_elsewhere, &event), ==, 0);
    pthread_join(thread, NULL);
    return 0;
}

COIL_TEST(event_misuse_is_named)
{
    struct coil_event event = {0};

    CHECK_ERR(coil_event_set(NULL), -EINVAL);
    CHECK_ERR(coil_event_clear(NULL), -EINVAL);
    CHECK_ERR(coil_event_wait(&event), -COIL_ENOLOOP);
    CHECK(!coil_event_is_set(NULL));
    CHECK_OK(coil_event_set(&event)); /* before there is a loop: nobody can wait yet */
    CHECK(coil_event_is_set(&event));
}
