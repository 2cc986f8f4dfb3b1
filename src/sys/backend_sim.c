/* backend_sim.c - the simulated backend: a virtual clock, an in-memory network, one seed.
 *
 * Operations on simulated sockets (descriptors from COIL__SIM_FD_BASE) are carried out by the
 * sim_*.c files; those on real descriptors by the system, after poll(2). A seed decides what is
 * nobody's to decide: whether submit finds an operation done at once, in which order sockets are
 * served and completions delivered, who wins when a cancel meets an operation that could be done.
 *
 * The clock moves only in wait, and only when nothing can be completed:
 *   - it jumps to the next arrival of a packet or to the end of the time limit;
 *   - while jobs run in threads (`external`), wait sleeps in real time until a wake, for as long
 *     as the jump would be, and the clock moves by the real time that passed;
 *   - with neither a limit nor a packet under way only another thread or a real descriptor can
 *     end the wait: it blocks, and the clock stands still;
 *   - a guard (struct coil__sim_guard) bounds a test: when nothing is left to happen before its
 *     horizon, or the clock has not moved in very many waits, it jumps there.
 * Operations on real descriptors are polled without waiting before each jump: a limit passes at
 * once, although the other end of a pipe might have answered within it. Whoever wants real time
 * for it counts it in `external`.
 *
 * Invariants:
 *   - a waiting operation stands in its socket's list or in real_ops, in order of submission, also
 *     after a cancel: nothing overtakes an operation of the same side;
 *   - one that is finished stands in `done`, in state CANCELLING: a cancel no longer concerns it;
 *   - a socket with an operation that may be able to go on stands in `touched`.
 * Wait allocates nothing itself, and cannot fail for want of memory.
 */
#include "base/memory.h"
#include "sys/clock.h"
#include "sys/sim.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MILLION = 1000000 };

#define FIRST_INSTANT (1 * COIL_SEC)
/* A limit from here on (146 years) counts as none. */
#define NO_LIMIT (COIL_NEVER / 2)

static uint64_t sim_draw(struct coil__backend *backend, uint64_t bound)
{
    return coil__sim_random_below(&coil__sim_of(backend)->order, bound);
}

static bool flip_coin(struct coil__sim *sim)
{
    return coil__sim_random_next(&sim->order) >> 63;
}

bool coil__sim_happens(struct coil__sim *sim, uint32_t chance, uint64_t *count)
{
    bool happens = chance > 0 && coil__sim_random_below(&sim->chance, MILLION) < chance;

    *count += happens;
    return happens;
}

/* Sorts by random numbers, bit by bit from the lowest: each pass parts the list in two. Enough
 * bits that a tie, which would keep the old order, is rare. */
static void shuffle(struct coil__sim *sim, struct coil__list *list)
{
    unsigned passes = 4;
    size_t count = 0;

    COIL__LIST_FOREACH(list, node) {
        count++;
    }
    if (count < 2) {
        return;
    }
    for (; count > 1; count /= 2) {
        passes += 2;
    }
    while (passes-- > 0) {
        struct coil__list halves[2];
        struct coil__list *link;

        coil__list_init(&halves[0]);
        coil__list_init(&halves[1]);
        while ((link = coil__list_pop_head(list))) {
            coil__list_push_tail(&halves[flip_coin(sim)], link);
        }
        coil__list_splice_tail(list, &halves[0]);
        coil__list_splice_tail(list, &halves[1]);
    }
}

static int side_of(const struct coil_op *op)
{
    switch (op->kind_) {
    case COIL__OP_POLL:
        return COIL__SIM_POLLERS;
    case COIL__OP_WRITE:
    case COIL__OP_WRITEV:
    case COIL__OP_SEND:
    case COIL__OP_SENDMSG:
    case COIL__OP_CONNECT:
        return COIL__SIM_WRITERS;
    default:
        return COIL__SIM_READERS;
    }
}

void coil__sim_touch(struct coil__sim *sim, struct coil__sim_socket *socket)
{
    if (coil__list_is_linked(&socket->touched_link)) {
        return;
    }
    for (int side = 0; side < COIL__SIM_SIDES; side++) {
        if (!coil__list_is_empty(&socket->ops[side])) {
            coil__list_push_tail(&sim->touched, &socket->touched_link);
            return;
        }
    }
}

void coil__sim_finish(struct coil__sim *sim, struct coil_op *op, ssize_t result)
{
    coil__list_remove(&op->link_);
    op->result = result;
    op->state_ = COIL__OP_CANCELLING;
    coil__list_push_tail(&sim->done, &op->link_);
}

/* ---- submit and cancel ---- */

