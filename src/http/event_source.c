/* event_source.c - sources of events: they ask, read, and ask again.
 *
 * A source has a response, or will have one at next_when. What it has parsed, and the time of its
 * next try, stand in the source: a cancel finds it the same.
 */
#include "http/client.h"
#include "http/event_stream.h"

#include "base/memory.h"

#include <coil/http_event_source.h>
#include <coil/task.h>

#include <errno.h>
#include <limits.h>

enum {
    OWN_FIELDS = 3,
    READ_ROOM = 4096,
    TYPE_ROOM = 32, /* more than text/event-stream has */
};

#define LEAST_RETRY_NS (100 * COIL_MSEC)
#define RETRY_AFTER_UNSAID (-1)

struct coil_http_event_source {
    struct coil_http_session *session;   /* is held; NULL: the response was attached */
    struct coil_http_response *response; /* NULL: to be had anew */
    struct coil__event_stream stream;
    struct coil_http_request request; /* all in `block` */
    struct coil_http_field *fields;   /* in it too; room for OWN_FIELDS more */
    size_t field_count;
    char *block;
    int64_t retry_ns;
    int64_t max_retry_ns;
    unsigned max_attempts;
    unsigned attempts; /* in a row that have brought nothing */
    int64_t next_when;
    bool is_reading;
    bool is_over;
    int error; /* for good */
    struct coil_http_failure failure;
};

/* --- what is kept of the options --- */

static const struct coil_http_event_source_options no_options = {0};

static bool is_own_field(const char *name)
{
    struct coil__slice slice = coil__slice_of(name);

    return coil__slice_is_like(slice, "Accept") || coil__slice_is_like(slice, "Cache-Control") ||
           coil__slice_is_like(slice, "Last-Event-ID");
}

/* Whether it may stand in a field. What a server has said as an id may be anything. */
static bool is_sendable(const char *id, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (coil__is_control(id[i])) {
            return false;
        }
    }
    return size > 0 && id[0] != ' ' && id[size - 1] != ' ';
}

static int check(const struct coil_http_event_source_options *options)
{
    if (options->field_count > 0 && !options->fields) {
        return -EINVAL;
    }
    for (size_t i = 0; i < options->field_count; i++) {
        if (!options->fields[i].name || !options->fields[i].value ||
            is_own_field(options->fields[i].name)) {
            return -EINVAL;
        }
    }
    if (options->last_id && options->last_id[0] != '\0' &&
        !is_sendable(options->last_id, strlen(options->last_id))) {
        return -EINVAL;
    }
    return options->retry_ns < 0 || options->max_retry_ns < 0 ? -EINVAL : 0;
}

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

/* The copy of a string, at the end of what the block holds so far. */
static const char *copy(char **at, const char *text)
{
    char *to = *at;

    if (!text) {
        return NULL;
    }
    memcpy(to, text, strlen(text) + 1);
    *at += strlen(text) + 1;
    return to;
}

static int keep(struct coil_http_event_source *source, const char *url,
                const struct coil_http_event_source_options *options)
{
    size_t size = size_of(url) + size_of(options->user) + size_of(options->password) +
                  size_of(options->bearer);
    char *at;

    for (size_t i = 0; i < options->field_count; i++) {
        size += size_of(options->fields[i].name) + size_of(options->fields[i].value);
    }
    source->block = coil__malloc(size);
    source->fields = coil__calloc(options->field_count + OWN_FIELDS, sizeof *source->fields);
    if (!source->block || !source->fields) {
        return -ENOMEM;
    }
    at = source->block;
    source->request = (struct coil_http_request){
        .total_timeout_ns = COIL_NEVER,
        .read_timeout_ns = options->read_timeout_ns,
    };
    source->request.url = copy(&at, url);
    source->request.user = copy(&at, options->user);
    source->request.password = copy(&at, options->password);
    source->request.bearer = copy(&at, options->bearer);
    for (size_t i = 0; i < options->field_count; i++) {
        source->fields[i].name = copy(&at, options->fields[i].name);
        source->fields[i].value = copy(&at, options->fields[i].value);
    }
    source->field_count = options->field_count;
    return coil__event_stream_set_last_id(&source->stream, coil__slice_of(options->last_id));
}

/* NULL: no memory. */
static struct coil_http_event_source *new_source(
    const struct coil_http_event_source_options *options)
{
    struct coil_http_event_source *source = coil__calloc(1, sizeof *source);

    if (source) {
        source->stream.max_line = options->max_line ? options->max_line : 64 * 1024;
        source->stream.max_event = options->max_event ? options->max_event : 1024 * 1024;
        source->retry_ns = options->retry_ns ? options->retry_ns : 3 * COIL_SEC;
        source->max_retry_ns = options->max_retry_ns ? options->max_retry_ns : 5 * COIL_MINUTE;
        source->max_attempts = options->max_attempts ? options->max_attempts : 10;
    }
    return source;
}

/* --- connecting --- */

