/* Queues between threads (D6): tasks of several loops, and threads without a loop. */
#include "shared_queue_calls.h"

#include <pthread.h>
#include <stdatomic.h>

/* --- threads without a loop --- */

struct thread {
    pthread_t id;
    bool is_there;
    void *(*fn)(void *arg);
};

static void start_thread(struct thread *thread, void *(*fn)(void *arg), void *arg)
{
    thread->is_there = pthread_create(&thread->id, NULL, fn, arg) == 0;
    CHECK(thread->is_there);
}

static void join_thread(struct thread *thread)
{
    if (thread->is_there) {
        pthread_join(thread->id, NULL);
    }
}

static void *get_blocking(void *arg)
{
    struct user *user = arg;

    user->rc = coil_shared_queue_get_blocking(user->queue, &user->item, PATIENCE);
    return NULL;
}

static void *put_blocking(void *arg)
{
    struct user *user = arg;

    user->rc = coil_shared_queue_put_blocking(user->queue, &user->item, PATIENCE);
    return NULL;
}

static void *join_blocking(void *arg)
{
    struct user *user = arg;

    user->rc = coil_shared_queue_join_blocking(user->queue, PATIENCE);
    return NULL;
}

COIL_TEST(shared_queue_threads_wait_for_each_other)
{
    struct coil_shared_queue queue;
    struct thread threads[2];
    struct user users[2] = {{.queue = &queue, .rc = 1}, {.queue = &queue, .item = 6, .rc = 1}};
    int item = 5;

    CHECK_ERR(coil_shared_queue_get(&queue, &item), -COIL_ENOLOOP);
    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
    start_thread(&threads[0], get_blocking, &users[0]);
    CHECK_OK(coil_shared_queue_put_blocking(&queue, &item, PATIENCE));
    join_thread(&threads[0]);
    CHECK_OK(users[0].rc);
    CHECK_INT(users[0].item, ==, 5);
    CHECK_OK(coil_shared_queue_task_done(&queue));
    CHECK_OK(try_put(&queue, 1));
    start_thread(&threads[0], put_blocking, &users[1]);
    CHECK_OK(coil_shared_queue_get_blocking(&queue, &item, PATIENCE));
    CHECK_INT(item, ==, 1);
    CHECK_OK(coil_shared_queue_get_blocking(&queue, &item, PATIENCE));
    CHECK_INT(item, ==, 6);
    join_thread(&threads[0]);
    start_thread(&threads[1], join_blocking, &users[1]);
    CHECK_OK(coil_shared_queue_task_done(&queue));
    CHECK_OK(coil_shared_queue_task_done(&queue));
    join_thread(&threads[1]);
    CHECK_OK(users[1].rc);
    CHECK_OK(coil_shared_queue_join_blocking(&queue, 0));
    coil_shared_queue_deinit(&queue);
}

COIL_TEST(shared_queue_deadlines_of_threads)
{
    struct coil_shared_queue queue;
    int64_t before = test_now_ns();
    int item = 9;

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
    CHECK_ERR(coil_shared_queue_get_blocking(&queue, &item, 0), -ETIMEDOUT);
    CHECK_ERR(coil_shared_queue_get_blocking(&queue, &item, -1), -ETIMEDOUT);
    CHECK_ERR(coil_shared_queue_get_blocking(&queue, &item, 3 * COIL_MSEC), -ETIMEDOUT);
    CHECK_OK(coil_shared_queue_put_blocking(&queue, &item, 0));
    CHECK_ERR(coil_shared_queue_put_blocking(&queue, &item, 3 * COIL_MSEC), -ETIMEDOUT);
    CHECK_ERR(coil_shared_queue_join_blocking(&queue, 3 * COIL_MSEC), -ETIMEDOUT);
    CHECK_INT(test_now_ns() - before, >=, 9 * COIL_MSEC);
    CHECK_INT(coil_shared_queue_count(&queue), ==, 1);
    CHECK_OK(coil_shared_queue_get_blocking(&queue, &item, COIL_NEVER));
    fault_syscall_named("pthread_cond_init", 1, EAGAIN);
    CHECK_ERR(coil_shared_queue_get_blocking(&queue, &item, COIL_NEVER), -EAGAIN);
    fault_off();
    coil_shared_queue_deinit(&queue);
}

COIL_TEST(shared_queue_deinit_sends_threads_away)
{
    struct coil_shared_queue queue;
    struct thread threads[2];
    struct user users[2];

    for (int round = 0; round < 10; round++) {
        CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
        for (int i = 0; i < 2; i++) {
            users[i] = (struct user){.queue = &queue, .rc = 1};
            start_thread(&threads[i], get_blocking, &users[i]);
        }
        /* They may not even have begun; a shutdown is for both cases. */
        CHECK_OK(coil_shared_queue_shutdown(&queue, round % 2));
        for (int i = 0; i < 2; i++) {
            join_thread(&threads[i]);
            CHECK_ERR(users[i].rc, -COIL_ECLOSED);
        }
        coil_shared_queue_deinit(&queue);
    }
}

