/* Streams, the reading half. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"

/* --- a reader in a task of its own --- */

enum how { READ, EXACTLY, UNTIL, LINE, PEEK };

struct reader {
    struct coil_stream *stream;
    enum how how;
    size_t size; /* to ask for */
    ssize_t rc;
    size_t count; /* read_exactly's */
    char buf[256];
};

static ssize_t call(struct reader *r)
{
    const char *data;

    switch (r->how) {
    case READ:
        return coil_stream_read(r->stream, r->buf, r->size);
    case EXACTLY:
        return coil_stream_read_exactly(r->stream, r->buf, r->size, &r->count);
    case UNTIL:
        return coil_stream_read_until(r->stream, "\r\n", 2, r->buf, r->size);
    case LINE:
        return coil_stream_read_line(r->stream, r->buf, r->size);
    default:
        return coil_stream_peek(r->stream, r->size, &data);
    }
}

static int run_reader(void *arg)
{
    struct reader *r = arg;

    r->rc = call(r);
    return r->rc < 0 ? (int)r->rc : 0;
}

static struct coil_task *start(struct reader *r, struct coil_stream *stream, enum how how,
                               size_t size)
{
    *r = (struct reader){.stream = stream, .how = how, .size = size};
    return coil_create_task(run_reader, r);
}

/* --- read: F2 --- */

TASK_TEST(read_takes_what_is_there)
{
    char buf[16];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    send_text(peer, "hello");
    CHECK_INT(coil_stream_read(stream, buf, 3), ==, 3);
    CHECK_MEM(buf, "hel", 3);
    CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 2);
    CHECK_MEM(buf, "lo", 2);
    CHECK_INT(coil_stream_read(stream, buf, 0), ==, 0);
    CHECK(!coil_stream_at_eof(stream));
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

TASK_TEST(read_waits)
{
    struct reader r;
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    for (int i = 0; i < 3; i++) {
        struct coil_task *task = start(&r, stream, READ, sizeof r.buf);

        CHECK_OK(coil_sleep(COIL_MSEC));
        send_text(peer, "abc");
        CHECK_OK(coil_await(task));
        CHECK_INT(r.rc, ==, 3);
        CHECK_MEM(r.buf, "abc", 3);
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* E1: data, then the end, once and for all; the other direction goes on. */
TASK_TEST(read_end_is_half_closed)
{
    struct coil_stream *s[2];
    char buf[16];

    open_streams(NULL, s);
    CHECK_INT(coil_stream_write(s[1], "last", 4), ==, 4);
    CHECK_OK(coil_stream_write_eof(s[1]));
    CHECK_INT(coil_stream_read_exactly(s[0], buf, 4, NULL), ==, 4);
    CHECK_INT(coil_stream_read(s[0], buf, sizeof buf), ==, 0);
    CHECK_INT(coil_stream_read(s[0], buf, sizeof buf), ==, 0);
    CHECK_INT(coil_stream_read_line(s[0], buf, sizeof buf), ==, 0);
    CHECK_STR(buf, "");
    CHECK(coil_stream_at_eof(s[0]));
    CHECK_INT(coil_stream_write(s[0], "answer", 6), ==, 6);
    CHECK_INT(coil_stream_read(s[1], buf, sizeof buf), ==, 6);
    close_streams(s);
    return 0;
}

/* Bytes and the end arrive together at a reader that waits: the end is told, too. */
TASK_TEST(read_bytes_and_end_at_once)
{
    for (int i = 0; i < 20; i++) {
        struct coil_task *task;
        struct reader r;
        char buf[16];
        int peer;
        struct coil_stream *stream = open_half(NULL, &peer);

        for (int round = 0; round < i % 3; round++) { /* the stream has waited before, or not */
            send_text(peer, "a");
            CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 1);
        }
        task = start(&r, stream, i % 4 < 2 ? READ : EXACTLY, i % 4 < 2 ? 8 : 1);
        CHECK_OK(coil_sleep(i % 2 ? COIL_MSEC : 0));
        send_text(peer, "b");
        CHECK_OK(coil_close(peer));
        CHECK_OK(coil_await(task));
        CHECK_INT(r.rc, ==, 1);
        CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 0);
        CHECK_OK(coil_stream_close(stream));
    }
    return 0;
}

