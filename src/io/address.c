/* address.c - socket addresses as text. Numbers are read by hand: decimal digits, nothing else, so
 * that "0x50", " 80" or "+80" are no ports. */
#include "io/address.h"

#include "base/check.h"
#include "sys/resolver.h"

#include <coil/error.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static const char unix_prefix[] = "unix:";

enum { UNIX_PREFIX = sizeof unix_prefix - 1, PATH_OFFSET = offsetof(struct sockaddr_un, sun_path) };

static struct sockaddr_in *as_v4(struct coil_address *address)
{
    return (struct sockaddr_in *)(void *)&address->storage;
}

static struct sockaddr_in6 *as_v6(struct coil_address *address)
{
    return (struct sockaddr_in6 *)(void *)&address->storage;
}

static const struct sockaddr_in *v4_of(const struct coil_address *address)
{
    return (const struct sockaddr_in *)(const void *)&address->storage;
}

static const struct sockaddr_in6 *v6_of(const struct coil_address *address)
{
    return (const struct sockaddr_in6 *)(const void *)&address->storage;
}

/* AF_UNSPEC when there is no address. */
static int family_of(const struct coil_address *address)
{
    return address->size == 0 ? AF_UNSPEC : address->storage.ss_family;
}

/* A decimal number of at most `max`. False: it is none. */
static bool parse_number(const char *text, uint32_t max, uint32_t *ret_number)
{
    uint64_t number = 0;

    if (*text == '\0') {
        return false;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(*text - '0');
        if (number > max) {
            return false;
        }
    }
    *ret_number = (uint32_t)number;
    return true;
}

int coil__parse_port(const char *text, uint16_t *ret_port)
{
    uint32_t number;

    if (!parse_number(text, UINT16_MAX, &number)) {
        return -COIL_EADDRESS;
    }
    *ret_port = (uint16_t)number;
    return 0;
}

void coil__address_set(struct coil_address *address, const struct sockaddr *from, socklen_t size)
{
    memset(address, 0, sizeof *address);
    address->size = size < sizeof address->storage ? size : (socklen_t)sizeof address->storage;
    memcpy(&address->storage, from, address->size);
}

static void set_v4(struct coil_address *address, const struct in_addr *ip, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = *ip, .sin_port = htons(port)};

    coil__address_set(address, (struct sockaddr *)(void *)&in, sizeof in);
}

/* The part after the '%': an interface's name, or its number. */
static bool parse_scope(const char *text, uint32_t *ret_scope)
{
    if (parse_number(text, UINT32_MAX, ret_scope)) {
        return *ret_scope != 0;
    }
    *ret_scope = coil__interface_index(text);
    return *ret_scope != 0;
}

static int parse_v6(const char *ip, uint16_t port, struct coil_address *ret_address)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const char *percent = strchr(ip, '%');
    size_t size = percent ? (size_t)(percent - ip) : strlen(ip);
    char digits[INET6_ADDRSTRLEN];

    if (size >= sizeof digits) {
        return -COIL_EADDRESS;
    }
    memcpy(digits, ip, size);
    digits[size] = '\0';
    if (inet_pton(AF_INET6, digits, &in6.sin6_addr) != 1 ||
        (percent && !parse_scope(percent + 1, &in6.sin6_scope_id))) {
        return -COIL_EADDRESS;
    }
    coil__address_set(ret_address, (struct sockaddr *)(void *)&in6, sizeof in6);
    return 0;
}

int coil_address_from_ip(const char *ip, uint16_t port, struct coil_address *ret_address)
{
    struct in_addr in;

    if (!ip || !ret_address) {
        return -EINVAL;
    }
    if (inet_pton(AF_INET, ip, &in) == 1) {
        set_v4(ret_address, &in, port);
        return 0;
    }
    return parse_v6(ip, port, ret_address);
}

bool coil__is_unix(const char *text)
{
    return strncmp(text, unix_prefix, UNIX_PREFIX) == 0;
}

static int parse_unix(const char *path, struct coil_address *ret_address)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    bool is_abstract = *path == '@';

    /* An abstract name has no '\0' at its end, and its length counts. */
    if (size == 0 || size + !is_abstract > sizeof un.sun_path) {
        return -COIL_EADDRESS;
    }
    memcpy(un.sun_path, path, size);
    if (is_abstract) {
        un.sun_path[0] = '\0';
    }
    coil__address_set(ret_address, (struct sockaddr *)(void *)&un,
                      (socklen_t)(PATH_OFFSET + size + !is_abstract));
    return 0;
}

