/* backtrace.h - the return addresses on a stack: the calling one, or that of a suspended context.
 *
 * The walk is the unwinder's, by the compiler's tables; it reads the stack and changes nothing. It
 * may allocate nothing but what the unwinder sets up on its first use. The first frame of a
 * context, which is the library's, is left out, unless the walk did not come that far.
 */
#ifndef COIL__SYS_BACKTRACE_H
#define COIL__SYS_BACKTRACE_H

#include "sys/context.h"

/* The frames of a suspended context that has run, innermost first: how many were stored, at most
 * max. 0 where the portable context switch is used. */
size_t coil__backtrace_of(const struct coil__context *context, void **ret_pcs, size_t max);
/* Those of the caller's. */
size_t coil__backtrace_here(void **ret_pcs, size_t max);

#endif
