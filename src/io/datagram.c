/* datagram.c - datagram endpoints: opened, sending and receiving, closed.
 *
 * Each call is tried first, without waiting. Where it would wait, a receive becomes an operation on
 * the calling task's stack. Sends and batches wait until the socket is ready, and are tried again:
 * io_uring must not repeat the send of a datagram, because a full unix socket has by then taken the
 * bytes out of the kernel's copy of the vector, and an empty datagram would be sent; and a batch
 * has no operation. What is waited for stands in `waits`, so that a close can ask it to end.
 *
 * A full unix socket that one is not connected to gives no sign when it has room again (poll looks
 * at the sender's own side only): senders look again each COIL__BLIND_PAUSE.
 */
#include "io/datagram.h"

#include "base/memory.h"
#include "io/net.h"
#include "loop/ledger.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>

enum { ALIGN = COIL__HANDLE_ALIGN };

static const struct coil__object_class handles = {
    .name = "a datagram endpoint", .enders = "coil_datagram_close", .kind = COIL__OPENED_DATAGRAM};

struct coil__datagram_block {
    struct coil__datagram_block *next;
    struct coil_datagram *datagram; /* inside of memory, aligned */
    char memory[sizeof(struct coil_datagram) + ALIGN];
};

/* An operation that a call waits for. */
struct op_wait {
    struct coil__list link; /* in datagram->waits */
    struct coil_op *op;
};

static struct coil_datagram *handle_of(struct coil_datagram *datagram)
{
    return coil__handle_make(datagram, datagram->generation, datagram->loop->mark);
}

/* --- life --- */

