/* log_file.h - the file that an access log is written to. Used by one task at a time. */
#ifndef COIL__HTTP_LOG_FILE_H
#define COIL__HTTP_LOG_FILE_H

#include "http/http.h" /* the buffers */

#include <coil/http_log_file.h>

struct coil__http_log_file {
    char *path; /* NULL: fd is the caller's */
    int fd;     /* -1: closed */
    unsigned mode;
    uint64_t max_size; /* 0: never rotated */
    uint64_t size;     /* as far as this writer knows */
    unsigned keep;
    bool follows;
    bool is_torn;      /* its last line has no end */
    int64_t looked_at; /* when the system was asked about it last */
    uint64_t rotations;
};

/* options: valid. 0, or an error as coil_http_log_open; then there is nothing to close. */
int coil__http_log_file_open(struct coil__http_log_file *file,
                             const struct coil_http_log_options *options);
void coil__http_log_file_close(struct coil__http_log_file *file);

/* On failure the old one stays. */
int coil__http_log_file_reopen(struct coil__http_log_file *file);

/* Before a write: rotates, or follows who has done that. 0, or an error; it can be written to all
 * the same. */
int coil__http_log_file_look(struct coil__http_log_file *file);

/* Writes whole lines, and takes those that are written from the buffer. 0, or the error because of
 * which some are left. */
int coil__http_log_file_write(struct coil__http_log_file *file, struct coil__http_buffer *lines);

/* --- log_format.c --- */

enum { COIL__HTTP_LOG_NOTE = 128 };

/* The line that says how many were dropped. Its size. */
size_t coil__http_log_note(enum coil_http_log_format format, int64_t time_ns, uint64_t count,
                           char room[COIL__HTTP_LOG_NOTE]);

#endif
