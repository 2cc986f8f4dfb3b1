/* System calls on descriptors, for tasks: E13. */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <fcntl.h>
#include <unistd.h>

/* --- a call in a task of its own --- */

enum how { POLL, RECV, RECVMSG, READ, READV, SEND, SENDMSG, SEND_ALL, WRITE, WRITEV, HOWS };

struct job {
    enum how how;
    int fd;
    size_t size;
    ssize_t rc;
    char buf[64];
};

static char big[1000000];

static ssize_t call(struct job *job)
{
    bool sends = job->how >= SEND;
    struct iovec iov[2] = {{sends ? big : job->buf, job->size / 2},
                           {(sends ? big : job->buf) + job->size / 2, job->size - job->size / 2}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

    switch (job->how) {
    case POLL:
        return coil_poll(job->fd, POLLIN);
    case RECV:
        return coil_recv(job->fd, job->buf, job->size, 0);
    case RECVMSG:
        return coil_recvmsg(job->fd, &msg, 0);
    case READ:
        return coil_read(job->fd, job->buf, job->size);
    case READV:
        return coil_readv(job->fd, iov, 2);
    case SEND:
        return coil_send(job->fd, big, job->size, 0);
    case SENDMSG:
        return coil_sendmsg(job->fd, &msg, 0);
    case SEND_ALL:
        return coil_send_all(job->fd, big, job->size);
    case WRITE:
        return coil_write(job->fd, big, job->size);
    default:
        return coil_writev(job->fd, iov, 2);
    }
}

static int run_job(void *arg)
{
    struct job *job = arg;

    job->rc = call(job);
    return 0;
}

static struct coil_task *start(struct job *job, enum how how, int fd, size_t size)
{
    *job = (struct job){.how = how, .fd = fd, .size = size};
    return coil_create_task(run_job, job);
}

/* Sends until the socket takes nothing more, also after the kernel's delayed acknowledgement. */
static void choke(int fd)
{
    ssize_t rc = 1;

    while (rc > 0) {
        coil_timeout(test_is_torture() ? 5 * COIL_MSEC : 60 * COIL_MSEC) {
            rc = coil_send(fd, big, 4096, 0);
        }
    }
}

/* --- success --- */

TASK_TEST(fd_receives_what_is_there_and_waits_for_it)
{
    int fds[2];
    struct job job;

    open_fds(fds);
    for (enum how how = POLL; how < SEND; how++) {
        for (int waits = 0; waits < 2; waits++) {
            struct coil_task *task;

            if (waits == 0) {
                send_text(fds[1], "hello");
            }
            task = start(&job, how, fds[0], 5);
            CHECK_OK(coil_sleep(COIL_MSEC));
            if (waits == 1) {
                send_text(fds[1], "hello");
            }
            CHECK_OK(coil_await(task));
            CHECK_INT(job.rc, ==, how == POLL ? POLLIN : 5);
            if (how == POLL) {
                CHECK_INT(coil_recv(fds[0], job.buf, 5, 0), ==, 5);
            }
            CHECK_MEM(job.buf, "hello", 5);
        }
    }
    CHECK_OK(coil_close(fds[1]));
    for (enum how how = RECV; how < SEND; how++) {
        job = (struct job){.how = how, .fd = fds[0], .size = 5};
        CHECK_INT(call(&job), ==, 0); /* the end */
    }
    CHECK_INT(coil_poll(fds[0], POLLIN | POLLRDHUP) & POLLIN, ==, POLLIN);
    CHECK_OK(coil_close(fds[0]));
    return 0;
}

TASK_TEST(fd_sends_and_waits_for_room)
{
    for (enum how how = SEND; how < HOWS; how++) {
        struct coil_task *task;
        struct job job;
        char buf[4096];
        int fds[2];

        open_chokable_fds(fds);
        shrink(fds[0]);
        job = (struct job){.how = how, .fd = fds[0], .size = 100};
        CHECK_INT(call(&job), ==, 100);
        CHECK_INT(coil_poll(fds[0], POLLOUT), ==, POLLOUT);
        choke(fds[0]);
        task = start(&job, how, fds[0], 100000);
        CHECK_OK(coil_sleep(COIL_MSEC));
        coil_timeout(2 * COIL_SEC) { /* a send that fails gives nothing to receive */
            while (!coil_task_is_done(task) && coil_recv(fds[1], buf, sizeof buf, 0) > 0) {
                CHECK_OK(coil_yield());
            }
        }
        CHECK(coil_task_is_done(task));
        CHECK_OK(coil_await(task));
        CHECK_INT(job.rc, >, 0);
        CHECK(how != SEND_ALL || job.rc == 100000);
        close_fds(fds);
    }
    return 0;
}

TASK_TEST(fd_flags_of_recv_are_kept)
{
    char buf[8];
    int fds[2];

    open_fds(fds);
    CHECK_ERR(coil_recv(fds[0], buf, 8, MSG_DONTWAIT), -EAGAIN);
    send_text(fds[1], "ab");
    CHECK_INT(coil_recv(fds[0], buf, 8, MSG_PEEK), ==, 2);
    CHECK_INT(coil_recv(fds[0], buf, 8, MSG_DONTWAIT), ==, 2);
    CHECK_INT(coil_recv(fds[0], NULL, 0, MSG_DONTWAIT), <=, 0);
    CHECK_INT(coil_send_all(fds[0], NULL, 0), ==, 0);
    close_fds(fds);
    return 0;
}

static int count_done(struct coil_task *const *tasks, int count)
{
    int done = 0;

    for (int i = 0; i < count; i++) {
        done += coil_task_is_done(tasks[i]);
    }
    return done;
}

/* Several tasks on one descriptor: each byte wakes one; in order where the order is ours. */
TASK_TEST(fd_many_wait)
{
    enum { COUNT = 4 };
    struct coil_task *tasks[COUNT];
    struct job jobs[COUNT];
    int sum = 0;
    int fds[2];

    open_fds(fds);
    for (int i = 0; i < COUNT; i++) {
        tasks[i] = start(&jobs[i], RECV, fds[0], 1);
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    for (int i = 0; i < COUNT; i++) {
        send_text(fds[1], (char[]){(char)('a' + i), '\0'});
        while (count_done(tasks, COUNT) <= i && !test_has_noticed()) {
            CHECK_OK(coil_sleep(COIL_MSEC));
        }
        CHECK_INT(count_done(tasks, COUNT), ==, i + 1);
        CHECK(test_backend_is("uring") || coil_task_is_done(tasks[i]));
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK_OK(coil_await(tasks[i]));
        CHECK_INT(jobs[i].rc, ==, 1);
        sum += jobs[i].buf[0];
    }
    CHECK_INT(sum, ==, 'a' + 'b' + 'c' + 'd');
    close_fds(fds);
    return 0;
}

/* --- pipes, files: descriptors that block --- */

TASK_TEST(fd_blocking_pipe_does_not_block_the_loop)
{
    struct coil_task *tasks[2];
    struct job jobs[2];
    int fds[2];

    CHECK_INT(pipe(fds), ==, 0);
    tasks[0] = start(&jobs[0], READ, fds[0], 1);
    tasks[1] = start(&jobs[1], READV, fds[0], 2);
    CHECK_OK(coil_sleep(COIL_MSEC));
    for (int i = 0; i < 2; i++) { /* enough for one of them */
        CHECK_INT(coil_write(fds[1], "a", 1), ==, 1);
        while (count_done(tasks, 2) <= i && !test_has_noticed()) {
            CHECK_OK(coil_sleep(COIL_MSEC));
        }
        CHECK_INT(count_done(tasks, 2), ==, i + 1);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_OK(coil_await(tasks[i]));
        CHECK_INT(jobs[i].rc, ==, 1);
    }
    close(fds[1]);
    CHECK_INT(coil_read(fds[0], jobs[0].buf, 8), ==, 0);
    close(fds[0]);
    return 0;
}

TASK_TEST(fd_files_are_read_and_written)
{
    struct iovec iov[2] = {{(char[]){'x', 'y'}, 2}, {(char[]){'z'}, 1}};
    char path[256];
    char buf[8];
    int fd;

    test_temp_path(path, sizeof path, "file");
    fd = open(path, O_RDWR | O_CREAT, 0600);
    CHECK_INT(coil_write(fd, "abc", 3), ==, 3);
    CHECK_INT(coil_writev(fd, iov, 2), ==, 3);
    CHECK_INT(lseek(fd, 0, SEEK_SET), ==, 0);
    CHECK_INT(coil_read(fd, buf, 4), ==, 4); /* at the current position, which moves on */
    CHECK_INT(coil_readv(fd, iov, 2), ==, 2);
    CHECK_MEM(buf, "abcx", 4);
    CHECK_INT(coil_read(fd, buf, 4), ==, 0);
    CHECK_INT(coil_poll(fd, POLLIN), ==, POLLIN);
    close(fd);
    return 0;
}

/* --- connect --- */

TASK_TEST(fd_connect)
{
    struct coil_address address;
    struct coil_address nobody;
    struct coil_loop *loop = coil_loop_current();
    int listener = listen_here(&address);
    int fd = coil__net_socket(loop, &address);
    const struct sockaddr *sa = (const struct sockaddr *)(const void *)&address.storage;
    int server;

    CHECK_OK(coil_connect(fd, sa, address.size));
    server = coil_accept(listener, NULL);
    CHECK_OK(server);
    send_text(fd, "x");
    CHECK_OK(coil_close(server));
    CHECK_OK(coil_close(fd));
    fd = coil__net_socket(loop, &address);
    CHECK_ERR(coil_connect(fd, NULL, 0), -EINVAL);
    CHECK_ERR(coil_connect(-1, sa, address.size), -EBADF);
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_connect(fd, sa, address.size), -ECANCELED);
    CHECK_INT(coil_uncancel(coil_current_task()), ==, 0);
    nobody = address;
    CHECK_OK(coil_close(listener));
    CHECK_ERR(coil_connect(fd, (const struct sockaddr *)(const void *)&nobody.storage, nobody.size),
              -ECONNREFUSED);
    CHECK_OK(coil_close(fd));
    return 0;
}

struct connecting {
    int fd;
    struct coil_address address;
};

static int run_connect(void *arg)
{
    struct connecting *c = arg;

    return coil_connect(c->fd, (const struct sockaddr *)(const void *)&c->address.storage,
                        c->address.size);
}

/* A blocking socket to an address that does not answer: the loop goes on, and so does a cancel. */
TASK_TEST(fd_connect_of_a_blocking_socket_does_not_block_the_loop)
{
    struct connecting c;
    struct coil_task *task;
    int listener;
    int fillers[8];
    int rc;

    if (test_backend_is("sim")) {
        test_skip("its sockets never block");
    }
    CHECK_OK(coil_address_from_ip("127.0.0.1", 0, &c.address));
    listener = coil_listen_address(&c.address, &(struct coil_listen_options){.backlog = 1});
    CHECK_OK(coil_socket_address(listener, &c.address));
    for (int i = 0; i < 8; i++) { /* its backlog is full from then on */
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)(void *)&c.address.storage, c.address.size);
    }
    CHECK_OK(coil_sleep(10 * COIL_MSEC));
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    task = coil_create_task(run_connect, &c);
    CHECK_OK(coil_sleep(10 * COIL_MSEC));
    CHECK(!coil_task_is_done(task));
    coil_cancel(task);
    rc = coil_await(task);
    CHECK_ERR(rc, -ECANCELED);
    CHECK_INT(fcntl(c.fd, F_GETFL) & O_NONBLOCK, ==, 0);
    for (int i = 0; i < 8; i++) {
        close(fillers[i]);
    }
    close(c.fd);
    CHECK_OK(coil_close(listener));
    return 0;
}