static void enqueue(struct coil__sim *sim, struct coil_op *op, struct coil__list *list)
{
    coil__list_push_tail(list, &op->link_);
    op->state_ = COIL__OP_PENDING;
    coil__counter_add(&sim->base.in_flight, 1);
}

static int reserve_polls(struct coil__sim *sim, size_t count)
{
    size_t capacity = sim->poll_capacity;
    struct pollfd *polls;

    if (count <= capacity) {
        return 0;
    }
    while (capacity < count) {
        capacity = capacity ? capacity * 2 : 8;
    }
    polls = coil__realloc_array(sim->polls, capacity, sizeof *polls);
    if (!polls) {
        return -ENOMEM;
    }
    sim->polls = polls;
    sim->poll_capacity = capacity;
    return 0;
}

static int submit_real(struct coil__sim *sim, struct coil_op *op)
{
    int rc = reserve_polls(sim, sim->real_count + 2);

    if (rc < 0) {
        return rc;
    }
    if (op->kind_ == COIL__OP_CONNECT) {
        ssize_t result = coil__os_attempt(&sim->base, op); /* begun, so that it can be polled */

        if (result != -EAGAIN) {
            op->result = result;
            return 1;
        }
    }
    sim->real_count++;
    enqueue(sim, op, &sim->real_ops);
    return 0;
}

static int sim_submit(struct coil__backend *backend, struct coil_op *op)
{
    struct coil__sim *sim = coil__sim_of(backend);
    struct coil__sim_socket *socket = coil__sim_find(sim, op->fd_);
    struct coil__list *list;

    if (!socket) {
        return op->fd_ < 0 || op->fd_ >= COIL__SIM_FD_BASE ? -EBADF : submit_real(sim, op);
    }
    list = &socket->ops[side_of(op)];
    if ((coil__list_is_empty(list) || op->kind_ == COIL__OP_POLL) && flip_coin(sim)) {
        ssize_t result = coil__sim_attempt(sim, socket, op);

        if (result != -EAGAIN) {
            op->result = result;
            return 1;
        }
    }
    enqueue(sim, op, list);
    coil__sim_touch(sim, socket);
    return 0;
}

static void sim_cancel(struct coil__backend *backend, struct coil_op *op)
{
    struct coil__sim *sim = coil__sim_of(backend);
    struct coil__sim_socket *socket = coil__sim_find(sim, op->fd_);

    if (op->state_ != COIL__OP_PENDING) {
        return;
    }
    op->state_ = COIL__OP_CANCELLING;
    if (socket) {
        coil__sim_touch(sim, socket);
    }
}

/* ---- serving ---- */

/* A cancel that meets an operation which could be done: the seed says who was first. */
static bool gets_its_chance(struct coil__sim *sim, const struct coil_op *op)
{
    return op->state_ == COIL__OP_PENDING || flip_coin(sim);
}

/* Serves one side of a socket in order, as far as it goes; polls each by itself. */
static void serve_side(struct coil__sim *sim, struct coil__sim_socket *socket, int side)
{
    bool is_blocked = false;

    COIL__LIST_FOREACH_SAFE(&socket->ops[side], link) {
        struct coil_op *op = coil__sim_op_of(link);
        ssize_t result = -EAGAIN;

        if (!is_blocked && gets_its_chance(sim, op)) {
            result = coil__sim_attempt(sim, socket, op);
        }
        if (result == -EAGAIN && op->state_ == COIL__OP_CANCELLING) {
            result = -ECANCELED;
        }
        if (result != -EAGAIN) {
            coil__sim_finish(sim, op, result);
        } else {
            is_blocked = side != COIL__SIM_POLLERS;
        }
    }
}

static void serve_touched(struct coil__sim *sim)
{
    struct coil__list *link;

    shuffle(sim, &sim->touched);
    while ((link = coil__list_pop_head(&sim->touched))) {
        struct coil__sim_socket *socket =
            COIL__CONTAINER(link, struct coil__sim_socket, touched_link);
        int first = (int)coil__sim_random_below(&sim->order, COIL__SIM_SIDES);

        for (int i = 0; i < COIL__SIM_SIDES; i++) {
            serve_side(sim, socket, (first + i) % COIL__SIM_SIDES);
        }
    }
}

static short poll_events(const struct coil_op *op)
{
    if (op->kind_ == COIL__OP_POLL) {
        return (short)op->flags_;
    }
    return side_of(op) == COIL__SIM_WRITERS ? POLLOUT : POLLIN;
}

/* poll(2) on the wake-up and all real descriptors. limit NULL: does not end by itself. Reports a
 * wake in *is_woken. */
