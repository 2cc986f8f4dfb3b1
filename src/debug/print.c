/* print.c - the tasks of a loop as a tree: below each those that it awaits.
 *
 * A task that several await is printed in full where it is met first; after that there is a line
 * that refers to it. So is one that is met inside of itself: tasks that await each other. Who is
 * awaited by nobody stands at the margin; then come those of cycles, which have no beginning. The
 * way down is an array, not a recursion, and indents no further than MAX_INDENT: a chain may be as
 * long as there are tasks.
 */
#include "debug/print.h"

#include "base/memory.h"
#include "task/frames.h"
#include "task/inspect.h"

#include <errno.h>

enum { MAX_INDENT = 32, SENTENCE_SIZE = 1024 };

struct level {
    const struct coil_task_info *info;
    size_t next; /* of its awaited: the one to be printed next */
};

struct printer {
    FILE *out;
    const struct coil_task_graph *graph;
    struct coil__line_cache *cache;
    struct level *path;
    size_t depth;
    bool *was_printed; /* by index */
    bool *is_on_path;
};

static size_t index_of(const struct printer *printer, const struct coil_task_info *info)
{
    return (size_t)(info - printer->graph->tasks);
}

static void indent(const struct printer *printer, size_t more)
{
    size_t depth = printer->depth < MAX_INDENT ? printer->depth : MAX_INDENT;

    fprintf(printer->out, "%*s", (int)(2 * depth + more), "");
}

static void print_frame(const struct printer *printer, const void *frame)
{
    const struct coil__lines *lines = coil__lines_get(printer->cache, frame);
    const char *call = coil__lines_call(lines);

    for (size_t i = 0; i < lines->count && !call; i++) {
        char buf[SENTENCE_SIZE];

        coil__frame_text(&(struct coil__text){.start = buf, .size = sizeof buf}, &lines->frames[i]);
        indent(printer, 4);
        fprintf(printer->out, "at %s\n", buf);
    }
    if (call) {
        indent(printer, 4);
        fprintf(printer->out, "at %s\n", call);
    }
}

static void print_task(const struct printer *printer, const struct coil_task_info *info)
{
    char buf[SENTENCE_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};

    coil__task_sentence(&text, info);
    indent(printer, 0);
    fprintf(printer->out, "- %s\n", buf);
    for (size_t i = coil__frames_skip(printer->cache, info); i < info->frame_count; i++) {
        print_frame(printer, info->frames[i]);
    }
    if (coil__frames_lack_fn(printer->cache, info)) {
        print_frame(printer, (const char *)info->fn + 1);
    }
}

static void print_reference(const struct printer *printer, const struct coil_task_info *info)
{
    bool is_cycle = printer->is_on_path[index_of(printer, info)];
    char buf[SENTENCE_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};

    coil__task_label(&text, info);
    indent(printer, 0);
    fprintf(printer->out, "- %s: see above%s\n", buf, is_cycle ? ", a cycle" : "");
}

/* Goes down to a task that was not printed yet. */
static void enter(struct printer *printer, const struct coil_task_info *info)
{
    size_t index = index_of(printer, info);

    print_task(printer, info);
    printer->was_printed[index] = true;
    printer->is_on_path[index] = true;
    printer->path[printer->depth++] = (struct level){.info = info};
}

static void print_tree(struct printer *printer, const struct coil_task_info *root)
{
    enter(printer, root);
    while (printer->depth > 0) {
        struct level *level = &printer->path[printer->depth - 1];
        const struct coil_task_info *next;

        if (level->next == level->info->awaited_count) {
            printer->is_on_path[index_of(printer, level->info)] = false;
            printer->depth--;
            continue;
        }
        next = level->info->awaited[level->next++];
        if (printer->was_printed[index_of(printer, next)]) {
            print_reference(printer, next);
        } else {
            enter(printer, next);
        }
    }
}

static void print_all(struct printer *printer)
{
    const struct coil_task_graph *graph = printer->graph;

    fprintf(printer->out, "%zu task%s\n", graph->count, graph->count == 1 ? "" : "s");
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < graph->count; i++) {
            if (!printer->was_printed[i] && (graph->tasks[i].awaiter_count == 0 || pass > 0)) {
                print_tree(printer, &graph->tasks[i]);
            }
        }
    }
}

static void print_cycle(const struct printer *printer)
{
    char buf[SENTENCE_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};

    if (printer->graph->cycle_count > 0) {
        coil__cycle_sentence(&text, printer->graph);
        fprintf(printer->out, "a cycle: %s\n", buf);
    }
}

int coil__graph_print(FILE *out, const struct coil_task_graph *graph)
{
    struct printer printer = {.out = out, .graph = graph};
    int rc = coil__line_cache_new(&printer.cache);

    printer.path = coil__calloc(graph->count + 1, sizeof *printer.path);
    printer.was_printed = coil__calloc(graph->count + 1, sizeof *printer.was_printed);
    printer.is_on_path = coil__calloc(graph->count + 1, sizeof *printer.is_on_path);
    if (rc == 0 && printer.path && printer.was_printed && printer.is_on_path) {
        print_all(&printer);
        print_cycle(&printer);
        rc = fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
    } else {
        rc = -ENOMEM;
    }
    coil__free(printer.cache);
    coil__free(printer.path);
    coil__free(printer.was_printed);
    coil__free(printer.is_on_path);
    return rc;
}

int coil_print_tasks(FILE *out)
{
    struct coil_task_graph *graph;
    int rc = coil_capture_tasks(out ? &graph : NULL);

    if (rc < 0) {
        return rc;
    }
    coil__thread.loop->is_reporting = true;
    rc = coil__graph_print(out, graph);
    coil__thread.loop->is_reporting = false;
    coil_task_graph_free(graph);
    return rc;
}
