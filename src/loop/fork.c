/* fork.c - a child of fork() has a copy of the loop, but not its thread of control: the kernel's
 * side (ring, epoll set) belongs to the parent. In the child every call answers -COIL_EFORKED
 * until it runs a loop of its own; returning from the task ends the copied loop with that error. */
#include "loop/loop.h"
#include "sys/fork.h"

static void in_child(void)
{
    if (coil__thread.loop) {
        coil__thread.loop->is_forked = true;
        coil__thread.loop->elisions_left = 0;
        coil__thread.loop = NULL;
        coil__thread.task = NULL;
        coil__thread.is_forked = true;
    }
}

int coil__fork_watch(void)
{
    return coil__fork_register(in_child);
}
