/* stall.c - what is said about a step that takes long.
 *
 * This runs in the watchdog's thread while the loop's may be stuck anywhere: in the allocator, in
 * stdio, in the dynamic linker. So names of symbols are asked of the linker only if the thread is
 * not in there; without them it is objects and offsets.
 */
#include "task/stall.h"

#include "sys/symbols.h"
#include "task/frames.h"
#include "task/inspect.h"

#include <string.h>

#define SHARP (25 * COIL_MSEC)

enum { FRAMES_TOLD = 24 };

static void add_span(struct coil__text *text, int64_t span_ns)
{
    if (span_ns < 10 * COIL_SEC) {
        coil__text_add(text, "%lld ms", (long long)(span_ns / COIL_MSEC));
    } else {
        coil__text_add(text, "%lld s", (long long)(span_ns / COIL_SEC));
    }
}

static void add_who(struct coil__text *text, const struct coil_stall *stall)
{
    char usual[COIL__TASK_NAME];

    if (!stall->task_name) {
        coil__text_add(text, "a callback");
        return;
    }
    coil__task_usual_name(usual, stall->task_id);
    coil__text_add(text, "task %s", stall->task_name);
    if (strcmp(usual, stall->task_name) != 0) {
        coil__text_add(text, " (%llu)", (unsigned long long)stall->task_id);
    }
}

/* "96 ms", or "96 to 208 ms" where it is not known better. */
static void add_total(struct coil__text *text, const struct coil__stall *stall)
{
    if (stall->public.span_ns - stall->least_ns > SHARP) {
        add_span(text, stall->least_ns);
        coil__text_add(text, " to ");
    }
    add_span(text, stall->public.span_ns);
}

static void add_sentence(struct coil__text *text, const struct coil__stall *whole)
{
    const struct coil_stall *stall = &whole->public;

    coil__text_add(text, "coil: stall: ");
    add_who(text, stall);
    if (stall->has_ended) {
        coil__text_add(text, " has held up the loop for ");
        add_total(text, whole);
        coil__text_add(text, ", until now");
    } else {
        coil__text_add(text, " %s the loop, for ",
                       stall->number > 1 ? "still holds up" : "holds up");
        add_span(text, stall->span_ns);
        coil__text_add(text, " so far%s", stall->is_in_syscall ? ", in a system call" : "");
    }
    if (stall->site) {
        coil__text_add(text, "; created at %s:%d in %s", coil__text_base_name(stall->site->file),
                       stall->site->line, stall->site->func);
    }
}

/* The linker's lock may be the very thing that the thread has. */
static bool is_in_linker(const struct coil_stall *stall)
{
    for (size_t i = 0; i < stall->frame_count; i++) {
        uintptr_t base;
        const char *object = coil__symbols_find_object((uintptr_t)stall->frames[i] - 1, &base);

        if (object && strncmp(coil__text_base_name(object), "ld-", 3) == 0) {
            return true;
        }
    }
    return false;
}

/* Below a callback stands the loop, which is of no interest. */
static bool is_of_loop(const struct coil_stall *stall, const struct coil_frame *frame)
{
    return !stall->task_name && frame->function &&
           (strcmp(frame->function, "coil__handle_run") == 0 ||
            strcmp(frame->function, "coil__loop_iterate") == 0);
}

static void add_frames(struct coil__text *text, const struct coil_stall *stall)
{
    bool is_quiet = is_in_linker(stall);

    for (size_t i = 0; i < stall->frame_count && i < FRAMES_TOLD; i++) {
        struct coil_frame lines[COIL__MAX_INLINED];
        size_t count = is_quiet
                           ? coil__symbols_find_quietly(stall->frames[i], lines, COIL__MAX_INLINED)
                           : coil__symbols_find(stall->frames[i], lines, COIL__MAX_INLINED);

        if (is_of_loop(stall, &lines[count - 1])) {
            return;
        }
        for (size_t j = 0; j < count; j++) {
            coil__text_add(text, "\n    at ");
            coil__frame_text(text, &lines[j]);
        }
    }
    if (stall->frame_count > FRAMES_TOLD) {
        coil__text_add(text, "\n    and %zu more", stall->frame_count - FRAMES_TOLD);
    }
}

size_t coil__stall_put_sentence(struct coil__stall *stall)
{
    struct coil__text text = {.start = stall->text, .size = sizeof stall->text};

    add_sentence(&text, stall);
    stall->public.text = stall->text;
    return text.length;
}

size_t coil__stall_put_frames(struct coil__stall *stall)
{
    struct coil__text text = {
        .start = stall->text, .size = sizeof stall->text, .length = strlen(stall->text)};

    add_frames(&text, &stall->public);
    return text.length;
}

void coil__stall_prepare(void)
{
    struct coil_frame frame;

    coil__symbols_find_quietly((const char *)(uintptr_t)coil__stall_prepare + 1, &frame, 1);
}
