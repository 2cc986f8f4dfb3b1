/* client_connect.c - a new connection: dialled, through a proxy or not, and with TLS or not. One
 * deadline is over all of that. */
#include "http/client.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>

/* What is being made. */
struct making {
    struct coil_http_session *session;
    struct coil__client_origin *origin;
    struct coil__client_connection *conn;
    struct coil_http_failure *failure;
    unsigned flags; /* of enum coil__client_acquire_flags */
};

static const char *open_bracket(const char *host)
{
    return strchr(host, ':') ? "[" : "";
}

static const char *close_bracket(const char *host)
{
    return strchr(host, ':') ? "]" : "";
}

static int dial(struct making *making)
{
    const struct coil__client_proxy *proxy = making->origin->proxy;
    const char *host = proxy ? proxy->place.host : making->origin->host;
    uint16_t port = proxy ? proxy->place.port : making->origin->port;
    int rc = coil_open_connection(host, port, NULL, &making->conn->stream);

    if (rc < 0) {
        coil__client_fail(making->failure, rc, "cannot connect to %s%.200s%s:%u%s: %s",
                          open_bracket(host), host, close_bracket(host), port,
                          proxy ? " (the proxy)" : "", coil_strerror(rc));
    }
    return rc;
}

/* --- CONNECT (RFC 9110, section 9.3.6) --- */

static int compose(const struct making *making, struct coil__http1_writer *writer)
{
    const struct coil__client_origin *origin = making->origin;
    char target[300];
    struct coil__slice slice = {target, 0};

    slice.size =
        (size_t)snprintf(target, sizeof target, "%s%s%s:%u", open_bracket(origin->host),
                         origin->host, close_bracket(origin->host), (unsigned)origin->port);
    coil__http1_write_request(writer, coil__slice_of("CONNECT"), slice);
    coil__http1_write_field(writer, coil__slice_of("Host"), slice);
    if (making->session->user_agent) {
        coil__http1_write_field(writer, coil__slice_of("User-Agent"),
                                coil__slice_of(making->session->user_agent));
    }
    if (origin->proxy->authorization) {
        coil__http1_write_field(writer, coil__slice_of("Proxy-Authorization"),
                                coil__slice_of(origin->proxy->authorization));
    }
    coil__http1_write_line_end(writer);
    return (int)coil__http1_writer_end(writer);
}

static int ask_for_tunnel(struct making *making)
{
    struct coil__http_buffer *out = &making->conn->out;
    struct coil__http1_writer writer;
    ssize_t sent;
    int size = 1024;

    do {
        if (coil__http_reserve(out, (size_t)size) < 0) {
            return coil__client_fail_plainly(making->failure, -ENOMEM);
        }
        coil__http1_writer_init(&writer, out->data, out->capacity);
        size = compose(making, &writer);
    } while (size > 0 && (size_t)size > out->capacity);
    if (size < 0) {
        return coil__client_fail(making->failure, -EINVAL, "%s", coil__http1_error_text(size));
    }
    sent = coil_stream_write(making->conn->stream, out->data, (size_t)size);
    return sent == size ? 0
                        : coil__client_fail_plainly(making->failure,
                                                    sent < 0 ? (int)sent : -COIL_EINCOMPLETE);
}

static int open_tunnel(struct making *making)
{
    struct coil__client_heading heading = {
        .session = making->session, .conn = making->conn, .method = COIL__HTTP1_CONNECT};
    int rc = ask_for_tunnel(making);

    if (rc == 0) {
        rc = coil__client_head_read(&heading, COIL_NEVER, making->failure);
    }
    if (rc > 0 && heading.head.framing != COIL__HTTP1_TUNNEL) {
        rc = coil__client_fail(making->failure, -COIL_EPROXY,
                               "the proxy refuses to connect to %.200s: %u %.*s",
                               making->origin->host, heading.head.status,
                               heading.head.reason.size > 80 ? 80 : (int)heading.head.reason.size,
                               heading.head.reason.start ? heading.head.reason.start : "");
    } else if (rc > 0) {
        coil__client_take(making->conn, (size_t)rc);
        rc = 0;
    }
    if (rc == 0 && coil__http_size(&making->conn->in) > 0) {
        rc = coil__client_fail(making->failure, -COIL_EPROXY,
                               "the proxy has put something before the server's first word");
    }
    coil__client_heading_deinit(&heading);
    return rc;
}