/* --- between loops --- */

enum { MAX_SIDES = 3 };

/* One producer or consumer: a task of a loop of its own, or a thread. */
struct side {
    struct coil_shared_queue *queue;
    struct thread thread;
    int number;
    int count;   /* of items: to be put, or that were got */
    int wrong;   /* items that came in the wrong order */
    int64_t sum; /* of the items */
    int last[8]; /* the last one of each producer */
    int cancels;
    int tasks;       /* that share the work */
    atomic_int left; /* tasks that have not ended */
};

static int items_per_side(void)
{
    bool is_slow = test_has_valgrind() || test_has_tsan() || test_is_emulated();

    return test_is_torture() ? 30 : test_is_thorough() ? (is_slow ? 1000 : 10000) : 1000;
}

static void note(struct side *side, int item)
{
    int producer = item / 1000000;

    side->wrong += side->tasks == 1 && item <= side->last[producer];
    side->last[producer] = item;
    side->sum += item;
    side->count++;
}

static int produce(void *arg)
{
    struct side *side = arg;
    int rc = 0;

    for (int i = 0; i < side->count && rc == 0; i++) {
        int item = side->number * 1000000 + i + 1;

        rc = coil_shared_queue_put(side->queue, &item);
        CHECK_OK(rc);
    }
    return rc;
}

static int consume(void *arg)
{
    struct side *side = arg;
    int item;
    int rc;

    while ((rc = coil_shared_queue_get(side->queue, &item)) == 0) {
        note(side, item);
    }
    return rc == -COIL_ECLOSED ? 0 : rc;
}

static void *produce_in_thread(void *arg)
{
    struct side *side = arg;
    int rc = 0;

    for (int i = 0; i < side->count && rc == 0; i++) {
        int item = side->number * 1000000 + i + 1;

        rc = coil_shared_queue_put_blocking(side->queue, &item, PATIENCE);
        CHECK_OK(rc);
    }
    return NULL;
}

static void *consume_in_thread(void *arg)
{
    struct side *side = arg;
    int item;

    while (coil_shared_queue_get_blocking(side->queue, &item, PATIENCE) == 0) {
        note(side, item);
    }
    return NULL;
}

static int consume_with_tasks(void *arg)
{
    struct side *side = arg;
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    for (int i = 0; i < side->tasks; i++) {
        CHECK_OK(coil_group_spawn(&group, consume, side));
    }
    return coil_group_close(&group);
}

static void *produce_in_loop(void *arg)
{
    CHECK_OK(coil_run(produce, arg));
    return NULL;
}

static void *consume_in_loop(void *arg)
{
    int rc = coil_run(consume_with_tasks, arg);

    CHECK_OK(rc);
    if (rc < 0) { /* a fault: let the producers go */
        coil_shared_queue_shutdown(((struct side *)arg)->queue, true);
    }
    return NULL;
}

static void flow(size_t max, void *(*const *producing)(void *), int producers,
                 void *(*const *consuming)(void *), int consumers, int tasks)
{
    struct coil_shared_queue queue;
    struct side from[MAX_SIDES] = {{0}};
    struct side to[MAX_SIDES] = {{0}};
    int64_t expected = 0;
    int64_t sum = 0;
    int count = 0;

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), max));
    for (int i = 0; i < consumers; i++) {
        to[i].queue = &queue;
        to[i].tasks = tasks;
        start_thread(&to[i].thread, consuming[i], &to[i]);
    }
    for (int i = 0; i < producers; i++) {
        from[i] = (struct side){.queue = &queue, .number = i, .count = items_per_side()};
        for (int j = 0; j < from[i].count; j++) {
            expected += i * 1000000 + j + 1;
        }
        start_thread(&from[i].thread, producing[i], &from[i]);
    }
    for (int i = 0; i < producers; i++) {
        join_thread(&from[i].thread);
    }
    CHECK_OK(coil_shared_queue_shutdown(&queue, false));
    for (int i = 0; i < consumers; i++) {
        join_thread(&to[i].thread);
        CHECK_INT(to[i].wrong, ==, 0);
        sum += to[i].sum;
        count += to[i].count;
    }
    CHECK_INT(count, ==, producers * items_per_side());
    CHECK_INT(sum, ==, expected);
    coil_shared_queue_deinit(&queue);
}

static void *(*const loops_produce[])(void *) = {produce_in_loop, produce_in_loop, produce_in_loop};
static void *(*const loops_consume[])(void *) = {consume_in_loop, consume_in_loop, consume_in_loop};
static void *(*const all_produce[])(void *) = {produce_in_loop, produce_in_thread, produce_in_loop};
static void *(*const all_consume[])(void *) = {consume_in_thread, consume_in_loop,
                                               consume_in_thread};

