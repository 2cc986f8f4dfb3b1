/* clock.h - the clocks of the system, in nanoseconds. */
#ifndef COIL__SYS_CLOCK_H
#define COIL__SYS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t coil__clock_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* The time of day, since 1970; it may jump. */
static inline int64_t coil__clock_wall(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

#endif
