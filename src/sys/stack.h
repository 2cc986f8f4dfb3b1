/* stack.h - memory for coroutine stacks: virtual, touched lazily, guarded, reused hot.
 *
 * Stacks come from slabs: one mapping holds many, so that a million of them need few mappings.
 * The lowest page of each is a guard: by MADV_GUARD_INSTALL where the kernel has it (no mapping
 * per stack), else by mprotect, where vm.max_map_count bounds their number. Free stacks are
 * handed out last in, first out: the hottest first. A slab that becomes wholly free gives its
 * pages back when more than KEEP_FREE free stacks are at hand, but stays mapped: a stale task
 * handle can always be looked at.
 *
 * The top of a stack is coloured: it begins a varying number of cache lines below the end of its
 * memory, or else the hot lines of all stacks would fall into the same few cache sets.
 */
#ifndef COIL__SYS_STACK_H
#define COIL__SYS_STACK_H

#include "sys/counter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes are powers of two between these, guard and colouring included. */
#define COIL__STACK_MIN_LOG2 14
#define COIL__STACK_MAX_LOG2 30
#define COIL__STACK_CLASSES (COIL__STACK_MAX_LOG2 - COIL__STACK_MIN_LOG2 + 1)

struct coil__slab;

struct coil__stack {
    char *low;   /* first usable byte, above the guard */
    char *high;  /* end of the usable bytes, coloured, 64-byte aligned */
    size_t size; /* of the address space behind it: a power of two */
    struct coil__slab *slab;
    uint32_t index; /* in the slab */
};

/* All-zero is a valid empty pool. One per loop. */
struct coil__stack_pool {
    struct coil__slab *usable[COIL__STACK_CLASSES]; /* slabs with a free stack, hottest first */
    struct coil__slab *all;
    struct coil__counter used;         /* stacks handed out */
    struct coil__counter used_bytes;   /* the address space behind those */
    struct coil__counter mapped_bytes; /* and behind all slabs */
    size_t free_touched;               /* free stacks that still hold their pages */
    bool wants_trim;                   /* a slab is wholly free: trim when there is time */
    size_t keep_free;                  /* how many of those may stay; 0: a default */
    int guard_mode;                    /* enum guard_mode in stack.c, probed on first use */
    bool is_at_map_limit;              /* the last failure was vm.max_map_count */
};

/* Where things are in slabs, for those who look from outside (task/layout.h). The i-th stack of a
 * slab ends at base + (i + 1) * stride - (i % colours) * line; below its `guard` nothing is. */
struct coil__stack_layout {
    uint32_t pool_all; /* in the pool: the first slab */
    uint32_t base;     /* in a slab, as the following */
    uint32_t stride;
    uint32_t count;
    uint32_t fresh;
    uint32_t next_all;
    uint32_t slab_size;
    uint32_t guard;
    uint32_t line;
    uint32_t colours;
};

extern const struct coil__stack_layout coil__stack_layout;

/* The size that a stack of `size` bytes really has; 0 when it is out of range. */
size_t coil__stack_round(size_t size);
/* A stack of at least `size` bytes. -ENOMEM, or -EINVAL for a size that is out of range. */
int coil__stack_alloc(struct coil__stack_pool *pool, size_t size, struct coil__stack *ret_stack);
/* May be called while the stack is still being run on, as long as nothing is allocated from the
 * pool before it is left. */
void coil__stack_free(struct coil__stack_pool *pool, struct coil__slab *slab, uint32_t index);
/* A number that the user of a stack keeps from one use to the next; 0 at first. */
uint8_t coil__stack_get_generation(const struct coil__stack *stack);
void coil__stack_set_generation(const struct coil__stack *stack, uint8_t generation);
/* Gives free pages back. Called from a stack that is not of the pool, when wants_trim says so. */
void coil__stack_pool_trim(struct coil__stack_pool *pool);
/* Calls fn with the high end of every stack that was ever handed out. */
void coil__stack_each(struct coil__stack_pool *pool, void (*fn)(char *high, void *user),
                      void *user);
/* True when the address lies in memory of the pool. */
bool coil__stack_pool_has(const struct coil__stack_pool *pool, const void *address);
/* The stack in whose guard page the address lies; false: in none. Async-signal-safe in the thread
 * that uses the pool. */
bool coil__stack_find_guard(const struct coil__stack_pool *pool, uintptr_t address,
                            struct coil__stack *ret_stack);
/* How many bytes of a stack, from below `top` downwards, hold something else than zero, or did so
 * below of what does. Reads nothing that was never touched. */
size_t coil__stack_measure(const struct coil__stack *stack, char *top);
/* Makes that 0 again. */
void coil__stack_wipe(const struct coil__stack *stack, char *top);
/* Unmaps everything; no stack may be in use. */
void coil__stack_pool_deinit(struct coil__stack_pool *pool);
/* Uses mprotect guards even where the kernel has better; before the first allocation. */
void coil__stack_pool_force_mprotect(struct coil__stack_pool *pool);

#endif
