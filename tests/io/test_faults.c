/* System calls that fail where they hardly ever do: nothing hangs, nothing is left open. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"

#include <coil/fd.h>
#include <coil/net.h>
#include <coil/stream.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* What was written is lost, and the peer must not wait for it: it gets the end. */
TASK_TEST(faults_of_send_end_the_stream_for_the_peer)
{
    struct coil_stream *stream = NULL;
    char buf[8];
    int fds[2];

    if (!test_backend_is("epoll")) {
        test_skip("no system call of its own");
    }
    test_socket_pair(fds);
    CHECK_OK(coil_stream_open(fds[0], NULL, &stream));
    fault_syscall_named("send", 1, ENOBUFS);
    CHECK_INT(coil_stream_write(stream, "lost", 4), ==, 4);
    CHECK_ERR(coil_stream_flush(stream), -ENOBUFS);
    fault_off();
    CHECK_INT(coil_recv(fds[1], buf, sizeof buf, 0), ==, 0);
    CHECK_ERR(coil_stream_write(stream, "x", 1), -ENOBUFS);
    CHECK_INT(coil_send(fds[1], "answer", 6, 0), ==, 6); /* reading goes on */
    CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 6);
    CHECK_ERR(coil_stream_close(stream), -ENOBUFS);
    close(fds[1]);
    return 0;
}

TASK_TEST(faults_of_fcntl_leave_no_stream_open)
{
    bool was_injected = true;

    for (uint64_t n = 1; was_injected; n++) {
        struct coil_stream *stream = NULL;
        int fds[2];
        int rc;

        test_socket_pair(fds);
        fault_syscall_named("fcntl", n, EINVAL);
        rc = coil_stream_open(fds[0], NULL, &stream);
        was_injected = fault_was_injected();
        fault_off();
        CHECK_ERR(rc, was_injected ? -EINVAL : 0);
        CHECK(is_open(fds[0]) == !was_injected);
        CHECK_OK(coil_stream_close(stream));
        close(fds[1]);
    }
    return 0;
}

static int read_one(void *arg)
{
    char byte;

    return (int)coil_read(*(int *)arg, &byte, 1);
}

static int count_done(struct coil_task *const tasks[2])
{
    return coil_task_is_done(tasks[0]) + coil_task_is_done(tasks[1]);
}

/* Whether a blocking descriptor is ready still cannot be told: then it is not read. */
TASK_TEST(faults_of_poll_do_not_block_the_loop)
{
    struct coil_task *tasks[2];
    int fds[2];

    CHECK_INT(pipe(fds), ==, 0);
    for (int i = 0; i < 2; i++) {
        tasks[i] = coil_create_task(read_one, &fds[0]);
    }
    CHECK_OK(coil_sleep(COIL_MSEC));
    fault_syscall_named("poll", 1, ENOMEM);
    CHECK_INT(write(fds[1], "a", 1), ==, 1);
    while (count_done(tasks) == 0) {
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    fault_off();
    CHECK_INT(count_done(tasks), ==, 1);
    CHECK_INT(write(fds[1], "b", 1), ==, 1);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(coil_await(tasks[i]), ==, 1);
    }
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static int connect_to(int fd, const struct coil_address *address)
{
    return coil_connect(fd, (const struct sockaddr *)(const void *)&address->storage,
                        address->size);
}

TASK_TEST(faults_of_fcntl_do_not_let_connect_block)
{
    struct coil_address address;
    int listener;
    int fd;

    if (!test_backend_is("epoll")) {
        test_skip("no system call of its own");
    }
    CHECK_OK(coil_address_from_ip("127.0.0.1", 0, &address));
    listener = coil_listen_address(&address, NULL);
    CHECK_OK(coil_socket_address(listener, &address));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERR(connect_to(fd, &address), 0);
    close(fd);
    for (uint64_t n = 1; n <= 2; n++) { /* looking, and making it non-blocking */
        fd = socket(AF_INET, SOCK_STREAM, 0);
        coil_poll(fd, POLLOUT); /* the backend knows it from here on */
        fault_syscall_named("fcntl", n, EPERM);
        CHECK_ERR(connect_to(fd, &address), -EPERM);
        fault_off();
        close(fd);
    }
    CHECK_OK(coil_close(listener));
    return 0;
}

/* The numbers of what was closed again are not left where the caller could close them, too. */
TASK_TEST(faults_of_listen_leave_no_numbers)
{
    int fds[4] = {7, 7, 7, 7};

    if (test_backend_is("sim")) {
        test_skip("no system call of its own");
    }
    fault_syscall_named("getsockname", 1, ENOBUFS);
    CHECK_ERR(coil_listen("127.0.0.1", 0, NULL, fds, 4), -ENOBUFS);
    fault_off();
    CHECK_INT(fds[0], ==, -1);
    CHECK_INT(fds[1], ==, 7);
    return 0;
}
