/* metrics.c - the numbers of a loop, read from any thread: each by itself, none under a lock. */
#include "loop/meter.h"
#include "loop/pool.h"

#include <errno.h>

int coil_loop_set_metrics(struct coil_loop *loop, bool is_timed)
{
    int rc;

    loop = loop ? loop : coil__thread.loop;
    if (!loop) {
        return coil__no_task();
    }
    rc = coil__loop_check(loop);
    return rc < 0 ? rc : coil__meter_switch(loop, is_timed);
}

/* The sum of the buckets is the count: a number of its own could be one ahead of them. */
static void read_histogram(const struct coil__histogram *from, struct coil_histogram *to)
{
    to->count = 0;
    for (size_t i = 0; i < COIL_HISTOGRAM_BUCKETS; i++) {
        to->buckets[i] = coil__counter_get(&from->buckets[i]);
        to->count += to->buckets[i];
    }
    to->sum_ns = (int64_t)coil__counter_get(&from->sum_ns);
}

static void read_meter(const struct coil__meter *meter, struct coil_metrics *to)
{
    to->is_timed = coil__counter_get(&meter->is_on) != 0;
    to->step_since = (int64_t)coil__counter_get(&meter->step_since);
    read_histogram(&meter->step_time, &to->step_time);
    read_histogram(&meter->ready_wait, &to->ready_wait);
    read_histogram(&meter->io_wait, &to->io_wait);
    read_histogram(&meter->timer_late, &to->timer_late);
}

int coil_loop_get_metrics(struct coil_loop *loop, struct coil_metrics *ret_metrics)
{
    const struct coil__meter *meter;
    const struct coil__stack_pool *stacks;

    if (!ret_metrics) {
        return -EINVAL;
    }
    loop = loop ? loop : coil__thread.loop;
    if (!loop) {
        return coil__no_task();
    }
    if (coil__loop_is_copy(loop)) {
        return -COIL_EFORKED;
    }
    stacks = &loop->stacks;
    *ret_metrics = (struct coil_metrics){
        .backend = coil_loop_backend(loop),
        .polls = coil__counter_get(&loop->polls),
        .tasks_created = coil__counter_get(&loop->next_task_id),
        .tasks_alive = coil__counter_get(&loop->task_count),
        .operations = coil__counter_get(&loop->backend->in_flight),
        .stacks = coil__counter_get(&stacks->used),
        .stack_bytes = coil__counter_get(&stacks->used_bytes),
        .stack_bytes_mapped = coil__counter_get(&stacks->mapped_bytes),
    };
    ret_metrics->iterations = ret_metrics->polls + coil__counter_get(&loop->elided);
    coil__pool_read(__atomic_load_n(&loop->workers, __ATOMIC_ACQUIRE), &ret_metrics->workers);
    coil__pool_read(__atomic_load_n(&loop->resolvers, __ATOMIC_ACQUIRE), &ret_metrics->resolvers);
    meter = __atomic_load_n(&loop->meter, __ATOMIC_ACQUIRE);
    if (meter) {
        read_meter(meter, ret_metrics);
    }
    return 0;
}

int64_t coil_histogram_bound(size_t bucket)
{
    return bucket < COIL_HISTOGRAM_BUCKETS - 1 ? COIL_USEC << bucket : COIL_NEVER;
}

int64_t coil_histogram_quantile(const struct coil_histogram *histogram, double part)
{
    double wanted;
    uint64_t seen = 0;
    size_t i;

    if (!histogram || histogram->count == 0) {
        return 0;
    }
    wanted = part > 0 ? (part < 1 ? part : 1) * (double)histogram->count : 0;
    for (i = 0; i < COIL_HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            break;
        }
    }
    return coil_histogram_bound(i);
}
