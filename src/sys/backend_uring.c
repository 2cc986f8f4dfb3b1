/* backend_uring.c - the io_uring backend: every operation is one submission queue entry, but for
 * those that the poll of an adopted descriptor serves (uring_watch.c).
 *
 * The ring belongs to one thread (SINGLE_ISSUER), the one that starts it (R_DISABLED), and runs the
 * kernel's completion work only when asked to (DEFER_TASKRUN), so submissions and completions of
 * one iteration share one system call. An operation's address is its user_data; the low values
 * are the backend's (uring.h).
 *
 * Invariants:
 *   - an operation in state PENDING or CANCELLING has exactly one entry or poll in the kernel;
 *   - one in state QUEUED stands with a watch, or in `backlog`: the submission queue was full.
 *     Whoever makes room in that queue fills it from there first, so that nobody overtakes;
 *   - where the kernel answers -EAGAIN (a descriptor with O_NONBLOCK that has no poll of its
 *     own, a send with MSG_DONTWAIT), a poll takes the operation's place and the operation is then
 *     issued again;
 *   - cancels that found no room stand in `cancels`, and go out before the next wait.
 */
#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "sys/backend.h"
#include "sys/clock.h"
#include "sys/uring.h"
#include "sys/valgrind.h"

#include <coil/error.h>

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SQ_ENTRIES = 1024, CQ_ENTRIES = 4096 };

/* The kernel's ERESTARTSYS, which is not for user space: an open that is broken off says it. */
#define RESTART 512

static struct coil_op *op_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct coil_op, link_);
}

static void prepare_recv(struct io_uring_sqe *sqe, const struct coil_op *op)
{
    io_uring_prep_recv(sqe, op->fd_, op->buf_, op->size_, op->flags_ & ~COIL__EXPECT_WAIT);
    if (op->flags_ & COIL__EXPECT_WAIT) {
        sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    }
}

static void prepare(struct io_uring_sqe *sqe, const struct coil_op *op)
{
    int flags = op->flags_;

    switch (op->kind_) {
    case COIL__OP_POLL:
        io_uring_prep_poll_add(sqe, op->fd_, (unsigned)(flags & ~COIL__EXPECT_WAIT));
        break;
    case COIL__OP_READ:
        io_uring_prep_read(sqe, op->fd_, op->buf_, (unsigned)op->size_, (uint64_t)op->offset_);
        break;
    case COIL__OP_WRITE:
        io_uring_prep_write(sqe, op->fd_, op->buf_, (unsigned)op->size_, (uint64_t)op->offset_);
        break;
    case COIL__OP_READV:
        io_uring_prep_readv(sqe, op->fd_, op->buf_, (unsigned)op->size_, (uint64_t)op->offset_);
        break;
    case COIL__OP_WRITEV:
        io_uring_prep_writev(sqe, op->fd_, op->buf_, (unsigned)op->size_, (uint64_t)op->offset_);
        break;
    case COIL__OP_RECV:
        prepare_recv(sqe, op);
        break;
    case COIL__OP_SEND:
        flags &= ~COIL__ONE_TRY;
        io_uring_prep_send(sqe, op->fd_, op->buf_, op->size_, flags | MSG_NOSIGNAL);
        break;
    case COIL__OP_RECVMSG:
        io_uring_prep_recvmsg(sqe, op->fd_, op->buf_, (unsigned)flags);
        break;
    case COIL__OP_SENDMSG:
        io_uring_prep_sendmsg(sqe, op->fd_, op->buf_, (unsigned)flags | MSG_NOSIGNAL);
        break;
    case COIL__OP_ACCEPT:
        io_uring_prep_accept(sqe, op->fd_, op->buf_, (socklen_t *)(intptr_t)op->offset_, flags);
        break;
    case COIL__OP_FILE:
        coil__uring_prepare_file(sqe, op->buf_);
        break;
    default:
        io_uring_prep_connect(sqe, op->fd_, op->buf_, (socklen_t)op->size_);
        break;
    }
}

static void enter_in(struct io_uring_sqe *sqe, struct coil_op *op)
{
    prepare(sqe, op);
    io_uring_sqe_set_data64(sqe, (uintptr_t)op);
    op->state_ = COIL__OP_PENDING;
}

