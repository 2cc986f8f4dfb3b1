/* log.c - the record of a response, for who wants a log of them. */
#include "http/http.h"

#include "sys/clock.h"

#include <coil/address.h>
#include <coil/loop.h>

enum { PEER_SIZE = 128 };

/* The address without its port: up to the last colon, without brackets. NULL: not known. */
static const char *peer_of(const struct coil_http_exchange *exchange, char room[PEER_SIZE])
{
    struct coil_address address;
    char *end;

    if (coil_http_get_peer(exchange, &address) < 0 ||
        coil_address_format(&address, room, PEER_SIZE) < 0) {
        return NULL;
    }
    end = coil_address_get_port(&address) >= 0 ? strrchr(room, ':') : NULL;
    if (end) {
        *end = '\0';
    }
    if (end > room && room[0] == '[' && end[-1] == ']') {
        end[-1] = '\0';
        return room + 1;
    }
    return room;
}

void coil__http_log(const struct coil_http_exchange *exchange)
{
    const struct coil__http_settings *settings = &exchange->service->settings;
    bool has_head = exchange->method[0] != '\0' && exchange->path[0] != '\0';
    char peer[PEER_SIZE];
    struct coil_http_record record = {
        .method = has_head ? exchange->method : NULL,
        .path = has_head ? exchange->path : NULL,
        .query = exchange->query,
        .version = exchange->is_old ? "HTTP/1.0" : exchange->protocol->version,
        .status = exchange->status,
        .body_size = exchange->sent,
        .is_whole = exchange->state == COIL__HTTP_ANSWERED && !exchange->is_broken,
    };

    if (!settings->log) {
        return;
    }
    record.peer = peer_of(exchange, peer);
    record.duration_ns = exchange->began_at > 0 ? coil_now() - exchange->began_at : 0;
    record.time_ns = coil__clock_wall() - record.duration_ns;
    if (has_head) { /* the fields of others are no strings */
        record.user_agent = coil_http_get_field(exchange, "User-Agent");
        record.referer = coil_http_get_field(exchange, "Referer");
        record.request_id = coil_http_get_field(exchange, "X-Request-Id");
    }
    settings->log(&record, settings->log_user);
}
