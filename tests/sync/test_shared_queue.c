/* Queues between threads (D6), used by tasks of one loop. */
#include "shared_queue_calls.h"

static int join(void *arg)
{
    struct user *user = arg;

    user->rc = coil_shared_queue_join(user->queue);
    return user->rc;
}

static struct coil_task *start(coil_task_fn fn, struct user *user, struct coil_shared_queue *queue,
                               int item)
{
    struct coil_task *task;

    *user = (struct user){.queue = queue, .item = item, .rc = 1};
    task = coil_create_task(fn, user);
    yield_times(1);
    return task;
}

/* --- within one loop --- */

TASK_TEST(shared_queue_is_first_in_first_out)
{
    struct coil_shared_queue queue;
    int next_out = 0;
    int next_in = 0;
    int item;

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 7));
    for (int round = 0; round < 20; round++) {
        while (coil_shared_queue_count(&queue) < 7) {
            CHECK(!coil_shared_queue_is_full(&queue));
            CHECK_OK(coil_shared_queue_put(&queue, &next_in));
            next_in++;
        }
        CHECK(coil_shared_queue_is_full(&queue));
        CHECK_ERR(try_put(&queue, 1), -EAGAIN);
        for (int i = 0; i < 5; i++) {
            CHECK_OK(coil_shared_queue_get(&queue, &item));
            CHECK_INT(item, ==, next_out++);
        }
    }
    CHECK_INT(try_get(&queue), ==, next_out++);
    CHECK_INT(try_get(&queue), ==, next_out);
    CHECK_ERR(try_get(&queue), -EAGAIN);
    coil_shared_queue_deinit(&queue);
    coil_shared_queue_deinit(&queue);
    return 0;
}

struct large {
    char bytes[100];
};

TASK_TEST(shared_queue_of_structs_and_pointers)
{
    struct coil_shared_queue queue;
    struct large large;
    const char *text = "text";
    const char *got = NULL;

    CHECK_OK(coil_shared_queue_init(&queue, sizeof large, 3));
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 2; i++) {
            memset(&large, round + i, sizeof large);
            CHECK_OK(coil_shared_queue_put(&queue, &large));
        }
        for (int i = 0; i < 2; i++) {
            CHECK_OK(coil_shared_queue_get(&queue, &large));
            CHECK_INT(large.bytes[0], ==, round + i);
            CHECK_INT(large.bytes[99], ==, round + i);
        }
    }
    coil_shared_queue_deinit(&queue);
    CHECK_OK(coil_shared_queue_init(&queue, sizeof text, 1));
    CHECK_OK(coil_shared_queue_put(&queue, &text));
    CHECK_OK(coil_shared_queue_get(&queue, &got));
    CHECK_PTR(got, ==, text);
    coil_shared_queue_deinit(&queue);
    return 0;
}

TASK_TEST(shared_queue_serves_who_came_first)
{
    struct coil_shared_queue queue;
    struct coil_task *tasks[3];
    struct user users[3];
    int sum = 0;

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
    for (int i = 0; i < 3; i++) {
        tasks[i] = start(get, &users[i], &queue, 0);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_OK(try_put(&queue, i + 1)); /* for one who waits: it takes no room */
        CHECK_INT(coil_shared_queue_count(&queue), ==, 0);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_await(tasks[i]));
        CHECK(users[i].item == i + 1 || order_is_free());
        sum += users[i].item;
    }
    CHECK_INT(sum, ==, 6);
    for (int i = 0; i < 3; i++) {
        tasks[i] = start(put, &users[i], &queue, i + 10);
    }
    for (int i = 0; i < 3; i++) {
        int item = try_get(&queue);

        CHECK(item == i + 10 || order_is_free());
        sum += item;
        CHECK_OK(coil_await(tasks[i]));
    }
    CHECK_INT(sum, ==, 6 + 33);
    coil_shared_queue_deinit(&queue);
    return 0;
}

TASK_TEST(shared_queue_cancel_while_it_waits)
{
    struct coil_shared_queue queue;
    struct coil_task *getter;
    struct coil_task *putter;
    struct coil_task *joiner;
    struct user users[3];

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
    getter = start(get, &users[0], &queue, 5);
    coil_cancel(getter);
    CHECK_ERR(coil_await(getter), -ECANCELED);
    CHECK_INT(users[0].item, ==, 5);
    CHECK_OK(try_put(&queue, 1)); /* nobody is there to take it */
    CHECK_INT(coil_shared_queue_count(&queue), ==, 1);
    putter = start(put, &users[1], &queue, 2);
    joiner = start(join, &users[2], &queue, 0);
    coil_cancel(putter);
    coil_cancel(joiner);
    CHECK_ERR(coil_await(putter), -ECANCELED);
    CHECK_ERR(coil_await(joiner), -ECANCELED);
    CHECK_INT(try_get(&queue), ==, 1);
    CHECK_ERR(try_get(&queue), -EAGAIN);
    CHECK_OK(coil_shared_queue_task_done(&queue));
    CHECK_ERR(coil_shared_queue_task_done(&queue), -COIL_EINVALIDSTATE);
    coil_shared_queue_deinit(&queue);
    return 0;
}

