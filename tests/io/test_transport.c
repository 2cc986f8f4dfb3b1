/* Streams over transports: all calls through one that is slow, reluctant and at times broken. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "slow.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Closes both, and looks whether the transport was let go. */
static void close_slow(struct coil_stream *s[2], const struct slow_log *log)
{
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_INT(log->aborts, ==, 1);
    CHECK_INT(log->frees, ==, 1);
    coil_stream_abort(s[1]);
}

/* --- reading --- */

TASK_TEST(transport_read_byte_by_byte)
{
    static const char text[] = "line one\nline two\nuntil;exact-rest";
    struct coil_stream *s[2];
    struct slow_log log;
    struct slow *slow = open_slow(&slow_class, NULL, &log, s);
    const char *data = NULL;
    size_t done = 0;
    char buf[64];

    slow->piece = 1;
    slow->reluctant = 2;
    CHECK_INT(coil_stream_write(s[1], text, sizeof text - 1), ==, (int64_t)sizeof text - 1);
    CHECK_OK(coil_stream_write_eof(s[1]));
    CHECK_INT(coil_stream_read_line(s[0], buf, sizeof buf), ==, 9);
    CHECK_STR(buf, "line one\n");
    CHECK_INT(coil_stream_peek(s[0], 9, &data), >=, 9);
    CHECK_MEM(data, "line two\n", 9);
    CHECK_OK(coil_stream_consume(s[0], 9));
    CHECK_INT(coil_stream_read_until(s[0], "il;", 3, buf, sizeof buf), ==, 6);
    CHECK_INT(coil_stream_read_exactly(s[0], buf, 6, &done), ==, 6);
    CHECK_MEM(buf, "exact-", 6);
    CHECK_INT(coil_stream_read(s[0], buf, sizeof buf), ==, 1);
    CHECK(!coil_stream_at_eof(s[0]));
    CHECK_ERR(coil_stream_read_exactly(s[0], buf, 10, &done), -COIL_EINCOMPLETE);
    CHECK_INT(done, ==, 3);
    CHECK(coil_stream_at_eof(s[0]));
    CHECK_INT(coil_stream_read(s[0], buf, sizeof buf), ==, 0);
    close_slow(s, &log);
    return 0;
}

TASK_TEST(transport_read_cancelled_loses_nothing)
{
    struct coil_stream *s[2];
    struct slow_log log;
    struct slow *slow = open_slow(&slow_class, NULL, &log, s);
    ssize_t rc = 0;
    char buf[64];

    slow->piece = 2;
    for (int i = 0; i < 10; i++) {
        CHECK_INT(coil_stream_write(s[1], big + i * 3, 3), ==, 3);
        coil_timeout(test_moment_ns()) {
            rc = coil_stream_read_until(s[0], "\n", 1, buf, sizeof buf);
        }
        CHECK_ERR(rc, -ETIMEDOUT);
    }
    CHECK_INT(coil_stream_read_exactly(s[0], buf, 30, NULL), ==, 30);
    CHECK_MEM(buf, big, 30);
    coil_timeout(test_moment_ns()) {
        rc = coil_stream_read(s[0], buf, sizeof buf);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    close_slow(s, &log);
    return 0;
}

TASK_TEST(transport_read_errors)
{
    struct coil_stream *s[2];
    struct slow_log log;
    struct slow *slow = open_slow(&slow_class, NULL, &log, s);
    char buf[8];

    CHECK_INT(coil_stream_write(s[1], "ab\n", 3), ==, 3);
    slow->receive_error = -ENOMEM; /* passes */
    CHECK_ERR(coil_stream_read(s[0], buf, sizeof buf), -ENOMEM);
    CHECK_ERR(coil_stream_read_line(s[0], buf, sizeof buf), -ENOMEM);
    slow->receive_error = 0;
    CHECK_INT(coil_stream_read_line(s[0], buf, sizeof buf), ==, 3);
    slow->receive_error = -EPROTO; /* stays */
    CHECK_ERR(coil_stream_read(s[0], buf, sizeof buf), -EPROTO);
    slow->receive_error = 0;
    CHECK_INT(coil_stream_write(s[1], "cd\n", 3), ==, 3);
    CHECK_ERR(coil_stream_read(s[0], buf, sizeof buf), -EPROTO);
    CHECK_ERR(coil_stream_read_line(s[0], buf, sizeof buf), -EPROTO);
    CHECK_ERR(coil_stream_try_read(s[0], buf, sizeof buf), -EPROTO);
    CHECK_INT(coil_stream_write(s[0], "ok", 2), ==, 2); /* the other direction lives */
    close_slow(s, &log);
    return 0;
}

/* --- writing --- */

TASK_TEST(transport_write_much)
{
    static const size_t sizes[] = {0, 1, 100, 4096, 65537, 300000};
    struct coil_stream_options options = {.high_water = 5000};
    struct coil_stream *s[2];
    struct slow_log log;
    struct slow *slow = open_slow(&slow_class, &options, &log, s);
    struct coil_task *task;
    struct sink sink;
    size_t total = 0;

    CHECK_PTR(coil_stream_get_transport(s[0]), ==, &slow->transport);
    CHECK_PTR(coil_stream_get_transport(s[1]), ==, NULL);
    task = start_sink(&sink, s[1]);
    for (int i = 0; i < 6; i++) {
        CHECK_INT(coil_stream_write(s[0], big + total, sizes[i]), ==, (int64_t)sizes[i]);
        CHECK_INT(coil_stream_get_write_buffer_size(s[0]), <=, 5000);
        total += sizes[i];
    }
    CHECK_OK(coil_stream_drain(s[0]));
    CHECK_OK(coil_stream_flush(s[0]));
    CHECK_INT(coil_stream_get_write_buffer_size(s[0]), ==, 0);
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_ERR(coil_stream_write(s[0], "x", 1), -COIL_ECLOSED);
    CHECK_ERR(coil_stream_try_write(s[0], "x", 1), -COIL_ECLOSED);
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.rc, ==, 0);
    CHECK_INT(sink.count, ==, (int64_t)total);
    close_slow(s, &log);
    return 0;
}

