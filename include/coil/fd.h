/* coil/fd.h - descriptors: the system calls, waiting instead of blocking.
 *
 * Each does what the call of its name does, on any descriptor, blocking or not, and suspends the
 * task where the call would block. Several tasks may wait on one descriptor; the system chooses
 * whom it serves first. The descriptor stays the caller's, and must not be closed while a task
 * waits on it; a descriptor of a stream (coil/stream.h) belongs to that.
 *
 * Returns are those of the system call, or -errno. Cancel: the operation is cancelled and waited
 * for; if it was done first, its result is returned and nothing is lost. A transfer that was
 * partly done returns its count. asyncio's counterparts: add_reader, sock_recv, sock_sendall...
 */
#ifndef COIL_FD_H
#define COIL_FD_H

#include <coil/base.h>

#include <sys/socket.h>
#include <sys/uio.h>

/* As many descriptors as one message can carry. */
#define COIL_MAX_FDS 253

COIL_BEGIN_DECLS

/* Waits until one of the events (POLLIN, POLLOUT, POLLRDHUP...) is there. Returns those that are,
 * POLLERR and POLLHUP included. */
COIL_EXPORT COIL_SUSPENDS int coil_poll(int fd, short events);

/* read(2), write(2), readv(2), writev(2) at the current position. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_read(int fd, void *buf, size_t size);
COIL_EXPORT COIL_SUSPENDS ssize_t coil_write(int fd, const void *buf, size_t size);
COIL_EXPORT COIL_SUSPENDS ssize_t coil_readv(int fd, const struct iovec *iov, int count);
COIL_EXPORT COIL_SUSPENDS ssize_t coil_writev(int fd, const struct iovec *iov, int count);

/* recv(2), send(2), recvmsg(2), sendmsg(2). Never raise SIGPIPE. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_recv(int fd, void *buf, size_t size, int flags);
COIL_EXPORT COIL_SUSPENDS ssize_t coil_send(int fd, const void *buf, size_t size, int flags);
COIL_EXPORT COIL_SUSPENDS ssize_t coil_recvmsg(int fd, struct msghdr *msg, int flags);
COIL_EXPORT COIL_SUSPENDS ssize_t coil_sendmsg(int fd, const struct msghdr *msg, int flags);

/* Sends all of it, in as many calls as it takes. Returns size; or less, when a cancel or an error
 * came after a part was sent; or the error when nothing was. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_send_all(int fd, const void *buf, size_t size);

/* Sends bytes, and with the first of them copies of descriptors (SCM_RIGHTS). fd: a unix socket.
 * buf, size: at least one byte. fds: of the system (no simulated sockets); they stay the caller's,
 * who may close them afterwards. count: at most COIL_MAX_FDS. Returns how many bytes were sent (the
 * rest is for coil_send_all), and then the descriptors are under way, all of them. -EPIPE...;
 * -EBADF (one of them is not open), -EOPNOTSUPP (not a unix socket), -ETOOMANYREFS, -EINVAL.
 * asyncio has none; socket.send_fds. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_send_fds(int fd, const void *buf, size_t size,
                                                const int *fds, size_t count);

/* Receives bytes, and the descriptors that were sent with them. buf, size: at least one byte.
 * ret_fds: those that came, closed on exec, owned by the caller. max: how many he expects at most,
 * up to COIL_MAX_FDS; 0: none. ret_count: how many came. Returns the number of bytes, 0 at the end.
 * Bytes that came without descriptors and such that came with some are never received together.
 * A peer may send anything: -COIL_ELIMIT when more came than max, -EMFILE when this process may not
 * have so many open; then all that came are closed, and the bytes that came with them are lost: the
 * connection is best given up. -ECONNRESET...; -EINVAL.
 * Cancel: none was received, or all are returned. asyncio has none; socket.recv_fds. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_recv_fds(int fd, void *buf, size_t size, int *ret_fds,
                                                size_t max, size_t *ret_count);

/* connect(2), until it is connected or has failed. After a failure or a cancel: close it. */
COIL_EXPORT COIL_SUSPENDS int coil_connect(int fd, const struct sockaddr *addr, socklen_t size);

/* close(2). Use it for sockets that the library made (under "sim" they are no descriptors of the
 * system). Does not suspend. */
COIL_EXPORT int coil_close(int fd);

COIL_END_DECLS

#endif
