/* cycle.c - tasks of a captured graph that wait for each other.
 *
 * A search in depth along "waits for": whom a task awaits, and who holds the lock that it waits
 * for. Who is met again while still on the path closes a cycle. The path is an array, not a
 * recursion: chains may be as long as there are tasks.
 */
#include "task/inspect.h"

#include "base/memory.h"

#include <errno.h>

enum { UNSEEN, ON_PATH, FINISHED };

struct step {
    size_t next_edge; /* of its own, still to be followed */
    size_t end_edge;
    unsigned char color;
    bool has_asked_holder;
};

struct search {
    struct coil__graph *graph;
    const struct coil__edge *edges;
    size_t count; /* of tasks */
    struct step *steps;
    size_t *path;
    size_t depth;
};

static void set_edges(struct search *search, size_t edge_count)
{
    size_t edge = 0;

    for (size_t i = 0; i < search->count; i++) {
        search->steps[i].next_edge = edge;
        while (edge < edge_count && search->edges[edge].awaiter == i) {
            edge++;
        }
        search->steps[i].end_edge = edge;
    }
}

/* The next one that the task waits for; false: that were all. */
static bool follow(struct search *search, size_t task, size_t *ret_task)
{
    const struct coil_task_info *holder = search->graph->infos[task].holder;
    struct step *step = &search->steps[task];

    if (!step->has_asked_holder && holder) {
        step->has_asked_holder = true;
        *ret_task = (size_t)(holder - search->graph->infos);
        return true;
    }
    while (step->next_edge < step->end_edge) {
        const struct coil__edge *edge = &search->edges[step->next_edge++];

        if (edge->is_now && search->graph->infos[task].state == COIL_TASK_WAITING) {
            *ret_task = edge->awaited;
            return true;
        }
    }
    return false;
}

static void push(struct search *search, size_t task)
{
    search->steps[task].color = ON_PATH;
    search->path[search->depth++] = task;
}

/* The task that was met again, which stands on the path, or `count`. */
static size_t search_from(struct search *search, size_t first)
{
    push(search, first);
    while (search->depth > 0) {
        size_t task = search->path[search->depth - 1];
        size_t next;

        if (!follow(search, task, &next)) {
            search->steps[task].color = FINISHED;
            search->depth--;
        } else if (search->steps[next].color == ON_PATH) {
            return next;
        } else if (search->steps[next].color == UNSEEN) {
            push(search, next);
        }
    }
    return search->count;
}

static int keep(struct search *search, size_t again)
{
    struct coil__graph *graph = search->graph;
    size_t first = 0;

    while (search->path[first] != again) {
        first++;
    }
    graph->cycle = coil__calloc(search->depth - first, sizeof *graph->cycle);
    if (!graph->cycle) {
        return -ENOMEM;
    }
    for (size_t i = first; i < search->depth; i++) {
        graph->cycle[i - first] = &graph->infos[search->path[i]];
    }
    graph->public.cycle = graph->cycle;
    graph->public.cycle_count = search->depth - first;
    return 0;
}

int coil__graph_find_cycle(struct coil__graph *graph, const struct coil__edge *edges,
                           size_t edge_count)
{
    struct search search = {.graph = graph, .edges = edges, .count = graph->public.count};
    size_t again = search.count;
    int rc = -ENOMEM;

    search.steps = coil__calloc(search.count + 1, sizeof *search.steps);
    search.path = coil__calloc(search.count + 1, sizeof *search.path);
    if (search.steps && search.path) {
        set_edges(&search, edge_count);
        for (size_t i = 0; i < search.count && again == search.count; i++) {
            if (search.steps[i].color == UNSEEN) {
                again = search_from(&search, i);
            }
        }
        rc = again < search.count ? keep(&search, again) : 0;
    }
    coil__free(search.steps);
    coil__free(search.path);
    return rc;
}
