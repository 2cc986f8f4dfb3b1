/* coil/stream.h - a buffered, bidirectional stream of bytes over a connected socket.
 *
 *     rc = coil_open_connection("example.org", 80, NULL, &stream);
 *     coil_stream_write(stream, "GET / HTTP/1.0\r\n\r\n", 18);
 *     while ((n = coil_stream_read(stream, buf, sizeof buf)) > 0) { ... }
 *     coil_stream_close(stream);
 *
 * Reading: one task at a time (another one gets -COIL_ECONCURRENT). No byte that was received is
 * lost by a cancel or a deadline; the stream stays usable.
 * Writing: small writes are copied and go out together at the end of the iteration; a write above
 * the high-water mark waits until there is room, so memory is bounded without calling drain.
 * Several tasks may write: each write's bytes stay together, and waiting ones go in order. An
 * error of an earlier write is returned by the next call that writes, drains or closes.
 *
 * A stream belongs to its loop, and must be closed or aborted before the loop ends. A call on a
 * closed one answers -COIL_ECLOSED; on one of a loop that has ended, or of another one than runs
 * here, -COIL_EWRONGTHREAD. asyncio's counterparts: StreamReader and StreamWriter in one,
 * open_connection, start_server.
 */
#ifndef COIL_STREAM_H
#define COIL_STREAM_H

#include <coil/address.h>
#include <coil/base.h>

#include <sys/uio.h>

struct coil_stream;

/* All-zero is the default of everything. */
struct coil_stream_options {
    size_t limit;      /* most bytes that read_until looks through and peek collects; 0: 64 KiB */
    size_t high_water; /* bytes waiting to be sent above which writes wait; 0: 64 KiB */
    size_t low_water;  /* they go on at this; 0: a quarter of high_water */
};

/* What a part of a stream ends with. */
struct coil_separator {
    const void *data;
    size_t size; /* in bytes, above 0 */
};

COIL_BEGIN_DECLS

/* Connects to a host and makes a stream of it: the name is looked up on a thread, its addresses are
 * raced (Happy Eyeballs, RFC 8305); a coil_timeout around it bounds all of that. host: a name, an
 * address, or "unix:/path" (port is ignored then). options: may be NULL. ret_stream: owned by the
 * caller, who closes it. -COIL_EHOSTNAME, -COIL_ERESOLVER, -ECONNREFUSED, -ENETUNREACH, ... (of
 * the first address), -ENOMEM. Cancel: nothing is left behind. asyncio: open_connection. */
COIL_EXPORT COIL_SUSPENDS int coil_open_connection(const char *host, uint16_t port,
                                                   const struct coil_stream_options *options,
                                                   struct coil_stream **ret_stream);

/* Makes a stream of a connected socket, or of a pipe, terminal, device or file (see below). fd: the
 * stream's from now on, also on failure (it is closed then); a socket is made non-blocking.
 * options: may be NULL. -ENOMEM, -EINVAL, -EISDIR, -COIL_ENOLOOP. */
COIL_EXPORT int coil_stream_open(int fd, const struct coil_stream_options *options,
                                 struct coil_stream **ret_stream);

/* Makes one stream of a descriptor to read from and another one to write to: the two ends of a
 * child's pipes, say. Each: -1 for none; a pipe, FIFO, socket, terminal, device or file; the
 * stream's from now on, also on failure. Both may be the same. options: may be NULL.
 *
 * Nothing is queued: each write is a system call, and waits until the pipe has taken all of it.
 * write_eof closes the writing descriptor (a terminal, which is both, has no end to be sent).
 * Where nothing is to be read from (-1), a reading call waits until the reader at the other end has
 * gone, and returns 0; writes get -EPIPE then, and never a SIGPIPE. Without anything to write to,
 * writes fail with -EBADF.
 * O_NONBLOCK is not set where others would find it: pipes are asked not to wait call by call
 * (RWF_NOWAIT; before Linux 6.4 the flag is set for the time of the call), a terminal is opened
 * anew under the same number. A file, which is read and written from its current position on, is
 * waited for as by coil_read: it holds up nobody else.
 * 0; -EBADF (also: not open in that direction), -EISDIR, -EINVAL (an eventfd or the like; neither
 * is given), -ENOMEM, -COIL_ENOLOOP. asyncio: connect_read_pipe, connect_write_pipe. */
