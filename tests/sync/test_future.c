/* Futures: a result that somebody will have later (B1). */
#include "in_task.h"

#include <coil/future.h>

#include <pthread.h>

static int wait_for_it(void *arg)
{
    return coil_future_wait(arg);
}

static void count_call(void *user)
{
    ++*(int *)user;
}

/* B1: pending, then done, once and for all. */
TASK_TEST(future_is_set_once)
{
    struct coil_future future = {0};
    int value = 5;

    CHECK(!coil_future_is_done(&future));
    CHECK_ERR(coil_future_result(&future), -COIL_EINVALIDSTATE);
    CHECK_PTR(coil_future_value(&future), ==, NULL);
    CHECK_OK(coil_future_set_value(&future, 3, &value));
    CHECK(coil_future_is_done(&future));
    CHECK_INT(coil_future_result(&future), ==, 3);
    CHECK_PTR(coil_future_value(&future), ==, &value);
    CHECK_ERR(coil_future_set(&future, 4), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_future_set_value(&future, 4, NULL), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_future_cancel(&future), -COIL_EINVALIDSTATE);
    CHECK_INT(coil_future_wait(&future), ==, 3);
    CHECK_INT(coil_future_wait(&future), ==, 3);
    return 0;
}

TASK_TEST(future_wakes_all_waiters)
{
    struct coil_future future = {0};
    struct coil_task *tasks[4];
    int results[4];

    for (int i = 0; i < 4; i++) {
        tasks[i] = coil_create_task(wait_for_it, &future);
    }
    yield_times(1);
    CHECK_OK(coil_future_set(&future, 42));
    memset(&future, 0, sizeof future); /* they have it already */
    CHECK_OK(coil_gather(tasks, 4, results));
    for (int i = 0; i < 4; i++) {
        CHECK_INT(results[i], ==, 42);
    }
    return 0;
}

TASK_TEST(future_carries_errors)
{
    struct coil_future future = {0};
    struct coil_task *task = coil_create_task(wait_for_it, &future);

    yield_times(1);
    CHECK_OK(coil_future_set(&future, -EPIPE));
    CHECK_ERR(coil_await(task), -EPIPE);
    return 0;
}

TASK_TEST(future_cancelled)
{
    struct coil_future future = {0};
    struct coil_task *task = coil_create_task(wait_for_it, &future);

    yield_times(1);
    CHECK_OK(coil_future_cancel(&future));
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_ERR(coil_future_result(&future), -ECANCELED);
    CHECK_ERR(coil_future_set(&future, 1), -COIL_EINVALIDSTATE);
    return 0;
}

/* A waiter that is cancelled leaves the future alone. */
TASK_TEST(future_waiter_cancelled)
{
    struct coil_future future = {0};
    struct coil_task *a = coil_create_task(wait_for_it, &future);
    struct coil_task *b = coil_create_task(wait_for_it, &future);

    yield_times(1);
    coil_cancel(a);
    CHECK_ERR(coil_await(a), -ECANCELED);
    CHECK(!coil_future_is_done(&future));
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_future_wait(&future), -ETIMEDOUT);
    }
    CHECK_OK(coil_future_set(&future, 1));
    CHECK_INT(coil_await(b), ==, 1);
    return 0;
}

/* Completed wins: the result was there before the cancel. */
TASK_TEST(future_set_before_the_cancel)
{
    struct coil_future future = {0};
    struct coil_task *task = coil_create_task(wait_for_it, &future);

    yield_times(1);
    CHECK_OK(coil_future_set(&future, 7));
    coil_cancel(task);
    CHECK_INT(coil_await(task), ==, 7);
    return 0;
}

/* B1: callbacks always through call_soon, never inline. */
TASK_TEST(future_callbacks_come_later)
{
    struct coil_handle handles[2] = {0};
    struct coil_future future = {0};
    int calls = 0;

    CHECK_OK(coil_future_on_done(&future, &handles[0], count_call, &calls));
    CHECK(coil_handle_is_pending(&handles[0]));
    CHECK_ERR(coil_future_on_done(&future, &handles[0], count_call, &calls), -EINVAL);
    yield_times(1);
    CHECK_INT(calls, ==, 0);
    CHECK_OK(coil_future_set(&future, 0));
    CHECK_INT(calls, ==, 0);
    yield_times(1);
    CHECK_INT(calls, ==, 1);
    CHECK(!coil_handle_is_pending(&handles[0]));
    CHECK_OK(coil_future_on_done(&future, &handles[1], count_call, &calls)); /* done already */
    CHECK_INT(calls, ==, 1);
    yield_times(1);
    CHECK_INT(calls, ==, 2);
    return 0;
}

