/* file_reply.c - one file as a response: what it is, whether the client wants it, and which parts.
 *
 * The entity tag is strong (RFC 9110, section 8.8.1): inode, size and the time of the last change
 * in nanoseconds are another's as soon as a byte is, but for what is changed twice within one tick
 * of the file system's clock and keeps its size.
 */
#include "http/files.h"

#include "base/memory.h"
#include "base/text.h"
#include "sys/clock.h"
#include "wire/conditions.h"
#include "wire/http1.h"
#include "wire/http_date.h"
#include "wire/media_type.h"

#include <coil/fd.h>
#include <coil/file.h>
#include <coil/loop.h>

#include <errno.h>
#include <stdio.h>

enum { MAX_RANGES = 16, TAG_ROOM = 64, DISPOSITION_ROOM = 1024 };

/* --- fields of the request --- */

bool coil__http_file_field(const struct coil_http_exchange *exchange, const char *name,
                           struct coil__slice *ret_value, char **memory)
{
    size_t count;
    const struct coil_http_field *fields = coil_http_get_fields(exchange, &count);
    struct coil__slice wanted = coil__slice_of(name);
    size_t size = 0;
    size_t found = 0;
    char *joined;

    *ret_value = (struct coil__slice){0};
    for (size_t i = 0; i < count; i++) {
        if (coil__slice_is_like(wanted, fields[i].name)) {
            *ret_value = coil__slice_of(fields[i].value);
            size += ret_value->size + 2;
            found++;
        }
    }
    if (found <= 1) {
        return true;
    }
    joined = coil__realloc_array(*memory, size, 1);
    if (!joined) {
        return false;
    }
    *memory = joined;
    *ret_value = (struct coil__slice){joined, 0};
    for (size_t i = 0; i < count; i++) {
        if (coil__slice_is_like(wanted, fields[i].name)) {
            struct coil__slice value = coil__slice_of(fields[i].value);

            if (ret_value->size > 0) {
                memcpy(joined + ret_value->size, ", ", 2);
                ret_value->size += 2;
            }
            memcpy(joined + ret_value->size, value.start, value.size);
            ret_value->size += value.size;
        }
    }
    return true;
}

/* --- what the client wants of it --- */

struct verdict {
    int status; /* 200, 206, 304, 412, 416 */
    struct coil__range ranges[MAX_RANGES];
    size_t count;
};

static bool is_method(const struct coil_http_exchange *exchange, const char *method)
{
    return strcmp(coil_http_method(exchange), method) == 0;
}

/* Most requests have none of the fields. */
static bool has_conditions(const struct coil_http_exchange *exchange)
{
    size_t count;
    const struct coil_http_field *fields = coil_http_get_fields(exchange, &count);

    for (size_t i = 0; i < count; i++) {
        struct coil__slice name = coil__slice_of(fields[i].name);

        if ((name.size > 3 && coil__to_lower(name.start[0]) == 'i' &&
             coil__to_lower(name.start[1]) == 'f' && name.start[2] == '-') ||
            coil__slice_is_like(name, "Range")) {
            return true;
        }
    }
    return false;
}

static int judge_fields(const struct coil_http_exchange *exchange,
                        const struct coil__representation *file, char **memory,
                        struct verdict *verdict)
{
    struct coil__conditions fields;
    const struct {
        const char *name;
        struct coil__slice *value;
    } wanted[] = {
        {"If-Match", &fields.if_match},
        {"If-None-Match", &fields.if_none_match},
        {"If-Modified-Since", &fields.if_modified_since},
        {"If-Unmodified-Since", &fields.if_unmodified_since},
        {"If-Range", &fields.if_range},
        {"Range", &fields.range},
    };
    enum coil__condition_method method =
        is_method(exchange, "HEAD") ? COIL__CONDITION_HEAD : COIL__CONDITION_GET;
    int rc;

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (!coil__http_file_field(exchange, wanted[i].name, wanted[i].value, &memory[i])) {
            return -ENOMEM;
        }
    }
    rc = coil__conditions_evaluate(&fields, method, file, verdict->ranges, MAX_RANGES,
                                   &verdict->count);
    verdict->status = rc;
    return rc < 0 ? rc : 0;
}

static int judge(const struct coil_http_exchange *exchange, const struct stat *status,
                 struct coil__slice tag, struct verdict *verdict)
{
    struct coil__representation file = {
        .exists = true,
        .has_modified = true,
        .modified = status->st_mtim.tv_sec,
        .now = coil__clock_wall() / COIL_SEC,
        .length = (uint64_t)status->st_size,
    };
    char *memory[6] = {NULL};
    int rc = 0;

    verdict->status = 200;
    if ((is_method(exchange, "GET") || is_method(exchange, "HEAD")) && has_conditions(exchange)) {
        coil__etag_parse(tag, &file.etag);
        rc = judge_fields(exchange, &file, memory, verdict);
        for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) {
            coil__free(memory[i]);
        }
    }
    return rc;
}

/* --- the response --- */

static size_t make_tag(const struct stat *status, char tag[TAG_ROOM])
{
    int length = snprintf(tag, TAG_ROOM, "\"%llx-%llx-%llx\"", (unsigned long long)status->st_ino,
                          (unsigned long long)status->st_size,
                          (unsigned long long)status->st_mtim.tv_sec * 1000000000ULL +
                              (unsigned long long)status->st_mtim.tv_nsec);

    return (size_t)length;
}

