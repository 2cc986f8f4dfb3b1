/* micro.c - pure scheduling: yield, create+await, hand-over, many sleepers. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_ns(const char *item, int64_t start, long count)
{
    printf("item=%s ns=%.3f\n", item, (double)(coil_now() - start) / (double)count);
}

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
    int64_t start = coil_now();
    struct coil_task *tasks[2] = {coil_create_task(yielder, arg), coil_create_task(yielder, arg)};
    int rc = coil_gather(tasks, 2, NULL);

    print_ns("yield", start, count);
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
    int64_t start = coil_now();
    int value = 1;
    long sum = 0;

    for (long i = 0; i < count; i++) {
        sum += coil_await(coil_create_task(one, &value));
    }
    print_ns("create", start, count);
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
    int64_t start = coil_now();
    long sum = 0;
    int value;

    coil_channel_init(&h.channel, sizeof value, 1);
    task = coil_create_task(producer, &h);
    for (long i = 0; i < h.count; i++) {
        coil_channel_recv(&h.channel, &value);
        sum += value;
    }
    print_ns("handover", start, h.count);
    coil_await(task);
    coil_channel_deinit(&h.channel);
    return sum == h.count * (h.count - 1) / 2 ? 0 : -1;
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
    int64_t start = coil_now();
    int rc;

    if (!tasks) {
        return -COIL_ELIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        tasks[i] = coil_create_task(sleeper, NULL);
    }
    rc = coil_gather(tasks, count, NULL);
    printf("item=sleep n=%zu wall_s=%.3f rss_kib=%ld\n", count,
           (double)(coil_now() - start) / COIL_SEC, peak_rss_kib());
    free(tasks);
    return rc;
}
