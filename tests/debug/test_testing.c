/* test_testing.c - one test on the simulated backend: time, order, the network and its faults. */
#include "network_talk.h"
/* ---- time ---- */

static int sleep_an_hour(void *arg)
{
    int64_t *ret_took = arg;
    int64_t begin = coil_now();

    CHECK_STR(coil_loop_backend(coil_loop_current()), "sim");
    CHECK_OK(coil_sleep(60 * COIL_MINUTE));
    CHECK_INT(coil_loop_now(coil_loop_current()), ==, coil_now());
    *ret_took = coil_now() - begin;
    return 7;
}

COIL_TEST(testing_runs_on_virtual_time)
{
    int64_t begin = test_now_ns();
    int64_t took = 0;

    setenv("COIL_BACKEND", "epoll", 1);
    CHECK_INT(coil_test_run(NULL, sleep_an_hour, &took), ==, 7);
    CHECK_INT(took, ==, 60 * COIL_MINUTE);
    CHECK_INT(test_now_ns() - begin, <, 10 * COIL_SEC);
}

static int time_out(__attribute__((unused)) void *arg)
{
    int64_t begin = coil_now();
    int rc = 0;

    coil_timeout(10 * COIL_SEC) {
        rc = coil_sleep(COIL_MINUTE);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_INT(coil_now() - begin, ==, 10 * COIL_SEC);
    return -EIO;
}

COIL_TEST(testing_returns_what_the_test_returned)
{
    CHECK_ERR(coil_test_run(NULL, time_out, NULL), -EIO);
}

static int work_for_real(__attribute__((unused)) void *arg)
{
    int64_t begin = test_now_ns();

    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    return test_now_ns() - begin >= 20 * COIL_MSEC;
}

static int use_thread(__attribute__((unused)) void *arg)
{
    return coil_to_thread(work_for_real, NULL);
}

COIL_TEST(testing_threads_stay_real)
{
    CHECK_INT(coil_test_run(NULL, use_thread, NULL), ==, 1);
}

/* ---- the seed ---- */

COIL_TEST(testing_same_seed_same_trace)
{
    uint64_t first = trace_of(5);

    for (int i = 0; i < (test_is_torture() ? 1 : 5); i++) {
        CHECK(trace_of(5) == first);
    }
    CHECK(trace_of(6) != first);
}

static int print_trace(__attribute__((unused)) void *arg)
{
    printf("%llx\n", (unsigned long long)trace_of(0));
    return 0;
}

COIL_TEST(testing_same_seed_same_trace_in_every_process)
{
    struct test_child children[3];
    char expected[64];

    snprintf(expected, sizeof expected, "%llx\n", (unsigned long long)trace_of(77));
    setenv("COIL_SEED", "77", 1);
    for (int i = 0; i < 3; i++) {
        if (i == 2) {
            setenv("COIL_SEED", "78", 1);
        }
        test_run_child(print_trace, NULL, &children[i]);
        CHECK_INT(children[i].exit_code, ==, 0);
    }
    CHECK_STR(children[0].output, expected);
    CHECK_STR(children[1].output, expected);
    CHECK(strcmp(children[2].output, expected) != 0);
}

static int draw_some(void *arg)
{
    uint64_t *numbers = arg;

    CHECK_INT(coil_test_random(0), ==, 0);
    CHECK_INT(coil_test_random(1), ==, 0);
    for (int i = 0; i < 4; i++) {
        numbers[i] = coil_test_random(1000000);
        CHECK_INT(numbers[i], <, 1000000);
    }
    return 0;
}

static void draw_with(uint64_t seed, uint64_t numbers[4])
{
    struct coil_test_options options = {.seed = seed};

    CHECK_OK(coil_test_run(&options, draw_some, numbers));
}

COIL_TEST(testing_random_is_the_seeds)
{
    uint64_t of_1[4] = {0};
    uint64_t of_17[4] = {0};
    uint64_t got[4] = {0};

    unsetenv("COIL_SEED");
    CHECK_INT(coil_test_random(100), ==, 0); /* outside of a test */
    draw_with(1, of_1);
    draw_with(17, of_17);
    CHECK(memcmp(of_1, of_17, sizeof of_1) != 0);
    draw_with(0, got);
    CHECK_MEM(got, of_1, sizeof got);
    setenv("COIL_SEED", "17", 1);
    draw_with(0, got);
    CHECK_MEM(got, of_17, sizeof got);
    draw_with(1, got); /* what is given is taken */
    CHECK_MEM(got, of_1, sizeof got);
}

static int run_with_garbage(void *arg)
{
    struct coil_test_options options = {.is_quiet = *(const bool *)arg};
    int64_t took;

    CHECK_ERR(coil_test_run(&options, sleep_an_hour, &took), -EINVAL);
    CHECK_ERR(coil_test_seeds(&options, sleep_an_hour, &took, NULL), -EINVAL);
    return 0;
}

COIL_TEST(testing_seed_that_is_none_is_told)
{
    static const char *const texts[] = {"abc", "12x", "-1", "0", " 1", "18446744073709551616"};
    struct test_child child;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bool is_quiet = false;
        char expected[128];

        setenv("COIL_SEED", texts[i], 1);
        snprintf(expected, sizeof expected,
                 "coil: COIL_SEED=%s is no seed: it must be a number from 1 to "
                 "18446744073709551615\n",
                 texts[i]);
        test_run_child(run_with_garbage, &is_quiet, &child);
        CHECK_INT(child.exit_code, ==, 0);
        CHECK_CONTAINS(child.output, expected);
        is_quiet = true;
        test_run_child(run_with_garbage, &is_quiet, &child);
        CHECK_INT(child.exit_code, ==, 0);
        CHECK_STR(child.output, "");
    }
    setenv("COIL_SEED", "", 1);
    draw_with(0, (uint64_t[4]){0});
}

