/* The barrier (D5). */
#include "in_task.h"

#include <coil/barrier.h>

struct comer {
    struct coil_barrier *barrier;
    int rounds;
    ssize_t place;
    int *passed;
};

static int come(void *arg)
{
    struct comer *comer = arg;

    for (int i = 0; i < comer->rounds; i++) {
        comer->place = coil_barrier_wait(comer->barrier);
        if (comer->place < 0) {
            return (int)comer->place;
        }
        ++*comer->passed;
    }
    return 0;
}

static void start(struct comer *comers, struct coil_task **tasks, int count,
                  struct coil_barrier *barrier, int rounds, int *passed)
{
    *passed = 0;
    for (int i = 0; i < count; i++) {
        comers[i] = (struct comer){barrier, rounds, -1, passed};
        tasks[i] = coil_create_task(come, &comers[i]);
        yield_times(1);
    }
}

TASK_TEST(barrier_lets_all_go_when_the_last_has_come)
{
    struct coil_barrier barrier;
    struct comer comers[4];
    struct coil_task *tasks[4];
    unsigned places = 0;
    int passed;

    CHECK_OK(coil_barrier_init(&barrier, 5));
    CHECK_INT(coil_barrier_parties(&barrier), ==, 5);
    start(comers, tasks, 4, &barrier, 1, &passed);
    CHECK_INT(coil_barrier_waiting(&barrier), ==, 4);
    CHECK_INT(passed, ==, 0);
    CHECK_INT(coil_barrier_wait(&barrier), ==, 4);
    CHECK_INT(coil_barrier_waiting(&barrier), ==, 0);
    CHECK_OK(coil_gather(tasks, 4, NULL));
    for (int i = 0; i < 4; i++) {
        places |= 1U << comers[i].place;
    }
    CHECK_INT(places, ==, 15);
    return 0;
}

TASK_TEST(barrier_goes_round_and_round)
{
    struct coil_barrier barrier;
    struct comer comers[3];
    struct coil_task *tasks[3];
    int passed;

    CHECK_OK(coil_barrier_init(&barrier, 3));
    start(comers, tasks, 3, &barrier, 100, &passed);
    CHECK_OK(coil_gather(tasks, 3, NULL));
    CHECK_INT(passed, ==, 300);
    CHECK_OK(coil_barrier_init(&barrier, 1));
    CHECK_INT(coil_barrier_wait(&barrier), ==, 0);
    CHECK_INT(coil_barrier_wait(&barrier), ==, 0);
    return 0;
}

/* One that is cancelled does not count any more; the others wait for somebody else. */
TASK_TEST(barrier_waiter_is_cancelled)
{
    struct coil_barrier barrier;
    struct comer comers[2];
    struct coil_task *tasks[2];
    int passed;

    CHECK_OK(coil_barrier_init(&barrier, 3));
    start(comers, tasks, 2, &barrier, 1, &passed);
    CHECK_INT(coil_cancel(tasks[0]), ==, 1);
    CHECK_INT(coil_barrier_waiting(&barrier), ==, 1);
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_barrier_wait(&barrier), -ETIMEDOUT);
    }
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK(!coil_barrier_is_broken(&barrier));
    CHECK_INT(coil_barrier_waiting(&barrier), ==, 1);
    tasks[0] = coil_create_task(come, &comers[0]);
    yield_times(1);
    CHECK_INT(coil_barrier_wait(&barrier), ==, 2);
    CHECK_INT(coil_cancel(tasks[0]), ==, 1); /* too late: it has its place */
    CHECK_OK(coil_gather(tasks, 2, NULL));
    CHECK_INT(passed, ==, 2);
    return 0;
}

TASK_TEST(barrier_reset_and_abort)
{
    struct coil_barrier barrier;
    struct comer comers[2];
    struct coil_task *tasks[2];
    int passed;

    CHECK_OK(coil_barrier_init(&barrier, 3));
    start(comers, tasks, 2, &barrier, 1, &passed);
    CHECK_OK(coil_barrier_reset(&barrier));
    CHECK(!coil_barrier_is_broken(&barrier));
    CHECK_ERR(coil_await(tasks[0]), -COIL_EBROKEN);
    CHECK_ERR(coil_await(tasks[1]), -COIL_EBROKEN);
    start(comers, tasks, 2, &barrier, 1, &passed);
    CHECK_OK(coil_barrier_abort(&barrier));
    CHECK(coil_barrier_is_broken(&barrier));
    CHECK_ERR(coil_barrier_wait(&barrier), -COIL_EBROKEN);
    CHECK_ERR(coil_await(tasks[0]), -COIL_EBROKEN);
    CHECK_ERR(coil_await(tasks[1]), -COIL_EBROKEN);
    CHECK_OK(coil_barrier_reset(&barrier));
    start(comers, tasks, 2, &barrier, 1, &passed);
    CHECK_INT(coil_barrier_wait(&barrier), ==, 2);
    return coil_gather(tasks, 2, NULL);
}

TASK_TEST(barrier_misuse_is_named)
{
    struct coil_barrier none = {0};

    CHECK_ERR(coil_barrier_init(NULL, 1), -EINVAL);
    CHECK_ERR(coil_barrier_init(&none, 0), -EINVAL);
    CHECK_ERR(coil_barrier_wait(NULL), -EINVAL);
    CHECK_ERR(coil_barrier_wait(&none), -EINVAL);
    CHECK_ERR(coil_barrier_reset(NULL), -EINVAL);
    CHECK_ERR(coil_barrier_abort(&none), -EINVAL);
    CHECK_INT(coil_barrier_waiting(NULL), ==, 0);
    CHECK_INT(coil_barrier_parties(NULL), ==, 0);
    CHECK(!coil_barrier_is_broken(NULL));
    return 0;
}
