/* coil/gather.h - waiting for several tasks, for one of several, or for one but not too long.
 *
 * asyncio's counterparts: gather, wait, wait_for, as_completed, staggered_race.
 */
#ifndef COIL_GATHER_H
#define COIL_GATHER_H

#include <coil/base.h>
#include <coil/task.h>

enum coil_wait_until {
    COIL_ALL_COMPLETED,
    COIL_FIRST_COMPLETED,
    COIL_FIRST_ERROR, /* the first that fails; a cancelled one does not count; else all */
};

COIL_BEGIN_DECLS

/* Waits for all tasks, at once. tasks: count handles, all consumed, also on failure; the same one
 * may stand there twice; NULL counts as one that ended with -ENOMEM. count 0 returns 0, one above
 * INT_MAX -EINVAL.
 * ret_results NULL: 0 when all ended well, else the first error as soon as it happens; the others
 * run on, detached, and their errors are not reported. ret_results: room for count results, in the
 * order of tasks; waits for all of them and returns 0.
 * Cancel: all are cancelled and waited for; then the reason of the cancel is returned. */
COIL_EXPORT COIL_SUSPENDS int coil_gather(struct coil_task *const *tasks, size_t count,
                                          int *ret_results);

/* Waits until some of the tasks are done, for at most timeout_ns (COIL_NEVER: no limit). Consumes
 * nothing and cancels nothing: ask coil_task_is_done afterwards. Returns how many are done, also
 * after the time has passed; -EINVAL for count 0, -COIL_ESTALE, -ENOMEM; the reason of a cancel. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_wait(struct coil_task *const *tasks, size_t count,
                                            enum coil_wait_until until, int64_t timeout_ns);

/* As coil_await, but cancels the task after timeout_ns, waits until it has ended, and returns
 * -ETIMEDOUT - unless it ended with a result or another error meanwhile, which is then returned.
 * timeout_ns <= 0: a task that has not started never will. */
COIL_EXPORT COIL_SUSPENDS int coil_wait_for(struct coil_task *task, int64_t timeout_ns);

/* Tasks in the order in which they end. Embedded; all-zero is valid and empty. */
struct coil_as_completed {
    struct coil_as_completed_slot_ *slots_;
    size_t count_;
    size_t left_;            /* not yet returned by next */
    struct coil__list done_; /* of slots: ended, not yet returned */
    struct coil_task *waiting_;
};

/* Begins. tasks: count handles; next consumes each as it returns it; NULL counts as one that ended
 * with -ENOMEM. completed: what it holds is overwritten. 0; -ENOMEM, -COIL_ESTALE, -EDEADLK (the
 * caller is among them), -COIL_EWRONGTHREAD, and then nothing was begun. */
COIL_EXPORT int coil_as_completed_open(struct coil_as_completed *completed,
                                       struct coil_task *const *tasks, size_t count);

/* Waits for the next one to end. Returns its index in tasks; ret_result: what it returned.
 * -ENODATA when all have been returned, or it was closed; -COIL_ECONCURRENT when another task waits
 * for the next; the reason of a cancel, and then nothing is lost. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_as_completed_next(struct coil_as_completed *completed,
                                                         int *ret_result);

/* Ends; tasks not returned by next are still the caller's. Twice, or of all-zero: does nothing. */
COIL_EXPORT void coil_as_completed_close(struct coil_as_completed *completed);

/* Runs fn on each of count items (item_size bytes apart, from items on), each in a task of its own,
 * started in order, at most limit at once, and waits for all. The first failure cancels the rest
 * and is returned; else 0. -EINVAL (fn NULL, limit or item_size 0), -ENOMEM. Cancel: all are
 * cancelled and waited for. */
COIL_EXPORT COIL_SUSPENDS int coil_map(coil_task_fn fn, void *items, size_t count, size_t item_size,
                                       size_t limit);

/* Starts fn on one item after the other, the next when the one before fails or after delay_ns;
 * the first to return >= 0 wins, the rest are cancelled and waited for. Returns what the winner
 * returned; ret_winner (may be NULL): its index. If all fail: what the first item failed with.
 * delay_ns COIL_NEVER: only a failure starts the next. -EINVAL (fn NULL, count or item_size 0).
 * Others may have come to a good end just after the winner: what they hold is seen in their items.
 * Cancel: all are cancelled and waited for. Other than in coil_map the items are alternatives:
 * Happy Eyeballs is made of this. */
COIL_EXPORT COIL_SUSPENDS int coil_staggered_race(coil_task_fn fn, void *items, size_t count,
                                                  size_t item_size, int64_t delay_ns,
                                                  size_t *ret_winner);

COIL_END_DECLS

#endif
