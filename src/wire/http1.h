/* http1.h - HTTP/1.1 messages (RFC 9110, RFC 9112): bytes in, heads and pieces of bodies out, and
 * back. No sockets, no clock, no allocation: what is found are slices of the bytes that were given.
 *
 * A server, for each request on a connection:
 *
 *     struct coil__http1_field fields[64];
 *     struct coil__http1_head head;
 *     coil__http1_head_init(&head, fields, 64, NULL);      // again for each message
 *     do {
 *         peek: all bytes that have come and were not consumed
 *         n = coil__http1_parse_request(&head, data, size);
 *     } while (n == 0);                                    // the peer's end before: see below
 *     if (n < 0) answer coil__http1_error_status(n), and close
 *     ... head.method, head.target, head.fields: until these n bytes are consumed
 *     coil__http1_body_init(&body, head.framing, head.content_length, limit);
 *     consume n
 *     while ((event = coil__http1_body_next(&body, data, size, &piece)) != COIL__HTTP1_END) {
 *         COIL__HTTP1_DATA:    use piece.data, then consume piece.consumed
 *         COIL__HTTP1_TRAILER: use piece.trailer, then consume piece.consumed
 *         COIL__HTTP1_MORE:    consume piece.consumed, peek more
 *         negative:            answer its status if nothing was answered yet, and close
 *     }
 *     consume piece.consumed
 *
 * A client does the same with coil__http1_parse_response, which has to know the request's method.
 *
 * Strict, without a lenient mode: two parsers that understand the same bytes differently are what
 * request smuggling is made of. A line ends with CRLF and with nothing else. What is refused, and
 * why, stands with the errors below; that the result does not depend on how the bytes come in
 * pieces is tested for every message of the tests.
 *
 * Where the RFCs leave a choice it was made so:
 *   - Content-Length that comes twice, or as a list, is refused also where all values are equal;
 *     so are more than 19 digits, and zeros in front only count as digits.
 *   - Transfer-Encoding is "chunked" alone or the message is refused; in HTTP/1.0 always, and
 *     beside a Content-Length always, in responses too.
 *   - A head may begin with some empty lines (requests only).
 *   - A target has visible ASCII characters and no '#'. That is more than RFC 3986 has ('|', '^'),
 *     because browsers send these; whoever takes the URL apart decides.
 *   - An absolute-form target says which host is meant, whatever Host says (RFC 9112, 3.2.2).
 *   - HTTP/1.2 to 1.9 are 1.1; all else is refused.
 *   - A status line may end behind the status, without the blank that should be there.
 *   - Unknown expectations are refused (417); Expect and Upgrade in HTTP/1.0 are not heard.
 */
#ifndef COIL__WIRE_HTTP1_H
#define COIL__WIRE_HTTP1_H

#include "wire/slice.h"

/* Why a message is refused, or cannot be written. Used negated. Far from errno and coil_error, so
 * that none is taken for another. */
