/* Lines and separators that come in pieces, and what is left behind them (F2, F3). */
#include "harness.h"
#include "in_task.h"
#include "pair.h"

/* --- a peer that sends piece by piece, each seen before the next is sent --- */

struct sender {
    int fd;
    const char *const *pieces; /* the last one is NULL */
};

static int send_pieces(void *arg)
{
    struct sender *sender = arg;

    for (const char *const *piece = sender->pieces; *piece; piece++) {
        send_text(sender->fd, *piece);
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    return 0;
}

static struct coil_task *start_sender(struct sender *sender, int fd, const char *const *pieces)
{
    *sender = (struct sender){fd, pieces};
    return coil_create_task(send_pieces, sender);
}

static void check_rest(struct coil_stream *stream, const char *text)
{
    char buf[64];
    ssize_t size = (ssize_t)strlen(text);

    CHECK_INT(coil_stream_read_exactly(stream, buf, (size_t)size, NULL), ==, size);
    CHECK_MEM(buf, text, (size_t)size);
}

/* A line of four pieces; what comes behind it stays. */
TASK_TEST(line_comes_in_pieces)
{
    static const char *const pieces[] = {"chunk1 ", "chunk2 ", "chunk3 ", "\n chunk4", NULL};
    struct sender sender;
    struct coil_task *task;
    char buf[64];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    task = start_sender(&sender, peer, pieces);
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 22);
    CHECK_STR(buf, "chunk1 chunk2 chunk3 \n");
    check_rest(stream, " chunk4");
    CHECK_OK(coil_await(task));
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* F3: a separator that is cut in two or three, after others that only begin like it. */
TASK_TEST(until_finds_a_separator_in_pieces)
{
    static const char *const rows[][6] = {
        {"lineAAA"}, {"QWEaa", "XYaa", "a"}, {"QWEaa", "XYa", "aa"},    {"aaa"},
        {"Xaaa"},    {"XXX", "a", "a", "a"}, {"aa", "Xa", "aXaa", "a"},
    };
    static const char *const whole[] = {"lineAAA", "QWEaaXYaaa", "QWEaaXYaaa", "aaa",
                                        "Xaaa",    "XXXaaa",     "aaXaaXaaa"};
    char buf[64];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    for (int i = 0; i < 7; i++) {
        struct sender sender;
        struct coil_task *task = start_sender(&sender, peer, rows[i]);
        ssize_t size = (ssize_t)strlen(whole[i]);

        CHECK_INT(coil_stream_read_until(stream, i == 0 ? "AAA" : "aaa", 3, buf, sizeof buf), ==,
                  size);
        CHECK_MEM(buf, whole[i], (size_t)size);
        CHECK_OK(coil_await(task));
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* F3: of several separators the one that ends first, wherever it begins, however it is cut. */
TASK_TEST(until_any_takes_the_shortest)
{
    static const struct coil_separator seps[] = {
        {"\r\n", 2}, {"\n", 1}, {"END", 3}, {"xENDy", 5}, {"D!", 2}};
    static const struct {
        const char *pieces[8];
        const char *whole;
        size_t which;
    } rows[] = {
        {{"abc\n"}, "abc\n", 1},
        {{"abc\r\n"}, "abc\r\n", 0}, /* the longest of those that end there */
        {{"abc\r", "\n"}, "abc\r\n", 0},
        {{"a", "b\r", "c", "E", "N", "D"}, "ab\rcEND", 2},
        {{"xE", "NDy"}, "xEND", 2}, /* not the one that begins first */
        {{"xEND"}, "xEND", 2},
        {{"EN", "EN", "D!"}, "ENEND", 2},
        {{"!D", "!"}, "!D!", 4},
        {{"\n"}, "\n", 1},
    };
    char buf[64];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sender sender;
        struct coil_task *task = start_sender(&sender, peer, rows[i].pieces);
        ssize_t size = (ssize_t)strlen(rows[i].whole);
        size_t which = 99;

        CHECK_INT(coil_stream_read_until_any(stream, seps, 5, buf, sizeof buf, &which), ==, size);
        CHECK_MEM(buf, rows[i].whole, (size_t)size);
        CHECK_INT(which, ==, rows[i].which);
        CHECK_OK(coil_await(task));
        while (coil_stream_try_read(stream, buf, sizeof buf) > 0) { /* what is behind it */
        }
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* Every way to cut a text in two: the same parts. */
TASK_TEST(until_any_does_not_depend_on_the_pieces)
{
    static const struct coil_separator seps[] = {{"aab", 3}, {"ba", 2}, {"ccc", 3}};
    static const char text[] = "aaabacaccccccbaaab";
    static const char *const parts[] = {"aaab", "acaccc", "ccc", "ba"};
    char buf[64];

    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        char head[32] = "";
        const char *pieces[3] = {NULL};
        struct coil_task *task;
        struct sender sender;
        int peer;
        struct coil_stream *stream = open_half(NULL, &peer);

        memcpy(head, text, cut);
        pieces[0] = cut > 0 ? head : text;
        pieces[1] = cut > 0 ? text + cut : NULL;
        task = start_sender(&sender, peer, pieces);
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            ssize_t size = (ssize_t)strlen(parts[i]);

            CHECK_INT(coil_stream_read_until_any(stream, seps, 3, buf, sizeof buf, NULL), ==, size);
            CHECK_MEM(buf, parts[i], (size_t)size);
        }
        CHECK_OK(coil_await(task));
        CHECK_OK(coil_close(peer));
        CHECK_INT(coil_stream_read_until_any(stream, seps, 3, buf, sizeof buf, NULL), ==, 3);
        CHECK_MEM(buf, "aab", 3);
        CHECK_OK(coil_stream_close(stream));
    }
    return 0;
}

/* Beyond the limit, at the end, and after a cancel all of it stays; misuse is named. */
TASK_TEST(until_any_that_fails_keeps_the_data)
{
    static const struct coil_separator seps[] = {{"AAA", 3}, {"B", 1}};
    const struct coil_separator bad[] = {{"A", 1}, {"", 0}, {NULL, 1}};
    struct coil_stream_options options = {.limit = 8};
    size_t which = 7;
    char buf[64];
    int peer;
    struct coil_stream *stream = open_half(&options, &peer);

    CHECK_ERR(coil_stream_read_until_any(stream, NULL, 1, buf, 8, NULL), -EINVAL);
    CHECK_ERR(coil_stream_read_until_any(stream, seps, 0, buf, 8, NULL), -EINVAL);
    CHECK_ERR(coil_stream_read_until_any(stream, seps, 2, NULL, 8, NULL), -EINVAL);
    CHECK_ERR(coil_stream_read_until_any(stream, bad, 2, buf, 8, NULL), -EINVAL);
    CHECK_ERR(coil_stream_read_until_any(stream, bad + 2, 1, buf, 8, NULL), -EINVAL);
    send_text(peer, "12345678B");
    CHECK_ERR(coil_stream_read_until_any(stream, seps, 2, buf, sizeof buf, &which), -COIL_ELIMIT);
    check_rest(stream, "1234");
    CHECK_ERR(coil_stream_read_until_any(stream, seps, 2, buf, 4, &which), -COIL_ELIMIT);
    CHECK_INT(coil_stream_read_until_any(stream, seps, 2, buf, 5, NULL), ==, 5);
    send_text(peer, "AA");
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_stream_read_until_any(stream, seps, 2, buf, sizeof buf, &which), -ETIMEDOUT);
    }
    CHECK_OK(coil_close(peer));
    CHECK_ERR(coil_stream_read_until_any(stream, seps, 2, buf, sizeof buf, &which),
              -COIL_EINCOMPLETE);
    CHECK_INT(which, ==, 7);
    check_rest(stream, "AA");
    CHECK_OK(coil_stream_close(stream));
    return 0;
}

