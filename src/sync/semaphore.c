/* semaphore.c - permits are handed from task to task: while somebody waits none is free. */
#include "sync/waitlist.h"

#include <coil/semaphore.h>

#include <errno.h>

static int init(struct coil_semaphore *semaphore, size_t permits, size_t max)
{
    if (!semaphore) {
        return -EINVAL;
    }
    *semaphore = (struct coil_semaphore){.permits_ = permits, .max_ = max};
    return 0;
}

int coil_semaphore_init(struct coil_semaphore *semaphore, size_t permits)
{
    return init(semaphore, permits, SIZE_MAX);
}

int coil_bounded_semaphore_init(struct coil_semaphore *semaphore, size_t permits)
{
    return init(semaphore, permits, permits);
}

/* 0, or why the caller may not use it; from then on it is of the running loop. */
static int check(struct coil_semaphore *semaphore)
{
    int rc = semaphore ? coil__waitlist_check(semaphore->loop_, "a semaphore")
                       : coil__misuse_null("a semaphore");

    if (rc == 0 && !coil__thread.loop) {
        rc = coil__no_task();
    }
    if (rc == 0) {
        semaphore->loop_ = coil__thread.loop;
    }
    return rc;
}

int coil_semaphore_acquire(struct coil_semaphore *semaphore)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    rc = check(semaphore);
    if (rc < 0) {
        return rc;
    }
    if (semaphore->permits_ == 0) {
        return coil__waitlist_wait(self, &semaphore->waiters_, "semaphore");
    }
    semaphore->permits_--;
    coil__spend(self);
    return 0;
}

int coil_semaphore_try_acquire(struct coil_semaphore *semaphore)
{
    int rc = check(semaphore);

    if (rc == 0 && semaphore->permits_ == 0) {
        rc = -EAGAIN;
    }
    if (rc == 0) {
        semaphore->permits_--;
    }
    return rc;
}

int coil_semaphore_release(struct coil_semaphore *semaphore)
{
    int rc = check(semaphore);

    if (rc < 0 || coil__waitlist_wake_first(&semaphore->waiters_, 0)) {
        return rc;
    }
    if (semaphore->permits_ >= semaphore->max_) {
        return coil__misuse_told(-COIL_EINVALIDSTATE, "a bounded semaphore was released more often "
                                                      "than it was acquired");
    }
    semaphore->permits_++;
    return 0;
}

size_t coil_semaphore_permits(const struct coil_semaphore *semaphore)
{
    return semaphore ? semaphore->permits_ : 0;
}
