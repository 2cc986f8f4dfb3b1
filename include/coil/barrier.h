/* coil/barrier.h - tasks that wait for each other.
 *
 *     struct coil_barrier barrier;
 *     coil_barrier_init(&barrier, 3);
 *
 *     coil_barrier_wait(&barrier);             // in three tasks: all go on when the third has come
 *
 * The last one to come completes the round, and the next round may begin at once: those of the
 * last round have theirs already, even if they have not run yet. A barrier belongs to the loop of
 * its first wait.
 *
 * asyncio's counterpart: Barrier; broken is -COIL_EBROKEN here.
 */
#ifndef COIL_BARRIER_H
#define COIL_BARRIER_H

#include <coil/base.h>

struct coil_loop;

/* Embedded; all-zero is not usable. Must neither move nor go away while a task waits for it; needs
 * no deinit. */
struct coil_barrier {
    struct coil__list waiters_; /* of this round, in the order in which they came */
    struct coil_loop *loop_;    /* of the first wait; NULL before it */
    size_t parties_;            /* 0: not initialised */
    size_t count_;              /* of waiters_ */
    bool is_broken_;
};

COIL_BEGIN_DECLS

/* parties: how many make a round, at least 1. Any thread. 0, -EINVAL. */
COIL_EXPORT int coil_barrier_init(struct coil_barrier *barrier, size_t parties);

/* Waits until `parties` tasks wait. Returns the caller's place in the round, 0 for who came first:
 * it is different for each, so one of them can be told to do what is to be done once. -COIL_EBROKEN
 * (aborted, or reset while it waited); the reason of a cancel: the caller does not count any more,
 * the others wait on; -EINVAL, -COIL_EWRONGTHREAD, -COIL_ENOTASK. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_barrier_wait(struct coil_barrier *barrier);

/* Begins anew: those that wait get -COIL_EBROKEN, and the barrier is usable, also if it was
 * aborted. From tasks and callbacks. 0, -EINVAL, -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_barrier_reset(struct coil_barrier *barrier);

/* Breaks it: those that wait, and those that come, get -COIL_EBROKEN until a reset. Errors as
 * coil_barrier_reset. */
COIL_EXPORT int coil_barrier_abort(struct coil_barrier *barrier);

/* How many wait now; how many make a round; whether it was aborted. */
COIL_EXPORT size_t coil_barrier_waiting(const struct coil_barrier *barrier);
COIL_EXPORT size_t coil_barrier_parties(const struct coil_barrier *barrier);
COIL_EXPORT bool coil_barrier_is_broken(const struct coil_barrier *barrier);

COIL_END_DECLS

#endif
