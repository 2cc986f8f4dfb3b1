/* Files that change while they are sent, clients that go or wait, cancels, and runs without memory
 * or with failing system calls. */
#include "fault.h"
#include "files_talk.h"

enum { SIZE = 200 * 1024, HALF = 100 * 1024 };

static int piece_rc;
static int file;

static void make_site(void)
{
    put_folder("site");
    make_file("site/data", SIZE);
    change_time(path_of("site/data"), CHANGED);
    put_text("site/a.txt", "text");
    put_text("site/a.txt.gz", "gz");
    file = open(path_of("site/data").text, O_RDONLY);
    open_site(NULL);
}

static void leave_site(void)
{
    close(file);
    close_site();
}

/* --- files that change --- */

/* Half of it is sent when it becomes shorter. */
static int send_while_it_shrinks(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, SIZE));
    CHECK_OK(coil_http_write_file(exchange, file, 0, HALF));
    CHECK_INT(truncate(path_of("site/data").text, HALF + 10), ==, 0);
    piece_rc = coil_http_write_file(exchange, file, HALF, HALF);
    return piece_rc;
}

/* The client sees that it is not whole (RFC 9112, section 8). */
TASK_TEST(file_that_shrinks)
{
    make_site();
    ask_with(send_while_it_shrinks, "GET", "/", "");
    CHECK_ERR(piece_rc, -COIL_EINCOMPLETE);
    CHECK_ERR(talk.rc, -ECONNABORTED);
    CHECK_LINE("Content-Length: 204800");
    CHECK_INT(answered_size(), <, SIZE);
    CHECK_INT(talk.heard.count, ==, 1);
    CHECK_ERR(talk.heard.error, -COIL_EINCOMPLETE);
    leave_site();
    return 0;
}

static int send_small_that_shrinks(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, 10000));
    CHECK_INT(truncate(path_of("site/data").text, 100), ==, 0);
    piece_rc = coil_http_write_file(exchange, file, 0, 10000);
    return piece_rc;
}

TASK_TEST(small_file_that_shrinks)
{
    make_site();
    ask_with(send_small_that_shrinks, "GET", "/", "");
    CHECK_ERR(piece_rc, -COIL_EINCOMPLETE);
    CHECK_ERR(talk.rc, -ECONNABORTED);
    CHECK_INT(answered_size(), <=, 100);
    leave_site();
    return 0;
}

/* Over a socket it is reset, or its end comes early. */
TASK_TEST(file_that_shrinks_over_a_socket)
{
    struct coil_http_server *server = NULL;
    ssize_t n = 1;

    make_site();
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &talk.heard));
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, send_while_it_shrinks, NULL, &server));
    CHECK_OK(coil_open_connection("127.0.0.1", (uint16_t)coil_http_server_get_port(server), NULL,
                                  &talk.client));
    say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    talk.size = 0;
    coil_timeout(PATIENCE) {
        while (n > 0) {
            n = coil_stream_read(talk.client, talk.answer + talk.size, ANSWER_ROOM - 1 - talk.size);
            talk.size += n > 0 ? (size_t)n : 0;
        }
    }
    CHECK(n == 0 || n == -ECONNRESET);
    CHECK_INT(answered_size(), <, SIZE);
    coil_stream_close(talk.client);
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    leave_site();
    return 0;
}

static int send_while_it_is_replaced(struct coil_http_exchange *exchange, void *user)
{
    int rc;

    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, SIZE));
    CHECK_OK(coil_http_write_file(exchange, file, 0, HALF));
    make_text("site/other", "another");
    CHECK_INT(rename(path_of("site/other").text, path_of("site/data").text), ==, 0);
    rc = coil_http_write_file(exchange, file, HALF, HALF);
    return rc;
}

TASK_TEST(file_that_is_replaced)
{
    make_site();
    ask_with(send_while_it_is_replaced, "GET", "/", "");
    CHECK_STATUS(200);
    CHECK_INT(answered_size(), ==, SIZE);
    CHECK(is_content(answered_body(), SIZE, 0));
    get("/data");
    CHECK_BODY("another");
    leave_site();
    return 0;
}

