/* Datagram endpoints: E9. */
#include "datagram_calls.h"
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <stdio.h>

/* --- one by one --- */

TASK_TEST(datagram_simulated_network_has_none)
{
    struct coil_datagram *datagram = NULL;
    struct coil_address address = address_of("127.0.0.1:0");

    if (!test_backend_is("sim")) {
        test_skip("about the simulated backend");
    }
    CHECK_ERR(coil_datagram_open(&address, NULL, NULL, &datagram), -EOPNOTSUPP);
    CHECK_PTR(datagram, ==, NULL);
    return 0;
}

TASK_TEST(datagram_question_and_answer)
{
    struct coil_address address = {.size = 0};
    struct coil_address from = {.size = 0};
    struct coil_address mine = {.size = 0};
    struct coil_datagram *server;
    struct coil_datagram *client;
    size_t length = 0;
    char buf[16];

    need_datagrams();
    server = open_here(&address);
    client = open_to(&address);
    CHECK_INT(coil_datagram_send(client, "ping", 4), ==, 4);
    CHECK_INT(coil_datagram_recv_from(server, buf, sizeof buf, &from, &length), ==, 4);
    CHECK_MEM(buf, "ping", 4);
    CHECK_INT(length, ==, 4);
    CHECK_OK(coil_datagram_get_address(client, &mine));
    CHECK_INT(coil_address_get_port(&from), ==, coil_address_get_port(&mine));
    CHECK_OK(coil_datagram_get_peer(client, &mine));
    CHECK_INT(coil_address_get_port(&mine), ==, coil_address_get_port(&address));
    CHECK_ERR(coil_datagram_get_peer(server, &mine), -ENOTCONN);
    CHECK_INT(coil_datagram_send_to(server, "pong", 4, &from), ==, 4);
    expect(client, "pong");
    CHECK_INT(coil_datagram_send(client, NULL, 0), ==, 0); /* an empty one is one */
    CHECK_INT(coil_datagram_recv_from(server, NULL, 0, NULL, &length), ==, 0);
    CHECK_INT(length, ==, 0);
    coil_datagram_close(client);
    coil_datagram_close(server);
    return 0;
}

TASK_TEST(datagram_recv_waits)
{
    struct coil_address address = {.size = 0};
    struct coil_datagram *server;
    struct coil_datagram *client;
    struct job job;

    need_datagrams();
    server = open_here(&address);
    client = open_to(&address);
    for (enum how how = RECV; how <= RECV_BATCH; how++) {
        for (int i = 0; i < 3; i++) { /* more than one edge */
            struct coil_task *task = start(&job, how, server, NULL);

            yield_times(3);
            CHECK(!coil_task_is_done(task));
            CHECK_INT(coil_datagram_send(client, "late", 4), ==, 4);
            CHECK_OK(coil_await(task));
            CHECK_INT(job.rc, ==, how == RECV ? 4 : 1);
            CHECK_MEM(job.buf, "late", 4);
        }
    }
    coil_datagram_close(client);
    coil_datagram_close(server);
    return 0;
}

TASK_TEST(datagram_larger_than_the_buffer)
{
    struct coil_address address = {.size = 0};
    struct coil_address from = {.size = 0};
    struct coil_datagram_message message = {.size = 4};
    struct coil_datagram *server;
    struct coil_datagram *client;
    struct job job;
    size_t length = 0;
    char buf[5] = "....";

    need_datagrams();
    server = open_here(&address);
    client = open_to(&address);
    for (int waits = 0; waits < 2; waits++) {
        struct coil_task *task = waits ? start(&job, SEND, client, NULL) : NULL;

        if (!waits) {
            CHECK_INT(coil_datagram_send(client, "0123456789", 10), ==, 10);
        }
        coil_timeout(COIL_SEC) { /* a send that a fault hits sends nothing */
            CHECK_ERR(coil_datagram_recv_from(server, buf, 4, &from, &length), -EMSGSIZE);
        }
        CHECK_INT(length, ==, waits ? (int64_t)sizeof job.buf : 10);
        CHECK(from.size > 0);
        if (waits) {
            CHECK_OK(coil_await(task));
        } else {
            CHECK_STR(buf, "0123");
        }
    }
    CHECK_INT(coil_datagram_send(client, "0123456789", 10), ==, 10);
    message.buf = buf;
    CHECK_INT(coil_datagram_recv_batch(server, &message, 1), ==, 1);
    CHECK_INT(message.length, ==, 10);
    CHECK_INT(coil_datagram_send(client, "next", 4), ==, 4); /* the rest is gone, not next */
    expect(server, "next");
    coil_datagram_close(client);
    coil_datagram_close(server);
    return 0;
}

