/* io_uring and epoll against the contract of sys/backend.h: adopted descriptors. */
#include "backend_calls.h"

#include <sys/resource.h>

static void receive(struct coil__backend *b, int fd, size_t size, ssize_t expected)
{
    static char buf[64];
    struct work work = {0};

    coil_op_recv(&work.op, fd, buf, size, 0);
    CHECK_INT(perform(b, &work), ==, expected);
}

BACKEND_TEST(adopted_descriptor_sees_every_arrival)
{
    struct work work = {0};
    int fds[2];

    test_socket_pair(fds);
    put(fds[1], 3);
    CHECK_OK(b->class->adopt(b, fds[0]));
    receive(b, fds[0], 10, 3); /* was there before */
    put(fds[1], 5);
    receive(b, fds[0], 2, 2);
    receive(b, fds[0], 10, 3);
    coil_op_recv(&work.op, fds[0], &work.byte, 1, 0);
    start(b, &work);
    look(b);
    CHECK_INT(work.calls, ==, 0);
    put(fds[1], 1);
    wait_for(b, &work);
    CHECK_INT(work.op.result, ==, 1);
    b->class->release(b, fds[0]);
    close(fds[0]);
    close(fds[1]);
}

/* The end came together with data that a larger buffer took: no further edge will tell of it. */
BACKEND_TEST(adopted_descriptor_sees_the_end_behind_data)
{
    int fds[2];

    test_socket_pair(fds);
    CHECK_OK(b->class->adopt(b, fds[0]));
    look(b);
    put(fds[1], 3);
    close(fds[1]);
    receive(b, fds[0], 10, 3);
    receive(b, fds[0], 10, 0);
    receive(b, fds[0], 10, 0);
    b->class->release(b, fds[0]);
    close(fds[0]);
}

/* A caller that has emptied the socket itself, and says so, is told of the next bytes, whether they
 * come before or after it begins to wait, and whether or not the backend has looked in between. */
BACKEND_TEST(adopted_descriptor_poll_behind_a_short_attempt)
{
    char buf[64];
    int fds[2];

    test_socket_pair(fds);
    CHECK_OK(b->class->adopt(b, fds[0]));
    for (int step = 0; step < 6; step++) {
        struct coil_op recv = {.kind_ = COIL__OP_RECV, .fd_ = fds[0], .buf_ = buf, .size_ = 64};
        struct work work = {0};

        put(fds[1], 3);
        if (step % 2) {
            look(b);
        }
        CHECK_INT(b->net->attempt(b, &recv), ==, 3);
        if (step >= 2) {
            put(fds[1], 2);
        }
        if (step >= 4) {
            look(b);
        }
        coil_op_poll(&work.op, fds[0], POLLIN);
        work.op.flags_ |= COIL__EXPECT_WAIT;
        if (step < 2) {
            start(b, &work);
            look(b);
            CHECK_INT(work.calls, ==, 0);
            put(fds[1], 2);
            wait_for(b, &work);
        } else {
            work.op.result = perform(b, &work);
        }
        CHECK_INT(work.op.result & POLLIN, ==, POLLIN);
        CHECK_INT(b->net->attempt(b, &recv), ==, 2);
    }
    b->class->release(b, fds[0]);
    close(fds[0]);
    close(fds[1]);
}

BACKEND_TEST(adopted_descriptor_cancel_and_again)
{
    struct work work = {0};
    int fds[2];

    test_socket_pair(fds);
    CHECK_OK(b->class->adopt(b, fds[0]));
    coil_op_recv(&work.op, fds[0], &work.byte, 1, 0);
    start(b, &work);
    look(b);
    cancel(b, &work);
    wait_for(b, &work);
    CHECK_ERR(work.op.result, -ECANCELED);
    put(fds[1], 1);
    receive(b, fds[0], 1, 1);
    b->class->release(b, fds[0]);
    b->class->release(b, fds[0]);
    close(fds[0]);
    close(fds[1]);
}

/* Waits for fd as one does who has just found it empty. */
static void expect(struct coil__backend *b, struct work *work, int fd, bool is_poll)
{
    *work = (struct work){0};
    if (is_poll) {
        coil_op_poll(&work->op, fd, POLLIN | POLLRDHUP);
    } else {
        coil_op_recv(&work->op, fd, &work->byte, 1, 0);
    }
    work->op.flags_ |= COIL__EXPECT_WAIT;
    start(b, work);
    look(b);
    CHECK_INT(work->calls, ==, 0);
}

/* Adopted, and waited for once already: from here on io_uring keeps a poll of it. */
static void adopt_watched(struct coil__backend *b, int fd)
{
    struct work work;

    CHECK_OK(b->class->adopt(b, fd));
    expect(b, &work, fd, true);
    cancel(b, &work);
    wait_for(b, &work);
}

