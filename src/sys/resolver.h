/* resolver.h - the system's name service, with the library's errors. */
#ifndef COIL__SYS_RESOLVER_H
#define COIL__SYS_RESOLVER_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* getaddrinfo(3) for stream sockets; blocks. host: NULL for this machine (is_passive: for all its
 * addresses). service: a name, or NULL. ret_list: freed by coil__resolver_free. 0, -COIL_EHOSTNAME,
 * -COIL_ERESOLVER, -COIL_EADDRESS (service unknown), -ENOMEM, or another -errno. Any thread. */
int coil__resolver_look_up(const char *host, const char *service, int family, bool is_passive,
                           struct addrinfo **ret_list);
void coil__resolver_free(struct addrinfo *list);

/* getnameinfo(3); blocks. flags: NI_*. 0, -COIL_EHOSTNAME (has none, and NI_NAMEREQD), -ENOSPC, and
 * the errors above. Any thread. */
int coil__resolver_name(const struct sockaddr *addr, socklen_t size, char *ret_host,
                        size_t host_size, char *ret_service, size_t service_size, int flags);

/* The index of a network interface; 0 when there is none of that name. Does not block. */
uint32_t coil__interface_index(const char *name);
/* Its name. False when there is none of that index. size: at least IF_NAMESIZE. */
bool coil__interface_name(uint32_t index, char *ret_name, size_t size);

#endif
