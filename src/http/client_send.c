/* client_send.c - a request goes out.
 *
 * A head and a small body are one write, which does not wait. Larger ones go in pieces, and while
 * such a piece waits for room, a second task waits for the response to begin: a server that refuses
 * says so and may read no further (RFC 9112, section 9.5). That task only looks whether something
 * is there; it interrupts the wait, and the bytes are read here.
 */
#include "http/client.h"

#include "base/memory.h"

#include <coil/task.h>

#include <errno.h>

#define CONTINUE_NS COIL_SEC /* how long a server may think about the body */

struct sending {
    struct coil__client_call *call;
    struct coil_task *watch; /* NULL: there is none */
    struct coil_scope *wait; /* around a write that waits; else NULL */
    bool is_noticed;         /* something has come, which was not read yet */
    bool is_unwatched;       /* the response was seen, and what it is lets the body go on */
    bool is_refused;         /* the response is there, and the body not wanted */
    char *room;              /* for pieces of a reader's */
};

/* --- the watch --- */

static int watch(void *arg)
{
    struct sending *sending = arg;

    if (coil_stream_wait_readable(sending->call->conn->stream) == 0) {
        sending->is_noticed = true;
        if (sending->wait) {
            coil_scope_cancel(sending->wait);
        }
    }
    return 0;
}

/* Without memory for a task the body is sent all the same. */
static void start_watch(struct sending *sending)
{
    if (!sending->watch && !sending->is_unwatched) {
        sending->is_noticed = false;
        sending->watch = coil_create_task(watch, sending);
    }
}

static void stop_watch(struct sending *sending)
{
    if (sending->watch) {
        coil_cancel(sending->watch);
        coil_shield {
            coil_await(sending->watch);
        }
        sending->watch = NULL;
    }
}

/* Something has come. 0: the body goes on; or an error of the connection's. */
static int look(struct sending *sending)
{
    struct coil__client_call *call = sending->call;
    ssize_t count;
    int size;

    stop_watch(sending);
    count = coil__client_try_fill(call->conn, COIL__CLIENT_ROOM);
    if (count == 0) {
        return coil__client_fail(&call->failure, -COIL_EINCOMPLETE,
                                 "the server has closed the connection while the body was sent");
    }
    if (count < 0 && count != -EAGAIN) {
        return coil__client_fail_plainly(&call->failure, (int)count);
    }
    size = coil__client_head_look(&call->heading, &call->failure);
    if (size < 0) {
        return size;
    }
    if (size > 0) {
        call->head_size = size;
        sending->is_unwatched = true;
        sending->is_refused = call->heading.head.status >= 400;
    }
    start_watch(sending);
    return 0;
}

/* --- writing --- */

static ssize_t write_once(struct sending *sending, const char *data, size_t size)
{
    struct coil__client_call *call = sending->call;
    struct coil_scope scope = {0};
    ssize_t sent;

    coil_scope_open_timeout(&scope, call->read_timeout_ns);
    sending->wait = &scope;
    sent = coil_stream_write(call->conn->stream, data, size);
    sending->wait = NULL;
    coil_scope_close(&scope);
    if (coil__http_was_slow((int)sent)) {
        return coil__client_fail(&call->failure, -ETIMEDOUT,
                                 "the server has taken nothing for %.3g s",
                                 (double)call->read_timeout_ns / (double)COIL_SEC);
    }
    return sent;
}

/* All of it, unless the server has refused. 0 or an error. */
static int write_piece(struct sending *sending, const char *data, size_t size)
{
    size_t done = 0;

    while (done < size && !sending->is_refused) {
        ssize_t sent;
        int rc = sending->is_noticed ? look(sending) : 0;

        if (rc < 0 || sending->is_refused) {
            return rc;
        }
        sent = write_once(sending, data + done, size - done);
        done += sent > 0 ? (size_t)sent : 0;
        if (sent < 0 && !(sent == -ECANCELED && sending->is_noticed && coil_check_cancel() == 0)) {
            return coil__client_fail_plainly(&sending->call->failure, (int)sent);
        }
        rc = coil_check_cancel();
        if (rc < 0) {
            return coil__client_fail_plainly(&sending->call->failure, rc);
        }
    }
    return 0;
}

ssize_t coil__client_read_piece(struct coil__client_call *call, char *to, int64_t left)
{
    struct coil__client_body *body = &call->body;
    size_t room = COIL__CLIENT_BODY_ROOM;
    ssize_t count;

    if (left >= 0 && (uint64_t)left < room) {
        room = (size_t)left;
    }
    body->is_begun = true;
    count = room > 0 ? body->reader(body->user, to, room) : 0;
    call->is_senseless = count < 0;
    if (count < 0) {
        return coil__client_fail_plainly(&call->failure, (int)count);
    }
    if ((size_t)count > room) {
        return coil__client_fail(&call->failure, -EINVAL, "the reader has given more than it may");
    }
    if (count == 0 && left > 0) {
        return coil__client_fail(&call->failure, -EINVAL,
                                 "the reader has ended %lld bytes before the size that was said",
                                 (long long)left);
    }
    return count;
}

