/* Operations: the second front door onto the loop, with real descriptors. */
#include "in_task.h"

#include <coil/op.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

/* An operation that remembers how often its callback came. */
struct tracked {
    struct coil_op op;
    int calls;
};

static struct coil_loop *new_loop(void)
{
    struct coil_loop *loop = NULL;

    CHECK_OK(coil_loop_new(NULL, &loop));
    return loop;
}

static void on_done(struct coil_op *op)
{
    struct tracked *tracked = (struct tracked *)op; /* its first member */

    CHECK(!coil_op_is_pending(op));
    tracked->calls++;
}

static void submit(struct coil_loop *loop, struct tracked *tracked)
{
    int calls = tracked->calls;

    CHECK_OK(coil_op_submit(loop, &tracked->op, on_done));
    CHECK_INT(tracked->calls, ==, calls); /* never from inside submit */
    CHECK(coil_op_is_pending(&tracked->op));
}

/* Runs the loop until the callback came: the result. */
static ssize_t finish(struct coil_loop *loop, struct tracked *tracked)
{
    int calls = tracked->calls;

    while (coil_op_is_pending(&tracked->op)) {
        CHECK_OK(coil_loop_run_once(loop, COIL_SEC));
    }
    CHECK_INT(tracked->calls, ==, calls + 1);
    return tracked->op.result;
}

static ssize_t perform(struct coil_loop *loop, struct tracked *tracked)
{
    submit(loop, tracked);
    return finish(loop, tracked);
}

