/* sentence.c - what a captured task is doing, in words. */
#include "task/inspect.h"

#include <string.h>

void coil__task_label(struct coil__text *text, const struct coil_task_info *info)
{
    char usual[COIL__TASK_NAME];

    coil__task_usual_name(usual, info->id);
    if (strcmp(usual, info->name) == 0) {
        coil__text_add(text, "%s", info->name);
    } else {
        coil__text_add(text, "%s (%llu)", info->name, (unsigned long long)info->id);
    }
}

/* In the largest unit that leaves something before the point. */
void coil__span_text(struct coil__text *text, int64_t span_ns)
{
    if (span_ns < COIL_MSEC) {
        coil__text_add(text, "%lld us", (long long)(span_ns / COIL_USEC));
    } else if (span_ns < COIL_SEC) {
        coil__text_add(text, "%lld ms", (long long)(span_ns / COIL_MSEC));
    } else {
        coil__text_add(text, "%lld.%lld s", (long long)(span_ns / COIL_SEC),
                       (long long)(span_ns % COIL_SEC / (100 * COIL_MSEC)));
    }
}

static void add_site(struct coil__text *text, const struct coil_site *site)
{
    coil__text_add(text, " at %s:%d in %s", coil__text_base_name(site->file), site->line,
                   site->func);
}

void coil__wait_text(struct coil__text *text, const struct coil_task_info *info)
{
    coil__text_add(text, "%s", info->what);
    if (info->waits_for_lock) {
        coil__text_add(text, ", held by ");
        if (info->holder) {
            coil__task_label(text, info->holder);
        } else {
            coil__text_add(text, "%s",
                           info->has_lost_lock ? "a task that has ended without releasing it"
                                               : "a callback");
        }
    }
    if (info->fd >= 0) {
        coil__text_add(text, ", descriptor %d", info->fd);
    }
    if (info->until != COIL_NEVER) {
        int64_t left = info->until - coil_now();

        coil__text_add(text, ", ");
        coil__span_text(text, left > 0 ? left : 0);
        coil__text_add(text, " more");
    }
}

void coil__cancel_text(struct coil__text *text, const struct coil_task_info *info)
{
    coil__text_add(text, "%s (%s)",
                   info->is_cancel_shielded ? "to be cancelled after a shield" : "cancelled",
                   coil_errname(info->cancel_error));
    if (info->cancel_site) {
        add_site(text, info->cancel_site);
    }
    if (info->cancel_reason) {
        coil__text_add(text, ": %s", info->cancel_reason);
    }
}

void coil__task_sentence(struct coil__text *text, const struct coil_task_info *info)
{
    static const char *const states[] = {" has not begun", " is ready", " runs"};

    coil__task_label(text, info);
    if (info->state == COIL_TASK_WAITING) {
        coil__text_add(text, " waits: ");
        coil__wait_text(text, info);
        if (info->waited_ns >= 0) {
            coil__text_add(text, ", for ");
            coil__span_text(text, info->waited_ns);
        }
    } else {
        coil__text_add(text, "%s", states[info->state]);
    }
    if (info->cancel_error != 0) {
        coil__text_add(text, "; ");
        coil__cancel_text(text, info);
    }
    if (info->site) {
        coil__text_add(text, "; created");
        add_site(text, info->site);
    }
}

void coil__cycle_sentence(struct coil__text *text, const struct coil_task_graph *graph)
{
    for (size_t i = 0; i < graph->cycle_count; i++) {
        coil__task_label(text, graph->cycle[i]);
        coil__text_add(text, " -> ");
    }
    if (graph->cycle_count > 0) {
        coil__task_label(text, graph->cycle[0]);
    }
}
