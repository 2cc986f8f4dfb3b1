/* capture.c - what all tasks of a loop are doing, and who awaits whom, as a structure.
 *
 * Tasks are found by their stacks (coil__tasks_each), put in the order of their ids, and looked at
 * one by one; then each says who awaits it, which gives the edges of the graph. A task that others
 * see as suspended has its stack walked from its saved context. The one on whose stack this runs
 * is known by that: the thread's current task is not always named (in an error handler).
 */
#include "task/inspect.h"

#include "base/memory.h"
#include "sys/backtrace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FRAMES = 64 };

struct entry {
    struct coil_task *task;
    struct coil_task_info *info;
};

struct capture {
    struct coil__graph *graph;
    struct coil_loop *loop;
    struct entry *entries; /* sorted by id first, then by address */
    size_t count;          /* of those that are looked at: at most `most` */
    size_t max;
    size_t most;
    size_t frame_count;
    size_t frame_max;
    struct coil__edge *edges;
    size_t edge_count;
    size_t edge_max;
    int rc;
};

/* --- the tasks --- */

static void collect(struct coil_task *task, void *user)
{
    struct capture *capture = user;

    if (task->state < COIL__TASK_ENDING && capture->count < capture->max) {
        capture->entries[capture->count++].task = task;
    }
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = ((const struct entry *)a)->task->id;
    uint64_t y = ((const struct entry *)b)->task->id;

    return (x > y) - (x < y);
}

static int compare_addresses(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct entry *)a)->task;
    uintptr_t y = (uintptr_t)((const struct entry *)b)->task;

    return (x > y) - (x < y);
}

/* NULL for one that has ended. Sorted by address. */
static struct coil_task_info *find(const struct capture *capture, const struct coil_task *task)
{
    struct entry key = {.task = (struct coil_task *)(uintptr_t)task};
    const struct entry *found = bsearch(&key, capture->entries, capture->count,
                                        sizeof *capture->entries, compare_addresses);

    return found ? found->info : NULL;
}

/* --- one task --- */

/* The calling stack is the task's. */
static bool is_here(const struct coil_task *task)
{
    const char *here = __builtin_frame_address(0);

    return here >= task->stack.low && here < (const char *)task;
}

static void describe_state(const struct capture *capture, const struct coil_task *task,
                           struct coil_task_info *info)
{
    const struct coil__wait *wait = task->wait;

    info->fd = -1;
    info->until = COIL_NEVER;
    info->waited_ns = -1;
    if (task->state == COIL__TASK_NEW) {
        info->state = COIL_TASK_NEW;
    } else if (is_here(task)) {
        info->state = COIL_TASK_RUNNING;
    } else if (!wait) {
        info->state = COIL_TASK_READY;
    } else {
        info->state = COIL_TASK_WAITING;
        info->what = wait->what;
        info->fd = coil__wait_fd(wait);
        info->until = coil__wait_until(wait);
        if (capture->loop->debug) {
            int64_t span = coil_loop_now(capture->loop) - task->since;

            info->waited_ns = span > 0 ? span : 0;
        }
    }
}

/* The cancel that a shield keeps away counts as well, if there is no nearer one. */
static void describe_cancel(const struct coil_task *task, struct coil_task_info *info)
{
    const struct coil_scope *cause = task->cancel;

    for (const struct coil_scope *s = task->scope; !task->cancel && s; s = s->parent_) {
        if (s->error_ != 0) {
            cause = s;
        }
    }
    if (cause) {
        info->cancel_error = cause->error_;
        info->cancel_reason = cause->reason_;
        info->cancel_site = cause->origin_;
        info->is_cancel_shielded = !task->cancel;
    }
}

static int add_frames(struct capture *capture, const struct coil_task *task,
                      struct coil_task_info *info)
{
    void *frames[MAX_FRAMES];
    size_t count = 0;

    if (info->state == COIL_TASK_RUNNING) {
        count = coil__backtrace_here(frames, MAX_FRAMES);
    } else if (info->state != COIL_TASK_NEW) {
        count = coil__backtrace_of(&task->coro.context, frames, MAX_FRAMES);
    }
    if (capture->frame_count + count > capture->frame_max) {
        size_t max = 2 * capture->frame_max + MAX_FRAMES;
        void **grown = coil__realloc_array(capture->graph->frames, max, sizeof *grown);

        if (!grown) {
            return -ENOMEM;
        }
        capture->graph->frames = grown;
        capture->frame_max = max;
    }
    memcpy(capture->graph->frames + capture->frame_count, frames, count * sizeof *frames);
    info->frame_count = count;
    capture->frame_count += count;
    return 0;
}

static int describe(struct capture *capture, const struct coil_task *task,
                    struct coil_task_info *info)
{
    info->id = task->id;
    if (task->name[0] == '\0') {
        coil__task_usual_name(info->name, task->id);
    } else {
        memcpy(info->name, task->name, sizeof info->name);
    }
    info->site = task->site;
    info->fn = (const void *)(uintptr_t)task->fn;
    describe_state(capture, task, info);
    describe_cancel(task, info);
    return add_frames(capture, task, info);
}

/* --- who awaits whom --- */