static int add_block(struct coil__io *io)
{
    struct coil__datagram_block *block = coil__calloc(1, sizeof *block);
    uintptr_t start;

    if (!block) {
        return -ENOMEM;
    }
    start = ((uintptr_t)block->memory + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
    block->datagram = (struct coil_datagram *)start;
    block->next = io->datagrams;
    io->datagrams = block;
    block->datagram->next_free = io->free_datagrams;
    io->free_datagrams = block->datagram;
    return 0;
}

static struct coil_datagram *take(struct coil__io *io, int fd, int family)
{
    struct coil_datagram *datagram = io->free_datagrams;
    uint8_t generation = datagram->generation;

    io->free_datagrams = datagram->next_free;
    io->open_count++;
    *datagram = (struct coil_datagram){
        .loop = io->loop, .io = io, .fd = fd, .family = family, .generation = generation};
    coil__list_init(&datagram->waits);
    if (family == AF_UNIX) {
        coil__net_note_file(io->loop, fd, &datagram->file);
    }
    coil__note_open(io->loop, COIL__OPENED_DATAGRAM, datagram);
    return datagram;
}

/* The last one out: nobody refers to the endpoint any more. */
static void dispose(struct coil_datagram *datagram)
{
    struct coil__backend *backend = datagram->loop->backend;
    struct coil__io *io = datagram->io;

    coil__socket_file_remove(&datagram->file);
    backend->class->release(backend, datagram->fd);
    backend->net->close(backend, datagram->fd);
    datagram->loop = NULL;
    datagram->generation++;
    datagram->next_free = io->free_datagrams;
    io->free_datagrams = datagram;
    io->open_count--;
}

static void leave(struct coil_datagram *datagram)
{
    if (--datagram->users == 0 && COIL__UNLIKELY(datagram->is_closing)) {
        dispose(datagram);
    }
}

/* From here on nobody can enter; those inside give up. */
static void shut(struct coil_datagram *datagram)
{
    datagram->users++;
    datagram->is_closing = true;
    coil__note_closed(datagram->loop, COIL__OPENED_DATAGRAM, datagram);
    COIL__LIST_FOREACH(&datagram->waits, link) {
        struct op_wait *wait = COIL__CONTAINER(link, struct op_wait, link);

        coil__op_interrupt(wait->op);
    }
    leave(datagram);
}

int coil__datagram_find(const struct coil_datagram *handle, struct coil_datagram **ret_datagram)
{
    struct coil_datagram *datagram = NULL;
    void *object = NULL;
    int rc = coil__object_find(handle, &object);

    if (rc == 0) {
        datagram = object;
        rc = coil__object_check(handle, datagram->loop, datagram->is_closing, datagram->generation);
    }
    if (COIL__UNLIKELY(rc < 0)) {
        return coil__object_refuse(rc, handle, &handles);
    }
    *ret_datagram = datagram;
    return 0;
}

static int enter(const struct coil_datagram *handle, struct coil_datagram **ret_datagram,
                 struct coil_task **ret_self)
{
    int rc = coil__begin(ret_self);

    rc = rc < 0 ? rc : coil__datagram_find(handle, ret_datagram);
    if (rc == 0) {
        (*ret_datagram)->users++;
    }
    return rc;
}

void coil__datagrams_close(struct coil__io *io)
{
    for (struct coil__datagram_block *block = io->datagrams; block; block = block->next) {
        if (block->datagram->loop && !block->datagram->is_closing) {
            shut(block->datagram);
        }
    }
}

void coil__datagrams_forget(struct coil__io *io)
{
    for (struct coil__datagram_block *block = io->datagrams; block; block = block->next) {
        if (block->datagram->loop) {
            io->loop->backend->net->close(io->loop->backend, block->datagram->fd);
        }
    }
}

void coil__datagrams_free(struct coil__io *io)
{
    while (io->datagrams) {
        struct coil__datagram_block *next = io->datagrams->next;

        coil__free(io->datagrams);
        io->datagrams = next;
    }
}

/* --- open and close --- */

static bool is_given(const struct coil_address *address)
{
    return address && address->size > 0;
}

/* The one family of the addresses, or an error. */
static int family_of(const struct coil_address *local, const struct coil_address *remote)
{
    int family = is_given(local)    ? local->storage.ss_family
                 : is_given(remote) ? remote->storage.ss_family
                                    : -EINVAL;

    if (family < 0) {
        return family;
    }
    if (is_given(remote) && remote->storage.ss_family != family) {
        return -EAFNOSUPPORT;
    }
    return family == AF_INET || family == AF_INET6 || family == AF_UNIX ? family : -EAFNOSUPPORT;
}

static int set_options(struct coil_loop *loop, int fd, int family,
                       const struct coil_datagram_options *options)
{
    const struct {
        bool is_wanted;
        int level;
        int name;
        int value;
    } list[] = {
        {options->reuse_port, SOL_SOCKET, SO_REUSEPORT, 1},
        {options->reuse_address, SOL_SOCKET, SO_REUSEADDR, 1},
        {options->broadcast, SOL_SOCKET, SO_BROADCAST, 1},
        {options->receive_buffer > 0, SOL_SOCKET, SO_RCVBUF, options->receive_buffer},
        {options->send_buffer > 0, SOL_SOCKET, SO_SNDBUF, options->send_buffer},
        {family == AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, !options->dual_stack},
    };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof list / sizeof *list; i++) {
        if (list[i].is_wanted) {
            rc = coil__net_set(loop, fd, list[i].level, list[i].name, list[i].value);
        }
    }
    return rc;
}

/* A connect without a handshake does not wait. */
static int connect_to(struct coil_loop *loop, int fd, const struct coil_address *remote)
{
    struct coil_op op = {.kind_ = COIL__OP_CONNECT,
                         .fd_ = fd,
                         .buf_ = (void *)(uintptr_t)&remote->storage,
                         .size_ = remote->size};

    return (int)loop->backend->net->attempt(loop->backend, &op);
}

