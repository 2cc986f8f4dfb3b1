/* coil/address.h - socket addresses as values, and as text: "1.2.3.4:80", "[::1]:80",
 * "[fe80::1%eth0]:80", "unix:/run/x.sock", "unix:@abstract".
 *
 * Nothing here asks a name service; coil_resolve (coil/dns.h) does.
 */
#ifndef COIL_ADDRESS_H
#define COIL_ADDRESS_H

#include <coil/base.h>

#include <sys/socket.h>

/* A plain value, may be copied. All-zero: no address. */
struct coil_address {
    socklen_t size; /* bytes of storage that count; 0: no address */
    struct sockaddr_storage storage;
};

/* Room for the text of any address, '\0' included. */
enum { COIL_ADDRESS_TEXT = 128 };

COIL_BEGIN_DECLS

/* Reads an address with its port from text, in one of the forms above; a name is none of them.
 * 0; -COIL_EADDRESS (also: port out of range, path too long, no such interface), -EINVAL (NULL).
 * Any thread. */
COIL_EXPORT int coil_address_parse(const char *text, struct coil_address *ret_address);

/* Makes an address of an IP address without brackets ("1.2.3.4", "::1", "fe80::1%eth0") and a
 * port. 0, -COIL_EADDRESS, -EINVAL (NULL). Any thread. */
COIL_EXPORT int coil_address_from_ip(const char *ip, uint16_t port,
                                     struct coil_address *ret_address);

/* Writes the text of an address, '\0' included; coil_address_parse reads it back (but for an
 * unnamed unix socket, "unix:", and NULs inside an abstract name, which become '@').
 * size: of buf; COIL_ADDRESS_TEXT is always enough. Returns the length without the '\0'.
 * -ENOSPC and nothing useful in buf; -EAFNOSUPPORT (no address, or of another family), -EINVAL
 * (NULL). Any thread. */
COIL_EXPORT int coil_address_format(const struct coil_address *address, char *buf, size_t size);

/* The port, 0 to 65535. -EAFNOSUPPORT: the address has none; -EINVAL (NULL). Any thread. */
COIL_EXPORT int coil_address_get_port(const struct coil_address *address);

/* 0, -EAFNOSUPPORT: the address has no port; -EINVAL (NULL). Any thread. */
COIL_EXPORT int coil_address_set_port(struct coil_address *address, uint16_t port);

COIL_END_DECLS

#endif
