/* upload.c - multipart/form-data, read as a stream in a handler (see coil/http_multipart.h).
 *
 * A piece of the body stands in `room`; the parser goes through it, and hands out slices of it.
 * What the caller has not taken of such a slice waits in `data`; the next piece is received only
 * when both are used up. So a cancel, which can only strike while one is received, loses nothing.
 */
#include "http/upload.h"

#include "base/memory.h"
#include "base/text.h"
#include "http/http.h"
#include "wire/media_type.h"

#include <coil/http_multipart.h>
#include <coil/task.h>

#include <errno.h>

enum { ROOM = 16 * 1024, LARGEST_HEAD = 1024 * 1024 };

enum place { BEFORE, IN_PART, BETWEEN, BEHIND };

struct coil_http_multipart {
    struct coil_http_exchange *exchange;
    struct coil__multipart parser;
    enum place place;
    struct coil__slice input; /* of `room`: not looked at yet */
    struct coil__slice data;  /* of the part: not taken yet; in `room`, or in the parser */
    uint64_t max_part;
    uint64_t left; /* bytes that the part may still have */
    char *head;    /* behind `room` */
    char room[ROOM];
};

/* --- names --- */

char *coil__upload_string(char *head, struct coil__slice slice)
{
    char *string = slice.start ? head + (slice.start - head) : NULL;

    if (string) {
        string[slice.size] = '\0';
    }
    return string;
}

const char *coil__upload_filename(char *head, struct coil__slice filename)
{
    const char *name = coil__upload_string(head, coil__filename_base(filename));
    uint32_t code;

    if (!name) {
        return filename.start ? "" : NULL;
    }
    for (const char *at = name; *at;) {
        size_t length = coil__text_character(at, &code);

        if (length == 0) {
            return "";
        }
        at += length;
    }
    return name;
}

/* --- errors --- */

/* Nothing of the body is of use any more. */
static int refuse(struct coil_http_exchange *exchange, int error, unsigned status)
{
    exchange->body_error = error;
    exchange->body_status = status;
    return error;
}

/* error: a -COIL__EMULTIPART_. */
static int refuse_parts(struct coil_http_exchange *exchange, int error)
{
    switch (-error) {
    case COIL__EMULTIPART_TYPE:
        return refuse(exchange, -COIL_EPROTOCOL, 415);
    case COIL__EMULTIPART_PARTS:
    case COIL__EMULTIPART_HEAD_SIZE:
        return refuse(exchange, -COIL_ELIMIT, 413);
    default:
        return refuse(exchange, -COIL_EPROTOCOL, 400);
    }
}

/* --- the whole --- */

int coil_http_multipart_open(struct coil_http_exchange *exchange,
                             const struct coil_http_multipart_options *options,
                             struct coil_http_multipart **ret_multipart)
{
    static const struct coil_http_multipart_options none;
    struct coil_http_multipart *multipart;
    char boundary[COIL__MULTIPART_BOUNDARY + 1];
    size_t max_head;
    size_t max_parts;
    ssize_t length;

    options = options ? options : &none;
    if (!exchange || !ret_multipart || options->max_head > LARGEST_HEAD) {
        return -EINVAL;
    }
    length = coil__multipart_boundary(coil__slice_of(coil_http_get_field(exchange, "Content-Type")),
                                      boundary, sizeof boundary);
    if (length < 0) {
        return refuse_parts(exchange, (int)length);
    }
    max_head = options->max_head > 0 ? options->max_head : COIL__UPLOAD_HEAD;
    max_parts = options->max_parts > 0 ? options->max_parts : COIL__UPLOAD_PARTS;
    multipart = coil__malloc(sizeof *multipart + max_head);
    if (!multipart) {
        return -ENOMEM;
    }
    memset(multipart, 0, offsetof(struct coil_http_multipart, room));
    multipart->exchange = exchange;
    multipart->max_part = options->max_part > 0 ? options->max_part : UINT64_MAX;
    multipart->head = (char *)(multipart + 1);
    coil__multipart_init(&multipart->parser, (struct coil__slice){boundary, (size_t)length},
                         multipart->head, max_head, max_parts);
    *ret_multipart = multipart;
    return 0;
}

void coil_http_multipart_close(struct coil_http_multipart *multipart)
{
    coil__free(multipart);
}

/* --- parts --- */

