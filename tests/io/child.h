/* Child processes for the tests of this folder. Under the simulated backend they are real too, and
 * so is the time while one of them lives. */
#ifndef COIL_TESTS_CHILD_H
#define COIL_TESTS_CHILD_H

#include "fault.h"
#include "in_task.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nobody was left behind: neither running nor unreaped. */
static inline void check_no_children(void)
{
    siginfo_t info;

    CHECK_INT(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), ==, -1);
    CHECK_INT(errno, ==, ECHILD);
}

static inline struct coil_process *start_shell(const struct coil_process_options *options,
                                               const char *command)
{
    struct coil_process *process = NULL;

    CHECK_OK(coil_process_shell(options, command, &process));
    return process;
}

/* A child that says that it is there, and lives until it is killed. */
static inline struct coil_process *start_patient(const char *prefix)
{
    struct coil_process_options options = {.out = COIL_PROCESS_PIPE, .grace_ns = 50 * COIL_MSEC};
    char command[256];
    char byte = 0;
    struct coil_process *process;

    snprintf(command, sizeof command, "%s echo; while :; do sleep 100 & wait $!; done", prefix);
    options.new_session = true; /* its sleep ends with it */
    process = start_shell(&options, command);
    CHECK_INT(coil_read(coil_process_stdout(process), &byte, 1), ==, 1);
    return process;
}

#endif
