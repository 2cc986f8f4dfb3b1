/* coil/shared_queue.h - queues between threads: between the tasks of several loops, and threads
 * that have no loop.
 *
 *     struct coil_shared_queue jobs;
 *     coil_shared_queue_init(&jobs, sizeof(struct job), 1000);
 *
 *     coil_shared_queue_put(&jobs, &job);                       // a task, of any loop
 *     coil_shared_queue_put_blocking(&jobs, &job, COIL_NEVER);  // a thread without a loop
 *
 *     while (coil_shared_queue_get(&jobs, &job) == 0) {         // a task, of any other loop
 *         work(&job);
 *         coil_shared_queue_task_done(&jobs);
 *     }
 *
 * First in, first out; items are copied in and out. It works as a queue of coil/queue.h does, but
 * it belongs to no loop: whatever is not said otherwise may be called from any thread. Whoever
 * waited first is served first, tasks and threads alike: an item goes straight into the memory of
 * the one that waits longest. A loop that sleeps is woken, once for all it is given meanwhile.
 *
 * Between tasks of one loop struct coil_queue does the same without a lock. While a task waits in
 * one of these calls, the simulated clock keeps real time. In the child of a fork a queue of the
 * parent's must not be used.
 *
 * asyncio has no counterpart; it is queue.Queue on one side and asyncio.Queue on the other.
 */
#ifndef COIL_SHARED_QUEUE_H
#define COIL_SHARED_QUEUE_H

#include <coil/base.h>

struct coil__shared_queue;

/* Embedded; all-zero is not open, and deinit of it does nothing. */
struct coil_shared_queue {
    struct coil__shared_queue *core_; /* shared with those who wait */
};

COIL_BEGIN_DECLS

/* Opens a queue. item_size: bytes of an item, at least 1. max: how many it holds before put waits,
 * at least 1; memory for all of them is taken now. 0, -ENOMEM, -EAGAIN, -EINVAL. */
COIL_EXPORT int coil_shared_queue_init(struct coil_shared_queue *queue, size_t item_size,
                                       size_t max);

/* Shuts it down at once and frees it with what is left in it. Those who wait in one of its calls
 * get -COIL_ECLOSED; nobody may be about to begin one. Twice, or of all-zero: does nothing. */
COIL_EXPORT void coil_shared_queue_deinit(struct coil_shared_queue *queue);

/* Puts a copy of the item in; waits while the queue is full. From a task. item: must stay until it
 * returns. 0; -COIL_ECLOSED (shut down: it was not put), -EINVAL (NULL, not open), -COIL_ENOTASK,
 * -COIL_ENOLOOP; the reason of a cancel: it was not put. */
COIL_EXPORT COIL_SUSPENDS int coil_shared_queue_put(struct coil_shared_queue *queue,
                                                    const void *item);

/* Takes the oldest item out; waits while there is none. From a task. ret_item: room for one. 0;
 * -COIL_ECLOSED (shut down, and empty); else as put. A cancel loses nothing: an item that another
 * thread has given to the caller is returned first. */
COIL_EXPORT COIL_SUSPENDS int coil_shared_queue_get(struct coil_shared_queue *queue,
                                                    void *ret_item);

/* The same for threads: blocks the calling one, at most for timeout_ns of real time (COIL_NEVER: no
 * limit; <= 0: does not wait). -ETIMEDOUT: it was not put, or there was none; -EDEADLK: a loop runs
 * in this thread, which would stand still; -ENOMEM, -EAGAIN; else as put and get. */
COIL_EXPORT int coil_shared_queue_put_blocking(struct coil_shared_queue *queue, const void *item,
                                               int64_t timeout_ns);
COIL_EXPORT int coil_shared_queue_get_blocking(struct coil_shared_queue *queue, void *ret_item,
                                               int64_t timeout_ns);

/* The same without waiting: -EAGAIN where the others would wait. Any thread, also in callbacks. */
COIL_EXPORT int coil_shared_queue_try_put(struct coil_shared_queue *queue, const void *item);
COIL_EXPORT int coil_shared_queue_try_get(struct coil_shared_queue *queue, void *ret_item);

/* Says that the work on an item that was got is done. 0; -COIL_EINVALIDSTATE when it was said more
 * often than items were put; -EINVAL. Any thread. */
COIL_EXPORT int coil_shared_queue_task_done(struct coil_shared_queue *queue);

/* Waits until task_done was called for every item that was put. From a task; errors as get. */
COIL_EXPORT COIL_SUSPENDS int coil_shared_queue_join(struct coil_shared_queue *queue);

/* The same for threads; timeout and errors as get_blocking. */
COIL_EXPORT int coil_shared_queue_join_blocking(struct coil_shared_queue *queue,
                                                int64_t timeout_ns);

/* No more items: puts fail from now on, also those that wait; gets drain what is there, then get
 * -COIL_ECLOSED. immediate: what is there is dropped, and counts as done. Any thread. 0, also when
 * it was shut down before; -EINVAL. */
COIL_EXPORT int coil_shared_queue_shutdown(struct coil_shared_queue *queue, bool immediate);

/* How many items are in it just now. Any thread; others may change it at once. */
COIL_EXPORT size_t coil_shared_queue_count(const struct coil_shared_queue *queue);
/* True when put would wait. Likewise. */
COIL_EXPORT bool coil_shared_queue_is_full(const struct coil_shared_queue *queue);

COIL_END_DECLS

#endif
