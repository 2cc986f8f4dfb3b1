/* uring_watch.c - adopted descriptors of the io_uring backend.
 *
 * Who waits for a descriptor to become readable, again and again, takes no entry each time: one
 * poll (multishot) stays with the kernel from the second wait until release, and tells of each
 * change, as an edge. (Many a connection sees one wait only, and who merely receives is served
 * best by the entry that does it.) Operations stand in `ops` of the watch meanwhile, in state
 * QUEUED. Only those come here that have just come up short (COIL__EXPECT_WAIT), and of an edge
 * that nobody waited for it is not known whether it came before that: it is worth a look, and no
 * more.
 *
 * After the edge of the peer's end there will be no other one; a receive ends before urgent data,
 * and no edge tells of what stands behind; and the kernel may end a poll early (it is short of
 * memory, or its queue is full): operations get entries of their own then.
 *
 * What many edges tell of, and nobody waits for, need not wake the loop each time: after some of
 * them the poll is taken back, and the next wait asks for a new one.
 *
 * The poll holds the file open. So release makes the kernel let go of it at once: the close that
 * follows is the last one, and the peer hears of it.
 */
#include "sys/uring.h"

/* So many edges that nobody waited for are heard, and then no more. */
enum { MAX_UNHEARD = 8 };

struct watch {
    struct coil__list ops;  /* of coil_op.link_; the head is initialised on first use */
    struct coil__list link; /* in u->unwatched */
    int fd;
    uint32_t generation; /* of the poll: what earlier ones of this number still tell is not heard */
    bool is_adopted;
    bool has_polled;  /* somebody has waited for it by an entry of his own */
    bool is_armed;    /* the kernel polls */
    bool is_told;     /* an edge came while nobody waited */
    bool has_hung_up; /* the edge of the peer's end came, or one of urgent data */
    bool is_leaving;  /* a poll was taken back, and the kernel may not know of it yet */
    uint8_t unheard;  /* edges since somebody waited */
};

enum { HUNG_UP = POLLRDHUP | POLLHUP | POLLERR | POLLPRI, FD_SHIFT = 3, GENERATION_SHIFT = 34 };

static uint64_t data_of(const struct watch *watch)
{
    return (uint64_t)watch->generation << GENERATION_SHIFT | (uint64_t)watch->fd << FD_SHIFT |
           COIL__URING_WATCH_BIT;
}

static struct watch *find(const struct coil__uring *u, int fd)
{
    return coil__fd_table_find(&u->watches, fd, sizeof(struct watch));
}

int coil__uring_adopt(struct coil__backend *backend, int fd)
{
    struct coil__uring *u = coil__uring_of(backend);
    struct watch *watch;
    void *place;
    int rc = coil__fd_table_get(&u->watches, fd, sizeof *watch, &place);

    if (rc < 0) {
        return rc;
    }
    watch = place;
    if (!watch->ops.next) {
        coil__list_init(&watch->ops);
        watch->fd = fd;
    }
    watch->is_adopted = true;
    watch->has_polled = false;
    watch->is_armed = false;
    watch->is_told = false;
    watch->has_hung_up = false;
    watch->is_leaving = false;
    watch->unheard = 0;
    return 0;
}

static bool send_unwatch(struct coil__uring *u, const struct watch *watch)
{
    struct io_uring_sqe *sqe = coil__uring_get_sqe(u);

    if (!sqe) {
        return false;
    }
    io_uring_prep_cancel64(sqe, data_of(watch), 0);
    io_uring_sqe_set_data64(sqe, COIL__URING_IGNORE);
    return true;
}

void coil__uring_release(struct coil__backend *backend, int fd)
{
    struct coil__uring *u = coil__uring_of(backend);
    struct watch *watch = find(u, fd);

    if (!watch || !watch->is_adopted) {
        return;
    }
    watch->is_adopted = false;
    if (!watch->is_armed) {
        if (watch->is_leaving) {
            io_uring_submit_and_get_events(&u->ring);
        }
        return;
    }
    watch->is_armed = false;
    if (send_unwatch(u, watch)) {
        io_uring_submit_and_get_events(&u->ring);
    } else {
        coil__list_push_tail(&u->unwatched, &watch->link);
    }
}

void coil__uring_flush_unwatched(struct coil__uring *u)
{
    COIL__LIST_FOREACH_SAFE(&u->unwatched, link) {
        if (!send_unwatch(u, COIL__CONTAINER(link, struct watch, link))) {
            return;
        }
        coil__list_remove(link);
    }
}

