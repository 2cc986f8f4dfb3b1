/* http.c - HTTP/1.1 as a client needs it for one GET (RFC 9112): the status line, the header
 * fields, and the three ways in which the end of a body is told: a length, chunks, or the end of
 * the connection.
 *
 * Whatever a server sends is checked and bounded: a line, the number of header fields, a number's
 * digits. What is not as the RFC has it is an error with a sentence, never a guess.
 */
#include "http.h"

#include <coil.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_LINE = 8192,  /* bytes of a status line or a header field */
    MAX_FIELDS = 200, /* header fields, and those after the last chunk */
    MAX_INTERIM = 8,  /* "100 Continue" and the like before the answer proper */
    MAX_DIGITS = 15,  /* of a length: 999 TB */
};

/* An answer that is being read. */
struct reader {
    struct coil_stream *stream;
    struct http_response *response;
    bool is_http10;
    bool has_length;
    bool is_chunked;
    uint64_t length;
};

static int wrong(struct reader *r, const char *problem)
{
    r->response->problem = problem;
    return -EPROTO;
}

/* Reads a line that ends in CR LF, and takes both off. Returns its length. */
static ssize_t read_line(struct reader *r, char *line)
{
    ssize_t size = coil_stream_read_line(r->stream, line, MAX_LINE);

    if (size == -COIL_ELIMIT) {
        return wrong(r, "the server sent a line that is too long");
    }
    if (size == 0) {
        return -COIL_EINCOMPLETE;
    }
    if (size < 0) {
        return size;
    }
    if (line[size - 1] != '\n') {
        return -COIL_EINCOMPLETE;
    }
    if (size < 2 || line[size - 2] != '\r') {
        return wrong(r, "the server sent a line that does not end in CR LF");
    }
    size -= 2;
    line[size] = '\0';
    for (ssize_t i = 0; i < size; i++) {
        if (line[i] == '\0' || line[i] == '\r') {
            return wrong(r, "the server sent a line with a NUL or a CR in it");
        }
    }
    return size;
}

/* --- the status line --- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK"; the reason may be empty, the blank before it may not. */
static int read_status_line(struct reader *r)
{
    char line[MAX_LINE];
    ssize_t size = read_line(r, line);

    if (size < 0) {
        return (int)size;
    }
    if (size < 13 || memcmp(line, "HTTP/1.", 7) != 0 || !is_digit(line[7]) || line[8] != ' ' ||
        !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) || line[12] != ' ') {
        return wrong(r, "the server does not answer in HTTP/1");
    }
    r->is_http10 = line[7] == '0';
    r->response->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    if (r->response->status < 100 || r->response->status > 599) {
        return wrong(r, "the server sent a status out of range");
    }
    return 0;
}

/* --- header fields --- */

