/* tls.h - the inside of coil-tls, a library of its own: of the core it uses what is public.
 *
 * A connection (struct coil__tls_conn) is the transport under a TLS stream: OpenSSL's SSL object in
 * the middle, the stream below it (lower), and a BIO of our own between the two (bio.c). No call
 * of OpenSSL's ever suspends: the BIO takes what the lower stream has and gives it what it has room
 * for; who needs more waits outside of OpenSSL, and calls again.
 *
 * Ownership: the lower stream is the connection's; the connection is the upper stream's, and of a
 * task that flushes for it; it holds its context. A context holds those of its server names.
 */
#ifndef COIL__TLS_TLS_H
#define COIL__TLS_TLS_H

#include <coil/event.h>
#include <coil/tls.h>
#include <coil/transport.h>

#include <openssl/ssl.h>
#include <stdatomic.h>

/* Of a client's context: sessions to be resumed, the newest first. Any thread. */
struct coil__tls_sessions {
    CRYPTO_RWLOCK *lock;       /* of all that follows; NULL: nothing is kept */
    struct coil__list entries; /* of struct entry in sessions.c */
    size_t count;
    size_t max;
};

struct coil__tls_name {
    char *name; /* without "*." */
    bool is_wildcard;
    struct coil_tls_context *context; /* held */
};

struct coil_tls_context {
    atomic_uint holds;
    bool is_server;
    bool resumes;
    enum coil_tls_verify verify; /* never DEFAULT */
    SSL_CTX *ssl_ctx;
    BIO_METHOD *bio_method;
    unsigned char *alpn; /* as on the wire: each with its length before it; NULL: none */
    unsigned alpn_size;
    struct coil__tls_name *names;
    size_t name_count;
    struct coil__tls_sessions sessions;
};

/* Received by the lower stream and not yet taken by OpenSSL. Large enough for a small message: what
 * is larger goes from the lower stream to OpenSSL's own buffer. */
enum { COIL__TLS_IN_SIZE = 1024 };

struct coil__tls_conn {
    struct coil_transport transport; /* first */
    unsigned holds;
    struct coil_tls_context *context; /* held */
    struct coil_stream *lower;        /* NULL once it is closed */
    SSL *ssl;
    int64_t shutdown_timeout_ns;
    int io_error;        /* negative: what the lower stream has said; 0 */
    int fatal;           /* negative: the connection has failed with that; 0 */
    int verify_error;    /* negative: the first thing wrong with the peer's certificate; 0 */
    char *verify_text;   /* about that; NULL: no memory for it, or no error */
    char *error_text;    /* about the last error; NULL as above */
    char *server_name;   /* that the client has asked for; NULL: none */
    char *alpn;          /* chosen; NULL: none */
    char *session_key;   /* of a client that resumes; NULL: it does not */
    bool is_established; /* the handshake is done */
    bool may_refuse;     /* the BIO may ask OpenSSL to write again later */
    bool has_eof;        /* of the lower stream */
    bool needs_room;     /* reading goes on when the lower stream has sent something */
    bool is_over_budget; /* reading has had its turn: others first */
    bool is_bulk;        /* more comes at a time than `in` holds */
    bool is_reading;     /* a task waits for the lower stream, and receives from it */
    bool needs_input;    /* writing goes on when the peer has sent more */
    bool owes_end;       /* close_notify goes out as soon as the peer has sent more */
    bool is_flushing;    /* a task writes `out`, and what comes into it, to the lower stream */
    bool is_aborted;
    size_t budget;   /* bytes that may still be taken in this call */
    size_t in_start; /* in[in_start, in_end) */
    size_t in_end;
    char *out; /* out_size bytes that the lower stream had no room for; or NULL */
    size_t out_size;
    size_t out_flying;          /* in the hands of the task that flushes */
    struct coil_event flushed;  /* set when that task has ended */
    struct coil_event has_read; /* set when is_reading is over */
    char in[COIL__TLS_IN_SIZE];
};

/* bio.c */
BIO_METHOD *coil__tls_bio_method_new(void);
/* Puts a BIO under the connection's SSL. -ENOMEM. */
int coil__tls_bio_attach(struct coil__tls_conn *conn);

