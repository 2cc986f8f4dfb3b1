/* coil/tls.h - TLS over any stream: HTTPS clients, TLS servers, STARTTLS. A library of its own,
 * libcoil-tls (pkg-config: coil-tls), on top of OpenSSL 3.
 *
 *     rc = coil_tls_context_new(NULL, &context);          // a client: the system's authorities
 *     rc = coil_tls_connect("example.org", 443, context, NULL, &stream);
 *     coil_stream_write(stream, "GET / HTTP/1.0\r\n\r\n", 18);
 *
 * What comes back is a struct coil_stream like any other: read_until, peek, write, close. Only the
 * handshake, the queries below and some errors are TLS's. A server:
 *
 *     struct coil_tls_service service = {.context = context, .client = serve_client};
 *     rc = coil_serve("0.0.0.0", 443, NULL, coil_tls_client, &service);
 *
 * TLS 1.2 and 1.3; nothing older, no renegotiation, no compression, no early data. A peer that ends
 * the connection without saying so (close_notify) gives -COIL_ETLSTRUNCATED and not an end, so
 * that an attacker cannot cut a message short. coil_stream_write_eof sends close_notify, and
 * reading goes on: under TLS 1.3 that is the protocol's; under 1.2 a peer may answer with its own
 * end at once and drop what it had to say, as RFC 5246 asks it to (OpenSSL and Go do not).
 * coil_stream_close sends what is waiting and close_notify, and waits for the peer's, at most
 * shutdown_timeout_ns (-ETIMEDOUT); what still comes meanwhile is dropped. coil_stream_abort does
 * none of this.
 *
 * Errors of a connection: -COIL_ETLSEXPIRED and the other -COIL_ETLS... of coil/error.h; a sentence
 * about what has failed, with names and dates, is in struct coil_tls_failure after a handshake and
 * in coil_tls_error_text later on.
 *
 * asyncio's counterparts: ssl.SSLContext, open_connection(ssl=), start_server(ssl=), start_tls,
 * get_extra_info("peercert", "cipher", "ssl_object").
 */
#ifndef COIL_TLS_H
#define COIL_TLS_H

#include <coil/address.h>
#include <coil/base.h>
#include <coil/error.h>
#include <coil/server.h>
#include <coil/stream.h>

/* Certificates, keys and rules, for any number of connections. Counted: each connection keeps its
 * own hold of it. Any thread may use it, several loops may share it, and nothing in it changes once
 * it is made. To reload certificates make a new one, use it from then on, and free the old one. */
struct coil_tls_context;

/* Versions of the protocol, with the numbers they have on the wire. */
enum coil_tls_version {
    COIL_TLS_VERSION_DEFAULT = 0,
    COIL_TLS_1_2 = 0x0303,
    COIL_TLS_1_3 = 0x0304,
};

/* Whether the peer's certificate is asked for and looked at. */
enum coil_tls_verify {
    COIL_TLS_VERIFY_DEFAULT,  /* clients: REQUIRED; servers: NONE */
    COIL_TLS_VERIFY_NONE,     /* a client takes any server for the right one: for tests */
    COIL_TLS_VERIFY_OPTIONAL, /* servers: a client may have none, but not a bad one */
    COIL_TLS_VERIFY_REQUIRED,
};

/* What has failed. text: a sentence without a full stop, cut to fit; "" when nothing has. */
struct coil_tls_failure {
    int error; /* negative, or 0 */
    char text[400];
};

/* Another certificate for some of a server's names (SNI). */
struct coil_tls_name {
    const char *name;                 /* "example.org", or "*.example.org": one label more */
    struct coil_tls_context *context; /* a server's, all of whose rules count then, but for its own
                                         names; is held */
};

/* All-zero is a client that checks servers against the system's authorities. Nothing is kept of
 * what the pointers point to. Files are PEM, read at once; a size of 0: text that ends in '\0'. */
