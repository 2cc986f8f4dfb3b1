/* http2_response.c - a response's head in HTTP/2. It is composed as for HTTP/1.1 (response.c);
 * here its lines become fields, with names in lower case (RFC 9113, section 8.2.1) and without
 * those that only mean a connection of HTTP/1.1 (section 8.2.2). */
#include "http/http2.h"

#include "base/memory.h"

#include <errno.h>

enum { FEW = 24 }; /* fields; more are put on the heap */

struct block {
    nghttp2_nv *fields;
    size_t count;
};

static void add(struct block *block, const char *name, size_t name_size, const char *value,
                size_t value_size)
{
    block->fields[block->count++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name,
        .value = (uint8_t *)(uintptr_t)value,
        .namelen = name_size,
        .valuelen = value_size,
        .flags = NGHTTP2_NV_FLAG_NONE,
    };
}

static bool is_of_connection(struct coil__slice name)
{
    return coil__slice_is(name, "upgrade") || coil__slice_is(name, "keep-alive") ||
           coil__slice_is(name, "proxy-connection") || coil__slice_is(name, "te");
}

/* Behind the status line of the head: "Name: value\r\n", as coil__http1_write_field writes it. */
static void add_lines(struct block *block, char *at, char *end)
{
    at = memchr(at, '\n', (size_t)(end - at));
    at = at ? at + 1 : end;
    while (at < end) {
        char *colon = memchr(at, ':', (size_t)(end - at));
        char *value = colon + 2;
        char *stop = memchr(value, '\r', (size_t)(end - value));

        for (char *c = at; c < colon; c++) {
            *c = coil__to_lower(*c);
        }
        if (!is_of_connection(coil__slice_between(at, colon))) {
            add(block, at, (size_t)(colon - at), value, (size_t)(stop - value));
        }
        at = stop + 2;
    }
}

static size_t count_lines(const struct coil__http_buffer *head)
{
    size_t count = 0;

    for (size_t i = 0; i < head->end; i++) {
        count += head->data[i] == '\n';
    }
    return count;
}

static int submit(struct coil__http2_stream *stream, struct block *block, bool has_data)
{
    const struct coil_http_exchange *exchange = &stream->exchange;
    struct coil__http_buffer *head = &stream->memory.pending;
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = coil__http2_read_data};
    char status[COIL__DIGITS];
    char length[COIL__DIGITS];
    struct coil__slice digits = coil__slice_of_number(exchange->status, status);

    add(block, ":status", 7, digits.start, digits.size);
    add_lines(block, head->data, head->data + head->end);
    if (exchange->has_length) {
        digits =
            coil__slice_of_number(exchange->is_empty ? 0 : (uint64_t)exchange->announced, length);
        add(block, "content-length", 14, digits.start, digits.size);
    }
    return nghttp2_submit_response(stream->h2->session, stream->id, block->fields, block->count,
                                   has_data ? &provider : NULL);
}

int coil__http2_submit_head(struct coil__http2_stream *stream, bool has_data)
{
    nghttp2_nv few[FEW];
    size_t room = count_lines(&stream->memory.pending) + 2;
    struct block block = {.fields = few};
    int rc;

    if (room > FEW) {
        block.fields = coil__realloc_array(NULL, room, sizeof *block.fields);
        if (!block.fields) {
            return -ENOMEM;
        }
    }
    rc = submit(stream, &block, has_data);
    if (block.fields != few) {
        coil__free(block.fields);
    }
    return rc == 0 ? 0 : -ENOMEM;
}
