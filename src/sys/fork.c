/* fork.c - pthread_atfork, once per process: there is no way to take a registration back, so the
 * fact that it was made is the one thing remembered process-wide. And calls in a process of their
 * own. */
#include "sys/fork.h"

#include "base/check.h"
#include "sys/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* A result is written to a pipe at once, or not at all. */
enum { RESULT_MAX = 512 };
_Static_assert(RESULT_MAX <= PIPE_BUF, "a write of this size is not split");

static atomic_bool is_registered;

int coil__fork_process(void)
{
    return getpid();
}

int coil__fork_register(void (*in_child)(void))
{
    int rc;

    if (atomic_exchange(&is_registered, true)) {
        return 0;
    }
    rc = pthread_atfork(NULL, NULL, in_child);
    if (rc != 0) {
        atomic_store(&is_registered, false);
    }
    return -rc;
}

static _Noreturn void run_child(void (*fn)(void *arg, void *result), void *arg, size_t size,
                                int pipe_fd)
{
    char result[RESULT_MAX] = {0};

    fn(arg, result);
    fflush(NULL);
    _exit(RETRY(write(pipe_fd, result, size)) == (ssize_t)size ? 0 : 1);
}

/* Whoever has inherited the pipe's other end (a process of the child's) may still hold it: so its
 * end is not waited for, only that of the child. */
static int await_child(pid_t pid, int *ret_status)
{
    siginfo_t info = {.si_code = CLD_EXITED};
    int rc = (int)RETRY(waitid(P_PID, (id_t)pid, &info, WEXITED));

    if (rc < 0 && rc != -ECHILD) { /* that: it has ended, and SIGCHLD is ignored */
        return rc;
    }
    *ret_status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return 0;
}

int coil__fork_call(void (*fn)(void *arg, void *result), void *arg, void *ret_result, size_t size,
                    int *ret_status)
{
    int fds[2];
    pid_t pid;
    int rc;

    COIL_CHECK(size <= RESULT_MAX);
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        return -errno;
    }
    fflush(NULL); /* or the child would write it once more */
    pid = fork();
    if (pid < 0) {
        rc = -errno;
    } else if (pid == 0) {
        close(fds[0]);
        run_child(fn, arg, size, fds[1]);
    } else {
        rc = await_child(pid, ret_status);
    }
    if (rc == 0) {
        rc = RETRY(read(fds[0], ret_result, size)) == (ssize_t)size;
    }
    close(fds[0]);
    close(fds[1]);
    return rc;
}
