/* backend_epoll.c - the epoll backend: readiness from the kernel, the calls made here.
 *
 * A table, indexed by descriptor, holds the operations that wait on each. Two kinds of entry:
 *   - plain: whoever owns the descriptor may close it at any time behind our back, so the kernel
 *     is asked anew for each wait (EPOLLONESHOT, re-armed by EPOLL_CTL_MOD; a descriptor that was
 *     closed and opened again is noticed by ENOENT and added). What it was asked for a wait that
 *     was cancelled stays asked;
 *   - adopted: it is closed only after `release`, so it is registered once, edge-triggered in
 *     both directions, and readiness is remembered here until a call comes up short. If much
 *     comes in that nobody reads, the kernel is asked to be silent about that until somebody waits.
 * Operations of one direction are served in order. Descriptors that epoll refuses (regular files)
 * are always ready: their calls are made at once.
 *
 * The kernel registers open files, and a file may outlive its number (a dup, a child): then it goes
 * on telling of a number that stands for something else by now, and there is no way to take that
 * back. So each question has a generation, which comes back with the answer; an answer to any but
 * the last question of its number is not heard. (One that nobody waits for any more comes once at
 * most, which is why a cancel asks the kernel for nothing.) And who else has the file may be
 * quicker: a call on a plain descriptor that might wait is made only after a look.
 */
#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "sys/backend.h"
#include "sys/clock.h"
#include "sys/fd_table.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MAX_EVENTS = 512, READ_SIDE = 0, WRITE_SIDE = 1 };

/* So many edges of an adopted descriptor that nobody reads are heard, and then no more. */
enum { MAX_UNHEARD = 8 };

/* What is asked of the kernel about an adopted descriptor; and while it is muted. */
#define MUTED_EVENTS ((uint32_t)(EPOLLOUT | EPOLLRDHUP | EPOLLET))
#define ADOPTED_EVENTS ((uint32_t)(EPOLLIN | EPOLLPRI) | MUTED_EVENTS)

/* The poll events that make a side ready. */
#define READ_EVENTS (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)
#define WRITE_EVENTS (EPOLLOUT | EPOLLHUP | EPOLLERR)

struct entry {
    struct coil__list ops[2]; /* of coil_op.link_, by side; heads are initialised on first use */
    uint32_t generation;      /* of the last question asked of the kernel: see above */
    bool is_used;             /* the heads are initialised */
    bool is_adopted;
    bool is_ready[2]; /* adopted: an edge came and no call has come up short since */
    bool has_hung_up; /* adopted: the edge of the peer's end came: there will be no other one; or
                         one of urgent data, before which a receive ends, whatever is behind */
    bool is_muted;    /* adopted: nothing is told of what comes in */
    uint8_t unheard;  /* adopted: edges of what came in since somebody waited */
};

struct epoll {
    struct coil__backend base;
    struct coil__net_class net; /* the system's, but for attempt */
    int fd;
    int wake_fd;
    struct coil__fd_table entries; /* of struct entry */
    struct coil__list done;        /* of coil_op.link_: finished or cancelled, completed by wait */
};

static struct epoll *epoll_of(struct coil__backend *backend)
{
    return COIL__CONTAINER(backend, struct epoll, base);
}

static struct coil_op *op_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct coil_op, link_);
}

static struct entry *find_entry(const struct epoll *e, int fd)
{
    return coil__fd_table_find(&e->entries, fd, sizeof(struct entry));
}

/* The entry of fd, made if need be. */
static int get_entry(struct epoll *e, int fd, struct entry **ret_entry)
{
    struct entry *entry;
    void *place;
    int rc = coil__fd_table_get(&e->entries, fd, sizeof *entry, &place);

    if (rc < 0) {
        return rc;
    }
    entry = place;
    if (!entry->is_used) {
        coil__list_init(&entry->ops[READ_SIDE]);
        coil__list_init(&entry->ops[WRITE_SIDE]);
        entry->is_used = true;
    }
    *ret_entry = entry;
    return 0;
}

