/* memory_file.c - see memory_file.h. */
#include "sys/memory_file.h"

#include <errno.h>

FILE *coil__memory_file_open(char *buf, size_t size)
{
    return fmemopen(buf, size, "w");
}

ssize_t coil__memory_file_close(FILE *file)
{
    ssize_t length = fflush(file) == 0 && !ferror(file) ? ftell(file) : -EIO;

    fclose(file);
    return length < 0 ? -EIO : length;
}
