/* testing.c - one run of a test on the simulated backend, and the end of one that hangs.
 *
 * This is part of libcoil and no library of its own: what it offers is the simulated backend,
 * which is there anyway (COIL_BACKEND=sim), and it needs the inside of the loop and of the backend,
 * which a library beside it could only reach if it were exported. It stands in the layer that may
 * see all others and that nothing depends on.
 *
 * How a hang is found: a timer stands at the horizon, the last moment of virtual time that the test
 * may see. When everybody waits for what cannot come, that timer is the only thing left in the
 * future, so the clock jumps to it (after some patience in real time: the guard in sys/backend.h).
 * When tasks run on and on without waiting, the guard counts, and jumps as well. So all kinds end
 * in on_horizon: it reports what is left and stops the loop, whereupon coil_run_in cancels and
 * awaits all tasks. That may hang, too: so a second horizon lies as far behind the first one, and
 * there the backend refuses to wait, which ends coil_run_in with an error. The loop, with the
 * stacks of tasks that would run on, can then not be freed; it is left where it is.
 */
#include "debug/testing.h"

#include "sys/environment.h"
#include "task/task.h"

#include <coil/error.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { MILLION = 1000000, TASKS_SHOWN = 8 };

#define LONGEST_LATENCY (24 * 60 * COIL_MINUTE)
#define DEFAULT_TIME (24 * 60 * COIL_MINUTE)
#define DEFAULT_PATIENCE (1 * COIL_SEC)
#define DEFAULT_ROUNDS 10000000

/* A run; on the stack of who has called coil_test_run. */
struct run {
    struct coil__timer horizon;
    const struct coil_test_options *options;
    struct coil_loop *loop;
    coil_task_fn fn;
    void *arg;
    int64_t started_at;
    int64_t max_time_ns;
    int64_t hung_at;
    bool has_begun; /* fn was called */
    bool has_hung;
};

/* ---- a hang ---- */

static double seconds_of(int64_t span_ns)
{
    return (double)span_ns / (double)COIL_SEC;
}

/* The oldest tasks: "main" is the first. */
struct listing {
    struct coil_task *tasks[TASKS_SHOWN];
    unsigned count; /* of all */
};

static void list_task(struct coil_task *task, void *user)
{
    struct listing *listing = user;
    unsigned place = listing->count < TASKS_SHOWN ? listing->count : TASKS_SHOWN;

    if (task->state >= COIL__TASK_ENDING) {
        return;
    }
    listing->count++;
    for (; place > 0 && listing->tasks[place - 1]->id > task->id; place--) {
        if (place < TASKS_SHOWN) {
            listing->tasks[place] = listing->tasks[place - 1];
        }
    }
    if (place < TASKS_SHOWN) {
        listing->tasks[place] = task;
    }
}

static void print_task(struct coil_task *task)
{
    const struct coil_site *site = task->site;

    fprintf(stderr, "coil:     task %s, %s%s", coil_task_name(coil__task_handle(task)),
            task->wait ? "waiting: " : "ready to run", task->wait ? task->wait->what : "");
    if (site) {
        fprintf(stderr, ", created at %s:%d in %s", site->file, site->line, site->func);
    }
    fputc('\n', stderr);
}

static void print_tasks(struct coil_loop *loop)
{
    struct listing listing = {0};

    coil__tasks_each(loop, list_task, &listing);
    for (unsigned i = 0; i < listing.count && i < TASKS_SHOWN; i++) {
        print_task(listing.tasks[i]);
    }
    if (listing.count > TASKS_SHOWN) {
        fprintf(stderr, "coil:     and %u more\n", listing.count - TASKS_SHOWN);
    }
}

