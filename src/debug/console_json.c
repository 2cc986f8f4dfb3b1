/* console_json.c - what the console knows, as JSON for the page.
 *
 * Ten thousand tasks mostly stand in a handful of places, so each stack is written once and tasks
 * refer to it by number. Its frames are those that coil_print_tasks prints, as text. All texts come
 * from the program and may be anything: they are escaped here, and the page never takes them for
 * HTML.
 */
#include "debug/console.h"

#include "base/memory.h"
#include "sys/clock.h"
#include "sys/environment.h"
#include "sys/fork.h"
#include "task/frames.h"
#include "task/inspect.h"

#include <stdio.h>
#include <string.h>

enum { PLACE_SIZE = 1024 };

#define MOST_OF_STACKS ((size_t)16 << 20) /* bytes of JSON; tasks beyond that have none */

struct writer {
    struct coil__json *json;
    const struct coil_task_graph *graph;
    int64_t loop_now;
    struct coil__line_cache *cache;
    struct coil__json stacks; /* the array, while it grows */
    size_t stack_count;
    /* By the hash of their frames: the first task with such a stack. */
    struct slot {
        const struct coil_task_info *info; /* NULL: empty */
        size_t stack;
    } * slots;
    size_t slot_count; /* a power of two, above the number of tasks */
};

/* --- stacks --- */

static void add_frame(struct writer *writer, const void *frame)
{
    const struct coil__lines *lines = coil__lines_get(writer->cache, frame);
    const char *call = coil__lines_call(lines);
    char buf[PLACE_SIZE];

    if (call) {
        coil__json_next(&writer->stacks);
        coil__json_string(&writer->stacks, call);
        return;
    }
    for (size_t i = 0; i < lines->count; i++) {
        struct coil__text text = {.start = buf, .size = sizeof buf};

        coil__frame_text(&text, &lines->frames[i]);
        coil__json_next(&writer->stacks);
        coil__json_string(&writer->stacks, buf);
    }
}

static void add_stack(struct writer *writer, const struct coil_task_info *info)
{
    coil__json_next(&writer->stacks);
    coil__json_add(&writer->stacks, "[");
    for (size_t i = coil__frames_skip(writer->cache, info); i < info->frame_count; i++) {
        add_frame(writer, info->frames[i]);
    }
    if (coil__frames_lack_fn(writer->cache, info)) {
        add_frame(writer, (const char *)info->fn + 1);
    }
    coil__json_add(&writer->stacks, "]");
}

