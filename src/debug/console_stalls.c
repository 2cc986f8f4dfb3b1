/* console_stalls.c - the steps that have held up the watched loop, as its watchdog reports them.
 *
 * The watchdog's thread writes them down, the console's reads them; the lock is held for a copy at
 * a time, and never by the watched loop. The words for a stack are the watchdog's own: it takes
 * care not to wait for the dynamic linker, in which the loop may be stuck.
 */
#include "debug/console.h"

#include "sys/clock.h"
#include "task/stall.h"

#include <stdio.h>
#include <string.h>

/* --- in the watchdog's thread --- */

/* The lines behind the sentence. */
static void copy_stack(struct coil__stall_note *note, const char *text)
{
    const char *rest = strchr(text, '\n');
    size_t size = rest ? strlen(rest) : 0;

    size = size < sizeof note->stack ? size : sizeof note->stack - 1;
    memcpy(note->stack, rest ? rest : "", size);
    note->stack[size] = '\0';
}

static void note_stall(struct coil__stall_note *note, const struct coil_stall *stall)
{
    note->has_task = stall->task_name != NULL;
    snprintf(note->name, sizeof note->name, "%s", stall->task_name ? stall->task_name : "");
    note->id = stall->task_id;
    note->site = stall->site;
    note->began_at = coil__clock_now() - stall->span_ns;
}

static void on_stall(const struct coil_stall *stall, void *user)
{
    struct coil__console *console = user;
    struct coil__stall_note *note;

    coil__mutex_lock(&console->lock);
    if (console->stall_count == 0 || stall->number == 1) {
        note = &console->stalls[console->stall_count % COIL__CONSOLE_STALLS];
        *note = (struct coil__stall_note){.serial = ++console->stall_count};
        note_stall(note, stall);
    }
    note = &console->stalls[(console->stall_count - 1) % COIL__CONSOLE_STALLS];
    note->span_ns = stall->span_ns;
    note->is_over = stall->has_ended;
    if (!stall->has_ended) {
        note->is_in_syscall = stall->is_in_syscall;
        copy_stack(note, stall->text);
    }
    coil__mutex_unlock(&console->lock);
}

/* --- in the watched loop's --- */

int coil__console_watch(struct coil__console *console)
{
    struct coil_loop *loop = console->watched;
    int64_t limit = console->options.stall_limit_ns;

    if (coil_loop_stall_limit(loop) == COIL_NEVER && limit != COIL_NEVER) {
        int rc = coil__watchdog_lend(loop, limit);

        if (rc < 0) {
            return rc;
        }
    }
    console->stall_limit_ns = coil_loop_stall_limit(loop);
    coil__watchdog_listen(loop, on_stall, console);
    return 0;
}

void coil__console_unwatch(struct coil__console *console)
{
    coil__watchdog_listen(console->watched, NULL, NULL);
    coil__watchdog_take_back(console->watched);
}

/* --- in the console's --- */

/* "    at hold, x.c:12" and the like, one in a line. */
static void add_stack(struct coil__json *json, const char *lines)
{
    coil__json_key(json, "stack");
    coil__json_add(json, "[");
    while (*lines) {
        char line[256];
        const char *start = lines + strspn(lines, "\n ");
        size_t size = strcspn(start, "\n");

        lines = start + size;
        if (strncmp(start, "at ", 3) == 0) {
            start += 3;
            size -= 3;
        }
        if (size > 0) {
            size = size < sizeof line ? size : sizeof line - 1;
            memcpy(line, start, size);
            line[size] = '\0';
            coil__json_next(json);
            coil__json_string(json, line);
        }
    }
    coil__json_add(json, "]");
}

static void add_note(struct coil__json *json, const struct coil__stall_note *note)
{
    int64_t ago = coil__clock_now() - note->began_at;

    coil__json_next(json);
    coil__json_add(json, "{");
    coil__json_number(json, "serial", (int64_t)note->serial);
    if (note->has_task) {
        coil__json_text(json, "task", note->name);
        coil__json_number(json, "id", (int64_t)note->id);
    }
    coil__json_site(json, "site", note->site);
    coil__json_number(json, "ago_ns", ago);
    coil__json_number(json, "span_ns", note->is_over ? note->span_ns : ago);
    coil__json_bool(json, "is_over", note->is_over);
    coil__json_bool(json, "is_in_syscall", note->is_in_syscall);
    add_stack(json, note->stack);
    coil__json_add(json, "}");
}

void coil__console_stalls(struct coil__json *json, struct coil__console *console)
{
    struct coil__stall_note note;
    uint64_t count;

    coil__mutex_lock(&console->lock);
    count = console->stall_count;
    coil__mutex_unlock(&console->lock);
    if (console->stall_limit_ns != COIL_NEVER) {
        coil__json_number(json, "stall_limit_ns", console->stall_limit_ns);
    }
    coil__json_key(json, "stalls");
    coil__json_add(json, "[");
    for (uint64_t i = 0; i < count && i < COIL__CONSOLE_STALLS; i++) {
        coil__mutex_lock(&console->lock);
        note = console->stalls[(count - 1 - i) % COIL__CONSOLE_STALLS];
        coil__mutex_unlock(&console->lock);
        add_note(json, &note);
    }
    coil__json_add(json, "]");
}
