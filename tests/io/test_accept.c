/* Listening and accepting. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"

#include "io/net.h"

#include <netinet/in.h>
#include <unistd.h>

static int listen_at(const char *ip, uint16_t port, const struct coil_listen_options *options)
{
    struct coil_address address;

    CHECK_OK(coil_address_from_ip(ip, port, &address));
    return coil_listen_address(&address, options);
}

static uint16_t port_of(int fd)
{
    struct coil_address address = {.size = 0};

    CHECK_OK(coil_socket_address(fd, &address));
    return address.size > 0 ? (uint16_t)coil_address_get_port(&address) : 0;
}

static void close_fd(int *fd)
{
    CHECK_OK(coil_close(*fd));
    *fd = -1;
}

static int dial(int listener)
{
    struct coil_address address = {.size = 0};
    int fd;

    CHECK_OK(coil_socket_address(listener, &address));
    fd = coil_dial_address(&address, NULL);
    CHECK_OK(fd);
    return fd;
}

static bool has_ipv6(void)
{
    int fd = listen_at("::", 0, NULL); /* some containers have this one and not ::1 */

    if (fd >= 0) {
        coil_close(fd);
    }
    return fd >= 0;
}

/* --- listen --- */

TASK_TEST(listen_on_all_addresses_takes_one_port)
{
    int fds[4] = {-1, -1, -1, -1};
    int count = coil_listen(NULL, 0, NULL, fds, 4);
    uint16_t port = port_of(fds[0]);

    CHECK_INT(count, ==, has_ipv6() ? 2 : 1);
    CHECK_INT(port, >, 0);
    for (int i = 0; i < count; i++) {
        CHECK_INT(port_of(fds[i]), ==, port);
        CHECK_OK(coil_close(fds[i]));
    }
    if (count == 2) {
        CHECK_ERR(coil_listen("", 0, NULL, fds, 1), -COIL_ELIMIT);
    }
    return 0;
}

TASK_TEST(listen_port_is_taken)
{
    int fds[4] = {-1, -1, -1, -1};
    int first = listen_at("127.0.0.1", 0, NULL);
    uint16_t port = port_of(first);

    if (port == 0) { /* a fault: any port would do from here on */
        return coil_close(first);
    }
    CHECK_ERR(listen_at("127.0.0.1", port, NULL), -EADDRINUSE);
    CHECK_ERR(coil_listen("127.0.0.1", port, NULL, fds, 4), -EADDRINUSE);
    /* Also when an earlier address was free; that one is closed. */
    CHECK_ERR(coil_listen(NULL, port, NULL, fds, 4), -EADDRINUSE);
    CHECK_OK(coil_close(first));
    CHECK_OK(coil_listen("127.0.0.1", port, NULL, fds, 4));
    close_fd(&fds[0]);
    return 0;
}

TASK_TEST(listen_reuse_port)
{
    struct coil_listen_options options = {.reuse_port = true};
    int first = listen_at("127.0.0.1", 0, &options);
    int second = listen_at("127.0.0.1", port_of(first), &options);

    CHECK_OK(first);
    CHECK_OK(second);
    CHECK_OK(coil_close(first));
    CHECK_OK(coil_close(second));
    return 0;
}

TASK_TEST(listen_families_and_dual_stack)
{
    struct coil_listen_options options = {.family = AF_INET6};
    int fds[4] = {-1, -1, -1, -1};
    int attempts = 20;
    int v4;

    if (!has_ipv6()) {
        test_skip("no IPv6");
    }
    do { /* V6ONLY: the other half is free, if no other program has it by chance */
        if (fds[0] >= 0) {
            close_fd(&fds[0]);
        }
        CHECK_OK(coil_listen(NULL, 0, &options, fds, 4));
        v4 = listen_at("0.0.0.0", port_of(fds[0]), NULL);
    } while (v4 == -EADDRINUSE && --attempts > 0);
    CHECK_OK(v4);
    CHECK_OK(coil_close(v4));
    close_fd(&fds[0]);
    options.dual_stack = true;
    CHECK_OK(coil_listen(NULL, 0, &options, fds, 4));
    v4 = coil_dial("127.0.0.1", port_of(fds[0]), NULL);
    CHECK_OK(v4);
    CHECK_OK(coil_close(v4));
    close_fd(&fds[0]);
    options.family = AF_INET;
    CHECK_OK(coil_listen(NULL, 0, &options, fds, 4));
    close_fd(&fds[0]);
    return 0;
}

