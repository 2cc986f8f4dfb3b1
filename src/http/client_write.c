/* client_write.c - the head of a request. What frames the message is written here alone: a field of
 * the caller's that would say otherwise is refused (RFC 9112, section 6). */
#include "http/client.h"

#include "base/memory.h"
#include "sys/clock.h"

#include <errno.h>

/* What a head is made of, beside the call. */
struct making {
    const struct coil__client_call *call;
    const struct coil__client_proxy *proxy; /* that is asked with the whole URL; or NULL */
    struct coil__http_buffer cookies;
    struct coil__http1_writer writer;
};

static struct coil__slice literal(const char *text)
{
    return coil__slice_of(text);
}

/* --- the caller's fields --- */

static bool is_in(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (coil__slice_is_like(coil__slice_of(name), *list)) {
            return true;
        }
    }
    return false;
}

static bool is_own(const char *name)
{
    static const char *const names[] = {"Content-Length",
                                        "Transfer-Encoding",
                                        "Connection",
                                        "Keep-Alive",
                                        "Upgrade",
                                        "Expect",
                                        "TE",
                                        "Trailer",
                                        "Proxy-Authorization",
                                        "Proxy-Connection",
                                        NULL};

    return is_in(name, names);
}

/* They are for the host that was asked first, and for nobody else. */
static bool is_secret(const char *name)
{
    static const char *const names[] = {"Authorization", "Cookie", "Host", NULL};

    return is_in(name, names);
}

static bool is_of_body(const char *name)
{
    return strncasecmp(name, "Content-", sizeof "Content-" - 1) == 0;
}

static bool is_sent(const struct coil__client_call *call, const char *name)
{
    return !(call->is_elsewhere && is_secret(name)) && !(call->is_get_now && is_of_body(name));
}

/* The caller has one of that name, which is sent. */
static bool has_field(const struct coil__client_call *call, const char *name)
{
    for (size_t i = 0; i < call->request->field_count; i++) {
        const char *own = call->request->fields[i].name;

        if (is_sent(call, own) && coil__slice_is_like(coil__slice_of(own), name)) {
            return true;
        }
    }
    return false;
}

static int check_fields(struct coil__client_call *call)
{
    const struct coil_http_request *request = call->request;
    size_t hosts = 0;

    for (size_t i = 0; i < request->field_count; i++) {
        const struct coil_http_field *field = &request->fields[i];

        if (!field->name || !field->value) {
            return coil__client_fail(&call->failure, -EINVAL, "a field without a name or a value");
        }
        hosts += strcasecmp(field->name, "Host") == 0;
        if (hosts > 1) { /* RFC 9112, section 3.2: no server would take it */
            return coil__client_fail(&call->failure, -EINVAL, "two fields Host");
        }
        if (is_own(field->name)) {
            return coil__client_fail(&call->failure, -EINVAL, "the field %.40s is the client's own",
                                     field->name);
        }
    }
    return 0;
}

/* --- writing --- */

static void write_field(struct making *making, const char *name, const char *value)
{
    if (value && !has_field(making->call, name)) {
        coil__http1_write_field(&making->writer, literal(name), literal(value));
    }
}

static void write_target(struct making *making)
{
    const struct coil__client_call *call = making->call;
    const struct coil__client_place *place = &call->place;
    const char *begin = place->parts.path.start;

    if (making->proxy) { /* absolute-form (RFC 9112, section 3.2.2) */
        begin = place->url;
    }
    coil__http1_write_request(&making->writer, literal(call->method_name), literal(begin));
}

static void write_host(struct making *making)
{
    const struct coil__client_place *place = &making->call->place;
    const char *begin = place->parts.host.start;
    const char *end = place->parts.path.start;

    if (place->parts.host_kind == COIL__HOST_IPV6) {
        begin--;
    }
    if (!has_field(making->call, "Host")) {
        coil__http1_write_field(&making->writer, literal("Host"), coil__slice_between(begin, end));
    }
}

