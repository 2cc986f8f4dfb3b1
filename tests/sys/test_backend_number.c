/* io_uring and epoll against the contract of sys/backend.h: a descriptor is a number, and its file
 * may outlive that (a dup, a child of fork). What becomes of the file then is nothing to whoever
 * has the number, and whoever shares the file may be quicker. */
#include "backend_calls.h"

/* Where a file goes that outlives its number: dup takes the lowest one from there on. */
enum { ELSEWHERE = 100, ONE = 50 };

/* Closes fds[0], whose file lives on: returns a number of its own for it. */
static int outlive(const int fds[2])
{
    int keep = fcntl(fds[0], F_DUPFD_CLOEXEC, ELSEWHERE);

    CHECK_OK(keep);
    CHECK_INT(close(fds[0]), ==, 0);
    return keep;
}

/* Makes another file be the number. */
static void put_at(int fd, int number)
{
    CHECK_INT(dup2(fd, number), ==, number);
    CHECK_INT(close(fd), ==, 0);
}

/* What a cancelled wait leaves behind, whatever its kind. */
static void wait_in_vain(struct coil__backend *b, int fd, bool is_poll)
{
    struct work work = {0};

    if (is_poll) {
        coil_op_poll(&work.op, fd, POLLIN);
    } else {
        coil_op_recv(&work.op, fd, &work.byte, 1, 0);
    }
    start(b, &work);
    look(b);
    cancel(b, &work);
    wait_for(b, &work);
    CHECK_ERR(work.op.result, -ECANCELED);
}

/* A wait on a socket is cancelled, its number becomes that of a pipe, whose file is waited for in
 * its turn; then the socket has something. How the pipe is waited for is the caller's choice. */
static void wait_behind_another_file(struct coil__backend *b, struct work *work, bool is_adopted)
{
    struct coil_op prepared = work->op;

    for (int is_poll = 0; is_poll < 2; is_poll++) {
        int old[2];
        int new[2];
        int keep;

        test_socket_pair(old);
        wait_in_vain(b, old[0], is_poll);
        keep = outlive(old);
        make_pipe(new, O_CLOEXEC);
        if (new[0] != old[0]) {
            put_at(new[0], old[0]);
        }
        if (is_adopted) {
            CHECK_OK(b->class->adopt(b, old[0]));
        }
        *work = (struct work){.op = prepared};
        work->op.fd_ = old[0];
        work->op.buf_ = prepared.kind_ == COIL__OP_POLL ? NULL : &work->byte;
        start(b, work);
        look(b);
        put(old[1], 1);
        for (int i = 0; i < 3; i++) {
            CHECK_ERR(b->class->wait(b, COIL_MSEC), 0);
        }
        CHECK_INT(work->calls, ==, 0);
        put(new[1], 1);
        wait_for(b, work);
        CHECK_INT(work->op.result, ==, 1); /* and POLLIN is one, too */
        if (is_adopted) {
            b->class->release(b, old[0]);
        }
        close(old[0]);
        close(old[1]);
        close(new[1]);
        close(keep);
    }
}

BACKEND_TEST(read_is_not_woken_by_what_the_number_was_before)
{
    struct work work = {0};

    coil_op_read(&work.op, 0, &work.byte, 1, -1);
    wait_behind_another_file(b, &work, false);
}

BACKEND_TEST(poll_is_not_woken_by_what_the_number_was_before)
{
    struct work work = {0};

    coil_op_poll(&work.op, 0, POLLIN);
    wait_behind_another_file(b, &work, false);
}

BACKEND_TEST(adopted_descriptor_is_not_woken_by_what_the_number_was_before)
{
    struct work work = {0};

    coil_op_poll(&work.op, 0, POLLIN);
    wait_behind_another_file(b, &work, true);
}

/* The number comes back to a file that had it once, and is registered under it still; so is the one
 * that had it in between. */