static void report_hang(const struct run *run, bool is_stuck)
{
    const struct coil__sim_guard *guard = run->loop->backend->guard;
    double time = seconds_of(run->hung_at - run->started_at);

    fprintf(stderr, "coil: %s hangs: ", coil__test_name(run->options));
    if (guard->has_spun) {
        fprintf(stderr, "%" PRIu64 " rounds without a wait after %.6f s of virtual time\n",
                guard->max_rounds, time);
    } else if (is_stuck) {
        fprintf(stderr, "after %.6f s of virtual time all wait for what cannot come any more\n",
                time);
    } else {
        fprintf(stderr, "it has not ended in %.6f s of virtual time\n", time);
    }
    print_tasks(run->loop);
}

/* 0 or -ENOMEM. */
static int set_horizon(struct run *run)
{
    struct coil__sim_guard *guard = run->loop->backend->guard;
    int64_t when = coil__time_after(coil_loop_now(run->loop), run->max_time_ns);
    int rc = coil__timer_arm(run->loop, &run->horizon, when);

    if (rc == 0 && when != COIL_NEVER) {
        guard->horizon = when;
    }
    return rc;
}

static void on_horizon(struct coil__timer *timer)
{
    struct run *run = COIL__CONTAINER(timer, struct run, horizon);
    struct coil__sim_guard *guard = run->loop->backend->guard;
    bool is_stuck = guard->jumped_from != 0 && run->loop->timers.count == 0;

    if (run->has_hung) {
        guard->failure = -COIL_EHANG;
        if (!run->options->is_quiet) {
            fprintf(stderr, "coil: %s hangs even when it is cancelled: its tasks are left behind\n",
                    coil__test_name(run->options));
        }
        return;
    }
    run->has_hung = true;
    run->hung_at = is_stuck || guard->has_spun ? guard->jumped_from : coil_loop_now(run->loop);
    if (!run->options->is_quiet) {
        report_hang(run, is_stuck);
    }
    run->loop->is_stopping = true;
    if (set_horizon(run) < 0) {
        guard->failure = -COIL_EHANG;
    }
}

/* ---- the run ---- */

static bool is_sane(const struct coil_test_options *options)
{
    const struct coil_test_network *network = &options->network;

    return network->latency_min_ns >= 0 && network->latency_min_ns <= LONGEST_LATENCY &&
           network->latency_max_ns >= 0 && network->latency_max_ns <= LONGEST_LATENCY &&
           (network->latency_max_ns == 0 || network->latency_max_ns >= network->latency_min_ns) &&
           network->loss_ppm <= MILLION && network->reset_ppm <= MILLION &&
           network->short_ppm <= MILLION && network->wait_ppm <= MILLION &&
           options->max_time_ns >= 0 && options->patience_ns >= 0;
}

int coil__test_check(const struct coil_test_options *options, coil_task_fn fn)
{
    if (coil__thread.loop) {
        return coil__misuse_told(-COIL_ENESTED, "a test was to run inside of a running loop, or "
                                                "of another test: call it from outside");
    }
    return fn && is_sane(options) ? 0 : -EINVAL;
}

int coil__test_seed_of_environment(const struct coil_test_options *options, uint64_t *ret_seed)
{
    const char *text = coil__environment_text("COIL_SEED");
    uint64_t seed = coil__environment_number("COIL_SEED", 0);

    if (text && seed == 0) {
        if (!options->is_quiet) {
            fprintf(stderr,
                    "coil: COIL_SEED=%s is no seed: it must be a number from 1 to %" PRIu64 "\n",
                    text, UINT64_MAX);
        }
        return -EINVAL;
    }
    *ret_seed = seed;
    return 0;
}

static int body(void *arg)
{
    struct run *run = arg;

    run->has_begun = true;
    return run->fn(run->arg);
}

static int open_loop(struct run *run, uint64_t seed)
{
    const struct coil_test_network *network = &run->options->network;
    struct coil__backend_config config = {
        .name = "sim",
        .seed = seed,
        .faults =
            {
                .latency_min_ns = network->latency_min_ns,
                .latency_max_ns = network->latency_max_ns,
                .losses = network->loss_ppm,
                .resets = network->reset_ppm,
                .short_transfers = network->short_ppm,
                .spurious_again = network->wait_ppm,
            },
    };
    int rc = coil__loop_new_on(&run->options->run.loop, &config, &run->loop);

    if (rc == 0 && run->options->in_order) {
        run->loop->is_shuffled = false;
    }
    return rc;
}

