/* Between threads: coil_to_thread, and tasks that other threads start. */
#include "fault.h"
#include "harness.h"

#include <coil.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

struct step {
    sem_t began;
    sem_t go_on;
    int result;
};

static void init_step(struct step *step, int result)
{
    sem_init(&step->began, 0, 0);
    sem_init(&step->go_on, 0, 0);
    step->result = result;
}

/* Blocks its thread until the test says so. */
static int blocking(void *arg)
{
    struct step *step = arg;

    sem_post(&step->began);
    sem_wait(&step->go_on);
    return step->result;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static int short_work(void *arg)
{
    int *value = arg;

    pause_ms(test_has_valgrind() ? 20 : 2);
    return ++*value;
}

static bool is_begun(struct step *step)
{
    return sem_trywait(&step->began) == 0;
}

/* Lets the other tasks and threads go on until the work has begun. */
static void await_begin(struct step *step)
{
    bool has_begun = is_begun(step);

    for (int i = 0; i < (test_is_torture() ? 500 : 3000) && !has_begun; i++) {
        CHECK_OK(coil_yield());
        pause_ms(1);
        has_begun = is_begun(step);
    }
    CHECK(has_begun);
}

/* --- to_thread --- */

static int count_ticks(void *arg)
{
    int *ticks = arg;

    while (coil_sleep(100 * COIL_USEC) == 0) {
        ++*ticks;
    }
    return 0;
}

static int main_to_thread(void *arg)
{
    int value = 41;
    int ticks = 0;
    struct coil_task *ticker = coil_create_task(count_ticks, &ticks);
    struct step step;

    (void)arg;
    CHECK_INT(coil_to_thread(short_work, &value), ==, 42);
    CHECK_INT(value, ==, 42);
    init_step(&step, -EIO);
    sem_post(&step.go_on);
    CHECK_ERR(coil_to_thread(blocking, &step), -EIO);
    CHECK_INT(ticks, >, 0);
    coil_cancel(ticker);
    coil_await(ticker);
    CHECK_ERR(coil_to_thread(NULL, NULL), -EINVAL);
    return 0;
}

COIL_TEST(to_thread_returns_the_result)
{
    int value = 0;

    CHECK_OK(coil_run(main_to_thread, NULL));
    CHECK_ERR(coil_to_thread(short_work, &value), -COIL_ENOLOOP);
    CHECK_INT(value, ==, 0);
}

static int call_coil(void *arg)
{
    struct coil_task *task;

    (void)arg;
    CHECK_PTR(coil_loop_current(), ==, NULL);
    CHECK_PTR(coil_current_task(), ==, NULL);
    CHECK_ERR(coil_sleep(1), -COIL_ENOLOOP);
    CHECK_ERR(coil_to_thread(call_coil, NULL), -COIL_ENOLOOP);
    task = coil_create_task(call_coil, NULL);
    CHECK_PTR(task, ==, NULL);
    return 7;
}

static int nested_main(void *arg)
{
    (void)arg;
    return coil_sleep(1 * COIL_USEC) < 0 ? -1 : 11;
}

static int run_loop(void *arg)
{
    return coil_run(nested_main, arg);
}

static int main_outside_of_the_loop(void *arg)
{
    (void)arg;
    CHECK_INT(coil_to_thread(call_coil, NULL), ==, 7);
    CHECK_INT(coil_to_thread(run_loop, NULL), ==, 11);
    return 0;
}

COIL_TEST(to_thread_runs_outside_of_the_loop)
{
    CHECK_OK(coil_run(main_outside_of_the_loop, NULL));
}

static int in_thread(void *arg)
{
    return coil_to_thread(blocking, arg);
}

static int in_thread_then_sleep(void *arg)
{
    int rc = coil_to_thread(blocking, arg);

    CHECK_ERR(coil_sleep(1), -ECANCELED);
    return rc;
}

static int main_cancel(void *arg)
{
    struct step steps[2];
    struct coil_task *tasks[2];

    (void)arg;
    for (int i = 0; i < 2; i++) {
        init_step(&steps[i], 5);
    }
    tasks[0] = coil_create_task(in_thread_then_sleep, &steps[0]);
    await_begin(&steps[0]);
    tasks[1] = coil_create_task(in_thread, &steps[1]);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_yield());
    }
    /* The only thread is busy: the second job is taken back. */
    coil_cancel(tasks[1]);
    CHECK_ERR(coil_await(tasks[1]), -ECANCELED);
    CHECK(!is_begun(&steps[1]));
    /* The first is waited for, and its result counts. */
    coil_cancel(tasks[0]);
    coil_cancel(tasks[0]);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(coil_sleep(100 * COIL_USEC));
        CHECK(!coil_task_is_done(tasks[0]));
    }
    sem_post(&steps[0].go_on);
    CHECK_INT(coil_await(tasks[0]), ==, 5);
    return 0;
}

