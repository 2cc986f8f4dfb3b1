/* A WebSocket server at one end of a pair of streams in memory, and at the other a client that is
 * the library's, or one that writes frames byte by byte. */
#ifndef COIL_TESTS_HTTP_WEBSOCKET_TALK_H
#define COIL_TESTS_HTTP_WEBSOCKET_TALK_H

#include "in_task.h"

#include <coil/websocket.h>

#include <stdio.h>
#include <string.h>

enum { FRAME_ROOM = 64 * 1024 };

/* What a test talks to. */
struct talk {
    struct coil_http_server_options server_options;
    struct coil_websocket_options options; /* of the server's WebSocket */
    struct coil_stream_options stream_options;
    struct coil_stream *client; /* NULL: it is `ws`'s */
    struct coil_stream *server;
    struct coil_websocket *ws;       /* the client's */
    struct coil_websocket *accepted; /* the server's, while its handler runs */
    struct coil_task *task;
    struct heard heard;
    int (*serve)(struct coil_websocket *ws); /* the handler's part; NULL: echo */
    int rc;                                  /* of coil_http_serve_stream */
    int end;                                 /* what serve has returned */
    unsigned code;                           /* and the close code then */
    char reason[128];
    size_t size; /* of a frame */
    unsigned char frame[FRAME_ROOM];
};

static struct talk talk;

/* --- the server --- */

static inline int echo_messages(struct coil_websocket *ws)
{
    struct coil_websocket_message message;
    int rc;

    while ((rc = coil_websocket_receive(ws, &message)) > 0) {
        rc = coil_websocket_send(ws, &message);
        if (rc < 0) {
            break;
        }
    }
    return rc;
}

static inline int handle(struct coil_http_exchange *exchange, void *user)
{
    int rc = coil_websocket_accept(exchange, &talk.options, &talk.accepted);

    (void)user;
    if (rc <= 0) {
        talk.end = rc;
        return rc;
    }
    talk.end = talk.serve ? talk.serve(talk.accepted) : echo_messages(talk.accepted);
    talk.code = coil_websocket_get_close_code(talk.accepted);
    snprintf(talk.reason, sizeof talk.reason, "%s", coil_websocket_get_close_reason(talk.accepted));
    return talk.end;
}

static inline int serve_pair(__attribute__((unused)) void *arg)
{
    talk.rc = coil_http_serve_stream(talk.server, &talk.server_options, handle, NULL);
    if (talk.rc < 0) {
        coil_stream_abort(talk.server);
    } else {
        coil_stream_close(talk.server);
    }
    return 0;
}

/* --- both ends --- */

static inline void open_pair(void)
{
    struct coil_stream *streams[2] = {NULL, NULL};

    talk.rc = 1;
    talk.end = 1;
    talk.code = 0;
    talk.ws = NULL;
    talk.accepted = NULL;
    memset(&talk.heard, 0, sizeof talk.heard);
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &talk.heard));
    CHECK_OK(coil_stream_pair(&talk.stream_options, streams));
    talk.client = streams[0];
    talk.server = streams[1];
    talk.task = coil_create_task(serve_pair, NULL);
}

/* The client is the library's. */
static inline void open_talk(const struct coil_websocket_options *options)
{
    struct coil_stream *stream;

    open_pair();
    stream = talk.client;
    talk.client = NULL;
    CHECK_OK(coil_websocket_connect_stream(stream, "example.org", NULL, options, &talk.ws));
}

static inline void end_server(void)
{
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_await(talk.task));
    }
}

static inline void close_talk(void)
{
    coil_websocket_close(talk.ws, 1000, NULL);
    coil_websocket_free(talk.ws);
    end_server();
}

/* --- a client of bytes --- */

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define REQUEST(more)                                                                              \
    "GET /chat HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"     \
    "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n" more "\r\n"

static inline void say(const void *data, size_t size)
{
    CHECK_INT(coil_stream_write(talk.client, data, size), ==, (int64_t)size);
}

