/* http2_connection.c - the life of a connection of HTTP/2: its task receives, hands the bytes to
 * nghttp2, starts handlers, and sends what has come of all that.
 *
 * It waits for its client with one deadline, the nearest of these: no stream for too long; a head
 * that does not end; a response that the client's windows keep here although its handler has
 * ended. What has changed meanwhile (a stream has ended, the server closes) ends the wait, and all
 * is looked at anew (coil__http2_nudge).
 *
 * It ends by GOAWAY: after that no stream begins, and those that are there finish (RFC 9113,
 * section 6.8).
 */
#include "http/http2.h"

#include <coil/task.h>

#include <errno.h>

/* --- the end --- */

void coil__http2_nudge(struct coil__http2_connection *h2)
{
    if (h2->conn->wait) {
        coil_scope_cancel(h2->conn->wait);
    }
}

void coil__http2_fail(struct coil__http2_connection *h2, int error)
{
    if (h2->error < 0) {
        return;
    }
    h2->error = error;
    COIL__LIST_FOREACH(&h2->streams, link) {
        struct coil__http2_stream *stream = COIL__CONTAINER(link, struct coil__http2_stream, link);

        coil_event_set(&stream->readable);
        coil_event_set(&stream->writable);
    }
    coil__http2_nudge(h2);
}

/* WebSockets that are over but for the client's END_STREAM, which was not waited for as yet. */
static void reset_lingering(struct coil__http2_connection *h2)
{
    COIL__LIST_FOREACH(&h2->streams, link) {
        struct coil__http2_stream *stream = COIL__CONTAINER(link, struct coil__http2_stream, link);

        if (stream->is_tunnel && stream->is_handled && stream->is_sent) {
            coil__http2_reset(stream, NGHTTP2_NO_ERROR);
        }
    }
}

static void say_goodbye(struct coil__http2_connection *h2)
{
    if (!h2->is_draining) {
        h2->is_draining = true;
        reset_lingering(h2);
        nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(h2->session),
                              NGHTTP2_NO_ERROR, NULL, 0);
    }
}

static bool is_over(const struct coil__http2_connection *h2)
{
    if (h2->error < 0) {
        return true;
    }
    return !nghttp2_session_want_write(h2->session) &&
           (!nghttp2_session_want_read(h2->session) || (h2->is_draining && h2->open_count == 0));
}

/* --- deadlines --- */