/* Both ways at once, and writers that take turns. */
TASK_TEST(transport_write_in_turns_both_ways)
{
    struct coil_stream *s[2];
    struct slow_log log;
    struct coil_task *tasks[4];
    struct job jobs[3];
    struct sink sinks[2];

    open_slow(&slow_class, NULL, &log, s);
    tasks[0] = start(&jobs[0], s[0], WRITE);
    tasks[1] = start_sink(&sinks[1], s[1]);
    tasks[2] = start(&jobs[2], s[1], WRITE);
    tasks[3] = start_sink(&sinks[0], s[0]);
    CHECK_OK(coil_await(tasks[2]));
    CHECK_OK(coil_await(tasks[0]));
    CHECK_INT(jobs[0].rc, ==, BIG);
    CHECK_INT(jobs[2].rc, ==, BIG);
    CHECK_OK(coil_stream_write_eof(s[1]));
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_OK(coil_await(tasks[1]));
    CHECK_OK(coil_await(tasks[3]));
    CHECK_INT(sinks[0].count, ==, BIG);
    CHECK_INT(sinks[1].count, ==, BIG);
    close_slow(s, &log);
    return 0;
}

TASK_TEST(transport_write_cut_by_a_deadline_counts_truly)
{
    struct coil_stream_options options = {.high_water = 3000};
    struct coil_stream *s[2];
    struct slow_log log;
    struct coil_task *task;
    struct sink sink;
    size_t total;

    open_slow(&slow_class, &options, &log, s);
    total = choke(s[0]);
    task = start_sink(&sink, s[1]);
    CHECK_INT(coil_stream_write(s[0], big + total, 5000), ==, 5000);
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, (int64_t)total + 5000);
    close_slow(s, &log);
    return 0;
}

