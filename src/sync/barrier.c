/* barrier.c - the last one to come wakes the others, and by that gives each its place. */
#include "sync/waitlist.h"

#include <coil/barrier.h>

#include <errno.h>
#include <limits.h>

/* One that waits; on its stack. */
struct comer {
    struct coil__wait wait;
    struct coil__list link; /* in waiters_, until it is woken */
    struct coil_task *task;
    struct coil_barrier *barrier; /* NULL once it is woken */
    ssize_t rc;
};

int coil_barrier_init(struct coil_barrier *barrier, size_t parties)
{
    if (!barrier || parties == 0 || parties > SSIZE_MAX) {
        return -EINVAL;
    }
    *barrier = (struct coil_barrier){.parties_ = parties};
    coil__list_init(&barrier->waiters_);
    return 0;
}

static int check(const struct coil_barrier *barrier)
{
    if (!barrier || barrier->parties_ == 0) {
        return coil__misuse_told(-EINVAL, "a barrier was used that is NULL, or that "
                                          "coil_barrier_init has not made");
    }
    return coil__waitlist_check(barrier->loop_, "a barrier");
}

static void wake(struct comer *comer, ssize_t rc)
{
    coil__list_remove(&comer->link);
    comer->barrier->count_--;
    comer->barrier = NULL;
    comer->rc = rc;
    coil__task_wake(comer->task);
}

static void interrupt(struct coil_task *task, struct coil__wait *wait)
{
    (void)task;
    wake(COIL__CONTAINER(wait, struct comer, wait), -ECANCELED);
}

/* Ends the round: with everybody's place, or with the same error for all. */
static void end_round(struct coil_barrier *barrier, ssize_t error)
{
    ssize_t place = 0;

    while (!coil__list_is_empty(&barrier->waiters_)) {
        struct comer *comer = COIL__CONTAINER(barrier->waiters_.next, struct comer, link);

        wake(comer, error < 0 ? error : place++);
    }
}

ssize_t coil_barrier_wait(struct coil_barrier *barrier)
{
    struct comer comer = {.wait = {.interrupt = interrupt, .what = "barrier"}, .barrier = barrier};
    int rc = coil__begin(&comer.task);

    if (rc < 0) {
        return rc;
    }
    rc = check(barrier);
    if (rc < 0) {
        return rc;
    }
    if (barrier->is_broken_) {
        return -COIL_EBROKEN;
    }
    barrier->loop_ = comer.task->loop;
    if (barrier->count_ + 1 == barrier->parties_) {
        end_round(barrier, 0);
        coil__spend(comer.task);
        return (ssize_t)barrier->parties_ - 1;
    }
    barrier->count_++;
    coil__list_push_tail(&barrier->waiters_, &comer.link);
    coil__suspend(comer.task, &comer.wait);
    return comer.rc == -ECANCELED && comer.task->cancel ? coil__cancel_error(comer.task) : comer.rc;
}

static int turn_away(struct coil_barrier *barrier, bool is_broken)
{
    int rc = check(barrier);

    if (rc == 0) {
        barrier->is_broken_ = is_broken;
        end_round(barrier, -COIL_EBROKEN);
    }
    return rc;
}

int coil_barrier_reset(struct coil_barrier *barrier)
{
    return turn_away(barrier, false);
}

int coil_barrier_abort(struct coil_barrier *barrier)
{
    return turn_away(barrier, true);
}

size_t coil_barrier_waiting(const struct coil_barrier *barrier)
{
    return barrier ? barrier->count_ : 0;
}

size_t coil_barrier_parties(const struct coil_barrier *barrier)
{
    return barrier ? barrier->parties_ : 0;
}

bool coil_barrier_is_broken(const struct coil_barrier *barrier)
{
    return barrier && barrier->is_broken_;
}
