/* Servers: E7, F6. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"
#include "server_calls.h"

#include <sys/resource.h>
#include <unistd.h>

/* Closes its stream, and then lives on. */
static int close_early(struct coil_stream *stream, __attribute__((unused)) void *user)
{
    int rc = coil_stream_close(stream);

    seen.started++;
    return rc < 0 ? rc : coil_sleep(COIL_SEC);
}

/* --- a server's life --- */

TASK_TEST(server_serves_many)
{
    enum { COUNT = 20 };
    struct coil_stream *streams[COUNT];
    struct coil_server *server = serve(NULL, echo, NULL);

    CHECK_INT(coil_server_get_port(server), >, 0);
    CHECK_INT(coil_server_client_count(server), ==, 0);
    for (int i = 0; i < COUNT; i++) {
        streams[i] = join(server);
        say(streams[i]);
        CHECK_INT(coil_server_client_count(server), ==, i + 1);
    }
    for (int i = 0; i < COUNT; i++) {
        say(streams[i]);
        CHECK_OK(coil_stream_close(streams[i]));
    }
    wait_for_count(server, 0);
    CHECK_INT(seen.ended, ==, COUNT);
    CHECK_OK(coil_server_close(server));
    return 0;
}

TASK_TEST(server_stop_lets_clients_go_on)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct coil_stream *stream = join(server);
    struct coil_stream *late = NULL;
    uint16_t port = (uint16_t)coil_server_get_port(server);

    say(stream);
    coil_server_stop(server);
    coil_server_stop(server);
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_ERR(coil_open_connection("127.0.0.1", port, NULL, &late), -ECONNREFUSED);
    say(stream);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(server));
    CHECK_INT(seen.ended, ==, 1);
    return 0;
}

static int close_server(void *arg)
{
    return coil_server_close(arg);
}

static int serve_on(void *arg)
{
    return coil_serve_forever(arg);
}

/* Close waits for the clients, and serve_forever for both. */
TASK_TEST(server_close_waits)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct coil_stream *stream = join(server);
    struct coil_task *forever = coil_create_task(serve_on, server);
    struct coil_task *task;

    say(stream);
    task = coil_create_task(close_server, server);
    CHECK_OK(coil_sleep(10 * COIL_MSEC));
    CHECK(!coil_task_is_done(task));
    CHECK(!coil_task_is_done(forever));
    CHECK_ERR(coil_server_close(server), -COIL_ECLOSED); /* by two at once */
    say(stream);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_await(task));
    CHECK_OK(coil_await(forever));
    return 0;
}

TASK_TEST(server_close_with_a_deadline_cancels_clients)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct coil_stream *stream = join(server);
    char buf[8];
    int rc = 0;

    say(stream);
    coil_timeout(5 * COIL_MSEC) {
        rc = coil_server_close(server);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_ERR(seen.rc, -ECANCELED);
    CHECK_INT(coil_stream_read(stream, buf, 8), ==, 0);
    CHECK_OK(coil_stream_close(stream));
    return 0;
}

TASK_TEST(server_cancel_clients)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct coil_stream *streams[3];

    for (int i = 0; i < 3; i++) {
        streams[i] = join(server);
        say(streams[i]);
    }
    coil_server_cancel_clients(server);
    wait_for_count(server, 0);
    CHECK_INT(seen.ended, ==, 3);
    CHECK_ERR(seen.rc, -ECANCELED);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_stream_close(streams[i]));
    }
    streams[0] = join(server); /* it goes on */
    say(streams[0]);
    CHECK_OK(coil_stream_close(streams[0]));
    CHECK_OK(coil_server_close(server));
    return 0;
}

static int serve_port(void *arg)
{
    return coil_serve("127.0.0.1", *(uint16_t *)arg, NULL, echo, NULL);
}

TASK_TEST(server_serve_until_cancelled)
{
    uint16_t port = test_free_port();
    struct coil_task *task = coil_create_task(serve_port, &port);
    struct coil_stream *stream = NULL;

    seen = (struct log){0};
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_OK(coil_open_connection("127.0.0.1", port, NULL, &stream));
    say(stream);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_ERR(seen.rc, -ECANCELED);
    CHECK_OK(coil_stream_close(stream));
    return 0;
}

