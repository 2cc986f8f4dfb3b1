/* Queues at work: producers, consumers, those who join, and what a cancel or a shutdown leaves
 * (D6). */
#include "in_task.h"

static int compare_ints(const void *a, const void *b, void *user)
{
    int x = *(const int *)a;
    int y = *(const int *)b;

    (void)user;
    return (x > y) - (x < y);
}

enum kind { FIFO, LIFO, PRIORITY, KINDS };

static void open_queue(struct coil_queue *queue, enum kind kind, size_t max)
{
    switch (kind) {
    case FIFO:
        CHECK_OK(coil_queue_init(queue, sizeof(int), max));
        break;
    case LIFO:
        CHECK_OK(coil_lifo_queue_init(queue, sizeof(int), max));
        break;
    default:
        CHECK_OK(coil_priority_queue_init(queue, sizeof(int), max, compare_ints, NULL));
        break;
    }
}

struct work {
    struct coil_queue *queue;
    int first; /* the item that is put, and those after it */
    int count;
    int done; /* put, or got */
    int sum;  /* of what was got */
};

static int produce(void *arg)
{
    struct work *work = arg;
    int rc = 0;

    for (int i = 0; i < work->count && rc == 0; i++) {
        int item = work->first + i;

        rc = coil_queue_put(work->queue, &item);
        work->done += rc == 0;
    }
    return rc;
}

static int consume(void *arg)
{
    struct work *work = arg;
    int rc = 0;

    for (int i = 0; i < work->count && rc == 0; i++) {
        int item = 0;

        rc = coil_queue_get(work->queue, &item);
        work->done += rc == 0;
        work->sum += item;
    }
    return rc;
}

static struct coil_task *start(coil_task_fn fn, struct work *work, struct coil_queue *queue,
                               int first, int count)
{
    struct coil_task *task;

    *work = (struct work){.queue = queue, .first = first, .count = count};
    task = coil_create_task(fn, work);
    yield_times(1);
    return task;
}

/* --- producers and consumers --- */

/* A producer stops where the queue is full, and goes on with each item that is taken. */
TASK_TEST(queue_producer_stops_where_it_is_full)
{
    struct coil_queue queue;
    struct work work;
    struct coil_task *task;
    int item;

    open_queue(&queue, FIFO, 2);
    task = start(produce, &work, &queue, 0, 3);
    yield_times(1);
    CHECK_INT(work.done, ==, 2);
    CHECK_OK(coil_queue_get(&queue, &item));
    CHECK_INT(item, ==, 0);
    yield_times(1);
    CHECK_INT(work.done, ==, 3);
    CHECK(coil_task_is_done(task));
    for (int i = 1; i < 3; i++) {
        CHECK_OK(coil_queue_get(&queue, &item));
        CHECK_INT(item, ==, i);
    }
    CHECK_OK(coil_await(task));
    coil_queue_deinit(&queue);
    return 0;
}

static void put_one(void *user)
{
    CHECK_OK(coil_queue_try_put(user, &(int){1}));
}

static void get_one(void *user)
{
    int item = 0;

    CHECK_OK(coil_queue_try_get(user, &item));
    CHECK_INT(item, ==, 1);
}

/* A callback without a task serves those who wait. */
TASK_TEST(queue_is_served_by_callbacks)
{
    struct coil_loop *loop = coil_loop_current();
    struct coil_handle handles[2] = {0};
    struct coil_queue queue;
    int item = 0;

    open_queue(&queue, FIFO, 1);
    CHECK_OK(coil_call_later(loop, &handles[0], COIL_MSEC, put_one, &queue));
    CHECK_OK(coil_queue_get(&queue, &item));
    CHECK_INT(item, ==, 1);
    CHECK_OK(coil_queue_put(&queue, &item));
    CHECK_OK(coil_call_later(loop, &handles[1], COIL_MSEC, get_one, &queue));
    CHECK_OK(coil_queue_put(&queue, &(int){2}));
    CHECK_OK(coil_queue_get(&queue, &item));
    CHECK_INT(item, ==, 2);
    coil_queue_deinit(&queue);
    return 0;
}

/* Many items through one slot: neither side is forgotten. */
TASK_TEST(queue_of_one_slot_passes_many_items)
{
    for (enum kind kind = FIFO; kind < KINDS; kind++) {
        struct coil_queue queue;
        struct work works[2];
        struct coil_task *tasks[2];

        open_queue(&queue, kind, 1);
        tasks[0] = start(produce, &works[0], &queue, 1, 50);
        tasks[1] = start(consume, &works[1], &queue, 0, 50);
        CHECK_OK(coil_gather(tasks, 2, NULL));
        CHECK_INT(works[1].sum, ==, 50 * 51 / 2);
        coil_queue_deinit(&queue);
    }
    return 0;
}

