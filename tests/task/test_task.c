/* Tasks: creating, naming, awaiting, detaching, sleeping. */
#include "in_task.h"

#include <pthread.h>

/* --- creating (B2, A15) --- */

static int set_flag(void *arg)
{
    *(bool *)arg = true;
    return 7;
}

/* B2: the first step runs in the next iteration. */
TASK_TEST(create_does_not_run_at_once)
{
    bool has_run = false;
    struct coil_task *task = coil_create_task(set_flag, &has_run);

    CHECK(task != NULL);
    CHECK(!has_run);
    CHECK(!coil_task_is_done(task));
    CHECK_ERR(coil_task_result(task), -COIL_EINVALIDSTATE);
    yield_times(1);
    CHECK(has_run);
    CHECK(coil_task_is_done(task));
    CHECK_INT(coil_task_result(task), ==, 7);
    CHECK_INT(coil_await(task), ==, 7);
    return 0;
}

struct numbers {
    int64_t a;
    char text[20];
};

static int check_copy(void *arg)
{
    const struct numbers *numbers = arg;

    yield_times(1);
    CHECK_STR(numbers->text, "copied");
    CHECK_INT((uintptr_t)numbers % 16, ==, 0);
    return (int)numbers->a;
}

TASK_TEST(create_copy_gives_each_its_own)
{
    struct coil_task *tasks[10];

    for (int i = 0; i < 10; i++) {
        struct numbers numbers = {.a = i, .text = "copied"};

        tasks[i] = coil_create_task_copy(check_copy, &numbers, sizeof numbers);
        memset(&numbers, 0xff, sizeof numbers);
    }
    for (int i = 0; i < 10; i++) {
        CHECK_INT(coil_await(tasks[i]), ==, i);
    }
    return 0;
}

static int large_copy(void *arg)
{
    const char *bytes = arg;

    return bytes[0] + bytes[15999];
}

TASK_TEST(create_copy_is_bounded)
{
    static char bytes[20000];

    bytes[0] = 1;
    bytes[15999] = 2;
    CHECK_INT(coil_await(coil_create_task_copy(large_copy, bytes, 16000)), ==, 3);
    CHECK_PTR(coil_create_task_copy(large_copy, bytes, 20000), ==, NULL);
    CHECK_PTR(coil_create_task_copy(large_copy, NULL, 10), ==, NULL);
    CHECK_PTR(coil_create_task(NULL, NULL), ==, NULL);
    return 0;
}

static int use_stack(void *arg)
{
    volatile char bytes[200 * 1024];

    memset((char *)bytes, 1, sizeof bytes);
    (void)arg;
    return bytes[1000];
}

TASK_TEST(create_with_larger_stack)
{
    struct coil_task_options options = {.stack_size = 1024 * 1024};

    CHECK_INT(coil_await(coil_task_create(&options, use_stack, NULL)), ==, 1);
    return 0;
}

struct eager {
    struct coil_task *task;
    int steps;
};

static int count_steps(void *arg)
{
    struct eager *eager = arg;

    eager->task = coil_current_task();
    eager->steps++;
    yield_times(1);
    eager->steps++;
    return 5;
}

/* A15: runs until its first wait, then the creator goes on. */
TASK_TEST(eager_runs_until_it_waits)
{
    struct coil_task_options options = {.eager = true};
    struct coil_task *self = coil_current_task();
    struct eager eager = {0};
    struct coil_task *task = coil_task_create(&options, count_steps, &eager);

    CHECK_INT(eager.steps, ==, 1);
    CHECK_PTR(eager.task, ==, task);
    CHECK_PTR(coil_current_task(), ==, self);
    CHECK(!coil_task_is_done(task));
    CHECK_INT(coil_await(task), ==, 5);
    CHECK_INT(eager.steps, ==, 2);
    return 0;
}

