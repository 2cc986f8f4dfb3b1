/* websocket_accept.c - the opening handshake of a server (RFC 6455, section 4.2).
 *
 * It asks the exchange for what is public, and answers through upgrade.h.
 */
#include "http/upgrade.h"
#include "http/websocket.h"

#include "base/memory.h"
#include "wire/url.h"

#include <coil/task.h>

#include <errno.h>
#include <stdio.h>

/* What is agreed on. */
struct agreement {
    struct coil__slice key;
    bool has_key;         /* HTTP/1.1 */
    const char *protocol; /* of the options; or NULL */
    struct coil__websocket_deflate deflate;
};

/* --- fields --- */

/* Whether one of the fields of that name lists it (RFC 9110, section 5.6.1). */
static bool lists(const struct coil_http_exchange *exchange, const char *name, const char *wanted,
                  bool is_exact)
{
    size_t count;
    const struct coil_http_field *fields = coil_http_get_fields(exchange, &count);

    for (size_t i = 0; i < count; i++) {
        struct coil__slice rest = coil__slice_of(fields[i].value);
        struct coil__slice element;

        if (!coil__slice_is_like(coil__slice_of(name), fields[i].name)) {
            continue;
        }
        while (coil__slice_take_element(&rest, &element)) {
            if (is_exact ? coil__slice_is(element, wanted) : coil__slice_is_like(element, wanted)) {
                return true;
            }
        }
    }
    return false;
}

static size_t count_of(const struct coil_http_exchange *exchange, const char *name)
{
    size_t count, found = 0;
    const struct coil_http_field *fields = coil_http_get_fields(exchange, &count);

    for (size_t i = 0; i < count; i++) {
        found += coil__slice_is_like(coil__slice_of(name), fields[i].name);
    }
    return found;
}

/* --- origins (section 10.2) --- */

/* The host that was asked, with its port, is that of the page: "https://HOST" (RFC 6454). */
static bool is_own(const char *origin, const char *host)
{
    struct coil__url page, own;
    int port;

    if (!host || coil__url_parse(coil__slice_of(origin), 0, &page) < 0 || !page.host.start ||
        coil__url_parse_host(coil__slice_of(host), &own) < 0) {
        return false;
    }
    port = own.port >= 0 ? own.port : page.port < 0 ? -1 : coil__url_port(&page);
    if (own.port < 0 && page.port >= 0) { /* Host leaves out the port of its scheme */
        own.scheme = page.scheme;
        port = coil__url_port(&own);
    }
    return coil__slice_is_similar(page.host, own.host) &&
           (port < 0 || coil__url_port(&page) == port);
}

static bool is_welcome(const struct coil_http_exchange *exchange, const char *const *origins)
{
    const char *origin = coil_http_get_field(exchange, "Origin");

    if (!origin) {
        return true;
    }
    if (!origins) {
        return is_own(origin, coil_http_host(exchange));
    }
    for (; *origins; origins++) {
        if (strcmp(*origins, "*") == 0 || coil__slice_is_like(coil__slice_of(origin), *origins)) {
            return true;
        }
    }
    return false;
}

/* --- the request --- */

static int refuse(struct coil_http_exchange *exchange, unsigned status, const char *text)
{
    return coil_http_reply(exchange, status, "text/plain", text, strlen(text));
}

/* 1: it is a request for a WebSocket; 0: it has been answered; or an error. */
static int check_wish(struct coil_http_exchange *exchange)
{
    if (coil__http_is_connect(exchange)) { /* RFC 8441, section 5 */
        return 1;
    }
    if (strcmp(coil_http_method(exchange), "GET") != 0) { /* section 4.1, item 2 */
        int rc = coil_http_add_field(exchange, "Allow", "GET");

        return rc < 0 ? rc : refuse(exchange, 405, "A WebSocket begins with GET.\n");
    }
    if (!exchange->conn ||
        !lists(exchange, "Upgrade", "websocket", false) || /* section 4.2.1, items 3 and 4 */
        !lists(exchange, "Connection", "Upgrade", false)) {
        return coil__http_ask_for_upgrade(exchange, "This is a WebSocket.\n");
    }
    return 1;
}

/* The same, and it is a good one. */
static int check(struct coil_http_exchange *exchange, const struct coil_websocket_options *options)
{
    const char *key = coil_http_get_field(exchange, "Sec-WebSocket-Key");
    bool is_connect = coil__http_is_connect(exchange);
    int rc = check_wish(exchange);

    if (rc <= 0) {
        return rc;
    }
    if (count_of(exchange, "Sec-WebSocket-Version") != 1 || /* item 6, and section 4.4 */
        strcmp(coil_http_get_field(exchange, "Sec-WebSocket-Version"), "13") != 0) {
        return coil__http_ask_for_upgrade(exchange, "The version is 13.\n");
    }
    if (!is_connect && (count_of(exchange, "Sec-WebSocket-Key") != 1 || /* item 5 */
                        !coil__websocket_is_key(coil__slice_of(key)))) {
        return refuse(exchange, 400, "There is no Sec-WebSocket-Key.\n");
    }
    if (!coil__http_is_upgradable(exchange)) {
        return refuse(exchange, 400, "This request cannot become a WebSocket.\n");
    }
    if (!is_welcome(exchange, options->origins)) {
        return refuse(exchange, 403, "Pages of this origin may not connect.\n");
    }
    return 1;
}

