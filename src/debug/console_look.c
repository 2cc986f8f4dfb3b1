/* console_look.c - what the console knows of the loop that it watches, and how it asks.
 *
 * A question goes to the watched loop by its inbox, and is answered between two of its steps: the
 * tasks are captured there, and made into JSON here, where it holds up nobody. One question at a
 * time is under way, whoever waits for its answer; who has waited for longer than the console's
 * patience goes away with what was seen last. While no client asks, nothing is asked of the loop.
 * What a capture has cost decides how soon the next one may come.
 */
#include "debug/console.h"

#include "base/memory.h"
#include "sys/clock.h"
#include "task/inspect.h"

#include <coil/scope.h>

enum { SHARE = 20 }; /* a capture may take this part of the watched loop's time */

/* --- in the watched loop's thread --- */

static void on_answer(void *user);

static void answer(struct coil__ready *ready)
{
    struct coil__question *question = COIL__CONTAINER(ready, struct coil__question, ready);
    struct coil__console *console = question->console;
    int64_t began_at = coil__clock_now();

    if (!console) {
        coil__free(question);
        return;
    }
    question->graph = NULL;
    console->watched->is_reporting = true; /* to the watchdog: this is no stall */
    question->rc = coil__capture_oldest(COIL__CONSOLE_TASKS, &question->graph);
    console->watched->is_reporting = false;
    question->loop_now = coil_loop_now(console->watched);
    question->answered_at = coil__clock_now();
    question->took_ns = question->answered_at - began_at;
    question->is_under_way = false;
    coil_call_soon_threadsafe(console->loop, &console->answer_handle, on_answer, console);
}

struct coil__question *coil__question_new(struct coil__console *console)
{
    struct coil__question *question = coil__calloc(1, sizeof *question);

    if (question) {
        question->ready.run = answer;
        question->console = console;
    }
    return question;
}

void coil__question_free(struct coil__question *question)
{
    if (!question) {
        return;
    }
    if (question->is_under_way) {
        question->console = NULL;
        return;
    }
    coil_task_graph_free(question->graph); /* answered, and not taken any more */
    coil__free(question);
}

/* --- in the console's --- */

void coil__view_drop(struct coil__view *view)
{
    if (view && --view->references == 0) {
        coil__json_deinit(&view->tasks);
        coil__free(view);
    }
}

static struct coil__view *hold(struct coil__view *view)
{
    if (view) {
        view->references++;
    }
    return view;
}

/* The answer as the newest view; without memory for one the old one stays. */
static void make_view(struct coil__console *console)
{
    struct coil__question *question = console->question;
    struct coil__view *view = coil__calloc(1, sizeof *view);

    if (!view) {
        return;
    }
    *view = (struct coil__view){
        .references = 1,
        .serial = ++console->serial,
        .answered_at = question->answered_at,
        .took_ns = question->took_ns,
        .rc = question->rc,
    };
    if (question->graph) {
        coil__console_tasks(&view->tasks, question->graph, question->loop_now);
        if (view->tasks.has_failed) {
            view->rc = -ENOMEM;
            coil__json_deinit(&view->tasks);
        }
    }
    coil__view_drop(console->view);
    console->view = view;
}

static void on_answer(void *user)
{
    struct coil__console *console = user;
    struct coil__question *question = console->question;

    coil__console_note_answer(console, question->answered_at - console->asked_at);
    console->asked_at = 0;
    make_view(console);
    coil_task_graph_free(question->graph);
    question->graph = NULL;
    coil_event_set(&console->answered);
}

static bool is_fresh(const struct coil__view *view, int64_t now)
{
    return view && now - view->answered_at < SHARE * view->took_ns;
}

static void ask(struct coil__console *console, int64_t now)
{
    struct coil__question *question = console->question;

    coil_event_clear(&console->answered);
    console->asked_at = now;
    question->is_under_way = true;
    coil__inbox_push(console->watched, &question->ready);
}

struct coil__view *coil__console_look(struct coil__console *console, int64_t *ret_silent_ns)
{
    int64_t now = coil__clock_now();
    int rc = 0;

    if (console->asked_at == 0 && !is_fresh(console->view, now)) {
        ask(console, now);
    }
    if (console->asked_at != 0) {
        coil_timeout_at(coil__time_after(console->asked_at, console->options.patience_ns)) {
            while (console->asked_at != 0 && rc == 0) {
                rc = coil_event_wait(&console->answered);
            }
        }
    }
    *ret_silent_ns = console->asked_at != 0 ? coil__clock_now() - console->asked_at : 0;
    return hold(console->view);
}
