/* gather.c - waiting for all of many tasks.
 *
 * The gather owns its tasks: each tells it of its end, and nothing is allocated. A handle that
 * stands there twice is one task: its later places are answered with its first. While the task runs
 * they are a ring in the caller's results: each of its places holds the number of another one, and
 * that of the first place is enough to find them all. When an error ends the wait early, the tasks
 * that still run are detached, quietly.
 */
#include "task/task.h"

#include <coil/gather.h>

#include <errno.h>
#include <limits.h>

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

static void note_error(struct gather *g, int rc)
{
    if (rc < 0 && g->first_error == 0) {
        g->first_error = rc;
    }
}

/* The result of a task, for all its places. */
static void record(struct gather *g, size_t first, int rc)
{
    size_t at = first;

    note_error(g, rc);
    if (!g->results) {
        return;
    }
    do {
        size_t next = (size_t)g->results[at];

        g->results[at] = rc;
        at = next;
    } while (COIL__UNLIKELY(at != first));
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
    COIL__LIST_FOREACH_SAFE(&g->running, link) {
        coil__task_cancel(COIL__CONTAINER(link, struct coil_task, owner_link), cause->origin_,
                          "the gather that waits for it was cancelled");
    }
}

/* A deadlock is broken up: what was cancelled will not end as long as this waits for it. */
static void leave_children(struct gather *g)
{
    COIL__LIST_FOREACH(&g->running, link) {
        record(g, COIL__CONTAINER(link, struct coil_task, owner_link)->owner_index, -ECANCELED);
    }
    g->left = 0;
    wake(g);
}

static void interrupt(struct coil_task *task, struct coil__wait *wait)
{
    struct gather *g = COIL__CONTAINER(wait, struct gather, wait);

    if (!g->is_cancelled) {
        cancel_children(g);
    } else if (task->loop->is_breaking) {
        leave_children(g);
    }
}

/* True for a handle that the gather took over at an earlier place: it is stale by now, but what was
 * noted in the task then is still there. (In the memory of another task, or of one that an earlier
 * gather had, that place holds another handle, or is none.) */
static bool stands_before(const struct gather *g, struct coil_task *const *tasks, size_t index,
                          const struct coil_task *task)
{
    return task->owner == &g->owner && task->owner_index < index &&
           tasks[task->owner_index] == tasks[index];
}

/* One more place of a task that runs, or has ended already. */
static void add_place(struct gather *g, size_t index, const struct coil_task *task)
{
    size_t first = task->owner_index;

    if (g->results) {
        bool is_running = coil__list_is_linked(&task->owner_link);

        g->results[index] = g->results[first];
        g->results[first] = is_running ? (int)index : g->results[first];
    }
}

/* Hands the task over to the gather. 0, or why it cannot be had. */
static int take_over(struct gather *g, struct coil_task *const *tasks, size_t index)
{
    struct coil_task *task;
    int rc = coil__task_look_owned(tasks[index], &task);

    if (tasks[index] == coil__task_handle(g->self)) {
        rc = -EDEADLK;
    }
    if (rc == -COIL_ESTALE && stands_before(g, tasks, index, task)) {
        add_place(g, index, task);
        return 0;
    }
    if (rc == 0 && task->loop != g->self->loop) {
        rc = -COIL_EWRONGTHREAD;
    }
    if (rc < 0) {
        return coil__task_refuse(rc, tasks[index]);
    }
    g->left++;
    if (g->results) {
        g->results[index] = (int)index;
    }
    coil__list_push_tail(&g->running, &task->owner_link); /* out again at once if it has ended */
    return coil__task_adopt(tasks[index], &g->owner, index);
}

static void collect(struct gather *g, struct coil_task *const *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int rc = take_over(g, tasks, i);

        if (rc < 0) {
            note_error(g, rc);
            if (g->results) {
                g->results[i] = rc;
            }
        }
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
        .owner = {.child_done = child_done, .leader = self, .is_awaited = true},
        .wait = {.interrupt = interrupt, .what = "gather"},
        .self = self,
        .results = ret_results,
        .is_starting = true,
    };

    if (!self) {
        return coil__no_task();
    }
    if ((!tasks && count > 0) || count > INT_MAX) {
        return coil__misuse_told(-EINVAL, "coil_gather was given NULL for its tasks, or a count "
                                          "that is out of range");
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
    if (g.is_cancelled) {
        return coil__cancel_error(self);
    }
    return ret_results ? 0 : g.first_error;
}
