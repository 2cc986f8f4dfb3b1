/* uring.h - the inside of the io_uring backend: what its parts share. */
#ifndef COIL__SYS_URING_H
#define COIL__SYS_URING_H

#include "base/list.h"
#include "sys/backend.h"
#include "sys/fd_table.h"
#include "sys/file.h"

#include <liburing.h>
#include <poll.h>

/* Newer than the headers of some systems. */
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

/* user_data of entries: an operation's address, whose low bits are free; with the lowest one, a
 * poll in place of that operation; with the second one, a watch (uring_watch.c); and those below
 * FIRST_OP that have neither are the backend's own. */
enum {
    COIL__URING_IGNORE = 0,
    COIL__URING_POLL_BIT = 1,
    COIL__URING_WATCH_BIT = 2,
    COIL__URING_WAKE = 4,
    COIL__URING_FIRST_OP = 8,
};

struct coil__uring {
    struct coil__backend base;
    struct io_uring ring;
    struct coil__list backlog;     /* of coil_op.link_: not yet in the submission queue */
    struct coil__list cancels;     /* of coil_op.link_: cancel not yet in the submission queue */
    struct coil__list unwatched;   /* of watch.link: it is over, and the kernel is to be told */
    struct coil__fd_table watches; /* of struct watch */
    int wake_fd;                   /* eventfd, polled by the ring */
    bool wake_armed;
    bool is_under_valgrind; /* which knows little of io_uring: see wait_by_poll, trust */
};

static inline struct coil__uring *coil__uring_of(struct coil__backend *backend)
{
    return COIL__CONTAINER(backend, struct coil__uring, base);
}

/* An empty entry. NULL when the queue is full and the kernel takes nothing now (its completion
 * queue is full). */
struct io_uring_sqe *coil__uring_get_sqe(struct coil__uring *u);

/* Has the kernel begin with an operation that is in flight already. */
void coil__uring_issue(struct coil__uring *u, struct coil_op *op);

/* The kernel also tells of a peer that shut down (POLLRDHUP) when nobody has asked. If that is all,
 * it is passed on: the poll would end at once again. */
static inline int coil__uring_asked_events(const struct coil_op *op, int events)
{
    int asked = events & (op->flags_ | POLLERR | POLLHUP | POLLNVAL);

    return asked ? asked : events;
}

/* --- uring_file.c: calls on files --- */

/* Which calls on files the kernel behind the ring knows, by bits as backend->file_calls has them;
 * or why it cannot be asked: who may set a ring up may not always use it. */
int coil__uring_probe_files(struct io_uring *ring, uint32_t *ret_calls);
/* Fills an entry in. The call is one of those. */
void coil__uring_prepare_file(struct io_uring_sqe *sqe, struct coil__file_op *file_op);

/* --- uring_watch.c: descriptors that are polled for as long as they are open --- */

/* As the backend's calls. */
int coil__uring_adopt(struct coil__backend *backend, int fd);
void coil__uring_release(struct coil__backend *backend, int fd);
/* Has the watch of an adopted descriptor serve a poll or receive that has COIL__EXPECT_WAIT: as the
 * backend's submit. -EAGAIN: it takes an entry of its own. */
int coil__uring_watch(struct coil__uring *u, struct coil_op *op);
/* A completion whose user_data has the bit of a watch. */
void coil__uring_on_watch(struct coil__uring *u, const struct io_uring_cqe *cqe);
/* Tells the kernel what it was not told; as far as there is room. */
void coil__uring_flush_unwatched(struct coil__uring *u);
/* The ring was exchanged for another one, while nothing was under way. */
void coil__uring_forget_watches(struct coil__uring *u);

#endif
