/* fd_table.c - see fd_table.h. */
#include "sys/fd_table.h"

int coil__fd_table_make(struct coil__fd_table *table, int fd, size_t size)
{
    size_t chunk = (size_t)fd / COIL__FD_CHUNK;

    if (fd < 0 || fcntl(fd, F_GETFD) < 0) {
        return fd < 0 ? -EBADF : -errno;
    }
    if (chunk >= table->count) {
        size_t count = (chunk + 1) * 2;
        void **chunks = coil__realloc_array(table->chunks, count, sizeof *chunks);

        if (!chunks) {
            return -ENOMEM;
        }
        for (size_t i = table->count; i < count; i++) {
            chunks[i] = NULL;
        }
        table->chunks = chunks;
        table->count = count;
    }
    table->chunks[chunk] = coil__calloc(COIL__FD_CHUNK, size);
    return table->chunks[chunk] ? 0 : -ENOMEM;
}

void coil__fd_table_free(struct coil__fd_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        coil__free(table->chunks[i]);
    }
    coil__free(table->chunks);
}
