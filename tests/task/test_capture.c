/* What is captured of every task: state, wait, cancel, and who awaits whom. */
#include "in_task.h"

#include "fault.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

extern const char coil__context_root[] __attribute__((weak));

/* The tables of symbols are read once, before the tests' processes are forked: it takes a while. */
__attribute__((constructor)) static void read_symbols(void)
{
    struct coil_frame frame;

    coil_frame_lines((const char *)(uintptr_t)coil_run + 1, &frame, 1);
    coil_frame_lines((const char *)(uintptr_t)read_symbols + 1, &frame, 1);
}

static struct coil_task_graph *capture(void)
{
    struct coil_task_graph *graph = NULL;

    CHECK_OK(coil_capture_tasks(&graph));
    return graph;
}

static const struct coil_task_info *named(const struct coil_task_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->count; i++) {
        if (strcmp(graph->tasks[i].name, name) == 0) {
            return &graph->tasks[i];
        }
    }
    test_fail(__FILE__, __LINE__, "no task is called %s", name);
}

static struct coil_task *start(const char *name, coil_task_fn fn, void *arg)
{
    struct coil_task_options options = {.name = name, .site = COIL_HERE};

    return test_made(coil_task_create(&options, fn, arg));
}

static bool is_awaiter(const struct coil_task_info *awaiter, const struct coil_task_info *awaited)
{
    bool is_there = false;

    for (size_t i = 0; i < awaited->awaiter_count; i++) {
        is_there |= awaited->awaiters[i] == awaiter;
    }
    for (size_t i = 0; is_there && i < awaiter->awaited_count; i++) {
        if (awaiter->awaited[i] == awaited) {
            return true; /* both sides say so */
        }
    }
    CHECK(!is_there);
    return false;
}

static int wait_for_event(void *arg)
{
    return coil_event_wait(arg);
}

static int yield_once(void *arg)
{
    (void)arg;
    return coil_yield();
}

/* --- states --- */

TASK_TEST(capture_states)
{
    struct coil_event event = {0};
    struct coil_task *waiter = start("waiter", wait_for_event, &event);
    struct coil_task *yielder = start("yielder", yield_once, NULL);
    struct coil_task *fresh;
    struct coil_task_graph *graph;

    coil_yield();
    fresh = start("fresh", task_forever, NULL);
    graph = capture();
    CHECK_INT(graph->count, ==, 4);
    CHECK_STR(graph->tasks[0].name, "main");
    CHECK_INT(graph->tasks[0].id, ==, 1);
    CHECK_INT(graph->tasks[0].state, ==, COIL_TASK_RUNNING);
    if (!order_is_free()) {
        CHECK_INT(named(graph, "waiter")->state, ==, COIL_TASK_WAITING);
        CHECK_INT(named(graph, "yielder")->state, ==, COIL_TASK_READY);
        CHECK_STR(named(graph, "waiter")->what, "event");
    }
    CHECK_INT(named(graph, "fresh")->state, ==, COIL_TASK_NEW);
    CHECK_INT(named(graph, "fresh")->frame_count, ==, 0);
    CHECK_PTR(named(graph, "fresh")->fn, ==, (const void *)(uintptr_t)task_forever);
    CHECK_INT(named(graph, "fresh")->fd, ==, -1);
    CHECK_STR(named(graph, "fresh")->site->func, "start");
    coil_task_graph_free(graph);
    coil_event_set(&event);
    coil_cancel(fresh);
    CHECK_ERR(coil_await(waiter), 0);
    CHECK_ERR(coil_await(yielder), 0);
    CHECK_ERR(coil_await(fresh), -ECANCELED);
    return 0;
}

/* Names that nobody has asked for are made up for the capture only. */
TASK_TEST(capture_names_and_order)
{
    struct coil_task *tasks[3];
    struct coil_task_graph *graph;

    for (int i = 0; i < 3; i++) {
        tasks[i] = coil_create_task(yield_once, NULL);
    }
    graph = capture();
    CHECK_INT(graph->count, ==, 4);
    for (size_t i = 1; i < graph->count; i++) {
        CHECK_INT(graph->tasks[i].id, >, graph->tasks[i - 1].id);
    }
    CHECK_STR(graph->tasks[1].name, "task-2");
    coil_task_graph_free(graph);
    return coil_gather(tasks, 3, NULL);
}

