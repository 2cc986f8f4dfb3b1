/* memory.c - the heap behind memory.h. */
#include "base/memory.h"

#include <stdlib.h>

void *coil__malloc(size_t size)
{
    return malloc(size);
}

void *coil__calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

void *coil__realloc_array(void *ptr, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    return realloc(ptr, total);
}

void coil__free(void *ptr)
{
    free(ptr);
}
