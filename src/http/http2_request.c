/* http2_request.c - a request's head in HTTP/2, made into an exchange.
 *
 * nghttp2 has looked at the fields (RFC 9113, sections 8.2 and 8.3): names are lower case, nothing
 * of HTTP/1.1's connections is among them, pseudo-fields are complete and come first, a length is a
 * number and fits the body. The rest is looked at here.
 *
 * The strings are gathered one behind the other while the head comes, and found again when it is
 * whole, because they may move until then.
 */
#include "http/http2.h"
#include "wire/http1_internal.h"

#include <errno.h>

/* What a field costs beside its bytes (RFC 9113, section 6.5.2). */
enum { FIELD_COST = 32 };

/* --- gathering --- */

static size_t max_head(const struct coil__http_service *service)
{
    uint32_t given = service->settings.limits.head;

    return given > 0 ? given : COIL__HTTP1_DEFAULT_HEAD;
}

int coil__http2_add_field(struct coil__http2_stream *stream, const uint8_t *name, size_t name_size,
                          const uint8_t *value, size_t value_size)
{
    const struct coil__http_service *service = stream->exchange.service;
    struct coil__http_buffer *head = &stream->head;

    stream->head_size += name_size + value_size + FIELD_COST;
    if (stream->head_size > max_head(service) ||
        (name[0] != ':' && stream->field_count >= service->settings.max_fields)) {
        stream->refusal = stream->refusal > 0 ? stream->refusal : 431;
        return 0;
    }
    if (coil__http_reserve(head, name_size + value_size + 2) < 0) {
        return -ENOMEM;
    }
    coil__http_put(head, name, name_size);
    coil__http_put(head, "", 1);
    coil__http_put(head, value, value_size);
    coil__http_put(head, "", 1);
    stream->field_count += name[0] != ':';
    return 0;
}

/* --- strings --- */

/* The pseudo-fields, as they stand in the head. */
struct target {
    char *method;
    char *path;
    char *authority;
    char *protocol;
};

static void take_pseudo(struct target *target, const char *name, char *value)
{
    if (strcmp(name, ":method") == 0) {
        target->method = value;
    } else if (strcmp(name, ":path") == 0) {
        target->path = value;
    } else if (strcmp(name, ":authority") == 0) {
        target->authority = value;
    } else if (strcmp(name, ":protocol") == 0) {
        target->protocol = value;
    }
}

/* Cookies that came as several fields are one (RFC 9113, section 8.2.3): it stands behind all
 * strings, where room was made, and grows. */
static void join_cookie(struct coil__http_buffer *head, size_t joined, const char *cookie)
{
    if (head->end > joined) {
        head->end--; /* the NUL */
        coil__http_put(head, "; ", 2);
    }
    coil__http_put(head, cookie, strlen(cookie) + 1);
}

/* Finds the strings. Their number without those of pseudo-fields. */
static size_t take_fields(struct coil__http2_stream *stream, struct target *target)
{
    struct coil_http_field *fields = stream->memory.fields;
    struct coil__http_buffer *head = &stream->head;
    size_t joined = head->end;
    struct coil_http_field *cookie = NULL;
    size_t count = 0;

    for (char *at = head->data, *next; at < head->data + joined; at = next) {
        char *value = at + strlen(at) + 1;

        next = value + strlen(value) + 1;
        if (*at == ':') {
            take_pseudo(target, at, value);
        } else if (cookie && strcmp(at, "cookie") == 0) {
            if (head->end == joined) {
                join_cookie(head, joined, cookie->value);
                cookie->value = head->data + joined;
            }
            join_cookie(head, joined, value);
        } else {
            fields[count] = (struct coil_http_field){.name = at, .value = value};
            cookie = strcmp(at, "cookie") == 0 ? &fields[count] : cookie;
            count++;
        }
    }
    return count;
}

/* For what is made of the fields: a cookie at most as large as all of them with its separators, and
 * a Host. */
static int reserve(struct coil__http2_stream *stream)
{
    if (coil__http_reserve(&stream->head, stream->head.end + 2 * stream->field_count) < 0) {
        return -ENOMEM;
    }
    return coil__http_reserve_fields(&stream->memory, stream->field_count + 1);
}

