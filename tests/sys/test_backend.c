/* io_uring and epoll against the contract of sys/backend.h: operations, cancels, descriptors. */
#include "backend_calls.h"

COIL_TEST(backend_unknown_name)
{
    struct coil__backend_config config = {.name = "abacus"};
    struct coil__backend *backend;

    CHECK_ERR(coil__backend_open(&config, &backend), -COIL_EBACKEND);
}

BACKEND_TEST(backend_waits_as_long_as_it_is_told)
{
    static const int64_t spans[] = {0, COIL_MSEC, 7 * COIL_MSEC + 300, 120 * COIL_MSEC};

    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        int64_t start_ns = test_now_ns();

        CHECK_ERR(b->class->wait(b, spans[i]), 0);
        CHECK_INT(test_now_ns() - start_ns, >=, spans[i]);
    }
    CHECK_INT(b->class->get_now(b), <=, test_now_ns());
}

/* --- submit and wait --- */

BACKEND_TEST(read_of_a_pipe_waits)
{
    struct work work = {0};
    int fds[2];

    make_pipe(fds, O_CLOEXEC);
    coil_op_read(&work.op, fds[0], &work.byte, 1, -1);
    start(b, &work);
    CHECK_INT(coil__counter_get(&b->in_flight), ==, 1);
    look(b);
    CHECK_INT(work.calls, ==, 0);
    put(fds[1], 1);
    wait_for(b, &work);
    CHECK_INT(work.op.result, ==, 1);
    close(fds[0]);
    close(fds[1]);
}

BACKEND_TEST(every_kind_moves_its_bytes)
{
    char buf[8] = "........";
    struct iovec out = {.iov_base = (char[]){"abcd"}, .iov_len = 4};
    struct iovec in = {.iov_base = buf, .iov_len = 4};
    struct msghdr out_msg = {.msg_iov = &out, .msg_iovlen = 1};
    struct msghdr in_msg = {.msg_iov = &in, .msg_iovlen = 1};
    int fds[2];

    test_socket_pair(fds);
    for (int kind = 0; kind < 4; kind++) {
        struct work w = {0};
        struct work r = {0};

        switch (kind) {
        case 0:
            coil_op_write(&w.op, fds[0], "abcd", 4, -1);
            coil_op_read(&r.op, fds[1], buf, 4, -1);
            break;
        case 1:
            coil_op_writev(&w.op, fds[0], &out, 1, -1);
            coil_op_readv(&r.op, fds[1], &in, 1, -1);
            break;
        case 2:
            coil_op_send(&w.op, fds[0], "abcd", 4, 0);
            coil_op_recv(&r.op, fds[1], buf, 4, 0);
            break;
        default:
            coil_op_sendmsg(&w.op, fds[0], &out_msg, 0);
            coil_op_recvmsg(&r.op, fds[1], &in_msg, 0);
            break;
        }
        memset(buf, '.', sizeof buf);
        CHECK_INT(perform(b, &w), ==, 4);
        CHECK_INT(perform(b, &r), ==, 4);
        CHECK_MEM(buf, "abcd....", 8);
    }
    close(fds[0]);
    close(fds[1]);
}

BACKEND_TEST(send_to_a_closed_peer_is_an_error_and_no_signal)
{
    struct work work = {0};
    int fds[2];

    test_socket_pair(fds);
    close(fds[1]);
    coil_op_send(&work.op, fds[0], "a", 1, 0);
    CHECK_ERR(perform(b, &work), -EPIPE);
    close(fds[0]);
}

BACKEND_TEST(accept_and_connect)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in peer = {0};
    socklen_t peer_size = sizeof peer;
    struct work accepting = {0};
    struct work connecting = {0};
    struct work refused = {0};
    uint16_t port;
    int listener = test_listen_tcp(&port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int other = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    coil_op_accept(&accepting.op, listener, (struct sockaddr *)&peer, &peer_size, SOCK_CLOEXEC);
    start(b, &accepting);
    look(b);
    addr.sin_port = htons(port);
    coil_op_connect(&connecting.op, fd, (struct sockaddr *)&addr, sizeof addr);
    CHECK_ERR(perform(b, &connecting), 0);
    wait_for(b, &accepting);
    CHECK_OK(accepting.op.result);
    CHECK_INT(peer.sin_addr.s_addr, ==, addr.sin_addr.s_addr);
    close((int)accepting.op.result);
    close(listener);
    coil_op_connect(&refused.op, other, (struct sockaddr *)&addr, sizeof addr);
    CHECK_ERR(perform(b, &refused), -ECONNREFUSED);
    close(fd);
    close(other);
}