TASK_TEST(read_reset_is_named_and_stays)
{
    char buf[16];
    size_t count = 7;
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    send_text(peer, "abc");
    reset_peer(stream, peer);
    CHECK_ERR(coil_stream_read_exactly(stream, buf, 10, &count), -ECONNRESET);
    CHECK_INT(count, ==, 3);
    CHECK_MEM(buf, "abc", 3);
    CHECK_ERR(coil_stream_read(stream, buf, sizeof buf), -ECONNRESET);
    CHECK_ERR(coil_stream_read_line(stream, buf, sizeof buf), -ECONNRESET);
    CHECK(!coil_stream_at_eof(stream));
    coil_stream_abort(stream);
    return 0;
}

/* What had come before the error can be read first. */
TASK_TEST(read_reset_after_buffered_bytes)
{
    const char *data;
    char buf[16];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    send_text(peer, "abc");
    CHECK_INT(coil_stream_peek(stream, 3, &data), ==, 3);
    reset_peer(stream, peer);
    CHECK_ERR(coil_stream_read_line(stream, buf, sizeof buf), -ECONNRESET);
    CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 3);
    CHECK_ERR(coil_stream_read(stream, buf, sizeof buf), -ECONNRESET);
    coil_stream_abort(stream);
    return 0;
}

/* --- read_exactly: F2 --- */

TASK_TEST(read_exactly_counts_what_came)
{
    struct coil_stream *s[2];
    size_t count = 99;
    char buf[16];

    open_streams(NULL, s);
    CHECK_INT(coil_stream_read_exactly(s[0], NULL, 0, &count), ==, 0);
    CHECK_INT(count, ==, 0);
    CHECK_INT(coil_stream_write(s[1], "12345", 5), ==, 5);
    CHECK_INT(coil_stream_read_exactly(s[0], buf, 2, &count), ==, 2);
    CHECK_INT(count, ==, 2);
    CHECK_OK(coil_stream_write_eof(s[1]));
    CHECK_ERR(coil_stream_read_exactly(s[0], buf, 16, &count), -COIL_EINCOMPLETE);
    CHECK_INT(count, ==, 3);
    CHECK_MEM(buf, "345", 3);
    CHECK_ERR(coil_stream_read_exactly(s[0], buf, 1, NULL), -COIL_EINCOMPLETE);
    close_streams(s);
    return 0;
}

struct writer {
    struct coil_stream *stream;
    size_t size;
};

static int write_bytes(void *arg)
{
    static char buf[300000];
    struct writer *w = arg;

    fill_bytes(buf, w->size);
    CHECK_INT(coil_stream_write(w->stream, buf, w->size), ==, (int64_t)w->size);
    CHECK_OK(coil_stream_write_eof(w->stream));
    return 0;
}

TASK_TEST(read_exactly_may_exceed_the_limit)
{
    static char buf[300000];
    struct coil_stream_options options = {.limit = 16};
    struct coil_stream *s[2];
    struct writer w = {.size = sizeof buf};
    struct coil_task *task;

    open_streams(&options, s);
    w.stream = s[1];
    task = coil_create_task(write_bytes, &w);
    CHECK_INT(coil_stream_read_exactly(s[0], buf, sizeof buf, NULL), ==, sizeof buf);
    for (size_t i = 0; i < sizeof buf; i++) {
        CHECK_INT(buf[i], ==, byte_at(i));
    }
    CHECK_OK(coil_await(task));
    close_streams(s);
    return 0;
}

static int send_slowly(void *arg)
{
    for (const char *text = "GET /\r\nAccept\nrest"; *text; text++) {
        CHECK_INT(coil_send(*(int *)arg, text, 1, 0), ==, 1);
        CHECK_OK(coil_sleep(100 * COIL_USEC));
    }
    return coil_close(*(int *)arg);
}