COIL_TEST(to_thread_cancel_takes_back_or_waits)
{
    struct coil_run_options options = {.loop.max_threads = 1};

    CHECK_OK(coil_run_with(&options, main_cancel, NULL));
}

static int main_cancel_before(void *arg)
{
    int value = 0;

    (void)arg;
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_to_thread(short_work, &value), -ECANCELED);
    CHECK_INT(value, ==, 0);
    return 0;
}

COIL_TEST(to_thread_in_a_cancelled_task_does_nothing)
{
    CHECK_OK(coil_run(main_cancel_before, NULL));
}

static int main_deadline(void *arg)
{
    struct step steps[2];
    struct coil_task *task;
    int rc = 0;

    (void)arg;
    init_step(&steps[0], 0);
    init_step(&steps[1], 0);
    task = coil_create_task(in_thread, &steps[0]);
    await_begin(&steps[0]);
    coil_timeout(5 * COIL_MSEC) {
        rc = coil_to_thread(blocking, &steps[1]);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK(!is_begun(&steps[1]));
    sem_post(&steps[0].go_on);
    return coil_await(task);
}

COIL_TEST(to_thread_deadline_while_it_waits_for_a_thread)
{
    struct coil_run_options options = {.loop.max_threads = 1};

    CHECK_OK(coil_run_with(&options, main_deadline, NULL));
}

/* Cancels at all kinds of moments: the result is the work's or the cancel's, and the work was done
 * in the first case only. */
static int main_cancel_race(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        struct coil_task *task;
        struct step step;
        int rc;

        init_step(&step, 3);
        sem_post(&step.go_on);
        task = coil_create_task(in_thread, &step);
        for (int j = 0; j < i % 5; j++) {
            CHECK_OK(coil_yield());
        }
        coil_cancel(task);
        rc = coil_await(task);
        CHECK(rc == 3 ? is_begun(&step) : rc == -ECANCELED && !is_begun(&step));
    }
    return 0;
}

COIL_TEST(to_thread_cancel_race)
{
    CHECK_OK(coil_run(main_cancel_race, NULL));
}

static int short_work_in_thread(void *arg)
{
    return coil_to_thread(short_work, arg);
}

static int main_many(void *arg)
{
    struct coil_task *tasks[100];
    int values[100] = {0};
    int results[100];

    (void)arg;
    for (int i = 0; i < 100; i++) {
        values[i] = i;
        tasks[i] = coil_create_task(short_work_in_thread, &values[i]);
    }
    CHECK_OK(coil_gather(tasks, 100, results));
    for (int i = 0; i < 100; i++) {
        CHECK_INT(results[i], ==, i + 1);
    }
    return 0;
}

COIL_TEST(to_thread_from_many_tasks)
{
    CHECK_OK(coil_run(main_many, NULL));
}

static int value_of_task;
static const struct coil_local local = {0};

static int see_no_value(void *arg)
{
    ++*(int *)arg;
    CHECK_PTR(coil_local_get(&local), ==, NULL);
    CHECK_ERR(coil_local_set(&local, arg), -COIL_ENOLOOP);
    return 0;
}

static int main_with_value(void *arg)
{
    CHECK_OK(coil_local_set(&local, &value_of_task));
    CHECK_OK(coil_to_thread(see_no_value, arg));
    CHECK_PTR(coil_local_get(&local), ==, &value_of_task);
    return 0;
}

/* Other than asyncio's, the thread sees no task-local values; it is called once. */
COIL_TEST(to_thread_sees_no_local_values)
{
    int calls = 0;

    CHECK_OK(coil_run(main_with_value, &calls));
    CHECK_INT(calls, ==, 1);
}

/* --- calls from other threads --- */

static int add_one(void *arg)
{
    int *value = arg;

    if (coil_sleep(1 * COIL_MSEC) < 0) {
        return -EIO;
    }
    return ++*value;
}

static int sleep_long(void *arg)
{
    sem_post(arg);
    return coil_sleep(COIL_NEVER / 4);
}

static int fail(void *arg)
{
    (void)arg;
    return -ENOENT;
}

