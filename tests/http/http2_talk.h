/* A client of HTTP/2 for tests, over the pair of http_talk.h: nghttp2's for what is right, and
 * frames written by hand for what is not. */
#ifndef COIL_TESTS_HTTP2_TALK_H
#define COIL_TESTS_HTTP2_TALK_H

#include "http_talk.h"

#include <nghttp2/nghttp2.h>

enum { MAX_ANSWERS = 64, FIELDS_ROOM = 4096 };

/* What has come back on a stream. */
struct answer {
    int32_t id;
    char status[4];
    bool was_continued; /* by a 100 */
    char fields[FIELDS_ROOM];
    size_t field_size;
    char *body;
    size_t size;
    size_t room;
    bool is_ended;
    bool is_closed;
    uint32_t error;
};

static struct {
    nghttp2_session *session;
    struct answer answers[MAX_ANSWERS];
    size_t count;
    bool has_goaway;
    uint32_t goaway;
    bool is_over; /* the server has closed */
} peer;

/* --- nghttp2's callbacks --- */

static inline struct answer *answer_of(int32_t id)
{
    for (size_t i = 0; i < peer.count; i++) {
        if (peer.answers[i].id == id) {
            return &peer.answers[i];
        }
    }
    CHECK_MSG(peer.count < MAX_ANSWERS, "too many streams");
    peer.answers[peer.count] = (struct answer){.id = id};
    return &peer.answers[peer.count++];
}

static inline int peer_header(nghttp2_session *session, const nghttp2_frame *frame,
                              const uint8_t *name, size_t name_size, const uint8_t *value,
                              size_t value_size, uint8_t flags, void *user)
{
    struct answer *answer = answer_of(frame->hd.stream_id);

    (void)session;
    (void)name_size;
    (void)value_size;
    (void)flags;
    (void)user;
    if (strcmp((const char *)name, ":status") == 0) {
        answer->was_continued = answer->was_continued || memcmp(value, "100", 3) == 0;
        snprintf(answer->status, sizeof answer->status, "%s", (const char *)value);
    } else if (strcmp((const char *)name, "date") != 0) {
        answer->field_size +=
            (size_t)snprintf(answer->fields + answer->field_size, FIELDS_ROOM - answer->field_size,
                             "%s: %s\n", (const char *)name, (const char *)value);
    }
    return 0;
}

static inline int peer_data(nghttp2_session *session, uint8_t flags, int32_t id,
                            const uint8_t *data, size_t size, void *user)
{
    struct answer *answer = answer_of(id);

    (void)session;
    (void)flags;
    (void)user;
    if (answer->size + size + 1 > answer->room) {
        answer->room = 2 * (answer->size + size + 1);
        answer->body = (char *)test_made(realloc(answer->body, answer->room));
    }
    memcpy(answer->body + answer->size, data, size);
    answer->size += size;
    answer->body[answer->size] = '\0';
    return 0;
}

static inline int peer_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    (void)user;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        peer.has_goaway = true;
        peer.goaway = frame->goaway.error_code;
    }
    if (frame->hd.stream_id > 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) &&
        (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)) {
        answer_of(frame->hd.stream_id)->is_ended = true;
    }
    return 0;
}

static inline int peer_closed(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct answer *answer = answer_of(id);

    (void)session;
    (void)user;
    answer->is_closed = true;
    answer->error = error;
    return 0;
}

/* --- the two ends --- */

/* settings: may be NULL. is_slow: windows are opened by the test. */
static inline void open_peer(coil_http_handler handler, const nghttp2_settings_entry *settings,
                             size_t count, bool is_slow)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;

    for (size_t i = 0; i < peer.count; i++) {
        free(peer.answers[i].body);
    }
    memset(&peer, 0, sizeof peer);
    open_talk(handler);
    CHECK_INT(nghttp2_session_callbacks_new(&callbacks), ==, 0);
    CHECK_INT(nghttp2_option_new(&option), ==, 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, peer_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, peer_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, peer_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, peer_closed);
    nghttp2_option_set_no_auto_window_update(option, is_slow);
    CHECK_INT(nghttp2_session_client_new2(&peer.session, callbacks, NULL, option), ==, 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    CHECK_INT(nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, settings, count), ==, 0);
}

/* Sends what the client has to say. */
static inline void peer_send(void)
{
    const uint8_t *data;
    ssize_t size;

    while ((size = nghttp2_session_mem_send(peer.session, &data)) > 0) {
        if (coil_stream_write(talk.client, data, (size_t)size) < 0) {
            return; /* the server may have had enough */
        }
    }
}

/* Receives once, with patience. */
static inline void peer_receive(void)
{
    static uint8_t buf[64 * 1024];
    ssize_t size = 0;

    coil_timeout(PATIENCE) {
        size = coil_stream_read(talk.client, buf, sizeof buf);
    }
    CHECK_MSG(size >= 0 || size == -ECONNRESET, "nothing comes: %s", coil_errname((int)size));
    if (size <= 0) {
        peer.is_over = true;
        return;
    }
    CHECK_INT(nghttp2_session_mem_recv(peer.session, buf, (size_t)size), ==, size);
}

