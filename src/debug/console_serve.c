/* console_serve.c - the connections of the console: one request each, and its answer.
 *
 * A client has a bound of everything: bytes of its request, time for all of it, and its share of
 * the connections. When its answer was sent it may take a moment to close its side, so that what it
 * has still sent does not turn our close into a reset that overtakes the answer.
 */
#include "debug/console.h"

#include "base/memory.h"

#include <coil/scope.h>
#include <coil/server.h>

#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

enum { FIELDS_SIZE = 1536, PIECES = 5, LINGER_SIZE = 64 * 1024, METRICS_SIZE = 64 * 1024 };

#define LINGER (500 * COIL_MSEC)

struct reply {
    int status;
    const char *type;          /* of the body */
    char extra[256];           /* further fields, each with its end of line; or "" */
    struct iovec body[PIECES]; /* the first one is left free, for the head */
    int pieces;                /* that one included */
};

static void add_body(struct reply *reply, const void *bytes, size_t size)
{
    reply->body[reply->pieces++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
}

static void set_text(struct reply *reply, int status, const char *text)
{
    reply->status = status;
    reply->type = "text/plain; charset=utf-8";
    add_body(reply, text, strlen(text));
}

/* --- sending --- */

/* What every answer says: nothing is kept, nothing is fetched from elsewhere, nobody embeds it. */
static const char fields[] = "Connection: close\r\n"
                             "Cache-Control: no-store\r\n"
                             "Content-Security-Policy: default-src 'none'; script-src 'self'; "
                             "style-src 'self'; connect-src 'self'; img-src data:; "
                             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
                             "Cross-Origin-Resource-Policy: same-origin\r\n"
                             "Cross-Origin-Opener-Policy: same-origin\r\n"
                             "Referrer-Policy: no-referrer\r\n"
                             "X-Content-Type-Options: nosniff\r\n";

/* Sends all of it, and waits until the peer has closed or is slow to. */
static void send_all(struct coil_stream *stream, struct reply *reply, bool is_head)
{
    char head[FIELDS_SIZE];
    char rest[512];
    size_t size = 0;
    ssize_t count = 1;
    int length;

    for (int i = 1; i < reply->pieces; i++) {
        size += reply->body[i].iov_len;
    }
    length = snprintf(
        head, sizeof head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s\r\n",
        reply->status, coil__status_text(reply->status), reply->type, size, fields, reply->extra);
    reply->body[0] = (struct iovec){.iov_base = head, .iov_len = (size_t)length};
    if (coil_stream_writev(stream, reply->body, is_head ? 1 : reply->pieces) < 0 ||
        coil_stream_write_eof(stream) < 0) {
        return;
    }
    size = 0;
    coil_timeout(LINGER) {
        while (count > 0 && size < LINGER_SIZE) {
            count = coil_stream_read(stream, rest, sizeof rest);
            size += count > 0 ? (size_t)count : 0;
        }
    }
}

/* The time that the client may take begins anew: making the answer may have taken long. */
static void send_reply(const struct coil__console *console, struct coil_stream *stream,
                       struct reply *reply, bool is_head)
{
    coil_timeout(console->options.request_timeout_ns) {
        send_all(stream, reply, is_head);
    }
}

/* --- what there is --- */

static void send_file(const struct coil__console *console, struct coil_stream *stream,
                      const struct coil__request *request, const struct coil__file_text *file,
                      const char *type)
{
    struct reply reply = {.status = 200, .type = type, .pieces = 1};

    add_body(&reply, file->bytes, file->size);
    send_reply(console, stream, &reply, request->is_head);
}

/* Whether the client has this view already: `?seen=SERIAL`. */
static bool has_seen(const struct coil__request *request, const struct coil__view *view)
{
    char serial[24];
    size_t size = 0;
    const char *seen = coil__request_query(request, "seen", &size);
    int length = snprintf(serial, sizeof serial, "%llu", (unsigned long long)view->serial);

    return seen && size == (size_t)length && memcmp(seen, serial, size) == 0;
}

static void send_state(struct coil__console *console, struct coil_stream *stream,
                       const struct coil__request *request)
{
    struct reply reply = {.status = 200, .type = "application/json", .pieces = 1};
    struct coil__json json = {0};
    int64_t silent_ns;
    struct coil__view *view = coil__console_look(console, &silent_ns);

    coil__console_state(&json, console, view, silent_ns);
    coil__json_key(&json, "tasks");
    if (json.has_failed) {
        set_text(&reply, 503, "There is no memory for an answer just now.\n");
    } else if (view && view->rc == 0 && !has_seen(request, view)) {
        add_body(&reply, json.text, json.length);
        add_body(&reply, view->tasks.text, view->tasks.length);
        add_body(&reply, "}\n", 2);
    } else {
        add_body(&reply, json.text, json.length);
        add_body(&reply, "null}\n", 6);
    }
    send_reply(console, stream, &reply, request->is_head);
    coil__json_deinit(&json);
    coil__view_drop(view);
}

static void send_text(const struct coil__console *console, struct coil_stream *stream,
                      const struct coil__request *request, int status, const char *text,
                      const char *extra)
{
    struct reply reply = {.pieces = 1};

    set_text(&reply, status, text);
    snprintf(reply.extra, sizeof reply.extra, "%s", extra);
    send_reply(console, stream, &reply, request && request->is_head);
}

static void send_metrics(const struct coil__console *console, struct coil_stream *stream,
                         const struct coil__request *request)
{
    struct reply reply = {.status = 200, .type = COIL_PROMETHEUS_CONTENT_TYPE, .pieces = 1};
    char *buf = coil__malloc(METRICS_SIZE);
    ssize_t length = buf ? coil__console_metrics(console, buf, METRICS_SIZE) : -ENOMEM;

    if (length < 0) {
        set_text(&reply, 503, "The metrics cannot be had just now.\n");
    } else {
        add_body(&reply, buf, (size_t)length);
    }
    send_reply(console, stream, &reply, request->is_head);
    coil__free(buf);
}

/* The token has come in the query: a browser keeps it as a cookie from now on, and shows an address
 * without it. */
static void send_home(struct coil__console *console, struct coil_stream *stream,
                      const struct coil__request *request)
{
    char extra[256];

    snprintf(extra, sizeof extra,
             "Location: /\r\nSet-Cookie: %s=%s; Path=/; HttpOnly; SameSite=Lax\r\n",
             console->cookie, console->token);
    send_text(console, stream, request, 303, "", extra);
}

/* A part of the page. False: it is none. */
static bool send_part(struct coil__console *console, struct coil_stream *stream,
                      const struct coil__request *request)
{
    static const char html[] = "text/html; charset=utf-8";
    static const char css[] = "text/css; charset=utf-8";
    static const char script[] = "text/javascript; charset=utf-8";
    static const struct {
        const char *path;
        const struct coil__file_text *text;
        const char *type;
    } parts[] = {
        {"/", &coil__console_html, html},           {"/console.css", &coil__console_css, css},
        {"/page.js", &coil__page_js, script},       {"/tasks.js", &coil__tasks_js, script},
        {"/console.js", &coil__console_js, script},
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(request->path, parts[i].path) == 0) {
            send_file(console, stream, request, parts[i].text, parts[i].type);
            return true;
        }
    }
    return false;
}

