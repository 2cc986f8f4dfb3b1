/* What is said of tasks that nobody has asked for: their errors, and in debug mode that they were
 * never awaited, with the calls that have created them. */
#include "reports.h"

#include <coil/gather.h>

static int fail(__attribute__((unused)) void *arg)
{
    return -EIO;
}

static int succeed(__attribute__((unused)) void *arg)
{
    return 7;
}

#define NOINLINE __attribute__((noinline))

static NOINLINE struct coil_task *start(coil_task_fn fn)
{
    struct coil_task *task = coil_create_task(fn, NULL);

    coil_task_set_name(task, "worker");
    return task;
}

/* --- never awaited --- */

static int forget(void *arg)
{
    start(*(coil_task_fn *)arg);
    yield_times(2);
    return 0;
}

COIL_TEST(lost_task_is_told)
{
    coil_task_fn fn = succeed;

    run_in_debug_mode(forget, &fn);
    CHECK_INT(reports.count, ==, 1);
    check_report(0, "a task was never awaited", NULL);
    CHECK_STR(reports.list[0].func, "start");
    CHECK_STR(reports.list[0].task_name, "worker");
    CHECK_ERR(reports.list[0].error, 0);
    CHECK_CONTAINS(reports.list[0].message, "\n  in task main");
    if (has_lines()) {
        CHECK_CONTAINS(reports.list[0].message, "\n  called by forget, test_lost.c:");
    }
}

COIL_TEST(lost_task_that_still_waits_is_told)
{
    coil_task_fn fn = task_forever;

    run_in_debug_mode(forget, &fn);
    CHECK_INT(reports.count, ==, 1);
    check_report(0, "a task was never awaited", "start");
}

COIL_TEST(lost_task_with_an_error_is_told_once)
{
    coil_task_fn fn = fail;

    run_in_debug_mode(forget, &fn);
    CHECK_INT(reports.count, ==, 1);
    check_report(0, "error of a task that was never awaited", "start");
    CHECK_ERR(reports.list[0].error, -EIO);
    CHECK_CONTAINS(reports.list[0].message, "\n  in task main");
}

COIL_TEST(lost_task_is_not_told_without_debug_mode)
{
    coil_task_fn fn = succeed;

    run_with_debug(false, forget, &fn);
    CHECK_INT(reports.count, ==, 0);
    fn = fail;
    run_with_debug(false, forget, &fn);
    CHECK_INT(reports.count, ==, 1);
    CHECK_STR(reports.list[0].message, "error of a task that was never awaited");
    CHECK_STR(reports.list[0].func, "start");
}

/* --- without a site --- */

static NOINLINE int start_without_site(void)
{
    struct coil_task *task = test_made(coil_task_create(NULL, fail, NULL));

    return seen(coil_detach(task));
}

static int detach(__attribute__((unused)) void *arg)
{
    CHECK_OK(start_without_site());
    yield_times(2);
    return 0;
}

COIL_TEST(lost_error_of_a_task_without_a_site)
{
    run_in_debug_mode(detach, NULL);
    CHECK_INT(reports.count, ==, 1);
    check_report(0, "error of a task that nobody awaits", "start_without_site");
    if (has_lines()) {
        CHECK_CONTAINS(reports.list[0].message, "\n  called by detach, test_lost.c:");
    }
}

static int leave_a_scope(__attribute__((unused)) void *arg)
{
    struct coil_scope scope;

    return coil_scope_open_timeout(&scope, COIL_MINUTE);
}

static NOINLINE int map_it(void)
{
    int items[1] = {0};

    return seen(coil_map(leave_a_scope, items, 1, sizeof *items, 1));
}

static int leave_scopes(__attribute__((unused)) void *arg)
{
    CHECK_OK(map_it());
    return 0;
}

COIL_TEST(lost_scope_of_a_task_of_a_map)
{
    run_in_debug_mode(leave_scopes, NULL);
    CHECK_INT(reports.count, ==, 1);
    check_report(0, "a task ended with a scope or a group left open", "map_it");
}

/* --- a copied argument stands beside the trace --- */

struct copied {
    char text[48];
    int error;
};

static int fail_with(void *arg)
{
    struct copied *copied = arg;

    CHECK_STR(copied->text, "all of this is copied, and none of it is lost");
    return copied->error;
}

static int forget_a_copy(__attribute__((unused)) void *arg)
{
    struct copied copied = {"all of this is copied, and none of it is lost", -ERANGE};

    test_made(coil_create_task_copy(fail_with, &copied, sizeof copied));
    return 0;
}

COIL_TEST(lost_task_with_a_copied_argument)
{
    run_in_debug_mode(forget_a_copy, NULL);
    /* The first task ends first: so this one is cancelled before its first step. */
    CHECK_INT(reports.count, ==, 1);
    check_report(0, "a task was never awaited", "forget_a_copy");
}

/* --- a small stack, on which no lines are looked up --- */

static int forget_a_small_one(__attribute__((unused)) void *arg)
{
    struct coil_task_options options = {.stack_size = 16384, .site = COIL_HERE};

    CHECK_OK(coil_detach(test_made(coil_task_create(&options, fail, NULL))));
    yield_times(2);
    return 0;
}

COIL_TEST(lost_error_on_a_small_stack)
{
    run_in_debug_mode(forget_a_small_one, NULL);
    CHECK_INT(reports.count, ==, 1);
    CHECK_STR(reports.list[0].message, "error of a task that nobody awaits");
    CHECK_STR(reports.list[0].func, "forget_a_small_one");
}

/* --- what is right --- */

static int be_correct(__attribute__((unused)) void *arg)
{
    struct coil_task *tasks[2] = {coil_create_task(succeed, NULL), coil_create_task(succeed, NULL)};
    int items[3] = {0};
    struct coil_group group;

    CHECK_OK(coil_gather(tasks, 2, NULL));
    CHECK_ERR(coil_await(coil_create_task(fail, NULL)), -EIO);
    CHECK_OK(coil_detach(coil_create_task(task_forever, NULL)));
    CHECK_OK(coil_map(succeed, items, 3, sizeof *items, 2));
    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, succeed, NULL));
    CHECK_OK(coil_group_close(&group));
    for (int i = 0; i < 1000; i++) { /* in debug mode no task is kept at hand */
        CHECK_INT(coil_await(coil_create_task(succeed, NULL)), ==, 7);
    }
    return 0;
}

COIL_TEST(lost_nothing)
{
    run_in_debug_mode(be_correct, NULL);
    CHECK_INT(reports.count, ==, 0);
}
