/* Groups: a group owns its tasks, closing it waits for all. */
#include "in_task.h"

static int cancel_it(void *arg)
{
    return coil_cancel(*(struct coil_task **)arg);
}

static int fail_later(void *arg)
{
    yield_times(1);
    return *(int *)arg;
}

/* --- C7 --- */

static int add_one(void *arg)
{
    coil_sleep(100 * COIL_USEC);
    ++*(int *)arg;
    return 0;
}

TASK_TEST(group_close_waits_for_all)
{
    struct coil_group group;
    int count = 0;

    CHECK_OK(coil_group_open(&group));
    for (int i = 0; i < 10; i++) {
        CHECK_OK(coil_group_spawn(&group, add_one, &count));
    }
    CHECK_OK(coil_group_close(&group));
    CHECK_INT(count, ==, 10);
    CHECK_INT(coil_group_error_count(&group), ==, 0);
    return 0;
}

TASK_TEST(group_of_nothing)
{
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_close(&group));
    CHECK_ERR(coil_group_close(&group), -EINVAL);
    return 0;
}

struct spawner {
    struct coil_group *group;
    int left;
    int *count;
};

static int spawn_another(void *arg);

static int spawn_copy(struct spawner *spawner)
{
    struct coil_task_options options = {.copy_size = sizeof *spawner};

    return coil_group_create_task(spawner->group, &options, spawn_another, spawner, NULL);
}

static int spawn_another(void *arg)
{
    struct spawner spawner = *(struct spawner *)arg;

    ++*spawner.count;
    if (--spawner.left > 0) {
        coil_yield();
        CHECK_OK(spawn_copy(&spawner));
        coil_sleep(COIL_MSEC);
    }
    return 0;
}

/* C7: children may spawn while the group is being closed, until the last one ends. */
TASK_TEST(group_children_spawn_while_it_closes)
{
    struct coil_group group;
    int count = 0;
    struct spawner spawner = {&group, 5, &count};

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, spawn_another, &spawner));
    CHECK_OK(coil_group_close(&group));
    CHECK_INT(count, ==, 5);
    return 0;
}

static int note_cancel(void *arg)
{
    int rc = coil_sleep(COIL_MINUTE);

    *(int *)arg = rc;
    return rc;
}

/* C7: the first failure cancels the siblings and the body. */
TASK_TEST(group_failure_cancels_siblings_and_body)
{
    struct coil_group group;
    int sibling_rc = 0;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, note_cancel, &sibling_rc));
    CHECK_OK(coil_group_spawn(&group, fail_later, &(int){-EIO}));
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ECANCELED);
    CHECK_STR(coil_cancel_reason(), "a sibling in its group failed");
    CHECK_ERR(coil_group_spawn(&group, note_cancel, &sibling_rc), -COIL_ECLOSED);
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_ERR(sibling_rc, -ECANCELED);
    CHECK_INT(coil_group_error_count(&group), ==, 1); /* the cancelled one has not failed */
    CHECK_OK(coil_check_cancel());
    return 0;
}

static int fail_in_cleanup(void *arg)
{
    coil_sleep(COIL_MINUTE);
    return *(int *)arg;
}

/* C7: every error is kept, also those of siblings that fail while they are cancelled. */
TASK_TEST(group_keeps_every_error)
{
    struct coil_task_options options = {.name = "first"};
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, fail_in_cleanup, &(int){-EPIPE}));
    CHECK_OK(coil_group_create_task(&group, &options, fail_later, &(int){-EIO}, NULL));
    CHECK_OK(coil_group_spawn(&group, fail_in_cleanup, &(int){-EFBIG}));
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_INT(coil_group_error_count(&group), ==, 3);
    CHECK_ERR(coil_group_error_at(&group, 0)->error, -EIO);
    CHECK_STR(coil_group_error_at(&group, 0)->task_name, "first");
    CHECK_INT(coil_group_error_at(&group, 1)->error + coil_group_error_at(&group, 2)->error, ==,
              -EPIPE - EFBIG);
    CHECK_PTR(coil_group_error_at(&group, 3), ==, NULL);
    CHECK_PTR(coil_group_error_at(NULL, 0), ==, NULL);
    CHECK_INT(coil_group_error_count(NULL), ==, 0);
    return 0;
}

