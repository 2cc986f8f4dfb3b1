/* thread.c - thin wrappers over pthreads. What cannot fail for a correct caller (lock, unlock,
 * join) is checked, not returned. */
#include "sys/thread.h"

#include "base/check.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static int create(pthread_t *ret_id, size_t stack_size, void *(*fn)(void *arg), void *arg)
{
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);

    if (rc != 0) {
        return rc;
    }
    rc = pthread_attr_setstacksize(&attr, stack_size);
    rc = rc ? rc : pthread_create(ret_id, &attr, fn, arg);
    pthread_attr_destroy(&attr);
    if (rc == EINVAL) {
        /* Thread-local storage takes its share of the stack: this program has a lot of it. */
        rc = pthread_create(ret_id, NULL, fn, arg);
    }
    return rc;
}

int coil__os_thread_start(struct coil__os_thread *ret_thread, size_t stack_size,
                          void *(*fn)(void *arg), void *arg)
{
    sigset_t all;
    sigset_t before;
    int rc;

    sigfillset(&all);
    rc = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (rc != 0) {
        return -rc;
    }
    rc = create(&ret_thread->id, stack_size, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? 0 : -EAGAIN;
}

void coil__os_thread_join(struct coil__os_thread *thread)
{
    COIL_CHECK(pthread_join(thread->id, NULL) == 0);
}

void coil__os_thread_detach(struct coil__os_thread *thread)
{
    COIL_CHECK(pthread_detach(thread->id) == 0);
}

int coil__os_thread_number(void)
{
    return (int)gettid();
}

int coil__mutex_init(pthread_mutex_t *mutex)
{
    return -pthread_mutex_init(mutex, NULL);
}

int coil__cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);

    if (rc != 0) {
        return -rc;
    }
    rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    rc = rc ? rc : pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
    return -rc;
}

void coil__mutex_deinit(pthread_mutex_t *mutex)
{
    COIL_CHECK(pthread_mutex_destroy(mutex) == 0);
}

void coil__cond_deinit(pthread_cond_t *cond)
{
    COIL_CHECK(pthread_cond_destroy(cond) == 0);
}

void coil__mutex_lock(pthread_mutex_t *mutex)
{
    COIL_CHECK(pthread_mutex_lock(mutex) == 0);
}

void coil__mutex_unlock(pthread_mutex_t *mutex)
{
    COIL_CHECK(pthread_mutex_unlock(mutex) == 0);
}

bool coil__cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline)
{
    struct timespec ts = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    int rc;

    if (deadline == INT64_MAX) {
        rc = pthread_cond_wait(cond, mutex);
    } else {
        rc = pthread_cond_timedwait(cond, mutex, &ts);
    }
    COIL_CHECK(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

void coil__cond_signal(pthread_cond_t *cond)
{
    COIL_CHECK(pthread_cond_signal(cond) == 0);
}

void coil__cond_broadcast(pthread_cond_t *cond)
{
    COIL_CHECK(pthread_cond_broadcast(cond) == 0);
}
