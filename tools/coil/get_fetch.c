/* get_fetch.c - the fetching: some tasks take one URL after the other.
 *
 * Bodies for standard output go there in the order of the command line: who comes too early waits
 * with its body unread, and so does its server. The URLs are begun in that order, too, so the one
 * whose turn it is never waits for a place.
 */
#include "get.h"

#include <coil.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 32 * 1024 };

struct fetching {
    struct get_options *options;
    struct coil_http_session *session;
    struct coil_stream *output; /* standard output; NULL: not needed yet */
    size_t next;                /* the job to be begun */
    size_t turn;                /* whose output is written: the first that has not ended */
    struct coil_lock lock;
    struct coil_condition has_turned;
    size_t done;
    int64_t received;
    bool shows_progress;
};

/* Where a body goes. */
struct sink {
    struct fetching *fetching;
    int fd; /* a file; -1: standard output */
    int64_t offset;
};

/* --- output --- */

static int put(struct sink *sink, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = sink->fd >= 0 ? coil_pwrite(sink->fd, data, size, sink->offset)
                                  : coil_stream_write(sink->fetching->output, data, size);

        if (n < 0) {
            return (int)n;
        }
        sink->offset += n;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static int put_line(struct sink *sink, const char *a, const char *b, const char *c)
{
    int rc = put(sink, a, strlen(a));

    rc = rc < 0 ? rc : put(sink, b, strlen(b));
    rc = rc < 0 ? rc : put(sink, c, strlen(c));
    return rc < 0 ? rc : put(sink, "\r\n", 2);
}

static int put_head(struct sink *sink, const struct coil_http_response *response)
{
    size_t count = 0;
    const struct coil_http_field *fields = coil_http_response_get_fields(response, &count);
    int version = coil_http_response_version(response);
    char line[64];
    int rc;

    snprintf(line, sizeof line, "HTTP/%s %u ",
             version == 20   ? "2"
             : version == 11 ? "1.1"
                             : "1.0",
             coil_http_response_status(response));
    rc = put_line(sink, line, coil_http_response_reason(response), "");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = put_line(sink, fields[i].name, ": ", fields[i].value);
    }
    return rc < 0 ? rc : put(sink, "\r\n", 2);
}

static bool has_turn(const struct fetching *fetching, size_t index)
{
    return fetching->turn == index;
}

static int wait_for_turn(struct fetching *fetching, size_t index)
{
    int rc = 0;

    if (!fetching->output) {
        rc = coil_stream_open_stdio(NULL, &fetching->output);
    }
    coil_with_lock(&fetching->lock)
    {
        while (rc == 0 && !has_turn(fetching, index)) {
            rc = coil_condition_wait(&fetching->has_turned);
        }
    }
    return rc;
}