static int64_t later(int64_t at, int64_t span_ns)
{
    return span_ns > COIL_NEVER - at ? COIL_NEVER : at + span_ns;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t deadline(struct coil__http2_connection *h2)
{
    const struct coil__http_settings *settings = &h2->service->settings;
    int64_t when = COIL_NEVER;

    if (h2->open_count == 0) {
        when = later(h2->idle_at, settings->idle_timeout_ns);
    }
    if (h2->head_at > 0) {
        when = sooner(when, later(h2->head_at, settings->head_timeout_ns));
    }
    if (h2->unsent_count == 0) {
        h2->stall_at = 0;
    } else if (h2->stall_at == 0) {
        h2->stall_at = coil__http_after(settings->write_timeout_ns);
    }
    return h2->stall_at > 0 ? sooner(when, h2->stall_at) : when;
}

/* A client that gives no window, or hardly any, could keep responses here for ever. */
static void reset_stalled(struct coil__http2_connection *h2)
{
    const struct coil__http_settings *settings = &h2->service->settings;
    int64_t now = coil_now();

    COIL__LIST_FOREACH(&h2->streams, link) {
        struct coil__http2_stream *stream = COIL__CONTAINER(link, struct coil__http2_stream, link);
        int64_t *used = &stream->exchange.used_ns;

        if (!stream->is_handled) {
            continue;
        }
        coil__http_use_time(used, now - stream->watched_at, stream->moved,
                            settings->min_write_rate);
        stream->watched_at = now;
        stream->moved = 0;
        if (coil__http_time_left(*used, settings->write_timeout_ns) == 0) {
            coil__http2_reset(stream, stream->is_sent ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
        }
    }
    h2->stall_at = 0;
}

static void expire(struct coil__http2_connection *h2)
{
    const struct coil__http_settings *settings = &h2->service->settings;
    int64_t now = coil_now();

    if (h2->head_at > 0 && now >= later(h2->head_at, settings->head_timeout_ns)) {
        nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
        h2->is_draining = true;
    }
    if (h2->open_count == 0 && now >= later(h2->idle_at, settings->idle_timeout_ns)) {
        say_goodbye(h2);
    }
    if (h2->stall_at > 0 && now >= h2->stall_at) {
        reset_stalled(h2);
    }
}

/* --- receiving --- */

/* 0, or an error. data: nghttp2 has its own copy of what it needs later. */
static int feed(struct coil__http2_connection *h2, const char *data, size_t size)
{
    ssize_t count = nghttp2_session_mem_recv(h2->session, (const uint8_t *)(uintptr_t)data, size);

    coil__http2_watch_heads(h2, data, size);
    return count >= 0 ? 0 : count == NGHTTP2_ERR_NOMEM ? -ENOMEM : -ECONNABORTED;
}

/* The handlers of what has come; in a cancelled task nothing is begun. */
static void start_handlers(struct coil__http2_connection *h2)
{
    uint64_t max = h2->service->settings.max_requests;

    while (!coil__list_is_empty(&h2->begun) && coil_check_cancel() == 0) {
        struct coil__list *first = h2->begun.next;

        h2->requests++;
        coil__http2_stream_start(COIL__CONTAINER(first, struct coil__http2_stream, queued));
        if (max > 0 && h2->requests >= max) {
            say_goodbye(h2);
        }
    }
}

static int take_in(struct coil__http2_connection *h2, const char *data, size_t size)
{
    int rc;

    h2->is_receiving = true;
    rc = feed(h2, data, size);
    if (rc == 0) {
        start_handlers(h2);
    }
    h2->is_receiving = false;
    return rc;
}

/* 0: something may have come, or must be looked at; or an error. */
static int wait_for_client(struct coil__http2_connection *h2)
{
    struct coil__http_connection *conn = h2->conn;
    struct coil_scope scope = {0};
    int rc;

    conn->greed = 0;
    coil_scope_open_deadline(&scope, deadline(h2));
    conn->wait = &scope;
    rc = coil_stream_wait_readable(conn->stream);
    conn->wait = NULL;
    coil_scope_close(&scope);
    if ((rc == -ETIMEDOUT || rc == -ECANCELED) && coil_check_cancel() == 0) {
        expire(h2);
        rc = 0;
    }
    return rc;
}

/* 1; 0: the client has ended; or an error. */
static int receive(struct coil__http2_connection *h2)
{
    struct coil__http_connection *conn = h2->conn;
    ssize_t count;
    int rc;

    if (++conn->greed > COIL__HTTP_GREED) {
        conn->greed = 0;
        rc = coil_yield();
        return rc < 0 ? rc : 1; /* nobody was waiting, so no nudge was heard: all is looked at */
    }
    count = coil_stream_try_read(conn->stream, h2->shared->input, COIL__HTTP2_INPUT);
    if (count == -EAGAIN) {
        rc = wait_for_client(h2);
        return rc < 0 ? rc : 1;
    }
    if (count > 0) {
        rc = take_in(h2, h2->shared->input, (size_t)count);
        return rc < 0 ? rc : 1;
    }
    return (int)count;
}

/* --- from beginning to end --- */

static int say_settings(struct coil__http2_connection *h2)
{
    const struct coil__http_settings *settings = &h2->service->settings;
    uint32_t max_head =
        settings->limits.head > 0 ? settings->limits.head : COIL__HTTP1_DEFAULT_HEAD;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings->max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, COIL__HTTP2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, max_head},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, settings->has_connect},
    };

    if (nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, entries,
                                sizeof entries / sizeof *entries) != 0 ||
        nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                              COIL__HTTP2_CONNECTION_WINDOW) != 0) {
        return -ENOMEM;
    }
    return 0;
}