static int side_of(const struct coil_op *op)
{
    switch (op->kind_) {
    case COIL__OP_POLL:
        return op->flags_ & POLLOUT && !(op->flags_ & (POLLIN | POLLPRI)) ? WRITE_SIDE : READ_SIDE;
    case COIL__OP_WRITE:
    case COIL__OP_WRITEV:
    case COIL__OP_SEND:
    case COIL__OP_SENDMSG:
    case COIL__OP_CONNECT:
        return WRITE_SIDE;
    default:
        return READ_SIDE;
    }
}

static uint32_t events_of(const struct coil_op *op)
{
    if (op->kind_ == COIL__OP_POLL) {
        return (uint32_t)op->flags_ & (EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLRDNORM |
                                       EPOLLRDBAND | EPOLLWRNORM | EPOLLWRBAND);
    }
    return side_of(op) == WRITE_SIDE ? EPOLLOUT : EPOLLIN;
}

static uint32_t wanted_events(const struct entry *entry)
{
    uint32_t events = 0;

    for (int side = READ_SIDE; side <= WRITE_SIDE; side++) {
        COIL__LIST_FOREACH(&entry->ops[side], link) {
            events |= events_of(op_of(link));
        }
    }
    return events;
}

static int control(struct epoll *e, int what, int fd, uint32_t events, uint32_t generation)
{
    struct epoll_event event = {
        .events = events,
        .data.u64 = (uint64_t)generation << 32 | (uint32_t)fd,
    };

    return epoll_ctl(e->fd, what, fd, &event) < 0 ? -errno : 0;
}

/* Asks the kernel for `events` in a new generation. is_new: the descriptor is not registered, as
 * far as is known; either guess may be wrong. After a failure what was asked before stands. */
static int ask(struct epoll *e, struct entry *entry, int fd, uint32_t events, bool is_new)
{
    uint32_t generation = entry->generation + 1;
    int rc = control(e, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, events, generation);

    if (rc == (is_new ? -EEXIST : -ENOENT)) {
        rc = control(e, is_new ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, events, generation);
    }
    if (rc == 0) {
        entry->generation = generation;
    }
    return rc;
}

/* Asks the kernel for one report of `events` on a plain descriptor. */
static int arm(struct epoll *e, struct entry *entry, int fd, uint32_t events)
{
    return ask(e, entry, fd, events | EPOLLONESHOT, false);
}

/* What a call has told about its side: one that came up short has emptied (or filled) it, and the
 * next edge will tell when that changes, if there is one to come. */
static void note_result(struct entry *entry, const struct coil_op *op, ssize_t result)
{
    bool moves_bytes = op->kind_ == COIL__OP_RECV || op->kind_ == COIL__OP_SEND;

    if (result == -EAGAIN) {
        entry->is_ready[side_of(op)] = false;
    } else if (moves_bytes && result > 0 && (size_t)result < op->size_) {
        entry->is_ready[side_of(op)] = entry->has_hung_up;
    }
}

/* A call made ahead of any wait. */
static ssize_t epoll_attempt(struct coil__backend *backend, struct coil_op *op)
{
    ssize_t result = coil__os_attempt(backend, op);
    struct entry *entry = find_entry(epoll_of(backend), op->fd_);

    if (entry) {
        note_result(entry, op, result);
    }
    return result;
}

/* Makes the call of an operation whose side is ready. Returns false when it must wait on. */
static bool try_op(struct epoll *e, struct entry *entry, struct coil_op *op)
{
    op->result = coil__os_attempt(&e->base, op);
    note_result(entry, op, op->result);
    return op->result != -EAGAIN;
}

/* Regular files: epoll does not take them. Their calls wait for the disk, and for nobody else; who
 * has a better place to wait has set COIL__NO_FILES. */
