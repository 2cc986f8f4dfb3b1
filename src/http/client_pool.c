/* client_pool.c - who may open a connection, who gets one that is there, and who waits.
 *
 * A connection counts from the moment it may be opened until it is closed: that is a right, which
 * is given back by coil__client_forget. Requests wait in one queue, in the order in which they
 * came; whenever a right or a connection is given back, the queue is gone through, and each gets
 * what it may have: nobody overtakes within an origin, and a full origin holds up no other. What a
 * waiter has got stands in its struct before it runs: one that is cancelled just then gives it on.
 *
 * Where the session is full, but some connection is idle, the one that was longest so is closed.
 */
#include "http/client.h"

#include "base/memory.h"

#include <coil/task.h>

#include <errno.h>

#define TRUSTED_NS COIL_MSEC /* so long after a response its connection is not looked at */
#define GOODBYE_NS COIL_SEC  /* how long a server may take to read that a connection ends */

struct waiter {
    struct coil__list link;
    struct coil__client_origin *origin;
    struct coil_event event;
    struct coil__client_connection *conn; /* what it has got, or NULL */
    bool fresh;                           /* wants none that was used */
    bool is_upgrade;                      /* wants one for another protocol: never HTTP/2 */
    bool has_right;                       /* to open one */
};

static void arm_sweep(struct coil_http_session *session);

/* --- origins --- */

static size_t bucket_of(const struct coil__client_place *place)
{
    uint32_t hash = 2166136261U;

    for (const char *p = place->host; *p != '\0'; p++) {
        hash = (hash ^ (unsigned char)*p) * 16777619U;
    }
    return (hash ^ place->port) % COIL__CLIENT_BUCKETS;
}

struct coil__client_origin *coil__client_origin_of(struct coil_http_session *session,
                                                   const struct coil__client_place *place)
{
    struct coil__list *bucket = &session->origins[bucket_of(place)];
    size_t size = strlen(place->host) + 1;
    struct coil__client_origin *origin;

    COIL__LIST_FOREACH(bucket, node) {
        origin = COIL__CONTAINER(node, struct coil__client_origin, link);
        if (origin->port == place->port && origin->is_https == place->is_https &&
            strcmp(origin->host, place->host) == 0) {
            return origin;
        }
    }
    origin = coil__calloc(1, sizeof *origin + size);
    if (origin) {
        memcpy(origin->host, place->host, size);
        origin->port = place->port;
        origin->is_https = place->is_https;
        origin->proxy = coil__client_proxy_for(&session->proxies, place);
        origin->may_http2 = place->is_https ? !session->options.no_http2
                                            : session->options.prior_http2 && !origin->proxy;
        origin->is_gated = origin->may_http2;
        coil__list_init(&origin->idle);
        coil__list_init(&origin->shared);
        coil__list_push_head(bucket, &origin->link);
    }
    return origin;
}

void coil__client_origin_let_go(struct coil__client_origin *origin)
{
    if (origin->count == 0 && origin->waiters == 0) {
        coil__list_remove(&origin->link);
        coil__free(origin);
    }
}

/* --- connections that end --- */

void coil__client_unmake_idle(struct coil__client_connection *conn)
{
    if (coil__list_is_linked(&conn->age)) {
        coil__list_remove(&conn->age);
        conn->session->idle_count--;
    }
}

void coil__client_make_idle(struct coil__client_connection *conn)
{
    struct coil_http_session *session = conn->session;

    conn->idle_since = coil_now();
    conn->idle_ends = coil__http_after(session->options.idle_timeout_ns);
    coil__list_push_tail(&session->idle, &conn->age);
    session->idle_count++;
    arm_sweep(session);
}

static void unlink_idle(struct coil__client_connection *conn)
{
    coil__list_remove(&conn->link);
    coil__client_unmake_idle(conn);
}

static int say_goodbye(void *arg)
{
    coil_timeout(GOODBYE_NS) {
        coil_stream_close(arg);
    }
    return 0;
}

/* Without a wait. TLS is told that this is the end: a session that broke off is not resumed. What
 * that takes is done by a task of its own, which begins at once, so that no cancel comes before. */
static void close_stream(struct coil_stream *stream, bool is_clean)
{
    struct coil_task_options options = {.name = "http goodbye", .eager = true, .site = COIL_HERE};
    struct coil_task *task = NULL;

    if (is_clean && coil_tls_is_tls(stream)) {
        task = coil_task_create(&options, say_goodbye, stream);
    }
    if (task) {
        coil_detach(task);
    } else {
        coil_stream_abort(stream);
    }
}

/* Frees it; the right to it stays. is_clean: nobody is in the middle of something. */
static void destroy(struct coil__client_connection *conn, bool is_clean)
{
    close_stream(conn->stream, is_clean);
    coil__http_buffer_free(&conn->in);
    coil__http_buffer_free(&conn->out);
    coil__free(conn);
}

