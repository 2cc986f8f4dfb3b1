/* stacks_absent.c - in place of stacks_dw.c, where libdw is not to be had: no frames, no names. */
#include "stacks.h"

#include "sys/symbols.h"

#include <errno.h>
#include <string.h>

bool stacks_are_there(void)
{
    return false;
}

int stacks_open(int pid, struct stacks **ret_stacks)
{
    (void)pid;
    (void)ret_stacks;
    return -ENOTSUP;
}

void stacks_close(struct stacks *stacks)
{
    (void)stacks;
}

size_t stacks_walk(struct stacks *stacks, const struct stack_copy *copy, uint64_t sp, uint64_t fp,
                   uint64_t pc, uint64_t root, void **ret_pcs, size_t max)
{
    (void)stacks;
    (void)copy;
    (void)sp;
    (void)fp;
    (void)pc;
    (void)root;
    (void)ret_pcs;
    (void)max;
    return 0;
}

const char *stacks_nameless(const struct stacks *stacks)
{
    (void)stacks;
    return NULL;
}

size_t coil__symbols_find(const void *pc, struct coil_frame *ret_frames, size_t max)
{
    (void)pc;
    memset(ret_frames, 0, max * sizeof *ret_frames);
    return 1;
}