/* RFC 9112, section 7.1: the size stands just before the piece, the line's end behind it. */
static int write_chunk(struct sending *sending, size_t size)
{
    char line[COIL__HTTP1_CHUNK_ROOM];
    char *data = sending->room + COIL__HTTP1_CHUNK_ROOM;
    struct coil__http1_writer writer;

    coil__http1_writer_init(&writer, line, sizeof line);
    if (size > 0) {
        coil__http1_write_chunk(&writer, size);
        data[size] = '\r';
        data[size + 1] = '\n';
        size += 2;
    } else {
        coil__http1_write_last_chunk(&writer);
        coil__http1_write_line_end(&writer);
    }
    memcpy(data - writer.length, line, writer.length);
    return write_piece(sending, data - writer.length, size + writer.length);
}

static int send_read(struct sending *sending)
{
    int64_t left = sending->call->body.size;
    bool is_chunked = left < 0;
    ssize_t count = 1;
    int rc = 0;

    sending->room = coil__malloc(COIL__CLIENT_BODY_ROOM + COIL__HTTP1_CHUNK_ROOM + 2);
    if (!sending->room) {
        return coil__client_fail_plainly(&sending->call->failure, -ENOMEM);
    }
    while (rc == 0 && count > 0 && left != 0 && !sending->is_refused) {
        count =
            coil__client_read_piece(sending->call, sending->room + COIL__HTTP1_CHUNK_ROOM, left);
        rc = count < 0 ? (int)count : 0;
        left -= left > 0 && count > 0 ? count : 0;
        if (rc == 0 && is_chunked) {
            rc = write_chunk(sending, (size_t)count);
        } else if (rc == 0) {
            rc = write_piece(sending, sending->room + COIL__HTTP1_CHUNK_ROOM, (size_t)count);
        }
    }
    coil__free(sending->room);
    return rc;
}

static int send_body(struct sending *sending)
{
    struct coil__client_call *call = sending->call;
    int rc;

    start_watch(sending);
    rc = call->body.reader ? send_read(sending)
                           : write_piece(sending, call->body.data, (size_t)call->body.size);
    stop_watch(sending);
    call->is_cut = rc < 0 || sending->is_refused;
    return rc;
}

/* --- the whole --- */

/* Head, and a body that goes with it. */
static int send_head(struct coil__client_call *call, bool with_body)
{
    struct coil__http_buffer *out = &call->conn->out;
    struct iovec iov[2] = {
        {out->data, coil__http_size(out)},
        {(void *)(uintptr_t)call->body.data, with_body ? (size_t)call->body.size : 0},
    };
    size_t size = iov[0].iov_len + iov[1].iov_len;
    ssize_t sent = coil_stream_writev(call->conn->stream, iov, iov[1].iov_len > 0 ? 2 : 1);

    call->is_sent = sent > 0;
    if (sent == (ssize_t)size) {
        return 0;
    }
    return coil__client_fail_plainly(&call->failure, sent < 0 ? (int)sent : -COIL_EINCOMPLETE);
}

/* RFC 9110, section 10.1.1. 1: send it; 0: the response is there, and it need not be sent. */
static int wait_for_permission(struct coil__client_call *call)
{
    struct coil__client_connection *conn = call->conn;
    int64_t when = coil__http_after(CONTINUE_NS);
    int size = coil__client_head_look(&call->heading, &call->failure);

    while (size == 0 && !call->heading.is_continue) {
        ssize_t count = coil__client_fill(conn, COIL__CLIENT_ROOM, COIL_NEVER, when);

        if (coil__http_was_slow((int)count)) {
            return 1;
        }
        if (count <= 0) {
            return coil__client_fail_plainly(&call->failure,
                                             count < 0 ? (int)count : -COIL_EINCOMPLETE);
        }
        size = coil__client_head_look(&call->heading, &call->failure);
    }
    if (size > 0) {
        call->head_size = size;
        call->is_cut = true;
    }
    return size < 0 ? size : size == 0;
}

int coil__client_send(struct coil__client_call *call)
{
    struct coil__client_body *body = &call->body;
    struct sending sending = {.call = call};
    bool asks = body->size != 0 && call->request->expect_continue;
    bool with_head = !body->reader && body->size <= COIL__CLIENT_AT_ONCE && !asks;
    int rc = send_head(call, with_head);

    if (rc == 0 && body->is_there && asks) {
        rc = wait_for_permission(call);
        if (rc <= 0) {
            return rc;
        }
        rc = 0;
    }
    if (rc == 0 && body->is_there && !with_head) {
        rc = send_body(&sending);
    }
    return rc;
}