/* A15: may be done without ever being scheduled. */
TASK_TEST(eager_may_be_done_on_return)
{
    struct coil_task_options options = {.eager = true};
    bool has_run = false;
    struct coil_task *task = coil_task_create(&options, set_flag, &has_run);

    CHECK(has_run);
    CHECK(coil_task_is_done(task));
    CHECK_INT(coil_await(task), ==, 7);
    return 0;
}

static int detach_itself(void *arg)
{
    *(struct coil_task **)arg = coil_current_task();
    return coil_detach(coil_current_task());
}

TASK_TEST(eager_that_detaches_itself_is_stale)
{
    struct coil_task_options options = {.eager = true};
    struct coil_task *inner = NULL;
    struct coil_task *task = coil_task_create(&options, detach_itself, &inner);

    CHECK_PTR(task, ==, inner);
    CHECK_ERR(coil_await(task), -COIL_ESTALE);
    return 0;
}

static void create_eager(void *user)
{
    struct coil_task_options options = {.eager = true};
    struct eager *eager = user;
    struct coil_task *task = coil_task_create(&options, count_steps, eager);

    CHECK_INT(eager->steps, ==, 1);
    CHECK_PTR(coil_current_task(), ==, NULL);
    CHECK_PTR(task, ==, eager->task);
}

TASK_TEST(eager_from_a_callback)
{
    struct coil_handle handle = {0};
    struct eager eager = {0};

    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, create_eager, &eager));
    yield_times(1);
    CHECK_INT(coil_await(eager.task), ==, 5);
    return 0;
}

/* --- what can be seen of a task (B2) --- */

static int check_name(void *arg)
{
    (void)arg;
    CHECK_STR(coil_task_name(coil_current_task()), "worker");
    CHECK_OK(coil_task_set_name(coil_current_task(), "0123456789012345678901234567890123456789"));
    CHECK_STR(coil_task_name(coil_current_task()), "0123456789012345678901234567890");
    return 0;
}

TASK_TEST(names_are_given_and_cut)
{
    struct coil_task_options options = {.name = "worker", .site = COIL_HERE};
    struct coil_task *task = coil_task_create(&options, check_name, NULL);
    struct coil_task *unnamed = coil_create_task(task_return, &(int){0});

    CHECK_STR(coil_task_name(coil_current_task()), "main");
    CHECK_INT(strncmp(coil_task_name(unnamed), "task-", 5), ==, 0);
    CHECK(coil_task_site(unnamed) && coil_task_site(task));
    if (coil_task_site(unnamed) && coil_task_site(task)) {
        CHECK_STR(coil_task_site(unnamed)->func, __func__);
        CHECK_STR(coil_task_site(task)->file, __FILE__);
    }
    CHECK_ERR(coil_task_set_name(task, NULL), -EINVAL);
    CHECK_OK(coil_await(task));
    CHECK_OK(coil_await(unnamed));
    CHECK_STR(coil_task_name(task), "");
    CHECK_ERR(coil_task_set_name(task, "late"), -COIL_ESTALE);
    CHECK_PTR(coil_task_site(task), ==, NULL);
    return 0;
}

TASK_TEST(all_tasks_lists_those_that_live)
{
    struct coil_task *found[4];
    struct coil_task *a = coil_create_task(task_forever, NULL);
    struct coil_task *b = coil_create_task(task_forever, NULL);
    struct coil_task *c = coil_create_task(task_return, &(int){0});

    CHECK_INT(coil_all_tasks(found, 4), ==, 4);
    CHECK_PTR(found[0], ==, coil_current_task());
    CHECK_PTR(found[1], ==, a);
    CHECK_PTR(found[2], ==, b);
    CHECK_PTR(found[3], ==, c);
    yield_times(1);
    found[1] = NULL;
    CHECK_INT(coil_all_tasks(found, 1), ==, 3);
    CHECK_PTR(found[1], ==, NULL);
    CHECK_INT(coil_all_tasks(NULL, 0), ==, 3);
    CHECK_ERR(coil_all_tasks(NULL, 1), -EINVAL);
    coil_cancel(a);
    coil_cancel(b);
    CHECK_OK(coil_gather((struct coil_task *[]){a, b, c}, 3, (int[3]){0}));
    return 0;
}

