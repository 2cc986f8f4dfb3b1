/* request.c - a request's head: read, and made into an exchange.
 *
 * A head that is there as a whole, the usual case, is parsed with the fields of the service, which
 * all its connections use in turn: nothing suspends between its first byte and the strings. One
 * that comes in pieces gets fields of its own for that time.
 *
 * The strings are made where the head lies, each with a NUL over what follows it in the message: a
 * colon, a blank or a CR, which nobody looks at any more.
 */
#include "http/http.h"

#include "base/memory.h"

#include <coil/task.h>

#include <errno.h>

/* A head that is being read. */
struct reading {
    struct coil__http_connection *conn;
    struct coil__http1_head head;
    struct coil__http1_field *own; /* NULL: the fields are the service's */
    int64_t when;                  /* its end must have come by then; 0: it has not begun */
};

/* --- waiting --- */

/* Empty lines before a request are none (RFC 9112, section 2.2). */
static bool has_begun(const struct coil__http_buffer *in)
{
    for (size_t i = in->start; i < in->end; i++) {
        if (in->data[i] != '\r' && in->data[i] != '\n') {
            return true;
        }
    }
    return false;
}

/* While nothing happens, little memory is held. */
static void shrink(struct coil__http_connection *conn)
{
    if (coil__http_size(&conn->in) == 0) {
        coil__http_buffer_trim(&conn->in);
    }
    coil__http_buffer_trim(&conn->head);
    coil__http_memory_trim(&conn->memory);
}

/* 1: more has come; else as coil__http_read_head. */
static int wait_for_request(struct coil__http_connection *conn)
{
    struct coil__http_service *service = conn->service;
    ssize_t count;

    shrink(conn);
    conn->is_idle = true;
    count = coil__http_fill(
        conn, service->is_closing ? 0 : coil__http_after(service->settings.idle_timeout_ns));
    conn->is_idle = false;
    if ((count == -ETIMEDOUT || count == -ECANCELED) && coil_check_cancel() == 0) {
        return 0;
    }
    return count > 0 ? 1 : (int)count;
}

static int wait_for_more(struct reading *reading)
{
    struct coil__http_connection *conn = reading->conn;
    ssize_t count;

    if (!has_begun(&conn->in)) {
        return wait_for_request(conn);
    }
    if (reading->when == 0) {
        reading->when = coil__http_after(conn->service->settings.head_timeout_ns);
    }
    count = coil__http_fill(conn, reading->when);
    if (coil__http_was_slow((int)count)) {
        return 408;
    }
    return count > 0 ? 1 : (int)count;
}

/* --- parsing --- */

static void begin(struct reading *reading, struct coil__http1_field *fields)
{
    const struct coil__http_settings *settings = &reading->conn->service->settings;

    coil__http1_head_init(&reading->head, fields, settings->max_fields, &settings->limits);
}

/* As coil__http1_parse_request, and -ENOMEM. */
static int parse(struct reading *reading)
{
    const struct coil__http_service *service = reading->conn->service;
    const struct coil__http_buffer *in = &reading->conn->in;
    const char *data;
    int size;

    if (coil__http_size(in) == 0) {
        return 0;
    }
    data = in->data + in->start;
    size = coil__http1_parse_request(&reading->head, data, coil__http_size(in));
    if (size == 0 && !reading->own) {
        reading->own =
            coil__realloc_array(NULL, service->settings.max_fields, sizeof *reading->own);
        if (!reading->own) {
            return -ENOMEM;
        }
        begin(reading, reading->own);
        size = coil__http1_parse_request(&reading->head, data, coil__http_size(in));
    }
    return size;
}

/* --- strings --- */

/* The host of an absolute-form target is followed by the path: there is no room for the NUL but
 * over what stands before it. */
static char *host_of_target(struct coil__slice host, const char *from, char *to)
{
    char *string = to + (host.start - from) - 1;

    memmove(string, string + 1, host.size);
    string[host.size] = '\0';
    return string;
}

static void cut_query(struct coil_http_exchange *exchange, char *path)
{
    char *mark = strchr(path, '?');

    if (mark) {
        *mark = '\0';
        exchange->query = mark + 1;
    }
}

/* RFC 9112, section 3.2. */
static void make_target(struct coil_http_exchange *exchange, const struct coil__http1_head *head,
                        const char *from, char *to)
{
    char *target = coil__slice_moved_string(head->target, from, to);

    exchange->path = target;
    if (head->form == COIL__HTTP1_ABSOLUTE_FORM) {
        char *rest = target + (head->host.start + head->host.size - head->target.start);

        cut_query(exchange, rest);
        exchange->path = rest;
        if (*rest == '\0') { /* no path: the server as a whole is meant (section 3.2.4) */
            bool is_whole = head->method == COIL__HTTP1_OPTIONS && !exchange->query;

            exchange->path = is_whole ? "*" : "/";
        }
        exchange->host = host_of_target(head->host, from, to);
        return;
    }
    cut_query(exchange, target);
    if (head->host.start) {
        exchange->host = coil__slice_moved_string(head->host, from, to);
    }
}

