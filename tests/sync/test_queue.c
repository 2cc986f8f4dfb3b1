/* Queues (D6): three orders, a bound, task_done and join, shutdown. */
#include "fault.h"
#include "in_task.h"

#include <coil/queue.h>

#include <stdio.h>

struct user {
    struct coil_queue *queue;
    int item;
    int rc;
};

static int put(void *arg)
{
    struct user *user = arg;

    user->rc = coil_queue_put(user->queue, &user->item);
    return user->rc;
}

static int get(void *arg)
{
    struct user *user = arg;

    user->rc = coil_queue_get(user->queue, &user->item);
    return user->rc;
}

static int join(void *arg)
{
    return coil_queue_join(arg);
}

static struct coil_task *start(coil_task_fn fn, struct user *user, struct coil_queue *queue,
                               int item)
{
    struct coil_task *task;

    *user = (struct user){.queue = queue, .item = item, .rc = 1};
    task = coil_create_task(fn, user);
    yield_times(1);
    return task;
}

static int compare_ints(const void *a, const void *b, void *user)
{
    int x = *(const int *)a;
    int y = *(const int *)b;

    (void)user;
    return (x > y) - (x < y);
}

static int fill_and_drain(struct coil_queue *queue, int count, int step)
{
    unsigned seed = 1;
    int wrong = 0;
    int last = 0;
    int item;

    for (int i = 0; i < count; i++) {
        seed = seed * 1103515245 + 12345;
        item = step != 0 ? i : (int)(seed >> 16 & 1023);
        CHECK_OK(coil_queue_try_put(queue, &item));
    }
    CHECK_INT(coil_queue_count(queue), ==, count);
    for (int i = 0; i < count; i++) {
        CHECK_OK(coil_queue_try_get(queue, &item));
        wrong += step > 0 ? item != i : step < 0 ? item != count - 1 - i : item < last;
        last = item;
    }
    CHECK_ERR(coil_queue_try_get(queue, &item), -EAGAIN);
    return wrong;
}

/* Without a bound, so it grows; twice, so that it has room left the second time. */
TASK_TEST(queue_orders)
{
    struct coil_queue queue;

    CHECK_OK(coil_queue_init(&queue, sizeof(int), 0));
    CHECK_INT(fill_and_drain(&queue, 1000, 1), ==, 0);
    CHECK_INT(fill_and_drain(&queue, 1500, 1), ==, 0);
    CHECK(!coil_queue_is_full(&queue));
    coil_queue_deinit(&queue);
    CHECK_OK(coil_lifo_queue_init(&queue, sizeof(int), 0));
    CHECK_INT(fill_and_drain(&queue, 1000, -1), ==, 0);
    CHECK_INT(fill_and_drain(&queue, 1500, -1), ==, 0);
    coil_queue_deinit(&queue);
    CHECK_OK(coil_priority_queue_init(&queue, sizeof(int), 0, compare_ints, NULL));
    CHECK_INT(fill_and_drain(&queue, 1000, 0), ==, 0);
    CHECK_INT(fill_and_drain(&queue, 1500, 0), ==, 0);
    coil_queue_deinit(&queue);
    coil_queue_deinit(&queue);
    return 0;
}

/* A ring that grows while it is wrapped around. */
TASK_TEST(queue_grows_in_the_middle)
{
    struct coil_queue queue;
    int next_in = 0;
    int next_out = 0;
    int item;

    CHECK_OK(coil_queue_init(&queue, sizeof(int), 0));
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 5; i++, next_in++) {
            CHECK_OK(coil_queue_try_put(&queue, &next_in));
        }
        for (int i = 0; i < 3; i++, next_out++) {
            CHECK_OK(coil_queue_try_get(&queue, &item));
            CHECK_INT(item, ==, next_out);
        }
    }
    while (coil_queue_try_get(&queue, &item) == 0) {
        CHECK_INT(item, ==, next_out++);
    }
    CHECK_INT(next_out, ==, next_in);
    coil_queue_deinit(&queue);
    return 0;
}

struct pair {
    int key;
    char value[12];
};

static int compare_keys(const void *a, const void *b, void *user)
{
    ++*(int *)user;
    return ((const struct pair *)a)->key - ((const struct pair *)b)->key;
}

TASK_TEST(queue_of_priorities_keeps_equal_ones_in_order)
{
    struct coil_queue queue;
    struct pair pair;
    int calls = 0;

    CHECK_OK(coil_priority_queue_init(&queue, sizeof pair, 90, compare_keys, &calls));
    for (int i = 0; i < 90; i++) {
        pair.key = i % 3;
        snprintf(pair.value, sizeof pair.value, "%d", i);
        CHECK_OK(coil_queue_try_put(&queue, &pair));
    }
    CHECK_ERR(coil_queue_try_put(&queue, &pair), -EAGAIN);
    for (int i = 0; i < 90; i++) {
        CHECK_OK(coil_queue_try_get(&queue, &pair));
        CHECK_INT(pair.key, ==, i / 30);
        CHECK_INT(atoi(pair.value), ==, i % 30 * 3 + i / 30);
    }
    CHECK_INT(calls, >, 0);
    coil_queue_deinit(&queue);
    return 0;
}

