/* Streams, the writing half: flow control, turns, errors. Its ends: test_stream_close.c. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "write_side.h"

#include <unistd.h>

/* --- E3: write --- */

TASK_TEST(write_small_and_large)
{
    static const size_t sizes[] = {0, 1, 100, 4095, 4096, 65536, 65537, 300000};
    struct coil_stream *s[2];
    struct sink sink;
    struct coil_task *task;
    size_t total = 0;

    open_all(NULL, s);
    task = start_sink(&sink, s[1]);
    for (int i = 0; i < 8; i++) {
        CHECK_INT(coil_stream_write(s[0], big + total, sizes[i]), ==, (int64_t)sizes[i]);
        CHECK_INT(coil_stream_get_write_buffer_size(s[0]), <=, 65536);
        total += sizes[i];
    }
    CHECK_OK(coil_stream_flush(s[0]));
    CHECK_INT(coil_stream_get_write_buffer_size(s[0]), ==, 0);
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.rc, ==, 0);
    CHECK_INT(sink.count, ==, (int64_t)total);
    close_streams(s);
    return 0;
}

/* All that one iteration writes is one system call. */
TASK_TEST(write_coalesces)
{
    struct coil_stream *s[2];
    uint64_t before;
    char buf[100];

    open_all(NULL, s);
    for (int round = 0; round < 3; round++) {
        before = fault_calls("send") + fault_calls("sendmsg");
        for (int i = 0; i < 10; i++) {
            CHECK_INT(coil_stream_write(s[0], big + i * 10, 10), ==, 10);
        }
        CHECK_INT(coil_stream_get_write_buffer_size(s[0]), ==, 100);
        CHECK_INT(coil_stream_read_exactly(s[1], buf, 100, NULL), ==, 100);
        CHECK_MEM(buf, big, 100);
        if (test_backend_is("epoll")) {
            CHECK_INT(fault_calls("send") + fault_calls("sendmsg") - before, ==, 1);
        }
        CHECK_INT(coil_stream_get_write_buffer_size(s[0]), ==, 0);
    }
    close_streams(s);
    return 0;
}

/* Many chunks at once: still in order. */
TASK_TEST(write_many_small_ones)
{
    struct coil_stream *s[2];
    struct sink sink;
    struct coil_task *task;

    open_all(NULL, s);
    task = start_sink(&sink, s[1]);
    for (size_t done = 0; done < 200000; done += 37) {
        CHECK_INT(coil_stream_write(s[0], big + done, 37), ==, 37);
    }
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, (200000 + 36) / 37 * 37);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

/* --- E2: above the high-water mark writes wait, and memory is bounded --- */

TASK_TEST(write_to_a_peer_that_never_reads)
{
    static const struct coil_stream_options options[] = {
        {0},
        {.high_water = 1},
        {.high_water = 1000},
        {.high_water = 5000, .low_water = 5000},
        {.high_water = 100000, .low_water = 1},
    };

    for (int i = 0; i < 5; i++) {
        size_t high = options[i].high_water ? options[i].high_water : 65536;
        struct coil_stream *s[2];
        struct coil_task *task;
        struct sink sink;
        size_t before;
        size_t total;

        open_all(&options[i], s);
        before = test_live_bytes();
        total = choke(s[0]);
        CHECK_INT(coil_stream_get_write_buffer_size(s[0]), <=, (int64_t)high);
        if (!test_backend_is("sim")) { /* whose sockets stand in our memory */
            CHECK_INT(test_live_bytes(), <, (int64_t)(before + high + 3 * 16384));
        }
        CHECK_INT(total, <, BIG);
        /* What was accepted arrives, not a byte more or less. */
        task = start_sink(&sink, s[1]);
        CHECK_OK(coil_stream_close(s[0]));
        CHECK_OK(coil_await(task));
        CHECK_INT(sink.count, ==, (int64_t)total);
        CHECK_OK(coil_stream_close(s[1]));
    }
    return 0;
}

