/* file_os.c - the system calls on files. Each turns -1/errno into -errno. */
#include "sys/file.h"

#include "sys/clock.h"
#include "sys/retry.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct timespec time_of(struct statx_timestamp from)
{
    return (struct timespec){.tv_sec = from.tv_sec, .tv_nsec = from.tv_nsec};
}

static ssize_t call_status(const struct coil__file_call *call)
{
    struct stat status;
    ssize_t rc;

    if (call->kind == COIL__FILE_FSTAT) {
        rc = RETRY(fstat(call->fd, &status));
    } else {
        rc = RETRY(fstatat(call->fd, call->path, &status,
                           call->kind == COIL__FILE_LSTAT ? AT_SYMLINK_NOFOLLOW : 0));
    }
    if (rc == 0) {
        *call->status = status;
    }
    return rc;
}

ssize_t coil__os_file_call(const struct coil__file_call *call)
{
    switch (call->kind) {
    case COIL__FILE_OPEN:
        return RETRY(openat(call->fd, call->path, call->flags | O_CLOEXEC, (mode_t)call->mode));
    case COIL__FILE_OPEN_BELOW:
        return coil__os_open_below(call);
    case COIL__FILE_FSYNC:
        return RETRY(fsync(call->fd));
    case COIL__FILE_FDATASYNC:
        return RETRY(fdatasync(call->fd));
    case COIL__FILE_FTRUNCATE:
        return RETRY(ftruncate(call->fd, (off_t)call->size));
    case COIL__FILE_STAT:
    case COIL__FILE_LSTAT:
    case COIL__FILE_FSTAT:
        return call_status(call);
    case COIL__FILE_RENAME:
        return RETRY(renameat(call->fd, call->path, call->fd, call->to));
    case COIL__FILE_UNLINK:
        return RETRY(unlinkat(call->fd, call->path, 0));
    case COIL__FILE_MKDIR:
        return RETRY(mkdirat(call->fd, call->path, (mode_t)call->mode));
    case COIL__FILE_RMDIR:
        return RETRY(unlinkat(call->fd, call->path, AT_REMOVEDIR));
    case COIL__FILE_SYMLINK:
        return RETRY(symlinkat(call->to, call->fd, call->path));
    case COIL__FILE_READLINK:
        return RETRY(readlinkat(call->fd, call->path, call->buf, call->size));
    case COIL__FILE_LIST:
        return RETRY(getdents64(call->fd, call->buf, call->size));
    default:
        return RETRY(inotify_add_watch(call->fd, call->path, (uint32_t)call->flags));
    }
}

void coil__os_store_status(const struct coil__file_op *file_op)
{
    const struct statx *from = &file_op->statx;

    *file_op->call->status = (struct stat){
        .st_dev = makedev(from->stx_dev_major, from->stx_dev_minor),
        .st_ino = from->stx_ino,
        .st_mode = from->stx_mode,
        .st_nlink = from->stx_nlink,
        .st_uid = from->stx_uid,
        .st_gid = from->stx_gid,
        .st_rdev = makedev(from->stx_rdev_major, from->stx_rdev_minor),
        .st_size = (off_t)from->stx_size,
        .st_blksize = (blksize_t)from->stx_blksize,
        .st_blocks = (blkcnt_t)from->stx_blocks,
        .st_atim = time_of(from->stx_atime),
        .st_mtim = time_of(from->stx_mtime),
        .st_ctim = time_of(from->stx_ctime),
    };
}

int coil__os_check_position(const struct coil_op *op)
{
    return (int)RETRY(pwritev(op->fd_, NULL, 0, op->offset_));
}

static bool is_at_end(const struct coil_op *op, ssize_t count)
{
    char byte;
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};

    return preadv2(op->fd_, &iov, 1, op->offset_ + count, RWF_NOWAIT) == 0;
}

ssize_t coil__os_read_cached(const struct coil_op *op)
{
    struct iovec whole = {.iov_base = op->buf_, .iov_len = op->size_};
    bool is_vector = op->kind_ == COIL__OP_READV;
    const struct iovec *iov = is_vector ? op->buf_ : &whole;
    int count = is_vector ? (int)op->size_ : 1;
    ssize_t rc = RETRY(preadv2(op->fd_, iov, count, op->offset_, RWF_NOWAIT));
    size_t total = 0;

    if (rc < 0) { /* what else is wrong, the call that may wait says, too */
        return rc == -ESPIPE ? rc : -EAGAIN;
    }
    for (int i = 0; i < count && total <= (size_t)rc; i++) {
        total += iov[i].iov_len;
    }
    /* Short: the end of the file, or of what is in memory. At the current position, which has
     * moved, a part must do. */
    return (size_t)rc == total || op->offset_ < 0 || is_at_end(op, rc) ? rc : -EAGAIN;
}

ssize_t coil__os_sendfile(int out_fd, int in_fd, int64_t *offset, size_t count)
{
    off_t at = *offset;
    ssize_t rc = RETRY(sendfile(out_fd, in_fd, &at, count));

    if (rc > 0) {
        *offset += rc;
    }
    return rc;
}

bool coil__os_takes_sendfile(int out_fd)
{
    struct stat status;
    int flags = fcntl(out_fd, F_GETFL);

    if (flags < 0 || flags & O_APPEND) {
        return false;
    }
    return flags & O_NONBLOCK || (fstat(out_fd, &status) == 0 && S_ISREG(status.st_mode));
}

ssize_t coil__os_splice_in(int socket, int pipe, size_t size)
{
    return RETRY(splice(socket, NULL, pipe, NULL, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE));
}

ssize_t coil__os_splice_out(int pipe, int fd, int64_t offset, size_t size)
{
    off64_t at = offset;

    return RETRY(splice(pipe, NULL, fd, &at, size, SPLICE_F_MOVE));
}

int coil__os_check_target(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        return -EBADF;
    }
    return flags & O_APPEND ? -EINVAL : 0;
}

int64_t coil__os_tell(int fd)
{
    off_t at = lseek(fd, 0, SEEK_CUR);

    return at < 0 ? -errno : at;
}

int coil__os_seek(int fd, int64_t offset)
{
    return lseek(fd, offset, SEEK_SET) < 0 ? -errno : 0;
}

int coil__os_close(int fd)
{
    return coil__net_os.close(NULL, fd);
}

bool coil__os_identify(int fd, uint64_t ret_identity[2])
{
    struct stat status;

    if (fstat(fd, &status) < 0) {
        return false;
    }
    ret_identity[0] = status.st_dev;
    ret_identity[1] = status.st_ino;
    return true;
}

uint64_t coil__os_random(void)
{
    uint64_t bits;

    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != sizeof bits) {
        bits = (uint64_t)coil__clock_now() ^ (uint64_t)(uintptr_t)&bits;
    }
    return bits;
}

static enum coil_file_type type_of(unsigned char type)
{
    switch (type) {
    case DT_UNKNOWN:
        return COIL_FILE_UNKNOWN;
    case DT_REG:
        return COIL_FILE_REGULAR;
    case DT_DIR:
        return COIL_FILE_DIRECTORY;
    case DT_LNK:
        return COIL_FILE_SYMLINK;
    default:
        return COIL_FILE_OTHER;
    }
}

size_t coil__os_dir_entry(const char *buf, size_t at, struct coil_dir_entry *ret_entry)
{
    const struct dirent64 *entry = (const struct dirent64 *)(const void *)(buf + at);

    *ret_entry = (struct coil_dir_entry){
        .name = entry->d_name, .inode = entry->d_ino, .type = type_of(entry->d_type)};
    return at + entry->d_reclen;
}
