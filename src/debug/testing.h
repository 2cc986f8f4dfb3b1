/* testing.h - one run of a test on the simulated backend, for its files only. */
#ifndef COIL__DEBUG_TESTING_H
#define COIL__DEBUG_TESTING_H

#include <coil/testing.h>

/* What has become of a run. */
struct coil__test_outcome {
    int rc;          /* what the test returned, or -COIL_EHANG */
    int64_t time_ns; /* virtual, until its end, or until nothing happened any more */
    struct coil_test_counts counts;
};

/* Runs the test once with this seed. 0, or why it has not begun: then *ret_outcome is untouched. */
int coil__test_run_once(const struct coil_test_options *options, uint64_t seed, coil_task_fn fn,
                        void *arg, struct coil__test_outcome *ret_outcome);
/* 0, or -EINVAL or -COIL_ENESTED. */
int coil__test_check(const struct coil_test_options *options, coil_task_fn fn);
/* Stores COIL_SEED, or 0 if there is none. -EINVAL: it is no seed, which is said on stderr. */
int coil__test_seed_of_environment(const struct coil_test_options *options, uint64_t *ret_seed);

static inline const char *coil__test_name(const struct coil_test_options *options)
{
    return options->name ? options->name : "test";
}

#endif
