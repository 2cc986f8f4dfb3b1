/* fork.h - notices fork(): calls back in the child, in the thread that forked. */
#ifndef COIL__SYS_FORK_H
#define COIL__SYS_FORK_H

/* Registers `in_child` to run in every child of this process that fork() makes; once per process,
 * further calls do nothing. 0 or -ENOMEM. */
int coil__fork_register(void (*in_child)(void));
/* The calling process, as a number: another one in the child of a fork. */
int coil__fork_process(void);

#endif
