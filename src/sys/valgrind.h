/* valgrind.h - what Valgrind is told and asked: requests that are a few instructions without effect
 * where it does not run, and nothing at all in a build without its headers. */
#ifndef COIL__SYS_VALGRIND_H
#define COIL__SYS_VALGRIND_H

#include <stdbool.h>
#include <stddef.h>

#if defined(COIL__HAVE_VALGRIND)

#include <valgrind/memcheck.h>

static inline bool coil__valgrind_is_there(void)
{
    return RUNNING_ON_VALGRIND != 0;
}

/* A stack to switch to. Returns the number by which it is taken back. */
static inline unsigned coil__valgrind_add_stack(const char *low, const char *high)
{
    return (unsigned)VALGRIND_STACK_REGISTER(low, high);
}

static inline void coil__valgrind_drop_stack(unsigned id)
{
    VALGRIND_STACK_DEREGISTER(id);
}

/* The memory holds what it is meant to hold, although Valgrind has not seen how it came there. */
static inline void coil__valgrind_trust(const void *memory, size_t size)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(memory, size);
}

#else

static inline bool coil__valgrind_is_there(void)
{
    return false;
}

static inline unsigned coil__valgrind_add_stack(const char *low, const char *high)
{
    (void)low;
    (void)high;
    return 0;
}

static inline void coil__valgrind_drop_stack(unsigned id)
{
    (void)id;
}

static inline void coil__valgrind_trust(const void *memory, size_t size)
{
    (void)memory;
    (void)size;
}

#endif

#endif
