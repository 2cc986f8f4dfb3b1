/* Torture: the same work again and again, with a fault one call later each time.
 *
 * The first run only counts. Then come n = 1, 2, 3, ... up to the count; where there are very many
 * (COIL_TORTURE_MAX, default 300 per kind of fault), the first two thirds of that number one by
 * one and the rest in even strides.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "fault.h"
#include "internal.h"

#define SHOWN_FAILURES 3

static uint64_t run_limit(void)
{
    const char *text = getenv("COIL_TORTURE_MAX");
    long long limit = text ? strtoll(text, NULL, 10) : 0;

    return limit > 0 ? (uint64_t)limit : 300;
}

/* Whether the run did what it must not do. A failed check is no more than noticing the fault. */
static bool is_bad(const struct run *run, char *text, size_t text_size)
{
    const struct report *report = run->report;
    bool ended_by_check = report->fault_injected && report->check_failed;

    if (ended_by_check && !report->finished) {
        bool soft_wreck = run->soft && (run->timed_out || WIFSIGNALED(run->status));
        bool exited = WIFEXITED(run->status) && WEXITSTATUS(run->status) == 1;
        if (soft_wreck || exited) {
            return false;
        }
    }
    if (ended_by_check && report->finished && !report->leaked) {
        return false;
    }
    return run_explain(run, text, text_size);
}

static void print_bad(const struct run *run, const char *program, const char *name, uint64_t n,
                      const char *text)
{
    const char *kind = fault_kind_names[run->fault_kind];

    printf("  fault %s:%llu in %s: %s\n", kind, (unsigned long long)n,
           run->report->fault_name[0] ? run->report->fault_name : "nothing", text);
    if (name) {
        printf("    again: %s%s --fault %s:%llu %s\n", program, run->soft ? " --soft" : "", kind,
               (unsigned long long)n, name);
    }
    run_print_output(run);
}

int torture_run(const char *program, const char *name, void (*fn)(void *), void *arg,
                double time_limit, bool soft, bool nested)
{
    struct run run = {.fn = fn, .arg = arg, .time_limit = time_limit, .own_group = !nested};
    uint64_t limit = run_limit();
    char text[200];
    int failures = 0;

    run_init(&run);
    for (int kind = FAULT_ALLOC; kind < FAULT_KINDS; kind++) {
        run.fault_kind = (enum fault_kind)kind;
        run.fault_at = 0;
        run.soft = false;
        run_execute(&run);
        if (run_explain(&run, text, sizeof text)) {
            print_bad(&run, program, name, 0, text);
            failures++;
            break;
        }
        uint64_t total = run.report->fault_seen;
        if (run.report->skipped) {
            break;
        }
        uint64_t stride = 1;
        uint64_t dense = limit - limit / 3;
        run.soft = soft;
        if (total > limit && limit > dense) {
            stride = (total - dense) / (limit - dense) + 1;
        }
        for (uint64_t n = 1; failures < SHOWN_FAILURES; n += n < dense ? 1 : stride) {
            run.fault_at = n;
            run_execute(&run);
            if (is_bad(&run, text, sizeof text)) {
                print_bad(&run, program, name, n, text);
                failures++;
            } else if (!run.report->fault_injected) {
                break; /* it passed untouched */
            }
        }
    }
    run_deinit(&run);
    return failures;
}

void torture(void (*fn)(void *arg), void *arg)
{
    fault_leave_torture();
    fflush(NULL);
    int failures = torture_run("", NULL, fn, arg, 10 * time_factor(), false, true);
    if (failures) {
        test_fail(__FILE__, __LINE__, "torture: %d runs went wrong", failures);
    }
}