TASK_TEST(group_reports_errors_beyond_its_room)
{
    struct heard heard = {0};
    struct coil_group group;
    int error = -EPIPE;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_OK(coil_group_open(&group));
    for (int i = 0; i < COIL_GROUP_ERRORS + 3; i++) {
        CHECK_OK(coil_group_spawn(&group, fail_in_cleanup, &error));
    }
    yield_times(1);
    CHECK_OK(coil_group_fail(&group, -EIO));
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_INT(coil_group_error_count(&group), ==, COIL_GROUP_ERRORS + 4);
    CHECK_PTR(coil_group_error_at(&group, COIL_GROUP_ERRORS), ==, NULL);
    CHECK_INT(heard.count, ==, 4);
    CHECK_ERR(heard.error, -EPIPE);
    return 0;
}

/* C7: the body's error is one of them. */
TASK_TEST(group_body_can_fail)
{
    struct coil_group group;
    int rc = 0;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, note_cancel, &rc));
    yield_times(1);
    CHECK_ERR(coil_group_fail(&group, 0), -EINVAL);
    CHECK_OK(coil_group_fail(&group, -EPIPE));
    CHECK_ERR(coil_group_close(&group), -EPIPE);
    CHECK_ERR(rc, -ECANCELED);
    CHECK_ERR(coil_group_fail(&group, -EPIPE), -COIL_ECLOSED);
    return 0;
}

/* C7: a child that was merely cancelled is no error. */
TASK_TEST(group_cancelled_child_is_no_failure)
{
    struct coil_task *child = NULL;
    struct coil_group group;
    int count = 0;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_create_task(&group, NULL, task_forever, NULL, &child));
    CHECK_OK(coil_group_spawn(&group, add_one, &count));
    yield_times(1);
    CHECK_INT(coil_cancel(child), ==, 1);
    CHECK_ERR(coil_await(child), -COIL_ESTALE); /* the group's */
    CHECK_OK(coil_group_close(&group));
    CHECK_INT(count, ==, 1);
    return 0;
}

/* C7: a cancel from outside reaches the children, and is passed on. */
TASK_TEST(group_cancelled_from_outside)
{
    struct coil_task *self = coil_current_task();
    struct coil_group group;
    int rc = 0;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, note_cancel, &rc));
    yield_times(1);
    CHECK_OK(coil_detach(coil_create_task(cancel_it, &self)));
    CHECK_ERR(coil_group_close(&group), -ECANCELED);
    CHECK_ERR(rc, -ECANCELED);
    CHECK_OK(coil_uncancel(self));
    return 0;
}

/* C7: errors beat cancellation. */
TASK_TEST(group_error_beats_a_cancel)
{
    struct coil_task *self = coil_current_task();
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, fail_in_cleanup, &(int){-EIO}));
    yield_times(1);
    CHECK_OK(coil_detach(coil_create_task(cancel_it, &self)));
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_ERR(coil_check_cancel(), -ECANCELED);
    CHECK_OK(coil_uncancel(self));
    return 0;
}

TASK_TEST(group_under_a_deadline)
{
    struct coil_group outer;
    struct coil_group inner;
    int rcs[2] = {0};

    coil_timeout(50 * test_moment_ns()) {
        CHECK_OK(coil_group_open(&outer));
        CHECK_OK(coil_group_spawn(&outer, note_cancel, &rcs[0]));
        CHECK_OK(coil_group_open(&inner));
        CHECK_OK(coil_group_spawn(&inner, note_cancel, &rcs[1]));
        CHECK_ERR(coil_group_close(&inner), -ETIMEDOUT);
        CHECK_ERR(coil_group_close(&outer), -ETIMEDOUT);
    }
    CHECK_ERR(rcs[0], -ECANCELED);
    CHECK_ERR(rcs[1], -ECANCELED);
    return 0;
}