struct coil_tls_context_options {
    bool is_server;
    const char *certificate_file; /* the own one, then those that lead to the authority */
    const char *key_file;         /* its private key; NULL: is in certificate_file */
    const char *key_password;     /* of an encrypted key; NULL: it is not */
    const void *certificate;      /* the same from memory */
    size_t certificate_size;
    const void *key;
    size_t key_size;
    const char
        *ca_file; /* authorities that a peer's certificate may come from; none of the three: */
    const char *ca_dir; /* the system's (SSL_CERT_FILE and SSL_CERT_DIR count), for a client */
    const void *ca;
    size_t ca_size;
    const char *crl_file; /* revoked certificates; then a peer's authority must have a list */
    enum coil_tls_verify verify;
    enum coil_tls_version min_version; /* default: 1.2 */
    enum coil_tls_version max_version; /* default: the highest there is */
    const char *const *alpn;  /* protocols ("h2", "http/1.1"), best first, then NULL; a server
                                          refuses a client with which it shares none */
    const char *ciphers;      /* of TLS 1.2, in OpenSSL's words: "ECDHE+AESGCM"; NULL: OpenSSL's */
    const char *ciphersuites; /* of TLS 1.3: "TLS_AES_128_GCM_SHA256:..." */
    const struct coil_tls_name *names; /* servers: who else lives here */
    size_t name_count;
    size_t max_sessions;                  /* that a client keeps for resumption; 0: 256 */
    bool no_resumption;                   /* every handshake is a full one */
    struct coil_tls_failure *ret_failure; /* filled in on failure; NULL: not wanted */
};

/* How one connection is made. All-zero is the default of everything. */
struct coil_tls_options {
    const char *server_name; /* clients: whom to expect, a name or an address; coil_tls_connect: the
                                host unless given. Must be given where the server is verified */
    bool no_name_check;      /* ... unless any name will do, from an authority that is trusted */
    const char *const
        *alpn; /* clients: protocols, best first, then NULL, that are offered where the
                                context has none; NULL: none */
    int64_t handshake_timeout_ns;      /* 0: 60 s */
    int64_t shutdown_timeout_ns;       /* of close; 0: 30 s; below 0: does not wait for the peer */
    struct coil_stream_options stream; /* of the TLS stream */
    struct coil_tls_failure *ret_failure; /* filled in on failure; NULL: not wanted */
};

/* What coil_tls_client needs; kept by the program as long as the server lives. Any field may be
 * changed meanwhile: clients that come later see it. */
struct coil_tls_service {
    struct coil_tls_context *context; /* a server's */
    coil_client_fn client;            /* serves one; its TLS stream is closed after it */
    void *user;                       /* passed on */
    struct coil_tls_options options;  /* ret_failure is not looked at */
    /* Hears of handshakes that have failed. peer: its address, of size 0 when it has vanished.
     * NULL: coil_tls_client returns the error, which so goes to the loop's error handler. */
    void (*on_failure)(const struct coil_address *peer, const struct coil_tls_failure *failure,
                       void *user);
};

/* What was agreed on. The strings are of static storage, or live as long as the stream. */
struct coil_tls_info {
    enum coil_tls_version version;
    const char *version_name; /* "TLSv1.3" */
    const char *cipher;       /* "TLS_AES_256_GCM_SHA384" */
    int cipher_bits;          /* of its key */
    const char *alpn;         /* the protocol that was chosen; "": none */
    const char *server_name;  /* that the client has asked for; "": none */
    bool is_resumed;
    bool has_certificate;     /* the peer has shown one */
    const char *verify_error; /* "": the certificate was found good, or there is none; else what is
                                 wrong with it (VERIFY_NONE goes on in spite of that) */
};

/* A peer's certificate. */
struct coil_tls_certificate {
    const char *subject; /* "CN=example.org,O=Example", by RFC 2253 */
    const char *issuer;
    const char *common_name;  /* of the subject; "": it has none */
    const char *serial;       /* hexadecimal */
    const char *const *names; /* "DNS:example.org", "IP:192.0.2.1", "URI:...", "email:..." */
    size_t name_count;
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    unsigned char sha256[32]; /* the fingerprint */
    const unsigned char *der; /* all of it */
    size_t der_size;
};

COIL_BEGIN_DECLS

/* Makes a context. options: NULL: a client with all defaults. ret_context: owned by the caller, who
 * frees it. Reads files and so holds up the loop for a moment: best done at the start, or in
 * coil_to_thread. Any thread, no loop needed. 0; -COIL_ETLSCONFIG (a certificate, key, cipher or
 * name that cannot be used; the key is another certificate's); -ENOENT, -EACCES, ... (a file);
 * -EINVAL (a server without a certificate; versions the wrong way round), -ENOMEM. asyncio:
 * ssl.create_default_context, SSLContext. */
