/* coil/watchdog.h - who holds the loop up, said while it still does.
 *
 * A loop runs one step at a time: a task until it waits, or a callback until it returns. A step
 * that takes long (a blocking call, a computation) keeps all others from running. The watchdog is a
 * thread that looks at the loop now and then and reports a step that has run for longer than a
 * limit: which task, where that was created, and where it is now. It reports again when the step
 * has taken twice as long, four times, and so on, and says the total when it is over.
 *
 *     coil: stall: task reader (2) holds up the loop, for 103 ms so far, in a system call; created
 *     at shop.c:31 in amain
 *         at clock_nanosleep
 *         at sleep
 *         at read_slowly, shop.c:12
 *
 * In debug mode (COIL_DEBUG=1) coil_run has one by itself, with a limit of 100 ms; without it one
 * is asked for, by the options of coil_run or by coil_loop_set_stall_limit.
 *
 * What it costs: nothing in the thread of the loop, which does not know of it: the watchdog reads
 * what the loop keeps anyway. It wakes five times within the limit, but at most a thousand times a
 * second and at least every 20 ms, also while the loop sleeps. A report is made at most a fifth of
 * the limit (20 ms) and the time to look at the stack after the limit was passed, never before it.
 * Where there are no symbols yet, the program's debug information is read first, once, which may
 * take another 100 ms: the sentence is written to stderr before that; for a handler it begins when
 * a step is met for the second time.
 *
 * How it looks at the stack: of a step that is in a system call the kernel says where it stands
 * (/proc/self/task/ID/syscall), and the call does not notice. A step that computes gets a signal,
 * whose handler notes the stack (the highest real-time signal whose disposition is the default; the
 * handler is installed when it is first needed). If it enters a system call in the very microsecond
 * in between, calls that the kernel does not restart after a handler (nanosleep, poll) return
 * EINTR; all others go on. Without /proc there are no stacks.
 *
 * Time is real time, also under the simulated backend. Time in which the whole process stood still
 * (SIGSTOP, a debugger) does not count.
 *
 * asyncio's counterpart: slow_callback_duration, which is told only after the end.
 */
#ifndef COIL_WATCHDOG_H
#define COIL_WATCHDOG_H

#include <coil/base.h>

struct coil_loop;

/* A step that takes long, as it is reported. Valid during the call only. */
struct coil_stall {
    const char *text;             /* the report: lines, the last one without a newline */
    const char *task_name;        /* "task-N" if it was given none; NULL: it is a callback */
    uint64_t task_id;             /* 0: a callback */
    const struct coil_site *site; /* where the task was created, or NULL: not known */
    int64_t span_ns;              /* how long it has run, give or take a look; at the end in all */
    unsigned number;              /* of the reports about this step: from 1 */
    bool has_ended;               /* it is over: the last report. Then there are no frames */
    bool is_in_syscall;           /* it is in the kernel, waiting; false: it computes, or unknown */
    /* Where it is, innermost first, as in coil_task_info (coil/inspect.h); 0: not to be had. */
    const void *const *frames;
    size_t frame_count;
};

/* Told of stalls. Runs in the watchdog's thread, while the loop is stuck: it must not use the loop
 * nor wait for it, and should not take a lock that the stuck task may hold. */
typedef void (*coil_stall_handler)(const struct coil_stall *stall, void *user);

COIL_BEGIN_DECLS

/* Starts the loop's watchdog, or changes its limit. limit_ns: how long a step may take, at least a
 * millisecond; COIL_NEVER: no watchdog (waits until its thread has ended). It watches whenever the
 * loop runs, until the loop is freed. 0; -EINVAL (NULL, less than a millisecond), -ENOMEM, -EAGAIN
 * (no thread to be had), -COIL_EWRONGTHREAD. asyncio: slow_callback_duration. */
COIL_EXPORT int coil_loop_set_stall_limit(struct coil_loop *loop, int64_t limit_ns);

/* The limit; COIL_NEVER where there is no watchdog, and for NULL. */
COIL_EXPORT int64_t coil_loop_stall_limit(const struct coil_loop *loop);

/* Where reports of stalls go. handler NULL: back to the default, which writes the text to stderr.
 * On return the former handler does not run any more. 0; -EINVAL (NULL), -COIL_EINVALIDSTATE: there
 * is no watchdog; -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_loop_set_stall_handler(struct coil_loop *loop, coil_stall_handler handler,
                                            void *user);

COIL_END_DECLS

#endif
