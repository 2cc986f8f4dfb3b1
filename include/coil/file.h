/* coil/file.h - files: the system calls on them without stalling the loop; whole files, folders.
 *
 *     int fd = coil_open("data", O_RDONLY, 0);
 *     n = coil_pread(fd, buf, sizeof buf, 0);
 *     coil_close(fd);
 *
 * A file is a plain descriptor, closed on exec. Reading what the system has in memory is one system
 * call in place; where the disk must be waited for, io_uring does it, or else a thread of the
 * loop's pool (that of coil_to_thread): a slow disk holds up the calling task and nobody else.
 * coil_read and coil_write (coil/fd.h) do the same at the current position. The other calls of this
 * header go to io_uring too, as far as the kernel takes them (open, fsync, fdatasync, stat and its
 * siblings, rename, unlink, mkdir, rmdir, symlink), and else to a thread of the pool.
 *
 * Unless it says otherwise, a call returns what the system call of its name returns, or -errno;
 * -ENOMEM and -EAGAIN when there is no thread for it; -EINVAL for a NULL pointer. A path is
 * relative to the process's working directory, not copied, and looked at after the call has begun.
 * Cancel: what waits for a thread is taken back and nothing happens. What has begun is waited for,
 * because it may still write to the caller's memory, and its result returned (nothing that was
 * opened is lost); the next suspending call fails. io_uring breaks off what can be, such as the
 * open of a FIFO without a peer; in a thread of the pool that cannot be cancelled, and occupies
 * the thread: give O_NONBLOCK.
 *
 * asyncio has no counterpart for files; loop.sendfile is coil_sendfile.
 */
#ifndef COIL_FILE_H
#define COIL_FILE_H

#include <coil/base.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

struct coil_stream;

/* Which symbolic links coil_open_below follows. */
enum coil_links {
    COIL_LINKS_BELOW, /* those that stay below the folder */
    COIL_LINKS_NONE,
    COIL_LINKS_ALL, /* wherever they lead */
};

/* What a directory's entry is, as far as the file system says so without being asked more. */
enum coil_file_type {
    COIL_FILE_UNKNOWN, /* ask coil_lstat */
    COIL_FILE_REGULAR,
    COIL_FILE_DIRECTORY,
    COIL_FILE_SYMLINK,
    COIL_FILE_OTHER, /* a device, a FIFO, a socket */
};

/* One entry of a directory. name: valid until the next call on the coil_dir. */
struct coil_dir_entry {
    const char *name;
    uint64_t inode;
    enum coil_file_type type;
};

/* A directory that is being listed. All-zero is closed. */
struct coil_dir {
    char *buf_; /* a batch of entries as the system gives them; NULL: closed */
    size_t at_; /* of the next entry; there are end_ bytes */
    size_t end_;
    int fd_; /* valid while buf_ is */
    bool is_busy_;
};

COIL_BEGIN_DECLS

/* open(2). flags: O_RDONLY, O_CREAT...; O_CLOEXEC is always added. mode: permissions of a file that
 * is created, less the umask. Returns a descriptor, for the caller to give to coil_close. */
COIL_EXPORT COIL_SUSPENDS int coil_open(const char *path, int flags, unsigned mode);

/* Opens what is at a path below a folder, for paths that strangers have sent: openat2(2) with
 * RESOLVE_BENEATH. With O_NONBLOCK or O_PATH among the flags, what the system knows without asking
 * the disk is opened at once. folder: a descriptor of the folder. path: relative, without ".."; "."
 * is the folder itself. flags: as for coil_open, but it creates nothing; O_NOCTTY is added too.
 * ret_status: what it is; may be NULL. Returns a descriptor, for the caller to give to coil_close.
 * -EXDEV: the path leads, or a link does, out of the folder; -ELOOP: a link, though none is to be
 * followed, or too many; -EINVAL: O_CREAT, O_TMPFILE. Where the system is older than openat2
 * (Linux 5.6), COIL_LINKS_BELOW is as COIL_LINKS_NONE. */
