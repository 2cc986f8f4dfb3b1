/* workers.c - several loops in as many threads, which end together.
 *
 * The end is a queue between threads, in which nobody ever puts anything: each loop has a task that
 * waits in it, and who wants all to end shuts it down. So no thread needs to know another one's
 * loop, which may be gone by then.
 */
#include "base/memory.h"
#include "sys/environment.h"
#include "sys/thread.h"

#include <coil/error.h>
#include <coil/shared_queue.h>
#include <coil/signal.h>
#include <coil/workers.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

enum {
    THREAD_STACK = 1024 * 1024,
    TASK_STACK = 256 * 1024, /* as coil_run gives to a first task */
};

struct workers {
    struct coil_shared_queue end;
    struct coil_run_options run;
    bool takes_signals;
    coil_worker_fn fn;
    void *arg;
    atomic_bool is_ending;
    atomic_uint left;  /* workers whose function has not returned */
    atomic_int error;  /* the first one */
    atomic_int signum; /* that has ended them */
};

struct worker {
    struct workers *all;
    struct coil__os_thread thread;
    unsigned number;
    struct coil_task *task; /* that runs the function; its own loop's */
};

static void end_all(struct workers *all, int error)
{
    int none = 0;

    if (error < 0) {
        atomic_compare_exchange_strong(&all->error, &none, error);
    }
    atomic_store(&all->is_ending, true);
    coil_shared_queue_shutdown(&all->end, true);
}

/* --- in each loop --- */

static int run_function(void *arg)
{
    struct worker *worker = arg;

    return worker->all->fn(worker->number, worker->all->arg);
}

/* Hands the end on to the worker's function. */
static int wait_for_end(void *arg)
{
    struct worker *worker = arg;
    char item;
    int rc = coil_shared_queue_get(&worker->all->end, &item);

    if (rc == -COIL_ECLOSED && worker->task) {
        coil_cancel_because(worker->task, "the workers end");
    }
    return rc == -COIL_ECLOSED ? 0 : rc;
}

static int wait_for_signal(void *arg)
{
    static const int endings[] = {SIGINT, SIGTERM};
    struct worker *worker = arg;
    int rc = coil_signal_wait(endings, 2);

    if (rc >= 0) {
        atomic_store(&worker->all->signum, rc);
        end_all(worker->all, 0);
    }
    return rc < 0 ? rc : 0;
}

static void end_task(struct coil_task *task)
{
    if (task) {
        coil_cancel(task);
        coil_await(task);
    }
}

/* The result of a worker's function: the first error counts, and the last one to return ends what
 * waits for the end. */
static void note_result(struct workers *all, int rc)
{
    bool was_last = atomic_fetch_sub(&all->left, 1) == 1;

    if (rc == -ECANCELED && atomic_load(&all->is_ending)) {
        rc = 0;
    }
    if (rc < 0 || was_last) {
        end_all(all, rc);
    }
}

/* The function has a task of its own, which can be cancelled while this one waits for it. */
static int run_worker(void *arg)
{
    struct worker *worker = arg;
    struct workers *all = worker->all;
    bool takes_signals = worker->number == 0 && all->takes_signals;
    struct coil_task_options options = {.name = "worker", .site = COIL_HERE};
    struct coil_task *signals = NULL;
    struct coil_task *end;
    int rc = -ENOMEM;

    options.stack_size = all->run.main_stack_size > 0 ? all->run.main_stack_size : TASK_STACK;
    worker->task = coil_task_create(&options, run_function, worker);
    end = coil_create_task(wait_for_end, worker);
    if (takes_signals) {
        signals = coil_create_task(wait_for_signal, worker);
    }
    if (!worker->task || !end || (takes_signals && !signals)) {
        end_task(worker->task);
    } else {
        rc = coil_await(worker->task);
    }
    worker->task = NULL;
    note_result(all, rc);
    if (signals && end) { /* the others go on, and this loop hears of signals for them */
        coil_await(end);
        end = NULL;
    }
    end_task(signals);
    end_task(end);
    return 0;
}

static void run_loop(struct worker *worker)
{
    int rc = coil_run_with(&worker->all->run, run_worker, worker);

    if (rc < 0) { /* of the loop: the function's errors are noted */
        end_all(worker->all, rc);
    }
}

/* --- the threads --- */

static void *thread_main(void *arg)
{
    run_loop(arg);
    return NULL;
}

static void run_all(struct workers *all, struct worker *workers, unsigned count)
{
    unsigned started = 1;
    int rc = 0;

    for (unsigned i = 0; i < count; i++) {
        workers[i] = (struct worker){.all = all, .number = i};
    }
    while (rc == 0 && started < count) {
        rc = coil__os_thread_start(&workers[started].thread, THREAD_STACK, thread_main,
                                   &workers[started]);
        started += rc == 0;
    }
    if (rc == 0) {
        run_loop(&workers[0]);
    } else {
        end_all(all, rc);
    }
    for (unsigned i = 1; i < started; i++) {
        coil__os_thread_join(&workers[i].thread);
    }
}

int coil_run_workers(const struct coil_workers_options *options, coil_worker_fn fn, void *arg)
{
    struct workers all = {.fn = fn, .arg = arg, .takes_signals = true};
    unsigned count = options && options->count > 0 ? options->count : coil__environment_cores();
    struct worker *workers;
    int rc;

    if (!fn || (options && options->count > COIL_WORKERS_MAX)) {
        return -EINVAL;
    }
    if (coil_loop_current()) {
        return -COIL_ENESTED;
    }
    if (options) {
        all.run = options->run;
        all.takes_signals = !options->ignore_signals;
    }
    count = count < COIL_WORKERS_MAX ? count : COIL_WORKERS_MAX;
    all.run.ignore_sigint = true;
    all.left = count;
    rc = coil_shared_queue_init(&all.end, 1, 1);
    if (rc < 0) {
        return rc;
    }
    workers = coil__calloc(count, sizeof *workers);
    if (workers) {
        run_all(&all, workers, count);
    } else {
        atomic_store(&all.error, -ENOMEM);
    }
    coil__free(workers);
    coil_shared_queue_deinit(&all.end);
    rc = atomic_load(&all.error);
    return rc < 0 ? rc : atomic_load(&all.signum);
}