static int do_at_once(struct epoll *e, struct coil_op *op)
{
    ssize_t result = op->flags_ & COIL__NO_FILES ? COIL__IS_FILE : coil__os_attempt(&e->base, op);

    if (result == -EAGAIN) {
        result = op->kind_ == COIL__OP_POLL ? 0 : coil__os_call(op);
    }
    op->result = result;
    return 1;
}

/* Tells what is there, too. */
static int unmute(struct epoll *e, struct entry *entry, int fd)
{
    int rc = ask(e, entry, fd, ADOPTED_EVENTS, false);

    entry->is_muted = rc < 0;
    return rc;
}

static int submit_adopted(struct epoll *e, struct entry *entry, struct coil_op *op)
{
    int side = side_of(op);
    bool is_first = coil__list_is_empty(&entry->ops[side]);
    bool is_new_poll = op->kind_ == COIL__OP_POLL && !(op->flags_ & COIL__EXPECT_WAIT);

    if (side == READ_SIDE) {
        entry->unheard = 0;
    }
    if (is_first && (entry->is_ready[side] || is_new_poll) && try_op(e, entry, op)) {
        return 1;
    }
    if (side == READ_SIDE && COIL__UNLIKELY(entry->is_muted)) {
        int rc = unmute(e, entry, op->fd_);

        if (rc < 0) {
            return rc;
        }
    }
    coil__list_push_tail(&entry->ops[side], &op->link_);
    op->state_ = COIL__OP_PENDING;
    coil__counter_add(&e->base.in_flight, 1);
    return 0;
}

static int epoll_submit(struct coil__backend *backend, struct coil_op *op)
{
    struct epoll *e = epoll_of(backend);
    struct entry *entry;
    int rc;

    if (op->fd_ < 0) {
        return -EBADF;
    }
    rc = get_entry(e, op->fd_, &entry);
    if (rc < 0) {
        return rc;
    }
    if (entry->is_adopted) {
        return submit_adopted(e, entry, op);
    }
    if (op->kind_ == COIL__OP_CONNECT) {
        ssize_t result =
            coil__os_attempt(backend, op); /* a connect must be begun to be waited for */

        if (result != -EAGAIN) {
            op->result = result;
            return 1;
        }
    }
    coil__list_push_tail(&entry->ops[side_of(op)], &op->link_);
    rc = arm(e, entry, op->fd_, wanted_events(entry));
    if (rc < 0) {
        coil__list_remove(&op->link_);
        return rc == -EPERM ? do_at_once(e, op) : rc;
    }
    op->state_ = COIL__OP_PENDING;
    coil__counter_add(&e->base.in_flight, 1);
    return 0;
}

static void finish_later(struct epoll *e, struct coil_op *op, ssize_t result)
{
    coil__list_remove(&op->link_);
    op->result = result;
    op->state_ = COIL__OP_CANCELLING; /* it is decided: a cancel comes too late */
    coil__list_push_tail(&e->done, &op->link_);
}

static void epoll_cancel(struct coil__backend *backend, struct coil_op *op)
{
    if (op->state_ != COIL__OP_PENDING) {
        return;
    }
    finish_later(epoll_of(backend), op, -ECANCELED);
}

/* A read or write on a blocking descriptor may be made only if it is ready still: somebody else may
 * have been served since the kernel said so. */
static bool could_block(const struct coil_op *op)
{
    struct coil_op poll = {.kind_ = COIL__OP_POLL, .fd_ = op->fd_, .flags_ = (int)events_of(op)};

    switch (op->kind_) {
    case COIL__OP_READ:
    case COIL__OP_WRITE:
    case COIL__OP_READV:
    case COIL__OP_WRITEV:
    case COIL__OP_ACCEPT:
        return coil__os_attempt(NULL, &poll) < 0;
    default:
        return false;
    }
}

/* Serves one side of a descriptor in order, as far as the calls succeed. A poll for both directions
 * stands on the read side, and listens to the events of both. */
