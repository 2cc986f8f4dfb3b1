/* bench/load/clocks.h - the time, and that of the server that is measured. */
#ifndef BENCH_CLOCKS_H
#define BENCH_CLOCKS_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define NSEC_PER_SEC INT64_C(1000000000)

static inline int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* CPU time of all threads of a process; -1: there is none. */
static inline int64_t cpu_ns(pid_t pid)
{
    struct timespec ts;
    clockid_t clock;

    if (pid == 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts)) {
        return -1;
    }
    return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

#endif
