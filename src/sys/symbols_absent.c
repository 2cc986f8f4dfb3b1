/* symbols_absent.c - in place of symbols_lines.c, where libbacktrace is not to be had. */
#include "sys/symbols.h"

size_t coil__symbols_find_lines(uintptr_t pc, struct coil_frame *ret_frames, size_t max)
{
    (void)pc;
    (void)ret_frames;
    (void)max;
    return 0;
}
