/* app_auth.c - bearer tokens (RFC 6750) and names with passwords (RFC 7617). */
#include "http/app.h"

#include <errno.h>
#include <stdio.h>

bool coil_app_secret_is(const char *secret, const char *given)
{
    size_t size = secret ? strlen(secret) : 0;
    size_t given_size = given ? strlen(given) : 0;
    volatile unsigned char difference = size != given_size;

    if (!secret || !given) {
        return false;
    }
    /* All of `given` is looked at, whatever the secret: an index past its end stays on its NUL. */
    for (size_t i = 0; i < given_size; i++) {
        size_t at = i < size ? i : size;

        difference = (unsigned char)(difference | (secret[at] ^ given[i]));
    }
    return difference == 0;
}

/* --- the field --- */

/* What follows the scheme. NULL: there is no such field, there are two, or it is of another scheme
 * (RFC 9110, section 11.4). */
static const char *credentials_of(const struct coil_http_exchange *exchange, const char *scheme)
{
    const struct coil_http_field *fields;
    size_t size = strlen(scheme);
    const char *value = NULL;
    size_t count;

    fields = coil_http_get_fields(exchange, &count);
    for (size_t i = 0; i < count; i++) {
        if (coil__slice_is_like(coil__slice_of(fields[i].name), "Authorization")) {
            if (value) {
                return NULL;
            }
            value = fields[i].value;
        }
    }
    if (!value || strlen(value) <= size || value[size] != ' ' ||
        !coil__slice_is_like((struct coil__slice){value, size}, scheme)) {
        return NULL;
    }
    value += size;
    return value + strspn(value, " ");
}

/* token68 (RFC 9110, section 11.2). */
static bool is_token68(const char *text)
{
    size_t size = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                               "-._~+/");

    return size > 0 && text[size + strspn(text + size, "=")] == '\0';
}

static int base64_value(char c)
{
    if (coil__is_letter(c)) {
        return c >= 'a' ? c - 'a' + 26 : c - 'A';
    }
    return coil__is_digit(c) ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes base64 (RFC 4648, section 4), with or without the '=' at its end. buf: as long as the
 * text; a NUL is added. False: it is none, or has a control character in it. */
static bool decode(const char *text, char *buf)
{
    size_t size = strcspn(text, "=");
    size_t padding = strlen(text) - size;
    uint32_t bits = 0;
    size_t length = 0;

    if (size % 4 == 1 || (padding > 0 && (size + padding) % 4 != 0) || padding > 2) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        int value = base64_value(text[i]);

        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) {
            char c = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);

            if (coil__is_control(c)) { /* RFC 7617, section 2 */
                return false;
            }
            buf[length++] = c;
        }
    }
    buf[length] = '\0';
    return true;
}

/* --- answers --- */

/* "Bearer realm=..." (RFC 6750, section 3; RFC 7617, section 2). */
static int deny(struct coil_http_exchange *exchange, const char *scheme, const char *realm,
                const char *more)
{
    char challenge[256];
    int size = snprintf(challenge, sizeof challenge, "%s realm=\"%s\"%s", scheme, realm, more);
    int rc = size < 0 || (size_t)size >= sizeof challenge || strpbrk(realm, "\"\\")
                 ? -EINVAL
                 : coil_http_add_field(exchange, "WWW-Authenticate", challenge);

    return rc < 0 ? rc : coil_app_problem(exchange, 401, NULL, "Credentials are needed.");
}

static int judge(struct coil_http_exchange *exchange, struct coil_app_chain *next, int verdict,
                 const char *scheme, const char *realm, const char *more)
{
    if (verdict > 0) {
        return coil_app_next(exchange, next);
    }
    if (verdict == -EACCES) {
        return coil_app_problem(exchange, 403, NULL, "These credentials do not suffice.");
    }
    return verdict < 0 ? verdict : deny(exchange, scheme, realm, more);
}

int coil_app_bearer_auth(struct coil_http_exchange *exchange, struct coil_app_chain *next,
                         void *user)
{
    const struct coil_app_auth *auth = user;
    const char *token = credentials_of(exchange, "Bearer");
    const char *realm = auth && auth->realm ? auth->realm : "api";
    const char *more = "";
    int verdict = 0;

    if (!exchange || !next || !auth || !auth->check) {
        return -EINVAL;
    }
    if (token) {
        verdict = is_token68(token) ? auth->check(exchange, NULL, token, auth->user) : 0;
        more = ", error=\"invalid_token\""; /* RFC 6750, section 3.1 */
    }
    return judge(exchange, next, verdict, "Bearer", realm, more);
}

int coil_app_basic_auth(struct coil_http_exchange *exchange, struct coil_app_chain *next,
                        void *user)
{
    const struct coil_app_auth *auth = user;
    const char *text = credentials_of(exchange, "Basic");
    const char *realm = auth && auth->realm ? auth->realm : "api";
    int verdict = 0;

    if (!exchange || !next || !auth || !auth->check) {
        return -EINVAL;
    }
    if (text) {
        char *name = coil_app_alloc(exchange, strlen(text) + 1);
        char *colon;

        if (!name) {
            return -ENOMEM;
        }
        colon = decode(text, name) ? strchr(name, ':') : NULL;
        if (colon) {
            *colon = '\0';
            verdict = auth->check(exchange, name, colon + 1, auth->user);
        }
    }
    return judge(exchange, next, verdict, "Basic", realm, ", charset=\"UTF-8\"");
}
