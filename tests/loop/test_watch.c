/* test_watch.c - level-triggered watches: repeated while the level holds, one last callback. */
#include "harness.h"

#include <coil.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

struct probe {
    struct coil_watch watch;
    int calls;
    int last;
    int stop_after; /* calls; 0: never by itself */
    bool is_over;
};

static void on_event(struct coil_watch *watch, int events)
{
    struct probe *probe = (struct probe *)watch;

    probe->last = events;
    if (events < 0) {
        probe->is_over = true;
        return;
    }
    probe->calls++;
    if (probe->calls == probe->stop_after) {
        CHECK_OK(coil_watch_stop(watch));
    }
}

static void run_until_over(struct coil_loop *loop, const struct probe *probe)
{
    for (int i = 0; i < 100 && !probe->is_over; i++) {
        CHECK_OK(coil_loop_run_once(loop, COIL_MSEC));
    }
    CHECK(probe->is_over);
}

COIL_TEST(watch_level_is_repeated_until_stopped) /* A14 */
{
    struct probe probe = {.stop_after = 3};
    struct coil_loop *loop;
    int fds[2];

    CHECK_OK(coil_loop_new(NULL, &loop));
    test_socket_pair(fds);
    CHECK_INT(write(fds[1], "x", 1), ==, 1); /* never read: the level holds */
    CHECK_OK(coil_watch_start(loop, &probe.watch, fds[0], POLLIN, on_event));
    CHECK_ERR(coil_watch_start(loop, &probe.watch, fds[0], POLLIN, on_event), -EINVAL);
    CHECK(coil_watch_is_started(&probe.watch));
    run_until_over(loop, &probe);
    CHECK_INT(probe.calls, ==, 3);
    CHECK_INT(probe.last, ==, -ECANCELED);
    CHECK(!coil_watch_is_started(&probe.watch));
    CHECK_ERR(coil_watch_stop(&probe.watch), -COIL_EINVALIDSTATE);
    close(fds[0]);
    close(fds[1]);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(watch_stop_from_outside_is_confirmed)
{
    struct probe probe = {0};
    struct coil_loop *loop;
    int fds[2];

    CHECK_OK(coil_loop_new(NULL, &loop));
    test_socket_pair(fds);
    CHECK_OK(coil_watch_start(loop, &probe.watch, fds[0], POLLIN, on_event));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_INT(probe.calls, ==, 0);
    CHECK_OK(coil_watch_stop(&probe.watch));
    CHECK_OK(coil_watch_stop(&probe.watch));
    CHECK(!probe.is_over); /* never from inside stop */
    run_until_over(loop, &probe);
    CHECK_INT(probe.last, ==, -ECANCELED);
    close(fds[0]);
    close(fds[1]);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(watch_two_directions_on_one_descriptor)
{
    struct probe reader = {.stop_after = 1};
    struct probe writer = {.stop_after = 1};
    struct coil_loop *loop;
    int fds[2];

    CHECK_OK(coil_loop_new(NULL, &loop));
    test_socket_pair(fds);
    CHECK_OK(coil_watch_start(loop, &reader.watch, fds[0], POLLIN, on_event));
    CHECK_OK(coil_watch_start(loop, &writer.watch, fds[0], POLLOUT, on_event));
    run_until_over(loop, &writer);
    CHECK_INT(reader.calls, ==, 0);
    CHECK_INT(write(fds[1], "x", 1), ==, 1);
    run_until_over(loop, &reader);
    CHECK_INT(writer.calls, ==, 1);
    close(fds[0]);
    close(fds[1]);
    CHECK_OK(coil_loop_free(loop));
}

/* One watch for both directions: once per iteration, with all that is there. */
COIL_TEST(watch_both_directions_by_one_watch)
{
    struct probe probe = {0};
    struct coil_loop *loop;
    int fds[2];

    CHECK_OK(coil_loop_new(NULL, &loop));
    test_socket_pair(fds);
    CHECK_OK(coil_watch_start(loop, &probe.watch, fds[0], POLLIN | POLLOUT, on_event));
    for (int i = 0; i < 100 && probe.calls < 3 && !probe.is_over; i++) {
        CHECK_OK(coil_loop_run_once(loop, COIL_SEC));
    }
    CHECK_INT(probe.calls, ==, 3);
    CHECK_INT(probe.last, ==, POLLOUT);
    CHECK_INT(write(fds[1], "x", 1), ==, 1);
    for (int i = 0; i < 100 && probe.last == POLLOUT; i++) {
        CHECK_OK(coil_loop_run_once(loop, COIL_SEC));
    }
    CHECK_INT(probe.last, ==, POLLIN | POLLOUT);
    CHECK_OK(coil_watch_stop(&probe.watch));
    run_until_over(loop, &probe);
    close(fds[0]);
    close(fds[1]);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(watch_misuse_is_named)
{
    struct probe probe = {0};
    struct coil_loop *loop;

    CHECK_ERR(coil_watch_start(NULL, &probe.watch, 0, POLLIN, on_event), -EINVAL);
    CHECK_ERR(coil_watch_stop(NULL), -EINVAL);
    CHECK(!coil_watch_is_started(NULL));
    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_ERR(coil_watch_start(loop, NULL, 0, POLLIN, on_event), -EINVAL);
    CHECK_ERR(coil_watch_start(loop, &probe.watch, 0, POLLIN, NULL), -EINVAL);
    CHECK_OK(coil_loop_free(loop));
}
