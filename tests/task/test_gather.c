/* gather, wait, wait_for, as_completed, map, staggered race. */
#include "in_task.h"

static struct coil_task *returning(int *rc)
{
    return coil_create_task(task_return, rc);
}

static int sleep_until(void *arg)
{
    return coil_sleep_until(*(int64_t *)arg);
}

static int cancel_it(void *arg)
{
    return coil_cancel(*(struct coil_task **)arg);
}

/* Cancels the calling task as soon as it waits. */
static void cancel_me_soon(struct coil_task **self)
{
    *self = coil_current_task();
    CHECK_OK(coil_detach(coil_create_task(cancel_it, self)));
}

/* --- gather (C1) --- */

/* C1: results in the order of the arguments, whatever the order of the ends. */
TASK_TEST(gather_keeps_the_order)
{
    int64_t spans[3] = {3 * COIL_MSEC, 1 * COIL_MSEC, 2 * COIL_MSEC};
    struct coil_task *tasks[4];
    int results[4] = {-1, -1, -1, -1};

    for (int i = 0; i < 3; i++) {
        tasks[i] = coil_create_task(task_sleep, &spans[i]);
    }
    tasks[3] = returning(&(int){-EIO});
    CHECK_OK(coil_gather(tasks, 4, results));
    CHECK_INT(results[0] + results[1] + results[2], ==, 0);
    CHECK_ERR(results[3], -EIO); /* C1: with results, errors are results */
    return 0;
}

TASK_TEST(gather_of_nothing)
{
    CHECK_OK(coil_gather(NULL, 0, NULL));
    CHECK_ERR(coil_gather(NULL, 1, NULL), -EINVAL);
    return 0;
}

/* C1: the first error comes at once; the others run on. */
TASK_TEST(gather_returns_the_first_error_at_once)
{
    int64_t span = 5 * COIL_MSEC;
    struct coil_task *slow = coil_create_task(task_sleep, &span);
    struct coil_task *tasks[3] = {slow, returning(&(int){-EIO}), NULL};
    int64_t before = coil_now();

    yield_times(1);
    tasks[2] = returning(&(int){-EPIPE});
    CHECK_ERR(coil_gather(tasks, 3, NULL), -EIO);
    if (test_backend_is("sim")) {
        CHECK_INT(coil_now() - before, <, span);
    }
    CHECK(!coil_task_is_done(slow));
    CHECK_ERR(coil_await(slow), -COIL_ESTALE); /* consumed */
    CHECK_OK(coil_sleep(2 * span));
    CHECK(coil_task_is_done(slow));
    return 0;
}

/* C1: the error of a task that runs on is nobody's. */
static int fail_late(void *arg)
{
    (void)arg;
    coil_sleep(COIL_MSEC);
    return -EPIPE;
}

TASK_TEST(gather_does_not_report_what_runs_on)
{
    struct coil_task *tasks[2] = {coil_create_task(fail_late, NULL), returning(&(int){-EIO})};
    struct heard heard = {0};

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_ERR(coil_gather(tasks, 2, NULL), -EIO);
    CHECK_OK(coil_sleep(3 * COIL_MSEC));
    CHECK_INT(heard.count, ==, 0);
    return 0;
}

/* C1: duplicates share one task. */
TASK_TEST(gather_takes_duplicates)
{
    int64_t span = COIL_MSEC;
    struct coil_task *ended = returning(&(int){5});
    struct coil_task *runs = coil_create_task(task_sleep, &span);
    struct coil_task *tasks[6] = {ended, runs, ended, NULL, runs, NULL};
    int results[6] = {77, 77, 77, 77, 77, 77};

    yield_times(1);
    CHECK(coil_task_is_done(ended));
    CHECK_OK(coil_gather(tasks, 6, results));
    CHECK_INT(results[0], ==, 5);
    CHECK_INT(results[2], ==, 5);
    CHECK_INT(results[1], ==, 0);
    CHECK_INT(results[4], ==, 0);
    CHECK_ERR(results[3], -ENOMEM);
    CHECK_ERR(results[5], -ENOMEM);
    return 0;
}

