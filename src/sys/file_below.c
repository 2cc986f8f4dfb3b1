/* file_below.c - opening what is below a folder, by openat2(2), which looks at each step that a
 * path and the links in it take. Where the system has no such call, the steps are made one by one
 * here; then no link is followed at all, because nothing tells where it leads. */
#include "sys/file.h"

#include "sys/retry.h"

#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A rename under way makes the system unsure of a "..": it asks to try again. */
enum { TRIES = 16 };

/* openat2 refuses what a flag makes no sense with. */
static int all_flags(int flags)
{
    return flags & O_PATH ? (flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW)) | O_CLOEXEC
                          : flags | O_CLOEXEC | O_NOCTTY | O_LARGEFILE;
}

static ssize_t open_at(int folder, const char *path, int flags)
{
    return RETRY(openat(folder, path, all_flags(flags)));
}

static ssize_t resolve(const struct coil__file_call *call, uint64_t more)
{
    static const uint64_t rules[] = {
        [COIL_LINKS_BELOW] = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
        [COIL_LINKS_NONE] = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
        [COIL_LINKS_ALL] = 0,
    };
    struct open_how how = {
        .flags = (uint64_t)all_flags(call->flags),
        .resolve = rules[call->mode] | more,
    };

    return RETRY(syscall(SYS_openat2, call->fd, call->path, &how, sizeof how));
}

/* Descriptor by descriptor. */
static ssize_t walk(const struct coil__file_call *call)
{
    const char *rest = call->path;
    int folder = call->fd;
    ssize_t rc;

    do {
        size_t size = strcspn(rest, "/");
        size_t slashes = strspn(rest + size, "/");
        bool is_last = rest[size + slashes] == '\0';
        int flags = is_last ? call->flags : O_PATH;
        char name[NAME_MAX + 1];

        if (size > NAME_MAX) {
            rc = -ENAMETOOLONG;
        } else {
            memcpy(name, rest, size);
            name[size] = '\0';
            rc = open_at(folder, name, flags | O_NOFOLLOW | (slashes > 0 ? O_DIRECTORY : 0));
        }
        if (folder != call->fd) {
            coil__os_close(folder);
        }
        folder = (int)rc;
        rest += size + slashes;
    } while (rc >= 0 && *rest);
    return rc;
}

/* Closes it again if it cannot be said what it is. */
static ssize_t with_status(const struct coil__file_call *call, ssize_t fd)
{
    struct stat status;
    ssize_t rc = fd < 0 || !call->status ? fd : RETRY(fstat((int)fd, &status));

    if (fd >= 0 && rc < 0) {
        coil__os_close((int)fd);
        return rc;
    }
    if (fd >= 0 && call->status) {
        *call->status = status;
    }
    return fd;
}

ssize_t coil__os_open_below(const struct coil__file_call *call)
{
    ssize_t fd = resolve(call, 0);

    for (int tries = 1; fd == -EAGAIN && tries < TRIES; tries++) {
        fd = resolve(call, 0);
    }
    /* -EPERM: a filter of system calls that does not know it. */
    if (fd == -ENOSYS || fd == -EPERM) {
        fd = call->mode == COIL_LINKS_ALL ? open_at(call->fd, call->path, call->flags) : walk(call);
    }
    return with_status(call, fd);
}

ssize_t coil__os_open_cached(const struct coil__file_call *call)
{
    ssize_t fd = resolve(call, RESOLVE_CACHED);

    if (fd == -ENOSYS || fd == -EPERM || fd == -EINVAL) {
        return -EAGAIN;
    }
    return with_status(call, fd);
}
