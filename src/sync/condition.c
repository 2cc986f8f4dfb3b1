/* condition.c - who is notified leaves the list at once, and then stands in line for the lock. */
#include "sync/lock.h"
#include "sync/waitlist.h"

#include <coil/condition.h>

#include <errno.h>

int coil_condition_init(struct coil_condition *condition, struct coil_lock *lock)
{
    if (!condition || !lock) {
        return -EINVAL;
    }
    *condition = (struct coil_condition){.lock_ = lock};
    return 0;
}

/* 0 for a condition of this loop whose lock is held. */
static int check(const struct coil_condition *condition)
{
    int rc;

    if (!condition || !condition->lock_) {
        return coil__misuse_told(-EINVAL, "a condition was used that is NULL, or that "
                                          "coil_condition_init has not made");
    }
    rc = coil__waitlist_check(condition->lock_->loop_, "the lock of a condition");
    if (rc == 0 && !condition->lock_->is_locked_) {
        rc = coil__misuse_told(-COIL_EINVALIDSTATE, "a condition was used without its lock: "
                                                    "acquire that first");
    }
    return rc;
}

int coil_condition_wait(struct coil_condition *condition)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    rc = check(condition);
    if (rc < 0) {
        return rc;
    }
    coil_lock_release(condition->lock_);
    rc = coil__waitlist_wait(self, &condition->waiters_, "condition");
    coil__lock_retake(condition->lock_, self);
    return rc;
}

int coil_condition_wait_for(struct coil_condition *condition, bool (*predicate)(void *user),
                            void *user)
{
    int rc = predicate ? check(condition) : -EINVAL;

    while (rc == 0 && !predicate(user)) {
        rc = coil_condition_wait(condition);
    }
    return rc;
}

int coil_condition_notify(struct coil_condition *condition, size_t count)
{
    int rc = check(condition);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (!coil__waitlist_wake_first(&condition->waiters_, 0)) {
            break;
        }
    }
    return rc;
}

int coil_condition_notify_all(struct coil_condition *condition)
{
    return coil_condition_notify(condition, SIZE_MAX);
}