BACKEND_TEST(regular_files_do_not_wait)
{
    struct work work = {0};
    char path[256];
    char buf[8] = {0};
    int fd;

    test_temp_path(path, sizeof path, "file");
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_INT(fd, >=, 0);
    coil_op_write(&work.op, fd, "hello", 5, 0);
    CHECK_INT(perform(b, &work), ==, 5);
    coil_op_read(&work.op, fd, buf, 3, 2);
    CHECK_INT(perform(b, &work), ==, 3);
    CHECK_STR(buf, "llo");
    coil_op_read(&work.op, fd, buf, 3, 100);
    CHECK_INT(perform(b, &work), ==, 0);
    coil_op_poll(&work.op, fd, POLLIN);
    CHECK_INT(perform(b, &work), ==, POLLIN);
    close(fd);
}

/* Also numbers that no table should grow to. */
BACKEND_TEST(closed_descriptors_are_errors)
{
    static const int numbers[] = {-1, 1000, 100000, INT_MAX};
    size_t bytes = test_live_bytes();

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct work work = {0};

        coil_op_recv(&work.op, numbers[i], &work.byte, 1, 0);
        CHECK_ERR(perform(b, &work), -EBADF);
        coil_op_write(&work.op, numbers[i], &work.byte, 1, -1);
        CHECK_ERR(perform(b, &work), -EBADF);
    }
    CHECK_INT(test_live_bytes() - bytes, <, 100000);
}

/* --- poll --- */

static void poll_once(struct coil__backend *b, int fd, short events, short expected)
{
    struct work work = {0};

    coil_op_poll(&work.op, fd, events);
    CHECK_INT(perform(b, &work), ==, expected);
}

BACKEND_TEST(poll_tells_what_is_there)
{
    int fds[2];

    test_socket_pair(fds);
    poll_once(b, fds[0], POLLOUT, POLLOUT);
    poll_once(b, fds[0], POLLIN | POLLOUT, POLLOUT);
    put(fds[1], 1);
    poll_once(b, fds[0], POLLIN, POLLIN);
    poll_once(b, fds[0], POLLIN | POLLOUT, POLLIN | POLLOUT);
    close(fds[1]);
    poll_once(b, fds[0], POLLIN, POLLIN | POLLHUP);
    close(fds[0]);
}

/* One operation, either direction: whichever comes first. */
static void poll_of_both_directions(struct coil__backend *b, bool is_adopted)
{
    struct work work = {0};
    char drain[4096] = {0};
    int fds[2];

    test_socket_pair(fds);
    if (is_adopted) {
        CHECK_OK(b->class->adopt(b, fds[0]));
        look(b);
    }
    while (write(fds[0], drain, sizeof drain) > 0) {
    }
    coil_op_poll(&work.op, fds[0], POLLIN | POLLOUT);
    start(b, &work);
    look(b);
    CHECK_INT(work.calls, ==, 0);
    while (read(fds[1], drain, sizeof drain) > 0) {
    }
    CHECK_INT(errno, ==, EAGAIN);
    wait_for(b, &work);
    CHECK_INT(work.op.result, ==, POLLOUT);
    if (is_adopted) {
        b->class->release(b, fds[0]);
    }
    close(fds[0]);
    close(fds[1]);
}

BACKEND_TEST(poll_of_both_directions)
{
    poll_of_both_directions(b, false);
}

BACKEND_TEST(poll_of_both_directions_adopted)
{
    poll_of_both_directions(b, true);
}

/* --- O_NONBLOCK, where the system says EAGAIN --- */

BACKEND_TEST(nonblocking_pipe_waits_too)
{
    struct work one = {0};
    struct work two = {0};
    int fds[2];

    make_pipe(fds, O_CLOEXEC | O_NONBLOCK);
    coil_op_read(&one.op, fds[0], &one.byte, 1, -1);
    coil_op_read(&two.op, fds[0], &two.byte, 1, -1);
    start(b, &one);
    start(b, &two);
    look(b);
    look(b);
    CHECK_INT(one.calls + two.calls, ==, 0);
    put(fds[1], 1);
    for (int i = 0; one.calls + two.calls == 0; i++) {
        CHECK_INT(i, <, 1000);
        CHECK_ERR(b->class->wait(b, COIL_SEC), 0);
    }
    for (int i = 0; i < 3; i++) {
        look(b); /* the other one finds nothing, and waits on */
    }
    CHECK_INT(one.calls + two.calls, ==, 1);
    put(fds[1], 1);
    wait_for(b, &one);
    wait_for(b, &two);
    CHECK_INT(one.op.result + two.op.result, ==, 2);
    close(fds[0]);
    close(fds[1]);
}