/* However few fit: the oldest ones. The places of tasks that have ended are used again, so that the
 * order of the stacks is not that of the ids. */
TASK_TEST(all_tasks_that_fit_are_the_oldest)
{
    enum { COUNT = 20 };
    struct coil_task *tasks[COUNT];
    struct coil_task *found[COUNT + 1];

    for (int i = 0; i < COUNT; i++) {
        tasks[i] = coil_create_task(task_forever, NULL);
    }
    yield_times(1);
    for (int i = 0; i < COUNT; i++) {
        int place = i * 7 % COUNT;

        coil_cancel(tasks[place]);
        CHECK_ERR(coil_await(tasks[place]), -ECANCELED);
        if (i % 3 == 0) {
            tasks[place] = coil_create_task(task_forever, NULL);
        } else {
            tasks[place] = NULL;
        }
    }
    CHECK_INT(coil_all_tasks(found, COUNT + 1), ==, 8);
    for (size_t max = 1; max <= 8; max++) {
        struct coil_task *some[8] = {NULL};

        CHECK_INT(coil_all_tasks(some, max), ==, 8);
        CHECK_MEM(some, found, max * sizeof *some);
    }
    for (int i = 0; i < COUNT; i++) {
        if (tasks[i]) {
            coil_cancel(tasks[i]);
            CHECK_ERR(coil_await(tasks[i]), -ECANCELED);
        }
    }
    return 0;
}

/* --- await --- */

static int await_it(void *arg)
{
    return coil_await(*(struct coil_task **)arg);
}

TASK_TEST(await_from_many_gives_all_the_result)
{
    int64_t span = COIL_MSEC;
    struct coil_task *target = coil_create_task(task_sleep, &span);
    struct coil_task *waiters[5];

    for (int i = 0; i < 5; i++) {
        waiters[i] = coil_create_task(await_it, &target);
    }
    yield_times(2);
    CHECK_ERR(coil_detach(target), -COIL_ESTALE);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(coil_await(waiters[i]), ==, 0);
    }
    CHECK_ERR(coil_await(target), -COIL_ESTALE);
    return 0;
}

TASK_TEST(await_returns_errors_as_they_are)
{
    CHECK_ERR(coil_await(coil_create_task(task_return, &(int){-ECONNRESET})), -ECONNRESET);
    CHECK_INT(coil_await(coil_create_task(task_return, &(int){1234567})), ==, 1234567);
    return 0;
}

/* B6: misuse is answered, not obeyed. */
TASK_TEST(await_misuse_is_named)
{
    struct coil_task *task = coil_create_task(task_return, &(int){0});

    CHECK_ERR(coil_await(NULL), -ENOMEM);
    CHECK_ERR(coil_await_shielded(NULL), -ENOMEM);
    CHECK_ERR(coil_detach(NULL), -ENOMEM);
    CHECK_ERR(coil_cancel(NULL), -ENOMEM);
    CHECK_ERR(coil_await(coil_current_task()), -EDEADLK);
    CHECK_OK(coil_await(task));
    CHECK_ERR(coil_await(task), -COIL_ESTALE);
    CHECK_ERR(coil_detach(task), -COIL_ESTALE);
    CHECK_ERR(coil_cancel(task), -COIL_ESTALE);
    CHECK_ERR(coil_uncancel(task), -COIL_ESTALE);
    CHECK_ERR(coil_cancelling(task), -COIL_ESTALE);
    CHECK_ERR(coil_task_result(task), -COIL_ESTALE);
    CHECK(coil_task_is_done(task));
    return 0;
}