enum coil__http1_error {
    COIL__HTTP1_ENOERROR = 8192,
    /* The start line (RFC 9112, sections 2.2, 3 and 4). */
    COIL__HTTP1_EEMPTYLINES, /* too many of them before a request */
    COIL__HTTP1_EMETHOD,     /* is no token */
    COIL__HTTP1_ELONGMETHOD, /* longer than any there is: 501 */
    COIL__HTTP1_ETARGET,     /* a character it must not have, or not of a form the method allows */
    COIL__HTTP1_EVERSION,    /* no HTTP-version, or something between it and the line's end */
    COIL__HTTP1_EMAJOR,      /* HTTP of another major version: 505 */
    COIL__HTTP1_ESTATUS,     /* no status code */
    COIL__HTTP1_EREASON,     /* a character that a reason phrase must not have */
    /* Lines and fields (RFC 9112, sections 2.2 and 5; RFC 9110, section 5). */
    COIL__HTTP1_EBARECR,  /* CR without LF */
    COIL__HTTP1_EBARELF,  /* LF without CR */
    COIL__HTTP1_EFOLD,    /* a line that begins with a blank: obs-fold */
    COIL__HTTP1_EBLANK,   /* a blank before the colon */
    COIL__HTTP1_ENAME,    /* an empty field name, or a character it must not have */
    COIL__HTTP1_ENOCOLON, /* a line without a colon */
    COIL__HTTP1_EVALUE,   /* a control character in a field's value */
    /* Bounds. */
    COIL__HTTP1_ELONGLINE,  /* the start line: 414 */
    COIL__HTTP1_ELONGFIELD, /* 431 */
    COIL__HTTP1_EFIELDS,    /* too many: 431 */
    COIL__HTTP1_EHEAD,      /* the head in all is too large: 431 */
    COIL__HTTP1_EBODY,      /* the body is larger than the caller takes: 413 */
    COIL__HTTP1_EOVERHEAD,  /* too much in chunk extensions or trailers: 400 */
    /* What the fields say about the message. */
    COIL__HTTP1_ENOHOST,     /* HTTP/1.1 without Host (RFC 9112, section 3.2) */
    COIL__HTTP1_EHOSTS,      /* more than one */
    COIL__HTTP1_EHOST,       /* no host with a port, or without one */
    COIL__HTTP1_ELENGTH,     /* Content-Length: no number, or too large (RFC 9112, section 6.3) */
    COIL__HTTP1_ELENGTHS,    /* more than one */
    COIL__HTTP1_ECODING,     /* chunked is not the last coding, or stands there twice */
    COIL__HTTP1_EUNKNOWN,    /* a coding before chunked: 501 */
    COIL__HTTP1_ETWO,        /* Transfer-Encoding and Content-Length */
    COIL__HTTP1_EOLD,        /* Transfer-Encoding in HTTP/1.0 (RFC 9112, section 6.1) */
    COIL__HTTP1_ECONNECTION, /* Connection is no list of tokens (RFC 9110, section 7.6.1) */
    COIL__HTTP1_EEXPECT,     /* anything but 100-continue: 417 (RFC 9110, section 10.1.1) */
    /* The body (RFC 9112, section 7.1). */
    COIL__HTTP1_ECHUNK,    /* no chunk size, or too large, or no line end behind it */
    COIL__HTTP1_ECHUNKEND, /* no line end behind the data of a chunk */
    COIL__HTTP1_ETRAILER,  /* a trailer that would change the framing (RFC 9110, section 6.5.1) */
    COIL__HTTP1_EEND,      /* the connection's end came before the body's */
    /* Misuse of the calls. */
    COIL__HTTP1_EINVALID,
    COIL__HTTP1_ERROR_END,
};

/* Both take the negative error. The sentence has no full stop; static storage, never NULL. The
 * status is that of a server's answer: 400, 413, 414, 417, 431, 501, 505; 500 for misuse. */
const char *coil__http1_error_text(int error);
unsigned coil__http1_error_status(int error);

/* --- names --- */

/* RFC 9110, section 9.3, and RFC 5789. Names are case-sensitive. */
enum coil__http1_method {
    COIL__HTTP1_OTHER, /* a token: its name stands in the head */
    COIL__HTTP1_GET,
    COIL__HTTP1_HEAD,
    COIL__HTTP1_POST,
    COIL__HTTP1_PUT,
    COIL__HTTP1_DELETE,
    COIL__HTTP1_CONNECT,
    COIL__HTTP1_OPTIONS,
    COIL__HTTP1_TRACE,
    COIL__HTTP1_PATCH,
};

enum coil__http1_method coil__http1_method_of(struct coil__slice name);
/* "GET"; "" for OTHER. */
const char *coil__http1_method_name(enum coil__http1_method method);

/* "Not Found" for 404 (RFC 9110, section 15, and IANA's registry); "" for unknown ones. Static. */
const char *coil__http1_reason(unsigned status);

/* --- heads --- */

struct coil__http1_field {
    struct coil__slice name;  /* as it was sent; names are compared without regard to case */
    struct coil__slice value; /* without the blanks around it */
};

/* Bytes; 0: the default. More than COIL__HTTP1_MAX_HEAD is that. */
struct coil__http1_limits {
    uint32_t head;       /* from the first byte to the empty line's end: 32 KiB */
    uint32_t start_line; /* without its end: 8 KiB (RFC 9112, section 3, wants 8,000) */
    uint32_t field;      /* a field line without its end: 16 KiB */
};

enum {
    COIL__HTTP1_DEFAULT_HEAD = 32768,
    COIL__HTTP1_DEFAULT_START_LINE = 8192,
    COIL__HTTP1_DEFAULT_FIELD = 16384,
    COIL__HTTP1_MAX_HEAD = 1 << 30,
    COIL__HTTP1_MAX_METHOD = 32,
    COIL__HTTP1_MAX_EMPTY_LINES = 4, /* before a request (RFC 9112, section 2.2) */
};

