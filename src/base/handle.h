/* handle.h - pointers that notice when their object's memory is used again.
 *
 * A handle is the object's address with a generation in its low bits, which are free because the
 * objects are aligned. The generation counts the uses of that memory, which stays mapped: so a
 * handle that was kept too long is found to be stale, until the count comes round again after
 * COIL__HANDLE_ALIGN uses.
 */
#ifndef COIL__BASE_HANDLE_H
#define COIL__BASE_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

enum { COIL__HANDLE_ALIGN = 64 };

static inline void *coil__handle_make(void *object, uint8_t generation)
{
    return (void *)((uintptr_t)object | (generation & (COIL__HANDLE_ALIGN - 1)));
}

static inline void *coil__handle_object(const void *handle)
{
    return (void *)((uintptr_t)handle & ~(uintptr_t)(COIL__HANDLE_ALIGN - 1));
}

/* Whether the handle was made in this generation of its object. */
static inline bool coil__handle_is_of(const void *handle, uint8_t generation)
{
    return (((uintptr_t)handle ^ generation) & (COIL__HANDLE_ALIGN - 1)) == 0;
}

#endif
