/* loop.c - an event loop's life and its iteration.
 *
 * Who owns what: the loop owns its backend, its stacks and its thread pools; operations, timers
 * and handles are their users', and only linked here.
 *
 * How often the kernel is asked: after a poll that found the last round to be short (under
 * QUICK_NS), twice as many iterations may pass before the next one, up to COIL__MAX_ELISIONS;
 * after a long one, every iteration polls. Two tasks that only yield to each other thus pay a
 * few nanoseconds for it. Tasks that become slow in between are noticed within COIL__LOOK_EVERY
 * iterations, by a clock that is cheap to read.
 */
#include "loop/loop.h"

#include "base/handle.h"
#include "base/memory.h"
#include "loop/ledger.h"
#include "loop/loops.h"
#include "loop/meter.h"
#include "loop/pool.h"
#include "sys/clock.h"
#include "sys/environment.h"
#include "sys/fork.h"
#include "sys/thread.h"

#include <errno.h>
#include <stdio.h>

enum { QUICK_NS = 5000, SLOW_NS = 50000 };

#define LONGEST_WAIT (24 * 60 * COIL_MINUTE)
#define DEFAULT_STACK 65536

_Thread_local struct coil__thread coil__thread;

int coil__no_task(void)
{
    if (coil__thread.is_forked) {
        return coil__misuse(-COIL_EFORKED);
    }
    return coil__misuse(coil__thread.loop ? -COIL_ENOTASK : -COIL_ENOLOOP);
}

/* The mark of a loop that becomes this thread's: none that one of its others has had, and, by a
 * start that is drawn from the time and the thread, hardly one of another thread's. */
static uintptr_t next_mark(void)
{
    if (coil__thread.marks_used == 0) {
        uint64_t seed = (uint64_t)coil__clock_now() ^ (uint64_t)(uintptr_t)&coil__thread;

        coil__thread.first_mark = (unsigned)(seed * 0x9E3779B97F4A7C15u >> 40);
    }
    return coil__handle_mark(coil__thread.first_mark + coil__thread.marks_used++);
}

/* A loop becomes the calling thread's, for good. */
static void take(struct coil_loop *loop)
{
    coil__fiber_init_thread(&loop->own.fiber);
    loop->mark = next_mark();
    loop->number = coil__thread.marks_used;
    loop->thread = loop->debug ? coil__os_thread_number() : 0;
    loop->owner = &coil__thread;
    loop->next_of_thread = coil__thread.loops;
    coil__thread.loops = loop;
}

/* Made by another process: in this one it is only a copy. */
static bool is_copy(const struct coil_loop *loop)
{
    return loop->process != coil__fork_process();
}

static __attribute__((noinline)) int start(struct coil_loop *loop)
{
    struct coil__backend *backend = loop->backend;
    int rc;

    if (is_copy(loop)) {
        return coil__misuse(-COIL_EFORKED);
    }
    rc = backend->class->start ? backend->class->start(backend) : 0;
    if (rc == 0) {
        take(loop);
    }
    return rc;
}

int coil__loop_check(struct coil_loop *loop)
{
    if (!loop) {
        return coil__misuse_null("a loop");
    }
    if (COIL__UNLIKELY(loop->is_forked)) {
        return coil__misuse(-COIL_EFORKED);
    }
    if (COIL__UNLIKELY(!loop->owner)) {
        return start(loop);
    }
    return COIL__LIKELY(loop->owner == &coil__thread) ? 0 : coil__misuse_thread(loop);
}

