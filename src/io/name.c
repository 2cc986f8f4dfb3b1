/* name.c - addresses to host and service names: numbers at once, names by getnameinfo in a thread
 * (io/lookup.h). */
#include "io/address.h"
#include "io/lookup.h"

#include "base/memory.h"
#include "sys/resolver.h"

#include <coil/dns.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct lookup {
    struct coil__lookup base;
    struct coil_address address;
    struct coil_name_options options;
    char host[COIL_NAME_HOST]; /* with service and base.rc: valid once the work is over */
    char service[COIL_NAME_SERVICE];
};

/* Where the answer goes: either may be NULL. */
struct target {
    char *host;
    size_t host_size;
    char *service;
    size_t service_size;
};

/* --- numbers --- */

/* "1.2.3.4", "fe80::1%eth0": the text of the address without brackets and port. */
static void format_host(const struct coil_address *address, char *buf, size_t size)
{
    char text[COIL_ADDRESS_TEXT];
    bool has_brackets = address->storage.ss_family == AF_INET6;
    size_t length;

    text[0] = '\0';
    coil_address_format(address, text, sizeof text);
    length = strcspn(text, has_brackets ? "]" : ":");
    snprintf(buf, size, "%.*s", (int)(length - has_brackets), text + has_brackets);
}

static bool fits(const char *text, const char *to, size_t size)
{
    return !to || strlen(text) < size;
}

/* Nothing is stored where not all of it fits. */
static int answer(const struct target *target, const char *host, const char *service)
{
    if (!fits(host, target->host, target->host_size) ||
        !fits(service, target->service, target->service_size)) {
        return -ENOSPC;
    }
    if (target->host) {
        memcpy(target->host, host, strlen(host) + 1);
    }
    if (target->service) {
        memcpy(target->service, service, strlen(service) + 1);
    }
    return 0;
}

/* --- in a thread --- */

static void look_up(struct coil__lookup *base)
{
    struct lookup *lookup = COIL__CONTAINER(base, struct lookup, base);
    const struct coil_name_options *options = &lookup->options;
    int flags = (options->numeric_host ? NI_NUMERICHOST : 0) |
                (options->numeric_service ? NI_NUMERICSERV : 0) |
                (options->name_required ? NI_NAMEREQD : 0) | (options->datagram ? NI_DGRAM : 0);

    base->rc = coil__resolver_name((const struct sockaddr *)(const void *)&lookup->address.storage,
                                   lookup->address.size, lookup->host, sizeof lookup->host,
                                   lookup->service, sizeof lookup->service, flags);
}

static void free_lookup(struct coil__lookup *base)
{
    coil__free(COIL__CONTAINER(base, struct lookup, base));
}

/* --- in the loop --- */

static int ask_thread(struct coil_task *self, const struct coil_address *address,
                      const struct coil_name_options *options, const struct target *target)
{
    struct lookup *lookup = coil__calloc(1, sizeof *lookup);
    int rc;

    if (!lookup) {
        return -ENOMEM;
    }
    lookup->base.work = look_up;
    lookup->base.free = free_lookup;
    lookup->address = *address;
    lookup->options = *options;
    lookup->options.numeric_host |= !target->host; /* nobody is asked for what is not wanted */
    lookup->options.numeric_service |= !target->service;
    rc = coil__lookup_run(self, &lookup->base, "getnameinfo");
    if (rc < 0) {
        return rc;
    }
    rc = lookup->base.rc;
    rc = rc < 0 ? rc : answer(target, lookup->host, lookup->service);
    free_lookup(&lookup->base);
    return rc;
}

int coil_getnameinfo(const struct coil_address *address, const struct coil_name_options *options,
                     char *ret_host, size_t host_size, char *ret_service, size_t service_size)
{
    static const struct coil_name_options defaults = {0};
    struct target target = {ret_host, host_size, ret_service, service_size};
    struct coil_task *self;
    char host[COIL_ADDRESS_TEXT];
    char service[8];
    bool is_local;
    int port;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    options = options ? options : &defaults;
    port = coil_address_get_port(address);
    if (port < 0 || (!ret_host && !ret_service) ||
        (options->numeric_host && options->name_required)) {
        return port < 0 ? port : -EINVAL;
    }
    is_local = self->loop->backend->is_simulated && coil__address_is_loopback(address);
    if ((ret_host && !options->numeric_host && !is_local) ||
        (ret_service && !options->numeric_service)) {
        return ask_thread(self, address, options, &target);
    }
    coil__spend(self);
    format_host(address, host, sizeof host);
    snprintf(service, sizeof service, "%u", (unsigned)(uint16_t)port);
    return answer(&target, options->numeric_host ? host : "localhost", service);
}
