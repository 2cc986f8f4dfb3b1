/* What the tests of metrics share: a reading, what has changed since, steps of a known length. */
#ifndef COIL_TESTS_METER_CALLS_H
#define COIL_TESTS_METER_CALLS_H

#include "in_task.h"

#include "loop/loop.h"
#include "sys/sim.h"

/* The numbers of the running loop, now. */
static inline struct coil_metrics look(void)
{
    struct coil_metrics metrics = {.loop = "not set"};

    CHECK_OK(coil_loop_get_metrics(NULL, &metrics));
    return metrics;
}

/* True where time passes only when a test says so: then times are exact. */
static inline bool time_is_exact(void)
{
    return test_backend_is("sim");
}

/* The step that runs takes so much longer. */
static inline void pass(int64_t span_ns)
{
    int64_t end = test_now_ns() + span_ns;

    if (time_is_exact()) {
        coil__sim_of(coil__thread.loop->backend)->now += span_ns;
        return;
    }
    while (test_now_ns() < end) {
    }
}

/* From the next step of the calling task on, times are taken. */
static inline void start_meter(void)
{
    CHECK_OK(coil_loop_set_metrics(NULL, true));
    yield_times(1);
}

#endif
