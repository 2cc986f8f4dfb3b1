/*
 * bench/limits/echo_uring.c - the limit for TCP echo with io_uring: nothing between ring and kernel.
 *
 *     echo_uring echo PORT
 *
 * One receive per connection into the connection's own 64 KiB buffer; when it completes, a send
 * linked to the next receive is queued, so that a request costs one pass of the loop. All that one
 * pass queues goes to the kernel in the call that waits for the next completions. Setup flags:
 * DEFER_TASKRUN and SINGLE_ISSUER where the kernel takes them, COOP_TASKRUN, the ring's own fd
 * registered. bench/load/tcpload.c measures this process's CPU time per request.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <unistd.h>

#include "server.h"

#define ENTRIES 4096
#define CQ_ENTRIES 32768

enum { OP_RECV = 0, OP_SEND = 1, OP_MASK = 3 };

struct conn {
    int fd;
    int in_flight; /* completions that are still to come */
    int is_over;
    char buf[BUF_SIZE];
};

static struct io_uring ring;

static void ring_open(void)
{
    static const unsigned flags[] = {
        IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
        IORING_SETUP_COOP_TASKRUN,
        0,
    };
    int rc = -EINVAL;

    for (size_t i = 0; i < sizeof flags / sizeof *flags && rc < 0; i++) {
        struct io_uring_params params = {
            .flags = flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL,
            .cq_entries = CQ_ENTRIES,
        };
        rc = io_uring_queue_init_params(ENTRIES, &ring, &params);
    }
    if (rc < 0) {
        die("io_uring_queue_init", -rc);
    }
    (void)io_uring_register_ring_fd(&ring);
}

/* Makes room for count submissions: those of a link must go to the kernel in one call. */
static void ring_reserve(unsigned count)
{
    if (io_uring_sq_space_left(&ring) < count) {
        io_uring_submit(&ring);
    }
}

static void queue_accept(int listen_fd)
{
    struct io_uring_sqe *sqe;

    ring_reserve(1);
    sqe = io_uring_get_sqe(&ring);
    io_uring_prep_multishot_accept(sqe, listen_fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, 0);
}

static void queue_recv(struct conn *conn)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

    io_uring_prep_recv(sqe, conn->fd, conn->buf, BUF_SIZE, 0);
    io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)conn | OP_RECV);
    conn->in_flight++;
}

/* A send that succeeds posts no completion; one that fails cancels the receive behind it. */
static void queue_send_recv(struct conn *conn, unsigned size)
{
    struct io_uring_sqe *sqe;

    ring_reserve(2);
    sqe = io_uring_get_sqe(&ring);
    io_uring_prep_send(sqe, conn->fd, conn->buf, size, MSG_NOSIGNAL | MSG_WAITALL);
    sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)conn | OP_SEND);
    queue_recv(conn);
}

static void conn_complete(struct conn *conn, unsigned op, int result)
{
    if (op == OP_SEND) {
        conn->is_over = 1; /* only a failed send is told; its receive ends with -ECANCELED */
        return;
    }
    conn->in_flight--;
    if (result > 0 && !conn->is_over) {
        queue_send_recv(conn, (unsigned)result);
        return;
    }
    if (conn->in_flight == 0) {
        close(conn->fd);
        free(conn);
    }
}

static void accepted(int listen_fd, int fd, unsigned cqe_flags)
{
    if (fd >= 0) {
        struct conn *conn = malloc(sizeof *conn);

        if (!conn) {
            die("malloc", ENOMEM);
        }
        conn->fd = fd;
        conn->in_flight = 0;
        conn->is_over = 0;
        ring_reserve(1);
        queue_recv(conn);
    }
    if (!(cqe_flags & IORING_CQE_F_MORE)) {
        queue_accept(listen_fd);
    }
}

int main(int argc, char **argv)
{
    int listen_fd;

    if (argc != 3 || strcmp(argv[1], "echo")) {
        fprintf(stderr, "usage: echo_uring echo PORT\n");
        return 2;
    }
    listen_fd = server_listen(atoi(argv[2]), 0);
    ring_open();
    queue_accept(listen_fd);
    server_ready();
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        int rc = io_uring_submit_and_wait(&ring, 1);

        if (rc < 0 && rc != -EINTR && rc != -EBUSY && rc != -EAGAIN) {
            die("io_uring_submit_and_wait", -rc);
        }
        io_uring_for_each_cqe(&ring, head, cqe) {
            uint64_t data = io_uring_cqe_get_data64(cqe);

            if (data == 0) {
                accepted(listen_fd, cqe->res, cqe->flags);
            } else {
                conn_complete((struct conn *)(uintptr_t)(data & ~(uint64_t)OP_MASK),
                              (unsigned)(data & OP_MASK), cqe->res);
            }
            count++;
        }
        io_uring_cq_advance(&ring, count);
    }
}
