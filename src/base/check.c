/* check.c - the end of the process after a failed COIL_CHECK: the sentence, then a trap.
 *
 * A trap rather than abort(): it leaves the core at the line that failed, and runs no handler.
 */
#include "base/check.h"

#include <stdio.h>

_Noreturn void coil__check_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "coil: internal check failed: %s (%s:%d)\n", cond, file, line);
    __builtin_trap();
}
