/* Streams: waiting for bytes without taking them. */
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <time.h>

static int wait(void *stream)
{
    return coil_stream_wait_readable(stream);
}

TASK_TEST(wait_readable_takes_nothing)
{
    char buf[16];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    for (int i = 0; i < 3; i++) {
        struct coil_task *task = coil_create_task(wait, stream);

        CHECK_OK(coil_sleep(COIL_MSEC));
        CHECK_ERR(coil_stream_try_read(stream, buf, 1), -COIL_ECONCURRENT);
        send_text(peer, "abc");
        CHECK_OK(coil_await(task));
        CHECK_INT(coil_stream_try_read(stream, buf, 2), ==, 2);
        CHECK_OK(coil_stream_wait_readable(stream)); /* in the socket */
        CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 1);
        CHECK_MEM(buf, "c", 1);
    }
    send_text(peer, "x\ny");
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 2);
    CHECK_OK(coil_stream_wait_readable(stream)); /* in the stream */
    CHECK_INT(coil_stream_try_read(stream, buf, sizeof buf), ==, 1);
    CHECK_OK(coil_close(peer));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_stream_wait_readable(stream));
        CHECK_INT(coil_stream_try_read(stream, buf, sizeof buf), ==, 0);
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_ERR(coil_stream_wait_readable(stream), -COIL_ECLOSED);
    CHECK_ERR(coil_stream_wait_readable(NULL), -EINVAL);
    return 0;
}

TASK_TEST(wait_readable_tells_of_a_reset_by_the_next_read)
{
    char byte;
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);
    struct coil_task *task = coil_create_task(wait, stream);

    CHECK_INT(coil_stream_write(stream, "unread", 6), ==, 6);
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_OK(coil_close(peer)); /* with something that nobody has read: a reset */
    CHECK_OK(coil_await(task));
    CHECK_ERR(coil_stream_try_read(stream, &byte, 1), -ECONNRESET);
    CHECK_OK(coil_stream_wait_readable(stream));
    coil_stream_abort(stream);
    return 0;
}

TASK_TEST(wait_readable_cancelled_and_closed)
{
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);
    struct coil_task *task = coil_create_task(wait, stream);

    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_OK(coil_cancel(task));
    CHECK_ERR(coil_await(task), -ECANCELED);
    task = coil_create_task(wait, stream);
    CHECK_OK(coil_sleep(COIL_MSEC));
    coil_stream_abort(stream);
    CHECK_ERR(coil_await(task), -COIL_ECLOSED);
    CHECK_OK(coil_close(peer));
    return 0;
}

/* A receive ends before urgent data, whatever stands behind; and the urgent byte is passed over. */
TASK_TEST(wait_behind_urgent_data)
{
    if (test_backend_is("sim")) {
        test_skip("nothing is urgent in the simulated network");
    }
    for (int way = 0; way < 3; way++) {
        int peer;
        struct coil_stream *stream = open_half(NULL, &peer);
        char buf[16];

        for (int round = 0; round < 4; round++) {
            send_text(peer, "ab");
            CHECK_INT(coil_send(peer, "!", 1, MSG_OOB), ==, 1);
            send_text(peer, "cd\n");
            if (way > 0) { /* else they come one by one, perhaps */
                CHECK_OK(coil_sleep(COIL_MSEC));
            }
            coil_timeout(5 * COIL_SEC) {
                if (way < 2) {
                    CHECK_INT(coil_stream_read_exactly(stream, buf, 5, NULL), ==, 5);
                } else {
                    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 5);
                }
            }
            CHECK_MEM(buf, "abcd\n", 5);
        }
        CHECK_OK(coil_stream_close(stream));
        CHECK_OK(coil_close(peer));
    }
    return 0;
}

/* --- nobody reads --- */

struct trickle {
    int fd;
    int sent;
};

/* Piece by piece, in a thread: the loop may sleep in between. */
static int send_slowly(void *arg)
{
    struct trickle *trickle = arg;

    setsockopt(trickle->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (int i = 0; i < 60; i++) {
        trickle->sent += send(trickle->fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
        nanosleep(&(struct timespec){.tv_nsec = COIL_MSEC}, NULL);
    }
    return 0;
}

static void count(void *user)
{
    ++*(int *)user;
}

static int read_a_line(void *arg)
{
    char buf[128];
    ssize_t rc = coil_stream_read_line(arg, buf, sizeof buf);

    return (int)rc;
}

/* Who sends many small pieces to a task that does not read does not wake the loop for each; and
 * none of them is overlooked when it reads again, the last one and the end included. */
TASK_TEST(wait_unread_pieces_let_the_loop_sleep)
{
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    if (test_backend_is("sim")) {
        test_skip("no thread of the system's can send there");
    }
    for (int round = 0; round < 4; round++) {
        struct trickle trickle = {.fd = peer};
        struct coil_task *task;
        int waits = 0;

        for (int i = 0; i < 3; i++) { /* whatever stays with the kernel is there by now */
            task = coil_create_task(read_a_line, stream);
            CHECK_OK(coil_sleep(COIL_MSEC));
            send_text(peer, "line\n");
            CHECK_INT(coil_await(task), ==, 5);
        }
        CHECK_OK(coil_loop_set_wait_hooks(coil_loop_current(), count, NULL, &waits));
        CHECK_OK(coil_to_thread(send_slowly, &trickle));
        CHECK_OK(coil_loop_set_wait_hooks(coil_loop_current(), NULL, NULL, NULL));
        CHECK_INT(trickle.sent, >, 40);
        CHECK_INT(waits, <, 30);
        task = coil_create_task(read_a_line, stream);
        CHECK_OK(coil_sleep(COIL_MSEC));
        if (round < 3) {
            send_text(peer, "\n");
            CHECK_INT(coil_await(task), ==, trickle.sent + 1);
        } else {
            CHECK_OK(coil_close(peer));
            CHECK_INT(coil_await(task), ==, trickle.sent);
        }
    }
    CHECK_OK(coil_stream_close(stream));
    return 0;
}

/* Closed while the kernel is silent about it: the peer hears of that at once. */
TASK_TEST(wait_stream_closed_with_unread_pieces)
{
    struct trickle trickle;
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    if (test_backend_is("sim")) {
        test_skip("no thread of the system's can send there");
    }
    for (int i = 0; i < 3; i++) {
        struct coil_task *task = coil_create_task(read_a_line, stream);

        CHECK_OK(coil_sleep(COIL_MSEC));
        send_text(peer, "line\n");
        CHECK_INT(coil_await(task), ==, 5);
    }
    trickle = (struct trickle){.fd = peer};
    CHECK_OK(coil_to_thread(send_slowly, &trickle));
    coil_stream_abort(stream);
    CHECK_INT(coil_poll(peer, POLLIN) & POLLIN, ==, POLLIN);
    CHECK_OK(coil_close(peer));
    return 0;
}
