/* client.h - what the files of the client share: sessions, their connections, calls and responses.
 *
 * A session has origins (scheme, host, port; the proxy follows from these), an origin has
 * connections. A connection is either idle, and then in the lists of its origin and its session, or
 * belongs to one call, later to that call's response. Whoever has it gives it back or drops it.
 *
 * A call is a request under way, with its redirects and tries: it stands on the stack of the task
 * that makes it. What outlives it is the response.
 */
#ifndef COIL__HTTP_CLIENT_H
#define COIL__HTTP_CLIENT_H

#include "base/list.h"
#include "http/coding.h"
#include "http/http.h" /* the buffers */
#include "wire/cookie.h"
#include "wire/http1.h"
#include "wire/url.h"

#include <coil/event.h>
#include <coil/http_client.h>
#include <coil/loop.h>
#include <coil/scope.h>

enum {
    COIL__CLIENT_BUCKETS = 64,            /* of origins */
    COIL__CLIENT_ROOM = 4096,             /* of a connection's input, at first */
    COIL__CLIENT_BODY_ROOM = 32 * 1024,   /* the same for chunks, and of pieces that are sent */
    COIL__CLIENT_AT_ONCE = 16 * 1024,     /* bodies up to this go together with the head */
    COIL__CLIENT_MAX_INTERIM = 16,        /* 1xx before a response */
    COIL__CLIENT_MAX_URL = 16 * 1024,     /* bytes */
    COIL__CLIENT_COOKIES_PER_DOMAIN = 50, /* RFC 6265, section 6.1 */
};

/* --- places: where a URL leads --- */

/* url and host are one block of memory, which coil__free(url) gives back. */
struct coil__client_place {
    char *url; /* normalized, no fragment, ends with a NUL */
    struct coil__url parts;
    const char *host; /* as it is dialled: no brackets, ends with a NUL */
    uint16_t port;
    bool is_https;
};

/* --- failures --- */

