/* backend.h - the seam between the loop and the operating system.
 *
 * A backend starts operations, waits, and completes them; it knows no tasks and no timers. There
 * are three: io_uring, epoll, and a simulated one with a virtual clock and an in-memory network.
 * Sockets are opened, named and closed through the backend as well, because the simulated ones
 * are no descriptors of the system.
 *
 * Contract, the same for all:
 *   - submit: 0, the operation will be completed later, from wait; 1, it is done at once with its
 *     result in op->result and no callback; or a negative error, and it was not started.
 *     A send of what must go out whole has MSG_DONTWAIT in its flags: the backend waits for room
 *     all the same, but never has the kernel try again by itself, which may have taken the bytes
 *     out of its copy of the vector at its first try, and would then send an empty message.
 *   - cancel: the operation will still be completed, with its result or with -ECANCELED, from
 *     wait. May be called again; the second call does nothing.
 *   - wait: sends what was submitted, waits for at most timeout_ns (0: does not wait; negative is
 *     not allowed; COIL_NEVER: no limit) for a completion or a wake, and calls coil__op_complete
 *     for all that is there. Callbacks may submit and cancel.
 *   - wake: makes a wait that runs now, or the next one, return. From any thread, any number.
 *   - adopt: says that fd will be closed only after release. A backend may keep it registered.
 */
#ifndef COIL__SYS_BACKEND_H
#define COIL__SYS_BACKEND_H

#include "sys/counter.h"

#include <coil/op.h>

enum coil__op_kind {
    COIL__OP_NONE,
    COIL__OP_POLL,
    COIL__OP_READ,
    COIL__OP_WRITE,
    COIL__OP_READV,
    COIL__OP_WRITEV,
    COIL__OP_RECV,
    COIL__OP_SEND,
    COIL__OP_RECVMSG,
    COIL__OP_SENDMSG,
    COIL__OP_ACCEPT,
    COIL__OP_CONNECT,
    COIL__OP_FILE, /* a call on files: see backend->file_calls, and sys/file.h */
};

enum coil__op_state {
    COIL__OP_IDLE,
    COIL__OP_QUEUED,     /* waits inside the backend, the kernel does not know it */
    COIL__OP_PENDING,    /* the kernel works on it */
    COIL__OP_CANCELLING, /* as above, and was asked to end */
};

/* Internal flag in op->flags_ of recv and poll: a try has just come up short, so a backend need not
 * begin with another one. Outside the range of MSG_* and of poll events. */
#define COIL__EXPECT_WAIT 0x01000000

/* The same for read and write: where the backend could only make the call in place, for as long as
 * a disk takes, the result is COIL__IS_FILE instead and nothing was done. */
#define COIL__NO_FILES 0x02000000
#define COIL__IS_FILE (-0x02000000)

/* Of a send, together with MSG_DONTWAIT: one try only, -EAGAIN for a result where that finds no
 * room. Only for submit. */
#define COIL__ONE_TRY 0x04000000

struct coil__backend;

struct coil__backend_class {
    const char *name;
    bool waits_for_files; /* reads and writes of files do not hold up the caller */
    bool batches_calls;   /* submitting many is cheaper than a system call for each */
    /* Called once, before anything below but get_now, wake and close, by the thread that will use
     * the backend from then on. 0 or -errno. NULL: there is nothing to be done. */
    int (*start)(struct coil__backend *backend);
    int (*submit)(struct coil__backend *backend, struct coil_op *op);
    void (*cancel)(struct coil__backend *backend, struct coil_op *op);
    int (*wait)(struct coil__backend *backend, int64_t timeout_ns);
    int64_t (*get_now)(struct coil__backend *backend);
    void (*wake)(struct coil__backend *backend);
    /* Readable when wait(0) has something to do; timers excepted. Always the same. Negative: has
     * none, or none now because operations are under way. */
    int (*get_fd)(struct coil__backend *backend);
    /* True when wait(0) has something to do that the descriptor does not tell of: to send what was
     * submitted, or to complete what is done. NULL where there is no descriptor. */
    bool (*has_work)(struct coil__backend *backend);
    int (*adopt)(struct coil__backend *backend, int fd);
    void (*release)(struct coil__backend *backend, int fd);
    /* In the child of a fork: gives up what is shared with the parent without disturbing it. */
    void (*close)(struct coil__backend *backend, bool in_forked_child);
};

/* The system calls on sockets. All return >= 0 or -errno, and none waits. */
struct coil__net_class {
    int (*socket)(struct coil__backend *backend, int domain, int type, int protocol);
    int (*bind)(struct coil__backend *backend, int fd, const struct sockaddr *addr, socklen_t size);
    int (*listen)(struct coil__backend *backend, int fd, int backlog);
    int (*shutdown)(struct coil__backend *backend, int fd, int how);
    int (*close)(struct coil__backend *backend, int fd);
    int (*get_name)(struct coil__backend *backend, int fd, bool peer, struct sockaddr *addr,
                    socklen_t *size);
    int (*set_option)(struct coil__backend *backend, int fd, int level, int name, const void *value,
                      socklen_t size);
    int (*get_option)(struct coil__backend *backend, int fd, int level, int name, void *value,
                      socklen_t *size);
    int (*set_nonblocking)(struct coil__backend *backend, int fd);
    /* recvmmsg(2) and sendmmsg(2) without waiting: how many (>= 1), -EAGAIN, or another error. The
     * simulated network has no datagram sockets. */
    int (*recvmmsg)(struct coil__backend *backend, int fd, struct mmsghdr *messages, unsigned count,
                    int flags);
    int (*sendmmsg)(struct coil__backend *backend, int fd, struct mmsghdr *messages, unsigned count,
                    int flags);
    /* Does what the operation says, now; -EAGAIN where that would wait. */
    ssize_t (*attempt)(struct coil__backend *backend, struct coil_op *op);
};

