/* sentence.c - what a captured task is doing, in words. */
#include "task/inspect.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
    char *start;
    size_t size;
    size_t length; /* what was written, without the NUL */
};

static __attribute__((format(printf, 2, 3))) void add(struct text *text, const char *format, ...)
{
    size_t left = text->size - text->length;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text->start + text->length, left, format, args);
    va_end(args);
    if (length > 0 && left > 0) {
        text->length += (size_t)length < left ? (size_t)length : left - 1;
    }
}

static void add_label(struct text *text, const struct coil_task_info *info)
{
    char usual[sizeof info->name];

    snprintf(usual, sizeof usual, "task-%llu", (unsigned long long)info->id);
    if (strcmp(usual, info->name) == 0) {
        add(text, "%s", info->name);
    } else {
        add(text, "%s (%llu)", info->name, (unsigned long long)info->id);
    }
}

/* In the largest unit that leaves something before the point. */
static void add_span(struct text *text, int64_t span_ns)
{
    if (span_ns < COIL_MSEC) {
        add(text, "%lld us", (long long)(span_ns / COIL_USEC));
    } else if (span_ns < COIL_SEC) {
        add(text, "%lld ms", (long long)(span_ns / COIL_MSEC));
    } else {
        add(text, "%lld.%lld s", (long long)(span_ns / COIL_SEC),
            (long long)(span_ns % COIL_SEC / (100 * COIL_MSEC)));
    }
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void add_site(struct text *text, const struct coil_site *site)
{
    add(text, " at %s:%d in %s", base_name(site->file), site->line, site->func);
}

static void add_wait(struct text *text, const struct coil_task_info *info)
{
    add(text, " waits: %s", info->what);
    if (info->waits_for_lock) {
        add(text, ", held by ");
        if (info->holder) {
            add_label(text, info->holder);
        } else {
            add(text, "%s",
                info->has_lost_lock ? "a task that has ended without releasing it" : "a callback");
        }
    }
    if (info->fd >= 0) {
        add(text, ", descriptor %d", info->fd);
    }
    if (info->until != COIL_NEVER) {
        int64_t left = info->until - coil_now();

        add(text, ", ");
        add_span(text, left > 0 ? left : 0);
        add(text, " more");
    }
    if (info->waited_ns >= 0) {
        add(text, ", for ");
        add_span(text, info->waited_ns);
    }
}

static void add_cancel(struct text *text, const struct coil_task_info *info)
{
    if (info->cancel_error == 0) {
        return;
    }
    add(text, "; %s (%s)",
        info->is_cancel_shielded ? "to be cancelled after a shield" : "cancelled",
        coil_errname(info->cancel_error));
    if (info->cancel_site) {
        add_site(text, info->cancel_site);
    }
    if (info->cancel_reason) {
        add(text, ": %s", info->cancel_reason);
    }
}

size_t coil__task_label(const struct coil_task_info *info, char *text, size_t size)
{
    struct text to = {.start = text, .size = size};

    add_label(&to, info);
    return to.length;
}

size_t coil__task_sentence(const struct coil_task_info *info, char *text, size_t size)
{
    static const char *const states[] = {" has not begun", " is ready", " runs"};
    struct text to = {.start = text, .size = size};

    add_label(&to, info);
    if (info->state == COIL_TASK_WAITING) {
        add_wait(&to, info);
    } else {
        add(&to, "%s", states[info->state]);
    }
    add_cancel(&to, info);
    if (info->site) {
        add(&to, "; created");
        add_site(&to, info->site);
    }
    return to.length;
}

size_t coil__cycle_sentence(const struct coil_task_graph *graph, char *text, size_t size)
{
    struct text to = {.start = text, .size = size};

    for (size_t i = 0; i < graph->cycle_count; i++) {
        add_label(&to, graph->cycle[i]);
        add(&to, " -> ");
    }
    if (graph->cycle_count > 0) {
        add_label(&to, graph->cycle[0]);
    }
    return to.length;
}
