/* Task-local values (B8). */
#include "fault.h"
#include "in_task.h"

#include <coil/local.h>

static int a;
static int b;
static int c;
static const struct coil_local first = {0};
static const struct coil_local second = {.default_value = &c};

static int see_and_set(void *arg)
{
    CHECK_PTR(coil_local_get(&first), ==, arg);
    CHECK_OK(coil_local_set(&first, &b));
    yield_times(1);
    CHECK_PTR(coil_local_get(&first), ==, &b);
    return 0;
}

/* B8: a new task sees what its creator had, and neither sees what the other sets later. */
TASK_TEST(local_values_are_inherited)
{
    struct coil_task *task;

    CHECK_PTR(coil_local_get(&first), ==, NULL);
    CHECK_PTR(coil_local_get(&second), ==, &c);
    CHECK_OK(coil_local_set(&first, &a));
    task = coil_create_task(see_and_set, &a);
    CHECK_OK(coil_local_set(&first, &c));
    CHECK_PTR(coil_local_get(&first), ==, &c);
    CHECK_OK(coil_await(task));
    CHECK_PTR(coil_local_get(&first), ==, &c);
    return 0;
}

static int set_in_child(void *arg)
{
    CHECK_OK(coil_local_set(arg, &b));
    return 0;
}

TASK_TEST(local_values_do_not_go_back)
{
    CHECK_OK(coil_await(coil_create_task(set_in_child, (void *)(uintptr_t)&first)));
    CHECK_PTR(coil_local_get(&first), ==, NULL);
    return 0;
}

static int see_through(void *arg)
{
    (void)arg;
    CHECK_PTR(coil_local_get(&first), ==, &a);
    CHECK_PTR(coil_local_get(&second), ==, &b);
    return 0;
}

static int create_another(void *arg)
{
    (void)arg;
    CHECK_OK(coil_local_set(&second, &b));
    return coil_await(coil_create_task(see_through, NULL));
}

TASK_TEST(local_values_pass_through_generations)
{
    CHECK_OK(coil_local_set(&first, &a));
    CHECK_OK(coil_await(coil_create_task(create_another, NULL)));
    CHECK_PTR(coil_local_get(&second), ==, &c);
    return 0;
}

static int values[100];

static int set_and_wait(void *arg)
{
    int number = *(int *)arg;

    for (int i = 0; i < 10; i++) {
        int *value = &values[(number + i) % 100];

        CHECK_OK(coil_local_set(&first, value));
        CHECK_OK(coil_sleep((number * 7 + i * 3) % 5 * 10 * COIL_USEC));
        CHECK_PTR(coil_local_get(&first), ==, value);
    }
    return 0;
}

/* B8: a hundred tasks at once, each with values of its own. */
TASK_TEST(local_values_of_many_tasks)
{
    struct coil_task *tasks[100];

    for (int i = 0; i < 100; i++) {
        tasks[i] = coil_create_task_copy(set_and_wait, &i, sizeof i);
    }
    CHECK_OK(coil_gather(tasks, 100, NULL));
    CHECK_PTR(coil_local_get(&first), ==, NULL);
    return 0;
}

/* Setting again and again does not grow. */
TASK_TEST(local_set_again_takes_no_memory)
{
    size_t blocks;

    CHECK_OK(coil_local_set(&first, &a));
    CHECK_OK(coil_local_set(&second, &a));
    blocks = test_live_blocks();
    for (int i = 0; i < 100; i++) {
        CHECK_OK(coil_local_set(i % 2 ? &first : &second, i % 3 ? &b : NULL));
    }
    CHECK_INT(test_live_blocks(), ==, blocks);
    return 0;
}

static int yield_twice(void *arg)
{
    yield_times(2);
    CHECK_PTR(coil_local_get(&first), ==, arg);
    CHECK_PTR(coil_local_get(&second), ==, &a);
    return 0;
}

/* A task that sets one value per child, as servers do, grows neither while children live nor after:
 * no more tables than tasks, no more bindings than keys. */
