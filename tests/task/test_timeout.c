/* Deadlines and what runs under them: errors of others, cleanups, busy loops, wait_for. */
#include "in_task.h"

static int cancel_it(void *arg)
{
    return coil_cancel(*(struct coil_task **)arg);
}

static void spend(int64_t span)
{
    for (int64_t until = coil_now() + span; coil_now() < until && !test_backend_is("sim");) {
    }
}

/* --- timeout (C6) --- */

/* An error of the block's own before the deadline is no business of the scope's. */
TASK_TEST(timeout_leaves_a_foreign_error_alone)
{
    struct coil_scope scope;
    int rc;

    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MINUTE));
    rc = coil_await(coil_create_task(task_return, &(int){-EIO}));
    CHECK_OK(coil_scope_close(&scope));
    CHECK_ERR(rc, -EIO);
    CHECK(!coil_scope_is_expired(&scope));
    return 0;
}

static int fail_in_cleanup(void)
{
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
    return -EIO;
}

/* What a block makes of its timeout is its own; the scope still says that it was the deadline. */
TASK_TEST(timeout_may_be_answered_with_another_error)
{
    struct coil_scope scope;

    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MSEC));
    CHECK_ERR(fail_in_cleanup(), -EIO);
    CHECK_ERR(coil_scope_close(&scope), -ETIMEDOUT);
    CHECK_OK(coil_check_cancel());
    return 0;
}

/* With no time at all even a block that only yields is ended. */
TASK_TEST(timeout_of_no_time_ends_a_task_that_yields)
{
    struct coil_scope scope;
    int64_t before = coil_now();
    int rc = 0;

    CHECK_OK(coil_scope_open_timeout(&scope, 0));
    CHECK_INT(coil_scope_when(&scope), >=, before);
    CHECK_INT(coil_scope_when(&scope), <=, coil_now());
    for (int i = 0; i < 1000 && rc == 0; i++) { /* it is seen within some rounds */
        rc = coil_yield();
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK(coil_scope_is_expired(&scope));
    CHECK_ERR(coil_scope_close(&scope), -ETIMEDOUT);
    return 0;
}

/* A timeout is the scope's, not a cancel of the task. */
TASK_TEST(timeout_is_no_cancel_of_the_task)
{
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
        CHECK_INT(coil_cancelling(coil_current_task()), ==, 0);
    }
    CHECK_INT(coil_cancelling(coil_current_task()), ==, 0);
    return coil_sleep(1);
}

/* The inner one has expired while the loop was busy; the outer one still ends what comes later. */
TASK_TEST(timeout_outer_works_after_the_inner_expired_late)
{
    int64_t before = coil_now();

    coil_timeout(50 * COIL_MSEC) {
        coil_timeout(COIL_MSEC) {
            spend(5 * COIL_MSEC);
            CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
        }
        CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
    }
    CHECK_INT(coil_now() - before, >=, 50 * COIL_MSEC);
    CHECK_INT(coil_now() - before, <, COIL_MINUTE);
    return 0;
}

/* Both have expired before anybody looked: calls of both fail, and the task goes on after them. */
TASK_TEST(timeout_both_expire_while_the_loop_is_busy)
{
    struct coil_scope outer;
    struct coil_scope inner;

    CHECK_OK(coil_scope_open_timeout(&outer, 2 * COIL_MSEC));
    CHECK_OK(coil_scope_open_timeout(&inner, COIL_MSEC));
    spend(4 * COIL_MSEC);
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
    CHECK(coil_scope_is_expired(&inner));
    (void)coil_scope_close(&inner);
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
    CHECK(coil_scope_is_expired(&outer));
    CHECK_ERR(coil_scope_close(&outer), -ETIMEDOUT);
    return coil_sleep(1);
}

struct mover {
    struct coil_scope scope;
    int rc;
    int close_rc;
};

