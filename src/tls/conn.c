/* conn.c - a connection after its handshake: the transport under a TLS stream.
 *
 * One task may read while another one writes. They never meet inside of OpenSSL, because no call of
 * it suspends. Reading may want to write (the answer to a KeyUpdate); where the lower stream has no
 * room for that, the reader waits for room. Writing wants to read when a part of a message has come
 * that is not the application's (a ticket in several records): OpenSSL takes all of that first. As
 * much as two tasks want to read, one of them receives, and both look again.
 *
 * Sending: `send` makes one record (at most 16 KiB) at a time, and none while the lower stream has
 * FULL bytes waiting. So a record fits below its high-water mark, unless that was set lower: then
 * the rest of the record goes to `out` (bio.c), and a task of its own writes it from there, for the
 * writer may never call again.
 */
#include "tls/tls.h"

#include "base/memory.h"

#include <coil/scope.h>
#include <coil/task.h>

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

enum {
    RECORD_SIZE = 16 * 1024,
    FULL = 40 * 1024,         /* 64 KiB less a record and what may be added to it */
    READ_BUDGET = 256 * 1024, /* of the lower stream's bytes, before others have their turn */
    SHUTDOWN_TIMEOUT_S = 30,
};

/* --- life --- */

static struct coil__tls_conn *of(const struct coil_transport *transport)
{
    return (struct coil__tls_conn *)(uintptr_t)transport;
}

int coil__tls_conn_new(struct coil_stream *lower, struct coil_tls_context *context,
                       struct coil__tls_conn **ret_conn)
{
    struct coil__tls_conn *conn = coil__calloc(1, sizeof *conn);

    if (!conn) {
        return -ENOMEM;
    }
    conn->transport.class_ = &coil__tls_class;
    conn->holds = 1;
    conn->context = coil_tls_context_hold(context);
    conn->lower = lower;
    conn->ssl = SSL_new(context->ssl_ctx);
    if (!conn->ssl || !SSL_set_ex_data(conn->ssl, 0, conn) || coil__tls_bio_attach(conn) < 0) {
        ERR_clear_error();
        coil__tls_conn_release(conn);
        return -ENOMEM;
    }
    *ret_conn = conn;
    return 0;
}

void coil__tls_conn_release(struct coil__tls_conn *conn)
{
    if (--conn->holds > 0) {
        return;
    }
    SSL_free(conn->ssl);
    coil_tls_context_free(conn->context);
    coil__free(conn->verify_text);
    coil__free(conn->error_text);
    coil__free(conn->server_name);
    coil__free(conn->alpn);
    coil__free(conn->session_key);
    coil__free(conn->out);
    coil__free(conn);
}

struct coil__tls_conn *coil__tls_conn_of(const struct coil_stream *stream)
{
    const struct coil_transport *transport = coil_stream_get_transport(stream);

    return transport && transport->class_ == &coil__tls_class ? of(transport) : NULL;
}

void coil__tls_prepare(struct coil__tls_conn *conn, bool may_refuse)
{
    ERR_clear_error();
    conn->may_refuse = may_refuse;
    conn->budget = READ_BUDGET;
}

/* --- what the lower stream has no room for --- */

/* A part of what was accepted is lost: there is no going on, and the peer is not to wait for it. */
void coil__tls_break(struct coil__tls_conn *conn, int error)
{
    conn->io_error = error;
    if (!conn->is_aborted) {
        coil_stream_abort(conn->lower);
    }
}

/* Hands `out` on, piece by piece: what comes into it meanwhile too. */
static int flush_out(void *arg)
{
    struct coil__tls_conn *conn = arg;

    while (conn->out_size > 0 && !conn->is_aborted && conn->io_error == 0) {
        char *data = conn->out;
        size_t size = conn->out_size;
        ssize_t count;

        conn->out = NULL;
        conn->out_size = 0;
        conn->out_flying = size;
        count = coil_stream_write(conn->lower, data, size);
        coil__free(data);
        conn->out_flying = 0;
        if (count != (ssize_t)size) { /* broken; or cancelled, which only the loop's end does */
            coil__tls_break(conn, count < 0 ? (int)count : -EPIPE);
        }
    }
    conn->is_flushing = false;
    coil_event_set(&conn->flushed);
    coil__tls_conn_release(conn);
    return 0;
}

int coil__tls_hand_on(struct coil__tls_conn *conn)
{
    /* One that is cancelled before it begins would never run, and never release what it holds. */
    struct coil_task_options at_once = {.eager = true, .site = COIL_HERE};
    struct coil_task *task;

    if (conn->out_size == 0 || conn->is_flushing || conn->io_error < 0) {
        return 0;
    }
    coil_event_clear(&conn->flushed);
    conn->holds++;
    conn->is_flushing = true;
    task = coil_task_create(&at_once, flush_out, conn);
    if (!task) {
        conn->holds--;
        conn->is_flushing = false;
        coil_event_set(&conn->flushed);
        coil__tls_break(conn, -ENOBUFS);
        return -ENOBUFS;
    }
    coil_detach(task);
    return 0;
}

