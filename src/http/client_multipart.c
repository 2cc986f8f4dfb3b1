/* client_multipart.c - multipart/form-data, read piece by piece: for each part a head, its data or
 * its file, and at last the end. The size is known before: files are looked at first, and one that
 * has become shorter meanwhile fails.
 */
#include "http/client.h"

#include "base/memory.h"
#include "base/text.h"
#include "wire/media_type.h"
#include "wire/multipart.h"

#include <coil/fd.h>
#include <coil/file.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>

enum {
    RANDOM = 16,     /* bytes of the boundary */
    HEAD_MAX = 4096, /* of a part, names included */
    STAGE_HEAD = 0,
    STAGE_DATA,
};

struct part {
    struct coil_http_part given;
    int64_t size; /* of the data */
};

struct coil__client_parts {
    struct part *parts;
    size_t count;
    int64_t size; /* of all */
    char boundary[2 * RANDOM + 1];
    char type[80];
    /* Where the reader is. */
    size_t at; /* the part; count: the end */
    int stage;
    bool is_over;
    int fd;         /* of the part's file; -1 */
    int64_t offset; /* in its data */
    size_t head_at; /* bytes of the head that were given out */
    size_t head_size;
    char head[HEAD_MAX];
};

static struct coil__multipart_item item_of(const struct coil_http_part *part)
{
    const char *name = part->filename;
    const char *type = part->type;

    if (!name && part->path) {
        name = coil__text_base_name(part->path);
    }
    if (!type && name) {
        type = coil__media_type_of(coil__slice_of(name));
    }
    return (struct coil__multipart_item){.name = coil__slice_of(part->name),
                                         .filename = coil__slice_of(name),
                                         .content_type = coil__slice_of(type)};
}

/* Writes the head of part `at`, or the end. */
static int write_head(struct coil__client_parts *parts)
{
    struct coil__slice boundary = coil__slice_of(parts->boundary);
    ssize_t size;

    if (parts->at < parts->count) {
        struct coil__multipart_item item = item_of(&parts->parts[parts->at].given);

        size = coil__multipart_write_part(boundary, parts->at == 0, &item, parts->head,
                                          sizeof parts->head);
    } else {
        size =
            coil__multipart_write_end(boundary, parts->count == 0, parts->head, sizeof parts->head);
    }
    parts->head_at = 0;
    parts->head_size = size > 0 ? (size_t)size : 0;
    return size < 0 ? -EINVAL : 0;
}

/* --- making --- */

static int measure(struct part *part, struct coil_http_failure *failure)
{
    struct stat status;
    int rc;

    part->size = (int64_t)part->given.size;
    if (!part->given.name || (part->given.path && part->given.data)) {
        return coil__client_fail(failure, -EINVAL, "a part without a name, or with two contents");
    }
    if (!part->given.path) {
        return part->given.data || part->given.size == 0
                   ? 0
                   : coil__client_fail(failure, -EINVAL, "a part without its bytes");
    }
    rc = coil_stat(part->given.path, &status);
    if (rc == 0 && !S_ISREG(status.st_mode)) {
        rc = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    }
    if (rc < 0) {
        return coil__client_fail(failure, rc, "%.300s: %s", part->given.path, coil_strerror(rc));
    }
    part->size = status.st_size;
    return 0;
}

static int measure_all(struct coil__client_parts *parts, struct coil_http_failure *failure)
{
    for (parts->at = 0; parts->at <= parts->count; parts->at++) {
        struct part *part = parts->at < parts->count ? &parts->parts[parts->at] : NULL;
        int rc = part ? measure(part, failure) : 0;

        if (rc == 0 && write_head(parts) < 0) {
            rc = coil__client_fail(failure, -EINVAL, "a part's name or type cannot be sent");
        }
        if (rc < 0) {
            return rc;
        }
        parts->size += (int64_t)parts->head_size + (part ? part->size : 0);
    }
    return 0;
}

static int choose_boundary(struct coil__client_parts *parts)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[RANDOM];

    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return -EIO;
    }
    for (size_t i = 0; i < RANDOM; i++) {
        parts->boundary[2 * i] = digits[bytes[i] >> 4];
        parts->boundary[2 * i + 1] = digits[bytes[i] & 15];
    }
    return coil__multipart_content_type(coil__slice_of(parts->boundary), parts->type,
                                        sizeof parts->type) < 0
               ? -EINVAL
               : 0;
}

