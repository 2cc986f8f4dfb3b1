/* coil/inspect.h - what every task of a loop is doing, and which of them waits for which.
 *
 *     coil_print_tasks(stderr);
 *
 *     2 tasks
 *     - main (1) waits: await
 *         at coil_await
 *         at amain, shop.c:21
 *       - buyer (2) waits: lock, held by task-3; created at shop.c:20 in amain
 *           at coil_lock_acquire
 *           at buy, shop.c:9
 *
 * The tree is by who awaits whom; what a task holds up by a lock stands in the line of the one that
 * waits. Stacks are walked by the compiler's unwind tables and never written to; there are none
 * with the portable context switch. Lines need a program with debug information (-g), and a library
 * built with libbacktrace; else there are names, or addresses.
 *
 * In debug mode (COIL_DEBUG=1) coil_run prints the same to stderr when SIGQUIT (Ctrl-\) comes and
 * nobody else has caught that, and goes on.
 *
 * asyncio's counterparts: capture_call_graph, print_call_graph, Task.get_stack.
 */
#ifndef COIL_INSPECT_H
#define COIL_INSPECT_H

#include <coil/base.h>

#include <stdio.h>

enum coil_task_state {
    COIL_TASK_NEW,     /* its function has not begun */
    COIL_TASK_READY,   /* will run in this iteration or the next */
    COIL_TASK_RUNNING, /* runs now */
    COIL_TASK_WAITING, /* is suspended until something happens */
};

/* One task, as it was when it was captured. Pointers to infos lead to others of the same graph. */
struct coil_task_info {
    uint64_t id; /* counts the loop's tasks, from 1 */
    char name[32];
    const struct coil_site *site; /* where it was created; NULL: not known */
    const void *fn;               /* the address of its function */
    enum coil_task_state state;
    /* While it waits: */
    const char *what;    /* for: "sleep", "lock", "recv", ...; static storage. NULL: it does not */
    int fd;              /* the descriptor of the operation, or -1 */
    int64_t until;       /* when a sleep ends, or COIL_NEVER */
    int64_t waited_ns;   /* for how long; -1: not known, as it is only in debug mode */
    bool waits_for_lock; /* and then: */
    bool has_lost_lock;  /* the lock's holder has ended without releasing it */
    const struct coil_task_info *holder; /* who has it, or NULL: a callback, or has ended */
    /* How it was cancelled: */
    int cancel_error;                    /* what its calls return; 0: it is not cancelled */
    bool is_cancel_shielded;             /* they do not yet: it is in a shield */
    const char *cancel_reason;           /* static storage, or NULL */
    const struct coil_site *cancel_site; /* who asked, or NULL: a deadline, or not known */
    /* Who awaits it (await, gather, wait, map; or the group that it is in), and whom it awaits. */
    const struct coil_task_info *const *awaiters;
    const struct coil_task_info *const *awaited;
    size_t awaiter_count;
    size_t awaited_count;
    /* Its stack: where each call returns to, innermost first, at most 64. See coil_frame_lines. */
    const void *const *frames;
    size_t frame_count;
};

/* All tasks of a loop that had not ended, oldest first. */
struct coil_task_graph {
    const struct coil_task_info *tasks;
    size_t count;
    /* Tasks that wait for each other (by await, gather or lock), each for the next one and the last
     * for the first. The first such cycle that was found; the count is 0 when there is none. */
    const struct coil_task_info *const *cycle;
    size_t cycle_count;
};

/* A place in the source. The texts stay valid as long as the object that they are of. */
struct coil_frame {
    const char *function; /* or NULL */
    const char *file;     /* or NULL */
    int line;             /* 0: not known */
    const char *object;   /* the program or library, or NULL */
    size_t offset;        /* in it */
};

COIL_BEGIN_DECLS

/* Captures the tasks of the running loop, from a task or a callback. ret_graph: owned by the
 * caller, who frees it; it refers to nothing that changes. 0; -ENOMEM, -EINVAL (NULL),
 * -COIL_ENOLOOP. asyncio: capture_call_graph. */
COIL_EXPORT int coil_capture_tasks(struct coil_task_graph **ret_graph);

/* Frees what was captured. NULL: does nothing. Any thread. */
COIL_EXPORT void coil_task_graph_free(struct coil_task_graph *graph);

/* Prints the tasks of the running loop as a tree: below each task those that it awaits. out: stays
 * the caller's. Blocks as `out` does. 0; -ENOMEM, -EINVAL (NULL), -EIO (out has an error),
 * -COIL_ENOLOOP. asyncio: print_call_graph. */
COIL_EXPORT int coil_print_tasks(FILE *out);

/* What a frame of a captured stack is: the function that has made the call, preceded by those that
 * the compiler has inlined into it, innermost first. Stores at most max, and returns how many: at
 * least 1, if only with the object. The first call reads the program's debug information, which
 * takes a while and memory that is kept. -EINVAL (NULL, or max 0). Any thread. */
COIL_EXPORT ssize_t coil_frame_lines(const void *frame, struct coil_frame *ret_frames, size_t max);

COIL_END_DECLS

#endif
