/* channel.c - items from task to task.
 *
 * Invariants: receivers wait only while the buffer is empty and no sender waits; senders wait only
 * while the buffer is full. So whoever comes finds either somebody of the other side to deal with
 * directly, or the buffer, and never has to look at a queue of its own side: that is what keeps
 * the order and keeps barging out.
 *
 * A waiting task has its turn on its stack: where its item is or goes. Whoever serves the turn
 * copies the item, takes the turn out and wakes the task: then the item has changed hands for
 * good. A cancel takes the turn out before that and leaves no trace.
 */
#include "sync/waitlist.h"
#include "task/switch.h"

#include "base/memory.h"

#include <coil/channel.h>

#include <errno.h>
#include <string.h>

enum state { NOT_OPEN, OPEN, CLOSED };

struct turn {
    struct coil__wait wait;
    struct coil__list link; /* in senders_ or receivers_, until served */
    struct coil_task *task;
    char *item; /* the sender's, read only; or where the receiver wants it */
    int rc;     /* valid once served */
};

static struct turn *turn_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct turn, link);
}

/* Pointers and ints are what is sent most: no call for them. */
static inline void copy(char *to, const char *from, size_t size)
{
    if (size == sizeof(uint64_t)) {
        memcpy(to, from, sizeof(uint64_t));
    } else if (size == sizeof(uint32_t)) {
        memcpy(to, from, sizeof(uint32_t));
    } else if (size > 0) {
        memcpy(to, from, size);
    }
}

/* Whether the caller may use the channel: bound on first use, so this is one comparison. */
static int bind_to_loop(struct coil_channel *channel)
{
    if (!coil__thread.loop) {
        return coil__no_task();
    }
    if (channel->loop_) {
        return -COIL_EWRONGTHREAD;
    }
    channel->loop_ = coil__thread.loop;
    return 0;
}

static inline int check(struct coil_channel *channel, const void *item)
{
    if (COIL__UNLIKELY(!channel || channel->state_ == NOT_OPEN ||
                       (!item && channel->item_size_ > 0))) {
        return -EINVAL;
    }
    if (COIL__LIKELY(channel->loop_ == coil__thread.loop && channel->loop_)) {
        return 0;
    }
    return bind_to_loop(channel);
}

/* Takes the first turn out; its task goes on with rc. */
static inline void serve(struct coil__list *list, struct turn *turn, int rc)
{
    coil__list_take_head(list, &turn->link);
    turn->rc = rc;
    coil__task_wake(turn->task);
}

static void interrupt(struct coil_task *task, struct coil__wait *wait)
{
    struct turn *turn = COIL__CONTAINER(wait, struct turn, wait);

    coil__list_remove(&turn->link);
    turn->rc = -ECANCELED;
    coil__task_wake(task);
}

static inline int wait_in(struct coil_task *self, struct coil__list *list, char *item,
                          const char *what)
{
    struct turn turn;

    turn.wait.interrupt = interrupt;
    turn.wait.what = what;
    turn.task = self;
    turn.item = item;
    coil__list_push_tail(list, &turn.link);
    coil__suspend_here(self, &turn.wait);
    if (COIL__UNLIKELY(turn.rc == -ECANCELED && self->cancel)) {
        return coil__cancel_error(self);
    }
    return turn.rc;
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
        struct turn *turn = turn_of(receivers->next);

        copy(turn->item, item, channel->item_size_);
        serve(receivers, turn, 0);
        return 0;
    }
    if (COIL__UNLIKELY(channel->state_ == CLOSED)) {
        return -COIL_ECLOSED;
    }
    if (channel->count_ < channel->capacity_) {
        copy(slot(channel, channel->count_), item, channel->item_size_);
        channel->count_++;
        return 0;
    }
    return -EAGAIN;
}

/* Gets the oldest item if there is one now: 0, -EAGAIN, -COIL_ECLOSED. */
static inline int take(struct coil_channel *channel, char *item)
{
    struct coil__list *senders = &channel->senders_;
    struct turn *turn = coil__list_is_empty(senders) ? NULL : turn_of(senders->next);

    if (channel->count_ > 0) {
        copy(item, slot(channel, 0), channel->item_size_);
        channel->first_ = channel->first_ + 1 < channel->capacity_ ? channel->first_ + 1 : 0;
        if (turn) { /* there is room again: the buffer stays full */
            copy(slot(channel, channel->count_ - 1), turn->item, channel->item_size_);
        } else {
            channel->count_--;
        }
    } else if (turn) {
        copy(item, turn->item, channel->item_size_);
    } else {
        return COIL__UNLIKELY(channel->state_ == CLOSED) ? -COIL_ECLOSED : -EAGAIN;
    }
    if (turn) {
        serve(senders, turn, 0);
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

static void turn_away(struct coil__list *list)
{
    while (!coil__list_is_empty(list)) {
        serve(list, turn_of(list->next), -COIL_ECLOSED);
    }
}

void coil_channel_deinit(struct coil_channel *channel)
{
    if (!channel || channel->state_ == NOT_OPEN) {
        return;
    }
    turn_away(&channel->senders_);
    turn_away(&channel->receivers_);
    coil__free(channel->items_);
    *channel = (struct coil_channel){0};
}

int coil_channel_close(struct coil_channel *channel)
{
    int rc;

    if (!channel || channel->state_ == NOT_OPEN) {
        return -EINVAL;
    }
    rc = coil__waitlist_check(channel->loop_);
    if (rc < 0) {
        return rc;
    }
    channel->state_ = CLOSED;
    turn_away(&channel->senders_);
    turn_away(&channel->receivers_);
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
        return wait_in(self, &channel->senders_, (char *)(uintptr_t)item, "channel send");
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
        return wait_in(self, &channel->receivers_, ret_item, "channel recv");
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
