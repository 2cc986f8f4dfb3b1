/* coil/semaphore.h - at most n at a time.
 *
 *     struct coil_semaphore slots;
 *     coil_semaphore_init(&slots, 10);
 *
 *     coil_semaphore_acquire(&slots);          // waits while ten others are inside
 *     fetch(url);
 *     coil_semaphore_release(&slots);
 *
 * Who came first gets a permit first; one that is released goes straight to the task that waits
 * longest. A semaphore belongs to the loop of its first wait.
 *
 * asyncio's counterparts: Semaphore, BoundedSemaphore.
 */
#ifndef COIL_SEMAPHORE_H
#define COIL_SEMAPHORE_H

#include <coil/base.h>

struct coil_loop;

/* Embedded; all-zero has no permits. Must neither move nor go away while a task waits for it; needs
 * no deinit. */
struct coil_semaphore {
    struct coil__list waiters_; /* in the order in which they came; empty while permits_ > 0 */
    struct coil_loop *loop_;    /* of the first use; NULL before it */
    size_t permits_;
    size_t max_; /* release fails above; SIZE_MAX: never */
};

COIL_BEGIN_DECLS

/* permits: how many can be acquired before somebody waits. Any thread; no loop needed. 0, -EINVAL
 * (NULL). Of the bounded one no more than `permits` can ever be free: a release too many, which is
 * a mistake of the program, is an error there. */
COIL_EXPORT int coil_semaphore_init(struct coil_semaphore *semaphore, size_t permits);
COIL_EXPORT int coil_bounded_semaphore_init(struct coil_semaphore *semaphore, size_t permits);

/* Takes a permit; waits while there is none. 0; -EINVAL (NULL), -COIL_EWRONGTHREAD, -COIL_ENOTASK;
 * the reason of a cancel, and then no permit was taken. One that was granted before the cancel
 * came is kept: 0. */
COIL_EXPORT COIL_SUSPENDS int coil_semaphore_acquire(struct coil_semaphore *semaphore);

/* Takes one if there is one: 0, or -EAGAIN. Also from callbacks. Errors as acquire. */
COIL_EXPORT int coil_semaphore_try_acquire(struct coil_semaphore *semaphore);

/* Gives a permit to whoever waits longest, or back. From tasks and callbacks. 0;
 * -COIL_EINVALIDSTATE (bounded: one too many), -EINVAL (NULL), -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_semaphore_release(struct coil_semaphore *semaphore);

/* How many permits are free now. */
COIL_EXPORT size_t coil_semaphore_permits(const struct coil_semaphore *semaphore);

COIL_END_DECLS

#endif