static bool is_event_stream(const struct coil_http_response *response)
{
    char type[TYPE_ROOM];

    return coil_http_response_media_type(response, type, sizeof type) > 0 &&
           strcmp(type, "text/event-stream") == 0;
}

/* 0, or -COIL_EPROTOCOL. */
static int check_response(struct coil_http_event_source *source,
                          const struct coil_http_response *response, bool is_status_fine)
{
    const char *type = coil_http_response_get_field(response, "Content-Type");

    if (!is_status_fine) {
        return coil__client_fail(
            &source->failure, -COIL_EPROTOCOL, "the answer is %u %.80s and no events",
            coil_http_response_status(response), coil_http_response_reason(response));
    }
    if (!is_event_stream(response)) {
        return coil__client_fail(&source->failure, -COIL_EPROTOCOL,
                                 "the answer is of type '%.80s', and not text/event-stream",
                                 type ? type : "");
    }
    return 0;
}

static void add_own_fields(struct coil_http_event_source *source)
{
    struct coil_http_field *field = source->fields + source->field_count;
    const struct coil__http_buffer *id = &source->stream.last_id;

    *field++ = (struct coil_http_field){"Accept", "text/event-stream"};
    *field++ = (struct coil_http_field){"Cache-Control", "no-store"};
    if (is_sendable(id->data, coil__http_size(id))) {
        *field++ = (struct coil_http_field){"Last-Event-ID", id->data};
    }
    source->request.fields = source->fields;
    source->request.field_count = (size_t)(field - source->fields);
}

/* ret_pause: the time that the server asks for, if it is one that may answer better later; else
 * RETRY_AFTER_UNSAID. ret_may_pass: whether another try may end differently. */
static int connect_source(struct coil_http_event_source *source, int64_t *ret_pause,
                          bool *ret_may_pass)
{
    struct coil_http_response *response = NULL;
    unsigned status;
    int rc;

    *ret_pause = RETRY_AFTER_UNSAID;
    add_own_fields(source);
    source->request.ret_failure = &source->failure;
    rc = coil_http_session_request(source->session, &source->request, &response);
    if (rc < 0) {
        *ret_may_pass = rc == -ETIMEDOUT || coil__client_is_passing_error(rc);
        return rc;
    }
    status = coil_http_response_status(response);
    if (status == 204) {
        source->is_over = true;
    } else {
        rc = check_response(source, response, status == 200);
    }
    *ret_may_pass = coil__client_is_passing_status(status);
    *ret_pause = *ret_may_pass ? coil_http_response_retry_after(response) : RETRY_AFTER_UNSAID;
    if (rc == 0 && !source->is_over) {
        source->response = response;
    } else {
        coil_http_response_close(response);
    }
    return rc;
}

static int hand_out(struct coil_http_event_source *source, int rc,
                    const struct coil_http_event_source_options *options,
                    struct coil_http_event_source **ret_source)
{
    if (rc == 0) {
        *ret_source = source;
        return 0;
    }
    if (options->ret_failure) {
        coil__client_fail_plainly(&source->failure, rc);
        *options->ret_failure = source->failure;
    }
    coil_http_event_source_close(source);
    return rc;
}

int coil_http_event_source_open(struct coil_http_session *session, const char *url,
                                const struct coil_http_event_source_options *options,
                                struct coil_http_event_source **ret_source)
{
    struct coil_http_event_source *source;
    int64_t pause;
    bool may_pass;
    int rc;

    options = options ? options : &no_options;
    if (!session || !url || !ret_source || check(options) < 0) {
        return coil__client_fail_plainly(options->ret_failure, -EINVAL);
    }
    source = new_source(options);
    if (!source) {
        return coil__client_fail_plainly(options->ret_failure, -ENOMEM);
    }
    coil__client_session_hold(session);
    source->session = session;
    rc = keep(source, url, options);
    if (rc == 0) {
        rc = connect_source(source, &pause, &may_pass);
    }
    return hand_out(source, rc, options, ret_source);
}

int coil_http_event_source_attach(struct coil_http_response *response,
                                  const struct coil_http_event_source_options *options,
                                  struct coil_http_event_source **ret_source)
{
    struct coil_http_event_source *source;
    unsigned status = coil_http_response_status(response);
    int rc = -EINVAL;

    options = options ? options : &no_options;
    source = response && ret_source ? new_source(options) : NULL;
    if (!source) {
        rc = response && ret_source ? -ENOMEM : -EINVAL;
        coil_http_response_close(response);
        return coil__client_fail_plainly(options->ret_failure, rc);
    }
    source->response = response;
    rc = coil__event_stream_set_last_id(&source->stream, coil__slice_of(""));
    if (rc == 0) {
        rc = check_response(source, response, status >= 200 && status < 300);
    }
    return hand_out(source, rc, options, ret_source);
}

/* --- connecting anew --- */

static int64_t delay_of(const struct coil_http_event_source *source)
{
    int64_t delay = source->retry_ns;

    for (unsigned i = 1; i < source->attempts && delay < source->max_retry_ns; i++) {
        delay = delay > COIL_NEVER / 2 ? COIL_NEVER : delay * 2;
    }
    return delay;
}

