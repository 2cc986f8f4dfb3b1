/* coil/task.h - tasks: functions that wait in plain C while other tasks run.
 *
 * A task is `int fn(void *arg)`: it returns >= 0, or a negative error. Results travel through
 * arg. It runs on a stack of its own, in the thread of its loop, and gives way only in functions
 * marked COIL_SUSPENDS. Its first step runs in the next iteration.
 *
 * A task handle is owned by whoever created it until it is awaited, gathered, detached or given
 * to a group: exactly one of these. Afterwards it may still be looked at or cancelled as long as
 * the task lives; any other use, or any use after that, answers -COIL_ESTALE. Once the loop has
 * ended, it is -COIL_EWRONGTHREAD (outside of tasks, from a call that needs one, -COIL_ENOLOOP or
 * -COIL_ENOTASK), as for every handle of a loop that this thread has not. A handle is not an
 * address that can be dereferenced.
 *
 * Cancellation is level-triggered: once a task (or a scope, coil/scope.h) is cancelled, every
 * suspending call in it fails at once with -ECANCELED until it ends or coil_uncancel takes the
 * request back. What was finished before the cancel reached it returns its result: completed wins.
 *
 * asyncio's counterparts: create_task, Task, current_task, all_tasks, sleep, eager_task_factory.
 */
#ifndef COIL_TASK_H
#define COIL_TASK_H

#include <coil/base.h>

struct coil_loop;
struct coil_task;

typedef int (*coil_task_fn)(void *arg);

/* How a task is made. All-zero is the default of everything. */
struct coil_task_options {
    const char *name;  /* copied, cut at 31 bytes; NULL: "task-N" */
    size_t stack_size; /* bytes, rounded up to a power of two; 0: the loop's default */
    size_t copy_size;  /* this many bytes at arg are copied onto the task's own stack, and fn
                              gets the copy; at most a quarter of the stack; 0: arg is passed */
    bool eager;        /* runs at once, until it first waits; may be done on return */
    const struct coil_site *site; /* where it is created: COIL_HERE; NULL: unknown */
};

COIL_BEGIN_DECLS

/* Starts fn(arg) as a task of the running loop; callable from tasks and callbacks. options: may be
 * NULL. Returns a handle that the caller owns; NULL only when out of memory (or, as misuse,
 * outside a loop, or with a size out of range): awaiting NULL returns -ENOMEM, so the check
 * can wait until then. */
COIL_EXPORT struct coil_task *coil_task_create(const struct coil_task_options *options,
                                               coil_task_fn fn, void *arg);

/* The same with the place of creation recorded and nothing else set. */
COIL_EXPORT struct coil_task *coil_create_task_at(const struct coil_site *site, coil_task_fn fn,
                                                  void *arg);
#define coil_create_task(fn, arg) coil_create_task_at(COIL_HERE, (fn), (arg))

/* As coil_create_task; the task gets a copy of the size bytes at arg, so that a loop can start
 * tasks with arguments of their own and no malloc. */
COIL_EXPORT struct coil_task *coil_create_task_copy_at(const struct coil_site *site,
                                                       coil_task_fn fn, const void *arg,
                                                       size_t size);
#define coil_create_task_copy(fn, arg, size)                                                       \
    coil_create_task_copy_at(COIL_HERE, (fn), (arg), (size))

/* Waits until the task has ended, and returns what its function returned. Consumes the handle,
 * also on failure; while one await waits, others may join it, and all get the same result.
 * Errors of its own: -ENOMEM (NULL), -COIL_ESTALE (already consumed), -EDEADLK (awaits itself, or a
 * task that awaits, by way of others perhaps, the caller; not consumed), -COIL_ENOTASK.
 * Cancel: the awaited task is cancelled too and waited for; if it ends by that, the reason of the
 * cancel (-ECANCELED, -ETIMEDOUT) is returned, else its own result. If others await it as well, it
 * is left to them and the reason returned at once. */
COIL_EXPORT COIL_SUSPENDS int coil_await(struct coil_task *task);

/* As coil_await, but a cancel of the caller leaves the task running (it is detached) and returns
 * at once. asyncio: await shield(task). */
COIL_EXPORT COIL_SUSPENDS int coil_await_shielded(struct coil_task *task);

/* Gives the task up: it runs on its own until it ends or the loop does; an error it returns goes
 * to the loop's error handler. Consumes the handle. 0, -COIL_ESTALE, -ENOMEM (NULL). */
COIL_EXPORT int coil_detach(struct coil_task *task);

/* Asks a task to end. reason: a sentence of static storage, or NULL; kept with the place of the
 * call. A task that has not started never will, and ends with -ECANCELED. Does not wait.
 * 1; 0 when the task had already ended; -COIL_ESTALE, -COIL_EWRONGTHREAD, -ENOMEM (NULL). */
COIL_EXPORT int coil_cancel_at(const struct coil_site *site, struct coil_task *task,
                               const char *reason);
#define coil_cancel(task) coil_cancel_at(COIL_HERE, (task), NULL)
#define coil_cancel_because(task, reason) coil_cancel_at(COIL_HERE, (task), (reason))

/* Takes one request back. Returns the number of those left; at 0 the task goes on as if it had
 * never been cancelled. Errors as coil_cancel. */
COIL_EXPORT int coil_uncancel(struct coil_task *task);

/* The number of cancel requests that were made and not taken back. Errors as coil_cancel. */
COIL_EXPORT int coil_cancelling(struct coil_task *task);

/* True when the task has ended, or the handle is stale. */
COIL_EXPORT bool coil_task_is_done(struct coil_task *task);

/* What an ended task returned, without consuming the handle; -COIL_EINVALIDSTATE while it runs. */
COIL_EXPORT int coil_task_result(struct coil_task *task);

/* The task that calls; NULL outside of tasks. */
COIL_EXPORT struct coil_task *coil_current_task(void);

/* The handles of all tasks that have not ended, oldest first: stores at most max, and returns how
 * many there are. Outside a loop: -COIL_ENOLOOP. */
COIL_EXPORT ssize_t coil_all_tasks(struct coil_task **ret_tasks, size_t max);

/* The task's name; valid until it changes or the task is freed. "" for a stale handle. */
COIL_EXPORT const char *coil_task_name(struct coil_task *task);

/* Copied, cut at 31 bytes. 0, -EINVAL (name NULL), -COIL_ESTALE. */
COIL_EXPORT int coil_task_set_name(struct coil_task *task, const char *name);

/* Where the task was created; NULL when unknown. */
COIL_EXPORT const struct coil_site *coil_task_site(struct coil_task *task);

/* Lets a span of time pass, or waits for a point in time. A span <= 0 lets everybody else who is
 * ready run once (coil_yield). 0; -ENOMEM; the reason of a cancel, at once. */
COIL_EXPORT COIL_SUSPENDS int coil_sleep(int64_t span_ns);
COIL_EXPORT COIL_SUSPENDS int coil_sleep_until(int64_t when);
COIL_EXPORT COIL_SUSPENDS int coil_yield(void);

COIL_END_DECLS

#endif
