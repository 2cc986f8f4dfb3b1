/* In debug mode a call on a stream that is NULL or closed has a sentence too. */
#include "pair.h"
#include "told.h"

/* Opened and closed; NULL when that failed. */
static struct coil_stream *open_and_close(void)
{
    struct coil_stream *s[2] = {NULL, NULL};

    if (coil_stream_pair(NULL, s) < 0) {
        test_made(NULL);
        return NULL;
    }
    coil_stream_abort(s[0]);
    CHECK_OK(coil_stream_close(s[1]));
    CHECK_NOT_TOLD();
    return s[1];
}

static void call_all(struct coil_stream *stream, int error, const char *text)
{
    char buf[4] = "xyz";
    struct iovec part = {.iov_base = buf, .iov_len = 1};
    const char *data;
    size_t size;

    CHECK_TOLD(coil_stream_read(stream, buf, 1), error, text);
    CHECK_TOLD(coil_stream_try_read(stream, buf, 1), error, text);
    CHECK_TOLD(coil_stream_read_exactly(stream, buf, 1, NULL), error, text);
    CHECK_TOLD(coil_stream_peek(stream, 1, &data), error, text);
    CHECK_TOLD(coil_stream_consume(stream, 0), error, text);
    CHECK_TOLD(coil_stream_write(stream, "x", 1), error, text);
    CHECK_TOLD(coil_stream_writev(stream, &part, 1), error, text);
    CHECK_TOLD(coil_stream_drain(stream), error, text);
    CHECK_TOLD(coil_stream_flush(stream), error, text);
    CHECK_TOLD(coil_stream_write_eof(stream), error, text);
    CHECK_TOLD(coil_stream_get_fd(stream), error, text);
    CHECK_TOLD(coil_stream_detach(stream, NULL, 0, &size), error, text);
}

TOLD_TEST(sentence_stream_null)
{
    call_all(NULL, -EINVAL, "a stream is NULL");
    told.heard.count = 0;
    CHECK_OK(coil_stream_close(NULL)); /* these do nothing */
    coil_stream_abort(NULL);
    CHECK_NOT_TOLD();
    return 0;
}

TOLD_TEST(sentence_stream_closed)
{
    struct coil_stream *stream = open_and_close();

    if (stream) {
        call_all(stream, -COIL_ECLOSED, "a stream was used that is closed");
        CHECK_TOLD(coil_stream_close(stream), -COIL_ECLOSED, "is closed");
    }
    return 0;
}

static int read_one(void *arg)
{
    char byte;

    return (int)coil_stream_read(arg, &byte, 1);
}

/* Who was inside when it was closed has done nothing wrong. */
TOLD_TEST(sentence_none_about_a_reader_inside)
{
    struct coil_stream *s[2] = {NULL, NULL};
    struct coil_task *task;

    if (coil_stream_pair(NULL, s) < 0) {
        test_made(NULL);
        return 0;
    }
    task = coil_create_task(read_one, s[0]);
    yield_times(1);
    coil_stream_abort(s[0]);
    CHECK_ERR(coil_await(task), -COIL_ECLOSED);
    CHECK_OK(coil_stream_close(s[1]));
    CHECK_NOT_TOLD();
    return 0;
}

static int close_itself(struct coil_stream *stream, void *user)
{
    (void)user;
    return coil_stream_close(stream);
}

/* A server's client may close its stream, or leave that to the server. */
TOLD_TEST(sentence_none_about_a_servers_clients)
{
    static const struct coil_server_options defaults;
    struct coil_server *server = NULL;
    struct coil_stream *stream = NULL;
    char byte;

    if (coil_start_server("127.0.0.1", 0, &defaults, close_itself, NULL, &server) < 0) {
        test_made(NULL);
        return 0;
    }
    CHECK_OK(
        coil_open_connection("127.0.0.1", (uint16_t)coil_server_get_port(server), NULL, &stream));
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_stream_read(stream, &byte, 1), ==, 0);
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(server));
    CHECK_NOT_TOLD();
    return 0;
}
