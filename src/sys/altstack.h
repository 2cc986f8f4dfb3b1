/* altstack.h - the calling thread's alternate signal stack: for handlers that need more room than
 * the stack of a task may have left. */
#ifndef COIL__SYS_ALTSTACK_H
#define COIL__SYS_ALTSTACK_H

#include <stdbool.h>

struct coil__altstack {
    void *memory; /* NULL: none of ours is there */
};

/* Gives the thread one, if it has none. 0 or -ENOMEM. */
int coil__altstack_open(struct coil__altstack *ret_altstack);
/* In the same thread: takes it back, if it is still there. All-zero: does nothing. */
void coil__altstack_close(struct coil__altstack *altstack);

#endif
