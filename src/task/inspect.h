/* inspect.h - captured graphs of tasks, from the inside, and what reports say about them. */
#ifndef COIL__TASK_INSPECT_H
#define COIL__TASK_INSPECT_H

#include "base/text.h"
#include "task/task.h"

#include <coil/inspect.h>

/* A graph and its memory; capture.c. */
struct coil__graph {
    struct coil_task_graph public; /* first: it is what the user has */
    struct coil_task_info *infos;
    const struct coil_task_info **links; /* the awaiters of all, then the awaited of all */
    const struct coil_task_info **cycle;
    void **frames; /* of all, one after the other */
    size_t all;    /* tasks that there were, captured or not */
};

/* As coil_capture_tasks, but of at most so many tasks, the oldest ones, so that the time it takes
 * is bounded; the graph knows nothing of others. */
int coil__capture_oldest(size_t most, struct coil_task_graph **ret_graph);
/* How many tasks there were when a graph was captured. */
size_t coil__graph_all(const struct coil_task_graph *graph);

/* One task awaits another, or will; indices of infos. */
struct coil__edge {
    size_t awaiter;
    size_t awaited;
    bool is_now; /* it waits for that one's end now */
};

/* Finds a cycle of tasks that wait for each other and notes it in the graph. 0 or -ENOMEM. edges:
 * sorted by awaiter. */
int coil__graph_find_cycle(struct coil__graph *graph, const struct coil__edge *edges, size_t count);

/* Makes the links of the infos out of the edges, which it sorts, and looks for a cycle. 0 or
 * -ENOMEM. */
int coil__graph_link(struct coil__graph *graph, struct coil__edge *edges, size_t count);
/* Gives each info its part of the frames, by their counts. */
void coil__graph_point_to_frames(struct coil__graph *graph);

/* Adds what a task is doing, in words: "main (1) waits: lock, held by ...". */
void coil__task_sentence(struct coil__text *text, const struct coil_task_info *info);
/* The name by which a task is meant in it. */
void coil__task_label(struct coil__text *text, const struct coil_task_info *info);
/* Parts of it: what a waiting task waits for, "lock, held by ..."; how one was cancelled that was;
 * a span of time. */
void coil__wait_text(struct coil__text *text, const struct coil_task_info *info);
void coil__cancel_text(struct coil__text *text, const struct coil_task_info *info);
void coil__span_text(struct coil__text *text, int64_t span_ns);
/* Adds the cycle, as "a -> b -> a". */
void coil__cycle_sentence(struct coil__text *text, const struct coil_task_graph *graph);

/* What the loop calls when nothing in sight will wake it: where that is certain, reports a deadlock
 * and has it end. See coil/run.h. */
void coil__deadlock_look(struct coil_loop *loop);

/* In debug mode: SIGQUIT prints the tasks, while nobody else has caught it. quit.c */
struct coil__quit;
/* NULL where it is not to be: no debug mode, no memory, or the signal is somebody else's. */
struct coil__quit *coil__quit_listen(struct coil_loop *loop);
void coil__quit_close(struct coil__quit *quit);

/* Ends the loop's watchdog (watchdog.c), and waits for its thread; there may be none. */
void coil__watchdog_stop(struct coil_loop *loop);

/* Has overflows of tasks' stacks explained (overflow.c) until coil__crash_release. 0, or -EINVAL.
 * Needs an alternate signal stack. */
int coil__overflow_catch(void);

/* What a run has of all these; aids.c. */
struct coil__aids {
    struct coil__quit *quit;
    bool has_altstack;
    bool has_overflow;
    bool has_watchdog;
};

struct coil_run_options;

/* 0; -ENOMEM, -EAGAIN (no thread), -EINVAL: what the options ask for could not be had, and nothing
 * is there. */
int coil__aids_open(struct coil_loop *loop, const struct coil_run_options *options,
                    struct coil__aids *aids);
void coil__aids_close(struct coil_loop *loop, struct coil__aids *aids);

#endif
