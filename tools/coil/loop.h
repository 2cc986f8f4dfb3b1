/* loop.h - one loop of a snapshot, while it is read: shared by snapshot.c, which finds loops and
 * tasks, and edges.c, which finds who awaits whom. */
#ifndef COIL_TOOLS_LOOP_H
#define COIL_TOOLS_LOOP_H

#include "snapshot.h"

/* A task as it was read. */
struct found {
    uint64_t address;
    uint64_t low;     /* where its stack begins */
    uint64_t awaiter; /* the fields of the struct */
    uint64_t awaiters_next;
    uint64_t waiters_next;
    uint64_t owner;     /* or 0 */
    uint64_t lock_wait; /* the struct coil__wait, if it is for a lock; or 0 */
    uint8_t generation;
    size_t index; /* of its info */
};

struct reading {
    const struct memory *memory;
    const struct coil__layout *layout;
    struct coil__stack_layout stack_layout;
    struct coil__wait_layout wait_layout;
    struct stacks *stacks;
    struct strings *strings;
    struct snapshot_loop *result;
    uint64_t address; /* of the loop */
    char *loop;       /* a copy of it */
    uint64_t running; /* the task that runs, or 0 */
    int64_t now;
    bool debug;
    uint64_t lock_what; /* of waits for locks; 0: nobody has ever waited for one */
    uint64_t lock_list;
    uint64_t lock_holder;
    uint64_t mark;
    size_t stacks_left; /* what may still be looked at: memory that is damaged has no end */
    char *task;         /* a copy of one, */
    char *again;        /* and another */
    char *stack;        /* of STACK_MAX bytes */
    char *ahead;        /* of many tasks */
    struct found *found;
    size_t count;
    size_t max;
    size_t frame_count;
    size_t frame_max;
    struct coil__edge *edges;
    size_t edge_count;
    size_t edge_max;
    size_t links_left; /* of lists of who waits: the same */
};

static inline uint64_t word_at(const char *bytes, size_t offset)
{
    void *word;

    __builtin_memcpy(&word, bytes + offset, sizeof word);
    return (uintptr_t)word;
}

/* 0 where it cannot be read. */
static inline uint64_t read_word(const struct memory *memory, uint64_t address)
{
    void *word = NULL;

    return memory_read(memory, address, &word, sizeof word) < 0 ? 0 : (uintptr_t)word;
}

/* Who awaits whom, and who has which lock: fills in the rest of the infos. 0 or -ENOMEM. */
int read_edges(struct reading *reading);

#endif
