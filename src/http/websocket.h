/* websocket.h - what the files of the WebSockets share.
 *
 * A WebSocket stands on a carrier: an HTTP/1.1 connection's stream, or a stream of HTTP/2.
 * It receives into `in`, where frames are taken apart; a small message is lent from there, others
 * are put together in `message`. What was understood of a frame and of a message stands in the
 * struct, so a receive may be cancelled at any wait.
 *
 * Frames are written whole under the lock `sending`.
 */
#ifndef COIL__HTTP_WEBSOCKET_H
#define COIL__HTTP_WEBSOCKET_H

#include "http/http.h"
#include "http/websocket_deflate.h"
#include "http/websocket_frame.h"
#include "http/websocket_utf8.h"

#include <coil/event.h>
#include <coil/lock.h>
#include <coil/websocket.h>

/* --- carriers --- */

struct coil__websocket_carrier;

/* As the functions of the same names of a stream. */
struct coil__websocket_carrier_class {
    ssize_t (*try_read)(struct coil__websocket_carrier *carrier, void *buf, size_t size);
    ssize_t (*read)(struct coil__websocket_carrier *carrier, void *buf, size_t size);
    ssize_t (*try_write)(struct coil__websocket_carrier *carrier, const void *buf, size_t size);
    ssize_t (*writev)(struct coil__websocket_carrier *carrier, const struct iovec *iov, int count);
    int (*write_eof)(struct coil__websocket_carrier *carrier); /* and waits until all is sent */
    void (*close)(struct coil__websocket_carrier *carrier);    /* all is sent already */
    void (*abort)(struct coil__websocket_carrier *carrier);
};

struct coil__client_connection;

struct coil__websocket_carrier {
    const struct coil__websocket_carrier_class *class_;
    struct coil_stream *stream;          /* NULL: it is closed */
    bool is_owned;                       /* else who has lent it closes or aborts it */
    struct coil_http_exchange *exchange; /* HTTP/2: whose stream it is, and `stream` is NULL */
    /* Of a client's session, which counts it; without its stream. NULL: of none, or ended. */
    struct coil__client_connection *conn;
};

/* --- WebSockets --- */

enum {
    COIL__WEBSOCKET_FIRST_ROOM = 256,         /* of `in`, and all of it while nothing happens */
    COIL__WEBSOCKET_LARGEST_ROOM = 16 * 1024, /* of `in` */
    COIL__WEBSOCKET_MAX_CONTROL = 125,        /* RFC 6455, section 5.5 */
    COIL__WEBSOCKET_MAX_EMPTY = 64,           /* fragments without a byte in one message */
    COIL__WEBSOCKET_GREED = 64,               /* messages or receives without a wait */
};

/* Close codes (RFC 6455, section 7.4.1). */
enum {
    COIL__WEBSOCKET_NORMAL = 1000,
    COIL__WEBSOCKET_GOING_AWAY = 1001,
    COIL__WEBSOCKET_PROTOCOL = 1002,
    COIL__WEBSOCKET_NO_CODE = 1005,
    COIL__WEBSOCKET_ABNORMAL = 1006,
    COIL__WEBSOCKET_DATA = 1007,
    COIL__WEBSOCKET_POLICY = 1008,
    COIL__WEBSOCKET_TOO_BIG = 1009,
    COIL__WEBSOCKET_INTERNAL = 1011,
};

/* The options, with the defaults filled in. */
struct coil__websocket_settings {
    size_t max_message;
    uint64_t max_frame;
    int64_t ping_interval_ns;
    int64_t ping_timeout_ns;
    int64_t write_timeout_ns;
    int64_t close_timeout_ns;
    size_t deflate_min;
};

struct coil_websocket {
    struct coil__websocket_carrier carrier;
    struct coil__websocket_settings settings;
    struct coil__websocket_deflate deflate;
    char *protocol; /* or NULL */
    /* Receiving. */
    struct coil__http_buffer in;
    struct coil__http_buffer message;    /* what there is of the one that comes */
    struct coil__websocket_header frame; /* in_frame */
    struct coil__websocket_utf8 utf8;    /* of the text so far */
    struct coil_scope *wait;             /* around the wait for bytes; else NULL */
    uint64_t frame_left;                 /* in_frame: bytes of it that have not come */
    size_t lent;                         /* of a message that was lent from `in` */
    int64_t heard;                       /* when something was received last */
    int64_t pinged;                      /* awaits_pong: since when */
    int64_t close_by;                    /* is_close_sent: the peer must have answered by then */
    char *reason;                        /* of the peer's close, or NULL */
    struct coil_event over;              /* is_over */
    struct coil_lock sending;            /* of a frame */
    int error;                           /* by which it has ended, negative; 0: in order */
    uint16_t close_code;                 /* of the peer's close */
    uint16_t empty_fragments;            /* in this message */
    uint8_t greed;                       /* since the last wait */
    char saved;                          /* what stood where the lent message's NUL stands */
    bool is_client;
    bool was_full;        /* the last receive into `in` has filled it */
    bool in_frame;        /* its header was taken */
    bool in_message;      /* its first frame was */
    bool is_text;         /* in_message */
    bool is_deflated;     /* in_message */
    bool is_lent;         /* `lent` */
    bool is_message_lent; /* `message` is */
    bool is_receiving;    /* a task is */
    bool awaits_pong;
    bool is_quiet;      /* nothing has come since the last ping */
    bool is_going_away; /* the server closes */
    bool is_close_sent;
    bool is_close_received;
    bool is_over; /* nothing is received or sent any more */
};

