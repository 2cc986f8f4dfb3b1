/* stack.c - see stack.h.
 *
 * A slab: one mapping of `count` stacks of `stride` bytes. Stacks below `fresh` have been handed
 * out at least once and have their guard; those that are free form a list through next_free,
 * kept outside of the stacks so that pages given back stay untouched.
 */
#include "sys/stack.h"

#include "base/check.h"
#include "base/memory.h"
#include "sys/unchecked.h"
#include "sys/valgrind.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
    PAGE = 4096,
    LINE = 64,
    COLOURS = 24,
    FIRST_SLAB_LOG2 = 20, /* 1 MiB */
    LAST_SLAB_LOG2 = 26,  /* 64 MiB, or one stack if that is larger */
    KEEP_FREE = 1024,
    LOOKED_AT = 16, /* pages at a time: a stack of the usual size */
};

enum guard_mode { GUARD_UNKNOWN, GUARD_MADVISE, GUARD_MPROTECT };

#define NONE UINT32_MAX

struct coil__slab {
    char *base;
    size_t stride;
    uint32_t count;
    uint32_t fresh;     /* stacks from here on were never handed out */
    uint32_t used;      /* handed out now */
    uint32_t free_head; /* index, or NONE */
    uint8_t class;
    bool is_usable;  /* stands in pool->usable[class] */
    bool is_touched; /* its free stacks may hold pages */
    struct coil__slab *next_usable;
    struct coil__slab *next_all;
    unsigned *valgrind_ids; /* by index; behind next_free; NULL outside of Valgrind */
    uint8_t *generations;   /* by index; behind those */
    uint32_t next_free[];   /* by index: the next free stack, or NONE */
};

const struct coil__stack_layout coil__stack_layout = {
    .pool_all = offsetof(struct coil__stack_pool, all),
    .base = offsetof(struct coil__slab, base),
    .stride = offsetof(struct coil__slab, stride),
    .count = offsetof(struct coil__slab, count),
    .fresh = offsetof(struct coil__slab, fresh),
    .next_all = offsetof(struct coil__slab, next_all),
    .slab_size = sizeof(struct coil__slab),
    .guard = PAGE,
    .line = LINE,
    .colours = COLOURS,
};

static int class_of(size_t size)
{
    int log2 = COIL__STACK_MIN_LOG2;

    while (log2 <= COIL__STACK_MAX_LOG2 && ((size_t)1 << log2) < size) {
        log2++;
    }
    return log2 - COIL__STACK_MIN_LOG2;
}

/* Slabs double in size from one to the next, so that a small program maps little. */
static size_t slab_size(const struct coil__stack_pool *pool, size_t stride)
{
    int log2 = FIRST_SLAB_LOG2;
    size_t size;

    for (const struct coil__slab *s = pool->all; s && log2 < LAST_SLAB_LOG2; s = s->next_all) {
        log2++;
    }
    size = (size_t)1 << log2;
    return size < stride ? stride : size;
}

static int new_slab(struct coil__stack_pool *pool, int class)
{
    size_t stride = (size_t)1 << (class + COIL__STACK_MIN_LOG2);
    size_t size = slab_size(pool, stride);
    uint32_t count = (uint32_t)(size / stride);
    uint32_t ids = coil__valgrind_is_there() ? count : 0;
    struct coil__slab *slab =
        coil__calloc(1, sizeof *slab + (count + ids) * sizeof slab->next_free[0] + count);

    if (!slab) {
        return -ENOMEM;
    }
    slab->base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (slab->base == MAP_FAILED) {
        coil__free(slab);
        return -ENOMEM;
    }
    /* A huge page would make every stack cost 2 MiB. Refused where there are none: fine. */
    madvise(slab->base, size, MADV_NOHUGEPAGE);
    slab->stride = stride;
    slab->count = count;
    slab->valgrind_ids = ids ? &slab->next_free[count] : NULL;
    slab->generations = (uint8_t *)&slab->next_free[count + ids];
    slab->free_head = NONE;
    slab->class = (uint8_t) class;
    slab->is_usable = true;
    slab->next_usable = pool->usable[class];
    pool->usable[class] = slab;
    slab->next_all = pool->all;
    pool->all = slab;
    coil__counter_add(&pool->mapped_bytes, (int64_t)size);
    return 0;
}

