/* A peer that is OpenSSL by hand, with memory BIOs over a plain stream: for what our own streams do
 * not do, such as ending without a word, or asking for a renegotiation. */
#ifndef COIL_TESTS_RAW_PEER_H
#define COIL_TESTS_RAW_PEER_H

#include "tls_pair.h"

#include <openssl/ssl.h>

struct raw {
    struct coil_stream *stream;
    SSL_CTX *ssl_ctx;
    SSL *ssl;
    BIO *in;   /* what has come */
    BIO *out;  /* what is to be sent */
    int error; /* SSL_get_error of the last call that failed */
};

/* identity: NULL: none. It checks nobody. */
static inline void raw_init(struct raw *raw, struct coil_stream *stream, bool is_server,
                            const struct identity *identity)
{
    *raw = (struct raw){.stream = stream};
    raw->ssl_ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    if (identity) {
        CHECK(SSL_CTX_use_certificate(raw->ssl_ctx, identity->certificate) > 0);
        CHECK(SSL_CTX_use_PrivateKey(raw->ssl_ctx, identity->key) > 0);
    }
    raw->ssl = SSL_new(raw->ssl_ctx);
    raw->in = BIO_new(BIO_s_mem());
    raw->out = BIO_new(BIO_s_mem());
    CHECK(raw->ssl && raw->in && raw->out);
    SSL_set_bio(raw->ssl, raw->in, raw->out);
    if (is_server) {
        SSL_set_accept_state(raw->ssl);
    } else {
        SSL_set_connect_state(raw->ssl);
    }
}

/* The stream stays. */
static inline void raw_deinit(struct raw *raw)
{
    SSL_free(raw->ssl);
    SSL_CTX_free(raw->ssl_ctx);
    ERR_clear_error();
}

static inline int raw_send(struct raw *raw)
{
    char *data;
    long size = BIO_get_mem_data(raw->out, &data);
    ssize_t rc = size > 0 ? coil_stream_write(raw->stream, data, (size_t)size) : 0;

    (void)BIO_reset(raw->out);
    return rc < 0 ? (int)rc : 0;
}

/* 1: more has come; 0: the end; an error. */
static inline int raw_receive(struct raw *raw)
{
    char buf[4096];
    ssize_t count = coil_stream_read(raw->stream, buf, sizeof buf);

    if (count <= 0) {
        return (int)count;
    }
    CHECK_INT(BIO_write(raw->in, buf, (int)count), ==, count);
    return 1;
}

/* After a call of OpenSSL's that returned rc. True: call again. */
static inline bool raw_again(struct raw *raw, int rc)
{
    raw->error = SSL_get_error(raw->ssl, rc);
    if (raw_send(raw) < 0) {
        return false;
    }
    return rc <= 0 && raw->error == SSL_ERROR_WANT_READ && raw_receive(raw) > 0;
}

/* 1: done. */
static inline int raw_handshake(struct raw *raw)
{
    int rc;

    do {
        ERR_clear_error();
        rc = SSL_do_handshake(raw->ssl);
    } while (raw_again(raw, rc));
    return rc;
}

static inline int raw_read(struct raw *raw, char *buf, int size)
{
    int rc;

    do {
        ERR_clear_error();
        rc = SSL_read(raw->ssl, buf, size);
    } while (raw_again(raw, rc));
    return rc;
}

static inline int raw_write(struct raw *raw, const char *text)
{
    int rc;

    ERR_clear_error();
    rc = SSL_write(raw->ssl, text, (int)strlen(text));
    raw_again(raw, rc);
    return rc;
}

static inline void raw_shutdown(struct raw *raw)
{
    SSL_shutdown(raw->ssl);
    CHECK_OK(raw_send(raw));
}

#endif
