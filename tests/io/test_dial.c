/* Connecting: one address, Happy Eyeballs over several, everything that goes wrong. getaddrinfo is
 * replaced, so that a name has the addresses a test wants. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"

#include <coil/net.h>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

/* --- the name service: "host" has these addresses, "slow" an answer that never comes --- */

static const char *host_ips[8];
static sem_t gate;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_info)
{
    struct addrinfo **next = ret_info;

    (void)service;
    if (strcmp(host, "slow") == 0) {
        sem_wait(&gate);
        return EAI_AGAIN;
    }
    if (strcmp(host, "host") != 0) {
        return EAI_NONAME;
    }
    *next = NULL;
    for (int i = 0; host_ips[i]; i++) {
        struct addrinfo *info = calloc(1, sizeof *info + sizeof(struct sockaddr_in6));
        struct coil_address address;

        CHECK_OK(coil_address_from_ip(host_ips[i], 0, &address));
        if (!info) {
            freeaddrinfo(*ret_info);
            return EAI_MEMORY;
        }
        info->ai_family = address.storage.ss_family;
        info->ai_addr = (struct sockaddr *)(void *)(info + 1);
        info->ai_addrlen = address.size;
        memcpy(info->ai_addr, &address.storage, address.size);
        if (hints->ai_family == AF_UNSPEC || hints->ai_family == info->ai_family) {
            *next = info;
            next = &info->ai_next;
        } else {
            free(info);
        }
    }
    return *ret_info ? 0 : EAI_ADDRFAMILY;
}

void freeaddrinfo(struct addrinfo *info)
{
    while (info) {
        struct addrinfo *next = info->ai_next;

        free(info);
        info = next;
    }
}

static void set_host(const char *a, const char *b, const char *c, const char *d)
{
    host_ips[0] = a;
    host_ips[1] = b;
    host_ips[2] = c;
    host_ips[3] = d;
    host_ips[4] = NULL;
}

/* --- helpers --- */

static uint16_t port_of(int fd)
{
    struct coil_address address = {.size = 0};

    CHECK_OK(coil_socket_address(fd, &address));
    return address.size > 0 ? (uint16_t)coil_address_get_port(&address) : 0;
}

static int listen_with(const char *ip, uint16_t port, const struct coil_listen_options *options)
{
    struct coil_address address;

    CHECK_OK(coil_address_from_ip(ip, port, &address));
    return coil_listen_address(&address, options);
}

static int listen_at(const char *ip, uint16_t port)
{
    return listen_with(ip, port, NULL);
}

/* A port that nobody listens on, on any 127.x.x.x. */
static uint16_t free_port(void)
{
    int fd = listen_at("0.0.0.0", 0);
    uint16_t port;

    CHECK_OK(fd);
    port = port_of(fd);
    CHECK_OK(coil_close(fd));
    return port;
}

/* The same port at all addresses; another one, if somebody else has it at one of them. */
static void listen_at_all(const char *const *ips, int count,
                          const struct coil_listen_options *options, int *ret_fds)
{
    for (int tries = 0; tries < 10; tries++) {
        uint16_t port = 0;
        int done = 0;

        for (; done < count; done++) {
            ret_fds[done] = listen_with(ips[done], port, options);
            if (ret_fds[done] < 0) {
                break;
            }
            port = port_of(ret_fds[0]);
        }
        if (done == count) {
            return;
        }
        while (done > 0) {
            CHECK_OK(coil_close(ret_fds[--done]));
        }
    }
    CHECK_MSG(false, "no port is free at all addresses");
    for (int i = 0; i < count; i++) {
        ret_fds[i] = -1;
    }
}

/* A listener that lets connects hang: its backlog is full. */
struct black_hole {
    int fds[8]; /* the listener, and who fills it */
};

static int dial_short(const char *ip, uint16_t port)
{
    int fd = -1;

    coil_timeout(50 * COIL_MSEC) {
        fd = coil_dial(ip, port, NULL);
    }
    return fd;
}

static const struct coil_listen_options shortest = {.backlog = 1};

