/* Files sent into streams and sockets between other data, and where the position is then (E14). */
#include "fault.h"
#include "files.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"

enum { FILE_SIZE = 256 * 1024 + 1, EDGE = 8 * 1024 };

struct sink {
    struct coil_stream *stream;
    char *bytes;
    size_t room;
    size_t got;
};

/* Reads to the end. */
static int drink(void *arg)
{
    struct sink *sink = arg;
    ssize_t n = 1;

    while (n > 0 && sink->got < sink->room) {
        n = coil_stream_read(sink->stream, sink->bytes + sink->got, sink->room - sink->got);
        sink->got += n > 0 ? (size_t)n : 0;
    }
    return n < 0 ? (int)n : 0;
}

static char received[FILE_SIZE + 2 * EDGE + 1];

static struct coil_task *start_sink(struct sink *sink, struct coil_stream *stream)
{
    *sink = (struct sink){.stream = stream, .bytes = received, .room = sizeof received};
    return test_made(coil_create_task(drink, sink));
}

/* E14: data before it and data behind it come in order; the position is behind the file. */
TASK_TEST(sendfile_between_other_data)
{
    static char before[EDGE];
    static char after[EDGE];
    struct path path = make_file("file", FILE_SIZE);
    int file = open(path.text, O_RDONLY);
    struct coil_stream *s[2];
    struct coil_task *task;
    struct sink sink;

    memset(before, 'P', EDGE);
    memset(after, 'S', EDGE);
    open_streams(NULL, s);
    task = start_sink(&sink, s[1]);
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_stream_write(s[0], before, EDGE), ==, EDGE);
        CHECK_INT(coil_stream_sendfile(s[0], file, NULL, SIZE_MAX), ==, FILE_SIZE);
        CHECK_INT(coil_stream_write(s[0], after, EDGE), ==, EDGE);
        CHECK_OK(coil_stream_close(s[0]));
        CHECK_OK(coil_await(task));
    }
    CHECK_INT(sink.got, ==, FILE_SIZE + 2 * EDGE);
    CHECK_MEM(received, before, EDGE);
    CHECK(is_content(received + EDGE, FILE_SIZE, 0));
    CHECK_MEM(received + EDGE + FILE_SIZE, after, EDGE);
    CHECK_INT(lseek(file, 0, SEEK_CUR), ==, FILE_SIZE);
    CHECK_OK(coil_stream_close(s[1]));
    close(file);
    return 0;
}

struct flow {
    int fd;
    size_t got;
    bool is_right;
};

static int receive_mixed(void *arg)
{
    struct flow *flow = arg;
    char buf[4096];
    ssize_t n;

    flow->is_right = true;
    while ((n = coil_recv(flow->fd, buf, sizeof buf, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++, flow->got++) {
            size_t place = flow->got;
            char expected = place < EDGE               ? 'P'
                            : place < EDGE + FILE_SIZE ? (char)((place - EDGE) % 251)
                                                       : 'S';

            flow->is_right = flow->is_right && buf[i] == expected;
        }
    }
    return (int)n;
}

/* The same with a bare socket. */
TASK_TEST(sendfile_between_sends_of_a_socket)
{
    static char edge[EDGE];
    struct path path = make_file("file", FILE_SIZE);
    int file = open(path.text, O_RDONLY);
    struct flow flow = {.got = 0};
    struct coil_task *task;
    int fds[2];

    open_fds(fds);
    flow.fd = fds[1];
    task = test_made(coil_create_task(receive_mixed, &flow));
    memset(edge, 'P', EDGE);
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_send_all(fds[0], edge, EDGE), ==, EDGE);
        CHECK_INT(coil_sendfile(fds[0], file, NULL, SIZE_MAX), ==, FILE_SIZE);
        memset(edge, 'S', EDGE);
        CHECK_INT(coil_send_all(fds[0], edge, EDGE), ==, EDGE);
        CHECK_OK(coil_close(fds[0]));
        CHECK_OK(coil_await(task));
    }
    CHECK_INT(flow.got, ==, FILE_SIZE + 2 * EDGE);
    CHECK(flow.is_right);
    CHECK_INT(lseek(file, 0, SEEK_CUR), ==, FILE_SIZE);
    CHECK_OK(coil_close(fds[1]));
    close(file);
    return 0;
}

/* A part of it, and a file in which there is nothing. */
TASK_TEST(sendfile_of_a_part_and_of_nothing)
{
    struct path path = make_file("file", FILE_SIZE);
    struct path empty = make_text("empty", "");
    int files[2] = {open(path.text, O_RDONLY), open(empty.text, O_RDONLY)};
    struct coil_stream *s[2];
    struct coil_task *task;
    struct sink sink;
    int64_t offset = 1000;

    open_streams(NULL, s);
    task = start_sink(&sink, s[1]);
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_stream_sendfile(s[0], files[0], &offset, 100), ==, 100);
        CHECK_INT(offset, ==, 1100);
        CHECK_INT(coil_stream_sendfile(s[0], files[1], NULL, SIZE_MAX), ==, 0);
        CHECK_INT(coil_stream_sendfile(s[0], files[0], &offset, 1), ==,
                  1); /* it is as usable as ever */
        CHECK_OK(coil_stream_close(s[0]));
        CHECK_OK(coil_await(task));
    }
    CHECK_INT(sink.got, ==, 101);
    CHECK(is_content(received, 101, 1000));
    CHECK_OK(coil_stream_close(s[1]));
    close(files[0]);
    close(files[1]);
    return 0;
}

/* The peer closes when it has all: that is no error of the transfer. */
TASK_TEST(sendfile_to_a_peer_that_closes_when_it_has_all)
{
    struct path path = make_file("file", FILE_SIZE);
    int file = open(path.text, O_RDONLY);
    struct coil_stream *s[2];
    struct coil_task *task;
    struct sink sink;
    int64_t offset = 0;

    open_streams(NULL, s);
    task = start_sink(&sink, s[1]);
    sink.room = FILE_SIZE; /* and no byte more */
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_stream_sendfile(s[0], file, &offset, SIZE_MAX), ==, FILE_SIZE);
        CHECK_OK(coil_await(task));
    }
    CHECK_OK(coil_stream_close(s[1]));
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_INT(sink.got, ==, FILE_SIZE);
    CHECK(is_content(received, FILE_SIZE, 0));
    CHECK_INT(offset, ==, FILE_SIZE);
    close(file);
    return 0;
}

/* Where the system call is not to be had, it is read and written, with the same result. */
TASK_TEST(sendfile_without_the_system_call)
{
    struct path path = make_file("file", FILE_SIZE);
    int file = open(path.text, O_RDONLY);
    struct coil_stream *s[2];
    struct coil_task *task;
    struct sink sink;
    int64_t offset = 0;

    open_streams(NULL, s);
    task = start_sink(&sink, s[1]);
    fault_syscall_named("sendfile64", 1, EINVAL);
    CHECK_INT(coil_stream_sendfile(s[0], file, &offset, SIZE_MAX), ==, FILE_SIZE);
    fault_off();
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.got, ==, FILE_SIZE);
    CHECK(is_content(received, FILE_SIZE, 0));
    CHECK_INT(offset, ==, FILE_SIZE);
    CHECK_OK(coil_stream_close(s[1]));
    close(file);
    return 0;
}
