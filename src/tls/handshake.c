/* handshake.c - from a stream to a TLS stream.
 *
 * The handshake runs in the task that asked for it: OpenSSL goes as far as it can with what has
 * come, its answer goes to the lower stream, and the task waits for more. When it fails, the peer
 * is told (OpenSSL has written an alert), and given a moment to read that: a socket that is closed
 * with unread bytes in it sends a reset, which would overtake the alert.
 */
#include "tls/tls.h"

#include "base/memory.h"

#include <coil/address.h>
#include <coil/scope.h>
#include <coil/task.h>

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define HANDSHAKE_TIMEOUT (60 * COIL_SEC)
#define GOODBYE_TIMEOUT (1 * COIL_SEC)

enum { GOODBYE_SIZE = 64 * 1024 };

static const struct coil_tls_options defaults = {0};

/* --- the handshake --- */

static int shake_hands(struct coil__tls_conn *conn)
{
    for (;;) {
        int rc, ssl_error;

        coil__tls_prepare(conn, false); /* a handshake's flights are bounded */
        rc = SSL_do_handshake(conn->ssl);
        coil__tls_hand_on(conn);
        if (rc > 0) {
            conn->is_established = true;
            return 0;
        }
        ssl_error = SSL_get_error(conn->ssl, rc);
        if (ssl_error == SSL_ERROR_WANT_READ) {
            rc = coil__tls_wait_lower(conn);
        } else {
            rc = coil__tls_explain(conn, ssl_error);
        }
        if (rc < 0) {
            return rc;
        }
    }
}

static int keep_alpn(struct coil__tls_conn *conn)
{
    const unsigned char *alpn = NULL;
    unsigned size = 0;

    SSL_get0_alpn_selected(conn->ssl, &alpn, &size);
    if (size == 0) {
        return 0;
    }
    conn->alpn = coil__tls_copy((const char *)alpn, size);
    return conn->alpn ? 0 : -ENOMEM;
}

/* Who is connected to, and how strictly: sessions are resumed with the same only. */
static int make_key(struct coil__tls_conn *conn, const struct coil_tls_options *options)
{
    struct coil_address peer;
    char key[512];
    int port = 0, size;

    if (!conn->context->resumes || !conn->server_name) {
        return 0;
    }
    if (coil_stream_get_peer(conn->lower, &peer) == 0) {
        port = coil_address_get_port(&peer);
    }
    size = snprintf(key, sizeof key, "%d:%d:%s", options->no_name_check, port, conn->server_name);
    if ((size_t)size < sizeof key) {
        conn->session_key = coil__tls_copy(key, (size_t)size);
        return conn->session_key ? 0 : -ENOMEM;
    }
    return 0;
}

static int prepare_client(struct coil__tls_conn *conn, const struct coil_tls_options *options)
{
    bool is_checked = conn->context->verify != COIL_TLS_VERIFY_NONE && !options->no_name_check;
    int rc = coil__tls_expect(conn, options->server_name, is_checked);

    if (rc == 0) {
        rc = coil__tls_offer(conn, options->alpn);
    }
    if (rc == 0) {
        rc = make_key(conn, options);
    }
    if (rc == 0) {
        SSL_set_connect_state(conn->ssl);
        coil__tls_resume(conn);
    }
    return rc;
}

static int run(struct coil__tls_conn *conn, const struct coil_tls_options *options)
{
    int64_t timeout_ns = options->handshake_timeout_ns;
    int rc = 0;

    conn->shutdown_timeout_ns = options->shutdown_timeout_ns;
    if (conn->context->is_server) {
        SSL_set_accept_state(conn->ssl);
    } else {
        rc = prepare_client(conn, options);
    }
    if (rc == 0) {
        rc = -ETIMEDOUT;
        coil_timeout(timeout_ns ? timeout_ns : HANDSHAKE_TIMEOUT) {
            rc = shake_hands(conn);
        }
    }
    return rc < 0 ? rc : keep_alpn(conn);
}

/* --- its failure --- */

static bool is_ours(int error)
{
    return error <= -COIL_ETLSCONFIG && error >= -COIL_ETLSNOCERT && error != -COIL_ETLSALERT &&
           error != -COIL_ETLSTRUNCATED;
}

