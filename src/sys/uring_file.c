/* uring_file.c - the calls on files that io_uring has entries for. The kernel makes them in threads
 * of its own. */
#include "sys/uring.h"

enum { MAX_OPS = 64 };

static const struct {
    enum coil__file_call_kind kind;
    unsigned opcode;
} known[] = {
    {COIL__FILE_OPEN, IORING_OP_OPENAT},       {COIL__FILE_FSYNC, IORING_OP_FSYNC},
    {COIL__FILE_FDATASYNC, IORING_OP_FSYNC},   {COIL__FILE_STAT, IORING_OP_STATX},
    {COIL__FILE_LSTAT, IORING_OP_STATX},       {COIL__FILE_FSTAT, IORING_OP_STATX},
    {COIL__FILE_RENAME, IORING_OP_RENAMEAT},   {COIL__FILE_UNLINK, IORING_OP_UNLINKAT},
    {COIL__FILE_RMDIR, IORING_OP_UNLINKAT},    {COIL__FILE_MKDIR, IORING_OP_MKDIRAT},
    {COIL__FILE_SYMLINK, IORING_OP_SYMLINKAT},
};

int coil__uring_probe_files(struct io_uring *ring, uint32_t *ret_calls)
{
    union {
        struct io_uring_probe probe;
        char room[sizeof(struct io_uring_probe) + MAX_OPS * sizeof(struct io_uring_probe_op)];
    } all = {.room = {0}};
    int rc = io_uring_register_probe(ring, &all.probe, MAX_OPS);

    if (rc < 0) {
        return rc;
    }
    *ret_calls = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (io_uring_opcode_supported(&all.probe, (int)known[i].opcode)) {
            *ret_calls |= UINT32_C(1) << known[i].kind;
        }
    }
    return 0;
}

static void prepare_status(struct io_uring_sqe *sqe, struct coil__file_op *file_op)
{
    const struct coil__file_call *call = file_op->call;
    bool is_fd = call->kind == COIL__FILE_FSTAT;
    int flags = AT_NO_AUTOMOUNT; /* as the older calls do */

    if (is_fd) {
        flags |= AT_EMPTY_PATH;
    } else if (call->kind == COIL__FILE_LSTAT) {
        flags |= AT_SYMLINK_NOFOLLOW;
    }
    io_uring_prep_statx(sqe, call->fd, is_fd ? "" : call->path, flags, STATX_BASIC_STATS,
                        &file_op->statx);
}

/* An open that the kernel tries in place is one with O_NONBLOCK, which makes a difference for FIFOs
 * and devices. */
static void prepare_open(struct io_uring_sqe *sqe, const struct coil__file_call *call)
{
    io_uring_prep_openat(sqe, call->fd, call->path, call->flags | O_CLOEXEC | O_LARGEFILE,
                         (mode_t)call->mode);
    if (!(call->flags & (O_NONBLOCK | O_DIRECTORY))) {
        sqe->flags |= IOSQE_ASYNC;
    }
}

void coil__uring_prepare_file(struct io_uring_sqe *sqe, struct coil__file_op *file_op)
{
    const struct coil__file_call *call = file_op->call;

    switch (call->kind) {
    case COIL__FILE_OPEN:
        prepare_open(sqe, call);
        break;
    case COIL__FILE_FSYNC:
        io_uring_prep_fsync(sqe, call->fd, 0);
        break;
    case COIL__FILE_FDATASYNC:
        io_uring_prep_fsync(sqe, call->fd, IORING_FSYNC_DATASYNC);
        break;
    case COIL__FILE_RENAME:
        io_uring_prep_renameat(sqe, call->fd, call->path, call->fd, call->to, 0);
        break;
    case COIL__FILE_UNLINK:
        io_uring_prep_unlinkat(sqe, call->fd, call->path, 0);
        break;
    case COIL__FILE_RMDIR:
        io_uring_prep_unlinkat(sqe, call->fd, call->path, AT_REMOVEDIR);
        break;
    case COIL__FILE_MKDIR:
        io_uring_prep_mkdirat(sqe, call->fd, call->path, (mode_t)call->mode);
        break;
    case COIL__FILE_SYMLINK:
        io_uring_prep_symlinkat(sqe, call->to, call->fd, call->path);
        break;
    default:
        prepare_status(sqe, file_op);
        break;
    }
}
