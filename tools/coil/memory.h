/* memory.h - the memory of another process, and how a read of it may end. */
#ifndef COIL_TOOLS_MEMORY_H
#define COIL_TOOLS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For a read of many pieces: `size` bytes each, which come to stand one behind the other. */
struct pieces {
    const uint64_t *addresses;
    size_t count;
    size_t size;
};

/* read: all of it, or nothing that counts: 0; -EFAULT (not mapped), -ESRCH (it has ended), ...
 * read_many: how many of the first could be read; a call for many is cheaper. NULL: there is none.
 * find_thread: of the thread that stands on the stack from low to high, in a system call, the stack
 * pointer and the address; false: there is none, or it does not stand still. NULL likewise. */
struct memory {
    int (*read)(void *user, uint64_t address, void *to, size_t size);
    size_t (*read_many)(void *user, const struct pieces *pieces, void *to);
    bool (*find_thread)(void *user, uint64_t low, uint64_t high, uint64_t *ret_sp,
                        uint64_t *ret_pc);
    void *user;
};

static inline int memory_read(const struct memory *memory, uint64_t address, void *to, size_t size)
{
    return memory->read(memory->user, address, to, size);
}

#endif
