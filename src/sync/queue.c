/* queue.c - see coil/queue.h.
 *
 * Invariants, as of a channel: getters wait only while the queue is empty, putters only while it is
 * full. So whoever comes finds either somebody of the other side to deal with directly, or the
 * slots, and never has to look at the list of its own side.
 *
 * The slots: a ring (fifo), a stack (lifo), or a binary heap whose slots carry the number of their
 * item behind it, so that equal items keep their order.
 */
#include "sync/turn.h"
#include "sync/waitlist.h"

#include "base/memory.h"

#include <coil/queue.h>

#include <errno.h>

enum coil__queue_order { NOT_OPEN, FIFO, LIFO, PRIORITY };

enum { FIRST_CAPACITY = 8 };

/* --- slots --- */

static char *slot(const struct coil_queue *queue, size_t index)
{
    return queue->slots_ + index * queue->slot_size_;
}

/* The index-th oldest item of a ring. */
static char *ring_slot(const struct coil_queue *queue, size_t index)
{
    size_t at = queue->first_ + index;

    return slot(queue, at < queue->capacity_ ? at : at - queue->capacity_);
}

static uint64_t number_of(const struct coil_queue *queue, const char *at)
{
    uint64_t number;

    memcpy(&number, at + queue->slot_size_ - sizeof number, sizeof number);
    return number;
}

static bool is_before(const struct coil_queue *queue, const char *a, const char *b)
{
    int order = queue->compare_(a, b, queue->user_);

    return order < 0 || (order == 0 && number_of(queue, a) < number_of(queue, b));
}

/* One slot more than the items is kept by a priority queue: to swap with. */
static void swap(const struct coil_queue *queue, char *a, char *b)
{
    char *spare = slot(queue, queue->capacity_);

    memcpy(spare, a, queue->slot_size_);
    memcpy(a, b, queue->slot_size_);
    memcpy(b, spare, queue->slot_size_);
}

static void sift_up(const struct coil_queue *queue, size_t index)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;

        if (!is_before(queue, slot(queue, index), slot(queue, parent))) {
            return;
        }
        swap(queue, slot(queue, index), slot(queue, parent));
        index = parent;
    }
}

static void sift_down(const struct coil_queue *queue, size_t index)
{
    for (;;) {
        size_t least = index;

        for (size_t child = 2 * index + 1; child <= 2 * index + 2; child++) {
            if (child < queue->count_ && is_before(queue, slot(queue, child), slot(queue, least))) {
                least = child;
            }
        }
        if (least == index) {
            return;
        }
        swap(queue, slot(queue, index), slot(queue, least));
        index = least;
    }
}

/* Room for one more: 0 or -ENOMEM. */
static int make_room(struct coil_queue *queue)
{
    size_t capacity = queue->capacity_ > 0 ? queue->capacity_ * 2 : FIRST_CAPACITY;
    size_t spare = queue->order_ == PRIORITY;
    size_t moved;
    char *slots;

    if (queue->count_ < queue->capacity_) {
        return 0;
    }
    if (capacity > queue->max_) {
        capacity = queue->max_;
    }
    slots = coil__realloc_array(queue->slots_, capacity + spare, queue->slot_size_);
    if (!slots) {
        return -ENOMEM;
    }
    queue->slots_ = slots;
    /* What a ring had wrapped around goes on behind its old end. */
    moved = queue->first_;
    if (moved > 0) {
        size_t fits = capacity - queue->capacity_;
        size_t count = moved < fits ? moved : fits;

        memcpy(slot(queue, queue->capacity_), slots, count * queue->slot_size_);
        memmove(slots, slot(queue, count), (moved - count) * queue->slot_size_);
    }
    queue->capacity_ = capacity;
    return 0;
}

static int store(struct coil_queue *queue, const char *item)
{
    int rc = make_room(queue);
    char *at;

    if (rc < 0) {
        return rc;
    }
    at = queue->order_ == FIFO ? ring_slot(queue, queue->count_) : slot(queue, queue->count_);
    coil__item_copy(at, item, queue->item_size_);
    if (queue->order_ == PRIORITY) {
        uint64_t number = queue->next_number_++;

        memcpy(at + queue->slot_size_ - sizeof number, &number, sizeof number);
        sift_up(queue, queue->count_);
    }
    queue->count_++;
    return 0;
}