/* --- what is waited for --- */

static int read_byte(void *arg)
{
    char byte;

    return coil_read(*(int *)arg, &byte, 1) == 1 ? 0 : -EIO;
}

TASK_TEST(capture_descriptor_and_end_of_sleep)
{
    int64_t span = COIL_MINUTE;
    struct coil_task *sleeper = start("sleeper", task_sleep, &span);
    struct coil_task *reader;
    struct coil_task_graph *graph;
    int fds[2];

    test_socket_pair(fds);
    reader = start("reader", read_byte, &fds[0]);
    yield_times(2);
    graph = capture();
    CHECK_STR(named(graph, "sleeper")->what, "sleep");
    CHECK_INT(named(graph, "sleeper")->until, >, coil_now());
    CHECK_INT(named(graph, "sleeper")->until, <=, coil_now() + span);
    CHECK_INT(named(graph, "sleeper")->waited_ns, ==, -1);
    CHECK_INT(named(graph, "reader")->fd, ==, fds[0]);
    CHECK_INT(named(graph, "reader")->until, ==, COIL_NEVER);
    coil_task_graph_free(graph);
    CHECK_INT(write(fds[1], "x", 1), ==, 1);
    CHECK_ERR(coil_await(reader), 0);
    coil_cancel(sleeper);
    CHECK_ERR(coil_await(sleeper), -ECANCELED);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static int look_in_debug_mode(__attribute__((unused)) void *arg)
{
    struct coil_event event = {0};
    struct coil_task *waiter = start("waiter", wait_for_event, &event);
    struct coil_task_options options = {.name = "eager", .eager = true};
    struct coil_task *eager = test_made(coil_task_create(&options, wait_for_event, &event));
    struct coil_task_graph *graph;

    CHECK_OK(coil_sleep(50 * COIL_MSEC));
    graph = capture();
    CHECK_INT(named(graph, "waiter")->waited_ns, >=, 49 * COIL_MSEC);
    CHECK_INT(named(graph, "waiter")->waited_ns, <, 10 * COIL_SEC);
    CHECK_INT(named(graph, "eager")->waited_ns, >=, 49 * COIL_MSEC);
    CHECK_INT(named(graph, "main")->waited_ns, ==, -1);
    coil_task_graph_free(graph);
    coil_event_set(&event);
    CHECK_ERR(coil_await(waiter), 0);
    return coil_await(eager);
}

COIL_TEST(capture_how_long_in_debug_mode)
{
    struct coil_run_options options = {.loop.debug = true};

    CHECK_ERR(coil_run_with(&options, look_in_debug_mode, NULL), 0);
}

/* --- locks --- */

struct locks {
    struct coil_lock a;
    struct coil_lock b;
};

static int take_a_then_b(void *arg)
{
    struct locks *locks = arg;

    CHECK_OK(coil_lock_acquire(&locks->a));
    yield_times(2);
    return coil_lock_acquire(&locks->b);
}

static int take_b_then_a(void *arg)
{
    struct locks *locks = arg;

    CHECK_OK(coil_lock_acquire(&locks->b));
    yield_times(2);
    return coil_lock_acquire(&locks->a);
}

TASK_TEST(capture_cycle_of_locks)
{
    struct locks locks = {0};
    struct coil_task *ab = start("ab", take_a_then_b, &locks);
    struct coil_task *ba = start("ba", take_b_then_a, &locks);
    struct coil_task_graph *graph;

    yield_times(6);
    graph = capture();
    CHECK(named(graph, "ab")->waits_for_lock);
    CHECK_PTR(named(graph, "ab")->holder, ==, named(graph, "ba"));
    CHECK_PTR(named(graph, "ba")->holder, ==, named(graph, "ab"));
    CHECK_INT(graph->cycle_count, ==, 2);
    CHECK_PTR(graph->cycle[0]->holder, ==, graph->cycle[1]);
    CHECK_PTR(graph->cycle[1]->holder, ==, graph->cycle[0]);
    coil_task_graph_free(graph);
    coil_cancel(ab);
    CHECK_ERR(coil_await(ab), -ECANCELED);
    CHECK_OK(coil_lock_release(&locks.a));
    return coil_await(ba);
}

static int take_and_end(void *arg)
{
    return coil_lock_acquire(arg);
}

TASK_TEST(capture_locks_that_nobody_will_release)
{
    struct coil_lock lost = {0};
    struct coil_task *waiter;
    struct coil_task_graph *graph;

    CHECK_OK(coil_await(start("loser", take_and_end, &lost)));
    waiter = start("waiter", take_and_end, &lost);
    yield_times(2);
    graph = capture();
    CHECK(named(graph, "waiter")->waits_for_lock);
    CHECK(named(graph, "waiter")->has_lost_lock);
    CHECK_PTR(named(graph, "waiter")->holder, ==, NULL);
    CHECK_INT(graph->cycle_count, ==, 0);
    coil_task_graph_free(graph);
    CHECK_OK(coil_lock_release(&lost));
    return coil_await(waiter);
}

/* --- cancels --- */

static int wait_in_shield(void *arg)
{
    int rc = 0;

    coil_shield {
        rc = coil_event_wait(arg);
    }
    return rc;
}

TASK_TEST(capture_cancel_with_its_reason)
{
    struct coil_event event = {0};
    struct coil_task *shielded = start("shielded", wait_in_shield, &event);
    struct coil_task *fresh;
    struct coil_task_graph *graph;

    yield_times(2);
    CHECK_OK(coil_cancel_because(shielded, "enough of it"));
    fresh = start("fresh", task_forever, NULL);
    CHECK_OK(coil_cancel(fresh));
    graph = capture();
    CHECK_ERR(named(graph, "shielded")->cancel_error, -ECANCELED);
    CHECK_STR(named(graph, "shielded")->cancel_reason, "enough of it");
    CHECK_CONTAINS(named(graph, "shielded")->cancel_site->file, "test_capture.c");
    CHECK(named(graph, "shielded")->is_cancel_shielded);
    CHECK_ERR(named(graph, "fresh")->cancel_error, -ECANCELED);
    CHECK(!named(graph, "fresh")->is_cancel_shielded);
    CHECK_ERR(named(graph, "main")->cancel_error, 0);
    coil_task_graph_free(graph);
    coil_event_set(&event);
    CHECK_ERR(coil_await(shielded), 0);
    CHECK_ERR(coil_await(fresh), -ECANCELED);
    return 0;
}

/* --- who awaits whom --- */

static int await_it(void *arg)
{
    return coil_await(arg);
}

TASK_TEST(capture_several_awaiters)
{
    struct coil_event event = {0};
    struct coil_task *target = start("target", wait_for_event, &event);
    struct coil_task *tasks[3];
    struct coil_task_graph *graph;

    for (int i = 0; i < 3; i++) {
        tasks[i] = coil_create_task(await_it, target);
    }
    yield_times(2);
    graph = capture();
    CHECK_INT(named(graph, "target")->awaiter_count, ==, 3);
    CHECK(is_awaiter(named(graph, "task-3"), named(graph, "target")));
    CHECK(is_awaiter(named(graph, "task-5"), named(graph, "target")));
    CHECK(!is_awaiter(named(graph, "main"), named(graph, "target")));
    CHECK_INT(named(graph, "main")->awaited_count, ==, 0);
    coil_task_graph_free(graph);
    coil_event_set(&event);
    return coil_gather(tasks, 3, NULL);
}

struct family {
    struct coil_event event;
    struct coil_task *children[2];
};

static int gather_two(void *arg)
{
    struct family *family = arg;

    return coil_gather(family->children, 2, NULL);
}

static int wait_for_two(void *arg)
{
    struct family *family = arg;
    ssize_t count = coil_wait(family->children, 2, COIL_ALL_COMPLETED, COIL_MINUTE);

    CHECK_INT(count, ==, 2);
    CHECK_OK(coil_await(family->children[0]));
    return coil_await(family->children[1]);
}

static int as_two_complete(void *arg)
{
    struct family *family = arg;
    struct coil_as_completed completed;

    CHECK_OK(coil_as_completed_open(&completed, family->children, 2));
    CHECK_OK(coil_as_completed_next(&completed, NULL));
    CHECK_OK(coil_as_completed_next(&completed, NULL));
    coil_as_completed_close(&completed);
    return 0;
}

static int group_of_two(void *arg)
{
    struct family *family = arg;
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_adopt(&group, family->children[0]));
    CHECK_OK(coil_group_adopt(&group, family->children[1]));
    return coil_group_close(&group);
}