/* --- websocket.c --- */

/* carrier: the WebSocket's from now on, unless it fails. NULL: no memory. */
struct coil_websocket *coil__websocket_new(const struct coil__websocket_carrier *carrier,
                                           const struct coil_websocket_options *options,
                                           bool is_client);
void coil__websocket_free(struct coil_websocket *ws);

bool coil__websocket_are_valid(const struct coil_websocket_options *options);

/* Nothing goes any more: whoever waits gets `error`. */
void coil__websocket_break(struct coil_websocket *ws, int error);

/* The server closes: 1001 is sent, and the peer has close_timeout_ns to answer. Not suspending. */
void coil__websocket_go_away(struct coil_websocket *ws);

/* The handler has returned. What it has returned; or 0, if that is the peer's fault. */
int coil__websocket_end(struct coil_websocket *ws, int rc);

extern const struct coil__websocket_carrier_class coil__websocket_stream_class;

/* --- websocket_send.c --- */

/* Sends a frame that is whole, and not compressed. 0, or an error as coil_websocket_send. */
int coil__websocket_send_control(struct coil_websocket *ws, unsigned opcode, const void *data,
                                 size_t size);

/* The same for a close, if there was none. code 0: none is said. Afterwards is_close_sent. */
int coil__websocket_send_close(struct coil_websocket *ws, unsigned code, const char *reason);

/* The same without waiting: what cannot be sent now breaks the connection. */
void coil__websocket_try_close(struct coil_websocket *ws, unsigned code);

/* --- websocket_input.c --- */

/* Receives up to size bytes, pinging a silent peer. > 0; 0: look again, something has changed;
 * or an error. */
ssize_t coil__websocket_read(struct coil_websocket *ws, void *buf, size_t size);

/* The same into `in`. */
ssize_t coil__websocket_fill(struct coil_websocket *ws);

/* Each receive and each message counts; gives way now and then. 0, or the reason of a cancel. */
int coil__websocket_be_modest(struct coil_websocket *ws);

/* --- websocket_handshake.c --- */

/* What a client asks with. */
struct coil__websocket_asking {
    const char *host;
    const char *path;
    const char *user_agent; /* or NULL, as cookies */
    const char *cookies;
    /* Is shown the head of the answer, whatever its status; or NULL. */
    void (*take_answer)(const struct coil__http1_head *head, void *user);
    void *user;
};

/* The opening handshake. carrier: the WebSocket's from now on, also on failure. options: valid. 0,
 * or an error as coil_websocket_connect_stream. */
int coil__websocket_open(struct coil__websocket_carrier *carrier,
                         const struct coil__websocket_asking *asking,
                         const struct coil_websocket_options *options,
                         struct coil_websocket **ret_ws);

/* --- websocket_session.c --- */

/* Connects by options->session. url: as http or https. Errors as coil_websocket_connect. */
int coil__websocket_open_by_session(const char *url, const struct coil_websocket_options *options,
                                    struct coil_websocket **ret_ws);

/* --- websocket_receive.c --- */

/* 1, 0 or an error as coil_websocket_receive, for the one task that receives. */
int coil__websocket_next(struct coil_websocket *ws, struct coil_websocket_message *ret_message);

/* --- websocket_close.c --- */

/* Whether a close may carry it (RFC 6455, section 7.4, and IANA's registry). */
bool coil__websocket_is_code(unsigned code);

/* The peer's close has come. 0, or -COIL_EPROTOCOL. */
int coil__websocket_take_close(struct coil_websocket *ws, const char *data, size_t size);

/* Both closes are sent, or the peer has broken the rules and was told: ends the connection. */
void coil__websocket_finish(struct coil_websocket *ws);

/* --- websocket_offer.c --- */

/* The answer to an offer of compression (RFC 7692, section 5), in what is agreed on. offers: the
 * value of one Sec-WebSocket-Extensions. False: none of them is taken. */
bool coil__websocket_take_offer(struct coil__slice offers, bool context_takeover,
                                struct coil__websocket_deflate *ret_deflate);

enum { COIL__WEBSOCKET_OFFER_ROOM = 128 };

/* What stands in the field: a server's answer. The size. */
size_t coil__websocket_write_answer(const struct coil__websocket_deflate *deflate,
                                    char room[COIL__WEBSOCKET_OFFER_ROOM]);

/* A client's offer; static storage. */
const char *coil__websocket_offer(bool context_takeover);

/* A server's answer to that. 0, -COIL_EPROTOCOL. */
int coil__websocket_take_answer(struct coil__slice answer,
                                struct coil__websocket_deflate *ret_deflate);

/* --- websocket_key.c --- */

enum { COIL__WEBSOCKET_KEY_ROOM = 25, COIL__WEBSOCKET_ACCEPT_ROOM = 29 };

/* 16 random bytes in base64, and a NUL. 0, -EIO. */
int coil__websocket_make_key(char room[COIL__WEBSOCKET_KEY_ROOM]);

/* Whether that is 16 bytes in base64 (RFC 6455, section 4.2.1). */
bool coil__websocket_is_key(struct coil__slice key);

/* What a server answers to a key (section 4.2.2). 0, -ENOMEM. */
int coil__websocket_accept_of(struct coil__slice key, char room[COIL__WEBSOCKET_ACCEPT_ROOM]);

/* Random bytes (section 10.3: nobody can predict them). 0, -EIO. */
int coil__websocket_randomize(void *buf, size_t size);

#endif
