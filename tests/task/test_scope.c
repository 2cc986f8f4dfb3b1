/* Scopes: timeouts, deadlines, shields, and leaving them. */
#include "in_task.h"

static int cancel_it(void *arg)
{
    return coil_cancel(*(struct coil_task **)arg);
}

/* --- timeouts (C6) --- */

/* C6: the deadline ends what waits, and every call after it. */
TASK_TEST(timeout_ends_every_call_inside)
{
    int64_t before = coil_now();

    coil_timeout(2 * COIL_MSEC) {
        CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
        CHECK_ERR(coil_sleep(1), -ETIMEDOUT);
        CHECK_ERR(coil_yield(), -ETIMEDOUT);
        CHECK_ERR(coil_check_cancel(), -ETIMEDOUT);
    }
    CHECK_INT(coil_now() - before, >=, 2 * COIL_MSEC);
    CHECK_OK(coil_check_cancel());
    CHECK_OK(coil_sleep(1));
    return 0;
}

TASK_TEST(timeout_not_reached_changes_nothing)
{
    struct coil_scope scope;

    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MINUTE));
    CHECK_INT(coil_scope_when(&scope), >, coil_now());
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_OK(coil_scope_close(&scope));
    CHECK(!coil_scope_is_expired(&scope));
    return 0;
}

TASK_TEST(timeout_close_returns_the_error_it_delivered)
{
    struct coil_scope scope;

    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MSEC));
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
    CHECK_ERR(coil_scope_close(&scope), -ETIMEDOUT);
    CHECK(coil_scope_is_expired(&scope));
    return 0;
}

static void spend(int64_t span)
{
    for (int64_t until = coil_now() + span; coil_now() < until && !test_backend_is("sim");) {
    }
}

/* Expired, but nobody was told: nothing has failed. */
TASK_TEST(timeout_that_was_not_delivered_is_no_error)
{
    struct coil_scope scope;

    CHECK_OK(coil_scope_open_deadline(&scope, 1));
    spend(COIL_MSEC);
    CHECK_OK(coil_scope_close(&scope));
    CHECK_OK(coil_check_cancel());
    return 0;
}

/* C6: a past deadline fires in the next iteration. */
TASK_TEST(timeout_in_the_past_fires_soon)
{
    coil_timeout_at(1) {
        CHECK_OK(coil_check_cancel());
        CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
    }
    coil_timeout(-COIL_SEC) {
        CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
    }
    return 0;
}

TASK_TEST(timeout_nested_the_nearest_wins)
{
    coil_timeout(COIL_MINUTE) {
        coil_timeout(COIL_MSEC) {
            CHECK_ERR(coil_sleep(2 * COIL_MINUTE), -ETIMEDOUT);
        }
        CHECK_OK(coil_sleep(1));
    }
    coil_timeout(COIL_MSEC) {
        coil_timeout(COIL_MINUTE) {
            CHECK_ERR(coil_sleep(2 * COIL_MINUTE), -ETIMEDOUT);
        }
        CHECK_ERR(coil_sleep(1), -ETIMEDOUT); /* the outer one's: not over yet */
    }
    CHECK_OK(coil_sleep(1));
    return 0;
}

/* C6: the topmost expired one converts. */
TASK_TEST(timeout_outermost_gets_the_error)
{
    struct coil_scope outer;
    struct coil_scope inner;
    int64_t when = coil_now() + COIL_MSEC;

    CHECK_OK(coil_scope_open_deadline(&outer, when));
    CHECK_OK(coil_scope_open_deadline(&inner, when));
    coil_shield {
        CHECK_OK(coil_sleep(3 * COIL_MSEC));
    }
    CHECK_ERR(coil_sleep(1), -ETIMEDOUT);
    CHECK(coil_scope_is_expired(&inner) && coil_scope_is_expired(&outer));
    CHECK_OK(coil_scope_close(&inner));
    CHECK_ERR(coil_scope_close(&outer), -ETIMEDOUT);
    return 0;
}

/* C6: a cancel from outside beats the timeout inside. */
TASK_TEST(timeout_gives_way_to_a_cancel)
{
    struct coil_task *self = coil_current_task();
    struct coil_scope scope;

    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MINUTE));
    CHECK_OK(coil_detach(coil_create_task(cancel_it, &self)));
    CHECK_ERR(coil_sleep(2 * COIL_MINUTE), -ECANCELED);
    CHECK_OK(coil_scope_close(&scope));
    CHECK_ERR(coil_sleep(1), -ECANCELED);
    CHECK_OK(coil_uncancel(self));
    return 0;
}

