/*
 * bench/limits/raw.c - the limits for files, child processes and datagrams: the system's calls, and
 * nothing around them.
 *
 *     raw files PATH [ops]     random reads of 4 KiB from a file in memory, 32 in flight on io_uring
 *     raw spawn [ops]          posix_spawn of /bin/true, and waitpid; one at a time
 *     raw udp PORT             echoes datagrams: one blocking recvmmsg, one sendmmsg
 *
 * The reader does what fio's io_uring engine does: each completion is followed by the next read, and
 * all reads that one pass queues go to the kernel in the call that waits for the next completion.
 */
#define _GNU_SOURCE
#include "raw.h"

#include <fcntl.h>
#include <liburing.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

extern char **environ;

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void report(const char *item, int64_t start_ns, int64_t start_cpu_ns, long ops)
{
    printf("item=%s ns=%.3f cpu_ns=%.3f\n", item, (double)(now_ns() - start_ns) / (double)ops,
           (double)(cpu_now_ns() - start_cpu_ns) / (double)ops);
}

/* ---- files ----------------------------------------------------------------------------------- */

static struct io_uring ring;
static char blocks[READS_IN_FLIGHT][READ_SIZE] __attribute__((aligned(READ_SIZE)));

static void ring_open(void)
{
    unsigned flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER;

    if (io_uring_queue_init(READS_IN_FLIGHT, &ring, flags) < 0) {
        int rc = io_uring_queue_init(READS_IN_FLIGHT, &ring, 0);

        if (rc < 0) {
            die("io_uring_queue_init", -rc);
        }
    }
    (void)io_uring_register_ring_fd(&ring);
}

static void queue_read(int fd, unsigned slot, uint64_t *random, uint64_t block_count)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

    io_uring_prep_read(sqe, fd, blocks[slot], READ_SIZE,
                       next_random(random) % block_count * READ_SIZE);
    io_uring_sqe_set_data64(sqe, slot);
}

static void item_files(const char *path, long ops)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t random = 88172645463325252u, block_count;
    long issued = 0, done = 0;
    struct stat status;
    int64_t start, start_cpu;

    if (fd < 0 || fstat(fd, &status)) {
        die(path, errno);
    }
    block_count = (uint64_t)status.st_size / READ_SIZE;
    ring_open();
    start = now_ns();
    start_cpu = cpu_now_ns();
    for (; issued < READS_IN_FLIGHT; issued++) {
        queue_read(fd, (unsigned)issued, &random, block_count);
    }
    while (done < ops) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        int rc = io_uring_submit_and_wait(&ring, 1);

        if (rc < 0 && rc != -EINTR) {
            die("io_uring_submit_and_wait", -rc);
        }
        io_uring_for_each_cqe(&ring, head, cqe) {
            if (cqe->res != READ_SIZE) {
                die("read", cqe->res < 0 ? -cqe->res : EIO);
            }
            if (issued < ops) {
                queue_read(fd, (unsigned)io_uring_cqe_get_data64(cqe), &random, block_count);
                issued++;
            }
            count++;
        }
        io_uring_cq_advance(&ring, count);
        done += count;
    }
    report("files", start, start_cpu, done);
    close(fd);
}

/* ---- child processes ------------------------------------------------------------------------- */

static void item_spawn(long ops)
{
    char *argv[] = {(char[]){SPAWN_PROGRAM}, NULL};
    int64_t start = now_ns(), start_cpu = cpu_now_ns();

    for (long i = 0; i < ops; i++) {
        int status, rc;
        pid_t pid;

        rc = posix_spawn(&pid, SPAWN_PROGRAM, NULL, NULL, argv, environ);
        if (rc) {
            die("posix_spawn", rc);
        }
        if (waitpid(pid, &status, 0) != pid || status != 0) {
            die("waitpid", errno);
        }
    }
    report("spawn", start, start_cpu, ops);
}

/* ---- datagrams ------------------------------------------------------------------------------- */

static int open_udp(int port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr)) {
        die("udp", errno);
    }
    return fd;
}

static void item_udp(int port)
{
    static char bufs[DATAGRAM_BATCH][DATAGRAM_SIZE];
    static struct sockaddr_in peers[DATAGRAM_BATCH];
    static struct mmsghdr messages[DATAGRAM_BATCH];
    static struct iovec parts[DATAGRAM_BATCH];
    int fd = open_udp(port);

    for (int i = 0; i < DATAGRAM_BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = bufs[i]};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &peers[i], .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    server_ready();
    for (;;) {
        int count, sent = 0;

        for (int i = 0; i < DATAGRAM_BATCH; i++) {
            parts[i].iov_len = DATAGRAM_SIZE;
            messages[i].msg_hdr.msg_namelen = sizeof *peers;
        }
        count = recvmmsg(fd, messages, DATAGRAM_BATCH, MSG_WAITFORONE, NULL);
        if (count < 0 && errno != EINTR) {
            die("recvmmsg", errno);
        }
        for (int i = 0; i < count; i++) {
            parts[i].iov_len = messages[i].msg_len;
        }
        while (sent < count) {
            int n = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);

            if (n < 0 && errno != ECONNREFUSED) {
                die("sendmmsg", errno);
            }
            sent += n > 0 ? n : 0;
        }
    }
}

int main(int argc, char **argv)
{
    const char *item = argc > 1 ? argv[1] : "";
    long ops;

    if (!strcmp(item, "files") && argc > 2) {
        ops = argc > 3 ? atol(argv[3]) : 0;
        item_files(argv[2], ops > 0 ? ops : 3000000);
    } else if (!strcmp(item, "spawn")) {
        ops = argc > 2 ? atol(argv[2]) : 0;
        item_spawn(ops > 0 ? ops : 1500);
    } else if (!strcmp(item, "udp") && argc > 2) {
        item_udp(atoi(argv[2]));
    } else {
        fprintf(stderr, "usage: raw files PATH [count]|spawn [count]|udp PORT\n");
        return 2;
    }
    return 0;
}
