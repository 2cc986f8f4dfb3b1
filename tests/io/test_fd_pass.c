/* Descriptors over unix sockets: who owns them when, also with peers that do not keep to it. That
 * none is left behind the harness sees at the end of each test. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void open_pipe(int ret_fds[2])
{
    ret_fds[0] = ret_fds[1] = -1;
    CHECK_INT(pipe2(ret_fds, O_CLOEXEC), ==, 0);
}

static void close_both(const int fds[2])
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

static bool is_same_file(int a, int b)
{
    struct stat status[2] = {{0}, {0}};

    return fstat(a, &status[0]) == 0 && fstat(b, &status[1]) == 0 &&
           status[0].st_ino == status[1].st_ino && status[0].st_dev == status[1].st_dev;
}

struct receiver {
    int fd;
    size_t max;
    int fds[8];
    size_t count;
    ssize_t rc;
    char buf[16];
};

static int receive(void *arg)
{
    struct receiver *r = arg;

    r->rc = coil_recv_fds(r->fd, r->buf, sizeof r->buf, r->fds, r->max, &r->count);
    return 0;
}

TASK_TEST(fds_are_passed_with_bytes)
{
    int pair[2];
    int pipe[2];
    struct receiver r = {.max = 8, .fds = {-1, -1}, .count = 77};
    char byte = 0;

    test_socket_pair(pair);
    open_pipe(pipe);
    r.fd = pair[1];
    CHECK_INT(coil_send_fds(pair[0], "take", 4, pipe, 2), ==, 4);
    CHECK_OK(receive(&r));
    CHECK_INT(r.rc, ==, 4);
    CHECK_MEM(r.buf, "take", 4);
    CHECK_INT(r.count, ==, 2);
    for (int i = 0; i < 2; i++) {
        CHECK(is_same_file(r.fds[i], pipe[i]));
        CHECK_INT(r.fds[i], !=, pipe[i]);
        CHECK(fcntl(r.fds[i], F_GETFD) & FD_CLOEXEC);
    }
    close_both(pipe); /* the sender's own are not needed any longer */
    CHECK_INT(write(r.fds[1], "x", 1), ==, 1);
    CHECK_INT(read(r.fds[0], &byte, 1), ==, 1);
    close_both(r.fds);
    close_both(pair);
    return 0;
}

TASK_TEST(fds_none_and_the_end)
{
    struct receiver r = {.max = 8, .fds = {-1, -1}};
    int pair[2];

    test_socket_pair(pair);
    r.fd = pair[1];
    CHECK_INT(coil_send_fds(pair[0], "ab", 2, NULL, 0), ==, 2);
    CHECK_OK(receive(&r));
    CHECK_INT(r.rc, ==, 2);
    CHECK_INT(r.count, ==, 0);
    close(pair[0]);
    r.count = 5;
    CHECK_OK(receive(&r));
    CHECK_INT(r.rc, ==, 0);
    CHECK_INT(r.count, ==, 0);
    CHECK_ERR(coil_send_fds(pair[1], "x", 1, &pair[1], 1), -EPIPE);
    close(pair[1]);
    return 0;
}

TASK_TEST(fds_as_many_as_there_may_be)
{
    static int fds[COIL_MAX_FDS + 1];
    static int got[COIL_MAX_FDS];
    size_t count = 0;
    int pair[2];
    char byte;

    test_socket_pair(pair);
    for (int i = 0; i <= COIL_MAX_FDS; i++) {
        fds[i] = pair[i % 2];
    }
    CHECK_ERR(coil_send_fds(pair[0], "x", 1, fds, COIL_MAX_FDS + 1), -EINVAL);
    CHECK_INT(coil_send_fds(pair[0], "x", 1, fds, COIL_MAX_FDS), ==, 1);
    CHECK_INT(coil_recv_fds(pair[1], &byte, 1, got, COIL_MAX_FDS, &count), ==, 1);
    CHECK_INT(count, ==, COIL_MAX_FDS);
    for (size_t i = 0; i < count; i++) {
        CHECK(is_same_file(got[i], fds[i]));
        close(got[i]);
    }
    close_both(pair);
    return 0;
}

