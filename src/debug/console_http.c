/* console_http.c - see console_http.h.
 *
 * Strict on purpose: this serves browsers and curl, and what is not to the letter of RFC 9112 is
 * turned away. There are no bodies, no chunks, no folded lines, no trailers: one head is one
 * request, and the connection ends with its answer.
 */
#include "debug/console_http.h"

#include "io/address.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { TOKEN_MIN = 16, TOKEN_MAX = 128 };

enum {
    BAD_REQUEST = 400,
    UNAUTHORIZED = 401,
    FORBIDDEN = 403,
    BAD_METHOD = 405,
    TOO_LARGE = 413,
    BAD_VERSION = 505,
};

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 9110, section 5.6.2. */
static bool is_token_character(char c)
{
    return is_alphanumeric(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* --- the request line --- */

/* Of a field's value, and of a target: what is printed, and bytes beyond ASCII. */
static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

/* The method; `*text` is moved behind its blank. */
static int parse_method(char **text, struct coil__request *request)
{
    size_t size = 0;

    while (is_token_character((*text)[size])) {
        size++;
    }
    if (size == 0 || (*text)[size] != ' ') {
        return BAD_REQUEST;
    }
    request->is_head = size == 4 && memcmp(*text, "HEAD", 4) == 0;
    if (!request->is_head && !(size == 3 && memcmp(*text, "GET", 3) == 0)) {
        return BAD_METHOD;
    }
    *text += size + 1;
    return 0;
}

/* "/path?query"; `*text` is moved behind its blank. */
static int parse_target(char **text, struct coil__request *request)
{
    char *end = *text;

    if (*end != '/') {
        return BAD_REQUEST;
    }
    request->path = *text;
    request->query = "";
    for (; *end != ' '; end++) {
        if (is_control(*end) || (unsigned char)*end > 0x7f || *end == '#') {
            return BAD_REQUEST;
        }
        if (*end == '?' && request->query[0] == '\0') {
            *end = '\0';
            request->query = end + 1;
        }
    }
    *end = '\0';
    *text = end + 1;
    return 0;
}

static int parse_version(const char *text)
{
    bool is_http = strncmp(text, "HTTP/", 5) == 0 && text[5] >= '0' && text[5] <= '9' &&
                   text[6] == '.' && text[7] >= '0' && text[7] <= '9' && text[8] == '\0';

    if (!is_http) {
        return BAD_REQUEST;
    }
    return text[5] == '1' ? 0 : BAD_VERSION;
}

/* --- the fields --- */

/* Notes a value that may come once. */
static int note(const char **place, const char *value)
{
    if (*place) {
        return BAD_REQUEST;
    }
    *place = value;
    return 0;
}

static int use_field(struct coil__request *request, const char *name, const char *value)
{
    if (strcasecmp(name, "Host") == 0) {
        return note(&request->host, value);
    }
    if (strcasecmp(name, "Authorization") == 0) {
        return note(&request->authorization, value);
    }
    if (strcasecmp(name, "Cookie") == 0) {
        return note(&request->cookie, value);
    }
    if (strcasecmp(name, "Transfer-Encoding") == 0 ||
        (strcasecmp(name, "Content-Length") == 0 && strcmp(value, "0") != 0)) {
        return TOO_LARGE;
    }
    return 0;
}

/* "Name: value", without blanks around the value. */
static int parse_field(char *line, struct coil__request *request)
{
    char *colon = line;
    char *value;
    char *end;

    while (is_token_character(*colon)) {
        colon++;
    }
    if (colon == line || *colon != ':') {
        return BAD_REQUEST; /* also a folded line, which begins with a blank */
    }
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    *end = '\0';
    for (const char *c = value; *c; c++) {
        if (is_control(*c) && *c != '\t') {
            return BAD_REQUEST;
        }
    }
    return use_field(request, line, value);
}

/* The line that begins at `line`, as a string; the next one, or NULL for one without an end. */
static char *cut_line(char *line)
{
    char *end = strstr(line, "\r\n");

    if (!end) {
        return NULL;
    }
    *end = '\0';
    return end + 2;
}

int coil__request_parse(char *head, size_t size, struct coil__request *ret_request)
{
    struct coil__request request = {0};
    char *line = head;
    char *next;
    int status;

    if (size < 4 || memcmp(head + size - 4, "\r\n\r\n", 4) != 0 || memchr(head, '\0', size)) {
        return BAD_REQUEST;
    }
    head[size - 2] = '\0'; /* the empty line's place is known */
    next = cut_line(line);
    if (!next) {
        return BAD_REQUEST;
    }
    status = parse_method(&line, &request);
    status = status ? status : parse_target(&line, &request);
    status = status ? status : parse_version(line);
    while (status == 0 && *next) {
        line = next;
        next = cut_line(line);
        status = next ? parse_field(line, &request) : BAD_REQUEST;
    }
    if (status == 0) {
        *ret_request = request;
    }
    return status;
}

/* --- who may --- */

/* Takes the same time wherever the two differ. */
static bool is_secret(const char *token, const char *text, size_t size)
{
    size_t length = strlen(token);
    unsigned difference = size != length;

    for (size_t i = 0; i < length; i++) {
        difference |= (unsigned char)token[i] ^ (unsigned char)(i < size ? text[i] : 0);
    }
    return difference == 0;
}

bool coil__token_is_good(const char *token)
{
    size_t length = strnlen(token, TOKEN_MAX + 1);

    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(token[i]) && !strchr("-._~", token[i])) {
            return false;
        }
    }
    return length >= TOKEN_MIN && length <= TOKEN_MAX;
}

