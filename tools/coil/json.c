/* json.c - the tasks for programs. One object on one line:
 *
 *     {"pid":1,"program":"shop","loops":[{"backend":"epoll","changing":0,"tasks":[...],
 *      "cycle":[ids]}]}
 *
 * What is not known is null; times are in seconds. It is handed on task by task: there may be very
 * many.
 */
#include "show.h"

#include "base/memory.h"
#include "debug/json.h"
#include "task/frames.h"

#include <errno.h>

static void add_null(struct coil__json *json, const char *key)
{
    coil__json_text(json, key, NULL);
}

static void begin(struct coil__json *json, const char *key, char bracket)
{
    coil__json_key(json, key);
    coil__json_append(json, &bracket, 1);
}

static void end(struct coil__json *json, char bracket)
{
    coil__json_append(json, &bracket, 1);
}

static void add_seconds(struct coil__json *json, const char *key, int64_t span_ns)
{
    coil__json_key(json, key);
    coil__json_add(json, "%lld.%09lld", (long long)(span_ns / COIL_SEC),
                   (long long)(span_ns % COIL_SEC));
}

static void add_site(struct coil__json *json, const char *key, const struct coil_site *site)
{
    if (!site) {
        add_null(json, key);
        return;
    }
    begin(json, key, '{');
    coil__json_text(json, "function", site->func);
    coil__json_text(json, "file", site->file);
    coil__json_number(json, "line", site->line);
    end(json, '}');
}

static void add_wait(struct coil__json *json, const struct coil_task_info *info)
{
    coil__json_text(json, "waits_for", info->what);
    if (info->waited_ns >= 0) {
        add_seconds(json, "waited", info->waited_ns);
    } else {
        add_null(json, "waited");
    }
    if (info->until != COIL_NEVER) {
        int64_t left = info->until - coil_now();

        add_seconds(json, "left", left > 0 ? left : 0);
    } else {
        add_null(json, "left");
    }
    if (info->fd >= 0) {
        coil__json_number(json, "descriptor", info->fd);
    } else {
        add_null(json, "descriptor");
    }
    if (info->holder) {
        coil__json_number(json, "lock_holder", (int64_t)info->holder->id);
    } else {
        add_null(json, "lock_holder");
    }
    coil__json_bool(json, "lock_is_lost", info->has_lost_lock);
}

static void add_cancel(struct coil__json *json, const struct coil_task_info *info)
{
    if (info->cancel_error == 0) {
        add_null(json, "cancel");
        return;
    }
    begin(json, "cancel", '{');
    coil__json_text(json, "error", coil_errname(info->cancel_error));
    coil__json_bool(json, "is_shielded", info->is_cancel_shielded);
    coil__json_text(json, "reason", info->cancel_reason);
    add_site(json, "at", info->cancel_site);
    end(json, '}');
}

static void add_ids(struct coil__json *json, const char *key,
                    const struct coil_task_info *const *infos, size_t count)
{
    begin(json, key, '[');
    for (size_t i = 0; i < count; i++) {
        coil__json_next(json);
        coil__json_add(json, "%llu", (unsigned long long)infos[i]->id);
    }
    end(json, ']');
}

static void add_frame(struct coil__json *json, const struct coil_frame *frame)
{
    coil__json_next(json);
    coil__json_add(json, "{");
    coil__json_text(json, "function", frame->function);
    coil__json_text(json, "file", frame->file);
    if (frame->line > 0) {
        coil__json_number(json, "line", frame->line);
    } else {
        add_null(json, "line");
    }
    coil__json_text(json, "object", frame->object);
    coil__json_number(json, "offset", (int64_t)frame->offset);
    end(json, '}');
}

/* All frames, those inside of the library too. */
static void add_stack(struct coil__json *json, struct coil__line_cache *cache,
                      const struct coil_task_info *info)
{
    begin(json, "stack", '[');
    for (size_t i = 0; i < info->frame_count; i++) {
        const struct coil__lines *lines = coil__lines_get(cache, info->frames[i]);

        for (size_t k = 0; k < lines->count; k++) {
            add_frame(json, &lines->frames[k]);
        }
    }
    end(json, ']');
    coil__json_text(json, "function",
                    coil__lines_get(cache, (const char *)info->fn + 1)->frames[0].function);
}

static void add_task(struct coil__json *json, struct coil__line_cache *cache,
                     const struct coil_task_info *info)
{
    static const char *const states[] = {"new", "ready", "running", "waiting"};

    coil__json_add(json, "{");
    coil__json_number(json, "id", (int64_t)info->id);
    coil__json_text(json, "name", info->name);
    coil__json_text(json, "state", states[info->state]);
    add_wait(json, info);
    add_ids(json, "awaited_by", info->awaiters, info->awaiter_count);
    add_ids(json, "awaits", info->awaited, info->awaited_count);
    add_site(json, "created", info->site);
    add_cancel(json, info);
    add_stack(json, cache, info);
    end(json, '}');
}

/* Hands on what there is. */
static void flush(struct coil__json *json, FILE *out)
{
    if (json->length > 0) {
        fwrite(json->text, 1, json->length, out);
        json->length = 0;
    }
}

static void print_loop(FILE *out, struct coil__json *json, struct coil__line_cache *cache,
                       const struct snapshot_loop *loop)
{
    const struct coil_task_graph *graph = &loop->graph->public;

    coil__json_add(json, "{");
    coil__json_text(json, "backend", loop->backend);
    coil__json_number(json, "changing", (int64_t)loop->changing);
    begin(json, "tasks", '[');
    for (size_t i = 0; i < graph->count; i++) {
        coil__json_next(json);
        flush(json, out);
        add_task(json, cache, &graph->tasks[i]);
    }
    end(json, ']');
    add_ids(json, "cycle", graph->cycle, graph->cycle_count);
    end(json, '}');
}

int show_json(FILE *out, const struct view *view)
{
    struct coil__json json = {.text = NULL};
    struct coil__line_cache *cache;
    int rc = coil__line_cache_new(&cache);

    if (rc < 0) {
        return rc;
    }
    coil__json_add(&json, "{");
    coil__json_number(&json, "pid", view->target->pid);
    coil__json_text(&json, "program", view->target->name);
    begin(&json, "loops", '[');
    for (size_t i = 0; i < view_count(view); i++) {
        coil__json_next(&json);
        print_loop(out, &json, cache, view_get(view, i));
    }
    coil__json_add(&json, "]}\n");
    rc = json.has_failed ? -ENOMEM : 0;
    if (rc == 0) {
        flush(&json, out);
    }
    coil__json_deinit(&json);
    coil__free(cache);
    return rc;
}
