/* Helpers for the tests of the simulated backend: operations against the seam itself, with no loop
 * and no tasks. One backend at a time: `backend`. */
#ifndef COIL_TESTS_SYS_SIM_CALLS_H
#define COIL_TESTS_SYS_SIM_CALLS_H

#include "harness.h"

#include "sys/backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/un.h>

enum { FIRST_FD = 1 << 28, PORT = 8080 };

/* An operation and what has become of it. */
struct call {
    struct coil_op op;
    bool is_done;
    int turn; /* the how-manieth to be completed */
    void (*then)(struct call *call);
};

static struct coil__backend *backend;
static int turns;

static inline void on_complete(struct coil_op *op)
{
    struct call *call = (struct call *)((char *)op - offsetof(struct call, op));

    CHECK(!call->is_done);
    call->is_done = true;
    call->turn = turns++;
    if (call->then) {
        call->then(call);
    }
}

static inline void open_with(uint64_t seed, const struct coil__sim_faults *faults)
{
    struct coil__backend_config config = {.name = "sim", .seed = seed};

    if (faults) {
        config.faults = *faults;
    }
    turns = 0;
    CHECK_OK(coil__sim_open(&config, &backend));
}

static inline void open_sim(void)
{
    open_with(1, NULL);
}

static inline void close_sim(void)
{
    backend->class->close(backend, false);
    backend = NULL;
}

static inline int64_t now(void)
{
    return backend->class->get_now(backend);
}

static inline void submit(struct call *call, int kind, int fd, void *buf, size_t size, int flags)
{
    int rc;

    call->op = (struct coil_op){.kind_ = (uint8_t)kind,
                                .fd_ = fd,
                                .buf_ = buf,
                                .size_ = size,
                                .flags_ = flags,
                                .offset_ = kind == COIL__OP_ACCEPT ? 0 : -1,
                                .callback_ = on_complete};
    call->is_done = false;
    rc = backend->class->submit(backend, &call->op);
    if (rc < 0) {
        call->op.result = rc;
    }
    if (rc != 0) {
        call->is_done = true;
        call->turn = turns++;
    }
}

static inline void pass(int64_t timeout_ns)
{
    CHECK_OK(backend->class->wait(backend, timeout_ns));
}

static inline ssize_t finish(struct call *call)
{
    for (int rounds = 0; rounds < 1000 && !call->is_done; rounds++) {
        pass(COIL_SEC);
    }
    CHECK(call->is_done);
    return call->op.result;
}

static inline ssize_t do_op(int kind, int fd, void *buf, size_t size, int flags)
{
    struct call call = {0};

    submit(&call, kind, fd, buf, size, flags);
    return finish(&call);
}

static inline ssize_t attempt(int kind, int fd, void *buf, size_t size, int flags)
{
    struct coil_op op = {.kind_ = (uint8_t)kind,
                         .fd_ = fd,
                         .buf_ = buf,
                         .size_ = size,
                         .flags_ = flags,
                         .offset_ = kind == COIL__OP_ACCEPT ? 0 : -1};

    return backend->net->attempt(backend, &op);
}

static inline ssize_t try_recv(int fd, void *buf, size_t size)
{
    return attempt(COIL__OP_RECV, fd, buf, size, 0);
}

static inline ssize_t try_send(int fd, const void *buf, size_t size)
{
    return attempt(COIL__OP_SEND, fd, (void *)(uintptr_t)buf, size, 0);
}

static inline int events(int fd)
{
    ssize_t rc = attempt(COIL__OP_POLL, fd, NULL, 0, POLLIN | POLLOUT | POLLRDHUP);

    return rc == -EAGAIN ? 0 : (int)rc;
}

static inline struct sockaddr_in v4(const char *ip, int port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    CHECK_INT(inet_pton(AF_INET, ip, &in.sin_addr), ==, 1);
    return in;
}

static inline int bind_to(int fd, struct sockaddr_in in)
{
    return backend->net->bind(backend, fd, (struct sockaddr *)&in, sizeof in);
}

static inline int new_socket(void)
{
    int fd = backend->net->socket(backend, AF_INET, SOCK_STREAM, 0);

    CHECK_INT(fd, >=, FIRST_FD);
    return fd;
}

static inline int new_listener(int port, int backlog)
{
    int fd = new_socket();

    CHECK_OK(bind_to(fd, v4("127.0.0.1", port)));
    CHECK_OK(backend->net->listen(backend, fd, backlog));
    return fd;
}

static inline int close_fd(int fd)
{
    return backend->net->close(backend, fd);
}

static inline int port_of(int fd, bool peer)
{
    struct sockaddr_in in;
    socklen_t size = sizeof in;

    CHECK_OK(backend->net->get_name(backend, fd, peer, (struct sockaddr *)&in, &size));
    CHECK_INT(size, ==, sizeof in);
    return ntohs(in.sin_port);
}

/* fds[0] connected, fds[1] accepted. */
static inline void make_pair(int fds[2])
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    int listener = new_listener(PORT, 1);

    fds[0] = new_socket();
    CHECK_OK(do_op(COIL__OP_CONNECT, fds[0], &to, sizeof to, 0));
    fds[1] = (int)do_op(COIL__OP_ACCEPT, listener, NULL, 0, 0);
    CHECK_OK(fds[1]);
    CHECK_OK(close_fd(listener));
}

static inline void make_unix_pair(int fds[2])
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/sim/socket"};
    int listener = backend->net->socket(backend, AF_UNIX, SOCK_STREAM, 0);

    CHECK_OK(backend->net->bind(backend, listener, (struct sockaddr *)&un, sizeof un));
    CHECK_OK(backend->net->listen(backend, listener, 1));
    fds[0] = backend->net->socket(backend, AF_UNIX, SOCK_STREAM, 0);
    CHECK_OK(do_op(COIL__OP_CONNECT, fds[0], &un, sizeof un, 0));
    fds[1] = (int)do_op(COIL__OP_ACCEPT, listener, NULL, 0, 0);
    CHECK_OK(fds[1]);
    CHECK_OK(close_fd(listener));
}

static inline void set_int(int fd, int level, int name, int value)
{
    CHECK_OK(backend->net->set_option(backend, fd, level, name, &value, sizeof value));
}

static inline int get_int(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    CHECK_OK(backend->net->get_option(backend, fd, level, name, &value, &size));
    return value;
}

static inline void set_reset_on_close(int fd)
{
    struct linger linger = {.l_onoff = 1};

    CHECK_OK(backend->net->set_option(backend, fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}

#endif