static void fetch(struct coil_queue *queue, char *ret_item)
{
    const char *at = queue->order_ == FIFO   ? ring_slot(queue, 0)
                     : queue->order_ == LIFO ? slot(queue, queue->count_ - 1)
                                             : slot(queue, 0);

    coil__item_copy(ret_item, at, queue->item_size_);
    queue->count_--;
    if (queue->order_ == FIFO) {
        queue->first_ = queue->first_ + 1 < queue->capacity_ ? queue->first_ + 1 : 0;
    } else if (queue->order_ == PRIORITY && queue->count_ > 0) {
        memcpy(slot(queue, 0), slot(queue, queue->count_), queue->slot_size_);
        sift_down(queue, 0);
    }
}

/* --- open and closed --- */

static int init(struct coil_queue *queue, size_t item_size, size_t max, uint8_t order)
{
    size_t slot_size = item_size;

    if (!queue || item_size == 0) {
        return -EINVAL;
    }
    if (order == PRIORITY) { /* the items stay aligned, and the number behind them */
        if (item_size > SIZE_MAX - 31) {
            return -ENOMEM;
        }
        slot_size = ((item_size + 15) & ~(size_t)15) + 16;
    }
    *queue = (struct coil_queue){
        .item_size_ = item_size,
        .slot_size_ = slot_size,
        .max_ = max > 0 ? max : SIZE_MAX,
        .order_ = order,
    };
    coil__list_init(&queue->getters_);
    coil__list_init(&queue->putters_);
    return 0;
}

/* With a bound all memory is there from the start: put of a bounded queue cannot fail for it. */
static int init_memory(struct coil_queue *queue)
{
    size_t spare = queue->order_ == PRIORITY;

    if (queue->max_ == SIZE_MAX) {
        return 0;
    }
    queue->slots_ = coil__realloc_array(NULL, queue->max_ + spare, queue->slot_size_);
    if (!queue->slots_) {
        queue->order_ = NOT_OPEN;
        return -ENOMEM;
    }
    queue->capacity_ = queue->max_;
    return 0;
}

int coil_queue_init(struct coil_queue *queue, size_t item_size, size_t max)
{
    int rc = init(queue, item_size, max, FIFO);

    return rc < 0 ? rc : init_memory(queue);
}

int coil_lifo_queue_init(struct coil_queue *queue, size_t item_size, size_t max)
{
    int rc = init(queue, item_size, max, LIFO);

    return rc < 0 ? rc : init_memory(queue);
}

int coil_priority_queue_init(struct coil_queue *queue, size_t item_size, size_t max,
                             coil_compare compare, void *user)
{
    int rc = compare ? init(queue, item_size, max, PRIORITY) : -EINVAL;

    if (rc < 0) {
        return rc;
    }
    queue->compare_ = compare;
    queue->user_ = user;
    return init_memory(queue);
}

static int refuse(const struct coil_queue *queue)
{
    return queue ? coil__misuse_told(-EINVAL, "a queue was used that is not open: make it by "
                                              "coil_queue_init or one of its kin")
                 : coil__misuse_null("a queue");
}

static int check_slowly(struct coil_queue *queue)
{
    int rc = queue && queue->order_ != NOT_OPEN ? coil__waitlist_check(queue->loop_, "a queue")
                                                : refuse(queue);

    if (rc == 0 && !coil__thread.loop) {
        rc = coil__no_task();
    }
    if (rc == 0) {
        queue->loop_ = coil__thread.loop;
    }
    return rc;
}

/* 0, or why the caller may not use it; from then on it is of the running loop. */
static inline int check(struct coil_queue *queue)
{
    const struct coil_loop *loop = coil__thread.loop;

    if (COIL__LIKELY(queue && queue->order_ != NOT_OPEN && queue->loop_ == loop && loop)) {
        return 0;
    }
    return check_slowly(queue);
}

static void end_unfinished(struct coil_queue *queue, size_t count)
{
    queue->unfinished_ -= count;
    if (queue->unfinished_ == 0) {
        coil__waitlist_wake_all(&queue->joiners_, 0);
    }
}

static void shut_down(struct coil_queue *queue, bool immediate)
{
    queue->is_shut_down_ = true;
    if (immediate && queue->count_ > 0) {
        size_t count = queue->count_;

        queue->count_ = 0;
        queue->first_ = 0;
        end_unfinished(queue, count < queue->unfinished_ ? count : queue->unfinished_);
    }
    coil__turn_serve_all(&queue->putters_, -COIL_ECLOSED);
    coil__turn_serve_all(&queue->getters_, -COIL_ECLOSED); /* those wait only where it is empty */
}

