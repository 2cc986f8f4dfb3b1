/* test_testing_seeds.c - one test with many seeds: the first that fails, and how it is replayed. */
#include "network_talk.h"

#include <signal.h>

enum { ONE_IN = 50 };

/* Fails with one seed in fifty, and always at the same moment. */
static int fail_now_and_then(void *arg)
{
    int *runs = arg;

    *runs += 1;
    CHECK_OK(coil_sleep((int64_t)coil_test_random(1000) * COIL_MSEC));
    return coil_test_random(ONE_IN) == 0 ? -EIO : 3;
}

static struct coil_test_result search(const struct coil_test_options *options, int failed)
{
    struct coil_test_result result = {0};
    int runs = 0;

    CHECK_ERR(coil_test_seeds(options, fail_now_and_then, &runs, &result), failed);
    CHECK_INT(result.runs, ==, runs);
    CHECK_INT(result.failed, ==, failed);
    return result;
}

COIL_TEST(seeds_stop_at_the_first_that_fails)
{
    struct coil_test_options options = {.is_quiet = true};
    struct coil_test_result result;
    struct coil_test_result again;
    int runs = 0;

    unsetenv("COIL_SEED");
    result = search(&options, 1);
    CHECK_INT(result.first_seed, ==, result.runs); /* from 1 on */
    CHECK_ERR(result.first_error, -EIO);
    CHECK_INT(result.first_time_ns, >=, 0);
    CHECK_INT(result.first_time_ns, <, COIL_SEC);
    options.seed = result.first_seed;
    CHECK_ERR(coil_test_run(&options, fail_now_and_then, &runs), -EIO);
    again = search(&options, 1);
    CHECK_INT(again.runs, ==, 1);
    CHECK_INT(again.first_seed, ==, result.first_seed);
    CHECK_INT(again.first_time_ns, ==, result.first_time_ns);
    options.seed = result.first_seed + 1;
    again = search(&options, 1);
    CHECK_INT(again.first_seed, ==, options.seed + again.runs - 1);
}

COIL_TEST(seeds_can_go_on)
{
    struct coil_test_options options = {.is_quiet = true, .goes_on = true, .seed_count = 500};
    struct coil_test_result result = {0};
    int runs = 0;
    int failed;

    unsetenv("COIL_SEED");
    failed = coil_test_seeds(&options, fail_now_and_then, &runs, &result);
    CHECK_INT(failed, >, 500 / ONE_IN / 3);
    CHECK_INT(failed, <, 500 / ONE_IN * 3);
    CHECK_INT(result.failed, ==, failed);
    CHECK_INT(result.runs, ==, 500);
    CHECK_INT(runs, ==, 500);
    options.goes_on = false;
    CHECK_INT(search(&options, 1).first_seed, ==, result.first_seed);
}

static int pass(void *arg)
{
    *(int *)arg += 1;
    return 5;
}

COIL_TEST(seeds_that_all_pass)
{
    struct coil_test_options options = {.seed_count = 7, .seed = UINT64_MAX - 1};
    struct coil_test_result result;
    int runs = 0;

    unsetenv("COIL_SEED");
    CHECK_INT(coil_test_seeds(NULL, pass, &runs, &result), ==, 0);
    CHECK_INT(runs, ==, 1000);
    CHECK_INT(result.runs, ==, 1000);
    CHECK_INT(result.failed, ==, 0);
    runs = 0;
    CHECK_INT(coil_test_seeds(&options, pass, &runs, NULL), ==, 0); /* past the largest one */
    CHECK_INT(runs, ==, 7);
}

static int search_in_child(void *arg)
{
    return coil_test_seeds(arg, fail_now_and_then, &(int){0}, NULL);
}

