/* symbols_absent.c - in place of symbols_lines.c, where libbacktrace is not to be had. */
#include "sys/symbols.h"

size_t coil__symbols_find_lines(uintptr_t pc, struct coil__symbol *ret_symbols, size_t max)
{
    (void)pc;
    (void)ret_symbols;
    (void)max;
    return 0;
}
