/* stacks.h - the frames of a suspended task of another process, and what they are in the source.
 *
 * Both by libdw (stacks_dw.c), from the unwind tables and debug information of the files that the
 * process has loaded; separate debug files are found where Debian puts them. Built without libdw
 * (stacks_absent.c) there are none.
 *
 * src/task/frames.c asks coil__symbols_find for names: here that is about the process for which
 * stacks_open was called last.
 */
#ifndef COIL_TOOLS_STACKS_H
#define COIL_TOOLS_STACKS_H

#include "memory.h"

#include "task/layout.h"

struct stacks;

/* What lies on a stack, copied: `size` bytes from `address` on. */
struct stack_copy {
    uint64_t address;
    const char *bytes;
    size_t size;
};

/* Whether this build can do it. */
bool stacks_are_there(void);

/* -ENOMEM; -ENOTSUP: see above. */
int stacks_open(int pid, struct stacks **ret_stacks);
void stacks_close(struct stacks *stacks);

/* Where each call of the stack returns to, innermost first. sp, fp, pc: of the innermost. root:
 * where a task's first frame returns to. */
size_t stacks_walk(struct stacks *stacks, const struct stack_copy *copy, uint64_t sp, uint64_t fp,
                   uint64_t pc, uint64_t root, void **ret_pcs, size_t max);

/* The first file for whose code there were no names, or NULL. */
const char *stacks_nameless(const struct stacks *stacks);

#endif
