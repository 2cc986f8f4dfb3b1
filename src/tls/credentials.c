/* credentials.c - certificates, keys and authorities, from files or memory, into a context. */
#include "tls/tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

/* Where PEM comes from: a file, or memory. */
struct source {
    const char *file;
    const void *data;
    size_t size;
    const char *what; /* for sentences */
};

static struct source source_of(const char *file, const void *data, size_t size, const char *what)
{
    struct source source = {.file = file, .data = data, .size = size, .what = file ? file : what};

    if (!file && data && size == 0) {
        source.size = strlen(data);
    }
    return source;
}

static bool is_given(const struct source *source)
{
    return source->file || source->data;
}

static BIO *open_source(const struct source *source)
{
    if (source->file) {
        return BIO_new_file(source->file, "r");
    }
    return source->size > INT_MAX ? NULL : BIO_new_mem_buf(source->data, (int)source->size);
}

/* OpenSSL's own would ask the terminal. */
static int give_password(char *buf, int size, int is_writing, void *user)
{
    const char *password = user;
    size_t length = password ? strlen(password) : 0;

    (void)is_writing;
    if (!password || size < 0 || length > (size_t)size) {
        return -1;
    }
    memcpy(buf, password, length);
    return (int)length;
}

/* After the last certificate of a text: true if it ended as it should. */
static bool ended_well(void)
{
    unsigned long code = ERR_peek_last_error();
    bool is_end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

    if (is_end) {
        ERR_clear_error();
    }
    return is_end;
}

/* --- the own certificate --- */

static bool read_chain(SSL_CTX *ssl_ctx, BIO *bio)
{
    X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, give_password, NULL);
    bool is_good = certificate && SSL_CTX_use_certificate(ssl_ctx, certificate) > 0;

    X509_free(certificate);
    while (is_good) {
        certificate = PEM_read_bio_X509(bio, NULL, give_password, NULL);
        if (!certificate) {
            return ended_well();
        }
        is_good = SSL_CTX_add0_chain_cert(ssl_ctx, certificate) > 0;
        if (!is_good) {
            X509_free(certificate);
        }
    }
    return false;
}

static bool read_key(SSL_CTX *ssl_ctx, BIO *bio, const char *password)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_password, (void *)(uintptr_t)password);
    bool is_good = key && SSL_CTX_use_PrivateKey(ssl_ctx, key) > 0;

    EVP_PKEY_free(key);
    return is_good;
}

static int load_chain(struct coil_tls_context *context, const struct source *source,
                      struct coil_tls_failure *failure)
{
    BIO *bio = open_source(source);
    bool is_good = bio && read_chain(context->ssl_ctx, bio);

    BIO_free(bio);
    return is_good ? 0 : coil__tls_config_failed(failure, source->what);
}

static int load_key(struct coil_tls_context *context, const struct source *source,
                    const char *password, struct coil_tls_failure *failure)
{
    BIO *bio = open_source(source);
    bool is_good = bio && read_key(context->ssl_ctx, bio, password);

    BIO_free(bio);
    return is_good ? 0 : coil__tls_config_failed(failure, source->what);
}

int coil__tls_load_own(struct coil_tls_context *context,
                       const struct coil_tls_context_options *options)
{
    struct source chain = source_of(options->certificate_file, options->certificate,
                                    options->certificate_size, "the certificate");
    struct source key = source_of(options->key_file, options->key, options->key_size, "the key");
    int rc;

    if (!is_given(&chain)) {
        return is_given(&key) || context->is_server
                   ? coil__tls_fail(options->ret_failure, -EINVAL, "no certificate is given")
                   : 0;
    }
    if (!is_given(&key)) {
        key = chain;
    }
    rc = load_chain(context, &chain, options->ret_failure);
    rc = rc < 0 ? rc : load_key(context, &key, options->key_password, options->ret_failure);
    if (rc == 0 && SSL_CTX_check_private_key(context->ssl_ctx) <= 0) {
        rc = coil__tls_config_failed(options->ret_failure, key.what);
    }
    return rc;
}

/* --- authorities --- */

static bool read_authorities(X509_STORE *store, BIO *bio)
{
    X509 *certificate;
    int count = 0;

    while ((certificate = PEM_read_bio_X509_AUX(bio, NULL, give_password, NULL)) != NULL) {
        bool is_good = X509_STORE_add_cert(store, certificate) > 0;

        X509_free(certificate);
        if (!is_good) {
            return false;
        }
        count++;
    }
    return count > 0 && ended_well();
}

static int load_given(struct coil_tls_context *context,
                      const struct coil_tls_context_options *options)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl_ctx);
    struct source sources[] = {
        source_of(options->ca_file, NULL, 0, ""),
        source_of(NULL, options->ca, options->ca_size, "the authorities"),
    };

    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (is_given(&sources[i])) {
            BIO *bio = open_source(&sources[i]);
            bool is_good = bio && read_authorities(store, bio);

            BIO_free(bio);
            if (!is_good) {
                return coil__tls_config_failed(options->ret_failure, sources[i].what);
            }
        }
    }
    if (options->ca_dir && SSL_CTX_load_verify_dir(context->ssl_ctx, options->ca_dir) <= 0) {
        return coil__tls_config_failed(options->ret_failure, options->ca_dir);
    }
    return 0;
}

/* Clients are told from whom their certificate may come, so that they choose the right one. */
static int name_authorities(struct coil_tls_context *context,
                            const struct coil_tls_context_options *options)
{
    STACK_OF(X509_OBJECT) *objects =
        X509_STORE_get0_objects(SSL_CTX_get_cert_store(context->ssl_ctx));

    for (int i = 0; context->is_server && i < sk_X509_OBJECT_num(objects); i++) {
        X509 *certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

        if (certificate && SSL_CTX_add_client_CA(context->ssl_ctx, certificate) <= 0) {
            return coil__tls_config_failed(options->ret_failure, "the authorities");
        }
    }
    return 0;
}

static int load_crl(struct coil_tls_context *context,
                    const struct coil_tls_context_options *options)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl_ctx);
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

    if (!lookup || X509_load_crl_file(lookup, options->crl_file, X509_FILETYPE_PEM) <= 0) {
        return coil__tls_config_failed(options->ret_failure, options->crl_file);
    }
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return 0;
}

int coil__tls_load_authorities(struct coil_tls_context *context,
                               const struct coil_tls_context_options *options)
{
    bool is_any_given = options->ca_file || options->ca_dir || options->ca;
    bool is_verifying = context->verify != COIL_TLS_VERIFY_NONE;
    int rc;

    if (context->is_server && is_verifying && !is_any_given) {
        return coil__tls_fail(options->ret_failure, -EINVAL,
                              "no authority is given for the clients' certificates");
    }
    rc = load_given(context, options);
    rc = rc < 0 ? rc : name_authorities(context, options);
    if (rc == 0 && options->crl_file) {
        rc = load_crl(context, options);
    }
    if (rc == 0 && is_verifying && !is_any_given &&
        SSL_CTX_set_default_verify_paths(context->ssl_ctx) <= 0) {
        rc = coil__tls_config_failed(options->ret_failure, "the system's authorities");
    }
    /* A certificate that is given as trusted is trusted, whoever has signed it. */
    X509_STORE_set_flags(SSL_CTX_get_cert_store(context->ssl_ctx), X509_V_FLAG_PARTIAL_CHAIN);
    return rc;
}
