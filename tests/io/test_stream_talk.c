/* Connections from their first byte to their end: a request, its answer, and who closes first. */
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <unistd.h>

/* --- a server that answers a request --- */

static int answer(struct coil_stream *stream, void *user)
{
    static const char head[] = "HTTP/1.0 200 OK\r\n";
    static const char body[] = "Content-Type: text/plain\r\n\r\nTest message";
    char buf[64];
    ssize_t n;

    ++*(int *)user;
    do { /* the request ends with an empty line */
        n = coil_stream_read_line(stream, buf, sizeof buf);
    } while (n > 2);
    n = n < 0 ? n : coil_stream_write(stream, head, sizeof head - 1);
    n = n < 0 ? n : coil_stream_write(stream, body, sizeof body - 1);
    return n < 0 ? (int)n : coil_stream_close(stream);
}

static struct coil_stream *ask(const char *host, const struct coil_server *server)
{
    static const char request[] = "GET / HTTP/1.0\r\nHost: example.com\r\n\r\n";
    int port = strncmp(host, "unix:", 5) == 0 ? 0 : coil_server_get_port(server);
    struct coil_stream *stream = NULL;

    CHECK_OK(coil_open_connection(host, (uint16_t)port, NULL, &stream));
    CHECK_INT(coil_stream_write(stream, request, sizeof request - 1), ==, sizeof request - 1);
    return stream;
}

static void expect_head(struct coil_stream *stream)
{
    char buf[64] = "";

    CHECK_INT(coil_stream_read_line(stream, buf, sizeof buf), ==, 17);
    CHECK_STR(buf, "HTTP/1.0 200 OK\r\n");
}

static void expect_body(struct coil_stream *stream)
{
    char buf[128] = "";
    size_t size = 0;

    CHECK_ERR(coil_stream_read_exactly(stream, buf, sizeof buf, &size), -COIL_EINCOMPLETE);
    CHECK_INT(size, ==, 40);
    CHECK_MEM(buf + size - 12, "Test message", 12);
    CHECK(coil_stream_at_eof(stream));
}

static void talk(const char *host)
{
    struct coil_server *server = NULL;
    struct coil_stream *stream;
    struct heard heard = {0};
    int clients = 0;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_OK(coil_start_server(host, 0, NULL, answer, &clients, &server));
    for (int i = 0; i < 2; i++) {
        stream = ask(host, server);
        expect_head(stream);
        if (i == 0) { /* the other time it is closed with all that was not read */
            expect_body(stream);
        }
        CHECK_OK(coil_stream_close(stream));
        CHECK_ERR(coil_stream_close(stream), -COIL_ECLOSED);
    }
    CHECK_OK(coil_server_close(server));
    CHECK_INT(clients, ==, 2);
    CHECK_INT(heard.count, ==, 0); /* nobody has anything to complain of */
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), NULL, NULL));
}

TASK_TEST(talk_over_tcp)
{
    talk("127.0.0.1");
    return 0;
}

TASK_TEST(talk_over_a_unix_socket)
{
    char path[256] = "unix:";

    test_temp_path(path + 5, sizeof path - 5, "socket");
    talk(path);
    unlink(path + 5);
    return 0;
}

static int break_off(struct coil_stream *stream, void *user)
{
    CHECK_INT(coil_poll(coil_stream_get_fd(stream), POLLIN), ==, POLLIN);
    *(bool *)user = true;
    coil_stream_abort(stream); /* with what was not read */
    return 0;
}

/* The connection breaks off: the reader hears of that, and nothing is reported. */
TASK_TEST(talk_over_a_unix_socket_that_breaks_off)
{
    struct coil_server *server = NULL;
    struct coil_stream *stream = NULL;
    struct heard heard = {0};
    bool has_broken = false;
    char path[256] = "unix:";
    char buf[8];

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    test_temp_path(path + 5, sizeof path - 5, "socket");
    CHECK_OK(coil_start_server(path, 0, NULL, break_off, &has_broken, &server));
    stream = ask(path, server);
    CHECK_ERR(coil_stream_read(stream, buf, sizeof buf), -ECONNRESET);
    CHECK(has_broken);
    coil_stream_abort(stream);
    CHECK_OK(coil_server_close(server));
    CHECK_INT(heard.count, ==, 0);
    return coil_loop_set_error_handler(coil_loop_current(), NULL, NULL);
}

/* --- a peer that has gone --- */

static int accept_and_close(struct coil_stream *stream, void *user)
{
    (void)user;
    return coil_stream_close(stream);
}