TASK_TEST(queue_put_waits_while_it_is_full)
{
    struct coil_queue queue;
    struct user users[3];
    struct coil_task *tasks[3];
    int item = -1;

    CHECK_OK(coil_queue_init(&queue, sizeof(int), 2));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(coil_queue_put(&queue, &i));
    }
    CHECK(coil_queue_is_full(&queue));
    for (int i = 0; i < 3; i++) {
        tasks[i] = start(put, &users[i], &queue, 2 + i);
        CHECK_INT(users[i].rc, ==, 1);
    }
    for (int i = 0; i < 5; i++) {
        CHECK_OK(coil_queue_get(&queue, &item));
        CHECK(order_is_free() || item == i);
    }
    CHECK_OK(coil_gather(tasks, 3, NULL));
    CHECK_INT(coil_queue_count(&queue), ==, 0);
    coil_queue_deinit(&queue);
    return 0;
}

/* An item goes to who waits longest; one that was given to a cancelled getter is returned by it. */
TASK_TEST(queue_getter_is_cancelled)
{
    struct coil_queue queue;
    struct user users[3];
    struct coil_task *tasks[3];

    CHECK_OK(coil_queue_init(&queue, sizeof(int), 5));
    for (int i = 0; i < 3; i++) {
        tasks[i] = start(get, &users[i], &queue, -1);
    }
    CHECK_INT(coil_cancel(tasks[0]), ==, 1);
    for (int i = 10; i < 12; i++) {
        CHECK_OK(coil_queue_try_put(&queue, &i));
    }
    CHECK_INT(coil_cancel(tasks[1]), ==, 1);
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK_OK(coil_await(tasks[1]));
    CHECK_OK(coil_await(tasks[2]));
    CHECK_INT(users[0].item, ==, -1);
    CHECK_INT(users[1].item + users[2].item, ==, 21);
    coil_queue_deinit(&queue);
    return 0;
}

TASK_TEST(queue_putter_is_cancelled)
{
    struct coil_queue queue;
    struct user users[2];
    struct coil_task *tasks[2];
    int item = 0;

    CHECK_OK(coil_queue_init(&queue, sizeof(int), 1));
    CHECK_OK(coil_queue_put(&queue, &item));
    tasks[0] = start(put, &users[0], &queue, 1);
    tasks[1] = start(put, &users[1], &queue, 2);
    CHECK_INT(coil_cancel(tasks[0]), ==, 1);
    CHECK_OK(coil_queue_get(&queue, &item));
    CHECK_OK(coil_queue_get(&queue, &item));
    CHECK_INT(item, ==, 2); /* of the other one */
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK_OK(coil_await(tasks[1]));
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_queue_get(&queue, &item), -ETIMEDOUT);
    }
    CHECK_INT(item, ==, 2);
    coil_queue_deinit(&queue);
    return 0;
}

TASK_TEST(queue_join_waits_until_all_is_done)
{
    struct coil_queue queue;
    struct coil_task *joiner;
    int item;

    CHECK_OK(coil_queue_init(&queue, sizeof(int), 5));
    CHECK_OK(coil_queue_join(&queue));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_queue_put(&queue, &i));
    }
    joiner = coil_create_task(join, &queue);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_queue_get(&queue, &item));
        yield_times(2);
        CHECK(!coil_task_is_done(joiner));
        CHECK_OK(coil_queue_task_done(&queue));
    }
    CHECK_OK(coil_await(joiner));
    CHECK_ERR(coil_queue_task_done(&queue), -COIL_EINVALIDSTATE);
    CHECK_OK(coil_queue_put(&queue, &item));
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_queue_join(&queue), -ETIMEDOUT);
    }
    coil_queue_deinit(&queue);
    return 0;
}

TASK_TEST(queue_shutdown_drains)
{
    struct coil_queue queue;
    struct user users[2];
    struct coil_task *putter;
    struct coil_task *getter;
    int item = 7;

    CHECK_OK(coil_queue_init(&queue, sizeof(int), 1));
    CHECK_OK(coil_queue_put(&queue, &item));
    putter = start(put, &users[0], &queue, 8);
    CHECK_OK(coil_queue_shutdown(&queue, false));
    CHECK_OK(coil_queue_shutdown(&queue, false));
    CHECK_ERR(coil_await(putter), -COIL_ECLOSED);
    CHECK_ERR(coil_queue_put(&queue, &item), -COIL_ECLOSED);
    CHECK_ERR(coil_queue_try_put(&queue, &item), -COIL_ECLOSED);
    CHECK_OK(coil_queue_get(&queue, &item));
    CHECK_INT(item, ==, 7);
    CHECK_ERR(coil_queue_get(&queue, &item), -COIL_ECLOSED);
    CHECK_ERR(coil_queue_try_get(&queue, &item), -COIL_ECLOSED);
    coil_queue_deinit(&queue);

    CHECK_OK(coil_queue_init(&queue, sizeof(int), 1));
    getter = start(get, &users[1], &queue, 0);
    CHECK_OK(coil_queue_shutdown(&queue, false));
    CHECK_ERR(coil_await(getter), -COIL_ECLOSED);
    coil_queue_deinit(&queue);
    return 0;
}

