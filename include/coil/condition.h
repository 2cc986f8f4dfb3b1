/* coil/condition.h - waiting until something that a lock protects has become true.
 *
 *     struct coil_lock lock = {0};
 *     struct coil_condition changed;
 *     coil_condition_init(&changed, &lock);
 *
 *     coil_with_lock (&lock) {                 // in one task
 *         while (stock == 0) {
 *             coil_condition_wait(&changed);   // gives the lock back meanwhile
 *         }
 *         stock--;
 *     }
 *     coil_with_lock (&lock) {                 // in another
 *         stock++;
 *         coil_condition_notify(&changed, 1);
 *     }
 *
 * asyncio's counterpart: Condition.
 */
#ifndef COIL_CONDITION_H
#define COIL_CONDITION_H

#include <coil/base.h>
#include <coil/lock.h>

/* Embedded; all-zero is not usable. Must neither move nor go away while a task waits for it; needs
 * no deinit. */
struct coil_condition {
    struct coil__list waiters_; /* in the order in which they came */
    struct coil_lock *lock_;    /* not owned */
};

COIL_BEGIN_DECLS

/* lock: not owned, must stay as long as the condition; several conditions may share one. Any
 * thread. 0, -EINVAL (NULL). */
COIL_EXPORT int coil_condition_init(struct coil_condition *condition, struct coil_lock *lock);

/* Gives the lock back, waits to be notified, and takes the lock again. The caller must have the
 * lock, and has it again on return, whatever is returned, also after a cancel: that is delivered
 * once the lock is there. 0; the reason of a cancel (a notification that came first is returned as
 * 0 instead, so none is lost); -COIL_EINVALIDSTATE (the lock is free), -EINVAL (NULL),
 * -COIL_EWRONGTHREAD, -COIL_ENOTASK. */
COIL_EXPORT COIL_SUSPENDS int coil_condition_wait(struct coil_condition *condition);

/* Waits until predicate(user) is true; it is asked with the lock held, first of all at once. 0, or
 * what coil_condition_wait returns. */
COIL_EXPORT COIL_SUSPENDS int coil_condition_wait_for(struct coil_condition *condition,
                                                      bool (*predicate)(void *user), void *user);

/* Wakes count of those that wait, or all: they take the lock one after another once it is free. The
 * lock must be held. 0; -COIL_EINVALIDSTATE (the lock is free), -EINVAL (NULL),
 * -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_condition_notify(struct coil_condition *condition, size_t count);
COIL_EXPORT int coil_condition_notify_all(struct coil_condition *condition);

COIL_END_DECLS

#endif
