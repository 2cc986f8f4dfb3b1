/* listen.c - listening sockets and accepting, at the level of descriptors. */
#include "io/address.h"
#include "io/net.h"

#include "task/task.h"

#include <coil/dns.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

enum {
    BACKLOG = 1024,
    PORT_TRIES = 16, /* of free ports, until one is free on all addresses */
};

static const struct coil_listen_options defaults = {0};

static int set_options(struct coil_loop *loop, int fd, int family,
                       const struct coil_listen_options *options)
{
    int rc;

    if (family == AF_UNIX) {
        return 0;
    }
    rc = coil__net_set(loop, fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0 && options->reuse_port) {
        rc = coil__net_set(loop, fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (rc == 0 && family == AF_INET6) {
        rc = coil__net_set(loop, fd, IPPROTO_IPV6, IPV6_V6ONLY, !options->dual_stack);
    }
    /* Accepted sockets inherit it, without a call for each. */
    coil__net_set(loop, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return rc;
}

static int listen_on(struct coil_loop *loop, const struct coil_address *address,
                     const struct coil_listen_options *options)
{
    int backlog = options->backlog > 0 ? options->backlog : BACKLOG;
    int fd = coil__net_socket(loop, address);
    int rc;

    if (fd < 0) {
        return fd;
    }
    rc = set_options(loop, fd, address->storage.ss_family, options);
    rc = rc < 0 ? rc : coil__net_bind(loop, fd, address);
    rc = rc < 0 ? rc : coil__net_set_mode(loop, address, options->mode);
    rc = rc < 0 ? rc : loop->backend->net->listen(loop->backend, fd, backlog);
    if (rc < 0) {
        coil__net_close(loop, fd);
        return rc;
    }
    return fd;
}

int coil_listen_address(const struct coil_address *address,
                        const struct coil_listen_options *options)
{
    struct coil_loop *loop = coil__thread.loop;

    if (!address) {
        return -EINVAL;
    }
    if (!loop) {
        return coil__no_task();
    }
    if (address->size == 0) {
        return -EAFNOSUPPORT;
    }
    return listen_on(loop, address, options ? options : &defaults);
}

/* The caller must not find numbers that are somebody else's by then. */
static void close_all(struct coil_loop *loop, int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        coil__net_close(loop, fds[i]);
        fds[i] = -1;
    }
}

/* The address is not one of this machine's. */
static bool is_absent(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

/* Listens on all addresses. Where the port is left open the first socket's is taken for the rest.
 * The number of sockets, or an error. */
static int listen_on_all(struct coil_loop *loop, struct coil_address *list, size_t count,
                         const struct coil_listen_options *options, int *ret_fds)
{
    struct coil_address first;
    int absent_error = 0;
    int port = 0;
    size_t made = 0;

    for (size_t i = 0; i < count; i++) {
        int rc;

        if (port > 0) {
            coil_address_set_port(&list[i], (uint16_t)port);
        }
        rc = listen_on(loop, &list[i], options);
        if (rc >= 0) {
            ret_fds[made++] = rc;
            rc = made == 1 ? coil_socket_address(ret_fds[0], &first) : 0;
            port = made == 1 && rc == 0 ? coil_address_get_port(&first) : port;
        } else if (is_absent(rc)) {
            absent_error = absent_error ? absent_error : rc;
            rc = 0;
        }
        if (rc < 0) {
            close_all(loop, ret_fds, made);
            return rc;
        }
    }
    return made > 0 ? (int)made : absent_error;
}

static void reset_ports(struct coil_address *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        coil_address_set_port(&list[i], 0);
    }
}

static int listen_on_list(struct coil_loop *loop, uint16_t port, struct coil_address *list,
                          size_t count, const struct coil_listen_options *options, int *ret_fds)
{
    int rc = listen_on_all(loop, list, count, options, ret_fds);

    for (int i = 1; port == 0 && rc == -EADDRINUSE && i < PORT_TRIES; i++) {
        reset_ports(list, count);
        rc = listen_on_all(loop, list, count, options, ret_fds);
    }
    return rc;
}

static int listen_unix(struct coil_loop *loop, const char *host,
                       const struct coil_listen_options *options, int *ret_fds)
{
    struct coil_address address;
    int rc = coil_address_parse(host, &address);

    rc = rc < 0 ? rc : listen_on(loop, &address, options);
    if (rc < 0) {
        return rc;
    }
    ret_fds[0] = rc;
    return 1;
}

int coil_listen(const char *host, uint16_t port, const struct coil_listen_options *options,
                int *ret_fds, size_t max_fds)
{
    struct coil_resolve_options resolve_options = {.passive = true};
    struct coil_address *list;
    struct coil_task *self;
    char service[8];
    size_t count;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!ret_fds || max_fds == 0) {
        return -EINVAL;
    }
    options = options ? options : &defaults;
    if (host && coil__is_unix(host)) {
        return listen_unix(self->loop, host, options, ret_fds);
    }
    resolve_options.family = options->family;
    snprintf(service, sizeof service, "%u", port);
    rc = coil_resolve(host, service, &resolve_options, &list, &count);
    if (rc < 0) {
        return rc;
    }
    if (count > max_fds) {
        rc = -COIL_ELIMIT;
    } else {
        rc = listen_on_list(self->loop, port, list, count, options, ret_fds);
    }
    coil_resolve_free(list);
    return rc;
}

/* --- accept --- */

/* There is no room; or somebody (a firewall, a security module) does not let us have the
 * connection, which may stand in the queue still, so that the next try would be the same. */
bool coil__accept_may_recover(int error)
{
    switch (error) {
    case -EMFILE:
    case -ENFILE:
    case -ENOBUFS:
    case -ENOMEM:
    case -EPERM:
    case -EACCES:
    case -EOPNOTSUPP:
        return true;
    default:
        return false;
    }
}

/* Errors of the connection that would have been accepted, not of the socket: accept(2). */
static bool is_passed_over(ssize_t error)
{
    switch (error) {
    case -ECONNABORTED:
    case -EPROTO:
    case -ENOPROTOOPT:
    case -ENETDOWN:
    case -ENONET:
    case -EHOSTDOWN:
    case -EHOSTUNREACH:
    case -ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* One try, then one wait. */
static ssize_t accept_once(struct coil_task *self, struct coil_op *op)
{
    ssize_t rc = self->loop->backend->net->attempt(self->loop->backend, op);

    if (rc != -EAGAIN) {
        coil__spend(self);
        return rc;
    }
    return coil__op_wait(self, op, "accept");
}

int coil_accept(int fd, struct coil_address *ret_peer)
{
    struct coil_address peer = {.size = 0};
    struct coil_task *self;
    ssize_t rc;

    do {
        struct coil_op op = {
            .kind_ = COIL__OP_ACCEPT,
            .fd_ = fd,
            .buf_ = &peer.storage,
            .offset_ = (int64_t)(intptr_t)&peer.size,
            .flags_ = SOCK_NONBLOCK | SOCK_CLOEXEC,
        };

        rc = coil__begin(&self);
        if (rc < 0) {
            return (int)rc;
        }
        peer.size = sizeof peer.storage;
        rc = accept_once(self, &op);
    } while (is_passed_over(rc));
    if (rc >= 0 && ret_peer) {
        *ret_peer = peer;
    }
    return (int)rc;
}
