/* coil/channel.h - a first-in-first-out channel between tasks, for items of one size.
 *
 *     struct coil_channel numbers = {0};
 *     coil_channel_init(&numbers, sizeof(int), 0);    // 0: a rendezvous
 *
 *     coil_channel_send(&numbers, &number);           // in one task
 *     coil_channel_recv(&numbers, &number);           // in another: 0, or -COIL_ECLOSED at the end
 *
 * Any number of tasks may send and receive. Who came first is served first: an item goes straight
 * from the sender's memory into the receiver's when one of them waits already, so nobody can
 * snatch it on the way. A full channel makes senders wait: memory does not grow.
 *
 * A channel belongs to the loop of its first use.
 *
 * asyncio's counterpart: Queue with shutdown; the rendezvous is CSP's.
 */
#ifndef COIL_CHANNEL_H
#define COIL_CHANNEL_H

#include <coil/base.h>

struct coil_loop;

/* Embedded; all-zero is not open, and deinit of it does nothing. Must not move once open. */
struct coil_channel {
    struct coil__list senders_;   /* wait: the buffer is full */
    struct coil__list receivers_; /* wait: the buffer is empty, and nobody waits to send */
    struct coil_loop *loop_;      /* of the first use; NULL before it */
    size_t item_size_;
    size_t capacity_; /* in items */
    size_t count_;    /* items in the buffer */
    size_t first_;    /* index of the oldest one */
    char *items_;     /* the buffer, a ring; NULL: capacity 0 */
    uint8_t state_;
};

COIL_BEGIN_DECLS

/* Opens a channel. item_size: bytes of an item, 0 for mere signals. capacity: how many items it
 * holds while nobody receives; 0: a send waits until its item was received. Any thread; no loop
 * needed. 0, -ENOMEM, -EINVAL (NULL). */
COIL_EXPORT int coil_channel_init(struct coil_channel *channel, size_t item_size, size_t capacity);

/* Closes it and frees the buffer with what is left in it. Twice, or of all-zero: does nothing. */
COIL_EXPORT void coil_channel_deinit(struct coil_channel *channel);

/* Sends a copy of the item; waits while the channel is full. item: item_size bytes, which must
 * stay until it returns (NULL only with item_size 0). 0; -COIL_ECLOSED: it was closed, the item
 * was not sent; -EINVAL (NULL, not open), -COIL_EWRONGTHREAD, -COIL_ENOTASK; the reason of a
 * cancel: the item was not sent and the channel is as before. */
COIL_EXPORT COIL_SUSPENDS int coil_channel_send(struct coil_channel *channel, const void *item);

/* Receives the oldest item; waits while there is none. ret_item: room for item_size bytes. 0;
 * -COIL_ECLOSED: it was closed and all that was sent has been received; other errors as send. A
 * cancel loses nothing: an item that has arrived is returned first. */
COIL_EXPORT COIL_SUSPENDS int coil_channel_recv(struct coil_channel *channel, void *ret_item);

/* The same without waiting: -EAGAIN where the other would wait. Also from callbacks. */
COIL_EXPORT int coil_channel_try_send(struct coil_channel *channel, const void *item);
COIL_EXPORT int coil_channel_try_recv(struct coil_channel *channel, void *ret_item);

/* No more items: sends fail from now on, also those that wait; receives get what is in the buffer,
 * then -COIL_ECLOSED. From tasks and callbacks. 0, also when it was closed; -EINVAL (NULL, not
 * open), -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_channel_close(struct coil_channel *channel);

/* How many items are in the buffer. */
COIL_EXPORT size_t coil_channel_count(const struct coil_channel *channel);

COIL_END_DECLS

#endif