COIL_TEST(calls_outside_a_loop_are_named)
{
    CHECK_ERR(coil_sleep(1), -COIL_ENOLOOP);
    CHECK_ERR(coil_sleep_until(1), -COIL_ENOLOOP);
    CHECK_ERR(coil_yield(), -COIL_ENOLOOP);
    CHECK_ERR(coil_await(NULL), -COIL_ENOLOOP);
    CHECK_ERR(coil_gather(NULL, 0, NULL), -COIL_ENOLOOP);
    CHECK_ERR(coil_all_tasks(NULL, 0), -COIL_ENOLOOP);
    CHECK_ERR(coil_check_cancel(), -COIL_ENOLOOP);
    CHECK_PTR(coil_create_task(task_forever, NULL), ==, NULL);
    CHECK_PTR(coil_current_task(), ==, NULL);
    CHECK_PTR(coil_loop_current(), ==, NULL);
}

static void call_from_callback(void *user)
{
    int *calls = user;

    CHECK_ERR(coil_sleep(1), -COIL_ENOTASK);
    CHECK_ERR(coil_await(NULL), -COIL_ENOTASK);
    CHECK_PTR(coil_current_task(), ==, NULL);
    ++*calls;
}

TASK_TEST(suspending_calls_in_a_callback_are_named)
{
    struct coil_handle handle = {0};
    int calls = 0;

    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, call_from_callback, &calls));
    yield_times(1);
    CHECK_INT(calls, ==, 1);
    return 0;
}

static void *use_from_thread(void *arg)
{
    struct coil_task *task = arg;

    CHECK_ERR(coil_await(task), -COIL_ENOLOOP);
    CHECK_ERR(coil_cancel(task), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_detach(task), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_task_result(task), -COIL_EWRONGTHREAD);
    return NULL;
}

/* A6 */
TASK_TEST(use_from_another_thread_is_named)
{
    struct coil_task *task = coil_create_task(task_forever, NULL);
    pthread_t thread;

    CHECK_INT(pthread_create(&thread, NULL, use_from_thread, task), ==, 0);
    pthread_join(thread, NULL);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    return 0;
}

static void make_one(void *user)
{
    *(struct coil_task **)user = coil_create_task(task_forever, NULL);
}

static int use_foreign(void *arg)
{
    struct coil_task *task = arg;
    struct coil_as_completed completed = {0};
    struct coil_group group;

    CHECK_ERR(coil_await(task), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_wait(&task, 1, COIL_ALL_COMPLETED, 1), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_gather(&task, 1, NULL), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_as_completed_open(&completed, &task, 1), -COIL_EWRONGTHREAD);
    coil_as_completed_close(&completed);
    CHECK_OK(coil_group_open(&group));
    CHECK_ERR(coil_group_adopt(&group, task), -COIL_EWRONGTHREAD);
    return coil_group_close(&group);
}

/* B6, A6: two loops in one thread. */
COIL_TEST(use_of_another_loops_task_is_named)
{
    struct coil_handle handle = {0};
    struct coil_task *task = NULL;
    struct coil_loop *loop;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_OK(coil_call_soon(loop, &handle, make_one, &task));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK(task != NULL);
    CHECK_OK(coil_run(use_foreign, task));
    CHECK_OK(coil_loop_free(loop));
}

/* --- detach (G5) --- */

TASK_TEST(detach_reports_an_error)
{
    struct heard heard = {0};
    struct coil_task_options options = {.name = "lost"};

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_OK(coil_detach(coil_task_create(&options, task_return, &(int){-EIO})));
    yield_times(1);
    CHECK_INT(heard.count, ==, 1);
    CHECK_INT(heard.error, ==, -EIO);
    CHECK_STR(heard.task_name, "lost");
    CHECK_OK(coil_detach(coil_create_task(task_return, &(int){3})));
    CHECK_OK(coil_detach(coil_create_task(task_return, &(int){-ECANCELED})));
    yield_times(1);
    CHECK_INT(heard.count, ==, 1);
    return 0;
}

TASK_TEST(detach_of_an_ended_task_reports_too)
{
    struct coil_task *task = coil_create_task(task_return, &(int){-EIO});
    struct heard heard = {0};

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    yield_times(1);
    CHECK_INT(heard.count, ==, 0);
    CHECK_OK(coil_detach(task));
    CHECK_INT(heard.count, ==, 1);
    CHECK_ERR(coil_detach(task), -COIL_ESTALE);
    return 0;
}

