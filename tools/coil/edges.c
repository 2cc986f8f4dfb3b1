/* edges.c - who awaits whom: what src/task/capture.c does inside of the process. */
#include "loop.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    uint64_t x = ((const struct found *)a)->address;
    uint64_t y = ((const struct found *)b)->address;

    return (x > y) - (x < y);
}

static const struct found *find(const struct reading *reading, uint64_t address)
{
    struct found key = {.address = address};

    return reading->count > 0 ? bsearch(&key, reading->found, reading->count, sizeof key, compare)
                              : NULL;
}

static int add_edge(struct reading *reading, uint64_t awaiter, const struct found *awaited,
                    bool is_now)
{
    const struct found *found = awaiter != 0 ? find(reading, awaiter) : NULL;

    if (!found) {
        return 0;
    }
    if (reading->edge_count == reading->edge_max) {
        size_t max = 2 * reading->edge_max + 16;
        struct coil__edge *grown = coil__realloc_array(reading->edges, max, sizeof *grown);

        if (!grown) {
            return -ENOMEM;
        }
        reading->edges = grown;
        reading->edge_max = max;
    }
    reading->edges[reading->edge_count++] = (struct coil__edge){
        .awaiter = found->index,
        .awaited = awaited->index,
        .is_now = is_now,
    };
    return 0;
}

/* The waiter's `waiting` says where the task is named that waits by it. */
static uint64_t waiting_of(const struct reading *reading, uint64_t waiter)
{
    uint64_t waiting = read_word(reading->memory, waiter + reading->layout->waiter_waiting);

    return waiting != 0 ? read_word(reading->memory, waiting) : 0;
}

/* Goes along a list of awaiters or waiters: no further than a list can be, as one that is damaged
 * may have no end. */
static int follow(struct reading *reading, const struct found *task, uint64_t head, uint64_t next,
                  bool is_waiters)
{
    const struct coil__layout *layout = reading->layout;
    size_t before = reading->edge_count;
    int rc = 0;

    while (rc == 0 && next != 0 && next != head && reading->links_left > 0) {
        uint64_t awaiter =
            is_waiters
                ? waiting_of(reading, next - layout->waiter_link)
                : read_word(reading->memory, next - layout->awaiter_link + layout->awaiter_self);

        reading->links_left--;
        rc = add_edge(reading, awaiter, task, true);
        next = read_word(reading->memory, next + offsetof(struct coil__list, next));
    }
    if (rc == 0 && next != head) {
        reading->edge_count = before; /* it led elsewhere */
    }
    return rc;
}

static int read_awaiters(struct reading *reading, const struct found *task)
{
    const struct coil__layout *layout = reading->layout;
    int rc = 0;

    if (task->awaiter != 0) {
        rc = add_edge(reading, read_word(reading->memory, task->awaiter + layout->awaiter_self),
                      task, true);
    }
    if (rc == 0) {
        rc = follow(reading, task, task->address + layout->task_awaiters, task->awaiters_next,
                    false);
    }
    if (rc == 0) {
        rc = follow(reading, task, task->address + layout->task_waiters, task->waiters_next, true);
    }
    if (rc == 0 && task->owner != 0) {
        unsigned char is_awaited = 0;

        (void)memory_read(reading->memory, task->owner + layout->owner_is_awaited, &is_awaited, 1);
        rc = add_edge(reading, read_word(reading->memory, task->owner + layout->owner_leader), task,
                      is_awaited != 0);
    }
    return rc;
}

static void read_holder(const struct reading *reading, const struct found *task)
{
    struct coil_task_info *info = &reading->result->graph->infos[task->index];
    const struct found *holder;
    uint64_t list, handle;

    if (task->lock_wait == 0) {
        return;
    }
    list = read_word(reading->memory, task->lock_wait + reading->lock_list);
    handle = list != 0 ? read_word(reading->memory, list + reading->lock_holder) : 0;
    info->waits_for_lock = true;
    if (handle != 0) {
        holder = find(reading, (handle ^ reading->mark) & ~(uint64_t)(COIL__HANDLE_ALIGN - 1));
        if (holder && ((handle ^ holder->generation) & (COIL__HANDLE_ALIGN - 1)) == 0) {
            info->holder = &reading->result->graph->infos[holder->index];
        }
        info->has_lost_lock = !info->holder;
    }
}

int read_edges(struct reading *reading)
{
    int rc = 0;

    if (reading->count > 0) {
        qsort(reading->found, reading->count, sizeof *reading->found, compare);
    }
    for (size_t i = 0; i < reading->count && rc == 0; i++) {
        rc = read_awaiters(reading, &reading->found[i]);
        read_holder(reading, &reading->found[i]);
    }
    return rc < 0 ? rc
                  : coil__graph_link(reading->result->graph, reading->edges, reading->edge_count);
}
