/* Waiting for several tasks: which ends count, and when the wait is over (C1, C2, C4). */
#include "in_task.h"

static struct coil_task *returning(int *rc)
{
    return coil_create_task(task_return, rc);
}

static void end(struct coil_task *task)
{
    coil_cancel(task);
    coil_await(task);
}

/* --- wait --- */

TASK_TEST(wait_again_takes_no_time)
{
    int64_t spans[2] = {2 * COIL_MSEC, COIL_MSEC};
    struct coil_task *tasks[2] = {coil_create_task(task_sleep, &spans[0]),
                                  coil_create_task(task_sleep, &spans[1])};
    int64_t then;

    CHECK_INT(coil_wait(tasks, 2, COIL_ALL_COMPLETED, COIL_NEVER), ==, 2);
    then = coil_now();
    CHECK_INT(coil_wait(tasks, 2, COIL_ALL_COMPLETED, COIL_NEVER), ==, 2);
    if (test_backend_is("sim")) {
        CHECK_INT(coil_now(), ==, then);
    }
    return coil_gather(tasks, 2, NULL);
}

/* Other than asyncio's set of tasks, ours is an array: each of its places counts. */
TASK_TEST(wait_counts_duplicates)
{
    struct coil_task *task = returning(&(int){1});
    struct coil_task *tasks[3] = {task, returning(&(int){2}), task};
    int results[3];

    CHECK_INT(coil_wait(tasks, 3, COIL_ALL_COMPLETED, COIL_NEVER), ==, 3);
    CHECK_OK(coil_gather(tasks, 3, results));
    CHECK_INT(results[0] + results[1] + results[2], ==, 4);
    return 0;
}

static int yield_some(void *arg)
{
    yield_times(*(int *)arg);
    return 0;
}

/* What ends before the waiting task runs again is counted too. */
TASK_TEST(wait_sees_what_ends_until_it_runs)
{
    struct coil_task *tasks[2] = {coil_create_task(yield_some, &(int){1}),
                                  coil_create_task(yield_some, &(int){1})};
    ssize_t done = coil_wait(tasks, 2, COIL_FIRST_COMPLETED, COIL_NEVER);

    CHECK_INT(done, >=, 1);
    CHECK_INT(done, ==, coil_task_is_done(tasks[0]) + coil_task_is_done(tasks[1]));
    CHECK(order_is_free() || done == 2);
    return coil_gather(tasks, 2, NULL);
}

/* C2: an error that is there already ends the wait at once. */
TASK_TEST(wait_for_an_error_that_is_there)
{
    struct coil_task *tasks[2] = {coil_create_task(task_forever, NULL), returning(&(int){-EIO})};

    yield_times(1);
    CHECK(coil_task_is_done(tasks[1]));
    CHECK_INT(coil_wait(tasks, 2, COIL_FIRST_ERROR, COIL_NEVER), ==, 1);
    CHECK(!coil_task_is_done(tasks[0]));
    CHECK_ERR(coil_await(tasks[1]), -EIO);
    end(tasks[0]);
    return 0;
}

static int fail_late(void *arg)
{
    CHECK_OK(coil_sleep(COIL_MSEC));
    return *(int *)arg;
}

/* C2: for all of them it goes on after an error; for the first error it may see none. */
TASK_TEST(wait_for_all_goes_on_after_an_error)
{
    int64_t span = 3 * test_moment_ns();
    struct coil_task *tasks[2] = {coil_create_task(task_sleep, &span),
                                  coil_create_task(fail_late, &(int){-EIO})};

    CHECK_INT(coil_wait(tasks, 2, COIL_ALL_COMPLETED, COIL_NEVER), ==, 2);
    CHECK_ERR(coil_task_result(tasks[0]), 0);
    CHECK_ERR(coil_task_result(tasks[1]), -EIO);
    CHECK_INT(coil_wait(tasks, 2, COIL_ALL_COMPLETED, COIL_NEVER), ==, 2); /* again */
    CHECK_INT(coil_wait(tasks, 1, COIL_FIRST_ERROR, COIL_NEVER), ==, 1);   /* without any error */
    CHECK_ERR(coil_gather(tasks, 2, NULL), -EIO);
    return 0;
}

