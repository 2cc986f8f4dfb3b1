/* Datagram endpoints of unix sockets: E9, E10. */
#include "datagram_calls.h"
#include "harness.h"
#include "in_task.h"

TASK_TEST(datagram_unix)
{
    struct coil_address own = {.size = sizeof(sa_family_t), .storage.ss_family = AF_UNIX};
    struct coil_address address;
    struct coil_address from = {.size = 0};
    struct coil_datagram *server = NULL;
    struct coil_datagram *client = NULL;
    char buf[16];

    need_datagrams();
    address = unix_at("server");
    CHECK_ERR(coil_datagram_open(NULL, &address, NULL, &client), -ENOENT);
    CHECK_OK(coil_datagram_open(&address, NULL, NULL, &server));
    CHECK_OK(coil_datagram_open(NULL, &address, NULL, &client));
    CHECK_INT(coil_datagram_send(client, "nameless", 8), ==, 8);
    CHECK_INT(coil_datagram_recv_from(server, buf, sizeof buf, &from, NULL), ==, 8);
    CHECK_INT(from.size, ==, 0);
    coil_datagram_close(client);
    CHECK_OK(coil_datagram_open(&own, &address, NULL, &client));
    CHECK_INT(coil_datagram_send(client, "named", 5), ==, 5);
    CHECK_INT(coil_datagram_recv_from(server, buf, sizeof buf, &from, NULL), ==, 5);
    CHECK_INT(coil_datagram_send_to(server, "back", 4, &from), ==, 4);
    expect(client, "back");
    coil_datagram_close(server);
    CHECK_ERR(coil_datagram_send(client, "x", 1), -ECONNREFUSED);
    coil_datagram_close(client);
    return 0;
}

/* Sends until the receiver's queue is full, then one more, which waits for room. */
static void fill_and_wait(struct coil_datagram *sender, struct coil_datagram *receiver,
                          const struct coil_address *to)
{
    for (enum how how = SEND; how < HOWS; how++) {
        struct coil_task *task;
        struct job job = {.how = how, .datagram = sender, .to = to};
        int sent = 0;
        ssize_t rc = 1;

        while (rc > 0) {
            coil_timeout(5 * COIL_MSEC) {
                rc = call(&job);
            }
            sent += rc > 0;
        }
        CHECK_ERR(rc, -ETIMEDOUT);
        CHECK_INT(sent, >, 0);
        task = start(&job, how, sender, to);
        yield_times(3);
        CHECK(!coil_task_is_done(task));
        for (int i = 0; i < sent; i++) { /* until there is room: some systems need half */
            CHECK_INT(coil_datagram_recv(receiver, job.buf, sizeof job.buf), ==, sizeof job.buf);
        }
        CHECK_OK(coil_await(task));
        CHECK_INT(job.rc, ==, how == SEND ? (int64_t)sizeof job.buf : 1);
        CHECK_INT(coil_datagram_recv(receiver, job.buf, sizeof job.buf), ==, sizeof job.buf);
    }
}

TASK_TEST(datagram_unix_sender_waits_for_room)
{
    struct coil_datagram_options options = {.send_buffer = 1 << 20};
    struct coil_address own = {.size = sizeof(sa_family_t), .storage.ss_family = AF_UNIX};
    struct coil_address address;
    struct coil_datagram *server = NULL;
    struct coil_datagram *client = NULL;
    struct coil_datagram *blind = NULL;
    struct coil_task *task;
    struct job job;

    need_datagrams();
    address = unix_at("server");
    CHECK_OK(coil_datagram_open(&address, NULL, NULL, &server));
    CHECK_OK(coil_datagram_open(NULL, &address, &options, &client));
    CHECK_OK(coil_datagram_open(&own, NULL, &options, &blind));
    fill_and_wait(client, server, NULL);
    fill_and_wait(blind, server, &address);
    job = (struct job){.how = SEND, .datagram = blind, .to = &address};
    for (ssize_t rc = 1; rc > 0;) {
        coil_timeout(5 * COIL_MSEC) {
            rc = call(&job);
        }
    }
    task = start(&job, SEND, blind, &address);
    yield_times(3);
    coil_datagram_close(blind);
    CHECK_OK(coil_await(task));
    CHECK_ERR(job.rc, -COIL_ECLOSED);
    coil_datagram_close(client);
    coil_datagram_close(server);
    return 0;
}
