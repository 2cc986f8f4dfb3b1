/* deadlock.c - every task waits, and nothing can wake any of them.
 *
 * The loop asks here before a wait that no timer, no operation, no thread of a pool, no child and
 * no task in a queue between threads will end (coil__loop_is_idle). What is left are calls from
 * outside: a watch of signals, the hooks of an embedder, another thread, a signal handler. The last
 * two need the loop's address, which nobody has of a loop of coil_run unless the program has asked
 * for it; if it has, the process must be alone. A sleep without an end is a wait for a cancel, by
 * SIGINT for instance, and on purpose.
 *
 * The end takes the mildest means that lets somebody go on, again and again: all tasks are
 * cancelled; those that a shield keeps from hearing it lose the shield; who must get a lock back
 * before it can go on gets it; and who waits for a cancelled task that waits for it in turn is let
 * go.
 */
#include "task/inspect.h"

#include "base/memory.h"
#include "sys/alone.h"
#include "task/frames.h"

#include <errno.h>

static const char sentence[] = "deadlock: every task waits, and nothing can wake any of them";

enum { TEXT_SIZE = 8192, TASKS_TOLD = 12 };

static bool is_certain(const struct coil_loop *loop)
{
    if (coil__counter_get(&loop->task_count) == 0 || loop->endless_sleeps > 0 ||
        loop->hears_signals || loop->before_wait || loop->after_wait) {
        return false;
    }
    return !loop->is_handed_out || coil__is_alone(loop->watchdog != NULL);
}

/* --- the report --- */

struct told {
    struct coil__text text;
    struct coil__line_cache *cache; /* NULL: no memory for it */
};

/* The call that the task is in, and the line that has made it. */
static void tell_place(struct told *told, const struct coil_task_info *info)
{
    const struct coil__lines *lines;
    const char *call = NULL;
    size_t frame = coil__frames_skip(told->cache, info);

    if (frame < info->frame_count) {
        call = coil__lines_call(coil__lines_get(told->cache, info->frames[frame]));
    }
    if (call) {
        coil__text_add(&told->text, "\n    in %s", call);
        frame++;
    }
    lines = coil__lines_get(told->cache, frame < info->frame_count ? info->frames[frame]
                                                                   : (const char *)info->fn + 1);
    coil__text_add(&told->text, call ? ", called by " : "\n    at ");
    coil__frame_text(&told->text, &lines->frames[0]);
}

static void tell_task(struct told *told, const struct coil_task_info *info)
{
    coil__text_add(&told->text, "\n  ");
    coil__task_sentence(&told->text, info);
    if (told->cache) {
        tell_place(told, info);
    }
}

/* Those of the cycle first: they are what is to be looked at. */
static void tell_graph(struct told *told, const struct coil_task_graph *graph)
{
    size_t count = 0;

    if (graph->cycle_count > 0) {
        coil__text_add(&told->text, "\n  the cycle: ");
        coil__cycle_sentence(&told->text, graph);
    }
    for (size_t i = 0; i < graph->count && count < TASKS_TOLD; i++, count++) {
        tell_task(told, &graph->tasks[i]);
    }
    if (graph->count > count) {
        coil__text_add(&told->text, "\n  and %zu more tasks", graph->count - count);
    }
}

static void report(struct coil_loop *loop)
{
    struct told told = {.text = {.start = coil__malloc(TEXT_SIZE), .size = TEXT_SIZE}};
    struct coil_report report = {.message = sentence, .error = -EDEADLK};
    struct coil_task_graph *graph;

    loop->is_reporting = true;
    if (told.text.start && coil_capture_tasks(&graph) == 0) {
        if (coil__line_cache_new(&told.cache) < 0) {
            told.cache = NULL;
        }
        coil__text_add(&told.text, "%s", sentence);
        tell_graph(&told, graph);
        report.message = told.text.start;
        coil_task_graph_free(graph);
    }
    loop->is_reporting = false;
    coil__loop_report(loop, &report);
    coil__free(told.cache);
    coil__free(told.text.start);
}

/* --- the end --- */

static void cancel(struct coil_task *task, void *user)
{
    (void)user;
    if (task->state < COIL__TASK_ENDING && task->root.error_ == 0) {
        coil__task_cancel(task, NULL, sentence);
    }
}

static void lift_shields(struct coil_task *task, void *user)
{
    (void)user;
    if (task->state != COIL__TASK_LIVE) {
        return;
    }
    for (struct coil_scope *s = task->scope; s; s = s->parent_) {
        if (s->kind_ == COIL__SCOPE_SHIELD) {
            s->kind_ = COIL__SCOPE_DEADLINE;
        }
    }
    coil__scope_update(task);
}

/* One at a time: who gets it may give others what they wait for. */
static void release_one(struct coil_task *task, void *user)
{
    const struct coil__lock_class *locks = task->loop->locks;

    (void)user;
    if (!task->loop->ready.head && task->state == COIL__TASK_LIVE && task->wait && locks) {
        locks->release(task->wait);
    }
}

/* The same for tasks that wait for the end of others, which were cancelled but wait for them. */
static void part_one(struct coil_task *task, void *user)
{
    struct coil__wait *wait = task->wait;

    (void)user;
    if (!task->loop->ready.head && task->state == COIL__TASK_LIVE && wait && wait->interrupt &&
        task->cancel) {
        wait->interrupt(task, wait);
    }
}

/* Until somebody can go on: by the mildest means that is left. */
static void break_up(struct coil_loop *loop)
{
    coil__tasks_each(loop, cancel, NULL); /* whoever is not, or has taken it back */
    if (!loop->ready.head) {
        coil__tasks_each(loop, lift_shields, NULL);
    }
    if (!loop->ready.head) {
        coil__tasks_each(loop, release_one, NULL);
    }
    if (!loop->ready.head) {
        loop->is_breaking = true;
        coil__tasks_each(loop, part_one, NULL);
        loop->is_breaking = false;
    }
}

void coil__deadlock_look(struct coil_loop *loop)
{
    if (!is_certain(loop)) {
        return;
    }
    if (!loop->is_deadlocked) {
        loop->is_deadlocked = true;
        report(loop);
    }
    break_up(loop);
}
