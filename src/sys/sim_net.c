/* sim_net.c - simulated descriptors and the socket calls on them.
 *
 * The table is indexed by descriptor minus COIL__SIM_FD_BASE; the lowest free place is given out,
 * as a kernel does. Descriptors below the base are the system's: the calls go to coil__net_os.
 *
 * There are stream sockets of AF_INET, AF_INET6 and AF_UNIX. Datagram sockets are answered with
 * -EOPNOTSUPP.
 *
 * Closing a descriptor with operations on it is the caller's mistake; they end with -EBADF from
 * the next wait (under epoll a plain descriptor's next attempt would say so; one that waits in the
 * kernel would never end: here a mistake shall be seen, not hang).
 */
#include "base/memory.h"
#include "sys/sim.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

struct coil__sim_socket *coil__sim_find(const struct coil__sim *sim, int fd)
{
    size_t place = (size_t)fd - COIL__SIM_FD_BASE;

    return fd >= COIL__SIM_FD_BASE && place < sim->socket_capacity ? sim->sockets[place] : NULL;
}

static bool is_real(int fd)
{
    return fd >= 0 && fd < COIL__SIM_FD_BASE;
}

struct coil__sim_socket *coil__sim_socket_new(int domain)
{
    struct coil__sim_socket *socket = coil__calloc(1, sizeof *socket);

    if (!socket) {
        return NULL;
    }
    socket->fd = -1;
    socket->domain = domain;
    socket->send_limit = COIL__SIM_BUFFER;
    socket->receive_limit = COIL__SIM_BUFFER;
    for (int side = 0; side < COIL__SIM_SIDES; side++) {
        coil__list_init(&socket->ops[side]);
    }
    coil__list_init(&socket->packets);
    coil__list_init(&socket->backlog);
    coil__list_init(&socket->knocking);
    return socket;
}

void coil__sim_socket_free(struct coil__sim *sim, struct coil__sim_socket *socket)
{
    coil__sim_packets_drop(sim, socket);
    coil__list_remove(&socket->bound_link);
    coil__list_remove(&socket->touched_link);
    coil__list_remove(&socket->queue_link);
    coil__free(socket->in.data);
    coil__free(socket);
}

static int grow_table(struct coil__sim *sim)
{
    size_t capacity = sim->socket_capacity ? sim->socket_capacity * 2 : 64;
    struct coil__sim_socket **sockets =
        coil__realloc_array(sim->sockets, capacity, sizeof *sockets);

    if (!sockets) {
        return -ENOMEM;
    }
    for (size_t i = sim->socket_capacity; i < capacity; i++) {
        sockets[i] = NULL;
    }
    sim->sockets = sockets;
    sim->socket_capacity = capacity;
    return 0;
}

int coil__sim_socket_place(struct coil__sim *sim, struct coil__sim_socket *socket)
{
    size_t place = sim->lowest_free;

    while (place < sim->socket_capacity && sim->sockets[place]) {
        place++;
    }
    if (place == sim->socket_capacity) {
        int rc = grow_table(sim);

        if (rc < 0) {
            return rc;
        }
    }
    sim->sockets[place] = socket;
    sim->lowest_free = place + 1;
    socket->fd = COIL__SIM_FD_BASE + (int)place;
    return socket->fd;
}

/* At the end nobody is told, hence the order does not matter. */
void coil__sim_net_deinit(struct coil__sim *sim)
{
    for (size_t i = 0; i < sim->socket_capacity; i++) {
        struct coil__sim_socket *socket = sim->sockets[i];
        struct coil__list *link;

        if (!socket) {
            continue;
        }
        while ((link = coil__list_pop_head(&socket->backlog))) {
            coil__sim_socket_free(sim, COIL__CONTAINER(link, struct coil__sim_socket, queue_link));
        }
        while (coil__list_pop_head(&socket->knocking)) {
            continue; /* these stand in the table themselves */
        }
        coil__sim_socket_free(sim, socket);
    }
    coil__free(sim->sockets);
    coil__heap_deinit(&sim->packets);
}