/* As far as there is room. */
static void flush_backlog(struct coil__uring *u)
{
    while (!coil__list_is_empty(&u->backlog)) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

        if (!sqe) {
            return;
        }
        enter_in(sqe, op_of(coil__list_pop_head(&u->backlog)));
    }
}

struct io_uring_sqe *coil__uring_get_sqe(struct coil__uring *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

    if (COIL__UNLIKELY(!sqe)) {
        io_uring_submit(&u->ring);
        flush_backlog(u);
        sqe = io_uring_get_sqe(&u->ring);
    }
    return sqe;
}

static void queue_up(struct coil__uring *u, struct coil_op *op)
{
    op->state_ = COIL__OP_QUEUED;
    coil__list_push_tail(&u->backlog, &op->link_);
}

void coil__uring_issue(struct coil__uring *u, struct coil_op *op)
{
    struct io_uring_sqe *sqe = coil__uring_get_sqe(u);

    if (COIL__UNLIKELY(!sqe)) {
        queue_up(u, op);
        return;
    }
    enter_in(sqe, op);
}

static int uring_submit(struct coil__backend *backend, struct coil_op *op)
{
    struct coil__uring *u = coil__uring_of(backend);

    if ((op->kind_ == COIL__OP_POLL || op->kind_ == COIL__OP_RECV) &&
        op->flags_ & COIL__EXPECT_WAIT) {
        int rc = coil__uring_watch(u, op);

        if (rc != -EAGAIN) {
            return rc;
        }
    }
    /* Lengths are 32 bits wide in the ring; a longer request is a short transfer. */
    if (op->size_ > INT32_MAX && op->kind_ != COIL__OP_READV && op->kind_ != COIL__OP_WRITEV) {
        op->size_ = INT32_MAX;
    }
    coil__uring_issue(u, op);
    coil__counter_add(&backend->in_flight, 1);
    return 0;
}

/* Both the operation and a poll in its place are asked: only one of them is there. */
static bool send_cancel(struct coil__uring *u, struct coil_op *op)
{
    struct io_uring_sqe *sqe;

    for (uintptr_t bit = 0; bit <= COIL__URING_POLL_BIT; bit++) {
        sqe = coil__uring_get_sqe(u);
        if (!sqe) {
            return false;
        }
        io_uring_prep_cancel64(sqe, (uintptr_t)op | bit, 0);
        io_uring_sqe_set_data64(sqe, COIL__URING_IGNORE);
    }
    return true;
}

static void uring_cancel(struct coil__backend *backend, struct coil_op *op)
{
    struct coil__uring *u = coil__uring_of(backend);

    if (op->state_ == COIL__OP_CANCELLING) {
        return;
    }
    if (op->state_ == COIL__OP_QUEUED) {
        coil__list_remove(&op->link_);
    } else if (send_cancel(u, op)) {
        op->state_ = COIL__OP_CANCELLING;
        return;
    }
    op->state_ = op->state_ == COIL__OP_QUEUED ? COIL__OP_QUEUED : COIL__OP_CANCELLING;
    coil__list_push_tail(&u->cancels, &op->link_);
}

/* The kernel does not wait for this descriptor by itself: poll it, then issue again. */
static void poll_in_place(struct coil__uring *u, struct coil_op *op)
{
    static const struct __kernel_timespec pause = {.tv_nsec = COIL__BLIND_PAUSE};
    bool is_write = op->kind_ == COIL__OP_WRITE || op->kind_ == COIL__OP_WRITEV ||
                    op->kind_ == COIL__OP_SEND || op->kind_ == COIL__OP_SENDMSG ||
                    op->kind_ == COIL__OP_CONNECT;
    struct io_uring_sqe *sqe = coil__uring_get_sqe(u);

    if (!sqe) {
        queue_up(u, op);
        return;
    }
    if (coil__op_is_blind(op)) {
        io_uring_prep_timeout(sqe, (struct __kernel_timespec *)(uintptr_t)&pause, 0, 0);
    } else {
        io_uring_prep_poll_add(sqe, op->fd_, is_write ? POLLOUT : POLLIN);
    }
    io_uring_sqe_set_data64(sqe, (uintptr_t)op | COIL__URING_POLL_BIT);
}

