/* Calls for the tests of queues between threads. */
#ifndef COIL_TESTS_SHARED_QUEUE_CALLS_H
#define COIL_TESTS_SHARED_QUEUE_CALLS_H

#include "fault.h"
#include "in_task.h"

#include <coil/shared_queue.h>

struct user {
    struct coil_shared_queue *queue;
    int item;
    int rc;
};

static inline int put(void *arg)
{
    struct user *user = arg;

    user->rc = coil_shared_queue_put(user->queue, &user->item);
    return user->rc;
}

static inline int get(void *arg)
{
    struct user *user = arg;

    user->rc = coil_shared_queue_get(user->queue, &user->item);
    return user->rc;
}

static inline int try_put(struct coil_shared_queue *queue, int item)
{
    return coil_shared_queue_try_put(queue, &item);
}

/* The item, or the error. */
static inline int try_get(struct coil_shared_queue *queue)
{
    int item = -1;
    int rc = coil_shared_queue_try_get(queue, &item);

    return rc < 0 ? rc : item;
}

#endif