/* Notes an error with its sentence; returns it. failure: NULL does nothing else. */
int coil__client_fail(struct coil_http_failure *failure, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with coil_strerror's sentence, unless one stands there for this error. */
int coil__client_fail_plainly(struct coil_http_failure *failure, int error);

/* --- client_place.c --- */

/* Parses a URL, as a person types it, or resolves a reference against a base. base: NULL: absolute.
 * 0; -COIL_EURL, -ENOMEM: noted in failure. */
int coil__client_place_make(struct coil__client_place *place, const struct coil__client_place *base,
                            const char *text, struct coil_http_failure *failure);
void coil__client_place_free(struct coil__client_place *place);
bool coil__client_is_same_origin(const struct coil__client_place *a,
                                 const struct coil__client_place *b);

/* --- client_auth.c --- */

/* "Basic ..." of a user and a password. ret_value: the caller's memory. 0; -EINVAL: a colon in the
 * user's name or a control character (RFC 7617, section 2); -ENOMEM. */
int coil__client_basic(const char *user, const char *password, char **ret_value);
/* "Bearer ...": -EINVAL: no token (RFC 6750, section 2.1). */
int coil__client_bearer(const char *token, char **ret_value);

/* --- client_proxy.c --- */

struct coil__client_proxy {
    struct coil__client_place place; /* url NULL: there is none */
    char *authorization;             /* or NULL */
};

struct coil__client_proxies {
    struct coil__client_proxy for_http;
    struct coil__client_proxy for_https;
    char *exceptions; /* or NULL */
};

/* 0, -EINVAL, -ENOMEM; on failure nothing is left. */
int coil__client_proxies_init(struct coil__client_proxies *proxies,
                              const struct coil_http_session_options *options);
void coil__client_proxies_deinit(struct coil__client_proxies *proxies);
/* The proxy for a place; NULL: directly. */
const struct coil__client_proxy *coil__client_proxy_for(const struct coil__client_proxies *proxies,
                                                        const struct coil__client_place *place);

/* --- client_cookies.c --- */

struct coil__client_jar {
    struct coil__list cookies; /* of struct cookie.link, the oldest first */
    size_t count;
    size_t max;
};

void coil__client_jar_init(struct coil__client_jar *jar, size_t max);
void coil__client_jar_clear(struct coil__client_jar *jar);
/* Takes the value of a Set-Cookie field. now: seconds since 1970. 0; -COIL__ECOOKIE_: ignored;
 * -ENOMEM. */
int coil__client_jar_set(struct coil__client_jar *jar, const struct coil__client_place *place,
                         struct coil__slice field, int64_t now);
/* Adds what goes to a place, without a NUL. 0, -ENOMEM. */
int coil__client_jar_get(struct coil__client_jar *jar, const struct coil__client_place *place,
                         int64_t now, struct coil__http_buffer *buffer);

/* --- sessions --- */

struct coil__client_call;
struct coil__client_connection;
struct coil__client_http2;
struct coil__client_http2_shared;
struct coil__client_stream;

/* What calls and responses ask of the protocol that carries them. */
struct coil__client_protocol {
    /* Sends the request, and receives the final head: it stands in call->heading, its bytes at
     * call->head. 0, or an error, which is noted. */
    int (*converse)(struct coil__client_call *call);
    /* The call has failed: what it has of the connection is given back. */
    void (*give_up)(struct coil__client_call *call);
    /* The response goes on with the connection; the head was copied. */
    void (*hand_over)(struct coil__client_call *call, struct coil_http_response *response);
    /* Reads 1 to `size` bytes of a body that is not over, as they are sent, or finds its end. */
    ssize_t (*read)(struct coil_http_response *response, void *buf, size_t size);
    /* Whether the rest of the body is here: then it is taken. */
    bool (*skip)(struct coil_http_response *response);
    /* The body is over, or given up: gives the connection back. */
    void (*end)(struct coil__client_connection *conn, struct coil_http_response *response);
};

struct coil__client_origin {
    struct coil__list link;                 /* in its bucket */
    struct coil__list idle;                 /* of connection.link, the newest first */
    struct coil__list shared;               /* the same, of HTTP/2: that take requests */
    const struct coil__client_proxy *proxy; /* or NULL */
    size_t count;                           /* connections, also those being opened */
    size_t waiters;
    size_t dials; /* connections that are being opened, or new ones of HTTP/2 */
    uint16_t port;
    bool is_https;
    bool may_http2; /* HTTP/2 is offered, or known to be spoken */
    bool is_gated;  /* one dial at a time: what it brings may be shared */
    char host[];
};

struct coil__client_connection {
    const struct coil__client_protocol *protocol;
    struct coil__client_http2 *http2; /* NULL: HTTP/1.1 */
    size_t holds;                     /* HTTP/2: its task's and the slots'; 0 frees it */
    struct coil__list link;           /* idle, or shared: in its origin */
    struct coil__list age;            /* idle: in the session, the oldest first */
    struct coil_http_session *session;
    struct coil__client_origin *origin; /* NULL: it counts no more */
    struct coil_stream *stream;
    struct coil__http_buffer in;
    struct coil__http_buffer out; /* the head of the request */
    int64_t idle_since;
    int64_t idle_ends;
    bool is_new;   /* HTTP/2: the server's settings are not there yet */
    bool is_clean; /* the last response was read to its end */
    uint64_t uses; /* requests before this one */
};

struct coil_http_session {
    size_t holds; /* the program's and its open calls and responses */
    bool is_closed;
    struct coil_loop *loop;
    struct coil_http_session_options options; /* with the defaults filled in, and no pointers */
    struct coil__http1_limits limits;
    struct coil__http1_field *scratch; /* max_fields of them, for what does not suspend */
    struct coil_tls_context *tls;      /* NULL: not made yet */
    char *user_agent;                  /* or NULL */
    struct coil__client_proxies proxies;
    struct coil__client_jar jar;
    uint64_t draws;                          /* of random numbers for delays */
    struct coil__client_http2_shared *http2; /* NULL before the first connection of that kind */
    /* The pool. */
    struct coil__list origins[COIL__CLIENT_BUCKETS];
    struct coil__list idle; /* of connection.age */
    size_t idle_count;
    size_t count; /* connections, also those being opened */
    uint64_t opened;
    struct coil__list waiters; /* of struct waiter.link, in the order in which they came */
    size_t waiter_count;
    struct coil_handle sweep; /* pending while there are idle connections */
};

void coil__client_session_hold(struct coil_http_session *session);
void coil__client_session_drop(struct coil_http_session *session);

/* The context for TLS: made when it is needed first. 0, or an error as coil_tls_context_new. */
int coil__client_session_tls(struct coil_http_session *session, struct coil_tls_context **ret_tls,
                             struct coil_tls_failure *failure);

/* --- client_pool.c --- */

void coil__client_pool_init(struct coil_http_session *session);

/* Where a place's connections are; it stays as long as it has any, or somebody waits. NULL: no
 * memory. */
struct coil__client_origin *coil__client_origin_of(struct coil_http_session *session,
                                                   const struct coil__client_place *place);

/* Frees it if nobody needs it. */
void coil__client_origin_let_go(struct coil__client_origin *origin);

enum coil__client_acquire_flags {
    COIL__CLIENT_FRESH = 1, /* no idle one */
    /* If the connection proves to be closed, the request can go again. */
    COIL__CLIENT_REPEATABLE = 2,
    /* For another protocol, which begins as HTTP/1.1 and no other version: a proxy is asked for a
     * tunnel, whatever the scheme. With FRESH. */
    COIL__CLIENT_UPGRADE = 4,
};

/* An idle connection, a slot of one of HTTP/2, or the right to open one (*ret_conn is NULL then; it
 * is counted already). Waits for any. flags: of enum coil__client_acquire_flags. 0; -COIL_ECLOSED,
 * a cancel's reason. */
int coil__client_acquire(struct coil_http_session *session, struct coil__client_origin *origin,
                         unsigned flags, struct coil__client_connection **ret_conn);

/* Gives up the right to a connection that is gone. */
void coil__client_forget(struct coil_http_session *session, struct coil__client_origin *origin);

/* A dial has ended, with a connection (whose protocol is known), or without. */
void coil__client_dialled(struct coil_http_session *session, struct coil__client_origin *origin,
                          struct coil__client_connection *conn);

/* Serves one, if there is one that can be: after a single thing was given back. */
bool coil__client_serve_next(struct coil_http_session *session);
/* Gives those that wait what there is now. */
void coil__client_serve_all(struct coil_http_session *session);

/* Gives a connection back, to be used again. */
void coil__client_release(struct coil__client_connection *conn);

/* Closes a connection. NULL: does nothing. */
void coil__client_drop(struct coil__client_connection *conn);

/* Closes the idle ones. */
void coil__client_drop_idle(struct coil_http_session *session);

/* The session is closed: nobody waits any more. */
void coil__client_refuse_waiters(struct coil_http_session *session);

/* --- client_shared.c: connections of HTTP/2 in the pool --- */

/* A connection with a slot, which is taken; NULL. */
struct coil__client_connection *coil__client_take_shared(struct coil__client_origin *origin);
/* No request begins there any more; it counts until it is lost. */
void coil__client_withdraw(struct coil__client_connection *conn);
/* The server has said how many requests there may be. */
void coil__client_settle(struct coil__client_connection *conn);
/* It counts no more. */
void coil__client_lose(struct coil__client_connection *conn);
/* The server speaks HTTP/1.1 alone. */
void coil__client_avoid_http2(struct coil__client_connection *conn);
/* is_last: nobody has one. */
void coil__client_slot_is_free(struct coil__client_connection *conn, bool is_last);
/* Drops a hold. */
void coil__client_let_go(struct coil__client_connection *conn);
void coil__client_make_idle(struct coil__client_connection *conn);
void coil__client_unmake_idle(struct coil__client_connection *conn);

/* --- client_http2.c: what the pool asks for --- */

/* Makes a connection of HTTP/2 of one that was dialled, with a slot for who has done that. 0,
 * -ENOMEM: it is as before. */
int coil__client_http2_start(struct coil__client_connection *conn);
size_t coil__client_http2_slots_left(const struct coil__client_connection *conn);
void coil__client_http2_take_slot(struct coil__client_connection *conn);
void coil__client_http2_give_slot(struct coil__client_connection *conn);
/* Ends as soon as nobody has a slot. */
void coil__client_http2_end(struct coil__client_connection *conn);
void coil__client_http2_free(struct coil__client_http2 *h2);
void coil__client_http2_shared_free(struct coil__client_http2_shared *shared);

/* --- client_connect.c --- */

/* Opens the connection that acquire has given the right to; on failure that is given up. flags:
 * those of acquire. 0, or an error that is noted in failure. */
int coil__client_connect(struct coil_http_session *session, struct coil__client_origin *origin,
                         unsigned flags, int64_t timeout_ns, struct coil_http_failure *failure,
                         struct coil__client_connection **ret_conn);

/* --- client_input.c --- */

/* Receives some bytes within a span, or until a point in time. Their count; 0: the end; an error.
 */
ssize_t coil__client_receive(struct coil__client_connection *conn, void *buf, size_t size,
                             int64_t span_ns, int64_t when);
/* The same into conn->in, which gets `room` bytes; -ENOMEM. */
ssize_t coil__client_fill(struct coil__client_connection *conn, size_t room, int64_t span_ns,
                          int64_t when);
/* What is there already, without a wait: as coil_stream_try_read. */
ssize_t coil__client_try_fill(struct coil__client_connection *conn, size_t room);
void coil__client_take(struct coil__client_connection *conn, size_t size);

/* --- client_head.c --- */

/* The head of a response that is being received. All-zero but for the first three. */
struct coil__client_heading {
    struct coil_http_session *session;
    struct coil__client_connection *conn;
    enum coil__http1_method method;
    struct coil__http1_head head;
    struct coil__http1_field *own; /* fields that stay over a wait; NULL: the session's */
    unsigned interim;              /* 1xx that were passed over */
    bool is_continue;              /* 100 was among them */
    bool is_begun;
};

/* Looks at what is there: the size of the final head, which stays in conn->in; 0: more is needed;
 * an error, noted in failure. 1xx are passed over. */
int coil__client_head_look(struct coil__client_heading *heading, struct coil_http_failure *failure);
/* The same, and waits. -COIL_EINCOMPLETE: the end. */
int coil__client_head_read(struct coil__client_heading *heading, int64_t span_ns,
                           struct coil_http_failure *failure);
void coil__client_heading_deinit(struct coil__client_heading *heading);

/* --- client_form.c, client_multipart.c, client_body.c --- */

/* What is sent behind a head: bytes, or a reader. */
struct coil__client_body {
    bool is_there;
    const char *type; /* or NULL */
    const void *data; /* reader NULL: size bytes */
    int64_t size;     /* -1: not known */
    coil_http_body_reader reader;
    coil_http_body_rewinder rewinder;
    void *user;
    bool is_begun; /* something was read by the reader */
    /* What belongs to it. */
    char *text;                       /* data that was made */
    int fd;                           /* a file; -1 */
    int64_t offset;                   /* how far it was read */
    struct coil__client_parts *parts; /* or NULL */
};

/* Chooses and opens. 0; -EINVAL, -ENOMEM, those of a file: noted. */
int coil__client_body_init(struct coil__client_body *body, const struct coil_http_request *request,
                           struct coil_http_failure *failure);
void coil__client_body_deinit(struct coil__client_body *body);
/* True if it can be sent (again). */
bool coil__client_body_can_rewind(const struct coil__client_body *body);
/* 0, or why not. */
int coil__client_body_rewind(struct coil__client_body *body);
/* The redirect has made a GET of the request. */
void coil__client_body_drop(struct coil__client_body *body);

/* text: url-encoded. 0, -ENOMEM. */
int coil__client_form_make(const struct coil_http_field *form, size_t count, char **ret_text,
                           size_t *ret_size);

int coil__client_parts_new(const struct coil_http_request *request,
                           struct coil__client_parts **ret_parts,
                           struct coil_http_failure *failure);
void coil__client_parts_free(struct coil__client_parts *parts);
const char *coil__client_parts_type(const struct coil__client_parts *parts);
int64_t coil__client_parts_size(const struct coil__client_parts *parts);
ssize_t coil__client_parts_read(void *parts, void *buf, size_t size);
int coil__client_parts_rewind(void *parts);

/* --- calls --- */

struct coil__client_call {
    struct coil_http_session *session;
    const struct coil_http_request *request;
    struct coil_http_failure failure;
    const char *method_name;
    enum coil__http1_method method;
    struct coil__client_place place;
    struct coil__client_body body;
    char *authorization; /* or NULL */
    bool is_elsewhere;   /* a redirect has led to another origin: no credentials any more */
    bool is_get_now;     /* a redirect has made a GET of it */
    unsigned redirects;
    unsigned tries; /* further ones that were made */
    int64_t deadline;
    int64_t connect_timeout_ns;
    int64_t read_timeout_ns;
    uint64_t max_body;
    unsigned max_redirects;
    bool no_redirects;
    struct coil_http_retry retry;
    /* Of one exchange. */
    struct coil__client_connection *conn;
    struct coil__client_stream *stream; /* HTTP/2 */
    struct coil__client_heading heading;
    const char *head;  /* where its bytes are */
    bool is_sent;      /* bytes of the request are on their way */
    bool is_refused;   /* the server has not looked at it */
    bool is_cut;       /* the body was not sent to its end */
    int head_size;     /* of the final head, once it is there */
    bool is_stale;     /* a connection that was used before has broken without a word */
    bool is_unmade;    /* no connection could be made */
    bool is_senseless; /* it is the caller's body that cannot be had, whatever the server does */
};

/* --- client_write.c --- */

/* Puts the head into conn->out. 0; -EINVAL (a field), -ENOMEM: noted. */
int coil__client_compose(struct coil__client_call *call);

/* --- client_send.c --- */

/* Reads the next piece of a body of which `left` bytes are to come, -1: not known. room:
 * COIL__CLIENT_BODY_ROOM. Its size; 0: the end; an error, noted. */
ssize_t coil__client_read_piece(struct coil__client_call *call, char *room, int64_t left);
/* Sends head and body; may meet the response already (call->head_size). 0, or an error. */
int coil__client_send(struct coil__client_call *call);

/* --- client_exchange.c --- */

extern const struct coil__client_protocol coil__client_http1_protocol;

/* One request and its response, on a connection that is made or found. */
int coil__client_exchange(struct coil__client_call *call, struct coil_http_response **ret_response);

/* --- client_retry.c --- */

/* The same with further tries. */
int coil__client_try(struct coil__client_call *call, struct coil_http_response **ret_response);
bool coil__client_is_idempotent(enum coil__http1_method method);
/* Whether another try may end differently. */
bool coil__client_is_passing_error(int error);
bool coil__client_is_passing_status(unsigned status);

/* --- client_redirect.c --- */

/* 1: the response leads elsewhere, and the call does now; 0: it is the one; or an error. */
int coil__client_redirect(struct coil__client_call *call, struct coil_http_response *response);

/* --- responses --- */

struct coil_http_response {
    struct coil_http_session *session;    /* is held */
    struct coil__client_connection *conn; /* NULL: given back, or closed */
    struct coil__client_stream *stream;   /* HTTP/2 */
    struct coil__client_place place;
    char *block;                    /* the head and the fields */
    struct coil_http_field *fields; /* in it */
    size_t field_count;
    const char *reason;
    unsigned status;
    unsigned redirects;
    int version;
    bool keep_alive;
    /* The body. */
    enum coil__http1_framing framing;
    struct coil__http1_body body; /* CHUNKED */
    int64_t size;                 /* as announced; -1 */
    uint64_t left;                /* LENGTH: bytes */
    size_t piece;                 /* CHUNKED: bytes of a piece at in.start + piece_at */
    size_t piece_at;
    size_t piece_consumed; /* to be taken from `in` behind it */
    bool is_read;          /* all of it, as it was sent */
    bool is_coded;         /* and is decoded as it is read */
    bool is_decoded;       /* all of it */
    struct coil__decoder decoder;
    struct coil__http_buffer raw; /* what was received and not decoded yet */
    bool is_read_all;             /* and stands in content */
    bool is_content_cut;          /* as far as it was wanted */
    int64_t deadline;
    int64_t read_timeout_ns;
    uint64_t max_body;
    struct coil__http_buffer content;
    struct coil_http_failure failure;
};

/* --- client_response.c --- */

/* Takes connection and place of the call, whose final head is there. 0, -ENOMEM, -COIL_EPROTOCOL:
 * noted. */
int coil__client_response_new(struct coil__client_call *call,
                              struct coil_http_response **ret_response);

/* --- client_content.c --- */

/* Begins the body; one that has none is read at once. */
int coil__client_body_begin(struct coil_http_response *response,
                            const struct coil__http1_head *head);
/* The body is over, or given up: the connection is given back, if nothing is left in it. */
void coil__client_body_end(struct coil_http_response *response);
/* As coil_http_response_read, but of what was sent. */
ssize_t coil__client_read_sent(struct coil_http_response *response, void *buf, size_t size);
/* Notes the error of a body; returns it. */
ssize_t coil__client_body_fail(struct coil_http_response *response, int error, const char *text);
/* All of it was read, as it was sent. */
void coil__client_body_finish(struct coil_http_response *response);
/* What a receive has said: its count, or the response's error. */
ssize_t coil__client_body_judge(struct coil_http_response *response, ssize_t count);
/* For coil__client_http1_protocol. */
ssize_t coil__client_http1_read(struct coil_http_response *response, void *buf, size_t size);
bool coil__client_http1_skip(struct coil_http_response *response);
void coil__client_http1_end(struct coil__client_connection *conn,
                            struct coil_http_response *response);

/* --- client_decode.c --- */

/* Whether responses to the request are decoded, and it says so. */
bool coil__client_decodes(const struct coil__client_call *call);
/* Looks at Content-Encoding (RFC 9110, section 8.4): what is not known stays as it was sent. */
void coil__client_decode_begin(struct coil_http_response *response);
/* Reads, and decodes. */
ssize_t coil__client_decode(struct coil_http_response *response, void *buf, size_t size);

#endif
