/* bio.c - what OpenSSL reads from and writes to: the lower stream, without ever suspending.
 *
 * Reading takes what the connection has at hand (`in`), then what the lower stream has. Writing
 * gives it what it has room for; the rest goes to `out`, and a task of its own hands that on
 * (conn.c). While there is something in `out`, OpenSSL is asked to come back with its answers to
 * what it reads, so that a peer cannot make us collect answers that it does not take. What is
 * bounded anyway, a handshake's flights and one record of a write, makes `out` grow.
 */
#include "tls/tls.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

static int read_at_hand(struct coil__tls_conn *conn, char *buf, size_t size, size_t *ret_count)
{
    size_t count = conn->in_end - conn->in_start;

    count = count < size ? count : size;
    memcpy(buf, conn->in + conn->in_start, count);
    conn->in_start += count;
    *ret_count = count;
    return 1;
}

static int bio_read(BIO *bio, char *buf, size_t size, size_t *ret_count)
{
    struct coil__tls_conn *conn = BIO_get_data(bio);
    ssize_t count;

    BIO_clear_retry_flags(bio);
    if (conn->io_error < 0) {
        return 0;
    }
    if (conn->in_start < conn->in_end) {
        return read_at_hand(conn, buf, size, ret_count);
    }
    /* What a task waits for is its to take; whoever comes meanwhile waits for that task. */
    conn->is_over_budget = conn->budget == 0 && !conn->is_reading;
    count = conn->budget == 0 || conn->is_reading ? -EAGAIN
                                                  : coil_stream_try_read(conn->lower, buf, size);
    if (count > 0) {
        conn->is_bulk = (size_t)count > sizeof conn->in;
        conn->budget -= conn->budget < (size_t)count ? conn->budget : (size_t)count;
        *ret_count = (size_t)count;
        return 1;
    }
    if (count == -EAGAIN) {
        BIO_set_retry_read(bio);
    } else if (count == 0) {
        conn->has_eof = true;
    } else {
        conn->io_error = (int)count;
    }
    return 0;
}

static bool keep(struct coil__tls_conn *conn, const char *data, size_t size)
{
    char *out = coil__realloc_array(conn->out, 1, conn->out_size + size);

    if (!out) {
        return false;
    }
    memcpy(out + conn->out_size, data, size);
    conn->out = out;
    conn->out_size += size;
    return true;
}

/* As much as there is room for: its count, or an error. A large piece that is sent at once may be
 * taken in part; the next try queues the rest. */
static ssize_t offer(struct coil_stream *lower, const char *data, size_t size)
{
    size_t done = 0;
    ssize_t count = 0;

    while (done < size && count >= 0) {
        count = coil_stream_try_write(lower, data + done, size - done);
        done += count > 0 ? (size_t)count : 0;
    }
    return count < 0 && count != -EAGAIN ? count : (ssize_t)done;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *ret_count)
{
    struct coil__tls_conn *conn = BIO_get_data(bio);
    bool is_behind = conn->out_size > 0 || conn->out_flying > 0;
    ssize_t count = 0;

    BIO_clear_retry_flags(bio);
    if (conn->io_error < 0) {
        return 0;
    }
    if (is_behind && conn->may_refuse) {
        BIO_set_retry_write(bio);
        return 0;
    }
    if (!is_behind) {
        count = offer(conn->lower, data, size);
    }
    if (count >= 0 && (size_t)count < size && !keep(conn, data + count, size - (size_t)count)) {
        count = -ENOBUFS;
    }
    if (count < 0) {
        coil__tls_break(conn, (int)count);
        return 0;
    }
    *ret_count = size;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *arg)
{
    struct coil__tls_conn *conn = BIO_get_data(bio);

    (void)number;
    (void)arg;
    switch (command) {
    case BIO_CTRL_FLUSH: /* the lower stream does it by itself */
        return 1;
    case BIO_CTRL_EOF:
        return conn->has_eof;
    default:
        return 0;
    }
}

BIO_METHOD *coil__tls_bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "coil stream");

    if (method) {
        BIO_meth_set_read_ex(method, bio_read);
        BIO_meth_set_write_ex(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
    return method;
}

int coil__tls_bio_attach(struct coil__tls_conn *conn)
{
    BIO *bio = BIO_new(conn->context->bio_method);

    if (!bio) {
        return -ENOMEM;
    }
    BIO_set_data(bio, conn);
    BIO_set_init(bio, 1);
    SSL_set_bio(conn->ssl, bio, bio);
    return 0;
}
