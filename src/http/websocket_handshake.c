/* websocket_handshake.c - the opening handshake of a client, on a stream that is there already (RFC
 * 6455, section 4.1). */
#include "http/websocket.h"

#include "base/memory.h"
#include "http/client.h" /* credentials */

#include <coil/loop.h>
#include <coil/task.h>

#include <errno.h>

enum {
    REQUEST_BASE = 512, /* bytes of a request beside what varies */
    MAX_FIELDS = 64,    /* of the answer */
    MAX_ANSWER = 16 * 1024,
};

struct handshake {
    const struct coil_websocket_options *options;
    const struct coil__websocket_asking *asking;
    char *authorization; /* or NULL */
    char key[COIL__WEBSOCKET_KEY_ROOM];
};

/* --- the request --- */

static void write_text(struct coil__http1_writer *writer, const char *name, const char *value)
{
    coil__http1_write_field(writer, coil__slice_of(name), coil__slice_of(value));
}

static bool has_field(const struct coil_websocket_options *options, const char *name)
{
    for (size_t i = 0; i < options->field_count; i++) {
        if (coil__slice_is_like(coil__slice_of(options->fields[i].name), name)) {
            return true;
        }
    }
    return false;
}

/* Unless the caller has one. */
static void write_usual(struct coil__http1_writer *writer, const struct handshake *handshake,
                        const char *name, const char *value)
{
    if (value && !has_field(handshake->options, name)) {
        write_text(writer, name, value);
    }
}

static size_t length_of(const char *text)
{
    return text ? strlen(text) : 0;
}

static size_t size_of(const struct handshake *handshake)
{
    const struct coil_websocket_options *options = handshake->options;
    const struct coil__websocket_asking *asking = handshake->asking;
    size_t size = REQUEST_BASE + strlen(asking->host) + strlen(asking->path) +
                  length_of(asking->user_agent) + length_of(asking->cookies) +
                  length_of(handshake->authorization);

    for (size_t i = 0; options->protocols && options->protocols[i]; i++) {
        size += strlen(options->protocols[i]) + 32;
    }
    for (size_t i = 0; i < options->field_count; i++) {
        size += strlen(options->fields[i].name) + strlen(options->fields[i].value) + 4;
    }
    return size;
}

/* The size, -EINVAL. */
static int64_t write_request(const struct handshake *handshake, char *buf, size_t size)
{
    const struct coil_websocket_options *options = handshake->options;
    struct coil__http1_writer writer;

    coil__http1_writer_init(&writer, buf, size);
    coil__http1_write_request(&writer, coil__slice_of("GET"),
                              coil__slice_of(handshake->asking->path));
    write_text(&writer, "Host", handshake->asking->host);
    write_usual(&writer, handshake, "User-Agent", handshake->asking->user_agent);
    write_usual(&writer, handshake, "Authorization", handshake->authorization);
    write_usual(&writer, handshake, "Cookie", handshake->asking->cookies);
    write_text(&writer, "Upgrade", "websocket");
    write_text(&writer, "Connection", "Upgrade");
    write_text(&writer, "Sec-WebSocket-Key", handshake->key);
    write_text(&writer, "Sec-WebSocket-Version", "13");
    for (size_t i = 0; options->protocols && options->protocols[i]; i++) {
        write_text(&writer, "Sec-WebSocket-Protocol", options->protocols[i]);
    }
    if (!options->no_deflate) {
        write_text(&writer, "Sec-WebSocket-Extensions",
                   coil__websocket_offer(options->context_takeover));
    }
    for (size_t i = 0; i < options->field_count; i++) {
        write_text(&writer, options->fields[i].name, options->fields[i].value);
    }
    coil__http1_write_line_end(&writer);
    return coil__http1_writer_end(&writer) < 0 ? -EINVAL : coil__http1_writer_end(&writer);
}

