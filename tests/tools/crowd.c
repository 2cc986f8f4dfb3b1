/* crowd.c - a program to be looked at: many tasks, in one loop or in those of several threads.
 *
 *     crowd TASKS [THREADS [busy|block]]
 *
 * Prints "ready" when all wait. A task of the first loop wakes up every millisecond; on SIGUSR1 the
 * program prints how late that one was at most since the last time, in microseconds. busy: the
 * tasks do not wait, but yield for ever. block: after that a task blocks the loop.
 */
#include <coil.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct crowd {
    long tasks;
    bool is_first;
    bool is_busy;
    bool is_blocking;
    pthread_barrier_t *all;
};

static int64_t latest;

static int stand(void *arg)
{
    const struct crowd *crowd = arg;

    while (crowd->is_busy) {
        coil_yield();
    }
    return coil_sleep(COIL_NEVER - 1);
}

static int tick(void *arg)
{
    int rc = 0;

    (void)arg;
    while (rc == 0) {
        int64_t when = coil_now() + COIL_MSEC;

        rc = coil_sleep_until(when);
        latest = coil_now() - when > latest ? coil_now() - when : latest;
    }
    return rc;
}

static int begin_anew(void *arg)
{
    struct coil_signal_watch watch = {0};

    (void)arg;
    coil_signal_open(&watch, (const int[]){SIGUSR1}, 1);
    while (coil_signal_next(&watch) > 0) {
        printf("%lld\n", (long long)(latest / COIL_USEC));
        fflush(stdout);
        latest = 0;
    }
    return 0;
}

static void wait_for_ever(void)
{
    puts("ready");
    fflush(stdout);
    pause();
}

static int block(void *arg)
{
    (void)arg;
    wait_for_ever(); /* not coil's: the loop stands still */
    return 0;
}

static int amain(void *arg)
{
    struct crowd *crowd = arg;

    for (long i = 0; i < crowd->tasks; i++) {
        coil_detach(coil_create_task(stand, crowd));
    }
    coil_yield();
    if (crowd->all) {
        pthread_barrier_wait(crowd->all);
    }
    if (!crowd->is_first) {
        return coil_sleep(COIL_NEVER);
    }
    coil_detach(coil_create_task(tick, NULL));
    coil_detach(coil_create_task(begin_anew, NULL));
    coil_sleep(10 * COIL_MSEC);
    if (crowd->is_blocking) {
        return coil_await(coil_create_task(block, NULL));
    }
    puts("ready");
    fflush(stdout);
    return coil_sleep(COIL_NEVER);
}

static void *run(void *arg)
{
    coil_run(amain, arg);
    return NULL;
}

int main(int argc, char **argv)
{
    long threads = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    struct crowd crowd = {0};
    struct crowd first;
    pthread_barrier_t all;

    crowd.is_busy = argc > 3 && strcmp(argv[3], "busy") == 0;
    crowd.is_blocking = argc > 3 && strcmp(argv[3], "block") == 0;
    crowd.tasks = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    first = crowd;
    first.is_first = true;
    if (threads > 1) {
        pthread_barrier_init(&all, NULL, (unsigned)threads);
        first.all = crowd.all = &all;
    }
    for (long i = 1; i < threads; i++) {
        pthread_t thread;

        pthread_create(&thread, NULL, run, &crowd);
    }
    run(&first);
    return 1;
}
