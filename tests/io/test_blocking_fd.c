/* Descriptors that block, or have more to say than their direction: the loop never waits in a call,
 * and never sleeps over what a stream has to send. */
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <coil/fd.h>
#include <coil/op.h>

#include <fcntl.h>
#include <unistd.h>

/* --- a blocking pipe --- */

enum { TRANSFER = 1 << 20, PIECE = 1 << 16 };

static char outgoing[TRANSFER];
static char incoming[PIECE];

static int write_all(void *arg)
{
    int fd = *(int *)arg;
    size_t done = 0;

    while (done < sizeof outgoing) {
        ssize_t n = coil_write(fd, outgoing + done, sizeof outgoing - done);

        CHECK_INT(n, >, 0);
        if (n <= 0) {
            return -EIO;
        }
        done += (size_t)n;
    }
    return 0;
}

static int read_all(void *arg)
{
    int fd = *(int *)arg;
    size_t done = 0;

    while (done < sizeof outgoing) {
        ssize_t n = coil_read(fd, incoming, sizeof incoming);

        CHECK_INT(n, >, 0);
        if (n <= 0) {
            return -EIO;
        }
        for (ssize_t i = 0; i < n; i++) {
            CHECK_INT(incoming[i], ==, byte_at(done + (size_t)i));
        }
        done += (size_t)n;
    }
    return 0;
}

/* E13: a write of more than a pipe has room for waits for the reader, and lets it run meanwhile. */
TASK_TEST(blocking_pipe_takes_more_than_it_has_room_for)
{
    struct coil_task *tasks[2];
    int fds[2] = {-1, -1};

    fill_bytes(outgoing, sizeof outgoing);
    CHECK_INT(pipe2(fds, O_CLOEXEC), ==, 0);
    tasks[0] = test_made(coil_create_task(write_all, &fds[1]));
    tasks[1] = test_made(coil_create_task(read_all, &fds[0]));
    CHECK_OK(coil_gather(tasks, 2, NULL));
    close(fds[0]);
    close(fds[1]);
    return 0;
}

/* --- a blocking listener --- */

static void note_accept(struct coil_op *op)
{
    if (op->result >= 0) {
        close((int)op->result);
    }
}

static int blocking_listener(uint16_t *ret_port)
{
    int fd = test_listen_tcp(ret_port);

    CHECK_INT(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), ==, 0);
    return fd;
}

/* Two accepts and one client: the second accept goes on waiting, and so may the loop not. */
COIL_TEST(blocking_listener_with_two_accepts)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct coil_op ops[2] = {{0}, {0}};
    struct coil_loop *loop;
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint16_t port = 0;
    int listener = blocking_listener(&port);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    CHECK_OK(coil_loop_new(NULL, &loop));
    for (int i = 0; i < 2; i++) {
        coil_op_accept(&ops[i], listener, NULL, NULL, SOCK_CLOEXEC);
        CHECK_OK(coil_op_submit(loop, &ops[i], note_accept));
    }
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_INT(connect(client, (struct sockaddr *)&address, sizeof address), ==, 0);
    while (coil_op_is_pending(&ops[0]) && coil_op_is_pending(&ops[1])) {
        CHECK_OK(coil_loop_run_once(loop, COIL_SEC));
    }
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK(!coil_op_is_pending(&ops[0]));
    CHECK_OK(ops[0].result);
    CHECK(coil_op_is_pending(&ops[1]));
    CHECK_OK(coil_op_cancel(&ops[1]));
    while (coil_op_is_pending(&ops[1])) {
        CHECK_OK(coil_loop_run_once(loop, COIL_SEC));
    }
    CHECK_ERR(ops[1].result, -ECANCELED);
    CHECK_OK(coil_loop_free(loop));
    close(client);
    close(listener);
}

/* --- a number that is used again --- */

struct byte_later {
    int fd;
    int64_t span_ns;
};

static int send_later(void *arg)
{
    const struct byte_later *later = arg;

    CHECK_OK(coil_sleep(later->span_ns));
    CHECK_INT(write(later->fd, "x", 1), ==, 1);
    return 0;
}

