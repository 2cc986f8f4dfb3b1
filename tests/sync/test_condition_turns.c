/* Conditions, step by step: who has the lock after a notification, and after a cancel (D3). */
#include "in_task.h"

struct play {
    struct coil_lock lock;
    struct coil_condition changed;
    struct coil_task *tasks[3];
    int rcs[3];
    int count; /* of those that went on, and have the lock */
};

struct waiter {
    struct play *play;
    int number;
    bool keeps_lock;
};

/* Waits once. keeps_lock: the lock is given back by somebody else. */
static int wait_once(void *arg)
{
    struct waiter *waiter = arg;
    struct play *play = waiter->play;
    int rc;

    CHECK_OK(coil_lock_acquire(&play->lock));
    rc = coil_condition_wait(&play->changed);
    CHECK(coil_lock_is_locked(&play->lock));
    play->rcs[waiter->number] = rc;
    play->count++;
    if (!waiter->keeps_lock) {
        CHECK_OK(coil_lock_release(&play->lock));
    }
    return rc;
}

static void open_play(struct play *play, struct waiter *waiters, int count, bool keeps_lock)
{
    *play = (struct play){.count = 0};
    CHECK_OK(coil_condition_init(&play->changed, &play->lock));
    for (int i = 0; i < count; i++) {
        waiters[i] = (struct waiter){play, i, keeps_lock};
        play->rcs[i] = 1;
        play->tasks[i] = coil_create_task(wait_once, &waiters[i]);
        yield_times(1);
    }
    CHECK(!coil_lock_is_locked(&play->lock)); /* all wait */
}

static void notify(struct play *play, size_t count)
{
    CHECK_OK(coil_lock_acquire(&play->lock));
    CHECK_OK(coil_condition_notify(&play->changed, count));
    CHECK_OK(coil_lock_release(&play->lock));
}

/* D3: a notification lets nobody go on before the lock is free, and then one after another. */
TASK_TEST(condition_waiters_go_on_one_by_one)
{
    struct play play;
    struct waiter waiters[3];

    open_play(&play, waiters, 3, true);
    CHECK_OK(coil_lock_acquire(&play.lock));
    CHECK_OK(coil_condition_notify(&play.changed, 1));
    yield_times(2);
    CHECK_INT(play.count, ==, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_lock_release(&play.lock));
        yield_times(2);
        CHECK_INT(play.count, ==, i + 1);
        CHECK(coil_lock_is_locked(&play.lock)); /* it is that waiter's */
        if (i == 0) {
            CHECK_OK(coil_condition_notify(&play.changed, 2)); /* from whom does not matter */
            yield_times(2);
            CHECK_INT(play.count, ==, 1);
        }
    }
    CHECK_OK(coil_lock_release(&play.lock));
    CHECK(!coil_lock_is_locked(&play.lock));
    return coil_gather(play.tasks, 3, NULL);
}

/* One is notified, then more than there are. */
TASK_TEST(condition_notifies_more_than_wait)
{
    struct play play;
    struct waiter waiters[3];

    open_play(&play, waiters, 3, false);
    notify(&play, 1);
    yield_times(2);
    CHECK_INT(play.count, ==, 1);
    CHECK_OK(coil_lock_acquire(&play.lock));
    CHECK_OK(coil_condition_notify(&play.changed, 1));
    CHECK_OK(coil_condition_notify(&play.changed, 2048));
    CHECK_OK(coil_lock_release(&play.lock));
    CHECK_OK(coil_gather(play.tasks, 3, NULL));
    CHECK_INT(play.count, ==, 3);
    CHECK(!coil_lock_is_locked(&play.lock));
    return 0;
}

TASK_TEST(condition_notifies_nobody)
{
    struct play play;
    struct waiter waiters[1];

    open_play(&play, waiters, 1, false);
    notify(&play, 0);
    yield_times(3);
    CHECK_INT(play.count, ==, 0);
    notify(&play, 1);
    return coil_await(play.tasks[0]);
}

static void cancel_waiter(void *user)
{
    CHECK_INT(coil_cancel(user), ==, 1);
}

static void release_lock(void *user)
{
    CHECK_OK(coil_lock_release(user));
}

/* Notified while the lock is taken, then cancelled, then the lock is free: the notification came
 * first and counts, and the waiter has the lock. */