COIL_TEST(seeds_print_how_to_replay)
{
    struct coil_test_options options = {.name = "my test"};
    struct coil_test_result result;
    struct test_child child;
    struct test_child replay;
    char expected[256];
    char number[24];

    unsetenv("COIL_SEED");
    options.is_quiet = true;
    result = search(&options, 1);
    options.is_quiet = false;
    snprintf(number, sizeof number, "%llu", (unsigned long long)result.first_seed);
    snprintf(expected, sizeof expected,
             "coil: my test fails with seed %s: Input/output error (-EIO), after %.6f s of virtual "
             "time\ncoil: to replay it: COIL_SEED=%s %s\n",
             number, (double)result.first_time_ns / (double)COIL_SEC, number,
             program_invocation_name);
    test_run_child(search_in_child, &options, &child);
    CHECK_INT(child.exit_code, ==, 1);
    CHECK_STR(child.output, expected);
    setenv("COIL_SEED", number, 1);
    options.seed = 1;
    test_run_child(search_in_child, &options, &replay);
    CHECK_INT(replay.exit_code, ==, 1);
    CHECK_STR(replay.output, expected);
    setenv("COIL_SEED", "1", 1);
    test_run_child(search_in_child, NULL, &replay);
    CHECK_INT(replay.exit_code, ==, 0);
    CHECK_STR(replay.output,
              "coil: test passes with seed 1, the only one that COIL_SEED asks for\n");
}

COIL_TEST(seeds_count_at_the_end)
{
    struct coil_test_options options = {.goes_on = true, .seed_count = 300};
    struct coil_test_result result = {0};
    struct test_child child;
    char expected[64];
    int runs = 0;

    unsetenv("COIL_SEED");
    options.is_quiet = true;
    coil_test_seeds(&options, fail_now_and_then, &runs, &result);
    options.is_quiet = false;
    snprintf(expected, sizeof expected, "coil: test fails with %u of 300 seeds\n", result.failed);
    test_run_child(search_in_child, &options, &child);
    CHECK_CONTAINS(child.output, expected);
    CHECK_INT(child.exit_code, ==, result.failed);
}

COIL_TEST(seeds_replay_only_the_one_asked_for)
{
    struct coil_test_options options = {.is_quiet = true, .seed = 5, .seed_count = 10};
    struct coil_test_result result = {0};
    int runs = 0;

    setenv("COIL_SEED", "18446744073709551615", 1);
    CHECK_INT(coil_test_seeds(&options, pass, &runs, &result), ==, 0);
    CHECK_INT(runs, ==, 1);
    CHECK_INT(result.runs, ==, 1);
}

/* ---- a lost update ---- */

static int balance;

static int deposit(__attribute__((unused)) void *arg)
{
    int read = balance;

    coil_sleep((int64_t)coil_test_random(21) * COIL_MSEC); /* as if it asked somebody */
    balance = read + 1;
    return 0;
}

static int deposits_add_up(__attribute__((unused)) void *arg)
{
    balance = 0;
    for (int i = 0; i < 3; i++) {
        coil_detach(coil_create_task(deposit, NULL));
        coil_sleep(19 * COIL_MSEC + (int64_t)coil_test_random(3) * COIL_MSEC / 2);
    }
    coil_sleep(COIL_SEC);
    return balance == 3 ? 0 : -EIO;
}

COIL_TEST(seeds_find_a_planted_race)
{
    struct coil_test_options options = {.is_quiet = true};
    struct coil_test_result result = {0};
    struct coil_test_result replay = {0};

    unsetenv("COIL_SEED");
    CHECK_INT(coil_test_seeds(&options, deposits_add_up, NULL, &result), ==, 1);
    CHECK_INT(result.first_seed, <=, 1000);
    options.seed = result.first_seed;
    for (int i = 0; i < 5; i++) {
        CHECK_INT(coil_test_seeds(&options, deposits_add_up, NULL, &replay), ==, 1);
        CHECK_INT(replay.first_seed, ==, result.first_seed);
        CHECK_INT(replay.first_time_ns, ==, result.first_time_ns);
    }
}

/* ---- in a process of its own ---- */

static int end_badly(void *arg)
{
    uint64_t what = coil_test_random(200);

    printf("seen\n"); /* once per run, not twice */
    if (what == 0) {
        abort();
    }
    if (what == 1) {
        exit(3);
    }
    if (what == 2) {
        return -EIO;
    }
    *(int *)arg += 1;
    return 0;
}