/* --- a peer that sends what nobody has asked for --- */

TASK_TEST(fds_more_than_expected_are_closed)
{
    if (test_is_emulated()) {
        test_skip("the emulator does not say that some did not fit");
    }
    for (size_t max = 0; max < 4; max++) {
        struct receiver r = {.max = max, .count = 77};
        int pair[2];
        int four[4];

        test_socket_pair(pair);
        r.fd = pair[1];
        for (int i = 0; i < 4; i++) {
            four[i] = pair[0];
            r.fds[i] = -7;
        }
        CHECK_INT(coil_send_fds(pair[0], "x", 1, four, 4), ==, 1);
        CHECK_INT(coil_send_fds(pair[0], "y", 1, four, max), ==, 1);
        CHECK_OK(receive(&r));
        CHECK_ERR(r.rc, -COIL_ELIMIT);
        CHECK_INT(r.count, ==, 77);
        CHECK_INT(r.fds[0], ==, -7);
        CHECK_OK(receive(&r)); /* who goes on all the same can */
        CHECK_INT(r.rc, ==, 1);
        CHECK_INT(r.count, ==, (int64_t)max);
        for (size_t i = 0; i < max; i++) {
            close(r.fds[i]);
        }
        close_both(pair);
    }
    return 0;
}

/* A stream has no use for descriptors: its receives let the system drop them. */
TASK_TEST(fds_sent_to_a_stream_are_dropped)
{
    struct coil_stream *stream = NULL;
    char buf[8];
    int pair[2];

    test_socket_pair(pair);
    CHECK_OK(coil_stream_open(pair[1], NULL, &stream));
    CHECK_INT(coil_send_fds(pair[0], "hello\n", 6, pair, 2), ==, 6);
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 6);
    CHECK_STR(buf, "hello\n");
    CHECK_OK(coil_stream_close(stream));
    close(pair[0]);
    return 0;
}

/* What a message is read by: three ways of its own through a stream. */
enum { BY_READ, BY_LINE, BY_PEEK, WAYS };

static void read_message(struct coil_stream *stream, int way)
{
    const char *data = "";
    char buf[16];

    switch (way) {
    case BY_READ:
        CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 2);
        CHECK_INT(coil_stream_read(stream, buf + 2, sizeof buf - 2), ==, 3);
        CHECK_MEM(buf, "abcd\n", 5);
        break;
    case BY_LINE:
        CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 5);
        CHECK_STR(buf, "abcd\n");
        break;
    default:
        CHECK_INT(coil_stream_peek(stream, 5, &data), ==, 5);
        CHECK_MEM(data, "abcd\n", 5);
        CHECK_OK(coil_stream_consume(stream, 5));
    }
}

/* The system ends a receive with the bytes that came with descriptors; others may be there. */
static void send_message(int fd)
{
    CHECK_INT(coil_send_fds(fd, "ab", 2, &fd, 1), ==, 2);
    CHECK_INT(coil_send_all(fd, "cd\n", 3), ==, 3);
}

TASK_TEST(fds_hide_nothing_that_stands_behind)
{
    for (int way = 0; way < WAYS; way++) {
        struct coil_stream *stream = NULL;
        int pair[2];

        test_socket_pair(pair);
        CHECK_OK(coil_stream_open(pair[1], NULL, &stream));
        coil_timeout(5 * COIL_SEC) {
            for (int round = 0; round < 4; round++) {
                send_message(pair[0]);
                CHECK_OK(coil_sleep(COIL_MSEC));
                read_message(stream, way);
            }
        }
        CHECK_OK(coil_stream_close(stream));
        close(pair[0]);
    }
    return 0;
}

static int answer(struct coil_stream *stream, void *user)
{
    (void)user;
    read_message(stream, BY_READ);
    send_message(coil_stream_get_fd(stream));
    return 0;
}

