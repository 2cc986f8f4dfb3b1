/* coil/queue.h - queues of work, with a count of what is still to be done.
 *
 *     struct coil_queue jobs;
 *     coil_queue_init(&jobs, sizeof(struct job), 100);
 *
 *     coil_queue_put(&jobs, &job);             // waits while a hundred are in it
 *
 *     while (coil_queue_get(&jobs, &job) == 0) {   // in each of some workers
 *         work(&job);
 *         coil_queue_task_done(&jobs);
 *     }
 *
 *     coil_queue_join(&jobs);                  // until all that was put is done
 *     coil_queue_shutdown(&jobs, false);       // the workers' get ends with -COIL_ECLOSED
 *
 * Items are copied in and out. Three orders: first in first out, last in first out, and smallest
 * first (equal ones in the order in which they came). Whoever came first is served first: an item
 * goes straight to the task that waits longest, so nobody can snatch it. A queue belongs to the
 * loop of its first use. For mere hand-over between tasks a channel (coil/channel.h) is lighter;
 * between threads or loops see coil/shared_queue.h.
 *
 * asyncio's counterparts: Queue, LifoQueue, PriorityQueue.
 */
#ifndef COIL_QUEUE_H
#define COIL_QUEUE_H

#include <coil/base.h>

struct coil_loop;

/* < 0, 0, > 0 as a goes before, beside or behind b. */
typedef int (*coil_compare)(const void *a, const void *b, void *user);

/* Embedded; all-zero is not open, and deinit of it does nothing. Must not move once open. */
struct coil_queue {
    struct coil__list getters_; /* wait: it is empty */
    struct coil__list putters_; /* wait: it is full */
    struct coil__list joiners_;
    struct coil_loop *loop_; /* of the first use; NULL before it */
    coil_compare compare_;   /* of a priority queue */
    void *user_;
    char *slots_; /* of slot_size_ each */
    size_t item_size_;
    size_t slot_size_; /* an item; of a priority queue with its number behind it */
    size_t max_;       /* in items; SIZE_MAX: unbounded */
    size_t capacity_;  /* of slots_ */
    size_t count_;
    size_t first_;      /* of a fifo: the slot of the oldest item */
    size_t unfinished_; /* put and not task_done */
    uint64_t next_number_;
    uint8_t order_; /* enum coil__queue_order; 0: not open */
    bool is_shut_down_;
};

COIL_BEGIN_DECLS

/* Opens a queue. item_size: bytes of an item, at least 1. max: how many it holds before put waits;
 * 0: no bound (put then grows it, and may fail with -ENOMEM). compare: smallest first; user: handed
 * to it. Any thread; no loop needed. 0, -ENOMEM, -EINVAL. */
COIL_EXPORT int coil_queue_init(struct coil_queue *queue, size_t item_size, size_t max);
COIL_EXPORT int coil_lifo_queue_init(struct coil_queue *queue, size_t item_size, size_t max);
COIL_EXPORT int coil_priority_queue_init(struct coil_queue *queue, size_t item_size, size_t max,
                                         coil_compare compare, void *user);

/* Shuts it down at once and frees it with what is left in it. Twice, or of all-zero: does nothing.
 */
COIL_EXPORT void coil_queue_deinit(struct coil_queue *queue);

/* Puts a copy of the item in; waits while the queue is full. 0; -COIL_ECLOSED (shut down: it was
 * not put), -ENOMEM (unbounded only), -EINVAL (NULL, not open), -COIL_EWRONGTHREAD, -COIL_ENOTASK;
 * the reason of a cancel: it was not put. */
COIL_EXPORT COIL_SUSPENDS int coil_queue_put(struct coil_queue *queue, const void *item);

/* Takes the next item out; waits while there is none. ret_item: room for one. 0; -COIL_ECLOSED
 * (shut down, and empty); else as put. A cancel loses nothing: an item that has been given to the
 * caller is returned first. */
COIL_EXPORT COIL_SUSPENDS int coil_queue_get(struct coil_queue *queue, void *ret_item);

/* The same without waiting: -EAGAIN where the other would wait. Also from callbacks. asyncio:
 * put_nowait, get_nowait. */
COIL_EXPORT int coil_queue_try_put(struct coil_queue *queue, const void *item);
COIL_EXPORT int coil_queue_try_get(struct coil_queue *queue, void *ret_item);

/* Says that the work on an item that was got is done. 0; -COIL_EINVALIDSTATE when it was said more
 * often than items were put; -EINVAL, -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_queue_task_done(struct coil_queue *queue);

/* Waits until task_done was called for every item that was put. 0; -EINVAL, -COIL_EWRONGTHREAD,
 * -COIL_ENOTASK; the reason of a cancel. */
COIL_EXPORT COIL_SUSPENDS int coil_queue_join(struct coil_queue *queue);

/* No more items: puts fail from now on, also those that wait; gets drain what is there, then get
 * -COIL_ECLOSED. immediate: what is there is dropped, and counts as done. 0, also when it was shut
 * down before; -EINVAL, -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_queue_shutdown(struct coil_queue *queue, bool immediate);

/* How many items are in it. asyncio: qsize; empty and full follow from it. */
COIL_EXPORT size_t coil_queue_count(const struct coil_queue *queue);
/* True when put would wait. */
COIL_EXPORT bool coil_queue_is_full(const struct coil_queue *queue);

COIL_END_DECLS

#endif