static void close_idle(struct coil__client_connection *conn)
{
    struct coil_http_session *session = conn->session;
    struct coil__client_origin *origin = conn->origin;

    unlink_idle(conn);
    if (conn->http2) {
        coil__client_http2_end(conn);
        conn->origin = NULL;
    } else {
        destroy(conn, true);
    }
    origin->count--;
    session->count--;
    coil__client_origin_let_go(origin);
}

static struct coil__client_connection *oldest_idle(const struct coil_http_session *session)
{
    return coil__list_is_empty(&session->idle)
               ? NULL
               : COIL__CONTAINER(session->idle.next, struct coil__client_connection, age);
}

/* --- rights --- */

/* Takes the right to open one more, if there is one. */
static bool take_right(struct coil_http_session *session, struct coil__client_origin *origin,
                       bool is_upgrade)
{
    struct coil__client_connection *oldest;

    if (origin->count >= session->options.max_connections_per_host ||
        (origin->is_gated && origin->dials > 0 && !is_upgrade)) {
        return false;
    }
    if (session->count >= session->options.max_connections) {
        oldest = oldest_idle(session);
        if (!oldest) {
            return false;
        }
        origin->waiters++; /* holds it, should that have been its last */
        close_idle(oldest);
        origin->waiters--;
    }
    origin->count++;
    origin->dials += !is_upgrade; /* nobody can share what that brings */
    session->count++;
    return true;
}

/* A connection that has just been idle; NULL. */
static struct coil__client_connection *take_idle(struct coil__client_origin *origin)
{
    struct coil__client_connection *conn;

    if (coil__list_is_empty(&origin->idle)) {
        return NULL;
    }
    conn = COIL__CONTAINER(origin->idle.next, struct coil__client_connection, link);
    unlink_idle(conn);
    conn->is_clean = false;
    return conn;
}

/* An idle one that must give way to a fresh one of the same origin. */
static void make_way(const struct coil_http_session *session, struct coil__client_origin *origin)
{
    if (origin->count >= session->options.max_connections_per_host &&
        !coil__list_is_empty(&origin->idle)) {
        origin->waiters++;
        close_idle(COIL__CONTAINER(origin->idle.prev, struct coil__client_connection, link));
        origin->waiters--;
    }
}

/* Gives a waiter what there is for it. */
static bool serve(struct coil_http_session *session, struct waiter *waiter)
{
    waiter->conn = waiter->is_upgrade ? NULL : coil__client_take_shared(waiter->origin);
    if (waiter->fresh && !waiter->conn) {
        make_way(session, waiter->origin);
    } else if (!waiter->conn) {
        waiter->conn = take_idle(waiter->origin);
    }
    if (!waiter->conn) {
        waiter->has_right = take_right(session, waiter->origin, waiter->is_upgrade);
    }
    return waiter->conn || waiter->has_right;
}

static void leave_queue(struct coil_http_session *session, struct waiter *waiter)
{
    coil__list_remove(&waiter->link);
    waiter->origin->waiters--;
    session->waiter_count--;
}

/* Whoever gives back one thing need not look for a second: there was nothing for anybody before. */
bool coil__client_serve_next(struct coil_http_session *session)
{
    COIL__LIST_FOREACH(&session->waiters, node) {
        struct waiter *waiter = COIL__CONTAINER(node, struct waiter, link);

        if (serve(session, waiter)) {
            leave_queue(session, waiter);
            coil_event_set(&waiter->event);
            return true;
        }
    }
    return false;
}

void coil__client_serve_all(struct coil_http_session *session)
{
    while (coil__client_serve_next(session)) {
    }
}

void coil__client_refuse_waiters(struct coil_http_session *session)
{
    COIL__LIST_FOREACH_SAFE(&session->waiters, node) {
        struct waiter *waiter = COIL__CONTAINER(node, struct waiter, link);

        leave_queue(session, waiter);
        coil_event_set(&waiter->event);
    }
}

void coil__client_forget(struct coil_http_session *session, struct coil__client_origin *origin)
{
    origin->count--;
    session->count--;
    coil__client_serve_next(session);
    coil__client_origin_let_go(origin);
}

/* What comes after a dial: who has waited for what it brings, shares that, or dials, too. One that
 * fails lets all dial, so that they do not fail one after the other. */
void coil__client_dialled(struct coil_http_session *session, struct coil__client_origin *origin,
                          struct coil__client_connection *conn)
{
    if (conn && conn->http2) { /* it is shared already, or waits for the server's settings */
        return;
    }
    origin->dials--;
    if (conn || coil_check_cancel() == 0) {
        origin->is_gated = false;
    }
    if (session->waiter_count > 0 && origin->may_http2) {
        coil__client_serve_all(session);
    }
}