TASK_TEST(read_from_a_peer_that_sends_byte_by_byte)
{
    char buf[32];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);
    struct coil_task *task = coil_create_task(send_slowly, &peer);

    if (!task) {
        return coil_close(peer);
    }
    CHECK_INT(coil_stream_read_until(stream, "\r\n", 2, buf, sizeof buf), ==, 7);
    CHECK_MEM(buf, "GET /\r\n", 7);
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 7);
    CHECK_STR(buf, "Accept\n");
    CHECK_INT(coil_stream_read_exactly(stream, buf, 2, NULL), ==, 2);
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 2);
    CHECK_STR(buf, "st");
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 0);
    CHECK_OK(coil_await(task));
    CHECK_OK(coil_stream_close(stream));
    return 0;
}

/* --- read_until, read_line: F2, F3 --- */

TASK_TEST(read_until_keeps_the_data_on_failure)
{
    struct coil_stream_options options = {.limit = 8};
    struct coil_stream *s[2];
    char buf[32] = "";

    open_streams(&options, s);
    CHECK_INT(coil_stream_write(s[1], "123456;890", 10), ==, 10);
    CHECK_ERR(coil_stream_read_until(s[0], ";", 1, buf, 6), -COIL_ELIMIT); /* one too short */
    CHECK_ERR(coil_stream_read_until(s[0], ";", 1, buf, 0), -COIL_ELIMIT);
    CHECK_ERR(coil_stream_read_until(s[0], "890", 3, buf, sizeof buf), -COIL_ELIMIT);
    CHECK_ERR(coil_stream_read_until(s[0], "?", 1, buf, sizeof buf), -COIL_ELIMIT);
    CHECK_STR(buf, "");
    CHECK_INT(coil_stream_read_until(s[0], ";", 1, buf, 7), ==, 7);
    CHECK_MEM(buf, "123456;", 7);
    CHECK_OK(coil_stream_write_eof(s[1]));
    CHECK_ERR(coil_stream_read_until(s[0], ";", 1, buf, sizeof buf), -COIL_EINCOMPLETE);
    CHECK(!coil_stream_at_eof(s[0]));
    CHECK_INT(coil_stream_read(s[0], buf, sizeof buf), ==, 3);
    CHECK_MEM(buf, "890", 3);
    close_streams(s);
    return 0;
}

TASK_TEST(read_line_limits)
{
    struct coil_stream_options options = {.limit = 8};
    struct coil_stream *s[2];
    char buf[32] = "";

    open_streams(&options, s);
    CHECK_INT(coil_stream_write(s[1], "1234567\n\n12345678\nend", 21), ==, 21);
    CHECK_ERR(coil_stream_read_line(s[0], buf, 8), -COIL_ELIMIT); /* no room for the '\0' */
    CHECK_INT(coil_stream_read_line(s[0], buf, 9), ==, 8);
    CHECK_STR(buf, "1234567\n");
    CHECK_INT(coil_stream_read_line(s[0], buf, 2), ==, 1);
    CHECK_STR(buf, "\n");
    CHECK_ERR(coil_stream_read_line(s[0], buf, sizeof buf), -COIL_ELIMIT); /* the stream's own */
    CHECK_INT(coil_stream_read_exactly(s[0], buf, 9, NULL), ==, 9);
    CHECK_OK(coil_stream_write_eof(s[1]));
    CHECK_ERR(coil_stream_read_line(s[0], buf, 3), -COIL_ELIMIT);
    CHECK_INT(coil_stream_read_line(s[0], buf, 5), ==, 3);
    CHECK_STR(buf, "end");
    CHECK_INT(coil_stream_read_line(s[0], buf, sizeof buf), ==, 0);
    close_streams(s);
    return 0;
}