static void check_parent(coil_task_fn parent_fn, const char *what)
{
    struct family family;
    struct coil_task *parent;
    struct coil_task_graph *graph;
    const struct coil_task_info *info;

    memset(&family, 0, sizeof family);
    family.children[0] = start("first", wait_for_event, &family.event);
    family.children[1] = start("second", wait_for_event, &family.event);
    parent = start("parent", parent_fn, &family);
    yield_times(3);
    graph = capture();
    info = named(graph, "parent");
    CHECK_STR(info->what, what);
    CHECK_INT(info->awaited_count, ==, 2);
    CHECK(is_awaiter(info, named(graph, "first")));
    CHECK(is_awaiter(info, named(graph, "second")));
    CHECK_INT(graph->cycle_count, ==, 0);
    coil_task_graph_free(graph);
    coil_event_set(&family.event);
    CHECK_ERR(coil_await(parent), 0);
}

TASK_TEST(capture_parents)
{
    check_parent(gather_two, "gather");
    check_parent(wait_for_two, "wait");
    check_parent(as_two_complete, "as_completed");
    check_parent(group_of_two, "group");
    return 0;
}

static int wait_shared(void *item)
{
    return coil_event_wait(item);
}

static int map_two(void *arg)
{
    struct coil_event *events = arg;

    return coil_map(wait_shared, events, 2, sizeof *events, 2);
}

