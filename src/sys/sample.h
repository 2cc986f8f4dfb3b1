/* sample.h - where a thread is that computes: it gets a signal, whose handler notes the stack.
 *
 * The signal is the highest real-time one that nobody has caught when the first sample is taken. A
 * system call that is entered just then is restarted where the kernel does that (SA_RESTART).
 */
#ifndef COIL__SYS_SAMPLE_H
#define COIL__SYS_SAMPLE_H

#include "sys/observe.h"

enum { COIL__SAMPLE_MAX = 64 };

/* Installs the handler, if nobody else has yet. 0, or -EAGAIN: no signal is free. */
int coil__sample_open(void);
/* Undoes that: the last one takes the handler out. */
void coil__sample_close(void);
/* Asks the thread, and waits for its answer for a while. stack: of which the frames are, if it is
 * there that the thread is (else it is asked about its own). Stores at most COIL__SAMPLE_MAX return
 * addresses, innermost first, and returns how many; 0: no answer. */
size_t coil__sample_take(const struct coil__observed *thread, const struct coil__stack_view *stack,
                         void **ret_pcs);
/* Whether a signal's handler is ours. */
bool coil__sample_is_handler(void (*handler)(int number));
/* In the child of a fork: nobody is asked. */
void coil__sample_forget(void);

#endif
