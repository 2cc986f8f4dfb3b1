/* A pool whose server process was replaced: pids that the old one knew are others' by now. */
#include "child.h"
#include "harness.h"

#include <coil/process_pool.h>

#include <linux/sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

static ssize_t say_and_wait(const void *arg, size_t arg_size, void *ret_result, size_t result_size)
{
    pid_t pids[2] = {getpid(), getppid()};
    int fd = open(arg, O_CREAT | O_WRONLY, 0600);

    (void)arg_size;
    (void)ret_result;
    (void)result_size;
    if (fd < 0 || write(fd, pids, sizeof pids) != sizeof pids) {
        return -EIO;
    }
    for (;;) {
        pause();
    }
}

static ssize_t add_one(const void *arg, size_t arg_size, void *ret_result, size_t result_size)
{
    int number;

    memcpy(&number, arg, arg_size);
    number++;
    memcpy(ret_result, &number, result_size);
    return (ssize_t)result_size;
}

static int run_waiting(void *arg)
{
    const char *path = arg;

    return (int)coil_to_process(say_and_wait, path, strlen(path) + 1, NULL, 0, NULL);
}

/* The worker, and the server that has made it; 0: none has begun. */
static void await_begun(const char *path, pid_t ret_pids[2])
{
    ret_pids[0] = ret_pids[1] = 0;
    for (int i = 0; i < 20000 && ret_pids[0] == 0; i++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd >= 0) {
            if (read(fd, ret_pids, 2 * sizeof *ret_pids) != 2 * sizeof *ret_pids) {
                ret_pids[0] = 0;
            }
            close(fd);
        }
        CHECK_OK(coil_sleep(500 * COIL_USEC));
    }
    CHECK_INT(ret_pids[0], >, 0);
}

/* A child that waits to be killed, with a pid that is free; or -1. */
static pid_t fork_with_pid(pid_t pid)
{
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
    long rc = syscall(SYS_clone3, &args, sizeof args);

    while (rc == 0) {
        pause();
    }
    return (pid_t)rc;
}

/* Ends server and worker; the worker's pid is free then. The loop does not run meanwhile. */
static void kill_server(const pid_t pids[2])
{
    pid_t rc = -1;

    CHECK_INT(kill(pids[1], SIGKILL), ==, 0);
    for (int i = 0; i < 20000 && rc != pids[0]; i++) {
        rc = waitpid(pids[0], NULL, 0); /* ours, once its parent is gone */
        if (rc < 0) {
            nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
        }
    }
    CHECK_INT(rc, ==, pids[0]);
}

static int replace_server(void *arg)
{
    struct coil_task *task;
    char path[256];
    pid_t pids[2];
    pid_t stranger;
    int result = 0;
    int number = 1;

    (void)arg;
    test_temp_path(path, sizeof path, "begun");
    task = coil_create_task(run_waiting, path);
    await_begun(path, pids);
    kill_server(pids);
    stranger = fork_with_pid(pids[0]);
    /* A new server runs before the task has noticed what has become of its worker. */
    CHECK_INT(coil_to_process(add_one, &number, sizeof number, &result, sizeof result, NULL), ==,
              sizeof result);
    CHECK_INT(result, ==, 2);
    CHECK_ERR(coil_await(task), -COIL_EWORKERDIED);
    if (stranger < 0) {
        test_skip("may not choose the pid of a child");
    }
    CHECK_INT(coil_to_process(add_one, &number, sizeof number, &result, sizeof result, NULL), ==,
              sizeof result);
    CHECK_INT(waitpid(stranger, NULL, WNOHANG), ==, 0); /* nobody has killed it */
    CHECK_INT(kill(stranger, SIGKILL), ==, 0);
    CHECK_INT(waitpid(stranger, NULL, 0), ==, stranger);
    return 0;
}

COIL_TEST_LIMIT(process_pool_new_server_harms_no_stranger, 60)
{
    if (test_backend_is("sim")) {
        test_skip("worker processes need sockets of the system's");
    }
    if (test_is_torture()) {
        test_skip("kills processes by their numbers");
    }
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        test_skip("nobody else can reap here: an emulator");
    }
    CHECK_OK(coil_run(replace_server, NULL));
    check_no_children();
}
