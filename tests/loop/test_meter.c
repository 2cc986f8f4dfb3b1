/* The times of a loop: steps, waits in the ready queue, sleeps, timers that are late. Where time is
 * simulated they are compared to the nanosecond; else a real time is at least what was passed. */
#include "meter_calls.h"

#include <stdlib.h>

static const struct coil_histogram *histogram_at(const struct coil_metrics *metrics, size_t offset)
{
    return (const void *)((const char *)metrics + offset);
}

/* What a histogram has counted since `metrics` were read. */
static struct coil_histogram since(const struct coil_metrics *metrics, size_t offset)
{
    const struct coil_metrics fresh = look();
    const struct coil_histogram *before = histogram_at(metrics, offset);
    const struct coil_histogram *now = histogram_at(&fresh, offset);
    struct coil_histogram change = {
        .count = now->count - before->count,
        .sum_ns = now->sum_ns - before->sum_ns,
    };
    uint64_t sum = 0;

    for (size_t i = 0; i < COIL_HISTOGRAM_BUCKETS; i++) {
        change.buckets[i] = now->buckets[i] - before->buckets[i];
        sum += change.buckets[i];
    }
    CHECK_INT(sum, ==, change.count);
    return change;
}

#define SINCE(before, histogram) since(&(before), offsetof(struct coil_metrics, histogram))

/* A time of the machine's own comes on top of what was passed. */
static void check_span(int64_t actual, int64_t span)
{
    if (time_is_exact()) {
        CHECK_INT(actual, ==, span);
    } else {
        CHECK_INT(actual, >=, span);
        CHECK_INT(actual, <, span + 20 * COIL_SEC);
    }
}

/* --- steps --- */

TASK_TEST(meter_step_time)
{
    struct coil_metrics before;
    struct coil_histogram steps;

    start_meter();
    before = look();
    pass(3 * COIL_MSEC);
    coil_yield();
    steps = SINCE(before, step_time);
    CHECK_INT(steps.count, >=, 1);
    check_span(steps.sum_ns, 3 * COIL_MSEC);
    if (time_is_exact()) {
        CHECK_INT(steps.count, ==, order_is_free() ? steps.count : 1);
        CHECK_INT(steps.buckets[12], ==, 1); /* up to 4096 us */
    }
    return 0;
}

TASK_TEST(meter_step_time_by_buckets)
{
    static const struct {
        int64_t span;
        size_t bucket;
    } cases[] = {
        {0, 0},
        {1, 0},
        {COIL_USEC, 0},
        {COIL_USEC + 1, 1},
        {2 * COIL_USEC, 1},
        {2 * COIL_USEC + 1, 2},
        {1024 * COIL_USEC, 10},
        {1024 * COIL_USEC + 1, 11},
        {16777216 * COIL_USEC, 24},
        {16777216 * COIL_USEC + 1, 25},
        {1000 * COIL_MINUTE, 25},
    };

    if (!time_is_exact()) {
        test_skip("it takes simulated time");
    }
    start_meter();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil_metrics before = look();
        struct coil_histogram steps;

        pass(cases[i].span);
        coil_yield();
        steps = SINCE(before, step_time);
        CHECK_INT(steps.count, ==, 1);
        CHECK_INT(steps.sum_ns, ==, cases[i].span);
        CHECK_INT(steps.buckets[cases[i].bucket], ==, 1);
        CHECK_INT(cases[i].span, <=, coil_histogram_bound(cases[i].bucket));
        if (cases[i].bucket > 0) {
            CHECK_INT(cases[i].span, >, coil_histogram_bound(cases[i].bucket - 1));
        }
    }
    return 0;
}

static void take_two_ms(void *user)
{
    pass(2 * COIL_MSEC);
    *(bool *)user = true;
}