static int call_from_thread(void *arg)
{
    struct coil_loop *loop = arg;
    struct coil_thread_call call = {0};
    int value = 1;

    CHECK_INT(coil_run_threadsafe(loop, add_one, &value), ==, 2);
    CHECK_ERR(coil_run_threadsafe(loop, fail, NULL), -ENOENT);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_thread_call_start(loop, &call, add_one, &value));
        CHECK_ERR(coil_thread_call_start(loop, &call, add_one, &value), -EINVAL);
        CHECK(coil_thread_call_is_pending(&call));
        CHECK_INT(coil_thread_call_wait(&call, COIL_NEVER), ==, 3 + i);
        CHECK(!coil_thread_call_is_pending(&call));
        CHECK_ERR(coil_thread_call_wait(&call, COIL_NEVER), -COIL_EINVALIDSTATE);
        CHECK_ERR(coil_thread_call_cancel(&call), -COIL_EINVALIDSTATE);
    }
    return 0;
}

static int main_calls(void *arg)
{
    (void)arg;
    return coil_to_thread(call_from_thread, coil_loop_current());
}

COIL_TEST(thread_call_returns_the_result_of_the_task)
{
    CHECK_OK(coil_run(main_calls, NULL));
}

COIL_TEST(thread_call_misuse_is_named)
{
    struct coil_thread_call call = {0};
    struct coil_loop *loop;
    int value = 0;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_OK(coil_loop_run_once(loop, 0)); /* from here on it is this thread's */
    CHECK_ERR(coil_thread_call_start(NULL, &call, add_one, &value), -EINVAL);
    CHECK_ERR(coil_thread_call_start(loop, NULL, add_one, &value), -EINVAL);
    CHECK_ERR(coil_thread_call_start(loop, &call, NULL, &value), -EINVAL);
    CHECK_ERR(coil_thread_call_wait(NULL, 0), -EINVAL);
    CHECK_ERR(coil_thread_call_wait(&call, 0), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_thread_call_cancel(NULL), -EINVAL);
    CHECK(!coil_thread_call_is_pending(NULL));
    CHECK_ERR(coil_run_threadsafe(NULL, add_one, &value), -EINVAL);
    CHECK_ERR(coil_run_threadsafe(loop, add_one, &value), -EDEADLK);
    /* A call may be started in the loop's own thread, but not waited for there. */
    CHECK_OK(coil_thread_call_start(loop, &call, add_one, &value));
    CHECK_ERR(coil_thread_call_wait(&call, COIL_NEVER), -EDEADLK);
    CHECK_OK(coil_loop_free(loop));
    CHECK_ERR(coil_thread_call_wait(&call, COIL_NEVER), -COIL_ECLOSED);
}

static int cancel_from_thread(void *arg)
{
    struct coil_loop *loop = arg;
    struct coil_thread_call call = {0};
    int value = 0;
    sem_t began;

    sem_init(&began, 0, 0);
    if (coil_thread_call_start(loop, &call, sleep_long, &began) < 0) {
        return -ENOMEM;
    }
    while (sem_trywait(&began) < 0 && coil_thread_call_wait(&call, COIL_MSEC) == -ETIMEDOUT) {
        continue; /* until it has begun, or failed */
    }
    CHECK_ERR(coil_thread_call_wait(&call, 0), -ETIMEDOUT);
    CHECK_ERR(coil_thread_call_wait(&call, 2 * COIL_MSEC), -ETIMEDOUT);
    CHECK(coil_thread_call_is_pending(&call));
    CHECK_INT(coil_thread_call_cancel(&call), ==, 1);
    coil_thread_call_cancel(&call);
    CHECK_ERR(coil_thread_call_wait(&call, COIL_NEVER), -ECANCELED);
    /* At any moment: before the task is made, while it runs, when it has ended. */
    for (int i = 0; i < 200; i++) {
        int rc;

        CHECK_OK(coil_thread_call_start(loop, &call, add_one, &value));
        if (i % 4) {
            nanosleep(&(struct timespec){.tv_nsec = i % 4 * 400000}, NULL);
        }
        coil_thread_call_cancel(&call);
        rc = coil_thread_call_wait(&call, COIL_NEVER);
        CHECK(rc == value || rc == -ECANCELED || rc == -EIO);
    }
    sem_destroy(&began);
    return 0;
}

static int main_cancel_calls(void *arg)
{
    (void)arg;
    return coil_to_thread(cancel_from_thread, coil_loop_current());
}

COIL_TEST(thread_call_cancel)
{
    CHECK_OK(coil_run(main_cancel_calls, NULL));
}

static int cancel_itself(void *arg)
{
    (void)arg;
    CHECK_INT(coil_cancel(coil_current_task()), ==, 1);
    return coil_yield();
}

static int call_one_that_cancels_itself(void *arg)
{
    CHECK_ERR(coil_run_threadsafe(arg, cancel_itself, NULL), -ECANCELED);
    return 0;
}