/* A wait on a socket is cut short; a dup keeps the socket, its number becomes a pipe's; then the
 * socket has a byte. That is none of the pipe's. */
static void wait_for_a_pipe_where_a_socket_was(bool polls)
{
    struct byte_later to_socket = {.span_ns = 10 * COIL_MSEC};
    struct byte_later to_pipe = {.span_ns = 20 * COIL_MSEC};
    struct coil_task *task;
    int64_t start_ns;
    int old[2];
    int new[2] = {-1, -1};
    char buf[4];
    ssize_t rc = 0;
    int keep;

    test_socket_pair(old);
    coil_timeout(5 * COIL_MSEC) {
        rc = polls ? coil_poll(old[0], POLLIN) : coil_recv(old[0], buf, sizeof buf, 0);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    keep = dup(old[0]);
    CHECK_OK(coil_close(old[0]));
    CHECK_INT(pipe2(new, O_CLOEXEC), ==, 0);
    CHECK_INT(new[0], ==, old[0]);
    to_socket.fd = old[1];
    task = test_made(coil_create_task(send_later, &to_socket));
    coil_timeout(100 * COIL_MSEC) {
        rc = polls ? coil_poll(new[0], POLLIN) : coil_read(new[0], buf, sizeof buf);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_OK(coil_await(task));
    to_pipe.fd = new[1];
    start_ns = coil_now();
    task = test_made(coil_create_task(send_later, &to_pipe));
    rc = polls ? coil_poll(new[0], POLLIN) : coil_read(new[0], buf, sizeof buf);
    CHECK_INT(rc, ==, polls ? POLLIN : 1);
    CHECK_INT(coil_now() - start_ns, >=, to_pipe.span_ns);
    CHECK_OK(coil_await(task));
    CHECK_INT(recv(keep, buf, sizeof buf, MSG_DONTWAIT), ==, 1);
    close(new[0]);
    close(new[1]);
    close(old[1]);
    close(keep);
}

TASK_TEST(read_is_not_woken_by_what_the_number_was_before)
{
    wait_for_a_pipe_where_a_socket_was(false);
    return 0;
}

TASK_TEST(poll_is_not_woken_by_what_the_number_was_before)
{
    wait_for_a_pipe_where_a_socket_was(true);
    return 0;
}

/* --- poll --- */

/* POLLRDNORM has the value of a flag of recv's, and is none. */
TASK_TEST(poll_waits_for_normal_data)
{
    int fds[2];
    int rc = 0;

    test_socket_pair(fds);
    coil_timeout(20 * COIL_MSEC) {
        rc = coil_poll(fds[0], POLLIN | POLLRDNORM);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_INT(write(fds[1], "x", 1), ==, 1);
    rc = coil_poll(fds[0], POLLIN | POLLRDNORM);
    CHECK_INT(rc, ==, POLLIN | POLLRDNORM);
    rc = coil_poll(fds[0], POLLRDNORM);
    CHECK_INT(rc, ==, POLLRDNORM);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

/* --- more than one system call takes --- */

enum { WRITES = 72, WRITE_SIZE = 4000 };

/* A socket that takes all at once tells nothing later: the loop does not sleep before the rest. */
TASK_TEST(flush_sends_more_than_one_call_takes)
{
    static const char text[WRITE_SIZE];
    struct coil_stream_options options = {.high_water = 1 << 20};
    struct coil_stream *stream = NULL;
    int room = 208 * 1024; /* the kernel doubles it */
    int fds[2];

    if (test_backend_is("sim")) {
        test_skip("it asks whether a real socket is ready, and one that is half full is not");
    }
    test_socket_pair(fds);
    CHECK_INT(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), ==, 0);
    CHECK_OK(coil_stream_open(fds[0], &options, &stream));
    CHECK_OK(coil_sleep(COIL_MSEC));
    for (int i = 0; i < WRITES; i++) {
        CHECK_INT(coil_stream_write(stream, text, sizeof text), ==, sizeof text);
    }
    CHECK_OK(coil_stream_flush(stream));
    CHECK_INT(coil_stream_get_write_buffer_size(stream), ==, 0);
    CHECK_OK(coil_stream_close(stream));
    close(fds[1]);
    return 0;
}