/* --- cancel, deadlines --- */

TASK_TEST(fd_cancelled_before)
{
    struct coil_task *self = coil_current_task();
    int fds[2];

    open_fds(fds);
    send_text(fds[1], "x");
    for (enum how how = POLL; how < HOWS; how++) {
        struct job job = {.how = how, .fd = fds[0], .size = 1};

        coil_cancel(self);
        CHECK_ERR(call(&job), -ECANCELED);
        CHECK_INT(coil_uncancel(self), ==, 0);
    }
    close_fds(fds);
    return 0;
}

TASK_TEST(fd_cancelled_during)
{
    int fds[2];

    open_chokable_fds(fds);
    shrink(fds[0]);
    choke(fds[0]);
    for (enum how how = POLL; how < HOWS; how++) {
        struct job job;
        struct coil_task *task = start(&job, how, fds[0], 10000);
        ssize_t rc = 0;

        CHECK_OK(coil_sleep(COIL_MSEC));
        coil_cancel(task);
        CHECK_OK(coil_await(task) == -ECANCELED ? 0 : 0);
        CHECK_ERR(job.rc, -ECANCELED);
        coil_timeout(COIL_MSEC) {
            rc = call(&job);
        }
        CHECK_ERR(rc, -ETIMEDOUT);
    }
    close_fds(fds);
    return 0;
}