static void answer(struct coil__console *console, struct coil_stream *stream,
                   const struct coil__request *request, bool is_by_query)
{
    const char *path = request->path;

    if (strcmp(path, "/") == 0 && is_by_query) {
        send_home(console, stream, request);
    } else if (send_part(console, stream, request)) {
        return;
    } else if (strcmp(path, "/state.json") == 0) {
        send_state(console, stream, request);
    } else if (strcmp(path, "/metrics") == 0) {
        send_metrics(console, stream, request);
    } else {
        send_text(console, stream, request, 404, "There is no such page here.\n", "");
    }
}

static void refuse(const struct coil__console *console, struct coil_stream *stream, int status)
{
    static const struct {
        int status;
        const char *text;
        const char *extra;
    } reasons[] = {
        {401,
         "This console needs its token: add ?token=... to the address, or send it as\n"
         "Authorization: Bearer ...\n",
         "WWW-Authenticate: Bearer\r\n"},
        {403,
         "The Host header does not name this machine. The console listens on a loopback\n"
         "address; ask it as localhost.\n",
         ""},
        {405, "Nothing can be changed here: GET and HEAD only.\n", "Allow: GET, HEAD\r\n"},
        {413, "A request has no body here.\n", ""},
        {431, "The request is too long.\n", ""},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status) {
            send_text(console, stream, NULL, status, reasons[i].text, reasons[i].extra);
            return;
        }
    }
    send_text(console, stream, NULL, status,
              "This is no HTTP/1.1 request that is understood here.\n", "");
}

/* --- a connection --- */

static int read_request(struct coil_stream *stream, char *head, size_t size,
                        struct coil__request *ret_request)
{
    ssize_t length = coil_stream_read_until(stream, "\r\n\r\n", 4, head, size);

    if (length == -COIL_ELIMIT) {
        return 431;
    }
    return length < 0 ? (int)length : coil__request_parse(head, (size_t)length, ret_request);
}

int coil__console_serve(struct coil_stream *stream, void *user)
{
    struct coil__console *console = user;
    char head[COIL__CONSOLE_HEAD];
    struct coil__request request;
    bool is_by_query = false;
    int status = -ETIMEDOUT;

    coil_timeout(console->options.request_timeout_ns) {
        status = read_request(stream, head, sizeof head, &request);
    }
    if (status == 0) {
        status = coil__request_admit(&console->access, &request, &is_by_query);
        if (status == 0) {
            answer(console, stream, &request, is_by_query);
        }
    }
    if (status > 0) {
        refuse(console, stream, status);
    }
    coil_stream_abort(stream); /* it has had its time: all was sent, or never will be */
    return 0;
}
