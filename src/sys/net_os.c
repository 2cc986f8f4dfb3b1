/* net_os.c - the real system calls on sockets and descriptors, behind backend.h.
 *
 * Each turns -1/errno into -errno and retries on EINTR. `attempt` is the one place that carries
 * out an operation by a system call: both backends use it, epoll for everything, io_uring where
 * a call is tried before it is queued. Sockets get MSG_DONTWAIT, so that blocking descriptors
 * never block the loop; for the rest (pipes, terminals) the caller must know that it is ready.
 */
#include "sys/backend.h"

#include "sys/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

static int os_socket(struct coil__backend *backend, int domain, int type, int protocol)
{
    (void)backend;
    return (int)RETRY(socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

static int os_bind(struct coil__backend *backend, int fd, const struct sockaddr *addr,
                   socklen_t size)
{
    (void)backend;
    return (int)RETRY(bind(fd, addr, size));
}

static int os_listen(struct coil__backend *backend, int fd, int backlog)
{
    (void)backend;
    return (int)RETRY(listen(fd, backlog));
}

static int os_shutdown(struct coil__backend *backend, int fd, int how)
{
    (void)backend;
    return (int)RETRY(shutdown(fd, how));
}

static int os_close(struct coil__backend *backend, int fd)
{
    (void)backend;
    /* After EINTR the descriptor is closed on Linux: a retry could close somebody else's. */
    return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

static int os_get_name(struct coil__backend *backend, int fd, bool peer, struct sockaddr *addr,
                       socklen_t *size)
{
    (void)backend;
    if (peer) {
        return (int)RETRY(getpeername(fd, addr, size));
    }
    return (int)RETRY(getsockname(fd, addr, size));
}

static int os_set_option(struct coil__backend *backend, int fd, int level, int name,
                         const void *value, socklen_t size)
{
    (void)backend;
    return (int)RETRY(setsockopt(fd, level, name, value, size));
}

static int os_get_option(struct coil__backend *backend, int fd, int level, int name, void *value,
                         socklen_t *size)
{
    (void)backend;
    return (int)RETRY(getsockopt(fd, level, name, value, size));
}

static int os_set_nonblocking(struct coil__backend *backend, int fd)
{
    int flags = fcntl(fd, F_GETFL);

    (void)backend;
    if (flags < 0) {
        return -errno;
    }
    return flags & O_NONBLOCK || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : -errno;
}

int coil__os_recvmmsg(struct coil__backend *backend, int fd, struct mmsghdr *messages,
                      unsigned count, int flags)
{
    (void)backend;
    return (int)RETRY(recvmmsg(fd, messages, count, flags | MSG_DONTWAIT, NULL));
}

int coil__os_sendmmsg(struct coil__backend *backend, int fd, struct mmsghdr *messages,
                      unsigned count, int flags)
{
    (void)backend;
    return (int)RETRY(sendmmsg(fd, messages, count, flags | MSG_DONTWAIT | MSG_NOSIGNAL));
}

static ssize_t attempt_poll(const struct coil_op *op)
{
    struct pollfd pollfd = {.fd = op->fd_, .events = (short)op->flags_};
    ssize_t rc = RETRY(poll(&pollfd, 1, 0));

    if (rc <= 0) {
        return rc < 0 ? rc : -EAGAIN;
    }
    return pollfd.revents & POLLNVAL ? -EBADF : pollfd.revents;
}

/* A blocking socket is made non-blocking for the time of the call. */
static ssize_t attempt_connect(const struct coil_op *op)
{
    int flags = fcntl(op->fd_, F_GETFL);
    bool is_blocking = !(flags & O_NONBLOCK);
    ssize_t rc;

    if (flags < 0 || (is_blocking && fcntl(op->fd_, F_SETFL, flags | O_NONBLOCK) < 0)) {
        return -errno;
    }
    rc = RETRY(connect(op->fd_, op->buf_, (socklen_t)op->size_));
    if (is_blocking) {
        fcntl(op->fd_, F_SETFL, flags);
    }
    if (rc == -EINPROGRESS || rc == -EALREADY) {
        return -EAGAIN;
    }
    if (rc == -EAGAIN) {
        return -ECONNREFUSED; /* a unix socket's backlog is full: nothing tells when it has room */
    }
    return rc == -EISCONN ? 0 : rc;
}

ssize_t coil__os_call(const struct coil_op *op)
{
    bool has_offset = op->offset_ >= 0;

    switch (op->kind_) {
    case COIL__OP_READ:
        return has_offset ? RETRY(pread(op->fd_, op->buf_, op->size_, op->offset_))
                          : RETRY(read(op->fd_, op->buf_, op->size_));
    case COIL__OP_WRITE:
        return has_offset ? RETRY(pwrite(op->fd_, op->buf_, op->size_, op->offset_))
                          : RETRY(write(op->fd_, op->buf_, op->size_));
    case COIL__OP_READV:
        return has_offset ? RETRY(preadv(op->fd_, op->buf_, (int)op->size_, op->offset_))
                          : RETRY(readv(op->fd_, op->buf_, (int)op->size_));
    default:
        return has_offset ? RETRY(pwritev(op->fd_, op->buf_, (int)op->size_, op->offset_))
                          : RETRY(writev(op->fd_, op->buf_, (int)op->size_));
    }
}

/* A descriptor that is ready takes or gives something without waiting; but a blocking one that is
 * asked to take more than it has room for waits for the rest. RWF_NOWAIT forbids that; where it is
 * not to be had, no more is written than a ready pipe has room for (files are not waited for). */
static ssize_t attempt_write(const struct coil_op *op)
{
    struct iovec whole = {.iov_base = op->buf_, .iov_len = op->size_};
    bool is_vector = op->kind_ == COIL__OP_WRITEV;
    const struct iovec *iov = is_vector ? op->buf_ : &whole;
    int count = is_vector ? (int)op->size_ : 1;
    ssize_t rc = RETRY(pwritev2(op->fd_, iov, count, -1, RWF_NOWAIT));
    struct stat status;
    size_t total = 0;

    if (rc != -EOPNOTSUPP && rc != -ENOSYS && rc != -EINVAL) {
        return rc;
    }
    for (int i = 0; i < count && total <= PIPE_BUF; i++) {
        total += iov[i].iov_len;
    }
    if (total <= PIPE_BUF || (fstat(op->fd_, &status) == 0 && S_ISREG(status.st_mode))) {
        return coil__os_call(op);
    }
    return RETRY(
        write(op->fd_, iov[0].iov_base, iov[0].iov_len < PIPE_BUF ? iov[0].iov_len : PIPE_BUF));
}

static ssize_t attempt_file(const struct coil_op *op)
{
    bool is_write = op->kind_ == COIL__OP_WRITE || op->kind_ == COIL__OP_WRITEV;

    return is_write && op->offset_ < 0 && op->size_ > 0 ? attempt_write(op) : coil__os_call(op);
}

ssize_t coil__os_attempt(struct coil__backend *backend, struct coil_op *op)
{
    int flags = (op->flags_ & ~COIL__EXPECT_WAIT) | MSG_DONTWAIT;

    (void)backend;
    switch (op->kind_) {
    case COIL__OP_POLL:
        return attempt_poll(op);
    case COIL__OP_RECV:
        return RETRY(recv(op->fd_, op->buf_, op->size_, flags));
    case COIL__OP_SEND:
        return RETRY(send(op->fd_, op->buf_, op->size_, flags | MSG_NOSIGNAL));
    case COIL__OP_RECVMSG:
        return RETRY(recvmsg(op->fd_, op->buf_, flags));
    case COIL__OP_SENDMSG:
        return RETRY(sendmsg(op->fd_, op->buf_, flags | MSG_NOSIGNAL));
    case COIL__OP_ACCEPT:
        return RETRY(accept4(op->fd_, op->buf_, (socklen_t *)(intptr_t)op->offset_, op->flags_));
    case COIL__OP_CONNECT:
        return attempt_connect(op);
    default:
        return attempt_file(op);
    }
}

const struct coil__net_class coil__net_os = {
    .socket = os_socket,
    .bind = os_bind,
    .listen = os_listen,
    .shutdown = os_shutdown,
    .close = os_close,
    .get_name = os_get_name,
    .set_option = os_set_option,
    .get_option = os_get_option,
    .set_nonblocking = os_set_nonblocking,
    .recvmmsg = coil__os_recvmmsg,
    .sendmmsg = coil__os_sendmmsg,
    .attempt = coil__os_attempt,
};