static void init_fields(struct coil_loop *loop, const struct coil_loop_options *options)
{
    coil__queue_init(&loop->ready);
    coil__list_init(&loop->outgoing);
    coil__list_init(&loop->user_ops);
    coil__list_init(&loop->done_ops);
    coil__list_init(&loop->observers);
    coil__list_init(&loop->closers);
    loop->process = coil__fork_process();
    loop->stack_size = coil__stack_round(options->stack_size ? options->stack_size : DEFAULT_STACK);
    loop->max_threads = options->max_threads;
    loop->max_resolvers = options->max_resolvers;
    loop->max_processes = options->max_processes;
    loop->prints_stacks = coil__environment_has("COIL_DEBUG", "stacks");
    loop->measures_stacks = options->measure_stacks || loop->prints_stacks;
    loop->budget = COIL__BUDGET;
    if (options->no_guard_regions) {
        coil__stack_pool_force_mprotect(&loop->stacks);
    }
}

static void free_memory(struct coil_loop *loop, bool in_forked_child)
{
    coil__loops_remove(loop);
    loop->backend->class->close(loop->backend, in_forked_child);
    coil__heap_deinit(&loop->timers);
    coil__stack_pool_deinit(&loop->stacks);
    coil__fiber_deinit(&loop->own.fiber);
    coil__ledger_free(loop->ledger);
    coil__free(loop->meter);
    coil__free(loop);
}

int coil__loop_new_on(const struct coil_loop_options *options,
                      const struct coil__backend_config *config, struct coil_loop **ret_loop)
{
    struct coil_loop *loop;
    int rc;

    if (!ret_loop || options->stack_size > (size_t)1 << COIL__STACK_MAX_LOG2) {
        return -EINVAL;
    }
    rc = coil__fork_watch();
    if (rc < 0) {
        return rc;
    }
    loop = coil__calloc(1, sizeof *loop);
    if (!loop) {
        return -ENOMEM;
    }
    loop->debug = options->debug || coil__environment_flag("COIL_DEBUG");
    rc = loop->debug ? coil__ledger_new(&loop->ledger) : 0;
    rc = rc < 0 ? rc : coil__backend_open(config, &loop->backend);
    if (rc < 0) {
        coil__ledger_free(loop->ledger);
        coil__free(loop);
        return rc;
    }
    init_fields(loop, options);
    loop->is_shuffled = loop->backend->draw && config->seed != 0;
    loop->is_special = loop->is_shuffled;
    loop->polled_at = coil_loop_now(loop);
    atomic_store(&loop->is_asleep, true);
    if (options->metrics || coil__environment_flag("COIL_METRICS")) {
        rc = coil__meter_switch(loop, true);
        if (rc < 0) {
            free_memory(loop, false);
            return rc;
        }
    }
    *ret_loop = loop;
    return 0;
}

int coil_loop_new(const struct coil_loop_options *options, struct coil_loop **ret_loop)
{
    static const struct coil_loop_options defaults = {0};
    struct coil__backend_config config = {0};

    options = options ? options : &defaults;
    config.name = options->backend ? options->backend : coil__environment_text("COIL_BACKEND");
    config.seed = options->seed ? options->seed : coil__environment_number("COIL_SEED", 0);
    return coil__loop_new_on(options, &config, ret_loop);
}

static void leave_thread(struct coil_loop *loop)
{
    struct coil_loop **place = &coil__thread.loops;

    while (*place != loop) {
        place = &(*place)->next_of_thread;
    }
    *place = loop->next_of_thread;
}

static void run_closers(struct coil__list *closers, bool in_forked_child)
{
    struct coil__list *link;

    while ((link = coil__list_pop_head(closers))) {
        struct coil__closer *closer = COIL__CONTAINER(link, struct coil__closer, link);

        if (in_forked_child) {
            closer->forget(closer);
        } else {
            closer->end(closer);
        }
    }
}

/* Tasks are cancelled, operations get their callbacks and streams close in further iterations. */
static bool must_run(const struct coil_loop *loop)
{
    return loop->end_tasks || loop->end_io || !coil__list_is_empty(&loop->user_ops);
}

