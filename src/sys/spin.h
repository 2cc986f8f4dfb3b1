/* spin.h - a lock of a few instructions, for what signal handlers share: it needs no initialising
 * and cannot fail. No handler takes it. */
#ifndef COIL__SYS_SPIN_H
#define COIL__SYS_SPIN_H

#include <sched.h>
#include <stdatomic.h>

static inline void coil__spin_lock(atomic_flag *lock)
{
    while (atomic_flag_test_and_set(lock)) {
        sched_yield();
    }
}

static inline void coil__spin_unlock(atomic_flag *lock)
{
    atomic_flag_clear(lock);
}

#endif