void coil__client_drop(struct coil__client_connection *conn)
{
    if (conn) {
        struct coil_http_session *session = conn->session;
        struct coil__client_origin *origin = conn->origin;

        destroy(conn, conn->is_clean);
        coil__client_forget(session, origin);
    }
}

void coil__client_release(struct coil__client_connection *conn)
{
    struct coil_http_session *session = conn->session;

    if (session->is_closed) {
        coil__client_drop(conn);
        return;
    }
    coil__http_buffer_trim(&conn->in);
    coil__http_buffer_trim(&conn->out);
    conn->uses++;
    coil__list_push_head(&conn->origin->idle, &conn->link);
    coil__client_make_idle(conn);
    if (session->waiter_count > 0) {
        coil__client_serve_next(session);
    }
}

/* --- waiting --- */

static int wait_for_turn(struct coil_http_session *session, struct waiter *waiter)
{
    int rc;

    coil__list_push_tail(&session->waiters, &waiter->link);
    waiter->origin->waiters++;
    session->waiter_count++;
    rc = coil_event_wait(&waiter->event);
    if (!coil_event_is_set(&waiter->event)) {
        leave_queue(session, waiter);
        return rc;
    }
    if (!waiter->conn && !waiter->has_right) {
        return -COIL_ECLOSED;
    }
    if (rc < 0 && waiter->conn && waiter->conn->http2) {
        coil__client_http2_give_slot(waiter->conn);
    } else if (rc < 0 && waiter->conn) {
        coil__client_release(waiter->conn);
    } else if (rc < 0) {
        waiter->origin->dials -= !waiter->is_upgrade;
        coil__client_forget(session, waiter->origin);
    }
    return rc;
}

/* What the server has sent or closed meanwhile ends it: there is nothing that it might say to
 * nobody's request (RFC 9112, section 9.2; 408 is said that way too). Just after the last response
 * that is hardly ever so, and costs a system call: then a request is trusted to be sent again. */
static bool is_alive(struct coil__client_connection *conn, bool can_repeat)
{
    ssize_t count;
    char byte;

    if (conn->http2) { /* its task would know */
        return true;
    }
    if (can_repeat && coil_now() - conn->idle_since < TRUSTED_NS) {
        return true;
    }
    count = coil_stream_try_read(conn->stream, &byte, 1);
    if (count == -EAGAIN) { /* it may say so without having looked */
        count = coil_stream_try_read(conn->stream, &byte, 1);
    }
    return count == -EAGAIN;
}

int coil__client_acquire(struct coil_http_session *session, struct coil__client_origin *origin,
                         unsigned flags, struct coil__client_connection **ret_conn)
{
    for (;;) {
        struct waiter waiter = {.origin = origin,
                                .fresh = (flags & COIL__CLIENT_FRESH) != 0,
                                .is_upgrade = (flags & COIL__CLIENT_UPGRADE) != 0};

        if (session->is_closed) {
            coil__client_origin_let_go(origin);
            return -COIL_ECLOSED;
        }
        if (origin->waiters > 0 || !serve(session, &waiter)) {
            int rc;

            origin->waiters++; /* stays */
            rc = wait_for_turn(session, &waiter);
            origin->waiters--;
            if (rc < 0) {
                coil__client_origin_let_go(origin);
                return rc;
            }
        }
        if (!waiter.conn || is_alive(waiter.conn, (flags & COIL__CLIENT_REPEATABLE) != 0)) {
            *ret_conn = waiter.conn;
            return 0;
        }
        origin->waiters++;
        coil__client_drop(waiter.conn);
        origin->waiters--;
    }
}

/* --- idle ones --- */

static void sweep(void *user)
{
    struct coil_http_session *session = user;
    struct coil__client_connection *conn;
    int64_t now = coil_now();

    while ((conn = oldest_idle(session)) && conn->idle_ends <= now) {
        close_idle(conn);
    }
    coil__client_serve_all(session);
    arm_sweep(session);
}

/* A timer that there is no memory for is made by the next one that becomes idle. */
static void arm_sweep(struct coil_http_session *session)
{
    struct coil__client_connection *conn = oldest_idle(session);

    if (!conn) {
        coil_handle_cancel(&session->sweep);
    } else if (!coil_handle_is_pending(&session->sweep) && conn->idle_ends < COIL_NEVER) {
        coil_call_at(session->loop, &session->sweep, conn->idle_ends, sweep, session);
    }
}

void coil__client_drop_idle(struct coil_http_session *session)
{
    struct coil__client_connection *conn;

    while ((conn = oldest_idle(session))) {
        close_idle(conn);
    }
    arm_sweep(session);
    coil__client_serve_all(session);
}

void coil__client_pool_init(struct coil_http_session *session)
{
    for (size_t i = 0; i < COIL__CLIENT_BUCKETS; i++) {
        coil__list_init(&session->origins[i]);
    }
    coil__list_init(&session->idle);
    coil__list_init(&session->waiters);
}
