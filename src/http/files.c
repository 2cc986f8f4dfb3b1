/* files.c - all files below a folder.
 *
 * A request's path is decoded once, and becomes a path below the folder (wire/url_path.c) that the
 * system opens only if no link leads out (coil_open_below). What was opened is then looked at, and
 * that is what is sent: nothing is looked up twice, so nothing can be exchanged in between.
 */
#include "http/files.h"

#include "base/memory.h"
#include "base/text.h"
#include "wire/http1.h"
#include "wire/media_type.h"
#include "wire/negotiate.h"
#include "wire/url.h"

#include <coil/fd.h>
#include <coil/file.h>

#include <errno.h>
#include <stdio.h>

/* --- the folder --- */

static bool are_fine(const struct coil_http_files_options *options)
{
    return options->max_age_s >= -1 &&
           (!options->index ||
            (strlen(options->index) < COIL__HTTP_INDEX_ROOM && !strchr(options->index, '/')));
}

static void take_options(struct coil_http_files *files,
                         const struct coil_http_files_options *options)
{
    *files = (struct coil_http_files){
        .lists_folders = options->lists_folders,
        .shows_hidden = options->shows_hidden,
        .follows_links = options->follows_links,
        .ignores_compressed = options->ignores_compressed,
    };
    snprintf(files->index, sizeof files->index, "%s",
             options->index ? options->index : "index.html");
    if (options->max_age_s > 0) {
        snprintf(files->cache, sizeof files->cache, "max-age=%lld", (long long)options->max_age_s);
    } else if (options->max_age_s < 0) {
        snprintf(files->cache, sizeof files->cache, "no-cache");
    }
}

int coil_http_files_open(const char *folder, const struct coil_http_files_options *options,
                         struct coil_http_files **ret_files)
{
    static const struct coil_http_files_options none;
    struct coil_http_files *files;

    options = options ? options : &none;
    if (!folder || !ret_files || !are_fine(options)) {
        return -EINVAL;
    }
    files = coil__malloc(sizeof *files);
    if (!files) {
        return -ENOMEM;
    }
    take_options(files, options);
    files->folder = coil_open(folder, O_RDONLY | O_DIRECTORY, 0);
    if (files->folder < 0) {
        int rc = files->folder;

        coil__free(files);
        return rc;
    }
    *ret_files = files;
    return 0;
}

void coil_http_files_close(struct coil_http_files *files)
{
    if (files) {
        coil_close(files->folder);
        coil__free(files);
    }
}

int coil__http_files_look(const struct coil_http_files *files, int folder, const char *path,
                          int flags, struct stat *ret_status)
{
    return coil_open_below(folder, path, flags,
                           files->follows_links ? COIL_LINKS_ALL : COIL_LINKS_BELOW, ret_status);
}

/* O_NONBLOCK: nobody waits for a FIFO's peer, and what the system knows is opened at once. */
static int look(const struct coil_http_files *files, const char *path, struct stat *ret_status)
{
    return coil__http_files_look(files, files->folder, path, O_RDONLY | O_NONBLOCK, ret_status);
}

/* --- refusals --- */

/* What is said of a path that leads to no file: nothing that tells more than that. */
static unsigned status_of_path(int error)
{
    switch (error) {
    case -COIL__EURL_SLASH: /* no name has one */
    case -COIL__EURL_HIDDEN:
    case -ENOSPC:
        return 404;
    default:
        return 400;
    }
}

/* 0: an error that is ours. */
static unsigned status_of_open(int error)
{
    switch (error) {
    case -ENOENT:
    case -ENOTDIR:
    case -ENAMETOOLONG:
    case -ELOOP:
    case -EXDEV:
    case -ENXIO: /* a socket */
    case -ENODEV:
        return 404;
    case -EACCES:
    case -EPERM:
        return 403;
    default:
        return 0;
    }
}

static int refuse_open(struct coil_http_exchange *exchange, int error)
{
    unsigned status = status_of_open(error);

    return status > 0 ? coil__http_file_refuse(exchange, status) : error;
}

/* Whether a part of the path is hidden; ".well-known" is for everybody, but only at the top
 * (RFC 8615). */
static bool is_hidden(const char *path)
{
    static const char known[] = ".well-known";
    size_t size = strcspn(path, "/");

    if (size == sizeof known - 1 && memcmp(path, known, size) == 0) {
        path += size;
    }
    while (*path) {
        path += *path == '/';
        if (*path == '.') {
            return true;
        }
        path += strcspn(path, "/");
    }
    return false;
}

/* --- files that stand there compressed as well --- */

static const struct {
    const char *coding;
    const char *extension;
} codings[] = {{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}};

enum { CODINGS = sizeof codings / sizeof *codings };

/* One that is older is of another file. */
static bool is_good(const struct stat *status, const struct stat *original)
{
    return S_ISREG(status->st_mode) && (status->st_mtim.tv_sec > original->st_mtim.tv_sec ||
                                        (status->st_mtim.tv_sec == original->st_mtim.tv_sec &&
                                         status->st_mtim.tv_nsec >= original->st_mtim.tv_nsec));
}

/* The best that the client takes and that is there: its descriptor, *ret_coding and *status; or -1.
 * path: has room for an extension. */
