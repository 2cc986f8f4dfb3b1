/* In debug mode a misuse of tasks, groups, scopes and loops has a sentence too. */
#include "told.h"

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static struct coil_task *start_named(const char *name, coil_task_fn fn)
{
    struct coil_task_options options = {.name = name, .site = COIL_HERE};

    return coil_task_create(&options, fn, NULL);
}

TOLD_TEST(sentence_await_of_null)
{
    struct coil_task *none[1] = {NULL};

    CHECK_TOLD(coil_await(NULL), -ENOMEM, "handle is NULL");
    CHECK_TOLD(coil_await_shielded(NULL), -ENOMEM, "handle is NULL");
    CHECK_TOLD(coil_wait_for(NULL, 0), -ENOMEM, "handle is NULL");
    CHECK_TOLD(coil_detach(NULL), -ENOMEM, "handle is NULL");
    CHECK_TOLD(coil_cancel(NULL), -ENOMEM, "handle is NULL");
    CHECK_TOLD(coil_gather(none, 1, NULL), -ENOMEM, "handle is NULL");
    CHECK_TOLD(coil_wait(none, 1, COIL_ALL_COMPLETED, 0), -ENOMEM, "handle is NULL");
    return 0;
}

TOLD_TEST(sentence_tasks_at_null)
{
    struct coil_as_completed completed;

    CHECK_TOLD(coil_gather(NULL, 1, NULL), -EINVAL, "coil_gather");
    CHECK_TOLD(coil_wait(NULL, 1, COIL_ALL_COMPLETED, 0), -EINVAL, "coil_wait");
    CHECK_TOLD(coil_as_completed_open(&completed, NULL, 1), -EINVAL, "coil_as_completed_open");
    CHECK_TOLD(coil_as_completed_open(NULL, NULL, 0), -EINVAL, "coil_as_completed_open");
    return 0;
}

TOLD_TEST(sentence_await_of_oneself)
{
    struct coil_task *self = coil_current_task();
    struct coil_as_completed completed;
    struct coil_group group;

    CHECK_TOLD(coil_await(self), -EDEADLK, "task main waits for its own end");
    CHECK_TOLD(coil_wait_for(self, COIL_MINUTE), -EDEADLK, "own end");
    CHECK_TOLD(coil_gather(&self, 1, NULL), -EDEADLK, "own end");
    CHECK_TOLD(coil_wait(&self, 1, COIL_ALL_COMPLETED, COIL_MINUTE), -EDEADLK, "own end");
    CHECK_TOLD(coil_as_completed_open(&completed, &self, 1), -EDEADLK, "own end");
    CHECK_OK(coil_group_open(&group));
    CHECK_TOLD(coil_group_adopt(&group, self), -COIL_ESTALE, "task main was given to a group");
    return coil_group_close(&group);
}

TOLD_TEST(sentence_await_of_a_detached_task)
{
    struct coil_task *task = start_named("worker", nothing);

    CHECK_OK(coil_detach(task));
    CHECK_TOLD(coil_await(task), -COIL_ESTALE, "task worker was detached");
    CHECK_TOLD(coil_wait_for(task, 0), -COIL_ESTALE, "task worker was detached");
    CHECK_TOLD(coil_detach(task), -COIL_ESTALE, "task worker was detached");
    CHECK_TOLD(coil_gather(&task, 1, NULL), -COIL_ESTALE, "task worker was detached");
    return 0;
}

TOLD_TEST(sentence_await_of_a_groups_task)
{
    struct coil_task_options options = {.name = "child"};
    struct coil_group group;
    struct coil_task *task = NULL;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_create_task(&group, &options, nothing, NULL, &task));
    CHECK_TOLD(coil_await(task), -COIL_ESTALE, "task child was given to a group");
    CHECK_TOLD(coil_group_adopt(&group, task), -COIL_ESTALE, "task child was given to a group");
    return coil_group_close(&group);
}

static int await_it(void *arg)
{
    return coil_await(arg);
}

