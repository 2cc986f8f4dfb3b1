/* The ends of tasks: what is not theirs any more, who is told, what a handle is worth later. */
#include "in_task.h"

#include <coil/event.h>
#include <coil/gather.h>
#include <coil/group.h>

static int fail(__attribute__((unused)) void *arg)
{
    return -EIO;
}

static int do_nothing(__attribute__((unused)) void *arg)
{
    return 0;
}

/* --- an error handler is nobody's task --- */

static void suspend_in_handler(const struct coil_report *report, void *user)
{
    CHECK_ERR(report->error, -EIO);
    CHECK_PTR(coil_current_task(), ==, NULL);
    *(int *)user = coil_sleep(COIL_MSEC);
}

/* A12: the handler is called where a task ends, but not by that task. */
TASK_TEST(end_error_handler_cannot_suspend)
{
    struct coil_loop *loop = coil_loop_current();
    int rc = 0;

    CHECK_OK(coil_loop_set_error_handler(loop, suspend_in_handler, &rc));
    CHECK_OK(coil_detach(coil_create_task(fail, NULL)));
    yield_times(2);
    CHECK_ERR(rc, -COIL_ENOTASK);
    return coil_loop_set_error_handler(loop, NULL, NULL);
}

/* --- handles of ended tasks --- */

enum { CROWD = 5000, CROWD_WHERE_SLOW = 2000 };

static struct coil_task *old[CROWD];
static struct coil_task *young[CROWD];

static void create_crowd(struct coil_task **tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tasks[i] = coil_create_task(do_nothing, NULL);
    }
}

/* The pages of free stacks go back to the system when the loop sleeps: handles stay stale. */
TASK_TEST(end_handles_stay_stale_when_stacks_are_trimmed)
{
    bool is_slow = test_has_asan() || test_has_tsan() || test_has_valgrind() || test_is_emulated();
    size_t count = is_slow || test_is_torture() ? CROWD_WHERE_SLOW : CROWD;

    create_crowd(old, count);
    CHECK_OK(coil_gather(old, count, NULL));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    create_crowd(young, count);
    for (size_t i = 0; i < count; i++) {
        CHECK_ERR(coil_cancel(old[i]), -COIL_ESTALE);
    }
    return coil_gather(young, count, NULL);
}

static int leave_handle(void *arg)
{
    struct coil_task **ret_task = arg;

    *ret_task = coil_create_task(do_nothing, NULL);
    return coil_await(*ret_task);
}

/* A handle that has outlived its loop, and its memory, is not looked into. */
COIL_TEST(end_handle_outlives_its_loop)
{
    struct coil_task *task = NULL;

    CHECK_OK(coil_run(leave_handle, &task));
    CHECK_ERR(coil_cancel(task), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_detach(task), -COIL_EWRONGTHREAD);
    CHECK(coil_task_is_done(task));
}

/* --- an eager child that ends its group --- */

static int cancel_group(void *arg)
{
    coil_group_cancel(arg);
    CHECK_ERR(coil_sleep(COIL_NEVER), -ECANCELED);
    return -ECANCELED;
}

TASK_TEST(end_of_a_group_by_its_eager_child)
{
    struct coil_task_options options = {.eager = true};
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_create_task(&group, &options, cancel_group, &group, NULL));
    CHECK_ERR(coil_group_close(&group), 0);
    return 0;
}

/* --- one that waits for the next to end, robbed of it and cancelled --- */

struct robbery {
    struct coil_as_completed completed;
    struct coil_event event;
    struct coil_task *tasks[2];
    struct coil_task *victim;
    bool is_done;
};

static int wait_for_event(void *arg)
{
    return coil_event_wait(arg);
}

static int wait_for_next(void *arg)
{
    struct robbery *robbery = arg;
    ssize_t rc = coil_as_completed_next(&robbery->completed, NULL);

    return (int)rc;
}

static int rob(void *arg)
{
    struct robbery *robbery = arg;

    CHECK_INT(coil_wait(robbery->tasks, 1, COIL_ALL_COMPLETED, COIL_NEVER), ==, 1);
    if (!coil_task_is_done(robbery->victim)) { /* it may be first where the order is free */
        CHECK_INT(coil_as_completed_next(&robbery->completed, NULL), ==, 0);
        CHECK_INT(coil_cancel(robbery->victim), ==, 1);
        robbery->is_done = true;
    }
    return 0;
}

/* Woken by an end that another one takes, and cancelled before it runs: it waits no more. */
TASK_TEST(end_taken_by_another_and_cancelled)
{
    struct robbery robbery = {0};
    struct coil_task *robber;
    int rc;

    robbery.tasks[0] = coil_create_task(wait_for_event, &robbery.event);
    robbery.tasks[1] = coil_create_task(task_forever, NULL);
    robber = coil_create_task(rob, &robbery);
    yield_times(2);
    CHECK_OK(coil_as_completed_open(&robbery.completed, robbery.tasks, 2));
    robbery.victim = coil_create_task(wait_for_next, &robbery);
    yield_times(2);
    coil_event_set(&robbery.event);
    CHECK_OK(coil_await(robber));
    rc = coil_await(robbery.victim);
    CHECK_ERR(rc, robbery.is_done ? -ECANCELED : 0);
    CHECK(robbery.is_done || order_is_free());
    coil_as_completed_close(&robbery.completed);
    CHECK_INT(coil_cancel(robbery.tasks[1]), ==, 1);
    CHECK_ERR(coil_await(robbery.tasks[1]), -ECANCELED);
    return 0;
}

/* --- a task that stops the loop which waits for its end --- */

static void count_wait(void *user)
{
    ++*(int *)user;
}

static int stop_in_clean_up(void *arg)
{
    struct coil_loop *loop = coil_loop_current();

    CHECK_ERR(coil_sleep(COIL_NEVER), -ECANCELED);
    CHECK_OK(coil_loop_set_wait_hooks(loop, count_wait, NULL, arg));
    CHECK_OK(coil_loop_stop(loop));
    coil_shield {
        CHECK_OK(coil_sleep(20 * test_moment_ns()));
    }
    return coil_loop_set_wait_hooks(loop, NULL, NULL, NULL);
}

static int leave_one(void *arg)
{
    CHECK_OK(coil_detach(coil_create_task(stop_in_clean_up, arg)));
    yield_times(2);
    return 0;
}

/* A9: the loop sleeps while it waits for what is left, and the stop is not left to the next run. */
COIL_TEST(end_of_a_run_is_not_disturbed_by_a_stop)
{
    struct coil_loop *loop;
    int waits = 0;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_ERR(coil_run_in(loop, NULL, leave_one, &waits), 0);
    CHECK_INT(waits, >=, 1);
    CHECK_INT(coil_run_in(loop, NULL, task_return, &(int){7}), ==, 7);
    CHECK_OK(coil_loop_free(loop));
}
