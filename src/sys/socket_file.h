/* socket_file.h - the files of unix sockets: stale ones are removed, our own when we are done.
 *
 * A file is ours as long as it is the same inode; somebody who has put another one in its place
 * keeps it. Addresses without a file (abstract ones, other families) are no case of these calls:
 * they do nothing.
 */
#ifndef COIL__SYS_SOCKET_FILE_H
#define COIL__SYS_SOCKET_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* All-zero: none. */
struct coil__socket_file {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
    uint64_t device;
    uint64_t inode;
};

/* Removes the file of an address if it is a socket at which nobody receives. type: SOCK_STREAM or
 * SOCK_DGRAM. True: the address is free now. */
bool coil__socket_file_clear(const struct sockaddr *addr, socklen_t size, int type);

/* Gives the file its permissions. 0 or -errno. */
int coil__socket_file_set_mode(const struct sockaddr *addr, socklen_t size, unsigned mode);

/* Remembers the file of an address that a socket has just been bound to. */
void coil__socket_file_note(const struct sockaddr *addr, socklen_t size,
                            struct coil__socket_file *ret_file);

/* Removes it, if it is still that one. Twice, or none: does nothing. */
void coil__socket_file_remove(struct coil__socket_file *file);

#endif