TASK_TEST(capture_map)
{
    struct coil_event events[2] = {0};
    struct coil_task *mapper = start("mapper", map_two, events);
    struct coil_task_graph *graph;

    yield_times(3);
    graph = capture();
    CHECK_INT(named(graph, "mapper")->awaited_count, ==, 2);
    coil_task_graph_free(graph);
    coil_event_set(&events[0]);
    coil_event_set(&events[1]);
    return coil_await(mapper);
}

/* --- stacks --- */

static void *frame_return;

static __attribute__((noinline)) int capture_inner(struct coil_event *event)
{
    volatile int rc;

    frame_return = __builtin_return_address(0);
    rc = coil_event_wait(event);
    return rc;
}

static __attribute__((noinline)) int capture_outer(void *arg)
{
    volatile int rc = capture_inner(arg);

    return rc;
}

static bool has_frame(const struct coil_task_info *info, const void *frame)
{
    for (size_t i = 0; i < info->frame_count; i++) {
        if (info->frames[i] == frame) {
            return true;
        }
    }
    return false;
}

TASK_TEST(capture_stacks)
{
    struct coil_event event = {0};
    struct coil_task *task = start("task", capture_outer, &event);
    struct coil_task_graph *graph;
    struct coil_frame frames[8];
    ssize_t count;

    if (!coil__context_root) {
        coil_cancel(task);
        coil_await(task);
        test_skip("the portable context switch has no frames");
    }
    yield_times(2);
    graph = capture();
    CHECK(has_frame(named(graph, "task"), frame_return));
    CHECK(!has_frame(named(graph, "main"), frame_return));
    CHECK_INT(named(graph, "main")->frame_count, >, 0);
    count = coil_frame_lines(frame_return, frames, 8);
    CHECK_INT(count, >=, 1);
    if (frames[count - 1].function) {
        CHECK_STR(frames[count - 1].function, "capture_outer");
    }
    CHECK_ERR((int)coil_frame_lines(NULL, frames, 8), -EINVAL);
    CHECK_ERR((int)coil_frame_lines(frame_return, NULL, 8), -EINVAL);
    CHECK_ERR((int)coil_frame_lines(frame_return, frames, 0), -EINVAL);
    coil_task_graph_free(graph);
    coil_event_set(&event);
    return coil_await(task);
}