TASK_TEST(datagram_too_large_to_send)
{
    static char big[70000];
    struct coil_address address = {.size = 0};
    struct coil_datagram *server;
    struct coil_datagram_message messages[2] = {{.buf = big, .size = 4},
                                                {.buf = big, .size = sizeof big}};

    need_datagrams();
    server = open_here(&address);
    CHECK_ERR(coil_datagram_send_to(server, big, sizeof big, &address), -EMSGSIZE);
    messages[0].address = address;
    messages[1].address = address;
    CHECK_INT(coil_datagram_send_batch(server, messages, 2), ==, 1);
    CHECK_ERR(coil_datagram_send_batch(server, messages + 1, 1), -EMSGSIZE);
    coil_datagram_close(server);
    return 0;
}

TASK_TEST(datagram_refused)
{
    struct coil_address address;
    struct coil_address again = {.size = 0};
    struct coil_datagram *client;
    struct coil_datagram *server = NULL;
    struct job job;

    need_datagrams();
    address = nobody();
    client = open_to(&address);
    for (enum how how = RECV; how < HOWS; how++) {
        CHECK_INT(coil_datagram_send(client, "x", 1), ==, 1); /* answered at once over loopback */
        job = (struct job){.how = how, .datagram = client};
        CHECK_ERR(call(&job), -ECONNREFUSED);
    }
    for (enum how how = RECV; how <= RECV_BATCH; how++) {
        struct coil_task *task = start(&job, how, client, NULL);

        yield_times(3);
        CHECK_INT(coil_datagram_send(client, "x", 1), ==, 1);
        CHECK_OK(coil_await(task));
        CHECK_ERR(job.rc, -ECONNREFUSED);
    }
    CHECK_OK(coil_datagram_open(&address, NULL, NULL, &server)); /* somebody comes */
    CHECK_INT(coil_datagram_send(client, "hello", 5), ==, 5);
    expect(server, "hello");
    CHECK_OK(coil_datagram_get_address(client, &again));
    CHECK_INT(coil_datagram_send_to(server, "back", 4, &again), ==, 4);
    expect(client, "back");
    coil_datagram_close(server);
    coil_datagram_close(client);
    return 0;
}

/* --- batches --- */

enum { MANY = 100, PIECE = 16 };

TASK_TEST(datagram_batches)
{
    static struct coil_datagram_message messages[MANY];
    static char bufs[MANY][PIECE];
    struct coil_address address = {.size = 0};
    struct coil_address mine = {.size = 0};
    struct coil_datagram *server;
    struct coil_datagram *client;
    int got = 0;

    need_datagrams();
    server = open_here(&address);
    client = open_to(&address);
    CHECK_OK(coil_datagram_get_address(client, &mine));
    for (int i = 0; i < MANY; i++) {
        snprintf(bufs[i], PIECE, "number %u", (unsigned)i % 1000);
        messages[i] = (struct coil_datagram_message){.buf = bufs[i], .size = strlen(bufs[i])};
    }
    CHECK_INT(coil_datagram_send_batch(client, messages, MANY), ==, MANY);
    while (got < MANY) {
        struct coil_datagram_message in[MANY];
        static char room[MANY][PIECE];
        int n;

        for (int i = 0; i < MANY; i++) {
            in[i] = (struct coil_datagram_message){.buf = room[i], .size = PIECE, .length = 99};
        }
        n = coil_datagram_recv_batch(server, in, MANY);
        CHECK_OK(n);
        CHECK_INT(n, ==, got == 0 ? COIL_DATAGRAM_BATCH : MANY - COIL_DATAGRAM_BATCH);
        for (int i = 0; i < n; i++) {
            CHECK_INT(in[i].length, ==, messages[got].size);
            CHECK_MEM(in[i].buf, bufs[got], messages[got].size);
            CHECK_INT(coil_address_get_port(&in[i].address), ==, coil_address_get_port(&mine));
            got++;
        }
        CHECK_INT(in[n].length, ==, 99); /* not touched */
        if (n <= 0) {
            break;
        }
    }
    expect_nothing(server);
    coil_datagram_close(client);
    coil_datagram_close(server);
    return 0;
}

