/* process.h - child processes: starting them, and learning of their end. None but
 * coil__process_await waits. Errors are -errno. */
#ifndef COIL__SYS_PROCESS_H
#define COIL__SYS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What stands for a descriptor of the child's that is no descriptor of ours. */
enum {
    COIL__SPAWN_INHERIT = -1,
    COIL__SPAWN_NULL = -2,
    COIL__SPAWN_MERGE = -3, /* the third one: the same as the second one */
};

struct coil__spawn {
    const char *file; /* with a slash, or looked for in PATH */
    const char *const *argv;
    const char *const *env; /* NULL: ours */
    const char *cwd;        /* NULL: ours */
    int fds[3];             /* what become its 0, 1 and 2; no others are inherited */
    bool new_session;
};

/* Starts a child, with all signals at their defaults and none blocked. Its pid, or the error of
 * whatever failed, exec included, and then there is no child. */
pid_t coil__process_spawn(const struct coil__spawn *spawn);
/* A descriptor that polls readable when the child has ended. -ENOSYS, -EPERM: not to be had. */
int coil__process_open_pidfd(pid_t pid);
/* Waits until the child has ended; leaves it to be reaped. Any thread. */
int coil__process_await(pid_t pid);
/* Reaps the child: how it ended, exit status or COIL_PROCESS_KILLED + signal. -EAGAIN: it has not
 * ended; -ECHILD: somebody else has reaped it. */
int coil__process_reap(pid_t pid);
/* Whether the child has ended; it is not reaped. -EAGAIN: it lives; -ECHILD as above. */
int coil__process_has_ended(pid_t pid);
/* Whether somebody of a group lives, other than as a zombie. False also where nobody can tell: no
 * /proc. Blocks for some milliseconds where there are many processes. Any thread. */
bool coil__process_group_lives(pid_t group);
/* Sends a signal to a child that was not reaped, or to all of the group that it leads. */
int coil__process_kill(pid_t pid, bool whole_group, int signum);
/* A pipe whose ends no child inherits. */
int coil__process_pipe(int ret_fds[2]);
/* A copy of fd that is none of 0, 1 and 2; no child inherits it. */
int coil__process_lift(int fd);

#endif
