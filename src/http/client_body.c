/* client_body.c - what a request sends behind its head: bytes, or a reader. Files and forms become
 * one of the two. */
#include "http/client.h"

#include "base/memory.h"
#include "wire/media_type.h"

#include <coil/fd.h>
#include <coil/file.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* --- files --- */

static ssize_t read_file(void *user, void *buf, size_t size)
{
    struct coil__client_body *body = user;
    ssize_t count = coil_pread(body->fd, buf, size, body->offset);

    body->offset += count > 0 ? count : 0;
    return count;
}

static int rewind_file(void *user)
{
    struct coil__client_body *body = user;

    body->offset = 0;
    return 0;
}

static int open_file(struct coil__client_body *body, const char *path,
                     struct coil_http_failure *failure)
{
    struct stat status;
    int rc = coil_open(path, O_RDONLY, 0);

    if (rc >= 0) {
        body->fd = rc;
        rc = coil_fstat(body->fd, &status);
    }
    if (rc == 0 && S_ISDIR(status.st_mode)) {
        rc = -EISDIR;
    } else if (rc == 0 && !S_ISREG(status.st_mode)) {
        rc = -EINVAL;
    }
    if (rc < 0) {
        return coil__client_fail(failure, rc, "%.300s: %s", path, coil_strerror(rc));
    }
    body->size = status.st_size;
    body->type = coil__media_type_of(coil__slice_of(path));
    body->reader = read_file;
    body->rewinder = rewind_file;
    body->user = body;
    return 0;
}

/* --- choosing --- */

static unsigned count_bodies(const struct coil_http_request *request)
{
    return (request->body || request->body_size > 0) + (request->json != NULL) +
           (request->form != NULL) + (request->parts != NULL) + (request->file != NULL) +
           (request->reader != NULL);
}

static int choose_form(struct coil__client_body *body, const struct coil_http_request *request)
{
    size_t size = 0;
    int rc;

    for (size_t i = 0; i < request->form_count; i++) {
        if (!request->form[i].name) {
            return -EINVAL;
        }
    }
    rc = coil__client_form_make(request->form, request->form_count, &body->text, &size);
    body->data = body->text;
    body->size = (int64_t)size;
    body->type = "application/x-www-form-urlencoded";
    return rc;
}

static int choose_parts(struct coil__client_body *body, const struct coil_http_request *request,
                        struct coil_http_failure *failure)
{
    int rc = coil__client_parts_new(request, &body->parts, failure);

    if (rc == 0) {
        body->type = coil__client_parts_type(body->parts);
        body->size = coil__client_parts_size(body->parts);
        body->reader = coil__client_parts_read;
        body->rewinder = coil__client_parts_rewind;
        body->user = body->parts;
    }
    return rc;
}

static int choose(struct coil__client_body *body, const struct coil_http_request *request,
                  struct coil_http_failure *failure)
{
    if (request->json) {
        body->data = request->json;
        body->size = (int64_t)strlen(request->json);
        body->type = "application/json";
    } else if (request->form) {
        return choose_form(body, request);
    } else if (request->parts) {
        return choose_parts(body, request, failure);
    } else if (request->file) {
        return open_file(body, request->file, failure);
    } else if (request->reader) {
        body->reader = request->reader;
        body->rewinder = request->rewinder;
        body->user = request->reader_user;
        body->size = request->reader_size > 0 ? request->reader_size : -1;
    } else {
        body->data = request->body;
        body->size = (int64_t)request->body_size;
    }
    return 0;
}

int coil__client_body_init(struct coil__client_body *body, const struct coil_http_request *request,
                           struct coil_http_failure *failure)
{
    unsigned count = count_bodies(request);
    int rc;

    *body = (struct coil__client_body){.fd = -1};
    if (count > 1) {
        return coil__client_fail(failure, -EINVAL, "a request has one body, and not %u", count);
    }
    if ((request->body_size > 0 && !request->body) || request->body_size > INT64_MAX ||
        (request->reader && request->reader_size < 0) ||
        (request->form_count > 0 && !request->form) ||
        (request->part_count > 0 && !request->parts)) {
        return coil__client_fail(failure, -EINVAL, "a body without bytes");
    }
    if (count == 0) {
        return 0;
    }
    body->is_there = true;
    rc = choose(body, request, failure);
    if (rc < 0) {
        coil__client_body_deinit(body);
        return coil__client_fail_plainly(failure, rc);
    }
    body->type = request->type ? request->type : body->type;
    return 0;
}

void coil__client_body_deinit(struct coil__client_body *body)
{
    if (body->fd >= 0) {
        coil_close(body->fd);
    }
    coil__free(body->text);
    coil__client_parts_free(body->parts);
    *body = (struct coil__client_body){.fd = -1};
}

bool coil__client_body_can_rewind(const struct coil__client_body *body)
{
    return !body->reader || !body->is_begun || body->rewinder;
}

int coil__client_body_rewind(struct coil__client_body *body)
{
    int rc = 0;

    if (body->reader && body->is_begun) {
        rc = body->rewinder ? body->rewinder(body->user) : -EINVAL;
        body->is_begun = false;
    }
    return rc;
}

void coil__client_body_drop(struct coil__client_body *body)
{
    coil__client_body_deinit(body);
}