struct coil__backend {
    const struct coil__backend_class *class;
    const struct coil__net_class *net;
    struct coil__counter in_flight; /* submitted and not completed, kept by the backend */
    uint32_t file_calls; /* the kinds that it takes as COIL__OP_FILE: bits, of sys/file.h */
    bool is_simulated;   /* ready tasks are drawn in an order of the seed's, polls never elided */
    /* Jobs in threads that will end in a wake; kept by the loop. While there are any, the
     * simulated backend waits in real time instead of moving its clock ahead of them. */
    unsigned external;
    /* A number below bound (> 0) of the seed's sequence. NULL: the backend is a real one. */
    uint64_t (*draw)(struct coil__backend *backend, uint64_t bound);
    struct coil__sim_guard *guard;         /* NULL likewise */
    const struct coil__sim_counts *counts; /* NULL likewise */
};

/* What goes wrong in the simulated network, drawn from the seed. All-zero: nothing does. The
 * last four are probabilities in parts per million. AF_UNIX knows neither latency nor losses. */
struct coil__sim_faults {
    int64_t latency_min_ns;   /* from send to arrival, in order per direction; */
    int64_t latency_max_ns;   /* a connect takes two of them. At least latency_min_ns */
    uint32_t losses;          /* a packet arrives later, or never: see sim_packet.c */
    uint32_t short_transfers; /* a send or receive moves a part only */
    uint32_t spurious_again;  /* net->attempt says -EAGAIN without a reason */
    uint32_t resets;          /* a send or receive finds the connection reset, for both ends */
};

/* How often each has happened. */
struct coil__sim_counts {
    uint64_t packets; /* sent; the repeated ones not counted */
    uint64_t losses;
    uint64_t short_transfers;
    uint64_t spurious_again;
    uint64_t resets;
};

/* What keeps a simulated clock from running, or standing, for ever. Set by who has the loop, at any
 * time; all-zero: nothing does. It is for a timer at `horizon` to do something about it. */
struct coil__sim_guard {
    int64_t horizon;     /* before the clock jumps to here exactly, */
    int64_t patience_ns; /* it is waited so long in real time for a wake or a descriptor */
    int64_t jumped_from; /* where it stood before that; 0: has not jumped, or bytes are under way */
    uint64_t max_rounds; /* so many waits in which it does not move make it jump there, too */
    uint64_t rounds;     /* of them so far, */
    int64_t rounds_at;   /* at this instant */
    bool has_spun;       /* it has jumped for that reason */
    int failure;         /* negative: what every wait answers from now on */
};

struct coil__backend_config {
    const char *name;               /* "uring", "epoll", "sim"; NULL: the best there is */
    uint64_t seed;                  /* simulated only */
    struct coil__sim_faults faults; /* simulated only */
};

/* Opens a backend. `config->name` unknown or not to be had: -COIL_EBACKEND. With no name, io_uring
 * where the kernel allows it, else epoll. */
int coil__backend_open(const struct coil__backend_config *config,
                       struct coil__backend **ret_backend);

int coil__uring_open(const struct coil__backend_config *config, struct coil__backend **ret_backend);
int coil__epoll_open(const struct coil__backend_config *config, struct coil__backend **ret_backend);
int coil__sim_open(const struct coil__backend_config *config, struct coil__backend **ret_backend);

/* Ends an operation: sets the result, makes it idle, calls its callback. Called by backends. */
void coil__op_complete(struct coil_op *op, ssize_t result);

/* A message to a unix socket that the sender is not connected to: nothing tells when that has room
 * again (poll looks at the sender's own side only). Who waits for it looks again after a pause. */
#define COIL__BLIND_PAUSE (1 * COIL_MSEC)

static inline bool coil__op_is_blind(const struct coil_op *op)
{
    const struct msghdr *msg = (const struct msghdr *)op->buf_;

    return op->kind_ == COIL__OP_SENDMSG && msg->msg_name &&
           ((const struct sockaddr *)msg->msg_name)->sa_family == AF_UNIX;
}

/* Adds one to an eventfd: the wake of all backends. A full counter is awake already; any other
 * failure is tried again a few times, because a wake that gets lost is a hang. */
void coil__eventfd_wake(int fd);

/* The real system calls. */
extern const struct coil__net_class coil__net_os;
int coil__os_recvmmsg(struct coil__backend *backend, int fd, struct mmsghdr *messages,
                      unsigned count, int flags);
int coil__os_sendmmsg(struct coil__backend *backend, int fd, struct mmsghdr *messages,
                      unsigned count, int flags);
ssize_t coil__os_attempt(struct coil__backend *backend, struct coil_op *op);
/* A read or write, however long it takes: for regular files. */
ssize_t coil__os_call(const struct coil_op *op);

#endif