/* Valgrind has not seen what the kernel wrote into the operation's memory. */
static void trust(const struct coil_op *op, size_t size)
{
    const struct iovec whole = {op->buf_, op->size_};
    const struct iovec *parts = &whole;
    const struct msghdr *message = op->buf_;
    size_t count = 1;

    if (op->kind_ == COIL__OP_RECVMSG) {
        coil__valgrind_trust(message->msg_name, message->msg_namelen);
        coil__valgrind_trust(message->msg_control, message->msg_controllen);
        parts = message->msg_iov;
        count = message->msg_iovlen;
    } else if (op->kind_ == COIL__OP_READV) {
        parts = op->buf_;
        count = op->size_;
    } else if (op->kind_ == COIL__OP_ACCEPT && op->buf_) {
        coil__valgrind_trust(op->buf_, *(const socklen_t *)(intptr_t)op->offset_);
        return;
    } else if (op->kind_ == COIL__OP_FILE) {
        struct coil__file_op *file_op = op->buf_;

        coil__valgrind_trust(&file_op->statx, sizeof file_op->statx);
        return;
    } else if (op->kind_ != COIL__OP_READ && op->kind_ != COIL__OP_RECV) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t filled = size < parts[i].iov_len ? size : parts[i].iov_len;

        coil__valgrind_trust(parts[i].iov_base, filled);
        size -= filled;
    }
}

/* Whether -EAGAIN is no result, but a sign to poll and try again. */
static bool waits_for_room(const struct coil_op *op)
{
    return op->kind_ != COIL__OP_POLL && op->kind_ != COIL__OP_FILE &&
           !(op->kind_ == COIL__OP_SEND && (op->flags_ & COIL__ONE_TRY));
}

static void complete(struct coil__uring *u, uint64_t data, int res)
{
    struct coil_op *op = (struct coil_op *)(uintptr_t)(data & ~(uint64_t)COIL__URING_POLL_BIT);
    bool was_poll = data & COIL__URING_POLL_BIT;

    res = res == -RESTART ? -EINTR : res;
    if (op->state_ != COIL__OP_CANCELLING) {
        if (was_poll && (res >= 0 || res == -ETIME)) {
            coil__uring_issue(u, op);
            return;
        }
        if (res == -EAGAIN && waits_for_room(op)) {
            poll_in_place(u, op);
            return;
        }
    } else {
        if (was_poll || res == -EINTR || res == -EAGAIN) {
            res = -ECANCELED;
        }
        coil__list_remove(&op->link_); /* from `cancels`, if that is where it stands */
    }
    if (COIL__UNLIKELY(u->is_under_valgrind) && res >= 0) {
        trust(op, (size_t)res);
    }
    coil__counter_add(&u->base.in_flight, -1);
    coil__op_complete(op, op->kind_ == COIL__OP_POLL && res > 0 ? coil__uring_asked_events(op, res)
                                                                : res);
}

static void arm_wake(struct coil__uring *u)
{
    struct io_uring_sqe *sqe = coil__uring_get_sqe(u);

    if (sqe) {
        io_uring_prep_poll_multishot(sqe, u->wake_fd, POLLIN);
        io_uring_sqe_set_data64(sqe, COIL__URING_WAKE);
        u->wake_armed = true;
    }
}

/* Hands the completions that are there to their owners; those may submit meanwhile. Bounded by
 * what the queue holds when it begins, so that a flood cannot keep the loop here. */
static void harvest(struct coil__uring *u)
{
    unsigned left = io_uring_cq_ready(&u->ring);

    while (left-- > 0) {
        struct io_uring_cqe *cqe;
        struct io_uring_cqe copy;

        if (io_uring_peek_cqe(&u->ring, &cqe) < 0) {
            break;
        }
        copy = *cqe;
        io_uring_cqe_seen(&u->ring, cqe);
        if (copy.user_data & COIL__URING_WATCH_BIT) {
            coil__uring_on_watch(u, &copy);
        } else if (copy.user_data >= COIL__URING_FIRST_OP) {
            complete(u, copy.user_data, copy.res);
        } else if (copy.user_data == COIL__URING_WAKE) {
            /* An edge per write: the counter need not be read, and never fills up. */
            u->wake_armed = copy.flags & IORING_CQE_F_MORE;
        }
    }
}

