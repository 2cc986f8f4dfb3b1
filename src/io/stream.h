/* stream.h - the inside of a stream.
 *
 * Memory: an idle stream holds no buffer. What is received goes straight into the reader's memory
 * where it can (read), else into the loop's one hot buffer (peek, read_until...); a stream whose
 * bytes still stand there when another one needs it gets a buffer of its own (stream_read.c). What
 * is written is collected in chunks from the loop's small store of them (stream_write.c).
 *
 * Lifetime: the struct goes away in close or abort, except while a task is inside a call on it or
 * an operation is in the kernel: then with the last of those (`users`). Its memory stays with the
 * loop and is used again; handles carry a generation, as those of tasks do, so that a call on a
 * closed stream is noticed.
 */
#ifndef COIL__IO_STREAM_H
#define COIL__IO_STREAM_H

#include "task/task.h"

#include <coil/transport.h>

#include <errno.h>

enum { COIL__HOT_SIZE = 64 * 1024 };

/* Chunks have two sizes: most messages are small, and what is waiting for the kernel in one batch
 * should fit the cache. */
enum { COIL__CHUNK_SMALL, COIL__CHUNK_LARGE, COIL__CHUNK_CLASSES };

struct coil__chunk {
    struct coil__chunk *next;
    uint32_t start; /* of the bytes not yet sent */
    uint32_t end;
    uint32_t capacity; /* of data */
    uint32_t class;
    char data[];
};

struct coil__stream_block;
struct coil__datagram_block;
struct coil_datagram;

/* What the streams of a loop share; made with the first one. */
struct coil__io {
    struct coil_loop *loop;
    struct coil__stream_block *blocks;      /* all memory of streams */
    struct coil_stream *free_streams;       /* by next_free */
    struct coil__datagram_block *datagrams; /* all memory of datagram endpoints */
    struct coil_datagram *free_datagrams;   /* by next_free */
    size_t open_count;                      /* streams and datagram endpoints */
    struct coil__list servers;              /* of coil_server.link */
    char *hot;                              /* COIL__HOT_SIZE bytes */
    struct coil_stream *hot_user;           /* whose unread bytes stand in `hot`; NULL: nobody's */
    struct coil__chunk *chunks[COIL__CHUNK_CLASSES]; /* at hand */
    unsigned chunk_count[COIL__CHUNK_CLASSES];
};

/* Received and not yet read: data[start, end). */
struct coil__inbuf {
    char *data; /* NULL; the loop's hot buffer; or `capacity` bytes of its own */
    size_t start;
    size_t end;
    size_t capacity;
    bool is_hot;
};

/* What a task waits for in a stream; on its stack. */
struct coil__stream_wait {
    struct coil__list link; /* in turns or drainers */
    struct coil__wait wait;
    struct coil_task *self;
    size_t threshold; /* drainers: wake when no more than this is queued */
    bool is_done;
};

struct coil_stream {
    struct coil_loop *loop; /* NULL while free */
    struct coil_stream *next_free;
    uint8_t generation;
    struct coil__io *io;
    int fd;                           /* -1 over a transport, and once given up */
    struct coil_transport *transport; /* instead of a socket; NULL: there is one */
    int read_error;        /* negative: what reading met; returned once the buffer is empty */
    int write_error;       /* negative: what sending met; nothing is sent any more */
    bool is_unix;          /* a unix socket: see coil__stream_note */
    bool is_drained;       /* the last receive came up short: the next one will have to wait */
    bool has_told_drained; /* and try_read has said so */
    bool is_at_eof;        /* the peer's end was received */
    bool is_closing;       /* closed or aborted: calls that still run give up */
    bool has_eof_queued;   /* write_eof: shut down once everything is sent */
    bool is_shut_down;
    bool is_taken_away;       /* by its server, or the end of the loop: its user may not know yet */
    bool closes_when_sent;    /* nobody waits for that: whoever sends the last byte closes */
    unsigned users;           /* calls and operations that still refer to the struct */
    struct coil_task *reader; /* inside a reading call */
    size_t limit;
    size_t high_water;
    size_t low_water;
    struct coil__inbuf in;
    struct coil__chunk *first; /* to be sent, oldest first */
    struct coil__chunk *last;
    size_t queued;                 /* bytes in chunks */
    struct coil__outgoing flusher; /* in loop->outgoing while there is something new to send */
    struct coil_op send_op;
    bool is_sending;     /* send_op is with the backend */
    struct iovec iov[8]; /* send_op's */
    struct msghdr msg;
    bool is_writing;            /* a task has the turn to write */
    bool is_draining;           /* a task is in the transport's drain or close */
    struct coil__list turns;    /* of coil__stream_wait: wait for their turn to write, in order */
    struct coil__list drainers; /* of coil__stream_wait: wait until less is queued */
    struct coil_op *read_op;    /* of the reader, while it waits */
    struct coil_op *write_op;   /* of the writer, while it sends from its own memory and waits */
    atomic_bool *push_stop;     /* of the writer, while a thread sends for it; else NULL */
    atomic_bool *pull_stop;     /* of the reader, while a thread receives for it; else NULL */
    struct coil_task *client;   /* server's: its owner_index is this stream's handle; or NULL */
    struct coil_stream *upper;  /* handle of the one over a transport over this one; NULL: none */
};

