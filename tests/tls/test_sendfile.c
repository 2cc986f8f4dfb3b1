/* Files sent over TLS, by reading and writing, and where the position is then (E14, E15). */
#include "../io/files.h"
#include "fault.h"
#include "tls_pair.h"

enum { FILE_SIZE = 256 * 1024 + 1, EDGE = 8 * 1024 };

struct sink {
    struct coil_stream *stream;
    size_t wanted; /* then it reads no more */
    size_t got;
    int rc;
    char bytes[FILE_SIZE + 2 * EDGE];
};

static int drink(void *arg)
{
    struct sink *sink = arg;
    ssize_t n = 1;

    while (n > 0 && sink->got < sink->wanted) {
        n = coil_stream_read(sink->stream, sink->bytes + sink->got, sink->wanted - sink->got);
        sink->got += n > 0 ? (size_t)n : 0;
    }
    return n < 0 ? (int)n : 0;
}

struct scene {
    struct cast cast;
    struct end ends[2];
    int file;
    struct sink sink;
    struct coil_task *task;
};

static struct scene scene;

/* wanted: so much does the client read. */
static struct coil_stream *open_scene(size_t wanted)
{
    struct path path = make_file("file", FILE_SIZE);

    make_cast(&scene.cast);
    open_pair(&scene.cast, NULL, NULL, scene.ends);
    scene.file = open(path.text, O_RDONLY);
    scene.sink.stream = scene.ends[CLIENT].stream;
    scene.sink.wanted = wanted;
    scene.task = coil_create_task(drink, &scene.sink);
    return scene.ends[SERVER].stream;
}

/* All that was wanted has come. */
static void close_scene(void)
{
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_await(scene.task));
    }
    CHECK_INT(scene.sink.got, ==, scene.sink.wanted);
    close_pair(scene.ends);
    close(scene.file);
    free_cast(&scene.cast);
}

TASK_TEST(sendfile_over_tls)
{
    struct coil_stream *stream = open_scene(FILE_SIZE);

    CHECK_INT(coil_stream_sendfile(stream, scene.file, NULL, SIZE_MAX), ==, FILE_SIZE);
    CHECK_INT(lseek(scene.file, 0, SEEK_CUR), ==, FILE_SIZE);
    close_scene();
    CHECK(is_content(scene.sink.bytes, FILE_SIZE, 0));
    return 0;
}

TASK_TEST(sendfile_over_tls_between_other_data)
{
    static char before[EDGE], after[EDGE];
    struct coil_stream *stream = open_scene(FILE_SIZE + 2 * EDGE);

    memset(before, 'P', EDGE);
    memset(after, 'S', EDGE);
    CHECK_INT(coil_stream_write(stream, before, EDGE), ==, EDGE);
    CHECK_INT(coil_stream_sendfile(stream, scene.file, NULL, SIZE_MAX), ==, FILE_SIZE);
    CHECK_INT(coil_stream_write(stream, after, EDGE), ==, EDGE);
    close_scene();
    CHECK_MEM(scene.sink.bytes, before, EDGE);
    CHECK(is_content(scene.sink.bytes + EDGE, FILE_SIZE, 0));
    CHECK_MEM(scene.sink.bytes + EDGE + FILE_SIZE, after, EDGE);
    return 0;
}

TASK_TEST(sendfile_over_tls_of_a_part)
{
    struct coil_stream *stream = open_scene(1100);
    int64_t offset = 1000;

    CHECK_INT(coil_stream_sendfile(stream, scene.file, &offset, 1000), ==, 1000);
    CHECK_INT(offset, ==, 2000);
    CHECK_INT(coil_stream_sendfile(stream, scene.file, NULL, 100), ==, 100);
    CHECK_INT(lseek(scene.file, 0, SEEK_CUR), ==, 100);
    close_scene();
    CHECK(is_content(scene.sink.bytes, 1000, 1000));
    CHECK(is_content(scene.sink.bytes + 1000, 100, 0));
    return 0;
}

/* The peer closes when it has all: that is no error. */
TASK_TEST(sendfile_over_tls_to_a_peer_that_closes_when_it_has_all)
{
    struct coil_stream *stream = open_scene(FILE_SIZE);
    struct coil_task *closer;
    char byte;

    CHECK_INT(coil_stream_sendfile(stream, scene.file, NULL, SIZE_MAX), ==, FILE_SIZE);
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_await(scene.task));
        closer = coil_create_task(run_close, scene.ends[CLIENT].stream);
        CHECK_ERR(coil_stream_read(stream, &byte, 1), 0);
        CHECK_OK(coil_stream_close(stream));
        CHECK_OK(coil_await(closer));
    }
    CHECK_INT(scene.sink.got, ==, FILE_SIZE);
    free_contexts(scene.ends);
    close(scene.file);
    free_cast(&scene.cast);
    return 0;
}

/* Sends it again and again. */
static int send_on(void *arg)
{
    ssize_t n = 0;

    while (n >= 0) {
        int64_t offset = 0;

        n = coil_stream_sendfile(arg, scene.file, &offset, SIZE_MAX);
        CHECK_INT(offset, ==, n < 0 ? 0 : n);
    }
    return (int)n;
}

/* The peer leaves in the middle, and the sender is told. */
TASK_TEST(sendfile_over_tls_to_a_peer_that_leaves)
{
    struct coil_stream *stream = open_scene(EDGE);
    struct coil_task *sender = coil_create_task(send_on, stream);
    int n = 0;

    coil_timeout(PATIENCE) {
        CHECK_OK(coil_await(scene.task));
        coil_stream_abort(scene.ends[CLIENT].stream);
        n = coil_await(sender);
    }
    CHECK_MSG(n == -EPIPE || n == -ECONNRESET, "%s", coil_errname(n));
    CHECK_ERR(coil_stream_write(stream, "x", 1), n);
    coil_stream_abort(stream);
    free_contexts(scene.ends);
    close(scene.file);
    free_cast(&scene.cast);
    return 0;
}