int coil__tls_wait_room(struct coil__tls_conn *conn)
{
    int rc = 0;

    while (rc == 0 && conn->is_flushing) {
        rc = coil_event_wait(&conn->flushed);
    }
    return rc;
}

/* --- reading --- */

static ssize_t after_read(struct coil__tls_conn *conn, int ssl_error)
{
    switch (ssl_error) {
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_WANT_WRITE:
        conn->needs_room = true;
        return -EAGAIN;
    case SSL_ERROR_WANT_READ:
        return -EAGAIN;
    default:
        return coil__tls_explain(conn, ssl_error);
    }
}

static int tls_write_eof(struct coil_transport *transport);

static ssize_t tls_receive(struct coil_transport *transport, void *buf, size_t size)
{
    struct coil__tls_conn *conn = of(transport);
    size_t count = 0;
    ssize_t result;
    int rc;

    coil__tls_prepare(conn, true);
    rc = SSL_read_ex(conn->ssl, buf, size, &count);
    coil__tls_hand_on(conn);
    result = rc > 0 ? (ssize_t)count : after_read(conn, SSL_get_error(conn->ssl, rc));
    if (conn->owes_end && !SSL_in_init(conn->ssl)) {
        conn->owes_end = false;
        tls_write_eof(transport);
    }
    return result;
}

/* Waits for bytes of the lower stream. Small messages are received into `in` meanwhile; of a large
 * one OpenSSL receives all, or the rest, itself (bio_read). */
static ssize_t receive_lower(struct coil__tls_conn *conn)
{
    ssize_t count;

    if (conn->is_bulk) {
        return coil_stream_wait_readable(conn->lower);
    }
    count = coil_stream_read(conn->lower, conn->in, sizeof conn->in);
    conn->is_bulk = count == (ssize_t)sizeof conn->in;
    conn->in_start = 0;
    conn->in_end = count > 0 ? (size_t)count : 0;
    return count;
}

/* An error of the lower stream's that is no cancel will be seen by the next try. */
int coil__tls_wait_lower(struct coil__tls_conn *conn)
{
    ssize_t count;
    int rc;

    if (conn->in_start < conn->in_end) {
        return 0;
    }
    if (conn->is_over_budget) {
        conn->is_over_budget = false;
        return coil_yield();
    }
    if (conn->is_reading) {
        return coil_event_wait(&conn->has_read);
    }
    conn->is_reading = true;
    coil_event_clear(&conn->has_read);
    count = receive_lower(conn);
    conn->is_reading = false;
    coil_event_set(&conn->has_read);
    if (conn->io_error < 0) { /* broken meanwhile: the next try says how */
        return 0;
    }
    if (count >= 0 || count == -COIL_ECLOSED) {
        return count < 0 ? (int)count : 0;
    }
    rc = coil_check_cancel();
    if (rc == 0) {
        conn->io_error = (int)count;
    }
    return rc;
}

static int tls_wait_readable(struct coil_transport *transport)
{
    struct coil__tls_conn *conn = of(transport);
    int rc;

    if (!conn->needs_room) {
        return coil__tls_wait_lower(conn);
    }
    rc = coil__tls_wait_room(conn);
    conn->needs_room = rc < 0;
    return rc;
}

/* --- writing --- */

static size_t tls_get_write_buffer_size(const struct coil_transport *transport)
{
    const struct coil__tls_conn *conn = of(transport);

    return conn->out_size + conn->out_flying + coil_stream_get_write_buffer_size(conn->lower);
}

/* A call that writes has returned rc. -EAGAIN: it has to wait for the rest of a message of the
 * peer's, and *wish says so; or the error. */
static int after_failure(struct coil__tls_conn *conn, int rc, bool *wish)
{
    int ssl_error = SSL_get_error(conn->ssl, rc);

    *wish = ssl_error == SSL_ERROR_WANT_READ && conn->io_error == 0;
    if (!*wish) {
        return coil__tls_explain(conn, ssl_error);
    }
    rc = coil__tls_hand_on(conn);
    return rc < 0 ? rc : -EAGAIN;
}

