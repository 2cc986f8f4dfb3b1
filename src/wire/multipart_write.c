/* multipart_write.c - multipart/form-data written; and the sentences. */
#include "wire/multipart.h"

#include "wire/out.h"

#include <coil/error.h>

/* What multipart.c checks, without a parser that is used. */
static int check_boundary(struct coil__slice boundary)
{
    struct coil__multipart parser;

    return coil__multipart_init(&parser, boundary, NULL, 0, 0);
}

ssize_t coil__multipart_content_type(struct coil__slice boundary, char *buf, size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};
    bool is_token = coil__slice_is_token(boundary);
    int rc = check_boundary(boundary);

    if (rc < 0) {
        return rc;
    }
    coil__out_string(&out, "multipart/form-data; boundary=");
    coil__out_string(&out, is_token ? "" : "\"");
    coil__out_slice(&out, boundary);
    coil__out_string(&out, is_token ? "" : "\"");
    return coil__out_end(&out);
}

static void put_quoted(struct coil__out *out, struct coil__slice text)
{
    coil__out_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        char c = text.start[i];

        if (c == '"' || c == '\r' || c == '\n') {
            coil__out_percent(out, c);
        } else {
            coil__out_byte(out, c);
        }
    }
    coil__out_byte(out, '"');
}

ssize_t coil__multipart_write_part(struct coil__slice boundary, bool is_first,
                                   const struct coil__multipart_item *part, char *buf,
                                   size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};
    int rc = check_boundary(boundary);

    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < part->content_type.size; i++) {
        if (coil__is_control(part->content_type.start[i])) {
            return -EINVAL;
        }
    }
    coil__out_string(&out, is_first ? "--" : "\r\n--");
    coil__out_slice(&out, boundary);
    coil__out_string(&out, "\r\nContent-Disposition: form-data; name=");
    put_quoted(&out, part->name);
    if (part->filename.start) {
        coil__out_string(&out, "; filename=");
        put_quoted(&out, part->filename);
    }
    if (part->content_type.start) {
        coil__out_string(&out, "\r\nContent-Type: ");
        coil__out_slice(&out, part->content_type);
    }
    coil__out_string(&out, "\r\n\r\n");
    return coil__out_end(&out);
}

ssize_t coil__multipart_write_end(struct coil__slice boundary, bool is_empty, char *buf,
                                  size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};
    int rc = check_boundary(boundary);

    if (rc < 0) {
        return rc;
    }
    coil__out_string(&out, is_empty ? "--" : "\r\n--");
    coil__out_slice(&out, boundary);
    coil__out_string(&out, "--\r\n");
    return coil__out_end(&out);
}

const char *coil__multipart_strerror(int error)
{
    static const char *const sentences[] = {
        "the body is not multipart/form-data with a boundary",
        "the boundary is longer than 70 characters, or has one that it may not have",
        "something stands behind a boundary on its line",
        "the head of a part is malformed",
        "a part has no Content-Disposition with form-data and a name",
        "the head of a part is too large",
        "there are too many parts",
        "the body ended before its last boundary",
    };
    int64_t number = error < 0 ? -(int64_t)error : error;

    _Static_assert(sizeof sentences / sizeof *sentences ==
                       COIL__EMULTIPART_END_ - COIL__EMULTIPART_TYPE,
                   "one for each");
    if (number < COIL__EMULTIPART_TYPE || number >= COIL__EMULTIPART_END_) {
        return coil_strerror(error);
    }
    return sentences[number - COIL__EMULTIPART_TYPE];
}
