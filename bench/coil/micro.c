/* micro.c - pure scheduling: yield, create+await, hand-over, lock, queue, many sleepers. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- yield: two tasks take turns --- */

static int yielder(void *arg)
{
    long count = *(long *)arg / 2;

    for (long i = 0; i < count; i++) {
        coil_yield();
    }
    return 0;
}

int bench_yield(void *arg)
{
    long count = *(long *)arg;
    struct bench_start start = bench_begin();
    struct coil_task *tasks[2] = {coil_create_task(yielder, arg), coil_create_task(yielder, arg)};
    int rc = coil_gather(tasks, 2, NULL);

    bench_print("yield", start, count);
    return rc;
}

/* --- create + await, one at a time --- */

static int one(void *arg)
{
    return *(int *)arg;
}

int bench_create(void *arg)
{
    long count = *(long *)arg;
    struct bench_start start = bench_begin();
    int value = 1;
    long sum = 0;

    for (long i = 0; i < count; i++) {
        sum += coil_await(coil_create_task(one, &value));
    }
    bench_print("create", start, count);
    return sum == count ? 0 : -1;
}

/* --- hand-over of an int between two tasks --- */

struct handover {
    struct coil_channel channel;
    long count;
};

static int producer(void *arg)
{
    struct handover *h = arg;

    for (int i = 0; i < h->count; i++) {
        coil_channel_send(&h->channel, &i);
    }
    return 0;
}

int bench_handover(void *arg)
{
    struct handover h = {.count = *(long *)arg};
    struct coil_task *task;
    struct bench_start start = bench_begin();
    long sum = 0;
    int value;

    coil_channel_init(&h.channel, sizeof value, 1);
    task = coil_create_task(producer, &h);
    for (long i = 0; i < h.count; i++) {
        coil_channel_recv(&h.channel, &value);
        sum += value;
    }
    bench_print("handover", start, h.count);
    coil_await(task);
    coil_channel_deinit(&h.channel);
    return sum == h.count * (h.count - 1) / 2 ? 0 : -1;
}

/* --- a lock that is free: taken and released --- */

int bench_lock(void *arg)
{
    long count = *(long *)arg;
    struct coil_lock lock = COIL__ZERO;
    struct bench_start start = bench_begin();

    for (long i = 0; i < count; i++) {
        if (coil_lock_acquire(&lock) < 0 || coil_lock_release(&lock) < 0) {
            return -1;
        }
    }
    bench_print("lock", start, count);
    return 0;
}

/* --- the hand-over once more, by a queue with room for one --- */

struct queued {
    struct coil_queue queue;
    long count;
};

static int putter(void *arg)
{
    struct queued *q = arg;

    for (int i = 0; i < q->count; i++) {
        coil_queue_put(&q->queue, &i);
    }
    return 0;
}

int bench_queue(void *arg)
{
    struct queued q = {.count = *(long *)arg};
    struct coil_task *task;
    struct bench_start start = bench_begin();
    long sum = 0;
    int value;
    int rc = coil_queue_init(&q.queue, sizeof value, 1);

    if (rc < 0) {
        return rc;
    }
    task = coil_create_task(putter, &q);
    for (long i = 0; i < q.count; i++) {
        coil_queue_get(&q.queue, &value);
        sum += value;
    }
    bench_print("queue", start, q.count);
    coil_await(task);
    coil_queue_deinit(&q.queue);
    return sum == q.count * (q.count - 1) / 2 ? 0 : -1;
}

/* --- N tasks sleep one second --- */

static int sleeper(void *arg)
{
    (void)arg;
    return coil_sleep(COIL_SEC);
}

static long peak_rss_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[128];
    long kib = 0;

    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kib = strtol(line + 6, NULL, 10);
        }
    }
    if (file) {
        fclose(file);
    }
    return kib;
}

int bench_sleep(void *arg)
{
    size_t count = (size_t) * (long *)arg;
    struct coil_task **tasks = malloc(count * sizeof *tasks);
    struct bench_start start = bench_begin();
    int rc;

    if (!tasks) {
        return -COIL_ELIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        tasks[i] = coil_create_task(sleeper, NULL);
    }
    rc = coil_gather(tasks, count, NULL);
    printf("item=sleep n=%zu wall_s=%.3f rss_kib=%ld\n", count,
           (double)(coil_now() - start.wall_ns) / COIL_SEC, peak_rss_kib());
    free(tasks);
    return rc;
}