static uint64_t hash_of(const struct coil_task_info *info)
{
    uint64_t hash = (uintptr_t)info->fn;

    for (size_t i = 0; i < info->frame_count; i++) {
        hash = (hash ^ (uintptr_t)info->frames[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    return hash;
}

static bool is_same_stack(const struct coil_task_info *a, const struct coil_task_info *b)
{
    return a->fn == b->fn && a->frame_count == b->frame_count &&
           (a->frame_count == 0 ||
            memcmp(a->frames, b->frames, a->frame_count * sizeof *a->frames) == 0);
}

/* The number of the task's stack, which is written if it is new; -1: there is no more room. */
static int64_t stack_of(struct writer *writer, const struct coil_task_info *info)
{
    size_t place = (size_t)hash_of(info) & (writer->slot_count - 1);
    struct slot *slot;

    while ((slot = &writer->slots[place])->info && !is_same_stack(slot->info, info)) {
        place = (place + 1) & (writer->slot_count - 1);
    }
    if (!slot->info) {
        if (writer->stacks.length > MOST_OF_STACKS) {
            return -1;
        }
        add_stack(writer, info);
        *slot = (struct slot){.info = info, .stack = writer->stack_count++};
    }
    return (int64_t)slot->stack;
}

/* --- tasks --- */

void coil__json_site(struct coil__json *json, const char *key, const struct coil_site *site)
{
    char buf[PLACE_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};

    if (site) {
        coil__text_add(&text, "%s, %s:%d", site->func, coil__text_base_name(site->file),
                       site->line);
        coil__json_text(json, key, buf);
    }
}

static void add_wait(struct writer *writer, const struct coil_task_info *info)
{
    struct coil__json *json = writer->json;
    size_t all = coil__graph_all(writer->graph);

    coil__json_text(json, "wait", info->what);
    if (info->fd >= 0) {
        coil__json_number(json, "fd", info->fd);
    }
    if (info->until != COIL_NEVER) {
        int64_t left = info->until - writer->loop_now;

        coil__json_number(json, "left_ns", left > 0 ? left : 0);
    }
    if (info->waited_ns >= 0) {
        coil__json_number(json, "waited_ns", info->waited_ns);
    }
    if (info->holder) {
        coil__json_number(json, "holder", (int64_t)info->holder->id);
    } else if (info->waits_for_lock) {
        coil__json_text(json, "held_by",
                        info->has_lost_lock          ? "a task that has ended without releasing it"
                        : all > writer->graph->count ? "a task that is not among these"
                                                     : "a callback");
    }
}

static void add_cancel(struct coil__json *json, const struct coil_task_info *info)
{
    if (info->cancel_error != 0) {
        coil__json_key(json, "cancel");
        coil__json_add(json, "{");
        coil__json_text(json, "error", coil_errname(info->cancel_error));
        coil__json_bool(json, "shielded", info->is_cancel_shielded);
        if (info->cancel_reason) {
            coil__json_text(json, "reason", info->cancel_reason);
        }
        coil__json_site(json, "site", info->cancel_site);
        coil__json_add(json, "}");
    }
}

static void add_awaited(struct writer *writer, const struct coil_task_info *info)
{
    if (info->awaited_count == 0) {
        return;
    }
    coil__json_key(writer->json, "awaits");
    coil__json_add(writer->json, "[");
    for (size_t i = 0; i < info->awaited_count; i++) {
        coil__json_next(writer->json);
        coil__json_add(writer->json, "%llu", (unsigned long long)info->awaited[i]->id);
    }
    coil__json_add(writer->json, "]");
}

static void add_task(struct writer *writer, const struct coil_task_info *info)
{
    static const char *const states[] = {"new", "ready", "running", "waiting"};
    struct coil__json *json = writer->json;

    coil__json_next(json);
    coil__json_add(json, "{");
    coil__json_number(json, "id", (int64_t)info->id);
    coil__json_text(json, "name", info->name);
    coil__json_text(json, "state", states[info->state]);
    if (info->state == COIL_TASK_WAITING) {
        add_wait(writer, info);
    }
    add_cancel(json, info);
    coil__json_site(json, "site", info->site);
    add_awaited(writer, info);
    coil__json_number(json, "stack", stack_of(writer, info));
    coil__json_add(json, "}");
}

static void add_list(struct writer *writer)
{
    struct coil__json *json = writer->json;

    coil__json_add(json, "{");
    coil__json_number(json, "count", (int64_t)coil__graph_all(writer->graph));
    coil__json_key(json, "list");
    coil__json_add(json, "[");
    for (size_t i = 0; i < writer->graph->count; i++) {
        add_task(writer, &writer->graph->tasks[i]);
    }
    coil__json_add(json, "]");
    coil__json_key(json, "cycle");
    coil__json_add(json, "[");
    for (size_t i = 0; i < writer->graph->cycle_count; i++) {
        coil__json_next(json);
        coil__json_add(json, "%llu", (unsigned long long)writer->graph->cycle[i]->id);
    }
    coil__json_add(json, "]");
    coil__json_key(json, "stacks");
    coil__json_add(json, "[");
    coil__json_append(json, writer->stacks.text, writer->stacks.length);
    coil__json_add(json, "]}");
    json->has_failed |= writer->stacks.has_failed;
}

void coil__console_tasks(struct coil__json *json, const struct coil_task_graph *graph,
                         int64_t loop_now)
{
    struct writer writer = {.json = json, .graph = graph, .loop_now = loop_now, .slot_count = 2};
    int rc = coil__line_cache_new(&writer.cache);

    while (writer.slot_count <= graph->count) {
        writer.slot_count *= 2;
    }
    writer.slots = coil__calloc(writer.slot_count, sizeof *writer.slots);
    if (rc == 0 && writer.slots) {
        add_list(&writer);
    } else {
        json->has_failed = true;
    }
    coil__json_deinit(&writer.stacks);
    coil__free(writer.slots);
    coil__free(writer.cache);
}

/* --- all else --- */

static void add_loop(struct coil__json *json, const struct coil__console *console,
                     const struct coil__view *view, int64_t silent_ns)
{
    coil__json_key(json, "loop");
    coil__json_add(json, "{");
    coil__json_text(json, "backend", coil_loop_backend(console->watched));
    coil__json_bool(json, "debug", console->watched->debug);
    coil__json_number(json, "silent_ns", silent_ns);
    if (view) {
        coil__json_number(json, "age_ns", coil__clock_now() - view->answered_at);
        coil__json_number(json, "capture_ns", view->took_ns);
        coil__json_text(json, "error", view->rc < 0 ? coil_strerror(view->rc) : NULL);
    }
    coil__json_add(json, "}");
}

void coil__console_state(struct coil__json *json, struct coil__console *console,
                         const struct coil__view *view, int64_t silent_ns)
{
    coil__json_add(json, "{");
    coil__json_text(json, "version", coil_version());
    coil__json_text(json, "program", coil__text_base_name(coil__environment_program()));
    coil__json_number(json, "pid", coil__fork_process());
    coil__json_number(json, "serial", view ? (int64_t)view->serial : 0);
    add_loop(json, console, view, silent_ns);
    coil__console_times(json, console);
    coil__console_stalls(json, console);
}