BACKEND_TEST(nonblocking_pipe_write_waits_for_room)
{
    static char bytes[4096];
    struct work work = {0};
    int fds[2];

    make_pipe(fds, O_CLOEXEC | O_NONBLOCK);
    while (write(fds[1], bytes, sizeof bytes) > 0) {
    }
    coil_op_write(&work.op, fds[1], bytes, 4096, -1);
    start(b, &work);
    look(b);
    CHECK_INT(work.calls, ==, 0);
    CHECK_INT(read(fds[0], bytes, sizeof bytes), ==, 4096);
    wait_for(b, &work);
    CHECK_INT(work.op.result, ==, 4096);
    close(fds[0]);
    close(fds[1]);
}

BACKEND_TEST(nonblocking_pipe_cancel)
{
    struct work work = {0};
    int fds[2];

    make_pipe(fds, O_CLOEXEC | O_NONBLOCK);
    coil_op_read(&work.op, fds[0], &work.byte, 1, -1);
    start(b, &work);
    look(b);
    look(b);
    cancel(b, &work);
    wait_for(b, &work);
    CHECK_ERR(work.op.result, -ECANCELED);
    close(fds[0]);
    close(fds[1]);
}

/* --- cancel --- */

BACKEND_TEST(cancel_ends_what_waits)
{
    struct work work = {0};
    int fds[2];

    test_socket_pair(fds);
    coil_op_recv(&work.op, fds[0], &work.byte, 1, 0);
    start(b, &work);
    look(b);
    cancel(b, &work);
    cancel(b, &work);
    CHECK_INT(work.calls, ==, 0); /* never from inside */
    wait_for(b, &work);
    CHECK_ERR(work.op.result, -ECANCELED);
    look(b);
    coil_op_recv(&work.op, fds[0], &work.byte, 1, 0); /* and it can be used again */
    work.calls = 0;
    start(b, &work);
    put(fds[1], 1);
    wait_for(b, &work);
    CHECK_INT(work.op.result, ==, 1);
    close(fds[0]);
    close(fds[1]);
}

BACKEND_TEST(cancel_before_the_kernel_saw_it)
{
    struct work work = {0};
    int fds[2];

    test_socket_pair(fds);
    coil_op_recv(&work.op, fds[0], &work.byte, 1, 0);
    start(b, &work);
    cancel(b, &work);
    wait_for(b, &work);
    CHECK_ERR(work.op.result, -ECANCELED);
    close(fds[0]);
    close(fds[1]);
}

/* Whatever the outcome, a byte is either in the buffer or still in the socket. */
static void check_kept(const struct work *work, int fd)
{
    char byte;

    if (work->op.result == -ECANCELED) {
        CHECK_INT(read(fd, &byte, 1), ==, 1);
    } else {
        CHECK_INT(work->op.result, ==, 1);
    }
    CHECK_INT(read(fd, &byte, 1), ==, -1);
}

BACKEND_TEST(cancel_loses_no_byte)
{
    int fds[2];

    test_socket_pair(fds);
    for (int order = 0; order < 8; order++) {
        struct work work = {0};

        coil_op_recv(&work.op, fds[0], &work.byte, 1, 0);
        start(b, &work);
        if (order & 1) {
            look(b);
        }
        if (order & 2) {
            put(fds[1], 1);
            cancel(b, &work);
        } else {
            cancel(b, &work);
            put(fds[1], 1);
        }
        wait_for(b, &work);
        if (order & 4) {
            look(b);
        }
        check_kept(&work, fds[0]);
    }
    close(fds[0]);
    close(fds[1]);
}

BACKEND_TEST(cancel_from_a_callback_of_the_same_batch_comes_too_late)
{
    struct work works[2] = {0};
    int fds[2][2];

    for (int i = 0; i < 2; i++) {
        test_socket_pair(fds[i]);
        works[i].backend = b;
        works[i].victim = &works[!i].op;
        coil_op_recv(&works[i].op, fds[i][0], &works[i].byte, 1, 0);
        start(b, &works[i]);
    }
    look(b);
    put(fds[0][1], 1);
    put(fds[1][1], 1);
    wait_for(b, &works[0]);
    wait_for(b, &works[1]);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(works[i].op.result, ==, 1);
        close(fds[i][0]);
        close(fds[i][1]);
    }
    look(b);
}

