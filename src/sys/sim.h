/* sim.h - the inside of the simulated backend, for its files only.
 *
 *   backend_sim.c   the clock, waiting, completing, real descriptors
 *   sim_net.c       descriptors, socket calls, options, which operation means what
 *   sim_name.c      addresses: parsing, conflicts, ports, who listens where
 *   sim_connect.c   listen, connect, accept
 *   sim_stream.c    bytes, ends and resets between two connected sockets
 *   sim_packet.c    what is under way between two sockets, the latency and the losses
 *
 * Nothing here looks at real time, at addresses in memory or at the process's environment: a run
 * depends on the seed and on what the program does, and on nothing else (while it uses neither
 * threads nor real descriptors).
 */
#ifndef COIL__SYS_SIM_H
#define COIL__SYS_SIM_H

#include "base/heap.h"
#include "base/list.h"
#include "sys/backend.h"
#include "sys/sim_random.h"

#include <poll.h>
#include <stdatomic.h>

enum {
    COIL__SIM_FD_BASE = 1 << 28,  /* above every descriptor of the kernel's (fs.nr_open) */
    COIL__SIM_BUFFER = 64 * 1024, /* bytes per direction, unless SO_SNDBUF or SO_RCVBUF say less */
    COIL__SIM_BUCKETS = 256,      /* of bound names */
    COIL__SIM_OPTIONS = 16,       /* options remembered per socket; more are taken and forgotten */
};

/* The lists of waiting operations of a socket. */
enum { COIL__SIM_READERS, COIL__SIM_WRITERS, COIL__SIM_POLLERS, COIL__SIM_SIDES };

enum coil__sim_state {
    COIL__SIM_UNCONNECTED,
    COIL__SIM_LISTENING,
    COIL__SIM_CONNECTING,
    COIL__SIM_CONNECTED, /* also when the peer has closed */
    COIL__SIM_RESET,     /* was connected */
};

/* What an address comes down to. IPv4 addresses stand as IPv6 ones, mapped (::ffff:0:0/96). */
struct coil__sim_name {
    int domain;         /* AF_INET6 (for AF_INET too), AF_UNIX; AF_UNSPEC: no name */
    uint16_t port;      /* AF_INET6 */
    uint16_t path_size; /* AF_UNIX: 0: unnamed; an abstract name begins with a NUL */
    uint8_t bytes[108]; /* 16 of the address, or path_size of the path; the rest is zero */
};

/* Bytes on their way to a socket or waiting there: data[head] to data[head + count - 1]. */
struct coil__sim_buffer {
    char *data;
    size_t capacity;
    size_t head;
    size_t count;
    size_t arrived; /* of `count`: can be received */
};

struct coil__sim_option {
    int level;
    int name;
    int value;
};

struct coil__sim_socket {
    int fd;     /* -1: in a backlog, not yet accepted */
    int domain; /* AF_INET, AF_INET6, AF_UNIX */
    enum coil__sim_state state;
    struct coil__sim_name name;
    struct coil__sim_name peer_name;        /* from connect or accept on */
    struct coil__list bound_link;           /* in coil__sim.bound: the name is taken */
    struct coil__list ops[COIL__SIM_SIDES]; /* of coil_op.link_ */
    struct coil__list touched_link;         /* in coil__sim.touched */

    /* Connected. */
    struct coil__sim_socket *peer; /* NULL: none (yet), or it was closed or reset */
    struct coil__sim_buffer in;
    struct coil__list packets; /* of coil__sim_packet.link: on their way here, in order */
    int64_t last_arrival;      /* of the latest packet: later ones do not overtake it */
    bool has_end;              /* no more bytes will come: FIN, or shut down for reading */
    bool is_shut;              /* shut down for writing */
    int error;                 /* told once, by the next call or SO_ERROR; positive */

