/* coil/loop.h - the event loop: callbacks, timers, embedding. The second front door; programs made
 * of tasks need only coil_run (coil/run.h).
 *
 * A loop belongs to the thread that first uses it: runs it, or calls anything that is not marked
 * "any thread". So one thread may make a loop for another. Only the calls marked "any thread" may
 * come from elsewhere then; others answer -COIL_EWRONGTHREAD. There is no process-wide state: a
 * process may have many loops. A loop installs no signal handler, reaps no children and starts no
 * thread by itself.
 *
 * One iteration (ASYNCIO-SEMANTICS A1): what was written since the last one goes out; the loop
 * waits for I/O, not at all if something is ready; completions are delivered, then due timers;
 * then exactly what was ready at that point runs. What that makes ready runs in the next
 * iteration, so nobody can keep I/O and timers from being served. Where iterations take less than
 * microseconds the kernel is asked only in every few of them (never under the simulated backend).
 *
 * asyncio's counterparts: AbstractEventLoop, Handle, TimerHandle.
 */
#ifndef COIL_LOOP_H
#define COIL_LOOP_H

#include <coil/base.h>

struct coil_loop;
struct coil_task;

/* Debug mode: where tasks and open things are created is noted, ten calls deep. The error handler
 * is told of misuse; of tasks that were never awaited, detached or given away; and, when the loop
 * ends, of what is still open and of errors in futures that nobody has read. Off, it costs nothing.
 * On, a switch between tasks takes less than twice as long, and what is created some microseconds
 * more. asyncio: set_debug. */

/* What a loop is made with. All-zero is the default of everything. */
struct coil_loop_options {
    const char *backend;  /* "uring", "epoll", "sim"; NULL: COIL_BACKEND, else the best there is */
    size_t stack_size;    /* of a task, guard included; 0: 64 KiB; rounded up to a power of two */
    uint64_t seed;        /* simulated backend: order of tasks; 0: COIL_SEED, else none */
    unsigned max_threads; /* of the pool for blocking work; 0: min(32, cores + 4) */
    unsigned max_resolvers; /* threads for name resolution; 0: 4 */
    unsigned max_processes; /* workers of coil/process_pool.h; 0: as many as cores */
    bool debug;             /* debug mode; also by COIL_DEBUG=1 */
    bool measure_stacks;    /* keep high-water marks (coil/stack.h); also by COIL_DEBUG=stacks */
    bool no_guard_regions;  /* guard stacks by mprotect even where the kernel has better */
    bool metrics;           /* take the times of coil/metrics.h; also by COIL_METRICS=1 */
};

/* What went wrong where nobody was there to be told: an error of a task nobody awaits, of an
 * accept that is repeated, of a callback; in debug mode what was misused or forgotten. Valid during
 * the call only. */
struct coil_report {
    const char *message; /* a sentence, without a full stop; details are further lines, indented */
    int error;           /* negative, or 0 */
    const char *task_name;          /* or NULL */
    const struct coil_site *site;   /* where the task, or what is open, was created; or NULL */
    const struct coil_site *origin; /* where the cancel came from, or NULL */
};

typedef void (*coil_error_handler)(const struct coil_report *report, void *user);
typedef void (*coil_callback)(void *user);

/* A callback to be called once: soon, at a point in time, or from another thread. Embedded by its
 * owner, all-zero is idle; must neither move nor go away while it is pending. */
struct coil_handle {
    struct coil__ready ready_;
    struct coil__timer timer_;
    struct coil__list link_; /* in a list of what it waits for */
    struct coil_loop *loop_; /* while pending */
    coil_callback callback_;
    void *user_;
    uint8_t state_;
};

COIL_BEGIN_DECLS

/* Makes a loop, for the thread that will use it first. options: may be NULL; not kept. ret_loop:
 * owned by the caller, who frees it. -COIL_EBACKEND (unknown or forbidden), -ENOMEM, -EINVAL,
 * -EMFILE. Any thread. */
COIL_EXPORT int coil_loop_new(const struct coil_loop_options *options, struct coil_loop **ret_loop);

/* Frees a loop that does not run: cancels its tasks and runs it until they have ended, drops
 * handles and timers without calling them, waits for its threads. NULL: does nothing.
 * -COIL_EINVALIDSTATE when it is running, -COIL_EWRONGTHREAD. -COIL_ENESTED: while another loop
 * runs in this thread, if it has had tasks or streams or still has operations; nothing was freed,
 * and it is to be called again when that has ended. */
COIL_EXPORT int coil_loop_free(struct coil_loop *loop);

/* The loop that runs in this thread; NULL when none does. */
COIL_EXPORT struct coil_loop *coil_loop_current(void);

