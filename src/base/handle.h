/* handle.h - pointers that notice when their object is gone, or was never theirs to use.
 *
 * A handle is the object's address with two numbers in the bits that addresses leave free. In the
 * low ones, free because the objects are aligned, stands a generation: it counts the uses of that
 * memory, which stays mapped as long as the loop that has it. So a handle that was kept too long
 * is found to be stale, until the count comes round again after COIL__HANDLE_ALIGN uses.
 *
 * The upper ones, which are zero in the addresses that programs get, hold the mark of the loop. It
 * is looked at before the object is: the memory of a loop that has ended is gone, and that of
 * another thread's must not be read. Marks too come round, after COIL__HANDLE_MARKS loops of a
 * thread; and those of two threads may be alike, by a chance of one in as many. Where addresses
 * have 32 bits only there is no room for a mark, and all are alike.
 */
#ifndef COIL__BASE_HANDLE_H
#define COIL__BASE_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

enum { COIL__HANDLE_ALIGN = 64, COIL__HANDLE_ADDRESS_BITS = 48, COIL__HANDLE_MARKS = 65534 };

/* The n-th mark: at least 2, so that it tells a handle from an address and from NULL, also where
 * coil__handle_open borrows 1 from it. */
static inline uintptr_t coil__handle_mark(unsigned n)
{
    return (uintptr_t)((uint64_t)(n % COIL__HANDLE_MARKS + 2) << COIL__HANDLE_ADDRESS_BITS);
}

static inline void *coil__handle_make(void *object, uint8_t generation, uintptr_t mark)
{
    return (void *)(((uintptr_t)object ^ mark) | (generation & (COIL__HANDLE_ALIGN - 1)));
}

/* False for NULL, and for a handle with another mark: then *ret_object is no address. */
static inline bool coil__handle_open(const void *handle, uintptr_t mark, void **ret_object)
{
    uintptr_t address = ((uintptr_t)handle ^ mark) & ~(uintptr_t)(COIL__HANDLE_ALIGN - 1);

    *ret_object = (void *)address;
    return ((uint64_t)address - COIL__HANDLE_ALIGN) >> COIL__HANDLE_ADDRESS_BITS == 0;
}

/* Whether the handle was made in this generation of its object. */
static inline bool coil__handle_is_of(const void *handle, uint8_t generation)
{
    return (((uintptr_t)handle ^ generation) & (COIL__HANDLE_ALIGN - 1)) == 0;
}

#endif