    /* Listening. */
    struct coil__list backlog;    /* of queue_link: connected, to be accepted */
    struct coil__list knocking;   /* of queue_link: connecting, the backlog was full */
    struct coil__list queue_link; /* in backlog or knocking of a listener */
    unsigned backlog_count;
    unsigned backlog_limit;

    /* Options. */
    bool reuse_address;
    bool reuse_port;
    bool v6_only;
    bool resets_on_close; /* SO_LINGER {1, 0} */
    size_t send_limit;
    size_t receive_limit;
    struct coil__sim_option options[COIL__SIM_OPTIONS];
    unsigned option_count;
};

enum coil__sim_packet_kind {
    COIL__SIM_DATA,        /* value: bytes, already in the buffer */
    COIL__SIM_END,         /* FIN */
    COIL__SIM_RST,         /* reset */
    COIL__SIM_KNOCK,       /* a connect reaches its listener; told to who connects */
    COIL__SIM_ESTABLISHED, /* the listener's answer: yes, */
    COIL__SIM_REFUSED,     /* or no; value: errno */
    COIL__SIM_TIMEOUT,     /* to who sends: what was sent is never acknowledged */
};

struct coil__sim {
    struct coil__backend base;
    int64_t now;
    struct coil__sim_random order;  /* of completions and tasks */
    struct coil__sim_random chance; /* of faults: turning them on changes no order by itself */
    struct coil__sim_faults faults;
    struct coil__sim_counts counts;
    struct coil__sim_guard guard;
    int wake_fd;
    atomic_bool may_be_woken; /* wake_fd may be readable; set after each write to it */

    struct coil__list done;     /* of coil_op.link_: finished, completed by wait */
    struct coil__list touched;  /* of touched_link: operations there may be able to go on */
    struct coil__list real_ops; /* of coil_op.link_: on real descriptors */
    struct pollfd *polls;       /* room for the wake-up and one per real operation */
    size_t poll_capacity;
    size_t real_count;

    struct coil__sim_socket **sockets; /* by descriptor; NULL: free */
    size_t socket_capacity;
    size_t lowest_free; /* no free place below this one */
    struct coil__list bound[COIL__SIM_BUCKETS];
    uint16_t next_port;
    struct coil__heap packets; /* by time of arrival */
};

/* backend_sim.c */
/* Has the operations that wait on the socket tried again by the next wait. */
void coil__sim_touch(struct coil__sim *sim, struct coil__sim_socket *socket);
/* Ends an operation: takes it out of its list; the callback comes from wait. */
void coil__sim_finish(struct coil__sim *sim, struct coil_op *op, ssize_t result);
/* True with a probability of chance/65536; draws nothing when it is 0. */
/* Draws whether something happens that has this chance, in parts per million; counts it. */
bool coil__sim_happens(struct coil__sim *sim, uint32_t chance, uint64_t *count);

/* sim_net.c */
extern const struct coil__net_class coil__sim_net;
/* NULL when fd names no simulated socket. */
struct coil__sim_socket *coil__sim_find(const struct coil__sim *sim, int fd);
/* Carries out an operation on a simulated socket; -EAGAIN where it would wait. */
ssize_t coil__sim_attempt(struct coil__sim *sim, struct coil__sim_socket *socket,
                          struct coil_op *op);
/* A socket without a descriptor; NULL when out of memory. */
struct coil__sim_socket *coil__sim_socket_new(int domain);
/* Releases the memory; tells nobody. The socket must have no operations. */
void coil__sim_socket_free(struct coil__sim *sim, struct coil__sim_socket *socket);
/* Gives the socket a descriptor: that, or -ENOMEM. */
int coil__sim_socket_place(struct coil__sim *sim, struct coil__sim_socket *socket);
/* At the backend's end: releases all there is. */
void coil__sim_net_deinit(struct coil__sim *sim);

/* sim_name.c */
/* 0, -EINVAL, -EAFNOSUPPORT. */
int coil__sim_name_parse(struct coil__sim_name *name, int domain, const struct sockaddr *addr,
                         socklen_t size);
