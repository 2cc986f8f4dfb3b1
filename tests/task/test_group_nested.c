/* Groups: bodies and children that fail in their cleanup, groups in groups, children of children
 * (C7). */
#include "in_task.h"

/* --- children --- */

static int note_cancel(void *arg)
{
    int rc = coil_sleep(COIL_MINUTE);

    *(int *)arg += rc == -ECANCELED;
    return rc;
}

static int fail_in_cleanup(void *arg)
{
    coil_sleep(COIL_MINUTE);
    return *(int *)arg;
}

struct failure {
    int64_t span;
    int error;
};

static int fail_after(void *arg)
{
    const struct failure *failure = arg;
    int rc = coil_sleep(failure->span);

    return rc < 0 ? rc : failure->error;
}

static int sleep_and_store(void *arg)
{
    int rc = coil_sleep(COIL_MSEC);

    *(int *)arg = rc < 0 ? rc : 42;
    return rc;
}

/* A child may come late, while the body waits for something else; results are there at the end. */
TASK_TEST(group_takes_children_while_its_body_waits)
{
    struct coil_group group;
    int results[2] = {0};

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, sleep_and_store, &results[0]));
    CHECK_OK(coil_sleep(2 * COIL_MSEC));
    CHECK_OK(coil_group_spawn(&group, sleep_and_store, &results[1]));
    CHECK_OK(coil_group_close(&group));
    CHECK_INT(results[0], ==, 42);
    CHECK_INT(results[1], ==, 42);
    return 0;
}

/* C7: after one child was cancelled the group takes another, and that one ends well. */
TASK_TEST(group_takes_children_after_a_cancel)
{
    struct coil_task_options options = {.name = "first"};
    struct coil_task *child = NULL;
    struct coil_group group;
    int result = 0;
    int cancels = 0;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_create_task(&group, &options, note_cancel, &cancels, &child));
    CHECK_STR(coil_task_name(child), "first");
    yield_times(1);
    CHECK_INT(coil_cancel(child), ==, 1);
    CHECK_OK(coil_group_spawn(&group, sleep_and_store, &result));
    CHECK_OK(coil_group_close(&group));
    CHECK_INT(cancels, ==, 1);
    CHECK_INT(result, ==, 42);
    return 0;
}

/* A group that lives long holds no children that have ended. */
TASK_TEST(group_lets_ended_children_go)
{
    struct coil_group group;
    int count = test_is_torture() ? 4 : 20;
    size_t blocks = 0;
    int result = 0;

    CHECK_OK(coil_group_open(&group));
    for (int i = 0; i < count; i++) {
        CHECK_OK(coil_group_spawn(&group, sleep_and_store, &result));
        CHECK_OK(coil_sleep(10 * test_moment_ns()));
        blocks = i == count / 2 ? test_live_blocks() : blocks;
    }
    CHECK_INT(coil_all_tasks(NULL, 0), ==, 1);
    CHECK_INT(test_live_blocks(), <=, (int64_t)blocks);
    return coil_group_close(&group);
}

struct hydra {
    struct coil_group *group;
    int heads;
};

static int grow(void *arg)
{
    struct hydra *hydra = arg;

    hydra->heads++;
    coil_yield();
    for (int i = 0; i < 2 && hydra->heads < 1000; i++) {
        if (coil_group_spawn(hydra->group, grow, hydra) < 0) {
            break; /* it takes no more */
        }
    }
    return 0;
}

static int strike(void *arg)
{
    const struct hydra *hydra = arg;

    while (hydra->heads < 10) {
        int rc = coil_yield();

        if (rc < 0) {
            return rc;
        }
    }
    return -EIO;
}

/* C7: children that spawn more and more come to an end when one fails. */
TASK_TEST(group_of_children_that_multiply_ends)
{
    struct coil_group group;
    struct hydra hydra = {.group = &group};

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, grow, &hydra));
    CHECK_OK(coil_group_spawn(&group, strike, &hydra));
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_INT(hydra.heads, >=, 10);
    CHECK_INT(coil_all_tasks(NULL, 0), ==, 1);
    return 0;
}