TASK_TEST(fds_hide_nothing_from_servers_and_clients)
{
    struct coil_server *server = NULL;
    struct coil_stream *stream = NULL;
    char text[280] = "unix:";

    if (test_backend_is("sim")) {
        test_skip("descriptors do not go over simulated sockets");
    }
    test_temp_path(text + 5, sizeof text - 5, "socket");
    CHECK_OK(coil_start_server(text, 0, NULL, answer, NULL, &server));
    coil_timeout(5 * COIL_SEC) {
        CHECK_OK(coil_open_connection(text, 0, NULL, &stream));
        send_message(coil_stream_get_fd(stream));
        CHECK_OK(coil_sleep(COIL_MSEC));
        read_message(stream, BY_READ);
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(server));
    return 0;
}

TASK_TEST(fds_when_no_more_can_be_open)
{
    struct receiver r = {.max = 8, .fds = {-1, -1}, .count = 77};
    struct rlimit before;
    struct rlimit low;
    int pair[2];
    int fds[3];
    int next;

    if (test_has_valgrind() || test_is_emulated()) {
        test_skip("it keeps the limit to itself");
    }
    test_socket_pair(pair);
    r.fd = pair[1];
    for (int i = 0; i < 3; i++) {
        fds[i] = pair[0];
    }
    CHECK_INT(coil_send_fds(pair[0], "x", 1, fds, 3), ==, 1);
    next = dup(pair[0]);
    CHECK_OK(next);
    close(next);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    low = before;
    low.rlim_cur = (rlim_t)next + 1; /* one is all that fits */
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &low), ==, 0);
    CHECK_OK(receive(&r));
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
    CHECK_ERR(r.rc, -EMFILE);
    CHECK_INT(r.count, ==, 77);
    close_both(pair);
    return 0;
}

/* --- errors --- */

TASK_TEST(fds_misuse)
{
    int closed = 9999;
    size_t count = 77;
    int pair[2];
    int pipe[2];
    int tcp[2];
    char byte = 0;
    int fd;

    test_socket_pair(pair);
    open_pipe(pipe);
    open_fds(tcp);
    CHECK_ERR(coil_send_fds(pair[0], NULL, 1, pipe, 1), -EINVAL);
    CHECK_ERR(coil_send_fds(pair[0], "x", 0, pipe, 1), -EINVAL);
    CHECK_ERR(coil_send_fds(pair[0], "x", 1, NULL, 1), -EINVAL);
    CHECK_ERR(coil_send_fds(pair[0], "x", 1, &closed, 1), -EBADF);
    CHECK_ERR(coil_send_fds(9999, "x", 1, pipe, 1), -EBADF);
    CHECK_ERR(coil_send_fds(pipe[1], "x", 1, pipe, 1), -ENOTSOCK);
    CHECK_ERR(coil_send_fds(tcp[0], "x", 1, pipe, 1), -EOPNOTSUPP);
    CHECK_ERR(coil_recv_fds(pair[1], NULL, 1, &fd, 1, &count), -EINVAL);
    CHECK_ERR(coil_recv_fds(pair[1], &byte, 0, &fd, 1, &count), -EINVAL);
    CHECK_ERR(coil_recv_fds(pair[1], &byte, 1, NULL, 1, &count), -EINVAL);
    CHECK_ERR(coil_recv_fds(pair[1], &byte, 1, &fd, 1, NULL), -EINVAL);
    CHECK_ERR(coil_recv_fds(pair[1], &byte, 1, &fd, COIL_MAX_FDS + 1, &count), -EINVAL);
    CHECK_ERR(coil_recv_fds(pipe[0], &byte, 1, &fd, 1, &count), -ENOTSOCK);
    CHECK_INT(count, ==, 77);
    close_fds(tcp);
    close_both(pipe);
    close_both(pair);
    return 0;
}