TASK_TEST(server_serve_forever_cancelled_goes_on)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct coil_stream *stream;
    int rc = 0;

    coil_timeout(COIL_MSEC) {
        rc = coil_serve_forever(server);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    stream = join(server);
    say(stream);
    CHECK_OK(coil_stream_close(stream));
    coil_server_stop(server);
    CHECK_OK(coil_serve_forever(server));
    CHECK_OK(coil_server_close(server));
    return 0;
}

/* Cancelled before their first step: the function never runs, and nothing stays open. */
TASK_TEST(server_clients_cancelled_before_they_begin)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    int unborn = 0;

    for (int i = 0; i < 50; i++) {
        struct coil_stream *stream = join(server);
        size_t count = coil_server_client_count(server);
        int started = seen.started;
        char byte;

        for (int j = 0; count == 0 && j < 1000; j++) { /* until it has just been accepted */
            CHECK_OK(coil_sleep(0));
            count = coil_server_client_count(server);
        }
        CHECK_INT(count, ==, 1);
        coil_server_cancel_clients(server);
        wait_for_count(server, 0);
        unborn += seen.started == started;
        CHECK_INT(coil_stream_read(stream, &byte, 1), ==, 0);
        CHECK_OK(coil_stream_close(stream));
    }
    CHECK(unborn > 0 || seen.started == 50);
    CHECK_OK(coil_server_close(server));
    return 0;
}

/* What is left open ends with the loop. */
TASK_TEST(server_left_open)
{
    struct coil_server *server = serve(NULL, echo, NULL);

    say(join(server));
    return 0;
}

/* --- F6: errors of clients --- */

TASK_TEST(server_reports_errors_of_clients)
{
    static const struct {
        int rc;
        int reports;
    } rows[] = {{-EIO, 1}, {-ETIMEDOUT, 1}, {-ECANCELED, 0}, {-ECONNRESET, 0}, {-EPIPE, 0}, {7, 0}};
    struct heard heard = {0};

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    for (int i = 0; i < 6; i++) {
        int rc = rows[i].rc;
        struct coil_server *server = serve(NULL, echo, &rc);
        struct coil_stream *stream = join(server);

        say(stream);
        CHECK_OK(coil_stream_close(stream));
        wait_for_count(server, 0);
        CHECK_INT(heard.count, ==, rows[i].reports);
        if (rows[i].reports > 0) {
            CHECK_ERR(heard.error, rc);
            CHECK_STR(heard.message, "error of a server's client task");
        }
        heard = (struct heard){0};
        CHECK_OK(coil_server_close(server));
    }
    return 0;
}

/* A client that closes its stream early: what takes its place in memory is not touched. */
TASK_TEST(server_client_that_closes_early)
{
    struct coil_server *server = serve(NULL, close_early, NULL);
    struct coil_stream *client = join(server);
    struct coil_stream *streams[200];
    int peers[200];
    int count = test_is_torture() ? 10 : 200;
    char byte;

    CHECK_INT(coil_stream_read(client, &byte, 1), ==, 0);
    CHECK_INT(coil_server_client_count(server), ==, 1);
    for (int i = 0; i < count; i++) { /* any of them could get the same handle */
        streams[i] = open_half(NULL, &peers[i]);
        if (i % 3 || !streams[i]) {
            CHECK_OK(coil_stream_close(streams[i]));
            CHECK_OK(coil_close(peers[i]));
            streams[i] = NULL;
        }
    }
    coil_server_cancel_clients(server);
    CHECK_OK(coil_server_close(server));
    for (int i = 0; i < count; i++) {
        if (streams[i]) {
            CHECK_OK(coil_stream_get_fd(streams[i]));
            CHECK_OK(coil_stream_close(streams[i]));
            CHECK_OK(coil_close(peers[i]));
        }
    }
    CHECK_OK(coil_stream_close(client));
    return 0;
}

/* --- E7: limits --- */

struct guest {
    struct coil_stream *stream;
};