/* Those who wait with an item are served before it was their turn to run. */
TASK_TEST(queue_get_lets_waiting_putters_in)
{
    struct coil_queue queue;
    struct work works[2];
    struct coil_task *tasks[2];
    int items[2] = {0};

    open_queue(&queue, FIFO, 1);
    tasks[0] = start(produce, &works[0], &queue, 1, 1);
    tasks[1] = start(produce, &works[1], &queue, 2, 1);
    CHECK_OK(coil_queue_get(&queue, &items[0]));
    CHECK_OK(coil_queue_try_get(&queue, &items[1])); /* it is in already */
    CHECK_INT(items[0] + items[1], ==, 3);
    CHECK_OK(coil_gather(tasks, 2, NULL));
    coil_queue_deinit(&queue);
    return 0;
}

static int take_what_is_there(void *arg)
{
    struct work *work = arg;
    size_t count = coil_queue_count(work->queue);
    int item;

    for (size_t i = 0; i < count; i++) {
        CHECK_OK(coil_queue_try_get(work->queue, &item));
        work->done++;
    }
    return 0;
}

/* Four putters, room for two, and one task that takes what it finds, once: all four get in. */
TASK_TEST(queue_emptied_once_lets_all_putters_in)
{
    struct coil_queue queue;
    struct work works[5];
    struct coil_task *tasks[5];

    open_queue(&queue, FIFO, 2);
    for (int i = 0; i < 4; i++) {
        tasks[i] = start(produce, &works[i], &queue, i, 1);
    }
    tasks[4] = start(take_what_is_there, &works[4], &queue, 0, 0);
    CHECK_OK(coil_gather(tasks, 5, NULL));
    CHECK_INT(works[4].done, ==, 2);
    CHECK_INT(coil_queue_count(&queue), ==, 2);
    coil_queue_deinit(&queue);
    return 0;
}

/* --- cancels --- */

/* A getter whose time is over stands in nobody's way. */
TASK_TEST(queue_getter_that_timed_out_leaves_no_trace)
{
    struct coil_queue queue;
    int item = 7;

    open_queue(&queue, FIFO, 5);
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_queue_get(&queue, &item), -ETIMEDOUT);
    }
    CHECK_INT(item, ==, 7);
    CHECK_OK(coil_queue_put(&queue, &item));
    CHECK_INT(coil_queue_count(&queue), ==, 1);
    coil_queue_deinit(&queue);
    return 0;
}

/* Given an item, and then cancelled: it has the item, and none is dropped. */
TASK_TEST(queue_cancelled_getter_drops_nothing)
{
    struct coil_queue queue;
    struct work work;
    struct coil_task *task;
    int item = 0;

    open_queue(&queue, FIFO, 0);
    task = start(consume, &work, &queue, 0, 1);
    CHECK_OK(coil_queue_try_put(&queue, &(int){1}));
    CHECK_OK(coil_queue_try_put(&queue, &(int){2}));
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_OK(coil_await(task));
    CHECK_INT(work.sum, ==, 1);
    CHECK_OK(coil_queue_get(&queue, &item));
    CHECK_INT(item, ==, 2);
    coil_queue_deinit(&queue);
    return 0;
}

/* Three getters, one of them cancelled before there is anything: the two others have the items. */
TASK_TEST(queue_cancelled_getter_is_passed_by)
{
    struct coil_queue queue;
    struct work works[3];
    struct coil_task *tasks[3];

    open_queue(&queue, FIFO, 0);
    for (int i = 0; i < 3; i++) {
        tasks[i] = start(consume, &works[i], &queue, 0, 1);
    }
    coil_cancel(tasks[0]);
    CHECK_OK(coil_queue_try_put(&queue, &(int){1}));
    CHECK_OK(coil_queue_try_put(&queue, &(int){2}));
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK_OK(coil_gather(tasks + 1, 2, NULL));
    CHECK_INT(works[1].sum + works[2].sum, ==, 3);
    CHECK_INT(coil_queue_count(&queue), ==, 0);
    coil_queue_deinit(&queue);
    return 0;
}

/* Let in, and then cancelled: the item is in, once. */
TASK_TEST(queue_cancelled_putter_is_in_or_out)
{
    struct coil_queue queue;
    struct work works[3];
    struct coil_task *tasks[3];
    int item = 0;

    open_queue(&queue, FIFO, 1);
    for (int i = 0; i < 3; i++) {
        tasks[i] = start(produce, &works[i], &queue, i + 1, 1);
    }
    CHECK(coil_task_is_done(tasks[0]));
    coil_cancel(tasks[2]); /* out */
    CHECK_OK(coil_queue_try_get(&queue, &item));
    CHECK_INT(item, ==, 1);
    coil_cancel(tasks[1]); /* in already */
    CHECK_OK(coil_await(tasks[1]));
    CHECK_ERR(coil_await(tasks[2]), -ECANCELED);
    CHECK_OK(coil_queue_try_get(&queue, &item));
    CHECK_INT(item, ==, 2);
    CHECK_ERR(coil_queue_try_get(&queue, &item), -EAGAIN);
    CHECK_OK(coil_await(tasks[0]));
    coil_queue_deinit(&queue);
    return 0;
}

/* --- join --- */

static int work_off(void *arg)
{
    struct work *work = arg;
    int item = 0;
    int rc;

    while ((rc = coil_queue_get(work->queue, &item)) == 0) {
        work->sum += item;
        work->done++;
        CHECK_OK(coil_yield());
        CHECK_OK(coil_queue_task_done(work->queue));
    }
    return rc == -COIL_ECLOSED ? 0 : rc;
}

