/* pool.h - a bounded pool of threads for work that blocks.
 *
 * A job is a struct embedded by its owner. `work` runs in a thread of the pool; then `done` runs
 * in the loop's thread, during an iteration, exactly once - also when the job was cancelled
 * before a thread took it. Threads start when there is work and nobody idle, up to the bound, and
 * end after a time without work. Jobs beyond the bound wait in order.
 *
 * All calls belong to the loop's thread.
 */
#ifndef COIL__LOOP_POOL_H
#define COIL__LOOP_POOL_H

#include "loop/loop.h"

#include <coil/metrics.h>

struct coil__pool;

/* All-zero is idle. Belongs to the pool from submit until `done` is entered. */
struct coil__job {
    struct coil__ready ready; /* the way back into the loop */
    struct coil__list link;   /* in the pool's queue */
    struct coil__pool *pool;
    void (*work)(struct coil__job *job); /* in a thread; must not touch the loop */
    void (*done)(struct coil__job *job); /* in the loop's thread */
    /* NULL, or: coil__pool_free does not wait for this job while its work runs. Then `done` never
     * comes; `drop` runs in the thread when the work is over, and the loop is gone by then. */
    void (*drop)(struct coil__job *job);
    bool is_cancelled; /* valid in done: work did not run */
};

/* The pool of a loop's, made on first use. max_threads: at least 1. -ENOMEM, -EAGAIN. */
int coil__pool_get(struct coil_loop *loop, struct coil__pool **slot, unsigned max_threads,
                   struct coil__pool **ret_pool);
/* Queues a job whose work and done are set. -EAGAIN (or -ENOMEM) when not a single thread can be
 * had, and then done does not come. */
int coil__pool_submit(struct coil__pool *pool, struct coil__job *job);
/* True: no thread has taken the job and none will; `done` comes with is_cancelled. False: its work
 * runs or ran, `done` comes as usual. */
bool coil__pool_cancel(struct coil__job *job);
/* How long a thread waits for work before it ends; 10 s unless this is called. */
void coil__pool_set_idle_time(struct coil__pool *pool, int64_t idle_ns);
/* Its numbers. NULL: all zero. Any thread. */
void coil__pool_read(const struct coil__pool *pool, struct coil_pool_metrics *ret_metrics);
/* Threads that have not ended. */
unsigned coil__pool_thread_count(struct coil__pool *pool);
/* Cancels what is queued, waits for the threads, and calls `done` for all that came back. NULL:
 * nothing. */
void coil__pool_free(struct coil__pool *pool);
/* In the child of a fork, where the threads do not exist: releases the memory, calls nobody. */
void coil__pool_free_after_fork(struct coil__pool *pool);

#endif
