/* resolve.c - host names to addresses: what can be answered at once; io/names.h asks for the rest.
 */
#include "io/address.h"
#include "io/names.h"

#include "base/memory.h"

#include <coil/dns.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum { MAX_HOST = 1024, MAX_SERVICE = 64 };

/* --- what needs no thread --- */

static bool has_suffix(const char *host, const char *suffix)
{
    size_t size = strlen(host);
    size_t suffix_size = strlen(suffix);

    if (size > 0 && host[size - 1] == '.') {
        size--;
    }
    return size >= suffix_size &&
           strncasecmp(host + size - suffix_size, suffix, suffix_size) == 0 &&
           (size == suffix_size || host[size - suffix_size - 1] == '.');
}

/* Those of the given IP addresses that are of the family. */
static int answer_with(const struct coil__name_query *query, const char *const *ips, size_t count,
                       struct coil__name_answer *ret_answer)
{
    struct coil_address *list = coil__calloc(count, sizeof *list);
    size_t found = 0;

    if (!list) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (coil_address_from_ip(ips[i], query->port, &list[found]) == 0 &&
            (query->family == AF_UNSPEC || list[found].storage.ss_family == query->family)) {
            found++;
        }
    }
    if (found == 0) {
        coil__free(list);
        return -COIL_EHOSTNAME;
    }
    *ret_answer = (struct coil__name_answer){.list = list, .count = found};
    return 0;
}

/* 1: answered; 0: a thread must ask; or an error. */
static int answer_at_once(const struct coil__name_query *query, bool is_simulated,
                          struct coil__name_answer *ret_answer)
{
    static const char *const this_machine[] = {"::1", "127.0.0.1"};
    static const char *const any[] = {"0.0.0.0", "::"};
    struct coil_address address;
    int rc;

    if (has_suffix(query->host, "invalid")) { /* RFC 6761, section 6.4 */
        return -COIL_EHOSTNAME;
    }
    if (query->service) {
        return 0;
    }
    if (*query->host == '\0') {
        rc = answer_with(query, query->is_passive ? any : this_machine, 2, ret_answer);
    } else if (coil_address_from_ip(query->host, 0, &address) == 0) {
        rc = answer_with(query, &query->host, 1, ret_answer);
    } else if (is_simulated && has_suffix(query->host, "localhost")) {
        rc = answer_with(query, this_machine, 2, ret_answer);
    } else {
        return 0;
    }
    return rc < 0 ? rc : 1;
}

/* --- the call --- */

static int make_query(const char *host, const char *service,
                      const struct coil_resolve_options *options,
                      struct coil__name_query *ret_query)
{
    int family = options->family;

    *ret_query = (struct coil__name_query){
        .host = host ? host : "",
        .family = family,
        .is_passive = options->passive,
    };
    if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6) {
        return -EINVAL;
    }
    if (strnlen(ret_query->host, MAX_HOST) == MAX_HOST) {
        return -COIL_EHOSTNAME;
    }
    if (!service) {
        return 0;
    }
    if (*service == '\0' || strnlen(service, MAX_SERVICE) == MAX_SERVICE) {
        return -COIL_EADDRESS;
    }
    if (service[strspn(service, "0123456789")] == '\0') {
        return coil__parse_port(service, &ret_query->port);
    }
    ret_query->service = service;
    return 0;
}

int coil_resolve(const char *host, const char *service, const struct coil_resolve_options *options,
                 struct coil_address **ret_list, size_t *ret_count)
{
    static const struct coil_resolve_options defaults = {0};
    struct coil_task *self;
    struct coil__name_answer answer = {0};
    struct coil__name_query query;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!ret_list || !ret_count) {
        return -EINVAL;
    }
    rc = make_query(host, service, options ? options : &defaults, &query);
    if (rc < 0) {
        return rc;
    }
    rc = answer_at_once(&query, self->loop->backend->is_simulated, &answer);
    if (rc == 0) {
        rc = coil__names_ask(self, &query, &answer);
    } else {
        coil__spend(self);
    }
    if (rc < 0) {
        return rc;
    }
    *ret_list = answer.list;
    *ret_count = answer.count;
    return 0;
}

void coil_resolve_free(struct coil_address *list)
{
    coil__free(list);
}
