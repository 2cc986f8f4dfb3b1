/* Addresses as text: what is read, is written and read again the same; nothing is written where it
 * does not fit; ports and IPv4 addresses as a plain reference has them. */
#include "fuzz.h"

#include "io/address.h"

#include <netinet/in.h>

/* One decimal number of 1 to 3 digits without a leading zero, at most 255. */
static const char *skip_octet(const char *text, uint32_t *ip)
{
    unsigned number = 0;
    int digits = 0;

    while (text && text[digits] >= '0' && text[digits] <= '9' && digits < 4) {
        number = number * 10 + (unsigned)(text[digits++] - '0');
    }
    if (digits == 0 || digits > 3 || number > 255 || (digits > 1 && *text == '0')) {
        return NULL;
    }
    *ip = *ip << 8 | number;
    return text + digits;
}

static bool is_port(const char *text, unsigned *ret_port)
{
    unsigned port = 0;

    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return false;
    }
    for (; *text; text++) {
        port = port > 65535 ? port : port * 10 + (unsigned)(*text - '0');
    }
    *ret_port = port;
    return port <= 65535;
}

static bool is_v4(const char *text, uint32_t *ret_ip, unsigned *ret_port)
{
    *ret_ip = 0;
    for (int i = 0; i < 4; i++) {
        text = skip_octet(text, ret_ip);
        if (!text || *text != (i < 3 ? '.' : ':')) {
            return false;
        }
        text++;
    }
    return is_port(text, ret_port);
}

/* Into memory of just that size, so that a sanitizer notices what is written behind it. */
static void check_format(const struct coil_address *address, const char *expected)
{
    int length = (int)strlen(expected);

    for (int size = 0; size <= length + 1; size++) {
        char *buf = malloc(size > 0 ? (size_t)size : 1);
        int rc;

        FUZZ_CHECK(buf != NULL);
        rc = coil_address_format(address, buf, (size_t)size);
        FUZZ_CHECK(rc == (size > length ? length : -ENOSPC));
        FUZZ_CHECK(rc < 0 || strcmp(buf, expected) == 0);
        free(buf);
    }
}

static void check_address(struct coil_address *address)
{
    struct coil_address again;
    char text[COIL_ADDRESS_TEXT];
    int port = coil_address_get_port(address);

    FUZZ_CHECK(address->size > 0 && address->size <= sizeof address->storage);
    FUZZ_CHECK(coil_address_format(address, text, sizeof text) > 0);
    check_format(address, text);
    FUZZ_CHECK(coil_address_parse(text, &again) == 0);
    FUZZ_CHECK(coil__address_is_same(address, &again));
    if (address->storage.ss_family == AF_UNIX) {
        FUZZ_CHECK(port == -EAFNOSUPPORT && coil_address_set_port(address, 1) == -EAFNOSUPPORT);
        return;
    }
    FUZZ_CHECK(port >= 0 && port <= 65535);
    FUZZ_CHECK(coil_address_set_port(&again, (uint16_t)(port ^ 0x5555)) == 0);
    FUZZ_CHECK(coil_address_get_port(&again) == (port ^ 0x5555));
    coil__address_is_loopback(address);
}

static void check_parse(const char *text)
{
    struct coil_address untouched;
    struct coil_address address;
    uint32_t ip;
    unsigned port;
    int rc;

    memset(&untouched, 0x5a, sizeof untouched);
    address = untouched;
    rc = coil_address_parse(text, &address);
    if (is_v4(text, &ip, &port)) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&address.storage;

        FUZZ_CHECK(rc == 0 && in->sin_family == AF_INET);
        FUZZ_CHECK(ntohl(in->sin_addr.s_addr) == ip && ntohs(in->sin_port) == port);
    }
    if (rc == 0) {
        check_address(&address);
    } else {
        FUZZ_CHECK(rc == -COIL_EADDRESS);
        FUZZ_CHECK(memcmp(&address, &untouched, sizeof address) == 0);
    }
}

/* With a port added, an IP address is an address. */
static void check_ip(const char *text)
{
    struct coil_address address;
    struct coil_address whole;
    char with_port[80];

    if (coil_address_from_ip(text, 80, &address) < 0) {
        return;
    }
    check_address(&address);
    if (strlen(text) < 60) { /* longer ones have many zeros in their scope */
        bool is_v6 = address.storage.ss_family == AF_INET6;

        snprintf(with_port, sizeof with_port, is_v6 ? "[%s]:80" : "%s:80", text);
        FUZZ_CHECK(coil_address_parse(with_port, &whole) == 0);
        FUZZ_CHECK(coil__address_is_same(&address, &whole));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    uint16_t port = 0;
    unsigned expected = 0;
    char text[300];
    int rc;

    take_text(&in, text, sizeof text);
    check_parse(text);
    check_ip(text);
    rc = coil__parse_port(text, &port);
    FUZZ_CHECK((rc == 0) == is_port(text, &expected));
    FUZZ_CHECK(rc < 0 || port == expected);
    return 0;
}
