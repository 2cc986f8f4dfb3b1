/* How far a cancel reaches: what a task may still do, and what it passes the cancel on to. */
#include "in_task.h"

/* --- at the end, and before the next wait --- */

static int cancel_itself_and_return(void *arg)
{
    CHECK_INT(coil_cancel(coil_current_task()), ==, 1);
    return *(int *)arg;
}

/* B3, and other than asyncio: a task that ends without waiting once more keeps its result. */
TASK_TEST(cancel_at_the_end_comes_too_late)
{
    struct coil_task *task = coil_create_task(cancel_itself_and_return, &(int){12});

    yield_times(1);
    CHECK(coil_task_is_done(task));
    CHECK_INT(coil_cancel(task), ==, 0);
    CHECK_INT(coil_await(task), ==, 12);
    return 0;
}

struct nest {
    struct coil_task *inner;
    int inner_rc;
    int outer_rc;
    int steps;
};

static int wait_forever(void *arg)
{
    struct nest *nest = arg;

    nest->inner_rc = coil_sleep(COIL_NEVER);
    return nest->inner_rc;
}

static int cancel_itself_and_await(void *arg)
{
    struct nest *nest = arg;

    nest->inner = coil_create_task(wait_forever, nest);
    yield_times(1);
    coil_cancel(coil_current_task());
    nest->outer_rc = coil_await(nest->inner);
    return nest->outer_rc;
}

/* B3: a cancel that meets a running task ends what that task awaits next. */
TASK_TEST(cancel_of_itself_reaches_what_it_awaits_next)
{
    struct nest nest = {.inner_rc = 1};

    CHECK_ERR(coil_await(coil_create_task(cancel_itself_and_await, &nest)), -ECANCELED);
    CHECK_ERR(nest.inner_rc, -ECANCELED);
    CHECK_ERR(nest.outer_rc, -ECANCELED);
    CHECK_INT(coil_all_tasks(NULL, 0), ==, 1);
    return 0;
}

/* Plain functions in between see the error, and may do something about it. */
static int inner_function(struct nest *nest)
{
    int rc = coil_sleep(COIL_NEVER);

    nest->steps += rc == -ECANCELED ? 1 : 1000;
    return rc;
}

static int outer_function(void *arg)
{
    struct nest *nest = arg;

    nest->steps += inner_function(nest) == -ECANCELED ? 100 : 10;
    return 0;
}

TASK_TEST(cancel_passes_through_functions)
{
    struct nest nest = {0};
    struct coil_task *task = coil_create_task(outer_function, &nest);

    yield_times(1);
    coil_cancel(task);
    CHECK_OK(coil_await(task)); /* it has made a success of it */
    CHECK_INT(nest.steps, ==, 101);
    return 0;
}

/* --- what a task makes of it --- */

struct stages {
    struct coil_future futures[3];
    int passed;
};

static int catch_at_the_second(void *arg)
{
    struct stages *stages = arg;

    stages->passed += coil_future_wait(&stages->futures[0]) == 0;
    return coil_future_wait(&stages->futures[1]) == -ECANCELED ? 42 : -EIO;
}

TASK_TEST(cancel_may_be_answered_with_a_result)
{
    struct stages stages = {0};
    struct coil_task *task = coil_create_task(catch_at_the_second, &stages);

    yield_times(1);
    CHECK_OK(coil_future_set(&stages.futures[0], 0));
    yield_times(1);
    CHECK_INT(stages.passed, ==, 1);
    coil_cancel(task);
    CHECK_INT(coil_await(task), ==, 42);
    CHECK(!coil_future_is_done(&stages.futures[1])); /* it is only the wait that was ended */
    return 0;
}

static int take_back_and_go_on(void *arg)
{
    struct stages *stages = arg;

    CHECK_OK(coil_future_wait(&stages->futures[0]));
    CHECK_ERR(coil_future_wait(&stages->futures[1]), -ECANCELED);
    CHECK_ERR(coil_future_wait(&stages->futures[2]), -ECANCELED); /* level-triggered */
    CHECK_INT(coil_uncancel(coil_current_task()), ==, 0);
    stages->passed++;
    return coil_future_wait(&stages->futures[2]);
}

/* asyncio's task that swallows its cancel; here it has to be said. */
TASK_TEST(cancel_taken_back_by_the_task_itself)
{
    struct stages stages = {0};
    struct coil_task *task = coil_create_task(take_back_and_go_on, &stages);

    yield_times(1);
    CHECK_OK(coil_future_set(&stages.futures[0], 0));
    yield_times(1);
    coil_cancel(task);
    yield_times(2);
    CHECK_INT(stages.passed, ==, 1);
    CHECK_INT(coil_cancelling(task), ==, 0);
    CHECK_OK(coil_future_set(&stages.futures[2], 42));
    CHECK_INT(coil_await(task), ==, 42);
    return 0;
}

static int fail_when_cancelled(void *arg)
{
    return coil_sleep(COIL_NEVER) == -ECANCELED ? *(int *)arg : 0;
}

/* An error of its own is the result, and not that it was cancelled. */
TASK_TEST(cancel_may_be_answered_with_another_error)
{
    struct coil_task *task = coil_create_task(fail_when_cancelled, &(int){-EPIPE});

    yield_times(1);
    coil_cancel(task);
    CHECK(!coil_task_is_done(task));
    CHECK_ERR(coil_await(task), -EPIPE);
    return 0;
}