static int open_sink(struct sink *sink, size_t index)
{
    const struct get_job *job = &sink->fetching->options->jobs[index];
    int rc;

    if (!job->file) {
        return wait_for_turn(sink->fetching, index);
    }
    rc = coil_open(job->file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    sink->fd = rc >= 0 ? rc : -1;
    return rc < 0 ? rc : 0;
}

/* --- one URL --- */

static struct coil_http_request request_of(const struct get_options *options, struct get_job *job)
{
    struct coil_http_request request = {
        .url = job->url,
        .method = options->only_head ? "HEAD" : options->method,
        .fields = options->fields,
        .field_count = options->field_count,
        .file = options->data_file,
        .body = options->data,
        .body_size = options->data ? strlen(options->data) : 0,
        .ret_failure = &job->failure,
    };

    if (options->data) {
        request.type = "application/x-www-form-urlencoded";
    }
    return request;
}

static int fail_output(struct get_job *job, int error)
{
    snprintf(job->failure.text, sizeof job->failure.text, "%.300s: %s",
             job->file ? job->file : "standard output", coil_strerror(error));
    return error;
}

static int copy(struct sink *sink, struct get_job *job, struct coil_http_response *response)
{
    char buf[PIECE];
    ssize_t n;

    while ((n = coil_http_response_read(response, buf, sizeof buf)) > 0) {
        int rc = put(sink, buf, (size_t)n);

        if (rc < 0) {
            return fail_output(job, rc);
        }
        job->size += n;
        sink->fetching->received += n;
    }
    if (n < 0) {
        snprintf(job->failure.text, sizeof job->failure.text, "%.300s",
                 coil_http_response_error_text(response));
    }
    return (int)n;
}

static int fetch(struct fetching *fetching, size_t index)
{
    const struct get_options *options = fetching->options;
    struct get_job *job = &options->jobs[index];
    struct coil_http_request request = request_of(options, job);
    struct sink sink = {.fetching = fetching, .fd = -1};
    struct coil_http_response *response;
    int rc = coil_http_session_request(fetching->session, &request, &response);

    if (rc < 0) {
        return rc;
    }
    job->status = coil_http_response_status(response);
    rc = open_sink(&sink, index);
    if (rc == 0 && (options->with_head || options->only_head)) {
        rc = put_head(&sink, response);
    }
    rc = rc < 0 ? fail_output(job, rc) : copy(&sink, job, response);
    if (sink.fd >= 0) {
        coil_close(sink.fd);
    }
    coil_http_response_close(response);
    return rc;
}

/* Those that have ended have had their turn. */
static void pass_turn(struct fetching *fetching, bool *has_ended)
{
    coil_shield {
        coil_with_lock(&fetching->lock)
        {
            while (fetching->turn < fetching->options->count && has_ended[fetching->turn]) {
                fetching->turn++;
            }
            coil_condition_notify_all(&fetching->has_turned);
        }
    }
}

struct worker {
    struct fetching *fetching;
    bool *has_ended;
};

static int work(void *arg)
{
    struct worker *worker = arg;
    struct fetching *fetching = worker->fetching;

    while (fetching->next < fetching->options->count) {
        size_t index = fetching->next++;
        struct get_job *job = &fetching->options->jobs[index];
        int64_t begin = coil_now();

        job->error = fetch(fetching, index);
        job->span_ns = coil_now() - begin;
        fetching->done++;
        worker->has_ended[index] = true;
        pass_turn(fetching, worker->has_ended);
    }
    return 0;
}

/* --- all of them --- */

static int show_progress(void *arg)
{
    const struct fetching *fetching = arg;
    int64_t begin = coil_now();
    int rc = 0;

    while (rc == 0) {
        rc = coil_sleep(200 * COIL_MSEC);
        if (rc == 0) {
            double seconds = (double)(coil_now() - begin) / (double)COIL_SEC;
            double size = (double)fetching->received / 1e6;

            fprintf(stderr, "\r\033[K%zu of %zu, %.1f MB, %.1f MB/s", fetching->done,
                    fetching->options->count, size, size / seconds);
            fflush(stderr);
        }
    }
    fputs("\r\033[K", stderr);
    return 0;
}

static int open_session(struct fetching *fetching)
{
    const struct get_options *options = fetching->options;
    struct coil_tls_context_options tls = {.verify = COIL_TLS_VERIFY_NONE};
    struct coil_http_session_options session = {
        .max_connections = options->parallel,
        .total_timeout_ns = options->timeout_ns ? options->timeout_ns : COIL_NEVER,
        .max_redirects = options->max_redirects,
        .no_redirects = options->no_redirects,
        .use_environment = true,
    };
    int rc = options->is_insecure ? coil_tls_context_new(&tls, &session.tls) : 0;

    if (rc == 0) {
        rc = coil_http_session_new(&session, &fetching->session);
    }
    coil_tls_context_free(session.tls);
    return rc;
}

static int fetch_all(struct fetching *fetching, bool *has_ended)
{
    struct worker worker = {fetching, has_ended};
    struct coil_group group = {0};
    struct coil_task *progress = NULL;
    int rc = coil_group_open(&group);

    if (rc == 0 && fetching->shows_progress) {
        progress = coil_create_task(show_progress, fetching);
    }
    for (size_t i = 0; rc == 0 && i < fetching->options->parallel; i++) {
        if (i < fetching->options->count) {
            rc = coil_group_spawn(&group, work, &worker);
        }
    }
    rc = coil_group_close(&group);
    if (progress) {
        coil_cancel(progress);
        coil_await(progress);
    }
    return rc;
}

static int get_main(void *arg)
{
    struct get_options *options = arg;
    struct fetching fetching = {.options = options};
    bool *has_ended = calloc(options->count, sizeof *has_ended);
    int rc = has_ended ? open_session(&fetching) : -ENOMEM;

    fetching.shows_progress = !options->is_quiet && isatty(STDERR_FILENO);
    coil_condition_init(&fetching.has_turned, &fetching.lock);
    if (rc == 0) {
        rc = fetch_all(&fetching, has_ended);
    }
    coil_http_session_close(fetching.session);
    coil_shield {
        coil_stream_close(fetching.output);
    }
    free(has_ended);
    return rc;
}

int get_all(struct get_options *options)
{
    return coil_run(get_main, options);
}
