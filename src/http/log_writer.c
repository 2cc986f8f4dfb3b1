/* log_writer.c - the access log's lines on their way to the file.
 *
 * Lines are made in `front`. The writer's task takes that, as `back`, and writes it, while the next
 * ones gather in a new front; so the requests never meet the file. What could not be written stays
 * in back until it can be, or the log is closed. Both together have max_waiting bytes at most.
 */
#include "http/log_file.h"

#include "base/memory.h"
#include "sys/clock.h"

#include <coil/event.h>
#include <coil/loop.h>
#include <coil/scope.h>
#include <coil/signal.h>
#include <coil/task.h>

#include <errno.h>

enum {
    USUAL_WAITING = 1024 * 1024,
    USUAL_FLUSH = 32 * 1024,
    MAX_KEEP = 1000,
};

static const int64_t RETRY_NS = COIL_SEC / 10; /* at least, after an error */

struct coil_http_log_writer {
    struct coil__http_log_file file;
    enum coil_http_log_format format;
    size_t max_waiting;
    size_t flush_size;
    int64_t flush_ns;
    int64_t close_timeout_ns;
    struct coil__http_buffer front;
    struct coil__http_buffer back; /* not empty: is being written, or failed to be */
    uint64_t front_lines;          /* as back_lines without those that tell of dropped ones */
    uint64_t back_lines;
    int64_t due;         /* front is not empty: when it is written at the latest */
    int64_t retry_at;    /* back is not empty: when that is tried again */
    uint64_t taken;      /* lines that were not dropped at once */
    uint64_t settled;    /* of these: written, or dropped in the end */
    uint64_t written;    /* of these */
    uint64_t dropped;    /* all */
    uint64_t unreported; /* of these: no line in front or back says so */
    int failed;          /* of the last write */
    int error;           /* the same, or of what was done before it */
    struct coil_task *task;
    struct coil_event wake;  /* the task shall look */
    struct coil_event round; /* it has written, or failed to */
    struct coil_event ended;
    struct coil_signal_watch watch;
    size_t flushers;
    bool is_reopening;
    bool is_closing;
};

static size_t waiting(const struct coil_http_log_writer *writer)
{
    return coil__http_size(&writer->front) + coil__http_size(&writer->back);
}

/* --- taking records --- */

static void drop(struct coil_http_log_writer *writer)
{
    writer->dropped++;
    writer->unreported++;
}

static void put(struct coil_http_log_writer *writer, const struct coil_http_record *record)
{
    struct coil__http_buffer *front = &writer->front;
    bool was_empty = coil__http_size(front) == 0;
    ssize_t size = -ENOMEM;

    if (waiting(writer) < writer->max_waiting &&
        coil__http_reserve(front, COIL_HTTP_LOG_LINE) == 0) {
        size = coil_http_log_format(record, writer->format, front->data + front->end,
                                    COIL_HTTP_LOG_LINE);
    }
    if (size < 0 || (size_t)size > writer->max_waiting - waiting(writer)) {
        drop(writer);
        return;
    }
    front->end += (size_t)size;
    writer->front_lines++;
    writer->taken++;
    if (was_empty) {
        writer->due = coil__http_after(writer->flush_ns);
    }
    if (was_empty || coil__http_size(front) >= writer->flush_size) {
        coil_event_set(&writer->wake);
    }
}

void coil_http_log_write(const struct coil_http_record *record, void *writer)
{
    struct coil_http_log_writer *to = writer;

    if (to && record && to->is_closing) {
        drop(to);
    } else if (to && record) {
        put(to, record);
    }
}

/* --- the task --- */

/* When there is something to do; COIL_NEVER: not yet. */
static int64_t next_time(const struct coil_http_log_writer *writer)
{
    if (writer->is_closing || writer->is_reopening) {
        return 0;
    }
    if (coil__http_size(&writer->back) > 0) {
        return writer->flushers > 0 ? 0 : writer->retry_at;
    }
    if (coil__http_size(&writer->front) == 0) {
        return COIL_NEVER;
    }
    return writer->flushers > 0 || coil__http_size(&writer->front) >= writer->flush_size
               ? 0
               : writer->due;
}

static void wait_for_work(struct coil_http_log_writer *writer)
{
    int64_t when;

    while (coil_check_cancel() == 0 && (when = next_time(writer)) > coil_now()) {
        struct coil_scope scope = {0};

        coil_event_clear(&writer->wake);
        coil_scope_open_deadline(&scope, when);
        coil_event_wait(&writer->wake);
        coil_scope_close(&scope);
    }
}