/* --- many --- */

enum { MANY = 3000, FEWER = 300 };

BACKEND_TEST(many_operations_at_once)
{
    static struct work works[MANY];
    int many = test_is_torture() ? FEWER : MANY;
    int done = 0;
    int fds[2];

    memset(works, 0, sizeof works);
    test_socket_pair(fds);
    for (int i = 0; i < many; i++) {
        coil_op_recv(&works[i].op, fds[0], &works[i].byte, 1, 0);
        start(b, &works[i]);
    }
    CHECK_INT(coil__counter_get(&b->in_flight), ==, many);
    for (int i = 0; i < 3; i++) {
        put(fds[1], (size_t)many / 3);
    }
    for (int round = 0; done < many && !test_has_noticed(); round++) {
        CHECK_INT(round, <, 10000);
        CHECK_ERR(b->class->wait(b, COIL_SEC), 0);
        done = 0;
        for (int i = 0; i < many; i++) {
            done += works[i].calls;
        }
    }
    for (int i = 0; i < many; i++) {
        CHECK_INT(works[i].calls, ==, 1);
        CHECK_INT(works[i].op.result, ==, 1);
    }
    close(fds[0]);
    close(fds[1]);
}

BACKEND_TEST(many_operations_are_cancelled)
{
    static struct work works[MANY];
    int many = test_is_torture() ? FEWER : MANY;
    int fds[2];

    memset(works, 0, sizeof works);
    test_socket_pair(fds);
    for (int i = 0; i < many; i++) {
        coil_op_recv(&works[i].op, fds[0], &works[i].byte, 1, 0);
        start(b, &works[i]);
    }
    for (int i = 0; i < many; i++) {
        cancel(b, &works[i]);
    }
    for (int i = 0; i < many; i++) {
        wait_for(b, &works[i]);
        CHECK_ERR(works[i].op.result, -ECANCELED);
    }
    close(fds[0]);
    close(fds[1]);
}

/* What found no room goes first when there is some again. */
BACKEND_TEST(full_queue_keeps_the_order)
{
    static struct work works[1030];
    const int many = sizeof works / sizeof *works;
    const int first = 1024; /* so many find room */
    char text[8] = "";
    int fds[2];

    memset(works, 0, sizeof works);
    test_socket_pair(fds);
    fault_syscall_named("io_uring_submit", 1, EBUSY);
    for (int i = 0; i < many; i++) {
        works[i].byte = (char)('a' + (i - first));
        if (i < first) {
            coil_op_recv(&works[i].op, fds[0], &works[i].byte, 1, 0);
        } else {
            coil_op_send(&works[i].op, fds[0], &works[i].byte, 1, 0);
        }
        start(b, &works[i]);
    }
    fault_off();
    for (int i = first; i < many; i++) {
        wait_for(b, &works[i]);
        CHECK_INT(works[i].op.result, ==, 1);
    }
    CHECK_INT(recv(fds[1], text, sizeof text, 0), ==, many - first);
    CHECK_STR(text, "abcdef");
    for (int i = 0; i < first; i++) {
        cancel(b, &works[i]);
    }
    for (int i = 0; i < first; i++) {
        wait_for(b, &works[i]);
        CHECK_ERR(works[i].op.result, -ECANCELED);
    }
    close(fds[0]);
    close(fds[1]);
}

/* The kernel takes nothing just now: what finds no room waits inside the backend. */
BACKEND_TEST(full_queue_is_no_error)
{
    static struct work works[1100];
    int fds[2];

    memset(works, 0, sizeof works);
    test_socket_pair(fds);
    fault_syscall_named("io_uring_submit", 1, EBUSY);
    for (int i = 0; i < 1100; i++) {
        coil_op_recv(&works[i].op, fds[0], &works[i].byte, 1, 0);
        start(b, &works[i]);
    }
    CHECK(strcmp(b->class->name, "uring") != 0 || fault_was_injected());
    fault_off();
    for (int i = 1000; i < 1100; i++) {
        cancel(b, &works[i]); /* those that stand in the queue too */
        cancel(b, &works[i]);
    }
    for (int i = 1000; i < 1100; i++) {
        wait_for(b, &works[i]);
        CHECK_ERR(works[i].op.result, -ECANCELED);
    }
    put(fds[1], 1000);
    for (int i = 0; i < 1000; i++) {
        wait_for(b, &works[i]);
        CHECK_INT(works[i].op.result, ==, 1);
    }
    close(fds[0]);
    close(fds[1]);
}
