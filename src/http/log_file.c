/* log_file.c - the file of an access log: opened to append, rotated, and looked after by its name.
 *
 * A write that ends in the middle of a line, as on a full disk, leaves half a line behind. That is
 * ended, and the line is written again as a whole.
 */
#include "http/log_file.h"

#include "base/memory.h"

#include <coil/fd.h>
#include <coil/file.h>
#include <coil/loop.h>

#include <errno.h>
#include <stdio.h>

enum { NUMBER_ROOM = 16, USUAL_MODE = 0640, USUAL_KEEP = 5 };

static const int64_t LOOK_NS = COIL_SEC;

static int open_path(const struct coil__http_log_file *file)
{
    return coil_open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, file->mode);
}

/* The size of what is open; other things than files have none. */
static int measure(struct coil__http_log_file *file)
{
    struct stat status;
    int rc = coil_fstat(file->fd, &status);

    file->looked_at = coil_now();
    if (rc == 0) {
        file->size = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    }
    return rc;
}

int coil__http_log_file_open(struct coil__http_log_file *file,
                             const struct coil_http_log_options *options)
{
    size_t size = options->path ? strlen(options->path) + 1 : 0;

    *file = (struct coil__http_log_file){
        .fd = options->fd > 0 ? options->fd : 1,
        .mode = options->mode ? options->mode : USUAL_MODE,
        .max_size = options->max_size,
        .keep = options->keep ? options->keep : USUAL_KEEP,
        .follows = options->follows,
    };
    if (!options->path) {
        return 0;
    }
    file->path = coil__malloc(size);
    if (!file->path) {
        return -ENOMEM;
    }
    memcpy(file->path, options->path, size);
    file->fd = open_path(file);
    if (file->fd >= 0) {
        int rc = measure(file);

        if (rc < 0) {
            coil__http_log_file_close(file);
        }
        return rc;
    }
    coil__free(file->path);
    file->path = NULL;
    return file->fd;
}

void coil__http_log_file_close(struct coil__http_log_file *file)
{
    if (file->path) {
        coil_close(file->fd);
        coil__free(file->path);
    }
    file->path = NULL;
    file->fd = -1;
}

int coil__http_log_file_reopen(struct coil__http_log_file *file)
{
    int fd;

    if (!file->path) {
        return 0;
    }
    fd = open_path(file);
    if (fd < 0) {
        return fd;
    }
    coil_close(file->fd);
    file->fd = fd;
    file->is_torn = false;
    return measure(file);
}

/* --- before a write --- */

/* path.2 becomes path.3, then path.1 path.2, then path path.1. */
static int rename_all(const struct coil__http_log_file *file)
{
    size_t size = strlen(file->path) + NUMBER_ROOM;
    char *from = coil__malloc(2 * size);
    char *to = from + size;
    int rc = from ? 0 : -ENOMEM;

    for (unsigned i = file->keep; rc == 0 && i > 0; i--) {
        snprintf(to, size, "%s.%u", file->path, i);
        snprintf(from, size, i > 1 ? "%s.%u" : "%s", file->path, i - 1);
        rc = coil_rename(from, to);
        rc = rc == -ENOENT ? 0 : rc;
    }
    coil__free(from);
    return rc;
}

static int rotate(struct coil__http_log_file *file)
{
    int rc = rename_all(file);

    if (rc == 0) {
        rc = coil__http_log_file_reopen(file);
    }
    if (rc == 0) {
        file->rotations++;
    }
    return rc;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int follow(struct coil__http_log_file *file)
{
    struct stat there;
    struct stat here;
    int rc = coil_fstat(file->fd, &here);

    if (rc == 0) {
        rc = coil_stat(file->path, &there);
        if (rc == -ENOENT || (rc == 0 && !is_same(&here, &there))) {
            return coil__http_log_file_reopen(file);
        }
    }
    return rc;
}

int coil__http_log_file_look(struct coil__http_log_file *file)
{
    int rc = 0;

    if (!file->path || (!file->follows && file->max_size == 0)) {
        return 0;
    }
    if (coil_now() - file->looked_at >= LOOK_NS) {
        rc = file->follows ? follow(file) : 0;
        if (rc == 0) { /* others may write to it, too */
            rc = measure(file);
        }
    }
    if (rc == 0 && file->max_size > 0 && file->size >= file->max_size) {
        rc = rotate(file);
    }
    return rc;
}

/* --- writing --- */

/* The size of the whole lines among the first bytes. */
static size_t whole(const char *data, size_t size)
{
    const char *last = memrchr(data, '\n', size);

    return last ? (size_t)(last - data) + 1 : 0;
}

static int end_line(struct coil__http_log_file *file)
{
    ssize_t count = file->is_torn ? coil_write(file->fd, "\n", 1) : 0;

    file->is_torn = file->is_torn && count <= 0;
    return count < 0 ? (int)count : 0;
}

int coil__http_log_file_write(struct coil__http_log_file *file, struct coil__http_buffer *lines)
{
    int rc = end_line(file);
    size_t at = lines->start; /* ahead of start while a line is written in parts */

    while (rc == 0 && at < lines->end) {
        ssize_t count = coil_write(file->fd, lines->data + at, lines->end - at);

        if (count <= 0) {
            rc = count < 0 ? (int)count : -EIO;
            break;
        }
        at += (size_t)count;
        file->size += (uint64_t)count;
        lines->start += whole(lines->data + lines->start, at - lines->start);
    }
    file->is_torn = file->is_torn || at > lines->start;
    return rc;
}
