/* client_content.c - bodies of responses: read as they come, as a whole, or not at all.
 *
 * When a body is over, its connection goes back at once. It is kept only if nothing is behind the
 * body: who sends more than was asked for may mean another request's response by it (RFC 9112,
 * section 11.2).
 */
#include "http/client.h"

#include <errno.h>
#include <limits.h>

void coil__client_body_end(struct coil_http_response *response)
{
    struct coil__client_connection *conn = response->conn;

    response->conn = NULL;
    conn->protocol->end(conn, response);
}

void coil__client_http1_end(struct coil__client_connection *conn,
                            struct coil_http_response *response)
{
    conn->is_clean = response->is_read;
    if (response->keep_alive && response->framing != COIL__HTTP1_UNTIL_CLOSE &&
        coil__http_size(&conn->in) == 0) {
        coil__client_release(conn);
    } else {
        coil__client_drop(conn);
    }
}

void coil__client_body_finish(struct coil_http_response *response)
{
    response->is_read = true;
    coil__client_body_end(response);
}

ssize_t coil__client_body_fail(struct coil_http_response *response, int error, const char *text)
{
    coil__client_fail(&response->failure, error, "%s", text);
    response->keep_alive = false;
    return error;
}

int coil__client_body_begin(struct coil_http_response *response,
                            const struct coil__http1_head *head)
{
    int rc =
        coil__http1_body_init(&response->body, head->framing, head->content_length, UINT64_MAX);

    response->framing = head->framing;
    response->size = head->framing == COIL__HTTP1_LENGTH    ? (int64_t)head->content_length
                     : head->framing == COIL__HTTP1_NO_BODY ? 0
                                                            : -1;
    response->left = response->size > 0 ? (uint64_t)response->size : 0;
    if (response->size == 0) {
        coil__client_body_finish(response);
    }
    return rc;
}

/* --- receiving --- */

ssize_t coil__client_body_judge(struct coil_http_response *response, ssize_t count)
{
    if (count > 0) {
        return count;
    }
    if (count == 0) {
        return coil__client_body_fail(response, -COIL_EINCOMPLETE,
                                      "the connection has ended before the body of the response");
    }
    if (count == -ENOMEM || coil_check_cancel() < 0) { /* one may go on */
        return count;
    }
    if (count == -ETIMEDOUT && coil_now() >= response->deadline) {
        return coil__client_body_fail(response, -ETIMEDOUT,
                                      "the response has not ended within its time");
    }
    if (count == -ETIMEDOUT) {
        return coil__client_body_fail(response, -ETIMEDOUT,
                                      "the server has sent nothing for too long");
    }
    return coil__client_body_fail(response, (int)count, coil_strerror((int)count));
}

static ssize_t receive(struct coil_http_response *response, void *buf, size_t size)
{
    return coil__client_receive(response->conn, buf, size, response->read_timeout_ns,
                                response->deadline);
}

/* From what is there, or straight into the caller's memory. */
static ssize_t read_plain(struct coil_http_response *response, void *buf, size_t size)
{
    struct coil__http_buffer *in = &response->conn->in;
    bool is_counted = response->framing == COIL__HTTP1_LENGTH;
    size_t most = is_counted && response->left < size ? (size_t)response->left : size;
    ssize_t count = (ssize_t)coil__http_size(in);

    if (count > 0) {
        count = (size_t)count < most ? count : (ssize_t)most;
        memcpy(buf, in->data + in->start, (size_t)count);
        coil__client_take(response->conn, (size_t)count);
    } else {
        count = receive(response, buf, most);
        if (count == 0 && !is_counted) {
            coil__client_body_finish(response);
            return 0;
        }
        count = coil__client_body_judge(response, count);
    }
    if (is_counted && count > 0) {
        response->left -= (uint64_t)count;
        if (response->left == 0) {
            coil__client_body_finish(response);
        }
    }
    return count;
}

/* --- chunks (RFC 9112, section 7.1) --- */

/* Looks for the next piece in what is there. 1: there is one; 0: more is needed, or the end
 * (is_read); or an error. */
