/* coil/thread.h - between threads: blocking work out of the loop, and tasks into it.
 *
 * coil_to_thread runs what blocks in a thread, so that the other tasks go on. In the opposite
 * direction a thread of the program's runs a task in the loop and waits for its result:
 *
 *     static void *worker(void *loop)
 *     {
 *         int rc = coil_run_threadsafe(loop, query, "select 1");    // blocks this thread
 *         ...
 *
 * asyncio's counterparts: to_thread, run_in_executor, run_coroutine_threadsafe. See also
 * coil_call_soon_threadsafe (coil/loop.h).
 */
#ifndef COIL_THREAD_H
#define COIL_THREAD_H

#include <coil/base.h>
#include <coil/task.h>

#include <pthread.h>

struct coil_loop;

/* A task that another thread has asked a loop to run. Embedded by that thread, on its stack say;
 * all-zero is idle. Must neither move nor go away from start until wait has returned something
 * else than -ETIMEDOUT; then it is idle again and may be used anew. */
struct coil_thread_call {
    struct coil__ready start_;  /* the way into the loop */
    struct coil__ready cancel_; /* the same, for a cancel */
    struct coil__owner owner_;  /* told when the task has ended */
    struct coil_loop *loop_;    /* valid until the task has ended */
    struct coil_task *task_;    /* the loop's thread only; NULL before and after */
    coil_task_fn fn_;
    void *arg_;
    const struct coil_site *site_;
    const struct coil_site *cancel_site_;
    pthread_mutex_t lock_; /* valid, with what follows, while not idle */
    pthread_cond_t changed_;
    int rc_;      /* the result, once has_ended_ */
    int process_; /* that started it: in the child of a fork it is not the child's */
    bool is_started_;
    bool has_ended_;
    bool is_cancelled_;  /* was asked to end */
    bool is_cancelling_; /* cancel_ is on its way */
};

COIL_BEGIN_DECLS

/* Runs fn(arg) in a thread of the loop's pool, and waits for it. fn: runs outside of any loop
 * (calls that need one answer -COIL_ENOLOOP there, coil_run works), with all signals blocked, on a
 * stack of 256 KiB, and sees no task-local values; it should return >= 0 or a negative error. arg:
 * not copied; may stand on the caller's stack. The pool has at most max_threads threads
 * (struct coil_loop_options); calls beyond that wait in order. Returns what fn returned.
 * -EAGAIN, -ENOMEM: no thread is to be had; -EINVAL (fn NULL), -COIL_ENOTASK.
 * Cancel: if no thread has begun, none will, and the reason is returned at once. Else fn cannot be
 * stopped: it is waited for, its result returned, and the next suspending call fails. */
COIL_EXPORT COIL_SUSPENDS int coil_to_thread(int (*fn)(void *arg), void *arg);

/* Asks the loop to run fn(arg) as a task. Any thread. loop: must not be freed before this has
 * returned. call: idle; see above. fn runs in the loop's thread, so arg must stay valid until the
 * call has ended. 0; -EINVAL (NULL, not idle), -ENOMEM, -EAGAIN; -COIL_EFORKED in the child of a
 * fork that any thread made. */
COIL_EXPORT int coil_thread_call_start_at(const struct coil_site *site, struct coil_loop *loop,
                                          struct coil_thread_call *call, coil_task_fn fn,
                                          void *arg);
#define coil_thread_call_start(loop, call, fn, arg)                                                \
    coil_thread_call_start_at(COIL_HERE, (loop), (call), (fn), (arg))

/* Blocks the calling thread until the task has ended, at most timeout_ns of real time (COIL_NEVER:
 * no limit; <= 0: only asks). Any thread but the loop's; one thread at a time. Returns what fn
 * returned, and then the call is idle. Errors of its own:
 * -ETIMEDOUT: not yet; the call goes on and must be waited for again. (fn too may return that: in
 * doubt ask coil_thread_call_is_pending.)
 * -ECANCELED: the task was cancelled, by coil_thread_call_cancel or by the loop's end.
 * -COIL_ECLOSED: the loop was freed before the task could begin. -ENOMEM: there was no memory for
 * the task. -EDEADLK: called in the loop's own thread, for which it would wait for ever.
 * -COIL_EFORKED: in the child of a fork, for what the parent has started.
 * -EINVAL (NULL), -COIL_EINVALIDSTATE (idle). */
COIL_EXPORT int coil_thread_call_wait(struct coil_thread_call *call, int64_t timeout_ns);

/* Asks the task to end, as coil_cancel does. Any thread; the result still comes from wait. 1; 0
 * when it had already ended; -EINVAL, -COIL_EINVALIDSTATE (idle), -COIL_EFORKED. */
COIL_EXPORT int coil_thread_call_cancel_at(const struct coil_site *site,
                                           struct coil_thread_call *call);
#define coil_thread_call_cancel(call) coil_thread_call_cancel_at(COIL_HERE, (call))

/* True from start until wait has returned the result. The thread that waits. */
COIL_EXPORT bool coil_thread_call_is_pending(const struct coil_thread_call *call);

/* Start and wait without a limit: runs fn(arg) as a task of the loop and returns its result.
 * Blocks; any thread but the loop's. Errors as those two. */
COIL_EXPORT int coil_run_threadsafe_at(const struct coil_site *site, struct coil_loop *loop,
                                       coil_task_fn fn, void *arg);
#define coil_run_threadsafe(loop, fn, arg) coil_run_threadsafe_at(COIL_HERE, (loop), (fn), (arg))

COIL_END_DECLS

#endif