/* --- what is meant --- */

static const char *field_of(const struct coil__http2_stream *stream, const char *name)
{
    return coil_http_get_field(&stream->exchange, name);
}

/* RFC 9113, section 8.3.1: what :authority says counts, and a Host must not say anything else. 0,
 * or a status. */
static unsigned take_host(struct coil__http2_stream *stream, const char *authority)
{
    struct coil_http_exchange *exchange = &stream->exchange;
    const char *host = field_of(stream, "host");

    if (authority && host && !coil__slice_is_like(coil__slice_of(authority), host)) {
        return 400;
    }
    exchange->host = authority ? authority : host;
    if (!exchange->host || !coil__http1_is_host(coil__slice_of(exchange->host), false)) {
        return 400;
    }
    if (!host) {
        stream->memory.fields[exchange->field_count++] =
            (struct coil_http_field){.name = "host", .value = authority};
    }
    return 0;
}

/* The same targets as in HTTP/1.1 (RFC 9112, section 3.2). */
static unsigned take_path(struct coil_http_exchange *exchange, char *path)
{
    const char *end = path + strlen(path);
    char *mark = strchr(path, '?');
    bool is_whole = strcmp(path, "*") == 0 && strcmp(exchange->method, "OPTIONS") == 0;

    if ((*path != '/' && !is_whole) || coil__http1_skip_target(path, end) != end) {
        return 400;
    }
    if (mark) {
        *mark = '\0';
        exchange->query = mark + 1;
    }
    exchange->path = path;
    return 0;
}

static unsigned take_target(struct coil__http2_stream *stream, const struct target *target)
{
    struct coil_http_exchange *exchange = &stream->exchange;
    unsigned status;

    exchange->method = target->method ? target->method : "";
    exchange->is_head = strcmp(exchange->method, "HEAD") == 0;
    if (strcmp(exchange->method, "CONNECT") == 0) {
        if (!target->protocol || strcmp(target->protocol, "websocket") != 0) {
            return 501;
        }
        stream->is_connect = true; /* RFC 8441, section 4: in place of HTTP/1.1's GET */
        exchange->method = "GET";
    }
    status = target->path ? take_path(exchange, target->path) : 400;
    return status > 0 ? status : take_host(stream, target->authority);
}

/* Its length was compared with the frames by nghttp2, if one was said. */
static unsigned take_body(struct coil__http2_stream *stream)
{
    struct coil_http_exchange *exchange = &stream->exchange;
    struct coil__slice length = coil__slice_of(field_of(stream, "content-length"));
    uint64_t size = 0;

    exchange->framing = COIL__HTTP1_CHUNKED;
    exchange->body_size = stream->is_ended ? 0 : -1;
    if (!stream->is_ended && length.start && coil__slice_take_number(&length, &size) == 0) {
        exchange->framing = COIL__HTTP1_LENGTH;
        exchange->body_size = (int64_t)size;
        exchange->left = size;
    }
    exchange->is_read = exchange->body_size == 0;
    if (stream->is_connect) {
        bool is_open = !stream->is_ended && !length.start;

        exchange->is_read = true; /* no body, but bytes both ways */
        exchange->body_size = 0;
        return is_open ? 0 : 400;
    }
    return size > exchange->service->settings.max_body ? 413 : 0;
}

/* RFC 9110, section 10.1.1. */
static unsigned take_expectation(struct coil__http2_stream *stream)
{
    const char *expect = field_of(stream, "expect");

    if (!expect) {
        return 0;
    }
    stream->exchange.awaits_continue = !stream->exchange.is_read;
    return coil__slice_is_like(coil__slice_of(expect), "100-continue") ? 0 : 417;
}

void coil__http2_make_exchange(struct coil__http2_stream *stream)
{
    struct target target = {NULL, NULL, NULL, NULL};
    unsigned status = reserve(stream) < 0 ? 503 : 0;

    if (status == 0 && stream->refusal == 0) {
        stream->exchange.field_count = take_fields(stream, &target);
        status = take_target(stream, &target);
        status = status > 0 ? status : take_body(stream);
        status = status > 0 ? status : take_expectation(stream);
    }
    stream->refusal = stream->refusal > 0 ? stream->refusal : status;
}
