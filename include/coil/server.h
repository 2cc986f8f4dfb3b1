/* coil/server.h - TCP and unix servers: one task per client.
 *
 *     static int client(struct coil_stream *stream, void *user)
 *     {
 *         char buf[4096];
 *         ssize_t n;
 *         while ((n = coil_stream_read(stream, buf, sizeof buf)) > 0) {
 *             coil_stream_write(stream, buf, (size_t)n);
 *         }
 *         return (int)n;
 *     }
 *     ...
 *     rc = coil_serve("0.0.0.0", 8080, NULL, client, NULL);   // until it is cancelled
 *
 * When the process runs out of descriptors or memory, or a firewall forbids a connection, accepting
 * pauses for a second, which is reported, and goes on; clients that are there are not disturbed.
 *
 * asyncio's counterparts: start_server, start_unix_server, Server, serve_forever.
 */
#ifndef COIL_SERVER_H
#define COIL_SERVER_H

#include <coil/base.h>
#include <coil/stream.h>

struct coil_server;

/* Serves one client, in a task of its own. stream: closed after the function returns, if it has
 * not been closed by then. That is coil_stream_close: it sends what was written first, so a peer
 * that never reads keeps the task, and its place among max_clients, until the task is cancelled or
 * the stream aborted; a function that closes the stream itself inside a coil_timeout bounds that.
 * Returns >= 0, or an error, which goes to the loop's error handler (but for -ECANCELED, for a peer
 * that vanished: -ECONNRESET, -EPIPE, and for -COIL_ECLOSED once the server has closed streams of
 * its clients). */
typedef int (*coil_client_fn)(struct coil_stream *stream, void *user);

/* All-zero is the default of everything. */
struct coil_server_options {
    struct coil_stream_options stream;
    size_t max_clients; /* at once; further ones wait in the kernel's queue; 0: no limit */
    size_t stack_size;  /* of a client's task; 0: the loop's default */
    int backlog;        /* of the kernel's queue; 0: 1024 */
    unsigned mode;      /* permissions of a unix socket's file; 0: by the umask */
    bool reuse_port;    /* SO_REUSEPORT: several processes or loops listen on one port */
};

COIL_BEGIN_DECLS

/* Listens and begins to accept. host: an address, a name (all its addresses), NULL for all of this
 * machine's, "unix:/path" (a stale file is removed first, and the own one when it stops), or
 * "unix:@abstract". port: 0 picks one (coil_server_get_port tells). client: see above;
 * user: passed on. options: may be NULL. ret_server: owned by the caller, freed by
 * coil_server_close. -EADDRINUSE, -EACCES, -COIL_EHOSTNAME, -ENOMEM, ... */
COIL_EXPORT COIL_SUSPENDS int coil_start_server(const char *host, uint16_t port,
                                                const struct coil_server_options *options,
                                                coil_client_fn client, void *user,
                                                struct coil_server **ret_server);

/* The port that the first listening socket has; an error for unix sockets. -EINVAL (NULL),
 * -COIL_ECLOSED (closed, or of another loop), -COIL_ENOLOOP. */
COIL_EXPORT int coil_server_get_port(const struct coil_server *server);

/* Clients being served now. */
COIL_EXPORT size_t coil_server_client_count(const struct coil_server *server);

/* Stops listening; clients go on, and one that was just being accepted may still become one. Twice:
 * does nothing. Does not suspend. */
COIL_EXPORT void coil_server_stop(struct coil_server *server);

/* Cancels the tasks of all clients. Does not suspend. After a stop this and the next two also turn
 * away a connection that is just being accepted, so that none comes after them. */
COIL_EXPORT void coil_server_cancel_clients(struct coil_server *server);

/* Closes the streams of all clients: what was written is sent first; then what a client function
 * calls on its stream returns -COIL_ECLOSED. Its task is not cancelled. Does not suspend. TLS
 * streams (and others over a transport) are closed as by coil_stream_close, in a task of its own:
 * the peer is told that this is the end. asyncio: Server.close_clients. */
COIL_EXPORT void coil_server_close_clients(struct coil_server *server);

/* The same at once: what was not sent is dropped. asyncio: Server.abort_clients. */
COIL_EXPORT void coil_server_abort_clients(struct coil_server *server);

/* Waits until the server has been stopped (by another task), and its clients have ended. Cancel:
 * returns the reason at once; the server goes on. -EDEADLK in one of its clients; other errors as
 * coil_server_get_port. */
COIL_EXPORT COIL_SUSPENDS int coil_serve_forever(struct coil_server *server);

/* Stops, waits for the clients to end, frees the server. Cancel (or a deadline around it): the
 * clients are cancelled, and still waited for. 0 or the reason of the cancel. NULL: nothing.
 * -COIL_ECLOSED (also while another task closes it), -EDEADLK in one of its clients. */
COIL_EXPORT COIL_SUSPENDS int coil_server_close(struct coil_server *server);

/* The same with a time of grace: stops, lets the client functions finish for grace_ns (0: none;
 * COIL_NEVER: as long as it takes), then aborts the streams and cancels the tasks of those that
 * are left, waits for these to end, and frees the server. 0: all have finished by themselves;
 * -ETIMEDOUT: not all; the reason of a cancel (or -ENOMEM, no timer): the time of grace was over
 * then. Other errors as coil_server_close. asyncio: close, then wait_for(wait_closed), then
 * abort_clients. */
COIL_EXPORT COIL_SUSPENDS int coil_server_shutdown(struct coil_server *server, int64_t grace_ns);

/* Starts a server, serves until cancelled, then cancels the clients and closes. */
COIL_EXPORT COIL_SUSPENDS int coil_serve(const char *host, uint16_t port,
                                         const struct coil_server_options *options,
                                         coil_client_fn client, void *user);

COIL_END_DECLS

#endif