COIL_EXPORT COIL_SUSPENDS int coil_open_below(int folder, const char *path, int flags,
                                              enum coil_links links, struct stat *ret_status);

/* pread(2), pwrite(2), preadv(2), pwritev(2): at a position of the file, leaving the current one
 * alone. buf, size: at most SSIZE_MAX bytes, moved in one go if the file has them (io_uring: at
 * most 2 GiB). count: 0 to IOV_MAX. offset: in bytes, >= 0. Returns the count, 0 at the end.
 * -ESPIPE for what has no positions. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_pread(int fd, void *buf, size_t size, int64_t offset);
COIL_EXPORT COIL_SUSPENDS ssize_t coil_pwrite(int fd, const void *buf, size_t size, int64_t offset);
COIL_EXPORT COIL_SUSPENDS ssize_t coil_preadv(int fd, const struct iovec *iov, int count,
                                              int64_t offset);
COIL_EXPORT COIL_SUSPENDS ssize_t coil_pwritev(int fd, const struct iovec *iov, int count,
                                               int64_t offset);

/* fsync(2), fdatasync(2): until what was written is on the disk. */
COIL_EXPORT COIL_SUSPENDS int coil_fsync(int fd);
COIL_EXPORT COIL_SUSPENDS int coil_fdatasync(int fd);

/* ftruncate(2). size: in bytes. */
COIL_EXPORT COIL_SUSPENDS int coil_ftruncate(int fd, int64_t size);

/* stat(2), lstat(2), fstat(2). ret_status: filled in on success. */
COIL_EXPORT COIL_SUSPENDS int coil_stat(const char *path, struct stat *ret_status);
COIL_EXPORT COIL_SUSPENDS int coil_lstat(const char *path, struct stat *ret_status);
COIL_EXPORT COIL_SUSPENDS int coil_fstat(int fd, struct stat *ret_status);

/* rename(2), unlink(2), mkdir(2), rmdir(2), symlink(2). mode: permissions, less the umask. */
COIL_EXPORT COIL_SUSPENDS int coil_rename(const char *from, const char *to);
COIL_EXPORT COIL_SUSPENDS int coil_unlink(const char *path);
COIL_EXPORT COIL_SUSPENDS int coil_mkdir(const char *path, unsigned mode);
COIL_EXPORT COIL_SUSPENDS int coil_rmdir(const char *path);
COIL_EXPORT COIL_SUSPENDS int coil_symlink(const char *target, const char *path);

/* readlink(2), and ends the target with a NUL. size: room for it, the NUL included. Returns the
 * length without it. -COIL_ELIMIT: it does not fit; then buf holds a part of it. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_readlink(const char *path, char *buf, size_t size);

/* Reads a whole file, of at most `limit` bytes. ret_data: the bytes and a NUL behind them, for the
 * caller to give to coil_file_free; ret_size (may be NULL): their count without the NUL. A file
 * that grows meanwhile is read as far as it goes. 0; -COIL_ELIMIT: it is larger than limit;
 * -EISDIR; -EINVAL: it is neither a directory nor a regular file; -ENOENT, -EACCES...
 * Cancel: ends after the piece that is being read; nothing is left behind. */
COIL_EXPORT COIL_SUSPENDS int coil_file_read(const char *path, size_t limit, char **ret_data,
                                             size_t *ret_size);

/* Frees what coil_file_read returned. NULL: does nothing. Any thread. */
COIL_EXPORT void coil_file_free(char *data);

/* Replaces a file's content as a whole, or makes the file: whoever opens it, also after a crash,
 * finds all of the old or all of the new. The bytes go to a file beside it (".coil-*.tmp"), to the
 * disk, and then take the name. A symbolic link is replaced, not followed; owner and permissions
 * are those of a new file. data, size: may be NULL and 0. mode: permissions, less the umask.
 * 0; -ENOSPC, -EFBIG, -EACCES, -ENOENT (no such folder), -EISDIR (there is a directory)... and then
 * the old file is untouched and nothing is left behind. The one exception: the last step, the
 * fsync of the folder, has failed (-EIO); then the new content is in place, but may not survive
 * a loss of power.
 * Cancel: up to the moment it takes the name, as a failure; from then on it succeeds. */
