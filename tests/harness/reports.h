/* An error handler that keeps all reports, and a run in debug mode that has it.
 *
 *     run_in_debug_mode(body, NULL);
 *     CHECK_INT(reports.count, ==, 1);
 *     check_report(0, "a stream is still open", "open_stream"); */
#ifndef COIL_TESTS_REPORTS_H
#define COIL_TESTS_REPORTS_H

#include "in_task.h"

#include <stdio.h>
#include <string.h>

struct kept {
    char message[2048];
    char task_name[64];
    char func[64]; /* of the site; "": there was none */
    char file[256];
    int line;
    int error;
};

static struct {
    struct kept list[32];
    int count;
} reports;

/* The tables of symbols are read once, before the tests' processes are forked: it takes a while. */
__attribute__((constructor)) static void read_symbols(void)
{
    struct coil_frame frame;

    coil_frame_lines((const char *)(uintptr_t)coil_run + 1, &frame, 1);
    coil_frame_lines((const char *)(uintptr_t)read_symbols + 1, &frame, 1);
}

/* Whether the build can tell lines. */
static inline bool has_lines(void)
{
    struct coil_frame frame = {.file = NULL};

    coil_frame_lines((const char *)(uintptr_t)read_symbols + 1, &frame, 1);
    return frame.file != NULL;
}

/* A call that is the last thing a function does replaces its frame; with this it is to be seen. */
static inline int seen(int rc)
{
    __asm__ volatile("" ::: "memory");
    return rc;
}

static inline void keep_report(const struct coil_report *report, void *user)
{
    struct kept *kept = &reports.list[reports.count < 31 ? reports.count : 31];

    (void)user;
    reports.count++;
    snprintf(kept->message, sizeof kept->message, "%s", report->message);
    snprintf(kept->task_name, sizeof kept->task_name, "%s",
             report->task_name ? report->task_name : "");
    snprintf(kept->func, sizeof kept->func, "%s", report->site ? report->site->func : "");
    snprintf(kept->file, sizeof kept->file, "%s", report->site ? report->site->file : "");
    kept->line = report->site ? report->site->line : 0;
    kept->error = report->error;
}

/* func: where it was created, if lines can be told; NULL: whatever it is. */
static inline void check_report(int index, const char *text, const char *func)
{
    CHECK_CONTAINS(reports.list[index].message, text);
    if (func && has_lines()) {
        CHECK_STR(reports.list[index].func, func);
    }
}

struct debug_run {
    coil_task_fn fn;
    void *arg;
};

static inline int hear_all(void *arg)
{
    struct debug_run *run = (struct debug_run *)arg;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), keep_report, NULL));
    return run->fn(run->arg);
}

static inline void run_with_debug(bool debug, coil_task_fn fn, void *arg)
{
    struct coil_run_options options = {.loop.debug = debug};
    struct debug_run run = {.fn = fn, .arg = arg};

    unsetenv("COIL_DEBUG");
    reports.count = 0;
    memset(reports.list, 0, sizeof reports.list);
    CHECK_ERR(coil_run_with(&options, hear_all, &run), 0);
}

static inline void run_in_debug_mode(coil_task_fn fn, void *arg)
{
    run_with_debug(true, fn, arg);
}

#endif
