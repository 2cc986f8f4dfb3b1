/* Parts of files to descriptors and streams: E14. */
#include "fault.h"
#include "files.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <signal.h>

#include <sys/resource.h>
#include <sys/socket.h>

enum { SIZE = 1000000 };

/* Where to: each is a way of its own through sendfile.c. */
enum sink { TO_LIBRARY_SOCKET, TO_BLOCKING_SOCKET, TO_PIPE, TO_BLOCKING_PIPE, TO_STREAM, SINKS };

struct flow {
    enum sink sink;
    int out;
    int in; /* the receiving end */
    struct coil_stream *stream;
    int file;
    int64_t offset;
    size_t count;
    ssize_t rc;
    size_t received;
    size_t start; /* what the first byte received must be */
    bool is_right;
};

static void open_flow(struct flow *flow, enum sink sink, const char *path)
{
    int fds[2] = {-1, -1};

    *flow = (struct flow){
        .sink = sink, .in = -1, .out = -1, .is_right = true, .file = open(path, O_RDONLY)};
    if (sink == TO_PIPE || sink == TO_BLOCKING_PIPE) {
        CHECK_INT(pipe2(fds, sink == TO_PIPE ? O_NONBLOCK : 0), ==, 0);
        flow->in = fds[0];
        flow->out = fds[1];
        return;
    }
    if (sink == TO_BLOCKING_SOCKET) {
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    } else {
        open_fds(fds);
        shrink(fds[1]);
    }
    flow->in = fds[0];
    flow->out = fds[1];
    if (sink == TO_STREAM) {
        int rc = coil_stream_open(flow->out, NULL, &flow->stream);

        CHECK_OK(rc);
        flow->out = rc < 0 ? -1 : flow->out;
    }
}

static void close_out(struct flow *flow)
{
    if (flow->stream) {
        CHECK_OK(coil_stream_close(flow->stream));
    } else if (flow->out >= 0) {
        CHECK_OK(coil_close(flow->out));
    }
}

static void close_flow(struct flow *flow)
{
    close(flow->file);
    if (flow->in >= 0) {
        CHECK_OK(coil_close(flow->in));
    }
}

static ssize_t send_file(struct flow *flow, int64_t *offset, size_t count)
{
    return flow->stream ? coil_stream_sendfile(flow->stream, flow->file, offset, count)
                        : coil_sendfile(flow->out, flow->file, offset, count);
}

static int run_send(void *arg)
{
    struct flow *flow = arg;

    flow->rc = send_file(flow, &flow->offset, flow->count);
    return 0;
}

/* Receives to the end, and compares. */
static int run_receive(void *arg)
{
    struct flow *flow = arg;
    char buf[4096];
    ssize_t n;

    while ((n = coil_read(flow->in, buf, sizeof buf)) > 0) {
        flow->is_right = flow->is_right && is_content(buf, (size_t)n, flow->start + flow->received);
        flow->received += (size_t)n;
    }
    return (int)test_done(n);
}

/* --- success --- */

TASK_TEST(sendfile_sends_a_part)
{
    struct path path = make_file("file", SIZE);

    for (enum sink sink = 0; sink < SINKS; sink++) {
        struct coil_task *receiver;
        struct flow flow;

        open_flow(&flow, sink, path.text);
        flow.start = 10;
        flow.offset = 10;
        receiver = test_made(coil_create_task(run_receive, &flow));
        CHECK_INT(send_file(&flow, &flow.offset, 500000), ==, 500000);
        CHECK_INT(flow.offset, ==, 500010);
        CHECK_INT(send_file(&flow, &flow.offset, SIZE_MAX), ==, SIZE - 500010);
        CHECK_INT(flow.offset, ==, SIZE);
        CHECK_INT(send_file(&flow, &flow.offset, 1), ==, 0);
        CHECK_INT(send_file(&flow, &flow.offset, 0), ==, 0);
        CHECK_INT(flow.offset, ==, SIZE);
        CHECK_INT(lseek(flow.file, 0, SEEK_CUR), ==, 0);
        close_out(&flow);
        CHECK_OK(coil_await(receiver));
        CHECK_INT(flow.received, ==, SIZE - 10);
        CHECK(flow.is_right);
        close_flow(&flow);
    }
    return 0;
}

