/* net.h - what serving needs beside the public calls of coil/net.h. */
#ifndef COIL__IO_NET_H
#define COIL__IO_NET_H

#include "loop/loop.h"
#include "sys/socket_file.h"

#include <coil/net.h>

/* True for an error of coil_accept on a listening socket that need not be its end: no room for one
 * more just now, or somebody forbids it. Report it, pause COIL__ACCEPT_PAUSE, and accept again
 * (asyncio's way, ASYNCIO-SEMANTICS E7). */
bool coil__accept_may_recover(int error);

#define COIL__ACCEPT_PAUSE (1 * COIL_SEC)

/* An unconnected stream socket for the address; or an error. */
int coil__net_socket(struct coil_loop *loop, const struct coil_address *address);
void coil__net_close(struct coil_loop *loop, int fd);
/* Options that take an int. */
int coil__net_set(struct coil_loop *loop, int fd, int level, int name, int value);
/* A stale file of a unix socket, at which nobody listens, is removed. */
int coil__net_bind(struct coil_loop *loop, int fd, const struct coil_address *address);
/* The permissions of a unix socket's file; 0: as they are. */
int coil__net_set_mode(struct coil_loop *loop, const struct coil_address *address, unsigned mode);
/* Remembers the file of a bound unix socket. Not touched where there is none. */
void coil__net_note_file(struct coil_loop *loop, int fd, struct coil__socket_file *ret_file);

#endif
