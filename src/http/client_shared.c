/* client_shared.c - connections of HTTP/2 in the pool: shared by slots, and idle while nobody has
 * one. The first connection that has a slot left gets the next request, so that those which are not
 * needed become idle, and close.
 */
#include "http/client.h"

#include "base/memory.h"

struct coil__client_connection *coil__client_take_shared(struct coil__client_origin *origin)
{
    COIL__LIST_FOREACH(&origin->shared, node) {
        struct coil__client_connection *conn =
            COIL__CONTAINER(node, struct coil__client_connection, link);

        if (coil__client_http2_slots_left(conn) > 0) {
            coil__client_unmake_idle(conn);
            coil__client_http2_take_slot(conn);
            return conn;
        }
    }
    return NULL;
}

/* A new one counts as being dialled: before the settings one does not know what can be shared. */
static void end_novelty(struct coil__client_connection *conn)
{
    if (conn->is_new && conn->origin) {
        conn->origin->dials--;
    }
    conn->is_new = false;
}

void coil__client_settle(struct coil__client_connection *conn)
{
    end_novelty(conn);
    coil__client_serve_all(conn->session);
}

void coil__client_withdraw(struct coil__client_connection *conn)
{
    end_novelty(conn);
    coil__list_remove(&conn->link);
    coil__client_unmake_idle(conn);
}

void coil__client_lose(struct coil__client_connection *conn)
{
    struct coil__client_origin *origin = conn->origin;

    if (origin) {
        conn->origin = NULL;
        coil__client_forget(conn->session, origin);
    }
}

void coil__client_avoid_http2(struct coil__client_connection *conn)
{
    if (conn->origin) {
        conn->origin->may_http2 = false;
        conn->origin->is_gated = false;
    }
    coil__client_http2_end(conn);
}

void coil__client_slot_is_free(struct coil__client_connection *conn, bool is_last)
{
    struct coil_http_session *session = conn->session;

    if (is_last && session->is_closed) {
        coil__client_http2_end(conn);
        return;
    }
    if (is_last) {
        coil__client_make_idle(conn);
    }
    if (session->waiter_count > 0) {
        coil__client_serve_next(session);
    }
}

void coil__client_let_go(struct coil__client_connection *conn)
{
    if (--conn->holds == 0) {
        coil__client_http2_free(conn->http2);
        coil__http_buffer_free(&conn->in);
        coil__http_buffer_free(&conn->out);
        coil__free(conn);
    }
}