TASK_TEST(sendfile_at_the_current_position_moves_it)
{
    struct path path = make_file("file", 1000);

    for (enum sink sink = 0; sink < SINKS; sink++) {
        char buf[600];
        struct flow flow;

        open_flow(&flow, sink, path.text);
        CHECK_INT(lseek(flow.file, 100, SEEK_SET), ==, 100);
        CHECK_INT(send_file(&flow, NULL, 600), ==, 600);
        CHECK_INT(lseek(flow.file, 0, SEEK_CUR), ==, 700);
        if (flow.stream) {
            CHECK_OK(coil_stream_flush(flow.stream));
        }
        for (size_t done = 0; done < 600;) {
            ssize_t n = coil_read(flow.in, buf + done, 600 - done);

            CHECK_OK(n);
            done += n > 0 ? (size_t)n : 600;
        }
        CHECK(is_content(buf, 600, 100));
        close_out(&flow);
        close_flow(&flow);
    }
    return 0;
}

TASK_TEST(sendfile_copies_to_a_file)
{
    struct path from = make_file("from", SIZE);
    struct path to = path_of("to");
    int in = open(from.text, O_RDONLY);

    for (int flags = 0; flags <= O_APPEND; flags += O_APPEND) { /* which sendfile(2) refuses */
        int out = open(to.text, O_WRONLY | O_CREAT | flags, 0600);
        char *data;
        size_t size;

        CHECK_INT(coil_sendfile(out, in, &(int64_t){0}, SIZE_MAX), ==, SIZE);
        close(out);
        CHECK_OK(coil_file_read(to.text, SIZE_MAX, &data, &size));
        CHECK_INT(size, ==, flags ? 2 * SIZE : SIZE);
        CHECK(is_content(data + (flags ? SIZE : 0), SIZE, 0));
        coil_file_free(data);
    }
    close(in);
    return 0;
}

static int send_whole(void *arg)
{
    struct flow *flow = arg;

    CHECK_INT(send_file(flow, &flow->offset, SIZE_MAX), ==, SIZE);
    return 0;
}

static int write_tail(void *arg)
{
    struct flow *flow = arg;

    return (int)test_done(coil_stream_write(flow->stream, "tail", 4));
}

/* What was written before goes first, what others write meanwhile goes after it. */
TASK_TEST(sendfile_keeps_its_place_in_a_stream)
{
    struct path path = make_file("file", SIZE);
    struct coil_task *sender;
    struct coil_task *writer;
    struct flow flow;
    char buf[4096];
    size_t done = 0;
    ssize_t n;

    open_flow(&flow, TO_STREAM, path.text);
    CHECK_INT(coil_stream_write(flow.stream, "head", 4), ==, 4);
    sender = test_made(coil_create_task(send_whole, &flow));
    CHECK_OK(coil_sleep(COIL_MSEC));
    writer = test_made(coil_create_task(write_tail, &flow));
    for (size_t taken = 0; taken<4; taken += n> 0 ? (size_t)n : 4) {
        n = coil_recv(flow.in, buf + taken, 4 - taken, 0);
    }
    CHECK_MEM(buf, "head", 4);
    while (done < SIZE &&
           (n = test_done(coil_recv(flow.in, buf, SIZE - done < 4096 ? SIZE - done : 4096, 0))) >
               0) {
        flow.is_right = flow.is_right && is_content(buf, (size_t)n, done);
        done += (size_t)n;
    }
    CHECK(flow.is_right);
    CHECK_OK(coil_await(sender));
    CHECK_INT(coil_await(writer), ==, 4);
    close_out(&flow);
    CHECK_INT(coil_recv(flow.in, buf, sizeof buf, MSG_WAITALL), ==, 4);
    CHECK_MEM(buf, "tail", 4);
    close_flow(&flow);
    return 0;
}

/* --- a file that becomes shorter --- */

