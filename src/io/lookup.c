/* lookup.c - see lookup.h. */
#include "io/lookup.h"

#include <errno.h>

enum { MAX_RESOLVERS = 4 };

#define SLOW_LOOKUP (100 * COIL_MSEC)

/* On the caller's stack. */
struct coil__lookup_waiter {
    struct coil__wait wait;
    struct coil_task *self;
    struct coil__lookup *lookup; /* NULL: the caller was cancelled */
};

static struct coil__lookup *lookup_of(struct coil__job *job)
{
    return COIL__CONTAINER(job, struct coil__lookup, job);
}

static void work(struct coil__job *job)
{
    lookup_of(job)->work(lookup_of(job));
}

/* In the thread: the loop is gone. */
static void drop(struct coil__job *job)
{
    lookup_of(job)->free(lookup_of(job));
}

static void done(struct coil__job *job)
{
    struct coil__lookup *lookup = lookup_of(job);

    if (lookup->done) {
        lookup->done(lookup);
    } else if (lookup->waiter) {
        coil__task_wake(lookup->waiter->self);
    } else {
        lookup->free(lookup);
    }
}

/* The caller leaves; the look-up comes back on its own, begun or not. */
static void interrupt(struct coil_task *task, struct coil__wait *wait)
{
    struct coil__lookup_waiter *waiter = COIL__CONTAINER(wait, struct coil__lookup_waiter, wait);
    struct coil__lookup *lookup = waiter->lookup;

    lookup->waiter = NULL;
    waiter->lookup = NULL;
    coil__pool_cancel(&lookup->job);
    coil__task_wake(task);
}

int coil__lookup_start(struct coil_loop *loop, struct coil__lookup *lookup)
{
    unsigned max = loop->max_resolvers ? loop->max_resolvers : MAX_RESOLVERS;
    struct coil__pool *pool;
    int rc = coil__pool_get(loop, &loop->resolvers, max, &pool);

    lookup->job = (struct coil__job){.work = work, .done = done, .drop = drop};
    return rc < 0 ? rc : coil__pool_submit(pool, &lookup->job);
}

void coil__lookup_report_if_slow(struct coil_loop *loop, int64_t began)
{
    if (loop->debug && coil_loop_now(loop) - began >= SLOW_LOOKUP) {
        struct coil_report report = {
            .message = "a look-up of a host name took longer than 100 ms",
            .task_name = coil_task_name(coil_current_task()),
        };

        coil__loop_report(loop, &report);
    }
}

int coil__lookup_run(struct coil_task *self, struct coil__lookup *lookup, const char *what)
{
    struct coil__lookup_waiter waiter = {
        .wait = {.interrupt = interrupt, .what = what}, .self = self, .lookup = lookup};
    int64_t began = coil_loop_now(self->loop);
    int rc;

    lookup->waiter = &waiter;
    rc = coil__lookup_start(self->loop, lookup);
    if (rc < 0) {
        lookup->free(lookup);
        return rc;
    }
    coil__suspend(self, &waiter.wait);
    coil__lookup_report_if_slow(self->loop, began);
    if (!waiter.lookup) {
        return self->cancel ? coil__cancel_error(self) : -ECANCELED;
    }
    return 0;
}
