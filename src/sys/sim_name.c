/* sim_name.c - addresses in the simulated network.
 *
 * Every IP address exists and is this machine's; a test may thus play several hosts. A name that
 * is taken stands, through its socket, in a bucket by port or path, from bind (or the choice of
 * a port by connect or listen) until the socket is closed. Sockets that were accepted share the
 * port of their listener without taking it; there is no TIME_WAIT.
 *
 * AF_UNIX names live in here, not in the file system: nothing is created there, a path is free
 * again as soon as its socket is closed, and nobody has to unlink it.
 *
 * Linux' rules for sharing: with SO_REUSEADDR on both, as long as neither listens; with
 * SO_REUSEPORT on both, always.
 */
#include "sys/sim.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

enum { FIRST_PORT = 32768, LAST_PORT = 60999, PREFIX = 12 };

static const uint8_t v4_prefix[PREFIX] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct coil__sim_name *name)
{
    return memcmp(name->bytes, v4_prefix, PREFIX) == 0;
}

static bool is_any(const struct coil__sim_name *name)
{
    static const uint8_t zeros[16];

    return memcmp(name->bytes, zeros, 16) == 0 ||
           (is_v4(name) && memcmp(name->bytes + PREFIX, zeros, 4) == 0);
}

static int parse_unix(struct coil__sim_name *name, const struct sockaddr *addr, socklen_t size)
{
    size_t header = offsetof(struct sockaddr_un, sun_path);

    if (addr->sa_family != AF_UNIX || size <= header || size > sizeof(struct sockaddr_un)) {
        return -EINVAL;
    }
    name->domain = AF_UNIX;
    memcpy(name->bytes, (const char *)addr + header, size - header);
    /* A path ends at its first NUL; in an abstract name every byte counts. */
    name->path_size = (uint16_t)(name->bytes[0] ? strnlen((const char *)name->bytes, size - header)
                                                : size - header);
    return 0;
}

int coil__sim_name_parse(struct coil__sim_name *name, int domain, const struct sockaddr *addr,
                         socklen_t size)
{
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    size_t needed = domain == AF_INET ? sizeof in4 : sizeof in6;

    memset(name, 0, sizeof *name);
    if (!addr || size < sizeof addr->sa_family) {
        return -EINVAL;
    }
    if (domain == AF_UNIX) {
        return parse_unix(name, addr, size);
    }
    if (size < needed) {
        return -EINVAL;
    }
    if (addr->sa_family != domain) {
        return -EAFNOSUPPORT;
    }
    name->domain = AF_INET6;
    if (domain == AF_INET) {
        memcpy(&in4, addr, sizeof in4);
        memcpy(name->bytes, v4_prefix, PREFIX);
        memcpy(name->bytes + PREFIX, &in4.sin_addr, 4);
        name->port = ntohs(in4.sin_port);
    } else {
        memcpy(&in6, addr, sizeof in6);
        memcpy(name->bytes, &in6.sin6_addr, 16);
        name->port = ntohs(in6.sin6_port);
    }
    return 0;
}

static void copy_out(const void *from, size_t from_size, struct sockaddr *addr, socklen_t *size)
{
    memcpy(addr, from, from_size < *size ? from_size : *size);
    *size = (socklen_t)from_size;
}

static void store_unix(const struct coil__sim_name *name, struct sockaddr *addr, socklen_t *size)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t header = offsetof(struct sockaddr_un, sun_path);
    bool is_path = name->path_size > 0 && name->bytes[0];
    bool has_nul = is_path && name->path_size < sizeof un.sun_path;

    memcpy(un.sun_path, name->bytes, name->path_size);
    copy_out(&un, header + name->path_size + has_nul, addr, size);
}

void coil__sim_name_store(const struct coil__sim_name *name, int domain, struct sockaddr *addr,
                          socklen_t *size)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(name->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(name->port)};

    if (domain == AF_UNIX) {
        store_unix(name, addr, size);
    } else if (domain == AF_INET) {
        memcpy(&in4.sin_addr, name->bytes + PREFIX, 4);
        copy_out(&in4, sizeof in4, addr, size);
    } else {
        memcpy(&in6.sin6_addr, name->bytes, 16);
        copy_out(&in6, sizeof in6, addr, size);
    }
}

static size_t bucket_of(const struct coil__sim_name *name)
{
    size_t sum = name->port;

    for (size_t i = 0; name->domain == AF_UNIX && i < name->path_size; i++) {
        sum = sum * 31 + name->bytes[i];
    }
    return sum % COIL__SIM_BUCKETS;
}

