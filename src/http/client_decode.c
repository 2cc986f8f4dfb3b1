/* client_decode.c - content codings (RFC 9110, section 8.4): what was sent coded is handed out
 * plain.
 *
 * What comes out of a little input may be a lot. Nobody gets more at once than there was room for,
 * and who reads a body as a whole has a bound on it; so a bomb costs time, which has its bound,
 * too.
 */
#include "http/client.h"

#include <errno.h>
#include <strings.h>

enum { RAW_ROOM = 16 * 1024 };

static bool has_field(const struct coil_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (coil__slice_is_like(coil__slice_of(request->fields[i].name), name)) {
            return true;
        }
    }
    return false;
}

/* A part of a coded content is none that could be decoded (RFC 9110, section 14.2). */
bool coil__client_decodes(const struct coil__client_call *call)
{
    return !call->session->options.no_decoding && !call->request->no_decoding &&
           !has_field(call->request, "Accept-Encoding") && !has_field(call->request, "Range");
}

/* The one coding there is. Several, in one field or more, are left to the caller. */
static int coding_of(const struct coil_http_response *response)
{
    const char *value = NULL;

    for (size_t i = 0; i < response->field_count; i++) {
        if (strcasecmp(response->fields[i].name, "Content-Encoding") == 0) {
            if (value) {
                return -ENOENT;
            }
            value = response->fields[i].value;
        }
    }
    return value ? coil__coding_find(coil__slice_of(value)) : -ENOENT;
}

void coil__client_decode_begin(struct coil_http_response *response)
{
    int coding = coding_of(response);

    if (response->is_read || coding <= COIL__CODING_IDENTITY) {
        return;
    }
    response->is_coded =
        coil__decoder_init(&response->decoder, (enum coil__coding)coding, UINT64_MAX) == 0;
    response->size = response->is_coded ? -1 : response->size;
}

/* Decodes what there is. The count that came out, or an error, which is noted. */
static ssize_t step(struct coil_http_response *response, void *buf, size_t size)
{
    struct coil__http_buffer *raw = &response->raw;
    size_t before = coil__http_size(raw);
    struct coil__coding_buffers buffers = {raw->data + raw->start, before, buf, size};
    int rc = coil__decoder_step(&response->decoder, &buffers);

    raw->start += before - buffers.in_size;
    if (buffers.out_size < size) { /* an error stays: it is told next time */
        return (ssize_t)(size - buffers.out_size);
    }
    if (rc == -EBADMSG) {
        return coil__client_body_fail(response, -COIL_EPROTOCOL,
                                      "the body is not coded as the server says");
    }
    return rc < 0 ? coil__client_body_fail(response, rc, coil_strerror(rc)) : 0;
}

/* The count; 0: all was received. */
static ssize_t fill(struct coil_http_response *response)
{
    struct coil__http_buffer *raw = &response->raw;
    ssize_t count;

    raw->start = 0;
    raw->end = 0;
    if (coil__http_reserve(raw, RAW_ROOM) < 0) {
        return -ENOMEM;
    }
    count = coil__client_read_sent(response, raw->data, raw->capacity);
    raw->end = count > 0 ? (size_t)count : 0;
    return count;
}

ssize_t coil__client_decode(struct coil_http_response *response, void *buf, size_t size)
{
    if (response->failure.error < 0 || response->is_decoded || size == 0) {
        return response->failure.error;
    }
    for (;;) {
        ssize_t count = response->raw.data ? step(response, buf, size) : 0;
        int rc;

        if (count != 0) {
            return count;
        }
        count = coil__http_size(&response->raw) > 0 ? 1 : fill(response);
        if (count < 0) {
            return count;
        }
        if (count == 0) {
            rc = coil__decoder_finish(&response->decoder);
            if (rc < 0) {
                return coil__client_body_fail(response, rc,
                                              "the coded body ends before its content does");
            }
            response->is_decoded = true;
            return 0;
        }
    }
}
