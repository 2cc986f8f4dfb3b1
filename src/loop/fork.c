/* fork.c - a child of fork() has a copy of the loop, but not its thread of control: the kernel's
 * side (ring, epoll set) belongs to the parent. In the child every call answers -COIL_EFORKED
 * until it runs a loop of its own; returning from the task ends the copied loop with that error.
 *
 * The thread that forks marks its loops. Those of other threads are known to it only by what is
 * handed to a call of theirs that any thread may make: it compares the process with its own. */
#include "loop/loop.h"
#include "sys/crash.h"
#include "sys/fork.h"
#include "sys/interrupt.h"
#include "sys/sample.h"
#include "sys/signals.h"

static void in_child(void)
{
    coil__thread.process = 0; /* the one thread that the child has: others start with none */
    coil__interrupt_forget();
    coil__signals_forget();
    coil__crash_forget();
    coil__sample_forget();
    for (struct coil_loop *loop = coil__thread.loops; loop; loop = loop->next_of_thread) {
        loop->is_forked = true;
    }
    coil__thread.loops = NULL;
    if (coil__thread.loop) {
        coil__thread.loop->elisions_left = 0;
        coil__thread.loop = NULL;
        coil__thread.task = NULL;
        coil__thread.is_forked = true;
    }
}

int coil__process(void)
{
    if (coil__thread.process == 0) {
        coil__thread.process = coil__fork_process();
    }
    return coil__thread.process;
}

bool coil__loop_is_copy(const struct coil_loop *loop)
{
    return loop->process != coil__process();
}

int coil__fork_watch(void)
{
    return coil__fork_register(in_child);
}
