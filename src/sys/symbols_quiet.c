/* symbols_quiet.c - names of addresses without the dynamic linker's lock; see symbols.h. */
#include "sys/symbols.h"

#include "sys/environment.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

#if defined(DLFO_STRUCT_HAS_EH_DBASE)

const char *coil__symbols_find_object(uintptr_t address, uintptr_t *ret_base)
{
    struct dl_find_object found;

    if (_dl_find_object((void *)address, &found) != 0) {
        return NULL;
    }
    *ret_base = (uintptr_t)found.dlfo_map_start;
    return found.dlfo_link_map->l_name[0] != '\0' ? found.dlfo_link_map->l_name
                                                  : coil__environment_program();
}

#else /* a C library before 2.35 */

const char *coil__symbols_find_object(uintptr_t address, uintptr_t *ret_base)
{
    (void)address;
    (void)ret_base;
    return NULL;
}

#endif

size_t coil__symbols_find_quietly(const void *pc, struct coil_frame *ret_frames, size_t max)
{
    uintptr_t call = (uintptr_t)pc - 1;
    uintptr_t base = 0;
    const char *object = coil__symbols_find_object(call, &base);
    size_t count;

    memset(ret_frames, 0, max * sizeof *ret_frames);
    count = coil__symbols_find_lines(call, ret_frames, max);
    count = count > 0 ? count : 1;
    for (size_t i = 0; i < count && object; i++) {
        ret_frames[i].object = object;
        ret_frames[i].offset = call - base;
    }
    return count;
}
