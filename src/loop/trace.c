/* trace.c - see trace.h.
 *
 * Which calls are the library's: by the file they were loaded from, where that is a library of
 * ours; else, in a program that is linked with it statically, by their names. There static
 * functions, which lack the prefix, count as ours between two that have it.
 */
#include "loop/trace.h"

#include "loop/loop.h"
#include "sys/backtrace.h"
#include "sys/symbols.h"

#include <stdio.h>
#include <string.h>

enum { MAX_INLINED = 8, WITHOUT_PREFIX = 3 };

/* One call; where functions were inlined, those too. */
struct call {
    struct coil_frame frames[MAX_INLINED]; /* innermost first */
    size_t count;
};

/* May take a while, on purpose: no stall. */
static void look_up(struct call *call, const void *pc)
{
    struct coil_loop *loop = coil__thread.loop;

    if (loop) {
        loop->is_reporting = true;
    }
    call->count = coil__symbols_find(pc, call->frames, MAX_INLINED);
    if (loop) {
        loop->is_reporting = false;
    }
}

static bool is_in_library(const struct call *call)
{
    const char *object = call->frames[0].object;

    return object && strncmp(coil__text_base_name(object), "libcoil", 7) == 0;
}

/* The name of the function that the others are inlined into. */
static const char *name_of(const struct call *call)
{
    const char *name = call->frames[call->count - 1].function;

    return name ? name : "";
}

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Also what is inlined into a static function makes it ours. */
static bool has_prefix(const struct call *call)
{
    return begins_with(name_of(call), "coil_") ||
           (call->frames[0].function && begins_with(call->frames[0].function, "coil_"));
}

/* Functions of ours by which the program's callbacks are called. */
static bool calls_back(const struct call *call)
{
    static const char *const names[] = {"coil_run", "coil_loop_run", "coil__handle_run",
                                        "coil__loop_iterate", "coil__op_complete"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (begins_with(name_of(call), names[i])) {
            return true;
        }
    }
    return false;
}

void coil__trace_take(struct coil__trace *trace)
{
    struct coil_report about = {.task_name = NULL};

    trace->count = coil__backtrace_here(trace->pcs, COIL__TRACE_DEPTH);
    trace->task_name[0] = '\0';
    if (coil__thread.task) {
        coil__thread.loop->describe_task(coil__thread.task, &about);
        snprintf(trace->task_name, sizeof trace->task_name, "%s", about.task_name);
    }
}

bool coil__trace_has_room(void)
{
    const struct coil_task *task = coil__thread.task;

    return !task || coil__thread.loop->get_room(task) >= COIL__TRACE_ROOM;
}

/* How many of the innermost calls are the library's: the first one is. */
static size_t skip(const struct coil__trace *trace)
{
    struct call call;
    size_t gap = WITHOUT_PREFIX;
    size_t end = 0;

    for (size_t i = 0; i < trace->count && i <= end + gap; i++) {
        look_up(&call, trace->pcs[i]);
        if (is_in_library(&call)) {
            gap = 0; /* no need to guess */
            end = i + 1;
        } else if (has_prefix(&call)) {
            if (calls_back(&call)) {
                break;
            }
            end = i + 1;
        }
    }
    return end;
}

bool coil__trace_site(const struct coil__trace *trace, struct coil_site *ret_site)
{
    struct call call;
    size_t first;

    if (!coil__trace_has_room()) {
        return false;
    }
    first = skip(trace);
    if (first == trace->count) {
        return false;
    }
    look_up(&call, trace->pcs[first]);
    if (!call.frames[0].function || !call.frames[0].file) {
        return false;
    }
    *ret_site = (struct coil_site){
        .file = call.frames[0].file, .func = call.frames[0].function, .line = call.frames[0].line};
    return true;
}

/* A part of a function that the compiler has split off, in the rest of it. */
static bool is_rest(const struct call *call, size_t i)
{
    const char *name = call->frames[i].function;
    const char *inner = i > 0 ? call->frames[i - 1].function : NULL;

    return name && inner && strcmp(name, inner) == 0;
}

/* The first frame of the first call is the place itself: told only where it is no site. */
static size_t tell_call(struct coil__text *text, const struct call *call, bool is_first)
{
    bool is_site = is_first && call->frames[0].function && call->frames[0].file;
    size_t lines = 0;

    for (size_t i = is_site; i < call->count; i++) {
        if (!is_rest(call, i)) {
            coil__text_add(text, is_first && i == 0 ? "\n  at " : "\n  called by ");
            coil__frame_text(text, &call->frames[i]);
            lines++;
        }
    }
    return lines;
}

void coil__trace_tell(struct coil__text *text, const struct coil__trace *trace)
{
    struct call call;
    size_t lines = 0;
    size_t first;

    if (!coil__trace_has_room()) {
        return;
    }
    first = skip(trace);
    for (size_t i = first; i < trace->count && lines < COIL__TRACE_TOLD; i++) {
        look_up(&call, trace->pcs[i]);
        if (i > first && (is_in_library(&call) || calls_back(&call))) {
            break; /* the rest is the way from main() into the loop */
        }
        lines += tell_call(text, &call, i == first);
        if (strcmp(name_of(&call), "main") == 0) {
            break;
        }
    }
    if (trace->task_name[0] != '\0') {
        coil__text_add(text, "\n  in task %s", trace->task_name);
    }
}