COIL_EXPORT int coil_stream_open_pipes(int read_fd, int write_fd,
                                       const struct coil_stream_options *options,
                                       struct coil_stream **ret_stream);

/* The same with copies of standard input and output, whatever they are. The descriptors 0 and 1
 * stay as they are, so the end of what is written comes when the process closes 1 or ends, too.
 * -EBADF or -EINVAL when one of them was closed as the process began, -EMFILE, and as above. */
COIL_EXPORT int coil_stream_open_stdio(const struct coil_stream_options *options,
                                       struct coil_stream **ret_stream);

/* Two streams that are connected to each other in memory, for tests of protocols and for parts of a
 * program that talk in bytes; on every backend, without a descriptor. options: of both; may be
 * NULL; high_water also bounds what one has written and the other has not read, and then writes
 * wait. What was written counts as handed over at once. A close gives the peer the end, an abort
 * -ECONNRESET behind what is there already; who writes to a closed peer gets -EPIPE.
 * ret_streams: owned by the caller, who closes each. 0, -ENOMEM, -EINVAL, -COIL_ENOLOOP.
 * asyncio: none; its tests use socket.socketpair. */
COIL_EXPORT int coil_stream_pair(const struct coil_stream_options *options,
                                 struct coil_stream *ret_streams[2]);

/* Reads what is there, at least one byte, at most size. Returns the count, 0 at the end;
 * -ECONNRESET and the like; -COIL_ECONCURRENT. Cancel: nothing was read. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_stream_read(struct coil_stream *stream, void *buf,
                                                   size_t size);

/* As read, but does not suspend: what is buffered or can be received now. -EAGAIN: nothing is known
 * to be there (it may say so once too often after a read that took all there was, so it is followed
 * by a wait or another try, not by a conclusion). -COIL_ECONCURRENT while a task reads. Callable
 * from callbacks and in cancelled tasks. */
COIL_EXPORT ssize_t coil_stream_try_read(struct coil_stream *stream, void *buf, size_t size);

/* Waits until try_read has something to say: bytes, the end or an error. Takes no bytes and needs
 * no memory of the caller's. 0; -COIL_ECONCURRENT, -COIL_ECLOSED. It may be early: then try_read
 * says -EAGAIN, and one waits again. */
COIL_EXPORT COIL_SUSPENDS int coil_stream_wait_readable(struct coil_stream *stream);

/* Reads exactly size bytes. Returns size. -COIL_EINCOMPLETE when the end came first. ret_read (may
 * be NULL): how many bytes stand in buf, on failure too; those are taken from the stream. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_stream_read_exactly(struct coil_stream *stream, void *buf,
                                                           size_t size, size_t *ret_read);

/* Reads up to and including a separator of sep_size bytes. Returns the count.
 * -COIL_ELIMIT: the separator is not within size bytes, or not within the stream's limit;
 * -COIL_EINCOMPLETE: the end came before it. On every failure, cancel included, all data stays in
 * the stream and can be read otherwise. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_stream_read_until(struct coil_stream *stream,
                                                         const void *sep, size_t sep_size,
                                                         void *buf, size_t size);

/* The same with several separators, one or more: reads up to and including the first place where
 * any of them ends, which is the shortest part that there is. seps: count of them, not kept.
 * ret_which (may be NULL): the index of the one that ends there; the longest one, where several do
 * ("\r\n" and "\n"). Errors as above. asyncio: readuntil with a tuple, from 3.13 on. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_stream_read_until_any(struct coil_stream *stream,
                                                             const struct coil_separator *seps,
                                                             size_t count, void *buf, size_t size,
                                                             size_t *ret_which);

/* Reads a line, its '\n' included (what is left before the end counts as one), and adds a '\0'.
 * size: room, '\0' included. Returns the count without the '\0', 0 at the end. -COIL_ELIMIT as
 * above, and then nothing is lost. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_stream_read_line(struct coil_stream *stream, char *buf,
                                                        size_t size);

/* Lends what is buffered, without copying: waits until at least min bytes are there (min 0 or 1:
 * any). ret_data: valid until the next call that suspends. Returns the count (>= min), less than
 * min only at the end, 0 when nothing is left. -COIL_ELIMIT when min is above the limit. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_stream_peek(struct coil_stream *stream, size_t min,
                                                   const char **ret_data);

/* Takes size of the bytes that peek has lent. 0; -EINVAL for more than are there;
 * -COIL_ECONCURRENT while a task reads. */
