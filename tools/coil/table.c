/* table.c - one line for each task. All cells are put together first, for the widths. */
#include "show.h"

#include "base/memory.h"
#include "task/frames.h"

#include <errno.h>
#include <string.h>

enum { COLUMNS = 8, CELL = 512, WIDEST = 60 };

static const char *const titles[COLUMNS] = {"ID",        "NAME",       "STATE", "FOR",
                                            "WAITS FOR", "AWAITED BY", "AT",    "CREATED AT"};

struct table {
    char *text; /* the cells, each with a NUL, one after the other */
    size_t size;
    size_t max;
    size_t widths[COLUMNS];
    struct coil__line_cache *cache;
};

static int add_cell(struct table *table, size_t column, const char *text)
{
    size_t size = strlen(text) + 1;

    if (table->size + size > table->max) {
        size_t max = 2 * table->max + CELL;
        char *grown = coil__realloc_array(table->text, max, 1);

        if (!grown) {
            return -ENOMEM;
        }
        table->text = grown;
        table->max = max;
    }
    memcpy(table->text + table->size, text, size);
    table->size += size;
    if (size - 1 > table->widths[column] && size - 1 <= WIDEST) {
        table->widths[column] = size - 1;
    }
    return 0;
}

static void add_site(struct coil__text *text, const struct coil_site *site)
{
    if (site) {
        coil__text_add(text, "%s, %s:%d", site->func, coil__text_base_name(site->file), site->line);
    }
}

static void add_wait(struct coil__text *text, const struct coil_task_info *info)
{
    if (info->state == COIL_TASK_WAITING) {
        coil__wait_text(text, info);
    }
    if (info->cancel_error != 0) {
        coil__text_add(text, "%s", text->length > 0 ? "; " : "");
        coil__cancel_text(text, info);
    }
}

static void add_awaiters(struct coil__text *text, const struct coil_task_info *info)
{
    for (size_t i = 0; i < info->awaiter_count && i < 3; i++) {
        coil__text_add(text, "%s", i > 0 ? ", " : "");
        coil__task_label(text, info->awaiters[i]);
    }
    if (info->awaiter_count > 3) {
        coil__text_add(text, " and %zu more", info->awaiter_count - 3);
    }
}

/* The innermost place that is the program's own. */
static void add_place(struct coil__text *text, struct coil__line_cache *cache,
                      const struct coil_task_info *info)
{
    size_t i = coil__frames_skip(cache, info);
    const void *pc = (const char *)info->fn + 1;

    if (!coil__frames_lack_fn(cache, info)) {
        i += coil__lines_call(coil__lines_get(cache, info->frames[i])) != NULL;
        pc = info->frames[i];
    }
    coil__frame_text(text, &coil__lines_get(cache, pc)->frames[0]);
}

static void fill_cell(const struct table *table, const struct coil_task_info *info, size_t column,
                      struct coil__text *text)
{
    static const char *const states[] = {"new", "ready", "running", "waiting"};

    switch (column) {
    case 0:
        coil__text_add(text, "%llu", (unsigned long long)info->id);
        break;
    case 1:
        coil__text_add(text, "%s", info->name);
        break;
    case 2:
        coil__text_add(text, "%s", states[info->state]);
        break;
    case 3:
        if (info->waited_ns >= 0) {
            coil__span_text(text, info->waited_ns);
        }
        break;
    case 4:
        add_wait(text, info);
        break;
    case 5:
        add_awaiters(text, info);
        break;
    case 6:
        add_place(text, table->cache, info);
        break;
    default:
        add_site(text, info->site);
        break;
    }
}

static int add_row(struct table *table, const struct coil_task_info *info)
{
    int rc = 0;

    for (size_t column = 0; column < COLUMNS && rc == 0; column++) {
        char buf[CELL] = "";
        struct coil__text text = {.start = buf, .size = sizeof buf};

        fill_cell(table, info, column, &text);
        rc = add_cell(table, column, text.length > 0 ? buf : "-");
    }
    return rc;
}

static void print_rows(FILE *out, const struct table *table)
{
    const char *cell = table->text;
    const char *end = table->text + table->size;

    for (size_t column = 0; cell < end; column = (column + 1) % COLUMNS) {
        if (column == COLUMNS - 1) {
            fprintf(out, "%s\n", cell);
        } else {
            fprintf(out, "%-*s  ", (int)table->widths[column], cell);
        }
        cell += strlen(cell) + 1;
    }
}

static int show_loop(FILE *out, const struct coil_task_graph *graph)
{
    struct table table = {0};
    int rc = coil__line_cache_new(&table.cache);

    for (size_t column = 0; column < COLUMNS && rc == 0; column++) {
        rc = add_cell(&table, column, titles[column]);
    }
    for (size_t i = 0; i < graph->count && rc == 0; i++) {
        rc = add_row(&table, &graph->tasks[i]);
    }
    if (rc == 0) {
        print_rows(out, &table);
    }
    coil__free(table.cache);
    coil__free(table.text);
    return rc;
}

static void show_cycle(FILE *out, const struct coil_task_graph *graph)
{
    char buf[4 * CELL] = "";
    struct coil__text text = {.start = buf, .size = sizeof buf};

    if (graph->cycle_count > 0) {
        coil__cycle_sentence(&text, graph);
        fprintf(out, "a cycle: %s\n", buf);
    }
}

int show_table(FILE *out, const struct view *view)
{
    int rc = 0;

    for (size_t i = 0; i < view_count(view) && rc == 0; i++) {
        const struct coil_task_graph *graph = &view_get(view, i)->graph->public;

        fprintf(out, "%s", i > 0 ? "\n" : "");
        show_title(out, view, i);
        fprintf(out, ": %zu task%s\n", graph->count, graph->count == 1 ? "" : "s");
        rc = graph->count > 0 ? show_loop(out, graph) : 0;
        show_cycle(out, graph);
    }
    return rc;
}
