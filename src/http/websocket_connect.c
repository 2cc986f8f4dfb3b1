/* websocket_connect.c - from a URL (RFC 6455, section 3) to a connection. */
#include "http/websocket.h"

#include "base/memory.h"
#include "wire/url.h"

#include <errno.h>
#include <stdio.h>

enum { PORT_ROOM = 8 };

/* Strings that are made of a URL. */
struct target {
    char *host; /* to dial */
    char *authority;
    char *path;
    uint16_t port;
    bool is_secure;
};

static char *put(char *to, struct coil__slice slice)
{
    if (slice.size > 0) {
        memcpy(to, slice.start, slice.size);
    }
    return to + slice.size;
}

/* Section 4.1: Host has the port unless it is the usual one. */
static void write_authority(char *to, const struct coil__url *url)
{
    bool has_brackets = url->host_kind == COIL__HOST_IPV6;
    char room[COIL__DIGITS];

    to = put(to, coil__slice_of(has_brackets ? "[" : ""));
    to = put(to, url->host);
    to = put(to, coil__slice_of(has_brackets ? "]" : ""));
    if (url->port >= 0) {
        to = put(to, coil__slice_of(":"));
        put(to, coil__slice_of_number((uint64_t)url->port, room));
    }
}

static void write_path(char *to, const struct coil__url *url)
{
    to = put(to, url->path.size > 0 ? url->path : coil__slice_of("/"));
    if (url->query.start) {
        to = put(to, coil__slice_of("?"));
        put(to, url->query);
    }
}

static void free_target(struct target *target)
{
    coil__free(target->host);
    coil__free(target->authority);
    coil__free(target->path);
}

/* 0, -EINVAL, -ENOMEM. */
static int make_target(const char *text, struct target *ret_target)
{
    struct target target = {0};
    struct coil__url url;
    bool is_plain;

    if (!text || coil__url_parse(coil__slice_of(text), COIL__URL_BROWSER, &url) < 0 ||
        coil__url_check_http(&url) < 0 || url.fragment.start) {
        return -EINVAL;
    }
    is_plain = coil__slice_is_like(url.scheme, "ws");
    if (!is_plain && !coil__slice_is_like(url.scheme, "wss")) {
        return -EINVAL;
    }
    target.is_secure = !is_plain;
    target.port = (uint16_t)coil__url_port(&url);
    target.host = coil__calloc(1, url.host.size + 1);
    target.authority = coil__calloc(1, url.host.size + 2 + PORT_ROOM);
    target.path = coil__calloc(1, url.path.size + url.query.size + 3);
    if (!target.host || !target.authority || !target.path) {
        free_target(&target);
        return -ENOMEM;
    }
    put(target.host, url.host);
    write_authority(target.authority, &url);
    write_path(target.path, &url);
    *ret_target = target;
    return 0;
}

static int dial_secure(const struct target *target, const struct coil_websocket_options *options,
                       struct coil_stream **ret_stream)
{
    struct coil_tls_context *context = options ? coil_tls_context_hold(options->tls) : NULL;
    int rc = context ? 0 : coil_tls_context_new(NULL, &context);

    if (rc == 0) {
        rc = coil_tls_connect(target->host, target->port, context, NULL, ret_stream);
        coil_tls_context_free(context);
    }
    return rc;
}

static int connect_alone(const struct target *target, const struct coil_websocket_options *options,
                         struct coil_websocket **ret_ws)
{
    struct coil_stream *stream;
    int rc = target->is_secure ? dial_secure(target, options, &stream)
                               : coil_open_connection(target->host, target->port, NULL, &stream);

    return rc < 0 ? rc
                  : coil_websocket_connect_stream(stream, target->authority, target->path, options,
                                                  ret_ws);
}

/* A session's places are http's. */
static int connect_by_session(const struct target *target,
                              const struct coil_websocket_options *options,
                              struct coil_websocket **ret_ws)
{
    size_t size = strlen(target->authority) + strlen(target->path) + sizeof "https://";
    char *url = coil__malloc(size);
    int rc = -ENOMEM;

    if (url) {
        snprintf(url, size, "%s://%s%s", target->is_secure ? "https" : "http", target->authority,
                 target->path);
        rc = coil__websocket_open_by_session(url, options, ret_ws);
    }
    coil__free(url);
    return rc;
}

int coil_websocket_connect(const char *url, const struct coil_websocket_options *options,
                           struct coil_websocket **ret_ws)
{
    bool has_session = options && options->session;
    struct target target;
    int rc;

    if (!ret_ws || (options && !coil__websocket_are_valid(options)) ||
        (has_session && options->tls)) {
        return -EINVAL;
    }
    rc = make_target(url, &target);
    if (rc < 0) {
        return rc;
    }
    rc = has_session ? connect_by_session(&target, options, ret_ws)
                     : connect_alone(&target, options, ret_ws);
    free_target(&target);
    return rc;
}
