/* http1_body.c - bodies: of a known length, in chunks (RFC 9112, section 7.1), until the end of the
 * connection; one call for all of them.
 *
 * Chunk sizes and their line ends are taken byte by byte, so that nothing of them needs to be kept
 * by the caller. Trailer lines are taken whole, because slices of them are handed out; how far one
 * has been looked at is remembered (scanned_), so no byte is looked at again and again.
 *
 * Extensions are skipped and bounded: those of a chunk, and what all of them have more than the
 * data. Otherwise a few bytes of body could be wrapped in any number of bytes that cost time.
 */
#include "wire/http1_internal.h"

enum phase {
    /* Of chunked bodies, in this order. */
    CHUNK_SIZE,
    CHUNK_BLANK,     /* behind the size: only a ';' may follow (BWS) */
    CHUNK_EXTENSION, /* up to CR */
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_CR,
    CHUNK_LF,
    TRAILERS,
    /* The others. */
    BYTES,
    DONE,
    FAILED,
};

enum { MAX_DIGITS = 16 };

int coil__http1_body_init(struct coil__http1_body *body, enum coil__http1_framing framing,
                          uint64_t length, uint64_t limit)
{
    bool is_length = framing == COIL__HTTP1_LENGTH;
    bool has_bytes = framing == COIL__HTTP1_UNTIL_CLOSE || (is_length && length > 0);

    if (is_length && length > limit) {
        return -COIL__HTTP1_EBODY;
    }
    *body = (struct coil__http1_body){
        .left_ = is_length ? length : 0,
        .room_ = limit,
        .framing_ = (uint8_t)framing,
        .phase_ = framing == COIL__HTTP1_CHUNKED ? CHUNK_SIZE
                  : has_bytes                    ? BYTES
                                                 : DONE,
    };
    return 0;
}

bool coil__http1_body_is_done(const struct coil__http1_body *body)
{
    return body->phase_ == DONE;
}

int coil__http1_body_end(struct coil__http1_body *body)
{
    if (body->framing_ == COIL__HTTP1_UNTIL_CLOSE) {
        body->phase_ = DONE;
    }
    return body->phase_ == DONE ? 0 : -COIL__HTTP1_EEND;
}

/* --- of a known length, or until the end --- */

static int next_bytes(struct coil__http1_body *body, const char *data, size_t size,
                      struct coil__http1_piece *ret_piece)
{
    if (size == 0) {
        return COIL__HTTP1_MORE;
    }
    if (body->framing_ == COIL__HTTP1_UNTIL_CLOSE) {
        if (body->room_ == 0) {
            return -COIL__HTTP1_EBODY;
        }
        size = size < body->room_ ? size : (size_t)body->room_;
        body->room_ -= size;
    } else {
        size = size < body->left_ ? size : (size_t)body->left_;
        body->left_ -= size;
        body->phase_ = body->left_ > 0 ? BYTES : DONE;
    }
    ret_piece->data = (struct coil__slice){data, size};
    ret_piece->consumed = size;
    return COIL__HTTP1_DATA;
}

/* --- chunks --- */

/* Behind the size: 0 or negative. */
static int end_size(struct coil__http1_body *body, char c)
{
    if (body->digits_ == 0) {
        return -COIL__HTTP1_ECHUNK;
    }
    switch (c) {
    case '\r':
        body->phase_ = CHUNK_SIZE_LF;
        return 0;
    case ';':
        body->phase_ = CHUNK_EXTENSION;
        break;
    case ' ':
    case '\t':
        body->phase_ = CHUNK_BLANK;
        break;
    default:
        return -COIL__HTTP1_ECHUNK;
    }
    body->extension_ = 1;
    return 0;
}

static int take_size(struct coil__http1_body *body, char c)
{
    int digit = coil__hex_value(c);

    if (digit < 0) {
        return end_size(body, c);
    }
    if (++body->digits_ > MAX_DIGITS || body->left_ > (uint64_t)INT64_MAX >> 4) {
        return -COIL__HTTP1_ECHUNK;
    }
    body->left_ = body->left_ << 4 | (unsigned)digit;
    return 0;
}

/* RFC 9112, section 7.1.1. What an extension is made of does not matter, as long as it has no
 * control characters: nothing in it can hide the line's end, quoted or not. */
static int take_extension(struct coil__http1_body *body, char c)
{
    if (body->phase_ == CHUNK_BLANK && !coil__http1_is_blank(c)) {
        if (c != ';') {
            return -COIL__HTTP1_ECHUNK;
        }
        body->phase_ = CHUNK_EXTENSION;
    }
    if (c == '\r') {
        body->phase_ = CHUNK_SIZE_LF;
        body->excess_ += body->extension_;
        return body->excess_ > COIL__HTTP1_MAX_OVERHEAD ? -COIL__HTTP1_EOVERHEAD : 0;
    }
    if (!coil__http1_is_in(c, COIL__HTTP1_TEXT)) {
        return -COIL__HTTP1_ECHUNK;
    }
    return ++body->extension_ > COIL__HTTP1_MAX_EXTENSION ? -COIL__HTTP1_EOVERHEAD : 0;
}

/* The size is there in full. */
static int begin_chunk(struct coil__http1_body *body, char c)
{
    if (c != '\n') {
        return -COIL__HTTP1_ECHUNK;
    }
    if (body->left_ > body->room_) {
        return -COIL__HTTP1_EBODY;
    }
    body->room_ -= body->left_;
    body->phase_ = body->left_ > 0 ? CHUNK_DATA : TRAILERS;
    body->digits_ = 0;
    body->extension_ = 0;
    return 0;
}