/* What comes behind the separator stays, and so does all when there is none before the end. */
TASK_TEST(until_leaves_the_rest)
{
    char buf[64];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    send_text(peer, "lineAAAxxxAA");
    CHECK_INT(coil_stream_read_until(stream, "AAA", 3, buf, sizeof buf), ==, 7);
    CHECK_MEM(buf, "lineAAA", 7);
    CHECK_OK(coil_close(peer));
    CHECK_ERR(coil_stream_read_until(stream, "AAA", 3, buf, sizeof buf), -COIL_EINCOMPLETE);
    CHECK(!coil_stream_at_eof(stream));
    check_rest(stream, "xxxAA");
    CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 0);
    CHECK(coil_stream_at_eof(stream));
    CHECK_OK(coil_stream_close(stream));
    return 0;
}

/* F3: beyond the limit, whether the separator is there or not: the data stays. */
TASK_TEST(until_beyond_the_limit_keeps_the_data)
{
    struct coil_stream_options options = {.limit = 3};
    const char *data;
    char buf[64];
    int peer;
    struct coil_stream *stream = open_half(&options, &peer);

    send_text(peer, "some dataAA");
    CHECK_ERR(coil_stream_read_until(stream, "AAA", 3, buf, sizeof buf), -COIL_ELIMIT);
    send_text(peer, "A");
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_ERR(coil_stream_read_until(stream, "AAA", 3, buf, sizeof buf), -COIL_ELIMIT);
    CHECK_INT(coil_stream_peek(stream, 3, &data), >=, 3);
    CHECK_MEM(data, "som", 3);
    check_rest(stream, "some dataAAA");
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* Reading and lines take turns. */
TASK_TEST(line_then_bytes_then_line)
{
    char buf[64];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    send_text(peer, "line1\nline2\nline3\n");
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 6);
    CHECK_INT(coil_stream_read(stream, buf, 7), ==, 7);
    CHECK_MEM(buf, "line2\nl", 7);
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 5);
    CHECK_STR(buf, "ine3\n");
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* The end is told when it was received and all before it was read, not sooner. */
TASK_TEST(line_at_the_end)
{
    char buf[64];
    int peer;
    struct coil_stream *stream = open_half(NULL, &peer);

    CHECK(!coil_stream_at_eof(stream));
    send_text(peer, "some data\n");
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 10);
    CHECK(!coil_stream_at_eof(stream));
    send_text(peer, "some more");
    CHECK_OK(coil_close(peer));
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 9);
    CHECK_STR(buf, "some more");
    CHECK(coil_stream_at_eof(stream));
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 0);
    CHECK_STR(buf, "");
    CHECK_OK(coil_stream_close(stream));
    return 0;
}

