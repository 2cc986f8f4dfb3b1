/* coil/run.h - from main() into the first task and back.
 *
 * asyncio's counterparts: asyncio.run, Runner, run_until_complete.
 */
#ifndef COIL_RUN_H
#define COIL_RUN_H

#include <coil/base.h>
#include <coil/loop.h>
#include <coil/task.h>
#include <coil/watchdog.h>

/* All-zero is the default of everything. */
struct coil_run_options {
    struct coil_loop_options loop;
    size_t main_stack_size; /* of the first task; 0: 256 KiB */
    bool ignore_sigint;     /* leave SIGINT alone */
    bool report_overflow;   /* explain a stack overflow (coil/stack.h); in debug mode always */
    /* Has stalls reported (coil/watchdog.h), after this time. 0: in debug mode 100 ms, else not at
     * all; COIL_NEVER: in debug mode neither. Without a thread for it: -EAGAIN. */
    int64_t stall_limit_ns;
    coil_stall_handler stall_handler; /* NULL: to stderr */
    void *stall_user;
};

COIL_BEGIN_DECLS

/* Runs fn(arg) as the first task of a new loop, until it has ended; then cancels all tasks that
 * are left, waits for them, reports their errors to the error handler, and frees the loop. No
 * task outlives it. Returns what fn returned.
 * SIGINT, where its disposition is the default, cancels the first task (if that ends by it, and
 * nobody else has cancelled it, -EINTR is returned); a second one ends the process.
 *
 * Deadlock: when every task waits and nothing can wake any of them, the error handler gets a report
 * (each task and what it waits for, who holds the lock, the cycle if there is one), all tasks are
 * cancelled, shielded ones too, and -EDEADLK is returned, whatever fn returned. "Nothing" is: no
 * timer, no operation or watch, no job in a thread, no child process, no watched signal, no wait in
 * a queue between threads, no wait hooks, and nobody who could call the loop from outside. The last
 * holds if the program has never asked for the loop's address (coil_loop_current, coil_run_in);
 * else only while the process has never had another thread and has no signal handler of its own.
 * SIGINT does not count. A sleep until COIL_NEVER does: it is a wait for a cancel, on purpose.
 * Errors of its own: -COIL_ENESTED (inside a running loop), -EDEADLK, those of coil_loop_new. */
COIL_EXPORT int coil_run(coil_task_fn fn, void *arg);

/* The same with options; NULL: none. */
COIL_EXPORT int coil_run_with(const struct coil_run_options *options, coil_task_fn fn, void *arg);

/* The same on a loop of the caller's, which stays usable: Runner. If the loop is stopped before fn
 * has ended: -COIL_ESTOPPED, and all tasks are cancelled and awaited. options->loop is ignored. */
COIL_EXPORT int coil_run_in(struct coil_loop *loop, const struct coil_run_options *options,
                            coil_task_fn fn, void *arg);

COIL_END_DECLS

#endif
