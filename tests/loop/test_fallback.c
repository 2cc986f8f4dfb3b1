/* Which backend a loop gets, where io_uring is forbidden above all; and a loop inside of another
 * main loop. */
#include "fault.h"
#include "in_task.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From now on io_uring_setup answers `error`; the way of containers. */
static void forbid_io_uring(int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
        _exit(77);
    }
}

static int use_the_loop(void *arg)
{
    int fds[2];
    char byte;

    test_socket_pair(fds);
    CHECK_STR(coil_loop_backend(coil_loop_current()), arg);
    CHECK_OK(coil_sleep(COIL_MSEC));
    CHECK_INT(coil_send_all(fds[0], "a", 1), ==, 1);
    CHECK_INT(coil_recv(fds[1], &byte, 1, 0), ==, 1);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static int run_forbidden(void *arg)
{
    struct coil_run_options forced = {.loop.backend = "uring"};
    struct coil_run_options epoll = {.loop.backend = "epoll"};
    char name[] = "epoll";

    fault_off(); /* a fault in here would not be seen by the test */
    unsetenv("COIL_BACKEND");
    forbid_io_uring(*(int *)arg);
    CHECK_ERR(coil_run(use_the_loop, name), 0);
    CHECK_ERR(coil_run_with(&epoll, use_the_loop, name), 0);
    CHECK_ERR(coil_run_with(&forced, use_the_loop, name), -COIL_EBACKEND);
    setenv("COIL_BACKEND", "uring", 1);
    CHECK_ERR(coil_run(use_the_loop, name), -COIL_EBACKEND);
    CHECK_ERR(coil_run_with(&epoll, use_the_loop, name), 0); /* the option comes first */
    return 3;
}

static void forbidden_by(int error)
{
    struct test_child child;

    if (test_is_emulated()) {
        test_skip("seccomp under an emulator");
    }
    test_run_child(run_forbidden, &error, &child);
    if (child.exit_code == 77) {
        test_skip("no seccomp here");
    }
    CHECK_STR(child.output, ""); /* without a word */
    CHECK_INT(child.exit_code, ==, 3);
}

COIL_TEST(fallback_where_io_uring_is_forbidden)
{
    forbidden_by(EPERM);
}

COIL_TEST(fallback_where_io_uring_is_unknown)
{
    forbidden_by(ENOSYS);
}

/* A limit on locked memory, say: epoll serves; whoever insists is told the true reason. */
COIL_TEST(fallback_where_io_uring_finds_no_memory)
{
    struct coil_loop_options forced = {.backend = "uring"};
    struct coil_loop *loop;

    if (coil_loop_new(&forced, &loop) == -COIL_EBACKEND) {
        test_skip("no io_uring in this build or kernel");
    }
    CHECK_OK(coil_loop_free(loop));
    unsetenv("COIL_BACKEND");
    fault_syscall_named("io_uring_queue_init_params", 1, ENOMEM);
    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK(fault_was_injected());
    fault_off();
    CHECK_STR(coil_loop_backend(loop), "epoll");
    CHECK_OK(coil_loop_free(loop));
    fault_syscall_named("io_uring_queue_init_params", 1, ENOMEM);
    CHECK_ERR(coil_loop_new(&forced, &loop), -ENOMEM);
    fault_off();
}

COIL_TEST(backend_names_that_are_unknown)
{
    struct coil_loop_options options = {.backend = "abacus"};
    struct coil_loop_options empty = {.backend = ""};
    struct coil_loop *loop = NULL;

    CHECK_ERR(coil_loop_new(&options, &loop), -COIL_EBACKEND);
    CHECK_ERR(coil_loop_new(&empty, &loop), -COIL_EBACKEND);
    setenv("COIL_BACKEND", "abacus", 1);
    CHECK_ERR(coil_loop_new(NULL, &loop), -COIL_EBACKEND);
    CHECK_ERR(coil_run(use_the_loop, NULL), -COIL_EBACKEND);
    setenv("COIL_BACKEND", "", 1); /* as if it were not set */
    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_OK(coil_loop_free(loop));
}

/* --- embedding --- */

/* A main loop that knows nothing but poll(2), a descriptor and a deadline. */
static void foreign_loop(struct coil_loop *loop, const bool *is_done)
{
    int rounds = 0;

    for (;;) {
        struct pollfd pollfd = {.fd = coil_loop_get_fd(loop), .events = POLLIN};
        int64_t deadline;
        int64_t left;

        CHECK_INT(++rounds, <, 100000);
        CHECK_OK(coil_loop_run_once(loop, 0));
        if (*is_done) {
            break;
        }
        deadline = coil_loop_next_deadline(loop);
        left = deadline == COIL_NEVER ? 10 * COIL_SEC : deadline - coil_loop_now(loop);
        CHECK_INT(poll(&pollfd, 1, left <= 0 ? 0 : (int)(left / COIL_MSEC) + 1), >=, 0);
        CHECK(deadline != COIL_NEVER || pollfd.revents != 0);
    }
}

struct talk {
    int fds[2];
    bool is_done;
};

static int answer(void *arg)
{
    struct talk *talk = arg;
    char byte;

    for (int i = 0; i < 20; i++) {
        CHECK_INT(coil_recv(talk->fds[1], &byte, 1, 0), ==, 1);
        CHECK_INT(coil_send_all(talk->fds[1], &byte, 1), ==, 1);
    }
    return 0;
}

static int forever_recv(void *arg)
{
    struct talk *talk = arg;
    int fds[2];
    char byte;
    int rc;

    (void)talk;
    test_socket_pair(fds);
    rc = (int)coil_recv(fds[0], &byte, 1, 0);
    close(fds[0]);
    close(fds[1]);
    return rc;
}

static int blocking(void *arg)
{
    (void)arg;
    usleep(3000);
    return 5;
}

/* All that must show on the descriptor or in the deadline: what was submitted, cancels, threads. */
static int talk_in_task(void *arg)
{
    struct talk *talk = arg;
    struct coil_task *task = coil_create_task(answer, talk);
    struct coil_task *idle = coil_create_task(forever_recv, talk);
    char byte;

    for (int i = 0; i < 20; i++) {
        CHECK_INT(coil_send_all(talk->fds[0], "a", 1), ==, 1);
        CHECK_INT(coil_recv(talk->fds[0], &byte, 1, 0), ==, 1);
        if (i % 5 == 0) {
            CHECK_OK(coil_sleep(COIL_MSEC));
        }
    }
    CHECK_OK(coil_await(task));
    CHECK_INT(coil_to_thread(blocking, NULL), ==, 5);
    CHECK_OK(coil_cancel(idle));
    CHECK_ERR(coil_await(idle), -ECANCELED);
    talk->is_done = true;
    return 0;
}

static void start_talk(void *user)
{
    CHECK_OK(coil_detach(coil_create_task(talk_in_task, user)));
}

static void embed(const char *backend)
{
    struct coil_loop_options options = {.backend = backend};
    struct talk talk = {.is_done = false};
    struct coil_handle handle = {0};
    struct coil_loop *loop;
    int rc = coil_loop_new(&options, &loop);

    if (rc == -COIL_EBACKEND) {
        test_skip("there is no such backend here");
    }
    CHECK_OK(rc);
    test_socket_pair(talk.fds);
    CHECK_OK(coil_call_soon(loop, &handle, start_talk, &talk));
    foreign_loop(loop, &talk.is_done);
    CHECK_OK(coil_loop_free(loop));
    close(talk.fds[0]);
    close(talk.fds[1]);
}

COIL_TEST(embedded_in_a_foreign_loop_epoll)
{
    embed("epoll");
}

COIL_TEST(embedded_in_a_foreign_loop_uring)
{
    embed("uring");
}

COIL_TEST(embedding_the_simulated_backend_is_not_possible)
{
    struct coil_loop_options options = {.backend = "sim"};
    struct coil_loop *loop;

    CHECK_OK(coil_loop_new(&options, &loop));
    CHECK_ERR(coil_loop_get_fd(loop), -ENOTSUP);
    CHECK_OK(coil_loop_free(loop));
}
