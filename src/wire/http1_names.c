/* http1_names.c - the names of methods, statuses and errors. */
#include "wire/http1_internal.h"

/* --- methods --- */

static const char *const methods[] = {
    [COIL__HTTP1_OTHER] = "",          [COIL__HTTP1_GET] = "GET",
    [COIL__HTTP1_HEAD] = "HEAD",       [COIL__HTTP1_POST] = "POST",
    [COIL__HTTP1_PUT] = "PUT",         [COIL__HTTP1_DELETE] = "DELETE",
    [COIL__HTTP1_CONNECT] = "CONNECT", [COIL__HTTP1_OPTIONS] = "OPTIONS",
    [COIL__HTTP1_TRACE] = "TRACE",     [COIL__HTTP1_PATCH] = "PATCH",
};

enum { METHODS = sizeof methods / sizeof *methods };

static enum coil__http1_method method_if(bool is_it, enum coil__http1_method method)
{
    return is_it ? method : COIL__HTTP1_OTHER;
}

enum coil__http1_method coil__http1_method_of(struct coil__slice name)
{
    const char *start = name.start;

    switch (name.size) {
    case 3:
        return memcmp(start, "GET", 3) == 0
                   ? COIL__HTTP1_GET
                   : method_if(memcmp(start, "PUT", 3) == 0, COIL__HTTP1_PUT);
    case 4:
        return memcmp(start, "POST", 4) == 0
                   ? COIL__HTTP1_POST
                   : method_if(memcmp(start, "HEAD", 4) == 0, COIL__HTTP1_HEAD);
    case 5:
        return memcmp(start, "PATCH", 5) == 0
                   ? COIL__HTTP1_PATCH
                   : method_if(memcmp(start, "TRACE", 5) == 0, COIL__HTTP1_TRACE);
    case 6:
        return method_if(memcmp(start, "DELETE", 6) == 0, COIL__HTTP1_DELETE);
    case 7:
        return memcmp(start, "OPTIONS", 7) == 0
                   ? COIL__HTTP1_OPTIONS
                   : method_if(memcmp(start, "CONNECT", 7) == 0, COIL__HTTP1_CONNECT);
    default:
        return COIL__HTTP1_OTHER;
    }
}

const char *coil__http1_method_name(enum coil__http1_method method)
{
    return (unsigned)method < METHODS ? methods[method] : "";
}

/* --- statuses --- */

static const char *const informational[] = {
    "Continue",
    "Switching Protocols",
    "Processing",
    "Early Hints",
};

static const char *const successful[] = {
    [0] = "OK",
    [1] = "Created",
    [2] = "Accepted",
    [3] = "Non-Authoritative Information",
    [4] = "No Content",
    [5] = "Reset Content",
    [6] = "Partial Content",
    [7] = "Multi-Status",
    [8] = "Already Reported",
    [26] = "IM Used",
};

static const char *const redirection[] = {
    [0] = "Multiple Choices",   [1] = "Moved Permanently",  [2] = "Found",
    [3] = "See Other",          [4] = "Not Modified",       [5] = "Use Proxy",
    [7] = "Temporary Redirect", [8] = "Permanent Redirect",
};

static const char *const client_error[] = {
    [0] = "Bad Request",
    [1] = "Unauthorized",
    [2] = "Payment Required",
    [3] = "Forbidden",
    [4] = "Not Found",
    [5] = "Method Not Allowed",
    [6] = "Not Acceptable",
    [7] = "Proxy Authentication Required",
    [8] = "Request Timeout",
    [9] = "Conflict",
    [10] = "Gone",
    [11] = "Length Required",
    [12] = "Precondition Failed",
    [13] = "Content Too Large",
    [14] = "URI Too Long",
    [15] = "Unsupported Media Type",
    [16] = "Range Not Satisfiable",
    [17] = "Expectation Failed",
    [21] = "Misdirected Request",
    [22] = "Unprocessable Content",
    [23] = "Locked",
    [24] = "Failed Dependency",
    [25] = "Too Early",
    [26] = "Upgrade Required",
    [28] = "Precondition Required",
    [29] = "Too Many Requests",
    [31] = "Request Header Fields Too Large",
    [51] = "Unavailable For Legal Reasons",
};

static const char *const server_error[] = {
    [0] = "Internal Server Error",
    [1] = "Not Implemented",
    [2] = "Bad Gateway",
    [3] = "Service Unavailable",
    [4] = "Gateway Timeout",
    [5] = "HTTP Version Not Supported",
    [6] = "Variant Also Negotiates",
    [7] = "Insufficient Storage",
    [8] = "Loop Detected",
    [11] = "Network Authentication Required",
};

/* By the first digit. */
static const struct {
    const char *const *reasons;
    size_t count;
} classes[] = {
    [1] = {informational, sizeof informational / sizeof *informational},
    [2] = {successful, sizeof successful / sizeof *successful},
    [3] = {redirection, sizeof redirection / sizeof *redirection},
    [4] = {client_error, sizeof client_error / sizeof *client_error},
    [5] = {server_error, sizeof server_error / sizeof *server_error},
};

const char *coil__http1_reason(unsigned status)
{
    unsigned hundreds = status / 100;
    const char *reason = NULL;

    if (hundreds < sizeof classes / sizeof *classes && status % 100 < classes[hundreds].count) {
        reason = classes[hundreds].reasons[status % 100];
    }
    return reason ? reason : "";
}

/* --- errors --- */

