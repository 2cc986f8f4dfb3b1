/*
 * bench/load/udpload.c - the load client for datagram echo servers.
 *
 *     udpload HOST PORT SOCKETS WINDOW SIZE SECONDS [--pid PID] [--warmup S]
 *
 * Each of SOCKETS sockets keeps WINDOW datagrams of SIZE bytes on their way: what has come back is
 * looked at and sent out again, by batches (recvmmsg, sendmmsg), so that the client is quicker than
 * most servers and those are measured at work. Each datagram carries the number of its socket and a
 * pattern; a foreign or damaged one is an error. A datagram that is lost is sent anew after
 * LOSS_NS without anything from its socket. Prints one line of key=value: echoes, echoes/s, the
 * server's CPU time per echo (the process's CPU clock, all threads), and how many were lost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clocks.h"

#define MAX_SOCKETS 256
#define MAX_SIZE 1400
#define BATCH 64
#define LOSS_NS (NSEC_PER_SEC / 10)
#define STALL_NS (10 * NSEC_PER_SEC)

struct options {
    struct sockaddr_in addr;
    int socket_count, window;
    size_t size;
    int64_t window_ns, warmup_ns;
    pid_t pid;
};

struct peer {
    int on_way;
    int64_t heard_ns;
};

static struct options opt;
static struct pollfd fds[MAX_SOCKETS];
static struct peer peers[MAX_SOCKETS];
static char bufs[BATCH][MAX_SIZE];
static char pattern[MAX_SIZE];
static struct iovec parts[BATCH];
static struct mmsghdr messages[BATCH];
static uint64_t completed, lost;

static __attribute__((noreturn)) void die(const char *what, int error)
{
    fprintf(stderr, "udpload: %s%s%s\n", what, error ? ": " : "", error ? strerror(error) : "");
    exit(1);
}

/* ---- datagrams ------------------------------------------------------------------------------- */

static void fill(char *buf, int index)
{
    memcpy(buf, pattern, opt.size);
    memcpy(buf, &index, sizeof index);
}

static void check(const char *buf, size_t size, int index)
{
    if (size != opt.size || memcmp(buf, &index, sizeof index) != 0 ||
        memcmp(buf + sizeof index, pattern + sizeof index, size - sizeof index) != 0) {
        die("a wrong datagram came back", 0);
    }
}

static void send_batch(int index, int count)
{
    for (int sent = 0; sent < count;) {
        int n = sendmmsg(fds[index].fd, messages + sent, (unsigned)(count - sent), 0);

        if (n < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = fds[index].fd, .events = POLLOUT};

            poll(&room, 1, -1);
        } else if (n < 0) {
            die("sendmmsg", errno);
        } else {
            sent += n;
        }
    }
    peers[index].on_way += count;
}

/* Fills the window up. */
static void send_missing(int index)
{
    while (peers[index].on_way < opt.window) {
        int count = opt.window - peers[index].on_way;

        count = count < BATCH ? count : BATCH;
        for (int i = 0; i < count; i++) {
            fill(bufs[i], index);
            parts[i].iov_len = opt.size;
        }
        send_batch(index, count);
    }
}

/* Takes what has come back, and sends it out again. */
static void receive(int index, int64_t now)
{
    for (;;) {
        int count;

        for (int i = 0; i < BATCH; i++) {
            parts[i].iov_len = MAX_SIZE;
        }
        count = recvmmsg(fds[index].fd, messages, BATCH, MSG_DONTWAIT, NULL);
        if (count < 0) {
            if (errno != EAGAIN) {
                die("recvmmsg", errno);
            }
            return;
        }
        for (int i = 0; i < count; i++) {
            check(bufs[i], messages[i].msg_len, index);
            parts[i].iov_len = opt.size;
        }
        completed += (uint64_t)count;
        peers[index].heard_ns = now;
        peers[index].on_way -= count < peers[index].on_way ? count : peers[index].on_way;
        if (peers[index].on_way + count <= opt.window) {
            send_batch(index, count);
        }
        if (count < BATCH) {
            return;
        }
    }
}