/* Of many that stand there many times; time would show if each was looked for. */
TASK_TEST(gather_takes_many_duplicates)
{
    enum { MANY = 1000000, ENDED = 10000 };
    int64_t span = COIL_MSEC;
    int five = 5;
    bool is_slow = test_is_torture() || test_has_valgrind() || test_has_tsan();
    size_t count = is_slow ? 1000 : MANY;
    size_t unique = is_slow ? 10 : 2 * ENDED;
    struct coil_task **tasks = malloc(count * sizeof *tasks);
    int *results = malloc(count * sizeof *results);

    if (test_made(tasks) && test_made(results)) {
        for (size_t i = 0; i < unique; i++) {
            tasks[i] = i < unique / 2 ? returning(&five) : coil_create_task(task_sleep, &span);
        }
        yield_times(1);
        for (size_t i = unique; i < count; i++) {
            tasks[i] = tasks[i % 2 ? unique - 1 - i % 5 : unique / 2 - 1 - i % 5];
        }
        CHECK_OK(coil_gather(tasks, count, results));
        for (size_t i = 0; i < count && !test_has_noticed(); i++) {
            bool has_ended = i < unique ? i < unique / 2 : i % 2 == 0;

            CHECK_INT(results[i], ==, has_ended ? 5 : 0);
        }
    }
    free(tasks);
    free(results);
    return 0;
}

TASK_TEST(gather_takes_duplicates_that_fail)
{
    struct coil_task *stale = returning(&(int){0});
    struct coil_task *victim = coil_create_task(task_forever, NULL);
    struct coil_task *fails = returning(&(int){-EIO});
    struct coil_task *tasks[7] = {victim, stale, fails, fails, victim, stale, victim};
    int results[7] = {0};

    CHECK_OK(coil_await(stale));
    coil_cancel(victim);
    CHECK_OK(coil_gather(tasks, 7, results));
    CHECK_ERR(results[0], -ECANCELED);
    CHECK_ERR(results[4], -ECANCELED);
    CHECK_ERR(results[6], -ECANCELED);
    CHECK_ERR(results[1], -COIL_ESTALE);
    CHECK_ERR(results[5], -COIL_ESTALE);
    CHECK_ERR(results[2], -EIO);
    CHECK_ERR(results[3], -EIO);
    victim = coil_create_task(task_forever, NULL);
    fails = returning(&(int){-EIO});
    CHECK_ERR(coil_gather((struct coil_task *[]){victim, fails, victim, fails}, 4, NULL), -EIO);
    CHECK_ERR(coil_gather(tasks, SIZE_MAX, results), -EINVAL);
    return 0;
}

TASK_TEST(gather_misuse_is_answered_in_place)
{
    struct coil_task *stale = returning(&(int){0});
    struct coil_task *tasks[3] = {stale, coil_current_task(), returning(&(int){1})};
    int results[3];

    CHECK_OK(coil_await(stale));
    CHECK_OK(coil_gather(tasks, 3, results));
    CHECK_ERR(results[0], -COIL_ESTALE);
    CHECK_ERR(results[1], -EDEADLK);
    CHECK_INT(results[2], ==, 1);
    return 0;
}

/* C1: a cancelled child is an error, and cancels nothing else. */
TASK_TEST(gather_counts_a_cancelled_child_as_failed)
{
    int64_t span = COIL_MSEC;
    struct coil_task *victim = coil_create_task(task_forever, NULL);
    struct coil_task *other = coil_create_task(task_sleep, &span);

    coil_cancel(victim);
    CHECK_ERR(coil_gather((struct coil_task *[]){other, victim}, 2, NULL), -ECANCELED);
    CHECK(!coil_task_is_done(other));
    CHECK_INT(coil_cancelling(other), ==, 0);
    return 0;
}

