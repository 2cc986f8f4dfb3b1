/* file_parts.c - several parts of a file in one response: multipart/byteranges (RFC 9110, sections
 * 14.6 and 15.3.7.2). The size is counted before anything is sent. */
#include "http/files.h"

#include "base/text.h"
#include "sys/clock.h"
#include "wire/ranges.h"

#include <errno.h>

enum { HEAD_ROOM = 400, BOUNDARY_ROOM = 40 };

/* What stands before a part; of the last one NULL is the end. The length. */
static size_t make_head(char head[HEAD_ROOM], const char *boundary,
                        const struct coil__http_file *file, const struct coil__range *range)
{
    struct coil__text text = {.start = head, .size = HEAD_ROOM};
    char content_range[COIL__CONTENT_RANGE_SIZE];

    if (!range) {
        coil__text_add(&text, "\r\n--%s--\r\n", boundary);
        return text.length;
    }
    coil__content_range_format(range, (uint64_t)file->status->st_size, content_range,
                               sizeof content_range);
    coil__text_add(&text, "\r\n--%s\r\nContent-Type: %.200s\r\nContent-Range: %s\r\n\r\n", boundary,
                   file->type, content_range);
    return text.length;
}

static int write_text(struct coil_http_exchange *exchange, const char *data, size_t size)
{
    ssize_t n = coil_http_write(exchange, data, size);

    return n < 0 ? (int)n : 0;
}

/* It must not occur in the file: chance sees to that, and nobody else decides when it is asked. */
static void make_boundary(char boundary[BOUNDARY_ROOM], const struct stat *status)
{
    struct coil__text text = {.start = boundary, .size = BOUNDARY_ROOM};
    uint64_t bits = (uint64_t)coil__clock_wall() * UINT64_C(0x9e3779b97f4a7c15);

    coil__text_add(&text, "coil-%016llx%08llx", (unsigned long long)bits,
                   (unsigned long long)((uint64_t)status->st_ino & UINT32_MAX));
}

int coil__http_file_parts(struct coil_http_exchange *exchange, const struct coil__http_file *file,
                          const struct coil__range *ranges, size_t count)
{
    char boundary[BOUNDARY_ROOM];
    char type[BOUNDARY_ROOM + sizeof "multipart/byteranges; boundary="];
    char head[HEAD_ROOM];
    struct coil__text text = {.start = type, .size = sizeof type};
    uint64_t size;
    int rc;

    make_boundary(boundary, file->status);
    coil__text_add(&text, "multipart/byteranges; boundary=%s", boundary);
    size = make_head(head, boundary, file, NULL);
    for (size_t i = 0; i < count; i++) {
        size += make_head(head, boundary, file, &ranges[i]) + ranges[i].last - ranges[i].first + 1;
    }
    rc = size > INT64_MAX ? -EFBIG : coil_http_begin(exchange, 206, type, (int64_t)size);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = write_text(exchange, head, make_head(head, boundary, file, &ranges[i]));
        if (rc == 0) {
            rc = coil_http_write_file(exchange, file->fd, (int64_t)ranges[i].first,
                                      ranges[i].last - ranges[i].first + 1);
        }
    }
    return rc < 0 ? rc : write_text(exchange, head, make_head(head, boundary, file, NULL));
}