TASK_TEST(datagram_batch_costs_one_call)
{
    struct coil_datagram_message messages[8] = {{NULL}};
    struct coil_address address = {.size = 0};
    struct coil_datagram *server;
    uint64_t before;
    char buf[8];

    need_datagrams();
    server = open_here(&address);
    for (int i = 0; i < 8; i++) {
        messages[i] = (struct coil_datagram_message){.buf = buf, .size = 1, .address = address};
    }
    before = fault_calls("sendmmsg");
    CHECK_INT(coil_datagram_send_batch(server, messages, 8), ==, 8);
    CHECK_INT(fault_calls("sendmmsg") - before, ==, 1);
    before = fault_calls("recvmmsg");
    CHECK_INT(coil_datagram_recv_batch(server, messages, 8), ==, 8);
    CHECK_INT(fault_calls("recvmmsg") - before, ==, 1);
    coil_datagram_close(server);
    return 0;
}

/* --- cancel, deadline, close --- */

TASK_TEST(datagram_cancel)
{
    struct coil_address address = {.size = 0};
    struct coil_datagram *server;
    struct coil_datagram *client;
    struct job job;

    need_datagrams();
    server = open_here(&address);
    client = open_to(&address);
    for (enum how how = RECV; how <= RECV_BATCH; how++) {
        struct coil_task *task = start(&job, how, server, NULL);

        yield_times(3);
        CHECK_OK(coil_cancel(task)); /* during */
        CHECK_OK(coil_await(task));
        CHECK_ERR(job.rc, -ECANCELED);

        task = start(&job, how, server, NULL);
        yield_times(3);
        CHECK_INT(coil_datagram_send(client, "kept", 4), ==, 4);
        CHECK_OK(coil_cancel(task)); /* at once: either it has the datagram or the socket does */
        CHECK_OK(coil_await(task));
        if (job.rc < 0) {
            CHECK_ERR(job.rc, -ECANCELED);
            expect(server, "kept");
        } else {
            CHECK_MEM(job.buf, "kept", 4);
        }
        coil_timeout(0) {
            coil_yield();
            job = (struct job){.how = how, .datagram = server};
            CHECK_ERR(call(&job), -ETIMEDOUT); /* before */
        }
    }
    expect_nothing(server);
    CHECK_INT(coil_datagram_send(client, "on", 2), ==, 2);
    expect(server, "on");
    coil_datagram_close(client);
    coil_datagram_close(server);
    return 0;
}

TASK_TEST(datagram_close_ends_waits)
{
    struct coil_address address = {.size = 0};
    struct coil_datagram *server;
    struct coil_datagram *other;
    struct coil_task *tasks[4];
    struct job jobs[4];

    need_datagrams();
    server = open_here(&address);
    for (int i = 0; i < 4; i++) {
        tasks[i] = start(&jobs[i], (enum how)(i % 2), server, NULL);
    }
    yield_times(3);
    coil_cancel(tasks[3]); /* whichever is first, it ends */
    coil_datagram_close(server);
    CHECK_ERR(coil_datagram_send(server, "x", 1), -COIL_ECLOSED);
    other = open_here(&address); /* while they still wait */
    for (int i = 0; i < 4; i++) {
        CHECK_OK(coil_await(tasks[i]));
        CHECK_ERR(jobs[i].rc, i == 3 ? -ECANCELED : -COIL_ECLOSED);
    }
    coil_datagram_close(server);
    CHECK_ERR(coil_datagram_get_fd(server), -COIL_ECLOSED);
    CHECK_OK(coil_datagram_get_fd(other));
    coil_datagram_close(other);
    coil_datagram_close(NULL);
    return 0;
}

