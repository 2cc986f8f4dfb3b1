/* Torture: the same work again and again, with a fault one call later each time.
 *
 * The first run only counts. Then come n = 1, 2, 3, ... up to the count; where there are very many
 * (COIL_TORTURE_MAX, default 300 per kind of fault), the first two thirds of that number one by
 * one and the rest in even strides. Several run at a time (COIL_TORTURE_JOBS, default 8: most of
 * the time they wait). At last n goes on from the count until a run sees no fault.
 *
 * Not every run makes as many calls as the first; so one that saw no fault is no reason to stop
 * before the count. If it failed, the others may have been in its way: it is repeated alone.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "fault.h"
#include "internal.h"

enum { SHOWN_FAILURES = 3, MAX_JOBS = 64 };

/* Seconds. */
#define LEAST_PATIENCE 0.5
#define MOST_PATIENCE 4.0

struct torture {
    const char *program;
    const char *name;  /* NULL: a function within a test */
    struct run count;  /* counts; repeats */
    struct run *lanes; /* those that run at the same time */
    int lane_count;
    struct run *active[MAX_JOBS];
    int active_count;
    sigset_t mask;
    bool soft;
    bool verbose;
    uint64_t doubtful; /* n of a run that failed without a fault; 0: none */
    struct torture_sums sums;
};

static uint64_t number_from_env(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    long long number = text ? strtoll(text, NULL, 10) : 0;

    return number > 0 ? (uint64_t)number : otherwise;
}

/* How long a run may go on after a failed check, by how long one takes that sees no fault. */
static double patience_for(double seconds)
{
    double patience = 20 * seconds;

    return patience < LEAST_PATIENCE  ? LEAST_PATIENCE
           : patience > MOST_PATIENCE ? MOST_PATIENCE
                                      : patience;
}

/* It noticed the fault, and then ended, broke or hung: that proves nothing, but what it may have
 * left behind was not seen. */
static bool is_wreck(const struct run *run)
{
    const struct report *report = run->report;

    return run->soft && report->fault.injected && report->check_failed && !report->finished;
}

/* Whether the run did what it must not do. A failed check is no more than noticing the fault. */
static bool is_bad(const struct run *run, char *text, size_t text_size)
{
    const struct report *report = run->report;
    bool ended_by_check = report->fault.injected && report->check_failed;

    if (ended_by_check && !report->finished) {
        bool exited = WIFEXITED(run->status) && WEXITSTATUS(run->status) == 1;
        if (exited || is_wreck(run)) {
            return false;
        }
    }
    if (ended_by_check && report->finished && !report->leaked) {
        return false;
    }
    return run_explain(run, text, text_size);
}

static void print_run(const struct torture *t, const struct run *run, const char *what,
                      const char *text)
{
    const char *kind = fault_kind_names[run->fault_kind];
    unsigned long long n = run->fault_at;

    printf("  %s %s:%llu in %s: %s\n", what, kind, n,
           run->report->fault.injected ? run->report->fault.injected : "nothing", text);
    if (t->name) {
        printf("    again: %s%s --fault %s:%llu %s\n", t->program, run->soft ? " --soft" : "", kind,
               n, t->name);
    }
    run_print_output(run);
}

/* Enters what came of a run. */
static void judge(struct torture *t, const struct run *run)
{
    char text[200];

    t->sums.runs++;
    if (is_wreck(run)) {
        t->sums.wrecks++;
        if (t->verbose && run_explain(run, text, sizeof text)) {
            print_run(t, run, "forgiven", text);
        }
    }
    if (!is_bad(run, text, sizeof text)) {
        return;
    }
    if (!run->report->fault.injected && run->fault_at != 0 && run != &t->count) {
        t->doubtful = run->fault_at;
        return;
    }
    t->sums.failures++;
    print_run(t, run, "fault", text);
}

static void run_alone(struct torture *t, uint64_t n)
{
    t->count.fault_at = n;
    t->count.soft = n != 0 && t->soft;
    run_execute(&t->count);
    judge(t, &t->count);
}

