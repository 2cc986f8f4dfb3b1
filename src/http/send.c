/* send.c - handing bytes to the stream, with a deadline for each wait.
 *
 * The stream collects what an iteration writes, and sends it together; so nothing is flushed here,
 * and pipelined responses leave in one piece. Where the stream is known to have room, there is no
 * wait, and no timer is armed.
 *
 * A deadline that passes while the client goes on reading is no error: the stream tells how much it
 * has taken meanwhile, and that gives it more time for the rest (rate.c).
 */
#include "http/http.h"

#include <coil/loop.h>

#include <errno.h>

static size_t sum_of(const struct iovec *iov, int count)
{
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        size += iov[i].iov_len;
    }
    return size;
}

/* Takes bytes off the beginning. */
static void advance(struct iovec *iov, int count, size_t size)
{
    for (int i = 0; i < count && size > 0; i++) {
        size_t step = size < iov[i].iov_len ? size : iov[i].iov_len;

        iov[i].iov_base = (char *)iov[i].iov_base + step;
        iov[i].iov_len -= step;
        size -= step;
    }
}

static ssize_t send_in_time(struct coil__http_connection *conn, const struct iovec *iov, int count)
{
    const struct coil__http_settings *settings = &conn->service->settings;
    int64_t *used = &conn->exchange.used_ns;
    struct coil_scope scope = {0};
    int64_t since = coil_now();
    ssize_t sent;

    coil_scope_open_timeout(&scope, coil__http_time_left(*used, settings->write_timeout_ns));
    sent = coil_stream_writev(conn->stream, iov, count);
    coil_scope_close(&scope);
    coil__http_use_time(used, coil_now() - since, sent > 0 ? (uint64_t)sent : 0,
                        settings->min_write_rate);
    return sent;
}

int coil__http_send(struct coil__http_connection *conn, struct iovec *iov, int count)
{
    struct coil_http_exchange *exchange = &conn->exchange;
    size_t size = sum_of(iov, count);
    size_t room = conn->service->room;
    size_t done = 0;
    bool may_wait =
        room == 0 || size + coil_stream_get_write_buffer_size(conn->stream) > room || size > room;

    while (done < size) {
        ssize_t sent = may_wait ? send_in_time(conn, iov, count)
                                : coil_stream_writev(conn->stream, iov, count);
        int rc;

        if (sent == (ssize_t)(size - done)) {
            if (!may_wait && exchange->used_ns > 0) {
                coil__http_use_time(&exchange->used_ns, 0, size,
                                    conn->service->settings.min_write_rate);
            }
            return 0;
        }
        rc = coil_check_cancel();
        if (sent > 0 && rc == 0) {
            advance(iov, count, (size_t)sent);
            done += (size_t)sent;
            continue;
        }
        done += sent > 0 ? (size_t)sent : 0;
        exchange->is_broken = exchange->is_broken || done > 0 || (rc == 0 && sent != -ENOMEM);
        exchange->error = rc == 0 && sent < 0 ? (int)sent : exchange->error;
        return rc < 0 ? rc : (int)sent;
    }
    return 0;
}