/* Runs until coil_loop_stop. 0, or an error of the backend; -COIL_ENESTED inside a running loop. */
COIL_EXPORT int coil_loop_run(struct coil_loop *loop);

/* One iteration that waits at most max_wait_ns (0: not at all; COIL_NEVER: until there is
 * something). Returns as coil_loop_run. */
COIL_EXPORT int coil_loop_run_once(struct coil_loop *loop, int64_t max_wait_ns);

/* Lets the current iteration finish, then coil_loop_run returns; if it is not running, the next
 * run does one iteration. 0, -EINVAL. */
COIL_EXPORT int coil_loop_stop(struct coil_loop *loop);

/* For embedding: a descriptor that polls readable when run_once(0) has something to do. Timers
 * do not show there: wait no longer than until coil_loop_next_deadline. Call run_once(0) once
 * before each wait, so that what was submitted goes out. Always the same one; to be asked for
 * before anything waits for I/O, or else -COIL_EINVALIDSTATE. -ENOTSUP for the simulated backend;
 * -EMFILE, -ENOMEM. */
COIL_EXPORT int coil_loop_get_fd(struct coil_loop *loop);

/* The point in time until which the loop has nothing to do by itself: 0 when something is ready,
 * COIL_NEVER when there is no timer. */
COIL_EXPORT int64_t coil_loop_next_deadline(struct coil_loop *loop);

/* Hooks just before and just after a wait that may block; either may be NULL. 0, -EINVAL. */
COIL_EXPORT int coil_loop_set_wait_hooks(struct coil_loop *loop, coil_callback before,
                                         coil_callback after, void *user);

/* Makes the loop's wait, or its next one, return. Any thread; also from a signal handler. 0,
 * -EINVAL, -COIL_EFORKED. */
COIL_EXPORT int coil_loop_wake(struct coil_loop *loop);

/* The loop's clock (virtual under "sim"); without a running loop coil_now is the system's. */
COIL_EXPORT int64_t coil_loop_now(const struct coil_loop *loop);
COIL_EXPORT int64_t coil_now(void);

/* "uring", "epoll" or "sim": what the loop really uses. NULL for NULL. Any thread. */
COIL_EXPORT const char *coil_loop_backend(const struct coil_loop *loop);

/* Where reports go. handler NULL: back to the default, which writes a line to stderr. A report
 * made while the handler runs goes to the default. 0, -EINVAL. asyncio: set_exception_handler. */
COIL_EXPORT int coil_loop_set_error_handler(struct coil_loop *loop, coil_error_handler handler,
                                            void *user);

/* In the child of a fork, for a loop of the parent's: gives up its memory and its copies of the
 * descriptors without touching what the parent has. The child then makes a loop of its own. */
COIL_EXPORT int coil_loop_free_after_fork(struct coil_loop *loop);

/* Calls callback(user) in the next iteration, in order. 0; -EINVAL (NULL, already pending),
 * -COIL_EWRONGTHREAD. asyncio: call_soon. */
COIL_EXPORT int coil_call_soon(struct coil_loop *loop, struct coil_handle *handle,
                               coil_callback callback, void *user);

/* Calls callback(user) in the first iteration after a span or at a point in time; equal times in
 * the order of the calls. Also -ENOMEM. asyncio: call_later, call_at. */
COIL_EXPORT int coil_call_later(struct coil_loop *loop, struct coil_handle *handle,
                                int64_t delay_ns, coil_callback callback, void *user);
COIL_EXPORT int coil_call_at(struct coil_loop *loop, struct coil_handle *handle, int64_t when,
                             coil_callback callback, void *user);

/* As call_soon, from any thread; wakes the loop. The handle must be idle and stay until it was
 * called; the loop must not be freed before this call has returned. Needs no memory: fails only by
 * misuse, and with -COIL_EFORKED in the child of a fork. asyncio: call_soon_threadsafe. */
COIL_EXPORT int coil_call_soon_threadsafe(struct coil_loop *loop, struct coil_handle *handle,
                                          coil_callback callback, void *user);

/* The callback will not be called, and the handle is idle again. True if it was pending. A handle
 * that another thread has just handed over cannot be cancelled before the loop took it: false. */
COIL_EXPORT bool coil_handle_cancel(struct coil_handle *handle);

/* True until the callback is entered or the handle cancelled. */
COIL_EXPORT bool coil_handle_is_pending(const struct coil_handle *handle);

/* When a call_later or call_at is due; 0 for others. */
COIL_EXPORT int64_t coil_handle_when(const struct coil_handle *handle);

COIL_END_DECLS

#endif
