/* heap.h - a priority queue of intrusive nodes, ordered by key, first in first out on ties.
 *
 * A 4-ary heap in one array: entries of 16 bytes, so that the four children of an entry share a
 * cache line. A node knows its place, hence removal costs O(log n). The array grows by doubling;
 * push is the only call that can fail. struct coil__heap_node stands in coil/base.h.
 */
#ifndef COIL__BASE_HEAP_H
#define COIL__BASE_HEAP_H

#include <coil/base.h>

struct coil__heap_entry {
    int64_t key;
    struct coil__heap_node *node;
};

/* All-zero is a valid empty heap. */
struct coil__heap {
    struct coil__heap_entry *entries;
    uint32_t count;
    uint32_t capacity;
    uint64_t next_seq;
};

/* 0 or -ENOMEM. The node must be in no heap. */
int coil__heap_push(struct coil__heap *heap, struct coil__heap_node *node, int64_t key);
/* Does nothing when the node is in no heap. */
void coil__heap_remove(struct coil__heap *heap, struct coil__heap_node *node);
/* The node with the smallest key, still in the heap; NULL when empty. */
struct coil__heap_node *coil__heap_min(const struct coil__heap *heap);
/* Frees the array. Nodes left in it are not touched. */
void coil__heap_deinit(struct coil__heap *heap);

static inline bool coil__heap_has(const struct coil__heap_node *node)
{
    return node->place != 0;
}

/* INT64_MAX when empty. */
static inline int64_t coil__heap_min_key(const struct coil__heap *heap)
{
    return heap->count ? heap->entries[0].key : INT64_MAX;
}

#endif
