/* stream.c - a stream's life: opened, entered by calls, closed when the last of them has left.
 *
 * Streams live in blocks that the loop keeps until its end; a closed one is used again, which its
 * handles notice (base/handle.h). After the loop's end they are known by its mark.
 */
#include "io/stream.h"

#include "base/handle.h"
#include "base/memory.h"
#include "io/address.h"
#include "io/datagram.h"
#include "loop/ledger.h"

#include <coil/net.h>

#include <errno.h>

enum { ALIGN = COIL__HANDLE_ALIGN, BLOCK_STREAMS = 16, DEFAULT_LIMIT = 64 * 1024 };

static const struct coil_stream_options defaults;

static const struct coil__object_class handles = {
    .name = "a stream",
    .enders = "coil_stream_close, coil_stream_abort or coil_stream_detach",
    .kind = COIL__OPENED_STREAM,
};

/* Padded to the alignment of handles. */
union slot {
    struct coil_stream stream;
    char padding[(sizeof(struct coil_stream) + ALIGN - 1) / ALIGN * ALIGN];
};

struct coil__stream_block {
    struct coil__stream_block *next;
    union slot *slots; /* inside of memory, aligned */
    char memory[BLOCK_STREAMS * sizeof(union slot) + ALIGN];
};

static struct coil_stream *handle_of(struct coil_stream *stream)
{
    return coil__handle_make(stream, stream->generation, stream->loop->mark);
}

static void free_io(struct coil__io *io)
{
    struct coil__stream_block *block = io->blocks;

    while (block) {
        struct coil__stream_block *next = block->next;

        coil__free(block);
        block = next;
    }
    for (int class = 0; class < COIL__CHUNK_CLASSES; class ++) {
        while (io->chunks[class]) {
            struct coil__chunk *next = io->chunks[class]->next;

            coil__free(io->chunks[class]);
            io->chunks[class] = next;
        }
    }
    coil__datagrams_free(io);
    coil__free(io->hot);
    coil__free(io);
}

static void abort_all(struct coil__io *io)
{
    for (struct coil__stream_block *block = io->blocks; block; block = block->next) {
        for (int i = 0; i < BLOCK_STREAMS; i++) {
            struct coil_stream *stream = &block->slots[i].stream;

            if (stream->loop && !stream->is_closing) {
                stream->is_taken_away = true;
                coil_stream_abort(handle_of(stream));
            }
        }
    }
}

/* The end of the loop: closes what the program left open, and waits for the kernel to let go. No
 * other loop runs (coil_loop_free has seen to that). */
static void end_io(struct coil_loop *loop)
{
    if (coil__loop_enter(loop) == 0) {
        abort_all(loop->io);
        coil__datagrams_close(loop->io);
        while (loop->io->open_count > 0 && coil__loop_iterate(loop, COIL_NEVER) == 0) {
        }
        coil__loop_leave(loop);
    }
    while (!coil__list_is_empty(&loop->io->servers)) {
        coil__server_free((struct coil_server *)(void *)loop->io->servers.next);
    }
    free_io(loop->io);
    loop->io = NULL;
}

/* In a forked child: its copies of the descriptors go, and its copy of the memory. What the parent
 * has is not touched: no operation is cancelled, nothing is sent. */
static void forget_io(struct coil_loop *loop)
{
    struct coil__io *io = loop->io;

    for (struct coil__stream_block *block = io->blocks; block; block = block->next) {
        for (int i = 0; i < BLOCK_STREAMS; i++) {
            struct coil_stream *stream = &block->slots[i].stream;

            if (stream->loop) {
                coil__stream_drop_input(stream);
                coil__stream_drop_output(stream);
                if (stream->transport) {
                    stream->transport->class_->free(stream->transport);
                } else {
                    loop->backend->net->close(loop->backend, stream->fd);
                }
            }
        }
    }
    coil__datagrams_forget(io);
    while (!coil__list_is_empty(&io->servers)) {
        coil__server_forget((struct coil_server *)(void *)io->servers.next);
    }
    free_io(io);
    loop->io = NULL;
}

