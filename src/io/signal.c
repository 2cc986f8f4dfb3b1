/* signal.c - watches of signals; see coil/signal.h.
 *
 * The handler (sys/signals.c) counts deliveries in the loop's target, and sends the loop its
 * `ready` through the inbox, once until that has arrived. From there they are handed out: to every
 * watch that listens, and from the watch to the task that waits longest, or to its callback.
 *
 * Whoever opens, closes or asks hands out first what has come until then. So a watch never sees a
 * delivery from before it was opened, and nobody waits for one that is there.
 */
#include "sync/waitlist.h"

#include "base/memory.h"
#include "loop/ledger.h"
#include "sys/signals.h"

#include <coil/signal.h>

#include <errno.h>

/* A loop's, made with its first watch. */
struct coil__signals {
    struct coil__closer closer;
    struct coil__signal_target target;
    struct coil__ready ready; /* in the inbox while is_under_way */
    atomic_bool is_under_way;
    struct coil_loop *loop;
    struct coil__list watches; /* of coil_signal_watch.link_ */
};

static struct coil_signal_watch *watch_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct coil_signal_watch, link_);
}

/* The lowest signal of a mask that is not 0. */
static int lowest(uint64_t mask)
{
    return __builtin_ctzll(mask) + 1;
}

/* Takes one delivery that was counted; 0: there is none. */
static int take_one(struct coil_signal_watch *watch)
{
    int signum;

    if (watch->pending_ == 0) {
        return 0;
    }
    signum = lowest(watch->pending_);
    if (--watch->counts_[signum - 1] == 0) {
        watch->pending_ &= ~COIL__SIGNAL_BIT(signum);
    }
    return signum;
}

static void call_back(struct coil__ready *ready)
{
    struct coil_signal_watch *watch = COIL__CONTAINER(ready, struct coil_signal_watch, ready_);
    int signum = take_one(watch);

    watch->is_ready_ = watch->pending_ != 0;
    if (watch->is_ready_) {
        coil__loop_push(watch->loop_, &watch->ready_);
    }
    watch->callback_(signum, watch->user_);
}

/* Lets those that wait for it know of what the watch has. */
static void announce(struct coil_signal_watch *watch)
{
    if (!watch->callback_) {
        while (watch->pending_ != 0 && watch->waiters_.next &&
               !coil__list_is_empty(&watch->waiters_)) {
            coil__waitlist_wake_first(&watch->waiters_, take_one(watch));
        }
    } else if (watch->pending_ != 0 && !watch->is_ready_) {
        watch->is_ready_ = true;
        coil__loop_push(watch->loop_, &watch->ready_);
    }
}

static void count(struct coil_signal_watch *watch, int signum, uint32_t times)
{
    uint32_t *counter = &watch->counts_[signum - 1];

    if (watch->signals_ & COIL__SIGNAL_BIT(signum)) {
        *counter = *counter > UINT32_MAX - times ? UINT32_MAX : *counter + times;
        watch->pending_ |= COIL__SIGNAL_BIT(signum);
    }
}

static void hand_out(struct coil__signals *signals)
{
    uint64_t pending = atomic_exchange(&signals->target.pending, 0);

    if (pending == 0) {
        return;
    }
    for (; pending != 0; pending &= pending - 1) {
        int signum = lowest(pending);
        uint32_t times = coil__signal_take(&signals->target, signum);

        COIL__LIST_FOREACH(&signals->watches, link) {
            if (times > 0) {
                count(watch_of(link), signum, times);
            }
        }
    }
    COIL__LIST_FOREACH(&signals->watches, link) {
        announce(watch_of(link));
    }
}

static void arrive(struct coil__ready *ready)
{
    struct coil__signals *signals = COIL__CONTAINER(ready, struct coil__signals, ready);

    atomic_store(&signals->is_under_way, false);
    hand_out(signals);
}

/* In the handler. */
static void notify(struct coil__signal_target *target)
{
    struct coil__signals *signals = COIL__CONTAINER(target, struct coil__signals, target);

    if (!atomic_exchange(&signals->is_under_way, true)) {
        coil__inbox_push(signals->loop, &signals->ready);
    }
}

/* --- open and closed --- */

/* Listens to what the watches want, no more. */
static int listen_again(struct coil__signals *signals)
{
    uint64_t mask = 0;

    COIL__LIST_FOREACH(&signals->watches, link) {
        mask |= watch_of(link)->signals_;
    }
    signals->loop->hears_signals = mask != 0;
    return coil__signal_listen(&signals->target, mask);
}

static void shut(struct coil_signal_watch *watch)
{
    if (watch->is_ready_) {
        coil__loop_remove(watch->loop_, &watch->ready_);
    }
    coil__list_remove(&watch->link_);
    coil__note_closed(watch->loop_, COIL__OPENED_SIGNALS, watch);
    coil__waitlist_wake_all(&watch->waiters_, -COIL_ECLOSED);
    *watch = (struct coil_signal_watch){.loop_ = NULL};
}

