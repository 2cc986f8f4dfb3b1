/* io_uring and epoll against the contract of sys/backend.h: wakes, descriptors to poll, forks. */
#include "backend_calls.h"

#include <sys/eventfd.h>

/* --- wake --- */

static void *wake_soon(void *arg)
{
    struct coil__backend *b = arg;

    usleep(20000);
    b->class->wake(b);
    return NULL;
}

static void wake_from_thread(struct coil__backend *b)
{
    pthread_t thread;
    int64_t start_ns = test_now_ns();

    CHECK_INT(pthread_create(&thread, NULL, wake_soon, b), ==, 0);
    CHECK_ERR(b->class->wait(b, COIL_NEVER), 0);
    while (test_now_ns() - start_ns < 20 * COIL_MSEC) {
        CHECK_ERR(b->class->wait(b, COIL_NEVER), 0); /* it may return early, not late */
    }
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
}

BACKEND_TEST(wake_from_a_thread)
{
    wake_from_thread(b);
    wake_from_thread(b);
}

BACKEND_TEST(wake_before_the_wait_and_often)
{
    int64_t start_ns;

    for (int i = 0; i < 1000; i++) {
        b->class->wake(b);
    }
    CHECK_ERR(b->class->wait(b, COIL_NEVER), 0);
    for (int i = 0; i < 5; i++) {
        look(b);
    }
    start_ns = test_now_ns();
    CHECK_ERR(b->class->wait(b, 20 * COIL_MSEC), 0); /* and does not stick */
    CHECK_INT(test_now_ns() - start_ns, >=, 20 * COIL_MSEC);
    b->class->wake(b);
    CHECK_ERR(b->class->wait(b, COIL_NEVER), 0);
}

/* The queue is full to the last place just when the wake-up is to be armed. */
BACKEND_TEST(wake_is_not_lost_to_a_full_queue)
{
    static struct work works[1024];
    int fds[2];

    memset(works, 0, sizeof works);
    test_socket_pair(fds);
    for (int i = 0; i < 1024; i++) {
        coil_op_recv(&works[i].op, fds[0], &works[i].byte, 1, 0);
        start(b, &works[i]);
    }
    fault_syscall_named("io_uring_submit", 1, EBUSY);
    wake_from_thread(b);
    fault_off();
    for (int i = 0; i < 1024; i++) {
        cancel(b, &works[i]);
    }
    for (int i = 0; i < 1024; i++) {
        wait_for(b, &works[i]);
    }
    close(fds[0]);
    close(fds[1]);
}

/* --- embedding --- */

static bool is_readable(struct coil__backend *b, int timeout_ms)
{
    struct pollfd pollfd = {.fd = b->class->get_fd(b), .events = POLLIN};

    CHECK_OK(pollfd.fd);
    return poll(&pollfd, 1, timeout_ms) == 1;
}

BACKEND_TEST(descriptor_tells_of_completions_and_wakes)
{
    struct work work = {0};
    int fds[2];

    test_socket_pair(fds);
    CHECK(!is_readable(b, 0));
    coil_op_recv(&work.op, fds[0], &work.byte, 1, 0);
    start(b, &work);
    look(b);
    CHECK(!is_readable(b, 0));
    put(fds[1], 1);
    CHECK(is_readable(b, 5000));
    wait_for(b, &work);
    look(b);
    CHECK(!is_readable(b, 0));
    b->class->wake(b);
    CHECK(is_readable(b, 5000));
    look(b);
    look(b);
    CHECK(!is_readable(b, 0));
    close(fds[0]);
    close(fds[1]);
}

static void *write_soon(void *arg)
{
    usleep(20000);
    CHECK_INT(eventfd_write(*(int *)arg, 1), ==, 0);
    return NULL;
}

/* Not only if it is readable already: poll sleeps on it when that comes, and is not left to look
 * again when its time is over. */
static void wake_the_poll(struct coil__backend *b, void *(*fn)(void *arg), void *arg)
{
    int64_t start_ns = test_now_ns();
    pthread_t thread;

    CHECK_INT(pthread_create(&thread, NULL, fn, arg), ==, 0);
    CHECK(is_readable(b, 10000));
    CHECK_INT(test_now_ns() - start_ns, <, 9 * COIL_SEC);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
}

BACKEND_TEST(descriptor_wakes_a_poll_each_time)
{
    int fd = eventfd(0, EFD_NONBLOCK);

    for (int i = 0; i < 3; i++) {
        CHECK(!is_readable(b, 0));
        look(b);
        wake_the_poll(b, wake_soon, b);
        look(b);
        look(b);
    }
    for (int i = 0; i < 3; i++) {
        struct work work = {0};

        coil_op_poll(&work.op, fd, POLLIN);
        start(b, &work);
        look(b);
        CHECK(!is_readable(b, 0));
        wake_the_poll(b, write_soon, &fd);
        wait_for(b, &work);
        CHECK_INT(work.op.result, ==, POLLIN);
        CHECK_INT(eventfd_read(fd, &(eventfd_t){0}), ==, 0);
    }
    close(fd);
}

BACKEND_TEST(descriptor_is_to_be_asked_for_early)
{
    struct work works[2] = {0};
    int fds[2];
    int fd;

    test_socket_pair(fds);
    coil_op_recv(&works[0].op, fds[0], &works[0].byte, 1, 0);
    start(b, &works[0]);
    fd = b->class->get_fd(b);
    CHECK(fd >= 0 || fd == -COIL_EINVALIDSTATE);
    put(fds[1], 1);
    wait_for(b, &works[0]);
    CHECK_INT(works[0].op.result, ==, 1);
    fd = b->class->get_fd(b);
    CHECK_OK(fd);
    coil_op_recv(&works[1].op, fds[0], &works[1].byte, 1, 0);
    start(b, &works[1]);
    CHECK_INT(b->class->get_fd(b), ==, fd);
    put(fds[1], 1);
    wait_for(b, &works[1]);
    CHECK_INT(works[1].op.result, ==, 1);
    close(fds[0]);
    close(fds[1]);
}

/* --- after a fork --- */

static int close_in_child(void *arg)
{
    struct coil__backend *b = arg;

    b->class->close(b, true);
    return 7;
}

BACKEND_TEST(close_in_a_forked_child_leaves_the_parent_alone)
{
    struct work work = {0};
    struct test_child child;
    int fds[2];

    test_socket_pair(fds);
    coil_op_recv(&work.op, fds[0], &work.byte, 1, 0);
    start(b, &work);
    look(b);
    test_run_child(close_in_child, b, &child);
    CHECK_INT(child.exit_code, ==, 7);
    wake_from_thread(b);
    CHECK_INT(work.calls, ==, 0);
    put(fds[1], 1);
    wait_for(b, &work);
    CHECK_INT(work.op.result, ==, 1);
    close(fds[0]);
    close(fds[1]);
}
