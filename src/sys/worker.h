/* worker.h - worker processes, and the server process that makes and reaps them.
 *
 * The server is a fork of the calling process with one thread, no descriptors but 0, 1, 2 and its
 * socket, and nothing to do but to fork workers when it is told to. All calls here but
 * coil__worker_kill wait for its answer, which takes as long as a fork, or as the end of a process
 * that was killed. Errors are -errno; -EPIPE: the server is gone, and with it its workers.
 */
#ifndef COIL__SYS_WORKER_H
#define COIL__SYS_WORKER_H

#include <coil/process_pool.h>

#include <stdint.h>

struct coil__worker_server {
    pid_t pid;
    int fd;          /* -1: there is none */
    unsigned number; /* of servers that were started: a worker is known to the one that made it */
};

/* What goes to a worker, arg_size bytes behind it; and what comes back, with rc bytes behind it if
 * that is positive. */
struct coil__worker_job {
    coil_process_fn fn;
    size_t arg_size;
    size_t result_size;
};

struct coil__worker_reply {
    int64_t rc;
};

/* Forks: not to be called on the stack of a task, because all work is done on that stack. */
int coil__worker_server_start(struct coil__worker_server *server);
/* A new worker: its pid, and the socket to it, which reads the end when it has ended. */
pid_t coil__worker_start(struct coil__worker_server *server, int *ret_fd);
/* Sends SIGKILL to a worker that was not reaped. Of this one's: else its pid may be anybody's. */
void coil__worker_kill(struct coil__worker_server *server, pid_t pid);
/* The same, and reaps it; also one that has ended. How it ended, as coil__process_reap has it. */
int coil__worker_reap(struct coil__worker_server *server, pid_t pid);
/* Ends the server, without mercy, and reaps it; the workers that are left are killed by that. */
void coil__worker_server_end(struct coil__worker_server *server);

#endif