COIL_EXPORT int coil_tls_context_new(const struct coil_tls_context_options *options,
                                     struct coil_tls_context **ret_context);

/* One more owner, who frees it too. Returns context; NULL for NULL. Any thread. */
COIL_EXPORT struct coil_tls_context *coil_tls_context_hold(struct coil_tls_context *context);

/* Gives it up; it goes with its last owner or connection. NULL: does nothing. Any thread. */
COIL_EXPORT void coil_tls_context_free(struct coil_tls_context *context);

/* Makes a TLS stream of a stream: the handshake, as client or server, whichever the context is.
 * What stands in the stream unread belongs to TLS already, what was written goes first. stream: the
 * TLS stream's from now on, also on failure (it is closed then, after an alert to the peer): the
 * caller no longer touches it. ret_stream: owned by the caller, who closes it. 0; -ETIMEDOUT,
 * -COIL_ETLSEXPIRED, _ETLSNOTYET, _ETLSHOSTNAME, _ETLSUNTRUSTED, _ETLSREVOKED, _ETLSVERIFY,
 * _ETLSNOCERT, _ETLSPROTOCOL, _ETLSALERT, _ETLSTRUNCATED; -ECONNRESET and the like; -EINVAL (no
 * context, or server_name missing), -ENOMEM. Cancel: nothing is left behind. asyncio:
 * loop.start_tls, StreamWriter.start_tls. */
COIL_EXPORT COIL_SUSPENDS int coil_tls_start(struct coil_stream *stream,
                                             struct coil_tls_context *context,
                                             const struct coil_tls_options *options,
                                             struct coil_stream **ret_stream);

/* Connects to a host and does the handshake as a client: coil_open_connection and coil_tls_start.
 * host, port: as there; "unix:/path" needs a server_name. options: may be NULL. ret_stream: owned
 * by the caller. The errors of both. asyncio: open_connection(ssl=context). */
COIL_EXPORT COIL_SUSPENDS int coil_tls_connect(const char *host, uint16_t port,
                                               struct coil_tls_context *context,
                                               const struct coil_tls_options *options,
                                               struct coil_stream **ret_stream);

/* A coil_client_fn for coil_start_server and coil_serve; service: a struct coil_tls_service, to be
 * given as their `user`. Does the handshake in the client's own task, so that a slow one holds up
 * nobody, then calls service->client with the TLS stream, and closes that. Returns what it
 * returned; -ECONNRESET, which no server reports, for -COIL_ETLSTRUNCATED: many clients just
 * vanish. */
COIL_EXPORT COIL_SUSPENDS int coil_tls_client(struct coil_stream *stream, void *service);

/* True for a TLS stream. asyncio: get_extra_info("ssl_object") is not None. */
COIL_EXPORT bool coil_tls_is_tls(const struct coil_stream *stream);

/* What was agreed on. 0; -EINVAL (no TLS stream), -COIL_ECLOSED. asyncio:
 * get_extra_info("cipher"), ssl_object.version(), .selected_alpn_protocol(), .session_reused. */
COIL_EXPORT int coil_tls_get_info(const struct coil_stream *stream, struct coil_tls_info *ret_info);

/* The peer's certificate. ret_certificate: owned by the caller, who frees it. 0; -COIL_ETLSNOCERT:
 * it has shown none; -EINVAL (no TLS stream), -COIL_ECLOSED, -ENOMEM. asyncio:
 * get_extra_info("peercert"). */
COIL_EXPORT int coil_tls_get_certificate(const struct coil_stream *stream,
                                         struct coil_tls_certificate **ret_certificate);

/* NULL: does nothing. Any thread. */
COIL_EXPORT void coil_tls_certificate_free(struct coil_tls_certificate *certificate);

/* A sentence about the error that a call on the TLS stream has returned; "" when there was none of
 * TLS's. Lives as long as the stream. NULL: no TLS stream. */
COIL_EXPORT const char *coil_tls_error_text(const struct coil_stream *stream);

COIL_END_DECLS

#endif