static int sleep_in_scope(void *arg)
{
    struct mover *mover = arg;

    CHECK_OK(coil_scope_open_timeout(&mover->scope, COIL_MINUTE));
    mover->rc = coil_sleep(COIL_NEVER);
    mover->close_rc = coil_scope_close(&mover->scope);
    return mover->rc;
}

/* C6: another task moves the deadline, and takes it back; what ends the sleep is a cancel. */
TASK_TEST(timeout_is_moved_by_another_task)
{
    struct mover mover = {.rc = 1};
    struct coil_task *task = coil_create_task(sleep_in_scope, &mover);
    int64_t when = coil_now() + 2 * COIL_MINUTE;

    yield_times(1);
    CHECK_INT(coil_scope_when(&mover.scope), <, when);
    CHECK_OK(coil_scope_reschedule(&mover.scope, when));
    CHECK_INT(coil_scope_when(&mover.scope), ==, when);
    CHECK_OK(coil_scope_reschedule(&mover.scope, COIL_NEVER));
    CHECK_INT(coil_scope_when(&mover.scope), ==, COIL_NEVER);
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_ERR(mover.close_rc, 0);
    CHECK(!coil_scope_is_expired(&mover.scope));
    return 0;
}

/* Other than asyncio's, a scope that was left may be opened again. */
TASK_TEST(scope_may_be_opened_again)
{
    struct coil_scope scope = {0};

    CHECK_ERR(coil_scope_reschedule(&scope, COIL_NEVER), -COIL_EINVALIDSTATE); /* never opened */
    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MSEC));
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
    CHECK_ERR(coil_scope_close(&scope), -ETIMEDOUT);
    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MINUTE));
    CHECK(!coil_scope_is_expired(&scope));
    CHECK_OK(coil_sleep(1));
    return coil_scope_close(&scope);
}

COIL_TEST(scope_outside_of_a_task)
{
    struct coil_scope scope;

    CHECK_ERR(coil_scope_open_timeout(&scope, COIL_SEC), -COIL_ENOLOOP);
    CHECK_ERR(coil_scope_open_deadline(&scope, 1), -COIL_ENOLOOP);
    CHECK_ERR(coil_scope_open_shield(&scope), -COIL_ENOLOOP);
    CHECK_ERR(coil_scope_reschedule(&scope, COIL_NEVER), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_scope_close(&scope), -EINVAL);
}

/* A cleanup has a deadline of its own, though the one around it has passed. */
TASK_TEST(timeout_inside_the_cleanup_of_another)
{
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
        coil_shield {
            coil_timeout(COIL_MSEC) {
                CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
            }
            CHECK_OK(coil_sleep(COIL_MSEC));
        }
        CHECK_ERR(coil_sleep(1), -ETIMEDOUT);
    }
    return coil_sleep(1);
}

/* A cancel that was taken back does not colour the timeouts after it; a new one counts again. */
TASK_TEST(timeout_after_a_cancel_that_was_taken_back)
{
    struct coil_task *self = coil_current_task();
    struct coil_scope scope;

    coil_cancel(self);
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ECANCELED);
    CHECK_INT(coil_uncancel(self), ==, 0);
    coil_timeout(0) {
        CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
    }
    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MINUTE));
    coil_cancel(self);
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ECANCELED);
    CHECK_OK(coil_scope_close(&scope));
    CHECK(!coil_scope_is_expired(&scope));
    return coil_uncancel(self);
}

/* --- wait_for (C3) --- */

struct slow {
    int64_t span;
    int rc; /* what it returns; 0: what its sleep did */
    bool has_ended;
};

/* Takes its time, whatever is asked of it. */
static int take_time(void *arg)
{
    struct slow *slow = arg;

    coil_shield {
        CHECK_OK(coil_sleep(slow->span));
    }
    slow->has_ended = true;
    return slow->rc;
}

struct waiter {
    struct coil_task *task;
    int64_t timeout;
    int rc;
};

static int wait_for_it(void *arg)
{
    struct waiter *waiter = arg;

    waiter->rc = coil_wait_for(waiter->task, waiter->timeout);
    return waiter->rc;
}