/* One that writes and drains for ever comes to an end, though it never has to wait. */
TASK_TEST(talk_to_a_peer_that_closes_at_once)
{
    struct coil_server *server = NULL;
    struct coil_stream *stream = NULL;
    struct heard heard = {0};
    ssize_t rc = 0;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_OK(coil_start_server("127.0.0.1", 0, NULL, accept_and_close, NULL, &server));
    CHECK_OK(
        coil_open_connection("127.0.0.1", (uint16_t)coil_server_get_port(server), NULL, &stream));
    coil_timeout(PATIENCE) {
        while (rc >= 0) {
            rc = coil_stream_write(stream, "foo\n", 4);
            rc = rc < 0 ? rc : coil_stream_drain(stream);
        }
    }
    CHECK(rc == -EPIPE || rc == -ECONNRESET);
    CHECK_ERR(coil_stream_drain(stream), (int)rc);
    CHECK_INT(coil_stream_close(stream), <=, 0);
    CHECK_OK(coil_server_close(server));
    CHECK_INT(heard.count, ==, 0);
    return coil_loop_set_error_handler(coil_loop_current(), NULL, NULL);
}

/* What is read and written after the close is nobody's any more. */
TASK_TEST(talk_after_the_close)
{
    struct coil_stream *s[2];
    const char *data;
    char byte;

    open_streams(NULL, s);
    CHECK_INT(coil_stream_write(s[1], "unread", 6), ==, 6);
    CHECK_INT(coil_stream_peek(s[0], 6, &data), ==, 6);
    CHECK_OK(coil_stream_close(s[0])); /* with what was not read */
    CHECK_ERR(coil_stream_write(s[0], "x", 1), -COIL_ECLOSED);
    CHECK_ERR(coil_stream_drain(s[0]), -COIL_ECLOSED);
    CHECK_ERR(coil_stream_read(s[0], &byte, 1), -COIL_ECLOSED);
    CHECK(coil_stream_at_eof(s[0]));
    coil_stream_abort(s[1]);
    return 0;
}

static int fail_at_once(struct coil_stream *stream, void *user)
{
    (void)stream;
    return *(int *)user;
}

/* F6: its error is reported, and its connection is closed. */
TASK_TEST(talk_to_a_client_function_that_fails)
{
    struct coil_server *server = NULL;
    struct coil_stream *stream = NULL;
    struct heard heard = {0};
    int error = -EIO;
    char byte;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_OK(coil_start_server("127.0.0.1", 0, NULL, fail_at_once, &error, &server));
    CHECK_OK(
        coil_open_connection("127.0.0.1", (uint16_t)coil_server_get_port(server), NULL, &stream));
    CHECK_INT(coil_stream_read(stream, &byte, 1), ==, 0);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(server));
    CHECK_INT(heard.count, ==, 1);
    CHECK_ERR(heard.error, -EIO);
    return coil_loop_set_error_handler(coil_loop_current(), NULL, NULL);
}

/* --- a server that is ended by its own client --- */

struct closing {
    struct coil_task *main;
    const char *host;
    struct coil_server *server;
    struct coil_event is_open;
    int rc;
};

static int cancel_and_answer(struct coil_stream *stream, void *user)
{
    struct closing *closing = user;
    char buf[8192];
    ssize_t n = coil_stream_read_line(stream, buf, sizeof buf);

    CHECK_INT(coil_cancel(closing->main), ==, 1);
    coil_shield {
        n = n < 0 ? n : coil_stream_write(stream, "1", 1);
        n = n < 0 ? n : coil_stream_close(stream);
    }
    return (int)n;
}

/* Starts, serves until it is cancelled, closes. */
static int serve(void *arg)
{
    struct closing *closing = arg;
    int rc =
        coil_start_server(closing->host, 0, NULL, cancel_and_answer, closing, &closing->server);

    coil_event_set(&closing->is_open);
    if (rc < 0) {
        return rc;
    }
    closing->rc = coil_serve_forever(closing->server);
    return coil_server_close(closing->server);
}

static void end_by_a_client(const char *host)
{
    static const char fives[5 * 1024] = {0};
    struct closing closing = {.host = host, .rc = 1};
    struct coil_stream *stream = NULL;
    char buf[8] = "";
    int port;

    closing.main = coil_create_task(serve, &closing);
    CHECK_OK(coil_event_wait(&closing.is_open));
    port = strncmp(host, "unix:", 5) == 0 ? 0 : coil_server_get_port(closing.server);
    CHECK_OK(coil_open_connection(host, (uint16_t)port, NULL, &stream));
    CHECK_INT(coil_stream_write(stream, fives, sizeof fives), ==, sizeof fives);
    CHECK_INT(coil_stream_write(stream, "\n", 1), ==, 1);
    CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 1); /* it is answered all the same */
    CHECK_MEM(buf, "1", 1);
    CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 0);
    CHECK_ERR(coil_await(closing.main), -ECANCELED);
    CHECK_ERR(closing.rc, -ECANCELED);
    CHECK_ERR(coil_serve_forever(closing.server), -COIL_ECLOSED);
    CHECK_OK(coil_stream_close(stream));
}

TASK_TEST(talk_that_ends_the_server)
{
    char path[256] = "unix:";

    end_by_a_client("127.0.0.1");
    test_temp_path(path + 5, sizeof path - 5, "socket");
    end_by_a_client(path);
    CHECK_INT(access(path + 5, F_OK), ==, -1); /* it has taken its file away */
    return 0;
}