COIL_TEST_LIMIT(shared_queue_between_two_loops, 60)
{
    flow(1, loops_produce, 1, loops_consume, 1, 1);
    flow(100, loops_produce, 1, loops_consume, 1, 1);
}

COIL_TEST_LIMIT(shared_queue_between_many_loops, 60)
{
    flow(1, loops_produce, 3, loops_consume, 3, 1);
    flow(16, loops_produce, 3, loops_consume, 2, 5);
}

COIL_TEST_LIMIT(shared_queue_between_loops_and_threads, 60)
{
    flow(2, all_produce, 3, all_consume, 3, 1);
    flow(50, all_produce, 3, all_consume, 3, 3);
}

/* A consumer that gives up all the time: what was handed to it is never lost. */
static int consume_impatiently(void *arg)
{
    struct side *side = arg;
    int item = 0;
    int rc = 0;

    while (rc != -COIL_ECLOSED && !test_has_noticed()) {
        rc = 1;
        coil_timeout(side->cancels % 7 * COIL_USEC) {
            rc = coil_shared_queue_get(side->queue, &item);
        }
        if (rc == 0) {
            note(side, item);
        }
        side->cancels += rc != 0;
    }
    return 0;
}

static void *consume_impatiently_in_loop(void *arg)
{
    CHECK_OK(coil_run(consume_impatiently, arg));
    return NULL;
}

COIL_TEST_LIMIT(shared_queue_cancel_races_with_another_thread, 60)
{
    static void *(*const consuming[])(void *) = {consume_impatiently_in_loop,
                                                 consume_impatiently_in_loop};

    flow(1, loops_produce, 2, consuming, 2, 1);
}

/* --- loops that end --- */

static int leave_getters_behind(void *arg)
{
    struct user *users = arg;

    for (int i = 0; i < 3; i++) {
        struct coil_task *task = coil_create_task(get, &users[i]);

        CHECK_OK(coil_detach(task));
    }
    return coil_sleep(test_is_torture() ? 1 : COIL_MSEC);
}

COIL_TEST(shared_queue_outlives_the_loops_that_wait)
{
    struct coil_shared_queue queue;
    struct user users[3];

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 4));
    for (int i = 0; i < 3; i++) {
        users[i] = (struct user){.queue = &queue, .rc = 1};
    }
    CHECK_OK(coil_run(leave_getters_behind, users));
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(users[i].rc, -ECANCELED);
    }
    CHECK_OK(try_put(&queue, 4));
    CHECK_INT(coil_shared_queue_count(&queue), ==, 1);
    CHECK_INT(try_get(&queue), ==, 4);
    coil_shared_queue_deinit(&queue);
}

/* Each round: the loop ends while another thread hands items to its tasks. */
static void *keep_putting(void *arg)
{
    struct user *user = arg;

    while (coil_shared_queue_put_blocking(user->queue, &user->item, PATIENCE) == 0) {
        user->item++;
    }
    return NULL;
}

COIL_TEST_LIMIT(shared_queue_loops_end_while_they_are_served, 60)
{
    struct coil_shared_queue queue;
    struct user putter = {.queue = &queue, .item = 1};
    struct user users[3];
    struct thread thread;

    CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
    start_thread(&thread, keep_putting, &putter);
    for (int round = 0; round < (test_is_torture() ? 3 : 50); round++) {
        for (int i = 0; i < 3; i++) {
            users[i] = (struct user){.queue = &queue, .rc = 1};
        }
        CHECK_OK(coil_run(leave_getters_behind, users));
        for (int i = 0; i < 3; i++) {
            CHECK(users[i].rc == -ECANCELED || (users[i].rc == 0 && users[i].item > 0));
        }
    }
    CHECK_OK(coil_shared_queue_shutdown(&queue, true));
    join_thread(&thread);
    coil_shared_queue_deinit(&queue);
}

/* Who gets the last item may end the queue, while the one who has put it is still in its call. */
static int get_one_and_end(void *arg)
{
    struct user *user = arg;
    int rc = get(user);

    coil_shared_queue_deinit(user->queue);
    memset(user->queue, 0xff, sizeof *user->queue);
    return rc;
}

static int end_queues(void *arg)
{
    (void)arg;
    for (int round = 0; round < (test_is_torture() ? 3 : 100); round++) {
        struct coil_shared_queue queue;
        struct user getter = {.queue = &queue, .rc = 1};
        struct user putter = {.queue = &queue, .item = round, .rc = 1};
        struct thread thread;

        CHECK_OK(coil_shared_queue_init(&queue, sizeof(int), 1));
        start_thread(&thread, put_blocking, &putter);
        CHECK_OK(get_one_and_end(&getter));
        join_thread(&thread);
        CHECK_INT(getter.item, ==, round);
    }
    return 0;
}

COIL_TEST(shared_queue_ends_with_its_last_item)
{
    CHECK_OK(coil_run(end_queues, NULL));
}
