/* What comes in on a stream, to a file. */
#include "fault.h"
#include "files.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { SIZE = 300000 };

/* How the bytes may go; each is a way of its own through recvfile.c. */
enum way { SPLICE, NO_PIPE, SOCKET_REFUSES, FILE_REFUSES, WAYS };

struct flow {
    struct coil_stream *stream;
    int peer;
    int file;
    struct path path;
    int64_t offset;
    size_t count;
    size_t sent; /* by the peer; the i-th byte is that of make_file */
    size_t total;
    ssize_t rc;
};

static void open_flow(struct flow *flow)
{
    *flow = (struct flow){.path = path_of("received"), .total = SIZE, .count = SIZE_MAX};
    flow->stream = open_half(NULL, &flow->peer);
    shrink(flow->peer);
    flow->file = open(flow->path.text, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK_OK(flow->file);
}

static void close_flow(struct flow *flow)
{
    if (flow->peer >= 0) {
        CHECK_OK(coil_close(flow->peer));
    }
    coil_stream_abort(flow->stream);
    close(flow->file);
}

static void close_peer(struct flow *flow)
{
    CHECK_OK(coil_close(flow->peer));
    flow->peer = -1;
}

static void send_more(struct flow *flow, size_t size)
{
    char buf[5000];

    while (size > 0) {
        size_t piece = size < sizeof buf ? size : sizeof buf;

        for (size_t i = 0; i < piece; i++) {
            buf[i] = (char)((flow->sent + i) % 251);
        }
        if (test_done(coil_send_all(flow->peer, buf, piece)) != (ssize_t)piece) {
            return;
        }
        flow->sent += piece;
        size -= piece;
    }
}

static int run_send(void *arg)
{
    struct flow *flow = arg;

    send_more(flow, flow->total - flow->sent);
    close_peer(flow);
    return 0;
}

static ssize_t receive(struct flow *flow)
{
    flow->rc = coil_stream_recvfile(flow->stream, flow->file, &flow->offset, flow->count);
    return flow->rc;
}

static int run_receive(void *arg)
{
    test_done(receive(arg)); /* who sends may wait for ever, if nobody receives */
    return 0;
}

/* The file holds the first `size` bytes that were sent, from `place` on. */
static void check_file(const struct flow *flow, size_t place, size_t size)
{
    char *data = NULL;
    size_t length = 0;

    CHECK_OK(coil_file_read(flow->path.text, SIZE_MAX, &data, &length));
    CHECK_INT(length, ==, place + size);
    CHECK(data && is_content(data + place, size, 0));
    coil_file_free(data);
}

/* What is left in the stream begins with the byte of that number, and is all that was sent. */
static void check_rest(struct flow *flow, size_t place)
{
    char buf[4096];
    ssize_t n;

    while ((n = coil_stream_read(flow->stream, buf, sizeof buf)) > 0) {
        CHECK(is_content(buf, (size_t)n, place));
        place += (size_t)n;
    }
    CHECK_INT(n, ==, 0);
    CHECK_INT(place, ==, flow->sent);
}

static void arm(enum way way)
{
    if (way == NO_PIPE) {
        fault_syscall_named("pipe2", 1, EMFILE);
    } else if (way != SPLICE) {
        fault_syscall_named("splice", way == SOCKET_REFUSES ? 1 : 2, EINVAL);
    }
}

/* --- success --- */

static void receive_in_parts(enum way way)
{
    struct coil_task *sender;
    struct flow flow;

    open_flow(&flow);
    sender = test_made(coil_create_task(run_send, &flow));
    flow.offset = 10;
    flow.count = 100000;
    arm(way);
    CHECK_INT(receive(&flow), ==, 100000);
    fault_off();
    CHECK_INT(flow.offset, ==, 100010);
    flow.count = 0;
    CHECK_INT(receive(&flow), ==, 0);
    flow.count = SIZE_MAX;
    CHECK_INT(receive(&flow), ==, SIZE - 100000); /* to the end */
    CHECK_INT(flow.offset, ==, SIZE + 10);
    CHECK_INT(receive(&flow), ==, 0);
    CHECK(coil_stream_at_eof(flow.stream));
    CHECK_INT(lseek(flow.file, 0, SEEK_CUR), ==, 0);
    CHECK_OK(coil_await(sender));
    check_file(&flow, 10, SIZE);
    close_flow(&flow);
}

TASK_TEST(recvfile_writes_what_comes)
{
    receive_in_parts(SPLICE);
    return 0;
}

TASK_TEST(recvfile_without_splice)
{
    for (enum way way = NO_PIPE; way < WAYS; way++) {
        receive_in_parts(way);
    }
    return 0;
}

TASK_TEST(recvfile_at_the_current_position_moves_it)
{
    struct flow flow;

    open_flow(&flow);
    send_more(&flow, 1000);
    CHECK_INT(lseek(flow.file, 5, SEEK_SET), ==, 5);
    CHECK_INT(coil_stream_recvfile(flow.stream, flow.file, NULL, 600), ==, 600);
    CHECK_INT(lseek(flow.file, 0, SEEK_CUR), ==, 605);
    check_file(&flow, 5, 600);
    close_peer(&flow);
    check_rest(&flow, 600); /* no more than count was taken */
    close_flow(&flow);
    return 0;
}

/* What has been received goes first: in the loop's buffer, or in one of the stream's own. */
TASK_TEST(recvfile_begins_with_what_is_buffered)
{
    for (int is_moved = 0; is_moved < 2; is_moved++) {
        struct coil_stream *other;
        struct coil_task *sender;
        const char *data;
        struct flow flow;
        int peer;

        open_flow(&flow);
        other = open_half(NULL, &peer);
        send_more(&flow, 2000);
        CHECK_INT(coil_stream_peek(flow.stream, 2000, &data), ==, 2000);
        if (is_moved) {
            send_text(peer, "x");
            CHECK_INT(coil_stream_peek(other, 1, &data), ==, 1);
        }
        flow.count = 500;
        CHECK_INT(receive(&flow), ==, 500);
        sender = test_made(coil_create_task(run_send, &flow));
        flow.count = SIZE_MAX;
        CHECK_INT(receive(&flow), ==, SIZE - 500);
        CHECK_OK(coil_await(sender));
        check_file(&flow, 0, SIZE);
        CHECK_OK(coil_close(peer));
        coil_stream_abort(other);
        close_flow(&flow);
    }
    return 0;
}

static int send_slowly(void *arg)
{
    struct flow *flow = arg;

    for (int i = 0; i < 20; i++) {
        send_more(flow, 100);
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    close_peer(flow);
    return 0;
}

TASK_TEST(recvfile_waits_for_more)
{
    struct coil_task *sender;
    struct flow flow;

    open_flow(&flow);
    sender = test_made(coil_create_task(send_slowly, &flow));
    CHECK_INT(receive(&flow), ==, 2000);
    CHECK_OK(coil_await(sender));
    check_file(&flow, 0, 2000);
    close_flow(&flow);
    return 0;
}

/* --- one reader --- */

TASK_TEST(recvfile_is_the_one_reader)
{
    struct coil_task *receiver;
    struct flow flow;
    char byte;

    open_flow(&flow);
    receiver = test_made(coil_create_task(run_receive, &flow));
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK(!coil_task_is_done(receiver));
    CHECK_ERR(coil_stream_read(flow.stream, &byte, 1), -COIL_ECONCURRENT);
    CHECK_ERR(coil_stream_recvfile(flow.stream, flow.file, NULL, 1), -COIL_ECONCURRENT);
    CHECK_INT(coil_stream_write(flow.stream, "x", 1), ==, 1); /* the other direction is free */
    CHECK_OK(coil_stream_flush(flow.stream));
    CHECK_INT(coil_recv(flow.peer, &byte, 1, 0), ==, 1);
    close_peer(&flow);
    CHECK_OK(coil_await(receiver));
    CHECK_INT(flow.rc, ==, 0);
    close_flow(&flow);
    return 0;
}

/* --- cancel, deadline --- */

TASK_TEST(recvfile_cancelled_on_the_way)
{
    struct coil_task *receiver;
    struct flow flow;
    int64_t before;

    open_flow(&flow);
    for (int i = 0; i < 50; i++) {
        before = flow.offset;
        flow.rc = -ECANCELED; /* if it never runs */
        receiver = test_made(coil_create_task(run_receive, &flow));
        yield_times(i % 5);
        send_more(&flow, 3000);
        yield_times(i / 5 % 4);
        coil_cancel(receiver);
        coil_await(receiver);
        CHECK(flow.rc > 0 ? flow.offset == before + flow.rc
                          : flow.rc == -ECANCELED && flow.offset == before);
    }
    coil_timeout(COIL_MSEC) {
        receive(&flow);
    }
    before = flow.offset;
    coil_timeout(COIL_MSEC) {
        receive(&flow);
    }
    CHECK(flow.rc > 0 || flow.rc == -ETIMEDOUT);
    CHECK_INT(flow.offset, ==, before + (flow.rc > 0 ? flow.rc : 0));
    check_file(&flow, 0, (size_t)flow.offset);
    close_peer(&flow);
    check_rest(&flow, (size_t)flow.offset);
    close_flow(&flow);
    return 0;
}

TASK_TEST(recvfile_cancelled_before)
{
    struct coil_task *self = coil_current_task();
    struct flow flow;

    open_flow(&flow);
    send_more(&flow, 100);
    coil_cancel(self);
    CHECK_ERR(receive(&flow), -ECANCELED);
    CHECK_INT(coil_uncancel(self), ==, 0);
    CHECK_INT(flow.offset, ==, 0);
    close_peer(&flow);
    check_rest(&flow, 0);
    close_flow(&flow);
    return 0;
}

/* A pool without a free thread: nothing has been taken from the socket yet. */
ONE_THREAD_TEST(recvfile_cancelled_while_the_pool_is_full)
{
    struct holder holder;
    struct flow flow;

    open_flow(&flow);
    send_more(&flow, 100);
    hold_pool(&holder);
    coil_timeout(COIL_MSEC) {
        receive(&flow);
    }
    free_pool(&holder);
    CHECK(flow.rc == -ETIMEDOUT || (flow.rc == 100 && test_backend_is("uring")) ||
          test_backend_is("sim"));
    close_peer(&flow);
    check_rest(&flow, (size_t)flow.offset);
    close_flow(&flow);
    return 0;
}

/* --- a disk that is full: what does not fit stays in the stream --- */

static void receive_too_much(enum way way)
{
    struct rlimit small = {100000, 0};
    struct rlimit limit;
    struct flow flow;
    struct coil_task *sender;

    open_flow(&flow);
    sender = test_made(coil_create_task(run_send, &flow));
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    small.rlim_max = limit.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
    arm(way);
    CHECK_INT(receive(&flow), ==, 100000);
    fault_off();
    CHECK_INT(flow.offset, ==, 100000);
    CHECK_ERR(receive(&flow), -EFBIG);
    CHECK_INT(flow.offset, ==, 100000);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    check_file(&flow, 0, 100000);
    flow.count = 50000; /* now it fits */
    CHECK_INT(receive(&flow), ==, 50000);
    check_file(&flow, 0, 150000);
    check_rest(&flow, 150000);
    CHECK_OK(coil_await(sender));
    close_flow(&flow);
}

TASK_TEST(recvfile_file_that_cannot_grow)
{
    receive_too_much(SPLICE);
    return 0;
}

TASK_TEST(recvfile_file_that_cannot_grow_without_splice)
{
    for (enum way way = NO_PIPE; way < WAYS; way++) {
        receive_too_much(way);
    }
    return 0;
}

TASK_TEST(recvfile_error_of_the_disk)
{
    struct flow flow;

    if (test_backend_is("sim")) {
        test_skip("its sockets know no splice");
    }
    open_flow(&flow);
    send_more(&flow, 3000);
    fault_syscall_named("splice", 2, EIO); /* the first one to the file */
    CHECK_ERR(receive(&flow), -EIO);
    fault_off();
    CHECK_INT(flow.offset, ==, 0);
    close_peer(&flow);
    check_rest(&flow, 0);
    close_flow(&flow);
    return 0;
}

/* --- a peer, or a stream, that goes away --- */

TASK_TEST(recvfile_connection_that_is_reset)
{
    struct flow flow;

    open_flow(&flow);
    send_more(&flow, 10);
    CHECK_INT(coil_stream_write(flow.stream, "unread", 6), ==, 6);
    CHECK_OK(coil_stream_flush(flow.stream));
    CHECK_INT(coil_poll(flow.peer, POLLIN), ==, POLLIN);
    close_peer(&flow);
    receive(&flow);
    if (flow.rc >= 0) { /* those that came before it */
        CHECK_INT(flow.rc, ==, 10);
        receive(&flow);
    }
    CHECK_ERR(flow.rc, -ECONNRESET);
    CHECK_ERR(receive(&flow), -ECONNRESET);
    close_flow(&flow);
    return 0;
}

static int abort_later(void *arg)
{
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    coil_stream_abort(arg);
    return 0;
}

TASK_TEST(recvfile_stream_that_is_closed_meanwhile)
{
    struct coil_task *task;
    struct flow flow;

    open_flow(&flow);
    send_more(&flow, 1000);
    task = test_made(coil_create_task(abort_later, flow.stream));
    receive(&flow);
    CHECK(flow.rc == 1000 || flow.rc == -COIL_ECLOSED); /* it was closed before anything came */
    CHECK_INT(flow.offset, ==, flow.rc > 0 ? flow.rc : 0);
    CHECK_OK(coil_await(task));
    CHECK_ERR(receive(&flow), -COIL_ECLOSED);
    close_flow(&flow);
    return 0;
}

/* It says so, instead of trying again and again; and nothing is lost. */
TASK_TEST(recvfile_without_threads)
{
    struct flow flow;

    if (test_backend_is("sim")) {
        test_skip("simulated sockets need no thread");
    }
    open_flow(&flow);
    flow.count = 100;
    send_more(&flow, 100);
    fault_syscall_named("pthread_create", 1, EAGAIN);
    CHECK_ERR(receive(&flow), -EAGAIN);
    CHECK(fault_was_injected());
    fault_off();
    CHECK_INT(receive(&flow), ==, 100);
    check_file(&flow, 0, 100);
    close_flow(&flow);
    return 0;
}

TASK_TEST(recvfile_errors)
{
    struct path path = make_text("file", "hello");
    int64_t negative = -1;
    struct flow flow;
    int append;
    int readable;
    int pipes[2];

    open_flow(&flow);
    send_more(&flow, 100);
    append = open(path.text, O_WRONLY | O_APPEND);
    readable = open(path.text, O_RDONLY);
    CHECK_INT(pipe(pipes), ==, 0);
    CHECK_ERR(coil_stream_recvfile(NULL, flow.file, NULL, 1), -EINVAL);
    CHECK_ERR(coil_stream_recvfile(flow.stream, -1, NULL, 1), -EBADF);
    CHECK_ERR(coil_stream_recvfile(flow.stream, readable, NULL, 1), -EBADF);
    CHECK_ERR(coil_stream_recvfile(flow.stream, append, NULL, 1), -EINVAL);
    CHECK_ERR(coil_stream_recvfile(flow.stream, pipes[1], NULL, 1), -ESPIPE);
    CHECK_ERR(coil_stream_recvfile(flow.stream, pipes[1], &flow.offset, 1), -ESPIPE);
    CHECK_ERR(coil_stream_recvfile(flow.stream, flow.file, &negative, 1), -EINVAL);
    fault_alloc_at(1);
    CHECK_ERR(receive(&flow), -ENOMEM);
    fault_off();
    CHECK_INT(flow.offset, ==, 0);
    close_peer(&flow);
    check_rest(&flow, 0);
    close_flow(&flow);
    close(pipes[0]);
    close(pipes[1]);
    close(append);
    close(readable);
    return 0;
}

COIL_TEST(recvfile_outside_of_a_loop)
{
    CHECK_ERR(coil_stream_recvfile(NULL, 1, NULL, 1), -COIL_ENOLOOP);
}

/* --- faults --- */

struct torture_job {
    struct path path;
    int fd;
};

static int receive_some(void *arg)
{
    struct torture_job *job = arg;
    struct coil_stream *stream = NULL;
    const char *data;
    int64_t offset = 0;
    ssize_t rc = coil_stream_open(job->fd, NULL, &stream);
    int file;

    job->fd = -1; /* the stream's, or closed */
    if (rc < 0) {
        return (int)rc;
    }
    file = open(job->path.text, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file >= 0) {
        coil_stream_peek(stream, 3, &data);
        rc = coil_stream_recvfile(stream, file, &offset, SIZE_MAX);
        CHECK(rc < 0 ? offset == 0 : offset == rc);
        close(file);
    }
    coil_stream_abort(stream);
    return 0;
}

static void run_torture(void *arg)
{
    static const char bytes[3000];
    struct torture_job *job = arg;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) {
        return;
    }
    if (write(fds[0], bytes, sizeof bytes) != sizeof bytes) {
        close(fds[0]);
        close(fds[1]);
        return;
    }
    close(fds[0]);
    job->fd = fds[1];
    coil_run(receive_some, job);
    if (job->fd >= 0) {
        close(job->fd); /* there was no task that it could be given to */
    }
}

COIL_TEST_LIMIT(recvfile_torture, 120)
{
    struct torture_job job = {.path = path_of("received")};

    if (test_backend_is("sim")) {
        test_skip("its streams are made of its own sockets");
    }
    torture(run_torture, &job);
}
