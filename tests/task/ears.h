/* Stalls, heard by a handler: what the tests of the watchdog share. */
#ifndef COIL_TESTS_EARS_H
#define COIL_TESTS_EARS_H

#include "in_task.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* The tables of symbols are read once, before the tests' processes are forked: it takes a while. */
__attribute__((constructor)) static void read_symbols(void)
{
    struct coil_frame frame;

    coil_frame_lines((const char *)(uintptr_t)coil_run + 1, &frame, 1);
    coil_frame_lines((const char *)(uintptr_t)read_symbols + 1, &frame, 1);
}

#define LIMIT (20 * COIL_MSEC)

/* Where nothing is to be reported: more than a busy machine lets a thread wait for its turn. */
#define LARGE_LIMIT (300 * COIL_MSEC)

/* What a handler has heard; filled in by the watchdog's thread. */
struct ears {
    atomic_int reports; /* while the step ran */
    atomic_int ends;
    int64_t first_ns;
    int64_t last_ns;
    int64_t total_ns;
    unsigned last_number;
    bool was_in_syscall;
    const char *only; /* hears of tasks of this name, "": of callbacks; NULL: of all. Set before */
    bool saw_fn;      /* a frame of `fn` was there, in one of the reports */
    const void *fn;
    size_t most_frames;
    char name[32];
    uint64_t id;
    const char *func; /* where it was created */
    char text[8192];
};

static inline bool is_in(const struct coil_stall *stall, const void *function)
{
    for (size_t i = 0; i < stall->frame_count; i++) {
        uintptr_t offset = (uintptr_t)stall->frames[i] - (uintptr_t)function;

        if (offset > 0 && offset < (test_has_asan() ? 8000 : 2000)) {
            return true;
        }
    }
    return false;
}

static inline void listen_to(const struct coil_stall *stall, void *user)
{
    struct ears *ears = user;

    if (ears->only && strcmp(ears->only, stall->task_name ? stall->task_name : "") != 0) {
        return;
    }
    if (stall->has_ended) {
        ears->total_ns = stall->span_ns;
        ears->last_number = stall->number;
        atomic_fetch_add(&ears->ends, 1);
        return;
    }
    if (atomic_load(&ears->reports) == 0) {
        ears->first_ns = stall->span_ns;
        snprintf(ears->text, sizeof ears->text, "%s", stall->text);
        snprintf(ears->name, sizeof ears->name, "%s", stall->task_name ? stall->task_name : "");
        ears->id = stall->task_id;
        ears->func = stall->site ? stall->site->func : NULL;
        ears->was_in_syscall = stall->is_in_syscall;
    }
    ears->last_ns = stall->span_ns;
    ears->saw_fn |= ears->fn && is_in(stall, ears->fn);
    ears->most_frames =
        stall->frame_count > ears->most_frames ? stall->frame_count : ears->most_frames;
    atomic_fetch_add(&ears->reports, 1);
}

/* Frames are to be had: not where a tool stands between the program and the machine. */
static inline bool can_see(void)
{
    return !test_has_valgrind() && !test_has_tsan() && !test_is_emulated();
}

static inline int run_limited(int64_t limit_ns, struct ears *ears, coil_task_fn fn, void *arg)
{
    struct coil_run_options options = {
        .stall_limit_ns = limit_ns, .stall_handler = listen_to, .stall_user = ears};

    return coil_run_with(&options, fn, arg);
}

/* The first task only, unless another is wanted: a busy machine may hold up others for LIMIT. */
static inline int run_heard(struct ears *ears, coil_task_fn fn, void *arg)
{
    ears->only = ears->only ? ears->only : "main";
    return run_limited(LIMIT, ears, fn, arg);
}

/* Computes until the watchdog has said so many times that it does. */
static __attribute__((noinline, unused)) int spin_until(struct ears *ears, int reports)
{
    int64_t end = test_now_ns() + (test_is_torture() ? 2 : 15) * COIL_SEC;

    while (atomic_load(&ears->reports) < reports && test_now_ns() < end) {
    }
    return 0;
}

#endif