static int get_then_sleep(void *arg)
{
    int rc = get(arg);

    CHECK_ERR(coil_sleep(1), -ECANCELED);
    return rc;
}

/* What was handed over before the cancel is returned; and a cancel before the call takes nothing.
 */
TASK_TEST(shared_queue_cancel_after_and_before)
{
    struct coil_shared_queue queue;
    struct coil_task *task;
    struct user user;

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
    task = start(get_then_sleep, &user, &queue, 0);
    CHECK_OK(try_put(&queue, 3));
    coil_cancel(task);
    coil_cancel(task);
    CHECK_OK(coil_await(task));
    CHECK_INT(user.item, ==, 3);
    CHECK_OK(try_put(&queue, 4));
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_shared_queue_get(&queue, &user.item), -ECANCELED);
    CHECK_ERR(coil_shared_queue_put(&queue, &user.item), -ECANCELED);
    CHECK_ERR(coil_shared_queue_join(&queue), -ECANCELED);
    CHECK_INT(try_get(&queue), ==, 4);
    coil_uncancel(coil_current_task());
    coil_shared_queue_deinit(&queue);
    return 0;
}

TASK_TEST(shared_queue_deadline)
{
    struct coil_shared_queue queue;
    int item = 9;
    int rc = 0;

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
    coil_timeout(COIL_MSEC) {
        rc = coil_shared_queue_get(&queue, &item);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_INT(item, ==, 9);
    CHECK_OK(try_put(&queue, 1));
    coil_timeout(COIL_MSEC) {
        rc = coil_shared_queue_put(&queue, &item);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    coil_timeout(COIL_MSEC) {
        rc = coil_shared_queue_join(&queue);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_INT(coil_shared_queue_count(&queue), ==, 1);
    coil_shared_queue_deinit(&queue);
    return 0;
}

TASK_TEST(shared_queue_shutdown_lets_gets_drain)
{
    struct coil_shared_queue queue;
    struct coil_task *putter;
    struct coil_task *joiner;
    struct user users[2];
    int item = 0;

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 2));
    CHECK_OK(try_put(&queue, 1));
    CHECK_OK(try_put(&queue, 2));
    putter = start(put, &users[0], &queue, 3);
    joiner = start(join, &users[1], &queue, 0);
    CHECK_OK(coil_shared_queue_shutdown(&queue, false));
    CHECK_OK(coil_shared_queue_shutdown(&queue, false));
    CHECK_ERR(coil_await(putter), -COIL_ECLOSED);
    CHECK_ERR(coil_shared_queue_put(&queue, &item), -COIL_ECLOSED);
    CHECK_ERR(try_put(&queue, 4), -COIL_ECLOSED);
    CHECK_OK(coil_shared_queue_get(&queue, &item));
    CHECK_INT(item, ==, 1);
    CHECK_INT(try_get(&queue), ==, 2);
    CHECK_ERR(coil_shared_queue_get(&queue, &item), -COIL_ECLOSED);
    CHECK_ERR(try_get(&queue), -COIL_ECLOSED);
    CHECK_OK(coil_shared_queue_task_done(&queue));
    CHECK(!coil_task_is_done(joiner));
    CHECK_OK(coil_shared_queue_task_done(&queue));
    CHECK_OK(coil_await(joiner));
    coil_shared_queue_deinit(&queue);
    return 0;
}

TASK_TEST(shared_queue_shutdown_at_once_drops)
{
    struct coil_shared_queue queue;
    struct coil_task *joiner;
    struct coil_task *getter;
    struct user users[2];
    int item = 7;

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 2));
    CHECK_OK(try_put(&queue, 1));
    joiner = start(join, &users[0], &queue, 0);
    CHECK_OK(coil_shared_queue_shutdown(&queue, true));
    CHECK_OK(coil_await(joiner));
    CHECK_ERR(coil_shared_queue_get(&queue, &item), -COIL_ECLOSED);
    coil_shared_queue_deinit(&queue);
    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 2));
    getter = start(get, &users[1], &queue, 0);
    CHECK_OK(coil_shared_queue_shutdown(&queue, false));
    CHECK_ERR(coil_await(getter), -COIL_ECLOSED);
    CHECK_INT(item, ==, 7);
    coil_shared_queue_deinit(&queue);
    return 0;
}