int coil_loop_free(struct coil_loop *loop)
{
    int rc;

    if (!loop) {
        return 0;
    }
    if (!loop->owner && !is_copy(loop)) {
        take(loop); /* for the last time: its backend need not be started */
    }
    rc = coil__loop_check(loop);
    if (rc < 0) {
        return rc;
    }
    if (loop->is_running) {
        return -COIL_EINVALIDSTATE;
    }
    if (coil__thread.loop && must_run(loop)) {
        return coil__misuse(-COIL_ENESTED);
    }
    if (loop->end_tasks) {
        rc = loop->end_tasks(loop);
        if (rc < 0) {
            return rc;
        }
    }
    run_closers(&loop->observers, false); /* they look at all that follows */
    loop->is_closing = true;              /* no more tasks, no more operations */
    coil__ledger_close(loop);
    coil__ops_end(loop);
    if (loop->end_io) {
        loop->end_io(loop);
    }
    coil__pool_free(loop->workers);
    coil__pool_free(loop->resolvers);
    run_closers(&loop->closers, false);
    coil__inbox_drain(loop);
    leave_thread(loop);
    free_memory(loop, false);
    return 0;
}

int coil_loop_free_after_fork(struct coil_loop *loop)
{
    if (!loop) {
        return 0;
    }
    if (!is_copy(loop)) {
        return -COIL_EINVALIDSTATE; /* not a copy: coil_loop_free is for this one */
    }
    if (loop->forget_io) {
        loop->forget_io(loop);
    }
    run_closers(&loop->observers, true);
    run_closers(&loop->closers, true);
    coil__pool_free_after_fork(loop->workers);
    coil__pool_free_after_fork(loop->resolvers);
    free_memory(loop, true);
    return 0;
}

struct coil_loop *coil_loop_current(void)
{
    if (coil__thread.loop) {
        coil__thread.loop->is_handed_out = true;
    }
    return coil__thread.loop;
}

int coil__loop_enter(struct coil_loop *loop)
{
    int rc = coil__loop_check(loop);

    if (rc < 0) {
        return rc;
    }
    if (coil__thread.loop) {
        return coil__misuse_told(-COIL_ENESTED, "a loop was to run inside of another one: create "
                                                "a task and await it instead");
    }
    coil__thread.loop = loop;
    coil__thread.is_forked = false;
    loop->is_running = true;
    return 0;
}

void coil__loop_leave(struct coil_loop *loop)
{
    loop->is_running = false;
    coil__thread.loop = NULL;
    /* Whoever embeds the loop may now sleep on its descriptor. */
    atomic_exchange(&loop->is_asleep, true);
    if (atomic_load(&loop->inbox)) {
        loop->backend->class->wake(loop->backend);
    }
}

/* Ends early in the child of a fork: the rest belongs to the parent. */
static void run_current(struct coil_loop *loop)
{
    struct coil__ready *ready;

    while ((ready = loop->current) && !loop->is_forked) {
        loop->current = ready->next;
        ready->run(ready);
    }
}

static bool remove_from(struct coil__ready **place, const struct coil__ready *ready)
{
    while (*place && *place != ready) {
        place = &(*place)->next;
    }
    if (!*place) {
        return false;
    }
    *place = ready->next;
    return true;
}

void coil__loop_remove(struct coil_loop *loop, struct coil__ready *ready)
{
    bool was_there = coil__queue_remove(&loop->ready, ready) ||
                     remove_from(&loop->current, ready) || remove_from(&loop->aside, ready);

    COIL_CHECK(was_there);
    if (COIL__UNLIKELY(loop->is_metered)) {
        loop->meter->mark = NULL; /* it may have been the one */
    }
}

static void run_outgoing(struct coil_loop *loop)
{
    struct coil__list list;
    struct coil__list *link;

    coil__list_init(&list);
    coil__list_splice_tail(&list, &loop->outgoing);
    while ((link = coil__list_pop_head(&list))) {
        struct coil__outgoing *outgoing = COIL__CONTAINER(link, struct coil__outgoing, link);

        outgoing->run(outgoing);
    }
}

