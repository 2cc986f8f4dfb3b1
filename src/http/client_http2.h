/* client_http2.h - HTTP/2 (RFC 9113) in the client: connections and their streams, on nghttp2.
 *
 * A connection has one task, which reads: it hands the bytes to nghttp2, whose callbacks note what
 * has come in the streams, and wake who waits there. What is to be sent is gathered at the end of
 * an iteration, once for all requests. None of nghttp2's calls suspends, and no callback does.
 *
 * Requests share a connection by slots (client_pool.c). A slot belongs to a call, then to its
 * stream, and is given back when nghttp2 has closed that and nobody wants it any more. The
 * connection's struct lives until its task has ended and all slots are back.
 *
 * What a server can make us keep is bounded: by a stream's window for each body, by the largest
 * head, and by the number of streams.
 */
#ifndef COIL__HTTP_CLIENT_HTTP2_H
#define COIL__HTTP_CLIENT_HTTP2_H

#include "http/client.h"
#include "http/http2.h"

enum {
    COIL__CLIENT_HTTP2_STREAMS = 100, /* at once on a connection, whatever the server allows */
    COIL__CLIENT_HTTP2_WINDOW = 512 * 1024, /* bytes of a body that nobody has read yet */
};

/* What the connections of a session use in turn. */
struct coil__client_http2_shared {
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    char *input;                     /* COIL__HTTP2_INPUT bytes */
    struct coil__http_buffer output; /* empty, but while nghttp2 is asked */
};

struct coil__client_http2 {
    struct coil__client_connection *conn;
    struct coil__client_http2_shared *shared;
    nghttp2_session *session;           /* NULL: the connection is over */
    struct coil_group group;            /* of who sends `rest` */
    struct coil_scope *wait;            /* around the task's wait; else NULL */
    struct coil__list streams;          /* of coil__client_stream.link: all of them */
    struct coil__list dead;             /* the same: to be freed */
    size_t slots;                       /* that are taken */
    struct coil_handle later;           /* sends at the end of the iteration */
    struct coil__http_buffer *into;     /* where frames are put, while nghttp2 is asked */
    struct coil__http_buffer rest;      /* what the stream had no room for */
    bool is_sending;                    /* a task waits for that room */
    bool is_receiving;                  /* sending follows anyway */
    bool is_nudged;                     /* the task is to look at everything anew */
    bool is_draining;                   /* the server has said GOAWAY, or nothing for too long */
    bool is_ending;                     /* it is to be closed */
    bool has_news;                      /* for the pool: settings, or that it is draining */
    bool is_blamed;                     /* nghttp2 has said goodbye with an error */
    int error;                          /* nothing is sent any more; 0 before */
    int64_t heard_at;                   /* when something came the last time */
    uint32_t goaway;                    /* the server's reason */
    char said[120];                     /* what nghttp2 has said of an error */
    struct coil__http2_budget nothings; /* frames that cost much and bring nothing */
};

struct coil__client_stream {
    struct coil__list link;
    struct coil__client_http2 *h2;
    int32_t id;                /* 0: nghttp2 has closed it, or does not know it yet */
    bool is_left;              /* nobody wants it any more */
    struct coil_event changed; /* set whenever something has */
    /* The response. */
    struct coil__http_buffer head; /* "name\0value\0" of each field */
    size_t field_count;
    size_t head_size; /* RFC 9113, section 10.5.1 */
    unsigned status;
    bool has_head;    /* the final one is whole */
    unsigned interim; /* 1xx that were passed over */
    bool is_continue; /* 100 was among them */
    struct coil__http_buffer in;
    bool is_ended; /* END_STREAM has come */
    /* The request. */
    const char *lent; /* of the body, not sent yet */
    size_t lent_size;
    bool is_whole;    /* nothing more will come */
    bool is_deferred; /* nghttp2 has asked in vain */
    bool is_out;      /* the head was sent */
    /* The end. */
    bool was_reset;  /* by the server */
    bool is_refused; /* the server has not looked at it (RFC 9113, section 8.7) */
    struct coil_http_failure failure;
};

/* --- client_http2.c --- */

extern const struct coil__client_protocol coil__client_http2_protocol;

/* Lets the task look at everything anew. */
void coil__client_http2_nudge(struct coil__client_http2 *h2);

/* Nothing works any more: all that wait are told. */
void coil__client_http2_fail(struct coil__client_http2 *h2, int error, const char *text);

/* No request begins here any more. */
void coil__client_http2_drain(struct coil__client_http2 *h2);

/* --- client_http2_receive.c --- */

void coil__client_http2_set_callbacks(nghttp2_session_callbacks *callbacks);

/* --- client_http2_send.c --- */

void coil__client_http2_pump(struct coil__client_http2 *h2);
void coil__client_http2_pump_later(struct coil__client_http2 *h2);
ssize_t coil__client_http2_read_data(nghttp2_session *session, int32_t id, uint8_t *buf,
                                     size_t size, uint32_t *flags, nghttp2_data_source *source,
                                     void *user);
int coil__client_http2_put_data(nghttp2_session *session, nghttp2_frame *frame,
                                const uint8_t *framehd, size_t length, nghttp2_data_source *source,
                                void *user);

/* --- client_http2_stream.c --- */

/* Takes over the slot. NULL: no memory. */
struct coil__client_stream *coil__client_stream_new(struct coil__client_http2 *h2);
void coil__client_stream_free(struct coil__client_stream *stream);

/* Frees those that nobody wants any more. */
void coil__client_stream_reap(struct coil__client_http2 *h2);

/* Nobody wants it any more: it is reset if it is not over. */
void coil__client_stream_leave(struct coil__client_stream *stream);

/* Notes an error, unless there is one or all has come, and wakes who waits. */
void coil__client_stream_fail(struct coil__client_stream *stream, int error, const char *text);

/* Waits for a change, until a point in time. 0, -ETIMEDOUT, a cancel's reason. */
int coil__client_stream_wait(struct coil__client_stream *stream, int64_t when);

/* What coil__client_protocol asks for. */
void coil__client_stream_hand_over(struct coil__client_call *call,
                                   struct coil_http_response *response);
void coil__client_stream_give_up(struct coil__client_call *call);
ssize_t coil__client_stream_read(struct coil_http_response *response, void *buf, size_t size);
bool coil__client_stream_skip(struct coil_http_response *response);
void coil__client_stream_end(struct coil__client_connection *conn,
                             struct coil_http_response *response);

/* --- client_http2_request.c --- */

/* A wait has ended: a server from which nothing at all has come in its time gets no more requests
 * on this connection. */
void coil__client_http2_doubt(struct coil__client_http2 *h2, int error, int64_t span_ns);

int coil__client_http2_converse(struct coil__client_call *call);

#endif