TOLD_TEST(sentence_task_that_is_awaited)
{
    struct coil_task *task = start_named("worker", task_forever);
    struct coil_task *waiter = coil_create_task(await_it, task);

    yield_times(1);
    CHECK_TOLD(coil_detach(task), -COIL_ESTALE, "task worker is awaited already");
    CHECK_OK(coil_cancel(task));
    CHECK_ERR(coil_await(waiter), -ECANCELED);
    CHECK_TOLD(coil_await(task), -COIL_ESTALE, "used after its end");
    CHECK_TOLD(coil_cancel(waiter), -COIL_ESTALE, "used after its end");
    return 0;
}

static int close_group(void *arg)
{
    CHECK_ERR(coil_group_close(arg), -EINVAL);
    return 0;
}

TOLD_TEST(sentence_group_close)
{
    struct coil_task_options options = {.name = "closer"};
    struct coil_group group;
    struct coil_scope scope;
    struct coil_task *task;

    CHECK_OK(coil_group_open(&group));
    CHECK_TOLD(coil_group_open(&group), -EINVAL, "open already");
    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MINUTE));
    CHECK_TOLD(coil_scope_open_timeout(&scope, 1), -EINVAL, "open already");
    CHECK_TOLD(coil_group_close(&group), -EINVAL, "with a scope or a group still open inside it");
    CHECK_OK(coil_scope_close(&scope));
    CHECK_TOLD(coil_scope_close(&scope), -EINVAL, "not the innermost open one");
    CHECK_TOLD(coil_group_close(NULL), -EINVAL, "a group is NULL");
    told.heard = (struct heard){0};
    task = coil_task_create(&options, close_group, &group);
    CHECK_OK(coil_await(task));
    CHECK_INT(told.heard.count, ==, told.is_debug ? 1 : 0);
    CHECK_STR(told.heard.task_name, told.is_debug ? "closer" : "");
    CHECK_OK(coil_group_close(&group));
    CHECK_TOLD(coil_group_close(&group), -EINVAL, "that is not open");
    CHECK_TOLD(coil_group_spawn(&group, nothing, NULL), -COIL_ECLOSED, "a group is closed");
    CHECK_TOLD(coil_group_spawn(NULL, nothing, NULL), -EINVAL, "a group is NULL");
    return 0;
}

TOLD_TEST(sentence_nested_run)
{
    struct coil_loop *loop = NULL;

    CHECK_TOLD(coil_run(nothing, NULL), -COIL_ENESTED, "inside a running loop");
    if (test_made(coil_loop_new(NULL, &loop) == 0 ? loop : NULL)) {
        CHECK_TOLD(coil_run_in(loop, NULL, nothing, NULL), -COIL_ENESTED, "inside of another one");
        CHECK_TOLD(coil_loop_run(loop), -COIL_ENESTED, "inside of another one");
        CHECK_OK(coil_loop_free(loop));
    }
    return 0;
}

/* --- no misuse --- */

static int yield_and_return(void *arg)
{
    yield_times(1);
    return *(int *)arg;
}

/* Handles that stand twice in a gather, and tasks that have ended or are consumed by others while
 * somebody waits for them. */
TOLD_TEST(sentence_none_about_what_is_right)
{
    int seven = 7;
    int results[3];
    struct coil_as_completed completed;
    struct coil_task *twice[3];
    struct coil_task *task = coil_create_task(task_return, &seven);
    struct coil_task *other;

    twice[0] = twice[2] = coil_create_task(yield_and_return, &seven);
    yield_times(4); /* it has ended: the gather consumes it at its first place */
    twice[1] = coil_create_task(yield_and_return, &seven);
    CHECK_OK(coil_gather(twice, 3, results));
    CHECK_INT(results[2], ==, 7);
    CHECK_INT(coil_await(task), ==, 7);

    task = coil_create_task(yield_and_return, &seven);
    other = coil_create_task(await_it, task);
    CHECK_INT(coil_wait(&task, 1, COIL_ALL_COMPLETED, COIL_MINUTE), ==, 1);
    CHECK_INT(coil_await(other), ==, 7);

    task = coil_create_task(yield_and_return, &seven);
    CHECK_OK(coil_as_completed_open(&completed, &task, 1));
    CHECK_INT(coil_await(task), ==, 7);
    CHECK_INT(coil_as_completed_next(&completed, &results[0]), ==, 0);
    CHECK_INT(results[0], ==, 7);
    coil_as_completed_close(&completed);
    CHECK_NOT_TOLD();
    return 0;
}
