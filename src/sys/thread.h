/* thread.h - threads, mutexes and conditions of the system, so that the layers above make no raw
 * calls. A condition's deadline is a point in time of the monotonic clock. */
#ifndef COIL__SYS_THREAD_H
#define COIL__SYS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COIL__THREAD_STACK = 256 * 1024 };

struct coil__os_thread {
    pthread_t id;
};

/* Starts a thread that blocks all signals. It must be joined or detached. -EAGAIN when the system
 * gives no thread. */
int coil__os_thread_start(struct coil__os_thread *ret_thread, size_t stack_size,
                          void *(*fn)(void *arg), void *arg);
void coil__os_thread_join(struct coil__os_thread *thread);
void coil__os_thread_detach(struct coil__os_thread *thread);
/* The calling one's, as the system and its tools number them. */
int coil__os_thread_number(void);

/* Both: 0, -ENOMEM, -EAGAIN. */
int coil__mutex_init(pthread_mutex_t *mutex);
int coil__cond_init(pthread_cond_t *cond);
void coil__mutex_deinit(pthread_mutex_t *mutex);
void coil__cond_deinit(pthread_cond_t *cond);

void coil__mutex_lock(pthread_mutex_t *mutex);
void coil__mutex_unlock(pthread_mutex_t *mutex);

/* Waits, also without a cause. COIL_NEVER: no deadline. False: the deadline has passed. */
bool coil__cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline);
void coil__cond_signal(pthread_cond_t *cond);
void coil__cond_broadcast(pthread_cond_t *cond);

#endif
