/* http2.h - HTTP/2 (RFC 9113) in the server: connections and their streams, on top of nghttp2.
 *
 * nghttp2 reads and writes bytes and keeps the protocol's state; it never sees a socket. A
 * connection is the task of http.h's connection, which from now on receives only: it hands the
 * bytes to nghttp2, whose callbacks (http2_receive.c) make streams of them. Each stream that has a
 * whole head gets a task for its handler, in the connection's group. What is to be sent is
 * gathered by coil__http2_pump, once for all that an iteration has brought about.
 *
 * None of nghttp2's calls suspends, and no callback does: so they never meet. A stream's struct
 * lives until both nghttp2 (id) and its handler (task) have done with it.
 */
#ifndef COIL__HTTP_HTTP2_H
#define COIL__HTTP_HTTP2_H

#include "http/http.h"

#include <coil/event.h>
#include <coil/group.h>
#include <coil/loop.h>

#include <nghttp2/nghttp2.h>

enum {
    COIL__HTTP2_INPUT = 64 * 1024,               /* bytes that are received at once */
    COIL__HTTP2_OUTPUT = 64 * 1024,              /* bytes that are gathered before they are sent */
    COIL__HTTP2_WRITE_ROOM = 16 * 1024,          /* of a stream; larger writes wait */
    COIL__HTTP2_STREAM_WINDOW = 256 * 1024,      /* bytes of a body that nobody has read yet */
    COIL__HTTP2_CONNECTION_WINDOW = 1024 * 1024, /* the same, of all streams together */
    COIL__HTTP2_SPARE = 64,                      /* structs of streams that a service keeps */
    COIL__HTTP2_ACKS = 1000,                     /* answers to PING and SETTINGS that may wait */
};

/* So many at once, and so many a second in the long run. */
struct coil__http2_budget {
    int64_t left_ns; /* each of what is counted costs a part of a second */
    int64_t at;      /* when that was so */
};

/* A frame that is coming, as far as is known of it. */
struct coil__http2_frame {
    unsigned char head[9]; /* RFC 9113, section 4.1 */
    unsigned have;         /* bytes of that */
    uint32_t left;         /* bytes behind it, still to come */
    bool is_of_head;       /* HEADERS, CONTINUATION */
    bool is_last;          /* with END_HEADERS */
};

/* What the connections of a service use in turn. */
struct coil__http2_shared {
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    char *input;                     /* COIL__HTTP2_INPUT bytes */
    struct coil__http_buffer output; /* empty, but while nghttp2 is asked */
    struct coil__list spare;         /* of coil__http2_stream.link */
    size_t spare_count;
};

struct coil__http2_connection {
    struct coil__http_connection *conn;
    struct coil__http_service *service;
    struct coil__http2_shared *shared;
    nghttp2_session *session;
    struct coil_group group;        /* of the handlers, and of who sends `rest` */
    struct coil__list streams;      /* of coil__http2_stream.link: all of them */
    struct coil__list begun;        /* of coil__http2_stream.queued: no handler yet */
    size_t stream_count;            /* in `streams` */
    size_t open_count;              /* of those, known to nghttp2 */
    size_t unsent_count;            /* of those, without a handler: something is to be sent */
    struct coil_handle later;       /* calls the pump in the next iteration */
    struct coil__http_buffer *into; /* where frames are put, while nghttp2 is asked */
    struct coil__http_buffer rest;  /* what the stream had no room for */
    bool is_sending;                /* a task waits for that room */
    struct coil_task *sender;       /* is_sending: that task */
    bool has_ended;                 /* nothing is received any more */
    struct coil_event sent;         /* set when it has ended */
    int64_t used_ns;                /* of the time that the client has to read it (rate.c) */
    bool is_receiving;              /* the pump follows anyway */
    bool is_draining;               /* GOAWAY was said */
    int error;                      /* nothing is sent any more; 0 before */
    uint64_t requests;
    int64_t idle_at;  /* since when there is no stream */
    int64_t head_at;  /* since when a head is coming; 0: none is */
    unsigned preface; /* bytes of it that have come (section 3.4) */
    struct coil__http2_frame frame;
    int64_t stall_at; /* when `unsent` streams are looked at; 0: there are none */
    struct coil__http2_budget resets;
    struct coil__http2_budget nothings; /* frames that cost much and bring nothing */
    struct coil__http2_budget pings;
    unsigned updates; /* of windows that came, less those that there was reason for */
};

struct coil__http2_stream {
    struct coil__list link;
    struct coil__list queued;
    struct coil__http2_connection *h2;
    struct coil_task *task; /* of the handler, while it runs */
    bool is_handled;        /* it has ended, or there was none */
    int32_t id;             /* 0: nghttp2 has closed it */
    /* The request. */
    struct coil__http_buffer head; /* "name\0value\0" of each field, and what is made of them */
    size_t field_count;            /* with those that begin with ':' */
    size_t head_size;              /* RFC 9113, section 10.5.1 */
    unsigned refusal;              /* a status, instead of the handler */
    bool is_connect;               /* RFC 8441: a WebSocket may begin here */
    bool is_tunnel;                /* and it has: DATA frames are its bytes (http2_tunnel.c) */
    struct coil__http_buffer in;   /* of the body, not read yet */
    uint64_t received;             /* of the body */
    uint64_t rated;                /* of those, by the last wait for more (rate.c) */
    bool is_ended;                 /* END_STREAM has come */
    struct coil_event readable;
    /* The response. */
    struct coil__http_buffer out; /* of the body, not sent yet */
    const char *lent;             /* and behind it, of a write that waits */
    size_t lent_size;
    bool is_whole;      /* nothing more will come */
    bool is_deferred;   /* nghttp2 has asked in vain */
    bool is_sent;       /* END_STREAM has gone out */
    bool is_ours;       /* we have reset it */
    size_t moved;       /* bytes that were sent since it was last looked at */
    int64_t watched_at; /* is_handled: when that was */
    struct coil_event writable;
    struct coil__http_memory memory;
    struct coil_http_exchange exchange;
};

