/* op.c - the public face of operations: fills the struct in, checks, and hands it to the backend.
 *
 * A backend may find an operation done at once. The public contract is that the callback comes
 * later: such an operation waits in the ready list, by its own link, for the next iteration.
 */
#include "loop/ledger.h"

#include <errno.h>
#include <limits.h>

static void prepare(struct coil_op *op, int kind, int fd, void *buf, size_t size)
{
    if (op && op->state_ == COIL__OP_IDLE && !op->loop_) {
        *op = (struct coil_op){
            .kind_ = (uint8_t)kind, .fd_ = fd, .buf_ = buf, .size_ = size, .offset_ = -1};
    }
}

static void set_flags(struct coil_op *op, int flags)
{
    if (op && !op->loop_) {
        op->flags_ = flags;
    }
}

static void set_offset(struct coil_op *op, int64_t offset)
{
    if (op && !op->loop_) {
        op->offset_ = offset;
    }
}

void coil_op_poll(struct coil_op *op, int fd, short events)
{
    prepare(op, COIL__OP_POLL, fd, NULL, 0);
    set_flags(op, events);
}

void coil_op_read(struct coil_op *op, int fd, void *buf, size_t size, int64_t offset)
{
    prepare(op, COIL__OP_READ, fd, buf, size);
    set_offset(op, offset);
}

void coil_op_write(struct coil_op *op, int fd, const void *buf, size_t size, int64_t offset)
{
    prepare(op, COIL__OP_WRITE, fd, (void *)(uintptr_t)buf, size);
    set_offset(op, offset);
}

void coil_op_readv(struct coil_op *op, int fd, const struct iovec *iov, int count, int64_t offset)
{
    prepare(op, COIL__OP_READV, fd, (void *)(uintptr_t)iov, (size_t)count);
    set_offset(op, offset);
}

void coil_op_writev(struct coil_op *op, int fd, const struct iovec *iov, int count, int64_t offset)
{
    prepare(op, COIL__OP_WRITEV, fd, (void *)(uintptr_t)iov, (size_t)count);
    set_offset(op, offset);
}

void coil_op_recv(struct coil_op *op, int fd, void *buf, size_t size, int flags)
{
    prepare(op, COIL__OP_RECV, fd, buf, size);
    set_flags(op, flags);
}

void coil_op_send(struct coil_op *op, int fd, const void *buf, size_t size, int flags)
{
    prepare(op, COIL__OP_SEND, fd, (void *)(uintptr_t)buf, size);
    set_flags(op, flags | MSG_DONTWAIT); /* whole: see sys/backend.h */
}

void coil_op_recvmsg(struct coil_op *op, int fd, struct msghdr *msg, int flags)
{
    prepare(op, COIL__OP_RECVMSG, fd, msg, 0);
    set_flags(op, flags);
}

void coil_op_sendmsg(struct coil_op *op, int fd, const struct msghdr *msg, int flags)
{
    prepare(op, COIL__OP_SENDMSG, fd, (void *)(uintptr_t)msg, 0);
    set_flags(op, flags | MSG_DONTWAIT); /* whole: see sys/backend.h */
}

void coil_op_accept(struct coil_op *op, int fd, struct sockaddr *addr, socklen_t *addr_size,
                    int flags)
{
    prepare(op, COIL__OP_ACCEPT, fd, addr, 0);
    set_flags(op, flags);
    set_offset(op, (int64_t)(intptr_t)addr_size);
}

void coil_op_connect(struct coil_op *op, int fd, const struct sockaddr *addr, socklen_t addr_size)
{
    prepare(op, COIL__OP_CONNECT, fd, (void *)(uintptr_t)addr, addr_size);
}

static bool is_prepared(const struct coil_op *op)
{
    bool is_vector = op->kind_ == COIL__OP_READV || op->kind_ == COIL__OP_WRITEV;

    if (op->kind_ == COIL__OP_NONE || op->loop_ || (is_vector && op->size_ > IOV_MAX)) {
        return false;
    }
    return op->buf_ || op->size_ == 0;
}

static void complete_later(struct coil__list *link)
{
    struct coil_op *op = COIL__CONTAINER(link, struct coil_op, link_);

    coil__op_complete(op, op->result);
}

/* Stands for an operation that was done at once: the loop runs all of them in order. */
static void run_done(struct coil__ready *ready)
{
    struct coil_loop *loop = COIL__CONTAINER(ready, struct coil_loop, done_runner);
    struct coil__list list;
    struct coil__list *link;

    coil__list_init(&list);
    coil__list_splice_tail(&list, &loop->done_ops);
    while ((link = coil__list_pop_head(&list))) {
        complete_later(link);
    }
}

static void on_completion(struct coil_op *op)
{
    coil__list_remove(&op->user_link_);
    coil__note_closed(coil__thread.loop, COIL__OPENED_OP, op);
    op->user_callback_(op);
}

int coil__op_submit(struct coil_loop *loop, struct coil_op *op, coil_op_callback callback)
{
    int rc = coil__loop_check(loop);

    if (rc < 0) {
        return rc;
    }
    if (!op || !callback || !is_prepared(op)) {
        return coil__misuse_told(-EINVAL, "an operation was submitted that is NULL, not prepared "
                                          "or submitted already, or that has no callback");
    }
    if (loop->is_closing) {
        return -COIL_ECLOSED;
    }
    op->user_callback_ = callback;
    rc = coil__op_start(loop, op, on_completion);
    if (rc < 0) {
        return rc;
    }
    coil__list_push_tail(&loop->user_ops, &op->user_link_);
    if (rc == 0) {
        return 0;
    }
    op->loop_ = loop;
    if (coil__list_is_empty(&loop->done_ops)) {
        loop->done_runner.run = run_done;
        coil__loop_push(loop, &loop->done_runner);
    }
    coil__list_push_tail(&loop->done_ops, &op->link_);
    return 0;
}

int coil_op_submit(struct coil_loop *loop, struct coil_op *op, coil_op_callback callback)
{
    int rc = coil__op_submit(loop, op, callback);

    if (rc == 0) {
        coil__note_open(loop, COIL__OPENED_OP, op);
    }
    return rc;
}

int coil_op_cancel(struct coil_op *op)
{
    int rc;

    if (!op) {
        return -EINVAL;
    }
    if (!op->loop_) {
        return -COIL_EINVALIDSTATE;
    }
    rc = coil__loop_check(op->loop_);
    if (rc == 0 && op->state_ != COIL__OP_IDLE) {
        coil__op_request_cancel(op);
    }
    return rc;
}

bool coil_op_is_pending(const struct coil_op *op)
{
    return op && op->loop_;
}

void coil__ops_end(struct coil_loop *loop)
{
    if (coil__list_is_empty(&loop->user_ops) || coil__loop_enter(loop) < 0) {
        return; /* the latter cannot be: coil_loop_free has seen to it */
    }
    COIL__LIST_FOREACH_SAFE(&loop->user_ops, link) {
        struct coil_op *op = COIL__CONTAINER(link, struct coil_op, user_link_);

        if (op->state_ != COIL__OP_IDLE) {
            coil__op_request_cancel(op);
        }
    }
    while (!coil__list_is_empty(&loop->user_ops) && coil__loop_iterate(loop, COIL_NEVER) == 0) {
    }
    coil__loop_leave(loop);
}