/* Also a large one, of which the socket takes nothing: below the mark it is queued. */
TASK_TEST(write_below_high_water_waits_for_no_socket)
{
    struct coil_stream *s[2];
    struct sink sink;
    struct coil_task *task;
    ssize_t sent;
    size_t total = 0;
    int fds[2] = {-1, -1};

    if (test_backend_is("sim")) {
        test_skip("its sockets cannot be filled from outside");
    }
    fill_bytes(big, BIG);
    CHECK_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(coil_stream_open(fds[i], NULL, &s[i]));
    }
    while ((sent = send(coil_stream_get_fd(s[0]), big + total, 1000, MSG_DONTWAIT)) > 0) {
        total += (size_t)sent;
    }
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_stream_write(s[0], big + total, 8192), ==, 8192);
    }
    CHECK_INT(coil_stream_get_write_buffer_size(s[0]), ==, 8192);
    task = start_sink(&sink, s[1]);
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, (int64_t)total + 8192);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

TASK_TEST(write_cut_by_a_deadline_counts_truly)
{
    struct coil_stream_options options = {.high_water = 3000};
    struct coil_stream *s[2];
    struct coil_task *task;
    struct sink sink;
    size_t total;

    open_all(&options, s);
    total = choke(s[0]);
    task = start_sink(&sink, s[1]);
    CHECK_INT(coil_stream_write(s[0], big + total, 5000), ==, 5000); /* the stream is usable */
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, (int64_t)total + 5000);
    close_streams(s);
    return 0;
}

TASK_TEST(write_low_water_above_high_is_refused)
{
    struct coil_stream_options options = {.high_water = 10, .low_water = 11};
    struct coil_stream *stream = NULL;
    int fds[2];

    open_fds(fds);
    CHECK_ERR(coil_stream_open(fds[0], &options, &stream), -EINVAL);
    options.high_water = 0;
    options.low_water = 65537;
    CHECK_ERR(coil_stream_open(fds[1], &options, &stream), -EINVAL);
    CHECK_PTR(stream, ==, NULL);
    return 0;
}

/* --- lent data: it goes out from the hot buffer, or is copied before the task suspends --- */
/* Sends what a peek has lent back to where it came from. */
static int send_back(void *arg)
{
    struct coil_stream *stream = arg;
    const char *data;
    ssize_t n;

    for (;;) {
        n = coil_stream_peek(stream, 1, &data);
        if (n <= 0 || (n = coil_stream_write(stream, data, (size_t)n)) <= 0) {
            return (int)n;
        }
        CHECK_INT(coil_stream_get_write_buffer_size(stream), <=, 1000 + HOT);
        CHECK_OK(coil_stream_consume(stream, (size_t)n));
    }
}

/* Nobody reads what comes back, so at last the sender waits. */
TASK_TEST(write_of_lent_data_is_bounded)
{
    struct coil_stream_options options = {.high_water = 1000};
    struct coil_stream *s[2];
    struct coil_task *task;
    struct coil_task *sender;
    struct job job;

    open_all(&options, s);
    task = start(&job, s[1], WRITE);
    sender = coil_create_task(send_back, s[0]);
    for (int i = 0; coil_stream_get_write_buffer_size(s[0]) <= 1000 && !coil_task_is_done(sender) &&
                    !coil_task_is_done(task) && !test_has_noticed();
         i++) {
        CHECK_INT(i, <, 2000);
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    CHECK_INT(coil_cancel(sender), ==, 1);
    CHECK_INT(coil_await(sender), >=, -ECANCELED);
    CHECK_INT(coil_stream_get_write_buffer_size(s[0]), >, 0);
    coil_stream_abort(s[0]);
    CHECK_OK(coil_await(task));
    coil_stream_abort(s[1]);
    return 0;
}

/* A write of lent data that waits for its turn: the hot buffer is somebody else's by then. */
TASK_TEST(write_of_lent_data_waits_for_its_turn)
{
    static char got[BIG];
    struct coil_stream *to[2];
    struct coil_stream *from[2];
    struct coil_task *tasks[2];
    struct job jobs[2];
    const char *data;
    char line[32];

    open_all(NULL, to);
    open_all(NULL, from);
    tasks[0] = start(&jobs[0], to[0], WRITE); /* has the turn, and waits */
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_INT(coil_stream_write(from[1], "lent bytes", 10), ==, 10);
    CHECK_INT(coil_stream_peek(from[0], 10, &data), ==, 10);
    jobs[1] = (struct job){.stream = to[0], .how = WRITE, .data = data, .size = 10};
    tasks[1] = coil_task_create(&(struct coil_task_options){.eager = true}, run_job, &jobs[1]);
    CHECK_INT(coil_stream_write(from[0], "other line\n", 11), ==, 11);
    CHECK_INT(coil_stream_read_line(from[1], line, sizeof line), ==, 11);
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_stream_read_exactly(to[1], got, BIG, NULL), ==, BIG);
        CHECK_MEM(got, big, BIG);
        CHECK_INT(coil_stream_read_exactly(to[1], line, 10, NULL), ==, 10);
        CHECK_MEM(line, "lent bytes", 10);
    }
    CHECK_OK(coil_await(tasks[0]));
    CHECK_OK(coil_await(tasks[1]));
    CHECK_INT(jobs[1].rc, ==, 10);
    close_streams(to);
    close_streams(from);
    return 0;
}