/* What is dropped counts as done; what was got before still has to be. */
TASK_TEST(queue_shutdown_at_once)
{
    struct coil_queue queue;
    struct coil_task *joiner;
    int item = 0;

    CHECK_OK(coil_queue_init(&queue, sizeof(int), 5));
    for (int i = 0; i < 4; i++) {
        CHECK_OK(coil_queue_put(&queue, &i));
    }
    CHECK_OK(coil_queue_get(&queue, &item));
    joiner = coil_create_task(join, &queue);
    yield_times(1);
    CHECK_OK(coil_queue_shutdown(&queue, true));
    CHECK_INT(coil_queue_count(&queue), ==, 0);
    CHECK_ERR(coil_queue_get(&queue, &item), -COIL_ECLOSED);
    yield_times(2);
    CHECK(!coil_task_is_done(joiner));
    CHECK_OK(coil_queue_task_done(&queue));
    CHECK_OK(coil_await(joiner));
    coil_queue_deinit(&queue);
    return 0;
}

/* Its end wakes everybody, while their calls stand in it. */
TASK_TEST(queue_deinit_while_tasks_wait)
{
    struct coil_queue queue;
    struct user user;
    struct coil_task *tasks[2];
    int item = 0;

    CHECK_OK(coil_queue_init(&queue, sizeof(int), 1));
    CHECK_OK(coil_queue_put(&queue, &item));
    CHECK_OK(coil_queue_get(&queue, &item));
    tasks[0] = start(get, &user, &queue, 0);
    tasks[1] = coil_create_task(join, &queue);
    yield_times(1);
    coil_queue_deinit(&queue);
    memset(&queue, 0xff, sizeof queue);
    CHECK_ERR(coil_await(tasks[0]), -COIL_ECLOSED);
    CHECK_ERR(coil_await(tasks[1]), -COIL_ECLOSED);
    return 0;
}

TASK_TEST(queue_survives_the_lack_of_memory)
{
    struct coil_queue queue;
    int item = 0;
    int rc = 0;

    CHECK_ERR(coil_queue_init(&queue, 1000, SIZE_MAX / 2), -ENOMEM);
    coil_queue_deinit(&queue);
    CHECK_ERR(coil_priority_queue_init(&queue, SIZE_MAX - 4, 1, compare_ints, NULL), -ENOMEM);
    CHECK_ERR(coil_priority_queue_init(&queue, SIZE_MAX - 16, 0, compare_ints, NULL), -ENOMEM);
    coil_queue_deinit(&queue);
    CHECK_OK(coil_queue_init(&queue, sizeof(int), 0));
    fault_alloc_at(2);
    for (int i = 0; i < 1000 && rc == 0; i++) {
        rc = coil_queue_try_put(&queue, &i);
    }
    fault_off();
    CHECK_ERR(rc, -ENOMEM);
    for (int i = (int)coil_queue_count(&queue); i > 0; i--) {
        CHECK_OK(coil_queue_get(&queue, &item));
    }
    CHECK_INT(item, ==, 7); /* nothing that was put is lost */
    coil_queue_deinit(&queue);
    return 0;
}

TASK_TEST(queue_misuse_is_named)
{
    struct coil_queue none = {0};
    struct coil_queue queue;
    int item = 0;

    CHECK_ERR(coil_queue_init(NULL, 4, 1), -EINVAL);
    CHECK_ERR(coil_queue_init(&none, 0, 1), -EINVAL);
    CHECK_ERR(coil_lifo_queue_init(&none, 0, 1), -EINVAL);
    CHECK_ERR(coil_priority_queue_init(&none, 4, 1, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_queue_put(NULL, &item), -EINVAL);
    CHECK_ERR(coil_queue_put(&none, &item), -EINVAL);
    CHECK_ERR(coil_queue_get(&none, &item), -EINVAL);
    CHECK_ERR(coil_queue_try_put(&none, &item), -EINVAL);
    CHECK_ERR(coil_queue_try_get(NULL, &item), -EINVAL);
    CHECK_ERR(coil_queue_task_done(&none), -EINVAL);
    CHECK_ERR(coil_queue_join(&none), -EINVAL);
    CHECK_ERR(coil_queue_shutdown(NULL, true), -EINVAL);
    CHECK_INT(coil_queue_count(NULL), ==, 0);
    CHECK(!coil_queue_is_full(&none));
    coil_queue_deinit(NULL);
    CHECK_OK(coil_queue_init(&queue, sizeof item, 1));
    CHECK_ERR(coil_queue_put(&queue, NULL), -EINVAL);
    CHECK_ERR(coil_queue_get(&queue, NULL), -EINVAL);
    coil_queue_deinit(&queue);
    return 0;
}
