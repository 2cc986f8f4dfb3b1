/* channel.c - items from task to task.
 *
 * Invariants: receivers wait only while the buffer is empty and no sender waits; senders wait only
 * while the buffer is full. So whoever comes finds either somebody of the other side to deal with
 * directly, or the buffer, and never has to look at a queue of its own side: that is what keeps
 * the order and keeps barging out.
 *
 * A waiting task has its turn on its stack (turn.h).
 */
#include "sync/turn.h"
#include "sync/waitlist.h"

#include "base/memory.h"

#include <coil/channel.h>

#include <errno.h>

enum state { NOT_OPEN, OPEN, CLOSED };

static __attribute__((cold)) int refuse(void)
{
    return coil__misuse_told(-EINVAL, "a channel was used that is NULL or not open, or its item is "
                                      "NULL");
}

/* Whether the caller may use the channel: bound on first use, so this is one comparison. */
static int bind_to_loop(struct coil_channel *channel)
{
    if (!coil__thread.loop) {
        return coil__no_task();
    }
    if (channel->loop_) {
        return coil__misuse_loop("a channel", channel->loop_);
    }
    channel->loop_ = coil__thread.loop;
    return 0;
}

static inline int check(struct coil_channel *channel, const void *item)
{
    if (COIL__UNLIKELY(!channel || channel->state_ == NOT_OPEN ||
                       (!item && channel->item_size_ > 0))) {
        return refuse();
    }
    if (COIL__LIKELY(channel->loop_ == coil__thread.loop && channel->loop_)) {
        return 0;
    }
    return bind_to_loop(channel);
}

static char *slot(const struct coil_channel *channel, size_t index)
{
    size_t at = channel->first_ + index;

    return channel->items_ +
           (at < channel->capacity_ ? at : at - channel->capacity_) * channel->item_size_;
}

/* Hands the item over if that is possible now: 0, -EAGAIN, -COIL_ECLOSED. */
static inline int give(struct coil_channel *channel, const char *item)
{
    struct coil__list *receivers = &channel->receivers_;

    if (!coil__list_is_empty(receivers)) {
        struct coil__turn *turn = coil__turn_of(receivers->next);

        coil__item_copy(turn->item, item, channel->item_size_);
        coil__turn_serve(receivers, turn, 0);
        return 0;
    }
    if (COIL__UNLIKELY(channel->state_ == CLOSED)) {
        return -COIL_ECLOSED;
    }
    if (channel->count_ < channel->capacity_) {
        coil__item_copy(slot(channel, channel->count_), item, channel->item_size_);
        channel->count_++;
        return 0;
    }
    return -EAGAIN;
}

/* Gets the oldest item if there is one now: 0, -EAGAIN, -COIL_ECLOSED. */
static inline int take(struct coil_channel *channel, char *item)
{
    struct coil__list *senders = &channel->senders_;
    struct coil__turn *turn = coil__list_is_empty(senders) ? NULL : coil__turn_of(senders->next);

    if (channel->count_ > 0) {
        coil__item_copy(item, slot(channel, 0), channel->item_size_);
        channel->first_ = channel->first_ + 1 < channel->capacity_ ? channel->first_ + 1 : 0;
        if (turn) { /* there is room again: the buffer stays full */
            coil__item_copy(slot(channel, channel->count_ - 1), turn->item, channel->item_size_);
        } else {
            channel->count_--;
        }
    } else if (turn) {
        coil__item_copy(item, turn->item, channel->item_size_);
    } else {
        return COIL__UNLIKELY(channel->state_ == CLOSED) ? -COIL_ECLOSED : -EAGAIN;
    }
    if (turn) {
        coil__turn_serve(senders, turn, 0);
    }
    return 0;
}

int coil_channel_init(struct coil_channel *channel, size_t item_size, size_t capacity)
{
    size_t size;
    char *items = NULL;

    if (!channel) {
        return -EINVAL;
    }
    if (capacity > 0) {
        if (__builtin_mul_overflow(item_size, capacity, &size)) {
            return -ENOMEM;
        }
        items = coil__malloc(size > 0 ? size : 1);
        if (!items) {
            return -ENOMEM;
        }
    }
    *channel = (struct coil_channel){
        .item_size_ = item_size,
        .capacity_ = capacity,
        .items_ = items,
        .state_ = OPEN,
    };
    coil__list_init(&channel->senders_);
    coil__list_init(&channel->receivers_);
    return 0;
}

void coil_channel_deinit(struct coil_channel *channel)
{
    if (!channel || channel->state_ == NOT_OPEN) {
        return;
    }
    coil__turn_serve_all(&channel->senders_, -COIL_ECLOSED);
    coil__turn_serve_all(&channel->receivers_, -COIL_ECLOSED);
    coil__free(channel->items_);
    *channel = (struct coil_channel){0};
}

int coil_channel_close(struct coil_channel *channel)
{
    int rc;

    if (!channel || channel->state_ == NOT_OPEN) {
        return refuse();
    }
    rc = coil__waitlist_check(channel->loop_, "a channel");
    if (rc < 0) {
        return rc;
    }
    channel->state_ = CLOSED;
    coil__turn_serve_all(&channel->senders_, -COIL_ECLOSED);
    coil__turn_serve_all(&channel->receivers_, -COIL_ECLOSED);
    return 0;
}

int coil_channel_send(struct coil_channel *channel, const void *item)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (COIL__UNLIKELY(rc < 0)) {
        return rc;
    }
    rc = check(channel, item);
    if (COIL__UNLIKELY(rc < 0)) {
        return rc;
    }
    rc = give(channel, item);
    if (rc == -EAGAIN) {
        return coil__turn_wait(self, &channel->senders_, (char *)(uintptr_t)item, "channel send");
    }
    coil__spend(self);
    return rc;
}

int coil_channel_recv(struct coil_channel *channel, void *ret_item)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (COIL__UNLIKELY(rc < 0)) {
        return rc;
    }
    rc = check(channel, ret_item);
    if (COIL__UNLIKELY(rc < 0)) {
        return rc;
    }
    rc = take(channel, ret_item);
    if (rc == -EAGAIN) {
        return coil__turn_wait(self, &channel->receivers_, ret_item, "channel recv");
    }
    coil__spend(self);
    return rc;
}

int coil_channel_try_send(struct coil_channel *channel, const void *item)
{
    int rc = check(channel, item);

    return rc < 0 ? rc : give(channel, item);
}

int coil_channel_try_recv(struct coil_channel *channel, void *ret_item)
{
    int rc = check(channel, ret_item);

    return rc < 0 ? rc : take(channel, ret_item);
}

size_t coil_channel_count(const struct coil_channel *channel)
{
    return channel ? channel->count_ : 0;
}
