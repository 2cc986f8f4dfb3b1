/* The end of a task whose stack has overflowed: what is said, and that all other crashes are left
 * to whom they belong. */
#include "in_task.h"

#include <coil/stack.h>

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* The tables of symbols are read once, before the tests' processes are forked: it takes a while. */
__attribute__((constructor)) static void read_symbols(void)
{
    struct coil_frame frame;

    coil_frame_lines((const char *)(uintptr_t)coil_run + 1, &frame, 1);
    coil_frame_lines((const char *)(uintptr_t)read_symbols + 1, &frame, 1);
}

static volatile int depth_wanted = 1 << 30;
static volatile int innermost;

static __attribute__((noinline)) int overflow_deeper(int depth, const volatile char *above)
{
    volatile char here[200];

    here[0] = (char)depth;
    here[199] = above ? above[0] : 1;
    innermost = depth;
    return depth < depth_wanted ? overflow_deeper(depth + 1, here) + here[199] : here[199];
}

static int overflow(__attribute__((unused)) void *arg)
{
    return overflow_deeper(0, NULL);
}

static int start_overflow(void *arg)
{
    struct coil_task *task = coil_create_task(overflow, arg);

    CHECK_OK(coil_task_set_name(task, "digger"));
    return coil_await(task);
}

struct plan {
    coil_task_fn fn;
    struct coil_run_options options;
};

static int run_plan(void *arg)
{
    struct plan plan = *(const struct plan *)arg;
    struct rlimit none = {0};

    plan.options.loop.no_guard_regions |= test_is_emulated(); /* qemu does not know those */
    setrlimit(RLIMIT_CORE, &none);
    return coil_run_with(&plan.options, plan.fn, NULL) < 0;
}

/* Tools that explain crashes themselves come after us, and end the process in their own way. */
static bool is_plain(void)
{
    return !test_has_asan() && !test_has_tsan() && !test_has_valgrind() && !test_is_emulated();
}

static void check_crash(const struct test_child *child)
{
    if (is_plain()) {
        CHECK_INT(child->signal, ==, SIGSEGV);
    } else {
        CHECK(child->signal != 0 || child->exit_code != 0);
    }
}

static void run_child(const struct plan *plan, struct test_child *ret_child)
{
    if (test_has_valgrind()) {
        test_skip("valgrind has its own ideas of a stack");
    }
    test_run_child(run_plan, (void *)(uintptr_t)plan, ret_child);
}

COIL_TEST(overflow_is_explained)
{
    struct plan plan = {.fn = start_overflow, .options.report_overflow = true};
    struct test_child child;

    run_child(&plan, &child);
    check_crash(&child);
    CHECK_CONTAINS(child.output, "coil: stack overflow in task digger (2): its stack has 65536 "
                                 "bytes; created at test_overflow.c:");
    CHECK_CONTAINS(child.output, " in start_overflow\n");
    CHECK_CONTAINS(child.output, "\n  more: stack_size in struct coil_task_options, or in struct "
                                 "coil_loop_options for all tasks\n");
    if (is_plain()) {
        CHECK_CONTAINS(child.output, "\n    at ");
        CHECK_CONTAINS(child.output, " more times)\n");
    }
}

COIL_TEST(overflow_of_main_is_explained)
{
    struct plan plan = {.fn = overflow, .options.report_overflow = true};
    struct test_child child;

    run_child(&plan, &child);
    check_crash(&child);
    CHECK_CONTAINS(child.output, "coil: stack overflow in task main (1): its stack has 262144 "
                                 "bytes\n");
    CHECK_CONTAINS(child.output, "\n  more: main_stack_size in struct coil_run_options\n");
}

/* Guards by mprotect give the same signal with another code. */
COIL_TEST(overflow_into_a_guard_of_the_older_kind)
{
    struct plan plan = {.fn = start_overflow,
                        .options = {.report_overflow = true, .loop.no_guard_regions = true}};
    struct test_child child;

    run_child(&plan, &child);
    check_crash(&child);
    CHECK_CONTAINS(child.output, "coil: stack overflow in task digger (2)");
}

static int start_overflow_alone(void *arg)
{
    CHECK_OK(coil_loop_set_stall_limit(arg, COIL_NEVER));
    return start_overflow(NULL);
}

static int run_beside_a_watched_loop(__attribute__((unused)) void *arg)
{
    struct plan plan = {.options.report_overflow = true};
    struct rlimit none = {0};
    struct coil_loop *other;

    plan.options.loop.no_guard_regions = test_is_emulated();
    setrlimit(RLIMIT_CORE, &none);
    CHECK_OK(coil_loop_new(NULL, &other));
    CHECK_OK(coil_loop_set_stall_limit(other, COIL_SEC));
    return coil_run_with(&plan.options, start_overflow_alone, other) < 0;
}

/* The watchdog has had the signal stack first. */
COIL_TEST(overflow_after_a_watchdog_has_ended)
{
    struct test_child child;

    if (test_has_valgrind()) {
        test_skip("valgrind has its own ideas of a stack");
    }
    test_run_child(run_beside_a_watched_loop, NULL, &child);
    check_crash(&child);
    CHECK_CONTAINS(child.output, "coil: stack overflow in task digger (2)");
}