/* --- sleep (B7) --- */

struct sleeper {
    int64_t span;
    int number;
    int *order;
    int *count;
};

static int note_order(void *arg)
{
    struct sleeper *sleeper = arg;
    int rc = coil_sleep(sleeper->span);

    sleeper->order[(*sleeper->count)++] = sleeper->number;
    return rc;
}

TASK_TEST(sleep_wakes_in_order_of_deadlines)
{
    static const int64_t spans[5] = {30, 10, 20, 10, 0};
    int64_t unit = test_moment_ns();
    struct coil_task *tasks[5];
    struct sleeper sleepers[5];
    int order[5];
    int count = 0;
    int64_t before = coil_now();

    for (int i = 0; i < 5; i++) {
        sleepers[i] = (struct sleeper){spans[i] * unit, i, order, &count};
        tasks[i] = coil_create_task(note_order, &sleepers[i]);
    }
    CHECK_OK(coil_gather(tasks, 5, NULL));
    CHECK_INT(order[0], ==, 4);
    CHECK_INT(order[3], ==, 2);
    CHECK_INT(order[4], ==, 0);
    CHECK_INT(order[1] + order[2], ==, 4); /* 1 and 3: they did not start at the same nanosecond */
    CHECK_INT(coil_now() - before, >=, 30 * unit);
    return 0;
}

TASK_TEST(sleep_until_is_a_point_in_time)
{
    int64_t when = coil_now() + 5 * COIL_MSEC;

    CHECK_OK(coil_sleep_until(when));
    CHECK_INT(coil_now(), >=, when);
    CHECK_OK(coil_sleep_until(when)); /* past: the next iteration */
    CHECK_OK(coil_sleep_until(0));
    return 0;
}

static int count_up(void *arg)
{
    for (int i = 0; i < 3; i++) {
        ++*(int *)arg;
        coil_yield();
    }
    return 0;
}

/* B7: a span <= 0 yields exactly once. */
TASK_TEST(sleep_of_nothing_yields_once)
{
    int count = 0;
    struct coil_task *task;

    if (order_is_free()) {
        test_skip("who is first is drawn from the seed");
    }
    task = coil_create_task(count_up, &count);
    CHECK_OK(coil_sleep(0));
    CHECK_INT(count, ==, 1);
    CHECK_OK(coil_sleep(-5));
    CHECK_INT(count, ==, 2);
    CHECK_OK(coil_yield());
    CHECK_INT(count, ==, 3);
    return coil_await(task);
}

/* --- many --- */

static int add_one(void *arg)
{
    yield_times(1);
    ++*(int *)arg;
    return 0;
}

TASK_TEST(many_tasks_come_and_go)
{
    static struct coil_task *tasks[3000];
    int many = test_is_torture() ? 300 : 3000;
    int count = 0;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < many; i++) {
            tasks[i] = coil_create_task(add_one, &count);
        }
        CHECK_OK(coil_gather(tasks, (size_t)many, NULL));
    }
    CHECK_INT(count, ==, 3 * many);
    CHECK_INT(coil_all_tasks(NULL, 0), ==, 1);
    return 0;
}

static int await_nested(void *arg)
{
    int depth = *(int *)arg - 1;

    return depth > 0 ? coil_await(coil_create_task(await_nested, &depth)) : coil_sleep(COIL_NEVER);
}

/* A cancel passes through a long chain of awaits without a deep stack. */
TASK_TEST(cancel_passes_through_a_long_chain)
{
    int depth = test_has_asan() || test_has_valgrind() || test_is_torture() ? 300 : 3000;
    struct coil_task *task = coil_create_task(await_nested, &depth);

    yield_times(depth + 1);
    CHECK_INT(coil_all_tasks(NULL, 0), ==, depth + 1);
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_INT(coil_all_tasks(NULL, 0), ==, 1);
    return 0;
}
