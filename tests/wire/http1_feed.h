/* http1_feed.h - hands messages to the HTTP/1.1 parser in pieces, and says as text what came out of
 * it: so that it can be compared with what was expected, and with what other pieces lead to. Every
 * call gets its bytes in a block of just their size, each time another one: what is read beyond
 * them is found by the sanitizers, and slices must move along. For tests and fuzz targets. */
#ifndef COIL_TESTS_HTTP1_FEED_H
#define COIL_TESTS_HTTP1_FEED_H

#include "wire/http1.h"

#include "base/text.h"

#include <stdlib.h>

enum { FEED_FIELDS = 64, FEED_TEXT = 16384 };

/* What a feed has led to. */
struct fed {
    int rc;        /* of the last call */
    bool is_sound; /* all slices lay within the bytes that were given */
    size_t size;   /* bytes that were given in all; consumed, of a body */
    char text[FEED_TEXT];
};

/* How the bytes come: `first` of them, then `step` more each time. */
struct pieces {
    size_t first;
    size_t step;
};

/* The first `size` bytes in a block of their own; the old one goes away. */
static inline const char *feed_block(char **block, const char *data, size_t size)
{
    char *fresh = malloc(size > 0 ? size : 1);

    if (!fresh) {
        abort();
    }
    if (size > 0) {
        memcpy(fresh, data, size);
    }
    free(*block);
    *block = fresh;
    return fresh;
}

static inline bool is_within(struct coil__slice slice, const char *data, size_t size)
{
    uintptr_t start = (uintptr_t)slice.start;

    return !slice.start || (start >= (uintptr_t)data && slice.size <= size &&
                            start - (uintptr_t)data <= size - slice.size);
}

/* A NUL, which a body may have, is shown as one byte too. */
static inline void say(struct coil__text *text, const char *before, struct coil__slice slice)
{
    coil__text_put(text, before);
    for (size_t i = 0; i < slice.size && text->length + 1 < text->size; i++) {
        text->start[text->length++] = slice.start[i] ? slice.start[i] : '\x01';
    }
    text->start[text->length] = '\0';
}

static inline const char *framing_name(enum coil__http1_framing framing)
{
    static const char *const names[] = {"none", "length", "chunked", "close", "tunnel"};

    return names[framing];
}

/* What both kinds of heads have: "1.1 length 5 keep continue upgrade=x | Name=value | ...". */
static inline void describe_head(struct coil__text *text, const struct coil__http1_head *head)
{
    coil__text_add(text, " 1.%d %s", head->minor_version, framing_name(head->framing));
    if (head->has_content_length) {
        coil__text_add(text, " %llu", (unsigned long long)head->content_length);
    }
    coil__text_add(text, "%s%s", head->keep_alive ? " keep" : "",
                   head->expects_continue ? " continue" : "");
    if (head->has_upgrade) {
        say(text, " upgrade=", head->upgrade);
    }
    for (size_t i = 0; i < head->field_count; i++) {
        say(text, " | ", head->fields[i].name);
        say(text, "=", head->fields[i].value);
    }
}

/* "GET /path origin a.example 1.1 none keep | Host=a.example". */
static inline void describe_request(struct coil__text *text, const struct coil__http1_head *head)
{
    static const char *const forms[] = {"origin", "absolute", "authority", "asterisk"};

    say(text, "", head->method_name);
    say(text, " ", head->target);
    coil__text_add(text, " %s", forms[head->form]);
    say(text, " ", head->host);
    describe_head(text, head);
}

/* "200 OK 1.1 none keep | Name=value". */
static inline void describe_response(struct coil__text *text, const struct coil__http1_head *head)
{
    coil__text_add(text, "%u", head->status);
    say(text, " ", head->reason);
    describe_head(text, head);
}

static inline bool is_head_sound(const struct coil__http1_head *head, const char *data, size_t size)
{
    bool is_sound = is_within(head->method_name, data, size) &&
                    is_within(head->target, data, size) && is_within(head->host, data, size) &&
                    is_within(head->reason, data, size) && is_within(head->upgrade, data, size);

    for (size_t i = 0; i < head->field_count; i++) {
        is_sound = is_sound && is_within(head->fields[i].name, data, size) &&
                   is_within(head->fields[i].value, data, size);
    }
    return is_sound;
}

