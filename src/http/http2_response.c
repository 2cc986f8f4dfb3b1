/* http2_response.c - a response's head in HTTP/2. It is composed as for HTTP/1.1 (response.c);
 * here its lines become fields (http2_fields.c). */
#include "http/http2.h"

#include "base/memory.h"

#include <errno.h>

enum { FEW = 24 }; /* fields; more are put on the heap */

struct block {
    nghttp2_nv *fields;
    size_t count;
};

static void add(struct block *block, const char *name, size_t name_size, struct coil__slice value)
{
    block->fields[block->count++] = coil__http2_field(name, name_size, value.start, value.size);
}

static int submit(struct coil__http2_stream *stream, struct block *block, bool has_data)
{
    const struct coil_http_exchange *exchange = &stream->exchange;
    struct coil__http_buffer *head = &stream->memory.pending;
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = coil__http2_read_data};
    char status[COIL__DIGITS];
    char length[COIL__DIGITS];
    struct coil__slice digits = coil__slice_of_number(exchange->status, status);

    add(block, ":status", 7, digits);
    block->count += coil__http2_fields_of_lines(head->data, head->data + head->end,
                                                block->fields + block->count);
    if (exchange->has_length) {
        digits =
            coil__slice_of_number(exchange->is_empty ? 0 : (uint64_t)exchange->announced, length);
        add(block, "content-length", 14, digits);
    }
    return nghttp2_submit_response(stream->h2->session, stream->id, block->fields, block->count,
                                   has_data ? &provider : NULL);
}

int coil__http2_submit_head(struct coil__http2_stream *stream, bool has_data)
{
    nghttp2_nv few[FEW];
    size_t room = coil__http2_count_lines(&stream->memory.pending) + 2;
    struct block block = {.fields = few};
    int rc;

    if (stream->is_connect && !stream->is_tunnel && stream->exchange.status / 100 == 2) {
        stream->exchange.status = 501; /* 2xx would mean that the WebSocket is open */
    }
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
