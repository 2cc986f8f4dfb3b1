/* memory.c - the heap behind memory.h. */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

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

char *coil__strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);

    return copy ? memcpy(copy, text, size) : NULL;
}

void coil__free(void *ptr)
{
    free(ptr);
}
