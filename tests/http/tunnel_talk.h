/* WebSockets over HTTP/2 for tests: a server that echoes, and on the client's side streams of
 * http2_talk.h, on which frames are written byte by byte. */
#ifndef COIL_TESTS_TUNNEL_TALK_H
#define COIL_TESTS_TUNNEL_TALK_H

#include "http2_talk.h"

#include <coil/websocket.h>

enum { TUNNEL_ROOM = 1024 * 1024, FRAME_ROOM = 300 * 1024 };

/* A stream, seen by its client. */
struct tunnel {
    int32_t id;
    char *out; /* TUNNEL_ROOM bytes, of which those up to out_end are to be sent */
    size_t out_start;
    size_t out_end;
    bool is_end;    /* behind those comes END_STREAM */
    size_t read;    /* of what has come */
    size_t size;    /* of the last frame's payload */
    unsigned first; /* its first byte */
    const unsigned char *payload;
};

/* What the server has seen, and how it shall be. */
static struct {
    struct coil_websocket_options options;
    int (*serve)(struct coil_websocket *ws); /* NULL: echo */
    int accepted;                            /* so many */
    int ended;
    int rc;        /* what accept has returned, or serve in the end */
    unsigned code; /* the peer's, of the last that has ended */
} sockets;

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

/* Other paths than /chat are answered by `tell`. */
static inline int accept_socket(struct coil_http_exchange *exchange, void *user)
{
    struct coil_websocket *ws;
    int rc;

    if (strncmp(coil_http_path(exchange), "/chat", 5) != 0) {
        return tell(exchange, user);
    }
    rc = coil_websocket_accept(exchange, &sockets.options, &ws);
    sockets.rc = rc;
    if (rc <= 0) {
        return rc;
    }
    sockets.accepted++;
    rc = sockets.serve ? sockets.serve(ws) : echo_messages(ws);
    sockets.rc = rc;
    sockets.code = coil_websocket_get_close_code(ws);
    sockets.ended++;
    return rc;
}

/* --- streams --- */

static inline ssize_t tunnel_upload(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
                                    uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct tunnel *tunnel = (struct tunnel *)source->ptr;
    size_t have = tunnel->out_end - tunnel->out_start;

    (void)session;
    (void)id;
    (void)user;
    if (have == 0 && !tunnel->is_end) {
        return NGHTTP2_ERR_DEFERRED;
    }
    size = size < have ? size : have;
    memcpy(buf, tunnel->out + tunnel->out_start, size);
    tunnel->out_start += size;
    *flags |= size == have && tunnel->is_end ? (uint32_t)NGHTTP2_DATA_FLAG_EOF : 0;
    return (ssize_t)size;
}

/* fields: more of them, name, value, ..., NULL; those that begin with ':' replace the usual ones.
 * Asks for a WebSocket. */
static inline void begin_tunnel(struct tunnel *tunnel, const char *const *fields)
{
    nghttp2_data_provider provider = {.source.ptr = tunnel, .read_callback = tunnel_upload};
    nghttp2_nv nv[32];
    size_t count = 0;

    *tunnel = (struct tunnel){.out = (char *)test_made(malloc(TUNNEL_ROOM))};
    nv[count++] = nv_of(":method", "CONNECT");
    nv[count++] = nv_of(":protocol", "websocket");
    nv[count++] = nv_of(":scheme", "http");
    nv[count++] = nv_of(":path", "/chat");
    nv[count++] = nv_of(":authority", "example.org");
    nv[count++] = nv_of("sec-websocket-version", "13");
    for (size_t i = 0; fields && fields[i]; i += 2) {
        size_t at = 0;

        while (at < count && strcmp((const char *)nv[at].name, fields[i]) != 0) {
            at++;
        }
        nv[at] = nv_of(fields[i], fields[i + 1]);
        count += at == count;
    }
    tunnel->id = nghttp2_submit_request(peer.session, NULL, nv, count, &provider, NULL);
    CHECK_INT(tunnel->id, >, 0);
}

/* Talks on until the answer's head is here, or the stream is over. */
static inline const char *hear_status(struct tunnel *tunnel)
{
    struct answer *answer = answer_of(tunnel->id);

    peer_send();
    while (!answer->status[0] && !answer->is_closed && !peer.is_over) {
        peer_receive();
        peer_send();
    }
    return answer->status;
}

static inline void open_tunnel(struct tunnel *tunnel, const char *const *fields)
{
    begin_tunnel(tunnel, fields);
    CHECK_STR(hear_status(tunnel), "200");
}

static inline void free_tunnel(struct tunnel *tunnel)
{
    free(tunnel->out);
    tunnel->out = NULL;
}

/* Bytes, when the windows allow. */
static inline void say_tunnel(struct tunnel *tunnel, const void *data, size_t size)
{
    CHECK_INT(tunnel->out_end + size, <=, TUNNEL_ROOM);
    if (size > 0) {
        memcpy(tunnel->out + tunnel->out_end, data, size);
    }
    tunnel->out_end += size;
    nghttp2_session_resume_data(peer.session, tunnel->id);
    peer_send();
}