TASK_TEST(sendfile_file_that_shrinks)
{
    for (enum sink sink = 0; sink < SINKS; sink++) {
        struct path path = make_file("file", SIZE);
        struct coil_task *receiver;
        struct coil_task *sender;
        struct flow flow;

        open_flow(&flow, sink, path.text);
        flow.count = SIZE;
        sender = test_made(coil_create_task(run_send, &flow));
        CHECK_OK(coil_sleep(10 * COIL_MSEC)); /* it is stuck, somewhere in the file */
        CHECK_INT(truncate(path.text, 0), ==, 0);
        receiver = test_made(coil_create_task(run_receive, &flow));
        CHECK_OK(coil_await(sender));
        CHECK_INT(flow.rc, >=, 0);
        CHECK_INT(flow.rc, <=, SIZE);
        CHECK_INT(flow.offset, ==, flow.rc);
        close_out(&flow);
        CHECK_OK(coil_await(receiver));
        CHECK_INT(flow.received, ==, flow.rc);
        CHECK(flow.is_right);
        close_flow(&flow);
    }
    return 0;
}

/* --- cancel, deadline, errors: the offset tells what was sent --- */

TASK_TEST(sendfile_cancelled_on_the_way)
{
    struct path path = make_file("file", 8 * SIZE);

    for (enum sink sink = 0; sink < SINKS; sink++) {
        struct coil_task *receiver;
        struct flow flow;
        size_t sent;

        open_flow(&flow, sink, path.text);
        flow.count = SIZE_MAX;
        for (int i = 0; i < 200; i++) { /* until nothing goes out any more */
            struct coil_task *sender = test_made(coil_create_task(run_send, &flow));
            int64_t before = flow.offset;

            CHECK_OK(coil_sleep(5 * COIL_MSEC));
            coil_cancel(sender);
            coil_await(sender);
            CHECK(flow.rc > 0 ? flow.offset == before + flow.rc
                              : flow.rc == -ECANCELED && flow.offset == before);
            if (flow.rc < 0 && flow.offset > 0) {
                break;
            }
        }
        CHECK_ERR(flow.rc, -ECANCELED);
        for (int i = 0; i < 20 && flow.rc != -ETIMEDOUT;
             i++) { /* late acknowledgements make room */
            coil_timeout(10 * COIL_MSEC) {
                flow.rc = send_file(&flow, &flow.offset, flow.count);
            }
        }
        CHECK_ERR(flow.rc, -ETIMEDOUT);
        sent = (size_t)flow.offset;
        CHECK_INT(sent, >, 0);
        CHECK_INT(sent, <, 8 * SIZE);
        receiver = test_made(coil_create_task(run_receive, &flow));
        close_out(&flow);
        CHECK_OK(coil_await(receiver));
        CHECK_INT(flow.received, ==, sent);
        CHECK(flow.is_right);
        close_flow(&flow);
    }
    return 0;
}

TASK_TEST(sendfile_peer_that_leaves)
{
    struct path path = make_file("file", 8 * SIZE);

    signal(SIGPIPE, SIG_IGN); /* for the pipes that are written to by write(2) */
    for (enum sink sink = 0; sink < SINKS; sink++) {
        struct coil_task *sender;
        struct flow flow;
        ssize_t rc = 0;

        open_flow(&flow, sink, path.text);
        flow.count = SIZE_MAX;
        sender = test_made(coil_create_task(run_send, &flow));
        CHECK_OK(coil_sleep(5 * COIL_MSEC));
        CHECK_OK(coil_close(flow.in));
        CHECK_OK(coil_await(sender));
        CHECK_INT(flow.rc, <, 8 * SIZE);
        CHECK(flow.rc < 0 || flow.rc == flow.offset);
        for (int i = 0; i < 100 && rc >= 0; i++) {
            rc = send_file(&flow, &flow.offset, flow.count);
        }
        CHECK(rc == -EPIPE || rc == -ECONNRESET);
        if (flow.stream) {
            CHECK_INT(coil_stream_write(flow.stream, "x", 1), <, 0);
            coil_stream_abort(flow.stream);
        } else {
            CHECK_OK(coil_close(flow.out));
        }
        close(flow.file);
    }
    return 0;
}