static int make_socket(struct coil_loop *loop, int family, const struct coil_address *local,
                       const struct coil_address *remote,
                       const struct coil_datagram_options *options)
{
    struct coil__backend *backend = loop->backend;
    int fd = backend->net->socket(backend, family, SOCK_DGRAM, 0);
    int rc;

    if (fd < 0) {
        return fd;
    }
    rc = set_options(loop, fd, family, options);
    if (rc == 0 && is_given(local)) {
        rc = coil__net_bind(loop, fd, local);
        rc = rc < 0 ? rc : coil__net_set_mode(loop, local, options->mode);
    }
    if (rc == 0 && is_given(remote)) {
        rc = connect_to(loop, fd, remote);
    }
    rc = rc < 0 ? rc : backend->class->adopt(backend, fd);
    if (rc < 0) {
        backend->net->close(backend, fd);
        return rc;
    }
    return fd;
}

int coil_datagram_open(const struct coil_address *local, const struct coil_address *remote,
                       const struct coil_datagram_options *options,
                       struct coil_datagram **ret_datagram)
{
    static const struct coil_datagram_options defaults = {0};
    struct coil_loop *loop = coil__thread.loop;
    struct coil__io *io = NULL;
    int family;
    int fd;

    if (!ret_datagram) {
        return -EINVAL;
    }
    if (!loop) {
        return coil__no_task();
    }
    family = family_of(local, remote);
    if (family < 0) {
        return family;
    }
    if (coil__io_get(loop, &io) < 0 || (!io->free_datagrams && add_block(io) < 0)) {
        return -ENOMEM;
    }
    fd = make_socket(loop, family, local, remote, options ? options : &defaults);
    if (fd < 0) {
        return fd;
    }
    *ret_datagram = handle_of(take(io, fd, family));
    return 0;
}

void coil_datagram_close(struct coil_datagram *handle)
{
    struct coil_datagram *datagram = NULL;

    if (handle && coil__datagram_find(handle, &datagram) == 0) {
        shut(datagram);
    }
}

/* --- waiting --- */

static ssize_t wait_for(struct coil_datagram *datagram, struct coil_task *self, struct coil_op *op,
                        const char *what)
{
    struct op_wait wait = {.op = op};
    ssize_t rc = -ECANCELED;

    /* Nobody would interrupt a wait that begins only now. */
    if (COIL__UNLIKELY(datagram->is_closing || self->cancel)) {
        op->result = -ECANCELED;
    } else {
        coil__list_push_tail(&datagram->waits, &wait.link);
        rc = coil__op_wait(self, op, what);
        coil__list_remove(&wait.link);
    }
    if (COIL__UNLIKELY(op->result == -ECANCELED)) {
        return self->cancel ? coil__cancel_error(self) : -COIL_ECLOSED;
    }
    return rc;
}

/* Waits for an event of the socket's; 0 or an error. */
static int wait_ready(struct coil_datagram *datagram, struct coil_task *self, short events,
                      const char *what)
{
    struct coil_op op = {.kind_ = COIL__OP_POLL, .fd_ = datagram->fd, .flags_ = events};
    ssize_t rc = wait_for(datagram, self, &op, what);

    return rc < 0 ? (int)rc : 0;
}

/* 0 when sending may be tried again, or an error. */
static int wait_for_room(struct coil_datagram *datagram, struct coil_task *self,
                         const struct msghdr *msg)
{
    int rc;

    if (datagram->family != AF_UNIX || !msg->msg_name) {
        return wait_ready(datagram, self, POLLOUT, "send of a datagram");
    }
    rc = coil_sleep(COIL__BLIND_PAUSE); /* nothing tells: see above */
    return rc == 0 && datagram->is_closing ? -COIL_ECLOSED : rc;
}

/* --- one datagram --- */

static ssize_t send_message(struct coil_datagram *datagram, struct coil_task *self,
                            struct msghdr *msg)
{
    struct coil__backend *backend = datagram->loop->backend;
    struct coil_op op = {.kind_ = COIL__OP_SENDMSG, .fd_ = datagram->fd, .buf_ = msg, .size_ = 1};
    ssize_t rc = backend->net->attempt(backend, &op);