/* Two workers and a hundred items, in each of the orders; then the queue is shut down. */
TASK_TEST(queue_workers_and_join)
{
    for (enum kind kind = FIFO; kind < KINDS; kind++) {
        struct coil_queue queue;
        struct work works[2];
        struct coil_task *tasks[2];

        open_queue(&queue, kind, 0);
        CHECK_ERR(coil_queue_task_done(&queue), -COIL_EINVALIDSTATE);
        CHECK_OK(coil_queue_join(&queue)); /* nothing to be done */
        CHECK_OK(coil_queue_join(&queue));
        for (int i = 0; i < 100; i++) {
            CHECK_OK(coil_queue_try_put(&queue, &i));
        }
        tasks[0] = start(work_off, &works[0], &queue, 0, 0);
        tasks[1] = start(work_off, &works[1], &queue, 0, 0);
        CHECK_OK(coil_queue_join(&queue));
        CHECK_INT(works[0].sum + works[1].sum, ==, 99 * 100 / 2);
        CHECK_INT(works[0].done, >, 0);
        CHECK_INT(works[1].done, >, 0);
        CHECK_OK(coil_queue_shutdown(&queue, false));
        CHECK_OK(coil_gather(tasks, 2, NULL));
        coil_queue_deinit(&queue);
    }
    return 0;
}

/* --- shutdown --- */

static int join(void *arg)
{
    return coil_queue_join(arg);
}

/* All who wait are told: getters of an empty one, putters of a full one. */
TASK_TEST(queue_shutdown_tells_all_who_wait)
{
    for (int is_immediate = 0; is_immediate < 2; is_immediate++) {
        for (enum kind kind = FIFO; kind < KINDS; kind++) {
            struct coil_queue empty;
            struct coil_queue full;
            struct work works[4];
            struct coil_task *tasks[4];
            int results[4];

            open_queue(&empty, kind, 0);
            open_queue(&full, kind, 1);
            CHECK_OK(coil_queue_put(&full, &(int){9}));
            for (int i = 0; i < 4; i++) {
                tasks[i] = i < 2 ? start(consume, &works[i], &empty, 0, 1)
                                 : start(produce, &works[i], &full, i, 1);
            }
            CHECK_OK(coil_queue_shutdown(&empty, is_immediate));
            CHECK_OK(coil_queue_shutdown(&full, is_immediate));
            CHECK_OK(coil_gather(tasks, 4, results));
            for (int i = 0; i < 4; i++) {
                CHECK_ERR(results[i], -COIL_ECLOSED);
                CHECK_INT(works[i].done, ==, 0);
            }
            CHECK_INT(coil_queue_count(&full), ==, !is_immediate);
            coil_queue_deinit(&empty);
            coil_queue_deinit(&full);
        }
    }
    return 0;
}

/* First gently, then at once: what was left to be drained is dropped, and counts as done. */
TASK_TEST(queue_shutdown_first_gently_then_at_once)
{
    struct coil_queue queue;
    struct coil_task *joiner;
    int item = 0;

    open_queue(&queue, FIFO, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_queue_try_put(&queue, &i));
    }
    CHECK_OK(coil_queue_shutdown(&queue, false));
    joiner = coil_create_task(join, &queue);
    CHECK_OK(coil_queue_get(&queue, &item)); /* is drained */
    CHECK_OK(coil_queue_task_done(&queue));
    yield_times(1);
    CHECK(!coil_task_is_done(joiner));
    CHECK_OK(coil_queue_shutdown(&queue, true));
    CHECK_OK(coil_queue_shutdown(&queue, false)); /* does not open it again */
    CHECK_OK(coil_await(joiner));
    CHECK_ERR(coil_queue_get(&queue, &item), -COIL_ECLOSED);
    CHECK_ERR(coil_queue_try_get(&queue, &item), -COIL_ECLOSED);
    CHECK_ERR(coil_queue_try_put(&queue, &item), -COIL_ECLOSED);
    CHECK_ERR(coil_queue_task_done(&queue), -COIL_EINVALIDSTATE);
    CHECK_OK(coil_queue_join(&queue));
    coil_queue_deinit(&queue);
    return 0;
}

/* Who joins is not told of a shutdown, but only of the work that is done. */
TASK_TEST(queue_shutdown_is_no_end_of_the_work)
{
    struct coil_queue queue;
    struct coil_task *joiner;
    int item = 0;

    open_queue(&queue, FIFO, 0);
    CHECK_OK(coil_queue_try_put(&queue, &item));
    joiner = coil_create_task(join, &queue);
    yield_times(1);
    CHECK_OK(coil_queue_shutdown(&queue, false));
    yield_times(2);
    CHECK(!coil_task_is_done(joiner));
    CHECK_OK(coil_queue_get(&queue, &item));
    CHECK(!coil_task_is_done(joiner));
    CHECK_OK(coil_queue_task_done(&queue));
    CHECK_OK(coil_await(joiner));
    coil_queue_deinit(&queue);
    return 0;
}