/* C3: cancelled while it waits, it stays until the inner one has ended, and returns its result. */
TASK_TEST(wait_for_cancelled_stays_until_the_end)
{
    struct slow slow = {.span = 5 * COIL_MSEC, .rc = 42};
    struct waiter waiter = {.task = coil_create_task(take_time, &slow), .timeout = COIL_MINUTE};
    struct coil_task *task = coil_create_task(wait_for_it, &waiter);

    yield_times(2);
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_INT(coil_await(task), ==, 42);
    CHECK(slow.has_ended);
    return 0;
}

/* The same when it has timed out already, and waits for the inner one's cleanup. */
TASK_TEST(wait_for_cancelled_while_it_times_out)
{
    struct slow slow = {.span = 20 * COIL_MSEC, .rc = 42};
    struct waiter waiter = {.task = coil_create_task(take_time, &slow), .timeout = COIL_MSEC};
    struct coil_task *task = coil_create_task(wait_for_it, &waiter);

    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    coil_cancel(task); /* where time is real it may have ended by now */
    CHECK_INT(coil_await(task), ==, 42);
    CHECK(slow.has_ended);
    return 0;
}

static int sleep_and_note(void *arg)
{
    int *state = arg;
    int rc;

    *state = 1;
    rc = coil_sleep(COIL_MINUTE);
    *state = 2;
    return rc;
}

/* C3: a task that runs already is cancelled and waited for when there is no time. */
TASK_TEST(wait_for_no_time_ends_a_running_task)
{
    for (int64_t timeout = 0; timeout >= -1; timeout--) {
        int state = 0;
        struct coil_task *task = coil_create_task(sleep_and_note, &state);

        yield_times(1);
        CHECK_INT(state, ==, 1);
        CHECK_ERR(coil_wait_for(task, timeout), -ETIMEDOUT);
        CHECK_INT(state, ==, 2);
        CHECK_OK(coil_check_cancel());
    }
    return 0;
}

/* The cancel of a wait ends the inner task too, with and without a limit. */
TASK_TEST(wait_for_cancelled_cancels_the_task)
{
    static const int64_t timeouts[] = {COIL_NEVER, COIL_MINUTE};

    for (int i = 0; i < 2; i++) {
        int state = 0;
        struct waiter waiter = {.task = coil_create_task(sleep_and_note, &state),
                                .timeout = timeouts[i]};
        struct coil_task *task = coil_create_task(wait_for_it, &waiter);

        yield_times(2);
        CHECK_OK(coil_await(coil_create_task(cancel_it, &task)));
        CHECK_ERR(coil_await(task), -ECANCELED);
        CHECK_INT(state, ==, 2);
    }
    return 0;
}

static int set_future(void *arg)
{
    CHECK_OK(coil_sleep(COIL_MSEC));
    return coil_future_set(arg, 7);
}

static int wait_for_future(void *arg)
{
    return coil_future_wait(arg);
}

/* A result that comes in time is returned, and no deadline is left behind. */
TASK_TEST(wait_for_a_result_that_comes_in_time)
{
    struct coil_future future = {0};
    struct coil_task *setter = coil_create_task(set_future, &future);

    CHECK_INT(coil_wait_for(coil_create_task(wait_for_future, &future), 500 * COIL_MSEC), ==, 7);
    CHECK_OK(coil_await(setter));
    if (test_backend_is("sim")) {
        CHECK_OK(coil_sleep(COIL_SEC));
    }
    return 0;
}

/* The result comes and the wait is cancelled before anybody has run: completed wins. */
TASK_TEST(wait_for_result_and_cancel_at_once)
{
    struct coil_future future = {0};
    struct waiter waiter = {.task = coil_create_task(wait_for_future, &future),
                            .timeout = COIL_MINUTE};
    struct coil_task *task = coil_create_task(wait_for_it, &waiter);

    yield_times(2);
    CHECK_OK(coil_future_set(&future, 7));
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_INT(coil_await(task), ==, 7);
    return 0;
}
