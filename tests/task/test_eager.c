/* Tasks that run at once until they first wait (A15): their errors, their groups, their values. */
#include "in_task.h"

static const struct coil_task_options eager = {.eager = true};

static struct coil_task *start(coil_task_fn fn, void *arg)
{
    return test_made(coil_task_create(&eager, fn, arg));
}

/* --- ended before anybody had its handle --- */

TASK_TEST(eager_error_is_kept_for_the_await)
{
    struct heard heard = {0};
    struct coil_task *task;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    task = start(task_return, &(int){-EIO});
    CHECK(coil_task_is_done(task));
    yield_times(1);
    CHECK_INT(heard.count, ==, 0);
    CHECK_ERR(coil_await(task), -EIO);
    return coil_loop_set_error_handler(coil_loop_current(), NULL, NULL);
}

static void add_one(void *user)
{
    ++*(int *)user;
}

/* All have ended already: gathering them waits for nothing. */
TASK_TEST(eager_tasks_are_gathered_at_once)
{
    struct coil_handle handle = {0};
    struct coil_task *tasks[3];
    int results[3];
    int calls = 0;

    for (int i = 0; i < 3; i++) {
        tasks[i] = start(task_return, &i);
    }
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, add_one, &calls));
    CHECK_OK(coil_gather(tasks, 3, results));
    CHECK_INT(calls, ==, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(results[i], ==, i);
    }
    yield_times(1);
    CHECK_INT(calls, ==, 1);
    return 0;
}

/* --- who runs --- */

struct nest {
    struct coil_task *outer;
    struct coil_task *inner;
    ssize_t tasks; /* that live while the inner one runs */
};

static int run_inner(void *arg)
{
    struct nest *nest = arg;
    struct coil_task *found[4];

    nest->inner = coil_current_task();
    nest->tasks = coil_all_tasks(found, 4);
    return 1;
}

static int run_outer(void *arg)
{
    struct nest *nest = arg;
    struct coil_task *inner;

    nest->outer = coil_current_task();
    inner = start(run_inner, nest);
    CHECK_PTR(coil_current_task(), ==, nest->outer);
    CHECK_PTR(inner, ==, nest->inner);
    return coil_await(inner) + 1;
}

TASK_TEST(eager_in_an_eager_task)
{
    struct coil_task *self = coil_current_task();
    struct nest nest = {0};
    struct coil_task *task = start(run_outer, &nest);

    CHECK_PTR(coil_current_task(), ==, self);
    CHECK_PTR(task, ==, nest.outer);
    CHECK_INT(nest.tasks, ==, 3);
    CHECK_INT(coil_await(task), ==, 2);
    CHECK_INT(coil_all_tasks(NULL, 0), ==, 1);
    return 0;
}

static int value_a;
static int value_b;
static const struct coil_local local = {0};

static int see_and_set(void *arg)
{
    (void)arg;
    CHECK_PTR(coil_local_get(&local), ==, &value_a);
    CHECK_OK(coil_local_set(&local, &value_b));
    CHECK_PTR(coil_local_get(&local), ==, &value_b);
    yield_times(1);
    CHECK_PTR(coil_local_get(&local), ==, &value_b);
    return 0;
}

/* It sees its creator's values, and what it sets does not go back, though it ran inside of it. */
TASK_TEST(eager_has_values_of_its_own)
{
    struct coil_task *task;

    CHECK_OK(coil_local_set(&local, &value_a));
    task = start(see_and_set, NULL);
    CHECK_PTR(coil_local_get(&local), ==, &value_a);
    return coil_await(task);
}

/* --- cancelled --- */

TASK_TEST(eager_cancelled_where_it_waits)
{
    struct coil_task *task = start(task_forever, NULL);

    CHECK(!coil_task_is_done(task));
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -ECANCELED);
    return 0;
}

static int cancel_itself(void *arg)
{
    CHECK_INT(coil_cancel(coil_current_task()), ==, 1);
    *(bool *)arg = true;
    return coil_sleep(COIL_NEVER);
}

/* Its own cancel is not its creator's, and it never gets to wait. */
TASK_TEST(eager_that_cancels_itself)
{
    bool has_run = false;
    struct coil_task *task = start(cancel_itself, &has_run);

    CHECK(has_run);
    CHECK(coil_task_is_done(task));
    CHECK_OK(coil_check_cancel());
    CHECK_ERR(coil_await(task), -ECANCELED);
    return 0;
}

/* --- in groups --- */

TASK_TEST(eager_children_that_have_ended)
{
    struct coil_group group;
    struct coil_task *child = NULL;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_create_task(&group, &eager, task_return, &(int){3}, &child));
    CHECK_OK(coil_group_create_task(&group, &eager, task_forever, NULL, &child));
    CHECK_INT(coil_all_tasks(NULL, 0), ==, 2);
    CHECK_INT(coil_cancel(child), ==, 1);
    return coil_group_close(&group);
}

/* One that fails before its creation has returned ends the group, its siblings and the body. */
TASK_TEST(eager_child_that_fails_at_once)
{
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_create_task(&group, &eager, task_forever, NULL, NULL));
    CHECK_OK(coil_group_create_task(&group, &eager, task_return, &(int){-EIO}, NULL));
    CHECK_ERR(coil_group_spawn(&group, task_forever, NULL), -COIL_ECLOSED);
    CHECK_ERR(coil_sleep(1), -ECANCELED);
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_INT(coil_group_error_count(&group), ==, 1);
    return coil_sleep(1);
}
