/* pipe.c - see pipe.h. */
#include "sys/pipe.h"

#include "sys/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Linux 6.18; newer than the headers of most systems. */
#define RWF_NO_SIGNAL 0x00000100

/* --- looking --- */

/* A terminal's open file of our own, under the old number. Where that cannot be had (no /proc,
 * no permission), nothing has changed. The master's side of a pty is not opened twice: that would
 * be another pty. */
static bool make_own(int fd, int mode)
{
    int fd_flags = fcntl(fd, F_GETFD);
    char path[32];
    unsigned number;
    int own;
    int rc;

    if (!isatty(fd) || ioctl(fd, TIOCGPTN, &number) == 0) {
        return false;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0) {
        return false;
    }
    rc = dup3(own, fd, fd_flags & FD_CLOEXEC ? O_CLOEXEC : 0);
    close(own);
    return rc == fd;
}

static int choose_way(int fd, int flags, struct coil__pipe *ret_pipe)
{
    struct stat status;

    *ret_pipe = (struct coil__pipe){.fd = fd};
    if (fstat(fd, &status) < 0) {
        return -errno;
    }
    switch (status.st_mode & S_IFMT) {
    case S_IFSOCK:
        ret_pipe->way = COIL__PIPE_SOCKET;
        return 0;
    case S_IFIFO:
        ret_pipe->way = flags & O_NONBLOCK ? COIL__PIPE_NONBLOCKING : COIL__PIPE_NOWAIT;
        return 0;
    case S_IFCHR:
        ret_pipe->is_device = true;
        ret_pipe->way = flags & O_NONBLOCK || make_own(fd, flags & O_ACCMODE)
                            ? COIL__PIPE_NONBLOCKING
                            : COIL__PIPE_NOWAIT;
        return 0;
    case S_IFREG:
    case S_IFBLK:
        ret_pipe->way = COIL__PIPE_FILE;
        return 0;
    default:
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    }
}

int coil__pipe_open_both(int fd, struct coil__pipe *ret_in, struct coil__pipe *ret_out)
{
    int flags = fcntl(fd, F_GETFL);
    int mode = flags & O_ACCMODE;
    struct coil__pipe pipe;
    int rc = flags < 0 ? -errno : choose_way(fd, flags, &pipe);

    if (rc < 0) {
        return rc;
    }
    *ret_in = mode == O_WRONLY ? (struct coil__pipe){0} : pipe;
    *ret_out = mode == O_RDONLY ? (struct coil__pipe){0} : pipe;
    return 0;
}

int coil__pipe_open(int fd, bool is_for_writing, struct coil__pipe *ret_pipe)
{
    struct coil__pipe other;
    struct coil__pipe pipe;
    int rc = is_for_writing ? coil__pipe_open_both(fd, &other, &pipe)
                            : coil__pipe_open_both(fd, &pipe, &other);

    if (rc == 0 && pipe.way == COIL__PIPE_NONE) {
        rc = -EBADF;
    }
    if (rc == 0) {
        *ret_pipe = pipe;
    }
    return rc;
}

/* --- without a signal --- */

/* The SIGPIPE of a write is the calling thread's: it is held back, and taken away if it was not
 * there before. */
struct guard {
    sigset_t pipe;
    sigset_t before;
    bool was_pending;
};

static void hold_back(struct guard *guard)
{
    sigset_t pending;

    sigemptyset(&guard->pipe);
    sigaddset(&guard->pipe, SIGPIPE);
    sigpending(&pending);
    guard->was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &guard->pipe, &guard->before);
}