static int poll_real(struct coil__sim *sim, const struct timespec *limit, bool *is_woken)
{
    nfds_t count = 1;
    uint64_t wakes;

    sim->polls[0] = (struct pollfd){.fd = sim->wake_fd, .events = POLLIN};
    COIL__LIST_FOREACH(&sim->real_ops, link) {
        const struct coil_op *op = coil__sim_op_of(link);

        sim->polls[count++] = (struct pollfd){.fd = op->fd_, .events = poll_events(op)};
    }
    if (ppoll(sim->polls, count, limit, NULL) < 0) {
        *is_woken = true; /* a signal: whoever runs the loop wants to look at it */
        atomic_store(&sim->may_be_woken, true);
        for (nfds_t i = 0; i < count; i++) {
            sim->polls[i].revents = 0;
        }
        return errno == EINTR ? 0 : -errno;
    }
    if (sim->polls[0].revents) {
        *is_woken = true;
        if (read(sim->wake_fd, &wakes, sizeof wakes) < 0) {
            atomic_store(&sim->may_be_woken, true); /* then the next wait is woken, too */
        }
    }
    return 0;
}

/* A call on a blocking descriptor may be made only if it is ready still: another operation on it
 * may have been served since the common poll. */
static ssize_t attempt_real(struct coil__sim *sim, struct coil_op *op)
{
    struct pollfd one = {.fd = op->fd_, .events = poll_events(op)};

    if (poll(&one, 1, 0) <= 0) {
        return -EAGAIN;
    }
    return coil__os_attempt(&sim->base, op);
}

/* Serves the real operations by what poll_real found. */
static void serve_real(struct coil__sim *sim)
{
    const struct pollfd *poll = sim->polls;

    COIL__LIST_FOREACH_SAFE(&sim->real_ops, link) {
        struct coil_op *op = coil__sim_op_of(link);
        ssize_t result = -EAGAIN;

        poll++;
        if (poll->revents && gets_its_chance(sim, op)) {
            result = attempt_real(sim, op);
        }
        if (result == -EAGAIN && op->state_ == COIL__OP_CANCELLING) {
            result = -ECANCELED;
        }
        if (result != -EAGAIN) {
            sim->real_count--;
            coil__sim_finish(sim, op, result);
        }
    }
}

/* ---- waiting ---- */

/* Carries out all that can be done now. */
static int collect(struct coil__sim *sim, bool *is_woken)
{
    static const struct timespec none;
    int rc;

    coil__sim_packets_deliver(sim);
    serve_touched(sim);
    /* Mostly there is nothing to ask the system for, and a step of the clock costs no call. */
    if (!atomic_exchange(&sim->may_be_woken, false) && sim->real_count == 0) {
        return 0;
    }
    rc = poll_real(sim, &none, is_woken);
    serve_real(sim);
    return rc;
}

static struct timespec timespec_of(int64_t span_ns)
{
    return (struct timespec){.tv_sec = span_ns / COIL_SEC, .tv_nsec = span_ns % COIL_SEC};
}

/* Sleeps in real time, at most until the clock would show `target`. */
static int sleep_for_real(struct coil__sim *sim, int64_t target, bool *is_woken)
{
    int64_t left = target - sim->now;
    int64_t begin = coil__clock_now();
    struct timespec limit = timespec_of(left);
    int rc = poll_real(sim, target == COIL_NEVER ? NULL : &limit, is_woken);

    if (sim->base.external > 0) {
        int64_t passed = coil__clock_now() - begin;

        sim->now += passed < left ? passed : left;
    }
    serve_real(sim);
    return rc;
}

/* Nothing is left to happen before the horizon, unless something comes from outside. */
static int pass_to_horizon(struct coil__sim *sim, bool *is_woken)
{
    struct timespec patience = timespec_of(sim->guard.patience_ns);
    int rc = poll_real(sim, &patience, is_woken);

    serve_real(sim);
    if (rc == 0 && !*is_woken && coil__list_is_empty(&sim->done)) {
        sim->guard.jumped_from = sim->packets.count == 0 ? sim->now : 0;
        sim->now = sim->guard.horizon;
    }
    return rc;
}

/* Nothing can be done at this instant: moves on to the next one, at most to `limit`. */
static int pass_time(struct coil__sim *sim, int64_t limit, bool *is_woken)
{
    int64_t arrival = coil__heap_min_key(&sim->packets);
    int64_t target = arrival < limit ? arrival : limit;

    if (sim->base.external > 0 || target == COIL_NEVER) {
        return sleep_for_real(sim, target, is_woken);
    }
    if (target == sim->guard.horizon) {
        return pass_to_horizon(sim, is_woken);
    }
    sim->now = target;
    return 0;
}