struct spawner {
    struct coil_group *group;
    int rc;
};

static int spawn_in_cleanup(void *arg)
{
    struct spawner *spawner = arg;

    CHECK_ERR(coil_sleep(COIL_MINUTE), -ECANCELED);
    spawner->rc = coil_group_spawn(spawner->group, task_forever, NULL);
    return -ECANCELED;
}

/* C7: in the cleanup after a sibling's failure nothing can be spawned any more. */
TASK_TEST(group_takes_no_children_in_their_cleanup)
{
    struct failure failure = {COIL_MSEC, -EIO};
    struct coil_group group;
    struct spawner spawner = {&group, 1};

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, fail_after, &failure));
    CHECK_OK(coil_group_spawn(&group, spawn_in_cleanup, &spawner));
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_ERR(spawner.rc, -COIL_ECLOSED);
    CHECK_INT(coil_group_error_count(&group), ==, 1);
    return 0;
}

/* --- a body that fails --- */

/* C7: it fails before its children have run: they never do. */
TASK_TEST(group_body_fails_before_the_children_run)
{
    struct coil_group group;
    int cancels = 0;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, note_cancel, &cancels));
    CHECK_OK(coil_group_spawn(&group, note_cancel, &cancels));
    CHECK_OK(coil_group_fail(&group, -EIO));
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_INT(cancels, ==, 0);
    return 0;
}

/* C7: the body is cancelled by a child's failure, and fails in its own cleanup: both are kept. */
TASK_TEST(group_child_and_body_fail)
{
    struct failure failure = {COIL_MSEC, -EIO};
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, fail_after, &failure));
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ECANCELED);
    CHECK_OK(coil_group_fail(&group, -EPERM));
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_INT(coil_group_error_count(&group), ==, 2);
    CHECK_ERR(coil_group_error_at(&group, 1)->error, -EPERM);
    CHECK_INT(coil_cancelling(coil_current_task()), ==, 0);
    CHECK_OK(coil_check_cancel());
    return 0;
}

/* A struct that was closed may be opened again, other than asyncio's. */
TASK_TEST(group_may_be_opened_again)
{
    struct coil_group group;
    int result = 0;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_fail(&group, -EIO));
    CHECK_ERR(coil_group_close(&group), -EIO);
    CHECK_OK(coil_group_open(&group));
    CHECK_INT(coil_group_error_count(&group), ==, 0);
    CHECK_OK(coil_group_spawn(&group, sleep_and_store, &result));
    CHECK_OK(coil_group_close(&group));
    CHECK_INT(result, ==, 42);
    return 0;
}

/* --- cancelled from outside --- */

struct runner {
    coil_task_fn child;
    void *arg;
    int count;      /* of children */
    int error;      /* the body fails with this in its cleanup; 0: it does not */
    int64_t linger; /* how long its cleanup takes */
    int body_rc;
    size_t errors;
    int cancelling;
};

/* Opens a group of such children, and sleeps in its body. */
static int run_group(void *arg)
{
    struct runner *runner = arg;
    struct coil_group group;
    int rc;

    CHECK_OK(coil_group_open(&group));
    for (int i = 0; i < runner->count; i++) {
        CHECK_OK(coil_group_spawn(&group, runner->child, runner->arg));
    }
    runner->body_rc = coil_sleep(COIL_MINUTE);
    coil_shield {
        coil_sleep(runner->linger);
    }
    if (runner->error < 0) {
        CHECK_OK(coil_group_fail(&group, runner->error));
    }
    rc = coil_group_close(&group);
    runner->errors = coil_group_error_count(&group);
    runner->cancelling = coil_cancelling(coil_current_task());
    return rc;
}

static int run_and_cancel(struct runner *runner)
{
    struct coil_task *task = coil_create_task(run_group, runner);

    yield_times(3);
    CHECK(!coil_task_is_done(task));
    CHECK_INT(coil_cancel(task), ==, 1);
    return coil_await(task);
}

