/* Streams that are aborted while a task reads, just before it would have gone on. */
#include "harness.h"
#include "in_task.h"

#include <coil/stream.h>

#include <unistd.h>

struct peeker {
    struct coil_stream *stream;
    size_t min;
    ssize_t rc;
};

static int peek(void *arg)
{
    struct peeker *peeker = arg;
    const char *data;

    peeker->rc = coil_stream_peek(peeker->stream, peeker->min, &data);
    if (peeker->rc > 0) {
        CHECK_INT(data[peeker->rc - 1], ==, 'x');
    }
    return 0;
}

static void abort_stream(void *user)
{
    coil_stream_abort(user);
}

static void write_bytes(int fd, size_t count)
{
    char bytes[32];

    memset(bytes, 'x', sizeof bytes);
    CHECK_INT(write(fd, bytes, count), ==, (int64_t)count);
}

static void open_real_pair(struct coil_stream **ret_stream, int *ret_peer)
{
    int fds[2];

    *ret_stream = NULL;
    test_socket_pair(fds);
    *ret_peer = fds[1];
    CHECK_OK(coil_stream_open(fds[0], NULL, ret_stream));
}

/* What it has collected is in a buffer of its own, which the abort releases: nothing is lent. */
TASK_TEST(abort_between_arrival_and_peek)
{
    struct peeker waiter = {.min = 20};
    struct peeker other = {.min = 5};
    struct coil_handle handle = {0};
    struct coil_task *tasks[2];
    int peers[2];

    open_real_pair(&waiter.stream, &peers[0]);
    open_real_pair(&other.stream, &peers[1]);
    tasks[0] = coil_create_task(peek, &waiter);
    CHECK_OK(coil_sleep(COIL_MSEC));
    write_bytes(peers[0], 10);
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    tasks[1] = coil_create_task(peek, &other); /* takes the shared buffer */
    write_bytes(peers[1], 6);
    CHECK_OK(coil_await(tasks[1]));
    CHECK_INT(other.rc, ==, 6);
    write_bytes(peers[0], 14);
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, abort_stream, waiter.stream));
    CHECK_OK(coil_await(tasks[0]));
    if (!order_is_free()) { /* else it may have been faster */
        CHECK_ERR(waiter.rc, -COIL_ECLOSED);
    }
    CHECK_OK(coil_stream_close(other.stream));
    close(peers[0]);
    close(peers[1]);
    return 0;
}