/* A part that was sent is counted. */
TASK_TEST(fd_send_all_counts_a_part)
{
    ssize_t sent = 0;
    ssize_t got = 0;
    char buf[4096];
    int fds[2];
    ssize_t n;

    open_fds(fds);
    shrink(fds[0]);
    memset(big, 'x', sizeof big);
    for (int i = 0; i < 10; i++) { /* until no part goes out any more */
        n = 0;
        coil_timeout(10 * COIL_MSEC) {
            n = coil_send_all(fds[0], big, sizeof big);
        }
        if (n < 0) {
            CHECK_ERR(n, -ETIMEDOUT);
            break;
        }
        sent += n;
    }
    CHECK_OK(coil_close(fds[0]));
    while ((n = coil_recv(fds[1], buf, sizeof buf, 0)) > 0) {
        got += n;
    }
    CHECK_INT(n, ==, 0);
    CHECK_INT(got, ==, sent);
    CHECK_OK(coil_close(fds[1]));
    return 0;
}

/* A byte and a cancel at the same time: it is received now or by the next call. */
TASK_TEST(fd_cancel_race_loses_no_byte)
{
    int fds[2];

    open_fds(fds);
    for (int i = 0; i < 400; i++) {
        enum how how = RECV + (enum how)(i % 4);
        struct job job;
        struct coil_task *task = start(&job, how, fds[0], 1);
        char byte = (char)('a' + i % 26);
        char got = 0;

        yield_times(i % 3);
        CHECK_INT(coil_send(fds[1], &byte, 1, 0), ==, 1);
        yield_times(i % 7);
        coil_cancel(task);
        coil_await(task);
        if (job.rc == 1) {
            got = job.buf[0];
        } else {
            CHECK(job.rc == -ECANCELED || job.rc == 0);
            CHECK_INT(coil_recv(fds[0], &got, 1, 0), ==, 1);
        }
        CHECK_INT(got, ==, byte);
    }
    close_fds(fds);
    return 0;
}

