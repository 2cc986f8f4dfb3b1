/* coil/http_files.h - files as responses: one file, or all that are below a folder (RFC 9110).
 *
 *     struct coil_http_files *files = NULL;
 *     int rc = coil_http_files_open("public", NULL, &files);
 *
 *     if (rc == 0) {
 *         rc = coil_http_serve("0.0.0.0", 8080, NULL, coil_http_files_handle, files);
 *         coil_http_files_close(files);
 *     }
 *
 * Within a handler of one's own, coil_http_files_serve answers what is below a prefix, and
 * coil_http_reply_file with one file whose name the program knows.
 *
 * What a client may ask of a file it gets: a part of it or several (Range, section 14), nothing if
 * it has that already or if it has changed (If-None-Match and the others, section 13), HEAD. A file
 * is sent as it was opened, also if another one takes its name meanwhile. One that becomes shorter
 * while it is sent aborts the connection, so that nobody takes a part for the whole.
 *
 * Over a socket the bytes go from the system's memory straight to it (sendfile). No call holds up
 * the loop while a disk is slow.
 *
 * asyncio has no counterpart; aiohttp has FileResponse and add_static, FastAPI StaticFiles.
 * Library: coil-http.
 */
#ifndef COIL_HTTP_FILES_H
#define COIL_HTTP_FILES_H

#include <coil/base.h>
#include <coil/http_server.h>

/* How one file is answered with. All-zero is the default of everything. */
struct coil_http_file_options {
    const char *type;     /* Content-Type; NULL: by the name, "application/octet-stream" without */
    const char *download; /* a browser saves it, under this name (UTF-8); NULL: it shows it */
    const char *cache;    /* Cache-Control ("max-age=3600", "no-store"); NULL: no such field */
};

/* How a folder is served. All-zero is the default of everything. Times in seconds. */
struct coil_http_files_options {
    const char *index;       /* the file that stands for a folder; NULL: "index.html"; "": none */
    int64_t max_age_s;       /* Cache-Control: max-age; 0: no such field; -1: "no-cache" */
    bool lists_folders;      /* without such a file, a list of what is there; else 404 */
    bool shows_hidden;       /* names that begin with a dot too; else only ".well-known" */
    bool follows_links;      /* symbolic links lead anywhere; else they must stay below */
    bool ignores_compressed; /* no "name.br", "name.zst", "name.gz" in place of "name" */
};

struct coil_http_files;

COIL_BEGIN_DECLS

/* --- one file --- */

/* Writes a part of a file as the next piece of a body that coil_http_begin has begun; as
 * coil_http_write. fd: a file, of coil_open. offset: >= 0, in bytes. size: in bytes; all of them
 * must be there. Returns 0, or an error: -COIL_EINCOMPLETE (the file ends before; the connection
 * will be aborted), -EIO, -ESPIPE, -EISDIR..., and as coil_http_write. Cancel: if a part was
 * written, the response can no longer become whole. */
COIL_EXPORT COIL_SUSPENDS int coil_http_write_file(struct coil_http_exchange *exchange, int fd,
                                                   int64_t offset, uint64_t size);

/* Answers with a file, whatever the request's method; GET and HEAD also with parts, 304, 412 and
 * 416, as the request's fields say. Its ETag is made of inode, size and time of change. path: as
 * for coil_open; the program's own, not of a client's: that is what coil_http_files_serve is for.
 * options: may be NULL. Returns 0; an error before anything was answered: -ENOENT, -EACCES,
 * -EISDIR, -EINVAL (no regular file either; NULL; a field that cannot be sent), -ENOMEM...; those
 * of coil_http_reply and coil_http_write_file. Cancel: as those. */
COIL_EXPORT COIL_SUSPENDS int coil_http_reply_file(struct coil_http_exchange *exchange,
                                                   const char *path,
                                                   const struct coil_http_file_options *options);

/* The same for a file that is open; fd: stays the caller's, its position is left alone. Without
 * options->type it is "application/octet-stream". */
COIL_EXPORT COIL_SUSPENDS int coil_http_reply_fd(struct coil_http_exchange *exchange, int fd,
                                                 const struct coil_http_file_options *options);

/* --- a folder --- */

/* Opens a folder for serving; it stays that folder if it is renamed. folder: a path. options:
 * copied; may be NULL. ret_files: for the caller to give to coil_http_files_close; may serve any
 * number of servers of this loop. 0; -ENOENT, -ENOTDIR, -EACCES...; -EINVAL (a NULL pointer, an
 * index with a slash in it, max_age_s below -1); -ENOMEM. */
COIL_EXPORT COIL_SUSPENDS int coil_http_files_open(const char *folder,
                                                   const struct coil_http_files_options *options,
                                                   struct coil_http_files **ret_files);

/* Frees it; no exchange may still be served from it. NULL: does nothing. Does not suspend. */
COIL_EXPORT void coil_http_files_close(struct coil_http_files *files);

/* Answers with what is below the folder. path: as it was sent, percent-encoded: "/a%20b.html"; ""
 * and "/" are the folder itself; NULL: the path of the request. For a prefix: coil_http_path behind
 * it. GET and HEAD, else 405. 400: no path, or it leads out; 404: there is nothing, or nothing that
 * is served (hidden, a device, a link that leads out); 403: the system forbids it; 301: a folder,
 * whose path must end in a slash. A text, or what is made of it, may be sent as it stands
 * compressed beside it, if it is not older. Lists of folders are HTML, or JSON for who likes that
 * better (Accept). Returns 0, for all of these; an error of the system's, before anything was
 * answered; -EINVAL (NULL); those of coil_http_reply and coil_http_write_file. Cancel: as those. */
COIL_EXPORT COIL_SUSPENDS int coil_http_files_serve(struct coil_http_files *files,
                                                    struct coil_http_exchange *exchange,
                                                    const char *path);

/* The same as a handler for the whole server: user is a struct coil_http_files. */
COIL_EXPORT COIL_SUSPENDS int coil_http_files_handle(struct coil_http_exchange *exchange,
                                                     void *user);

COIL_END_DECLS

#endif
