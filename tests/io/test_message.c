/* Messages to sockets that are full: they go out whole, once, when there is room: E13. */
#include "in_task.h"

#include <coil/op.h>

#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

static const char filler[] = "filler";
static const char text[] = "hello, world";

enum { FILLER = sizeof filler - 1, TEXT = sizeof text - 1, HALF = 5 };

/* --- a message in a task of its own --- */

enum how { SEND, OP_SEND, SENDMSG, OP_SENDMSG, HOWS };

struct job {
    struct coil_op op;
    struct coil_event is_done;
    enum how how;
    int fd;
    struct sockaddr_un to; /* family 0: to whom the socket is connected */
    ssize_t rc;
};

static void note(struct coil_op *op)
{
    struct job *job = (struct job *)(void *)op; /* its first member */

    job->rc = op->result;
    coil_event_set(&job->is_done);
}

static int submit_and_wait(struct job *job)
{
    int rc = coil_op_submit(coil_loop_current(), &job->op, note);

    if (rc < 0) {
        job->rc = rc;
        return rc;
    }
    if (coil_event_wait(&job->is_done) < 0) {
        CHECK_OK(coil_op_cancel(&job->op));
        coil_shield {
            CHECK_OK(coil_event_wait(&job->is_done));
        }
    }
    return 0;
}

static int run_job(void *arg)
{
    struct job *job = arg;
    struct iovec iov[2] = {{(void *)(uintptr_t)text, HALF},
                           {(void *)(uintptr_t)(text + HALF), TEXT - HALF}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

    if (job->to.sun_family) {
        msg.msg_name = &job->to;
        msg.msg_namelen = sizeof job->to;
    }
    switch (job->how) {
    case SEND:
        job->rc = coil_send(job->fd, text, TEXT, 0);
        return 0;
    case SENDMSG:
        job->rc = coil_sendmsg(job->fd, &msg, 0);
        return 0;
    case OP_SEND:
        coil_op_send(&job->op, job->fd, text, TEXT, 0);
        break;
    default:
        coil_op_sendmsg(&job->op, job->fd, &msg, 0);
        break;
    }
    return submit_and_wait(job);
}

/* The task has tried, and waits. */
static struct coil_task *start(struct job *job, enum how how, int fd, const struct sockaddr_un *to)
{
    struct coil_task *task;

    *job = (struct job){.how = how, .fd = fd};
    if (to) {
        job->to = *to;
    }
    task = coil_create_task(run_job, job);
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK(!coil_task_is_done(task));
    return task;
}

/* --- sockets --- */

static int fill(int fd, const struct sockaddr_un *to)
{
    const struct sockaddr *sa = (const struct sockaddr *)(const void *)to;
    int count = 0;

    while (sendto(fd, filler, FILLER, MSG_DONTWAIT, sa, sa ? sizeof *to : 0) == FILLER) {
        count++;
    }
    CHECK_INT(errno, ==, EAGAIN);
    CHECK_INT(count, >, 0);
    return count;
}

static void receive(int fd, const char *expected)
{
    char buf[64] = "";
    ssize_t rc = 0;

    coil_timeout(PATIENCE) {
        rc = coil_recv(fd, buf, sizeof buf, 0);
    }
    CHECK_INT(rc, ==, (int64_t)strlen(expected));
    CHECK_MEM(buf, expected, strlen(expected));
}

static void expect_nothing(int fd)
{
    char buf[64];

    CHECK_ERR(coil_recv(fd, buf, sizeof buf, MSG_DONTWAIT), -EAGAIN);
}

static void make_pair(int type, int ret_fds[2])
{
    ret_fds[0] = ret_fds[1] = -1;
    CHECK_INT(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret_fds), ==, 0);
}

/* The sender is connected to the receiver and not the other way round: then the kernel bounds the
 * receiver's queue, which is full before the sender's buffer is. */