static void start(struct torture *t, uint64_t n)
{
    struct run *run = NULL;

    for (int i = 0; i < t->lane_count && !run; i++) {
        run = t->lanes[i].pid ? NULL : &t->lanes[i];
    }
    run->fault_kind = t->count.fault_kind;
    run->fault_at = n;
    run->patience = t->count.patience;
    run_start(run, &t->mask);
    t->active[t->active_count++] = run;
}

static void wait_for_some(struct torture *t)
{
    runs_wait(t->active, t->active_count);
    for (int i = 0; i < t->active_count;) {
        struct run *run = t->active[i];
        if (run_has_ended(run)) {
            judge(t, run);
            run->pid = 0;
            t->active[i] = t->active[--t->active_count];
        } else {
            i++;
        }
    }
}

/* All n up to the count, several at a time. */
static void run_lanes(struct torture *t, uint64_t total)
{
    uint64_t limit = number_from_env("COIL_TORTURE_MAX", 300);
    uint64_t dense = limit - limit / 3;
    uint64_t stride = 1;
    uint64_t n = 1;

    if (total > limit && limit > dense) {
        stride = (total - dense) / (limit - dense) + 1;
    }
    runs_begin(&t->mask);
    for (;;) {
        while (n <= total && t->active_count < t->lane_count && t->sums.failures < SHOWN_FAILURES) {
            start(t, n);
            n += n < dense ? 1 : stride;
        }
        if (t->active_count == 0) {
            break;
        }
        wait_for_some(t);
    }
    runs_end(&t->mask);
}

/* False if the others need not be tried. */
static bool run_kind(struct torture *t, enum fault_kind kind)
{
    t->count.fault_kind = kind;
    run_alone(t, 0);
    if (t->count.report->skipped) {
        snprintf(t->sums.skip_reason, sizeof t->sums.skip_reason, "%s",
                 t->count.report->skip_reason);
        return false;
    }
    if (t->sums.failures) {
        return false;
    }
    uint64_t total = t->count.report->fault.seen;
    t->count.patience = patience_for(t->count.seconds);
    t->doubtful = 0;
    run_lanes(t, total);
    if (t->doubtful) {
        run_alone(t, t->doubtful);
    }
    for (uint64_t n = total + 1; t->sums.failures == 0; n++) {
        run_alone(t, n);
        if (!t->count.report->fault.injected) {
            break; /* it passed untouched */
        }
    }
    return t->sums.failures < SHOWN_FAILURES;
}

struct torture_sums torture_run(const char *program, const char *name, const struct run *run,
                                int jobs, bool verbose)
{
    struct torture t = {.program = program,
                        .name = name,
                        .count = *run,
                        .lane_count = jobs > MAX_JOBS ? MAX_JOBS : jobs,
                        .soft = run->soft,
                        .verbose = verbose};

    t.lanes = calloc((size_t)t.lane_count, sizeof *t.lanes);
    if (!t.lanes) {
        perror("harness");
        exit(2);
    }
    run_init(&t.count);
    for (int i = 0; i < t.lane_count; i++) {
        t.lanes[i] = *run;
        run_init(&t.lanes[i]);
    }
    for (int kind = FAULT_ALLOC; kind < FAULT_KINDS; kind++) {
        if (!run_kind(&t, (enum fault_kind)kind)) {
            break;
        }
    }
    for (int i = 0; i < t.lane_count; i++) {
        run_deinit(&t.lanes[i]);
    }
    run_deinit(&t.count);
    free(t.lanes);
    return t.sums;
}

int torture_jobs(void)
{
    return (int)number_from_env("COIL_TORTURE_JOBS", 8);
}

/* One at a time: the function may share memory with the test. */
void torture(void (*fn)(void *arg), void *arg)
{
    struct run run = {.fn = fn, .arg = arg, .time_limit = 10 * time_factor()};

    fault_leave_torture();
    fflush(NULL);
    int failures = torture_run("", NULL, &run, 1, false).failures;
    if (failures) {
        test_fail(__FILE__, __LINE__, "torture: %d runs went wrong", failures);
    }
}
