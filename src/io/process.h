/* process.h - the inside of a process.
 *
 * Its struct goes from close to the loop's free list and stays mapped as long as the loop lives, so
 * that a handle which was kept too long is noticed (base/handle.h).
 */
#ifndef COIL__IO_PROCESS_H
#define COIL__IO_PROCESS_H

#include "loop/pool.h"
#include "task/task.h"

#include <coil/process.h>

struct coil_process {
    struct coil_loop *loop; /* NULL while free */
    struct coil__list link; /* in the loop's list of open or of free ones */
    void *memory;           /* where its allocation begins */
    uint8_t generation;
    pid_t pid;
    int pidfd;         /* -1: a thread waits instead, or it was reaped */
    struct coil_op op; /* polls pidfd, while that is not -1 */
    struct coil__job job;
    struct coil__list waiters;
    struct coil__list closer; /* the task in close that waits for a leader's end */
    int fds[3];               /* our ends of its pipes; -1: closed, or there was none */
    int status;               /* valid once it was reaped */
    int64_t grace_ns;
    bool is_leader;  /* of a session and a process group */
    bool is_reaped;  /* nothing refers to the struct any more but its handles */
    bool is_closing; /* a task is in close */
    bool is_kept; /* in close of a leader: it is not reaped, so its group's number stays its own */
    bool has_ended; /* while kept: it is a zombie, and nothing refers to the struct any more */
    bool had_stdin;
};

/* The process behind a handle: 0, -EINVAL, -COIL_ENOLOOP, -COIL_ECLOSED, -COIL_EWRONGTHREAD. */
int coil__process_find(const struct coil_process *handle, struct coil_process **ret_process);
/* coil_process_close in two steps, between which our ends of the pipes can still be read: ends the
 * child if it lives and reaps it; then gives the process up and returns how it ended. end: the
 * errors of coil_process_close, and then there is no second step. */
int coil__process_end(struct coil_process *handle, struct coil_process **ret_process);
int coil__process_give_up(struct coil_process *process);
/* Closes our end of one of its pipes, if it is open. */
void coil__process_close_end(struct coil_process *process, int end);

#endif