void coil__uring_forget_watches(struct coil__uring *u)
{
    struct coil__list *link;

    while ((link = coil__list_pop_head(&u->unwatched))) {
    }
    for (size_t chunk = 0; chunk < u->watches.count; chunk++) {
        struct watch *watches = u->watches.chunks[chunk];

        for (size_t i = 0; watches && i < COIL__FD_CHUNK; i++) {
            watches[i].is_armed = false;
        }
    }
}

static bool arm(struct coil__uring *u, struct watch *watch)
{
    /* Not while an earlier poll of this number is still to be ended, by its generation. */
    struct io_uring_sqe *sqe = coil__list_is_linked(&watch->link) ? NULL : coil__uring_get_sqe(u);

    if (!sqe) {
        return false;
    }
    watch->generation = (watch->generation + 1) & ((UINT32_C(1) << (64 - GENERATION_SHIFT)) - 1);
    io_uring_prep_poll_multishot(sqe, watch->fd, POLLIN | POLLPRI | POLLRDHUP);
    io_uring_sqe_set_data64(sqe, data_of(watch));
    watch->is_armed = true;
    watch->is_told = false;
    watch->is_leaving = false;
    return true;
}

/* What an operation waits for is there: its result, or -EAGAIN after all. */
static ssize_t serve(struct coil__uring *u, struct coil_op *op, int events)
{
    return op->kind_ == COIL__OP_POLL ? coil__uring_asked_events(op, events)
                                      : coil__os_attempt(&u->base, op);
}

int coil__uring_watch(struct coil__uring *u, struct coil_op *op)
{
    bool is_poll = op->kind_ == COIL__OP_POLL;
    struct watch *watch = find(u, op->fd_);

    if (!watch || !watch->is_adopted || watch->has_hung_up) {
        return -EAGAIN;
    }
    watch->unheard = 0;
    if (!watch->is_armed && !(watch->has_polled && is_poll && arm(u, watch))) {
        watch->has_polled |= is_poll;
        return -EAGAIN;
    }
    if (watch->is_told && coil__list_is_empty(&watch->ops)) {
        watch->is_told = false;
        op->result = coil__os_attempt(&u->base, op);
        if (op->result != -EAGAIN) {
            return 1;
        }
    }
    op->state_ = COIL__OP_QUEUED;
    coil__list_push_tail(&watch->ops, &op->link_);
    coil__counter_add(&u->base.in_flight, 1);
    return 0;
}

/* Receives are served in order; polls take nothing from them. */
static void serve_all(struct coil__uring *u, struct watch *watch, int events)
{
    struct coil__list list;
    struct coil__list *link;
    bool is_stuck = false;

    coil__list_init(&list);
    coil__list_splice_tail(&list, &watch->ops);
    while ((link = coil__list_pop_head(&list))) {
        struct coil_op *op = COIL__CONTAINER(link, struct coil_op, link_);
        ssize_t result = is_stuck && op->kind_ != COIL__OP_POLL ? -EAGAIN : serve(u, op, events);

        if (result == -EAGAIN) {
            is_stuck = true;
            coil__list_push_tail(&watch->ops, link);
        } else {
            coil__counter_add(&u->base.in_flight, -1);
            coil__op_complete(op, result);
        }
    }
}

void coil__uring_on_watch(struct coil__uring *u, const struct io_uring_cqe *cqe)
{
    int fd = (int)(cqe->user_data >> FD_SHIFT & INT32_MAX);
    struct watch *watch = find(u, fd);
    struct coil__list *link;

    if (!watch || !watch->is_armed || data_of(watch) != cqe->user_data) {
        return;
    }
    watch->is_armed = cqe->flags & IORING_CQE_F_MORE;
    watch->has_hung_up |= cqe->res > 0 && cqe->res & HUNG_UP;
    watch->is_told = coil__list_is_empty(&watch->ops);
    if (cqe->res > 0) {
        serve_all(u, watch, cqe->res);
    }
    while (!watch->is_armed && (link = coil__list_pop_head(&watch->ops))) {
        coil__uring_issue(u, COIL__CONTAINER(link, struct coil_op, link_));
    }
    if (watch->is_told && watch->is_armed && ++watch->unheard >= MAX_UNHEARD &&
        send_unwatch(u, watch)) {
        watch->is_armed = false;
        watch->is_told = false;
        watch->is_leaving = true;
        watch->unheard = 0;
    }
}
