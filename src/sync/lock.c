/* lock.c - a lock is handed from task to task: while somebody waits it is never free, so nobody who
 * comes later gets it first. */
#include "sync/lock.h"

#include "sync/waitlist.h"

#include <errno.h>

/* The `what` of every wait for a lock, and how such a wait is recognised. */
static const char lock_wait[] = "lock";

static void take(struct coil_lock *lock, struct coil_task *task)
{
    lock->is_locked_ = true;
    lock->holder_ = task ? coil__task_handle(task) : NULL;
}

static bool is_holder(const struct coil_lock *lock, struct coil_task *self)
{
    return lock->is_locked_ && lock->holder_ == coil__task_handle(self);
}

static struct coil_lock *lock_of(const struct coil__wait *wait)
{
    const struct coil__waitlist_entry *entry =
        COIL__CONTAINER(wait, const struct coil__waitlist_entry, wait);

    return wait->what == lock_wait ? COIL__CONTAINER(entry->list, struct coil_lock, waiters_)
                                   : NULL;
}

static bool get_holder(const struct coil__wait *wait, struct coil_task **ret_holder)
{
    const struct coil_lock *lock = lock_of(wait);

    if (lock) {
        *ret_holder = lock->holder_;
    }
    return lock != NULL;
}

static bool release_awaited(const struct coil__wait *wait)
{
    struct coil_lock *lock = lock_of(wait);

    return lock && coil_lock_release(lock) == 0;
}

static const struct coil__lock_class lock_class = {
    .get_holder = get_holder,
    .release = release_awaited,
    .what = lock_wait,
    .list =
        offsetof(struct coil__waitlist_entry, list) - offsetof(struct coil__waitlist_entry, wait),
    .holder = offsetof(struct coil_lock, holder_) - offsetof(struct coil_lock, waiters_),
};

void coil__lock_retake(struct coil_lock *lock, struct coil_task *self)
{
    if (lock->is_locked_) {
        self->loop->locks = &lock_class;
        coil__waitlist_wait_through(self, &lock->waiters_, lock_wait);
    } else {
        take(lock, self);
    }
}

/* The lock is not free, or not known to be this loop's; or it is no time for it. */
static __attribute__((noinline)) int acquire_slowly(struct coil_lock *lock)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    rc = lock ? coil__waitlist_check(lock->loop_, "a lock") : coil__misuse_null("a lock");
    if (rc < 0) {
        return rc;
    }
    lock->loop_ = self->loop;
    if (!lock->is_locked_) {
        take(lock, self);
        return 0;
    }
    if (is_holder(lock, self)) {
        return coil__misuse_told(-EDEADLK, "a task waits for a lock that it has itself: it would "
                                           "wait for ever");
    }
    self->loop->locks = &lock_class;
    return coil__waitlist_wait(self, &lock->waiters_, lock_wait);
}

static __attribute__((noinline)) int let_others_run(struct coil_task *self)
{
    coil__reschedule(self);
    return 0;
}

/* Whatever is rare is a call at the very end: so a lock that is free needs no stack frame. */
int coil_lock_acquire(struct coil_lock *lock)
{
    struct coil_task *self = coil__thread.task;

    if (COIL__UNLIKELY(!self || self->cancel || !lock || lock->is_locked_ ||
                       lock->loop_ != self->loop)) {
        return acquire_slowly(lock);
    }
    take(lock, self);
    return COIL__UNLIKELY(--self->loop->budget == 0) ? let_others_run(self) : 0;
}

int coil_lock_try_acquire(struct coil_lock *lock)
{
    int rc = lock ? coil__waitlist_check(lock->loop_, "a lock") : coil__misuse_null("a lock");

    if (rc < 0) {
        return rc;
    }
    if (!coil__thread.loop) {
        return coil__no_task();
    }
    if (lock->is_locked_) {
        return coil__thread.task && is_holder(lock, coil__thread.task) ? -EDEADLK : -EAGAIN;
    }
    lock->loop_ = coil__thread.loop;
    take(lock, coil__thread.task);
    return 0;
}

static bool has_waiters(const struct coil_lock *lock)
{
    return lock->waiters_.next && lock->waiters_.next != &lock->waiters_;
}

static __attribute__((noinline)) int release_slowly(struct coil_lock *lock)
{
    int rc = coil__waitlist_check(lock->loop_, "a lock");

    if (rc < 0) {
        return rc;
    }
    if (!lock->is_locked_) {
        return coil__misuse_told(-COIL_EINVALIDSTATE, "a lock was released that nobody has");
    }
    if (has_waiters(lock)) {
        take(lock, coil__waitlist_first(&lock->waiters_));
        coil__waitlist_wake_first(&lock->waiters_, 0);
    } else {
        lock->is_locked_ = false;
    }
    return 0;
}

int coil_lock_release(struct coil_lock *lock)
{
    if (COIL__UNLIKELY(!lock)) {
        return coil__misuse_null("a lock");
    }
    if (COIL__UNLIKELY(!lock->is_locked_ || lock->loop_ != coil__thread.loop ||
                       has_waiters(lock))) {
        return release_slowly(lock);
    }
    lock->is_locked_ = false;
    return 0;
}

bool coil_lock_is_locked(const struct coil_lock *lock)
{
    return lock && lock->is_locked_;
}

struct coil_lock *coil_lock_enter_(struct coil_lock *lock)
{
    return coil_lock_acquire(lock) == 0 ? lock : NULL;
}

void coil_lock_leave_(struct coil_lock **lock)
{
    if (*lock) {
        coil_lock_release(*lock);
    }
}
