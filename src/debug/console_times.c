/* console_times.c - the watched loop's metrics, and how long it took to answer the console. */
#include "debug/console.h"

#include "loop/meter.h"
#include "sys/memory_file.h"

static void add_histogram(struct coil__json *json, const char *name,
                          const struct coil_histogram *histogram)
{
    coil__json_next(json);
    coil__json_add(json, "{");
    coil__json_text(json, "name", name);
    coil__json_number(json, "count", (int64_t)histogram->count);
    coil__json_number(json, "sum_ns", histogram->sum_ns);
    coil__json_key(json, "buckets");
    coil__json_add(json, "[");
    for (size_t i = 0; i < COIL_HISTOGRAM_BUCKETS; i++) {
        coil__json_next(json);
        coil__json_add(json, "%llu", (unsigned long long)histogram->buckets[i]);
    }
    coil__json_add(json, "]}");
}

static void add_histograms(struct coil__json *json, const struct coil__console *console,
                           const struct coil_metrics *metrics)
{
    coil__json_key(json, "bounds_ns");
    coil__json_add(json, "[");
    for (size_t i = 0; i < COIL_HISTOGRAM_BUCKETS - 1; i++) {
        coil__json_next(json);
        coil__json_add(json, "%lld", (long long)coil_histogram_bound(i));
    }
    coil__json_add(json, "]");
    coil__json_bool(json, "is_timed", metrics->is_timed);
    coil__json_key(json, "histograms");
    coil__json_add(json, "[");
    add_histogram(json, "step_time", &metrics->step_time);
    add_histogram(json, "ready_wait", &metrics->ready_wait);
    add_histogram(json, "io_wait", &metrics->io_wait);
    add_histogram(json, "timer_late", &metrics->timer_late);
    add_histogram(json, "answer_time", &console->answers);
    coil__json_add(json, "]");
}

static void add_counters(struct coil__json *json, const struct coil_metrics *metrics)
{
    coil__json_key(json, "counters");
    coil__json_add(json, "{");
    coil__json_number(json, "iterations", (int64_t)metrics->iterations);
    coil__json_number(json, "polls", (int64_t)metrics->polls);
    coil__json_number(json, "tasks_created", (int64_t)metrics->tasks_created);
    coil__json_number(json, "tasks_alive", (int64_t)metrics->tasks_alive);
    coil__json_number(json, "operations", (int64_t)metrics->operations);
    coil__json_number(json, "stacks", (int64_t)metrics->stacks);
    coil__json_number(json, "stack_bytes", (int64_t)metrics->stack_bytes);
    coil__json_number(json, "threads", (int64_t)metrics->workers.threads);
    coil__json_number(json, "jobs_queued", (int64_t)metrics->workers.queued);
    coil__json_add(json, "}");
}

void coil__console_note_answer(struct coil__console *console, int64_t span_ns)
{
    struct coil_histogram *answers = &console->answers;
    size_t bucket = 0;

    while (span_ns > coil_histogram_bound(bucket)) {
        bucket++;
    }
    answers->buckets[bucket]++;
    answers->count++;
    answers->sum_ns += span_ns;
}

void coil__console_times(struct coil__json *json, const struct coil__console *console)
{
    struct coil_metrics metrics = {0};

    if (coil_loop_get_metrics(console->watched, &metrics) == 0) {
        add_counters(json, &metrics);
        add_histograms(json, console, &metrics);
    }
}

ssize_t coil__console_metrics(const struct coil__console *console, char *buf, size_t size)
{
    FILE *file = coil__memory_file_open(buf, size);
    struct coil_metrics metrics;
    ssize_t length;
    int rc;

    if (!file) {
        return -ENOMEM;
    }
    rc = coil_loop_get_metrics(console->watched, &metrics);
    rc = rc < 0 ? rc : coil_metrics_write_prometheus(&metrics, 1, file);
    length = coil__memory_file_close(file);
    return rc < 0 ? rc : length;
}

int coil__console_start_times(struct coil__console *console)
{
    return console->options.no_times ? 0 : coil__meter_lend(console->watched);
}

void coil__console_stop_times(struct coil__console *console)
{
    coil__meter_take_back(console->watched);
}