static void fire_timers(struct coil_loop *loop)
{
    int64_t now;

    if (loop->timers.count == 0) {
        return;
    }
    now = loop->polled_at;
    while (coil__heap_min_key(&loop->timers) <= now) {
        struct coil__heap_node *node = coil__heap_min(&loop->timers);
        struct coil__timer *timer = COIL__CONTAINER(node, struct coil__timer, node);

        coil__heap_remove(&loop->timers, node);
        if (COIL__UNLIKELY(loop->is_metered)) {
            coil__meter_timer(loop, timer->when);
        }
        timer->fire(timer);
    }
}

static bool has_work(const struct coil_loop *loop)
{
    return loop->ready.head || !coil__list_is_empty(&loop->outgoing);
}

/* How long the next wait may last. */
static int64_t wait_limit(struct coil_loop *loop, int64_t max_wait_ns)
{
    int64_t longest = loop->backend->is_simulated ? COIL_NEVER : LONGEST_WAIT;
    int64_t limit = max_wait_ns < longest ? max_wait_ns : longest;
    int64_t deadline = coil__heap_min_key(&loop->timers);

    if (has_work(loop) || loop->is_stopping || limit <= 0) {
        return 0;
    }
    if (deadline != COIL_NEVER) {
        int64_t now = coil_loop_now(loop);
        int64_t left = deadline > now ? deadline - now : 0; /* also for points far in the past */

        limit = left < limit ? left : limit;
    }
    return limit < 0 ? 0 : limit;
}

static void adapt_elisions(struct coil_loop *loop, int64_t now)
{
    int64_t elapsed = now - loop->polled_at;
    uint64_t ticks = coil__ticks();

    if (loop->backend->is_simulated || elapsed > SLOW_NS) {
        loop->elisions = 0;
    } else if (elapsed < QUICK_NS && loop->elisions < COIL__MAX_ELISIONS) {
        loop->elisions = loop->elisions * 2 + 1;
    }
    if (elapsed > QUICK_NS / 10) { /* long enough to tell the clocks' ratio by */
        loop->slow_ticks = (ticks - loop->polled_ticks) * SLOW_NS / (uint64_t)elapsed;
    }
    loop->elisions_left = loop->elisions;
    loop->polled_ticks = ticks;
    loop->polled_at = now;
}

static int wait_for_kernel(struct coil_loop *loop, int64_t max_wait_ns)
{
    int64_t limit = wait_limit(loop, max_wait_ns);
    bool was_announced = false;
    int rc;

    if (limit > 0) {
        atomic_exchange(&loop->is_asleep, true);
        if (atomic_load(&loop->inbox) || atomic_load(&loop->is_interrupted)) {
            limit = 0;
        } else if (loop->before_wait) {
            loop->before_wait(loop->wait_hook_user);
            was_announced = true;
            limit = wait_limit(loop, max_wait_ns); /* the hook may have given the loop work */
        } else if (loop->on_idle && coil__loop_is_idle(loop)) {
            loop->on_idle(loop);
            limit = wait_limit(loop, max_wait_ns);
        }
        if (COIL__UNLIKELY(loop->stacks.wants_trim)) {
            loop->trim(loop);
        }
        if (COIL__UNLIKELY(loop->is_metered) && limit > 0) {
            coil__meter_sleeps(loop);
        }
    }
    coil__counter_add(&loop->polls, 1);
    rc = loop->backend->class->wait(loop->backend, limit);
    atomic_store_explicit(&loop->is_asleep, false, memory_order_relaxed);
    if (was_announced && loop->after_wait) {
        loop->after_wait(loop->wait_hook_user);
    }
    return rc;
}

/* In an order of the seed's, or metered. */
static __attribute__((noinline)) void run_specially(struct coil_loop *loop)
{
    if (loop->is_shuffled) {
        coil__loop_shuffle(loop);
    }
    loop->current = coil__queue_take_all(&loop->ready);
    if (loop->is_metered) {
        coil__meter_run(loop);
    }
    run_current(loop);
}

