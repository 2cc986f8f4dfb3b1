/* Several pieces in one write, and descriptors that a stream gives up. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "write_side.h"

#include <limits.h>
#include <unistd.h>

/* --- writev --- */

TASK_TEST(writev_keeps_the_pieces_together)
{
    static const size_t sizes[][4] = {
        {1, 2, 3, 4}, {0, 0, 0, 0}, {100, 0, 5000, 1}, {60000, 70000, 0, 200000}, {0, 0, 0, 9}};
    struct coil_stream *s[2];
    struct coil_task *task;
    struct sink sink;
    size_t total = 0;

    open_all(NULL, s);
    task = start_sink(&sink, s[1]);
    for (int i = 0; i < 5; i++) {
        struct iovec iov[4];
        size_t sum = 0;

        for (int piece = 0; piece < 4; piece++) {
            iov[piece] = (struct iovec){big + total + sum, sizes[i][piece]};
            sum += sizes[i][piece];
        }
        CHECK_INT(coil_stream_writev(s[0], iov, 4), ==, (int64_t)sum);
        total += sum;
    }
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.rc, ==, 0);
    CHECK_INT(sink.count, ==, (int64_t)total);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

struct vector_job {
    struct coil_stream *stream;
    struct iovec iov[2];
    ssize_t rc;
};

static int write_vector(void *arg)
{
    struct vector_job *job = arg;

    job->rc = coil_stream_writev(job->stream, job->iov, 2);
    return 0;
}

/* Of two at once, one goes first as a whole. */
TASK_TEST(writev_takes_its_turn)
{
    struct vector_job jobs[2];
    struct coil_task *tasks[2];
    struct coil_stream *s[2];
    static char got[2 * 300000];

    open_all(NULL, s);
    for (int i = 0; i < 2; i++) {
        jobs[i] = (struct vector_job){
            .stream = s[0], .iov = {{big + i * 1000, 100000}, {big + i * 1000 + 100000, 200000}}};
        tasks[i] = coil_create_task(write_vector, &jobs[i]);
        yield_times(1);
    }
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_stream_read_exactly(s[1], got, sizeof got, NULL), ==, sizeof got);
    }
    CHECK_MEM(got, big, 300000);
    CHECK_MEM(got + 300000, big + 1000, 300000);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(coil_await(tasks[i]));
        CHECK_INT(jobs[i].rc, ==, 300000);
    }
    close_streams(s);
    return 0;
}

TASK_TEST(writev_is_cut_by_a_deadline)
{
    struct coil_stream_options options = {.high_water = 3000};
    struct coil_stream *s[2];
    struct coil_task *task;
    struct sink sink;
    struct iovec iov[2];
    size_t total;
    ssize_t rc = 0;

    open_all(&options, s);
    total = choke(s[0]);
    iov[0] = (struct iovec){big + total, 3000};
    iov[1] = (struct iovec){big + total + 3000, 3000};
    coil_timeout(test_moment_ns()) {
        rc = coil_stream_writev(s[0], iov, 2);
    }
    CHECK_MSG(rc == -ETIMEDOUT || (rc > 0 && rc < 6000), "%d", (int)rc);
    total += rc > 0 ? (size_t)rc : 0;
    task = start_sink(&sink, s[1]);
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, (int64_t)total);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

