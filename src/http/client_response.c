/* client_response.c - responses: their heads as strings, and how they end.
 *
 * The head is copied out of the connection's input, so that this can go on with the body; strings
 * are made where it lies then, each with a NUL over the colon or the CR behind it.
 */
#include "http/client.h"

#include "base/memory.h"

#include <errno.h>

static int copy_head(struct coil_http_response *response, const struct coil__http1_head *head,
                     const char *from, size_t size)
{
    size_t fields_size = head->field_count * sizeof *response->fields;
    char *to;

    response->block = coil__malloc(fields_size + size + 1);
    if (!response->block) {
        return -ENOMEM;
    }
    response->fields = (struct coil_http_field *)(void *)response->block;
    response->field_count = head->field_count;
    to = response->block + fields_size;
    memcpy(to, from, size);
    for (size_t i = 0; i < head->field_count; i++) {
        response->fields[i].name = coil__slice_moved_string(head->fields[i].name, from, to);
        response->fields[i].value = coil__slice_moved_string(head->fields[i].value, from, to);
    }
    response->reason =
        head->reason.size > 0 ? coil__slice_moved_string(head->reason, from, to) : "";
    return 0;
}

int coil__client_response_new(struct coil__client_call *call,
                              struct coil_http_response **ret_response)
{
    const struct coil__http1_head *head = &call->heading.head;
    struct coil__client_connection *conn = call->conn;
    struct coil_http_response *response = coil__calloc(1, sizeof *response);
    size_t size = (size_t)call->head_size;
    int rc = -ENOMEM;

    if (response) {
        rc = copy_head(response, head, call->head, size);
    }
    if (rc < 0) {
        coil__free(response);
        return coil__client_fail_plainly(&call->failure, rc);
    }
    response->session = call->session;
    coil__client_session_hold(call->session);
    response->conn = conn;
    call->conn = NULL;
    response->place = call->place;
    call->place = (struct coil__client_place){0};
    response->status = head->status;
    response->redirects = call->redirects;
    response->version = 10 + head->minor_version;
    response->keep_alive = head->keep_alive && !call->is_cut;
    response->deadline = call->deadline;
    response->read_timeout_ns = call->read_timeout_ns;
    response->max_body = call->max_body;
    conn->protocol->hand_over(call, response);
    coil__client_body_begin(response, head);
    if (coil__client_decodes(call)) {
        coil__client_decode_begin(response);
    }
    *ret_response = response;
    return 0;
}

void coil_http_response_close(struct coil_http_response *response)
{
    if (!response) {
        return;
    }
    if (response->conn) {
        response->keep_alive = response->conn->protocol->skip(response) && response->keep_alive;
        coil__client_body_end(response);
    }
    coil__client_session_drop(response->session);
    coil__client_place_free(&response->place);
    coil__http_buffer_free(&response->content);
    coil__http_buffer_free(&response->raw);
    coil__decoder_deinit(&response->decoder);
    coil__free(response->block);
    coil__free(response);
}

/* --- questions --- */

unsigned coil_http_response_status(const struct coil_http_response *response)
{
    return response ? response->status : 0;
}

const char *coil_http_response_reason(const struct coil_http_response *response)
{
    return response ? response->reason : "";
}

int coil_http_response_version(const struct coil_http_response *response)
{
    return response ? response->version : 0;
}

const char *coil_http_response_url(const struct coil_http_response *response)
{
    return response ? response->place.url : "";
}

unsigned coil_http_response_redirects(const struct coil_http_response *response)
{
    return response ? response->redirects : 0;
}

const char *coil_http_response_get_field(const struct coil_http_response *response,
                                         const char *name)
{
    if (!response || !name) {
        return NULL;
    }
    for (size_t i = 0; i < response->field_count; i++) {
        if (coil__slice_is_like(coil__slice_of(response->fields[i].name), name)) {
            return response->fields[i].value;
        }
    }
    return NULL;
}

const struct coil_http_field *coil_http_response_get_fields(
    const struct coil_http_response *response, size_t *ret_count)
{
    if (ret_count) {
        *ret_count = response ? response->field_count : 0;
    }
    return response ? response->fields : NULL;
}

int64_t coil_http_response_body_size(const struct coil_http_response *response)
{
    return response ? response->size : 0;
}

const char *coil_http_response_error_text(const struct coil_http_response *response)
{
    return response ? response->failure.text : "";
}