/* A callback is a step as well; how long it stood in the queue is not known. */
TASK_TEST(meter_callbacks)
{
    struct coil_handle handle = {0};
    struct coil_metrics before;
    struct coil_histogram steps;
    bool was_called = false;

    start_meter();
    before = look();
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, take_two_ms, &was_called));
    while (!was_called) {
        coil_yield();
    }
    coil_yield();
    steps = SINCE(before, step_time);
    CHECK_INT(steps.count, >=, 2);
    check_span(steps.sum_ns, 2 * COIL_MSEC);
    if (time_is_exact() && !order_is_free()) {
        CHECK_INT(steps.count, ==, 3); /* ours, the callback, ours */
        CHECK_INT(SINCE(before, ready_wait).count, ==, 2);
        CHECK_INT(SINCE(before, ready_wait).sum_ns, ==, 2 * COIL_MSEC); /* we waited for it */
    }
    return 0;
}

static int pass_one_ms(__attribute__((unused)) void *arg)
{
    pass(COIL_MSEC);
    coil_yield();
    pass(COIL_MSEC);
    return 0;
}

/* The first step of an eager task is a part of its creator's. */
TASK_TEST(meter_eager_tasks)
{
    struct coil_task_options options = {.eager = true};
    struct coil_metrics before;
    struct coil_task *task;
    struct coil_histogram steps;

    start_meter();
    before = look();
    task = test_made(coil_task_create(&options, pass_one_ms, NULL));
    pass(COIL_MSEC);
    CHECK_OK(coil_await(task));
    coil_yield();
    steps = SINCE(before, step_time);
    check_span(steps.sum_ns, 3 * COIL_MSEC);
    return 0;
}

struct told {
    struct coil_loop *loop;
    int64_t step_since;
    int count;
};

static void look_before_the_wait(void *user)
{
    struct told *told = user;
    struct coil_metrics metrics;

    CHECK_OK(coil_loop_get_metrics(told->loop, &metrics));
    CHECK_INT(metrics.step_since, ==, 0);
    told->count++;
}

TASK_TEST(meter_tells_since_when_a_step_runs)
{
    struct told told = {.loop = coil_loop_current()};
    int64_t begin;

    start_meter();
    begin = coil_now();
    if (time_is_exact()) {
        CHECK_INT(look().step_since, ==, begin);
    } else {
        CHECK_INT(look().step_since, <=, begin);
    }
    pass(COIL_MSEC);
    CHECK_INT(look().step_since, <=, begin);
    CHECK_INT(look().step_since, >, 0);
    CHECK_OK(coil_loop_set_wait_hooks(told.loop, look_before_the_wait, NULL, &told));
    for (int i = 0; told.count == 0 && !test_has_noticed(); i++) {
        CHECK_OK(coil_sleep(COIL_MSEC << i)); /* until one is not over before the wait begins */
    }
    CHECK_OK(coil_loop_set_wait_hooks(told.loop, NULL, NULL, NULL));
    CHECK_INT(look().step_since, >, begin);
    return 0;
}

/* --- the ready queue --- */

static int pass_five_ms(__attribute__((unused)) void *arg)
{
    pass(5 * COIL_MSEC);
    return 0;
}

/* Of two that become ready together one waits for the other's step. */
TASK_TEST(meter_ready_wait)
{
    struct coil_metrics before;
    struct coil_task *tasks[2];
    struct coil_histogram waits;

    start_meter();
    before = look();
    tasks[0] = coil_create_task(pass_five_ms, NULL);
    tasks[1] = coil_create_task(pass_five_ms, NULL);
    CHECK_OK(coil_gather(tasks, 2, NULL));
    waits = SINCE(before, ready_wait);
    CHECK_INT(waits.count, ==, 3); /* theirs and ours */
    check_span(waits.sum_ns, 5 * COIL_MSEC);
    CHECK_INT(waits.buckets[0] + waits.buckets[1], <=, 2);
    if (time_is_exact()) {
        CHECK_INT(waits.buckets[0], ==, 2);
        CHECK_INT(waits.buckets[13], ==, 1); /* up to 8192 us */
    }
    return 0;
}

static int set_and_pass(void *arg)
{
    coil_event_set(arg);
    pass(5 * COIL_MSEC);
    return 0;
}