static void end(struct coil__closer *closer)
{
    struct coil__signals *signals = COIL__CONTAINER(closer, struct coil__signals, closer);
    struct coil__list *link;

    while ((link = coil__list_pop_head(&signals->watches))) {
        shut(watch_of(link));
    }
    coil__signal_listen(&signals->target, 0);
    coil__inbox_drain(signals->loop);
    signals->loop->signals = NULL;
    coil__free(signals);
}

static void forget(struct coil__closer *closer)
{
    coil__free(COIL__CONTAINER(closer, struct coil__signals, closer));
}

static int get(struct coil_loop *loop, struct coil__signals **ret_signals)
{
    struct coil__signals *signals = loop->signals;

    if (!signals) {
        signals = coil__calloc(1, sizeof *signals);
        if (!signals) {
            return -ENOMEM;
        }
        signals->closer = (struct coil__closer){.end = end, .forget = forget};
        signals->target.notify = notify;
        signals->ready.run = arrive;
        signals->loop = loop;
        coil__list_init(&signals->watches);
        coil__list_push_tail(&loop->closers, &signals->closer.link);
        loop->signals = signals;
    }
    *ret_signals = signals;
    return 0;
}

/* The mask of a list of signals; 0 when it cannot be had. */
static uint64_t mask_of(const int *signums, size_t count)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < count; i++) {
        if (!coil__signal_is_good(signums[i])) {
            return 0;
        }
        mask |= COIL__SIGNAL_BIT(signums[i]);
    }
    return mask;
}

static int open_on(struct coil_loop *loop, struct coil_signal_watch *watch, uint64_t mask,
                   coil_signal_callback callback, void *user)
{
    struct coil__signals *signals;
    int rc;

    if (mask == 0 || watch->loop_) {
        return coil__misuse_told(-EINVAL, "a watch of signals was opened that is open already, or "
                                          "for a signal that cannot be watched");
    }
    rc = get(loop, &signals);
    if (rc < 0) {
        return rc;
    }
    hand_out(signals);
    *watch = (struct coil_signal_watch){
        .ready_.run = call_back,
        .loop_ = loop,
        .callback_ = callback,
        .user_ = user,
        .signals_ = mask,
    };
    coil__list_push_tail(&signals->watches, &watch->link_);
    rc = listen_again(signals);
    if (rc < 0) {
        shut(watch);
        return rc;
    }
    coil__note_open(loop, COIL__OPENED_SIGNALS, watch);
    return 0;
}

int coil_signal_open(struct coil_signal_watch *watch, const int *signums, size_t count)
{
    struct coil_loop *loop = coil__thread.loop;

    if (!loop) {
        return coil__no_task();
    }
    if (!watch || !signums) {
        return -EINVAL;
    }
    return open_on(loop, watch, mask_of(signums, count), NULL, NULL);
}

int coil_signal_start(struct coil_loop *loop, struct coil_signal_watch *watch, int signum,
                      coil_signal_callback callback, void *user)
{
    int rc = coil__loop_check(loop);

    if (rc < 0) {
        return rc;
    }
    return watch && callback ? open_on(loop, watch, mask_of(&signum, 1), callback, user) : -EINVAL;
}

int coil_signal_close(struct coil_signal_watch *watch)
{
    struct coil__signals *signals;
    int rc;

    if (!watch) {
        return -EINVAL;
    }
    if (!watch->loop_) {
        return 0;
    }
    rc = coil__loop_check(watch->loop_);
    if (rc == 0) {
        signals = watch->loop_->signals;
        hand_out(signals);
        shut(watch);
        listen_again(signals);
    }
    return rc;
}

int coil_signal_stop(struct coil_signal_watch *watch)
{
    return coil_signal_close(watch);
}

/* --- waiting --- */

int coil_signal_next(struct coil_signal_watch *watch)
{
    struct coil_task *self;
    int signum;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!watch || !watch->loop_ || watch->callback_) {
        return -EINVAL;
    }
    rc = coil__waitlist_check(watch->loop_, "a watch of signals");
    if (rc < 0) {
        return rc;
    }
    hand_out(self->loop->signals);
    signum = take_one(watch);
    if (signum == 0) {
        return coil__waitlist_wait(self, &watch->waiters_, "signal");
    }
    coil__spend(self);
    return signum;
}

int coil_signal_wait(const int *signums, size_t count)
{
    struct coil_signal_watch watch = COIL__ZERO;
    struct coil_task *self;
    int rc = coil__begin(&self);

    rc = rc < 0 ? rc : coil_signal_open(&watch, signums, count);
    if (rc < 0) {
        return rc;
    }
    rc = coil_signal_next(&watch);
    coil_signal_close(&watch);
    return rc;
}