TASK_TEST(condition_notified_and_cancelled_while_the_lock_is_contested)
{
    struct coil_loop *loop = coil_loop_current();
    struct coil_handle handles[2] = {0};
    struct play play;
    struct waiter waiters[1];

    open_play(&play, waiters, 1, true);
    CHECK_OK(coil_lock_acquire(&play.lock));
    CHECK_OK(coil_condition_notify(&play.changed, 1));
    CHECK_OK(coil_call_soon(loop, &handles[0], cancel_waiter, play.tasks[0]));
    CHECK_OK(coil_call_soon(loop, &handles[1], release_lock, &play.lock));
    CHECK_OK(coil_await(play.tasks[0]));
    CHECK(coil_lock_is_locked(&play.lock));
    return coil_lock_release(&play.lock);
}

static int wait_and_wait_again(void *arg)
{
    struct play *play = arg;

    CHECK_OK(coil_lock_acquire(&play->lock));
    play->rcs[0] = coil_condition_wait(&play->changed);
    play->rcs[1] = coil_condition_wait(&play->changed);
    CHECK_OK(coil_lock_release(&play->lock));
    return play->rcs[1];
}

/* The same where the waiter waits once more: that is where it hears of the cancel. */
TASK_TEST(condition_cancel_is_heard_by_the_next_wait)
{
    struct play play = {.count = 0};
    struct coil_task *task;

    CHECK_OK(coil_condition_init(&play.changed, &play.lock));
    task = coil_create_task(wait_and_wait_again, &play);
    yield_times(1);
    CHECK_OK(coil_lock_acquire(&play.lock));
    CHECK_OK(coil_condition_notify(&play.changed, 1));
    yield_times(1); /* it waits for the lock now */
    coil_cancel(task);
    yield_times(1);
    CHECK_OK(coil_lock_release(&play.lock));
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_ERR(play.rcs[0], 0);
    CHECK_ERR(play.rcs[1], -ECANCELED);
    CHECK(!coil_lock_is_locked(&play.lock));
    return 0;
}

/* Cancelled again and again while it waits for the lock: it still has it when it is told. */
TASK_TEST(condition_waiter_cancelled_again_while_the_lock_is_taken)
{
    struct play play;
    struct waiter waiters[1];

    open_play(&play, waiters, 1, false);
    CHECK_OK(coil_lock_acquire(&play.lock));
    for (int i = 0; i < 3; i++) {
        CHECK_INT(coil_cancel(play.tasks[0]), ==, 1);
        yield_times(1);
        CHECK_INT(play.count, ==, 0);
    }
    CHECK_INT(coil_cancelling(play.tasks[0]), ==, 3);
    CHECK_OK(coil_lock_release(&play.lock));
    CHECK_ERR(coil_await(play.tasks[0]), -ECANCELED);
    CHECK_ERR(play.rcs[0], -ECANCELED);
    CHECK(!coil_lock_is_locked(&play.lock));
    return 0;
}

/* A waiter is cancelled, and then one is notified: it is the other one that hears of it. */
TASK_TEST(condition_notification_is_not_lost_to_a_cancelled_waiter)
{
    struct play play;
    struct waiter waiters[2];

    open_play(&play, waiters, 2, false);
    CHECK_OK(coil_lock_acquire(&play.lock));
    coil_cancel(play.tasks[0]);
    CHECK_OK(coil_condition_notify(&play.changed, 1));
    CHECK_OK(coil_lock_release(&play.lock));
    CHECK_ERR(coil_await(play.tasks[0]), -ECANCELED);
    CHECK_OK(coil_await(play.tasks[1]));
    return 0;
}

/* Two conditions over one lock, and the lock by itself: they keep each other out. */
TASK_TEST(condition_shares_its_lock)
{
    struct coil_lock lock = {0};
    struct coil_condition conditions[2];

    for (int i = 0; i < 2; i++) {
        CHECK_OK(coil_condition_init(&conditions[i], &lock));
        CHECK(!coil_lock_is_locked(&lock));
        CHECK_ERR(coil_condition_notify_all(&conditions[i]), -COIL_EINVALIDSTATE);
    }
    coil_with_lock(&lock)
    {
        for (int i = 0; i < 2; i++) {
            CHECK_OK(coil_condition_notify_all(&conditions[i]));
            coil_timeout(COIL_MSEC) {
                CHECK_ERR(coil_condition_wait(&conditions[i]), -ETIMEDOUT);
            }
            CHECK(coil_lock_is_locked(&lock));
        }
    }
    CHECK(!coil_lock_is_locked(&lock));
    return 0;
}