TASK_TEST(fds_do_not_go_over_simulated_sockets)
{
    struct coil_address address;
    int pair[2];
    int fds[2];
    int listener;

    if (!test_backend_is("sim")) {
        test_skip("real ones take them");
    }
    test_socket_pair(pair);
    CHECK_OK(coil_address_parse("unix:@coil-test-fds", &address));
    listener = coil_listen_address(&address, NULL);
    fds[0] = coil_dial_address(&address, NULL);
    CHECK_OK(fds[0]);
    fds[1] = fds[0] < 0 ? -1 : coil_accept(listener, NULL);
    CHECK_ERR(coil_send_fds(fds[0], "x", 1, pair, 2), -EOPNOTSUPP);
    CHECK_INT(coil_send_fds(fds[0], "x", 1, NULL, 0), ==, 1);
    close_fds(fds);
    coil_close(listener);
    close_both(pair);
    return 0;
}

COIL_TEST(fds_outside_of_a_task)
{
    size_t count = 0;
    char byte = 0;
    int fd = 0;

    CHECK_ERR(coil_send_fds(0, "x", 1, &fd, 0), -COIL_ENOLOOP);
    CHECK_ERR(coil_recv_fds(0, &byte, 1, &fd, 1, &count), -COIL_ENOLOOP);
}

/* --- cancel --- */

TASK_TEST(fds_receive_with_a_deadline)
{
    struct receiver r = {.max = 8, .fds = {-1, -1}, .count = 77};
    int pair[2];

    test_socket_pair(pair);
    r.fd = pair[1];
    coil_timeout(test_moment_ns()) {
        receive(&r);
    }
    CHECK_ERR(r.rc, -ETIMEDOUT);
    CHECK_INT(r.count, ==, 77);
    coil_timeout(0) {
        coil_sleep(COIL_NEVER);
        receive(&r);
        CHECK_ERR(r.rc, -ETIMEDOUT);
        CHECK_ERR(coil_send_fds(pair[0], "x", 1, pair, 1), -ETIMEDOUT);
    }
    close_both(pair);
    return 0;
}

/* The cancel and the message at the same time: it is received whole, or it is still there. */
TASK_TEST(fds_are_not_lost_by_a_cancel)
{
    for (int round = 0; round < 60; round++) {
        struct receiver r = {.max = 8, .fds = {-1, -1}};
        struct coil_task *task;
        int pair[2];

        test_socket_pair(pair);
        r.fd = pair[1];
        task = coil_create_task(receive, &r);
        yield_times(round % 3);
        CHECK_INT(coil_send_fds(pair[0], "x", 1, pair, 2), ==, 1);
        yield_times(round / 3 % 3);
        coil_cancel(task);
        coil_await(task);
        if (r.rc != 1) {
            CHECK(r.rc == -ECANCELED || r.rc == 0); /* 0: it never ran */
            CHECK_OK(receive(&r));
        }
        CHECK_INT(r.rc, ==, 1);
        CHECK_INT(r.count, ==, 2);
        close_both(r.fds);
        close_both(pair);
    }
    return 0;
}

/* A sender that finds no room waits, and the descriptors go with what it sends at last. */
TASK_TEST(fds_wait_for_room)
{
    static char filler[4096];
    struct receiver r = {.max = 8, .fds = {-1, -1}};
    struct coil_task *task;
    int pair[2];
    size_t filled = 0;
    ssize_t rc = 0;

    test_socket_pair(pair);
    r.fd = pair[1];
    while ((rc = send(pair[0], filler, sizeof filler, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0) {
        filled += (size_t)rc;
    }
    coil_timeout(test_moment_ns()) {
        rc = coil_send_fds(pair[0], "x", 1, pair, 2);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    while (filled > 0) {
        rc = recv(pair[1], filler, sizeof filler, MSG_DONTWAIT);
        CHECK_INT(rc, >, 0);
        filled -= (size_t)rc;
    }
    task = coil_create_task(receive, &r);
    CHECK_INT(coil_send_fds(pair[0], "x", 1, pair, 2), ==, 1);
    CHECK_OK(coil_await(task));
    CHECK_INT(r.rc, ==, 1);
    CHECK_INT(r.count, ==, 2);
    close_both(r.fds);
    close_both(pair);
    return 0;
}
