/* console.h - what the parts of the console share.
 *
 * Two threads meet here: that of the loop that is watched, and the console's own with a loop of its
 * own. A field says whose it is.
 *
 *     console.c        start and end, in the watched loop's thread
 *     console_look.c   what is known of the watched loop, and how it is asked
 *     console_json.c   that as JSON
 *     console_serve.c  connections
 *     console_http.c   requests
 *     console/         the page; the build makes arrays of it
 */
#ifndef COIL__DEBUG_CONSOLE_H
#define COIL__DEBUG_CONSOLE_H

#include "debug/console_http.h"
#include "debug/json.h"
#include "loop/loop.h"
#include "sys/thread.h"

#include <coil/address.h>
#include <coil/console.h>
#include <coil/event.h>
#include <coil/inspect.h>
#include <coil/metrics.h>
#include <coil/stream.h>
#include <coil/watchdog.h>

enum {
    COIL__CONSOLE_TOKEN = 129,
    COIL__CONSOLE_TASKS = 10000, /* most that are looked at: the oldest ones */
    COIL__CONSOLE_STALLS = 32,   /* most that are remembered: the newest ones */
};

/* The tasks as JSON, at a point in time. Shared by the clients that send it; the console's thread.
 */
struct coil__view {
    unsigned references;
    uint64_t serial;     /* from 1 */
    int64_t answered_at; /* real time */
    int64_t took_ns;     /* of the watched loop's time */
    int rc;              /* 0, or why there are no tasks: -ENOMEM */
    struct coil__json tasks;
};

/* What is asked of the watched loop: on its way there, then answered. It goes by the inbox and may
 * still be under way when the console ends; then it frees itself where it arrives. */
struct coil__question {
    struct coil__ready ready;
    struct coil__console *console; /* NULL: has ended. The watched loop's thread */
    bool is_under_way;             /* whose it is just now; after the thread's end, the former's */
    /* The answer, from when it is not under way any more until it is taken: */
    struct coil_task_graph *graph; /* or NULL, and the error: */
    int rc;
    int64_t loop_now;    /* the watched loop's clock */
    int64_t answered_at; /* real time */
    int64_t took_ns;
};

/* A step that has held up the watched loop. */
struct coil__stall_note {
    uint64_t serial; /* from 1 */
    bool has_task;   /* and then: */
    char name[32];
    uint64_t id;
    const struct coil_site *site; /* where it was created, or NULL */
    int64_t began_at;             /* real time */
    int64_t span_ns;              /* of one that is over */
    bool is_over;
    bool is_in_syscall;
    char stack[2048]; /* as the watchdog tells it: lines */
};

struct coil__console {
    /* The watched loop's thread: */
    struct coil__closer closer;
    struct coil_loop *watched;
    struct coil__os_thread thread;
    struct coil_handle stop_handle; /* the way into the console's loop */
    struct coil_handle answer_handle;
    /* Does not change: */
    struct coil_console_options options; /* with its defaults filled in */
    int64_t stall_limit_ns;              /* of the watchdog, as it was at the start */
    struct coil__access access;
    char token[COIL__CONSOLE_TOKEN];
    char cookie[32]; /* valid once it has begun */
    char host[COIL_ADDRESS_TEXT];
    uint16_t port; /* that was asked for */
    bool is_unix;
    char url[COIL_CONSOLE_URL]; /* valid once it has begun */
    struct coil__question *question;
    /* Between the two: */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool has_begun; /* rc says how */
    bool is_ending; /* the console's loop may be freed */
    int rc;
    struct coil_loop *loop; /* the console's, valid once it has begun well */
    int listening;          /* its socket, for the child of a fork */
    /* Between the watchdog's thread and the console's, by the lock: */
    struct coil__stall_note
        stalls[COIL__CONSOLE_STALLS]; /* by serial, the newest over the oldest */
    uint64_t stall_count;             /* in all */
    /* The console's thread: */
    struct coil_event stop;
    struct coil_event answered;
    struct coil__view *view; /* the newest one, or NULL */
    uint64_t serial;
    struct coil_histogram answers; /* how long the watched loop took for them */
    int64_t asked_at;              /* real time, while a question is open; else 0 */
};

/* --- console_look.c: the console's thread --- */

/* The newest view, or an older one when the loop does not answer in time; NULL when it never has.
 * ret_silent_ns: for how long it has not answered; 0: it does. Owned by the caller, who drops it.
 * Suspends. */
struct coil__view *coil__console_look(struct coil__console *console, int64_t *ret_silent_ns);
void coil__view_drop(struct coil__view *view);

/* A question that is ready to be asked; NULL: no memory. */
struct coil__question *coil__question_new(struct coil__console *console);
/* In the watched loop's thread, when the console's thread has ended. */
void coil__question_free(struct coil__question *question);

/* --- console_json.c: the console's thread --- */

/* The captured tasks as one object. loop_now: the time at which they were captured. */
void coil__console_tasks(struct coil__json *json, const struct coil_task_graph *graph,
                         int64_t loop_now);
/* All else that the page shows: the beginning of an object, to which the tasks are to be added. */
void coil__console_state(struct coil__json *json, struct coil__console *console,
                         const struct coil__view *view, int64_t silent_ns);
/* "func, file.c:12"; nothing for NULL. */
void coil__json_site(struct coil__json *json, const char *key, const struct coil_site *site);

/* --- console_times.c --- */

/* In the watched loop's thread. 0 or -ENOMEM. */
int coil__console_start_times(struct coil__console *console);
void coil__console_stop_times(struct coil__console *console);
/* In the console's: counters and histograms; the same as text for Prometheus, whose length is
 * returned, or -ENOMEM, -EIO (too small). */
void coil__console_times(struct coil__json *json, const struct coil__console *console);
ssize_t coil__console_metrics(const struct coil__console *console, char *buf, size_t size);
void coil__console_note_answer(struct coil__console *console, int64_t span_ns);

/* --- console_stalls.c --- */

/* In the watched loop's thread. 0, -EINVAL (the limit), -ENOMEM, -EAGAIN. */
int coil__console_watch(struct coil__console *console);
void coil__console_unwatch(struct coil__console *console);
/* In the console's. */
void coil__console_stalls(struct coil__json *json, struct coil__console *console);

/* --- console_serve.c: the console's thread --- */

int coil__console_serve(struct coil_stream *stream, void *user);

/* --- made by the build from console/ --- */

struct coil__file_text {
    const unsigned char *bytes;
    size_t size;
};

extern const struct coil__file_text coil__console_html;
extern const struct coil__file_text coil__console_css;
extern const struct coil__file_text coil__page_js;
extern const struct coil__file_text coil__tasks_js;
extern const struct coil__file_text coil__console_js;

#endif