BACKEND_TEST(number_goes_to_another_file_and_back)
{
    struct work work = {0};
    int one[2];
    int other[2];

    test_socket_pair(one);
    test_socket_pair(other);
    CHECK_INT(dup2(one[0], ONE), ==, ONE);
    wait_in_vain(b, ONE, true);
    CHECK_INT(dup2(other[0], ONE), ==, ONE);
    wait_in_vain(b, ONE, true);
    CHECK_INT(dup2(one[0], ONE), ==, ONE);
    coil_op_poll(&work.op, ONE, POLLIN);
    start(b, &work);
    look(b);
    put(other[1], 1);
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(b->class->wait(b, COIL_MSEC), 0);
    }
    CHECK_INT(work.calls, ==, 0);
    put(one[1], 1);
    wait_for(b, &work);
    CHECK_INT(work.op.result, ==, POLLIN);
    close(ONE);
    for (int i = 0; i < 2; i++) {
        close(one[i]);
        close(other[i]);
    }
}

/* The kernel takes no further question: the first one is answered all the same. */
BACKEND_TEST(refused_wait_leaves_the_others_alone)
{
    struct work waiting = {0};
    struct work refused = {0};
    int fds[2];

    test_socket_pair(fds);
    coil_op_poll(&waiting.op, fds[0], POLLIN);
    start(b, &waiting);
    fault_syscall_named("epoll_ctl", 1, ENOMEM);
    coil_op_poll(&refused.op, fds[0], POLLIN);
    if (submit(b, &refused.op) == 0) { /* io_uring asks nothing here */
        cancel(b, &refused);
        wait_for(b, &refused);
    }
    fault_syscall_named("epoll_ctl", 1, ENOMEM);
    CHECK_ERR(b->class->adopt(b, fds[0]), strcmp(b->class->name, "epoll") == 0 ? -ENOMEM : 0);
    fault_off();
    put(fds[1], 1);
    wait_for(b, &waiting);
    CHECK_INT(waiting.op.result, ==, POLLIN);
    close(fds[0]);
    close(fds[1]);
}

/* Two numbers of one file that blocks, and enough for one of those who wait: both are said to be
 * ready, and whoever comes second waits on without blocking the thread. */
static void share(struct coil__backend *b, struct work works[2])
{
    int served;

    for (int i = 0; i < 3; i++) {
        CHECK_ERR(b->class->wait(b, COIL_MSEC), 0);
    }
    CHECK_INT(works[0].calls + works[1].calls, ==, 1);
    served = works[0].calls ? 0 : 1;
    CHECK_OK(works[served].op.result);
    cancel(b, &works[!served]);
    wait_for(b, &works[!served]);
    CHECK_ERR(works[!served].op.result, -ECANCELED);
}

BACKEND_TEST(blocking_pipe_with_two_numbers)
{
    struct work works[2] = {0};
    int fds[2];
    int numbers[2];

    make_pipe(fds, O_CLOEXEC);
    numbers[0] = fds[0];
    numbers[1] = dup(fds[0]);
    for (int i = 0; i < 2; i++) {
        coil_op_read(&works[i].op, numbers[i], &works[i].byte, 1, -1);
        start(b, &works[i]);
    }
    look(b);
    put(fds[1], 1);
    share(b, works);
    close(numbers[0]);
    close(numbers[1]);
    close(fds[1]);
}

BACKEND_TEST(blocking_listener_with_two_numbers)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct work works[2] = {0};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int numbers[2];
    uint16_t port;

    numbers[0] = test_listen_tcp(&port);
    numbers[1] = dup(numbers[0]);
    CHECK_INT(fcntl(numbers[0], F_SETFL, fcntl(numbers[0], F_GETFL) & ~O_NONBLOCK), ==, 0);
    for (int i = 0; i < 2; i++) {
        coil_op_accept(&works[i].op, numbers[i], NULL, NULL, SOCK_CLOEXEC);
        start(b, &works[i]);
    }
    look(b);
    addr.sin_port = htons(port);
    CHECK_INT(connect(client, (struct sockaddr *)&addr, sizeof addr), ==, 0);
    share(b, works);
    for (int i = 0; i < 2; i++) {
        if (works[i].calls > 0 && works[i].op.result >= 0) {
            close((int)works[i].op.result);
        }
        close(numbers[i]);
    }
    close(client);
}
