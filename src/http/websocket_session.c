/* websocket_session.c - WebSockets by a session of the HTTP client's.
 *
 * The connection is the session's, but never among its idle ones. The WebSocket's carrier has its
 * stream, and holds the rest of it, which counts in the pool, and the session, until that stream is
 * closed or aborted.
 */
#include "http/client.h"
#include "http/websocket.h"

#include "base/memory.h"
#include "sys/clock.h"

#include <errno.h>

/* --- the carrier --- */

static void let_go(struct coil__websocket_carrier *carrier)
{
    struct coil__client_connection *conn = carrier->conn;

    if (conn) {
        struct coil_http_session *session = conn->session;

        carrier->conn = NULL;
        coil__client_drop(conn);
        coil__client_session_drop(session);
    }
}

static ssize_t try_read(struct coil__websocket_carrier *carrier, void *buf, size_t size)
{
    return coil__websocket_stream_class.try_read(carrier, buf, size);
}

static ssize_t read_some(struct coil__websocket_carrier *carrier, void *buf, size_t size)
{
    return coil__websocket_stream_class.read(carrier, buf, size);
}

static ssize_t try_write(struct coil__websocket_carrier *carrier, const void *buf, size_t size)
{
    return coil__websocket_stream_class.try_write(carrier, buf, size);
}

static ssize_t write_pieces(struct coil__websocket_carrier *carrier, const struct iovec *iov,
                            int count)
{
    return coil__websocket_stream_class.writev(carrier, iov, count);
}

static int write_eof(struct coil__websocket_carrier *carrier)
{
    return coil__websocket_stream_class.write_eof(carrier);
}

static void close_stream(struct coil__websocket_carrier *carrier)
{
    coil__websocket_stream_class.close(carrier);
    let_go(carrier);
}

static void abort_stream(struct coil__websocket_carrier *carrier)
{
    coil__websocket_stream_class.abort(carrier);
    let_go(carrier);
}

static const struct coil__websocket_carrier_class session_class = {
    .try_read = try_read,
    .read = read_some,
    .try_write = try_write,
    .writev = write_pieces,
    .write_eof = write_eof,
    .close = close_stream,
    .abort = abort_stream,
};

/* --- connecting --- */

struct connecting {
    struct coil_http_session *session;
    const struct coil_websocket_options *options;
    struct coil__client_place place;
    struct coil_http_failure failure;
    struct coil__http_buffer cookies; /* a string, if there are any */
    char *host;                       /* as it stands in Host */
};

static void take_cookies(const struct coil__http1_head *head, void *user)
{
    struct connecting *connecting = user;
    struct coil__client_jar *jar = &connecting->session->jar;

    for (size_t i = 0; i < head->field_count; i++) {
        if (coil__slice_is_like(head->fields[i].name, "Set-Cookie")) {
            coil__client_jar_set(jar, &connecting->place, head->fields[i].value,
                                 coil__clock_wall() / COIL_SEC);
        }
    }
}

static int give_cookies(struct connecting *connecting)
{
    struct coil__http_buffer *cookies = &connecting->cookies;
    int rc = coil__client_jar_get(&connecting->session->jar, &connecting->place,
                                  coil__clock_wall() / COIL_SEC, cookies);

    if (rc == 0 && coil__http_size(cookies) > 0) {
        rc = coil__http_reserve(cookies, 1);
        if (rc == 0) {
            cookies->data[cookies->end] = '\0';
        }
    }
    return rc;
}

/* RFC 6455, section 4.1: with the port, unless that is the usual one. */
static int name_host(struct connecting *connecting)
{
    const struct coil__url *parts = &connecting->place.parts;
    const char *begin = parts->host.start - (parts->host_kind == COIL__HOST_IPV6 ? 1 : 0);
    size_t size = (size_t)(parts->path.start - begin);

    connecting->host = coil__calloc(1, size + 1);
    if (!connecting->host) {
        return -ENOMEM;
    }
    memcpy(connecting->host, begin, size);
    return 0;
}

/* A new connection, with the right to it. */
static int dial(struct connecting *connecting, struct coil__client_connection **ret_conn)
{
    unsigned flags = COIL__CLIENT_FRESH | COIL__CLIENT_UPGRADE;
    struct coil_http_session *session = connecting->session;
    struct coil__client_origin *origin = coil__client_origin_of(session, &connecting->place);
    int rc = origin ? coil__client_acquire(session, origin, flags, ret_conn) : -ENOMEM;

    return rc < 0
               ? rc
               : coil__client_connect(session, origin, flags, session->options.connect_timeout_ns,
                                      &connecting->failure, ret_conn);
}

static int shake_hands(struct connecting *connecting, struct coil_websocket **ret_ws)
{
    bool has_jar = !connecting->session->options.no_cookies;
    struct coil__websocket_asking asking = {.user = connecting};
    struct coil__websocket_carrier carrier = {.class_ = &session_class, .is_owned = true};
    struct coil__client_connection *conn = NULL;
    int rc = name_host(connecting);

    if (rc == 0) {
        rc = dial(connecting, &conn);
    }
    if (rc < 0) {
        return rc;
    }
    coil__client_session_hold(connecting->session);
    coil__http_buffer_free(&conn->in); /* of a tunnel: nothing is left in it */
    coil__http_buffer_free(&conn->out);
    carrier.conn = conn;
    carrier.stream = conn->stream;
    conn->stream = NULL;
    rc = has_jar ? give_cookies(connecting) : 0;
    if (rc < 0) {
        carrier.class_->abort(&carrier);
        return rc;
    }
    asking.host = connecting->host;
    asking.path = connecting->place.parts.path.start;
    asking.user_agent = connecting->session->user_agent;
    asking.cookies = connecting->cookies.data;
    asking.take_answer = has_jar ? take_cookies : NULL;
    return coil__websocket_open(&carrier, &asking, connecting->options, ret_ws);
}

static int perform(struct connecting *connecting, const char *url, struct coil_websocket **ret_ws)
{
    struct coil_scope scope = {0};
    int rc = coil__client_place_make(&connecting->place, NULL, url, &connecting->failure);

    if (rc < 0) {
        return rc;
    }
    coil_scope_open_timeout(&scope, connecting->session->options.total_timeout_ns);
    rc = shake_hands(connecting, ret_ws);
    coil_scope_close(&scope);
    return rc;
}

int coil__websocket_open_by_session(const char *url, const struct coil_websocket_options *options,
                                    struct coil_websocket **ret_ws)
{
    struct connecting connecting = {.session = options->session, .options = options};
    int rc;

    if (connecting.session->is_closed) {
        return -COIL_ECLOSED;
    }
    coil__client_session_hold(connecting.session);
    rc = perform(&connecting, url, ret_ws);
    coil__http_buffer_free(&connecting.cookies);
    coil__client_place_free(&connecting.place);
    coil__free(connecting.host);
    coil__client_session_drop(connecting.session);
    if (rc < 0 && options->ret_failure) {
        coil__client_fail_plainly(&connecting.failure, rc);
        *options->ret_failure = connecting.failure;
    }
    return rc;
}