TASK_TEST(datagram_memory_is_used_again)
{
    struct coil_address address = {.size = 0};
    struct coil_datagram *old;
    struct coil_datagram *new;
    size_t blocks;

    need_datagrams();
    old = open_here(&address);
    coil_datagram_close(old);
    blocks = test_live_blocks();
    for (int i = 0; i < 10; i++) {
        new = open_here(&address);
        CHECK_ERR(coil_datagram_get_fd(old), -COIL_ECLOSED); /* same memory, other generation */
        coil_datagram_close(new);
    }
    CHECK_INT(test_live_blocks(), ==, blocks);
    return 0;
}

TASK_TEST(datagram_left_open)
{
    struct coil_address address = {.size = 0};
    static struct job job;

    need_datagrams();
    coil_detach(start(&job, RECV, open_here(&address), NULL));
    open_to(&address);
    return coil_yield();
}

static int receive_until_stopped(void *arg)
{
    char buf[8];
    ssize_t n;

    while ((n = coil_datagram_recv(arg, buf, sizeof buf)) > 0) {
        coil_datagram_send(arg, buf, 1); /* to itself: there is always one */
    }
    return (int)n;
}

TASK_TEST(datagram_does_not_starve_others)
{
    struct coil_address address = {.size = 0};
    struct coil_datagram *self = NULL;
    struct coil_task *task;

    need_datagrams();
    address = nobody();
    CHECK_OK(coil_datagram_open(&address, &address, NULL, &self));
    CHECK_INT(coil_datagram_send(self, "x", 1), ==, 1);
    task = coil_create_task(receive_until_stopped, self);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(coil_yield());
    }
    CHECK_OK(coil_cancel(task));
    CHECK_ERR(coil_await(task), -ECANCELED);
    coil_datagram_close(self);
    return 0;
}

/* --- misuse and faults --- */

static int use_elsewhere(void *arg)
{
    CHECK_ERR(coil_datagram_send(arg, "x", 1), -COIL_EWRONGTHREAD);
    coil_datagram_close(arg); /* does nothing */
    return 0;
}