/* Up to the limit of 64 KiB and not beyond, whatever size the buffer happens to have. */
TASK_TEST(read_until_default_limit)
{
    static char buf[200000];
    struct coil_stream *s[2];
    struct writer w = {.size = 100000};
    struct coil_task *task;

    open_streams(NULL, s);
    w.stream = s[1];
    task = coil_create_task(write_bytes, &w);
    CHECK_ERR(coil_stream_read_until(s[0], "\x01", 1, buf, sizeof buf), -COIL_ELIMIT);
    w.size = 0;
    CHECK_INT(read_rest(s[0], &w.size), ==, 0);
    CHECK_INT(w.size, ==, 100000);
    CHECK_OK(coil_await(task));
    close_streams(s);
    return 0;
}

TASK_TEST(read_until_beyond_the_hot_buffer)
{
    static char buf[200000];
    struct coil_stream_options options = {.limit = 150000};
    struct coil_stream *s[2];
    struct writer w = {.size = 140000};
    struct coil_task *task;

    open_streams(&options, s);
    w.stream = s[1];
    task = coil_create_task(write_bytes, &w);
    CHECK_ERR(coil_stream_read_until(s[0], "\x01", 1, buf, sizeof buf), -COIL_EINCOMPLETE);
    CHECK_INT(coil_stream_read_until(s[0], (char[]){byte_at(7)}, 1, buf, sizeof buf), ==, 8);
    w.size = 8;
    CHECK_INT(read_rest(s[0], &w.size), ==, 0);
    CHECK_INT(w.size, ==, 140000);
    CHECK_OK(coil_await(task));
    close_streams(s);
    return 0;
}

/* --- peek, consume --- */

TASK_TEST(peek_lends_and_consume_takes)
{
    struct coil_stream_options options = {.limit = 8};
    struct coil_stream *s[2];
    const char *data = NULL;
    char buf[8];

    open_streams(&options, s);
    CHECK_INT(coil_stream_write(s[1], "abcdef", 6), ==, 6);
    CHECK_INT(coil_stream_peek(s[0], 6, &data), ==, 6);
    CHECK_MEM(data, "abcdef", 6);
    CHECK_INT(coil_stream_peek(s[0], 0, &data), ==, 6);
    CHECK_ERR(coil_stream_consume(s[0], 7), -EINVAL);
    CHECK_OK(coil_stream_consume(s[0], 0));
    CHECK_OK(coil_stream_consume(s[0], 2));
    CHECK_INT(coil_stream_read(s[0], buf, 1), ==, 1);
    CHECK_INT(buf[0], ==, 'c');
    CHECK_ERR(coil_stream_peek(s[0], 9, &data), -COIL_ELIMIT);
    CHECK_OK(coil_stream_write_eof(s[1]));
    CHECK_INT(coil_stream_peek(s[0], 8, &data), ==, 3); /* less only at the end */
    CHECK_MEM(data, "def", 3);
    CHECK(!coil_stream_at_eof(s[0]));
    CHECK_OK(coil_stream_consume(s[0], 3));
    CHECK(coil_stream_at_eof(s[0]));
    CHECK_INT(coil_stream_peek(s[0], 1, &data), ==, 0);
    CHECK_ERR(coil_stream_consume(s[0], 1), -EINVAL);
    close_streams(s);
    return 0;
}

/* Unread bytes survive that other streams use the loop's hot buffer, and again when they grow. */
TASK_TEST(peek_eviction_keeps_bytes)
{
    enum { COUNT = 5 };
    struct coil_stream *s[COUNT];
    int peers[COUNT];
    char text[] = "a-one|";
    const char *data;
    char buf[32];

    for (int i = 0; i < COUNT; i++) {
        s[i] = open_half(NULL, &peers[i]);
        text[0] = (char)('a' + i);
        send_text(peers[i], text);
        CHECK_INT(coil_stream_peek(s[i], 6, &data), ==, 6);
    }
    for (int i = 0; i < COUNT; i++) {
        send_text(peers[i], "two\n");
        text[0] = (char)('a' + i);
        CHECK_OK(coil_stream_consume(s[i], 1));
        CHECK_INT(coil_stream_peek(s[i], 9, &data), ==, 9);
        CHECK_MEM(data, "-one|two\n", 9);
        CHECK_INT(coil_stream_read_line(s[i], buf, sizeof buf), ==, 9);
        CHECK_STR(buf, "-one|two\n");
        CHECK_OK(coil_stream_close(s[i]));
        CHECK_OK(coil_close(peers[i]));
    }
    return 0;
}

