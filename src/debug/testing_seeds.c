/* testing_seeds.c - one test with many seeds: finds the first that fails, and says how to replay
 * it. */
#include "debug/testing.h"

#include "sys/environment.h"
#include "sys/fork.h"

#include <coil/error.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_COUNT = 1000 };

struct search {
    const struct coil_test_options *options;
    coil_task_fn fn;
    void *arg;
    uint64_t seed;  /* of the next run */
    bool is_replay; /* that seed comes from the environment, and is the only one */
    struct coil_test_result result;
};

/* What a process of its own tells of its run. */
struct reply {
    int rc;
    struct coil__test_outcome outcome;
};

/* ---- one seed ---- */

static void run_in_child(void *arg, void *result)
{
    const struct search *search = arg;
    struct reply reply = {0};

    reply.rc =
        coil__test_run_once(search->options, search->seed, search->fn, search->arg, &reply.outcome);
    memcpy(result, &reply, sizeof reply);
}

static void report_death(const struct search *search, int status)
{
    const char *name = status < 0 ? sigabbrev_np(-status) : NULL;

    if (search->options->is_quiet) {
        return;
    }
    if (status < 0) {
        fprintf(stderr, "coil: %s was killed by SIG%s\n", coil__test_name(search->options),
                name ? name : "?");
    } else {
        fprintf(stderr, "coil: %s has ended its process, with %d\n",
                coil__test_name(search->options), status);
    }
}

/* 0 and an outcome; or why there is none. */
static int run_seed(struct search *search, struct coil__test_outcome *ret_outcome)
{
    struct reply reply;
    int status;
    int rc;

    if (!search->options->own_process) {
        return coil__test_run_once(search->options, search->seed, search->fn, search->arg,
                                   ret_outcome);
    }
    rc = coil__fork_call(run_in_child, search, &reply, sizeof reply, &status);
    if (rc < 0) {
        return rc;
    }
    if (rc == 0) {
        report_death(search, status);
        reply = (struct reply){.outcome.rc = -COIL_EWORKERDIED};
    }
    if (reply.rc == 0) {
        *ret_outcome = reply.outcome;
    }
    return reply.rc;
}

/* ---- what was found ---- */

static void report_failure(const struct search *search, const struct coil__test_outcome *outcome)
{
    fprintf(stderr, "coil: %s fails with seed %" PRIu64 ": %s (%s), after %.6f s of virtual time\n",
            coil__test_name(search->options), search->seed, coil_strerror(outcome->rc),
            coil_errname(outcome->rc), (double)outcome->time_ns / (double)COIL_SEC);
    fprintf(stderr, "coil: to replay it: COIL_SEED=%" PRIu64 " %s\n", search->seed,
            coil__environment_program());
}

static void add_counts(struct coil_test_counts *sum, const struct coil_test_counts *more)
{
    sum->packets += more->packets;
    sum->losses += more->losses;
    sum->resets += more->resets;
    sum->short_transfers += more->short_transfers;
    sum->waits += more->waits;
}

static void note(struct search *search, const struct coil__test_outcome *outcome)
{
    struct coil_test_result *result = &search->result;

    result->runs++;
    add_counts(&result->counts, &outcome->counts);
    if (outcome->rc >= 0 || result->failed++ > 0) {
        return;
    }
    result->first_seed = search->seed;
    result->first_error = outcome->rc;
    result->first_time_ns = outcome->time_ns;
    if (!search->options->is_quiet) {
        report_failure(search, outcome);
    }
}

static void report_end(const struct search *search)
{
    const struct coil_test_result *result = &search->result;
    const char *name = coil__test_name(search->options);

    if (search->is_replay && result->failed == 0) {
        fprintf(stderr,
                "coil: %s passes with seed %" PRIu64 ", the only one that COIL_SEED asks "
                "for\n",
                name, search->seed);
    } else if (search->options->goes_on && result->failed > 0) {
        fprintf(stderr, "coil: %s fails with %u of %u seeds\n", name, result->failed, result->runs);
    }
}

/* ---- the search ---- */

static int run_seeds(struct search *search, unsigned count)
{
    struct coil__test_outcome outcome;

    for (unsigned i = 0; i < count; i++) {
        int rc = run_seed(search, &outcome);

        if (rc < 0 || outcome.rc == -EINTR) {
            return rc < 0 ? rc : -EINTR;
        }
        note(search, &outcome);
        if (search->is_replay || (outcome.rc < 0 && !search->options->goes_on)) {
            return 0;
        }
        search->seed = search->seed < UINT64_MAX ? search->seed + 1 : 1;
    }
    return 0;
}

int coil_test_seeds(const struct coil_test_options *options, coil_task_fn fn, void *arg,
                    struct coil_test_result *ret_result)
{
    static const struct coil_test_options defaults = {0};
    struct search search = {.options = options ? options : &defaults, .fn = fn, .arg = arg};
    int rc = coil__test_check(search.options, fn);

    if (rc == 0) {
        rc = coil__test_seed_of_environment(search.options, &search.seed);
    }
    if (rc < 0) {
        return rc;
    }
    options = search.options;
    search.is_replay = search.seed != 0;
    if (!search.is_replay) {
        search.seed = options->seed ? options->seed : 1;
    }
    rc = run_seeds(&search, options->seed_count ? options->seed_count : DEFAULT_COUNT);
    if (rc < 0) {
        return rc;
    }
    if (!options->is_quiet) {
        report_end(&search);
    }
    if (ret_result) {
        *ret_result = search.result;
    }
    return (int)search.result.failed;
}