/* The loop's, made if need be. -ENOMEM. */
int coil__io_get(struct coil_loop *loop, struct coil__io **ret_io);
/* Frees a server whose tasks have ended (serve.c). */
struct coil_server;
void coil__server_free(struct coil_server *server);
/* In a forked child: closes its copies of the listening sockets, and frees. */
void coil__server_forget(struct coil_server *server);
/* The first listening socket, which stays the server's. */
int coil__server_get_fd(const struct coil_server *server);
/* Brackets of a call on a stream: the stream and the calling task; or why it cannot be made. */
int coil__stream_enter(struct coil_stream *handle, struct coil_stream **ret_stream,
                       struct coil_task **ret_self);
void coil__stream_leave(struct coil_stream *stream);
/* The stream behind a handle: -EINVAL, -COIL_ECLOSED, -COIL_EWRONGTHREAD. */
int coil__stream_find(struct coil_stream *handle, struct coil_stream **ret_stream);
/* It, and what is over it, is about to be closed by others than its user, who need not know. */
void coil__stream_take_away(struct coil_stream *handle);
/* Closes once what is queued has been sent, or cannot be; where there is a stream on top, that one,
 * which has its own way to say so to the peer. Takes a handle; does not suspend. */
void coil__stream_close_when_sent(struct coil_stream *handle);
/* The end of that: to be called when the queue has become empty or has failed. May free. */
void coil__stream_sent(struct coil_stream *stream);
/* Waits for an operation of `self` on the stream, which *place shows meanwhile. As coil__op_wait,
 * but a stream that is closed meanwhile gives -COIL_ECLOSED, and a cancel or close that was there
 * before ends it at once. Where the operation itself has not failed, op->result is -ECANCELED. */
ssize_t coil__stream_op_wait(struct coil_stream *stream, struct coil_task *self, struct coil_op *op,
                             struct coil_op **place, const char *what);

/* Keeps what a receive of `asked` bytes has told about the connection; returns count. One that
 * comes up short has taken all there was; but not from a unix socket, where it also ends with what
 * was sent together with descriptors, whatever stands behind that. */
static inline ssize_t coil__stream_note(struct coil_stream *stream, ssize_t count, size_t asked)
{
    if (count > 0) {
        stream->is_drained = (size_t)count < asked && !stream->transport && !stream->is_unix;
        stream->has_told_drained = false;
    } else if (count == 0) {
        stream->is_at_eof = true;
    } else if (count != -ENOMEM && count != -ENOBUFS) {
        stream->read_error = (int)count;
    }
    return count;
}

/* As coil_stream_open, for what is known to be a socket, and whether a unix one. */
int coil__stream_open_socket(int fd, bool is_unix, const struct coil_stream_options *options,
                             struct coil_stream **ret_stream);

/* stream_read.c: forgets what was received. */
void coil__stream_drop_input(struct coil_stream *stream);
/* Moves all that is buffered to buf: 0, -COIL_ELIMIT. */
int coil__stream_take_rest(struct coil_stream *stream, void *buf, size_t size, size_t *ret_size);
/* Brackets of a call that reads; one at a time. end: passes rc on. */
int coil__stream_begin_read(struct coil_stream *handle, struct coil_stream **ret_stream,
                            struct coil_task **ret_self);
