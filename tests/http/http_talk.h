/* A server at one end of a pair of streams in memory, and a client at the other that writes bytes
 * and compares the bytes of the answer. */
#ifndef COIL_TESTS_HTTP_TALK_H
#define COIL_TESTS_HTTP_TALK_H

#include "in_task.h"

#include <coil/http_server.h>

#include <stdio.h>
#include <string.h>

enum { ANSWER_ROOM = 256 * 1024 };

/* What a test talks to. */
struct talk {
    struct coil_http_server_options options;
    struct coil_stream_options stream_options;
    coil_http_handler handler;
    void *user;
    struct coil_stream *client;
    struct coil_stream *server;
    struct coil_task *task; /* that serves */
    struct heard heard;     /* reports */
    int rc;                 /* of coil_http_serve_stream */
    size_t size;            /* of the answer so far */
    char answer[ANSWER_ROOM];
};

static struct talk talk;

/* --- handlers --- */

/* Tells what it was asked for. */
__attribute__((unused)) static int tell(struct coil_http_exchange *exchange, void *user)
{
    const char *query = coil_http_query(exchange);
    const char *host = coil_http_host(exchange);
    char text[512];

    (void)user;
    snprintf(text, sizeof text, "%s %s ?%s @%s", coil_http_method(exchange),
             coil_http_path(exchange), query ? query : "-", host ? host : "-");
    return coil_http_reply(exchange, 200, NULL, text, strlen(text));
}

/* Sends the body back. */
__attribute__((unused)) static int echo(struct coil_http_exchange *exchange, void *user)
{
    const char *body = NULL;
    ssize_t size = coil_http_read_all(exchange, &body);

    (void)user;
    return size < 0 ? (int)size : coil_http_reply(exchange, 200, NULL, body, (size_t)size);
}

/* --- the two ends --- */

static inline int serve_pair(void *arg)
{
    struct talk *t = (struct talk *)arg;

    t->rc = coil_http_serve_stream(t->server, &t->options, t->handler, t->user);
    if (t->rc < 0) {
        coil_stream_abort(t->server);
    } else {
        coil_stream_close(t->server);
    }
    return 0;
}

/* handler: NULL: tell. What stands in talk.options and talk.stream_options counts. */
static inline void open_talk(coil_http_handler handler)
{
    struct coil_stream *streams[2] = {NULL, NULL};

    talk.handler = handler ? handler : tell;
    talk.size = 0;
    talk.rc = 1;
    talk.options.server_name = talk.options.server_name ? talk.options.server_name : "";
    memset(&talk.heard, 0, sizeof talk.heard);
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &talk.heard));
    CHECK_OK(coil_stream_pair(&talk.stream_options, streams));
    talk.client = streams[0];
    talk.server = streams[1];
    talk.task = coil_create_task(serve_pair, &talk);
}

static inline void say_bytes(const char *data, size_t size)
{
    CHECK_INT(coil_stream_write(talk.client, data, size), ==, (int64_t)size);
}

static inline void say(const char *text)
{
    say_bytes(text, strlen(text));
}

/* All that comes until the server's end, or until there are `size` bytes in all. */
static inline void hear_answer(size_t size)
{
    ssize_t n = 1;

    coil_timeout(2 * PATIENCE) {
        while (n > 0 && talk.size < size) {
            n = coil_stream_read(talk.client, talk.answer + talk.size,
                                 sizeof talk.answer - 1 - talk.size);
            talk.size += n > 0 ? (size_t)n : 0;
        }
        CHECK_MSG(n >= 0 || n == -ECONNRESET, "the answer does not come: %s", coil_errname((int)n));
    }
    talk.answer[talk.size] = '\0';
}

/* Takes the lines of the Date out, which are checked elsewhere. */
static inline void drop_dates(void)
{
    char *line = talk.answer;

    while ((line = strstr(line, "\r\nDate: "))) {
        size_t size = strlen("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT");

        memmove(line, line + size, strlen(line + size) + 1);
        talk.size -= size;
    }
}

/* Waits for the end of all. */
static inline void close_talk(void)
{
    coil_timeout(2 * PATIENCE) { /* it may linger for as long as the patience of a torture is */
        CHECK_OK(coil_await(talk.task));
    }
    coil_stream_close(talk.client);
}

/* Says all of it, in pieces of `step` bytes (0: at once), then that this is the end, and compares
 * what comes back, without the lines of the Date. */
static inline void check_exact(coil_http_handler handler, const char *request, size_t step,
                               const char *expected)
{
    size_t size = strlen(request);

    step = step > 0 ? step : size;
    open_talk(handler);
    for (size_t at = 0; at < size; at += step) {
        /* The server may have had enough. */
        if (coil_stream_write(talk.client, request + at, at + step < size ? step : size - at) < 0) {
            break;
        }
        if (at + step < size) {
            coil_yield();
        }
    }
    coil_stream_write_eof(talk.client);
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, expected);
    close_talk();
}

/* Whole, and byte by byte. */
static inline void check_answer(coil_http_handler handler, const char *request,
                                const char *expected)
{
    check_exact(handler, request, 0, expected);
    check_exact(handler, request, 1, expected);
}

#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n"
#define OK_CLOSE(length)                                                                           \
    "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\nConnection: close\r\n\r\n"
#define REFUSED(status, reason, length)                                                            \
    "HTTP/1.1 " status " " reason "\r\nContent-Type: text/plain\r\nContent-Length: " length        \
    "\r\nConnection: close\r\n\r\n" reason "\n"

#endif
