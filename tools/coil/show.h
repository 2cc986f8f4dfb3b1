/* show.h - snapshots as a table, a tree or JSON, on standard output. */
#ifndef COIL_TOOLS_SHOW_H
#define COIL_TOOLS_SHOW_H

#include "snapshot.h"
#include "target.h"

#include <stdio.h>

/* What is to be shown: one snapshot for each libcoil in the process. */
struct view {
    const struct target *target;
    struct snapshot *const *snapshots;
    size_t count;
};

/* 0; -ENOMEM, -EIO. */
int show_table(FILE *out, const struct view *view);
int show_tree(FILE *out, const struct view *view);
int show_json(FILE *out, const struct view *view);

/* How many loops there are, and the n-th. */
size_t view_count(const struct view *view);
const struct snapshot_loop *view_get(const struct view *view, size_t n);

/* Prints which process it is, and which of its loops: "shop (4711), loop 1 of 2, on epoll". */
void show_title(FILE *out, const struct view *view, size_t n);

#endif
