/* coil/dns.h - host names to addresses, and back.
 *
 *     struct coil_address *list;
 *     size_t count;
 *     rc = coil_resolve("example.org", "443", NULL, &list, &count);
 *     ...
 *     coil_resolve_free(list);
 *
 * Look-ups are the system's own (getaddrinfo: /etc/hosts, DNS, whatever it is set up for), on
 * threads that serve nothing else, at most max_resolvers of them (struct coil_loop_options), so
 * that a slow name server holds up neither the loop nor coil_to_thread. IP addresses with a
 * numeric port need no thread, and neither do names that cannot exist ("*.invalid").
 * Under the simulated backend "localhost" needs none either, and is ::1 and 127.0.0.1.
 *
 * Who asks for the same while a thread asks already shares its answer. Answers can be remembered
 * for a while (coil_resolve_set_cache): that is off by default, because getaddrinfo does not tell
 * how long they are good for.
 *
 * asyncio's counterparts: loop.getaddrinfo, loop.getnameinfo.
 */
#ifndef COIL_DNS_H
#define COIL_DNS_H

#include <coil/address.h>
#include <coil/base.h>

/* All-zero is the default of everything. */
struct coil_resolve_options {
    int family;   /* AF_INET or AF_INET6: only these; AF_UNSPEC (0): both */
    bool passive; /* for listening: without a host, all of this machine's addresses */
};

/* What of the answers is remembered. All-zero: nothing. */
struct coil_resolve_cache {
    size_t max_entries; /* the one that was asked for longest ago is forgotten first */
    int64_t lifetime_ns;
    int64_t negative_lifetime_ns; /* of the answer that there is no such name; 0: is not kept */
};

/* Room for any host's name, and any service's, '\0' included. */
enum { COIL_NAME_HOST = 1025, COIL_NAME_SERVICE = 32 };

/* All-zero is the default of everything. */
struct coil_name_options {
    bool numeric_host;    /* the IP address: nobody is asked */
    bool numeric_service; /* the port number */
    bool name_required;   /* a host without a name is an error; not with numeric_host */
    bool datagram;        /* the service's name for UDP, where it differs */
};

COIL_BEGIN_DECLS

/* Finds the addresses of a host. host: a name or an IP address, without brackets; NULL or "": this
 * machine (::1 and 127.0.0.1; if passive 0.0.0.0 and ::). service: a port number, a service's name
 * ("https"), or NULL for port 0. options: may be NULL. ret_list: one address or more in the
 * system's order of preference, for the caller to give to coil_resolve_free; ret_count: how many.
 * 0; -COIL_EHOSTNAME: there is no such name, or it has no address (of that family);
 * -COIL_ERESOLVER: the name service could not answer for now; -COIL_EADDRESS: unknown service, or
 * a port out of range; -ENOMEM, -EAGAIN (no thread is to be had), -EINVAL.
 * Cancel: returns at once, also while a thread still waits for a name server; that one ends by
 * itself, later, for those who want its answer too. Not even the loop's end waits for it. */
COIL_EXPORT COIL_SUSPENDS int coil_resolve(const char *host, const char *service,
                                           const struct coil_resolve_options *options,
                                           struct coil_address **ret_list, size_t *ret_count);

/* Frees what coil_resolve returned. NULL: does nothing. Any thread. */
COIL_EXPORT void coil_resolve_free(struct coil_address *list);

/* How answers are remembered from now on, in the loop that runs here; what it remembers so far is
 * forgotten. cache: NULL for all-zero; is copied. Temporary failures (-COIL_ERESOLVER) are never
 * kept. Does not suspend; also from callbacks. 0; -EINVAL (a negative time), -ENOMEM,
 * -COIL_ENOLOOP. asyncio has no counterpart. */
COIL_EXPORT int coil_resolve_set_cache(const struct coil_resolve_cache *cache);

/* Forgets what is remembered of a host, or of all (NULL). Who asks from now on gets an answer to a
 * question that was asked from now on; who waits already gets the one that is on its way. Does not
 * suspend; also from callbacks. 0; -COIL_ENOLOOP. */
COIL_EXPORT int coil_resolve_flush(const char *host);

/* Finds the names of an address. address: IPv4 or IPv6. options: may be NULL. ret_host: room for
 * host_size bytes ('\0' included; COIL_NAME_HOST is always enough), or NULL: not wanted;
 * ret_service (COIL_NAME_SERVICE) likewise; one of them must be wanted. A host without a name is
 * given as a number, a service too. Needs no thread where only numbers are asked for.
 * 0; -ENOSPC: does not fit, and nothing is stored; -COIL_EHOSTNAME: has no name, and one is
 * required; -COIL_ERESOLVER: the name service could not answer for now; -EAFNOSUPPORT, -ENOMEM,
 * -EAGAIN (no thread is to be had), -EINVAL. Cancel: as coil_resolve.
 * asyncio: loop.getnameinfo. */
COIL_EXPORT COIL_SUSPENDS int coil_getnameinfo(const struct coil_address *address,
                                               const struct coil_name_options *options,
                                               char *ret_host, size_t host_size, char *ret_service,
                                               size_t service_size);

COIL_END_DECLS

#endif