struct order {
    int ids[8];
    int count;
};

struct place {
    struct order *order;
    int id;
};

static int take_place(void *arg)
{
    struct place *place = arg;

    place->order->ids[place->order->count++] = place->id;
    return 0;
}

static int queue_up(void *arg)
{
    struct coil_task *tasks[8];

    for (int i = 0; i < 8; i++) {
        struct place place = {arg, i};

        tasks[i] = coil_create_task_copy(take_place, &place, sizeof place);
    }
    return coil_gather(tasks, 8, NULL);
}

COIL_TEST(testing_order_is_drawn_unless_asked_for)
{
    struct coil_test_options options = {0};
    int changes = 0;

    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct order drawn = {0};
        struct order kept = {0};

        options.seed = seed;
        options.in_order = false;
        CHECK_OK(coil_test_run(&options, queue_up, &drawn));
        options.in_order = true;
        CHECK_OK(coil_test_run(&options, queue_up, &kept));
        for (int i = 0; i < 8; i++) {
            CHECK_INT(kept.ids[i], ==, i);
            changes += drawn.ids[i] != i;
        }
    }
    CHECK_INT(changes, >, 20);
}

/* ---- faults ---- */

COIL_TEST(testing_perfect_network_has_no_faults)
{
    struct coil_test_counts counts = talk_with(NULL, 10, 0);

    CHECK_INT(counts.packets, >, 10);
    CHECK_INT(counts.losses + counts.resets + counts.short_transfers + counts.waits, ==, 0);
    CHECK_INT(talked.longest_ns, ==, 0);
}

COIL_TEST(testing_latency_lies_between_its_bounds)
{
    struct coil_test_network network = {
        .latency_min_ns = 10 * COIL_MSEC,
        .latency_max_ns = 30 * COIL_MSEC,
    };

    talk_with(&network, 20, 0);
    CHECK_INT(talked.shortest_ns, >=, 20 * COIL_MSEC); /* there and back */
    CHECK_INT(talked.longest_ns, <=, 60 * COIL_MSEC);
    CHECK_INT(talked.longest_ns, >, talked.shortest_ns);
    network.latency_max_ns = 0;
    talk_with(&network, 1, 0);
    CHECK_INT(talked.shortest_ns, ==, 20 * COIL_MSEC);
    CHECK_INT(talked.longest_ns, ==, 20 * COIL_MSEC);
}

COIL_TEST(testing_loss_is_a_delay)
{
    struct coil_test_network network = {.loss_ppm = 100000};
    struct coil_test_counts counts = talk_with(&network, 20, 0);

    CHECK_INT(counts.losses, >, 10);
    CHECK_INT(counts.losses, <, counts.packets / 2);
    CHECK_INT(talked.shortest_ns, ==, 0);
    CHECK_INT(talked.longest_ns, >=, 200 * COIL_MSEC);
    CHECK_INT(talked.longest_ns % (200 * COIL_MSEC), ==, 0);
}

static int dial_into_the_void(void *arg)
{
    struct coil_stream *stream;
    int64_t begin = coil_now();
    int rc = coil_open_connection("127.0.0.1", 80, NULL, &stream);

    *(int64_t *)arg = coil_now() - begin;
    return rc;
}

COIL_TEST(testing_network_that_is_cut)
{
    struct coil_test_options options = {.network.loss_ppm = 1000000};
    int64_t took = 0;

    CHECK_ERR(coil_test_run(&options, dial_into_the_void, &took), -ETIMEDOUT);
    CHECK_INT(took, ==, 127 * COIL_SEC);
}

COIL_TEST(testing_loss_can_break_a_connection)
{
    struct coil_test_network network = {.loss_ppm = 930000};

    unsigned seeds = test_is_torture() ? 10 : 300;

    talk_with(&network, seeds, -ETIMEDOUT);
    CHECK_INT(talked.broken, >, 0);
    CHECK_INT(talked.dialled, >, 0);
    CHECK_INT(talked.dialled, <, talked.runs);
    CHECK_INT(talked.broken_after_dial, >, 0);
}

COIL_TEST(testing_resets_are_seen)
{
    struct coil_test_network network = {.reset_ppm = 30000};
    struct coil_test_counts counts = talk_with(&network, 30, -ECONNRESET);

    CHECK_INT(counts.resets, >, 3);
    CHECK_INT(talked.broken, >, 3);
    CHECK_INT(talked.broken, <, talked.runs);
}

