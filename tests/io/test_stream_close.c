/* The end of a stream: write_eof, close, abort (E4), while others write or wait. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "write_side.h"

/* --- E4: write_eof --- */

TASK_TEST(write_eof_in_each_state)
{
    struct coil_stream *s[2];
    struct coil_task *tasks[3];
    struct job jobs[3];
    struct sink sink;
    struct coil_task *task;

    for (int i = 0; i < 4; i++) { /* nothing to send; a little; much of it; and a write under way */
        size_t expected = i == 3 ? BIG + 10 : i == 0 ? 0 : i == 1 ? 10 : 60000;

        open_all(NULL, s);
        jobs[0] = (struct job){
            .stream = s[0], .how = WRITE, .data = big, .size = i == 3 ? BIG : expected};
        jobs[1] = (struct job){.stream = s[0], .how = WRITE, .data = "+123456789", .size = 10};
        tasks[0] = coil_create_task(run_job, &jobs[0]);
        tasks[1] = i == 3 ? coil_create_task(run_job, &jobs[1]) : NULL;
        yield_times(1);
        tasks[2] = start(&jobs[2], s[0], WRITE_EOF);
        yield_times(1);
        CHECK_ERR(coil_stream_write(s[0], "x", 1), -COIL_ECLOSED);
        if (i == 3) {
            static char got[BIG];

            coil_timeout(PATIENCE) {
                CHECK_INT(coil_stream_read_exactly(s[1], got, BIG, NULL), ==, BIG);
                CHECK_MEM(got, big, BIG);
                CHECK_INT(coil_stream_read_exactly(s[1], got, 10, NULL), ==, 10);
                CHECK_MEM(got, "+123456789", 10);
                CHECK_INT(coil_stream_read(s[1], got, 10), ==, 0);
            }
            CHECK_OK(coil_await(tasks[1]));
            CHECK_INT(jobs[1].rc, ==, 10);
        } else {
            task = start_sink(&sink, s[1]);
            CHECK_OK(coil_await(task));
            CHECK_INT(sink.count, ==, (int64_t)expected);
        }
        CHECK_OK(coil_await(tasks[0]));
        CHECK_OK(coil_await(tasks[2]));
        CHECK_INT(jobs[2].rc, ==, 0);
        CHECK_OK(coil_stream_write_eof(s[0]));
        CHECK_OK(coil_stream_flush(s[0]));
        CHECK_OK(coil_stream_drain(s[0]));
        close_streams(s);
    }
    return 0;
}

TASK_TEST(write_eof_cancelled_is_still_sent)
{
    struct coil_stream *s[2];
    struct sink sink;
    size_t total;
    int rc = 0;

    open_all(NULL, s);
    total = choke(s[0]);
    coil_timeout(COIL_MSEC) {
        rc = coil_stream_write_eof(s[0]);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_OK(coil_await(start_sink(&sink, s[1])));
    CHECK_INT(sink.rc, ==, 0);
    CHECK_INT(sink.count, ==, (int64_t)total);
    close_streams(s);
    return 0;
}

/* --- E4: close, abort --- */

TASK_TEST(close_flushes_and_abort_drops)
{
    struct coil_stream *s[2];
    struct sink sink;
    struct coil_task *task;
    size_t total;

    CHECK_OK(coil_stream_close(NULL));
    coil_stream_abort(NULL);
    for (int i = 0; i < 2; i++) {
        open_all(NULL, s);
        total = choke(s[0]);
        task = start_sink(&sink, s[1]);
        if (i == 0) {
            CHECK_OK(coil_stream_close(s[0]));
        } else {
            coil_stream_abort(s[0]);
        }
        CHECK_ERR(coil_stream_close(s[0]), -COIL_ECLOSED);
        coil_stream_abort(s[0]);
        CHECK_OK(coil_await(task));
        CHECK(i == 0 ? sink.count == total : sink.count < total);
        CHECK_OK(coil_stream_close(s[1]));
    }
    return 0;
}

/* While a close flushes, nobody can put off its end by writing on. */
TASK_TEST(close_ends_though_others_write)
{
    struct coil_stream *s[2];
    struct coil_task *task;
    struct job job;
    size_t total;
    struct sink sink;

    open_all(NULL, s);
    total = choke(s[0]);
    task = start(&job, s[0], CLOSE);
    yield_times(1);
    CHECK_ERR(coil_stream_write(s[0], "x", 1), -COIL_ECLOSED);
    CHECK_OK(coil_await(start_sink(&sink, s[1])));
    CHECK_INT(sink.count, ==, (int64_t)total);
    CHECK_OK(coil_await(task));
    CHECK_INT(job.rc, ==, 0);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

/* Tasks that wait in any call are let go when the stream is closed. */
TASK_TEST(close_while_others_write)
{
    enum { COUNT = 5 };
    static const enum how hows[COUNT] = {WRITE, WRITE, WRITE, FLUSH, WRITE_EOF};
    struct coil_stream_options options = {.high_water = 5000};
    struct coil_task *tasks[COUNT];
    struct job jobs[COUNT];
    struct coil_stream *s[2];

    for (int round = 0; round < 4; round++) {
        open_all(&options, s);
        if (round % 2) {
            choke(s[0]); /* they wait for room, else the first one for the socket */
        }
        for (int i = 0; i < COUNT; i++) {
            tasks[i] = start(&jobs[i], s[0], hows[i]);
        }
        CHECK_OK(coil_sleep(round < 2 ? COIL_MSEC : 0));
        coil_stream_abort(s[0]);
        for (int i = 0; i < COUNT; i++) {
            CHECK_OK(coil_await(tasks[i]));
            if (i > 0 || jobs[i].rc <= 0) {
                CHECK_MSG(jobs[i].rc == -COIL_ECLOSED || (hows[i] == FLUSH && jobs[i].rc == 0),
                          "%d: %d", i, (int)jobs[i].rc);
            }
            CHECK_INT(jobs[i].rc, <, BIG);
        }
        CHECK_OK(coil_stream_close(s[1]));
    }
    return 0;
}

/* --- left open, and the loop freed inside of another one --- */

static struct coil_stream *left_open[2];

static void open_pair(void *user)
{
    int fds[2];

    if (test_backend_is("sim")) {
        CHECK_OK(coil_stream_pair(NULL, left_open));
    } else {
        test_socket_pair(fds);
        CHECK_OK(coil_stream_open(fds[0], NULL, &left_open[0]));
        CHECK_OK(coil_stream_open(fds[1], NULL, &left_open[1]));
    }
    CHECK_OK(coil_loop_stop(user));
}

static int free_it(void *loop)
{
    CHECK_ERR(coil_loop_free(loop), -COIL_ENESTED);
    CHECK_OK(coil_yield());
    return 0;
}

/* Its streams are closed by running it: refused as long as another loop runs. */
COIL_TEST(close_by_the_loop_is_refused_inside_another_loop)
{
    struct coil_handle soon = {0};
    struct coil_loop *loop;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_OK(coil_call_soon(loop, &soon, open_pair, loop));
    CHECK_OK(coil_loop_run(loop));
    CHECK_OK(coil_run(free_it, loop));
    CHECK_OK(coil_loop_free(loop));
}
