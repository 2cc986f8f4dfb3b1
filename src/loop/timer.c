/* timer.c - points in time: intrusive nodes in the loop's heap, exact by deadline, in the order of
 * arming on ties. */
#include "loop/loop.h"

int64_t coil__time_after(int64_t now, int64_t span_ns)
{
    int64_t when;

    if (span_ns <= 0) {
        return now;
    }
    return __builtin_add_overflow(now, span_ns, &when) ? COIL_NEVER : when;
}

int coil__timer_arm(struct coil_loop *loop, struct coil__timer *timer, int64_t when)
{
    coil__heap_remove(&loop->timers, &timer->node);
    timer->when = when;
    return when == COIL_NEVER ? 0 : coil__heap_push(&loop->timers, &timer->node, when);
}

void coil__timer_disarm(struct coil_loop *loop, struct coil__timer *timer)
{
    coil__heap_remove(&loop->timers, &timer->node);
}