/* A member and the time end at the same moment: what was armed first is first. */
TASK_TEST(wait_whose_time_ends_with_a_member)
{
    int64_t spans[2] = {10 * COIL_MSEC, 15 * COIL_MSEC};
    struct coil_task *tasks[2] = {coil_create_task(task_sleep, &spans[0]),
                                  coil_create_task(task_sleep, &spans[1])};
    ssize_t done;

    yield_times(1);
    done = coil_wait(tasks, 2, COIL_ALL_COMPLETED, 10 * COIL_MSEC);
    CHECK_INT(done, >=, 0);
    CHECK_INT(done, <=, 2);
    if (test_backend_is("sim") && !order_is_free()) {
        CHECK_INT(done, ==, 1);
    }
    return coil_gather(tasks, 2, NULL);
}

/* --- as_completed --- */

/* C4: a deadline over the whole: who ends in time is returned, the others are still ours. */
TASK_TEST(as_completed_under_one_deadline)
{
    int64_t spans[2] = {COIL_MSEC, COIL_MINUTE};
    struct coil_task *tasks[2] = {coil_create_task(task_sleep, &spans[0]),
                                  coil_create_task(task_sleep, &spans[1])};
    struct coil_as_completed completed;
    int rc = -1;

    CHECK_OK(coil_as_completed_open(&completed, tasks, 2));
    coil_timeout(20 * test_moment_ns()) {
        CHECK_INT(coil_as_completed_next(&completed, &rc), ==, 0);
        CHECK_INT(rc, ==, 0);
        CHECK_ERR(coil_as_completed_next(&completed, &rc), -ETIMEDOUT);
        CHECK_ERR(coil_as_completed_next(&completed, &rc), -ETIMEDOUT);
    }
    coil_as_completed_close(&completed);
    CHECK(!coil_task_is_done(tasks[1]));
    end(tasks[1]);
    return 0;
}

/* A deadline that is not used up leaves nothing behind; two that end at once are both returned. */
TASK_TEST(as_completed_of_two_that_end_at_once)
{
    int64_t span = COIL_MSEC;
    struct coil_task *tasks[2] = {coil_create_task(task_sleep, &span),
                                  coil_create_task(task_sleep, &span)};
    struct coil_as_completed completed;
    ssize_t indexes = 0;

    CHECK_OK(coil_as_completed_open(&completed, tasks, 2));
    coil_timeout(COIL_MINUTE) {
        indexes += coil_as_completed_next(&completed, NULL);
        indexes += coil_as_completed_next(&completed, NULL);
    }
    CHECK_INT(indexes, ==, 1);
    CHECK_ERR(coil_as_completed_next(&completed, NULL), -ENODATA);
    coil_as_completed_close(&completed);
    return coil_sleep(1);
}

/* --- gather --- */

/* C1: with room for results, errors and cancels of children are results, each in its place. */
TASK_TEST(gather_results_hold_errors_and_cancels)
{
    struct coil_task *tasks[6] = {returning(&(int){1}),
                                  returning(&(int){-EIO}),
                                  coil_create_task(task_forever, NULL),
                                  returning(&(int){3}),
                                  coil_create_task(task_forever, NULL),
                                  coil_create_task(fail_late, &(int){-EPIPE})};
    static const int expected[6] = {1, -EIO, -ECANCELED, 3, -ECANCELED, -EPIPE};
    int results[6] = {0};

    coil_cancel(tasks[2]);
    yield_times(1);
    coil_cancel(tasks[4]);
    CHECK_OK(coil_gather(tasks, 6, results));
    for (int i = 0; i < 6; i++) {
        CHECK_ERR(results[i], expected[i]);
    }
    CHECK_OK(coil_check_cancel());
    return 0;
}

static int gather_on_and_on(void *arg)
{
    int64_t span = COIL_MSEC;

    for (int *rounds = arg;; ++*rounds) {
        struct coil_task *task = coil_create_task(task_sleep, &span);
        int result = 0;
        int rc = coil_gather(&task, 1, &result);

        if (rc < 0 || !task) {
            return rc;
        }
    }
}

/* C1: a task that gathers again and again, with room for errors, is ended by its cancel all the
 * same. */
TASK_TEST(gather_in_a_loop_is_ended_by_a_cancel)
{
    int rounds = 0;
    struct coil_task *task = coil_create_task(gather_on_and_on, &rounds);

    CHECK_OK(coil_sleep(10 * test_moment_ns()));
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_INT(rounds, >, 0);
    return 0;
}