static int open_session(struct coil__http2_connection *h2)
{
    int rc = coil__http2_share(h2->service);

    if (rc < 0) {
        return rc;
    }
    h2->shared = h2->service->http2;
    if (nghttp2_session_server_new2(&h2->session, h2->shared->callbacks, h2, h2->shared->option) !=
        0) {
        return -ENOMEM;
    }
    return say_settings(h2);
}

/* 0: it has ended as it should; or an error. */
static int run(struct coil__http2_connection *h2)
{
    struct coil__http_connection *conn = h2->conn;
    int rc = 1;

    if (coil__http_size(&conn->in) > 0) {
        rc = take_in(h2, conn->in.data + conn->in.start, coil__http_size(&conn->in));
        rc = rc < 0 ? rc : 1;
    }
    coil__http_buffer_free(&conn->in);
    while (rc > 0) {
        if (h2->service->is_closing) {
            say_goodbye(h2);
        }
        coil__http2_pump(h2);
        if (is_over(h2)) {
            return h2->error;
        }
        rc = receive(h2);
    }
    conn->may_have_more = rc < 0;
    return rc;
}

/* Handlers whose streams are gone are told; what is still to be sent, is. A WebSocket is told by
 * what it does next. If our own task is cancelled, closing the group cancels all. */
static void end(struct coil__http2_connection *h2, int rc)
{
    bool is_broken = rc < 0 || h2->error < 0;

    coil_handle_cancel(&h2->later);
    h2->has_ended = true;
    if (is_broken) {
        coil__http2_fail(h2, rc < 0 ? rc : h2->error);
        if (h2->sender) {
            coil_cancel_because(h2->sender, "the connection is broken");
        }
    }
    COIL__LIST_FOREACH(&h2->streams, link) {
        struct coil__http2_stream *stream = COIL__CONTAINER(link, struct coil__http2_stream, link);

        if (stream->is_tunnel) {
            coil_event_set(&stream->readable);
            coil_event_set(&stream->writable);
        } else if (stream->task && (stream->id > 0 || is_broken)) {
            coil_cancel_because(stream->task, "the connection ends");
        }
    }
    coil_group_close(&h2->group);
    coil_handle_cancel(&h2->later);
}

static void clean_up(struct coil__http2_connection *h2)
{
    nghttp2_session_del(h2->session); /* which closes no streams */
    COIL__LIST_FOREACH_SAFE(&h2->streams, link) {
        coil__http2_stream_free(COIL__CONTAINER(link, struct coil__http2_stream, link));
    }
    coil__http_buffer_free(&h2->rest);
}

int coil__http2_serve(struct coil__http_connection *conn)
{
    struct coil__http2_connection h2 = {.conn = conn, .service = conn->service};
    int rc;

    h2.idle_at = coil_now();
    coil__list_init(&h2.streams);
    coil__list_init(&h2.begun);
    conn->may_have_more = true;
    conn->is_idle = true;
    conn->http2 = &h2;
    rc = open_session(&h2);
    if (rc == 0) {
        coil_group_open(&h2.group);
        rc = run(&h2);
        end(&h2, rc);
        rc = rc == 0 ? coil_check_cancel() : rc;
    }
    conn->http2 = NULL;
    clean_up(&h2);
    return rc;
}

bool coil__http2_has_task(const struct coil__http2_connection *h2, const struct coil_task *task)
{
    COIL__LIST_FOREACH(&h2->streams, link) {
        if (COIL__CONTAINER(link, struct coil__http2_stream, link)->task == task) {
            return true;
        }
    }
    return false;
}