static int set_guard(struct run *run)
{
    const struct coil_test_options *options = run->options;
    struct coil__sim_guard *guard = run->loop->backend->guard;

    guard->patience_ns = options->patience_ns ? options->patience_ns : DEFAULT_PATIENCE;
    guard->max_rounds = options->max_rounds ? options->max_rounds : DEFAULT_ROUNDS;
    run->horizon.fire = on_horizon;
    run->max_time_ns = options->max_time_ns ? options->max_time_ns : DEFAULT_TIME;
    run->started_at = coil_loop_now(run->loop);
    return set_horizon(run);
}

static void get_counts(const struct coil_loop *loop, struct coil_test_counts *ret_counts)
{
    const struct coil__sim_counts *counts = loop->backend->counts;

    *ret_counts = (struct coil_test_counts){
        .packets = counts->packets,
        .losses = counts->losses,
        .resets = counts->resets,
        .short_transfers = counts->short_transfers,
        .waits = counts->spurious_again,
    };
}

int coil__test_run_once(const struct coil_test_options *options, uint64_t seed, coil_task_fn fn,
                        void *arg, struct coil__test_outcome *ret_outcome)
{
    struct run run = {.options = options, .fn = fn, .arg = arg};
    struct coil__test_outcome outcome;
    int free_rc;
    int rc = open_loop(&run, seed);

    if (rc < 0) {
        return rc;
    }
    rc = set_guard(&run);
    if (rc == 0) {
        rc = coil_run_in(run.loop, &options->run, body, &run);
    }
    outcome.time_ns = coil_loop_now(run.loop) - run.started_at;
    get_counts(run.loop, &outcome.counts);
    /* The horizon stays: closing what is left takes iterations, which might hang, too. */
    free_rc = rc == -COIL_EFORKED && run.loop->is_forked ? coil_loop_free_after_fork(run.loop)
                                                         : coil_loop_free(run.loop);
    if (free_rc < 0) {
        coil__timer_disarm(run.loop, &run.horizon);
    }
    if (run.has_hung) {
        rc = -COIL_EHANG;
        outcome.time_ns = run.hung_at - run.started_at;
    } else if (rc >= 0 && free_rc < 0) {
        rc = free_rc;
    }
    if (!run.has_begun) {
        return rc;
    }
    outcome.rc = rc;
    *ret_outcome = outcome;
    return 0;
}

int coil_test_run(const struct coil_test_options *options, coil_task_fn fn, void *arg)
{
    static const struct coil_test_options defaults = {0};
    struct coil__test_outcome outcome;
    uint64_t seed;
    int rc;

    options = options ? options : &defaults;
    rc = coil__test_check(options, fn);
    if (rc < 0) {
        return rc;
    }
    seed = options->seed;
    if (seed == 0) {
        rc = coil__test_seed_of_environment(options, &seed);
    }
    if (rc == 0) {
        rc = coil__test_run_once(options, seed ? seed : 1, fn, arg, &outcome);
    }
    return rc < 0 ? rc : outcome.rc;
}

uint64_t coil_test_random(uint64_t bound)
{
    const struct coil_loop *loop = coil__thread.loop;

    return loop && loop->backend->draw && bound > 0 ? loop->backend->draw(loop->backend, bound) : 0;
}

int coil_test_get_counts(struct coil_test_counts *ret_counts)
{
    const struct coil_loop *loop = coil__thread.loop;

    if (!ret_counts) {
        return -EINVAL;
    }
    if (!loop) {
        return -COIL_ENOLOOP;
    }
    if (!loop->backend->counts) {
        return -ENOTSUP;
    }
    get_counts(loop, ret_counts);
    return 0;
}