/* Parts "HOST:PORT" and "[HOST]:PORT". */
static int split(const char *text, char *ret_host, size_t host_size, uint16_t *ret_port)
{
    bool is_bracketed = *text == '[';
    const char *begin = text + is_bracketed;
    const char *end = strchr(begin, is_bracketed ? ']' : ':');
    const char *colon = end && is_bracketed ? end + 1 : end;

    if (!end || *colon != ':' || (size_t)(end - begin) >= host_size) {
        return -COIL_EADDRESS;
    }
    memcpy(ret_host, begin, (size_t)(end - begin));
    ret_host[end - begin] = '\0';
    return coil__parse_port(colon + 1, ret_port);
}

int coil_address_parse(const char *text, struct coil_address *ret_address)
{
    char host[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
    struct in_addr in;
    uint16_t port;
    int rc;

    if (!text || !ret_address) {
        return -EINVAL;
    }
    if (coil__is_unix(text)) {
        return parse_unix(text + UNIX_PREFIX, ret_address);
    }
    rc = split(text, host, sizeof host, &port);
    if (rc < 0) {
        return rc;
    }
    if (*text == '[') {
        return parse_v6(host, port, ret_address);
    }
    if (inet_pton(AF_INET, host, &in) != 1) {
        return -COIL_EADDRESS;
    }
    set_v4(ret_address, &in, port);
    return 0;
}

static int format_v6(const struct sockaddr_in6 *in6, char *buf, size_t size)
{
    char digits[INET6_ADDRSTRLEN];
    char scope[IF_NAMESIZE + 1] = "";

    COIL_CHECK(inet_ntop(AF_INET6, &in6->sin6_addr, digits, sizeof digits));
    if (in6->sin6_scope_id != 0) {
        scope[0] = '%';
        if (!coil__interface_name(in6->sin6_scope_id, scope + 1, sizeof scope - 1)) {
            snprintf(scope + 1, sizeof scope - 1, "%u", in6->sin6_scope_id);
        }
    }
    return snprintf(buf, size, "[%s%s]:%u", digits, scope, ntohs(in6->sin6_port));
}

static int format_unix(const struct coil_address *address, char *buf, size_t size)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&address->storage;
    size_t count = address->size > PATH_OFFSET ? address->size - PATH_OFFSET : 0;
    char name[sizeof un->sun_path + 1];

    count = count < sizeof un->sun_path ? count : sizeof un->sun_path;
    memcpy(name, un->sun_path, count);
    if (count == 0 || name[0] != '\0') {
        count = strnlen(name, count); /* a path ends at its NUL */
    }
    for (size_t i = 0; i < count; i++) {
        name[i] = name[i] == '\0' ? '@' : name[i];
    }
    name[count] = '\0';
    return snprintf(buf, size, "%s%s", unix_prefix, name);
}

int coil_address_format(const struct coil_address *address, char *buf, size_t size)
{
    char digits[INET_ADDRSTRLEN];
    int length;

    if (!address || !buf) {
        return -EINVAL;
    }
    switch (family_of(address)) {
    case AF_INET:
        COIL_CHECK(inet_ntop(AF_INET, &v4_of(address)->sin_addr, digits, sizeof digits));
        length = snprintf(buf, size, "%s:%u", digits, ntohs(v4_of(address)->sin_port));
        break;
    case AF_INET6:
        length = format_v6(v6_of(address), buf, size);
        break;
    case AF_UNIX:
        length = format_unix(address, buf, size);
        break;
    default:
        return -EAFNOSUPPORT;
    }
    return (size_t)length < size ? length : -ENOSPC;
}

int coil_address_get_port(const struct coil_address *address)
{
    if (!address) {
        return -EINVAL;
    }
    switch (family_of(address)) {
    case AF_INET:
        return ntohs(v4_of(address)->sin_port);
    case AF_INET6:
        return ntohs(v6_of(address)->sin6_port);
    default:
        return -EAFNOSUPPORT;
    }
}

int coil_address_set_port(struct coil_address *address, uint16_t port)
{
    if (!address) {
        return -EINVAL;
    }
    switch (family_of(address)) {
    case AF_INET:
        as_v4(address)->sin_port = htons(port);
        return 0;
    case AF_INET6:
        as_v6(address)->sin6_port = htons(port);
        return 0;
    default:
        return -EAFNOSUPPORT;
    }
}

bool coil__address_is_loopback(const struct coil_address *address)
{
    const struct sockaddr_in6 *in6 = v6_of(address);

    switch (family_of(address)) {
    case AF_INET:
        return ntohl(v4_of(address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && in6->sin6_addr.s6_addr[12] == 127);
    default:
        return false;
    }
}

bool coil__address_is_same(const struct coil_address *a, const struct coil_address *b)
{
    return a->size == b->size && memcmp(&a->storage, &b->storage, a->size) == 0;
}