int coil__loop_iterate(struct coil_loop *loop, int64_t max_wait_ns)
{
    int rc;

    run_outgoing(loop);
    rc = wait_for_kernel(loop, max_wait_ns);
    if (rc < 0) {
        return rc;
    }
    adapt_elisions(loop, coil_loop_now(loop));
    if (COIL__UNLIKELY(atomic_load_explicit(&loop->inbox, memory_order_relaxed))) {
        coil__inbox_drain(loop);
    }
    if (COIL__UNLIKELY(atomic_load_explicit(&loop->is_interrupted, memory_order_relaxed))) {
        atomic_store(&loop->is_interrupted, false);
        if (loop->on_interrupt) {
            loop->on_interrupt(loop->on_interrupt_user);
        }
    }
    fire_timers(loop);
    if (COIL__UNLIKELY(loop->is_special)) {
        run_specially(loop);
    } else {
        loop->current = coil__queue_take_all(&loop->ready);
        run_current(loop);
    }
    return loop->is_forked ? -COIL_EFORKED : 0;
}

int coil_loop_run(struct coil_loop *loop)
{
    int rc = coil__loop_enter(loop);

    if (rc < 0) {
        return rc;
    }
    do {
        rc = coil__loop_iterate(loop, COIL_NEVER);
    } while (rc == 0 && !loop->is_stopping);
    loop->is_stopping = false;
    coil__loop_leave(loop);
    return rc;
}

int coil_loop_run_once(struct coil_loop *loop, int64_t max_wait_ns)
{
    int rc = coil__loop_enter(loop);

    if (rc < 0) {
        return rc;
    }
    rc = coil__loop_iterate(loop, max_wait_ns);
    loop->is_stopping = false;
    coil__loop_leave(loop);
    return rc;
}

int coil_loop_stop(struct coil_loop *loop)
{
    int rc = coil__loop_check(loop);

    if (rc == 0) {
        loop->is_stopping = true;
        loop->elisions_left = 0;
    }
    return rc;
}

bool coil__loop_is_idle(const struct coil_loop *loop)
{
    return !loop->ready.head && !loop->current && loop->timers.count == 0 &&
           coil__counter_get(&loop->backend->in_flight) == 0 && loop->external == 0;
}

int coil_loop_get_fd(struct coil_loop *loop)
{
    int rc = coil__loop_check(loop);

    return rc < 0 ? rc : loop->backend->class->get_fd(loop->backend);
}

int64_t coil_loop_next_deadline(struct coil_loop *loop)
{
    if (!loop || loop->ready.head || !coil__list_is_empty(&loop->outgoing) || loop->is_stopping ||
        atomic_load(&loop->inbox) ||
        (loop->backend->class->has_work && loop->backend->class->has_work(loop->backend))) {
        return 0;
    }
    return coil__heap_min_key(&loop->timers);
}

int coil_loop_set_wait_hooks(struct coil_loop *loop, coil_callback before, coil_callback after,
                             void *user)
{
    int rc = coil__loop_check(loop);

    if (rc == 0) {
        loop->before_wait = before;
        loop->after_wait = after;
        loop->wait_hook_user = user;
    }
    return rc;
}

int coil_loop_wake(struct coil_loop *loop)
{
    if (!loop) {
        return -EINVAL;
    }
    if (coil__loop_is_copy(loop)) {
        return -COIL_EFORKED;
    }
    loop->backend->class->wake(loop->backend);
    return 0;
}

int64_t coil_loop_now(const struct coil_loop *loop)
{
    return loop ? loop->backend->class->get_now(loop->backend) : coil__clock_now();
}

int64_t coil_now(void)
{
    return coil_loop_now(coil__thread.loop);
}

const char *coil_loop_backend(const struct coil_loop *loop)
{
    return loop ? loop->backend->class->name : NULL;
}
