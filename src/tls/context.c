/* context.c - contexts: the rules, certificates and sessions that connections share.
 *
 * Once it is made nothing in a context changes but its count of owners and its sessions, which have
 * a lock: so any thread may use it.
 */
#include "tls/tls.h"

#include "base/memory.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>

static int set_versions(SSL_CTX *ssl_ctx, const struct coil_tls_context_options *options)
{
    int min = options->min_version ? (int)options->min_version : COIL_TLS_1_2;
    int max = options->max_version ? (int)options->max_version : COIL_TLS_1_3;

    if (min < COIL_TLS_1_2 || max > COIL_TLS_1_3 || min > max) {
        return coil__tls_fail(options->ret_failure, -EINVAL, "no TLS version is left");
    }
    if (!SSL_CTX_set_min_proto_version(ssl_ctx, min) ||
        !SSL_CTX_set_max_proto_version(ssl_ctx, max)) {
        return coil__tls_config_failed(options->ret_failure, "the TLS versions");
    }
    return 0;
}

static int set_ciphers(SSL_CTX *ssl_ctx, const struct coil_tls_context_options *options)
{
    if (options->ciphers && !SSL_CTX_set_cipher_list(ssl_ctx, options->ciphers)) {
        return coil__tls_config_failed(options->ret_failure, "the ciphers of TLS 1.2");
    }
    if (options->ciphersuites && !SSL_CTX_set_ciphersuites(ssl_ctx, options->ciphersuites)) {
        return coil__tls_config_failed(options->ret_failure, "the ciphers of TLS 1.3");
    }
    return 0;
}

static int set_verify(struct coil_tls_context *context,
                      const struct coil_tls_context_options *options)
{
    int mode = SSL_VERIFY_NONE;

    context->verify = options->verify;
    if ((unsigned)options->verify > COIL_TLS_VERIFY_REQUIRED) {
        return -EINVAL;
    }
    if (options->verify == COIL_TLS_VERIFY_DEFAULT) {
        context->verify = context->is_server ? COIL_TLS_VERIFY_NONE : COIL_TLS_VERIFY_REQUIRED;
    }
    if (context->verify != COIL_TLS_VERIFY_NONE) {
        mode = SSL_VERIFY_PEER;
    }
    if (context->verify == COIL_TLS_VERIFY_REQUIRED) {
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    SSL_CTX_set_verify(context->ssl_ctx, mode, coil__tls_on_verify);
    return 0;
}

/* A server's tickets hold all that is to be known, so it keeps nothing. Sessions of one context are
 * not good in another one, which may ask for other certificates. */
static int set_resumption(struct coil_tls_context *context,
                          const struct coil_tls_context_options *options)
{
    unsigned char id[SSL_MAX_SID_CTX_LENGTH];

    context->resumes = !options->no_resumption;
    SSL_CTX_set_session_cache_mode(context->ssl_ctx, SSL_SESS_CACHE_OFF);
    if (!context->is_server) {
        return context->resumes ? coil__tls_sessions_init(context, options->max_sessions) : 0;
    }
    if (!context->resumes) {
        SSL_CTX_set_options(context->ssl_ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context->ssl_ctx, 0);
    }
    if (RAND_bytes(id, sizeof id) <= 0 ||
        !SSL_CTX_set_session_id_context(context->ssl_ctx, id, sizeof id)) {
        return coil__tls_config_failed(options->ret_failure, "the random numbers");
    }
    return 0;
}

static int configure(struct coil_tls_context *context,
                     const struct coil_tls_context_options *options)
{
    SSL_CTX *ssl_ctx = context->ssl_ctx;
    int rc;

    SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_clear_options(ssl_ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* An idle connection has no buffers of OpenSSL's. */
    SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* One read for a record's head and body, and for the next records too. */
    SSL_CTX_set_read_ahead(ssl_ctx, 1);
    rc = set_versions(ssl_ctx, options);
    rc = rc < 0 ? rc : set_ciphers(ssl_ctx, options);
    rc = rc < 0 ? rc : set_verify(context, options);
    rc = rc < 0 ? rc : set_resumption(context, options);
    rc = rc < 0 ? rc : coil__tls_set_names(context, options);
    rc = rc < 0 ? rc : coil__tls_set_alpn(context, options);
    rc = rc < 0 ? rc : coil__tls_load_own(context, options);
    return rc < 0 ? rc : coil__tls_load_authorities(context, options);
}

int coil_tls_context_new(const struct coil_tls_context_options *options,
                         struct coil_tls_context **ret_context)
{
    static const struct coil_tls_context_options defaults = {0};
    struct coil_tls_context *context;
    int rc;

    if (!ret_context) {
        return -EINVAL;
    }
    options = options ? options : &defaults;
    coil__tls_fail(options->ret_failure, 0, "%s", "");
    context = coil__calloc(1, sizeof *context);
    if (!context) {
        return coil__tls_fail(options->ret_failure, -ENOMEM, "%s", coil_strerror(-ENOMEM));
    }
    ERR_clear_error();
    atomic_init(&context->holds, 1);
    context->is_server = options->is_server;
    context->ssl_ctx = SSL_CTX_new(options->is_server ? TLS_server_method() : TLS_client_method());
    context->bio_method = coil__tls_bio_method_new();
    rc = context->ssl_ctx && context->bio_method ? configure(context, options) : -ENOMEM;
    ERR_clear_error();
    if (rc < 0) {
        if (options->ret_failure && options->ret_failure->error == 0) {
            coil__tls_fail(options->ret_failure, rc, "%s", coil_strerror(rc));
        }
        coil_tls_context_free(context);
        return rc;
    }
    *ret_context = context;
    return 0;
}

struct coil_tls_context *coil_tls_context_hold(struct coil_tls_context *context)
{
    if (context) {
        atomic_fetch_add_explicit(&context->holds, 1, memory_order_relaxed);
    }
    return context;
}

void coil_tls_context_free(struct coil_tls_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->holds, 1, memory_order_acq_rel) != 1) {
        return;
    }
    SSL_CTX_free(context->ssl_ctx);
    BIO_meth_free(context->bio_method);
    coil__tls_sessions_deinit(&context->sessions);
    coil__tls_drop_names(context);
    coil__free(context);
}