static int abort_later(void *arg)
{
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    coil_stream_abort(arg);
    return 0;
}

TASK_TEST(sendfile_stream_that_is_closed_meanwhile)
{
    struct path path = make_file("file", 8 * SIZE);
    struct coil_task *task;
    struct flow flow;
    ssize_t rc;

    open_flow(&flow, TO_STREAM, path.text);
    task = test_made(coil_create_task(abort_later, flow.stream));
    rc = coil_stream_sendfile(flow.stream, flow.file, &flow.offset, SIZE_MAX);
    CHECK(rc == flow.offset || (rc == -COIL_ECLOSED && flow.offset == 0));
    CHECK_INT(rc, <, 8 * SIZE);
    CHECK_OK(coil_await(task));
    CHECK_ERR(coil_stream_sendfile(flow.stream, flow.file, &flow.offset, 1), -COIL_ECLOSED);
    close_flow(&flow);
    return 0;
}

/* A file that cannot be read does no harm to the stream. */
TASK_TEST(sendfile_errors)
{
    struct path path = make_text("file", "hello");
    struct flow flow;
    int64_t offset = 0;
    char buf[8];
    int pipes[2];
    int folder;
    int writable;

    open_flow(&flow, TO_STREAM, path.text);
    CHECK_INT(pipe(pipes), ==, 0);
    folder = open(test_temp_dir(), O_RDONLY);
    writable = open(path.text, O_WRONLY);
    CHECK_ERR(coil_stream_sendfile(flow.stream, pipes[0], NULL, 1), -ESPIPE);
    CHECK_ERR(coil_stream_sendfile(flow.stream, pipes[0], &offset, 1), -ESPIPE);
    CHECK_ERR(coil_stream_sendfile(flow.stream, folder, &offset, 1), -EISDIR);
    CHECK_ERR(coil_stream_sendfile(flow.stream, writable, &offset, 1), -EBADF);
    CHECK_ERR(coil_stream_sendfile(flow.stream, -1, &offset, 1), -EBADF);
    CHECK_ERR(coil_stream_sendfile(flow.stream, flow.file, &(int64_t){-1}, 1), -EINVAL);
    CHECK_ERR(coil_stream_sendfile(NULL, flow.file, &offset, 1), -EINVAL);
    CHECK_ERR(coil_sendfile(-1, flow.file, &offset, 1), -EBADF);
    CHECK_ERR(coil_sendfile(pipes[1], -1, NULL, 1), -EBADF);
    CHECK_INT(offset, ==, 0);
    CHECK_INT(coil_stream_sendfile(flow.stream, flow.file, &offset, 5), ==, 5);
    CHECK_OK(coil_stream_write_eof(flow.stream));
    CHECK_ERR(coil_stream_sendfile(flow.stream, flow.file, &(int64_t){0}, 5), -COIL_ECLOSED);
    CHECK_INT(coil_recv(flow.in, buf, 8, 0), ==, 5);
    close_out(&flow);
    close_flow(&flow);
    close(pipes[0]);
    close(pipes[1]);
    close(folder);
    close(writable);
    return 0;
}

/* An error in the middle: what was sent counts. */
TASK_TEST(sendfile_error_after_a_part)
{
    struct path path = make_file("file", SIZE);
    struct path to = path_of("to");
    int in = open(path.text, O_RDONLY);
    int out = open(to.text, O_WRONLY | O_CREAT, 0600);
    struct stat status;
    ssize_t rc;

    CHECK_INT(lseek(in, 5, SEEK_SET), ==, 5);
    fault_syscall_named("sendfile64", 3, EIO);
    rc = coil_sendfile(out, in, NULL, SIZE_MAX);
    fault_off();
    CHECK_INT(rc, ==, 2 * 256 * 1024);
    CHECK_INT(lseek(in, 0, SEEK_CUR), ==, 5 + rc);
    CHECK_INT(fstat(out, &status), ==, 0);
    CHECK_INT(status.st_size, ==, rc);
    fault_syscall_named("sendfile64", 1, EIO);
    CHECK_ERR(coil_sendfile(out, in, NULL, SIZE_MAX), -EIO);
    fault_syscall_named("sendfile64", 1, ENOSYS);
    CHECK_INT(coil_sendfile(out, in, NULL, SIZE_MAX), ==, SIZE - 5 - rc); /* the other way */
    fault_off();
    close(in);
    close(out);
    return 0;
}