/* --- the future it waits for --- */

static int wait_for_future(void *arg)
{
    return coil_future_wait(arg);
}

TASK_TEST(cancel_of_the_future_and_the_task)
{
    struct coil_future future = {0};
    struct coil_task *task = coil_create_task(wait_for_future, &future);

    yield_times(1);
    CHECK_OK(coil_future_cancel(&future));
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_ERR(coil_future_result(&future), -ECANCELED);
    return 0;
}

static void cancel_later(void *user)
{
    CHECK_INT(coil_cancel(user), ==, 1);
}

/* A timer cancels a sleeper: its awaiter hears of it then, not at the end of the sleep. */
TASK_TEST(cancel_of_a_sleeper_by_a_timer)
{
    struct coil_handle handle = {0};
    int64_t span = 100 * COIL_MINUTE;
    int64_t before = coil_now();
    struct coil_task *sleeper = coil_create_task(task_sleep, &span);

    CHECK_OK(coil_call_later(coil_loop_current(), &handle, COIL_MSEC, cancel_later, sleeper));
    CHECK_ERR(coil_await(sleeper), -ECANCELED);
    CHECK_INT(coil_now() - before, <, COIL_MINUTE);
    CHECK_OK(coil_check_cancel());
    return 0;
}

static int await_it(void *arg)
{
    return coil_await(*(struct coil_task **)arg);
}

/* One that only waits for others' ends leaves them running: see also the gather, which does not. */
static int wait_for_one(void *arg)
{
    return (int)coil_wait(arg, 1, COIL_ALL_COMPLETED, COIL_NEVER);
}

TASK_TEST(cancel_reaches_an_await_but_not_a_wait)
{
    struct coil_future futures[2] = {0};
    struct coil_task *inner[2] = {coil_create_task(wait_for_future, &futures[0]),
                                  coil_create_task(wait_for_future, &futures[1])};
    struct coil_task *outer[2] = {coil_create_task(await_it, &inner[0]),
                                  coil_create_task(wait_for_one, &inner[1])};

    yield_times(2);
    coil_cancel(outer[0]);
    coil_cancel(outer[1]);
    CHECK_ERR(coil_await(outer[0]), -ECANCELED);
    CHECK_ERR(coil_await(outer[1]), -ECANCELED);
    CHECK_ERR(coil_cancel(inner[0]), -COIL_ESTALE); /* ended, and used up by the await */
    CHECK_OK(coil_future_set(&futures[1], 3));
    CHECK_INT(coil_await(inner[1]), ==, 3);
    return 0;
}

/* --- requests are counted (B5) --- */

static int sleep_twice(void *arg)
{
    int *sleeps = arg;
    int rc = coil_sleep(COIL_NEVER);

    ++*sleeps;
    coil_uncancel(coil_current_task());
    rc = rc == -ECANCELED ? coil_sleep(COIL_NEVER) : rc;
    ++*sleeps;
    return rc;
}

TASK_TEST(uncancel_makes_room_for_the_next_cancel)
{
    int sleeps = 0;
    struct coil_task *task = coil_create_task(sleep_twice, &sleeps);

    yield_times(1);
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_INT(coil_cancelling(task), ==, 1);
    yield_times(1);
    CHECK_INT(sleeps, ==, 1);
    CHECK_INT(coil_cancelling(task), ==, 0);
    CHECK(!coil_task_is_done(task));
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_INT(coil_cancelling(task), ==, 1);
    yield_times(1);
    CHECK(coil_task_is_done(task));
    CHECK_INT(sleeps, ==, 2);
    CHECK_OK(coil_uncancel(task)); /* has no effect on what has ended */
    CHECK_ERR(coil_task_result(task), -ECANCELED);
    CHECK_ERR(coil_await(task), -ECANCELED);
    return 0;
}

struct request {
    struct coil_task *self;
    int64_t span;
    int64_t timeout;
    bool has_timed_out;
    bool has_finished;
    bool went_on;
};

static void time_out(void *user)
{
    struct request *request = user;

    request->has_timed_out = true;
    coil_cancel(request->self);
}

/* A timeout made by hand: what is cancelled for it is taken back where its block ends. */
static int make_request(void *arg)
{
    struct request *request = arg;
    struct coil_handle handle = {0};
    int rc;

    request->self = coil_current_task();
    CHECK_OK(coil_call_later(coil_loop_current(), &handle, request->timeout, time_out, request));
    rc = coil_sleep(request->span);
    request->has_finished = rc == 0;
    coil_handle_cancel(&handle);
    if (request->has_timed_out) {
        CHECK_INT(coil_uncancel(request->self), ==, 0);
    }
    request->went_on = coil_yield() == 0;
    return 0;
}

TASK_TEST(uncancel_ends_a_structured_block)
{
    struct request late = {.span = COIL_MINUTE, .timeout = COIL_MSEC};
    struct request early = {.span = 0, .timeout = COIL_MINUTE};

    CHECK_OK(coil_await(coil_create_task(make_request, &late)));
    CHECK(late.has_timed_out && !late.has_finished && late.went_on);
    CHECK_OK(coil_await(coil_create_task(make_request, &early)));
    CHECK(!early.has_timed_out && early.has_finished && early.went_on);
    return 0;
}
