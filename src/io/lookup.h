/* lookup.h - questions to the name service, asked in threads of its own.
 *
 * A look-up is a block of memory that owns copies of what it was asked, so that a cancelled caller
 * can leave at once: the block is then freed when it comes back, or by the thread when the loop has
 * not waited for it. The caller stands on the other side: a struct on its stack and the look-up
 * point at each other until one of them leaves.
 */
#ifndef COIL__IO_LOOKUP_H
#define COIL__IO_LOOKUP_H

#include "loop/pool.h"
#include "task/task.h"

struct coil__lookup_waiter;

struct coil__lookup {
    struct coil__job job;
    struct coil__lookup_waiter *waiter;        /* the loop's thread only; NULL: nobody waits */
    void (*done)(struct coil__lookup *lookup); /* of coil__lookup_start: it is the caller's again */
    void (*work)(struct coil__lookup *lookup); /* in a thread; sets rc, and what it has found */
    void (*free)(struct coil__lookup *lookup); /* in either */
    int rc;                                    /* valid once the work is over */
};

/* Has a thread do the work and waits for its end: 0, and the look-up with its rc is the caller's
 * again. Or an error, and it is not any more: the reason of a cancel, -ENOMEM, -EAGAIN (no thread).
 * A slow look-up is reported in debug mode. */
int coil__lookup_run(struct coil_task *self, struct coil__lookup *lookup, const char *what);

/* The same without waiting: `done` comes later, in the loop's thread, also if the job was cancelled
 * (coil__pool_cancel); never, if the loop ends while the work runs. On failure the look-up stays
 * the caller's. */
int coil__lookup_start(struct coil_loop *loop, struct coil__lookup *lookup);
/* In debug mode: reports a look-up that the calling task has waited for since then, if that was
 * long. */
void coil__lookup_report_if_slow(struct coil_loop *loop, int64_t began);

#endif
