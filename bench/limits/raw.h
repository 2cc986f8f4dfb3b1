/*
 * bench/limits/raw.h - what both sides of a comparison must do alike: the order in which blocks are
 * read, the sizes, and the clock of CPU time. Included by bench/limits, bench/coil and bench/peers.
 */
#ifndef BENCH_LIMITS_RAW_H
#define BENCH_LIMITS_RAW_H

#include <stdint.h>
#include <sys/resource.h>

#define READ_SIZE 4096
#define READS_IN_FLIGHT 32
#define SPAWN_PROGRAM "/bin/true"
#define DATAGRAM_SIZE 2048
#define DATAGRAM_BATCH 64

/* Block numbers that jump about: xorshift. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline int64_t cpu_ns_of(int who)
{
    struct rusage usage;

    if (getrusage(who, &usage)) {
        return 0;
    }
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000000) +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * INT64_C(1000);
}

/* CPU time of the process so far, and of its children that have ended: as the wall clock's on an idle
 * machine, and still of use on a busy one. */
static inline int64_t cpu_now_ns(void)
{
    return cpu_ns_of(RUSAGE_SELF) + cpu_ns_of(RUSAGE_CHILDREN);
}

#endif