/* How the end of a body is found (RFC 9112, section 6.3). */
enum coil__http1_framing {
    COIL__HTTP1_NO_BODY,
    COIL__HTTP1_LENGTH, /* content_length bytes, maybe 0 */
    COIL__HTTP1_CHUNKED,
    COIL__HTTP1_UNTIL_CLOSE, /* responses only */
    COIL__HTTP1_TUNNEL,      /* what follows is not HTTP: 101, and 2xx to CONNECT */
};

/* RFC 9112, section 3.2. */
enum coil__http1_form {
    COIL__HTTP1_ORIGIN_FORM,    /* "/path?query" */
    COIL__HTTP1_ABSOLUTE_FORM,  /* "http://host/path" */
    COIL__HTTP1_AUTHORITY_FORM, /* "host:port": CONNECT, and only that */
    COIL__HTTP1_ASTERISK_FORM,  /* "*": OPTIONS only */
};

/* A head. What was found is valid when a parse has returned a size, and slices as long as the bytes
 * of that call. */
struct coil__http1_head {
    struct coil__http1_field *fields; /* in the order in which they came */
    size_t field_count;
    /* A request's. */
    struct coil__slice method_name;
    struct coil__slice target;
    struct coil__slice host; /* with its port: the target's, else that of Host; or absent */
    enum coil__http1_method method;
    enum coil__http1_form form;
    /* A response's. */
    struct coil__slice reason;
    unsigned status; /* 100 to 999; above 599 means 5xx (RFC 9110, section 15) */
    /* Both. */
    enum coil__http1_framing framing;
    uint64_t content_length;    /* at most INT64_MAX; also where no body follows (HEAD) */
    struct coil__slice upgrade; /* has_upgrade: the value of the first Upgrade field */
    uint8_t minor_version;      /* 0 or 1 */
    bool has_content_length;
    bool keep_alive; /* another message may follow on the connection (RFC 9112, section 9.3) */
    bool expects_continue;
    bool has_upgrade; /* Upgrade is there, and Connection names it (RFC 9110, section 7.8) */
    /* Private: how far it has come. */
    uint8_t phase_;
    uint8_t empty_lines_;
    uint16_t seen_;
    uint32_t at_;      /* the first line that was not understood yet */
    uint32_t scanned_; /* where its end is to be looked for */
    uintptr_t base_;   /* where the slices' bytes lay in the last call */
    size_t capacity_;
    struct coil__http1_limits limits_;
};

/* Makes it ready for a message. fields: room for `capacity` of them, which stays the caller's; more
 * in a message are an error. limits: copied; NULL for the defaults. */
void coil__http1_head_init(struct coil__http1_head *head, struct coil__http1_field *fields,
                           size_t capacity, const struct coil__http1_limits *limits);

/* Makes it ready for the next message, with the same fields and limits. */
void coil__http1_head_reset(struct coil__http1_head *head);

/* Looks at all bytes of a message that have come so far. data: `size` bytes; a later call must
 * begin with the same bytes, and more, but they may lie elsewhere. Returns the head's size, with
 * its empty line (and, of a request, empty lines before it); 0: more is needed; or a negative
 * error, after which only reset and init are allowed. An error is told when its line has come to
 * an end, or is too long: so it is the same however the bytes come. Single bytes do not cost more
 * than many: how far was looked is kept. */
int coil__http1_parse_request(struct coil__http1_head *head, const char *data, size_t size);

/* The same for the response to a request with that method. A 1xx other than 101 is a head of its
 * own, behind which the response is still to come. */
int coil__http1_parse_response(struct coil__http1_head *head, enum coil__http1_method request,
                               const char *data, size_t size);

/* The first field of that name, whatever its case, from the `from`-th on; NULL: there is none. */
const struct coil__http1_field *coil__http1_find(const struct coil__http1_head *head, size_t from,
                                                 struct coil__slice name);

/* --- bodies --- */

enum coil__http1_event {
    COIL__HTTP1_MORE,    /* nothing to hand out yet: consume, and come again with more */
    COIL__HTTP1_DATA,    /* a piece of the body, of at least one byte */
    COIL__HTTP1_TRAILER, /* a trailer field (RFC 9110, section 6.5) */
    COIL__HTTP1_END,     /* the body is over; what follows is the next message */
};

