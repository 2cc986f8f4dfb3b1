/* A client of the console for its tests: blocking sockets, in a thread, so that the loop under test
 * goes on; or in the loop's own thread, so that it is stuck meanwhile. Real sockets on every
 * backend. */
#ifndef COIL_TESTS_CONSOLE_CLIENT_H
#define COIL_TESTS_CONSOLE_CLIENT_H

#include "in_task.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_SIZE = 4 << 20 };

/* What is sent, and what comes back until the end. */
struct exchange {
    uint16_t port;
    const char *path; /* of a unix socket ('@': abstract), or NULL */
    const char *request;
    size_t size;
    bool closes_early; /* ends its side when the request is sent */
    int64_t took_ns;
};

static char answer[ANSWER_SIZE];

/* The running loop's console is asked here. */
static inline uint16_t console_port(void)
{
    char url[COIL_CONSOLE_URL] = "";
    const char *colon;

    CHECK_OK(coil_console_get_url(url, sizeof url));
    colon = strrchr(url, ':');
    return (uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 0);
}

static inline int connect_tcp(uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = 15};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)(void *)&in, sizeof in) < 0) {
        close(fd);
        return -errno;
    }
    return fd;
}

static inline int connect_unix(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = 15};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    memcpy(un.sun_path, path, strlen(path));
    un.sun_path[0] = path[0] == '@' ? '\0' : path[0];
    if (connect(fd, (struct sockaddr *)(void *)&un,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0) {
        close(fd);
        return -errno;
    }
    return fd;
}

/* The count of bytes in `answer`, which gets a '\0'; or -errno. */
static inline int talk(void *arg)
{
    struct exchange *exchange = arg;
    int64_t began_at = test_now_ns();
    size_t length = 0;
    ssize_t count = 1;
    int fd = exchange->path ? connect_unix(exchange->path) : connect_tcp(exchange->port);

    if (fd < 0) {
        return fd;
    }
    for (size_t sent = 0; sent < exchange->size && count > 0; sent += (size_t)count) {
        count = send(fd, exchange->request + sent, exchange->size - sent, MSG_NOSIGNAL);
        if (count < 0) {
            break; /* it may answer before all was sent */
        }
    }
    if (exchange->closes_early || count < 0) {
        shutdown(fd, SHUT_WR);
    }
    do {
        count = recv(fd, answer + length, sizeof answer - 1 - length, 0);
        length += count > 0 ? (size_t)count : 0;
    } while (count > 0);
    count = count < 0 ? -errno : 0;
    answer[length] = '\0';
    close(fd);
    exchange->took_ns = test_now_ns() - began_at;
    return length > 0 ? (int)length : (int)count;
}

/* Sends bytes to the running loop's console; the loop goes on. */
static inline int send_bytes(const char *bytes, size_t size, bool closes_early)
{
    struct exchange exchange = {
        .port = console_port(), .request = bytes, .size = size, .closes_early = closes_early};

    return coil_to_thread(talk, &exchange);
}

/* The body of the answer to a GET, with these fields; "" for none. */
static inline const char *get_with(const char *target, const char *fields, bool is_stuck)
{
    static char request[16384];
    struct exchange exchange = {.port = console_port(), .request = request};
    const char *body;

    exchange.size =
        (size_t)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost:%u\r\n%s\r\n",
                         target, exchange.port, fields);
    answer[0] = '\0';
    test_done(is_stuck ? talk(&exchange) : coil_to_thread(talk, &exchange));
    body = strstr(answer, "\r\n\r\n");
    return body ? body + 4 : "";
}

static inline const char *get(const char *target)
{
    return get_with(target, "", false);
}

/* The status of the last answer; 0: there was none. */
static inline int status(void)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

/* The number behind `"key":` in a text; -1: it is not there. */
static inline int64_t number_of(const char *text, const char *key)
{
    char quoted[64];
    const char *found;

    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    found = strstr(text, quoted);
    return found ? strtoll(found + strlen(quoted), NULL, 10) : -1;
}

static const struct coil_console_options none;

/* Without a watchdog: one that finds a stall, which may be where all is slow, reads the symbols of
 * whatever stands on the stack, and that is kept. */
static inline int start_console(const char *address, struct coil_console_options options)
{
    if (options.request_timeout_ns == 0) {
        options.request_timeout_ns = COIL_MINUTE; /* it may be slow here */
    }
    options.stall_limit_ns = COIL_NEVER;
    return coil_console_start_with(address, &options);
}

/* Real time passes, and the loop does nothing. */
static inline void be_stuck(int64_t span_ns)
{
    int64_t until = test_now_ns() + span_ns;

    while (test_now_ns() < until) {
        usleep(1000);
    }
}

static inline struct coil_task *start(const char *name, coil_task_fn fn, void *arg)
{
    struct coil_task_options options = {.name = name};

    return test_made(coil_task_create(&options, fn, arg));
}

#endif