/* A wait begins. True: the clock has stood still for too many of them, and has jumped. */
static bool has_spun(struct coil__sim *sim)
{
    struct coil__sim_guard *guard = &sim->guard;

    if (guard->max_rounds == 0 || sim->now != guard->rounds_at || sim->base.external > 0) {
        guard->rounds_at = sim->now;
        guard->rounds = 0;
        return false;
    }
    if (++guard->rounds <= guard->max_rounds || guard->horizon <= sim->now) {
        return false;
    }
    guard->jumped_from = sim->now;
    guard->has_spun = true;
    sim->now = guard->horizon;
    return true;
}

static void complete_done(struct coil__sim *sim)
{
    struct coil__list list;
    struct coil__list *link;

    coil__list_init(&list);
    coil__list_splice_tail(&list, &sim->done);
    shuffle(sim, &list);
    while ((link = coil__list_pop_head(&list))) {
        struct coil_op *op = coil__sim_op_of(link);

        coil__counter_add(&sim->base.in_flight, -1);
        coil__op_complete(op, op->result);
    }
}

static int sim_wait(struct coil__backend *backend, int64_t timeout_ns)
{
    struct coil__sim *sim = coil__sim_of(backend);
    bool has_limit = timeout_ns < NO_LIMIT && sim->now < COIL_NEVER - timeout_ns;
    int64_t limit = has_limit ? sim->now + timeout_ns : COIL_NEVER;
    bool is_woken = has_spun(sim);
    int rc = sim->guard.failure < 0 ? sim->guard.failure : collect(sim, &is_woken);

    while (rc == 0 && !is_woken && sim->now < limit && coil__list_is_empty(&sim->done)) {
        rc = pass_time(sim, limit, &is_woken);
        if (rc == 0) {
            rc = collect(sim, &is_woken);
        }
    }
    complete_done(sim);
    return rc;
}

static int64_t sim_get_now(struct coil__backend *backend)
{
    return coil__sim_of(backend)->now;
}

static void sim_wake(struct coil__backend *backend)
{
    struct coil__sim *sim = coil__sim_of(backend);

    coil__eventfd_wake(sim->wake_fd);
    atomic_store(&sim->may_be_woken, true);
}

/* There is no descriptor that could tell of virtual time. */
static int sim_get_fd(struct coil__backend *backend)
{
    (void)backend;
    return -ENOTSUP;
}

static int sim_adopt(struct coil__backend *backend, int fd)
{
    (void)backend;
    (void)fd;
    return 0;
}

static void sim_release(struct coil__backend *backend, int fd)
{
    (void)backend;
    (void)fd;
}

static void sim_close(struct coil__backend *backend, bool in_forked_child)
{
    struct coil__sim *sim = coil__sim_of(backend);

    (void)in_forked_child; /* the network is memory: the child has a copy of its own */
    coil__sim_net_deinit(sim);
    close(sim->wake_fd);
    coil__free(sim->polls);
    coil__free(sim);
}

static const struct coil__backend_class sim_class = {
    .name = "sim",
    .submit = sim_submit,
    .cancel = sim_cancel,
    .wait = sim_wait,
    .get_now = sim_get_now,
    .wake = sim_wake,
    .get_fd = sim_get_fd,
    .adopt = sim_adopt,
    .release = sim_release,
    .close = sim_close,
};

static void init_fields(struct coil__sim *sim, const struct coil__backend_config *config)
{
    sim->base.class = &sim_class;
    sim->base.net = &coil__sim_net;
    sim->base.is_simulated = true;
    sim->base.draw = sim_draw;
    sim->base.guard = &sim->guard;
    sim->base.counts = &sim->counts;
    sim->now = FIRST_INSTANT;
    sim->order.state = config->seed;
    sim->chance.state = ~config->seed;
    sim->faults = config->faults;
    if (sim->faults.latency_max_ns < sim->faults.latency_min_ns) {
        sim->faults.latency_max_ns = sim->faults.latency_min_ns;
    }
    coil__list_init(&sim->done);
    coil__list_init(&sim->touched);
    coil__list_init(&sim->real_ops);
    for (size_t i = 0; i < COIL__SIM_BUCKETS; i++) {
        coil__list_init(&sim->bound[i]);
    }
}

int coil__sim_open(const struct coil__backend_config *config, struct coil__backend **ret_backend)
{
    struct coil__sim *sim;
    int rc = -ENOMEM;

    if (config->faults.latency_min_ns < 0) {
        return -EINVAL;
    }
    sim = coil__calloc(1, sizeof *sim);
    if (!sim) {
        return -ENOMEM;
    }
    init_fields(sim, config);
    if (reserve_polls(sim, 1) < 0) {
        goto fail;
    }
    sim->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sim->wake_fd < 0) {
        rc = -errno;
        goto fail;
    }
    *ret_backend = &sim->base;
    return 0;
fail:
    coil__free(sim->polls);
    coil__free(sim);
    return rc;
}
