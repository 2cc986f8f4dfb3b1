/* client_exchange.c - one request and its response.
 *
 * A server may close a connection that is idle at any time, also while a request is on its way to
 * it. If that happens before a byte of a response, on a connection that was used before, the
 * request goes out once more on a new one, where that cannot do harm (RFC 9112, section 9.3.1):
 * nothing was sent, or the method is idempotent, and the body can be sent again. So it does, with
 * any method, when the server says that it has not looked at the request (RFC 9113, section 8.7).
 */
#include "http/client.h"

#include "sys/clock.h"

#include <errno.h>

/* --- the connection --- */

static int get_connection(struct coil__client_call *call, bool fresh)
{
    struct coil_http_session *session = call->session;
    struct coil__client_origin *origin = coil__client_origin_of(session, &call->place);
    unsigned flags = fresh ? COIL__CLIENT_FRESH : 0;
    int rc = -ENOMEM;

    if (coil__client_is_idempotent(call->method)) {
        flags |= COIL__CLIENT_REPEATABLE;
    }
    if (origin) {
        rc = coil__client_acquire(session, origin, flags, &call->conn);
    }

    if (rc < 0) {
        return coil__client_fail_plainly(&call->failure, rc);
    }
    if (!call->conn) {
        rc = coil__client_connect(session, origin, flags, call->connect_timeout_ns, &call->failure,
                                  &call->conn);
        call->is_unmade = rc < 0;
    }
    return rc;
}

/* --- the response --- */

static void take_cookies(struct coil__client_call *call)
{
    const struct coil__http1_head *head = &call->heading.head;
    struct coil_http_session *session = call->session;

    if (session->options.no_cookies) {
        return;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        if (coil__slice_is_like(head->fields[i].name, "Set-Cookie")) {
            coil__client_jar_set(&session->jar, &call->place, head->fields[i].value,
                                 coil__clock_wall() / COIL_SEC);
        }
    }
}

static bool is_broken(int error)
{
    return error == -ECONNRESET || error == -EPIPE || error == -COIL_EINCOMPLETE ||
           error == -ECONNABORTED || error == -COIL_ETLSTRUNCATED;
}

/* --- HTTP/1.1 --- */

/* Sends, and receives the head. */
static int converse1(struct coil__client_call *call)
{
    struct coil_http_failure why = {0};
    int rc = coil__client_compose(call);
    int sent;

    if (rc < 0) {
        return rc;
    }
    sent = coil__client_send(call);
    if (sent < 0 && (!is_broken(sent) || call->is_senseless)) {
        return sent;
    }
    /* A server that closes early may have said why (RFC 9112, section 9.6). */
    if (call->head_size == 0) {
        rc = coil__client_head_read(&call->heading, call->read_timeout_ns, &why);
        call->head_size = rc > 0 ? rc : 0;
    }
    if (call->head_size > 0) {
        call->head = call->conn->in.data + call->conn->in.start;
        call->is_cut = call->is_cut || sent < 0;
        return 0;
    }
    if (sent == 0) {
        call->failure = why;
    }
    return sent < 0 ? sent : rc;
}

static void give_up1(struct coil__client_call *call)
{
    coil__client_drop(call->conn);
}

static void hand_over1(struct coil__client_call *call, struct coil_http_response *response)
{
    coil__client_take(response->conn, (size_t)call->head_size);
}

const struct coil__client_protocol coil__client_http1_protocol = {
    .converse = converse1,
    .give_up = give_up1,
    .hand_over = hand_over1,
    .read = coil__client_http1_read,
    .skip = coil__client_http1_skip,
    .end = coil__client_http1_end,
};

/* --- the exchange --- */

/* Without a connection, and without what the last one has left. */
static void reset(struct coil__client_call *call)
{
    coil__client_heading_deinit(&call->heading);
    call->heading = (struct coil__client_heading){
        .session = call->session, .conn = call->conn, .method = call->method};
    call->is_sent = false;
    call->is_cut = false;
    call->is_refused = false;
    call->is_stale = false;
    call->is_unmade = false;
    call->is_senseless = false;
    call->head_size = 0;
}

static int exchange_once(struct coil__client_call *call, bool fresh,
                         struct coil_http_response **ret_response)
{
    bool was_used;
    int rc;

    reset(call);
    rc = coil__client_body_rewind(&call->body);
    if (rc < 0) {
        return coil__client_fail_plainly(&call->failure, rc);
    }
    rc = get_connection(call, fresh);
    if (rc < 0) {
        return rc;
    }
    call->heading.conn = call->conn;
    was_used = call->conn->uses > 0;
    rc = call->conn->protocol->converse(call);
    if (rc == 0) {
        take_cookies(call);
        rc = coil__client_response_new(call, ret_response);
    }
    if (rc < 0) {
        call->is_stale = was_used && is_broken(rc) && !call->is_senseless &&
                         coil__http_size(&call->conn->in) == 0 && call->heading.interim == 0;
        call->conn->protocol->give_up(call);
        call->conn = NULL;
    }
    return rc;
}

/* Whether that cannot do harm. */
static bool may_go_again(const struct coil__client_call *call)
{
    if (!coil__client_body_can_rewind(&call->body) || coil_check_cancel() < 0) {
        return false;
    }
    return call->is_refused ||
           (call->is_stale && (!call->is_sent || coil__client_is_idempotent(call->method)));
}

int coil__client_exchange(struct coil__client_call *call, struct coil_http_response **ret_response)
{
    int rc = exchange_once(call, false, ret_response);

    if (rc < 0 && may_go_again(call)) {
        call->failure.text[0] = '\0';
        rc = exchange_once(call, true, ret_response);
    }
    coil__client_heading_deinit(&call->heading);
    return rc;
}