/* The dropped ones would have come behind what is in front now. */
static void report_dropped(struct coil_http_log_writer *writer)
{
    struct coil__http_buffer *front = &writer->front;

    if (writer->unreported > 0 && coil__http_reserve(front, COIL__HTTP_LOG_NOTE) == 0) {
        front->end += coil__http_log_note(writer->format, coil__clock_wall(), writer->unreported,
                                          front->data + front->end);
        writer->unreported = 0;
    }
}

static void take_front(struct coil_http_log_writer *writer)
{
    struct coil__http_buffer empty = writer->back;

    report_dropped(writer);
    writer->back = writer->front;
    writer->back_lines = writer->front_lines;
    writer->front = empty;
    writer->front_lines = 0;
}

/* 0, or why not all is written. */
static int write_all(struct coil_http_log_writer *writer)
{
    int rc = 0;
    int looked = 0;

    if (writer->is_reopening) {
        writer->is_reopening = false;
        looked = coil__http_log_file_reopen(&writer->file);
    }
    if (coil__http_size(&writer->back) == 0) {
        take_front(writer);
    }
    if (coil__http_size(&writer->back) > 0) {
        looked = looked < 0 ? looked : coil__http_log_file_look(&writer->file);
        rc = coil__http_log_file_write(&writer->file, &writer->back);
    }
    writer->error = rc < 0 ? rc : looked;
    return rc;
}

static int do_round(struct coil_http_log_writer *writer)
{
    int rc = write_all(writer);

    if (rc < 0) {
        int64_t span = writer->flush_ns > RETRY_NS ? writer->flush_ns : RETRY_NS;

        writer->retry_at = coil__http_after(span);
    } else {
        writer->written += writer->back_lines;
        writer->settled += writer->back_lines;
        writer->back_lines = 0;
        coil__http_buffer_trim(&writer->back);
    }
    writer->failed = rc;
    writer->flushers = 0;
    coil_event_set(&writer->round);
    return rc;
}

static uint64_t lines_in(const struct coil__http_buffer *buffer)
{
    uint64_t count = 0;

    for (size_t i = buffer->start; i < buffer->end; i++) {
        count += buffer->data[i] == '\n';
    }
    return count;
}

/* What could not be written will not be. */
static void give_up(struct coil_http_log_writer *writer)
{
    uint64_t left = lines_in(&writer->back);

    left = left < writer->back_lines ? left : writer->back_lines;
    writer->written += writer->back_lines - left;
    writer->dropped += left + writer->front_lines;
    writer->settled = writer->taken;
    writer->back_lines = 0;
    writer->front_lines = 0;
    coil__http_buffer_free(&writer->back);
    coil__http_buffer_free(&writer->front);
}

static int run(void *arg)
{
    struct coil_http_log_writer *writer = arg;
    int rc = 0;

    for (;;) {
        wait_for_work(writer);
        if (coil_check_cancel() < 0) {
            break;
        }
        rc = do_round(writer);
        if (writer->is_closing && (rc < 0 || waiting(writer) == 0)) {
            break;
        }
    }
    if (rc == 0 && writer->unreported > 0) { /* since that round has begun */
        rc = do_round(writer);
    }
    if (waiting(writer) > 0) {
        writer->error = coil_check_cancel() < 0 ? -ETIMEDOUT : rc;
        give_up(writer);
    } else {
        writer->error = 0;
    }
    writer->is_closing = true;
    coil_event_set(&writer->ended);
    coil_event_set(&writer->round);
    return 0;
}

/* --- life --- */

static bool are_valid(const struct coil_http_log_options *options)
{
    bool has_size = options->max_waiting == 0 || options->max_waiting >= COIL_HTTP_LOG_LINE;
    bool has_path = options->path || (options->max_size == 0 && !options->follows);

    return has_size && has_path && options->max_waiting <= SIZE_MAX / 4 && options->fd >= 0 &&
           options->flush_ns >= 0 && options->close_timeout_ns >= 0 && options->keep <= MAX_KEEP &&
           (unsigned)options->format <= COIL_HTTP_LOG_JSON;
}