static void agree(const struct coil_http_exchange *exchange,
                  const struct coil_websocket_options *options, struct agreement *ret)
{
    size_t count;
    const struct coil_http_field *fields = coil_http_get_fields(exchange, &count);

    *ret = (struct agreement){
        .key = coil__slice_of(coil_http_get_field(exchange, "Sec-WebSocket-Key")),
        .has_key = exchange->conn != NULL,
    };
    for (size_t i = 0; options->protocols && options->protocols[i] && !ret->protocol; i++) {
        if (lists(exchange, "Sec-WebSocket-Protocol", options->protocols[i], true)) {
            ret->protocol = options->protocols[i];
        }
    }
    for (size_t i = 0; i < count && !options->no_deflate && !ret->deflate.is_on; i++) {
        if (coil__slice_is_like(coil__slice_of("Sec-WebSocket-Extensions"), fields[i].name)) {
            coil__websocket_take_offer(coil__slice_of(fields[i].value), options->context_takeover,
                                       &ret->deflate);
        }
    }
}

/* --- the answer --- */

/* Section 4.2.2, item 5. The size, -EINVAL (a protocol that is no token), -ENOMEM. */
static int write_lines(const struct agreement *agreement, struct coil__http_buffer *lines)
{
    size_t protocol = agreement->protocol ? strlen(agreement->protocol) : 0;
    size_t room = 256 + protocol + COIL__WEBSOCKET_OFFER_ROOM;
    char accept[COIL__WEBSOCKET_ACCEPT_ROOM];
    char answer[COIL__WEBSOCKET_OFFER_ROOM] = "";
    struct coil__http1_writer writer;
    int64_t length;
    int rc = agreement->has_key ? coil__websocket_accept_of(agreement->key, accept) : 0;

    rc = rc < 0 ? rc : coil__http_reserve(lines, room);
    if (rc < 0) {
        return rc;
    }
    coil__http1_writer_init(&writer, lines->data, room);
    if (agreement->has_key) {
        coil__http1_write_field(&writer, coil__slice_of("Upgrade"), coil__slice_of("websocket"));
        coil__http1_write_field(&writer, coil__slice_of("Connection"), coil__slice_of("Upgrade"));
        coil__http1_write_field(&writer, coil__slice_of("Sec-WebSocket-Accept"),
                                coil__slice_of(accept));
    }
    if (agreement->protocol) {
        coil__http1_write_field(&writer, coil__slice_of("Sec-WebSocket-Protocol"),
                                coil__slice_of(agreement->protocol));
    }
    if (agreement->deflate.is_on) {
        size_t size = coil__websocket_write_answer(&agreement->deflate, answer);

        coil__http1_write_field(&writer, coil__slice_of("Sec-WebSocket-Extensions"),
                                (struct coil__slice){answer, size});
    }
    length = coil__http1_writer_end(&writer);
    lines->end = length < 0 ? 0 : (size_t)length;
    return length < 0 ? -EINVAL : 0;
}

static int open_websocket(struct coil_http_exchange *exchange,
                          const struct coil_websocket_options *options,
                          const struct agreement *agreement, struct coil_websocket **ret_ws)
{
    struct coil__websocket_carrier carrier;
    struct coil__http_buffer lines = {0};
    struct coil_websocket *ws;
    int rc = write_lines(agreement, &lines);

    coil__http_carrier(exchange, &carrier);
    ws = rc == 0 ? coil__websocket_new(&carrier, options, false) : NULL;
    rc = rc == 0 && !ws ? -ENOMEM : rc;
    if (rc == 0 && agreement->protocol) {
        ws->protocol = coil__calloc(1, strlen(agreement->protocol) + 1);
        rc = ws->protocol ? 0 : -ENOMEM;
    }
    if (rc == 0) {
        if (ws->protocol) {
            memcpy(ws->protocol, agreement->protocol, strlen(agreement->protocol));
        }
        ws->deflate = agreement->deflate;
        rc = coil__http_upgrade(exchange, lines.data, lines.end, ws);
    }
    coil__http_buffer_free(&lines);
    if (rc < 0) {
        coil__websocket_free(ws);
        return rc;
    }
    *ret_ws = ws;
    return 1;
}

int coil_websocket_accept(struct coil_http_exchange *exchange,
                          const struct coil_websocket_options *options,
                          struct coil_websocket **ret_ws)
{
    static const struct coil_websocket_options none;
    struct agreement agreement;
    int rc;

    options = options ? options : &none;
    if (!exchange || !ret_ws || !coil__websocket_are_valid(options)) {
        return -EINVAL;
    }
    rc = coil_check_cancel();
    rc = rc == 0 && exchange->state != COIL__HTTP_UNANSWERED ? -COIL_EINVALIDSTATE : rc;
    rc = rc < 0 ? rc : check(exchange, options);
    if (rc <= 0) {
        return rc;
    }
    agree(exchange, options, &agreement);
    return open_websocket(exchange, options, &agreement, ret_ws);
}