void coil_queue_deinit(struct coil_queue *queue)
{
    if (!queue || queue->order_ == NOT_OPEN) {
        return;
    }
    shut_down(queue, true);
    coil__waitlist_wake_all(&queue->joiners_, -COIL_ECLOSED);
    coil__free(queue->slots_);
    *queue = (struct coil_queue){0};
}

int coil_queue_shutdown(struct coil_queue *queue, bool immediate)
{
    int rc = check(queue);

    if (rc == 0) {
        shut_down(queue, immediate);
    }
    return rc;
}

/* --- in and out --- */

/* Puts the item in if that is possible now: 0, -EAGAIN, -COIL_ECLOSED, -ENOMEM. */
static int give(struct coil_queue *queue, const char *item)
{
    int rc = 0;

    if (queue->is_shut_down_) {
        return -COIL_ECLOSED;
    }
    if (!coil__list_is_empty(&queue->getters_)) {
        struct coil__turn *turn = coil__turn_of(queue->getters_.next);

        coil__item_copy(turn->item, item, queue->item_size_);
        coil__turn_serve(&queue->getters_, turn, 0);
    } else if (queue->count_ < queue->max_) {
        rc = store(queue, item);
    } else {
        return -EAGAIN;
    }
    queue->unfinished_ += rc == 0;
    return rc;
}

/* Gets the next item if there is one now: 0, -EAGAIN, -COIL_ECLOSED. */
static int take(struct coil_queue *queue, char *ret_item)
{
    struct coil__turn *turn;

    if (queue->count_ == 0) {
        return queue->is_shut_down_ ? -COIL_ECLOSED : -EAGAIN;
    }
    fetch(queue, ret_item);
    if (!coil__list_is_empty(&queue->putters_)) { /* there is room for one of them */
        turn = coil__turn_of(queue->putters_.next);
        store(queue, turn->item);
        queue->unfinished_++;
        coil__turn_serve(&queue->putters_, turn, 0);
    }
    return 0;
}

int coil_queue_put(struct coil_queue *queue, const void *item)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (COIL__UNLIKELY(rc < 0)) {
        return rc;
    }
    rc = item ? check(queue) : coil__misuse_null("the item for a queue");
    if (COIL__UNLIKELY(rc < 0)) {
        return rc;
    }
    rc = give(queue, item);
    if (rc == -EAGAIN) {
        return coil__turn_wait(self, &queue->putters_, (char *)(uintptr_t)item, "queue put");
    }
    coil__spend(self);
    return rc;
}

int coil_queue_get(struct coil_queue *queue, void *ret_item)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (COIL__UNLIKELY(rc < 0)) {
        return rc;
    }
    rc = ret_item ? check(queue) : coil__misuse_null("the room for a queue's item");
    if (COIL__UNLIKELY(rc < 0)) {
        return rc;
    }
    rc = take(queue, ret_item);
    if (rc == -EAGAIN) {
        return coil__turn_wait(self, &queue->getters_, ret_item, "queue get");
    }
    coil__spend(self);
    return rc;
}

int coil_queue_try_put(struct coil_queue *queue, const void *item)
{
    int rc = item ? check(queue) : coil__misuse_null("the item for a queue");

    return rc < 0 ? rc : give(queue, item);
}

int coil_queue_try_get(struct coil_queue *queue, void *ret_item)
{
    int rc = ret_item ? check(queue) : coil__misuse_null("the room for a queue's item");

    return rc < 0 ? rc : take(queue, ret_item);
}

int coil_queue_task_done(struct coil_queue *queue)
{
    int rc = check(queue);

    if (rc == 0 && queue->unfinished_ == 0) {
        rc = coil__misuse_told(-COIL_EINVALIDSTATE, "coil_queue_task_done was called more often "
                                                    "than there were items");
    }
    if (rc == 0) {
        end_unfinished(queue, 1);
    }
    return rc;
}

int coil_queue_join(struct coil_queue *queue)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    rc = check(queue);
    if (rc < 0) {
        return rc;
    }
    if (queue->unfinished_ == 0) {
        coil__spend(self);
        return 0;
    }
    return coil__waitlist_wait(self, &queue->joiners_, "queue join");
}

size_t coil_queue_count(const struct coil_queue *queue)
{
    return queue ? queue->count_ : 0;
}

bool coil_queue_is_full(const struct coil_queue *queue)
{
    return queue && queue->order_ != NOT_OPEN && queue->count_ >= queue->max_;
}
