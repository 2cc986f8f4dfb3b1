/* tree.c - the tasks as coil_print_tasks prints them, and what tree and table share. */
#include "show.h"

#include "debug/print.h"

size_t view_count(const struct view *view)
{
    size_t count = 0;

    for (size_t i = 0; i < view->count; i++) {
        count += view->snapshots[i]->count;
    }
    return count;
}

const struct snapshot_loop *view_get(const struct view *view, size_t n)
{
    size_t i = 0;

    while (n >= view->snapshots[i]->count) {
        n -= view->snapshots[i++]->count;
    }
    return &view->snapshots[i]->loops[n];
}

void show_title(FILE *out, const struct view *view, size_t n)
{
    size_t count = view_count(view);

    fprintf(out, "%s (%d)", view->target->name, view->target->pid);
    if (count > 1) {
        fprintf(out, ", loop %zu of %zu", n + 1, count);
    }
    fprintf(out, ", on %s", view_get(view, n)->backend);
}

int show_tree(FILE *out, const struct view *view)
{
    int rc = 0;

    for (size_t i = 0; i < view_count(view) && rc == 0; i++) {
        fprintf(out, "%s", i > 0 ? "\n" : "");
        show_title(out, view, i);
        fprintf(out, ": ");
        rc = coil__graph_print(out, &view_get(view, i)->graph->public);
    }
    return rc;
}
