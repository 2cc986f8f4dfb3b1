/* fd.c - the system calls on descriptors, for tasks.
 *
 * Sockets are tried first, without waiting; what would block becomes an operation on the calling
 * task's stack. Other descriptors go to the backend at once: a read from a blocking pipe could
 * not be tried without blocking the loop.
 */
#include "io/file.h"
#include "loop/ledger.h"

#include <coil/fd.h>

#include <errno.h>
#include <limits.h>

static ssize_t wait_for(struct coil_op *op, const char *what)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if ((!op->buf_ && op->size_ > 0) || op->size_ > SSIZE_MAX) {
        return -EINVAL;
    }
    return coil__op_wait(self, op, what);
}

/* A read or write: where the backend would wait for a disk in place, a thread does. */
static ssize_t transfer(struct coil_op *op, const char *what)
{
    ssize_t rc;

    op->flags_ = COIL__NO_FILES;
    rc = wait_for(op, what);
    return COIL__UNLIKELY(rc == COIL__IS_FILE) ? coil__file_transfer(coil__thread.task, op, what)
                                               : rc;
}

static bool is_send(const struct coil_op *op)
{
    return op->kind_ == COIL__OP_SEND || op->kind_ == COIL__OP_SENDMSG;
}

/* Sends as soon as a look finds room. */
static ssize_t send_blindly(struct coil_task *self, struct coil_op *op)
{
    ssize_t rc;

    do {
        rc = coil_sleep(COIL__BLIND_PAUSE);
        rc = rc < 0 ? rc : self->loop->backend->net->attempt(self->loop->backend, op);
    } while (rc == -EAGAIN);
    return rc;
}

static ssize_t try_then_wait(struct coil_op *op, const char *what)
{
    struct coil_task *self;
    ssize_t rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if ((!op->buf_ && op->size_ > 0) || op->size_ > SSIZE_MAX) {
        return -EINVAL;
    }
    rc = self->loop->backend->net->attempt(self->loop->backend, op);
    if (rc == -EAGAIN && (op->kind_ == COIL__OP_POLL || !(op->flags_ & MSG_DONTWAIT))) {
        if (coil__op_is_blind(op)) {
            return send_blindly(self, op);
        }
        op->flags_ |= is_send(op) ? MSG_DONTWAIT : 0; /* whole: see backend.h */
        return coil__op_wait(self, op, what);
    }
    coil__spend(self);
    return rc;
}

int coil_poll(int fd, short events)
{
    struct coil_op op = {.kind_ = COIL__OP_POLL, .fd_ = fd, .flags_ = events};

    return (int)try_then_wait(&op, "poll");
}

ssize_t coil_read(int fd, void *buf, size_t size)
{
    struct coil_op op = {
        .kind_ = COIL__OP_READ, .fd_ = fd, .buf_ = buf, .size_ = size, .offset_ = -1};

    return transfer(&op, "read");
}

ssize_t coil_write(int fd, const void *buf, size_t size)
{
    struct coil_op op = {.kind_ = COIL__OP_WRITE,
                         .fd_ = fd,
                         .buf_ = (void *)(uintptr_t)buf,
                         .size_ = size,
                         .offset_ = -1};

    return transfer(&op, "write");
}

static ssize_t vector(int kind, int fd, const struct iovec *iov, int count, const char *what)
{
    struct coil_op op = {.kind_ = (uint8_t)kind,
                         .fd_ = fd,
                         .buf_ = (void *)(uintptr_t)iov,
                         .size_ = (size_t)count,
                         .offset_ = -1};

    return count < 0 || count > IOV_MAX ? -EINVAL : transfer(&op, what);
}

ssize_t coil_readv(int fd, const struct iovec *iov, int count)
{
    return vector(COIL__OP_READV, fd, iov, count, "readv");
}

ssize_t coil_writev(int fd, const struct iovec *iov, int count)
{
    return vector(COIL__OP_WRITEV, fd, iov, count, "writev");
}

ssize_t coil_recv(int fd, void *buf, size_t size, int flags)
{
    struct coil_op op = {
        .kind_ = COIL__OP_RECV, .fd_ = fd, .buf_ = buf, .size_ = size, .flags_ = flags};

    return try_then_wait(&op, "recv");
}

ssize_t coil_send(int fd, const void *buf, size_t size, int flags)
{
    struct coil_op op = {.kind_ = COIL__OP_SEND,
                         .fd_ = fd,
                         .buf_ = (void *)(uintptr_t)buf,
                         .size_ = size,
                         .flags_ = flags};

    return try_then_wait(&op, "send");
}

ssize_t coil_recvmsg(int fd, struct msghdr *msg, int flags)
{
    struct coil_op op = {
        .kind_ = COIL__OP_RECVMSG, .fd_ = fd, .buf_ = msg, .size_ = 1, .flags_ = flags};

    return try_then_wait(&op, "recvmsg");
}

ssize_t coil_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct coil_op op = {.kind_ = COIL__OP_SENDMSG,
                         .fd_ = fd,
                         .buf_ = (void *)(uintptr_t)msg,
                         .size_ = 1,
                         .flags_ = flags};

    return try_then_wait(&op, "sendmsg");
}

ssize_t coil_send_all(int fd, const void *buf, size_t size)
{
    const char *from = buf;
    size_t sent = 0;

    do {
        ssize_t rc = coil_send(fd, from + sent, size - sent, 0);

        if (rc < 0) {
            return sent > 0 ? (ssize_t)sent : rc;
        }
        sent += (size_t)rc;
    } while (sent < size);
    return (ssize_t)sent;
}

int coil_connect(int fd, const struct sockaddr *addr, socklen_t size)
{
    struct coil_op op = {
        .kind_ = COIL__OP_CONNECT, .fd_ = fd, .buf_ = (void *)(uintptr_t)addr, .size_ = size};

    return addr ? (int)wait_for(&op, "connect") : -EINVAL;
}

int coil_close(int fd)
{
    struct coil_loop *loop = coil__thread.loop;

    if (fd < 0) {
        return -EBADF;
    }
    if (!loop) {
        return coil__no_task();
    }
    coil__note_closed(loop, COIL__OPENED_FILE, coil__ledger_fd(fd));
    return loop->backend->net->close(loop->backend, fd);
}