/* A name of this machine, with a port or without. The port may be another one than ours: that of a
 * tunnel's other end. */
static bool is_local_host(const char *host)
{
    struct coil_address address;
    char name[64];
    bool is_bracketed = host[0] == '[';
    const char *start = host + is_bracketed;
    size_t size = strcspn(start, is_bracketed ? "]" : ":");
    const char *rest = start + size + (is_bracketed && start[size] == ']');
    uint16_t port;

    if (size >= sizeof name || (is_bracketed && start[size] != ']') ||
        (*rest != '\0' && (*rest != ':' || coil__parse_port(rest + 1, &port) < 0))) {
        return false;
    }
    memcpy(name, start, size);
    name[size] = '\0';
    if (!is_bracketed && strcasecmp(name, "localhost") == 0) {
        return true;
    }
    return coil_address_from_ip(name, 0, &address) == 0 && coil__address_is_loopback(&address) &&
           is_bracketed == (address.storage.ss_family == AF_INET6);
}

/* What stands between `start` and the next `end`, if it begins with `name=`. */
static const char *find_pair(const char *text, char end, const char *name, size_t *ret_size)
{
    size_t length = strlen(name);
    const char separators[] = {end, '\0'};

    while (*text) {
        size_t size = strcspn(text, separators);

        if (size > length && memcmp(text, name, length) == 0 && text[length] == '=') {
            *ret_size = size - length - 1;
            return text + length + 1;
        }
        text += size;
        text += strspn(text, separators);
        text += strspn(text, " ");
    }
    return NULL;
}

const char *coil__request_query(const struct coil__request *request, const char *name,
                                size_t *ret_size)
{
    return find_pair(request->query, '&', name, ret_size);
}

static bool has_bearer(const struct coil__request *request, const char *token)
{
    const char *text = request->authorization;

    return text && strncasecmp(text, "Bearer ", 7) == 0 &&
           is_secret(token, text + 7, strlen(text + 7));
}

static bool has_cookie(const struct coil__request *request, const struct coil__access *access)
{
    size_t size = 0;
    const char *text =
        request->cookie ? find_pair(request->cookie, ';', access->cookie, &size) : NULL;

    return text && is_secret(access->token, text, size);
}

int coil__request_admit(const struct coil__access *access, const struct coil__request *request,
                        bool *ret_by_query)
{
    size_t size = 0;
    const char *text;

    *ret_by_query = false;
    if (access->is_host_checked && (!request->host || !is_local_host(request->host))) {
        return FORBIDDEN;
    }
    if (!access->token || has_bearer(request, access->token) || has_cookie(request, access)) {
        return 0;
    }
    text = coil__request_query(request, "token", &size);
    *ret_by_query = text && is_secret(access->token, text, size);
    return *ret_by_query ? 0 : UNAUTHORIZED;
}

const char *coil__status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {
        {200, "OK"},
        {303, "See Other"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Content Too Large"},
        {431, "Request Header Fields Too Large"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].status == status) {
            return known[i].text;
        }
    }
    return "Error";
}