int coil__client_parts_new(const struct coil_http_request *request,
                           struct coil__client_parts **ret_parts, struct coil_http_failure *failure)
{
    struct coil__client_parts *parts = coil__calloc(1, sizeof *parts);
    int rc = -ENOMEM;

    if (parts) {
        parts->fd = -1;
        parts->count = request->part_count;
        parts->parts = coil__calloc(parts->count, sizeof *parts->parts);
        rc = parts->parts ? choose_boundary(parts) : -ENOMEM;
    }
    for (size_t i = 0; rc == 0 && i < parts->count; i++) {
        parts->parts[i].given = request->parts[i];
    }
    if (rc == 0) {
        rc = measure_all(parts, failure);
    }
    if (rc == 0) {
        rc = coil__client_parts_rewind(parts);
    }
    if (rc < 0) {
        coil__client_parts_free(parts);
        return coil__client_fail_plainly(failure, rc);
    }
    *ret_parts = parts;
    return 0;
}

void coil__client_parts_free(struct coil__client_parts *parts)
{
    if (parts) {
        if (parts->fd >= 0) {
            coil_close(parts->fd);
        }
        coil__free(parts->parts);
        coil__free(parts);
    }
}

const char *coil__client_parts_type(const struct coil__client_parts *parts)
{
    return parts->type;
}

int64_t coil__client_parts_size(const struct coil__client_parts *parts)
{
    return parts->size;
}

/* --- reading --- */

static void close_file(struct coil__client_parts *parts)
{
    if (parts->fd >= 0) {
        coil_close(parts->fd);
        parts->fd = -1;
    }
}

int coil__client_parts_rewind(void *user)
{
    struct coil__client_parts *parts = user;

    close_file(parts);
    parts->at = 0;
    parts->stage = STAGE_HEAD;
    parts->is_over = false;
    return write_head(parts);
}

static size_t give_head(struct coil__client_parts *parts, char *buf, size_t size)
{
    size_t left = parts->head_size - parts->head_at;
    size_t count = left < size ? left : size;

    memcpy(buf, parts->head + parts->head_at, count);
    parts->head_at += count;
    if (parts->head_at == parts->head_size) {
        parts->is_over = parts->at == parts->count;
        parts->stage = STAGE_DATA;
        parts->offset = 0;
    }
    return count;
}

/* Of the file, at least a byte. */
static ssize_t give_file(struct coil__client_parts *parts, const struct part *part, char *buf,
                         size_t size)
{
    ssize_t count;

    if (parts->fd < 0) {
        int fd = coil_open(part->given.path, O_RDONLY, 0);

        if (fd < 0) {
            return fd;
        }
        parts->fd = fd;
    }
    count = coil_pread(parts->fd, buf, size, parts->offset);
    return count == 0 ? -COIL_EINCOMPLETE : count; /* it has become shorter */
}

static ssize_t give_data(struct coil__client_parts *parts, char *buf, size_t size)
{
    const struct part *part = &parts->parts[parts->at];
    int64_t left = part->size - parts->offset;
    ssize_t count = left < (int64_t)size ? (ssize_t)left : (ssize_t)size;

    if (count > 0 && part->given.path) {
        count = give_file(parts, part, buf, (size_t)count);
    } else if (count > 0) {
        memcpy(buf, (const char *)part->given.data + parts->offset, (size_t)count);
    }
    parts->offset += count > 0 ? count : 0;
    if (count >= 0 && parts->offset == part->size) {
        int rc;

        close_file(parts);
        parts->at++;
        parts->stage = STAGE_HEAD;
        rc = write_head(parts);
        count = rc < 0 ? rc : count;
    }
    return count;
}

ssize_t coil__client_parts_read(void *user, void *buf, size_t size)
{
    struct coil__client_parts *parts = user;
    size_t done = 0;

    while (done < size && !parts->is_over) {
        char *to = (char *)buf + done;
        ssize_t count = parts->stage == STAGE_HEAD ? (ssize_t)give_head(parts, to, size - done)
                                                   : give_data(parts, to, size - done);

        if (count < 0) {
            return count;
        }
        done += (size_t)count;
    }
    return (ssize_t)done;
}
