/* net.c - what dialing and listening have in common: sockets by way of the backend, so that the
 * simulated ones work. */
#include "io/net.h"

#include <errno.h>

int coil__net_socket(struct coil_loop *loop, const struct coil_address *address)
{
    return loop->backend->net->socket(loop->backend, address->storage.ss_family, SOCK_STREAM, 0);
}

void coil__net_close(struct coil_loop *loop, int fd)
{
    loop->backend->net->close(loop->backend, fd);
}

int coil__net_set(struct coil_loop *loop, int fd, int level, int name, int value)
{
    return loop->backend->net->set_option(loop->backend, fd, level, name, &value, sizeof value);
}

static const struct sockaddr *sockaddr_of(const struct coil_address *address)
{
    return (const struct sockaddr *)(const void *)&address->storage;
}

static int bind_to(struct coil_loop *loop, int fd, const struct coil_address *address)
{
    return loop->backend->net->bind(loop->backend, fd, sockaddr_of(address), address->size);
}

/* Whether unix sockets have files, of which one could be in the way. */
static bool has_files(const struct coil_loop *loop, const struct coil_address *address)
{
    return !loop->backend->is_simulated && address->storage.ss_family == AF_UNIX;
}

int coil__net_bind(struct coil_loop *loop, int fd, const struct coil_address *address)
{
    int rc = bind_to(loop, fd, address);
    int type = 0;
    socklen_t size = sizeof type;

    if (rc == -EADDRINUSE && has_files(loop, address) &&
        loop->backend->net->get_option(loop->backend, fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
        coil__socket_file_clear(sockaddr_of(address), address->size, type)) {
        rc = bind_to(loop, fd, address);
    }
    return rc;
}

int coil__net_set_mode(struct coil_loop *loop, const struct coil_address *address, unsigned mode)
{
    return mode > 0 && has_files(loop, address)
               ? coil__socket_file_set_mode(sockaddr_of(address), address->size, mode)
               : 0;
}

void coil__net_note_file(struct coil_loop *loop, int fd, struct coil__socket_file *ret_file)
{
    struct coil_address address;

    if (coil_socket_address(fd, &address) == 0 && has_files(loop, &address)) {
        coil__socket_file_note(sockaddr_of(&address), address.size, ret_file);
    }
}

static int get_name(int fd, bool is_peer, struct coil_address *ret_address)
{
    struct coil_loop *loop = coil__thread.loop;
    struct coil_address address = {.size = sizeof address.storage};
    int rc;

    if (!ret_address) {
        return -EINVAL;
    }
    if (!loop) {
        return coil__no_task();
    }
    rc = loop->backend->net->get_name(loop->backend, fd, is_peer,
                                      (struct sockaddr *)(void *)&address.storage, &address.size);
    if (rc == 0) {
        *ret_address = address;
    }
    return rc;
}

int coil_socket_address(int fd, struct coil_address *ret_address)
{
    return get_name(fd, false, ret_address);
}

int coil_socket_peer(int fd, struct coil_address *ret_address)
{
    return get_name(fd, true, ret_address);
}