/* The length of the token that text begins with (RFC 9110, section 5.6.2). */
static size_t token_length(const char *text)
{
    return strspn(text, "!#$%&'*+-.^_`|~0123456789"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

static int take_length(struct reader *r, const char *value)
{
    size_t digits = strspn(value, "0123456789");
    uint64_t length = 0;

    if (digits == 0 || digits > MAX_DIGITS || value[digits] != '\0') {
        return wrong(r, "the server sent a Content-Length that is no number");
    }
    for (size_t i = 0; i < digits; i++) {
        length = length * 10 + (uint64_t)(value[i] - '0');
    }
    if (r->has_length && length != r->length) {
        return wrong(r, "the server sent two different Content-Lengths");
    }
    r->has_length = true;
    r->length = length;
    return 0;
}

/* The fields that tell where the body ends; all others are skipped. */
static int take_field(struct reader *r, const char *name, size_t name_size, const char *value)
{
    if (name_size == 14 && strncasecmp(name, "Content-Length", 14) == 0) {
        return take_length(r, value);
    }
    if (name_size == 17 && strncasecmp(name, "Transfer-Encoding", 17) == 0) {
        if (r->is_chunked || strcasecmp(value, "chunked") != 0) {
            return wrong(r, "the server sent a Transfer-Encoding other than chunked");
        }
        r->is_chunked = true;
    }
    return 0;
}

/* Reads "Name: value" lines until the empty one. is_trailer: those after the last chunk, which
 * change nothing any more. */
static int read_fields(struct reader *r, bool is_trailer)
{
    char line[MAX_LINE];

    for (int i = 0; i <= MAX_FIELDS; i++) {
        ssize_t size = read_line(r, line);
        size_t name_size;
        char *value;
        int rc;

        if (size <= 0) {
            return (int)size;
        }
        name_size = token_length(line);
        if (name_size == 0 || line[name_size] != ':') {
            return wrong(r, "the server sent a header field that is none");
        }
        value = line + name_size + 1;
        value += strspn(value, " \t");
        while (size > value - line && (line[size - 1] == ' ' || line[size - 1] == '\t')) {
            line[--size] = '\0';
        }
        rc = is_trailer ? 0 : take_field(r, line, name_size, value);
        if (rc < 0) {
            return rc;
        }
    }
    return wrong(r, "the server sent too many header fields");
}

/* --- the body --- */

/* Counts what comes, without copying it. Returns how many bytes there were, 0 at the end. */
static ssize_t skip_some(struct reader *r, uint64_t max)
{
    const char *data;
    ssize_t size = coil_stream_peek(r->stream, 1, &data);

    if (size > 0) {
        size = (uint64_t)size < max ? size : (ssize_t)max;
        r->response->body_size += (size_t)size;
        coil_stream_consume(r->stream, (size_t)size);
    }
    return size;
}

static int skip_exactly(struct reader *r, uint64_t left)
{
    while (left > 0) {
        ssize_t size = skip_some(r, left);

        if (size <= 0) {
            return size < 0 ? (int)size : -COIL_EINCOMPLETE;
        }
        left -= (uint64_t)size;
    }
    return 0;
}

static int skip_to_the_end(struct reader *r)
{
    ssize_t size;

    do {
        size = skip_some(r, UINT64_MAX);
    } while (size > 0);
    return (int)size;
}

/* "1a2b" or "1a2b;extension=x": the size of the next chunk. */
static int read_chunk_size(struct reader *r, uint64_t *ret_size)
{
    char line[MAX_LINE];
    ssize_t size = read_line(r, line);
    uint64_t value = 0;
    size_t digits;

    if (size < 0) {
        return (int)size;
    }
    digits = strspn(line, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > MAX_DIGITS || !strchr("; \t", line[digits])) {
        return wrong(r, "the server sent a chunk without a size");
    }
    for (size_t i = 0; i < digits; i++) {
        int digit = is_digit(line[i]) ? line[i] - '0' : (line[i] | 0x20) - 'a' + 10;

        value = value * 16 + (uint64_t)digit;
    }
    *ret_size = value;
    return 0;
}

static int skip_chunks(struct reader *r)
{
    uint64_t size = 0;

    do {
        char line_end[2];
        int rc = read_chunk_size(r, &size);

        if (rc < 0) {
            return rc;
        }
        if (size == 0) {
            return read_fields(r, true);
        }
        rc = skip_exactly(r, size);
        if (rc < 0) {
            return rc;
        }
        rc = (int)coil_stream_read_exactly(r->stream, line_end, 2, NULL);
        if (rc < 0) {
            return rc;
        }
        if (memcmp(line_end, "\r\n", 2) != 0) {
            return wrong(r, "the server sent a chunk that is longer than it said");
        }
    } while (size > 0);
    return 0;
}

/* RFC 9112, section 6.3. */
static int skip_body(struct reader *r)
{
    if (r->response->status == 204 || r->response->status == 304) {
        return 0;
    }
    if (r->is_chunked && (r->has_length || r->is_http10)) {
        return wrong(r, "the server says in two ways where the page ends");
    }
    if (r->is_chunked) {
        return skip_chunks(r);
    }
    return r->has_length ? skip_exactly(r, r->length) : skip_to_the_end(r);
}

/* --- one exchange --- */

static int send_request(struct coil_stream *stream, const struct url *url)
{
    char request[4096];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\n"
                        "Host: %s\r\n"
                        "User-Agent: coil-fetch/%s\r\n"
                        "Accept: */*\r\n"
                        "Connection: close\r\n"
                        "\r\n",
                        url->target, url->authority, coil_version());
    ssize_t written = coil_stream_write(stream, request, (size_t)size);

    return written < 0 ? (int)written : 0;
}

static int read_response(struct reader *r)
{
    for (int i = 0; i < MAX_INTERIM; i++) {
        int rc = read_status_line(r);

        rc = rc < 0 ? rc : read_fields(r, false);
        if (rc < 0) {
            return rc;
        }
        if (r->response->status >= 200) {
            return skip_body(r);
        }
        r->has_length = false;
        r->is_chunked = false;
    }
    return wrong(r, "the server sends interim answers only");
}

int http_get(const struct url *url, struct http_response *ret_response)
{
    struct reader reader = {.response = ret_response};
    int rc;

    *ret_response = (struct http_response){0};
    rc = coil_open_connection(url->host, url->port, NULL, &reader.stream);
    if (rc < 0) {
        return rc;
    }
    rc = send_request(reader.stream, url);
    rc = rc < 0 ? rc : read_response(&reader);
    /* Nothing is left to be said: no need to wait for anything. */
    coil_stream_abort(reader.stream);
    return rc;
}