/* The failure in the inner group is the inner group's. */
TASK_TEST(group_nested_failure_stays_inside)
{
    struct coil_group outer;
    struct coil_group inner;
    int count = 0;

    CHECK_OK(coil_group_open(&outer));
    CHECK_OK(coil_group_spawn(&outer, add_one, &count));
    CHECK_OK(coil_group_open(&inner));
    CHECK_OK(coil_group_spawn(&inner, fail_later, &(int){-EIO}));
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ECANCELED);
    CHECK_ERR(coil_group_close(&inner), -EIO);
    CHECK_OK(coil_sleep(1));
    CHECK_OK(coil_group_close(&outer));
    CHECK_INT(count, ==, 1);
    return 0;
}

/* --- C8 --- */

/* C8: may be called again, ends without an error. */
TASK_TEST(group_cancel_is_no_error)
{
    struct coil_group group;
    int rc = 0;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, note_cancel, &rc));
    yield_times(1);
    CHECK_OK(coil_group_cancel(&group));
    CHECK_OK(coil_group_cancel(&group));
    CHECK_ERR(coil_sleep(1), -ECANCELED);
    CHECK_ERR(coil_group_spawn(&group, note_cancel, &rc), -COIL_ECLOSED);
    CHECK_OK(coil_group_close(&group));
    CHECK_ERR(rc, -ECANCELED);
    CHECK_OK(coil_group_cancel(&group));
    CHECK_ERR(coil_group_cancel(&(struct coil_group){0}), -COIL_ECLOSED);
    CHECK_ERR(coil_group_cancel(NULL), -EINVAL);
    CHECK_OK(coil_check_cancel());
    return 0;
}

static int cancel_group(void *arg)
{
    yield_times(1);
    return coil_group_cancel((struct coil_group *)arg);
}

TASK_TEST(group_cancel_from_a_child)
{
    struct coil_group group;
    int rc = 0;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, note_cancel, &rc));
    CHECK_OK(coil_group_spawn(&group, cancel_group, &group));
    CHECK_OK(coil_group_close(&group));
    CHECK_ERR(rc, -ECANCELED);
    return 0;
}

/* --- adopt --- */

TASK_TEST(group_adopts_tasks)
{
    struct coil_group group;
    int count = 0;
    struct coil_task *ended = coil_create_task(task_return, &(int){0});
    struct coil_task *runs = coil_create_task(add_one, &count);
    struct coil_task *late = coil_create_task(task_forever, NULL);

    yield_times(1);
    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_adopt(&group, ended));
    CHECK_OK(coil_group_adopt(&group, runs));
    CHECK_ERR(coil_group_adopt(&group, runs), -COIL_ESTALE);
    CHECK_ERR(coil_group_adopt(&group, NULL), -ENOMEM);
    CHECK_ERR(coil_group_adopt(&group, coil_current_task()), -COIL_ESTALE);
    CHECK_OK(coil_group_close(&group));
    CHECK_INT(count, ==, 1);
    CHECK_ERR(coil_group_adopt(&group, late), -COIL_ECLOSED); /* and it is cancelled */
    CHECK_INT(coil_cancelling(late), ==, 1);
    yield_times(1);
    CHECK(coil_task_is_done(late));
    return 0;
}

TASK_TEST(group_adopts_a_failed_task)
{
    struct coil_task *failed = coil_create_task(task_return, &(int){-EIO});
    struct coil_group group;

    yield_times(1);
    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_adopt(&group, failed));
    CHECK_ERR(coil_sleep(1), -ECANCELED);
    CHECK_ERR(coil_group_close(&group), -EIO);
    return 0;
}

static int adopt_itself(void *arg)
{
    struct coil_group group;

    (void)arg;
    CHECK_OK(coil_group_open(&group));
    CHECK_ERR(coil_group_adopt(&group, coil_current_task()), -EDEADLK);
    return coil_group_close(&group);
}

TASK_TEST(group_does_not_adopt_its_body)
{
    struct coil_task *task = coil_create_task(adopt_itself, NULL);

    yield_times(1);
    return coil_await(task);
}

