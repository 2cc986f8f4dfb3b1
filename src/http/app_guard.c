/* app_guard.c - small middleware: ids, deadlines, fields for browsers, compression, bounds of
 * bodies. */
#include "http/app.h"

#include <coil/http_compress.h>

#include <openssl/rand.h>

#include <errno.h>

/* --- ids --- */

enum { ID_BYTES = 16, MAX_ID = 128 };

static bool is_sane_id(const char *id)
{
    size_t size = strlen(id);

    for (size_t i = 0; i < size; i++) {
        if (!coil__is_letter(id[i]) && !coil__is_digit(id[i]) && !strchr("-._~:/+=", id[i])) {
            return false;
        }
    }
    return size > 0 && size <= MAX_ID;
}

static const char *make_id(struct coil_http_exchange *exchange)
{
    static const char hex[] = "0123456789abcdef";
    char *id = coil_app_alloc(exchange, 2 * ID_BYTES + 1);
    unsigned char bytes[ID_BYTES];

    if (!id || RAND_bytes(bytes, sizeof bytes) != 1) {
        return NULL;
    }
    for (size_t i = 0; i < ID_BYTES; i++) {
        id[2 * i] = hex[bytes[i] >> 4];
        id[2 * i + 1] = hex[bytes[i] & 15];
    }
    id[2 * ID_BYTES] = '\0';
    return id;
}

int coil_app_request_id(struct coil_http_exchange *exchange, struct coil_app_chain *next,
                        void *user)
{
    struct coil__app_request *request = coil__app_of(exchange);
    const char *id = coil_http_get_field(exchange, "X-Request-Id");
    int rc;

    (void)user;
    if (!request || !next) {
        return -EINVAL;
    }
    if (!id || !is_sane_id(id)) {
        id = make_id(exchange);
    }
    if (!id) {
        return -ENOMEM;
    }
    request->id = id;
    rc = coil_http_add_field(exchange, "X-Request-Id", id);
    return rc < 0 ? rc : coil_app_next(exchange, next);
}

const char *coil_app_get_request_id(const struct coil_http_exchange *exchange)
{
    const struct coil__app_request *request = coil__app_of(exchange);

    return request ? request->id : NULL;
}

/* --- deadlines --- */

int coil_app_timeout(struct coil_http_exchange *exchange, struct coil_app_chain *next, void *user)
{
    const int64_t *span_ns = user;
    struct coil_scope scope = {0};
    bool is_late;
    int rc;

    if (!exchange || !next || !span_ns || *span_ns < 0) {
        return -EINVAL;
    }
    rc = coil_scope_open_timeout(&scope, *span_ns);
    if (rc == 0) {
        rc = coil_app_next(exchange, next);
    }
    is_late = rc == -ETIMEDOUT && coil_scope_is_expired(&scope);
    coil_scope_close(&scope);
    if (is_late && !coil_http_is_begun(exchange) && coil_check_cancel() == 0) {
        return coil_app_problem(exchange, 503, NULL, "This took too long.");
    }
    return rc;
}

/* --- fields for browsers --- */

int coil_app_security_headers(struct coil_http_exchange *exchange, struct coil_app_chain *next,
                              void *user)
{
    static const struct coil_http_field fields[] = {
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
    };
    const char *policy = user ? user : "frame-ancestors 'none'";
    int rc = exchange && next ? 0 : -EINVAL;

    for (size_t i = 0; rc == 0 && i < sizeof fields / sizeof *fields; i++) {
        rc = coil_http_add_field(exchange, fields[i].name, fields[i].value);
    }
    if (rc == 0 && *policy) {
        rc = coil_http_add_field(exchange, "Content-Security-Policy", policy);
    }
    return rc < 0 ? rc : coil_app_next(exchange, next);
}

/* --- compression --- */

int coil_app_compress(struct coil_http_exchange *exchange, struct coil_app_chain *next, void *user)
{
    int rc = next ? coil_http_compress(exchange, user) : -EINVAL;

    return rc < 0 && rc != -ENOMEM ? rc : coil_app_next(exchange, next);
}

/* --- bounds of bodies --- */

int coil_app_body_limit(struct coil_http_exchange *exchange, struct coil_app_chain *next,
                        void *user)
{
    struct coil__app_request *request = coil__app_of(exchange);
    const uint64_t *max = user;
    int64_t size;

    if (!request || !next || !max || *max == 0) {
        return -EINVAL;
    }
    size = coil_http_body_size(exchange);
    if (size > 0 && (uint64_t)size > *max) {
        return coil_app_problem(exchange, 413, NULL, "The body is too large.");
    }
    request->max_body = *max < request->max_body ? *max : request->max_body;
    exchange->body_limit = request->max_body;
    return coil_app_next(exchange, next);
}
