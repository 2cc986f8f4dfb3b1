/* graph.c - the links of a captured graph, out of its edges. */
#include "task/inspect.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>

static int compare_edges(const void *a, const void *b)
{
    const struct coil__edge *x = a;
    const struct coil__edge *y = b;

    if (x->awaiter != y->awaiter) {
        return x->awaiter < y->awaiter ? -1 : 1;
    }
    return (x->awaited > y->awaited) - (x->awaited < y->awaited);
}

/* Gives each info its part of the links. Edges are sorted by awaiter, so the awaited of each stand
 * together; those that await it are put where the counts say, in the same order. */
static void link_infos(struct coil__graph *graph, const struct coil__edge *edges, size_t count)
{
    struct coil_task_info *infos = graph->infos;
    const struct coil_task_info **awaiters = graph->links;
    const struct coil_task_info **awaited = awaiters + count;

    for (size_t i = 0; i < count; i++) {
        infos[edges[i].awaiter].awaited_count++;
        infos[edges[i].awaited].awaiter_count++;
    }
    for (size_t i = 0; i < graph->public.count; i++) {
        infos[i].awaiters = awaiters;
        infos[i].awaited = awaited;
        awaiters += infos[i].awaiter_count;
        awaited += infos[i].awaited_count;
        infos[i].awaiter_count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct coil_task_info *to = &infos[edges[i].awaited];
        size_t place = (size_t)(to->awaiters - graph->links) + to->awaiter_count++;

        graph->links[place] = &infos[edges[i].awaiter];
        graph->links[count + i] = to;
    }
}

int coil__graph_link(struct coil__graph *graph, struct coil__edge *edges, size_t count)
{
    graph->links = coil__calloc(2 * count + 1, sizeof *graph->links);
    if (!graph->links) {
        return -ENOMEM;
    }
    if (count > 0) {
        qsort(edges, count, sizeof *edges, compare_edges);
    }
    link_infos(graph, edges, count);
    return coil__graph_find_cycle(graph, edges, count);
}

void coil__graph_point_to_frames(struct coil__graph *graph)
{
    const void *const *frames = (const void *const *)graph->frames;

    for (size_t i = 0; i < graph->public.count; i++) {
        graph->infos[i].frames = frames;
        frames += graph->infos[i].frame_count;
    }
}

void coil_task_graph_free(struct coil_task_graph *graph)
{
    struct coil__graph *whole;

    if (!graph) {
        return;
    }
    whole = COIL__CONTAINER(graph, struct coil__graph, public);
    coil__free(whole->infos);
    coil__free(whole->links);
    coil__free(whole->cycle);
    coil__free(whole->frames);
    coil__free(whole);
}