TASK_TEST(listen_errors)
{
    struct coil_listen_options options = {.family = AF_UNIX};
    struct coil_address address = {0};
    int fds[1] = {-7};

    CHECK_ERR(coil_listen("127.0.0.1", 0, NULL, NULL, 1), -EINVAL);
    CHECK_ERR(coil_listen("127.0.0.1", 0, NULL, fds, 0), -EINVAL);
    CHECK_ERR(coil_listen("127.0.0.1", 0, &options, fds, 1), -EINVAL);
    CHECK_ERR(coil_listen("no.such.host.invalid", 0, NULL, fds, 1), -COIL_EHOSTNAME);
    CHECK_ERR(coil_listen("unix:", 0, NULL, fds, 1), -COIL_EADDRESS);
    CHECK_ERR(coil_listen_address(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_listen_address(&address, NULL), -EAFNOSUPPORT);
    if (!test_backend_is("sim")) {
        CHECK_ERR(coil_listen("192.0.2.123", 0, NULL, fds, 1), -EADDRNOTAVAIL);
        CHECK_ERR(coil_listen("unix:/no/such/folder/s", 0, NULL, fds, 1), -ENOENT);
    }
    CHECK_INT(fds[0], ==, -7);
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_listen("127.0.0.1", 0, NULL, fds, 1), -ECANCELED);
    return 0;
}

/* --- accept --- */

TASK_TEST(accept_takes_what_is_there)
{
    struct coil_address peer;
    struct coil_address own;
    int listener = listen_at("127.0.0.1", 0, NULL);
    int clients[3];

    CHECK_OK(listener);
    for (int i = 0; i < 3; i++) {
        clients[i] = dial(listener);
    }
    for (int i = 0; i < 3; i++) {
        int server = coil_accept(listener, i == 2 ? NULL : &peer);

        CHECK_OK(server);
        if (i < 2) {
            CHECK_OK(coil_socket_address(clients[i], &own));
            CHECK_INT(peer.size, ==, own.size);
            CHECK_MEM(&peer.storage, &own.storage, own.size);
        }
        CHECK_OK(coil_close(server));
        CHECK_OK(coil_close(clients[i]));
    }
    CHECK_OK(coil_close(listener));
    return 0;
}

static int accept_one(void *arg)
{
    return coil_accept(*(int *)arg, NULL);
}

TASK_TEST(accept_waits)
{
    int listener = listen_at("127.0.0.1", 0, NULL);
    struct coil_task *tasks[3];
    int clients[3];

    CHECK_OK(listener);
    for (int i = 0; i < 3; i++) {
        tasks[i] = coil_create_task(accept_one, &listener);
    }
    CHECK_OK(coil_sleep(1 * COIL_MSEC));
    for (int i = 0; i < 3; i++) {
        clients[i] = dial(listener);
    }
    for (int i = 0; i < 3; i++) {
        int server = coil_await(tasks[i]);

        CHECK_OK(server);
        CHECK_OK(coil_close(server));
        CHECK_OK(coil_close(clients[i]));
    }
    CHECK_OK(coil_close(listener));
    return 0;
}

TASK_TEST(accept_cancel_loses_no_connection)
{
    int listener = listen_at("127.0.0.1", 0, NULL);
    struct coil_task *task = coil_create_task(accept_one, &listener);
    int client;
    int server;
    int rc = 0;

    CHECK_OK(listener);
    CHECK_OK(coil_sleep(1 * COIL_MSEC));
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    coil_timeout(1 * COIL_MSEC) {
        rc = coil_accept(listener, NULL);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    client = dial(listener);
    server = coil_accept(listener, NULL);
    CHECK_OK(server);
    CHECK_OK(coil_close(server));
    CHECK_OK(coil_close(client));
    CHECK_OK(coil_close(listener));
    return 0;
}

TASK_TEST(accept_in_a_cancelled_task_takes_none)
{
    int listener = listen_at("127.0.0.1", 0, NULL);
    int client = dial(listener);
    int server;

    CHECK_OK(listener);
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_accept(listener, NULL), -ECANCELED);
    CHECK_INT(coil_uncancel(coil_current_task()), ==, 0);
    server = coil_accept(listener, NULL);
    CHECK_OK(server);
    CHECK_OK(coil_close(server));
    CHECK_OK(coil_close(client));
    CHECK_OK(coil_close(listener));
    return 0;
}

