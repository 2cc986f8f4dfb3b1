/* Bare sockets (E13): requests and answers, much content both ways, calls after cancelled ones. */
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <unistd.h>

enum { MUCH = 1000000 };

/* --- a request and its answer --- */

static int answer(void *arg)
{
    int fd = coil_accept(*(int *)arg, NULL);
    char buf[64];
    ssize_t n;

    if (fd < 0) {
        return fd;
    }
    n = coil_recv(fd, buf, sizeof buf, 0);
    if (n > 0) {
        n = coil_send_all(fd, "HTTP/1.0 200 OK\r\n\r\n", 19);
    }
    CHECK_OK(coil_close(fd));
    return (int)n;
}

static void ask(const char *host)
{
    int listener = -1;
    struct coil_address address = {.size = 0};
    struct coil_task *task;
    char buf[64] = "";
    size_t got = 0;
    ssize_t n;
    int fd;

    CHECK_INT(coil_listen(host, 0, NULL, &listener, 1), ==, 1);
    CHECK_OK(coil_socket_address(listener, &address));
    task = test_made(coil_create_task(answer, &listener));
    fd = coil_dial_address(&address, NULL);
    CHECK_OK(fd);
    send_text(fd, "GET / HTTP/1.0\r\n\r\n");
    while ((n = coil_recv(fd, buf + got, sizeof buf - 1 - got, 0)) > 0) {
        got += (size_t)n;
    }
    CHECK_ERR((int)n, 0);
    CHECK_STR(buf, "HTTP/1.0 200 OK\r\n\r\n");
    CHECK_INT(coil_await(task), ==, 19);
    CHECK_OK(coil_close(fd));
    CHECK_OK(coil_close(listener));
}

TASK_TEST(socket_request_and_answer)
{
    char path[256] = "unix:";

    test_temp_path(path + 5, sizeof path - 5, "socket");
    coil_timeout(PATIENCE) {
        ask("127.0.0.1");
        ask(path);
    }
    unlink(path + 5);
    return 0;
}

/* --- much content --- */

struct flow {
    int fd;
    char *bytes;
    ssize_t rc;
};

static int send_much(void *arg)
{
    struct flow *flow = arg;

    flow->rc = coil_send_all(flow->fd, flow->bytes, MUCH);
    return 0;
}

/* Receives into one large buffer, wherever that stands. */
static int receive_much(void *arg)
{
    struct flow *flow = arg;
    size_t got = 0;
    ssize_t n = 1;

    while (got < MUCH && n > 0) {
        n = coil_recv(flow->fd, flow->bytes + got, MUCH - got, 0);
        got += n > 0 ? (size_t)n : 0;
    }
    flow->rc = n < 0 ? n : (ssize_t)got;
    return 0;
}

/* A million bytes in each direction at once, by one send each. */
TASK_TEST(socket_huge_content_both_ways)
{
    static char sent[MUCH];
    static char received[2][MUCH];
    struct coil_task *tasks[4];
    struct flow flows[4];
    int results[4];
    int fds[2];

    fill_bytes(sent, MUCH);
    open_fds(fds);
    for (int i = 0; i < 2; i++) {
        flows[i] = (struct flow){fds[i], sent, 0};
        flows[2 + i] = (struct flow){fds[i], received[i], 0};
        tasks[i] = test_made(coil_create_task(send_much, &flows[i]));
        tasks[2 + i] = test_made(coil_create_task(receive_much, &flows[2 + i]));
    }
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_gather(tasks, 4, results));
    }
    for (int i = 0; i < 4; i++) {
        CHECK_INT(flows[i].rc, ==, MUCH);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_MEM(received[i], sent, MUCH);
    }
    close_fds(fds);
    return 0;
}

/* --- after a call that was cancelled --- */

struct sending {
    int fd;
    const char *text;
    ssize_t rc;
};

static int send_text_all(void *arg)
{
    struct sending *sending = arg;

    sending->rc = coil_send_all(sending->fd, sending->text, strlen(sending->text));
    return 0;
}

struct collecting {
    int fd;
    char text[64]; /* what was not blank */
    size_t size;
};

static int collect(void *arg)
{
    struct collecting *c = arg;
    char buf[8192];
    ssize_t n;

    while ((n = coil_recv(c->fd, buf, sizeof buf, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] != ' ' && c->size < sizeof c->text - 1) {
                c->text[c->size++] = buf[i];
            }
        }
    }
    return (int)n;
}

