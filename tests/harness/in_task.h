/* Tests whose body is the first task of a loop.
 *
 *     TASK_TEST(sleep_lets_time_pass)
 *     {
 *         CHECK_OK(coil_sleep(COIL_MSEC));
 *         return 0;
 *     }
 *
 * The body gets `arg` (NULL) and must return 0.
 */
#ifndef COIL_TESTS_IN_TASK_H
#define COIL_TESTS_IN_TASK_H

#include "harness.h"

#include <coil.h>

#include <errno.h>
#include <stdlib.h>

#define TASK_TEST(name)                                                                            \
    static int body_of_##name(void *arg);                                                          \
    COIL_TEST(name)                                                                                \
    {                                                                                              \
        CHECK_ERR(coil_run(body_of_##name, NULL), 0);                                              \
    }                                                                                              \
    static int body_of_##name(__attribute__((unused)) void *arg)

/* How long something may take that a fault could keep from ever coming. */
#define PATIENCE (test_is_torture() ? 2 * COIL_SEC : COIL_MINUTE)

/* A test that waits for a task which a fault has kept from being made has noticed that. */
#undef coil_create_task
#define coil_create_task(fn, arg)                                                                  \
    ((struct coil_task *)test_made(coil_create_task_at(COIL_HERE, (fn), (arg))))

/* A task that returns the int its argument points to, at once. */
static inline int task_return(void *arg)
{
    return *(const int *)arg;
}

/* A task that sleeps so many nanoseconds. */
static inline int task_sleep(void *arg)
{
    return coil_sleep(*(const int64_t *)arg);
}

/* A task that waits until it is cancelled. */
static inline int task_forever(__attribute__((unused)) void *arg)
{
    return coil_sleep(COIL_NEVER);
}

/* True when the order of what is ready is drawn from a seed: each runs once per iteration, but
 * nobody knows who is first. */
static inline bool order_is_free(void)
{
    return test_backend_is("sim") && getenv("COIL_SEED");
}

/* Lets everybody else run at least so many times; exactly, where the order is not free. */
static inline void yield_times(int times)
{
    for (int i = 0; i < (order_is_free() ? times * 3 : times); i++) {
        coil_yield();
    }
}

/* An error handler that remembers the last report and counts them. */
struct heard {
    int count;
    int error;
    char message[128];
    char task_name[64];
};

static inline void hear(const struct coil_report *report, void *user)
{
    struct heard *heard = (struct heard *)user;

    heard->count++;
    heard->error = report->error;
    strncpy(heard->message, report->message, sizeof heard->message - 1);
    strncpy(heard->task_name, report->task_name ? report->task_name : "",
            sizeof heard->task_name - 1);
}

#endif