    if (rc != -EAGAIN) {
        coil__spend(self);
    }
    while (rc == -EAGAIN) {
        rc = wait_for_room(datagram, self, msg);
        rc = rc < 0 ? rc : backend->net->attempt(backend, &op);
    }
    return rc;
}

static ssize_t send_one(struct coil_datagram *handle, const void *buf, size_t size,
                        const struct coil_address *to)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = size};
    struct msghdr msg = {
        .msg_name = to ? (void *)(uintptr_t)&to->storage : NULL,
        .msg_namelen = to ? to->size : 0,
        .msg_iov = &iov,
        .msg_iovlen = 1,
    };
    struct coil_datagram *datagram = NULL;
    struct coil_task *self;
    ssize_t rc = enter(handle, &datagram, &self);

    if (rc < 0) {
        return rc;
    }
    if ((!buf && size > 0) || (to && to->size == 0)) {
        rc = -EINVAL;
    } else {
        rc = size > SSIZE_MAX ? -EMSGSIZE : send_message(datagram, self, &msg);
    }
    leave(datagram);
    return rc;
}

ssize_t coil_datagram_send(struct coil_datagram *datagram, const void *buf, size_t size)
{
    return send_one(datagram, buf, size, NULL);
}

ssize_t coil_datagram_send_to(struct coil_datagram *datagram, const void *buf, size_t size,
                              const struct coil_address *to)
{
    return to ? send_one(datagram, buf, size, to) : -EINVAL;
}

static ssize_t receive_message(struct coil_datagram *datagram, struct coil_task *self,
                               struct msghdr *msg)
{
    struct coil__backend *backend = datagram->loop->backend;
    struct coil_op op = {.kind_ = COIL__OP_RECVMSG,
                         .fd_ = datagram->fd,
                         .buf_ = msg,
                         .size_ = 1,
                         .flags_ = MSG_TRUNC}; /* the true length, please */
    ssize_t rc = backend->net->attempt(backend, &op);

    if (rc == -EAGAIN) {
        return wait_for(datagram, self, &op, "recv of a datagram");
    }
    coil__spend(self);
    return rc;
}

ssize_t coil_datagram_recv_from(struct coil_datagram *handle, void *buf, size_t size,
                                struct coil_address *ret_from, size_t *ret_length)
{
    struct coil_address from = {.size = sizeof from.storage};
    struct iovec iov = {.iov_base = buf, .iov_len = size};
    struct msghdr msg = {
        .msg_name = &from.storage,
        .msg_namelen = sizeof from.storage,
        .msg_iov = &iov,
        .msg_iovlen = 1,
    };
    struct coil_datagram *datagram = NULL;
    struct coil_task *self;
    ssize_t rc = enter(handle, &datagram, &self);

    if (rc < 0) {
        return rc;
    }
    rc = (!buf && size > 0) || size > SSIZE_MAX ? -EINVAL : receive_message(datagram, self, &msg);
    leave(datagram);
    if (rc < 0) {
        return rc;
    }
    if (ret_from) {
        from.size = msg.msg_namelen;
        *ret_from = from;
    }
    if (ret_length) {
        *ret_length = (size_t)rc;
    }
    return (size_t)rc > size ? -EMSGSIZE : rc;
}

ssize_t coil_datagram_recv(struct coil_datagram *datagram, void *buf, size_t size)
{
    return coil_datagram_recv_from(datagram, buf, size, NULL, NULL);
}

/* --- batches --- */

struct batch {
    struct mmsghdr headers[COIL_DATAGRAM_BATCH];
    struct iovec parts[COIL_DATAGRAM_BATCH];
    unsigned count;
};

