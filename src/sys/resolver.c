/* resolver.c - see resolver.h. */
#include "sys/resolver.h"

#include <coil/error.h>

#include <errno.h>
#include <net/if.h>
#include <sys/socket.h>

static int translate(int error, int system_error)
{
    switch (error) {
    case 0:
        return 0;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return -COIL_EHOSTNAME;
    case EAI_SERVICE:
        return -COIL_EADDRESS;
    case EAI_OVERFLOW:
        return -ENOSPC;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_FAMILY:
        return -EAFNOSUPPORT;
    case EAI_SYSTEM:
        return system_error > 0 ? -system_error : -COIL_ERESOLVER;
    default: /* EAI_AGAIN, EAI_FAIL, and what may come */
        return -COIL_ERESOLVER;
    }
}

int coil__resolver_look_up(const char *host, const char *service, int family, bool is_passive,
                           struct addrinfo **ret_list)
{
    struct addrinfo hints = {
        .ai_family = family,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = is_passive ? AI_PASSIVE : 0,
    };
    int rc;

    errno = 0;
    rc = getaddrinfo(host, service, &hints, ret_list);
    return translate(rc, errno);
}

void coil__resolver_free(struct addrinfo *list)
{
    freeaddrinfo(list);
}

int coil__resolver_name(const struct sockaddr *addr, socklen_t size, char *ret_host,
                        size_t host_size, char *ret_service, size_t service_size, int flags)
{
    int rc;

    errno = 0;
    rc = getnameinfo(addr, size, ret_host, (socklen_t)host_size, ret_service,
                     (socklen_t)service_size, flags);
    return translate(rc, errno);
}

uint32_t coil__interface_index(const char *name)
{
    return if_nametoindex(name);
}

bool coil__interface_name(uint32_t index, char *ret_name, size_t size)
{
    return size >= IF_NAMESIZE && if_indextoname(index, ret_name);
}
