/* url.c - takes "http://host:port/path?query#fragment" apart (RFC 3986), strictly: what goes into
 * a request must not contain blanks, line ends or anything else that has a meaning there. */
#include "url.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define HOST_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

static const char *parse_port(const char *text, size_t size, uint16_t *ret_port)
{
    unsigned port = 0;

    if (size == 0) { /* "http://host:/" */
        *ret_port = 80;
        return NULL;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || size > 5) {
            return "the port is not a number from 1 to 65535";
        }
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (port == 0 || port > 65535) {
        return "the port is not a number from 1 to 65535";
    }
    *ret_port = (uint16_t)port;
    return NULL;
}

/* host, host:port, [v6] or [v6]:port */
static const char *parse_authority(const char *text, size_t size, struct url *url)
{
    bool is_v6 = size > 0 && text[0] == '[';
    const char *host = is_v6 ? text + 1 : text;
    size_t host_size = is_v6 ? strspn(host, "0123456789abcdefABCDEF:.") : strspn(host, HOST_CHARS);
    const char *rest = host + host_size;

    if (memchr(text, '@', size)) {
        return "a user name in the URL is not supported";
    }
    if (is_v6) {
        if (*rest != ']') {
            return "the address between the brackets is none";
        }
        rest++;
    }
    if (host_size == 0) {
        return "the URL has no host";
    }
    if (host_size >= sizeof url->host || size >= sizeof url->authority) {
        return "the host name is too long";
    }
    memcpy(url->host, host, host_size);
    url->host[host_size] = '\0';
    memcpy(url->authority, text, size);
    url->authority[size] = '\0';
    url->port = 80;
    if (rest == text + size) {
        return NULL;
    }
    if (*rest != ':') {
        return "the host name has a character that does not belong there";
    }
    return parse_port(rest + 1, (size_t)(text + size - rest) - 1, &url->port);
}

/* Up to the fragment, which is not sent. An empty path is "/". */
static const char *parse_target(const char *text, struct url *url)
{
    size_t size = strcspn(text, "#");
    size_t start = text[0] == '/' ? 0 : 1;

    if (start + size >= sizeof url->target) {
        return "the URL is too long";
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] <= ' ' || text[i] >= 0x7f) {
            return "the URL has a character that must be written as %XX";
        }
    }
    url->target[0] = '/';
    memcpy(url->target + start, text, size);
    url->target[start + size] = '\0';
    return NULL;
}

const char *url_parse(const char *text, struct url *ret_url)
{
    const char *authority = text + strlen("http://");
    const char *problem;
    size_t size;

    if (strncasecmp(text, "https://", 8) == 0) {
        return "https needs TLS, which this example does not have";
    }
    if (strncasecmp(text, "http://", 7) != 0) {
        return "this is no URL of the form http://host/path";
    }
    size = strcspn(authority, "/?#");
    problem = parse_authority(authority, size, ret_url);
    return problem ? problem : parse_target(authority + size, ret_url);
}