static int end_in_child(void *arg)
{
    struct coil_test_options options = {.own_process = true, .goes_on = true, .seed_count = 600};
    struct coil_test_result result = {0};
    int passed = 0;

    if (test_has_asan() || test_has_tsan() || test_has_valgrind()) {
        options.seed_count = 300;
    }
    coil_test_seeds(&options, end_badly, &passed, arg ? &result : NULL);
    return passed; /* it is not seen here what a child has written */
}

static unsigned count_of(const char *text, const char *piece)
{
    unsigned count = 0;

    for (; (text = strstr(text, piece)); text++) {
        count++;
    }
    return count;
}

COIL_TEST_LIMIT(seeds_in_processes_of_their_own, 120)
{
    struct test_child child;

    unsetenv("COIL_SEED");
    test_run_child(end_in_child, NULL, &child);
    CHECK_INT(child.exit_code, ==, 0);
    CHECK_CONTAINS(child.output, "coil: test was killed by SIGABRT\n");
    CHECK_CONTAINS(child.output, "coil: test has ended its process, with 3\n");
    CHECK_CONTAINS(child.output, "coil: test fails with seed ");
    CHECK_CONTAINS(child.output, "coil: to replay it: COIL_SEED=");
    CHECK_INT(count_of(child.output, "coil: test fails with "), ==, 2);
}

static int fail_with_time(__attribute__((unused)) void *arg)
{
    CHECK_OK(coil_sleep(COIL_MINUTE));
    return -EXDEV;
}

static int die(__attribute__((unused)) void *arg)
{
    coil_sleep(COIL_MINUTE);
    raise(SIGKILL);
    return 0;
}

COIL_TEST(seeds_tell_what_a_process_has_told)
{
    struct coil_test_options options = {.own_process = true, .is_quiet = true, .seed = 9};
    struct coil_test_result result = {0};

    unsetenv("COIL_SEED");
    CHECK_INT(coil_test_seeds(&options, fail_with_time, NULL, &result), ==, 1);
    CHECK_ERR(result.first_error, -EXDEV);
    CHECK_INT(result.first_seed, ==, 9);
    CHECK_INT(result.first_time_ns, ==, COIL_MINUTE);
    CHECK_INT(coil_test_seeds(&options, die, NULL, &result), ==, 1);
    CHECK_ERR(result.first_error, -COIL_EWORKERDIED);
    CHECK_INT(result.first_time_ns, ==, 0);
}

COIL_TEST(seeds_need_a_process_and_a_pipe)
{
    struct coil_test_options options = {.own_process = true, .is_quiet = true};
    struct coil_test_result result = {.runs = 17};

    unsetenv("COIL_SEED");
    if (test_is_torture()) {
        return;
    }
    fault_syscall_named("fork", 1, EAGAIN);
    CHECK_ERR(coil_test_seeds(&options, pass, &(int){0}, &result), -EAGAIN);
    fault_syscall_named("pipe2", 1, EMFILE);
    CHECK_ERR(coil_test_seeds(&options, pass, &(int){0}, &result), -EMFILE);
    fault_syscall_named("waitid", 1, EINTR);
    options.seed_count = 1;
    CHECK_INT(result.runs, ==, 17);
    CHECK_INT(coil_test_seeds(&options, pass, &(int){0}, &result), ==, 0);
    fault_off();
}

/* ---- Ctrl-C ---- */

static int interrupt(void *arg)
{
    *(int *)arg += 1;
    test_raise_sigint();
    return coil_sleep(COIL_NEVER);
}

COIL_TEST(seeds_end_with_an_interrupt)
{
    struct coil_test_result result = {.runs = 17};
    int runs = 0;

    unsetenv("COIL_SEED");
    CHECK_ERR(coil_test_seeds(NULL, interrupt, &runs, &result), -EINTR);
    CHECK_INT(runs, ==, 1);
    CHECK_INT(result.runs, ==, 17);
}
