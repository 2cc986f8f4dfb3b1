/* url_path.c - the path of a request as that of a file. Decoding comes first and the dots are
 * looked at afterwards, so that no spelling of a ".." gets by. */
#include "wire/url.h"

#include "wire/out.h"
#include "wire/percent.h"

#include "base/text.h"

/* The part that begins at `start` and ends at the end of `out`, with a slash behind it or without.
 * What is nothing or dots is taken back. */
static int end_part(struct coil__out *out, size_t start, bool has_slash, unsigned flags)
{
    struct coil__slice part = {out->start + start, out->length - start};

    if (part.size == 0 || coil__slice_is(part, ".")) {
        out->length = start;
        return 0;
    }
    if (coil__slice_is(part, "..")) {
        if (start == 0) {
            return -COIL__EURL_OUTSIDE;
        }
        do {
            start--; /* the first time: over the slash of the part before */
        } while (start > 0 && out->start[start - 1] != '/');
        out->length = start;
        return 0;
    }
    if (part.start[0] == '.' && flags & COIL__FILE_PATH_NO_HIDDEN) {
        return -COIL__EURL_HIDDEN;
    }
    if (has_slash) {
        coil__out_byte(out, '/');
    }
    return 0;
}

/* The character, decoded, at the beginning of `*rest`, which is moved behind it. */
static int take_character(struct coil__slice *rest, unsigned flags)
{
    int byte = (unsigned char)rest->start[0];
    size_t size = 1;

    if (byte == '%') {
        byte = coil__percent_byte(*rest);
        size = 3;
        if (byte < 0) {
            return -COIL__EURL_PERCENT;
        }
        if (byte == '/' && flags & COIL__FILE_PATH_NO_SLASH) {
            return -COIL__EURL_SLASH;
        }
    }
    if (byte == '\0') {
        return -COIL__EURL_NUL;
    }
    if (byte == '\\' && flags & COIL__FILE_PATH_NO_BACKSLASH) {
        return -COIL__EURL_BACKSLASH;
    }
    rest->start += size;
    rest->size -= size;
    return byte;
}

ssize_t coil__url_file_path(struct coil__slice path, unsigned flags, char *buf, size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};
    struct coil__slice rest = path;
    size_t start = 0; /* of the part */
    ssize_t length;

    if (rest.size == 0 || rest.start[0] != '/') {
        return -COIL__EURL_PATH;
    }
    do {
        int byte = rest.size > 0 ? take_character(&rest, flags) : '/';
        bool is_end = rest.size == 0 && byte != '/';

        if (byte < 0) {
            return byte;
        }
        if (byte != '/') {
            coil__out_byte(&out, (char)byte);
        }
        if (out.is_too_big) {
            return -ENOSPC; /* before a part that is cut looks like dots */
        }
        if (byte == '/' || is_end) {
            int rc = end_part(&out, start, byte == '/', flags);

            if (rc < 0) {
                return rc;
            }
            start = out.length;
        }
    } while (rest.size > 0);
    length = coil__out_end(&out);
    if (length >= 0 && !coil__text_is_utf8(buf)) {
        return -COIL__EURL_UTF8;
    }
    return length;
}
