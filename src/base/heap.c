/* heap.c - see heap.h. Index arithmetic of a 4-ary heap: parent (i - 1) / 4, first child 4i + 1. */
#include "base/heap.h"

#include "base/memory.h"

#include <errno.h>

enum { ARITY = 4, FIRST_CAPACITY = 64 };

static bool entry_is_before(const struct coil__heap_entry *a, const struct coil__heap_entry *b)
{
    if (a->key != b->key) {
        return a->key < b->key;
    }
    return a->node->seq < b->node->seq;
}

static void put(struct coil__heap *heap, uint32_t index, struct coil__heap_entry entry)
{
    heap->entries[index] = entry;
    entry.node->place = index + 1;
}

static void sift_up(struct coil__heap *heap, uint32_t index, struct coil__heap_entry entry)
{
    while (index > 0) {
        uint32_t parent = (index - 1) / ARITY;

        if (!entry_is_before(&entry, &heap->entries[parent])) {
            break;
        }
        put(heap, index, heap->entries[parent]);
        index = parent;
    }
    put(heap, index, entry);
}

static void sift_down(struct coil__heap *heap, uint32_t index, struct coil__heap_entry entry)
{
    for (;;) {
        uint64_t child = (uint64_t)index * ARITY + 1;
        uint64_t end = child + ARITY;
        uint64_t best = child;

        if (child >= heap->count) {
            break;
        }
        if (end > heap->count) {
            end = heap->count;
        }
        for (uint64_t i = child + 1; i < end; i++) {
            if (entry_is_before(&heap->entries[i], &heap->entries[best])) {
                best = i;
            }
        }
        if (!entry_is_before(&heap->entries[best], &entry)) {
            break;
        }
        put(heap, index, heap->entries[best]);
        index = (uint32_t)best;
    }
    put(heap, index, entry);
}

static int grow(struct coil__heap *heap)
{
    uint32_t capacity = heap->capacity ? heap->capacity * 2 : FIRST_CAPACITY;
    struct coil__heap_entry *entries;

    if (capacity <= heap->capacity) {
        return -ENOMEM;
    }
    entries = coil__realloc_array(heap->entries, capacity, sizeof *entries);
    if (!entries) {
        return -ENOMEM;
    }
    heap->entries = entries;
    heap->capacity = capacity;
    return 0;
}

int coil__heap_push(struct coil__heap *heap, struct coil__heap_node *node, int64_t key)
{
    struct coil__heap_entry entry = {.key = key, .node = node};

    if (heap->count == heap->capacity) {
        int rc = grow(heap);

        if (rc < 0) {
            return rc;
        }
    }
    node->seq = heap->next_seq++;
    sift_up(heap, heap->count++, entry);
    return 0;
}

void coil__heap_remove(struct coil__heap *heap, struct coil__heap_node *node)
{
    uint32_t index = node->place - 1;
    struct coil__heap_entry last;

    if (!node->place) {
        return;
    }
    node->place = 0;
    last = heap->entries[--heap->count];
    if (index == heap->count) {
        return;
    }
    if (index > 0 && entry_is_before(&last, &heap->entries[(index - 1) / ARITY])) {
        sift_up(heap, index, last);
    } else {
        sift_down(heap, index, last);
    }
}

struct coil__heap_node *coil__heap_min(const struct coil__heap *heap)
{
    return heap->count ? heap->entries[0].node : NULL;
}

void coil__heap_deinit(struct coil__heap *heap)
{
    coil__free(heap->entries);
    *heap = (struct coil__heap){0};
}
