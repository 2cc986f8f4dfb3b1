/*
 * bench/limits/http_epoll.c - the limit for HTTP with epoll: nothing is parsed but the ends of heads.
 *
 *     http_epoll PORT
 *
 * Each head that ends in what one read brings is answered with the same bytes, all of them in one
 * send. A head that is cut is counted when its last four bytes come together, which is all that the
 * load clients need. wrk measures its rate; its CPU time per request is that of the process.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <unistd.h>

#include "server.h"

#define EVENTS 1024
#define MOST 512

static const char response[] = "HTTP/1.1 200 OK\r\n"
                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                               "Server: coil\r\n"
                               "Content-Type: text/plain\r\n"
                               "Content-Length: 13\r\n"
                               "\r\n"
                               "Hello, World!";

static char responses[MOST * (sizeof response - 1)];
static char buf[BUF_SIZE];

static size_t count_heads(const char *data, size_t size)
{
    const char *end = data + size;
    size_t count = 0;

    while ((data = memmem(data, (size_t)(end - data), "\r\n\r\n", 4))) {
        data += 4;
        count++;
    }
    return count < MOST ? count : MOST;
}

static void serve(int fd, uint32_t events)
{
    ssize_t n;

    do {
        n = recv(fd, buf, sizeof buf, 0);
        if (n > 0) {
            size_t size = count_heads(buf, (size_t)n) * (sizeof response - 1);

            if (size > 0 && send(fd, responses, size, MSG_NOSIGNAL) != (ssize_t)size) {
                n = 0;
            }
        }
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            close(fd);
            return;
        }
    } while (n == (ssize_t)sizeof buf || (n > 0 && (events & EPOLLRDHUP)));
}

static void accept_all(int epoll, int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fd};

        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int listener, epoll;

    if (argc != 2) {
        fprintf(stderr, "usage: http_epoll PORT\n");
        return 2;
    }
    for (size_t i = 0; i < MOST; i++) {
        memcpy(responses + i * (sizeof response - 1), response, sizeof response - 1);
    }
    listener = server_listen(atoi(argv[1]), SOCK_NONBLOCK);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    events[0] = (struct epoll_event){.events = EPOLLIN, .data.fd = listener};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0])) {
        die("epoll", errno);
    }
    server_ready();
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener) {
                accept_all(epoll, listener);
            } else {
                serve(events[i].data.fd, events[i].events);
            }
        }
    }
}