TASK_TEST(transport_write_errors)
{
    enum { SEND, DRAIN_, NOMEM, KINDS };

    for (int kind = 0; kind < KINDS; kind++) {
        struct coil_stream_options options = {.high_water = 3000};
        struct coil_stream *s[2];
        struct slow_log log;
        struct slow *slow = open_slow(&slow_class, &options, &log, s);

        choke(s[0]);
        slow->send_error = kind == SEND ? -EPIPE : kind == NOMEM ? -ENOMEM : 0;
        slow->drain_error = kind == DRAIN_ ? -EPIPE : 0;
        if (kind == DRAIN_) {
            CHECK_ERR(coil_stream_flush(s[0]), -EPIPE);
        } else {
            coil_stream_abort(s[1]); /* let the bytes go */
            s[1] = NULL;
            slow->reluctant = 0;
            coil_timeout(PATIENCE) {
                while (coil_stream_get_write_buffer_size(s[0]) >= 3000 && coil_yield() == 0) {
                }
            }
            CHECK_ERR(coil_stream_write(s[0], "x", 1), kind == SEND ? -EPIPE : -ENOMEM);
        }
        slow->send_error = slow->drain_error = 0;
        if (kind != NOMEM) {
            CHECK_ERR(coil_stream_write(s[0], "x", 1), -EPIPE);
            CHECK_ERR(coil_stream_try_write(s[0], "x", 1), -EPIPE);
            CHECK_ERR(coil_stream_drain(s[0]), -EPIPE);
            CHECK_ERR(coil_stream_write_eof(s[0]), -EPIPE);
            CHECK_ERR(coil_stream_close(s[0]), -EPIPE);
        } else {
            coil_stream_abort(s[0]);
        }
        CHECK_INT(log.frees, ==, 1);
        coil_stream_abort(s[1]);
    }
    return 0;
}

/* Lent bytes that the transport does not take at once are copied before the task waits. */
TASK_TEST(transport_write_of_lent_data)
{
    struct coil_stream_options options = {.high_water = 2000};
    struct coil_stream *s[2];
    struct coil_stream *from[2];
    struct slow_log log;
    struct coil_task *task;
    const char *data = NULL;
    struct sink sink;
    ssize_t n = 0;

    open_slow(&slow_class, &options, &log, s);
    open_streams(NULL, from);
    CHECK_INT(coil_stream_write(from[0], big, 10000), ==, 10000);
    n = coil_stream_peek(from[1], 10000, &data);
    CHECK_INT(n, ==, 10000);
    task = start_sink(&sink, s[1]);
    CHECK_INT(coil_stream_write(s[0], data, 10000), ==, 10000);
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, 10000);
    close_streams(from);
    close_slow(s, &log);
    return 0;
}

TASK_TEST(transport_sendfile)
{
    static char content[100000];
    char path[256];
    struct coil_stream *s[2];
    struct slow_log log;
    struct coil_task *task;
    struct sink sink;
    int64_t offset = 0;
    int fd;

    test_temp_path(path, sizeof path, "file");
    fill_bytes(content, sizeof content);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_OK(fd);
    CHECK_INT(write(fd, content, sizeof content), ==, (int64_t)sizeof content);
    open_slow(&slow_class, NULL, &log, s);
    task = start_sink(&sink, s[1]);
    CHECK_INT(coil_stream_sendfile(s[0], fd, &offset, SIZE_MAX), ==, (int64_t)sizeof content);
    CHECK_INT(offset, ==, (int64_t)sizeof content);
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, (int64_t)sizeof content);
    close(fd);
    close_slow(s, &log);
    return 0;
}

/* --- the end --- */

/* Tasks that wait in any call are let go when the stream is aborted, then the transport goes. */
TASK_TEST(transport_abort_while_others_wait)
{
    enum { COUNT = 5 };
    static const enum how hows[COUNT] = {WRITE, WRITE, FLUSH, DRAIN, WRITE_EOF};
    struct coil_stream_options options = {.high_water = 5000};
    struct coil_task *tasks[COUNT + 1];
    struct job jobs[COUNT];
    struct coil_stream *s[2];
    struct slow_log log;
    struct sink sink;

    open_slow(&slow_class, &options, &log, s);
    choke(s[0]);
    for (int i = 0; i < COUNT; i++) {
        tasks[i] = start(&jobs[i], s[0], hows[i]);
    }
    tasks[COUNT] = start_sink(&sink, s[0]);
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_INT(log.frees, ==, 0);
    coil_stream_abort(s[0]);
    CHECK_INT(log.aborts, ==, 1);
    for (int i = 0; i <= COUNT; i++) {
        CHECK_OK(coil_await(tasks[i]));
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK_MSG(jobs[i].rc == -COIL_ECLOSED || (hows[i] == DRAIN && jobs[i].rc == 0), "%d: %d", i,
                  (int)jobs[i].rc);
    }
    CHECK_ERR(sink.rc, -COIL_ECLOSED);
    CHECK_INT(log.frees, ==, 1);
    CHECK_ERR(coil_stream_read(s[0], big, 1), -COIL_ECLOSED);
    CHECK_PTR(coil_stream_get_transport(s[0]), ==, NULL);
    coil_stream_abort(s[1]);
    return 0;
}