/* Lets an alert reach the peer. */
static void say_goodbye(struct coil__tls_conn *conn)
{
    coil_timeout(GOODBYE_TIMEOUT) {
        char scratch[1024];
        ssize_t count = coil__tls_wait_room(conn);
        size_t total = 0;

        count = count < 0 ? count : coil_stream_write_eof(conn->lower);
        for (count = count < 0 ? count : 1; count > 0 && total < GOODBYE_SIZE;) {
            count = coil_stream_read(conn->lower, scratch, sizeof scratch);
            total += count > 0 ? (size_t)count : 0;
        }
    }
}

static const char *sentence_of(const struct coil__tls_conn *conn, int rc)
{
    if (conn && conn->error_text) {
        return conn->error_text;
    }
    if (rc == -ETIMEDOUT) {
        return "the TLS handshake was not done in time";
    }
    if (rc == -EINVAL && conn && !conn->context->is_server && !conn->server_name) {
        return "no server name is given to be checked";
    }
    return coil_strerror(rc);
}

/* What a start needs. On failure nothing is touched. */
static int check(struct coil_stream *stream, const struct coil_tls_context *context,
                 struct coil_stream *const *ret_stream)
{
    if (!stream || !context || !ret_stream) {
        return -EINVAL;
    }
    return coil_current_task() ? coil_check_cancel() : -COIL_ENOTASK;
}

int coil_tls_start(struct coil_stream *stream, struct coil_tls_context *context,
                   const struct coil_tls_options *options, struct coil_stream **ret_stream)
{
    struct coil__tls_conn *conn = NULL;
    int rc = check(stream, context, ret_stream);

    options = options ? options : &defaults;
    coil__tls_fail(options->ret_failure, 0, "%s", "");
    rc = rc < 0 ? rc : coil__tls_conn_new(stream, context, &conn);
    rc = rc < 0 ? rc : run(conn, options);
    if (rc < 0) {
        coil__tls_fail(options->ret_failure, rc, "%s", sentence_of(conn, rc));
        ERR_clear_error();
        if (is_ours(rc)) {
            say_goodbye(conn);
        }
        coil_stream_abort(stream);
        if (conn) {
            conn->is_aborted = true;
            coil__tls_conn_release(conn);
        }
        return rc;
    }
    rc = coil_stream_open_transport(&conn->transport, &options->stream, ret_stream);
    return rc < 0 ? coil__tls_fail(options->ret_failure, rc, "%s", coil_strerror(rc)) : 0;
}

/* --- clients --- */

int coil_tls_connect(const char *host, uint16_t port, struct coil_tls_context *context,
                     const struct coil_tls_options *options, struct coil_stream **ret_stream)
{
    struct coil_tls_options own = options ? *options : defaults;
    struct coil_stream *lower = NULL;
    int rc = host && context && !context->is_server && ret_stream ? 0 : -EINVAL;

    rc = rc < 0 ? rc : coil_open_connection(host, port, NULL, &lower);
    if (rc < 0) {
        return coil__tls_fail(own.ret_failure, rc, "%s", coil_strerror(rc));
    }
    if (!own.server_name && strncmp(host, "unix:", 5) != 0) {
        own.server_name = host;
    }
    return coil_tls_start(lower, context, &own, ret_stream);
}

/* --- servers --- */

/* 1: it has failed, and the service was told. */
static int start_service(struct coil_stream *stream, const struct coil_tls_service *service,
                         struct coil_stream **ret_stream)
{
    struct coil_tls_options options = service->options;
    struct coil_tls_failure failure;
    struct coil_address peer = {.size = 0};
    int rc;

    options.ret_failure = &failure;
    if (service->on_failure && coil_stream_get_peer(stream, &peer) < 0) {
        peer.size = 0;
    }
    rc = coil_tls_start(stream, service->context, &options, ret_stream);
    if (rc < 0 && service->on_failure) {
        service->on_failure(&peer, &failure, service->user);
        return 1;
    }
    return rc;
}

int coil_tls_client(struct coil_stream *stream, void *service)
{
    const struct coil_tls_service *s = service;
    struct coil_stream *tls = NULL;
    int rc, end;

    if (!s || !s->client || !s->context) {
        return -EINVAL;
    }
    rc = start_service(stream, s, &tls);
    if (rc != 0) {
        return rc < 0 ? rc : 0;
    }
    rc = s->client(tls, s->user);
    end = coil_stream_close(tls);
    if (rc < 0) {
        return rc == -COIL_ETLSTRUNCATED ? -ECONNRESET : rc;
    }
    return end == -COIL_ECLOSED || end == -ETIMEDOUT ? rc : end;
}
