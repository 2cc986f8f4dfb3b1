/* coil/lock.h - one task at a time.
 *
 *     static struct coil_lock lock;            // all-zero: free
 *
 *     coil_with_lock (&lock) {                 // waits for it; free again when the block is left
 *         coil_stream_write(stream, a, a_size);
 *         coil_stream_write(stream, b, b_size);
 *     }
 *
 * Tasks of one loop do not run at the same time, so a lock is needed only where a stretch that
 * suspends must not be entered twice. Who came first gets it first: a lock that is released goes
 * straight to the task that waits longest, so nobody can snatch it in between. It is not
 * recursive. It belongs to the loop of its first wait.
 *
 * asyncio's counterpart: Lock.
 */
#ifndef COIL_LOCK_H
#define COIL_LOCK_H

#include <coil/base.h>

struct coil_loop;
struct coil_task;

/* Embedded; all-zero is a valid lock that is free. Must neither move nor go away while a task waits
 * for it; needs no deinit. */
struct coil_lock {
    struct coil__list waiters_; /* in the order in which they came */
    struct coil_loop *loop_;    /* of the first use; NULL before it */
    struct coil_task *holder_;  /* for reports; NULL when it was taken by a callback */
    bool is_locked_;
};

COIL_BEGIN_DECLS

/* Takes the lock; waits while another task has it. 0; -EDEADLK when the caller has it already,
 * -EINVAL (NULL), -COIL_EWRONGTHREAD, -COIL_ENOTASK; the reason of a cancel, and then the caller
 * does not have the lock. A lock that was granted before the cancel came is kept: 0. */
COIL_EXPORT COIL_SUSPENDS int coil_lock_acquire(struct coil_lock *lock);

/* Takes it if it is free: 0, or -EAGAIN. Also from callbacks. Errors as acquire. */
COIL_EXPORT int coil_lock_try_acquire(struct coil_lock *lock);

/* Gives it to whoever waits longest, or frees it. Any task or callback of the loop may do this, not
 * only the holder. 0; -COIL_EINVALIDSTATE when it was free, -EINVAL (NULL), -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_lock_release(struct coil_lock *lock);

/* True while somebody has it. */
COIL_EXPORT bool coil_lock_is_locked(const struct coil_lock *lock);

/* Internal: the halves of coil_with_lock. */
COIL_EXPORT struct coil_lock *coil_lock_enter_(struct coil_lock *lock);
COIL_EXPORT void coil_lock_leave_(struct coil_lock **lock);

COIL_END_DECLS

/* `coil_with_lock (&lock) { ... }`: the block with the lock held; break, return and goto give it
 * back too. Where the lock is not to be had (cancelled, no task) the block is skipped. */
#define coil_with_lock(lock)                                                                       \
    for (struct coil_lock *                                                                        \
             COIL__UNIQUE(coil_lock_)                                                              \
                 __attribute__((cleanup(coil_lock_leave_))) = coil_lock_enter_(lock),              \
                 *COIL__UNIQUE(coil_once_) = COIL__UNIQUE(coil_lock_);                             \
         COIL__UNIQUE(coil_once_); COIL__UNIQUE(coil_once_) = NULL)

#endif