TASK_TEST(datagram_misuse_is_named)
{
    struct coil_datagram_message message = {.size = 4};
    struct coil_address none = {.size = 0};
    struct coil_address in4 = address_of("127.0.0.1:0");
    struct coil_address in6 = address_of("[::1]:0");
    struct coil_address odd = {.size = sizeof(sa_family_t), .storage.ss_family = AF_PACKET};
    struct coil_datagram *datagram = NULL;
    char buf[4];

    need_datagrams();
    CHECK_ERR(coil_datagram_open(NULL, NULL, NULL, &datagram), -EINVAL);
    CHECK_ERR(coil_datagram_open(&none, &none, NULL, &datagram), -EINVAL);
    CHECK_ERR(coil_datagram_open(&in4, NULL, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_datagram_open(&in4, &in6, NULL, &datagram), -EAFNOSUPPORT);
    CHECK_ERR(coil_datagram_open(&odd, NULL, NULL, &datagram), -EAFNOSUPPORT);
    CHECK_PTR(datagram, ==, NULL);
    datagram = open_at("127.0.0.1:0", NULL);
    CHECK_ERR(coil_datagram_send(datagram, "x", 1), -EDESTADDRREQ);
    CHECK_ERR(coil_datagram_send(datagram, NULL, 1), -EINVAL);
    CHECK_ERR(coil_datagram_send_to(datagram, "x", 1, NULL), -EINVAL);
    CHECK_ERR(coil_datagram_send_to(datagram, "x", 1, &none), -EINVAL);
    CHECK_ERR(coil_datagram_recv(datagram, NULL, 1), -EINVAL);
    CHECK_ERR(coil_datagram_recv(datagram, buf, SIZE_MAX), -EINVAL);
    CHECK_ERR(coil_datagram_recv_batch(datagram, NULL, 1), -EINVAL);
    CHECK_ERR(coil_datagram_recv_batch(datagram, &message, 0), -EINVAL);
    CHECK_ERR(coil_datagram_recv_batch(datagram, &message, 1), -EINVAL);
    CHECK_ERR(coil_datagram_send_batch(datagram, NULL, 1), -EINVAL);
    CHECK_ERR(coil_datagram_send_batch(datagram, &message, 0), -EINVAL);
    CHECK_ERR(coil_datagram_send_batch(datagram, &message, 1), -EINVAL);
    CHECK_ERR(coil_datagram_get_address(datagram, NULL), -EINVAL);
    CHECK_ERR(coil_datagram_recv(NULL, buf, 1), -EINVAL);
    CHECK_ERR(coil_datagram_get_fd(NULL), -EINVAL);
    CHECK_ERR(coil_datagram_get_peer(NULL, &none), -EINVAL);
    CHECK_OK(run_elsewhere(use_elsewhere, datagram));
    CHECK_OK(coil_datagram_get_fd(datagram));
    coil_datagram_close(datagram);
    return 0;
}

COIL_TEST(datagram_without_a_loop)
{
    struct coil_address in4 = address_of("127.0.0.1:0");
    struct coil_datagram *datagram = NULL;

    CHECK_ERR(coil_datagram_open(&in4, NULL, NULL, &datagram), -COIL_ENOLOOP);
    coil_datagram_close(NULL);
}

TASK_TEST(datagram_failing_system_calls)
{
    static const struct {
        const char *name;
        int error;
    } faults[] = {{"socket", EMFILE}, {"bind", EACCES}, {"setsockopt", ENOPROTOOPT}};
    struct coil_datagram_options options = {.broadcast = true};
    struct coil_address in4 = address_of("127.0.0.1:0");
    struct coil_address here = {.size = 0};
    struct coil_datagram *datagram = NULL;
    struct coil_datagram_message message = {.buf = &here, .size = 1};

    need_datagrams();
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        fault_syscall_named(faults[i].name, 1, faults[i].error);
        CHECK_ERR(coil_datagram_open(&in4, NULL, &options, &datagram), -faults[i].error);
    }
    fault_off();
    datagram = open_here(&here);
    fault_syscall_named("sendmsg", 1, ENOBUFS);
    CHECK_ERR(coil_datagram_send_to(datagram, "x", 1, &here), -ENOBUFS);
    fault_syscall_named("recvmsg", 1, ENOMEM);
    CHECK_ERR(coil_datagram_recv(datagram, &message, 1), -ENOMEM);
    fault_syscall_named("sendmmsg", 1, ENOBUFS);
    message.address = here;
    CHECK_ERR(coil_datagram_send_batch(datagram, &message, 1), -ENOBUFS);
    fault_syscall_named("recvmmsg", 1, ENETDOWN);
    CHECK_ERR(coil_datagram_recv_batch(datagram, &message, 1), -ENETDOWN);
    fault_off();
    coil_datagram_close(datagram);
    return 0;
}

static int exchange(void *arg)
{
    struct coil_address in4;
    struct coil_address here;
    struct coil_datagram *server = NULL;
    struct coil_datagram *client = NULL;
    struct coil_datagram_message message = {.buf = arg, .size = 1};
    char buf[4];

    if (coil_address_parse("127.0.0.1:0", &in4) == 0 &&
        coil_datagram_open(&in4, NULL, NULL, &server) == 0 &&
        coil_datagram_get_address(server, &here) == 0 &&
        coil_datagram_open(NULL, &here, NULL, &client) == 0) {
        coil_timeout(20 * COIL_MSEC) {
            coil_datagram_send(client, "a", 1);
            coil_datagram_send_batch(client, &message, 1);
            coil_datagram_recv(server, buf, sizeof buf);
            coil_datagram_recv_batch(server, &message, 1);
        }
    }
    coil_datagram_close(client);
    coil_datagram_close(server);
    return 0;
}

static void run_exchange(void *arg)
{
    coil_run(exchange, arg);
}

COIL_TEST_LIMIT(datagram_tortured, 120)
{
    char byte = 'x';

    need_datagrams();
    torture(run_exchange, &byte);
}