/* Makes the lowest page of a stack fault. */
static int install_guard(struct coil__stack_pool *pool, char *page)
{
    if (pool->guard_mode != GUARD_MPROTECT) {
        if (madvise(page, PAGE, MADV_GUARD_INSTALL) == 0) {
            pool->guard_mode = GUARD_MADVISE;
            return 0;
        }
        if (pool->guard_mode == GUARD_MADVISE) {
            return -ENOMEM;
        }
        pool->guard_mode = GUARD_MPROTECT;
    }
    if (mprotect(page, PAGE, PROT_NONE) < 0) {
        pool->is_at_map_limit = errno == ENOMEM;
        return -ENOMEM;
    }
    return 0;
}

static void fill_in(struct coil__slab *slab, uint32_t index, struct coil__stack *ret_stack)
{
    char *start = slab->base + index * slab->stride;

    ret_stack->low = start + PAGE;
    ret_stack->high = start + slab->stride - (index % COLOURS) * LINE;
    ret_stack->size = slab->stride;
    ret_stack->slab = slab;
    ret_stack->index = index;
}

static int take_fresh(struct coil__stack_pool *pool, struct coil__slab *slab,
                      struct coil__stack *ret_stack)
{
    uint32_t index = slab->fresh;
    int rc = install_guard(pool, slab->base + index * slab->stride);

    if (rc < 0) {
        return rc;
    }
    slab->fresh++;
    fill_in(slab, index, ret_stack);
    if (COIL__UNLIKELY(slab->valgrind_ids)) {
        slab->valgrind_ids[index] = coil__valgrind_add_stack(ret_stack->low, ret_stack->high);
    }
    return 0;
}

int coil__stack_alloc(struct coil__stack_pool *pool, size_t size, struct coil__stack *ret_stack)
{
    int class = class_of(size);
    struct coil__slab *slab;

    if (class >= COIL__STACK_CLASSES) {
        return -EINVAL;
    }
    if (!pool->usable[class]) {
        int rc = new_slab(pool, class);

        if (rc < 0) {
            return rc;
        }
    }
    slab = pool->usable[class];
    if (slab->free_head != NONE) {
        fill_in(slab, slab->free_head, ret_stack);
        slab->free_head = slab->next_free[ret_stack->index];
        pool->free_touched -= pool->free_touched > 0;
    } else {
        int rc = take_fresh(pool, slab, ret_stack);

        if (rc < 0) {
            return rc;
        }
    }
    slab->used++;
    slab->is_touched = true;
    coil__counter_add(&pool->used, 1);
    coil__counter_add(&pool->used_bytes, (int64_t)slab->stride);
    if (slab->used == slab->count) {
        pool->usable[class] = slab->next_usable;
        slab->is_usable = false;
    }
    return 0;
}

void coil__stack_free(struct coil__stack_pool *pool, struct coil__slab *slab, uint32_t index)
{
    slab->next_free[index] = slab->free_head;
    slab->free_head = index;
    slab->used--;
    coil__counter_add(&pool->used, -1);
    coil__counter_add(&pool->used_bytes, -(int64_t)slab->stride);
    pool->free_touched++;
    if (!slab->is_usable) {
        slab->is_usable = true;
        slab->next_usable = pool->usable[slab->class];
        pool->usable[slab->class] = slab;
    }
    pool->wants_trim |= slab->used == 0;
}

uint8_t coil__stack_get_generation(const struct coil__stack *stack)
{
    return stack->slab->generations[stack->index];
}

void coil__stack_set_generation(const struct coil__stack *stack, uint8_t generation)
{
    stack->slab->generations[stack->index] = generation;
}

void coil__stack_pool_trim(struct coil__stack_pool *pool)
{
    size_t limit = pool->keep_free ? pool->keep_free : KEEP_FREE;

    pool->wants_trim = false;
    for (struct coil__slab *s = pool->all; s && pool->free_touched > limit; s = s->next_all) {
        if (s->used > 0 || !s->is_touched) {
            continue;
        }
        /* The guards stay: they survive MADV_DONTNEED. */
        madvise(s->base, s->fresh * s->stride, MADV_DONTNEED);
        s->is_touched = false;
        pool->free_touched -= pool->free_touched < s->fresh ? pool->free_touched : s->fresh;
    }
}