/* --- start --- */

static int serve(void *arg)
{
    int *state = arg;

    coil_sleep(100 * COIL_USEC);
    *state = 1;
    CHECK_OK(coil_task_ready(80));
    CHECK_ERR(coil_task_ready(80), -COIL_EINVALIDSTATE);
    coil_sleep(COIL_MINUTE);
    *state = 2;
    return 0;
}

TASK_TEST(start_waits_until_the_child_is_ready)
{
    struct coil_group group;
    int state = 0;

    CHECK_OK(coil_group_open(&group));
    CHECK_INT(coil_group_start(&group, serve, &state), ==, 80);
    CHECK_INT(state, ==, 1);
    CHECK_OK(coil_group_cancel(&group));
    CHECK_OK(coil_group_close(&group));
    CHECK_INT(state, ==, 2);
    CHECK_ERR(coil_task_ready(1), -COIL_EINVALIDSTATE);
    return 0;
}

TASK_TEST(start_returns_the_error_of_a_child_that_ends)
{
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_ERR(coil_group_start(&group, task_return, &(int){5}), -COIL_ENOTREADY);
    CHECK_ERR(coil_group_start(&group, task_return, &(int){-EADDRINUSE}), -EADDRINUSE);
    CHECK_ERR(coil_group_close(&group), -EADDRINUSE);
    return 0;
}

TASK_TEST(start_cancelled_cancels_the_child)
{
    struct coil_group group;
    int rc = 0;

    CHECK_OK(coil_group_open(&group));
    coil_timeout(50 * test_moment_ns()) {
        CHECK_ERR(coil_group_start(&group, note_cancel, &rc), -ETIMEDOUT);
    }
    CHECK_ERR(rc, -ECANCELED);
    CHECK_OK(coil_group_close(&group));
    return 0;
}

/* --- misuse --- */

TASK_TEST(group_misuse_is_named)
{
    struct coil_group group = {0};
    struct coil_scope scope;

    CHECK_ERR(coil_group_open(NULL), -EINVAL);
    CHECK_ERR(coil_group_close(NULL), -EINVAL);
    CHECK_ERR(coil_group_close(&group), -EINVAL);
    CHECK_ERR(coil_group_spawn(NULL, task_forever, NULL), -EINVAL);
    CHECK_ERR(coil_group_spawn(&group, task_forever, NULL), -COIL_ECLOSED);
    CHECK_ERR(coil_group_start(&group, task_forever, NULL), -COIL_ECLOSED);
    CHECK_OK(coil_group_open(&group));
    CHECK_ERR(coil_group_open(&group), -EINVAL);
    CHECK_ERR(coil_group_spawn(&group, NULL, NULL), -EINVAL);
    CHECK_OK(coil_scope_open_timeout(&scope, COIL_NEVER));
    CHECK_ERR(coil_group_close(&group), -EINVAL); /* a scope is open inside */
    CHECK_OK(coil_scope_close(&scope));
    CHECK_OK(coil_group_close(&group));
    return 0;
}

COIL_TEST(group_outside_a_task)
{
    struct coil_group group;

    CHECK_ERR(coil_group_open(&group), -COIL_ENOLOOP);
    CHECK_ERR(coil_group_close(&group), -COIL_ENOLOOP);
    CHECK_ERR(coil_task_ready(1), -COIL_ENOLOOP);
}

static int forget_close(void *arg)
{
    struct coil_group group;
    int rc = coil_group_open(&group);

    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = coil_group_spawn(&group, note_cancel, (int *)arg + i);
    }
    yield_times(1);
    return rc < 0 ? rc : 9; /* no close */
}

/* A mistake that is told: its children are cancelled, and run on by themselves. */
TASK_TEST(group_left_open_is_reported)
{
    struct heard heard = {0};
    int rcs[3] = {0};

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_INT(coil_await(coil_create_task(forget_close, rcs)), ==, 9);
    yield_times(2);
    CHECK_INT(heard.count, ==, 1);
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(rcs[i], -ECANCELED);
    }
    return 0;
}