static void flush_queues(struct coil__uring *u)
{
    struct coil__list list;
    struct coil__list *link;

    coil__list_init(&list);
    coil__list_splice_tail(&list, &u->cancels);
    while ((link = coil__list_pop_head(&list))) {
        struct coil_op *op = op_of(link);

        if (op->state_ == COIL__OP_QUEUED) {
            coil__counter_add(&u->base.in_flight, -1);
            coil__op_complete(op, -ECANCELED);
        } else if (!send_cancel(u, op)) {
            coil__list_push_tail(&u->cancels, link);
        }
    }
    coil__uring_flush_unwatched(u);
    flush_backlog(u);
}

static bool has_queued(const struct coil__uring *u)
{
    return !coil__list_is_empty(&u->cancels) || !coil__list_is_empty(&u->backlog) ||
           !coil__list_is_empty(&u->unwatched);
}

/* True when the kernel has something for us that is not yet in the completion queue. */
static bool needs_enter(struct coil__uring *u)
{
    unsigned flags = IO_URING_READ_ONCE(*u->ring.sq.kflags);

    return io_uring_sq_ready(&u->ring) > 0 || (flags & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN));
}

/* Valgrind lets one thread run at a time, and does not know that io_uring_enter may wait: all other
 * threads would stand still meanwhile, those too that are to end the wait. ppoll it knows. */
static int wait_by_poll(struct coil__uring *u, int64_t timeout_ns)
{
    struct pollfd ring = {.fd = u->ring.ring_fd, .events = POLLIN};
    struct timespec ts = {.tv_sec = timeout_ns / COIL_SEC, .tv_nsec = timeout_ns % COIL_SEC};
    int rc = io_uring_submit_and_get_events(&u->ring);

    if (rc < 0 || io_uring_cq_ready(&u->ring) > 0) {
        return rc;
    }
    if (ppoll(&ring, 1, timeout_ns == COIL_NEVER ? NULL : &ts, NULL) < 0) {
        return -errno;
    }
    return io_uring_submit_and_get_events(&u->ring);
}

static int uring_wait(struct coil__backend *backend, int64_t timeout_ns)
{
    struct coil__uring *u = coil__uring_of(backend);
    struct io_uring_cqe *cqe;
    int rc = 0;

    if (COIL__UNLIKELY(has_queued(u))) {
        flush_queues(u);
        timeout_ns = 0; /* it may have completed some, or some may be left */
    }
    if (COIL__UNLIKELY(!u->wake_armed)) {
        arm_wake(u);
        timeout_ns = u->wake_armed ? timeout_ns : 0; /* no sleep that a wake could not end */
    }
    if (timeout_ns == 0 || io_uring_cq_ready(&u->ring) > 0) {
        if (needs_enter(u)) {
            rc = io_uring_submit_and_get_events(&u->ring);
        }
    } else if (COIL__UNLIKELY(u->is_under_valgrind)) {
        rc = wait_by_poll(u, timeout_ns);
    } else if (timeout_ns == COIL_NEVER) {
        rc = io_uring_submit_and_wait(&u->ring, 1);
    } else {
        struct __kernel_timespec ts = {.tv_sec = timeout_ns / COIL_SEC,
                                       .tv_nsec = timeout_ns % COIL_SEC};

        rc = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
    }
    flush_backlog(u); /* before anybody submits more */
    harvest(u);
    if (rc == -ETIME || rc == -EINTR || rc == -EAGAIN || rc == -EBUSY) {
        rc = 0; /* the last two: the kernel is short of room, and takes the rest next time */
    }
    return rc < 0 ? rc : 0;
}

static int64_t uring_get_now(struct coil__backend *backend)
{
    (void)backend;
    return coil__clock_now();
}

static void uring_wake(struct coil__backend *backend)
{
    coil__eventfd_wake(coil__uring_of(backend)->wake_fd);
}

static bool uring_has_work(struct coil__backend *backend)
{
    struct coil__uring *u = coil__uring_of(backend);

    return has_queued(u) || io_uring_sq_ready(&u->ring) > 0 || io_uring_cq_ready(&u->ring) > 0;
}

/* From the best set of flags to the plainest; older kernels refuse the ones they do not know. The
 * best one is not for a ring whose descriptor is polled: what is deferred wakes no poll. */
