/* url_resolve.c - putting URLs together: section 5 of RFC 3986, and what section 6 calls
 * normalization. */
#include "wire/url.h"

#include "wire/out.h"
#include "wire/percent.h"

/* --- dot segments (section 5.2.4) --- */

static bool is_dots(const char *segment, size_t size, size_t dots)
{
    return size == dots && memcmp(segment, "..", dots) == 0;
}

/* Bytes up to the next slash, or the end. */
static size_t segment_size(const char *segment, size_t left)
{
    const char *slash = left > 0 ? memchr(segment, '/', left) : NULL;

    return slash ? (size_t)(slash - segment) : left;
}

/* Bytes of the "./" and "../" that a path begins with, and of a "." or ".." that is all of it. */
static size_t leading_dots(const char *path, size_t size)
{
    size_t at = 0;

    while (at < size) {
        size_t length = segment_size(path + at, size - at);

        if (!is_dots(path + at, length, 1) && !is_dots(path + at, length, 2)) {
            break;
        }
        at += length;
        at += at < size; /* its slash */
    }
    return at;
}

/* What is kept moves to the front, segment by segment; ".." takes the last one kept away. Behind
 * the leading dots each segment has its slash before it, but for the first of a relative path. */
size_t coil__url_remove_dots(char *path, size_t size)
{
    size_t at = leading_dots(path, size);
    size_t kept = 0;

    while (at < size) {
        bool has_slash = path[at] == '/';
        size_t length = segment_size(path + at + has_slash, size - at - has_slash);
        bool is_two = has_slash && is_dots(path + at + 1, length, 2);
        bool is_one = has_slash && is_dots(path + at + 1, length, 1);

        length += has_slash;
        if (is_two) {
            while (kept > 0 && path[--kept] != '/') {
            }
        }
        if (!is_one && !is_two) {
            memmove(path + kept, path + at, length);
            kept += length;
        } else if (at + length == size) {
            path[kept++] = '/'; /* "/a/.." is "/" */
        }
        at += length;
    }
    return kept;
}

/* --- writing --- */

struct writer {
    struct coil__out out;
    struct coil__url url;  /* the parts of what is written */
    bool has_dots_removed; /* of the path */
    bool is_normal;        /* normalization */
};

static bool is_unreserved(int byte)
{
    return coil__percent_has(COIL__PERCENT_UNRESERVED, (char)byte);
}

/* Sections 6.2.2.1 and 6.2.2.2. */
static void put_normal(struct coil__out *out, struct coil__slice part, bool is_lower)
{
    for (size_t i = 0; i < part.size; i++) {
        struct coil__slice rest = {part.start + i, part.size - i};
        int byte = coil__percent_byte(rest);

        i += byte < 0 ? 0 : 2;
        if (byte >= 0 && !is_unreserved(byte)) {
            coil__out_percent(out, (char)byte);
        } else {
            char c = byte < 0 ? rest.start[0] : (char)byte;

            coil__out_byte(out, is_lower ? coil__to_lower(c) : c);
        }
    }
}

/* Where it was written; absent if the part is. */
static struct coil__slice put_part(struct writer *writer, struct coil__slice part, bool is_lower)
{
    struct coil__out *out = &writer->out;
    size_t start = out->length;

    if (!part.start) {
        return part;
    }
    if (writer->is_normal) {
        put_normal(out, part, is_lower);
    } else {
        coil__out_slice(out, part);
    }
    return (struct coil__slice){out->start + start, out->length - start};
}

static void put_authority(struct writer *writer, const struct coil__url *url)
{
    struct coil__out *out = &writer->out;
    bool is_literal = url->host_kind == COIL__HOST_IPV6;

    coil__out_string(out, "//");
    writer->url.userinfo = put_part(writer, url->userinfo, false);
    if (url->userinfo.start) {
        coil__out_byte(out, '@');
    }
    coil__out_string(out, is_literal ? "[" : "");
    writer->url.host = put_part(writer, url->host, true);
    coil__out_string(out, is_literal ? "]" : "");
    writer->url.host_kind = url->host_kind;
    writer->url.port = url->port;
    if (url->port >= 0) {
        coil__out_byte(out, ':');
        coil__out_number(out, (uint64_t)url->port);
    }
}

