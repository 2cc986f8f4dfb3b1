/* client_http2.c - the life of a connection of HTTP/2: its task receives, hands the bytes to
 * nghttp2, and sends what has come of that.
 *
 * The task waits without a deadline: those are the requests'. What ends the connection, or makes
 * something to be looked at, ends its wait (nudge). A connection ends when it is told to and when
 * the server wants no more requests (GOAWAY), each as soon as the last stream is over; or at once,
 * by an error, which all requests under way get.
 */
#include "http/client_http2.h"

#include "base/memory.h"

#include <coil/task.h>

#include <errno.h>
#include <stdio.h>

#define GOODBYE_NS COIL_SEC /* how long a server may take to read that a connection ends */

/* --- what is shared --- */

static int make_option(struct coil__client_http2_shared *shared)
{
    if (nghttp2_option_new(&shared->option) != 0) {
        return -ENOMEM;
    }
    nghttp2_option_set_no_auto_window_update(shared->option, 1);
    nghttp2_option_set_no_closed_streams(shared->option, 1);
    nghttp2_option_set_max_outbound_ack(shared->option, COIL__HTTP2_ACKS);
    return 0;
}

void coil__client_http2_shared_free(struct coil__client_http2_shared *shared)
{
    if (shared) {
        nghttp2_session_callbacks_del(shared->callbacks);
        nghttp2_option_del(shared->option);
        coil__http_buffer_free(&shared->output);
        coil__free(shared->input);
        coil__free(shared);
    }
}

static int share(struct coil_http_session *session)
{
    struct coil__client_http2_shared *shared = session->http2;

    if (shared) {
        return 0;
    }
    shared = coil__calloc(1, sizeof *shared);
    if (!shared) {
        return -ENOMEM;
    }
    shared->input = coil__malloc(COIL__HTTP2_INPUT);
    if (!shared->input || make_option(shared) < 0 ||
        nghttp2_session_callbacks_new(&shared->callbacks) != 0) {
        coil__client_http2_shared_free(shared);
        return -ENOMEM;
    }
    coil__client_http2_set_callbacks(shared->callbacks);
    session->http2 = shared;
    return 0;
}

/* --- the end --- */

void coil__client_http2_nudge(struct coil__client_http2 *h2)
{
    h2->is_nudged = true;
    if (h2->wait) {
        coil_scope_cancel(h2->wait);
    }
}

void coil__client_http2_fail(struct coil__client_http2 *h2, int error, const char *text)
{
    if (h2->error < 0) {
        return;
    }
    h2->error = error;
    coil__client_http2_drain(h2);
    COIL__LIST_FOREACH(&h2->streams, link) {
        coil__client_stream_fail(COIL__CONTAINER(link, struct coil__client_stream, link), error,
                                 text);
    }
    coil__client_http2_nudge(h2);
}

void coil__client_http2_drain(struct coil__client_http2 *h2)
{
    h2->is_draining = true;
    h2->has_news = true;
    coil__client_withdraw(h2->conn);
    coil__client_http2_nudge(h2);
}

void coil__client_http2_end(struct coil__client_connection *conn)
{
    conn->http2->is_ending = true;
    coil__client_withdraw(conn);
    coil__client_http2_nudge(conn->http2);
}

void coil__client_http2_free(struct coil__client_http2 *h2)
{
    coil__http_buffer_free(&h2->rest);
    coil__free(h2);
}

/* A server that has left the protocol: nghttp2 says goodbye, and reads no more. */
static void blame(struct coil__client_http2 *h2)
{
    char text[200];

    snprintf(text, sizeof text, "the server breaks HTTP/2%s%s", h2->said[0] ? ": " : "", h2->said);
    coil__client_http2_fail(h2, -COIL_EPROTOCOL, text);
}

static bool is_over(struct coil__client_http2 *h2)
{
    if (h2->error < 0) {
        return true;
    }
    if (h2->is_blamed && !h2->is_sending) {
        blame(h2);
        return true;
    }
    return (h2->is_draining || h2->is_ending) && h2->slots == 0;
}

/* --- receiving --- */

static int feed(struct coil__client_http2 *h2, size_t size)
{
    const uint8_t *data = (const uint8_t *)h2->shared->input;
    ssize_t count;

    h2->heard_at = coil_now();
    h2->is_receiving = true;
    count = nghttp2_session_mem_recv(h2->session, data, size);
    h2->is_receiving = false;
    if (count == NGHTTP2_ERR_NOMEM) {
        coil__client_http2_fail(h2, -ENOMEM, coil_strerror(-ENOMEM));
    } else if (count < 0) {
        snprintf(h2->said, sizeof h2->said, "%s", nghttp2_strerror((int)count));
        blame(h2);
    }
    coil__client_stream_reap(h2);
    return 1;
}

