/*
 * bench/limits/echo_epoll.c - the limit for TCP echo with epoll: nothing between socket and kernel.
 *
 *     echo_epoll echo PORT          a 64 KiB buffer per connection
 *     echo_epoll echo-hot PORT      all connections read into one shared buffer, which stays in cache
 *
 * Each connection is registered once, edge-triggered, for both directions. A read that comes back
 * short has emptied the socket, so no second read has to find that out (unless the peer has closed
 * its side: EPOLLRDHUP). bench/load/tcpload.c measures this process's CPU time per request.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <unistd.h>

#include "server.h"

#define EVENTS 1024

struct conn {
    int fd;
    int is_blocked; /* pending bytes wait for EPOLLOUT; nothing is read until they are gone */
    size_t sent, size;
    char *pending; /* what is not sent yet; buf itself, or (echo-hot) a copy to be freed */
    char buf[];    /* BUF_SIZE bytes, or none (echo-hot) */
};

static int is_hot;
static char hot_buf[BUF_SIZE];

static void conn_close(struct conn *conn)
{
    close(conn->fd);
    if (is_hot) {
        free(conn->pending);
    }
    free(conn);
}

/* Returns 1 when all is sent, 0 when the socket is full, -1 on error. */
static int conn_flush(struct conn *conn)
{
    while (conn->sent < conn->size) {
        ssize_t n = send(conn->fd, conn->pending + conn->sent, conn->size - conn->sent,
                         MSG_NOSIGNAL);
        if (n < 0) {
            conn->is_blocked = errno == EAGAIN;
            return conn->is_blocked ? 0 : -1;
        }
        conn->sent += (size_t)n;
    }
    conn->is_blocked = 0;
    if (is_hot) {
        free(conn->pending);
        conn->pending = NULL;
    }
    return 1;
}

static int conn_keep(struct conn *conn, char *buf, size_t sent, size_t size)
{
    conn->is_blocked = 1;
    conn->sent = sent;
    conn->size = size;
    conn->pending = buf;
    if (is_hot) {
        conn->sent = 0;
        conn->size = size - sent;
        conn->pending = malloc(conn->size);
        if (!conn->pending) {
            return -1;
        }
        memcpy(conn->pending, buf + sent, conn->size);
    }
    return 0;
}

/* Echoes until the socket is empty or full. Returns < 0 when the connection is over. */
static int conn_echo(struct conn *conn, int is_peer_done)
{
    char *buf = is_hot ? hot_buf : conn->buf;

    for (;;) {
        ssize_t size = recv(conn->fd, buf, BUF_SIZE, 0);
        size_t sent = 0;

        if (size <= 0) {
            return size < 0 && errno == EAGAIN ? 0 : -1;
        }
        while (sent < (size_t)size) {
            ssize_t n = send(conn->fd, buf + sent, (size_t)size - sent, MSG_NOSIGNAL);
            if (n < 0) {
                return errno == EAGAIN ? conn_keep(conn, buf, sent, (size_t)size) : -1;
            }
            sent += (size_t)n;
        }
        if ((size_t)size < BUF_SIZE && !is_peer_done) {
            return 0;
        }
    }
}

static void conn_event(struct conn *conn, uint32_t events)
{
    int is_peer_done = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;

    if (conn->is_blocked) {
        int rc = conn_flush(conn);
        if (rc == 0) {
            return;
        }
        if (rc < 0) {
            conn_close(conn);
            return;
        }
    }
    if (conn_echo(conn, is_peer_done) < 0) {
        conn_close(conn);
    }
}

static void accept_all(int epoll_fd, int listen_fd)
{
    for (;;) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
        struct conn *conn;
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            return;
        }
        conn = malloc(sizeof *conn + (is_hot ? 0 : BUF_SIZE));
        if (!conn) {
            die("malloc", ENOMEM);
        }
        *conn = (struct conn){.fd = fd};
        event.data.ptr = conn;
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
            die("epoll_ctl", errno);
        }
    }
}

int main(int argc, char **argv)
{
    static struct epoll_event events[EVENTS];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int listen_fd, epoll_fd;

    if (argc != 3 || (strcmp(argv[1], "echo") && strcmp(argv[1], "echo-hot"))) {
        fprintf(stderr, "usage: echo_epoll echo|echo-hot PORT\n");
        return 2;
    }
    is_hot = !strcmp(argv[1], "echo-hot");
    listen_fd = server_listen(atoi(argv[2]), SOCK_NONBLOCK);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event)) {
        die("epoll", errno);
    }
    server_ready();
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);

        if (count < 0 && errno != EINTR) {
            die("epoll_wait", errno);
        }
        for (int i = 0; i < count; i++) {
            if (!events[i].data.ptr) {
                accept_all(epoll_fd, listen_fd);
            } else {
                conn_event(events[i].data.ptr, events[i].events);
            }
        }
    }
}