/* Of a socket that listens there, with the shortest backlog. */
static void make_black_hole(struct black_hole *hole, const char *ip, int listener)
{
    int i = 1;

    CHECK_OK(listener);
    hole->fds[0] = listener;
    for (; i < 7; i++) {
        hole->fds[i] = dial_short(ip, port_of(listener));
        if (hole->fds[i] < 0) {
            break;
        }
    }
    CHECK_MSG(i < 7 && hole->fds[i] == -ETIMEDOUT, "a connect that should hang does not");
    hole->fds[i] = -1;
}

static void open_black_hole(struct black_hole *hole, const char *ip)
{
    make_black_hole(hole, ip, listen_with(ip, 0, &shortest));
}

static void close_black_hole(struct black_hole *hole)
{
    for (int i = 0; hole->fds[i] >= 0; i++) {
        CHECK_OK(coil_close(hole->fds[i]));
    }
}

/* The lowest descriptor that is free: equal before and after, nothing was left open. */
static int lowest_free(void)
{
    int fd = listen_at("127.0.0.1", 0);

    CHECK_OK(fd);
    CHECK_OK(coil_close(fd));
    return fd;
}

static void check_talk(int a, int b)
{
    char buf[8];

    CHECK_INT(coil_send_all(a, "ping", 4), ==, 4);
    CHECK_INT(coil_recv(b, buf, sizeof buf, 0), ==, 4);
    CHECK_MEM(buf, "ping", 4);
    CHECK_INT(coil_send_all(b, "pong", 4), ==, 4);
    CHECK_INT(coil_recv(a, buf, sizeof buf, 0), ==, 4);
    CHECK_MEM(buf, "pong", 4);
}

static int get_option(int fd, int level, int name)
{
    socklen_t size = sizeof(int);
    int value = 0;

    CHECK_INT(getsockopt(fd, level, name, &value, &size), ==, 0);
    return value;
}

/* --- one address --- */

TASK_TEST(dial_connects)
{
    struct coil_address own;
    struct coil_address peer;
    int listener = listen_at("127.0.0.1", 0);
    int client = coil_dial("127.0.0.1", port_of(listener), NULL);
    int server;

    CHECK_OK(listener);
    CHECK_OK(client);
    server = coil_accept(listener, &peer);
    CHECK_OK(server);
    CHECK_OK(coil_socket_address(client, &own));
    CHECK_MEM(&own.storage, &peer.storage, peer.size);
    CHECK_OK(coil_socket_peer(client, &peer));
    CHECK_INT(coil_address_get_port(&peer), ==, port_of(listener));
    check_talk(client, server);
    if (!test_backend_is("sim")) {
        CHECK_INT(get_option(client, IPPROTO_TCP, TCP_NODELAY), !=, 0);
        CHECK_INT(get_option(server, IPPROTO_TCP, TCP_NODELAY), !=, 0);
        CHECK(fcntl(client, F_GETFL) & O_NONBLOCK);
        CHECK(fcntl(server, F_GETFL) & O_NONBLOCK);
        CHECK(fcntl(client, F_GETFD) & FD_CLOEXEC);
        CHECK(fcntl(server, F_GETFD) & FD_CLOEXEC);
    }
    CHECK_OK(coil_close(client));
    CHECK_OK(coil_close(server));
    CHECK_OK(coil_close(listener));
    return 0;
}

TASK_TEST(dial_unix)
{
    char host[200] = "unix:";
    struct coil_address address;
    int listener;
    int client;
    int server;

    test_temp_path(host + 5, sizeof host - 5, "socket");
    CHECK_OK(coil_listen(host, 0, NULL, &listener, 1));
    client = coil_dial(host, 0, NULL);
    CHECK_OK(client);
    server = coil_accept(listener, &address);
    CHECK_OK(server);
    check_talk(client, server);
    CHECK_OK(coil_close(client));
    CHECK_OK(coil_close(server));
    CHECK_OK(coil_close(listener));
    CHECK_ERR(coil_dial(host, 0, NULL), test_backend_is("sim") ? -ENOENT : -ECONNREFUSED);
    CHECK_ERR(coil_dial("unix:", 0, NULL), -COIL_EADDRESS);
    CHECK_ERR(coil_dial("unix:/no/such/folder/s", 0, NULL), -ENOENT);
    return 0;
}

