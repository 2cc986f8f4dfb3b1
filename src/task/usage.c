/* usage.c - how much stack the tasks of each function have used.
 *
 * Where that is asked for, no ended task is kept for the next one, so that every task passes by
 * here with its memory: it begins on a stack that is all zero, and what is not zero at its end was
 * used. Fresh memory is zero by itself; so nothing is filled with a pattern, and a stack of which
 * little is used costs no more memory than else.
 */
#include "task/task.h"

#include "base/memory.h"

#include <coil/stack.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 4096 };

struct entry {
    struct coil_stack_use public; /* tasks: those that have ended */
    uint64_t living;              /* counted anew for each look */
};

struct coil__usage {
    struct coil__closer closer;
    struct entry *entries;
    size_t count;
    size_t max;
    bool is_incomplete; /* there was no memory for an entry */
};

static void forget(struct coil__closer *closer)
{
    struct coil__usage *usage = COIL__CONTAINER(closer, struct coil__usage, closer);

    coil__free(usage->entries);
    coil__free(usage);
}

/* Tried again with the next task, where there is no memory. */
static void open_table(struct coil_loop *loop)
{
    loop->usage = coil__calloc(1, sizeof *loop->usage);
    if (loop->usage) {
        loop->usage->closer.end = forget;
        loop->usage->closer.forget = forget;
        coil__list_push_tail(&loop->closers, &loop->usage->closer.link);
        loop->free_task_count = UINT_MAX; /* none is kept: there are too many already */
    }
}

/* NULL: no memory. */
static struct entry *find(struct coil__usage *usage, const struct coil_task *task)
{
    struct entry *entry;

    for (size_t i = 0; i < usage->count; i++) {
        entry = &usage->entries[i];
        if (entry->public.fn == task->fn && entry->public.size == task->stack.size - GUARD) {
            return entry;
        }
    }
    if (usage->count == usage->max) {
        size_t max = 2 * usage->max + 16;

        entry = coil__realloc_array(usage->entries, max, sizeof *entry);
        if (!entry) {
            usage->is_incomplete = true;
            return NULL;
        }
        usage->entries = entry;
        usage->max = max;
    }
    entry = &usage->entries[usage->count++];
    *entry = (struct entry){.public = {.fn = task->fn, .size = task->stack.size - GUARD}};
    return entry;
}

static struct entry *note(struct coil__usage *usage, struct coil_task *task)
{
    struct entry *entry = find(usage, task);
    size_t used = coil__stack_measure(&task->stack, (char *)task);

    if (entry && entry->public.max_used < used) {
        entry->public.max_used = used;
    }
    return entry;
}

void coil__usage_begin(struct coil_task *task)
{
    if (!task->loop->usage) {
        open_table(task->loop);
    }
    if (task->loop->usage) {
        coil__stack_wipe(&task->stack, (char *)task);
        task->marks |= COIL__TASK_MARKED;
    }
}

/* On that very stack: what this needs counts as well. */
void coil__usage_end(struct coil_task *task)
{
    struct entry *entry = note(task->loop->usage, task);

    if (entry) {
        entry->public.tasks++;
    }
}

static void look_at(struct coil_task *task, void *user)
{
    struct entry *entry;

    if (task->state == COIL__TASK_LIVE) {
        entry = note(user, task);
        if (entry) {
            entry->living++;
        }
    }
}

/* The deepest first; of those, and that is for a stable order, what was met first. */
static int compare(const void *a, const void *b)
{
    const struct coil_stack_use *x = a;
    const struct coil_stack_use *y = b;

    return (x->max_used < y->max_used) - (x->max_used > y->max_used);
}

ssize_t coil_stack_usage(struct coil_stack_use *ret_usage, size_t max)
{
    struct coil_loop *loop = coil__thread.loop;
    struct coil_stack_use *all;
    struct coil__usage *usage;

    if (!loop) {
        return coil__no_task();
    }
    if (!ret_usage && max > 0) {
        return -EINVAL;
    }
    usage = loop->usage;
    if (!usage) {
        if (!loop->measures_stacks) {
            return -ENOTSUP;
        }
        return coil__counter_get(&loop->task_count) > 0 ? -ENOMEM : 0;
    }
    for (size_t i = 0; i < usage->count; i++) {
        usage->entries[i].living = 0;
    }
    coil__tasks_each(loop, look_at, usage);
    all = usage->is_incomplete ? NULL : coil__calloc(usage->count + 1, sizeof *all);
    if (!all) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < usage->count; i++) {
        all[i] = usage->entries[i].public;
        all[i].tasks += usage->entries[i].living;
    }
    qsort(all, usage->count, sizeof *all, compare);
    if (max > 0) {
        memcpy(ret_usage, all, (usage->count < max ? usage->count : max) * sizeof *all);
    }
    coil__free(all);
    return (ssize_t)usage->count;
}