/* C1: cancelling the gather cancels all its tasks, and waits for them. */
TASK_TEST(gather_cancelled_cancels_all)
{
    struct coil_task *a = coil_create_task(task_forever, NULL);
    struct coil_task *b = coil_create_task(task_forever, NULL);
    struct coil_task *self;
    int results[2] = {0};

    cancel_me_soon(&self);
    CHECK_ERR(coil_gather((struct coil_task *[]){a, b}, 2, results), -ECANCELED);
    CHECK_ERR(results[0], -ECANCELED);
    CHECK_ERR(results[1], -ECANCELED);
    CHECK(coil_task_is_done(a) && coil_task_is_done(b));
    CHECK_OK(coil_uncancel(self));
    return 0;
}

/* Completed wins: all had ended when the cancel came. */
TASK_TEST(gather_of_ended_tasks_in_a_cancelled_task)
{
    struct coil_task *task = returning(&(int){3});
    struct coil_task *self = coil_current_task();
    int result = 0;

    yield_times(1);
    coil_cancel(self);
    CHECK_OK(coil_gather(&task, 1, &result));
    CHECK_INT(result, ==, 3);
    CHECK_OK(coil_uncancel(self));
    return 0;
}

/* --- wait (C2) --- */

TASK_TEST(wait_for_the_first)
{
    int64_t span = COIL_MSEC;
    struct coil_task *tasks[2] = {coil_create_task(task_forever, NULL),
                                  coil_create_task(task_sleep, &span)};

    CHECK_INT(coil_wait(tasks, 2, COIL_FIRST_COMPLETED, COIL_NEVER), ==, 1);
    CHECK(!coil_task_is_done(tasks[0]) && coil_task_is_done(tasks[1]));
    CHECK_INT(coil_wait(tasks, 2, COIL_FIRST_COMPLETED, COIL_NEVER), ==, 1); /* at once */
    CHECK_OK(coil_await(tasks[1]));
    coil_cancel(tasks[0]);
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    return 0;
}

/* More ends in the iteration in which the wait is over do not make it begin again. */
TASK_TEST(wait_for_the_first_of_many_ends_at_once)
{
    struct coil_task *tasks[4];
    int64_t when = coil_now() + COIL_MSEC;

    for (int i = 0; i < 4; i++) {
        tasks[i] = coil_create_task(sleep_until, &when);
    }
    CHECK_INT(coil_wait(tasks, 4, COIL_FIRST_COMPLETED, COIL_NEVER), >=, 1);
    CHECK_OK(coil_gather(tasks, 4, NULL));
    return 0;
}

/* The same with a cancel and a timeout that come first. */
TASK_TEST(wait_that_is_over_sees_more_ends)
{
    struct coil_task *tasks[2] = {coil_create_task(task_forever, NULL),
                                  coil_create_task(task_forever, NULL)};
    int64_t when = coil_now() + COIL_MSEC;
    struct coil_task *sleeper = coil_create_task(sleep_until, &when);

    CHECK_INT(coil_wait(&sleeper, 1, COIL_ALL_COMPLETED, COIL_MSEC), >=, 0);
    CHECK_OK(coil_await(sleeper));
    coil_cancel(tasks[0]);
    coil_cancel(tasks[1]);
    coil_timeout(0) {
        (void)coil_wait(tasks, 2, COIL_ALL_COMPLETED, COIL_NEVER);
    }
    CHECK_OK(coil_gather(tasks, 2, (int[2]){0}));
    return 0;
}

