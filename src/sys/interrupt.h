/* interrupt.h - SIGINT for a running loop: the first one sets a flag and wakes, the second one has
 * its default effect again. */
#ifndef COIL__SYS_INTERRUPT_H
#define COIL__SYS_INTERRUPT_H

#include "sys/backend.h"

#include <stdatomic.h>

/* Catches SIGINT if its disposition is the default and no other loop has it. False: left alone. */
bool coil__interrupt_catch(atomic_bool *flag, struct coil__backend *backend);
/* Undoes that. From its return on nothing refers to flag and backend. */
void coil__interrupt_release(void);
/* Whether a handler is the one that catch has set. */
bool coil__interrupt_is_handler(void (*handler)(int number));
/* In the child of a fork: SIGINT is not for the parent's loop any more. */
void coil__interrupt_forget(void);

#endif
