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

/* A stretch of a file that is being sent or filled. */
struct coil__file_part {
    int fd;
    int64_t start;   /* where the caller said */
    int64_t offset;  /* of the next byte */
    size_t left;     /* at most so many more */
    int64_t *caller; /* its offset; NULL: the descriptor's position is moved */
};

/* 0; -EINVAL: *offset is negative; or why the descriptor has no position. */
int coil__file_part_begin(struct coil__file_part *part, int fd, int64_t *offset, size_t count);
/* Tells the caller how far it went. Returns the count, or rc when that is 0. */
ssize_t coil__file_part_end(struct coil__file_part *part, ssize_t rc);

static inline void coil__file_part_advance(struct coil__file_part *part, ssize_t count)
{
    part->offset += count;
    part->left -= (size_t)count;
}

#endif
