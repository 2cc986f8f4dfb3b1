/* file.c - system calls on files, for tasks.
 *
 * Reads are tried first, of what is in memory only, except in company on io_uring. What must wait
 * is left to io_uring, or to a thread where the backend cannot wait for files; then the operation
 * or the call stands on the suspended task's stack. All other calls are the backend's where it
 * takes them (io_uring), and else always go to a thread.
 */
#include "io/file.h"
#include "loop/ledger.h"

#include <errno.h>
#include <limits.h>

/* --- by the backend, or in a thread --- */

struct transfer {
    const struct coil_op *op;
    ssize_t rc;
};

static int run_transfer(void *arg)
{
    struct transfer *transfer = arg;

    transfer->rc = coil__os_call(transfer->op);
    return 0;
}

/* Where the calls of all tasks go to the kernel as one, a call that is made at once is worth it
 * only for who is alone; in company it is one system call more, and the others wait. */
static bool joins_batch(const struct coil_loop *loop)
{
    struct coil__backend *backend = loop->backend;

    return backend->class->batches_calls &&
           (loop->current || loop->ready.head || backend->class->has_work(backend));
}

/* The ring reads from a pipe or a socket, whatever position it is asked for. So whoever comes first
 * since the last poll tries all the same, and that is good for those who follow. */
static bool has_position(const struct coil_loop *loop, const struct coil_op *op)
{
    return op->offset_ < 0 ||
           (loop->positions_fd == op->fd_ && loop->positions_at == loop->polled_at);
}

static ssize_t try_read(struct coil_loop *loop, struct coil_op *op)
{
    ssize_t rc = coil__os_read_cached(op);

    if (rc >= 0 && op->offset_ >= 0) {
        loop->positions_fd = op->fd_;
        loop->positions_at = loop->polled_at;
    }
    return rc;
}

ssize_t coil__file_transfer(struct coil_task *self, struct coil_op *op, const char *what)
{
    struct coil_loop *loop = self->loop;
    bool is_read = op->kind_ == COIL__OP_READ || op->kind_ == COIL__OP_READV;
    bool is_tried = is_read && !(joins_batch(loop) && has_position(loop, op));
    struct transfer transfer = {.op = op};
    ssize_t rc = is_tried ? try_read(loop, op) : -EAGAIN;

    if (rc != -EAGAIN) {
        coil__spend(self);
        return rc;
    }
    if (loop->backend->class->waits_for_files) {
        rc = is_read || op->offset_ < 0 ? 0 : coil__os_check_position(op);
        return rc < 0 ? rc : coil__op_wait(self, op, what);
    }
    rc = coil__thread_wait(self, run_transfer, &transfer, NULL, what);
    return rc < 0 ? rc : transfer.rc;
}

struct call {
    const struct coil__file_call *call;
    ssize_t rc;
};

static int run_call(void *arg)
{
    struct call *call = arg;

    call->rc = coil__os_file_call(call->call);
    return 0;
}

/* Whoever opens a FIFO waits for its peer, in the kernel's thread, which a cancel reaches. */
static ssize_t call_by_backend(struct coil_task *self, const struct coil__file_call *call,
                               const char *what)
{
    struct coil__file_op file_op = {.call = call};
    struct coil_op op;
    ssize_t rc;

    do {
        op = (struct coil_op){.kind_ = COIL__OP_FILE, .fd_ = call->fd, .buf_ = &file_op};
        rc = coil__op_wait(self, &op, what);
    } while (rc == -EINTR);
    if (rc == 0 && call->status) {
        coil__os_store_status(&file_op);
    }
    return rc;
}

static ssize_t call_in_thread(struct coil_task *self, const struct coil__file_call *call,
                              const char *what)
{
    struct call job = {.call = call};
    int rc = coil__thread_wait(self, run_call, &job, NULL, what);

    return rc < 0 ? rc : job.rc;
}

ssize_t coil__file_call(struct coil_task *self, const struct coil__file_call *call,
                        const char *what)
{
    bool is_backends = self->loop->backend->file_calls & UINT32_C(1) << call->kind;

    return is_backends ? call_by_backend(self, call, what) : call_in_thread(self, call, what);
}

/* --- parts of a file --- */

int coil__file_part_begin(struct coil__file_part *part, int fd, int64_t *offset, size_t count)
{
    int64_t start = offset ? *offset : coil__os_tell(fd);

    if (start < 0) {
        return offset ? -EINVAL : (int)start;
    }
    *part = (struct coil__file_part){.fd = fd,
                                     .start = start,
                                     .offset = start,
                                     .left = count < SSIZE_MAX ? count : SSIZE_MAX,
                                     .caller = offset};
    return 0;
}

ssize_t coil__file_part_end(struct coil__file_part *part, ssize_t rc)
{
    if (part->offset == part->start) {
        return rc < 0 ? rc : 0;
    }
    if (part->caller) {
        *part->caller = part->offset;
    } else {
        coil__os_seek(part->fd, part->offset);
    }
    return (ssize_t)(part->offset - part->start);
}

/* --- the calls --- */

static ssize_t move(int kind, int fd, const void *buf, size_t size, int64_t offset,
                    const char *what)
{
    struct coil_op op = {.kind_ = (uint8_t)kind,
                         .fd_ = fd,
                         .buf_ = (void *)(uintptr_t)buf,
                         .size_ = size,
                         .offset_ = offset};
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if ((!buf && size > 0) || size > SSIZE_MAX || offset < 0) {
        return -EINVAL;
    }
    return coil__file_transfer(self, &op, what);
}

