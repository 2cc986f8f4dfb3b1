/* altstack.h - a thread's alternate signal stack: for handlers that need more room than the stack
 * of a task may have left. It stays until the last one that needs it has released it. */
#ifndef COIL__SYS_ALTSTACK_H
#define COIL__SYS_ALTSTACK_H

/* All-zero: nobody needs it. Each thread's own. */
struct coil__altstack {
    void *memory; /* NULL: none of ours is there */
    unsigned users;
};

/* In the thread it is of: gives it one, if it has none. 0; -ENOMEM, and then it is not held. */
int coil__altstack_hold(struct coil__altstack *altstack);
/* In the same thread: the last one takes it back, if it is still there. */
void coil__altstack_release(struct coil__altstack *altstack);

#endif
