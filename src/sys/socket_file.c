/* socket_file.c - see socket_file.h. */
#include "sys/socket_file.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* False where the address has no path. */
static bool get_path(const struct sockaddr *addr, socklen_t size, char *ret_path)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)addr;
    size_t header = offsetof(struct sockaddr_un, sun_path);

    if (size <= header || size > sizeof *un || un->sun_family != AF_UNIX || !un->sun_path[0]) {
        return false;
    }
    memcpy(ret_path, un->sun_path, size - header);
    ret_path[size - header] = '\0';
    return true;
}

static bool find(const char *path, struct coil__socket_file *ret_file)
{
    struct stat status;

    if (lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode)) {
        return false;
    }
    ret_file->device = status.st_dev;
    ret_file->inode = status.st_ino;
    return true;
}

/* Whether what stands under the path is still the same. */
static bool is_there(const struct coil__socket_file *file)
{
    struct coil__socket_file now;

    return find(file->path, &now) && now.device == file->device && now.inode == file->inode;
}

/* Asked by a connect, which does not wait: a full queue is somebody, too. */
static bool is_deserted(const struct sockaddr *addr, socklen_t size, int type)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_refused;

    if (fd < 0) {
        return false;
    }
    is_refused = connect(fd, addr, size) < 0 && errno == ECONNREFUSED;
    close(fd);
    return is_refused;
}

bool coil__socket_file_clear(const struct sockaddr *addr, socklen_t size, int type)
{
    struct coil__socket_file file = {{0}};

    if (!get_path(addr, size, file.path) || !find(file.path, &file) ||
        !is_deserted(addr, size, type)) {
        return false;
    }
    /* Somebody else may have been as quick. */
    return is_there(&file) && unlink(file.path) == 0;
}

int coil__socket_file_set_mode(const struct sockaddr *addr, socklen_t size, unsigned mode)
{
    char path[sizeof(struct coil__socket_file)];

    return get_path(addr, size, path) && chmod(path, mode) < 0 ? -errno : 0;
}

void coil__socket_file_note(const struct sockaddr *addr, socklen_t size,
                            struct coil__socket_file *ret_file)
{
    if (!get_path(addr, size, ret_file->path) || !find(ret_file->path, ret_file)) {
        ret_file->path[0] = '\0';
    }
}

void coil__socket_file_remove(struct coil__socket_file *file)
{
    if (file->path[0] && is_there(file)) {
        unlink(file->path);
    }
    file->path[0] = '\0';
}