/* Receives are served in order, polls all at once. */
BACKEND_TEST(adopted_descriptor_serves_all_that_wait)
{
    struct work poll;
    struct work first;
    struct work second;
    int fds[2];

    test_socket_pair(fds);
    adopt_watched(b, fds[0]);
    expect(b, &poll, fds[0], true);
    expect(b, &first, fds[0], false);
    expect(b, &second, fds[0], false);
    CHECK_INT(send(fds[1], "a", 1, 0), ==, 1);
    wait_for(b, &first);
    CHECK_INT(first.op.result, ==, 1);
    CHECK_INT(first.byte, ==, 'a');
    CHECK_INT(poll.calls, ==, 1);
    CHECK_INT(poll.op.result & POLLIN, ==, POLLIN);
    look(b);
    CHECK_INT(second.calls, ==, 0);
    CHECK_INT(send(fds[1], "b", 1, 0), ==, 1);
    wait_for(b, &second);
    CHECK_INT(second.byte, ==, 'b');
    b->class->release(b, fds[0]);
    close(fds[0]);
    close(fds[1]);
}

BACKEND_TEST(adopted_descriptor_tells_every_poll_of_the_end)
{
    struct work work;
    int fds[2];

    test_socket_pair(fds);
    adopt_watched(b, fds[0]);
    expect(b, &work, fds[0], true);
    close(fds[1]);
    wait_for(b, &work);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(work.op.result & POLLIN, ==, POLLIN);
        work = (struct work){0};
        coil_op_poll(&work.op, fds[0], POLLIN | POLLRDHUP);
        work.op.flags_ |= i == 1 ? 0 : COIL__EXPECT_WAIT;
        work.op.result = perform(b, &work);
    }
    b->class->release(b, fds[0]);
    close(fds[0]);
}

BACKEND_TEST(adopted_descriptor_polls_are_cancelled)
{
    struct work works[3];
    int fds[2];

    test_socket_pair(fds);
    adopt_watched(b, fds[0]);
    for (int i = 0; i < 3; i++) {
        expect(b, &works[i], fds[0], i != 1);
    }
    for (int i = 0; i < 2; i++) {
        cancel(b, &works[i]);
        cancel(b, &works[i]);
        wait_for(b, &works[i]);
        CHECK_ERR(works[i].op.result, -ECANCELED);
    }
    put(fds[1], 1);
    wait_for(b, &works[2]);
    CHECK_INT(works[2].op.result & POLLIN, ==, POLLIN);
    b->class->release(b, fds[0]);
    close(fds[0]);
    close(fds[1]);
}

/* What polls the file for the backend must not keep it open: the peer waits for its end. */
BACKEND_TEST(released_descriptor_closes_at_once)
{
    for (int i = 0; i < 3; i++) {
        struct work work;
        char byte;
        int fds[2];

        test_socket_pair(fds);
        adopt_watched(b, fds[0]);
        expect(b, &work, fds[0], true);
        put(fds[1], 1);
        wait_for(b, &work);
        CHECK_INT(recv(fds[0], &byte, 1, 0), ==, 1);
        b->class->release(b, fds[0]);
        close(fds[0]);
        CHECK_INT(recv(fds[1], &byte, 1, MSG_DONTWAIT), ==, 0);
        close(fds[1]);
    }
}

/* More edges than the completion queue of io_uring has room for, and a submission queue that is
 * full when the descriptors are released. */
BACKEND_TEST(adopted_descriptors_by_the_thousand)
{
    int number = test_is_torture() ? 300 : 4500;
    struct work *works = calloc((size_t)number, sizeof *works);
    int(*fds)[2] = calloc((size_t)number, sizeof *fds);
    struct rlimit limit;

    CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_max < 2 * (rlim_t)number + 100 || !test_made(works) || !test_made(fds)) {
        free(works);
        free(fds);
        test_skip("too few descriptors are allowed, or too little memory");
    }
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < number; i++) {
        test_socket_pair(fds[i]);
        adopt_watched(b, fds[i][0]);
        coil_op_poll(&works[i].op, fds[i][0], POLLIN | POLLRDHUP);
        works[i].op.flags_ |= COIL__EXPECT_WAIT;
        start(b, &works[i]);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < number; i++) {
            put(fds[i][1], 1);
        }
        for (int i = 0; i < number; i++) {
            char byte;

            wait_for(b, &works[i]);
            CHECK_INT(works[i].op.result & POLLIN, ==, POLLIN);
            CHECK_INT(recv(fds[i][0], &byte, 1, 0), ==, 1);
            works[i] = (struct work){0};
            coil_op_poll(&works[i].op, fds[i][0], POLLIN | POLLRDHUP);
            works[i].op.flags_ |= COIL__EXPECT_WAIT;
            start(b, &works[i]);
        }
    }
    for (int i = 0; i < number; i++) {
        cancel(b, &works[i]);
    }
    for (int i = 0; i < number; i++) {
        wait_for(b, &works[i]);
        CHECK_ERR(works[i].op.result, -ECANCELED);
        b->class->release(b, fds[i][0]);
        close(fds[i][0]);
        close(fds[i][1]);
    }
    free(works);
    free(fds);
}

/* After release the number may come back as another file at once. */
BACKEND_TEST(released_number_is_used_again)
{
    for (int i = 0; i < 10; i++) {
        int fds[2];

        test_socket_pair(fds);
        if (i % 2 == 0) {
            CHECK_OK(b->class->adopt(b, fds[0]));
        }
        put(fds[1], 2);
        receive(b, fds[0], 1, 1);
        receive(b, fds[0], 1, 1);
        if (i % 2 == 0) {
            b->class->release(b, fds[0]);
        }
        close(fds[0]);
        close(fds[1]);
    }
}