/* How well a socket's name covers a target: 0 not at all, 1 as "any", 2 exactly. */
static int coverage(const struct coil__sim_name *name, bool v6_only,
                    const struct coil__sim_name *target)
{
    if (name->domain != target->domain || name->port != target->port ||
        name->path_size != target->path_size) {
        return 0;
    }
    if (memcmp(name->bytes, target->bytes, sizeof name->bytes) == 0) {
        return 2;
    }
    if (name->domain == AF_UNIX || !is_any(name)) {
        return 0;
    }
    return is_v4(name) == is_v4(target) || (!is_v4(name) && !v6_only);
}

static bool overlap(const struct coil__sim_socket *holder, const struct coil__sim_socket *socket,
                    const struct coil__sim_name *name)
{
    return coverage(&holder->name, holder->v6_only, name) > 0 ||
           coverage(name, socket->v6_only, &holder->name) > 0;
}

static bool may_share(const struct coil__sim_socket *a, const struct coil__sim_socket *b)
{
    bool nobody_listens = a->state != COIL__SIM_LISTENING && b->state != COIL__SIM_LISTENING;

    return (a->reuse_port && b->reuse_port) ||
           (a->reuse_address && b->reuse_address && nobody_listens);
}

/* Whether another socket holds a name that overlaps; `strictly`: even if they could share it. */
static bool is_taken(const struct coil__sim *sim, const struct coil__sim_socket *socket,
                     const struct coil__sim_name *name, bool strictly)
{
    COIL__LIST_FOREACH(&sim->bound[bucket_of(name)], link) {
        const struct coil__sim_socket *holder =
            COIL__CONTAINER(link, struct coil__sim_socket, bound_link);

        if (holder != socket && overlap(holder, socket, name) &&
            (strictly || name->domain == AF_UNIX || !may_share(holder, socket))) {
            return true;
        }
    }
    return false;
}

/* Ports are given out in turn, so that one that was just closed is not seen again soon. */
static bool choose_port(struct coil__sim *sim, const struct coil__sim_socket *socket,
                        struct coil__sim_name *name)
{
    for (int tries = LAST_PORT - FIRST_PORT + 1; tries > 0; tries--) {
        if (sim->next_port < FIRST_PORT || sim->next_port > LAST_PORT) {
            sim->next_port = FIRST_PORT;
        }
        name->port = sim->next_port++;
        if (!is_taken(sim, socket, name, true)) {
            return true;
        }
    }
    return false;
}

int coil__sim_name_bind(struct coil__sim *sim, struct coil__sim_socket *socket,
                        const struct coil__sim_name *name)
{
    struct coil__sim_name chosen = *name;

    if (name->domain == AF_INET6 && name->port == 0) {
        if (!choose_port(sim, socket, &chosen)) {
            return -EADDRINUSE;
        }
    } else if (is_taken(sim, socket, name, false)) {
        return -EADDRINUSE;
    }
    socket->name = chosen;
    coil__list_push_tail(&sim->bound[bucket_of(&chosen)], &socket->bound_link);
    return 0;
}

bool coil__sim_name_has_listener(const struct coil__sim *sim, const struct coil__sim_socket *socket)
{
    COIL__LIST_FOREACH(&sim->bound[bucket_of(&socket->name)], link) {
        const struct coil__sim_socket *holder =
            COIL__CONTAINER(link, struct coil__sim_socket, bound_link);

        if (holder != socket && holder->state == COIL__SIM_LISTENING &&
            overlap(holder, socket, &socket->name) && !may_share(holder, socket)) {
            return true;
        }
    }
    return false;
}

struct coil__sim_socket *coil__sim_name_find_listener(struct coil__sim *sim,
                                                      const struct coil__sim_name *name,
                                                      int *ret_error)
{
    struct coil__sim_socket *found = NULL;
    uint64_t candidates = 0;
    int best = 0;

    *ret_error = name->domain == AF_UNIX && name->bytes[0] ? ENOENT : ECONNREFUSED;
    COIL__LIST_FOREACH(&sim->bound[bucket_of(name)], link) {
        struct coil__sim_socket *socket =
            COIL__CONTAINER(link, struct coil__sim_socket, bound_link);
        int score = coverage(&socket->name, socket->v6_only, name);

        if (score > 0) {
            *ret_error = ECONNREFUSED;
        }
        if (score == 0 || score < best || socket->state != COIL__SIM_LISTENING) {
            continue;
        }
        candidates = score > best ? 1 : candidates + 1;
        best = score;
        if (candidates == 1 || coil__sim_random_below(&sim->order, candidates) == 0) {
            found = socket;
        }
    }
    return found;
}

void coil__sim_name_for_target(struct coil__sim_name *name, const struct coil__sim_name *target)
{
    *name = *target;
    name->port = 0;
}

void coil__sim_name_resolve_any(struct coil__sim_name *target)
{
    if (target->domain == AF_INET6 && is_any(target)) {
        if (is_v4(target)) {
            target->bytes[12] = 127;
        }
        target->bytes[15] = 1;
    }
}
