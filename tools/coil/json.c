/* json.c - the tasks for programs. One object on one line:
 *
 *     {"pid": 1, "program": "shop", "loops": [{"backend": "epoll", "changing": 0, "tasks": [...],
 *      "cycle": [ids]}]}
 *
 * What is not known is null; times are in seconds. Texts are UTF-8 already (strings_clean).
 */
#include "show.h"

#include "base/memory.h"
#include "task/frames.h"

#include <errno.h>

static void print_text(FILE *out, const char *text)
{
    if (!text) {
        fputs("null", out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', out);
        }
        fputc((unsigned char)*text < 0x20 ? '?' : *text, out);
    }
    fputc('"', out);
}

static void print_seconds(FILE *out, int64_t span_ns)
{
    fprintf(out, "%lld.%09lld", (long long)(span_ns / COIL_SEC), (long long)(span_ns % COIL_SEC));
}

static void print_site(FILE *out, const struct coil_site *site)
{
    if (!site) {
        fputs("null", out);
        return;
    }
    fputs("{\"function\": ", out);
    print_text(out, site->func);
    fputs(", \"file\": ", out);
    print_text(out, site->file);
    fprintf(out, ", \"line\": %d}", site->line);
}

static void print_wait(FILE *out, const struct coil_task_info *info)
{
    fputs(", \"waits_for\": ", out);
    print_text(out, info->what);
    fputs(", \"waited\": ", out);
    if (info->waited_ns >= 0) {
        print_seconds(out, info->waited_ns);
    } else {
        fputs("null", out);
    }
    fputs(", \"left\": ", out);
    if (info->until != COIL_NEVER) {
        int64_t left = info->until - coil_now();

        print_seconds(out, left > 0 ? left : 0);
    } else {
        fputs("null", out);
    }
    fputs(", \"descriptor\": ", out);
    if (info->fd >= 0) {
        fprintf(out, "%d", info->fd);
    } else {
        fputs("null", out);
    }
    fputs(", \"lock_holder\": ", out);
    if (info->holder) {
        fprintf(out, "%llu", (unsigned long long)info->holder->id);
    } else {
        fputs("null", out);
    }
    fprintf(out, ", \"lock_is_lost\": %s", info->has_lost_lock ? "true" : "false");
}

static void print_cancel(FILE *out, const struct coil_task_info *info)
{
    if (info->cancel_error == 0) {
        fputs(", \"cancel\": null", out);
        return;
    }
    fputs(", \"cancel\": {\"error\": ", out);
    print_text(out, coil_errname(info->cancel_error));
    fprintf(out,
            ", \"is_shielded\": %s, \"reason\": ", info->is_cancel_shielded ? "true" : "false");
    print_text(out, info->cancel_reason);
    fputs(", \"at\": ", out);
    print_site(out, info->cancel_site);
    fputc('}', out);
}

static void print_ids(FILE *out, const char *key, const struct coil_task_info *const *infos,
                      size_t count)
{
    fprintf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s%llu", i > 0 ? ", " : "", (unsigned long long)infos[i]->id);
    }
    fputc(']', out);
}

static void print_frame(FILE *out, const struct coil_frame *frame)
{
    fputs("{\"function\": ", out);
    print_text(out, frame->function);
    fputs(", \"file\": ", out);
    print_text(out, frame->file);
    fputs(", \"line\": ", out);
    if (frame->line > 0) {
        fprintf(out, "%d", frame->line);
    } else {
        fputs("null", out);
    }
    fputs(", \"object\": ", out);
    print_text(out, frame->object);
    fprintf(out, ", \"offset\": %zu}", frame->offset);
}

/* All frames, those inside of the library too. */
static void print_stack(FILE *out, struct coil__line_cache *cache,
                        const struct coil_task_info *info)
{
    bool is_first = true;

    fputs(", \"stack\": [", out);
    for (size_t i = 0; i < info->frame_count; i++) {
        const struct coil__lines *lines = coil__lines_get(cache, info->frames[i]);

        for (size_t k = 0; k < lines->count; k++) {
            fputs(is_first ? "" : ", ", out);
            print_frame(out, &lines->frames[k]);
            is_first = false;
        }
    }
    fputs("], \"function\": ", out);
    print_text(out, coil__lines_get(cache, (const char *)info->fn + 1)->frames[0].function);
}

static void print_task(FILE *out, struct coil__line_cache *cache, const struct coil_task_info *info)
{
    static const char *const states[] = {"new", "ready", "running", "waiting"};

    fprintf(out, "{\"id\": %llu, \"name\": ", (unsigned long long)info->id);
    print_text(out, info->name);
    fprintf(out, ", \"state\": \"%s\"", states[info->state]);
    print_wait(out, info);
    print_ids(out, "awaited_by", info->awaiters, info->awaiter_count);
    print_ids(out, "awaits", info->awaited, info->awaited_count);
    fputs(", \"created\": ", out);
    print_site(out, info->site);
    print_cancel(out, info);
    print_stack(out, cache, info);
    fputc('}', out);
}

static void print_loop(FILE *out, struct coil__line_cache *cache, const struct snapshot_loop *loop)
{
    const struct coil_task_graph *graph = &loop->graph->public;

    fputs("{\"backend\": ", out);
    print_text(out, loop->backend);
    fprintf(out, ", \"changing\": %zu, \"tasks\": [", loop->changing);
    for (size_t i = 0; i < graph->count; i++) {
        fputs(i > 0 ? ", " : "", out);
        print_task(out, cache, &graph->tasks[i]);
    }
    fputc(']', out);
    print_ids(out, "cycle", graph->cycle, graph->cycle_count);
    fputc('}', out);
}

int show_json(FILE *out, const struct view *view)
{
    struct coil__line_cache *cache;
    int rc = coil__line_cache_new(&cache);

    if (rc < 0) {
        return rc;
    }
    fprintf(out, "{\"pid\": %d, \"program\": ", view->target->pid);
    print_text(out, view->target->name);
    fputs(", \"loops\": [", out);
    for (size_t i = 0; i < view_count(view); i++) {
        fputs(i > 0 ? ", " : "", out);
        print_loop(out, cache, view_get(view, i));
    }
    fputs("]}\n", out);
    coil__free(cache);
    return 0;
}
