/* app_test.c - requests without a socket: a server at one end of two connected streams, what asks
 * it at the other. Three tasks: the one that serves, the one that writes the request, and the
 * caller, who reads; so neither end ever waits for the other to get on.
 */
#include "http/app.h"

#include "base/memory.h"

#include <coil/task.h>

#include <errno.h>

enum { MAX_FIELDS = 128, MAX_RESPONSE = 256 * 1024 * 1024, READ_STEP = 16 * 1024 };

struct call {
    struct coil_app *app;
    const struct coil_app_request *request;
    struct coil_stream *ends[2];   /* the caller's, the server's */
    struct coil__http_buffer head; /* of the request */
    struct coil__http_buffer answer;
    struct coil_task *server; /* until it is awaited */
    int error;                /* of the writing */
    bool is_over;             /* there is an answer, or there will be none */
};

/* --- the request --- */

static bool has_host(const struct coil_app_request *request)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (coil__slice_is_like(coil__slice_of(request->fields[i].name), "Host")) {
            return true;
        }
    }
    return false;
}

static int compose_into(const struct coil_app_request *request, char *buf, size_t size,
                        size_t *ret_length)
{
    const char *method = request->method ? request->method : "GET";
    struct coil__http1_writer writer;
    int64_t length;

    coil__http1_writer_init(&writer, buf, size);
    coil__http1_write_request(&writer, coil__slice_of(method), coil__slice_of(request->target));
    if (!has_host(request)) {
        coil__http1_write_field(&writer, coil__slice_of("Host"), coil__slice_of("test"));
    }
    coil__http1_write_field(&writer, coil__slice_of("Connection"), coil__slice_of("close"));
    for (size_t i = 0; i < request->field_count; i++) {
        coil__http1_write_field(&writer, coil__slice_of(request->fields[i].name),
                                coil__slice_of(request->fields[i].value));
    }
    if (request->size > 0) {
        coil__http1_write_number(&writer, coil__slice_of("Content-Length"), request->size);
    }
    coil__http1_write_line_end(&writer);
    length = coil__http1_writer_end(&writer);
    *ret_length = length < 0 ? 0 : (size_t)length;
    return length < 0 ? -EINVAL : 0;
}

static int compose(struct call *call)
{
    struct coil__http_buffer *head = &call->head;
    size_t length;
    int rc = compose_into(call->request, NULL, 0, &length);

    rc = rc < 0 ? rc : coil__http_reserve(head, length);
    return rc < 0 ? rc : compose_into(call->request, head->data, length, &head->end);
}

/* --- the tasks --- */

static int serve(void *arg)
{
    struct call *call = arg;
    int rc = coil_http_serve_stream(call->ends[1], NULL, coil_app_handle, call->app);

    if (rc < 0) {
        coil_stream_abort(call->ends[1]);
    } else {
        coil_stream_close(call->ends[1]);
    }
    return 0;
}

/* The server may have had enough before all is written, which is no error. After any other it
 * would wait for the rest. */
static int write_request(void *arg)
{
    struct call *call = arg;
    const struct coil_app_request *request = call->request;
    ssize_t rc = coil_stream_write(call->ends[0], call->head.data, call->head.end);

    if (rc >= 0 && request->size > 0) {
        rc = coil_stream_write(call->ends[0], request->body, request->size);
    }
    if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET && !call->is_over) {
        call->error = (int)rc;
        coil_cancel(call->server);
    }
    return 0;
}

static int read_answer(struct call *call)
{
    struct coil__http_buffer *answer = &call->answer;
    ssize_t count = 1;

    while (count > 0) {
        int rc = answer->end > MAX_RESPONSE ? -COIL_ELIMIT : coil__http_reserve(answer, READ_STEP);

        if (rc < 0) {
            return rc;
        }
        count = coil_stream_read(call->ends[0], answer->data + answer->end, READ_STEP);
        answer->end += count > 0 ? (size_t)count : 0;
    }
    return count == -ECONNRESET || count == -EPIPE ? -COIL_EINCOMPLETE : (int)count;
}

/* All of it, to the end of both tasks and streams. */
static int exchange_bytes(struct call *call)
{
    struct coil_task *writer;
    int rc;

    call->server = coil_create_task(serve, call);
    if (!call->server) {
        coil_stream_abort(call->ends[0]);
        coil_stream_abort(call->ends[1]);
        return -ENOMEM;
    }
    writer = coil_create_task(write_request, call);
    rc = writer ? read_answer(call) : -ENOMEM;
    call->is_over = true;
    coil_shield {
        if (rc < 0) {
            coil_cancel(call->server);
        }
        if (writer) {
            coil_cancel(writer);
            coil_await(writer);
        }
        /* It may wait for more of what it has refused. */
        coil_stream_abort(call->ends[0]);
        coil_await(call->server);
    }
    return call->error < 0 ? call->error : rc;
}

/* --- the response --- */

/* A string of what stands in the answer: behind each slice comes a byte that is of no use. */
static const char *string_of(struct coil__slice slice)
{
    char *string = (char *)(uintptr_t)slice.start;

    string[slice.size] = '\0';
    return string;
}

