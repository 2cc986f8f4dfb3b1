/* coil/op.h - operations: the second front door onto the loop, completions instead of coroutines.
 *
 * An operation is a small struct embedded by its owner. A prepare call says what to do, submit
 * hands it to the loop, and the callback is called exactly once with the outcome: in the loop's
 * thread, during an iteration, never from inside submit. "Wake this task" is merely the callback
 * that tasks use. Nothing is allocated per operation.
 *
 * From submit to callback the struct, the buffers and the addresses it names belong to the loop:
 * they must neither move nor be released, also after a cancel. A cancel only asks for an early
 * end: the callback still comes, with the result if the operation was done first ("completed
 * wins"), else with -ECANCELED.
 *
 * asyncio's counterpart: loop.sock_recv and its siblings, with callbacks.
 */
#ifndef COIL_OP_H
#define COIL_OP_H

#include <coil/base.h>

#include <sys/socket.h>
#include <sys/uio.h>

struct coil_loop;
struct coil_op;
struct coil_task;

typedef void (*coil_op_callback)(struct coil_op *op);

/* All-zero is an idle operation. `result` is what the system call would return, or -errno; it is
 * valid in the callback and until the next submit. */
struct coil_op {
    ssize_t result;
    struct coil__list link_;      /* in a queue of the backend */
    struct coil_loop *loop_;      /* from submit to callback, else NULL */
    struct coil__list user_link_; /* in the loop's list of what programs have submitted */
    coil_op_callback callback_;
    coil_op_callback user_callback_;
    struct coil_task *task_; /* the callback's, where the library itself waits */
    void *buf_;              /* buffer, iovec array, msghdr or sockaddr, by kind */
    size_t size_;
    int64_t offset_; /* files: position, -1 for the current one; accept: socklen_t * */
    int fd_;
    int flags_;     /* MSG_*, SOCK_*, or poll events */
    uint8_t kind_;  /* enum coil__op_kind */
    uint8_t state_; /* enum coil__op_state */
};

/* The prepare calls only fill the struct in, and must not be used on a submitted operation.
 * fd: an open descriptor, blocking or not; it must stay open until the callback.
 * buf/size: memory of the caller's, at least size bytes; at most SSIZE_MAX. */
COIL_BEGIN_DECLS

/* Waits until fd is ready. events: POLLIN, POLLOUT, POLLRDHUP...; result: the events that are
 * there, POLLERR and POLLHUP included. */
COIL_EXPORT void coil_op_poll(struct coil_op *op, int fd, short events);

/* read(2)/pread(2) and write(2)/pwrite(2). offset: position in the file, or -1 for the current
 * one (and for whatever has none). result: bytes moved; 0 from read is the end. */
COIL_EXPORT void coil_op_read(struct coil_op *op, int fd, void *buf, size_t size, int64_t offset);
COIL_EXPORT void coil_op_write(struct coil_op *op, int fd, const void *buf, size_t size,
                               int64_t offset);

/* preadv(2) and pwritev(2). iov: count (1 to IOV_MAX) parts; the array too must stay. */
COIL_EXPORT void coil_op_readv(struct coil_op *op, int fd, const struct iovec *iov, int count,
                               int64_t offset);
COIL_EXPORT void coil_op_writev(struct coil_op *op, int fd, const struct iovec *iov, int count,
                                int64_t offset);

/* recv(2) and send(2). flags: MSG_*; send never raises SIGPIPE. */
COIL_EXPORT void coil_op_recv(struct coil_op *op, int fd, void *buf, size_t size, int flags);
COIL_EXPORT void coil_op_send(struct coil_op *op, int fd, const void *buf, size_t size, int flags);

/* recvmsg(2) and sendmsg(2). The header and all it points to must stay. */
COIL_EXPORT void coil_op_recvmsg(struct coil_op *op, int fd, struct msghdr *msg, int flags);
COIL_EXPORT void coil_op_sendmsg(struct coil_op *op, int fd, const struct msghdr *msg, int flags);

/* accept4(2). addr and addr_size may both be NULL. flags: SOCK_NONBLOCK, SOCK_CLOEXEC. result: the
 * new descriptor, which the caller owns. */
COIL_EXPORT void coil_op_accept(struct coil_op *op, int fd, struct sockaddr *addr,
                                socklen_t *addr_size, int flags);

/* connect(2), until it is connected or has failed. result: 0. After a cancel the socket is in an
 * unspecified state and should be closed. */
COIL_EXPORT void coil_op_connect(struct coil_op *op, int fd, const struct sockaddr *addr,
                                 socklen_t addr_size);

/* Starts the operation; callback is called once, later. When the loop is freed, it is
 * cancelled, and still gets its callback (so the loop cannot be freed inside another one that
 * runs: -COIL_ENESTED). Returns 0, or an error and then the callback is not
 * called: -EINVAL (NULL, not prepared, already submitted), -ENOMEM,
 * -COIL_EWRONGTHREAD, -COIL_ECLOSED, -COIL_EFORKED. */
COIL_EXPORT int coil_op_submit(struct coil_loop *loop, struct coil_op *op,
                               coil_op_callback callback);

/* Asks for an early end; see above. Returns 0, or -COIL_EINVALIDSTATE when it is not submitted. */
COIL_EXPORT int coil_op_cancel(struct coil_op *op);

/* True from submit until the callback is entered. */
COIL_EXPORT bool coil_op_is_pending(const struct coil_op *op);

COIL_END_DECLS

#endif