enum {
    COIL__HTTP1_MAX_EXTENSION = 256,  /* bytes behind one chunk size */
    COIL__HTTP1_MAX_OVERHEAD = 16384, /* of extensions, beyond the bytes of data */
    COIL__HTTP1_MAX_TRAILER = 8192,   /* a line */
    COIL__HTTP1_MAX_TRAILERS = 16384, /* all of them */
};

struct coil__http1_body {
    uint64_t left_;  /* of the body, or of the chunk */
    uint64_t room_;  /* what the limit still allows; UNTIL_CLOSE and CHUNKED */
    int64_t excess_; /* bytes of extensions less those of data */
    uint32_t scanned_;
    uint32_t trailers_; /* bytes */
    uint16_t digits_;
    uint16_t extension_;
    uint8_t framing_;
    uint8_t phase_;
};

struct coil__http1_piece {
    size_t consumed;         /* bytes that must not be given again; data and trailer lie in them */
    struct coil__slice data; /* COIL__HTTP1_DATA */
    struct coil__http1_field trailer; /* COIL__HTTP1_TRAILER */
};

/* Begins a body. framing, length: as the head has it. limit: most bytes of it; UINT64_MAX for no
 * limit. 0, or -COIL__HTTP1_EBODY: it is known to be larger. */
int coil__http1_body_init(struct coil__http1_body *body, enum coil__http1_framing framing,
                          uint64_t length, uint64_t limit);

/* The next piece. data: the bytes that follow what was consumed. An enum coil__http1_event or a
 * negative error; `*ret_piece` is written unless it is an error. Each call but one that says MORE
 * may be followed by another with the rest of the bytes; after MORE more must have come. A trailer
 * line is taken whole, so its beginning is not consumed before its end is there. Trailers that a
 * recipient must not act upon are left out (RFC 9110, section 6.5.1). After END always END. */
int coil__http1_body_next(struct coil__http1_body *body, const char *data, size_t size,
                          struct coil__http1_piece *ret_piece);

/* The connection has ended, and all that came was consumed: 0 if the body may end there, else
 * -COIL__HTTP1_EEND (RFC 9112, section 8). */
int coil__http1_body_end(struct coil__http1_body *body);

/* True when all was handed out: coil__http1_body_next would say END without more bytes. */
bool coil__http1_body_is_done(const struct coil__http1_body *body);

/* --- writing --- */

/* Puts a head together, piece by piece; see coil__http1_writer_end. buf: the caller's. */
struct coil__http1_writer {
    char *buf;
    size_t size;
    size_t length; /* what is needed so far: may be more than size */
    int error;     /* the first, negative; 0: none */
};

static inline void coil__http1_writer_init(struct coil__http1_writer *writer, char *buf,
                                           size_t size)
{
    *writer = (struct coil__http1_writer){.buf = buf, .size = size};
}

/* A status line of HTTP/1.1. status: 100 to 999. reason: absent for the usual one. */
void coil__http1_write_status(struct coil__http1_writer *writer, unsigned status,
                              struct coil__slice reason);

/* A request line of HTTP/1.1. */
void coil__http1_write_request(struct coil__http1_writer *writer, struct coil__slice method,
                               struct coil__slice target);

/* A field line. What would not be read back as one field is refused: a name that is no token
 * (ENAME), a value with CR, LF, NUL or another control than a tab (EVALUE). */
void coil__http1_write_field(struct coil__http1_writer *writer, struct coil__slice name,
                             struct coil__slice value);
void coil__http1_write_number(struct coil__http1_writer *writer, struct coil__slice name,
                              uint64_t number);

/* The size line of a chunk of `size` bytes, at least 1 (else EINVALID: an empty chunk would end the
 * body). Its data follows, and then a coil__http1_write_line_end. */
void coil__http1_write_chunk(struct coil__http1_writer *writer, uint64_t size);
void coil__http1_write_line_end(struct coil__http1_writer *writer);

/* The last chunk. Trailers may follow (coil__http1_write_field), and then a line end. */
void coil__http1_write_last_chunk(struct coil__http1_writer *writer);

/* The bytes of all that was written, or the first error. If they are more than the room, nothing
 * that is in the buffer is of use: do the same again with as much room. */
static inline int64_t coil__http1_writer_end(const struct coil__http1_writer *writer)
{
    return writer->error ? writer->error : (int64_t)writer->length;
}

enum { COIL__HTTP1_CHUNK_ROOM = 18 }; /* bytes of the longest size line */

#endif