TASK_TEST(dial_refused)
{
    struct coil_dial_attempt attempt = {.error = 1};
    size_t count = 77;
    struct coil_dial_options options = {
        .ret_attempts = &attempt, .max_attempts = 1, .ret_attempt_count = &count};
    struct coil_address address;
    uint16_t port = free_port();
    int lowest = lowest_free();

    CHECK_ERR(coil_dial("127.0.0.1", port, &options), -ECONNREFUSED);
    CHECK_INT(count, ==, 1);
    CHECK_ERR(attempt.error, -ECONNREFUSED);
    CHECK_INT(coil_address_get_port(&attempt.address), ==, port);
    CHECK_OK(coil_address_from_ip("127.0.0.1", port, &address));
    CHECK_ERR(coil_dial_address(&address, NULL), -ECONNREFUSED);
    CHECK_INT(lowest_free(), ==, lowest);
    return 0;
}

TASK_TEST(dial_misuse_is_named)
{
    struct coil_dial_options options = {.max_attempts = 1};
    struct coil_address address = {0};
    size_t count = 77;

    CHECK_ERR(coil_dial(NULL, 80, NULL), -EINVAL);
    CHECK_ERR(coil_dial("127.0.0.1", 80, &options), -EINVAL);
    options = (struct coil_dial_options){.family = AF_UNIX};
    CHECK_ERR(coil_dial("127.0.0.1", 80, &options), -EINVAL);
    CHECK_ERR(coil_dial_address(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_dial_address(&address, NULL), -EAFNOSUPPORT);
    options = (struct coil_dial_options){.ret_attempt_count = &count};
    CHECK_ERR(coil_dial("no.such.host", 80, &options), -COIL_EHOSTNAME);
    CHECK_INT(count, ==, 0);
    CHECK_ERR(coil_dial("no.such.host.invalid", 80, NULL), -COIL_EHOSTNAME);
    CHECK_ERR(coil_socket_address(-1, &address), -EBADF);
    CHECK_ERR(coil_socket_peer(0, NULL), -EINVAL);
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_dial("127.0.0.1", 80, NULL), -ECANCELED);
    CHECK_ERR(coil_dial_address(&address, NULL), -ECANCELED);
    return 0;
}

COIL_TEST(dial_outside_of_a_task)
{
    struct coil_address address;

    CHECK_OK(coil_address_from_ip("127.0.0.1", 1, &address));
    CHECK_ERR(coil_dial("127.0.0.1", 80, NULL), -COIL_ENOLOOP);
    CHECK_ERR(coil_dial_address(&address, NULL), -COIL_ENOLOOP);
    CHECK_ERR(coil_listen_address(&address, NULL), -COIL_ENOLOOP);
    CHECK_ERR(coil_socket_address(0, &address), -COIL_ENOLOOP);
}

TASK_TEST(dial_from_a_local_address)
{
    struct coil_address local;
    struct coil_address peer;
    struct coil_dial_options options = {.local_address = &local};
    int listener = listen_at("127.0.0.1", 0);
    uint16_t port = free_port();
    int client;
    int server;

    CHECK_OK(listener);
    CHECK_OK(coil_address_from_ip("127.0.0.2", port, &local));
    client = coil_dial("127.0.0.1", port_of(listener), &options);
    CHECK_OK(client);
    server = coil_accept(listener, &peer);
    CHECK_OK(server);
    CHECK_MEM(&peer.storage, &local.storage, local.size);
    CHECK_OK(coil_close(client));
    CHECK_OK(coil_close(server));
    /* Only addresses of its family are tried. */
    set_host("2001:db8::1", "127.0.0.1", NULL, NULL);
    CHECK_OK(coil_address_from_ip("127.0.0.3", 0, &local));
    client = coil_dial("host", port_of(listener), &options);
    CHECK_OK(client);
    CHECK_OK(coil_close(client));
    options.family = AF_INET6;
    CHECK_ERR(coil_dial("host", port_of(listener), &options), -EINVAL);
    options.family = 0;
    CHECK_OK(coil_address_from_ip("192.0.2.77", 0, &local)); /* not this machine's */
    if (!test_backend_is("sim")) {
        CHECK_INT(coil_dial("127.0.0.1", port_of(listener), &options), <, 0);
    }
    CHECK_OK(coil_close(listener));
    return 0;
}

