/* symbols.h - names and lines for addresses in the program.
 *
 * By libbacktrace, where the build has it: functions, static ones too, and lines where there is
 * debug information. Without it, by what the dynamic linker knows. The texts stay valid as long as
 * the object that they are of is loaded. Any thread; allocates, and takes the linker's lock.
 */
#ifndef COIL__SYS_SYMBOLS_H
#define COIL__SYS_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct coil__symbol {
    const char *function; /* or NULL */
    const char *file;     /* of the source, or NULL; then line is 0 */
    int line;
    const char *object; /* the program or library, or NULL */
    size_t offset;      /* in it */
};

/* Where a call returns to: the function that has made it, and, where that was inlined, those around
 * it. Stores at most max (> 0) of them, innermost first, and returns how many: at least 1. */
size_t coil__symbols_find(const void *pc, struct coil__symbol *ret_symbols, size_t max);

/* symbols_lines.c, or symbols_absent.c: the same, by debug information or symbol tables only; 0
 * when there are none. `object` and `offset` are left alone. */
size_t coil__symbols_find_lines(uintptr_t pc, struct coil__symbol *ret_symbols, size_t max);

#endif