static void settle(struct coil_http_log_writer *writer, const struct coil_http_log_options *options)
{
    writer->format = options->format;
    writer->max_waiting = options->max_waiting ? options->max_waiting : USUAL_WAITING;
    writer->flush_size = options->flush_size ? options->flush_size : USUAL_FLUSH;
    writer->flush_ns = options->flush_ns ? options->flush_ns : COIL_SEC;
    writer->close_timeout_ns = options->close_timeout_ns ? options->close_timeout_ns : 5 * COIL_SEC;
}

static void on_signal(int signum, void *user)
{
    (void)signum;
    coil_http_log_reopen(user);
}

static int start(struct coil_http_log_writer *writer, int signum)
{
    struct coil_task_options options = {.name = "http log", .site = COIL_HERE};
    int rc = 0;

    if (signum != 0) {
        rc = coil_signal_start(coil_loop_current(), &writer->watch, signum, on_signal, writer);
    }
    if (rc == 0) {
        writer->task = coil_task_create(&options, run, writer);
        rc = writer->task ? 0 : -ENOMEM;
    }
    if (rc < 0) {
        coil_signal_stop(&writer->watch);
    }
    return rc;
}

int coil_http_log_open(const struct coil_http_log_options *options,
                       struct coil_http_log_writer **ret_writer)
{
    static const struct coil_http_log_options none;
    struct coil_http_log_writer *writer;
    int rc;

    options = options ? options : &none;
    if (!ret_writer || !are_valid(options)) {
        return -EINVAL;
    }
    if (!coil_current_task()) {
        return coil_loop_current() ? -COIL_ENOTASK : -COIL_ENOLOOP;
    }
    writer = coil__calloc(1, sizeof *writer);
    if (!writer) {
        return -ENOMEM;
    }
    settle(writer, options);
    rc = coil__http_log_file_open(&writer->file, options);
    if (rc == 0) {
        rc = start(writer, options->reopen_signal);
        if (rc < 0) {
            coil__http_log_file_close(&writer->file);
        }
    }
    if (rc < 0) {
        coil__free(writer);
        return rc;
    }
    *ret_writer = writer;
    return 0;
}

int coil_http_log_reopen(struct coil_http_log_writer *writer)
{
    if (!writer) {
        return -EINVAL;
    }
    writer->is_reopening = true;
    coil_event_set(&writer->wake);
    return 0;
}

int coil_http_log_flush(struct coil_http_log_writer *writer)
{
    uint64_t target;
    int rc = writer ? coil_check_cancel() : -EINVAL;

    if (rc < 0 || !coil_current_task()) {
        return rc < 0 ? rc : -COIL_ENOTASK;
    }
    target = writer->taken;
    while (writer->settled < target) {
        if (writer->is_closing) {
            return -COIL_ECLOSED;
        }
        writer->flushers++;
        coil_event_set(&writer->wake);
        coil_event_clear(&writer->round);
        rc = coil_event_wait(&writer->round);
        if (rc < 0) {
            return rc;
        }
        if (writer->settled < target && writer->failed < 0) {
            return writer->failed;
        }
    }
    return 0;
}

int coil_http_log_get_usage(const struct coil_http_log_writer *writer,
                            struct coil_http_log_usage *ret_usage)
{
    if (!writer || !ret_usage) {
        return -EINVAL;
    }
    *ret_usage = (struct coil_http_log_usage){
        .written = writer->written,
        .dropped = writer->dropped,
        .waiting = waiting(writer),
        .rotations = writer->file.rotations,
        .error = writer->error,
    };
    return 0;
}

/* Until the task has ended, by itself or by a cancel. */
static void join(struct coil_http_log_writer *writer)
{
    struct coil_scope scope = {0};

    coil_scope_open_timeout(&scope, writer->close_timeout_ns);
    coil_event_wait(&writer->ended);
    coil_scope_close(&scope);
    if (!coil_event_is_set(&writer->ended)) {
        coil_cancel(writer->task);
    }
    coil_await(writer->task);
}

int coil_http_log_close(struct coil_http_log_writer *writer)
{
    int rc;

    if (!writer) {
        return 0;
    }
    if (!coil_current_task()) {
        return -COIL_ENOTASK;
    }
    coil_signal_stop(&writer->watch);
    writer->is_closing = true;
    coil_event_set(&writer->wake);
    coil_shield {
        join(writer);
    }
    rc = writer->error;
    coil__http_log_file_close(&writer->file);
    coil__free(writer);
    return rc;
}
