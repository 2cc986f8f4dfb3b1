/* Two streams in memory: bounded, half-closed, closed, aborted, cancelled. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "write_side.h"

static void open_pair(const struct coil_stream_options *options, struct coil_stream *ret_streams[2])
{
    ret_streams[0] = ret_streams[1] = NULL;
    fill_bytes(big, BIG);
    CHECK_OK(coil_stream_pair(options, ret_streams));
}

static int answer(void *arg)
{
    struct coil_stream *stream = arg;
    char line[64];
    ssize_t n;

    while ((n = coil_stream_read_line(stream, line, sizeof line)) > 0) {
        CHECK_INT(coil_stream_write(stream, "> ", 2), ==, 2);
        CHECK_INT(coil_stream_write(stream, line, (size_t)n), ==, n);
    }
    CHECK_OK(coil_stream_close(stream));
    return (int)n;
}

TASK_TEST(pair_talks_both_ways)
{
    struct coil_stream *s[2];
    struct coil_task *task;
    char line[64];

    open_pair(NULL, s);
    task = coil_create_task(answer, s[1]);
    CHECK_INT(coil_stream_write(s[0], "hello\nworld\nbye", 15), ==, 15);
    CHECK_INT(coil_stream_read_line(s[0], line, sizeof line), ==, 8);
    CHECK_STR(line, "> hello\n");
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_ERR(coil_stream_write(s[0], "x", 1), -COIL_ECLOSED);
    CHECK_INT(coil_stream_read_line(s[0], line, sizeof line), ==, 8);
    CHECK_STR(line, "> world\n");
    CHECK_INT(coil_stream_read_line(s[0], line, sizeof line), ==, 5);
    CHECK_STR(line, "> bye");
    CHECK_INT(coil_stream_read_line(s[0], line, sizeof line), ==, 0);
    CHECK(coil_stream_at_eof(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_OK(coil_stream_close(s[0]));
    return 0;
}

/* One task alone can write, close, and read the other end. */
TASK_TEST(pair_keeps_what_a_closed_end_has_written)
{
    struct coil_stream *s[2];
    char buf[16];

    open_pair(NULL, s);
    CHECK_INT(coil_stream_write(s[0], "0123456789", 10), ==, 10);
    CHECK_OK(coil_stream_flush(s[0]));
    CHECK_OK(coil_stream_drain(s[0]));
    CHECK_INT(coil_stream_get_write_buffer_size(s[0]), ==, 0);
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_INT(coil_stream_read(s[1], buf, 4), ==, 4);
    CHECK_MEM(buf, "0123", 4);
    CHECK_ERR(coil_stream_write(s[1], "x", 1), -EPIPE);
    CHECK_INT(coil_stream_read(s[1], buf, sizeof buf), ==, 6);
    CHECK_INT(coil_stream_read(s[1], buf, sizeof buf), ==, 0);
    CHECK_ERR(coil_stream_close(s[1]), -EPIPE);
    return 0;
}

TASK_TEST(pair_aborted_is_a_reset)
{
    struct coil_stream *s[2];
    char buf[16];

    open_pair(NULL, s);
    CHECK_INT(coil_stream_write(s[0], "0123", 4), ==, 4);
    coil_stream_abort(s[0]);
    CHECK_INT(coil_stream_read(s[1], buf, sizeof buf), ==, 4);
    CHECK_ERR(coil_stream_read(s[1], buf, sizeof buf), -ECONNRESET);
    CHECK_ERR(coil_stream_read_line(s[1], buf, sizeof buf), -ECONNRESET);
    CHECK_ERR(coil_stream_write(s[1], "x", 1), -ECONNRESET);
    coil_stream_abort(s[1]);
    return 0;
}