static const struct {
    const char *sentence;
    unsigned status;
} errors[] = {
    [0] = {"no error", 500},
    [COIL__HTTP1_EEMPTYLINES - COIL__HTTP1_ENOERROR] = {"empty lines before the request", 400},
    [COIL__HTTP1_EMETHOD - COIL__HTTP1_ENOERROR] = {"the method is no token", 400},
    [COIL__HTTP1_ELONGMETHOD - COIL__HTTP1_ENOERROR] = {"the method is too long", 501},
    [COIL__HTTP1_ETARGET - COIL__HTTP1_ENOERROR] = {"the request target is malformed", 400},
    [COIL__HTTP1_EVERSION - COIL__HTTP1_ENOERROR] = {"the HTTP version is malformed", 400},
    [COIL__HTTP1_EMAJOR - COIL__HTTP1_ENOERROR] = {"this version of HTTP is not supported", 505},
    [COIL__HTTP1_ESTATUS - COIL__HTTP1_ENOERROR] = {"the status code is malformed", 400},
    [COIL__HTTP1_EREASON - COIL__HTTP1_ENOERROR] = {"a control character in the status line", 400},
    [COIL__HTTP1_EBARECR - COIL__HTTP1_ENOERROR] = {"a CR without LF", 400},
    [COIL__HTTP1_EBARELF - COIL__HTTP1_ENOERROR] = {"a line ends with LF alone", 400},
    [COIL__HTTP1_EFOLD - COIL__HTTP1_ENOERROR] = {"a field line begins with a blank", 400},
    [COIL__HTTP1_EBLANK - COIL__HTTP1_ENOERROR] = {"a blank before the colon of a field", 400},
    [COIL__HTTP1_ENAME - COIL__HTTP1_ENOERROR] = {"a field name is no token", 400},
    [COIL__HTTP1_ENOCOLON - COIL__HTTP1_ENOERROR] = {"a field line without a colon", 400},
    [COIL__HTTP1_EVALUE - COIL__HTTP1_ENOERROR] = {"a control character in a field value", 400},
    [COIL__HTTP1_ELONGLINE - COIL__HTTP1_ENOERROR] = {"the start line is too long", 414},
    [COIL__HTTP1_ELONGFIELD - COIL__HTTP1_ENOERROR] = {"a field line is too long", 431},
    [COIL__HTTP1_EFIELDS - COIL__HTTP1_ENOERROR] = {"too many fields", 431},
    [COIL__HTTP1_EHEAD - COIL__HTTP1_ENOERROR] = {"the head is too large", 431},
    [COIL__HTTP1_EBODY - COIL__HTTP1_ENOERROR] = {"the body is too large", 413},
    [COIL__HTTP1_EOVERHEAD -
        COIL__HTTP1_ENOERROR] = {"too much in chunk extensions or trailers", 400},
    [COIL__HTTP1_ENOHOST - COIL__HTTP1_ENOERROR] = {"no Host field", 400},
    [COIL__HTTP1_EHOSTS - COIL__HTTP1_ENOERROR] = {"more than one Host field", 400},
    [COIL__HTTP1_EHOST - COIL__HTTP1_ENOERROR] = {"the Host field is malformed", 400},
    [COIL__HTTP1_ELENGTH - COIL__HTTP1_ENOERROR] = {"the Content-Length is no length", 400},
    [COIL__HTTP1_ELENGTHS - COIL__HTTP1_ENOERROR] = {"more than one Content-Length", 400},
    [COIL__HTTP1_ECODING -
        COIL__HTTP1_ENOERROR] = {"the transfer coding does not end with chunked", 400},
    [COIL__HTTP1_EUNKNOWN - COIL__HTTP1_ENOERROR] = {"an unknown transfer coding", 501},
    [COIL__HTTP1_ETWO - COIL__HTTP1_ENOERROR] = {"both Transfer-Encoding and Content-Length", 400},
    [COIL__HTTP1_EOLD - COIL__HTTP1_ENOERROR] = {"Transfer-Encoding in HTTP/1.0", 400},
    [COIL__HTTP1_ECONNECTION - COIL__HTTP1_ENOERROR] = {"the Connection field is malformed", 400},
    [COIL__HTTP1_EEXPECT - COIL__HTTP1_ENOERROR] = {"an unknown expectation", 417},
    [COIL__HTTP1_ECHUNK - COIL__HTTP1_ENOERROR] = {"a chunk size is malformed", 400},
    [COIL__HTTP1_ECHUNKEND - COIL__HTTP1_ENOERROR] = {"a chunk is longer than its size says", 400},
    [COIL__HTTP1_ETRAILER - COIL__HTTP1_ENOERROR] = {"a trailer that changes the framing", 400},
    [COIL__HTTP1_EEND - COIL__HTTP1_ENOERROR] = {"the connection ended before the message", 400},
    [COIL__HTTP1_EINVALID - COIL__HTTP1_ENOERROR] = {"a call that is not allowed here", 500},
};

_Static_assert(sizeof errors / sizeof *errors == COIL__HTTP1_ERROR_END - COIL__HTTP1_ENOERROR,
               "each error has a sentence");

static size_t error_index(int error)
{
    int64_t index = -(int64_t)error - COIL__HTTP1_ENOERROR;

    return index > 0 && index < COIL__HTTP1_ERROR_END - COIL__HTTP1_ENOERROR ? (size_t)index : 0;
}

const char *coil__http1_error_text(int error)
{
    return errors[error_index(error)].sentence;
}

unsigned coil__http1_error_status(int error)
{
    return errors[error_index(error)].status;
}