static void serve_side(struct epoll *e, struct entry *entry, int side, uint32_t events)
{
    uint32_t events_of_side = side == READ_SIDE ? READ_EVENTS : WRITE_EVENTS;
    bool is_sure = entry->is_adopted; /* nobody else is served between the answer and the call */
    bool is_stuck = false;

    COIL__LIST_FOREACH_SAFE(&entry->ops[side], link) {
        struct coil_op *op = op_of(link);

        if (op->kind_ == COIL__OP_POLL) {
            uint32_t wanted = (uint32_t)op->flags_ | EPOLLERR | EPOLLHUP;

            if (events & wanted) {
                finish_later(e, op, (ssize_t)(events & wanted));
            }
        } else if (!is_stuck && events & events_of_side && (is_sure || !could_block(op)) &&
                   try_op(e, entry, op)) {
            finish_later(e, op, op->result);
            is_sure = false;
        } else {
            is_stuck = true; /* those behind it wait their turn; polls take nothing from it */
        }
    }
}

/* Something has come in. A peer that sends many small pieces to somebody who does not read would
 * wake the loop for each. */
static void count_unheard(struct epoll *e, struct entry *entry, int fd)
{
    if (entry->is_adopted && !entry->is_muted && !entry->has_hung_up &&
        ++entry->unheard == MAX_UNHEARD) {
        entry->unheard = 0;
        entry->is_muted = ask(e, entry, fd, MUTED_EVENTS, false) == 0;
    }
}

static void dispatch(struct epoll *e, int fd, uint32_t generation, uint32_t events)
{
    struct entry *entry = find_entry(e, fd);

    if (!entry || entry->generation != generation) {
        return;
    }
    entry->is_ready[READ_SIDE] |= (events & READ_EVENTS) != 0;
    entry->is_ready[WRITE_SIDE] |= (events & WRITE_EVENTS) != 0;
    entry->has_hung_up |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0;
    if (COIL__UNLIKELY(events & EPOLLIN && coil__list_is_empty(&entry->ops[READ_SIDE]))) {
        count_unheard(e, entry, fd);
    }
    serve_side(e, entry, READ_SIDE, events);
    serve_side(e, entry, WRITE_SIDE, events);
    if (!entry->is_adopted) {
        uint32_t wanted = wanted_events(entry);
        int rc = wanted ? arm(e, entry, fd, wanted) : 0;

        for (int side = READ_SIDE; rc < 0 && side <= WRITE_SIDE; side++) {
            COIL__LIST_FOREACH_SAFE(&entry->ops[side], link) {
                finish_later(e, op_of(link), rc);
            }
        }
    }
}

static void complete_done(struct epoll *e)
{
    struct coil__list list;
    struct coil__list *link;

    coil__list_init(&list);
    coil__list_splice_tail(&list, &e->done);
    while ((link = coil__list_pop_head(&list))) {
        struct coil_op *op = op_of(link);

        coil__counter_add(&e->base.in_flight, -1);
        coil__op_complete(op, op->result);
    }
}