/* A close in a cancelled task is an orderly one still, when nothing has to be waited for. */
TASK_TEST(pair_closed_in_a_cancelled_scope_gives_the_end)
{
    struct coil_stream *s[2];
    char byte;

    open_pair(NULL, s);
    coil_timeout(0) {
        coil_sleep(COIL_NEVER);
        CHECK_OK(coil_stream_close(s[0]));
    }
    CHECK_INT(coil_stream_read(s[1], &byte, 1), ==, 0);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

TASK_TEST(pair_moves_much_and_is_bounded)
{
    static const size_t marks[] = {1, 7, 5000, 0};

    for (int i = 0; i < 4; i++) {
        struct coil_stream_options options = {.high_water = marks[i]};
        size_t size = marks[i] == 1 || marks[i] == 7 ? 3000 : BIG;
        size_t mark = marks[i] ? marks[i] : 65536;
        struct coil_stream *s[2];
        struct coil_task *tasks[2];
        struct job job;
        struct sink sink;
        size_t before;
        size_t total;

        open_pair(&options, s);
        before = test_live_bytes();
        total = choke(s[0]);
        CHECK_INT(total, >=, (int64_t)(mark < 1000 ? 0 : mark - 1000));
        CHECK_INT(total, <=, (int64_t)mark);
        CHECK_INT(test_live_bytes(), <, (int64_t)(before + 2 * mark + 8192));
        tasks[1] = start_sink(&sink, s[1]);
        yield_times(2);
        tasks[0] = start(&job, s[0], WRITE);
        job.data += total;
        job.size = size - total;
        CHECK_OK(coil_await(tasks[0]));
        CHECK_INT(job.rc, ==, (int64_t)(size - total));
        CHECK_OK(coil_stream_close(s[0]));
        CHECK_OK(coil_await(tasks[1]));
        CHECK_INT(sink.rc, ==, 0);
        CHECK_INT(sink.count, ==, (int64_t)size);
        CHECK_OK(coil_stream_close(s[1]));
    }
    return 0;
}

TASK_TEST(pair_holds_no_memory_while_idle)
{
    struct coil_stream *s[2];
    char buf[100];
    size_t before;

    open_pair(NULL, s);
    before = test_live_bytes();
    CHECK_INT(coil_stream_write(s[0], big, 100), ==, 100);
    CHECK_INT(coil_stream_read_exactly(s[1], buf, 100, NULL), ==, 100);
    CHECK_MEM(buf, big, 100);
    CHECK_INT(test_live_bytes(), ==, (int64_t)before);
    close_streams(s);
    return 0;
}

TASK_TEST(pair_cancelled_waits_lose_nothing)
{
    struct coil_stream_options options = {.high_water = 1000};
    struct coil_stream *s[2];
    struct sink sink;
    struct coil_task *task;
    ssize_t rc = 0;
    char buf[8];

    open_pair(&options, s);
    coil_timeout(COIL_MSEC) {
        rc = coil_stream_read(s[1], buf, sizeof buf);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    coil_timeout(COIL_MSEC) {
        rc = coil_stream_write(s[0], big, 5000);
    }
    CHECK_INT(rc, ==, 1000);
    coil_timeout(COIL_MSEC) {
        rc = coil_stream_write(s[0], big + 1000, 5000);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    task = start_sink(&sink, s[1]);
    CHECK_INT(coil_stream_write(s[0], big + 1000, 5000), ==, 5000);
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, 6000);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

/* Whoever waits at the one end hears of the end of the other one. */
TASK_TEST(pair_wakes_the_peer_of_an_end)
{
    for (int i = 0; i < 4; i++) {
        struct coil_stream_options options = {.high_water = 1000};
        bool is_abort = i % 2;
        struct coil_task *tasks[2];
        struct coil_stream *s[2];
        struct sink sink;
        struct job job;

        open_pair(&options, s);
        tasks[0] = start_sink(&sink, s[0]);
        tasks[1] = start(&job, s[0], WRITE);
        CHECK_OK(coil_sleep(COIL_MSEC));
        if (i < 2) { /* the other end's, else its own */
            is_abort ? coil_stream_abort(s[1]) : (void)coil_stream_close(s[1]);
        } else {
            is_abort ? coil_stream_abort(s[0]) : (void)coil_stream_close(s[0]);
        }
        CHECK_OK(coil_await(tasks[0]));
        CHECK_OK(coil_await(tasks[1]));
        CHECK_INT(job.rc, ==, 1000); /* what was accepted; and the next one: */
        if (i < 2) {
            CHECK_ERR(sink.rc, is_abort ? -ECONNRESET : 0);
            CHECK_ERR(coil_stream_write(s[0], "x", 1), is_abort ? -ECONNRESET : -EPIPE);
        } else {
            CHECK_ERR(sink.rc, -COIL_ECLOSED);
            CHECK_ERR(coil_stream_write(s[0], "x", 1), -COIL_ECLOSED);
        }
        coil_stream_abort(s[0]);
        coil_stream_abort(s[1]);
    }
    return 0;
}

TASK_TEST(pair_has_no_socket)
{
    struct coil_address address;
    struct coil_stream *s[2];

    open_pair(NULL, s);
    CHECK_ERR(coil_stream_get_fd(s[0]), -ENOTSOCK);
    CHECK_ERR(coil_stream_get_peer(s[0], &address), -ENOTSOCK);
    CHECK_STR(coil_stream_get_transport(s[0])->class_->name, "pair");
    close_streams(s);
    return 0;
}

static void close_in_callback(void *user)
{
    CHECK_OK(coil_stream_close(user));
}

TASK_TEST(pair_closed_by_a_callback)
{
    struct coil_handle handle = {0};
    struct coil_stream *s[2];
    char byte;

    open_pair(NULL, s);
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, close_in_callback, s[0]));
    CHECK_INT(coil_stream_read(s[1], &byte, 1), ==, 0);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

TASK_TEST(pair_misuse)
{
    struct coil_stream_options options = {.high_water = 10, .low_water = 11};
    struct coil_stream *s[2] = {NULL, NULL};

    CHECK_ERR(coil_stream_pair(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_stream_pair(&options, s), -EINVAL);
    CHECK_PTR(s[0], ==, NULL);
    CHECK_PTR(s[1], ==, NULL);
    return 0;
}

COIL_TEST(pair_without_a_loop)
{
    struct coil_stream *s[2] = {NULL, NULL};

    CHECK_ERR(coil_stream_pair(NULL, s), -COIL_ENOLOOP);
}

static int use_with_faults(void *arg)
{
    struct coil_stream *s[2] = {NULL, NULL};
    char buf[8];
    int rc = coil_stream_pair(NULL, s);

    (void)arg;
    if (rc < 0) {
        CHECK_ERR(rc, -ENOMEM);
        CHECK_PTR(s[0], ==, NULL);
        CHECK_PTR(s[1], ==, NULL);
        return rc;
    }
    for (int i = 0; i < 2; i++) { /* no memory is no end: the next one succeeds */
        ssize_t n = coil_stream_write(s[0], "abc\n", 4);

        CHECK(n == 4 || n == -ENOMEM);
    }
    rc = (int)coil_stream_read_line(s[1], buf, sizeof buf);
    CHECK(rc == 4 || rc == -ENOMEM);
    coil_stream_close(s[0]);
    coil_stream_close(s[1]);
    return 0;
}

static void run_with_faults(void *arg)
{
    coil_run(use_with_faults, arg);
}

COIL_TEST(pair_out_of_memory)
{
    torture(run_with_faults, NULL);
}