/* Made ready by a step: the rest of that step does not count, the next one's does. */
TASK_TEST(meter_ready_wait_counts_from_the_end_of_the_step)
{
    struct coil_event event = {0};
    struct coil_metrics before;
    struct coil_task *tasks[2];
    struct coil_histogram waits;

    if (order_is_free()) {
        test_skip("who is first is drawn from a seed");
    }
    start_meter();
    before = look();
    tasks[0] = coil_create_task(set_and_pass, &event);
    tasks[1] = coil_create_task(pass_five_ms, NULL);
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_event_wait(&event));
    }
    waits = SINCE(before, ready_wait);
    CHECK_INT(waits.count, ==, 3);
    check_span(waits.sum_ns, (0 + 5 + 5) * COIL_MSEC); /* first, second, ours */
    CHECK_OK(coil_gather(tasks, 2, NULL));
    return 0;
}

/* Many rounds that leave the poll out, and none is forgotten or counted twice. */
TASK_TEST(meter_counts_each_wait_once)
{
    struct coil_metrics before;
    struct coil_metrics now;

    start_meter();
    before = look();
    for (int i = 0; i < 1000; i++) {
        coil_yield();
    }
    now = look();
    CHECK_INT(now.step_time.count - before.step_time.count, ==, 1000);
    CHECK_INT(now.ready_wait.count - before.ready_wait.count, ==, 1000);
    CHECK_INT(now.iterations - before.iterations, ==, 1000);
    return 0;
}

struct removal {
    struct coil_handle *handle;
    struct coil_event *event;
};

static void never(void *user)
{
    CHECK_PTR(user, ==, "never called");
}

static int push_one(void *arg)
{
    struct removal *removal = arg;

    CHECK_OK(coil_call_soon(coil_loop_current(), removal->handle, never, NULL));
    return 0;
}

static int take_it_out(void *arg)
{
    struct removal *removal = arg;

    if (coil_handle_cancel(removal->handle)) {
        free(removal->handle);
        removal->handle = NULL;
    }
    coil_event_set(removal->event);
    return 0;
}

/* What stood last in the queue goes away, memory and all, while a step goes on. */
TASK_TEST(meter_the_last_one_is_taken_out)
{
    struct coil_event event = {0};
    struct removal removal = {test_made(calloc(1, sizeof *removal.handle)), &event};
    struct coil_task *tasks[2];
    struct coil_metrics before;

    if (order_is_free()) {
        free(removal.handle);
        test_skip("who is first is drawn from a seed");
    }
    start_meter();
    before = look();
    tasks[0] = coil_create_task(push_one, &removal);
    tasks[1] = coil_create_task(take_it_out, &removal);
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_event_wait(&event));
    }
    CHECK_PTR(removal.handle, ==, NULL);
    CHECK_INT(SINCE(before, ready_wait).count, ==, 3);
    CHECK_OK(coil_gather(tasks, 2, NULL));
    coil_handle_cancel(removal.handle);
    free(removal.handle);
    return 0;
}

/* --- the kernel --- */

TASK_TEST(meter_io_wait)
{
    struct coil_metrics before;
    struct coil_histogram waits;
    int64_t span = (time_is_exact() ? 250 : 2) * COIL_MSEC;

    start_meter();
    before = look();
    CHECK_OK(coil_sleep(span));
    waits = SINCE(before, io_wait);
    if (time_is_exact()) {
        CHECK_INT(waits.count, ==, 1);
        CHECK_INT(waits.sum_ns, ==, span);
        CHECK_INT(waits.buckets[18], ==, 1); /* up to 262144 us */
    }
    while (waits.count == 0 && !test_has_noticed()) { /* it was over before the wait began */
        span *= 2;
        CHECK_OK(coil_sleep(span));
        waits = SINCE(before, io_wait);
    }
    CHECK_INT(waits.sum_ns, >, 0);
    before = look();
    yield_times(5); /* there is work: it does not sleep */
    CHECK_INT(SINCE(before, io_wait).count, ==, 0);
    return 0;
}

/* --- timers --- */

static void note_call(void *user)
{
    *(bool *)user = true;
}