static int read_one(void *arg)
{
    struct guest *guest = arg;
    char byte;

    CHECK_INT(coil_stream_read(guest->stream, &byte, 1), ==, 1);
    return coil_stream_close(guest->stream);
}

static void check_limit(const char *host, const char *const *targets, int count)
{
    struct coil_server_options options = {.max_clients = 2};
    struct coil_task *tasks[6];
    struct guest guests[6];
    struct coil_server *server = NULL;

    seen = (struct log){0};
    CHECK_OK(coil_start_server(host, 0, &options, echo, NULL, &server));
    for (int i = 0; i < 6; i++) { /* all connect: the kernel's queue takes them */
        uint16_t port = (uint16_t)coil_server_get_port(server);

        CHECK_OK(coil_open_connection(targets[i % count], port, NULL, &guests[i].stream));
        CHECK_INT(coil_stream_write(guests[i].stream, "x", 1), ==, 1);
        CHECK_OK(coil_sleep(2 * COIL_MSEC));
    }
    CHECK_INT(coil_server_client_count(server), ==, 2);
    for (int i = 0; i < 6; i++) { /* whose turn it is is the server's choice */
        tasks[i] = coil_create_task(read_one, &guests[i]);
    }
    for (int i = 0; i < 6; i++) {
        CHECK_OK(coil_await(tasks[i]));
    }
    CHECK_OK(coil_server_close(server));
    CHECK_INT(seen.ended, ==, 6);
    CHECK_INT(seen.highest, ==, 2);
}

TASK_TEST(server_max_clients)
{
    static const char *const one[] = {"127.0.0.1"};

    check_limit("127.0.0.1", one, 1);
    return 0;
}

/* The limit is the server's, not each of its sockets'. */
TASK_TEST(server_max_clients_over_several_sockets)
{
    static const char *const both[] = {"127.0.0.1", "127.0.0.1", "::1"};
    struct coil_address address;
    int fd;

    CHECK_OK(coil_address_from_ip("::1", 0, &address));
    fd = coil_listen_address(&address, NULL);
    if (fd < 0) {
        test_skip("no IPv6");
    }
    CHECK_OK(coil_close(fd));
    check_limit(NULL, both, 3);
    return 0;
}

/* Stopped while a connection of theirs waits for room. */
TASK_TEST(server_closed_while_full)
{
    struct coil_server_options options = {.max_clients = 1};
    struct coil_server *server = NULL;
    struct coil_stream *streams[3];
    int rc = 0;

    CHECK_OK(coil_start_server(NULL, 0, &options, echo, NULL, &server));
    for (int i = 0; i < 3; i++) {
        streams[i] = join(server);
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    coil_timeout(COIL_MSEC) {
        rc = coil_server_close(server);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_stream_close(streams[i]));
    }
    return 0;
}

/* Connects a socket that was made before. */
static struct coil_stream *join_by(int fd, const struct coil_server *server)
{
    struct coil_stream *stream = NULL;
    struct coil_address address;

    CHECK_OK(coil_address_from_ip("127.0.0.1", (uint16_t)coil_server_get_port(server), &address));
    CHECK_OK(
        coil_connect(fd, (const struct sockaddr *)(const void *)&address.storage, address.size));
    CHECK_OK(coil_stream_open(fd, NULL, &stream));
    return stream;
}

/* Out of descriptors: reported, a pause of a second, and on; who is there is not disturbed. */
TASK_TEST(server_pauses_without_descriptors)
{
    struct coil_server *server;
    struct coil_stream *streams[3];
    struct heard heard = {0};
    struct rlimit limit;
    int64_t begin;
    int fds[3];

    if (test_backend_is("sim")) {
        test_skip("its sockets are no descriptors");
    }
    if (test_has_valgrind()) {
        test_skip("Valgrind keeps limits of its own, of which the kernel knows nothing");
    }
    server = serve(NULL, echo, NULL);
    for (int i = 0; i < 3; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    streams[0] = join_by(fds[0], server);
    say(streams[0]);
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, limit.rlim_max}), ==, 0);
    begin = coil_now();
    for (int i = 1; i < 3;
         i++) { /* io_uring may take one more: it has looked at the limit before */
        streams[i] = join_by(fds[i], server);
        CHECK_OK(coil_sleep(10 * COIL_MSEC));
    }
    CHECK_INT(heard.count, ==, 1);
    CHECK_ERR(heard.error, -EMFILE);
    CHECK_STR(heard.message, "accepting pauses for a second");
    say(streams[0]);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    say(streams[2]); /* it was in the backlog */
    say(streams[1]);
    CHECK_INT(coil_now() - begin, >=, COIL_SEC);
    CHECK_INT(heard.count, ==, 1);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_stream_close(streams[i]));
    }
    CHECK_OK(coil_server_close(server));
    return 0;
}

