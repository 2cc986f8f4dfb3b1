/* fork.h - notices fork(): calls back in the child, in the thread that forked. */
#ifndef COIL__SYS_FORK_H
#define COIL__SYS_FORK_H

#include <stddef.h>

/* Registers `in_child` to run in every child of this process that fork() makes; once per process,
 * further calls do nothing. 0 or -ENOMEM. */
int coil__fork_register(void (*in_child)(void));
/* Runs fn(arg, result) in a forked process, and stores what it has written to result, of at most
 * 512 bytes, in ret_result. Blocks until that process has ended. 1; 0: it died, or ended by itself,
 * before it had a result, and *ret_status is what waitid(2) says of it (si_status, negative for a
 * signal); or -errno. */
int coil__fork_call(void (*fn)(void *arg, void *result), void *arg, void *ret_result, size_t size,
                    int *ret_status);
/* The calling process, as a number: another one in the child of a fork. */
int coil__fork_process(void);

#endif