/* Feeds a head. request: NULL for a request; else the method of the one that is responded to. */
static inline void feed_head(const char *data, size_t size, struct pieces pieces,
                             const enum coil__http1_method *request,
                             const struct coil__http1_limits *limits, struct fed *fed)
{
    struct coil__http1_field *fields = malloc(FEED_FIELDS * sizeof *fields);
    struct coil__text text = {.start = fed->text, .size = sizeof fed->text};
    struct coil__http1_head head;
    char *block = NULL;
    const char *at;

    if (!fields) {
        abort();
    }
    fed->text[0] = '\0';
    fed->size = pieces.first < size ? pieces.first : size;
    coil__http1_head_init(&head, fields, FEED_FIELDS, limits);
    for (;;) {
        at = feed_block(&block, data, fed->size);
        fed->rc = request ? coil__http1_parse_response(&head, *request, at, fed->size)
                          : coil__http1_parse_request(&head, at, fed->size);
        if (fed->rc != 0 || fed->size == size) {
            break;
        }
        fed->size = pieces.step < size - fed->size ? fed->size + pieces.step : size;
    }
    fed->is_sound = fed->rc <= (int)fed->size && is_head_sound(&head, at, fed->size);
    if (fed->rc > 0) {
        (request ? describe_response : describe_request)(&text, &head);
    }
    free(block);
    free(fields);
}

/* One call for a body, with the bytes from `fed->size` up to `end`. */
static inline int feed_body_once(struct coil__http1_body *body, const char *data, size_t end,
                                 char **block, struct fed *fed, struct coil__text *trailers,
                                 struct coil__text *text)
{
    size_t size = end - fed->size;
    const char *at = feed_block(block, data + fed->size, size);
    struct coil__http1_piece piece;
    int rc = coil__http1_body_next(body, at, size, &piece);

    if (rc < 0) {
        return rc;
    }
    fed->is_sound = fed->is_sound && piece.consumed <= size &&
                    is_within(piece.data, at, piece.consumed) &&
                    is_within(piece.trailer.name, at, piece.consumed) &&
                    is_within(piece.trailer.value, at, piece.consumed) &&
                    (rc == COIL__HTTP1_DATA) == (piece.data.size > 0) &&
                    (rc != COIL__HTTP1_END || coil__http1_body_is_done(body));
    fed->size += piece.consumed;
    if (rc == COIL__HTTP1_DATA) {
        say(text, "", piece.data);
    } else if (rc == COIL__HTTP1_TRAILER) {
        say(trailers, " | ", piece.trailer.name);
        say(trailers, "=", piece.trailer.value);
    }
    return rc;
}

/* Feeds a body, and its end where the bytes end first. The text: its data, " | Name=value" for each
 * trailer. rc: COIL__HTTP1_END, or negative. */
static inline void feed_body(struct coil__http1_body *body, const char *data, size_t size,
                             struct pieces pieces, struct fed *fed)
{
    char more[FEED_TEXT];
    struct coil__text trailers = {.start = more, .size = sizeof more};
    struct coil__text text = {.start = fed->text, .size = sizeof fed->text};
    char *block = NULL;
    size_t end = pieces.first < size ? pieces.first : size;

    more[0] = fed->text[0] = '\0';
    fed->size = 0;
    fed->is_sound = true;
    for (;;) {
        fed->rc = feed_body_once(body, data, end, &block, fed, &trailers, &text);
        if (fed->rc < 0 || fed->rc == COIL__HTTP1_END) {
            break;
        }
        if (fed->rc == COIL__HTTP1_MORE && end == size) {
            fed->rc = coil__http1_body_end(body);
            fed->rc = fed->rc < 0 ? fed->rc : COIL__HTTP1_END;
            break;
        }
        if (fed->rc == COIL__HTTP1_MORE) {
            end = pieces.step < size - end ? end + pieces.step : size;
        }
    }
    coil__text_put(&text, more);
    free(block);
}

#endif
