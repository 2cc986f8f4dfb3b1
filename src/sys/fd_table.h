/* fd_table.h - a table of zeroed entries, indexed by descriptor, that grows as descriptors do.
 *
 * Entries never move. The size of an entry is given with each call; where the calls are inlined, it
 * is a constant.
 */
#ifndef COIL__SYS_FD_TABLE_H
#define COIL__SYS_FD_TABLE_H

#include "base/check.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

enum { COIL__FD_CHUNK = 128 };

/* All zero: empty. */
struct coil__fd_table {
    void **chunks; /* of COIL__FD_CHUNK entries each; NULL: none used yet */
    size_t count;
};

/* The entry of fd; NULL: it was never made. */
static inline void *coil__fd_table_find(const struct coil__fd_table *table, int fd, size_t size)
{
    size_t chunk = (size_t)fd / COIL__FD_CHUNK;

    if (COIL__UNLIKELY(fd < 0 || chunk >= table->count || !table->chunks[chunk])) {
        return NULL;
    }
    return (char *)table->chunks[chunk] + (size_t)fd % COIL__FD_CHUNK * size;
}

/* Has the table reach to fd. 0, -ENOMEM; -EBADF or so: no table is made for a wild number. */
int coil__fd_table_make(struct coil__fd_table *table, int fd, size_t size);

/* The entry of fd, made if need be. 0, or an error as above. */
static inline int coil__fd_table_get(struct coil__fd_table *table, int fd, size_t size,
                                     void **ret_entry)
{
    int rc = 0;

    *ret_entry = coil__fd_table_find(table, fd, size);
    if (COIL__UNLIKELY(!*ret_entry)) {
        rc = coil__fd_table_make(table, fd, size);
        *ret_entry = rc < 0 ? NULL : coil__fd_table_find(table, fd, size);
    }
    return rc;
}

void coil__fd_table_free(struct coil__fd_table *table);

#endif
