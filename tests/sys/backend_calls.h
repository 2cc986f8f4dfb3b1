/* backend_calls.h - driving a backend by its seam, without a loop above it: shared by the tests of
 * io_uring and epoll. */
#ifndef BACKEND_CALLS_H
#define BACKEND_CALLS_H

#include "fault.h"
#include "harness.h"

#include "sys/backend.h"

#include <coil/base.h>
#include <coil/error.h>
#include <coil/op.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Each test runs once on each backend. */
#define BACKEND_TEST(name)                                                                         \
    static void body_of_##name(struct coil__backend *b);                                           \
    COIL_TEST(name##_epoll)                                                                        \
    {                                                                                              \
        run_on("epoll", body_of_##name);                                                           \
    }                                                                                              \
    COIL_TEST(name##_uring)                                                                        \
    {                                                                                              \
        run_on("uring", body_of_##name);                                                           \
    }                                                                                              \
    static void body_of_##name(__attribute__((unused)) struct coil__backend *b)

static inline void run_on(const char *name, void (*body)(struct coil__backend *b))
{
    struct coil__backend_config config = {.name = name};
    struct coil__backend *backend;
    int rc = coil__backend_open(&config, &backend);

    if (rc == -COIL_EBACKEND) {
        test_skip("there is no such backend here");
    }
    CHECK_OK(rc);
    CHECK_STR(backend->class->name, name);
    CHECK_OK(backend->class->start ? backend->class->start(backend) : 0);
    body(backend);
    CHECK_INT(coil__counter_get(&backend->in_flight), ==, 0);
    backend->class->close(backend, false);
}

struct work {
    struct coil_op op;
    int calls;
    char byte;
    struct coil__backend *backend;
    struct coil_op *victim; /* cancelled by the callback */
};

static inline void note(struct coil_op *op)
{
    struct work *work = (struct work *)(void *)op;

    work->calls++;
    if (work->victim && work->victim->state_ != COIL__OP_IDLE) {
        work->backend->class->cancel(work->backend, work->victim);
    }
}

static inline int submit(struct coil__backend *b, struct coil_op *op)
{
    op->callback_ = note;
    return b->class->submit(b, op);
}

/* Submits what must wait. */
static inline void start(struct coil__backend *b, struct work *work)
{
    CHECK_ERR(submit(b, &work->op), 0);
    CHECK_INT(work->op.state_, !=, COIL__OP_IDLE);
}

static inline void cancel(struct coil__backend *b, struct work *work)
{
    b->class->cancel(b, &work->op);
}

static inline void look(struct coil__backend *b)
{
    CHECK_ERR(b->class->wait(b, 0), 0);
}

static inline void wait_for(struct coil__backend *b, struct work *work)
{
    for (int i = 0; work->calls == 0 && !test_has_noticed(); i++) {
        CHECK_INT(i, <, 1000);
        CHECK_ERR(b->class->wait(b, 5 * COIL_SEC), 0);
    }
    CHECK_INT(work->calls, ==, 1);
    CHECK_INT(work->op.state_, ==, COIL__OP_IDLE);
}

/* Submits and waits, if need be; the result. */
static inline ssize_t perform(struct coil__backend *b, struct work *work)
{
    int rc = submit(b, &work->op);

    if (rc == 0) {
        wait_for(b, work);
        work->calls = 0;
        return work->op.result;
    }
    CHECK_INT(work->calls, ==, 0);
    return rc < 0 ? rc : work->op.result;
}

static inline void put(int fd, size_t count)
{
    static const char bytes[4096];

    CHECK_INT(write(fd, bytes, count), ==, count);
}

static inline void make_pipe(int ret_fds[2], int flags)
{
    if (pipe2(ret_fds, flags) < 0) {
        test_fail(__FILE__, __LINE__, "pipe2: %s", strerror(errno));
    }
}

/* --- what the system gives --- */

#endif
