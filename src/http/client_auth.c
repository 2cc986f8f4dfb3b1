/* client_auth.c - the values of Authorization and Proxy-Authorization (RFC 7617, RFC 6750). */
#include "http/client.h"

#include "base/memory.h"

#include <errno.h>
#include <openssl/evp.h>

enum { MAX_SECRET = 8192 };

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if (coil__is_control(*text)) {
            return true;
        }
    }
    return false;
}

int coil__client_basic(const char *user, const char *password, char **ret_value)
{
    static const char scheme[] = "Basic ";
    size_t user_size = strlen(user);
    size_t password_size = password ? strlen(password) : 0;
    size_t size = user_size + 1 + password_size;
    char *plain;
    char *value;

    if (strchr(user, ':') || has_control(user) || (password && has_control(password)) ||
        size > MAX_SECRET) {
        return -EINVAL;
    }
    plain = coil__malloc(size + 1);
    value = coil__malloc(sizeof scheme + (size + 2) / 3 * 4);
    if (!plain || !value) {
        coil__free(plain);
        coil__free(value);
        return -ENOMEM;
    }
    memcpy(plain, user, user_size);
    plain[user_size] = ':';
    if (password_size > 0) {
        memcpy(plain + user_size + 1, password, password_size);
    }
    memcpy(value, scheme, sizeof scheme - 1);
    EVP_EncodeBlock((unsigned char *)value + sizeof scheme - 1, (const unsigned char *)plain,
                    (int)size);
    coil__free(plain);
    *ret_value = value;
    return 0;
}

/* b64token. */
static bool is_token(const char *token)
{
    for (const char *p = token; *p != '\0'; p++) {
        if (!coil__is_letter(*p) && !coil__is_digit(*p) && !strchr("-._~+/=", *p)) {
            return false;
        }
    }
    return token[0] != '\0';
}

int coil__client_bearer(const char *token, char **ret_value)
{
    static const char scheme[] = "Bearer ";
    size_t size = strlen(token);
    char *value;

    if (size > MAX_SECRET || !is_token(token)) {
        return -EINVAL;
    }
    value = coil__malloc(sizeof scheme + size);
    if (!value) {
        return -ENOMEM;
    }
    memcpy(value, scheme, sizeof scheme - 1);
    memcpy(value + sizeof scheme - 1, token, size + 1);
    *ret_value = value;
    return 0;
}
