/* coil_run: from main into the first task and back (A3, A4, A6, A9, A17). */
#include "fault.h"
#include "in_task.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int return_seven(void *arg)
{
    CHECK_PTR(arg, ==, NULL);
    CHECK(coil_loop_current() != NULL);
    CHECK_STR(coil_task_name(coil_current_task()), "main");
    return 7;
}

static int fail(void *arg)
{
    (void)arg;
    return -EIO;
}

COIL_TEST(run_returns_what_the_first_task_returned)
{
    CHECK_INT(coil_run(return_seven, NULL), ==, 7);
    CHECK_ERR(coil_run(fail, NULL), -EIO);
    CHECK_PTR(coil_loop_current(), ==, NULL);
}

COIL_TEST(run_misuse_is_named)
{
    struct coil_run_options bad = {.loop.backend = "abacus"};

    CHECK_ERR(coil_run(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_run_in(NULL, NULL, fail, NULL), -EINVAL);
    CHECK_ERR(coil_run_with(&bad, fail, NULL), -COIL_EBACKEND);
}

static int run_again(void *arg)
{
    struct coil_loop *loop = coil_loop_current();

    (void)arg;
    CHECK_ERR(coil_run(return_seven, NULL), -COIL_ENESTED);
    CHECK_ERR(coil_run_in(loop, NULL, return_seven, NULL), -COIL_ENESTED);
    CHECK_ERR(coil_loop_run(loop), -COIL_ENESTED);
    CHECK_ERR(coil_loop_run_once(loop, 0), -COIL_ENESTED);
    CHECK_ERR(coil_loop_free(loop), -COIL_EINVALIDSTATE);
    return 1;
}

/* A6: no nesting. */
COIL_TEST(run_does_not_nest)
{
    CHECK_INT(coil_run(run_again, NULL), ==, 1);
}

/* --- the end (A9) --- */

struct leftover {
    int rc;
    bool has_cleaned_up;
};

static int clean_up(void *arg)
{
    struct leftover *leftover = arg;

    leftover->rc = coil_sleep(COIL_NEVER);
    coil_shield {
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    leftover->has_cleaned_up = true;
    return leftover->rc;
}

static int leave_some(void *arg)
{
    struct leftover *leftovers = arg;

    for (int i = 0; i < 3; i++) {
        coil_detach(coil_create_task(clean_up, &leftovers[i]));
    }
    coil_create_task(clean_up, &leftovers[3]); /* never awaited */
    yield_times(1);
    return 2;
}

/* A9: all that are left are cancelled and awaited. */
COIL_TEST(run_ends_the_tasks_that_are_left)
{
    struct leftover leftovers[4] = {0};

    CHECK_INT(coil_run(leave_some, leftovers), ==, 2);
    for (int i = 0; i < 4; i++) {
        CHECK_ERR(leftovers[i].rc, -ECANCELED);
        CHECK(leftovers[i].has_cleaned_up);
    }
}

static int start_another(void *arg)
{
    int left = *(int *)arg - 1;

    coil_sleep(COIL_NEVER);
    if (left > 0) {
        coil_detach(coil_create_task_copy(start_another, &left, sizeof left));
    }
    return 0;
}

static int leave_a_chain(void *arg)
{
    coil_detach(coil_create_task(start_another, arg));
    return 0;
}

COIL_TEST(run_ends_tasks_that_start_tasks)
{
    int left = 10;

    CHECK_OK(coil_run(leave_a_chain, &left));
}

static int fail_at_the_end(void *arg)
{
    (void)arg;
    coil_sleep(COIL_NEVER);
    return -EPIPE;
}

static int leave_failing(void *arg)
{
    static struct leftover leftover;
    struct coil_task_options options = {.name = "loser"};

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, arg));
    coil_task_create(&options, fail_at_the_end, NULL);
    coil_create_task(clean_up, &leftover);
    yield_times(1);
    return 0;
}

/* A9, A12: errors of tasks that nobody awaited go to the handler; cancels do not. */
COIL_TEST(run_reports_errors_nobody_asked_for)
{
    struct heard heard = {0};

    CHECK_OK(coil_run(leave_failing, &heard));
    CHECK_INT(heard.count, ==, 1);
    CHECK_ERR(heard.error, -EPIPE);
    CHECK_STR(heard.task_name, "loser");
    CHECK_CONTAINS(heard.message, "never awaited");
}

static void report_again(const struct coil_report *report, void *user)
{
    (void)report;
    ++*(int *)user;
    coil_detach(coil_create_task(fail, NULL));
}