TASK_TEST(reschedule_moves_the_deadline)
{
    struct coil_scope scope;

    CHECK_OK(coil_scope_open_timeout(&scope, COIL_NEVER));
    CHECK_INT(coil_scope_when(&scope), ==, COIL_NEVER);
    CHECK_OK(coil_scope_reschedule(&scope, coil_now() + COIL_MINUTE));
    CHECK_OK(coil_sleep(1));
    CHECK_OK(coil_scope_reschedule(&scope, coil_now() + COIL_MSEC));
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT);
    CHECK_ERR(coil_scope_reschedule(&scope, COIL_NEVER), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_scope_close(&scope), -ETIMEDOUT);
    CHECK_ERR(coil_scope_reschedule(&scope, COIL_NEVER), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_scope_reschedule(NULL, 1), -EINVAL);
    return 0;
}

TASK_TEST(reschedule_to_never_takes_it_back)
{
    struct coil_scope scope;

    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MSEC));
    CHECK_OK(coil_scope_reschedule(&scope, COIL_NEVER));
    CHECK_OK(coil_sleep(3 * COIL_MSEC));
    CHECK_OK(coil_scope_close(&scope));
    return 0;
}

/* --- leaving the blocks --- */

static int leave_by_return(void)
{
    coil_timeout(COIL_MSEC) {
        coil_timeout(COIL_MINUTE) {
            return 4;
        }
    }
    return -1;
}

static int leave_by_goto(void)
{
    coil_timeout(COIL_MSEC) {
        coil_shield {
            goto out;
        }
    }
    return -1;
out:
    return 5;
}

TASK_TEST(blocks_are_left_by_return_goto_and_break)
{
    int rounds = 0;

    CHECK_INT(leave_by_return(), ==, 4);
    CHECK_INT(leave_by_goto(), ==, 5);
    coil_timeout(COIL_MSEC) {
        break;
    }
    for (int i = 0; i < 3; i++) {
        coil_timeout(COIL_MSEC) {
            rounds++;
            continue;
        }
        rounds += 10;
    }
    CHECK_INT(rounds, ==, 33);
    CHECK_OK(coil_sleep(3 * COIL_MSEC)); /* no deadline is left behind */
    return 0;
}

TASK_TEST(block_left_with_a_scope_open_inside)
{
    static struct coil_scope forgotten;

    coil_timeout(COIL_MINUTE) {
        CHECK_OK(coil_scope_open_timeout(&forgotten, COIL_MSEC));
    }
    CHECK_OK(coil_sleep(3 * COIL_MSEC));
    CHECK_ERR(coil_scope_close(&forgotten), -EINVAL);
    return 0;
}

COIL_TEST(block_outside_a_task_runs_unbounded)
{
    int runs = 0;

    coil_timeout(1) {
        runs++;
        CHECK_ERR(coil_sleep(1), -COIL_ENOLOOP);
    }
    coil_shield {
        runs++;
    }
    CHECK_INT(runs, ==, 2);
}

static int leave_open(void *arg)
{
    struct coil_scope scope;

    (void)arg;
    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MSEC));
    return 3;
}

/* A mistake that is told, and harms nobody. */
TASK_TEST(scope_left_open_at_the_tasks_end_is_reported)
{
    struct heard heard = {0};

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_INT(coil_await(coil_create_task(leave_open, NULL)), ==, 3);
    CHECK_OK(coil_sleep(3 * COIL_MSEC));
    CHECK_INT(heard.count, ==, 1);
    CHECK_CONTAINS(heard.message, "left open");
    return 0;
}

TASK_TEST(scope_misuse_is_named)
{
    struct coil_scope a;
    struct coil_scope b;

    CHECK_ERR(coil_scope_open_timeout(NULL, 1), -EINVAL);
    CHECK_ERR(coil_scope_open_shield(NULL), -EINVAL);
    CHECK_ERR(coil_scope_close(NULL), -EINVAL);
    CHECK_OK(coil_scope_open_timeout(&a, COIL_MINUTE));
    CHECK_ERR(coil_scope_open_timeout(&a, COIL_MINUTE), -EINVAL);
    CHECK_OK(coil_scope_open_deadline(&b, COIL_NEVER));
    CHECK_ERR(coil_scope_close(&a), -EINVAL); /* b is inside */
    CHECK_OK(coil_scope_close(&b));
    CHECK_OK(coil_scope_close(&a));
    CHECK_ERR(coil_scope_close(&a), -EINVAL);
    CHECK_ERR(coil_scope_cancel(&a), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_scope_cancel(NULL), -EINVAL);
    CHECK(!coil_scope_is_expired(NULL));
    CHECK_INT(coil_scope_when(NULL), ==, COIL_NEVER);
    return 0;
}

/* --- shield (C5 as a stretch of code) --- */

