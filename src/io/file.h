/* file.h - what the calls on files share. */
#ifndef COIL__IO_FILE_H
#define COIL__IO_FILE_H

#include "sys/file.h"
#include "task/task.h"

/* Carries out a read or write of a file, at op->offset_ or at the current position (-1): in place
 * where memory serves it, else by the backend or in a thread. Never blocks the loop. */
ssize_t coil__file_transfer(struct coil_task *self, struct coil_op *op, const char *what);

/* One system call, made by the backend or in a thread of the pool. Never blocks the loop. */
ssize_t coil__file_call(struct coil_task *self, const struct coil__file_call *call,
                        const char *what);

#endif