/* All that say something about the file, and stand in a 304 too (RFC 9110, section 15.4.5). */
static int add_fields(struct coil_http_exchange *exchange, const struct coil__http_file *file,
                      const char *tag, const struct verdict *verdict)
{
    bool has_content = verdict->status == 200 || verdict->status == 206;
    char modified[COIL__HTTP_DATE_SIZE];
    char content_range[COIL__CONTENT_RANGE_SIZE];
    bool has_range = verdict->status == 416 || (verdict->status == 206 && verdict->count == 1);
    const struct {
        const char *name;
        const char *value; /* NULL: it is left out */
    } fields[] = {
        {"ETag", verdict->status == 416 ? NULL : tag},
        {"Last-Modified", verdict->status == 416 ? NULL : modified},
        {"Cache-Control", file->cache},
        {"Vary", file->varies ? "Accept-Encoding" : NULL},
        {"Content-Encoding", has_content ? file->encoding : NULL},
        {"Content-Disposition", has_content ? file->disposition : NULL},
        {"Accept-Ranges", has_content ? "bytes" : NULL},
        {"Content-Range", has_range ? content_range : NULL},
    };
    int rc = 0;

    coil__http_date_format(file->status->st_mtim.tv_sec, modified);
    if (has_range) {
        coil__content_range_format(verdict->status == 206 ? verdict->ranges : NULL,
                                   (uint64_t)file->status->st_size, content_range,
                                   sizeof content_range);
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields && rc == 0; i++) {
        rc = fields[i].value ? coil_http_add_field(exchange, fields[i].name, fields[i].value) : 0;
    }
    return rc;
}

static int send_one(struct coil_http_exchange *exchange, const struct coil__http_file *file,
                    int status, uint64_t first, uint64_t size)
{
    int rc = coil_http_begin(exchange, (unsigned)status, file->type, (int64_t)size);

    return rc < 0 ? rc : coil_http_write_file(exchange, file->fd, (int64_t)first, size);
}

int coil__http_file_refuse(struct coil_http_exchange *exchange, unsigned status)
{
    char text[64];
    int size = snprintf(text, sizeof text, "%s\n", coil__http1_reason(status));

    return coil_http_reply(exchange, status, "text/plain", text, (size_t)size);
}

int coil__http_file_reply(struct coil_http_exchange *exchange, const struct coil__http_file *file)
{
    char tag[TAG_ROOM];
    size_t tag_size = make_tag(file->status, tag);
    struct verdict verdict;
    int rc = judge(exchange, file->status, (struct coil__slice){tag, tag_size}, &verdict);

    rc = rc < 0 ? rc : add_fields(exchange, file, tag, &verdict);
    if (rc < 0) {
        return rc;
    }
    switch (verdict.status) {
    case 200:
        return send_one(exchange, file, 200, 0, (uint64_t)file->status->st_size);
    case 206:
        return verdict.count == 1
                   ? send_one(exchange, file, 206, verdict.ranges[0].first,
                              verdict.ranges[0].last - verdict.ranges[0].first + 1)
                   : coil__http_file_parts(exchange, file, verdict.ranges, verdict.count);
    case 304:
        return coil_http_reply(exchange, 304, NULL, NULL, 0);
    default:
        return coil__http_file_refuse(exchange, (unsigned)verdict.status);
    }
}

/* --- files that the program knows --- */

static int reply(struct coil_http_exchange *exchange, int fd, const struct stat *status,
                 const char *path, const struct coil_http_file_options *options)
{
    static const struct coil_http_file_options none;
    char disposition[DISPOSITION_ROOM];
    struct coil__http_file file = {.fd = fd, .status = status};
    ssize_t length = 0;

    options = options ? options : &none;
    if (!S_ISREG(status->st_mode)) {
        return S_ISDIR(status->st_mode) ? -EISDIR : -EINVAL;
    }
    file.type = options->type ? options->type : coil__media_type_of(coil__slice_of(path));
    file.cache = options->cache;
    if (options->download) {
        length = coil__disposition_format("attachment", coil__slice_of(options->download),
                                          disposition, sizeof disposition);
        file.disposition = disposition;
    }
    return length < 0 ? -EINVAL : coil__http_file_reply(exchange, &file);
}

int coil_http_reply_fd(struct coil_http_exchange *exchange, int fd,
                       const struct coil_http_file_options *options)
{
    struct stat status;
    int rc = exchange ? coil_fstat(fd, &status) : -EINVAL;

    return rc < 0 ? rc : reply(exchange, fd, &status, "", options);
}

int coil_http_reply_file(struct coil_http_exchange *exchange, const char *path,
                         const struct coil_http_file_options *options)
{
    struct stat status;
    int fd = exchange && path ? coil_open(path, O_RDONLY | O_NONBLOCK, 0) : -EINVAL;
    int rc = fd < 0 ? fd : coil_fstat(fd, &status);

    rc = rc < 0 ? rc : reply(exchange, fd, &status, path, options);
    if (fd >= 0) {
        coil_close(fd);
    }
    return rc;
}