/* --- several writers: each write stays together, in order --- */

TASK_TEST(write_by_many_tasks_stays_together)
{
    enum { WRITERS = 6, SIZE = 50000 };
    static char data[WRITERS][SIZE];
    static char got[WRITERS * SIZE];
    struct coil_task *tasks[WRITERS];
    struct job jobs[WRITERS];
    struct coil_stream *s[2];

    open_all(NULL, s);
    for (int i = 0; i < WRITERS; i++) {
        memset(data[i], 'a' + i, SIZE);
        jobs[i] = (struct job){.stream = s[0], .how = WRITE, .data = data[i], .size = SIZE};
        tasks[i] = coil_create_task(run_job, &jobs[i]);
    }
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_stream_read_exactly(s[1], got, sizeof got, NULL), ==, sizeof got);
    }
    for (int i = 0; i < WRITERS; i++) {
        for (int j = 1; j < SIZE; j++) {
            CHECK_INT(got[i * SIZE + j], ==, got[i * SIZE]);
        }
        CHECK_OK(coil_await(tasks[i]));
        CHECK_INT(jobs[i].rc, ==, SIZE);
    }
    close_streams(s);
    return 0;
}

/* --- F5: drain, flush --- */

TASK_TEST(drain_waits_only_above_high_water)
{
    enum { DRAINERS = 3 };
    struct coil_stream_options options = {.high_water = 4000, .low_water = 1000};
    struct coil_task *tasks[DRAINERS + 1];
    struct job jobs[DRAINERS + 1];
    struct coil_stream *s[2];
    struct sink sink;
    struct coil_task *task;

    open_all(&options, s);
    CHECK_OK(coil_stream_drain(s[0]));
    choke(s[0]);
    CHECK_INT(coil_stream_get_write_buffer_size(s[0]), ==, 4000);
    CHECK_OK(coil_stream_drain(s[0])); /* at the mark, not above */
    for (int i = 0; i < DRAINERS; i++) {
        tasks[i] = start(&jobs[i], s[0], FLUSH);
    }
    CHECK_OK(coil_sleep(COIL_MSEC));
    task = start_sink(&sink, s[1]);
    for (int i = 0; i < DRAINERS; i++) {
        CHECK_OK(coil_await(tasks[i]));
        CHECK_INT(jobs[i].rc, ==, 0);
    }
    CHECK_INT(coil_stream_get_write_buffer_size(s[0]), ==, 0);
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

/* --- cancel, deadlines --- */

TASK_TEST(write_calls_cancelled_before_and_during)
{
    struct coil_stream_options options = {.high_water = 1000};
    struct coil_task *self = coil_current_task();
    struct coil_stream *s[2];
    struct job job;

    open_all(&options, s);
    for (enum how how = WRITE; how < CLOSE; how++) {
        job = (struct job){.stream = s[0], .how = how, .data = big, .size = 10};
        coil_cancel(self);
        CHECK_ERR(call(&job), -ECANCELED);
        CHECK_INT(coil_uncancel(self), ==, 0);
    }
    choke(s[0]);
    for (enum how how = WRITE; how <= CLOSE; how++) {
        struct coil_task *task;
        ssize_t rc = 0;

        if (how == DRAIN) {
            continue; /* at the mark: does not wait */
        }
        if (how < WRITE_EOF) {
            task = start(&job, s[0], how);
            CHECK_OK(coil_sleep(COIL_MSEC));
            coil_cancel(task);
            CHECK_OK(coil_await(task));
            CHECK_ERR(job.rc, -ECANCELED);
        }
        job = (struct job){.stream = s[0], .how = how, .data = big, .size = 10};
        coil_timeout(COIL_MSEC) {
            rc = call(&job);
        }
        CHECK_ERR(rc, -ETIMEDOUT);
    }
    CHECK_ERR(coil_stream_write(s[0], "x", 1), -COIL_ECLOSED);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

/* Writers that wait for their turn and for room, cancelled at any moment: none hangs, and the count
 * of each is true. */
TASK_TEST(write_cancel_race)
{
    enum { WRITERS = 3, SIZE = 3000 };
    static char buf[WRITERS * SIZE];
    struct coil_stream_options options = {.high_water = 2000};
    struct coil_task *tasks[WRITERS];
    struct job jobs[WRITERS];
    struct coil_stream *s[2];
    int64_t accepted = 0;
    int64_t got = 0;
    ssize_t n = 0;

    open_all(&options, s);
    for (int i = 0; i < 300; i++) {
        for (int j = 0; j < WRITERS; j++) {
            jobs[j] = (struct job){.stream = s[0], .how = WRITE, .data = big, .size = SIZE};
            tasks[j] = coil_create_task(run_job, &jobs[j]);
        }
        yield_times(i % 4);
        coil_timeout(i % 6 * 10 * COIL_USEC) {
            n = coil_stream_read(s[1], buf, sizeof buf);
        }
        got += n > 0 ? n : 0;
        yield_times(i % 5);
        for (int j = 0; j < WRITERS; j++) {
            coil_cancel(tasks[j]);
            yield_times(i % 3);
        }
        for (int j = 0; j < WRITERS; j++) {
            coil_await(tasks[j]);
            accepted += jobs[j].rc > 0 ? jobs[j].rc : 0;
        }
    }
    tasks[0] = start(&jobs[0], s[0], CLOSE);
    while ((n = coil_stream_read(s[1], buf, sizeof buf)) > 0) {
        got += n;
    }
    CHECK_OK(n);
    CHECK_OK(coil_await(tasks[0]));
    CHECK_INT(jobs[0].rc, ==, 0);
    CHECK_INT(got, ==, accepted);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

/* --- errors --- */

static bool says_peer_is_gone(ssize_t rc)
{
    return rc == -EPIPE || rc == -ECONNRESET;
}

TASK_TEST(write_to_a_peer_that_is_gone)
{
    int peer;
    struct coil_stream *stream;
    ssize_t rc = 0;

    fill_bytes(big, BIG);
    for (int i = 0; i < 2; i++) { /* small writes, and direct ones */
        stream = open_half(NULL, &peer);
        reset_peer(stream, peer);
        for (int j = 0; j < 100 && rc >= 0; j++) {
            rc = coil_stream_write(stream, big, i == 0 ? 10 : 100000);
            CHECK_OK(coil_sleep(COIL_MSEC));
        }
        CHECK(says_peer_is_gone(rc));
        CHECK_INT(coil_stream_write(stream, "x", 1), ==, rc); /* from now on */
        CHECK_INT(coil_stream_drain(stream), ==, rc);
        CHECK_INT(coil_stream_flush(stream), ==, rc);
        CHECK_INT(coil_stream_write_eof(stream), ==, rc);
        CHECK_INT(coil_stream_get_write_buffer_size(stream), ==, 0);
        CHECK_INT(coil_stream_close(stream), ==, rc);
        CHECK_ERR(coil_stream_write(stream, "x", 1), -COIL_ECLOSED);
        rc = 0;
    }
    return 0;
}

/* The peer goes while one task sends and others wait behind it: all are told. */
TASK_TEST(write_error_reaches_all_who_wait)
{
    enum { COUNT = 6 };
    static const enum how hows[COUNT] = {WRITE, WRITE, WRITE, WRITE, FLUSH, WRITE_EOF};
    struct coil_stream_options options = {.high_water = 5000};
    struct coil_task *tasks[COUNT];
    struct job jobs[COUNT];
    int peer;

    fill_bytes(big, BIG);
    for (int round = 0; round < 2; round++) {
        struct coil_stream *stream = open_half(&options, &peer);

        if (round == 1) {
            choke(stream);
        }
        for (int i = 0; i < COUNT; i++) {
            tasks[i] = start(&jobs[i], stream, hows[i]);
        }
        CHECK_OK(coil_sleep(COIL_MSEC));
        CHECK_OK(coil_close(peer)); /* with bytes unread */
        for (int i = 0; i < COUNT; i++) {
            CHECK_OK(coil_await(tasks[i]));
            CHECK_INT(jobs[i].rc, <, BIG);
            CHECK(jobs[i].rc > 0
                      ? i == 0
                      : says_peer_is_gone(jobs[i].rc) || (hows[i] == FLUSH && jobs[i].rc == 0));
        }
        CHECK_INT(coil_stream_close(stream), <, 0);
    }
    return 0;
}

TASK_TEST(write_without_memory)
{
    struct coil_stream *s[2];
    char buf[8];

    open_all(NULL, s);
    fault_alloc_at(1);
    CHECK_ERR(coil_stream_write(s[0], "abc", 3), -ENOMEM);
    fault_off();
    CHECK_INT(coil_stream_write(s[0], "def", 3), ==, 3);
    CHECK_INT(coil_stream_read(s[1], buf, 8), ==, 3);
    CHECK_MEM(buf, "def", 3);
    close_streams(s);
    return 0;
}

/* --- misuse --- */

static void check_all(struct coil_stream *stream, int error)
{
    struct job job = {.stream = stream, .data = "x", .size = 1};

    for (job.how = WRITE; job.how < CLOSE; job.how++) {
        CHECK_ERR(call(&job), error);
    }
    if (stream && error != -COIL_ENOTASK) {
        CHECK_ERR(coil_stream_close(stream), error);
        coil_stream_abort(stream);
    }
}

static int write_wrong_thread(void *arg)
{
    check_all(arg, -COIL_EWRONGTHREAD);
    return 0;
}

static int write_without_loop(void *arg)
{
    check_all(arg, -COIL_ENOLOOP);
    CHECK_INT(coil_stream_get_write_buffer_size(arg), ==, 0);
    return 0;
}

static void write_in_callback(void *user)
{
    check_all(user, -COIL_ENOTASK);
}

TASK_TEST(write_misuse_is_named)
{
    struct coil_handle handle = {.state_ = 0};
    struct coil_stream *s[2];

    open_all(NULL, s);
    check_all(NULL, -EINVAL);
    CHECK_ERR(coil_stream_write(s[0], NULL, 1), -EINVAL);
    CHECK_ERR(coil_stream_write(s[0], big, SIZE_MAX), -EINVAL);
    CHECK_INT(coil_stream_write(s[0], NULL, 0), ==, 0);
    CHECK_OK(run_elsewhere(write_wrong_thread, s[0]));
    CHECK_OK(coil_to_thread(write_without_loop, s[0]));
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, write_in_callback, s[0]));
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_INT(coil_stream_write(s[0], "x", 1), ==, 1);
    close_streams(s);
    check_all(s[0], -COIL_ECLOSED);
    CHECK_INT(coil_stream_get_write_buffer_size(s[0]), ==, 0);
    return 0;
}

COIL_TEST(stream_open_without_a_loop_closes_the_descriptor)
{
    struct coil_stream *stream = NULL;
    int fds[2];

    test_socket_pair(fds);
    CHECK_ERR(coil_stream_open(fds[0], NULL, &stream), -COIL_ENOLOOP);
    CHECK_ERR(coil_open_connection("127.0.0.1", 1, NULL, &stream), -COIL_ENOLOOP);
    CHECK_PTR(stream, ==, NULL);
    close(fds[1]);
}

TASK_TEST(stream_open_errors)
{
    struct coil_stream *stream = NULL;
    int fds[2];

    test_allow_bad_close(); /* a fault lets it close what it could not open */
    CHECK_ERR(coil_stream_open(-1, NULL, &stream), -EBADF);
    CHECK_ERR(coil_stream_open(0x3fffff, NULL, &stream), -EBADF);
    open_fds(fds);
    CHECK_ERR(coil_stream_open(fds[0], NULL, NULL), -EINVAL);
    CHECK_OK(coil_close(fds[1]));
    CHECK_ERR(coil_open_connection("127.0.0.1", 1, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_open_connection("127.0.0.1", test_free_port(), NULL, &stream), -ECONNREFUSED);
    CHECK_PTR(stream, ==, NULL);
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_open_connection("127.0.0.1", 1, NULL, &stream), -ECANCELED);
    return 0;
}

/* What the program leaves open is closed with the loop. */
TASK_TEST(stream_left_open_is_closed_by_the_loop)
{
    struct coil_stream *s[2];

    open_all(NULL, s);
    choke(s[0]);
    return 0;
}