static void poll_once(void)
{
    int count = poll(fds, (nfds_t)opt.socket_count, 20);
    int64_t now = now_ns();

    if (count < 0 && errno != EINTR) {
        die("poll", errno);
    }
    for (int i = 0; i < opt.socket_count; i++) {
        if (count > 0 && fds[i].revents) {
            receive(i, now);
        } else if (now - peers[i].heard_ns > LOSS_NS) {
            lost += (uint64_t)peers[i].on_way;
            peers[i].on_way = 0;
            peers[i].heard_ns = now;
            send_missing(i);
        }
    }
}

static void run_for(int64_t duration_ns)
{
    int64_t end = now_ns() + duration_ns, deadline = now_ns() + STALL_NS;
    uint64_t last = completed;

    for (int64_t now = now_ns(); now < end; now = now_ns()) {
        poll_once();
        if (completed != last) {
            last = completed;
            deadline = now + STALL_NS;
        } else if (now > deadline) {
            die("the server has answered nothing for 10 s", 0);
        }
    }
}

static void run_load(void)
{
    int64_t start, wall, server_cpu, client_cpu;
    uint64_t first, count;

    for (int i = 0; i < opt.socket_count; i++) {
        peers[i].heard_ns = now_ns();
        send_missing(i);
    }
    run_for(opt.warmup_ns);
    first = completed;
    lost = 0;
    server_cpu = cpu_ns(opt.pid);
    client_cpu = cpu_ns(getpid());
    start = now_ns();
    run_for(opt.window_ns);
    wall = now_ns() - start;
    client_cpu = cpu_ns(getpid()) - client_cpu;
    server_cpu = opt.pid ? cpu_ns(opt.pid) - server_cpu : -1;
    count = completed - first;
    if (count == 0) {
        die("nothing came back", 0);
    }
    printf("item=udp sockets=%d window=%d size=%zu requests=%llu rps=%.0f cpu_us=%.3f "
           "client_cpu_us=%.3f busy=%.2f lost=%llu\n",
           opt.socket_count, opt.window, opt.size, (unsigned long long)count,
           (double)count / ((double)wall / 1e9),
           server_cpu < 0 ? -1.0 : (double)server_cpu / 1000.0 / (double)count,
           (double)client_cpu / 1000.0 / (double)count,
           server_cpu < 0 ? -1.0 : (double)server_cpu / (double)wall, (unsigned long long)lost);
}

/* ---- the command line ------------------------------------------------------------------------ */

static __attribute__((noreturn)) void usage(void)
{
    fprintf(stderr, "usage: udpload HOST PORT SOCKETS WINDOW SIZE SECONDS [--pid PID] "
                    "[--warmup S]\n");
    exit(2);
}

static void parse_args(int argc, char **argv)
{
    if (argc < 7 || argc % 2 == 0) {
        usage();
    }
    opt.addr.sin_family = AF_INET;
    opt.addr.sin_port = htons((uint16_t)atoi(argv[2]));
    opt.socket_count = atoi(argv[3]);
    opt.window = atoi(argv[4]);
    opt.size = (size_t)atol(argv[5]);
    opt.window_ns = (int64_t)(atof(argv[6]) * 1e9);
    opt.warmup_ns = NSEC_PER_SEC / 2;
    for (int i = 7; i < argc; i += 2) {
        if (!strcmp(argv[i], "--pid")) {
            opt.pid = (pid_t)atol(argv[i + 1]);
        } else if (!strcmp(argv[i], "--warmup")) {
            opt.warmup_ns = (int64_t)(atof(argv[i + 1]) * 1e9);
        } else {
            usage();
        }
    }
    if (inet_pton(AF_INET, argv[1], &opt.addr.sin_addr) != 1 || opt.socket_count < 1 ||
        opt.socket_count > MAX_SOCKETS || opt.window < 1 || opt.size < sizeof(int) ||
        opt.size > MAX_SIZE) {
        usage();
    }
}

int main(int argc, char **argv)
{
    parse_args(argc, argv);
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (char)(i * 7 + i / 251);
    }
    for (int i = 0; i < BATCH; i++) {
        parts[i].iov_base = bufs[i];
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (int i = 0; i < opt.socket_count; i++) {
        fds[i].events = POLLIN;
        fds[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fds[i].fd < 0 || connect(fds[i].fd, (struct sockaddr *)&opt.addr, sizeof opt.addr)) {
            die("socket", errno);
        }
    }
    run_load();
    return 0;
}