static int net_socket(struct coil__backend *backend, int domain, int type, int protocol)
{
    struct coil__sim *sim = coil__sim_of(backend);
    bool is_inet = domain == AF_INET || domain == AF_INET6;
    struct coil__sim_socket *socket;
    int fd;

    if (!is_inet && domain != AF_UNIX) {
        return -EAFNOSUPPORT;
    }
    if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM) {
        return -EOPNOTSUPP;
    }
    if (protocol != 0 && !(is_inet && protocol == IPPROTO_TCP)) {
        return -EPROTONOSUPPORT;
    }
    socket = coil__sim_socket_new(domain);
    if (!socket) {
        return -ENOMEM;
    }
    fd = coil__sim_socket_place(sim, socket);
    if (fd < 0) {
        coil__sim_socket_free(sim, socket);
    }
    return fd;
}

static int net_bind(struct coil__backend *backend, int fd, const struct sockaddr *addr,
                    socklen_t size)
{
    struct coil__sim *sim = coil__sim_of(backend);
    struct coil__sim_socket *socket = coil__sim_find(sim, fd);
    struct coil__sim_name name;
    int rc;

    if (is_real(fd)) {
        return coil__net_os.bind(backend, fd, addr, size);
    }
    if (!socket) {
        return -EBADF;
    }
    if (socket->state != COIL__SIM_UNCONNECTED || coil__list_is_linked(&socket->bound_link)) {
        return -EINVAL;
    }
    rc = coil__sim_name_parse(&name, socket->domain, addr, size);
    return rc < 0 ? rc : coil__sim_name_bind(sim, socket, &name);
}

static int net_listen(struct coil__backend *backend, int fd, int backlog)
{
    struct coil__sim *sim = coil__sim_of(backend);
    struct coil__sim_socket *socket = coil__sim_find(sim, fd);

    if (is_real(fd)) {
        return coil__net_os.listen(backend, fd, backlog);
    }
    return socket ? coil__sim_listen(sim, socket, backlog) : -EBADF;
}

static int net_shutdown(struct coil__backend *backend, int fd, int how)
{
    struct coil__sim *sim = coil__sim_of(backend);
    struct coil__sim_socket *socket = coil__sim_find(sim, fd);

    if (is_real(fd)) {
        return coil__net_os.shutdown(backend, fd, how);
    }
    return socket ? coil__sim_shutdown(sim, socket, how) : -EBADF;
}

static int net_close(struct coil__backend *backend, int fd)
{
    struct coil__sim *sim = coil__sim_of(backend);
    struct coil__sim_socket *socket = coil__sim_find(sim, fd);
    size_t place = (size_t)fd - COIL__SIM_FD_BASE;

    if (is_real(fd)) {
        return coil__net_os.close(backend, fd);
    }
    if (!socket) {
        return -EBADF;
    }
    for (int side = 0; side < COIL__SIM_SIDES; side++) {
        COIL__LIST_FOREACH_SAFE(&socket->ops[side], link) {
            struct coil_op *op = coil__sim_op_of(link);

            coil__sim_finish(sim, op, op->state_ == COIL__OP_CANCELLING ? -ECANCELED : -EBADF);
        }
    }
    if (socket->state == COIL__SIM_LISTENING) {
        coil__sim_unlisten(sim, socket);
    }
    coil__sim_disconnect(sim, socket);
    coil__sim_socket_free(sim, socket);
    sim->sockets[place] = NULL;
    sim->lowest_free = place < sim->lowest_free ? place : sim->lowest_free;
    return 0;
}

static int net_get_name(struct coil__backend *backend, int fd, bool peer, struct sockaddr *addr,
                        socklen_t *size)
{
    struct coil__sim_socket *socket = coil__sim_find(coil__sim_of(backend), fd);

    if (is_real(fd)) {
        return coil__net_os.get_name(backend, fd, peer, addr, size);
    }
    if (!socket) {
        return -EBADF;
    }
    if (!addr || !size) {
        return -EFAULT;
    }
    if (peer && socket->state != COIL__SIM_CONNECTED) {
        return -ENOTCONN;
    }
    if (!peer && socket->name.domain == AF_UNSPEC && socket->domain == AF_INET) {
        struct coil__sim_name any = {.domain = AF_INET6, .bytes = {[10] = 0xff, [11] = 0xff}};

        coil__sim_name_store(&any, AF_INET, addr, size);
        return 0;
    }
    coil__sim_name_store(peer ? &socket->peer_name : &socket->name, socket->domain, addr, size);
    return 0;
}