/* Sets the time of the next try; pause: what the server has asked for, or less. */
static void plan(struct coil_http_event_source *source, int64_t pause)
{
    int64_t delay = delay_of(source);

    delay = delay > pause ? delay : pause;
    delay = delay < source->max_retry_ns ? delay : source->max_retry_ns;
    delay = delay > LEAST_RETRY_NS ? delay : LEAST_RETRY_NS;
    source->next_when = coil__http_after(delay);
}

/* The end of a connection, or of an attempt to make one. 0: there will be another; or the error. */
static int lose(struct coil_http_event_source *source, int error, bool may_pass, int64_t pause)
{
    coil_http_response_close(source->response);
    source->response = NULL;
    if (error < 0) {
        coil__client_fail_plainly(&source->failure, error);
    }
    if (!source->session) {
        source->is_over = true;
        source->error = error;
        return error;
    }
    coil__event_stream_restart(&source->stream);
    error = error < 0 ? error : -COIL_EINCOMPLETE;
    if (source->attempts < UINT_MAX) {
        source->attempts++;
    }
    if (!may_pass || (source->attempts > source->max_attempts && source->max_attempts < UINT_MAX)) {
        source->error = coil__client_fail_plainly(&source->failure, error);
        return error;
    }
    plan(source, pause);
    return 0;
}

static int connect_anew(struct coil_http_event_source *source)
{
    int64_t pause;
    bool may_pass;
    int rc = coil_sleep_until(source->next_when);

    if (rc < 0) {
        return rc;
    }
    rc = connect_source(source, &pause, &may_pass);
    if (rc == 0 || rc == -ENOMEM || (coil_check_cancel() < 0 && rc == coil_check_cancel())) {
        return rc;
    }
    return lose(source, rc, may_pass, pause);
}

/* --- reading --- */

/* Receives some bytes. 0, also when the connection is lost and there will be another; an error. */
static int read_more(struct coil_http_event_source *source)
{
    struct coil__http_buffer *in = &source->stream.in;
    ssize_t count = coil__http_reserve(in, READ_ROOM);

    if (count < 0) {
        return (int)count;
    }
    count = coil_http_response_read(source->response, in->data + in->end, in->capacity - in->end);
    if (count > 0) {
        in->end += (size_t)count;
        source->attempts = 0;
        return 0;
    }
    if (count == 0) {
        return lose(source, 0, true, 0);
    }
    if (count == -ENOMEM || coil_check_cancel() < 0) {
        return (int)count;
    }
    source->failure = source->response->failure;
    return lose(source, (int)count,
                count == -ETIMEDOUT || coil__client_is_passing_error((int)count), 0);
}

static void take_retry(struct coil_http_event_source *source)
{
    uint64_t most = (uint64_t)(COIL_NEVER / COIL_MSEC);

    if (source->stream.has_retry) {
        source->stream.has_retry = false;
        source->retry_ns = source->stream.retry_ms < most
                               ? (int64_t)source->stream.retry_ms * COIL_MSEC
                               : COIL_NEVER;
    }
}

static int next(struct coil_http_event_source *source)
{
    while (source->error == 0 && !source->is_over) {
        int rc = source->response ? coil__event_stream_next(&source->stream) : 0;

        take_retry(source);
        if (rc == -COIL_ELIMIT) {
            coil__client_fail(&source->failure, rc, "an event, or a line of it, is too large");
            return lose(source, rc, false, 0);
        }
        if (rc != 0) {
            return rc;
        }
        rc = source->response ? read_more(source) : connect_anew(source);
        if (rc < 0) {
            return rc;
        }
    }
    return source->error;
}

int coil_http_event_source_next(struct coil_http_event_source *source,
                                struct coil_http_source_event *ret_event)
{
    struct coil__event_stream *stream;
    int rc;

    if (!source || !ret_event) {
        return -EINVAL;
    }
    if (source->is_reading) {
        return -COIL_ECONCURRENT;
    }
    source->is_reading = true;
    rc = next(source);
    source->is_reading = false;
    if (rc > 0) {
        stream = &source->stream;
        *ret_event = (struct coil_http_source_event){
            .type = coil__http_size(&stream->type) > 0 ? stream->type.data : "message",
            .data = stream->data.data,
            .data_size = coil__http_size(&stream->data),
            .id = stream->last_id.data,
        };
    }
    return rc;
}

const char *coil_http_event_source_last_id(const struct coil_http_event_source *source)
{
    return source && source->stream.last_id.data ? source->stream.last_id.data : "";
}

const char *coil_http_event_source_error_text(const struct coil_http_event_source *source)
{
    return source ? source->failure.text : "";
}

void coil_http_event_source_close(struct coil_http_event_source *source)
{
    if (!source) {
        return;
    }
    coil_http_response_close(source->response);
    if (source->session) {
        coil__client_session_drop(source->session);
    }
    coil__event_stream_deinit(&source->stream);
    coil__free(source->fields);
    coil__free(source->block);
    coil__free(source);
}
