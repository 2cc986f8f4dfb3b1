/* symbols.h - names and lines for addresses in the program.
 *
 * By libbacktrace, where the build has it: functions, static ones too, and lines where there is
 * debug information. Without it, by what the dynamic linker knows. The texts stay valid as long as
 * the object that they are of is loaded. Any thread; allocates, and takes the linker's lock.
 */
#ifndef COIL__SYS_SYMBOLS_H
#define COIL__SYS_SYMBOLS_H

#include "base/text.h"

#include <coil/inspect.h>

#include <stdint.h>

/* Where a call returns to: the function that has made it, and, where that was inlined, those around
 * it. Stores at most max (> 0) of them, innermost first, and returns how many: at least 1. */
size_t coil__symbols_find(const void *pc, struct coil_frame *ret_frames, size_t max);

/* symbols_quiet.c: the same without the linker's lock, in signal handlers and while a thread may be
 * stuck that has the lock: without debug information and symbol tables only objects are found. */
size_t coil__symbols_find_quietly(const void *pc, struct coil_frame *ret_frames, size_t max);
/* The object that an address is in, or NULL: without a lock. ret_base: where it begins. */
const char *coil__symbols_find_object(uintptr_t address, uintptr_t *ret_base);

/* symbols_lines.c, or symbols_absent.c: the same, by debug information or symbol tables only; 0
 * when there are none. `object` and `offset` are left alone. */
size_t coil__symbols_find_lines(uintptr_t pc, struct coil_frame *ret_frames, size_t max);

/* Adds "amain, shop.c:12", or less where less is known. */
void coil__frame_text(struct coil__text *text, const struct coil_frame *frame);

#endif