static int main_with_one_that_cancels_itself(void *arg)
{
    (void)arg;
    CHECK_OK(coil_to_thread(call_one_that_cancels_itself, coil_loop_current()));
    CHECK_INT(coil_all_tasks(NULL, 0), ==, 1);
    return 0;
}

/* A8: how the task was cancelled does not matter to the thread that waits for it. */
COIL_TEST(thread_call_of_a_task_that_cancels_itself)
{
    CHECK_OK(coil_run(main_with_one_that_cancels_itself, NULL));
}

/* Calls that outlive the first task, or the loop. */
struct late {
    pthread_t thread;
    bool has_thread;
    struct coil_loop *loop;
    sem_t started;
    sem_t began;
    int rc;
};

static void *call_late(void *arg)
{
    struct late *late = arg;
    struct coil_thread_call call = {0};

    CHECK_OK(coil_thread_call_start(late->loop, &call, sleep_long, &late->began));
    sem_post(&late->started);
    late->rc = coil_thread_call_wait(&call, COIL_NEVER);
    return NULL;
}

static int join_late(struct late *late)
{
    if (late->has_thread) {
        pthread_join(late->thread, NULL);
    }
    return late->rc;
}

static void start_late(struct late *late, struct coil_loop *loop)
{
    late->loop = loop;
    sem_init(&late->started, 0, 0);
    sem_init(&late->began, 0, 0);
    late->has_thread = pthread_create(&late->thread, NULL, call_late, late) == 0;
    CHECK(late->has_thread);
    if (late->has_thread) {
        sem_wait(&late->started);
    }
}

static int main_ends_early(void *arg)
{
    struct late *late = arg;

    start_late(&late[0], coil_loop_current());
    for (int i = 0; i < 3000 && sem_trywait(&late[0].began) < 0 && !test_has_noticed(); i++) {
        CHECK_OK(coil_yield());
        pause_ms(1);
    }
    start_late(&late[1], coil_loop_current()); /* perhaps not even begun */
    return 0;
}

COIL_TEST(thread_call_ends_with_the_loop)
{
    struct late late[2] = {0};

    CHECK_OK(coil_run(main_ends_early, late));
    CHECK_ERR(join_late(&late[0]), -ECANCELED);
    join_late(&late[1]);
    CHECK(late[1].rc == -ECANCELED || late[1].rc == -COIL_ECLOSED);
}

COIL_TEST(thread_call_to_a_loop_that_never_runs)
{
    struct coil_loop *loop;
    struct late late = {0};

    CHECK_OK(coil_loop_new(NULL, &loop));
    start_late(&late, loop);
    CHECK_OK(coil_loop_free(loop));
    CHECK_ERR(join_late(&late), -COIL_ECLOSED);
}

static int cancel_myself(void *arg)
{
    struct coil_thread_call *call = arg;

    CHECK_INT(coil_thread_call_cancel(call), ==, 1);
    return 4; /* ends while the cancel is still on its way */
}

static int call_self_cancelling(void *arg)
{
    struct coil_loop *loop = arg;

    for (int i = 0; i < 100; i++) {
        struct coil_thread_call call = {0};

        CHECK_OK(coil_thread_call_start(loop, &call, cancel_myself, &call));
        CHECK_INT(coil_thread_call_wait(&call, COIL_NEVER), ==, 4);
        memset(&call, 0xff, sizeof call);
    }
    return 0;
}

static int main_self_cancelling(void *arg)
{
    (void)arg;
    return coil_to_thread(call_self_cancelling, coil_loop_current());
}

COIL_TEST(thread_call_waits_for_a_cancel_under_way)
{
    CHECK_OK(coil_run(main_self_cancelling, NULL));
}

/* --- faults --- */

static int tolerant_main(void *arg)
{
    int value = 0;
    struct coil_task *task = coil_create_task(main_cancel_before, NULL);

    (void)arg;
    coil_await(task);
    for (int i = 0; i < 3; i++) {
        coil_to_thread(short_work, &value);
    }
    return 0;
}

static int call_tolerantly(void *arg)
{
    int value = 0;

    coil_run_threadsafe(arg, add_one, &value);
    return 0;
}

static int tolerant_calls(void *arg)
{
    coil_to_thread(call_tolerantly, coil_loop_current());
    return tolerant_main(arg);
}

static void run_tolerantly(void *arg)
{
    struct coil_run_options options = {.loop.max_threads = 1};

    coil_run_with(&options, tolerant_calls, arg);
}

COIL_TEST_LIMIT(thread_survives_every_fault, 120)
{
    torture(run_tolerantly, NULL);
}