static inline void hear_bytes(void *buf, size_t size)
{
    coil_timeout(2 * PATIENCE) {
        CHECK_INT(coil_stream_read_exactly(talk.client, buf, size, NULL), ==, (int64_t)size);
    }
}

/* The head of the answer; in talk.frame. */
static inline void hear_head(void)
{
    coil_timeout(2 * PATIENCE) {
        ssize_t n = coil_stream_read_until(talk.client, "\r\n\r\n", 4, talk.frame, FRAME_ROOM - 1);

        CHECK_MSG(n > 0, "there is no answer: %s", coil_errname((int)n));
        talk.frame[n] = '\0';
    }
}

/* more: lines of the request. */
static inline void open_raw(const char *more)
{
    char request[1024];

    open_pair();
    snprintf(request, sizeof request, REQUEST("%s"), more);
    say(request, strlen(request));
    hear_head();
    CHECK_MSG(strncmp((char *)talk.frame, "HTTP/1.1 101 ", 13) == 0, "%s", (char *)talk.frame);
}

/* A frame of a client; first: its first byte. Returns its size. */
static inline size_t make_frame(unsigned char *to, unsigned first, const void *data, size_t size)
{
    static const unsigned char key[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t at = 2;

    to[0] = (unsigned char)first;
    if (size < 126) {
        to[1] = (unsigned char)(0x80 | size);
    } else if (size < 65536) {
        to[1] = 0x80 | 126;
        to[2] = (unsigned char)(size >> 8);
        to[3] = (unsigned char)size;
        at = 4;
    } else {
        to[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++) {
            to[2 + i] = (unsigned char)((uint64_t)size >> (56 - 8 * i));
        }
        at = 10;
    }
    memcpy(to + at, key, 4);
    at += 4;
    for (size_t i = 0; i < size; i++) {
        to[at + i] = ((const unsigned char *)data)[i] ^ key[i % 4];
    }
    return at + size;
}

static inline void say_frame(unsigned first, const void *data, size_t size)
{
    unsigned char *frame = malloc(size + 14);

    CHECK(frame);
    say(frame, make_frame(frame, first, data, size));
    free(frame);
}

static inline void say_text(unsigned first, const char *text)
{
    say_frame(first, text, strlen(text));
}

/* Its first byte; the payload in talk.frame. */
static inline unsigned hear_frame(void)
{
    unsigned char head[10];
    uint64_t size;

    hear_bytes(head, 2);
    CHECK_INT(head[1] & 0x80, ==, 0);
    size = head[1];
    if (size == 126) {
        hear_bytes(head + 2, 2);
        size = (uint64_t)head[2] << 8 | head[3];
    } else if (size == 127) {
        hear_bytes(head + 2, 8);
        size = 0;
        for (int i = 2; i < 10; i++) {
            size = size << 8 | head[i];
        }
    }
    CHECK_INT(size, <, FRAME_ROOM);
    talk.size = size;
    hear_bytes(talk.frame, size);
    talk.frame[size] = '\0';
    return head[0];
}

static inline void check_frame(unsigned first, const char *text)
{
    CHECK_INT(hear_frame(), ==, first);
    CHECK_STR((char *)talk.frame, text);
}

/* The server closes with that code. */
static inline void check_close(unsigned code)
{
    CHECK_INT(hear_frame(), ==, 0x88);
    CHECK_INT(talk.size, >=, 2);
    CHECK_INT((unsigned)talk.frame[0] << 8 | talk.frame[1], ==, code);
}

/* The connection ends, and nothing more comes. */
static inline void check_end(void)
{
    char buf[64];
    ssize_t n = -1;

    coil_timeout(2 * PATIENCE) {
        n = coil_stream_read(talk.client, buf, sizeof buf);
    }
    CHECK_MSG(n == 0 || n == -ECONNRESET, "%d %s", (int)n, coil_errname((int)n));
}

static inline void close_raw(void)
{
    coil_stream_abort(talk.client);
    end_server();
}

#endif
