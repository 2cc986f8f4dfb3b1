/* What an iteration does with work that appears, goes away or becomes slow in its midst. */
#include "in_task.h"

/* --- a handle cancelled by an eager task, inside a callback --- */

struct pair {
    struct coil_handle first;
    struct coil_handle second;
    bool was_cancelled;
    bool was_called;
};

static int cancel_second(void *arg)
{
    struct pair *pair = arg;

    pair->was_cancelled = coil_handle_cancel(&pair->second);
    return 0;
}

static void start_eagerly(void *user)
{
    struct coil_task_options options = {.eager = true};

    CHECK_OK(coil_detach(coil_task_create(&options, cancel_second, user)));
}

static void note_call(void *user)
{
    ((struct pair *)user)->was_called = true;
}

TASK_TEST(iteration_handle_cancelled_by_an_eager_task)
{
    struct coil_loop *loop = coil_loop_current();
    struct pair pair = {0};

    if (order_is_free()) {
        test_skip("the second callback may be the first");
    }
    CHECK_OK(coil_call_soon(loop, &pair.first, start_eagerly, &pair));
    CHECK_OK(coil_call_soon(loop, &pair.second, note_call, &pair));
    yield_times(2);
    CHECK(pair.was_cancelled);
    CHECK(!pair.was_called);
    CHECK(!coil_handle_is_pending(&pair.second));
    return 0;
}

/* --- work given by the hook before a wait --- */

struct late {
    struct coil_loop *loop;
    struct coil_handle handle;
    int hooks;
    int hooks_after;
    int calls;
};

static void note_late_call(void *user)
{
    ((struct late *)user)->calls++;
}

static void give_work(void *user)
{
    struct late *late = user;

    late->hooks++;
    CHECK_OK(coil_call_soon(late->loop, &late->handle, note_late_call, late));
}

static void note_end_of_wait(void *user)
{
    ((struct late *)user)->hooks_after++;
}

/* The loop does not sleep over it; and where a wait was announced, its end is told. */
COIL_TEST(iteration_runs_what_its_hook_made_ready)
{
    struct late late = {0};

    CHECK_OK(coil_loop_new(NULL, &late.loop));
    CHECK_OK(coil_loop_set_wait_hooks(late.loop, give_work, note_end_of_wait, &late));
    CHECK_OK(coil_loop_run_once(late.loop, 60 * COIL_MINUTE));
    CHECK_INT(late.hooks, ==, 1);
    CHECK_INT(late.hooks_after, ==, 1);
    CHECK_INT(late.calls, ==, 1);
    CHECK_OK(coil_loop_free(late.loop));
}

/* --- tasks that become slow --- */

enum { QUICK_STEPS = 20000, FEWER_QUICK_STEPS = 2000, SLOW_STEPS_AT_MOST = 48 };

struct race {
    int quick_ended;
    int slow_steps;
    bool is_over;
};

static void burn(int64_t span_ns)
{
    int64_t end = test_now_ns() + span_ns;

    while (test_now_ns() < end) {
    }
}

static int quick_then_slow(void *arg)
{
    struct race *race = arg;

    for (int i = 0; i < (test_is_torture() ? FEWER_QUICK_STEPS : QUICK_STEPS); i++) {
        coil_yield();
    }
    race->quick_ended++;
    while (!race->is_over && coil_yield() == 0) {
        burn(5 * COIL_MSEC);
        race->slow_steps++;
    }
    return 0;
}

static int sleep_beside(void *arg)
{
    struct race *race = arg;

    while (race->quick_ended < 2 && coil_yield() == 0) {
    }
    race->slow_steps = 0;
    CHECK_OK(coil_sleep(COIL_MSEC));
    race->is_over = true;
    return 0;
}

/* Beside quick tasks the kernel is asked seldom; when they become slow, timers come in time. */
TASK_TEST(iteration_notices_that_tasks_became_slow)
{
    struct race race = {0};
    struct coil_task *tasks[3];

    if (test_backend_is("sim")) {
        test_skip("the simulated kernel is asked every time");
    }
    tasks[0] = coil_create_task(quick_then_slow, &race);
    tasks[1] = coil_create_task(quick_then_slow, &race);
    tasks[2] = coil_create_task(sleep_beside, &race);
    CHECK_OK(coil_gather(tasks, 3, NULL));
    CHECK_INT(race.slow_steps, <=, SLOW_STEPS_AT_MOST); /* it used to be up to 128 */
    return 0;
}