/* C2: a cancelled one is no error for FIRST_ERROR. */
TASK_TEST(wait_for_the_first_error)
{
    struct coil_task *tasks[3] = {coil_create_task(task_forever, NULL),
                                  coil_create_task(task_forever, NULL),
                                  coil_create_task(fail_late, NULL)};

    coil_cancel(tasks[0]);
    CHECK_INT(coil_wait(tasks, 3, COIL_FIRST_ERROR, COIL_NEVER), ==, 2);
    CHECK(coil_task_is_done(tasks[0]) && coil_task_is_done(tasks[2]));
    CHECK_ERR(coil_task_result(tasks[2]), -EPIPE);
    coil_cancel(tasks[1]);
    CHECK_OK(coil_gather(tasks, 3, (int[3]){0}));
    return 0;
}

/* C2: time that passes is no error and cancels nothing. */
TASK_TEST(wait_for_a_limited_time)
{
    int64_t span = 3 * test_moment_ns();
    struct coil_task *tasks[2] = {coil_create_task(task_sleep, &span), returning(&(int){0})};

    CHECK_INT(coil_wait(tasks, 2, COIL_ALL_COMPLETED, 0), ==, 0);
    CHECK_INT(coil_wait(tasks, 2, COIL_ALL_COMPLETED, COIL_MSEC), ==, 1);
    CHECK_INT(coil_cancelling(tasks[0]), ==, 0);
    CHECK_INT(coil_wait(tasks, 2, COIL_ALL_COMPLETED, COIL_NEVER), ==, 2);
    CHECK_INT(coil_wait(tasks, 2, COIL_ALL_COMPLETED, COIL_NEVER), ==, 2);
    CHECK_OK(coil_gather(tasks, 2, NULL));
    return 0;
}

/* C2: cancelling the wait leaves its members alone. */
TASK_TEST(wait_cancelled_leaves_members_alone)
{
    struct coil_task *task = coil_create_task(task_forever, NULL);
    struct coil_task *self;

    cancel_me_soon(&self);
    CHECK_ERR(coil_wait(&task, 1, COIL_ALL_COMPLETED, COIL_NEVER), -ECANCELED);
    CHECK(!coil_task_is_done(task));
    CHECK_INT(coil_cancelling(task), ==, 0);
    CHECK_OK(coil_uncancel(self));
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    return 0;
}

static int await_it(void *arg)
{
    return coil_await(*(struct coil_task **)arg);
}

TASK_TEST(wait_sees_the_end_of_what_others_consume)
{
    int64_t span = COIL_MSEC;
    struct coil_task *task = coil_create_task(task_sleep, &span);
    struct coil_task *other = coil_create_task(await_it, &task);

    CHECK_INT(coil_wait(&task, 1, COIL_ALL_COMPLETED, COIL_NEVER), ==, 1);
    CHECK_OK(coil_await(other));
    return 0;
}

/* C2: an empty set is an error. */
TASK_TEST(wait_misuse_is_named)
{
    struct coil_task *task = returning(&(int){0});
    struct coil_task *self = coil_current_task();

    CHECK_ERR(coil_wait(NULL, 0, COIL_ALL_COMPLETED, COIL_NEVER), -EINVAL);
    CHECK_ERR(coil_wait(&task, 0, COIL_ALL_COMPLETED, COIL_NEVER), -EINVAL);
    CHECK_ERR(coil_wait(&task, 1, (enum coil_wait_until)9, COIL_NEVER), -EINVAL);
    CHECK_ERR(coil_wait(&self, 1, COIL_ALL_COMPLETED, COIL_NEVER), -EDEADLK);
    CHECK_ERR(coil_wait(&(struct coil_task *){NULL}, 1, COIL_ALL_COMPLETED, 1), -ENOMEM);
    CHECK_OK(coil_await(task));
    CHECK_ERR(coil_wait(&task, 1, COIL_ALL_COMPLETED, COIL_NEVER), -COIL_ESTALE);
    return 0;
}

/* --- wait_for (C3) --- */

struct cleanup {
    bool has_run;
    bool is_over;
    int rc; /* what it returns after a cancel */
};

