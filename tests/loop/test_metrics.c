/* The numbers of a loop: that each counts what it says, in whichever thread it is read. */
#include "fault.h"
#include "meter_calls.h"

#include "loop/pool.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

/* --- what is always counted --- */

enum { TASKS = 20, ROUNDS = 50 };

TASK_TEST(metrics_of_a_loop_just_begun)
{
    struct coil_metrics metrics = look();

    CHECK_PTR(metrics.loop, ==, NULL);
    CHECK_STR(metrics.backend, coil_loop_backend(coil_loop_current()));
    CHECK_INT(metrics.iterations, ==, 1);
    CHECK_INT(metrics.polls, ==, 1);
    CHECK_INT(metrics.tasks_created, ==, 1);
    CHECK_INT(metrics.tasks_alive, ==, 1);
    CHECK_INT(metrics.operations, ==, 0);
    CHECK_INT(metrics.workers.jobs, ==, 0);
    CHECK_INT(metrics.workers.threads, ==, 0);
    CHECK_INT(metrics.resolvers.threads, ==, 0);
    return 0;
}

TASK_TEST(metrics_tasks_created_and_alive)
{
    struct coil_task *tasks[TASKS];
    struct coil_metrics before = look();
    struct coil_metrics now;
    int zero = 0;

    for (int i = 0; i < TASKS; i++) {
        tasks[i] = coil_create_task(i % 2 ? task_forever : task_return, &zero);
    }
    now = look();
    CHECK_INT(now.tasks_created - before.tasks_created, ==, TASKS);
    CHECK_INT(now.tasks_alive, ==, TASKS + 1);
    yield_times(2);
    CHECK_INT(look().tasks_alive, ==, TASKS / 2 + 1);
    for (int i = 0; i < TASKS; i++) {
        coil_cancel(tasks[i]);
        coil_await(tasks[i]);
    }
    now = look();
    CHECK_INT(now.tasks_created - before.tasks_created, ==, TASKS);
    CHECK_INT(now.tasks_alive, ==, 1);
    return 0;
}

/* One for each round, whether it has asked the kernel or not. */
TASK_TEST(metrics_iterations_and_polls)
{
    struct coil_metrics before = look();
    struct coil_metrics now;

    for (int i = 0; i < ROUNDS; i++) {
        CHECK_OK(coil_yield());
    }
    now = look();
    CHECK_INT(now.iterations - before.iterations, ==, ROUNDS);
    CHECK_INT(now.polls - before.polls, <=, ROUNDS);
    if (test_backend_is("sim")) {
        CHECK_INT(now.polls - before.polls, ==, ROUNDS);
    }
    before = now;
    CHECK_OK(coil_sleep(COIL_MSEC));
    now = look();
    CHECK_INT(now.polls - before.polls, >=, 1);
    CHECK_INT(now.iterations - before.iterations, ==, now.polls - before.polls);
    return 0;
}

struct watched {
    struct coil_op op;
    bool is_done;
};

static void on_poll(struct coil_op *op)
{
    COIL__CONTAINER(op, struct watched, op)->is_done = true;
}