/* 1: more of the body has come; or an error. */
static int receive(struct coil_http_multipart *multipart)
{
    ssize_t count = coil_http_read(multipart->exchange, multipart->room, ROOM);

    if (count == 0) {
        return refuse_parts(multipart->exchange, coil__multipart_finish(&multipart->parser));
    }
    if (count > 0) {
        multipart->input = (struct coil__slice){multipart->room, (size_t)count};
    }
    return count < 0 ? (int)count : 1;
}

/* The parser's next event, or an error. */
static int step(struct coil_http_multipart *multipart, struct coil__multipart_item *ret_item)
{
    int rc = multipart->exchange->body_error;

    while (rc >= 0) {
        int event = coil__multipart_next(&multipart->parser, &multipart->input, ret_item);

        if (event > 0) {
            return event;
        }
        rc = event < 0 ? refuse_parts(multipart->exchange, event) : receive(multipart);
    }
    return rc;
}

/* More data of the part: 1; 0: it is over; or an error. */
static int find_data(struct coil_http_multipart *multipart)
{
    struct coil__multipart_item item;
    int event;

    if (multipart->place != IN_PART) {
        return multipart->exchange->body_error;
    }
    event = step(multipart, &item);
    if (event == COIL__MULTIPART_PART_END) {
        multipart->place = BETWEEN;
        return 0;
    }
    if (event < 0) {
        return event;
    }
    if (item.data.size > multipart->left) {
        return refuse(multipart->exchange, -COIL_ELIMIT, 413);
    }
    multipart->left -= item.data.size;
    multipart->data = item.data;
    return 1;
}

/* 0, or an error. */
static int skip(struct coil_http_multipart *multipart)
{
    int rc = 1;

    while (rc > 0) {
        multipart->data.size = 0;
        rc = find_data(multipart);
    }
    return rc;
}

int coil_http_multipart_next(struct coil_http_multipart *multipart, struct coil_http_part *ret_part)
{
    struct coil__multipart_item item;
    const char *type;
    int rc = !multipart || !ret_part ? -EINVAL : coil_check_cancel();

    if (rc < 0) {
        return rc;
    }
    rc = multipart->place == BEHIND ? 0 : skip(multipart);
    if (rc < 0 || multipart->place == BEHIND) {
        return rc;
    }
    rc = step(multipart, &item);
    if (rc == COIL__MULTIPART_END) {
        multipart->place = BEHIND;
        return 0;
    }
    if (rc < 0) {
        return rc;
    }
    multipart->place = IN_PART;
    multipart->left = multipart->max_part;
    type = coil__upload_string(multipart->head, item.content_type);
    *ret_part = (struct coil_http_part){
        .name = coil__upload_string(multipart->head, item.name),
        .filename = coil__upload_filename(multipart->head, item.filename),
        .type = type && *type ? type : "text/plain",
    };
    return 1;
}

ssize_t coil_http_multipart_read(struct coil_http_multipart *multipart, void *buf, size_t size)
{
    int rc = !multipart || (!buf && size > 0) ? -EINVAL : coil_check_cancel();

    if (rc == 0 && multipart->place == BEFORE && multipart->exchange->body_error == 0) {
        rc = -COIL_EINVALIDSTATE;
    }
    if (rc < 0 || size == 0) {
        return rc;
    }
    if (multipart->data.size == 0) {
        rc = find_data(multipart);
        if (rc <= 0) {
            return rc;
        }
    }
    size = size < multipart->data.size ? size : multipart->data.size;
    memcpy(buf, multipart->data.start, size);
    multipart->data.start += size;
    multipart->data.size -= size;
    return (ssize_t)size;
}

ssize_t coil_http_multipart_read_text(struct coil_http_multipart *multipart, char *buf, size_t size)
{
    size_t length = 0;
    char over;
    ssize_t count = multipart && buf && size > 0 ? 1 : -EINVAL;

    while (count > 0) {
        bool is_full = length == size - 1;

        count = coil_http_multipart_read(multipart, is_full ? &over : buf + length,
                                         is_full ? 1 : size - 1 - length);
        if (count > 0 && is_full) {
            return refuse(multipart->exchange, -COIL_ELIMIT, 413);
        }
        length += count > 0 ? (size_t)count : 0;
    }
    if (count < 0) {
        return count;
    }
    buf[length] = '\0';
    return (ssize_t)length;
}