static int send_request(struct coil_websocket *ws, const struct handshake *handshake)
{
    size_t size = size_of(handshake);
    char *buf = coil__malloc(size);
    int64_t length = buf ? write_request(handshake, buf, size) : -ENOMEM;
    int rc = (int)length;

    if (length > (int64_t)size) {
        rc = -EINVAL;
    }
    if (rc > 0) {
        struct iovec iov = {.iov_base = buf, .iov_len = (size_t)length};
        ssize_t sent = ws->carrier.class_->writev(&ws->carrier, &iov, 1);

        rc = sent == (ssize_t)length ? 0 : sent < 0 ? (int)sent : coil_check_cancel();
        rc = sent >= 0 && sent < (ssize_t)length && rc == 0 ? -EPIPE : rc;
    }
    coil__free(buf);
    return rc;
}

/* --- the answer --- */

static bool lists(const struct coil__http1_head *head, const char *name, const char *wanted)
{
    const struct coil__http1_field *field = NULL;

    for (size_t from = 0; (field = coil__http1_find(head, from, coil__slice_of(name)));
         from = (size_t)(field - head->fields) + 1) {
        struct coil__slice rest = field->value;
        struct coil__slice element;

        while (coil__slice_take_element(&rest, &element)) {
            if (coil__slice_is_like(element, wanted)) {
                return true;
            }
        }
    }
    return false;
}

/* Section 4.1, item 6: one of those that were asked for, or none. */
static int take_protocol(struct coil_websocket *ws, const struct handshake *handshake,
                         const struct coil__http1_head *head)
{
    const char *const *protocols = handshake->options->protocols;
    struct coil__slice name = coil__slice_of("Sec-WebSocket-Protocol");
    const struct coil__http1_field *field = coil__http1_find(head, 0, name);

    if (!field) {
        return 0;
    }
    for (; protocols && *protocols; protocols++) {
        if (coil__slice_is(field->value, *protocols)) {
            ws->protocol = coil__calloc(1, field->value.size + 1);
            if (!ws->protocol) {
                return -ENOMEM;
            }
            memcpy(ws->protocol, field->value.start, field->value.size);
            return coil__http1_find(head, (size_t)(field - head->fields) + 1, name)
                       ? -COIL_EPROTOCOL
                       : 0;
        }
    }
    return -COIL_EPROTOCOL;
}

/* Item 5. */
static int take_extensions(struct coil_websocket *ws, const struct handshake *handshake,
                           const struct coil__http1_head *head)
{
    struct coil__slice name = coil__slice_of("Sec-WebSocket-Extensions");
    const struct coil__http1_field *field = NULL;
    int rc = 0;

    for (size_t from = 0; rc == 0 && (field = coil__http1_find(head, from, name));
         from = (size_t)(field - head->fields) + 1) {
        rc = handshake->options->no_deflate
                 ? -COIL_EPROTOCOL
                 : coil__websocket_take_answer(field->value, &ws->deflate);
    }
    if (!handshake->options->context_takeover) {
        ws->deflate.keeps_out = false;
    }
    return rc;
}

/* Items 1 to 6. */
static int check_answer(struct coil_websocket *ws, const struct handshake *handshake,
                        const struct coil__http1_head *head)
{
    const struct coil__http1_field *accept =
        coil__http1_find(head, 0, coil__slice_of("Sec-WebSocket-Accept"));
    char expected[COIL__WEBSOCKET_ACCEPT_ROOM];
    int rc;

    if (handshake->options->ret_status) {
        *handshake->options->ret_status = head->status;
    }
    if (handshake->asking->take_answer) {
        handshake->asking->take_answer(head, handshake->asking->user);
    }
    if (head->status != 101) {
        return -ECONNREFUSED;
    }
    rc = coil__websocket_accept_of(coil__slice_of(handshake->key), expected);
    if (rc < 0) {
        return rc;
    }
    if (!lists(head, "Upgrade", "websocket") || !lists(head, "Connection", "Upgrade") || !accept ||
        !coil__slice_is(accept->value, expected)) {
        return -COIL_EPROTOCOL;
    }
    rc = take_protocol(ws, handshake, head);
    return rc < 0 ? rc : take_extensions(ws, handshake, head);
}

