/* uring.h - calls on files as entries of an io_uring, apart from the rest of that backend. */
#ifndef COIL__SYS_URING_H
#define COIL__SYS_URING_H

#include "sys/file.h"

#include <liburing.h>

/* Which calls on files the kernel behind the ring knows, by bits as backend->file_calls has them;
 * or why it cannot be asked: who may set a ring up may not always use it. */
int coil__uring_probe_files(struct io_uring *ring, uint32_t *ret_calls);
/* Fills an entry in. The call is one of those. */
void coil__uring_prepare_file(struct io_uring_sqe *sqe, struct coil__file_op *file_op);

#endif
