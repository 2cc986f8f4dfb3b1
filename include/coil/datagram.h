/* coil/datagram.h - endpoints for datagrams: UDP, and unix sockets of type SOCK_DGRAM.
 *
 *     coil_address_parse("127.0.0.1:9000", &server);
 *     rc = coil_datagram_open(NULL, &server, NULL, &datagram);
 *     coil_datagram_send(datagram, "ping", 4);
 *     coil_timeout (1 * COIL_SEC) {
 *         n = coil_datagram_recv(datagram, buf, sizeof buf);
 *     }
 *     coil_datagram_close(datagram);
 *
 * A datagram is sent and received as a whole or not at all. The system keeps what nobody has
 * received yet, up to a bound, and drops the rest (unix sockets make the sender wait instead).
 * Several tasks may send and receive at once; the system chooses whom it serves first.
 *
 * An endpoint with a remote address is connected: it exchanges datagrams with that one only, and
 * is told by -ECONNREFUSED, once and by whichever call is next, that nobody listens there (an ICMP
 * message that answers an earlier datagram). One without hears nothing of that.
 *
 * An endpoint belongs to its loop, which closes it at its end if nobody has. Calls on a closed one
 * return -COIL_ECLOSED, on one of another loop -COIL_EWRONGTHREAD, on NULL -EINVAL. The simulated
 * backend has no datagrams: opening says -EOPNOTSUPP there.
 *
 * asyncio's counterparts: create_datagram_endpoint, DatagramTransport; sock_recvfrom, sock_sendto.
 */
#ifndef COIL_DATAGRAM_H
#define COIL_DATAGRAM_H

#include <coil/address.h>
#include <coil/base.h>

struct coil_datagram;

/* Most datagrams that one coil_datagram_recv_batch returns. */
enum { COIL_DATAGRAM_BATCH = 64 };

/* All-zero is the default of everything. */
struct coil_datagram_options {
    bool reuse_port;    /* SO_REUSEPORT: several sockets share the port, and its datagrams */
    bool reuse_address; /* SO_REUSEADDR: several sockets each get what is sent to a group */
    bool broadcast;     /* SO_BROADCAST: broadcast addresses may be sent to */
    bool dual_stack;    /* an IPv6 socket exchanges with IPv4 as well; else IPV6_V6ONLY is on */
    int receive_buffer; /* SO_RCVBUF, bytes; 0: the system's default */
    int send_buffer;    /* SO_SNDBUF, bytes; 0: the system's default */
    unsigned mode;      /* permissions of a unix socket's file; 0: by the umask */
};

/* One datagram of a batch. */
struct coil_datagram_message {
    void *buf;                   /* the bytes; the caller's */
    size_t size;                 /* how many, or how much room there is */
    size_t length;               /* received: of the datagram; above size: its end was cut off */
    struct coil_address address; /* received: of whom (size 0: has none); to be sent: to whom (size
                                    0: whom the endpoint is connected to) */
};

COIL_BEGIN_DECLS

/* Opens an endpoint. local: the address to receive at (port 0: a free one), NULL: the system's
 * choice with the first send, for unix sockets none, so that nobody can answer (an AF_UNIX address
 * of no more than its family, size 2, gets a free abstract one). remote: whom to exchange with,
 * NULL: everybody. Both are copied, one must be there, and the families must agree. The file of a
 * unix socket is removed at the close; a stale one, at which nobody receives, at the open. options:
 * may be NULL. ret_datagram: the caller's, until coil_datagram_close. Does not suspend.
 * 0; -EADDRINUSE, -EADDRNOTAVAIL, -EACCES (port below 1024; remote is a broadcast address and the
 * option is not set), -ECONNREFUSED and -ENOENT (unix: nobody is there), -ENETUNREACH and others
 * of socket(2), bind(2), connect(2); -EAFNOSUPPORT (families differ, or neither IP nor unix),
 * -ENOMEM, -EINVAL, -COIL_ENOLOOP. asyncio: create_datagram_endpoint. */
COIL_EXPORT int coil_datagram_open(const struct coil_address *local,
                                   const struct coil_address *remote,
                                   const struct coil_datagram_options *options,
                                   struct coil_datagram **ret_datagram);

/* Closes: tasks that wait get -COIL_ECLOSED. What the system has taken is still sent. The handle is
 * used up; closed twice, or NULL: does nothing. Does not suspend; callable from callbacks. */
COIL_EXPORT void coil_datagram_close(struct coil_datagram *datagram);