int coil__io_get(struct coil_loop *loop, struct coil__io **ret_io)
{
    struct coil__io *io = loop->io;

    if (!io) {
        io = coil__calloc(1, sizeof *io);
        if (!io) {
            return -ENOMEM;
        }
        io->loop = loop;
        coil__list_init(&io->servers);
        loop->io = io;
        loop->end_io = end_io;
        loop->forget_io = forget_io;
    }
    *ret_io = io;
    return 0;
}

static int add_block(struct coil__io *io)
{
    struct coil__stream_block *block = coil__calloc(1, sizeof *block);
    uintptr_t start;

    if (!block) {
        return -ENOMEM;
    }
    start = ((uintptr_t)block->memory + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
    block->slots = (union slot *)start;
    block->next = io->blocks;
    io->blocks = block;
    for (int i = BLOCK_STREAMS - 1; i >= 0; i--) {
        block->slots[i].stream.next_free = io->free_streams;
        io->free_streams = &block->slots[i].stream;
    }
    return 0;
}

/* Whether a stream with these options can be made; then there is one in free_streams. */
static int prepare(struct coil_loop *loop, const struct coil_stream_options *options,
                   struct coil__io **ret_io)
{
    if (options->low_water > (options->high_water ? options->high_water : DEFAULT_LIMIT)) {
        return -EINVAL;
    }
    if (coil__io_get(loop, ret_io) < 0 || (!(*ret_io)->free_streams && add_block(*ret_io) < 0)) {
        return -ENOMEM;
    }
    return 0;
}

static struct coil_stream *make(struct coil__io *io, int fd, bool is_unix,
                                struct coil_transport *transport,
                                const struct coil_stream_options *options)
{
    struct coil_stream *stream = io->free_streams;
    uint8_t generation = stream->generation;

    io->free_streams = stream->next_free;
    io->open_count++;
    *stream = (struct coil_stream){
        .loop = io->loop,
        .io = io,
        .fd = fd,
        .is_unix = is_unix,
        .transport = transport,
        .generation = generation,
        .limit = options->limit ? options->limit : DEFAULT_LIMIT,
        .high_water = options->high_water ? options->high_water : DEFAULT_LIMIT,
    };
    stream->low_water = options->low_water ? options->low_water : stream->high_water / 4;
    if (stream->low_water >= stream->high_water) { /* who waits for room must find some */
        stream->low_water = stream->high_water - 1;
    }
    coil__stream_init_output(stream);
    coil__note_open(io->loop, COIL__OPENED_STREAM, stream);
    return handle_of(stream);
}

static int open_on(struct coil_loop *loop, int fd, bool is_unix,
                   const struct coil_stream_options *options, struct coil_stream **ret_stream)
{
    struct coil__io *io = NULL;
    int rc;

    options = options ? options : &defaults;
    rc = prepare(loop, options, &io);
    rc = rc < 0 ? rc : loop->backend->net->set_nonblocking(loop->backend, fd);
    rc = rc < 0 ? rc : loop->backend->class->adopt(loop->backend, fd);
    if (rc < 0) {
        return rc;
    }
    *ret_stream = make(io, fd, is_unix, NULL, options);
    return 0;
}

int coil__stream_open_socket(int fd, bool is_unix, const struct coil_stream_options *options,
                             struct coil_stream **ret_stream)
{
    struct coil_loop *loop = coil__thread.loop;
    int rc;

    if (fd < 0) {
        return -EBADF;
    }
    if (!loop) {
        coil__net_os.close(NULL, fd);
        return coil__no_task();
    }
    rc = ret_stream ? open_on(loop, fd, is_unix, options, ret_stream) : -EINVAL;
    if (rc < 0 && rc != -EBADF) {
        loop->backend->net->close(loop->backend, fd);
    }
    return rc;
}

int coil_stream_open(int fd, const struct coil_stream_options *options,
                     struct coil_stream **ret_stream)
{
    struct coil_loop *loop = coil__thread.loop;
    int domain = 0;
    socklen_t size = sizeof domain;
    int rc = fd < 0 || !loop ? -EBADF
                             : loop->backend->net->get_option(loop->backend, fd, SOL_SOCKET,
                                                              SO_DOMAIN, &domain, &size);

    if (loop && fd >= 0) {
        coil__note_closed(loop, COIL__OPENED_FILE, coil__ledger_fd(fd)); /* the stream's now */
    }
    return rc == 0 || rc == -EBADF
               ? coil__stream_open_socket(fd, domain == AF_UNIX, options, ret_stream)
               : coil__stream_open_descriptor(fd, options, ret_stream);
}

static bool is_complete(const struct coil_transport_class *class)
{
    return class->receive && class->wait_readable && class->send && class->drain && class->abort &&
           class->free && class->get_write_buffer_size;
}

/* Also of one that is not complete. */
static void drop_transport(struct coil_transport *transport)
{
    if (transport->class_->abort) {
        transport->class_->abort(transport);
    }
    if (transport->class_->free) {
        transport->class_->free(transport);
    }
}

/* NULL: it is closed. Nobody has made a mistake then. */
static struct coil_stream *find_if_open(struct coil_stream *handle)
{
    struct coil_stream *stream;
    void *object = NULL;

    if (coil__object_find(handle, &object) < 0) {
        return NULL;
    }
    stream = object;
    return coil__object_check(handle, stream->loop, stream->is_closing, stream->generation) < 0
               ? NULL
               : stream;
}

/* In debug mode: it is closed with the one above it, and no more open by itself. */
static void note_upper(const struct coil_transport *transport, struct coil_stream *upper)
{
    const struct coil_transport_class *class = transport->class_;
    struct coil_stream *lower = class->get_lower ? class->get_lower(transport) : NULL;

    lower = lower ? find_if_open(lower) : NULL;
    if (lower) {
        lower->upper = upper;
        coil__note_closed(lower->loop, COIL__OPENED_STREAM, lower);
    }
}

int coil_stream_open_transport(struct coil_transport *transport,
                               const struct coil_stream_options *options,
                               struct coil_stream **ret_stream)
{
    struct coil_loop *loop = coil__thread.loop;
    struct coil__io *io = NULL;
    int rc;

    if (!transport || !transport->class_) {
        return -EINVAL;
    }
    options = options ? options : &defaults;
    rc = !ret_stream || !is_complete(transport->class_) ? -EINVAL
         : !loop                                        ? coil__no_task()
                                                        : prepare(loop, options, &io);
    if (rc < 0) {
        drop_transport(transport);
        return rc;
    }
    *ret_stream = make(io, -1, false, transport, options);
    note_upper(transport, *ret_stream);
    return 0;
}

struct coil_transport *coil_stream_get_transport(const struct coil_stream *handle)
{
    struct coil_stream *stream = NULL;
    int rc = coil__stream_find((struct coil_stream *)(uintptr_t)handle, &stream);

    return rc < 0 ? NULL : stream->transport;
}

int coil_open_connection(const char *host, uint16_t port, const struct coil_stream_options *options,
                         struct coil_stream **ret_stream)
{
    int fd = ret_stream ? coil_dial(host, port, NULL) : -EINVAL;

    return fd < 0 ? fd : coil__stream_open_socket(fd, coil__is_unix(host), options, ret_stream);
}

int coil__stream_find(struct coil_stream *handle, struct coil_stream **ret_stream)
{
    struct coil_stream *stream = NULL;
    void *object = NULL;
    int rc = coil__object_find(handle, &object);

    if (COIL__LIKELY(rc == 0)) {
        stream = object;
        rc = coil__object_check(handle, stream->loop, stream->is_closing, stream->generation);
    }
    if (COIL__UNLIKELY(rc < 0)) {
        /* The flag is there until the struct is used again. */
        return stream && stream->is_taken_away ? rc : coil__object_refuse(rc, handle, &handles);
    }
    *ret_stream = stream;
    return 0;
}

int coil__stream_enter(struct coil_stream *handle, struct coil_stream **ret_stream,
                       struct coil_task **ret_self)
{
    int rc = coil__begin(ret_self);

    rc = rc < 0 ? rc : coil__stream_find(handle, ret_stream);
    if (rc == 0) {
        (*ret_stream)->users++;
    }
    return rc;
}

/* The last one out: nobody refers to the stream any more. */
static void dispose(struct coil_stream *stream)
{
    struct coil__backend *backend = stream->loop->backend;
    struct coil__io *io = stream->io;

    coil__stream_drop_input(stream);
    coil__stream_drop_output(stream);
    if (COIL__UNLIKELY(stream->transport)) {
        stream->transport->class_->free(stream->transport);
    } else if (COIL__LIKELY(stream->fd >= 0)) {
        backend->class->release(backend, stream->fd);
        backend->net->close(backend, stream->fd);
    }
    stream->loop = NULL;
    stream->generation++;
    stream->next_free = io->free_streams;
    io->free_streams = stream;
    io->open_count--;
}

void coil__stream_leave(struct coil_stream *stream)
{
    if (--stream->users == 0 && COIL__UNLIKELY(stream->is_closing)) {
        dispose(stream);
    }
}

ssize_t coil__stream_op_wait(struct coil_stream *stream, struct coil_task *self, struct coil_op *op,
                             struct coil_op **place, const char *what)
{
    ssize_t rc = -ECANCELED;

    /* Nobody would interrupt a wait that begins only now. */
    if (COIL__UNLIKELY(stream->is_closing || self->cancel)) {
        op->result = -ECANCELED;
    } else {
        *place = op;
        rc = coil__op_wait(self, op, what);
        *place = NULL;
    }
    if (COIL__UNLIKELY(op->result == -ECANCELED)) {
        return self->cancel ? coil__cancel_error(self) : -COIL_ECLOSED;
    }
    return rc;
}

/* From here on nobody can enter; those inside give up. */
static void shut(struct coil_stream *stream)
{
    stream->users++;
    stream->is_closing = true;
    coil__note_closed(stream->loop, COIL__OPENED_STREAM, stream);
    if (COIL__UNLIKELY(stream->transport)) {
        stream->transport->class_->abort(stream->transport);
    }
    coil__list_remove(&stream->flusher.link);
    coil__op_interrupt(stream->read_op);
    coil__op_interrupt(stream->write_op);
    if (stream->push_stop) {
        *stream->push_stop = true;
    }
    if (stream->pull_stop) {
        *stream->pull_stop = true;
    }
    if (stream->is_sending) {
        coil__op_request_cancel(&stream->send_op);
    }
    coil__stream_wake_writers(stream);
    if (stream->client) {
        stream->client->owner_index = 0;
    }
    coil__stream_leave(stream);
}

void coil_stream_abort(struct coil_stream *handle)
{
    struct coil_stream *stream = NULL;

    if (handle && coil__stream_find(handle, &stream) == 0) {
        shut(stream);
    }
}

void coil__stream_sent(struct coil_stream *stream)
{
    bool is_done = stream->queued == 0 || stream->write_error < 0;

    if (stream->closes_when_sent && is_done && !stream->is_closing) {
        shut(stream);
    }
}

/* No more writes; and the close itself tells the peer. */
static void end_writing(struct coil_stream *stream)
{
    stream->has_eof_queued = true;
    stream->is_shut_down = true;
}

static int close_it(void *arg)
{
    if (find_if_open(arg)) {
        coil_stream_close(arg);
    }
    return 0;
}

/* The close of a transport may suspend. False: no memory for the task. */
static bool close_in_task(struct coil_stream *handle)
{
    struct coil_task_options options = {.name = "close", .site = COIL_HERE};
    struct coil_task *task = coil_task_create(&options, close_it, handle);

    return task && coil_detach(task) == 0;
}

/* The handle of the stream on top of all; NULL: there is none above this one. */
static struct coil_stream *top_of(const struct coil_stream *stream)
{
    struct coil_stream *top = NULL;

    while (stream && stream->upper) {
        struct coil_stream *upper = stream->upper;

        stream = find_if_open(upper);
        top = stream ? upper : top;
    }
    return top;
}

void coil__stream_take_away(struct coil_stream *handle)
{
    struct coil_stream *stream = find_if_open(handle);

    while (stream) {
        stream->is_taken_away = true;
        stream = stream->upper ? find_if_open(stream->upper) : NULL;
    }
}

void coil__stream_close_when_sent(struct coil_stream *handle)
{
    struct coil_stream *stream = NULL;
    struct coil_stream *top;

    if (coil__stream_find(handle, &stream) < 0) {
        return;
    }
    top = top_of(stream);
    if (!top || !close_in_task(top)) {
        end_writing(stream);
        stream->closes_when_sent = true;
        coil__stream_sent(stream);
    }
}

int coil_stream_close(struct coil_stream *handle)
{
    struct coil_task *self = coil__thread.task;
    struct coil_stream *stream = NULL;
    int rc;

    if (!handle) {
        return 0;
    }
    rc = coil__stream_find(handle, &stream);
    if (rc < 0) {
        return rc;
    }
    stream->users++;
    if (COIL__UNLIKELY(stream->transport)) {
        rc = coil__transport_close(stream, self);
    } else if (stream->write_error < 0) {
        rc = stream->write_error;
    } else if (stream->queued > 0) {
        end_writing(stream);
        rc = !self          ? -COIL_ENOTASK
             : self->cancel ? coil__cancel_error(self)
                            : coil__stream_wait_queued(stream, self, 0);
    }
    if (!stream->is_closing) {
        shut(stream);
    }
    coil__stream_leave(stream);
    return rc;
}

static int detach(struct coil_stream *stream, struct coil_task *self, void *buf, size_t size,
                  size_t *ret_size)
{
    struct coil__backend *backend = stream->loop->backend;
    int rc = stream->transport ? -EOPNOTSUPP : coil__stream_wait_queued(stream, self, 0);
    int fd = stream->fd;

    if (rc == 0 && (stream->users > 1 || stream->reader)) {
        rc = -COIL_ECONCURRENT;
    }
    rc = rc < 0 ? rc : coil__stream_take_rest(stream, buf, size, ret_size);
    if (rc < 0) {
        return rc;
    }
    backend->class->release(backend, fd);
    stream->fd = -1;
    shut(stream);
    return fd;
}

int coil_stream_detach(struct coil_stream *handle, void *buf, size_t size, size_t *ret_size)
{
    struct coil_stream *stream;
    struct coil_task *self;
    int rc = (!buf && size > 0) || !ret_size ? -EINVAL : coil__stream_enter(handle, &stream, &self);

    if (rc < 0) {
        return rc;
    }
    rc = detach(stream, self, buf, size, ret_size);
    coil__stream_leave(stream);
    return rc;
}

static int transport_fd(const struct coil_transport *transport)
{
    const struct coil_transport_class *class = transport->class_;
    struct coil_stream *lower = class->get_lower ? class->get_lower(transport) : NULL;

    if (lower) {
        return coil_stream_get_fd(lower);
    }
    return class->get_fd ? class->get_fd(transport) : -ENOTSOCK;
}

int coil_stream_get_fd(const struct coil_stream *handle)
{
    struct coil_stream *stream = NULL;
    int rc = coil__stream_find((struct coil_stream *)(uintptr_t)handle, &stream);

    if (rc < 0 || !stream->transport) {
        return rc < 0 ? rc : stream->fd;
    }
    return transport_fd(stream->transport);
}

int coil_stream_get_address(const struct coil_stream *stream, struct coil_address *ret_address)
{
    int fd = coil_stream_get_fd(stream);

    return fd < 0 ? fd : coil_socket_address(fd, ret_address);
}

int coil_stream_get_peer(const struct coil_stream *stream, struct coil_address *ret_address)
{
    int fd = coil_stream_get_fd(stream);

    return fd < 0 ? fd : coil_socket_peer(fd, ret_address);
}

bool coil_stream_at_eof(const struct coil_stream *handle)
{
    struct coil_stream *stream = NULL;

    if (coil__stream_find((struct coil_stream *)(uintptr_t)handle, &stream) < 0) {
        return true;
    }
    return stream->is_at_eof && stream->in.start == stream->in.end;
}

size_t coil_stream_get_write_buffer_size(const struct coil_stream *handle)
{
    struct coil_stream *stream = NULL;

    if (coil__stream_find((struct coil_stream *)(uintptr_t)handle, &stream) < 0) {
        return 0;
    }
    return coil__stream_queued(stream);
}
