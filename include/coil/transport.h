/* coil/transport.h - what a stream does its I/O with when that is not a socket: TLS, memory, a
 * compressor. The stream on top keeps its whole face: read_until, peek, turns of writers, close.
 *
 * A transport is a struct of its maker's that begins with a struct coil_transport:
 *
 *     struct rot13 { struct coil_transport transport; struct coil_stream *lower; ... };
 *     rc = coil_stream_open_transport(&rot13->transport, NULL, &stream);
 *
 * The stream calls it in the thread of its loop only, and each call with at most one task at a time
 * (one may read while another one writes). A function that is said not to suspend must not call any
 * that does. What suspends, and is cancelled, returns the cancel's reason and has lost nothing.
 *
 * The stream has no queue of its own here: what is written goes to send at once, and is counted by
 * get_write_buffer_size as long as it waits to be handed to the system.
 *
 * asyncio's counterpart: Transport, as its sslproto implements it.
 */
#ifndef COIL_TRANSPORT_H
#define COIL_TRANSPORT_H

#include <coil/base.h>
#include <coil/stream.h>

struct coil_transport;

/* Static storage, shared by all transports of a kind. What may be NULL says so. */
struct coil_transport_class {
    const char *name; /* "tls"; for reports */

    /* Does not suspend. Moves at most size (> 0) bytes to buf: their count; 0 at the end; -EAGAIN
     * when nothing has come yet; or an error, which the stream keeps (all but -ENOMEM). */
    ssize_t (*receive)(struct coil_transport *transport, void *buf, size_t size);

    /* Suspends until receive is worth another try: 0. Or a cancel's reason, or another error, which
     * the waiting call returns and the stream does not keep. */
    int (*wait_readable)(struct coil_transport *transport);

    /* Does not suspend. Accepts bytes to be sent, buf not being needed any longer: their count,
     * 1 to size (> 0); -EAGAIN while it is full; or an error, which the stream keeps (all but
     * -ENOMEM). The stream stops by itself above its high-water mark. */
    ssize_t (*send)(struct coil_transport *transport, const void *buf, size_t size);

    /* Suspends until at most `threshold` accepted bytes wait to be handed to the system, and send,
     * if it was full, is worth another try: 0. Or a cancel's reason; or an error, which the stream
     * keeps. */
    int (*drain)(struct coil_transport *transport, size_t threshold);

    /* Does not suspend. Accepts the end, to be sent after all that was accepted; reading goes on.
     * Called at most once, and send not after it; by coil_stream_close too, when all was handed
     * over. 0 or an error, which the stream keeps. NULL: coil_stream_write_eof returns
     * -EOPNOTSUPP. */
    int (*write_eof)(struct coil_transport *transport);

    /* Suspends. The orderly end, after write_eof, when everything was drained, and before abort; a
     * task may still be in wait_readable, none is in drain. 0 or an error, which coil_stream_close
     * returns. Not called in a cancelled task, outside of tasks, or after an error of writing. May
     * be NULL. */
    int (*close)(struct coil_transport *transport);

    /* Does not suspend. Ends everything at once: whoever waits in this transport returns, with
     * any result. Called once, also after close; nothing but free and get_lower is called later. */
    void (*abort)(struct coil_transport *transport);

    /* Releases the struct; nobody is in it. After abort; but in a forked child without it: so only
     * memory and descriptors may be released here, and the streams of the loop left alone. */
    void (*free)(struct coil_transport *transport);

    /* Bytes that were accepted and not yet handed to the system. */
    size_t (*get_write_buffer_size)(const struct coil_transport *transport);

    /* The stream below: its address, peer and descriptor are the upper one's. NULL: there is
     * none. */
    struct coil_stream *(*get_lower)(const struct coil_transport *transport);

    /* The descriptor where there is no stream below, which stays the transport's. NULL: none. */
    int (*get_fd)(const struct coil_transport *transport);

    /* Suspends. Instead of send where the stream may wait, for what is waited for otherwise than by
     * drain (a disk): writes bytes straight from buf. Their count (> 0), a cancel's reason, or an
     * error, which the stream keeps. NULL: send and drain serve. */
    ssize_t (*write)(struct coil_transport *transport, const void *buf, size_t size);
};

/* The first member of every transport. class_: set by its maker, static storage. */
struct coil_transport {
    const struct coil_transport_class *class_;
};

COIL_BEGIN_DECLS

/* Makes a stream of a transport. transport: the stream's from now on, also on failure (it is
 * aborted and freed then). options: may be NULL; the marks bound what get_write_buffer_size
 * counts. ret_stream: owned by the caller, who closes it. 0; -EINVAL (a class that lacks what it
 * must have), -ENOMEM, -COIL_ENOLOOP. */
COIL_EXPORT int coil_stream_open_transport(struct coil_transport *transport,
                                           const struct coil_stream_options *options,
                                           struct coil_stream **ret_stream);

/* The transport of a stream, to be recognised by its class_; it stays the stream's. NULL: it is a
 * socket's, or closed. */
COIL_EXPORT struct coil_transport *coil_stream_get_transport(const struct coil_stream *stream);

COIL_END_DECLS

#endif