/* epoll_wait counts in milliseconds: rounds up, so that a timer is due when it returns. */
static int milliseconds(int64_t timeout_ns)
{
    int64_t ms;

    if (timeout_ns == COIL_NEVER) {
        return -1;
    }
    ms = timeout_ns / COIL_MSEC + (timeout_ns % COIL_MSEC != 0);
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static int wait_for_events(struct epoll *e, struct epoll_event *events, int64_t timeout_ns)
{
    int count;

    if (timeout_ns > 0 && timeout_ns < 100 * COIL_MSEC) {
        struct timespec ts = {.tv_nsec = (long)timeout_ns};

        count = epoll_pwait2(e->fd, events, MAX_EVENTS, &ts, NULL);
        if (count >= 0 || errno != ENOSYS) {
            return count < 0 ? -errno : count;
        }
    }
    count = epoll_wait(e->fd, events, MAX_EVENTS, milliseconds(timeout_ns));
    return count < 0 ? -errno : count;
}

static int epoll_wait_(struct coil__backend *backend, int64_t timeout_ns)
{
    struct epoll *e = epoll_of(backend);
    struct epoll_event events[MAX_EVENTS];
    int count = wait_for_events(e, events, coil__list_is_empty(&e->done) ? timeout_ns : 0);

    for (int i = 0; i < count; i++) {
        uint64_t data = events[i].data.u64;
        int fd = (int)(uint32_t)data;

        if (fd != e->wake_fd) { /* edge-triggered: nothing to read there */
            dispatch(e, fd, (uint32_t)(data >> 32), events[i].events);
        }
    }
    complete_done(e);
    return count < 0 && count != -EINTR ? count : 0;
}

static int64_t epoll_get_now(struct coil__backend *backend)
{
    (void)backend;
    return coil__clock_now();
}

static void epoll_wake(struct coil__backend *backend)
{
    coil__eventfd_wake(epoll_of(backend)->wake_fd);
}

static bool epoll_has_work(struct coil__backend *backend)
{
    return !coil__list_is_empty(&epoll_of(backend)->done);
}

static int epoll_get_fd(struct coil__backend *backend)
{
    return epoll_of(backend)->fd;
}

static int epoll_adopt(struct coil__backend *backend, int fd)
{
    struct epoll *e = epoll_of(backend);
    struct entry *entry;
    int rc = get_entry(e, fd, &entry);

    if (rc < 0) {
        return rc;
    }
    rc = ask(e, entry, fd, ADOPTED_EVENTS, true);
    if (rc == 0) {
        entry->is_adopted = true;
        entry->is_ready[READ_SIDE] = false;
        entry->is_ready[WRITE_SIDE] = false;
        entry->has_hung_up = false;
        entry->is_muted = false;
        entry->unheard = 0;
    }
    return rc;
}

static void epoll_release(struct coil__backend *backend, int fd)
{
    struct epoll *e = epoll_of(backend);
    struct entry *entry = find_entry(e, fd);

    if (entry && entry->is_adopted) {
        entry->is_adopted = false;
        control(e, EPOLL_CTL_DEL, fd, 0, 0);
    }
}

static void epoll_close(struct coil__backend *backend, bool in_forked_child)
{
    struct epoll *e = epoll_of(backend);

    (void)in_forked_child; /* closing the child's copies leaves the parent's registrations alone */
    coil__fd_table_free(&e->entries);
    close(e->wake_fd);
    close(e->fd);
    coil__free(e);
}

static const struct coil__backend_class epoll_class = {
    .name = "epoll",
    .submit = epoll_submit,
    .cancel = epoll_cancel,
    .wait = epoll_wait_,
    .get_now = epoll_get_now,
    .wake = epoll_wake,
    .get_fd = epoll_get_fd,
    .has_work = epoll_has_work,
    .adopt = epoll_adopt,
    .release = epoll_release,
    .close = epoll_close,
};

int coil__epoll_open(const struct coil__backend_config *config, struct coil__backend **ret_backend)
{
    struct epoll *e = coil__calloc(1, sizeof *e);
    int rc;

    (void)config;
    if (!e) {
        return -ENOMEM;
    }
    e->base.class = &epoll_class;
    e->net = coil__net_os;
    e->net.attempt = epoll_attempt;
    e->base.net = &e->net;
    coil__list_init(&e->done);
    e->fd = epoll_create1(EPOLL_CLOEXEC);
    e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = e->fd < 0 || e->wake_fd < 0 ? -errno
                                     : control(e, EPOLL_CTL_ADD, e->wake_fd, EPOLLIN | EPOLLET, 0);
    if (rc < 0) {
        if (e->fd >= 0) {
            close(e->fd);
        }
        if (e->wake_fd >= 0) {
            close(e->wake_fd);
        }
        coil__free(e);
        return rc;
    }
    *ret_backend = &e->base;
    return 0;
}
