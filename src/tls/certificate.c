/* certificate.c - what may be asked about a TLS stream and its peer. */
#include "tls/tls.h"

#include "base/memory.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { NAME_SIZE = 512, MAX_NAMES = 1000 };

bool coil_tls_is_tls(const struct coil_stream *stream)
{
    return coil__tls_conn_of(stream) != NULL;
}

const char *coil_tls_error_text(const struct coil_stream *stream)
{
    const struct coil__tls_conn *conn = coil__tls_conn_of(stream);

    if (!conn) {
        return NULL;
    }
    return conn->error_text ? conn->error_text : "";
}

/* Why there is no connection behind a stream. */
static int find(const struct coil_stream *stream, struct coil__tls_conn **ret_conn)
{
    int rc = stream ? coil_stream_get_fd(stream) : -EINVAL;

    *ret_conn = coil__tls_conn_of(stream);
    if (*ret_conn) {
        return 0;
    }
    return rc == -COIL_ECLOSED ? rc : -EINVAL;
}

int coil_tls_get_info(const struct coil_stream *stream, struct coil_tls_info *ret_info)
{
    struct coil__tls_conn *conn;
    const SSL_CIPHER *cipher;
    int rc = find(stream, &conn);

    if (rc < 0 || !ret_info) {
        return rc < 0 ? rc : -EINVAL;
    }
    cipher = SSL_get_current_cipher(conn->ssl);
    *ret_info = (struct coil_tls_info){
        .version = (enum coil_tls_version)SSL_version(conn->ssl),
        .version_name = SSL_get_version(conn->ssl),
        .cipher = SSL_CIPHER_get_name(cipher),
        .cipher_bits = SSL_CIPHER_get_bits(cipher, NULL),
        .alpn = conn->alpn ? conn->alpn : "",
        .server_name = conn->server_name ? conn->server_name : "",
        .is_resumed = SSL_session_reused(conn->ssl) > 0,
        .has_certificate = SSL_get0_peer_certificate(conn->ssl) != NULL,
        .verify_error = "",
    };
    if (conn->verify_error < 0) {
        ret_info->verify_error =
            conn->verify_text ? conn->verify_text : coil_strerror(conn->verify_error);
    }
    return 0;
}

/* --- certificates --- */

static int64_t seconds_of(const ASN1_TIME *when)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;

    if (epoch) {
        ASN1_TIME_diff(&days, &seconds, epoch, when);
    }
    ASN1_STRING_free(epoch);
    return (int64_t)days * 86400 + seconds;
}

static const char *copy_name(const X509_NAME *name)
{
    char text[NAME_SIZE];

    return coil__tls_print_name(text, sizeof text, name) ? coil__tls_copy(text, strlen(text))
                                                         : NULL;
}

static const char *copy_common_name(X509_NAME *name)
{
    char text[NAME_SIZE];
    int size = X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof text);

    return coil__tls_copy(text, size > 0 ? (size_t)size : 0);
}

static const char *copy_serial(const X509 *x509)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
    char *text = number ? BN_bn2hex(number) : NULL;
    const char *copy = text ? coil__tls_copy(text, strlen(text)) : NULL;

    OPENSSL_free(text);
    BN_free(number);
    return copy;
}

static bool fill_names(struct coil_tls_certificate *certificate, const X509 *x509)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(names);
    const char **list;
    bool is_good = true;

    count = count < 0 ? 0 : count > MAX_NAMES ? MAX_NAMES : count;
    list = coil__calloc((size_t)count + 1, sizeof *list);
    certificate->names = list;
    for (int i = 0; list && is_good && i < count; i++) {
        char text[NAME_SIZE];

        coil__tls_print_alternative(text, sizeof text, sk_GENERAL_NAME_value(names, i));
        if (text[0]) {
            list[certificate->name_count] = coil__tls_copy(text, strlen(text));
            is_good = list[certificate->name_count] != NULL;
            certificate->name_count += is_good;
        }
    }
    GENERAL_NAMES_free(names);
    return list && is_good;
}

static bool fill_der(struct coil_tls_certificate *certificate, X509 *x509)
{
    int size = i2d_X509(x509, NULL);
    unsigned char *der = size > 0 ? coil__malloc((size_t)size) : NULL;
    unsigned char *end = der;

    certificate->der = der;
    if (!der || i2d_X509(x509, &end) != size) {
        return false;
    }
    certificate->der_size = (size_t)size;
    return EVP_Digest(der, (size_t)size, certificate->sha256, NULL, EVP_sha256(), NULL) > 0;
}

static bool fill(struct coil_tls_certificate *certificate, X509 *x509)
{
    certificate->subject = copy_name(X509_get_subject_name(x509));
    certificate->issuer = copy_name(X509_get_issuer_name(x509));
    certificate->common_name = copy_common_name(X509_get_subject_name(x509));
    certificate->serial = copy_serial(x509);
    certificate->not_before = seconds_of(X509_get0_notBefore(x509));
    certificate->not_after = seconds_of(X509_get0_notAfter(x509));
    return certificate->subject && certificate->issuer && certificate->common_name &&
           certificate->serial && fill_names(certificate, x509) && fill_der(certificate, x509);
}

int coil_tls_get_certificate(const struct coil_stream *stream,
                             struct coil_tls_certificate **ret_certificate)
{
    struct coil_tls_certificate *certificate;
    struct coil__tls_conn *conn;
    X509 *x509;
    bool is_good;
    int rc = find(stream, &conn);

    if (rc < 0 || !ret_certificate) {
        return rc < 0 ? rc : -EINVAL;
    }
    x509 = SSL_get0_peer_certificate(conn->ssl);
    if (!x509) {
        return -COIL_ETLSNOCERT;
    }
    certificate = coil__calloc(1, sizeof *certificate);
    ERR_clear_error();
    is_good = certificate && fill(certificate, x509);
    if (coil__tls_lacked_memory() || !is_good) { /* a part of it is as bad as a lie */
        coil_tls_certificate_free(certificate);
        return -ENOMEM;
    }
    *ret_certificate = certificate;
    return 0;
}

static void free_const(const void *memory)
{
    coil__free((void *)(uintptr_t)memory);
}

void coil_tls_certificate_free(struct coil_tls_certificate *certificate)
{
    if (!certificate) {
        return;
    }
    for (size_t i = 0; i < certificate->name_count; i++) {
        free_const(certificate->names[i]);
    }
    free_const(certificate->names);
    free_const(certificate->subject);
    free_const(certificate->issuer);
    free_const(certificate->common_name);
    free_const(certificate->serial);
    free_const(certificate->der);
    coil__free(certificate);
}
