/* Servers that end while one more connection is being accepted: nobody waits for it. E7. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"
#include "server_calls.h"

enum { MOMENTS = 12 };

/* --- ways to end --- */

/* A task that ends a server; some have to be cancelled for that. */
struct ending {
    coil_task_fn fn;
    bool is_cancelled;
};

static int close_now(void *arg)
{
    return coil_server_close(arg);
}

static int close_within_no_time(void *arg)
{
    int rc = 0;

    coil_timeout(0) {
        rc = coil_server_close(arg);
    }
    return rc;
}

static int close_within_a_moment(void *arg)
{
    int rc = 0;

    coil_timeout(100 * COIL_USEC) {
        rc = coil_server_close(arg);
    }
    return rc;
}

static int shut_down_now(void *arg)
{
    return coil_server_shutdown(arg, 0);
}

static int shut_down_in_a_moment(void *arg)
{
    return coil_server_shutdown(arg, 100 * COIL_USEC);
}

static int shut_down_some_time(void *arg)
{
    return coil_server_shutdown(arg, COIL_NEVER);
}

static int stop_and_cancel(void *arg)
{
    coil_server_stop(arg);
    coil_server_cancel_clients(arg);
    return coil_server_close(arg);
}

static int stop_and_close(void *arg)
{
    coil_server_stop(arg);
    coil_server_close_clients(arg);
    return coil_server_close(arg);
}

static int stop_and_abort(void *arg)
{
    coil_server_stop(arg);
    coil_server_abort_clients(arg);
    return coil_server_close(arg);
}

static const struct ending endings[] = {
    {close_now, true},        {close_within_no_time, false},  {close_within_a_moment, false},
    {shut_down_now, false},   {shut_down_in_a_moment, false}, {shut_down_some_time, true},
    {stop_and_cancel, false}, {stop_and_close, false},        {stop_and_abort, false},
};

enum { ENDINGS = sizeof endings / sizeof endings[0] };

/* --- helpers --- */

struct guest {
    struct coil_address address; /* of the server */
    int fd;                      /* connected; or an error */
};

static struct guest guest_of(int port)
{
    struct guest guest = {.fd = -1};

    CHECK_OK(coil_address_from_ip("127.0.0.1", (uint16_t)port, &guest.address));
    return guest;
}

static int come(void *arg)
{
    struct guest *guest = arg;

    guest->fd = coil_dial_address(&guest->address, NULL);
    return 0;
}

/* Without a moment for anybody else, where a socket of the system's will do. */
static void come_at_once(struct guest *guest)
{
    if (test_backend_is("sim")) {
        come(guest);
    } else {
        guest->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_INT(connect(guest->fd, (const struct sockaddr *)(const void *)&guest->address.storage,
                          guest->address.size),
                  ==, 0);
    }
}

/* Awaits the task, but not for ever. */
static int end_of(struct coil_task *task)
{
    CHECK_INT(coil_wait(&task, 1, COIL_ALL_COMPLETED, PATIENCE / 12), ==, 1);
    return coil_await(task);
}

/* The guest, who has said nothing, is told of the end. */
static void check_left(struct guest *guest)
{
    char byte;

    if (guest->fd >= 0) {
        ssize_t n = 1;

        coil_timeout(PATIENCE / 12) {
            n = coil_recv(guest->fd, &byte, 1, 0);
        }
        CHECK_MSG(n == 0 || n == -ECONNRESET, "recv: %d", (int)n);
        CHECK_OK(coil_close(guest->fd));
    }
    CHECK_INT(seen.started, ==, seen.ended);
}

/* --- coil_serve --- */

static int serve_port(void *arg)
{
    return coil_serve("127.0.0.1", *(uint16_t *)arg, NULL, echo, NULL);
}

TASK_TEST(server_late_guest_of_a_cancelled_serve)
{
    uint16_t port = test_free_port();
    struct guest guest = guest_of(port);

    for (int i = 0; i < 2; i++) { /* the guest before the cancel, and after it */
        struct coil_task *task = coil_create_task(serve_port, &port);

        seen = (struct log){0};
        CHECK_OK(coil_sleep(5 * COIL_MSEC));
        if (i == 0) {
            come_at_once(&guest);
        }
        CHECK_OK(coil_cancel(task));
        if (i == 1) {
            come_at_once(&guest);
        }
        CHECK_ERR(end_of(task), -ECANCELED);
        check_left(&guest);
    }
    return 0;
}

/* Returns an error, so that its group ends, while nobody has accepted the guest. */
static int come_and_fail(void *arg)
{
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    come_at_once(arg);
    return -EIO;
}

static int group_main(void *arg)
{
    struct guest *guest = arg;
    uint16_t port = (uint16_t)coil_address_get_port(&guest->address);
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, serve_port, &port));
    CHECK_OK(coil_group_spawn(&group, come_and_fail, guest));
    return coil_group_close(&group);
}

TASK_TEST(server_late_guest_of_a_group_that_fails)
{
    struct guest guest = guest_of(test_free_port());

    seen = (struct log){0};
    CHECK_ERR(end_of(coil_create_task(group_main, &guest)), -EIO);
    check_left(&guest);
    return 0;
}

/* Cancelled at each moment from its first step on, with a guest on the way. */
TASK_TEST(server_late_guest_at_each_moment_of_serve)
{
    uint16_t port = test_free_port();

    for (int moment = 0; moment < 2 * MOMENTS; moment++) {
        struct guest guest = guest_of(port);
        struct coil_task *task = coil_create_task(serve_port, &port);
        struct coil_task *coming;

        seen = (struct log){0};
        if (moment >= MOMENTS) {
            CHECK_OK(coil_sleep(5 * COIL_MSEC));
        }
        coming = coil_create_task(come, &guest);
        for (int i = 0; i < moment % MOMENTS; i++) {
            CHECK_OK(coil_yield());
        }
        CHECK_OK(coil_cancel(task));
        CHECK_ERR(end_of(task), -ECANCELED);
        CHECK_OK(coil_await(coming));
        check_left(&guest);
    }
    return 0;
}

