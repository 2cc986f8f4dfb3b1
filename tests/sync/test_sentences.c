/* In debug mode a misuse of locks, queues, futures and their like has a sentence too. */
#include "told.h"

#include <coil/barrier.h>
#include <coil/channel.h>
#include <coil/condition.h>
#include <coil/future.h>
#include <coil/queue.h>
#include <coil/semaphore.h>

static char item[4];

TOLD_TEST(sentence_lock)
{
    struct coil_lock lock = {0};

    CHECK_TOLD(coil_lock_acquire(NULL), -EINVAL, "a lock is NULL");
    CHECK_TOLD(coil_lock_try_acquire(NULL), -EINVAL, "a lock is NULL");
    CHECK_TOLD(coil_lock_release(NULL), -EINVAL, "a lock is NULL");
    CHECK_TOLD(coil_lock_release(&lock), -COIL_EINVALIDSTATE, "released that nobody has");
    CHECK_OK(coil_lock_acquire(&lock));
    CHECK_TOLD(coil_lock_acquire(&lock), -EDEADLK, "a lock that it has itself");
    CHECK_OK(coil_lock_release(&lock));
    return 0;
}

TOLD_TEST(sentence_condition)
{
    struct coil_condition condition = {0};
    struct coil_lock lock = {0};

    CHECK_TOLD(coil_condition_wait(&condition), -EINVAL, "coil_condition_init");
    CHECK_TOLD(coil_condition_notify(NULL, 1), -EINVAL, "a condition was used that is NULL");
    CHECK_OK(coil_condition_init(&condition, &lock));
    CHECK_TOLD(coil_condition_wait(&condition), -COIL_EINVALIDSTATE, "without its lock");
    CHECK_TOLD(coil_condition_notify_all(&condition), -COIL_EINVALIDSTATE, "without its lock");
    return 0;
}

TOLD_TEST(sentence_semaphore)
{
    struct coil_semaphore semaphore;

    CHECK_TOLD(coil_semaphore_acquire(NULL), -EINVAL, "a semaphore is NULL");
    CHECK_TOLD(coil_semaphore_release(NULL), -EINVAL, "a semaphore is NULL");
    CHECK_OK(coil_bounded_semaphore_init(&semaphore, 1));
    CHECK_TOLD(coil_semaphore_release(&semaphore), -COIL_EINVALIDSTATE, "released more often");
    return 0;
}

TOLD_TEST(sentence_event_and_barrier)
{
    struct coil_barrier barrier = {0};

    CHECK_TOLD(coil_event_set(NULL), -EINVAL, "an event is NULL");
    CHECK_TOLD(coil_event_wait(NULL), -EINVAL, "an event is NULL");
    CHECK_TOLD(coil_barrier_wait(&barrier), -EINVAL, "coil_barrier_init");
    CHECK_TOLD(coil_barrier_abort(NULL), -EINVAL, "coil_barrier_init");
    return 0;
}

TOLD_TEST(sentence_future)
{
    struct coil_handle handle = {0};
    struct coil_future future = {0};

    CHECK_TOLD(coil_future_wait(NULL), -EINVAL, "a future is NULL");
    CHECK_TOLD(coil_future_set(NULL, 0), -EINVAL, "a future is NULL");
    CHECK_TOLD(coil_future_on_done(&future, &handle, NULL, NULL), -EINVAL, "is NULL");
    CHECK_OK(coil_future_set(&future, 7));
    CHECK_TOLD(coil_future_set(&future, 7), -COIL_EINVALIDSTATE, "a future was set that is done");
    CHECK_TOLD(coil_future_cancel(&future), -COIL_EINVALIDSTATE, "a future was set that is done");
    return 0;
}

TOLD_TEST(sentence_queue)
{
    struct coil_queue queue = {0};

    CHECK_TOLD(coil_queue_put(NULL, item), -EINVAL, "a queue is NULL");
    CHECK_TOLD(coil_queue_put(&queue, item), -EINVAL, "a queue was used that is not open");
    if (test_done(coil_queue_init(&queue, sizeof item, 2)) == 0) {
        CHECK_TOLD(coil_queue_put(&queue, NULL), -EINVAL, "the item for a queue is NULL");
        CHECK_TOLD(coil_queue_get(&queue, NULL), -EINVAL, "item is NULL");
        CHECK_TOLD(coil_queue_task_done(&queue), -COIL_EINVALIDSTATE, "more often than there were");
        coil_queue_deinit(&queue);
    }
    return 0;
}

TOLD_TEST(sentence_channel)
{
    struct coil_channel channel = {0};

    CHECK_TOLD(coil_channel_send(&channel, item), -EINVAL, "NULL or not open");
    CHECK_TOLD(coil_channel_try_recv(NULL, item), -EINVAL, "NULL or not open");
    CHECK_TOLD(coil_channel_close(NULL), -EINVAL, "NULL or not open");
    return 0;
}

/* --- callbacks --- */

static void nothing(void *user)
{
    (void)user;
}

TOLD_TEST(sentence_callback)
{
    struct coil_loop *loop = coil_loop_current();
    struct coil_handle handle = {0};

    CHECK_TOLD(coil_call_soon(NULL, &handle, nothing, NULL), -EINVAL, "a loop is NULL");
    CHECK_TOLD(coil_call_soon(loop, NULL, nothing, NULL), -EINVAL, "is NULL");
    CHECK_TOLD(coil_call_soon(loop, &handle, NULL, NULL), -EINVAL, "is NULL");
    if (test_done(coil_call_later(loop, &handle, COIL_MINUTE, nothing, NULL)) == 0) {
        CHECK_TOLD(coil_call_soon(loop, &handle, nothing, NULL), -EINVAL, "while it is pending");
        CHECK(coil_handle_cancel(&handle));
    }
    return 0;
}

/* --- no misuse --- */

TOLD_TEST(sentence_none_about_what_is_right)
{
    struct coil_lock lock = {0};
    struct coil_semaphore semaphore;
    struct coil_future future = {0};
    struct coil_channel channel;

    CHECK_OK(coil_lock_acquire(&lock));
    CHECK_OK(coil_lock_release(&lock));
    CHECK_OK(coil_semaphore_init(&semaphore, 0));
    CHECK_ERR(coil_semaphore_try_acquire(&semaphore), -EAGAIN);
    CHECK_OK(coil_semaphore_release(&semaphore));
    CHECK_ERR(coil_future_result(&future), -COIL_EINVALIDSTATE);
    if (test_done(coil_channel_init(&channel, sizeof item, 1)) == 0) {
        CHECK_OK(coil_channel_close(&channel));
        CHECK_ERR(coil_channel_send(&channel, item), -COIL_ECLOSED);
        coil_channel_deinit(&channel);
    }
    CHECK_NOT_TOLD();
    return 0;
}