static int next_piece(struct coil_http_response *response)
{
    struct coil__http_buffer *in = &response->conn->in;

    for (;;) {
        struct coil__http1_piece piece = {0};
        int event = coil__http1_body_next(&response->body, in->data + in->start,
                                          coil__http_size(in), &piece);

        switch (event) {
        case COIL__HTTP1_DATA:
            response->piece = piece.data.size;
            response->piece_at = (size_t)(piece.data.start - (in->data + in->start));
            response->piece_consumed = piece.consumed;
            return 1;
        case COIL__HTTP1_TRAILER:
            coil__client_take(response->conn, piece.consumed);
            break;
        case COIL__HTTP1_MORE:
            coil__client_take(response->conn, piece.consumed);
            return 0;
        case COIL__HTTP1_END:
            coil__client_take(response->conn, piece.consumed);
            response->is_read = true;
            return 0;
        default:
            return (int)coil__client_body_fail(response, -COIL_EPROTOCOL,
                                               coil__http1_error_text(event));
        }
    }
}

/* Takes up to `size` bytes of the piece; buf: NULL: drops them. */
static size_t take_piece(struct coil_http_response *response, void *buf, size_t size)
{
    struct coil__http_buffer *in = &response->conn->in;
    size_t count = response->piece < size ? response->piece : size;

    if (buf) {
        memcpy(buf, in->data + in->start + response->piece_at, count);
    }
    response->piece -= count;
    response->piece_at += count;
    if (response->piece == 0) {
        coil__client_take(response->conn, response->piece_consumed);
        response->piece_consumed = 0;
    }
    return count;
}

static ssize_t read_chunked(struct coil_http_response *response, void *buf, size_t size)
{
    while (response->piece == 0) {
        int rc = next_piece(response);

        if (rc < 0) {
            return rc;
        }
        if (response->is_read) {
            coil__client_body_end(response);
            return 0;
        }
        if (rc == 0) {
            ssize_t count = coil__client_body_judge(
                response, coil__client_fill(response->conn, COIL__CLIENT_BODY_ROOM,
                                            response->read_timeout_ns, response->deadline));

            if (count < 0) {
                return count;
            }
        }
    }
    return (ssize_t)take_piece(response, buf, size);
}

ssize_t coil__client_http1_read(struct coil_http_response *response, void *buf, size_t size)
{
    return response->framing == COIL__HTTP1_CHUNKED ? read_chunked(response, buf, size)
                                                    : read_plain(response, buf, size);
}

/* --- reading --- */

ssize_t coil__client_read_sent(struct coil_http_response *response, void *buf, size_t size)
{
    if (response->failure.error < 0) {
        return response->failure.error;
    }
    if (response->is_read || size == 0) {
        return 0;
    }
    return response->conn->protocol->read(response, buf, size);
}

static ssize_t read_some(struct coil_http_response *response, void *buf, size_t size)
{
    return response->is_coded ? coil__client_decode(response, buf, size)
                              : coil__client_read_sent(response, buf, size);
}

static bool is_over(const struct coil_http_response *response)
{
    return response->is_coded ? response->is_decoded : response->is_read;
}

ssize_t coil_http_response_read(struct coil_http_response *response, void *buf, size_t size)
{
    if (!response || (!buf && size > 0)) {
        return -EINVAL;
    }
    return read_some(response, buf, size);
}

/* Room for what is announced, or for more than there is; for one byte more than max, at most. */
static int make_room(struct coil_http_response *response, uint64_t max)
{
    struct coil__http_buffer *content = &response->content;
    uint64_t wanted =
        response->framing == COIL__HTTP1_LENGTH && !response->is_coded ? response->left : 4096;
    uint64_t left = max - coil__http_size(content);

    if (wanted > left) {
        wanted = left < UINT64_MAX ? left + 1 : left; /* one more shows that it is too large */
    }
    /* What a server says is not what it sends. */
    wanted = wanted < COIL__CLIENT_BODY_ROOM ? wanted : COIL__CLIENT_BODY_ROOM;
    return content->capacity - content->end > 1 ? 0
                                                : coil__http_reserve(content, (size_t)wanted + 1);
}

