/* How servers end: closing and aborting clients, a time of grace; who is connected. E7. */
#include "harness.h"
#include "in_task.h"
#include "pair.h"
#include "server_calls.h"

#include "sys/environment.h"

enum { LOT = 16 << 20 }; /* more than the system buffers between two sockets */

static int after_rc; /* what the client function's first call after the end returned */

/* Writes more than the peer has read, then waits for more to come. */
static int pour(struct coil_stream *stream, void *user)
{
    static char lot[LOT];
    char byte;
    size_t size = *(size_t *)user;

    seen.started++;
    fill_bytes(lot, size);
    coil_stream_write(stream, lot, size);
    after_rc = (int)coil_stream_read(stream, &byte, 1);
    seen.ended++;
    return 0;
}

static struct coil_server *serve_pouring(size_t *size)
{
    struct coil_stream_options stream = {.high_water = 2 * LOT};
    struct coil_server_options options = {.stream = stream};

    after_rc = 0;
    return serve(&options, pour, size);
}

static void wait_until_started(int count)
{
    for (int i = 0; i < 1000 && seen.started < count; i++) {
        coil_sleep(COIL_MSEC);
    }
    CHECK_INT(seen.started, ==, count);
}

TASK_TEST(server_close_clients_sends_what_was_written)
{
    size_t size = 1 << 20;
    struct coil_server *server = serve_pouring(&size);
    struct coil_stream *stream = join(server);
    size_t place = 0;

    wait_until_started(1);
    coil_server_close_clients(server);
    coil_server_close_clients(server);
    CHECK_OK(read_rest(stream, &place));
    CHECK_INT(place, ==, (int64_t)size);
    wait_for_count(server, 0);
    CHECK_INT(seen.ended, ==, 1);
    CHECK_ERR(after_rc, -COIL_ECLOSED);
    CHECK_OK(coil_stream_close(stream));
    stream = join(server); /* the server goes on */
    wait_until_started(2);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(server));
    return 0;
}

TASK_TEST(server_close_clients_that_have_written_nothing)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct coil_stream *streams[3];
    char byte;

    for (int i = 0; i < 3; i++) {
        streams[i] = join(server);
        say(streams[i]);
    }
    coil_server_close_clients(server);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(coil_stream_read(streams[i], &byte, 1), ==, 0);
        CHECK_OK(coil_stream_close(streams[i]));
    }
    wait_for_count(server, 0);
    CHECK_ERR(seen.rc, -COIL_ECLOSED);
    CHECK_OK(coil_server_close(server));
    return 0;
}

TASK_TEST(server_abort_clients_drops_what_was_written)
{
    size_t size = LOT;
    struct coil_server *server = serve_pouring(&size);
    struct coil_stream *stream = join(server);
    size_t place = 0;
    int rc;

    wait_until_started(1);
    coil_server_abort_clients(server);
    wait_for_count(server, 0);
    CHECK_ERR(after_rc, -COIL_ECLOSED);
    rc = read_rest(stream, &place);
    CHECK(rc == 0 || rc == -ECONNRESET);
    CHECK_INT(place, <, LOT);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(server));
    return 0;
}

static void count(const struct coil_report *report, void *user)
{
    int *reports = user;

    (void)report;
    ++*reports;
}

/* The echo returns what its read did, as most client functions do. */
TASK_TEST(server_does_not_report_what_it_has_closed_itself)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct coil_stream *stream = join(server);
    int reports = 0;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), count, &reports));
    say(stream);
    coil_server_close_clients(server);
    wait_for_count(server, 0);
    CHECK_ERR(seen.rc, -COIL_ECLOSED);
    CHECK_OK(coil_stream_close(stream));
    stream = join(server);
    say(stream);
    coil_server_abort_clients(server);
    wait_for_count(server, 0);
    CHECK_INT(seen.ended, ==, 2);
    CHECK_ERR(seen.rc, -COIL_ECLOSED);
    CHECK_OK(coil_stream_close(stream));
    CHECK_INT(reports, ==, 0);
    CHECK_OK(coil_server_close(server));
    return 0;
}

/* A client whose stream the server closes goes on using it: in debug mode too that is no misuse. */
static int write_on(struct coil_stream *stream, void *user)
{
    int *rc = user;
    char byte;

    *rc = (int)coil_stream_read(stream, &byte, 1);
    CHECK_ERR(coil_stream_write(stream, "x", 1), -COIL_ECLOSED);
    CHECK_ERR(coil_stream_close(stream), -COIL_ECLOSED);
    return 0;
}

static int abort_a_client(void *arg)
{
    struct coil_server *server;
    struct coil_stream *stream;
    int reports = 0;
    int rc = 1;

    (void)arg;
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), count, &reports));
    server = serve(NULL, write_on, &rc);
    stream = join(server);
    yield_times(3);
    coil_server_abort_clients(server);
    wait_for_count(server, 0);
    CHECK_ERR(rc, -COIL_ECLOSED);
    CHECK_INT(reports, ==, 0);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(server));
    CHECK_INT(reports, ==, 0);
    return 0;
}

COIL_TEST(server_takes_a_stream_away_without_a_sentence)
{
    struct coil_run_options options = {.loop.debug = true};

    CHECK_ERR(coil_run_with(&options, abort_a_client, NULL), 0);
}

static int close_and_read(struct coil_stream *stream, void *user)
{
    char byte;

    (void)user;
    CHECK_OK(coil_stream_close(stream));
    return (int)coil_stream_read(stream, &byte, 1);
}