/* 1: something may have come, or must be looked at; or an error. */
static int wait_for_server(struct coil__client_http2 *h2)
{
    struct coil_scope scope = {0};
    int rc = -ECANCELED;

    coil_scope_open_deadline(&scope, COIL_NEVER);
    h2->wait = &scope;
    if (!h2->is_nudged) {
        rc = coil_stream_wait_readable(h2->conn->stream);
    }
    h2->wait = NULL;
    h2->is_nudged = false;
    coil_scope_close(&scope);
    return rc < 0 && (rc != -ECANCELED || coil_check_cancel() < 0) ? rc : 1;
}

static void tell_of_end(struct coil__client_http2 *h2)
{
    char text[120];

    snprintf(text, sizeof text, "the server has closed the connection%s%s",
             h2->goaway != NGHTTP2_NO_ERROR ? ": " : "",
             h2->goaway != NGHTTP2_NO_ERROR ? nghttp2_http2_strerror(h2->goaway) : "");
    coil__client_http2_fail(h2, -COIL_EINCOMPLETE, text);
}

/* 1; or an error: it is over. */
static int receive(struct coil__client_http2 *h2, unsigned *greed)
{
    ssize_t count;
    int rc = ++*greed % COIL__HTTP_GREED == 0 ? coil_yield() : 0;

    if (rc < 0) {
        return rc;
    }
    count = coil_stream_try_read(h2->conn->stream, h2->shared->input, COIL__HTTP2_INPUT);
    if (count == -EAGAIN) {
        *greed = 0;
        return wait_for_server(h2);
    }
    if (count == 0) {
        tell_of_end(h2);
        return h2->error;
    }
    return count < 0 ? (int)count : feed(h2, (size_t)count);
}

/* --- from beginning to end --- */

static void run(struct coil__client_http2 *h2)
{
    unsigned greed = 0;
    int rc = 1;

    while (rc > 0) {
        coil__client_http2_pump(h2);
        if (h2->has_news) {
            h2->has_news = false;
            coil__client_settle(h2->conn);
        }
        if (is_over(h2)) {
            return;
        }
        rc = receive(h2, &greed);
    }
    coil__client_http2_fail(h2, rc, coil_strerror(rc));
}

static void say_goodbye(struct coil__client_http2 *h2)
{
    if (h2->error == 0) {
        nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
    }
    if (h2->error == 0 || h2->error == -COIL_EPROTOCOL) {
        h2->error = 0; /* what is said in the case of an error goes out, too */
        coil__client_http2_pump(h2);
    }
}

/* TLS is told that this is the end: a session that broke off is not resumed. */
static void close_stream(struct coil__client_http2 *h2, bool is_clean)
{
    struct coil_stream *stream = h2->conn->stream;

    h2->conn->stream = NULL;
    if (!is_clean || coil_check_cancel() < 0) {
        coil_stream_abort(stream);
        return;
    }
    coil_timeout(GOODBYE_NS) {
        coil_stream_close(stream);
    }
}

/* bound: around the group. */
static void end(struct coil__client_http2 *h2, struct coil_scope *bound)
{
    struct coil__client_connection *conn = h2->conn;
    struct coil_http_session *session = conn->session;
    bool is_clean;

    coil__client_withdraw(conn);
    coil__client_lose(conn);
    say_goodbye(h2);
    if (h2->error < 0) {
        coil_group_cancel(&h2->group);
    }
    coil_scope_reschedule(bound, coil__http_after(GOODBYE_NS));
    coil_group_close(&h2->group);
    coil_scope_close(bound);
    is_clean = h2->error == 0;
    h2->error = h2->error < 0 ? h2->error : -COIL_ECLOSED;
    coil_handle_cancel(&h2->later);
    nghttp2_session_del(h2->session); /* which closes no streams */
    h2->session = NULL;
    COIL__LIST_FOREACH_SAFE(&h2->streams, link) {
        struct coil__client_stream *stream =
            COIL__CONTAINER(link, struct coil__client_stream, link);

        stream->id = 0;
        if (stream->is_left) {
            coil__client_stream_free(stream);
        }
    }
    coil__client_stream_reap(h2);
    close_stream(h2, is_clean);
    coil__client_let_go(conn);
    coil__client_session_drop(session);
}