/* A send that was cancelled has sent what it says; the next one goes out behind it. */
TASK_TEST(socket_send_after_a_cancelled_send)
{
    static char blanks[8192];
    struct sending hello = {.text = "hello"};
    struct collecting collecting = {.size = 0};
    struct coil_task *sender;
    struct coil_task *collector;
    int fds[2];
    ssize_t n = 0;

    memset(blanks, ' ', sizeof blanks);
    open_chokable_fds(fds);
    shrink(fds[0]);
    for (size_t size = sizeof blanks; size >= 4; size /= 2) { /* until not even five go in */
        do {
            n = coil_send(fds[0], blanks, size, MSG_DONTWAIT);
        } while (n > 0);
    }
    CHECK_ERR((int)n, -EAGAIN);
    hello.fd = fds[0];
    sender = test_made(coil_create_task(send_text_all, &hello));
    CHECK_OK(coil_sleep(COIL_MSEC));
    coil_cancel(sender);
    collecting.fd = fds[1];
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_await(sender));
        collector = test_made(coil_create_task(collect, &collecting));
        send_text(fds[0], "world");
        CHECK_OK(coil_close(fds[0]));
        CHECK_OK(coil_await(collector));
    }
    n = hello.rc > 0 ? hello.rc : 0; /* mostly none of it */
    CHECK_INT(collecting.size, ==, n + 5);
    CHECK_MEM(collecting.text, "hello", (size_t)n);
    CHECK_MEM(collecting.text + n, "world", 5);
    CHECK_OK(coil_close(fds[1]));
    return 0;
}

static int receive_some(void *arg)
{
    struct sending *receiving = arg;
    char buf[64];

    receiving->rc = coil_recv(receiving->fd, buf, sizeof buf, 0);
    return 0;
}

/* A receive that was cancelled before anything came takes nothing from the next one. */
TASK_TEST(socket_receive_after_a_cancelled_receive)
{
    struct sending receiving = {.rc = 1};
    struct coil_task *task;
    char buf[64];
    int fds[2];

    open_fds(fds);
    receiving.fd = fds[0];
    task = test_made(coil_create_task(receive_some, &receiving));
    yield_times(1);
    coil_cancel(task);
    send_text(fds[1], "HTTP");
    CHECK_OK(coil_await(task));
    if (receiving.rc < 0) { /* else the bytes were faster */
        CHECK_ERR(receiving.rc, -ECANCELED);
        coil_timeout(PATIENCE) {
            CHECK_INT(coil_recv(fds[0], buf, sizeof buf, 0), ==, 4);
        }
        CHECK_MEM(buf, "HTTP", 4);
    } else {
        CHECK_INT(receiving.rc, ==, 4);
    }
    close_fds(fds);
    return 0;
}

/* An accept whose time is over holds no port: once closed, nobody can connect. */
TASK_TEST(socket_accept_that_timed_out_holds_nothing)
{
    struct coil_address address;
    int listener = listen_here(&address);
    int fd = 0;

    coil_timeout(5 * COIL_MSEC) {
        fd = coil_accept(listener, NULL);
    }
    CHECK_ERR(fd, -ETIMEDOUT);
    CHECK_OK(coil_close(listener));
    CHECK_ERR(coil_dial_address(&address, NULL), -ECONNREFUSED);
    return 0;
}

static bool is_same(const struct coil_address *a, const struct coil_address *b)
{
    char texts[2][COIL_ADDRESS_TEXT] = {"", ""};

    CHECK_OK(coil_address_format(a, texts[0], COIL_ADDRESS_TEXT));
    CHECK_OK(coil_address_format(b, texts[1], COIL_ADDRESS_TEXT));
    return strcmp(texts[0], texts[1]) == 0;
}

/* Both ends know each other's addresses. */
TASK_TEST(socket_accept_tells_who_connects)
{
    struct coil_address address;
    struct coil_address own = {.size = 0};
    struct coil_address peer = {.size = 0};
    int listener = listen_here(&address);
    int fd = coil_dial_address(&address, NULL);
    int accepted = fd < 0 ? -1 : coil_accept(listener, &peer);

    CHECK_OK(fd);
    CHECK_OK(accepted);
    CHECK_OK(coil_socket_address(fd, &own));
    CHECK(is_same(&own, &peer));
    CHECK_OK(coil_socket_peer(fd, &peer));
    CHECK(is_same(&peer, &address));
    CHECK_OK(coil_close(accepted));
    CHECK_OK(coil_close(fd));
    CHECK_OK(coil_close(listener));
    return 0;
}
