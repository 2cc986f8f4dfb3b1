/* http1_host.c - the forms of a request's target (RFC 9112, section 3.2), and hosts in it and in
 * Host. */
#include "wire/http1_internal.h"

enum { MAX_PORT = 65535 };

/* ":8080", ":" or nothing (RFC 3986, section 3.2.3). */
static bool is_port(const char *at, const char *end, bool must_be_there)
{
    uint32_t port = 0;
    const char *digit = at + 1;

    if (at == end) {
        return !must_be_there;
    }
    if (*at != ':') {
        return false;
    }
    for (; digit < end && coil__is_digit(*digit) && port <= MAX_PORT; digit++) {
        port = port * 10 + (uint32_t)(*digit - '0');
    }
    return digit == end && port <= MAX_PORT && !(must_be_there && digit == at + 1);
}

/* Behind an address in brackets; NULL: it is none. Colons are what tells it from all else; whether
 * their number is right is seen by who parses the address. IPvFuture does not exist. */
static const char *skip_address(const char *at, const char *end)
{
    const char *closing = coil__http1_skip(at + 1, end, COIL__HTTP1_ADDRESS);

    if (closing == end || *closing != ']' || closing - at < 3 ||
        !memchr(at + 1, ':', (size_t)(closing - at - 1))) {
        return NULL;
    }
    return closing + 1;
}

/* Behind a name, with "%2d" in it or not; NULL: it is empty or not good. */
static const char *skip_name(const char *start, const char *end)
{
    const char *at = start;

    for (;;) {
        at = coil__http1_skip(at, end, COIL__HTTP1_REGNAME);
        if (at == end || *at != '%') {
            return at > start ? at : NULL;
        }
        if (end - at < 3 || coil__hex_value(at[1]) < 0 || coil__hex_value(at[2]) < 0) {
            return NULL;
        }
        at += 3;
    }
}

bool coil__http1_is_host(struct coil__slice host, bool needs_port)
{
    const char *end = host.start + host.size;
    const char *at;

    if (host.size == 0) {
        return false;
    }
    at = *host.start == '[' ? skip_address(host.start, end) : skip_name(host.start, end);
    return at && is_port(at, end, needs_port);
}

/* "http://host/path" (RFC 3986, section 3): no userinfo (RFC 9110, section 4.2.4), no empty host
 * (section 4.2.1). */
static int check_absolute(struct coil__http1_head *head)
{
    const char *start = head->target.start;
    const char *end = start + head->target.size;
    const char *colon = coil__http1_skip(start, end, COIL__HTTP1_SCHEME);
    const char *slash;

    if (!coil__is_letter(*start) || end - colon < 3 || memcmp(colon, "://", 3) != 0) {
        return -COIL__HTTP1_ETARGET;
    }
    for (slash = colon + 3; slash < end && *slash != '/' && *slash != '?'; slash++) {
    }
    head->form = COIL__HTTP1_ABSOLUTE_FORM;
    head->host = coil__slice_between(colon + 3, slash);
    return coil__http1_is_host(head->host, false) ? 0 : -COIL__HTTP1_ETARGET;
}

int coil__http1_check_target(struct coil__http1_head *head)
{
    if (head->method == COIL__HTTP1_CONNECT) { /* sections 3.2.3; RFC 9110, section 9.3.6 */
        head->form = COIL__HTTP1_AUTHORITY_FORM;
        head->host = head->target;
        return coil__http1_is_host(head->target, true) ? 0 : -COIL__HTTP1_ETARGET;
    }
    if (*head->target.start == '/') {
        head->form = COIL__HTTP1_ORIGIN_FORM;
        return 0;
    }
    if (*head->target.start == '*') { /* section 3.2.4 */
        head->form = COIL__HTTP1_ASTERISK_FORM;
        return head->target.size == 1 && head->method == COIL__HTTP1_OPTIONS ? 0
                                                                             : -COIL__HTTP1_ETARGET;
    }
    return check_absolute(head);
}