/* Streams on which tasks wait hold no buffer, whatever call it is that waits. */
TASK_TEST(read_idle_streams_hold_no_buffer)
{
    enum { COUNT = 8 };
    static struct reader readers[COUNT];
    struct coil_stream *s[COUNT];
    struct coil_task *tasks[COUNT];
    int peers[COUNT];
    size_t before;

    for (int i = 0; i < COUNT; i++) {
        s[i] = open_half(NULL, &peers[i]);
        if (i < COUNT / 2) { /* some have read before */
            send_text(peers[i], "\n");
            CHECK_INT(coil_stream_read_line(s[i], readers[i].buf, 8), ==, 1);
        }
    }
    before = test_live_bytes();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            tasks[i] = start(&readers[i], s[i], i % 2 ? LINE : PEEK, 1 + (size_t)i % 2);
        }
        CHECK_OK(coil_sleep(COIL_MSEC));
        CHECK_INT(test_live_bytes(), <, before + 4096);
        for (int i = 0; i < COUNT; i++) {
            coil_cancel(tasks[i]);
            CHECK_ERR(coil_await(tasks[i]), -ECANCELED);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK_OK(coil_stream_close(s[i]));
        CHECK_OK(coil_close(peers[i]));
    }
    return 0;
}

/* --- cancel, deadlines --- */

static const struct {
    enum how how;
    size_t size;
} calls[] = {{READ, 8}, {EXACTLY, 8}, {UNTIL, 16}, {LINE, 16}, {PEEK, 8}};

enum { CALLS = sizeof calls / sizeof *calls };

