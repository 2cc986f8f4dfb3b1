/* The tree of tasks as text: what stands in it, in which order; and that SIGQUIT prints it. */
#include "in_task.h"

#include "fault.h"

#include <signal.h>
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

static char page[1 << 16];

/* What is printed now, without the lines of stacks. */
static const char *print_without_stacks(void)
{
    static char text[sizeof page];
    size_t size = 0;
    FILE *out;

    memset(page, 0, sizeof page);
    out = fmemopen(page, sizeof page - 1, "w");
    CHECK_PTR(out, !=, NULL);
    CHECK_OK(coil_print_tasks(out));
    fclose(out);
    memset(text, 0, sizeof text);
    for (const char *line = page; *line; line = strchr(line, '\n') + 1) {
        size_t length = (size_t)(strchr(line, '\n') + 1 - line);

        if (strncmp(line + strspn(line, " "), "at ", 3) != 0) {
            memcpy(text + size, line, length);
            size += length;
        }
    }
    return text;
}

static struct coil_task *start(const char *name, coil_task_fn fn, void *arg)
{
    struct coil_task_options options = {.name = name};

    return test_made(coil_task_create(&options, fn, arg));
}

static int wait_for_event(void *arg)
{
    return coil_event_wait(arg);
}

static int await_it(void *arg)
{
    return coil_await(arg);
}

/* --- the tree --- */

TASK_TEST(print_tree_by_awaiter)
{
    struct coil_event event = {0};
    struct coil_task *target = start("target", wait_for_event, &event);
    struct coil_task *first = start("first", await_it, target);
    struct coil_task *second = start("second", await_it, target);
    struct coil_task *fresh;

    yield_times(3);
    fresh = start("fresh", wait_for_event, &event);
    CHECK_STR(print_without_stacks(), "5 tasks\n"
                                      "- main (1) runs\n"
                                      "- first (3) waits: await\n"
                                      "  - target (2) waits: event\n"
                                      "- second (4) waits: await\n"
                                      "  - target (2): see above\n"
                                      "- fresh (5) has not begun\n");
    coil_event_set(&event);
    CHECK_ERR(coil_await(first), 0);
    CHECK_ERR(coil_await(second), 0);
    return coil_await(fresh);
}

static int take_both(void *arg)
{
    struct coil_lock **locks = arg;

    CHECK_OK(coil_lock_acquire(locks[0]));
    yield_times(2);
    return coil_lock_acquire(locks[1]);
}

TASK_TEST(print_cycle_of_locks)
{
    struct coil_lock a = {0};
    struct coil_lock b = {0};
    struct coil_lock *ab[2] = {&a, &b};
    struct coil_lock *ba[2] = {&b, &a};
    struct coil_task *one = start("one", take_both, ab);
    struct coil_task *two = start(NULL, take_both, ba);

    yield_times(6);
    CHECK_STR(print_without_stacks(), "3 tasks\n"
                                      "- main (1) runs\n"
                                      "- one (2) waits: lock, held by task-3\n"
                                      "- task-3 waits: lock, held by one (2)\n"
                                      "a cycle: one (2) -> task-3 -> one (2)\n");
    coil_cancel(one);
    CHECK_ERR(coil_await(one), -ECANCELED);
    CHECK_OK(coil_lock_release(&a));
    return coil_await(two);
}

struct pair {
    struct coil_task *tasks[2];
};

static int gather_first(void *arg)
{
    return coil_gather(((struct pair *)arg)->tasks, 1, NULL);
}

static int gather_second(void *arg)
{
    return coil_gather(((struct pair *)arg)->tasks + 1, 1, NULL);
}

/* Nobody outside awaits them: the tree begins with the older one. */
static int gather_each_other(__attribute__((unused)) void *arg)
{
    struct pair pair;

    pair.tasks[0] = start("hen", gather_second, &pair);
    pair.tasks[1] = start("egg", gather_first, &pair);
    yield_times(3);
    CHECK_STR(print_without_stacks(), "3 tasks\n"
                                      "- main (1) runs\n"
                                      "- hen (2) waits: gather\n"
                                      "  - egg (3) waits: gather\n"
                                      "    - hen (2): see above, a cycle\n"
                                      "a cycle: hen (2) -> egg (3) -> hen (2)\n");
    return 0;
}

