/* symbols.c - see symbols.h. What is looked up is the call, one byte before where it returns to. */
#include "sys/symbols.h"

#include <dlfcn.h>
#include <string.h>

size_t coil__symbols_find(const void *pc, struct coil__symbol *ret_symbols, size_t max)
{
    uintptr_t call = (uintptr_t)pc - 1;
    Dl_info info = {0};
    size_t count;

    memset(ret_symbols, 0, max * sizeof *ret_symbols);
    count = coil__symbols_find_lines(call, ret_symbols, max);
    if (dladdr((const void *)call, &info) == 0) {
        return count > 0 ? count : 1;
    }
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        ret_symbols[i].object = info.dli_fname;
        ret_symbols[i].offset = call - (uintptr_t)info.dli_fbase;
    }
    if (count == 0) {
        ret_symbols[0].function = info.dli_sname;
    }
    return count > 0 ? count : 1;
}