struct order {
    int numbers[4];
    int count;
};

static struct order order;

static void note_first(void *user)
{
    (void)user;
    order.numbers[order.count++] = 1;
}

static void note_second(void *user)
{
    (void)user;
    order.numbers[order.count++] = 2;
}

TASK_TEST(future_callbacks_keep_their_order)
{
    struct coil_handle handles[2] = {0};
    struct coil_future future = {0};

    CHECK_OK(coil_future_on_done(&future, &handles[0], note_first, NULL));
    CHECK_OK(coil_future_on_done(&future, &handles[1], note_second, NULL));
    CHECK_OK(coil_future_cancel(&future));
    yield_times(1);
    CHECK_INT(order.count, ==, 2);
    CHECK_INT(order.numbers[0], ==, 1);
    CHECK_INT(order.numbers[1], ==, 2);
    return 0;
}

TASK_TEST(future_callback_can_be_taken_back)
{
    struct coil_handle handles[3] = {0};
    struct coil_future future = {0};
    int calls = 0;

    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_future_on_done(&future, &handles[i], count_call, &calls));
    }
    CHECK(coil_handle_cancel(&handles[1]));
    CHECK(!coil_handle_cancel(&handles[1]));
    CHECK(!coil_handle_is_pending(&handles[1]));
    CHECK_OK(coil_future_set(&future, 0));
    CHECK(coil_handle_cancel(&handles[2])); /* on its way */
    yield_times(2);
    CHECK_INT(calls, ==, 1);
    return 0;
}

static void set_it(void *user)
{
    CHECK_OK(coil_future_set(user, 11));
}

TASK_TEST(future_set_from_a_callback)
{
    struct coil_future future = {0};
    struct coil_handle handle = {0};

    CHECK_OK(coil_call_later(coil_loop_current(), &handle, COIL_MSEC, set_it, &future));
    CHECK_INT(coil_future_wait(&future), ==, 11);
    return 0;
}

static void *set_elsewhere(void *arg)
{
    CHECK_ERR(coil_future_set(arg, 1), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_future_cancel(arg), -COIL_EWRONGTHREAD);
    return NULL;
}

/* A6 */
TASK_TEST(future_of_another_thread_is_named)
{
    struct coil_handle handle = {0};
    struct coil_future future = {0};
    pthread_t thread;
    int calls = 0;

    CHECK_OK(coil_future_on_done(&future, &handle, count_call, &calls));
    CHECK_INT(pthread_create(&thread, NULL, set_elsewhere, &future), ==, 0);
    pthread_join(thread, NULL);
    CHECK(!coil_future_is_done(&future));
    CHECK(coil_handle_cancel(&handle));
    return 0;
}

COIL_TEST(future_misuse_is_named)
{
    struct coil_future future = {0};
    struct coil_handle handle = {0};
    int calls = 0;

    CHECK_ERR(coil_future_set(NULL, 1), -EINVAL);
    CHECK_ERR(coil_future_cancel(NULL), -EINVAL);
    CHECK_ERR(coil_future_result(NULL), -EINVAL);
    CHECK_ERR(coil_future_on_done(NULL, &handle, count_call, &calls), -EINVAL);
    CHECK_ERR(coil_future_on_done(&future, &handle, count_call, &calls), -COIL_ENOLOOP);
    CHECK_ERR(coil_future_wait(&future), -COIL_ENOLOOP);
    CHECK(!coil_future_is_done(NULL));
    CHECK_PTR(coil_future_value(NULL), ==, NULL);
    CHECK_OK(coil_future_set(&future, 2)); /* before there is a loop: nobody can wait yet */
    CHECK_INT(coil_future_result(&future), ==, 2);
}
