/* fields.c - what a handler asks of a request's head. */
#include "http/http.h"

#include <errno.h>

const char *coil_http_method(const struct coil_http_exchange *exchange)
{
    return exchange ? exchange->method : "";
}

const char *coil_http_path(const struct coil_http_exchange *exchange)
{
    return exchange ? exchange->path : "";
}

const char *coil_http_query(const struct coil_http_exchange *exchange)
{
    return exchange ? exchange->query : NULL;
}

const char *coil_http_host(const struct coil_http_exchange *exchange)
{
    return exchange ? exchange->host : NULL;
}

int coil_http_get_peer(const struct coil_http_exchange *exchange, struct coil_address *ret_address)
{
    return exchange ? coil_stream_get_peer(exchange->stream, ret_address) : -EINVAL;
}

const char *coil_http_get_field(const struct coil_http_exchange *exchange, const char *name)
{
    struct coil__slice wanted = coil__slice_of(name);

    for (size_t i = 0; exchange && name && i < exchange->field_count; i++) {
        if (coil__slice_is_like(wanted, exchange->memory->fields[i].name)) {
            return exchange->memory->fields[i].value;
        }
    }
    return NULL;
}

const struct coil_http_field *coil_http_get_fields(const struct coil_http_exchange *exchange,
                                                   size_t *ret_count)
{
    if (ret_count) {
        *ret_count = exchange ? exchange->field_count : 0;
    }
    return exchange ? exchange->memory->fields : NULL;
}

int64_t coil_http_body_size(const struct coil_http_exchange *exchange)
{
    return exchange ? exchange->body_size : 0;
}