static inline struct coil__http2_stream *coil__http2_stream_of(struct coil_http_exchange *exchange)
{
    return COIL__CONTAINER(exchange, struct coil__http2_stream, exchange);
}

/* --- http2_shared.c --- */

/* Makes what the service's connections share, if that is not there yet. 0, -ENOMEM. */
int coil__http2_share(struct coil__http_service *service);
void coil__http2_shared_free(struct coil__http2_shared *shared);

/* Counts one more. False: that is too much. burst: so many at once; rate: a second. */
bool coil__http2_budget_take(struct coil__http2_budget *budget, unsigned burst, unsigned rate);

/* --- http2_fields.c --- */

size_t coil__http2_count_lines(const struct coil__http_buffer *head);
nghttp2_nv coil__http2_field(const char *name, size_t name_size, const char *value,
                             size_t value_size);
/* The lines behind the first one, "Name: value\r\n", as coil__http1_write_field writes them; names
 * are made small where they stand. fields: room for all lines. Returns their number. */
size_t coil__http2_fields_of_lines(char *at, char *end, nghttp2_nv *fields);

/* --- http2_connection.c --- */

/* Serves until the connection ends, whose first bytes stand in conn->in. As coil__http_serve;
 * may_have_more is set. */
int coil__http2_serve(struct coil__http_connection *conn);

/* Whether the task is of one of its handlers. */
bool coil__http2_has_task(const struct coil__http2_connection *h2, const struct coil_task *task);

/* Lets the task that receives look at everything anew. */
void coil__http2_nudge(struct coil__http2_connection *h2);

/* Nothing works any more: all that wait are told. */
void coil__http2_fail(struct coil__http2_connection *h2, int error);

/* --- http2_heads.c --- */

/* Bytes have come: keeps head_at. */
void coil__http2_watch_heads(struct coil__http2_connection *h2, const char *data, size_t size);

/* --- http2_receive.c --- */

void coil__http2_set_callbacks(nghttp2_session_callbacks *callbacks);

/* --- http2_request.c --- */

/* A field of the head. 0, -ENOMEM. */
int coil__http2_add_field(struct coil__http2_stream *stream, const uint8_t *name, size_t name_size,
                          const uint8_t *value, size_t value_size);

/* The head is whole: makes the exchange. refusal is set if the handler is not to see it. */
void coil__http2_make_exchange(struct coil__http2_stream *stream);

/* --- http2_send.c --- */

/* Sends what there is, as far as the stream has room; a task waits for more. */
void coil__http2_pump(struct coil__http2_connection *h2);

/* The same, at the end of the iteration. */
void coil__http2_pump_later(struct coil__http2_connection *h2);

/* nghttp2's callbacks for DATA: how much there is, and a frame of it. */
ssize_t coil__http2_read_data(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
                              uint32_t *flags, nghttp2_data_source *source, void *user);
int coil__http2_put_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *framehd,
                         size_t length, nghttp2_data_source *source, void *user);

/* --- http2_response.c --- */

/* Hands the head to nghttp2, which sends it. has_data: a body follows. 0, -ENOMEM. */
int coil__http2_submit_head(struct coil__http2_stream *stream, bool has_data);

/* --- http2_stream.c --- */

/* free: may be used again; destroy: its memory is given back. */
struct coil__http2_stream *coil__http2_stream_new(struct coil__http2_connection *h2, int32_t id);
void coil__http2_stream_free(struct coil__http2_stream *stream);
void coil__http2_stream_destroy(struct coil__http2_stream *stream);

/* Takes up to size bytes of what has come, which opens the client's windows. The count. */
size_t coil__http2_take_input(struct coil__http2_stream *stream, void *buf, size_t size);

/* nghttp2 may ask for DATA again. */
void coil__http2_resume(struct coil__http2_stream *stream);

/* A part of the body has come. 0; or an error: it was not taken. */
int coil__http2_take_data(struct coil__http2_stream *stream, const void *data, size_t size);

/* Runs the handler in a task of its own, or answers without it. */
void coil__http2_stream_start(struct coil__http2_stream *stream);

/* nghttp2 knows it no more. error: of the protocol. */
void coil__http2_stream_closed(struct coil__http2_stream *stream, uint32_t error);

/* Ends it, as far as we are concerned, with an error of the protocol. */
void coil__http2_reset(struct coil__http2_stream *stream, uint32_t error);

/* It has no handler: if it is answered, the rest of the request is no longer wanted. That of a
 * WebSocket is its END_STREAM, which may take its time. */
void coil__http2_end_request(struct coil__http2_stream *stream);

extern const struct coil__http_protocol coil__http2_protocol;

/* --- http2_tunnel.c --- */

/* Answers 200, and makes a carrier of the stream. 0, or an error: it is a request as before. */
int coil__http2_open_tunnel(struct coil__http2_stream *stream);

/* The server closes: each WebSocket on the connection is told. */
void coil__http2_go_away(struct coil__http2_connection *h2);

extern const struct coil__websocket_carrier_class coil__http2_tunnel_class;

#endif
