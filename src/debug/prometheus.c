/* prometheus.c - metrics in the text format that Prometheus scrapes, version 0.0.4.
 *
 * The format wants all samples of a name in one group, below its HELP and TYPE: so the outer loop
 * is over names (the tables), the inner one over event loops. Times are seconds there; they are
 * written from whole nanoseconds, without floating point and thus without a locale.
 */
#include <coil/metrics.h>

#include <errno.h>
#include <inttypes.h>

struct value {
    const char *name;
    const char *type;
    const char *help;
    size_t offset; /* of a uint64_t in struct coil_metrics, or in struct coil_pool_metrics */
};

struct times {
    const char *name;
    const char *help;
    size_t offset; /* of a struct coil_histogram in struct coil_metrics */
};

static const struct value values[] = {
    {"coil_iterations_total", "counter", "Rounds of the ready queue.",
     offsetof(struct coil_metrics, iterations)},
    {"coil_polls_total", "counter", "Times that the kernel was asked for events.",
     offsetof(struct coil_metrics, polls)},
    {"coil_tasks_created_total", "counter", "Tasks that were created.",
     offsetof(struct coil_metrics, tasks_created)},
    {"coil_tasks", "gauge", "Tasks that have not ended.",
     offsetof(struct coil_metrics, tasks_alive)},
    {"coil_operations", "gauge", "Operations that the backend works on.",
     offsetof(struct coil_metrics, operations)},
    {"coil_stacks", "gauge", "Stacks of tasks, and those kept at hand.",
     offsetof(struct coil_metrics, stacks)},
    {"coil_stack_bytes", "gauge", "Address space of those stacks.",
     offsetof(struct coil_metrics, stack_bytes)},
    {"coil_stack_mapped_bytes", "gauge", "Address space of all stacks, free ones included.",
     offsetof(struct coil_metrics, stack_bytes_mapped)},
};

static const struct value pool_values[] = {
    {"coil_pool_jobs_total", "counter", "Jobs that were handed to threads.",
     offsetof(struct coil_pool_metrics, jobs)},
    {"coil_pool_queued_jobs", "gauge", "Jobs that no thread has taken yet.",
     offsetof(struct coil_pool_metrics, queued)},
    {"coil_pool_threads", "gauge", "Threads.", offsetof(struct coil_pool_metrics, threads)},
    {"coil_pool_idle_threads", "gauge", "Threads without a job.",
     offsetof(struct coil_pool_metrics, idle)},
};

static const struct {
    const char *label;
    size_t offset; /* of a struct coil_pool_metrics */
} pools[] = {
    {"workers", offsetof(struct coil_metrics, workers)},
    {"resolvers", offsetof(struct coil_metrics, resolvers)},
};

static const struct times all_times[] = {
    {"coil_step_seconds", "What a task or a callback does at a stretch.",
     offsetof(struct coil_metrics, step_time)},
    {"coil_ready_wait_seconds", "How long tasks that were ready waited for their turn.",
     offsetof(struct coil_metrics, ready_wait)},
    {"coil_io_wait_seconds", "How long the loop slept when it had nothing to do.",
     offsetof(struct coil_metrics, io_wait)},
    {"coil_timer_late_seconds", "How long after their time timers were served.",
     offsetof(struct coil_metrics, timer_late)},
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

struct writer {
    FILE *out;
    const struct coil_metrics *all;
    size_t count;
};

static uint64_t number_at(const void *base, size_t offset)
{
    return *(const uint64_t *)(const void *)((const char *)base + offset);
}

static void print_seconds(FILE *out, int64_t ns)
{
    fprintf(out, "%" PRId64 ".%09" PRId64, ns / COIL_SEC, ns % COIL_SEC);
}

static void print_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            fputs("\\n", out);
            continue;
        }
        if (*text == '"' || *text == '\\') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

static void begin_group(const struct writer *writer, const char *name, const char *type,
                        const char *help)
{
    fprintf(writer->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Name and labels of a sample; more labels and the closing brace are the caller's. */
static void begin_sample(const struct writer *writer, size_t i, const char *name,
                         const char *suffix)
{
    const struct coil_metrics *metrics = &writer->all[i];

    fprintf(writer->out, "%s%s{", name, suffix);
    if (metrics->loop) {
        fputs("loop=\"", writer->out);
        print_escaped(writer->out, metrics->loop);
        fputs("\",", writer->out);
    } else if (writer->count > 1) {
        fprintf(writer->out, "loop=\"%zu\",", i);
    }
    fprintf(writer->out, "backend=\"%s\"", metrics->backend ? metrics->backend : "");
}

static void write_value(const struct writer *writer, const struct value *value)
{
    begin_group(writer, value->name, value->type, value->help);
    for (size_t i = 0; i < writer->count; i++) {
        begin_sample(writer, i, value->name, "");
        fprintf(writer->out, "} %" PRIu64 "\n", number_at(&writer->all[i], value->offset));
    }
}

static void write_pool_value(const struct writer *writer, const struct value *value)
{
    begin_group(writer, value->name, value->type, value->help);
    for (size_t i = 0; i < writer->count; i++) {
        for (size_t k = 0; k < COUNT_OF(pools); k++) {
            begin_sample(writer, i, value->name, "");
            fprintf(writer->out, ",pool=\"%s\"} %" PRIu64 "\n", pools[k].label,
                    number_at(&writer->all[i], pools[k].offset + value->offset));
        }
    }
}

/* Buckets are cumulative there, and the last one is called +Inf. */
static void write_histogram(const struct writer *writer, size_t i, const struct times *times)
{
    const struct coil_histogram *histogram =
        (const void *)((const char *)&writer->all[i] + times->offset);
    FILE *out = writer->out;
    uint64_t sum = 0;

    for (size_t k = 0; k < COIL_HISTOGRAM_BUCKETS; k++) {
        int64_t bound = coil_histogram_bound(k);

        sum += histogram->buckets[k];
        begin_sample(writer, i, times->name, "_bucket");
        fputs(",le=\"", out);
        if (bound == COIL_NEVER) {
            fputs("+Inf", out);
        } else {
            print_seconds(out, bound);
        }
        fprintf(out, "\"} %" PRIu64 "\n", sum);
    }
    begin_sample(writer, i, times->name, "_sum");
    fputs("} ", out);
    print_seconds(out, histogram->sum_ns);
    fputc('\n', out);
    begin_sample(writer, i, times->name, "_count");
    fprintf(out, "} %" PRIu64 "\n", sum);
}

static void write_all(const struct writer *writer)
{
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        write_value(writer, &values[i]);
    }
    for (size_t i = 0; i < COUNT_OF(pool_values); i++) {
        write_pool_value(writer, &pool_values[i]);
    }
    begin_group(writer, "coil_is_timed", "gauge", "1 while the times below are taken.");
    for (size_t i = 0; i < writer->count; i++) {
        begin_sample(writer, i, "coil_is_timed", "");
        fprintf(writer->out, "} %d\n", writer->all[i].is_timed);
    }
    for (size_t i = 0; i < COUNT_OF(all_times); i++) {
        begin_group(writer, all_times[i].name, "histogram", all_times[i].help);
        for (size_t k = 0; k < writer->count; k++) {
            write_histogram(writer, k, &all_times[i]);
        }
    }
}

int coil_metrics_write_prometheus(const struct coil_metrics *metrics, size_t count, FILE *out)
{
    struct writer writer = {.out = out, .all = metrics, .count = count};

    if (!metrics || count == 0 || !out) {
        return -EINVAL;
    }
    write_all(&writer);
    return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
