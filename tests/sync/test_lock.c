/* The lock (D1): first come, first served; never lost, never snatched. */
#include "in_task.h"

#include <coil/lock.h>

struct user {
    struct coil_lock *lock;
    int *order;
    int *count;
    int number;
    int rc;
};

static int use(void *arg)
{
    struct user *user = arg;

    user->rc = coil_lock_acquire(user->lock);
    if (user->rc == 0) {
        user->order[(*user->count)++] = user->number;
        coil_yield();
        CHECK(coil_lock_is_locked(user->lock));
        CHECK_OK(coil_lock_release(user->lock));
    }
    return user->rc;
}

static void start(struct user *users, struct coil_task **tasks, int count, struct coil_lock *lock,
                  int *order, int *done)
{
    *done = 0;
    for (int i = 0; i < count; i++) {
        users[i] = (struct user){lock, order, done, i, -1};
        tasks[i] = coil_create_task(use, &users[i]);
        yield_times(1);
    }
}

TASK_TEST(lock_is_taken_and_given_back)
{
    struct coil_lock lock = {0};

    CHECK(!coil_lock_is_locked(&lock));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_lock_acquire(&lock));
        CHECK(coil_lock_is_locked(&lock));
        CHECK_ERR(coil_lock_acquire(&lock), -EDEADLK);
        CHECK_ERR(coil_lock_try_acquire(&lock), -EDEADLK);
        CHECK_OK(coil_lock_release(&lock));
        CHECK(!coil_lock_is_locked(&lock));
        CHECK_ERR(coil_lock_release(&lock), -COIL_EINVALIDSTATE);
    }
    CHECK_OK(coil_lock_try_acquire(&lock));
    CHECK_OK(coil_lock_release(&lock));
    return 0;
}

TASK_TEST(lock_goes_to_whoever_waits_longest)
{
    struct coil_lock lock = {0};
    struct user users[5];
    struct coil_task *tasks[5];
    int order[6];
    int count;

    CHECK_OK(coil_lock_acquire(&lock));
    start(users, tasks, 5, &lock, order, &count);
    CHECK_INT(count, ==, 0);
    CHECK_OK(coil_lock_release(&lock));
    CHECK(coil_lock_is_locked(&lock)); /* it is the first waiter's already */
    CHECK_ERR(coil_lock_try_acquire(&lock), -EAGAIN);
    CHECK_OK(coil_lock_acquire(&lock)); /* behind all of them */
    CHECK_INT(count, ==, 5);
    for (int i = 0; i < 5 && !order_is_free(); i++) {
        CHECK_INT(order[i], ==, i);
    }
    CHECK_OK(coil_lock_release(&lock));
    return coil_gather(tasks, 5, NULL);
}

/* A waiter that is cancelled is passed over; one that was granted the lock keeps it. */
TASK_TEST(lock_waiter_is_cancelled)
{
    struct coil_lock lock = {0};
    struct user users[4];
    struct coil_task *tasks[4];
    int order[4];
    int count;

    CHECK_OK(coil_lock_acquire(&lock));
    start(users, tasks, 4, &lock, order, &count);
    CHECK_INT(coil_cancel(tasks[0]), ==, 1);
    CHECK_OK(coil_lock_release(&lock));
    CHECK_INT(coil_cancel(tasks[1]), ==, 1); /* too late: completed wins */
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK_OK(coil_await(tasks[1]));
    CHECK_OK(coil_await(tasks[2]));
    CHECK_OK(coil_await(tasks[3]));
    CHECK_INT(count, ==, 3);
    CHECK(!coil_lock_is_locked(&lock));
    return 0;
}

TASK_TEST(lock_wait_ends_with_its_deadline)
{
    struct coil_lock lock = {0};
    struct coil_lock other = {0};

    CHECK_OK(coil_lock_try_acquire(&lock));
    lock.holder_ = NULL; /* as if a callback had taken it */
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_lock_acquire(&lock), -ETIMEDOUT);
        CHECK_ERR(coil_lock_acquire(&other), -ETIMEDOUT); /* level-triggered, though it is free */
    }
    CHECK(!coil_lock_is_locked(&other));
    CHECK_OK(coil_lock_release(&lock));
    CHECK(!coil_lock_is_locked(&lock));
    return 0;
}

static int leave_by_return(struct coil_lock *lock)
{
    coil_with_lock(lock)
    {
        CHECK(coil_lock_is_locked(lock));
        return 3;
    }
    return 4;
}

TASK_TEST(lock_block_is_left_in_every_way)
{
    struct coil_lock lock = {0};
    struct coil_task *self = coil_current_task();
    int runs = 0;

    coil_with_lock(&lock)
    {
        runs++;
        CHECK(coil_lock_is_locked(&lock));
    }
    CHECK(!coil_lock_is_locked(&lock));
    coil_with_lock(&lock)
    {
        runs++;
        break;
    }
    CHECK(!coil_lock_is_locked(&lock));
    coil_with_lock(&lock)
    {
        runs++;
        goto out;
    }
out:
    CHECK(!coil_lock_is_locked(&lock));
    CHECK_INT(leave_by_return(&lock), ==, 3);
    CHECK(!coil_lock_is_locked(&lock));
    coil_cancel(self);
    coil_with_lock(&lock)
    {
        runs++; /* never: it is not to be had */
    }
    coil_uncancel(self);
    CHECK_INT(runs, ==, 3);
    return 0;
}

/* Two tasks that give the lock to each other for ever do not keep a third one out. */
TASK_TEST(lock_is_fair_to_a_task_that_comes_late)
{
    struct coil_lock lock = {0};
    struct user users[50];
    struct coil_task *tasks[50];
    int order[50];
    int count;

    start(users, tasks, 50, &lock, order, &count);
    CHECK_OK(coil_gather(tasks, 50, NULL));
    CHECK_INT(count, ==, 50);
    for (int i = 0; i < 50 && !order_is_free(); i++) {
        CHECK_INT(order[i], ==, i);
    }
    return 0;
}

TASK_TEST(lock_misuse_is_named)
{
    CHECK_ERR(coil_lock_acquire(NULL), -EINVAL);
    CHECK_ERR(coil_lock_try_acquire(NULL), -EINVAL);
    CHECK_ERR(coil_lock_release(NULL), -EINVAL);
    CHECK(!coil_lock_is_locked(NULL));
    return 0;
}

COIL_TEST(lock_outside_of_a_loop)
{
    struct coil_lock lock = {0};

    CHECK_ERR(coil_lock_acquire(&lock), -COIL_ENOLOOP);
    CHECK_ERR(coil_lock_try_acquire(&lock), -COIL_ENOLOOP);
    CHECK_ERR(coil_lock_release(&lock), -COIL_EINVALIDSTATE);
}