/* conn.c */
extern const struct coil_transport_class coil__tls_class;
int coil__tls_conn_new(struct coil_stream *lower, struct coil_tls_context *context,
                       struct coil__tls_conn **ret_conn);
void coil__tls_conn_release(struct coil__tls_conn *conn);
/* Suspends until the lower stream has something new, or another task that waits for that has left.
 * 0, a cancel's reason, -COIL_ECLOSED. */
int coil__tls_wait_lower(struct coil__tls_conn *conn);
/* The connection cannot go on, with that error. */
void coil__tls_break(struct coil__tls_conn *conn, int error);
/* After each call of OpenSSL's: sees to it that `out` reaches the lower stream. 0 or -ENOBUFS. */
int coil__tls_hand_on(struct coil__tls_conn *conn);
/* Suspends until `out` has reached it, or cannot. 0 or a cancel's reason. */
int coil__tls_wait_room(struct coil__tls_conn *conn);
/* Before each call of OpenSSL's: no old errors. may_refuse: a write may be put off. */
void coil__tls_prepare(struct coil__tls_conn *conn, bool may_refuse);
/* The connection behind a TLS stream: NULL when it is none. */
struct coil__tls_conn *coil__tls_conn_of(const struct coil_stream *stream);

/* failure.c: what OpenSSL says, as an error and a sentence. */
/* After a call that gave ssl_error (SSL_get_error). Sets error_text. */
int coil__tls_explain(struct coil__tls_conn *conn, int ssl_error);
/* Whether memory was what OpenSSL lacked, as far as it has said so since its errors were cleared:
 * what else it says then follows from that. Clears them. */
bool coil__tls_lacked_memory(void);
/* For SSL_CTX_set_verify. */
int coil__tls_on_verify(int is_good, X509_STORE_CTX *store);
/* A context could not be made: of `what` (a file's name or a setting). failure: may be NULL. */
int coil__tls_config_failed(struct coil_tls_failure *failure, const char *what);
/* Fills in. failure: may be NULL. Returns error. */
int coil__tls_fail(struct coil_tls_failure *failure, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* text.c */
/* A copy in memory of ours. NULL: no memory. */
char *coil__tls_copy(const char *text, size_t size);
/* As snprintf; what does not fit is cut off. */
void coil__tls_print(char *buf, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A name as RFC 2253 has it, cut to fit. False: no memory. */
bool coil__tls_print_name(char *buf, size_t size, const X509_NAME *name);
/* "2020-01-01 12:00:00 UTC" */
void coil__tls_print_time(char *buf, size_t size, const ASN1_TIME *when);
/* One of a certificate's other names, as "DNS:example.org"; "" for a kind that is not shown. */
void coil__tls_print_alternative(char *buf, size_t size, const void *general_name);

/* credentials.c: what stands in files. All: -COIL_ETLSCONFIG, an error of a file, -ENOMEM. */
int coil__tls_load_own(struct coil_tls_context *context,
                       const struct coil_tls_context_options *options);
int coil__tls_load_authorities(struct coil_tls_context *context,
                               const struct coil_tls_context_options *options);

/* names.c: what a hello asks for. */
int coil__tls_set_names(struct coil_tls_context *context,
                        const struct coil_tls_context_options *options);
int coil__tls_set_alpn(struct coil_tls_context *context,
                       const struct coil_tls_context_options *options);
/* Offers protocols, unless the context has its own. NULL: none. -EINVAL, -ENOMEM. */
int coil__tls_offer(struct coil__tls_conn *conn, const char *const *protocols);
void coil__tls_drop_names(struct coil_tls_context *context);
/* What a client expects of the server. -EINVAL, -ENOMEM. */
int coil__tls_expect(struct coil__tls_conn *conn, const char *server_name, bool is_checked);

/* sessions.c */
int coil__tls_sessions_init(struct coil_tls_context *context, size_t max);
void coil__tls_sessions_deinit(struct coil__tls_sessions *sessions);
/* Offers the server a session of an earlier connection, if there is one. */
void coil__tls_resume(struct coil__tls_conn *conn);

#endif