static void let_go(const struct guard *guard, ssize_t rc)
{
    static const struct timespec none;

    if (rc == -EPIPE && !guard->was_pending) {
        while (sigtimedwait(&guard->pipe, NULL, &none) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

ssize_t coil__pipe_write_quietly(int fd, const void *buf, size_t size)
{
    struct guard guard;
    ssize_t rc;

    hold_back(&guard);
    rc = RETRY(write(fd, buf, size));
    let_go(&guard, rc);
    return rc;
}

/* --- the calls --- */

static ssize_t result_of(ssize_t rc)
{
    return rc < 0 ? -(ssize_t)errno : rc;
}

static bool is_unsupported(ssize_t rc)
{
    return rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -EINVAL;
}

/* Sets or takes back O_NONBLOCK; false: cannot be done. */
static bool set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0;
}

static ssize_t read_toggled(int fd, void *buf, size_t size)
{
    ssize_t rc;

    if (!set_nonblocking(fd, true)) {
        return -errno;
    }
    rc = result_of(read(fd, buf, size));
    set_nonblocking(fd, false);
    return rc;
}

static ssize_t read_once(struct coil__pipe *pipe, void *buf, size_t size)
{
    struct iovec iov = {.iov_base = buf, .iov_len = size};
    ssize_t rc;

    switch (pipe->way) {
    case COIL__PIPE_SOCKET:
        return result_of(recv(pipe->fd, buf, size, MSG_DONTWAIT));
    case COIL__PIPE_NONBLOCKING:
        return result_of(read(pipe->fd, buf, size));
    case COIL__PIPE_NOWAIT:
        rc = result_of(preadv2(pipe->fd, &iov, 1, -1, RWF_NOWAIT));
        if (!is_unsupported(rc)) {
            return rc;
        }
        pipe->way = COIL__PIPE_TOGGLED;
        break;
    case COIL__PIPE_TOGGLED:
        break;
    default:
        return -EBADF;
    }
    return read_toggled(pipe->fd, buf, size);
}

ssize_t coil__pipe_read(struct coil__pipe *pipe, void *buf, size_t size)
{
    ssize_t rc;

    do {
        rc = read_once(pipe, buf, size);
    } while (rc == -EINTR);
    return rc == -EIO && pipe->is_device ? 0 : rc;
}

static ssize_t write_with_flags(struct coil__pipe *pipe, const struct iovec *iov, int flags)
{
    struct guard guard;
    ssize_t rc;

    if (!pipe->lacks_no_signal) {
        rc = result_of(pwritev2(pipe->fd, iov, 1, -1, flags | RWF_NO_SIGNAL));
        if (!is_unsupported(rc)) {
            return rc;
        }
        pipe->lacks_no_signal = true;
    }
    hold_back(&guard);
    rc = result_of(pwritev2(pipe->fd, iov, 1, -1, flags));
    let_go(&guard, rc);
    return rc;
}

static ssize_t write_toggled(int fd, const void *buf, size_t size)
{
    ssize_t rc;

    if (!set_nonblocking(fd, true)) {
        return -errno;
    }
    rc = coil__pipe_write_quietly(fd, buf, size);
    set_nonblocking(fd, false);
    return rc;
}

static ssize_t write_once(struct coil__pipe *pipe, const void *buf, size_t size)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = size};
    ssize_t rc;

    switch (pipe->way) {
    case COIL__PIPE_SOCKET:
        return result_of(send(pipe->fd, buf, size, MSG_DONTWAIT | MSG_NOSIGNAL));
    case COIL__PIPE_FILE:
    case COIL__PIPE_NONBLOCKING:
        rc = write_with_flags(pipe, &iov, 0);
        return is_unsupported(rc) ? coil__pipe_write_quietly(pipe->fd, buf, size) : rc;
    case COIL__PIPE_NOWAIT:
        rc = write_with_flags(pipe, &iov, RWF_NOWAIT);
        if (!is_unsupported(rc)) {
            return rc;
        }
        pipe->way = COIL__PIPE_TOGGLED;
        break;
    case COIL__PIPE_TOGGLED:
        break;
    default:
        return -EBADF;
    }
    return write_toggled(pipe->fd, buf, size);
}

ssize_t coil__pipe_write(struct coil__pipe *pipe, const void *buf, size_t size)
{
    ssize_t rc;

    do {
        rc = write_once(pipe, buf, size);
    } while (rc == -EINTR);
    return rc;
}

bool coil__pipe_is_broken(const struct coil__pipe *pipe)
{
    struct pollfd pollfd = {.fd = pipe->fd};

    return poll(&pollfd, 1, 0) > 0 && pollfd.revents & (POLLERR | POLLHUP | POLLNVAL);
}

int coil__pipe_shut(struct coil__pipe *pipe)
{
    return pipe->way == COIL__PIPE_SOCKET && shutdown(pipe->fd, SHUT_WR) < 0 ? -errno : 0;
}

void coil__pipe_close(int fd)
{
    if (fd >= 0 && (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)) {
        close(fd);
    }
}
