/* Child processes: started, waited for, ended and reaped: E12. */
#include "child.h"
#include "harness.h"

#include <stdlib.h>

struct waiter {
    struct coil_process *process;
    int rc;
};

static int wait_for_it(void *arg)
{
    struct waiter *waiter = arg;

    waiter->rc = coil_process_wait(waiter->process);
    return 0;
}

/* --- how a child ends --- */

TASK_TEST(process_wait_returns_the_exit_status)
{
    static const char *const commands[] = {"exit 0", "exit 3", "exit 255"};
    static const int statuses[] = {0, 3, 255};

    for (int i = 0; i < 3; i++) {
        struct coil_process *process = start_shell(NULL, commands[i]);
        int pid = coil_process_pid(process);

        CHECK_INT(pid, >, 0);
        CHECK_INT(coil_process_wait(process), ==, statuses[i]);
        CHECK_INT(coil_process_wait(process), ==, statuses[i]);
        CHECK_INT(coil_process_returncode(process), ==, statuses[i]);
        CHECK_INT(coil_process_pid(process), ==, pid);
        CHECK_ERR(coil_process_kill(process), -ESRCH);
        CHECK_INT(coil_process_close(process), ==, statuses[i]);
        check_no_children();
    }
    return 0;
}

TASK_TEST(process_that_was_killed_tells_the_signal)
{
    struct coil_process *process = start_shell(NULL, "kill -USR1 $$");

    CHECK_INT(coil_process_wait(process), ==, COIL_PROCESS_KILLED + SIGUSR1);
    coil_process_close(process);
    process = start_patient("");
    CHECK_ERR(coil_process_returncode(process), -EAGAIN);
    CHECK_OK(coil_process_terminate(process));
    CHECK_INT(coil_process_wait(process), ==, COIL_PROCESS_KILLED + SIGTERM);
    coil_process_close(process);
    process = start_patient("trap '' TERM;");
    CHECK_OK(coil_process_terminate(process));
    CHECK_OK(coil_process_kill(process));
    CHECK_INT(coil_process_wait(process), ==, COIL_PROCESS_KILLED + SIGKILL);
    coil_process_close(process);
    process = start_patient("trap 'exit 7' USR2;");
    CHECK_OK(coil_process_send_signal(process, 0));
    CHECK_ERR(coil_process_send_signal(process, 999), -EINVAL);
    CHECK_OK(coil_process_send_signal(process, SIGUSR2));
    CHECK_INT(coil_process_close(process), >=, 0);
    check_no_children();
    return 0;
}

TASK_TEST(process_many_tasks_wait)
{
    struct coil_process *process = start_patient("trap 'exit 9' USR1;");
    struct waiter waiters[3];
    struct coil_task *tasks[3];

    for (int i = 0; i < 3; i++) {
        waiters[i] = (struct waiter){process, -1};
        tasks[i] = coil_create_task(wait_for_it, &waiters[i]);
    }
    yield_times(2);
    CHECK_OK(coil_process_kill(process));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_await(tasks[i]));
        CHECK_INT(waiters[i].rc, ==, COIL_PROCESS_KILLED + SIGKILL);
    }
    coil_process_close(process);
    return 0;
}

TASK_TEST(process_many_at_once)
{
    enum { COUNT = 20 };
    struct coil_process *processes[COUNT];
    char command[32];

    for (int i = 0; i < COUNT; i++) {
        snprintf(command, sizeof command, "exit %d", i);
        processes[i] = start_shell(NULL, command);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        CHECK_INT(coil_process_wait(processes[i]), ==, i);
    }
    check_no_children(); /* reaped before they are closed */
    for (int i = 0; i < COUNT; i++) {
        CHECK_INT(coil_process_close(processes[i]), ==, i);
        CHECK_ERR(coil_process_close(processes[i]), -COIL_ECLOSED);
    }
    return 0;
}

/* --- cancels and deadlines --- */

