/* http2_fields.c - a head that was composed as lines, for HTTP/1.1, becomes fields of HTTP/2: with
 * names in lower case (RFC 9113, section 8.2.1), and without those that only mean a connection of
 * HTTP/1.1 (section 8.2.2). */
#include "http/http2.h"

static bool is_of_connection(struct coil__slice name)
{
    return coil__slice_is(name, "upgrade") || coil__slice_is(name, "keep-alive") ||
           coil__slice_is(name, "proxy-connection") || coil__slice_is(name, "te") ||
           coil__slice_is(name, "connection") || coil__slice_is(name, "transfer-encoding");
}

size_t coil__http2_count_lines(const struct coil__http_buffer *head)
{
    size_t count = 0;

    for (size_t i = 0; i < head->end; i++) {
        count += head->data[i] == '\n';
    }
    return count;
}

nghttp2_nv coil__http2_field(const char *name, size_t name_size, const char *value,
                             size_t value_size)
{
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name,
        .value = (uint8_t *)(uintptr_t)value,
        .namelen = name_size,
        .valuelen = value_size,
        .flags = NGHTTP2_NV_FLAG_NONE,
    };
}

size_t coil__http2_fields_of_lines(char *at, char *end, nghttp2_nv *fields)
{
    size_t count = 0;

    at = memchr(at, '\n', (size_t)(end - at));
    at = at ? at + 1 : end;
    while (at < end && *at != '\r') {
        char *colon = memchr(at, ':', (size_t)(end - at));
        char *value = colon + 2;
        char *stop = memchr(value, '\r', (size_t)(end - value));

        for (char *c = at; c < colon; c++) {
            *c = coil__to_lower(*c);
        }
        if (!is_of_connection(coil__slice_between(at, colon))) {
            fields[count++] =
                coil__http2_field(at, (size_t)(colon - at), value, (size_t)(stop - value));
        }
        at = stop + 2;
    }
    return count;
}
