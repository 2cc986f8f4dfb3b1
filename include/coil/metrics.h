/* coil/metrics.h - numbers about a loop, for graphs and alarms: counters, and how long things take.
 *
 *     coil_loop_set_metrics(loop, true);      // times everything from now on
 *
 *     struct coil_metrics metrics;            // later, in any thread, also while the loop is stuck
 *     if (coil_loop_get_metrics(loop, &metrics) == 0) {
 *         coil_metrics_write_prometheus(&metrics, 1, stdout);
 *     }
 *
 * The counters are always kept, and cost nothing: the loop needs most of them itself. The times are
 * taken only when asked for (set_metrics, or the option `metrics` of struct coil_loop_options, or
 * COIL_METRICS=1): each step of a task then costs a look at the clock and a way over the loop's own
 * stack, some 60 ns.
 *
 * Reading takes no lock and never holds up the loop, nor does a loop that is stuck hold up the
 * reader. Each number is whole; but they are read one after the other while the loop goes on, so
 * two of them may differ by what happened in between. Counters never go backwards.
 *
 * asyncio has no counterpart.
 */
#ifndef COIL_METRICS_H
#define COIL_METRICS_H

#include <coil/base.h>

#include <stdio.h>

struct coil_loop;

/* Buckets of a histogram: up to 1 us, 2 us, 4 us, ... 2^24 us (16.8 s), and whatever is longer. */
enum { COIL_HISTOGRAM_BUCKETS = 26 };

/* How often something took how long. */
struct coil_histogram {
    uint64_t count;
    int64_t sum_ns;
    /* How many fell into each: longer than the bound of the one before, at most the own bound
     * (coil_histogram_bound). Not cumulative; together they are `count`. */
    uint64_t buckets[COIL_HISTOGRAM_BUCKETS];
};

/* A pool of threads. All zero as long as nothing has needed it. */
struct coil_pool_metrics {
    uint64_t jobs;    /* total: that were handed to it */
    uint64_t queued;  /* now: that no thread has taken yet */
    uint64_t threads; /* now: that there are, */
    uint64_t idle;    /* and of them without a job */
};

/* What is known of a loop. "total": since it was made; "now": when it was read. */
struct coil_metrics {
    /* Which loop it is: a label for what is written. coil_loop_get_metrics sets NULL; who has
     * several loops puts a name here, which stays the caller's. */
    const char *loop;
    const char *backend; /* "uring", "epoll", "sim"; static storage */

    uint64_t iterations;    /* total: rounds of the ready queue (coil/loop.h) */
    uint64_t polls;         /* total: times that the kernel was asked; not in every quick round */
    uint64_t tasks_created; /* total */
    uint64_t tasks_alive;   /* now: created and not ended */
    uint64_t operations;    /* now: that the backend works on */
    uint64_t stacks;        /* now: of tasks, and kept at hand for the next ones */
    uint64_t stack_bytes;   /* now: address space of those; memory is only what was touched */
    uint64_t stack_bytes_mapped;        /* now: the same with those that are free */
    struct coil_pool_metrics workers;   /* for coil_to_thread, files and the like */
    struct coil_pool_metrics resolvers; /* for names */

    bool is_timed; /* now: the following are taken. If not, they stand still */
    /* now: when the step began that runs, by the loop's clock; 0: none runs, or it is not timed.
     * A step is what a task does from one wait to the next, or one callback. */
    int64_t step_since;
    struct coil_histogram step_time; /* how long a step took: who takes long holds up all others */
    /* How long a task that was ready stood in the queue before its step. Counted from the end of
     * the step, or of the poll, that made it ready. */
    struct coil_histogram ready_wait;
    struct coil_histogram io_wait;    /* how long the loop slept when it had nothing to do */
    struct coil_histogram timer_late; /* how long after its time a timer was served */
};

/* Of what coil_metrics_write_prometheus writes: for the header Content-Type. */
#define COIL_PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

COIL_BEGIN_DECLS

/* Starts or stops taking times; what was taken before stays and is added to. loop: NULL for the
 * running one. The step that calls this is not timed. 0, also when nothing changes; -ENOMEM (when
 * first started), -COIL_ENOLOOP (NULL, and none runs), -COIL_EWRONGTHREAD, -COIL_EFORKED. */
COIL_EXPORT int coil_loop_set_metrics(struct coil_loop *loop, bool is_timed);

/* Reads all numbers of a loop. loop: NULL for the running one; must not be freed before this call
 * has returned. ret_metrics: all of it is set. Any thread. 0; -EINVAL (NULL), -COIL_ENOLOOP (loop
 * is NULL, and none runs in this thread), -COIL_EFORKED (in the child of a fork). */
COIL_EXPORT int coil_loop_get_metrics(struct coil_loop *loop, struct coil_metrics *ret_metrics);

/* The longest time that falls into a bucket; COIL_NEVER for the last one, and for numbers beyond
 * it. Any thread. */
COIL_EXPORT int64_t coil_histogram_bound(size_t bucket);

/* A time that at least the given part of all took at most: 0.99 for the 99th percentile. It is the
 * bound of a bucket, so it is too high by less than a factor of two (but for the first and the last
 * one: COIL_NEVER). part: 0 to 1, beyond that taken as these. 0 when nothing was counted, and for
 * NULL. Any thread. */
COIL_EXPORT int64_t coil_histogram_quantile(const struct coil_histogram *histogram, double part);

/* Writes metrics in Prometheus' text format, version 0.0.4, for a scrape. metrics: `count` of them,
 * one for each loop of the program. Every sample carries the label backend; and the label loop, if
 * there is a name or count > 1 (without a name: the place in the array, from 0). out: stays the
 * caller's; what open_memstream opens is good for a buffer. Blocks as `out` does. 0; -EINVAL (NULL,
 * count 0), -EIO (out has an error). Any thread. */
COIL_EXPORT int coil_metrics_write_prometheus(const struct coil_metrics *metrics, size_t count,
                                              FILE *out);

COIL_END_DECLS

#endif