TASK_TEST(transport_close_flushes_and_ends_in_order)
{
    struct coil_stream *s[2];
    struct slow_log log;
    struct slow *slow;
    struct coil_task *task;
    struct job job;
    struct sink sink;
    struct sink reader;
    size_t total;

    for (int i = 0; i < 2; i++) {
        slow = open_slow(&closing_class, NULL, &log, s);
        slow->close_error = i == 0 ? 0 : -EPROTO;
        CHECK_ERR(coil_stream_write_eof(s[0]), -EOPNOTSUPP);
        total = choke(s[0]);
        coil_detach(start_sink(&reader, s[0]));
        coil_detach(start(&job, s[0], CLOSE)); /* two at once: one of them closes */
        task = start_sink(&sink, s[1]);
        CHECK_INT(coil_stream_close(s[0]), <=, 0);
        CHECK_OK(coil_await(task));
        CHECK_INT(sink.count, ==, (int64_t)total);
        yield_times(3);
        CHECK_INT(log.closes, ==, 1);
        CHECK_INT(log.frees, ==, 1);
        CHECK_ERR(reader.rc, -COIL_ECLOSED);
        CHECK_OK(coil_stream_close(s[1]));
    }
    return 0;
}

TASK_TEST(transport_close_returns_its_error)
{
    struct coil_stream *s[2];
    struct slow_log log;
    struct slow *slow = open_slow(&closing_class, NULL, &log, s);

    slow->close_error = -EPROTO;
    CHECK_ERR(coil_stream_close(s[0]), -EPROTO);
    CHECK_INT(log.closes, ==, 1);
    CHECK_INT(log.frees, ==, 1);
    coil_stream_abort(s[1]);
    return 0;
}