TASK_TEST(server_reports_a_client_that_has_closed_and_goes_on)
{
    struct coil_server *server = serve(NULL, close_and_read, NULL);
    struct coil_stream *stream;
    int reports = 0;
    char byte;

    if (coil__environment_flag("COIL_DEBUG")) {
    }
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), count, &reports));
    stream = join(server);
    CHECK_INT(coil_stream_read(stream, &byte, 1), ==, 0);
    wait_for_count(server, 0);
    /* In debug mode the read of what is closed has a sentence, too, and lines are looked up. */
    CHECK_INT(reports, ==, coil__environment_flag("COIL_DEBUG") ? 2 : 1);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_close(server));
    return 0;
}

/* --- a time of grace --- */

/* Lives as long as it is told, in nanoseconds; then answers. */
static int work(struct coil_stream *stream, void *user)
{
    int rc;

    seen.started++;
    rc = coil_sleep(*(int64_t *)user);
    seen.rc = rc < 0 ? rc : (int)coil_stream_write(stream, "done", 4);
    seen.ended++;
    return rc;
}

TASK_TEST(server_shutdown_lets_clients_finish)
{
    int64_t span = 20 * COIL_MSEC;
    struct coil_server *server = serve(NULL, work, &span);
    struct coil_stream *stream = join(server);
    struct coil_stream *late = NULL;
    int port = coil_server_get_port(server);
    char buf[4];

    wait_until_started(1);
    CHECK_OK(coil_server_shutdown(server, 100 * COIL_SEC));
    CHECK_INT(seen.ended, ==, 1);
    CHECK_INT(seen.rc, ==, 4);
    CHECK_INT(coil_stream_read_exactly(stream, buf, 4, NULL), ==, 4);
    CHECK_OK(coil_stream_close(stream));
    CHECK_ERR(coil_open_connection("127.0.0.1", (uint16_t)port, NULL, &late), -ECONNREFUSED);
    CHECK_ERR(coil_server_shutdown(server, 0), -COIL_ECLOSED);
    return 0;
}

TASK_TEST(server_shutdown_aborts_the_rest)
{
    int64_t forever = COIL_NEVER;

    for (int64_t grace = 0; grace <= 20 * COIL_MSEC; grace += 20 * COIL_MSEC) {
        struct coil_server *server = serve(NULL, work, &forever);
        struct coil_stream *stream = join(server);
        char byte;

        wait_until_started(1);
        CHECK_ERR(coil_server_shutdown(server, grace), -ETIMEDOUT);
        CHECK_ERR(seen.rc, -ECANCELED);
        CHECK_INT(seen.ended, ==, 1);
        CHECK_INT(coil_stream_read(stream, &byte, 1), ==, 0);
        CHECK_OK(coil_stream_close(stream));
    }
    return 0;
}

static int shut_down(void *arg)
{
    return coil_server_shutdown(arg, COIL_NEVER);
}

TASK_TEST(server_shutdown_cancelled)
{
    int64_t forever = COIL_NEVER;
    struct coil_server *server = serve(NULL, work, &forever);
    struct coil_stream *stream = join(server);
    struct coil_task *task;

    wait_until_started(1);
    task = coil_create_task(shut_down, server);
    yield_times(2);
    CHECK_ERR(coil_server_shutdown(server, 0), -COIL_ECLOSED); /* another task does it */
    CHECK_ERR(coil_server_close(server), -COIL_ECLOSED);
    CHECK_OK(coil_cancel(task));
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_INT(seen.ended, ==, 1);
    CHECK_OK(coil_stream_close(stream));
    return 0;
}

static int shut_own_server(__attribute__((unused)) struct coil_stream *stream, void *user)
{
    seen.started++;
    seen.rc = coil_server_shutdown(*(struct coil_server **)user, 0);
    return 0;
}

TASK_TEST(server_shutdown_misuse)
{
    struct coil_server *server = NULL;
    struct coil_stream *stream;

    CHECK_OK(coil_server_shutdown(NULL, 0));
    coil_server_close_clients(NULL);
    coil_server_abort_clients(NULL);
    server = serve(NULL, shut_own_server, &server);
    stream = join(server);
    wait_until_started(1);
    CHECK_ERR(seen.rc, -EDEADLK);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_server_shutdown(server, COIL_SEC));
    coil_server_close_clients(server);
    coil_server_abort_clients(server);
    return 0;
}

/* --- who is there --- */

TASK_TEST(server_stream_addresses)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct coil_stream *stream = join(server);
    struct coil_address address = {.size = 0};

    CHECK_OK(coil_stream_get_peer(stream, &address));
    CHECK_INT(coil_address_get_port(&address), ==, coil_server_get_port(server));
    CHECK_OK(coil_stream_get_address(stream, &address));
    CHECK_INT(coil_address_get_port(&address), !=, coil_server_get_port(server));
    CHECK_ERR(coil_stream_get_peer(stream, NULL), -EINVAL);
    CHECK_ERR(coil_stream_get_address(NULL, &address), -EINVAL);
    CHECK_ERR(coil_stream_get_peer(NULL, &address), -EINVAL);
    CHECK_OK(coil_stream_close(stream));
    CHECK_ERR(coil_stream_get_peer(stream, &address), -COIL_ECLOSED);
    CHECK_OK(coil_server_close(server));
    return 0;
}
