/* lock.h - what a condition needs of a lock. */
#ifndef COIL__SYNC_LOCK_H
#define COIL__SYNC_LOCK_H

#include "task/task.h"

#include <coil/lock.h>

/* Takes the lock, whether or not the task is cancelled. The lock is one of its loop. */
void coil__lock_retake(struct coil_lock *lock, struct coil_task *self);

#endif
