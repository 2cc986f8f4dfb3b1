/* virtual_day.c - how fast the simulated clock runs: a million sleeps spread over a virtual day.
 *
 *     virtual_day [TASKS [SLEEPS]]      1,000 tasks that sleep 1,000 times each, if none are given
 *
 * A check by hand, for what a test on virtual time costs. It should take less than two seconds.
 */
#include <coil.h>
#include <coil/testing.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DAY (24 * 60 * COIL_MINUTE)

struct plan {
    int tasks;
    int sleeps; /* of each */
    int64_t done;
};

/* Sleeps for random spans, a day in all on average. */
static int sleeper(void *arg)
{
    struct plan *plan = *(struct plan **)arg;
    uint64_t bound = (uint64_t)(2 * DAY / plan->sleeps);

    for (int i = 0; i < plan->sleeps; i++) {
        int rc = coil_sleep((int64_t)coil_test_random(bound) + 1);

        if (rc < 0) {
            return rc;
        }
        plan->done++;
    }
    return 0;
}

static int day(void *arg)
{
    struct plan *plan = arg;
    struct coil_task **tasks = calloc((size_t)plan->tasks, sizeof *tasks);
    int rc;

    if (!tasks) {
        return -ENOMEM;
    }
    for (int i = 0; i < plan->tasks; i++) {
        tasks[i] = coil_create_task_copy(sleeper, &plan, sizeof plan);
    }
    rc = coil_gather(tasks, (size_t)plan->tasks, NULL);
    free(tasks);
    return rc;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct plan plan = {
        .tasks = argc > 1 ? atoi(argv[1]) : 1000,
        .sleeps = argc > 2 ? atoi(argv[2]) : 1000,
    };
    struct coil_test_options options = {.max_time_ns = 10 * DAY};
    double begin = seconds();
    int rc;

    if (plan.tasks <= 0 || plan.sleeps <= 0) {
        fprintf(stderr, "usage: virtual_day [TASKS [SLEEPS]]\n");
        return 2;
    }
    rc = coil_test_run(&options, day, &plan);
    printf("%lld sleeps in %.3f s: %s\n", (long long)plan.done, seconds() - begin,
           rc < 0 ? coil_strerror(rc) : "done");
    return rc < 0;
}