/* A limit bounds what is looked through, not what plain reads take. */
TASK_TEST(bytes_may_exceed_the_limit)
{
    struct coil_stream_options options = {.limit = 3};
    char buf[64];
    int peer;
    struct coil_stream *stream = open_half(&options, &peer);

    send_text(peer, "chunk");
    CHECK_INT(coil_stream_read(stream, buf, 5), ==, 5);
    CHECK_MEM(buf, "chunk", 5);
    send_text(peer, "chunk, and more");
    CHECK_INT(coil_stream_read_exactly(stream, buf, 5, NULL), ==, 5);
    CHECK_MEM(buf, "chunk", 5);
    check_rest(stream, ", and more");
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* The line is the limit long, its end included; one byte more is too much. */
TASK_TEST(line_limit_is_strict)
{
    struct coil_stream_options options = {.limit = 7};
    char buf[64];
    int peer;
    struct coil_stream *stream = open_half(&options, &peer);

    send_text(peer, "123456\n1234567\n");
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 7);
    CHECK_STR(buf, "123456\n");
    CHECK_ERR(coil_stream_read_line(stream, buf, sizeof buf), -COIL_ELIMIT);
    CHECK_ERR(coil_stream_read_line(stream, buf, sizeof buf), -COIL_ELIMIT); /* it is still there */
    check_rest(stream, "1234567\n");
    send_text(peer, "x\n");
    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 2); /* and on it goes */
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(peer));
    return 0;
}

/* --- errors --- */

struct reader {
    struct coil_stream *stream;
    ssize_t rc;
};

static int read_a_line(void *arg)
{
    struct reader *reader = arg;
    char buf[64];

    reader->rc = coil_stream_read_line(reader->stream, buf, sizeof buf);
    return 0;
}

/* A task that waits for a line hears of the error, though no line has come. */
TASK_TEST(line_that_a_reset_cuts_off)
{
    struct reader reader = {.rc = 1};
    struct coil_task *task;
    int peer;

    reader.stream = open_half(NULL, &peer);
    task = coil_create_task(read_a_line, &reader);
    send_text(peer, "no end");
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK(!coil_task_is_done(task));
    reset_peer(reader.stream, peer);
    CHECK_OK(coil_await(task));
    CHECK_ERR(reader.rc, -ECONNRESET);
    coil_stream_abort(reader.stream);
    return 0;
}

/* The same when it was cancelled before: nobody is told then, but the next call is. */
TASK_TEST(line_reader_cancelled_before_a_reset)
{
    struct reader reader = {.rc = 1};
    struct coil_task *task;
    int peer;

    reader.stream = open_half(NULL, &peer);
    task = coil_create_task(read_a_line, &reader);
    CHECK_OK(coil_sleep(COIL_MSEC));
    coil_cancel(task);
    CHECK_OK(coil_await(task));
    CHECK_ERR(reader.rc, -ECANCELED);
    reset_peer(reader.stream, peer);
    CHECK_OK(read_a_line(&reader));
    CHECK_ERR(reader.rc, -ECONNRESET);
    coil_stream_abort(reader.stream);
    return 0;
}