COIL_TEST(print_cycle_of_gathers)
{
    CHECK_ERR(coil_run(gather_each_other, NULL), -EDEADLK);
}

TASK_TEST(print_cancels_and_sites)
{
    struct coil_event event = {0};
    struct coil_task *task = coil_create_task(wait_for_event, &event);
    char expected[256];
    int line = __LINE__ - 2;

    CHECK_OK(coil_cancel_because(task, "no more"));
    snprintf(expected, sizeof expected,
             "2 tasks\n- main (1) runs\n- task-2 has not begun; cancelled (-ECANCELED) at "
             "test_print.c:%d in body_of_print_cancels_and_sites: no more; created at "
             "test_print.c:%d in body_of_print_cancels_and_sites\n",
             line + 4, line);
    CHECK_STR(print_without_stacks(), expected);
    CHECK_ERR(coil_await(task), -ECANCELED);
    return 0;
}

/* --- stacks --- */

static __attribute__((noinline)) int print_inner(struct coil_event *event)
{
    volatile int rc = coil_event_wait(event);

    return rc;
}

static __attribute__((noinline)) int print_outer(void *arg)
{
    volatile int rc = print_inner(arg);

    return rc;
}

/* The library's own functions are left out; the lines are those of a program with -g. */
TASK_TEST(print_stacks)
{
    struct coil_event event = {0};
    struct coil_task *task = start("task", print_outer, &event);

    yield_times(2);
    print_without_stacks();
    if (coil__context_root) {
        CHECK_CONTAINS(page, "    at ");
        CHECK(!strstr(page, "task_main") && !strstr(page, "coil__"));
        if (strstr(page, "test_print.c:")) {
            CHECK_CONTAINS(page, "    at print_inner, test_print.c:");
            CHECK_CONTAINS(page, "    at print_outer, test_print.c:");
            CHECK_CONTAINS(page,
                           "    at coil_print_tasks\n    at print_without_stacks, test_print.c:");
        }
    }
    coil_event_set(&event);
    return coil_await(task);
}

/* --- many, and errors --- */

static int await_next(void *arg)
{
    struct coil_task **tasks = arg;

    return coil_await(tasks[1]);
}

enum { CHAIN = 2000 };

/* No recursion, and the text does not grow by the square of the length. */
TASK_TEST(print_long_chain)
{
    static struct coil_task *tasks[CHAIN + 1];
    struct coil_event event = {0};
    FILE *out = tmpfile();

    CHECK_PTR(out, !=, NULL);
    tasks[CHAIN] = coil_create_task(wait_for_event, &event);
    for (int i = CHAIN - 1; i >= 0; i--) {
        tasks[i] = coil_create_task(await_next, &tasks[i]);
    }
    yield_times(3);
    CHECK_OK(coil_print_tasks(out));
    CHECK_INT(ftell(out), <, CHAIN * 1500);
    fclose(out);
    coil_event_set(&event);
    return coil_await(tasks[0]);
}

static struct coil_task *many[100000];

static int print_a_crowd(__attribute__((unused)) void *arg)
{
    bool is_slow = test_has_asan() || test_has_tsan() || test_has_valgrind() ||
                   test_is_emulated() || test_is_torture();
    size_t count = is_slow ? 500 : sizeof many / sizeof *many;
    struct coil_event event = {0};
    FILE *out = tmpfile();
    clock_t begun;

    CHECK_PTR(out, !=, NULL);
    for (size_t i = 0; i < count; i++) {
        many[i] = coil_create_task(print_outer, &event);
    }
    coil_yield();
    begun = clock();
    CHECK_OK(coil_print_tasks(out));
    if (!is_slow) {
        CHECK_INT(clock() - begun, <, 2 * CLOCKS_PER_SEC); /* half of it, undisturbed */
    }
    fclose(out);
    coil_event_set(&event);
    return coil_gather(many, count, NULL);
}