/* A firewall, or whoever else has a say, forbids one connection: those that follow are served. */
TASK_TEST(server_goes_on_when_accepting_is_forbidden)
{
    static const int errors[] = {EPERM, EOPNOTSUPP};

    if (test_backend_is("sim")) {
        test_skip("its sockets are no descriptors");
    }
    for (int i = 0; i < 2; i++) {
        struct coil_server *server = serve(NULL, echo, NULL);
        struct coil_stream *streams[2];
        struct heard heard = {0};

        CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
        yield_times(3); /* it waits: io_uring makes no more calls until the first one has come */
        fault_syscall_named("accept4", 1, errors[i]);
        for (int j = 0; j < 2; j++) {
            streams[j] = join(server);
            say(streams[j]);
        }
        CHECK(fault_was_injected());
        fault_off();
        CHECK_INT(heard.count, ==, 1);
        CHECK_ERR(heard.error, -errors[i]);
        for (int j = 0; j < 2; j++) {
            CHECK_OK(coil_stream_close(streams[j]));
        }
        CHECK_OK(coil_server_close(server));
    }
    return 0;
}

TASK_TEST(server_closed_during_the_pause)
{
    struct coil_server *server;
    struct coil_stream *stream;
    struct heard heard = {0};

    if (test_backend_is("sim")) {
        test_skip("no system calls");
    }
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    server = serve(NULL, echo, NULL);
    fault_syscall_named("accept4", 1, ENFILE);
    stream = join(server);
    CHECK_OK(coil_sleep(COIL_MSEC));
    fault_off();
    CHECK_OK(coil_server_close(server));
    CHECK_OK(coil_stream_close(stream));
    return 0;
}

/* --- addresses: E7, E10 --- */

TASK_TEST(server_reuse_port)
{
    struct coil_server_options options = {.reuse_port = true};
    struct coil_server *servers[2] = {serve(&options, echo, NULL), NULL};
    uint16_t port = (uint16_t)coil_server_get_port(servers[0]);

    CHECK_ERR(coil_start_server("127.0.0.1", port, NULL, echo, NULL, &servers[1]), -EADDRINUSE);
    CHECK_OK(coil_start_server("127.0.0.1", port, &options, echo, NULL, &servers[1]));
    for (int i = 0; i < 2; i++) {
        CHECK_INT(coil_server_get_port(servers[i]), ==, port);
    }
    for (int i = 0; i < 10; i++) {
        struct coil_stream *stream = join(servers[0]);

        say(stream);
        CHECK_OK(coil_stream_close(stream));
    }
    CHECK_OK(coil_server_close(servers[0]));
    CHECK_OK(coil_server_close(servers[1]));
    CHECK_INT(seen.ended, ==, 10);
    return 0;
}

TASK_TEST(server_unix)
{
    struct coil_server *server = NULL;
    struct coil_stream *stream = NULL;
    char path[256] = "unix:";

    seen = (struct log){0};
    test_temp_path(path + 5, sizeof path - 5, "socket");
    CHECK_OK(coil_start_server(path, 0, NULL, echo, NULL, &server));
    CHECK_ERR(coil_server_get_port(server), -EAFNOSUPPORT);
    CHECK_OK(coil_open_connection(path, 0, NULL, &stream));
    say(stream);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(server));
    CHECK_INT(seen.ended, ==, 1);
    unlink(path + 5);
    return 0;
}

/* --- misuse --- */