TASK_TEST(meter_timer_late)
{
    struct coil_handle handle = {0};
    bool was_called = false;
    struct coil_metrics before;
    struct coil_histogram late;

    start_meter();
    before = look();
    CHECK_OK(coil_call_later(coil_loop_current(), &handle, COIL_MSEC, note_call, &was_called));
    pass(10 * COIL_MSEC);
    while (!was_called) {
        coil_yield();
    }
    late = SINCE(before, timer_late);
    CHECK_INT(late.count, ==, 1);
    check_span(late.sum_ns, 9 * COIL_MSEC);
    before = look();
    CHECK_OK(coil_sleep(COIL_MSEC));
    late = SINCE(before, timer_late);
    CHECK_INT(late.count, ==, 1);
    check_span(late.sum_ns, 0);
    return 0;
}

/* One that is armed for a time long past is not late by all that time. */
TASK_TEST(meter_timer_armed_for_the_past)
{
    struct coil_metrics before;
    struct coil_histogram late;

    start_meter();
    before = look();
    CHECK_OK(coil_sleep_until(1));
    late = SINCE(before, timer_late);
    CHECK_INT(late.count, ==, 1);
    check_span(late.sum_ns, 0);
    return 0;
}

/* --- nothing else changes --- */

enum { TRACE = 64, WALKERS = 4 };

struct trace {
    int walker[TRACE];
    int64_t at[TRACE];
    int count;
    struct coil_event event;
};

struct walker {
    struct trace *trace;
    int number;
};

static void leave_trace(struct walker *walker)
{
    struct trace *trace = walker->trace;

    if (trace->count < TRACE) {
        trace->walker[trace->count] = walker->number;
        trace->at[trace->count++] = coil_now();
    }
}

static int walk(void *arg)
{
    struct walker *walker = arg;

    for (int i = 0; i < 3; i++) {
        leave_trace(walker);
        coil_yield();
        leave_trace(walker);
        coil_sleep((walker->number * 7 % 3) * COIL_MSEC);
    }
    if (walker->number == 0) {
        coil_event_set(&walker->trace->event);
    }
    coil_event_wait(&walker->trace->event);
    leave_trace(walker);
    return 0;
}

static int walk_all(void *arg)
{
    struct walker walkers[WALKERS];
    struct coil_task *tasks[WALKERS];

    for (int i = 0; i < WALKERS; i++) {
        walkers[i] = (struct walker){.trace = arg, .number = i};
        tasks[i] = coil_create_task(walk, &walkers[i]);
    }
    return coil_gather(tasks, WALKERS, NULL);
}

static void walk_with(bool metrics, bool debug, uint64_t seed, struct trace *trace)
{
    struct coil_run_options options = {
        .loop = {.backend = "sim", .seed = seed, .metrics = metrics, .debug = debug}};

    *trace = (struct trace){0};
    CHECK_OK(coil_run_with(&options, walk_all, trace));
    CHECK_INT(trace->count, ==, WALKERS * 7);
}

/* Who runs when does not depend on whether somebody looks at the clock. */
COIL_TEST(meter_changes_no_order)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct trace plain;
        struct trace metered;

        walk_with(false, false, seed, &plain);
        for (int debug = 0; debug < 2; debug++) {
            walk_with(true, debug, seed, &metered);
            CHECK_MEM(metered.walker, plain.walker, sizeof plain.walker);
            CHECK_MEM(metered.at, plain.at, sizeof plain.at);
        }
    }
}

static int turn_on_and_off(void *arg)
{
    for (int i = 0; i < 200; i++) {
        CHECK_OK(coil_loop_set_metrics(NULL, i / 3 % 2 == 0));
        coil_yield();
    }
    return walk_all(arg);
}

/* Beside tasks that are ready, wait, end and are made, and with times noted that are past. */
TASK_TEST(meter_turned_on_and_off_among_tasks)
{
    struct trace trace = {0};
    struct trace other = {0};
    struct coil_task *tasks[2];
    struct coil_metrics before = look();

    tasks[0] = coil_create_task(turn_on_and_off, &trace);
    tasks[1] = coil_create_task(walk_all, &other);
    CHECK_OK(coil_gather(tasks, 2, NULL));
    CHECK_INT(trace.count + other.count, ==, 2 * WALKERS * 7);
    CHECK_INT(SINCE(before, step_time).count, >, 50);
    if (time_is_exact()) {
        CHECK_INT(SINCE(before, ready_wait).sum_ns, ==, 0);
    }
    return 0;
}