ssize_t coil__stream_end_read(struct coil_stream *stream, ssize_t rc);
/* What is buffered, or else what a receive brings; 0 at the end. */
ssize_t coil__stream_read_some(struct coil_stream *stream, struct coil_task *self, void *buf,
                               size_t size);
/* Waits until the socket has something: 0, or why there will be nothing. */
int coil__stream_wait_readable(struct coil_stream *stream, struct coil_task *self);
/* Copies buffered bytes, which stay; and takes them. */
size_t coil__stream_copy_buffered(const struct coil_stream *stream, void *buf, size_t size);
void coil__stream_take(struct coil_stream *stream, size_t size);
/* Bytes that were received come back, to be read next: data[start, end), of `capacity` bytes that
 * coil__malloc has given and the stream frees. Nothing else may be buffered. */
void coil__stream_give_back(struct coil_stream *stream, char *data, size_t capacity, size_t start,
                            size_t end);

/* stream_write.c */
void coil__stream_init_output(struct coil_stream *stream);
void coil__stream_drop_output(struct coil_stream *stream);
/* Lets everybody who waits to write look again. */
void coil__stream_wake_writers(struct coil_stream *stream);
/* Waits until at most `threshold` bytes are queued: 0, the stream's error, or a cancel's reason. */
int coil__stream_wait_queued(struct coil_stream *stream, struct coil_task *self, size_t threshold);
/* Why nothing can be sent any more: closed, or the error of an earlier write. 0: it can. */
int coil__stream_state_error(const struct coil_stream *stream);
/* The same for a write that begins, which has no place behind the end. */
int coil__stream_writable(const struct coil_stream *stream);
/* Nothing is sent any more; the next call that writes returns error. */
void coil__stream_fail(struct coil_stream *stream, int error);
/* The turn to write: bytes of others go before it was taken or after it was given. */
int coil__stream_take_turn(struct coil_stream *stream, struct coil_task *self);
void coil__stream_give_turn(struct coil_stream *stream);
/* With the turn: accepts all of it, or less when an error came after a part. */
ssize_t coil__stream_write_all(struct coil_stream *stream, struct coil_task *self, const char *data,
                               size_t size);
/* With the turn: sends what is queued, as far as the socket takes it; more follows at once. */
void coil__stream_send_ahead(struct coil_stream *stream);
bool coil__stream_is_in_hot(const struct coil_stream *stream, const void *data);
/* Waits in drainers or turns: 0 once it was woken, or a cancel's reason. */
int coil__stream_wait_in(struct coil__list *list, struct coil_task *self, size_t threshold,
                         const char *what);

/* stream_pipe.c: of what is no socket, read and written as far as it is open for that. */
int coil__stream_open_descriptor(int fd, const struct coil_stream_options *options,
                                 struct coil_stream **ret_stream);

/* stream_transport.c: the same over a transport. */
ssize_t coil__transport_attempt(struct coil_stream *stream, void *buf, size_t size);
ssize_t coil__transport_receive(struct coil_stream *stream, struct coil_task *self, void *buf,
                                size_t size);
int coil__transport_wait_readable(struct coil_stream *stream, struct coil_task *self);
ssize_t coil__transport_write_all(struct coil_stream *stream, struct coil_task *self,
                                  const char *data, size_t size);
ssize_t coil__transport_try_write(struct coil_stream *stream, const void *data, size_t size);
int coil__transport_wait_queued(struct coil_stream *stream, struct coil_task *self,
                                size_t threshold);
/* With the turn to write: the end, which is accepted at once. */
void coil__transport_send_eof(struct coil_stream *stream);
/* What coil_stream_close does before everything is shut. */
int coil__transport_close(struct coil_stream *stream, struct coil_task *self);

/* Bytes that are not yet handed to the system. */
static inline size_t coil__stream_queued(const struct coil_stream *stream)
{
    return COIL__UNLIKELY(stream->transport)
               ? stream->transport->class_->get_write_buffer_size(stream->transport)
               : stream->queued;
}

#endif