COIL_TEST(overflow_in_debug_mode)
{
    struct plan plan = {.fn = start_overflow, .options.loop.debug = true};
    struct test_child child;

    run_child(&plan, &child);
    check_crash(&child);
    CHECK_CONTAINS(child.output, "coil: stack overflow in task digger (2)");
}

COIL_TEST(overflow_that_nobody_asked_about)
{
    struct plan plan = {.fn = start_overflow};
    struct test_child child;

    unsetenv("COIL_DEBUG");
    run_child(&plan, &child);
    check_crash(&child);
    CHECK_PTR(strstr(child.output, "coil:"), ==, NULL);
}

/* --- other crashes --- */

static volatile int *volatile nowhere = (volatile int *)16; /* 0 is found by UBSan */

static int crash(__attribute__((unused)) void *arg)
{
    return *nowhere;
}

COIL_TEST(crash_of_another_kind_is_not_explained)
{
    struct plan plan = {.fn = crash, .options.report_overflow = true};
    struct test_child child;

    run_child(&plan, &child);
    check_crash(&child);
    CHECK_PTR(strstr(child.output, "coil:"), ==, NULL);
}

/* A pointer into a guard, while the stack pointer is far away. */
static int write_into_guard(__attribute__((unused)) void *arg)
{
    volatile char *page = (volatile char *)__builtin_frame_address(0);

    for (int i = 0; i < 1000; i++) {
        page -= 4096;
        *page = 1;
    }
    return 0;
}

COIL_TEST(crash_by_a_wild_pointer_is_not_explained)
{
    struct plan plan = {.fn = write_into_guard, .options.report_overflow = true};
    struct test_child child;

    run_child(&plan, &child);
    check_crash(&child);
    CHECK_PTR(strstr(child.output, "coil: stack overflow"), ==, NULL);
}

static int raise_it(__attribute__((unused)) void *arg)
{
    return raise(SIGSEGV);
}

COIL_TEST(crash_that_was_sent_ends_the_process)
{
    struct plan plan = {.fn = raise_it, .options.report_overflow = true};
    struct test_child child;

    run_child(&plan, &child);
    check_crash(&child);
    CHECK_PTR(strstr(child.output, "coil:"), ==, NULL);
}

/* --- handlers of the program's --- */

static void on_segv(int signum, siginfo_t *info, void *context)
{
    static const char text[] = "the program's own\n";

    (void)signum;
    (void)info;
    (void)context;
    _exit(write(STDERR_FILENO, text, sizeof text - 1) > 0 ? 42 : 43);
}

static int run_with_handler(void *arg)
{
    struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaction(SIGSEGV, &action, NULL);
    return run_plan(arg);
}

COIL_TEST(overflow_goes_on_to_the_handler_that_was_there)
{
    struct plan plan = {.fn = start_overflow, .options.report_overflow = true};
    struct test_child child;

    if (test_has_valgrind()) {
        test_skip("valgrind has its own ideas of a stack");
    }
    test_run_child(run_with_handler, &plan, &child);
    CHECK_INT(child.exit_code, ==, 42);
    CHECK_CONTAINS(child.output, "coil: stack overflow in task digger (2)");
    CHECK_CONTAINS(child.output, "the program's own\n");
    plan.fn = crash;
    test_run_child(run_with_handler, &plan, &child);
    CHECK_INT(child.exit_code, ==, 42);
    CHECK_STR(child.output, "the program's own\n");
}

static int nothing(__attribute__((unused)) void *arg)
{
    return 0;
}

static const void *handler_of(int signum)
{
    struct sigaction now;

    CHECK_INT(sigaction(signum, NULL, &now), ==, 0);
    return now.sa_flags & SA_SIGINFO ? (const void *)(uintptr_t)now.sa_sigaction
                                     : (const void *)(uintptr_t)now.sa_handler;
}

static int compare_handlers(void *arg)
{
    const void *const *before = arg;

    CHECK_PTR(handler_of(SIGSEGV), !=, before[0]);
    CHECK_PTR(handler_of(SIGBUS), !=, before[1]);
    return 0;
}

/* While it runs, and not after that; and the signal stack too. */
COIL_TEST(overflow_puts_back_what_was_there)
{
    struct coil_run_options options = {.report_overflow = true};
    const void *before[2] = {handler_of(SIGSEGV), handler_of(SIGBUS)};
    stack_t stack_before;
    stack_t stack;

    CHECK_INT(sigaltstack(NULL, &stack_before), ==, 0);
    CHECK_ERR(coil_run_with(&options, compare_handlers, before), 0);
    CHECK_PTR(handler_of(SIGSEGV), ==, before[0]);
    CHECK_PTR(handler_of(SIGBUS), ==, before[1]);
    CHECK_INT(sigaltstack(NULL, &stack), ==, 0);
    CHECK_INT(stack.ss_flags, ==, stack_before.ss_flags);
    CHECK_ERR(coil_run(nothing, NULL), 0);
}
