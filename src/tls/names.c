/* names.c - who is asked for, and what is to be spoken: server names (SNI), protocols (ALPN), and
 * the name that a client checks. */
#include "tls/tls.h"

#include "base/memory.h"

#include <coil/address.h>

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

/* --- SNI --- */

static bool matches(const struct coil__tls_name *name, const char *asked)
{
    if (name->is_wildcard) {
        const char *dot = strchr(asked, '.');

        return dot && dot > asked && strcasecmp(dot + 1, name->name) == 0;
    }
    return strcasecmp(asked, name->name) == 0;
}

/* Exact names go before wildcards. NULL: the context's own certificate serves. */
static struct coil_tls_context *find_context(const struct coil_tls_context *context,
                                             const char *asked)
{
    for (int wildcards = 0; wildcards < 2; wildcards++) {
        for (size_t i = 0; i < context->name_count; i++) {
            const struct coil__tls_name *name = &context->names[i];

            if (name->is_wildcard == (wildcards == 1) && matches(name, asked)) {
                return name->context;
            }
        }
    }
    return NULL;
}

/* What SSL_set_SSL_CTX leaves as it was. (Its certificate, authorities, protocols and ciphers are
 * looked up in the context that is in use.) */
static bool bring_rules(SSL *ssl, const struct coil_tls_context *other)
{
    SSL_CTX *ssl_ctx = other->ssl_ctx;

    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ssl_ctx), coil__tls_on_verify);
    if (other->resumes) {
        SSL_clear_options(ssl, SSL_OP_NO_TICKET);
    } else {
        SSL_set_options(ssl, SSL_OP_NO_TICKET);
    }
    return SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(ssl_ctx)) &&
           SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(ssl_ctx)) &&
           SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(ssl_ctx));
}

/* The host of a hello's server_name (RFC 6066, 3: a list, of which the first one counts). What is
 * no name OpenSSL refuses itself, later. */
static bool get_asked(SSL *ssl, const char **ret_name, size_t *ret_size)
{
    const unsigned char *data;
    size_t size, name_size;

    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) || size < 5) {
        return false;
    }
    name_size = (size_t)data[3] << 8 | data[4];
    if (data[2] != TLSEXT_NAMETYPE_host_name || name_size == 0 || name_size > size - 5 ||
        name_size > TLSEXT_MAXLEN_host_name || memchr(data + 5, '\0', name_size)) {
        return false;
    }
    *ret_name = (const char *)data + 5;
    *ret_size = name_size;
    return true;
}

/* Called before anything else of the hello is looked at. So a session that it wants to resume is
 * compared with the context that serves the name: one that was made by the rules of another
 * context, which may ask for no certificate, is not taken (the handshake is a full one then); and
 * the version is not chosen yet. */