static int leave_one_failing(void *arg)
{
    static struct heard heard;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), report_again, arg));
    coil_detach(coil_create_task(fail, NULL));
    yield_times(3);
    return coil_loop_set_error_handler(coil_loop_current(), hear, &heard);
}

COIL_TEST(run_survives_a_handler_that_makes_more)
{
    int count = 0;

    CHECK_OK(coil_run(leave_one_failing, &count));
    CHECK_INT(count, >=, 2);
}

static int lose_one(void *arg)
{
    (void)arg;
    coil_detach(coil_create_task(fail, NULL));
    yield_times(1);
    return 0;
}

static int run_lose_one(void *arg)
{
    (void)arg;
    return coil_run(lose_one, NULL);
}

/* A12: without a handler it is a line on stderr. */
COIL_TEST(run_prints_what_nobody_handles)
{
    struct test_child child;

    test_run_child(run_lose_one, NULL, &child);
    CHECK_INT(child.exit_code, ==, 0);
    CHECK_CONTAINS(child.output, "coil: error of a task that nobody awaits in task task-");
    CHECK_CONTAINS(child.output, "-EIO");
    CHECK_CONTAINS(child.output, "test_run.c:");
}

/* --- on a loop of the caller's: Runner (A9, A4) --- */

static int count_run(void *arg)
{
    coil_sleep(10);
    return ++*(int *)arg;
}

COIL_TEST(run_in_is_reusable)
{
    struct coil_loop *loop;
    int runs = 0;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_INT(coil_run_in(loop, NULL, count_run, &runs), ==, 1);
    CHECK_INT(coil_run_in(loop, NULL, count_run, &runs), ==, 2);
    CHECK_OK(coil_loop_free(loop));
    CHECK_OK(coil_loop_free(NULL));
}

static int free_used_loop(void *loop)
{
    CHECK_ERR(coil_loop_free(loop), -COIL_ENESTED);
    CHECK_ERR(coil_loop_free(loop), -COIL_ENESTED);
    return 0;
}

/* What had tasks is run to its end; so not while another loop runs. */
COIL_TEST(run_in_is_not_freed_inside_another_loop)
{
    struct coil_loop *loop;
    int runs = 0;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_INT(coil_run_in(loop, NULL, count_run, &runs), ==, 1);
    CHECK_OK(coil_run(free_used_loop, loop));
    CHECK_INT(coil_run_in(loop, NULL, count_run, &runs), ==, 2);
    CHECK_OK(coil_loop_free(loop));
}

static int stop_too_early(void *arg)
{
    struct leftover *leftover = arg;

    CHECK_OK(coil_loop_stop(coil_loop_current()));
    leftover->rc = coil_sleep(COIL_MINUTE);
    return leftover->rc;
}

/* A4: stopped before the work was done. */
COIL_TEST(run_in_stopped_early)
{
    struct leftover leftover = {0};
    struct coil_loop *loop;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_ERR(coil_run_in(loop, NULL, stop_too_early, &leftover), -COIL_ESTOPPED);
    CHECK_ERR(leftover.rc, -ECANCELED);
    CHECK_OK(coil_loop_free(loop));
}

/* --- SIGINT (A9, A13) --- */

static int interrupt_itself(void *arg)
{
    int rc;

    test_raise_sigint();
    rc = coil_sleep(COIL_MINUTE);
    CHECK_ERR(rc, -ECANCELED);
    CHECK_STR(coil_cancel_reason(), "SIGINT");
    return arg ? 3 : rc;
}

/* A9: the first one cancels the first task. */
COIL_TEST(sigint_cancels_the_first_task)
{
    int ignores = 1;

    CHECK_ERR(coil_run(interrupt_itself, NULL), -EINTR);
    CHECK_INT(coil_run(interrupt_itself, &ignores), ==, 3);
}

static int interrupt_and_uncancel(void *arg)
{
    (void)arg;
    test_raise_sigint();
    CHECK_ERR(coil_sleep(COIL_MINUTE), -ECANCELED);
    CHECK_INT(coil_uncancel(coil_current_task()), ==, 0);
    CHECK_OK(coil_sleep(1));
    return 4;
}

static int keep_handler(void *arg)
{
    (void)arg;
    fault_syscall_named("sigaction", 1, EINVAL); /* the one that takes the handler back */
    return 0;
}

