/* The heap of timers: order, ties, removal, growth. */
#include "fault.h"
#include "harness.h"

#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

struct node {
    struct coil__heap_node node;
    int64_t key;
    int number;
};

static struct node *node_of(struct coil__heap_node *node)
{
    return (struct node *)((char *)node - offsetof(struct node, node));
}

static struct node *pop(struct coil__heap *heap)
{
    struct coil__heap_node *node = coil__heap_min(heap);

    CHECK_INT(coil__heap_min_key(heap), ==, node_of(node)->key);
    coil__heap_remove(heap, node);
    return node_of(node);
}

/* The same numbers in each run. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

COIL_TEST(heap_of_zeroes_is_empty)
{
    struct coil__heap heap = {0};
    struct node node = {0};

    CHECK_PTR(coil__heap_min(&heap), ==, NULL);
    CHECK_INT(coil__heap_min_key(&heap), ==, INT64_MAX);
    CHECK(!coil__heap_has(&node.node));
    coil__heap_remove(&heap, &node.node);
    coil__heap_deinit(&heap);
    coil__heap_deinit(&heap);
}

COIL_TEST(heap_gives_the_smallest_first)
{
    struct coil__heap heap = {0};
    static struct node nodes[1000];
    uint32_t state = 1;
    int64_t last = INT64_MIN;

    for (int i = 0; i < 1000; i++) {
        nodes[i] = (struct node){.key = (int64_t)(next_random(&state) % 500) - 250};
        CHECK_OK(coil__heap_push(&heap, &nodes[i].node, nodes[i].key));
        CHECK(coil__heap_has(&nodes[i].node));
    }
    for (int i = 0; i < 1000; i++) {
        struct node *node = pop(&heap);

        CHECK_INT(node->key, >=, last);
        CHECK(!coil__heap_has(&node->node));
        last = node->key;
    }
    CHECK_PTR(coil__heap_min(&heap), ==, NULL);
    coil__heap_deinit(&heap);
}

COIL_TEST(heap_keeps_the_order_of_ties)
{
    struct coil__heap heap = {0};
    struct node nodes[300];

    for (int i = 0; i < 300; i++) {
        nodes[i] = (struct node){.key = i % 3, .number = i};
        CHECK_OK(coil__heap_push(&heap, &nodes[i].node, nodes[i].key));
    }
    for (int key = 0; key < 3; key++) {
        for (int i = key; i < 300; i += 3) {
            CHECK_INT(pop(&heap)->number, ==, i);
        }
    }
    coil__heap_deinit(&heap);
}

/* Against the plain way: a list of what must be there. */
COIL_TEST(heap_remove_anywhere)
{
    enum { COUNT = 400 };
    struct coil__heap heap = {0};
    static struct node nodes[COUNT];
    uint32_t state = 7;

    for (int round = 0; round < 20000; round++) {
        struct node *node = &nodes[next_random(&state) % COUNT];

        if (coil__heap_has(&node->node)) {
            coil__heap_remove(&heap, &node->node);
            coil__heap_remove(&heap, &node->node);
            CHECK(!coil__heap_has(&node->node));
        } else {
            node->key = next_random(&state) % 1000;
            CHECK_OK(coil__heap_push(&heap, &node->node, node->key));
        }
        if (round % 100 == 0) {
            int64_t least = INT64_MAX;

            for (int i = 0; i < COUNT; i++) {
                if (coil__heap_has(&nodes[i].node) && nodes[i].key < least) {
                    least = nodes[i].key;
                }
            }
            CHECK_INT(coil__heap_min_key(&heap), ==, least);
        }
    }
    coil__heap_deinit(&heap);
}

COIL_TEST(heap_push_without_memory_changes_nothing)
{
    struct coil__heap heap = {0};
    struct node nodes[100] = {0};
    int pushed = 0;

    fault_alloc_at(1);
    CHECK_ERR(coil__heap_push(&heap, &nodes[0].node, 1), -ENOMEM);
    fault_off();
    CHECK(!coil__heap_has(&nodes[0].node));
    while (pushed < 100) {
        int rc;

        nodes[pushed].key = pushed;
        fault_alloc_at(1);
        rc = coil__heap_push(&heap, &nodes[pushed].node, pushed);
        fault_off();
        if (rc == -ENOMEM) {
            CHECK(!coil__heap_has(&nodes[pushed].node));
            rc = coil__heap_push(&heap, &nodes[pushed].node, pushed);
        }
        CHECK_OK(rc);
        pushed++;
    }
    for (int i = 0; i < 100; i++) {
        CHECK_INT(pop(&heap)->key, ==, i);
    }
    coil__heap_deinit(&heap);
}