static int describe(struct batch *batch, const struct coil_datagram_message *messages, size_t count,
                    bool is_received)
{
    batch->count = count < COIL_DATAGRAM_BATCH ? (unsigned)count : COIL_DATAGRAM_BATCH;
    for (unsigned i = 0; i < batch->count; i++) {
        const struct coil_datagram_message *message = &messages[i];
        bool is_named = is_received || message->address.size > 0;

        if (!message->buf && message->size > 0) {
            return -EINVAL;
        }
        batch->parts[i] = (struct iovec){.iov_base = message->buf, .iov_len = message->size};
        batch->headers[i] = (struct mmsghdr){.msg_hdr = {
                                                 .msg_iov = &batch->parts[i],
                                                 .msg_iovlen = 1,
                                             }};
        if (is_named) {
            struct msghdr *header = &batch->headers[i].msg_hdr;

            header->msg_name = (void *)(uintptr_t)&message->address.storage;
            header->msg_namelen =
                is_received ? (socklen_t)sizeof message->address.storage : message->address.size;
        }
    }
    return 0;
}

static int receive_batch(struct coil_datagram *datagram, struct coil_task *self,
                         struct batch *batch)
{
    struct coil__backend *backend = datagram->loop->backend;
    int rc = backend->net->recvmmsg(backend, datagram->fd, batch->headers, batch->count, MSG_TRUNC);

    if (rc != -EAGAIN) {
        coil__spend(self);
    }
    while (rc == -EAGAIN) {
        rc = wait_ready(datagram, self, POLLIN, "recv of datagrams");
        if (rc == 0) {
            rc = backend->net->recvmmsg(backend, datagram->fd, batch->headers, batch->count,
                                        MSG_TRUNC);
        }
    }
    return rc;
}

int coil_datagram_recv_batch(struct coil_datagram *handle, struct coil_datagram_message *messages,
                             size_t count)
{
    struct coil_datagram *datagram = NULL;
    struct coil_task *self;
    struct batch batch;
    int rc = enter(handle, &datagram, &self);

    if (rc < 0) {
        return rc;
    }
    rc = !messages || count == 0 ? -EINVAL : describe(&batch, messages, count, true);
    rc = rc < 0 ? rc : receive_batch(datagram, self, &batch);
    leave(datagram);
    for (int i = 0; i < rc; i++) {
        messages[i].length = batch.headers[i].msg_len;
        messages[i].address.size = batch.headers[i].msg_hdr.msg_namelen;
    }
    return rc;
}

/* Sends some of the batch, at least one; how many, or an error. */
static int send_some(struct coil_datagram *datagram, struct coil_task *self, struct batch *batch)
{
    struct coil__backend *backend = datagram->loop->backend;
    int rc = backend->net->sendmmsg(backend, datagram->fd, batch->headers, batch->count, 0);

    if (rc != -EAGAIN) {
        coil__spend(self);
    }
    while (rc == -EAGAIN) {
        rc = wait_for_room(datagram, self, &batch->headers[0].msg_hdr);
        if (rc == 0) {
            rc = backend->net->sendmmsg(backend, datagram->fd, batch->headers, batch->count, 0);
        }
    }
    return rc;
}

int coil_datagram_send_batch(struct coil_datagram *handle,
                             const struct coil_datagram_message *messages, size_t count)
{
    struct coil_datagram *datagram = NULL;
    struct coil_task *self;
    struct batch batch;
    size_t sent = 0;
    int rc = enter(handle, &datagram, &self);

    if (rc < 0) {
        return rc;
    }
    if (!messages || count == 0 || count > INT_MAX) {
        rc = -EINVAL;
    }
    while (rc >= 0 && sent < count) {
        rc = self->cancel ? coil__cancel_error(self) : datagram->is_closing ? -COIL_ECLOSED : 0;
        rc = rc < 0 ? rc : describe(&batch, messages + sent, count - sent, false);
        rc = rc < 0 ? rc : send_some(datagram, self, &batch);
        sent += rc > 0 ? (size_t)rc : 0;
    }
    leave(datagram);
    return sent > 0 ? (int)sent : rc;
}