COIL_EXPORT COIL_SUSPENDS int coil_file_write(const char *path, const void *data, size_t size,
                                              unsigned mode);

/* Opens a directory for listing. dir: closed; must not move while open. 0; -ENOENT, -ENOTDIR,
 * -EACCES, -ENOMEM... */
COIL_EXPORT COIL_SUSPENDS int coil_dir_open(struct coil_dir *dir, const char *path);

/* The same of a directory that is open already: fd is the dir's from then on, who closes it. On
 * failure (-EINVAL, -ENOMEM) it stays the caller's. Does not suspend. */
COIL_EXPORT int coil_dir_adopt(struct coil_dir *dir, int fd);

/* The next entry, in the file system's order, without "." and "..". ret_entry: filled in when there
 * is one. 1; 0 at the end; an error. Read by batches: most calls do not suspend. What is created or
 * deleted meanwhile may be seen or not. -COIL_ECLOSED, -COIL_ECONCURRENT (another task is in this
 * call). Cancel: no entry is skipped. */
COIL_EXPORT COIL_SUSPENDS int coil_dir_next(struct coil_dir *dir, struct coil_dir_entry *ret_entry);

/* Closes it. Twice: does nothing. 0; -EBUSY while a task is in coil_dir_next; -EINVAL. Does not
 * suspend. */
COIL_EXPORT int coil_dir_close(struct coil_dir *dir);

/* Sends a part of a file to a descriptor, without a copy in user space where the system can
 * (sendfile(2): to a non-blocking socket or pipe, or to a file), else by reading and writing.
 * out_fd: a socket, a pipe or a file (at its current position); nobody else should write to it
 * meanwhile. in_fd: a file. offset: where to begin in it, >= 0, and on return where it ended; NULL:
 * the current position of in_fd, which is moved. count: at most so many bytes.
 * Returns how many were sent: less than count at the end of the file, also of one that has become
 * shorter meanwhile, or when a cancel or an error came after a part. An error when nothing was
 * sent: -ESPIPE (in_fd has no positions), -EPIPE, -ECONNRESET, -EIO, -ENOSPC...
 * In all cases offset (or the position) tells what was sent. asyncio: sock_sendfile. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_sendfile(int out_fd, int in_fd, int64_t *offset,
                                                size_t count);

/* The same on a stream: what was written to it before goes first, what other tasks write meanwhile
 * goes after it. An error of the stream is kept, as for writes. Errors as those of coil_sendfile
 * and coil_stream_write. asyncio: loop.sendfile. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_stream_sendfile(struct coil_stream *stream, int in_fd,
                                                       int64_t *offset, size_t count);

/* The other way round: what comes in on a stream, to a file, without a copy in user space where the
 * system can (splice(2)), else by reading and writing. What the stream has buffered goes first; no
 * other task may read meanwhile (-COIL_ECONCURRENT). out_fd: a file, not opened with O_APPEND.
 * offset: where to begin in it, >= 0, and on return where it ended; NULL: the current position of
 * out_fd, which is moved. count: waits until so many bytes have come, or the end of the stream.
 * Returns how many were written: less than count at the end, or when a cancel or an error came
 * after a part. An error when nothing was written: -EBADF, -ESPIPE (out_fd has no positions),
 * -EINVAL (it appends), -ENOSPC, -EFBIG, -EIO, -ENOMEM...; those of coil_stream_read.
 * Nothing is lost: bytes that were received and could not be written are read next; and offset (or
 * the position) tells what was written. asyncio has no counterpart. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_stream_recvfile(struct coil_stream *stream, int out_fd,
                                                       int64_t *offset, size_t count);

COIL_END_DECLS

#endif