static int on_hello(SSL *ssl, int *ret_alert, void *user)
{
    struct coil__tls_conn *conn = SSL_get_ex_data(ssl, 0);
    struct coil_tls_context *serving = NULL;
    const char *asked;
    size_t size;
    bool is_asked = get_asked(ssl, &asked, &size);

    (void)user;
    coil__free(conn->server_name); /* a second hello may ask for another one */
    conn->server_name = is_asked ? coil__tls_copy(asked, size) : NULL;
    if (conn->server_name) {
        serving = find_context(conn->context, conn->server_name);
    }
    serving = serving ? serving : conn->context;
    if ((is_asked && !conn->server_name) ||
        (SSL_get_SSL_CTX(ssl) != serving->ssl_ctx &&
         !(SSL_set_SSL_CTX(ssl, serving->ssl_ctx) && bring_rules(ssl, serving)))) {
        ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE); /* else it were a callback that has failed */
        *ret_alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* Tells the client that its name has counted. */
static int on_server_name(SSL *ssl, int *ret_alert, void *user)
{
    const struct coil__tls_conn *conn = SSL_get_ex_data(ssl, 0);

    (void)ret_alert;
    (void)user;
    return conn->server_name ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static int add_name(struct coil_tls_context *context, const struct coil_tls_name *given)
{
    struct coil__tls_name *name = &context->names[context->name_count];
    const char *text = given->name;

    if (!text || !given->context || !given->context->is_server) {
        return -EINVAL;
    }
    name->is_wildcard = strncmp(text, "*.", 2) == 0;
    text += name->is_wildcard ? 2 : 0;
    name->name = coil__tls_copy(text, strlen(text));
    if (!name->name) {
        return -ENOMEM;
    }
    name->context = coil_tls_context_hold(given->context);
    context->name_count++;
    return 0;
}

int coil__tls_set_names(struct coil_tls_context *context,
                        const struct coil_tls_context_options *options)
{
    int rc = 0;

    if (!context->is_server) {
        return options->name_count > 0 ? -EINVAL : 0;
    }
    SSL_CTX_set_client_hello_cb(context->ssl_ctx, on_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(context->ssl_ctx, on_server_name);
    if (options->name_count == 0) {
        return 0;
    }
    context->names = coil__calloc(options->name_count, sizeof *context->names);
    if (!options->names || !context->names) {
        return options->names ? -ENOMEM : -EINVAL;
    }
    for (size_t i = 0; rc == 0 && i < options->name_count; i++) {
        rc = add_name(context, &options->names[i]);
    }
    return rc;
}

void coil__tls_drop_names(struct coil_tls_context *context)
{
    for (size_t i = 0; i < context->name_count; i++) {
        coil__free(context->names[i].name);
        coil_tls_context_free(context->names[i].context);
    }
    coil__free(context->names);
    coil__free(context->alpn);
}

/* --- ALPN --- */

/* The server's order counts. A client with which nothing is shared is refused (RFC 7301, 3.2). */
static int on_alpn(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_size,
                   const unsigned char *offered, unsigned offered_size, void *user)
{
    const struct coil_tls_context *context = user;
    unsigned char *chosen;
    int rc = SSL_select_next_proto(&chosen, ret_size, context->alpn, context->alpn_size, offered,
                                   offered_size);

    (void)ssl;
    *ret_chosen = chosen;
    return rc == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ret_alpn: the caller's memory. 0, -EINVAL, -ENOMEM. */
static int encode_alpn(const char *const *protocols, unsigned char **ret_alpn, unsigned *ret_size)
{
    size_t size = 0;
    unsigned char *to;

    for (size_t i = 0; protocols[i]; i++) {
        size_t length = strlen(protocols[i]);

        if (length == 0 || length > 255) {
            return -EINVAL;
        }
        size += 1 + length;
    }
    if (size == 0 || size > UINT16_MAX) {
        return -EINVAL;
    }
    to = *ret_alpn = coil__malloc(size);
    if (!to) {
        return -ENOMEM;
    }
    for (size_t i = 0; protocols[i]; i++) {
        size_t length = strlen(protocols[i]);

        *to = (unsigned char)length;
        memcpy(to + 1, protocols[i], length);
        to += 1 + length;
    }
    *ret_size = (unsigned)size;
    return 0;
}

int coil__tls_set_alpn(struct coil_tls_context *context,
                       const struct coil_tls_context_options *options)
{
    int rc = options->alpn ? encode_alpn(options->alpn, &context->alpn, &context->alpn_size) : 0;

    if (rc < 0 || !options->alpn) {
        return rc;
    }
    if (context->is_server) {
        SSL_CTX_set_alpn_select_cb(context->ssl_ctx, on_alpn, context);
    } else if (SSL_CTX_set_alpn_protos(context->ssl_ctx, context->alpn, context->alpn_size) != 0) {
        return -ENOMEM; /* 0 means success here */
    }
    return 0;
}

int coil__tls_offer(struct coil__tls_conn *conn, const char *const *protocols)
{
    unsigned char *alpn = NULL;
    unsigned size = 0;
    int rc = protocols && !conn->context->alpn ? encode_alpn(protocols, &alpn, &size) : 0;

    if (alpn && SSL_set_alpn_protos(conn->ssl, alpn, size) != 0) {
        rc = -ENOMEM;
    }
    coil__free(alpn);
    return rc;
}

/* --- what a client expects --- */

static bool is_ip(const char *text)
{
    struct coil_address address;

    return coil_address_from_ip(text, 0, &address) == 0;
}

static bool set_expected(SSL *ssl, const char *name, bool is_checked)
{
    if (is_ip(name)) { /* an address has no place in SNI (RFC 6066, 3) */
        return !is_checked || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) > 0;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, name) > 0 && (!is_checked || SSL_set1_host(ssl, name) > 0);
}

/* After that has failed. A name may be too long, and some addresses mean nothing to OpenSSL
 * ("fe80::1%eth0"); else it is a copy that has failed, which OpenSSL says of addresses only. */
static int explain_expected(const char *name)
{
    bool lacked_memory = coil__tls_lacked_memory();

    if (!is_ip(name)) {
        lacked_memory = strlen(name) <= TLSEXT_MAXLEN_host_name;
    }
    return lacked_memory ? -ENOMEM : -EINVAL;
}

int coil__tls_expect(struct coil__tls_conn *conn, const char *server_name, bool is_checked)
{
    size_t length = server_name ? strlen(server_name) : 0;

    if (length > 1 && server_name[length - 1] == '.') { /* "example.org." is the same host */
        length--;
    }
    if (length == 0) {
        return is_checked ? -EINVAL : 0;
    }
    conn->server_name = coil__tls_copy(server_name, length);
    if (!conn->server_name) {
        return -ENOMEM;
    }
    ERR_clear_error();
    if (!set_expected(conn->ssl, conn->server_name, is_checked)) {
        return explain_expected(conn->server_name);
    }
    return 0;
}