TASK_TEST(writev_of_lent_pieces_and_over_a_pair)
{
    struct coil_stream_options options = {.high_water = 2000};
    struct coil_stream *from[2];
    struct coil_stream *to[2];
    struct coil_task *task;
    const char *data = NULL;
    struct iovec iov[2];
    struct sink sink;

    fill_bytes(big, BIG);
    open_streams(NULL, from);
    CHECK_OK(coil_stream_pair(&options, to));
    CHECK_INT(coil_stream_write(from[0], big, 10000), ==, 10000);
    CHECK_INT(coil_stream_peek(from[1], 10000, &data), ==, 10000);
    iov[0] = (struct iovec){(void *)(uintptr_t)data, 5000};
    iov[1] = (struct iovec){big + 5000, 5000};
    task = start_sink(&sink, to[1]);
    CHECK_INT(coil_stream_writev(to[0], iov, 2), ==, 10000);
    CHECK_OK(coil_stream_close(to[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, 10000);
    CHECK_OK(coil_stream_close(to[1]));
    close_streams(from);
    return 0;
}

TASK_TEST(writev_errors)
{
    struct iovec iov[2] = {{big, 10}, {NULL, 1}};
    struct coil_stream *s[2];

    open_all(NULL, s);
    CHECK_ERR(coil_stream_writev(s[0], NULL, 1), -EINVAL);
    CHECK_ERR(coil_stream_writev(s[0], iov, 0), -EINVAL);
    CHECK_ERR(coil_stream_writev(s[0], iov, IOV_MAX + 1), -EINVAL);
    CHECK_ERR(coil_stream_writev(s[0], iov, 2), -EINVAL);
    iov[1] = (struct iovec){big, SSIZE_MAX};
    CHECK_ERR(coil_stream_writev(s[0], iov, 2), -EINVAL);
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_ERR(coil_stream_writev(s[0], iov, 1), -COIL_ECLOSED);
    close_streams(s);
    return 0;
}

/* --- detach --- */

TASK_TEST(detach_gives_the_descriptor_and_the_rest)
{
    struct coil_stream *stream;
    struct coil_stream *again = NULL;
    size_t rest = 77;
    char buf[64];
    int peer = -1;
    int fd;
    int rc;

    stream = open_half(NULL, &peer);
    fd = coil_stream_get_fd(stream);
    send_text(peer, "GET\nrest");
    CHECK_INT(coil_stream_read_until(stream, "\n", 1, buf, sizeof buf), ==, 4);
    CHECK_INT(coil_stream_write(stream, "bye", 3), ==, 3); /* goes out first */
    CHECK_ERR(coil_stream_detach(stream, buf, 3, &rest), -COIL_ELIMIT);
    CHECK_INT(rest, ==, 77);
    rc = coil_stream_detach(stream, buf, sizeof buf, &rest);
    CHECK_INT(rc, ==, fd);
    if (rc < 0) { /* a fault */
        coil_stream_abort(stream);
        close(peer);
        return 0;
    }
    CHECK_INT(rest, ==, 4);
    CHECK_MEM(buf, "rest", 4);
    CHECK_ERR(coil_stream_read(stream, buf, 1), -COIL_ECLOSED);
    CHECK_INT(coil_recv(peer, buf, sizeof buf, 0), ==, 3);
    send_text(peer, "more");
    CHECK_OK(coil_stream_open(fd, NULL, &again)); /* and it can be taken up again */
    CHECK_INT(coil_stream_read_exactly(again, buf, 4, NULL), ==, 4);
    CHECK_MEM(buf, "more", 4);
    CHECK_OK(coil_stream_close(again));
    CHECK_OK(coil_close(peer));
    return 0;
}

TASK_TEST(detach_when_it_cannot)
{
    struct coil_stream *s[2];
    struct coil_task *task;
    struct sink sink;
    size_t rest = 77;
    int rc = 0;

    open_all(NULL, s);
    CHECK_ERR(coil_stream_detach(s[0], NULL, 1, &rest), -EINVAL);
    CHECK_ERR(coil_stream_detach(s[0], NULL, 0, NULL), -EINVAL);
    task = start_sink(&sink, s[0]);
    yield_times(1);
    rc = coil_stream_detach(s[0], NULL, 0, &rest);
    CHECK_ERR(rc, -COIL_ECONCURRENT);
    if (rc >= 0) { /* a fault: there is no sink */
        close(rc);
    }
    coil_cancel(task);
    coil_await(task);
    choke(s[0]);
    coil_timeout(test_moment_ns()) {
        rc = coil_stream_detach(s[0], NULL, 0, &rest);
    }
    CHECK_ERR(rc, -ETIMEDOUT); /* it is still there */
    CHECK_INT(coil_stream_get_write_buffer_size(s[0]), >, 0);
    coil_stream_abort(s[0]);
    coil_stream_abort(s[1]);
    CHECK_OK(coil_stream_pair(NULL, s));
    CHECK_ERR(coil_stream_detach(s[0], NULL, 0, &rest), -EOPNOTSUPP);
    CHECK_INT(rest, ==, 77);
    close_streams(s);
    return 0;
}

/* In a server, the client's task goes on and may end; the connection stays. */
struct handover {
    int fd;
};

static int give_away(struct coil_stream *stream, void *user)
{
    struct handover *handover = user;
    size_t rest;

    handover->fd = coil_stream_detach(stream, NULL, 0, &rest);
    return 0;
}

TASK_TEST(detach_in_a_server)
{
    struct handover handover = {.fd = -1};
    struct coil_server *server = NULL;
    struct coil_stream *stream = NULL;
    char byte = 0;

    CHECK_OK(coil_start_server("127.0.0.1", 0, NULL, give_away, &handover, &server));
    CHECK_OK(
        coil_open_connection("127.0.0.1", (uint16_t)coil_server_get_port(server), NULL, &stream));
    coil_timeout(PATIENCE) {
        while (handover.fd < 0 && coil_sleep(COIL_MSEC) == 0) {
        }
    }
    CHECK_OK(coil_server_close(server));
    CHECK_INT(coil_send(handover.fd, "x", 1, 0), ==, 1);
    CHECK_INT(coil_stream_read(stream, &byte, 1), ==, 1);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_close(handover.fd));
    return 0;
}
