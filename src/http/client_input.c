/* client_input.c - receiving, with a deadline for each wait. No system call is made to find out
 * that there is nothing: what is asked for is rarely there yet. */
#include "http/client.h"

#include <errno.h>

ssize_t coil__client_receive(struct coil__client_connection *conn, void *buf, size_t size,
                             int64_t span_ns, int64_t when)
{
    struct coil_scope scope = {0};
    int64_t ends = coil__http_after(span_ns);
    ssize_t count;

    coil_scope_open_deadline(&scope, ends < when ? ends : when);
    count = coil_stream_read(conn->stream, buf, size);
    coil_scope_close(&scope);
    return count;
}

static int make_room(struct coil__http_buffer *in, size_t room)
{
    if (coil__http_size(in) == 0) {
        in->start = 0;
        in->end = 0;
    }
    if (in->capacity == in->end) {
        return coil__http_reserve(in, in->capacity >= room ? 1 : room - coil__http_size(in));
    }
    return 0;
}

ssize_t coil__client_fill(struct coil__client_connection *conn, size_t room, int64_t span_ns,
                          int64_t when)
{
    struct coil__http_buffer *in = &conn->in;
    ssize_t count = make_room(in, room);

    if (count == 0) {
        count =
            coil__client_receive(conn, in->data + in->end, in->capacity - in->end, span_ns, when);
    }
    in->end += count > 0 ? (size_t)count : 0;
    return count;
}

ssize_t coil__client_try_fill(struct coil__client_connection *conn, size_t room)
{
    struct coil__http_buffer *in = &conn->in;
    ssize_t count = make_room(in, room);

    if (count == 0) {
        count = coil_stream_try_read(conn->stream, in->data + in->end, in->capacity - in->end);
    }
    in->end += count > 0 ? (size_t)count : 0;
    return count;
}

void coil__client_take(struct coil__client_connection *conn, size_t size)
{
    conn->in.start += size;
    if (coil__http_size(&conn->in) == 0) {
        conn->in.start = 0;
        conn->in.end = 0;
    }
}