TASK_TEST(shield_makes_cancels_wait)
{
    struct coil_task *self = coil_current_task();

    coil_shield {
        CHECK_OK(coil_detach(coil_create_task(cancel_it, &self)));
        CHECK_OK(coil_sleep(COIL_MSEC));
        CHECK_INT(coil_cancelling(self), ==, 1);
        CHECK_OK(coil_check_cancel());
        coil_timeout(COIL_MSEC) {
            CHECK_ERR(coil_sleep(COIL_MINUTE), -ETIMEDOUT); /* scopes inside work as ever */
        }
        CHECK_OK(coil_sleep(1));
    }
    CHECK_ERR(coil_sleep(1), -ECANCELED);
    CHECK_OK(coil_uncancel(self));
    return 0;
}

TASK_TEST(shield_makes_deadlines_wait)
{
    coil_timeout(COIL_MSEC) {
        coil_shield {
            CHECK_OK(coil_sleep(4 * COIL_MSEC));
        }
        CHECK_ERR(coil_sleep(1), -ETIMEDOUT);
        coil_shield {
            CHECK_OK(coil_sleep(1)); /* cleanup, also after it */
        }
        CHECK_ERR(coil_sleep(1), -ETIMEDOUT);
    }
    return 0;
}

static int child_of_group(void *arg)
{
    int rc = coil_sleep(COIL_MINUTE);

    *(int *)arg = rc;
    return rc;
}

/* A shield protects what is inside it, not the group around it. */
TASK_TEST(shield_inside_a_group_does_not_hold_the_children)
{
    struct coil_group group;
    int child_rc = 0;

    coil_timeout(50 * test_moment_ns()) {
        CHECK_OK(coil_group_open(&group));
        CHECK_OK(coil_group_spawn(&group, child_of_group, &child_rc));
        coil_shield {
            CHECK_OK(coil_sleep(100 * test_moment_ns()));
            CHECK_ERR(child_rc, -ECANCELED);
        }
        CHECK_ERR(coil_group_close(&group), -ETIMEDOUT);
    }
    return 0;
}

/* A group opened inside the shield is protected by it. */
TASK_TEST(shield_around_a_group_holds_the_children)
{
    struct coil_group group;
    int64_t span = 3 * COIL_MSEC;

    coil_timeout(COIL_MSEC) {
        coil_shield {
            CHECK_OK(coil_group_open(&group));
            CHECK_OK(coil_group_spawn(&group, task_sleep, &span));
            CHECK_OK(coil_group_close(&group));
        }
        CHECK_ERR(coil_sleep(1), -ETIMEDOUT);
    }
    return 0;
}

/* --- cancel and uncancel (B3, B5) --- */

/* Level-triggered, other than asyncio's edge (B4): see the design. */
TASK_TEST(cancel_fails_every_call_until_taken_back)
{
    struct coil_task *self = coil_current_task();

    CHECK_INT(coil_cancelling(self), ==, 0);
    CHECK_INT(coil_cancel_because(self, "because"), ==, 1);
    CHECK_ERR(coil_sleep(1), -ECANCELED);
    CHECK_ERR(coil_sleep(1), -ECANCELED);
    CHECK_INT(coil_cancel(self), ==, 1);
    CHECK_INT(coil_cancelling(self), ==, 2);
    CHECK_STR(coil_cancel_reason(), "because"); /* the first one's */
    CHECK_STR(coil_cancel_origin()->func, __func__);
    CHECK_INT(coil_uncancel(self), ==, 1);
    CHECK_ERR(coil_sleep(1), -ECANCELED);
    CHECK_INT(coil_uncancel(self), ==, 0);
    CHECK_OK(coil_sleep(1));
    CHECK_INT(coil_uncancel(self), ==, 0); /* never below */
    CHECK_PTR(coil_cancel_reason(), ==, NULL);
    CHECK_PTR(coil_cancel_origin(), ==, NULL);
    return 0;
}

/* A task that ignores its cancel in a loop does not keep the others from running. */
static int ignore_cancel(void *arg)
{
    const bool *stop = arg;

    while (!*stop && !test_has_noticed()) {
        coil_yield();
    }
    return 6;
}

TASK_TEST(cancel_that_is_ignored_leaves_others_running)
{
    bool stop = false;
    struct coil_task *task = coil_create_task(ignore_cancel, &stop);

    yield_times(1);
    CHECK_INT(coil_cancel(task), ==, 1);
    yield_times(5);
    stop = true;
    CHECK_INT(coil_await(task), ==, 6); /* it ended with a result of its own */
    return 0;
}

static int cancel_scope(void *arg)
{
    return coil_scope_cancel(arg);
}

TASK_TEST(scope_can_be_cancelled)
{
    struct coil_scope scope;

    CHECK_OK(coil_scope_open_timeout(&scope, COIL_NEVER));
    CHECK_OK(coil_detach(coil_create_task(cancel_scope, &scope)));
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ECANCELED);
    CHECK_STR(coil_cancel_origin()->func, "cancel_scope");
    CHECK_ERR(coil_scope_close(&scope), -ECANCELED);
    CHECK(!coil_scope_is_expired(&scope));
    CHECK_OK(coil_sleep(1));
    return 0;
}
