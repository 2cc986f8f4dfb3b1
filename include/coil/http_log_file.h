/* coil/http_log_file.h - the access log in a file: lines of records (coil/http_log.h), written in
 * the background.
 *
 *     struct coil_http_log_options log_options = {.path = "access.log", .reopen_signal = SIGHUP};
 *     struct coil_http_log_writer *log;
 *     rc = coil_http_log_open(&log_options, &log);
 *     ...
 *     struct coil_http_server_options options = {.log = coil_http_log_write, .log_user = log};
 *     rc = coil_http_serve("0.0.0.0", 8080, &options, handle, NULL);
 *     coil_http_log_close(log);
 *
 * No request ever waits for the disk: lines gather in memory, and a task of the log's writes them
 * when there are enough or the first has waited for long enough. When the disk is slower than the
 * traffic, or full, lines that find no room are dropped and counted, and a line says how many as
 * soon as there is room again ("# [date] 7 lines were dropped", or {"time":...,"dropped":7}). What
 * could not be written is tried again until the log is closed.
 *
 * A writer belongs to its loop. With workers (coil/workers.h) each has one of its own, on the same
 * path: the file is opened with O_APPEND, and each write has whole lines, so none is mixed with
 * another's. Let one of them rotate, and the others follow.
 *
 * asyncio has no counterpart; logging's QueueHandler with a RotatingFileHandler is the neighbour.
 * Library: coil-http.
 */
#ifndef COIL_HTTP_LOG_FILE_H
#define COIL_HTTP_LOG_FILE_H

#include <coil/base.h>
#include <coil/http_log.h>

struct coil_http_log_writer;

/* All-zero is the common format to standard output. Nothing is kept of what the pointers point to.
 */
struct coil_http_log_options {
    const char *path; /* is appended to, and made if it is not there; NULL: fd */
    int fd;           /* path NULL: it is written to, and stays the caller's; 0: 1, which is
                         standard output */
    unsigned mode;    /* of a file that is made, less the umask; 0: 0640 */
    enum coil_http_log_format format;
    size_t max_waiting;       /* bytes of lines that wait to be written; 0: 1 MiB; at least
                                 COIL_HTTP_LOG_LINE. The memory for it is some four times that at
                                 most */
    size_t flush_size;        /* so many are written at once; 0: 32 KiB */
    int64_t flush_ns;         /* and the first of fewer waits no longer than this; 0: 1 s */
    int64_t close_timeout_ns; /* how long close may take to write what is left; 0: 5 s */
    uint64_t max_size; /* bytes of the file, above which it becomes path.1, that path.2, and so
                                 on; it is looked at before each write; 0: it grows */
    unsigned keep;     /* of these; what would be the next is lost; 0: 5; at most 1000 */
    bool follows;      /* looks once a second whether the path leads to this file still, and
                                 opens it anew if not: who else renames it need not say so */
    int reopen_signal; /* as coil_http_log_reopen with each such signal: SIGHUP; 0: none */
};

/* What has become of the lines. */
struct coil_http_log_usage {
    uint64_t written;
    uint64_t dropped;
    size_t waiting;     /* bytes */
    uint64_t rotations; /* by max_size */
    int error;          /* of the last write, rotation or opening; 0: it went well */
};

COIL_BEGIN_DECLS

/* Opens a log, in a running loop, to which it belongs. options: may be NULL. ret_writer: the
 * caller's, who closes it. 0; those of coil_open (-ENOENT: no such folder, -EACCES, -EISDIR...);
 * -EINVAL (a time below 0, max_waiting too small, keep too large; max_size or follows without a
 * path; a signal that cannot be watched), -ENOMEM, -COIL_ENOLOOP, -COIL_ENOTASK. Cancel: nothing is
 * left behind. */
COIL_EXPORT COIL_SUSPENDS int coil_http_log_open(const struct coil_http_log_options *options,
                                                 struct coil_http_log_writer **ret_writer);

/* A coil_http_log_fn: takes a record. writer: a struct coil_http_log_writer of this loop; NULL:
 * does nothing. Neither waits nor fails: a line for which there is no room, or no memory, is
 * dropped and counted. */
COIL_EXPORT void coil_http_log_write(const struct coil_http_record *record, void *writer);

/* Has the path opened anew before the next write, for who has renamed the file (logrotate). If that
 * fails, the old one is written to, and the error stands in the usage. Does not suspend; callable
 * from callbacks. 0, also where there is no path; -EINVAL (NULL). */
COIL_EXPORT int coil_http_log_reopen(struct coil_http_log_writer *writer);

/* Waits until what was logged so far is written. 0; the error of the write, which is tried again
 * later; -EINVAL (NULL), -COIL_ECLOSED (it is closed meanwhile), -COIL_ENOTASK. Cancel: the lines
 * are written all the same. */
COIL_EXPORT COIL_SUSPENDS int coil_http_log_flush(struct coil_http_log_writer *writer);

/* 0, -EINVAL (NULL). */
COIL_EXPORT int coil_http_log_get_usage(const struct coil_http_log_writer *writer,
                                        struct coil_http_log_usage *ret_usage);

/* Writes what is left, and closes; frees the writer. What it is to be told by then must have ended:
 * close the server first. NULL: does nothing. 0; or the error because of which lines were dropped
 * now: -ETIMEDOUT (close_timeout_ns), -ENOSPC...; -COIL_ENOTASK, and then it is open as before.
 * Cancel: waits, so that a program that ends by a cancel has its lines. */
COIL_EXPORT COIL_SUSPENDS int coil_http_log_close(struct coil_http_log_writer *writer);

COIL_END_DECLS

#endif