static int clean_up_slowly(void *arg)
{
    struct cleanup *cleanup = arg;
    int rc;

    cleanup->has_run = true;
    rc = coil_sleep(COIL_MINUTE);
    coil_shield {
        coil_sleep(2 * COIL_MSEC);
    }
    cleanup->is_over = true;
    return cleanup->rc != 0 ? cleanup->rc : rc;
}

/* C3: cancels, waits until the inner one has ended, and only then times out. */
TASK_TEST(wait_for_waits_for_the_end)
{
    struct cleanup cleanup = {0};

    CHECK_ERR(coil_wait_for(coil_create_task(clean_up_slowly, &cleanup), 100 * COIL_MSEC),
              -ETIMEDOUT);
    CHECK(cleanup.is_over);
    CHECK_OK(coil_sleep(1));
    return 0;
}

/* C3: an inner one that swallows the cancel and returns, or fails: that is returned. */
TASK_TEST(wait_for_returns_what_came_after_all)
{
    struct cleanup value = {.rc = 8};
    struct cleanup error = {.rc = -EIO};

    CHECK_INT(coil_wait_for(coil_create_task(clean_up_slowly, &value), 100 * COIL_MSEC), ==, 8);
    CHECK_ERR(coil_wait_for(coil_create_task(clean_up_slowly, &error), 100 * COIL_MSEC), -EIO);
    return 0;
}

/* C3: with no time at all the body never starts. */
TASK_TEST(wait_for_no_time_never_starts)
{
    struct cleanup cleanup = {0};
    struct coil_task *ended = returning(&(int){4});

    CHECK_ERR(coil_wait_for(coil_create_task(clean_up_slowly, &cleanup), 0), -ETIMEDOUT);
    CHECK(!cleanup.has_run);
    CHECK_ERR(coil_wait_for(coil_create_task(clean_up_slowly, &cleanup), -1), -ETIMEDOUT);
    CHECK(!cleanup.has_run);
    yield_times(1);
    CHECK_INT(coil_wait_for(ended, 0), ==, 4); /* it had ended */
    return 0;
}

TASK_TEST(wait_for_in_time)
{
    int64_t span = COIL_MSEC;

    CHECK_OK(coil_wait_for(coil_create_task(task_sleep, &span), COIL_MINUTE));
    CHECK_OK(coil_wait_for(coil_create_task(task_sleep, &span), COIL_NEVER));
    CHECK_ERR(coil_wait_for(NULL, COIL_SEC), -ENOMEM);
    return 0;
}

TASK_TEST(wait_for_cancelled_from_outside)
{
    struct cleanup cleanup = {0};
    struct coil_task *self;
    struct coil_task *task = coil_create_task(clean_up_slowly, &cleanup);

    yield_times(1);
    cancel_me_soon(&self);
    CHECK_ERR(coil_wait_for(task, COIL_MINUTE), -ECANCELED);
    CHECK(cleanup.is_over);
    CHECK_OK(coil_uncancel(self));
    return 0;
}

/* --- as_completed (C4) --- */

/* C4: the order of the ends. */
TASK_TEST(as_completed_follows_the_ends)
{
    int64_t moment = test_moment_ns();
    int64_t spans[4] = {4 * moment, 0, 8 * moment, 2 * moment};
    static const int order[4] = {1, 3, 0, 2};
    struct coil_as_completed completed;
    struct coil_task *tasks[4];
    int rc = -1;

    for (int i = 0; i < 4; i++) {
        tasks[i] = coil_create_task(task_sleep, &spans[i]);
    }
    CHECK_OK(coil_as_completed_open(&completed, tasks, 4));
    for (int i = 0; i < 4; i++) {
        CHECK_INT(coil_as_completed_next(&completed, &rc), ==, order[i]);
        CHECK_INT(rc, ==, 0);
        CHECK_ERR(coil_await(tasks[order[i]]), -COIL_ESTALE); /* consumed by next */
    }
    CHECK_ERR(coil_as_completed_next(&completed, &rc), -ENODATA);
    coil_as_completed_close(&completed);
    coil_as_completed_close(&completed);
    CHECK_ERR(coil_as_completed_next(&completed, &rc), -ENODATA);
    return 0;
}