/* Before a path that begins with "//" and has no authority before it. */
static void guard_path(struct coil__out *out, size_t start)
{
    if (out->length - start < 2 || memcmp(out->start + start, "//", 2) != 0) {
        return;
    }
    coil__out_string(out, "  ");
    if (!out->is_too_big) {
        memmove(out->start + start + 2, out->start + start, out->length - start - 2);
        memcpy(out->start + start, "/.", 2);
    }
}

/* folder: what stands before the path of `url`, to make it the whole path. */
static void put_path(struct writer *writer, struct coil__slice folder, const struct coil__url *url)
{
    struct coil__out *out = &writer->out;
    size_t start = out->length;

    put_part(writer, folder, false);
    put_part(writer, url->path, false);
    if (writer->has_dots_removed && !out->is_too_big) {
        out->length = start + coil__url_remove_dots(out->start + start, out->length - start);
    }
    if (!url->host.start) {
        guard_path(out, start);
    }
    writer->url.path = (struct coil__slice){out->start + start, out->length - start};
}

static ssize_t put_url(struct writer *writer, struct coil__slice folder,
                       const struct coil__url *url)
{
    struct coil__out *out = &writer->out;

    writer->url = (struct coil__url){.port = -1};
    writer->url.scheme = put_part(writer, url->scheme, true);
    if (url->scheme.start) {
        coil__out_byte(out, ':');
    }
    if (url->host.start) {
        put_authority(writer, url);
    }
    put_path(writer, folder, url);
    if (url->query.start) {
        coil__out_byte(out, '?');
        writer->url.query = put_part(writer, url->query, false);
    }
    if (url->fragment.start) {
        coil__out_byte(out, '#');
        writer->url.fragment = put_part(writer, url->fragment, false);
    }
    return coil__out_end(out);
}

ssize_t coil__url_format(const struct coil__url *url, char *buf, size_t buf_size)
{
    struct writer writer = {.out = {.start = buf, .size = buf_size}};

    return put_url(&writer, (struct coil__slice){0}, url);
}

/* Section 5.2.3: what of the base's path stands before that of the reference. */
static struct coil__slice folder_of(const struct coil__url *base)
{
    struct coil__slice folder = base->path;

    if (base->host.start && folder.size == 0) {
        return coil__slice_of("/");
    }
    while (folder.size > 0 && folder.start[folder.size - 1] != '/') {
        folder.size--;
    }
    return folder;
}

ssize_t coil__url_resolve(const struct coil__url *base, const struct coil__url *reference,
                          char *buf, size_t buf_size, struct coil__url *ret_url)
{
    struct writer writer = {.out = {.start = buf, .size = buf_size}, .has_dots_removed = true};
    struct coil__url target = *reference;
    struct coil__slice folder = {0};
    ssize_t length;

    if (!base->scheme.start) {
        return -EINVAL;
    }
    if (!target.scheme.start) {
        target.scheme = base->scheme;
        if (!target.host.start) {
            target.userinfo = base->userinfo;
            target.host = base->host;
            target.host_kind = base->host_kind;
            target.port = base->port;
            if (target.path.size == 0) {
                target.path = base->path;
                target.query = target.query.start ? target.query : base->query;
                writer.has_dots_removed = false;
            } else if (target.path.start[0] != '/') {
                folder = folder_of(base);
            }
        }
    }
    length = put_url(&writer, folder, &target);
    if (length >= 0) {
        *ret_url = writer.url;
    }
    return length;
}

ssize_t coil__url_normalize(const struct coil__url *url, char *buf, size_t buf_size,
                            struct coil__url *ret_url)
{
    struct writer writer = {
        .out = {.start = buf, .size = buf_size}, .has_dots_removed = true, .is_normal = true};
    struct coil__url plain = *url;
    struct coil__url portless = *url;
    ssize_t length;

    if (!url->scheme.start) {
        return -EINVAL;
    }
    portless.port = -1;
    if (url->host.start && coil__url_port(&portless) >= 0) { /* section 6.2.3 */
        plain.port = url->port == coil__url_port(&portless) ? -1 : url->port;
        plain.path = url->path.size > 0 ? url->path : coil__slice_of("/");
    }
    length = put_url(&writer, (struct coil__slice){0}, &plain);
    if (length >= 0) {
        *ret_url = writer.url;
    }
    return length;
}
