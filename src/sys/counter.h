/* counter.h - a number that one thread changes (or several, one at a time) and any thread may read
 * meanwhile. To change it costs what it costs to change a plain number: there is one writer, so
 * nothing is locked; and a word is read and written whole. */
#ifndef COIL__SYS_COUNTER_H
#define COIL__SYS_COUNTER_H

#include <stdint.h>

struct coil__counter {
    uint64_t value; /* through the functions below only */
};

static inline uint64_t coil__counter_get(const struct coil__counter *counter)
{
    return __atomic_load_n(&counter->value, __ATOMIC_RELAXED);
}

static inline void coil__counter_set(struct coil__counter *counter, uint64_t value)
{
    __atomic_store_n(&counter->value, value, __ATOMIC_RELAXED);
}

static inline void coil__counter_add(struct coil__counter *counter, int64_t change)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    /* Compilers do not make one instruction of the three that stand below. */
    __asm__("addq %1, %0" : "+m"(counter->value) : "er"(change) : "cc");
#else
    coil__counter_set(counter, coil__counter_get(counter) + (uint64_t)change);
#endif
}

#endif