/* Takes what stands between the data of two chunks: 0 or negative. */
static int take_byte(struct coil__http1_body *body, char c)
{
    switch ((enum phase)body->phase_) {
    case CHUNK_SIZE:
        return take_size(body, c);
    case CHUNK_BLANK:
    case CHUNK_EXTENSION:
        return take_extension(body, c);
    case CHUNK_SIZE_LF:
        return begin_chunk(body, c);
    case CHUNK_CR:
        body->phase_ = CHUNK_LF;
        return c == '\r' ? 0 : -COIL__HTTP1_ECHUNKEND;
    case CHUNK_LF:
        body->phase_ = CHUNK_SIZE;
        return c == '\n' ? 0 : -COIL__HTTP1_ECHUNKEND;
    default:
        return -COIL__HTTP1_EINVALID;
    }
}

static void take_data(struct coil__http1_body *body, const char *at, size_t size,
                      struct coil__http1_piece *ret_piece)
{
    size = size < body->left_ ? size : (size_t)body->left_;
    body->left_ -= size;
    body->excess_ -= (int64_t)size;
    if (body->excess_ < 0) {
        body->excess_ = 0;
    }
    body->phase_ = body->left_ > 0 ? CHUNK_DATA : CHUNK_CR;
    ret_piece->data = (struct coil__slice){at, size};
}

/* --- trailers --- */

/* Those that would say something else about framing or routing than the head has said: nobody sends
 * them but to mislead. (Names in small letters, here and below.) */
static const char *const refused[] = {"content-length", "host", "transfer-encoding", NULL};

/* Those that come too late to be acted upon: left out (RFC 9110, section 6.5.1). */
static const char *const left_out[] = {
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "upgrade",
    "vary",
    "warning",
    "www-authenticate",
    NULL,
};

static bool is_small(struct coil__slice name, const char *word)
{
    size_t i = 0;

    while (i < name.size && word[i] != '\0' && (name.start[i] | 0x20) == word[i]) {
        i++;
    }
    return i == name.size && word[i] == '\0';
}

static bool is_among(struct coil__slice name, const char *const *names)
{
    for (; *names; names++) {
        if (is_small(name, *names)) {
            return true;
        }
    }
    return false;
}

/* Reads the line at `line`, and moves it behind that: an event, or negative. COIL__HTTP1_DATA: it
 * was left out. */
static int next_trailer(struct coil__http1_body *body, const char **line, const char *end,
                        struct coil__http1_field *ret_field)
{
    const char *stop = coil__http1_skip_text(*line + body->scanned_, end);
    size_t length = (size_t)(stop - *line);
    const char *next;

    if (length > COIL__HTTP1_MAX_TRAILER ||
        length > (size_t)COIL__HTTP1_MAX_TRAILERS - body->trailers_) {
        return -COIL__HTTP1_EOVERHEAD;
    }
    if (coil__http1_is_open(stop, end)) {
        body->scanned_ = (uint32_t)length;
        return COIL__HTTP1_MORE;
    }
    body->scanned_ = 0;
    body->trailers_ += (uint32_t)length;
    if (length == 0 && coil__http1_is_line_end(*line, end)) {
        *line += 2;
        body->phase_ = DONE;
        return COIL__HTTP1_END;
    }
    next = coil__http1_read_field(*line, coil__http1_loads_end(*line, end), end, ret_field);
    if (!next) {
        return coil__http1_field_trouble(*line, end);
    }
    *line = next;
    if (is_among(ret_field->name, refused)) {
        return -COIL__HTTP1_ETRAILER;
    }
    return is_among(ret_field->name, left_out) ? COIL__HTTP1_DATA : COIL__HTTP1_TRAILER;
}

static int next_chunked(struct coil__http1_body *body, const char *data, size_t size,
                        struct coil__http1_piece *ret_piece)
{
    const char *end = data + size;
    const char *at = data;
    int rc = 0;

    while (at < end && body->phase_ != TRAILERS && rc == 0) {
        if (body->phase_ == CHUNK_DATA) {
            take_data(body, at, (size_t)(end - at), ret_piece);
            at += ret_piece->data.size;
            rc = COIL__HTTP1_DATA;
        } else {
            rc = take_byte(body, *at++);
        }
    }
    if (rc == 0 && body->phase_ == TRAILERS) {
        do {
            rc = next_trailer(body, &at, end, &ret_piece->trailer);
        } while (rc == COIL__HTTP1_DATA);
    }
    ret_piece->consumed = (size_t)(at - data);
    return rc;
}

int coil__http1_body_next(struct coil__http1_body *body, const char *data, size_t size,
                          struct coil__http1_piece *ret_piece)
{
    struct coil__http1_piece piece = {0};
    int rc;

    data = size > 0 ? data : "";
    if (body->phase_ == DONE) {
        rc = COIL__HTTP1_END;
    } else if (body->phase_ == FAILED) {
        rc = -COIL__HTTP1_EINVALID;
    } else if (body->phase_ == BYTES) {
        rc = next_bytes(body, data, size, &piece);
    } else {
        rc = next_chunked(body, data, size, &piece);
    }
    if (rc >= 0) {
        *ret_piece = piece;
    } else {
        body->phase_ = FAILED;
    }
    return rc;
}
