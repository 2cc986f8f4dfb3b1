/* loops.h - the loops of the process that have had a task, for those who look at it from outside.
 *
 * A debugger, or `coil ps`, has no thread of the process to ask: it begins with what lies at a
 * known place. So this is one of the few things that are kept for the process. Nobody inside
 * reads it; it is written to when a loop gets its first task and when it is freed, without a lock.
 */
#ifndef COIL__LOOP_LOOPS_H
#define COIL__LOOP_LOOPS_H

#include "loop/loop.h"

/* Loops beyond that many at a time are not seen from outside. */
enum { COIL__MAX_LISTED = 512 };

struct coil__loops {
    _Atomic(struct coil_loop *) slots[COIL__MAX_LISTED]; /* in no order; NULL: free */
};

extern struct coil__loops coil__loops;

/* Any thread. remove: does nothing for one that is not there. */
void coil__loops_add(struct coil_loop *loop);
void coil__loops_remove(const struct coil_loop *loop);

#endif
