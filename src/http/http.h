/* http.h - what the files of the server share: the service, its connections, their exchanges.
 *
 * A service is a handler with its settings. It has connections, each served by one task. An
 * exchange is the same thing whatever carries it: what a handler calls stands in files without a
 * number (body.c, response.c), and what the protocol adds is behind `protocol`.
 *
 * A connection of HTTP/1.1 has one exchange at a time, whose struct and memory it uses again for
 * the next one. It receives into `in`. The strings of a request stand there too, if it has no body:
 * nothing is received before the exchange is over. Else the head is copied into `head` first.
 */
#ifndef COIL__HTTP_HTTP_H
#define COIL__HTTP_HTTP_H

#include "base/list.h"
#include "wire/http1.h"

#include <coil/error.h>
#include <coil/http_server.h>
#include <coil/scope.h>

#include <string.h>
#include <sys/uio.h>

struct coil_task;
struct coil_tls_context;
struct coil__http2_connection;
struct coil__http2_shared;
struct coil_websocket;

enum {
    COIL__HTTP_FIRST_ROOM = 2048,        /* of `in` */
    COIL__HTTP_KEPT_ROOM = 4096,         /* larger buffers are given back by idle connections */
    COIL__HTTP_DROP_BOUND = 64 * 1024,   /* bytes of an unread body that are read and dropped */
    COIL__HTTP_LARGEST_ROOM = 16 * 1024, /* of `in` for bodies */
    COIL__HTTP_IS_HTTP2 = 2,             /* of coil__http_read_head */
    COIL__HTTP_GREED = 32, /* receives without a wait, before others have their turn */
};

/* The settings, with the defaults filled in. */
struct coil__http_settings {
    struct coil__http1_limits limits;
    unsigned max_fields;
    uint64_t max_body;
    int64_t head_timeout_ns;
    int64_t idle_timeout_ns;
    int64_t body_timeout_ns;
    int64_t write_timeout_ns;
    uint32_t min_body_rate;  /* 0: none */
    uint32_t min_write_rate; /* 0: none */
    uint64_t max_requests;
    uint32_t max_streams;
    bool has_connect;     /* RFC 8441: WebSockets over HTTP/2 */
    size_t stack_size;    /* of a stream's task; 0: the loop's default */
    coil_http_log_fn log; /* or NULL */
    void *log_user;
    struct coil_http_metrics *metrics; /* or NULL */
};

struct coil__http_service {
    struct coil__http_settings settings;
    coil_http_handler handler;
    void *user;
    struct coil__list connections;     /* of coil__http_connection.link */
    struct coil__http1_field *scratch; /* max_fields of them, for what does not suspend */
    size_t room;                  /* bytes that each stream takes without a wait; 0: not known */
    bool is_closing;              /* each response is its connection's last */
    int64_t date_ends;            /* when `lines` is to be made anew */
    char *lines;                  /* "Date: ...\r\nServer: ...\r\n" */
    size_t date_size;             /* of the first line */
    size_t lines_size;            /* of both */
    struct coil_tls_context *tls; /* not owned; NULL: none */
    struct coil__http2_shared *http2; /* NULL before the first connection of that kind */
};

/* Bytes from start up to end; the memory is used again. */
struct coil__http_buffer {
    char *data;
    size_t start;
    size_t end;
    size_t capacity;
};

enum coil__http_state {
    COIL__HTTP_UNANSWERED,
    COIL__HTTP_BEGUN,   /* the head stands in `pending` */
    COIL__HTTP_STARTED, /* the head is out */
    COIL__HTTP_ANSWERED,
};

/* What an exchange gathers, each valid until it is over. */
struct coil__http_memory {
    struct coil__http_buffer extra;   /* the field lines that the handler has added */
    struct coil__http_buffer pending; /* the response's head, until it is sent */
    struct coil__http_buffer content; /* what read_all has read */
    struct coil_http_field *fields;   /* of the request; room for `field_room` */
    size_t field_room;
};

/* What an exchange asks of the protocol that carries it. */
struct coil__http_protocol {
    /* Reads 1 to `size` bytes of a body that is not over, or finds its end. As coil_http_read;
     * notes body_error and body_status. */
    ssize_t (*read)(struct coil_http_exchange *exchange, void *buf, size_t size);
    /* Sends a piece of the body, behind the head in `pending` if that is still there. is_end: it
     * is the last one. What cannot be sent in part only (or at all) sets is_broken. 0, or an
     * error. */
    int (*send)(struct coil_http_exchange *exchange, const void *body, size_t size, bool is_end);
    /* Hands everything to the system, within the time to write. 0, or an error. */
    int (*flush)(struct coil_http_exchange *exchange);
    const char *version; /* "HTTP/2"; of HTTP/1.0 is `is_old` */
};