/* Puts the pieces of a body together, where they lie. Its size, or -COIL_EINCOMPLETE. */
static ssize_t gather(const struct coil__http1_head *head, char *data, size_t size)
{
    struct coil__http1_body body;
    struct coil__http1_piece piece;
    size_t length = 0;
    int event = COIL__HTTP1_DATA;

    coil__http1_body_init(&body, head->framing, head->content_length, UINT64_MAX);
    for (size_t at = 0; event != COIL__HTTP1_END; at += piece.consumed) {
        event = coil__http1_body_next(&body, data + at, size - at, &piece);
        if (event < 0 || event == COIL__HTTP1_MORE) {
            bool is_over = event == COIL__HTTP1_MORE && coil__http1_body_end(&body) == 0;

            return is_over ? (ssize_t)length : -COIL_EINCOMPLETE;
        }
        if (event == COIL__HTTP1_DATA) {
            memmove(data + length, piece.data.start, piece.data.size);
            length += piece.data.size;
        }
    }
    return (ssize_t)length;
}

/* The head of the response itself, behind interim ones. Its size, or -COIL_EINCOMPLETE. */
static int parse_head(struct coil__http1_head *head, const char *method, char **data, size_t *size)
{
    int length;

    do {
        coil__http1_head_reset(head);
        length = coil__http1_parse_response(
            head, coil__http1_method_of(coil__slice_of(method ? method : "GET")), *data, *size);
        if (length <= 0) {
            return -COIL_EINCOMPLETE;
        }
        *data += length;
        *size -= (size_t)length;
    } while (head->status < 200 && head->status != 101);
    return 0;
}

/* memory: room for the fields, and behind them the answer, which becomes strings where it lies. */
static int take_response(const struct call *call, char *memory, struct coil_app_response *response)
{
    struct coil__http1_field found[MAX_FIELDS];
    struct coil_http_field *fields = (struct coil_http_field *)memory;
    struct coil__http1_head head;
    char *data = memory + MAX_FIELDS * sizeof *fields;
    size_t size = call->answer.end;
    ssize_t length;
    int rc;

    memcpy(data, call->answer.data, size);
    coil__http1_head_init(&head, found, MAX_FIELDS, NULL);
    rc = parse_head(&head, call->request->method, &data, &size);
    if (rc < 0) {
        return rc;
    }
    length = gather(&head, data, size);
    if (length < 0) {
        return (int)length;
    }
    data[length] = '\0';
    for (size_t i = 0; i < head.field_count; i++) {
        fields[i].name = string_of(head.fields[i].name);
        fields[i].value = string_of(head.fields[i].value);
    }
    *response = (struct coil_app_response){
        .status = head.status,
        .fields = fields,
        .field_count = head.field_count,
        .body = data,
        .size = (size_t)length,
        .memory_ = memory,
    };
    return 0;
}

static int call_app(struct call *call, struct coil_app_response *ret_response)
{
    char *memory;
    int rc = compose(call);

    rc = rc < 0 ? rc : coil_stream_pair(NULL, call->ends);
    if (rc < 0) {
        return rc;
    }
    rc = exchange_bytes(call);
    if (rc < 0) {
        return rc;
    }
    memory = coil__malloc(MAX_FIELDS * sizeof *ret_response->fields + call->answer.end + 1);
    if (!memory) {
        return -ENOMEM;
    }
    rc = take_response(call, memory, ret_response);
    if (rc < 0) {
        coil__free(memory);
    }
    return rc;
}

/* --- the calls --- */

int coil_app_call(struct coil_app *app, const struct coil_app_request *request,
                  struct coil_app_response *ret_response)
{
    struct call call = {.app = app, .request = request};
    int rc;

    if (!app || !request || !request->target || !ret_response ||
        (!request->fields && request->field_count > 0) || (!request->body && request->size > 0)) {
        return -EINVAL;
    }
    rc = coil_check_cancel();
    rc = rc < 0 ? rc : call_app(&call, ret_response);
    coil__http_buffer_free(&call.head);
    coil__http_buffer_free(&call.answer);
    return rc;
}

int coil_app_test(struct coil_app *app, const char *method, const char *target, const char *body,
                  struct coil_app_response *ret_response)
{
    static const struct coil_http_field json = {"Content-Type", "application/json"};
    struct coil_app_request request = {
        .method = method,
        .target = target,
        .fields = &json,
        .field_count = body ? 1 : 0,
        .body = body,
        .size = body ? strlen(body) : 0,
    };

    return coil_app_call(app, &request, ret_response);
}

const char *coil_app_response_field(const struct coil_app_response *response, const char *name)
{
    for (size_t i = 0; response && name && i < response->field_count; i++) {
        if (coil__slice_is_like(coil__slice_of(name), response->fields[i].name)) {
            return response->fields[i].value;
        }
    }
    return NULL;
}

void coil_app_response_deinit(struct coil_app_response *response)
{
    if (response) {
        coil__free(response->memory_);
        *response = (struct coil_app_response){0};
    }
}
