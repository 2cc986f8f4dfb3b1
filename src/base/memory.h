/* memory.h - the only way to the heap. Every call may fail with NULL, and callers are tested
 * against that. coil__free(NULL) does nothing. */
#ifndef COIL__BASE_MEMORY_H
#define COIL__BASE_MEMORY_H

#include <stddef.h>

void *coil__malloc(size_t size);
void *coil__calloc(size_t count, size_t size);
/* Grows or shrinks; on failure NULL, and `ptr` stays valid. */
void *coil__realloc_array(void *ptr, size_t count, size_t size);
void coil__free(void *ptr);

#endif
