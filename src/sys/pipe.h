/* pipe.h - reading and writing pipes, terminals and other descriptors that need not be sockets,
 * without waiting, without a SIGPIPE, and without leaving O_NONBLOCK where others would find it.
 *
 * O_NONBLOCK belongs to the open file, which is shared with whoever else has it: the shell, the
 * other end of a pipeline's terminal. So it is not set; see enum coil__pipe_way for what is done
 * instead. Errors are -errno.
 */
#ifndef COIL__SYS_PIPE_H
#define COIL__SYS_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum coil__pipe_way {
    COIL__PIPE_NONE,        /* there is no descriptor */
    COIL__PIPE_SOCKET,      /* MSG_DONTWAIT */
    COIL__PIPE_NONBLOCKING, /* O_NONBLOCK was there, or the open file is our own */
    COIL__PIPE_NOWAIT,      /* RWF_NOWAIT: pipes, from Linux 6.4 on */
    COIL__PIPE_TOGGLED,     /* O_NONBLOCK for the time of the call */
    COIL__PIPE_FILE,        /* waits for a disk at most: not to be called here */
};

/* One direction of a descriptor. All-zero: none. */
struct coil__pipe {
    int fd;
    unsigned char way;
    bool is_device;
    bool lacks_no_signal; /* RWF_NO_SIGNAL is not known here */
};

/* Looks at fd, which stays the caller's; a terminal is opened anew under the same number, so that
 * O_NONBLOCK can be ours alone. 0; -EBADF (closed, or not open in that direction), -EISDIR,
 * -EINVAL (what can be neither read like a pipe nor like a file). */
int coil__pipe_open(int fd, bool is_for_writing, struct coil__pipe *ret_pipe);
/* The same for whatever direction there is: the other one's way is NONE. */
int coil__pipe_open_both(int fd, struct coil__pipe *ret_in, struct coil__pipe *ret_out);

/* read(2): -EAGAIN where it would wait. A device that has hung up is at its end: 0. */
ssize_t coil__pipe_read(struct coil__pipe *pipe, void *buf, size_t size);
/* write(2), or a part of it: -EAGAIN where it would wait; -EPIPE without a signal. */
ssize_t coil__pipe_write(struct coil__pipe *pipe, const void *buf, size_t size);
/* True when nobody reads any more what is written here. */
bool coil__pipe_is_broken(const struct coil__pipe *pipe);
/* Sends the end where the descriptor stays open for reading: a socket's. 0 or an error. */
int coil__pipe_shut(struct coil__pipe *pipe);

/* Closes fd if it is open. */
void coil__pipe_close(int fd);
/* write(2), whether it waits or not, without a SIGPIPE. */
ssize_t coil__pipe_write_quietly(int fd, const void *buf, size_t size);

#endif
