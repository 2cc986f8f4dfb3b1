/* fd_pass.c - descriptors over unix sockets (SCM_RIGHTS).
 *
 * From the moment the system has made descriptors of ours they are in a control message on the
 * receiving task's stack, and leave it in one of two ways: to the caller, or closed.
 */
#include "task/task.h"

#include <coil/fd.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Room for as many as one message may carry; the system's own limit. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(COIL_MAX_FDS * sizeof(int))];
};

/* 0; -EOPNOTSUPP where the system would drop them without a word. */
static int check_socket(struct coil_loop *loop, int fd)
{
    struct coil__backend *backend = loop->backend;
    int domain = 0;
    socklen_t size = sizeof domain;
    int rc = backend->net->get_option(backend, fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);

    return rc < 0 ? rc : domain == AF_UNIX ? 0 : -EOPNOTSUPP;
}

ssize_t coil_send_fds(int fd, const void *buf, size_t size, const int *fds, size_t count)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union control control;
    struct coil_task *self;
    ssize_t rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!buf || size == 0 || size > SSIZE_MAX || count > COIL_MAX_FDS || (!fds && count > 0)) {
        return -EINVAL;
    }
    rc = check_socket(self->loop, fd);
    if (rc < 0) {
        return rc;
    }
    if (count > 0) {
        memset(&control, 0, sizeof control);
        control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof *fds),
                                          .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), fds, count * sizeof *fds);
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(count * sizeof *fds);
    }
    return coil_sendmsg(fd, &msg, 0);
}

/* How many came, of at most max; further ones are closed. More than one control message with
 * descriptors never comes from Linux, and would do no harm. */
static size_t collect(struct msghdr *msg, int *fds, size_t max)
{
    size_t count = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(msg); header; header = CMSG_NXTHDR(msg, header)) {
        size_t size = header->cmsg_len - CMSG_LEN(0);

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + at, sizeof fd);
            if (count < max) {
                fds[count++] = fd;
            } else {
                coil__net_os.close(NULL, fd);
            }
        }
    }
    return count;
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        coil__net_os.close(NULL, fds[i]);
    }
}

ssize_t coil_recv_fds(int fd, void *buf, size_t size, int *ret_fds, size_t max, size_t *ret_count)
{
    struct iovec iov = {.iov_base = buf, .iov_len = size};
    union control control;
    /* No more room than wanted: what is too much the system drops by itself. */
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = max > 0 ? &control : NULL,
                         .msg_controllen = max > 0 ? CMSG_LEN(max * sizeof(int)) : 0};
    int fds[COIL_MAX_FDS];
    size_t count;
    ssize_t rc;

    if (!buf || size == 0 || size > SSIZE_MAX || max > COIL_MAX_FDS || (!ret_fds && max > 0) ||
        !ret_count) {
        return -EINVAL;
    }
    rc = coil_recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    if (rc < 0) {
        return rc;
    }
    count = collect(&msg, fds, max);
    if (msg.msg_flags & MSG_CTRUNC) {
        close_all(fds, count);
        return count < max ? -EMFILE : -COIL_ELIMIT;
    }
    if (count > 0) {
        memcpy(ret_fds, fds, count * sizeof *fds);
    }
    *ret_count = count;
    return rc;
}
