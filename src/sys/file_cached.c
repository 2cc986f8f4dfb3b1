/* file_cached.c - whether a part of a file is in memory, so that a call that could wait for the
 * disk does not. cachestat(2) counts pages, those too that are still being read; the last one's
 * bytes tell about these, as they come in order. */
#include "sys/file.h"

#include "sys/retry.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of some systems; but for Alpha and MIPS the same number everywhere. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

struct stretch {
    uint64_t offset;
    uint64_t length;
};

struct counts {
    uint64_t cached; /* pages */
    uint64_t dirty;
    uint64_t written_back;
    uint64_t evicted;
    uint64_t recently_evicted;
};

bool coil__os_is_cached(int fd, int64_t offset, size_t size)
{
    struct stretch stretch = {.offset = (uint64_t)offset, .length = size};
    struct counts counts = {0};
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t pages = (stretch.offset + size - 1) / page - stretch.offset / page + 1;
    char byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    ssize_t rc;

    if (size == 0 || RETRY(syscall(SYS_cachestat, fd, &stretch, &counts, 0)) < 0 ||
        counts.cached < pages) {
        return false;
    }
    rc = RETRY(preadv2(fd, &iov, 1, offset + (int64_t)size - 1, RWF_NOWAIT));
    return rc == 1 || rc == -EOPNOTSUPP; /* a file system that is memory need not know the flag */
}