/* --- errors, misuse --- */

TASK_TEST(fd_peer_that_resets)
{
    struct coil_stream *stream;
    char buf[8];
    int fds[2];
    ssize_t rc = 0;

    open_fds(fds);
    CHECK_OK(coil_stream_open(fds[1], NULL, &stream));
    reset_peer(stream, fds[0]); /* the other way round: the bare one goes */
    CHECK_ERR(coil_stream_read(stream, buf, 8), -ECONNRESET);
    coil_stream_abort(stream);
    open_fds(fds);
    send_text(fds[0], "x");
    CHECK_INT(coil_poll(fds[1], POLLIN), ==, POLLIN);
    CHECK_OK(coil_close(fds[1]));
    for (int i = 0; i < 100 && rc >= 0; i++) {
        rc = coil_recv(fds[0], buf, 8, 0);
    }
    CHECK_ERR(rc, -ECONNRESET);
    CHECK_ERR(coil_send_all(fds[0], "x", 1), -EPIPE); /* and no SIGPIPE */
    CHECK(coil_poll(fds[0], POLLIN) & (POLLIN | POLLHUP));
    CHECK_OK(coil_close(fds[0]));
    return 0;
}

TASK_TEST(fd_misuse_is_named)
{
    struct iovec iov = {big, 1};
    int fds[2];

    open_fds(fds);
    for (enum how how = POLL; how < HOWS; how++) {
        struct job job = {.how = how, .fd = -1, .size = 1};

        CHECK_ERR(call(&job), -EBADF);
        job.fd = 0x3fffff; /* open nowhere */
        CHECK_ERR(call(&job), -EBADF);
    }
    CHECK_ERR(coil_read(fds[0], NULL, 1), -EINVAL);
    CHECK_ERR(coil_write(fds[0], NULL, 1), -EINVAL);
    CHECK_ERR(coil_recv(fds[0], NULL, 1, 0), -EINVAL);
    CHECK_ERR(coil_recv(fds[0], big, SIZE_MAX, 0), -EINVAL);
    CHECK_ERR(coil_send(fds[0], NULL, 1, 0), -EINVAL);
    CHECK_ERR(coil_send_all(fds[0], NULL, 1), -EINVAL);
    CHECK_ERR(coil_recvmsg(fds[0], NULL, 0), -EINVAL);
    CHECK_ERR(coil_sendmsg(fds[0], NULL, 0), -EINVAL);
    CHECK_ERR(coil_readv(fds[0], NULL, 1), -EINVAL);
    CHECK_ERR(coil_writev(fds[0], NULL, 1), -EINVAL);
    CHECK_ERR(coil_readv(fds[0], &iov, -1), -EINVAL);
    CHECK_ERR(coil_writev(fds[0], &iov, 100000), -EINVAL);
    CHECK_ERR(coil_close(-1), -EBADF);
    close_fds(fds);
    return 0;
}

static int check_without_loop(void *arg)
{
    for (enum how how = POLL; how < HOWS; how++) {
        struct job job = {.how = how, .fd = *(int *)arg, .size = 1};

        CHECK_ERR(call(&job), -COIL_ENOLOOP);
    }
    CHECK_ERR(coil_connect(*(int *)arg, (struct sockaddr *)(void *)big, 1), -COIL_ENOLOOP);
    CHECK_ERR(coil_close(*(int *)arg), -COIL_ENOLOOP);
    return 0;
}

COIL_TEST(fd_outside_of_a_loop)
{
    int fd = 0;

    CHECK_OK(check_without_loop(&fd));
}

static void check_in_callback(void *user)
{
    for (enum how how = POLL; how < HOWS; how++) {
        struct job job = {.how = how, .fd = *(int *)user, .size = 1};

        CHECK_ERR(call(&job), -COIL_ENOTASK);
    }
}

TASK_TEST(fd_in_a_callback)
{
    struct coil_handle handle = {.state_ = 0};
    int fds[2];

    open_fds(fds);
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, check_in_callback, &fds[0]));
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_OK(coil_to_thread(check_without_loop, &fds[0]));
    close_fds(fds);
    return 0;
}