TASK_TEST(local_values_are_bounded_by_tasks_and_keys)
{
    static char marks[1000];
    size_t most = 0;
    size_t blocks;
    size_t bytes;

    CHECK_OK(coil_local_set(&second, &a));
    CHECK_OK(coil_local_set(&first, &b));
    bytes = test_live_bytes();
    blocks = test_live_blocks();
    for (int i = 0; i < 1000; i++) {
        size_t now;

        CHECK_OK(coil_local_set(&first, &marks[i]));
        CHECK_OK(coil_detach(coil_create_task(yield_twice, &marks[i])));
        coil_yield();
        now = test_live_bytes() - bytes;
        most = now > most ? now : most;
    }
    CHECK_INT(most, <, 2000);
    yield_times(4);
    CHECK_INT(test_live_blocks(), <=, blocks + 1);
    CHECK_PTR(coil_local_get(&first), ==, &marks[999]);
    CHECK_PTR(coil_local_get(&second), ==, &a);
    return 0;
}

static const struct coil_local keys[20];

static int see_and_replace_all(void *arg)
{
    for (int i = 0; i < 20; i++) {
        CHECK_PTR(coil_local_get(&keys[i]), ==, (char *)arg + i);
    }
    for (int i = 0; i < 20; i += 3) {
        CHECK_OK(coil_local_set(&keys[i], &b));
    }
    for (int i = 0; i < 20; i++) {
        CHECK_PTR(coil_local_get(&keys[i]), ==, i % 3 == 0 ? (char *)&b : (char *)arg + i);
    }
    return 0;
}

TASK_TEST(local_values_of_many_keys)
{
    static char marks[20];
    struct coil_task *task;

    for (int i = 0; i < 20; i++) {
        CHECK_OK(coil_local_set(&keys[i], &marks[i]));
    }
    task = coil_create_task(see_and_replace_all, marks);
    CHECK_OK(coil_await(task));
    for (int i = 0; i < 20; i++) {
        CHECK_PTR(coil_local_get(&keys[i]), ==, &marks[i]);
    }
    return 0;
}

static int set_without_memory(void *arg)
{
    fault_alloc_at(1);
    CHECK_ERR(coil_local_set(&first, &b), -ENOMEM);
    fault_off();
    CHECK_PTR(coil_local_get(&first), ==, arg);
    return 0;
}

/* The values that are there stay as they were. */
TASK_TEST(local_set_without_memory)
{
    struct coil_task *task;

    fault_alloc_at(1);
    CHECK_ERR(coil_local_set(&first, &a), -ENOMEM);
    fault_off();
    CHECK_PTR(coil_local_get(&first), ==, NULL);
    CHECK_OK(coil_local_set(&first, &a));
    task = coil_create_task(set_without_memory, &a);
    CHECK_OK(coil_await(task));
    CHECK_PTR(coil_local_get(&first), ==, &a);
    return 0;
}

static int see_nothing_in_task(void *arg)
{
    CHECK_PTR(coil_local_get(&first), ==, NULL);
    ++*(int *)arg;
    return 0;
}

static void see_nothing_in_handler(const struct coil_report *report, void *user)
{
    CHECK_ERR(report->error, -EIO);
    CHECK_PTR(coil_local_get(&first), ==, NULL);
    CHECK_OK(coil_detach(coil_create_task(see_nothing_in_task, user)));
}

static int set_and_fail(void *arg)
{
    CHECK_OK(coil_local_set(&first, arg));
    return -EIO;
}

/* A task's values end before its error is reported: the handler and what it starts see none. */
TASK_TEST(local_values_are_gone_in_an_error_handler)
{
    struct coil_loop *loop = coil_loop_current();
    int count = 0;

    CHECK_OK(coil_loop_set_error_handler(loop, see_nothing_in_handler, &count));
    CHECK_OK(coil_detach(coil_create_task(set_and_fail, &a)));
    yield_times(3);
    CHECK_INT(count, ==, 1);
    return coil_loop_set_error_handler(loop, NULL, NULL);
}

static void see_nothing(void *user)
{
    CHECK_PTR(coil_local_get(&first), ==, NULL);
    CHECK_ERR(coil_local_set(&first, &a), -COIL_ENOTASK);
    *(bool *)user = true;
}

TASK_TEST(local_in_a_callback)
{
    struct coil_handle handle = {0};
    bool was_called = false;

    CHECK_OK(coil_local_set(&first, &a));
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, see_nothing, &was_called));
    yield_times(1);
    CHECK(was_called);
    return 0;
}

COIL_TEST(local_outside_of_tasks)
{
    CHECK_PTR(coil_local_get(&second), ==, &c);
    CHECK_PTR(coil_local_get(NULL), ==, NULL);
    CHECK_ERR(coil_local_set(&first, &a), -COIL_ENOLOOP);
    CHECK_ERR(coil_local_set(NULL, &a), -EINVAL);
}