static int drive(void *arg)
{
    struct coil__client_http2 *h2 = arg;
    struct coil_scope bound = {0};

    coil_scope_open_deadline(&bound, COIL_NEVER);
    coil_group_open(&h2->group);
    run(h2);
    end(h2, &bound);
    return 0;
}

/* --- the beginning --- */

static int say_settings(struct coil__client_http2 *h2)
{
    const struct coil_http_session *session = h2->conn->session;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, COIL__CLIENT_HTTP2_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, session->limits.head},
    };
    /* All streams together have as much as each for itself: who is not read holds up no other. */
    int rc = nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, entries,
                                     sizeof entries / sizeof *entries);

    if (rc == 0) {
        rc = nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                                   COIL__CLIENT_HTTP2_STREAMS *
                                                       COIL__CLIENT_HTTP2_WINDOW);
    }
    return rc == 0 ? 0 : -ENOMEM;
}

static int prepare(struct coil__client_connection *conn)
{
    struct coil__client_http2 *h2;
    int rc = share(conn->session);

    h2 = rc == 0 ? coil__calloc(1, sizeof *h2) : NULL;
    if (!h2) {
        return -ENOMEM;
    }
    h2->conn = conn;
    h2->shared = conn->session->http2;
    h2->heard_at = coil_now();
    coil__list_init(&h2->streams);
    coil__list_init(&h2->dead);
    if (nghttp2_session_client_new2(&h2->session, h2->shared->callbacks, h2, h2->shared->option) !=
        0) {
        coil__free(h2);
        return -ENOMEM;
    }
    rc = say_settings(h2);
    if (rc < 0) {
        nghttp2_session_del(h2->session);
        coil__free(h2);
        return rc;
    }
    conn->http2 = h2;
    return 0;
}

int coil__client_http2_start(struct coil__client_connection *conn)
{
    struct coil_task_options options = {.name = "http2 client", .eager = true, .site = COIL_HERE};
    struct coil_task *task;
    int rc = prepare(conn);

    if (rc < 0) {
        return rc;
    }
    conn->protocol = &coil__client_http2_protocol;
    conn->is_new = true;
    conn->origin->is_gated = true;
    coil__list_push_tail(&conn->origin->shared, &conn->link);
    conn->holds = 2; /* the task's, and the slot's of who has asked for it */
    conn->http2->slots = 1;
    coil__client_session_hold(conn->session);
    task = coil_task_create(&options, drive, conn->http2);
    if (!task) {
        nghttp2_session_del(conn->http2->session);
        coil__client_http2_free(conn->http2);
        conn->http2 = NULL;
        conn->protocol = &coil__client_http1_protocol;
        conn->is_new = false;
        coil__list_remove(&conn->link);
        coil__client_session_drop(conn->session);
        return -ENOMEM;
    }
    coil_detach(task);
    return 0;
}

size_t coil__client_http2_slots_left(const struct coil__client_connection *conn)
{
    const struct coil__client_http2 *h2 = conn->http2;
    size_t most = COIL__CLIENT_HTTP2_STREAMS;
    uint32_t allowed;

    if (conn->is_new || h2->is_draining || h2->is_ending || h2->error < 0) {
        return 0;
    }
    allowed =
        nghttp2_session_get_remote_settings(h2->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    most = allowed < most ? allowed : most;
    return h2->slots < most ? most - h2->slots : 0;
}

void coil__client_http2_take_slot(struct coil__client_connection *conn)
{
    conn->http2->slots++;
    conn->holds++;
}

void coil__client_http2_give_slot(struct coil__client_connection *conn)
{
    struct coil__client_http2 *h2 = conn->http2;

    h2->slots--;
    conn->uses++;
    if (h2->session && h2->slots == 0 && (h2->is_draining || h2->is_ending)) {
        coil__client_http2_nudge(h2);
    } else if (h2->session) {
        coil__client_slot_is_free(conn, h2->slots == 0);
    }
    coil__client_let_go(conn);
}

const struct coil__client_protocol coil__client_http2_protocol = {
    .converse = coil__client_http2_converse,
    .give_up = coil__client_stream_give_up,
    .hand_over = coil__client_stream_hand_over,
    .read = coil__client_stream_read,
    .skip = coil__client_stream_skip,
    .end = coil__client_stream_end,
};