static int close_own_server(__attribute__((unused)) struct coil_stream *stream, void *user)
{
    struct coil_server *server = *(struct coil_server **)user;

    CHECK_ERR(coil_server_close(server), -EDEADLK);
    CHECK_ERR(coil_serve_forever(server), -EDEADLK);
    coil_server_stop(server);
    return 0;
}

static int check_closed(void *arg)
{
    CHECK_ERR(coil_server_get_port(arg), -COIL_ECLOSED);
    CHECK_INT(coil_server_client_count(arg), ==, 0);
    CHECK_ERR(coil_serve_forever(arg), -COIL_ECLOSED);
    CHECK_ERR(coil_server_close(arg), -COIL_ECLOSED);
    coil_server_stop(arg);
    coil_server_cancel_clients(arg);
    return 0;
}

static int check_without_loop(void *arg)
{
    struct coil_server *server = NULL;

    CHECK_ERR(coil_start_server("127.0.0.1", 0, NULL, echo, NULL, &server), -COIL_ENOLOOP);
    CHECK_ERR(coil_serve("127.0.0.1", 0, NULL, echo, NULL), -COIL_ENOLOOP);
    CHECK_ERR(coil_server_get_port(arg), -COIL_ENOLOOP);
    CHECK_ERR(coil_serve_forever(arg), -COIL_ENOLOOP);
    CHECK_ERR(coil_server_close(arg), -COIL_ENOLOOP);
    coil_server_stop(arg);
    return 0;
}

TASK_TEST(server_misuse_is_named)
{
    struct coil_server *server = NULL;
    struct coil_stream *stream;

    CHECK_ERR(coil_start_server("127.0.0.1", 0, NULL, NULL, NULL, &server), -EINVAL);
    CHECK_ERR(coil_start_server("127.0.0.1", 0, NULL, echo, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_start_server("no.such.host.invalid", 0, NULL, echo, NULL, &server),
              -COIL_EHOSTNAME);
    CHECK_ERR(coil_serve("127.0.0.1", 0, NULL, NULL, NULL), -EINVAL);
    CHECK_PTR(server, ==, NULL);
    CHECK_ERR(coil_server_get_port(NULL), -EINVAL);
    CHECK_INT(coil_server_client_count(NULL), ==, 0);
    CHECK_ERR(coil_serve_forever(NULL), -EINVAL);
    CHECK_OK(coil_server_close(NULL));
    coil_server_stop(NULL);
    coil_server_cancel_clients(NULL);
    server = serve(NULL, close_own_server, &server);
    CHECK_OK(run_elsewhere(check_closed, server)); /* of another loop */
    CHECK_OK(coil_to_thread(check_without_loop, server));
    stream = join(server);
    coil_timeout(2 * COIL_SEC) { /* the client that is to close it may be turned away */
        CHECK_OK(coil_serve_forever(server));
    }
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(server));
    CHECK_OK(check_closed(server));
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_start_server("127.0.0.1", 0, NULL, echo, NULL, &server), -ECANCELED);
    return 0;
}

/* --- faults --- */

static int serve_tolerantly(void *arg)
{
    struct coil_server *server;
    struct coil_stream *stream;
    char byte;

    if (coil_start_server("127.0.0.1", 0, NULL, echo, NULL, &server) < 0) {
        return *(int *)arg;
    }
    if (coil_open_connection("127.0.0.1", (uint16_t)coil_server_get_port(server), NULL, &stream) ==
        0) {
        coil_timeout(50 * COIL_MSEC) {
            coil_stream_write(stream, "x", 1);
            coil_stream_read_line(stream, &byte, 1);
            coil_stream_read(stream, &byte, 1);
        }
        coil_stream_close(stream);
    }
    coil_timeout(50 * COIL_MSEC) {
        coil_server_close(server);
    }
    return *(int *)arg;
}

static void ignore(__attribute__((unused)) const struct coil_report *report,
                   __attribute__((unused)) void *user)
{
}

static int serve_quietly(void *arg)
{
    coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
    return serve_tolerantly(arg);
}

static void run_tolerantly(void *arg)
{
    CHECK_INT(coil_run(serve_quietly, arg), <=, 0);
}

COIL_TEST_LIMIT(server_survives_every_fault, 120)
{
    int zero = 0;

    torture(run_tolerantly, &zero);
}