ssize_t coil_pread(int fd, void *buf, size_t size, int64_t offset)
{
    return move(COIL__OP_READ, fd, buf, size, offset, "pread");
}

ssize_t coil_pwrite(int fd, const void *buf, size_t size, int64_t offset)
{
    return move(COIL__OP_WRITE, fd, buf, size, offset, "pwrite");
}

ssize_t coil_preadv(int fd, const struct iovec *iov, int count, int64_t offset)
{
    return count < 0 || count > IOV_MAX
               ? -EINVAL
               : move(COIL__OP_READV, fd, iov, (size_t)count, offset, "preadv");
}

ssize_t coil_pwritev(int fd, const struct iovec *iov, int count, int64_t offset)
{
    return count < 0 || count > IOV_MAX
               ? -EINVAL
               : move(COIL__OP_WRITEV, fd, iov, (size_t)count, offset, "pwritev");
}

/* The pointers that the call needs are there? */
static bool is_complete(const struct coil__file_call *call)
{
    switch (call->kind) {
    case COIL__FILE_FSYNC:
    case COIL__FILE_FDATASYNC:
    case COIL__FILE_FTRUNCATE:
        return true;
    case COIL__FILE_FSTAT:
        return call->status;
    case COIL__FILE_STAT:
    case COIL__FILE_LSTAT:
        return call->path && call->status;
    case COIL__FILE_RENAME:
    case COIL__FILE_SYMLINK:
        return call->path && call->to;
    case COIL__FILE_READLINK:
        return call->path && call->buf && call->size > 0;
    default:
        return call->path;
    }
}

static ssize_t make(const struct coil__file_call *call, const char *what)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    return is_complete(call) ? coil__file_call(self, call, what) : -EINVAL;
}

int coil_open(const char *path, int flags, unsigned mode)
{
    struct coil__file_call call = {
        .kind = COIL__FILE_OPEN, .fd = AT_FDCWD, .path = path, .flags = flags, .mode = mode};

    int fd = (int)make(&call, "open");

    if (fd >= 0) {
        coil__note_open(coil__thread.loop, COIL__OPENED_FILE, coil__ledger_fd(fd));
    }
    return fd;
}

int coil_fsync(int fd)
{
    return (int)make(&(struct coil__file_call){.kind = COIL__FILE_FSYNC, .fd = fd}, "fsync");
}

int coil_fdatasync(int fd)
{
    struct coil__file_call call = {.kind = COIL__FILE_FDATASYNC, .fd = fd};

    return (int)make(&call, "fdatasync");
}

int coil_ftruncate(int fd, int64_t size)
{
    struct coil__file_call call = {.kind = COIL__FILE_FTRUNCATE, .fd = fd, .size = (size_t)size};

    return (int)make(&call, "ftruncate");
}

int coil_stat(const char *path, struct stat *ret_status)
{
    struct coil__file_call call = {
        .kind = COIL__FILE_STAT, .fd = AT_FDCWD, .path = path, .status = ret_status};

    return (int)make(&call, "stat");
}

int coil_lstat(const char *path, struct stat *ret_status)
{
    struct coil__file_call call = {
        .kind = COIL__FILE_LSTAT, .fd = AT_FDCWD, .path = path, .status = ret_status};

    return (int)make(&call, "lstat");
}

int coil_fstat(int fd, struct stat *ret_status)
{
    struct coil__file_call call = {.kind = COIL__FILE_FSTAT, .fd = fd, .status = ret_status};

    return (int)make(&call, "fstat");
}

int coil_rename(const char *from, const char *to)
{
    struct coil__file_call call = {
        .kind = COIL__FILE_RENAME, .fd = AT_FDCWD, .path = from, .to = to};

    return (int)make(&call, "rename");
}

int coil_unlink(const char *path)
{
    struct coil__file_call call = {.kind = COIL__FILE_UNLINK, .fd = AT_FDCWD, .path = path};

    return (int)make(&call, "unlink");
}

int coil_mkdir(const char *path, unsigned mode)
{
    struct coil__file_call call = {
        .kind = COIL__FILE_MKDIR, .fd = AT_FDCWD, .path = path, .mode = mode};

    return (int)make(&call, "mkdir");
}

int coil_rmdir(const char *path)
{
    struct coil__file_call call = {.kind = COIL__FILE_RMDIR, .fd = AT_FDCWD, .path = path};

    return (int)make(&call, "rmdir");
}

int coil_symlink(const char *target, const char *path)
{
    struct coil__file_call call = {
        .kind = COIL__FILE_SYMLINK, .fd = AT_FDCWD, .path = path, .to = target};

    return (int)make(&call, "symlink");
}

ssize_t coil_readlink(const char *path, char *buf, size_t size)
{
    struct coil__file_call call = {
        .kind = COIL__FILE_READLINK, .fd = AT_FDCWD, .path = path, .buf = buf, .size = size};
    ssize_t rc = make(&call, "readlink");

    if (rc >= 0 && (size_t)rc == size) {
        return -COIL_ELIMIT;
    }
    if (rc >= 0) {
        buf[rc] = '\0';
    }
    return rc;
}