COIL_TEST(op_read_and_write_a_pipe)
{
    struct coil_loop *loop = new_loop();
    struct tracked reader = {0};
    struct tracked writer = {0};
    char text[10] = "";
    int fds[2];

    CHECK_INT(pipe(fds), ==, 0);
    coil_op_read(&reader.op, fds[0], text, sizeof text, -1);
    submit(loop, &reader);
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_INT(reader.calls, ==, 0);
    coil_op_write(&writer.op, fds[1], "hello", 5, -1);
    CHECK_INT(perform(loop, &writer), ==, 5);
    if (reader.calls == 0) {
        finish(loop, &reader);
    }
    CHECK_INT(reader.op.result, ==, 5);
    CHECK_STR(text, "hello");
    close(fds[1]);
    coil_op_read(&reader.op, fds[0], text, sizeof text, -1);
    CHECK_INT(perform(loop, &reader), ==, 0); /* the end */
    close(fds[0]);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(op_read_and_write_a_file)
{
    struct coil_loop *loop = new_loop();
    struct tracked op = {0};
    struct iovec parts[2] = {{(char[]){'a', 'b'}, 2}, {(char[]){'c', 'd', 'e'}, 3}};
    char text[6] = "";
    char path[200];
    int fd;

    test_temp_path(path, sizeof path, "file");
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_OK(fd);
    coil_op_writev(&op.op, fd, parts, 2, 0);
    CHECK_INT(perform(loop, &op), ==, 5);
    coil_op_write(&op.op, fd, "X", 1, 2);
    CHECK_INT(perform(loop, &op), ==, 1);
    coil_op_read(&op.op, fd, text, 5, 0);
    CHECK_INT(perform(loop, &op), ==, 5);
    CHECK_STR(text, "abXde");
    parts[0] = (struct iovec){text, 2};
    parts[1] = (struct iovec){text + 2, 2};
    coil_op_readv(&op.op, fd, parts, 2, 1);
    CHECK_INT(perform(loop, &op), ==, 4);
    CHECK_STR(text, "bXdee");
    coil_op_read(&op.op, fd, text, 5, 100);
    CHECK_INT(perform(loop, &op), ==, 0);
    close(fd);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(op_recv_and_send)
{
    struct coil_loop *loop = new_loop();
    struct tracked receiver = {0};
    struct tracked sender = {0};
    struct iovec part = {.iov_base = (char[]){'h', 'e', 'y'}, .iov_len = 3};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    char text[10] = "";
    int fds[2];

    test_socket_pair(fds);
    coil_op_recv(&receiver.op, fds[0], text, sizeof text, 0);
    submit(loop, &receiver);
    coil_op_send(&sender.op, fds[1], "hi", 2, 0);
    CHECK_INT(perform(loop, &sender), ==, 2);
    if (receiver.calls == 0) {
        finish(loop, &receiver);
    }
    CHECK_INT(receiver.op.result, ==, 2);
    CHECK_STR(text, "hi");
    coil_op_sendmsg(&sender.op, fds[1], &message, 0);
    CHECK_INT(perform(loop, &sender), ==, 3);
    part = (struct iovec){text, sizeof text};
    coil_op_recvmsg(&receiver.op, fds[0], &message, 0);
    CHECK_INT(perform(loop, &receiver), ==, 3);
    CHECK_INT(strncmp(text, "hey", 3), ==, 0);
    close(fds[0]);
    coil_op_send(&sender.op, fds[1], "hi", 2, 0);
    CHECK_ERR(perform(loop, &sender), -EPIPE); /* and no SIGPIPE */
    close(fds[1]);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(op_poll)
{
    struct coil_loop *loop = new_loop();
    struct tracked reader = {0};
    struct tracked writer = {0};
    int fds[2];

    test_socket_pair(fds);
    coil_op_poll(&writer.op, fds[0], POLLOUT);
    CHECK_INT(perform(loop, &writer), ==, POLLOUT);
    coil_op_poll(&reader.op, fds[0], POLLIN);
    submit(loop, &reader);
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_INT(reader.calls, ==, 0);
    CHECK_INT(write(fds[1], "x", 1), ==, 1);
    CHECK_INT(finish(loop, &reader), ==, POLLIN);
    coil_op_poll(&reader.op, fds[0], POLLIN); /* level-triggered: still there */
    CHECK_INT(perform(loop, &reader), ==, POLLIN);
    close(fds[1]);
    coil_op_poll(&reader.op, fds[0], POLLIN | POLLRDHUP);
    CHECK_INT(perform(loop, &reader) & POLLHUP, ==, POLLHUP);
    close(fds[0]);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(op_accept_and_connect)
{
    struct coil_loop *loop = new_loop();
    struct sockaddr_in addr = {.sin_family = AF_INET};
    struct sockaddr_in peer = {0};
    socklen_t peer_size = sizeof peer;
    struct tracked acceptor = {0};
    struct tracked connector = {0};
    uint16_t port;
    int listener = test_listen_tcp(&port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.sin_port = htons(port);
    coil_op_accept(&acceptor.op, listener, (struct sockaddr *)&peer, &peer_size,
                   SOCK_CLOEXEC | SOCK_NONBLOCK);
    submit(loop, &acceptor);
    coil_op_connect(&connector.op, fd, (struct sockaddr *)&addr, sizeof addr);
    CHECK_INT(perform(loop, &connector), ==, 0);
    if (acceptor.calls == 0) {
        finish(loop, &acceptor);
    }
    CHECK_INT(acceptor.op.result, >=, 0);
    CHECK_INT(peer.sin_family, ==, AF_INET);
    CHECK_INT(fcntl((int)acceptor.op.result, F_GETFD), ==, FD_CLOEXEC);
    close((int)acceptor.op.result);
    close(fd);
    close(listener);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(op_connect_refused)
{
    struct coil_loop *loop = new_loop();
    struct sockaddr_in addr = {.sin_family = AF_INET};
    struct tracked connector = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.sin_port = htons(test_free_port());
    coil_op_connect(&connector.op, fd, (struct sockaddr *)&addr, sizeof addr);
    CHECK_ERR(perform(loop, &connector), -ECONNREFUSED);
    close(fd);
    CHECK_OK(coil_loop_free(loop));
}

/* --- cancel --- */

/* Each kind that waits: the callback still comes, once, and the descriptor stays usable. */
static void cancel_waiting(struct coil_loop *loop, struct tracked *op)
{
    submit(loop, op);
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_INT(op->calls, ==, 0);
    CHECK_OK(coil_op_cancel(&op->op));
    CHECK_OK(coil_op_cancel(&op->op));
    CHECK_INT(op->calls, ==, 0);
    CHECK_ERR(finish(loop, op), -ECANCELED);
    CHECK_ERR(coil_op_cancel(&op->op), -COIL_EINVALIDSTATE);
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_INT(op->calls, ==, 1);
}

COIL_TEST(op_cancel_ends_what_waits)
{
    struct coil_loop *loop = new_loop();
    char text[10];
    uint16_t port;
    int listener = test_listen_tcp(&port);
    int fds[2];

    test_socket_pair(fds);
    for (int kind = 0; kind < 4; kind++) {
        struct tracked op = {0};

        if (kind == 0) {
            coil_op_recv(&op.op, fds[0], text, sizeof text, 0);
        } else if (kind == 1) {
            coil_op_read(&op.op, fds[0], text, sizeof text, -1);
        } else if (kind == 2) {
            coil_op_poll(&op.op, fds[0], POLLIN);
        } else {
            coil_op_accept(&op.op, listener, NULL, NULL, SOCK_CLOEXEC);
        }
        cancel_waiting(loop, &op);
    }
    struct tracked op = {0};
    CHECK_INT(write(fds[1], "after", 5), ==, 5);
    coil_op_recv(&op.op, fds[0], text, sizeof text, 0);
    CHECK_INT(perform(loop, &op), ==, 5); /* nothing was swallowed */
    close(fds[0]);
    close(fds[1]);
    close(listener);
    CHECK_OK(coil_loop_free(loop));
}

/* Cancelled before the loop has run at all. */
COIL_TEST(op_cancel_at_once)
{
    struct coil_loop *loop = new_loop();
    struct tracked op = {0};
    char text[10];
    int fds[2];

    test_socket_pair(fds);
    coil_op_recv(&op.op, fds[0], text, sizeof text, 0);
    submit(loop, &op);
    CHECK_OK(coil_op_cancel(&op.op));
    CHECK_ERR(finish(loop, &op), -ECANCELED);
    close(fds[0]);
    close(fds[1]);
    CHECK_OK(coil_loop_free(loop));
}

/* Completed wins: either way the byte is not lost. */
COIL_TEST(op_cancel_loses_nothing)
{
    struct coil_loop *loop = new_loop();
    char text[2] = "";
    int fds[2];

    test_socket_pair(fds);
    for (int i = 0; i < 50; i++) {
        struct tracked op = {0};
        ssize_t result;

        coil_op_recv(&op.op, fds[0], text, 1, 0);
        submit(loop, &op);
        if (i % 2) {
            CHECK_OK(coil_loop_run_once(loop, 0));
        }
        CHECK_INT(write(fds[1], "x", 1), ==, 1);
        if (i % 3 == 0) {
            CHECK_OK(coil_loop_run_once(loop, 0));
        }
        coil_op_cancel(&op.op);
        result = op.calls ? op.op.result : finish(loop, &op);
        if (result == -ECANCELED) {
            coil_op_recv(&op.op, fds[0], text, 1, 0);
            result = perform(loop, &op);
        }
        CHECK_INT(result, ==, 1);
        CHECK_STR(text, "x");
    }
    close(fds[0]);
    close(fds[1]);
    CHECK_OK(coil_loop_free(loop));
}

/* --- the end of its loop, asked for while another one runs --- */

struct nested_end {
    struct coil_loop *loop; /* the other one */
    struct tracked *op;
    bool was_refused;
};

static void free_the_other(void *user)
{
    struct nested_end *end = user;

    CHECK_ERR(coil_loop_free(end->loop), -COIL_ENESTED);
    CHECK(coil_op_is_pending(&end->op->op));
    CHECK_INT(end->op->calls, ==, 0);
    end->was_refused = true;
}

static int free_another_loop(void *arg)
{
    struct nested_end *end = arg;
    struct coil_handle soon = {0};
    struct coil_loop *idle = new_loop();

    free_the_other(end);
    end->was_refused = false;
    CHECK_OK(coil_call_soon(coil_loop_current(), &soon, free_the_other, end));
    while (!end->was_refused) {
        CHECK_OK(coil_yield());
    }
    CHECK_OK(coil_op_cancel(&end->op->op)); /* it is still the loop's */
    CHECK_OK(coil_loop_free(idle));         /* there is nothing that would have to be run */
    return 0;
}

/* The callback is called in any case; so such a loop is not freed. */
COIL_TEST(op_keeps_its_loop_while_another_one_runs)
{
    for (int is_done = 0; is_done < 2; is_done++) { /* waiting; or done, but for its callback */
        struct tracked op = {0};
        struct nested_end end = {.loop = new_loop(), .op = &op};
        char text[10];
        int fds[2];

        test_socket_pair(fds);
        if (is_done) {
            CHECK_INT(write(fds[1], "x", 1), ==, 1);
        }
        coil_op_recv(&op.op, fds[0], text, sizeof text, 0);
        submit(end.loop, &op);
        CHECK_OK(coil_run(free_another_loop, &end));
        CHECK(coil_op_is_pending(&op.op));
        CHECK_OK(coil_loop_free(end.loop));
        CHECK_INT(op.calls, ==, 1);
        CHECK(is_done ? op.op.result == 1 || op.op.result == -ECANCELED
                      : op.op.result == -ECANCELED);
        close(fds[0]);
        close(fds[1]);
    }
}

/* --- several at once, and misuse --- */

COIL_TEST(op_both_directions_at_once)
{
    struct coil_loop *loop = new_loop();
    struct tracked reader = {0};
    struct tracked writer = {0};
    char text[10];
    int fds[2];

    test_socket_pair(fds);
    coil_op_recv(&reader.op, fds[0], text, sizeof text, 0);
    submit(loop, &reader);
    coil_op_send(&writer.op, fds[0], "out", 3, 0);
    CHECK_INT(perform(loop, &writer), ==, 3);
    CHECK_INT(reader.calls, ==, 0);
    CHECK_INT(write(fds[1], "in", 2), ==, 2);
    CHECK_INT(finish(loop, &reader), ==, 2);
    close(fds[0]);
    close(fds[1]);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(op_misuse_is_named)
{
    struct coil_loop *loop = new_loop();
    struct tracked op = {0};
    struct tracked idle = {0};
    char text[10];
    int fds[2];

    test_socket_pair(fds);
    CHECK_ERR(coil_op_submit(loop, &idle.op, on_done), -EINVAL); /* not prepared */
    CHECK_ERR(coil_op_submit(loop, NULL, on_done), -EINVAL);
    CHECK_ERR(coil_op_cancel(NULL), -EINVAL);
    CHECK_ERR(coil_op_cancel(&idle.op), -COIL_EINVALIDSTATE);
    CHECK(!coil_op_is_pending(NULL));
    coil_op_recv(&op.op, fds[0], text, sizeof text, 0);
    CHECK_ERR(coil_op_submit(NULL, &op.op, on_done), -EINVAL);
    CHECK_ERR(coil_op_submit(loop, &op.op, NULL), -EINVAL);
    submit(loop, &op);
    CHECK_ERR(coil_op_submit(loop, &op.op, on_done), -EINVAL); /* already submitted */
    coil_op_send(&op.op, fds[1], "no", 2, 0);                  /* must not touch it */
    CHECK_OK(coil_op_cancel(&op.op));
    CHECK_ERR(finish(loop, &op), -ECANCELED);
    coil_op_recv(&op.op, fds[0], NULL, 10, 0);
    CHECK_ERR(coil_op_submit(loop, &op.op, on_done), -EINVAL);
    close(fds[0]);
    close(fds[1]);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(op_on_a_bad_descriptor)
{
    struct coil_loop *loop = new_loop();
    struct tracked op = {0};
    char text[10];
    int rc;

    coil_op_recv(&op.op, -1, text, sizeof text, 0);
    rc = coil_op_submit(loop, &op.op, on_done);
    CHECK_ERR(rc < 0 ? rc : finish(loop, &op), -EBADF);
    coil_op_read(&op.op, 9999, text, sizeof text, -1);
    rc = coil_op_submit(loop, &op.op, on_done);
    CHECK_ERR(rc < 0 ? rc : finish(loop, &op), -EBADF);
    CHECK_OK(coil_loop_free(loop));
}
