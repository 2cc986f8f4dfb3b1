/* loops.c - see loops.h. */
#include "loop/loops.h"

struct coil__loops coil__loops;

void coil__loops_add(struct coil_loop *loop)
{
    for (size_t i = 0; i < COIL__MAX_LISTED; i++) {
        struct coil_loop *none = NULL;

        if (atomic_compare_exchange_strong(&coil__loops.slots[i], &none, loop)) {
            return;
        }
    }
}

void coil__loops_remove(const struct coil_loop *loop)
{
    for (size_t i = 0; i < COIL__MAX_LISTED; i++) {
        if (atomic_load_explicit(&coil__loops.slots[i], memory_order_relaxed) == loop) {
            atomic_store(&coil__loops.slots[i], NULL);
            return;
        }
    }
}