static inline void end_tunnel(struct tunnel *tunnel)
{
    tunnel->is_end = true;
    nghttp2_session_resume_data(peer.session, tunnel->id);
    peer_send();
}

/* A frame of a client; first: its first byte. */
static inline void say_message(struct tunnel *tunnel, unsigned first, const void *data, size_t size)
{
    static const unsigned char key[4] = {0x37, 0xfa, 0x21, 0x3d};
    unsigned char *frame = (unsigned char *)test_made(malloc(size + 14));
    size_t at = 2;

    frame[0] = (unsigned char)first;
    if (size < 126) {
        frame[1] = (unsigned char)(0x80 | size);
    } else if (size < 65536) {
        frame[1] = 0x80 | 126;
        frame[2] = (unsigned char)(size >> 8);
        frame[3] = (unsigned char)size;
        at = 4;
    } else {
        frame[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++) {
            frame[2 + i] = (unsigned char)((uint64_t)size >> (56 - 8 * i));
        }
        at = 10;
    }
    memcpy(frame + at, key, 4);
    at += 4;
    for (size_t i = 0; i < size; i++) {
        frame[at + i] = ((const unsigned char *)data)[i] ^ key[i % 4];
    }
    say_tunnel(tunnel, frame, at + size);
    free(frame);
}

static inline void say_text(struct tunnel *tunnel, const char *text)
{
    say_message(tunnel, 0x81, text, strlen(text));
}

/* Talks on until so many bytes are here that were not read. False: the stream is over before. */
static inline bool await_bytes(struct tunnel *tunnel, size_t size)
{
    struct answer *answer = answer_of(tunnel->id);

    while (answer->size - tunnel->read < size) {
        if (answer->is_closed || answer->is_ended || peer.is_over) {
            return false;
        }
        peer_send();
        peer_receive();
    }
    peer_send();
    return true;
}

/* The server's next frame. False: the stream is over. */
static inline bool hear_message(struct tunnel *tunnel)
{
    const unsigned char *at;
    size_t head = 2;

    if (!await_bytes(tunnel, 2)) {
        return false;
    }
    at = (unsigned char *)answer_of(tunnel->id)->body + tunnel->read;
    tunnel->size = at[1];
    if (tunnel->size >= 126) {
        head = tunnel->size == 126 ? 4 : 10;
        CHECK(await_bytes(tunnel, head));
        at = (unsigned char *)answer_of(tunnel->id)->body + tunnel->read;
        tunnel->size = 0;
        for (size_t i = 2; i < head; i++) {
            tunnel->size = tunnel->size << 8 | at[i];
        }
    }
    if (!await_bytes(tunnel, head + tunnel->size)) {
        return false;
    }
    at = (unsigned char *)answer_of(tunnel->id)->body + tunnel->read;
    tunnel->first = at[0];
    tunnel->payload = at + head;
    tunnel->read += head + tunnel->size;
    return true;
}

static inline void check_text(struct tunnel *tunnel, const char *text)
{
    CHECK(hear_message(tunnel));
    CHECK_INT(tunnel->first, ==, 0x81);
    CHECK_INT(tunnel->size, ==, strlen(text));
    CHECK_MEM(tunnel->payload, text, tunnel->size);
}

static inline void check_close(struct tunnel *tunnel, unsigned code)
{
    CHECK(hear_message(tunnel));
    CHECK_INT(tunnel->first, ==, 0x88);
    CHECK_INT(tunnel->size, >=, 2);
    CHECK_INT((unsigned)tunnel->payload[0] << 8 | tunnel->payload[1], ==, code);
}

/* Nothing more comes but the stream's end: END_STREAM, or RST_STREAM with that error. */
static inline void check_end(struct tunnel *tunnel, bool is_in_order, uint32_t error)
{
    struct answer *answer = answer_of(tunnel->id);

    CHECK(!await_bytes(tunnel, 1));
    CHECK_INT(answer->is_ended, ==, is_in_order);
    if (is_in_order && !tunnel->is_end) {
        end_tunnel(tunnel);
    }
    wait_answer(tunnel->id);
    CHECK_INT(answer->is_closed, ==, true);
    CHECK_INT(answer->error, ==, error);
}

/* The closing handshake, begun by the client. */
static inline void close_tunnel(struct tunnel *tunnel)
{
    say_message(tunnel, 0x88, "\x03\xe8", 2);
    check_close(tunnel, 1000);
    check_end(tunnel, true, NGHTTP2_NO_ERROR);
    free_tunnel(tunnel);
}

/* Lets the server do what it has to, until so many handlers have ended. */
static inline void await_ends(int count)
{
    coil_timeout(PATIENCE) {
        while (sockets.ended < count) {
            CHECK_OK(coil_sleep(COIL_MSEC));
        }
    }
}

#endif
