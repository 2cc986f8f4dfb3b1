/* http1_write.c - heads, and what stands between the chunks of a body, written.
 *
 * A writer counts what is needed, and stores as much as there is room for; so one way through the
 * code serves both for writing and for asking how much room that takes. What would be read back as
 * something else than it was is refused: the first error stays.
 */
#include "wire/http1_internal.h"

static void put(struct coil__http1_writer *writer, const char *data, size_t size)
{
    if (size > 0 && writer->length <= writer->size && size <= writer->size - writer->length) {
        memcpy(writer->buf + writer->length, data, size);
    }
    writer->length += size;
}

static void put_slice(struct coil__http1_writer *writer, struct coil__slice slice)
{
    put(writer, slice.start, slice.size);
}

static void refuse(struct coil__http1_writer *writer, int error)
{
    writer->error = writer->error ? writer->error : error;
}

/* --- what may stand where --- */

static bool is_token(struct coil__slice slice)
{
    return slice.size > 0 &&
           coil__http1_skip_name(slice.start, slice.start + slice.size) == slice.start + slice.size;
}

static bool is_text(struct coil__slice slice)
{
    return slice.size == 0 ||
           coil__http1_skip_text(slice.start, slice.start + slice.size) == slice.start + slice.size;
}

static bool is_target(struct coil__slice slice)
{
    return slice.size > 0 && coil__http1_skip_target(slice.start, slice.start + slice.size) ==
                                 slice.start + slice.size;
}

/* --- start lines --- */

/* The lines that most responses begin with. */
static struct coil__slice common_line(unsigned status)
{
    switch (status) {
    case 200:
        return coil__slice_of("HTTP/1.1 200 OK\r\n");
    case 204:
        return coil__slice_of("HTTP/1.1 204 No Content\r\n");
    case 304:
        return coil__slice_of("HTTP/1.1 304 Not Modified\r\n");
    case 404:
        return coil__slice_of("HTTP/1.1 404 Not Found\r\n");
    default:
        return (struct coil__slice){0};
    }
}

void coil__http1_write_status(struct coil__http1_writer *writer, unsigned status,
                              struct coil__slice reason)
{
    struct coil__slice line = reason.start ? (struct coil__slice){0} : common_line(status);
    char start[] = "HTTP/1.1 000 ";

    if (line.start) {
        put_slice(writer, line);
        return;
    }
    if (status < 100 || status > 999) {
        refuse(writer, -COIL__HTTP1_ESTATUS);
        return;
    }
    reason = reason.start ? reason : coil__slice_of(coil__http1_reason(status));
    if (!is_text(reason)) {
        refuse(writer, -COIL__HTTP1_EREASON);
    }
    start[9] = (char)('0' + status / 100);
    start[10] = (char)('0' + status / 10 % 10);
    start[11] = (char)('0' + status % 10);
    put(writer, start, sizeof start - 1);
    put_slice(writer, reason);
    put(writer, "\r\n", 2);
}

void coil__http1_write_request(struct coil__http1_writer *writer, struct coil__slice method,
                               struct coil__slice target)
{
    if (!is_token(method)) {
        refuse(writer, -COIL__HTTP1_EMETHOD);
    }
    if (!is_target(target)) {
        refuse(writer, -COIL__HTTP1_ETARGET);
    }
    put_slice(writer, method);
    put(writer, " ", 1);
    put_slice(writer, target);
    put(writer, " HTTP/1.1\r\n", 11);
}

/* --- fields --- */

void coil__http1_write_field(struct coil__http1_writer *writer, struct coil__slice name,
                             struct coil__slice value)
{
    if (!is_token(name)) {
        refuse(writer, -COIL__HTTP1_ENAME);
    }
    if (!is_text(value)) {
        refuse(writer, -COIL__HTTP1_EVALUE);
    }
    put_slice(writer, name);
    put(writer, ": ", 2);
    put_slice(writer, value);
    put(writer, "\r\n", 2);
}

void coil__http1_write_number(struct coil__http1_writer *writer, struct coil__slice name,
                              uint64_t number)
{
    char room[COIL__DIGITS];

    coil__http1_write_field(writer, name, coil__slice_of_number(number, room));
}

/* --- chunks (RFC 9112, section 7.1) --- */

void coil__http1_write_chunk(struct coil__http1_writer *writer, uint64_t size)
{
    char line[COIL__HTTP1_CHUNK_ROOM];
    size_t at = sizeof line - 2;

    if (size == 0) {
        refuse(writer, -COIL__HTTP1_EINVALID);
        return;
    }
    memcpy(line + at, "\r\n", 2);
    for (; size > 0; size >>= 4) {
        line[--at] = "0123456789abcdef"[size & 15];
    }
    put(writer, line + at, sizeof line - at);
}

void coil__http1_write_line_end(struct coil__http1_writer *writer)
{
    put(writer, "\r\n", 2);
}

void coil__http1_write_last_chunk(struct coil__http1_writer *writer)
{
    put(writer, "0\r\n", 3);
}