/* Talks on until that stream is over, or the connection. */
static inline struct answer *wait_answer(int32_t id)
{
    peer_send();
    while (!answer_of(id)->is_closed && !peer.is_over) {
        peer_receive();
        peer_send();
    }
    return answer_of(id);
}

static inline void wait_over(void)
{
    peer_send();
    while (!peer.is_over) {
        peer_receive();
        peer_send();
    }
}

/* The client closes, and the server ends. */
static inline void close_peer(void)
{
    coil_stream_write_eof(talk.client);
    close_talk();
    nghttp2_session_del(peer.session);
    for (size_t i = 0; i < peer.count; i++) {
        free(peer.answers[i].body);
    }
    memset(&peer, 0, sizeof peer);
}

/* --- requests --- */

struct upload {
    const char *data;
    size_t size;
    bool is_held; /* comes later: nghttp2_session_resume_data */
};

static inline ssize_t peer_upload(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
                                  uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct upload *upload = (struct upload *)source->ptr;

    (void)session;
    (void)id;
    (void)user;
    if (upload->is_held) {
        return NGHTTP2_ERR_DEFERRED;
    }
    size = size < upload->size ? size : upload->size;
    memcpy(buf, upload->data, size);
    upload->data += size;
    upload->size -= size;
    *flags |= upload->size == 0 ? (uint32_t)NGHTTP2_DATA_FLAG_EOF : 0;
    return (ssize_t)size;
}

static inline nghttp2_nv nv_of(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value)};
}

/* fields: name, value, name, value, NULL; those that begin with ':' replace the usual ones. upload:
 * may be NULL. Returns the stream's number. */
static inline int32_t ask(const char *method, const char *path, const char *const *fields,
                          struct upload *upload)
{
    nghttp2_data_provider provider = {.source.ptr = upload, .read_callback = peer_upload};
    nghttp2_nv nv[200];
    size_t count = 0;
    int32_t id;

    nv[count++] = nv_of(":method", method);
    nv[count++] = nv_of(":scheme", "http");
    nv[count++] = nv_of(":path", path);
    if (!fields || !fields[0] || strcmp(fields[0], "host") != 0) {
        nv[count++] = nv_of(":authority", "example.org");
    }
    for (size_t i = 0; fields && fields[i]; i += 2) {
        nv[count++] = nv_of(fields[i], fields[i + 1]);
    }
    id = nghttp2_submit_request(peer.session, NULL, nv, count, upload ? &provider : NULL, NULL);
    CHECK_INT(id, >, 0);
    return id;
}

static inline struct answer *get(const char *path)
{
    return wait_answer(ask("GET", path, NULL, NULL));
}

/* --- by hand --- */

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
/* GET / of host "a", by HPACK's static table (RFC 7541, appendix A). */
#define RAW_GET                                                                                    \
    "\x82\x86\x84\x41\x01"                                                                         \
    "a"

static inline void say_frame(unsigned type, unsigned flags, uint32_t id, const void *data,
                             size_t size)
{
    unsigned char head[9] = {
        (unsigned char)(size >> 16), (unsigned char)(size >> 8), (unsigned char)size,
        (unsigned char)type,         (unsigned char)flags,       (unsigned char)(id >> 24),
        (unsigned char)(id >> 16),   (unsigned char)(id >> 8),   (unsigned char)id};
    struct iovec iov[2] = {{.iov_base = head, .iov_len = sizeof head},
                           {.iov_base = (void *)(uintptr_t)data, .iov_len = size}};

    coil_stream_writev(talk.client, iov, size > 0 ? 2 : 1);
}

static inline void open_raw(coil_http_handler handler)
{
    memset(&peer, 0, sizeof peer);
    open_talk(handler);
    say(PREFACE);
    say_frame(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

/* The server's next frame of that type; its payload's first bytes stand in talk.answer. False: the
 * connection has ended without one. */
static inline bool hear_frame(unsigned type)
{
    for (;;) {
        unsigned char head[9];
        ssize_t n = -ETIMEDOUT;
        size_t size;

        coil_timeout(PATIENCE) {
            n = coil_stream_read_exactly(talk.client, head, sizeof head, NULL);
        }
        CHECK_MSG(n != -ETIMEDOUT, "no frame comes");
        if (n < 0) {
            return false;
        }
        size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        CHECK_INT(size, <, ANSWER_ROOM);
        CHECK_INT(coil_stream_read_exactly(talk.client, talk.answer, size, NULL), ==,
                  (int64_t)size);
        talk.size = size;
        if (head[3] == type) {
            return true;
        }
    }
}

/* The error that the server says goodbye with; -1: none. */
static inline int64_t hear_goodbye(void)
{
    if (!hear_frame(NGHTTP2_GOAWAY)) {
        return -1;
    }
    return (int64_t)((unsigned char)talk.answer[6] << 8 | (unsigned char)talk.answer[7]);
}

#endif
