/* inbox.c - the way into a loop from other threads: a lock-free stack, taken whole.
 *
 * A push wakes the backend only when the loop sleeps or is about to (is_asleep); the loop sets
 * the flag first and looks at the inbox after that, a push does it the other way round, so one of
 * the two always sees the other. It sets it by an exchange: a store would do on any processor, but
 * qemu (7.2) lets an aarch64 program's store-release and the load-acquire behind it change places
 * on x86-64, and then neither sees the other.
 */
#include "loop/loop.h"

void coil__inbox_push(struct coil_loop *loop, struct coil__ready *ready)
{
    struct coil__ready *head = atomic_load_explicit(&loop->inbox, memory_order_relaxed);

    do {
        ready->next = head;
    } while (!atomic_compare_exchange_weak(&loop->inbox, &head, ready));
    if (atomic_exchange(&loop->is_asleep, false)) {
        loop->backend->class->wake(loop->backend);
    }
}

void coil__inbox_drain(struct coil_loop *loop)
{
    struct coil__ready *newest;
    struct coil__ready *oldest = NULL;

    if (!atomic_load_explicit(&loop->inbox, memory_order_relaxed)) {
        return;
    }
    newest = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    while (newest) {
        struct coil__ready *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct coil__ready *next = oldest->next;

        oldest->run(oldest);
        oldest = next;
    }
}