TASK_TEST(process_deadline_leaves_the_child_alone)
{
    struct coil_process *process = start_patient("");
    int rc = 0;

    coil_timeout(20 * COIL_MSEC) {
        rc = coil_process_wait(process);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_ERR(coil_process_returncode(process), -EAGAIN);
    CHECK_OK(coil_process_kill(process));
    CHECK_INT(coil_process_wait(process), ==, COIL_PROCESS_KILLED + SIGKILL);
    coil_process_close(process);
    return 0;
}

TASK_TEST(process_cancel_before_during_and_after)
{
    struct coil_process *process = start_patient("");
    struct waiter waiter = {process, 0};
    struct coil_task *task = coil_create_task(wait_for_it, &waiter);

    yield_times(2);
    coil_cancel(task); /* during */
    coil_await(task);
    CHECK_ERR(waiter.rc, -ECANCELED);
    coil_process_kill(process);
    CHECK_INT(coil_process_wait(process), ==, COIL_PROCESS_KILLED + SIGKILL);
    coil_cancel(coil_current_task()); /* before; the result stays */
    CHECK_ERR(coil_process_wait(process), -ECANCELED);
    CHECK_INT(coil_process_returncode(process), ==, COIL_PROCESS_KILLED + SIGKILL);
    CHECK_INT(coil_process_close(process), ==, COIL_PROCESS_KILLED + SIGKILL); /* in spite of it */
    coil_uncancel(coil_current_task());
    return 0;
}

static int close_it(void *arg)
{
    struct waiter *waiter = arg;

    waiter->rc = coil_process_close(waiter->process);
    return 0;
}

TASK_TEST(process_close_ends_the_child_in_a_cancelled_task_too)
{
    struct waiter waiter = {start_patient("trap '' TERM;"), -1};
    struct coil_task *task = coil_create_task(close_it, &waiter);

    yield_times(2);
    CHECK_ERR(coil_process_close(waiter.process), -COIL_ECLOSED); /* it is being closed */
    CHECK_ERR(coil_process_wait(waiter.process), -COIL_ECLOSED);
    coil_cancel(task);
    coil_await(task);
    CHECK_INT(waiter.rc, ==, COIL_PROCESS_KILLED + SIGKILL); /* it did not obey SIGTERM */
    check_no_children();
    waiter.process = start_patient("");
    coil_cancel(coil_current_task());
    CHECK_INT(coil_process_close(waiter.process), ==, COIL_PROCESS_KILLED + SIGTERM);
    coil_uncancel(coil_current_task());
    check_no_children();
    return 0;
}

TASK_TEST(process_close_without_grace)
{
    struct coil_process_options options = {.grace_ns = -1, .in = COIL_PROCESS_PIPE};
    struct coil_process *process = start_shell(&options, "read x");

    CHECK_INT(coil_process_close(process), >=, 0);
    check_no_children();
    CHECK_OK(coil_process_close(NULL));
    return 0;
}

TASK_TEST(process_close_wakes_those_who_wait)
{
    struct waiter waiter = {start_patient(""), -1};
    struct coil_task *task = coil_create_task(wait_for_it, &waiter);

    yield_times(2);
    CHECK_INT(coil_process_close(waiter.process), ==, COIL_PROCESS_KILLED + SIGTERM);
    CHECK_OK(coil_await(task));
    CHECK_INT(waiter.rc, ==, COIL_PROCESS_KILLED + SIGTERM);
    return 0;
}

/* --- nobody is left behind --- */

static int leave_some(void *arg)
{
    (void)arg;
    start_patient("trap '' TERM;");
    start_shell(NULL, "exit 0");
    return 0;
}

COIL_TEST(process_end_of_the_loop_leaves_nobody_behind)
{
    CHECK_OK(coil_run(leave_some, NULL));
    check_no_children();
}

static int leave_some_without_pidfd(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        fault_syscall_named("syscall", 1, ENOSYS);
        start_patient("trap '' TERM;");
        fault_off();
    }
    return 0;
}

COIL_TEST(process_end_of_the_loop_leaves_nobody_behind_without_pidfd)
{
    CHECK_OK(coil_run(leave_some_without_pidfd, NULL));
    check_no_children();
}

/* --- what a child is given --- */

TASK_TEST(process_gets_its_environment_and_folder)
{
    const char *const env[] = {"ONE=1", "TWO=two words", NULL};
    struct coil_process_options options = {.env = env, .cwd = "/", .out = COIL_PROCESS_PIPE};
    struct coil_process_output out = {.data = NULL};
    struct coil_process *process = start_shell(&options, "echo \"$ONE,$TWO,$HOME,$PWD\"");

    CHECK_OK(coil_process_communicate(process, NULL, 0, &out, NULL));
    CHECK_STR(out.data, "1,two words,,/\n");
    coil_process_output_deinit(&out);
    coil_process_close(process);
    return 0;
}

/* All that is open here, and all that is blocked or ignored here, is not so in the child. (Signals
 * 32 and 33 are the C library's own.) */