/* C7: body and children are all cancelled, and the cancel is passed on. */
TASK_TEST(group_cancelled_reaches_body_and_children)
{
    int cancels = 0;
    struct runner runner = {.child = note_cancel, .arg = &cancels, .count = 5};

    CHECK_ERR(run_and_cancel(&runner), -ECANCELED);
    CHECK_ERR(runner.body_rc, -ECANCELED);
    CHECK_INT(cancels, ==, 5);
    CHECK_INT(runner.errors, ==, 0);
    CHECK_INT(runner.cancelling, ==, 1);
    return 0;
}

/* C7: errors beat the cancel, and all of them are kept; the request is still counted. */
TASK_TEST(group_cancelled_and_all_children_fail)
{
    int error = -EIO;
    struct runner runner = {.child = fail_in_cleanup, .arg = &error, .count = 5};

    CHECK_ERR(run_and_cancel(&runner), -EIO);
    CHECK_INT(runner.errors, ==, 5);
    CHECK_INT(runner.cancelling, ==, 1);
    return 0;
}

/* A body without children, cancelled; and one that then fails with an error of its own. */
TASK_TEST(group_cancelled_body_may_fail)
{
    struct runner quiet = {.count = 0};
    struct runner loud = {.count = 0, .error = -EPERM};

    CHECK_ERR(run_and_cancel(&quiet), -ECANCELED);
    CHECK_ERR(run_and_cancel(&loud), -EPERM);
    CHECK_ERR(loud.body_rc, -ECANCELED);
    CHECK_INT(loud.errors, ==, 1);
    return 0;
}

static int fail_behind_a_shield(void *arg)
{
    coil_sleep(COIL_MINUTE);
    coil_shield {
        coil_sleep(3 * COIL_MSEC);
    }
    return *(int *)arg;
}

/* A child fails while the cancelled body is still cleaning up. */
TASK_TEST(group_child_fails_during_the_bodys_cleanup)
{
    int error = -EIO;
    struct runner runner = {
        .child = fail_behind_a_shield, .arg = &error, .count = 1, .linger = 10 * COIL_MSEC};

    CHECK_ERR(run_and_cancel(&runner), -EIO);
    CHECK_ERR(runner.body_rc, -ECANCELED);
    return 0;
}

static int clean_up_slowly(void *arg)
{
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ECANCELED);
    coil_shield {
        while (!*(bool *)arg && !test_has_noticed()) {
            CHECK_OK(coil_yield());
        }
    }
    return -ECANCELED;
}

struct overlap {
    bool is_free; /* its cleaner may end */
    int close_rc;
    int next_rc;
};

static int fail_and_be_cancelled(void *arg)
{
    struct failure failure = {0, -EIO};
    struct overlap *overlap = arg;
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, clean_up_slowly, &overlap->is_free));
    CHECK_OK(coil_group_spawn(&group, fail_after, &failure));
    overlap->close_rc = coil_group_close(&group);
    overlap->next_rc = coil_yield();
    return coil_cancelling(coil_current_task());
}

/* A child has failed, and the cancel comes while the others clean up: the error is returned, and
 * the cancel is not forgotten. */
TASK_TEST(group_cancelled_while_it_aborts)
{
    struct overlap overlap = {.close_rc = 1};
    struct coil_task *task = coil_create_task(fail_and_be_cancelled, &overlap);

    yield_times(6);
    CHECK_INT(coil_cancel(task), ==, 1);
    yield_times(2);
    CHECK(!coil_task_is_done(task)); /* there is still one to wait for */
    overlap.is_free = true;
    CHECK_INT(coil_await(task), ==, 1);
    CHECK_ERR(overlap.close_rc, -EIO);
    CHECK_ERR(overlap.next_rc, -ECANCELED);
    return 0;
}

static int await_group(void *arg)
{
    return coil_await(coil_create_task(run_group, arg));
}