COIL_TEST(testing_short_transfers_lose_nothing)
{
    struct coil_test_network network = {.short_ppm = 500000};
    struct coil_test_counts counts = talk_with(&network, 10, 0);

    CHECK_INT(counts.short_transfers, >, 30);
    CHECK_INT(talked.short_reads, >, 10);
}

COIL_TEST(testing_waits_let_others_run)
{
    struct coil_test_network network = {.wait_ppm = 500000};
    struct coil_test_counts counts = talk_with(&network, 10, 0);

    CHECK_INT(counts.waits, >, 10);
}

static int get_counts_of_nothing(__attribute__((unused)) void *arg)
{
    struct coil_test_counts counts = {.packets = 17};

    CHECK_ERR(coil_test_get_counts(NULL), -EINVAL);
    CHECK_OK(coil_test_get_counts(&counts));
    CHECK_INT(counts.packets, ==, 0);
    return 0;
}

static int get_counts_for_real(__attribute__((unused)) void *arg)
{
    struct coil_test_counts counts;

    CHECK_INT(coil_test_random(100), ==, 0);
    CHECK_ERR(coil_test_get_counts(&counts), -ENOTSUP);
    return 0;
}

COIL_TEST(testing_counts_need_a_simulated_loop)
{
    struct coil_run_options options = {.loop.backend = "epoll"};
    struct coil_test_counts counts;

    CHECK_ERR(coil_test_get_counts(&counts), -COIL_ENOLOOP);
    CHECK_OK(coil_test_run(NULL, get_counts_of_nothing, NULL));
    CHECK_OK(coil_run_with(&options, get_counts_for_real, NULL));
}

/* ---- misuse ---- */

static int do_nothing(__attribute__((unused)) void *arg)
{
    return 0;
}

static void check_refused(const struct coil_test_options *options)
{
    CHECK_ERR(coil_test_run(options, do_nothing, NULL), -EINVAL);
    CHECK_ERR(coil_test_seeds(options, do_nothing, NULL, NULL), -EINVAL);
}

COIL_TEST(testing_refuses_what_makes_no_sense)
{
    static const struct coil_test_options bad[] = {
        {.network.latency_min_ns = -1},
        {.network.latency_max_ns = -1},
        {.network.latency_min_ns = 2, .network.latency_max_ns = 1},
        {.network.latency_min_ns = COIL_NEVER},
        {.network.loss_ppm = 1000001},
        {.network.reset_ppm = 1000001},
        {.network.short_ppm = 1000001},
        {.network.wait_ppm = UINT32_MAX},
        {.max_time_ns = -1},
        {.patience_ns = -1},
        {.run.loop.stack_size = SIZE_MAX},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_refused(&bad[i]);
    }
    CHECK_ERR(coil_test_run(NULL, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_test_seeds(NULL, NULL, NULL, NULL), -EINVAL);
}

static int test_within(__attribute__((unused)) void *arg)
{
    struct coil_test_result result = {.runs = 17};

    CHECK_ERR(coil_test_run(NULL, do_nothing, NULL), -COIL_ENESTED);
    CHECK_ERR(coil_test_seeds(NULL, do_nothing, NULL, &result), -COIL_ENESTED);
    CHECK_INT(result.runs, ==, 17);
    return coil_sleep(COIL_SEC);
}

COIL_TEST(testing_a_test_in_a_test)
{
    CHECK_OK(coil_test_run(NULL, test_within, NULL));
    CHECK_OK(coil_run(test_within, NULL));
}

/* ---- what is left behind, and memory ---- */

static int leave_tasks(__attribute__((unused)) void *arg)
{
    for (int i = 0; i < 3; i++) {
        coil_detach(coil_create_task(task_forever, NULL));
    }
    return coil_sleep(COIL_MSEC);
}

COIL_TEST(testing_no_task_outlives_it)
{
    CHECK_OK(coil_test_run(NULL, leave_tasks, NULL));
}

static void run_without_memory(__attribute__((unused)) void *arg)
{
    struct coil_test_options options = {
        .seed = 3,
        .is_quiet = true,
        .seed_count = 1,
        .patience_ns = 1,
        .network = {.latency_max_ns = COIL_MSEC, .loss_ppm = 100000, .short_ppm = 100000},
    };
    struct talk_plan plan = {.lines = 1, .tolerates = true};

    coil_test_seeds(&options, talk, &plan, NULL);
    options.own_process = true;
    coil_test_seeds(&options, do_nothing, NULL, NULL);
}

COIL_TEST_LIMIT(testing_memory_may_run_out, 120)
{
    if (test_has_valgrind()) {
        test_skip("hundreds of processes take minutes there");
    }
    torture(run_without_memory, NULL);
}

COIL_TEST(testing_memory_out_is_told)
{
    if (test_is_torture()) {
        return;
    }
    fault_alloc_at(1);
    CHECK_ERR(coil_test_run(NULL, do_nothing, NULL), -ENOMEM);
    fault_alloc_at(1);
    CHECK_ERR(coil_test_seeds(NULL, do_nothing, NULL, NULL), -ENOMEM);
    fault_off();
}
