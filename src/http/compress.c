/* compress.c - whether a response is coded, what its head says then, and the coding of its body.
 *
 * The exchange has a compression from the moment somebody asks for it. It is turned on by the head
 * (choose), where all is known that counts; the libraries' state is made with the first byte.
 */
#include "http/compress.h"

#include "base/memory.h"
#include "wire/media_type.h"
#include "wire/negotiate.h"

#include <coil/task.h>

#include <errno.h>

enum {
    USUAL_MIN_SIZE = 1000,
    AT_ONCE = 1024 * 1024, /* larger bodies are coded piece by piece */
    SLICE = 64 * 1024,     /* then others run */
    ROOM = 16 * 1024,      /* of what has come out */
    ACCEPT_ROOM = 512,     /* bytes of Accept-Encoding in several lines */
};

int coil_http_compress(struct coil_http_exchange *exchange,
                       const struct coil_http_compress_options *options)
{
    static const struct coil_http_compress_options none;

    if (!exchange) {
        return -EINVAL;
    }
    if (exchange->state != COIL__HTTP_UNANSWERED) {
        return -COIL_EINVALIDSTATE;
    }
    if (!exchange->compression) {
        exchange->compression = coil__calloc(1, sizeof *exchange->compression);
    }
    if (!exchange->compression) {
        return -ENOMEM;
    }
    exchange->compression->options = options ? *options : none;
    return 0;
}

void coil__http_compress_end(struct coil_http_exchange *exchange)
{
    if (exchange->compression) {
        coil__encoder_deinit(&exchange->compression->encoder);
        coil__http_buffer_free(&exchange->compression->coded);
        coil__free(exchange->compression);
        exchange->compression = NULL;
    }
}

/* --- the fields that the handler has added --- */

/* The next line of them: true, and its name and value. */
static bool next_line(struct coil__slice *lines, struct coil__slice *ret_name,
                      struct coil__slice *ret_value)
{
    const char *colon = lines->size > 0 ? memchr(lines->start, ':', lines->size) : NULL;
    const char *end =
        colon ? memchr(colon, '\n', lines->size - (size_t)(colon - lines->start)) : NULL;

    if (!end) {
        return false;
    }
    *ret_name = coil__slice_between(lines->start, colon);
    *ret_value = coil__slice_trim(coil__slice_between(colon + 1, end - 1)); /* CR LF */
    *lines = coil__slice_between(end + 1, lines->start + lines->size);
    return true;
}

/* Whether a list has that element. */
static bool has_element(struct coil__slice list, const char *element)
{
    while (list.size > 0) {
        const char *comma = memchr(list.start, ',', list.size);
        const char *end = comma ? comma : list.start + list.size;

        if (coil__slice_is_like(coil__slice_trim(coil__slice_between(list.start, end)), element)) {
            return true;
        }
        list = comma ? coil__slice_between(comma + 1, list.start + list.size)
                     : (struct coil__slice){0};
    }
    return false;
}

/* What the handler has said that counts here. */
struct said {
    bool is_final; /* the body must stay as it is */
    bool varies;   /* Vary names Accept-Encoding already */
    size_t etag;   /* where a strong tag stands in `extra`; 0: there is none */
};

static struct said look(const struct coil__http_buffer *extra)
{
    struct coil__slice lines = {extra->data, extra->end};
    struct coil__slice name;
    struct coil__slice value;
    struct said said = {0};

    while (next_line(&lines, &name, &value)) {
        if (coil__slice_is_like(name, "Content-Encoding") ||
            coil__slice_is_like(name, "Content-Range")) {
            said.is_final = true;
        } else if (coil__slice_is_like(name, "Cache-Control")) {
            said.is_final = said.is_final || has_element(value, "no-transform");
        } else if (coil__slice_is_like(name, "Vary")) {
            said.varies =
                said.varies || has_element(value, "Accept-Encoding") || has_element(value, "*");
        } else if (coil__slice_is_like(name, "ETag") && value.size > 0 && value.start[0] == '"') {
            said.etag = (size_t)(value.start - extra->data);
        }
    }
    return said;
}

/* All of it, or nothing: 0, -ENOMEM. coding: NULL: none. */
static int say(struct coil__http_buffer *extra, const struct said *said, const char *coding)
{
    static const char vary[] = "Vary: Accept-Encoding\r\n";
    static const char line[] = "Content-Encoding: ";
    int rc = coil__http_reserve(extra, sizeof vary + sizeof line + 16);

    if (rc < 0) {
        return rc;
    }
    if (coding && said->etag > 0) {
        memmove(extra->data + said->etag + 2, extra->data + said->etag, extra->end - said->etag);
        memcpy(extra->data + said->etag, "W/", 2);
        extra->end += 2;
    }
    if (!said->varies) {
        coil__http_put(extra, vary, sizeof vary - 1);
    }
    if (coding && *coding) {
        coil__http_put(extra, line, sizeof line - 1);
        coil__http_put(extra, coding, strlen(coding));
        coil__http_put(extra, "\r\n", 2);
    }
    return 0;
}