static void write_caller_fields(struct making *making)
{
    const struct coil_http_request *request = making->call->request;

    for (size_t i = 0; i < request->field_count; i++) {
        if (is_sent(making->call, request->fields[i].name)) {
            coil__http1_write_field(&making->writer, literal(request->fields[i].name),
                                    literal(request->fields[i].value));
        }
    }
}

/* RFC 9110, section 8.6: a method that usually has a body says so, too, if there is none. */
static bool expects_length(enum coil__http1_method method)
{
    return method == COIL__HTTP1_POST || method == COIL__HTTP1_PUT || method == COIL__HTTP1_PATCH;
}

static void write_framing(struct making *making)
{
    const struct coil__client_call *call = making->call;
    const struct coil__client_body *body = &call->body;

    if (body->is_there) {
        write_field(making, "Content-Type", body->type);
    }
    if (body->is_there && body->size < 0) {
        coil__http1_write_field(&making->writer, literal("Transfer-Encoding"), literal("chunked"));
    } else if (body->is_there || expects_length(call->method)) {
        coil__http1_write_number(&making->writer, literal("Content-Length"),
                                 body->is_there ? (uint64_t)body->size : 0);
    }
    if (body->is_there && body->size != 0 && call->request->expect_continue) {
        coil__http1_write_field(&making->writer, literal("Expect"), literal("100-continue"));
    }
}

static int64_t write_all(struct making *making)
{
    const struct coil__client_call *call = making->call;

    write_target(making);
    write_host(making);
    write_field(making, "User-Agent", call->session->user_agent);
    write_field(making, "Accept", "*/*");
    if (coil__client_decodes(call)) {
        write_field(making, "Accept-Encoding", "gzip, deflate, br, zstd");
    }
    write_caller_fields(making);
    if (call->authorization && !call->is_elsewhere) {
        write_field(making, "Authorization", call->authorization);
    }
    if (coil__http_size(&making->cookies) > 0 && !has_field(call, "Cookie")) {
        coil__http1_write_field(
            &making->writer, literal("Cookie"),
            (struct coil__slice){making->cookies.data, coil__http_size(&making->cookies)});
    }
    if (making->proxy && making->proxy->authorization) {
        write_field(making, "Proxy-Authorization", making->proxy->authorization);
    }
    write_framing(making);
    coil__http1_write_line_end(&making->writer);
    return coil__http1_writer_end(&making->writer);
}

static int compose(struct making *making, struct coil__http_buffer *out)
{
    int64_t size = 1024;

    out->start = 0;
    out->end = 0;
    do {
        if (coil__http_reserve(out, (size_t)size) < 0) {
            return -ENOMEM;
        }
        coil__http1_writer_init(&making->writer, out->data, out->capacity);
        size = write_all(making);
    } while (size > 0 && (size_t)size > out->capacity);
    out->end = size > 0 ? (size_t)size : 0;
    return size < 0 ? (int)size : 0;
}

int coil__client_compose(struct coil__client_call *call)
{
    struct making making = {.call = call};
    struct coil_http_session *session = call->session;
    int rc = check_fields(call);

    if (rc < 0) {
        return rc;
    }
    making.proxy = call->place.is_https || call->conn->http2 ? NULL : call->conn->origin->proxy;
    if (session->jar.count > 0 && !session->options.no_cookies) {
        rc = coil__client_jar_get(&session->jar, &call->place, coil__clock_wall() / COIL_SEC,
                                  &making.cookies);
    }
    if (rc == 0) {
        rc = compose(&making, &call->conn->out);
    }
    coil__http_buffer_free(&making.cookies);
    if (rc == -ENOMEM) {
        return coil__client_fail_plainly(&call->failure, rc);
    }
    return rc < 0 ? coil__client_fail(&call->failure, -EINVAL, "the request cannot be written: %s",
                                      coil__http1_error_text(rc))
                  : 0;
}
