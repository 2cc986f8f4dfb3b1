/* failure.c - what OpenSSL says, as one of our errors and a sentence that a person can use. */
#include "tls/tls.h"

#include "base/memory.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int coil__tls_fail(struct coil_tls_failure *failure, int error, const char *format, ...)
{
    if (failure) {
        va_list args;

        va_start(args, format);
        vsnprintf(failure->text, sizeof failure->text, format, args);
        va_end(args);
        failure->error = error;
    }
    return error;
}

/* A function that lacks memory says so, or that it cannot begin; those that have called it may say
 * something else on top. */
bool coil__tls_lacked_memory(void)
{
    bool is_lacking = false;
    unsigned long code;

    while ((code = ERR_get_error()) != 0) {
        int reason = ERR_GET_REASON(code);

        is_lacking = is_lacking || reason == ERR_R_MALLOC_FAILURE || reason == ERR_R_INIT_FAIL;
    }
    return is_lacking;
}

/* --- connections --- */

static int set_error(struct coil__tls_conn *conn, int error, const char *text)
{
    if (conn->fatal == 0) { /* the first one says most */
        conn->fatal = error;
        conn->error_text = coil__tls_copy(text, strlen(text));
    }
    return conn->fatal;
}

/* A fatal alert of the peer's, by its number on the wire. */
static int explain_alert(struct coil__tls_conn *conn, int alert)
{
    char text[128];

    coil__tls_print(text, sizeof text, "the peer has refused: alert \"%s\" (%d)",
                    SSL_alert_desc_string_long(alert), alert);
    return set_error(conn, -COIL_ETLSALERT, text);
}

static int explain_protocol(struct coil__tls_conn *conn, unsigned long code)
{
    const char *reason = ERR_reason_error_string(code);
    char text[160];

    switch (ERR_GET_REASON(code)) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return set_error(conn, -COIL_ETLSPROTOCOL, "the peer speaks plain HTTP, not TLS");
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
        return set_error(conn, -COIL_ETLSPROTOCOL, "what the peer has sent is not TLS");
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return set_error(conn, -COIL_ETLSPROTOCOL, "no common application protocol (ALPN)");
    default:
        coil__tls_print(text, sizeof text, "TLS with the peer has failed: %s",
                        reason ? reason : "for an unknown reason");
        return set_error(conn, -COIL_ETLSPROTOCOL, text);
    }
}

static int explain_io(struct coil__tls_conn *conn)
{
    char text[160];

    coil__tls_print(text, sizeof text, "the connection has failed: %s",
                    coil_strerror(conn->io_error));
    return set_error(conn, conn->io_error, text);
}

static int explain_end(struct coil__tls_conn *conn)
{
    return set_error(conn, -COIL_ETLSTRUNCATED,
                     conn->is_established
                         ? "the connection has ended, and the peer has not said that it is done"
                         : "the connection has ended during the TLS handshake");
}

int coil__tls_explain(struct coil__tls_conn *conn, int ssl_error)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    bool is_tls = ssl_error == SSL_ERROR_SSL && ERR_GET_LIB(code) == ERR_LIB_SSL;

    if (conn->io_error < 0) {
        return explain_io(conn);
    }
    if (coil__tls_lacked_memory() || (ssl_error == SSL_ERROR_SYSCALL && !conn->has_eof)) {
        return set_error(conn, -ENOMEM, coil_strerror(-ENOMEM));
    }
    if (ssl_error == SSL_ERROR_SYSCALL ||
        (is_tls && reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
        return explain_end(conn);
    }
    if (is_tls && reason == SSL_R_CERTIFICATE_VERIFY_FAILED && conn->verify_error < 0) {
        return set_error(conn, conn->verify_error,
                         conn->verify_text ? conn->verify_text : coil_strerror(conn->verify_error));
    }
    if (is_tls && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        return set_error(conn, -COIL_ETLSNOCERT, "the client has shown no certificate");
    }
    if (is_tls && reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255) {
        return explain_alert(conn, reason - SSL_AD_REASON_OFFSET);
    }
    return explain_protocol(conn, code);
}

/* --- certificates --- */