COIL_TEST_LIMIT(print_many, 120)
{
    CHECK_ERR(coil_run(print_a_crowd, NULL), 0);
}

static int print_misused(__attribute__((unused)) void *arg)
{
    FILE *full = fopen("/dev/full", "w");

    CHECK_ERR(coil_print_tasks(NULL), -EINVAL);
    CHECK_PTR(full, !=, NULL);
    CHECK_ERR(coil_print_tasks(full), -EIO);
    fclose(full);
    return 0;
}

COIL_TEST(print_misuse)
{
    CHECK_ERR(coil_print_tasks(stderr), -COIL_ENOLOOP);
    CHECK_ERR(coil_run(print_misused, NULL), 0);
}

static int print_family(__attribute__((unused)) void *arg)
{
    struct coil_event event = {0};
    struct coil_task *task = coil_create_task(wait_for_event, &event);
    FILE *out = fopen("/dev/null", "w");
    int rc;

    coil_yield();
    if (out) {
        rc = coil_print_tasks(out);
        CHECK(rc == 0 || rc == -ENOMEM || rc == -EIO);
        fclose(out);
    }
    coil_event_set(&event);
    coil_await(task);
    return 0;
}

static void run_family(void *arg)
{
    test_allow_bad_close(); /* libbacktrace closes again what it could not close */
    coil_run(print_family, arg);
}

COIL_TEST_LIMIT(print_without_memory, 120)
{
    torture(run_family, NULL);
}

/* --- SIGQUIT --- */

static int raise_quit(__attribute__((unused)) void *arg)
{
    struct coil_event event = {0};
    struct coil_task *task = start("waiter", wait_for_event, &event);

    coil_yield();
    raise(SIGQUIT);
    raise(SIGQUIT);
    coil_sleep(5 * COIL_MSEC);
    fprintf(stderr, "and on\n");
    coil_event_set(&event);
    return coil_await(task);
}

static int run_and_quit(void *arg)
{
    struct coil_run_options options = {.loop.debug = *(const bool *)arg};

    unsetenv("COIL_DEBUG");
    return coil_run_with(&options, raise_quit, NULL);
}

COIL_TEST(quit_prints_the_tasks_in_debug_mode)
{
    struct test_child child;
    bool debug = true;

    test_run_child(run_and_quit, &debug, &child);
    CHECK_INT(child.exit_code, ==, 0);
    CHECK_CONTAINS(child.output, "2 tasks\n- main (1) waits: sleep");
    CHECK_CONTAINS(child.output, "- waiter (2) waits: event, for ");
    CHECK_CONTAINS(child.output, "and on\n");
}

COIL_TEST(quit_ends_the_process_otherwise)
{
    struct test_child child;
    bool debug = false;

    test_run_child(run_and_quit, &debug, &child);
    CHECK_INT(child.signal, ==, SIGQUIT);
}

static volatile sig_atomic_t quits;

static void count_quit(int signum)
{
    (void)signum;
    quits++;
}

/* A handler of the program's stays; and after the run all is as it was. */
static int run_with_handler(__attribute__((unused)) void *arg)
{
    struct coil_run_options options = {.loop.debug = true};
    struct sigaction action = {.sa_handler = count_quit};
    struct sigaction now;

    sigaction(SIGQUIT, &action, NULL);
    coil_run_with(&options, raise_quit, NULL);
    sigaction(SIGQUIT, NULL, &now);
    CHECK(now.sa_handler == count_quit);
    CHECK_INT(quits, ==, 2);
    signal(SIGQUIT, SIG_DFL);
    coil_run_with(&options, raise_quit, NULL);
    sigaction(SIGQUIT, NULL, &now);
    CHECK(now.sa_handler == SIG_DFL);
    return 0;
}

COIL_TEST(quit_leaves_other_handlers_alone)
{
    struct test_child child;

    test_run_child(run_with_handler, NULL, &child);
    CHECK_INT(child.exit_code, ==, 0);
}