/* What was not sent is dropped; the transport hears of no orderly end. */
TASK_TEST(transport_close_cancelled)
{
    struct coil_stream *s[2];
    struct slow_log log;
    int rc = 0;

    open_slow(&closing_class, NULL, &log, s);
    choke(s[0]);
    coil_timeout(COIL_MSEC) {
        rc = coil_stream_close(s[0]);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_INT(log.closes, ==, 0);
    CHECK_INT(log.frees, ==, 1);
    coil_stream_abort(s[1]);
    return 0;
}

TASK_TEST(transport_write_eof_cancelled_is_still_sent)
{
    struct coil_stream *s[2];
    struct slow_log log;
    struct sink sink;
    size_t total;
    int rc = 0;

    open_slow(&slow_class, NULL, &log, s);
    total = choke(s[0]);
    coil_timeout(COIL_MSEC) {
        rc = coil_stream_write_eof(s[0]);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    coil_detach(start_sink(&sink, s[1]));
    CHECK_OK(coil_stream_flush(s[0]));
    yield_times(3);
    coil_timeout(PATIENCE) {
        while (sink.count < total && coil_yield() == 0) {
        }
    }
    CHECK_INT(sink.count, ==, (int64_t)total);
    close_slow(s, &log);
    return 0;
}

static int leave_open(void *arg)
{
    struct coil_stream *s[2];

    open_slow(&slow_class, NULL, arg, s);
    CHECK_INT(coil_stream_write(s[0], "x", 1), ==, 1);
    return 0;
}

COIL_TEST(transport_left_open_at_the_end_of_the_loop)
{
    struct slow_log log;

    CHECK_OK(coil_run(leave_open, &log));
    CHECK_INT(log.aborts, ==, 1);
    CHECK_INT(log.frees, ==, 1);
}

COIL_TEST(transport_in_a_forked_child)
{
    struct coil_loop *loop = NULL;
    struct slow_log log;
    int status = -1;
    pid_t pid;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_OK(coil_run_in(loop, NULL, leave_open, &log));
    CHECK_INT(log.frees, ==, 0);
    pid = fork();
    if (pid == 0) {
        fault_off();
        CHECK_OK(coil_loop_free_after_fork(loop));
        _exit(log.frees == 1 && log.aborts == 0 ? 0 : 1);
    }
    CHECK_INT(waitpid(pid, &status, 0), ==, pid);
    CHECK_INT(status, ==, 0);
    CHECK_INT(log.frees, ==, 0);
    CHECK_OK(coil_loop_free(loop));
    CHECK_INT(log.aborts, ==, 1);
    CHECK_INT(log.frees, ==, 1);
}

/* --- opening, and what a stream tells --- */

TASK_TEST(transport_open_consumes_on_failure)
{
    struct coil_transport_class lacking = slow_class;
    struct coil_stream_options options = {.high_water = 10, .low_water = 11};
    struct coil_stream *stream = NULL;
    struct coil_transport classless = {NULL};
    struct slow_log log;

    lacking.drain = NULL;
    CHECK_ERR(coil_stream_open_transport(NULL, NULL, &stream), -EINVAL);
    CHECK_ERR(coil_stream_open_transport(&classless, NULL, &stream), -EINVAL);
    for (int i = 0; i < 3; i++) {
        struct slow *slow = slow_new(i == 0 ? &lacking : &slow_class, NULL, &log);

        CHECK_ERR(coil_stream_open_transport(&slow->transport, i == 1 ? &options : NULL,
                                             i == 2 ? NULL : &stream),
                  -EINVAL);
        CHECK_INT(log.aborts, ==, 1);
        CHECK_INT(log.frees, ==, 1);
    }
    CHECK_PTR(stream, ==, NULL);
    CHECK_PTR(coil_stream_get_transport(NULL), ==, NULL);
    return 0;
}

COIL_TEST(transport_open_without_a_loop)
{
    struct coil_stream *stream = NULL;
    struct slow_log log;
    struct slow *slow = slow_new(&slow_class, NULL, &log);

    CHECK_ERR(coil_stream_open_transport(&slow->transport, NULL, &stream), -COIL_ENOLOOP);
    CHECK_INT(log.frees, ==, 1);
}

static int open_with_faults(void *arg)
{
    struct coil_stream *stream = NULL;
    struct slow_log log;
    struct slow *slow = calloc(1, sizeof *slow);
    int rc;

    (void)arg;
    if (!slow) {
        return -ENOMEM;
    }
    log = (struct slow_log){0};
    *slow = (struct slow){.transport.class_ = &slow_class, .log = &log};
    rc = coil_stream_open_transport(&slow->transport, NULL, &stream);
    CHECK_INT(log.frees, ==, rc < 0);
    coil_stream_abort(stream);
    CHECK_INT(log.frees, ==, 1);
    return rc;
}

static void run_with_faults(void *arg)
{
    coil_run(open_with_faults, arg);
}

COIL_TEST(transport_open_out_of_memory)
{
    torture(run_with_faults, NULL);
}

TASK_TEST(transport_tells_what_is_below)
{
    struct coil_address addresses[2];
    struct coil_stream *s[2];
    struct slow_log log;
    struct slow *slow = open_slow(&slow_class, NULL, &log, s);

    CHECK_INT(coil_stream_get_fd(s[0]), ==, coil_stream_get_fd(slow->lower));
    CHECK_ERR(coil_stream_get_address(s[0], &addresses[0]), 0);
    CHECK_ERR(coil_stream_get_peer(s[0], &addresses[1]), 0);
    close_slow(s, &log);
    slow = open_slow(&closing_class, NULL, &log, s);
    CHECK_ERR(coil_stream_get_fd(s[0]), -ENOTSOCK);
    CHECK_ERR(coil_stream_get_address(s[0], &addresses[0]), -ENOTSOCK);
    CHECK_ERR(coil_stream_get_peer(s[0], &addresses[0]), -ENOTSOCK);
    close_slow(s, &log);
    return 0;
}

/* --- try_read and try_write, of sockets and of transports --- */

static ssize_t try_read_soon(struct coil_stream *stream, char *buf, size_t size)
{
    ssize_t n = -EAGAIN;

    coil_timeout(PATIENCE) {
        while ((n = coil_stream_try_read(stream, buf, size)) == -EAGAIN &&
               coil_sleep(test_backend_is("sim") ? COIL_MSEC : COIL_USEC) == 0) {
        }
    }
    return n;
}

static void try_both(struct coil_stream *s[2])
{
    struct coil_task *task;
    const char *data;
    struct sink sink;
    ssize_t n = 0;
    char buf[64];

    CHECK_ERR(coil_stream_try_read(s[0], buf, sizeof buf), -EAGAIN);
    CHECK_ERR(coil_stream_try_read(s[0], NULL, 1), -EINVAL);
    CHECK_INT(coil_stream_try_read(s[0], buf, 0), ==, 0);
    CHECK_ERR(coil_stream_try_write(s[0], NULL, 1), -EINVAL);
    CHECK_INT(coil_stream_try_write(s[0], buf, 0), ==, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(coil_stream_try_write(s[1], "hello", 5), ==, 5);
        CHECK_OK(coil_stream_wait_readable(s[0]));
        CHECK_INT(coil_stream_try_read(s[0], buf, 3), ==, 3);
        CHECK_OK(coil_stream_wait_readable(s[0]));
        CHECK_INT(try_read_soon(s[0], buf + 3, sizeof buf - 3), ==, 2);
        CHECK_MEM(buf, "hello", 5);
        CHECK_ERR(coil_stream_try_read(s[0], buf, sizeof buf), -EAGAIN);
    }
    CHECK_INT(coil_stream_write(s[1], "0123456789", 10), ==, 10);
    CHECK_INT(coil_stream_peek(s[0], 10, &data), ==, 10);
    CHECK_INT(coil_stream_try_read(s[0], buf, 4), ==, 4); /* of what is buffered */
    CHECK_INT(coil_stream_try_read(s[0], buf, sizeof buf), ==, 6);
    task = start_sink(&sink, s[0]);
    yield_times(1);
    CHECK_ERR(coil_stream_try_read(s[0], buf, 1), -COIL_ECONCURRENT);
    coil_cancel(task);
    coil_await(task);
    while ((n = coil_stream_try_write(s[0], big, 1000)) != -EAGAIN && n > 0) {
        CHECK_INT(coil_stream_get_write_buffer_size(s[0]), <=, 5000);
    }
    CHECK_ERR(n, -EAGAIN);
    CHECK_OK(coil_stream_write_eof(s[1]));
    CHECK_INT(try_read_soon(s[0], buf, sizeof buf), ==, 0);
    coil_stream_abort(s[1]);
    coil_stream_abort(s[0]);
    CHECK_ERR(coil_stream_try_read(s[0], buf, 1), -COIL_ECLOSED);
    CHECK_ERR(coil_stream_try_write(s[0], buf, 1), -COIL_ECLOSED);
}

TASK_TEST(try_on_a_socket)
{
    struct coil_stream_options options = {.high_water = 5000};
    struct coil_stream *s[2];

    open_all(&options, s);
    try_both(s);
    return 0;
}

TASK_TEST(try_on_a_transport)
{
    struct coil_stream_options options = {.high_water = 5000};
    struct coil_stream *s[2];
    struct slow_log log;
    struct slow *slow = open_slow(&slow_class, &options, &log, s);

    slow->reluctant = 0;
    try_both(s);
    CHECK_INT(log.frees, ==, 1);
    return 0;
}

/* While another task writes it is not this one's turn. */
TASK_TEST(try_write_waits_for_no_turn)
{
    struct coil_stream_options options = {.high_water = 5000};
    struct coil_stream *s[2];
    struct coil_task *task;
    struct job job;

    CHECK_ERR(coil_stream_try_write(NULL, "x", 1), -EINVAL);
    CHECK_ERR(coil_stream_try_read(NULL, big, 1), -EINVAL);
    open_all(&options, s);
    choke(s[0]);
    task = start(&job, s[0], WRITE);
    yield_times(1);
    CHECK_ERR(coil_stream_try_write(s[0], "x", 1), -EAGAIN);
    coil_stream_abort(s[0]);
    CHECK_OK(coil_await(task));
    coil_stream_abort(s[1]);
    return 0;
}