/* --- the choice --- */

/* All lines of Accept-Encoding as one; absent if there is none, or too much of it. */
static struct coil__slice accepted(const struct coil_http_exchange *exchange, char *room)
{
    struct coil__slice all = {0};
    size_t size = 0;

    for (size_t i = 0; i < exchange->field_count; i++) {
        const struct coil_http_field *field = &exchange->memory->fields[i];

        if (!coil__slice_is_like(coil__slice_of(field->name), "Accept-Encoding")) {
            continue;
        }
        if (!all.start) {
            all = coil__slice_of(field->value);
        } else {
            struct coil__slice next = coil__slice_of(field->value);

            if (all.size + next.size + 2 > ACCEPT_ROOM) {
                return (struct coil__slice){0};
            }
            memmove(room, all.start, all.size);
            memcpy(room + all.size, ", ", 2);
            memcpy(room + all.size + 2, next.start, next.size);
            size = all.size + 2 + next.size;
            all = (struct coil__slice){room, size};
        }
    }
    return all;
}

/* The coding that the client likes best; identity: none of ours. */
static enum coil__coding negotiate(const struct coil_http_exchange *exchange)
{
    const struct coil_http_compress_options *options = &exchange->compression->options;
    const char *offers[4];
    char room[ACCEPT_ROOM];
    size_t count = 0;
    int best;

    if (options->zstd_level >= 0) {
        offers[count++] = "zstd";
    }
    if (options->brotli_level >= 0) {
        offers[count++] = "br";
    }
    if (options->gzip_level >= 0) {
        offers[count++] = "gzip";
    }
    offers[count++] = "identity";
    best = coil__accept_encoding(accepted(exchange, room), offers, count);
    best = best < 0 ? COIL__CODING_IDENTITY : coil__coding_find(coil__slice_of(offers[best]));
    return best < 0 ? COIL__CODING_IDENTITY : (enum coil__coding)best;
}

static bool is_worth_it(const struct coil_http_exchange *exchange, const char *type, int64_t size)
{
    const struct coil_http_compress_options *options = &exchange->compression->options;
    size_t min_size = options->min_size > 0 ? options->min_size : USUAL_MIN_SIZE;

    return (size < 0 || (uint64_t)size >= min_size) &&
           (options->any_type || (type && coil__media_type_is_text(coil__slice_of(type))));
}

/* A validation is answered as the whole would have been (RFC 9110, section 15.4.5), of which only
 * the tag and the Vary are seen. */
static bool is_unchanged(unsigned status)
{
    return status == 304;
}

static bool has_whole_body(unsigned status)
{
    return status != 204 && status != 205 && status != 206 && status != 304;
}

/* Whether the body is to be coded, with what. ret_said: what the head says so far. */
static enum coil__coding choose(const struct coil_http_exchange *exchange, unsigned status,
                                const char *type, int64_t size, struct said *ret_said,
                                bool *ret_varies)
{
    *ret_said = look(&exchange->memory->extra);
    *ret_varies =
        !ret_said->is_final &&
        (is_unchanged(status) || (has_whole_body(status) && is_worth_it(exchange, type, size)));
    return *ret_varies ? negotiate(exchange) : COIL__CODING_IDENTITY;
}

static int level_of(const struct coil_http_compress_options *options, enum coil__coding coding)
{
    return coding == COIL__CODING_ZSTD     ? options->zstd_level
           : coding == COIL__CODING_BROTLI ? options->brotli_level
                                           : options->gzip_level;
}

/* --- as a whole --- */

/* 0: it stands in `coded`; 1: it is no shorter; -ENOMEM. */
static int encode_at_once(struct coil__http_compression *compression, enum coil__coding coding,
                          const void *body, size_t size)
{
    struct coil__http_buffer *coded = &compression->coded;
    struct coil__coding_buffers buffers = {.in = body, .in_size = size, .out_size = size - 1};
    int rc = coil__http_reserve(coded, size);

    if (rc < 0) {
        return rc;
    }
    buffers.out = coded->data;
    rc = coil__encoder_init(&compression->encoder, coding, level_of(&compression->options, coding),
                            size);
    rc = rc < 0 ? rc : coil__encoder_step(&compression->encoder, &buffers, COIL__CODING_END);
    coil__encoder_deinit(&compression->encoder);
    coded->end = size - 1 - buffers.out_size;
    return rc < 0 ? rc : rc == 0;
}