TASK_TEST(dial_does_not_reach_itself)
{
    struct coil_address local;
    struct coil_dial_options options = {.local_address = &local};
    uint16_t port = free_port();
    int lowest = lowest_free();
    int rc;

    CHECK_OK(coil_address_from_ip("127.0.0.1", port, &local));
    rc = coil_dial("127.0.0.1", port, &options);
    if (rc >= 0) {
        coil_close(rc);
    }
    CHECK_ERR(rc, -ECONNREFUSED);
    CHECK_INT(lowest_free(), ==, lowest);
    return 0;
}

/* --- several addresses --- */

TASK_TEST(dial_goes_on_when_an_attempt_fails)
{
    struct coil_dial_attempt attempts[4];
    size_t count;
    struct coil_dial_options options = {.delay_ns = 100 * COIL_SEC,
                                        .ret_attempts = attempts,
                                        .max_attempts = 4,
                                        .ret_attempt_count = &count};
    int listener = listen_at("127.0.9.3", 0); /* others have their ports at 127.0.0.1 */
    int64_t began = test_now_ns();
    int client;

    CHECK_OK(listener);
    set_host("127.0.9.1", "127.0.9.2", "127.0.9.3", "127.0.9.4");
    client = coil_dial("host", port_of(listener), &options);
    CHECK_OK(client);
    CHECK_INT(test_now_ns() - began, <, 10 * COIL_SEC);
    CHECK_INT(count, ==, 3);
    CHECK_ERR(attempts[0].error, -ECONNREFUSED);
    CHECK_ERR(attempts[1].error, -ECONNREFUSED);
    CHECK_ERR(attempts[2].error, 0);
    CHECK_OK(coil_close(client));
    options = (struct coil_dial_options){.no_happy_eyeballs = true};
    client = coil_dial("host", port_of(listener), &options);
    CHECK_OK(client);
    CHECK_OK(coil_close(client));
    CHECK_OK(coil_close(listener));
    return 0;
}

TASK_TEST(dial_starts_the_next_attempt_after_the_delay)
{
    struct coil_dial_attempt attempts[3];
    struct coil_dial_options options = {.ret_attempts = attempts, .max_attempts = 3};
    const char *const ips[] = {"127.0.0.1", "127.0.0.2"};
    struct black_hole hole;
    int listeners[2];
    uint16_t port;
    int64_t began;
    int lowest;
    int client = -1;

    listen_at_all(ips, 2, &shortest, listeners);
    port = port_of(listeners[1]);
    make_black_hole(&hole, ips[0], listeners[0]);
    lowest = lowest_free();
    set_host("127.0.0.1", "127.0.0.2", "127.0.0.3", NULL);
    began = coil_now();
    coil_timeout(5 * COIL_SEC) {
        client = coil_dial("host", port, &options);
    }
    CHECK_OK(client);
    CHECK_INT(coil_now() - began, >=, 250 * COIL_MSEC);
    CHECK_INT(coil_now() - began, <, 5 * COIL_SEC);
    CHECK_ERR(attempts[0].error, -ECANCELED);
    CHECK_ERR(attempts[1].error, 0);
    CHECK_OK(coil_close(client));
    CHECK_INT(lowest_free(), ==, lowest);
    close_black_hole(&hole);
    CHECK_OK(coil_close(listeners[1]));
    return 0;
}