/* A handler that was left over is the library's own, and no reason not to catch. */
COIL_TEST(sigint_is_caught_though_a_handler_was_left)
{
    CHECK_OK(coil_run(keep_handler, NULL));
    CHECK(fault_was_injected());
    fault_off();
    CHECK_ERR(coil_run(interrupt_itself, NULL), -EINTR);
}

COIL_TEST(sigint_can_be_taken_back)
{
    CHECK_INT(coil_run(interrupt_and_uncancel, NULL), ==, 4);
}

static int interrupt_twice(void *arg)
{
    (void)arg;
    raise(SIGINT);
    coil_sleep(COIL_MINUTE);
    coil_shield {
        raise(SIGINT);
    }
    return 5;
}

static int run_interrupt_twice(void *arg)
{
    (void)arg;
    return coil_run(interrupt_twice, NULL);
}

/* A9: the second one ends the process. */
COIL_TEST(sigint_twice_ends_the_process)
{
    struct test_child child;

    test_run_child(run_interrupt_twice, NULL, &child);
    CHECK_INT(child.signal, ==, SIGINT);
}

static volatile sig_atomic_t interrupts;

static void on_sigint(int number)
{
    (void)number;
    interrupts++;
}

static int interrupt_with_handler(void *arg)
{
    (void)arg;
    raise(SIGINT);
    return coil_sleep(COIL_MSEC);
}

COIL_TEST(sigint_is_left_alone_where_it_is_handled)
{
    struct sigaction action = {.sa_handler = on_sigint};

    sigaction(SIGINT, &action, NULL);
    CHECK_OK(coil_run(interrupt_with_handler, NULL));
    CHECK_INT(interrupts, ==, 1);
}

static int interrupt_ignored(void *arg)
{
    struct coil_run_options options = {.ignore_sigint = true};

    (void)arg;
    return coil_run_with(&options, interrupt_with_handler, NULL);
}

COIL_TEST(sigint_can_be_left_alone)
{
    struct test_child child;

    test_run_child(interrupt_ignored, NULL, &child);
    CHECK_INT(child.signal, ==, SIGINT);
    interrupts = 0;
    CHECK_OK(coil_run(lose_one, NULL) < 0 ? -1 : 0); /* the default is back after a run */
}

/* --- fork (A17) --- */

static int sleep_in_child(void *arg)
{
    int64_t span = COIL_MSEC;

    (void)arg;
    CHECK_OK(coil_await(coil_create_task(task_sleep, &span)));
    return 12;
}

static int use_everything(struct coil_task *task)
{
    struct coil_scope scope;
    struct coil_group group;

    CHECK_ERR(coil_sleep(1), -COIL_EFORKED);
    CHECK_ERR(coil_yield(), -COIL_EFORKED);
    CHECK_ERR(coil_await(task), -COIL_EFORKED);
    CHECK_ERR(coil_cancel(task), -COIL_EFORKED);
    CHECK_ERR(coil_gather(&task, 1, NULL), -COIL_EFORKED);
    CHECK_ERR(coil_scope_open_timeout(&scope, 1), -COIL_EFORKED);
    CHECK_ERR(coil_group_open(&group), -COIL_EFORKED);
    CHECK_PTR(coil_create_task(fail, NULL), ==, NULL);
    CHECK_PTR(coil_current_task(), ==, NULL);
    return coil_run(sleep_in_child, NULL); /* a loop of its own works */
}

static int fork_inside(void *arg)
{
    struct coil_task *task = coil_create_task(task_forever, NULL);
    int status;
    pid_t pid;

    yield_times(1);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        int rc = use_everything(task);

        if (!arg) {
            _exit(rc);
        }
        return rc; /* up to coil_run, which says -COIL_EFORKED */
    }
    CHECK_INT(waitpid(pid, &status, 0), ==, pid);
    CHECK(WIFEXITED(status));
    CHECK_OK(coil_sleep(COIL_MSEC)); /* the parent is untouched */
    CHECK_OK(coil_cancel(task) == 1 ? 0 : -1);
    CHECK_ERR(coil_await(task), -ECANCELED);
    return WEXITSTATUS(status);
}

/* A17 */
COIL_TEST(fork_child_gets_named_errors)
{
    CHECK_INT(coil_run(fork_inside, NULL), ==, 12);
}

COIL_TEST(fork_child_may_return)
{
    int returns = 1;
    pid_t pid = getpid();
    int rc = coil_run(fork_inside, &returns);

    if (getpid() != pid) {
        _exit(rc == -COIL_EFORKED ? 33 : 1);
    }
    CHECK_INT(rc, ==, 33);
}
