/* symbols.c - see symbols.h. What is looked up is the call, one byte before where it returns to. */
#include "sys/symbols.h"

#include <dlfcn.h>
#include <string.h>

size_t coil__symbols_find(const void *pc, struct coil_frame *ret_frames, size_t max)
{
    uintptr_t call = (uintptr_t)pc - 1;
    Dl_info info = {0};
    size_t count;

    memset(ret_frames, 0, max * sizeof *ret_frames);
    count = coil__symbols_find_lines(call, ret_frames, max);
    if (dladdr((const void *)call, &info) == 0) {
        return count > 0 ? count : 1;
    }
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        ret_frames[i].object = info.dli_fname;
        ret_frames[i].offset = call - (uintptr_t)info.dli_fbase;
    }
    if (count == 0) {
        ret_frames[0].function = info.dli_sname;
    }
    return count > 0 ? count : 1;
}