/* Sends one datagram to whom the endpoint is connected to. buf: size bytes (0: an empty one); not
 * looked at after the return. Waits while the system has no room for it. Returns size.
 * -ECONNREFUSED: an earlier datagram met nobody there; this one was not sent, try again or give up.
 * -EMSGSIZE: larger than a datagram may be; -EDESTADDRREQ: not connected; -ENOBUFS, -ENETUNREACH,
 * -EPERM and others of send(2). Cancel: it was not sent. asyncio: sendto. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_datagram_send(struct coil_datagram *datagram,
                                                     const void *buf, size_t size);

/* The same to an address. to: read during the call. -EISCONN: a connected unix socket; -EACCES: a
 * broadcast address, and the option is not set; -ECONNREFUSED, -ENOENT: unix, nobody is there. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_datagram_send_to(struct coil_datagram *datagram,
                                                        const void *buf, size_t size,
                                                        const struct coil_address *to);

/* Receives one datagram. buf: room for size bytes. Returns its length, which may be 0.
 * -EMSGSIZE: it was larger than size: the first size bytes stand in buf, the rest is dropped;
 * -ECONNREFUSED: see above; -ENETDOWN, -ENOMEM and others of recv(2).
 * Cancel: nothing was received; if one was received first, it is returned. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_datagram_recv(struct coil_datagram *datagram, void *buf,
                                                     size_t size);

/* The same. ret_from (may be NULL): who has sent it; size 0: a unix socket without an address.
 * ret_length (may be NULL): the length it was sent with. Both are stored with -EMSGSIZE too.
 * asyncio: datagram_received, sock_recvfrom. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_datagram_recv_from(struct coil_datagram *datagram, void *buf,
                                                          size_t size,
                                                          struct coil_address *ret_from,
                                                          size_t *ret_length);

/* Waits for a datagram, then receives all that are there, up to count and COIL_DATAGRAM_BATCH, by
 * one system call. messages: count of them (at least 1), `buf` and `size` set by the caller.
 * Returns how many were received (>= 1): `length` and `address` of those are set. One that was cut
 * off is told by its length, not by an error. Errors and cancel as coil_datagram_recv. */
COIL_EXPORT COIL_SUSPENDS int coil_datagram_recv_batch(struct coil_datagram *datagram,
                                                       struct coil_datagram_message *messages,
                                                       size_t count);

/* Sends count datagrams (at least 1, at most INT_MAX) in order, COIL_DATAGRAM_BATCH by one system
 * call; waits for room. messages: `buf`, `size` and `address` are read, nothing is changed. Returns
 * count; or less, when a cancel or an error came after some were sent; or the error when none was:
 * as coil_datagram_send_to. */
COIL_EXPORT COIL_SUSPENDS int coil_datagram_send_batch(struct coil_datagram *datagram,
                                                       const struct coil_datagram_message *messages,
                                                       size_t count);

/* Joins or leaves a multicast group: what is sent to its address and the endpoint's port is
 * received. group: an IP address of that kind, of the endpoint's family; its port is of no matter.
 * interface: the number of the network interface (if_nametoindex(3)); 0: the system's choice.
 * 0; -EADDRINUSE (joined already), -EADDRNOTAVAIL (leave: not joined), -ENODEV (no such interface),
 * -EINVAL (not multicast), -EAFNOSUPPORT (not IP), -ENOBUFS. Do not suspend. */
COIL_EXPORT int coil_datagram_join(struct coil_datagram *datagram, const struct coil_address *group,
                                   unsigned interface);
COIL_EXPORT int coil_datagram_leave(struct coil_datagram *datagram,
                                    const struct coil_address *group, unsigned interface);

/* How far datagrams to a group go: 0 this machine, 1 (the default) this network, up to 255 routers.
 * 0, -EINVAL, -EAFNOSUPPORT (not IP). */
COIL_EXPORT int coil_datagram_set_multicast_ttl(struct coil_datagram *datagram, int ttl);

/* Whether this machine gets what the endpoint sends to groups (the default is that it does). 0,
 * -EAFNOSUPPORT (not IP). */
COIL_EXPORT int coil_datagram_set_multicast_loop(struct coil_datagram *datagram, bool is_on);

/* The network interface by which datagrams to groups leave; 0: the system's choice. 0, -ENODEV or
 * -EADDRNOTAVAIL (no such interface), -EAFNOSUPPORT (not IP). */
COIL_EXPORT int coil_datagram_set_multicast_interface(struct coil_datagram *datagram,
                                                      unsigned interface);

/* The endpoint's own address (with the port that was picked), and the one it is connected to. 0,
 * -ENOTCONN (not connected), -EINVAL. */
COIL_EXPORT int coil_datagram_get_address(const struct coil_datagram *datagram,
                                          struct coil_address *ret_address);
COIL_EXPORT int coil_datagram_get_peer(const struct coil_datagram *datagram,
                                       struct coil_address *ret_address);

/* The descriptor, which stays the endpoint's: for options that have no call here. */
COIL_EXPORT int coil_datagram_get_fd(const struct coil_datagram *datagram);

COIL_END_DECLS

#endif
