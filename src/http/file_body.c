/* file_body.c - a piece of a body that is a part of a file.
 *
 * Small ones are read, and go out in one piece with the head. Large ones are sent by the stream
 * from the file; where the pieces of a body have frames of their own (chunks, HTTP/2), they are
 * read and written like any other.
 */
#include "http/http.h"

#include "base/memory.h"

#include <coil/file.h>
#include <coil/http_files.h>
#include <coil/loop.h>
#include <coil/task.h>

#include <errno.h>

enum { SMALL = 32 * 1024, STEP = 64 * 1024 };

/* --- by reading and writing --- */

static int copy(struct coil_http_exchange *exchange, int fd, int64_t offset, uint64_t size)
{
    char *buf = coil__malloc(size < STEP ? (size_t)size : STEP);
    ssize_t n = buf ? 1 : -ENOMEM;

    while (size > 0 && n > 0) {
        n = coil_pread(fd, buf, size < STEP ? (size_t)size : STEP, offset);
        if (n > 0) {
            offset += n;
            size -= (uint64_t)n;
            n = coil_http_write(exchange, buf, (size_t)n);
        } else if (n == 0) {
            n = -COIL_EINCOMPLETE;
        }
    }
    coil__free(buf);
    return n < 0 ? (int)n : 0;
}

/* --- by the stream --- */

static bool is_of_the_file(int error)
{
    return error == -EIO || error == -EBADF || error == -ESPIPE || error == -EISDIR ||
           error == -EINVAL || error == -COIL_EINCOMPLETE;
}

static ssize_t send_in_time(struct coil__http_connection *conn, int fd, int64_t *offset,
                            uint64_t size)
{
    const struct coil__http_settings *settings = &conn->service->settings;
    int64_t *used = &conn->exchange.used_ns;
    struct coil_scope scope = {0};
    size_t queued = coil_stream_get_write_buffer_size(conn->stream);
    int64_t since = coil_now();
    size_t left;
    ssize_t n;

    coil_scope_open_timeout(&scope, coil__http_time_left(*used, settings->write_timeout_ns));
    n = coil_stream_sendfile(conn->stream, fd, offset, size < SIZE_MAX ? (size_t)size : SIZE_MAX);
    coil_scope_close(&scope);
    left = coil_stream_get_write_buffer_size(conn->stream);
    coil__http_use_time(used, coil_now() - since,
                        (n > 0 ? (uint64_t)n : 0) + (left < queued ? queued - left : 0),
                        settings->min_write_rate);
    if (n == 0) {
        return -COIL_EINCOMPLETE;
    }
    if (n == -ETIMEDOUT && left < queued && coil_check_cancel() == 0) {
        return 0; /* it reads what was written before */
    }
    return n;
}

static int send_from_file(struct coil_http_exchange *exchange, int fd, int64_t offset,
                          uint64_t size)
{
    struct coil__http_connection *conn = exchange->conn;
    uint64_t done = 0;
    int rc = coil__http_send_piece(exchange, NULL, 0, false);

    while (rc == 0 && done < size) {
        ssize_t n = send_in_time(conn, fd, &offset, size - done);

        done += n > 0 ? (uint64_t)n : 0;
        rc = n < 0 ? (int)n : done < size ? coil_check_cancel() : 0;
        if (rc == 0) {
            continue;
        }
        exchange->is_broken = exchange->is_broken || done > 0;
        if (n < 0 && coil_check_cancel() == 0 && rc != -ENOMEM && rc != -EAGAIN) {
            exchange->is_broken = true;
            exchange->error = is_of_the_file(rc) ? exchange->error : rc;
        }
    }
    exchange->written += rc == 0 ? size : 0;
    return rc;
}

int coil_http_write_file(struct coil_http_exchange *exchange, int fd, int64_t offset, uint64_t size)
{
    int rc = !exchange || fd < 0 || offset < 0 || size > INT64_MAX - (uint64_t)offset
                 ? -EINVAL
                 : (int)coil_http_write(exchange, NULL, 0);

    if (rc < 0 || size == 0) {
        return rc;
    }
    if (exchange->announced >= 0 && size > (uint64_t)exchange->announced - exchange->written) {
        return exchange->announced == 0 || exchange->written < (uint64_t)exchange->announced
                   ? -EINVAL
                   : -COIL_EINVALIDSTATE;
    }
    if (!exchange->has_body) {
        exchange->written += size;
        return 0;
    }
    return size <= SMALL || exchange->is_chunked || !exchange->conn
               ? copy(exchange, fd, offset, size)
               : send_from_file(exchange, fd, offset, size);
}