/* SO_SNDBUF and SO_RCVBUF: at most our own bound, at least one byte. */
static size_t limit_of(int value)
{
    if (value < 1) {
        return 1;
    }
    return value < COIL__SIM_BUFFER ? (size_t)value : COIL__SIM_BUFFER;
}

/* Options without an effect are remembered, so that they can be read back. */
static void remember(struct coil__sim_socket *socket, int level, int name, int value)
{
    unsigned i = 0;

    while (i < socket->option_count &&
           (socket->options[i].level != level || socket->options[i].name != name)) {
        i++;
    }
    if (i < COIL__SIM_OPTIONS) {
        socket->options[i] = (struct coil__sim_option){level, name, value};
        socket->option_count += i == socket->option_count;
    }
}

static int recall(const struct coil__sim_socket *socket, int level, int name)
{
    for (unsigned i = 0; i < socket->option_count; i++) {
        if (socket->options[i].level == level && socket->options[i].name == name) {
            return socket->options[i].value;
        }
    }
    return 0;
}

static int set_socket_option(struct coil__sim_socket *socket, int name, const void *value,
                             socklen_t size, int number)
{
    struct linger linger;

    switch (name) {
    case SO_REUSEADDR:
        socket->reuse_address = number != 0;
        break;
    case SO_REUSEPORT:
        socket->reuse_port = number != 0;
        break;
    case SO_SNDBUF:
        socket->send_limit = limit_of(number);
        return 0;
    case SO_RCVBUF:
        socket->receive_limit = limit_of(number);
        return 0;
    case SO_LINGER:
        if (size < sizeof linger) {
            return -EINVAL;
        }
        memcpy(&linger, value, sizeof linger);
        socket->resets_on_close = linger.l_onoff && linger.l_linger == 0;
        return 0;
    }
    remember(socket, SOL_SOCKET, name, number);
    return 0;
}

static int net_set_option(struct coil__backend *backend, int fd, int level, int name,
                          const void *value, socklen_t size)
{
    struct coil__sim_socket *socket = coil__sim_find(coil__sim_of(backend), fd);
    int number = 0;

    if (is_real(fd)) {
        return coil__net_os.set_option(backend, fd, level, name, value, size);
    }
    if (!socket) {
        return -EBADF;
    }
    if (!value || size < sizeof number) {
        return -EINVAL;
    }
    memcpy(&number, value, sizeof number);
    if (level == SOL_SOCKET) {
        return set_socket_option(socket, name, value, size, number);
    }
    if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) {
        socket->v6_only = number != 0;
    }
    remember(socket, level, name, number);
    return 0;
}

static int get_number(struct coil__sim_socket *socket, int level, int name)
{
    if (level != SOL_SOCKET) {
        return recall(socket, level, name);
    }
    switch (name) {
    case SO_ERROR:
        return -coil__sim_take_error(socket);
    case SO_TYPE:
        return SOCK_STREAM;
    case SO_DOMAIN:
        return socket->domain;
    case SO_PROTOCOL:
        return socket->domain == AF_UNIX ? 0 : IPPROTO_TCP;
    case SO_ACCEPTCONN:
        return socket->state == COIL__SIM_LISTENING;
    case SO_SNDBUF:
        return (int)socket->send_limit;
    case SO_RCVBUF:
        return (int)socket->receive_limit;
    default:
        return recall(socket, level, name);
    }
}

static int net_get_option(struct coil__backend *backend, int fd, int level, int name, void *value,
                          socklen_t *size)
{
    struct coil__sim_socket *socket = coil__sim_find(coil__sim_of(backend), fd);
    struct linger linger = {0};
    struct ucred credentials = {.pid = getpid(), .uid = geteuid(), .gid = getegid()};
    const void *from = &credentials;
    size_t from_size = sizeof credentials;
    int number;

    if (is_real(fd)) {
        return coil__net_os.get_option(backend, fd, level, name, value, size);
    }
    if (!socket) {
        return -EBADF;
    }
    if (!value || !size) {
        return -EFAULT;
    }
    if (level == SOL_SOCKET && name == SO_LINGER) {
        linger.l_onoff = socket->resets_on_close;
        from = &linger;
        from_size = sizeof linger;
    } else if (level != SOL_SOCKET || name != SO_PEERCRED) {
        number = get_number(socket, level, name);
        from = &number;
        from_size = sizeof number;
    }
    *size = *size < from_size ? *size : (socklen_t)from_size;
    memcpy(value, from, *size);
    return 0;
}

