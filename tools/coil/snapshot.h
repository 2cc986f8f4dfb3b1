/* snapshot.h - all tasks of a process, read while it runs on.
 *
 * Nothing is stopped, so what is read may change meanwhile. Each task is read, then its stack, then
 * the task again, until it has stayed the same (at most TRIES times); one that never does is shown
 * without what it waits for and without a stack. Every pointer may be wrong: each walk is bounded,
 * and what cannot be read is left out.
 */
#ifndef COIL_TOOLS_SNAPSHOT_H
#define COIL_TOOLS_SNAPSHOT_H

#include "memory.h"
#include "stacks.h"
#include "strings.h"

#include "task/inspect.h"
#include "task/layout.h"

struct snapshot_loop {
    struct coil__graph *graph;
    char backend[16];
    size_t changing; /* tasks that never stayed the same */
    size_t expected; /* tasks by the loop's own count */
};

struct snapshot {
    struct snapshot_loop *loops;
    size_t count;
    bool has_more_loops; /* than can be seen */
    struct strings *strings;
};

/* layout: a sane one. process: the pid that the process takes for its own; 0: any. stacks: may be
 * NULL. 0; -ENOMEM, or what a read has said. */
int snapshot_take(const struct memory *memory, const struct coil__layout *layout, int process,
                  struct stacks *stacks, struct snapshot **ret_snapshot);
void snapshot_free(struct snapshot *snapshot);

#endif