static void add_edge(struct capture *capture, const struct coil_task *awaiter,
                     const struct coil_task_info *awaited, bool is_now)
{
    const struct coil_task_info *info = awaiter ? find(capture, awaiter) : NULL;

    if (!info) {
        return;
    }
    if (capture->edge_count == capture->edge_max) {
        size_t max = 2 * capture->edge_max + 16;
        struct coil__edge *grown = coil__realloc_array(capture->edges, max, sizeof *grown);

        if (!grown) {
            capture->rc = -ENOMEM;
            return;
        }
        capture->edges = grown;
        capture->edge_max = max;
    }
    capture->edges[capture->edge_count++] = (struct coil__edge){
        .awaiter = (size_t)(info - capture->graph->infos),
        .awaited = (size_t)(awaited - capture->graph->infos),
        .is_now = is_now,
    };
}

static void add_awaiters(struct capture *capture, const struct coil_task *task,
                         const struct coil_task_info *info)
{
    const struct coil__owner *owner =
        task->owner_kind == COIL__OWNED_BY_OBJECT ? task->owner : NULL;

    if (task->awaiter) {
        add_edge(capture, task->awaiter->self, info, true);
    }
    if (task->awaiters.next) {
        COIL__LIST_FOREACH(&task->awaiters, link) {
            add_edge(capture, COIL__CONTAINER(link, struct coil__awaiter, link)->self, info, true);
        }
    }
    if (task->waiters.next) {
        COIL__LIST_FOREACH(&task->waiters, link) {
            const struct coil__waiter *waiter = COIL__CONTAINER(link, struct coil__waiter, link);

            add_edge(capture, waiter->waiting ? *waiter->waiting : NULL, info, true);
        }
    }
    if (owner) {
        add_edge(capture, owner->leader, info, owner->is_awaited);
    }
}

static void find_holder(struct capture *capture, const struct coil_task *task,
                        struct coil_task_info *info)
{
    const struct coil__lock_class *locks = capture->loop->locks;
    struct coil_task *holder;
    struct coil_task *handle;

    if (info->state != COIL_TASK_WAITING || !locks || !locks->get_holder(task->wait, &handle)) {
        return;
    }
    info->waits_for_lock = true;
    if (handle) {
        bool is_there = coil__task_look(handle, &holder) == 0 && holder->state < COIL__TASK_ENDING;

        info->holder = is_there ? find(capture, holder) : NULL;
        info->has_lost_lock = !is_there;
    }
}

/* --- all of them --- */

static int describe_all(struct capture *capture)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < capture->count; i++) {
        capture->entries[i].info = &capture->graph->infos[i];
        rc = describe(capture, capture->entries[i].task, capture->entries[i].info);
    }
    return rc;
}

static int connect_all(struct capture *capture)
{
    qsort(capture->entries, capture->count, sizeof *capture->entries, compare_addresses);
    for (size_t i = 0; i < capture->count; i++) {
        add_awaiters(capture, capture->entries[i].task, capture->entries[i].info);
        find_holder(capture, capture->entries[i].task, capture->entries[i].info);
    }
    if (capture->rc < 0) {
        return capture->rc;
    }
    return coil__graph_link(capture->graph, capture->edges, capture->edge_count);
}

static int fill(struct capture *capture)
{
    struct coil__graph *graph = capture->graph;
    int rc;

    capture->entries = coil__calloc(capture->max, sizeof *capture->entries);
    graph->infos = coil__calloc(capture->max, sizeof *graph->infos);
    if (!capture->entries || !graph->infos) {
        return -ENOMEM;
    }
    coil__tasks_each(capture->loop, collect, capture);
    graph->all = capture->count;
    qsort(capture->entries, capture->count, sizeof *capture->entries, compare_ids);
    capture->count = capture->count < capture->most ? capture->count : capture->most;
    graph->public.tasks = graph->infos;
    graph->public.count = capture->count;
    rc = describe_all(capture);
    if (rc == 0) {
        coil__graph_point_to_frames(graph);
        rc = connect_all(capture);
    }
    return rc;
}

int coil__capture_oldest(size_t most, struct coil_task_graph **ret_graph)
{
    struct capture capture = {.loop = coil__thread.loop, .most = most};
    int rc;

    if (!capture.loop) {
        return coil__no_task();
    }
    if (!ret_graph) {
        return -EINVAL;
    }
    capture.max = coil__counter_get(&capture.loop->task_count) + 1; /* one may just be ending */
    capture.graph = coil__calloc(1, sizeof *capture.graph);
    rc = capture.graph ? fill(&capture) : -ENOMEM;
    coil__free(capture.entries);
    coil__free(capture.edges);
    if (rc < 0) {
        coil_task_graph_free(capture.graph ? &capture.graph->public : NULL);
        return rc;
    }
    *ret_graph = &capture.graph->public;
    return 0;
}

int coil_capture_tasks(struct coil_task_graph **ret_graph)
{
    return coil__capture_oldest(SIZE_MAX, ret_graph);
}

size_t coil__graph_all(const struct coil_task_graph *graph)
{
    return COIL__CONTAINER(graph, struct coil__graph, public)->all;
}