/* --- errors of the file --- */

static int send_what_is_no_file(struct coil_http_exchange *exchange, void *user)
{
    CHECK_OK(coil_http_begin(exchange, 200, NULL, SIZE));
    piece_rc = coil_http_write_file(exchange, *(int *)user, 0, SIZE);
    return piece_rc;
}

TASK_TEST(file_that_cannot_be_read)
{
    int fds[2];

    make_site();
    talk.user = &fds[0];
    CHECK_INT(pipe(fds), ==, 0);
    ask_with(send_what_is_no_file, "GET", "/", "");
    CHECK_ERR(piece_rc, -ESPIPE);
    CHECK(talk.rc == -ECONNABORTED || answered_status() == 500);
    close(fds[0]);
    close(fds[1]);
    fds[0] = open(path_of("site").text, O_RDONLY);
    ask_with(send_what_is_no_file, "GET", "/", "");
    CHECK(piece_rc == -EISDIR || piece_rc == -EINVAL);
    close(fds[0]);
    leave_site();
    return 0;
}

/* Errors that are ours: 500, and a report. */
TASK_TEST(files_without_descriptors)
{
    make_site();
    fault_syscall_named("syscall", 1, EMFILE);
    get("/data");
    fault_off();
    CHECK_STATUS(500);
    CHECK_INT(talk.heard.count, ==, 1);
    CHECK_ERR(talk.heard.error, -EMFILE);
    leave_site();
    return 0;
}

/* --- clients that wait, or go --- */

/* The deadline is for each wait, not for the whole. */
TASK_TEST(file_to_a_slow_client)
{
    struct coil_http_server *server = NULL;
    struct coil_http_server_options options = {.write_timeout_ns = 50 * COIL_MSEC,
                                               .server.stream.high_water = 1000};
    char buf[1024];
    size_t got = 0;
    ssize_t n = 1;

    if (!test_backend_is("sim")) {
        test_skip("it takes its time");
    }
    make_site();
    CHECK_OK(
        coil_http_server_start("127.0.0.1", 0, &options, coil_http_files_handle, site, &server));
    CHECK_OK(coil_open_connection("127.0.0.1", (uint16_t)coil_http_server_get_port(server), NULL,
                                  &talk.client));
    say("GET /data HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    while (n > 0) {
        n = coil_stream_read(talk.client, buf, sizeof buf);
        got += n > 0 ? (size_t)n : 0;
        coil_sleep(10 * COIL_MSEC);
    }
    CHECK_ERR((int)n, 0);
    CHECK_INT(got, >, SIZE);
    coil_stream_close(talk.client);
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    leave_site();
    return 0;
}

TASK_TEST(file_to_a_client_that_does_not_read)
{
    make_site();
    talk.options.write_timeout_ns = 10 * COIL_MSEC;
    open_talk(coil_http_files_handle);
    say("GET /data HTTP/1.1\r\nHost: a\r\n\r\n");
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_await(talk.task));
    }
    CHECK_ERR(talk.rc, -ETIMEDOUT);
    CHECK_INT(talk.heard.count, ==, 0);
    coil_stream_close(talk.client);
    leave_site();
    return 0;
}

TASK_TEST(file_to_clients_that_vanish)
{
    static const char *const requests[] = {
        "GET /data HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /data HTTP/1.1\r\nHost: a\r\nRange: bytes=0-99,50000-150000\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n",
    };

    make_site();
    talk.stream_options.high_water = 1000;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        for (int steps = 0; steps < 8; steps++) {
            open_talk(coil_http_files_handle);
            say(requests[i]);
            yield_times(steps);
            coil_stream_abort(talk.client);
            CHECK_OK(coil_await(talk.task));
            CHECK(talk.rc == 0 || talk.rc == -ECONNRESET || talk.rc == -EPIPE);
            CHECK_INT(talk.heard.count, ==, 0);
        }
    }
    leave_site();
    return 0;
}

/* --- cancels --- */

