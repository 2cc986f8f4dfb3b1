/* What the console tells of times and of stalls, and that it shares the watchdog and the metrics
 * with a program that has its own. */
#include "console_client.h"

#include <stdatomic.h>

/* --- times --- */

TASK_TEST(console_tells_of_times)
{
    struct coil_metrics metrics;
    const char *state;

    CHECK_OK(start_console(NULL, none));
    CHECK_OK(coil_loop_get_metrics(NULL, &metrics));
    CHECK(metrics.is_timed);
    CHECK_OK(coil_sleep(COIL_MSEC));
    state = get("/state.json");
    CHECK_INT(number_of(state, "tasks_alive"), ==, 1);
    CHECK_CONTAINS(state, "\"is_timed\":true,\"histograms\":[{\"name\":\"step_time\",\"count\":");
    CHECK_CONTAINS(state, "{\"name\":\"answer_time\",\"count\":1,");
    CHECK_CONTAINS(get("/metrics"), "coil_tasks_created_total{");
    CHECK_CONTAINS(answer, "Content-Type: " COIL_PROMETHEUS_CONTENT_TYPE "\r\n");
    CHECK_OK(coil_console_stop());
    CHECK_OK(coil_loop_get_metrics(NULL, &metrics));
    CHECK(!metrics.is_timed);
    return 0;
}

TASK_TEST(console_leaves_times_as_they_are)
{
    struct coil_console_options options = {.no_times = true};
    struct coil_metrics metrics;

    CHECK_OK(start_console(NULL, options));
    CHECK_CONTAINS(get("/state.json"), "\"is_timed\":false");
    CHECK_OK(coil_console_stop());
    CHECK_OK(coil_loop_set_metrics(NULL, true));
    CHECK_OK(start_console(NULL, none));
    CHECK_OK(coil_console_stop());
    CHECK_OK(coil_loop_get_metrics(NULL, &metrics));
    CHECK(metrics.is_timed);
    return 0;
}

TASK_TEST(console_gives_its_times_away)
{
    struct coil_metrics metrics;

    CHECK_OK(start_console(NULL, none));
    CHECK_OK(coil_loop_set_metrics(NULL, true)); /* from now on the program's */
    CHECK_OK(coil_console_stop());
    CHECK_OK(coil_loop_get_metrics(NULL, &metrics));
    CHECK(metrics.is_timed);
    CHECK_OK(coil_loop_set_metrics(NULL, false));
    CHECK_OK(start_console(NULL, none));
    CHECK_OK(coil_loop_set_metrics(NULL, false));
    CHECK_OK(coil_console_stop());
    CHECK_OK(coil_loop_get_metrics(NULL, &metrics));
    CHECK(!metrics.is_timed);
    return 0;
}

/* --- stalls --- */

static int hold_up(void *arg)
{
    be_stuck(*(const int64_t *)arg);
    return 0;
}

/* Asks until the text is there; the last answer is returned. Stalls again and again: where all is
 * slow the watchdog takes one for a time in which the whole process stood still. */
static const char *stall_until(const char *text)
{
    int64_t until = test_now_ns() + PATIENCE / 4;
    int64_t span = 200 * COIL_MSEC;
    const char *state;

    if (test_is_torture()) {
        test_skip("its stalls take real time, which many runs at once have not");
    }
    do {
        test_done(coil_await(start("culprit", hold_up, &span)));
        state = get("/state.json");
    } while (!strstr(state, text) && test_now_ns() < until);
    CHECK_CONTAINS(state, text);
    return state;
}

TASK_TEST(console_tells_of_stalls)
{
    struct coil_console_options options = {.stall_limit_ns = 20 * COIL_MSEC};
    const char *state;

    CHECK_OK(coil_console_start_with(NULL, &options));
    CHECK_INT(coil_loop_stall_limit(coil_loop_current()), ==, 20 * COIL_MSEC);
    CHECK_CONTAINS(get("/state.json"), "\"stall_limit_ns\":20000000,\"stalls\":[");
    state = strstr(stall_until("\"is_over\":true"), "\"task\":\"culprit\"");
    CHECK_PTR(state, !=, NULL);
    CHECK_INT(number_of(state, "id"), >=, 2);
    CHECK_INT(number_of(strstr(state, "\"id\":"), "span_ns"), >=, 20 * COIL_MSEC);
    CHECK_OK(coil_console_stop());
    CHECK_INT(coil_loop_stall_limit(coil_loop_current()), ==, COIL_NEVER);
    return 0;
}

TASK_TEST(console_as_it_comes)
{
    CHECK_OK(coil_console_start("127.0.0.1:0"));
    CHECK_INT(coil_loop_stall_limit(coil_loop_current()), ==, 100 * COIL_MSEC);
    get("/");
    CHECK_INT(status(), ==, 200);
    CHECK_OK(coil_console_stop());
    return 0;
}

static atomic_int stalls_heard;

static void hear_stall(const struct coil_stall *stall, void *user)
{
    (void)stall;
    (void)user;
    stalls_heard++;
}

/* The program's own watchdog goes on telling it, and stays. */
TASK_TEST(console_shares_the_watchdog)
{
    struct coil_loop *loop = coil_loop_current();

    CHECK_OK(coil_loop_set_stall_limit(loop, 30 * COIL_MSEC));
    CHECK_OK(coil_loop_set_stall_handler(loop, hear_stall, NULL));
    CHECK_OK(coil_console_start(NULL));
    stall_until("\"task\":\"culprit\"");
    CHECK_INT(stalls_heard, >, 0);
    CHECK_OK(coil_console_stop());
    CHECK_INT(coil_loop_stall_limit(loop), ==, 30 * COIL_MSEC);
    return 0;
}

/* One that the program asks for while the console has its own is the program's from then on. */
TASK_TEST(console_gives_its_watchdog_away)
{
    struct coil_loop *loop = coil_loop_current();

    CHECK_OK(coil_console_start(NULL));
    CHECK_OK(coil_loop_set_stall_limit(loop, 30 * COIL_MSEC));
    CHECK_OK(coil_loop_set_stall_handler(loop, hear_stall, NULL));
    stall_until("\"task\":\"culprit\"");
    CHECK_INT(stalls_heard, >, 0);
    CHECK_OK(coil_console_stop());
    CHECK_INT(coil_loop_stall_limit(loop), ==, 30 * COIL_MSEC);
    CHECK_OK(coil_console_start(NULL));
    CHECK_OK(coil_console_stop());
    CHECK_INT(coil_loop_stall_limit(loop), ==, 30 * COIL_MSEC);
    CHECK_OK(coil_loop_set_stall_limit(loop, COIL_NEVER));
    CHECK_OK(coil_console_start(NULL));
    CHECK_INT(coil_loop_stall_limit(loop), <, COIL_NEVER);
    CHECK_OK(coil_console_stop());
    CHECK_INT(coil_loop_stall_limit(loop), ==, COIL_NEVER);
    return 0;
}

TASK_TEST(console_without_a_watchdog)
{
    struct coil_console_options options = {.stall_limit_ns = COIL_NEVER};
    struct coil_console_options wrong = {.stall_limit_ns = 5};

    CHECK_ERR(coil_console_start_with(NULL, &wrong), -EINVAL);
    CHECK_OK(coil_console_start_with(NULL, &options));
    CHECK_CONTAINS(get("/state.json"), "\"stalls\":[],");
    CHECK(!strstr(answer, "stall_limit_ns"));
    CHECK_OK(coil_console_stop());
    return 0;
}
