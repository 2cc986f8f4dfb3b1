/* High-water marks of stacks: bytes by function, when asked for. */
#include "in_task.h"

#include "fault.h"

#include <coil/stack.h>

#include <stdio.h>

/* The tables of symbols are read once, before the tests' processes are forked: it takes a while. */
__attribute__((constructor)) static void read_symbols(void)
{
    struct coil_frame frame;

    coil_frame_lines((const char *)(uintptr_t)coil_run + 1, &frame, 1);
}

static __attribute__((noinline)) int use(size_t bytes)
{
    volatile char *room = __builtin_alloca(bytes);

    for (size_t i = 0; i < bytes; i++) {
        room[i] = (char)(i | 1);
    }
    return room[bytes - 1] == 0;
}

static int use_some(void *arg)
{
    return use(*(const size_t *)arg);
}

static int use_and_wait(void *arg)
{
    CHECK_INT(use(20000), ==, 0);
    return coil_event_wait(arg);
}

static int run_measured(coil_task_fn fn, void *arg)
{
    struct coil_run_options options = {.loop.measure_stacks = true};

    return coil_run_with(&options, fn, arg);
}

static const struct coil_stack_use *find(const struct coil_stack_use *usage, ssize_t count,
                                         coil_task_fn fn)
{
    static const struct coil_stack_use none;

    for (ssize_t i = 0; i < count; i++) {
        if (usage[i].fn == fn) {
            return &usage[i];
        }
    }
    return test_made(NULL) ? NULL : &none;
}

/* What the library itself takes below a function, and sanitizers above. */
static size_t slack(void)
{
    return test_has_asan() || test_has_tsan() || test_has_valgrind() ? 16384 : 3000;
}

static int measure_some(__attribute__((unused)) void *arg)
{
    const size_t sizes[] = {300, 12000, 5000, 40};
    struct coil_stack_use usage[8];
    const struct coil_stack_use *found;
    ssize_t count;

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 4; i++) {
            CHECK_ERR(coil_await(coil_create_task(use_some, (void *)(uintptr_t)&sizes[i])), 0);
        }
    }
    count = coil_stack_usage(usage, 8);
    CHECK_INT(count, ==, 2);
    found = find(usage, count, use_some);
    CHECK_INT(found->tasks, ==, 20);
    CHECK_INT(found->max_used, >=, 12000);
    CHECK_INT(found->max_used, <, 12000 + slack());
    CHECK_INT(found->size, ==, 65536 - 4096);
    found = find(usage, count, measure_some);
    CHECK_INT(found->tasks, ==, 1);
    CHECK_INT(found->size, ==, 262144 - 4096);
    CHECK_INT(usage[0].max_used, >=, usage[1].max_used);
    CHECK_INT(coil_stack_usage(usage, 1), ==, 2);
    CHECK_INT(coil_stack_usage(NULL, 0), ==, 2);
    return 0;
}

COIL_TEST(usage_of_tasks_that_ended)
{
    CHECK_ERR(run_measured(measure_some, NULL), 0);
}

/* A stack that was used before is clean again: what others left there does not count. */
static int measure_after_others(__attribute__((unused)) void *arg)
{
    const size_t large = 30000;
    struct coil_stack_use usage[8];
    struct coil_event event = {0};
    struct coil_task *task;
    ssize_t count;

    for (int i = 0; i < 10; i++) {
        CHECK_ERR(coil_await(coil_create_task(use_some, (void *)(uintptr_t)&large)), 0);
        CHECK_ERR(coil_await(coil_create_task(task_return, (void *)(uintptr_t) & (int){0})), 0);
    }
    task = coil_create_task(use_and_wait, &event);
    yield_times(2);
    count = coil_stack_usage(usage, 8);
    CHECK_INT(count, ==, 4);
    CHECK_INT(find(usage, count, use_some)->max_used, >=, 30000);
    CHECK_INT(find(usage, count, task_return)->max_used, <, slack());
    CHECK_INT(find(usage, count, task_return)->tasks, ==, 10);
    CHECK_INT(find(usage, count, use_and_wait)->max_used, >=, 20000); /* it lives */
    CHECK_INT(find(usage, count, use_and_wait)->max_used, <, 20000 + slack());
    CHECK_INT(find(usage, count, use_and_wait)->tasks, ==, 1);
    coil_event_set(&event);
    CHECK_ERR(coil_await(task), 0);
    return 0;
}

COIL_TEST(usage_begins_with_a_clean_stack)
{
    CHECK_ERR(run_measured(measure_after_others, NULL), 0);
}