size_t coil__stack_round(size_t size)
{
    int class = class_of(size);

    return class < COIL__STACK_CLASSES ? (size_t)1 << (class + COIL__STACK_MIN_LOG2) : 0;
}

void coil__stack_each(struct coil__stack_pool *pool, void (*fn)(char *high, void *user), void *user)
{
    for (struct coil__slab *slab = pool->all; slab; slab = slab->next_all) {
        for (uint32_t i = 0; i < slab->fresh; i++) {
            struct coil__stack stack;

            fill_in(slab, i, &stack);
            fn(stack.high, user);
        }
    }
}

bool coil__stack_pool_has(const struct coil__stack_pool *pool, const void *address)
{
    uintptr_t at = (uintptr_t)address;

    for (const struct coil__slab *slab = pool->all; slab; slab = slab->next_all) {
        if (at - (uintptr_t)slab->base < slab->count * slab->stride) {
            return true;
        }
    }
    return false;
}

bool coil__stack_find_guard(const struct coil__stack_pool *pool, uintptr_t address,
                            struct coil__stack *ret_stack)
{
    for (struct coil__slab *slab = pool->all; slab; slab = slab->next_all) {
        uintptr_t offset = address - (uintptr_t)slab->base;
        uint32_t index = (uint32_t)(offset / slab->stride);

        if (offset < slab->count * slab->stride && index < slab->fresh &&
            offset % slab->stride < PAGE) {
            fill_in(slab, index, ret_stack);
            return true;
        }
    }
    return false;
}

/* Which pages from here on were ever touched, by one letter each. Where that is not to be had, all
 * are looked at. */
static void find_pages(char *from, unsigned char pages[LOOKED_AT])
{
    memset(pages, 1, LOOKED_AT);
    mincore(from, LOOKED_AT * PAGE, pages); /* a part beyond the mapping: an error, and no harm */
}

static COIL__UNCHECKED char *find_in_page(char *from, char *end)
{
    for (; from < end; from += sizeof(uintptr_t)) {
        if (*(const volatile uintptr_t *)(const void *)from != 0) {
            return from;
        }
    }
    return NULL;
}

/* The lowest word that is not zero. A look at a page that was never touched would cost a fault. */
static char *find_used(char *from, char *top)
{
    unsigned char pages[LOOKED_AT];

    for (unsigned i = 0; from < top; i++, from += PAGE) {
        char *end = from + PAGE < top ? from + PAGE : top;
        char *found;

        if (i % LOOKED_AT == 0) {
            find_pages(from, pages);
        }
        found = pages[i % LOOKED_AT] & 1 ? find_in_page(from, end) : NULL;
        if (found) {
            return found;
        }
    }
    return top;
}

size_t coil__stack_measure(const struct coil__stack *stack, char *top)
{
    coil__valgrind_trust(stack->low, (size_t)(top - stack->low));
    return (size_t)(top - find_used(stack->low, top));
}

COIL__UNCHECKED void coil__stack_wipe(const struct coil__stack *stack, char *top)
{
    volatile uintptr_t *word;

    coil__valgrind_trust(stack->low, (size_t)(top - stack->low));
    word = (volatile uintptr_t *)(void *)find_used(stack->low, top);
    for (; (char *)(uintptr_t)word < top; word++) {
        *word = 0;
    }
}

void coil__stack_pool_deinit(struct coil__stack_pool *pool)
{
    struct coil__slab *slab = pool->all;

    while (slab) {
        struct coil__slab *next = slab->next_all;

        for (uint32_t i = 0; slab->valgrind_ids && i < slab->fresh; i++) {
            coil__valgrind_drop_stack(slab->valgrind_ids[i]);
        }
        munmap(slab->base, slab->count * slab->stride);
        coil__free(slab);
        slab = next;
    }
    *pool = (struct coil__stack_pool){0};
}

void coil__stack_pool_force_mprotect(struct coil__stack_pool *pool)
{
    pool->guard_mode = GUARD_MPROTECT;
}