/* The same one task further down: the cancel goes in, the error comes out. */
TASK_TEST(group_error_comes_out_of_a_cancelled_await)
{
    int error = -EIO;
    struct runner runner = {.child = fail_behind_a_shield, .arg = &error, .count = 1};
    struct coil_task *task = coil_create_task(await_group, &runner);

    yield_times(4);
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -EIO);
    return 0;
}

/* --- groups in groups --- */

/* C7: the inner group's error becomes the outer one's when the body says so. */
TASK_TEST(group_inner_error_is_passed_on)
{
    struct failure failure = {COIL_MSEC, -EIO};
    struct coil_group outer;
    struct coil_group inner;
    int cancels = 0;
    int rc;

    CHECK_OK(coil_group_open(&outer));
    CHECK_OK(coil_group_spawn(&outer, note_cancel, &cancels));
    CHECK_OK(coil_group_open(&inner));
    CHECK_OK(coil_group_spawn(&inner, fail_after, &failure));
    rc = coil_group_close(&inner);
    CHECK_ERR(rc, -EIO);
    CHECK_OK(coil_check_cancel());
    CHECK_OK(coil_group_fail(&outer, rc));
    CHECK_ERR(coil_group_close(&outer), -EIO);
    CHECK_INT(cancels, ==, 1);
    return 0;
}

/* C7: a child of the outer group fails while the inner one closes: that is no error of the inner
 * one's children. */
TASK_TEST(group_outer_child_ends_the_inner_group)
{
    struct failure soon = {COIL_MSEC, -EIO};
    struct failure late = {COIL_MINUTE, -EPIPE};
    struct coil_group outer;
    struct coil_group inner;

    CHECK_OK(coil_group_open(&outer));
    CHECK_OK(coil_group_spawn(&outer, fail_after, &soon));
    CHECK_OK(coil_group_open(&inner));
    CHECK_OK(coil_group_spawn(&inner, fail_after, &late));
    CHECK_ERR(coil_group_close(&inner), -ECANCELED);
    CHECK_INT(coil_group_error_count(&inner), ==, 0);
    CHECK_ERR(coil_group_close(&outer), -EIO);
    CHECK_INT(coil_group_error_count(&outer), ==, 1);
    return coil_check_cancel();
}

static int run_nested(void *arg)
{
    struct coil_group outer;
    int *cancels = arg;
    int rc;

    struct runner runner = {.child = fail_in_cleanup, .arg = &(int){-EIO}, .count = 3};

    CHECK_OK(coil_group_open(&outer));
    CHECK_OK(coil_group_spawn(&outer, note_cancel, cancels));
    rc = run_group(&runner);
    CHECK_ERR(rc, -EIO);
    CHECK_INT(runner.errors, ==, 3);
    CHECK_OK(coil_group_fail(&outer, rc));
    return coil_group_close(&outer);
}

/* Both are cancelled from outside, and what the inner one's children make of it comes through. */
TASK_TEST(group_nested_and_cancelled_from_outside)
{
    int cancels = 0;
    struct coil_task *task = coil_create_task(run_nested, &cancels);

    yield_times(3);
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -EIO);
    CHECK_INT(cancels, ==, 1);
    return 0;
}

/* Children of both fail at the same time: each group has its own error. */
TASK_TEST(group_both_of_two_fail_at_once)
{
    struct coil_group outer;
    struct coil_group inner;
    int errors[2] = {-EIO, -EPIPE};

    CHECK_OK(coil_group_open(&outer));
    CHECK_OK(coil_group_spawn(&outer, fail_in_cleanup, &errors[0]));
    CHECK_OK(coil_group_open(&inner));
    CHECK_OK(coil_group_spawn(&inner, fail_in_cleanup, &errors[1]));
    yield_times(1);
    CHECK_OK(coil_group_fail(&outer, -EPERM));
    CHECK_ERR(coil_group_close(&inner), -EPIPE);
    CHECK_ERR(coil_group_close(&outer), -EPERM);
    CHECK_INT(coil_group_error_count(&inner), ==, 1);
    CHECK_INT(coil_group_error_count(&outer), ==, 2);
    return coil_check_cancel();
}
