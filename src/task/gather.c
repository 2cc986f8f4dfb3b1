/* gather.c - waiting for all of many tasks.
 *
 * The gather owns its tasks: each tells it of its end, and nothing is allocated. A handle that
 * stands there twice is one task: its later places are answered from its first. When an error ends
 * the wait early, the tasks that still run are detached, quietly.
 */
#include "task/task.h"

#include <coil/gather.h>

#include <errno.h>

struct gather {
    struct coil__owner owner;
    struct coil__wait wait;
    struct coil__list running; /* of coil_task.owner_link */
    struct coil_task *self;
    int *results; /* the caller's, or NULL: the first error ends the wait */
    size_t left;  /* tasks that have not ended */
    int first_error;
    bool is_cancelled; /* its tasks were asked to end, and are waited for */
    bool is_starting;  /* the tasks are being collected: nothing to wake yet */
    bool has_duplicates;
};

static bool is_over(const struct gather *g)
{
    return g->left == 0 || (!g->results && !g->is_cancelled && g->first_error < 0);
}

static void wake(struct gather *g)
{
    if (!g->is_starting && is_over(g) && g->self->wait == &g->wait) {
        coil__task_wake(g->self);
    }
}

static void record(struct gather *g, size_t index, int rc)
{
    if (rc < 0 && g->first_error == 0) {
        g->first_error = rc;
    }
    if (g->results) {
        g->results[index] = rc;
    }
}

static void child_done(struct coil__owner *owner, struct coil_task *task)
{
    struct gather *g = COIL__CONTAINER(owner, struct gather, owner);

    coil__list_remove(&task->owner_link);
    g->left--;
    record(g, task->owner_index, task->rc);
    wake(g);
}

static void cancel_children(struct gather *g)
{
    const struct coil_scope *cause = g->self->cancel;

    g->is_cancelled = true;
    g->wait.interrupt = NULL;
    COIL__LIST_FOREACH_SAFE(&g->running, link) {
        coil__task_cancel(COIL__CONTAINER(link, struct coil_task, owner_link), cause->origin_,
                          "the gather that waits for it was cancelled");
    }
}

static void interrupt(struct coil_task *task, struct coil__wait *wait)
{
    (void)task;
    cancel_children(COIL__CONTAINER(wait, struct gather, wait));
}

/* The first place at which this handle stands. */
static size_t find_first(struct coil_task *const *tasks, size_t index)
{
    size_t first = 0;

    while (tasks[first] != tasks[index]) {
        first++;
    }
    return first;
}

/* Hands the task over to the gather. A handle that is ours, or stale because it had ended and was
 * consumed at its first place, is a duplicate. */
static int take_over(struct gather *g, struct coil_task *const *tasks, size_t index)
{
    struct coil_task *task;
    int rc = coil__task_find_owned(tasks[index], &task);

    if (tasks[index] == coil__task_handle(g->self)) {
        return -EDEADLK;
    }
    if (rc == -COIL_ESTALE && find_first(tasks, index) != index) {
        g->has_duplicates = true;
        return 0;
    }
    if (rc == 0 && task->loop != g->self->loop) {
        rc = -COIL_EWRONGTHREAD;
    }
    if (rc < 0) {
        return rc;
    }
    g->left++;
    coil__list_push_tail(&g->running, &task->owner_link); /* out again at once if it has ended */
    return coil__task_adopt(tasks[index], &g->owner, index);
}

static void collect(struct gather *g, struct coil_task *const *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int rc = take_over(g, tasks, i);

        if (rc < 0) {
            record(g, i, rc);
        }
    }
}

static void answer_duplicates(struct coil_task *const *tasks, size_t count, int *results)
{
    for (size_t i = 0; i < count; i++) {
        results[i] = results[find_first(tasks, i)];
    }
}

static void give_up_running(struct gather *g)
{
    struct coil__list *link;

    while ((link = coil__list_pop_head(&g->running))) {
        struct coil_task *task = COIL__CONTAINER(link, struct coil_task, owner_link);

        task->owner_kind = COIL__OWNED_BY_NOBODY;
        task->marks |= COIL__TASK_QUIET;
    }
}

int coil_gather(struct coil_task *const *tasks, size_t count, int *ret_results)
{
    struct coil_task *self = coil__thread.task;
    struct gather g = {
        .owner.child_done = child_done,
        .wait = {.interrupt = interrupt, .what = "gather"},
        .self = self,
        .results = ret_results,
        .is_starting = true,
    };

    if (!self) {
        return coil__no_task();
    }
    if (!tasks && count > 0) {
        return -EINVAL;
    }
    coil__list_init(&g.running);
    collect(&g, tasks, count);
    g.is_starting = false;
    if (self->cancel && !is_over(&g)) {
        cancel_children(&g);
    }
    while (!is_over(&g)) {
        coil__suspend(self, &g.wait);
    }
    give_up_running(&g);
    if (ret_results && g.has_duplicates) {
        answer_duplicates(tasks, count, ret_results);
    }
    if (g.is_cancelled) {
        return coil__cancel_error(self);
    }
    return ret_results ? 0 : g.first_error;
}