struct coil__http_connection;
struct coil__app_request;

struct coil_http_exchange {
    const struct coil__http_protocol *protocol;
    struct coil__http_service *service;
    struct coil__http_memory *memory;
    struct coil_stream *stream;         /* of the connection that carries it */
    struct coil__http_connection *conn; /* HTTP/1.1; else NULL */
    struct coil__app_request *app;      /* of the API layer; NULL: none is at work */
    struct coil_websocket *websocket;   /* what it has become; NULL: HTTP */
    /* The request. */
    const char *method;
    const char *path;
    const char *query; /* or NULL */
    const char *host;  /* or NULL */
    size_t field_count;
    bool is_old;     /* HTTP/1.0 */
    bool is_head;    /* the response has no body */
    bool keep_alive; /* the client's wish */
    bool awaits_continue;
    /* The request's body. */
    enum coil__http1_framing framing; /* LENGTH: body_size is known; else CHUNKED */
    struct coil__http1_body body;     /* HTTP/1.1 */
    int64_t body_size;                /* as announced; -1: not known */
    uint64_t left;                    /* COIL__HTTP1_LENGTH: bytes to be handed out */
    size_t piece;          /* COIL__HTTP1_CHUNKED: bytes that are there, not handed out */
    size_t piece_at;       /* HTTP/1.1: they stand at in.start + piece_at */
    size_t piece_consumed; /* HTTP/1.1: to be taken from `in` behind them */
    bool is_read;          /* the body is over */
    bool is_read_all;      /* and was handed out by read_all */
    uint64_t body_limit;   /* of this one, beside max_body; 0: none */
    uint64_t handed_out;   /* bytes of it, if there is one */
    int body_error;        /* nothing can be read any more */
    unsigned body_status;  /* what is answered to that; 0: nothing */
    int64_t body_used_ns;  /* of the time that its client has to send it (rate.c) */
    /* The response. */
    enum coil__http_state state;
    unsigned status;
    bool has_body;     /* bytes of a body are sent */
    bool is_chunked;   /* each piece is a chunk */
    bool is_empty;     /* a status that has no body */
    bool has_length;   /* Content-Length is said */
    bool is_complete;  /* `pending` is */
    bool has_server;   /* a Server field of the handler's */
    bool is_broken;    /* the response cannot become whole, or its carrier does not work */
    int error;         /* the carrier's, once it does not */
    int64_t announced; /* bytes of the body; -1: not known */
    uint64_t written;  /* of those */
    uint64_t sent;     /* bytes of the body as they were coded */
    int64_t used_ns;   /* of the time that its client has to read it (rate.c) */
    int64_t began_at;  /* when the handler was called, if there is a log or metrics; else 0 */
    struct coil__http_compression *compression; /* that was asked for (compress.h); or NULL */
};

struct coil__http_connection {
    struct coil__list link;
    struct coil__http_service *service;
    struct coil_stream *stream;
    struct coil_task *task;
    struct coil_scope *wait; /* around what it waits for from its client; else NULL */
    bool is_idle;            /* and that is a request: who closes the server cancels it */
    bool was_full;           /* the last receive into `in` has filled it */
    unsigned greed;          /* receives without a wait, since the last one */
    struct coil__http_buffer in;
    struct coil__http_buffer head; /* a copy of the head */
    struct coil__http_memory memory;
    uint64_t requests;
    struct coil__http2_connection *http2; /* while it is one of HTTP/2; else NULL */
    bool is_last;                         /* no request is read any more */
    bool may_have_more;                   /* the client may have sent what nobody will read */
    struct coil_http_exchange exchange;
};

/* --- buffer.c --- */

/* Room for `size` more bytes behind what is there. 0, -ENOMEM. */
int coil__http_reserve(struct coil__http_buffer *buffer, size_t size);
void coil__http_buffer_free(struct coil__http_buffer *buffer);
/* Frees the memory if it is more than COIL__HTTP_KEPT_ROOM; the contents are gone. */
void coil__http_buffer_trim(struct coil__http_buffer *buffer);
/* The same for all that an exchange gathers. reserve_fields: room for `count` in all. */
int coil__http_reserve_fields(struct coil__http_memory *memory, size_t count);
void coil__http_memory_trim(struct coil__http_memory *memory);
void coil__http_memory_free(struct coil__http_memory *memory);

