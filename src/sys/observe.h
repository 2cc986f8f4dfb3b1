/* observe.h - what another thread of this process is doing, without its taking part.
 *
 * The kernel tells (/proc/self/task): whether the thread runs, in which system call it waits, and
 * where its stack is then. The thread does not notice, and the call is not disturbed. Where there
 * is no /proc nothing is known.
 */
#ifndef COIL__SYS_OBSERVE_H
#define COIL__SYS_OBSERVE_H

#include "sys/walk.h"

#include <time.h>

/* A thread that is looked at; it must live as long as that goes on. */
struct coil__observed {
    int id;              /* the kernel's */
    uintptr_t stack_low; /* the thread's own stack; both 0: not known */
    uintptr_t stack_high;
    clockid_t cpu_clock; /* counts the time that it computes */
    bool has_cpu_clock;
};

enum coil__sight_state {
    COIL__SIGHT_UNKNOWN,
    COIL__SIGHT_RUNS,    /* or would, if there were a processor for it */
    COIL__SIGHT_WAITS,   /* in a system call, or for memory */
    COIL__SIGHT_STOPPED, /* by a signal or a debugger */
};

struct coil__sight {
    enum coil__sight_state state;
    /* While it waits: */
    bool waits_for_events;    /* in a call of the kind that backends wait in */
    bool has_place;           /* whether this is known: */
    struct coil__place place; /* without the frame pointer */
};

/* The calling thread. */
void coil__observe_self(struct coil__observed *ret_thread);
/* What it does now. */
void coil__observe(const struct coil__observed *thread, struct coil__sight *ret_sight);
/* Nanoseconds that it has computed; -1: not known. */
int64_t coil__observe_cpu(const struct coil__observed *thread);

/* Copies the stack of another thread, from `low` up to at most `high` and `size` bytes, to `copy`.
 * The memory must be mapped. */
void coil__stack_copy(uintptr_t low, uintptr_t high, char *copy, size_t size,
                      struct coil__stack_view *ret_view);

#endif