/* From a callback: no task runs. From an error handler at a task's end: that one still stands on
 * its stack, though it is nobody's current task. */
static void capture_soon(void *user)
{
    struct coil_task_graph *graph = capture();

    CHECK_INT(named(graph, "main")->state, ==, COIL_TASK_WAITING);
    coil_task_graph_free(graph);
    coil_event_set(user);
}

TASK_TEST(capture_in_a_callback)
{
    struct coil_event event = {0};
    struct coil_handle handle = {0};

    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, capture_soon, &event));
    return coil_event_wait(&event);
}

static void capture_in_handler(const struct coil_report *report, void *user)
{
    struct coil_task_graph *graph = capture();

    (void)report;
    *(size_t *)user = graph->count;
    for (size_t i = 0; i < graph->count; i++) {
        CHECK_INT(graph->tasks[i].state == COIL_TASK_RUNNING, ==, i == 1);
    }
    coil_task_graph_free(graph);
}

static int leave_scope_open(__attribute__((unused)) void *arg)
{
    struct coil_scope scope;

    coil_yield();
    return coil_scope_open_timeout(&scope, COIL_MINUTE);
}

TASK_TEST(capture_in_an_error_handler)
{
    size_t count = 0;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), capture_in_handler, &count));
    CHECK_OK(coil_await(start("careless", leave_scope_open, NULL)));
    CHECK_INT(count, ==, 2);
    return coil_loop_set_error_handler(coil_loop_current(), NULL, NULL);
}

/* --- errors, and many --- */

static int capture_misused(__attribute__((unused)) void *arg)
{
    CHECK_ERR(coil_capture_tasks(NULL), -EINVAL);
    return 0;
}

COIL_TEST(capture_misuse)
{
    struct coil_task_graph *graph = NULL;

    CHECK_ERR(coil_capture_tasks(&graph), -COIL_ENOLOOP);
    CHECK_PTR(graph, ==, NULL);
    CHECK_ERR(coil_run(capture_misused, NULL), 0);
    coil_task_graph_free(NULL);
}

static int capture_family(void *arg)
{
    struct locks locks = {0};
    struct coil_task *ab = coil_create_task_at(COIL_HERE, take_a_then_b, &locks);
    struct coil_task *ba = coil_create_task_at(COIL_HERE, take_b_then_a, &locks);
    struct coil_task_graph *graph;
    int rc;

    (void)arg;
    yield_times(6);
    rc = coil_capture_tasks(&graph);
    CHECK(rc == 0 || rc == -ENOMEM);
    if (rc == 0) {
        coil_task_graph_free(graph);
    }
    coil_cancel(ab);
    coil_cancel(ba);
    coil_await(ab);
    coil_await(ba);
    return 0;
}

static void run_family(void *arg)
{
    coil_run(capture_family, arg);
}

COIL_TEST_LIMIT(capture_without_memory, 60)
{
    torture(run_family, NULL);
}

static struct coil_task *many[100000];

static int capture_a_crowd(__attribute__((unused)) void *arg)
{
    bool is_slow = test_has_asan() || test_has_tsan() || test_has_valgrind() ||
                   test_is_emulated() || test_is_torture();
    size_t count = is_slow ? 1000 : sizeof many / sizeof *many;
    struct coil_event event = {0};
    struct coil_task_graph *graph;
    clock_t begun;

    for (size_t i = 0; i < count; i++) {
        many[i] = coil_create_task(capture_outer, &event);
    }
    coil_yield();
    begun = clock();
    graph = capture();
    if (!is_slow) {
        CHECK_INT(clock() - begun, <, 2 * CLOCKS_PER_SEC); /* half of it, undisturbed */
    }
    CHECK_INT(graph->count, ==, count + 1);
    coil_task_graph_free(graph);
    coil_event_set(&event);
    return coil_gather(many, count, NULL);
}

COIL_TEST_LIMIT(capture_many, 120)
{
    CHECK_ERR(coil_run(capture_a_crowd, NULL), 0);
}