TASK_TEST(as_completed_of_ended_tasks_duplicates_and_null)
{
    struct coil_task *task = returning(&(int){-EIO});
    struct coil_task *tasks[3] = {task, NULL, task};
    struct coil_as_completed completed;
    int rc = 0;

    yield_times(1);
    CHECK_OK(coil_as_completed_open(&completed, tasks, 3));
    CHECK_INT(coil_as_completed_next(&completed, &rc), ==, 0);
    CHECK_ERR(rc, -EIO);
    CHECK_INT(coil_as_completed_next(&completed, &rc), ==, 1);
    CHECK_ERR(rc, -ENOMEM);
    CHECK_INT(coil_as_completed_next(&completed, NULL), ==, 2);
    coil_as_completed_close(&completed);
    return 0;
}

/* C4: a deadline ends the wait for the next; nothing is lost by it. */
TASK_TEST(as_completed_survives_a_timeout)
{
    int64_t span = 3 * test_moment_ns();
    struct coil_task *tasks[2] = {coil_create_task(task_sleep, &span),
                                  coil_create_task(task_forever, NULL)};
    struct coil_as_completed completed;

    CHECK_OK(coil_as_completed_open(&completed, tasks, 2));
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_as_completed_next(&completed, NULL), -ETIMEDOUT);
    }
    CHECK_INT(coil_as_completed_next(&completed, NULL), ==, 0);
    coil_as_completed_close(&completed);
    CHECK(!coil_task_is_done(tasks[1])); /* still the caller's */
    coil_cancel(tasks[1]);
    CHECK_ERR(coil_await(tasks[1]), -ECANCELED);
    return 0;
}

static int next_of(void *arg)
{
    return (int)coil_as_completed_next(arg, NULL);
}

static int close_it(void *arg)
{
    coil_as_completed_close(arg);
    return 0;
}