static ssize_t tls_send(struct coil_transport *transport, const void *buf, size_t size)
{
    struct coil__tls_conn *conn = of(transport);
    size_t count = 0;
    int rc;

    if (conn->fatal < 0 || conn->io_error < 0) {
        return conn->fatal < 0 ? conn->fatal : conn->io_error;
    }
    if (tls_get_write_buffer_size(transport) >= FULL || conn->out_size + conn->out_flying > 0) {
        return -EAGAIN;
    }
    coil__tls_prepare(conn, false);
    rc = SSL_write_ex(conn->ssl, buf, size < RECORD_SIZE ? size : RECORD_SIZE, &count);
    if (rc <= 0) {
        return after_failure(conn, rc, &conn->needs_input);
    }
    rc = coil__tls_hand_on(conn);
    return rc < 0 ? rc : (ssize_t)count;
}

static int tls_drain(struct coil_transport *transport, size_t threshold)
{
    struct coil__tls_conn *conn = of(transport);
    int rc = 0;

    threshold = threshold < FULL ? threshold : FULL - 1;
    if (conn->needs_input && tls_get_write_buffer_size(transport) <= threshold) {
        conn->needs_input = false;
        return coil__tls_wait_lower(conn);
    }
    while (rc == 0 && conn->io_error == 0) {
        if (conn->is_flushing) {
            rc = coil__tls_wait_room(conn);
        } else if (tls_get_write_buffer_size(transport) > threshold) {
            rc = coil_stream_flush(conn->lower);
        } else {
            return 0;
        }
    }
    return rc < 0 ? rc : conn->io_error;
}

/* --- the end --- */

static int tls_write_eof(struct coil_transport *transport)
{
    struct coil__tls_conn *conn = of(transport);
    int rc;

    /* After a failure there is nothing more to say: the peer has been told, or is gone. */
    if (conn->fatal < 0 || (SSL_get_shutdown(conn->ssl) & SSL_SENT_SHUTDOWN)) {
        return 0;
    }
    coil__tls_prepare(conn, false);
    if (SSL_in_init(
            conn->ssl)) { /* an answer, or the rest of a message of the peer's, is missing */
        rc = SSL_do_handshake(conn->ssl);
        if (rc <= 0) {
            rc = after_failure(conn, rc, &conn->owes_end);
            return rc == -EAGAIN ? 0 : rc;
        }
    }
    rc = SSL_shutdown(conn->ssl);
    return rc < 0 ? coil__tls_explain(conn, SSL_get_error(conn->ssl, rc)) : coil__tls_hand_on(conn);
}

/* Reads and drops until the peer has said that it is done, too, or is gone. */
static int await_end(struct coil__tls_conn *conn)
{
    char scratch[1024];
    ssize_t count = 1;

    while (count > 0 && !(SSL_get_shutdown(conn->ssl) & SSL_RECEIVED_SHUTDOWN)) {
        count = tls_receive(&conn->transport, scratch, sizeof scratch);
        if (count == -EAGAIN) {
            int rc = tls_wait_readable(&conn->transport);

            if (rc < 0) {
                return rc;
            }
            count = 1;
        }
    }
    return 0;
}

static int end_in_order(struct coil__tls_conn *conn)
{
    int rc = tls_write_eof(&conn->transport);

    rc = rc < 0 ? rc : tls_drain(&conn->transport, 0);
    if (rc == 0 && conn->shutdown_timeout_ns >= 0 && conn->fatal == 0 && !conn->is_reading) {
        rc = await_end(conn);
    }
    if (rc == 0) {
        rc = coil_stream_close(conn->lower);
        conn->lower = NULL;
    }
    return rc;
}

static int tls_close(struct coil_transport *transport)
{
    struct coil__tls_conn *conn = of(transport);
    int64_t timeout_ns = conn->shutdown_timeout_ns;
    int rc = -ETIMEDOUT;

    if (timeout_ns == 0) {
        timeout_ns = SHUTDOWN_TIMEOUT_S * COIL_SEC;
    }
    coil_timeout(timeout_ns < 0 ? COIL_NEVER : timeout_ns) {
        rc = end_in_order(conn);
    }
    return rc;
}

static void tls_abort(struct coil_transport *transport)
{
    struct coil__tls_conn *conn = of(transport);

    conn->is_aborted = true;
    coil_stream_abort(conn->lower);
    conn->lower = NULL;
}

static void tls_free(struct coil_transport *transport)
{
    coil__tls_conn_release(of(transport));
}

static struct coil_stream *tls_get_lower(const struct coil_transport *transport)
{
    return of(transport)->lower;
}

const struct coil_transport_class coil__tls_class = {
    .name = "tls",
    .receive = tls_receive,
    .wait_readable = tls_wait_readable,
    .send = tls_send,
    .drain = tls_drain,
    .write_eof = tls_write_eof,
    .close = tls_close,
    .abort = tls_abort,
    .free = tls_free,
    .get_write_buffer_size = tls_get_write_buffer_size,
    .get_lower = tls_get_lower,
};