static int find_compressed(const struct coil_http_files *files, struct coil__slice accepted,
                           char *path, struct stat *status, const char **ret_coding)
{
    const char *offers[CODINGS + 1];
    size_t length = strlen(path);
    struct stat found;
    size_t count = 0;

    for (; count < CODINGS; count++) {
        offers[count] = codings[count].coding;
    }
    offers[count++] = "identity";
    while (count > 1) {
        int best = coil__accept_encoding(accepted, offers, count);
        int fd;

        if (best < 0 || (size_t)best == count - 1) {
            return -1;
        }
        for (size_t i = 0; i < CODINGS; i++) {
            if (strcmp(codings[i].coding, offers[best]) == 0) {
                memcpy(path + length, codings[i].extension, strlen(codings[i].extension) + 1);
            }
        }
        fd = look(files, path, &found);
        path[length] = '\0';
        if (fd >= 0 && is_good(&found, status)) {
            *status = found;
            *ret_coding = offers[best];
            return fd;
        }
        if (fd >= 0) {
            coil_close(fd);
        }
        memmove(offers + best, offers + best + 1, (count - (size_t)best - 1) * sizeof *offers);
        count--;
    }
    return -1;
}

/* --- answers --- */

/* fd: is closed. path: below the folder, with room for an extension. */
static int serve_file(struct coil_http_files *files, struct coil_http_exchange *exchange,
                      char *path, int fd, const struct stat *original)
{
    struct stat status = *original;
    struct coil__http_file file = {
        .fd = fd,
        .status = &status,
        .type = coil__media_type_of(coil__slice_of(path)),
        .cache = files->cache[0] ? files->cache : NULL,
    };
    struct coil__slice accepted;
    char *memory = NULL;
    int better = -1;
    int rc = 0;

    file.varies = !files->ignores_compressed && coil__media_type_is_text(coil__slice_of(file.type));
    if (file.varies) {
        rc = coil__http_file_field(exchange, "Accept-Encoding", &accepted, &memory) ? 0 : -ENOMEM;
        if (rc == 0 && accepted.size > 0) {
            better = find_compressed(files, accepted, path, &status, &file.encoding);
        }
        file.fd = better >= 0 ? better : fd;
        coil__free(memory);
    }
    rc = rc < 0 ? rc : coil__http_file_reply(exchange, &file);
    if (better >= 0) {
        coil_close(better);
    }
    coil_close(fd);
    return rc;
}

/* To the same path with a slash behind it. It is told from the last part on, so that a path that
 * begins with two slashes is not taken for a host (RFC 3986, section 4.2). */
static int redirect(struct coil_http_exchange *exchange, const char *path)
{
    char location[COIL__HTTP_PATH_ROOM];
    struct coil__text text = {.start = location, .size = sizeof location};
    const char *query = coil_http_query(exchange);
    const char *requested = coil_http_path(exchange);
    const char *last = strrchr(requested, '/');
    int rc;

    last = last ? last + 1 : path;
    coil__text_add(&text, "./%s/%s%s", last, query ? "?" : "", query ? query : "");
    if (text.length + 1 >= text.size) {
        return coil__http_file_refuse(exchange, 404);
    }
    rc = coil_http_add_field(exchange, "Location", location);
    return rc < 0 ? rc : coil__http_file_refuse(exchange, 301);
}

/* fd: is closed. path: as in serve_file; "" or one that ends in a slash. */
static int serve_folder(struct coil_http_files *files, struct coil_http_exchange *exchange,
                        char *path, int fd)
{
    size_t length = strlen(path);
    struct stat status;
    int index = -ENOENT;

    if (files->index[0]) {
        snprintf(path + length, COIL__HTTP_PATH_ROOM - length, "%s", files->index);
        index = look(files, path, &status);
    }
    if (index >= 0 && S_ISREG(status.st_mode)) {
        coil_close(fd);
        return serve_file(files, exchange, path, index, &status);
    }
    if (index >= 0) {
        coil_close(index);
        index = -ENOENT;
    }
    path[length] = '\0';
    if (index == -ENOENT && files->lists_folders) {
        return coil__http_files_list(files, exchange, fd);
    }
    coil_close(fd);
    return refuse_open(exchange, index);
}

static int serve_path(struct coil_http_files *files, struct coil_http_exchange *exchange,
                      char *path, bool has_slash)
{
    struct stat status;
    int fd = look(files, *path ? path : ".", &status);

    if (fd < 0) {
        return refuse_open(exchange, fd);
    }
    if (S_ISREG(status.st_mode)) {
        return serve_file(files, exchange, path, fd, &status);
    }
    if (S_ISDIR(status.st_mode) && has_slash) {
        return serve_folder(files, exchange, path, fd);
    }
    coil_close(fd);
    return S_ISDIR(status.st_mode) ? redirect(exchange, path)
                                   : coil__http_file_refuse(exchange, 404);
}

int coil_http_files_serve(struct coil_http_files *files, struct coil_http_exchange *exchange,
                          const char *path)
{
    char below[COIL__HTTP_PATH_ROOM];
    struct coil__slice request;
    ssize_t length;
    int rc;

    if (!files || !exchange) {
        return -EINVAL;
    }
    if (strcmp(coil_http_method(exchange), "GET") != 0 &&
        strcmp(coil_http_method(exchange), "HEAD") != 0) {
        rc = coil_http_add_field(exchange, "Allow", "GET, HEAD");
        return rc < 0 ? rc : coil__http_file_refuse(exchange, 405);
    }
    request = coil__slice_of(path ? path : coil_http_path(exchange));
    length = request.size == 0 ? 0
                               : coil__url_file_path(request, COIL__FILE_PATH_NO_SLASH, below,
                                                     sizeof below - COIL__HTTP_INDEX_ROOM);
    below[length > 0 ? length : 0] = '\0';
    if (length < 0) {
        return coil__http_file_refuse(exchange, status_of_path((int)length));
    }
    if (!files->shows_hidden && is_hidden(below)) {
        return coil__http_file_refuse(exchange, 404);
    }
    return serve_path(files, exchange, below,
                      length > 0 ? below[length - 1] == '/' : request.size > 0);
}

int coil_http_files_handle(struct coil_http_exchange *exchange, void *user)
{
    return coil_http_files_serve(user, exchange, NULL);
}
