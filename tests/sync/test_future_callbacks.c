/* Callbacks of futures: taken back in any order, also by each other while they are called (B1). */
#include "in_task.h"

enum { MANY = 64 };

struct caller {
    struct coil_future future;
    struct coil_handle handles[MANY];
    int calls[MANY];
    int count;
    int number[MANY]; /* the user of each */
};

static struct caller caller;

static void note_call(void *user)
{
    caller.calls[caller.count++] = *(int *)user;
}

static void ask(int count, coil_callback first)
{
    memset(&caller, 0, sizeof caller);
    for (int i = 0; i < count; i++) {
        caller.number[i] = i;
        CHECK_OK(coil_future_on_done(&caller.future, &caller.handles[i],
                                     i == 0 && first ? first : note_call, &caller.number[i]));
    }
}

/* Each subset of three is taken back; the others are called, in order. */
TASK_TEST(future_callbacks_are_taken_back_in_any_order)
{
    for (unsigned taken = 0; taken < 8; taken++) {
        int left = 0;

        ask(3, NULL);
        for (int i = 2; i >= 0; i--) {
            if (taken >> i & 1) {
                CHECK(coil_handle_cancel(&caller.handles[i]));
                CHECK(!coil_handle_cancel(&caller.handles[i])); /* twice: nothing to take back */
            }
        }
        CHECK_OK(coil_future_set(&caller.future, 5));
        CHECK_INT(caller.count, ==, 0);
        yield_times(1);
        for (int i = 0; i < 3; i++) {
            if (!(taken >> i & 1)) {
                CHECK_INT(caller.calls[left], ==, i);
                left++;
            }
        }
        CHECK_INT(caller.count, ==, left);
        CHECK_INT(coil_future_result(&caller.future), ==, 5);
    }
    return 0;
}

TASK_TEST(future_callbacks_are_called_on_errors_and_cancels)
{
    ask(2, NULL);
    CHECK_OK(coil_future_set(&caller.future, -EIO));
    yield_times(1);
    CHECK_INT(caller.count, ==, 2);
    CHECK_ERR(coil_future_result(&caller.future), -EIO);
    ask(2, NULL);
    CHECK_OK(coil_future_cancel(&caller.future));
    yield_times(1);
    CHECK_INT(caller.count, ==, 2);
    CHECK_ERR(coil_future_result(&caller.future), -ECANCELED);
    return 0;
}

static void take_all_back(void *user)
{
    note_call(user);
    for (int i = 1; i < MANY; i += 2) {
        CHECK(coil_handle_cancel(&caller.handles[i]));
    }
}

/* The first one to be called takes every other one back, which are on their way already. */
TASK_TEST(future_callback_takes_others_back)
{
    ask(MANY, take_all_back);
    CHECK_OK(coil_future_set(&caller.future, 1));
    yield_times(1);
    CHECK_INT(caller.count, ==, MANY / 2);
    for (int i = 0; i < MANY / 2; i++) {
        CHECK_INT(caller.calls[i], ==, 2 * i);
    }
    return 0;
}

static struct coil_handle late;

static void ask_for_another(void *user)
{
    note_call(user);
    CHECK_OK(coil_future_on_done(&caller.future, &late, note_call, &caller.number[7]));
}

/* One that is asked for while they are called comes after them, in the next iteration. */
TASK_TEST(future_callback_asks_for_another)
{
    memset(&late, 0, sizeof late);
    ask(3, ask_for_another);
    caller.number[7] = 7;
    CHECK_OK(coil_future_set(&caller.future, 1));
    yield_times(1);
    if (!order_is_free()) { /* else it was more than one iteration */
        CHECK_INT(caller.count, ==, 3);
        CHECK(coil_handle_is_pending(&late));
    }
    yield_times(1);
    CHECK_INT(caller.count, ==, 4);
    CHECK_INT(caller.calls[3], ==, 7);
    return 0;
}

static void set_again(void *user)
{
    note_call(user);
    CHECK_ERR(coil_future_set(&caller.future, 9), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_future_cancel(&caller.future), -COIL_EINVALIDSTATE);
}

/* What a callback does to a future that is done has no effect. */
TASK_TEST(future_callback_cannot_set_it_again)
{
    ask(2, set_again);
    CHECK_OK(coil_future_set(&caller.future, 4));
    yield_times(1);
    CHECK_INT(caller.count, ==, 2);
    CHECK_INT(coil_future_result(&caller.future), ==, 4);
    CHECK_INT(coil_future_wait(&caller.future), ==, 4);
    return 0;
}

static int wait_and_note(void *arg)
{
    int rc = coil_future_wait(&caller.future);

    note_call(arg);
    return rc;
}

/* Tasks that wait and callbacks: all are served in the iteration after it was set. */
TASK_TEST(future_serves_tasks_and_callbacks)
{
    struct coil_task *tasks[2];

    ask(2, NULL);
    for (int i = 0; i < 2; i++) {
        caller.number[2 + i] = 2 + i;
        tasks[i] = coil_create_task(wait_and_note, &caller.number[2 + i]);
    }
    yield_times(1);
    CHECK_OK(coil_future_set(&caller.future, 6));
    CHECK_INT(caller.count, ==, 0);
    yield_times(1);
    CHECK_INT(caller.count, ==, 4);
    CHECK_INT(coil_await(tasks[0]), ==, 6);
    CHECK_INT(coil_await(tasks[1]), ==, 6);
    return 0;
}

/* Callbacks nobody will ever call: the future is not set, and goes with its loop. */
TASK_TEST(future_that_is_never_set)
{
    ask(3, NULL);
    for (int i = 0; i < 3; i++) {
        CHECK(coil_handle_is_pending(&caller.handles[i]));
    }
    yield_times(2);
    CHECK_INT(caller.count, ==, 0);
    for (int i = 0; i < 3; i++) {
        CHECK(coil_handle_cancel(&caller.handles[i]));
    }
    return 0;
}