TASK_TEST(process_inherits_neither_descriptors_nor_signals)
{
    const char *fds[] = {"ls", "/proc/self/fd", NULL};
    const char *signals[] = {"grep", "-E", "Sig(Blk|Ign)", "/proc/self/status", NULL};
    struct coil_process_output out = {.data = NULL};
    int leaky = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    sigset_t set;

    if (test_is_emulated()) {
        test_skip("the emulator has signals of its own");
    }

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    CHECK_OK(coil_process_run(NULL, fds, "", 0, &out, NULL));
    CHECK_STR(out.data, "0\n1\n2\n3\n"); /* the last one is that of the folder */
    coil_process_output_deinit(&out);
    CHECK_OK(coil_process_run(NULL, signals, "", 0, &out, NULL));
    CHECK_CONTAINS(out.data, "SigBlk:\t0000000000000000");
    CHECK(strstr(out.data, "SigIgn:\t0000000000000000") ||
          strstr(out.data, "SigIgn:\t0000000180000000"));
    coil_process_output_deinit(&out);
    close(leaky);
    return 0;
}

TASK_TEST(process_new_session_gets_signals_as_a_group)
{
    struct coil_process_options options = {.out = COIL_PROCESS_PIPE, .new_session = true};
    struct coil_process *process = start_shell(&options, "sleep 100 & echo $!; wait");
    char text[32] = "";

    CHECK_INT(coil_read(coil_process_stdout(process), text, sizeof text - 1), >, 0);
    CHECK_INT(getsid(coil_process_pid(process)), ==, coil_process_pid(process));
    CHECK_OK(coil_process_kill(process));
    CHECK_INT(coil_process_wait(process), ==, COIL_PROCESS_KILLED + SIGKILL);
    CHECK_INT(coil_poll(coil_process_stdout(process), POLLIN), ==, POLLHUP); /* the sleep's too */
    coil_process_close(process);
    return 0;
}

/* --- errors --- */

TASK_TEST(process_spawn_returns_the_error_of_exec)
{
    struct coil_process *process = NULL;
    struct coil_process_options options = {.cwd = "/no/such/folder"};
    size_t size = 4 << 20;
    char *huge = malloc(size);
    const char *none[] = {"no-such-program-anywhere", NULL};
    const char *folder[] = {"/tmp", NULL};
    const char *plain[] = {"/etc/passwd", NULL};
    const char *good[] = {"true", NULL};
    const char *large[] = {"true", huge, NULL};

    if (test_is_emulated() || test_has_valgrind()) {
        test_skip("its vfork is a fork, which cannot tell what failed");
    }

    CHECK_ERR(coil_process_spawn(NULL, none, &process), -ENOENT);
    CHECK_ERR(coil_process_spawn(NULL, folder, &process), -EACCES);
    CHECK_ERR(coil_process_spawn(NULL, plain, &process), -EACCES);
    CHECK_ERR(coil_process_spawn(&options, good, &process), -ENOENT);
    if (test_made(huge)) {
        memset(huge, 'x', size - 1);
        huge[size - 1] = '\0';
        CHECK_ERR(coil_process_spawn(NULL, large, &process), -E2BIG);
    }
    CHECK_PTR(process, ==, NULL);
    free(huge);
    check_no_children();
    return 0;
}

static int touch_elsewhere(void *arg)
{
    struct coil_process *process = *(struct coil_process **)arg;

    CHECK_ERR(coil_process_pid(process), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_process_wait(process), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_process_close(process), -COIL_EWRONGTHREAD);
    return 0;
}

static int run_elsewhere_with(void *arg)
{
    return coil_run(touch_elsewhere, arg);
}

TASK_TEST(process_misuse_is_an_error)
{
    const char *good[] = {"true", NULL};
    const char *empty[] = {NULL};
    struct coil_process *process = NULL;
    struct coil_process *none = NULL;
    struct coil_process_options merge = {.out = COIL_PROCESS_MERGE};
    struct coil_process_options bad_fd = {.in = COIL_PROCESS_FD, .in_fd = -1};
    struct coil_process_options closed_fd = {.in = COIL_PROCESS_FD, .in_fd = 987};

    if (test_is_emulated() || test_has_valgrind()) {
        test_skip("its vfork is a fork, which cannot tell what failed");
    }

    CHECK_ERR(coil_process_spawn(NULL, NULL, &none), -EINVAL);
    CHECK_ERR(coil_process_spawn(NULL, empty, &none), -EINVAL);
    CHECK_ERR(coil_process_spawn(NULL, good, NULL), -EINVAL);
    CHECK_ERR(coil_process_shell(NULL, NULL, &none), -EINVAL);
    CHECK_ERR(coil_process_spawn(&merge, good, &none), -EINVAL);
    CHECK_ERR(coil_process_spawn(&bad_fd, good, &none), -EBADF);
    CHECK_ERR(coil_process_spawn(&closed_fd, good, &none), -EBADF);
    CHECK_ERR(coil_process_wait(NULL), -EINVAL);
    CHECK_ERR(coil_process_pid(NULL), -EINVAL);
    CHECK_ERR(coil_process_kill(NULL), -EINVAL);
    CHECK_OK(coil_process_spawn(NULL, good, &process));
    CHECK_ERR(coil_process_stdin(process), -EBADF);
    CHECK_ERR(coil_process_stdout(process), -EBADF);
    CHECK_ERR(coil_process_stderr(process), -EBADF);
    CHECK_ERR(coil_process_close_stdin(process), -EBADF);
    CHECK_ERR(coil_process_write(process, "x", 1), -EBADF);
    CHECK_ERR(coil_process_communicate(process, "x", 1, NULL, NULL), -EINVAL);
    if (process) {
        CHECK_OK(coil_to_thread(run_elsewhere_with, &process));
    }
    CHECK_OK(coil_process_close(process));
    CHECK_ERR(coil_process_wait(process), -COIL_ECLOSED);
    CHECK_ERR(coil_process_returncode(process), -COIL_ECLOSED);
    CHECK_ERR(coil_process_terminate(process), -COIL_ECLOSED);
    CHECK_ERR(coil_process_stdout(process), -COIL_ECLOSED);
    CHECK_ERR(coil_process_communicate(process, NULL, 0, NULL, NULL), -COIL_ECLOSED);
    return 0;
}