/* As getsockname(2) stores it: cut at *size, which then says how long it is. */
void coil__sim_name_store(const struct coil__sim_name *name, int domain, struct sockaddr *addr,
                          socklen_t *size);
/* Takes the name for the socket, with a port of our choice for port 0. 0, -EADDRINUSE. */
int coil__sim_name_bind(struct coil__sim *sim, struct coil__sim_socket *socket,
                        const struct coil__sim_name *name);
/* True when another socket listens under the name of this one, and they may not share it. */
bool coil__sim_name_has_listener(const struct coil__sim *sim,
                                 const struct coil__sim_socket *socket);
/* Who listens there; of several (SO_REUSEPORT) one by the seed. NULL: nobody, and then *ret_error
 * says what a connect answers. */
struct coil__sim_socket *coil__sim_name_find_listener(struct coil__sim *sim,
                                                      const struct coil__sim_name *name,
                                                      int *ret_error);
/* The name of this machine's for a socket that connects to `target`, with port 0. */
void coil__sim_name_for_target(struct coil__sim_name *name, const struct coil__sim_name *target);
/* "Any" as a target means this machine. */
void coil__sim_name_resolve_any(struct coil__sim_name *target);

/* sim_connect.c */
int coil__sim_listen(struct coil__sim *sim, struct coil__sim_socket *socket, int backlog);
ssize_t coil__sim_connect(struct coil__sim *sim, struct coil__sim_socket *socket,
                          const struct sockaddr *addr, socklen_t size);
ssize_t coil__sim_accept(struct coil__sim *sim, struct coil__sim_socket *listener,
                         struct sockaddr *addr, socklen_t *addr_size, int flags);
/* Resets who waits in the backlog, refuses who knocks. */
void coil__sim_unlisten(struct coil__sim *sim, struct coil__sim_socket *listener);
/* A KNOCK has come to where `socket` connects to. */
void coil__sim_knock(struct coil__sim *sim, struct coil__sim_socket *socket);

/* sim_stream.c */
ssize_t coil__sim_send(struct coil__sim *sim, struct coil__sim_socket *socket,
                       const struct iovec *iov, size_t count, int flags);
ssize_t coil__sim_recv(struct coil__sim *sim, struct coil__sim_socket *socket,
                       const struct iovec *iov, size_t count, int flags);
/* poll(2)'s events that are there now. */
int coil__sim_events(const struct coil__sim_socket *socket);
int coil__sim_shutdown(struct coil__sim *sim, struct coil__sim_socket *socket, int how);
/* Parts from the peer, with an END or, where bytes are lost or it was asked for, an RST. */
void coil__sim_disconnect(struct coil__sim *sim, struct coil__sim_socket *socket);
/* Returns the pending error as -errno, or 0, and forgets it. */
int coil__sim_take_error(struct coil__sim_socket *socket);

/* sim_packet.c */
/* Sends a packet to the socket; with no latency it has its effect at once. -ENOMEM is for DATA
 * only: when memory is out, the others arrive at once. `hops`: latencies to pass. A packet that is
 * lost for good takes the connection with it: `peer` may be NULL afterwards. */
int coil__sim_packet_send(struct coil__sim *sim, struct coil__sim_socket *to,
                          enum coil__sim_packet_kind kind, size_t value, unsigned hops);
/* Lets everything arrive that is due. */
void coil__sim_packets_deliver(struct coil__sim *sim);
/* Drops what is on its way to the socket. */
void coil__sim_packets_drop(struct coil__sim *sim, struct coil__sim_socket *to);

static inline struct coil__sim *coil__sim_of(struct coil__backend *backend)
{
    return COIL__CONTAINER(backend, struct coil__sim, base);
}

static inline struct coil_op *coil__sim_op_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct coil_op, link_);
}

#endif