COIL_EXPORT int coil_stream_consume(struct coil_stream *stream, size_t size);

/* True when the end was received and everything before it was read. */
COIL_EXPORT bool coil_stream_at_eof(const struct coil_stream *stream);

/* Writes all of it: copies it or sends it, waits above the high-water mark. Returns size; or less,
 * when a cancel or an error came after a part was accepted; or an error when nothing was: -EPIPE,
 * -ECONNRESET (the peer is gone), -COIL_ECLOSED (after write_eof), -ENOMEM. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_stream_write(struct coil_stream *stream, const void *buf,
                                                    size_t size);

/* As write, of several pieces that stay together; to an idle socket they go in one system call,
 * without a copy if they are large. iov: count (1 to IOV_MAX) pieces of the caller's memory, needed
 * until it returns. Returns the sum of their sizes, or less as write does. -EINVAL. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_stream_writev(struct coil_stream *stream,
                                                     const struct iovec *iov, int count);

/* As write, but does not suspend: accepts what there is room for below the high-water mark. Returns
 * the count (>= 1, for a size above 0); -EAGAIN while there is no room or a write of another task
 * is under way; errors as above. Callable from callbacks and in cancelled tasks. */
COIL_EXPORT ssize_t coil_stream_try_write(struct coil_stream *stream, const void *buf, size_t size);

/* Waits while more than the high-water mark is waiting to be sent, until the low-water mark. 0 or
 * the error of an earlier write. Many tasks may wait. */
COIL_EXPORT COIL_SUSPENDS int coil_stream_drain(struct coil_stream *stream);

/* Waits until everything has been handed to the system. 0 or the error of an earlier write. */
COIL_EXPORT COIL_SUSPENDS int coil_stream_flush(struct coil_stream *stream);

/* Sends what is waiting, then the end of the stream; reading goes on. Writes that other tasks have
 * begun go first. 0 or an error; -EOPNOTSUPP where the transport has no such end. Cancel: the end
 * is still sent once everything before it is. Twice: does nothing. */
COIL_EXPORT COIL_SUSPENDS int coil_stream_write_eof(struct coil_stream *stream);

/* Sends what is waiting and closes. Frees the stream in any case. 0, or an error when not all could
 * be sent. Cancel: what was not sent yet is dropped. NULL: does nothing. Nothing can be written
 * from now on; a task that still reads or writes when all is sent gets -COIL_ECLOSED. */
COIL_EXPORT COIL_SUSPENDS int coil_stream_close(struct coil_stream *stream);

/* Closes at once: what was not sent is dropped, the peer sees a reset if it sends. Frees the
 * stream. NULL: does nothing. Does not suspend; callable from callbacks. */
COIL_EXPORT void coil_stream_abort(struct coil_stream *stream);

/* Gives up the descriptor: sends what is waiting, frees the stream without closing, and returns the
 * descriptor, which is the caller's from then on (non-blocking). buf: takes what was received and
 * not read, size bytes of room; may be NULL and 0. ret_size: how many those are. On failure the
 * stream stays as it was: -COIL_ELIMIT (buf is too small: read first), -COIL_ECONCURRENT (another
 * task is in a call on it), -EOPNOTSUPP (over a transport), the error of an earlier write.
 * Cancel: the stream stays. asyncio: none; a new protocol by set_protocol. */
COIL_EXPORT COIL_SUSPENDS int coil_stream_detach(struct coil_stream *stream, void *buf, size_t size,
                                                 size_t *ret_size);

/* Bytes that were written and not yet handed to the system. */
COIL_EXPORT size_t coil_stream_get_write_buffer_size(const struct coil_stream *stream);

/* The stream's own address, and its peer's; over a transport, those of the stream below. 0;
 * -ENOTCONN (a peer that has vanished: ask early), -ENOTSOCK, -EINVAL, -COIL_ECLOSED.
 * asyncio: get_extra_info("sockname"), ("peername"). */
COIL_EXPORT int coil_stream_get_address(const struct coil_stream *stream,
                                        struct coil_address *ret_address);
COIL_EXPORT int coil_stream_get_peer(const struct coil_stream *stream,
                                     struct coil_address *ret_address);

/* The descriptor, which stays the stream's; over a transport, that of the stream below. -ENOTSOCK:
 * it has none. asyncio: get_extra_info("socket"). */
COIL_EXPORT int coil_stream_get_fd(const struct coil_stream *stream);

COIL_END_DECLS

#endif