static int error_of(int code)
{
    switch (code) {
    case X509_V_ERR_OUT_OF_MEM:
        return -ENOMEM;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return -COIL_ETLSEXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return -COIL_ETLSNOTYET;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return -COIL_ETLSHOSTNAME;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return -COIL_ETLSUNTRUSTED;
    case X509_V_ERR_CERT_REVOKED:
        return -COIL_ETLSREVOKED;
    default:
        return -COIL_ETLSVERIFY;
    }
}

/* "DNS:a, DNS:b" */
static void print_names(char *buf, size_t size, const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t used = 0;

    buf[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && used < size; i++) {
        char one[128];

        coil__tls_print_alternative(one, sizeof one, sk_GENERAL_NAME_value(names, i));
        if (one[0]) {
            used += (size_t)snprintf(buf + used, size - used, "%s%s", used > 0 ? ", " : "", one);
        }
    }
    GENERAL_NAMES_free(names);
    if (used == 0) {
        coil__tls_print(buf, size, "no host at all");
    }
}

/* What is wrong, without saying with whose certificate. */
static void print_fault(char *buf, size_t size, int code, const X509 *certificate)
{
    char detail[160];

    switch (error_of(code)) {
    case -COIL_ETLSEXPIRED:
        coil__tls_print_time(detail, sizeof detail, X509_get0_notAfter(certificate));
        coil__tls_print(buf, size, "expired on %s", detail);
        break;
    case -COIL_ETLSNOTYET:
        coil__tls_print_time(detail, sizeof detail, X509_get0_notBefore(certificate));
        coil__tls_print(buf, size, "is not valid before %s", detail);
        break;
    case -COIL_ETLSHOSTNAME:
        print_names(detail, sizeof detail, certificate);
        coil__tls_print(buf, size, "is not for that host, but for %s", detail);
        break;
    case -COIL_ETLSUNTRUSTED:
        coil__tls_print(buf, size,
                        code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
                            ? "is self-signed, and not one that is trusted"
                            : "comes from an authority that is not trusted");
        break;
    case -COIL_ETLSREVOKED:
        coil__tls_print(buf, size, "was revoked");
        break;
    default:
        coil__tls_print(buf, size, "is not good: %s", X509_verify_cert_error_string(code));
    }
}

/* The first fault is kept: those that follow mostly follow from it. */
int coil__tls_on_verify(int is_good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct coil__tls_conn *conn = SSL_get_ex_data(ssl, 0);
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    int code = X509_STORE_CTX_get_error(store);
    char text[sizeof((struct coil_tls_failure *)NULL)->text];
    char subject[100] = "?", issuer[100] = "?", fault[200];

    if (is_good || conn->verify_error < 0) {
        return is_good;
    }
    conn->verify_error = error_of(code);
    if (!certificate) {
        coil__tls_print(text, sizeof text, "the peer's certificate is not good: %s",
                        X509_verify_cert_error_string(code));
    } else {
        bool is_authority = X509_STORE_CTX_get_error_depth(store) > 0;
        const char *host = conn->context->is_server ? NULL : conn->server_name;

        coil__tls_print_name(subject, sizeof subject, X509_get_subject_name(certificate));
        coil__tls_print_name(issuer, sizeof issuer, X509_get_issuer_name(certificate));
        print_fault(fault, sizeof fault, code, certificate);
        coil__tls_print(text, sizeof text, "the certificate of %s%s (%s; issuer %s) %s",
                        is_authority ? "an authority above " : "", host ? host : "the peer",
                        subject, issuer, fault);
    }
    coil__free(conn->verify_text);
    conn->verify_text = coil__tls_copy(text, strlen(text));
    return 0;
}

/* --- contexts --- */

int coil__tls_config_failed(struct coil_tls_failure *failure, const char *what)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    int error = -COIL_ETLSCONFIG;

    if (ERR_SYSTEM_ERROR(code)) {
        error = -ERR_GET_REASON(code);
        reason = coil_strerror(error);
    } else if (code == 0 || coil__tls_lacked_memory()) { /* what has no reason is a copy, say */
        error = -ENOMEM;
        reason = coil_strerror(error);
    }
    ERR_clear_error();
    return coil__tls_fail(failure, error, "%s: %s", what, reason ? reason : "cannot be used");
}