/* Reads until the head is whole. Its size, or an error. */
static int read_head(struct coil_websocket *ws, struct coil__http1_head *head)
{
    struct coil__http_buffer *in = &ws->in;
    int size;

    do {
        ssize_t count;
        int rc = in->end >= MAX_ANSWER ? -COIL_EPROTOCOL : coil__http_reserve(in, 512);

        if (rc < 0) {
            return rc;
        }
        count = ws->carrier.class_->read(&ws->carrier, in->data + in->end, in->capacity - in->end);
        if (count <= 0) {
            return count == 0 ? -COIL_EINCOMPLETE : (int)count;
        }
        in->end += (size_t)count;
        size = coil__http1_parse_response(head, COIL__HTTP1_GET, in->data + in->start,
                                          coil__http_size(in));
        if (size > 0 && head->status < 200 && head->status != 101) { /* another one follows */
            in->start += (size_t)size;
            coil__http1_head_reset(head);
            size = coil__http_size(in) > 0
                       ? coil__http1_parse_response(head, COIL__HTTP1_GET, in->data + in->start,
                                                    coil__http_size(in))
                       : 0;
        }
    } while (size == 0);
    return size < 0 ? -COIL_EPROTOCOL : size;
}

static int shake_hands(struct coil_websocket *ws, const struct handshake *handshake)
{
    struct coil__http1_field fields[MAX_FIELDS];
    struct coil__http1_head head;
    int rc = send_request(ws, handshake);

    if (rc < 0) {
        return rc;
    }
    coil__http1_head_init(&head, fields, MAX_FIELDS, NULL);
    rc = read_head(ws, &head);
    if (rc > 0) {
        size_t size = (size_t)rc;

        rc = check_answer(ws, handshake, &head);
        ws->in.start += size;
    }
    return rc;
}

/* 0, -EINVAL, -ENOMEM. */
static int authorize(struct handshake *handshake)
{
    const struct coil_websocket_options *options = handshake->options;

    if (options->bearer && options->user) {
        return -EINVAL;
    }
    if (options->bearer) {
        return coil__client_bearer(options->bearer, &handshake->authorization);
    }
    return options->user
               ? coil__client_basic(options->user, options->password, &handshake->authorization)
               : 0;
}

static int begin(struct coil_websocket *ws, struct handshake *handshake)
{
    int64_t span = handshake->options->handshake_timeout_ns;
    struct coil_scope scope = {0};
    int rc = coil__websocket_make_key(handshake->key);

    if (rc == 0) {
        rc = authorize(handshake);
    }
    if (rc == 0) {
        coil_scope_open_timeout(&scope, span > 0 ? span : 10 * COIL_SEC);
        rc = shake_hands(ws, handshake);
        coil_scope_close(&scope);
    }
    ws->heard = coil_now();
    coil__free(handshake->authorization);
    return rc;
}

int coil__websocket_open(struct coil__websocket_carrier *carrier,
                         const struct coil__websocket_asking *asking,
                         const struct coil_websocket_options *options,
                         struct coil_websocket **ret_ws)
{
    struct handshake handshake = {.options = options, .asking = asking};
    struct coil_websocket *ws = NULL;
    int rc = coil_check_cancel();

    rc = rc == 0 && !coil_current_task() ? -COIL_ENOTASK : rc;
    ws = rc == 0 ? coil__websocket_new(carrier, options, true) : NULL;
    if (!ws) {
        carrier->class_->abort(carrier);
        return rc == 0 ? -ENOMEM : rc;
    }
    rc = begin(ws, &handshake);
    if (rc < 0) {
        coil__websocket_free(ws);
        return rc;
    }
    *ret_ws = ws;
    return 0;
}

int coil_websocket_connect_stream(struct coil_stream *stream, const char *host, const char *path,
                                  const struct coil_websocket_options *options,
                                  struct coil_websocket **ret_ws)
{
    static const struct coil_websocket_options none;
    struct coil__websocket_carrier carrier = {
        .class_ = &coil__websocket_stream_class, .stream = stream, .is_owned = true};
    struct coil__websocket_asking asking = {.host = host, .path = path ? path : "/"};

    options = options ? options : &none;
    if (!stream || !host || !ret_ws || !coil__websocket_are_valid(options)) {
        coil_stream_abort(stream);
        return -EINVAL;
    }
    return coil__websocket_open(&carrier, &asking, options, ret_ws);
}