static bool is_upgrade(const struct making *making)
{
    return (making->flags & COIL__CLIENT_UPGRADE) != 0;
}

static bool may_http2(const struct making *making)
{
    return making->origin->may_http2 && !is_upgrade(making);
}

/* 1: HTTP/2; 0: HTTP/1.1. A context of the caller's may have offered what is not spoken here. */
static int check_protocol(struct making *making)
{
    struct coil_tls_info info;
    int rc = coil_tls_get_info(making->conn->stream, &info);

    if (rc < 0) {
        return coil__client_fail_plainly(making->failure, rc);
    }
    if (strcmp(info.alpn, "h2") == 0 && may_http2(making)) {
        return 1;
    }
    if (info.alpn[0] != '\0' && strcmp(info.alpn, "http/1.1") != 0) {
        return coil__client_fail(making->failure, -COIL_EPROTOCOL,
                                 "the server has chosen '%.20s', which is not spoken here",
                                 info.alpn);
    }
    return 0;
}

static int start_tls(struct making *making)
{
    static const char *const alpn1[] = {"http/1.1", NULL};
    struct coil_tls_failure why = {0};
    struct coil_tls_options options = {.server_name = making->origin->host,
                                       .alpn = may_http2(making) ? COIL_HTTP_ALPN : alpn1,
                                       .handshake_timeout_ns = COIL_NEVER,
                                       .shutdown_timeout_ns = -1,
                                       .ret_failure = &why};
    struct coil_tls_context *context;
    struct coil_stream *plain = making->conn->stream;
    int rc = coil__client_session_tls(making->session, &context, &why);

    if (rc == 0) {
        making->conn->stream = NULL;
        rc = coil_tls_start(plain, context, &options, &making->conn->stream);
    }
    if (rc < 0) {
        return coil__client_fail(making->failure, rc, "%.200s: %s", making->origin->host,
                                 why.text[0] ? why.text : coil_strerror(rc));
    }
    return check_protocol(making);
}

/* 1: HTTP/2; 0: HTTP/1.1; or an error. */
static int make(struct making *making)
{
    bool is_tunnel = making->origin->is_https || is_upgrade(making);
    int rc = dial(making);

    if (rc == 0 && is_tunnel && making->origin->proxy) {
        rc = open_tunnel(making);
    }
    if (rc == 0 && making->origin->is_https) {
        return start_tls(making);
    }
    return rc < 0 ? rc : may_http2(making);
}

/* The connection is there, and speaks as was agreed on. */
static int settle(struct making *making, int protocol)
{
    int rc = protocol > 0 ? coil__client_http2_start(making->conn) : 0;

    return rc < 0 ? coil__client_fail_plainly(making->failure, rc) : 0;
}

static void end_dial(const struct making *making, struct coil__client_connection *conn)
{
    if (!is_upgrade(making)) {
        coil__client_dialled(making->session, making->origin, conn);
    }
}

int coil__client_connect(struct coil_http_session *session, struct coil__client_origin *origin,
                         unsigned flags, int64_t timeout_ns, struct coil_http_failure *failure,
                         struct coil__client_connection **ret_conn)
{
    struct making making = {session, origin, coil__calloc(1, sizeof *making.conn), failure, flags};
    struct coil_scope scope = {0};
    int rc = -ENOMEM;

    if (!making.conn) {
        end_dial(&making, NULL);
        coil__client_forget(session, origin);
        return coil__client_fail_plainly(failure, rc);
    }
    making.conn->protocol = &coil__client_http1_protocol;
    making.conn->session = session;
    making.conn->origin = origin;
    coil_scope_open_timeout(&scope, timeout_ns);
    rc = make(&making);
    coil_scope_close(&scope);
    origin->waiters++; /* it stays, should the connection end at once */
    rc = rc < 0 ? rc : settle(&making, rc);
    if (rc < 0) {
        if (coil__http_was_slow(rc) && coil_scope_is_expired(&scope)) {
            coil__client_fail(failure, rc, "no connection to %.200s within %.3g s", origin->host,
                              (double)timeout_ns / (double)COIL_SEC);
        }
        end_dial(&making, NULL);
        origin->waiters--;
        coil__client_drop(making.conn);
        return rc;
    }
    session->opened++;
    end_dial(&making, making.conn);
    origin->waiters--;
    coil__client_origin_let_go(origin);
    *ret_conn = making.conn;
    return 0;
}