/* No call on a simulated socket ever blocks. */
static int net_set_nonblocking(struct coil__backend *backend, int fd)
{
    if (is_real(fd)) {
        return coil__net_os.set_nonblocking(backend, fd);
    }
    return coil__sim_find(coil__sim_of(backend), fd) ? 0 : -EBADF;
}

static ssize_t receive_message(struct coil__sim *sim, struct coil__sim_socket *socket,
                               struct coil_op *op)
{
    struct msghdr *msg = op->buf_;
    ssize_t rc = coil__sim_recv(sim, socket, msg->msg_iov, msg->msg_iovlen, op->flags_);

    if (rc >= 0) {
        msg->msg_namelen = 0;
        msg->msg_controllen = 0;
        msg->msg_flags = 0;
    }
    return rc;
}

static ssize_t send_message(struct coil__sim *sim, struct coil__sim_socket *socket,
                            struct coil_op *op)
{
    const struct msghdr *msg = op->buf_;

    if (msg->msg_controllen > 0) {
        return -EOPNOTSUPP; /* descriptors and credentials do not travel here */
    }
    return coil__sim_send(sim, socket, msg->msg_iov, msg->msg_iovlen, op->flags_);
}

static ssize_t attempt_poll(const struct coil__sim_socket *socket, const struct coil_op *op)
{
    int events = coil__sim_events(socket) & (op->flags_ | POLLERR | POLLHUP);

    return events ? events : -EAGAIN;
}

ssize_t coil__sim_attempt(struct coil__sim *sim, struct coil__sim_socket *socket,
                          struct coil_op *op)
{
    struct iovec one = {.iov_base = op->buf_, .iov_len = op->size_};
    int flags = op->flags_ & ~COIL__EXPECT_WAIT;

    switch (op->kind_) {
    case COIL__OP_POLL:
        return attempt_poll(socket, op);
    case COIL__OP_READ:
        return op->offset_ >= 0 ? -ESPIPE : coil__sim_recv(sim, socket, &one, 1, 0);
    case COIL__OP_WRITE:
        return op->offset_ >= 0 ? -ESPIPE : coil__sim_send(sim, socket, &one, 1, 0);
    case COIL__OP_READV:
        return op->offset_ >= 0 ? -ESPIPE : coil__sim_recv(sim, socket, op->buf_, op->size_, 0);
    case COIL__OP_WRITEV:
        return op->offset_ >= 0 ? -ESPIPE : coil__sim_send(sim, socket, op->buf_, op->size_, 0);
    case COIL__OP_RECV:
        return coil__sim_recv(sim, socket, &one, 1, flags);
    case COIL__OP_SEND:
        return coil__sim_send(sim, socket, &one, 1, flags);
    case COIL__OP_RECVMSG:
        return receive_message(sim, socket, op);
    case COIL__OP_SENDMSG:
        return send_message(sim, socket, op);
    case COIL__OP_ACCEPT:
        return coil__sim_accept(sim, socket, op->buf_, (socklen_t *)(intptr_t)op->offset_, flags);
    case COIL__OP_CONNECT:
        return coil__sim_connect(sim, socket, op->buf_, (socklen_t)op->size_);
    default:
        return -EINVAL;
    }
}

static ssize_t net_attempt(struct coil__backend *backend, struct coil_op *op)
{
    struct coil__sim *sim = coil__sim_of(backend);
    struct coil__sim_socket *socket = coil__sim_find(sim, op->fd_);

    if (is_real(op->fd_)) {
        return coil__os_attempt(backend, op);
    }
    if (!socket) {
        return -EBADF;
    }
    if (op->kind_ != COIL__OP_CONNECT &&
        coil__sim_happens(sim, sim->faults.spurious_again, &sim->counts.spurious_again)) {
        return -EAGAIN;
    }
    return coil__sim_attempt(sim, socket, op);
}

const struct coil__net_class coil__sim_net = {
    .socket = net_socket,
    .bind = net_bind,
    .listen = net_listen,
    .shutdown = net_shutdown,
    .close = net_close,
    .get_name = net_get_name,
    .set_option = net_set_option,
    .get_option = net_get_option,
    .set_nonblocking = net_set_nonblocking,
    .recvmmsg = coil__os_recvmmsg,
    .sendmmsg = coil__os_sendmmsg,
    .attempt = net_attempt,
};