static ssize_t too_large(struct coil_http_response *response)
{
    coil__client_fail(&response->failure, -COIL_ELIMIT,
                      "the body is larger than the %llu bytes that are read",
                      (unsigned long long)response->max_body);
    response->keep_alive = false;
    return -COIL_ELIMIT;
}

/* Reads into the content until the body is over, or it is more than max. */
static ssize_t gather(struct coil_http_response *response, uint64_t max)
{
    struct coil__http_buffer *content = &response->content;

    while (!is_over(response) && coil__http_size(content) <= max) {
        ssize_t count = make_room(response, max);

        if (count == 0) {
            count = read_some(response, content->data + content->end,
                              content->capacity - content->end - 1);
        }
        if (count < 0) {
            return count;
        }
        content->end += (size_t)count;
    }
    return coil__http_reserve(content, 1);
}

static void end_content(struct coil_http_response *response)
{
    response->content.data[response->content.end] = '\0';
    response->is_read_all = true;
}

static ssize_t read_whole(struct coil_http_response *response)
{
    ssize_t rc;

    if (!response->is_read && !response->is_coded && response->left > response->max_body) {
        return too_large(response);
    }
    rc = gather(response, response->max_body);
    if (rc == 0 && coil__http_size(&response->content) > response->max_body) {
        return too_large(response);
    }
    if (rc == 0) {
        end_content(response);
    }
    return rc;
}

/* The body ends here, whatever the server has to say still. */
static void cut(struct coil_http_response *response, size_t max)
{
    response->content.end = response->content.start + max;
    response->is_content_cut = true;
    if (!response->is_read) {
        response->keep_alive = false;
        coil__client_body_end(response);
    }
    response->is_read = true;
    response->is_decoded = true;
}

static ssize_t read_part(struct coil_http_response *response, size_t max)
{
    ssize_t rc = gather(response, max);

    if (rc == 0 && coil__http_size(&response->content) > max) {
        cut(response, max);
    }
    if (rc == 0) {
        end_content(response);
    }
    return rc;
}

/* What of it stands in memory. */
static ssize_t lend_content(struct coil_http_response *response, const char **ret_body)
{
    if (ret_body) {
        *ret_body = response->content.data + response->content.start;
    }
    return (ssize_t)coil__http_size(&response->content);
}

ssize_t coil_http_response_read_all(struct coil_http_response *response, const char **ret_body)
{
    ssize_t rc;

    if (!response) {
        return -EINVAL;
    }
    if (response->failure.error < 0) {
        return response->failure.error;
    }
    rc = response->is_read_all ? 0 : read_whole(response);
    return rc < 0 ? rc : lend_content(response, ret_body);
}

ssize_t coil_http_response_read_up_to(struct coil_http_response *response, size_t max,
                                      const char **ret_body, bool *ret_is_cut)
{
    ssize_t rc;

    if (!response || max > SSIZE_MAX - 1) {
        return -EINVAL;
    }
    if (response->failure.error < 0) {
        return response->failure.error;
    }
    rc = response->is_read_all ? 0 : read_part(response, max);
    if (rc < 0) {
        return rc;
    }
    if (ret_is_cut) {
        *ret_is_cut = response->is_content_cut;
    }
    return lend_content(response, ret_body);
}

/* --- not reading --- */

bool coil__client_http1_skip(struct coil_http_response *response)
{
    struct coil__client_connection *conn = response->conn;

    if (response->failure.error < 0 || response->framing == COIL__HTTP1_UNTIL_CLOSE) {
        return false;
    }
    if (coil__http_size(&conn->in) == 0 && coil__client_try_fill(conn, COIL__CLIENT_ROOM) <= 0) {
        return false;
    }
    if (response->framing == COIL__HTTP1_LENGTH) {
        if (response->left > coil__http_size(&conn->in)) {
            return false;
        }
        coil__client_take(conn, (size_t)response->left);
        response->is_read = true;
        return true;
    }
    do {
        take_piece(response, NULL, response->piece);
    } while (next_piece(response) == 1);
    return response->is_read;
}