TASK_TEST(as_completed_misuse_is_named)
{
    struct coil_task *task = returning(&(int){0});
    struct coil_task *self = coil_current_task();
    struct coil_as_completed completed = {0};
    struct coil_task *waiter;

    CHECK_ERR(coil_as_completed_next(&completed, NULL), -ENODATA);
    CHECK_ERR(coil_as_completed_next(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_as_completed_open(NULL, &task, 1), -EINVAL);
    CHECK_ERR(coil_as_completed_open(&completed, NULL, 1), -EINVAL);
    CHECK_ERR(coil_as_completed_open(&completed, &self, 1), -EDEADLK);
    CHECK_OK(coil_await(task));
    CHECK_ERR(coil_as_completed_open(&completed, &task, 1), -COIL_ESTALE);
    coil_as_completed_close(&completed);
    coil_as_completed_close(NULL);
    task = coil_create_task(task_forever, NULL);
    CHECK_OK(coil_as_completed_open(&completed, &task, 1));
    waiter = coil_create_task(next_of, &completed);
    yield_times(1);
    CHECK_ERR(coil_as_completed_next(&completed, NULL), -COIL_ECONCURRENT);
    CHECK_OK(coil_await(coil_create_task(close_it, &completed)));
    CHECK_ERR(coil_await(waiter), -ENODATA);
    coil_as_completed_close(&completed);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    return 0;
}

/* --- map --- */

struct job {
    int number;
    int result;
    int fail_with;
    int *running;
    int *most;
    int *started;
};

static int do_job(void *arg)
{
    struct job *job = arg;
    int rc;

    ++*job->started;
    if (++*job->running > *job->most) {
        *job->most = *job->running;
    }
    rc = coil_sleep((job->number % 3 + 1) * 100 * COIL_USEC);
    --*job->running;
    job->result = rc < 0 ? rc : job->number * 2;
    return job->fail_with < 0 ? job->fail_with : job->result;
}

struct counts {
    int running;
    int most;
    int started;
};

static void prepare(struct job *jobs, int count, struct counts *counts)
{
    *counts = (struct counts){0};
    for (int i = 0; i < count; i++) {
        jobs[i] = (struct job){.number = i,
                               .running = &counts->running,
                               .most = &counts->most,
                               .started = &counts->started};
    }
}

TASK_TEST(map_runs_all_at_most_so_many_at_once)
{
    struct job jobs[50];
    struct counts counts;

    prepare(jobs, 50, &counts);
    CHECK_OK(coil_map(do_job, jobs, 50, sizeof *jobs, 7));
    CHECK_INT(counts.most, ==, 7);
    CHECK_INT(counts.started, ==, 50);
    CHECK_INT(counts.running, ==, 0);
    for (int i = 0; i < 50; i++) {
        CHECK_INT(jobs[i].result, ==, i * 2);
    }
    prepare(jobs, 3, &counts);
    CHECK_OK(coil_map(do_job, jobs, 3, sizeof *jobs, 1000));
    CHECK_INT(counts.most, ==, 3);
    CHECK_OK(coil_map(do_job, NULL, 0, 1, 1));
    return 0;
}

TASK_TEST(map_stops_at_the_first_failure)
{
    struct job jobs[20];
    struct counts counts;

    prepare(jobs, 20, &counts);
    jobs[4].fail_with = -EIO;
    CHECK_ERR(coil_map(do_job, jobs, 20, sizeof *jobs, 3), -EIO);
    CHECK_INT(counts.started, <, 12);
    CHECK_INT(counts.running, ==, 0); /* all were waited for */
    return 0;
}

TASK_TEST(map_cancelled_cancels_all)
{
    struct job jobs[20];
    struct counts counts;
    struct coil_task *self;

    prepare(jobs, 20, &counts);
    cancel_me_soon(&self);
    CHECK_ERR(coil_map(do_job, jobs, 20, sizeof *jobs, 3), -ECANCELED);
    CHECK_INT(counts.running, ==, 0);
    CHECK_INT(counts.started, <=, 3);
    CHECK_ERR(coil_map(do_job, jobs, 20, sizeof *jobs, 3), -ECANCELED);
    CHECK_OK(coil_uncancel(self));
    coil_timeout(COIL_MSEC / 2) {
        CHECK_ERR(coil_map(do_job, jobs, 20, sizeof *jobs, 1), -ETIMEDOUT);
    }
    return 0;
}

TASK_TEST(map_misuse_is_named)
{
    int items[2] = {0};

    CHECK_ERR(coil_map(NULL, items, 2, sizeof *items, 1), -EINVAL);
    CHECK_ERR(coil_map(task_return, NULL, 2, sizeof *items, 1), -EINVAL);
    CHECK_ERR(coil_map(task_return, items, 2, 0, 1), -EINVAL);
    CHECK_ERR(coil_map(task_return, items, 2, sizeof *items, 0), -EINVAL);
    return 0;
}

/* --- staggered race (C9) --- */

struct attempt {
    int64_t span;
    int rc;
    bool has_started;
    bool was_cancelled;
    int64_t started_at;
};

static int attempt(void *arg)
{
    struct attempt *a = arg;

    a->has_started = true;
    a->started_at = coil_now();
    if (coil_sleep(a->span) < 0) {
        a->was_cancelled = true;
        return -ECANCELED;
    }
    return a->rc;
}

/* C9: the first success cancels and awaits the rest. */
TASK_TEST(race_takes_the_first_success)
{
    struct attempt attempts[4] = {
        {.span = 2 * COIL_SEC, .rc = 1},
        {.span = 2 * COIL_MSEC, .rc = 2},
        {.span = 2 * COIL_SEC, .rc = 3},
        {.span = 2 * COIL_SEC, .rc = 4},
    };
    size_t winner = 99;
    int64_t start = coil_now();

    CHECK_INT(coil_staggered_race(attempt, attempts, 4, sizeof *attempts, COIL_MSEC, &winner), ==,
              2);
    CHECK_INT(winner, ==, 1);
    CHECK(attempts[0].was_cancelled);
    CHECK_INT(attempts[1].started_at - start, >=, COIL_MSEC);
    return 0;
}

/* C9: the failure of the one before starts the next at once. */
TASK_TEST(race_failure_starts_the_next)
{
    struct attempt attempts[3] = {
        {.span = 0, .rc = -EIO}, {.span = 0, .rc = -EPIPE}, {.span = 0, .rc = 0}};
    size_t winner = 99;

    CHECK_INT(coil_staggered_race(attempt, attempts, 3, sizeof *attempts, COIL_NEVER, &winner), ==,
              0);
    CHECK_INT(winner, ==, 2);
    CHECK_INT(coil_staggered_race(attempt, attempts, 3, sizeof *attempts, COIL_MINUTE, NULL), ==,
              0);
    return 0;
}

/* C9: of the one before, not of an earlier one. */
TASK_TEST(race_earlier_failure_starts_nothing)
{
    int64_t moment = test_moment_ns();
    struct attempt attempts[3] = {
        {.span = 3 * moment, .rc = -EIO}, {.span = 6 * moment, .rc = 1}, {.span = 0, .rc = 2}};
    int64_t start;

    CHECK_INT(coil_staggered_race(attempt, attempts, 2, sizeof *attempts, 2 * moment, NULL), ==, 1);
    attempts[1].span = COIL_SEC;
    start = coil_now();
    CHECK_INT(coil_staggered_race(attempt, attempts, 3, sizeof *attempts, 2 * moment, NULL), ==, 2);
    CHECK_INT(attempts[2].started_at - start, >=, 4 * moment);
    return 0;
}

TASK_TEST(race_all_fail)
{
    struct attempt attempts[3] = {
        {.span = 2 * COIL_MSEC, .rc = -EIO}, {.span = 0, .rc = -EPIPE}, {.span = 0, .rc = -EFBIG}};
    size_t winner = 99;

    CHECK_ERR(coil_staggered_race(attempt, attempts, 3, sizeof *attempts, 100, &winner), -EIO);
    CHECK_INT(winner, ==, 99);
    return 0;
}

TASK_TEST(race_cancelled_cancels_all)
{
    struct attempt attempts[2] = {{.span = COIL_MINUTE}, {.span = COIL_MINUTE}};
    struct coil_task *self = coil_current_task();

    coil_timeout(50 * test_moment_ns()) {
        CHECK_ERR(coil_staggered_race(attempt, attempts, 2, sizeof *attempts, 100, NULL),
                  -ETIMEDOUT);
    }
    CHECK(attempts[0].was_cancelled && attempts[1].was_cancelled);
    attempts[0].has_started = false;
    coil_cancel(self);
    CHECK_ERR(coil_staggered_race(attempt, attempts, 2, sizeof *attempts, 100, NULL), -ECANCELED);
    CHECK(!attempts[0].has_started);
    CHECK_OK(coil_uncancel(self));
    return 0;
}

TASK_TEST(race_misuse_is_named)
{
    int item = 0;

    CHECK_ERR(coil_staggered_race(task_return, &item, 0, sizeof item, 1, NULL), -EINVAL);
    CHECK_ERR(coil_staggered_race(NULL, &item, 1, sizeof item, 1, NULL), -EINVAL);
    CHECK_ERR(coil_staggered_race(task_return, NULL, 1, sizeof item, 1, NULL), -EINVAL);
    CHECK_ERR(coil_staggered_race(task_return, &item, 1, 0, 1, NULL), -EINVAL);
    return 0;
}