TASK_TEST(dial_alternates_between_families)
{
    static const char *const expected[] = {"2001:db8::1", "127.0.0.1", "2001:db8::2", "127.0.0.2",
                                           "127.0.0.3"};
    struct coil_dial_attempt attempts[8];
    size_t count;
    struct coil_dial_options options = {.delay_ns = 1 * COIL_MSEC,
                                        .ret_attempts = attempts,
                                        .max_attempts = 8,
                                        .ret_attempt_count = &count};
    uint16_t port = free_port();
    struct coil_address address;
    int rc;

    set_host("2001:db8::1", "2001:db8::2", "127.0.0.1", "127.0.0.2");
    host_ips[4] = "127.0.0.3";
    coil_timeout(500 * COIL_MSEC) {
        rc = coil_dial("host", port, &options);
        CHECK_INT(rc, <, 0);
    }
    CHECK_INT(count, ==, 5);
    for (int i = 0; i < 5; i++) {
        CHECK_OK(coil_address_from_ip(expected[i], port, &address));
        CHECK_MEM(&attempts[i].address.storage, &address.storage, address.size);
        CHECK_INT(attempts[i].error, <, 0);
    }
    return 0;
}

TASK_TEST(dial_returns_the_first_error)
{
    struct coil_dial_attempt attempts[1];
    size_t count;
    struct coil_dial_options options = {
        .ret_attempts = attempts, .max_attempts = 1, .ret_attempt_count = &count};
    uint16_t port = free_port();
    int lowest = lowest_free();

    set_host("127.0.0.1", "127.0.0.2", "127.0.0.3", NULL);
    CHECK_ERR(coil_dial("host", port, &options), -ECONNREFUSED);
    CHECK_INT(count, ==, 3);
    options.no_happy_eyeballs = true;
    CHECK_ERR(coil_dial("host", port, &options), -ECONNREFUSED);
    CHECK_INT(count, ==, 3);
    CHECK_INT(lowest_free(), ==, lowest);
    return 0;
}

TASK_TEST(dial_closes_those_that_lost)
{
    const char *const ips[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    struct coil_dial_options options = {.delay_ns = 1};
    int listeners[3];
    int lowest;

    listen_at_all(ips, 3, NULL, listeners);
    lowest = lowest_free();
    set_host("127.0.0.1", "127.0.0.2", "127.0.0.3", NULL);
    for (int i = 0; i < 50; i++) {
        int client = coil_dial("host", port_of(listeners[0]), &options);

        CHECK_OK(client);
        CHECK_OK(coil_close(client));
        CHECK_INT(lowest_free(), ==, lowest);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_close(listeners[i]));
    }
    return 0;
}

/* --- cancels and deadlines --- */

/* A dial; where a fault has made room for it after all, it is closed. */
static void check_fails(int rc, int error)
{
    CHECK_ERR(rc, error);
    if (rc >= 0) {
        CHECK_OK(coil_close(rc));
    }
}

static int dial_host(void *arg)
{
    return coil_dial("host", *(const uint16_t *)arg, NULL);
}

TASK_TEST(dial_cancel_closes_everything)
{
    const char *const ips[] = {"127.0.0.1", "127.0.0.2"};
    struct black_hole holes[2];
    struct coil_task *task;
    int listeners[2];
    uint16_t port;
    int lowest;

    listen_at_all(ips, 2, &shortest, listeners);
    port = port_of(listeners[0]);
    for (int i = 0; i < 2; i++) {
        make_black_hole(&holes[i], ips[i], listeners[i]);
    }
    lowest = lowest_free();
    set_host("127.0.0.1", "127.0.0.2", NULL, NULL);
    for (int i = 0; i < 5; i += test_is_torture() ? 3 : 1) {
        task = coil_create_task(dial_host, &port);
        CHECK_OK(coil_sleep(i * 100 * COIL_MSEC));
        coil_cancel(task);
        check_fails(coil_await(task), -ECANCELED);
        CHECK_INT(lowest_free(), ==, lowest);
    }
    close_black_hole(&holes[0]);
    close_black_hole(&holes[1]);
    return 0;
}