static inline size_t coil__http_size(const struct coil__http_buffer *buffer)
{
    return buffer->end - buffer->start;
}

/* Behind what is there, where room was made. */
static inline void coil__http_put(struct coil__http_buffer *buffer, const void *data, size_t size)
{
    memcpy(buffer->data + buffer->end, data, size);
    buffer->end += size;
}

/* --- input.c --- */

/* The point in time after a span; COIL_NEVER for none. */
int64_t coil__http_after(int64_t span_ns);

/* Receives some bytes, waiting until a point in time. Their count; 0: the end; or an error: the
 * stream's (noted as exchange.error), a cancel's, or -ETIMEDOUT: coil__http_was_slow tells. */
ssize_t coil__http_receive(struct coil__http_connection *conn, void *buf, size_t size,
                           int64_t when);

/* The same into `in`; -ENOMEM. */
ssize_t coil__http_fill(struct coil__http_connection *conn, int64_t when);

/* Takes bytes from `in`. */
void coil__http_take(struct coil__http_connection *conn, size_t size);

/* Whether that error is of a deadline of ours, and not of the caller's. */
bool coil__http_was_slow(int error);

/* --- rate.c --- */

/* How long to wait: what is left of a timeout. COIL_NEVER stays that. */
int64_t coil__http_time_left(int64_t used_ns, int64_t timeout_ns);

/* The peer was waited for so long, and has moved so many bytes since the last call. rate: bytes a
 * second that are fast enough; 0: any are. */
void coil__http_use_time(int64_t *used_ns, int64_t waited_ns, uint64_t bytes, uint32_t rate);

/* --- request.c --- */

/* Reads a head, and makes an exchange of it. 1; COIL__HTTP_IS_HTTP2: the client begins HTTP/2; 0:
 * the connection ends here, nothing is to be answered; a status to answer (400...) before it ends;
 * or an error. */
int coil__http_read_head(struct coil__http_connection *conn);

/* --- log.c --- */

/* Tells of an exchange that is over, if anybody wants to know. */
void coil__http_log(const struct coil_http_exchange *exchange);

/* --- metrics.c --- */

/* Counts an exchange that is over, if anybody wants to know. */
void coil__http_count(const struct coil_http_exchange *exchange);

/* --- exchange.c --- */

/* Calls the handler, and sees that the request is answered. */
void coil__http_handle(struct coil_http_exchange *exchange);

/* --- body1.c --- */

ssize_t coil__http1_read(struct coil_http_exchange *exchange, void *buf, size_t size);

/* Reads and drops the rest of the body. True if that was possible, within the bounds. */
bool coil__http_drop_body(struct coil_http_exchange *exchange);

/* --- send.c --- */

/* Sends all pieces, however often it has to wait. 0; or an error, after which the exchange is
 * broken, unless it was a cancel of the caller's and nothing was sent. iov: is changed. */
int coil__http_send(struct coil__http_connection *conn, struct iovec *iov, int count);

/* --- response.c --- */

/* Answers a request that the handler does not see, or that it has not answered. */
int coil__http_answer(struct coil_http_exchange *exchange, unsigned status);

/* Puts a head together in `pending`, but for what the protocol adds. size: of the body; -1: not
 * known. 0, -EINVAL (a type that breaks the head), -ENOMEM. */
int coil__http_compose(struct coil_http_exchange *exchange, unsigned status, const char *type,
                       int64_t size);

/* --- response1.c --- */

extern const struct coil__http_protocol coil__http1_protocol;

/* --- response_body.c --- */

/* Sends bytes of the body, behind the head if that is still here; perhaps only that. */
int coil__http_send_piece(struct coil_http_exchange *exchange, const void *buf, size_t size,
                          bool is_end);

/* Ends what the handler has begun. 0, or an error: the exchange is broken. */
int coil__http_finish(struct coil_http_exchange *exchange);

/* --- connection.c --- */

/* Serves until the connection ends. 0, or an error: nothing more is to be sent. -ECONNABORTED: a
 * response is not whole. */
int coil__http_serve(struct coil__http_service *service, struct coil_stream *stream);

/* --- service.c --- */

int coil__http_service_init(struct coil__http_service *service,
                            const struct coil_http_server_options *options,
                            coil_http_handler handler, void *user);
void coil__http_service_deinit(struct coil__http_service *service);

/* Brings the Date up to date, if its second is over. */
void coil__http_refresh_date(struct coil__http_service *service);

#endif