TASK_TEST(read_cancelled_before)
{
    struct coil_task *self = coil_current_task();
    struct reader r;
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    send_text(peer, "12345\r\n");
    for (int i = 0; i < CALLS; i++) {
        r = (struct reader){.stream = stream, .how = calls[i].how, .size = calls[i].size};
        coil_cancel(self);
        CHECK_ERR(call(&r), -ECANCELED);
        CHECK_INT(coil_uncancel(self), ==, 0);
    }
    r = (struct reader){.stream = stream, .how = LINE, .size = 16};
    CHECK_INT(call(&r), ==, 7);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* The stream stays usable, and what had come before stays in it. */
TASK_TEST(read_cancelled_during)
{
    struct reader r;
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);
    char buf[32];

    for (int i = 0; i < CALLS; i++) {
        struct coil_task *task = start(&r, stream, calls[i].how, calls[i].size);
        ssize_t rc = 0;
        size_t count;

        CHECK_OK(coil_sleep(COIL_MSEC));
        coil_cancel(task);
        CHECK_ERR(coil_await(task), -ECANCELED);
        if (calls[i].how != READ) {
            send_text(peer, "123");
        }
        r = (struct reader){.stream = stream, .how = calls[i].how, .size = calls[i].size};
        coil_timeout(5 * COIL_MSEC) {
            rc = call(&r);
        }
        CHECK_ERR(rc, -ETIMEDOUT);
        count = calls[i].how == EXACTLY ? r.count : 0;
        CHECK_INT(count, ==, calls[i].how == EXACTLY ? 3 : 0);
        send_text(peer, "4\r\n");
        CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==,
                  calls[i].how == EXACTLY || calls[i].how == READ ? 3 : 6);
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* A cancel, or a deadline, about when bytes come: each is read by this call or by the next. */
static void race(struct coil_stream *stream, int peer, int turn, int64_t timeout_ns)
{
    struct reader r;
    struct coil_task *task = start(&r, stream, calls[turn % CALLS].how, calls[turn % CALLS].size);
    char buf[32];
    size_t taken = 0;
    int rc = 0;

    if (timeout_ns == 0) {
        yield_times(turn % 3);
        send_text(peer, "1234\r\n");
        yield_times(turn % 7);
        coil_cancel(task);
        rc = coil_await(task);
    } else {
        coil_timeout(timeout_ns) {
            coil_sleep(timeout_ns * (turn % 3) / 2);
            coil_shield {
                send_text(peer, "1234\r\n");
            }
            rc = coil_await(task);
        }
    }
    CHECK(rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT);
    if (r.how == EXACTLY) {
        taken = r.count;
        CHECK_MEM(r.buf, "1234\r\n", taken);
    } else if (r.rc > 0 && r.how != PEEK) {
        taken = (size_t)r.rc;
    }
    if (taken < 6) {
        CHECK_INT(coil_stream_read_exactly(stream, buf, 6 - taken, NULL), ==, 6 - (int)taken);
        CHECK_MEM(buf, &"1234\r\n"[taken], 6 - taken);
    }
}

TASK_TEST(read_cancel_race_loses_no_byte)
{
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    for (int i = 0; i < 300; i++) {
        race(stream, peer, i, 0);
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

TASK_TEST(read_deadline_race_loses_no_byte)
{
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    for (int i = 0; i < 100; i++) {
        race(stream, peer, i, 20 * COIL_USEC);
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* --- F4: one reader --- */

TASK_TEST(read_by_a_second_task_is_refused)
{
    struct reader r;
    struct reader second;
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);
    struct coil_task *task = start(&r, stream, LINE, 16);

    send_text(peer, "abc");
    CHECK_OK(coil_sleep(COIL_MSEC));
    for (int i = 0; i < CALLS; i++) {
        second = (struct reader){.stream = stream, .how = calls[i].how, .size = calls[i].size};
        CHECK_ERR(call(&second), -COIL_ECONCURRENT);
    }
    CHECK_ERR(coil_stream_consume(stream, 1), -COIL_ECONCURRENT);
    send_text(peer, "\n");
    CHECK_OK(coil_await(task));
    CHECK_STR(r.buf, "abc\n");
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* --- close while a task reads: E4 --- */

TASK_TEST(read_of_a_stream_that_is_closed_meanwhile)
{
    for (int i = 0; i < 8 * CALLS; i++) {
        struct reader r;
        int peer;
        struct coil_stream *stream = open_half(NULL, &peer);
        struct coil_task *task = start(&r, stream, calls[i % CALLS].how, calls[i % CALLS].size);

        yield_times(i % 3);
        if (i >= 2 * CALLS) { /* its bytes come just before, and are not enough */
            send_text(peer, "ab");
            yield_times(i % 5);
        }
        if (i % 2) {
            coil_stream_abort(stream);
        } else {
            CHECK_OK(coil_stream_close(stream));
        }
        coil_await(task);
        if (r.rc != 2 || r.how != READ) {
            CHECK_ERR(r.rc, -COIL_ECLOSED);
        }
        CHECK_ERR(call(&r), -COIL_ECLOSED);
        CHECK_OK(coil_close(peer));
    }
    return 0;
}

/* --- misuse --- */

static void check_all(struct coil_stream *stream, int error)
{
    const char *data;
    char buf[8];

    CHECK_ERR(coil_stream_read(stream, buf, 8), error);
    CHECK_ERR(coil_stream_read_exactly(stream, buf, 8, NULL), error);
    CHECK_ERR(coil_stream_read_until(stream, ";", 1, buf, 8), error);
    CHECK_ERR(coil_stream_read_line(stream, buf, 8), error);
    CHECK_ERR(coil_stream_peek(stream, 1, &data), error);
}

static int read_wrong_thread(void *arg)
{
    check_all(arg, -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_stream_consume(arg, 0), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_stream_get_fd(arg), -COIL_EWRONGTHREAD);
    CHECK(coil_stream_at_eof(arg));
    return 0;
}

static void read_in_callback(void *user)
{
    check_all(user, -COIL_ENOTASK);
}

static int read_without_loop(void *arg)
{
    check_all(arg, -COIL_ENOLOOP);
    CHECK_ERR(coil_stream_consume(arg, 0), -COIL_ENOLOOP);
    return 0;
}

TASK_TEST(read_misuse_is_named)
{
    struct coil_handle handle = {.state_ = 0};
    char buf[8];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    check_all(NULL, -EINVAL);
    CHECK_ERR(coil_stream_consume(NULL, 0), -EINVAL);
    CHECK(coil_stream_at_eof(NULL));
    CHECK_ERR(coil_stream_get_fd(NULL), -EINVAL);
    CHECK_ERR(coil_stream_read(stream, NULL, 1), -EINVAL);
    CHECK_ERR(coil_stream_read_exactly(stream, NULL, 1, NULL), -EINVAL);
    CHECK_ERR(coil_stream_read_until(stream, NULL, 1, buf, 8), -EINVAL);
    CHECK_ERR(coil_stream_read_until(stream, "", 0, buf, 8), -EINVAL);
    CHECK_ERR(coil_stream_read_until(stream, ";", 1, NULL, 8), -EINVAL);
    CHECK_ERR(coil_stream_read_line(stream, NULL, 8), -EINVAL);
    CHECK_ERR(coil_stream_read_line(stream, buf, 1), -EINVAL);
    CHECK_ERR(coil_stream_peek(stream, 1, NULL), -EINVAL);
    CHECK_OK(run_elsewhere(read_wrong_thread, stream));
    CHECK_OK(coil_to_thread(read_without_loop, stream));
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, read_in_callback, stream));
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_OK(coil_stream_get_fd(stream));
    CHECK_OK(coil_stream_close(stream));
    check_all(stream, -COIL_ECLOSED);
    CHECK(coil_stream_at_eof(stream));
    CHECK_ERR(coil_stream_consume(stream, 0), -COIL_ECLOSED);
    CHECK_ERR(coil_stream_get_fd(stream), -COIL_ECLOSED);
    CHECK_OK(coil_close(peer));
    stream = open_half(NULL, &peer); /* in the same memory: the old handle is still known as old */
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* --- faults, fairness --- */

TASK_TEST(read_goes_on_after_a_shortage)
{
    char buf[8];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    if (test_backend_is("sim")) {
        test_skip("no system calls");
    }
    send_text(peer, "abc");
    fault_syscall_named("recv", 1, ENOBUFS);
    CHECK_ERR(coil_stream_read(stream, buf, 8), -ENOBUFS);
    fault_off();
    fault_alloc_at(1); /* the hot buffer's */
    CHECK_ERR(coil_stream_read_line(stream, buf, 8), -ENOMEM);
    fault_off();
    CHECK_INT(coil_stream_read(stream, buf, 8), ==, 3);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

static int count_turns(void *arg)
{
    for (int *turns = arg;; ++*turns) {
        int rc = coil_yield();

        if (rc < 0) {
            return rc;
        }
    }
}

/* A reader that never has to wait lets others run, whatever call it reads with. */
TASK_TEST(read_of_buffered_bytes_is_fair)
{
    static char text[4001];
    struct coil_task *task;
    const char *data;
    char buf[8];
    int turns = 0;
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    memset(text, '\n', sizeof text - 1);
    send_text(peer, text);
    CHECK_INT(coil_stream_peek(stream, 4000, &data), ==, 4000);
    task = coil_create_task(count_turns, &turns);
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(coil_stream_read_line(stream, buf, 8), ==, 1);
    }
    CHECK_INT(turns, >=, 3);
    turns = 0;
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(coil_stream_read_until(stream, "\n", 1, buf, 8), ==, 1);
    }
    CHECK_INT(turns, >=, 3);
    turns = 0;
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(coil_stream_peek(stream, 1, &data), >, 0);
        CHECK_OK(coil_stream_consume(stream, 1));
    }
    CHECK_INT(turns, >=, 3);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}