static int send_until_cancel(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, SIZE));
    piece_rc = coil_http_write_file(exchange, file, 0, SIZE);
    CHECK_ERR(coil_http_write_file(exchange, file, 0, 1), -ECANCELED);
    CHECK_ERR(coil_http_reply_fd(exchange, file, NULL), -ECANCELED);
    return piece_rc;
}

static int cancelled_before(struct coil_http_exchange *exchange, void *user)
{
    CHECK_OK(coil_http_begin(exchange, 200, NULL, HALF));
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_http_write_file(exchange, file, 0, HALF), -ECANCELED);
    CHECK_ERR(coil_http_reply_file(exchange, "x", NULL), -ECANCELED);
    CHECK_ERR(coil_http_reply_fd(exchange, file, NULL), -ECANCELED);
    CHECK_INT(coil_uncancel(coil_current_task()), ==, 0);
    (void)user;
    return coil_http_write_file(exchange, file, 0, HALF);
}

TASK_TEST(file_cancel_before_it)
{
    make_site();
    ask_with(cancelled_before, "GET", "/", "");
    CHECK_STATUS(200);
    CHECK_INT(answered_size(), ==, HALF);
    leave_site();
    return 0;
}

static int serve_cancelled(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_http_files_serve(site, exchange, NULL), -ECANCELED);
    CHECK_ERR(coil_http_files_handle(exchange, site), -ECANCELED);
    CHECK(!coil_http_is_begun(exchange));
    CHECK_INT(coil_uncancel(coil_current_task()), ==, 0);
    return coil_http_files_serve(site, exchange, NULL);
}

TASK_TEST(files_cancel_before_it)
{
    make_site();
    ask_with(serve_cancelled, "GET", "/a.txt", "");
    CHECK_BODY("text");
    leave_site();
    return 0;
}

TASK_TEST(file_cancel_while_it_is_sent)
{
    make_site();
    talk.stream_options.high_water = 1000;
    open_talk(send_until_cancel);
    say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    coil_sleep(10 * COIL_MSEC);
    coil_cancel(talk.task);
    CHECK_OK(coil_await(talk.task));
    CHECK_ERR(talk.rc, -ECANCELED);
    CHECK_ERR(piece_rc, -ECANCELED);
    CHECK_INT(talk.heard.count, ==, 0);
    hear_answer(ANSWER_ROOM - 1);
    CHECK_INT(talk.size, <, SIZE);
    coil_stream_close(talk.client);
    leave_site();
    return 0;
}

/* --- faults --- */

static int whole_story(void *arg)
{
    static const char requests[] =
        "GET /data HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /data HTTP/1.1\r\nHost: a\r\nIf-Match: \"x\"\r\nIf-Match: *\r\n"
        "Range: bytes=0-9,50000-99999\r\n\r\n"
        "GET /a.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\nAccept-Encoding: gzip\r\n\r\n"
        "GET /.. HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct coil_http_server *server = NULL;
    struct coil_http_files *files = NULL;
    struct coil_stream *stream = NULL;
    static char buf[64 * 1024];
    int port = -1;

    coil_loop_set_error_handler(coil_loop_current(), hear, &talk.heard);
    if (coil_http_files_open(arg, NULL, &files) == 0 &&
        coil_http_server_start("127.0.0.1", 0, NULL, coil_http_files_handle, files, &server) == 0) {
        port = coil_http_server_get_port(server);
    }
    coil_timeout(2 * COIL_SEC) {
        if (port > 0 && coil_open_connection("127.0.0.1", (uint16_t)port, NULL, &stream) == 0) {
            coil_stream_write(stream, requests, sizeof requests - 1);
            while (coil_stream_read(stream, buf, sizeof buf) > 0) {
            }
            coil_stream_close(stream);
        }
    }
    coil_http_server_close(server, 50 * COIL_MSEC);
    coil_http_files_close(files);
    return 0;
}

static void run_story(void *arg)
{
    coil_run(whole_story, arg);
}

static int make_only(void *arg)
{
    (void)arg;
    make_site();
    leave_site();
    return 0;
}

COIL_TEST_LIMIT(files_under_faults, 300)
{
    CHECK_OK(coil_run(make_only, NULL));
    torture(run_story, path_of("site").text);
}