/* --- the parts of it --- */

static void end_late(const struct ending *ending, bool is_first)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct guest guest = guest_of(coil_server_get_port(server));
    struct coil_task *task;

    CHECK_OK(coil_sleep(COIL_MSEC));
    if (is_first) {
        come_at_once(&guest);
    }
    task = coil_create_task(ending->fn, server);
    if (ending->is_cancelled) {
        yield_times(1);
        CHECK_OK(coil_cancel(task));
    }
    if (!is_first) {
        come_at_once(&guest);
    }
    end_of(task);
    check_left(&guest);
}

TASK_TEST(server_late_guest_of_each_ending)
{
    for (int i = 0; i < 2 * ENDINGS; i++) {
        end_late(&endings[i / 2], i % 2);
    }
    return 0;
}

static void end_at(const struct ending *ending, int moment)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct guest guest = guest_of(coil_server_get_port(server));
    struct coil_task *coming;
    struct coil_task *task;

    CHECK_OK(coil_sleep(COIL_MSEC));
    coming = coil_create_task(come, &guest);
    for (int i = 0; i < moment; i++) {
        CHECK_OK(coil_yield());
    }
    task = coil_create_task(ending->fn, server);
    if (ending->is_cancelled) {
        yield_times(1); /* it is to have begun */
        CHECK_OK(coil_cancel(task));
    }
    end_of(task);
    CHECK_OK(coil_await(coming));
    check_left(&guest);
}

TASK_TEST(server_late_guest_at_each_moment_of_each_ending)
{
    for (int i = 0; i < MOMENTS * ENDINGS; i++) {
        end_at(&endings[i / MOMENTS], i % MOMENTS);
    }
    return 0;
}

/* One that stops without touching its clients serves whom it has accepted. */
TASK_TEST(server_late_guest_of_a_stop_is_a_client)
{
    struct coil_server *server = serve(NULL, echo, NULL);
    struct guest guest = guest_of(coil_server_get_port(server));
    struct coil_task *task;

    CHECK_OK(coil_sleep(COIL_MSEC));
    come_at_once(&guest);
    wait_for_count(server, 1);
    coil_server_stop(server);
    task = coil_create_task(close_now, server);
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK(!coil_task_is_done(task));
    CHECK_INT(coil_server_client_count(server), ==, 1);
    CHECK_OK(coil_close(guest.fd));
    CHECK_OK(end_of(task));
    CHECK_INT(seen.ended, ==, 1);
    return 0;
}

/* What ends the clients of a server that goes on does not turn away those who come then. */
TASK_TEST(server_late_guest_of_one_that_goes_on_is_a_client)
{
    static void (*const fns[])(struct coil_server *) = {
        coil_server_cancel_clients, coil_server_close_clients, coil_server_abort_clients};
    struct coil_server *server = serve(NULL, echo, NULL);

    for (int i = 0; i < 3; i++) {
        struct coil_stream *stream = NULL;

        fns[i](server);
        stream = join(server);
        say(stream);
        CHECK_OK(coil_stream_close(stream));
    }
    wait_for_count(server, 0);
    CHECK_OK(coil_server_close(server));
    CHECK_INT(seen.ended, ==, 3);
    return 0;
}

/* --- no memory for one more --- */

/* True if an allocation failed. A guest who is turned away is told; the next one is served. */
static bool lacks_memory(struct coil_server *server, uint64_t n)
{
    struct guest guest = guest_of(coil_server_get_port(server));
    struct coil_stream *stream;
    bool was_injected;
    char byte = 0;
    ssize_t got = 0;

    fault_alloc_at(n);
    come(&guest);
    coil_sleep(5 * COIL_MSEC);
    was_injected = fault_was_injected();
    fault_off();
    if (guest.fd >= 0) {
        if (coil_send(guest.fd, "x", 1, MSG_NOSIGNAL) == 1) {
            got = coil_recv(guest.fd, &byte, 1, 0);
        }
        CHECK(got == 1 || (was_injected && (got == 0 || got == -ECONNRESET)));
        CHECK_OK(coil_close(guest.fd));
    }
    stream = join(server);
    say(stream);
    CHECK_OK(coil_stream_close(stream));
    wait_for_count(server, 0);
    CHECK_INT(seen.started, ==, seen.ended);
    return was_injected;
}

struct shortage {
    uint64_t n; /* the allocation that fails */
    bool was_injected;
};

static int lack_memory(void *arg)
{
    struct shortage *shortage = arg;
    struct heard heard = {0};
    struct coil_server *server = serve(NULL, echo, NULL);

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    CHECK_OK(coil_sleep(COIL_MSEC));
    shortage->was_injected = lacks_memory(server, shortage->n);
    CHECK(heard.count == 0 || heard.error == -ENOMEM);
    CHECK_OK(coil_server_close(server));
    return 0;
}

/* A fresh loop each time: it has nothing at hand yet. */
COIL_TEST(server_late_guest_without_memory)
{
    struct shortage shortage = {.was_injected = true};

    while (shortage.was_injected) {
        shortage.n++;
        CHECK_ERR(coil_run(lack_memory, &shortage), 0);
    }
    CHECK_INT(shortage.n, >, 1);
}
