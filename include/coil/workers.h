/* coil/workers.h - several loops, one for each processor: each runs in a thread of its own, and
 * they share nothing but what the program gives them.
 *
 *     static int serve(unsigned number, void *arg)
 *     {
 *         struct coil_server_options options = {.reuse_port = true};   // all listen on one port
 *
 *         return coil_serve("0.0.0.0", 8080, &options, client, arg);
 *     }
 *
 *     int main(void)
 *     {
 *         return coil_run_workers(NULL, serve, NULL) < 0;   // until SIGINT or SIGTERM
 *     }
 *
 * What a worker needs for itself (a connection to a database, a cache) it makes at the beginning of
 * its function, and gives back at the end of it. What they share must bear threads: see
 * coil/shared_queue.h for queues between loops.
 *
 * asyncio has no counterpart; `uvicorn --workers` and gunicorn start processes instead.
 */
#ifndef COIL_WORKERS_H
#define COIL_WORKERS_H

#include <coil/base.h>
#include <coil/run.h>

/* What a worker runs, as the first task of its loop's: no task of that outlives it. number: from 0.
 * Returns >= 0, or a negative error, which ends all. */
typedef int (*coil_worker_fn)(unsigned number, void *arg);

enum { COIL_WORKERS_MAX = 1024 };

/* All-zero is the default of everything. */
struct coil_workers_options {
    unsigned count;              /* 0: one for each processor that this process may use */
    bool ignore_signals;         /* leave SIGINT and SIGTERM alone */
    struct coil_run_options run; /* of each loop; ignore_sigint is not looked at */
};

COIL_BEGIN_DECLS

/* Runs fn(number, arg) in `count` loops at once, worker 0 in the calling thread, and returns when
 * all have ended. options: may be NULL. SIGINT and SIGTERM cancel all workers, once; a second
 * signal does what it does without this call. So does an error of one of them. A worker that
 * returns >= 0 leaves the others alone.
 * Returns 0: all have ended by themselves; the number of the signal that has ended them; or the
 * error of the first worker that had one (but for the cancel that it got from here). Errors of its
 * own: -EINVAL (fn NULL, count above COIL_WORKERS_MAX), -COIL_ENESTED (inside a running loop),
 * -EAGAIN (no thread is to be had; those that have begun are cancelled and awaited), -ENOMEM. */
COIL_EXPORT int coil_run_workers(const struct coil_workers_options *options, coil_worker_fn fn,
                                 void *arg);

COIL_END_DECLS

#endif
