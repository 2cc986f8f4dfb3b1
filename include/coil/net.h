/* coil/net.h - connecting and listening, at the level of descriptors.
 *
 *     int fd = coil_dial("example.org", 80, NULL);
 *     if (fd < 0) { ... coil_strerror(fd) ... }
 *
 * The descriptors are non-blocking, close-on-exec and the caller's: coil_recv, coil_send_all and
 * coil_close (coil/fd.h) work on them, or coil_stream_open (coil/stream.h) takes one over.
 *
 * asyncio's counterparts: create_connection and create_server without their protocols, sock_accept.
 */
#ifndef COIL_NET_H
#define COIL_NET_H

#include <coil/address.h>
#include <coil/base.h>

/* How one address of a host fared. */
struct coil_dial_attempt {
    struct coil_address address;
    int error; /* 0: connected; -ECANCELED: another one was faster, or the dial was cancelled */
};

/* All-zero is the default of everything. */
struct coil_dial_options {
    int family;                               /* AF_INET or AF_INET6: only these; 0: both */
    const struct coil_address *local_address; /* to bind to, port 0: any; only remote addresses of
                                                  its family are tried; NULL: the system's choice */
    int64_t delay_ns;                         /* between attempts; 0: 250 ms */
    bool no_happy_eyeballs;                   /* one address after the other, in their order */
    struct coil_dial_attempt *ret_attempts;   /* room for the attempts that were made, in order; */
    size_t max_attempts;                      /* for this many; further ones are not stored */
    size_t *ret_attempt_count;                /* how many were made; stored also on failure.
                                                  These three: NULL, 0, NULL: not wanted */
};

/* All-zero is the default of everything. */
struct coil_listen_options {
    int family;      /* AF_INET or AF_INET6: only these; 0: both */
    int backlog;     /* connections that may wait to be accepted; 0: 1024 */
    bool reuse_port; /* SO_REUSEPORT: several sockets, of other loops or processes, share a port */
    bool dual_stack; /* an IPv6 socket takes IPv4 connections as well; else IPV6_V6ONLY is on */
    unsigned mode;   /* permissions of a unix socket's file, as in chmod(2); 0: by the umask */
};

COIL_BEGIN_DECLS

/* Connects to a host by TCP. host: a name, an IP address without brackets, or "unix:/path" (port is
 * ignored then). options: may be NULL; not kept. Returns the descriptor, TCP_NODELAY on.
 * A name's addresses are tried by Happy Eyeballs (RFC 8305): families alternate, the next attempt
 * starts after 250 ms or when the one before has failed, the first to connect wins, the others are
 * closed. If all fail, the first one's error is returned.
 * Errors of the look-up: see coil_resolve (coil/dns.h). -ECONNREFUSED, -ENETUNREACH, -EHOSTUNREACH,
 * -ETIMEDOUT and others of socket(2), bind(2), connect(2); -COIL_EADDRESS ("unix:" without a usable
 * path), -ENOMEM, -EINVAL.
 * Cancel, or a deadline around it (which covers the look-up too): everything is closed. A
 * connection that was there first is returned. */
COIL_EXPORT COIL_SUSPENDS int coil_dial(const char *host, uint16_t port,
                                        const struct coil_dial_options *options);

/* The same for one address that is known; only local_address and the attempts of the options
 * count. */
COIL_EXPORT COIL_SUSPENDS int coil_dial_address(const struct coil_address *address,
                                                const struct coil_dial_options *options);

/* Listens on every address of a host. host: as in coil_dial; NULL or "": all of this machine's,
 * 0.0.0.0 and ::. port: 0: a free one, the same on all addresses. ret_fds: room for max_fds
 * listening sockets. options: may be NULL. Returns how many there are (>= 1). To listen on several
 * hosts, call it for each. SO_REUSEADDR is on; of accepted TCP connections TCP_NODELAY is.
 * An address that this machine does not have (IPv6 switched off, say) is left out if another one
 * is there.
 * -EADDRINUSE, -EACCES and others of socket(2), bind(2), listen(2); -COIL_ELIMIT: there are more
 * than max_fds addresses; those of coil_resolve; -EINVAL. On failure nothing stays open. A socket
 * file ("unix:/path") at which nobody listens any more is removed first; -EADDRINUSE if somebody
 * does, or if it is another kind of file. Closing does not remove it (a server's does). */
COIL_EXPORT COIL_SUSPENDS int coil_listen(const char *host, uint16_t port,
                                          const struct coil_listen_options *options, int *ret_fds,
                                          size_t max_fds);

/* The same for one address that is known. Returns the listening socket. Does not suspend, but needs
 * a running loop: -COIL_ENOLOOP. */
COIL_EXPORT int coil_listen_address(const struct coil_address *address,
                                    const struct coil_listen_options *options);

/* Waits for a connection on a listening socket, which must be non-blocking (those of coil_listen
 * are). ret_peer (may be NULL): who connects. Returns the new descriptor. Connections that break
 * off before they are accepted are passed over.
 * -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM: no room for one more just now; it stays in the backlog:
 * wait a little and call again; also after -EPERM, -EACCES (a firewall or the like) and, of a
 * listening socket, -EOPNOTSUPP. -EBADF, -EINVAL (not listening), -ENOTSOCK.
 * Cancel: no connection is lost; one that was accepted already is returned. */
COIL_EXPORT COIL_SUSPENDS int coil_accept(int fd, struct coil_address *ret_peer);

/* The socket's own address, and the one it is connected to. Need a running loop. 0, -EBADF,
 * -ENOTSOCK, -ENOTCONN, -EINVAL (NULL), -COIL_ENOLOOP. */
COIL_EXPORT int coil_socket_address(int fd, struct coil_address *ret_address);
COIL_EXPORT int coil_socket_peer(int fd, struct coil_address *ret_address);

COIL_END_DECLS

#endif
