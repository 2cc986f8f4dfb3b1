/* file_below.c - opening what strangers ask for. It is tried in place, of what the system knows
 * without its disk, because that is what most requests are for; the rest goes to a thread. */
#include "io/file.h"
#include "loop/ledger.h"

#include <errno.h>
#include <string.h>

/* Whether the path by itself leads out, links apart. */
static bool leads_out(const char *path)
{
    if (*path == '/') {
        return true;
    }
    while (*path) {
        size_t size = strcspn(path, "/");

        if (size == 2 && path[0] == '.' && path[1] == '.') {
            return true;
        }
        path += size;
        path += strspn(path, "/");
    }
    return false;
}

int coil_open_below(int folder, const char *path, int flags, enum coil_links links,
                    struct stat *ret_status)
{
    struct coil__file_call call = {.kind = COIL__FILE_OPEN_BELOW,
                                   .fd = folder,
                                   .path = path,
                                   .flags = flags,
                                   .mode = links,
                                   .status = ret_status};
    struct coil_task *self;
    int fd = coil__begin(&self);

    if (fd < 0) {
        return fd;
    }
    if (!path || folder < 0 || (unsigned)links > COIL_LINKS_ALL ||
        flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {
        return -EINVAL;
    }
    if (leads_out(path)) {
        return -EXDEV;
    }
    fd = flags & (O_NONBLOCK | O_PATH) ? (int)coil__os_open_cached(&call) : -EAGAIN;
    if (fd == -EAGAIN) {
        fd = (int)coil__file_call(self, &call, "open");
    } else {
        coil__spend(self);
    }
    if (fd >= 0) {
        coil__note_open(self->loop, COIL__OPENED_FILE, coil__ledger_fd(fd));
    }
    return fd;
}
