/* datagram.h - the inside of a datagram endpoint, and what happens to those left open.
 *
 * Lifetime: as that of streams (io/stream.h). The struct goes away in close, except while a task is
 * inside a call on it (`users`): then with the last of those. Its memory stays with the loop and is
 * used again; handles carry a generation, so that a call on a closed one is noticed.
 */
#ifndef COIL__IO_DATAGRAM_H
#define COIL__IO_DATAGRAM_H

#include "io/stream.h"
#include "sys/socket_file.h"

#include <coil/datagram.h>

struct coil_datagram {
    struct coil_loop *loop; /* NULL while free */
    struct coil__io *io;
    struct coil_datagram *next_free; /* in io->free_datagrams */
    int fd;
    int family;
    unsigned users; /* calls that still refer to the struct */
    uint8_t generation;
    bool is_closing;               /* closed: calls that still run give up */
    struct coil__socket_file file; /* of a unix socket */
    struct coil__list waits; /* of the operations that calls wait for, on their tasks' stacks */
};

/* The endpoint behind a handle: 0, -EINVAL, -COIL_ECLOSED, -COIL_EWRONGTHREAD, -COIL_ENOLOOP. */
int coil__datagram_find(const struct coil_datagram *handle, struct coil_datagram **ret_datagram);

/* The end of the loop: closes what is open; the loop goes on until io->open_count is zero. */
void coil__datagrams_close(struct coil__io *io);
/* In a forked child: closes its copies of the descriptors, and nothing else. */
void coil__datagrams_forget(struct coil__io *io);
/* Frees the memory of all, which are closed or forgotten. */
void coil__datagrams_free(struct coil__io *io);

#endif
