/* ticks.h - a clock that costs a few nanoseconds and counts in a unit of its own; for noticing that
 * time passes, not for telling it. */
#ifndef COIL__SYS_TICKS_H
#define COIL__SYS_TICKS_H

#include "sys/clock.h"

static inline uint64_t coil__ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;

    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return (uint64_t)coil__clock_now();
#endif
}

#endif
