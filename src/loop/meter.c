/* meter.c - see meter.h.
 *
 * When somebody was made ready is noted after the step in which that happened: those who stand in
 * the ready queue behind `mark`, where it ended before. The time stands with the task; others, the
 * callbacks, have no room for it and are not counted. A step may begin the next round (when a task
 * gives way as the last one of this round): then what was ready stands in `current`, and all of it
 * is looked at, which comes to once for each.
 */
#include "loop/meter.h"

#include "base/memory.h"

#include <errno.h>

/* --- histograms --- */

enum { LAST_BUCKET = COIL_HISTOGRAM_BUCKETS - 1 };

static unsigned bucket_of(int64_t span_ns)
{
    uint64_t us = ((uint64_t)span_ns + COIL_USEC - 1) / COIL_USEC;
    unsigned bucket = us <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(us - 1);

    return bucket < LAST_BUCKET ? bucket : LAST_BUCKET;
}

static void count(struct coil__histogram *histogram, int64_t span_ns)
{
    span_ns = span_ns > 0 ? span_ns : 0;
    coil__counter_add(&histogram->buckets[bucket_of(span_ns)], 1);
    coil__counter_add(&histogram->sum_ns, span_ns);
}

/* --- who was made ready when --- */

static int64_t *stamp_of(const struct coil_loop *loop, struct coil__ready *ready)
{
    return loop->ready_stamp ? loop->ready_stamp(ready) : NULL;
}

/* Those of a chain who have no stamp yet are ready since `now`. */
static void stamp(const struct coil_loop *loop, struct coil__ready *chain, int64_t now)
{
    for (; chain; chain = chain->next) {
        int64_t *at = stamp_of(loop, chain);

        if (at && *at == 0) {
            *at = now;
        }
    }
}

static void count_wait(const struct coil_loop *loop, struct coil__ready *ready, int64_t now)
{
    int64_t *at = stamp_of(loop, ready);

    if (at && *at != 0) {
        count(&loop->meter->ready_wait, now - *at);
        *at = 0;
    }
}

/* --- an iteration --- */

void coil__meter_sleeps(struct coil_loop *loop)
{
    loop->meter->asleep_at = coil_loop_now(loop);
}

/* One that was armed for a time long past is late only since it was armed, and that was after the
 * last time that timers were served. */
void coil__meter_timer(struct coil_loop *loop, int64_t when)
{
    struct coil__meter *meter = loop->meter;
    int64_t since = when > meter->served_at ? when : meter->served_at;

    count(&meter->timer_late, loop->polled_at - since);
}

static void run_step(struct coil_loop *loop, struct coil__ready *ready, int64_t begin)
{
    struct coil__meter *meter = loop->meter;

    count_wait(loop, ready, begin);
    coil__counter_set(&meter->step_since, (uint64_t)begin);
    meter->mark = loop->ready.tail;
    loop->current = ready->next;
    ready->run(ready);
}

void coil__meter_run(struct coil_loop *loop)
{
    struct coil__meter *meter = loop->meter;
    int64_t begin = coil_loop_now(loop);
    struct coil__ready *ready;

    meter->served_at = loop->polled_at;
    if (meter->asleep_at != 0) {
        count(&meter->io_wait, loop->polled_at - meter->asleep_at);
        meter->asleep_at = 0;
    }
    stamp(loop, loop->current, loop->polled_at);
    while ((ready = loop->current) && loop->is_metered && !loop->is_forked) {
        uint64_t elided = coil__counter_get(&loop->elided);
        int64_t end;

        run_step(loop, ready, begin);
        if (!loop->is_metered) {
            break;
        }
        end = coil_loop_now(loop);
        count(&meter->step_time, end - begin);
        if (coil__counter_get(&loop->elided) != elided) {
            stamp(loop, loop->current, end);
        } else {
            stamp(loop, meter->mark ? *meter->mark : loop->ready.head, end);
        }
        begin = end;
    }
    coil__counter_set(&meter->step_since, 0);
}

/* --- on and off --- */

int coil__meter_switch(struct coil_loop *loop, bool is_on)
{
    if (is_on && !loop->meter) {
        struct coil__meter *meter = coil__calloc(1, sizeof *meter);

        if (!meter) {
            return -ENOMEM;
        }
        __atomic_store_n(&loop->meter, meter, __ATOMIC_RELEASE);
    }
    if (loop->meter) {
        loop->meter->is_lent = false;
    }
    if (is_on == loop->is_metered) {
        return 0;
    }
    loop->is_metered = is_on;
    loop->is_special = loop->is_metered || loop->is_shuffled;
    loop->elisions_left = 0; /* it begins with a poll */
    loop->meter->asleep_at = 0;
    loop->meter->served_at = loop->polled_at;
    coil__counter_set(&loop->meter->is_on, is_on);
    if (loop->meter_switched) {
        loop->meter_switched(loop);
    }
    return 0;
}

int coil__meter_lend(struct coil_loop *loop)
{
    int rc;

    if (loop->is_metered) {
        return 0;
    }
    rc = coil__meter_switch(loop, true);
    if (rc == 0) {
        loop->meter->is_lent = true;
    }
    return rc;
}

void coil__meter_take_back(struct coil_loop *loop)
{
    if (loop->is_metered && loop->meter->is_lent) {
        coil__meter_switch(loop, false);
    }
}
