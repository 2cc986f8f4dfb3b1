/* datagram_options.c - what can be asked of and told to a datagram endpoint beside its datagrams:
 * addresses, and multicast, whose options IPv4 and IPv6 name and shape differently. */
#include "io/datagram.h"
#include "io/net.h"

#include <errno.h>
#include <netinet/in.h>

int coil_datagram_get_fd(const struct coil_datagram *handle)
{
    struct coil_datagram *datagram = NULL;
    int rc = coil__datagram_find(handle, &datagram);

    return rc < 0 ? rc : datagram->fd;
}

int coil_datagram_get_address(const struct coil_datagram *handle, struct coil_address *ret_address)
{
    int fd = coil_datagram_get_fd(handle);

    return fd < 0 ? fd : coil_socket_address(fd, ret_address);
}

int coil_datagram_get_peer(const struct coil_datagram *handle, struct coil_address *ret_address)
{
    int fd = coil_datagram_get_fd(handle);

    return fd < 0 ? fd : coil_socket_peer(fd, ret_address);
}

/* --- multicast --- */

static int find_ip(const struct coil_datagram *handle, struct coil_datagram **ret_datagram)
{
    int rc = coil__datagram_find(handle, ret_datagram);

    return rc == 0 && (*ret_datagram)->family == AF_UNIX ? -EAFNOSUPPORT : rc;
}

/* RFC 3678, section 5: one request for both families. */
static int change_group(const struct coil_datagram *handle, const struct coil_address *group,
                        unsigned interface, int name)
{
    struct group_req request = {.gr_interface = interface};
    struct coil_datagram *datagram = NULL;
    struct coil__backend *backend;
    int rc = find_ip(handle, &datagram);

    if (rc < 0) {
        return rc;
    }
    if (!group) {
        return -EINVAL;
    }
    if (group->size == 0 || group->storage.ss_family != datagram->family) {
        return -EAFNOSUPPORT;
    }
    backend = datagram->loop->backend;
    request.gr_group = group->storage;
    return backend->net->set_option(backend, datagram->fd,
                                    datagram->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP, name,
                                    &request, sizeof request);
}

int coil_datagram_join(struct coil_datagram *datagram, const struct coil_address *group,
                       unsigned interface)
{
    return change_group(datagram, group, interface, MCAST_JOIN_GROUP);
}

int coil_datagram_leave(struct coil_datagram *datagram, const struct coil_address *group,
                        unsigned interface)
{
    return change_group(datagram, group, interface, MCAST_LEAVE_GROUP);
}

static int set_either(const struct coil_datagram *handle, int name4, int name6, int value)
{
    struct coil_datagram *datagram = NULL;
    int rc = find_ip(handle, &datagram);

    if (rc < 0) {
        return rc;
    }
    return datagram->family == AF_INET6
               ? coil__net_set(datagram->loop, datagram->fd, IPPROTO_IPV6, name6, value)
               : coil__net_set(datagram->loop, datagram->fd, IPPROTO_IP, name4, value);
}

int coil_datagram_set_multicast_ttl(struct coil_datagram *datagram, int ttl)
{
    if (ttl < 0 || ttl > 255) { /* the system would take -1 for its default */
        return -EINVAL;
    }
    return set_either(datagram, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, ttl);
}

int coil_datagram_set_multicast_loop(struct coil_datagram *datagram, bool is_on)
{
    return set_either(datagram, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, is_on);
}

int coil_datagram_set_multicast_interface(struct coil_datagram *handle, unsigned interface)
{
    struct ip_mreqn request = {.imr_ifindex = (int)interface};
    struct coil_datagram *datagram = NULL;
    struct coil__backend *backend;
    int rc = find_ip(handle, &datagram);

    if (rc < 0) {
        return rc;
    }
    if (datagram->family == AF_INET6) {
        return coil__net_set(datagram->loop, datagram->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF,
                             (int)interface);
    }
    backend = datagram->loop->backend;
    return backend->net->set_option(backend, datagram->fd, IPPROTO_IP, IP_MULTICAST_IF, &request,
                                    sizeof request);
}