TASK_TEST(metrics_operations_under_way)
{
    struct coil_loop *loop = coil_loop_current();
    uint64_t before = look().operations;
    struct watched ends[2] = {0};
    int fds[2];

    test_socket_pair(fds);
    for (int i = 0; i < 2; i++) {
        coil_op_poll(&ends[i].op, fds[i], POLLIN);
        CHECK_OK(coil_op_submit(loop, &ends[i].op, on_poll));
    }
    CHECK_INT(look().operations - before, ==, 2);
    CHECK_INT(write(fds[0], "x", 1), ==, 1);
    while (!ends[1].is_done) {
        coil_yield();
    }
    CHECK_INT(look().operations - before, ==, 1);
    CHECK_OK(coil_op_cancel(&ends[0].op));
    while (!ends[0].is_done) {
        coil_yield();
    }
    CHECK_INT(look().operations, ==, before);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

TASK_TEST(metrics_stacks)
{
    struct coil_task *tasks[TASKS];
    struct coil_metrics before = look();
    struct coil_metrics now;
    struct coil_task_options large = {.stack_size = 256 * 1024};

    CHECK_INT(before.stacks, ==, 1);
    CHECK_INT(before.stack_bytes, >=, 64 * 1024);
    CHECK_INT(before.stack_bytes_mapped, >=, before.stack_bytes);
    for (int i = 0; i < TASKS; i++) {
        tasks[i] = test_made(i == 0 ? coil_task_create(&large, task_forever, NULL)
                                    : coil_create_task(task_forever, NULL));
    }
    now = look();
    CHECK_INT(now.stacks - before.stacks, ==, TASKS);
    CHECK_INT(now.stack_bytes - before.stack_bytes, ==,
              large.stack_size + (TASKS - 1) * coil__thread.loop->stack_size);
    CHECK_INT(now.stack_bytes_mapped, >=, now.stack_bytes);
    for (int i = 0; i < TASKS; i++) {
        coil_cancel(tasks[i]);
        coil_await(tasks[i]);
    }
    CHECK_INT(look().stacks, <=, now.stacks); /* some are kept for the next tasks */
    CHECK_INT(look().stack_bytes, <, now.stack_bytes);
    return 0;
}

/* --- threads --- */

static sem_t gate;

static int pass_gate(__attribute__((unused)) void *arg)
{
    sem_wait(&gate);
    return 0;
}

static int pass_gate_in_thread(__attribute__((unused)) void *arg)
{
    return (int)test_done(coil_to_thread(pass_gate, NULL));
}

static int use_one_thread(__attribute__((unused)) void *arg)
{
    struct coil_task *tasks[3];
    struct coil_metrics now;

    for (int i = 0; i < 3; i++) {
        tasks[i] = coil_create_task(pass_gate_in_thread, NULL);
    }
    do { /* until the thread has taken the first one */
        coil_yield();
        now = look();
    } while ((now.workers.jobs < 3 || now.workers.queued > 2) && !test_has_noticed());
    CHECK_INT(now.workers.jobs, ==, 3);
    CHECK_INT(now.workers.queued, ==, 2);
    CHECK_INT(now.workers.threads, ==, 1);
    CHECK_INT(look().workers.idle, ==, 0);
    for (int i = 0; i < 3; i++) {
        sem_post(&gate);
    }
    CHECK_OK(coil_gather(tasks, 3, NULL));
    now = look();
    CHECK_INT(now.workers.jobs, ==, 3);
    CHECK_INT(now.workers.queued, ==, 0);
    CHECK_INT(now.workers.threads, ==, 1);
    CHECK_INT(now.workers.idle, ==, 1);
    CHECK_INT(now.resolvers.jobs, ==, 0);
    return 0;
}

COIL_TEST(metrics_worker_threads)
{
    struct coil_run_options options = {.loop.max_threads = 1};

    sem_init(&gate, 0, 0);
    CHECK_OK(coil_run_with(&options, use_one_thread, NULL));
    sem_destroy(&gate);
}

static void do_nothing(__attribute__((unused)) struct coil__job *job)
{
}

static bool is_job_done;

static void note_job(__attribute__((unused)) struct coil__job *job)
{
    is_job_done = true;
}

TASK_TEST(metrics_resolver_threads)
{
    struct coil__job job = {.work = do_nothing, .done = note_job};
    struct coil__pool *pool;
    struct coil_metrics now;

    CHECK_OK(coil__pool_get(coil__thread.loop, &coil__thread.loop->resolvers, 1, &pool));
    CHECK_OK(coil__pool_submit(pool, &job));
    while (!is_job_done) {
        coil_yield();
    }
    now = look();
    CHECK_INT(now.resolvers.jobs, ==, 1);
    CHECK_INT(now.resolvers.threads, ==, 1);
    CHECK_INT(now.resolvers.queued, ==, 0);
    CHECK_INT(now.workers.jobs, ==, 0);
    return 0;
}

/* --- on and off --- */

TASK_TEST(metrics_are_timed_only_when_asked_for)
{
    struct coil_metrics now;

    if (getenv("COIL_METRICS")) {
        test_skip("it was asked for");
    }
    CHECK_OK(coil_loop_set_metrics(NULL, false));
    CHECK_OK(coil_sleep(COIL_MSEC));
    now = look();
    CHECK(!now.is_timed);
    CHECK_INT(now.step_since, ==, 0);
    CHECK_INT(now.step_time.count + now.ready_wait.count, ==, 0);
    CHECK_INT(now.io_wait.count + now.timer_late.count, ==, 0);
    return 0;
}

static int expect_times(__attribute__((unused)) void *arg)
{
    struct coil_metrics now;
    int sleeps = 0;

    do { /* a short one may be over before the loop is about to sleep */
        CHECK_OK(coil_sleep(COIL_MSEC << sleeps++));
        now = look();
    } while (now.io_wait.count == 0 && !test_has_noticed());
    CHECK(now.is_timed);
    CHECK_INT(now.step_since, >, 0);
    CHECK_INT(now.step_time.count, ==, sleeps);
    CHECK_INT(now.timer_late.count, ==, sleeps);
    return 0;
}

COIL_TEST(metrics_option)
{
    struct coil_run_options options = {.loop.metrics = true};

    CHECK_OK(coil_run_with(&options, expect_times, NULL));
    CHECK_OK(setenv("COIL_METRICS", "1", 1));
    CHECK_OK(coil_run(expect_times, NULL));
}

TASK_TEST(metrics_stand_still_when_turned_off)
{
    struct coil_metrics before;
    struct coil_metrics now;

    start_meter();
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_OK(coil_loop_set_metrics(NULL, true)); /* is on: nothing changes */
    CHECK_OK(coil_loop_set_metrics(NULL, false));
    before = look();
    CHECK(!before.is_timed);
    CHECK_OK(coil_sleep(COIL_MSEC));
    yield_times(3);
    now = look();
    CHECK_INT(now.step_since, ==, 0);
    CHECK_MEM(&now.step_time, &before.step_time, sizeof now.step_time);
    CHECK_MEM(&now.ready_wait, &before.ready_wait, sizeof now.ready_wait);
    CHECK_MEM(&now.io_wait, &before.io_wait, sizeof now.io_wait);
    CHECK_MEM(&now.timer_late, &before.timer_late, sizeof now.timer_late);
    start_meter();
    yield_times(3);
    now = look();
    CHECK(now.is_timed);
    CHECK_INT(now.step_time.count, >, before.step_time.count);
    CHECK_INT(now.io_wait.count, ==, before.io_wait.count);
    return 0;
}

/* --- other threads --- */

struct reader {
    struct coil_loop *loop;
    atomic_bool is_stuck;
    atomic_bool has_seen;
    atomic_bool must_end;
    atomic_int reads;
};

/* Counters do not go back, and what cannot be is not read. */
static void compare(const struct coil_metrics *old, const struct coil_metrics *new)
{
    CHECK_INT(new->iterations, >=, old->iterations);
    CHECK_INT(new->polls, >=, old->polls);
    CHECK_INT(new->tasks_created, >=, old->tasks_created);
    CHECK_INT(new->workers.jobs, >=, old->workers.jobs);
    CHECK_INT(new->step_time.count, >=, old->step_time.count);
    CHECK_INT(new->step_time.sum_ns, >=, old->step_time.sum_ns);
    CHECK_INT(new->ready_wait.count, >=, old->ready_wait.count);
    CHECK_INT(new->io_wait.count, >=, old->io_wait.count);
    CHECK_INT(new->timer_late.count, >=, old->timer_late.count);
    CHECK_INT(new->tasks_alive, <=, 8);
    CHECK_INT(new->operations, <=, 8);
    CHECK_INT(new->workers.idle, <=, 8);
}

static void *read_often(void *arg)
{
    struct reader *reader = arg;
    struct coil_metrics old = {0};
    struct coil_metrics new;

    while (!atomic_load(&reader->must_end)) {
        CHECK_OK(coil_loop_get_metrics(reader->loop, &new));
        compare(&old, &new);
        old = new;
        atomic_fetch_add(&reader->reads, 1);
    }
    return NULL;
}

static int do_a_bit(void *arg)
{
    (void)arg;
    coil_yield();
    return coil_sleep(10 * COIL_USEC);
}

static int add_one(void *arg)
{
    ++*(int *)arg;
    return 0;
}

TASK_TEST(metrics_read_by_another_thread)
{
    struct reader reader = {.loop = coil_loop_current()};
    pthread_t thread;
    int sum = 0;
    bool is_there = pthread_create(&thread, NULL, read_often, &reader) == 0;

    CHECK(is_there);
    for (int i = 0; i < 40 || (atomic_load(&reader.reads) < 50 && is_there); i++) {
        struct coil_task *tasks[3];

        for (int k = 0; k < 3; k++) {
            tasks[k] = coil_create_task(do_a_bit, NULL);
        }
        coil_gather(tasks, 3, NULL);
        coil_to_thread(add_one, &sum);
        CHECK_OK(coil_loop_set_metrics(NULL, i % 4 != 3));
    }
    atomic_store(&reader.must_end, true);
    if (is_there) {
        pthread_join(thread, NULL);
    }
    return 0;
}

static void *look_at_the_stuck_one(void *arg)
{
    struct reader *reader = arg;
    struct coil_metrics metrics;

    while (!atomic_load(&reader->is_stuck)) {
    }
    CHECK_OK(coil_loop_get_metrics(reader->loop, &metrics));
    CHECK_INT(metrics.tasks_alive, ==, 1);
    CHECK(metrics.is_timed);
    CHECK_INT(metrics.step_since, >, 0);
    CHECK_ERR(coil_loop_get_metrics(NULL, &metrics), -COIL_ENOLOOP);
    CHECK_ERR(coil_loop_set_metrics(reader->loop, false), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_loop_set_metrics(NULL, false), -COIL_ENOLOOP);
    atomic_store(&reader->has_seen, true);
    return NULL;
}

/* A loop that is stuck in a step holds up nobody who reads, and tells since when. */
TASK_TEST(metrics_of_a_loop_that_is_stuck)
{
    struct reader reader = {.loop = coil_loop_current()};
    pthread_t thread;
    bool is_there;

    start_meter();
    is_there = pthread_create(&thread, NULL, look_at_the_stuck_one, &reader) == 0;
    CHECK(is_there);
    atomic_store(&reader.is_stuck, true);
    while (!atomic_load(&reader.has_seen) && is_there) {
    }
    if (is_there) {
        pthread_join(thread, NULL);
    }
    CHECK(look().is_timed);
    return 0;
}

/* --- misuse and faults --- */

COIL_TEST(metrics_misuse)
{
    struct coil_metrics metrics = {.polls = 77};
    struct coil_loop *loop;

    CHECK_ERR(coil_loop_get_metrics(NULL, &metrics), -COIL_ENOLOOP);
    CHECK_ERR(coil_loop_set_metrics(NULL, true), -COIL_ENOLOOP);
    CHECK_INT(metrics.polls, ==, 77);
    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_ERR(coil_loop_get_metrics(loop, NULL), -EINVAL);
    CHECK_OK(coil_loop_get_metrics(loop, &metrics));
    CHECK_INT(metrics.polls, ==, 0);
    CHECK_INT(metrics.tasks_created, ==, 0);
    CHECK_OK(coil_loop_set_metrics(loop, true));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_OK(coil_loop_get_metrics(loop, &metrics));
    CHECK_INT(metrics.polls, ==, 1);
    CHECK(metrics.is_timed);
    CHECK_OK(coil_loop_free(loop));
}

TASK_TEST(metrics_without_memory)
{
    if (getenv("COIL_METRICS")) {
        test_skip("there is memory for it already");
    }
    fault_alloc_at(1);
    CHECK_ERR(coil_loop_set_metrics(NULL, true), -ENOMEM);
    fault_off();
    CHECK(!look().is_timed);
    start_meter();
    CHECK(look().is_timed);
    return 0;
}

COIL_TEST(metrics_option_without_memory)
{
    struct coil_loop_options options = {.metrics = true};
    struct coil_loop *loop;
    int rc = -ENOMEM;

    for (int n = 1; rc < 0; n++) {
        fault_alloc_at(n);
        rc = coil_loop_new(&options, &loop);
        fault_off();
        if (rc < 0) {
            CHECK_ERR(rc, -ENOMEM);
        }
        CHECK_INT(n, <, 100);
    }
    CHECK_OK(coil_loop_free(loop));
}

static int look_in_child(void *arg)
{
    struct coil_metrics metrics;

    fault_off();
    CHECK_ERR(coil_loop_get_metrics(arg, &metrics), -COIL_EFORKED);
    CHECK_ERR(coil_loop_get_metrics(NULL, &metrics), -COIL_EFORKED);
    CHECK_ERR(coil_loop_set_metrics(arg, true), -COIL_EFORKED);
    CHECK_ERR(coil_loop_set_metrics(NULL, true), -COIL_EFORKED);
    return 3;
}

TASK_TEST(metrics_in_the_child_of_a_fork)
{
    struct test_child child = {0};

    start_meter();
    test_run_child(look_in_child, coil_loop_current(), &child);
    CHECK_MSG(child.exit_code == 3, "%s", child.output);
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK(look().is_timed);
    return 0;
}

/* Who reads the running loop's numbers has not handed its address to anybody. */
TASK_TEST(metrics_hide_no_deadlock)
{
    CHECK_OK(coil_loop_set_metrics(NULL, true));
    CHECK(look().is_timed);
    CHECK(!coil__thread.loop->is_handed_out);
    return 0;
}

/* --- histograms --- */

COIL_TEST(metrics_histogram_bounds)
{
    CHECK_INT(coil_histogram_bound(0), ==, COIL_USEC);
    CHECK_INT(coil_histogram_bound(1), ==, 2 * COIL_USEC);
    CHECK_INT(coil_histogram_bound(10), ==, 1024 * COIL_USEC);
    CHECK_INT(coil_histogram_bound(24), ==, 16777216 * COIL_USEC);
    CHECK_INT(coil_histogram_bound(25), ==, COIL_NEVER);
    CHECK_INT(coil_histogram_bound(26), ==, COIL_NEVER);
    CHECK_INT(coil_histogram_bound(SIZE_MAX), ==, COIL_NEVER);
}

COIL_TEST(metrics_histogram_quantiles)
{
    struct coil_histogram histogram = {0};

    CHECK_INT(coil_histogram_quantile(NULL, 0.5), ==, 0);
    CHECK_INT(coil_histogram_quantile(&histogram, 0.5), ==, 0);
    histogram.count = 100;
    histogram.buckets[3] = 50;
    histogram.buckets[5] = 49;
    histogram.buckets[25] = 1;
    CHECK_INT(coil_histogram_quantile(&histogram, 0), ==, 8 * COIL_USEC);
    CHECK_INT(coil_histogram_quantile(&histogram, -1), ==, 8 * COIL_USEC);
    CHECK_INT(coil_histogram_quantile(&histogram, (double)NAN), ==, 8 * COIL_USEC);
    CHECK_INT(coil_histogram_quantile(&histogram, 0.5), ==, 8 * COIL_USEC);
    CHECK_INT(coil_histogram_quantile(&histogram, 0.51), ==, 32 * COIL_USEC);
    CHECK_INT(coil_histogram_quantile(&histogram, 0.99), ==, 32 * COIL_USEC);
    CHECK_INT(coil_histogram_quantile(&histogram, 0.999), ==, COIL_NEVER);
    CHECK_INT(coil_histogram_quantile(&histogram, 1), ==, COIL_NEVER);
    CHECK_INT(coil_histogram_quantile(&histogram, 2), ==, COIL_NEVER);
}