struct gatherer {
    struct coil_future future;
    struct coil_task *child;
    struct coil_task *task;
    int result;
};

static int wait_for_future(void *arg)
{
    return coil_future_wait(arg);
}

static int gather_child(void *arg)
{
    struct gatherer *gatherer = arg;

    return coil_gather(&gatherer->child, 1, &gatherer->result);
}

/* C1: the children have ended, and the cancel comes before the gather runs again: too late. */
TASK_TEST(gather_cancelled_when_all_have_ended)
{
    struct gatherer gatherer = {.result = -1};
    bool is_late;

    gatherer.child = coil_create_task(wait_for_future, &gatherer.future);
    gatherer.task = coil_create_task(gather_child, &gatherer);
    yield_times(2);
    CHECK_OK(coil_future_set(&gatherer.future, 42));
    CHECK_OK(coil_yield());
    is_late = coil_task_is_done(gatherer.child);
    CHECK(is_late || order_is_free());
    coil_cancel(gatherer.task);
    CHECK_ERR(coil_await(gatherer.task), is_late ? 0 : -ECANCELED);
    CHECK_INT(gatherer.result, ==, 42);
    return 0;
}

static int fail_after(void *arg)
{
    int rc = coil_future_wait(arg);

    return rc < 0 ? rc : -EPIPE;
}

/* C1: two fail, one after the other: the first is returned, the second is nobody's. */
TASK_TEST(gather_second_failure_is_not_reported)
{
    struct coil_future futures[2] = {0};
    struct coil_task *tasks[2] = {coil_create_task(fail_after, &futures[0]),
                                  coil_create_task(fail_after, &futures[1])};
    struct heard heard = {0};

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    yield_times(1);
    CHECK_OK(coil_future_set(&futures[0], 0));
    CHECK_ERR(coil_gather(tasks, 2, NULL), -EPIPE);
    CHECK_OK(coil_future_set(&futures[1], 0));
    yield_times(2);
    CHECK_INT(heard.count, ==, 0);
    CHECK_INT(coil_all_tasks(NULL, 0), ==, 1);
    return 0;
}

/* --- sleeping in parts, and who runs meanwhile --- */

static void add_one(void *user)
{
    ++*(int *)user;
}

/* B7: a sleep of nothing lets a callback go first that was asked for before it. */
TASK_TEST(sleep_of_nothing_lets_a_callback_run)
{
    struct coil_handle handle = {0};
    int calls = 0;

    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, add_one, &calls));
    CHECK_INT(calls, ==, 0);
    yield_times(1);
    CHECK_INT(calls, ==, 1);
    CHECK(!coil_handle_is_pending(&handle));
    return 0;
}

TASK_TEST(sleep_in_parts_adds_up)
{
    int64_t before = coil_now();

    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    CHECK_INT(coil_now() - before, >=, 10 * COIL_MSEC);
    if (test_backend_is("sim")) {
        CHECK_INT(coil_now() - before, ==, 10 * COIL_MSEC);
    }
    return 0;
}

struct turns {
    struct coil_future futures[2];
    struct coil_task *tasks[2];
};

static int first_turn(void *arg)
{
    struct turns *turns = arg;

    CHECK_PTR(coil_current_task(), ==, turns->tasks[0]);
    CHECK_OK(coil_future_wait(&turns->futures[0]));
    CHECK_PTR(coil_current_task(), ==, turns->tasks[0]);
    return coil_future_set(&turns->futures[1], 0);
}

static int second_turn(void *arg)
{
    struct turns *turns = arg;

    CHECK_PTR(coil_current_task(), ==, turns->tasks[1]);
    CHECK_OK(coil_future_set(&turns->futures[0], 0));
    CHECK_OK(coil_future_wait(&turns->futures[1]));
    CHECK_PTR(coil_current_task(), ==, turns->tasks[1]);
    return 0;
}

/* B2: who runs is told rightly before and after each wait. */
TASK_TEST(current_task_with_interleaving_tasks)
{
    struct turns turns = {0};

    turns.tasks[0] = coil_create_task(first_turn, &turns);
    turns.tasks[1] = coil_create_task(second_turn, &turns);
    return coil_gather(turns.tasks, 2, NULL);
}