TASK_TEST(shared_queue_deinit_sends_all_away)
{
    struct coil_shared_queue queue;
    struct coil_task *tasks[3];
    struct user users[3];

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
    CHECK_OK(try_put(&queue, 1));
    CHECK_INT(try_get(&queue), ==, 1);
    tasks[0] = start(get, &users[0], &queue, 0);
    tasks[1] = start(join, &users[1], &queue, 0);
    tasks[2] = start(get, &users[2], &queue, 0);
    coil_shared_queue_deinit(&queue);
    memset(&queue, 0xff, sizeof queue);
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(coil_await(tasks[i]), -COIL_ECLOSED);
    }
    return 0;
}

TASK_TEST(shared_queue_misuse_is_named)
{
    struct coil_shared_queue queue = {0};
    int item = 0;

    CHECK_ERR(coil_shared_queue_init(NULL, 1, 1), -EINVAL);
    CHECK_ERR(coil_shared_queue_init(&queue, 0, 1), -EINVAL);
    CHECK_ERR(coil_shared_queue_init(&queue, 1, 0), -EINVAL);
    CHECK_ERR(coil_shared_queue_init(&queue, SIZE_MAX / 2, 3), -ENOMEM);
    CHECK_ERR(coil_shared_queue_init(&queue, 1, SIZE_MAX), -ENOMEM);
    coil_shared_queue_deinit(NULL);
    coil_shared_queue_deinit(&queue);
    CHECK_ERR(coil_shared_queue_put(&queue, &item), -EINVAL);
    CHECK_ERR(coil_shared_queue_get(NULL, &item), -EINVAL);
    CHECK_ERR(coil_shared_queue_join(&queue), -EINVAL);
    CHECK_ERR(try_put(NULL, 1), -EINVAL);
    CHECK_ERR(try_get(&queue), -EINVAL);
    CHECK_ERR(coil_shared_queue_task_done(&queue), -EINVAL);
    CHECK_ERR(coil_shared_queue_shutdown(NULL, true), -EINVAL);
    CHECK_INT(coil_shared_queue_count(NULL), ==, 0);
    CHECK(!coil_shared_queue_is_full(&queue));
    CHECK_OK(coil_shared_queue_init(&queue, sizeof item, 1));
    CHECK_ERR(coil_shared_queue_put(&queue, NULL), -EINVAL);
    CHECK_ERR(coil_shared_queue_get(&queue, NULL), -EINVAL);
    CHECK_ERR(coil_shared_queue_put_blocking(&queue, &item, 0), -EDEADLK);
    CHECK_ERR(coil_shared_queue_get_blocking(&queue, &item, COIL_NEVER), -EDEADLK);
    CHECK_ERR(coil_shared_queue_join_blocking(&queue, COIL_NEVER), -EDEADLK);
    coil_shared_queue_deinit(&queue);
    return 0;
}

TASK_TEST(shared_queue_out_of_memory)
{
    struct coil_shared_queue queue = {0};

    fault_alloc_at(1);
    CHECK_ERR(coil_shared_queue_init(&queue, 8, 8), -ENOMEM);
    fault_syscall_named("pthread_mutex_init", 1, EAGAIN);
    CHECK_ERR(coil_shared_queue_init(&queue, 8, 8), -EAGAIN);
    fault_off();
    CHECK_PTR(queue.core_, ==, NULL);
    CHECK_OK(coil_shared_queue_init(&queue, 8, 8));
    coil_shared_queue_deinit(&queue);
    return 0;
}

static void get_in_callback(void *arg)
{
    struct user *user = arg;

    CHECK_ERR(coil_shared_queue_get(user->queue, &user->item), -COIL_ENOTASK);
    user->rc = coil_shared_queue_try_get(user->queue, &user->item);
}

TASK_TEST(shared_queue_in_callbacks)
{
    struct coil_shared_queue queue;
    struct coil_handle handle = {0};
    struct user user = {.queue = &queue, .rc = 1};

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
    CHECK_OK(try_put(&queue, 8));
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, get_in_callback, &user));
    yield_times(1);
    CHECK_OK(user.rc);
    CHECK_INT(user.item, ==, 8);
    coil_shared_queue_deinit(&queue);
    return 0;
}

/* --- faults --- */

static int tolerant_main(void *arg)
{
    struct coil_shared_queue queue = {0};
    struct user users[2] = {{.queue = &queue}, {.queue = &queue, .item = 3}};
    struct coil_task *tasks[2];

    (void)arg;
    coil_shared_queue_init(&queue, sizeof(int), 1);
    tasks[0] = coil_task_create(NULL, get, &users[0]);
    tasks[1] = coil_task_create(NULL, put, &users[1]);
    coil_await(tasks[1]);
    coil_timeout(20 * COIL_MSEC) {
        coil_await(tasks[0]);
    }
    coil_shared_queue_deinit(&queue);
    return 0;
}

static void run_tolerantly(void *arg)
{
    coil_run(tolerant_main, arg);
}

COIL_TEST_LIMIT(shared_queue_survives_every_fault, 120)
{
    torture(run_tolerantly, NULL);
}
