/* response_body.c - responses whose body is written piece by piece.
 *
 * The head waits in `pending` for the first piece, with which it is sent. What was announced is
 * kept: more is refused, less breaks the connection, so that the client does not take a part for
 * the whole (RFC 9112, section 8).
 */
#include "http/compress.h"

#include <coil/task.h>

#include <errno.h>
#include <limits.h>

int coil_http_begin(struct coil_http_exchange *exchange, unsigned status, const char *type,
                    int64_t size)
{
    bool is_coded;
    int rc;

    if (!exchange || status < 200 || status > 599 || size < -1) {
        return -EINVAL;
    }
    if (exchange->state != COIL__HTTP_UNANSWERED) {
        return -COIL_EINVALIDSTATE;
    }
    is_coded = exchange->compression && coil__http_compress_begin(exchange, status, type, size);
    rc = coil__http_compose(exchange, status, type, is_coded ? -1 : size);
    if (rc == 0) {
        exchange->announced = size; /* the handler's word counts, coded or not */
        exchange->state = COIL__HTTP_BEGUN;
    }
    return rc;
}

static bool is_open(const struct coil_http_exchange *exchange)
{
    return exchange->state == COIL__HTTP_BEGUN || exchange->state == COIL__HTTP_STARTED;
}

static bool is_whole(const struct coil_http_exchange *exchange)
{
    return exchange->announced >= 0 && exchange->written == (uint64_t)exchange->announced;
}

int coil__http_send_piece(struct coil_http_exchange *exchange, const void *buf, size_t size,
                          bool is_end)
{
    int rc = coil__http_is_compressed(exchange)
                 ? coil__http_compress_send(exchange, buf, size,
                                            is_end ? COIL__CODING_END : COIL__CODING_RUN)
                 : exchange->protocol->send(exchange, buf, size, is_end);

    if (rc == 0 && !coil__http_is_compressed(exchange)) {
        exchange->sent += size;
        exchange->state = COIL__HTTP_STARTED;
    }
    return rc;
}

ssize_t coil_http_write(struct coil_http_exchange *exchange, const void *buf, size_t size)
{
    int rc = !exchange || (!buf && size > 0) || size > SSIZE_MAX ? -EINVAL : coil_check_cancel();

    if (rc < 0) {
        return rc;
    }
    if (!is_open(exchange) || (is_whole(exchange) && size > 0 && exchange->announced > 0)) {
        return -COIL_EINVALIDSTATE;
    }
    if (exchange->announced >= 0 && size > (uint64_t)exchange->announced - exchange->written) {
        return -EINVAL;
    }
    if (exchange->is_broken) {
        return exchange->error < 0 ? exchange->error : -EPIPE;
    }
    if (size > 0 && exchange->has_body) {
        rc = coil__http_send_piece(exchange, buf, size, false);
    }
    if (rc < 0) {
        return rc;
    }
    exchange->written += size;
    return (ssize_t)size;
}

int coil_http_flush(struct coil_http_exchange *exchange)
{
    int rc = !exchange ? -EINVAL : coil_check_cancel();

    if (rc < 0) {
        return rc;
    }
    if (exchange->state == COIL__HTTP_UNANSWERED) {
        return -COIL_EINVALIDSTATE;
    }
    if (coil__http_is_compressed(exchange)) {
        rc =
            is_open(exchange) ? coil__http_compress_send(exchange, NULL, 0, COIL__CODING_FLUSH) : 0;
    } else {
        rc = exchange->state == COIL__HTTP_BEGUN ? coil__http_send_piece(exchange, NULL, 0, false)
                                                 : 0;
    }
    return rc < 0 ? rc : exchange->protocol->flush(exchange);
}

int coil__http_finish(struct coil_http_exchange *exchange)
{
    int rc;

    if (!is_open(exchange)) { /* answered; or nobody is there to be answered */
        return 0;
    }
    if (exchange->has_body && exchange->announced >= 0 && !is_whole(exchange)) {
        exchange->is_broken = true;
        return -COIL_EINCOMPLETE;
    }
    rc = coil__http_send_piece(exchange, NULL, 0, true);
    exchange->state = COIL__HTTP_ANSWERED;
    exchange->is_broken = exchange->is_broken || rc < 0;
    return rc;
}
