/* Semaphores (D4): so many at a time, first come, first served. */
#include "in_task.h"

#include <coil/semaphore.h>

struct user {
    struct coil_semaphore *semaphore;
    int *inside;
    int *most;
    int *order;
    int *count;
    int number;
};

static int use(void *arg)
{
    struct user *user = arg;
    int rc = coil_semaphore_acquire(user->semaphore);

    if (rc < 0) {
        return rc;
    }
    user->order[(*user->count)++] = user->number;
    ++*user->inside;
    *user->most = *user->inside > *user->most ? *user->inside : *user->most;
    coil_sleep(2 * test_moment_ns()); /* until the last one has come */
    --*user->inside;
    return coil_semaphore_release(user->semaphore);
}

TASK_TEST(semaphore_lets_so_many_in_and_in_order)
{
    struct coil_semaphore semaphore;
    struct user users[20];
    struct coil_task *tasks[20];
    int inside = 0;
    int most = 0;
    int order[20];
    int count = 0;

    CHECK_OK(coil_semaphore_init(&semaphore, 3));
    CHECK_INT(coil_semaphore_permits(&semaphore), ==, 3);
    for (int i = 0; i < 20; i++) {
        users[i] = (struct user){&semaphore, &inside, &most, order, &count, i};
        tasks[i] = coil_create_task(use, &users[i]);
        yield_times(1);
    }
    CHECK_OK(coil_gather(tasks, 20, NULL));
    CHECK_INT(most, ==, 3);
    CHECK_INT(count, ==, 20);
    for (int i = 0; i < 20 && !order_is_free(); i++) {
        CHECK_INT(order[i], ==, i);
    }
    CHECK_INT(coil_semaphore_permits(&semaphore), ==, 3);
    return 0;
}

TASK_TEST(semaphore_without_waiting)
{
    struct coil_semaphore semaphore;

    CHECK_OK(coil_semaphore_init(&semaphore, 1));
    CHECK_OK(coil_semaphore_try_acquire(&semaphore));
    CHECK_ERR(coil_semaphore_try_acquire(&semaphore), -EAGAIN);
    CHECK_OK(coil_semaphore_release(&semaphore));
    CHECK_OK(coil_semaphore_release(&semaphore)); /* one more than there were: allowed */
    CHECK_INT(coil_semaphore_permits(&semaphore), ==, 2);
    CHECK_OK(coil_semaphore_init(&semaphore, 0));
    CHECK_ERR(coil_semaphore_try_acquire(&semaphore), -EAGAIN);
    return 0;
}

TASK_TEST(semaphore_bounded_release_too_many)
{
    struct coil_semaphore semaphore;

    CHECK_OK(coil_bounded_semaphore_init(&semaphore, 2));
    CHECK_ERR(coil_semaphore_release(&semaphore), -COIL_EINVALIDSTATE);
    CHECK_OK(coil_semaphore_acquire(&semaphore));
    CHECK_OK(coil_semaphore_release(&semaphore));
    CHECK_ERR(coil_semaphore_release(&semaphore), -COIL_EINVALIDSTATE);
    CHECK_INT(coil_semaphore_permits(&semaphore), ==, 2);
    return 0;
}

static int acquire(void *arg)
{
    return coil_semaphore_acquire(arg);
}

/* A permit is never lost: a cancelled waiter takes none, one that was granted a permit keeps it. */
TASK_TEST(semaphore_waiter_is_cancelled)
{
    struct coil_semaphore semaphore;
    struct coil_task *tasks[3];

    CHECK_OK(coil_semaphore_init(&semaphore, 0));
    for (int i = 0; i < 3; i++) {
        tasks[i] = coil_create_task(acquire, &semaphore);
        yield_times(1);
    }
    CHECK_INT(coil_cancel(tasks[0]), ==, 1);
    CHECK_OK(coil_semaphore_release(&semaphore));
    CHECK_INT(coil_cancel(tasks[1]), ==, 1);
    CHECK_INT(coil_semaphore_permits(&semaphore), ==, 0);
    CHECK_ERR(coil_semaphore_try_acquire(&semaphore), -EAGAIN);
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK_OK(coil_await(tasks[1]));
    CHECK_OK(coil_semaphore_release(&semaphore));
    CHECK_OK(coil_await(tasks[2]));
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_semaphore_acquire(&semaphore), -ETIMEDOUT);
    }
    CHECK_OK(coil_semaphore_release(&semaphore));
    CHECK_INT(coil_semaphore_permits(&semaphore), ==, 1);
    return 0;
}

TASK_TEST(semaphore_misuse_is_named)
{
    CHECK_ERR(coil_semaphore_init(NULL, 1), -EINVAL);
    CHECK_ERR(coil_bounded_semaphore_init(NULL, 1), -EINVAL);
    CHECK_ERR(coil_semaphore_acquire(NULL), -EINVAL);
    CHECK_ERR(coil_semaphore_try_acquire(NULL), -EINVAL);
    CHECK_ERR(coil_semaphore_release(NULL), -EINVAL);
    CHECK_INT(coil_semaphore_permits(NULL), ==, 0);
    return 0;
}

COIL_TEST(semaphore_outside_of_a_loop)
{
    struct coil_semaphore semaphore;

    CHECK_OK(coil_semaphore_init(&semaphore, 1));
    CHECK_ERR(coil_semaphore_acquire(&semaphore), -COIL_ENOLOOP);
    CHECK_ERR(coil_semaphore_try_acquire(&semaphore), -COIL_ENOLOOP);
}