static int measure_sizes(__attribute__((unused)) void *arg)
{
    struct coil_task_options options = {.stack_size = 256 * 1024};
    const size_t size = 100;
    struct coil_stack_use usage[8];

    CHECK_ERR(coil_await(coil_create_task(use_some, (void *)(uintptr_t)&size)), 0);
    CHECK_ERR(coil_await(coil_task_create(&options, use_some, (void *)(uintptr_t)&size)), 0);
    CHECK_INT(coil_stack_usage(usage, 8), ==, 3); /* one function, two sizes */
    return 0;
}

COIL_TEST(usage_by_size)
{
    CHECK_ERR(run_measured(measure_sizes, NULL), 0);
}

/* Tasks that are made and end by the thousand, detached and cancelled ones too. */
static int measure_many(__attribute__((unused)) void *arg)
{
    enum { COUNT = 700 };
    const size_t size = 500;
    struct coil_task *tasks[COUNT];
    struct coil_stack_use usage[8];
    ssize_t count;

    for (int i = 0; i < COUNT; i++) {
        tasks[i] = coil_create_task(use_some, (void *)(uintptr_t)&size);
        if (i % 7 == 0) {
            CHECK_OK(coil_cancel(tasks[i])); /* it never runs */
        }
    }
    for (int i = 0; i < COUNT; i++) {
        if (i % 2 == 0) {
            CHECK_OK(coil_detach(tasks[i]));
        } else {
            coil_await(tasks[i]);
        }
    }
    CHECK_OK(coil_sleep(COIL_MSEC));
    count = coil_stack_usage(usage, 8);
    CHECK_INT(find(usage, count, use_some)->tasks, ==, COUNT);
    CHECK_INT(find(usage, count, use_some)->max_used, <, 500 + slack());
    return 0;
}

COIL_TEST(usage_of_many)
{
    CHECK_ERR(run_measured(measure_many, NULL), 0);
}

TASK_TEST(usage_is_not_kept_unless_asked_for)
{
    struct coil_stack_use usage;

    CHECK_ERR(coil_stack_usage(&usage, 1), -ENOTSUP);
    CHECK_ERR(coil_print_stack_usage(stderr), -ENOTSUP);
    return 0;
}

static int misuse(__attribute__((unused)) void *arg)
{
    CHECK_ERR(coil_stack_usage(NULL, 1), -EINVAL);
    CHECK_ERR(coil_print_stack_usage(NULL), -EINVAL);
    return 0;
}

COIL_TEST(usage_misused)
{
    CHECK_ERR(run_measured(misuse, NULL), 0);
    CHECK_ERR(coil_stack_usage(NULL, 0), -COIL_ENOLOOP);
}

/* --- printed --- */

static int print_it(__attribute__((unused)) void *arg)
{
    static char page[4096];
    const size_t size = 9000;
    FILE *out = fmemopen(page, sizeof page - 1, "w");

    CHECK_PTR(out, !=, NULL);
    CHECK_ERR(coil_await(coil_create_task(use_some, (void *)(uintptr_t)&size)), 0);
    CHECK_OK(coil_print_stack_usage(out));
    fclose(out);
    CHECK_CONTAINS(page, "stack used         of      tasks  function\n");
    CHECK_CONTAINS(page, "      61440          1  ");
    out = fopen("/dev/full", "w");
    CHECK_PTR(out, !=, NULL);
    CHECK_ERR(coil_print_stack_usage(out), -EIO);
    fclose(out);
    return 0;
}

COIL_TEST(usage_printed)
{
    CHECK_ERR(run_measured(print_it, NULL), 0);
}

static int run_with_environment(__attribute__((unused)) void *arg)
{
    const size_t size = 9000;

    setenv("COIL_DEBUG", "stacks", 1);
    return coil_run(use_some, (void *)(uintptr_t)&size);
}

COIL_TEST(usage_printed_by_environment)
{
    struct test_child child;

    test_run_child(run_with_environment, NULL, &child);
    CHECK_INT(child.exit_code, ==, 0);
    CHECK_CONTAINS(child.output, "stack used         of      tasks  function\n");
    CHECK_CONTAINS(child.output, "     258048          1  ");
}

/* --- faults --- */

static int measure_and_forget(__attribute__((unused)) void *arg)
{
    const size_t size = 100;
    struct coil_stack_use usage[4];
    struct coil_task *task = coil_create_task_at(COIL_HERE, use_some, (void *)(uintptr_t)&size);

    coil_await(task);
    return (int)coil_stack_usage(usage, 4);
}

static void run_some(__attribute__((unused)) void *arg)
{
    struct coil_run_options options = {.loop.measure_stacks = true};

    coil_run_with(&options, measure_and_forget, NULL);
}

COIL_TEST_LIMIT(usage_torture, 120)
{
    torture(run_some, NULL);
}