TASK_TEST(dial_deadline_covers_lookup_and_connect)
{
    struct black_hole hole;
    uint16_t port;
    int lowest;
    int rc = 0;

    sem_init(&gate, 0, 0);
    open_black_hole(&hole, "127.0.0.1");
    port = port_of(hole.fds[0]);
    lowest = lowest_free();
    coil_timeout(20 * COIL_MSEC) {
        rc = coil_dial("127.0.0.1", port, NULL);
    }
    check_fails(rc, -ETIMEDOUT);
    set_host("127.0.0.1", "127.0.0.1", NULL, NULL);
    coil_timeout(20 * COIL_MSEC) {
        rc = coil_dial("host", port, NULL);
    }
    check_fails(rc, -ETIMEDOUT);
    coil_timeout(20 * COIL_MSEC) {
        rc = coil_dial("slow", port, NULL);
    }
    check_fails(rc, -ETIMEDOUT);
    CHECK_INT(lowest_free(), ==, lowest);
    close_black_hole(&hole);
    sem_post(&gate);
    return 0;
}

/* A deadline that passes while the call is on its way, however many calls went before it. */
TASK_TEST(dial_deadline_that_has_passed)
{
    enum { FEWEST_CALLS = 118, MOST_CALLS = 134 }; /* around a task's budget */
    struct black_hole hole = {{0}};
    uint16_t port;
    int fds[2];

    if (test_backend_is("sim")) {
        test_skip("no time passes while a task runs");
    }
    open_black_hole(&hole, "127.0.0.1");
    port = port_of(hole.fds[0]);
    test_socket_pair(fds);
    for (int calls = FEWEST_CALLS; calls <= MOST_CALLS; calls += test_is_torture() ? 4 : 1) {
        int rc = 0;

        coil_yield();
        coil_timeout(COIL_MSEC) {
            int64_t end = coil_now() + 2 * COIL_MSEC;

            while (coil_now() < end) {
            }
            for (int i = 0; i < calls; i++) {
                coil_poll(fds[0], POLLOUT);
            }
            rc = coil_dial("127.0.0.1", port, NULL);
        }
        check_fails(rc, -ETIMEDOUT);
    }
    close(fds[0]);
    close(fds[1]);
    close_black_hole(&hole);
    return 0;
}

/* Whatever comes first: a connection that is returned is open, one that is not is closed. */
TASK_TEST(dial_cancel_race)
{
    int listener = listen_at("127.0.0.2", 0);
    uint16_t port = port_of(listener);
    int lowest = lowest_free();

    CHECK_OK(listener);
    set_host("127.0.0.1", "127.0.0.2", "127.0.0.2", NULL);
    for (int i = 0; i < 200; i++) {
        struct coil_task *task = coil_create_task(dial_host, &port);
        int rc;

        yield_times(i % 20);
        coil_cancel(task);
        rc = coil_await(task);
        CHECK(rc >= 0 || rc == -ECANCELED);
        if (rc >= 0) {
            struct coil_address peer;

            CHECK_OK(coil_socket_peer(rc, &peer));
            CHECK_OK(coil_close(rc));
        }
        CHECK_INT(lowest_free(), ==, lowest);
    }
    CHECK_OK(coil_close(listener));
    return 0;
}

/* --- faults --- */

static int dial_tolerantly(void *arg)
{
    struct coil_address address;
    int listener;
    int client;

    set_host("127.0.0.1", "127.0.0.2", "127.0.0.3", NULL);
    CHECK_OK(coil_address_from_ip("127.0.0.3", 0, &address));
    listener = coil_listen_address(&address, NULL);
    if (listener < 0) {
        return *(int *)arg;
    }
    if (coil_socket_address(listener, &address) == 0) {
        client = coil_dial("host", (uint16_t)coil_address_get_port(&address), NULL);
        if (client >= 0) {
            coil_close(client);
        }
    }
    coil_close(listener);
    return *(int *)arg;
}

static void run_tolerantly(void *arg)
{
    CHECK_INT(coil_run(dial_tolerantly, arg), <=, 0);
}

COIL_TEST_LIMIT(dial_survives_every_fault, 200)
{
    int zero = 0;

    torture(run_tolerantly, &zero);
}