static int make_fields(struct coil__http_memory *memory, const struct coil__http1_head *head,
                       const char *from, char *to)
{
    int rc = coil__http_reserve_fields(memory, head->field_count);

    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        memory->fields[i].name = coil__slice_moved_string(head->fields[i].name, from, to);
        memory->fields[i].value = coil__slice_moved_string(head->fields[i].value, from, to);
    }
    return 0;
}

/* A head with a body behind it must give way to that. */
static int place_of(struct coil__http_connection *conn, size_t size, bool has_body, char **ret_to)
{
    char *from = conn->in.data + conn->in.start;

    *ret_to = from;
    if (has_body) {
        conn->head.start = 0;
        conn->head.end = 0;
        if (coil__http_reserve(&conn->head, size) < 0) {
            return -ENOMEM;
        }
        memcpy(conn->head.data, from, size);
        *ret_to = conn->head.data;
    }
    return 0;
}

/* --- the exchange --- */

/* What stands in the head without strings. 1, or a status. */
static int describe(struct coil_http_exchange *exchange, const struct coil__http1_head *head)
{
    uint64_t max_body = exchange->conn->service->settings.max_body;

    exchange->is_old = head->minor_version == 0;
    exchange->is_head = head->method == COIL__HTTP1_HEAD;
    exchange->keep_alive = head->keep_alive;
    exchange->field_count = head->field_count;
    exchange->framing = head->framing;
    exchange->body_size = head->framing == COIL__HTTP1_CHUNKED  ? -1
                          : head->framing == COIL__HTTP1_LENGTH ? (int64_t)head->content_length
                                                                : 0;
    exchange->left = exchange->body_size > 0 ? (uint64_t)exchange->body_size : 0;
    exchange->is_read = exchange->body_size == 0;
    exchange->awaits_continue = head->expects_continue && !exchange->is_read;
    if (head->method == COIL__HTTP1_CONNECT || head->framing == COIL__HTTP1_TUNNEL) {
        return 501;
    }
    if (coil__http1_body_init(&exchange->body, head->framing, head->content_length, max_body) < 0) {
        return 413;
    }
    return 1;
}

/* 1, or a status. size: of the head. */
static int make_exchange(struct coil__http_connection *conn, const struct coil__http1_head *head,
                         size_t size)
{
    struct coil_http_exchange *exchange = &conn->exchange;
    const char *from = conn->in.data + conn->in.start;
    int rc = describe(exchange, head);
    char *to;

    if (rc != 1) {
        return rc;
    }
    if (place_of(conn, size, !exchange->is_read, &to) < 0 ||
        make_fields(&conn->memory, head, from, to) < 0) {
        return 503;
    }
    exchange->method = coil__slice_moved_string(head->method_name, from, to);
    make_target(exchange, head, from, to);
    coil__http_take(conn, size);
    return 1;
}

static void reset(struct coil__http_connection *conn)
{
    conn->exchange = (struct coil_http_exchange){
        .protocol = &coil__http1_protocol,
        .service = conn->service,
        .memory = &conn->memory,
        .stream = conn->stream,
        .conn = conn,
        .method = "",
        .path = "",
    };
    conn->memory.extra.end = 0;
    conn->memory.pending.end = 0;
    conn->memory.content.end = 0;
}

/* The first line of the preface of HTTP/2, which is no request of any other version (RFC 9113,
 * section 3.4). */
static bool is_preface(const struct coil__http_connection *conn)
{
    static const char line[] = "PRI * HTTP/2.0\r\n";
    const struct coil__http_buffer *in = &conn->in;

    return conn->requests == 0 && coil__http_size(in) >= sizeof line - 1 &&
           memcmp(in->data + in->start, line, sizeof line - 1) == 0;
}

int coil__http_read_head(struct coil__http_connection *conn)
{
    struct reading reading = {.conn = conn};
    int size = 0;
    int rc = 1;

    reset(conn);
    begin(&reading, conn->service->scratch);
    while (rc == 1 && (size = parse(&reading)) == 0) {
        rc = wait_for_more(&reading);
    }
    if (rc == 1 && size > 0) {
        rc = make_exchange(conn, &reading.head, (size_t)size);
    } else if (rc == 1 && size == -COIL__HTTP1_EMAJOR && is_preface(conn)) {
        rc = COIL__HTTP_IS_HTTP2;
    } else if (rc == 1) {
        rc = size == -ENOMEM ? 503 : (int)coil__http1_error_status(size);
    }
    coil__free(reading.own);
    return rc;
}