static void make_one_way(int type, int ret_fds[2])
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct sockaddr *sa = (struct sockaddr *)(void *)&to;
    socklen_t size = sizeof to;
    int send_buffer = 1 << 20;

    for (int i = 0; i < 2; i++) {
        ret_fds[i] = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    }
    CHECK_INT(bind(ret_fds[1], sa, sizeof(sa_family_t)), ==, 0);
    CHECK_INT(getsockname(ret_fds[1], sa, &size), ==, 0);
    CHECK_INT(connect(ret_fds[0], sa, size), ==, 0);
    setsockopt(ret_fds[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void close_pair(const int fds[2])
{
    close_fd(fds[0]);
    close_fd(fds[1]);
}

/* --- the tests --- */

static void send_to_full(int type, void (*make)(int type, int ret_fds[2]))
{
    for (enum how how = SEND; how < HOWS; how++) {
        struct coil_task *task;
        struct job job;
        int count;
        int fds[2];

        make(type, fds);
        count = fill(fds[0], NULL);
        task = start(&job, how, fds[0], NULL);
        for (int i = 0; i < count; i++) {
            receive(fds[1], filler);
        }
        receive(fds[1], text);
        CHECK_OK(coil_await(task));
        CHECK_INT(job.rc, ==, TEXT);
        expect_nothing(fds[1]);
        close_pair(fds);
    }
}

TASK_TEST(message_to_a_full_datagram_socket_goes_out_whole)
{
    send_to_full(SOCK_DGRAM, make_pair);
    send_to_full(SOCK_DGRAM, make_one_way);
    send_to_full(SOCK_DGRAM | SOCK_NONBLOCK, make_one_way);
    return 0;
}

TASK_TEST(message_to_a_full_packet_socket_goes_out_whole)
{
    send_to_full(SOCK_SEQPACKET, make_pair);
    send_to_full(SOCK_SEQPACKET | SOCK_NONBLOCK, make_pair);
    return 0;
}

/* Nothing tells the sender when there is room. */
TASK_TEST(message_to_a_full_address_goes_out_whole)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char byte;

    test_temp_path(to.sun_path, sizeof to.sun_path, "receiver");
    CHECK_INT(bind(receiver, (struct sockaddr *)(void *)&to, sizeof to), ==, 0);
    for (enum how how = SENDMSG; how < HOWS; how++) {
        int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct coil_task *task;
        struct job job;
        int count = fill(sender, &to);

        task = start(&job, how, sender, &to);
        for (int i = 0; i < count; i++) {
            receive(receiver, filler);
        }
        receive(receiver, text);
        CHECK_OK(coil_await(task));
        CHECK_INT(job.rc, ==, TEXT);
        fill(sender, &to);
        task = start(&job, how, sender, &to);
        CHECK_INT(coil_cancel(task), ==, 1);
        coil_await(task);
        CHECK_ERR(job.rc, -ECANCELED);
        while (recv(receiver, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) == FILLER) {
        }
        expect_nothing(receiver); /* no text, that is */
        close_fd(sender);
    }
    close_fd(receiver);
    return 0;
}

TASK_TEST(message_that_is_cancelled_does_not_go_out)
{
    for (enum how how = SEND; how < HOWS; how++) {
        struct coil_task *task;
        struct job job;
        int count;
        int fds[2];

        make_one_way(SOCK_DGRAM, fds);
        count = fill(fds[0], NULL);
        task = start(&job, how, fds[0], NULL);
        CHECK_INT(coil_cancel(task), ==, 1);
        coil_await(task);
        CHECK_ERR(job.rc, -ECANCELED);
        for (int i = 0; i < count; i++) {
            receive(fds[1], filler);
        }
        expect_nothing(fds[1]);
        close_pair(fds);
    }
    return 0;
}

TASK_TEST(message_to_a_receiver_that_goes_away)
{
    for (enum how how = SEND; how < HOWS; how++) {
        struct coil_task *task;
        struct job job;
        int fds[2];

        make_one_way(SOCK_DGRAM, fds);
        fill(fds[0], NULL);
        task = start(&job, how, fds[0], NULL);
        close_fd(fds[1]);
        CHECK_OK(coil_await(task));
        CHECK_ERR(job.rc, -ECONNREFUSED);
        close_fd(fds[0]);
    }
    return 0;
}

/* A stream takes what it has room for. */
TASK_TEST(message_to_a_full_stream_goes_out)
{
    for (enum how how = SEND; how < HOWS; how++) {
        struct coil_task *task;
        struct job job;
        char buf[4096];
        int fds[2];
        ssize_t n;

        make_pair(SOCK_STREAM, fds);
        fill(fds[0], NULL);
        task = start(&job, how, fds[0], NULL);
        coil_timeout(PATIENCE) { /* a send that fails gives nothing to receive */
            while (!coil_task_is_done(task) && coil_recv(fds[1], buf, sizeof buf, 0) > 0) {
                CHECK_OK(coil_yield());
            }
        }
        CHECK(coil_task_is_done(task));
        coil_cancel(task);
        CHECK_OK(coil_await(task));
        CHECK_INT(job.rc, ==, TEXT);
        while ((n = coil_recv(fds[1], buf, sizeof buf, MSG_DONTWAIT)) > 0) {
            CHECK_INT(n, >=, TEXT);
            CHECK(n == sizeof buf || memcmp(buf + n - TEXT, text, TEXT) == 0);
        }
        close_pair(fds);
    }
    return 0;
}