/* A disk that is full: what was written counts, and the rest goes when there is room. */
/* It says so, instead of trying again and again. */
TASK_TEST(sendfile_without_threads)
{
    struct path path = make_file("file", 1000);
    const enum sink sinks[] = {TO_LIBRARY_SOCKET, TO_PIPE, TO_STREAM};

    if (test_backend_is("sim")) {
        test_skip("simulated sockets need no thread");
    }
    for (size_t i = 0; i < sizeof sinks / sizeof *sinks; i++) {
        struct flow flow;

        open_flow(&flow, sinks[i], path.text);
        fault_syscall_named("pthread_create", 1, EAGAIN);
        /* What is known to be in memory needs none: but nobody knows that of what is not there. */
        CHECK_ERR(send_file(&flow, &flow.offset, SIZE_MAX), -EAGAIN);
        CHECK(fault_was_injected());
        fault_off();
        CHECK_INT(flow.offset, ==, 0);
        close_out(&flow);
        close_flow(&flow);
    }
    return 0;
}

TASK_TEST(sendfile_file_that_cannot_grow)
{
    struct rlimit small = {300000, 0};
    struct path from = make_file("from", SIZE);
    struct path to = path_of("to");
    int in = open(from.text, O_RDONLY);
    struct rlimit limit;
    char *data = NULL;
    size_t size = 0;

    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    small.rlim_max = limit.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    for (int flags = 0; flags <= O_APPEND; flags += O_APPEND) { /* which sendfile(2) refuses */
        int out = open(to.text, O_WRONLY | O_CREAT | O_TRUNC | flags, 0600);
        int64_t offset = 0;

        CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
        CHECK_INT(coil_sendfile(out, in, &offset, SIZE_MAX), ==, 300000);
        CHECK_INT(offset, ==, 300000);
        CHECK_ERR(coil_sendfile(out, in, &offset, SIZE_MAX), -EFBIG);
        CHECK_INT(offset, ==, 300000);
        CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
        CHECK_INT(coil_sendfile(out, in, &offset, SIZE_MAX), ==, SIZE - 300000);
        close(out);
        CHECK_OK(coil_file_read(to.text, SIZE_MAX, &data, &size));
        CHECK_INT(size, ==, SIZE);
        CHECK(is_content(data, SIZE, 0));
        coil_file_free(data);
    }
    close(in);
    return 0;
}

/* --- faults --- */

struct torture_job {
    struct path path;
    bool is_pipe;
};

static int send_some(void *arg)
{
    struct flow *flow = arg;

    return (int)coil_sendfile(flow->out, flow->file, &flow->offset, flow->count);
}

static void run_torture(void *arg)
{
    struct torture_job *job = arg;
    struct flow flow = {.count = 3000};
    int fds[2];
    int rc = job->is_pipe ? pipe2(fds, O_NONBLOCK) : socketpair(AF_UNIX, SOCK_STREAM, 0, fds);

    if (rc < 0) {
        return;
    }
    flow.out = fds[1];
    flow.file = open(job->path.text, O_RDONLY);
    if (flow.file >= 0) {
        rc = coil_run(send_some, &flow);
        CHECK(rc < 0 ? flow.offset == 0 : flow.offset == rc || rc == 0);
        close(flow.file);
    }
    close(fds[0]);
    close(fds[1]);
}

COIL_TEST_LIMIT(sendfile_torture, 120)
{
    struct torture_job job = {.path = make_file("file", 3000)};

    torture(run_torture, &job);
    job.is_pipe = true;
    torture(run_torture, &job);
}
