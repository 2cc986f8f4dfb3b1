/* meter.h - takes the times of a loop, once somebody has asked for them (coil/metrics.h).
 *
 * While it is on, tasks do not switch to each other directly but by the loop's own stack (the fast
 * paths do not know their `run`), so that each step begins and ends in coil__meter_run, which looks
 * at the clock once in between two. Only the loop's thread writes here; any may read the counters.
 */
#ifndef COIL__LOOP_METER_H
#define COIL__LOOP_METER_H

#include "loop/loop.h"

#include <coil/metrics.h>

struct coil__histogram {
    struct coil__counter sum_ns;
    struct coil__counter buckets[COIL_HISTOGRAM_BUCKETS];
};

/* Made when it is first asked for, and kept as long as the loop. */
struct coil__meter {
    struct coil__counter is_on;      /* the same as loop->is_metered, for other threads */
    bool is_lent;                    /* only somebody of the library's has asked for it */
    struct coil__counter step_since; /* when the step that runs began; 0: none does */
    struct coil__histogram step_time;
    struct coil__histogram ready_wait;
    struct coil__histogram io_wait;
    struct coil__histogram timer_late;
    struct coil__ready **mark; /* in loop->ready: what stands behind it was made ready by the step
                                  that runs. NULL: not known, look at all */
    int64_t asleep_at;         /* when the wait began that is not counted yet; 0: it was none */
    int64_t served_at;         /* the time by which timers were last served */
};

/* Turns it on or off. 0, -ENOMEM. */
int coil__meter_switch(struct coil_loop *loop, bool is_on);
/* Turns it on, unless it is; it becomes the program's when that turns it on as well. Errors as
 * above. */
int coil__meter_lend(struct coil_loop *loop);
/* Turns it off, if it is on by `lend` and has not become the program's. */
void coil__meter_take_back(struct coil_loop *loop);
/* While it is on: the loop is about to sleep. */
void coil__meter_sleeps(struct coil_loop *loop);
/* While it is on: a timer is served that was due at `when`. */
void coil__meter_timer(struct coil_loop *loop, int64_t when);
/* While it is on: runs what is `current`. Leaves something there only when it was turned off, or
 * the process is a fork's child. */
void coil__meter_run(struct coil_loop *loop);

#endif
