/* file.h - the system calls on files, for the layers above. They may block for as long as the disk
 * takes, and belong into a thread, unless it says otherwise. All return >= 0 or -errno, and begin
 * anew after EINTR. */
#ifndef COIL__SYS_FILE_H
#define COIL__SYS_FILE_H

#include "sys/backend.h"

#include <coil/file.h>

enum coil__file_call_kind {
    COIL__FILE_OPEN,
    COIL__FILE_OPEN_BELOW, /* mode: of enum coil_links */
    COIL__FILE_FSYNC,
    COIL__FILE_FDATASYNC,
    COIL__FILE_FTRUNCATE,
    COIL__FILE_STAT,
    COIL__FILE_LSTAT,
    COIL__FILE_FSTAT,
    COIL__FILE_RENAME,
    COIL__FILE_UNLINK,
    COIL__FILE_MKDIR,
    COIL__FILE_RMDIR,
    COIL__FILE_SYMLINK,
    COIL__FILE_READLINK,
    COIL__FILE_LIST,  /* getdents64 */
    COIL__FILE_WATCH, /* inotify_add_watch */
};

/* One call and what it takes; which fields, its kind says. */
struct coil__file_call {
    enum coil__file_call_kind kind;
    int fd; /* for paths: the folder they start from; AT_FDCWD */
    int flags;
    unsigned mode;
    const char *path;
    const char *to; /* rename: the new name, from the same folder; symlink: the target */
    struct stat *status;
    char *buf;
    size_t size; /* also the length of ftruncate */
};

ssize_t coil__os_file_call(const struct coil__file_call *call);

/* COIL__FILE_OPEN_BELOW, which also stores the status if that is not NULL. */
ssize_t coil__os_open_below(const struct coil__file_call *call);
/* The same, as far as it goes without waiting for a disk; -EAGAIN: it does not, or nobody can tell.
 * The flags must not wait for a FIFO's peer. */
ssize_t coil__os_open_cached(const struct coil__file_call *call);

/* A call that a backend makes: what the buf_ of a COIL__OP_FILE points to. */
struct coil__file_op {
    const struct coil__file_call *call;
    struct statx statx; /* filled in by a call that asks for a status */
};

/* Stores what such a call has found out in call->status. Does not block. */
void coil__os_store_status(const struct coil__file_op *file_op);

/* A read of what is in memory; never waits. op: READ or READV. -EAGAIN: not all of it is there, or
 * the call that may wait knows better. -ESPIPE. */
ssize_t coil__os_read_cached(const struct coil_op *op);

/* Whether the descriptor can be written to at a position, which io_uring would ignore where there
 * is none. Never waits. 0, -ESPIPE, -EBADF. */
int coil__os_check_position(const struct coil_op *op);

/* Whether all of a file's part is in memory; never waits. False: nobody can tell. */
bool coil__os_is_cached(int fd, int64_t offset, size_t size);

/* sendfile(2), at *offset, which is moved on. */
ssize_t coil__os_sendfile(int out_fd, int in_fd, int64_t *offset, size_t count);
/* True when sendfile to it never waits for a peer: a file, or non-blocking. Does not block. */
bool coil__os_takes_sendfile(int out_fd);

/* splice(2): what a non-blocking socket has now, into a pipe that has room for it; -EAGAIN:
 * nothing, 0: its end. And out of the pipe, which has so many bytes, into a file. -EINVAL: not with
 * these. */
ssize_t coil__os_splice_in(int socket, int pipe, size_t size);
ssize_t coil__os_splice_out(int pipe, int fd, int64_t offset, size_t size);
/* Whether bytes can be written to a descriptor at positions of their own: 0, -EBADF, -EINVAL (it
 * appends). Does not block. */
int coil__os_check_target(int fd);

/* The current position, and its change. Neither blocks. */
int64_t coil__os_tell(int fd);
int coil__os_seek(int fd, int64_t offset);

int coil__os_close(int fd);
/* What is open there, to be compared. False: nothing. Does not block. */
bool coil__os_identify(int fd, uint64_t ret_identity[2]);
/* Random bits for the name of a temporary file. Does not block. */
uint64_t coil__os_random(void);

/* One entry of what COIL__FILE_LIST has put into buf + at. Returns the place of the next one. */
size_t coil__os_dir_entry(const char *buf, size_t at, struct coil_dir_entry *ret_entry);

#endif
