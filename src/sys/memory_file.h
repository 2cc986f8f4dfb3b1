/* memory_file.h - a stream of stdio that writes to memory. */
#ifndef COIL__SYS_MEMORY_FILE_H
#define COIL__SYS_MEMORY_FILE_H

#include <stddef.h>
#include <stdio.h>

/* Writes to buf, at most size bytes; what is beyond is an error of the stream. NULL: no memory. */
FILE *coil__memory_file_open(char *buf, size_t size);
/* Closes it. Returns how many bytes were written, or -EIO. */
ssize_t coil__memory_file_close(FILE *file);

#endif
