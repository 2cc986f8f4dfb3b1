/* sim_random.h - a small seeded generator (splitmix64) for the simulated backend.
 *
 * Not for secrets. The same seed gives the same numbers on every machine, for ever: what a seed
 * reproduces depends on it.
 */
#ifndef COIL__SYS_SIM_RANDOM_H
#define COIL__SYS_SIM_RANDOM_H

#include <stdint.h>

/* Every value is a valid state. */
struct coil__sim_random {
    uint64_t state;
};

static inline uint64_t coil__sim_random_next(struct coil__sim_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* From 0 to bound - 1; 0 when bound is 0. The bias (below bound / 2^64) does not matter here. */
static inline uint64_t coil__sim_random_below(struct coil__sim_random *random, uint64_t bound)
{
    return bound ? coil__sim_random_next(random) % bound : 0;
}

#endif
