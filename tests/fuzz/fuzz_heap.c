/* The heap of timers against a list that is searched. */
#include "fuzz.h"

#include "base/heap.h"

enum { NODES = 96 };

struct item {
    struct coil__heap_node node;
    int64_t key;
    uint64_t number; /* of its push; 0: not in the heap */
};

static struct item *find_min(struct item *items)
{
    struct item *min = NULL;

    for (int i = 0; i < NODES; i++) {
        struct item *item = &items[i];

        if (item->number != 0 && (!min || item->key < min->key ||
                                  (item->key == min->key && item->number < min->number))) {
            min = item;
        }
    }
    return min;
}

static void check(const struct coil__heap *heap, struct item *items)
{
    struct item *min = find_min(items);

    FUZZ_CHECK(coil__heap_min(heap) == (min ? &min->node : NULL));
    FUZZ_CHECK(coil__heap_min_key(heap) == (min ? min->key : INT64_MAX));
    for (int i = 0; i < NODES; i++) {
        FUZZ_CHECK(coil__heap_has(&items[i].node) == (items[i].number != 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct coil__heap heap = {0};
    struct item items[NODES] = {{.number = 0}};
    uint64_t number = 0;

    while (in.size > 0) {
        unsigned what = take_byte(&in);
        struct item *item = &items[take_below(&in, NODES)];

        if (what % 4 == 3) {
            item = find_min(items);
        }
        if (item && item->number != 0) {
            coil__heap_remove(&heap, &item->node);
            coil__heap_remove(&heap, &item->node); /* does nothing */
            item->number = 0;
        } else if (item) {
            item->key = what % 4 == 0   ? (int64_t)take_below(&in, 4)
                        : what % 4 == 1 ? (int64_t)take_u16(&in) - 30000
                                        : INT64_MAX - (int64_t)take_below(&in, 3);
            item->number = ++number;
            FUZZ_CHECK(coil__heap_push(&heap, &item->node, item->key) == 0);
        }
        check(&heap, items);
    }
    for (struct item *min; (min = find_min(items));) {
        FUZZ_CHECK(coil__heap_min(&heap) == &min->node);
        coil__heap_remove(&heap, &min->node);
        min->number = 0;
    }
    check(&heap, items);
    coil__heap_deinit(&heap);
    return 0;
}