static int open_ring(struct io_uring *ring, bool is_polled, uint32_t *ret_file_calls)
{
    static const unsigned flag_sets[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    const unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL |
                            IORING_FEAT_RSRC_TAGS; /* 5.13: multishot poll */
    int rc = -EINVAL;

    for (size_t i = is_polled; i < sizeof flag_sets / sizeof *flag_sets && rc == -EINVAL; i++) {
        struct io_uring_params params = {.flags = flag_sets[i] | IORING_SETUP_CQSIZE |
                                                  IORING_SETUP_R_DISABLED,
                                         .cq_entries = CQ_ENTRIES};

        rc = io_uring_queue_init_params(SQ_ENTRIES, ring, &params);
        if (rc == 0 && (params.features & needed) != needed) {
            io_uring_queue_exit(ring);
            return -ENOSYS;
        }
    }
    if (rc == 0) {
        rc = coil__uring_probe_files(ring, ret_file_calls);
        if (rc < 0) {
            io_uring_queue_exit(ring);
        }
    }
    return rc;
}

/* From here on the ring is the calling thread's. Registering its descriptor saves a look-up for
 * each enter, and is not needed to work. */
static int start_ring(struct io_uring *ring)
{
    /* By hand: liburing 2.3 does not export its function for it. */
    if (syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0) {
        return -errno;
    }
    io_uring_register_ring_fd(ring);
    return 0;
}

static int uring_start(struct coil__backend *backend)
{
    return start_ring(&coil__uring_of(backend)->ring);
}

/* A ring that defers is exchanged for one that does not, which is possible while it is empty. (An
 * eventfd that is registered with it would be told, but not of what another eventfd has caused: of
 * that Linux 6.18 tells late the first time, and then never again.) */
static int uring_get_fd(struct coil__backend *backend)
{
    struct coil__uring *u = coil__uring_of(backend);
    struct io_uring plainer;
    int rc;

    if (!(u->ring.flags & IORING_SETUP_DEFER_TASKRUN)) {
        return u->ring.ring_fd;
    }
    if (coil__counter_get(&backend->in_flight) > 0) {
        return -COIL_EINVALIDSTATE;
    }
    rc = open_ring(&plainer, true, &backend->file_calls);
    if (rc < 0) {
        return rc;
    }
    rc = start_ring(&plainer);
    if (rc < 0) {
        io_uring_queue_exit(&plainer);
        return rc;
    }
    io_uring_queue_exit(&u->ring);
    u->ring = plainer;
    u->wake_armed = false; /* it was armed in the other one */
    coil__uring_forget_watches(u);
    return u->ring.ring_fd;
}

static void uring_close(struct coil__backend *backend, bool in_forked_child)
{
    struct coil__uring *u = coil__uring_of(backend);

    (void)in_forked_child; /* unmapping and closing the child's copies leaves the parent's alone */
    io_uring_queue_exit(&u->ring);
    coil__fd_table_free(&u->watches);
    close(u->wake_fd);
    coil__free(u);
}

static const struct coil__backend_class uring_class = {
    .name = "uring",
    .waits_for_files = true,
    .batches_calls = true,
    .submit = uring_submit,
    .cancel = uring_cancel,
    .wait = uring_wait,
    .get_now = uring_get_now,
    .wake = uring_wake,
    .get_fd = uring_get_fd,
    .start = uring_start,
    .has_work = uring_has_work,
    .adopt = coil__uring_adopt,
    .release = coil__uring_release,
    .close = uring_close,
};

int coil__uring_open(const struct coil__backend_config *config, struct coil__backend **ret_backend)
{
    struct coil__uring *u = coil__calloc(1, sizeof *u);
    int rc;

    (void)config;
    if (!u) {
        return -ENOMEM;
    }
    u->base.class = &uring_class;
    u->base.net = &coil__net_os;
    u->is_under_valgrind = coil__valgrind_is_there();
    coil__list_init(&u->backlog);
    coil__list_init(&u->cancels);
    coil__list_init(&u->unwatched);
    u->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (u->wake_fd < 0) {
        rc = -errno;
        goto fail;
    }
    rc = open_ring(&u->ring, u->is_under_valgrind, &u->base.file_calls);
    if (rc < 0) {
        close(u->wake_fd);
        goto fail;
    }
    *ret_backend = &u->base;
    return 0;
fail:
    coil__free(u);
    return rc;
}
