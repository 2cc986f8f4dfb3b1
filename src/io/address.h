/* address.h - what the other files of the layer need of addresses. */
#ifndef COIL__IO_ADDRESS_H
#define COIL__IO_ADDRESS_H

#include <coil/address.h>

/* Only digits, 0 to 65535; -COIL_EADDRESS. */
int coil__parse_port(const char *text, uint16_t *ret_port);
/* "unix:...". */
bool coil__is_unix(const char *text);
void coil__address_set(struct coil_address *address, const struct sockaddr *from, socklen_t size);
bool coil__address_is_loopback(const struct coil_address *address);
bool coil__address_is_same(const struct coil_address *a, const struct coil_address *b);

#endif