COIL_TEST(process_outside_of_a_loop)
{
    const char *good[] = {"true", NULL};
    struct coil_process *process = NULL;

    CHECK_ERR(coil_process_spawn(NULL, good, &process), -COIL_ENOLOOP);
    CHECK_ERR(coil_process_run(NULL, good, NULL, 0, NULL, NULL), -COIL_ENOLOOP);
}

TASK_TEST(process_of_a_program_that_ignores_sigchld)
{
    struct coil_process *process;

    signal(SIGCHLD, SIG_IGN);
    process = start_shell(NULL, "exit 3");
    CHECK_ERR(coil_process_wait(process), -ECHILD);
    coil_process_close(process);
    return 0;
}

/* --- without pidfd_open --- */

TASK_TEST(process_without_pidfd_a_thread_waits)
{
    struct coil_process *processes[3];

    for (int i = 0; i < 3; i++) {
        fault_syscall_named("syscall", 1, i == 0 ? ENOSYS : i == 1 ? EPERM : EMFILE);
        processes[i] = start_patient(i == 2 ? "trap '' TERM;" : "");
        CHECK(fault_was_injected());
        fault_off();
    }
    CHECK_OK(coil_process_terminate(processes[1]));
    CHECK_INT(coil_process_wait(processes[1]), ==, COIL_PROCESS_KILLED + SIGTERM);
    CHECK_ERR(coil_process_returncode(processes[0]), -EAGAIN);
    CHECK_INT(coil_process_close(processes[0]), ==, COIL_PROCESS_KILLED + SIGTERM);
    CHECK_INT(coil_process_close(processes[1]), ==, COIL_PROCESS_KILLED + SIGTERM);
    CHECK_INT(coil_process_close(processes[2]), ==, COIL_PROCESS_KILLED + SIGKILL);
    check_no_children();
    return 0;
}

/* --- forks --- */

static int look_at_parents_process(void *arg)
{
    CHECK_ERR(coil_process_pid(arg), -COIL_EFORKED);
    return 0;
}

TASK_TEST(process_of_the_parent_is_not_the_forked_childs)
{
    struct coil_process *process = start_patient("");
    struct test_child child;

    test_run_child(look_at_parents_process, process, &child);
    CHECK_INT(child.exit_code, ==, 0);
    CHECK_ERR(coil_process_returncode(process), -EAGAIN);
    CHECK_INT(coil_process_close(process), ==, COIL_PROCESS_KILLED + SIGTERM);
    return 0;
}

/* --- failures --- */

static int spawn_in_torture(void *arg)
{
    struct coil_process_options options = {.in = COIL_PROCESS_PIPE,
                                           .out = COIL_PROCESS_PIPE,
                                           .err = COIL_PROCESS_PIPE,
                                           .grace_ns = -1};
    struct coil_process *process = NULL;

    (void)arg;
    if (coil_process_shell(&options, "read x", &process) == 0) {
        if (coil_process_write(process, "x\n", 2) == 2) {
            coil_process_wait(process);
        }
        coil_process_close(process);
    }
    return 0;
}

static void run_spawn_in_torture(void *arg)
{
    siginfo_t info;

    coil_run(spawn_in_torture, arg);
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
        test_fail(__FILE__, __LINE__, "a child was left behind");
    }
}

COIL_TEST_LIMIT(process_torture, 120)
{
    torture(run_spawn_in_torture, NULL);
}