/* A body that is too large for one go is written like any other. 1, or an error. */
static int write_whole(struct coil_http_exchange *exchange, unsigned status, const char *type,
                       const void *body, size_t size)
{
    int rc = coil_http_begin(exchange, status, type, (int64_t)size);
    ssize_t written = rc < 0 ? rc : coil_http_write(exchange, body, size);

    rc = written < 0 ? (int)written : coil__http_finish(exchange);
    return rc < 0 ? rc : 1;
}

int coil__http_compress_reply(struct coil_http_exchange *exchange, unsigned status,
                              const char *type, const void **body, size_t *size)
{
    struct coil__http_compression *compression = exchange->compression;
    struct said said;
    bool varies;
    enum coil__coding coding = choose(exchange, status, type, (int64_t)*size, &said, &varies);
    const char *name = coding == COIL__CODING_IDENTITY ? NULL : coil__coding_name(coding);
    int rc;

    if (!varies) {
        return 0;
    }
    if (name && *size > AT_ONCE) {
        return write_whole(exchange, status, type, *body, *size);
    }
    if (name && is_unchanged(status)) {
        return say(&exchange->memory->extra, &said, "");
    }
    if (name) {
        rc = encode_at_once(compression, coding, *body, *size);
        if (rc < 0) {
            return rc;
        }
        name = rc == 0 ? name : NULL;
    }
    rc = say(&exchange->memory->extra, &said, name);
    if (rc == 0 && name) {
        *body = compression->coded.data;
        *size = compression->coded.end;
    }
    return rc;
}

/* --- piece by piece --- */

bool coil__http_compress_begin(struct coil_http_exchange *exchange, unsigned status,
                               const char *type, int64_t size)
{
    struct coil__http_compression *compression = exchange->compression;
    struct said said;
    bool varies;
    enum coil__coding coding = choose(exchange, status, type, size, &said, &varies);
    bool is_coded = coding != COIL__CODING_IDENTITY && !is_unchanged(status);

    if (!varies || (is_coded && coil__http_reserve(&compression->coded, ROOM) < 0) ||
        say(&exchange->memory->extra, &said,
            is_coded                          ? coil__coding_name(coding)
            : coding != COIL__CODING_IDENTITY ? ""
                                              : NULL) < 0) {
        return false;
    }
    compression->is_on = is_coded && coil__encoder_init(&compression->encoder, coding,
                                                        level_of(&compression->options, coding),
                                                        size < 0 ? 0 : (uint64_t)size) == 0;
    return compression->is_on;
}

/* Sends what has come out. */
static int send_coded(struct coil_http_exchange *exchange, bool is_end)
{
    struct coil__http_buffer *coded = &exchange->compression->coded;
    int rc = exchange->protocol->send(exchange, coded->data, coded->end, is_end);

    if (rc == 0) {
        exchange->state = COIL__HTTP_STARTED;
        exchange->sent += coded->end;
        coded->end = 0;
    }
    return rc;
}

/* Codes a piece, and sends whatever fills the room: 0, or an error. */
static int encode(struct coil_http_exchange *exchange, const void *body, size_t size,
                  enum coil__coding_flush flush)
{
    struct coil__http_compression *compression = exchange->compression;
    struct coil__http_buffer *coded = &compression->coded;
    struct coil__coding_buffers buffers = {.in = body, .in_size = size};
    int rc = 0;

    while (rc == 0) {
        buffers.out = coded->data + coded->end;
        buffers.out_size = ROOM - coded->end;
        rc = coil__encoder_step(&compression->encoder, &buffers, flush);
        coded->end = ROOM - buffers.out_size;
        if (rc == 0) {
            int error = send_coded(exchange, false);

            rc = error < 0 ? error : 0;
        }
    }
    return rc < 0 ? rc : 0;
}

int coil__http_compress_send(struct coil_http_exchange *exchange, const void *body, size_t size,
                             enum coil__coding_flush flush)
{
    const char *data = body;
    int rc = exchange->compression->error;

    if (!exchange->has_body) { /* HEAD */
        return exchange->protocol->send(exchange, NULL, 0, flush == COIL__CODING_END);
    }
    while (rc == 0 && size > SLICE) {
        rc = encode(exchange, data, SLICE, COIL__CODING_RUN);
        data += SLICE;
        size -= SLICE;
        coil_yield();
    }
    rc = rc < 0 ? rc : encode(exchange, data, size, flush);
    if (rc == 0 && flush != COIL__CODING_RUN) {
        rc = send_coded(exchange, flush == COIL__CODING_END);
    }
    exchange->compression->error = rc;
    exchange->is_broken = exchange->is_broken || (rc < 0 && exchange->state == COIL__HTTP_STARTED);
    return rc;
}