/* A cancel and a connection at about the same time: it is accepted now or later, never lost. */
TASK_TEST(accept_cancel_race)
{
    int listener = listen_at("127.0.0.1", 0, NULL);

    CHECK_OK(listener);
    for (int i = 0; i < 200; i++) {
        struct coil_task *task = coil_create_task(accept_one, &listener);
        int client;
        int server;

        yield_times(i % 3);
        client = dial(listener);
        yield_times(i % 7);
        coil_cancel(task);
        server = coil_await(task);
        if (server < 0) {
            CHECK_ERR(server, -ECANCELED);
            server = coil_accept(listener, NULL);
        }
        CHECK_OK(server);
        CHECK_OK(coil_close(server));
        CHECK_OK(coil_close(client));
    }
    CHECK_OK(coil_close(listener));
    return 0;
}

TASK_TEST(accept_misuse_is_named)
{
    struct coil_address peer = {.size = 77};
    int listener = listen_at("127.0.0.1", 0, NULL);
    int client = dial(listener);

    CHECK_OK(listener);
    CHECK_ERR(coil_accept(-1, &peer), -EBADF);
    CHECK_ERR(coil_accept(client, &peer), -EINVAL);
    CHECK_INT(peer.size, ==, 77);
    if (!test_backend_is("sim")) {
        int fds[2];

        CHECK_INT(pipe(fds), ==, 0);
        CHECK_ERR(coil_accept(fds[0], NULL), -ENOTSOCK);
        close(fds[0]);
        close(fds[1]);
    }
    CHECK_OK(coil_close(client));
    CHECK_OK(coil_close(listener));
    return 0;
}

COIL_TEST(accept_outside_of_a_task)
{
    CHECK_ERR(coil_accept(0, NULL), -COIL_ENOLOOP);
}

/* Those of the new connection that accept(2) lists. */
TASK_TEST(accept_passes_over_what_broke_off)
{
    static const int errors[] = {ECONNABORTED, EPROTO,    ENOPROTOOPT,  ENETDOWN,
                                 ENONET,       EHOSTDOWN, EHOSTUNREACH, ENETUNREACH};
    int listener = listen_at("127.0.0.1", 0, NULL);
    int client;
    int server;

    CHECK_OK(listener);
    if (test_backend_is("sim")) {
        test_skip("no system calls");
    }
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        client = dial(listener);
        fault_syscall_named("accept4", 1, errors[i]);
        server = coil_accept(listener, NULL);
        CHECK(fault_was_injected());
        fault_off();
        CHECK_OK(server);
        CHECK_OK(coil_close(server));
        CHECK_OK(coil_close(client));
    }
    CHECK_OK(coil_close(listener));
    return 0;
}

TASK_TEST(accept_without_room_keeps_the_connection)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EACCES, EOPNOTSUPP};
    int listener = listen_at("127.0.0.1", 0, NULL);
    int client;
    int server;

    CHECK_OK(listener);
    if (test_backend_is("sim")) {
        test_skip("no system calls");
    }
    client = dial(listener);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        fault_syscall_named("accept4", 1, errors[i]);
        CHECK_ERR(coil_accept(listener, NULL), -errors[i]);
        fault_off();
        CHECK(coil__accept_may_recover(-errors[i]));
    }
    CHECK(!coil__accept_may_recover(-ECANCELED));
    server = coil_accept(listener, NULL);
    CHECK_OK(server);
    CHECK_OK(coil_close(server));
    CHECK_OK(coil_close(client));
    CHECK_OK(coil_close(listener));
    return 0;
}

static int accept_tolerantly(void *arg)
{
    int fds[2];
    int count = coil_listen("127.0.0.1", 0, NULL, fds, 2);

    if (count == 1) {
        struct coil_address address;
        int client = coil_socket_address(fds[0], &address);

        client = client < 0 ? client : coil_dial_address(&address, NULL);
        if (client >= 0) {
            int server = coil_accept(fds[0], NULL);

            if (server >= 0) {
                coil_close(server);
            }
            coil_close(client);
        }
        coil_close(fds[0]);
    }
    return *(int *)arg;
}

static void run_tolerantly(void *arg)
{
    CHECK_INT(coil_run(accept_tolerantly, arg), <=, 0);
}

COIL_TEST_LIMIT(accept_survives_every_fault, 120)
{
    int zero = 0;

    torture(run_tolerantly, &zero);
}
